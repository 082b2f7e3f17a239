# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A large upload in mapped tasks on Celery workers, one of which is lost halfway.

``make test-distributed``. PostgreSQL, Redis, a whole Airflow, its workers and the simulated TikTok are processes
of this machine, on loopback; they are started here and gone afterwards. The line items of the demo are loaded
into PostgreSQL and uploaded three times, each time to a TikTok that knows nothing of them: with one worker, with
two, and with two of which one is killed with all its processes and its disk when half is accepted.

What TikTok has is read from the simulator's ledger: every good line item once, none that is broken. Exits with
an error where that is not so, where more came again than was in flight, or where a broken line item has not
exactly one letter.
"""

from __future__ import annotations

import argparse
import glob
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from airflow_provider_tiktok import simulator as tiktok  # noqa: E402
from tests.distributed import shop  # noqa: E402
from tests.distributed.cluster import CONCURRENCY, Cluster, running_redis  # noqa: E402
from tests.distributed.usage import Usage, Watch  # noqa: E402
from tests.end_to_end.stack import free_port  # noqa: E402
from tests.postgres import can_run, running_postgres  # noqa: E402

PAGE = ROOT / "docs" / "distributed.md"
TITLE = """# An upload on several workers

What `make test-distributed` printed. Database, broker, Airflow, its workers and the simulated TikTok shared the
machine, so that a second worker could not halve the time. Of the worker that was lost all processes were killed
and its disk was deleted when half of the events were accepted. Airflow gives a task up 90 seconds after its last
heartbeat there.

"""
PARTS = 12
BATCH = 1000
IN_FLIGHT = 4
SAVED_EVERY_S = 1.0
BUSY_S = 1.0
"""How long an answer may wait on a busy machine until it is saved."""

PATIENCE_S = 3600
DAG_ID = "line_items"
DAG = """
from datetime import timedelta

from airflow.sdk import DAG

from airflow_provider_tiktok.operators.partitions import SplitQueryOperator
from airflow_provider_tiktok.operators.receipts import TikTokReceiptOperator
from airflow_provider_tiktok.transfers.sql_to_tiktok import SqlToTikTokOperator

with DAG(
    {dag_id!r}, schedule=None, default_args={{"retries": 2, "retry_delay": timedelta(seconds=1)}}
) as dag:
    parts = SplitQueryOperator(
        task_id="parts", sql_conn_id="shop", table="line_items", key="line_id", parts={parts}
    )
    send = SqlToTikTokOperator.partial(
        task_id="send",
        sql_conn_id="shop",
        sql={sql!r},
        order_by=["line_id"],
        event_source="offline",
        timezone={timezone!r},
        default_region="US",
        mapping={{
            "event_id": "line_id",
            "event_time": "paid_at",
            "user.email": "email",
            "user.phone": "phone",
            "user.external_id": "member_id",
            "properties.order_id": "basket_id",
            "properties.shop_id": "store_id",
            "properties.value": "amount",
            "properties.contents[].content_id": "product_id",
            "properties.contents[].content_category": "category",
            "properties.contents[].quantity": "units",
        }},
        defaults={{
            "event": "Purchase", "properties.currency": "USD", "properties.content_type": "product"
        }},
        max_events_per_request={batch},
        max_in_flight={in_flight},
        max_rejected=1000,
    ).expand(part=parts.output)
    send >> TikTokReceiptOperator(task_id="receipt", of="send", event_source="offline", max_rejected=1000)
