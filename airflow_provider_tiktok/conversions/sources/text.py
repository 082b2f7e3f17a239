# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Bytes of a text file to lines, such that one bad line harms no other.

A byte that is no text in the stated encoding becomes ``BAD_CHAR`` and a line beyond the bound is cut:
the reader of the format asks ``find_fault`` and gives an unreadable row in place of the line.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from typing import IO

from airflow_provider_tiktok.conversions.events import UnreadableRow

BLANKS = "\ufeff \t\r\n"
"""What stands between JSON values, and the mark that joined files carry in their middle."""

# Half a surrogate pair: no decoder ever gives it for bytes that are text.
BAD_CHAR = "\udcff"

_ON_BAD_BYTES = "airflow_provider_tiktok.mark"
codecs.register_error(_ON_BAD_BYTES, lambda error: (BAD_CHAR, getattr(error, "end", 0)))

_TOO_LONG = UnreadableRow(
    "too_long", "This one row is longer than max_row_chars: look for a missing line break."
)
_UNDECODABLE = UnreadableRow(
    "undecodable",
    "Set `encoding` to the file's own, such as 'cp1252': this row holds bytes that it does not have.",
)


def find_fault(line: str, *, max_chars: int) -> UnreadableRow | None:
    """What stands for a line that cannot be taken as it is, ``None`` for a good one."""
    if len(line) > max_chars:
        return _TOO_LONG
    return _UNDECODABLE if BAD_CHAR in line else None


def find_encoding(name: str) -> str | None:
    """The encoding of this name, ``None`` for an unknown one. UTF-8 is read with or without its mark."""
    try:
        encoding = codecs.lookup(name).name
        io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    except (LookupError, ValueError):
        return None
    return "utf-8-sig" if encoding == "utf-8" else encoding


def text_of(stream: IO[bytes], *, encoding: str, newline: str) -> io.TextIOWrapper:
    r"""The stream as text, line ends untouched.

    :param newline: ``"\n"`` where only this ends a line, ``""`` where a lone carriage return does too.
    """
    return io.TextIOWrapper(stream, encoding=encoding, errors=_ON_BAD_BYTES, newline=newline)


def lines_of(text: io.TextIOWrapper, *, max_chars: int, ends: tuple[str, ...] = ("\n",)) -> Iterator[str]:
    """The lines with their ends; of a longer one only the first ``max_chars + 1`` characters."""
    while line := text.readline(max_chars + 1):
        yield line
        if len(line) > max_chars:
            _read_past_line(text, line, step=max_chars, ends=ends)


def _read_past_line(text: io.TextIOWrapper, line: str, *, step: int, ends: tuple[str, ...]) -> None:
    while line and not line.endswith(ends):
        line = text.readline(step)
