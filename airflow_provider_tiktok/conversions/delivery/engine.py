# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The engine: rows in, a receipt out. It joins the rooms and holds no rule of any of them.

One thread reads, maps, prepares and packs; up to ``max_in_flight`` others send; one keeps the record.
Batches settle in the order they were made: a batch's results are stored, then the checkpoint moves past it.
So a killed run repeats no more than the requests that were in flight, and at most that many batches are in
memory.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from functools import partial
from itertools import islice
from typing import Any, Protocol, TypeVar

from msgspec import Struct, structs

from airflow_provider_tiktok.conversions.batching import Batch, Batcher
from airflow_provider_tiktok.conversions.delivery.checkpoint import CheckpointStore
from airflow_provider_tiktok.conversions.delivery.dead_letter import DeadLetters
from airflow_provider_tiktok.conversions.delivery.destination import Destination
from airflow_provider_tiktok.conversions.delivery.first_rows import check_first_rows, take_first
from airflow_provider_tiktok.conversions.delivery.isolation import BatchReport, Budget, Settled, send_apart
from airflow_provider_tiktok.conversions.delivery.receipt import Receipt
from airflow_provider_tiktok.conversions.delivery.repeats import First, Repeats
from airflow_provider_tiktok.conversions.delivery.settling import Pending, Resumption, Settlement
from airflow_provider_tiktok.conversions.errors import ConversionsError, TransientError
from airflow_provider_tiktok.conversions.events import (
    ConversionEvent,
    EventResult,
    Outcome,
    PreparedEvent,
    Row,
    Violation,
)
from airflow_provider_tiktok.conversions.identifiers import IdentityRules, prepare
from airflow_provider_tiktok.conversions.mapping import EventMapping
from airflow_provider_tiktok.conversions.validation import leave_out

log = logging.getLogger(__name__)

T = TypeVar("T")

LONGEST_WAIT_S = 0.2
"""How late an interruption of the reading thread may be seen."""


class Source(Protocol):
    """What the engine needs of a place that rows come from."""

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Column names of the latest row taken, ``None`` where each row has its own."""

    @property
    def is_ordered(self) -> bool:
        """Whether reading again gives the same rows in the same order."""

    def fingerprint(self) -> str | None:
        """A digest that changes when the input does, ``None`` where that cannot be told."""

    def rows(self, start: int = 0) -> Generator[Row, None, None]:
        """The rows after the first ``start``; closed by the engine, also where it stops early."""


class Options(Struct, frozen=True, kw_only=True):
    """How a run goes about it.

    :param max_in_flight: requests under way at once, each with one batch in memory.
    :param require_consent: leave out events whose ``consent`` is not true.
    :param validate_only: go the whole road up to the wire and send nothing.
    :param isolation_budget: requests that may be spent on taking refused batches apart, ``None`` for no
        bound. One bad event in 1,000 takes about 20.
    :param repeats_window: how many of the latest events are remembered to find repeats.
    :param progress_every_s: seconds between progress lines in the log.
    """

    max_in_flight: int = 4
    require_consent: bool = False
    validate_only: bool = False
    isolation_budget: int | None = 2000
    repeats_window: int = 100_000
    progress_every_s: float = 10.0


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
    identity: IdentityRules,
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
        source is ordered and can tell whether it changed.
    :param stop: set by another thread to end the run in order.
    :param clock: monotonic seconds.
    :raises ConfigurationError: the dead letters cannot be written; nothing was sent.
    :raises ConversionsError: the source cannot be read to see whether a checkpoint still fits; nothing was
        sent.
    """
    preparation = _Preparation(mapping, identity, destination, options or Options())
    settlement = Settlement(
        dead_letters=dead_letters,
        resumption=_resumption(source, preparation, checkpoints),
        record=destination.record,
        locate=getattr(source, "locate", None),
        clock=clock,
    )
    return _Run(source, preparation, settlement, stop or threading.Event(), clock).run()


def _resumption(
    source: Source, preparation: _Preparation, checkpoints: CheckpointStore | None
) -> Resumption | None:
    """Where to go on from, for a source whose rows a position can tell; otherwise ``None``."""
    if checkpoints is None or preparation.options.validate_only or not source.is_ordered:
        return None
    fingerprint = source.fingerprint()
    if fingerprint is None:
        return None
    return Resumption(
        store=checkpoints,
        fingerprint=preparation.fingerprint(fingerprint),
        read_row=partial(_read_row, source),
    )


