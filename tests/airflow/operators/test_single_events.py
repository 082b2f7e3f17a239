# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok.exceptions import PermanentFailure
from airflow_provider_tiktok.operators.tiktok import (
    TikTokSendEventOperator,
    TikTokSendEventsOperator,
    TikTokTestEventOperator,
)
from airflow_provider_tiktok.simulator import DEFAULT_PIXEL_CODE, DEFAULT_TOKEN, Simulator
from tests.airflow.running import Task

ADDRESS = "person@example.com"
PARTS: dict[str, Any] = {
    "event_name": "Purchase",
    "event_time": 1_790_000_000,
    "event_id": "o-1",
    "user": {"email": ADDRESS},
    "properties": {"value": 12.5, "currency": "USD"},
    "page": {"url": "https://shop.example.com/thanks"},
}
WHOLE = {"event" if name == "event_name" else name: part for name, part in PARTS.items()}


@pytest.fixture
def tiktok(define_connection: Callable[..., None], simulator: Simulator) -> Simulator:
    """TikTok on loopback, with a connection on which somebody left a test event code."""
    extra = {"pixel_code": DEFAULT_PIXEL_CODE, "test_event_code": "TEST1"}
    define_connection(
        "tiktok_default", conn_type="tiktok", host=simulator.url, password=DEFAULT_TOKEN, extra=extra
    )
    return simulator


@pytest.fixture
def send(tmp_path: Path, task: Task) -> Callable[..., dict[str, Any]]:
    """Runs an operator with these arguments; gives its result."""

    def run(operator: Any = TikTokSendEventOperator, **arguments: Any) -> dict[str, Any]:
        made = operator(task_id="send", dead_letter_path=tmp_path / "letters.jsonl", **arguments)
        result: dict[str, Any] = made.execute(task.context)
        return result

    return run


def last_request(simulator: Simulator) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(simulator.requests[-1].body)
    return body


def books(simulator: Simulator) -> tuple[int, int]:
    summary = simulator.ledger.summary()
    return summary["live"]["unique_events"], summary["test"]["unique_events"]


@pytest.mark.parametrize(
    "given",
    [PARTS, {"event": WHOLE}, {"event": json.dumps(WHOLE)}],
    ids=["in parts", "as a record", "as JSON text"],
)
def test_one_event_may_be_given_in_three_ways(send: Any, tiktok: Simulator, given: dict[str, Any]):
    """Parts, a record and the record's JSON text make the same event."""
    assert send(**given)["accepted"] == 1
    (event,) = last_request(tiktok)["data"]
    assert {**event, "user": None} == {**WHOLE, "user": None}
    assert books(tiktok) == (1, 0)


def test_a_flat_record_is_as_good(send: Any, tiktok: Simulator):
    """One event may be a flat record with well-known names."""
    flat = {
        "eventName": "Purchase",
        "eventTime": "1790000000",
        "email": ADDRESS,
        "eventSourceUrl": "https://shop.example.com/",
    }
    assert send(event=flat)["accepted"] == 1


@pytest.mark.parametrize(
    "given",
    [{}, {"event": WHOLE, "event_id": "o-2"}, {"event": "[]"}, {"event": "{no json"}, {"event": 7}],
    ids=["nothing", "both ways", "a list", "no JSON", "a number"],
)
def test_what_is_not_one_event_is_told(send: Any, tiktok: Simulator, given: dict[str, Any]):
    """Nothing is sent where it is not clear what the event is."""
    with pytest.raises(PermanentFailure, match="event"):
        send(**given)
    assert tiktok.requests == []


def test_a_bad_event_fails_the_task(send: Any, tiktok: Simulator):
    """One event that breaks a rule is a failed task which names the rule."""
    with pytest.raises(PermanentFailure, match=r"properties\.value"):
        send(**{**PARTS, "properties": {"value": "much", "currency": "USD"}})
    assert tiktok.requests == []


def test_an_event_is_not_in_the_operators_words():
    """Neither the operator nor its fields show who did what."""
    for arguments in (PARTS, {"event": WHOLE}):
        operator = TikTokSendEventOperator(task_id="send", **arguments)
        shown = [getattr(operator, name) for name in operator.template_fields]
        assert ADDRESS not in repr([operator, *shown])


def test_parts_are_templated_behind_their_holder(send: Any, tiktok: Simulator, task: Task):
    """A template inside of a hidden part is rendered, and stays hidden."""
    operator = TikTokSendEventOperator(task_id="send", **{**PARTS, "user": {"email": "{{ address }}"}})
    operator.render_template_fields({**task.context, "address": ADDRESS})
    assert operator.user.value == {"email": ADDRESS}
    assert ADDRESS not in repr(operator.user)


@pytest.mark.parametrize(
    ("operator", "given"),
    [(TikTokSendEventOperator, PARTS), (TikTokSendEventsOperator, {"events": [WHOLE]})],
)
def test_a_code_left_on_the_connection_makes_no_tests_of_live_events(
    send: Any, tiktok: Simulator, operator: Any, given: dict[str, Any]
):
    """What ordinary operators send is live, whatever the connection says: only their own code counts."""
    send(operator, **given)
    assert books(tiktok) == (1, 0)
    send(operator, **given, test_event_code=" ")
    assert "test_event_code" not in last_request(tiktok)
    send(operator, **given, test_event_code="TEST2")
    assert (last_request(tiktok)["test_event_code"], books(tiktok)) == ("TEST2", (1, 1))


@pytest.mark.parametrize(("given", "code"), [({}, "TEST1"), ({"test_event_code": "TEST2"}, "TEST2")])
def test_a_test_event_is_a_test(send: Any, tiktok: Simulator, given: dict[str, Any], code: str):
    """The test operator sends under its own code, else the connection's, and never a live event."""
    send(TikTokTestEventOperator, **PARTS, **given)
    assert last_request(tiktok)["test_event_code"] == code
    assert books(tiktok) == (0, 1)


def test_a_test_event_says_what_to_look_for(send: Any, tiktok: Simulator, task: Task):
    """The result is the receipt, and names place, code, event and request."""
    result = send(TikTokTestEventOperator, **PARTS)
    for word in (DEFAULT_PIXEL_CODE, "TEST1", "1 x Purchase", result["request_ids"][0]):
        assert word in result["look_for"]
    assert {name: told for name, told in result.items() if name != "look_for"} == task.pushed["receipt"]
    assert ADDRESS not in json.dumps(result)


def test_a_test_event_happens_now(send: Any, tiktok: Simulator):
    """A test event needs no time of its own, and a second one is not a repeat of an old one's time."""
    before = int(time.time())
    send(TikTokTestEventOperator, **{**PARTS, "event_time": None})
    assert before <= last_request(tiktok)["data"][0]["event_time"] <= time.time()


def test_a_test_that_sends_nothing_says_so(send: Any, tiktok: Simulator):
    """With validate_only there is nothing to look for."""
    result = send(TikTokTestEventOperator, **PARTS, validate_only=True)
    assert "nothing to look for" in result["look_for"]
    assert tiktok.requests == []


def test_a_test_event_without_a_code_is_not_sent(
    send: Any, simulator: Simulator, define_connection: Callable[..., None]
):
    """Where neither task nor connection has a code, a test would be live: nothing is sent."""
    extra = {"pixel_code": DEFAULT_PIXEL_CODE}
    define_connection(
        "tiktok_default", conn_type="tiktok", host=simulator.url, password=DEFAULT_TOKEN, extra=extra
    )
    with pytest.raises(PermanentFailure, match="test_event_code"):
        send(TikTokTestEventOperator, **PARTS)
    assert simulator.requests == []
