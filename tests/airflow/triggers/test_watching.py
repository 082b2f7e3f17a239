# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""When to look again, and how a wait ends: in no time, with a clock that only sleeping moves."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowSensorTimeout, AirflowTaskTimeout

from airflow_provider_tiktok.conversions.errors import (
    AuthorizationError,
    ConfigurationError,
    ConversionsError,
    ProtocolError,
    TransientError,
    UnconfirmedError,
)
from airflow_provider_tiktok.conversions.tiktok.pixels import Sighting
from airflow_provider_tiktok.exceptions import PermanentFailure, TemporaryFailure
from airflow_provider_tiktok.triggers.watching import (
    FAULT_WAIT_S,
    LEAST_WAIT_S,
    Schedule,
    UnknownEvent,
    crashed,
    read_event,
    wait_for,
)

START = 1_000.0
NOT_YET = Sighting(is_done=False, told="not yet")
THERE = Sighting(is_done=True, told="there", facts={"pixel_id": "1"})


class Clock:
    """A clock that stands still but for sleeping."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class Watching:
    """What was seen, and when it was looked at."""

    def __init__(self, *outcomes: Sighting | ConversionsError) -> None:
        self.outcomes = list(outcomes)
        self.clock = Clock()
        self.looked_at: list[float] = []

    async def look(self) -> Sighting:
        self.looked_at.append(self.clock.now - START)
        outcome = self.outcomes[min(len(self.looked_at), len(self.outcomes)) - 1]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def wait(
        self, *, silent_fail: bool = False, first_after_s: float = 10.0, **schedule: Any
    ) -> dict[str, Any]:
        settings = {"poke_interval_s": 10.0, "deadline": START + 100, **schedule}
        return asyncio.run(
            wait_for(
                self.look,
                schedule=Schedule(**settings),
                next_look_at=START + first_after_s,
                silent_fail=silent_fail,
                clock=self.clock,
                sleep=self.clock.sleep,
            )
        )


def test_it_looks_at_the_interval_and_ends_with_what_it_saw():
    """Who deferred has just looked, so the first look is an interval later."""
    watching = Watching(NOT_YET, NOT_YET, THERE)
    assert watching.wait() == {"status": "success", "facts": {"pixel_id": "1"}, "looks": 3}
    assert watching.looked_at == [10, 20, 30]


def test_last_look_is_at_the_deadline():
    """A wait ends on its deadline, having looked there once more, and tells what it saw last."""
    watching = Watching(NOT_YET)
    ended = watching.wait(deadline=START + 25)
    assert (ended["status"], ended["reason"], ended["message"]) == ("timeout", "timeout", "not yet")
    assert watching.looked_at == [10, 20, 25]
    assert watching.clock.now == START + 25


def test_execution_timeout_counts_while_deferred():
    """The task's own limit ends the wait where it comes first, and is told apart."""
    ended = Watching(NOT_YET).wait(execution_deadline=START + 15)
    assert ended["reason"] == "execution_timeout"
    assert Watching(NOT_YET).wait(execution_deadline=START + 150)["reason"] == "timeout"


def test_wait_that_is_over_is_not_begun():
    """A trigger that is started anew behind its deadline looks at nothing."""
    watching = Watching(THERE)
    assert watching.wait(deadline=START - 1)["status"] == "timeout"
    assert watching.looked_at == []


@pytest.mark.parametrize("interval", [0.0, 0.001])
def test_tiny_interval_is_no_flood(interval: float):
    """Whatever interval is asked for, there is a second between two looks."""
    watching = Watching(NOT_YET)
    watching.wait(poke_interval_s=interval, first_after_s=0, deadline=START + 10)
    assert len(watching.looked_at) <= 10 / LEAST_WAIT_S + 1


def test_interval_doubles_where_asked_for():
    """Exponential backoff goes on in the triggerer, up to the longest wait."""
    watching = Watching(NOT_YET)
    watching.wait(exponential_backoff=True, max_wait_s=35.0, deadline=START + 110)
    assert watching.looked_at == [10, 20, 40, 75, 110]


def test_passing_faults_are_waited_out():
    """Faults of the moment end nothing."""
    watching = Watching(TransientError("busy"), UnconfirmedError("lost"), THERE)
    assert watching.wait()["status"] == "success"
    assert watching.looked_at == [10, 20, 30]


