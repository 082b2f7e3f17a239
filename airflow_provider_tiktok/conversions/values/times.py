# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Event times: Unix seconds from every way in which a time is written."""

from __future__ import annotations

import re
from calendar import timegm
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from airflow_provider_tiktok.conversions.values.refusals import refusal
from airflow_provider_tiktok.conversions.values.scalars import NUMBER, plain_value, to_number
from airflow_provider_tiktok.conversions.values.visible import trimmed

_YEAR_2000 = 946_684_800
_NO_SECONDS = 10**11
_NO_MILLISECONDS = 10**14
_TOO_LARGE_FOR_SECONDS = (
    (_NO_SECONDS, "milliseconds"),
    (_NO_MILLISECONDS, "microseconds"),
    (10**17, "nanoseconds"),
    (10**20, "not_a_time"),
)
"""From where on a time is in a smaller unit. 10^11 seconds is the year 5138, 10^11 milliseconds is 1973."""

_LONGEST: Final = 64
"""Characters of a time as text; the longest with a zone's name has fewer."""
_ABSENT: Final = frozenset({"", "nan", "nat"})
"""Nothing, also as pandas and numpy spell it."""

# Digits alone that are a date and a time without separators, such as 20261126221349, and no count of
# anything: as seconds it is the year 1970, as milliseconds the year 2612, as microseconds it was in 1970.
_COMPACT: Final = re.compile(
    r"20[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
    r"(?:(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9](?:[0-9]{3}(?:[0-9]{3})?)?)?)?"
)

# The zone is looked at afterwards.
_FRACTION_AND_ZONE: Final = r"(?:[.,][0-9]{1,9})?)?(?: ?([^ 0-9].*))?"
_WITH_SEPARATORS: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    rf"(?:[Tt ]([0-9]{{2}}):([0-9]{{2}})(?::([0-9]{{2}}){_FRACTION_AND_ZONE})?"
)
_BASIC: Final = re.compile(
    rf"([0-9]{{4}})([0-9]{{2}})([0-9]{{2}})[Tt]([0-9]{{2}})([0-9]{{2}})(?:([0-9]{{2}}){_FRACTION_AND_ZONE}"
)
_OFFSET: Final = re.compile(
    r"([+-])([0-9]{2})(?::?([0-9]{2})(?::?([0-9]{2}))?)?"
    r"(?: (?P<name>[A-Z]{2,5})|\[[A-Za-z0-9_+/-]{1,40}\])?"
)
_NAMES_OF_UTC: Final = frozenset({"Z", "UTC", "GMT"})
_AREA_AND_PLACE: Final = re.compile(r"[A-Z][A-Za-z]+(?:/[A-Za-z0-9_+-]+){1,2}")


def to_event_time(raw: object, *, zone: tzinfo | None = None, takes_milliseconds: bool = False) -> int | None:
    """Unix seconds, UTC; fractions of a second are cut.

    Taken are Unix seconds (also as text), dates and times of Python, pandas, pendulum and numpy, and text as
    warehouses write it: ``2026-11-26``, a blank or ``T``, ``10:00`` or ``10:00:00`` with up to nine digits
    of a fraction, then ``Z``, ``UTC``, ``GMT``, an offset (``+01``, ``+0100``, ``+01:00``) or a name such as
    ``Europe/Berlin``; and ISO's basic form ``20261126T100000Z``. Numbers too large for seconds, and digits
    that are a date without separators, are refused and not scaled: a unit that was wrong once is not to be
    guessed. An abbreviation such as ``EST`` is refused, since it stands for several zones.

    :param zone: where a time without a zone was read off the clock; such times are refused without it. Of
        a time that the clock showed twice the first is taken, unless its ``fold`` says the second; one
        that it skipped counts on from before the gap. A date means its first second.
    :param takes_milliseconds: whether numbers that can only be milliseconds are read as such, for columns of
        other systems whose unit is known to vary. Event times never are.
    """
    if type(raw) is int:
        return _checked_seconds(raw, takes_milliseconds=takes_milliseconds)
    value = plain_value(raw)
    if isinstance(value, str):
        value = _time_of_text(trimmed(value))
    if value is None:
        return None
    if isinstance(value, date):
        return _seconds_of(value, zone=zone)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        number = to_number(value)
        return (
            None if number is None else _checked_seconds(int(number), takes_milliseconds=takes_milliseconds)
        )
    raise refusal("not_a_time")


def _time_of_text(text: str) -> Decimal | date | None:
    # Before any pattern: none of them is asked about a text without bounds.
    if len(text) > _LONGEST:
        raise refusal("not_a_time")
    if text.casefold() in _ABSENT:
        return None
    if NUMBER.fullmatch(text):
        number = to_number(text)
        if number is not None and "e" in text.casefold() and Decimal(text).as_tuple().exponent > 0:  # type: ignore[operator]
            raise refusal("inexact_float")  # 1.8E+09 has lost the last eight digits of its seconds
        return number
    return _moment_of(text)


def _moment_of(text: str) -> datetime:
    """The date and time that the text writes, without a zone where it names none."""
    text = text.replace("\N{MINUS SIGN}", "-")  # which ISO 8601 has for offsets
    clock = _WITH_SEPARATORS.fullmatch(text) or _BASIC.fullmatch(text)
    if clock is not None:
        *parts, zone = clock.groups()
        try:
            return datetime(*(int(part or 0) for part in parts), tzinfo=_zone_of(zone))  # type: ignore[misc,arg-type]
        except (ValueError, KeyError, OSError):
            pass  # raised below: Python's error may hold the text
    raise refusal("not_a_time")


def _zone_of(text: str | None) -> tzinfo | None:
    """The zone behind a time's digits.

    :raises ValueError: it names none; the name of an unknown place raises ``KeyError`` or ``OSError``.
    """
    if text is None:
        return None
    if text.upper() in _NAMES_OF_UTC:
        return UTC
    if _AREA_AND_PLACE.fullmatch(text):
        return ZoneInfo(text)
    offset = _OFFSET.fullmatch(text)
    if offset is None:
        raise ValueError
    sign, *parts, name = offset.groups()
    hours, minutes, seconds = (int(part or 0) for part in parts)
    distance = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if minutes > 59 or seconds > 59 or (name in _NAMES_OF_UTC and distance):
        raise ValueError
    return timezone(-distance if sign == "-" else distance)


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


def _checked_seconds(seconds: int, *, takes_milliseconds: bool) -> int:
    # Short of 10^20, beyond which Python may not even write the digits out.
    if 0 < seconds < 10**20 and _COMPACT.fullmatch(str(seconds)):
        raise refusal("compact_time")
    if takes_milliseconds and _NO_SECONDS <= seconds < _NO_MILLISECONDS:
        seconds //= 1000
    if _YEAR_2000 <= seconds < _NO_SECONDS:
        return seconds
    rules = [rule for bound, rule in _TOO_LARGE_FOR_SECONDS if seconds >= bound]
    raise refusal(rules[-1] if rules else "before_2000")
