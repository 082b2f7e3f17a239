# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Sensors on a whole Airflow: deferred to its triggerer, resumed by its scheduler, judged by their requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from airflow_provider_tiktok import simulator as tiktok
from tests.end_to_end.stack import Stack

EXAMPLE = Path(__file__).resolve().parents[2] / "example_dags" / "pixel_then_upload.py"
LIST = "/open_api/v1.3/pixel/list/"
STATS = "/open_api/v1.3/pixel/event/stats/"
INTERVAL_S = 1

ACTIVE = {"pixels": {tiktok.DEFAULT_PIXEL_CODE: {"activity_status": "ACTIVE"}}}

DAG = """
from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_tiktok.sensors.tiktok import TikTokPixelSensor

with DAG({dag_id!r}, schedule=None) as dag:
    TikTokPixelSensor(
        task_id="wait",
        tiktok_conn_id={dag_id!r},
        require_active=True,
        poke_interval={interval},
        retries=2,
        retry_delay=timedelta(0),
        **{arguments!r},
    )
"""


@pytest.fixture
def simulator() -> Iterator[tiktok.Simulator]:
    """TikTok on loopback, whose pixel has had no event."""
    with tiktok.Simulator() as running:
        yield running


@pytest.fixture
def start(stack: Stack, simulator: tiktok.Simulator) -> Callable[..., str]:
    """Starts the run of a DAG with one sensor of these arguments; gives the run's id."""

    def run(dag_id: str, **arguments: Any) -> str:
        connect(stack, simulator, dag_id)
        stack.add_dag(DAG.format(dag_id=dag_id, interval=INTERVAL_S, arguments=arguments), dag_id=dag_id)
        return stack.trigger(dag_id)

    return run


def connect(stack: Stack, simulator: tiktok.Simulator, conn_id: str) -> None:
    extra = {"advertiser_id": tiktok.DEFAULT_ADVERTISER_ID, "pixel_code": tiktok.DEFAULT_PIXEL_CODE}
    stack.define_connection(
        conn_id, conn_type="tiktok", host=simulator.url, password=tiktok.DEFAULT_TOKEN, extra=extra
    )


def until_state(stack: Stack, dag_id: str, run_id: str, state: str, *, task_id: str = "wait") -> None:
    stack.until(
        lambda: stack.task(dag_id, run_id, task_id)["state"] == state,
        what=f"{task_id} is {state}",
        timeout_s=60,
    )


def until_asked(stack: Stack, simulator: tiktok.Simulator, times: int) -> None:
    stack.until(lambda: count(simulator, LIST) >= times, what=f"{times} looks", timeout_s=60)


def count(simulator: tiktok.Simulator, path: str) -> int:
    return sum(request.path == path for request in simulator.requests)


def gaps(simulator: tiktok.Simulator, path: str) -> list[float]:
    """Seconds between one request to a path and the next."""
    times = [request.received_at for request in simulator.requests if request.path == path]
    return [later - earlier for earlier, later in pairwise(times)]


def activate(simulator: tiktok.Simulator) -> None:
    simulator.state.patch({"tiktok": ACTIVE})


def test_deferred_sensor_is_resumed_when_the_pixel_turns_active(
    stack: Stack, simulator: tiktok.Simulator, start: Callable[..., str]
) -> None:
    """The triggerer looks at the interval, not more often; what it saw last is the task's result."""
    dag_id = "sensor_resumed"
    run_id = start(dag_id, deferrable=True, timeout=120)
    until_state(stack, dag_id, run_id, "deferred")
    task = f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances/wait"
    links = stack.call("GET", f"{task}/links")["extra_links"]
    stored = b"".join(file.read_bytes() for file in stack.home.glob("airflow.db*"))
    until_asked(stack, simulator, 3)
    activate(simulator)
    assert stack.wait(dag_id, run_id)["state"] == "success"
    seen = stack.xcom(dag_id, run_id, "wait")
    assert (seen["pixel_id"], seen["activity_status"]) == (tiktok.DEFAULT_PIXEL_ID, "ACTIVE")
    assert min(gaps(simulator, LIST)) >= INTERVAL_S
    assert tiktok.DEFAULT_PIXEL_CODE in links["Events Manager"]
    log = stack.log(dag_id, run_id, "wait")
    assert "Waiting in the triggerer" in log
    assert "Look 1: pixel CSIM0000000000000001 is there, activity_status NO_RECENT_ACTIVITY" in log
    assert b"TikTokPixelTrigger" in stored
    assert tiktok.DEFAULT_TOKEN.encode() not in stored
    assert tiktok.DEFAULT_TOKEN not in log


