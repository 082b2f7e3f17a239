# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Waiting for TikTok, as sensors and triggers do it alike: one look, when to look again, and how it ends.

What ends a wait travels from trigger to sensor as a dictionary of plain JSON, the event. The sensor takes
only events that it knows.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Protocol

from airflow.providers.common.compat.sdk import AirflowSensorTimeout, AirflowTaskTimeout
from msgspec import Struct

from airflow_provider_tiktok.conversions.errors import (
    AuthorizationError,
    ConfigurationError,
    ConversionsError,
    ProtocolError,
    TransientError,
    UnconfirmedError,
)
from airflow_provider_tiktok.conversions.http import RetryPolicy
from airflow_provider_tiktok.conversions.tiktok.pixels import Sighting, told_wait_s
from airflow_provider_tiktok.exceptions import as_airflow_failure

if TYPE_CHECKING:
    from airflow_provider_tiktok.conversions.tiktok.client import TikTokClient
    from airflow_provider_tiktok.hooks.tiktok import TikTokHook

log = logging.getLogger(__name__)

LEAST_WAIT_S = 1.0
"""Between two looks, whatever was asked for: a mistyped interval must not become a flood."""

FAULT_WAIT_S = 60.0
"""After a fault that passes, where the interval is longer and TikTok names no time."""


class Watch(Protocol):
    """Something that can be looked at."""

    def look(self, client: TikTokClient, *, today: date) -> Sighting:
        """What is there now."""


class UnknownEvent(RuntimeError):
    """A trigger ended in a way that its sensor does not know; nothing is assumed of it."""


def look_once(hook: TikTokHook, watch: Watch, *, clock: Callable[[], float] = time.time) -> Sighting:
    """One look. Each request is sent once: the wait itself is the retry.

    :param clock: Unix seconds.
    """
    client = hook.get_client(policy=RetryPolicy(max_attempts=1))
    return watch.look(client, today=datetime.fromtimestamp(clock(), UTC).date())


def waited_out(*, silent_fail: bool) -> tuple[type[ConversionsError], ...]:
    """The errors that a wait outlasts; with ``silent_fail`` also answers that are not understood."""
    passing = (TransientError, UnconfirmedError)
    return (*passing, ProtocolError) if silent_fail else passing


class Schedule(Struct, frozen=True, kw_only=True):
    """When to look again, and until when.

    :param poke_interval_s: between two looks.
    :param deadline: Unix seconds, of the sensor's ``timeout``.
    :param execution_deadline: Unix seconds, of the task's ``execution_timeout``, if it has one.
    :param exponential_backoff: whether the interval doubles with each look.
    :param max_wait_s: longest interval of the doubling.
    """

    poke_interval_s: float
    deadline: float
    execution_deadline: float | None = None
    exponential_backoff: bool = False
    max_wait_s: float | None = None

    @property
    def end(self) -> float:
        """Unix seconds after which nothing is looked at."""
        return min(self.deadline, self.execution_deadline or self.deadline)

    @property
    def end_reason(self) -> str:
        """Which of the two ends comes first, by the name of its argument."""
        return "timeout" if self.end == self.deadline else "execution_timeout"

    def next_look_at(self, now: float, *, looks: int, fault: ConversionsError | None = None) -> float:
        """Unix seconds of the next look, which is past the end where there is none.

        The last look is at the end itself, unless TikTok asked to wait longer.

        :param looks: how many there were, from 1.
        :param fault: what the last look met, ``None`` where it saw something.
        """
        if now + LEAST_WAIT_S > self.end:
            return now + LEAST_WAIT_S
        told_s = 0.0 if fault is None else told_wait_s(fault)
        own_s = self.wait_s(looks=looks, fault=fault)
        return max(now + told_s, min(now + own_s, self.end))

    def wait_s(self, *, looks: int, fault: ConversionsError | None = None) -> float:
        """Seconds between this look and the next, ends aside."""
        if fault is not None:
            return fault_wait_s(fault, poke_interval_s=self.poke_interval_s)
        growth = 2.0 ** min(looks - 1, 60) if self.exponential_backoff else 1.0
        grown = self.poke_interval_s * growth
        return max(LEAST_WAIT_S, grown if self.max_wait_s is None else min(grown, self.max_wait_s))


def fault_wait_s(fault: ConversionsError, *, poke_interval_s: float) -> float:
    """Seconds to wait after a fault that passes: never less than TikTok asks for."""
    return max(told_wait_s(fault), min(poke_interval_s, FAULT_WAIT_S), LEAST_WAIT_S)


