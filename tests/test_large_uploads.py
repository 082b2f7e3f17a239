# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The page on large uploads says what is there: its DAG runs as it stands, and letters of all parts go again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_tiktok import simulator as tiktok
from airflow_provider_tiktok.task import paths
from tests.end_to_end.dag_runs import receipt_of, run_dag, state_of
from tests.end_to_end.orders import event_of, orders, write_database
from tests.object_storage import attach_memory
from tests.pages import block_with, python_blocks, simulated_tiktok

PROJECT = Path(__file__).resolve().parent.parent
PAGE = python_blocks((PROJECT / "docs" / "large_uploads.md").read_text())
README = python_blocks((PROJECT / "README.md").read_text())

N_ORDERS = 64
REFUSED = (3, 17, 33, 34, 60)


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[tiktok.Simulator]:
    """A simulated TikTok behind ``tiktok_default``."""
    with simulated_tiktok(monkeypatch) as simulator:
        yield simulator


@pytest.fixture
def warehouse(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The table that the README's DAG reads in parts."""
    path = tmp_path / "warehouse.db"
    write_database(path, orders(N_ORDERS))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    return path


def test_a_folder_in_parts(simulator: tiktok.Simulator, tmp_path: Path) -> None:
    """Every file of the folder is sent, and the whole is green."""
    for name in ("a", "b", "c"):
        order = {
            "event": "Purchase",
            "event_id": name,
            "event_time": int(time.time()) - 60,
            "email": f"{name}@example.com",
            "page": {"url": "https://shop.example.com/thanks"},
        }
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(order) + "\n")
    run = run_dag(
        block_with("folder_in_parts", PAGE), dag_id="folder_in_parts", conf={"folder": str(tmp_path)}
    )
    assert state_of(run) == "success"
    assert receipt_of(run, task_id="receipt")["accepted"] == 3
    assert sorted(simulator.ledger.event_ids()) == ["a", "b", "c"]


@pytest.mark.parametrize("place", [None, "{folder}/shared", "memory://letters/{name}"])
def test_letters_of_all_parts_are_sent_again(
    simulator: tiktok.Simulator,
    warehouse: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str | None,
) -> None:
    """Events that TikTok refused in several parts have a letter each, and the whole's one pattern replays them.

    In Airflow's home, in a shared folder, and in an object storage.
    """
    attach_memory()
    if place is not None:
        monkeypatch.setenv(
            "AIRFLOW__TIKTOK__DEAD_LETTER_FOLDER", place.format(folder=tmp_path, name=tmp_path.name)
        )
    refused = [event_of(number)["event_id"] for number in REFUSED]
    simulator.faults = [
        {"match": {"event_ids": [one]}, "effect": {"code": 40002, "message": "Invalid value for user: no."}}
        for one in refused
    ]
    first = run_dag(block_with("orders_in_parts", README), dag_id="orders_in_parts")
    whole = receipt_of(first, task_id="receipt")
    assert state_of(first) == "failed"
    assert (whole["accepted"], whole["rejected"]) == (N_ORDERS - len(REFUSED), len(REFUSED))
    files = paths.find_files(whole["dead_letter_path"])
    letters = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    assert len(files) > 2
    assert sorted(letter["event_id"] for letter in letters) == sorted(refused)

    simulator.faults = []
    again = run_dag(
        block_with("send_dead_letters_again", README),
        dag_id="send_dead_letters_again",
        conf={"file": whole["dead_letter_path"]},
    )
    assert state_of(again) == "success"
    assert receipt_of(again, task_id="send_again")["accepted"] == len(REFUSED)
    assert sorted(simulator.ledger.event_ids()) == sorted(
        event_of(number)["event_id"] for number in range(1, N_ORDERS + 1)
    )
    assert simulator.ledger.summary()["live"]["repeats"] == 0
