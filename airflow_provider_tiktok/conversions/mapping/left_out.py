# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Rows that a run leaves out, by what stands in some of their columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from hashlib import sha256
from typing import Any

from airflow_provider_tiktok.conversions.errors import ConfigurationError, EventError
from airflow_provider_tiktok.conversions.mapping.columns import check_single, getter
from airflow_provider_tiktok.conversions.mapping.drafts import Record, RowLeftOut
from airflow_provider_tiktok.conversions.values import (
    IDS,
    NullValues,
    plain_value,
    to_boolean,
    to_id,
    to_number,
)

_MOST_KNOWN = 1000
_OFTEN_AGAIN = frozenset({str, int, bool, type(None)})
_SINGLE = (str, int, float, Decimal, date)
_HOW = (
    "Give columns as {argument}, each with the values that are meant, as in "
    "{{'financial_status': ['paid', 'refunded']}}."
)


class RowFilter:
    """Which rows are kept.

    :param keep: column to values: rows with another value in any of these columns are left out.
    :param drop: column to values: rows with one of the values in any of these columns are left out.
    :raises ConfigurationError: for anything that cannot be right.
    """

    def __init__(
        self,
        *,
        keep: Mapping[str, Any] | None = None,
        drop: Mapping[str, Any] | None = None,
        nulls: NullValues,
    ) -> None:
        self.keep = _tests_of(keep, argument="keep_rows", nulls=nulls)
        self.drop = _tests_of(drop, argument="drop_rows", nulls=nulls)

    def __bool__(self) -> bool:
        return bool(self.keep or self.drop)

    def __repr__(self) -> str:
        """What tells these rules from others without showing them: values may be personal."""
        told = f"{[*map(str, self.keep)]} {[*map(str, self.drop)]}"
        return f"{type(self).__name__}({sha256(told.encode()).hexdigest()[:16]})"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are looked at."""
        return tuple(test.column_name for test in (*self.keep, *self.drop))

    def check(self, record: Record) -> None:
        """Passes if the row is kept.

        :raises RowLeftOut: it is not.
        :raises EventError: a value cannot be read, so nobody can say.
        """
        for test in self.drop:
            if test.holds_in(record):
                raise RowLeftOut("in_drop_rows")
        for test in self.keep:
            if not test.holds_in(record):
                raise RowLeftOut("not_in_keep_rows")


class ValueTest:
    """Whether the value of a column is one of those that are named.

    Texts are compared letter by letter without blanks around them. A number stands for every way of writing
    it, ``None`` and an empty text for no value, true and false for each of their spellings.
    """

    def __init__(self, column: str, values: Sequence[Any], *, argument: str, nulls: NullValues) -> None:
        self.column_name = column
        self.get = getter(column)
        self._argument = argument
        self._nulls = nulls
        given = [_read(one, argument=f"{argument}[{column!r}]") for one in values]
        self._truths = frozenset(one for one in given if isinstance(one, bool))
        self._numbers = frozenset(one for one in given if isinstance(one, Decimal))
        texts = [to_id(one) for one in given if not isinstance(one, bool)]
        self._texts = frozenset(text for text in texts if text is not None)
        self._takes_nothing = None in texts

    def __str__(self) -> str:
        nothing = [None] if self._takes_nothing else []
        told = [*sorted(self._texts), *sorted(map(str, self._numbers)), *sorted(self._truths), *nothing]
        return f"{self.column_name}: {told}"

    def holds_in(self, record: Record) -> bool:
        """Whether the record's value is one of them.

        :raises EventError: it cannot be read.
        """
        try:
            return self.holds(self.get(record))
        except EventError as error:
            remedy = f"{error.remedy} {self._argument} asks for column {self.column_name!r}."
            raise EventError(error.rule, remedy=remedy) from None

    def holds(self, raw: object) -> bool:
        """Whether a raw value is one of them.

        :raises EventError: it cannot be read.
        """
        if type(raw) is str and raw in self._texts:
            return True
        raw = plain_value(raw)
        text = ("true" if raw else "false") if isinstance(raw, bool) else to_id(raw) or ""
        if text in self._texts or self._is_truth(raw) or self._is_number(raw):
            return True
        is_nothing = not text or IDS.holds(text) or self._nulls.holds(text)
        return is_nothing and self._takes_nothing

    def column(self, values: Sequence[Any]) -> list[bool | None]:
        """Whether each value of a column is one of them; ``None`` for one that cannot be read."""
        known: dict[tuple[type, Any], bool | None] = {}
        told: list[bool | None] = []
        for raw in values:
            kind = type(raw)
            if kind not in _OFTEN_AGAIN:
                told.append(self._holds_or_none(raw))
                continue
            key = (kind, raw)  # since 1 and true are equal, and not the same
            if key not in known:
                if len(known) >= _MOST_KNOWN:
                    known.clear()
                known[key] = self._holds_or_none(raw)
            told.append(known[key])
        return told

    def _holds_or_none(self, raw: object) -> bool | None:
        try:
            return self.holds(raw)
        except Exception:  # the careful reading says what is wrong with it
            return None

    def _is_number(self, raw: object) -> bool:
        if not self._numbers or isinstance(raw, bool):
            return False
        try:
            return to_number(raw) in self._numbers
        except EventError:
            return False  # no number

    def _is_truth(self, raw: object) -> bool:
        if not self._truths:
            return False
        try:
            return to_boolean(raw) in self._truths
        except EventError:
            return False  # neither yes nor no


def _tests_of(given: object, *, argument: str, nulls: NullValues) -> list[ValueTest]:
    if given is None:
        return []
    if not isinstance(given, Mapping):
        raise ConfigurationError(_HOW.format(argument=argument))
    tests = []
    for column, values in given.items():
        one_or_more = [values] if isinstance(values, _SINGLE) or values is None else values
        is_list = isinstance(one_or_more, list | tuple | set | frozenset) and len(one_or_more)
        if not (isinstance(column, str) and column.strip() and is_list):
            raise ConfigurationError(_HOW.format(argument=argument))
        check_single(column, argument=argument)
        tests.append(ValueTest(column, list(one_or_more), argument=argument, nulls=nulls))
    return tests


def _read(value: object, *, argument: str) -> bool | Decimal | str | None:
    """A value that is named: true or false, a number or a text; ``None`` for no value.

    :raises ConfigurationError: it is none of these.
    """
    try:
        plain = plain_value(value)
        if isinstance(plain, bool):
            return plain
        return to_number(plain) if isinstance(plain, int | float | Decimal) else to_id(plain)
    except Exception:
        raise ConfigurationError(
            f"Give texts, numbers, true, false or None as values in {argument}."
        ) from None
