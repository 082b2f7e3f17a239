# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The same search on a whole Airflow: scheduler, triggerer, api-server, retries, and a task that is killed.

It takes minutes, so ``make test-privacy`` runs it, and ``make test`` does not.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from airflow_provider_tiktok.simulator import Simulator
from tests.end_to_end.stack import Stack
from tests.privacy.canaries import cells, files, messages, search
from tests.privacy.conftest import connections, patch_simulator, write_sources
from tests.privacy.dags import source_of
from tests.privacy.record import note
from tests.privacy.scenarios import SCENARIOS, Scenario, prepare
from tests.statsd_listener import Listener
from tests.webhook_receiver import Receiver, receiving

pytestmark = pytest.mark.skipif("WHOLE_AIRFLOW" not in os.environ, reason="make test-privacy runs it")

CHOSEN = (
    "success",
    "rejection",
    "refusal with echo",
    "query, rejection",
    "files, success",
    "tables, rejection",
    "Python, rejection",
    "LiveRamp, success",
    "LiveRamp, refusal with echo",
    "looking, success",
    "webhook, failure",
)
WITH_INPUT = ("service, one event", "service, many events", "service, a token in the input")
"""Airflow keeps the input of a run itself, so these have an Airflow of their own."""

WHOLE = (
    *(f"{name} (whole Airflow)" for name in (*CHOSEN, *WITH_INPUT)),
    "a deferred sensor",
    "a killed task",
)
"""What the page on privacy calls the runs of this file."""

KEPT_BY_AIRFLOW = (
    "database: dag_run.conf",
    "database: log.extra",
    "REST: event logs",
    "file: lineage.log",
)
"""Where Airflow, and its provider for lineage, keep the input of a run. Its own debug lines tell it as well."""

_NUMBERS = itertools.count(1)


class World(NamedTuple):
    """A whole Airflow, and all that it talks to.

    :param folder: where the sources of each scenario are.
    """

    stack: Stack
    platform: Simulator
    receiver: Receiver
    metrics: Listener
    folder: Path

    def start(self, scenario: Scenario) -> tuple[str, str]:
        """Ids of a DAG of its own and of its run, which is under way."""
        dag_id = f"whole_{next(_NUMBERS)}"
        prepare(scenario, platform=self.platform, receiver=self.receiver)
        (self.folder / "shop.db").unlink(missing_ok=True)
        write_sources(self.folder, spoilt=scenario.is_spoilt, receiver=self.receiver.url)
        self.stack.add_dag(source_of(scenario.part, dag_id=dag_id, folder=self.folder), dag_id=dag_id)
        asked = json.loads((self.folder / "asked.json").read_text())
        return dag_id, self.stack.trigger(dag_id, asked[scenario.asked] if scenario.asked else None)

    def places(self) -> Iterator[tuple[str, bytes]]:
        """All that is left: cells, files, lineage, metrics, messages, and what Airflow shows."""
        yield from cells(self.stack.home / "airflow.db")
        yield from files(self.stack.home)
        yield from messages(self.receiver.received)
        yield "StatsD: metrics", "\n".join(self.metrics.lines).encode()
        for path in ("/tiktok/deliveries.json", "/tiktok/deliveries"):
            yield f"page: {path}", self.stack.fetch(path)
        yield "REST: connections", self.stack.fetch("/api/v2/connections?limit=100")
        yield "REST: event logs", self.stack.fetch("/api/v2/eventLogs?limit=1000")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Where no run has an input."""
    with _new_world(tmp_path_factory) as running:
        yield running


@pytest.fixture(scope="module")
def world_with_inputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Where the runs are told by their input what to do."""
    with _new_world(tmp_path_factory) as running:
        yield running


