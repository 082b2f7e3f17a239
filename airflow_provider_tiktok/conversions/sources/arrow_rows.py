# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Arrow columns and Parquet files to rows, a page at a time. Needs pyarrow, which is an extra."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import IO, Any

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.events import Row, UnreadableRow
from airflow_provider_tiktok.conversions.sources.tables import (
    NumberedRow,
    Table,
    TableOptions,
    find_repeated,
)

_UNREADABLE_VALUE = UnreadableRow(
    "unreadable_value", "A value of this row is beyond Python: a year after 9999, or bytes that are no text."
)


def import_arrow(module: str, *, purpose: str) -> Any:
    """A module of pyarrow.

    :param purpose: what it is needed for, as the start of a sentence.
    :raises ConfigurationError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError:
        raise ConfigurationError(
            f"{purpose} needs pyarrow: pip install 'airflow-provider-tiktok[files]'."
        ) from None


def read_parquet(stream: IO[bytes], *, options: TableOptions) -> Table:
    """One row for each row of the file, of which one page is in memory.

    :raises ConfigurationError: the file is no Parquet file or is cut off, or names a column twice.
    """
    parquet = import_arrow("pyarrow.parquet", purpose=f"{options.name}: a Parquet file")
    arrow = import_arrow("pyarrow", purpose=f"{options.name}: a Parquet file")
    try:
        file = parquet.ParquetFile(stream)
    except arrow.ArrowInvalid:
        raise _damaged(options) from None
    columns = tuple(file.schema_arrow.names)
    if repeated := find_repeated(columns):
        raise ConfigurationError(f"{options.name} has a column twice: {', '.join(repeated)!r}.")
    return Table(columns=columns, rows=_file_rows(file, options=options, damage=arrow.ArrowException))


def rows_of(table: Any) -> list[Row]:
    """The rows of an Arrow table or batch as Python values; one that Python cannot hold is unreadable.

    Times are cut to microseconds, since Python's have no more. Single precision becomes the shortest
    number that means the same, since 12.34 must not become 12.34000015258789.
    """
    try:
        return _plain_rows(table)
    except (ValueError, OverflowError):
        return [_row_of(table.slice(place, 1)) for place in range(table.num_rows)]


def _row_of(table: Any) -> Row:
    try:
        return _plain_rows(table)[0]
    except (ValueError, OverflowError):
        return _UNREADABLE_VALUE


def _plain_rows(table: Any) -> list[Row]:
    arrow = import_arrow("pyarrow", purpose="An Arrow table")
    columns = [_plain_column(table.column(place), arrow) for place in range(table.num_columns)]
    rows: list[Row] = arrow.table(columns, names=table.schema.names).to_pylist()
    return rows


def _plain_column(column: Any, arrow: Any) -> Any:
    kind = column.type
    if arrow.types.is_timestamp(kind) and kind.unit == "ns":
        return column.cast(arrow.timestamp("us", kind.tz), safe=False)
    if arrow.types.is_float32(kind):
        return column.cast(arrow.string()).cast(arrow.float64())
    return column


def _file_rows(file: Any, *, options: TableOptions, damage: type[Exception]) -> Iterator[NumberedRow]:
    batches = file.iter_batches(batch_size=options.page_size)
    while True:
        try:
            page = next(batches)
        except StopIteration:
            return
        except damage:
            raise _damaged(options) from None
        yield from ((None, row) for row in rows_of(page))


def _damaged(options: TableOptions) -> ConfigurationError:
    return ConfigurationError(
        f"{options.name} is no whole Parquet file: it is damaged, cut off or of another format."
    )
