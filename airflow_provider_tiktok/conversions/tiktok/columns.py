# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""TikTok's rules and wire form for events that travel as columns.

The same rules as ``checks`` has for one event, asked of columns: where no value of a column is
missing, no event is looked at. The same wire form as ``payload``, with the same order of keys.

Source: TikTok, Events API 2.0, "Report events" (v1.3), read 2026-11.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import starmap
from typing import Any, Final

import msgspec
from msgspec import defstruct

from airflow_provider_tiktok.conversions.event_columns import EventColumns
from airflow_provider_tiktok.conversions.events import Ad, App, Lead, Page, PreparedEvent, Violation
from airflow_provider_tiktok.conversions.kernels import OFFERED, Findings, Note, note_of
from airflow_provider_tiktok.conversions.mapping.event_paths import Field
from airflow_provider_tiktok.conversions.sealed import Sealed
from airflow_provider_tiktok.conversions.tiktok.applicability import (
    GROUP_SOURCES,
    INAPPLICABLE_KEYS,
    LIMITED_DATA_USE_SOURCES,
    MATCH_KEYS,
    USER_KEY_SOURCES,
    USER_KEYS,
)
from airflow_provider_tiktok.conversions.tiktok.checks import left_out
from airflow_provider_tiktok.conversions.tiktok.options import ValidationRules
from airflow_provider_tiktok.conversions.tiktok.payload import wire_value
from airflow_provider_tiktok.conversions.tiktok.rules import found

_GROUPS: Final[Mapping[str, Sequence[str]]] = {
    "page": Page.__struct_fields__,
    "app": App.__struct_fields__,
    "ad": Ad.__struct_fields__,
    "lead": Lead.__struct_fields__,
}
_encode = msgspec.json.Encoder().encode


Writer = Callable[[EventColumns], list[bytes]]


