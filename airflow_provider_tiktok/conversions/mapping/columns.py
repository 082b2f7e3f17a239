# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Columns: how a row is asked for one, and what is said where there is none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from operator import methodcaller
from typing import Any

from airflow_provider_tiktok.conversions.errors import ConfigurationError, EventError
from airflow_provider_tiktok.conversions.events import Row
from airflow_provider_tiktok.conversions.mapping.drafts import Draft, Record
from airflow_provider_tiktok.conversions.values import closest_name, shown_name, to_text

Columns = str | Sequence[str]
"""One column name, or several in the order in which they are asked."""

Getter = Callable[[Record], Any]


def column_names(columns: object, *, argument: str) -> tuple[str, ...]:
    """The column names of an argument that takes one, several or none."""
    names = (columns,) if isinstance(columns, str) else () if columns is None else columns
    if isinstance(names, Sequence) and all(isinstance(one, str) and one.strip() for one in names):
        return tuple(names)
    raise ConfigurationError(f"{argument}: give a column name or a list of column names.")


def getter(column: str) -> Getter:
    """What reads a column from a row; ``customer.email`` also finds ``{"customer": {"email": …}}``."""
    if "." not in column:
        return methodcaller("get", column)
    parts = column.split(".")

    def get(row: Record) -> Any:
        raw = row.get(column)
        return raw if raw is not None else _walk(row, parts)[1]

    return get


def _walk(row: object, parts: Sequence[str]) -> tuple[bool, Any]:
    """Whether nested objects hold a value at the end of a way, and the value."""
    for part in parts:
        if not isinstance(row, Mapping) or part not in row:
            return False, None
        row = row[part]
    return True, row


def has_column(row: Row, column: str) -> bool:
    """Whether a row has the column, be it empty."""
    return isinstance(row, Mapping) and (column in row or _walk(row, column.split("."))[0])


def may_have_column(columns: Collection[str], column: str) -> bool:
    """Whether rows of these columns can have this one; what is inside an object shows only in a row."""
    head, point, _ = column.partition(".")
    return column in columns or (bool(point) and head in columns)


def missing_column(argument: str, column: str, columns: Collection[str]) -> str:
    """What to say of a column that an argument asks for and the source has not."""
    meant = closest_name(column, tuple(one for one in columns if shown_name(one) == one))
    hint = f"; the closest is {meant!r}" if meant else ""
    return f"{argument}: the source has no column {column!r}{hint}."


class KeyColumns:
    """Columns whose texts together are a key, so that all of them must have one.

    :param argument: the argument that names the columns.
    :param path: event path of the violation where one is empty, and ``rule`` its rule.
    """

    def __init__(self, columns: Columns | None, *, argument: str, path: str, rule: str) -> None:
        self.argument = argument
        self.names = column_names(columns, argument=argument)
        self._getters = [(name, getter(name)) for name in self.names]
        self._path = path
        self._rule = rule

    def read(self, row: Record, draft: Draft) -> tuple[str, ...] | None:
        """The key; ``None``, and violations in the draft, where it is not whole."""
        texts = []
        for name, get in self._getters:
            try:
                text = to_text(get(row))
                if text is None:
                    remedy = f"{self.argument} needs a value in column {name!r} of every row."
                    raise EventError(self._rule, remedy=remedy)
                texts.append(text)
            except Exception as error:
                draft.refuse(self._path, error)
        return tuple(texts) if len(texts) == len(self.names) else None
