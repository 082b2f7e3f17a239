# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Fitting: whether a source has the columns that the rules of a run ask for, before anything is sent.

A source that declares its columns must have each one. In records a key may be left out, so that one which
none of the first rows has is no fault by itself: it is where it must be a slip for a key that is there,
where nothing could ever be found at it, and where no event can do without it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from enum import Enum, auto
from functools import cached_property
from typing import Any, NamedTuple

from msgspec import Struct

from airflow_provider_tiktok.conversions.events import Row
from airflow_provider_tiktok.conversions.mapping import nested
from airflow_provider_tiktok.conversions.mapping.slips import is_slip
from airflow_provider_tiktok.conversions.values import closest_name, folded_name, plain_value

_TELLABLE = re.compile(r"(?!(?:\D*\d){5})[\w ][\w .,:;/()#&%$+?!'\[\]\-]{0,63}")
"""What a column's name looks like. With an ``@`` or five digits it may be somebody's address or number."""

_MOST_TOLD = 10
_LONG_ENOUGH = 6
_MOST_NAMES = 2000
_ROWS_LOOKED_INTO = 100
_IF_DATA = "If the first row is data already, state the names of the columns in csv_columns."


class Asked(NamedTuple):
    """A column that an argument names.

    :param path: of the field that is read from it; empty for a key, which no event can do without.
    """

    argument: str
    column: str
    path: str = ""


class Absence(Struct, frozen=True, kw_only=True):
    """A column of a field that none of the first rows has, and that later ones may have.

    :param path: of the field.
    :param is_whole: whether nothing else gives the field: no other column, and no default.
    :param told: what to say of it.
    """

    path: str
    is_whole: bool
    told: str


class Fit(NamedTuple):
    """What was found: what stops the run, and what may be absent."""

    problems: list[str]
    absences: list[Absence]


def looks_inside(asked: Iterable[Asked], *, columns: Collection[str]) -> bool:
    """Whether only rows can tell if these columns have all that is asked for."""
    return any(one.column not in columns and nested.leads_inside(one.column) for one in asked)


def fit(
    asked: Sequence[Asked],
    *,
    columns: Collection[str] | None,
    rows: Sequence[Row],
    default_paths: Collection[str],
) -> Fit | None:
    """What is wrong with the columns of a source; ``None`` where nothing is known of them.

    A table without columns and rows, as data frames are that were made of no records, is as good as no table.

    :param columns: all columns of a source that declares them.
    :param rows: its first rows. Unreadable ones say nothing.
    :param default_paths: fields that have a default.
    """
    survey = _Survey(asked, columns=columns, rows=rows)
    if not columns and not survey.n_records:
        return None
    problems: list[str] = []
    absent: list[Asked] = []
    present: set[str] = set(default_paths)
    for one in asked:
        state = survey.state_of(one.column)
        if state is _State.THERE:
            present.add(one.path)
        elif state is _State.MAY_COME and not survey.n_records:
            present.add(one.path)  # only rows could tell
        elif state is _State.MAY_COME and one.path and survey.slip_for(one.column) is None:
            absent.append(one)
        elif state is _State.NO_OBJECTS and survey.slip_for(one.column) is None:
            problems.append(_nothing_inside(one, hint=survey.hint(one)))
        else:
            problems.append(survey.missing(one))
    if problems and columns and not survey.is_real:
        problems.append(_no_header(len(columns)))
    absences = [
        Absence(path=one.path, is_whole=one.path not in present, told=survey.absent(one)) for one in absent
    ]
    return Fit(problems, absences)


def unread_columns(
    columns: Sequence[str], *, names: Collection[str], knows: Callable[[str], bool]
) -> list[str]:
    """What to say of declared columns that are no fields, where there is no mapping.

    :param names: what fields are called.
    """
    known = {folded_name(name) for name in names}
    unread = [(number, column) for number, column in enumerate(columns, 1) if not knows(column)]
    if not any(knows(column) or folded_name(column) in known for column in columns):
        none = "the only column is no" if len(columns) == 1 else f"none of the {_listed(len(columns))} is an"
        return [f"Give a mapping: {none} event field. {_IF_DATA}"] if columns else []
    told = [_unread_column(number, column, names=names) for number, column in unread[:_MOST_TOLD]]
    more = f" and {len(unread) - len(told)} more" if len(unread) > len(told) else ""
    return (
        [f"Give a mapping, or rename columns: no event fields are {', '.join(told)}{more}."] if told else []
    )


def _unread_column(number: int, column: str, *, names: Collection[str]) -> str:
    meant = closest_name(column, tuple(names))
    shown = repr(column) if _is_tellable(column) else f"number {number}"
    return f"{shown} (did you mean {meant!r}?)" if meant else shown


def _nothing_inside(one: Asked, *, hint: str) -> str:
    head = nested.heads_of(one.column)[0]
    what = "no list of objects with it" if nested.leads_into_list(one.column) else "no objects"
    return (
        f"Name a column that holds objects in {one.argument}, or {head!r} as a whole: nothing can be found "
        f"at {one.column!r}, since {head!r} holds {what} and no JSON of them{hint}. One item of a list goes "
        f"by its number, from 0, as in {head + '.0.sku'!r}, and all of them by brackets, as in "
        f"{head + '[].sku'!r}."
    )


class _State(Enum):
    """What the first rows say of a column."""

    THERE = auto()
    NOWHERE = auto()
    MAY_COME = auto()
    NO_OBJECTS = auto()


