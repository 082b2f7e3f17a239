# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Settling: results to a durable record, in the order of the source.

Requests are answered in any order; results are stored in the order their events were read, so that a
single position tells what is done. First the dead letters are on disk, then the counts move, then the
checkpoint. Nothing here knows how a result came about.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from msgspec import Struct, structs

from airflow_provider_tiktok.conversions.delivery.checkpoint import Checkpoint, CheckpointStore, mark_of
from airflow_provider_tiktok.conversions.delivery.dead_letter import DeadLetters, Locate, Record
from airflow_provider_tiktok.conversions.delivery.isolation import BatchReport
from airflow_provider_tiktok.conversions.delivery.receipt import Receipt, Tally, Traffic, make_receipt
from airflow_provider_tiktok.conversions.errors import ConversionsError
from airflow_provider_tiktok.conversions.events import (
    ConversionEvent,
    EventResult,
    Outcome,
    PreparedEvent,
    Row,
)

log = logging.getLogger(__name__)

FINAL = (Outcome.ACCEPTED, Outcome.REJECTED, Outcome.SKIPPED)
"""Outcomes that a retry would not change: the checkpoint may move past them."""


class Pending(Struct, kw_only=True):
    """An event that was read, with its result as soon as there is one.

    :param mark: of its last row.
    :param prepared: the event, as soon as it is known to be fit to be sent.
    :param may_be_sent: whether its batch was handed over for sending.
    :param first: the place of the event that this one repeats, while that one is under way.
    :param repeat: the result of this one if that one is accepted.
    """

    row: int
    rows: int
    mark: str = ""
    prepared: PreparedEvent | None = None
    may_be_sent: bool = False
    result: EventResult | None = None
    first: Pending | None = None
    repeat: EventResult | None = None

    @property
    def last_row(self) -> int:
        """Number of the last source row of the event."""
        return self.row + self.rows - 1

    def follow(self, first: Pending, *, repeat: EventResult) -> None:
        """Wait for the result of an earlier event: a repeat of what is refused in the end is not left out."""
        self.first = first
        self.repeat = repeat

    def learn(self) -> None:
        """Take over what became of the event that this one repeats, if that is known by now."""
        told = self.first.result if self.first is not None else None
        if self.result is not None or told is None or self.repeat is None:
            return
        if told.outcome in (Outcome.ACCEPTED, Outcome.SKIPPED):
            self.result = self.repeat
            return
        self.result = structs.replace(
            self.repeat,
            outcome=told.outcome,
            reason=told.reason,
            code=told.code,
            message=told.message,
            request_id=told.request_id,
        )

    def abandon(self) -> None:
        """Give an event whose way was cut off without a result the careful one."""
        self.result = EventResult(
            row=self.row,
            rows=self.rows,
            outcome=Outcome.UNCONFIRMED if self.may_be_sent else Outcome.UNDELIVERED,
            reason="interrupted",
            event=getattr(self.prepared, "event", None),
            event_id=getattr(self.prepared, "event_id", None),
            prepared=self.prepared,
        )


class Resumption(Struct, frozen=True, kw_only=True):
    """Where the checkpoint of this input is kept.

    :param fingerprint: of the input and of what decides how its rows become events.
    :param read_row: the source's row of a number, from 1; ``None`` where there are fewer.
    """

    store: CheckpointStore
    fingerprint: str
    read_row: Callable[[int], Row | None]

    def load(self) -> Checkpoint | None:
        """The checkpoint a former try left for this very input, ``None`` for none."""
        state = self.store.load()
        checkpoint = Checkpoint.from_state(state, fingerprint=self.fingerprint)
        if checkpoint is not None and self._is_still_there(checkpoint):
            log.info("Going on after row %d, up to which a former try had settled.", checkpoint.position)
            return checkpoint
        if state:
            log.warning(
                "The input or its settings changed since the last try: all is sent again, with the same ids."
            )
        return None

    def _is_still_there(self, checkpoint: Checkpoint) -> bool:
        """Whether the last settled row is where it was."""
        row = self.read_row(checkpoint.position)
        return row is not None and mark_of(row) == checkpoint.mark