"""


class Upload(NamedTuple):
    """One upload and what it took.

    :param reads: rows that PostgreSQL gave, and blocks of 8 kB that it looked at.
    :param repeats: events that came although TikTok had them.
    :param promised: how many might.
    :param tries: how many tries the tasks had.
    """

    name: str
    seconds: float
    usage: dict[str, Usage]
    receipt: dict[str, Any]
    ledger: dict[str, Any]
    reads: tuple[int, int]
    promised: int
    tries: Counter[int]
    faults: list[str]


class Stage:
    """All that runs, and the uploads on it.

    :param database: connection of psycopg2 to the shop's database.
    :param servers: trees of processes that are watched beside Airflow's and the workers'.
    """

    def __init__(
        self,
        cluster: Cluster,
        simulator: tiktok.Simulator,
        goods: shop.Shop,
        *,
        database: Any,
        servers: dict[str, int],
    ) -> None:
        self._cluster = cluster
        self._simulator = simulator
        self._goods = goods
        self._database = database
        self._servers = servers

    def upload(self, name: str, *, workers: int, loses_one: bool = False) -> Upload:
        """The whole of the table, to a TikTok that has none of it."""
        self._simulator.reset()
        names = [f"worker-{number}" for number in range(1, workers + 1)]
        for worker in names:
            self._cluster.start_worker(worker)
        airflow = ("api-server", "scheduler", "dag-processor", "triggerer")
        pids = {one: self._cluster.processes[one].pid for one in (*airflow, *names)}
        reads = self._reads()
        promised = 0
        with Watch({**self._servers, **pids}, this="TikTok (simulated)") as watch:
            began = time.monotonic()
            run_id = self._cluster.trigger(DAG_ID)
            if loses_one:
                promised = self._lose(names.pop(0))
            state = self._cluster.wait(DAG_ID, run_id, timeout_s=PATIENCE_S)["state"]
            seconds = time.monotonic() - began
        after = self._reads()
        for worker in names:
            self._cluster.stop_worker(worker)
        receipt = self._cluster.xcom(DAG_ID, run_id, "receipt", key="receipt")
        ledger = self._simulator.ledger.summary()["live"]
        tries = Counter(one["try_number"] for one in self._sent(run_id))
        upload = Upload(
            name=name,
            seconds=seconds,
            usage=watch.usage(),
            receipt=receipt,
            ledger=ledger,
            reads=(after[0] - reads[0], after[1] - reads[1]),
            promised=promised,
            tries=tries,
            faults=[],
        )
        upload.faults.extend(self._faults(upload, state=state))
        return upload

    def _lose(self, worker: str) -> int:
        """Kill the worker when half is accepted; gives how many events may come again."""
        half = len(self._goods.good) / 2
        self._cluster.until(lambda: self._accepted() >= half, what="half is accepted", timeout_s=PATIENCE_S)
        killed_at = time.time()
        killed = self._cluster.lose_worker(worker)
        say(f"{worker} is lost with {len(killed)} processes when {self._accepted():,} events are accepted")
        since = killed_at - SAVED_EVERY_S - BUSY_S
        recent = sum(one.received_at >= since and one.code == 0 for one in self._simulator.requests)
        return (CONCURRENCY * IN_FLIGHT + recent) * BATCH

    def _accepted(self) -> int:
        return sum(int(one.facts.get("unique", 0)) for one in self._simulator.requests)

    def _sent(self, run_id: str) -> list[dict[str, Any]]:
        """The instances of the mapped task."""
        path = f"/api/v2/dags/{DAG_ID}/dagRuns/{run_id.replace('+', '%2B')}/taskInstances?limit=1000"
        found = self._cluster.call("GET", path)["task_instances"]
        return [one for one in found if one["task_id"] == "send"]

    def _reads(self) -> tuple[int, int]:
        with self._database, self._database.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot(), pg_sleep(1.2)")  # counts come a second late
            cursor.execute(
                "SELECT tup_returned, blks_hit + blks_read FROM pg_stat_database WHERE datname = current_database()"
            )
            returned, blocks = cursor.fetchone()
        return int(returned), int(blocks)

    def _faults(self, upload: Upload, *, state: str) -> Iterator[str]:
        """What is not as it must be, in words."""
        good, broken = self._goods
        ids = self._simulator.ledger.event_ids()
        receipt, parts = upload.receipt, upload.receipt["parts"]
        letters = Counter(read_letters(receipt["dead_letter_path"]))
        if state != "success":
            yield f"The run is {state}."
        if lost := good - set(ids):
            yield f"{len(lost)} events are lost."
        if strange := set(ids) - good:
            yield f"{len(strange)} events were accepted that must not be."
        if len(ids) != len(set(ids)):
            yield "The ledger has events twice."
        if upload.ledger["repeats"] > upload.promised:
            yield f"{upload.ledger['repeats']:,} events came again, {upload.promised:,} might."
        if upload.ledger["changed_resends"]:
            yield f"{upload.ledger['changed_resends']} events came again with other bytes."
        if (receipt["accepted"], receipt["rejected"]) != (len(good), len(broken)):
            yield f"The receipt says {receipt['accepted']} accepted and {receipt['rejected']} rejected."
        if (parts["complete"], parts["expected"]) != (PARTS, PARTS):
            yield f"{parts['complete']} of {parts['expected']} parts are complete."
        if letters != Counter(broken):
            yield f"Letters of {len(letters)} line items, {letters.total()} in all, for {len(broken)} broken ones."


def read_letters(pattern: str | None) -> Iterator[str]:
    """Ids of the events in all dead letters; a whole without a pattern knows of none."""
    for path in glob.glob(pattern or ""):
        for line in Path(path).read_text().splitlines():
            yield json.loads(line)["event"]["event_id"]


@contextmanager
def prepared_stage(folder: Path, *, rows: int | None) -> Iterator[Stage]:
    """Everything started and loaded."""
    import psycopg2

    port = free_port()
    with (
        running_postgres("shared_buffers=512MB", "max_connections=300", port=port) as socket_folder,
        running_redis() as (broker, redis_pid),
        tiktok.Simulator() as simulator,
    ):
        address = f"postgresql+psycopg2://test@127.0.0.1:{port}"
        admin = psycopg2.connect(host="127.0.0.1", port=port, user="test", dbname="postgres")
        admin.autocommit = True
        with admin.cursor() as cursor:
            cursor.execute("CREATE DATABASE airflow")
            cursor.execute("CREATE DATABASE shop")
        admin.close()
        database = psycopg2.connect(host="127.0.0.1", port=port, user="test", dbname="shop")
        goods = shop.load(database, rows=rows)
        say(
            f"{len(goods.good) + len(goods.broken):,} line items in PostgreSQL, {len(goods.broken)} of them broken"
        )
        environment = {
            "AIRFLOW__TIKTOK__DEAD_LETTER_FOLDER": str(folder / "letters"),
            "AIRFLOW_CONN_SHOP": json.dumps(
                {
                    "conn_type": "postgres",
                    "host": "127.0.0.1",
                    "port": port,
                    "login": "test",
                    "schema": "shop",
                }
            ),
            "AIRFLOW_CONN_TIKTOK_DEFAULT": json.dumps(
                {
                    "conn_type": "tiktok",
                    "host": simulator.url,
                    "password": tiktok.DEFAULT_TOKEN,
                    "extra": {"offline_event_set_id": tiktok.DEFAULT_OFFLINE_EVENT_SET_ID},
                }
            ),
        }
        home = folder / "airflow"
        home.mkdir()
        cluster = Cluster(home, database=f"{address}/airflow", broker=broker, environment=environment)
        with cluster:
            settings = {"batch": BATCH, "in_flight": IN_FLIGHT, "parts": PARTS, "timezone": shop.TIME_ZONE}
            cluster.add_dag(DAG.format(dag_id=DAG_ID, sql=shop.QUERY, **settings), dag_id=DAG_ID)
            postmaster = int((Path(socket_folder) / "data" / "postmaster.pid").read_text().split()[0])
            servers = {"PostgreSQL": postmaster, "Redis": redis_pid}
            yield Stage(cluster, simulator, goods, database=database, servers=servers)
        database.close()


def told(uploads: list[Upload]) -> str:
    """The uploads as a table."""
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    lines = [
        f"{machine}; {uploads[0].receipt['read']:,} line items in {PARTS} parts, {CONCURRENCY} tasks a worker.",
        "",
        "| | " + " | ".join(upload.name for upload in uploads) + " |",
        "|---|" + "---|" * len(uploads),
    ]

    def add(name: str, values: Iterator[str]) -> None:
        lines.append(f"| {name} | " + " | ".join(values) + " |")

    add("seconds from trigger to receipt", (f"{one.seconds:,.0f}" for one in uploads))
    add("events a second", (f"{one.receipt['accepted'] / one.seconds:,.0f}" for one in uploads))
    add("accepted by TikTok", (f"{one.ledger['unique_events']:,}" for one in uploads))
    add("rejected, a letter each", (f"{one.receipt['dead_letters']:,}" for one in uploads))
    add("came again", (f"{one.ledger['repeats']:,}" for one in uploads))
    add("might come again", (f"{one.promised:,}" for one in uploads))
    add(
        "tasks that succeeded at try 1, 2, 3",
        (", ".join(str(one.tries[n]) for n in (1, 2, 3)) for one in uploads),
    )
    add("machines in the receipt", (", ".join(one.receipt["parts"]["hosts"]) for one in uploads))
    add("requests", (f"{one.receipt['requests']:,}" for one in uploads))
    add("rows read from PostgreSQL", (f"{one.reads[0]:,}" for one in uploads))
    add("blocks of 8 kB looked at", (f"{one.reads[1]:,}" for one in uploads))
    for name in dict.fromkeys(name for upload in uploads for name in upload.usage):
        values = (one.usage.get(name) for one in uploads)
        add(name, (f"{use.cpu_s:,.0f} s, {use.peak_mb:,.0f} MB" if use else "" for use in values))
    return "\n".join(lines) + "\n"


def say(text: str) -> None:
    """Tell what happens, as it happens."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def install() -> None:
    """PostgreSQL and Redis from Debian, where they are missing and this is root.

    :raises SystemExit: they are missing all the same.
    """
    if not (can_run() and shutil.which("redis-server")) and os.geteuid() == 0 and shutil.which("apt-get"):
        packages = ["postgresql", "redis-server"]
        subprocess.run(["apt-get", "install", "-y", "--no-install-recommends", *packages], check=True)
    if not (can_run() and shutil.which("redis-server")):
        raise SystemExit("PostgreSQL or Redis is missing: apt-get install postgresql redis-server")


def main() -> None:
    """Upload three times; exit with an error where an upload is not whole."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, help="at most so many line items")
    parser.add_argument("--write", action="store_true", help=f"put the output into {PAGE.relative_to(ROOT)}")
    arguments = parser.parse_args()
    install()
    folder = Path(tempfile.mkdtemp(prefix="distributed-"))
    uploads: list[Upload] = []
    try:
        with prepared_stage(folder, rows=arguments.rows) as stage:
            for name, workers, loses_one in (
                ("one worker", 1, False),
                ("two workers", 2, False),
                ("two workers, one lost", 2, True),
            ):
                upload = stage.upload(name, workers=workers, loses_one=loses_one)
                uploads.append(upload)
                say(f"{name}: {upload.seconds:,.0f} s, {' '.join(upload.faults) or 'as it must be'}")
    except BaseException:
        say(f"What Airflow said: {folder}")
        raise
    page = told(uploads)
    print(page)
    faults = [f"{upload.name}: {fault}" for upload in uploads for fault in upload.faults]
    if faults:
        raise SystemExit("\n".join([*faults, f"What Airflow said: {folder}"]))
    shutil.rmtree(folder)
    if arguments.write:
        PAGE.write_text(TITLE + page)


if __name__ == "__main__":
    main()
