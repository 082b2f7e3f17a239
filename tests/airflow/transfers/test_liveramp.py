# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok.exceptions import PermanentFailure
from airflow_provider_tiktok.simulator import DEFAULT_ATS_CONFIG_ID, Simulator
from airflow_provider_tiktok.transfers.files_to_liveramp import FilesToLiveRampOperator
from airflow_provider_tiktok.transfers.files_to_tiktok import FilesToTikTokOperator
from airflow_provider_tiktok.transfers.sql_to_liveramp import SqlToLiveRampOperator
from airflow_provider_tiktok.transfers.sql_to_tiktok import SqlToTikTokOperator
from tests.airflow.running import Task

pytestmark = pytest.mark.usefixtures("airflow_home")

MAPPING = {
    "event": "kind",
    "event_time": "at",
    "event_id": "id",
    "user.envelope": "envelope",
    "user.session_id": "session",
    "page.url": "url",
    "properties.value": "total",
}


@pytest.fixture
def liveramp(simulator: Simulator, define_connection: Callable[..., None]) -> Simulator:
    """LiveRamp on loopback, with the connection ``liveramp_default`` to it."""
    define_connection(
        "liveramp_default", conn_type="liveramp", host=simulator.url, password=DEFAULT_ATS_CONFIG_ID
    )
    return simulator


@pytest.fixture
def database(tmp_path: Path, define_connection: Callable[..., None]) -> None:
    """A table of events of two sessions, in turns, and a connection ``shop`` to it."""
    now = int(time.time()) - 600
    rows = [
        ("ViewContent", now - n, f"e-{n}", f"Ag-{n % 2}", f"s-{n % 2}", "https://a.example.com", n)
        for n in range(8)
    ]
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection, connection:
        connection.execute("CREATE TABLE events (kind, at, id, envelope, session, url, total)")
        connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    define_connection("shop", conn_type="sqlite", host=str(tmp_path / "shop.db"))


def run(operator: Any, task: Task) -> dict[str, Any]:
    """The operator's receipt."""
    receipt: dict[str, Any] = operator.execute(task.context)
    return receipt


@pytest.mark.usefixtures("database")
def test_a_table_s_events_go_by_sessions(task: Task, liveramp: Simulator, tmp_path: Path) -> None:
    """Two sessions in turns are two requests, each in order of time."""
    operator = SqlToLiveRampOperator(
        task_id="send",
        sql="SELECT * FROM events WHERE total >= :least ORDER BY at",
        sql_conn_id="shop",
        parameters={"least": 0},
        mapping=MAPPING,
        defaults={"properties.currency": "USD"},
        dead_letter_path=tmp_path / "letters.jsonl",
    )
    receipt = run(operator, task)
    assert (receipt["accepted"], receipt["requests"]) == (8, 2)
    assert liveramp.liveramp_ledger.summary()["live"]["unique_events"] == 8


def test_files_in_either_form_are_sent(task: Task, liveramp: Simulator, tmp_path: Path) -> None:
    """LiveRamp's form and the nested one, line by line."""
    now = int(time.time()) - 60
    lines = [
        {
            "event_manager": ["tiktok"],
            "event_type": "ViewContent",
            "event_id": "1",
            "event_time": now,
            "event_source_url": "https://a.example.com",
            "user_data": {"partner_id": "Ag-1"},
        },
        {
            "event": "ViewContent",
            "event_id": "2",
            "event_time": now,
            "page": {"url": "https://a.example.com"},
            "user": {"envelope": "Ag-1"},
        },
    ]
    (tmp_path / "events.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    receipt = run(FilesToLiveRampOperator(task_id="send", path=str(tmp_path / "*.jsonl")), task)
    assert (receipt["accepted"], receipt["requests"]) == (2, 1)


def test_a_dead_letter_needs_its_envelope_again(task: Task, liveramp: Simulator, tmp_path: Path) -> None:
    """It is stored without one; joined by event_id, it is sent under its old id."""
    event = {
        "event": "ViewContent",
        "event_id": "1",
        "event_time": int(time.time()) - 60,
        "page": {"url": "https://a.example.com"},
        "user": {"envelope": "Ag-1"},
    }
    (tmp_path / "events.jsonl").write_text(json.dumps(event))
    letters = tmp_path / "letters" / "dead.jsonl"
    liveramp.faults = [{"effect": {"http_status": 422}}]
    arguments = {"path": str(tmp_path / "events.jsonl"), "dead_letter_path": letters}
    with pytest.raises(PermanentFailure):
        run(FilesToLiveRampOperator(task_id="send", **arguments), task)
    liveramp.faults = []

    again = {"path": str(letters), "dead_letter_path": tmp_path / "again.jsonl"}
    with pytest.raises(PermanentFailure, match=r"user\.envelope: missing"):
        run(FilesToLiveRampOperator(task_id="send", **again), task)

    letter = json.loads(letters.read_text())
    assert letter["place"].endswith("events.jsonl, line 1")
    assert "Ag-1" not in letters.read_text()
    letter["event"]["user"] = {"envelope": {"1": "Ag-1"}[letter["event_id"]]}
    letters.write_text(json.dumps(letter))
    assert run(FilesToLiveRampOperator(task_id="send", **again), task)["accepted"] == 1
    assert liveramp.liveramp_ledger.event_ids() == ["1"]


@pytest.mark.parametrize(
    ("tiktok", "liveramp"),
    [(SqlToTikTokOperator, SqlToLiveRampOperator), (FilesToTikTokOperator, FilesToLiveRampOperator)],
)
def test_fields_are_rendered_once(tiktok: type[Any], liveramp: type[Any]) -> None:
    """Both destinations have the source's fields, their own, and none twice."""
    for operator, conn_id in ((tiktok, "tiktok_conn_id"), (liveramp, "liveramp_conn_id")):
        fields = operator.template_fields
        assert len(set(fields)) == len(fields)
        assert {"dead_letter_path", conn_id} <= set(fields)
    assert {*tiktok.template_fields} - {*liveramp.template_fields} == {
        "tiktok_conn_id",
        "event_source_id",
        "test_event_code",
    }
