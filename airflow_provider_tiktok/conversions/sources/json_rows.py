# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""JSON text to rows. Numbers with a fraction become ``Decimal``, so that 0.10 stays 0.10."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from io import StringIO, TextIOWrapper
from itertools import chain, islice
from typing import Any

import msgspec

from airflow_provider_tiktok.conversions.chunks import CHUNK_BYTES, CHUNK_ROWS, RecordChunk
from airflow_provider_tiktok.conversions.errors import ConfigurationError, EventError
from airflow_provider_tiktok.conversions.events import Row, UnreadableRow
from airflow_provider_tiktok.conversions.sources.tables import (
    LinedChunk,
    SizedRow,
    Table,
    TableOptions,
    in_chunks,
)
from airflow_provider_tiktok.conversions.sources.text import BLANKS, find_fault, lines_of
from airflow_provider_tiktok.conversions.values import from_json

_DECODER = msgspec.json.Decoder(float_hook=Decimal)

_NOT_JSON = UnreadableRow("not_json", "Write one whole JSON object on each line, without a line break in it.")
_NOT_AN_OBJECT = UnreadableRow("not_an_object", "Give each event as one object of names and values.")
_TOO_LONG = UnreadableRow("too_long", "This one record is longer than max_row_chars: shorten it.")

_PRETTY = "Set format='json': {name} is a JSON document over several lines, or one list, and no JSON Lines."
_TOO_LARGE = (
    "Write it as JSON Lines, one object on each line: {name} is a JSON document of more than {limit:,} "
    "characters, which is not read whole into memory."
)
_NO_DOCUMENT = (
    "Name the encoding of the file, or write it again if it is cut off: {name} begins like a JSON array and "
    "is none, or holds bytes that are not text."
)
_WRAPPED = (
    "Write the list {key!r} alone, or one record on each line: {name} is one JSON object with that list and "
    "more beside it."
)

# Names that lists of records have in answers of APIs. A list of line items has none of them.
_LIST_NAMES = ("data", "events", "records", "results", "rows", "orders")


class NotJson(ValueError):
    """A text is no JSON. Says nothing of the text."""


def decode_json(text: str | bytes) -> Any:
    """The value that the text stands for; of a name that comes twice in an object, the last one.

    NaN, which Python writes where a data frame has no value, is null.

    :raises NotJson: also for what only some parsers take (Infinity, half a surrogate pair) and for nesting
        deeper than the interpreter can follow.
    """
    try:
        return _DECODER.decode(text)
    except (ValueError, ArithmeticError, RecursionError):
        pass  # tried once more, and raised below without the parser's words
    try:
        return from_json(text)
    except EventError:
        raise NotJson from None


def as_row(item: Any) -> Row:
    """The item if it is a row, else what stands for a row that is none."""
    return item if type(item) is dict or isinstance(item, Mapping) else _NOT_AN_OBJECT


def read_json_lines(text: TextIOWrapper, *, options: TableOptions) -> Table:
    """One row for each line that is not blank. A line that is no JSON object is one unreadable row.

    :raises ConfigurationError: the first line shows that these are no JSON Lines.
    """
    lines = lines_of(text, max_chars=options.max_row_chars)
    begin: list[str] = []
    for line in lines:
        begin.append(line)
        if line.strip(BLANKS) or len(begin) == CHUNK_ROWS:
            break
    first = begin[-1].strip(BLANKS) if begin else ""
    if first in ("[", "{") or _LIST_OF_OBJECTS.match(first):
        raise ConfigurationError(_PRETTY.format(name=options.name))
    return Table(columns=None, chunks=_line_chunks(chain(begin, lines), options))


