# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Triggers that wait for TikTok in the triggerer, beside many others.

Their arguments are stored by Airflow as they are: ids, times, the connection's id, nothing else. They ask
through the same client as everything here, in a thread, so that nobody else waits for an answer.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook
from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from airflow_provider_tiktok.conversions.errors import TransientError
from airflow_provider_tiktok.conversions.tiktok.pixels import EventsWatch, PixelWatch, Sighting
from airflow_provider_tiktok.hooks.tiktok import TikTokHook, missing_connection
from airflow_provider_tiktok.triggers.watching import Schedule, crashed, look_once, wait_for

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

log = logging.getLogger(__name__)

_MAX_TIMES_MISSING = 3


class TikTokTrigger(BaseTrigger):
    """Looks again and again until what is waited for is there, the time is over, or waiting is in vain.

    :param tiktok_conn_id: connection of type ``tiktok``; read anew at each look.
    :param next_look_at: Unix seconds of the first look: whoever defers has just looked.
    :param deadline: Unix seconds, of the sensor's ``timeout``, which nobody else watches meanwhile.
    :param execution_deadline: Unix seconds, of the task's ``execution_timeout``, likewise.
    :param poke_interval: seconds between two looks.
    :param exponential_backoff: whether that doubles with each look.
    :param max_wait: seconds, longest interval of the doubling.
    :param silent_fail: whether to look on after an answer that is not understood.
    :param watched: what to look at: the fields of the class's watch.
    """

    watch_type: ClassVar[type[PixelWatch] | type[EventsWatch]]

    def __init__(
        self,
        *,
        tiktok_conn_id: str,
        next_look_at: float,
        deadline: float,
        execution_deadline: float | None = None,
        poke_interval: float = 60.0,
        exponential_backoff: bool = False,
        max_wait: float | None = None,
        silent_fail: bool = False,
        **watched: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow gives no types here
        self.tiktok_conn_id = tiktok_conn_id
        self.next_look_at = next_look_at
        self.silent_fail = silent_fail
        self.schedule = Schedule(
            poke_interval_s=poke_interval,
            deadline=deadline,
            execution_deadline=execution_deadline,
            exponential_backoff=exponential_backoff,
            max_wait_s=max_wait,
        )
        self.watch = msgspec.convert(watched, self.watch_type)
        self._times_missing = 0

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class's path, and arguments of JSON scalars that make the same trigger again."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "tiktok_conn_id": self.tiktok_conn_id,
                "next_look_at": self.next_look_at,
                "deadline": self.schedule.deadline,
                "execution_deadline": self.schedule.execution_deadline,
                "poke_interval": self.schedule.poke_interval_s,
                "exponential_backoff": self.schedule.exponential_backoff,
                "max_wait": self.schedule.max_wait_s,
                "silent_fail": self.silent_fail,
                **msgspec.to_builtins(self.watch),
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """One event, which tells how the wait ended."""
        yield TriggerEvent(await self._wait())  # type: ignore[no-untyped-call]  # nor here

    async def _wait(self) -> dict[str, Any]:
        try:
            return await wait_for(
                self._look,
                schedule=self.schedule,
                next_look_at=self.next_look_at,
                silent_fail=self.silent_fail,
                clock=time.time,
                sleep=asyncio.sleep,
            )
        except Exception as error:
            log.exception("The wait broke off")
            return crashed(error)

    async def _look(self) -> Sighting:
        connection = await self._fetch_connection()
        # Not asyncio.to_thread: when a connection's fields are read, Airflow talks to its supervisor, and
        # before 3.2 that finds its way back to this loop from asgiref's threads only.
        return await sync_to_async(self._ask, thread_sensitive=False)(connection)

    async def _fetch_connection(self) -> Connection:
        """The connection, without keeping the event loop waiting.

        Airflow calls a connection undefined also when it could not be asked in time, and whoever deferred had
        it a moment before. So that is waited out, a few times.
        """
        try:
            connection = await _ask_airflow(self.tiktok_conn_id)
        except AirflowNotFoundException:
            self._times_missing += 1
            if self._times_missing < _MAX_TIMES_MISSING:
                raise TransientError(
                    f"Wait, or define connection {self.tiktok_conn_id!r}: the triggerer does not know it.",
                    attempts=0,
                ) from None
            raise missing_connection(self.tiktok_conn_id) from None
        self._times_missing = 0
        return connection

    def _ask(self, connection: Connection) -> Sighting:
        # Never a demonstration: its simulator would know every pixel of the connection.
        with TikTokHook(self.tiktok_conn_id, demo_mode=False, connection=connection) as hook:
            return look_once(hook, self.watch)


class TikTokPixelTrigger(TikTokTrigger):
    """Waits for a pixel: see :class:`PixelWatch` for what is watched."""

    watch_type = PixelWatch


class TikTokEventsReceivedTrigger(TikTokTrigger):
    """Waits for events to be counted: see :class:`EventsWatch` for what is watched."""

    watch_type = EventsWatch


async def _ask_airflow(conn_id: str) -> Connection:
    # From Airflow 3.1 on; before, the triggerer wants a thread of its own for what is not asynchronous.
    if hasattr(BaseHook, "aget_connection"):
        return await BaseHook.aget_connection(conn_id)
    connection: Connection = await sync_to_async(BaseHook.get_connection)(conn_id)
    return connection
