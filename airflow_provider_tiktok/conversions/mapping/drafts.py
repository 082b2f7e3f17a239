# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Drafts: what is known of an event while its rows are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from msgspec.structs import replace

from airflow_provider_tiktok.conversions.errors import EventError
from airflow_provider_tiktok.conversions.events import ESSENTIAL, Content, Drop, Violation
from airflow_provider_tiktok.conversions.mapping.event_paths import (
    CONTENT_ID,
    CONTENTS,
    FIELDS,
    MILEAGE,
    OBJECTS,
    PARTS,
    Field,
)
from airflow_provider_tiktok.conversions.readers import LEFT_OUT, Reader
from airflow_provider_tiktok.conversions.values import (
    IDS,
    NullValues,
    reason_of_nothing,
    single_errors,
    usable_part,
)

_SECTIONS = ("event", *OBJECTS, *PARTS)
_NAMED_TWICE = "Keep one: two keys of this record give this field different values."
_OF_THE_RECORD = frozenset({"unknown_field", "rows_disagree"})
"""Faults of the record's form and not of one value: no field is left out for them."""
_CUSTOM_EVENT = "CustomEvent"
_NO_CUSTOM_NAME = "Name the custom event in customEventName."
_NONE_NAMED = NullValues()

_CAREFUL: Mapping[str, bool] = {"consent": False, "limited_data_use": True}
"""A person's wishes that cannot be read: no consent, and limited use of the data."""

Record = Mapping[str, Any]
"""One readable row: column name to value."""

Constant = tuple[Field, Any]
"""A field and the typed value that it has by default."""


