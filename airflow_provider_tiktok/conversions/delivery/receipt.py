# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The receipt: what became of every event of a run, as counts. It holds no event and no identifier."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
from msgspec import Struct, structs

from airflow_provider_tiktok.conversions.errors import DeliveryError
from airflow_provider_tiktok.conversions.event_names import OTHERS, TELLABLE_NAME
from airflow_provider_tiktok.conversions.events import EventResult, Outcome, PreparedEvent, PreparedUser
from airflow_provider_tiktok.conversions.kernels import Note

MATCH_KEYS = tuple(name for name in PreparedUser.__struct_fields__ if name != "session_id")
"""The identifiers whose coverage a receipt tells."""

MAX_ROWS_TOLD = 5
"""How many row numbers a receipt gives for one rule."""

MAX_REQUEST_IDS = 10
"""How many request ids a receipt keeps: the first ones and the last."""

MAX_RULES_TOLD = 200
"""How many different rules, or event names, are counted apart; the rest is counted together."""

_STATUS = re.compile(r"HTTP status [0-9]{3}")

LEFT_OUT = ("not_in_keep_rows", "in_drop_rows", "skipped_value")
"""Why rows are left out because the run says so."""

_WITHOUT_COVERAGE = ("invalid", "no_consent", "repeat", *LEFT_OUT)


class Finding(Struct, frozen=True, kw_only=True):
    """One rule that events broke.

    :param rule: event path and rule: ``user.phone: no_country_code``.
    :param count: findings, which may be several for one event.
    :param rows: numbers of the first source rows concerned, from 1; empty where it concerns the run.
    """

    rule: str
    count: int
    rows: tuple[int, ...]
    remedy: str = ""


class Findings:
    """Counts by rule, with the first rows of each. Bounded by the number of rules, not of events."""

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        self._found: dict[str, list[Any]] = {rule: list(entry) for rule, entry in (state or {}).items()}

    def add(self, rule: str, *, row: int, remedy: str = "") -> None:
        """Count one finding."""
        if rule not in self._found and len(self._found) >= MAX_RULES_TOLD:
            rule, remedy = OTHERS, ""
        self._merge(rule, 1, [row], remedy)

    def plus(self, other: Findings) -> Findings:
        """The findings of both, as new ones."""
        both = Findings(self.as_state())
        for rule, (count, rows, remedy) in other._found.items():
            is_known = rule in both._found or len(both._found) < MAX_RULES_TOLD
            both._merge(rule if is_known else OTHERS, count, rows, remedy if is_known else "")
        return both

    def _merge(self, rule: str, count: int, rows: list[int], remedy: str) -> None:
        """Add, and keep the first rows of the source, in whatever order they come."""
        entry = self._found.setdefault(rule, [0, [], remedy])
        entry[0] += count
        entry[1] = sorted([*entry[1], *rows])[:MAX_ROWS_TOLD]

    def add_of_run(self, rule: str, *, remedy: str) -> None:
        """Take down what concerns no row in particular, once."""
        if rule in self._found or len(self._found) < MAX_RULES_TOLD:
            self._found.setdefault(rule, [1, [], remedy])

    def add_many(self, rule: str, *, rows: Sequence[int], count: int, remedy: str = "") -> None:
        """Count findings of one rule.

        :param rows: of the first of them.
        """
        for row in rows:
            self.add(rule, row=row, remedy=remedy)
        more = self._found.get(rule) or self._found[OTHERS]
        more[0] += count - len(rows)

    def as_state(self) -> dict[str, Any]:
        """JSON to go on from."""
        return {rule: [count, list(rows), remedy] for rule, (count, rows, remedy) in self._found.items()}

    def as_tuple(self) -> tuple[Finding, ...]:
        """The findings, most frequent first."""
        return tuple(
            Finding(rule=rule, count=count, rows=tuple(rows), remedy=remedy)
            for rule, (count, rows, remedy) in sorted(
                self._found.items(), key=lambda item: (-item[1][0], item[0])
            )
        )


class Run(Protocol):
    """Events in columns, as far as they are counted (``road.Events``)."""

    rows: Sequence[int]
    counts: Sequence[int]
    names: list[str | None]
    times: list[int | None]
    notes: dict[Note, list[int]]
    coverage: dict[str, bytearray]


