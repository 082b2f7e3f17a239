# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The rules of a run, checked and compiled once, and the events that they make of its rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import tzinfo
from functools import partial
from hashlib import sha256
from types import MappingProxyType
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from msgspec.structs import replace

from airflow_provider_tiktok.conversions.errors import ConfigurationError, EventError
from airflow_provider_tiktok.conversions.events import ConversionEvent, Row
from airflow_provider_tiktok.conversions.mapping.columns import (
    Columns,
    KeyColumns,
)
from airflow_provider_tiktok.conversions.mapping.derived import add_ttclid, event_id_of
from airflow_provider_tiktok.conversions.mapping.drafts import Constant, Draft
from airflow_provider_tiktok.conversions.mapping.event_paths import (
    CONTENTS,
    FIELDS,
    MILEAGE,
    PARTS,
    STRUCTS,
    VALUE,
    Field,
    meant_path,
    open_field_at,
)
from airflow_provider_tiktok.conversions.mapping.fitting import (
    Absence,
    Asked,
    fit,
    looks_inside,
    unread_columns,
)
from airflow_provider_tiktok.conversions.mapping.grouping import ClosedKeys, Grouping
from airflow_provider_tiktok.conversions.mapping.left_out import RowFilter
from airflow_provider_tiktok.conversions.mapping.line_items import settle_items
from airflow_provider_tiktok.conversions.mapping.mapped import Mapped, compile_mapping
from airflow_provider_tiktok.conversions.mapping.reading import (
    MappedReader,
    Reader,
    RecordReader,
    read_row,
)
from airflow_provider_tiktok.conversions.mapping.zip_codes import settle_zip_code
from airflow_provider_tiktok.conversions.values import (
    NullValues,
    closest_name,
    reason_of_nothing,
    single_errors,
    to_event_time,
)

_NEEDED = ("event", "event_time", "event_id")
"""What no event can do without, wherever it goes. An id that is mapped is one that others know: a digest in
its place would make every event a second one."""


