# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The whole road to a simulated LiveRamp over HTTP, whose rules are not ours."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok.conversions.answers import Verdict
from airflow_provider_tiktok.conversions.delivery.dead_letter import DeadLetters
from airflow_provider_tiktok.conversions.delivery.engine import Delivery, Options, deliver
from airflow_provider_tiktok.conversions.errors import AuthorizationError, ConfigurationError
from airflow_provider_tiktok.conversions.http import RequestsTransport
from airflow_provider_tiktok.conversions.liveramp.adapter import (
    AdapterClient,
    LiveRampDestination,
)
from airflow_provider_tiktok.conversions.liveramp.envelope_store import EnvelopeTable
from airflow_provider_tiktok.conversions.liveramp.envelopes import Consent, EnvelopeClient, EnvelopeStatus
from airflow_provider_tiktok.conversions.liveramp.payload import encode
from airflow_provider_tiktok.conversions.liveramp.records import LiveRampRecords
from airflow_provider_tiktok.conversions.liveramp.refresh import RefreshRules, RefreshRun, refresh_envelopes
from airflow_provider_tiktok.conversions.mapping import EventMapping
from airflow_provider_tiktok.conversions.sources.records import RecordsSource
from airflow_provider_tiktok.conversions.sources.sql import SqlSource
from airflow_provider_tiktok.simulator import (
    DEFAULT_ATS_CONFIG_ID,
    DEFAULT_ORIGIN,
    DEFAULT_PLACEMENT_ID,
    Simulator,
)
from tests.conversions.delivery.ledger import Store
from tests.conversions.liveramp.samples import (
    AT_ONCE,
    DAY,
    ENVELOPE,
    EXAMPLES,
    NOW,
    app_record,
    checks,
    faults,
    prepared,
    web_record,
)
from tests.conversions.transports import Waits

CRASHING_REFRESH = Path(__file__).parent / "crashing_refresh.py"
US, BRAZIL, CHINA = "203.0.113.7", "203.0.113.200", "192.0.2.200"
US_PRIVACY = Consent(ct="3", cv="1YNN")


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A simulated LiveRamp at the tests' own time."""
    with Simulator(clock=lambda: NOW) as simulator:
        yield simulator


@pytest.fixture
def transport() -> Iterator[RequestsTransport]:
    """Real connections, closed at the end."""
    transport = RequestsTransport()
    yield transport
    transport.close()


@pytest.fixture
def adapter(simulator: Simulator, transport: RequestsTransport) -> AdapterClient:
    """The adapter's client."""
    return AdapterClient(
        DEFAULT_ATS_CONFIG_ID, base_url=simulator.url, transport=transport, policy=AT_ONCE, wait=Waits()
    )


@pytest.fixture
def envelopes(simulator: Simulator, transport: RequestsTransport) -> EnvelopeClient:
    """The envelope API's client."""
    return EnvelopeClient(
        DEFAULT_PLACEMENT_ID,
        origin=DEFAULT_ORIGIN,
        base_url=simulator.url,
        transport=transport,
        policy=AT_ONCE,
        wait=Waits(),
    )


def run(records: Any, adapter: AdapterClient, **arguments: Any) -> Delivery:
    """The records through the engine."""
    return deliver(
        LiveRampRecords(RecordsSource(records)),
        mapping=EventMapping(),
        destination=LiveRampDestination(adapter, check=checks()),
        options=Options(),
        **arguments,
    )


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_documented_example_is_accepted(
    name: str, adapter: AdapterClient, simulator: Simulator
) -> None:
    """One by one, each by the whole road, under the strictest reading of LiveRamp's rules."""
    delivery = run([EXAMPLES[name]], adapter)
    assert (delivery.receipt.accepted, delivery.receipt.read) == (1, 1)
    [entry] = simulator.liveramp_ledger.events()
    assert (entry.event, entry.event_id) == (EXAMPLES[name]["event_type"], EXAMPLES[name]["event_id"])


