# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Events from Python's functions: what they give is sent in the same task, and no row is left in Airflow."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.exceptions import PermanentFailure, TemporaryFailure
from airflow_provider_tiktok.simulator import DEFAULT_ATS_CONFIG_ID, Simulator
from airflow_provider_tiktok.transfers.python_to_tiktok import (
    PythonToLiveRampOperator,
    PythonToTikTokOperator,
)
from tests.airflow.running import Task
from tests.end_to_end.dag_runs import state_of

AIRFLOW = tuple(int(part) for part in version("apache-airflow").split(".")[:2])

CANARY = "canary.python@example.com"
PASSWORD = "s3cret-of-the-bank"


def record(number: int, **more: Any) -> dict[str, Any]:
    now = int(time.time()) - 60
    return {"event": "Purchase", "event_time": now, "event_id": f"o-{number}", "email": CANARY, **more}


def orders(count: int = 3, *, first: int = 1) -> Iterator[dict[str, Any]]:
    yield from (record(number) for number in range(first, first + count))


@pytest.fixture
def send(tmp_path: Path, task: Task, tiktok: Simulator) -> Callable[..., dict[str, Any]]:
    """Runs the operator with a function; gives the receipt."""

    def run(function: Callable[..., Any], **arguments: Any) -> dict[str, Any]:
        given = {"event_source": "offline", "dead_letter_path": tmp_path / "letters.jsonl", **arguments}
        operator = PythonToTikTokOperator(task_id="send", python_callable=function, **given)
        receipt: dict[str, Any] = operator.execute({**task.context, "ds": "2026-11-26", "params": {"n": 2}})
        return receipt

    return run


def with_context(ds: str, params: dict[str, int], *, first: int) -> Iterator[dict[str, Any]]:
    assert ds == "2026-11-26"
    return orders(params["n"], first=first)


def with_everything(**context: Any) -> Iterator[dict[str, Any]]:
    assert context["ds"] == "2026-11-26"
    return orders(context["count"])


class Shop:
    def __call__(self, count: int) -> Iterator[dict[str, Any]]:
        return orders(count)


@pytest.mark.parametrize(
    ("function", "arguments", "accepted"),
    [
        (orders, {}, 3),
        (orders, {"op_args": [2]}, 2),
        (orders, {"op_kwargs": {"count": 1, "first": 7}}, 1),
        (partial(orders, first=5), {"op_args": (4,)}, 4),
        (with_context, {"op_kwargs": {"first": 1}}, 2),
        (with_context, {"op_kwargs": {"first": 1, "params": {"n": 1}}}, 1),
        (with_everything, {"op_kwargs": {"count": 2}}, 2),
        (Shop(), {"op_args": [2]}, 2),
        (lambda: pd.DataFrame(orders(2)), {}, 2),
        (lambda: pl.DataFrame(list(orders(2))), {}, 2),
        (list, {}, 0),
    ],
)
def test_function_is_called(send: Any, function: Any, arguments: dict[str, Any], accepted: int):
    """A function gets its arguments, and what it asks for of the context."""
    assert send(function, **arguments)["accepted"] == accepted


@pytest.mark.parametrize(
    "given", [{"op_args": [1, 2, 3]}, {"op_kwargs": {CANARY: 1}}, {"op_kwargs": {"nr": 1}}]
)
def test_arguments_that_do_not_fit(send: Any, given: dict[str, Any]):
    """They fail the task for good, and are not quoted."""
    with pytest.raises(PermanentFailure, match="python_callable takes: count, first") as failed:
        send(orders, **given)
    assert CANARY not in str(failed.value)


async def later() -> list[Any]:
    return []


class Later:
    async def __call__(self) -> list[Any]:
        return []


@pytest.mark.parametrize("function", [None, "orders", later, Later(), partial(later)])
def test_what_cannot_be_called_fails_at_parse_time(function: Any):
    """A DAG with an async function, or with none, does not parse."""
    with pytest.raises(ConfigurationError, match="plain function"):
        PythonToTikTokOperator(task_id="send", python_callable=function)


def test_mapping_applies_to_a_frame(send: Any, tiktok: Simulator):
    """Columns of a frame are mapped as those of a file; a name that is not there stops the run."""
    frame = pl.DataFrame({"mail": [CANARY], "at": [int(time.time()) - 60], "nr": ["o-1"]})
    mapping = {"user.email": "mail", "event_time": "at", "event_id": "nr"}
    assert send(lambda: frame, mapping=mapping, defaults={"event": "Purchase"})["accepted"] == 1
    with pytest.raises(PermanentFailure, match="the closest is 'mail'"):
        send(lambda: frame, mapping={**mapping, "user.email": "mial"}, defaults={"event": "Purchase"})


