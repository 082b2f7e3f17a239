# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The engine: rows in, a receipt out. It joins the rooms and holds no rule of any of them.

One thread reads, maps, prepares and packs; up to ``max_in_flight`` others send; one keeps the record.
Batches settle as they are answered, and a checkpoint is saved at most once a second: so a killed run repeats
no more than the requests that were in flight, and what was answered in its last second.

A retry reads from the first row and takes every event the same way, but for those that are settled: these are
neither sent nor counted again. It sends nothing before it has seen that they are the same as they were.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from typing import Any, Final

from msgspec import Struct, structs

from airflow_provider_tiktok.conversions.batching import Batch, Batcher
from airflow_provider_tiktok.conversions.chunks import Chunk, Source, rows_in
from airflow_provider_tiktok.conversions.delivery.checkpoint import CheckpointStore
from airflow_provider_tiktok.conversions.delivery.crew import Crew
from airflow_provider_tiktok.conversions.delivery.dead_letter import DeadLetters
from airflow_provider_tiktok.conversions.delivery.destination import Destination
from airflow_provider_tiktok.conversions.delivery.first_rows import check_first_rows, take_first
from airflow_provider_tiktok.conversions.delivery.isolation import (
    BatchReport,
    Doubt,
    Settled,
    judge_rest,
    send_apart,
)
from airflow_provider_tiktok.conversions.delivery.receipt import Receipt
from airflow_provider_tiktok.conversions.delivery.repeats import First, Repeats
from airflow_provider_tiktok.conversions.delivery.road import (
    ACCEPTED,
    ANSWERED,
    FOLLOWING,
    OPEN,
    PAST,
    UNFINAL,
    VALIDATED,
    Events,
    Road,
)
from airflow_provider_tiktok.conversions.delivery.settling import FINAL, Resumption, Settlement
from airflow_provider_tiktok.conversions.delivery.sizes import size_of_chunk
from airflow_provider_tiktok.conversions.errors import TransientError
from airflow_provider_tiktok.conversions.events import ConversionEvent, Outcome, Row, Violation
from airflow_provider_tiktok.conversions.mapping import EventMapping

log = logging.getLogger(__name__)


PROGRESS_EVERY_S: Final = 10.0
"""Seconds between progress lines in the log."""

MOST_PENDING_BYTES: Final = 64_000_000
"""So much the rows of events may hold that were read and not settled, about: beyond, reading waits."""


class Options(Struct, frozen=True, kw_only=True):
    """How a run goes about it.

    :param max_in_flight: requests under way at once, each with one batch in memory.
    :param require_consent: leave out events whose ``consent`` is not true.
    :param validate_only: go the whole road up to the wire and send nothing.
    :param repeats_window: how many of the latest events are remembered to find repeats.
    """

    max_in_flight: int = 4
    require_consent: bool = False
    validate_only: bool = False
    repeats_window: int = 100_000


class Delivery(Struct, frozen=True, kw_only=True):
    """A run that ended.

    :param stopped_by: what ended it early, to be raised by the caller; ``None`` where it ran through.
    """

    receipt: Receipt
    stopped_by: BaseException | None


