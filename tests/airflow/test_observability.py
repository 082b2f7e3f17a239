# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What leaves a run besides its receipt: asset events, metrics and lineage, as their receivers get them."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.end_to_end.dag_runs import migrated_database
from tests.statsd_listener import Listener

pytest.importorskip("airflow.providers.openlineage")
pytest.importorskip("statsd")

PROJECT = Path(__file__).parents[2]
SOURCE_ID = "7000000000000000021"
ADDRESS = "canary.observed@example.com"

DAG_FILE = """
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_tiktok.transfers.files_to_tiktok import FilesToTikTokOperator
from airflow_provider_tiktok.transfers.sql_to_tiktok import SqlToTikTokOperator

ALL = {{"event_source": "offline", "tiktok_conn_id": "none", "demo_mode": True}}

with DAG("observed", schedule=None) as dag:
    FilesToTikTokOperator(task_id="files", path="{folder}/*.jsonl", max_rejected=1, **ALL)
    FilesToTikTokOperator(task_id="failing", path="{folder}/*.jsonl", **ALL)
    FilesToTikTokOperator(task_id="checking", path="{folder}/*.jsonl", max_rejected=1, validate_only=True, **ALL)
    FilesToTikTokOperator(task_id="without_input", path="{folder}/none/*.csv", **ALL)
    SqlToTikTokOperator(
        task_id="table",
        sql="SELECT s.id, s.at, s.email FROM sales s JOIN shops USING (shop) WHERE s.email <> '{address}'",
        sql_conn_id="shop",
        event_source_id="{source_id}",
        declare_asset=True,
        mapping={{"event_time": "at", "user.email": "email", "event_id": "id"}},
        defaults={{"event": "Purchase"}},
        **ALL,
    )
if __name__ == "__main__":
    dag.test()
"""


class Seen(NamedTuple):
    """What the receivers of one run got.

    :param metrics: lines of StatsD.
    :param lineage: OpenLineage's events.
    :param assets: task, address and extra of each asset event.
    """

    metrics: list[str]
    lineage: list[dict[str, Any]]
    assets: list[tuple[str, str, dict[str, Any]]]

    def run_event(self, task_id: str, kind: str) -> dict[str, Any]:
        """The one event of a task."""
        name = f"observed.{task_id}"
        (found,) = (e for e in self.lineage if e["job"]["name"] == name and e["eventType"] == kind)
        return found


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """One real run in a process of its own, with all receivers on."""
    home = tmp_path_factory.mktemp("observed")
    (home / "dags").mkdir()
    (home / "airflow.db").write_bytes(migrated_database().read_bytes())
    two_hours_ago = int(time.time()) - 7200
    event = {"event": "Purchase", "event_time": two_hours_ago, "email": ADDRESS}
    lines = [{**event, "event_id": "1"}, {**event, "event_id": "2", "value": "not a number"}]
    (home / "day.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    with closing(sqlite3.connect(home / "shop.db")) as shop, shop:
        shop.execute("CREATE TABLE shops (shop)")
        shop.execute("CREATE TABLE sales (id, at, email, shop)")
        shop.execute("INSERT INTO shops VALUES (1)")
        shop.execute("INSERT INTO sales VALUES ('o-1', ?, 'person@example.com', 1)", (two_hours_ago,))
    file = home / "dags" / "observed.py"
    file.write_text(DAG_FILE.format(folder=home, source_id=SOURCE_ID, address=ADDRESS))
    with Listener() as listener:
        environment = {
            **os.environ,
            "PYTHONPATH": str(PROJECT),
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
            "AIRFLOW_CONN_SHOP": json.dumps({"conn_type": "sqlite", "host": str(home / "shop.db")}),
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(listener.port),
            "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": "True",
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
                {"type": "file", "log_file_path": str(home / "lineage.log"), "append": True}
            ),
        }
        subprocess.run([sys.executable, str(file)], env=environment, check=True, capture_output=True)
    lineage = [json.loads(line) for line in (home / "lineage.log").read_text().splitlines()]
    with closing(sqlite3.connect(home / "airflow.db")) as database:
        rows = database.execute(
            "SELECT e.source_task_id, a.uri, e.extra FROM asset_event e JOIN asset a ON a.id = e.asset_id"
        ).fetchall()
    return Seen(listener.lines, lineage, [(task, uri, json.loads(extra)) for task, uri, extra in rows])


def test_finished_uploads_report_their_asset(seen: Seen):
    """Each upload that succeeded, once; neither one that failed nor one that sent nothing."""
    told = {(task, uri): (extra["accepted"], extra["rejected"]) for task, uri, extra in seen.assets}
    uri = f"tiktok://offline/{SOURCE_ID}"
    assert told == {("files", uri): (1, 1), ("table", uri): (1, 0)}
    assert len(seen.assets) == 2
    assert all(extra["schema"] == "tiktok-receipt/1" and extra["is_demo"] for *_, extra in seen.assets)


def test_statsd_receives_every_outcome(seen: Seen):
    """Counts, requests, seconds and age, tagged by destination and DAG."""
    tags = "destination=tiktok_demo,dag_id=observed"
    counted = [line for line in seen.metrics if line.startswith("airflow.tiktok.")]
    assert counted.count(f"airflow.tiktok.events.accepted,{tags}:1|c") == 3
    assert counted.count(f"airflow.tiktok.events.rejected,{tags}:1|c") == 3
    assert counted.count(f"airflow.tiktok.events.skipped,{tags}:1|c") == 1
    assert counted.count(f"airflow.tiktok.requests,{tags}:1|c") == 3
    assert len([line for line in counted if line.startswith(f"airflow.tiktok.duration,{tags}:")]) == 4
    ages = [int(line.partition(":")[2][:-2]) for line in counted if "oldest_event_age" in line]
    assert len(ages) == 4
    assert all(7200 <= age < 7500 for age in ages)


@pytest.mark.parametrize(("task_id", "kind"), [("files", "COMPLETE"), ("failing", "FAIL")])
def test_lineage_leads_from_files_to_the_event_source(seen: Seen, task_id: str, kind: str):
    """A run that failed shows what it read, where it went and its receipt as one that succeeded does."""
    event = seen.run_event(task_id, kind)
    ((place, name),) = ((dataset["namespace"], dataset["name"]) for dataset in event["inputs"])
    assert (place, Path(name).name) == ("file", "day.jsonl")
    (output,) = event["outputs"]
    assert (output["namespace"], output["name"]) == ("tiktok", f"offline/{SOURCE_ID}")
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 1
    receipt = event["run"]["facets"]["tiktokReceipt"]["receipt"]
    assert (receipt["read"], receipt["accepted"], receipt["rejected"]) == (2, 1, 1)


def test_lineage_names_the_tables_of_a_query(seen: Seen):
    """All tables that are read, and no word of the query."""
    event = seen.run_event("table", "COMPLETE")
    assert sorted(dataset["name"] for dataset in event["inputs"]) == ["sales", "shops"]
    assert all(dataset["namespace"].startswith("sqlite://") for dataset in event["inputs"])
    assert "sql" not in event["job"]["facets"]


def test_a_run_without_receipt_has_lineage_all_the_same(seen: Seen):
    """It ended before anything was read: that is told, without an error."""
    event = seen.run_event("without_input", "FAIL")
    assert event["inputs"] == []
    assert "tiktokReceipt" not in event["run"]["facets"]


def test_nobody_is_named(seen: Seen):
    """No address leaves through any of them."""
    facets = [event["run"]["facets"].get("tiktokReceipt") for event in seen.lineage]
    assert ADDRESS not in json.dumps([seen.metrics, seen.assets, facets])
