# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Which findings cost an event one field and not its place, and the event without such fields."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from airflow_provider_tiktok.conversions.events import Content, PreparedEvent, Violation
from airflow_provider_tiktok.conversions.validation.representation import find_faults
from airflow_provider_tiktok.conversions.values import shown_name

_NEVER_LEFT_OUT: Final = frozenset({"not_a_digest", "hash_of_nothing", "not_a_list", "not_an_item"})
"""Rules that only an event made by a program can break: nobody knows what else is wrong with it."""

# What an event's amounts are made of. A price or a currency left out would make another amount of them.
_AMOUNTS: Final = re.compile(r"properties\.(?:currency|contents\[[0-9]+\](?:\.price|\.quantity)?)")

_FIELD_OF_AN_ITEM: Final = re.compile(r"contents\[([0-9]+)\]\.(\w+)")
_MEMBER: Final = re.compile(r"\[([0-9]+)\]")
_HIDDEN: Final = "(hidden)"


def settle(finding: Violation, *, essential: Collection[str]) -> Violation:
    """The finding, no longer fatal where the event can go without what stands at its path.

    :param essential: event paths that it cannot go without.
    """
    if not finding.is_fatal or not _is_optional(finding, essential):
        return finding
    return replace(finding, is_fatal=False, is_left_out=True)


def without_groups(found: Iterable[Violation], *, groups: Collection[str]) -> tuple[Violation, ...]:
    """The findings, none of them fatal in these groups of fields, which are not sent."""
    return tuple(replace(one, is_fatal=False) if _head(one.path) in groups else one for one in found)


def leave_out(event: PreparedEvent, findings: Iterable[Violation]) -> PreparedEvent:
    """The event without the fields that findings say must not be sent.

    Of a list of texts the members at fault are left out, of an item its field, of another property the whole.
    """
    paths = [one.path for one in findings if one.is_left_out]
    properties: dict[str, list[str]] = {}
    for path in paths:
        group, _, name = path.partition(".")
        if group == "properties":
            properties.setdefault(re.split(r"[.\[]", name, maxsplit=1)[0], []).append(name)
        else:
            event = _without_field(event, group, name)
    if not properties:
        return event
    kept = dict(event.properties)
    for name, places in properties.items():
        _leave_out_property(kept, name, places)
    return replace(event, properties=kept)


def _is_optional(finding: Violation, essential: Collection[str]) -> bool:
    return (
        "." in finding.path
        and finding.path not in essential
        and finding.rule not in _NEVER_LEFT_OUT
        and not _AMOUNTS.fullmatch(finding.path)
    )


def _head(path: str) -> str:
    return path.partition(".")[0]


def _without_field(event: PreparedEvent, group: str, name: str) -> PreparedEvent:
    fields: Struct | None = getattr(event, group)
    if fields is None:
        return event
    empty = () if isinstance(getattr(fields, name), tuple) else None
    return replace(event, **{group: replace(fields, **{name: empty})})


def _leave_out_property(properties: dict[str, Any], name: str, places: list[str]) -> None:
    """Takes what is at fault out of one property; of names that are not shown, all that have a fault."""
    if name == _HIDDEN:
        for key in [key for key in properties if shown_name(key) == _HIDDEN]:
            if next(find_faults({key: properties[key]}), None):
                del properties[key]
        return
    value = properties.get(name)
    if name == "contents" and isinstance(value, list | tuple):
        properties[name] = tuple(_items_without(value, places))
        return
    members = [_MEMBER.fullmatch(place.removeprefix(name)) for place in places]
    if isinstance(value, list | tuple) and all(members) and all(isinstance(one, str) for one in value):
        faulty = {int(one[1]) for one in members if one}
        properties[name] = tuple(one for place, one in enumerate(value) if place not in faulty)
    else:
        properties.pop(name, None)


def _items_without(items: Iterable[Any], places: list[str]) -> Iterable[Any]:
    faulty: dict[int, set[str]] = {}
    for match in filter(None, map(_FIELD_OF_AN_ITEM.fullmatch, places)):
        faulty.setdefault(int(match[1]), set()).add(match[2])
    for place, item in enumerate(items):
        names = faulty.get(place, ())
        yield replace(item, **dict.fromkeys(names)) if isinstance(item, Content) and names else item
