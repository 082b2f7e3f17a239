# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Sensors against the simulator: every mode means the same by timeout, soft_fail and errors."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    TaskDeferred,
)

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.exceptions import PermanentFailure, TemporaryFailure
from airflow_provider_tiktok.operators.tiktok import TikTokSendEventsOperator
from airflow_provider_tiktok.sensors.tiktok import TikTokEventsReceivedSensor, TikTokPixelSensor, TikTokSensor
from airflow_provider_tiktok.simulator import (
    DEFAULT_ADVERTISER_ID,
    DEFAULT_PIXEL_CODE,
    DEFAULT_PIXEL_ID,
    DEFAULT_TOKEN,
    Simulator,
)
from airflow_provider_tiktok.triggers.watching import FAULT_WAIT_S, LEAST_WAIT_S, UnknownEvent
from tests.airflow.running import Task

pytestmark = pytest.mark.usefixtures("airflow_home")

AIRFLOW = tuple(int(part) for part in version("apache-airflow").split(".")[:2])

NO_TIME = {"timeout": 0, "poke_interval": 0}

REVOKED = {"tokens": {DEFAULT_TOKEN: {"status": "revoked"}}}
NOT_UNDERSTOOD = [{"effect": {"code": 99999}}]


def pixel_sensor(**arguments: Any) -> TikTokPixelSensor:
    return TikTokPixelSensor(task_id="wait", **arguments)


def counts_sensor(**arguments: Any) -> TikTokEventsReceivedSensor:
    return TikTokEventsReceivedSensor(task_id="wait", **{"first_day": "2026-11-23", **arguments})


def in_worker(sensor: TikTokSensor, task: Task) -> Any:
    """The result of a sensor that stays in its worker."""
    return sensor.execute(task.context)


def in_triggerer(sensor: TikTokSensor, task: Task) -> Any:
    """The result of a sensor that defers, by way of its trigger as Airflow stores it."""
    sensor.deferrable = True
    try:
        return sensor.execute(task.context)
    except TaskDeferred as deferred:
        path, arguments = deferred.trigger.serialize()
        again = type(deferred.trigger)(**json.loads(json.dumps(arguments)))
        assert path.endswith(type(again).__qualname__)
        event = asyncio.run(first_event(again))
        return sensor.resume_execution(deferred.method_name, {"event": event}, task.context)


async def first_event(waiting: Any) -> Any:
    async for event in waiting.run():
        return json.loads(json.dumps(event.payload))
    raise AssertionError("the trigger ended without an event")


def deferral_of(sensor: TikTokSensor, task: Task) -> TaskDeferred:
    sensor.deferrable = True
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute(task.context)
    return deferred.value


def send(n_events: int, *, task: Task, folder: Path) -> None:
    """So many purchases of a minute ago reach the pixel."""
    events = [
        {
            "event": "Purchase",
            "event_time": int(time.time()) - 60,
            "event_id": f"o-{number}",
            "user": {"email": "person@example.com"},
            "page": {"url": "https://shop.example.com/thanks"},
            "properties": {"value": 12.5, "currency": "USD"},
        }
        for number in range(n_events)
    ]
    sender = TikTokSendEventsOperator(
        task_id="send", events=events, dead_letter_path=folder / "letters.jsonl"
    )
    assert sender.execute(task.context)["accepted"] == n_events


def set_pixel(tiktok: Simulator, **facts: Any) -> None:
    tiktok.state.patch({"tiktok": {"pixels": {DEFAULT_PIXEL_CODE: facts}}})


Run = Callable[[TikTokSensor, Task], Any]
modes = pytest.mark.parametrize("run", [in_worker, in_triggerer])


# ------------------------------------------------------------------------------------ the same in all modes


@modes
def test_pixel_that_is_there_ends_the_wait(run: Run, tiktok: Simulator, task: Task):
    """What is there at the first look is the result, and no mode looks twice."""
    assert run(pixel_sensor(), task) == {
        "pixel_code": DEFAULT_PIXEL_CODE,
        "pixel_id": DEFAULT_PIXEL_ID,
        "pixel_name": "Simulator pixel",
        "activity_status": "NO_RECENT_ACTIVITY",
    }
    assert [request.code for request in tiktok.requests] == [0, 40002]


