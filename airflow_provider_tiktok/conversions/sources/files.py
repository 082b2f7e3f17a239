# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Rows of files, one file after the other, each read as a stream.

The room opens, unpacks and joins; the formats have rooms of their own. It knows no file system: a path
is any object with ``open`` and ``stat``, such as ``pathlib.Path`` or Airflow's ``ObjectStoragePath``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, suppress
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import Any, TypeVar

from airflow_provider_tiktok.conversions.addresses import shown_path
from airflow_provider_tiktok.conversions.chunks import Chunk, RecordChunk, rows_of
from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.events import Row
from airflow_provider_tiktok.conversions.sources.arrow_rows import read_parquet
from airflow_provider_tiktok.conversions.sources.compression import (
    COMPRESSIONS,
    buffered,
    find_compression,
    unpacked,
)
from airflow_provider_tiktok.conversions.sources.csv_rows import read_csv
from airflow_provider_tiktok.conversions.sources.file_ranges import PartOfFile
from airflow_provider_tiktok.conversions.sources.fingerprints import fingerprint
from airflow_provider_tiktok.conversions.sources.json_rows import read_json, read_json_lines
from airflow_provider_tiktok.conversions.sources.partitions import PartitionedChunk, partitions_of
from airflow_provider_tiktok.conversions.sources.paths import FilePath, explained, stamp
from airflow_provider_tiktok.conversions.sources.places import Place, Places
from airflow_provider_tiktok.conversions.sources.replay import Replay
from airflow_provider_tiktok.conversions.sources.strangers import check_head, find_foreign_ending
from airflow_provider_tiktok.conversions.sources.tables import (
    LinedChunk,
    Table,
    TableOptions,
    find_repeated,
)
from airflow_provider_tiktok.conversions.sources.text import find_encoding, text_of

T = TypeVar("T")


