# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tiktok.conversions.answers import Answer, Verdict
from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.http import RetryPolicy, delay_s, judge_status, read_retry_after


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.ACCEPTED),
        (202, Verdict.ACCEPTED),
        (204, Verdict.ACCEPTED),
        (301, Verdict.CONFIGURATION),
        (307, Verdict.CONFIGURATION),
        (400, Verdict.CONFIGURATION),
        (401, Verdict.AUTHORIZATION),
        (403, Verdict.AUTHORIZATION),
        (404, Verdict.CONFIGURATION),
        (407, Verdict.CONFIGURATION),
        (408, Verdict.RETRY),
        (413, Verdict.PAYLOAD),
        (425, Verdict.RETRY),
        (429, Verdict.RETRY),
        (451, Verdict.CONFIGURATION),
        (500, Verdict.RETRY),
        (502, Verdict.RETRY),
        (503, Verdict.RETRY),
        (599, Verdict.RETRY),
        (100, Verdict.UNKNOWN),
        (600, Verdict.UNKNOWN),
        (0, Verdict.UNKNOWN),
        (-1, Verdict.UNKNOWN),
    ],
)
def test_judge_status(status: int, verdict: Verdict) -> None:
    """A status has one meaning, and one that nobody knows is not success."""
    answer = judge_status(status, {})
    assert (answer.verdict, answer.http_status) == (verdict, status)
    assert answer.may_be_taken == (status >= 500)


@given(st.integers())
def test_judge_status_accepts_2xx_alone(status: int) -> None:
    """No status outside 200 to 299 is success."""
    assert (judge_status(status, {}).verdict is Verdict.ACCEPTED) == (200 <= status <= 299)


NOON = "Mon, 02 Nov 2026 12:00:00 GMT"
NOON_S = 1_793_620_800.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": " 0 "}, 0.0),
        ({"RETRY-AFTER": "1.5"}, 1.5),
        ({"Retry-After": NOON}, 60.0),
        ({"Retry-After": "Monday, 02-Nov-26 12:00:00 GMT"}, 60.0),
        ({"Retry-After": NOON, "Date": "Mon, 02 Nov 2026 11:59:50 GMT"}, 10.0),
        ({"Retry-After": NOON, "Date": "nonsense"}, 60.0),
        ({"Retry-After": "Mon, 02 Nov 2020 12:00:00 GMT"}, 0.0),
        ({"Retry-After": "86400"}, 86_400.0),
        ({"Retry-After": "86401"}, 86_400.0),
        ({"Retry-After": "999999999"}, 86_400.0),
        ({"Retry-After": "9" * 30}, 86_400.0),
        ({"Retry-After": "99999999.5"}, 86_400.0),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, 86_400.0),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 -2359"}, 86_400.0),
        ({"Retry-After": NOON, "Date": "Mon, 02 Nov 1970 00:00:00 GMT"}, 86_400.0),
        ({"Retry-After": NOON, "Date": "Mon, 02 Nov 9999 00:00:00 GMT"}, 0.0),
        ({"Retry-After": "Mon, 02 Nov 2026 12:00:00 -0000"}, 60.0),
        ({"Retry-After": "Mon, 02 Nov 0001 12:00:00 +2359"}, 0.0),
        ({"Retry-After": "1, 2"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "1e9"}, None),
        ({"Retry-After": "9" * 400}, None),
        ({"Retry-After": "٧"}, None),
        ({"Retry-After": "Mon, 99 Nov 2026 12:00:00 GMT"}, None),
    ],
)
def test_read_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds and both forms of date are read; anything else counts as not said."""
    assert read_retry_after(headers, clock=lambda: NOON_S - 60) == seconds


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_retry_after_is_a_bounded_wait_or_none(text: str, date: str) -> None:
    """Whatever a server writes, no wait is longer than a day, and nothing breaks."""
    seconds = read_retry_after({"Retry-After": text, "Date": date}, clock=lambda: NOON_S)
    assert seconds is None or 0 <= seconds <= 86_400


def test_judge_status_carries_the_wait() -> None:
    """A 429 brings the server's wait along."""
    assert judge_status(429, {"retry-after": "9"}).retry_after_s == 9.0


@pytest.mark.parametrize(
    ("attempt", "answer", "seconds"),
    [
        (1, Answer(verdict=Verdict.RETRY), 0.5),
        (2, Answer(verdict=Verdict.RETRY), 1.0),
        (5, Answer(verdict=Verdict.RETRY), 8.0),
        (7, Answer(verdict=Verdict.RETRY), 30.0),
        (10_000, Answer(verdict=Verdict.RETRY), 30.0),
        (1, Answer(verdict=Verdict.RETRY, retry_after_s=20.0), 20.5),
        (1, Answer(verdict=Verdict.RETRY, retry_after_s=0.0), 0.5),
        (1, Answer(verdict=Verdict.RETRY_SLOWLY), 315.0),
        (3, Answer(verdict=Verdict.RETRY_SLOWLY, retry_after_s=5.0), 5.5),
        (1, Answer(verdict=Verdict.UNKNOWN), 0.5),
    ],
)
def test_delay(attempt: int, answer: Answer, seconds: float) -> None:
    """The server's word first, then the long wait, then doubling up to the cap, all with jitter."""
    assert delay_s(attempt, answer=answer, policy=RetryPolicy(), random=lambda: 0.5) == seconds


@given(
    st.integers(1, 10**6),
    st.floats(0, 0.9999999),
    st.one_of(st.none(), st.floats(0, 10**6)),
    st.sampled_from([Verdict.RETRY, Verdict.RETRY_SLOWLY]),
)
def test_delay_never_undercuts_the_server(
    attempt: int, luck: float, told: float | None, verdict: Verdict
) -> None:
    """No wait is negative, and none is shorter than the server asked."""
    answer = Answer(verdict=verdict, retry_after_s=told)
    assert delay_s(attempt, answer=answer, policy=RetryPolicy(), random=lambda: luck) >= (told or 0.0)


@pytest.mark.parametrize(
    "settings", [{"max_attempts": 0}, {"base_s": -1}, {"cap_s": float("nan")}, {"max_unreadable": -1}]
)
def test_policy_refuses_nonsense(settings: dict[str, float]) -> None:
    """A policy that could never send, or wait, is refused when it is made."""
    with pytest.raises(ConfigurationError):
        RetryPolicy(**settings)  # type: ignore[arg-type]
