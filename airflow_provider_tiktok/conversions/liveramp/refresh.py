# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A store of envelopes refreshed: rows in, pages of results out, each page stored before the next is read.

Who is asked about at all is decided here, by age, address and consent; what LiveRamp said is read in
``envelopes``. An old envelope stays good while it lives, so what a killed run had asked for and not stored
is no loss: the next run asks again.

One person's refusal is that person's; many in a row with nothing between them are a setting's. LiveRamp gives
both the same status.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from types import MappingProxyType
from typing import Any, Final, Literal, Protocol, TypeVar, runtime_checkable
from zoneinfo import ZoneInfo, available_timezones

from msgspec import Struct, structs

from airflow_provider_tiktok.conversions.chunks import Source
from airflow_provider_tiktok.conversions.errors import (
    ConfigurationError,
    ConversionsError,
    EventError,
    ProtocolError,
    TransientError,
    UnconfirmedError,
)
from airflow_provider_tiktok.conversions.events import Row
from airflow_provider_tiktok.conversions.liveramp.consent import (
    TCF,
    Consent,
    IncompleteConsent,
    NoConsent,
    needs_no_string,
    read_consent,
)
from airflow_provider_tiktok.conversions.liveramp.envelopes import (
    EnvelopeClient,
    EnvelopeReply,
    EnvelopeStatus,
)
from airflow_provider_tiktok.conversions.liveramp.identifiers import Identifier, identifiers_of
from airflow_provider_tiktok.conversions.liveramp.stored_envelopes import unwrap
from airflow_provider_tiktok.conversions.sealed import Sealed
from airflow_provider_tiktok.conversions.values import IDS, PEOPLE, to_event_time, to_text

T = TypeVar("T")

log = logging.getLogger(__name__)

DAY_S: Final = 86_400.0

FIELDS: Final = (
    *("key", "envelope", "refreshed_at", "status", "ip", "country", "ct", "cv", "gpp", "gpp_sid"),
    *("email", "phone", "custom_id"),
)
"""What a row may hold, by the names of its columns."""

_IN_A_ROW: Final = 20
"""So many refusals without any success, or failures without one between them, are no single person's."""

_MOST_HELD: Final = 1000
"""So many rows wait at most for an answer that proves the placement right."""

_RENEWED: Final = frozenset({EnvelopeStatus.REFRESHED, EnvelopeStatus.RETRIEVED})

CHANGING: Final = _RENEWED | {EnvelopeStatus.NO_CONSENT_OR_OPTED_OUT}
"""Statuses after which another envelope, or none, takes the stored one's place."""

_OF_ONE_ROW: Final = (TransientError, UnconfirmedError, ProtocolError)
"""Errors after which the next row may fare better."""

_SUCCESSES: Final = CHANGING | {
    EnvelopeStatus.LEGAL_REFUSAL,
    EnvelopeStatus.NOT_IN_ANSWER,
}
"""Answers that prove placement and origin right."""

_NEEDING_NOTHING: Final = frozenset(
    {EnvelopeStatus.STILL_FRESH, EnvelopeStatus.NO_CONSENT_OR_OPTED_OUT, *_SUCCESSES, *_RENEWED}
)
"""Statuses of rows that are as they should be."""

_ANEW: Final = frozenset({EnvelopeStatus.NO_ENVELOPE, EnvelopeStatus.EXPIRED, EnvelopeStatus.NOT_AN_ENVELOPE})

_LONGEST_CHAIN: Final = 1000
_NOBODYS: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3"),
        *("::/96", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
    )
)
"""Networks that no person's address is in: within a network, of this machine, of groups, of nobody."""

_WITH_PORT: Final = re.compile(r"\[([0-9A-Fa-f:.]{2,45})\](?::[0-9]{1,5})?|([0-9.]{7,15}):[0-9]{1,5}")


class EnvelopeRow(Sealed, frozen=True, kw_only=True):
    """One row of a store of envelopes. Personal data: never printed, logged or stored.

    :param key: what the store knows the row by; never looked into.
    :param refreshed_at: Unix seconds; ``None`` where unknown, which counts as old enough to refresh.
    :param status: of a former run, ``None`` where there was none.
    :param ip: the person's own address.
    :param country: ISO 3166 alpha-2; anything else counts as unknown.
    """

    key: Any
    envelope: str | None = None
    refreshed_at: int | None = None
    status: str | None = None
    ip: str | None = None
    country: str | None = None
    ct: str | None = None
    cv: str | None = None
    gpp: str | None = None
    gpp_sid: str | None = None
    email: str | None = None
    phone: str | None = None
    custom_id: str | None = None


