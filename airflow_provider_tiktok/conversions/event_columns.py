# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Event columns: from the columns of a chunk to one column for each field of its events.

``RawColumns`` finds the fields of a chunk's rows, by the mapping or by the names that records use.
``ColumnPlan`` runs each field's column through its kernel and joins what several columns, rows of a group and
defaults give.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from itertools import accumulate, chain, compress, repeat
from operator import itemgetter, sub
from typing import Any, Final, Protocol

from airflow_provider_tiktok.conversions.by_parts import answer_by_parts
from airflow_provider_tiktok.conversions.chunks import Chunk
from airflow_provider_tiktok.conversions.events import PreparedEvent
from airflow_provider_tiktok.conversions.kernels import (
    Column,
    Findings,
    Kernel,
    Told,
    amounts_of,
    has_none,
    is_any_negative,
    members_of,
    plain_ids_or_none,
    sum_of,
)
from airflow_provider_tiktok.conversions.mapping.columns import KeyColumns, getter
from airflow_provider_tiktok.conversions.mapping.derived import event_id_of
from airflow_provider_tiktok.conversions.mapping.event_mapping import EventMapping
from airflow_provider_tiktok.conversions.mapping.event_paths import (
    CONTENTS,
    EVENT_NAMES,
    FIELDS,
    MEMBERS,
    OBJECTS,
    VALUE,
    Field,
    open_field,
    open_field_at,
)
from airflow_provider_tiktok.conversions.mapping.mapped import ItemList, Source
from airflow_provider_tiktok.conversions.mapping.nested import heads_of, leads_inside
from airflow_provider_tiktok.conversions.sealed import Sealed
from airflow_provider_tiktok.conversions.values import NullValues

CURRENCY: Final = "properties.currency"
PHONE_REGION: Final = FIELDS["phone_region"]
BESIDE: Final[Mapping[Field, Sequence[Field]]] = {
    FIELDS["user.phone"]: (PHONE_REGION, FIELDS["user.country"]),
    FIELDS["user.zip_code"]: (FIELDS["user.country"],),
}
"""Field to the fields by whose values its own are read."""

ITEM_FIELDS: Final[Mapping[str, Field]] = {
    field.name: field for field in FIELDS.values() if field.section == "item"
}


class EventColumns:
    """Events as columns in wire form.

    :ivar wire: event path to a value an event, ``None`` for none; fields of items are not in it.
    :ivar item_fields: names of the item fields that are there, in the order of ``Content``.
    :ivar items: values of these fields, a tuple an item, item after item; ``offsets`` says which items are
        whose: those of event n are from ``offsets[n]`` to ``offsets[n + 1]``.
    :ivar left_out: event to why its row is left out, where that is certain.
    """

    __slots__ = ("item_fields", "items", "left_out", "offsets", "size", "wire")

    def __init__(self, size: int) -> None:
        self.size = size
        self.wire: dict[str, list[Any]] = {}
        self.item_fields: tuple[str, ...] = ()
        self.items: list[tuple[Any, ...]] = []
        self.offsets: Sequence[int] = ()
        self.left_out: Mapping[int, str] = {}

    def __repr__(self) -> str:
        return f"EventColumns({self.size})"

    def column(self, path: str) -> list[Any]:
        """The column of a path, of nothing where no event has one."""
        return self.wire.get(path) or [None] * self.size

    def items_of(self, place: int) -> list[dict[str, Any]]:
        """The items of one event, without what is absent in them."""
        if not self.offsets:
            return []
        items = self.items[self.offsets[place] : self.offsets[place + 1]]
        pairs = (zip(self.item_fields, item, strict=True) for item in items)
        return [{name: value for name, value in one if value is not None} for one in pairs]

    def item_column(self, name: str) -> list[Any]:
        """The values that the items have in this field, item after item."""
        if name not in self.item_fields:
            return [None] * len(self.items)
        return list(map(itemgetter(self.item_fields.index(name)), self.items))

    def owners_of(self, *names: str) -> set[int]:
        """The places of the events of which an item has one of these fields."""
        known = [self.item_fields.index(name) for name in names if name in self.item_fields]
        return self.owners_where(lambda item: any(item[at] is not None for at in known)) if known else set()

    def owners_where(self, is_meant: Callable[[tuple[Any, ...]], bool]) -> set[int]:
        """The places of the events of which an item is meant."""
        if not self.offsets:
            return set()
        owners = chain.from_iterable(map(repeat, range(self.size), map(sub, self.offsets[1:], self.offsets)))
        return set(compress(owners, map(is_meant, self.items)))

    def present(self, path: str) -> Sequence[int]:
        """The places of the events with a value at this path."""
        column = self.wire.get(path, ())
        if None not in column:
            return range(len(column))
        return [place for place, value in enumerate(column) if value is not None]

    def missing(self, path: str) -> Iterable[int]:
        """The places of the events without a value at this path."""
        column = self.wire.get(path)
        if column is None:
            return range(self.size)
        return [place for place, value in enumerate(column) if value is None] if None in column else ()


