# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Settling: results to a durable record.

Requests are answered in any order, and stored in any order: a checkpoint names the rows that are still open.
First the dead letters are on disk, then the counts move, then the checkpoint. Nothing here knows how a
result came about.

One thread notes events as they are read, another stores results: between the two stands a queue.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from itertools import islice

from msgspec import Struct, structs

from airflow_provider_tiktok.conversions.delivery.checkpoint import (
    MAX_SPANS,
    Checkpoint,
    CheckpointStore,
    Digest,
    spans_of,
)
from airflow_provider_tiktok.conversions.delivery.dead_letter import DeadLetters, Locate, Record
from airflow_provider_tiktok.conversions.delivery.isolation import BatchReport
from airflow_provider_tiktok.conversions.delivery.receipt import Receipt, Tally, Traffic, make_receipt
from airflow_provider_tiktok.conversions.events import (
    ConversionEvent,
    EventResult,
    Outcome,
    PreparedEvent,
)
from airflow_provider_tiktok.conversions.sealed import SealedRecord

log = logging.getLogger(__name__)

FINAL = (Outcome.ACCEPTED, Outcome.REJECTED, Outcome.SKIPPED)
"""Outcomes that a retry would not change."""

SAVE_EVERY_S = 1.0
"""A killed run repeats what was under way, and what was stored within this time."""

REPEATS_ARE_SAFE_S = 48 * 3600
"""How long TikTok knows a repeat by its event id."""


