# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""One case per rule of LiveRamp's adapter, and how it says yes."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_tiktok.simulator import DEFAULT_ATS_CONFIG_ID, DEFAULT_TOKEN, Simulator
from tests.simulator.calls import (
    NOW,
    REFRESH,
    REMOVED,
    SEND,
    Caller,
    SteppedClock,
    changed,
    digest,
    liveramp_app_event,
    liveramp_event,
    refresh_query,
)

WRAPPED = base64.b64encode(b'{"envelope":"AkT8QpR2vYx0"}').decode()
PARTNER = liveramp_event()["user_data"]["partner_id"]


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Simulator, Caller]]:
    """One simulator for the whole table: what is refused must leave no trace anyway."""
    with Simulator(clock=lambda: float(NOW)) as simulator, Caller(simulator.url) as caller:
        yield simulator, caller


def test_events_of_one_session_are_accepted(caller: Caller, simulator: Simulator) -> None:
    """Web and app events of one person, in order of time, are booked under the configuration."""
    answer = caller.send([liveramp_event(1), liveramp_app_event(2), liveramp_event(3, event_time=NOW)])

    assert answer.status == 200
    entries = simulator.liveramp_ledger.events()
    assert [(entry.event_id, entry.event_source) for entry in entries] == [
        ("order-1", "web"),
        ("order-2", "app"),
        ("order-3", "web"),
    ]
    assert {entry.event_source_id for entry in entries} == {DEFAULT_ATS_CONFIG_ID}
    assert simulator.ledger.events() == []


ACCEPTED: list[tuple[Any, str, Any]] = [
    (liveramp_event(), "custom_data", REMOVED),
    (liveramp_event(), "event_type", "CheckOut"),
    (liveramp_event(), "event_type", "AdClick"),
    (liveramp_event(), "event_id", digest("order-1")),
    (liveramp_event(), "custom_data.1.value", "0.5"),
    (liveramp_app_event(), "user_data", {"partner_id": PARTNER}),
    (liveramp_app_event(), "app_data", {"app_id": "123456789"}),
    (liveramp_app_event(), "event_type", "CompletePayment"),
    (liveramp_event(), "custom_data.2.value", "product_group"),
    (liveramp_event(), "custom_data.5.value.0.content_name", "Tea"),
    (liveramp_event(), "custom_data.5.value.0.content_category", "Drinks"),
    (liveramp_event(), "custom_data.5.value.0.content_type", "product"),
    (liveramp_event(), "custom_data.5.value.0.content_type", "product_group"),
    *[
        (liveramp_app_event(), "user_data.att_status", status)
        for status in ("DENIED", "NOT_DETERMINED", "RESTRICTED", "NOT_APPLICABLE")
    ],
]


@pytest.mark.parametrize(("event", "path", "value"), ACCEPTED)
def test_allowed_variant_is_accepted(event: Any, path: str, value: Any, caller: Caller) -> None:
    """A judge that refuses what is right is as useless as one that lets pass what is wrong."""
    assert caller.send([changed(event, path, value)]).status == 200