class _Survey:
    """What the columns and first rows of a source hold."""

    def __init__(
        self, asked: Iterable[Asked], *, columns: Collection[str] | None, rows: Sequence[Row]
    ) -> None:
        self._is_declared = columns is not None
        self._records = [record for record in map(_record_of, rows) if record is not None]
        keys: Iterable[object] = (key for record in self._records for key in record)
        self._columns = frozenset(
            key for key in (keys if columns is None else columns) if isinstance(key, str)
        )
        self._ways: dict[int, list[str]] = {}
        self._asked = [one.column for one in asked]
        self.is_real = columns is None or not self._asked or self._has_any_asked()

    @property
    def n_records(self) -> int:
        """Rows that can be read."""
        return len(self._records)

    def _has_any_asked(self) -> bool:
        """Whether a name that is asked for is a column, if mistyped: a first row that is data has none."""
        names = {name for column in self._asked for name in (*nested.heads_of(column), column)}
        known = sorted(self._columns)[:_MOST_NAMES]
        return any(
            name in self._columns or self._twins(name) or any(_is_one(name, one) for one in known)
            for name in names
        )

    def _twins(self, column: str) -> list[str]:
        """The columns that share this name in the source, as they are called apart."""
        return sorted(name for name in self._columns if name.startswith(f"{column} (column "))

    def state_of(self, column: str) -> _State:
        """Whether the column is there, can never be, or may come in a later row."""
        if column in self._columns:
            return _State.THERE
        heads = [head for head in nested.heads_of(column) if head in self._columns]
        if not heads:
            return _State.NOWHERE if self._is_declared else _State.MAY_COME
        way = nested.way_of(column)
        if column in self._found_inside:
            return _State.THERE
        told = [(record[head], head) for record in self._records for head in heads if head in record]
        told = [(value, head) for value, head in told if not _is_empty(value)]
        may_lead = any(nested.may_lead(value, way[head.count(".") + 1 :]) for value, head in told)
        return _State.NO_OBJECTS if told and not may_lead else _State.MAY_COME

    @cached_property
    def _found_inside(self) -> set[str]:
        """The ways that lead to something in some record, each of which is opened once for all of them."""
        open_ways = {column: nested.way_of(column) for column in self._asked if nested.leads_inside(column)}
        found: set[str] = set()
        for record in self._records:
            if not open_ways:
                break
            found.update(column for column, way in open_ways.items() if nested.has(record, way))
            open_ways = {column: way for column, way in open_ways.items() if column not in found}
        return found

    def slip_for(self, column: str) -> str | None:
        """A name that is there, is asked for by nothing else, and was mistyped as this column."""
        return next((name for name in self._names(column) if is_slip(column, of=name)), None)

    def missing(self, one: Asked) -> str:
        """What to say of a column that must be there and is not."""
        if twins := self._twins(one.column):
            shown = ", ".join(twins)
            return f"Say which column {one.argument} means: the source has several {one.column!r}: {shown}."
        return f"Check the column in {one.argument}: the source has no column {one.column!r}{self.hint(one)}."

    def absent(self, one: Asked) -> str:
        """What to say of a column that may come."""
        no_row = (
            "the first row has no"
            if self.n_records == 1
            else f"none of the first {self.n_records:,} rows has"
        )
        return f"Check the column in {one.argument}: {no_row} {one.column!r}{self.hint(one)}."

    def hint(self, one: Asked) -> str:
        """A name that may have been meant: for a key also one that is a field's, too."""
        if not self.is_real:
            return ""
        names = self._names(one.column)
        if not one.path:
            names = [*names, *sorted(filter(_is_tellable, self._columns.intersection(self._asked)))]
        slips = (name for name in names if is_slip(one.column, of=name))
        meant = next(slips, None) or closest_name(one.column, tuple(names))
        return f"; the closest is {meant!r}" if meant else ""

    def _names(self, column: str) -> list[str]:
        """Names that may have been meant."""
        depth = len(nested.way_of(column))
        if depth not in self._ways:
            inside = nested.ways_in(self._records[:_ROWS_LOOKED_INTO], depth=depth) if depth > 1 else []
            names = {*self._columns, *inside}.difference(self._asked)
            self._ways[depth] = sorted(filter(_is_tellable, names))[:_MOST_NAMES]
        return self._ways[depth]


def _record_of(row: object) -> dict[Any, Any] | None:
    """What a row holds; ``None`` for one that cannot be read."""
    try:
        return dict(row) if isinstance(row, Mapping) else None
    except Exception:  # told when the row is read
        return None


def _is_one(name: str, column: str) -> bool:
    """Whether a column is surely the one that is asked for; of few letters, a value may be as close."""
    if folded_name(name) == folded_name(column):
        return True
    return min(len(name), len(column)) >= _LONG_ENOUGH and is_slip(name, of=column)


def _is_empty(value: object) -> bool:
    try:
        value = plain_value(value)
    except Exception:  # told when its row is read
        return False
    if isinstance(value, str | bytes):
        return value.strip() in ("", "null", b"", b"null")
    is_nan = isinstance(value, float) and value != value
    return value is None or is_nan or (isinstance(value, list | tuple) and not value)


def _is_tellable(name: str) -> bool:
    return _TELLABLE.fullmatch(name) is not None


def _no_header(n_columns: int) -> str:
    """What to say of columns that share no name with what is asked for, and may be somebody's data."""
    if n_columns == 1:
        return f"The only column has no name that is asked for, so it is not shown. {_IF_DATA}"
    return f"None of the {_listed(n_columns)} has a name that is asked for, so none is shown. {_IF_DATA}"


def _listed(n_columns: int) -> str:
    more = f" and {n_columns - _MOST_TOLD} more" if n_columns > _MOST_TOLD else ""
    return f"columns {', '.join(map(str, range(1, min(n_columns, _MOST_TOLD) + 1)))}{more}"
