# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Whether a value can be sent at all: as JSON, in UTF-8, within bounds, with nothing left to fill in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from types import NoneType
from typing import Any, Final

from airflow_provider_tiktok.conversions.events import Content
from airflow_provider_tiktok.conversions.values import holds_email, is_unicode, shown_name

_MAX_DEPTH: Final = 12
_MAX_DIGITS: Final = 64
_MAX_MAGNITUDE: Final = 30
_TOO_LARGE: Final = 2**63
_NOT_JSON: Final = object()  # in place of a key that is no text
_CONTENT_FIELDS: Final = Content.__struct_fields__


def text_fault(text: object) -> str | None:
    """The rule that a text breaks, ``None`` for none."""
    if not isinstance(text, str):
        return "not_text"
    if _holds_placeholder(text):
        return "unresolved_template"
    if holds_email(text):
        return "email_in_clear"
    return None if text.isascii() or is_unicode(text) else "not_unicode"


def _holds_placeholder(text: str) -> bool:
    """Whether braces are opened and closed; two searches, since a pattern would begin at every brace."""
    opening = text.find("{{")
    return opening >= 0 and text.find("}}", opening + 2) >= 0


def number_fault(number: int | float | Decimal) -> str | None:
    """The rule that a number breaks, ``None`` for none.

    Bounds are far beyond any price; without them 1e999999 would be written out digit by digit.
    """
    if isinstance(number, int):
        return None if abs(number) < _TOO_LARGE else "out_of_range"
    exact = number if isinstance(number, Decimal) else Decimal(repr(number))
    if not exact.is_finite():
        return "not_finite"
    if exact and abs(exact.adjusted()) > _MAX_MAGNITUDE:
        return "out_of_range"
    return "out_of_range" if len(exact.as_tuple().digits) > _MAX_DIGITS else None


def find_faults(properties: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(event path, rule) of everything in the properties that cannot be sent."""
    for place, rule in _walk(dict(properties), place=("properties",)):
        yield _path(place), rule
        if rule == "too_deep":  # an object that holds itself has no end
            return


def _walk(container: Any, *, place: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], str]]:
    """(place, rule) of everything inside that cannot be sent."""
    if len(place) > _MAX_DEPTH:
        yield place, "too_deep"
        return
    for key, member in _lookup(_MEMBERS_BY_TYPE, container)(container):
        fault_of = _lookup(_FAULT_BY_TYPE, member)
        if fault_of is not None:
            fault = fault_of(member)
            if fault is not None:
                yield (*place, key), fault
        elif _lookup(_MEMBERS_BY_TYPE, member) is not None:
            yield from _walk(member, place=(*place, key))
        else:
            yield (*place, key), "not_representable"


def _lookup(table: Mapping[type, Any], value: object) -> Any:
    """The table's entry for the value's type or the nearest of its ancestors, ``None`` for neither."""
    found = table.get(type(value))
    return found or next((table[kind] for kind in type(value).__mro__ if kind in table), None)


def _object_members(value: Mapping[Any, Any]) -> Iterator[tuple[Any, object]]:
    """The values by their keys, and the keys, which are sent like values."""
    for key, one in value.items():
        name = key if isinstance(key, str) else _NOT_JSON
        yield name, name
        yield name, one


def _content_members(value: Content) -> Iterator[tuple[Any, object]]:
    return ((name, one) for name in _CONTENT_FIELDS if (one := getattr(value, name)) is not None)


def _path(place: tuple[Any, ...]) -> str:
    """The event path of a place; a key that does not look like a name may be somebody's data."""
    others = (f"[{key}]" if isinstance(key, int) else f".{shown_name(key)}" for key in place[1:])
    return "".join((str(place[0]), *others))


_FAULT_BY_TYPE: Final[Mapping[type, Callable[[Any], str | None]]] = {
    str: text_fault,
    bool: lambda _: None,  # nearer than int, which it is too
    int: number_fault,
    float: number_fault,
    Decimal: number_fault,
    NoneType: lambda _: "null",
}
_MEMBERS_BY_TYPE: Final[Mapping[type, Callable[[Any], Iterable[tuple[Any, object]]]]] = {
    dict: _object_members,
    list: enumerate,
    tuple: enumerate,
    Content: _content_members,
}
