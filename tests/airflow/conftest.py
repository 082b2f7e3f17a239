# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Real DAG runs in a real Airflow with a database of its own."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok.simulator import (
    DEFAULT_ADVERTISER_ID,
    DEFAULT_OFFLINE_EVENT_SET_ID,
    DEFAULT_PIXEL_CODE,
    DEFAULT_TOKEN,
    Simulator,
)
from tests.airflow.running import Task
from tests.end_to_end import dag_runs
from tests.end_to_end.dag_runs import migrated_home
from tests.object_storage import attach_memory


@pytest.fixture(scope="session", autouse=True)
def memory_storage() -> None:
    """An object storage that is there from the first test on, since Airflow remembers which there are."""
    attach_memory()


@pytest.fixture
def task() -> Task:
    """A running task without an Airflow around it."""
    return Task()


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """TikTok on loopback."""
    with Simulator() as running:
        yield running


@pytest.fixture
def define_connection(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Defines an Airflow connection for the length of a test, as a deployment does: in the environment."""

    def define(conn_id: str, **fields: Any) -> None:
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))

    return define


@pytest.fixture
def tiktok(simulator: Simulator, define_connection: Callable[..., None]) -> Simulator:
    """TikTok on loopback, with the connection ``tiktok_default`` to it."""
    extra = {
        "advertiser_id": DEFAULT_ADVERTISER_ID,
        "pixel_code": DEFAULT_PIXEL_CODE,
        "offline_event_set_id": DEFAULT_OFFLINE_EVENT_SET_ID,
    }
    define_connection(
        "tiktok_default", conn_type="tiktok", host=simulator.url, password=DEFAULT_TOKEN, extra=extra
    )
    return simulator


@pytest.fixture(scope="session", autouse=True)
def airflow_home() -> Path:
    """Airflow's home with a migrated database, there before a look-up opens one that is empty."""
    return migrated_home()


@pytest.fixture
def run_dag(airflow_home: Path) -> Callable[..., Any]:
    """Runs the DAG of a source text; gives the finished run."""
    return dag_runs.run_dag


@pytest.fixture
def read_database(airflow_home: Path) -> Callable[..., list[tuple[Any, ...]]]:
    """Rows of a query on Airflow's own database."""

    def read(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(airflow_home / "airflow.db")) as database:
            return database.execute(sql, parameters).fetchall()

    return read
