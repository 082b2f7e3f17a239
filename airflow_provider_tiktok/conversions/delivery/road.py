# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The road from rows to lines: a chunk of rows goes it as columns.

Every field's column goes through its kernel; what the kernels give is put together to events and written as
one line of JSON each. An event that the columns cannot vouch for - a value that breaks a rule, a field that
contradicts another, an odd shape - is looked at as a whole, by the rules for one event (``Careful``). Those
are the truth: an event that goes by columns gets the same line, findings and counts from them
(``tests.conversions.delivery.test_road.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from itertools import chain, islice, pairwise, repeat
from typing import Any, Final

from msgspec.structs import replace

from airflow_provider_tiktok.conversions.batching import Encoded
from airflow_provider_tiktok.conversions.chunks import Chunk, RecordChunk, joined, part_of
from airflow_provider_tiktok.conversions.delivery.destination import Destination
from airflow_provider_tiktok.conversions.delivery.receipt import MATCH_KEYS
from airflow_provider_tiktok.conversions.event_columns import (
    BESIDE,
    ColumnPlan,
    EventColumns,
    Groups,
    group_keys,
)
from airflow_provider_tiktok.conversions.events import (
    ConversionEvent,
    EventResult,
    Outcome,
    PreparedEvent,
    Row,
    Violation,
)
from airflow_provider_tiktok.conversions.identifiers import derive_event_id, id_of_content
from airflow_provider_tiktok.conversions.kernels import (
    ODD,
    Findings,
    Kernel,
    Note,
    Told,
    drop_of,
    note_of,
    quick_of,
    repeats,
)
from airflow_provider_tiktok.conversions.mapping import EventMapping
from airflow_provider_tiktok.conversions.mapping.event_mapping import constant_alone
from airflow_provider_tiktok.conversions.mapping.event_paths import Field
from airflow_provider_tiktok.conversions.mapping.grouping import ClosedKeys
from airflow_provider_tiktok.conversions.sealed import Sealed
from airflow_provider_tiktok.conversions.validation import leave_out

# ------------------------------------------------------------------------------ one event at a time


class Made(Sealed, frozen=True, kw_only=True):
    """An event that was looked at as a whole.

    :param encoded: the event in wire form; ``None`` for one that is not to be sent.
    :param result: of an event that is not to be sent.
    """

    row: int
    rows: int
    prepared: PreparedEvent | None = None
    findings: tuple[Violation, ...] = ()
    encoded: Encoded | None = None
    result: EventResult | None = None

    @property
    def line(self) -> bytes | None:
        """The event in wire form, without its group."""
        return None if self.encoded is None else self.encoded.body

    def ending(self, outcome: Outcome, reason: str) -> EventResult:
        """The result of the event with this end."""
        if self.prepared is None:
            raise TypeError("Only an event that was prepared has another end than its own.")
        return result_of(self.prepared, outcome, reason=reason, findings=self.findings)


class Careful:
    """Rows to events one at a time: consent, identity, checks, wire form."""

    def __init__(
        self,
        mapping: EventMapping,
        destination: Destination,
        *,
        require_consent: bool,
    ) -> None:
        self._mapping = mapping
        self._destination = destination
        self._require_consent = require_consent

    def events(
        self, rows: Iterable[Row], *, first_row: int, closed: ClosedKeys | None = None
    ) -> Iterator[Made]:
        """The events of these rows, in their order."""
        return map(self.take, self._mapping.events(rows, first_row=first_row, closed=closed))

    def take(self, event: ConversionEvent) -> Made:
        """The event's line, or the result that it has without being sent."""
        if event.left_out is not None:
            return _left_out(row=event.row, rows=event.rows, reason=event.left_out)
        if self._require_consent and event.consent is not True:
            return Made(row=event.row, rows=event.rows, result=_without_consent(event))
        prepared = self._destination.identity.prepare(event)
        findings = self._destination.check(prepared)
        made = Made(row=event.row, rows=event.rows, prepared=prepared, findings=findings)
        if any(finding.is_fatal for finding in findings):
            return _invalid(made)
        if prepared.event_id is None:  # its faults are in fields that this source does not take
            prepared = replace(prepared, event_id=derive_event_id(prepared))
            made = replace(made, prepared=prepared)
        if any(finding.is_left_out for finding in findings):
            prepared = leave_out(prepared, findings)
            made = replace(made, prepared=prepared)
        encoded = self._destination.encode(prepared)
        if not self._destination.limits.fits(encoded):
            return _invalid(replace(made, findings=(*findings, TOO_LARGE)))
        return replace(made, encoded=encoded)

    def told(self, event: ConversionEvent, field: Field) -> tuple[PreparedEvent, tuple[Violation, ...]]:
        """An event of a single field, prepared, and what is found in it.

        Where nothing is left of an identifier, nothing is checked: what is absent, the columns are asked.
        """
        prepared = self._destination.identity.prepare(event)
        if field.section == "user" and not getattr(prepared.user, field.name):
            return prepared, prepared.violations
        return prepared, self._destination.check(prepared)


TOO_LARGE: Final = Violation(
    path="",
    rule="too_large",
    remedy="The event alone is larger than max_bytes_per_request: shorten it or raise the limit.",
)


def result_of(
    event: ConversionEvent | PreparedEvent,
    outcome: Outcome,
    *,
    reason: str,
    findings: tuple[Violation, ...] = (),
) -> EventResult:
    """The result of an event."""
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


def _invalid(made: Made) -> Made:
    return replace(made, result=made.ending(Outcome.REJECTED, "invalid"))


def _left_out(*, row: int, rows: int, reason: str) -> Made:
    """Skipped because the run says so; nothing of the event is kept."""
    result = EventResult(row=row, rows=rows, outcome=Outcome.SKIPPED, reason=reason)
    return Made(row=row, rows=rows, result=result)


def _without_consent(event: ConversionEvent) -> EventResult:
    """Skipped; but a row that cannot be read is at fault and said so. Nothing of the event is kept."""
    told = tuple(one for one in event.violations if one.path in ("", "consent"))
    if any(one.is_fatal for one in told):
        return result_of(event, Outcome.REJECTED, reason="invalid", findings=told)
    return result_of(event, Outcome.SKIPPED, reason="no_consent", findings=told)


# --------------------------------------------------------------------------------- events of a chunk

OPEN, FOLLOWING, SETTLED, ANSWERED, UNFINAL, VALIDATED, ACCEPTED, STORED, PAST, PAST_REFUSED = range(10)
"""What is known of an event: nothing yet; it repeats another of which nothing is known; it has a result that
was decided here, that the destination gave, or that a retry may change; it needed no sending; it was
accepted; its result is stored, by this try, or by a former one that accepted or refused it."""


class Events:
    """The events of consecutive rows.

    :ivar rows: the number of each event's first row, and ``counts`` of how many rows it is.
    :ivar lines: each event in wire form; ``None`` for one that is not to be sent.
    :ivar encoded: place to wire form and group, of events that share no request with those of other groups.
    :ivar names: event names, ``ids`` event ids and ``times`` Unix seconds, of events that are to be sent.
    :ivar results: place to result, of events that are not sent or not accepted.
    :ivar following: place of an event that repeats another to that one's events and place, and its own result
        if that one is accepted.
    :ivar states: a byte an event, and ``sent``: whether its batch was handed over for sending.
    :ivar notes: what was found in events that are to be sent, and in which, in their order.
    :ivar coverage: match key to a byte an event that is to be sent: whether it has one.
    """

    __slots__ = (
        "_remake", "counts", "coverage", "encoded", "following", "ids", "lines", "names", "notes", "results",
        "rows", "sent", "states", "times",
    )  # fmt: skip

    def __init__(
        self,
        *,
        rows: Sequence[int],
        counts: Sequence[int],
        lines: list[bytes | None],
        names: list[str | None],
        ids: list[str | None],
        times: list[int | None],
        notes: dict[Note, list[int]],
        coverage: dict[str, bytearray],
        remake: Callable[[int], Made],
    ) -> None:
        self.rows = rows
        self.counts = counts
        self.lines = lines
        self.encoded: dict[int, Encoded] = {}
        self.following: dict[int, tuple[Events, int, EventResult]] = {}
        self.names = names
        self.ids = ids
        self.times = times
        self.notes = notes
        self.coverage = coverage
        self.results: dict[int, EventResult] = {}
        self.states = bytearray(len(lines))
        self.sent = bytearray(len(lines))
        self._remake = remake

    def __len__(self) -> int:
        return len(self.lines)

    def __repr__(self) -> str:
        return f"Events({len(self)})"

    def made(self, place: int) -> Made:
        """The event at a place, looked at as a whole."""
        return self._remake(place)

    def replace(self, place: int, made: Made) -> None:
        """Put in place of an event what looking at it as a whole gave."""
        self.lines[place] = made.line
        self.encoded.pop(place, None)
        if made.encoded is not None and made.encoded.group is not None:
            self.encoded[place] = made.encoded
        for column in self.coverage.values():
            column[place] = 0
        if made.result is not None:
            self.settle(place, made.result)
        prepared = made.prepared
        if prepared is None or made.line is None:
            return
        self.names[place], self.ids[place] = prepared.event, prepared.event_id
        self.times[place] = prepared.event_time
        for key in MATCH_KEYS:
            if getattr(prepared.user, key):
                self.coverage.setdefault(key, bytearray(len(self)))[place] = 1
        for note in (*map(note_of, made.findings), *map(drop_of, prepared.dropped)):
            self.notes.setdefault(note, []).append(place)

    def settle(self, place: int, result: EventResult, *, state: int = SETTLED) -> None:
        """Give an event a result of its own."""
        self.results[place] = result
        self.states[place] = state

    def change(self, places: Sequence[int], *, before: int, after: int) -> None:
        """Move the events at these places from one state to another; those in other states stay."""
        states = self.states
        if isinstance(places, range):
            start, stop = places.start, places.stop
            states[start:stop] = states[start:stop].replace(bytes((before,)), bytes((after,)))
            return
        for place in places:
            if states[place] == before:
                states[place] = after

    def mark_sent(self, places: Sequence[int]) -> None:
        """Take down that a batch with these events was handed over."""
        if isinstance(places, range):
            self.sent[places.start : places.stop] = b"\1" * len(places)
        else:
            for place in places:
                self.sent[place] = 1

    def places_in(self, *states: int) -> Sequence[int]:
        """The places of events in one of these states; a range where all are."""
        is_meant = bytes(state in states for state in range(256))
        meant = self.states.translate(is_meant)
        if 0 not in meant:
            return range(len(meant))
        return [place for place, one in enumerate(meant) if one]

    def told(self, place: int) -> tuple[int, int, str | None, str | None]:
        """What does not change with time: where an event stands, its name and its id."""
        known = self.results.get(place)
        if known is not None:
            return self.rows[place], self.counts[place], known.event, known.event_id
        return self.rows[place], self.counts[place], self.names[place], self.ids[place]

    def told_run(self, start: int, stop: int) -> Iterable[tuple[int, int, str | None, str | None]]:
        """The same of events that follow one another, none of which has a result of its own."""
        columns = (self.rows, self.counts, self.names, self.ids)
        return zip(*(column[start:stop] for column in columns), strict=True)

    def last_row(self, place: int) -> int:
        """The number of the last row of an event."""
        return self.rows[place] + self.counts[place] - 1


class _Look:
    """Events of a chunk, looked at as a whole.

    :param dropped: rows of the first event that are not in the chunk.
    """

    def __init__(
        self, chunk: Chunk, groups: Groups | None, *, first_row: int, dropped: int, careful: Careful
    ) -> None:
        self._chunk = chunk
        self._dropped = dropped
        self._known: dict[int, int] = {}
        self._groups = groups
        self._first_row = first_row
        self._careful = careful
        size = len(chunk) if groups is None else groups.size
        self.rows: Sequence[int] = range(first_row, first_row + size)
        self.counts: Sequence[int] = [1] * size
        if groups is not None:
            firsts = groups.firsts
            self.rows = [first_row + place + (dropped if place else 0) for place in firsts[:-1]]
            self.counts = [b - a + (0 if a else dropped) for a, b in pairwise(firsts)]

    def find_known(self, closed: ClosedKeys) -> Iterable[int]:
        """The events whose key was that of an earlier one, while all keys are taken down."""
        groups = self._groups
        if groups is None:
            return ()
        for place, (first, key) in enumerate(zip(groups.first_keys, groups.keys, strict=True)):
            row = closed.row_of(first)
            if row is not None:
                self._known[place] = row
            closed.add(key, row=self.rows[place] + self.counts[place] - 1)
        return self._known

    def made(self, place: int) -> Made:
        """The event at a place. One behind an unreadable row is looked at with the event before it."""
        groups = self._groups
        start, stop = place, place + 1
        if groups is not None:
            before = place - 1 if place - 1 in groups.ends_unreadable else place
            start, stop = groups.firsts[before], groups.firsts[place + 1]
        rows: Iterator[Row] = map(self._chunk.row, range(start, stop))
        number = self._first_row + start + (self._dropped if start else 0)
        if self._dropped and start == 0:
            kept = groups.firsts[1] - 1 if groups is not None else 0
            more = repeat(self._chunk.row(kept - 1), self._dropped)
            rows = chain(islice(rows, kept), more, rows)
        closed = ClosedKeys()
        if groups is not None and place in self._known:
            closed.add(groups.first_keys[place], row=self._known[place])
        *_, made = self._careful.events(rows, first_row=number, closed=closed)
        return made


class _OpenRows:
    """The rows of an event whose end is not known yet.

    :param max_rows: rows an event may have.
    :ivar first_row: number of the first of these rows.
    :ivar dropped: rows of an event that has too many, which are only counted; they stand before its last.
    """

    def __init__(self, max_rows: int) -> None:
        self._max_rows = max_rows
        self._rows: Chunk | None = None
        self.first_row = 1
        self.dropped = 0

    @property
    def rows(self) -> Chunk:
        """The open rows."""
        return self._rows or RecordChunk(())

    def take(self, chunk: Chunk) -> Chunk:
        """The open rows with those of a chunk behind them."""
        return joined(self._rows, chunk)

    def leave(self, chunk: Chunk, groups: Groups) -> tuple[Chunk, Groups]:
        """The events that end within these rows; the last event, and what it depends on, stays open."""
        last = max(groups.size - 1, 0)
        while last - 1 in groups.ends_unreadable:
            last -= 1
        stop = groups.firsts[last]
        self._rows = part_of(chunk, stop, len(chunk))
        self.first_row += stop
        if stop:
            self.first_row += self.dropped
            self.dropped = 0
        elif groups.size == 1 and len(chunk) > self._max_rows + 2:
            # It is refused whatever follows: of what is too much, only the last row can matter.
            kept = part_of(chunk, 0, self._max_rows + 1)
            self._rows = joined(kept, part_of(chunk, len(chunk) - 1, len(chunk)))
            self.dropped += len(chunk) - len(self._rows)
        return part_of(chunk, 0, stop), groups.until(last)

    def leave_nothing(self, chunk: Chunk) -> None:
        """All these rows are read."""
        self._rows = None
        self.first_row += len(chunk) + self.dropped
        self.dropped = 0


def _looked_at(look: _Look) -> Events:
    """Events that are all looked at as a whole."""
    size = len(look.rows)
    events = Events(
        rows=look.rows,
        counts=look.counts,
        lines=[None] * size,
        names=[None] * size,
        ids=[None] * size,
        times=[None] * size,
        notes={},
        coverage={},
        remake=look.made,
    )
    for place in range(size):
        events.replace(place, look.made(place))
    return events


def _add_ids(columns: EventColumns, findings: Findings) -> None:
    """Give events that bring no id the one that belongs to their content."""
    missing = columns.missing("event_id")
    if missing:
        without_id = set(missing)
        for note, places in findings.notes.items():
            # Of an id that was given and left out, the whole event tells; and what a check leaves out is a
            # part of the content that an id is made of, but no part of the columns.
            if note.path == "event_id" or note.kind == "left_out":
                findings.odd.update(without_id.intersection(places))
    missing = [place for place in missing if place not in findings.odd]
    if not missing:
        return
    ids = columns.column("event_id")
    parts: dict[str, list[tuple[str, list[Any]]]] = {"": []}
    for path, column in columns.wire.items():
        group, point, name = path.partition(".")
        if path not in _NOT_CONTENT:
            parts.setdefault(group if point else "", []).append((name if point else path, column))
    for place in missing:
        content: dict[str, Any] = {}
        for group, fields in parts.items():
            given = {name: _exact(column[place]) for name, column in fields if column[place] is not None}
            if group:
                content[group] = given
            else:
                content.update(given)
        items = columns.items_of(place)
        if items:
            content.setdefault("properties", {})["contents"] = [
                {name: _exact(one) for name, one in item.items()} for item in items
            ]
        ids[place] = id_of_content(content)
    columns.wire["event_id"] = ids


_NOT_CONTENT: Final = frozenset({"event_id", "consent", "is_hashed", "user.envelope", "user.session_id"})


def _exact(value: Any) -> Any:
    return Decimal(repr(value)) if type(value) is float else value


def _notes_of(findings: Findings) -> dict[Note, list[int]]:
    """The notes of events that go by columns."""
    odd = findings.odd
    if not odd:
        return findings.notes
    kept = {note: [one for one in places if one not in odd] for note, places in findings.notes.items()}
    return {note: places for note, places in kept.items() if places}


def _coverage_of(columns: EventColumns) -> dict[str, bytearray]:
    """Match key to a byte an event: whether it has one."""
    coverage = {}
    for key in MATCH_KEYS:
        column = columns.wire.get(f"user.{key}")
        if column is not None:
            is_full = None not in column
            told = b"\1" * len(column) if is_full else (value is not None for value in column)
            coverage[key] = bytearray(told)
    return coverage


# ------------------------------------------------------------------------------------ chunk by chunk


class Road:
    """Chunks of rows to events that may be sent.

    :param require_consent: leave out events whose ``consent`` is not true.
    """

    def __init__(
        self,
        mapping: EventMapping,
        destination: Destination,
        *,
        require_consent: bool = False,
    ) -> None:
        self._mapping = mapping
        self._identity = destination.identity
        self._require_consent = require_consent
        self._careful = Careful(mapping, destination, require_consent=require_consent)
        self._wire = destination.columns
        self._most_bytes = destination.limits.max_bytes - destination.limits.overhead_bytes
        self._group_by = mapping.group_by
        self._open = _OpenRows(mapping.max_group_rows)
        self._closed = ClosedKeys()
        self._plan = None
        if self._wire is not None and mapping.default_of("is_hashed") is None:
            self._plan = ColumnPlan(mapping, kernel_of=self._kernel_of, constant_of=self._constant_of)

    def take(self, chunk: Chunk) -> Events:
        """The events whose last row is known with this chunk."""
        return self._events(self._open.take(chunk), is_end=not self._group_by.names)

    def finish(self) -> Events:
        """The events that are still open, at the end of the source."""
        return self._events(self._open.rows, is_end=True)

    def _events(self, chunk: Chunk, *, is_end: bool) -> Events:
        first_row, dropped = self._open.first_row, self._open.dropped
        groups = self._groups(chunk)
        if groups is not None and not is_end:
            chunk, groups = self._open.leave(chunk, groups)
        else:
            self._open.leave_nothing(chunk)
        look = _Look(chunk, groups, first_row=first_row, dropped=dropped, careful=self._careful)
        known_again = look.find_known(self._closed)
        if self._plan is None or self._wire is None:
            return _looked_at(look)
        findings = Findings()
        columns = self._plan.events(chunk, groups, findings)
        if groups is not None:
            most = self._mapping.max_group_rows
            too_large = (place for place, count in enumerate(look.counts) if count > most)
            findings.odd.update(groups.odd, known_again, too_large)
        if self._wire.makes_ids:
            _add_ids(columns, findings)
        self._wire.check(columns, findings)
        if self._require_consent:
            consents = columns.column("consent")
            findings.odd.update(n for n, consent in enumerate(consents) if consent is not True)
        lines: list[Any] = self._wire.lines(columns)
        if max(map(len, lines), default=0) > self._most_bytes:
            findings.odd.update(n for n, line in enumerate(lines) if len(line) > self._most_bytes)
        events = Events(
            rows=look.rows,
            counts=look.counts,
            lines=lines,
            names=columns.column("event"),
            ids=columns.column("event_id"),
            times=columns.column("event_time"),
            notes=_notes_of(findings),
            coverage=_coverage_of(columns),
            remake=look.made,
        )
        groups_of_events = self._wire.groups(columns)
        if groups_of_events is not None:
            events.encoded = {
                place: Encoded(body=line, group=group, rank=rank)
                for place, (line, (group, rank)) in enumerate(zip(lines, groups_of_events, strict=True))
            }
        for place in sorted(findings.odd):
            reason = columns.left_out.get(place)
            if reason is None:
                events.replace(place, look.made(place))
            else:
                made = _left_out(row=look.rows[place], rows=look.counts[place], reason=reason)
                events.replace(place, made)
        for places in events.notes.values():
            places.sort()  # what was found by columns stands before what looking at whole events gave
        return events

    def _groups(self, chunk: Chunk) -> Groups | None:
        if not self._group_by.names:
            return None
        keys = group_keys(chunk, self._group_by, self._mapping.nulls)
        return Groups(keys, unreadable=chunk.unreadable, first_row=self._open.first_row)

    def _kernel_of(self, field: Field) -> Kernel:
        mapping = self._mapping
        default = mapping.default_of("phone_region") or mapping.default_of("user.country")
        quick = None
        if self._wire is not None and field.path in self._wire.quick:
            quick = quick_of(
                field.path, self._identity, nulls=mapping.nulls, country=default, zone=mapping.zone
            )
        remembers = quick is None or repeats(field.path)
        return Kernel(partial(self._tell, field), quick=quick, remembers=remembers)

    def _tell(self, field: Field, raw: Any) -> Told:
        """The careful rules' answer for one value of a field."""
        others = BESIDE.get(field)
        if others is None:
            alone = self._mapping.alone(field, raw)
        else:
            raw, *values = raw
            beside = dict(zip(others, values, strict=True))
            alone = self._mapping.alone(field, raw, beside=beside)
        event = alone.event
        if any(one.is_fatal for one in event.violations):
            return ODD
        if not (alone.has_value or event.violations or event.dropped):
            return Told()
        return self._told(field, event, has_value=alone.has_value, n_of_row=alone.n_of_row)

    def _constant_of(self, field: Field, value: Any) -> Told:
        return self._told(field, constant_alone(field, value), has_value=True, n_of_row=0)

    def _value_of(self, prepared: PreparedEvent, field: Field) -> Any:
        return None if self._wire is None else self._wire.value_of(prepared, field)

    def _told(self, field: Field, event: ConversionEvent, *, has_value: bool, n_of_row: int) -> Told:
        """The answer for an event of this field alone.

        :param n_of_row: how many of its violations, which come first, are told of a row.
        """
        if event.event_id is None:
            event = replace(event, event_id="1")  # or one would be made
        prepared, findings = self._careful.told(event, field)
        path = field.path.replace("[]", "[0]")
        checked = self._wire.checked if self._wire is not None else ()
        own: list[Violation] = []
        notes: list[Note] = []
        row_notes: list[Note] = []
        for number, one in enumerate(findings):
            if _is_within(one.path, path) and one.rule not in checked:
                own.append(one)
                (row_notes if number < n_of_row else notes).append(note_of(one))
        if any(one.is_fatal for one in own):
            return ODD
        if any(one.is_left_out for one in own) and any(
            one.rule in checked and (_is_within(one.path, path) or _is_within(path, one.path))
            for one in findings
        ):
            return ODD  # the columns would be checked without what is left out here
        for number, drop in enumerate(prepared.dropped):
            if _is_within(drop.path, path) or _is_within(drop.path, field.path):
                (row_notes if number < len(event.dropped) else notes).append(drop_of(drop))
        wire: Any = None
        if has_value and field.name in ("consent", "is_hashed"):
            wire = getattr(event, field.name)
        elif has_value:
            wire = self._value_of(leave_out(prepared, own), field)
        return Told(wire, tuple(notes), tuple(row_notes))


def _is_within(found: str, path: str) -> bool:
    """Whether a finding is at a path or inside of it."""
    return found == path or found.startswith((f"{path}.", f"{path}["))