class WireColumns(Protocol):
    """How a destination checks and writes events that travel as columns.

    Values are what msgspec writes as JSON: numbers, and whole columns of plain values, may be ``Raw``.
    """

    @property
    def quick(self) -> Collection[str]:
        """Event paths of which the kernels' plain values break no check here; see ``kernels.OFFERED``."""

    @property
    def checked(self) -> frozenset[str]:
        """Rules that ``check`` asks of columns, so that they are not asked of single values."""

    @property
    def makes_ids(self) -> bool:
        """Whether events without an id get theirs of their wire form; else each is looked at as a whole."""

    def value_of(self, prepared: PreparedEvent, field: Field) -> Any:
        """The wire form of one field of a prepared event; ``None`` for nothing."""

    def check(self, events: EventColumns, findings: Findings) -> None:
        """Add what contradicts itself over several fields, and what is missing."""

    def lines(self, events: EventColumns) -> list[bytes]:
        """Each event in wire form; what is written of an odd one is never looked at."""

    def groups(self, events: EventColumns) -> Collection[tuple[Hashable, int]] | None:
        """Each event's group and rank (see ``batching.Encoded``); ``None``: all may share requests."""


class ListedItems(Sealed, frozen=True):
    """The items in the lists of rows.

    :param sizes: items a row; ``None`` for no list.
    :param columns: field of an item to its raw values, item after item.
    """

    sizes: list[int | None]
    columns: dict[str, list[Any]]

    @property
    def n_items(self) -> int:
        """How many items there are."""
        return sum(size or 0 for size in self.sizes)

    def owners(self) -> list[int]:
        """The place of the row that each item is in."""
        return list(
            chain.from_iterable(map(repeat, range(len(self.sizes)), (one or 0 for one in self.sizes)))
        )


class RawColumns:
    """The fields of a chunk's rows, in the columns they were found in.

    :ivar found: field to its columns, in the order in which they are asked; a value a row.
    :ivar items: the items that records bring in lists; ``None`` for no list at all.
    :ivar firsts: fields of which only the first value counts, though they take several.
    :ivar odd: places of rows that must be looked at as a whole.
    :ivar left_out: place of a row to why it is left out; these are odd, too.
    """

    __slots__ = ("firsts", "found", "items", "left_out", "odd", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.found: dict[Field, list[Column]] = {}
        self.items: ListedItems | None = None
        self.firsts: set[Field] = set()
        self.odd: set[int] = set()
        self.left_out: dict[int, str] = {}

    def __repr__(self) -> str:
        return f"RawColumns({self.size})"

    def add(self, field: Field, column: Column) -> None:
        """One more column of a field."""
        self.found.setdefault(field, []).append(column)


def mapped_columns(chunk: Chunk, mapping: EventMapping) -> RawColumns:
    """The columns that a mapping names, in the terms of their fields."""
    raw = RawColumns(len(chunk))
    raw.odd.update(chunk.unreadable)
    skipped: set[int] = set()
    for one in mapping.mapped:
        if one.field.is_collected and not one.is_collected:
            raw.firsts.add(one.field)
        for number, source in enumerate(one.sources):
            if source.items is not None:
                raw.items = _items_in_lists(chunk, source, source.items, raw.odd)
                continue
            column = _source_column(chunk, source, raw.odd)
            reader = source.reader
            if reader is not None:
                if mapping.nulls:
                    raw.odd.update(mapping.nulls.places_in(column))
                is_asked = number == 0 or one.is_collected
                column = reader.column(column, raw.odd, skipped if is_asked else set())
            if one.field.path == CONTENTS and len(one.sources) == 1:
                _add_items(raw, column)
            else:
                raw.add(one.field, column)
    _leave_out(raw, chunk, mapping, skipped=skipped)
    return raw


def _source_column(chunk: Chunk, source: Source, odd: set[int]) -> Column:
    """The raw values of a source; of several columns the tuples of theirs."""
    columns = [_column(chunk, name, odd) for name in source.columns]
    return columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))


def _items_in_lists(chunk: Chunk, source: Source, items: ItemList, odd: set[int]) -> ListedItems:
    """The items that the members of a list make in each row."""
    lists = _lists_of(chunk, source, items, odd)
    parts = answer_by_parts(
        lists, partial(_plain_items, items=items), partial(_odd_items, items=items, odd=odd)
    )
    sizes: list[int | None] = []
    columns: dict[str, list[Any]] = {}
    n_items = 0
    for part in parts:
        for name in {*columns, *part.columns}:
            known = columns.setdefault(name, [None] * n_items)
            known += part.columns.get(name) or [None] * part.n_items
        sizes += part.sizes
        n_items += part.n_items
    return ListedItems(sizes, columns)


