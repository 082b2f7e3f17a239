# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Chunks: consecutive rows of a source, by columns where the source has columns, else as records.

Where one chunk ends and the next begins is the source's business and changes no request.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from operator import itemgetter
from typing import Any, Protocol

from airflow_provider_tiktok.conversions.events import Row, UnreadableRow

CHUNK_ROWS = 1000
"""Rows of one chunk at most."""

CHUNK_BYTES = 4_000_000
"""A chunk takes no further row once its rows hold about this much."""


class Chunk(Protocol):
    """Consecutive rows of a source.

    :ivar names: the columns that every row has, in order; ``None`` where each row has keys of its own.
    :ivar unreadable: place in the chunk, from 0, to what is known of a row that cannot be read.
    """

    @property
    def names(self) -> tuple[str, ...] | None:
        """The columns that every row has, in order."""

    @property
    def unreadable(self) -> Mapping[int, UnreadableRow]:
        """The rows that cannot be read."""

    def __len__(self) -> int:
        """How many rows there are."""

    def column(self, name: str) -> Sequence[Any]:
        """One value a row; ``None`` where a row has no such column or cannot be read."""

    def row(self, place: int) -> Row:
        """The row at a place in the chunk, from 0, as one mapping."""


class Source(Protocol):
    """A place that rows come from. Every power is declared here, so that who wraps a source forgets none."""

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Column names of the latest row taken, ``None`` where each row has its own."""

    @property
    def is_ordered(self) -> bool:
        """Whether reading again gives the same rows in the same order."""

    @property
    def oldest_replay_time(self) -> int | None:
        """Unix seconds of the oldest dead letter among the rows taken, ``None`` where there is none."""

    def fingerprint(self) -> str | None:
        """A digest that changes when the input does, ``None`` where that cannot be told."""

    def locate(self, row: int) -> object | None:
        """Where a row that was taken stands, in words for people, by its number; ``None``: that says all."""

    def chunks(self) -> Generator[Chunk, None, None]:
        """The rows from the first, in chunks; closed by who reads them, also where that ends early."""

    def rows(self) -> Generator[Row, None, None]:
        """The same rows one by one."""


class ColumnChunk:
    """A chunk whose source gives columns: a query, CSV, Parquet.

    :param columns: column name to one value a row; all of one length.
    :param length: the number of rows.
    :param unreadable: rows that cannot be read; their values in the columns are never looked at.
    """

    __slots__ = ("_columns", "_length", "names", "unreadable")

    def __init__(
        self,
        columns: Mapping[str, Sequence[Any]],
        *,
        length: int,
        unreadable: Mapping[int, UnreadableRow] | None = None,
    ) -> None:
        self._columns = columns
        self._length = length
        self.names: tuple[str, ...] | None = tuple(columns)
        self.unreadable: Mapping[int, UnreadableRow] = unreadable or {}

    def __len__(self) -> int:
        return self._length

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._length} rows)"

    def column(self, name: str) -> Sequence[Any]:
        """One value a row; ``None`` where there is no such column."""
        return self._columns.get(name) or [None] * self._length

    def row(self, place: int) -> Row:
        """The row at a place in the chunk, from 0."""
        unreadable = self.unreadable.get(place)
        return unreadable or {name: column[place] for name, column in self._columns.items()}


class RecordChunk:
    """A chunk whose rows are objects with keys of their own: JSON, inline records.

    :param rows: the records, and what is known of those that cannot be read.
    """

    __slots__ = ("_objects", "_rows", "names", "unreadable")

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows
        self.names: tuple[str, ...] | None = None
        self.unreadable: Mapping[int, UnreadableRow] = {}
        self._objects: Sequence[Mapping[str, Any]] = rows  # type: ignore[assignment]  # told below
        if set(map(type, rows)) - {dict}:
            self.unreadable = {n: row for n, row in enumerate(rows) if isinstance(row, UnreadableRow)}
            self._objects = [row if isinstance(row, Mapping) else {} for row in rows]

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self._rows)} rows)"

    def column(self, name: str) -> Sequence[Any]:
        """One value a row; ``None`` where a row has no such key or is no object."""
        try:
            return list(map(itemgetter(name), self._objects))
        except KeyError:
            return [row.get(name) for row in self._objects]

    def row(self, place: int) -> Row:
        """The row at a place in the chunk, from 0."""
        return self._rows[place]


def rows_of(chunks: Generator[Chunk, None, None]) -> Generator[Row, None, None]:
    """The rows of the chunks one by one; closing it closes the chunks."""
    with closing(chunks):
        yield from _each_row(chunks)


def _each_row(chunks: Iterable[Chunk]) -> Iterator[Row]:
    for chunk in chunks:
        for place in range(len(chunk)):
            yield chunk.row(place)


def rows_in(chunks: Iterable[Chunk]) -> list[Row]:
    """The rows of chunks that are at hand."""
    return list(_each_row(chunks))


def part_of(chunk: Chunk, start: int, stop: int) -> Chunk:
    """The rows of a chunk from one place to before another."""
    if start == 0 and stop == len(chunk):
        return chunk
    if chunk.names is None:
        return RecordChunk([chunk.row(place) for place in range(start, stop)])
    return ColumnChunk(
        {name: chunk.column(name)[start:stop] for name in chunk.names},
        length=stop - start,
        unreadable={place - start: row for place, row in chunk.unreadable.items() if start <= place < stop},
    )


def joined(first: Chunk | None, second: Chunk) -> Chunk:
    """The rows of two chunks of one source, one behind the other."""
    if first is None:
        return second
    if first.names is None or first.names != second.names:
        return RecordChunk(rows_in((first, second)))
    length = len(first)
    return ColumnChunk(
        {name: [*first.column(name), *second.column(name)] for name in first.names},
        length=length + len(second),
        unreadable={**first.unreadable, **{length + place: row for place, row in second.unreadable.items()}},
    )
