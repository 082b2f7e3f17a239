# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A computation in a thread of its own, which can be ended while it computes.

A library that computes for hours without a step of Python holds up whoever calls it: Airflow's time-outs and
signals come to the main thread, between two steps. So the caller's thread only waits, in steps, and does what
the computation asks for: reading files, since Airflow's connections belong to that thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from airflow_provider_tiktok.conversions.errors import TransientError
from airflow_provider_tiktok.conversions.sealed import SealedRecord

Result = TypeVar("Result")
Answer = TypeVar("Answer")

LOOK_EVERY_S = 0.2
"""How late the caller's thread sees that the run is to stop."""

LONGEST_END_S = 20.0
"""How long an interrupted computation is waited for; its thread does not outlive the process."""


class _Question(SealedRecord):
    answer: Callable[[], Any]


class _Found(SealedRecord):
    result: Any


class _Ended(SealedRecord):
    error: BaseException | None


class _NobodyWaitsError(Exception):
    """The caller has gone."""


class Computation(Generic[Result]):
    """One computation, of which one step at a time is under way: either it computes, or the caller does.

    :param interrupt: called from the caller's thread, perhaps several times, to end what is computing.
    :param stop: set by any thread to end the run.
    """

    def __init__(self, *, interrupt: Callable[[], None], stop: threading.Event | None = None) -> None:
        self._interrupt = interrupt
        self._stop = stop or threading.Event()
        self._said: SimpleQueue[_Question | _Found | _Ended] = SimpleQueue()
        self._answers: SimpleQueue[Any] = SimpleQueue()
        self._is_over = False

    def results(self, compute: Callable[[], Iterable[Result]]) -> Generator[Result, None, None]:
        """What ``compute`` gives, one result after the other.

        :raises TransientError: the run is to stop.
        :raises BaseException: what ``compute``, or an answer to it, raised.
        """
        has_ended = False
        thread = threading.Thread(target=self._compute, args=(compute,), name="compute", daemon=True)
        try:
            thread.start()
            while not isinstance(said := self._wait(), _Ended):
                if isinstance(said, _Found):
                    yield said.result
                self._answers.put(said.answer() if isinstance(said, _Question) else None)
            has_ended = True
            if said.error is not None:
                raise said.error
        finally:
            if not has_ended:
                self._end(thread)

    def ask(self, answer: Callable[[], Answer]) -> Answer:
        """What the function gives, called in the caller's thread; for the computation's own thread."""
        return self._say(_Question(answer))  # type: ignore[no-any-return]  # the answer to this question

    def _say(self, said: _Question | _Found) -> Any:
        if not self._is_over:
            self._said.put(said)
            answer = self._answers.get()
            if answer is not _NobodyWaitsError:
                return answer
        raise _NobodyWaitsError

    def _compute(self, compute: Callable[[], Iterable[Result]]) -> None:
        error: BaseException | None = None
        try:
            for result in compute():
                self._say(_Found(result))
        except BaseException as raised:
            error = raised
        self._said.put(_Ended(error))

    def _wait(self) -> _Question | _Found | _Ended:
        while not self._stop.is_set():
            with suppress(Empty):
                return self._said.get(timeout=LOOK_EVERY_S)
        raise TransientError("Run the task again: it was told to stop before it was done.", attempts=0)

    def _end(self, thread: threading.Thread) -> None:
        """End the thread; an interruption meanwhile is raised once that is done."""
        self._is_over = True
        interruption: BaseException | None = None
        began = time.monotonic()
        while (waited_s := time.monotonic() - began) < LONGEST_END_S:
            if not thread.is_alive() and waited_s > LOOK_EVERY_S:
                break  # what it said last was lost in an interruption, or it never began
            try:
                self._answers.put(_NobodyWaitsError)
                self._interrupt()
                with suppress(Empty):
                    if isinstance(self._said.get(timeout=0.02), _Ended):
                        break
            except BaseException as error:
                interruption = error
        if interruption is not None:
            raise interruption
