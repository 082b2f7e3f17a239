# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Columns: how a row is asked for one, or for several that are a key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import methodcaller
from typing import Any

from airflow_provider_tiktok.conversions.errors import ConfigurationError, EventError
from airflow_provider_tiktok.conversions.mapping import nested
from airflow_provider_tiktok.conversions.mapping.drafts import Draft, Record
from airflow_provider_tiktok.conversions.values import (
    COUNTRIES,
    IDS,
    EventErrors,
    NullValues,
    Usable,
    to_id,
)

Columns = str | Sequence[str]
"""One column name, or several in the order in which they are asked."""

Getter = Callable[[Record], Any]


def column_names(columns: object, *, argument: str) -> tuple[str, ...]:
    """The column names of an argument that takes one, several or none."""
    names = (columns,) if isinstance(columns, str) else () if columns is None else columns
    if isinstance(names, Sequence) and all(isinstance(one, str) and one.strip() for one in names):
        return tuple(names)
    raise ConfigurationError(f"Give a column name or a list of column names as {argument}.")


def check_single(column: str, *, argument: str) -> None:
    """Passes if a column has one value in a row.

    :raises ConfigurationError: it is a way to every member of a list.
    """
    if nested.is_list_way(column):
        raise ConfigurationError(
            f"Name a column with one value in {argument}, such as {column.replace(nested.EVERY, '.0')!r}: "
            f"{column!r} is several."
        )


def getter(column: str) -> Getter:
    """What reads a column from a row; ``customer.email`` finds its way into ``customer`` (see ``nested``)."""
    way = nested.way_of(column)
    if len(way) == 1:
        return methodcaller("get", column)
    is_list = nested.is_list_way(column)

    def get(row: Record) -> Any:
        raw = row.get(column)
        if raw is not None:
            return raw
        found = nested.find(row, way)
        if found is nested.ABSENT:
            nested.check_not_blocked(row, way)
            return None
        if is_list and None in found:
            _check_members(row, way, found)
        return found

    return get


def _check_members(row: Record, way: nested.Way, found: Sequence[Any]) -> None:
    """Passes if no member of a list is in the way of its value.

    :raises EventErrors: one is; the raw values of the others are usable.
    """
    try:
        nested.check_not_blocked(row, way)
    except EventError as error:
        rest = [one for one in found if one is not None]
        raise EventErrors(errors=(error,), usable=Usable(rest or None)) from None


class KeyColumns:
    """Columns whose texts together are a key, so that all of them must have one.

    :param argument: the argument that names the columns.
    :param path: event path of the violation where one is empty, and ``rule`` its rule.
    """

    def __init__(self, columns: Columns | None, *, argument: str, path: str, rule: str) -> None:
        self.argument = argument
        self.names = column_names(columns, argument=argument)
        for name in self.names:
            check_single(name, argument=argument)
        self._getters = [(name, getter(name)) for name in self.names]
        # A key of several columns may have a country among them.
        self._nulls = IDS if len(self.names) == 1 else COUNTRIES
        self._path = path
        self._rule = rule

    def text_or_none(self, value: object, nulls: NullValues) -> str | None:
        """The text of one value of a key, ``None`` where there is none, whatever the reason."""
        try:
            text = to_id(value)
        except Exception:  # the careful reading says what is wrong with it
            return None
        return None if text is None or nulls.holds(text) or self._nulls.holds(text) else text

    def read(self, row: Record, draft: Draft) -> tuple[str, ...] | None:
        """The key; ``None``, and violations in the draft, where it is not whole."""
        texts = []
        for name, get in self._getters:
            try:
                text = to_id(get(row))
                if text is not None and (draft.nulls.holds(text) or self._nulls.holds(text)):
                    draft.leave_out(self._path or self.argument, text)
                    text = None
                if text is None:
                    remedy = f"{self.argument} needs a value in column {name!r} of every row."
                    raise EventError(self._rule, remedy=remedy)
                texts.append(text)
            except Exception as error:
                draft.refuse(self._path, error)
        return tuple(texts) if len(texts) == len(self.names) else None
