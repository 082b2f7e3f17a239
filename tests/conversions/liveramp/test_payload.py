# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.events import Content, PreparedEvent, PreparedUser, UnreadableRow
from airflow_provider_tiktok.conversions.liveramp.payload import (
    as_custom_value,
    check_pass_on,
    encode,
    from_liveramp_record,
    to_record,
)
from tests.conversions.liveramp.samples import (
    ENVELOPE,
    EXAMPLES,
    app_record,
    checks,
    prepared,
    web_record,
)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_documented_example_goes_through_unchanged(name: str) -> None:
    """Read as an event and written again, each example of LiveRamp's page is what it was, and has no fault."""
    event = prepared(EXAMPLES[name])
    assert json.loads(encode(event)) == EXAMPLES[name]
    assert [one for one in checks()(event) if one.is_fatal] == []


def custom_data(properties: dict[str, Any]) -> list[Any]:
    """The ``custom_data`` that properties become."""
    sent = json.loads(encode(prepared(web_record(properties=properties))))
    items: list[Any] = sent.get("custom_data", [])
    return items


def test_custom_data_is_a_list_of_keys_and_texts() -> None:
    """Numbers are decimal text with the digits they came with; known keys first, contents last."""
    found = custom_data(
        {
            "order_id": "A-7",
            "contents": [{"content_id": 15353004, "price": 11.99, "quantity": 2, "brand": "Acme"}],
            "quantity": 1,
            "value": Decimal("1337.90"),
            "currency": "USD",
            "num_items": 2,
            "gift": True,
        }
    )
    assert found == [
        {"key": "currency", "value": "USD"},
        {"key": "value", "value": "1337.90"},
        {"key": "quantity", "value": "1"},
        {"key": "gift", "value": "true"},
        {"key": "num_items", "value": "2"},
        {"key": "order_id", "value": "A-7"},
        {
            "key": "contents",
            "value": [{"content_id": "15353004", "brand": "Acme", "price": "11.99", "quantity": "2"}],
        },
    ]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.1, "0.1"),
        (1e-7, "0.0000001"),
        (1e21, "1000000000000000000000"),
        (Decimal("1E+3"), "1000"),
        (Decimal("24.90"), "24.90"),
        (0, "0"),
        (False, "false"),
    ],
)
def test_numbers_have_no_float_noise(number: Any, text: str) -> None:
    """No exponent, no trailing digits that were not there."""
    assert as_custom_value(number) == text


def test_a_whole_quantity_has_no_fraction() -> None:
    """A count that came through a float is a count again."""
    assert custom_data({"quantity": 2.0})[0]["value"] == "2"


def test_properties_without_a_form_are_left_out() -> None:
    """Lists and objects other than contents have no form in custom_data."""
    assert custom_data({"content_ids": ["a", "b"], "mileage": {"value": 3, "unit": "KM"}}) == []


def test_empty_groups_are_not_sent() -> None:
    """Neither custom_data nor app_data nor a device id appears where there is none."""
    sent = json.loads(encode(prepared(web_record(properties={}))))
    assert sent.keys() == {
        "event_manager",
        "event_id",
        "event_type",
        "event_time",
        "event_source_url",
        "user_data",
    }
    assert sent["user_data"] == {"partner_id": ENVELOPE}


def test_no_match_key_goes_out() -> None:
    """Whatever else is known of a person, the envelope alone leaves."""
    user = PreparedUser(
        **dict.fromkeys(("email", "phone", "external_id"), ("d" * 64,)),
        **dict.fromkeys(("ttclid", "ttp", "ip", "user_agent", "locale", "city", "country"), "planted"),
        envelope=ENVELOPE,
        session_id="planted",
    )
    event = PreparedEvent(row=1, event="ViewContent", event_id="1", event_time=1, user=user)
    body = encode(event).decode()
    assert json.loads(body)["user_data"] == {"partner_id": ENVELOPE}
    assert "planted" not in body
    assert "dddd" not in body


