# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Times as text in a stated format, and numbers that count in a stated unit.

Formats have the words of Python's ``strptime``, but for those that depend on the machine's language or zone,
and mean the same on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from functools import partial
from itertools import repeat
from typing import Any, Final

from airflow_provider_tiktok.conversions.errors import ConfigurationError, EventError
from airflow_provider_tiktok.conversions.values import closest_name, plain_value, to_number, to_text

UNITS: Final = {"s": 1, "ms": 1000, "us": 1_000_000, "ns": 1_000_000_000}
_NAMES: Final = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}

_YEAR_2000: Final = 946_684_800
_YEAR_5138: Final = 10**11
"""Seconds that make sense: a time of these years lies outside of them in another unit than the stated one."""

_LARGEST_EXACT: Final = 2**53
"""Up to which every whole number is a float."""

_LONGEST: Final = 100
_LONGEST_WORD: Final = 9
_CUT: Final = {unit: 1 - len(str(size)) for unit, size in UNITS.items()}
"""Behind which digit, from the right, seconds end."""
_PLAIN: Final = {unit: re.compile(rf"(?>[1-9][0-9]{{{9 - cut}}}(?:\n|\Z))++") for unit, cut in _CUT.items()}
"""Columns of whole numbers from 2001 to 2286, a line each."""

_MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_NUMBERS: Final = {"Y": 4, "y": 2, "m": 2, "d": 2, "H": 2, "I": 2, "M": 2, "S": 2}
_WORDS: Final = {
    "f": r"(?P<f>[0-9]{1,9})",
    "p": r"(?P<p>[AaPp][Mm]|[AaPp]\.[Mm]\.)",
    "z": r"(?P<z>[Zz]|[+-][0-9]{2}:?[0-9]{2})",
    "B": rf"(?P<B>{'|'.join(_MONTHS)})",
    "b": rf"(?P<b>{'|'.join(one[:3] for one in _MONTHS)})",
    "A": rf"(?:{'|'.join(_DAYS)})",
    "a": rf"(?:{'|'.join(one[:3] for one in _DAYS)})",
    "%": "%",
}
_KNOWN: Final = tuple(f"%{one}" for one in (*_NUMBERS, *_WORDS))
_PARTS: Final = re.compile(r"%(.?)|([^%]+)", re.DOTALL)
_BLANKS: Final = r"\s+"


def unit_reader(unit: object) -> Callable[[Any], Any]:
    """What makes Unix seconds of numbers in a unit; dates and times stay what they are."""
    if not isinstance(unit, str) or unit not in UNITS:
        meant = closest_name(str(unit), (*UNITS, *_NAMES.values()))
        short = next((short for short, long in _NAMES.items() if meant in (short, long)), None)
        hint = f"; did you mean {short!r}?" if short else "."
        raise ConfigurationError(f"Give one of {', '.join(UNITS)} as unit{hint}")
    return partial(_seconds, unit=str(unit))