WEB, APP = liveramp_event(), liveramp_app_event()
REFUSED: list[tuple[Any, str, Any]] = [
    (WEB, "event_manager", REMOVED),
    (WEB, "event_manager", "tiktok"),
    (WEB, "event_manager", []),
    (WEB, "event_manager", ["tiktok", "tiktok"]),
    (WEB, "event_manager", ["TikTok"]),
    (WEB, "event_manager", ["tiktok", "snapchat"]),
    (WEB, "event_manager", ["tiktok", ""]),
    (WEB, "event_manager", ["tiktok", 7]),
    (WEB, "event_id", REMOVED),
    (WEB, "event_id", 1),
    (WEB, "event_id", ""),
    (WEB, "event_id", None),
    (WEB, "event_type", REMOVED),
    (WEB, "event_type", "completepayment"),
    (WEB, "event_type", "Checkout"),
    (WEB, "event_type", ""),
    (WEB, "event_type", "LaunchAPP"),
    (WEB, "event_type", "InstallApp"),
    (WEB, "event_type", "AchieveLevel"),
    (APP, "event_type", "LaunchApp"),
    (WEB, "event_name", "CompletePayment"),
    (WEB, "event_time", REMOVED),
    (WEB, "event_time", str(NOW)),
    (WEB, "event_time", float(NOW)),
    (WEB, "event_time", NOW * 1000),
    (WEB, "event_time", "2026-09-21T14:13:20Z"),
    (WEB, "event_time", NOW + 601),
    (WEB, "event_time", 20_000),
    (WEB, "event_source_url", REMOVED),
    (WEB, "event_source_url", "shop.example.com"),
    (WEB, "event_source_url", 7),
    (WEB, "event_source_url", "https://shop.example.com/?mail=alice@example.com"),
    (WEB, "event_source_url", "https://shop.example.com/?mail=alice%40example.com"),
    (WEB, "event_source", "https://shop.example.com/"),
    (WEB, "user_data", REMOVED),
    (WEB, "user_data", {}),
    (WEB, "user_data", PARTNER),
    (WEB, "user_data.partner_id", ""),
    (WEB, "user_data.partner_id", None),
    (WEB, "user_data.partner_id", "Ak T8"),
    (WEB, "user_data.partner_id", WRAPPED),
    (WEB, "user_data.partner_id", WRAPPED.rstrip("=")),
    (WEB, "user_data.partner_id", '{"envelope":"AkT8QpR2vYx0"}'),
    (WEB, "user_data.partner_id", digest("alice@example.com")),
    (WEB, "user_data.partner_id", "{{ENVELOPE}}"),
    (WEB, "user_data.email", digest("alice@example.com")),
    (WEB, "user_data.phone", "+12025550123"),
    (WEB, "user_data.ttclid", "E.C.P"),
    (WEB, "user_data.client_ip_address", "203.0.113.7"),
    (WEB, "user_data.idfa", "6D92078A-8246-4BA4-AE5B-76104861E7DC"),
    (WEB, "user_data.att_status", "AUTHORIZED"),
    (WEB, "user_data.idfv", "6D92078A-8246-4BA4-AE5B-76104861E7DD"),
    (WEB, "user_data.gaid", "cdda802e-fb9c-47ad-9866-0794d394c912"),
    (APP, "user_data.idfa", "{{IDFA}}"),
    (APP, "user_data.idfa", "6d92078a-8246-4ba4-ae5b-76104861e7dc"),
    (APP, "user_data.idfa", "00000000-0000-0000-0000-000000000000"),
    (APP, "user_data.gaid", "CDDA802E-FB9C-47AD-9866-0794D394C912"),
    (APP, "user_data.gaid", "00000000-0000-0000-0000-000000000000"),
    (APP, "user_data.idfv", "00000000-0000-0000-0000-000000000000"),
    (APP, "user_data.idfv", "6D92078A 8246"),
    (APP, "user_data.idfv", ""),
    (APP, "user_data.idfa", 7),
    (APP, "user_data.idfv", 7),
    (APP, "user_data.gaid", 7),
    (APP, "user_data.att_status", "authorized"),
    (APP, "user_data.att_status", "{{ATT}}"),
    (APP, "app_data", {}),
    (APP, "app_data", "com.example.shop"),
    (APP, "app_data.app_id", 123456789),
    (APP, "app_data.app_id", ""),
    (APP, "app_data.app_name", "{{APP_NAME}}"),
    (APP, "app_data.app_version", ""),
    (APP, "app_data.bundle", "com.example.shop"),
    (WEB, "custom_data", {"value": "24.98"}),
    (WEB, "custom_data", []),
    (WEB, "custom_data.0", {"key": "currency"}),
    (WEB, "custom_data.0", {"value": "USD"}),
    (WEB, "custom_data.0", "USD"),
    (WEB, "custom_data.0.key", 7),
    (WEB, "custom_data.0", {"key": "currency", "value": "USD", "type": "text"}),
    (WEB, "custom_data.0.key", "Currency"),
    (WEB, "custom_data.0.key", "email"),
    (WEB, "custom_data.0.key", "hashed_phone"),
    (WEB, "custom_data.0.key", "value"),
    (WEB, "custom_data.0.value", "usd"),
    (WEB, "custom_data.0.value", None),
    (WEB, "custom_data.1.value", 24.98),
    (WEB, "custom_data.1.value", "24,98"),
    (WEB, "custom_data.1.value", "2.498E+1"),
    (WEB, "custom_data.1.value", "-1"),
    (WEB, "custom_data.1.value", "024.98"),
    (WEB, "custom_data.1.value", ["24.98"]),
    (WEB, "custom_data.2.value", "Product"),
    (WEB, "custom_data.3.value", 2),
    (WEB, "custom_data.3.value", "0"),
    (WEB, "custom_data.3.value", "2.0"),
    (WEB, "custom_data.3", {"key": "num_items", "value": "2.0"}),
    (WEB, "custom_data.4.value", "alice@example.com"),
    (WEB, "custom_data.4.value", "+12025550123"),
    (WEB, "custom_data.5.value", []),
    (WEB, "custom_data.5.value", "sku-1"),
    (WEB, "custom_data.5.value.0", {}),
    (WEB, "custom_data.5.value.0", "sku-1"),
    (WEB, "custom_data.5.value.0.quantity", 2),
    (WEB, "custom_data.5.value.0.content_name", ""),
    (WEB, "custom_data.5.value.0.content_category", 7),
    (WEB, "custom_data.5.value.0.content_type", "Product"),
    (WEB, "custom_data.5.value.0.price", 12.49),
    (WEB, "custom_data.5.value.0.content_id", 1),
    (WEB, "custom_data.5.value.0.content_id", digest("alice@example.com")),
    (WEB, "custom_data.5.value.0.sku", "1"),
]