async def wait_for(
    look: Callable[[], Awaitable[Sighting]],
    *,
    schedule: Schedule,
    next_look_at: float,
    silent_fail: bool,
    clock: Callable[[], float],
    sleep: Callable[[float], Awaitable[Any]],
) -> dict[str, Any]:
    """The event that ends the wait: something was seen, something failed for good, or the time is over.

    :param next_look_at: Unix seconds before which nothing is looked at.
    :param clock: Unix seconds.
    """
    looks, told = 0, "nothing was looked at"
    while next_look_at <= schedule.end:
        await sleep(max(0.0, next_look_at - clock()))
        looks, fault = looks + 1, None
        try:
            sighting = await look()
            told = sighting.told
            if sighting.is_done:
                log.info("Look %d: %s", looks, told)
                return {"status": "success", "facts": dict(sighting.facts), "looks": looks}
        except waited_out(silent_fail=silent_fail) as passing:
            fault, told = passing, str(passing)
        except ConversionsError as error:
            log.error("Look %d: %s", looks, error)
            return _failed(error, looks=looks)
        next_look_at = schedule.next_look_at(clock(), looks=looks, fault=fault)
        log.info("Look %d: %s; the next in %.0f s at the earliest", looks, told, next_look_at - clock())
    await sleep(max(0.0, schedule.end - clock()))
    return {"status": "timeout", "reason": schedule.end_reason, "message": told, "looks": looks}


# -------------------------------------------------------------------------------- how a wait can end

_ERRORS: Mapping[str, type[ConversionsError]] = {
    "authorization": AuthorizationError,
    "configuration": ConfigurationError,
    "protocol": ProtocolError,
}
_TIMEOUTS: Mapping[str, type[BaseException]] = {
    "timeout": AirflowSensorTimeout,
    "execution_timeout": AirflowTaskTimeout,
}


def _failed(error: ConversionsError, *, looks: int) -> dict[str, Any]:
    reasons = (reason for reason, kind in _ERRORS.items() if isinstance(error, kind))
    facts = {name: getattr(error, name, None) for name in ("code", "request_id")}
    return {
        "status": "failed",
        "reason": next(reasons, "protocol"),
        "message": str(error),
        "looks": looks,
        **facts,
    }


def crashed(error: Exception) -> dict[str, Any]:
    """The event of a trigger that met something it should not have met."""
    return {"status": "crashed", "message": type(error).__name__}


def read_event(event: Any) -> dict[str, Any]:
    """What was seen.

    :raises UnknownEvent: the event is none of a trigger's, or the trigger crashed.
    """
    read = _READERS.get(str(event.get("status"))) if isinstance(event, dict) else None
    if read is None:
        raise UnknownEvent("The trigger sent an event that this version does not know: the wait has failed.")
    return read(event)


def _read_success(event: Mapping[str, Any]) -> dict[str, Any]:
    facts = event.get("facts")
    if not isinstance(facts, dict):
        raise UnknownEvent("The trigger sent a success without what it saw: the wait has failed.")
    return facts


def _read_failed(event: Mapping[str, Any]) -> dict[str, Any]:
    kind = _ERRORS.get(str(event.get("reason")))
    if kind is None:
        raise UnknownEvent("The trigger failed for a reason that this version does not know.")
    facts: dict[str, Any] = {name: event.get(name) for name in ("code", "request_id")}
    raise as_airflow_failure(kind(str(event.get("message")), **facts))


def time_is_over(reason: str, told: str) -> str:
    """What a sensor says whose time is over, wherever it waited.

    :param reason: the argument that limits the time.
    :param told: what was seen last.
    """
    return f"Set a longer {reason}, or mend what it waits for: its time is over. Last seen: {told}"


def _read_timeout(event: Mapping[str, Any]) -> dict[str, Any]:
    reason = str(event.get("reason"))
    timeout = _TIMEOUTS.get(reason)
    if timeout is None:
        raise UnknownEvent("The trigger's time was over for a reason that this version does not know.")
    raise timeout(time_is_over(reason, str(event.get("message"))))


def _read_crashed(event: Mapping[str, Any]) -> dict[str, Any]:
    raise UnknownEvent(f"{event.get('message')} in the triggerer; its log has the traceback.")


_READERS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "success": _read_success,
    "failed": _read_failed,
    "timeout": _read_timeout,
    "crashed": _read_crashed,
}
