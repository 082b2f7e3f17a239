# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Mapped fields: what a mapping says of each field, compiled.

A field is read from one column, from several, or, for items, from the lists of a record; each with what its
reader says of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from msgspec import Struct

from airflow_provider_tiktok.conversions.errors import ConfigurationError, EventError
from airflow_provider_tiktok.conversions.mapping import nested
from airflow_provider_tiktok.conversions.mapping.columns import Getter, getter
from airflow_provider_tiktok.conversions.mapping.drafts import Constant, Record
from airflow_provider_tiktok.conversions.mapping.event_paths import CONTENTS, FIELDS, PHONE_REGION, Field
from airflow_provider_tiktok.conversions.readers import LEFT_OUT, Reader, Use, readers_of
from airflow_provider_tiktok.conversions.values import (
    Converter,
    EventErrors,
    Usable,
    single_errors,
    to_contents,
    to_currency,
    to_event_time,
    to_open_value,
    usable_part,
)


class Source(Struct, frozen=True, kw_only=True):
    """One column that a field is read from, or several whose texts are one.

    :param columns: their names.
    :param get: a record to the raw value; of several columns to the tuple of theirs.
    :param reader: what is said of it; ``None`` for nothing.
    :param items: what makes items of the members of a list; ``None`` where the column is no such list.
    """

    columns: tuple[str, ...]
    get: Getter
    reader: Reader | None = None
    items: ItemList | None = None


class Mapped(Struct, frozen=True, kw_only=True):
    """A field and what it is read from, in the order in which it is asked.

    :param is_collected: whether the values of all are put together.
    """

    field: Field
    sources: tuple[Source, ...]
    is_collected: bool

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(name for source in self.sources for name in source.columns)


def compile_mapping(
    mapping: Mapping[str, Any],
    *,
    field_at: Callable[[str], Field],
    item_defaults: Sequence[Constant],
) -> list[Mapped]:
    """The mapped fields.

    :param field_at: the field at a path.
    :raises ConfigurationError: what is said of a field cannot be right.
    """
    mapped: list[Mapped] = []
    listed: list[tuple[Field, list[Reader]]] = []
    region: str | None = None
    for path, declared in mapping.items():
        field = field_at(path)
        readers = readers_of(declared, argument=f"mapping[{path!r}]")
        if not readers:
            raise ConfigurationError(f"Name at least one column in mapping[{path!r}].")
        for reader in readers:
            _check_use(field, reader)
            region = _one_region(region, reader.region)
        if field.section == "item" and any(_is_list(reader) for reader in readers):
            listed.append((field, readers))
            continue
        for reader in readers:
            _check_one_value(field, reader)
        is_collected = field.is_collected and not all(reader.is_first for reader in readers)
        mapped.append(Mapped(field=field, sources=tuple(map(_source_of, readers)), is_collected=is_collected))
    if listed:
        _check_unmixed(mapped)
        mapped.append(_items_of(listed, item_defaults=item_defaults))
    if region is not None:
        if any(one.field.path == PHONE_REGION for one in mapped):
            raise ConfigurationError(f"Map {PHONE_REGION!r} or give the region of a column, not both.")
        source = _source_of(Reader(columns=(region,)))
        mapped.append(Mapped(field=FIELDS[PHONE_REGION], sources=(source,), is_collected=False))
    return mapped


def _source_of(reader: Reader) -> Source:
    plain = None if reader.convert is None else reader
    if len(reader.columns) == 1:
        return Source(columns=reader.columns, get=getter(reader.columns[0]), reader=plain)
    getters = [getter(column) for column in reader.columns]

    def get(record: Record) -> tuple[Any, ...]:
        return tuple(one(record) for one in getters)

    return Source(columns=reader.columns, get=get, reader=plain)


# -------------------------------------------------------------------------------------- what fits


_NO_NUMBERS: Final = (to_event_time, to_currency)


def _check_use(field: Field, reader: Reader) -> None:
    """Passes if the field takes what the reader makes."""
    is_open = field.convert is to_open_value
    is_time = field.path == "event_time"
    takes: Mapping[Use, tuple[bool, str]] = {
        Use.ANY: (True, ""),
        Use.TIME: (is_time, "Leave out unit and format, which are for event_time"),
        Use.NUMBER: (
            is_open or (field.is_figure and not is_time and field.convert not in _NO_NUMBERS),
            "Leave out scale, decimal, thousands and symbol, which are for numbers",
        ),
        Use.LIST: (
            is_open or (field.is_collected and field.path != CONTENTS),
            "Leave out split, which is for fields that take several values",
        ),
        Use.PHONE: (field.path == "user.phone", "Leave out region, which is for user.phone"),
    }
    is_taken, remedy = takes[reader.use]
    if not is_taken:
        raise ConfigurationError(f"{remedy}. Found in mapping[{field.path!r}].")


