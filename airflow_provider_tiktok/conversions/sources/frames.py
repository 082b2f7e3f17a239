# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Tables that Python holds in memory - pandas, polars, Arrow - as chunks of columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from airflow_provider_tiktok.conversions.chunks import CHUNK_ROWS, Chunk, ColumnChunk
from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.events import Row
from airflow_provider_tiktok.conversions.sources.arrow_rows import chunks_of, import_arrow
from airflow_provider_tiktok.conversions.sources.tables import distinct_columns

_SLICE_ROWS = 50 * CHUNK_ROWS
"""Rows of a polars frame that are handed over to Arrow at once."""


class Pages:
    """Rows of a table, made into Python objects in chunks, as often as asked.

    :param columns: the names that the table has for its columns.
    :param read: gives the chunks, with columns of the names that it is given.
    :param argument: what the caller's caller knows the table as, for errors.
    :raises ConfigurationError: a column has no text for its name.
    """

    def __init__(
        self, columns: Iterable[Any], *, read: Callable[[Sequence[str]], Iterator[Chunk]], argument: str
    ) -> None:
        names = list(columns)
        if not all(isinstance(name, str) for name in names):
            raise ConfigurationError(f"Give every column of {argument} a name of its own, as text.")
        self.columns = distinct_columns(names, source=argument)
        self._read = read

    def chunks(self) -> Iterator[Chunk]:
        """All rows, from the first one."""
        return self._read(self.columns)

    def __iter__(self) -> Iterator[Row]:
        for chunk in self.chunks():
            yield from map(chunk.row, range(len(chunk)))


def pages_of(value: Any, *, argument: str) -> Pages | None:
    """The table's rows, ``None`` for what is no table held in memory.

    :raises ConfigurationError: it has columns that cannot be named or read, or more than can be taken.
    """
    if hasattr(value, "iloc") and hasattr(value, "to_dict"):
        return None if not hasattr(value, "columns") else _pandas_pages(value, argument=argument)
    if hasattr(value, "iter_slices") and hasattr(value, "to_arrow"):
        return _polars_pages(value, argument=argument)
    if hasattr(value, "to_pylist") and hasattr(value, "schema"):
        return _arrow_pages(value, argument=argument)
    return None


def batches_of(value: Any, *, argument: str) -> Iterator[Any] | None:
    """The parts of a table that is not held in memory, ``None`` for what is none.

    Such are a polars ``LazyFrame``, a DuckDB relation and whatever else speaks Arrow's stream interface. They
    can be read once.
    """
    if hasattr(value, "collect_schema") and hasattr(value, "sink_parquet"):
        return iter((value.collect(engine="streaming"),))
    if hasattr(value, "__arrow_c_stream__"):
        arrow = import_arrow("pyarrow", purpose=f"a table of this kind in {argument}")
        with suppress(arrow.ArrowException):
            batches: Iterator[Any] = iter(arrow.RecordBatchReader.from_stream(value))
            return batches
        raise ConfigurationError(
            f"Give a table with columns as {argument}: a {type(value).__name__} is no table."
        )
    return None


def _arrow_pages(table: Any, *, argument: str) -> Pages:
    return Pages(table.schema.names, read=lambda names: chunks_of(table, columns=names), argument=argument)


def _pandas_pages(frame: Any, *, argument: str) -> Pages:
    def read(names: Sequence[str]) -> Iterator[Chunk]:
        named = frame.set_axis(list(names), axis=1)
        singles = [
            name for name, kind in zip(names, frame.dtypes, strict=True) if str(kind).lower() == "float32"
        ]
        for start in range(0, len(named), CHUNK_ROWS):
            part = named.iloc[start : start + CHUNK_ROWS]
            exact = {name: _shortest(part[name]) for name in singles}
            yield ColumnChunk(part.assign(**exact).to_dict("list"), length=len(part))

    return Pages(frame.columns, read=read, argument=argument)


def _shortest(column: Any) -> Any:
    """Single precision as the shortest number that means the same: 12.34, not 12.34000015258789."""
    return column.to_numpy(dtype="float32", na_value=float("nan")).astype("U32").astype("float64")


def _polars_pages(frame: Any, *, argument: str) -> Pages:
    import_arrow("pyarrow", purpose=f"a polars frame in {argument}")

    def read(names: Sequence[str]) -> Iterator[Chunk]:
        for part in frame.iter_slices(_SLICE_ROWS):
            yield from chunks_of(_as_arrow(part, argument=argument), columns=names)

    return Pages(frame.columns, read=read, argument=argument)


def _as_arrow(frame: Any, *, argument: str) -> Any:
    """The frame as an Arrow table; whole numbers that Arrow has no type for become text."""
    kinds = {name: str(kind) for name, kind in frame.schema.items()}
    kind = "Object"
    if kind not in kinds.values():
        wide = [name for name, one in kinds.items() if one in ("Int128", "UInt128")]
        try:
            return frame.cast(dict.fromkeys(wide, str)).to_arrow()
        except Exception as error:  # of polars or of pyarrow, with texts that may quote values
            kind = type(error).__name__
    raise ConfigurationError(
        f"Cast the column of type {kind}, or leave it out: the polars frame of {argument} has it, and "
        "Arrow has no type for it."
    )
