# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""CSV text to columns of text, such that one bad row costs no other.

A stray quote would swallow the rows after it until the next quote. So a record that does not come out
right gives up its first line only, and the lines that it had taken are read again as rows of their own.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from io import TextIOWrapper
from itertools import islice
from typing import Any

from airflow_provider_tiktok.conversions.chunks import CHUNK_BYTES, CHUNK_ROWS, ColumnChunk
from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.events import UnreadableRow
from airflow_provider_tiktok.conversions.sources.tables import (
    LinedChunk,
    Table,
    TableOptions,
    distinct_columns,
)
from airflow_provider_tiktok.conversions.sources.text import BAD_CHAR, find_fault, lines_of

MAX_LINES_PER_ROW = 200
"""A record with more lines has a stray quote. Also bounds how often a line is read again."""

_PLAIN_LINES = 256
"""Lines that are parsed in one go, as long as nothing about them is odd."""

_DELIMITERS = (",", ";", "\t", "|")
_SHOWN = {"\t": r"\t"}

_NOT_CSV = UnreadableRow(
    "not_csv",
    "Close every quote, double a quote inside quotes, and keep a field below 131,072 characters.",
)
_NUL_BYTE = UnreadableRow("nul_byte", "Take the zero bytes out of this row.")

Record = list[str] | UnreadableRow


def read_csv(text: TextIOWrapper, *, options: TableOptions) -> Table:
    """One row for each record below the header; every value is text.

    A row with no text in it, or that repeats the header, is no row.

    A first line ``sep=;``, which Excel writes and reads, names the delimiter.

    :raises ConfigurationError: the header cannot be read, or shows that the delimiter is another one.
    """
    whole = lines_of(text, max_chars=options.max_row_chars, ends=("\n", "\r"))
    lines = _Lines(_unmarked(whole), max_chars=options.max_row_chars)
    n_skipped = lines.skip(options.skip_rows)
    if 0 < n_skipped < options.skip_rows:
        raise ConfigurationError(
            f"Set csv_skip_rows to the number of lines above the header: {options.name} has {n_skipped:,} "
            "lines."
        )
    records = _Records(lines, delimiter=lines.take_separator() or options.delimiter, quote=options.quote)
    columns = options.columns or _header(records, options=options)
    if columns is None:
        return Table(columns=None, chunks=iter(()))
    records.width = len(columns)
    return Table(columns=columns, chunks=_chunks(records, columns))


def _unmarked(lines: Iterator[str]) -> Iterator[str]:
    """The lines, the first one without the mark that most encodings leave in front of it."""
    yield from (line.removeprefix("\ufeff") for line in islice(lines, 1))
    yield from lines


def _header(records: _Records, *, options: TableOptions) -> tuple[str, ...] | None:
    """The column names without blanks around them, ``None`` for an empty file."""
    _, record = next(records, (0, None))
    if record is None:
        return None
    if isinstance(record, UnreadableRow):
        raise ConfigurationError(
            f"{record.remedy} The header of {options.name} cannot be read ({record.rule})."
        )
    if other := _find_delimiter(record, records.delimiter):
        is_tsv = records.delimiter == "\t"
        raise ConfigurationError(
            f"Set {'format=' + repr('csv') + ' and ' if is_tsv else ''}csv_delimiter={_quoted(other)}: "
            f"the header of {options.name} is not parted by {_quoted(records.delimiter)}."
        )
    records.header = record
    return distinct_columns([field.strip() for field in record], source=options.name)


def _find_delimiter(fields: Sequence[str], delimiter: str) -> str | None:
    """The delimiter that is in every field, where the stated one parts them badly or not at all."""
    others = (other for other in _DELIMITERS if other != delimiter)
    return next((other for other in others if all(other in field for field in fields)), None)


def _quoted(delimiter: str) -> str:
    return f"'{_SHOWN.get(delimiter, delimiter)}'"


