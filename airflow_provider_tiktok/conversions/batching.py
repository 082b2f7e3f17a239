# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Batches: the only owner of their borders.

Encoded events go in, batches come out: by count, by bytes of the whole body, and by group. The room
knows nothing of what it packs, and nothing of the pages its events came in.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

from msgspec import Struct

from airflow_provider_tiktok.conversions.sealed import Sealed


class Encoded(Sealed, frozen=True, kw_only=True):
    """One event in its wire form.

    :param body: UTF-8 JSON of one event.
    :param group: events of different groups never share a request.
    :param item: what the caller wants back with the answer; never looked into.
    """

    body: bytes
    group: Hashable = None
    item: Any = None


class Limits(Struct, frozen=True, kw_only=True):
    """How large one request may be.

    :param max_events: events in one request.
    :param max_bytes: bytes of the whole body.
    :param overhead_bytes: bytes of the body without its events.
    :param max_open_groups: how many groups are collected at once; beyond, the oldest is sent early.
    :param max_age: how many further events a group may wait for its next one; beyond, it is sent as it is.
        ``None`` for no bound. What waits holds the checkpoint for all that came after it.
    """

    max_events: int = 1000
    max_bytes: int = 1_000_000
    overhead_bytes: int = 0
    max_open_groups: int = 1000
    max_age: int | None = None

    def fits(self, encoded: Encoded) -> bool:
        """Whether the event fits into a request at all."""
        return self.overhead_bytes + len(encoded.body) <= self.max_bytes


class Batch(Sealed, frozen=True, kw_only=True):
    """Events of one request, all of one group, in the order they came."""

    group: Hashable
    events: tuple[Encoded, ...]

    def halves(self) -> tuple[Batch, Batch]:
        """Two batches that hold the same events in the same order."""
        middle = len(self.events) // 2
        return (
            Batch(group=self.group, events=self.events[:middle]),
            Batch(group=self.group, events=self.events[middle:]),
        )


class _Open:
    """A batch that still takes events."""

    __slots__ = ("began", "events", "n_bytes")

    def __init__(self, overhead_bytes: int, *, began: int) -> None:
        self.began = began
        self.events: list[Encoded] = []
        self.n_bytes = overhead_bytes


class Batcher:
    """Packs encoded events into batches.

    :param limits: size of one request. An event that does not fit alone must be kept out by the caller
        (``Limits.fits``).
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: dict[Hashable, _Open] = {}
        self._n_passed = 0

    def pass_by(self) -> Iterator[Batch]:
        """The batches that have waited too long, now that one more event was looked at, packed or not."""
        self._n_passed += 1
        max_age = self._limits.max_age
        while max_age is not None and self._open:
            group, oldest = next(iter(self._open.items()))
            if self._n_passed - oldest.began <= max_age:
                return
            yield self._close(group)

    def add(self, encoded: Encoded) -> Iterator[Batch]:
        """The batches that this event completes."""
        batch = self._open.get(encoded.group)
        if batch is not None and not self._has_room(batch, encoded):
            yield self._close(encoded.group)
            batch = None
        if batch is None:
            if len(self._open) >= self._limits.max_open_groups:
                yield self._close(next(iter(self._open)))
            batch = self._open[encoded.group] = _Open(self._limits.overhead_bytes, began=self._n_passed)
        batch.events.append(encoded)
        batch.n_bytes += len(encoded.body) + 1
        if len(batch.events) >= self._limits.max_events:
            yield self._close(encoded.group)

    def flush(self) -> Iterator[Batch]:
        """The batches that are still open, oldest first."""
        for group in list(self._open):
            yield self._close(group)

    def _has_room(self, batch: _Open, encoded: Encoded) -> bool:
        return batch.n_bytes + len(encoded.body) <= self._limits.max_bytes

    def _close(self, group: Hashable) -> Batch:
        return Batch(group=group, events=tuple(self._open.pop(group).events))
