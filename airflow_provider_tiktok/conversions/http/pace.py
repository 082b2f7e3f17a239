# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""One pace for all requests of a task, found by what the API answers: as TCP finds the width of a line.

Without it every refused request waits by itself and the others go on as before, until refusals have used
up their tries. Here a refusal for the pace slows the whole task down, by a part; every second without one
lets it go a little faster, by the same amount in every task. So tasks that share a limit, and know nothing of
each other, come to equal shares (Chiu and Jain 1989, "Analysis of the increase and decrease algorithms for
congestion avoidance"). Requests leave at even distances: what leaves in bursts is refused below the limit.
"""

from __future__ import annotations

import logging
import math
import random as random_module
import threading
import time
from collections import deque
from collections.abc import Callable
from enum import StrEnum

from airflow_provider_tiktok.conversions.http.messages import Wait
from airflow_provider_tiktok.conversions.http.retry import Random

_log = logging.getLogger(__name__)

MOST_IN_FLIGHT = 64
"""The most requests that a task has under way where it finds their number itself."""

HOPE_S = 60.0
"""After so long without an accepted request a refusal is not about seconds any more."""

# Found in a simulation of 1, 4 and 8 tasks at limits of 10 requests a second (sliding and fixed windows, a
# bucket): 0.82 to 1.0 of the limit used, 1 to 5 % refused once settled, shares of a Jain index about 0.9.
_FIRST_RATE = 1.0
_SLOW_START = 0.5  # in the exponent, a second: until the second refusal
_STEP = 0.003  # requests a second, each second
_CUT, _FIRST_CUT, _SETTLING_S = 0.84, 0.75, 6.0
_CUT_WITHOUT_SUCCESS, _CUTS_THAT_DO_NOT_HELP = 0.6, 2
_CALM_S = 6.0
_ACCELERATION = 0.0006  # of the rate, for each second of calm, each second
_LEAST_BETWEEN_CUTS_S = 1.0
_LEAST_RATE = 0.1
_LONGEST_LOOK_S = 0.5
_FIRST_WINDOW = 4.0


class Sign(StrEnum):
    """What one answer says of the pace."""

    ACCEPTED = "accepted"
    """Go on, a little faster."""
    REFUSED = "refused"
    """Too many requests."""
    OVERLOADED = "overloaded"
    """The API, or what stands before it, is in trouble."""
    NONE = "none"
    """Nothing."""


class Pace:
    """How fast a task may send; shared by the threads that do.

    :param finds_in_flight: whether the number of requests under way is found as well, from 1 to 64;
        otherwise it is the caller's affair.
    :param clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        finds_in_flight: bool = False,
        clock: Callable[[], float] = time.monotonic,
        random: Random = random_module.random,
    ) -> None:
        self._clock = clock
        self._random = random
        self._room = threading.Condition()
        self._rate: float | None = None  # requests a second; None: as fast as they come
        self._is_starting = True
        self._grown_at = self._cut_at = self._began_at = self._next_at = clock()
        self._cuts_in_a_row = 0
        self._refused_since: float | None = None
        self._accepted: deque[float] = deque()
        self._window = _FIRST_WINDOW if finds_in_flight else math.inf
        self._is_window_starting = True
        self._full_at = -math.inf
        self._in_flight = 0

    @property
    def rate(self) -> float | None:
        """Requests a second at this moment; ``None`` where nothing has slowed the task down."""
        with self._room:
            self._grow()
            return self._rate

    @property
    def window(self) -> float:
        """Requests that may be under way."""
        return self._window

    @property
    def is_hopeless(self) -> bool:
        """Whether requests have been refused for a minute, and none accepted."""
        since = self._refused_since
        return since is not None and self._clock() - since >= HOPE_S

    def enter(self, wait: Wait) -> float | None:
        """When the request leaves, waited for; ``None`` when told to stop. ``leave`` must follow."""
        while True:
            with self._room:
                pause = self._pause_s()
                if not pause:
                    self._in_flight += 1
                    now = self._clock()
                    self._full_at = now if self._is_full() else self._full_at
                    return now
                if self._is_full():
                    self._room.wait(_LONGEST_LOOK_S)
                    pause = 0.0
            if wait(pause):
                return None

    def leave(self, sent_at: float, sign: Sign, *, hold_s: float = 0.0) -> None:
        """Take an answer in.

        :param sent_at: what ``enter`` gave for the request.
        :param hold_s: how long the server wants nothing more.
        """
        with self._room:
            self._in_flight -= 1
            now = self._clock()
            self._forget(now)
            if sign is Sign.ACCEPTED:
                self._accepted.append(now)
                self._refused_since = None
                self._cuts_in_a_row = 0
                self._widen(sent_at)
            elif sign is not Sign.NONE:
                self._slow_down(sign, sent_at=sent_at, now=now)
            if hold_s:
                self._next_at = max(self._next_at, now + hold_s)
            self._room.notify_all()

    def _is_full(self) -> bool:
        return self._in_flight + 1 > self._window

    def _pause_s(self) -> float:
        """0 where a request may leave now and is counted, else seconds after which to look again."""
        now = self._clock()
        self._grow()
        if self._is_full():
            return _LONGEST_LOOK_S
        if now < self._next_at:
            return min(self._next_at - now, _LONGEST_LOOK_S)
        if self._rate is not None:
            # A thread that wakes up late does not slow the task down.
            self._next_at = max(self._next_at, now - 0.5 / self._rate) + 1 / self._rate
        return 0.0

    def _grow(self) -> None:
        now = self._clock()
        seconds, self._grown_at = now - self._grown_at, now
        if self._rate is None:
            return
        if self._is_starting:
            self._rate *= math.exp(_SLOW_START * seconds)
            self._forget(now)
            if self._rate > 4 * max(len(self._accepted), 4):
                self._rate = None  # nothing holds the task back but itself
            return
        calm_s = max(0.0, now - self._cut_at - _CALM_S)
        self._rate += (_STEP + calm_s * _ACCELERATION * self._rate) * seconds

    def _widen(self, sent_at: float) -> None:
        """One more at once, if the window was what held the task back while the request was under way."""
        if self._full_at >= sent_at and self._window < MOST_IN_FLIGHT:
            wider = self._window + (1.0 if self._is_window_starting else 1.0 / self._window)
            self._window = min(wider, MOST_IN_FLIGHT)

    def _slow_down(self, sign: Sign, *, sent_at: float, now: float) -> None:
        if sign is Sign.REFUSED and self._refused_since is None:
            self._refused_since = now
        if self._rate is None:
            self._begin(sign, now=now)
            return
        if sign is Sign.REFUSED:
            # At another place between the other tasks' requests the next one may fit.
            self._next_at = max(self._next_at, now + self._random() / self._rate)
        # What left before the last cut says nothing of it, and a limit is over after a second.
        if sent_at < self._cut_at or now - self._cut_at < _LEAST_BETWEEN_CUTS_S:
            return
        self._grow()
        if self._rate is not None:
            self._rate = max(_LEAST_RATE, self._rate * self._cut(now))
        self._is_starting = False
        self._note_cut(sign, now=now)

    def _begin(self, sign: Sign, *, now: float) -> None:
        """From here on there is a rate; the first is low, and the same in all tasks that begin together."""
        share = len(self._accepted) / 8 if sign is Sign.REFUSED else len(self._accepted) * _FIRST_CUT
        self._rate = max(_FIRST_RATE, share)
        self._is_starting = True
        self._began_at = self._grown_at = now
        self._next_at = max(self._next_at, now + self._random() / self._rate)
        self._note_cut(sign, now=now)

    def _note_cut(self, sign: Sign, *, now: float) -> None:
        self._cut_at = now
        self._cuts_in_a_row += 1
        self._is_window_starting = False
        self._window = max(1.0, self._window * (0.5 if sign is Sign.OVERLOADED else _CUT))
        _log.info("Slower, since requests are %s: %.2f a second.", sign.value, self._rate or math.inf)

    def _cut(self, now: float) -> float:
        """The part of the rate that is left: less at the beginning, and where cut after cut does not help."""
        if self._cuts_in_a_row >= _CUTS_THAT_DO_NOT_HELP:
            return _CUT_WITHOUT_SUCCESS
        return _CUT - (_CUT - _FIRST_CUT) * math.exp(-(now - self._began_at) / _SETTLING_S)

    def _forget(self, now: float) -> None:
        while self._accepted and self._accepted[0] < now - 1.0:
            self._accepted.popleft()
