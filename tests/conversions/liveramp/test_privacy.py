# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json

import pytest

from airflow_provider_tiktok.conversions.liveramp.payload import to_record
from airflow_provider_tiktok.conversions.liveramp.privacy import find_personal, without_personal
from tests.conversions.liveramp.samples import app_record, prepared, web_record


def test_a_clean_event_is_itself() -> None:
    """Nothing is taken out, and nothing is made anew."""
    event = prepared(app_record())
    assert without_personal(event) is event


def test_what_is_personal_is_taken_out() -> None:
    """Of name, id, address, app, properties and items; the rest stays."""
    record = app_record(page={"url": "https://shop.example.com/?m=person@example.com"})
    record |= {"event": "person@example.com", "event_id": "+12025550123"}
    record["app"] = {"app_id": "com.example.app", "app_name": "for person@example.com"}
    record["properties"] = {
        "currency": "USD",
        "first_name": "Ada",
        "note": "+12025550123",
        "tags": {"a": ["person@example.com"]},
        "contents": [{"content_id": "1", "content_name": "person@example.com"}],
    }
    cleaned = without_personal(prepared(record))
    assert list(find_personal(cleaned)) == []
    stored = to_record(cleaned)
    assert not {"event", "event_id"} & stored.keys()
    assert stored["app"] == {"app_id": "com.example.app"}
    assert stored["properties"] == {"currency": "USD", "contents": ({"content_id": "1"},)}
    assert "person@example.com" not in json.dumps(stored)
    assert "12025550123" not in json.dumps(stored)


def test_an_order_s_digest_is_no_person() -> None:
    """Only where an id of a business is expected."""
    digest = "b" * 64
    properties = {"order_id": digest, "hint": digest}
    assert list(find_personal(prepared(web_record(properties=properties)))) == ["properties.hint"]


@pytest.mark.parametrize(
    "text",
    [
        *("+12025550123", "+1 202-555-0123", "+1 (202) 555-0123", " +1.202.555.0123 ", "tel:+12025550123"),
        *("(202) 555-0123", "%2B12025550123", "+44 20 7946 0123", "+49 (0) 30 901820"),
    ],
)
def test_a_number_is_personal_however_it_is_written(text: str) -> None:
    """With signs between its digits, too."""
    assert list(find_personal(prepared(web_record(properties={"note": text})))) == ["properties.note"]


@pytest.mark.parametrize(
    "text", ["2025-11-23", "24.98", "+1.5", "4006381333931", "2025550123", "+1", "1-2-3", "+" * 60]
)
def test_other_digits_are_no_number(text: str) -> None:
    """Without a plus or brackets they may be an order, a date or an article."""
    assert list(find_personal(prepared(web_record(properties={"note": text})))) == []