@pytest.mark.parametrize("http_status", [400, 422])
@pytest.mark.parametrize("n_per_session", [1, 4])
def test_refusals_without_any_success_blame_no_event(
    http_status: int, n_per_session: int, adapter: AdapterClient, simulator: Simulator
) -> None:
    """What refuses everything would send every event to the dead letters: the run ends after a few requests."""
    simulator.faults = [{"effect": {"http_status": http_status}}]
    records = [
        web_record(event_id=f"o-{n}", user={"envelope": ENVELOPE, "session_id": f"s-{n // n_per_session}"})
        for n in range(40)
    ]
    delivery = run(records, adapter)
    assert isinstance(delivery.stopped_by, ConfigurationError)
    assert (delivery.receipt.rejected, delivery.receipt.undelivered) == (0, delivery.receipt.read)
    assert len(simulator.requests) <= 20


@pytest.mark.parametrize(
    "success", [{"http_status": 200, "form": "text"}, {"http_status": 204, "form": "empty"}]
)
def test_any_form_of_success_is_success(
    success: dict[str, Any], adapter: AdapterClient, simulator: Simulator
) -> None:
    """LiveRamp documents none."""
    simulator.state.patch({"liveramp": {"success": success}})
    assert run([web_record()], adapter).receipt.accepted == 1


def test_many_sessions_in_any_order_all_arrive(adapter: AdapterClient, simulator: Simulator) -> None:
    """The simulator refuses requests of two sessions, or out of order: none is."""
    records = [
        web_record(event_id=str(n), event_time=NOW - n, user={"envelope": f"AgSession-{n % 7}"})
        for n in range(90)
    ]
    receipt = run(records, adapter).receipt
    assert (receipt.accepted, receipt.requests) == (90, 7)
    assert simulator.liveramp_ledger.summary()["live"]["unique_events"] == 90
    assert receipt.match_keys["envelope"] == 90


@pytest.mark.parametrize("marker", ["null", "\\N", "nan", "None", "undefined", "(not set)", "0", "-"])
def test_nothing_is_nobody(marker: str, adapter: AdapterClient, simulator: Simulator) -> None:
    """Three people whose envelope is a word for nothing are not one session, and make no request."""
    records = [web_record(event_id=str(n), user={"envelope": marker}) for n in range(3)]
    receipt = run(records, adapter).receipt
    assert (receipt.rejected, receipt.requests) == (3, 0)
    assert [(found.rule, found.count) for found in receipt.violations] == [
        ("user.envelope: not_an_envelope", 3)
    ]


def test_a_session_without_a_name_is_the_envelope_s(adapter: AdapterClient, simulator: Simulator) -> None:
    """One person's events share a request, whatever word for nothing stands in the session's column."""
    sessions = ("null", "\\N", "", None, "-")
    records = [
        web_record(event_id=str(n), user={"envelope": ENVELOPE, "session_id": session})
        for n, session in enumerate(sessions)
    ]
    receipt = run(records, adapter).receipt
    assert (receipt.accepted, receipt.requests) == (5, 1)


def test_two_devices_of_one_person_are_two_sessions(adapter: AdapterClient, simulator: Simulator) -> None:
    """Each is its own user session, so they share no request; an id that is not sent makes no difference."""
    ids = (
        "38400000-8cf0-11bd-b23e-10b96e40000d",
        "cdda802e-fb9c-47ad-9866-0794d394c912",
        None,
        "0",
        "d" * 64,
    )
    records = [
        {**app_record(event_id=str(n)), "user": {"envelope": ENVELOPE, "gaid": ids[n % 5]}} for n in range(10)
    ]
    receipt = run(records, adapter).receipt
    assert (receipt.accepted, receipt.requests) == (10, 3)


