# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The service's input as data: every field with its type, default and words, and the trigger form's groups.

Names, types, enumerations, defaults and descriptions are those of the service this DAG can take the place
of, so that a caller sends the same JSON as before. What goes beyond that stands in ``ADDED`` and ``NOTES``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

TASKS = ("send_event", "send_batch_events", "test_event", "list_pixels", "get_pixel_info")

FIELDS: Mapping[str, Mapping[str, Any]] = {
    "task": {
        "title": "Task",
        "type": "string",
        "enum": list(TASKS),
        "default": "send_event",
        "description": "The operation to perform",
    },
    "accessToken": {
        "title": "TikTok Access Token",
        "type": "string",
        "description": "TikTok Marketing API access token",
    },
    "pixelCode": {
        "title": "Pixel Code",
        "type": "string",
        "description": "TikTok Pixel code to send events to",
    },
    "advertiserId": {
        "title": "Advertiser ID",
        "type": "string",
        "description": "TikTok Ads advertiser account ID",
    },
    "testEventCode": {
        "title": "Test Event Code",
        "type": "string",
        "description": "Test event code from Events Manager",
    },
    "eventName": {
        "title": "Event Name",
        "type": "string",
        "enum": [
            "CompletePayment",
            "PlaceAnOrder",
            "InitiateCheckout",
            "AddToCart",
            "ViewContent",
            "AddToWishlist",
            "Search",
            "Contact",
            "Subscribe",
            "SubmitForm",
            "CompleteRegistration",
            "Download",
            "CustomEvent",
        ],
        "default": "CompletePayment",
        "description": "Standard or custom event name",
    },
    "customEventName": {
        "title": "Custom Event Name",
        "type": "string",
        "description": "Name for custom event (if eventName is CustomEvent)",
    },
    "events": {
        "title": "Events (JSON Array)",
        "type": "string",
        "description": "JSON array of event objects for batch sending",
    },
    "email": {"title": "Email", "type": "string", "description": "Customer email (will be hashed)"},
    "phone": {"title": "Phone", "type": "string", "description": "Customer phone (will be hashed)"},
    "externalId": {
        "title": "External ID",
        "type": "string",
        "description": "Your unique customer identifier (will be hashed)",
    },
    "ttclid": {
        "title": "TikTok Click ID (ttclid)",
        "type": "string",
        "description": "TikTok click ID from URL parameter",
    },
    "ttp": {
        "title": "TikTok Cookie ID (ttp)",
        "type": "string",
        "description": "TikTok cookie value (_ttp)",
    },
    "ipAddress": {"title": "IP Address", "type": "string", "description": "Customer IP address"},
    "userAgent": {"title": "User Agent", "type": "string", "description": "Browser user agent string"},
    "eventTime": {
        "title": "Event Time",
        "type": "string",
        "description": "Event timestamp (Unix timestamp in seconds)",
    },
    "eventSourceUrl": {
        "title": "Event Source URL",
        "type": "string",
        "description": "URL where the conversion occurred",
    },
    "value": {
        "title": "Conversion Value",
        "type": "number",
        "description": "Monetary value of the conversion",
    },
    "currency": {
        "title": "Currency",
        "type": "string",
        "default": "USD",
        "description": "ISO 4217 currency code",
    },
    "orderId": {
        "title": "Order ID",
        "type": "string",
        "description": "Unique order/transaction identifier",
    },
    "contentId": {"title": "Content ID", "type": "string", "description": "Product/content identifier"},
    "contentType": {
        "title": "Content Type",
        "type": "string",
        "enum": ["product", "product_group"],
        "default": "product",
        "description": "Type of content",
    },
    "quantity": {
        "title": "Quantity",
        "type": "integer",
        "minimum": 1,
        "default": 1,
        "description": "Number of items",
    },
    "isAlreadyHashed": {
        "title": "Data Already Hashed",
        "type": "boolean",
        "default": False,
        "description": "Set to true if PII data is already SHA256 hashed",
    },
    "webhookUrl": {
        "title": "Result Webhook URL",
        "type": "string",
        "description": "URL to receive results via webhook",
    },
    "demoMode": {
        "title": "Demo Mode",
        "type": "boolean",
        "default": True,
        "description": "Run with sample data for testing (no external API calls)",
    },
}
"""The input as it always was. A field without a default may be left out, and is ``None`` then."""

ADDED: Mapping[str, Mapping[str, Any]] = {
    "eventsPath": {
        "title": "Events File",
        "type": "string",
        "description": "File or pattern below the DAG's events folder, in place of events",
    },
}
"""What this DAG takes besides."""

_STORED = "Airflow keeps a run's input in clear, and shows it to all who may see the run."
_HASH = f"{_STORED} Give the SHA-256 and set Data Already Hashed, or send a file (eventsPath)."