def broken(before: int, *, error: Exception) -> Iterator[dict[str, Any]]:
    yield from orders(before)
    raise error


@pytest.mark.parametrize("before", [0, 3, 1003])
def test_function_that_fails_midway(send: Any, task: Task, tiktok: Simulator, before: int):
    """It ends as a source that breaks: whole requests are sent, all is counted, the retry sends the rest."""
    with pytest.raises(TemporaryFailure, match=r"ValueError in broken, test_python\.py line") as failed:
        send(broken, op_args=[before], op_kwargs={"error": ValueError(CANARY)})
    assert CANARY not in str(failed.value)
    receipt = task.pushed["receipt"]
    sent = before // 1000 * 1000
    assert (receipt["accepted"], receipt["undelivered"], receipt["is_complete"]) == (
        sent,
        before - sent,
        False,
    )
    assert tiktok.ledger.summary()["live"]["unique_events"] == sent


def test_airflow_steers(send: Any):
    """A function may skip its task, as in Airflow's own operators."""
    with pytest.raises(AirflowSkipException, match="no orders today"):
        send(broken, op_args=[0], op_kwargs={"error": AirflowSkipException("no orders today")})


def test_a_skip_loses_no_record(send: Any, task: Task):
    """After a record it fails the task for good, and the record is in the dead letters."""
    with pytest.raises(PermanentFailure, match="Return where there are no more records"):
        send(broken, op_args=[1], op_kwargs={"error": AirflowSkipException("no more")})
    assert task.pushed["receipt"]["undelivered"] == 1


def test_liveramp(simulator: Simulator, define_connection: Any, task: Task, tmp_path: Path):
    """Records in LiveRamp's own form go through LiveRamp."""
    define_connection(
        "liveramp_default", conn_type="liveramp", host=simulator.url, password=DEFAULT_ATS_CONFIG_ID
    )

    def events(count: int) -> Iterator[dict[str, Any]]:
        for number in range(count):
            yield {
                "event": "ViewContent",
                "event_time": int(time.time()) - 60,
                "event_id": f"e-{number}",
                "user": {"envelope": "Ag-1"},
                "page": {"url": "https://a.example.com"},
            }

    operator = PythonToLiveRampOperator(
        task_id="send", python_callable=events, op_args=[3], dead_letter_path=tmp_path / "letters.jsonl"
    )
    assert operator.execute(task.context)["accepted"] == 3


DAG = """
import json
import pandas as pd
from datetime import timedelta
from airflow.providers.common.compat.sdk import DAG, task
from airflow_provider_tiktok.transfers.python_to_tiktok import PythonToTikTokOperator

def read():
    with open({file!r}) as file:
        return json.load(file)

def tell(context):
    with open({told!r}, "a") as file:
        file.write(repr(dict(context.items())))

with DAG("{dag_id}", schedule=None, default_args={{"on_success_callback": tell}}) as dag:
    @task.tiktok_events(event_source="offline")
    def bare() -> dict:
        yield from read()

    @task.tiktok_events(event_source="offline")
    def framed(n, day, *, ds=None):
        assert day == ds or ds is None, (day, ds)
        return pd.DataFrame(read()[:n])

    @task
    def addresses():
        return [row["email"] for row in read()]

    @task
    def spread():
        return [{{"email": row["email"], "note": "{{{{{{{{ conn.bank.password }}}}}}}}"}} for row in read()]

    @task.tiktok_events(event_source="offline")
    def pulled(emails, day):
        assert "{{" not in day
        for row, email in zip(read(), emails):
            yield {{**row, "email": email, "description": "50 {{% off"}}

    @task.tiktok_events(event_source="offline")
    def mapped(number, *, day):
        assert "{{" not in day
        return [read()[number]]

    @task.tiktok_events(event_source="offline")
    def kwargs(email, note, *, day):
        assert "{{" not in day
        assert "conn.bank" in note
        return [{{**read()[0], "email": email}}]

    bare()
    framed(2, "{{{{ ds }}}}")
    pulled(addresses(), "{{{{ dag.dag_id }}}}")
    mapped.partial(day="{{{{ dag.dag_id }}}}").expand(number=[0, 1])
    kwargs.partial(day="{{{{ dag.dag_id }}}}").expand_kwargs(spread())
    PythonToTikTokOperator(
        task_id="operator",
        python_callable=lambda rows, day: rows if "{{" not in day else None,
        op_args=[read()],
        op_kwargs={{"day": "{{{{ dag.dag_id }}}}"}},
        event_source="offline",
    )
"""

