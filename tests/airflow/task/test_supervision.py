# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from airflow_provider_tiktok.task import supervision
from airflow_provider_tiktok.task.checkpoints import TaskStateCheckpoints
from airflow_provider_tiktok.task.supervision import Supervision
from tests.airflow.task.orphaned_run import EVENTS

PROJECT = Path(__file__).parents[3]


class Time:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class FailingStore:
    """Airflow's task state where every write fails in the same way, or none does."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error

    def set(self, key: str, value: object) -> None:
        if self.error is not None:
            raise self.error


def wait_for(path: Path, *, seconds: float) -> None:
    """Until the file is there."""
    ends = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < ends, f"{path.name} was not written in time"
        time.sleep(0.02)


def test_an_orphan_ends_in_order(tmp_path: Path) -> None:
    """When the supervisor is killed, its task ends within seconds, with receipt and dead letters."""
    command = [sys.executable, "-m", "tests.airflow.task.orphaned_run", str(tmp_path)]
    with subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.DEVNULL) as supervisor:
        wait_for(tmp_path / "started", seconds=30)
        supervisor.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    wait_for(tmp_path / "receipt.json", seconds=10)
    assert time.monotonic() - killed < 5
    receipt = json.loads((tmp_path / "receipt.json").read_text())
    counts = ("accepted", "rejected", "skipped", "unconfirmed", "undelivered")
    assert receipt["read"] == sum(receipt[name] for name in counts) < EVENTS
    assert receipt["accepted"] > 0
    letters = (tmp_path / "letters.jsonl").read_text().splitlines()
    assert len(letters) == receipt["undelivered"] + receipt["unconfirmed"]


@pytest.mark.parametrize(
    ("limit_s", "seconds", "is_over"), [(60, 64, False), (60, 66, True), (None, 1e9, False)]
)
def test_a_lost_time_limit_ends_the_run(
    monkeypatch: pytest.MonkeyPatch, limit_s: float | None, seconds: float, is_over: bool
) -> None:
    """The signal of ``execution_timeout`` comes once and may be lost: a little later the run ends all the same."""
    monkeypatch.setattr(supervision, "LOOK_EVERY_S", 0.001)  # half a second is long for a test
    stop, looked, now = threading.Event(), threading.Semaphore(0), Time()

    def parent() -> int:
        looked.release()
        return 17

    with Supervision(stop, limit_s=limit_s, parent=parent, clock=now):
        now.now = seconds
        if is_over:
            assert stop.wait(10)
        else:
            for _ in range(5):
                assert looked.acquire(timeout=10)
            assert not stop.is_set()


def test_a_run_with_its_supervisor_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as the parent stays the same nothing is stopped, and the watch ends with the run."""
    monkeypatch.setattr(supervision, "LOOK_EVERY_S", 0.001)  # half a second is long for a test
    stop, looked = threading.Event(), threading.Semaphore(0)

    def parent() -> int:
        looked.release()
        return 17

    with Supervision(stop, parent=parent):
        for _ in range(5):
            assert looked.acquire(timeout=5)
    assert not stop.is_set()


def test_another_parent_stops_the_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A parent that changes is a supervisor that is gone, whoever took its place."""
    monkeypatch.setattr(supervision, "LOOK_EVERY_S", 0.001)  # half a second is long for a test
    caplog.set_level(logging.ERROR)
    stop, parents = threading.Event(), iter([17, 17, 1])
    with Supervision(stop, parent=lambda: next(parents)):
        assert stop.wait(5)
    assert next(parents, None) is None


@pytest.mark.parametrize(
    "error", [EOFError(), BrokenPipeError(), ConnectionResetError(), ConnectionRefusedError()]
)
def test_a_broken_way_to_the_task_state_stops_the_run(error: Exception) -> None:
    """It leads over the supervisor, so it does not come back."""
    stop = threading.Event()
    watched = Supervision(stop, clock=Time())
    TaskStateCheckpoints(FailingStore(error), tries="", supervision=watched).save({})
    assert stop.is_set()


def test_a_task_state_that_answers_no_more_stops_the_run() -> None:
    """Failures for ten seconds and no success between them end the run."""
    stop, clock = threading.Event(), Time()
    watched = Supervision(stop, clock=clock)
    checkpoints = TaskStateCheckpoints(FailingStore(RuntimeError("503")), tries="", supervision=watched)
    for clock.now in (0.0, 3.0, 6.0, 9.9):
        checkpoints.save({})
    assert not stop.is_set()
    clock.now = 10.0
    checkpoints.save({})
    assert stop.is_set()


def test_a_task_state_that_fails_now_and_then_is_lived_with() -> None:
    """A success between failures begins the count anew; one late failure alone says nothing."""
    stop, clock = threading.Event(), Time()
    watched = Supervision(stop, clock=clock)
    store = FailingStore(None)
    checkpoints = TaskStateCheckpoints(store, tries="", supervision=watched)
    for clock.now in range(0, 200, 5):
        store.error = RuntimeError("503") if clock.now % 15 else None
        checkpoints.save({})
    assert not stop.is_set()
