# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""What the simulator's tests say to it: plain HTTP, and one good example of everything it can be told."""

from __future__ import annotations

import copy
import hashlib
import http.client
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from airflow_provider_tiktok.simulator import (
    DEFAULT_ADVERTISER_ID,
    DEFAULT_ATS_CONFIG_ID,
    DEFAULT_CRM_EVENT_SET_ID,
    DEFAULT_OFFLINE_EVENT_SET_ID,
    DEFAULT_ORIGIN,
    DEFAULT_PIXEL_CODE,
    DEFAULT_PLACEMENT_ID,
    DEFAULT_TIKTOK_APP_ID,
    DEFAULT_TOKEN,
)

NOW = 1_790_000_000
TRACK = "/open_api/v1.3/event/track/"
SEND = f"/send-events/{DEFAULT_ATS_CONFIG_ID}"
ENVELOPE = "/api/identity/v2/envelope"
REFRESH = f"{ENVELOPE}/refresh"
REMOVED = object()

SOURCE_IDS = {
    "web": DEFAULT_PIXEL_CODE,
    "app": DEFAULT_TIKTOK_APP_ID,
    "offline": DEFAULT_OFFLINE_EVENT_SET_ID,
    "crm": DEFAULT_CRM_EVENT_SET_ID,
}


class SteppedClock:
    """A clock that moves only when told to."""

    def __init__(self, now: float = NOW) -> None:
        self.now = float(now)

    def __call__(self) -> float:
        return self.now

    def step(self, seconds: float) -> None:
        self.now += seconds