def _is_list(reader: Reader) -> bool:
    return any(map(nested.is_list_way, reader.columns))


def _check_one_value(field: Field, reader: Reader) -> None:
    """Passes if a field that takes one value is not given those of a whole list."""
    if not _is_list(reader) or field.convert is to_open_value:
        return
    column = next(filter(nested.is_list_way, reader.columns))
    if not field.is_collected:
        first = column.replace(nested.EVERY, ".0")
        raise ConfigurationError(
            f"Map {first!r} for the first of the values, since the field takes one: {column!r} in "
            f"mapping[{field.path!r}] is several."
        )
    if reader.convert is not None:
        raise ConfigurationError(
            f"Say nothing of the values of a list such as {column!r}, or give the parts of items. "
            f"Found in mapping[{field.path!r}]."
        )


def _one_region(known: str | None, given: str | None) -> str | None:
    if known is not None and given is not None and known != given:
        raise ConfigurationError(
            "Name the same column as region for all telephone numbers of a row, in mapping."
        )
    return given or known


def _check_unmixed(mapped: Sequence[Mapped]) -> None:
    plain = next((one for one in mapped if one.field.section == "item"), None)
    if plain is not None:
        raise ConfigurationError(
            f"Name a list for mapping[{plain.field.path!r}], too, or give it in defaults: parts of "
            "items come from lists or from columns, not from both."
        )


# ------------------------------------------------------------------------------- items from lists


def _items_of(listed: Sequence[tuple[Field, list[Reader]]], *, item_defaults: Sequence[Constant]) -> Mapped:
    """The items of a list, as one field whose raw value is the list with the names of an item's fields."""
    names: dict[str, Sequence[nested.Step]] = {}
    parts: list[_Part] = []
    for field, readers in listed:
        for reader in readers:
            column = reader.columns[0]
            if len(reader.columns) > 1 or not nested.is_list_way(column):
                raise ConfigurationError(
                    f"Name parts of one list, as in 'line_items[].sku'. Found in mapping[{field.path!r}]."
                )
            name, way, inside = nested.split_list_way(column)
            names[name] = way
            parts.append(_Part(field.name, column, inside, reader))
    if len(names) > 1:
        told = ", ".join(map(repr, sorted(names)))
        raise ConfigurationError(f"Map all parts of items from one list: these in mapping are of {told}.")
    defaults = {field.name: value for field, value in item_defaults}
    items = ItemList(*names.values(), parts=parts, defaults=defaults)
    columns = tuple(dict.fromkeys(reader.columns[0] for _, readers in listed for reader in readers))
    source = Source(columns=columns, get=items.get, items=items)
    field = FIELDS[CONTENTS]
    return Mapped(
        field=Field(field.path, field.section, field.name, items.convert, True, field.nulls),
        sources=(source,),
        is_collected=True,
    )


class _Part(Struct, frozen=True):
    """A field of an item, its column, the way to it inside of a member, and what is said of it."""

    name: str
    column: str
    way: tuple[nested.Step, ...]
    reader: Reader

    @property
    def convert(self) -> Converter | None:
        """One raw value to the raw value that the field takes, ``None`` where that is the same."""
        return self.reader.convert

    def values_of(self, members: Sequence[dict[Any, Any]]) -> list[Any]:
        """The raw values that all members have.

        :raises Exception: a value must be looked at alone.
        """
        if len(self.way) == 1 and isinstance(self.way[0], str) and self.way[0] != nested.EVERY:
            key = self.way[0]
            values = [member.get(key) for member in members]
        else:
            values = [_find_part(member, self) for member in members]
        odd: set[int] = set()
        values = self.reader.column(values, odd, odd)
        if odd:
            raise LookupError
        return [None if value == "" else value for value in values] if "" in values else values


def _find_part(member: object, part: _Part) -> Any:
    if isinstance(member, _Flat):
        return member.record.get(part.column)
    found = nested.find(member, part.way)
    if found is not nested.ABSENT:
        return found
    nested.check_not_blocked(member, part.way)
    return None


