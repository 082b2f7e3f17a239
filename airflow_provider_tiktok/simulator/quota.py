# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""A quota: so many requests within any one second."""

from __future__ import annotations

import threading
from collections import defaultdict, deque

_WINDOW_S = 1.0


class Quota:
    """Counts admitted requests per key; refused ones do not count, so that waiting a second always helps."""

    def __init__(self) -> None:
        """Starts with nothing counted."""
        self._lock = threading.Lock()
        self._admitted: defaultdict[str, deque[float]] = defaultdict(deque)

    def admits(self, key: str, *, now: float, limit: int) -> bool:
        """Tells whether one more request is within the limit, and counts it if so.

        :param limit: requests per second; 0 means no limit.
        """
        if not limit:
            return True
        with self._lock:
            times = self._admitted[key]
            while times and times[0] <= now - _WINDOW_S:
                times.popleft()
            if len(times) >= limit:
                return False
            times.append(now)
            return True

    def clear(self) -> None:
        """Forgets what was counted."""
        with self._lock:
            self._admitted.clear()
