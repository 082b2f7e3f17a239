# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A destination with a ledger, whose moods are data: the engine's tests need no HTTP."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from typing import Any

import msgspec

from airflow_provider_tiktok.conversions.answers import Answer, Verdict
from airflow_provider_tiktok.conversions.batching import Batch, Encoded, Limits
from airflow_provider_tiktok.conversions.chunks import Chunk, RecordChunk, Source
from airflow_provider_tiktok.conversions.delivery.engine import Options
from airflow_provider_tiktok.conversions.errors import (
    AuthorizationError,
    ProtocolError,
    TransientError,
    UnconfirmedError,
)
from airflow_provider_tiktok.conversions.events import PreparedEvent, Row, Violation
from airflow_provider_tiktok.conversions.identifiers import FIELDS, Identity, IdentityRules

Mood = Callable[[Batch], Answer | None]
"""What the API does about one request instead of its work; ``None`` for its work."""


class Ledger:
    """An all-or-nothing API: takes a batch if no event of it is ``bad``, removes repeats by id.

    :param moods: name of a mood for each request in turn, see ``MOODS``; then it works as it should.
    """

    name = "the test's ledger"

    columns = None

    def __init__(
        self,
        *,
        bad: set[str] | None = None,
        moods: Sequence[str] = (),
        max_events: int = 10,
        max_bytes: int = 10**6,
        address: str = "one",
        identity: IdentityRules | None = None,
    ) -> None:
        self.identity = Identity(table=FIELDS, rules=identity or IdentityRules())
        self.address = address
        self.limits = Limits(max_events=max_events, max_bytes=max_bytes)
        self.bad = bad or set()
        self.deliveries: Counter[str] = Counter()
        self.requests: list[tuple[str, ...]] = []
        self._moods = list(moods)
        self._lock = threading.Lock()

    def check(self, event: PreparedEvent) -> tuple[Violation, ...]:
        """Events need a time."""
        if event.event_time is None:
            missing = Violation(path="event_time", rule="missing", remedy="Map event_time.")
            return (*event.violations, missing)
        return event.violations

    def encode(self, event: PreparedEvent) -> Encoded:
        """The event's id is all that matters here."""
        return Encoded(body=msgspec.json.encode({"event_id": event.event_id}))

    def record(self, event: PreparedEvent) -> Mapping[str, Any]:
        """The event as dead letters keep it."""
        return {"event": event.event, "event_time": event.event_time, "event_id": event.event_id}

    def send(self, batch: Batch) -> Answer:
        """Take the batch, or be in a mood."""
        ids = tuple(msgspec.json.decode(encoded.body)["event_id"] for encoded in batch.events)
        with self._lock:
            self.requests.append(ids)
            mood = self._moods.pop(0) if self._moods else "works"
            if mood in ("works", "lost_after") and not self.bad.intersection(ids):
                self.deliveries.update(ids)
        if mood in _ERRORS:
            raise _ERRORS[mood]()
        if self.bad.intersection(ids):
            return Answer(
                verdict=Verdict.PAYLOAD, code=40002, message="wrong", request_id="refused", names_event=True
            )
        return Answer(verdict=Verdict.ACCEPTED, code=0, request_id=f"r{len(self.requests)}")


_ERRORS: dict[str, Callable[[], Exception]] = {
    "busy": lambda: TransientError("busy", code=40100, attempts=3),
    "lost_before": lambda: UnconfirmedError("lost", attempts=3),
    "lost_after": lambda: UnconfirmedError("lost", attempts=3),
    "revoked": lambda: AuthorizationError("revoked", code=40105),
    "nonsense": lambda: ProtocolError("nonsense", is_unconfirmed=True),
    "bug": lambda: KeyError("a fault of ours"),
}

MOODS = ("works", "works", "works", *_ERRORS)


class Rows:
    """An ordered source that counts how far it was read.

    :param rows: the rows; an exception among them is raised when its turn comes.
    :param chunk_rows: rows of one chunk.
    """

    columns: tuple[str, ...] | None = None
    is_ordered = True
    oldest_replay_time: int | None = None

    def __init__(
        self,
        rows: Sequence[Row | BaseException],
        *,
        fingerprint: str | None = "rows",
        chunk_rows: int = 1,
    ) -> None:
        self._rows = rows
        self._chunk_rows = chunk_rows
        self._fingerprint = fingerprint
        self.n_read = 0

    def fingerprint(self) -> str | None:
        """As given."""
        return self._fingerprint

    def locate(self, row: int) -> None:
        """A row's number says all."""

    def chunks(self) -> Generator[Chunk, None, None]:
        """The rows in chunks; what ends them comes after the rows before it."""
        taken: list[Row] = []
        with closing(self.rows()) as rows:
            try:
                for row in rows:
                    taken.append(row)
                    if len(taken) == self._chunk_rows:
                        yield RecordChunk(taken)
                        taken = []
            except Exception:
                if taken:
                    yield RecordChunk(taken)
                raise
        if taken:
            yield RecordChunk(taken)

    def rows(self) -> Generator[Row, None, None]:
        """The rows from the first."""
        for row in self._rows:
            if isinstance(row, BaseException):
                raise row
            self.n_read += 1
            yield row


class Store:
    """A checkpoint store in memory that keeps what was saved, and how often.

    :param tries: another text stands for a deliberate re-run.
    """

    def __init__(self, tries: str = "first") -> None:
        self.tries = tries
        self.state: dict[str, Any] | None = None
        self.saved: list[int] = []

    @property
    def is_done(self) -> bool:
        """Whether a run left its receipt: a retry has nothing left to do."""
        return self.state is not None and self.state["receipt"] is not None

    def load(self) -> dict[str, Any] | None:
        """What was saved last, as JSON gives it back."""
        return None if self.state is None else msgspec.json.decode(msgspec.json.encode(self.state))

    def save(self, state: dict[str, Any]) -> None:
        """Keep it."""
        self.state = state
        self.saved.append(state["position"])


def purchase(event_id: str, **fields: Any) -> dict[str, Any]:
    """A nested record of one purchase."""
    return {
        "event": "Purchase",
        "event_time": 1767225600,
        "event_id": event_id,
        "user": {"email": "jane@example.com"},
        **fields,
    }


def is_source(source: Source) -> Source:
    """A check for mypy: the sources of these tests are sources."""
    return source


FAST = Options(max_in_flight=2)


class Steps:
    """A clock that has gone on each time it is asked.

    :param seconds: by how much.
    """

    def __init__(self, seconds: float = 1.0) -> None:
        self._seconds = seconds
        self._now = 0.0

    def __call__(self) -> float:
        self._now += self._seconds
        return self._now
