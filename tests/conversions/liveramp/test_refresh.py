# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_tiktok.conversions.errors import (
    AuthorizationError,
    ConfigurationError,
    TransientError,
)
from airflow_provider_tiktok.conversions.events import UnreadableRow
from airflow_provider_tiktok.conversions.http import HttpReply, HttpRequest
from airflow_provider_tiktok.conversions.liveramp.envelopes import EnvelopeClient, EnvelopeStatus
from airflow_provider_tiktok.conversions.liveramp.refresh import (
    EnvelopeResult,
    Question,
    RefreshRules,
    RefreshRun,
    plan_row,
    read_row,
    refresh_envelopes,
)
from airflow_provider_tiktok.conversions.sources.records import RecordsSource
from tests.conversions.liveramp.samples import AT_ONCE, DAY, ENVELOPE, NOW, TCF, reply
from tests.conversions.transports import Waits

GPP = "DBABLA~BVVqAAAAAAA.QA"
US_PRIVACY = {"ct": "3", "cv": "1YNN"}


class Memory:
    """A store that remembers its pages, and whether it was finished."""

    def __init__(self, settled: Mapping[str, int] | None = None) -> None:
        self.settled = settled or {}
        self.pages: list[list[EnvelopeResult]] = []
        self.is_finished = False

    def start(self, fingerprint: str | None) -> Mapping[str, int]:
        return self.settled

    def write(self, results: Sequence[EnvelopeResult]) -> None:
        self.pages.append(list(results))

    def finish(self) -> None:
        self.is_finished = True

    @property
    def results(self) -> dict[Any, EnvelopeResult]:
        return {result.key: result for page in self.pages for result in page}


class LiveRamp:
    """A transport that gives a new envelope for each, or what a function says of one."""

    def __init__(self, say: Callable[[str], HttpReply | None] = lambda envelope: None) -> None:
        self.asked: list[str] = []
        self._say = say

    def __call__(self, request: HttpRequest, /) -> HttpReply:
        envelope = dict(request.params)["iv"]
        self.asked.append(envelope)
        return self._say(envelope) or reply(200, {"envelope": f"{envelope}-new"})


def row(key: Any, **changes: Any) -> dict[str, Any]:
    """A row that is due, and may be asked about."""
    return {
        "key": key,
        "envelope": f"Ag-{key}",
        "refreshed_at": NOW - 2 * DAY,
        "ip": "203.0.113.7",
        **US_PRIVACY,
        **changes,
    }


def run(
    rows: Sequence[Any],
    liveramp: LiveRamp,
    store: Memory,
    *,
    rules: Mapping[str, Any] | None = None,
    **arguments: Any,
) -> RefreshRun:
    """A run over these rows, at the tests' own time."""
    client = EnvelopeClient(
        "4242", origin="https://shop.example.com", transport=liveramp, policy=AT_ONCE, wait=Waits()
    )
    settings = RefreshRules(now=lambda: NOW, **(rules or {}))
    return refresh_envelopes(RecordsSource(rows), client=client, store=store, rules=settings, **arguments)


def status_of(changes: Mapping[str, Any], **rules: Any) -> str:
    """What is decided about a row without asking; ``ask`` where it is to be asked about."""
    settings = RefreshRules(now=lambda: NOW, **rules)
    plan = plan_row(read_row(row("k", **changes), settings), settings)
    return "ask" if isinstance(plan, Question) else plan.value


