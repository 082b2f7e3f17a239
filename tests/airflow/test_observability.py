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
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.end_to_end.dag_runs import migrated_database
from tests.otlp_receiver import Receiver
from tests.statsd_listener import Listener

pytest.importorskip("airflow.providers.openlineage")
pytest.importorskip("statsd")

AIRFLOW = tuple(int(part) for part in version("apache-airflow").split(".")[:2])
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
    SqlToTikTokOperator(
        task_id="failing_table",
        sql="SELECT id, at, email, 'no number' AS total FROM sales",
        sql_conn_id="shop",
        mapping={{"event_time": "at", "user.email": "email", "event_id": "id", "properties.value": "total"}},
        defaults={{"event": "Purchase"}},
        **ALL,
    )
if __name__ == "__main__":
    if hasattr(dag, "bulk_write_to_db"):  # as a scheduler of Airflow 2 does: what it has not stored, reports nothing
        type(dag).bulk_write_to_db([dag])
    dag.test()
"""

SAMPLES_FILE = """
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_tiktok.operators.tiktok import TikTokSendEventsOperator

with DAG("samples", schedule=None) as dag:
    TikTokSendEventsOperator(task_id="send", tiktok_conn_id="none", demo_mode=True)
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


def run_in_process(file: Path, *, home: Path, **environment: str) -> str:
    """Run a DAG's file in a process of its own, since Airflow reads its settings once; gives its log."""
    known = {
        **os.environ,
        "PYTHONPATH": str(PROJECT),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(file.parent),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
    }
    done = subprocess.run(
        [sys.executable, str(file)], env=known | environment, check=True, capture_output=True, text=True
    )
    return done.stdout + done.stderr


def to_statsd(listener: Listener) -> dict[str, str]:
    """Settings that lead Airflow's metrics there."""
    return {
        "AIRFLOW__METRICS__STATSD_ON": "True",
        "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
        "AIRFLOW__METRICS__STATSD_PORT": str(listener.port),
    }


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """One real run in a process of its own, with all receivers on."""
    if AIRFLOW[:2] == (3, 0):
        pytest.skip("Airflow 3.0 runs no task with an outlet that no scheduler has stored")
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
        transport = {"type": "file", "log_file_path": str(home / "lineage.log"), "append": True}
        run_in_process(
            file,
            home=home,
            **to_statsd(listener),
            AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED="True",
            AIRFLOW_CONN_SHOP=json.dumps({"conn_type": "sqlite", "host": str(home / "shop.db")}),
            AIRFLOW__OPENLINEAGE__TRANSPORT=json.dumps(transport),
        )
    lineage = [json.loads(line) for line in (home / "lineage.log").read_text().splitlines()]
    with closing(sqlite3.connect(home / "airflow.db")) as database:
        asset = "asset" if AIRFLOW >= (3, 0) else "dataset"
        rows = database.execute(
            f"SELECT e.source_task_id, a.uri, e.extra FROM {asset}_event e JOIN {asset} a ON a.id = e.{asset}_id"
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
    assert counted.count(f"airflow.tiktok.events.rejected,{tags}:1|c") == 4
    assert counted.count(f"airflow.tiktok.events.skipped,{tags}:1|c") == 1
    assert counted.count(f"airflow.tiktok.requests,{tags}:1|c") == 3
    assert len([line for line in counted if line.startswith(f"airflow.tiktok.duration,{tags}:")]) == 5
    ages = [int(line.partition(":")[2][:-2]) for line in counted if "oldest_event_age" in line]
    assert len(ages) == 4  # an event that was rejected has none
    assert all(7200 <= age < 7500 for age in ages)


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    """The file of a DAG that sends four sample events, in an Airflow's home."""
    (tmp_path / "dags").mkdir()
    (tmp_path / "airflow.db").write_bytes(migrated_database().read_bytes())
    file = tmp_path / "dags" / "samples.py"
    file.write_text(SAMPLES_FILE)
    return file


def test_statsd_without_tags_receives_plain_names(samples: Path, tmp_path: Path):
    """As Airflow is set up unless somebody asks for tags."""
    with Listener() as listener:
        run_in_process(samples, home=tmp_path, **to_statsd(listener))
    found = [line for line in listener.lines if line.startswith("airflow.tiktok.")]
    assert {"airflow.tiktok.events.accepted:4|c", "airflow.tiktok.requests:1|c"} <= set(found)
    assert not any("demo" in line or "dag_id" in line for line in found)


@pytest.mark.skipif(AIRFLOW < (3, 1), reason="Airflow itself drops what a short process counted, before 3.1")
def test_opentelemetry_receives_every_outcome(samples: Path, tmp_path: Path):
    """A collector gets counts, seconds and age with their tags when the run's process ends."""
    with Receiver() as collector:
        settings = {"OTEL_ON": "True", "OTEL_HOST": "127.0.0.1", "OTEL_PORT": str(collector.port)}
        environment = {f"AIRFLOW__METRICS__{name}": value for name, value in settings.items()}
        endpoint = f"http://127.0.0.1:{collector.port}"
        run_in_process(samples, home=tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, **environment)
    accepted = collector.last("airflow.tiktok.events.accepted")
    assert accepted.value == 4
    assert {"destination": "tiktok_demo", "dag_id": "samples"}.items() <= accepted.tags.items()
    assert collector.last("airflow.tiktok.requests").value == 1
    assert collector.last("airflow.tiktok.duration").value > 0
    assert collector.last("airflow.tiktok.oldest_event_age").value >= 0


def test_a_receiver_that_is_gone_fails_no_delivery(samples: Path, tmp_path: Path):
    """The events are sent, whatever becomes of the figures."""
    with Listener() as listener:
        settings = to_statsd(listener)
    assert "Receipt of the delivery" in run_in_process(samples, home=tmp_path, **settings)


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
    """All tables that are read, and no word of the query; of a run that failed as well."""
    for task_id, kind, tables, accepted in (
        ("table", "COMPLETE", ["sales", "shops"], 1),
        ("failing_table", "FAIL", ["sales"], 0),
    ):
        event = seen.run_event(task_id, kind)
        assert sorted(dataset["name"] for dataset in event["inputs"]) == tables
        assert all(dataset["namespace"].startswith("sqlite://") for dataset in event["inputs"])
        assert [dataset["name"] for dataset in event["outputs"]] == [f"offline/{SOURCE_ID}"]
        assert event["run"]["facets"]["tiktokReceipt"]["receipt"]["accepted"] == accepted
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
