# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Rows that the caller holds in memory already: records, JSON text, a data frame, an Arrow table.

pandas and Arrow are told by the methods they have, so that neither is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_tiktok.conversions.chunks import CHUNK_ROWS, Chunk, ColumnChunk, rows_of
from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.events import Row
from airflow_provider_tiktok.conversions.sources.arrow_rows import chunks_of
from airflow_provider_tiktok.conversions.sources.fingerprints import fingerprint
from airflow_provider_tiktok.conversions.sources.json_rows import NotJson, as_row, decode_json
from airflow_provider_tiktok.conversions.sources.sizes import size_of
from airflow_provider_tiktok.conversions.sources.tables import SizedRow, distinct_columns, in_chunks


class RecordsSource:
    """Rows from a caller's records; one that is no mapping is an unreadable row.

    :param records: mappings, a JSON array as text, a pandas data frame or an Arrow table. An iterator can
        be read once, and neither it nor a set can be resumed.
    :param argument: what the caller's caller knows ``records`` as, for errors.
    :raises ConfigurationError: the argument is none of these, or a data frame's columns are not distinct
        texts.
    """

    oldest_replay_time: int | None = None

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

    def locate(self, row: int) -> None:
        """Nothing: the row's number says all."""

    def fingerprint(self) -> str | None:
        """A digest over all records, ``None`` where reading them again gives others or none."""
        return fingerprint(self._items) if self.is_ordered else None

    def rows(self) -> Generator[Row, None, None]:
        """The rows one by one; raises as ``chunks`` does."""
        return rows_of(self.chunks())

    def chunks(self) -> Generator[Chunk, None, None]:
        """The rows in chunks.

        :raises ConfigurationError: an iterator was read before; nothing may look like an empty input.
        """
        if self._was_read and isinstance(self._items, Iterator):
            raise ConfigurationError(
                f"{self._argument}: this iterator was read already: give a list instead."
            )
        self._was_read = True
        if isinstance(self._items, _Pages):
            yield from self._items.chunks()
            return
        is_held = isinstance(self._items, Sequence)
        rows = (SizedRow(as_row(item), None, 0 if is_held else size_of(item)) for item in self._items)
        for chunk, _ in in_chunks(rows):
            yield chunk


class _Pages:
    """Rows of a table, made into Python objects in chunks, as often as asked.

    :param read: gives the chunks, with columns of these names.
    """

    def __init__(
        self, columns: Iterable[Any], *, read: Callable[[Sequence[str]], Iterator[Chunk]], argument: str
    ) -> None:
        names = list(columns)
        if not all(isinstance(name, str) for name in names):
            raise ConfigurationError(f"{argument}: every column needs a name of its own, as text.")
        self.columns = distinct_columns(names, source=argument)
        self._read = read

    def chunks(self) -> Iterator[Chunk]:
        """All rows, from the first one."""
        return self._read(self.columns)

    def __iter__(self) -> Iterator[Row]:
        for chunk in self.chunks():
            yield from map(chunk.row, range(len(chunk)))


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
    return _Pages(table.column_names, read=lambda names: chunks_of(table, columns=names), argument=argument)


def _frame_pages(frame: Any, *, argument: str) -> _Pages:
    def read(names: Sequence[str]) -> Iterator[Chunk]:
        named = frame.set_axis(list(names), axis=1)
        singles = [
            name for name, kind in zip(names, frame.dtypes, strict=True) if str(kind).lower() == "float32"
        ]
        for start in range(0, len(named), CHUNK_ROWS):
            part = named.iloc[start : start + CHUNK_ROWS]
            exact = {name: _shortest(part[name]) for name in singles}
            yield ColumnChunk(part.assign(**exact).to_dict("list"), length=len(part))

    return _Pages(frame.columns, read=read, argument=argument)


def _shortest(column: Any) -> Any:
    """Single precision as the shortest number that means the same: 12.34, not 12.34000015258789."""
    return column.to_numpy(dtype="float32", na_value=float("nan")).astype("U32").astype("float64")
