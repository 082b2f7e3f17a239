# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What one task costs as its rows grow: processor, memory, requests and bytes, and a line through the figures.

    python tests/benchmarks/run_growth.py [--rows 10000 100000 1400000 10000000]

Each size is an upload of a table by a process of its own, to a server on loopback that accepts everything. The
line gives what a task costs before its first event and what each million of events costs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from statistics import linear_regression

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.benchmarks.run_bench import DEFAULTS, MAPPING, accepting_server, orders, task_of  # noqa: E402

SIZES = (10_000, 100_000, 1_400_000, 10_000_000)
BLOCK = 10_000


def write_table(path: Path, n_rows: int) -> None:
    """Made-up orders, block by block, so that the writer stays small."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for start in range(0, n_rows, BLOCK):
            columns = orders(min(BLOCK, n_rows - start))
            columns["id"] = [f"{start}-{one}" for one in columns["id"]]
            if start == 0:
                connection.execute(f"CREATE TABLE orders ({', '.join(columns)})")
            marks = ", ".join("?" * len(columns))
            rows = zip(*columns.values(), strict=True)
            connection.executemany(f"INSERT INTO orders VALUES ({marks})", rows)


def upload(path: Path) -> None:
    """One task's upload; prints what it took."""
    os.environ["AIRFLOW_CONN_GROWTH"] = json.dumps({"conn_type": "sqlite", "host": str(path)})
    with accepting_server(0):
        before = resource.getrusage(resource.RUSAGE_SELF)
        receipt = task_of(
            "sql",
            sql_conn_id="growth",
            sql="SELECT * FROM orders ORDER BY rowid",
            order_by=["rowid"],
            tiktok_conn_id="bench_tiktok",
            mapping=MAPPING,
            defaults=DEFAULTS,
        )()
        after = resource.getrusage(resource.RUSAGE_SELF)
    told = {
        "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "peak_mb": after.ru_maxrss / 1024,
        "accepted": receipt["accepted"],
        "requests": receipt["requests"],
        "mb": receipt["n_bytes"] / 1e6,
    }
    print(json.dumps(told))


def main() -> None:
    """The table, and the line through it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES)
    parser.add_argument("--upload", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.upload:
        upload(given.upload)
        return
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print("| events | seconds of the processor | peak memory | requests | bytes sent |")
    print("|---|---|---|---|---|")
    points: list[tuple[int, float]] = []
    for n_rows in given.rows:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "orders.db"
            write_table(path, n_rows)
            command = [sys.executable, __file__, "--upload", str(path)]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        told = json.loads(output.strip().splitlines()[-1])
        if told["accepted"] != n_rows:
            raise SystemExit(f"{told['accepted']} of {n_rows} events were accepted.")
        points.append((n_rows, told["cpu_s"]))
        print(
            f"| {n_rows:,} | {told['cpu_s']:.1f} | {told['peak_mb']:,.0f} MB | {told['requests']:,} | "
            f"{told['mb']:,.0f} MB |",
            flush=True,
        )
    line = linear_regression(*zip(*points, strict=True))
    print(f"\n{line.intercept:.1f} s a task, and {line.slope * 1e6:.0f} s for each million of events.")


if __name__ == "__main__":
    main()