def _read_row(source: Source, number: int) -> Row | None:
    with closing(source.rows(number - 1)) as rows:
        return next(rows, None)


class _Item(Struct, frozen=True, kw_only=True):
    """What an encoded event carries through batch and answer."""

    pending: Pending
    prepared: PreparedEvent
    findings: tuple[Violation, ...]

    def result(self, outcome: Outcome, reason: str) -> EventResult:
        """The result of an event that is not sent."""
        return _result(self.prepared, outcome, reason=reason, findings=self.findings)


class _Preparation:
    """One row's event to a batch's: consent, identity, checks, repeats, wire form, packing."""

    def __init__(
        self, mapping: EventMapping, identity: IdentityRules, destination: Destination, options: Options
    ) -> None:
        self.mapping = mapping
        self.destination = destination
        self.options = options
        self._identity = identity
        self._repeats = Repeats(options.repeats_window)
        self._batcher = Batcher(destination.limits)

    def fingerprint(self, source: str) -> str:
        """A digest of what decides which events come of which rows."""
        parts = (source, repr(self.mapping), repr(self._identity), self.destination.address)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def take(self, event: ConversionEvent, pending: Pending) -> Iterable[Batch]:
        """The batches that this event completes, and those that waited too long for their group."""
        return (*self._take(event, pending), *self._batcher.pass_by())

    def _take(self, event: ConversionEvent, pending: Pending) -> Iterable[Batch]:
        """The batches that this event completes; an event that is not to be sent gets its result instead."""
        if self.options.require_consent and event.consent is not True:
            pending.result = _without_consent(event)
            return ()
        prepared = prepare(event, self._identity)
        findings = self.destination.check(prepared)
        item = _Item(pending=pending, prepared=prepared, findings=findings)
        if any(finding.is_fatal for finding in findings):
            pending.result = item.result(Outcome.REJECTED, "invalid")
            return ()
        return self._pack(structs.replace(item, prepared=leave_out(prepared, findings)))

    def find_faults(self, event: ConversionEvent) -> tuple[Violation, ...]:
        """What is wrong with an event that is not to be sent yet."""
        if self.options.require_consent and event.consent is not True:
            return (_NO_CONSENT,)
        return self.destination.check(prepare(event, self._identity))

    def flush(self) -> Iterator[Batch]:
        """The batches that are still open."""
        return self._batcher.flush()

    def _pack(self, item: _Item) -> Iterable[Batch]:
        encoded = structs.replace(self.destination.encode(item.prepared), item=item)
        if not self.destination.limits.fits(encoded):
            too_large = structs.replace(item, findings=(*item.findings, _TOO_LARGE))
            item.pending.result = too_large.result(Outcome.REJECTED, "invalid")
            return ()
        first = self._repeats.meet(item.prepared, encoded=encoded, pending=item.pending)
        if first is not None:
            _settle_repeat(item, first=first)
            return ()
        if self.options.validate_only:
            item.pending.result = item.result(Outcome.SKIPPED, "validate_only")
            return ()
        item.pending.prepared = item.prepared
        return self._batcher.add(encoded)