class Settlement:
    """The durable record of one run.

    :param record: an event in the shape that dead letters keep.
    :param locate: where a row stands, in words for people; ``None`` where its number says all.
    :param clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        dead_letters: DeadLetters | None,
        resumption: Resumption | None,
        record: Record,
        locate: Locate | None,
        clock: Callable[[], float],
    ) -> None:
        self._dead_letters = dead_letters
        self._resumption = resumption
        self._record = record
        self._locate = locate
        self._clock = clock
        self._began = clock()
        self._pending: deque[Pending] = deque()
        self._marks: deque[tuple[int, str]] = deque()
        self._mark = ""
        self._is_held = False
        checkpoint = resumption.load() if resumption else None
        state = checkpoint.tally if checkpoint else {}
        self._tally = Tally(state.get("results"))
        self._traffic = Traffic(**state.get("traffic", {}))
        self._seconds_before = self._traffic.seconds
        self.start = self.position = checkpoint.position if checkpoint else 0
        if dead_letters is not None:
            dead_letters.start(position=self.start)

    def note(self, number: int, row: Row) -> None:
        """Mark a row that was read; rows come in their order, each before its event."""
        if self._resumption is not None:
            self._marks.append((number, mark_of(row)))

    def expect(self, event: ConversionEvent) -> Pending:
        """A place for the result of an event, in the order of the source."""
        pending = Pending(row=event.row, rows=event.rows)
        while self._marks and self._marks[0][0] <= pending.last_row:
            pending.mark = self._marks.popleft()[1]
        self._pending.append(pending)
        return pending

    def abandon(self) -> None:
        """Give a result to every event that has none: nothing more will be known of it."""
        for pending in self._pending:
            pending.learn()  # what it repeats stands before it, and has its result
            if pending.result is None:
                pending.abandon()

    @property
    def n_pending(self) -> int:
        """Events that were read and whose results are not stored yet."""
        return len(self._pending)

    @property
    def last_row(self) -> int:
        """The last source row that was read."""
        return self._pending[-1].last_row if self._pending else self.position

    def warn(self, rule: str, *, remedy: str) -> None:
        """Take down a warning about the run as a whole, once however many tries find it."""
        self._tally.warnings.add_of_run(rule, remedy=remedy)

    def count(self, report: BatchReport) -> None:
        """Count what one batch took."""
        self._traffic.add(
            requests=report.requests,
            retries=report.retries,
            n_bytes=report.n_bytes,
            request_ids=report.request_ids,
        )

    def store(self) -> None:
        """Store the oldest results up to the first event without one.

        From the first result that a retry may change, the checkpoint stays where it is: a retry reads on
        from there.

        :raises TransientError: the dead letters cannot be written. The results are counted all the same,
            and the checkpoint does not move.
        """
        if not self._is_held and self._write(self._pop_settled(is_final=True)):
            self._save()
        if self._pending and self._pending[0].result is not None:
            self._is_held = True
            self._write(self._pop_settled(is_final=False))

    def close(self, *, is_complete: bool, stopped_by: BaseException | None, destination: str) -> Receipt:
        """The receipt. Where all is done, the checkpoint is removed: a deliberate re-run starts over."""
        if is_complete and stopped_by is None and not self._is_held and self._resumption is not None:
            self._resumption.store.clear()
        self._count_seconds()
        letters = self._dead_letters
        return make_receipt(
            self._tally,
            self._traffic,
            destination=destination,
            is_complete=is_complete,
            stopped_by=stopped_by,
            dead_letters=letters.count if letters else 0,
            dead_letter_path=letters.path if letters else None,
            resumed_from=self.start,
        )

    def _pop_settled(self, *, is_final: bool) -> list[EventResult]:
        settled: list[EventResult] = []
        while self._pending:
            pending = self._pending[0]
            pending.learn()
            if pending.result is None or (is_final and pending.result.outcome not in FINAL):
                break
            settled.append(pending.result)
            self.position, self._mark = pending.last_row, pending.mark
            self._pending.popleft()
        return settled

    def _write(self, results: list[EventResult]) -> bool:
        """Whether there was anything to store."""
        for result in results:
            self._tally.add(result)
        if results and self._dead_letters is not None:
            try:
                self._dead_letters.write(results, record=self._record, locate=self._locate)
            except ConversionsError:
                self._is_held = True
                raise
        return bool(results)

    def _save(self) -> None:
        if self._resumption is None:
            return
        self._count_seconds()
        checkpoint = Checkpoint(
            fingerprint=self._resumption.fingerprint,
            position=self.position,
            mark=self._mark,
            tally={"results": self._tally.as_state(), "traffic": structs.asdict(self._traffic)},
        )
        self._resumption.store.save(checkpoint.as_state())

    def _count_seconds(self) -> None:
        self._traffic.seconds = self._seconds_before + self._clock() - self._began
