# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What the records of JSON have in common: one type for every key, as wide as all of its values need.

Nothing is read into a text: a time is text, and so is an id of digits. A number that a column of numbers
could not hold exactly makes the whole key text, since an id that is rounded is somebody else's.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.sources.tables import MAX_COLUMNS

_MAX_DEPTH = 50
_TEXT, _WHOLE, _REAL, _FLAG = "VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN"
_WHOLE_LIMIT = 2**63
_EXACT_LIMIT = 2**53
"""Whole numbers beyond this are not exact beside fractions."""


class Shape:
    """The type of all values that were added.

    :ivar keys: the shapes inside, where every value is an object.
    """

    __slots__ = ("_items", "_kind", "_largest", "keys")

    def __init__(self) -> None:
        self.keys: dict[str, Shape] = {}
        self._items: Shape | None = None
        self._kind: str | None = None
        self._largest = 0

    def add(self, value: Any, *, depth: int = 0) -> None:
        """Make room for this value; nothing needs none."""
        if value is None or self._kind == _TEXT:
            return
        self._take(_kind_of(value) if depth < _MAX_DEPTH else _TEXT)
        if isinstance(value, int | Decimal) and self._kind in (_WHOLE, _REAL):
            self._take_number(value)
        elif self._kind == "object":
            for key, item in value.items():
                self.keys.setdefault(key, Shape()).add(item, depth=depth + 1)
        elif self._kind == "list":
            self._items = self._items or Shape()
            for item in value:
                self._items.add(item, depth=depth + 1)

    def _take(self, kind: str) -> None:
        both = {self._kind or kind, kind}
        if len(both) == 2:
            kind = _REAL if both == {_WHOLE, _REAL} else _TEXT
        self._kind = kind

    def _take_number(self, number: int | Decimal) -> None:
        if isinstance(number, int):
            self._largest = max(self._largest, abs(number))
        elif Decimal(repr(float(number))) != number:
            self._kind = _TEXT
        if self._largest >= (_EXACT_LIMIT if self._kind == _REAL else _WHOLE_LIMIT):
            self._kind = _TEXT

    def structure(self) -> Any:
        """The type in the words of DuckDB's ``from_json``.

        :raises ConfigurationError: there are too many keys, or some that SQL cannot tell apart.
        """
        if self._kind == "object" and self.keys:
            _check_keys(self.keys)
            return {key: shape.structure() for key, shape in self.keys.items()}
        if self._kind == "list" and self._items is not None:
            return [self._items.structure()]
        return _TEXT if self._kind in (None, "object") else self._kind


def _kind_of(value: Any) -> str:
    if isinstance(value, Mapping):
        return "object"
    if isinstance(value, list | tuple):
        return "list"
    if isinstance(value, bool):
        return _FLAG
    if isinstance(value, int):
        return _WHOLE
    return _REAL if isinstance(value, Decimal) else _TEXT


def _check_keys(keys: Mapping[str, Shape]) -> None:
    if len(keys) > MAX_COLUMNS:
        raise ConfigurationError(
            f"Read the files without sql: records with more than {MAX_COLUMNS:,} different keys are no table."
        )
    check_names(keys, names_of="keys of the records")


def check_names(names: Any, *, names_of: str) -> None:
    """Nothing, where SQL can tell the names apart.

    :raises ConfigurationError: some differ in case alone.
    """
    folded = [name.casefold() for name in names]
    if len(set(folded)) < len(folded):
        raise ConfigurationError(
            f"Rename one, or read the files without sql: {names_of} differ in case alone, and SQL takes "
            "them for one."
        )