@modes
def test_counted_events_end_the_wait(run: Run, tiktok: Simulator, task: Task, tmp_path: Path):
    """Arguments that come from templates are text, and good."""
    send(2, task=task, folder=tmp_path)
    day = f"{datetime.now(UTC) - timedelta(minutes=1):%Y-%m-%d}"
    seen = run(counts_sensor(first_day=day, min_events="2", event_type="SHOPPING"), task)
    assert seen == {"server_events": 2, "by_type": {"SHOPPING": 2}}
    with pytest.raises(AirflowSensorTimeout):
        run(counts_sensor(first_day=day, min_events="3", **NO_TIME), task)


@modes
@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, AirflowSensorTimeout),
        ({"soft_fail": True}, AirflowSkipException),
        ({"never_fail": True}, AirflowSkipException),
    ],
)
def test_timeout_means_the_same(
    run: Run, tiktok: Simulator, task: Task, arguments: dict[str, Any], error: type[Exception]
):
    """A wait in vain is a timeout, or a skip where that is asked for."""
    set_pixel(tiktok, deleted=True)
    with pytest.raises(error):
        run(pixel_sensor(**NO_TIME, **arguments), task)


@modes
@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, PermanentFailure),
        ({"soft_fail": True}, AirflowSkipException),
        ({"never_fail": True}, AirflowSkipException),
        ({"silent_fail": True}, PermanentFailure),
    ],
)
def test_refused_token_means_the_same(
    run: Run, tiktok: Simulator, task: Task, arguments: dict[str, Any], error: type[Exception]
):
    """A refused token fails at once, whatever the timeout; it is asked with once."""
    tiktok.state.patch({"tiktok": REVOKED})
    with pytest.raises(error):
        run(pixel_sensor(timeout=3600, **arguments), task)
    assert len(tiktok.requests) == 1


@modes
@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, TemporaryFailure),
        ({"soft_fail": True}, AirflowSkipException),
        ({"silent_fail": True}, AirflowSensorTimeout),
    ],
)
def test_answer_that_is_not_understood_means_the_same(
    run: Run, tiktok: Simulator, task: Task, arguments: dict[str, Any], error: type[Exception]
):
    """An unknown code is no success: the task fails and Airflow may retry it; silent_fail looks on."""
    tiktok.faults = NOT_UNDERSTOOD
    with pytest.raises(error):
        run(pixel_sensor(**NO_TIME, **arguments), task)
    assert len(tiktok.requests) == 1


@modes
def test_wrong_setting_means_the_same(run: Run, tiktok: Simulator, task: Task):
    """A setting that a person must change fails at once, naming it; nothing is asked."""
    with pytest.raises(PermanentFailure, match="Give a date, or a text such as 2026-11-23, as first_day"):
        run(counts_sensor(first_day="yesterday", timeout=3600), task)
    assert tiktok.requests == []


@modes
def test_wrong_connection_means_the_same(run: Run, define_connection: Callable[..., None], task: Task):
    """A connection without an advertiser fails at once, naming the field."""
    define_connection("shop", conn_type="tiktok", password=DEFAULT_TOKEN, extra={})
    with pytest.raises(PermanentFailure, match=r"\('advertiser_id'\) of connection .* is empty"):
        run(pixel_sensor(tiktok_conn_id="shop", timeout=3600), task)


@modes
def test_absent_connection_means_the_same(run: Run, task: Task):
    """A mistyped connection fails at once."""
    with pytest.raises(PermanentFailure, match="connection 'nowhere' is not defined"):
        run(pixel_sensor(tiktok_conn_id="nowhere", timeout=3600), task)


@modes
def test_passing_fault_means_the_same(run: Run, tiktok: Simulator, task: Task):
    """A fault of the moment ends nothing before the time is over, and is told then, with what to do."""
    tiktok.faults = [{"effect": {"http_status": 502}}]
    with pytest.raises(AirflowSensorTimeout) as ended:
        run(pixel_sensor(**NO_TIME), task)
    assert str(ended.value).startswith("Set a longer timeout, or mend what it waits for: its time is over.")
    seen = "HTTP status 502" if run is in_worker else "Last seen: nothing was looked at"
    assert seen in str(ended.value)


# ------------------------------------------------------------------------------------ in the worker