class FilesSource:
    """Rows of files in JSON Lines, JSON, CSV, TSV or Parquet, packed or not.

    - *JSON Lines*: one row for each line that is not blank. A dead letter gives the event it holds; one of
      an accepted or skipped event gives no row.
    - *JSON*: an array of rows, an object that holds nothing but one, or objects one after the other; what is
      not JSON Lines is read whole.
    - *CSV, TSV*: the first row names the columns. Values are text, empty text included; a row in which no
      column has any text is no row.
    - *Parquet*: read in parts.

    Of columns that share a name each is called by its number, such as ``phone (column 3)``. Files may differ
    in their columns and in the order of these.

    An empty file has no rows. A file that is cut off gives the rows before the cut and then an error.

    :param paths: the files in the order in which they are read; rows are numbered on over all of them.
    :param format: ``auto`` goes by the file's name, with or without the ending of a packed file.
    :param compression: ``auto`` goes by the file's first bytes.
    :param encoding: of JSON and CSV text; a byte order mark is skipped.
    :param csv_delimiter: one character; TSV always has the tab.
    :param csv_columns: names of the columns of CSV and TSV files without a header.
    :param csv_quote: the character around fields of CSV and TSV files; an empty text for none.
    :param csv_skip_rows: lines above the header of CSV and TSV files, or above the rows where there is none.
    :param hive_columns: whether folders such as ``day=2026-11-26`` are columns of the files below them; a
        column of the file's own comes first.
    :param page_size: rows of a Parquet file in memory at once.
    :param max_row_chars: a longer row of text is unreadable, so that a missing line break costs no memory.
    :param max_array_chars: a longer JSON array is refused.
    :raises ConfigurationError: an argument is wrong. No file is touched before it is read.
    """

    is_ordered = True

    def __init__(
        self,
        paths: Iterable[FilePath],
        *,
        format: str = "auto",
        compression: str = "auto",
        encoding: str = "utf-8",
        csv_delimiter: str = ",",
        csv_columns: Sequence[str] | None = None,
        csv_quote: str = '"',
        csv_skip_rows: int = 0,
        hive_columns: bool = False,
        page_size: int = 10_000,
        max_row_chars: int = 2_000_000,
        max_array_chars: int = 50_000_000,
    ) -> None:
        self._paths = _checked_paths(paths)
        self._formats = [find_format(path, stated=format) for path in self._paths]
        self._compression = _one_of(("auto", *COMPRESSIONS), compression, argument="compression")
        self._encoding = _checked_encoding(encoding)
        self._delimiter = _checked_delimiter(csv_delimiter)
        self._csv_columns = _checked_columns(csv_columns)
        self._csv_quote = _checked_quote(csv_quote, delimiter=self._delimiter)
        self._csv_skip_rows = _checked_skip(csv_skip_rows)
        self._hive_columns = hive_columns
        self._page_size = _at_least_one(page_size, argument="page_size")
        self._max_row_chars = _at_least_one(max_row_chars, argument="max_row_chars")
        self._max_array_chars = _at_least_one(max_array_chars, argument="max_array_chars")
        self._begin()

    def _begin(self) -> None:
        self._columns: tuple[str, ...] | None = None
        self._places = Places()
        self._replay = Replay()

    @property
    def formats(self) -> frozenset[str]:
        """The formats of the files."""
        return frozenset(self._formats)

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Columns of the file that the latest row is of, as soon as the first row was taken.

        ``None`` before that, for JSON, and where JSON is among the files: there each row has its own.
        """
        return self._columns

    @property
    def oldest_replay_time(self) -> int | None:
        """Unix seconds of the oldest dead letter read so far, ``None`` for none."""
        return self._replay.oldest_time

    @property
    def files(self) -> tuple[str, ...]:
        """The files' addresses in their order, without credentials."""
        return tuple(shown_path(path) for path in self._paths)

    def locate(self, row: int) -> Place | None:
        """Where a row of the latest reading stands, by its number over all files; ``None`` if not read."""
        return self._places.find(row)

    def reads(self, path: object) -> bool:
        """Whether this path is one of the files: what is written to it would be read, without end."""
        return any(str(path) == str(file) or _is_same_file(path, file) for file in self._paths)

    def fingerprint(self) -> str | None:
        """A digest over the files' names, sizes and times and over the settings that decide what is a row.

        :raises ConfigurationError: a file is not there.
        """
        settings: list[Any] = [
            self._formats,
            self._compression,
            self._encoding,
            self._delimiter,
            self._csv_columns,
        ]
        settings += [self._csv_quote, self._csv_skip_rows, self._hive_columns]
        stamps = [stamp(path) for path in self._paths]
        return None if None in stamps else fingerprint([*settings, self._max_row_chars, *stamps])

    def rows(self) -> Generator[Row, None, None]:
        """The rows one by one; raises as ``chunks`` does."""
        return rows_of(self.chunks())

    def chunks(self) -> Generator[Chunk, None, None]:
        """The rows in chunks, each of one file.

        :raises ConfigurationError: a file cannot be opened, is no file of its format or is cut off.
        :raises TransientError: reading failed on the way to the file.
        """
        self._begin()
        for path, name in zip(self._paths, self._formats, strict=True):
            with explained(path), ExitStack() as stack:
                table = self._open(path, format=name, stack=stack)
                shared = self._shared(path)
                columns = table.columns and tuple(dict.fromkeys((*table.columns, *shared)))
                if _TABULAR.issuperset(self._formats):
                    self._columns = columns or self._columns
                self._places.enter(shown_path(path))
                for chunk, lines in table.chunks if table.columns else map(self._replayed, table.chunks):
                    if len(chunk):
                        self._places.note(len(chunk), lines=lines)
                        yield PartitionedChunk(chunk, shared=shared, names=columns) if shared else chunk

    def _replayed(self, part: LinedChunk) -> LinedChunk:
        """The rows with the events of dead letters in the place of those."""
        chunk, lines = part
        read = [self._replay.read(chunk.row(place)) for place in range(len(chunk))]
        taken = [(place, row) for place, row in enumerate(read) if row is not None]
        kept = RecordChunk([row for _, row in taken])
        return LinedChunk(kept, None if lines is None else [lines[place] for place, _ in taken])

    def headers(self) -> list[tuple[str, ...]]:
        """The columns that each file declares; none for JSON and for a file with nothing in it.

        :raises ConfigurationError: as of ``chunks``.
        :raises TransientError: likewise.
        """
        found = []
        for path, name in zip(self._paths, self._formats, strict=True):
            with explained(path), ExitStack() as stack:
                columns = self._open(path, format=name, stack=stack).columns
                found.append(tuple(dict.fromkeys((*columns, *self._shared(path)))) if columns else ())
        return found

    def read_each(
        self, read: Callable[[Any, TableOptions], Iterable[T]]
    ) -> Generator[tuple[dict[str, str | bytes | None], T], None, None]:
        """What a reader makes of each file's unpacked bytes, file by file, beside the columns of its folders.

        Raises as ``chunks`` does.
        """
        for path, name in zip(self._paths, self._formats, strict=True):
            with explained(path), ExitStack() as stack:
                plain = self._plain(path, format=name, stack=stack)
                for part in read(plain, self._options(path, format=name)):
                    yield self._shared(path), part

    def _shared(self, path: FilePath) -> dict[str, str | bytes | None]:
        return partitions_of(path) if self._hive_columns else {}

    def _open(self, path: FilePath, *, format: str, stack: ExitStack) -> Table:
        plain = self._plain(path, format=format, stack=stack)
        return _READERS[format](plain, self._options(path, format=format), stack)

    def _plain(self, path: FilePath, *, format: str, stack: ExitStack) -> BufferedReader:
        stream = buffered(stack.enter_context(path.open("rb")))
        compression = find_compression(stream) if self._compression == "auto" else self._compression
        plain: BufferedReader = stack.enter_context(unpacked(stream, compression=compression))
        check_head(plain.peek(4096)[:4096], name=shown_path(path), format=format, encoding=self._encoding)
        return plain

    def _options(self, path: FilePath, *, format: str) -> TableOptions:
        return TableOptions(
            name=shown_path(path),
            encoding=self._encoding,
            delimiter="\t" if format == "tsv" else self._delimiter,
            columns=self._csv_columns,
            quote=self._csv_quote,
            skip_rows=self._csv_skip_rows,
            page_size=self._page_size,
            max_row_chars=self._max_row_chars,
            max_array_chars=self._max_array_chars,
            row_groups=path.row_groups if isinstance(path, PartOfFile) else None,
        )