class Pending(SealedRecord, kw_only=True):
    """An event that was read, with its result as soon as there is one.

    :param is_past: whether a former try stored its result: it is not sent and not counted.
    :param prepared: the event, as soon as it is known to be fit to be sent.
    :param may_be_sent: whether its batch was handed over for sending.
    :param first: the place of the event that this one repeats, while that one is under way.
    :param repeat: the result of this one if that one is accepted.
    """

    row: int
    rows: int
    is_past: bool = False
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

    @property
    def is_final(self) -> bool:
        """Whether there is a result that a retry would not change."""
        return self.result is not None and self.result.outcome in FINAL

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
    :param is_ordered: whether row numbers mean the same in every try; else only a whole delivery is noted.
    """

    store: CheckpointStore
    fingerprint: str
    is_ordered: bool

    def load(self) -> Checkpoint | None:
        """The checkpoint a former try left for this very input, ``None`` for none."""
        state = self.store.load()
        checkpoint = Checkpoint.from_state(state)
        if checkpoint is None or checkpoint.fingerprint != self.fingerprint:
            if state:
                log.warning(
                    "The input or its settings changed since the last try: all is sent again, with the same "
                    "ids."
                )
            return None
        if checkpoint.receipt is not None and checkpoint.tries != self.store.tries:
            return None  # a deliberate re-run of what was delivered
        return checkpoint


class Settlement:
    """The durable record of one run.

    :param record: an event in the shape that dead letters keep.
    :param locate: where a row stands, in words for people; ``None`` where its number says all.
    :param clock: monotonic seconds.
    :param now: Unix seconds.
    """

    def __init__(
        self,
        *,
        dead_letters: DeadLetters | None,
        resumption: Resumption | None,
        record: Record,
        locate: Locate | None,
        clock: Callable[[], float],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._dead_letters = dead_letters
        self._resumption = resumption
        self._record = record
        self._locate = locate
        self._clock = clock
        self._now = now
        self._began = clock()
        if dead_letters is not None:
            dead_letters.start()
        checkpoint = resumption.load() if resumption else None
        if checkpoint is not None and self._lacks_letters(checkpoint):
            self._warn_of_repeats(
                "Dead letters of a former try are not where this try can find them", checkpoint
            )
            checkpoint = None
        self._begin(checkpoint)

    def _begin(self, checkpoint: Checkpoint | None) -> None:
        state = checkpoint or Checkpoint(fingerprint="", began_at=int(self._now()))
        self._checkpoint = state
        self._tally = Tally(state.tally)
        self._left = Tally()
        self._traffic = Traffic(**state.traffic)
        self._seconds_before = self._traffic.seconds
        self._digest = Digest(state.digest)
        self._passed = Digest()
        self._passed_row = 0
        self.start = self.position = state.position
        self.last_row = 0
        self._arrived: deque[Pending] = deque()
        self._pending: dict[int, Pending] = {}
        self.is_caught_up = False
        self._is_broken = False
        self._saved_at: float | None = None
        self._is_saved = True

    # --------------------------------------------------------------------------- what a former try left

    @property
    def delivered(self) -> Receipt | None:
        """The receipt of a former try that delivered everything, ``None`` where there is something to do."""
        receipt = self._checkpoint.receipt
        return None if receipt is None else Receipt.from_dict(receipt)

    def catch_up(self) -> bool:
        """Whether the events up to the checkpoint were those of the former try."""
        if not self.is_caught_up:
            passed = (self._passed_row, self._passed.value)
            self.is_caught_up = passed == (self._checkpoint.position, self._checkpoint.digest)
        return self.is_caught_up

    def start_over(self) -> None:
        """Forget what a former try stored: the input is another."""
        self._warn_of_repeats("The input changed since the last try", self._checkpoint)
        self._begin(None)

    def _warn_of_repeats(self, reason: str, checkpoint: Checkpoint) -> None:
        log.warning("%s: all is sent again, with the same ids.", reason)
        hours = (self._now() - checkpoint.began_at) / 3600
        if hours * 3600 > REPEATS_ARE_SAFE_S:
            log.warning(
                "The first try began %.0f hours ago. TikTok removes repeats by their id only within 48 "
                "hours: events that it accepted before may count twice.",
                hours,
            )

    def _lacks_letters(self, checkpoint: Checkpoint) -> bool:
        """Whether a letter of an event that is stored as rejected cannot be found, as on another's disk."""
        if self._dead_letters is None:
            return False
        told = checkpoint.receipt or Tally(checkpoint.tally).outcomes
        found = self._dead_letters.count_of(checkpoint.holds)
        return found is not None and found < int(told.get(Outcome.REJECTED.value, 0))

    # ----------------------------------------------------------------------------------- as events come

    def expect(self, event: ConversionEvent) -> Pending:
        """A place for the result of an event; events come in the order of the source."""
        pending = Pending(row=event.row, rows=event.rows)
        self.last_row = pending.last_row
        if self._checkpoint.holds(event.row):
            pending.is_past = True
            pending.result = self._former_result(event)
        else:
            self._arrived.append(pending)
        return pending

    def pass_by(self, pending: Pending) -> None:
        """Take note of an event that a former try stored, once its name and id are known."""
        known = pending.prepared or pending.repeat or pending.result
        self._passed.add(
            row=pending.row,
            rows=pending.rows,
            event=None if known is None else known.event,
            event_id=None if known is None else known.event_id,
        )
        self._passed_row = pending.last_row

    def _former_result(self, event: ConversionEvent) -> EventResult:
        """What became of an event that was sent: what was refused has a letter."""
        letters = self._dead_letters
        was_refused = letters is not None and letters.has_former(event.row)
        outcome = Outcome.REJECTED if was_refused else Outcome.ACCEPTED
        return EventResult(row=event.row, rows=event.rows, outcome=outcome)

    @property
    def n_pending(self) -> int:
        """Events that were read and whose results are not stored yet."""
        return len(self._arrived) + len(self._pending)

    # --------------------------------------------------------------------------------- as results come

    def warn(self, rule: str, *, remedy: str) -> None:
        """Take down a warning about the run as a whole; every try finds it again, so none is stored."""
        self._left.warnings.add_of_run(rule, remedy=remedy)

    def count(self, report: BatchReport) -> None:
        """Count what one batch took."""
        self._traffic.add(
            requests=report.requests,
            retries=report.retries,
            n_bytes=report.n_bytes,
            request_ids=report.request_ids,
        )

    def store(self) -> None:
        """Store every result up to the last that the destination gave.

        :raises TransientError: the dead letters cannot be written. The results are counted all the same,
            and no checkpoint is saved any more.
        """
        settled = self._take(self._n_settled())
        if settled:
            self._write(settled, self._tally)
            self._is_saved = False
        now = self._clock()
        if not self._is_saved and (self._saved_at is None or now - self._saved_at >= SAVE_EVERY_S):
            self._saved_at = now
            self._save()

    def abandon(self) -> None:
        """Give a result to every event that has none: nothing more will be known of it.

        :raises TransientError: as ``store``.
        """
        self._collect()
        for pending in self._pending.values():
            pending.learn()  # what it repeats stands before it, and has its result
            if pending.result is None:
                pending.abandon()
        settled = self._take(len(self._pending))
        left = [pending.result for pending in self._pending.values() if pending.result is not None]
        try:
            self._write(settled, self._tally)
        finally:
            self._write(left, self._left)
        self._is_saved = False

    def close(self, *, is_complete: bool, stopped_by: BaseException | None, destination: str) -> Receipt:
        """The receipt. It is in the checkpoint, too, where a retry would have nothing left to do."""
        self._count_seconds()
        letters = self._dead_letters
        if letters is not None:
            letters.close()
        receipt = make_receipt(
            self._tally.plus(self._left),
            self._traffic,
            destination=destination,
            is_complete=is_complete,
            stopped_by=stopped_by,
            dead_letters=letters.count if letters else 0,
            dead_letter_path=letters.path if letters else None,
            resumed_from=self.start,
        )
        is_done = is_complete and stopped_by is None and not self._pending
        self._save(receipt if is_done else None)
        return receipt

    def _collect(self) -> None:
        while self._arrived:
            pending = self._arrived.popleft()
            self._pending[pending.row] = pending

    def _n_settled(self) -> int:
        """Up to which event results may be stored.

        What was decided here is stored with what the destination answered behind it, or once everything
        before it is: so that what is open stays a few long spans.
        """
        self._collect()
        settled, has_gap = 0, False
        for number, pending in enumerate(self._pending.values(), 1):
            pending.learn()
            if not pending.is_final:
                has_gap = True
            elif pending.may_be_sent or not has_gap:
                settled, has_gap = number, False
        return settled

    def _take(self, n_events: int) -> list[EventResult]:
        """Final results among the oldest events; these events are no longer pending."""
        taken = [pending for pending in islice(self._pending.values(), n_events) if pending.is_final]
        for pending in taken:
            del self._pending[pending.row]
            self.position = max(self.position, pending.last_row)
        return [pending.result for pending in taken if pending.result is not None]

    def _write(self, results: list[EventResult], tally: Tally) -> None:
        for result in results:
            tally.add(result)
            if tally is self._tally:
                self._digest.add(
                    row=result.row, rows=result.rows, event=result.event, event_id=result.event_id
                )
        if results and self._dead_letters is not None:
            try:
                self._dead_letters.write(results, record=self._record, locate=self._locate)
            except BaseException:
                self._is_broken = True
                raise

    def _save(self, receipt: Receipt | None = None) -> None:
        """Save the checkpoint, if this run knows more than the one there is."""
        resumption = self._resumption
        if resumption is None or self._is_broken or not self.is_caught_up:
            return
        if receipt is None and not resumption.is_ordered:
            return
        spans = spans_of(
            (each.row, each.last_row) for each in self._pending.values() if each.row <= self.position
        )
        if len(spans) > MAX_SPANS:
            return
        self._count_seconds()
        checkpoint = Checkpoint(
            fingerprint=resumption.fingerprint,
            began_at=self._checkpoint.began_at,
            position=self.position,
            open=spans,
            digest=self._digest.value,
            tally=self._tally.as_state(),
            traffic=structs.asdict(self._traffic),
            tries=resumption.store.tries,
            receipt=None if receipt is None else receipt.as_dict(),
        )
        resumption.store.save(checkpoint.as_state())
        self._is_saved = True

    def _count_seconds(self) -> None:
        self._traffic.seconds = self._seconds_before + self._clock() - self._began