def deliver(
    source: Source,
    *,
    mapping: EventMapping,
    destination: Destination,
    options: Options | None = None,
    dead_letters: DeadLetters | None = None,
    checkpoints: CheckpointStore | None = None,
    stop: threading.Event | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Delivery:
    """The receipt for every event of the source; also of a run that was stopped, by whatever.

    :param dead_letters: where events go that are not accepted, ``None`` to keep only their counts.
    :param checkpoints: where a retry finds how far this run came, ``None`` for none. Used only if the
        source can tell whether it changed; a position in it only if it is ordered.
    :param stop: set by another thread to end the run in order.
    :param clock: monotonic seconds.
    :raises ConfigurationError: the dead letters cannot be written; nothing was sent.
    :raises ConversionsError: the source cannot tell whether it changed; nothing was sent.
    """
    preparation = _Preparation(mapping, destination, options or Options())
    settlement = Settlement(
        dead_letters=dead_letters,
        resumption=_resumption(source, preparation, checkpoints),
        record=destination.record,
        locate=source.locate,
        clock=clock,
        forget=preparation.forget,
    )
    if settlement.delivered is not None:
        log.info("A former try delivered every event: nothing is sent again.")
        return Delivery(receipt=settlement.delivered, stopped_by=None)
    return _Run(source, preparation, settlement, stop or threading.Event(), clock).run()


def _resumption(
    source: Source, preparation: _Preparation, checkpoints: CheckpointStore | None
) -> Resumption | None:
    """Where the next try finds what this one did, for a source that can tell whether it changed."""
    if checkpoints is None or preparation.options.validate_only:
        return None
    fingerprint = source.fingerprint()
    if fingerprint is None:
        return None
    return Resumption(
        store=checkpoints,
        fingerprint=preparation.fingerprint(fingerprint),
        is_ordered=source.is_ordered,
    )


class _Preparation:
    """Chunks to batches: the road, repeats, packing."""

    def __init__(self, mapping: EventMapping, destination: Destination, options: Options) -> None:
        self.mapping = mapping
        self.destination = destination
        self.options = options
        self.road = Road(mapping, destination, require_consent=options.require_consent)
        self._repeats = Repeats(options.repeats_window)
        self._batcher = Batcher(destination.limits)

    def fingerprint(self, source: str) -> str:
        """A digest of what decides which events come of which rows."""
        parts = (source, repr(self.mapping), repr(self.destination.identity.rules), self.destination.address)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def settle(self, events: Events, settlement: Settlement) -> None:
        """Give repeats their results, and all their end where nothing is to be sent."""
        places = _with_lines(events, events.places_in(OPEN, PAST))
        firsts = self._repeats.meet(events, places, find=settlement.find)
        for place, first in firsts.items():
            if events.states[place] != PAST:
                _settle_repeat(events, place, first)
        if self.options.validate_only:
            for place in events.places_in(OPEN):
                events.states[place] = VALIDATED

    def forget(self, *, row: int, event: str | None, event_id: str | None) -> None:
        """Let an event that was refused be tried again where it comes again."""
        self._repeats.forget(row=row, event=event, event_id=event_id)

    def pack(self, events: Events) -> Iterator[Batch]:
        """The batches that these events complete, and those that waited too long for their group."""
        if self.options.validate_only:
            return
        places = _with_lines(events, events.places_in(OPEN, PAST))
        if not events.encoded:
            is_whole = isinstance(places, range)
            lines: Any = events.lines if is_whole else [events.lines[place] for place in places]
            yield from self._batcher.add_lines(lines, events, places)
            yield from self._batcher.pass_by(len(events))
            return
        sendable = frozenset(places)
        for place in range(len(events)):
            encoded = events.encoded.get(place)
            if encoded is not None and place in sendable:
                yield from self._batcher.add(structs.replace(encoded, item=(events, place)))
            yield from self._batcher.pass_by()

    def find_faults(self, event: ConversionEvent) -> tuple[Violation, ...]:
        """What is wrong with an event that is not to be sent yet."""
        if self.options.require_consent and event.consent is not True:
            return (_NO_CONSENT,)
        return self.destination.check(self.destination.identity.prepare(event))

    def renewed(self) -> _Preparation:
        """The same for a reading that begins anew."""
        anew = _Preparation(self.mapping, self.destination, self.options)
        self._repeats = anew._repeats  # who was told of this one forgets there
        return anew

    def flush(self) -> Iterator[Batch]:
        """The batches that are still open."""
        return self._batcher.flush()


class _Run:
    """One run. Senders are handed batches and give reports.

    Reading is the caller's thread, where Python raises an interruption between any two steps. What must
    not be cut in two - a result is on disk, is counted, the checkpoint moves - is done by the crew's keeper,
    one such work after the other.
    """

    def __init__(
        self,
        source: Source,
        preparation: _Preparation,
        settlement: Settlement,
        stop: threading.Event,
        clock: Callable[[], float],
    ) -> None:
        self._source = source
        self._preparation = preparation
        self._options = preparation.options
        self._destination = preparation.destination
        self._settlement = settlement
        self._stop = stop
        self._clock = clock
        self._doubt = Doubt()
        self._crew: Crew[Batch, BatchReport] = Crew(
            self._options.max_in_flight,
            send=self._send,
            keep=self._settle,
            idle=partial(self._guarded, settlement.store),
            end=self._end,
        )
        self._held: list[Batch] = []
        self._n_bytes = 0
        self._stopped_by: BaseException | None = None
        self._is_complete = False
        self._delivery: Delivery | None = None
        self._began = self._reported = clock()

    def run(self) -> Delivery:
        self._crew.start()
        while True:
            try:
                if self._stopped_by is None and not self._is_complete:
                    self._read()
                self._crew.finish()
                while self._delivery is None:
                    self._crew.wait()
            except Exception as error:  # the source broke: what was handed over is sent all the same
                self._stopped_by = self._stopped_by or error
            except BaseException as error:  # a timeout or Ctrl-C ends in order, too: with a receipt
                self._halt(error)
            else:
                return self._delivery

    # -------------------------------------------------------------------------------- the caller's thread

    def _read(self) -> None:
        while not self._read_once():
            self._settlement.start_over()
            self._preparation = self._preparation.renewed()
            self._held.clear()

    def _read_once(self) -> bool:
        """Whether the source was read; ``False`` where its rows up to the checkpoint are others by now."""
        road = self._preparation.road
        with closing(self._chunks()) as chunks:
            for chunk in chunks:
                self._n_bytes += size_of_chunk(chunk)
                if not self._take(road.take(chunk)):
                    return False
                if self._should_stop():
                    return True
                self._report_progress()
        if not (self._take(road.finish()) and self._catch_up()):
            return False
        for batch in self._preparation.flush():
            self._submit(batch)
        self._is_complete = self._stopped_by is None
        return True

    def _take(self, events: Events) -> bool:
        """Whether the source is still the same, up to these events."""
        if not len(events):
            return True
        settlement = self._settlement
        settlement.expect(events)
        self._preparation.settle(events, settlement)
        settlement.pass_by(events)
        if settlement.start and self._doubt.witness is None and settlement.may_repeat:
            self._doubt.witness = _accepted_before(events) or self._doubt.witness
        settlement.reveal(events, n_bytes=self._n_bytes)
        self._n_bytes = 0
        # Before these are sent: nothing is saved until then, and sending a chunk may take hours.
        if settlement.last_row > settlement.start and not self._catch_up():
            return False
        for batch in self._preparation.pack(events):
            self._submit(batch)
        if settlement.n_pending >= self._max_pending:
            self._drain()
        elif settlement.pending_bytes >= MOST_PENDING_BYTES:
            self._unload()
        return True

    def _catch_up(self) -> bool:
        """Whether all that a former try stored was read past, unchanged: only then is anything sent."""
        if not self._settlement.catch_up():
            return False
        held, self._held = self._held, []
        for batch in held:
            self._hand_over(batch)
        return True

    @property
    def _max_pending(self) -> int:
        """How many events may be read and not settled: what is in flight, and as much again in waiting."""
        return 2 * (self._options.max_in_flight + 1) * self._destination.limits.max_events + 1000

    def _chunks(self) -> Generator[Chunk, None, None]:
        """The chunks, after the first rows have shown that the mapping fits.

        A source that breaks among the first rows gives those before it all the same.
        """
        first: list[Chunk] = []
        broken: Exception | None = None
        names: tuple[str, ...] | None = None
        with closing(self._source.chunks()) as chunks:
            try:
                first.extend(islice(chunks, 1))
                names = self._source.columns
                if self._may_look_at_rows(names):
                    take_first(chunks, into=first)
            except Exception as error:  # told after the rows before it
                broken = error
            looked_at = rows_in(chunk for chunk in first if chunk.names == first[0].names)
            self._check_columns(names, looked_at if self._may_look_at_rows(names) else ())
            yield from first
            if broken is not None:
                raise broken
            yield from self._checked(chunks, names)

    def _checked(self, chunks: Iterable[Chunk], names: tuple[str, ...] | None) -> Iterator[Chunk]:
        """The chunks, of which those with other columns than the ones before fit the mapping, too."""
        for chunk in chunks:
            if self._source.columns is not names:
                names = self._source.columns
                self._preparation.mapping.check_source(names)
            yield chunk

    def _may_look_at_rows(self, names: tuple[str, ...] | None) -> bool:
        """Whether rows tell more than the declared columns."""
        return names is None or self._preparation.mapping.looks_inside(names)

    def _check_columns(self, columns: tuple[str, ...] | None, first: Sequence[Row]) -> None:
        mapping, find = self._preparation.mapping, self._preparation.find_faults
        for absence in check_first_rows(mapping, columns=columns, rows=first, find=find):
            self._settlement.warn(f"{absence.path}: column_absent", remedy=absence.told)

    def _submit(self, batch: Batch) -> None:
        """Send what of the batch is not settled, once it is sure that the source is still the same."""
        if not self._settlement.start:
            self._hand_over(batch)
            return
        rest = [event for event in batch.events if event.item[0].states[event.item[1]] != PAST]
        if not rest:
            return
        if len(rest) < len(batch):
            batch = Batch(group=batch.group, events=rest)
        if self._settlement.is_caught_up:
            self._hand_over(batch)
        else:
            self._held.append(batch)

    def _hand_over(self, batch: Batch) -> None:
        """Have the batch sent as soon as a sender is free."""
        if self._crew.has_room(may_go_on=self._may_go_on):
            self._crew.hand_over(batch)
        else:
            _give_up(batch)

    def _drain(self) -> None:
        """Hold reading until enough of it is settled; without it a few slow events hold many others."""
        for batch in self._preparation.flush():
            self._submit(batch)
        self._crew.keep_now()
        while self._settlement.n_pending >= self._max_pending and self._crew.n_under_way:
            self._crew.wait()

    def _unload(self) -> None:
        """Hold reading until there is memory for more rows.

        Batches that still take events are sent only if nothing else is under way: so it is not chance that
        decides what shares a request.
        """
        self._crew.keep_now()
        self._await_room()
        if self._settlement.pending_bytes >= MOST_PENDING_BYTES:
            for batch in self._preparation.flush():
                self._submit(batch)
            self._crew.keep_now()
            self._await_room()

    def _await_room(self) -> None:
        while self._settlement.pending_bytes >= MOST_PENDING_BYTES and self._crew.n_under_way:
            self._crew.wait()

    def _may_go_on(self) -> bool:
        return not self._should_stop()

    def _should_stop(self) -> bool:
        if self._stop.is_set() and self._stopped_by is None:
            self._stopped_by = TransientError(
                "Run the task again: it was told to stop before it was done.", attempts=0
            )
        return self._stopped_by is not None

    def _report_progress(self) -> None:
        now = self._clock()
        if now - self._reported < PROGRESS_EVERY_S:
            return
        self._reported = now
        rows = self._settlement.last_row
        log.info(
            "%d rows read, %d settled, %.0f rows/s, %d requests in flight",
            rows,
            self._settlement.position,
            rows / max(now - self._began, 1e-9),
            self._crew.n_under_way,
        )

    # ------------------------------------------------------------------------------- the senders' threads

    def _send(self, batch: Batch) -> BatchReport:
        for events, places in batch.whose:
            events.mark_sent(places)
        report = send_apart(
            batch, send=self._destination.send, doubt=self._doubt, is_stopped=self._stop.is_set
        )
        if report.stopped_by is not None:  # before this sender takes another batch
            self._halt(report.stopped_by)
        return report

    # -------------------------------------------------------------------------------- the keeper's thread

    def _settle(self, report: BatchReport) -> None:
        for batch in report.accepted:
            for events, places in batch.whose:
                events.change(places, before=OPEN, after=ACCEPTED)
        for settled in report.settled:
            _answer(settled)
        self._settlement.count(report)

    def _end(self) -> None:
        """Give every event that was read its place in the receipt."""
        for batch in (*self._held, *self._preparation.flush()):
            _give_up(batch)
        rest = judge_rest(send=self._destination.send, doubt=self._doubt, is_stopped=self._stop.is_set)
        if rest is not None:
            self._settle(rest)
            if rest.stopped_by is not None:
                self._halt(rest.stopped_by)
        self._guarded(self._settlement.store)
        self._guarded(self._settlement.abandon)
        receipt = self._settlement.close(
            is_complete=self._is_complete, stopped_by=self._stopped_by, destination=self._destination.name
        )
        self._delivery = Delivery(receipt=receipt, stopped_by=self._stopped_by)

    def _guarded(self, work: Callable[[], None]) -> None:
        """What goes wrong in the record - the dead letters cannot be stored - ends the run."""
        try:
            work()
        except Exception as error:
            self._halt(error)

    # ---------------------------------------------------------------------------------------- all threads

    def _halt(self, error: BaseException) -> None:
        """Send nothing more, and cut waits short. The first reason is the one that is told."""
        if self._stopped_by is None:
            self._stopped_by = error
        self._stop.set()


_NO_CONSENT = Violation(path="consent", rule="missing", remedy="Map consent.")


def _with_lines(events: Events, places: Sequence[int]) -> Sequence[int]:
    """Those of the places whose events could be sent."""
    if not events.results:
        return places
    return [place for place in places if events.lines[place] is not None]


def _settle_repeat(events: Events, place: int, first: First) -> None:
    """An event that came before: refused if it differs, else left out once the first one is accepted."""
    made = events.made(place)
    if not first.is_equal:
        differing = structs.replace(made, findings=(*made.findings, first.difference()))
        events.settle(place, differing.ending(Outcome.REJECTED, "invalid"))
        return
    repeat = made.ending(Outcome.SKIPPED, "repeat")
    if first.found is None:
        events.settle(place, repeat)
    else:
        events.following[place] = (*first.found, repeat)
        events.states[place] = FOLLOWING


def _accepted_before(events: Events) -> Batch | None:
    """An event that a former try sent, ``None`` where there is none among these."""
    for place in _with_lines(events, events.places_in(PAST)):
        encoded = events.encoded.get(place)
        if encoded is not None:
            return Batch(group=encoded.group, events=(structs.replace(encoded, item=(events, place)),))
        line: Any = events.lines[place]
        return Batch(lines=[line], spans=[(events, (place,))])
    return None


def _answer(settled: Settled) -> None:
    """Give an event what became of it."""
    events, place = settled.item
    if settled.outcome is Outcome.ACCEPTED:
        events.change((place,), before=OPEN, after=ACCEPTED)
        return
    result = structs.replace(
        events.made(place).ending(settled.outcome, settled.reason),
        code=settled.code,
        message=settled.message,
        request_id=settled.request_id,
    )
    events.settle(place, result, state=ANSWERED if settled.outcome in FINAL else UNFINAL)


def _give_up(batch: Batch) -> None:
    for events, places in batch.whose:
        for place in places:
            if events.states[place] == OPEN:
                result = events.made(place).ending(Outcome.UNDELIVERED, "not_sent")
                events.settle(place, result, state=UNFINAL)
