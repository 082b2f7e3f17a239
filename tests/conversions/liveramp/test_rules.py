# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_tiktok.conversions.validation import leave_out
from tests.conversions.liveramp.samples import (
    DAY,
    ENVELOPE,
    NOW,
    app_record,
    checks,
    faults,
    prepared,
    warnings,
    web_record,
)

DEVICE = "6D92078A-8246-4BA4-AE5B-76104861E7DC"


@pytest.mark.parametrize("record", [web_record(), app_record()])
def test_a_good_event_has_no_finding(record: dict[str, Any]) -> None:
    """Neither for the web nor for apps."""
    assert checks()(prepared(record)) == ()


@pytest.mark.parametrize(
    ("change", "path", "rule"),
    [
        ({"user": {}}, "user.envelope", "missing"),
        ({"user": {"envelope": "person@example.com"}}, "user.envelope", "not_an_envelope"),
        ({"user": {"envelope": "d" * 64}}, "user.envelope", "not_an_envelope"),
        ({"page": {}}, "page.url", "missing"),
        ({"page": {"url": "shop.example.com"}}, "page.url", "not_an_absolute_url"),
        ({"page": {"url": "https://shop.example.com/{{PATH}}"}}, "page.url", "unresolved_template"),
        ({"event": None}, "event", "missing"),
        ({"event": "Checkout"}, "event", "wrong_case"),
        ({"event_time": None}, "event_time", "missing"),
        ({"event_time": NOW + 3600}, "event_time", "in_future"),
        ({"event_time": NOW * 1000}, "event_time", "milliseconds"),
        ({"app": {"app_name": "App"}}, "app.app_id", "missing"),
        ({"app": {"app_id": "id343200656"}}, "app.app_id", "not_an_app_id"),
        ({"event": "InstallApp"}, "app.app_id", "missing"),
        ({"user": {"envelope": ENVELOPE, "idfa": DEVICE}}, "app.app_id", "missing"),
        ({"properties": {"value": "-1", "currency": "USD"}}, "properties.value", "negative"),
        ({"event": ["x"]}, "event", "not_text"),
        ({"app": {"app_id": ["x"]}}, "app.app_id", "not_text"),
    ],
)
def test_what_liveramp_would_refuse_is_found_before(change: dict[str, Any], path: str, rule: str) -> None:
    """Each broken rule keeps the event back, once."""
    assert faults(web_record(**change)) == [(path, rule)]


@pytest.mark.parametrize(
    ("quantity", "rule"),
    [
        ("0", "below_one"),
        (-1, "below_one"),
        ("many", "not_a_number"),
        (0.5, "not_whole"),
        (True, "not_a_number"),
    ],
)
def test_a_quantity_that_is_none_costs_the_event_that_field_alone(quantity: Any, rule: str) -> None:
    """It is optional: left out, and told."""
    event = prepared(web_record(properties={"quantity": quantity, "currency": "USD", "value": "5"}))
    findings = checks()(event)
    assert [(one.path, one.rule, one.is_fatal) for one in findings] == [("properties.quantity", rule, False)]
    assert "quantity" not in leave_out(event, findings).properties


@pytest.mark.parametrize("name", ["idfa", "idfv", "gaid"])
def test_unresolved_placeholders_never_leave(name: str) -> None:
    """The placeholders of LiveRamp's own mobile examples must be resolved, or are left out."""
    user = {"envelope": ENVELOPE, name: "{{" + name.upper() + "}}"}
    event = prepared(app_record(user=user))
    told = [*faults(app_record(user=user)), *warnings(app_record(user=user))]
    told += [(one.path, one.reason) for one in event.dropped]
    assert told == [(f"user.{name}", "unresolved_template")]
    assert faults(app_record(user=user)) == []


@pytest.mark.parametrize(
    ("properties", "warned"),
    [
        ({"order_id": "No. {{ORDER}}"}, [("properties.order_id", "unresolved_template")]),
        ({"value": "1", "currency": "usd"}, []),
    ],
)
def test_what_is_optional_keeps_no_event_back(properties: dict[str, Any], warned: list[Any]) -> None:
    """It is repaired where that is certain, else left out and counted."""
    record = web_record(properties=properties)
    assert (faults(record), warnings(record)) == ([], warned)


