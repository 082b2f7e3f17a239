# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What one file gives, whatever its format, and the settings that its reader needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from airflow_provider_tiktok.conversions.chunks import CHUNK_BYTES, CHUNK_ROWS, Chunk, RecordChunk
from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.events import Row
from airflow_provider_tiktok.conversions.sealed import Sealed

MAX_COLUMNS = 10_000
"""A table with more columns is no table of events; also bounds what one row unfolds to."""


class LinedChunk(NamedTuple):
    """A chunk of a file.

    :param lines: number, from 1, of the text line that each row begins on; ``None`` where the format has no
        lines.
    """

    chunk: Chunk
    lines: Sequence[int] | None

    def __repr__(self) -> str:
        return "LinedChunk(hidden)"


class SizedRow(NamedTuple):
    """A row, the number of its text line (``None`` for none) and about how much it holds."""

    row: Row
    line: int | None
    size: int

    def __repr__(self) -> str:
        return "SizedRow(hidden)"


class Table(Sealed, frozen=True, kw_only=True):
    """The rows of one open file, to be read once.

    :param columns: column names, ``None`` where each row has its own or the file is empty.
    """

    columns: tuple[str, ...] | None
    chunks: Iterator[LinedChunk]

    def __repr__(self) -> str:
        """Nothing of the file: what stands in the place of a header may be a person's."""
        return "Table(hidden)"


class TableOptions(Sealed, frozen=True, kw_only=True):
    """How one file is to be read.

    :param name: the file, as people are told of it.
    :param encoding: of text formats.
    :param delimiter: one character between the fields of a CSV row.
    :param columns: names of the columns of a CSV file whose first row is data already.
    :param quote: the character around CSV fields, ``None`` for none.
    :param skip_rows: lines above the header, or above the rows, of a CSV file.
    :param page_size: rows of a Parquet file in memory at once.
    :param max_row_chars: a row of text beyond this is not read.
    :param max_array_chars: a JSON array beyond this is not read.
    :param row_groups: those of a Parquet file that are read; ``None``: all.
    """

    name: str
    encoding: str
    delimiter: str
    columns: tuple[str, ...] | None
    page_size: int
    quote: str | None = '"'
    skip_rows: int = 0
    max_row_chars: int
    max_array_chars: int
    row_groups: range | None = None


def find_repeated(names: tuple[str, ...]) -> list[str]:
    """The names that come more than once, sorted."""
    return sorted(name for name, count in Counter(names).items() if count > 1)


def distinct_columns(names: Sequence[str], *, source: str) -> tuple[str, ...]:
    """The names, of which one that comes more than once is told apart by its column's number.

    Which of two columns ``phone`` is meant cannot be known, and need not be where nobody asks for them. Who
    does asks for ``phone (column 3)``; there is no ``phone``.

    :param source: what has the columns, for errors.
    :raises ConfigurationError: there are too many.
    """
    if len(names) > MAX_COLUMNS:
        raise ConfigurationError(
            f"Leave out columns that are not needed: {source} has more than {MAX_COLUMNS:,} columns."
        )
    repeated = set(find_repeated(tuple(names)))
    if not repeated:
        return tuple(names)
    taken = set(names)
    return tuple(
        _free_name(name, place, taken) if name in repeated else name for place, name in enumerate(names, 1)
    )


def _free_name(name: str, place: int, taken: set[str]) -> str:
    told = f"{name} (column {place})".lstrip()
    while told in taken:
        told += "*"
    taken.add(told)
    return told


def in_chunks(rows: Iterable[SizedRow]) -> Iterator[LinedChunk]:
    """The rows in chunks; what breaks their reading is raised after the rows before it."""
    rows = iter(rows)
    is_open = True
    while is_open:
        taken: list[Row] = []
        lines: list[int] = []
        size = 0
        broken: Exception | None = None
        try:
            while len(taken) < CHUNK_ROWS and size < CHUNK_BYTES:
                row, line, n_bytes = next(rows)
                size += n_bytes
                taken.append(row)
                if line is not None:
                    lines.append(line)
        except StopIteration:
            is_open = False
        except Exception as error:
            broken = error
        if taken:
            yield LinedChunk(RecordChunk(taken), lines if len(lines) == len(taken) else None)
        if broken is not None:
            raise broken
