# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The page on reshaping says what is there: each of its DAGs runs as it stands, and so do its example DAGs."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from airflow_provider_tiktok import simulator as tiktok
from tests.end_to_end.dag_runs import receipt_of, run_dag, state_of
from tests.pages import block_with, python_blocks, simulated_tiktok

PROJECT = Path(__file__).resolve().parent.parent
PAGE = (PROJECT / "docs" / "reshaping.md").read_text()
BLOCKS = python_blocks(PAGE)


def _block(words: str) -> str:
    return block_with(words, BLOCKS)


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[tiktok.Simulator]:
    """A simulated TikTok behind ``tiktok_default``."""
    with simulated_tiktok(monkeypatch) as simulator:
        yield simulator


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    """A shop's export: three orders, of which two are paid, with decimal commas."""
    file = tmp_path / "orders.csv"
    lines = ["order,status,paid_at,email,total,page"]
    for number, status in enumerate(("paid", "refunded", "paid")):
        page = "https://shop.example.com/thanks"
        lines.append(
            f'o-{number},{status},{int(time.time()) - 60},p{number}@example.com,"{number + 1},50",{page}'
        )
    file.write_text("\n".join(lines) + "\n")
    return file


def test_events_from_python(simulator: tiktok.Simulator, orders: Path) -> None:
    """The generator's rows are sent, those that it leaves out are not."""
    run = run_dag(_block("@task.tiktok_events"), dag_id="events_from_python", conf={"file": str(orders)})
    assert state_of(run) == "success"
    assert receipt_of(run, task_id="paid_orders")["accepted"] == 2
    assert sorted(simulator.ledger.event_ids()) == ["o-0", "o-2"]


def test_example_of_events_from_python(simulator: tiktok.Simulator) -> None:
    """The example DAG sends the paid orders of all pages, as it stands."""
    source = (PROJECT / "example_dags" / "events_from_python.py").read_text()
    run = run_dag(source, dag_id="events_from_python")
    assert state_of(run) == "success"
    assert receipt_of(run, task_id="send_orders")["accepted"] == 27


def test_links_lead_somewhere() -> None:
    """Every link within the page finds its heading."""
    headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)}
    assert [target for target in re.findall(r"\]\(#([^)]+)\)", PAGE) if target not in headings] == []


def test_preview(simulator: tiktok.Simulator, orders: Path) -> None:
    """The preview finds all orders ready, and sends nothing."""
    run = run_dag(_block("preview_of_orders"), dag_id="preview_of_orders", conf={"file": str(orders)})
    assert state_of(run) == "success"
    told = run.get_task_instance("preview").xcom_pull(task_ids="preview")
    assert (told["events"], told["match_keys"]) == ({"ready": 3}, {"email": 3})
    assert simulator.requests == []


def test_previews_of_a_query_and_a_function(
    simulator: tiktok.Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both find their rows ready, and send nothing."""
    at = datetime.now(UTC) - timedelta(hours=1)
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database, database:
        database.execute("CREATE TABLE orders (at, mail, shop_page)")
        row = (f"{at:%Y-%m-%d %H:%M:%S}", "person@example.com", "https://shop.example.com/")
        database.executemany("INSERT INTO orders VALUES (?, ?, ?)", [row] * 20)
    connection = {"conn_type": "sqlite", "host": str(tmp_path / "shop.db")}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
    source = _block("of_a_function").replace("2026-11-26 10:00:00", f"{at:%Y-%m-%d %H:%M:%S}")
    run = run_dag(source, dag_id="previews")
    assert state_of(run) == "success"
    told = {
        task: run.get_task_instance(task).xcom_pull(task_ids=task)["events"]
        for task in ("of_a_query", "of_a_function")
    }
    assert told == {"of_a_query": {"ready": 10}, "of_a_function": {"ready": 1}}
    assert simulator.requests == []


def test_sql_over_files(simulator: tiktok.Simulator, orders: Path) -> None:
    """The query's rows are sent, under names that need no mapping."""
    run = run_dag(_block("sql_over_files"), dag_id="sql_over_files", conf={"file": str(orders)})
    assert state_of(run) == "success"
    assert receipt_of(run, task_id="send")["accepted"] == 2
    assert sorted(simulator.ledger.event_ids()) == ["o-0", "o-2"]
