# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""The books: which events arrived, how often, and whether a resend was the same to the byte.

A repeat is an event whose (source id, event name, event id) was seen less than the window ago. It is counted,
not booked again. Test events have a book of their own and never touch the live one.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

from airflow_provider_tiktok.simulator.exchange import JsonObject

LIVE, TEST = "live", "test"
Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Arrival:
    """One event of an accepted request.

    :param event_id: ``None`` if the event has none; it can then be no repeat.
    :param position: its place in the request, from 0.
    :param payload: the event's own bytes, as they stood in the request.
    :param note: a remark of the endpoint, kept with the first delivery.
    """

    event_source: str
    event_source_id: str
    event: str
    event_id: str | None
    event_time: int
    position: int
    payload: bytes
    note: str = ""


@dataclass(slots=True)
class Entry:
    """One unique event as the ledger knows it.

    :param request_id: of the request that brought it first; ``position`` is its place there, from 0.
    :param received_at: of the first delivery, seconds since the epoch by the simulator's clock.
    :param deliveries: how often it was accepted, the first time included.
    :param is_identical: every delivery had the same bytes as the first.
    :param payload: its bytes, or ``None`` once the ledger keeps no more of them.
    """

    event_source: str
    event_source_id: str
    event: str
    event_id: str | None
    event_time: int
    request_id: str
    position: int
    received_at: float
    digest: bytes
    payload: bytes | None
    note: str
    deliveries: int = 1
    is_identical: bool = True

    def to_json(self) -> JsonObject:
        """Gives the entry as a JSON object, without its payload."""
        names = (field.name for field in fields(self))
        return {name: getattr(self, name) for name in names if name not in {"digest", "payload"}}


@dataclass(frozen=True, slots=True)
class Booked:
    """What became of one request's events: newly booked, and repeats."""

    unique: int
    repeats: int


class Ledger:
    """Books events and answers for them; every method may be called from any thread."""

    books = (LIVE, TEST)

    def __init__(self) -> None:
        """Starts with empty books."""
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Empties the books."""
        with self._lock:
            self._entries: dict[str, list[Entry]] = {LIVE: [], TEST: []}
            self._latest: dict[str, dict[Key, Entry]] = {LIVE: {}, TEST: {}}
            self._kept = 0

    def record(
        self,
        arrivals: Iterable[Arrival],
        *,
        book: str,
        request_id: str,
        now: float,
        window_s: float,
        keep: int,
    ) -> Booked:
        """Books the events of one accepted request, all at once.

        :param window_s: seconds within which the same key is a repeat, counted from the first delivery.
        :param keep: how many payloads the ledger keeps in all.
        """
        with self._lock:
            outcomes = [
                self._book_one(arrival, book, request_id, now, window_s, keep) for arrival in arrivals
            ]
        return Booked(outcomes.count(True), outcomes.count(False))

    def _book_one(
        self, arrival: Arrival, book: str, request_id: str, now: float, window_s: float, keep: int
    ) -> bool:
        digest = hashlib.blake2b(arrival.payload, digest_size=16).digest()
        earlier = self._earlier(arrival, book)
        if earlier and now - earlier.received_at < window_s:
            earlier.deliveries += 1
            earlier.is_identical = earlier.is_identical and earlier.digest == digest
            return False
        entry = self._entry_of(arrival, request_id, now, digest, keep)
        self._entries[book].append(entry)
        if arrival.event_id is not None:
            self._latest[book][arrival.event_source_id, arrival.event, arrival.event_id] = entry
        return True

    def _earlier(self, arrival: Arrival, book: str) -> Entry | None:
        if arrival.event_id is None:
            return None
        return self._latest[book].get((arrival.event_source_id, arrival.event, arrival.event_id))

    def _entry_of(self, arrival: Arrival, request_id: str, now: float, digest: bytes, keep: int) -> Entry:
        payload = arrival.payload if self._kept < keep else None
        self._kept += payload is not None
        return Entry(
            event_source=arrival.event_source,
            event_source_id=arrival.event_source_id,
            event=arrival.event,
            event_id=arrival.event_id,
            event_time=arrival.event_time,
            request_id=request_id,
            position=arrival.position,
            received_at=now,
            digest=digest,
            payload=payload,
            note=arrival.note,
        )

    def events(self, book: str = LIVE) -> list[Entry]:
        """Gives the book's entries, in the order of their first delivery."""
        with self._lock:
            return list(self._entries[book])

    def event_ids(self, book: str = LIVE) -> list[str | None]:
        """Gives the event ids of the book, in the order of their first delivery."""
        return [entry.event_id for entry in self.events(book)]

    def payloads(self, book: str = LIVE) -> list[bytes]:
        """Gives the bytes of the book's events as first delivered, as far as they are kept."""
        return [entry.payload for entry in self.events(book) if entry.payload is not None]

    def summary(self) -> JsonObject:
        """Gives both books in numbers."""
        return {book: _summarise(self.events(book)) for book in self.books}

    def counts(
        self, *, event_source_id: str, first_time: float, end_time: float, received_before: float
    ) -> Counter[str]:
        """Gives live unique events by name, with ``first_time <= event_time < end_time``.

        :param received_before: leaves out what came later than this.
        """
        return Counter(
            entry.event
            for entry in self.events(LIVE)
            if entry.event_source_id == event_source_id
            and first_time <= entry.event_time < end_time
            and entry.received_at <= received_before
        )

    def latest_arrival(self, event_source_id: str) -> float | None:
        """Gives when the source last brought a new live event, or ``None`` if it never did."""
        times = self._times_of(event_source_id)
        return max(times, default=None)

    def _times_of(self, event_source_id: str) -> Iterator[float]:
        return (entry.received_at for entry in self.events(LIVE) if entry.event_source_id == event_source_id)


def _summarise(entries: list[Entry]) -> JsonObject:
    deliveries = sum(entry.deliveries for entry in entries)
    return {
        "unique_events": len(entries),
        "deliveries": deliveries,
        "repeats": deliveries - len(entries),
        "changed_resends": sum(not entry.is_identical for entry in entries),
        "by_source_id": dict(Counter(entry.event_source_id for entry in entries)),
        "by_event": dict(Counter(entry.event for entry in entries)),
        "by_note": dict(Counter(entry.note for entry in entries if entry.note)),
    }