@dataclass(frozen=True)
class Answer:
    """An HTTP answer as read off the wire."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> int:
        return int(self.document["code"])

    @property
    def message(self) -> str:
        return str(self.document["message"])

    @property
    def data(self) -> Any:
        return self.document["data"]


class Caller:
    """One keep-alive connection to a simulator."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self.connection = http.client.HTTPConnection(address.hostname or "", address.port or 0, timeout=10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def call(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        self.connection.request(method, path, body=body, headers=dict(headers or {}))
        response = self.connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())

    def track(self, body: object, *, token: str = DEFAULT_TOKEN, **headers: str) -> Answer:
        """Posts a body to ``/event/track/``: bytes as they are, anything else as JSON."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.call(
            "POST", TRACK, raw, {"Access-Token": token, "Content-Type": "application/json", **headers}
        )

    def read(self, endpoint: str, *, token: str = DEFAULT_TOKEN, **query: object) -> Answer:
        """Gets a reading endpoint; anything but a text is written as JSON."""
        texts = {
            name: value if isinstance(value, str) else json.dumps(value) for name, value in query.items()
        }
        return self.call(
            "GET", f"/open_api/v1.3/{endpoint}/?{urlencode(texts)}", headers={"Access-Token": token}
        )

    def control(self, method: str, endpoint: str, document: object = REMOVED) -> Answer:
        body = None if document is REMOVED else json.dumps(document).encode()
        return self.call(method, f"/_simulator/{endpoint}", body)

    def send(self, events: object, *, path: str = SEND, **headers: str) -> Answer:
        """Posts events to the LiveRamp adapter: bytes as they are, a list as its ``events``."""
        raw = events if isinstance(events, bytes) else json.dumps({"events": events}).encode()
        return self.call("POST", path, raw, {"Content-Type": "application/json", **headers})

    def envelope(
        self, path: str, parameters: Sequence[tuple[str, str]], headers: Mapping[str, str] | None = None
    ) -> Answer:
        sent = {"Origin": DEFAULT_ORIGIN, "X-Forwarded-For": "203.0.113.7", **(headers or {})}
        return self.call(
            "GET", f"{path}?{urlencode(parameters)}", headers={k: v for k, v in sent.items() if v}
        )


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def event(source: str = "web", number: int = 1) -> dict[str, Any]:
    """Gives a full event of a source, with everything that may stand in one."""
    return copy.deepcopy({**_EVENTS[source], "event_id": f"order-{number}"})


def request(source: str = "web", *, count: int = 1, **top: Any) -> dict[str, Any]:
    """Gives the body of a request with this many events, whose ids count from 1."""
    events = [event(source, number) for number in range(1, count + 1)]
    return {"event_source": source, "event_source_id": SOURCE_IDS[source], "data": events, **top}


def changed(document: Any, path: str, value: Any) -> Any:
    """Gives a copy with the value put at a dotted path, or with what stands there gone for ``REMOVED``."""
    copied = copy.deepcopy(document)
    *way, last = [int(part) if part.isdecimal() else part for part in path.split(".")]
    place = copied
    for part in way:
        place = place.setdefault(part, {}) if isinstance(place, dict) else place[part]
    if value is REMOVED:
        del place[last]
    else:
        place[last] = value
    return copied


def liveramp_event(number: int = 1, **more: Any) -> dict[str, Any]:
    return {**copy.deepcopy(_LIVERAMP_WEB), "event_id": f"order-{number}", **more}


def liveramp_app_event(number: int = 1, **more: Any) -> dict[str, Any]:
    return {**copy.deepcopy(_LIVERAMP_APP), "event_id": f"order-{number}", **more}


def refresh_query(value: str, *more: tuple[str, str]) -> list[tuple[str, str]]:
    return [("pid", DEFAULT_PLACEMENT_ID), ("it", "19"), ("iv", value), ("atype", "3"), *more]


ADVERTISER = {"advertiser_id": DEFAULT_ADVERTISER_ID}

_PROPERTIES = {
    "contents": [
        {
            "price": 12.5,
            "quantity": 2,
            "content_id": "sku-1",
            "content_name": "Tea",
            "content_category": "Drinks",
            "brand": "Example",
        }
    ],
    "content_ids": ["sku-1"],
    "content_type": "product",
    "currency": "USD",
    "value": 25,
    "num_items": 2,
    "search_string": "tea",
    "query": "tea",
    "description": "Two packs of tea",
    "order_id": "4711",
    "shop_id": "12",
    "status": "paid",
    "delivery_category": "in_store",
    "travel_class": "eco",
    "state_of_vehicle": "New",
    "mileage": {"value": 10.5, "unit": "KM"},
    "preferred_price_range": [10, 20.5],
    "suggested_hotels": ["h-1"],
    "destination_ids": ["d-1"],
    "suggested_destinations": ["Kyoto"],
    "anything_else": {"nested": [1, "two", True, {"three": 3.5}]},
}

_PERSON = {
    "email": [digest("alice@example.com"), digest("a.smith@example.com")],
    "phone": digest("+12025550123"),
    "first_name": digest("alice"),
    "last_name": digest("smith"),
    "zip_code": digest("95110"),
    "city": "sãopaulo",
    "state": "ca",
    "country": "us",
}
_DEVICE = {"ip": "203.0.113.7", "user_agent": "Mozilla/5.0 (Example)", "locale": "pt-BR"}

_EVENTS: Mapping[str, dict[str, Any]] = {
    "web": {
        "event": "Purchase",
        "event_time": NOW - 60,
        "user": {
            **_PERSON,
            **_DEVICE,
            "external_id": digest("customer-1"),
            "ttclid": "E.C.P.v1-2_3",
            "ttp": "2Rk-abc_DEF",
        },
        "properties": _PROPERTIES,
        "page": {"url": "https://shop.example.com/done?order=4711", "referrer": "https://example.com/"},
        "limited_data_use": False,
    },
    "app": {
        "event": "LaunchAPP",
        "event_time": NOW - 60,
        "user": {
            **_PERSON,
            **_DEVICE,
            "idfa": "6D92078A-8246-4BA4-AE5B-76104861E7DC",
            "gaid": "cdda802e-fb9c-47ad-9866-0794d394c912",
            "idfv": "6D92078A-8246-4BA4-AE5B-76104861E7DD",
            "att_status": "AUTHORIZED",
        },
        "properties": {"value": 0, "currency": "EUR"},
        "app": {"app_id": "com.example.shop", "app_name": "Shop", "app_version": "1.2"},
        "ad": {
            "callback": "E.C.P.v1-2_3",
            "campaign_id": "1",
            "ad_id": "2",
            "creative_id": "3",
            "is_retargeting": False,
            "attributed": True,
            "attribution_type": "click",
            "attribution_provider": "Example",
        },
        "limited_data_use": True,
    },
    "offline": {
        "event": "Purchase",
        "event_time": NOW - 60,
        "user": {**_PERSON, "external_id": digest("customer-1"), "lead_id": "7000000000000000099"},
        "properties": _PROPERTIES,
    },
    "crm": {
        "event": "QualifiedLead",
        "event_time": NOW - 60,
        "user": {**_PERSON, "external_id": digest("customer-1")},
        "properties": {"description": "call back"},
        "lead": {"lead_id": "7000000000000000099", "lead_event_source": "ExampleCRM"},
    },
}

_LIVERAMP_WEB: dict[str, Any] = {
    "event_manager": ["tiktok"],
    "event_type": "CompletePayment",
    "event_time": NOW - 60,
    "event_source_url": "https://shop.example.com/done?order=4711",
    "user_data": {"partner_id": "AkT8QpR2vYx0ZWl3aGVyZS1vdmVyLXRoZS1yYWluYm93"},
    "custom_data": [
        {"key": "currency", "value": "USD"},
        {"key": "value", "value": "24.98"},
        {"key": "content_type", "value": "product"},
        {"key": "quantity", "value": "2"},
        {"key": "order_id", "value": "4711"},
        {
            "key": "contents",
            "value": [{"content_id": "sku-1", "price": "12.49", "quantity": "2", "brand": "Example"}],
        },
    ],
}
_LIVERAMP_APP: dict[str, Any] = {
    "event_manager": ["tiktok"],
    "event_type": "LaunchAPP",
    "event_time": NOW - 60,
    "event_source_url": "https://play.google.com/store/apps/details?id=com.example.shop",
    "user_data": {
        "partner_id": "AkT8QpR2vYx0ZWl3aGVyZS1vdmVyLXRoZS1yYWluYm93",
        "idfa": "6D92078A-8246-4BA4-AE5B-76104861E7DC",
        "idfv": "6D92078A-8246-4BA4-AE5B-76104861E7DD",
        "gaid": "cdda802e-fb9c-47ad-9866-0794d394c912",
        "att_status": "AUTHORIZED",
    },
    "app_data": {"app_id": "com.example.shop", "app_name": "Shop", "app_version": "1.2"},
}
