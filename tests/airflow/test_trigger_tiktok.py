# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Triggers against the simulator, in an event loop of their own."""

from __future__ import annotations

import asyncio
import importlib
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_provider_tiktok.simulator import (
    DEFAULT_ADVERTISER_ID,
    DEFAULT_PIXEL_CODE,
    DEFAULT_PIXEL_ID,
    DEFAULT_TOKEN,
    Simulator,
)
from airflow_provider_tiktok.triggers.tiktok import (
    TikTokEventsReceivedTrigger,
    TikTokPixelTrigger,
    TikTokTrigger,
)

PIXEL = {"advertiser_id": DEFAULT_ADVERTISER_ID, "pixel_code": DEFAULT_PIXEL_CODE}

pytestmark = pytest.mark.usefixtures("airflow_home")


def trigger(*, after_s: float = 0.0, within_s: float = 10.0, **arguments: Any) -> TikTokPixelTrigger:
    """A trigger whose first look is after so many seconds, and whose time is over after others."""
    now = time.time()
    settings = {"tiktok_conn_id": "tiktok_default", **PIXEL, **arguments}
    return TikTokPixelTrigger(next_look_at=now + after_s, deadline=now + within_s, **settings)


async def first_event(waiting: TikTokTrigger) -> dict[str, Any]:
    async for event in waiting.run():
        payload: dict[str, Any] = event.payload
        return payload
    raise AssertionError("the trigger ended without an event")


def import_string(path: str) -> Any:
    """What a dotted path names, as Airflow finds it."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def end_of(waiting: TikTokTrigger) -> dict[str, Any]:
    return asyncio.run(first_event(waiting))


def set_pixel(tiktok: Simulator, **facts: Any) -> None:
    tiktok.state.patch({"tiktok": {"pixels": {DEFAULT_PIXEL_CODE: facts}}})


@pytest.mark.parametrize(
    ("kind", "watched"),
    [
        (TikTokPixelTrigger, {**PIXEL, "require_active": True, "check_sending": False}),
        (TikTokPixelTrigger, {"advertiser_id": DEFAULT_ADVERTISER_ID, "pixel_id": DEFAULT_PIXEL_ID}),
        (TikTokEventsReceivedTrigger, {**PIXEL, "first_day": "2026-11-01", "last_day": "2026-11-03"}),
        (
            TikTokEventsReceivedTrigger,
            {**PIXEL, "first_day": "2026-11-01", "event_type": "SHOPPING", "min_events": 7},
        ),
    ],
)
def test_arguments_survive_the_way_to_the_triggerer(kind: type[TikTokTrigger], watched: dict[str, Any]):
    """A trigger is made again from its path and arguments, which are scalars of JSON and hold no secret."""
    original = kind(
        tiktok_conn_id="shop",
        next_look_at=1000.5,
        deadline=2000.25,
        execution_deadline=1500.0,
        poke_interval=60.0,
        exponential_backoff=True,
        max_wait=600.0,
        silent_fail=True,
        **watched,
    )
    path, arguments = original.serialize()
    stored = json.loads(json.dumps(arguments))
    again = import_string(path)(**stored)
    assert type(again) is kind
    assert again.serialize() == original.serialize() == (path, stored)
    assert (again.watch, again.schedule) == (original.watch, original.schedule)
    assert all(value is None or isinstance(value, str | int | float) for value in stored.values())
    assert {**stored, **watched} == stored


def test_subclass_is_made_again_as_itself():
    """The path is the subclass's own."""
    assert (
        Patient(tiktok_conn_id="shop", next_look_at=0, deadline=0, **PIXEL)
        .serialize()[0]
        .endswith(f"{__name__}.Patient")
    )


class Patient(TikTokPixelTrigger):
    """A trigger of somebody else's."""


def test_unknown_argument_is_refused():
    """A trigger that an older version stored is not run with a part of what it says."""
    with pytest.raises(ValueError, match="require_activity"):
        trigger(require_activity=True)


def test_pixel_is_seen(tiktok: Simulator):
    """One look, one event, with the pixel's ids."""
    event = end_of(trigger())
    assert (event["status"], event["looks"]) == ("success", 1)
    assert event["facts"]["pixel_id"] == DEFAULT_PIXEL_ID


def test_counts_are_seen(tiktok: Simulator):
    """Nothing counted by the deadline is a timeout, with the figure."""
    now = time.time()
    event = end_of(
        TikTokEventsReceivedTrigger(
            tiktok_conn_id="tiktok_default",
            next_look_at=now,
            deadline=now,
            first_day=time.strftime("%Y-%m-%d", time.gmtime(now)),
            **PIXEL,
        )
    )
    assert event["status"] == "timeout"
    assert tiktok.requests == [] or "0 of 1 server events" in event["message"]