def _chunks(records: _Records, columns: tuple[str, ...]) -> Iterator[LinedChunk]:
    nothing = [""] * len(columns)
    while True:
        lines, taken, broken = records.take_chunk()
        if taken:
            unreadable = {
                place: record for place, record in enumerate(taken) if isinstance(record, UnreadableRow)
            }
            fields = [nothing if isinstance(record, UnreadableRow) else record for record in taken]
            chunk = ColumnChunk(
                dict(zip(columns, zip(*fields, strict=True), strict=True)),
                length=len(taken),
                unreadable=unreadable,
            )
            yield LinedChunk(chunk, lines)
        if broken is not None:
            raise broken
        if not taken:
            return


class _Lines:
    """Lines for the parser, which can be handed back; knows which ones the record under way has taken."""

    def __init__(self, lines: Iterator[str], *, max_chars: int) -> None:
        self._lines = lines
        self._max_chars = max_chars
        self._returned: deque[str] = deque()
        self._broken: Exception | None = None
        self.taken: list[str] = []
        self.number = 1

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if len(self.taken) >= MAX_LINES_PER_ROW:
            raise csv.Error
        line = self._returned.popleft() if self._returned else self._read()
        self.taken.append(line)
        if len(line) > self._max_chars:
            raise csv.Error  # a cut line may lack its closing quote
        return line

    def _read(self) -> str:
        if self._broken is not None:
            raise self._broken
        return next(self._lines)

    def skip(self, count: int) -> int:
        """Pass by the first lines, and give how many there were."""
        n_skipped = sum(1 for _ in islice(self._lines, count))
        self.number += n_skipped
        return n_skipped

    def take_separator(self) -> str | None:
        """The delimiter of a first line ``sep=;``, which is taken; else ``None``, and nothing is."""
        line = next(self._lines, "")
        stated = line[:20].strip("\r\n").strip('"')
        if len(stated) == 5 and stated.lower().startswith("sep="):
            self.number += 1
            return stated[4]
        self._returned.extend([line] if line else ())
        return None

    def take_sound(self, count: int) -> list[str]:
        """The next lines, up to this many, that end before one with a fault in its characters.

        What breaks the reading of lines is kept for when they are asked for one by one.
        """
        self.begin()
        lines = [self._returned.popleft() for _ in range(min(count, len(self._returned)))]
        chars = sum(map(len, lines))
        try:
            for line in islice(self._lines, count - len(lines)) if self._broken is None else ():
                lines.append(line)
                chars += len(line)
                if chars > CHUNK_BYTES:
                    break
        except Exception as error:
            self._broken = error
        text = "".join(lines)
        is_long = chars > self._max_chars and max(map(len, lines)) > self._max_chars
        if is_long or BAD_CHAR in text or "\0" in text:
            sound = next(place for place, line in enumerate(lines) if self._find_fault(line))
            self._returned.extendleft(reversed(lines[sound:]))
            del lines[sound:]
        return lines

    def pass_by(self, lines: list[str], count: int) -> None:
        """Of these lines, the latest that were taken, the first ``count`` are done with, the others not."""
        self.number += count
        self._returned.extendleft(reversed(lines[count:]))

    def begin(self) -> None:
        """Start the next record."""
        self.number += len(self.taken)
        self.taken.clear()

    def keep_first(self) -> None:
        """Hand back all lines of the record but its first."""
        self._returned.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]

    def find_fault(self) -> UnreadableRow | None:
        """What is wrong with the characters of the record's lines, ``None`` for nothing."""
        return next((fault for line in self.taken if (fault := self._find_fault(line))), None)

    def _find_fault(self, line: str) -> UnreadableRow | None:
        fault = find_fault(line, max_chars=self._max_chars)
        return fault or (_NUL_BYTE if "\0" in line else None)