class _Flat(Struct, frozen=True):
    """A record that is one item: its columns go by the names of ways, as in a flat file."""

    record: Record


class ItemList:
    """Items out of a list of a record.

    :param way: leads to the members of the list.
    :param parts: the fields of an item; of several for one field the first that has a value.
    :param defaults: field of an item to its value where a member has none.
    :ivar plain_column: the column that is the list itself; ``None`` where the way is longer.
    """

    def __init__(
        self, way: Sequence[nested.Step], *, parts: Sequence[_Part], defaults: Mapping[str, Any]
    ) -> None:
        self._way = way
        self._parts = parts
        self._insides = [part.way for part in parts]
        self._defaults = defaults
        head = way[0] if len(way) == 2 and way[1] == nested.EVERY else None
        self.plain_column = head if isinstance(head, str) else None

    def get(self, record: Record) -> Any:
        """The members of the list, ``None`` where there is no list."""
        if any(record.get(part.column) is not None for part in self._parts):
            return [_Flat(record)]
        return self._members(record, self._way)

    def _members(self, value: object, way: Sequence[nested.Step]) -> Any:
        """The members at the end of a way, through all lists on it; ``None`` where there is no list.

        :raises EventError: something is in the way.
        """
        end = way.index(nested.EVERY) + 1
        first, rest = way[:end], way[end:]
        found = nested.find(value, first)
        if found is nested.ABSENT:
            single = nested.find(value, first[:-1])
            if not any(nested.has(single, inside) for inside in ([rest] if rest else self._insides)):
                nested.check_not_blocked(value, first)
                return None
            found = [single]  # an object in place of a list of one, as programs that read XML give it
        if not rest:
            return found
        lists = [self._members(member, rest) for member in found]
        return list(chain.from_iterable(filter(None, lists)))

    def convert(self, raw: object) -> Any:
        """The typed items of the members; one of which nothing is left is no item."""
        items: list[dict[str, Any]] = []
        errors: list[EventError] = []
        for place, member in enumerate(raw if isinstance(raw, list) else ()):
            item, found = self.item_of(member)
            errors += [EventError(one.rule, remedy=one.remedy, path=f"[{place}]{one.path}") for one in found]
            items.append(item or {})
        try:
            contents = to_contents(items)
        except EventErrors as error:
            errors += error.errors
            contents = usable_part(error)
        if errors:
            raise EventErrors(errors=errors, usable=Usable(contents))
        return contents

    def columns(self, lists: Sequence[list[Any] | None]) -> dict[str, list[Any]] | None:
        """Field of an item to its raw values in all members, one after the other.

        :param lists: what each row has, ``None`` for no list.
        :returns: ``None`` where a member must be looked at alone.
        """
        members = list(chain.from_iterable(filter(None, lists)))
        if not members:
            return {}
        if {*map(type, members)} != {dict}:
            return None
        found: dict[str, list[Any]] = {}
        try:
            for part in self._parts:
                known = found.get(part.name)
                if known is None:
                    found[part.name] = part.values_of(members)
                elif None in known:
                    more = part.values_of(members)
                    found[part.name] = [b if a is None else a for a, b in zip(known, more, strict=True)]
        except Exception:  # the careful rules say what is wrong with it
            return None
        return found

    def plain(self, members: Sequence[object]) -> tuple[list[dict[str, Any]], bool]:
        """The raw values of the items, and whether something must be looked at one by one."""
        items, is_odd = [], False
        for member in members:
            item, errors = self.item_of(member)
            is_odd = is_odd or bool(errors)
            if item:
                items.append(item)
        return items, is_odd

    def item_of(self, member: object) -> tuple[dict[str, Any] | None, list[EventError]]:
        """The raw values of one item, and what is wrong with them; ``None`` for one to be left out."""
        item: dict[str, Any] = {}
        errors: list[EventError] = []
        refused: set[str] = set()
        for part in self._parts:
            if part.name in item or part.name in refused:
                continue
            try:
                found = _find_part(member, part)
                value = found if part.convert is None else part.convert(found)
            except Exception as error:
                errors += single_errors(error, path=f".{part.name}")
                refused.add(part.name)
                continue
            if value is LEFT_OUT:
                return None, []
            if value is not None and value != "":
                item[part.name] = value
        if item:
            item = {**{name: one for name, one in self._defaults.items() if name not in refused}, **item}
        return item, errors
