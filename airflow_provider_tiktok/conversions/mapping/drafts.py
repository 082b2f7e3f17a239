# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Drafts: what is known of an event while its rows are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_tiktok.conversions.errors import EventError
from airflow_provider_tiktok.conversions.events import ESSENTIAL, Content, Violation
from airflow_provider_tiktok.conversions.mapping.event_paths import (
    CONTENTS,
    FIELDS,
    MILEAGE,
    OBJECTS,
    PARTS,
    Field,
)
from airflow_provider_tiktok.conversions.values import single_errors, usable_part

_SECTIONS = ("event", *OBJECTS, *PARTS)
_NAMED_TWICE = "Keep one: two keys of this record give this field different values."
_OF_THE_RECORD = frozenset({"unknown_field", "rows_disagree"})
"""Faults of the record's form and not of one value: no field is left out for them."""
_CUSTOM_EVENT = "CustomEvent"
_NO_CUSTOM_NAME = "Name the custom event in customEventName."

_CONSENT = FIELDS["consent"]

Record = Mapping[str, Any]
"""One readable row: column name to value."""

Constant = tuple[Field, Any]
"""A field and the typed value that it has by default."""


class Draft:
    """One event in the making.

    :ivar record: the row that it was begun with, ``None`` where that cannot be read.
    :ivar values: section → field name → typed value.
    :ivar faulty: fields with a value that was refused, so that no default covers for it.
    """

    __slots__ = ("_named_twice", "faulty", "record", "row", "rows", "values", "violations")

    def __init__(self, row: int) -> None:
        self.row = row
        self.rows = 1
        self.record: Record | None = None
        self.values: dict[str, dict[str, Any]] = {section: {} for section in _SECTIONS}
        self.violations: list[Violation] = []
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
        if field is _CONSENT:
            self._take_for_no(error)
            return
        self.faulty.add(field)
        for one in single_errors(error, path=_first_item(field.path)):
            is_fatal = field.path in ESSENTIAL or one.rule in _OF_THE_RECORD
            self.violations.append(Violation(one.path, one.rule, one.remedy, is_fatal=is_fatal))

    def _take_for_no(self, error: Exception) -> None:
        """Counts consent that cannot be read for a no: it costs the event no more than a plain no does."""
        self.values["event"]["consent"] = False
        for one in single_errors(error, path=_CONSENT.path):
            self.violations.append(Violation(one.path, one.rule, one.remedy, is_fatal=False))

    def take(self, field: Field, raw: object) -> None:
        """Adds one value of a record."""
        try:
            value = field.convert(raw)
        except Exception as error:
            self.refuse_field(field, error)
            value = usable_part(error)
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
