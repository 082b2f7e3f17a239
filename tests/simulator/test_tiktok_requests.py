# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""Who may call, how a refusal is worded, and what settings change."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from airflow_provider_tiktok.simulator import (
    DEFAULT_ADVERTISER_ID,
    DEFAULT_PIXEL_CODE,
    DEFAULT_TOKEN,
    Simulator,
)
from tests.simulator.calls import NOW, REMOVED, TRACK, Caller, SteppedClock, changed, digest, request

OTHER_ADVERTISER = "7000000000000000009"


def test_answer_has_tiktoks_envelope(caller: Caller) -> None:
    """Code, message, request id and data in the body; the request id begins with the time and is in a header."""
    answer = caller.track(request())

    assert answer.headers["content-type"] == "application/json"
    assert answer.document.keys() == {"code", "message", "request_id", "data"}
    assert answer.document["request_id"].startswith("20260921141320")
    assert answer.headers["x-tt-logid"] == answer.document["request_id"]


def test_request_ids_do_not_repeat(caller: Caller) -> None:
    """Two requests within one second have two ids."""
    ids = {caller.track(request()).document["request_id"] for _ in range(3)}

    assert len(ids) == 3


TOKENS: list[tuple[str, dict[str, Any] | None, int]] = [
    ("", None, 40104),
    ("   ", None, 40104),
    ("somebody-else", None, 40105),
    (f"Bearer {DEFAULT_TOKEN}", None, 40105),
    (DEFAULT_TOKEN, {"status": "expired"}, 40102),
    (DEFAULT_TOKEN, {"status": "revoked"}, 40102),
    (DEFAULT_TOKEN, {"permissions": ["pixel/list"]}, 40001),
    (DEFAULT_TOKEN, {"advertiser_ids": []}, 40001),
    (DEFAULT_TOKEN, {"event_source_ids": ["COTHER00000000000001"]}, 40001),
    (DEFAULT_TOKEN, {"event_source_ids": [DEFAULT_PIXEL_CODE]}, 0),
]


@pytest.mark.parametrize(("token", "patch", "code"), TOKENS)
def test_token_decides_before_anything_else(
    token: str, patch: dict[str, Any] | None, code: int, simulator: Simulator, caller: Caller
) -> None:
    """Each way in which a token can be wrong has its code; a source it may not use comes with HTTP 401."""
    if patch:
        simulator.state.patch({"tiktok": {"tokens": {DEFAULT_TOKEN: patch}}})

    answer = caller.track(request(), token=token)

    is_of_source = code == 40001 and "permissions" not in (patch or {})
    assert (answer.status, answer.code) == (401 if is_of_source else 200, code)
    assert len(simulator.ledger.events()) == (code == 0)


def test_missing_token_header_is_an_empty_token(caller: Caller) -> None:
    """No header at all is 40104, as an empty one."""
    answer = caller.call("POST", TRACK, json.dumps(request()).encode(), {"Content-Type": "application/json"})

    assert (answer.status, answer.code) == (200, 40104)


def test_bad_token_is_told_before_a_bad_body(caller: Caller) -> None:
    """A caller without a good token learns nothing about its body."""
    assert caller.track(b"{", token="somebody-else").code == 40105


ROUTES = [
    ("POST", "/open_api/v1.3/event/track", 404),
    ("GET", "/open_api/v1.3/pixel/list?advertiser_id=7000000000000000001", 404),
    ("POST", "/open_api/v2.0/event/track/", 404),
    ("POST", "/open_api/v1.3/pixel/batch/", 404),
    ("GET", "/", 404),
    ("GET", "/open_api/v1.3/event/track/", 405),
    ("POST", "/open_api/v1.3/pixel/list/", 405),
    ("PUT", "/open_api/v1.3/event/track/", 405),
]