@contextmanager
def _new_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A whole Airflow with debug logging, metrics and lineage, and the planted connections in its database."""
    home, folder = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("sources")
    with Listener() as metrics, receiving() as receiver, Simulator() as platform:
        patch_simulator(platform)
        lineage = {"type": "file", "log_file_path": str(home / "lineage.log"), "append": True}
        environment = {
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(metrics.port),
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(lineage),
        }
        with Stack(home, environment=environment) as stack:
            for conn_id, fields in connections(platform, receiver, folder).items():
                stack.define_connection(conn_id, **fields)
            yield World(stack, platform, receiver, metrics, folder)


def assert_nothing_is_found(world: World, *, after: str, has_input: bool = False) -> None:
    """No planted value is anywhere but where Airflow itself keeps the input of a run."""
    places = list(world.places())
    assert {"database", "file", "StatsD", "page", "REST"} <= {place.partition(":")[0] for place, _ in places}
    if has_input:
        places = [(place, _without_debug_lines_of_airflow(place, content)) for place, content in places]
    found = search(places)
    note(after, places, found=found)
    found = [one for one in found if not has_input or one[-1] not in KEPT_BY_AIRFLOW]
    assert not found, "\n".join(map(str, found))


def _without_debug_lines_of_airflow(place: str, content: bytes) -> bytes:
    if not place.endswith(".log") or place in KEPT_BY_AIRFLOW:
        return content
    lines = content.splitlines(keepends=True)
    return b"".join(line for line in lines if not _DEBUG.search(line) or _OURS.search(line))


_DEBUG = re.compile(rb'"level":"debug"|\[debug +\]')
_OURS = re.compile(rb'"logger":"airflow_provider_tiktok|\[airflow_provider_tiktok')


@pytest.mark.parametrize("name", CHOSEN)
def test_a_whole_airflow_keeps_nothing(world: World, name: str) -> None:
    """No planted value is in the database, a log of any component, a letter or a message."""
    dag_id, run_id = world.start(SCENARIOS[name])
    world.stack.wait(dag_id, run_id, timeout_s=400)
    assert_nothing_is_found(world, after=f"{name} (whole Airflow)")


@pytest.mark.parametrize("name", WITH_INPUT)
def test_an_input_stays_where_airflow_keeps_it(world_with_inputs: World, name: str) -> None:
    """What a run is asked is in Airflow's own records of the input alone."""
    world = world_with_inputs
    dag_id, run_id = world.start(SCENARIOS[name])
    world.stack.wait(dag_id, run_id, timeout_s=400)
    assert_nothing_is_found(world, after=f"{name} (whole Airflow)", has_input=True)


def test_a_trigger_keeps_nothing(world: World) -> None:
    """Airflow stores the arguments of a trigger encrypted, and shows them or not: they hold no planted value."""
    dag_id, run_id = world.start(Scenario("waiting"))
    for task_id in ("pixel", "events"):
        world.stack.until(
            lambda task_id=task_id: world.stack.task(dag_id, run_id, task_id)["state"] == "deferred",
            what=f"{task_id} is deferred",
            timeout_s=120,
        )
    shown = [world.stack.task(dag_id, run_id, task_id) for task_id in ("pixel", "events")]
    assert all("airflow_provider_tiktok" in task["trigger"]["classpath"] for task in shown)
    assert search([("REST: task", json.dumps(shown).encode())]) == []
    world.stack.wait(dag_id, run_id, timeout_s=180)
    assert_nothing_is_found(world, after="a deferred sensor")


def test_a_killed_task_leaves_nothing(world: World) -> None:
    """A task that is killed while it sends, and tried again, leaves no value behind either."""
    slow = [{"effect": {"delay_s": 20}, "times": 1}]
    n_before = len(world.platform.requests)
    dag_id, run_id = world.start(Scenario("query", faults=slow))

    def is_sending() -> Any:
        task = world.stack.task(dag_id, run_id, "table")
        return len(world.platform.requests) > n_before and task["state"] == "running" and task["pid"]

    os.kill(world.stack.until(is_sending, what="the task sends", timeout_s=120), signal.SIGKILL)
    world.stack.wait(dag_id, run_id, timeout_s=240)
    assert_nothing_is_found(world, after="a killed task")
