# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A limit on how many requests leave, shared between threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.http.messages import (
    HttpReply,
    HttpRequest,
    NotSent,
    Transport,
    Wait,
    wait_unstopped,
)


class RateLimit:
    """How many requests may leave, counted together for all who share the object.

    Windows slide: at most so many in any second, and in any minute.

    :param now_ms: milliseconds of a clock that never goes back.
    """

    def __init__(
        self,
        *,
        per_second: int | None = None,
        per_minute: int | None = None,
        now_ms: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000,
    ) -> None:
        from pyrate_limiter import InMemoryBucket, Rate

        windows = [(per_second, 1_000), (per_minute, 60_000)]
        if any(limit is not None and limit < 1 for limit, _ in windows):
            raise ConfigurationError("Allow at least one request in the rate limit.")
        # A second that allows more than the minute does limits nothing.
        if per_second is not None and per_minute is not None and per_second >= per_minute:
            windows = [(per_minute, 60_000)]
        rates = [Rate(limit, window_ms) for limit, window_ms in windows if limit is not None]
        self._bucket = InMemoryBucket(rates) if rates else None
        self._now_ms = now_ms
        self._lock = threading.Lock()

    @property
    def remembered(self) -> int:
        """How many requests are held in memory: those of the windows, no older ones."""
        return 0 if self._bucket is None else self._bucket.count()

    def reserve(self) -> float:
        """0 where a request may leave now and has been counted, else seconds until it is worth asking."""
        if self._bucket is None:
            return 0.0
        from pyrate_limiter import RateItem

        with self._lock:
            item = RateItem("request", self._now_ms())
            self._bucket.leak(item.timestamp)
            if self._bucket.put(item):
                return 0.0
            pause_ms = self._bucket.waiting(item)
        return max(pause_ms, 1) / 1_000 if isinstance(pause_ms, int) else 1.0


class RateLimited:
    """A transport in front of which a rate limit stands.

    :param wait: as for ``exchange``; when it says stop, the request counts as not sent.
    """

    def __init__(self, transport: Transport, *, limit: RateLimit, wait: Wait = wait_unstopped) -> None:
        self._transport = transport
        self._limit = limit
        self._wait = wait

    def __call__(self, request: HttpRequest, /) -> HttpReply:
        """The reply, once the limit lets the request leave."""
        while pause := self._limit.reserve():
            if self._wait(pause):
                raise NotSent("told to stop", is_stop=True)
        return self._transport(request)