@pytest.mark.parametrize(("method", "path", "status"), ROUTES)
def test_wrong_route_is_an_http_error(method: str, path: str, status: int, caller: Caller) -> None:
    """A path without its slash, another version, another method: HTTP 4xx and 40400."""
    answer = caller.call(method, path, b"" if method != "GET" else None, {"Access-Token": DEFAULT_TOKEN})

    assert (answer.status, answer.code) == (status, 40400)


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"]
)
def test_other_content_type_is_refused(content_type: str, caller: Caller, simulator: Simulator) -> None:
    """Only application/json is read."""
    assert caller.track(request(), **{"Content-Type": content_type}).code == 40002
    assert simulator.ledger.events() == []


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8"])
def test_json_content_type_is_accepted(content_type: str, caller: Caller) -> None:
    """Case and parameters do not matter."""
    assert caller.track(request(), **{"Content-Type": content_type}).code == 0


def test_too_large_body_is_refused(caller: Caller, simulator: Simulator) -> None:
    """One byte over the limit refuses the request; at the limit it passes."""
    body = json.dumps(request()).encode()
    simulator.state.patch({"tiktok": {"max_body_bytes": len(body)}})

    too_large = caller.track(body + b" ")
    assert (too_large.status, too_large.code) == (413, 40002)
    assert simulator.ledger.events() == []
    assert caller.track(body).code == 0


def test_deleted_pixel_does_not_exist(caller: Caller, simulator: Simulator) -> None:
    """Events for a pixel that was deleted are refused with 40007."""
    simulator.state.patch({"tiktok": {"pixels": {DEFAULT_PIXEL_CODE: {"deleted": True}}}})

    assert caller.track(request()).code == 40007


def test_pixel_of_another_advertiser_is_not_permitted(caller: Caller, simulator: Simulator) -> None:
    """A pixel that exists but belongs to others is refused with 40001 and named."""
    simulator.state.patch({"tiktok": {"pixels": {DEFAULT_PIXEL_CODE: {"advertiser_id": OTHER_ADVERTISER}}}})

    answer = caller.track(request())

    assert answer.code == 40001
    assert answer.message.startswith(f"No permission to operate pixel code: {DEFAULT_PIXEL_CODE}. ")


def test_registered_partner_name_is_accepted(caller: Caller, simulator: Simulator) -> None:
    """A partner name must be known; which ones are known is a setting."""
    assert caller.track(request(partner_name="Segment")).code == 0
    simulator.state.patch({"tiktok": {"partner_names": ["Example"]}})
    assert caller.track(request(partner_name="Segment")).code == 40063
    assert caller.track(request(partner_name="Example")).code == 0


MESSAGES = [
    ("none", "event_id", 7, "Invalid value for event_id: not a valid string."),
    ("brackets", "event_id", 7, "data[2].event_id: Not a valid string."),
    ("dots", "event_id", 7, "data.2.event_id: Not a valid string."),
    ("batch", "event_id", 7, "Batch.2.event_id: Not a valid string."),
    ("none", "event_id", REMOVED, "Missing required field(s): event_id."),
    ("brackets", "page.url", REMOVED, "data[2].page.url: Missing required field."),
    (
        "brackets",
        "properties.contents.0.price",
        "1",
        "data[2].properties.contents[0].price: Not a valid number.",
    ),
    ("dots", "properties.contents.0.price", "1", "data.2.properties.contents.0.price: Not a valid number."),
    ("batch", "user.email", "x", "Batch.2.user.email: Wrong format."),
    ("none", "user.phone", "x", "Invalid value for user.phone: wrong format."),
    ("dots", "event", "purchase", "data.2.event: Wrong upper or lower case."),
    ("none", "event_time", NOW + 700, "Invalid value for event_time: lies in the future."),
    ("none", "colour", 1, "Invalid value for colour: unknown field."),
    ("none", "lead", {"lead_id": "1"}, "Invalid value for lead: unknown field."),
    (
        "none",
        "properties.content_type",
        "x",
        "Invalid value for properties.content_type: must be product or product_group.",
    ),
    ("none", "user.ip", "10.0.0.1", "Invalid value for user.ip: not a valid public ip."),
    ("none", "user", {}, "Invalid value for user: must not be empty."),
    ("none", "properties.num_items", 1.0, "Invalid value for properties.num_items: not a valid integer."),
]


@pytest.mark.parametrize(("style", "path", "value", "message"), MESSAGES)
def test_message_names_the_first_bad_event(
    style: str, path: str, value: Any, message: str, caller: Caller, simulator: Simulator
) -> None:
    """The message is about the first bad event, in the notation that is set."""
    simulator.state.patch({"tiktok": {"message_index": style}})
    body = changed(changed(request(count=5), "data.4.event_id", None), f"data.2.{path}", value)

    assert caller.track(body).message == message


