# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat import sdk

from airflow_provider_tiktok.task.metrics import count_delivery, destination_of
from tests.airflow.running import Task

TOLD = {
    "destination": "TikTok",
    "accepted": 4,
    "rejected": 0,
    "skipped": 0,
    "unconfirmed": 0,
    "undelivered": 6,
    "requests": 2,
    "retries": 1,
    "seconds": 1.5,
    "resumed_from": 0,
    "oldest_event_time": 900,
}
REST = {**TOLD, "accepted": 10, "undelivered": 0, "requests": 5, "seconds": 4.0, "resumed_from": 4}


class Store(dict[str, Any]):
    """Stands in for Airflow's task state."""

    set = dict.__setitem__


class Recorder:
    """Stands in for Airflow's Stats, and adds up."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.seconds = 0.0
        self.ages: list[float] = []
        self.tags: list[dict[str, str]] = []

    def incr(self, name: str, count: int, *, tags: dict[str, str]) -> None:
        self.counts[name] = self.counts.get(name, 0) + count
        self.tags.append(tags)

    def timing(self, name: str, span: timedelta, *, tags: dict[str, str]) -> None:
        self.seconds += span.total_seconds()

    def gauge(self, name: str, value: float, *, tags: dict[str, str]) -> None:
        self.ages.append(value)


@pytest.fixture
def stats(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """Patched: Airflow keeps its one Stats for the whole process, which the real listener's test replaces."""
    recorder = Recorder()
    monkeypatch.setitem(vars(sdk), "Stats", recorder)
    return recorder


def test_a_resumed_run_is_counted_once(stats: Recorder):
    """The second try's receipt holds the first's events: they were counted then."""
    context = {**Task().context, "task_state_store": Store()}
    count_delivery(context, told=TOLD)
    count_delivery(context, told=REST)
    assert stats.counts == {
        "tiktok.events.accepted": 10,
        "tiktok.events.undelivered": 6,
        "tiktok.requests": 5,
        "tiktok.retries": 1,
    }
    assert stats.seconds == 4.0


def test_a_try_that_found_all_delivered_counts_nothing(stats: Recorder):
    """It gives the receipt of the try before it."""
    context = {**Task().context, "task_state_store": Store()}
    count_delivery(context, told=TOLD)
    before = dict(stats.counts)
    count_delivery(context, told=TOLD)
    assert stats.counts == before


def test_a_try_that_began_anew_counts_everything(stats: Recorder):
    """Its events were sent again, in requests of their own."""
    context = {**Task().context, "task_state_store": Store()}
    count_delivery(context, told=TOLD)
    count_delivery(context, told={**REST, "resumed_from": 0})
    assert stats.counts["tiktok.events.accepted"] == 14


def test_age_is_of_the_oldest_event(stats: Recorder):
    """In seconds, from the event to the upload's end."""
    count_delivery(Task().context, told=TOLD, clock=lambda: 1000.0)
    assert stats.ages == [100]


def test_what_has_no_event_has_no_age(stats: Recorder):
    """An empty source is no old one."""
    count_delivery(Task().context, told={**TOLD, "oldest_event_time": None})
    assert stats.ages == []


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ({"destination": "TikTok"}, "tiktok"),
        ({"destination": "LiveRamp (its acceptance proves no delivery to TikTok)"}, "liveramp"),
        ({"destination": "TikTok", "is_demo": True}, "tiktok_demo"),
        ({"destination": "TikTok", "is_test": True}, "tiktok_test"),
    ],
)
def test_destinations_are_short_words(told: dict[str, Any], name: str):
    """What counts for no campaign is told apart from what does."""
    assert destination_of(told) == name


@pytest.mark.parametrize("context", [{}, {"ti": None}, {"ti": object(), "task_state_store": object()}])
def test_metrics_fail_no_delivery(stats: Recorder, context: dict[str, Any]):
    """The events are sent, whatever becomes of the figures."""
    count_delivery(context, told=TOLD)
