# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Whether to try again, and when: pure functions of what came back."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from msgspec import Struct, structs

from airflow_provider_tiktok.conversions.answers import Answer, Verdict
from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.http.messages import find_header

LONGEST_RETRY_AFTER_S = 86_400.0
"""A server that asks for more is taken to ask for a day, the longest limit that TikTok has."""

_LONGEST_HEADER = 64

Random = Callable[[], float]
"""A number from 0 to below 1."""

# RFC 9110, section 15, read as a client that must not lose an event. A status that no row names
# is not understood.
_STATUS_VERDICTS: tuple[tuple[range, Verdict], ...] = (
    (range(408, 409), Verdict.RETRY),
    (range(413, 414), Verdict.PAYLOAD),  # too large: halves may fit
    (range(425, 426), Verdict.RETRY),
    (range(429, 430), Verdict.RETRY),
    (range(401, 402), Verdict.AUTHORIZATION),
    (range(403, 404), Verdict.AUTHORIZATION),
    (range(200, 300), Verdict.ACCEPTED),
    (range(300, 500), Verdict.CONFIGURATION),
    (range(500, 600), Verdict.RETRY),
)

# What a firewall answers to a text it dislikes, and a service that breaks on one event.
_MAY_BE_ONE_EVENT = frozenset({400, 403, 406, 418, 422, 451, *range(500, 600)})


def judge_status(
    status: int, headers: Mapping[str, str], *, clock: Callable[[], float] = time.time
) -> Answer:
    """What a reply means by its status alone: for APIs without return codes, and unreadable bodies.

    A 5xx may come from a gateway in front of an API that went on working: ``may_be_taken``.

    :param clock: Unix seconds, for a ``Retry-After`` that names a date.
    """
    verdict = next((verdict for span, verdict in _STATUS_VERDICTS if status in span), Verdict.UNKNOWN)
    return Answer(
        verdict=verdict,
        message=f"HTTP status {status}",
        http_status=status,
        retry_after_s=read_retry_after(headers, clock=clock) if verdict is Verdict.RETRY else None,
        may_be_taken=status >= 500,
        is_too_frequent=status == 429,
        may_be_one_event=status in _MAY_BE_ONE_EVENT,
    )


def read_retry_after(headers: Mapping[str, str], *, clock: Callable[[], float] = time.time) -> float | None:
    """Seconds the server asks to wait; ``None`` where it says nothing that can be read.

    At least 0 and at most a day. A date is measured against the reply's own ``Date``, so that two clocks that
    differ do no harm.

    :param clock: Unix seconds, used where the reply has no ``Date``.
    """
    wait_s = _read_wait_s(headers, clock=clock)
    return None if wait_s is None else min(max(0.0, wait_s), LONGEST_RETRY_AFTER_S)


def _read_wait_s(headers: Mapping[str, str], *, clock: Callable[[], float]) -> float | None:
    text = (find_header(headers, "Retry-After") or "").strip()
    if len(text) > _LONGEST_HEADER:
        return None
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        return float(text)
    until = _read_http_date(text)
    if until is None:
        return None
    sent = _read_http_date(find_header(headers, "Date") or "")
    return until - (clock() if sent is None else sent)


def _read_http_date(text: str) -> float | None:
    if len(text) > _LONGEST_HEADER:
        return None
    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, OSError, TypeError, IndexError):  # what it gives for odd texts
        return None


class RetryPolicy(Struct, frozen=True, kw_only=True):
    """How often and how long one request is tried.

    :param max_attempts: times one request is sent, at least 1.
    :param base_s: longest wait after the first attempt; doubles with each further one.
    :param cap_s: longest wait of the doubling.
    :param slow_s: wait where minutes are asked for.
    :param max_slow_waits: how many of those waits one request is worth.
    :param max_unreadable: answers that cannot be read before the API counts as not understood.
    :param max_total_wait_s: a wait that would take all waits of the request past this is not begun. A
        server that asks for more is not asked again sooner: its request is given up, and the error tells
        the wait it named.
    """

    max_attempts: int = 5
    base_s: float = 1.0
    cap_s: float = 60.0
    slow_s: float = 300.0
    max_slow_waits: int = 2
    max_unreadable: int = 3
    max_total_wait_s: float = 900.0

    def __post_init__(self) -> None:
        if self.max_attempts < 1:
            raise ConfigurationError("Set max_attempts to at least 1.")
        for name in structs.asdict(self):
            number = getattr(self, name)
            if math.isnan(number) or number < 0:
                raise ConfigurationError(f"Set {name} to 0 or more.")


def delay_s(attempt: int, *, answer: Answer, policy: RetryPolicy, random: Random) -> float:
    """Seconds to wait after an attempt.

    The server's word comes first, and is never undercut; then the long wait where the answer asks for
    one; then exponential growth with full jitter, which spreads many senders best.

    :param attempt: number of the attempt that just failed, from 1.
    """
    if answer.retry_after_s is not None:
        return answer.retry_after_s + policy.base_s * random()
    if answer.verdict is Verdict.RETRY_SLOWLY:
        return policy.slow_s * (1 + random() / 10)
    growth = 2.0 ** min(attempt - 1, 60)
    return min(policy.cap_s, policy.base_s * growth) * random()