def test_a_tracking_status_is_one_of_apple_s() -> None:
    """Any other text is left out."""
    user = {"envelope": ENVELOPE, "att_status": "Yes"}
    assert faults(app_record(user=user)) == []
    assert prepared(app_record(user=user)).user.att_status is None


def test_device_ids_that_stay_behind_are_counted() -> None:
    """An event is sent without them, and it is said."""
    user = {"envelope": ENVELOPE, "idfa": "d" * 64, "idfv": "device-1"}
    record = app_record(user=user)
    assert faults(record) == []
    assert warnings(record) == [
        ("user.idfa", "not_an_advertising_id"),
        ("user.idfv", "not_an_advertising_id"),
    ]


def test_properties_that_stay_behind_are_counted() -> None:
    """Lists and objects have no form with LiveRamp."""
    record = web_record(properties={"content_ids": ["a"], "content_type": "product"})
    assert faults(record) == []
    assert warnings(record) == [("properties.content_ids", "no_form_for_liveramp")]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"page": {"url": "https://shop.example.com/?mail=person@example.com"}}, "page.url"),
        ({"page": {"url": "https://shop.example.com/?mail=person%40example.com"}}, "page.url"),
        ({"event_id": "person@example.com"}, "event_id"),
        ({"event_id": "+12025550123"}, "event_id"),
        ({"properties": {"description": "for person@example.com"}}, "properties.description"),
        ({"properties": {"email": "x"}}, "properties.email"),
        ({"properties": {"phone_number": "5550123"}}, "properties.phone_number"),
        ({"properties": {"hint": "d" * 64}}, "properties.hint"),
        ({"properties": {"tags": ["a", "person@example.com"]}}, "properties.tags"),
        (
            {
                "properties": {
                    "contents": [{"content_id": "1"}, {"content_name": "gift for person@example.com"}]
                }
            },
            "properties.contents[1].content_name",
        ),
    ],
)
def test_personal_data_in_open_fields_is_refused(change: dict[str, Any], path: str) -> None:
    """No e-mail address or telephone number goes this way, and the finding does not repeat it."""
    found = [one for one in checks()(prepared(web_record(**change))) if one.is_fatal]
    assert [(one.path, one.rule) for one in found] == [(path, "personal_data")]
    assert "person@" not in repr(found)


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example.com/@brand/1",
        "https://maps.example.com/@40.7,-74.0,15z",
        "https://shop.example.com/?a=1%402",
    ],
)
def test_an_at_sign_alone_is_no_address(url: str) -> None:
    """Handles and coordinates pass."""
    assert faults(web_record(page={"url": url})) == []


def test_ids_may_be_digests() -> None:
    """An id for removing repeats, and an order's number, are often digests of a business key."""
    record = web_record(event_id="a" * 64, properties={"order_id": "b" * 64})
    assert faults(record) == []


def test_identifiers_that_stay_behind_keep_no_event_back() -> None:
    """What TikTok says of match keys does not matter to an event that carries an envelope alone."""
    user = {"envelope": ENVELOPE, "ip": "10.0.0.1", "locale": "nowhere", "email": "no address"}
    assert checks()(prepared(web_record(user=user))) == ()


def test_old_events_are_told_or_refused() -> None:
    """As with TikTok, where they end."""
    record = web_record(event_time=NOW - 30 * DAY)
    assert warnings(record) == [("event_time", "too_old")]
    assert faults(record, refuse_old=True) == [("event_time", "too_old")]


def test_unknown_types_are_told_or_refused() -> None:
    """A type that no page names may be good, and is dropped by LiveRamp if it is not."""
    record = web_record(event="Purchase")
    assert warnings(record) == [("event", "unknown_event_type")]
    assert faults(record, is_strict=True) == [("event", "unknown_event_type")]


def test_all_findings_come_at_once() -> None:
    """The event's own come first."""
    record = web_record(event="checkout", user={}, page={}, event_time="yesterday")
    assert faults(record) == [
        ("event_time", "not_a_time"),
        ("user.envelope", "missing"),
        ("page.url", "missing"),
        ("event", "wrong_case"),
    ]
