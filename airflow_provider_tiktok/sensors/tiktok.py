# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Sensors that hold a DAG back until a pixel works, or until its events have been counted.

``timeout``, ``soft_fail`` and errors mean the same in a worker (``poke``, ``reschedule``) and without one
(``deferrable``).
"""

from __future__ import annotations

import logging
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn, Unpack

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_provider_tiktok.conversions.errors import ConfigurationError, ConversionsError
from airflow_provider_tiktok.exceptions import TemporaryFailure, failing_as_airflow
from airflow_provider_tiktok.links.tiktok import EventsManagerLink, leave_link
from airflow_provider_tiktok.task.contexts import complete_context
from airflow_provider_tiktok.task.signatures import ShowsArguments

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_provider_tiktok.conversions.tiktok.pixels import EventsWatch, PixelWatch, Sighting
    from airflow_provider_tiktok.hooks.tiktok import TikTokHook
    from airflow_provider_tiktok.task.arguments import (
        LookArguments,
        PixelSensorArguments,
        Rendered,
        WaitArguments,
    )
    from airflow_provider_tiktok.triggers.tiktok import TikTokTrigger
    from airflow_provider_tiktok.triggers.watching import Schedule

log = logging.getLogger(__name__)

# The trigger watches its deadline itself. Should no triggerer be running, the scheduler ends the wait.
_GRACE_S = 60.0

# A task that is resumed before the scheduler has heard that its first process ended is taken for lost, and
# is tried once more or fails (seen on Airflow 3.3, whose scheduler can be 5 s behind).
_LEAST_DEFERRAL_S = 10.0

COUNTED_KEY = "tiktok_counted"
"""XCom key of what TikTok had counted when the wait ended."""

_FAILURES = (AirflowFailException, TemporaryFailure, AirflowSensorTimeout, AirflowTaskTimeout)


class TikTokSensor(BaseSensorOperator, ShowsArguments):
    """Looks at a pixel until what the subclass waits for is there.

    A refused token and a wrong setting fail the task at once. What passes by itself is waited out, at least
    as long as TikTok asks; ``timeout`` goes on meanwhile. With ``soft_fail`` the task is skipped wherever it
    would fail.

    :param tiktok_conn_id: connection of type ``tiktok`` (templated).
    :param pixel_code: of the pixel (templated). ``None``, without ``pixel_id``: the connection's.
    :param pixel_id: of the pixel (templated): the number that TikTok's statistics want, not the code.
    :param advertiser_id: whose pixel it is (templated). ``None``: the connection's.
    :param deferrable: whether to wait in the triggerer, which takes no worker. In demo mode the sensor stays
        in its worker, where the simulator is.
    :param demo_mode: ask a simulator inside this task instead. ``None``: as the connection says.
    :param poke_interval: seconds between two looks.
    """

    template_fields: Sequence[str] = ("tiktok_conn_id", "pixel_code", "pixel_id", "advertiser_id")
    operator_extra_links = (EventsManagerLink(),)
    ui_color = "#d7f5f3"

    tiktok_conn_id: Rendered[str]
    pixel_code: Rendered[str | None]
    pixel_id: Rendered[str | None]
    advertiser_id: Rendered[str | None]

    def __init__(
        self,
        *,
        tiktok_conn_id: str | XComArg = "tiktok_default",
        pixel_code: str | XComArg | None = None,
        pixel_id: str | XComArg | None = None,
        advertiser_id: str | XComArg | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        demo_mode: bool | None = None,
        poke_interval: timedelta | float = 300.0,
        **kwargs: Unpack[WaitArguments],
    ) -> None:
        super().__init__(poke_interval=poke_interval, **kwargs)
        self.tiktok_conn_id = tiktok_conn_id
        self.pixel_code = pixel_code
        self.pixel_id = pixel_id
        self.advertiser_id = advertiser_id
        self.deferrable = deferrable
        self.demo_mode = demo_mode
        self._fault: ConversionsError | None = None
        self._last_seen = "nothing was looked at"

    @abstractmethod
    def make_watch(self, *, advertiser_id: str, pixel_code: str | None) -> PixelWatch | EventsWatch:
        """What is looked at."""

    @abstractmethod
    def trigger_class(self) -> type[TikTokTrigger]:
        """What looks at it in the triggerer."""

    def execute(self, context: Context) -> Any:
        """What was seen, once it is what was waited for."""
        if not self.deferrable:
            return self._execute_here(context)
        started = time.time()
        with self._ending_as_asked(), failing_as_airflow(), self._open_hook() as hook:
            if hook.demo_mode:
                log.warning(
                    "Demo mode: the simulator lives in this process, so the sensor stays in its worker. It "
                    "knows of no event that another task sends."
                )
            else:
                return self._look_then_defer(hook, context, started=started)
        return self._execute_here(context)

    def poke(self, context: Context) -> PokeReturnValue:
        """Whether it is there now, and what was seen."""
        with self._ending_as_asked(), failing_as_airflow(), self._open_hook() as hook:
            sighting = self._look(hook, self._watch(hook, context))
        return PokeReturnValue(
            is_done=sighting is not None and sighting.is_done,
            xcom_value=None if sighting is None else dict(sighting.facts),
        )

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:
        """What the trigger saw; fails unless that is what was waited for."""
        from airflow_provider_tiktok.triggers.watching import read_event

        with self._ending_as_asked():
            return read_event(event)

    def _execute_here(self, context: Context) -> Any:
        from airflow_provider_tiktok.triggers.watching import time_is_over

        with self._ending_as_asked():
            try:
                return super().execute(context)
            except AirflowSensorTimeout:
                raise AirflowSensorTimeout(time_is_over("timeout", self._last_seen)) from None

    def _open_hook(self) -> TikTokHook:
        from airflow_provider_tiktok.hooks.tiktok import TikTokHook

        return TikTokHook(self.tiktok_conn_id, demo_mode=self.demo_mode)

    def _watch(self, hook: TikTokHook, context: Context) -> PixelWatch | EventsWatch:
        advertiser_id = self.advertiser_id or hook.advertiser_id
        pixel_code = self.pixel_code or (None if self.pixel_id else hook.event_source_id("web"))
        if pixel_code and not hook.demo_mode:
            context = complete_context(context, task_id=self.task_id)
            leave_link(context, advertiser_id=advertiser_id, pixel_code=pixel_code)
        return self.make_watch(advertiser_id=advertiser_id, pixel_code=pixel_code)

    def _look(self, hook: TikTokHook, watch: PixelWatch | EventsWatch) -> Sighting | None:
        """What was seen; ``None`` after a fault that passes, which is kept."""
        from airflow_provider_tiktok.triggers.watching import look_once, waited_out

        self._fault = None
        try:
            sighting = look_once(hook, watch)
        except waited_out(silent_fail=self.silent_fail) as fault:
            log.warning("%s", fault)
            self._fault, self._last_seen = fault, str(fault)
            return None
        self._last_seen = sighting.told
        log.info("%s", sighting.told)
        return sighting

    def _look_then_defer(self, hook: TikTokHook, context: Context, *, started: float) -> dict[str, Any]:
        watch = self._watch(hook, context)
        sighting = self._look(hook, watch)
        if sighting is None or not sighting.is_done:
            self._defer(watch, self._schedule(started))
        return dict(sighting.facts)

    def _defer(self, watch: PixelWatch | EventsWatch, schedule: Schedule) -> NoReturn:
        now = time.time()
        next_look_at = max(now + _LEAST_DEFERRAL_S, schedule.next_look_at(now, looks=1, fault=self._fault))
        log.info("Waiting in the triggerer; the next look in %.0f s at the earliest", next_look_at - now)
        self.defer(
            trigger=self._make_trigger(watch, schedule, next_look_at=next_look_at),
            method_name="execute_complete",
            timeout=timedelta(seconds=max(0.0, schedule.end - now) + _GRACE_S),
        )

    def _schedule(self, started: float) -> Schedule:
        from airflow_provider_tiktok.triggers.watching import Schedule

        limit = self.execution_timeout
        return Schedule(
            poke_interval_s=float(self.poke_interval),
            deadline=started + float(self.timeout),
            execution_deadline=None if limit is None else started + limit.total_seconds(),
            exponential_backoff=self.exponential_backoff,
            max_wait_s=None if self.max_wait is None else _seconds(self.max_wait),
        )

    def _make_trigger(
        self, watch: PixelWatch | EventsWatch, schedule: Schedule, *, next_look_at: float
    ) -> TikTokTrigger:
        import msgspec

        return self.trigger_class()(
            tiktok_conn_id=self.tiktok_conn_id,
            next_look_at=next_look_at,
            deadline=schedule.deadline,
            execution_deadline=schedule.execution_deadline,
            poke_interval=schedule.poke_interval_s,
            exponential_backoff=schedule.exponential_backoff,
            max_wait=schedule.max_wait_s,
            silent_fail=self.silent_fail,
            **msgspec.to_builtins(watch),
        )

    # The one place that decides about a wait in poke and in reschedule mode; private, and the same in every
    # Airflow since 2.11. Without it a fault would be waited out for the interval, whatever TikTok asks.
    def _get_next_poke_interval(
        self, started_at: Any, run_duration: Callable[[], float], poke_count: int
    ) -> float:
        from airflow_provider_tiktok.conversions.tiktok.pixels import told_wait_s
        from airflow_provider_tiktok.triggers.watching import LEAST_WAIT_S, fault_wait_s, time_is_over

        if self._fault is None:
            return max(
                LEAST_WAIT_S, float(super()._get_next_poke_interval(started_at, run_duration, poke_count))
            )
        wait_s = fault_wait_s(self._fault, poke_interval_s=float(self.poke_interval))
        if told_wait_s(self._fault) > self.timeout - run_duration():
            self._last_seen += " The time would be over before TikTok may be asked again."
            raise AirflowSensorTimeout(time_is_over("timeout", self._last_seen))
        return wait_s

    @contextmanager
    def _ending_as_asked(self) -> Iterator[None]:
        """Within it, a failure is a skip where ``soft_fail`` or ``never_fail`` asks for that.

        Airflow does the same in some modes for some errors; here it is every failure in every mode. A defect
        is a skip with ``never_fail`` only.
        """
        try:
            yield
        except _FAILURES as failure:
            if self.soft_fail or self.never_fail:
                log.warning("Skipped instead of failed: %s", failure)
                raise AirflowSkipException(f"Skipped instead of failed: {failure}") from failure
            raise
        except AirflowException:
            raise  # a skip, or the wish to be started again later
        except Exception as defect:
            if self.never_fail:
                raise AirflowSkipException(f"Skipped instead of failed: {type(defect).__name__}") from defect
            raise


class TikTokPixelSensor(TikTokSensor):
    """Waits until a pixel is there, the token may send to it and, where asked for, it is active.

    :param require_active: whether the pixel must have had an event in the last seven days. TikTok's
        ``activity_status`` says so; where it is missing, the server events it counted do. A pixel that is fed
        by this DAG alone becomes active only by the upload: leave it ``False`` there.
    :param check_sending: whether to ask TikTok, with a request that holds no event, if the token may send to
        the pixel.
    """

    def __init__(
        self,
        *,
        require_active: bool = False,
        check_sending: bool = True,
        **kwargs: Unpack[PixelSensorArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.require_active = require_active
        self.check_sending = check_sending

    def make_watch(self, *, advertiser_id: str, pixel_code: str | None) -> PixelWatch:
        """The pixel."""
        from airflow_provider_tiktok.conversions.tiktok.pixels import PixelWatch

        return PixelWatch(
            advertiser_id=advertiser_id,
            pixel_code=pixel_code,
            pixel_id=self.pixel_id or None,
            require_active=self.require_active,
            check_sending=self.check_sending,
        )

    def trigger_class(self) -> type[TikTokTrigger]:
        """The trigger for pixels."""
        from airflow_provider_tiktok.triggers.tiktok import TikTokPixelTrigger

        return TikTokPixelTrigger


class TikTokEventsReceivedSensor(TikTokSensor):
    """Waits until TikTok has counted enough server events of a pixel.

    TikTok's figures lag by two to four hours, so it looks once an hour: give it a ``timeout`` of half a day
    or more, and make it ``deferrable`` or ``mode="reschedule"``. It counts all that was received by servers,
    whoever sent it. Tests are not counted.

    :param first_day: first day, of UTC, as a date or ``YYYY-MM-DD`` (templated).
    :param last_day: last day, likewise, at most 30 days in all. ``None``: the day of the look.
    :param min_events: how many are enough (templated), such as what an upload's receipt calls accepted.
    :param event_type: only these, by the name that TikTok's statistics have for the kind, such as
        ``SHOPPING`` (templated); each look logs the names it saw. ``None``: all.
    """

    template_fields: Sequence[str] = (
        *TikTokSensor.template_fields,
        "first_day",
        "last_day",
        "min_events",
        "event_type",
    )

    first_day: Rendered[date | str]
    last_day: Rendered[date | str | None]
    min_events: Rendered[int | str]
    event_type: Rendered[str | None]

    def __init__(
        self,
        *,
        first_day: date | str | XComArg,
        last_day: date | str | XComArg | None = None,
        min_events: int | str | XComArg = 1,
        event_type: str | XComArg | None = None,
        poke_interval: timedelta | float = 3600.0,
        **kwargs: Unpack[LookArguments],
    ) -> None:
        super().__init__(poke_interval=poke_interval, **kwargs)
        self.first_day = first_day
        self.last_day = last_day
        self.min_events = min_events
        self.event_type = event_type

    def execute(self, context: Context) -> Any:
        """What TikTok had counted, once it is enough."""
        return self._leave_count(context, super().execute(context))

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:
        """What the trigger saw TikTok count."""
        facts: dict[str, Any] = self._leave_count(context, super().execute_complete(context, event))
        return facts

    def _leave_count(self, context: Context, facts: Any) -> Any:
        """Keep the count with its days, for the page that sets it beside what uploads had accepted."""
        if isinstance(facts, dict):
            context = complete_context(context, task_id=self.task_id)
            last_day = _as_day(self.last_day, name="last_day") if self.last_day else datetime.now(UTC).date()
            told = {
                "server_events": facts.get("server_events"),
                "pixel_code": self.pixel_code,
                "first_day": _as_day(self.first_day, name="first_day").isoformat(),
                "last_day": last_day.isoformat(),
            }
            context["ti"].xcom_push(key=COUNTED_KEY, value=told)
        return facts

    def make_watch(self, *, advertiser_id: str, pixel_code: str | None) -> EventsWatch:
        """The pixel's counts."""
        from airflow_provider_tiktok.conversions.tiktok.pixels import EventsWatch

        return EventsWatch(
            advertiser_id=advertiser_id,
            pixel_code=pixel_code,
            pixel_id=self.pixel_id or None,
            first_day=_as_day(self.first_day, name="first_day"),
            last_day=_as_day(self.last_day, name="last_day") if self.last_day else None,
            event_type=self.event_type or None,
            min_events=_as_count(self.min_events, name="min_events"),
        )

    def trigger_class(self) -> type[TikTokTrigger]:
        """The trigger for counts."""
        from airflow_provider_tiktok.triggers.tiktok import TikTokEventsReceivedTrigger

        return TikTokEventsReceivedTrigger


def _as_day(value: date | str, *, name: str) -> date:
    if isinstance(value, datetime):
        return (value if value.tzinfo is None else value.astimezone(UTC)).date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value.strip())
    except (AttributeError, ValueError):
        raise ConfigurationError(f"Give a date, or a text such as 2026-11-23, as {name}.") from None


def _as_count(value: int | str, *, name: str) -> int:
    """A template gives text."""
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ConfigurationError(f"Set {name} to a whole number.") from None


def _seconds(span: timedelta | float) -> float:
    return span.total_seconds() if isinstance(span, timedelta) else float(span)