class TikTokColumns:
    """TikTok's rules over several columns, and the lines that events become.

    :param rules: of the run.
    """

    quick = OFFERED
    checked = frozenset({"not_for_this_source", "in_future", "too_old"})
    makes_ids = True

    def __init__(self, rules: ValidationRules) -> None:
        source = rules.event_source
        self._rules = rules
        self._user_keys = sorted(key for key in USER_KEYS if key not in INAPPLICABLE_KEYS[source])
        self._groups = tuple(name for name, sources in GROUP_SOURCES.items() if source in sources)
        self._writers: dict[
            tuple[tuple[str, ...], tuple[str, ...]], Callable[[EventColumns], list[bytes]]
        ] = {}

    def __repr__(self) -> str:
        return f"TikTokColumns({self._rules.event_source})"

    # ------------------------------------------------------------------------------------- checks

    def check(self, events: EventColumns, findings: Findings) -> None:
        """Add what is missing, and what fields say together."""
        self._check_required(events, findings)
        self._check_time(events, findings)
        self._check_applicable(events, findings)
        self._check_identity(events, findings)
        _check_currency(events, findings)
        _check_content_type(events, findings)

    def _check_required(self, events: EventColumns, findings: Findings) -> None:
        rules = self._rules
        required = ["event", "event_time", "event_id"]
        if rules.event_source == "web" and rules.require_page_url:
            required.append("page.url")
        if rules.event_source == "app":
            required.append("app.app_id")
        if rules.event_source == "crm" and rules.require_lead_id:
            required.append("lead.lead_id")
        for path in required:
            findings.odd.update(events.missing(path))

    def _check_time(self, events: EventColumns, findings: Findings) -> None:
        rules = self._rules
        times = events.wire.get("event_time")
        if times is None or None in times:
            times = [
                now if (now := one) is not None else int(rules.now()) for one in events.column("event_time")
            ]
        if not times:
            return
        oldest, latest = rules.bounds()
        if max(times) > latest:
            findings.odd.update(place for place, one in enumerate(times) if one > latest)
        if min(times) < oldest:
            old = [place for place, one in enumerate(times) if one < oldest]
            if rules.refuse_old:
                findings.odd.update(old)
            else:
                findings.note(_note(found("too_old", "event_time")), old)

    def _check_applicable(self, events: EventColumns, findings: Findings) -> None:
        source = self._rules.event_source
        others: dict[str, set[int]] = {}
        for path in events.wire:
            group, _, name = path.partition(".")
            if group in GROUP_SOURCES and source not in GROUP_SOURCES[group]:
                others.setdefault(group, set()).update(events.present(path))
            elif group == "user" and name in INAPPLICABLE_KEYS[source]:
                findings.note(_note(left_out(path, sources=USER_KEY_SOURCES[name])), events.present(path))
            elif path == "limited_data_use" and source not in LIMITED_DATA_USE_SOURCES:
                findings.note(_note(left_out(path, sources=LIMITED_DATA_USE_SOURCES)), events.present(path))
        for group, places in others.items():
            findings.note(_note(left_out(group, sources=GROUP_SOURCES[group])), sorted(places))

    def _check_identity(self, events: EventColumns, findings: Findings) -> None:
        rules = self._rules
        if rules.event_source == "offline":
            findings.odd.update(_lacking(events, [f"user.{key}" for key in rules.offline_keys], findings))
            alone = _lacking(events, ["user.email", "user.phone"], findings)
            known = events.column("user.external_id")
            findings.note(
                _note(found("external_id_alone", "user")), [n for n in alone if known[n] is not None]
            )
            return
        keys = [f"user.{key}" for key in MATCH_KEYS[rules.event_source]]
        if rules.event_source == "crm":
            if rules.require_lead_id:
                return
            keys += [path for path in events.wire if path.startswith("lead.")]
        findings.note(_note(found("no_match_key", "user")), _lacking(events, keys, findings))

    # -------------------------------------------------------------------------------------- lines

    def value_of(self, prepared: PreparedEvent, field: Field) -> Any:
        """The wire form of one field of a prepared event."""
        if field.section == "event":
            return getattr(prepared, field.name, None)
        if field.section == "properties":
            return wire_value(prepared.properties.get(field.name))
        if field.section == "item":
            return wire_value(getattr(prepared.properties["contents"][0], field.name))
        return wire_value(getattr(getattr(prepared, field.section), field.name))

    def lines(self, events: EventColumns) -> list[bytes]:
        """Each event as one item of ``data``, UTF-8 JSON."""
        key = (tuple(events.wire), events.item_fields if events.offsets else ())
        writer = self._writers.get(key)
        if writer is None:
            writer = self._writers[key] = self._compile(*key)
        return writer(events)

    def groups(self, _events: EventColumns) -> None:
        """Any events may share a request."""
        return

    def _compile(self, paths: tuple[str, ...], item_fields: tuple[str, ...]) -> Writer:
        """What writes events that have these fields."""
        user = _object("user", (key for key in self._user_keys if f"user.{key}" in paths))
        names = sorted(
            {path.removeprefix("properties.") for path in paths if path.startswith("properties.")}
            | ({"contents"} if item_fields else set())
        )
        item = _struct(item_fields)
        properties = _object("properties", sorted(names), item=item)
        groups = [
            (group, _object(group, [name for name in _GROUPS[group] if f"{group}.{name}" in paths]))
            for group in self._groups
        ]
        takes_limit = self._rules.event_source in LIMITED_DATA_USE_SOURCES and "limited_data_use" in paths
        parts: list[tuple[str, Callable[[EventColumns], Iterable[Any]] | None]] = [
            ("event", _plain("event")),
            ("event_time", _plain("event_time")),
            ("event_id", _plain("event_id")),
            ("user", user),
            ("properties", properties),
            *groups,
            ("limited_data_use", _plain("limited_data_use") if takes_limit else None),
        ]
        present = [(name, column) for name, column in parts if column is not None]
        event = _struct([name for name, _ in present])
        columns = [column for _, column in present]

        def write(events: EventColumns) -> list[bytes]:
            return list(map(_encode, map(event, *(column(events) for column in columns))))

        return write


