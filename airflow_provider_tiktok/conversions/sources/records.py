# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Rows that the caller holds in memory already: records, JSON text, a data frame, an Arrow table.

pandas and Arrow are told by the methods they have, so that neither is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.events import Row
from airflow_provider_tiktok.conversions.sources.arrow_rows import rows_of
from airflow_provider_tiktok.conversions.sources.fingerprints import fingerprint
from airflow_provider_tiktok.conversions.sources.json_rows import NotJson, as_row, decode_json
from airflow_provider_tiktok.conversions.sources.tables import find_repeated

PAGE_SIZE = 10_000
"""Rows of a data frame that are Python objects at once."""


class RecordsSource:
    """Rows from a caller's records; one that is no mapping is an unreadable row.

    :param records: mappings, a JSON array as text, a pandas data frame or an Arrow table. An iterator can
        be read once, and neither it nor a set can be resumed.
    :param argument: what the caller's caller knows ``records`` as, for errors.
    :raises ConfigurationError: the argument is none of these, or a data frame's columns are not distinct
        texts.
    """

    def __init__(self, records: Iterable[Any] | str | bytes, *, argument: str = "events") -> None:
        self._argument = argument
        self._items = _as_items(records, argument=argument)
        self._was_read = False

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Columns of a data frame or Arrow table; ``None`` for records, which may each have their own."""
        return self._items.columns if isinstance(self._items, _Pages) else None

    @property
    def is_ordered(self) -> bool:
        """Whether reading again gives the same rows in the same order."""
        return isinstance(self._items, Sequence | _Pages)

    def fingerprint(self) -> str | None:
        """A digest over all records, ``None`` where reading them again gives others or none."""
        return fingerprint(self._items) if self.is_ordered else None

    def rows(self, start: int = 0) -> Generator[Row, None, None]:
        """The rows after the first ``start``.

        :raises ConfigurationError: an iterator was read before; nothing may look like an empty input.
        """
        if self._was_read and isinstance(self._items, Iterator):
            raise ConfigurationError(
                f"{self._argument}: this iterator was read already: give a list instead."
            )
        self._was_read = True
        for item in islice(self._items, start, None):
            yield as_row(item)


class _Pages:
    """Rows of a table, made into Python objects a page at a time, as often as asked.

    :param page: the rows from a place on, up to a number of them.
    """

    def __init__(
        self, columns: Iterable[Any], *, length: int, page: Callable[[int, int], Sequence[Any]], argument: str
    ) -> None:
        self.columns: tuple[str, ...] = tuple(columns)
        self._length = length
        self._page = page
        if not all(isinstance(name, str) for name in self.columns) or find_repeated(self.columns):
            raise ConfigurationError(f"{argument}: every column needs a name of its own, as text.")

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, self._length, PAGE_SIZE):
            yield from self._page(start, PAGE_SIZE)


def _as_items(records: Any, *, argument: str) -> Iterable[Any]:
    if isinstance(records, str | bytes | bytearray):
        return _parse(records, argument=argument)
    if hasattr(records, "iloc") and hasattr(records, "to_dict"):
        return _frame_pages(records, argument=argument)
    if hasattr(records, "to_pylist") and hasattr(records, "column_names"):
        return _arrow_pages(records, argument=argument)
    if isinstance(records, Mapping) or not isinstance(records, Iterable):
        raise ConfigurationError(f"{argument}: give a list of events, each a mapping of names to values.")
    return records


def _parse(text: str | bytes | bytearray, *, argument: str) -> list[Any]:
    try:
        items = decode_json(bytes(text) if isinstance(text, bytearray) else text)
    except NotJson:
        items = None
    if not isinstance(items, list):
        raise ConfigurationError(f"{argument}: the text is no JSON array of events.")
    return items


def _arrow_pages(table: Any, *, argument: str) -> _Pages:
    return _Pages(
        table.column_names,
        length=table.num_rows,
        page=lambda start, count: rows_of(table.slice(start, count)),
        argument=argument,
    )


def _frame_pages(frame: Any, *, argument: str) -> _Pages:
    singles = [
        name for name, kind in zip(frame.columns, frame.dtypes, strict=True) if str(kind).lower() == "float32"
    ]

    def page(start: int, count: int) -> Sequence[Any]:
        part = frame.iloc[start : start + count]
        exact = {name: _shortest(part[name]) for name in singles}
        rows: Sequence[Any] = part.assign(**exact).to_dict("records")
        return rows

    return _Pages(frame.columns, length=len(frame), page=page, argument=argument)


def _shortest(column: Any) -> Any:
    """Single precision as the shortest number that means the same: 12.34, not 12.34000015258789."""
    return column.to_numpy(dtype="float32", na_value=float("nan")).astype("U32").astype("float64")
