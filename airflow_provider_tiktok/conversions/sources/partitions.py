# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Hive partitions: folders such as ``day=2026-11-26`` say a column of every row of the files below them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote, unquote_to_bytes

from airflow_provider_tiktok.conversions.chunks import Chunk
from airflow_provider_tiktok.conversions.events import Row, UnreadableRow

_PARTITION: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_-]{0,63})=(.{1,256})")
_NOTHING: Final = "__HIVE_DEFAULT_PARTITION__"


def partitions_of(path: object) -> dict[str, str | bytes | None]:
    """The columns that the folders of a path say, as text; ``None`` where one says that there is no value.

    What is no text in UTF-8 comes as bytes, which no field takes.
    """
    folders = str(path).replace("\\", "/").split("/")[:-1]
    found = (match for match in map(_PARTITION.fullmatch, folders) if match)
    return {match[1]: None if match[2] == _NOTHING else _unquoted(match[2]) for match in found}


def is_partition(folder: str) -> bool:
    """Whether a folder's name says a column of the files below it."""
    return _PARTITION.fullmatch(folder) is not None


def _unquoted(text: str) -> str | bytes:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return unquote_to_bytes(text)


class PartitionedChunk:
    """A chunk with columns that all its rows share; a column of the file's own comes first.

    :param shared: column to value.
    :param names: the names of all columns, ``None`` where each row has its own.
    """

    __slots__ = ("_chunk", "_shared", "names", "unreadable")

    def __init__(self, chunk: Chunk, *, shared: Mapping[str, Any], names: tuple[str, ...] | None) -> None:
        self._chunk = chunk
        self._shared = shared
        self.names = names
        self.unreadable = chunk.unreadable

    def __len__(self) -> int:
        return len(self._chunk)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} rows)"

    def column(self, name: str) -> Sequence[Any]:
        """One value a row; ``None`` where a row has no such column or cannot be read."""
        if name not in self._shared or (self._chunk.names is not None and name in self._chunk.names):
            return self._chunk.column(name)
        if self._chunk.names is not None:
            return [self._shared[name]] * len(self)
        rows = (self.row(place) for place in range(len(self)))
        return [row.get(name) if isinstance(row, Mapping) else None for row in rows]

    def row(self, place: int) -> Row:
        """The row at a place in the chunk, from 0."""
        row = self._chunk.row(place)
        if isinstance(row, UnreadableRow) or not isinstance(row, Mapping):
            return row
        return {**self._shared, **row}