def _plain_items(lists: Sequence[list[Any] | None], *, items: ItemList) -> list[ListedItems] | None:
    """The items of these rows as one part; ``None`` where one must be looked at alone."""
    columns = items.columns(lists)
    return None if columns is None else [ListedItems(list(map(_size, lists)), columns)]


def _odd_items(members: list[Any] | None, place: int, *, items: ItemList, odd: set[int]) -> ListedItems:
    """The items of one row."""
    made: list[Any] | None = None
    if members is not None:
        made, is_odd = items.plain(members)
        if is_odd:
            odd.add(place)
    found: set[int] = set()
    listed = _listed_items([made], found)
    if found:
        odd.add(place)
    return listed


def _size(members: list[Any] | None) -> int | None:
    return None if members is None else len(members)


_NO_TYPE: Final = frozenset({type(None)})


def _lists_of(chunk: Chunk, source: Source, items: ItemList, odd: set[int]) -> list[list[Any] | None]:
    """The list that the way of a source leads to in each row; most are the value of one column."""
    lists: list[Any] = [None] * len(chunk)
    places: Iterable[int] = range(len(chunk))
    flat = [chunk.column(name) for name in source.columns]
    if items.plain_column is not None and not any({*map(type, column)} - _NO_TYPE for column in flat):
        lists = list(chunk.column(items.plain_column))
        places = [place for place, value in enumerate(lists) if value is not None and type(value) is not list]
    for place in places:
        members: Any = None
        if place not in chunk.unreadable:
            try:
                members = source.get(_part_of_row(chunk, place, *source.columns))
            except Exception:  # the careful rules say what is wrong with it
                odd.add(place)
        lists[place] = members if type(members) is list else None
    return lists


def _leave_out(raw: RawColumns, chunk: Chunk, mapping: EventMapping, *, skipped: set[int]) -> None:
    """Take down which rows are left out; a row that cannot be read, or judged, is none of them."""
    unsure: set[int] = set(chunk.unreadable)
    if chunk.names is None:
        unsure.update(n for n in range(len(chunk)) if not isinstance(chunk.row(n), Mapping))
    for tests, is_left, reason in (
        (mapping.rows.drop, True, "in_drop_rows"),
        (mapping.rows.keep, False, "not_in_keep_rows"),
    ):
        for test in tests:
            for place, told in enumerate(test.column(_column(chunk, test.column_name, unsure))):
                if told is None:
                    unsure.add(place)
                elif told is is_left:
                    raw.left_out.setdefault(place, reason)
    for place in skipped:
        raw.left_out.setdefault(place, "skipped_value")
    raw.odd.update(unsure, raw.left_out)
    for place in unsure:
        raw.left_out.pop(place, None)


def _column(chunk: Chunk, name: str, odd: set[int]) -> Column:
    """A column; a name with points also finds its way into nested objects.

    :param odd: gets the places of rows in which the way cannot be gone.
    """
    column = chunk.column(name)
    if not leads_inside(name) or not has_none(column):
        return column
    get, found = getter(name), list(column)
    for place in range(len(column)):
        if found[place] is None and place not in chunk.unreadable:
            try:
                found[place] = get(_part_of_row(chunk, place, name))
            except Exception:  # the careful rules say what is wrong with it
                odd.add(place)
    return found


def _part_of_row(chunk: Chunk, place: int, *names: str) -> Mapping[str, Any]:
    """The columns of a row in which the ways to values can begin, and those that go by these names."""
    if chunk.names is None:
        row = chunk.row(place)
        return row if isinstance(row, Mapping) else {}
    asked = (one for name in names for one in (name, *heads_of(name)))
    return {one: chunk.column(one)[place] for one in asked if one in chunk.names}


def record_columns(chunk: Chunk, mapping: EventMapping) -> RawColumns:
    """The columns of records that are read by the names of their keys."""
    raw = RawColumns(len(chunk))
    rows: list[Any] = list(map(chunk.row, range(len(chunk))))
    if {*map(type, rows)} - {dict}:
        raw.odd.update(n for n, row in enumerate(rows) if type(row) is not dict)
        rows = [row if type(row) is dict else {} for row in rows]
    keys = mapping.records
    for key in _keys_of(rows):
        field = keys.keys.get(key) or open_field_at(key)
        if key in EVENT_NAMES:
            _mark_present(raw, rows, key)  # two names make one field: rare, and left to the careful rules
        elif field is not None:
            _add_record_column(raw, field, _values_of(rows, key))
        elif key in OBJECTS:
            _add_object(raw, key, _values_of(rows, key))
        elif key not in keys.ignored:
            _mark_present(raw, rows, key)
    for columns in raw.found.values():
        if len(columns) > 1:
            _join_names(raw, columns)
    if mapping.rows:
        _leave_out(raw, chunk, mapping, skipped=set())
    return raw