@pytest.mark.parametrize(
    ("dag_id", "arguments", "state"),
    [
        ("sensor_timed_out", {"timeout": 14}, "failed"),
        ("sensor_skipped", {"timeout": 14, "soft_fail": True}, "skipped"),
    ],
)
def test_deferred_sensor_times_out(
    stack: Stack,
    simulator: tiktok.Simulator,
    start: Callable[..., str],
    dag_id: str,
    arguments: dict[str, Any],
    state: str,
) -> None:
    """A sensor's timeout counts while it is deferred; the task fails without a retry, or is skipped."""
    run_id = start(dag_id, deferrable=True, **arguments)
    stack.wait(dag_id, run_id)
    ended = stack.task(dag_id, run_id, "wait")
    assert (ended["state"], ended["try_number"]) == (state, 1)
    assert 2 <= count(simulator, LIST) <= 14 / INTERVAL_S + 2
    assert "its time is over. Last seen: pixel" in stack.log(dag_id, run_id, "wait")


def test_revoked_token_ends_the_wait_at_once(
    stack: Stack, simulator: tiktok.Simulator, start: Callable[..., str]
) -> None:
    """A token revoked while the task is deferred is refused once, not asked with again, and not retried."""
    dag_id = "sensor_revoked"
    run_id = start(dag_id, deferrable=True, timeout=120)
    until_state(stack, dag_id, run_id, "deferred")
    until_asked(stack, simulator, 2)
    simulator.state.patch({"tiktok": {"tokens": {tiktok.DEFAULT_TOKEN: {"status": "revoked"}}}})
    assert stack.wait(dag_id, run_id)["state"] == "failed"
    ended = stack.task(dag_id, run_id, "wait")
    assert (ended["state"], ended["try_number"]) == ("failed", 1)
    refused = [request for request in simulator.requests if request.code]
    assert [request.code for request in refused] == [40102]
    assert "Make a new access token" in stack.log(dag_id, run_id, "wait")


def test_faults_are_waited_out_while_deferred(
    stack: Stack, simulator: tiktok.Simulator, start: Callable[..., str]
) -> None:
    """A busy TikTok is given the time it asks for, in the triggerer too."""
    dag_id = "sensor_busy"
    run_id = start(dag_id, deferrable=True, timeout=120)
    until_state(stack, dag_id, run_id, "deferred")
    busy = {"http_status": 503, "headers": {"Retry-After": "4"}, "set_state": {"tiktok": ACTIVE}}
    simulator.faults = [{"times": 1, "effect": busy}]
    assert stack.wait(dag_id, run_id)["state"] == "success"
    statuses = [request.http_status for request in simulator.requests if request.path == LIST]
    assert statuses[-2:] == [503, 200]
    assert gaps(simulator, LIST)[-1] >= 4


def test_rescheduled_sensor_gives_its_worker_back(
    stack: Stack, simulator: tiktok.Simulator, start: Callable[..., str]
) -> None:
    """Between two looks of a rescheduled sensor the task waits for its next start, and then succeeds."""
    dag_id = "sensor_rescheduled"
    run_id = start(dag_id, mode="reschedule", timeout=120)
    until_state(stack, dag_id, run_id, "up_for_reschedule")
    activate(simulator)
    assert stack.wait(dag_id, run_id)["state"] == "success"
    assert stack.xcom(dag_id, run_id, "wait")["activity_status"] == "ACTIVE"


def test_example_goes_from_export_to_counted_events(
    stack: Stack, simulator: tiktok.Simulator, tmp_path: Path
) -> None:
    """The example DAG cleans, waits for the pixel, uploads, and waits until the figures are there."""
    dag_id = "pixel_then_upload"
    connect(stack, simulator, "tiktok_default")
    deleted = {tiktok.DEFAULT_PIXEL_CODE: {"deleted": True}}
    simulator.state.patch({"tiktok": {"stats_lag_s": 7200, "pixels": deleted}})
    source = EXAMPLE.read_text()
    for patient in ("timedelta(minutes=5)", "timedelta(hours=1)"):
        assert patient in source
        source = source.replace(patient, f"timedelta(seconds={INTERVAL_S})")
    stack.add_dag(source, dag_id=dag_id)
    run_id = stack.trigger(dag_id, {"folder": str(tmp_path)})

    until_state(stack, dag_id, run_id, "deferred", task_id="wait_for_pixel")
    assert simulator.ledger.summary()["live"]["unique_events"] == 0
    simulator.state.patch({"tiktok": {"pixels": {tiktok.DEFAULT_PIXEL_CODE: {"deleted": False}}}})
    until_state(stack, dag_id, run_id, "deferred", task_id="events_received")
    simulator.state.patch({"tiktok": {"stats_lag_s": 0}})
    assert stack.wait(dag_id, run_id)["state"] == "success"

    assert stack.xcom(dag_id, run_id, "upload")["accepted"] == 16
    received = stack.xcom(dag_id, run_id, "events_received")
    assert received == {"server_events": 16, "by_type": {"SHOPPING": 16}}
    assert count(simulator, STATS) >= 2
    assert min(gaps(simulator, STATS)) >= INTERVAL_S