@pytest.mark.parametrize(("event", "path", "value"), REFUSED)
def test_one_broken_rule_refuses_everything(
    event: Any, path: str, value: Any, shared: tuple[Simulator, Caller]
) -> None:
    """One event with one fault: the whole request is refused with 400 and nothing is booked."""
    simulator, caller = shared

    answer = caller.send([event, changed(event, path, value)])

    assert answer.status == 400
    assert answer.document["error"].startswith("events")
    assert simulator.liveramp_ledger.events() == []


def test_events_of_the_tables_are_good(caller: Caller) -> None:
    """The events above fail for the change made to them, not for what they have in common."""
    assert caller.send([WEB, APP]).status == 200


REQUESTS: list[tuple[str, bytes, int]] = [
    ("no body", b"", 400),
    ("a list", b"[]", 400),
    ("no events", b"{}", 400),
    ("empty", b'{"events":[]}', 400),
    ("events no objects", b'{"events":[1]}', 400),
    ("more than events", json.dumps({"events": [WEB], "data": []}).encode(), 400),
    (
        "a key twice",
        json.dumps({"events": [WEB]}).replace('"event_id"', '"event_id":"1","event_id"').encode(),
        400,
    ),
    (
        "two sessions",
        json.dumps({"events": [WEB, changed(WEB, "user_data.partner_id", "AnotherEnvelope")]}).encode(),
        400,
    ),
    (
        "two devices",
        json.dumps(
            {
                "events": [
                    liveramp_app_event(),
                    changed(liveramp_app_event(), "user_data.gaid", "38400000-8cf0-11bd-b23e-10b96e40000d"),
                ]
            }
        ).encode(),
        400,
    ),
    ("against time", json.dumps({"events": [WEB, changed(WEB, "event_time", NOW - 61)]}).encode(), 400),
    ("too many", json.dumps({"events": [WEB] * 101}).encode(), 400),
]


@pytest.mark.parametrize(("case", "body", "status"), REQUESTS, ids=[case for case, _, _ in REQUESTS])
def test_broken_request_is_refused(
    case: str, body: bytes, status: int, shared: tuple[Simulator, Caller]
) -> None:
    """Faults of the request as a whole are refused, too."""
    simulator, caller = shared

    assert caller.send(body).status == status
    assert simulator.liveramp_ledger.events() == []


def test_unknown_configuration_is_not_found(caller: Caller) -> None:
    """The configuration id is the address; a wrong one is 404, whatever is posted."""
    for path in ("/send-events/other", "/send-events/", f"{SEND}/", "/send-events/%7B%7D"):
        assert caller.send([liveramp_event()], path=path).status == 404


def test_configuration_id_may_be_percent_encoded(caller: Caller, simulator: Simulator) -> None:
    """An id with unusual characters is one path segment."""
    simulator.state.patch({"liveramp": {"configurations": {"a b/c": {"event_managers": ["tiktok"]}}}})

    assert caller.send([liveramp_event()], path="/send-events/a%20b%2Fc").status == 200


def test_only_json_is_posted(caller: Caller, simulator: Simulator) -> None:
    """Another method, another type or TikTok's token is refused, and a body over the limit."""
    simulator.state.patch({"liveramp": {"max_body_bytes": 2_000}})

    assert caller.call("GET", SEND).status == 405
    assert caller.send([liveramp_event()], **{"Content-Type": "text/plain"}).status == 415
    assert caller.send([liveramp_event()], **{"Access-Token": DEFAULT_TOKEN}).status == 400
    assert caller.send([liveramp_event(n) for n in range(5)]).status == 413
    assert simulator.liveramp_ledger.events() == []


