# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A source whose records may be in LiveRamp's own form."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import closing
from typing import Any

from airflow_provider_tiktok.conversions.chunks import Chunk, RecordChunk, Source, rows_of
from airflow_provider_tiktok.conversions.events import Row
from airflow_provider_tiktok.conversions.liveramp.payload import from_liveramp_record


class LiveRampRecords:
    """The rows of another source, those in LiveRamp's form as nested records.

    For runs without a mapping: with one, the columns' names are the caller's own.
    """

    def __init__(self, source: Source) -> None:
        self._source = source

    @property
    def columns(self) -> tuple[str, ...] | None:
        """The source's columns."""
        return self._source.columns

    @property
    def is_ordered(self) -> bool:
        """As the source is."""
        return self._source.is_ordered

    @property
    def oldest_replay_time(self) -> int | None:
        """The source's oldest dead letter."""
        return self._source.oldest_replay_time

    def fingerprint(self) -> str | None:
        """The source's fingerprint."""
        return self._source.fingerprint()

    def locate(self, row: int) -> object | None:
        """Where the row stands in the source."""
        return self._source.locate(row)

    def rows(self) -> Generator[Row, None, None]:
        """The rows from the first."""
        return rows_of(self.chunks())

    def chunks(self) -> Generator[Chunk, None, None]:
        """The source's chunks, as records."""
        with closing(self._source.chunks()) as chunks:
            for chunk in chunks:
                rows = map(chunk.row, range(len(chunk)))
                yield RecordChunk([from_liveramp_record(row) for row in rows])


def events_of(records: Any) -> Any:
    """The events of a whole request in LiveRamp's form, ``{"events": [...]}``; anything else as it is."""
    if isinstance(records, Mapping) and records.keys() == {"events"}:
        return records["events"]
    return records