def _keys_of(rows: Iterable[Mapping[Any, Any]]) -> list[Any]:
    """All keys of these objects, in the order in which they come first."""
    return list(dict.fromkeys(chain.from_iterable(rows)))


def _values_of(rows: Sequence[Mapping[Any, Any]], key: Any) -> list[Any]:
    """What each object has under a key, ``None`` where it has none."""
    try:
        return list(map(itemgetter(key), rows))
    except KeyError:
        return [row.get(key) for row in rows]


def _mark_present(raw: RawColumns, rows: Sequence[Mapping[Any, Any]], key: Any) -> None:
    raw.odd.update(place for place, row in enumerate(rows) if key in row)


def _add_record_column(raw: RawColumns, field: Field, column: list[Any]) -> None:
    if field.path == CONTENTS and raw.items is None:
        _add_items(raw, column)
    else:
        raw.add(field, column)


def _add_object(raw: RawColumns, section: str, column: list[Any]) -> None:
    """The members of a group of fields that stands in an object of its own."""
    rows: Sequence[Mapping[Any, Any]] = column
    if {*map(type, column)} - {dict}:
        raw.odd.update(n for n, one in enumerate(column) if one is not None and type(one) is not dict)
        rows = [one if type(one) is dict else {} for one in column]
    for key in _keys_of(rows):
        field = MEMBERS[section].get(key) if isinstance(key, str) else None
        if (
            field is None
            and section == "properties"
            and isinstance(key, str)
            and key.strip()
            and key.isascii()
        ):
            field = open_field(key)
        if field is None:
            _mark_present(raw, rows, key)
        else:
            _add_record_column(raw, field, _values_of(rows, key))


def _add_items(raw: RawColumns, column: Column) -> None:
    """Lists of items; whatever else stands there is looked at as a whole."""
    if {*map(type, column)} == {list} and {*map(type, chain.from_iterable(column))} <= {dict}:
        raw.items = _listed_items(column, raw.odd)
        return
    lists: list[list[Any] | None] = []
    for place, value in enumerate(column):
        if type(value) is list and all(type(item) is dict for item in value):
            lists.append(value)
        else:
            lists.append(None)
            if value is not None:
                raw.odd.add(place)
    raw.items = _listed_items(lists, raw.odd)


def _listed_items(lists: Sequence[list[Any] | None], odd: set[int]) -> ListedItems:
    """The items of lists by the names of their fields; rows with other names are odd."""
    items: list[Mapping[Any, Any]] = list(chain.from_iterable(filter(None, lists)))
    found = ListedItems([None if one is None else len(one) for one in lists], {})
    for key in _keys_of(items):
        if isinstance(key, str) and key in ITEM_FIELDS:
            found.columns[key] = _values_of(items, key)
        else:
            odd.update(owner for owner, item in zip(found.owners(), items, strict=True) if key in item)
    return found


def _join_names(raw: RawColumns, columns: list[Column]) -> None:
    """One column of a field that goes by several names in these records; who gives two is odd."""
    joined: list[Any] = list(columns[0])
    for column in columns[1:]:
        for place, value in enumerate(column):
            if value is not None:
                if joined[place] is not None:
                    raw.odd.add(place)
                joined[place] = value
    columns[:] = [joined]


_UNREADABLE: Final = object()


def _are_equal(some: Sequence[Any], others: Sequence[Any]) -> bool:
    try:
        return some == others
    except ArithmeticError:  # a decimal number that signals
        return False


def _agrees(other: Any, value: Any, *, may_lack: bool) -> bool:
    """Whether a later row of an event says what its first row says, or nothing."""
    if other is value or (may_lack and (other is None or (type(other) is str and not other))):
        return True
    return type(other) is type(value) and type(value) in _COMPARABLE and _are_equal((other,), (value,))


_COMPARABLE: Final = frozenset({str, int, float, bool, Decimal, datetime, date, tuple})


