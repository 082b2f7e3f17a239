# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Nested values: what stands at the end of a way such as ``customer.email`` into a row.

Drivers and files give what is nested in many forms: objects, JSON text (SQLite, MySQL, CSV), JSON text of
JSON text, structs (Arrow, composite types), and Arrow's maps, which are lists of pairs. All of them are
opened on the way. A number names a place in a list, from 0; ``items[].sku`` is the ``sku`` of every object
in a list, and ``params[key=value].text`` the ``text`` of the one whose ``key`` is ``value``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from airflow_provider_tiktok.conversions.errors import EventError
from airflow_provider_tiktok.conversions.values import IDS, from_json, plain_value, refusal, to_text

ABSENT: Final = object()
"""There is nothing at the end of the way, not even a null."""

Opened = Mapping[Any, Any] | Sequence[Any] | None

_MOST_NAMES = 1000
_LONGEST_PLACE = 6
_MOST_ITEMS = 20
"""Members of a list that are looked into for names."""

EVERY: Final = "[]"
"""The step to every member of a list. No key is taken for it: a way has it behind a name only."""


class Where(NamedTuple):
    """The step to the member of a list of objects that says this."""

    key: str
    value: str


Step = str | Where
Way = Sequence[Step]

_STEP: Final = re.compile(r"(?:[^.\[]|\[(?!\]|[0-9]{1,6}\]|[^\[\]=]+=[^\[\]]*\]))+|\[[^\]]*\]|\.")
"""A name, a bracket that leads into a list, or the point between. Other brackets are a part of a name."""


@lru_cache(maxsize=1024)
def way_of(column: str) -> tuple[Step, ...]:
    """The steps of a column's name; one step for a plain one."""
    way: list[Step] = []
    for part in _STEP.findall(column):
        inner = part[1:-1]
        if part == ".":
            continue
        if not (part.startswith("[") and part.endswith("]")):
            way.append(part)
        elif not inner:
            way.append(EVERY)
        elif "=" in inner:
            key, _, value = inner.partition("=")
            way.append(Where(key.strip(), _unquoted(value.strip())))
        else:
            way.append(inner if _is_place(inner) else part)
    return tuple(way) if way and isinstance(way[0], str) and way[0] != EVERY else (column,)


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def leads_inside(column: str) -> bool:
    """Whether a column's name is a way into what another column holds."""
    return len(way_of(column)) > 1


def heads_of(column: str) -> list[str]:
    """The columns in which a way may begin: ``a`` and ``a.b`` for ``a.b.c`` and for ``a.b[].c``."""
    heads: list[str] = []
    for step in way_of(column)[:-1]:
        if not isinstance(step, str) or step == EVERY:
            break
        heads.append(f"{heads[-1]}.{step}" if heads else step)
    return heads


def is_list_way(column: str) -> bool:
    """Whether a column's name says several values, as ``items[].sku`` does."""
    return EVERY in way_of(column)


def leads_into_list(column: str) -> bool:
    """Whether a way goes through a list by what its members are, not by their number."""
    return any(step == EVERY or isinstance(step, Where) for step in way_of(column))


def split_list_way(column: str) -> tuple[str, tuple[Step, ...], tuple[Step, ...]]:
    """The list of a way such as ``items[].sku`` in words, the way to its members, and that inside of one."""
    way = way_of(column)
    last = len(way) - way[::-1].index(EVERY)
    return column[: column.rindex(EVERY) + len(EVERY)], way[:last], way[last:]


def find(row: object, way: Way) -> Any:
    """The value at the end of a way, ``ABSENT`` where it leads nowhere.

    Keys may have points in them, as where a flattened record is a column of another. A way to every member
    of a list has a list at its end, with ``None`` for those that have nothing there.

    :raises EventError: text that begins as JSON does is none, or a key is said twice.
    """
    if not way:
        return row
    inside, step = opened(row), way[0]
    if isinstance(inside, Mapping):
        if _is_single(inside, way):
            return _find_in_each([inside], way[1:])
        return _find_in_object(inside, way) if isinstance(step, str) and step != EVERY else ABSENT
    if inside is None:
        return ABSENT
    if step == EVERY:
        return _find_in_each(inside, way[1:])
    if isinstance(step, Where):
        return _only([find(member, way[1:]) for member in inside if _says(member, step)])
    if _is_place(step) and int(step) < len(inside):
        return find(inside[int(step)], way[1:])
    return ABSENT


def _only(found: Sequence[Any]) -> Any:
    """The value that the members of a list say which all say one key; ``None`` where they say a null.

    :raises EventError: they say several.
    """
    values = [one for one in found if one is not ABSENT and one is not None]
    if any(not _is_same(values[0], other) for other in values[1:]):
        raise refusal("said_twice")
    return values[0] if values else None if any(one is None for one in found) else ABSENT


def _is_same(some: Any, other: Any) -> bool:
    try:
        return type(some) is type(other) and bool(some == other)
    except Exception:  # values of array libraries compare as they like
        return False


def _is_single(inside: Mapping[Any, Any], way: Way) -> bool:
    """Whether an object stands in place of a list of one, as programs give it that read XML."""
    return way[0] == EVERY and len(way) > 1 and _has_step(inside, way[1:])


