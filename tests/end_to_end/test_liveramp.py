# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The example DAG for LiveRamp on real Airflow, with a SQLite table of envelopes, against the simulator."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok import simulator as remote
from tests.end_to_end.dag_runs import migrated_home, receipt_of, run_dag, state_of

# What must be found nowhere once a run has ended, but in the database the envelopes live in.
CONFIGURATION = "5e000000-aaaa-4bbb-8ccc-c0ffee000001"
CANARY_IP = "203.0.113.77"
CANARY_CONSENT = "1YNN"
CANARY_EMAIL = "canary.liveramp@example.com"
CANARY_SESSION = "canary-session"

DAY = 86_400
EXAMPLE = Path(__file__).parents[2] / "example_dags" / "liveramp_envelopes.py"


def envelope_of(user: int) -> str:
    """The planted envelope of a person."""
    return f"AgCanaryEnvelopeOfPerson{user}"


# user → (age of the envelope in days, or None for no envelope; former status; what becomes of it)
PEOPLE: dict[int, tuple[float | None, str | None, str]] = {
    1: (2, None, "refreshed"),
    2: (0.5, None, "still_fresh"),
    3: (20, None, "expired"),
    4: (None, None, "no_envelope"),
    5: (None, "no_consent_or_opted_out", "no_consent_or_opted_out"),
    6: (2, None, "missing_ip"),
    7: (2, None, "no_consent_or_opted_out"),
    8: (3, None, "refreshed"),
}


@pytest.fixture
def simulator() -> Iterator[remote.Simulator]:
    """TikTok and LiveRamp on loopback, under a configuration id that must never be seen again."""
    with remote.Simulator() as simulator:
        known = simulator.state["liveramp"]["configurations"][remote.DEFAULT_ATS_CONFIG_ID]
        configurations = {CONFIGURATION: known, remote.DEFAULT_ATS_CONFIG_ID: None}
        simulator.state.patch({"liveramp": {"configurations": configurations, "opted_out": [envelope_of(7)]}})
        yield simulator


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, simulator: remote.Simulator) -> Path:
    """The database, and the three connections that the DAG asks for."""
    path = tmp_path / "shop.db"
    now = int(time.time())
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE people (user_id, envelope, refreshed_at, status, ip, ct, cv, email)")
        database.execute(
            "CREATE TABLE events (event_id, user_id, session_id, event, happened_at, url, value, currency, consent)"
        )
        for user, (age, status, _) in PEOPLE.items():
            envelope = None if age is None else envelope_of(user)
            refreshed_at = None if age is None else now - int(age * DAY)
            ip = None if user == 6 else CANARY_IP
            database.execute(
                "INSERT INTO people VALUES (?, ?, ?, ?, ?, '3', '1YNN', ?)",
                (user, envelope, refreshed_at, status, ip, CANARY_EMAIL),
            )
            for number, event in enumerate(("ViewContent", "AddToCart", "CompletePayment")):
                row = (f"e-{user}-{number}", user, f"{CANARY_SESSION}-{user}", event, now - 600 + number)
                database.execute(
                    "INSERT INTO events VALUES (?, ?, ?, ?, ?, 'https://shop.example.com/1', 9.5, 'USD', ?)",
                    (*row, user != 8),
                )
    connections: dict[str, dict[str, Any]] = {
        "SHOP_DB": {"conn_type": "sqlite", "host": str(path)},
        "TIKTOK_DEFAULT": {
            "conn_type": "tiktok",
            "host": simulator.url,
            "password": remote.DEFAULT_TOKEN,
            "extra": {"pixel_code": remote.DEFAULT_PIXEL_CODE},
        },
        "LIVERAMP_DEFAULT": {
            "conn_type": "liveramp",
            "host": simulator.url,
            "password": CONFIGURATION,
            "extra": {
                "placement_id": remote.DEFAULT_PLACEMENT_ID,
                "origin": remote.DEFAULT_ORIGIN,
                "envelope_host": simulator.url,
            },
        },
    }
    for name, connection in connections.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(connection))
    return path


@pytest.fixture
def run_example(shop: Path) -> Callable[[], Any]:
    """Runs the example DAG; gives the finished run."""

    def run() -> Any:
        return run_dag(EXAMPLE.read_text(), dag_id="liveramp_envelopes")

    return run