@pytest.mark.parametrize(
    ("retry_after_s", "interval_s", "gap_s"),
    [(40.0, 10.0, 40.0), (0.0, 10.0, 10.0), (None, 10.0, 10.0), (None, 3600.0, FAULT_WAIT_S)],
)
def test_server_names_the_wait(retry_after_s: float | None, interval_s: float, gap_s: float):
    """Never sooner than TikTok asks; a long interval is not waited for after a short fault."""
    watching = Watching(TransientError("busy", retry_after_s=retry_after_s), THERE)
    watching.wait(poke_interval_s=interval_s)
    assert watching.looked_at == [10, 10 + gap_s]


def test_wait_beyond_the_deadline_is_not_cut_short():
    """Where TikTok asks for more time than there is, it is not asked again."""
    watching = Watching(TransientError("busy", retry_after_s=300.0))
    assert watching.wait()["status"] == "timeout"
    assert watching.looked_at == [10]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (AuthorizationError("refused", code=40105, request_id="r1"), "authorization"),
        (ConfigurationError("wrong", code=40300, request_id="r1"), "configuration"),
        (ProtocolError("what?", code=99999, request_id="r1"), "protocol"),
        (ConversionsError("other"), "protocol"),
    ],
)
def test_what_waiting_cannot_help_ends_at_once(error: ConversionsError, reason: str):
    """One look, one event that tells why, no second look."""
    watching = Watching(error)
    ended = watching.wait()
    assert (ended["status"], ended["reason"], ended["message"]) == ("failed", reason, str(error))
    assert (ended["code"], ended["request_id"]) == (
        getattr(error, "code", None),
        getattr(error, "request_id", None),
    )
    assert watching.looked_at == [10]
    assert json.loads(json.dumps(ended)) == ended


def test_silent_fail_outlasts_what_is_not_understood():
    """As in a worker: an answer that makes no sense is looked past, a refused token is not."""
    assert Watching(ProtocolError("what?"), THERE).wait(silent_fail=True)["status"] == "success"
    assert Watching(AuthorizationError("refused")).wait(silent_fail=True)["status"] == "failed"


def test_every_look_is_told(caplog: pytest.LogCaptureFixture):
    """The log has a line for each look, with what was seen and when the next one is."""
    caplog.set_level("INFO")
    Watching(NOT_YET, TransientError("busy"), THERE).wait()
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        "Look 1: not yet; the next in 10 s at the earliest",
        "Look 2: busy; the next in 10 s at the earliest",
        "Look 3: there",
    ]


# ------------------------------------------------------------------------------------ reading the end


def test_success_gives_what_was_seen():
    """The facts of the sighting are the task's result."""
    assert read_event({"status": "success", "facts": {"pixel_id": "1"}}) == {"pixel_id": "1"}


@pytest.mark.parametrize(
    ("event", "error", "words"),
    [
        ({"status": "failed", "reason": "authorization", "message": "refused"}, PermanentFailure, "refused"),
        ({"status": "failed", "reason": "configuration", "message": "wrong"}, PermanentFailure, "wrong"),
        ({"status": "failed", "reason": "protocol", "message": "what?"}, TemporaryFailure, "what"),
        ({"status": "timeout", "reason": "timeout", "message": "not yet"}, AirflowSensorTimeout, "not yet"),
        ({"status": "timeout", "reason": "execution_timeout"}, AirflowTaskTimeout, "execution_timeout"),
        (crashed(KeyError("secret")), UnknownEvent, "KeyError in the triggerer"),
        ({"status": "failed", "reason": "mood"}, UnknownEvent, "does not know"),
        ({"status": "timeout", "reason": "mood"}, UnknownEvent, "does not know"),
        ({"status": "success"}, UnknownEvent, "without what it saw"),
        ({"status": "Success", "facts": {}}, UnknownEvent, "does not know"),
        ({"status": ["success"]}, UnknownEvent, "does not know"),
        ({}, UnknownEvent, "does not know"),
        (None, UnknownEvent, "does not know"),
        ("success", UnknownEvent, "does not know"),
    ],
)
def test_every_other_end_fails(event: Any, error: type[BaseException], words: str):
    """What is not a known success is no success."""
    with pytest.raises(error, match=words):
        read_event(event)


def test_facts_survive_the_way_back():
    """Code and request id of a refusal reach the task's failure."""
    event = Watching(AuthorizationError("refused", code=40105, request_id="r1")).wait()
    with pytest.raises(PermanentFailure) as failure:
        read_event(event)
    assert (failure.value.facts["code"], failure.value.facts["request_id"]) == (40105, "r1")


def test_crash_does_not_tell_what_the_error_said():
    """An unexpected error's text may hold anything; only its kind travels."""
    assert "secret" not in json.dumps(crashed(RuntimeError("secret")))
