# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What ``make demo`` runs: the example DAG on real Airflow against a simulated TikTok, twice.

Airflow runs by ``dag.test()``: real operators, hooks, connections, templates and XCom on a real metadata
database, without a scheduler beside it. Everything it makes is below ``.demo/``; what Airflow and its
tasks print goes to ``.demo/airflow.log``. The exit status is 0 only if every expectation holds.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import complete_journey
import loopback_only
import requests
from demo_report import Run, expectations, ledger_lines, run_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = Path(__file__).resolve().parent
FOLDER = EXAMPLES.parent / ".demo"
LOG = FOLDER / "airflow.log"
PATIENCE_S = 30
RESULTS = {"load_receipts": "return_value", "send_orders": "receipt"}
"""Task to the XCom key of what the demo wants of it; a receipt is there for failed tasks as well."""

TITLES = ("First run", "Second run: the same day again")


def main() -> int:
    """The exit status of the demo."""
    fence = loopback_only.raise_fence()
    started = time.monotonic()
    _make_folder()
    _set_environment()
    print("A year of grocery receipts goes into a database, one day of its orders to TikTok.\n")
    print(
        f"  Airflow {version('apache-airflow')} is set up in {FOLDER}; dag.test() runs its DAGs", flush=True
    )
    with LOG.open("a") as log:
        subprocess.run(_fenced("airflow", "db", "migrate"), check=True, stdout=log, stderr=log)
    with _simulator() as url:
        print("  TikTok is simulated at", url, "by a process of its own", end="\n\n", flush=True)
        _connect(url)
        conf = _days()
        runs = [_run(url, conf=conf, title=title) for title in TITLES]
    print(*ledger_lines(runs), sep="\n")
    kept = _judge(expectations(runs, connections=fence.passed, refused=sum(fence.refused.values())))
    print(f"\n{time.monotonic() - started:.0f} seconds in all. What Airflow and its tasks said: {LOG}")
    return 0 if kept else 1


def _judge(claims: dict[str, bool]) -> bool:
    """Whether every claim holds; tells each."""
    print("\nWhat must hold")
    for claim, holds in claims.items():
        print(f"  {'yes' if holds else 'NO '}  {claim}")
    return all(claims.values())


def _make_folder() -> None:
    """An empty folder for everything the demo makes; what an earlier demo left there goes."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()


def _set_environment() -> None:
    """Airflow by its environment alone; no setting of an Airflow that is installed here gets in.

    Must run before Airflow is imported. Usage statistics are off: they would leave the machine.
    """
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        del os.environ[name]
    os.environ.update(
        AIRFLOW_HOME=str(FOLDER / "airflow"),
        AIRFLOW__CORE__DAGS_FOLDER=str(EXAMPLES),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__CORE__HOSTNAME_CALLABLE="socket.gethostname",
        AIRFLOW__USAGE_DATA_COLLECTION__ENABLED="False",
        AIRFLOW_CONN_RECEIPTS_DB=json.dumps({"conn_type": "sqlite", "host": str(FOLDER / "receipts.db")}),
        NO_PROXY="127.0.0.1",
        no_proxy="127.0.0.1",
    )


def _connect(simulator_url: str) -> None:
    """The connection ``tiktok_default``, to the simulator."""
    from airflow_provider_tiktok import simulator

    connection = {
        "conn_type": "tiktok",
        "host": simulator_url,
        "password": simulator.DEFAULT_TOKEN,
        "extra": {
            "advertiser_id": simulator.DEFAULT_ADVERTISER_ID,
            "pixel_code": simulator.DEFAULT_PIXEL_CODE,
            "offline_event_set_id": simulator.DEFAULT_OFFLINE_EVENT_SET_ID,
        },
    }
    os.environ["AIRFLOW_CONN_TIKTOK_DEFAULT"] = json.dumps(connection)


@contextlib.contextmanager
def _simulator() -> Iterator[str]:
    """The address of a simulator in a process of its own."""
    command = _fenced("airflow_provider_tiktok.simulator", "--port", "0")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield json.loads(process.stdout.readline() if process.stdout else "")["url"]
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _fenced(*module_and_arguments: str) -> list[str]:
    return [sys.executable, str(EXAMPLES / "loopback_only.py"), *module_and_arguments]


def _days() -> dict[str, str]:
    """The days of both runs, so that midnight may pass between them."""
    today = datetime.now(ZoneInfo(complete_journey.TIME_ZONE)).date()
    return {"last_day": today.isoformat(), "day": (today - timedelta(days=1)).isoformat()}


def _run(simulator_url: str, *, conf: dict[str, str], title: str) -> Run:
    """One run of the DAG, told as soon as it is over."""
    started = time.monotonic()
    with _output_to_log():
        state, results = _test_dag(conf)
    books = _live_book(simulator_url)
    seconds = time.monotonic() - started
    if not all(results.values()):
        sys.exit(f"{title}: Airflow says {state}, and there is no receipt. What happened stands in {LOG}")
    receipt = results["send_orders"]
    run = Run(state, results["load_receipts"], receipt, _rejected_orders(receipt), books, seconds)
    print(*run_lines(run, title=title), sep="\n", end="\n\n", flush=True)
    return run


def _test_dag(conf: dict[str, str]) -> tuple[str, dict[str, Any]]:
    """The end state of one run, and what its tasks returned."""
    from complete_journey_to_tiktok import dag

    run = dag.test(run_conf=conf)
    results = {
        task_id: run.get_task_instance(task_id).xcom_pull(task_ids=task_id, key=key)
        for task_id, key in RESULTS.items()
    }
    return str(run.state), results


@contextlib.contextmanager
def _output_to_log() -> Iterator[None]:
    """Everything this process prints goes to the log, also what is printed past ``sys.stdout``."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with LOG.open("a") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for target, source in enumerate(kept, start=1):
                os.dup2(source, target)
                os.close(source)


def _rejected_orders(receipt: dict[str, Any]) -> list[str]:
    """The order ids in a run's dead letters."""
    if not receipt["dead_letter_path"]:
        return []
    lines = Path(receipt["dead_letter_path"]).read_text().splitlines()
    return [json.loads(line)["event"]["properties"]["order_id"] for line in lines]


def _live_book(simulator_url: str) -> dict[str, Any]:
    """What the simulated TikTok has taken so far, in numbers; test events are in another book."""
    reply = requests.get(f"{simulator_url}/_simulator/ledger", timeout=PATIENCE_S)
    reply.raise_for_status()
    book: dict[str, Any] = reply.json()["tiktok"]["live"]
    return book


if __name__ == "__main__":
    sys.exit(main())
