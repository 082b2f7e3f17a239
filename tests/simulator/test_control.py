# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""The simulator's own endpoints, by which other processes read the books and set the stage."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_tiktok.simulator import DEFAULT_PIXEL_CODE, DEFAULT_TOKEN, Simulator
from tests.simulator.calls import NOW, TRACK, Caller, SteppedClock, liveramp_event, refresh_query, request
from tests.simulator.calls import REFRESH as REFRESH_PATH


def test_ledger_is_summed_up(caller: Caller) -> None:
    """Unique events, deliveries, repeats, sources, names, and requests by path and code."""
    caller.track(request(count=2))
    caller.track(request(count=2))
    caller.track(request(count=1, test_event_code="TEST1"))
    caller.track(b"{")
    caller.send([liveramp_event()])

    summary = caller.control("GET", "ledger").document

    assert summary["tiktok"]["live"]["unique_events"] == 2
    assert summary["tiktok"]["live"]["repeats"] == 2
    assert summary["tiktok"]["test"]["unique_events"] == 1
    assert summary["liveramp"]["live"]["unique_events"] == 1
    assert summary["requests"]["total"] == 5
    assert summary["requests"]["by_code"] == {"0": 3, "40002": 1, "none": 1}
    assert summary["requests"]["by_path"][TRACK] == 4


def test_events_are_listed_one_by_one(caller: Caller) -> None:
    """Each entry has its first request, its place there, and how often it came."""
    first = caller.track(request(count=2))
    caller.track(request(count=1))

    entries = caller.control("GET", "ledger/events").document

    assert [entry["event_id"] for entry in entries] == ["order-1", "order-2"]
    assert entries[0] == {
        "event_source": "web",
        "event_source_id": DEFAULT_PIXEL_CODE,
        "event": "Purchase",
        "event_id": "order-1",
        "event_time": NOW - 60,
        "request_id": first.document["request_id"],
        "position": 0,
        "received_at": NOW,
        "note": "",
        "deliveries": 2,
        "is_identical": True,
    }


PARTS = [
    ("after=1", ["order-2", "order-3"]),
    ("limit=1", ["order-1"]),
    ("after=1&limit=1", ["order-2"]),
    ("after=9", []),
    ("book=test", []),
    ("platform=liveramp", []),
]


@pytest.mark.parametrize(("query", "ids"), PARTS)
def test_events_are_listed_in_parts(query: str, ids: list[str], caller: Caller) -> None:
    """A long book can be read part by part, each book for itself."""
    caller.track(request(count=3))

    assert [entry["event_id"] for entry in caller.control("GET", f"ledger/events?{query}").document] == ids


@pytest.mark.parametrize("query", ["book=draft", "platform=meta", "after=one"])
def test_unknown_part_is_refused(query: str, caller: Caller) -> None:
    """A misspelled question gets an error, not an empty list."""
    assert caller.control("GET", f"ledger/events?{query}").status == 400


def test_requests_are_listed_without_secrets(caller: Caller) -> None:
    """The log over HTTP has sizes, codes and facts, and no token and no body."""
    caller.track(request())

    answer = caller.control("GET", "requests")

    (record,) = answer.document
    assert (record["number"], record["path"], record["http_status"], record["code"]) == (1, TRACK, 200, 0)
    assert (record["events"], record["unique"], record["repeats"]) == (1, 1, 0)
    assert record["headers"]["access-token"] == "(set)"
    assert DEFAULT_TOKEN.encode() not in answer.body
    assert "body" not in record


def test_requests_in_process_show_everything(caller: Caller, simulator: Simulator) -> None:
    """A test in the same process sees the very bytes and headers."""
    simulator.state.patch({"requests": {"keep_bodies": 1}})
    caller.track(b"{")
    caller.track(b"[]")

    first, second = simulator.requests
    assert (first.body, first.headers["access-token"]) == (b"{", DEFAULT_TOKEN)
    assert (second.body, second.body_bytes) == (None, 2)
    assert first.body_digest != second.body_digest


def test_control_requests_are_not_logged(caller: Caller, simulator: Simulator) -> None:
    """Looking at the books leaves no trace in them."""
    caller.control("GET", "ledger")

    assert simulator.requests == []


def test_faults_are_set_over_http(caller: Caller) -> None:
    """PUT replaces the faults, POST adds one or several, GET shows the counters."""
    assert caller.control("PUT", "faults", [{"effect": {"code": 50000}, "times": 1}]).status == 200
    assert caller.control("POST", "faults", {"name": "late", "effect": {"code": 50002}}).status == 200
    assert caller.control("POST", "faults", [{"effect": {"code": 40100}}]).status == 200

    codes = [caller.track(request()).code for _ in range(2)]

    assert codes == [50000, 50002]
    faults = caller.control("GET", "faults").document
    assert [(fault["name"], fault["fired"]) for fault in faults] == [
        ("fault 1", 1),
        ("late", 1),
        ("fault 3", 0),
    ]


