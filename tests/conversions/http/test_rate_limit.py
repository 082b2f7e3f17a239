# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.http import HttpReply, HttpRequest, NotSent, RateLimit, RateLimited
from tests.conversions.transports import Script

REQUEST = HttpRequest(method="GET", url="http://api.example.com/")
ACCEPTED = HttpReply(status=200)


class Clock:
    def __init__(self) -> None:
        self.ms = 0

    def __call__(self) -> int:
        return self.ms


def send_through(limit: RateLimit, clock: Clock, n: int) -> list[int]:
    """The times, in milliseconds, at which so many requests leave."""
    sent: list[int] = []

    def wait(seconds: float) -> bool:
        assert seconds > 0
        clock.ms += max(1, int(seconds * 1_000))
        return False

    def transport(request: HttpRequest, /) -> HttpReply:
        sent.append(clock.ms)
        return ACCEPTED

    limited = RateLimited(transport, limit=limit, wait=wait)
    for _ in range(n):
        limited(REQUEST)
    return sent


@pytest.mark.parametrize(
    ("per_second", "per_minute"), [(5, None), (None, 20), (5, 20), (20, 5), (5, 5), (1000, 10)]
)
def test_rate_limit(per_second: int | None, per_minute: int | None) -> None:
    """In no second and in no minute do more requests leave than were allowed."""
    clock = Clock()
    sent = send_through(RateLimit(per_second=per_second, per_minute=per_minute, now_ms=clock), clock, 60)
    for limit, window_ms in ((per_second, 1_000), (per_minute, 60_000)):
        if limit is not None:
            spans = [late - early for early, late in zip(sent, sent[limit:], strict=False)]
            assert min(spans, default=window_ms) >= window_ms
    allowed = min((per_second or 10**9) * 60, per_minute or 10**9)
    assert sent[-1] <= 60_000 * (60 // allowed + 1) + 1_000


def test_no_rate_limit() -> None:
    """Without numbers nothing is limited."""
    assert send_through(RateLimit(), Clock(), 3) == [0, 0, 0]


def test_rate_limit_refuses_nonsense() -> None:
    """A limit that lets nothing leave is a wrong setting."""
    with pytest.raises(ConfigurationError):
        RateLimit(per_second=0)


def test_stop_while_limited() -> None:
    """Told to stop while it waits for its turn, a request counts as not sent."""
    clock = Clock()
    script = Script(ACCEPTED)
    limited = RateLimited(script, limit=RateLimit(per_minute=1, now_ms=clock), wait=lambda _: True)
    limited(REQUEST)
    with pytest.raises(NotSent):
        limited(REQUEST)
    assert len(script.requests) == 1


def test_rate_limit_forgets() -> None:
    """A long run does not remember every request it ever sent."""
    clock = Clock()
    limit = RateLimit(per_second=5, now_ms=clock)
    send_through(limit, clock, 200)
    assert limit.remembered <= 10