class Tally:
    """Counts of results. Adding is the only change; a tally can be stored and gone on from."""

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        state = state or {}
        self.rows = int(state.get("rows", 0))
        self.outcomes: Counter[str] = Counter(state.get("outcomes"))
        self.reasons: Counter[str] = Counter(state.get("reasons"))
        self.event_names: Counter[str] = Counter(state.get("event_names"))
        self.match_keys: Counter[str] = Counter(state.get("match_keys"))
        self.eligible = int(state.get("eligible", 0))
        self.oldest_event_time: int | None = state.get("oldest_event_time")
        self.violations = Findings(state.get("violations"))
        self.warnings = Findings(state.get("warnings"))
        self.dropped = Findings(state.get("dropped"))

    def add(self, result: EventResult) -> None:
        """Count one result."""
        self.rows += result.rows
        self.outcomes[result.outcome.value] += 1
        if result.reason:
            self.reasons[result.reason] += 1
        if result.event:
            self.event_names[self._tellable(result.event)] += 1
        for violation in result.violations:
            book = self.violations if violation.is_fatal else self.warnings
            book.add(finding_of(violation.path, violation.rule), row=result.row, remedy=violation.remedy)
        if result.reason == "refused":
            self.violations.add(_refusal(result), row=result.row, remedy=result.message or "")
        if result.prepared is not None:
            self._add_identity(result, result.prepared)

    def plus(self, other: Tally) -> Tally:
        """The counts of both, as a new tally."""
        both = Tally(self.as_state())
        both.rows += other.rows
        both.eligible += other.eligible
        both._note_time(other.oldest_event_time)
        for name in ("outcomes", "reasons", "event_names", "match_keys"):
            getattr(both, name).update(getattr(other, name))
        for name in ("violations", "warnings", "dropped"):
            setattr(both, name, getattr(self, name).plus(getattr(other, name)))
        return both

    def add_run(self, events: Run, start: int, stop: int, *, outcome: Outcome, reason: str = "") -> None:
        """Count events that follow one another and have one outcome, none with a result of its own."""
        n_events = stop - start
        self.rows += sum(events.counts[start:stop])
        self.outcomes[outcome.value] += n_events
        if reason:
            self.reasons[reason] += n_events
        for name, count in Counter(events.names[start:stop]).items():
            if name:
                self.event_names[self._tellable(name)] += count
        for note, places in events.notes.items():
            first, last = bisect_left(places, start), bisect_left(places, stop)
            if first < last:
                book = self.dropped if note.kind == "drop" else self.warnings
                rows = [events.rows[place] for place in places[first : min(last, first + MAX_ROWS_TOLD)]]
                book.add_many(
                    finding_of(note.path, note.rule), rows=rows, count=last - first, remedy=note.remedy
                )
        self.eligible += n_events
        times = events.times[start:stop]
        known: Any = [one for one in times if one is not None] if None in times else times
        self._note_time(min(known, default=None))
        for key, column in events.coverage.items():
            count = column.count(1, start, stop)
            if count:
                self.match_keys[key] += count

    def _tellable(self, name: str) -> str:
        is_known = name in self.event_names or len(self.event_names) < MAX_RULES_TOLD
        return name if is_known and TELLABLE_NAME.fullmatch(name) else OTHERS

    def _add_identity(self, result: EventResult, prepared: PreparedEvent) -> None:
        for drop in prepared.dropped:
            self.dropped.add(finding_of(drop.path, drop.reason), row=result.row, remedy=drop.remedy)
        if result.reason in _WITHOUT_COVERAGE:
            return
        self.eligible += 1
        self._note_time(prepared.event_time)
        for key in MATCH_KEYS:
            if getattr(prepared.user, key):
                self.match_keys[key] += 1

    def _note_time(self, event_time: int | None) -> None:
        if event_time is not None:
            known = self.oldest_event_time
            self.oldest_event_time = event_time if known is None else min(event_time, known)

    def as_state(self) -> dict[str, Any]:
        """JSON to go on from; its size depends on the number of rules and names, not of events."""
        return {
            "rows": self.rows,
            "outcomes": dict(self.outcomes),
            "reasons": dict(self.reasons),
            "event_names": dict(self.event_names),
            "match_keys": dict(self.match_keys),
            "eligible": self.eligible,
            "oldest_event_time": self.oldest_event_time,
            "violations": self.violations.as_state(),
            "warnings": self.warnings.as_state(),
            "dropped": self.dropped.as_state(),
        }


def finding_of(path: str, rule: str) -> str:
    """What a receipt calls a broken rule: with its place in the event, where it has one."""
    return f"{path}: {rule}" if path else rule


def _refusal(result: EventResult) -> str:
    """How the API refused an event: by its code, or by an HTTP status alone."""
    if result.code is not None:
        return f"refused with code {result.code}"
    status = _STATUS.fullmatch(result.message or "")
    return f"refused with {status[0]}" if status else "refused without a code"


class Traffic(Struct, kw_only=True):
    """What the requests of a run amounted to; over all tries of a resumed run.

    :param n_bytes: bytes of events sent, repeats included.
    :param seconds: time spent in the run.
    """

    requests: int = 0
    retries: int = 0
    n_bytes: int = 0
    seconds: float = 0.0
    request_ids: list[str] = []

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Traffic:
        """What was stored, as far as this version knows it."""
        return msgspec.convert(state, cls)

    def add(self, *, requests: int, retries: int, n_bytes: int, request_ids: Iterable[str]) -> None:
        """Count what one batch took."""
        self.requests += requests
        self.retries += retries
        self.n_bytes += n_bytes
        for request_id in request_ids:
            del self.request_ids[MAX_REQUEST_IDS - 1 :]
            self.request_ids.append(request_id)