class Groups:
    """Which rows are one event.

    An unreadable row may belong to the rows before it and to those after it, so it joins whatever is there.

    :param keys: a key a row: a tuple of texts, ``None`` for a row that lacks one.
    :param unreadable: places of unreadable rows.
    :param first_row: number of the first row.
    :ivar firsts: place of the first row of each event, and one more for the end.
    :ivar keys: the key of each event, and ``first_keys`` that of its first row; ``None`` for none.
    :ivar odd: events to be looked at as a whole, for the sake of their keys.
    :ivar ends_unreadable: events whose last row is unreadable.
    """

    __slots__ = ("ends_unreadable", "first_keys", "first_row", "firsts", "keys", "odd", "size")

    def __init__(self, keys: Sequence[Any], *, unreadable: Collection[int], first_row: int) -> None:
        self.first_row = first_row
        self.odd: set[int] = set()
        self.ends_unreadable: set[int] = set()
        self.keys: list[Any] = []
        if unreadable or None in keys:
            starts = self._scan(keys, unreadable)
            self.first_keys = [None if start in unreadable else keys[start] for start in starts]
        else:
            changes = (place for place in range(1, len(keys)) if keys[place] != keys[place - 1])
            starts = [0, *changes] if keys else []
            self.keys = self.first_keys = [keys[start] for start in starts]
        self.firsts = [*starts, len(keys)]
        self.size = len(starts)

    def _scan(self, keys: Sequence[Any], unreadable: Collection[int]) -> list[int]:
        starts: list[int] = []
        held: Any = None
        for place, key in enumerate(keys):
            key = _UNREADABLE if place in unreadable else key
            joins = starts and held is not None and key is not None
            if not joins or not (held == key or held is _UNREADABLE or key is _UNREADABLE):
                if starts and len(starts) - 1 in self.ends_unreadable:
                    self.odd.add(len(starts))
                starts.append(place)
                self.keys.append(None)
                held = key
            elif held is _UNREADABLE:
                held = key
            n = len(starts) - 1
            self.keys[n] = None if held is _UNREADABLE else held
            if key is _UNREADABLE:
                self.ends_unreadable.add(n)
            else:
                self.ends_unreadable.discard(n)
            if key is _UNREADABLE or key is None:
                self.odd.add(n)
        return starts

    def until(self, place: int) -> Groups:
        """The events before one."""
        groups = Groups((), unreadable=(), first_row=self.first_row)
        groups.firsts = self.firsts[: place + 1]
        groups.size = place
        groups.keys, groups.first_keys = self.keys[:place], self.first_keys[:place]
        groups.odd = {one for one in self.odd if one < place}
        groups.ends_unreadable = {one for one in self.ends_unreadable if one < place}
        return groups

    def owners(self) -> list[int]:
        """The place of the event that each row is of."""
        return [n for n in range(self.size) for _ in range(self.firsts[n + 1] - self.firsts[n])]

    def n_rows(self, place: int) -> int:
        """How many rows an event has."""
        return self.firsts[place + 1] - self.firsts[place]

    def first_values(self, column: Column, odd: set[int], *, may_lack: bool = True) -> list[Any]:
        """The value of each event's first row; events whose rows disagree are odd.

        :param may_lack: whether a later row without a value agrees.
        """
        firsts = self.firsts
        values = list(map(column.__getitem__, firsts[:-1]))
        if len(values) == len(column):
            return values
        kinds = set(map(type, column))
        if len(kinds) == 1 and kinds <= _COMPARABLE:
            repeated = list(chain.from_iterable(map(repeat, values, map(sub, firsts[1:], firsts))))
            if _are_equal(repeated, column):
                return values
        for n, value in enumerate(values):
            others = range(firsts[n] + 1, firsts[n + 1])
            if not all(_agrees(column[place], value, may_lack=may_lack) for place in others):
                odd.add(n)
        return values


def group_keys(chunk: Chunk, columns: KeyColumns, nulls: NullValues) -> list[tuple[str, ...] | None]:
    """The key of each row: the texts of these columns, ``None`` where one has none."""
    texts = [_texts_or_none(_column(chunk, name, set()), columns, nulls) for name in columns.names]
    return [None if None in key else key for key in zip(*texts, strict=True)]


def _texts_or_none(column: Column, columns: KeyColumns, nulls: NullValues) -> Sequence[str | None]:
    plain = None if nulls else plain_ids_or_none(column)
    return plain or [columns.text_or_none(value, nulls) for value in column]