def _find_in_object(inside: Mapping[Any, Any], way: Way) -> Any:
    key = ""
    for length, step in enumerate(way, 1):
        if not isinstance(step, str) or step == EVERY:
            break
        key = f"{key}.{step}" if key else step
        found = find(inside[key], way[length:]) if key in inside else ABSENT
        if found is not ABSENT:
            return found
    return ABSENT


def _find_in_each(members: Sequence[Any], way: Way) -> list[Any]:
    found: list[Any] = []
    for member in members:
        one = find(member, way)
        if EVERY in way:
            found.extend(() if one is ABSENT else one)
        else:
            found.append(None if one is ABSENT else one)
    return found


def check_not_blocked(row: object, way: Way) -> None:
    """Passes if nothing stands in the way of a value that was not found.

    :raises EventError: something stands there that holds no such value, such as plain text among objects.
    """
    if _is_blocked(row, way):
        raise refusal("nothing_inside")


def _is_blocked(value: object, way: Way) -> bool:
    """Whether the way ends at something that it cannot lead into."""
    if not way:
        return False
    inside, step = opened(value), way[0]
    if not inside:
        return inside is None and not _is_nothing(value)
    if isinstance(inside, Mapping):
        if not isinstance(step, str) or step == EVERY:
            return not _is_single(inside, way)
        return _is_blocked_in_object(inside, way)
    if step == EVERY:
        return any(_is_blocked(member, way[1:]) for member in inside)
    if isinstance(step, Where):
        return not any(isinstance(opened(member), Mapping) or _is_nothing(member) for member in inside)
    return not _is_place(step) or (int(step) < len(inside) and _is_blocked(inside[int(step)], way[1:]))


def _is_blocked_in_object(inside: Mapping[Any, Any], way: Way) -> bool:
    key = ""
    for length, step in enumerate(way, 1):
        if not isinstance(step, str) or step == EVERY:
            break
        key = f"{key}.{step}" if key else step
        if key in inside and _is_blocked(inside[key], way[length:]):
            return True
    return False


def _is_nothing(value: object) -> bool:
    """Whether a value says that there is no object: programs also write ``False`` for that."""
    if isinstance(value, str | bytes | bytearray | memoryview) or value is None:
        text = to_text(value)
        return text is None or IDS.holds(text)
    plain = plain_value(value)
    return plain is None or plain is False or plain != plain


def _says(member: object, step: Where) -> bool:
    inside = opened(member)
    if not isinstance(inside, Mapping):
        return False
    try:
        return to_text(inside.get(step.key)) == step.value
    except Exception:  # no text, so not this one
        return False


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
        return from_json(value) if value[:64].lstrip().startswith(("{", "[")) else None
    return value


def _from_pairs(members: Sequence[Any]) -> Mapping[Any, Any] | Sequence[Any]:
    """An object from a list of pairs, as Arrow gives its maps; any other list as it is."""
    if members and all(type(one) is tuple and len(one) == 2 and isinstance(one[0], str) for one in members):
        return dict(members)
    return members


def _is_place(name: str) -> bool:
    return name.isascii() and name.isdigit() and len(name) <= _LONGEST_PLACE


def may_lead(value: object, way: Way) -> bool:
    """Whether a way can go on inside of such a value: by a name in an object, by a number in a list.

    Members of a list that are there must be objects with the name that every one of them is asked for.
    """
    inside, step = _opened_quietly(value), way[0]
    if inside is None:
        return False
    if isinstance(inside, Mapping):
        return (isinstance(step, str) and step != EVERY) or _is_single(inside, way)
    if step == EVERY:
        return not inside or len(way) == 1 or any(_has_step(member, way[1:]) for member in inside)
    if isinstance(step, Where):
        return not inside or any(_has_step(member, (step.key,)) for member in inside)
    return _is_place(step)


def _has_step(member: object, way: Way) -> bool:
    """Whether the way can begin in a member: at one of its keys, or in a list."""
    inside = _opened_quietly(member)
    if not isinstance(inside, Mapping):
        return inside is not None and may_lead(member, way)
    if not isinstance(way[0], str):
        return False
    key = ""
    for step in way:
        if not isinstance(step, str) or step == EVERY:
            break
        key = f"{key}.{step}" if key else step
        if key in inside:
            return True
    return False


def has(row: object, way: Way) -> bool:
    """Whether a way leads to something, be it empty."""
    try:
        found = find(row, way)
    except EventError as error:  # told when its row is read
        return error.rule == "said_twice"
    except Exception:  # as above
        return False
    return found is not ABSENT and (EVERY not in way or any(one is not None for one in found))


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
            if depth > 2:
                yield from (f"{key}{EVERY}.{name}" for name in _ways_in_list(member, depth=depth - 2))


def _ways_in_list(value: object, *, depth: int) -> Iterator[str]:
    inside = _opened_quietly(value)
    if inside is None or isinstance(inside, Mapping):
        return
    for member in inside[:_MOST_ITEMS]:
        yield from _ways(member, depth=depth)
