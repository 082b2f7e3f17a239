# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Sample events for demo mode. Nobody in them exists: addresses and numbers are those kept for examples."""

from __future__ import annotations

from typing import Any

SAMPLE_TEST_CODE = "TEST00000"


def sample_details(*, now: int) -> dict[str, Any]:
    """What one event needs besides its name: who, where, when, and what for.

    :param now: Unix seconds.
    """
    return {
        "email": "ada@example.com",
        "phone": "+12025550123",
        "externalId": "customer-1",
        "ipAddress": "203.0.113.10",
        "userAgent": "Mozilla/5.0 (sample)",
        "eventTime": str(now),
        "eventSourceUrl": "https://shop.example.com/thanks",
        "value": 59.9,
        "orderId": "sample-order-1",
        "contentId": "sample-product-1",
    }


def sample_events(*, now: int, event_source: str = "web") -> list[dict[str, Any]]:
    """Events of this source, in the shape that callers send; none of a source that does not exist.

    :param now: Unix seconds.
    """
    return _web_events(now) if event_source == "web" else _other_events(now).get(event_source, [])


def _other_events(now: int) -> dict[str, list[dict[str, Any]]]:
    """Event source to events, for the sources that have no page."""
    grace = {"eventTime": now, "email": "grace@example.com", "phone": "+12025550199"}
    purchase = {"eventName": "Purchase", "orderId": "sample-order-2", "value": 20.0, "currency": "USD"}
    return {
        "app": [{**purchase, **grace, "app.app_id": "com.example.shop"}],
        "offline": [{**purchase, **grace}],
        "crm": [{"eventName": "Lead", **grace, "lead.lead_id": "7000000000000000099"}],
    }


def _web_events(now: int) -> list[dict[str, Any]]:
    """A visit that ends in a purchase, and a sign-up."""
    ada = {"email": "ada@example.com", "externalId": "customer-1", "ipAddress": "203.0.113.10"}
    grace = {"email": "grace@example.com", "phone": "+12025550199", "ipAddress": "203.0.113.20"}
    product = {"contentId": "sample-product-1", "contentType": "product", "quantity": 1}
    shop = "https://shop.example.com"
    return [
        {
            "eventName": "ViewContent",
            "eventTime": now - 300,
            "eventSourceUrl": f"{shop}/p/1",
            **ada,
            **product,
        },
        {"eventName": "AddToCart", "eventTime": now - 200, "eventSourceUrl": f"{shop}/p/1", **ada, **product},
        {
            "eventName": "Purchase",
            "eventTime": now - 100,
            "eventSourceUrl": f"{shop}/thanks",
            "eventId": "sample-order-1",
            "orderId": "sample-order-1",
            "value": 59.9,
            "currency": "USD",
            **ada,
            **product,
        },
        {"eventName": "CompleteRegistration", "eventTime": now, "eventSourceUrl": f"{shop}/join", **grace},
    ]