class _Records:
    """The records of the text, each with the number of its first line.

    :ivar width: how many fields a record must have, ``None`` until the header is known.
    :ivar header: a record like it is no row: files that were joined repeat it. ``None`` where there is none.
    """

    def __init__(self, lines: _Lines, *, delimiter: str, quote: str | None = '"') -> None:
        self._lines = lines
        self._quote = quote
        self._quoting: Any = csv.QUOTE_NONE if quote is None else csv.QUOTE_MINIMAL
        self._parser = self._parser_of(self._lines, delimiter=delimiter)
        self.delimiter = delimiter
        self.width: int | None = None
        self.header: list[str] | None = None

    def _parser_of(self, lines: Iterable[str], *, delimiter: str) -> Any:
        return csv.reader(
            lines, delimiter=delimiter, quotechar=self._quote, quoting=self._quoting, strict=True
        )

    def take_chunk(self) -> tuple[list[int], list[Record], Exception | None]:
        """The next records, their lines' numbers, and what broke the reading after them."""
        numbers: list[int] = []
        records: list[Record] = []
        chars = 0
        try:
            while len(records) < CHUNK_ROWS and chars < CHUNK_BYTES:
                chars += self._take_plain(numbers, records)
                if len(records) < CHUNK_ROWS and chars < CHUNK_BYTES:
                    number, record = next(self)
                    chars += sum(map(len, self._lines.taken))
                    numbers.append(number)
                    records.append(record)
        except StopIteration:
            pass
        except Exception as error:
            return numbers, records, error
        return numbers, records, None

    def _take_plain(self, numbers: list[int], records: list[Record]) -> int:
        """Add the records up to the first odd one, and give how many characters they had."""
        lines = self._lines.take_sound(min(_PLAIN_LINES, CHUNK_ROWS - len(records)))
        plain = self._parse_plain(lines)
        if plain is None:
            n_done = self._parse_up_to_odd(lines, numbers, records)
        else:
            n_done = len(lines)
            numbers.extend(range(self._lines.number, self._lines.number + n_done))
            records.extend(plain)
        self._lines.pass_by(lines, n_done)
        return sum(map(len, lines[:n_done]))

    def _parse_plain(self, lines: list[str]) -> list[list[str]] | None:
        """The records of these lines if each line is a record, and none blank; else ``None``."""
        try:
            records = list(self._parser_of(lines, delimiter=self.delimiter))
        except csv.Error:
            return None
        if len(records) != len(lines) or {*map(len, records)} != {self.width} or self.header in records:
            return None
        return records if all(record[0].strip() for record in records) else None

    def _parse_up_to_odd(self, lines: list[str], numbers: list[int], records: list[Record]) -> int:
        """Add the records up to the first odd one, and give how many lines they had."""
        parser = self._parser_of(lines, delimiter=self.delimiter)
        n_done = 0
        with suppress(csv.Error):
            for fields in parser:
                is_row = self._is_row(fields)
                is_odd = len(fields) != self.width and is_row
                if is_odd or parser.line_num - n_done > MAX_LINES_PER_ROW:
                    break
                if is_row:
                    numbers.append(self._lines.number + n_done)
                    records.append(fields)
                n_done = parser.line_num
        return n_done

    def __iter__(self) -> _Records:
        return self

    def __next__(self) -> tuple[int, Record]:
        record: Record = []
        while not isinstance(record, UnreadableRow) and not self._is_row(record):
            self._lines.begin()
            record = self._parse()
        return self._lines.number, record

    def _is_row(self, fields: list[str]) -> bool:
        return fields != self.header and not _is_blank(fields)

    def _parse(self) -> Record:
        fields: list[str] = []
        try:
            fields = next(self._parser)
            fault = self._check_width(fields)
        except csv.Error:
            fault = _NOT_CSV
        if fault is not None:
            self._lines.keep_first()
        return self._lines.find_fault() or fault or fields

    def _check_width(self, fields: list[str]) -> UnreadableRow | None:
        if self.width is None or len(fields) == self.width or _is_blank(fields):
            return None
        other = _find_delimiter(fields, self.delimiter) if len(fields) == 1 else None
        remedy = f"set csv_delimiter={_quoted(other)}" if other else "quote fields that hold the delimiter"
        return UnreadableRow(
            "wrong_number_of_columns", f"The row has {len(fields)} fields and not {self.width}: {remedy}."
        )


def _is_blank(fields: list[str]) -> bool:
    """Whether no field has any text: what spreadsheets leave below their data."""
    return not any(map(str.strip, fields))
