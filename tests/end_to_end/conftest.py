# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Real DAG runs on real Airflow, against the simulator over HTTP."""

from __future__ import annotations

import itertools
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from airflow_provider_tiktok import simulator as tiktok
from tests.end_to_end.dag_runs import migrated_home, receipt_of, run_dag, state_of
from tests.end_to_end.orders import TOKEN
from tests.end_to_end.stack import Stack

# The files of example_dags import one another by their bare names, as files in a DAG folder do.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "example_dags"))

_NUMBERS = itertools.count(1)


class DagRun(NamedTuple):
    """One run of a DAG with one task, ``send``.

    :param receipt: empty where there is none.
    :param tries: how often the task was tried.
    :param failure: what the provider said of the last failure; empty where it said nothing.
    :param printed: everything the process printed and logged meanwhile.
    """

    state: str
    receipt: dict[str, Any]
    tries: int
    failure: str
    printed: str


@pytest.fixture(scope="session")
def airflow_home() -> Path:
    """Airflow's home with a migrated database."""
    return migrated_home()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A whole Airflow of several processes; one for all tests, each of which brings its own DAGs."""
    environment = {"AIRFLOW__CORE__XCOM_BACKEND": "tests.end_to_end.failing_xcom.FailingXCom"}
    with Stack(tmp_path_factory.mktemp("stack"), environment=environment) as running:
        yield running


@pytest.fixture
def simulator() -> Iterator[tiktok.Simulator]:
    """A simulated TikTok with a token of its own, which must never be seen again."""
    with tiktok.Simulator() as simulator:
        known = simulator.state["tiktok"]["tokens"][tiktok.DEFAULT_TOKEN]
        simulator.state.patch({"tiktok": {"tokens": {TOKEN: known, tiktok.DEFAULT_TOKEN: None}}})
        yield simulator


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, simulator: tiktok.Simulator) -> Callable[..., None]:
    """Defines the connection ``tiktok_default``; what is given replaces its parts."""

    def define(**changes: Any) -> None:
        connection = {
            "conn_type": "tiktok",
            "host": simulator.url,
            "password": TOKEN,
            "extra": {
                "pixel_code": tiktok.DEFAULT_PIXEL_CODE,
                "offline_event_set_id": tiktok.DEFAULT_OFFLINE_EVENT_SET_ID,
            },
        }
        monkeypatch.setenv("AIRFLOW_CONN_TIKTOK_DEFAULT", json.dumps({**connection, **changes}))

    define()
    return define


@pytest.fixture
def warehouse(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file behind the connection ``warehouse``, a SQLite database that is still empty."""
    path = tmp_path / "warehouse.db"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    return path


@pytest.fixture
def run_operator(
    airflow_home: Path,
    connect: Callable[..., None],
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> Callable[..., DagRun]:
    """Runs a DAG whose one task is the given operator; its arguments are written into the DAG's file.

    ``code`` are arguments as Python source, for those whose value is not to stand in the file.
    """

    def run(operator: str, *, code: str = "", dag_id: str | None = None, **arguments: Any) -> DagRun:
        dag_id = dag_id or f"dag_{next(_NUMBERS)}"
        module = _MODULES[operator]
        source = _SOURCE.format(
            module=module, operator=operator, dag_id=dag_id, arguments=arguments, code=code
        )
        capfd.readouterr()
        caplog.clear()
        finished = run_dag(source, dag_id=dag_id)
        # Airflow's log handlers hold on to the standard output of an earlier test, so the records are asked for.
        printed = "".join((*capfd.readouterr(), caplog.text))
        told = re.findall(r"(?:Permanent|Temporary)Failure: (.*)", printed)
        return DagRun(
            state=state_of(finished),
            receipt=receipt_of(finished, task_id="send"),
            tries=finished.get_task_instance("send").try_number,
            failure=told[-1] if told else "",
            printed=printed,
        )

    return run


_MODULES = {
    "SqlToTikTokOperator": "airflow_provider_tiktok.transfers.sql_to_tiktok",
    "FilesToTikTokOperator": "airflow_provider_tiktok.transfers.files_to_tiktok",
    "TikTokSendEventsOperator": "airflow_provider_tiktok.operators.tiktok",
}

# Two retries without a wait: a task that is tried once was not worth another try.
_SOURCE = """
import json
import re
from datetime import timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG

from {module} import {operator}

with DAG({dag_id!r}, schedule=None) as dag:
    {operator}(**{{"task_id": "send", "retries": 2, "retry_delay": timedelta(0), **{arguments!r}}}, {code})
"""
