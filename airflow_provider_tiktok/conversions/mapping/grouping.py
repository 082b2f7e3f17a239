# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Grouping: consecutive rows with the same key become one event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from airflow_provider_tiktok.conversions.errors import EventError
from airflow_provider_tiktok.conversions.events import Violation
from airflow_provider_tiktok.conversions.mapping.columns import KeyColumns
from airflow_provider_tiktok.conversions.mapping.drafts import Draft
from airflow_provider_tiktok.conversions.mapping.event_paths import FIELDS, OBJECTS, Field

_Key = tuple[str, ...] | None
_NO_KEY: _Key = None
_ANY_KEY: _Key = ()
"""The key of a row that cannot be read: it may belong to any group."""

_REPAIR_NEIGHBOUR = "Repair the row before this event: it cannot be read and may be a part of this event."

_COLLECTED = frozenset((field.section, field.name) for field in FIELDS.values() if field.is_collected)
_STRICTER: Mapping[tuple[str, str], bool] = {
    ("event", "consent"): False,
    ("event", "limited_data_use"): True,
}
"""Where the rows of an event disagree about a person's wishes, the stricter row wins."""

_EVENTS_OF_THEIR_OWN = "Repair them, or name the column in group_by, too, where they are events of their own."
_SHARED: Mapping[tuple[str, str], tuple[Field, str]] = {
    (FIELDS[path].section, FIELDS[path].name): (FIELDS[path], remedy)
    for path, remedy in {
        "event": _EVENTS_OF_THEIR_OWN,
        "event_id": "Map an id that is the same in every row of the event, or make it with event_id_from.",
        "lead.lead_id": _EVENTS_OF_THEIR_OWN,
        "properties.order_id": _EVENTS_OF_THEIR_OWN,
        "properties.currency": "Convert the amounts of an order to one currency, or send an event for each.",
        "properties.value": "Map the order's total, the same in every row, or leave it unmapped: then it is "
        "the sum of the items.",
    }.items()
}
"""What is one thing for a whole event, with what to do where its rows disagree: an amount in two currencies
is no amount, and of two orders under one key neither may take the other's name."""

KEYS_REMEMBERED = 100_000
"""How many of the latest keys are known again when they come back."""


class _Group:
    """One event in the making, of one or more rows.

    :ivar ends_unreadable: whether its last row could not be read.
    :ivar collected: the values of all rows, of fields that take several.
    :ivar given_by: the row that a field's value is of, for fields that no two rows may disagree about.
    """

    __slots__ = ("collected", "draft", "ends_unreadable", "given_by", "is_identified", "key")

    def __init__(self, draft: Draft, key: _Key) -> None:
        self.draft = draft
        self.key = key
        self.is_identified = False
        self.ends_unreadable = key == _ANY_KEY
        self.collected: dict[tuple[str, str], list[Any] | dict[Any, None]] = {}
        self.given_by: dict[tuple[str, str], int] = {}

    def holds(self, key: _Key) -> bool:
        """Whether a row with this key is one more row of this event."""
        if self.key is _NO_KEY or key is _NO_KEY:
            return False
        return self.key == key or _ANY_KEY in (self.key, key)

    def merge(self, draft: Draft) -> None:
        """Adds one more row to the event; one that is left out adds nothing."""
        if draft.left_out is not None:
            return
        if self.draft.left_out is not None:
            draft.row, draft.rows = self.draft.row, self.draft.rows
            draft.violations = [*self.draft.violations, *draft.violations]
            self.draft = draft
            return
        n_items = len(self._all_of("properties", "contents"))
        for section in ("event", *OBJECTS):
            for name, value in draft.values[section].items():
                self._add(section, name, value, row=draft.row)
        self.draft.violations += [_moved(one, by=n_items) for one in draft.violations]
        self.draft.dropped += draft.dropped
        self.draft.faulty |= draft.faulty

    def close(self) -> Draft:
        """The whole event."""
        for (section, name), values in self.collected.items():
            self.draft.values[section][name] = tuple(values)
        return self.draft

    def _all_of(self, section: str, name: str) -> Any:
        return self.collected.get((section, name), self.draft.values[section].get(name, ()))

    def _add(self, section: str, name: str, value: Any, *, row: int) -> None:
        known, place = self.draft.values[section], (section, name)
        if name not in known or _STRICTER.get(place) is value:
            known[name] = value
            self.given_by[place] = row
        elif place in _COLLECTED:
            self._collect(place, value)
        elif place in _SHARED and not _are_one(known[name], value):
            self._refuse_difference(place, row=row)

    def _collect(self, place: tuple[str, str], values: tuple[Any, ...]) -> None:
        """Adds values; an identifier once, since every row of an order names the same person."""
        section, name = place
        known = self.collected.get(place)
        if known is None:
            first = self.draft.values[section][name]
            known = self.collected[place] = dict.fromkeys(first) if section == "user" else list(first)
        if isinstance(known, dict):
            known.update(dict.fromkeys(values))
        else:
            known.extend(values)

    def _refuse_difference(self, place: tuple[str, str], *, row: int) -> None:
        """Says once for each field that two rows disagree."""
        field, what_to_do = _SHARED[place]
        if field not in self.draft.faulty:
            first = self.given_by.get(place, self.draft.row)
            remedy = f"Rows {first} and {row} are one event and disagree here. {what_to_do}"
            self.draft.refuse_field(field, EventError("rows_disagree", remedy=remedy))


