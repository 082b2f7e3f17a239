# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import logging
from typing import Any

import pytest

from airflow_provider_tiktok.ring.checkpoints import KEY, TaskStateCheckpoints, checkpoints_of


class Store:
    """Airflow's task state, in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def get(self, key: str, default: Any = None) -> Any:
        return self.kept.get(key, default)

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        self.kept[key] = value

    def delete(self, key: str) -> None:
        self.kept.pop(key, None)


class BrokenStore:
    def get(self, key: str, default: Any = None) -> Any:
        raise OSError("person@example.com")

    set = delete = get


def test_state_is_kept_and_forgotten():
    """What was saved last is loaded, until it is cleared."""
    store = Store()
    checkpoints = TaskStateCheckpoints(store)
    assert checkpoints.load() is None
    checkpoints.save({"position": 1})
    checkpoints.save({"position": 2})
    assert TaskStateCheckpoints(store).load() == {"position": 2}
    checkpoints.clear()
    assert checkpoints.load() is None
    assert store.kept == {}


def test_foreign_state_is_no_checkpoint():
    """What is not ours is not read as a position."""
    store = Store()
    store.set(KEY, "17")
    assert TaskStateCheckpoints(store).load() is None


def test_broken_store_stops_no_delivery(caplog: pytest.LogCaptureFixture):
    """A checkpoint that cannot be kept costs repeats, not the run, and is told without its text."""
    checkpoints = TaskStateCheckpoints(BrokenStore())
    assert checkpoints.load() is None
    checkpoints.save({})
    checkpoints.clear()
    assert caplog.text.count("OSError") == 3
    assert "person@" not in caplog.text


def test_old_airflow_is_told(caplog: pytest.LogCaptureFixture):
    """Where there is no task state, the log says what a retry does."""
    with caplog.at_level(logging.INFO):
        assert checkpoints_of({}) is None
    assert "sends all events again" in caplog.text


def test_store_of_the_context_is_used():
    """On Airflow 3.3 and later the running task's own state is used."""
    store = Store()
    checkpoints = checkpoints_of({"task_state_store": store})
    assert checkpoints is not None
    checkpoints.save({"position": 3})
    assert store.kept == {KEY: {"position": 3}}