class _Run:
    """One run. Senders are handed batches and give reports.

    Reading is the caller's thread, where Python raises an interruption between any two steps. What must
    not be cut in two - a result leaves the queue, is on disk, is counted, the checkpoint moves - is done by
    a thread of its own, one such work after the other.
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
        self._budget = Budget(self._options.isolation_budget)
        self._in_flight: deque[Future[BatchReport]] = deque()
        self._keeper = ThreadPoolExecutor(1, thread_name_prefix="settle")
        self._stopped_by: BaseException | None = None
        self._is_complete = False
        self._began = self._reported = clock()

    def run(self) -> Delivery:
        with (
            ThreadPoolExecutor(self._options.max_in_flight, thread_name_prefix="send") as pool,
            self._keeper,
        ):
            # An executor that is interrupted while it starts a thread starts one more the next time.
            _result_of(self._keeper.submit(int))
            try:
                self._read(pool)
            except BaseException as error:  # a timeout or Ctrl-C ends in order, too: with a receipt
                self._halt(error)
            return self._await_end()

    def _await_end(self) -> Delivery:
        """The end of the run. Who interrupts it gets it, too, once the requests under way are answered."""
        while True:
            try:
                finishing = self._keeper.submit(self._finish)  # a second one finds nothing left to do
                _await(finishing)
            except BaseException as error:
                self._halt(error)
            else:
                return finishing.result()

    def _read(self, pool: ThreadPoolExecutor) -> None:
        first_row = self._settlement.start + 1
        with closing(self._marked_rows()) as rows:
            for event in self._preparation.mapping.events(rows, first_row=first_row):
                pending = self._settlement.expect(event)
                for batch in self._preparation.take(event, pending):
                    self._submit(batch, pool)
                if self._settlement.n_pending >= self._max_pending:
                    self._drain(pool)
                if self._should_stop():
                    return
                self._report_progress()
        for batch in self._preparation.flush():
            self._submit(batch, pool)
        self._is_complete = True

    @property
    def _max_pending(self) -> int:
        """How many events may be read and not settled: what is in flight, and as much again in waiting."""
        return 2 * (self._options.max_in_flight + 1) * self._destination.limits.max_events + 1000

    def _marked_rows(self) -> Generator[Row, None, None]:
        """The rows, each marked before it becomes an event."""
        with closing(self._rows()) as rows:
            for number, row in enumerate(rows, start=self._settlement.start + 1):
                self._settlement.note(number, row)
                yield row

    def _rows(self) -> Generator[Row, None, None]:
        """The rows, after the first of them have shown that the mapping fits.

        A source that breaks among the first rows gives those before it all the same.
        """
        first: list[Row] = []
        broken: Exception | None = None
        columns: tuple[str, ...] | None = None
        rest: Iterator[Row] = iter(())
        with closing(self._source.rows(self._settlement.start)) as rows:
            try:
                first.extend(islice(rows, 1))
                columns = self._source.columns
                rest = self._checked(rows, columns=columns)
                if self._may_look_at_rows(first):
                    take_first(rest, into=first)
            except Exception as error:  # told after the rows before it
                broken = error
            self._check_columns(columns, first)
            yield from first
            if broken is not None:
                raise broken
            yield from rest

    def _checked(self, rows: Iterator[Row], *, columns: tuple[str, ...] | None) -> Iterator[Row]:
        """The rows, of which those with other columns than the ones before fit the mapping, too."""
        for row in rows:
            if self._source.columns is not columns:
                columns = self._source.columns
                self._preparation.mapping.check_source(columns, [row])
            yield row

    def _may_look_at_rows(self, first: Sequence[Row]) -> bool:
        """Whether rows tell more than the declared columns.

        Behind a checkpoint they do not: the rows that had an optional column may be gone past.
        """
        if not first or self._settlement.start:
            return False
        columns = self._source.columns
        return columns is None or self._preparation.mapping.looks_inside(columns)

    def _check_columns(self, columns: tuple[str, ...] | None, first: Sequence[Row]) -> None:
        rows = () if self._settlement.start else first
        mapping, find = self._preparation.mapping, self._preparation.find_faults
        for absence in check_first_rows(mapping, columns=columns, rows=rows, find=find):
            self._settlement.warn(f"{absence.path}: column_absent", remedy=absence.told)

    def _submit(self, batch: Batch, pool: ThreadPoolExecutor) -> None:
        """Send the batch as soon as a place is free; settle what has been answered meanwhile."""
        while len(self._in_flight) >= self._options.max_in_flight or self._oldest_is_answered():
            self._settle_oldest()
        if self._should_stop():
            _give_up(batch)
            return
        for encoded in batch.events:
            encoded.item.pending.may_be_sent = True
        send = self._destination.send
        self._in_flight.append(pool.submit(send_apart, batch, send=send, budget=self._budget))

    def _drain(self, pool: ThreadPoolExecutor) -> None:
        """Hold reading until all that was read is settled; without it a few slow events hold many others."""
        for batch in self._preparation.flush():
            self._submit(batch, pool)
        while self._in_flight:
            self._settle_oldest()
        _result_of(self._keeper.submit(self._settlement.store))

    def _oldest_is_answered(self) -> bool:
        return bool(self._in_flight) and self._in_flight[0].done()

    def _settle_oldest(self) -> None:
        report = _result_of(self._in_flight[0])
        _result_of(self._keeper.submit(self._settle, report))

    def _settle(self, report: BatchReport) -> None:
        """Store the results of the batch that was sent first."""
        for settled in report.settled:
            settled.item.pending.result = _answered(settled)
        self._in_flight.popleft()
        self._settlement.count(report)
        if report.stopped_by is not None:
            self._halt(report.stopped_by)
        self._settlement.store()

    def _should_stop(self) -> bool:
        if self._stop.is_set() and self._stopped_by is None:
            self._stopped_by = TransientError("The run was told to stop before it was done.", attempts=0)
        return self._stopped_by is not None

    def _halt(self, error: BaseException) -> None:
        """Send nothing more, and cut waits short. The first reason is the one that is told."""
        if self._stopped_by is None:
            self._stopped_by = error
        self._stop.set()

    def _finish(self) -> Delivery:
        """Wait for the requests under way, then give every event that was read its place in the receipt."""
        while self._in_flight or self._settlement.n_pending:
            try:
                while self._in_flight:
                    self._settle(self._in_flight[0].result())
                for batch in self._preparation.flush():
                    _give_up(batch)
                self._settlement.abandon()
                self._settlement.store()
            except ConversionsError as error:  # the dead letters cannot be stored
                self._halt(error)
        stopped_by = self._stopped_by
        receipt = self._settlement.close(
            is_complete=self._is_complete, stopped_by=stopped_by, destination=self._destination.name
        )
        return Delivery(receipt=receipt, stopped_by=stopped_by)

    def _report_progress(self) -> None:
        now = self._clock()
        if now - self._reported < self._options.progress_every_s:
            return
        self._reported = now
        rows = self._settlement.last_row - self._settlement.start
        log.info(
            "%d rows read, %d settled, %.0f rows/s, %d requests in flight",
            self._settlement.last_row,
            self._settlement.position,
            rows / max(now - self._began, 1e-9),
            sum(not future.done() for future in self._in_flight),
        )


_NO_CONSENT = Violation(path="consent", rule="missing", remedy="Map consent.")
_TOO_LARGE = Violation(
    path="",
    rule="too_large",
    remedy="The event alone is larger than max_bytes_per_request: shorten it or raise the limit.",
)


def _settle_repeat(item: _Item, *, first: First) -> None:
    """An event that came before: refused if it differs, else left out once the first one is accepted."""
    if not first.is_equal:
        differing = structs.replace(item, findings=(*item.findings, first.difference()))
        item.pending.result = differing.result(Outcome.REJECTED, "invalid")
        return
    repeat = item.result(Outcome.SKIPPED, "repeat")
    if first.pending is None:
        item.pending.result = repeat
    else:
        item.pending.follow(first.pending, repeat=repeat)


def _without_consent(event: ConversionEvent) -> EventResult:
    """Skipped; but a row that cannot be read is at fault and said so. Nothing of the event is kept."""
    told = tuple(one for one in event.violations if one.path in ("", "consent"))
    if any(one.is_fatal for one in told):
        return _result(event, Outcome.REJECTED, reason="invalid", findings=told)
    return _result(event, Outcome.SKIPPED, reason="no_consent", findings=told)


def _result(
    event: ConversionEvent | PreparedEvent,
    outcome: Outcome,
    *,
    reason: str,
    findings: tuple[Violation, ...] = (),
) -> EventResult:
    return EventResult(
        row=event.row,
        rows=event.rows,
        outcome=outcome,
        reason=reason,
        event=event.event,
        event_id=event.event_id,
        violations=findings,
        prepared=event if isinstance(event, PreparedEvent) else None,
    )


def _answered(settled: Settled) -> EventResult:
    item: _Item = settled.item
    return structs.replace(
        item.result(settled.outcome, settled.reason),
        code=settled.code,
        message=settled.message,
        request_id=settled.request_id,
    )


def _await(future: Future[Any]) -> None:
    """In short waits: an interruption that comes just before one begins is not seen until it ends."""
    while not wait([future], timeout=LONGEST_WAIT_S).done:
        pass


def _result_of(future: Future[T]) -> T:
    _await(future)
    return future.result()


def _give_up(batch: Batch) -> None:
    for encoded in batch.events:
        encoded.item.pending.result = encoded.item.result(Outcome.UNDELIVERED, "not_sent")