def test_worker_waits_as_long_as_tiktok_asks(tiktok: Simulator, task: Task):
    """After a fault the next look is when TikTok says, after a look at the interval, never at once."""
    sensor = pixel_sensor(poke_interval=600)
    tiktok.faults = [
        {"times": 1, "effect": {"http_status": 503, "headers": {"Retry-After": "900"}}},
        {"times": 1, "effect": {"http_status": 502}},
    ]
    waits = []
    for _ in range(3):
        sensor.poke(task.context)
        waits.append(sensor._get_next_poke_interval(time.monotonic(), lambda: 0.0, 1))
    assert waits == [900.0, FAULT_WAIT_S, 600.0]
    assert pixel_sensor(poke_interval=0)._get_next_poke_interval(0.0, lambda: 0.0, 1) == LEAST_WAIT_S


def test_worker_does_not_wait_beyond_the_timeout(tiktok: Simulator, task: Task):
    """Where TikTok asks for more time than there is, no worker is kept for it, and TikTok is not asked again."""
    tiktok.faults = [{"effect": {"http_status": 503, "headers": {"Retry-After": "86400"}}}]
    with pytest.raises(AirflowSensorTimeout, match="before TikTok may be asked again"):
        pixel_sensor(timeout=600).execute(task.context)
    with pytest.raises(AirflowSkipException):
        pixel_sensor(timeout=600, soft_fail=True).execute(task.context)
    assert len(tiktok.requests) == 2


def test_blank_template_is_no_id(tiktok: Simulator, task: Task):
    """A template that renders to nothing leaves the choice to the connection."""
    seen = pixel_sensor(pixel_code="", pixel_id="", advertiser_id="").execute(task.context)
    assert seen["pixel_code"] == DEFAULT_PIXEL_CODE


@pytest.mark.skipif(AIRFLOW < (3, 0), reason="Airflow 2 asks its database; whole runs are in another file")
def test_reschedule_is_no_failure(tiktok: Simulator, task: Task):
    """A sensor that would be skipped when it fails still asks to be started again while it waits."""
    set_pixel(tiktok, deleted=True)
    task.get_first_reschedule_date = lambda _: None  # type: ignore[attr-defined]  # Airflow's own asks its database
    for asked in ({"soft_fail": True}, {"never_fail": True}):
        with pytest.raises(AirflowException) as again:
            pixel_sensor(mode="reschedule", timeout=600, **asked).execute(task.context)
        assert type(again.value).__name__ == "AirflowRescheduleException"


def test_sensor_looks_until_the_pixel_is_there(tiktok: Simulator, task: Task):
    """A pixel that appears between two looks is seen at the second."""
    set_pixel(tiktok, deleted=True)
    tiktok.faults = [
        {
            "match": {"nth": [2]},
            "effect": {"set_state": {"tiktok": {"pixels": {DEFAULT_PIXEL_CODE: {"deleted": False}}}}},
        }
    ]
    sensor = pixel_sensor(poke_interval=1, check_sending=False)
    assert sensor.execute(task.context)["pixel_id"] == DEFAULT_PIXEL_ID
    assert len(tiktok.requests) == 2


def test_demo_mode_stays_in_the_worker(task: Task, caplog: pytest.LogCaptureFixture):
    """A simulator inside the process cannot be asked from a triggerer, and the log says so."""
    seen = pixel_sensor(tiktok_conn_id="nowhere", demo_mode=True, deferrable=True).execute(task.context)
    assert seen["pixel_code"] == DEFAULT_PIXEL_CODE
    assert "the sensor stays in its worker" in caplog.text
    assert task.pushed == {}


# ------------------------------------------------------------------------------------ deferring


