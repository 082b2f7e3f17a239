# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The threads of a run: several that send, one that keeps the record.

The caller's thread only hands over and waits. There Python raises an interruption - Ctrl-C, Airflow's
time-outs - between any two steps, also inside a lock that is written in Python, as futures and conditions
have them: it would stay taken, and the run would hang. So that thread touches ``SimpleQueue``s alone, whose
``put`` and ``get`` are one step each, and what it takes out of them only wakes it: nothing is lost with it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

Job = TypeVar("Job")
Report = TypeVar("Report")

LONGEST_WAIT_S = 0.2
"""How late the caller's thread looks again where nobody wakes it."""

IDLE_S = 0.2
"""How often the keeper looks after the record while there is nothing to keep.

Often: what was answered within a second is saved a second later at the latest, also where answers are slow.
"""


MOST_WAITING = 4
"""Jobs that wait for a sender, so that no sender waits for the caller's thread to make one."""


class Crew(Generic[Job, Report]):
    """Threads for one run.

    :param n_senders: jobs under way at once.
    :param send: does one job; it never raises.
    :param keep: told each report, one after the other; it never raises.
    :param idle: called by the keeper after each report, and once in a while; it never raises.
    :param end: called by the keeper when all is done, as the last; it never raises.
    """

    def __init__(
        self,
        n_senders: int,
        *,
        send: Callable[[Job], Report],
        keep: Callable[[Report], None],
        idle: Callable[[], None],
        end: Callable[[], None],
    ) -> None:
        self._send = send
        self._keep = keep
        self._idle = idle
        self._end = end
        self._n_senders = n_senders
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._done: SimpleQueue[list[Report] | None] = SimpleQueue()
        self._room: SimpleQueue[None] = SimpleQueue()
        self._kept: SimpleQueue[None] = SimpleQueue()
        self._n_handed_over = 0
        self._n_kept = 0
        self.has_ended = False

    def start(self) -> None:
        """Begin; nothing was handed over yet, so that an interruption here leaves nothing behind."""
        threads = [
            threading.Thread(target=self._be_sender, name=f"send-{number}")
            for number in range(self._n_senders)
        ]
        threads.append(threading.Thread(target=self._be_keeper, name="settle"))
        try:
            for thread in threads:
                thread.start()
        except BaseException:
            self.finish()
            raise
        for _ in range(min(self._n_senders, MOST_WAITING)):
            self._room.put(None)

    def has_room(self, *, may_go_on: Callable[[], bool]) -> bool:
        """Whether there is room for a job, once there is; it is kept for the next ``hand_over``.

        :param may_go_on: asked while waiting, and last of all.
        """
        while may_go_on():
            try:
                self._room.get(timeout=LONGEST_WAIT_S)
            except Empty:
                continue
            return may_go_on()
        return False

    def hand_over(self, job: Job) -> None:
        """Give the job to the next sender that is free."""
        self._n_handed_over += 1
        self._jobs.put(job)

    def keep_now(self) -> None:
        """Have the keeper look after the record soon."""
        self._n_handed_over += 1
        self._done.put([])

    @property
    def n_under_way(self) -> int:
        """What was handed over and is not kept yet."""
        return self._n_handed_over - self._n_kept

    def wait(self) -> None:
        """Until something was kept, or for a short while."""
        try:
            self._kept.get(timeout=LONGEST_WAIT_S)
        except Empty:
            return

    def finish(self) -> None:
        """Nothing more is handed over: the senders end with what they have, then the keeper. Never waits."""
        for _ in range(self._n_senders):
            self._jobs.put(None)

    def _be_sender(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._room.put(None)
            self._done.put([self._send(job)])
            del job  # it may be large, and the next may be long in coming
        self._done.put(None)

    def _be_keeper(self) -> None:
        n_sending = self._n_senders
        while n_sending:
            try:
                reports = self._done.get(timeout=IDLE_S)
            except Empty:
                self._idle()
                continue
            if reports is None:
                n_sending -= 1
                continue
            for report in reports:
                self._keep(report)
                del report
            del reports
            self._idle()
            self._n_kept += 1
            self._wake()
        self._end()
        self.has_ended = True
        self._wake()

    def _wake(self) -> None:
        if self._kept.empty():
            self._kept.put(None)
