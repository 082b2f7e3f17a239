# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""Each fault, proven over real HTTP: which requests it hits, what the caller sees, and what is booked."""

from __future__ import annotations

import http.client
from typing import Any

import pytest

from airflow_provider_tiktok.simulator import DEFAULT_TOKEN, Simulator
from airflow_provider_tiktok.simulator.state import BadSetting
from tests.simulator.calls import (
    ADVERTISER,
    SEND,
    TRACK,
    Caller,
    SteppedClock,
    changed,
    liveramp_event,
    request,
)

HTML = "<html><h1>502 Bad Gateway</h1></html>"


EFFECTS: list[tuple[dict[str, Any], int, bytes | None, int | None, int]] = [
    ({"http_status": 503, "empty_body": True}, 503, b"", None, 0),
    ({"http_status": 502, "raw_body": HTML}, 502, HTML.encode(), None, 0),
    ({"raw_body": HTML}, 200, HTML.encode(), None, 0),
    ({"empty_body": True}, 200, b"", None, 0),
    ({"http_status": 200, "raw_body": "{"}, 200, b"{", None, 0),
    ({"http_status": 502, "raw_body": HTML, "process": True}, 502, HTML.encode(), None, 1),
    ({"http_status": 503}, 503, b"", None, 0),
    ({"http_status": 503, "process": True}, 503, None, 0, 1),
    ({"code": 50000, "message": "System error"}, 200, None, 50000, 0),
    ({"code": 50002, "message": "Timeout", "process": True}, 200, None, 50002, 1),
    ({"http_status": 401, "code": 40100}, 401, None, 40100, 0),
    ({"http_status": 500, "code": 0, "process": True}, 500, None, 0, 1),
    ({"delay_s": 0.001}, 200, None, 0, 1),
]


@pytest.mark.parametrize(("effect", "status", "body", "code", "booked"), EFFECTS)
def test_effect_shapes_the_answer(
    effect: dict[str, Any],
    status: int,
    body: bytes | None,
    code: int | None,
    booked: int,
    caller: Caller,
    simulator: Simulator,
) -> None:
    """Status, code and body are as asked for; the request is booked only if the fault lets it be processed."""
    simulator.faults = [{"effect": effect}]

    answer = caller.track(request())

    assert answer.status == status
    assert body is None or answer.body == body
    assert code is None or answer.code == code
    assert len(simulator.ledger.events()) == booked
    assert simulator.requests[0].fault == "fault 1"


def test_headers_are_added(caller: Caller, simulator: Simulator) -> None:
    """A fault can send headers such as Retry-After, and replace the usual ones."""
    simulator.faults = [
        {
            "effect": {
                "http_status": 429,
                "code": 40100,
                "headers": {"Retry-After": "7", "Content-Type": "text/html"},
            }
        }
    ]

    answer = caller.track(request())

    assert (answer.headers["retry-after"], answer.headers["content-type"]) == ("7", "text/html")


def test_headers_alone_leave_the_answer(caller: Caller, simulator: Simulator) -> None:
    """Headers without a body or status go on top of the usual answer."""
    simulator.faults = [{"effect": {"headers": {"Retry-After": "1"}}}]

    answer = caller.track(request())

    assert (answer.code, answer.headers["retry-after"]) == (0, "1")


