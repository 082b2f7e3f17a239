# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Whether anybody still supervises this task: a run that nobody waits for ends in order.

When a worker's main process is killed, Airflow's supervisor dies with it and the task's process is not told.
It would send its source to the end, beside the retry that Airflow starts meanwhile, and could store no
checkpoint.

The task's time limit is a signal that Airflow sends once. Where it comes amid a collection of garbage, while
a weak reference is told, Python drops its exception. So the limit is looked at here as well.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5
LATE_S = 5.0
"""So long after the task's time limit its signal must have been lost."""

LONGEST_SILENCE_S = 10.0
"""How long Airflow's task state may fail, every time it is asked, before the run ends."""

_LEAST_FAILURES = 3


class Supervision:
    """Sets ``stop`` once nobody waits for the run any more; a context manager.

    That is: the supervisor of this process is gone or answers no more, or the task's time is up.

    :param stop: of the run.
    :param limit_s: the task's ``execution_timeout``, ``None`` for none.
    :param parent: who is asked for the id of the parent process; it changes when the parent dies.
    :param clock: monotonic seconds.
    """

    def __init__(
        self,
        stop: threading.Event,
        *,
        limit_s: float | None = None,
        parent: Callable[[], int] = os.getppid,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stop = stop
        self._parent = parent
        self._clock = clock
        self._supervisor = parent()
        self._ends_at = math.inf if limit_s is None else clock() + limit_s + LATE_S
        self._failing_since: float | None = None
        self._failures = 0
        self._done = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._watch, name="supervision", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()

    def answered(self) -> None:
        """The task state was read or written."""
        self._failing_since, self._failures = None, 0

    def failed(self, error: Exception) -> None:
        """The task state could be neither read nor written."""
        now = self._clock()
        self._failures += 1
        if self._failing_since is None:
            self._failing_since = now
        # The way to the task state leads over the supervisor: where it is broken off, there is none.
        is_broken_off = isinstance(error, EOFError | ConnectionError)
        is_silent = self._failures >= _LEAST_FAILURES and now - self._failing_since >= LONGEST_SILENCE_S
        if is_broken_off or is_silent:
            self._end(f"Airflow's task state answers no more ({type(error).__name__})")

    def _watch(self) -> None:
        while not self._done.wait(LOOK_EVERY_S):
            if self._parent() != self._supervisor:
                self._end("the process that supervises this task is gone")
                return
            if self._clock() >= self._ends_at:
                self._end("its time limit is over, and Airflow's signal for that was lost")
                return

    def _end(self, why: str) -> None:
        if self._stop.is_set():
            return
        self._stop.set()
        with suppress(Exception):  # the log goes over the supervisor as well
            log.error("This run ends in order, and a retry takes up its events: %s.", why)
