# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_tiktok.task.checkpoints import (
    KEY,
    TaskStateCheckpoints,
    checkpoints_of,
    tries_of,
)


class Store:
    """Airflow's task state, in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def get(self, key: str, default: Any = None) -> Any:
        return self.kept.get(key, default)

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        self.kept[key] = value


class BrokenStore:
    def get(self, key: str, default: Any = None) -> Any:
        raise OSError("person@example.com")

    set = get


def test_state_is_kept():
    """What was saved last is loaded."""
    store = Store()
    checkpoints = TaskStateCheckpoints(store, tries="0/0")
    assert checkpoints.load() is None
    checkpoints.save({"position": 1})
    checkpoints.save({"position": 2})
    assert TaskStateCheckpoints(store, tries="1/0").load() == {"position": 2}


def test_foreign_state_is_no_checkpoint():
    """What is not ours is not read as a position."""
    store = Store()
    store.set(KEY, "17")
    assert TaskStateCheckpoints(store, tries="").load() is None


def test_broken_store_stops_no_delivery(caplog: pytest.LogCaptureFixture):
    """A checkpoint that cannot be kept costs repeats, not the run, and is told without its text."""
    checkpoints = TaskStateCheckpoints(BrokenStore(), tries="")
    assert checkpoints.load() is None
    checkpoints.save({})
    assert caplog.text.count("OSError") == 2
    assert "person@" not in caplog.text


def test_old_airflow_is_told(caplog: pytest.LogCaptureFixture):
    """Where there is no task state, the log says what a retry does."""
    with caplog.at_level(logging.INFO):
        assert checkpoints_of({}) is None
    assert "sends all events again" in caplog.text


def test_store_of_the_context_is_used():
    """On Airflow 3.3 and later the running task's own state is used."""
    store = Store()
    checkpoints = checkpoints_of({"task_state_store": store, "ti": of_task(max_tries=3, retries=2)})
    assert checkpoints is not None
    checkpoints.save({"position": 3})
    assert store.kept == {KEY: {"position": 3}}
    assert checkpoints.tries == "3/2"


def of_task(*, max_tries: int, retries: int) -> Any:
    """A task instance as far as its tries go."""
    return SimpleNamespace(max_tries=max_tries, task=SimpleNamespace(retries=retries))


@pytest.mark.parametrize("retries", [0, 1, 2, 5])
@pytest.mark.parametrize("retries_later", [0, 1, 2, 5])
def test_a_retry_has_the_tries_of_the_first_and_a_cleared_task_never(retries: int, retries_later: int):
    """As Airflow counts: a retry keeps max_tries, a clear sets it to the last try plus the retries."""
    first = tries_of(of_task(max_tries=retries, retries=retries))
    assert tries_of(of_task(max_tries=retries, retries=retries)) == first
    for last_try in range(1, retries + 2):
        cleared = of_task(max_tries=last_try + retries_later, retries=retries_later)
        assert tries_of(cleared) != first