def read_json(text: TextIOWrapper, *, options: TableOptions) -> Table:
    """One row for each record of a JSON file, however it is laid out.

    It may be an array; an object that holds nothing but one; objects one after the other, each on a line of
    its own or over several. All but JSON Lines is read whole and therefore bounded.

    :raises ConfigurationError: the file is too large to be read whole, or is no JSON.
    """
    number, first = 0, "\n"
    while first and not first.strip(BLANKS):
        number, first = number + 1, text.readline(options.max_array_chars + 1)
    rest = lines_of(text, max_chars=options.max_row_chars)
    begin = first.strip(BLANKS)
    if begin.startswith("["):
        return _table(_array_rows(_whole(text, first, options), options))
    if not _is_json(begin):
        content = _whole(text, first, options)
        if _are_documents(content):
            return _table(_document_rows(content, options))
        rest = chain(islice(StringIO(content), 1, None), rest)
    second = next(_numbered(rest, options, start=number + 1), None)
    if second is None and begin.startswith("{") and _is_json(begin):
        return _table(_document_rows(begin, options))
    between = [] if second is None else ["\n"] * (second[0] - number - 1) + [second[1]]
    return Table(columns=None, chunks=_line_chunks(chain([first], between, rest), options, start=number))


def _table(rows: Iterable[SizedRow]) -> Table:
    return Table(columns=None, chunks=in_chunks(rows))


# lines


def _line_chunks(lines: Iterator[str], options: TableOptions, *, start: int = 1) -> Iterator[LinedChunk]:
    """The rows of lines, of which the first has this number; blank ones are none.

    What breaks the reading is raised after the rows of the lines before it.
    """
    number = start
    is_open = True
    broken: Exception | None = None
    while is_open and broken is None:
        taken: list[str] = []
        chars = 0
        try:
            for line in islice(lines, CHUNK_ROWS):
                taken.append(line)
                chars += len(line)
                if chars >= CHUNK_BYTES:
                    break
        except Exception as error:
            broken = error
        is_open = bool(taken)
        chunk = _plain_chunk(taken, number, options) or _careful_chunk(taken, number, options)
        number += len(taken)
        if len(chunk.chunk):
            yield chunk
    if broken is not None:
        raise broken


def _plain_chunk(lines: list[str], number: int, options: TableOptions) -> LinedChunk | None:
    """The rows if each line is one, else ``None``."""
    if max(map(len, lines), default=0) > options.max_row_chars:
        return None
    try:
        rows = list(map(_DECODER.decode, lines))
    except (ValueError, ArithmeticError, RecursionError):
        return None
    if not set(map(type, rows)) <= {dict}:
        return None
    return LinedChunk(RecordChunk(rows), range(number, number + len(lines)))


def _careful_chunk(lines: list[str], number: int, options: TableOptions) -> LinedChunk:
    numbered = _numbered(lines, options, start=number)
    rows = [(_line_row(line, options), place) for place, line in numbered]
    return LinedChunk(RecordChunk([row for row, _ in rows]), [place for _, place in rows])


