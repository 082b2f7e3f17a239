# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What is said of a value that will not do: the rule, the remedy, the place, and never the value."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from airflow_provider_tiktok.conversions.errors import EventError

REMEDIES: Mapping[str, str] = {
    "not_a_number": "Give a plain number such as 12.50: no currency sign, no thousands separator.",
    "not_finite": "Give a number, or NULL where there is none: infinity cannot be sent.",
    "not_whole": "Give a whole number.",
    "below_one": "Give a whole number of at least 1, or NULL where there is none.",
    "not_an_ip": "Map the visitor's address, as one IPv4 or IPv6 address or as a proxy's chain of them.",
    "ip_not_public": "Map the visitor's own address, not that of a proxy or load balancer.",
    "not_a_currency_code": "Give the code of ISO 4217, such as USD: signs and names stand for several.",
    "out_of_range": "Give a number of a plausible size and precision.",
    "not_text": "Give text or a number; cast the column to text.",
    "not_unicode": "Give text in UTF-8; these bytes or characters are not.",
    "inexact_float": "Cast the column to text: this number went through a float and may have lost digits.",
    "not_a_boolean": "Give true or false, 1 or 0, yes or no.",
    "not_an_object": "Give an object (column name to value), or its JSON text.",
    "nothing_inside": (
        "The mapping looks inside of this value: give an object or a list, or its JSON text, or nothing."
    ),
    "said_twice": (
        "Say each key once in the list that the mapping looks into: two members say this one, and not the "
        "same."
    ),
    "not_json": "Give JSON: an array in [ ] or an object in { }, with double quotes.",
    "not_a_time": "Give Unix seconds, text such as 2026-11-26 10:00:00+01:00, or a date and time.",
    "naive_time": "Name the time zone of times that carry none in the argument timezone.",
    "compact_time": (
        "Write these digits with separators, as in 2026-11-26 22:13:49, and name their zone in the argument "
        "timezone: they are a date and time run together, and no Unix seconds."
    ),
    "milliseconds": "Divide by 1,000: TikTok counts Unix seconds, and these are milliseconds.",
    "microseconds": "Divide by 1,000,000: TikTok counts Unix seconds, and these are microseconds.",
    "nanoseconds": "Divide by 1,000,000,000: TikTok counts Unix seconds, and these are nanoseconds.",
    "before_2000": "Give Unix seconds; this is a time before the year 2000, or no time at all.",
    "not_allowed": "Use one of the allowed spellings.",
    "unknown_field": "Remove this key, or give it the name of a field.",
    "not_representable": "Cast to text or a number: JSON has no such value.",
    "too_deep": "Give objects nested at most 8 levels deep.",
    "unreadable": "Cast to text or a number: this value cannot be read.",
}
"""Every rule of this room, with what a person can do about it."""

_LONGEST_NAME = 100
_SEPARATORS = str.maketrans("_-", "  ")
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-\[\]]{0,47}")


class Usable:
    """What is left of a value when its parts at fault are taken out, ``None`` for nothing; shows nothing."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "Usable(hidden)"

    def __reduce__(self) -> tuple[type[Usable], tuple[None]]:
        return Usable, (None,)  # an error that goes to another process leaves the values behind


class EventErrors(EventError):
    """Several parts of one value are at fault.

    :param errors: one for each part; their paths start at the value, such as ``[2].price``.
    :param usable: the value without the parts at fault.
    """

    def __init__(
        self, rule: str = "several", *, errors: Sequence[EventError] = (), usable: Usable | None = None
    ) -> None:
        super().__init__(rule)
        self.errors = tuple(errors)
        self.usable = usable or Usable(None)


def refusal(rule: str, *, remedy: str = "", path: str = "") -> EventError:
    """The error for a broken rule, with the table's remedy unless a better one is at hand."""
    return EventError(rule, remedy=remedy or REMEDIES[rule], path=path)


def usable_part(error: Exception) -> Any:
    """What an error leaves of its value, ``None`` for nothing."""
    return error.usable.value if isinstance(error, EventErrors) else None


def single_errors(error: Exception, *, path: str) -> list[EventError]:
    """The faults behind an error, one by one, each with ``path`` in front of its own.

    An exception of any other class comes from the value itself (a broken ``__str__``, a conversion that
    overflows). Its text may hold the value, so nothing of it is kept.
    """
    if isinstance(error, EventErrors):
        return [EventError(one.rule, remedy=one.remedy, path=path + one.path) for one in error.errors]
    if isinstance(error, EventError):
        return [EventError(error.rule, remedy=error.remedy, path=path + error.path)]
    return [refusal("unreadable", path=path)]


def shown_name(key: object) -> str:
    """The key if it looks like a field's name, else ``(hidden)``.

    A file without a header line has its first row's values for column names, so a key may be somebody's
    address.
    """
    return key if isinstance(key, str) and _PLAIN_NAME.fullmatch(key) else "(hidden)"


@lru_cache(maxsize=1024)
def closest_name(name: str, names: tuple[str, ...]) -> str | None:
    """The name that was probably meant, or ``None``; case, blanks, ``_`` and ``-`` make no difference."""
    if len(name) > _LONGEST_NAME:
        return None  # what compares names takes a time that grows with the square of their length
    folded = {folded_name(one): one for one in reversed(names)}
    found = difflib.get_close_matches(folded_name(name), folded, n=1, cutoff=0.65)
    return folded[found[0]] if found else None


def unknown_field(key: object, *, known: Iterable[str]) -> EventError:
    """The error for a key that names no field, with the name that was probably meant."""
    meant = closest_name(key, tuple(known)) if isinstance(key, str) else None
    remedy = f"{REMEDIES['unknown_field']} Did you mean {meant}?" if meant else ""
    return refusal("unknown_field", remedy=remedy)


def folded_name(name: str) -> str:
    """The name without case and without what only separates its words."""
    return "".join(name.casefold().translate(_SEPARATORS).split())