class ColumnPlan:
    """How the columns of a run become columns of its events.

    :param kernel_of: the kernel of a field.
    :param constant_of: the wire form of a default, with its notes.
    """

    def __init__(
        self,
        mapping: EventMapping,
        *,
        kernel_of: Callable[[Field], Kernel],
        constant_of: Callable[[Field, Any], Told],
    ) -> None:
        self._mapping = mapping
        self._kernel_of = kernel_of
        self._kernels: dict[Field, Kernel] = {}
        self._defaults = [(field, constant_of(field, value)) for field, value in mapping.defaults]
        self._item_defaults = {
            field.name: constant_of(field, value) for field, value in mapping.item_defaults
        }

    def events(self, chunk: Chunk, groups: Groups | None, findings: Findings) -> EventColumns:
        """The chunk's events; what is found goes to ``findings``, by places of events."""
        mapping = self._mapping
        raw = mapped_columns(chunk, mapping) if mapping.mapped else record_columns(chunk, mapping)
        owners = groups.owners() if groups is not None else None
        findings.odd.update(raw.odd if owners is None else (owners[row] for row in raw.odd))
        events = EventColumns(len(chunk) if groups is None else groups.size)
        if groups is None:
            events.left_out = raw.left_out
        item_columns: dict[str, list[Any]] = {}
        for field, others in BESIDE.items():
            if field in raw.found:
                _put_beside(raw, field, others)
        for field, columns in raw.found.items():
            if field.section == "item":
                item_columns[field.name] = self._first_of(field, columns, findings, owners=owners)
            elif field is PHONE_REGION:
                firsts = [_first_rows(one, groups, may_lack=len(columns) == 1) for one in columns]
                self._joined(field, firsts, findings)  # never sent
            elif field.section == "mileage" or field.name == "is_hashed":
                _mark_values(columns, findings, owners=owners)
            else:
                is_first = field in raw.firsts
                events.wire[field.path] = self._event_column(
                    field, columns, groups, findings, is_first=is_first
                )
        if raw.items is not None:
            self._take_lists(events, raw.items, groups, findings)
            if item_columns:
                _mark_values(list(item_columns.values()), findings, owners=owners)
        elif item_columns:
            self._take_items(events, item_columns, groups, findings)
        if mapping.ttclid_from_url and "page.url" in events.wire:
            _mark_click_ids(events, findings)
        _mark_odd_items(events, findings)
        if mapping.sums_items:
            _add_values(events, findings, is_grouped=groups is not None)
        if mapping.id_columns.names:
            self._identify(events, chunk, groups, findings)
        self._fill(events, findings)
        if groups is None:
            findings.of_single_rows()
        else:
            findings.odd.update(*findings.row_notes.values())
        return events

    def _kernel(self, field: Field) -> Kernel:
        kernel = self._kernels.get(field)
        if kernel is None:
            kernel = self._kernels[field] = self._kernel_of(field)
        return kernel

    def _event_column(
        self,
        field: Field,
        columns: list[Column],
        groups: Groups | None,
        findings: Findings,
        *,
        is_first: bool,
    ) -> list[Any]:
        """One value an event of a field that is no part of an item.

        :param is_first: whether only the first value counts, though the field takes several.
        """
        if groups is None:
            return self._joined(field, columns, findings, is_first=is_first)
        found = Findings()
        if field.is_collected and field.section != "user":
            collected = self._collected(field, columns, groups, found, is_first=is_first)
            findings.odd.update(found.odd, *(places for _, places in found.said()))
            return collected
        is_only = len(columns) == 1
        firsts: list[Column] = [groups.first_values(one, found.odd, may_lack=is_only) for one in columns]
        joined = self._joined(field, firsts, found, is_first=is_first)
        if not is_only:  # which rows have the value from which column is for the careful rules
            noted = {place for _, places in found.said() for place in places}
            found.odd.update(place for place in noted if groups.n_rows(place) > 1)
        _name_rows(columns[0], groups, found)
        findings.odd.update(found.odd)
        for note, places in found.notes.items():
            findings.note(note, places)
        return joined

    def _joined(
        self, field: Field, columns: list[Column], findings: Findings, *, is_first: bool = False
    ) -> list[Any]:
        if len(columns) == 1:
            return self._read(field, columns[0], findings)
        if is_first or not field.is_collected:
            return self._first_of(field, columns, findings)
        kernel = self._kernel(field)
        joined = kernel(columns[0], findings)
        for column in columns[1:]:
            more = kernel(column, findings)
            joined = [_both(a, b, is_set=field.section == "user") for a, b in zip(joined, more, strict=True)]
        return joined

    def _read(self, field: Field, column: Column, findings: Findings) -> list[Any]:
        """One column; lists of texts are read as one column of all their texts."""
        kernel = self._kernel(field)
        if not field.is_collected or field in BESIDE or list not in set(map(type, column)):
            return kernel(column, findings)
        parts: list[Any] = []
        owners: list[int] = []
        for place, value in enumerate(column):
            texts = value if type(value) is list and {*map(type, value)} == {str} else [value]
            parts.extend(texts)
            owners.extend([place] * len(texts))
        found = Findings()
        wires = kernel(parts, found, owners=owners)
        findings.odd.update(found.odd, *(places for _, places in found.said()))
        joined: list[Any] = [None] * len(column)
        for place, wire in zip(owners, wires, strict=True):
            if wire is not None:
                joined[place] = _both(joined[place], wire, is_set=field.section == "user")
        return joined

    def _first_of(
        self,
        field: Field,
        columns: list[Column],
        findings: Findings,
        *,
        owners: Sequence[int] | None = None,
    ) -> list[Any]:
        """The first of several columns that has a value; one that was dropped is no absent one."""
        kernel = self._kernel(field)
        joined = kernel(columns[0], findings, owners=owners)
        for column in columns[1:]:
            if None not in joined:
                break
            absent = (place for place, value in enumerate(joined) if value is None)
            self._mark_noted(field, findings, absent if owners is None else owners)
            rest = [value if known is None else None for known, value in zip(joined, column, strict=True)]
            more = kernel(rest, findings, owners=owners)
            joined = [b if a is None else a for a, b in zip(joined, more, strict=True)]
        return joined

    def _collected(
        self,
        field: Field,
        columns: list[Column],
        groups: Groups,
        findings: Findings,
        *,
        is_first: bool,
    ) -> list[Any]:
        """The lists of all rows of an event, one behind the other."""
        owners = groups.owners()
        kernel = self._kernel(field)
        rows: list[list[Any]] = [[] for _ in owners]
        if is_first:
            told = [self._first_of(field, columns, findings, owners=owners)]
        else:
            told = [kernel(column, findings, owners=owners) for column in columns]
        for one in told:
            for row, values in zip(rows, one, strict=True):
                row.extend(members_of(values))
        firsts = groups.firsts
        return [list(chain(*rows[firsts[n] : firsts[n + 1]])) or None for n in range(groups.size)]

    def _take_items(
        self, events: EventColumns, columns: dict[str, list[Any]], groups: Groups | None, findings: Findings
    ) -> None:
        """One item of each row that has a part of one."""
        n_rows = len(next(iter(columns.values())))
        firsts = range(n_rows + 1) if groups is None else groups.firsts
        if any(None not in column for column in columns.values()):
            events.offsets = firsts
            self._put_items(events, columns, findings)
            return
        is_item = [any(value is not None for value in row) for row in zip(*columns.values(), strict=True)]
        before = [0, *accumulate(is_item)]
        events.offsets = [before[place] for place in firsts]
        kept = (
            {name: list(compress(column, is_item)) for name, column in columns.items()}
            if any(is_item)
            else {}
        )
        self._put_items(events, kept, findings)

    def _take_lists(
        self,
        events: EventColumns,
        items: ListedItems,
        groups: Groups | None,
        findings: Findings,
    ) -> None:
        """The items of lists."""
        if groups is not None and groups.size != len(items.sizes):
            owners = groups.owners()
            findings.odd.update(owners[place] for place, one in enumerate(items.sizes) if one is not None)
            return
        events.offsets = [0, *accumulate(size or 0 for size in items.sizes)]
        owners = items.owners()
        columns = {
            name: self._kernel(ITEM_FIELDS[name])(column, findings, owners=owners)
            for name, column in items.columns.items()
        }
        if all(None in column for column in columns.values()):
            rows = zip(*columns.values(), strict=True)
            findings.odd.update(compress(owners, (not any(one is not None for one in row) for row in rows)))
        self._put_items(events, columns, findings)

    def _put_items(self, events: EventColumns, columns: dict[str, list[Any]], findings: Findings) -> None:
        size = len(next(iter(columns.values()), ()))
        if not size:
            events.offsets = ()
            return
        for name, told in self._item_defaults.items():
            column = columns.get(name)
            if told.is_odd or told.notes:
                findings.odd.update(range(events.size))
            if column is None:
                columns[name] = [told.wire] * size
            elif None in column:
                self._mark_noted(ITEM_FIELDS[name], findings, range(events.size))
                columns[name] = [told.wire if value is None else value for value in column]
        events.item_fields = tuple(name for name in ITEM_FIELDS if name in columns)
        events.items = list(zip(*(columns[name] for name in events.item_fields), strict=True))

    def _fill(self, events: EventColumns, findings: Findings) -> None:
        """Give events the defaults for what they have not."""
        for field, told in self._defaults:
            column = events.wire.get(field.path)
            if column is None:
                places: Iterable[int] = range(events.size)
                events.wire[field.path] = [told.wire] * events.size
            else:
                places = events.missing(field.path)
                if not places:
                    continue
                self._mark_noted(field, findings, places)
                events.wire[field.path] = [told.wire if value is None else value for value in column]
            if told.is_odd or field in BESIDE:
                findings.odd.update(places)
            for note in told.notes:
                findings.note(note, places)

    def _identify(
        self, events: EventColumns, chunk: Chunk, groups: Groups | None, findings: Findings
    ) -> None:
        """Make the ids of events that bring none, from the columns of their first rows."""
        missing = events.missing("event_id")
        if not missing:
            return
        self._mark_noted(FIELDS["event_id"], findings, missing)
        keys = group_keys(chunk, self._mapping.id_columns, self._mapping.nulls)
        ids = events.column("event_id")
        for place in missing:
            key = keys[place if groups is None else groups.firsts[place]]
            if key is None:
                findings.odd.add(place)
            else:
                ids[place] = event_id_of(key)
        events.wire["event_id"] = ids

    def _mark_noted(self, field: Field, findings: Findings, absent: Iterable[int]) -> None:
        """Whether a value that was left out counts as absent is a matter for the careful rules."""
        at = frozenset(absent)
        for note, places in findings.said():
            if note.path.startswith(field.path.partition("[")[0]):
                findings.odd.update(at.intersection(places))