def _numbered(lines: Iterable[str], options: TableOptions, *, start: int = 1) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, as far as that can be seen of one that was cut."""
    limit = options.max_row_chars
    return (
        (number, line) for number, line in enumerate(lines, start) if line.strip(BLANKS) or len(line) > limit
    )


def _line_row(line: str, options: TableOptions) -> Row:
    return find_fault(line, max_chars=options.max_row_chars) or _row_of(line.strip(BLANKS))


def _row_of(text: str) -> Row:
    try:
        return as_row(decode_json(text))
    except NotJson:
        return _NOT_JSON


# documents: read whole as text, but never whole as objects, which take many times the memory


def _whole(text: TextIOWrapper, first: str, options: TableOptions) -> str:
    content = first + text.read(max(options.max_array_chars + 1 - len(first), 0))
    if len(content) > options.max_array_chars:
        raise ConfigurationError(_TOO_LARGE.format(name=options.name, limit=options.max_array_chars))
    return content.strip(BLANKS)


def _array_rows(content: str, options: TableOptions) -> Iterator[SizedRow]:
    if not _is_json(content):
        raise ConfigurationError(_NO_DOCUMENT.format(name=options.name)) from None
    for start, end in _items(content, 0):
        yield _document_row(content[start:end], options)


def _document_rows(content: str, options: TableOptions) -> Iterator[SizedRow]:
    """The rows of objects one after the other, or of the list that a single one is wrapped around."""
    documents = list(islice(_documents(content), 2))
    if len(documents) == 1:
        at = _wrapped_list(content, options)
        if at is not None:
            yield from _array_rows(content[at : _end_of_value(content, at)], options)
            return
    for start, end in _documents(content):
        yield _document_row(content[start:end], options)


def _document_row(text: str, options: TableOptions) -> SizedRow:
    row = _TOO_LONG if len(text) > options.max_row_chars else _row_of(text)
    return SizedRow(row, None, len(text))


def _wrapped_list(content: str, options: TableOptions) -> int | None:
    """Where the list begins that an object consists of, be it some objects deep; ``None`` for a record.

    :raises ConfigurationError: the object has such a list and more, so that it is unclear what it is.
    """
    at = 0
    while content[at] == "{":
        members = list(islice(_members(content, at), _MAX_MEMBERS))
        lists = [key for key, place in members if _LIST_OF_OBJECTS.match(content, place)]
        named = next((name for name in _LIST_NAMES if name in lists), None)
        if len(members) != 1:
            if named is not None:
                raise ConfigurationError(_WRAPPED.format(name=options.name, key=named))
            return None
        at = members[0][1]
    return at if _LIST_OF_OBJECTS.match(content, at) else None


_MAX_MEMBERS = 1000
_LIST_OF_OBJECTS = re.compile(r"\[\s*\{")

# Each takes any text in one pass, without going back.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_TO_BRACKET = re.compile(r'[^"\[\]{}]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"\[\]{}]*+)*+[\[\]{}]', re.DOTALL)
_SCALAR = re.compile(r"[^\s,\[\]{}]++")
_BETWEEN = re.compile(r"[\s,:\ufeff]*+")


def _is_json(text: str) -> bool:
    """Whether the text is laid out as JSON. Nothing is made of it."""
    try:
        _LAYOUT.decode(text)
    except (ValueError, RecursionError):
        return False
    return True


_LAYOUT = msgspec.json.Decoder(msgspec.Raw)


def _are_documents(content: str) -> bool:
    """Whether the text is objects one after the other."""
    try:
        return all(
            content[start] == "{" and _is_json(content[start:end]) for start, end in _documents(content)
        )
    except NotJson:
        return False


def _documents(content: str) -> Iterator[tuple[int, int]]:
    at = 0
    while at < len(content):
        end = _end_of_value(content, at)
        yield at, end
        at = _past(_BETWEEN, content, end)


def _items(content: str, start: int) -> Iterator[tuple[int, int]]:
    """Where the items of an array begin and end."""
    at = _past(_BETWEEN, content, start + 1)
    while content[at] != "]":
        end = _end_of_value(content, at)
        yield at, end
        at = _past(_BETWEEN, content, end)


def _members(content: str, start: int) -> Iterator[tuple[str, int]]:
    """The names of an object, and where their values begin."""
    at = _past(_BETWEEN, content, start + 1)
    while content[at] != "}":
        end = _past(_STRING, content, at)
        value = _past(_BETWEEN, content, end)
        yield content[at + 1 : end - 1], value
        at = _past(_BETWEEN, content, _end_of_value(content, value))


def _end_of_value(content: str, start: int) -> int:
    """Where a value ends.

    :raises NotJson: it does not end.
    """
    if content[start] not in "[{":
        return _past(_STRING if content[start] == '"' else _SCALAR, content, start)
    depth = 0
    at = start
    while True:
        at = _past(_TO_BRACKET, content, at)
        depth += 1 if content[at - 1] in "[{" else -1
        if depth == 0:
            return at


def _past(pattern: re.Pattern[str], content: str, start: int) -> int:
    found = pattern.match(content, start)
    if found is None:
        raise NotJson
    return found.end()
