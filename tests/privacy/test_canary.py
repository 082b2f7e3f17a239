# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Planted values are searched for in all that runs of a real Airflow leave behind, with debug logging on."""

from __future__ import annotations

import itertools
import json
import logging
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from airflow_provider_tiktok.simulator import Simulator
from tests.end_to_end.dag_runs import run_dag
from tests.privacy.canaries import SENT, cells, files, search
from tests.privacy.conftest import VALUES
from tests.privacy.dags import source_of
from tests.webhook_receiver import Receiver

_NUMBERS = itertools.count(1)
TRACK = "*/event/track/"


def _echo(part: str) -> str:
    """What a platform might say back of what it got, in several forms."""
    said = " ".join(VALUES[field] for field in SENT[part])
    return " ".join((said, quote(said), b64encode(said.encode()).decode(), said.encode().hex(), said.upper()))


SCENARIOS: Mapping[str, tuple[str, bool, list[dict[str, Any]]]] = {
    "success": ("sending", False, []),
    "rejection": ("sending", True, []),
    "refusal with echo": ("sending", False, [{"effect": {"code": 40002, "message": "ECHO"}}]),
    "refusal of parts with echo": (
        "sending",
        False,
        [
            {
                "match": {"path": "*/event/track/"},
                "effect": {
                    "code": 20001,
                    "message": "ECHO",
                    "data": {"failed_events": [{"event_index": 0, "error": "ECHO"}]},
                },
            }
        ],
    ),
    "transient failure with echo": ("sending", False, [{"effect": {"code": 50000, "message": "ECHO"}}]),
    "an answer that is no answer": ("sending", False, [{"effect": {"raw_body": "ECHO", "http_status": 200}}]),
    "authorization failure with echo": ("sending", False, [{"effect": {"code": 40105, "message": "ECHO"}}]),
    "a lost connection": ("sending", False, [{"effect": {"drop": "after"}}]),
    "query, success": ("query", False, []),
    "query, rejection": ("query", True, []),
    "query, refusal with echo": ("query", False, [{"effect": {"code": 40002, "message": "ECHO"}}]),
    "LiveRamp, success": ("liveramp", False, []),
    "LiveRamp, refusal with echo": (
        "liveramp",
        False,
        [{"effect": {"http_status": 400, "raw_body": "ECHO"}}],
    ),
    "LiveRamp, transient failure with echo": (
        "liveramp",
        False,
        [{"effect": {"http_status": 503, "raw_body": "ECHO"}}],
    ),
    "LiveRamp, authorization failure with echo": (
        "liveramp",
        False,
        [{"effect": {"http_status": 401, "raw_body": "ECHO"}}],
    ),
    "looking, success": ("looking", False, []),
    "looking, refusal with echo": ("looking", False, [{"effect": {"code": 40002, "message": "ECHO"}}]),
    "looking, authorization failure with echo": (
        "looking",
        False,
        [{"effect": {"code": 40105, "message": "ECHO"}}],
    ),
}
"""Name to the DAG's part, whether the records are spoilt, and what the platform does."""


@pytest.fixture
def leave(
    airflow_home: Path,
    planted: Callable[..., Path],
    simulator: Simulator,
    webhook: Receiver,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> Callable[[str], list[tuple[str, bytes]]]:
    """Runs a scenario; gives every place that it may have left something in."""

    def run(scenario: str) -> list[tuple[str, bytes]]:
        part, is_spoilt, faults = SCENARIOS[scenario]
        simulator.faults = json.loads(json.dumps(faults).replace("ECHO", json.dumps(_echo(part))[1:-1]))
        folder = planted(spoilt=is_spoilt)
        before = set(_kept(airflow_home))
        dag_id = f"canary_{next(_NUMBERS)}"
        capfd.readouterr()
        caplog.clear()
        caplog.set_level(logging.DEBUG)
        run_dag(source_of(part, dag_id=dag_id, folder=folder), dag_id=dag_id)
        printed = "".join((*capfd.readouterr(), caplog.text))
        assert "DEBUG" in printed
        posted = [("webhook: message", repr(one).encode()) for one in webhook.received]
        new = [place for place in _kept(airflow_home) if place not in before]
        return [("log: printed", printed.encode()), *posted, *new]

    return run


def _kept(home: Path) -> Iterator[tuple[str, bytes]]:
    yield from cells(home / "airflow.db")
    yield from files(home)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_run_leaves_nothing_behind(leave: Callable[[str], list[tuple[str, bytes]]], scenario: str) -> None:
    """No planted value is in a log, a cell of the database, a letter, a message or any other file."""
    places = leave(scenario)
    assert {"log", "database"} <= {name.partition(":")[0] for name, _ in places}
    found = search(places)
    assert not found, "\n".join(map(str, found))
