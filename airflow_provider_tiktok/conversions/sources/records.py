# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Rows that the caller holds in memory already: records, JSON text, a data frame, an Arrow table.

Tables are told by the methods they have, so that neither is imported.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_tiktok.conversions.chunks import CHUNK_ROWS, Chunk, RecordChunk, rows_of
from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.events import Row
from airflow_provider_tiktok.conversions.sources.fingerprints import fingerprint
from airflow_provider_tiktok.conversions.sources.frames import Pages, pages_of
from airflow_provider_tiktok.conversions.sources.json_rows import NotJson, as_row, decode_json
from airflow_provider_tiktok.conversions.sources.sizes import size_of
from airflow_provider_tiktok.conversions.sources.tables import SizedRow, in_chunks


class RecordsSource:
    """Rows from a caller's records; one that is no mapping is an unreadable row.

    :param records: mappings, a JSON array as text, a pandas or polars data frame or an Arrow table. An
        iterator can be read once, and neither it nor a set can be resumed.
    :param argument: what the caller's caller knows ``records`` as, for errors.
    :raises ConfigurationError: the argument is none of these, or a data frame's columns are not distinct
        texts.
    """

    oldest_replay_time: int | None = None

    def __init__(self, records: Iterable[Any] | str | bytes, *, argument: str = "events") -> None:
        self._argument = argument
        self._items = _as_items(records, argument=argument)
        self._was_read = False

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Columns of a data frame or Arrow table; ``None`` for records, which may each have their own."""
        return self._items.columns if isinstance(self._items, Pages) else None

    @property
    def is_ordered(self) -> bool:
        """Whether reading again gives the same rows in the same order."""
        return isinstance(self._items, Sequence | Pages)

    def locate(self, row: int) -> None:
        """Nothing: the row's number says all."""

    def fingerprint(self) -> str | None:
        """A digest over all records, ``None`` where reading them again gives others or none."""
        return fingerprint(self._items) if self.is_ordered else None

    def rows(self) -> Generator[Row, None, None]:
        """The rows one by one; raises as ``chunks`` does."""
        return rows_of(self.chunks())

    def chunks(self) -> Generator[Chunk, None, None]:
        """The rows in chunks.

        :raises ConfigurationError: an iterator was read before; nothing may look like an empty input.
        """
        if self._was_read and isinstance(self._items, Iterator):
            raise ConfigurationError(f"Give a list as {self._argument}: this iterator was read already.")
        self._was_read = True
        if isinstance(self._items, Pages):
            yield from self._items.chunks()
            return
        if isinstance(self._items, list | tuple):
            for start in range(0, len(self._items), CHUNK_ROWS):
                yield RecordChunk(list(map(as_row, self._items[start : start + CHUNK_ROWS])))
            return
        is_held = isinstance(self._items, Sequence)
        rows = (SizedRow(as_row(item), None, 0 if is_held else size_of(item)) for item in self._items)
        for chunk, _ in in_chunks(rows):
            yield chunk


def _as_items(records: Any, *, argument: str) -> Iterable[Any]:
    if isinstance(records, str | bytes | bytearray):
        return _parse(records, argument=argument)
    if (pages := pages_of(records, argument=argument)) is not None:
        return pages
    if isinstance(records, Mapping) or not isinstance(records, Iterable):
        raise ConfigurationError(f"Give a list of events as {argument}, each a mapping of names to values.")
    return records


def _parse(text: str | bytes | bytearray, *, argument: str) -> list[Any]:
    try:
        items = decode_json(bytes(text) if isinstance(text, bytearray) else text)
    except NotJson:
        items = None
    if not isinstance(items, list):
        raise ConfigurationError(f"Give a JSON array of events as {argument}: the text is none.")
    return items
