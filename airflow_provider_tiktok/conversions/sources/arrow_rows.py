# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Arrow columns and Parquet files to columns of Python values. Needs pyarrow, which is an extra.

A few hundred bytes of Parquet can stand for gigabytes: one text that a million rows refer to, one page of
zeros. So texts stay one object however many rows have them, and how many rows are read at once is told
from what the file says of itself.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from importlib import import_module
from io import BufferedReader
from typing import IO, Any, Final

from airflow_provider_tiktok.conversions.chunks import CHUNK_BYTES, CHUNK_ROWS, ColumnChunk
from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.events import UnreadableRow
from airflow_provider_tiktok.conversions.sources.tables import (
    LinedChunk,
    Table,
    TableOptions,
    distinct_columns,
)

MAX_ROW_BYTES = 16_000_000
"""A row with more in it is unreadable."""

_MAX_NESTED = 20_000_000
"""Values inside lists that a row group may have: they may all be one row's."""

_MAX_UNFOLDED = 256_000_000
_MAX_RATIO = 200
"""A column of a row group that is larger than the first and was packed smaller than the second is a bomb."""

_UNREADABLE_VALUE = UnreadableRow(
    "unreadable_value", "A value of this row is beyond Python: a year after 9999, or bytes that are no text."
)
_TOO_LONG = UnreadableRow(
    "too_long", f"This row holds more than {MAX_ROW_BYTES:,} bytes: leave out the columns not needed."
)


