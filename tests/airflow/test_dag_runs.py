# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Whole runs in a real Airflow, and what they leave behind there."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok.simulator import DEFAULT_TOKEN, Simulator
from tests.end_to_end.dag_runs import load_module, state_of

AIRFLOW = tuple(int(part) for part in version("apache-airflow").split(".")[:2])

PHONE = "+12025550163"
NO_NUMBER = "canary-not-a-number"

# What must be found nowhere once a run has ended.
CANARIES = (
    "canary.inline@example.com",
    "canary.template@example.com",
    "canary.file@example.com",
    "canary.table@example.com",
    "canary.argument@example.com",
    "canary.partial@example.com",
    "canary.spread@example.com",
    PHONE,
    NO_NUMBER,
    DEFAULT_TOKEN,
)

MAPPED_ADDRESS = "person@example.com"
"""Passes through XCom on its way, where Airflow stores it: that is the DAG's choice, and documented."""

GIVEN_ADDRESS = "given@example.com"
"""Stands in the input of a run, where Airflow stores it, and in nothing of ours."""

HEAD = """
import json
from datetime import timedelta
from airflow.providers.common.compat.sdk import DAG, task
from airflow_provider_tiktok.operators.tiktok import TikTokSendEventsOperator
from airflow_provider_tiktok.task.hidden import Hidden
from airflow_provider_tiktok.transfers.files_to_tiktok import FilesToTikTokOperator
from airflow_provider_tiktok.transfers.sql_to_tiktok import SqlToTikTokOperator

FOLDER = {folder!r}

def read(name):
    with open(f"{{FOLDER}}/{{name}}") as file:
        return file.read()
"""

SENDING = """
with DAG("sending", schedule=None, user_defined_macros={{"read": read}}) as dag:
    TikTokSendEventsOperator(task_id="inline", events=json.loads(read("inline.json")), event_source="offline")
    TikTokSendEventsOperator(task_id="template", events="{{{{ read('template.json') }}}}", event_source="offline")
    TikTokSendEventsOperator.partial(
        task_id="partial", events=Hidden(json.loads(read("partial.json"))), event_source="offline"
    ).expand(max_events_per_request=[10, 20])
    TikTokSendEventsOperator.partial(task_id="spread", event_source="offline").expand(
        events=[Hidden([event]) for event in json.loads(read("spread.json"))]
    )
    FilesToTikTokOperator(
        task_id="files", path="{{{{ params.get('none', '') }}}}{folder}/*.jsonl", event_source="offline", max_rejected=1
    )
    SqlToTikTokOperator(
        task_id="table",
        sql="SELECT * FROM sales WHERE email <> :not_this",
        sql_conn_id="shop",
        parameters={{"not_this": json.loads(read("parameter.json"))}},
        event_source="offline",
        mapping={{"event_time": "at", "user.email": "email", "user.phone": "phone", "event_id": "id"}},
        defaults={{"event": "Purchase"}},
    )
"""

MAPPED = """
with DAG("mapped", schedule=None) as dag:
    @task
    def extract():
        return [[record] for record in json.loads(read("mapped.json"))]

    TikTokSendEventsOperator.partial(task_id="send", event_source="offline").expand(events=extract())
"""

FAILING = """
with DAG("failing", schedule=None) as dag:
    FilesToTikTokOperator(task_id="send", path="{folder}/*.jsonl", event_source="offline", retries=3)
"""

REPORTING = """
with DAG("reporting", schedule=None) as dag:
    FilesToTikTokOperator(
        task_id="send", path="{folder}/*.jsonl", event_source="offline", max_rejected=1
    )
"""

RETRYING = """
with DAG("retrying", schedule=None) as dag:
    FilesToTikTokOperator(
        task_id="send",
        path="{folder}/many.ndjson",
        event_source="offline",
        max_events_per_request=2,
        max_in_flight=1,
        max_attempts_per_request=1,
        retries=1,
        retry_delay=timedelta(0),
    )
"""


def record(number: int, email: str, **more: Any) -> dict[str, Any]:
    now = int(time.time()) - 60
    return {"event": "Purchase", "event_time": now, "event_id": f"o-{number}", "email": email, **more}


DEFAULTS = """
with DAG("defaults", schedule=None, params={{"currency": "EUR", "query": "blue {{# 6 #}} hat", "person": "none"}}) as dag:
    common = dict(path=f"{{FOLDER}}/good.jsonl", event_source="offline", mapping={{
        "event": "event", "event_time": "event_time", "user.phone": "phone", "properties.value": "value",
    }})
    defaults = {{
        "properties.currency": "{{{{ params.currency }}}}",
        "properties.query": "{{{{ params.query }}}}",
        "properties.description": "{{{{ run_id }}}}",
        "user.email": "{{{{ params.person }}}}",
    }}
    FilesToTikTokOperator(task_id="plain", defaults=defaults, **common)
    FilesToTikTokOperator.partial(task_id="mapped", defaults=defaults, **common).expand(max_in_flight=[1])
    FilesToTikTokOperator.partial(task_id="expanded", **common).expand(defaults=[defaults])
"""