def _struct(names: Iterable[str]) -> Any:
    """A class with these keys in JSON, in this order; absent values are left out."""
    renamed = {f"f{n}": name for n, name in enumerate(names)}
    fields = [(name, Any, None) for name in renamed]
    return defstruct("Fields", fields, bases=(Sealed,), omit_defaults=True, rename=renamed, gc=False)


def _plain(path: str) -> Callable[[EventColumns], Iterable[Any]]:
    return lambda events: events.column(path)


def _object(
    group: str, names: Iterable[str], *, item: Any = None
) -> Callable[[EventColumns], Iterable[Any]] | None:
    """What gives each event's object of these fields; ``None`` for an event that has none of them."""
    names = tuple(names)
    if not names:
        return None
    make = _struct(names)

    def column(events: EventColumns) -> Iterable[Any]:
        has_items = item is not None and bool(events.offsets)
        columns = [
            _contents(events, item) if name == "contents" and has_items else events.column(f"{group}.{name}")
            for name in names
        ]
        if any(None not in one for one in columns):
            return map(make, *columns)
        return (
            make(*values) if any(value is not None for value in values) else None
            for values in zip(*columns, strict=True)
        )

    return column


def _contents(events: EventColumns, item: Any) -> list[Any]:
    """Each event's items; ``None`` where it has none."""
    items = list(starmap(item, events.items))
    offsets = events.offsets
    if len(items) == events.size and isinstance(offsets, range):
        return [[one] for one in items]
    return [items[offsets[n] : offsets[n + 1]] or None for n in range(events.size)]


def _check_currency(events: EventColumns, findings: Findings) -> None:
    """Prices have a total, and amounts their currency."""
    bare = set(events.missing("properties.value"))
    priced = bare and bare & events.owners_of("price")
    if priced:
        findings.note(_note(found("value_missing", "properties.value")), sorted(priced))
    bare = set(events.missing("properties.currency"))
    if not bare:
        return
    values = events.column("properties.value")
    with_amount = {place for place in bare if values[place] is not None}
    with_amount |= bare & events.owners_of("price")
    if with_amount:
        findings.note(_note(found("value_without_currency", "properties.currency")), sorted(with_amount))


def _check_content_type(events: EventColumns, findings: Findings) -> None:
    """Products have their type."""
    bare = set(events.missing("properties.content_type"))
    if not bare:
        return
    ids, whole = events.column("properties.content_ids"), events.column("properties.contents")
    with_ids = {place for place in bare if ids[place] is not None}
    with_ids |= bare & events.owners_of("content_id")
    with_ids |= {
        place for place in bare if whole[place] and any("content_id" in item for item in whole[place])
    }
    if with_ids:
        findings.note(_note(found("content_type_missing", "properties.content_type")), sorted(with_ids))


def _lacking(events: EventColumns, paths: Sequence[str], findings: Findings) -> Sequence[int]:
    """The events without a value at any of these paths; one that is left out is there."""
    lacking = _without_any(events, paths)
    if not lacking:
        return ()
    given = set[int]()
    for note, places in findings.notes.items():
        if note.kind == "left_out" and any(_is_at(note.path, path) for path in paths):
            given.update(places)
    return [place for place in lacking if place not in given] if given else lacking


def _is_at(found: str, path: str) -> bool:
    return found == path or found.startswith(f"{path}[")


def _without_any(events: EventColumns, paths: Iterable[str]) -> Sequence[int]:
    columns = [column for path in paths if (column := events.wire.get(path)) is not None]
    if not columns:
        return range(events.size)
    if any(None not in column for column in columns):
        return ()
    return [
        place
        for place, values in enumerate(zip(*columns, strict=True))
        if not any(value is not None for value in values)
    ]


def _note(finding: Violation) -> Note:
    return note_of(finding)