class RowLeftOut(Exception):
    """The run leaves this row out.

    :param reason: short stable name, as in a receipt.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Draft:
    """One event in the making.

    :param nulls: texts that the run names as standing for no value.
    :ivar record: the row that it was begun with, ``None`` where that cannot be read.
    :ivar left_out: why the run leaves its row out, ``None`` where it does not. Then it has no values.
    :ivar values: section → field name → typed value.
    :ivar faulty: fields with a value that was refused, so that no default covers for it.
    """

    __slots__ = (
        "_named_twice",
        "dropped",
        "faulty",
        "left_out",
        "nulls",
        "record",
        "row",
        "rows",
        "values",
        "violations",
    )

    def __init__(self, row: int, *, nulls: NullValues = _NONE_NAMED) -> None:
        self.row = row
        self.rows = 1
        self.record: Record | None = None
        self.left_out: str | None = None
        self.values: dict[str, dict[str, Any]] = {section: {} for section in _SECTIONS}
        self.violations: list[Violation] = []
        self.dropped: list[Drop] = []
        self.nulls = nulls
        self.faulty: set[Field] = set()
        self._named_twice: set[Field] = set()

    def refuse(self, path: str, error: Exception) -> None:
        """Takes down every fault behind an error."""
        errors = single_errors(error, path=path)
        self.violations += [Violation(one.path, one.rule, one.remedy) for one in errors]

    def refuse_field(self, field: Field, error: Exception) -> None:
        """Takes down every fault behind an error that a field's value met.

        An event goes without the value, unless the field is essential or a key of the record has no meaning.
        """
        if field.path in _CAREFUL:
            self._take_carefully(field, error)
            return
        self.faulty.add(field)
        for one in single_errors(error, path=_first_item(field.path)):
            is_fatal = field.path in ESSENTIAL or one.rule in _OF_THE_RECORD
            self.violations.append(Violation(one.path, one.rule, one.remedy, is_fatal=is_fatal))

    def _take_carefully(self, field: Field, error: Exception) -> None:
        """Takes a wish that cannot be read for the stricter one; it costs the event no more than that."""
        self.values[field.section][field.name] = _CAREFUL[field.path]
        for one in single_errors(error, path=field.path):
            self.violations.append(Violation(one.path, one.rule, one.remedy, is_fatal=False))

    def leave_out(self, path: str, raw: object) -> None:
        """Takes down a text that stands for no value."""
        self.dropped.append(Drop(path, *reason_of_nothing(raw)))

    def read(self, field: Field, raw: object, reader: Reader | None = None) -> Any:
        """The typed value without null markers, which are taken down; ``None`` for no value.

        :param reader: what the mapping says of the column.
        :raises RowLeftOut: the reader says so.
        """
        if self._is_null(field, raw) and not (reader and (reader.answers_nothing or reader.lists(raw))):
            return self.leave_out(field.path, raw)
        try:
            given = raw if reader is None or reader.convert is None else reader.convert(raw)
            if given is LEFT_OUT:
                raise RowLeftOut("skipped_value")
            value = field.convert(given)
        except EventError:
            if (field.is_figure or reader) and isinstance(raw, str) and IDS.holds(raw):
                return self.leave_out(field.path, raw)
            raise
        if isinstance(given, str) and isinstance(value, str) and given is raw:
            return value
        return self._without_nulls(field, value)

    def read_part(self, field: Field, error: Exception) -> Any:
        """What could be read of a value that met this error, without null markers; ``None`` for nothing."""
        return self._without_nulls(field, usable_part(error))

    def _without_nulls(self, field: Field, value: Any) -> Any:
        if value is None or not (field.nulls or self.nulls):
            return value
        if isinstance(value, tuple):
            return tuple(one for one in map(partial(self._real, field), value) if one is not None) or None
        return self._real(field, value)

    def _real(self, field: Field, value: Any) -> Any:
        """One value, or one item without an id that is a null marker; ``None`` for a null marker."""
        if isinstance(value, Content):
            if value.content_id is None or self._real(FIELDS[CONTENT_ID], value.content_id) is not None:
                return value
            return replace(value, content_id=None)
        return self.leave_out(field.path, value) if self._is_null(field, value) else value

    def _is_null(self, field: Field, raw: object) -> bool:
        if self.nulls and self.nulls.holds(raw):
            return True
        return field.nulls is not None and isinstance(raw, str) and field.nulls.holds(raw)

    def take(self, field: Field, raw: object) -> None:
        """Adds one value of a record."""
        try:
            value = self.read(field, raw)
        except Exception as error:
            self.refuse_field(field, error)
            value = self.read_part(field, error)
        if value is not None:
            self.put(field, value)

    def put(self, field: Field, value: object) -> None:
        """Adds one typed value; a second one that differs is refused, once however often it comes.

        A field may go by two names, but which of two values is meant nobody can say.
        """
        if self.values[field.section].setdefault(field.name, value) == value:
            return
        if field not in self._named_twice:
            self._named_twice.add(field)
            self.faulty.add(field)
            self.refuse(_first_item(field.path), EventError("named_twice", remedy=_NAMED_TWICE))

    def drop_named_twice(self) -> None:
        """Leaves out the fields with two values, of which one would depend on their order."""
        for field in self._named_twice:
            self.values[field.section].pop(field.name, None)

    def settle_event_name(self) -> None:
        """Puts the name of a flat record in its place; it may say ``CustomEvent`` and name it elsewhere."""
        own = self.values["event"]
        name, custom_name = own.pop("event_name", None), own.pop("custom_event_name", None)
        if name == _CUSTOM_EVENT:
            name = custom_name
            if name is None:
                self.refuse_field(FIELDS["event"], EventError("missing", remedy=_NO_CUSTOM_NAME))
        if name is not None:
            self.put(FIELDS["event"], name)

    def settle_parts(self, *, item_defaults: Sequence[Constant]) -> None:
        """Makes one item, and one mileage, of the parts that stood in columns of their own.

        An item of which a part was refused is kept, so that items and rows go on having the same numbers.
        """
        item, mileage = self.values["item"], self.values["mileage"]
        if item or any(field.section == "item" for field in self.faulty):
            self.fill(item_defaults)
            self.put(FIELDS[CONTENTS], (Content(**item),))
        if mileage:
            self.put(FIELDS[MILEAGE], mileage)

    def fill(self, constants: Sequence[Constant]) -> None:
        """Gives absent fields their default values; a value that was refused is not absent."""
        for field, value in constants:
            if not self.faulty or field not in self.faulty:
                self.values[field.section].setdefault(field.name, value)


def _first_item(path: str) -> str:
    """The path with its item counted: parts in columns of their own make a row's first and only item."""
    return path.replace("[]", "[0]")