@pytest.mark.parametrize("value", ["d" * 64, "00000000-0000-0000-0000-000000000000", "abc"])
def test_only_a_device_s_own_id_is_sent(value: str) -> None:
    """A digest of an id, an id of zeros and what is no id stay behind."""
    user = PreparedUser(envelope=ENVELOPE, idfv=value, idfa="6D92078A-8246-4BA4-AE5B-76104861E7DC")
    sent = json.loads(encode(PreparedEvent(row=1, user=user)))["user_data"]
    assert sent == {"partner_id": ENVELOPE, "idfa": "6D92078A-8246-4BA4-AE5B-76104861E7DC"}


def test_a_click_id_goes_only_where_the_caller_says() -> None:
    """The keys LiveRamp has for it are not known, so the caller names key and match key."""
    user = {"envelope": ENVELOPE, "ttclid": "click", "ip": "203.0.113.7"}
    event = prepared(web_record(user=user))
    sent = json.loads(encode(event, pass_on=check_pass_on({"click": "ttclid", "ttp": "ttp"})))
    assert sent["user_data"] == {"partner_id": ENVELOPE, "click": "click"}


@pytest.mark.parametrize(
    "pass_on", [{"em": "email"}, {"ph": "phone"}, {"partner_id": "ttclid"}, {"x": "envelope"}]
)
def test_e_mail_and_telephone_may_not_be_passed_on(pass_on: dict[str, str]) -> None:
    """Not even as digests, and nothing takes the envelope's place."""
    with pytest.raises(ConfigurationError, match="pass_on"):
        check_pass_on(pass_on)


def test_equal_events_give_equal_bytes() -> None:
    """The order of a record's keys changes nothing, so a resend is the same request."""
    record = web_record(properties={"value": "1", "currency": "USD", "b": "2", "a": "1"})
    turned = dict(reversed(record.items()))
    turned["properties"] = dict(reversed(record["properties"].items()))
    assert encode(prepared(record)) == encode(prepared(turned))


def test_a_record_for_the_dead_letters_holds_no_secret() -> None:
    """Envelope, address and session are left out; what a replay to TikTok needs is there."""
    user = {"envelope": ENVELOPE, "ip": "203.0.113.7", "session_id": "s-1", "email": "a@example.com"}
    record = to_record(prepared(app_record(user=user)))
    assert record["user"].keys() == {"email"}
    assert record["event_id"] == "o-1"
    assert record["app"]["app_id"] == "com.example.app"
    assert all(secret not in repr(record) for secret in (ENVELOPE, "203.0.113.7", "s-1", "a@example.com"))


def test_a_record_is_read_back_as_the_same_event() -> None:
    """Once the envelope is joined again, the dead letter gives the bytes it would have been sent as."""
    properties = {
        "value": "24.90",
        "currency": "USD",
        "contents": [{"content_id": "1", "price": "2.5", "quantity": 1}],
    }
    event = prepared(web_record(properties=properties))
    record = json.loads(json.dumps(to_record(event), default=str))
    assert encode(prepared({**record, "user": {"envelope": ENVELOPE}})) == encode(event)


@pytest.mark.parametrize(
    "row",
    [
        UnreadableRow("not_json", "Give JSON."),
        {"event": "Purchase", "event_type": "CheckOut"},
        {"eventName": "Purchase"},
        {},
    ],
)
def test_other_rows_are_left_as_they_are(row: Any) -> None:
    """Only a record with an event_type and no event is LiveRamp's."""
    assert from_liveramp_record(row) is row


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"event_manager": ["tiktok", "facebook"]}, "event_manager"),
        ({"custom_data": {"value": "1"}}, "custom_data"),
        ({"custom_data": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]}, "custom_data"),
        ({"custom_data": [{"key": "a"}]}, "custom_data"),
        ({"user_data": "x"}, "user_data"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_what_liveramp_s_form_does_not_have_is_reported(change: dict[str, Any], kept: str) -> None:
    """It keeps its name, and so the mapping refuses it instead of losing it."""
    record = {**EXAMPLES["web_add_to_cart"], **change}
    assert kept in from_liveramp_record(record)
    found = prepared(record).violations
    assert [(one.path, one.rule) for one in found] == [(kept, "unknown_field")]


def test_an_item_without_anything_is_left_out() -> None:
    """An empty item of contents says nothing."""
    event = PreparedEvent(row=1, user=PreparedUser(envelope=ENVELOPE), properties={"contents": (Content(),)})
    assert "custom_data" not in json.loads(encode(event))