@pytest.mark.parametrize(("when", "booked"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize(
    ("reset", "error"), [(False, http.client.RemoteDisconnected), (True, ConnectionResetError)]
)
def test_dropped_request_gets_no_answer(
    when: str, booked: int, reset: bool, error: type[Exception], caller: Caller, simulator: Simulator
) -> None:
    """The connection ends without an answer; dropped after processing, the events are in the ledger."""
    simulator.faults = [{"effect": {"drop": when, "reset": reset}, "times": 1}]

    with pytest.raises(error):
        caller.track(request())

    assert len(simulator.ledger.events()) == booked
    assert (simulator.requests[0].http_status, simulator.requests[0].code) == (None, None)
    caller.connection.close()
    assert caller.track(request()).code == 0
    assert simulator.ledger.events()[0].deliveries == 1 + booked


def test_truncated_answer_ends_early(caller: Caller, simulator: Simulator) -> None:
    """The length says one thing and the body another; the request was processed."""
    simulator.faults = [{"effect": {"truncate_at": 5}}]

    with pytest.raises(http.client.IncompleteRead) as error:
        caller.track(request())

    assert error.value.partial == b'{"cod'
    assert len(simulator.ledger.events()) == 1


def test_delay_comes_after_processing(caller: Caller, simulator: Simulator) -> None:
    """A caller that gives up waiting does not know that its events were booked."""
    simulator.faults = [{"effect": {"delay_s": 60}}]
    caller.connection.timeout = 0.05

    with pytest.raises(TimeoutError):
        caller.track(request())

    assert len(simulator.ledger.events()) == 1


@pytest.mark.parametrize("base", [0, 1])
def test_partial_success_books_the_others(base: int, caller: Caller, simulator: Simulator) -> None:
    """Code 20001 names the failed positions, counted from the set base; all others are booked."""
    simulator.faults = [
        {"effect": {"partial": {"positions": [0, 3], "order_base": base, "error": "Not today"}}}
    ]

    answer = caller.track(request(count=5))

    assert (answer.status, answer.code) == (200, 20001)
    assert answer.data == {
        "partial_failure": True,
        "failed_events": [{"order_in_batch": base + n, "error": "Not today"} for n in (0, 3)],
    }
    assert simulator.ledger.event_ids() == ["order-2", "order-3", "order-5"]
    assert [entry.position for entry in simulator.ledger.events()] == [1, 2, 4]


def test_partial_success_names_no_position_outside(caller: Caller, simulator: Simulator) -> None:
    """Positions that the request does not have are left out."""
    simulator.faults = [{"effect": {"partial": {"positions": [1, 5]}}}]

    answer = caller.track(request(count=2))

    assert [row["order_in_batch"] for row in answer.data["failed_events"]] == [1]


def test_partial_success_does_not_save_a_bad_request(caller: Caller, simulator: Simulator) -> None:
    """A broken rule still refuses everything."""
    simulator.faults = [{"effect": {"partial": {"positions": [0]}}}]

    assert caller.track(changed(request(count=2), "data.1.event_id", 7)).code == 40002
    assert simulator.ledger.events() == []


def test_state_can_change_in_mid_run(caller: Caller, simulator: Simulator) -> None:
    """A token is revoked at the third request: that one is refused already."""
    revoke = {"tiktok": {"tokens": {DEFAULT_TOKEN: {"status": "revoked"}}}}
    simulator.faults = [{"match": {"nth": [3]}, "effect": {"set_state": revoke}}]

    assert [caller.track(request()).code for _ in range(4)] == [0, 0, 40102, 40102]


def fired_on(simulator: Simulator) -> list[int]:
    return [record.number for record in simulator.requests if record.fault]


MATCHES: list[tuple[dict[str, Any], dict[str, Any], list[int]]] = [
    ({}, {}, [1, 2, 3, 4, 5, 6]),
    ({"nth": [2, 5]}, {}, [2, 5]),
    ({"every": 2}, {}, [2, 4, 6]),
    ({"first": 2}, {}, [1, 2]),
    ({"every": 2}, {"times": 2}, [2, 4]),
    ({"every": 2, "first": 4}, {}, [2, 4]),
    ({"probability": 0.0}, {}, []),
    ({"probability": 1.0}, {"times": 1}, [1]),
    ({"probability": 0.5, "seed": 3}, {}, [1, 3, 6]),
    ({"path": "*/event/track/"}, {}, [1, 2, 3, 4, 5, 6]),
    ({"path": "*/pixel/*"}, {}, []),
    ({"method": "GET"}, {}, []),
    ({"method": "POST", "nth": [1]}, {}, [1]),
]


@pytest.mark.parametrize(("match", "more", "numbers"), MATCHES)
def test_match_chooses_requests(
    match: dict[str, Any], more: dict[str, Any], numbers: list[int], caller: Caller, simulator: Simulator
) -> None:
    """The conditions decide which of six requests are hit."""
    simulator.faults = [{"match": match, "effect": {"code": 50000}, **more}]

    answers = [caller.track(request()).code for _ in range(6)]

    assert fired_on(simulator) == numbers
    assert [n for n, code in enumerate(answers, 1) if code == 50000] == numbers


def test_same_seed_gives_the_same_faults(simulator: Simulator, caller: Caller) -> None:
    """A run with random faults can be repeated."""
    fault = {"match": {"probability": 0.5, "seed": 11}, "effect": {"code": 50000}}
    runs = []
    for _ in range(2):
        simulator.faults = [fault]
        runs.append([caller.track(request()).code for _ in range(20)])

    assert runs[0] == runs[1]
    assert set(runs[0]) == {0, 50000}


def test_positions_count_only_what_concerns_the_fault(caller: Caller, simulator: Simulator) -> None:
    """The second request to a path is the second, whatever came between."""
    simulator.faults = [{"match": {"path": TRACK, "nth": [2]}, "effect": {"code": 50000}}]

    codes = [
        caller.read("pixel/list", **ADVERTISER).code,
        caller.track(request()).code,
        caller.read("pixel/list", **ADVERTISER).code,
        caller.track(request()).code,
    ]

    assert codes == [0, 0, 0, 50000]


def test_fault_follows_an_event(caller: Caller, simulator: Simulator) -> None:
    """A fault can be tied to an event id, wherever the event turns up."""
    simulator.faults = [{"match": {"event_ids": ["order-3"]}, "effect": {"code": 50000}}]

    assert [caller.track(request(count=n)).code for n in (2, 3, 1)] == [0, 50000, 0]
    assert caller.track(b"not JSON").code == 40002


def test_fault_waits_for_accepted_requests(caller: Caller, simulator: Simulator) -> None:
    """Refused requests and reads do not count as accepted."""
    simulator.faults = [{"match": {"after_accepted": 2}, "effect": {"code": 50000}}]

    codes = [caller.track(body).code for body in (request(), b"{", request(), request())]

    assert codes == [0, 40002, 0, 50000]


def test_first_fault_that_holds_is_fired(caller: Caller, simulator: Simulator) -> None:
    """One fault per request, in the order of the list."""
    simulator.faults = [
        {"name": "first", "match": {"nth": [1]}, "effect": {"code": 50000}},
        {"name": "second", "match": {"first": 2}, "effect": {"code": 50002}},
    ]

    assert [caller.track(request()).code for _ in range(3)] == [50000, 50002, 0]
    assert [record.fault for record in simulator.requests] == ["first", "second", None]
    assert [(fault["seen"], fault["fired"]) for fault in simulator.faults.read()] == [(3, 1), (3, 1)]


def test_added_fault_leaves_the_others_counting(caller: Caller, simulator: Simulator) -> None:
    """A fault added later sees only what comes after it."""
    simulator.faults = [{"match": {"nth": [3]}, "effect": {"code": 50000}}]
    caller.track(request())
    simulator.faults.add({"match": {"nth": [1]}, "effect": {"code": 50002}})

    assert [caller.track(request()).code for _ in range(2)] == [50002, 50000]


def test_faults_hit_liveramp_too(caller: Caller, simulator: Simulator) -> None:
    """The adapter can fail, with and without having processed the events."""
    simulator.faults = [
        {"match": {"path": "/send-events/*", "nth": [1]}, "effect": {"http_status": 503}},
        {
            "match": {"path": SEND, "nth": [2]},
            "effect": {"http_status": 502, "raw_body": HTML, "process": True},
        },
    ]

    answers = [caller.send([liveramp_event()]) for _ in range(3)]

    assert [(answer.status, answer.body) for answer in answers[:2]] == [(503, b""), (502, HTML.encode())]
    assert answers[2].status == 200
    assert [entry.deliveries for entry in simulator.liveramp_ledger.events()] == [2]


def test_code_alone_is_a_failure_for_liveramp(caller: Caller, simulator: Simulator) -> None:
    """LiveRamp has no codes: a fault meant for TikTok that hits it must not look like success."""
    simulator.faults = [{"effect": {"code": 50000}}]

    assert caller.send([liveramp_event()]).status == 500
    assert simulator.liveramp_ledger.events() == []


def test_control_is_never_hit(caller: Caller, simulator: Simulator) -> None:
    """Faults do not reach the simulator's own endpoints."""
    simulator.faults = [{"effect": {"http_status": 500, "empty_body": True}}]

    assert caller.control("GET", "ledger").status == 200


BAD_FAULTS: list[Any] = [
    [{}],
    [{"effect": {}}],
    [{"effect": {"status": 500}}],
    [{"effect": {"code": "50000"}}],
    [{"effect": {"code": 50000}, "time": 1}],
    [{"effect": {"code": 50000}, "times": 0}],
    [{"effect": {"code": 50000}, "match": {"paths": "*"}}],
    [{"effect": {"code": 50000}, "match": {"nth": 3}}],
    [{"effect": {"code": 50000}, "match": {"probability": 2}}],
    [{"effect": {"code": 50000}, "match": {"seed": 2}}],
    [{"effect": {"drop": "later"}}],
    [{"effect": {"drop": "before", "code": 0}}],
    [{"effect": {"reset": True}}],
    [{"effect": {"raw_body": "x", "code": 0}}],
    [{"effect": {"raw_body": "x", "empty_body": True}}],
    [{"effect": {"partial": {}}}],
    [{"effect": {"partial": {"positions": [0]}, "http_status": 500}}],
    [{"effect": {"code": 0}}],
    [{"effect": {"code": 0, "process": False}}],
    [{"effect": {"message": "OK"}}],
    [{"effect": {"set_state": {"tiktok": {"max_event": 5}}}}],
    {"effect": {"code": 50000}},
    "none",
    7,
    None,
]


@pytest.mark.parametrize("faults", BAD_FAULTS)
def test_misspelled_fault_is_refused(faults: Any, simulator: Simulator) -> None:
    """A fault that could never fire as meant is refused when it is set, and the former ones stay."""
    simulator.faults = [{"name": "kept", "effect": {"code": 50000}}]

    with pytest.raises(BadSetting):
        simulator.faults = faults

    assert [fault["name"] for fault in simulator.faults.read()] == ["kept"]


def test_drop_after_keeps_the_clock_out(caller: Caller, simulator: Simulator, clock: SteppedClock) -> None:
    """A lost answer and its resend are one event with two identical deliveries."""
    simulator.faults = [{"effect": {"drop": "after"}, "times": 1}]
    with pytest.raises(http.client.RemoteDisconnected):
        caller.track(request(count=3))
    clock.step(5)
    caller.connection.close()
    caller.track(request(count=3))

    assert [(entry.deliveries, entry.is_identical) for entry in simulator.ledger.events()] == [(2, True)] * 3
