# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Planted values are searched for in all that runs of a real Airflow leave behind, with debug logging on."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import redact

from airflow_provider_tiktok.notifications import webhook as notifications
from airflow_provider_tiktok.simulator import Simulator
from tests.end_to_end.dag_runs import run_dag
from tests.privacy.canaries import cells, files, messages, search
from tests.privacy.dags import source_of
from tests.privacy.page import shown_on_page
from tests.privacy.record import note
from tests.privacy.scenarios import SCENARIOS, prepare
from tests.webhook_receiver import Receiver

_NUMBERS = itertools.count(1)


@pytest.fixture
def leave(
    airflow_home: Path,
    planted: Callable[..., Path],
    simulator: Simulator,
    webhook: Receiver,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str], list[tuple[str, bytes]]]:
    """Runs a scenario; gives every place that it may have left something in."""
    monkeypatch.setattr(notifications, "READ_TIMEOUT_S", 0.2)  # the real times are too long for a test
    monkeypatch.setattr(notifications, "LONGEST_S", 0.2)

    for logger in logging.root.manager.loggerDict.values():
        monkeypatch.setattr(logger, "disabled", False, raising=False)  # Airflow disables those it finds

    def run(name: str) -> list[tuple[str, bytes]]:
        scenario = SCENARIOS[name]
        folder = planted(spoilt=scenario.is_spoilt)
        prepare(scenario, platform=simulator, receiver=webhook)
        asked = json.loads((folder / "asked.json").read_text())
        before = set(_kept(airflow_home))
        dag_id = f"canary_{next(_NUMBERS)}"
        source = source_of(scenario.part, dag_id=dag_id, folder=folder)
        capfd.readouterr()
        caplog.clear()
        caplog.set_level(logging.DEBUG)
        run_dag(source, dag_id=dag_id, conf=asked[scenario.asked] if scenario.asked else None)
        printed = "".join((*capfd.readouterr(), *_logged(caplog.records)))
        assert "DEBUG" in printed
        new = [place for place in _kept(airflow_home) if place not in before]
        shown = shown_on_page(airflow_home / "airflow.db", dag_id=dag_id)
        return [("log: printed", printed.encode()), *messages(webhook.received), *shown, *new]

    return run


def _logged(records: Iterable[logging.LogRecord]) -> Iterator[str]:
    """What was logged: by us as it is, by other libraries as it is in the log of a task, which Airflow masks."""
    for entry in records:
        text = logging.Formatter().format(entry)
        yield f"{entry.levelname} {text if entry.name.startswith('airflow_provider') else redact(text)}\n"


def _kept(home: Path) -> Iterator[tuple[str, bytes]]:
    yield from cells(home / "airflow.db")
    yield from files(home)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_run_leaves_nothing_behind(leave: Callable[[str], list[tuple[str, bytes]]], name: str) -> None:
    """No planted value is in a log, a cell of the database, a letter, a message or any other file."""
    places = leave(name)
    assert {"log", "database", "page"} <= {place.partition(":")[0] for place, _ in places}
    found = search(places)
    note(name, places, found=found)
    kept = SCENARIOS[name].kept_by_airflow
    unkept = [one for one in found if one[-1] not in kept]
    assert not unkept, "\n".join(map(str, unkept))
    assert {place for *_, place in found} == set(kept), "what Airflow keeps of an input is elsewhere"