NO_CONSENT = {"ct": None, "cv": None}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "ask"),
        ({"refreshed_at": None}, "ask"),
        ({"refreshed_at": NOW - DAY}, "ask"),
        ({"refreshed_at": NOW - DAY + 1}, "still_fresh"),
        ({"refreshed_at": NOW + 60}, "still_fresh"),
        ({"refreshed_at": NOW + 2 * DAY}, "ask"),
        ({"refreshed_at": NOW - 15 * DAY + 1}, "ask"),
        ({"refreshed_at": NOW - 15 * DAY}, "expired"),
        ({"envelope": None}, "no_envelope"),
        ({"envelope": " "}, "no_envelope"),
        ({"envelope": "person@example.com"}, "not_an_envelope"),
        ({"ip": None}, "missing_ip"),
        ({"ip": "somewhere"}, "missing_ip"),
        ({"ip": "127.0.0.1"}, "missing_ip"),
        ({"ip": "10.1.2.3"}, "missing_ip"),
        ({"ip": "192.168.0.4"}, "missing_ip"),
        ({"ip": "fe80::1"}, "missing_ip"),
        ({"ip": "fd00::1"}, "missing_ip"),
        ({"ip": "0.0.0.0"}, "missing_ip"),
        ({"ip": "203.0.113.7, 10.0.0.1"}, "ask"),
        ({"ip": "10.0.0.1, 203.0.113.7"}, "ask"),
        ({"ip": "203.0.113.7:51234"}, "ask"),
        ({"ip": "[2001:db8:1::7]:443"}, "ask"),
        ({"ip": "::ffff:203.0.113.7"}, "ask"),
        ({"ip": "::ffff:10.1.2.3"}, "missing_ip"),
        ({"ip": "unknown, 203.0.113.7"}, "missing_ip"),
        ({"ip": "null"}, "missing_ip"),
        ({"ip": "100.64.1.2"}, "missing_ip"),
        ({"ip": "169.254.1.2"}, "missing_ip"),
        ({"ip": "255.255.255.255"}, "missing_ip"),
        ({"ip": "::1"}, "missing_ip"),
        ({"ip": "fe80::1%eth0"}, "missing_ip"),
        ({"ip": "2001:db8::1%eth0"}, "missing_ip"),
        ({"ip": "10.0.0.1, 10.0.0.2"}, "missing_ip"),
        ({"ip": "203.0.113"}, "missing_ip"),
        ({"ip": "2001:db8:1::7"}, "ask"),
        (NO_CONSENT, "missing_consent"),
        ({"cv": None}, "incomplete_consent"),
        ({"ct": None}, "incomplete_consent"),
        ({"ct": "2"}, "incomplete_consent"),
        ({"gpp": GPP}, "incomplete_consent"),
        ({"gpp_sid": "7"}, "incomplete_consent"),
        ({"gpp": GPP, "gpp_sid": "7_8"}, "incomplete_consent"),
        ({**NO_CONSENT, "gpp": GPP, "gpp_sid": 7}, "ask"),
        ({**NO_CONSENT, "gpp": GPP, "gpp_sid": "-1"}, "missing_consent"),
        ({"gpp": GPP, "gpp_sid": -1}, "ask"),
        ({"ct": 4}, "missing_consent"),
        ({"ct": 4, "cv": TCF}, "ask"),
        ({"ct": 4.0, "cv": TCF}, "ask"),
        ({"ct": "4.0", "cv": TCF}, "ask"),
        ({**NO_CONSENT, "gpp": GPP, "gpp_sid": "7.0"}, "ask"),
    ],
)
def test_who_is_asked_about_is_decided_by_age_address_and_consent(
    changes: dict[str, Any], status: str
) -> None:
    """Half a pair is an error, an address from inside a network is nobody's, a dead envelope is past renewing."""
    assert status_of(changes) == status


@pytest.mark.parametrize(
    ("consent", "changes", "status"),
    [
        ("never", NO_CONSENT, "ask"),
        ("never", {"cv": None}, "incomplete_consent"),
        ("by_country", {**NO_CONSENT, "country": "US"}, "ask"),
        ("by_country", {**NO_CONSENT, "country": "de"}, "missing_consent"),
        ("by_country", {"country": "GB"}, "missing_consent"),
        ("by_country", {"country": "DE", "ct": "4", "cv": TCF}, "ask"),
        ("by_country", NO_CONSENT, "missing_consent"),
    ],
)
def test_where_consent_is_needed_can_be_said(consent: Any, changes: dict[str, Any], status: str) -> None:
    """By country: a TCF string in the EU, the EEA and the United Kingdom, and where the country is unknown."""
    assert status_of(changes, consent=consent) == status


