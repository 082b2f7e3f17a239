# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A table in four parts on a whole Airflow: one fails, one is killed, one is empty, and the whole is red."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from airflow_provider_tiktok import simulator as tiktok
from tests.end_to_end.stack import RestError, Stack

N_ROWS = 400
FAILED, GOOD, KILLED, EMPTY = range(4)
QUARTER = N_ROWS // 4

DAG_ID = "killed_part"
DAG = """
from airflow.sdk import DAG

from airflow_provider_tiktok.operators.partitions import SplitQueryOperator
from airflow_provider_tiktok.operators.receipts import TikTokReceiptOperator
from airflow_provider_tiktok.transfers.sql_to_tiktok import SqlToTikTokOperator

with DAG({dag_id!r}, schedule=None) as dag:
    parts = SplitQueryOperator(task_id="parts", sql_conn_id="killed_part_shop", table="orders", key="n", parts=4)
    send = SqlToTikTokOperator.partial(
        task_id="send",
        sql_conn_id="killed_part_shop",
        sql="SELECT * FROM orders WHERE {{part}} AND status = 'paid' ORDER BY n",
        order_by=["n"],
        mapping={{"event_id": "n", "event_time": "at", "user.email": "email", "page.url": "url"}},
        defaults={{"event": "Purchase"}},
        tiktok_conn_id="killed_part",
        max_events_per_request=10,
        max_in_flight=1,
        max_rejected=1,
        retries=0,
    ).expand(part=parts.output)
    send >> TikTokReceiptOperator(task_id="receipt", of="send", max_rejected=100)
"""


class Upload(NamedTuple):
    """The upload, come to its end."""

    state: str
    receipt: dict[str, Any]
    log: str
    simulator: tiktok.Simulator


@pytest.fixture(scope="module")
def upload(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upload]:
    """The DAG's run, whose third part is killed as soon as TikTok has some of it, and it has left a letter."""
    database = tmp_path_factory.mktemp("killed") / "shop.db"
    write_orders(database)
    with tiktok.Simulator() as simulator:
        of_killed_part = [str(n) for n in range(N_ROWS) if n // QUARTER == KILLED]
        simulator.faults = [{"match": {"event_ids": of_killed_part}, "effect": {"delay_s": 0.5}}]
        stack.define_connection("killed_part_shop", conn_type="sqlite", host=str(database))
        stack.define_connection(
            "killed_part",
            conn_type="tiktok",
            host=simulator.url,
            password=tiktok.DEFAULT_TOKEN,
            extra={"pixel_code": tiktok.DEFAULT_PIXEL_CODE},
        )
        stack.add_dag(DAG.format(dag_id=DAG_ID), dag_id=DAG_ID)
        run_id = stack.trigger(DAG_ID)
        stack.until(
            lambda: set(of_killed_part) & set(simulator.ledger.event_ids()),
            what="the part is sent",
            timeout_s=120,
        )
        letters = f"tiktok_dead_letters/{DAG_ID}/*/send@{KILLED}.jsonl"
        stack.until(
            lambda: any(path.stat().st_size for path in stack.home.glob(letters)),
            what="the part has left a letter",
            timeout_s=30,
        )
        os.kill(pid_of(stack, run_id), signal.SIGKILL)
        state = stack.wait(DAG_ID, run_id)["state"]
        yield Upload(
            state=state,
            receipt=stack.xcom(DAG_ID, run_id, "receipt", key="receipt"),
            log=stack.log(DAG_ID, run_id, "receipt"),
            simulator=simulator,
        )


def pid_of(stack: Stack, run_id: str) -> int:
    """The process that sends the part that is to be killed."""

    def found() -> Any:
        try:
            return stack.task(DAG_ID, run_id, "send", map_index=KILLED)["pid"]
        except RestError:  # not mapped yet
            return None

    return int(stack.until(found, what="the part has a process", timeout_s=30))


def write_orders(path: Path) -> None:
    """Of the first quarter some have no time, of the third one, of the last none is paid."""
    now = int(time.time()) - 3600
    rows = [
        (
            n,
            "soon" if n in (1, 2, 3, KILLED * QUARTER + 1) else now,
            f"person{n}@example.com",
            "https://shop.example.com/thanks",
            "open" if n // QUARTER == EMPTY else "paid",
        )
        for n in range(N_ROWS)
    ]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE orders (n INTEGER PRIMARY KEY, at, email, url, status)")
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", rows)


def test_the_whole_is_red_and_says_why(upload: Upload) -> None:
    """The run fails, and the receipt's task names both parts, what became of them and what to do."""
    assert upload.state == "failed"
    assert "2 of 4 parts are not complete: part 1 of 4: n below 100: failed, 97 accepted" in upload.log
    assert "; part 3: failed, no receipt." in upload.log
    assert "Clear the parts that are not complete" in upload.log


def test_each_part_is_told(upload: Upload) -> None:
    """Failed, good, killed and empty: states and counts of every part, and which left no receipt."""
    parts = upload.receipt["parts"]
    assert (parts["expected"], parts["complete"]) == (4, 2)
    assert parts["states"] == {"failed": 2, "success": 2}
    assert parts["without_receipt"] == [KILLED]
    assert [part["map_index"] for part in parts["incomplete"]] == [FAILED, KILLED]
    assert upload.receipt["is_complete"] is False


def test_counts_are_those_of_the_parts_that_reported(upload: Upload) -> None:
    """The killed part's events, which TikTok has in part, are in no count; the empty part adds nothing."""
    assert (upload.receipt["read"], upload.receipt["accepted"], upload.receipt["rejected"]) == (200, 197, 3)
    assert 197 < upload.simulator.ledger.summary()["live"]["unique_events"] < 297


def test_letters_of_the_failed_and_the_killed_part_are_found(upload: Upload) -> None:
    """One path leads to every letter, also to that of the part that left no receipt."""
    pattern = Path(upload.receipt["dead_letter_path"])
    letters = [
        json.loads(line)
        for path in pattern.parent.glob(pattern.name)
        for line in path.read_text().splitlines()
    ]
    assert sorted(letter["event_id"] for letter in letters) == ["1", "2", "201", "3"]