class EventMapping:
    """Rows of one source as events, by rules that are checked and compiled once.

    Without ``mapping`` a record is read by the names of its keys: event paths (``user.email``), objects in
    the API's own nesting (``{"user": {"email": …}}``), and flat names in camel or snake case (``email``,
    ``ipAddress``, ``event_time``; flat names of an item, such as ``contentId`` and ``quantity``, make one
    item). A key that is none of these is a violation, since it is more often a misspelt field than one to
    be left out. Nothing is filled in that is not in ``defaults``.

    With ``mapping``, columns that it does not name are ignored.

    Unless it is mapped, an absent ``properties.value`` becomes the sum of price times quantity of the items,
    where all have a price; an absent quantity counts as 1, a line below zero is a discount and no item, and
    part of a unit is one unit at the price of the line. Without ``group_by`` a default comes before the sum.

    :param mapping: event path → the column that holds it, or a reader (see ``readers``). With several
        columns, ``user.email``, ``user.phone``, ``user.external_id`` and lists such as
        ``properties.content_ids`` take the values of all; any other path takes the first that has one.
        ``properties.<any name>`` is allowed; ``properties.contents[].price`` and its like make one item of
        a row, or the items of a list, such as ``line_items[].price``. A column name with points or brackets
        also finds its way into nested values.
    :param defaults: event path → constant, for events whose rows have no value there; never in place of a
        value that was refused.
    :param group_by: columns whose values, as text, tell which consecutive rows are one event. **The source
        must be ordered by them**: an event whose key was that of an earlier one, of the latest 100,000, is
        refused. The items of all rows become ``properties.contents``; lists are collected. Rows that
        disagree in ``event``, ``event_id``, ``properties.order_id``, ``.currency``, ``.value`` or
        ``lead.lead_id`` refuse the event; of other fields the first row with a value wins, except that one
        row without consent, or with limited data use, speaks for all. A row without a key is an event of its
        own, with a violation. An unreadable row may belong to the rows before it as well as to those after
        it, so neither event can be sent.
    :param event_id_from: columns from whose values ``event_id`` is made (see ``event_id_of``), for events
        that bring none; of a group its first readable row is asked.
    :param timezone: where times that carry no zone were read off the clock: a name such as
        ``Europe/Berlin``, or a ``tzinfo``.
    :param null_values: texts that stand for no value in any field, beside those that do so anyway, such as
        ``NULL``, ``N/A`` and ``(not set)``.
    :param keep_rows: column → values; rows with another value in any of these columns are left out, and
        ``drop_rows`` those with one of the values. Rows of a group that are left out count in it and add
        nothing.
    :param ttclid_from_url: whether an absent ``user.ttclid`` is looked up in the query of ``page.url``.
    :param max_group_rows: rows that one event may have; a larger group is refused without being collected.
    :raises ConfigurationError: for any argument that cannot be right, before the first row is read.
    """

    def __init__(
        self,
        mapping: Mapping[str, Any] | None = None,
        *,
        defaults: Mapping[str, Any] | None = None,
        group_by: Columns | None = None,
        event_id_from: Columns | None = None,
        timezone: str | tzinfo | None = None,
        null_values: Sequence[str] = (),
        keep_rows: Mapping[str, Any] | None = None,
        drop_rows: Mapping[str, Any] | None = None,
        ttclid_from_url: bool = False,
        max_group_rows: int = 10_000,
    ) -> None:
        self._zone = zone = _zone(timezone)
        self._nulls = NullValues(null_values)
        event_time = replace(FIELDS["event_time"], convert=partial(to_event_time, zone=zone))
        fields = {**FIELDS, "event_time": event_time}
        constants = _compile_defaults(defaults, fields=fields)
        item_defaults = self.item_defaults = [one for one in constants if one[0].section == "item"]
        self._mapped = compile_mapping(
            dict(_pairs(mapping, argument="mapping")),
            field_at=partial(_field_at, fields=fields, argument="mapping"),
            item_defaults=item_defaults,
        )
        self._rows = RowFilter(keep=keep_rows, drop=drop_rows, nulls=self._nulls)
        self._group_by = KeyColumns(group_by, argument="group_by", path="", rule="missing_group_key")
        self._id_columns = KeyColumns(
            event_id_from, argument="event_id_from", path="event_id", rule="missing"
        )
        self._defaults = [one for one in constants if one[0].section != "item"]
        self._paths = {one.field.path for one in self._mapped}
        self._default_paths = {field.path for field, _ in constants}
        has_value = VALUE in self._paths or (VALUE in self._default_paths and not self._group_by.names)
        self._is_summed = not has_value
        self._ttclid_from_url = ttclid_from_url
        self._max_group_rows = max_group_rows
        self._check_conflicts({*(mapping or {}), *self._default_paths})

        self._records = RecordReader(
            fields,
            item_defaults=item_defaults,
            ignored=(*self._group_by.names, *self._id_columns.names, *self._rows.columns),
        )
        mapped = MappedReader(self._mapped, item_defaults=item_defaults)
        self._reader: Reader = mapped if self._mapped else self._records
        self._text = (
            f"EventMapping({_told(mapping)}, "
            f"defaults={_digest(constants)}, group_by={self._group_by.names}, "
            f"event_id_from={self._id_columns.names}, timezone={zone}, null_values={self._nulls}, "
            f"{self._rows}, "
            f"ttclid_from_url={ttclid_from_url}, max_group_rows={max_group_rows})"
        )

    def __repr__(self) -> str:
        """The rules, in the same words in every process; of constants, which may be personal, a digest."""
        return self._text

    def _check_conflicts(self, paths: Collection[str]) -> None:
        for whole, part in ((CONTENTS, "[]."), (MILEAGE, ".")):
            if whole in paths and any(path.startswith(whole + part) for path in paths):
                raise ConfigurationError(f"Map {whole!r} as a whole or in parts, not both.")
        if self._id_columns.names and "event_id" in paths:
            raise ConfigurationError("Give event_id_from or map event_id, not both.")
        if self._max_group_rows < 1:
            raise ConfigurationError("Set max_group_rows to at least 1.")

    def _unmapped_paths(self) -> list[str]:
        """What no event can do without, where the rules leave it out."""
        if not self._mapped:
            return []
        return [
            f"Name the column of {path!r} in mapping, or give it in defaults; no event is sent without it."
            for path in ("event", "event_time")
            if path not in self._paths | self._default_paths
        ]

    # ------------------------------------------------------------------------------ before a run

    def looks_inside(self, columns: Collection[str]) -> bool:
        """Whether only rows can tell if a source of these columns has all that the rules ask for."""
        return looks_inside(self._asked_columns(), columns=columns)

    def check_source(self, columns: Collection[str] | None, rows: Sequence[Row] = ()) -> list[Absence]:
        """Passes if a source has what the rules ask for and, without ``mapping``, no other column.

        :param columns: all columns of a source that declares them, each of which must be there; ``None``
            where each row has its own.
        :param rows: its first rows, up to 1,000. Unreadable ones say nothing.
        :returns: mapped columns that none of these rows has, but that later ones may have.
        :raises ConfigurationError: naming the argument, the column, and the closest column there is.
        """
        asked = list(self._asked_columns())
        found = fit(asked, columns=columns, rows=rows, default_paths=self._default_paths)
        if found is None:
            return []
        needed = [one for one in found.absences if one.is_whole and one.path in _NEEDED]
        problems = [*found.problems, *(f"{one.told} No event is sent without it." for one in needed)]
        problems += self._unmapped_paths()
        if columns is not None and not self._mapped:
            names, knows = tuple(self._records.keys), self._records.knows
            problems += unread_columns(list(columns), names=names, knows=knows)
        if problems:
            raise ConfigurationError(" ".join(problems))
        return found.absences

    def _asked_columns(self) -> Iterator[Asked]:
        """Every column that is asked for, after the argument that does."""
        for one in self._mapped:
            path = one.field.path
            yield from (Asked(f"mapping[{path!r}]", column, path) for column in one.columns)
        for test in self._rows.keep:
            yield Asked("keep_rows", test.column_name)
        for test in self._rows.drop:
            yield Asked("drop_rows", test.column_name, "drop_rows")
        for key in (self._group_by, self._id_columns):
            yield from (Asked(key.argument, column) for column in key.names)

    # ---------------------------------------------------------------------------------- the run

    def events(
        self, rows: Iterable[Row], *, first_row: int = 1, closed: ClosedKeys | None = None
    ) -> Iterator[ConversionEvent]:
        """One event for each row, or for each run of rows with the same key, in the rows' order.

        No row raises and none is left out: the ``rows`` of all events add up to the rows that were read.

        :param rows: taken one by one, never ahead of the event that is being made.
        :param first_row: the number of the first of these rows.
        :param closed: keys of events before these rows.
        """
        drafts = (
            self._grouped(rows, first_row, closed) if self._group_by.names else self._single(rows, first_row)
        )
        return map(self._finish, drafts)

    def _single(self, rows: Iterable[Row], first_row: int) -> Iterator[Draft]:
        for draft in self._read(rows, first_row):
            if draft.left_out is None:
                self._identify(draft)
            yield draft

    def _grouped(self, rows: Iterable[Row], first_row: int, closed: ClosedKeys | None) -> Iterator[Draft]:
        grouping = Grouping(
            self._group_by, identify=self._identify, max_rows=self._max_group_rows, closed=closed
        )
        return grouping.join(self._read(rows, first_row))

    def _read(self, rows: Iterable[Row], first_row: int) -> Iterator[Draft]:
        for number, row in enumerate(rows, first_row):
            yield read_row(row, number=number, reader=self._reader, nulls=self._nulls, rows=self._rows)

    def _identify(self, draft: Draft) -> None:
        """Makes the event's id from the row's columns, if it brings none."""
        own = draft.values["event"]
        if not self._id_columns.names or draft.record is None or "event_id" in own:
            return
        if FIELDS["event_id"] not in draft.faulty:
            texts = self._id_columns.read(draft.record, draft)
            if texts is not None:
                own["event_id"] = event_id_of(texts)

    def _finish(self, draft: Draft) -> ConversionEvent:
        if draft.left_out is not None:
            return ConversionEvent(row=draft.row, rows=draft.rows, left_out=draft.left_out)
        values = draft.values
        if self._ttclid_from_url and values["page"]:
            add_ttclid(draft)
        if values["properties"] or draft.faulty:
            settle_items(draft, is_summed=self._is_summed, is_grouped=bool(self._group_by.names))
        draft.fill(self._defaults)
        if "zip_code" in values["user"]:
            settle_zip_code(draft)
        return _event_of(draft)

    # ---------------------------------------------------------------------------- for whole columns

    @property
    def mapped(self) -> Sequence[Mapped]:
        """The fields that columns are named for; none where records are read by their keys."""
        return self._mapped

    @property
    def rows(self) -> RowFilter:
        """Which rows are left out."""
        return self._rows

    @property
    def records(self) -> RecordReader:
        """How records are read by the names of their keys."""
        return self._records

    @property
    def defaults(self) -> Sequence[Constant]:
        """What events have by default, but for their items."""
        return self._defaults

    @property
    def group_by(self) -> KeyColumns:
        """The columns that tell which consecutive rows are one event, none for an event a row."""
        return self._group_by

    @property
    def id_columns(self) -> KeyColumns:
        """The columns that make the id of an event that brings none."""
        return self._id_columns

    @property
    def sums_items(self) -> bool:
        """Whether an absent value becomes the sum of the items."""
        return self._is_summed

    @property
    def ttclid_from_url(self) -> bool:
        """Whether an absent click id is looked up in the address of the page."""
        return self._ttclid_from_url

    @property
    def max_group_rows(self) -> int:
        """Rows that one event may have."""
        return self._max_group_rows

    @property
    def zone(self) -> tzinfo | None:
        """Where times that carry no zone were read off the clock."""
        return self._zone

    @property
    def nulls(self) -> NullValues:
        """Texts that the run names as standing for no value."""
        return self._nulls

    def default_of(self, path: str) -> Any:
        """What events have by default at a path, ``None`` for nothing."""
        return next((value for field, value in self._defaults if field.path == path), None)

    def alone(
        self, field: Field, raw: object, *, beside: Mapping[Field, object] = MappingProxyType({})
    ) -> Alone:
        """An event of one raw value; violations as in a whole one.

        :param beside: raw values of other fields that the field's rule asks for, with their defaults.
        """
        draft = Draft(1, nulls=self._nulls)
        draft.take(field, raw)
        has_value = bool(draft.values[field.section])
        for other, value in beside.items():
            if value is not None:
                draft.take(other, value)
        if beside:
            draft.fill([one for one in self._defaults if one[0] in beside])
        if field.section in PARTS:
            draft.settle_parts(item_defaults=())
        n_of_row = len(draft.violations)
        if "zip_code" in draft.values["user"]:
            settle_zip_code(draft)
        return Alone(_event_of(draft), has_value, n_of_row)