@pytest.mark.parametrize(
    "text", ["null", "NULL", "\\N", "nan", "None", "<NA>", "(not set)", "-", "0", "no", "yes"]
)
@pytest.mark.parametrize("consent", ["always", "by_country", "never"])
def test_a_text_that_is_no_consent_string_keeps_its_row_back(text: str, consent: Any) -> None:
    """Also where none would be needed: who writes a type and then ``no`` has said no."""
    assert status_of({"country": "DE", "ct": "4", "cv": text}, consent=consent) == "missing_consent"
    assert status_of({"country": "US", "ct": "3", "cv": text}, consent=consent) == "missing_consent"
    gpp = {**NO_CONSENT, "country": "US", "gpp": text, "gpp_sid": "7"}
    assert status_of(gpp, consent=consent) == "missing_consent"


@pytest.mark.parametrize("marker", ["null", "\\N", float("nan"), "None", "(not set)", " ", None])
def test_a_pair_of_null_markers_is_not_there(marker: Any) -> None:
    """As if the columns were empty: enough in the US, not in Germany."""
    pairs = {"ct": marker, "cv": marker, "gpp": marker, "gpp_sid": marker}
    assert status_of({"country": "US", **pairs}, consent="by_country") == "ask"
    assert status_of({"country": "DE", **pairs}, consent="by_country") == "missing_consent"


@pytest.mark.parametrize(
    "country",
    [
        *("DE", "de", " FR ", "GB", "UK", "EL", "IS", "LI", "NO", "CH", "EU", "XI", "EN", "SCT"),
        *("RE", "GP", "MQ", "GF", "YT", "MF", "BL", "PM", "NC", "PF", "WF", "TF", "AX", "SJ", "GL", "FO"),
        *("GI", "JE", "GG", "IM", "BM", "KY", "VG", "TC", "FK", "AW", "CW", "SX", "BQ", "IC", "EA"),
        *(
            "AD",
            "MC",
            "SM",
            "VA",
            "AQ",
            "NA",
            "XK",
            "XX",
            "ZZ",
            "AA",
            "A1",
            "T1",
            "QM",
            "US-CA",
            "US,DE",
            "U.S.",
        ),
        *(
            "DEU",
            "USA",
            "840",
            "Germany",
            "United States",
            "null",
            "\\N",
            "",
            " ",
            None,
            float("nan"),
            "0",
            "U",
        ),
        *("\uff35\uff33", "U\u0405", "unknown"),
    ],
)
def test_only_a_code_known_to_be_outside_needs_no_string(country: Any) -> None:
    """A territory, another spelling, a name, a marker or nothing may be inside."""
    changes = {**NO_CONSENT, "country": country}
    assert status_of(changes, consent="by_country") == "missing_consent"
    assert status_of({**changes, "ct": "4", "cv": TCF}, consent="by_country") == "ask"


@pytest.mark.parametrize("country", ["US", "us", " Ca ", "BR", "JP", "AU", "IN", "MX", "TR", "ZA", b"US"])
def test_a_code_known_to_be_outside_passes_without_a_string(country: Any) -> None:
    """In any case, with blanks around it."""
    assert status_of({**NO_CONSENT, "country": country}, consent="by_country") == "ask"