@pytest.mark.parametrize(
    ("state", "reason", "code"),
    [
        ({"tokens": {DEFAULT_TOKEN: {"status": "revoked"}}}, "authorization", 40102),
        ({"tokens": {DEFAULT_TOKEN: {"permissions": ["event/track"]}}}, "authorization", 40001),
        ({"advertisers": {DEFAULT_ADVERTISER_ID: None}}, "authorization", 40001),
    ],
)
def test_refusal_is_asked_for_once(tiktok: Simulator, state: dict[str, Any], reason: str, code: int):
    """A refused token ends the wait with a single request."""
    tiktok.state.patch({"tiktok": state})
    event = end_of(trigger(within_s=60))
    assert (event["status"], event["reason"], event["code"]) == ("failed", reason, code)
    assert len(tiktok.requests) == 1
    assert DEFAULT_TOKEN not in json.dumps(event)


def test_wrong_connection_ends_the_wait(tiktok: Simulator, define_connection: Callable[..., None]):
    """A field that somebody spoilt meanwhile is named; nothing is asked."""
    define_connection("tiktok_default", conn_type="tiktok", host="http://203.0.113.1", password="x")
    event = end_of(trigger())
    assert (event["status"], event["reason"]) == ("failed", "configuration")
    assert "Write an address that begins with https" in event["message"]


def test_demonstration_is_never_waited_for(tiktok: Simulator, define_connection: Callable[..., None]):
    """A connection turned to demo mode meanwhile does not make every pixel appear."""
    define_connection(
        "tiktok_default",
        conn_type="tiktok",
        host=tiktok.url,
        password=DEFAULT_TOKEN,
        extra={"demo_mode": True},
    )
    set_pixel(tiktok, deleted=True)
    assert end_of(trigger(within_s=0.5))["status"] == "timeout"
    assert len(tiktok.requests) == 1


def test_absent_connection_is_given_a_few_looks(monkeypatch: pytest.MonkeyPatch):
    """Airflow also calls a connection undefined that it could not ask for in time: three times, then it is."""
    asked: list[str] = []

    async def not_there(conn_id: str) -> Any:
        asked.append(conn_id)
        raise AirflowNotFoundException(conn_id)

    async def at_once(_: float) -> None:
        """Takes no time."""

    # What Airflow answers in a triggerer cannot be had without one; and nobody shall wait for it here.
    monkeypatch.setattr(BaseHook, "aget_connection", not_there, raising=False)
    monkeypatch.setattr("airflow_provider_tiktok.triggers.tiktok.asyncio.sleep", at_once)
    event = end_of(trigger(tiktok_conn_id="nowhere", within_s=600))
    assert (event["status"], event["reason"]) == ("failed", "configuration")
    assert "'nowhere' is not defined" in event["message"]
    assert asked == ["nowhere"] * 3


def test_defect_is_an_event_of_its_own(tiktok: Simulator, monkeypatch: pytest.MonkeyPatch):
    """What nobody foresaw ends the wait as well, and its text stays in the triggerer's log."""

    def defect(*_: Any) -> Any:
        raise KeyError("secret")

    monkeypatch.setattr(TikTokPixelTrigger, "_ask", defect)  # no input is known to lead there
    assert end_of(trigger()) == {"status": "crashed", "message": "KeyError"}


def test_event_loop_is_never_kept_waiting(tiktok: Simulator):
    """While TikTok takes half a second to answer, others in the triggerer run on."""
    tiktok.faults = [{"effect": {"delay_s": 0.5}}]

    async def watch_the_loop() -> tuple[float, dict[str, Any]]:
        waiting = asyncio.ensure_future(first_event(trigger(check_sending=False)))
        longest, last = 0.0, time.perf_counter()
        while not waiting.done():
            await asyncio.sleep(0.005)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
        return longest, waiting.result()

    asyncio.run(watch_the_loop())  # imports what a first look imports
    longest, event = asyncio.run(watch_the_loop())
    assert event["status"] == "success"
    assert longest < 0.25


def test_cancelling_does_not_wait_for_an_answer(tiktok: Simulator):
    """A triggerer that stops is not held up by a TikTok that takes its time."""
    tiktok.faults = [{"effect": {"delay_s": 1.0}}]

    async def cancel() -> tuple[float, Any]:
        waiting = asyncio.ensure_future(first_event(trigger()))
        while not tiktok.faults.read()[0]["fired"]:
            await asyncio.sleep(0.005)
        started = time.perf_counter()
        waiting.cancel()
        outcomes = await asyncio.gather(waiting, return_exceptions=True)
        return time.perf_counter() - started, outcomes[0]

    took_s, outcome = asyncio.run(cancel())
    assert isinstance(outcome, asyncio.CancelledError)
    assert took_s < 0.5


def test_cancelling_ends_the_wait(tiktok: Simulator):
    """A triggerer that stops is not answered with an event."""

    async def cancel() -> Any:
        waiting = asyncio.ensure_future(first_event(trigger(after_s=60, within_s=600)))
        await asyncio.sleep(0.01)
        waiting.cancel()
        return await asyncio.gather(waiting, return_exceptions=True)

    (outcome,) = asyncio.run(cancel())
    assert isinstance(outcome, asyncio.CancelledError)
    assert tiktok.requests == []
