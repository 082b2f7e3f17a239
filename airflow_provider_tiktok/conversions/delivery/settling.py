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
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence

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
from airflow_provider_tiktok.conversions.delivery.road import (
    ACCEPTED,
    ANSWERED,
    FOLLOWING,
    OPEN,
    PAST,
    PAST_REFUSED,
    SETTLED,
    STORED,
    UNFINAL,
    VALIDATED,
    Events,
)
from airflow_provider_tiktok.conversions.events import EventResult, Outcome

log = logging.getLogger(__name__)

FINAL = (Outcome.ACCEPTED, Outcome.REJECTED, Outcome.SKIPPED)
"""Outcomes that a retry would not change."""

_OPEN_STATES = (OPEN, FOLLOWING, UNFINAL)
_IS_OPEN = bytes(state in _OPEN_STATES for state in range(256))
_IS_LEFT = bytes(state not in (STORED, PAST, PAST_REFUSED) for state in range(256))

Forget = Callable[..., None]

SAVE_EVERY_S = 1.0
"""A killed run repeats what was under way, and what was stored within this time."""

REPEATS_ARE_SAFE_S = 48 * 3600
"""How long TikTok knows a repeat by its event id."""


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
    :param forget: told row, name and id of each event that was not accepted.
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
        forget: Forget = lambda **_: None,
    ) -> None:
        self._dead_letters = dead_letters
        self._resumption = resumption
        self._record = record
        self._locate = locate
        self._clock = clock
        self._now = now
        self._forget = forget
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
        self._traffic = Traffic.from_state(state.traffic)
        self._seconds_before = self._traffic.seconds
        self._digest = Digest(state.digest)
        self._passed = Digest()
        self._passed_row = 0
        self.start = self.position = state.position
        self.last_row = 0
        self._live: dict[int, Events] = {}
        self._sizes: dict[int, int] = {}
        self._bytes_revealed = self._bytes_released = 0
        self._read: Events | None = None
        self._n_expected = self._n_stored = 0
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

    @property
    def may_repeat(self) -> bool:
        """Whether what a former try sent may be sent once more: TikTok still knows it by its id."""
        return self._now() - self._checkpoint.began_at <= REPEATS_ARE_SAFE_S

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

    def expect(self, events: Events) -> None:
        """Take down events that were read, in the order of the source; those stored before are past."""
        if not len(events):
            return
        self.last_row = events.last_row(len(events) - 1)
        if events.rows[0] <= self.start:
            self._mark_past(events)
        self._read = events

    def reveal(self, events: Events, *, n_bytes: int = 0) -> None:
        """Let results be stored; from here on the states of events are changed where results are.

        :param n_bytes: about what the rows hold that these events are made of.
        """
        n_left = events.states.translate(_IS_LEFT).count(1)
        if n_left:
            self._n_expected += n_left
            self._bytes_revealed += n_bytes
            self._sizes[events.rows[0]] = n_bytes
            self._live[events.rows[0]] = events

    def _mark_past(self, events: Events) -> None:
        letters = self._dead_letters
        places = [place for place, row in enumerate(events.rows) if self._checkpoint.holds(row)]
        for place in places:
            was_refused = letters is not None and letters.has_former(events.rows[place])
            events.states[place] = PAST_REFUSED if was_refused else PAST

    def pass_by(self, events: Events) -> None:
        """Take note of events that a former try stored, once their names and ids are known."""
        places = [place for place, state in enumerate(events.states) if state in (PAST, PAST_REFUSED)]
        if places:
            self._passed.add_many(map(events.told, places))
            self._passed_row = events.last_row(places[-1])

    def find(self, row: int) -> tuple[Events, int] | None:
        """The event that begins with a row, ``None`` once it is stored."""
        latest = () if self._read is None else (self._read,)
        for events in (*list(self._live.values()), *latest):
            place = bisect_left(events.rows, row)
            if place < len(events) and events.rows[place] == row:
                return None if events.states[place] in (STORED, PAST, PAST_REFUSED) else (events, place)
        return None

    @property
    def n_pending(self) -> int:
        """Events that were read and whose results are not stored yet."""
        return self._n_expected - self._n_stored

    @property
    def pending_bytes(self) -> int:
        """About what the rows hold in whose chunks events are pending."""
        return self._bytes_revealed - self._bytes_released

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
        live = list(self._live.values())
        self._learn(live)
        n_stored = self._n_stored
        self._take(live, self._ends(live))
        self._is_saved = self._is_saved and n_stored == self._n_stored
        now = self._clock()
        if not self._is_saved and (self._saved_at is None or now - self._saved_at >= SAVE_EVERY_S):
            self._saved_at = now
            self._save()

    def abandon(self) -> None:
        """Give a result to every event that has none: nothing more will be known of it.

        :raises TransientError: as ``store``.
        """
        live = list(self._live.values())
        self._learn(live)
        for events in live:
            for place, state in enumerate(events.states):
                if state in (OPEN, FOLLOWING):
                    self._abandon(events, place)
        left = [
            events.results[place]
            for events in live
            for place, state in enumerate(events.states)
            if state == UNFINAL
        ]
        try:
            self._take(live, [len(events) for events in live])
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
        is_done = is_complete and stopped_by is None and not self._live
        self._save(receipt if is_done else None)
        return receipt

    def _learn(self, live: Sequence[Events]) -> None:
        """Have events that repeat others take over what became of those, if that is known by now."""
        for events in live:
            for place, (first, at, repeat) in list(events.following.items()):
                state, told = first.states[at], first.results.get(at)
                if state in (OPEN, FOLLOWING):
                    continue
                del events.following[place]
                if told is None or told.outcome in (Outcome.ACCEPTED, Outcome.SKIPPED):
                    events.settle(place, repeat)
                    continue
                fate = structs.replace(
                    repeat,
                    outcome=told.outcome,
                    reason=told.reason,
                    code=told.code,
                    message=told.message,
                    request_id=told.request_id,
                )
                events.settle(place, fate, state=SETTLED if told.outcome in FINAL else UNFINAL)

    def _abandon(self, events: Events, place: int) -> None:
        """Give an event whose way was cut off without a result the careful one."""
        outcome = Outcome.UNCONFIRMED if events.sent[place] else Outcome.UNDELIVERED
        events.following.pop(place, None)
        events.settle(place, events.made(place).ending(outcome, "interrupted"), state=UNFINAL)

    def _ends(self, live: Sequence[Events]) -> list[int]:
        """Up to which event of each chunk results may be stored.

        What was decided here is stored with what the destination answered behind it, or once everything
        before it is: so that what is open stays a few long spans.
        """
        answered = [
            max(events.states.rfind(bytes((ACCEPTED,))), events.states.rfind(bytes((ANSWERED,)))) + 1
            for events in live
        ]
        last = max((n for n, end in enumerate(answered) if end), default=-1)
        ends = []
        has_gap = False
        for n, events in enumerate(live):
            end = len(events) if n < last else answered[n] if n == last else 0
            if n >= last and not has_gap:
                gap = events.states.translate(_IS_OPEN).find(1, end)
                end, has_gap = (len(events), False) if gap < 0 else (gap, True)
            ends.append(end)
        return ends

    def _take(self, live: Sequence[Events], ends: Sequence[int]) -> None:
        """Store the final results of these events; they are no longer pending."""
        results: list[EventResult] = []
        for events, end in zip(live, ends, strict=True):
            results += self._take_from(events, end)
        self._write(results, self._tally)

    def _take_from(self, events: Events, end: int) -> list[EventResult]:
        """The results that events have of their own; the others are counted by their columns."""
        states = events.states
        own: list[EventResult] = []
        n_taken, last = 0, -1
        place = 0
        while place < end:
            state = states[place]
            stop = place + 1
            if state in (ACCEPTED, VALIDATED):
                stop = end - len(states[place:end].lstrip(bytes((state,))))
                is_sent = state == ACCEPTED
                self._tally.add_run(
                    events,
                    place,
                    stop,
                    outcome=Outcome.ACCEPTED if is_sent else Outcome.SKIPPED,
                    reason="" if is_sent else "validate_only",
                )
                if self._resumption is not None:
                    self._digest.add_many(events.told_run(place, stop))
                if self._dead_letters is not None and is_sent:  # looking at an event takes no letter away
                    self._dead_letters.outdate(events.rows[place], events.last_row(stop - 1))
            elif state in (SETTLED, ANSWERED):
                result = events.results[place]
                self._forget_refused(result)  # before it is stored: what is stored is asked for no more
                own.append(result)
            else:
                place = stop
                continue
            states[place:stop] = bytes((STORED,)) * (stop - place)
            n_taken += stop - place
            last = stop - 1
            place = stop
        if n_taken:
            self.position = max(self.position, events.last_row(last))
            self._n_stored += n_taken
            if not states.translate(_IS_LEFT).count(1):
                self._live.pop(events.rows[0], None)
                self._bytes_released += self._sizes.pop(events.rows[0], 0)
        return own

    def _forget_refused(self, result: EventResult) -> None:
        """Let an event that was refused be tried again where it comes again."""
        if result.outcome is Outcome.REJECTED:
            self._forget(row=result.row, event=result.event, event_id=result.event_id)

    def _write(self, results: list[EventResult], tally: Tally) -> None:
        for result in results:
            tally.add(result)
            if tally is self._tally and self._resumption is not None:
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
        spans = spans_of(self._open_rows())
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

    def _open_rows(self) -> Iterator[tuple[int, int]]:
        """First and last rows of the events up to the position that are not stored."""
        for events in list(self._live.values()):
            for place, is_left in enumerate(events.states.translate(_IS_LEFT)):
                if is_left and events.rows[place] <= self.position:
                    yield events.rows[place], events.last_row(place)

    def _count_seconds(self) -> None:
        self._traffic.seconds = self._seconds_before + self._clock() - self._began