def _mark_click_ids(events: EventColumns, findings: Findings) -> None:
    """An absent click id that stands in the page's address is for the careful rules."""
    click_ids = events.column("user.ttclid")
    for place, url in enumerate(events.wire["page.url"]):
        if url is not None and click_ids[place] is None and "ttclid=" in url:
            findings.odd.add(place)


def _mark_odd_items(events: EventColumns, findings: Findings) -> None:
    """Events are odd of which an item has no place in TikTok's form, or amounts have no certain currency."""
    for note, places in findings.said():
        if note.path.startswith(CONTENTS) or (note.path == CURRENCY and note.rule != "currency_not_listed"):
            findings.odd.update(places)
    if not events.items:
        return
    kinds, prices, quantities = map(events.item_column, ("content_type", "price", "quantity"))
    whole = {int, type(None)}
    if (
        any(kind is not None for kind in kinds)
        or is_any_negative(prices)
        or not whole.issuperset(map(type, quantities))
        or any(quantity is not None and quantity < 1 for quantity in quantities)
    ):
        odd = list(map(_is_odd_item, kinds, prices, quantities))
        offsets = events.offsets
        findings.odd.update(n for n in range(events.size) if any(odd[offsets[n] : offsets[n + 1]]))


def _is_odd_item(kind: Any, price: Any, quantity: Any) -> bool:
    """Whether TikTok's form has no place for an item, of which these are in wire form."""
    if kind is not None or (quantity is not None and (type(quantity) is not int or quantity < 1)):
        return True
    return price is not None and is_any_negative((price,))