# opening


def _read_json(stream: Any, options: TableOptions, stack: ExitStack) -> Table:
    return read_json(_text(stream, options, stack, newline="\n"), options=options)


def _read_json_lines(stream: Any, options: TableOptions, stack: ExitStack) -> Table:
    return read_json_lines(_text(stream, options, stack, newline="\n"), options=options)


def _read_csv(stream: Any, options: TableOptions, stack: ExitStack) -> Table:
    return read_csv(_text(stream, options, stack, newline=""), options=options)


def _read_parquet(stream: Any, options: TableOptions, stack: ExitStack) -> Table:
    return read_parquet(stream, options=options)


def _text(stream: Any, options: TableOptions, stack: ExitStack, *, newline: str) -> TextIOWrapper:
    return stack.enter_context(text_of(stream, encoding=options.encoding, newline=newline))


_READERS: dict[str, Callable[[Any, TableOptions, ExitStack], Table]] = {
    "jsonl": _read_json_lines,
    "json": _read_json,
    "csv": _read_csv,
    "tsv": _read_csv,
    "parquet": _read_parquet,
}

_TABULAR = frozenset({"csv", "tsv", "parquet"})

_ENDINGS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_PACKED_ENDINGS = (".gz", ".bz2", ".xz", ".zst")


def _is_same_file(one: object, other: object) -> bool:
    """Whether two local paths lead to one file, by links or by other names of its folder."""
    if not (_is_local(one) and _is_local(other)):
        return False
    with suppress(OSError):
        return os.path.samefile(one, other)  # type: ignore[arg-type]  # both are paths
    return False


def _is_local(path: object) -> bool:
    """Whether the path is a plain one; with universal_pathlib below 0.3 object storage has a ``Path`` too."""
    return isinstance(path, Path) and not hasattr(path, "protocol")


# arguments


def _checked_paths(paths: object) -> list[FilePath]:
    checked = [] if isinstance(paths, str | bytes) or not isinstance(paths, Iterable) else list(paths)
    if not checked or not all(callable(getattr(path, "open", None)) for path in checked):
        raise ConfigurationError("Give a list of at least one path object as path, such as pathlib.Path.")
    return checked


def _one_of(allowed: Sequence[str], value: str, *, argument: str) -> str:
    if value not in allowed:
        raise ConfigurationError(f"Set {argument} to one of {', '.join(allowed)}: {value!r} is not known.")
    return value


def _at_least_one(value: int, *, argument: str) -> int:
    if value < 1:
        raise ConfigurationError(f"Set {argument} to at least 1: {value} is too small.")
    return value


def find_format(path: FilePath, *, stated: str) -> str:
    """The format that is stated, else the one that the file's name tells.

    :raises ConfigurationError: neither is one that is read.
    """
    if _one_of(("auto", *_READERS), stated, argument="format") != "auto":
        return stated
    name = shown_path(path).lower()
    for ending in _PACKED_ENDINGS:
        name = name.removesuffix(ending)
    for ending, format_ in _ENDINGS.items():
        if name.endswith(ending):
            return format_
    if told := find_foreign_ending(name):
        what, remedy = told
        raise ConfigurationError(f"{remedy}: path {shown_path(path)} {what}.")
    raise ConfigurationError(
        f"Set format to one of {', '.join(_READERS)}: the name of {shown_path(path)} does not tell it."
    )


def _checked_encoding(name: str) -> str:
    encoding = find_encoding(name)
    if encoding is None:
        raise ConfigurationError(
            f"Set encoding to one of Python's names, such as 'utf-16': {name!r} is not known."
        )
    return encoding


def _checked_delimiter(delimiter: str) -> str:
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise ConfigurationError("Give one character that is no quote and no line end as csv_delimiter.")
    return delimiter


def _checked_quote(quote: object, *, delimiter: str) -> str | None:
    if quote == "":
        return None
    if isinstance(quote, str) and len(quote) == 1 and quote not in f"\r\n \t{delimiter}":
        return quote
    raise ConfigurationError("Give the one character around fields as csv_quote, or an empty text for none.")


def _checked_skip(count: object) -> int:
    if isinstance(count, int) and not isinstance(count, bool) and count >= 0:
        return count
    raise ConfigurationError("Set csv_skip_rows to the number of lines above the header, 0 for none.")


def _checked_columns(columns: Sequence[str] | None) -> tuple[str, ...] | None:
    if columns is None:
        return None
    if isinstance(columns, str) or not columns or find_repeated(tuple(columns)):
        raise ConfigurationError("Give a list of names in the file's order as csv_columns, each once.")
    return tuple(columns)