class Receipt(Struct, frozen=True, kw_only=True):
    """What became of a run: read = accepted + rejected + skipped + unconfirmed + undelivered.

    :param destination: where the events went, in words.
    :param read: events that were made of the rows read.
    :param rows: source rows read; more than ``read`` where several rows make one event.
    :param rejected: found wrong before sending, or refused by the API.
    :param skipped: left out on purpose: no consent, repeat within the run, nothing sent by request.
    :param unconfirmed: sent, and the answer was lost or not understood.
    :param undelivered: not taken: the run stopped first, or the event failed every time it was sent alone
        (reason ``set_aside``).
    :param is_complete: whether the source was read to its end.
    :param reasons: why events were not accepted, to their number.
    :param violations: broken rules, with first rows and remedy.
    :param warnings: findings that keep no event back, also of events that another rule rejected.
    :param dropped: identifiers that could not be used and were left out.
    :param event_names: event name to number of events read.
    :param eligible: events that were fit to be sent.
    :param match_keys: identifier to number of eligible events that carry it.
    :param n_bytes: bytes of events sent, repeats included.
    :param seconds: duration, over all tries.
    :param request_ids: a few ids of requests, to quote to TikTok's support.
    :param dead_letters: lines in the dead letter file.
    :param resumed_from: source rows a former try had settled, 0 for none.
    :param oldest_event_time: Unix seconds of the oldest event fit to be sent, ``None`` for none.
    """

    destination: str
    rows: int
    read: int
    accepted: int
    rejected: int
    skipped: int
    unconfirmed: int
    undelivered: int
    is_complete: bool
    stopped_by: str | None
    reasons: dict[str, int]
    violations: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    dropped: tuple[Finding, ...]
    event_names: dict[str, int]
    eligible: int
    match_keys: dict[str, int]
    requests: int
    retries: int
    n_bytes: int
    seconds: float
    request_ids: tuple[str, ...]
    dead_letters: int
    dead_letter_path: str | None
    resumed_from: int
    oldest_event_time: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """The receipt in JSON's own types."""
        told = structs.asdict(self)
        for key in ("violations", "warnings", "dropped"):
            told[key] = [{**structs.asdict(finding), "rows": list(finding.rows)} for finding in told[key]]
        told["request_ids"] = list(self.request_ids)
        return told

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Receipt:
        """The receipt that ``as_dict`` gave."""
        return msgspec.convert(told, cls)

    def check_threshold(self, max_rejected: int) -> None:
        """Nothing, where the run did what it promised.

        :param max_rejected: how many rejected events are tolerated.
        :raises DeliveryError: more events were rejected, or any was not delivered.
        """
        if self.rejected > max_rejected:
            raise DeliveryError(
                f"Mend the events in the dead letters, or raise max_rejected={max_rejected}: "
                f"{self.rejected} of {self.read} events were rejected. {self._others()}{self._where()}",
                receipt=self.as_dict(),
                samples=[f"{finding.rule} ({finding.count}x)" for finding in self.violations[:5]],
            )
        if self.unconfirmed or self.undelivered:
            raise DeliveryError(
                f"Send the dead letters again within 48 hours, or let Airflow retry: of {self.read} events "
                f"{self.unconfirmed} are unconfirmed and {self.undelivered} undelivered. {self._where()} "
                "Their ids stay the same, so TikTok counts none twice.",
                receipt=self.as_dict(),
                samples=[f"{reason} ({count}x)" for reason, count in self.reasons.items()],
            )

    def _others(self) -> str:
        """What became of the events that were not rejected, as numbers."""
        names = ("accepted", "skipped", "unconfirmed", "undelivered")
        counts = [f"{getattr(self, name)} {name}" for name in names if getattr(self, name)]
        return f"Of the others: {', '.join(counts)}. " if counts else ""

    def _where(self) -> str:
        rules = "; ".join(f"{finding.rule} ({finding.count}x)" for finding in self.violations[:3])
        file = f"Dead letters: {self.dead_letter_path}." if self.dead_letter_path else ""
        return " ".join(filter(None, (f"Most frequent: {rules}." if rules else "", file)))


def make_receipt(
    tally: Tally,
    traffic: Traffic,
    *,
    destination: str,
    is_complete: bool,
    stopped_by: BaseException | None,
    dead_letters: int,
    dead_letter_path: str | None,
    resumed_from: int,
) -> Receipt:
    """The receipt of a run from its counts."""
    counts = {outcome.value: tally.outcomes[outcome.value] for outcome in Outcome}
    return Receipt(
        destination=destination,
        rows=tally.rows,
        read=sum(counts.values()),
        **counts,
        is_complete=is_complete,
        stopped_by=None if stopped_by is None else type(stopped_by).__name__,
        reasons=dict(tally.reasons),
        violations=tally.violations.as_tuple(),
        warnings=tally.warnings.as_tuple(),
        dropped=tally.dropped.as_tuple(),
        event_names=dict(tally.event_names),
        eligible=tally.eligible,
        match_keys=dict(tally.match_keys),
        requests=traffic.requests,
        retries=traffic.retries,
        n_bytes=traffic.n_bytes,
        seconds=round(traffic.seconds, 3),
        request_ids=tuple(traffic.request_ids),
        dead_letters=dead_letters,
        dead_letter_path=dead_letter_path,
        resumed_from=resumed_from,
        oldest_event_time=tally.oldest_event_time,
    )
