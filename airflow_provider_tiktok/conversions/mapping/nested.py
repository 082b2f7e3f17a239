# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Nested values: what stands at the end of a way such as ``customer.email`` into a row.

Drivers and files give what is nested in many forms: objects, JSON text (SQLite, MySQL, CSV), JSON text of
JSON text, structs (Arrow, composite types), and Arrow's maps, which are lists of pairs. All of them are
opened on the way. A number names a place in a list, from 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from airflow_provider_tiktok.conversions.values import from_json

ABSENT: Final = object()
"""There is nothing at the end of the way, not even a null."""

Opened = Mapping[Any, Any] | Sequence[Any] | None

_MOST_NAMES = 1000
_LONGEST_PLACE = 6


def find(row: object, way: Sequence[str]) -> Any:
    """The value at the end of a way, ``ABSENT`` where it leads nowhere.

    Keys may have points in them, as where a flattened record is a column of another.

    :raises EventError: text that begins as JSON does is none.
    """
    if not way:
        return row
    inside = opened(row)
    if isinstance(inside, Mapping):
        for length in range(1, len(way) + 1):
            key = ".".join(way[:length])
            found = find(inside[key], way[length:]) if key in inside else ABSENT
            if found is not ABSENT:
                return found
    elif inside is not None and _is_place(way[0]) and int(way[0]) < len(inside):
        return find(inside[int(way[0])], way[1:])
    return ABSENT


def opened(value: object) -> Opened:
    """The object or list that a value is or holds as text; ``None`` for any other.

    :raises EventError: text that begins as JSON does is none.
    """
    if isinstance(value, Mapping):
        return value
    if isinstance(value, bytearray | memoryview):
        value = bytes(value)
    if isinstance(value, str | bytes):
        value = _parsed(value) if value[:64].lstrip()[:1] in ("{", "[", '"', b"{", b"[", b'"') else None
    elif hasattr(value, "_asdict"):
        value = value._asdict()
    elif hasattr(value, "tolist") and getattr(value, "shape", ()) != ():
        value = value.tolist()
    if isinstance(value, Mapping):
        return value
    return _from_pairs(value) if isinstance(value, list | tuple) else None


@lru_cache(maxsize=8)
def _parsed(text: str | bytes) -> object:
    """What JSON text says. The latest are kept: several columns of a row find their way into one text."""
    value = from_json(text)
    if isinstance(value, str):  # text that was encoded twice
        return from_json(value) if value[:64].lstrip().startswith("{") else None
    return value


def _from_pairs(members: Sequence[Any]) -> Mapping[Any, Any] | Sequence[Any]:
    """An object from a list of pairs, as Arrow gives its maps; any other list as it is."""
    if members and all(type(one) is tuple and len(one) == 2 and isinstance(one[0], str) for one in members):
        return dict(members)
    return members


def _is_place(name: str) -> bool:
    return name.isascii() and name.isdigit() and len(name) <= _LONGEST_PLACE


def may_lead(value: object, way: Sequence[str]) -> bool:
    """Whether a way can go on inside of such a value: by a name in an object, by a number in a list."""
    inside = _opened_quietly(value)
    return isinstance(inside, Mapping) or (inside is not None and _is_place(way[0]))


def has(row: object, way: Sequence[str]) -> bool:
    """Whether a way leads to something, be it empty."""
    try:
        return find(row, way) is not ABSENT
    except Exception:  # a value that cannot be read is told when its row is
        return False


def _opened_quietly(value: object) -> Opened:
    try:
        return opened(value)
    except Exception:  # as above
        return None


def ways_in(rows: Sequence[Mapping[Any, Any]], *, depth: int) -> list[str]:
    """The names of what these rows hold down to a depth, sorted; the first thousand of them."""
    names: set[str] = set()
    for row in rows:
        for name in _ways(row, depth=depth):
            names.add(name)
            if len(names) >= _MOST_NAMES:
                return sorted(names)
    return sorted(names)


def _ways(value: object, *, depth: int) -> Iterator[str]:
    inside = _opened_quietly(value)
    if not isinstance(inside, Mapping):
        return
    for key, member in inside.items():
        if isinstance(key, str):
            yield key
            if depth > 1:
                yield from (f"{key}.{name}" for name in _ways(member, depth=depth - 1))