BREAKING = """
from datetime import timedelta
from airflow.providers.common.compat.sdk import DAG, task
from tests.airflow.transfers import test_python as tests

tried = []

with DAG("{dag_id}", schedule=None) as dag:
    @task.tiktok_events(
        event_source="offline",
        is_repeatable={is_repeatable},
        max_events_per_request=2,
        retries=1,
        retry_delay=timedelta(0),
    )
    def breaking():
        tried.append(True)
        rows = iter(tests.RECORDS)
        yield from (next(rows) for _ in range(6))
        if len(tried) == 1:
            raise ValueError("{canary}")
        yield from rows

    breaking()
"""

RECORDS = [record(number) for number in range(10)]

Read = Callable[..., list[tuple[Any, ...]]]


def returned(read_database: Read, dag_id: str) -> dict[str, dict[str, Any]]:
    """Receipts by task and number, as Airflow stored them."""
    rows = read_database(
        "SELECT task_id, map_index, value FROM xcom WHERE dag_id = ? AND key = 'return_value'", dag_id
    )
    found = {}
    for task_id, index, value in rows:
        while isinstance(value, str | bytes):
            value = json.loads(value)
        if isinstance(value, dict):
            found[f"{task_id}{index if index >= 0 else ''}"] = value
    return found


def test_decorated_functions_in_a_dag(
    run_dag: Callable[..., Any],
    tiktok: Simulator,
    define_connection: Any,
    read_database: Read,
    airflow_home: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
):
    """Each task sends what its function gives; XCom has receipts alone, and no address is left anywhere."""
    define_connection("bank", conn_type="http", password=PASSWORD)
    file, told = tmp_path / "records.json", tmp_path / "told.txt"
    file.write_text(json.dumps([record(1), record(2)]))
    source = DAG.format(file=str(file), told=str(told), dag_id="python_events")
    assert state_of(run_dag(source, dag_id="python_events")) == "success"
    accepted = {
        task: receipt["accepted"] for task, receipt in returned(read_database, "python_events").items()
    }
    assert accepted == {
        "bare": 2,
        "framed": 2,
        "pulled": 2,
        "mapped0": 1,
        "mapped1": 1,
        "kwargs0": 1,
        "kwargs1": 1,
        "operator": 2,
    }
    kept = read_database(
        "SELECT task_id FROM xcom WHERE dag_id = 'python_events' AND CAST(value AS TEXT) LIKE ?",
        f"%{CANARY}%",
    )
    assert {task_id for (task_id,) in kept} <= {"addresses", "spread"}
    rendered = read_database(
        "SELECT rendered_fields FROM rendered_task_instance_fields WHERE dag_id = 'python_events'"
    )
    assert len(rendered) == 10
    shown = "".join((str(rendered), *capfd.readouterr(), caplog.text))
    # What the DAG's own tasks gave; Airflow 3.0 shows it in its requests, too.
    of_the_dag = ("Returned value was", "task_id='addresses'", "task_id='spread'")
    ours = [line for line in shown.splitlines() if not any(words in line for words in of_the_dag)]
    assert not any(CANARY in line for line in ours)
    assert CANARY not in told.read_text()
    assert PASSWORD not in told.read_text()
    logs = [
        file
        for file in airflow_home.rglob("*.log")
        if "addresses" not in str(file) and "spread" not in str(file)
    ]
    assert not any(CANARY in file.read_text() for file in logs)


@pytest.mark.parametrize("is_repeatable", [False, True])
def test_retry(
    run_dag: Callable[..., Any],
    tiktok: Simulator,
    read_database: Read,
    is_repeatable: bool,
    caplog: pytest.LogCaptureFixture,
):
    """A function that fails midway is called again: it resumes if it is repeatable, else all is sent again."""
    dag_id = f"breaking_{is_repeatable}".lower()
    source = BREAKING.format(dag_id=dag_id, is_repeatable=is_repeatable, canary=CANARY)
    assert state_of(run_dag(source, dag_id=dag_id)) == "success"
    receipt = returned(read_database, dag_id)["breaking"]
    book = tiktok.ledger.summary()["live"]
    assert (receipt["read"], receipt["accepted"], book["unique_events"]) == (10, 10, 10)
    resumes = is_repeatable and AIRFLOW >= (3, 3)
    assert receipt["resumed_from"] == (6 if resumes else 0)
    assert book["deliveries"] - book["unique_events"] == (0 if resumes else 6)
    assert CANARY not in caplog.text