def test_an_open_session_holds_the_checkpoint_for_no_other(
    adapter: AdapterClient, simulator: Simulator
) -> None:
    """A session whose events lie far apart is open in the checkpoint: a retry sends nothing again."""
    sessions = [f"AgSession-{n // 20}" for n in range(700)]
    for n in (0, 350, 430):
        sessions[n] = "AgWeek"  # never full, and open again when the run stops
    records = [web_record(event_id=str(n), user={"envelope": session}) for n, session in enumerate(sessions)]
    checkpoints = Store()
    simulator.faults = [{"match": {"nth": list(range(26, 36))}, "effect": {"http_status": 401}}]
    first = run(records, adapter, checkpoints=checkpoints)
    assert isinstance(first.stopped_by, AuthorizationError)
    simulator.faults = []
    second = run(records, adapter, checkpoints=checkpoints)
    assert second.stopped_by is None
    assert second.receipt.accepted == 700
    deliveries = [entry.deliveries for entry in simulator.liveramp_ledger.events()]
    assert (len(deliveries), max(deliveries)) == (700, 1)


def test_an_open_session_does_not_wait_for_the_end(adapter: AdapterClient, simulator: Simulator) -> None:
    """Once a hundred events came after its first one it is sent, whatever may still come of it."""

    def records() -> Iterator[Any]:
        yield web_record(event_id="first", user={"envelope": "AgWeek"})
        for n in range(120):
            yield web_record(event_id=str(n), user={"envelope": f"AgSession-{n // 20}"})
        raise ConnectionError

    delivery = run(records(), adapter)
    assert (delivery.receipt.accepted, delivery.receipt.undelivered) == (121, 0)


@pytest.mark.parametrize(
    ("field", "value"),
    [("quantity", "0"), ("quantity", "many"), ("num_items", "0"), ("content_type", "produkt")],
)
def test_an_odd_optional_value_costs_that_field_alone(
    field: str, value: str, adapter: AdapterClient, simulator: Simulator
) -> None:
    """LiveRamp would refuse it, so it is left out and told; the conversion goes."""
    receipt = run([web_record(properties={field: value, "order_id": "o"})], adapter).receipt
    assert receipt.accepted == 1
    assert [finding.rule.split(":")[0] for finding in receipt.warnings] == [f"properties.{field}"]
    assert b'"order_id"' in simulator.liveramp_ledger.payloads("live")[0]
    assert field.encode() not in simulator.liveramp_ledger.payloads("live")[0]
    raw = encode(prepared(web_record(properties={"order_id": "o"}))).replace(b"order_id", field.encode())
    answer = adapter.send([raw.replace(b'"value":"o"', f'"value":"{value}"'.encode())])
    assert answer.verdict is Verdict.PAYLOAD


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
@pytest.mark.parametrize("session_events", [1, 5, 40])
def test_a_configuration_that_takes_nothing_blames_no_event(
    status: int, session_events: int, adapter: AdapterClient, simulator: Simulator
) -> None:
    """A few requests show it; every event can be sent again, and no retry of the same is made."""
    simulator.faults = [{"effect": {"http_status": status}}]
    records = [
        web_record(event_id=str(n), user={"envelope": f"AgSession-{n // session_events}"}) for n in range(60)
    ]
    delivery = run(records, adapter)
    assert isinstance(delivery.stopped_by, AuthorizationError | ConfigurationError)
    assert (delivery.receipt.rejected, delivery.receipt.undelivered) == (0, 60)
    assert delivery.receipt.requests <= 20


def test_resending_gives_no_new_event(adapter: AdapterClient, simulator: Simulator) -> None:
    """Same ids, same bytes."""
    simulator.faults = [{"match": {"nth": [1]}, "effect": {"drop": "after"}}]
    receipt = run([web_record()], adapter).receipt
    assert (receipt.accepted, receipt.requests) == (1, 2)
    [entry] = simulator.liveramp_ledger.events()
    assert (entry.deliveries, entry.is_identical) == (2, True)