@pytest.mark.parametrize(
    "refreshed_at",
    [
        NOW - DAY // 2,
        str(NOW - DAY // 2),
        datetime.fromtimestamp(NOW - DAY // 2, UTC),
        datetime.fromtimestamp(NOW - DAY // 2, UTC).isoformat(),
        datetime.fromtimestamp(NOW - DAY // 2, UTC).replace(tzinfo=None),
        (NOW - DAY // 2) * 1000,
        str((NOW - DAY // 2) * 1000 + 250),
        float(NOW - DAY // 2),
        f"{datetime.fromtimestamp(NOW - DAY // 2, UTC):%Y-%m-%d %H:%M:%S} UTC",
        f"{datetime.fromtimestamp(NOW - DAY // 2, UTC):%Y-%m-%d %H:%M:%S}.000 +0000",
    ],
)
def test_a_time_may_come_in_any_form(refreshed_at: Any) -> None:
    """Seconds, text, timestamps; without a zone it is the one the rules name."""
    assert status_of({"refreshed_at": refreshed_at}) == "still_fresh"


@pytest.mark.parametrize(
    "nothing", [None, "", float("nan"), "NaT", "nan", "null", "\\N", "None", "0", "(not set)"]
)
def test_without_a_time_an_envelope_is_old_enough(nothing: Any) -> None:
    """A gap in a data frame does not cost the row."""
    assert status_of({"refreshed_at": nothing}) == "ask"


def test_zero_is_a_key_like_others() -> None:
    """Rows are counted from it."""
    assert [read_row({"key": key}, RefreshRules()).key for key in (0, "0", 1)] == [0, "0", 1]


@pytest.mark.parametrize(
    "settings",
    [
        {"refresh_after_s": -1},
        {"refresh_after_s": 20 * DAY},
        {"consent": "sometimes"},
        {"columns": {"mail": "x"}},
        {"timezone": "Nowhere/Else"},
    ],
)
def test_impossible_rules_are_refused(settings: dict[str, Any]) -> None:
    """Before anything is read."""
    with pytest.raises(ConfigurationError):
        RefreshRules(**settings)


def test_a_run_stores_each_row_s_result() -> None:
    """New envelopes with their time; nothing is kept of who opted out; all else stays as it was."""
    say = {"Ag-gone": reply(204), "Ag-legal": reply(451), "Ag-odd": reply(200, {"envelopes": []})}
    store, liveramp = Memory(), LiveRamp(say.get)
    rows = [row(key) for key in ("new", "gone", "legal", "odd")] + [
        row("young", refreshed_at=NOW - 5),
        row("dead", refreshed_at=NOW - 20 * DAY),
        row("nowhere", ip=None),
    ]
    ended = run(rows, liveramp, store)
    assert ended.stopped_by is None
    assert [
        (result.key, result.status.value, result.envelope, result.refreshed_at)
        for page in store.pages
        for result in page
    ] == [
        ("new", "refreshed", "Ag-new-new", NOW),
        ("gone", "no_consent_or_opted_out", None, None),
        ("legal", "legal_refusal", "Ag-legal", NOW - 2 * DAY),
        ("odd", "not_in_answer", "Ag-odd", NOW - 2 * DAY),
        ("young", "still_fresh", "Ag-young", NOW - 5),
        ("dead", "expired", "Ag-dead", NOW - 20 * DAY),
        ("nowhere", "missing_ip", "Ag-nowhere", NOW - 2 * DAY),
    ]
    assert ended.report.as_dict() == {
        "rows": 7,
        "asked": 4,
        "requests": 4,
        "statuses": {
            "expired": 1,
            "legal_refusal": 1,
            "missing_ip": 1,
            "no_consent_or_opted_out": 1,
            "not_in_answer": 1,
            "refreshed": 1,
            "still_fresh": 1,
        },
        "resumed_from": 0,
        "is_complete": True,
        "seconds": ended.report.seconds,
    }
    assert store.is_finished


def test_pages_are_stored_before_the_next_is_read() -> None:
    """So a crash costs one page of questions and no envelope."""
    store = Memory()
    stored_when_read = []

    class Counted(RecordsSource):
        def rows(self) -> Iterator[Any]:
            for number in range(10):
                stored_when_read.append(len(store.results))
                yield row(number)

    client = EnvelopeClient("1", origin="https://shop.example.com", transport=LiveRamp())
    rules = RefreshRules(now=lambda: NOW)
    refresh_envelopes(Counted([]), client=client, store=store, rules=rules, page_size=4)
    assert stored_when_read == [0, 0, 0, 0, 4, 4, 4, 4, 8, 8]
    assert [len(page) for page in store.pages] == [4, 4, 2]


def test_results_come_in_the_order_of_the_rows() -> None:
    """However the answers come."""
    store, first_may_go = Memory(), threading.Event()

    def say(envelope: str) -> None:
        if envelope == "Ag-0":
            assert first_may_go.wait(10)
        elif envelope == "Ag-3":
            first_may_go.set()

    run([row(number) for number in range(4)], LiveRamp(say), store, max_in_flight=4)
    assert [result.key for result in store.pages[0]] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("status", "error"), [(401, AuthorizationError), (403, AuthorizationError), (404, ConfigurationError)]
)
def test_a_caller_who_is_not_approved_stops_at_once(status: int, error: type[Exception]) -> None:
    """What was refreshed before is stored; the rest stays as it is and is not asked about."""
    store = Memory()
    liveramp = LiveRamp(lambda envelope: reply(status) if envelope == "Ag-2" else None)
    ended = run([row(number) for number in range(9)], liveramp, store, page_size=4, max_in_flight=1)
    assert isinstance(ended.stopped_by, error)
    assert liveramp.asked == ["Ag-0", "Ag-1", "Ag-2"]
    assert [result.status.value for page in store.pages for result in page] == [
        "refreshed",
        "refreshed",
        "interrupted",
        "interrupted",
    ]
    assert store.results[3].envelope == "Ag-3"
    assert not ended.report.is_complete
    assert not store.is_finished


def test_one_refused_row_is_that_row_s_fault() -> None:
    """A 400 between successes is about the row, which keeps what it has."""
    store = Memory()
    ended = run(
        [row(number) for number in range(5)],
        LiveRamp(lambda one: reply(400) if one == "Ag-0" else None),
        store,
    )
    assert ended.stopped_by is None
    assert ended.report.statuses == {"refreshed": 4, "refused": 1}
    assert store.results[0].envelope == "Ag-0"


@pytest.mark.parametrize("count", [1, 70])
def test_refusals_alone_are_a_setting_s_fault(count: int) -> None:
    """A placement that does not exist refuses all; not all of many rows are asked."""
    liveramp, store = LiveRamp(lambda one: reply(400)), Memory()
    ended = run([row(number) for number in range(count)], liveramp, store, page_size=10)
    assert isinstance(ended.stopped_by, ConfigurationError)
    assert "placement id" in str(ended.stopped_by)
    assert len(liveramp.asked) == min(count, 20)


def test_legal_refusals_alone_are_a_setting_s_fault() -> None:
    """All rows are stored, and the run says what to look at."""
    store = Memory()
    ended = run([row(number) for number in range(3)], LiveRamp(lambda one: reply(451)), store)
    assert isinstance(ended.stopped_by, ConfigurationError)
    assert "451" in str(ended.stopped_by)
    assert len(store.results) == 3


@pytest.mark.parametrize("page_size", [1, 7, 100])
def test_a_placement_that_has_nobody_s_envelope_empties_no_store(page_size: int) -> None:
    """204 for all is a setting's fault: believed, it would remove every envelope there is, and be green."""
    store = Memory()
    ended = run([row(n) for n in range(70)], LiveRamp(lambda one: reply(204)), store, page_size=page_size)
    assert isinstance(ended.stopped_by, ConfigurationError)
    assert "none of 70 people" in str(ended.stopped_by)
    assert store.results == {}
    assert not ended.report.is_complete


def test_many_opt_outs_are_believed_once_somebody_has_an_envelope() -> None:
    """However late the first one comes; all rows are stored, in their order."""
    store = Memory()
    liveramp = LiveRamp(lambda one: None if one == "Ag-65" else reply(204))
    ended = run([row(n) for n in range(70)], liveramp, store, page_size=10)
    assert ended.stopped_by is None
    assert ended.report.statuses == {"no_consent_or_opted_out": 69, "refreshed": 1}
    assert list(store.results) == list(range(70))


def test_a_run_that_is_told_to_stop_in_doubt_removes_nothing_and_may_be_tried_again() -> None:
    """It has not seen enough to call the setting wrong."""
    stop, store = threading.Event(), Memory()

    def say(envelope: str) -> HttpReply:
        if envelope == "Ag-30":
            stop.set()
        return reply(204)

    ended = run([row(n) for n in range(70)], LiveRamp(say), store, page_size=40, max_in_flight=1, stop=stop)
    assert isinstance(ended.stopped_by, TransientError)
    assert (store.results, store.is_finished) == ({}, False)


def test_few_opt_outs_are_believed() -> None:
    """A small store may well hold none but those."""
    store = Memory()
    ended = run([row(n) for n in range(19)], LiveRamp(lambda one: reply(204)), store, page_size=5)
    assert ended.stopped_by is None
    assert ended.report.statuses == {"no_consent_or_opted_out": 19}


def test_no_more_rows_wait_for_a_proof_than_fit_into_memory() -> None:
    """Beyond, the run stops; rows that removed nothing wait for none."""
    liveramp = LiveRamp(lambda one: reply(204))
    ended = run([row(n) for n in range(3000)], liveramp, Memory(), page_size=500)
    assert isinstance(ended.stopped_by, ConfigurationError)
    assert len(liveramp.asked) == 1000
    store = Memory()
    rows = [row(0), *(row(n, refreshed_at=NOW) for n in range(1, 3000))]
    assert run(rows, liveramp, store, page_size=500).report.rows == 3000
    assert len(store.pages[0]) == 1000


@pytest.mark.parametrize(
    "answer",
    [
        {"envelopes": []},
        {"envelope": None},
        {"envelope": "null"},
        {"envelopes": [{"type": 24, "value": ENVELOPE}]},
        {},
        {"envelope": "d" * 64},
        {"envelope": "person@example.com"},
        {"error": "no"},
    ],
)
def test_answers_without_an_envelope_are_no_success(answer: Any) -> None:
    """Words for nothing are not stored as envelopes; where nobody gets one, the run says so."""
    store = Memory()
    ended = run([row(n) for n in range(3)], LiveRamp(lambda one: reply(200, answer)), store)
    assert isinstance(ended.stopped_by, ConfigurationError)
    assert ended.report.statuses == {"not_in_answer": 3}
    assert store.results[0].envelope == "Ag-0"


def test_failed_rows_keep_their_envelope_and_speak_against_the_run() -> None:
    """After all others; another try finds them still due."""
    store = Memory()
    liveramp = LiveRamp(lambda one: reply(503, **{"Retry-After": "90"}) if one == "Ag-1" else None)
    ended = run([row(number) for number in range(4)], liveramp, store)
    assert isinstance(ended.stopped_by, TransientError)
    assert ended.report.statuses == {"failed": 1, "refreshed": 3}
    assert store.results[1].envelope == "Ag-1"
    assert ended.report.requests == 3 + 5
    tolerant = run([row(number) for number in range(4)], liveramp, Memory(), rules={"max_failed": 1})
    assert tolerant.stopped_by is None


def test_the_server_s_wait_is_passed_on() -> None:
    """So that the next try does not come too soon."""
    ended = run([row(1)], LiveRamp(lambda one: reply(429, **{"Retry-After": "90"})), Memory())
    assert isinstance(ended.stopped_by, TransientError)
    assert ended.stopped_by.retry_after_s == 90


def test_failures_in_a_row_end_the_run() -> None:
    """When LiveRamp is down, a million rows are not asked about one by one."""
    liveramp, store = LiveRamp(lambda one: reply(500)), Memory()
    ended = run([row(number) for number in range(100)], liveramp, store, page_size=10)
    assert isinstance(ended.stopped_by, TransientError)
    assert len(set(liveramp.asked)) == 20
    assert not ended.report.is_complete


def test_a_run_that_is_told_to_stop_stores_what_it_has() -> None:
    """In order, with a report."""
    stop, store = threading.Event(), Memory()

    def say(envelope: str) -> None:
        if envelope == "Ag-1":
            stop.set()

    ended = run(
        [row(number) for number in range(6)], LiveRamp(say), store, page_size=3, max_in_flight=1, stop=stop
    )
    assert isinstance(ended.stopped_by, TransientError)
    assert [result.status.value for result in store.pages[0]] == ["refreshed", "refreshed", "interrupted"]
    assert len(store.pages) == 1


def test_a_fault_of_ours_loses_no_answer() -> None:
    """Whatever a thread raises: the other answers of the page are stored, then it is raised."""
    store = Memory()

    def say(envelope: str) -> None:
        if envelope == "Ag-0":
            raise ZeroDivisionError

    ended = run([row(number) for number in range(3)], LiveRamp(say), store, max_in_flight=3)
    assert isinstance(ended.stopped_by, ZeroDivisionError)
    assert store.results[0].status is EnvelopeStatus.INTERRUPTED


@pytest.mark.parametrize(
    "bad",
    [
        UnreadableRow("not_json", "Give JSON."),
        {"key": None, "envelope": "Ag", "ip": "203.0.113.7"},
        row("k", refreshed_at="yesterday"),
        row("k", refreshed_at="20251123120000"),
        row("k", refreshed_at=NOW * 1_000_000),
        row("k", envelope=object()),
        *(row(key) for key in ("null", "\\N", "nan", "", "-", float("nan"), "(not set)", "None")),
    ],
)
def test_a_row_that_cannot_be_read_is_counted_and_not_asked_about(bad: Any) -> None:
    """It stops no other."""
    liveramp, store = LiveRamp(), Memory()

    class Rows(RecordsSource):
        def rows(self) -> Iterator[Any]:
            yield from (bad, row("good"))

    client = EnvelopeClient("1", origin="https://shop.example.com", transport=liveramp)
    ended = refresh_envelopes(Rows([]), client=client, store=store, rules=RefreshRules(now=lambda: NOW))
    assert ended.report.statuses == {"refreshed": 1, "unreadable_row": 1}
    assert liveramp.asked == ["Ag-good"]
    if isinstance(bad, dict) and isinstance(bad["envelope"], str):
        assert store.pages[0][0].envelope == bad["envelope"]


class Table(RecordsSource):
    """Records with declared columns, as a query has them."""

    @property
    def columns(self) -> tuple[str, ...]:
        return ("user_id", "envelope", "address")

    def rows(self) -> Iterator[Any]:
        yield {"user_id": 7, "envelope": "Ag-7", "address": "203.0.113.7"}


@pytest.mark.parametrize(
    ("columns", "told"),
    [({}, "ip, key"), ({"key": "user_id"}, "ip"), ({"key": "user_id", "ip": "addres"}, "addres")],
)
def test_missing_columns_are_named(columns: dict[str, str], told: str) -> None:
    """Before anything is asked; not row by row."""
    client = EnvelopeClient("1", origin="https://shop.example.com", transport=LiveRamp())
    ended = refresh_envelopes(Table([]), client=client, store=Memory(), rules=RefreshRules(columns=columns))
    assert isinstance(ended.stopped_by, ConfigurationError)
    assert f"no column {told}." in str(ended.stopped_by)


def test_columns_may_have_other_names() -> None:
    """Files are not renamed as easily as a query's columns."""
    store = Memory()
    client = EnvelopeClient("1", origin="https://shop.example.com", transport=LiveRamp())
    rules = RefreshRules(columns={"key": "user_id", "ip": "address"}, consent="never", now=lambda: NOW)
    ended = refresh_envelopes(Table([]), client=client, store=store, rules=rules)
    assert ended.stopped_by is None
    assert store.results[7].envelope == "Ag-7-new"


def test_a_former_try_s_rows_are_passed_over_and_counted() -> None:
    """Where the store knows how far it came."""
    liveramp = LiveRamp()
    ended = run([row(number) for number in range(5)], liveramp, Memory({"refreshed": 2, "expired": 1}))
    assert liveramp.asked == ["Ag-3", "Ag-4"]
    assert ended.report.rows == 5
    assert ended.report.resumed_from == 3
    assert ended.report.statuses == {"expired": 1, "refreshed": 4}


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({"envelope": None, "email": "person@example.com"}, ["4", "4", "4"]),
        ({"refreshed_at": NOW - 20 * DAY, "phone": "+1 202 555 0123"}, ["11"]),
        ({"envelope": "not one", "custom_id": "1:a"}, ["15"]),
    ],
)
def test_an_envelope_is_made_anew_where_the_caller_says(changes: dict[str, Any], kinds: list[str]) -> None:
    """From LiveRamp's own digests, and only under the same rules of address and consent."""
    asked: list[HttpRequest] = []

    def liveramp(request: HttpRequest, /) -> HttpReply:
        asked.append(request)
        return reply(200, {"envelope": ENVELOPE})

    client = EnvelopeClient("1", origin="https://shop.example.com", transport=liveramp)
    store, rules = Memory(), RefreshRules(now=lambda: NOW, retrieves_anew=True)
    refresh_envelopes(RecordsSource([row("k", **changes)]), client=client, store=store, rules=rules)
    assert [value for name, value in asked[0].params if name == "it"] == kinds
    assert asked[0].url.endswith("/v2/envelope")
    assert store.results["k"].status is EnvelopeStatus.RETRIEVED
    assert store.results["k"].envelope == ENVELOPE
    assert status_of(changes) != "ask"
    assert status_of({**changes, **NO_CONSENT}, retrieves_anew=True) == "missing_consent"
    assert status_of({**changes, "ip": None}, retrieves_anew=True) == "missing_ip"


def test_without_an_identifier_nothing_is_made_anew() -> None:
    """It is said, and not asked."""
    assert status_of({"envelope": None}, retrieves_anew=True) == "missing_identifier"
    assert status_of({"envelope": None, "email": "d" * 64}, retrieves_anew=True) == "missing_identifier"


def test_an_opt_out_is_never_answered_by_a_retrieval() -> None:
    """A 204 on refresh ends the matter, whatever the row holds."""
    liveramp = LiveRamp(lambda one: reply(204))
    rows = [row("k", email="person@example.com")]
    store = Memory()
    run(rows, liveramp, store, rules={"retrieves_anew": True})
    assert liveramp.asked == ["Ag-k"]
    assert store.results["k"].envelope is None


@pytest.mark.parametrize("retrieves_anew", [False, True])
def test_an_opt_out_is_remembered(retrieves_anew: bool) -> None:
    """The next run finds no envelope, and must not take that for a mere absence."""
    opted_out = {"envelope": None, "status": "no_consent_or_opted_out", "email": "person@example.com"}
    assert status_of(opted_out, retrieves_anew=retrieves_anew) == "no_consent_or_opted_out"
    assert status_of({**opted_out, "envelope": "Ag-new"}, retrieves_anew=retrieves_anew) == "ask"


def test_rows_show_nothing_of_themselves() -> None:
    """Neither rows nor questions nor results."""
    rules = RefreshRules(now=lambda: NOW)
    read = read_row(row("k", email="person@example.com"), rules)
    question = plan_row(read, rules)
    result = EnvelopeResult(key="k", status=EnvelopeStatus.REFRESHED, envelope=ENVELOPE)
    told = f"{read!r} {question!r} {result!r}"
    assert all(secret not in told for secret in ("Ag-k", "person@", "203.0.113.7", "1YNN", ENVELOPE))


def test_rows_that_all_lack_a_key_are_a_setting_s_fault() -> None:
    """JSON records declare no columns, so a name that is wrong is seen in the rows alone."""
    ended = run(
        [{"user_id": n, "envelope": "Ag-1", "ip": "203.0.113.7"} for n in range(3)], LiveRamp(), Memory()
    )
    assert isinstance(ended.stopped_by, ConfigurationError)
    assert ended.report.statuses == {"unreadable_row": 3}


def test_a_run_that_could_ask_about_nobody_says_so(caplog: pytest.LogCaptureFixture) -> None:
    """Whether that is right, only its author knows."""
    run([row(1, ip=None), row(2, **NO_CONSENT)], LiveRamp(), Memory())
    assert "asked about nobody" in caplog.text
    caplog.clear()
    run([row(1, ip=None), row(2, refreshed_at=NOW)], LiveRamp(), Memory())
    assert "asked about nobody" not in caplog.text


def test_who_is_to_get_a_first_envelope_must_be_known_not_to_have_opted_out() -> None:
    """Rows without a status would bring everybody who opted out back, run after run."""

    class Status(Table):
        @property
        def columns(self) -> tuple[str, ...]:
            return ("key", "ip", "email")

    client = EnvelopeClient("1", origin="https://shop.example.com", transport=LiveRamp())
    rules = RefreshRules(retrieves_anew=True)
    ended = refresh_envelopes(Status([]), client=client, store=Memory(), rules=rules)
    assert "no column status." in str(ended.stopped_by)