def test_state_is_set_over_http(caller: Caller) -> None:
    """PATCH lays a document over the state, null removes, PUT starts again from the defaults."""
    patched = caller.control("PATCH", "state", {"tiktok": {"max_events": 5, "tokens": {DEFAULT_TOKEN: None}}})
    assert (patched.status, patched.document["tiktok"]["tokens"]) == (200, {})
    assert caller.track(request()).code == 40105

    caller.control("PUT", "state", {"tiktok": {"message_index": "dots"}})

    state = caller.control("GET", "state").document["tiktok"]
    assert (state["max_events"], state["message_index"]) == (1000, "dots")
    assert caller.track(request()).code == 0


BAD_SETTINGS: list[tuple[str, str, Any]] = [
    ("PATCH", "state", {"tiktok": {"max_event": 5}}),
    ("PATCH", "state", {"tiktok": {"max_events": 0}}),
    ("PATCH", "state", {"tiktok": None}),
    ("PATCH", "state", []),
    ("PATCH", "state", 5),
    ("PUT", "state", {"tik_tok": {}}),
    ("PUT", "faults", {"effect": {"code": 1}}),
    ("PUT", "faults", 5),
    ("POST", "faults", [{"effekt": {}}]),
    ("POST", "faults", "drop"),
]


@pytest.mark.parametrize(("method", "endpoint", "document"), BAD_SETTINGS)
def test_bad_setting_is_refused_and_changes_nothing(
    method: str, endpoint: str, document: Any, caller: Caller
) -> None:
    """A setting that is not understood is an error that says where, and leaves all as it was."""
    before = caller.control("GET", endpoint).document

    answer = caller.control(method, endpoint, document)

    assert answer.status == 400
    assert answer.document["error"].startswith(endpoint)
    assert caller.control("GET", endpoint).document == before


def test_setting_that_is_no_json_is_refused(caller: Caller) -> None:
    """So is a body that cannot be read."""
    assert caller.call("PATCH", "/_simulator/state", b"{").status == 400


@pytest.mark.parametrize(
    ("method", "endpoint", "status"),
    [("GET", "nothing", 404), ("DELETE", "state", 405), ("GET", "reset", 405), ("POST", "ledger", 405)],
)
def test_unknown_endpoint_is_an_error(method: str, endpoint: str, status: int, caller: Caller) -> None:
    """What is not there is not answered with 200."""
    assert caller.control(method, endpoint).status == status


def test_reset_brings_back_the_start(clock: SteppedClock) -> None:
    """Books, log, envelopes, counters, state and faults are what they were when the simulator was made."""
    faults = [{"match": {"nth": [2]}, "effect": {"code": 50000}}]
    with (
        Simulator(state={"tiktok": {"max_events": 5}}, faults=faults, clock=clock) as simulator,
        Caller(simulator.url) as caller,
    ):
        caller.track(request())
        caller.send([liveramp_event()])
        caller.envelope(REFRESH_PATH, refresh_query("AbCdEf"))
        simulator.state.patch({"tiktok": {"max_events": 1}})
        simulator.faults = []

        caller.control("POST", "reset")

        assert (simulator.requests, simulator.envelopes()) == ([], [])
        assert all(ledger.events() == [] for ledger in simulator.ledgers.values())
        assert simulator.state["tiktok"]["max_events"] == 5
        assert [caller.track(request()).code for _ in range(3)] == [0, 50000, 0]


def test_summary_is_the_same_from_inside(caller: Caller, simulator: Simulator) -> None:
    """In process and over HTTP the books read alike."""
    caller.track(request())

    assert simulator.summary() == caller.control("GET", "ledger").document


def test_assigned_state_starts_from_the_defaults(simulator: Simulator) -> None:
    """Assigning a state drops what earlier settings changed."""
    simulator.state.patch({"tiktok": {"max_events": 5}})
    simulator.state = {"tiktok": {"echo_values": True}}

    state = simulator.state.read()["tiktok"]
    assert (state["max_events"], state["echo_values"]) == (1000, True)


def test_state_that_is_read_is_a_copy(simulator: Simulator) -> None:
    """Changing what was read changes nothing."""
    simulator.state["tiktok"]["tokens"].clear()
    simulator.state.read()["tiktok"]["tokens"].clear()

    assert simulator.state["tiktok"]["tokens"].keys() == {DEFAULT_TOKEN}
