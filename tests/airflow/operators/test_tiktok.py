# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok.exceptions import PermanentFailure, TemporaryFailure
from airflow_provider_tiktok.operators.tiktok import TikTokSendEventsOperator
from airflow_provider_tiktok.simulator import Simulator
from tests.airflow.running import Task

ADDRESS = "person@example.com"


def purchase(number: int, **more: Any) -> dict[str, Any]:
    return {
        "event": "Purchase",
        "event_time": int(time.time()) - 60,
        "event_id": f"o-{number}",
        "user": {"email": ADDRESS, "ip": "203.0.113.7"},
        "page": {"url": "https://shop.example.com/thanks"},
        "properties": {"value": 12.5, "currency": "USD"},
        **more,
    }


@pytest.fixture
def send(tmp_path: Path, task: Task):  # type: ignore[no-untyped-def]
    """Runs the operator with these events and arguments; gives the receipt."""

    def run(events: Any, **arguments: Any) -> dict[str, Any]:
        arguments.setdefault("dead_letter_path", tmp_path / "letters.jsonl")
        operator = TikTokSendEventsOperator(task_id="send", events=events, **arguments)
        return operator.execute(task.context)

    return run


def live(simulator: Simulator) -> dict[str, Any]:
    book: dict[str, Any] = simulator.ledger.summary()["live"]
    return book


def test_events_reach_tiktok(send: Any, tiktok: Simulator):
    """Events in the API's own shape are accepted, under the connection's pixel."""
    receipt = send([purchase(1), purchase(2)])
    assert (receipt["read"], receipt["accepted"], receipt["requests"]) == (2, 2, 1)
    assert live(tiktok)["unique_events"] == 2


def test_events_may_come_as_json_text(send: Any, tiktok: Simulator):
    """A template gives text: a JSON array in it is as good as a list."""
    assert send(json.dumps([purchase(1)]))["accepted"] == 1


def test_same_events_again_are_no_new_ones(send: Any, tiktok: Simulator):
    """A second run carries the same ids, made from the events where the source has none."""
    event = purchase(1)
    del event["event_id"]
    send([event])
    send([event])
    assert live(tiktok)["unique_events"] == 1
    assert live(tiktok)["deliveries"] == 2


def test_argument_comes_before_the_connection(send: Any, tiktok: Simulator):
    """The task's own event_source_id and test_event_code are used."""
    tiktok.state.patch(
        {"tiktok": {"pixels": {"C0FFEE00000000000001": tiktok.state["tiktok"]["pixels"].popitem()[1]}}}
    )
    send([purchase(1)], event_source_id="C0FFEE00000000000001", test_event_code="TEST1")
    request = json.loads(tiktok.requests[-1].body)
    assert (request["event_source_id"], request["test_event_code"]) == ("C0FFEE00000000000001", "TEST1")
    assert live(tiktok)["unique_events"] == 0


def test_event_source_without_id_is_told(send: Any, tiktok: Simulator):
    """Nothing is sent where it is not known where events belong."""
    with pytest.raises(PermanentFailure, match=r"fill in 'CRM event set id' .* crm events"):
        send([purchase(1)], event_source="crm")
    assert tiktok.requests == []


def test_id_of_another_source_is_told(send: Any, tiktok: Simulator):
    """A pixel code given for offline events is found before anything is sent."""
    with pytest.raises(PermanentFailure, match="event_source_id"):
        send([purchase(1)], event_source="offline", event_source_id="C0FFEE00000000000001")
    assert tiktok.requests == []


def test_too_many_events_in_a_request_are_told(send: Any, tiktok: Simulator):
    """A setting beyond TikTok's own limit is refused, not cut down in silence."""
    with pytest.raises(PermanentFailure, match="1,000"):
        send([purchase(1)], max_events_per_request=1001)


def test_settings_of_a_request_hold(send: Any, tiktok: Simulator):
    """Requests hold as many events as the task says."""
    receipt = send([purchase(n) for n in range(5)], max_events_per_request=2, max_in_flight=1)
    assert receipt["requests"] == 3


def test_rate_limit_is_obeyed(send: Any, tiktok: Simulator):
    """With a limit the task still delivers everything."""
    receipt = send([purchase(n) for n in range(3)], max_events_per_request=1, max_requests_per_second=1000)
    assert receipt["accepted"] == 3


def test_refused_token_fails_for_good(send: Any, tiktok: Simulator):
    """A token that TikTok refuses stops the run, and no retry is asked for."""
    tiktok.state.patch({"tiktok": {"tokens": {"simulator-token": {"status": "revoked"}}}})
    with pytest.raises(PermanentFailure) as caught:
        send([purchase(1)])
    assert caught.value.kind == "AuthorizationError"
    assert "simulator-token" not in str(caught.value)


def test_spent_retries_leave_it_to_airflow(send: Any, tiktok: Simulator, task: Task):
    """When TikTok is down the task fails such that Airflow tries again; nothing is lost from the receipt."""
    tiktok.faults = [{"match": {}, "effect": {"http_status": 503, "raw_body": "busy"}}]
    with pytest.raises(TemporaryFailure):
        send([purchase(1), purchase(2)], max_attempts_per_request=1)
    receipt = task.pushed["receipt"]
    assert receipt["read"] == receipt["unconfirmed"] + receipt["undelivered"] == 2


def test_bad_event_fails_the_task_after_the_good_ones(
    send: Any, tiktok: Simulator, task: Task, tmp_path: Path
):
    """One bad event costs itself: it is in the dead letters without its values, and the others are sent."""
    with pytest.raises(PermanentFailure, match="1 of 3"):
        send([purchase(1), purchase(2, properties={"value": "much", "currency": "USD"}), purchase(3)])
    assert live(tiktok)["unique_events"] == 2
    letter = json.loads((tmp_path / "letters.jsonl").read_text())
    assert (letter["row"], letter["outcome"]) == (2, "rejected")
    assert letter["violations"][0]["path"] == "properties.value"
    assert ADDRESS not in json.dumps([letter, task.pushed])
    assert (tmp_path / "letters.jsonl").stat().st_mode & 0o777 == 0o600


def test_demo_mode_asks_no_one_else(send: Any, tiktok: Simulator):
    """In demo mode the connection's own server is never asked."""
    assert send([purchase(1)], demo_mode=True)["accepted"] == 1
    assert tiktok.requests == []


def test_run_wide_rules_reach_validation(send: Any, tiktok: Simulator):
    """Options of validation are the run's: an event without a page may be let through."""
    tiktok.state.patch({"tiktok": {"require_event_id": True}})
    event = purchase(1)
    del event["page"]
    with pytest.raises(PermanentFailure, match=r"page\.url"):
        send([event])
    assert send([event], require_page_url=False, validate_only=True)["reasons"] == {"validate_only": 1}


def test_old_events_are_counted_or_refused(send: Any, tiktok: Simulator):
    """An event beyond max_event_age is sent with a warning, or rejected where the task says so."""
    old = purchase(1, event_time=int(time.time()) - 40 * 86_400)
    assert [finding["rule"] for finding in send([old])["warnings"]]
    with pytest.raises(PermanentFailure, match="event_time"):
        send([old], refuse_old_events=True)


def test_events_are_not_in_the_operators_words():
    """Neither the operator nor its field shows an event."""
    operator = TikTokSendEventsOperator(task_id="send", events=[purchase(1)])
    assert ADDRESS not in repr(operator) + repr(operator.events) + repr(operator.events.serialize())
    assert "events" in operator.template_fields
