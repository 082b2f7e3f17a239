# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""One pace for all requests of a task, found by what the API answers: as TCP finds the width of a line.

Without it every refused request waits by itself and the others go on as before, until refusals have used
up their tries. Here a refusal for the pace slows the whole task down, by a part, so that tasks that share a
limit come to about equal shares, though they know nothing of each other (Chiu and Jain 1989, "Analysis of the
increase and decrease algorithms for congestion avoidance").

Afterwards the pace follows a cubic curve of the time, as in TCP's CUBIC (RFC 9438): soon near the pace that
was too fast, long about there, where the limit is likely to be, and ever faster beyond it, since whoever is
not refused there has the limit to itself. Requests leave at even distances, since what leaves in bursts is
refused below the limit; after a refusal the next leaves at another place between the other tasks' requests.
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

# Found in a simulation of 1, 4 and 8 tasks at limits of 10 requests a second, the tasks beginning within two
# seconds; tests/conversions/http/test_pace.py has a part of it.
_FIRST_RATE = 1.0
_START_STEP, _START_ACCELERATION = 0.5, 0.4  # requests a second, each second: until the second refusal
_FRESH_S = 7.5  # tasks that began together find equal shares: large steps, deep cuts
_FRESH_STEP, _FRESH_CUT = 0.5, 0.7
_CUT = 0.88
_PLATEAU_S = 18.0  # from a cut to the pace that was too fast
_LEAST_HEIGHT = 0.5  # requests a second, above that pace after as long again
_CUT_WITHOUT_SUCCESS, _CUTS_THAT_DO_NOT_HELP = 0.6, 2
_SHIFT, _SHIFTS_THAT_DO_NOT_HELP = 0.3, 5  # of the distance between two requests
_LEAST_BETWEEN_CUTS_S = 1.0
_LEAST_RATE, _MOST_RATE = 0.1, 1000.0
_LONGEST_LOOK_S = 0.5
_FIRST_WINDOW = 4.0
_OVERLOAD_CUT, _OVERLOAD_WINDOW_CUT = 0.75, 0.5


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
        self._start_scale = 1.0
        self._is_starting = True
        self._grown_at = self._cut_at = self._began_at = self._next_at = self._held_until = clock()
        self._cuts_in_a_row = 0
        self._top = self._last_top = 0.0  # the rate that was too fast
        self._refused_in_a_row = 0
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
                self._cuts_in_a_row = self._refused_in_a_row = 0
                self._widen(sent_at)
            elif sign is not Sign.NONE:
                self._slow_down(sign, sent_at=sent_at, now=now)
            if hold_s:
                self._held_until = max(self._held_until, now + hold_s)
            self._room.notify_all()

    def _is_full(self) -> bool:
        return self._in_flight + 1 > self._window

    def _pause_s(self) -> float:
        """0 where a request may leave now and is counted, else seconds after which to look again."""
        now = self._clock()
        self._grow()
        if self._is_full():
            return _LONGEST_LOOK_S
        pause_s = max(self._next_at, self._held_until) - now
        if pause_s > 0:
            return min(pause_s, _LONGEST_LOOK_S)
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
            middle_s = now - self._began_at - seconds / 2
            step = _START_STEP + _START_ACCELERATION * middle_s
            self._rate += step * self._start_scale * seconds
            self._forget(now)
            if self._rate > 4 * max(len(self._accepted), 4):
                self._rate = None  # nothing holds the task back but itself
            return
        if freshness := self._freshness(now):
            self._rate += _FRESH_STEP * freshness * seconds
            return
        way = (now - self._cut_at) / _PLATEAU_S - 1
        height = max(self._top * (1 - _CUT), _LEAST_HEIGHT if way > 0 else 0.0)
        self._rate = min(max(self._rate, self._top + height * way**3), _MOST_RATE)

    def _freshness(self, now: float) -> float:
        """From 1 at the first refusal to 0."""
        return max(0.0, 1 - (now - self._began_at) / _FRESH_S)

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
            self._shift(now, rate=self._rate)
        # What left before the last cut says nothing of it, and a limit is over after a second.
        if sent_at < self._cut_at or now - self._cut_at < _LEAST_BETWEEN_CUTS_S:
            return
        self._grow()
        if self._rate is not None:
            self._rate = max(_LEAST_RATE, self._rate * self._cut(sign, now=now))
        self._is_starting = False
        self._note_cut(sign, now=now)

    def _begin(self, sign: Sign, *, now: float) -> None:
        """From here on there is a rate; the first is low, and the same in all tasks that begin together."""
        is_refused = sign is Sign.REFUSED
        share = len(self._accepted) / 8 if is_refused else len(self._accepted) * _OVERLOAD_CUT
        self._rate = rate = max(_FIRST_RATE, share)
        # What is refused for the pace is shared with others, who must come to grow alike.
        self._start_scale = 1.0 if is_refused else rate
        self._is_starting = True
        self._began_at = self._grown_at = now
        self._next_at = max(self._next_at, now + self._random() / rate)
        self._note_cut(sign, now=now)

    def _shift(self, now: float, *, rate: float) -> None:
        """The next request leaves soon, at another place between the other tasks': there it may fit."""
        self._refused_in_a_row += 1
        if self._refused_in_a_row < _SHIFTS_THAT_DO_NOT_HELP:
            self._next_at = now + _SHIFT * self._random() / rate

    def _note_cut(self, sign: Sign, *, now: float) -> None:
        self._cut_at = now
        self._cuts_in_a_row += 1
        if self._rate is not None:
            top = self._rate / _CUT
            # Who has to give way twice in a row leaves some room to others.
            self._top = top * (1 + _CUT) / 2 if top < self._last_top else top
            self._last_top = top
        self._is_window_starting = False
        self._window = max(1.0, self._window * (_OVERLOAD_WINDOW_CUT if sign is Sign.OVERLOADED else _CUT))
        _log.info("Slower, since requests are %s: %.2f a second.", sign.value, self._rate or math.inf)

    def _cut(self, sign: Sign, *, now: float) -> float:
        """The part of the rate that is left: less at the beginning, and where cut after cut does not help."""
        if self._cuts_in_a_row >= _CUTS_THAT_DO_NOT_HELP:
            return _CUT_WITHOUT_SUCCESS
        if sign is Sign.OVERLOADED:
            return _OVERLOAD_CUT
        return _FRESH_CUT if self._freshness(now) else _CUT

    def _forget(self, now: float) -> None:
        while self._accepted and self._accepted[0] < now - 1.0:
            self._accepted.popleft()
