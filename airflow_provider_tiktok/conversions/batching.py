# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Batches: the only owner of their borders.

Lines go in, batches come out: by count, by bytes of the whole body, and by group. The room knows nothing of
what it packs, and nothing of the pages and chunks its lines came in.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import accumulate
from typing import Any

from msgspec import Struct

from airflow_provider_tiktok.conversions.sealed import Sealed


class Encoded(Sealed, frozen=True, kw_only=True):
    """One event in its wire form.

    :param body: UTF-8 JSON of one event.
    :param group: events of different groups never share a request.
    :param rank: where it stands among the events of its request; equal ones stand as they came.
    :param item: what the caller wants back with the answer; never looked into.
    """

    body: bytes
    group: Hashable = None
    rank: int = 0
    item: Any = None

    def __repr__(self) -> str:
        return f"Encoded({len(self.body)} bytes)"


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


Span = tuple[Any, Sequence[int]]
"""Lines of one chunk: whose they are, and their places in it."""


class Batch:
    """Lines of one request, all of one group, in the order they are sent in.

    :param spans: whose the lines are, in the order they came.
    :param events: the same, one for one with what is wanted back for it; made of the spans where needed.
    """

    __slots__ = ("_events", "group", "lines", "spans")

    def __init__(
        self,
        *,
        group: Hashable = None,
        lines: list[bytes] | None = None,
        spans: Sequence[Span] = (),
        events: Sequence[Encoded] | None = None,
    ) -> None:
        self.group = group
        self.lines = [event.body for event in events or ()] if lines is None else lines
        self.spans = spans
        self._events = None if events is None else tuple(events)

    def __len__(self) -> int:
        return len(self.lines)

    def __repr__(self) -> str:
        return f"Batch({len(self.lines)} events)"

    @property
    def events(self) -> tuple[Encoded, ...]:
        """Each event with whose it is: its chunk, and its place there."""
        if self._events is None:
            items = ((chunk, place) for chunk, places in self.spans for place in places)
            lines = zip(self.lines, items, strict=True)
            self._events = tuple(Encoded(body=line, group=self.group, item=item) for line, item in lines)
        return self._events

    @property
    def whose(self) -> Sequence[Span]:
        """Whose the lines are: chunks and places."""
        return self.spans or [
            (chunk, (place,)) for chunk, place in (event.item for event in self._events or ())
        ]

    @property
    def n_bytes(self) -> int:
        """Bytes of the lines."""
        return sum(map(len, self.lines))

    def head(self) -> Batch:
        """A batch of the first event."""
        if self._events is not None:
            return Batch(group=self.group, events=self._events[:1])
        chunk, places = self.spans[0]
        return Batch(group=self.group, lines=self.lines[:1], spans=[(chunk, places[:1])])

    def halves(self) -> tuple[Batch, Batch]:
        """Two batches that hold the same events in the same order."""
        middle = len(self.events) // 2
        return (
            Batch(group=self.group, events=self.events[:middle]),
            Batch(group=self.group, events=self.events[middle:]),
        )


class _Open:
    """A batch that still takes lines."""

    __slots__ = ("began", "items", "lines", "n_bytes", "spans")

    def __init__(self, overhead_bytes: int, *, began: int) -> None:
        self.began = began
        self.lines: list[bytes] = []
        self.spans: list[Span] = []
        self.items: list[Encoded] = []
        self.n_bytes = overhead_bytes

    @property
    def size(self) -> int:
        return len(self.lines) + len(self.items)


class Batcher:
    """Packs lines into batches.

    :param limits: size of one request. An event that does not fit alone must be kept out by the caller
        (``Limits.fits``).
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: dict[Hashable, _Open] = {}
        self._n_passed = 0

    def pass_by(self, n_events: int = 1) -> Iterator[Batch]:
        """The batches that have waited too long, now that more events were looked at, packed or not."""
        self._n_passed += n_events
        max_age = self._limits.max_age
        while max_age is not None and self._open:
            group, oldest = next(iter(self._open.items()))
            if self._n_passed - oldest.began <= max_age:
                return
            yield self._close(group)

    def add(self, encoded: Encoded) -> Iterator[Batch]:
        """The batches that this event completes."""
        group = encoded.group
        batch = self._open.get(group)
        if batch is not None and batch.n_bytes + len(encoded.body) > self._limits.max_bytes:
            yield self._close(group)
            batch = None
        if batch is None:
            if len(self._open) >= self._limits.max_open_groups:
                yield self._close(next(iter(self._open)))
            batch = self._begin(group)
        batch.items.append(encoded)
        batch.n_bytes += len(encoded.body) + 1
        if batch.size >= self._limits.max_events:
            yield self._close(group)

    def add_lines(self, lines: Sequence[bytes], chunk: Any, places: Sequence[int]) -> Iterator[Batch]:
        """The batches that these lines, which are of no group, complete.

        :param places: of the lines in their chunk.
        """
        start = 0
        while start < len(lines):
            batch = self._open.get(None) or self._begin(None)
            stop = self._room(batch, lines, start)
            if stop > start:
                part = lines[start:stop]
                batch.lines += part
                batch.spans.append((chunk, places[start:stop]))
                batch.n_bytes += sum(map(len, part)) + len(part)
            if stop < len(lines) or batch.size >= self._limits.max_events:
                yield self._close(None)
            start = stop

    def flush(self) -> Iterator[Batch]:
        """The batches that are still open, oldest first."""
        for group in list(self._open):
            yield self._close(group)

    def _room(self, batch: _Open, lines: Sequence[bytes], start: int) -> int:
        """Up to which line there is room in the batch."""
        stop = min(start + self._limits.max_events - batch.size, len(lines))
        sizes = list(accumulate(map(len, lines[start:stop])))
        room = self._limits.max_bytes - batch.n_bytes
        if not sizes or sizes[-1] + len(sizes) - 1 <= room:
            return stop
        return start + sum(size + n <= room for n, size in enumerate(sizes))

    def _begin(self, group: Hashable) -> _Open:
        batch = self._open[group] = _Open(self._limits.overhead_bytes, began=self._n_passed)
        return batch

    def _close(self, group: Hashable) -> Batch:
        batch = self._open.pop(group)
        if batch.items:
            return Batch(group=group, events=sorted(batch.items, key=_rank_of))
        return Batch(group=group, lines=batch.lines, spans=batch.spans)


def _rank_of(encoded: Encoded) -> int:
    return encoded.rank