def import_arrow(module: str, *, purpose: str) -> Any:
    """A module of pyarrow.

    :param purpose: what it is needed for, for errors.
    :raises ConfigurationError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError:
        raise ConfigurationError(
            f"Install pyarrow with pip install 'airflow-provider-tiktok[files]': {purpose} needs it."
        ) from None


def read_parquet(stream: IO[bytes], *, options: TableOptions) -> Table:
    """One row for each row of the file, of which a part is in memory.

    :raises ConfigurationError: the file is no Parquet file or is cut off.
    """
    file, arrow = _open_parquet(stream, options=options)
    columns = distinct_columns(file.schema_arrow.names, source=options.name)
    return Table(columns=columns, chunks=_file_chunks(file, columns, options=options, arrow=arrow))


def parquet_schema(stream: IO[bytes], options: TableOptions) -> Iterator[Any]:
    """The Arrow schema of the file, under names that tell its columns apart; raises as ``read_parquet``."""
    file, arrow = _open_parquet(stream, options=options)
    yield _unshared(file.schema_arrow, distinct_columns(file.schema_arrow.names, source=options.name), arrow)


def parquet_batches(stream: IO[bytes], options: TableOptions) -> Iterator[Any]:
    """The file's rows as Arrow batches of ``parquet_schema``; raises as ``read_parquet``.

    Texts are copied into every row that has them, in batches of about ``CHUNK_BYTES`` as that makes them.
    """
    file, arrow = _open_parquet(stream, options=options)
    columns = distinct_columns(file.schema_arrow.names, source=options.name)
    schema = _unshared(file.schema_arrow, columns, arrow)
    for page in _file_pages(file, options=options, arrow=arrow):
        for part in _light_parts(page):
            arrays = [
                array if array.type == kind else array.cast(kind)
                for array, kind in zip(part.columns, schema.types, strict=True)
            ]
            yield arrow.RecordBatch.from_arrays(arrays, schema=schema)


def _unshared(schema: Any, columns: Sequence[str], arrow: Any) -> Any:
    """The schema in which a text stands in every row that has it."""
    return arrow.schema(
        [(name, _unshared_type(kind, arrow)) for name, kind in zip(columns, schema.types, strict=True)]
    )


def _unshared_type(kind: Any, arrow: Any) -> Any:
    types = arrow.types
    if types.is_dictionary(kind):
        return _unshared_type(kind.value_type, arrow)
    if not _has_shared(kind):
        return kind
    if types.is_struct(kind):
        fields = [kind.field(place) for place in range(kind.num_fields)]
        return arrow.struct([field.with_type(_unshared_type(field.type, arrow)) for field in fields])
    member = kind.value_field.with_type(_unshared_type(kind.value_type, arrow))
    if types.is_fixed_size_list(kind):
        return arrow.list_(member, kind.list_size)
    return arrow.large_list(member) if types.is_large_list(kind) else arrow.list_(member)


def _light_parts(batch: Any) -> Iterator[Any]:
    """The batch in parts that are not too large once texts are no longer shared; a row is never parted."""
    if batch.num_rows <= 1 or sum(map(_unshared_bytes, batch.columns)) <= CHUNK_BYTES:
        yield batch
        return
    half = batch.num_rows // 2
    yield from _light_parts(batch.slice(0, half))
    yield from _light_parts(batch.slice(half))


def _unshared_bytes(array: Any) -> int:
    """Bytes of a column in which a text stands in every row that has it."""
    if hasattr(array.type, "index_type"):
        compute = import_arrow("pyarrow.compute", purpose="an Arrow table")
        try:
            sizes = compute.binary_length(array.dictionary)
        except import_arrow("pyarrow", purpose="an Arrow table").ArrowException:  # of numbers
            return 8 * len(array)
        return 4 * len(array) + int(compute.sum(sizes.take(array.indices)).as_py() or 0)
    if not _has_shared(array.type):
        return int(array.nbytes)
    parts = array.flatten()
    return 4 * len(array) + sum(map(_unshared_bytes, parts if isinstance(parts, list) else [parts]))


def _open_parquet(stream: IO[bytes], *, options: TableOptions) -> tuple[Any, Any]:
    """The open file, and pyarrow; a text that the file keeps once is kept once in memory, too."""
    if not isinstance(stream, BufferedReader) or not stream.seekable():
        raise ConfigurationError(
            f"Unpack the Parquet file, and put it where parts of a file can be read: {options.name} is "
            "packed inside already and is read from its end."
        )
    parquet = import_arrow("pyarrow.parquet", purpose=f"the Parquet file {options.name}")
    arrow = import_arrow("pyarrow", purpose=f"the Parquet file {options.name}")
    try:
        metadata = parquet.read_metadata(stream)
        shared = _shared_texts(metadata)
        file = parquet.ParquetFile(stream, metadata=metadata, read_dictionary=shared, buffer_size=1 << 20)
    except (arrow.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise _damaged(options) from None
    return file, arrow


def chunks_of(table: Any, *, columns: Sequence[str]) -> Iterator[ColumnChunk]:
    """An Arrow table or batch as chunks of Python values; a row that Python cannot hold is unreadable.

    - Times are cut to microseconds, since Python's have no more.
    - Single precision becomes the shortest number that means the same at any depth, since 12.34 must not
      become 12.34000015258789.
    - A map becomes a ``dict``.

    :param columns: the names that the columns get, in their order.
    """
    start = 0
    while start < table.num_rows:
        rest = table.slice(start, CHUNK_ROWS)
        count = max(1, min(rest.num_rows, rest.num_rows * CHUNK_BYTES // max(_size(rest), 1)))
        yield _chunk(rest.slice(0, count), columns)
        start += count


def _chunk(table: Any, columns: Sequence[str]) -> ColumnChunk:
    try:
        if _size(table) > MAX_ROW_BYTES:
            raise _TooLong
        values = [_plain(table.column(place)) for place in range(table.num_columns)]
    except (ValueError, OverflowError) as error:
        if table.num_rows == 1:
            return _unreadable_chunk(columns, _TOO_LONG if isinstance(error, _TooLong) else _UNREADABLE_VALUE)
        return _joined([_chunk(table.slice(place, 1), columns) for place in range(table.num_rows)], columns)
    return ColumnChunk(dict(zip(columns, values, strict=True)), length=table.num_rows)


class _TooLong(ValueError):
    """A row holds more than ``MAX_ROW_BYTES``."""


def _unreadable_chunk(columns: Sequence[str], row: UnreadableRow) -> ColumnChunk:
    return ColumnChunk({name: [None] for name in columns}, length=1, unreadable={0: row})


def _joined(single: Sequence[ColumnChunk], columns: Sequence[str]) -> ColumnChunk:
    return ColumnChunk(
        {name: [chunk.column(name)[0] for chunk in single] for name in columns},
        length=len(single),
        unreadable={place: chunk.unreadable[0] for place, chunk in enumerate(single) if chunk.unreadable},
    )


def _size(table: Any) -> int:
    """Bytes of the rows, without texts that they only refer to."""
    return sum(_bytes(chunk) for place in range(table.num_columns) for chunk in _arrays(table.column(place)))


def _arrays(column: Any) -> Sequence[Any]:
    """The arrays of a table's column; a batch's is one."""
    chunks: Sequence[Any] | None = getattr(column, "chunks", None)
    return [column] if chunks is None else chunks


def _bytes(array: Any) -> int:
    kind = array.type
    if hasattr(kind, "index_type"):
        return 4 * len(array)
    if not _has_shared(kind):
        return int(array.nbytes)
    parts = array.flatten()
    return 4 * len(array) + sum(map(_bytes, parts if isinstance(parts, list) else [parts]))


def _has_shared(kind: Any) -> bool:
    """Whether lists or objects of this type refer to texts; never a map, see ``_can_be_shared``."""
    parts = [kind.field(place).type for place in range(kind.num_fields)] if hasattr(kind, "field") else []
    return hasattr(kind, "index_type") or any(map(_has_shared, parts))


# values, by type


def _plain(column: Any) -> list[Any]:
    """The Python values of a column."""
    return [value for array in _arrays(column) for value in _plain_array(array)]


def _plain_array(array: Any) -> list[Any]:
    arrow = import_arrow("pyarrow", purpose="an Arrow table")
    read = _reader_of(array.type, arrow.types)
    values: list[Any] = read(array, arrow) if read else array.to_pylist()
    return values


@lru_cache(maxsize=256)
def _reader_of(kind: Any, types: Any) -> Callable[[Any, Any], list[Any]] | None:
    return next((read for fits, read in _READERS if getattr(types, fits)(kind)), None)


def _plain_single(array: Any, arrow: Any) -> list[Any]:
    return list(array.cast(arrow.string()).cast(arrow.float64()).to_pylist())


def _plain_half(array: Any, arrow: Any) -> list[Any]:
    return [None if value is None else _shortest_half(float(value)) for value in array.to_pylist()]


def _shortest_half(value: float) -> float:
    """The number of fewest digits that is this one in half precision: 0.1, not 0.0999755859375."""
    if not math.isfinite(value) or value.is_integer():
        return value
    written = (float(f"{value:.{digits}g}") for digits in range(1, _DIGITS_OF_HALF))
    return next((one for one in written if _as_half(one) == value), value)


def _as_half(value: float) -> float | None:
    try:
        return float(struct.unpack("<e", struct.pack("<e", value))[0])
    except OverflowError:  # rounded up beyond the largest
        return None


_DIGITS_OF_HALF: Final = 6
"""Short of so many digits tell any two numbers of half precision apart."""


def _plain_time(array: Any, arrow: Any) -> list[datetime | None]:
    zone = arrow.scalar(0, array.type).as_py().tzinfo if array.type.tz else None
    unit = array.type.unit
    cut = array.cast(arrow.timestamp("us", array.type.tz), safe=False) if unit == "ns" else array
    step = {"s": 1_000_000, "ms": 1000}.get(unit, 1)
    is_utc = zone is None or array.type.tz in ("UTC", "Etc/UTC", "Z", "+00:00")
    begin = datetime(1970, 1, 1, tzinfo=zone if is_utc else UTC)
    times = [
        None if value is None else begin + timedelta(microseconds=step * value)
        for value in cut.cast(arrow.int64()).to_pylist()
    ]
    return times if is_utc else [time and time.astimezone(zone) for time in times]


def _plain_fine(array: Any, arrow: Any) -> list[Any]:
    if array.type.unit != "ns":
        return list(array.to_pylist())
    finer = arrow.time64("us") if arrow.types.is_time(array.type) else arrow.duration("us")
    return list(array.cast(finer, safe=False).to_pylist())


def _plain_shared(array: Any, arrow: Any) -> list[Any]:
    """Texts of which the array holds each once; a long one is one object, however many rows have it."""
    if _longest(array.dictionary, arrow) * len(array) <= MAX_ROW_BYTES:
        if len(array.dictionary) > len(array) // 2 or array.null_count or array.dictionary.null_count:
            return list(array.dictionary.take(array.indices).to_pylist())
        return list(map(array.dictionary.to_pylist().__getitem__, array.indices.to_pylist()))
    used = array.indices.unique().drop_null()
    values = array.dictionary.take(used)
    n_repeats = len(array) - len(used) + 1
    if values.nbytes * n_repeats <= MAX_ROW_BYTES:
        return _plain_array(array.dictionary.take(array.indices))
    if any(values.slice(at, 1).nbytes > MAX_ROW_BYTES for at in range(len(used))):
        raise _TooLong
    texts = {None: None, **dict(zip(used.to_pylist(), _plain_array(values), strict=True))}
    return [texts[place] for place in array.indices.to_pylist()]


def _longest(dictionary: Any, arrow: Any) -> int:
    """The most bytes that one of these texts has; more than any chunk may have where they are no texts."""
    if not arrow.types.is_string(dictionary.type):
        return MAX_ROW_BYTES + 1
    offsets, texts = dictionary.buffers()[1:]
    if texts is None:
        return 0
    # One dictionary serves many chunks: whoever has these very bytes was measured before.
    place = (offsets.address, texts.address, texts.size, dictionary.offset, len(dictionary))
    known = _MEASURED.get(place)
    if known is None:
        compute = import_arrow("pyarrow.compute", purpose="an Arrow table")
        known = int(compute.max(compute.binary_length(dictionary)).as_py() or 0)
        if len(_MEASURED) >= _MOST_MEASURED:
            _MEASURED.clear()
        _MEASURED[place] = known
    return known


_MOST_MEASURED = 64
_MEASURED: dict[tuple[int, ...], int] = {}


def _plain_struct(array: Any, arrow: Any) -> list[Any]:
    names = [array.type.field(place).name for place in range(array.type.num_fields)]
    if len(set(names)) < len(names):
        raise ValueError
    fields = [_plain_array(field) for field in array.flatten()]
    rows = zip(*fields, strict=True) if fields else ((),) * len(array)
    if not array.null_count:
        return [dict(zip(names, row, strict=True)) for row in rows]
    valid = array.is_valid().to_pylist()
    return [
        dict(zip(names, row, strict=True)) if is_there else None
        for row, is_there in zip(rows, valid, strict=True)
    ]


def _plain_list(array: Any, arrow: Any) -> list[Any]:
    compute = import_arrow("pyarrow.compute", purpose="an Arrow table")
    values = _plain_array(array.flatten())
    rows: list[Any] = []
    start = 0
    for length in compute.list_value_length(array).to_pylist():
        rows.append(None if length is None else values[start : start + length])
        start += length or 0
    return rows


def _plain_map(array: Any, arrow: Any) -> list[Any]:
    kind = array.type
    lists = arrow.list_(arrow.struct([("key", kind.key_type), ("value", kind.item_type)]))
    entries = _plain_list(array.cast(lists), arrow)
    try:
        return [
            None if pairs is None else {pair["key"]: pair["value"] for pair in pairs} for pairs in entries
        ]
    except TypeError:  # a key that is a list or an object
        return list(array.to_pylist())


def _plain_decimal(array: Any, arrow: Any) -> list[Decimal | None]:
    return [None if text is None else Decimal(text) for text in array.cast(arrow.string()).to_pylist()]


_Read = Callable[[Any, Any], list[Any]]

# By the names of pyarrow.types, of which the first that fits counts. What is in none of them is as Arrow
# gives it: texts, bytes, whole numbers, dates, extensions.
_READERS: tuple[tuple[str, _Read], ...] = (
    ("is_dictionary", _plain_shared),
    ("is_float32", _plain_single),
    ("is_float16", _plain_half),
    ("is_timestamp", _plain_time),
    ("is_time", _plain_fine),
    ("is_duration", _plain_fine),
    ("is_decimal128", _plain_decimal),
    ("is_struct", _plain_struct),
    ("is_map", _plain_map),
    ("is_list", _plain_list),
    ("is_large_list", _plain_list),
    ("is_fixed_size_list", _plain_list),
)


# files


def _file_chunks(
    file: Any, columns: Sequence[str], *, options: TableOptions, arrow: Any
) -> Iterator[LinedChunk]:
    for page in _file_pages(file, options=options, arrow=arrow):
        for chunk in chunks_of(page, columns=columns):
            yield LinedChunk(chunk, None)


def _file_pages(file: Any, *, options: TableOptions, arrow: Any) -> Iterator[Any]:
    row_groups = options.row_groups
    for place in range(file.metadata.num_row_groups) if row_groups is None else row_groups:
        group = file.metadata.row_group(place)
        size = _rows_at_once(group, file.schema, options=options)
        # In one thread: several keep memory each, the more of it the longer the file.
        batches = file.iter_batches(batch_size=size, row_groups=[place], use_threads=False)
        while True:
            try:
                page = next(batches, None)
            except arrow.ArrowException:
                raise _damaged(options) from None
            if page is None:
                break
            yield page


def _shared_texts(metadata: Any) -> list[str]:
    """The columns of texts that the file keeps once and refers to; read so, a text is never copied."""
    schema = metadata.schema
    kinds = {schema.column(place).path: schema.column(place) for place in range(metadata.num_columns)}
    columns = (
        metadata.row_group(group).column(place)
        for group in range(metadata.num_row_groups)
        for place in range(metadata.num_columns)
    )
    repeating = {column.path_in_schema for column in columns if _repeats_texts(column)}
    return sorted(path for path in repeating if _can_be_shared(kinds[path]))


def _repeats_texts(column: Any) -> bool:
    return column.physical_type == "BYTE_ARRAY" and any("DICT" in one for one in column.encodings)


def _can_be_shared(kind: Any) -> bool:
    return kind.logical_type.type in ("STRING", "NONE", "JSON", "ENUM") and ".key_value." not in kind.path


def _rows_at_once(group: Any, schema: Any, *, options: TableOptions) -> int:
    """How many rows of a row group are read at once, told from what it says of itself.

    :raises ConfigurationError: it unfolds to far more than it is.
    """
    width = 0.0
    for place in range(group.num_columns):
        column = group.column(place)
        _check_column(column, schema.column(place), options=options)
        kind = schema.column(place)
        width += _width(column, kind, n_rows=max(group.num_rows, 1))
    return max(1, min(options.page_size, int(CHUNK_BYTES / max(width, 1))))


def _check_column(column: Any, kind: Any, *, options: TableOptions) -> None:
    unfolded = column.total_uncompressed_size
    is_bomb = unfolded > _MAX_UNFOLDED and unfolded > _MAX_RATIO * column.total_compressed_size
    if is_bomb or (kind.max_repetition_level and column.num_values > _MAX_NESTED):
        raise ConfigurationError(
            "Write the Parquet file in smaller row groups, without the columns that are not needed: "
            f"{options.name} unfolds to far more than its size."
        )


def _width(column: Any, kind: Any, *, n_rows: int) -> float:
    """Bytes of a row's values in the column, as far as can be told."""
    size: int = column.total_uncompressed_size
    n_values: int = column.num_values
    n_bytes: int = max(kind.length or 0, 8)
    is_copied = _repeats_texts(column) and not _can_be_shared(kind)
    may_repeat = "DELTA_BYTE_ARRAY" in column.encodings or is_copied
    if may_repeat:  # each row may have the longest value
        return max(size / n_rows, min(size, CHUNK_BYTES / 64))
    return max(size / n_rows, n_values / n_rows * n_bytes)


def _damaged(options: TableOptions) -> ConfigurationError:
    return ConfigurationError(
        f"Write the Parquet file again: {options.name} is not a whole one, but damaged, cut off or of "
        "another format."
    )
