# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Event times: Unix seconds from every way in which a time is written."""

from __future__ import annotations

from calendar import timegm
from datetime import date, datetime, tzinfo
from decimal import Decimal

from airflow_provider_tiktok.conversions.values.refusals import refusal
from airflow_provider_tiktok.conversions.values.scalars import NOT_FINITE, NUMBER, plain_value, to_number

_YEAR_2000 = 946_684_800
_NO_SECONDS = 10**11
_TOO_LARGE_FOR_SECONDS = (
    (_NO_SECONDS, "milliseconds"),
    (10**14, "microseconds"),
    (10**17, "nanoseconds"),
    (10**20, "not_a_time"),
)
"""From where on a time is in a smaller unit. 10^11 seconds is the year 5138, 10^11 milliseconds is 1973."""


def to_event_time(raw: object, *, zone: tzinfo | None = None) -> int | None:
    """Unix seconds, UTC; fractions of a second are cut.

    Taken are Unix seconds (also as text), ISO 8601 text, and dates and times of Python, pandas, pendulum
    and numpy. Numbers too large for seconds are refused and not scaled: a unit that was wrong once is not
    to be guessed.

    :param zone: where a time without a zone was read off the clock; such times are refused without it. Of
        a time that the clock showed twice the first is taken, unless its ``fold`` says the second; one
        that it skipped counts on from before the gap. A date means its first second.
    """
    if type(raw) is int:
        return _checked_seconds(raw)
    value = plain_value(raw)
    if isinstance(value, str):
        value = _time_of_text(str.strip(value))
    if value is None:
        return None
    if isinstance(value, date):
        return _seconds_of(value, zone=zone)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        number = to_number(value)
        return _checked_seconds(int(number or 0))
    raise refusal("not_a_time")


def _time_of_text(text: str) -> Decimal | datetime | None:
    if not text:
        return None
    if NUMBER.fullmatch(text) or NOT_FINITE.fullmatch(text):
        return to_number(text)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass  # raised below: Python's error holds the text
    raise refusal("not_a_time")


def _seconds_of(moment: date, *, zone: tzinfo | None) -> int:
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        if zone is None:
            raise refusal("naive_time")
        fold = getattr(moment, "fold", 0)
        moment = datetime(*moment.timetuple()[:6], tzinfo=zone, fold=fold)
    try:
        # Whole seconds of the calendar: a float of seconds may round up into the next one.
        seconds = timegm(moment.utctimetuple())
    except OverflowError:
        seconds = _NO_SECONDS  # at the calendar's edges the zone's offset leads out of it
    if seconds < _YEAR_2000:
        raise refusal("before_2000")
    if seconds >= _NO_SECONDS:
        raise refusal("not_a_time")  # the year 9999 stands for "never", not for a unit that is wrong
    return seconds


def _checked_seconds(seconds: int) -> int:
    if _YEAR_2000 <= seconds < _NO_SECONDS:
        return seconds
    rules = [rule for bound, rule in _TOO_LARGE_FOR_SECONDS if seconds >= bound]
    raise refusal(rules[-1] if rules else "before_2000")
