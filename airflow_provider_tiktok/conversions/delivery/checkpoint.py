# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""How far a run came, for the next try of the same task.

A checkpoint names the rows whose results are stored: all up to a position but for a few that are open. A
retry reads the source again from its first row, so that whatever an event owes to rows before it is the same;
what is stored it reads past and does not send. Beside the position stands a digest of the events up to it: a
source that lost, gained or changed one of them gives another.

A delivery that came to its end leaves its receipt in the checkpoint: a retry has nothing left to send. A
deliberate re-run has other tries, and begins anew.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from itertools import repeat
from operator import mul, rshift
from typing import Any, Protocol
from zlib import crc32

import msgspec

from airflow_provider_tiktok.conversions.delivery.receipt import Receipt, Tally, Traffic
from airflow_provider_tiktok.conversions.sealed import Sealed

FORMAT = 2
"""Raised when the meaning of a stored checkpoint changes."""

MAX_SPANS = 2000
"""A checkpoint with more open spans than these is not saved: it waits until they have grown together."""


class CheckpointStore(Protocol):
    """A place that outlives a killed task: one small JSON object for each task of a run."""

    @property
    def tries(self) -> str:
        """What a try has in common with its retries, and not with a deliberate re-run."""

    def load(self) -> dict[str, Any] | None:
        """What was saved last, ``None`` for nothing."""

    def save(self, state: dict[str, Any]) -> None:
        """Keep this state; it replaces the one before."""


class Checkpoint(Sealed, frozen=True, kw_only=True):
    """The stored rows, with the counts of their events.

    :param fingerprint: of the input and of what decides how rows become events.
    :param began_at: Unix seconds at which the first of the tries began.
    :param position: the last row that is stored; 0 for none.
    :param open: first and last rows of the spans up to the position that are not stored.
    :param digest: of the stored events, as ``Digest`` makes it.
    :param tally: the counts of the stored events, as ``Tally.as_state`` gives them.
    :param traffic: what the requests amounted to so far.
    :param tries: of the store, when this was saved.
    :param receipt: of a delivery that came to its end, ``None`` for one that did not.
    """

    fingerprint: str
    began_at: int
    position: int = 0
    open: tuple[tuple[int, int], ...] = ()
    digest: int = 0
    tally: Mapping[str, Any] = {}
    traffic: Mapping[str, Any] = {}
    tries: str = ""
    receipt: dict[str, Any] | None = None
    format: int = FORMAT

    def as_state(self) -> dict[str, Any]:
        """The JSON object to store, of JSON's own types: Airflow takes no tuple for a list."""
        state: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return state

    @classmethod
    def from_state(cls, state: dict[str, Any] | None) -> Checkpoint | None:
        """The stored checkpoint, ``None`` where there is none that this version can read in all its parts."""
        if not state or state.get("format") != FORMAT:
            return None
        try:
            checkpoint = msgspec.convert(state, cls)
            Tally(checkpoint.tally)
            Traffic.from_state(checkpoint.traffic)
            if checkpoint.receipt is not None:
                Receipt.from_dict(checkpoint.receipt)
        except (msgspec.ValidationError, TypeError, ValueError, AttributeError):
            return None
        return checkpoint

    def holds(self, row: int) -> bool:
        """Whether the event that begins with this row is stored."""
        if row > self.position:
            return False
        place = bisect_right(self.open, (row, self.position)) - 1
        return place < 0 or self.open[place][1] < row


class Digest:
    """A digest of events that does not depend on their order, since each is taken with its row's number.

    32 bits: enough to notice another event, too little to know a person by.
    """

    def __init__(self, value: int = 0) -> None:
        self.value = value

    def add(self, *, row: int, rows: int, event: str | None, event_id: str | None) -> None:
        """Take one event by what does not change with time: where it stands, its name and its id."""
        self.add_many(((row, rows, event, event_id),))

    def add_many(self, told: Iterable[tuple[int, int, str | None, str | None]]) -> None:
        """Take many events: the first row, the number of rows, name and id of each."""
        texts = map("%d\0%d\0%s\0%s".__mod__, told)
        numbers = list(map(crc32, map(str.encode, texts, repeat("utf-8"), repeat("backslashreplace"))))
        # Squared: of checksums as they are, those of two ids that changed places may add up to the same.
        squares = map(mul, numbers, numbers)
        self.value = (self.value + sum(map(rshift, squares, repeat(16)))) % 2**32


def spans_of(rows: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """First and last rows, in their order, joined where one begins right after the other."""
    spans: list[tuple[int, int]] = []
    for first, last in rows:
        if spans and spans[-1][1] + 1 == first:
            spans[-1] = (spans[-1][0], last)
        else:
            spans.append((first, last))
    return tuple(spans)