FORMS = [
    (200, "json", b'{"status":"accepted"}', "application/json"),
    (202, "empty", b"", None),
    (200, "text", b"OK", "text/plain"),
    (204, "json", b"", None),
]


@pytest.mark.parametrize(("status", "form", "body", "content_type"), FORMS)
def test_success_has_the_set_form(
    status: int, form: str, body: bytes, content_type: str | None, caller: Caller, simulator: Simulator
) -> None:
    """The real adapter's answer is not documented: any of these may come."""
    simulator.state.patch({"liveramp": {"success": {"http_status": status, "form": form}}})

    answer = caller.send([liveramp_event()])

    assert (answer.status, answer.body, answer.headers.get("content-type")) == (status, body, content_type)
    assert caller.send([liveramp_event()]).status == status


def test_repeats_are_removed_by_event_id(caller: Caller, simulator: Simulator, clock: SteppedClock) -> None:
    """A resend is one more delivery, for 48 hours."""
    caller.send([liveramp_event()])
    clock.step(60)
    caller.send([liveramp_event()])
    assert [(entry.deliveries, entry.is_identical) for entry in simulator.liveramp_ledger.events()] == [
        (2, True)
    ]
    clock.step(48 * 3_600)
    caller.send([liveramp_event()])

    assert len(simulator.liveramp_ledger.events()) == 2


def test_unconfirmed_name_is_noted(caller: Caller, simulator: Simulator) -> None:
    """A name nobody has read in LiveRamp's text passes, but the ledger says so."""
    caller.send([liveramp_event(1), liveramp_event(2, event_type="Purchase")])

    assert simulator.liveramp_ledger.summary()["live"]["by_note"] == {"name unconfirmed": 1}


def test_extra_user_data_is_a_setting(caller: Caller, simulator: Simulator) -> None:
    """Keys that LiveRamp may know besides can be let pass, but still hold no personal data."""
    simulator.state.patch({"liveramp": {"extra_user_data_keys": ["ttclid"]}})

    assert caller.send([changed(WEB, "user_data.ttclid", "E.C.P.v1")]).status == 200
    assert caller.send([changed(WEB, "user_data.ttclid", digest("E.C.P.v1"))]).status == 400
    assert caller.send([changed(WEB, "user_data.ttclid", "")]).status == 400


def test_other_platforms_are_a_setting(caller: Caller, simulator: Simulator) -> None:
    """One payload may go to several platforms if the configuration has them."""
    managers = {"event_managers": ["tiktok", "snapchat"]}
    simulator.state.patch({"liveramp": {"configurations": {DEFAULT_ATS_CONFIG_ID: managers}}})

    assert caller.send([changed(WEB, "event_manager", ["tiktok", "snapchat"])]).status == 200


def test_expired_envelope_is_refused(caller: Caller, simulator: Simulator, clock: SteppedClock) -> None:
    """An envelope older than its life is refused, unless a setting lets it pass."""
    value = caller.envelope(REFRESH, refresh_query(PARTNER)).document["envelopes"][0]["value"]
    event = changed(WEB, "user_data.partner_id", value)
    clock.step(15 * 86_400 - 1)
    assert caller.send([event]).status == 200
    clock.step(1)
    assert caller.send([event]).status == 400

    simulator.state.patch({"liveramp": {"refuse_expired_envelopes": False}})

    assert caller.send([event]).status == 200


def test_strangers_can_be_refused(caller: Caller, simulator: Simulator) -> None:
    """With a setting only envelopes pass that were made here or that the state names."""
    simulator.state.patch({"liveramp": {"known_envelopes_only": True}})
    assert caller.send([WEB]).status == 400

    simulator.state.patch({"liveramp": {"envelopes": {PARTNER: {"minted_at": NOW - 100}}}})

    assert caller.send([WEB]).status == 200


def test_values_are_repeated_only_by_the_hostile_setting(caller: Caller, simulator: Simulator) -> None:
    """By default a refusal holds no value."""
    bad = changed(WEB, "custom_data.4.value", "alice@example.com")

    assert b"alice" not in caller.send([bad]).body
    simulator.state.patch({"liveramp": {"echo_values": True}})
    assert b"alice@example.com" in caller.send([bad]).body