class Alone(NamedTuple):
    """An event of one raw value.

    :param has_value: whether it has a value in the end.
    :param n_of_row: how many of its violations are told of a row, and not of the whole event.
    """

    event: ConversionEvent
    has_value: bool
    n_of_row: int

    def __repr__(self) -> str:
        return "Alone(hidden)"


def constant_alone(field: Field, value: Any) -> ConversionEvent:
    """An event of one typed value."""
    draft = Draft(1)
    draft.put(field, value)
    if field.section in PARTS:
        draft.settle_parts(item_defaults=())
    return _event_of(draft)


def _event_of(draft: Draft) -> ConversionEvent:
    values = draft.values
    groups: dict[str, Any] = {
        section: kind(**values[section]) for section, kind in STRUCTS.items() if values[section]
    }
    return ConversionEvent(
        row=draft.row,
        rows=draft.rows,
        properties=values["properties"],
        violations=tuple(draft.violations),
        dropped=tuple(draft.dropped),
        **values["event"],
        **groups,
    )


# ------------------------------------------------------------------------------------- arguments


def _told(mapping: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """What a mapping says, the same in every process; of readers, which may be personal, a digest."""
    return sorted((path, _plain(declared)) for path, declared in (mapping or {}).items())


def _plain(declared: object) -> str:
    if isinstance(declared, Mapping):
        told = sorted(f"{key!r}: {_plain(one)}" for key, one in declared.items())
        return sha256(repr(told).encode()).hexdigest()[:16]
    if isinstance(declared, list | tuple):
        return f"[{', '.join(map(_plain, declared))}]"
    return repr(declared)


def _compile_defaults(defaults: Mapping[str, Any] | None, *, fields: Mapping[str, Field]) -> list[Constant]:
    compiled = []
    for path, constant in _pairs(defaults, argument="defaults"):
        if path == "event_id":
            raise ConfigurationError(
                "Leave event_id out of defaults: one id for all would make every event a repeat."
            )
        field = _field_at(path, fields=fields, argument="defaults")
        compiled.append((field, _constant(field, constant)))
    return compiled


def _pairs(given: object, *, argument: str) -> Iterable[tuple[str, Any]]:
    if given is None:
        return ()
    if isinstance(given, Mapping) and all(isinstance(path, str) for path in given):
        return given.items()
    raise ConfigurationError(f"Give a mapping whose keys are event paths as {argument}.")


def _field_at(path: str, *, fields: Mapping[str, Field], argument: str) -> Field:
    field = fields.get(path) or open_field_at(path)
    if field is None:
        raise ConfigurationError(
            f"Change the path in {argument}: {path!r} is not an event path{meant_path(path)}"
        )
    return field


def _constant(field: Field, constant: object) -> Any:
    """The typed value of a default; the error of one that will not do does not show it."""
    try:
        value = field.convert(constant)
        problems = [] if value is not None else [EventError("missing", remedy="Give a value.")]
        if field.nulls and isinstance(value, str) and field.nulls.holds(value):
            problems = [_nothing(value)]
    except Exception as error:
        value, problems = None, single_errors(error, path="")
    if problems:
        told = " ".join(one.remedy for one in problems)
        rules = ", ".join(f"{one.path} {one.rule}".strip() for one in problems)
        raise ConfigurationError(f"{told} Found in defaults[{field.path!r}] ({rules}).")
    return value


def _nothing(value: str) -> EventError:
    reason, remedy = reason_of_nothing(value)
    return EventError(reason, remedy=remedy)


def _zone(timezone: str | tzinfo | None) -> tzinfo | None:
    if timezone is None or isinstance(timezone, tzinfo):
        return timezone
    try:
        return ZoneInfo(timezone)
    except (KeyError, ValueError, TypeError, OSError):
        pass  # an unknown name, no name at all, or the name of a folder of zones
    meant = closest_name(str(timezone), tuple(sorted(available_timezones())))
    hint = f"; did you mean {meant!r}?" if meant else "."
    raise ConfigurationError(f"Change timezone: {timezone!r} is not a known time zone{hint}")


def _digest(constants: Sequence[Constant]) -> str:
    """What tells these constants from others without showing them."""
    told = sorted((field.path, repr(value)) for field, value in constants)
    return sha256(repr(told).encode()).hexdigest()[:16]