NOTES: Mapping[str, str] = {
    "task": "Each task reads the pixel code and the groups below that name it; others are ignored.",
    "accessToken": (
        "Leave this empty: a token given here is refused. The token belongs into the password field of the "
        "Airflow connection that this DAG uses. Revoke one that was sent in an input."
    ),
    "pixelCode": "Events Manager shows it below the pixel's name. Empty: the connection's.",
    "advertiserId": (
        "TikTok Ads Manager shows it in its address, as aadvid. Empty: the connection's. In demo mode it is "
        "the sample advertiser's."
    ),
    "testEventCode": (
        "Events Manager shows it under your pixel > Test events. test_event needs one, here or in the "
        "connection. Given to another task, its events are test "
        "events as well: they show in Events Manager and count for no campaign."
    ),
    "customEventName": "Needs eventName = CustomEvent.",
    "events": (
        "Objects with the names of this form (eventName, email, eventTime, ...) or in TikTok's own shape. "
        f"Each needs its own name and time. {_HASH}"
    ),
    "eventsPath": "JSON Lines, JSON, CSV, TSV or Parquet. The DAG's author names the folder.",
    "email": _HASH,
    "phone": f"With country code, as in +12025550123. {_HASH}",
    "externalId": _HASH,
    "ipAddress": _STORED,
    "eventTime": "Empty: the time of the run.",
    "eventSourceUrl": "TikTok wants one for web events: without it an event is rejected.",
    "currency": "Of the value; sent with one only.",
    "orderId": "Also the event's id, so that the same order sent again within 48 hours counts once.",
    "contentType": "Of the content; sent with a content ID only.",
    "quantity": "Of the content; sent with a content ID only.",
    "isAlreadyHashed": "Email, phone and external ID that are no SHA-256 are rejected then.",
    "webhookUrl": (
        "Gets the result as JSON by POST when the run ends, whether it succeeded or failed. If it does not "
        "answer, the run's log has a warning."
    ),
    "demoMode": (
        "Nothing is sent to TikTok: a simulator inside the task answers. Where no event is given, sample "
        "events are used. Turn it off to send."
    ),
}
"""What the form says of a field after its description."""

REFUSED = "refused"
"""The only value of a field that is not taken."""

CREDENTIAL_NAMES: tuple[str, ...] = (
    *("accesstoken", "access_token", "access-token", "AccessToken", "Access-Token", "Access Token"),
    *("ACCESS_TOKEN", "ACCESS-TOKEN", "token", "Token", "TOKEN", "tiktokToken", "tiktok_token"),
    *(
        "tiktokAccessToken",
        "tiktok_access_token",
        "TIKTOK_ACCESS_TOKEN",
        "apiToken",
        "api_token",
        "authToken",
    ),
    *("auth_token", "bearerToken", "bearer_token", "bearer", "Authorization", "authorization", "apiKey"),
    *("api_key", "apikey", "api-key", "Api-Key", "accessKey", "access_key", "appSecret", "app_secret"),
    *("secret", "password", "clientSecret", "client_secret", "x-access-token", "X-Access-Token"),
)
"""Names under which a token is sent by mistake. Airflow checks an input field by field and stores what it
does not know, so that each name must be there for a token under it to be refused before it is stored."""

_ONE_EVENT = "The event (send_event, test_event)"
_SENDING = "All sending (send_event, send_batch_events, test_event)"
_BATCH = "Many events (send_batch_events)"
_WHERE = "TikTok account (list_pixels, get_pixel_info)"
_RESULT = "The result (every task)"

_SECTIONS: Mapping[str, Sequence[str]] = {
    "": ("task", "demoMode", "pixelCode"),
    _ONE_EVENT: (
        *("eventName", "customEventName", "eventSourceUrl", "email", "phone", "value", "currency", "orderId"),
        *("eventTime", "externalId", "ttclid", "ttp", "contentId", "contentType", "quantity"),
        *("ipAddress", "userAgent"),
    ),
    _BATCH: ("events", "eventsPath"),
    _SENDING: ("isAlreadyHashed", "testEventCode"),
    _WHERE: ("advertiserId",),
    _RESULT: ("webhookUrl",),
    "Not taken here": ("accessToken",),
}
"""Groups of the form, and in each the fields that most runs need first. Airflow shows the group without a
name opened, and the others folded."""

_EXTRAS: Mapping[str, Mapping[str, Any]] = {
    # Airflow checks an input before it stores it: a token is refused before it is in any database. The
    # answer quotes the schema, so what stands in there is read by who sent one.
    "accessToken": {"maxLength": 0, "description_md": NOTES["accessToken"]},
    "events": {"format": "multiline"},
}


def form_fields() -> dict[str, dict[str, Any]]:
    """Field name to its part of the trigger form, in the form's order: default, words and JSON Schema.

    A field without a default may be ``null``, since Airflow asks for a value otherwise.
    """
    known = {**FIELDS, **ADDED}
    taken = {
        name: _form_field(name, known[name], section=section)
        for section, names in _SECTIONS.items()
        for name in names
    }
    return taken | {name: dict(_REFUSED_FIELD) for name in CREDENTIAL_NAMES}


# Airflow's form leaves out what has a constant.
_REFUSED_FIELD: Mapping[str, Any] = {
    "default": REFUSED,
    "type": "string",
    "const": REFUSED,
    "section": "Not taken here",
    "description_md": NOTES["accessToken"],
}


def _form_field(name: str, field: Mapping[str, Any], *, section: str) -> dict[str, Any]:
    shown = {**field, **_EXTRAS.get(name, {}), **({"section": section} if section else {})}
    if "default" not in field:
        shown |= {"default": None, "type": ["null", field["type"]]}
    if name in NOTES:
        shown["description"] = f"{field['description']}. {NOTES[name]}"
    return shown
