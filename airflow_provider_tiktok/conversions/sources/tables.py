# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What one file gives, whatever its format, and the settings that its reader needs."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from airflow_provider_tiktok.conversions.events import Row

NumberedRow = tuple[int | None, Row]
"""A row with the number, from 1, of the text line it begins on; ``None`` where the format has no lines."""


class Table(Struct, frozen=True, kw_only=True):
    """The rows of one open file, to be read once.

    :param columns: column names, ``None`` where each row has its own or the file is empty.
    """

    columns: tuple[str, ...] | None
    rows: Iterator[NumberedRow]


class TableOptions(Struct, frozen=True, kw_only=True):
    """How one file is to be read.

    :param name: the file, as people are told of it.
    :param encoding: of text formats.
    :param delimiter: one character between the fields of a CSV row.
    :param columns: names of the columns of a CSV file whose first row is data already.
    :param page_size: rows of a Parquet file in memory at once.
    :param max_row_chars: a row of text beyond this is not read.
    :param max_array_chars: a JSON array beyond this is not read.
    """

    name: str
    encoding: str
    delimiter: str
    columns: tuple[str, ...] | None
    page_size: int
    max_row_chars: int
    max_array_chars: int


def find_repeated(names: tuple[str, ...]) -> list[str]:
    """The names that come more than once, sorted."""
    return sorted({name for name in names if names.count(name) > 1})
