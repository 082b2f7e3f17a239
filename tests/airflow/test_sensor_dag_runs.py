# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Sensors in runs of a real Airflow, in every mode, and the example DAG."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok.simulator import DEFAULT_PIXEL_CODE, DEFAULT_PIXEL_ID, DEFAULT_TOKEN, Simulator

EXAMPLE = Path(__file__).resolve().parents[2] / "example_dags" / "pixel_then_upload.py"
LIST = "/open_api/v1.3/pixel/list/"
TRACK = "/open_api/v1.3/event/track/"
STATS = "/open_api/v1.3/pixel/event/stats/"

MODES = {
    "poke": {},
    "reschedule": {"mode": "reschedule"},
    "deferrable": {"deferrable": True},
}

DAG = """
from datetime import timedelta
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_tiktok.sensors.tiktok import TikTokPixelSensor

with DAG({dag_id!r}, schedule=None) as dag:
    TikTokPixelSensor(
        task_id="wait",
        check_sending=False,
        poke_interval=1,
        retries=2,
        retry_delay=timedelta(0),
        **{arguments!r},
    )
"""

Run = Callable[..., str]


@pytest.fixture
def run(run_dag: Callable[..., Any]) -> Run:
    """Runs a DAG of this name with one sensor in this mode; gives the state the run ended in."""

    def run_to_its_end(dag_id: str, *, mode: str, **arguments: Any) -> str:
        source = DAG.format(dag_id=dag_id, arguments={**MODES[mode], **arguments})
        return state_of(run_dag(source, dag_id=dag_id))

    return run_to_its_end


def state_of(ended: Any) -> str:
    return str(getattr(ended.state, "value", ended.state))


def at_look(tiktok: Simulator, number: int, state: dict[str, Any]) -> None:
    """At the n-th look TikTok's state changes."""
    fault = {"match": {"path": LIST, "nth": [number]}, "effect": {"set_state": {"tiktok": state}}}
    tiktok.faults = [fault]


def set_pixel(tiktok: Simulator, **facts: Any) -> None:
    tiktok.state.patch({"tiktok": {"pixels": {DEFAULT_PIXEL_CODE: facts}}})


@pytest.mark.parametrize("mode", MODES)
def test_pixel_that_appears_ends_the_wait(
    mode: str, run: Run, tiktok: Simulator, read_database: Callable[..., Any]
):
    """Every mode looks again after the interval, and returns what it saw."""
    set_pixel(tiktok, deleted=True)
    at_look(tiktok, 2, {"pixels": {DEFAULT_PIXEL_CODE: {"deleted": False}}})
    assert run(f"appearing_{mode}", mode=mode) == "success"
    ((value,),) = read_database(
        "SELECT value FROM xcom WHERE dag_id = ? AND key = 'return_value'", f"appearing_{mode}"
    )
    assert DEFAULT_PIXEL_ID in str(value)
    assert len(tiktok.requests) == 2


@pytest.mark.parametrize("mode", MODES)
def test_token_that_is_revoked_meanwhile_fails_the_task(
    mode: str, run: Run, tiktok: Simulator, read_database: Callable[..., Any]
):
    """Every mode ends at the first refusal; no retry, no further request."""
    set_pixel(tiktok, deleted=True)
    at_look(tiktok, 2, {"tokens": {DEFAULT_TOKEN: {"status": "revoked"}}})
    assert run(f"revoked_{mode}", mode=mode, timeout=600) == "failed"
    tries = read_database("SELECT try_number FROM task_instance WHERE dag_id = ?", f"revoked_{mode}")
    assert tries == [(1,)]
    assert len(tiktok.requests) == 2


@pytest.mark.parametrize("mode", MODES)
def test_soft_fail_skips_the_task(mode: str, run: Run, tiktok: Simulator, read_database: Callable[..., Any]):
    """Every mode skips where it would fail, if that is asked for."""
    set_pixel(tiktok, deleted=True)
    at_look(tiktok, 2, {"tokens": {DEFAULT_TOKEN: {"status": "revoked"}}})
    run(f"skipped_{mode}", mode=mode, timeout=600, soft_fail=True)
    states = read_database("SELECT state FROM task_instance WHERE dag_id = ?", f"skipped_{mode}")
    assert states == [("skipped",)]


def test_example_uploads_and_counts(
    run_dag: Callable[..., Any], tiktok: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The example parses without a connection, and uploads its sixteen paid orders once the pixel is there."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)  # so that the folder for temporary files is found anew
    assert state_of(run_dag(EXAMPLE.read_text(), dag_id="pixel_then_upload")) == "success"
    asked = [request.path for request in tiktok.requests]
    assert asked == [LIST, TRACK, TRACK, LIST, STATS]
    assert tiktok.ledger.summary()["live"]["by_event"] == {"Purchase": 16}
    (orders,) = tmp_path.glob("pixel_then_upload/orders.jsonl")
    assert orders.stat().st_mode & 0o077 == 0
    assert len([json.loads(line) for line in orders.read_text().splitlines()]) == 16
