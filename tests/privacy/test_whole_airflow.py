# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The same search on a whole Airflow: scheduler, triggerer, api-server, retries, and a task that is killed.

It takes minutes, so ``make test-privacy`` runs it, and ``make test`` does not.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok.simulator import Simulator
from tests.end_to_end.stack import Stack
from tests.privacy.canaries import cells, files, search
from tests.privacy.conftest import connections, patch_simulator, write_sources
from tests.privacy.dags import source_of
from tests.privacy.test_canary import SCENARIOS, _echo
from tests.webhook_receiver import Receiver, receiving

pytestmark = pytest.mark.skipif("WHOLE_AIRFLOW" not in os.environ, reason="make test-privacy runs it")

CHOSEN = (
    "success",
    "rejection",
    "refusal with echo",
    "query, rejection",
    "LiveRamp, success",
    "looking, success",
)


@pytest.fixture(scope="module")
def platform() -> Iterator[Simulator]:
    """TikTok and LiveRamp, who know the planted credentials only."""
    with Simulator() as running:
        patch_simulator(running)
        yield running


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """Where results are posted to."""
    with receiving() as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the sources of each scenario are."""
    return tmp_path_factory.mktemp("sources")


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory, platform: Simulator, receiver: Receiver, folder: Path
) -> Iterator[Stack]:
    """A whole Airflow with debug logging, and the planted connections in its database."""
    debug = {"AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG"}
    with Stack(tmp_path_factory.mktemp("whole"), environment=debug) as running:
        for conn_id, fields in connections(platform, receiver, folder).items():
            running.define_connection(conn_id, **fields)
        yield running


def places(stack: Stack, receiver: Receiver) -> Iterator[tuple[str, bytes]]:
    """All that is left: cells, files and messages."""
    yield from cells(stack.home / "airflow.db")
    yield from files(stack.home)
    yield from (("webhook: message", repr(one).encode()) for one in receiver.received)


@pytest.mark.parametrize("scenario", CHOSEN)
def test_a_whole_airflow_keeps_nothing(
    stack: Stack, platform: Simulator, receiver: Receiver, folder: Path, scenario: str
) -> None:
    """No planted value is in the database, a log of any component, a letter or a message."""
    part, is_spoilt, faults = SCENARIOS[scenario]
    run_to_its_end(stack, platform, folder, part=part, is_spoilt=is_spoilt, faults=faults)
    found = search(places(stack, receiver))
    assert not found, "\n".join(map(str, found))


def test_a_killed_task_leaves_nothing(
    stack: Stack, platform: Simulator, receiver: Receiver, folder: Path
) -> None:
    """A task that is killed while it sends, and tried again, leaves no value behind either."""
    platform.faults = [{"effect": {"delay_s": 20}, "times": 1}]
    dag_id = prepare(stack, folder, part="query", is_spoilt=False)
    run_id = stack.trigger(dag_id)

    def is_sending() -> Any:
        task = stack.task(dag_id, run_id, "table")
        return platform.requests and task["state"] == "running" and task["pid"]

    os.kill(stack.until(is_sending, what="the task sends", timeout_s=90), signal.SIGKILL)
    stack.wait(dag_id, run_id, timeout_s=180)
    found = search(places(stack, receiver))
    assert not found, "\n".join(map(str, found))


def prepare(stack: Stack, folder: Path, *, part: str, is_spoilt: bool) -> str:
    """The id of a DAG of its own, with its sources in a folder of their own."""
    dag_id = f"whole_{len(list(stack.dags.iterdir()))}"
    (folder / "shop.db").unlink(missing_ok=True)
    write_sources(folder, spoilt=is_spoilt)
    stack.add_dag(source_of(part, dag_id=dag_id, folder=folder), dag_id=dag_id)
    return dag_id


def run_to_its_end(
    stack: Stack, platform: Simulator, folder: Path, *, part: str, is_spoilt: bool, faults: list[Any]
) -> None:
    """Runs a part of the canary DAG while the platform does what is asked of it."""
    platform.faults = json.loads(json.dumps(faults).replace("ECHO", json.dumps(_echo(part))[1:-1]))
    stack.run(prepare(stack, folder, part=part, is_spoilt=is_spoilt), timeout_s=300)
