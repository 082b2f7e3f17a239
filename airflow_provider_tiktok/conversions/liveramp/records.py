# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A source whose records may be in LiveRamp's own form."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import closing
from typing import Any, Protocol

from airflow_provider_tiktok.conversions.events import Row
from airflow_provider_tiktok.conversions.liveramp.payload import from_liveramp_record


class RowSource(Protocol):
    """What this room needs of a place that rows come from."""

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Column names, ``None`` where each row has its own."""

    @property
    def is_ordered(self) -> bool:
        """Whether reading again gives the same rows in the same order."""

    def fingerprint(self) -> str | None:
        """A digest that changes when the input does, ``None`` where that cannot be told."""

    def rows(self) -> Generator[Row, None, None]:
        """The rows from the first; closed by who reads them."""


class LiveRampRecords:
    """The rows of another source, those in LiveRamp's form as nested records.

    For runs without a mapping: with one, the columns' names are the caller's own.
    """

    def __init__(self, source: RowSource) -> None:
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
    def oldest_replay_time(self) -> float | None:
        """Unix seconds of the oldest dead letter among the rows, ``None`` where there is none."""
        oldest: float | None = getattr(self._source, "oldest_replay_time", None)
        return oldest

    def locate(self, row: int) -> Any:
        """Where a row stands, as the source tells it; ``None`` where its number says all."""
        locate = getattr(self._source, "locate", None)
        return None if locate is None else locate(row)

    def fingerprint(self) -> str | None:
        """The source's fingerprint."""
        return self._source.fingerprint()

    def rows(self) -> Generator[Row, None, None]:
        """The rows from the first."""
        with closing(self._source.rows()) as rows:
            for row in rows:
                yield from_liveramp_record(row)


def events_of(records: Any) -> Any:
    """The events of a whole request in LiveRamp's form, ``{"events": [...]}``; anything else as it is."""
    if isinstance(records, Mapping) and records.keys() == {"events"}:
        return records["events"]
    return records