class EnvelopeResult(Sealed, frozen=True, kw_only=True):
    """What the store shall hold of one row from now on.

    :param envelope: the new one, or the old one where there is none; ``None`` where it must go.
    :param refreshed_at: Unix seconds of that envelope, ``None`` where unknown.
    """

    key: Any
    status: EnvelopeStatus
    envelope: str | None = None
    refreshed_at: int | None = None

    def __repr__(self) -> str:
        return f"EnvelopeResult({self.status.value})"


class EnvelopeStore(Protocol):
    """Where results are kept."""

    def start(self, fingerprint: str | None) -> Mapping[str, int]:
        """Make ready, before anything is asked; statuses of the rows that a former try has settled.

        :param fingerprint: of the rows to come, ``None`` where an interrupted try cannot be gone on with.
        :raises ConfigurationError: the place cannot be written to.
        """

    def write(self, results: Sequence[EnvelopeResult]) -> Sequence[EnvelopeResult] | None:
        """Store a page; when this returns, no crash loses it.

        The results as they came out, ``None`` where all are stored as given.
        """

    def finish(self) -> None:
        """Every row was settled."""


@runtime_checkable
class SharedStore(EnvelopeStore, Protocol):
    """A store that others write to as well."""

    def look(self, keys: Mapping[Any, bool]) -> Collection[Any]:
        """Look at rows before LiveRamp is asked about them; those that are not to be asked about any more.

        :param keys: key to whether the row came with an envelope.
        """


class RefreshRules(Struct, frozen=True, kw_only=True):
    """Which envelopes are refreshed, and who may be asked about.

    :param refresh_after_s: younger envelopes are left alone.
    :param lifetime_s: older ones cannot be renewed. LiveRamp's pages say 15 days, and 30 for some countries.
    :param consent: ``always``: no row without a consent string is asked about. ``by_country``: none without a
        TCF string, unless the row's country is known to lie outside the EU, the EEA and the United Kingdom
        (``consent.needs_no_string``). ``never``: rows without one are asked about. A text that is no consent
        string keeps its row back everywhere.
    :param retrieves_anew: whether envelopes that are missing or expired are made from the row's identifiers.
    :param folds_addresses: see ``identifiers.email_identifiers``.
    :param max_failed: so many failed rows are tolerated at the end.
    :param columns: field of ``EnvelopeRow`` to column, where they differ.
    :param timezone: of times that name none.
    :raises ConfigurationError: a value is impossible.
    """

    refresh_after_s: float = DAY_S
    lifetime_s: float = 15 * DAY_S
    consent: Literal["always", "by_country", "never"] = "always"
    retrieves_anew: bool = False
    folds_addresses: bool = True
    max_failed: int = 0
    columns: Mapping[str, str] = MappingProxyType({})
    timezone: str = "UTC"
    now: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        if not 0 <= self.refresh_after_s < self.lifetime_s:
            raise ConfigurationError("Set refresh_after to at least 0 and to less than lifetime.")
        if self.consent not in ("always", "by_country", "never"):
            raise ConfigurationError("Set require_consent to 'always', 'by_country' or 'never'.")
        unknown = sorted(self.columns.keys() - set(FIELDS))
        if unknown:
            raise ConfigurationError(
                f"Leave {', '.join(unknown)} out of columns: the names there are {', '.join(FIELDS)}."
            )
        if self.timezone not in available_timezones():
            raise ConfigurationError("Set timezone to a name such as UTC or America/New_York.")


class RefreshReport(Struct, frozen=True, kw_only=True):
    """What became of a run, as counts; it holds no envelope and no person.

    :param rows: rows settled, those of a former try included.
    :param asked: rows LiveRamp was asked about, in this try.
    :param requests: how many times it was asked, repeats included, in this try.
    """

    rows: int
    asked: int
    requests: int
    statuses: dict[str, int]
    resumed_from: int
    is_complete: bool
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """The report in JSON's own types."""
        return structs.asdict(self)


class RefreshRun(Struct, frozen=True, kw_only=True):
    """A run that ended.

    :param stopped_by: what ended it early or speaks against it, to be raised by the caller.
    """

    report: RefreshReport
    stopped_by: BaseException | None