@pytest.mark.parametrize(
    "change",
    [
        {"event": "Checkout"},
        {"page": {"url": "shop.example.com"}},
        {"page": {"url": "https://shop.example.com/?m=person@example.com"}},
        {"user": {"envelope": ENVELOPE, "idfa": "6D92078A-8246-4BA4-AE5B-76104861E7DC"}},
        {"app": {"app_id": "id343200656"}},
        {"event_time": NOW + 3600},
        {"event_id": "order-{{ORDER}}"},
        {"properties": {"value": "-1", "currency": "USD"}},
        {"properties": {"hint": "d" * 64}},
        {"properties": {"phone": "1"}},
    ],
)
def test_what_our_check_refuses_liveramp_would_refuse(change: dict[str, Any], adapter: AdapterClient) -> None:
    """Sent past the check, each is refused by rules that were written apart from ours."""
    record = web_record(**change)
    assert faults(record)
    assert adapter.send([encode(prepared(record))]).verdict is Verdict.PAYLOAD


def test_a_refused_event_stands_alone_and_the_others_arrive(
    adapter: AdapterClient, simulator: Simulator, tmp_path: Path
) -> None:
    """A batch that LiveRamp refuses is taken apart; the dead letter holds no envelope."""
    simulator.faults = [{"match": {"event_ids": ["bad"]}, "effect": {"http_status": 400}}]
    records = [web_record(event_id=name) for name in ("a", "b", "bad", "c")]
    letters = tmp_path / "dead.jsonl"
    receipt = run(records, adapter, dead_letters=DeadLetters(letters, run="r")).receipt
    assert (receipt.accepted, receipt.rejected) == (3, 1)
    assert '"event_id":"bad"' in letters.read_text()
    assert ENVELOPE not in letters.read_text()


def test_an_unknown_configuration_stops_the_run(simulator: Simulator, transport: RequestsTransport) -> None:
    """And is not told."""
    adapter = AdapterClient("not-ours", base_url=simulator.url, transport=transport, policy=AT_ONCE)
    delivery = run([web_record()], adapter)
    assert isinstance(delivery.stopped_by, ConfigurationError)
    assert "not-ours" not in str(delivery.stopped_by)
    assert delivery.receipt.undelivered == 1


def test_a_refresh_gives_a_new_envelope(envelopes: EnvelopeClient, simulator: Simulator) -> None:
    """Of either version of the answer."""
    for form in ("v1", "v2"):
        simulator.state.patch({"liveramp": {"response_form": form, "extra_items": [{"type": 99}]}})
        found = envelopes.refresh(ENVELOPE, ip=US, consent=US_PRIVACY)
        assert found.status is EnvelopeStatus.REFRESHED
        assert found.envelope == simulator.envelopes()[-1]["value"]
        assert simulator.envelopes()[-1]["replaces"] == ENVELOPE


@pytest.mark.parametrize(
    ("ip", "consent", "status"),
    [
        (US, Consent(ct="3", cv="1YYN"), EnvelopeStatus.NO_CONSENT_OR_OPTED_OUT),
        (CHINA, US_PRIVACY, EnvelopeStatus.LEGAL_REFUSAL),
        (US, Consent(ct="4", cv="nonsense"), EnvelopeStatus.LEGAL_REFUSAL),
        (BRAZIL, Consent(), EnvelopeStatus.REFRESHED),
    ],
)
def test_what_liveramp_says_of_a_person_is_understood(
    envelopes: EnvelopeClient, ip: str, consent: Consent, status: EnvelopeStatus
) -> None:
    """Consent, country and law."""
    assert envelopes.refresh(ENVELOPE, ip=ip, consent=consent).status is status


def test_an_origin_that_is_not_approved_is_refused(
    simulator: Simulator, transport: RequestsTransport
) -> None:
    """The run stops there."""
    client = EnvelopeClient(
        DEFAULT_PLACEMENT_ID, origin="https://other.example.com", base_url=simulator.url, transport=transport
    )
    with pytest.raises(AuthorizationError, match="origin"):
        client.refresh(ENVELOPE, ip=US, consent=US_PRIVACY)


