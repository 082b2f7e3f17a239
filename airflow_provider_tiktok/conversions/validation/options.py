# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Which times of events a run takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from airflow_provider_tiktok.conversions.errors import ConfigurationError

SECONDS_PER_DAY: Final = 86_400


class TimeRules(Struct, frozen=True, kw_only=True):
    """Which times of events a run takes.

    :param now: Unix seconds.
    :param max_event_age_s: from which age on an event is told as old; the longest known
        attribution window is 28 days.
    :param refuse_old: whether an old event is kept back, rather than sent with a warning.
    :param max_ahead_s: how far ahead of our clock an event's time may be.
    :raises ConfigurationError: a value is impossible.
    """

    now: Callable[[], float] = time.time
    max_event_age_s: float = 28 * SECONDS_PER_DAY
    refuse_old: bool = False
    max_ahead_s: float = 600

    def __post_init__(self) -> None:
        if not (self.max_event_age_s > 0 and self.max_ahead_s >= 0):
            raise ConfigurationError("Set max_event_age_s above 0 and max_ahead_s to at least 0, in seconds.")

    def bounds(self) -> tuple[float, float]:
        """Unix seconds: before the first an event is old, after the second it is of the future."""
        now = self.now()
        return now - self.max_event_age_s, now + self.max_ahead_s