def _add_values(events: EventColumns, findings: Findings, *, is_grouped: bool) -> None:
    """Give events without a value the sum of their items; without one item's price it would be too small."""
    missing = events.missing(VALUE)
    if not missing or "price" not in events.item_fields:
        return
    values = events.column(VALUE)
    prices = events.item_column("price")
    quantities = [1 if one is None else one for one in events.item_column("quantity")]
    amounts = amounts_of(prices, quantities)
    for place in missing:
        start, stop = events.offsets[place], events.offsets[place + 1]
        n_unpriced = prices[start:stop].count(None)
        if not n_unpriced:
            values[place] = sum_of(amounts[start:stop]) if stop > start else None
        elif n_unpriced < stop - start and is_grouped:
            findings.odd.add(place)
    events.wire[VALUE] = values


def _name_rows(column: Column, groups: Groups, findings: Findings) -> None:
    """Count what is counted of rows for every row of an event that has the value; warnings name the row."""
    for note, places in findings.row_notes.items():
        for place in places:
            start, stop = groups.firsts[place : place + 2]
            for row in range(start, stop):
                if row == start or not (column[row] is None or column[row] == ""):
                    findings.note(note.of_row(groups.first_row + row), (place,))
    findings.row_notes = {}


def _first_rows(column: Column, groups: Groups | None, *, may_lack: bool) -> Column:
    return column if groups is None else groups.first_values(column, groups.odd, may_lack=may_lack)


def _put_beside(raw: RawColumns, field: Field, others: Sequence[Field]) -> None:
    """Put beside each value of a field those of others by which it is read."""
    nothing: Column = [None] * raw.size
    columns = [raw.found.get(other, [nothing]) for other in others]
    if any(len(one) > 1 for one in columns):
        raw.odd.update(range(raw.size))
    beside = [one[0] for one in columns]
    raw.found[field] = [
        [None if values[0] is None else values for values in zip(column, *beside, strict=True)]
        for column in raw.found[field]
    ]


def _both(first: Any, second: Any, *, is_set: bool) -> Any:
    if first is None or second is None:
        return second if first is None else first
    members, more = members_of(first), members_of(second)
    return members + ([one for one in more if one not in members] if is_set else more)


def _mark_values(columns: Sequence[Column], findings: Findings, *, owners: Sequence[int] | None) -> None:
    """Events with any value in these columns are odd."""
    for column in columns:
        for place, value in enumerate(column):
            if value is not None:
                findings.odd.add(place if owners is None else owners[place])
