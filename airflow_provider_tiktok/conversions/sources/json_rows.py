# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""JSON text to rows. Numbers with a fraction become ``Decimal``, so that 0.10 stays 0.10."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from io import TextIOWrapper
from typing import Any

import msgspec

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.events import Row, UnreadableRow
from airflow_provider_tiktok.conversions.sources.tables import NumberedRow, Table, TableOptions
from airflow_provider_tiktok.conversions.sources.text import BLANKS, find_fault, lines_of

_DECODER = msgspec.json.Decoder(float_hook=Decimal)

_NOT_JSON = UnreadableRow("not_json", "Write one whole JSON object on each line, without a line break in it.")
_NOT_AN_OBJECT = UnreadableRow("not_an_object", "Give each event as one object of names and values.")


class NotJson(ValueError):
    """A text is no JSON. Says nothing of the text."""


def decode_json(text: str | bytes) -> Any:
    """The value that the text stands for; of a name that comes twice in an object, the last one.

    :raises NotJson: also for what only some parsers take (NaN, half a surrogate pair) and for nesting
        deeper than the interpreter can follow.
    """
    try:
        return _DECODER.decode(text)
    except (ValueError, ArithmeticError, RecursionError):
        raise NotJson from None


def as_row(item: Any) -> Row:
    """The item if it is a row, else what stands for a row that is none."""
    return item if isinstance(item, Mapping) else _NOT_AN_OBJECT


def read_json_lines(text: TextIOWrapper, *, options: TableOptions) -> Table:
    """One row for each line that is not blank. A line that is no JSON object is one unreadable row."""
    return Table(columns=None, rows=_line_rows(lines_of(text, max_chars=options.max_row_chars), options))


def read_json_array(text: TextIOWrapper, *, options: TableOptions) -> Table:
    """One row for each item of a JSON array, which is read whole and therefore bounded.

    :raises ConfigurationError: the array is too large, or it is no JSON: then no row of it is known.
    """
    content = text.read(options.max_array_chars + 1)
    if len(content) > options.max_array_chars:
        raise ConfigurationError(
            f"{options.name}: a JSON array of more than {options.max_array_chars:,} characters is not read "
            "whole into memory. Write it as JSON Lines, one object on each line."
        )
    return Table(columns=None, rows=_array_rows(content, options))


def _line_rows(lines: Iterable[str], options: TableOptions) -> Iterator[NumberedRow]:
    for number, line in enumerate(lines, start=1):
        fault = find_fault(line, max_chars=options.max_row_chars)
        stripped = line.strip(BLANKS)
        if fault is not None:
            yield number, fault
        elif stripped:
            yield number, _line_row(stripped)


def _line_row(line: str) -> Row:
    try:
        return as_row(decode_json(line))
    except NotJson:
        return _NOT_JSON


def _array_rows(content: str, options: TableOptions) -> Iterator[NumberedRow]:
    try:
        items = decode_json(content.strip(BLANKS))
    except NotJson:
        raise ConfigurationError(
            f"{options.name}: the file begins like a JSON array and is none. Where it holds bytes that are "
            "not text, name its encoding; where it is cut off, write it again."
        ) from None
    for item in items:
        yield None, as_row(item)