def test_messages_do_not_repeat_values(caller: Caller, simulator: Simulator) -> None:
    """By default no value of an event comes back."""
    answer = caller.track(changed(request(), "data.0.user.email", "alice@example.com"))

    assert b"alice" not in answer.body


def test_hostile_setting_repeats_values(caller: Caller, simulator: Simulator) -> None:
    """With ``echo_values`` the message holds the bad value, so that a client can be shown not to log it."""
    simulator.state.patch({"tiktok": {"echo_values": True}})

    answer = caller.track(changed(request(), "data.0.user.email", "alice@example.com"))

    assert answer.message == 'Invalid value for user.email: wrong format. Got "alice@example.com".'


RELAXED: list[tuple[str, Any, str, str, Any]] = [
    ("require_event_id", False, "web", "event_id", REMOVED),
    ("refuse_inapplicable_fields", False, "web", "app", {"app_id": "1"}),
    ("refuse_inapplicable_fields", False, "app", "user.external_id", digest("c")),
    ("future_tolerance_s", 7_200, "web", "event_time", NOW + 7_200),
]


@pytest.mark.parametrize(("setting", "value", "source", "path", "change"), RELAXED)
def test_setting_relaxes_a_rule(
    setting: str, value: Any, source: str, path: str, change: Any, caller: Caller, simulator: Simulator
) -> None:
    """What is refused by default passes once the setting says so."""
    body = changed(request(source), f"data.0.{path}", change)
    assert caller.track(body).code == 40002

    simulator.state.patch({"tiktok": {setting: value}})

    assert caller.track(body).code == 0


TIGHTENED: list[tuple[str, Any, str, Any]] = [
    ("max_events", 1, "data", request(count=2)["data"]),
    ("max_event_age_s", 59, "data.0.event_time", NOW - 60),
    ("ascii_places", True, "data.0.user.city", "münchen"),
    ("ascii_places", True, "data.0.user.state", "québec"),
]


@pytest.mark.parametrize(("setting", "value", "path", "change"), TIGHTENED)
def test_setting_tightens_a_rule(
    setting: str, value: Any, path: str, change: Any, caller: Caller, simulator: Simulator
) -> None:
    """What passes by default is refused once the setting says so."""
    body = changed(changed(request(), "data.0.user.city", "sanjose"), path, change)
    assert caller.track(body).code == 0

    simulator.state.patch({"tiktok": {setting: value}})

    assert caller.track(body).code == 40002


@pytest.mark.parametrize(("code", "status"), [(40100, 200), (40100, 401), (40132, 200), (40016, 429)])
def test_quota_answers_with_the_set_code(
    code: int, status: int, caller: Caller, simulator: Simulator, clock: SteppedClock
) -> None:
    """Beyond the limit per second requests are refused unseen; a second later there is room again."""
    simulator.state.patch({"tiktok": {"qps_limit": 2, "qps_code": code, "qps_http_status": status}})

    answers = [caller.track(request()) for _ in range(3)]
    assert [answer.code for answer in answers] == [0, 0, code]
    assert answers[-1].status == status
    assert "retry-after" not in answers[-1].headers
    clock.step(1.0)
    assert caller.track(request()).code == 0
    assert simulator.ledger.summary()["live"]["deliveries"] == 3


def test_quota_counts_each_path_for_itself(caller: Caller, simulator: Simulator) -> None:
    """A spent quota of one endpoint leaves the others alone."""
    simulator.state.patch({"tiktok": {"qps_limit": 1}})

    assert caller.track(request()).code == 0
    assert caller.read("pixel/list", advertiser_id=DEFAULT_ADVERTISER_ID).code == 0
    assert caller.track(request()).code == 40100


def test_request_id_looks_like_a_timestamp_and_a_number(caller: Caller) -> None:
    """Fourteen digits of time, then hexadecimal."""
    assert re.fullmatch(r"[0-9]{14}[0-9A-F]{20}", caller.track(request()).document["request_id"])