def test_sensor_looks_once_before_it_defers(tiktok: Simulator, task: Task):
    """The trigger gets ids and times, nothing else, and knows when the wait is over."""
    set_pixel(tiktok, deleted=True)
    started = time.time()
    limits = {
        "timeout": 600,
        "execution_timeout": timedelta(seconds=300),
        "poke_interval": timedelta(seconds=30),
    }
    deferred = deferral_of(pixel_sensor(require_active=True, **limits), task)
    _, arguments = deferred.trigger.serialize()
    times = {
        name: arguments.pop(name) - started for name in ("next_look_at", "deadline", "execution_deadline")
    }
    assert arguments == {
        "tiktok_conn_id": "tiktok_default",
        "advertiser_id": DEFAULT_ADVERTISER_ID,
        "pixel_code": DEFAULT_PIXEL_CODE,
        "pixel_id": None,
        "require_active": True,
        "check_sending": True,
        "poke_interval": 30.0,
        "exponential_backoff": False,
        "max_wait": None,
        "silent_fail": False,
    }
    assert times == {
        "next_look_at": pytest.approx(30, abs=5),
        "deadline": pytest.approx(600, abs=5),
        "execution_deadline": pytest.approx(300, abs=5),
    }
    assert deferred.timeout.total_seconds() == pytest.approx(360, abs=5)
    assert len(tiktok.requests) == 1


def test_counts_are_deferred_with_their_days(tiktok: Simulator, task: Task):
    """Days travel as text, and a moment is the day it has in UTC."""
    last_day = datetime(2026, 11, 2, 23, tzinfo=ZoneInfo("America/New_York"))
    sensor = counts_sensor(
        first_day=date(2026, 11, 1), last_day=last_day, event_type="SHOPPING", min_events=9
    )
    _, arguments = deferral_of(sensor, task).trigger.serialize()
    watched = {name: arguments[name] for name in ("first_day", "last_day", "event_type", "min_events")}
    assert watched == {
        "first_day": "2026-11-01",
        "last_day": "2026-11-03",
        "event_type": "SHOPPING",
        "min_events": 9,
    }
    assert arguments["poke_interval"] == 3600.0


def test_fault_at_the_first_look_is_waited_out_elsewhere(tiktok: Simulator, task: Task):
    """The wait that TikTok asks for is the trigger's first wait."""
    tiktok.faults = [{"effect": {"http_status": 503, "headers": {"Retry-After": "120"}}}]
    _, arguments = deferral_of(pixel_sensor(poke_interval=30), task).trigger.serialize()
    assert arguments["next_look_at"] - time.time() == pytest.approx(120, abs=5)


@pytest.mark.parametrize("soft_fail", [False, True])
@pytest.mark.parametrize(
    "event", [None, {}, {"status": "done"}, {"status": "success"}, {"status": "crashed"}]
)
def test_unknown_event_fails(event: Any, soft_fail: bool, task: Task):
    """What the sensor does not know is no success, and no skip either."""
    sensor = pixel_sensor(soft_fail=soft_fail)
    with pytest.raises(UnknownEvent):
        sensor.resume_execution("execute_complete", {"event": event}, task.context)


def test_execution_timeout_is_told_apart(task: Task):
    """The task's own limit fails the task as it would in a worker."""
    event = {"status": "timeout", "reason": "execution_timeout", "message": "not yet", "looks": 1}
    with pytest.raises(AirflowTaskTimeout):
        pixel_sensor().resume_execution("execute_complete", {"event": event}, task.context)
    with pytest.raises(AirflowSkipException):
        pixel_sensor(soft_fail=True).resume_execution("execute_complete", {"event": event}, task.context)


def test_failures_are_airflows(tiktok: Simulator, task: Task):
    """Whatever ends a wait is an exception that Airflow knows how to treat."""
    tiktok.state.patch({"tiktok": REVOKED})
    with pytest.raises(AirflowException):
        pixel_sensor().execute(task.context)


# ------------------------------------------------------------------------------------ arguments


def test_nothing_is_checked_before_templates_are_rendered():
    """A DAG parses with whatever stands in its templates."""
    counts_sensor(first_day="{{ ds }}", min_events="{{ 1 }}", pixel_code="{{ var }}", last_day="{{ ds }}")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"min_events": "many"}, "Set min_events to a whole number"),
        ({"min_events": 0}, "Set min_events to at least 1"),
        ({"last_day": 20261123}, "Give a date, or a text such as 2026-11-23, as last_day"),
    ],
)
def test_wrong_argument_is_named(arguments: dict[str, Any], words: str):
    """The text says which argument is wrong."""
    with pytest.raises(ConfigurationError, match=words):
        counts_sensor(**arguments).make_watch(advertiser_id="1", pixel_code="C1")


def test_default_deferrable_is_airflows():
    """Who does not say takes what the deployment says."""
    assert pixel_sensor().deferrable is False