class ClosedKeys:
    """The latest keys whose events are complete, each with its event's last row.

    Eight bytes of a hash stand for a key, so the memory is bounded and holds no key.
    """

    def __init__(self, limit: int = KEYS_REMEMBERED) -> None:
        self._limit = limit
        self._rows: dict[int, int] = {}

    def add(self, key: _Key, *, row: int) -> None:
        """Take down that a key's event is complete."""
        if not key:
            return
        self._rows[hash(key)] = row
        if len(self._rows) > self._limit:
            del self._rows[next(iter(self._rows))]

    def row_of(self, key: _Key) -> int | None:
        """The last row of the event that had this key, ``None`` for a key that is new."""
        return self._rows.get(hash(key)) if key else None


def _are_one(first: object, second: object) -> bool:
    """Whether two values of a field mean the same; a currency does in upper and lower case."""
    if isinstance(first, str) and isinstance(second, str):
        return first.casefold() == second.casefold()
    return first == second


class Grouping:
    """Joins drafts of rows that are one event.

    :param key_columns: what tells the groups apart.
    :param identify: gives a draft its event id from its record, where the event brings none.
    :param max_rows: rows that one event may have; the rows beyond are counted and not kept.
    :param closed: the keys of events that are complete already, ``None`` for none.
    """

    def __init__(
        self,
        key_columns: KeyColumns,
        *,
        identify: Callable[[Draft], None],
        max_rows: int,
        closed: ClosedKeys | None = None,
    ) -> None:
        self._key_columns = key_columns
        self._identify = identify
        self._max_rows = max_rows
        self._closed = closed or ClosedKeys()

    def join(self, drafts: Iterable[Draft]) -> Iterator[Draft]:
        """The drafts of whole events, each as soon as its last row is known."""
        group: _Group | None = None
        for draft in drafts:
            key = _ANY_KEY if draft.record is None else self._key_columns.read(draft.record, draft)
            if group is not None and group.holds(key):
                self._add(group, draft, key=key)
                continue
            if group is not None:
                self._closed.add(group.key, row=draft.row - 1)
                yield group.close()
                if group.ends_unreadable and key is not _NO_KEY:
                    draft.refuse("", EventError("unreadable_neighbour", remedy=_REPAIR_NEIGHBOUR))
            self._refuse_known(key, draft)
            group = _Group(draft, key)
            self._identify_once(group, draft)
            _name_row(draft)
        if group is not None:
            yield group.close()

    def _refuse_known(self, key: _Key, draft: Draft) -> None:
        """A key that comes back is a part of an event that was given away without it."""
        row = self._closed.row_of(key)
        if row is not None:
            names = ", ".join(map(repr, self._key_columns.names))
            remedy = f"Order the source by {names}: the event with this key ended with row {row}."
            draft.refuse("", EventError("group_key_again", remedy=remedy))

    def _add(self, group: _Group, draft: Draft, *, key: _Key) -> None:
        group.draft.rows += 1
        group.key = group.key or key
        group.ends_unreadable = key == _ANY_KEY
        if group.draft.rows > self._max_rows:
            self._refuse_once(group.draft)
            return
        self._identify_once(group, draft)
        _name_row(draft)
        group.merge(draft)

    def _identify_once(self, group: _Group, draft: Draft) -> None:
        """Asks the first readable row of a group for the event's id."""
        if not group.is_identified and draft.record is not None and draft.left_out is None:
            group.is_identified = True
            self._identify(draft)

    def _refuse_once(self, draft: Draft) -> None:
        if draft.rows == self._max_rows + 1:
            remedy = f"Group by columns that tell events apart: this one has more than {self._max_rows} rows."
            draft.refuse("", EventError("group_too_large", remedy=remedy))


def _name_row(draft: Draft) -> None:
    """Says in each violation which of an event's rows it is about."""
    draft.violations = [replace(one, remedy=f"Row {draft.row}: {one.remedy}") for one in draft.violations]


def _moved(violation: Violation, *, by: int) -> Violation:
    """The violation with its item counted among all items of the event, not only of its row."""
    head, bracket, rest = violation.path.partition("contents[")
    place, closing, tail = rest.partition("]")
    if not (by and bracket and place.isdigit()):
        return violation
    return replace(violation, path=f"{head}{bracket}{int(place) + by}{closing}{tail}")
