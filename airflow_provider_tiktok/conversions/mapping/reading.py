# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Reading: one row's values into its draft, by column names or by the shape of the record."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from airflow_provider_tiktok.conversions.errors import EventError
from airflow_provider_tiktok.conversions.events import Row, UnreadableRow
from airflow_provider_tiktok.conversions.mapping.drafts import Constant, Draft, Record, RowLeftOut
from airflow_provider_tiktok.conversions.mapping.event_paths import (
    EVENT_NAMES,
    FLAT_PATHS,
    MEMBERS,
    OBJECTS,
    Field,
    open_field,
    open_field_at,
)
from airflow_provider_tiktok.conversions.mapping.left_out import RowFilter
from airflow_provider_tiktok.conversions.mapping.mapped import Mapped
from airflow_provider_tiktok.conversions.values import (
    EventErrors,
    NullValues,
    as_object,
    is_unicode,
    refusal,
    shown_name,
    unknown_field,
    usable_part,
)


class Reader(Protocol):
    """What fills a draft from a record."""

    def fill(self, draft: Draft, record: Record) -> None:
        """Adds the record's values to the draft, and what was found wrong."""


def read_row(row: Row, *, number: int, reader: Reader, nulls: NullValues, rows: RowFilter) -> Draft:
    """The draft of one row, whatever the row holds; its violations in an order that is not the record's.

    :param rows: which rows are left out.
    """
    draft = Draft(number, nulls=nulls)
    try:
        draft.record = _record_of(row)
        rows.check(draft.record)
        reader.fill(draft, draft.record)
    except RowLeftOut as error:
        empty = Draft(number, nulls=nulls)
        empty.record, empty.left_out = draft.record, error.reason
        return empty
    except Exception as error:
        draft.refuse("", error)
    if draft.violations:
        draft.violations.sort(key=lambda one: (one.path, one.rule, one.remedy))
    if draft.dropped:
        draft.dropped.sort(key=lambda one: one.path)
    return draft


def _record_of(row: object) -> Record:
    if type(row) is dict or isinstance(row, Mapping):
        return row
    if isinstance(row, UnreadableRow):
        raise EventError(row.rule, remedy=row.remedy)
    raise refusal("not_an_object")


class MappedReader:
    """Reads the columns that ``mapping`` names, and no others.

    The loop is what a run of millions of rows spends its time in: all that can be looked up beforehand is.
    """

    def __init__(self, mapping: Sequence[Mapped], *, item_defaults: Sequence[Constant]) -> None:
        self._plan = [(one.field, one.field.section, one.field.name, one) for one in mapping]
        self._item_defaults = item_defaults

    def fill(self, draft: Draft, record: Record) -> None:
        """Adds the values of the mapped columns."""
        sections = draft.values
        for field, section, name, mapped in self._plan:
            for source in mapped.sources:
                try:
                    raw = source.get(record)
                except EventErrors as error:  # of some members of a list
                    draft.refuse_field(field, error)
                    raw = usable_part(error)
                except Exception as error:
                    draft.refuse_field(field, error)
                    if mapped.is_collected:
                        continue
                    break
                try:
                    value = draft.read(field, raw, source.reader)
                except RowLeftOut:
                    raise
                except Exception as error:
                    draft.refuse_field(field, error)
                    value = draft.read_part(field, error)
                    if value is None and not mapped.is_collected:
                        break
                if value is None:
                    continue
                if not mapped.is_collected:
                    sections[section][name] = value
                    break
                sections[section][name] = sections[section].get(name, ()) + value
        if sections["item"] or sections["mileage"] or draft.faulty:
            draft.settle_parts(item_defaults=self._item_defaults)


class RecordReader:
    """Reads records by the names of their keys: event paths, the API's own nesting, or flat names.

    :param fields: documented fields by path.
    :param ignored: columns that are no fields and have another use.
    """

    def __init__(
        self,
        fields: Mapping[str, Field],
        *,
        item_defaults: Sequence[Constant],
        ignored: Collection[str],
    ) -> None:
        flat = {name: fields[path] for name, path in FLAT_PATHS.items()}
        self.keys: Mapping[str, Field] = {**flat, **fields, **EVENT_NAMES}
        self._item_defaults = item_defaults
        self.ignored = frozenset(ignored)

    def knows(self, key: object) -> bool:
        """Whether a key of a record has a meaning."""
        is_known = key in self.keys or key in OBJECTS or key in self.ignored
        return is_known or open_field_at(key) is not None

    def fill(self, draft: Draft, record: Record) -> None:
        """Adds the values of all keys; a key without a meaning is a violation."""
        for key, raw in record.items():
            field = self.keys.get(key) or open_field_at(key)
            if field is not None:
                draft.take(field, raw)
            elif key in OBJECTS:
                _take_object(key, raw, draft)
            elif key not in self.ignored:
                draft.refuse(shown_name(key), unknown_field(key, known=self.keys))
        draft.settle_event_name()
        draft.settle_parts(item_defaults=self._item_defaults)
        draft.drop_named_twice()


def _take_object(section: str, raw: object, draft: Draft) -> None:
    try:
        record = as_object(raw)
    except EventError as error:
        draft.refuse(section, error)
        return
    for key, value in record.items():
        field = _member(section, key)
        if field is None:
            draft.refuse(f"{section}.{shown_name(key)}", unknown_field(key, known=MEMBERS[section]))
        else:
            draft.take(field, value)


def _member(section: str, key: object) -> Field | None:
    """The field of a group that goes by this key; ``properties`` is open to any name."""
    if not isinstance(key, str):
        return None
    field = MEMBERS[section].get(key)
    if field is None and section == "properties" and key.strip() and is_unicode(key):
        return open_field(key)
    return field
