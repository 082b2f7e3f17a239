# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""CSV text to rows of text, such that one bad row costs no other.

A stray quote would swallow the rows after it until the next quote. So a record that does not come out
right gives up its first line only, and the lines that it had taken are read again as rows of their own.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from io import TextIOWrapper

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.events import Row, UnreadableRow
from airflow_provider_tiktok.conversions.sources.tables import Table, TableOptions, find_repeated
from airflow_provider_tiktok.conversions.sources.text import find_fault, lines_of

MAX_LINES_PER_ROW = 200
"""A record with more lines has a stray quote. Also bounds how often a line is read again."""

_NOT_CSV = UnreadableRow(
    "not_csv",
    "Close every quote, double a quote inside quotes, and keep a field below 131,072 characters.",
)
_NUL_BYTE = UnreadableRow("nul_byte", "Take the zero bytes out of this row.")

Record = list[str] | UnreadableRow


def read_csv(text: TextIOWrapper, *, options: TableOptions) -> Table:
    """One row for each record below the header; every value is text. Empty lines are no rows.

    :raises ConfigurationError: the header cannot be read or names a column twice.
    """
    lines = lines_of(text, max_chars=options.max_row_chars, ends=("\n", "\r"))
    records = _Records(lines, options=options)
    columns = options.columns or _header(records, options=options)
    if columns is None:
        return Table(columns=None, rows=iter(()))
    records.width = len(columns)
    return Table(columns=columns, rows=((number, _row(columns, record)) for number, record in records))


def _header(records: _Records, *, options: TableOptions) -> tuple[str, ...] | None:
    """The column names without blanks around them, ``None`` for an empty file."""
    _, record = next(records, (0, None))
    if record is None:
        return None
    if isinstance(record, UnreadableRow):
        raise ConfigurationError(
            f"{options.name}: the header cannot be read ({record.rule}). {record.remedy}"
        )
    columns = tuple(field.strip() for field in record)
    if repeated := find_repeated(columns):
        # Told by number: a file without a header has personal data here.
        places = ", ".join(str(place) for place, name in enumerate(columns, 1) if name in repeated)
        raise ConfigurationError(
            f"{options.name}: the header has one name in columns {places}. If the first row is data, state "
            "the names in csv_columns."
        )
    return columns


def _row(columns: tuple[str, ...], record: Record) -> Row:
    return record if isinstance(record, UnreadableRow) else dict(zip(columns, record, strict=True))


class _Lines:
    """Lines for the parser, which can be handed back; knows which ones the record under way has taken."""

    def __init__(self, lines: Iterator[str], *, max_chars: int) -> None:
        self._lines = lines
        self._max_chars = max_chars
        self._returned: deque[str] = deque()
        self.taken: list[str] = []
        self.number = 1

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if len(self.taken) >= MAX_LINES_PER_ROW:
            raise csv.Error
        line = self._returned.popleft() if self._returned else next(self._lines)
        self.taken.append(line)
        if len(line) > self._max_chars:
            raise csv.Error  # a cut line may lack its closing quote
        return line

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
        for line in self.taken:
            if fault := find_fault(line, max_chars=self._max_chars):
                return fault
            if "\0" in line:
                return _NUL_BYTE
        return None


class _Records:
    """The records of the text, each with the number of its first line.

    :ivar width: how many fields a record must have, ``None`` until the header is known.
    """

    def __init__(self, lines: Iterator[str], *, options: TableOptions) -> None:
        self._lines = _Lines(lines, max_chars=options.max_row_chars)
        self._parser = csv.reader(self._lines, delimiter=options.delimiter, strict=True)
        self.width: int | None = None

    def __iter__(self) -> _Records:
        return self

    def __next__(self) -> tuple[int, Record]:
        record: Record = []
        while not record:
            self._lines.begin()
            record = self._parse()
        return self._lines.number, record

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
        if self.width is None or not fields or len(fields) == self.width:
            return None
        return UnreadableRow(
            "wrong_number_of_columns",
            f"The row has {len(fields)} fields and not {self.width}: quote fields that hold the delimiter.",
        )