def seconds_of(values: Sequence[Any], *, unit: str) -> list[Any] | None:
    """Unix seconds of a column of plain numbers of our days; ``None`` for any other column."""
    kinds = {*map(type, values)}
    if kinds == {str}:
        text = "\n".join(values)
        cut = _CUT[unit]
        if text.count("\n") + 1 != len(values) or not _PLAIN[unit].fullmatch(text):
            return None
        return [one[:cut] for one in values] if cut else list(values)
    if kinds not in ({int}, {float}, {Decimal}):
        return None
    size = UNITS[unit]
    if min(values) < _YEAR_2000 * size or max(values) >= _YEAR_5138 * size:
        return None
    if kinds == {float} and max(values) > _LARGEST_EXACT:
        return None
    return [int(one) // size for one in values]


def _seconds(raw: object, *, unit: str) -> object:
    if type(raw) is not int:
        raw = plain_value(raw)
        if raw is None or isinstance(raw, date):
            return raw
        if isinstance(raw, str) and "e" in raw.casefold() and raw.strip().casefold() != "nan":
            raise _not_in_unit(unit)  # 1.78E+12 has lost digits, and a word is no number
        try:
            number = to_number(raw)
        except EventError:
            raise _not_in_unit(unit) from None
        if number is None:
            return None
        raw = int(number)
    seconds = raw // UNITS[unit]
    if not _YEAR_2000 <= seconds < _YEAR_5138:
        raise _not_in_unit(unit)
    return seconds


def _not_in_unit(unit: str) -> EventError:
    remedy = (
        f'Give Unix time in {_NAMES[unit]}, as unit="{unit}" says of this column, or state its own unit: '
        f"this is "
        "no number, or no time of our days in that unit."
    )
    return EventError("not_in_format", remedy=remedy)


def format_reader(
    format: object,
) -> tuple[Callable[[Any], Any], Callable[[Sequence[Any]], list[Any] | None]]:
    """What makes a date and time of text in a format; dates and times stay what they are.

    :returns: for one value, and for a whole column of plain text.
    """
    if not isinstance(format, str) or not format.strip():
        raise ConfigurationError("Give text such as '%m/%d/%Y %H:%M' as format.")
    clock = _Clock(format)
    return clock.read, clock.plain_column


class _Clock:
    """One format, compiled."""

    def __init__(self, format: str) -> None:
        self._format = format
        directives = _directives_of(format)
        pattern = _pattern_of(format)
        self._pattern = re.compile(pattern, re.IGNORECASE)
        self._names = list(dict.fromkeys(self._pattern.groupindex))
        one = pattern.replace(_BLANKS, " ")  # which a line end between two values is not
        self._rows = re.compile(f"^{one}$", re.IGNORECASE | re.MULTILINE)
        self._marks = _marks_of(format)
        if self._marks:
            one = re.sub(r"\(\?P<[A-Za-z]>", "(?:", one)
            self._rows = re.compile(rf"(?>{one}(?:\n|\Z))++", re.IGNORECASE)
        longest = len(format) + _LONGEST_WORD * len(directives)
        self._is_plain = format == format.strip() and "\n" not in format and longest <= _LONGEST
        month = {"m", "b", "B"}.intersection(directives)
        if not ({"Y", "y"}.intersection(directives) and month and "d" in directives):
            raise ConfigurationError("Give a format with a year, a month and a day, such as %Y-%m-%d.")
        if ("I" in directives) != ("p" in directives):
            raise ConfigurationError(
                "Write %p into format beside hours of a clock of twelve (%I), and neither without the other."
            )
        if "M" in directives and not {"H", "I"}.intersection(directives):
            raise ConfigurationError("Write hours (%H) into format beside minutes (%M).")

    def read(self, raw: object) -> date | None:
        """The date and time; ``None`` for no value."""
        value = plain_value(raw)
        if isinstance(value, date):
            return value
        try:
            text = to_text(value)
        except EventError:
            raise self._refusal() from None
        if text is None or text.casefold() in ("nan", "nat"):
            return None
        found = self._pattern.fullmatch(text) if len(text) <= _LONGEST else None
        if found is None:
            raise self._refusal()
        try:
            return _moment(found.groupdict())
        except (ValueError, OverflowError):
            pass  # raised below: Python's error may hold the text
        raise self._refusal()

    def plain_column(self, values: Sequence[Any]) -> list[Any] | None:
        """The dates and times of a column of plain text; ``None`` for any other.

        :raises ValueError: there is no such day or time.
        """
        kinds = {*map(type, values)}
        if kinds <= {date, datetime}:
            return list(values)
        if kinds != {str} or not self._is_plain:
            return None
        text = "\n".join(values)
        if text.count("\n") + 1 != len(values):
            return None
        columns: Sequence[Sequence[str]]
        if self._marks:
            if not self._rows.fullmatch(text):
                return None
            for mark in self._marks:
                text = text.replace(mark, "\n")
            found, size = text.split("\n"), len(self._names)
            columns = [found[place::size] for place in range(size)]
        else:
            rows = self._rows.findall(text)
            columns = list(zip(*rows, strict=True)) if len(rows) == len(values) else ()
        return _moments(dict(zip(self._names, columns, strict=True))) if columns else None

    def _refusal(self) -> EventError:
        remedy = f"Give the time as {self._format!r}, as format says of this column, or state its own format."
        return EventError("not_in_format", remedy=remedy)


def _directives_of(format: str) -> list[str]:
    found = []
    for directive, literal in _PARTS.findall(format):
        if literal:
            continue
        if directive not in _NUMBERS and directive not in _WORDS:
            raise ConfigurationError(
                f"Write format with {', '.join(_KNOWN)}: '%{directive}' is not known here."
            )
        if directive in found and directive != "%":
            raise ConfigurationError(f"Write '%{directive}' once in format: it stands there twice.")
        found.append(directive)
    return found


def _marks_of(format: str) -> list[str]:
    """What stands between the parts of a format, where it is in none of them; else nothing."""
    parts = _PARTS.findall(format)
    directives, marks = [one for one, _ in parts[::2]], [one for _, one in parts[1::2]]
    is_plain = all(marks) and all(one in _NUMBERS or one in "fpbB" for one in directives) and len(parts) % 2
    # Letters match in either case, digits would be cut out of the numbers, and the points out of a.m.
    if not is_plain or any(one.isalnum() or (one == "." and "p" in directives) for one in "".join(marks)):
        return []
    return sorted(set(marks), key=len, reverse=True)


def _pattern_of(format: str) -> str:
    """A zero in front may lack, but not where digits follow each other: nobody could say whose they are."""
    parts = _PARTS.findall(format)
    pattern = ""
    for place, (directive, literal) in enumerate(parts):
        if literal:
            pattern += _BLANKS.join(re.escape(one) for one in re.split(r"\s+", literal))
        elif directive in _NUMBERS:
            digits = _NUMBERS[directive]
            neighbours = (
                parts[place - 1] if place else ("", " "),
                parts[place + 1] if place + 1 < len(parts) else ("", " "),
            )
            is_exact = digits == 4 or directive == "y" or any(_has_digits(one) for one in neighbours)
            count = f"{{{digits}}}" if is_exact else "{1,2}"
            pattern += f"(?P<{directive}>[0-9]{count})"
        else:
            pattern += _WORDS[directive]
    return pattern


def _has_digits(part: tuple[str, str]) -> bool:
    directive, literal = part
    return directive in _NUMBERS or directive == "f" or literal[:1].isdigit() or literal[-1:].isdigit()


def _moment(found: Mapping[str, str | None]) -> datetime:
    """:raises ValueError: there is no such day or time."""
    return _moments({name: (text or "",) for name, text in found.items()})[0]


def _moments(found: Mapping[str, Sequence[str]]) -> list[datetime]:
    """The moments that the parts of a column say, a text each; a word that may lack is empty.

    :raises ValueError: there is no such day or time.
    """
    read = {name: list(map(_NUMBER_OF, texts)) for name, texts in found.items() if name in _NUMBERS}
    words = found.get("B") or found.get("b") or ()
    parts: list[Iterable[Any]] = [
        read["Y"] if "Y" in read else map(_year_of, read["y"]),
        read["m"] if "m" in read else map(_MONTH_OF, words),
        read["d"],
    ]
    if "I" in read and "H" not in read:
        read["H"] = _hours_of(read["I"], found["p"])
    parts += [read.get(name) or repeat(0) for name in ("H", "M", "S")]
    if "z" not in found:
        return list(map(datetime, *parts))
    zones = {text: _zone(text) for text in set(found["z"])}
    return list(map(datetime, *parts, repeat(0), map(zones.__getitem__, found["z"])))


class _Numbers(dict[str, int]):
    """The numbers of digits, the usual ones known."""

    def __missing__(self, digits: str) -> int:
        return int(digits)


_NUMBER_OF: Final = _Numbers(
    {
        **{str(number): number for number in range(2000, 2060)},
        **{f"{number:0{width}}": number for width in (1, 2) for number in range(60)},
    }
).__getitem__


def _year_of(digits: int) -> int:
    return digits + (2000 if digits < 69 else 1900)  # as POSIX has it


def _hours_of(hours: Sequence[int], halves: Sequence[str]) -> list[int]:
    """Hours of a clock of twelve as those of the day."""
    if not 1 <= min(hours) <= max(hours) <= 12:
        raise ValueError
    return [hour % 12 + (12 if half[0] in "pP" else 0) for hour, half in zip(hours, halves, strict=True)]


_SHORT_MONTHS: Final = {name[:3].capitalize(): number for number, name in enumerate(_MONTHS, 1)}


class _Months(dict[str, int]):
    """The months of words, the usual ones known."""

    def __missing__(self, word: str) -> int:
        return _SHORT_MONTHS[word[:3].capitalize()]


_MONTH_OF: Final = _Months(_SHORT_MONTHS).__getitem__


def _zone(text: str) -> timezone:
    if text in ("Z", "z"):
        return UTC
    digits = text[1:].replace(":", "")
    if int(digits[2:]) > 59:
        raise ValueError
    distance = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-distance if text[0] == "-" else distance)