def refresh_envelopes(
    source: Source,
    *,
    client: EnvelopeClient,
    store: EnvelopeStore,
    rules: RefreshRules,
    page_size: int = 100,
    max_in_flight: int = 8,
    stop: threading.Event | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> RefreshRun:
    """The counts of a run over all rows; also of one that was stopped, by whatever.

    :param page_size: rows that are read, asked about and stored together. It bounds what is in memory, and
        what a crash makes a later run ask for again.
    :param clock: monotonic seconds.
    :raises ConfigurationError: the store cannot be written to; nothing was read or asked.
    """
    run = _Run(client, rules, stop or threading.Event(), max_in_flight)
    began = clock()
    run.statuses.update(store.start(source.fingerprint() if source.is_ordered else None))
    position = run.statuses.total()
    stopped_by: BaseException | None = None
    try:
        with closing(source.rows()) as rows:
            left = islice(rows, position, None)
            is_shared = isinstance(store, SharedStore)
            run.settle_all(_pages(left, source, rules, page_size, is_shared=is_shared), store)
        store.finish()
    except BaseException as error:  # a timeout or Ctrl-C ends with a report, too
        stopped_by = error
    report = RefreshReport(
        rows=run.statuses.total(),
        asked=run.asked.total(),
        requests=run.requests,
        statuses=dict(sorted(run.statuses.items())),
        resumed_from=position,
        is_complete=stopped_by is None,
        seconds=round(clock() - began, 3),
    )
    return RefreshRun(report=report, stopped_by=stopped_by or run.verdict())


def _pages(
    rows: Iterator[Row], source: Source, rules: RefreshRules, size: int, *, is_shared: bool
) -> Iterator[list[Row]]:
    """The rows in pages, after the first of them has shown that the columns are there."""
    page = list(islice(rows, size))
    if source.columns is not None:
        _check_columns(source.columns, rules, is_shared=is_shared)
    while page:
        yield page
        page = list(islice(rows, size))


def _check_columns(columns: Iterable[str], rules: RefreshRules, *, is_shared: bool) -> None:
    """Find columns that the rows lack.

    :param is_shared: whether the store tells who opted out; otherwise the rows must, or who did would get a
        new envelope.
    """
    present = set(columns)
    # Without a stored envelope there may still be an identifier to make one from.
    fields = {"key", "ip", *rules.columns} | (set() if rules.retrieves_anew else {"envelope"})
    fields |= {"status"} if rules.retrieves_anew and not is_shared else set()
    missing = sorted({rules.columns.get(name, name) for name in fields} - present)
    if missing:
        raise ConfigurationError(
            "Name the columns so in the query, or tell their names in the argument columns: the rows "
            f"have no column {', '.join(missing)}."
        )


class Question(Sealed, frozen=True, kw_only=True):
    """What LiveRamp is to be asked about one row.

    :param identifiers: to make an envelope from; empty: ``envelope`` is refreshed.
    """

    ip: str
    consent: Consent
    envelope: str = ""
    identifiers: tuple[Identifier, ...] = ()


_Planned = tuple[EnvelopeRow, Question | EnvelopeStatus]


class _Run:
    """One run. All of it belongs to the reading thread; others only ask LiveRamp."""

    def __init__(
        self, client: EnvelopeClient, rules: RefreshRules, stop: threading.Event, max_in_flight: int
    ) -> None:
        self._client = client
        self._rules = rules
        self._stop = stop
        self._max_in_flight = max_in_flight
        self._failed_in_a_row = 0
        self._wait_named_s: float | None = None
        self._stopped_by: BaseException | None = None
        self._held: list[EnvelopeResult] = []
        self.statuses: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.requests = 0

    def settle_all(self, pages: Iterable[list[Row]], store: EnvelopeStore) -> None:
        with ThreadPoolExecutor(self._max_in_flight, thread_name_prefix="envelopes") as pool:
            for page in pages:
                planned = _unless_gone([self._plan(row) for row in page], store)
                opened = [(row, self._open(plan, pool)) for row, plan in planned]
                self._held += [self._result(row, answer) for row, answer in opened]
                if self._is_proven() or self._stop.is_set() or len(self._held) >= _MOST_HELD:
                    self._store_held(store)
                self._check_progress()
            if self._held:
                self._store_held(store)

    def _store_held(self, store: EnvelopeStore) -> None:
        """Store what is held. Envelopes are removed only if LiveRamp gave one to anybody, or to few none."""
        if not self._is_proven() and self.asked[EnvelopeStatus.NO_CONSENT_OR_OPTED_OUT] >= _IN_A_ROW:
            raise self._stopped_by or (self._stopped() if self._stop.is_set() else self._none_for_anybody())
        answered, self._held = self._held, []
        results = store.write(answered) or answered
        self.statuses.update(result.status.value for result in results)
        log.info("%d rows settled, %d asked about", self.statuses.total(), self.asked.total())

    def _is_proven(self) -> bool:
        """Whether removals may be believed: LiveRamp gives envelopes, or removes none."""
        is_renewing = any(self.asked[status] for status in _RENEWED)
        return is_renewing or not self.asked[EnvelopeStatus.NO_CONSENT_OR_OPTED_OUT]

    def verdict(self) -> ConversionsError | None:
        """What speaks against a run that came to its end."""
        refused, legal = self.asked[EnvelopeStatus.REFUSED], self.asked[EnvelopeStatus.LEGAL_REFUSAL]
        if refused and not self._has_success():
            return self._all_refused(refused)
        if legal and not self._has_success(but=EnvelopeStatus.LEGAL_REFUSAL):
            return ConfigurationError(
                "Check the placement's countries against the rows' addresses, and the consent "
                f"strings: LiveRamp refused all {legal:,} rows for legal reasons (HTTP status 451).",
                attempts=self.requests,
            )
        absent = self.asked[EnvelopeStatus.NOT_IN_ANSWER]
        if absent and not self._has_success(but=EnvelopeStatus.NOT_IN_ANSWER):
            return ConfigurationError(
                "Ask LiveRamp to enable envelopes of type 19, the one for TikTok, for this placement: "
                f"none of its {absent:,} answers held one.",
                attempts=self.requests,
            )
        if set(self.statuses) == {EnvelopeStatus.UNREADABLE_ROW}:
            return ConfigurationError(
                "Name the columns of key and time in the argument columns: no row could be read, and "
                "each needs a key, and a time that can be read or none."
            )
        if self.statuses and not self.asked and not self.statuses.keys() & _NEEDING_NOTHING:
            log.warning("LiveRamp was asked about nobody: %s.", dict(self.statuses))
        failed = self.statuses[EnvelopeStatus.FAILED]
        return self._too_many_failed(failed) if failed > self._rules.max_failed else None

    def _plan(self, row: Row) -> _Planned:
        """The row, and what to ask about it; or its status, where nothing is to be asked."""
        try:
            envelope_row = read_row(row, self._rules)
        except EventError:
            return _what_is_readable(row, self._rules), EnvelopeStatus.UNREADABLE_ROW
        return envelope_row, plan_row(envelope_row, self._rules)

    def _open(
        self, plan: Question | EnvelopeStatus, pool: ThreadPoolExecutor
    ) -> EnvelopeStatus | Future[EnvelopeReply]:
        """The answer on the way, or the status."""
        return pool.submit(self._ask, plan) if isinstance(plan, Question) else plan

    def _ask(self, question: Question) -> EnvelopeReply:
        """LiveRamp's answer. What it raises for every row alike ends the run at once, from any thread."""
        if self._stop.is_set():
            return EnvelopeReply(status=EnvelopeStatus.INTERRUPTED, attempts=0)
        ip, consent = question.ip, question.consent
        try:
            if question.identifiers:
                return self._client.retrieve(question.identifiers, ip=ip, consent=consent)
            return self._client.refresh(question.envelope, ip=ip, consent=consent)
        except _OF_ONE_ROW as error:
            self._wait_named_s = getattr(error, "retry_after_s", None)
            return EnvelopeReply(status=EnvelopeStatus.FAILED, attempts=error.attempts)
        except BaseException:
            self._stop.set()
            raise

    def _result(self, row: EnvelopeRow, answer: EnvelopeStatus | Future[EnvelopeReply]) -> EnvelopeResult:
        if isinstance(answer, EnvelopeStatus):
            return _kept(row, answer)
        reply = self._await(answer)
        self._count(reply)
        if reply.status in _RENEWED:
            now = int(self._rules.now())
            return EnvelopeResult(key=row.key, status=reply.status, envelope=reply.envelope, refreshed_at=now)
        if reply.status is EnvelopeStatus.NO_CONSENT_OR_OPTED_OUT:
            return EnvelopeResult(key=row.key, status=reply.status)
        return _kept(row, reply.status)

    def _await(self, answer: Future[EnvelopeReply]) -> EnvelopeReply:
        """LiveRamp's answer. A fault that ends the run leaves this row as it is, like those not asked."""
        try:
            return answer.result()
        except BaseException as error:  # a timeout of the task's comes here, too
            self._stop.set()
            self._stopped_by = self._stopped_by or error
            return EnvelopeReply(status=EnvelopeStatus.INTERRUPTED, attempts=0)

    def _count(self, reply: EnvelopeReply) -> None:
        self.requests += reply.attempts
        if reply.status is not EnvelopeStatus.INTERRUPTED:
            self.asked[reply.status] += 1
        if reply.status is EnvelopeStatus.FAILED:
            self._failed_in_a_row += 1
        elif reply.status in _SUCCESSES:
            self._failed_in_a_row = 0

    def _check_progress(self) -> None:
        """Raise what stops the run, once the page's results are stored."""
        if self._stopped_by is not None:
            raise self._stopped_by
        refused = self.asked[EnvelopeStatus.REFUSED]
        if refused >= _IN_A_ROW and not self._has_success():
            raise self._all_refused(refused)
        if self._failed_in_a_row >= _IN_A_ROW:
            raise self._too_many_failed(self._failed_in_a_row)
        if self._stop.is_set():
            raise self._stopped()

    def _has_success(self, *, but: EnvelopeStatus | None = None) -> bool:
        """Whether LiveRamp answered about anybody."""
        return any(self.asked[status] for status in _SUCCESSES if status is not but)

    def _all_refused(self, refused: int) -> ConfigurationError:
        return ConfigurationError(
            "Check the placement id, and that the column of envelopes holds envelopes: LiveRamp "
            f"refused all {refused:,} requests (HTTP status 400).",
            attempts=self.requests,
        )

    def _stopped(self) -> TransientError:
        return TransientError(
            "Run the task again: it was told to stop before it was done.", attempts=self.requests
        )

    def _none_for_anybody(self) -> ConfigurationError:
        count = self.asked[EnvelopeStatus.NO_CONSENT_OR_OPTED_OUT]
        return ConfigurationError(
            "Check that the consent strings name LiveRamp, vendor 97, and that the envelopes are of "
            f"this placement: LiveRamp has an envelope for none of {count:,} people (HTTP status 204), "
            "as if all had opted out. Nothing was removed; remove the envelopes of people who did opt "
            "out yourself.",
            attempts=self.requests,
        )

    def _too_many_failed(self, failed: int) -> TransientError:
        return TransientError(
            f"Let Airflow retry, or raise max_failed={self._rules.max_failed}: {failed} envelopes could not "
            "be refreshed. They are kept as they were; what was refreshed is stored.",
            retry_after_s=self._wait_named_s,
            attempts=self.requests,
        )


def _unless_gone(planned: list[_Planned], store: EnvelopeStore) -> list[_Planned]:
    """The rows, without questions about those that the store has lost since they were read."""
    if not isinstance(store, SharedStore):
        return planned
    questions = [(row, plan) for row, plan in planned if isinstance(plan, Question)]
    gone = store.look({row.key: bool(plan.envelope) for row, plan in questions})
    return [
        (row, EnvelopeStatus.CHANGED_MEANWHILE if isinstance(plan, Question) and row.key in gone else plan)
        for row, plan in planned
    ]


def _kept(row: EnvelopeRow, status: EnvelopeStatus) -> EnvelopeResult:
    return EnvelopeResult(key=row.key, status=status, envelope=row.envelope, refreshed_at=row.refreshed_at)


# ------------------------------------------------------------------------------------ one row, by itself


def read_row(row: Row, rules: RefreshRules) -> EnvelopeRow:
    """The row with its values typed.

    :raises EventError: it has no key, or a value that cannot be read.
    """
    if not isinstance(row, Mapping):
        raise EventError(row.rule, remedy=row.remedy)
    values = {name: row.get(rules.columns.get(name, name)) for name in FIELDS}
    key, refreshed_at = values.pop("key"), values.pop("refreshed_at")
    # A marker would be one key for many people's envelopes.
    name = to_text(key)
    if not isinstance(key, Hashable) or name is None or IDS.holds(name):
        raise EventError("missing", path="key")
    return EnvelopeRow(
        key=key,
        refreshed_at=_time_of(refreshed_at, rules),
        **{name: to_text(value) for name, value in values.items()},
    )


def _time_of(raw: Any, rules: RefreshRules) -> int | None:
    if isinstance(raw, str | int) and PEOPLE.holds(str(raw)):  # 0 as well: it never was
        return None
    return to_event_time(raw, zone=ZoneInfo(rules.timezone), takes_milliseconds=True)


def _what_is_readable(row: Row, rules: RefreshRules) -> EnvelopeRow:
    """Key, envelope and time of a row that is faulty elsewhere, so that nothing of it is lost."""
    if not isinstance(row, Mapping):
        return EnvelopeRow(key=None)
    key, envelope, refreshed_at = (
        row.get(rules.columns.get(name, name)) for name in ("key", "envelope", "refreshed_at")
    )
    return EnvelopeRow(
        key=key,
        envelope=_unless_faulty(to_text, envelope),
        refreshed_at=_unless_faulty(lambda raw: _time_of(raw, rules), refreshed_at),
    )


def _unless_faulty(convert: Callable[[Any], T], raw: Any) -> T | None:
    try:
        return convert(raw)
    except EventError:
        return None


def plan_row(row: EnvelopeRow, rules: RefreshRules) -> Question | EnvelopeStatus:
    """What to ask about the row, or why nothing is asked."""
    envelope, status = _judge_envelope(row, rules)
    identifiers: tuple[Identifier, ...] = ()
    if status in _ANEW and rules.retrieves_anew:
        identifiers = identifiers_of(
            email=row.email, phone=row.phone, custom_id=row.custom_id, is_folded=rules.folds_addresses
        )
        status = None if identifiers else EnvelopeStatus.MISSING_IDENTIFIER
    if status is not None:
        return status
    ip = _public_address(row.ip)
    if ip is None:
        return EnvelopeStatus.MISSING_IP
    consent = _read_consent(row, rules)
    if isinstance(consent, EnvelopeStatus):
        return consent
    return Question(ip=ip, consent=consent, envelope=envelope, identifiers=identifiers)


def _judge_envelope(row: EnvelopeRow, rules: RefreshRules) -> tuple[str, EnvelopeStatus | None]:
    """The envelope's value, and the status that speaks against refreshing it, ``None`` for none."""
    if not row.envelope:
        # Who opted out stays so: else the next run would find a mere absence, and fill it.
        has_opted_out = row.status == EnvelopeStatus.NO_CONSENT_OR_OPTED_OUT
        return "", EnvelopeStatus.NO_CONSENT_OR_OPTED_OUT if has_opted_out else EnvelopeStatus.NO_ENVELOPE
    try:
        envelope = unwrap(row.envelope)
    except EventError:
        return "", EnvelopeStatus.NOT_AN_ENVELOPE
    if row.refreshed_at is None:
        return envelope, None
    age_s = rules.now() - row.refreshed_at
    if age_s >= rules.lifetime_s:
        return "", EnvelopeStatus.EXPIRED
    # A time far ahead is a fault of some clock: believed, it would keep the envelope until it is dead.
    is_fresh = -DAY_S < age_s < rules.refresh_after_s
    return envelope, EnvelopeStatus.STILL_FRESH if is_fresh else None


def _public_address(text: str | None) -> str | None:
    """The address if it may be a person's: not this machine's, and not from inside a network.

    Of a chain, which proxies write, the first that is public. Whatever else stands before it - ``unknown``, a
    name - was the person, and the next is somebody else's.
    """
    for part in (text or "")[:_LONGEST_CHAIN].split(","):
        try:
            address = ipaddress.ip_address(_without_port(part.strip()))
        except ValueError:
            return None
        if isinstance(address, ipaddress.IPv6Address):
            if address.scope_id is not None:
                return None
            address = address.ipv4_mapped or address
        if not any(address.version == one.version and address in one for one in _NOBODYS):
            return str(address)
    return None


def _without_port(text: str) -> str:
    match = _WITH_PORT.fullmatch(text)
    return text if match is None else match[1] or match[2]


def _read_consent(row: EnvelopeRow, rules: RefreshRules) -> Consent | EnvelopeStatus:
    """The pairs of the row, or why it may not be asked about."""
    try:
        consent = read_consent(Consent(ct=row.ct, cv=row.cv, gpp=row.gpp, gpp_sid=row.gpp_sid))
    except IncompleteConsent:
        return EnvelopeStatus.INCOMPLETE_CONSENT
    except NoConsent:
        return EnvelopeStatus.MISSING_CONSENT
    return EnvelopeStatus.MISSING_CONSENT if _is_missing(consent, row.country, rules) else consent


def _is_missing(consent: Consent, country: str | None, rules: RefreshRules) -> bool:
    if rules.consent == "always":
        return not (consent.ct or consent.gpp)
    return rules.consent == "by_country" and consent.ct != TCF and not needs_no_string(country)