@pytest.fixture
def folder(tmp_path: Path, define_connection: Callable[..., None]) -> Path:
    """Events in every kind of place, each with a value that must not be seen again."""
    (tmp_path / "inline.json").write_text(
        json.dumps([record(1, CANARIES[0], phone=PHONE), record(2, CANARIES[0])])
    )
    (tmp_path / "partial.json").write_text(json.dumps([record(7, CANARIES[5])]))
    (tmp_path / "spread.json").write_text(json.dumps([record(8, CANARIES[6]), record(9, CANARIES[6])]))
    (tmp_path / "mapped.json").write_text(json.dumps([record(1, MAPPED_ADDRESS), record(2, MAPPED_ADDRESS)]))
    (tmp_path / "template.json").write_text(json.dumps([record(3, CANARIES[1])]))
    lines = [record(4, CANARIES[2]), record(5, CANARIES[2], value=NO_NUMBER)]
    (tmp_path / "files.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    (tmp_path / "parameter.json").write_text(json.dumps(CANARIES[4]))
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database, database:
        database.execute("CREATE TABLE sales (id, at, email, phone)")
        row = ("o-6", int(time.time()) - 60, CANARIES[3], PHONE)
        database.execute("INSERT INTO sales VALUES (?, ?, ?, ?)", row)
    define_connection("shop", conn_type="sqlite", host=str(tmp_path / "shop.db"))
    return tmp_path


@pytest.fixture
def run(run_dag: Callable[..., Any], folder: Path) -> Callable[[str, str], str]:
    """Runs one of the DAGs above; gives the state the run ended in."""

    def run_to_its_end(source: str, dag_id: str) -> str:
        ended = run_dag((HEAD + source).format(folder=str(folder)), dag_id=dag_id)
        return str(getattr(ended.state, "value", ended.state))

    return run_to_its_end


Read = Callable[..., list[tuple[Any, ...]]]


def receipts(read_database: Read, dag_id: str, key: str) -> dict[str, dict[str, Any]]:
    """Receipts by task, as Airflow stored them."""
    rows = read_database(
        "SELECT task_id, map_index, value FROM xcom WHERE dag_id = ? AND key = ?", dag_id, key
    )
    return {f"{task}{index if index >= 0 else ''}": as_object(value) for task, index, value in rows}


def as_object(value: Any) -> dict[str, Any]:
    """An XCom value from the database: JSON, in JSON text where this Airflow wraps it once more."""
    while isinstance(value, str | bytes):
        value = json.loads(value)
    found: dict[str, Any] = value
    return found


def test_every_operator_sends_and_leaves_no_trace(
    run: Callable[[str, str], str],
    tiktok: Simulator,
    read_database: Read,
    airflow_home: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
):
    """All operators deliver in a real run, and no address, number, parameter or token stays anywhere."""
    assert run(SENDING, "sending") == "success"
    returned = receipts(read_database, "sending", "return_value")
    accepted = {task: receipt["accepted"] for task, receipt in returned.items()}
    assert accepted == {
        "inline": 2,
        "template": 1,
        "files": 1,
        "table": 1,
        "partial0": 1,
        "partial1": 1,
        "spread0": 1,
        "spread1": 1,
    }
    assert returned["files"]["rejected"] == 1
    assert receipts(read_database, "sending", "receipt") == returned
    assert tiktok.ledger.summary()["live"]["unique_events"] == 8
    rendered = read_database(
        "SELECT rendered_fields FROM rendered_task_instance_fields WHERE dag_id = 'sending'"
    )
    assert len(rendered) == 8
    assert "2 event(s), hidden" in str(rendered)
    letters = Path(returned["files"]["dead_letter_path"])
    assert letters.is_relative_to(airflow_home / "tiktok_dead_letters" / "sending")
    shown = "".join((*capfd.readouterr(), caplog.text))
    assert "Receipt of the delivery to TikTok" in shown
    if AIRFLOW in ((3, 0), (3, 1)):
        shown = shown.replace(f"MaskSecret(value='{DEFAULT_TOKEN}'", "")  # their own words, before masking it
    left = [shown.encode(), *(file.read_bytes() for file in airflow_home.rglob("*") if file.is_file())]
    for canary in CANARIES:
        assert not any(canary.encode() in content for content in left), f"{canary} was left behind"


def test_mapped_events_are_sent(run: Callable[[str, str], str], tiktok: Simulator, read_database: Read):
    """Another task's result can be spread over mapped tasks; each has its own receipt."""
    assert run(MAPPED, "mapped") == "success"
    returned = receipts(read_database, "mapped", "return_value")
    assert {task: receipt["accepted"] for task, receipt in returned.items() if task != "extract"} == {
        "send0": 1,
        "send1": 1,
    }
    rendered = read_database(
        "SELECT rendered_fields FROM rendered_task_instance_fields WHERE dag_id = 'mapped'"
    )
    assert MAPPED_ADDRESS not in str(rendered)


def test_defaults_are_rendered_once_and_shown_nowhere(
    folder: Path, run_dag: Callable[..., Any], tiktok: Simulator, read_database: Read
):
    """A param, the run's own input and a macro; what a param holds is data and no template."""
    line = {**record(11, "unused@example.com", phone=PHONE, value=2), "email": None}
    (folder / "good.jsonl").write_text(json.dumps(line))
    ended = run_dag(
        (HEAD + DEFAULTS).format(folder=str(folder)), dag_id="defaults", conf={"person": GIVEN_ADDRESS}
    )
    assert state_of(ended) == "success"
    assert tiktok.ledger.summary()["live"]["deliveries"] == 3
    (event,) = [json.loads(payload) for payload in tiktok.ledger.payloads()]  # the same from each task
    assert event["user"]["email"] == [hashlib.sha256(GIVEN_ADDRESS.encode()).hexdigest()]
    assert event["properties"] == {
        "currency": "EUR",
        "query": "blue {# 6 #} hat",
        "description": ended.run_id,
        "value": 2,
    }
    shown = read_database(
        "SELECT rendered_fields FROM rendered_task_instance_fields WHERE dag_id = 'defaults'"
    )
    assert len(shown) == 3
    assert GIVEN_ADDRESS not in str(shown)


def test_rejected_event_fails_without_a_retry(
    run: Callable[[str, str], str], tiktok: Simulator, read_database: Read
):
    """What a retry cannot help is not retried, and the receipt of the failed task can be read."""
    assert run(FAILING, "failing") == "failed"
    assert read_database("SELECT try_number FROM task_instance WHERE dag_id = 'failing'") == [(1,)]
    receipt = receipts(read_database, "failing", "receipt")["send"]
    assert (receipt["accepted"], receipt["rejected"]) == (1, 1)
    assert receipts(read_database, "failing", "return_value") == {}


def test_retry_delivers_the_rest(
    run: Callable[[str, str], str], folder: Path, tiktok: Simulator, read_database: Read
):
    """A run that broke off is retried by Airflow: nothing is lost, and from 3.3 on nothing is sent twice."""
    lines = [json.dumps(record(number, f"{number}@example.com")) for number in range(10)]
    (folder / "many.ndjson").write_text("\n".join(lines))
    tiktok.faults = [{"match": {"nth": [3, 4]}, "effect": {"code": 50000, "message": "busy"}}]
    assert run(RETRYING, "retrying") == "success"
    receipt = receipts(read_database, "retrying", "return_value")["send"]
    book = tiktok.ledger.summary()["live"]
    assert (receipt["read"], receipt["accepted"]) == (10, 10)
    assert book["unique_events"] == 10
    repeated = book["deliveries"] - book["unique_events"]
    assert (repeated, receipt["resumed_from"]) == ((0, 4) if AIRFLOW >= (3, 3) else (4, 0))


def test_a_limit_of_the_day_ends_the_try_with_the_time_to_resume(
    run: Callable[[str, str], str],
    folder: Path,
    tiktok: Simulator,
    read_database: Read,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
):
    """The request that met it is not tried again; the next try of Airflow goes on where it stood."""
    lines = [json.dumps(record(number, f"{number}@example.com")) for number in range(10)]
    (folder / "many.ndjson").write_text("\n".join(lines))
    tiktok.faults = [
        {"match": {"nth": [3]}, "effect": {"code": 40100, "message": "Exceeded the QPD limit"}, "times": 1}
    ]
    assert run(RETRYING.replace('"retrying"', '"used_up"'), "used_up") == "success"
    assert [one.code for one in tiktok.requests].count(40100) == 1
    told = "".join(capsys.readouterr()) + caplog.text  # Airflow 3 prints what Airflow 2 logs
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    words = f"Send again after {tomorrow} 00:00:00 UTC: the limit of requests a day is used up"
    assert words in told or AIRFLOW == (3, 0)  # which shows nothing of a try in a test that is retried
    receipt = receipts(read_database, "used_up", "return_value")["send"]
    book = tiktok.ledger.summary()["live"]
    assert (receipt["accepted"], book["unique_events"]) == (10, 10)
    repeated = book["deliveries"] - book["unique_events"]
    assert (repeated, receipt["resumed_from"]) == ((0, 4) if AIRFLOW >= (3, 3) else (4, 0))


def test_an_upload_is_kept_as_an_event_of_its_asset(
    folder: Path, tiktok: Simulator, airflow_home: Path, read_database: Read
):
    """The event holds the receipt; before Airflow 3.1, which would fail the task, without its lists."""
    source = (HEAD + REPORTING).format(folder=str(folder))
    dag = load_module(source, name="reporting", folder=airflow_home / "dags").dag
    if AIRFLOW < (3, 0):
        type(dag).bulk_write_to_db([dag])  # as a scheduler does: what it has not stored, reports nothing
    assert state_of(dag.test()) == "success"
    table = "dataset_event" if AIRFLOW < (3, 0) else "asset_event"
    ((extra,),) = read_database(f"SELECT extra FROM {table} WHERE source_dag_id = 'reporting'")
    told = as_object(extra)
    assert (told["event_source"], told["accepted"], told["rejected"]) == ("offline", 1, 1)
    assert ("violations" in told) is (AIRFLOW >= (3, 1))
