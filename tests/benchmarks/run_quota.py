# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Mapped tasks on a whole Airflow that share one limit of requests without talking.

The simulated TikTok takes ten requests in any second from the whole app. A table is sent by one, four and eight
mapped tasks at once. Wanted: from the first request to the last no more than 1.3 times what the limit allows at
best, every task at its first try, every event accepted once.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="quota-airflow-"))

from airflow_provider_tiktok import simulator as tiktok  # noqa: E402
from tests.end_to_end.stack import Stack  # noqa: E402

LIMIT = 10
BATCH = 10
MOST = 1.3
TASKS = (1, 4, 8)

DAG = """
from airflow.sdk import DAG

from airflow_provider_tiktok.operators.partitions import SplitQueryOperator
from airflow_provider_tiktok.operators.receipts import TikTokReceiptOperator
from airflow_provider_tiktok.transfers.sql_to_tiktok import SqlToTikTokOperator

with DAG("quota_{parts}", schedule=None) as dag:
    parts = SplitQueryOperator(task_id="parts", sql_conn_id="quota_shop", table="orders", key="n", parts={parts})
    send = SqlToTikTokOperator.partial(
        task_id="send",
        sql_conn_id="quota_shop",
        sql="SELECT * FROM orders WHERE {{part}} ORDER BY n",
        order_by=["n"],
        mapping={{"event_id": "n", "event_time": "at", "user.email": "email", "page.url": "url"}},
        defaults={{"event": "Purchase"}},
        tiktok_conn_id="quota_tiktok",
        max_events_per_request={batch},
        retries=2,
    ).expand(part=parts.output)
    send >> TikTokReceiptOperator(task_id="receipt", of="send")
"""


def write_orders(path: Path, n_rows: int) -> None:
    """A table of good orders."""
    now = int(time.time()) - 3600
    rows = ((n, now, f"person{n}@example.com", "https://shop.example.com/thanks") for n in range(n_rows))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE orders (n INTEGER PRIMARY KEY, at, email, url)")
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", rows)


def measure(stack: Stack, simulator: tiktok.Simulator, *, parts: int, n_rows: int) -> dict[str, Any]:
    """One upload by so many tasks."""
    simulator.reset()
    simulator.state.patch({"tiktok": {"qps_limit": LIMIT}})
    dag_id = f"quota_{parts}"
    stack.add_dag(DAG.format(parts=parts, batch=BATCH), dag_id=dag_id)
    run_id, ended = stack.run(dag_id, timeout_s=900)
    path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id.replace('+', '%2B')}/taskInstances?limit=100"
    tries = [
        one["try_number"] for one in stack.call("GET", path)["task_instances"] if one["task_id"] == "send"
    ]
    times = [one.received_at for one in simulator.requests]
    refused = sum(one.code != 0 for one in simulator.requests)
    taken = len(times) - refused
    return {
        "state": ended["state"],
        "seconds": max(times) - min(times),
        "ideal": (taken - LIMIT) / LIMIT,  # the first ten are taken at once
        "refused": refused / len(times),
        "first": sum(number == 1 for number in tries),
        "tasks": len(tries),
        "is_whole": simulator.ledger.summary()["live"]["deliveries"] == n_rows,
    }


def main() -> int:
    """Print the figures; 1 where one of them is not what is wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=800)
    n_rows = parser.parse_args().requests * BATCH
    is_good = True
    with tempfile.TemporaryDirectory() as folder, tiktok.Simulator() as simulator:
        home = Path(folder) / "home"
        home.mkdir()
        write_orders(Path(folder) / "shop.db", n_rows)
        with Stack(home, environment={"AIRFLOW__CORE__PARALLELISM": str(max(TASKS))}) as stack:
            stack.define_connection("quota_shop", conn_type="sqlite", host=f"{folder}/shop.db")
            stack.define_connection(
                "quota_tiktok",
                conn_type="tiktok",
                host=simulator.url,
                password=tiktok.DEFAULT_TOKEN,
                extra={"pixel_code": tiktok.DEFAULT_PIXEL_CODE},
            )
            print(f"{LIMIT} requests a second for the app, {n_rows // BATCH} requests")
            print("| tasks | seconds | at best | ratio | refused | first tries |")
            print("|---|---|---|---|---|---|")
            for parts in TASKS:
                found = measure(stack, simulator, parts=parts, n_rows=n_rows)
                ratio = found["seconds"] / found["ideal"]
                is_good &= ratio <= MOST and found["first"] == found["tasks"] == parts
                is_good &= found["is_whole"] and found["state"] == "success"
                print(
                    f"| {parts} | {found['seconds']:.0f} | {found['ideal']:.0f} | {ratio:.2f} | "
                    f"{found['refused']:.1%} | {found['first']} of {found['tasks']} |",
                    flush=True,
                )
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
