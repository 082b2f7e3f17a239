# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Grouping: consecutive rows with the same key become one event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec.structs import replace

from airflow_provider_tiktok.conversions.errors import EventError
from airflow_provider_tiktok.conversions.events import Violation
from airflow_provider_tiktok.conversions.mapping.columns import KeyColumns
from airflow_provider_tiktok.conversions.mapping.drafts import Draft
from airflow_provider_tiktok.conversions.mapping.event_paths import FIELDS, OBJECTS

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


class _Group:
    """One event in the making, of one or more rows.

    :ivar ends_unreadable: whether its last row could not be read.
    """

    __slots__ = ("draft", "ends_unreadable", "is_identified", "key")

    def __init__(self, draft: Draft, key: _Key) -> None:
        self.draft = draft
        self.key = key
        self.is_identified = False
        self.ends_unreadable = key == _ANY_KEY

    def holds(self, key: _Key) -> bool:
        """Whether a row with this key is one more row of this event."""
        if self.key is _NO_KEY or key is _NO_KEY:
            return False
        return self.key == key or _ANY_KEY in (self.key, key)


class Grouping:
    """Joins drafts of rows that are one event.

    :param key_columns: what tells the groups apart.
    :param identify: gives a draft its event id from its record, where the event brings none.
    :param max_rows: rows that one event may have; the rows beyond are counted and not kept.
    """

    def __init__(self, key_columns: KeyColumns, *, identify: Callable[[Draft], None], max_rows: int) -> None:
        self._key_columns = key_columns
        self._identify = identify
        self._max_rows = max_rows

    def join(self, drafts: Iterable[Draft]) -> Iterator[Draft]:
        """The drafts of whole events, each as soon as its last row is known."""
        group: _Group | None = None
        for draft in drafts:
            key = _ANY_KEY if draft.record is None else self._key_columns.read(draft.record, draft)
            if group is not None and group.holds(key):
                self._add(group, draft, key=key)
                continue
            if group is not None:
                yield group.draft
                if group.ends_unreadable and key is not _NO_KEY:
                    draft.refuse("", EventError("unreadable_neighbour", remedy=_REPAIR_NEIGHBOUR))
            group = _Group(draft, key)
            self._identify_once(group, draft)
            _name_row(draft)
        if group is not None:
            yield group.draft

    def _add(self, group: _Group, draft: Draft, *, key: _Key) -> None:
        group.draft.rows += 1
        group.key = group.key or key
        group.ends_unreadable = key == _ANY_KEY
        if group.draft.rows > self._max_rows:
            self._refuse_once(group.draft)
            return
        self._identify_once(group, draft)
        _name_row(draft)
        _merge(draft, into=group.draft)

    def _identify_once(self, group: _Group, draft: Draft) -> None:
        """Asks the first readable row of a group for the event's id."""
        if not group.is_identified and draft.record is not None:
            group.is_identified = True
            self._identify(draft)

    def _refuse_once(self, draft: Draft) -> None:
        if draft.rows == self._max_rows + 1:
            remedy = f"Group by columns that tell events apart: this one has more than {self._max_rows} rows."
            draft.refuse("", EventError("group_too_large", remedy=remedy))


def _name_row(draft: Draft) -> None:
    """Says in each violation which of an event's rows it is about."""
    draft.violations = [replace(one, remedy=f"Row {draft.row}: {one.remedy}") for one in draft.violations]


def _merge(draft: Draft, *, into: Draft) -> None:
    """Adds one more row to an event."""
    n_items = len(into.values["properties"].get("contents", ()))
    for section in ("event", *OBJECTS):
        known = into.values[section]
        for name, value in draft.values[section].items():
            if name not in known or _STRICTER.get((section, name)) is value:
                known[name] = value
            elif (section, name) in _COLLECTED:
                known[name] += _new_ones(value, known[name]) if section == "user" else value
    into.violations += [_moved(one, by=n_items) for one in draft.violations]
    into.faulty |= draft.faulty


def _new_ones(values: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    """The values that are not known yet: every row of an order names the same person."""
    return tuple(value for value in values if value not in known)


def _moved(violation: Violation, *, by: int) -> Violation:
    """The violation with its item counted among all items of the event, not only of its row."""
    head, bracket, rest = violation.path.partition("contents[")
    place, closing, tail = rest.partition("]")
    if not (by and bracket and place.isdigit()):
        return violation
    return replace(violation, path=f"{head}{bracket}{int(place) + by}{closing}{tail}")
