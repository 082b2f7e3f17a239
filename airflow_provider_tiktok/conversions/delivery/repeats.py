# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Repeats: an event that comes again in a run under the same name and id.

The API keeps one event of a name and an id, so the second of two that differ would be lost without a word:
only an event with the same content is a repeat. And only what was accepted, or may still be, can be
repeated: where the first was refused, the next one is tried.
"""

from __future__ import annotations

import hashlib
from collections import deque

from airflow_provider_tiktok.conversions.batching import Encoded
from airflow_provider_tiktok.conversions.delivery.settling import Pending
from airflow_provider_tiktok.conversions.events import Outcome, PreparedEvent, Violation
from airflow_provider_tiktok.conversions.sealed import Sealed

_TAKEN = (Outcome.ACCEPTED, Outcome.SKIPPED)
_NOT_TAKEN = (Outcome.REJECTED, Outcome.UNDELIVERED)
_ROW_BYTES = 8


class First(Sealed, frozen=True, kw_only=True):
    """The event that had a name and an id first.

    :param row: its first source row.
    :param is_equal: whether both have the same content.
    :param pending: the place of its result, ``None`` once it was accepted.
    """

    row: int
    is_equal: bool
    pending: Pending | None

    def difference(self) -> Violation:
        """What is wrong with an event of the same name and id that differs."""
        return Violation(
            path="event_id",
            rule="repeat_differs",
            remedy=f"Row {self.row} has this event name and event_id with other content: give every event an "
            "id of its own, or name the columns of an order in group_by where its rows are one event.",
        )


class Repeats:
    """The latest events of a run by name and id.

    Digests stand for name and id and for the content, so the memory is bounded and holds no id.

    :param window: how many events are remembered.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._known: dict[bytes, bytes | tuple[bytes, Pending]] = {}
        self._under_way: deque[tuple[bytes, Pending]] = deque()

    def meet(self, event: PreparedEvent, *, encoded: Encoded, pending: Pending) -> First | None:
        """The event of this name and id that came first within the window; ``None`` where this is it."""
        self._compact()
        key = _digest(f"{event.event}\0{event.event_id}".encode(), size=16)
        content = _digest(encoded.body, repr(encoded.group).encode(), size=8)
        first = self._first_at(key, content=content)
        if first is None:
            self._remember(key, content=content, pending=pending)
        return first

    def _first_at(self, key: bytes, *, content: bytes) -> First | None:
        entry = self._known.get(key)
        if entry is None:
            return None
        if isinstance(entry, bytes):
            row = int.from_bytes(entry[:_ROW_BYTES], "big")
            return First(row=row, is_equal=entry[_ROW_BYTES:] == content, pending=None)
        known, pending = entry
        if pending.result is not None and pending.result.outcome in _NOT_TAKEN:
            del self._known[key]
            return None
        return First(row=pending.row, is_equal=known == content, pending=pending)

    def _remember(self, key: bytes, *, content: bytes, pending: Pending) -> None:
        self._known[key] = (content, pending)
        self._under_way.append((key, pending))
        if len(self._known) > self._window:
            del self._known[next(iter(self._known))]

    def _compact(self) -> None:
        """Keep sixteen bytes of what was taken, and nothing of what was not."""
        while self._under_way and self._under_way[0][1].result is not None:
            key, pending = self._under_way.popleft()
            entry = self._known.get(key)
            if not isinstance(entry, tuple) or entry[1] is not pending or pending.result is None:
                continue  # it left the window, or another event has its place
            if pending.result.outcome in _TAKEN:
                self._known[key] = pending.row.to_bytes(_ROW_BYTES, "big") + entry[0]
            elif pending.result.outcome in _NOT_TAKEN:
                del self._known[key]


def _digest(*parts: bytes, size: int) -> bytes:
    digest = hashlib.blake2b(digest_size=size)
    for part in parts:
        digest.update(part)
    return digest.digest()