def people_in(shop: Path) -> dict[int, tuple[str | None, str]]:
    """Envelope and status by person."""
    with closing(sqlite3.connect(shop)) as database:
        rows = database.execute("SELECT user_id, envelope, status FROM people").fetchall()
    return {user: (envelope, status) for user, envelope, status in rows}


def ids_of(users: tuple[int, ...]) -> set[str]:
    """The event ids of these people."""
    return {f"e-{user}-{number}" for user in users for number in range(3)}


def test_the_example_sends_every_event_its_way(
    run_example: Callable[[], Any],
    shop: Path,
    simulator: remote.Simulator,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Refreshed, sent under envelopes, sent directly; opted out and unconsented nowhere; no trace is left."""
    run = run_example()
    assert state_of(run) == "success"

    counts = receipt_of(run, task_id="refresh_envelopes")
    assert sum(counts["statuses"].values()) == len(PEOPLE)
    assert {user: status for user, (_, status) in people_in(shop).items()} == {
        user: status for user, (_, _, status) in PEOPLE.items()
    }
    known = {one["value"]: one["replaces"] for one in simulator.envelopes()}
    assert known[people_in(shop)[1][0] or ""] == envelope_of(1)
    assert people_in(shop)[7][0] is None

    through = receipt_of(run, task_id="send_through_liveramp")
    assert (through["accepted"], through["skipped"], through["requests"]) == (6, 3, 2)
    assert set(simulator.liveramp_ledger.event_ids()) == ids_of((1, 2))
    directly = receipt_of(run, task_id="send_directly")
    assert (directly["accepted"], directly["rejected"]) == (6, 0)
    assert set(simulator.ledger.event_ids()) == ids_of((3, 4))

    fresh = [str(envelope) for envelope, _ in people_in(shop).values() if envelope]
    canaries = (
        CONFIGURATION, CANARY_IP, CANARY_CONSENT, CANARY_EMAIL, CANARY_SESSION, "AgCanaryEnvelope", *fresh
    )  # fmt: skip
    home = migrated_home()
    left = {str(file): file.read_bytes() for file in home.rglob("*") if file.is_file()}
    left["printed"] = "".join((*capfd.readouterr(), caplog.text)).encode()
    assert home / "airflow.db" in map(Path, left)
    found = [
        (canary, place) for canary in canaries for place, text in left.items() if canary.encode() in text
    ]
    assert found == []


def test_a_second_night_asks_little_and_sends_nothing_new(
    run_example: Callable[[], Any], shop: Path, simulator: remote.Simulator
) -> None:
    """Young envelopes are left alone, who opted out stays so, and equal ids are repeats on both ways."""
    run_example()
    before = [*simulator.liveramp_ledger.event_ids(), *simulator.ledger.event_ids()]
    asked = sum("/api/identity/" in request.path for request in simulator.requests)
    run = run_example()
    assert state_of(run) == "success"
    assert [*simulator.liveramp_ledger.event_ids(), *simulator.ledger.event_ids()] == before
    assert sum("/api/identity/" in request.path for request in simulator.requests) == asked
    statuses = {user: status for user, (_, status) in people_in(shop).items()}
    assert (statuses[1], statuses[5], statuses[7]) == (
        "still_fresh",
        "no_consent_or_opted_out",
        "no_consent_or_opted_out",
    )


def test_a_night_that_breaks_off_loses_no_envelope(
    run_example: Callable[[], Any], shop: Path, simulator: remote.Simulator
) -> None:
    """LiveRamp fails for one person: the others are stored, and the next night finds that one still due."""
    simulator.faults = [
        {"match": {"path": "/api/identity/v2/envelope/refresh", "nth": [1]}, "effect": {"http_status": 403}}
    ]
    run = run_example()
    assert state_of(run) == "failed"
    for user, (envelope, status) in people_in(shop).items():
        if status not in ("refreshed", "no_consent_or_opted_out"):
            assert envelope == (envelope_of(user) if PEOPLE[user][0] is not None else None)
    simulator.faults = []
    assert state_of(run_example()) == "success"
    known = {one["value"]: one["replaces"] for one in simulator.envelopes()}
    stored = {user: envelope for user, (envelope, _) in people_in(shop).items()}
    assert {user: known[str(stored[user])] for user in (1, 8)} == {1: envelope_of(1), 8: envelope_of(8)}