def test_a_first_envelope_is_made_from_digests(envelopes: EnvelopeClient) -> None:
    """Repeated pairs arrive in order."""
    found = envelopes.retrieve([(4, "a" * 64), (4, "b" * 40), (4, "c" * 32)], ip=US, consent=US_PRIVACY)
    assert found.status is EnvelopeStatus.RETRIEVED


# ----------------------------------------------------------------------------- a table, and a crash in it

ROWS = (
    "SELECT user_id AS key, envelope, refreshed_at, ip, '3' AS ct, '1YNN' AS cv FROM people ORDER BY user_id"
)


def make_people(path: Path, count: int) -> None:
    """A table of people whose envelopes are two days old."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TABLE people (user_id INTEGER PRIMARY KEY, envelope TEXT, refreshed_at INTEGER, "
            "status TEXT, ip TEXT)"
        )
        people = [(n, f"AgPerson-{n}", NOW - 2 * DAY, None, US) for n in range(count)]
        connection.executemany("INSERT INTO people VALUES (?, ?, ?, ?, ?)", people)
        connection.commit()


def read_people(path: Path) -> list[Any]:
    """Envelope, time and status of everyone, by id."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(
            "SELECT envelope, refreshed_at, status FROM people ORDER BY user_id"
        ).fetchall()


def refresh_people(path: Path, client: EnvelopeClient, **arguments: Any) -> RefreshRun:
    """One run over the table, read and written through one connection."""
    with closing(sqlite3.connect(path)) as connection:
        table = EnvelopeTable(connection, table="people", placeholder="?", columns={"key": "user_id"})
        source = SqlSource(lambda: Lent(connection), ROWS)
        rules = RefreshRules(now=lambda: NOW)
        return refresh_envelopes(source, client=client, store=table, rules=rules, page_size=10, **arguments)


class Lent:
    """A connection that its borrower cannot close."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.cursor = connection.cursor

    def close(self) -> None:
        """Nothing."""


def test_a_table_is_refreshed_in_place(
    envelopes: EnvelopeClient, simulator: Simulator, tmp_path: Path
) -> None:
    """Everyone gets the envelope that replaced theirs, and a second run asks nothing."""
    people = tmp_path / "people.db"
    make_people(people, 25)
    assert refresh_people(people, envelopes).report.statuses == {"refreshed": 25}
    replaced_by = {one["replaces"]: one["value"] for one in simulator.envelopes()}
    expected = [(replaced_by[f"AgPerson-{n}"], NOW, "refreshed") for n in range(25)]
    assert read_people(people) == expected
    again = refresh_people(people, envelopes)
    assert (again.report.statuses, again.report.asked) == ({"still_fresh": 25}, 0)


def test_a_killed_refresh_loses_no_envelope(
    envelopes: EnvelopeClient, simulator: Simulator, tmp_path: Path
) -> None:
    """A process that dies by SIGKILL in its third page leaves two pages stored and all others as they were."""
    people = tmp_path / "people.db"
    make_people(people, 40)
    command = [sys.executable, str(CRASHING_REFRESH), str(people), simulator.url, "25"]
    died = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert died.returncode == -9, died.stderr.decode()

    after_crash = read_people(people)
    assert [status for _, _, status in after_crash] == ["refreshed"] * 20 + [None] * 20
    assert [envelope for envelope, _, _ in after_crash[20:]] == [f"AgPerson-{n}" for n in range(20, 40)]

    ended = refresh_people(people, envelopes)
    assert ended.stopped_by is None
    assert ended.report.statuses == {"still_fresh": 20, "refreshed": 20}
    known = {one["value"]: one["replaces"] for one in simulator.envelopes()}
    stored = read_people(people)
    assert [known[envelope] for envelope, _, _ in stored] == [f"AgPerson-{n}" for n in range(40)]
    assert stored[:20] == [(envelope, NOW, "still_fresh") for envelope, _, _ in after_crash[:20]]
