# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The DAG that a canary run runs: every operator and sensor, in parts by what they do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

HEAD = """
import json
from datetime import timedelta
from airflow.providers.common.compat.sdk import DAG, task, task_group
from airflow_provider_tiktok.decorators.tiktok import tiktok_events_task
from airflow_provider_tiktok.operators.liveramp import LiveRampRefreshEnvelopesOperator, LiveRampSendEventsOperator
from airflow_provider_tiktok.operators.partitions import SplitFilesOperator, SplitQueryOperator
from airflow_provider_tiktok.operators.pixels import TikTokGetPixelOperator, TikTokListPixelsOperator
from airflow_provider_tiktok.operators.receipts import TikTokReceiptOperator
from airflow_provider_tiktok.operators.tiktok import (
    TikTokSendEventOperator,
    TikTokSendEventsOperator,
    TikTokTestEventOperator,
)
from airflow_provider_tiktok.task.hidden import Hidden
from airflow_provider_tiktok.sensors.tiktok import TikTokEventsReceivedSensor, TikTokPixelSensor
from airflow_provider_tiktok.transfers.files_to_liveramp import FilesToLiveRampOperator
from airflow_provider_tiktok.transfers.files_to_tiktok import FilesToTikTokOperator
from airflow_provider_tiktok.transfers.preview import TikTokPreviewOperator
from airflow_provider_tiktok.transfers.python_to_tiktok import PythonToLiveRampOperator, PythonToTikTokOperator
from airflow_provider_tiktok.transfers.sql_to_liveramp import SqlToLiveRampOperator
from airflow_provider_tiktok.transfers.sql_to_tiktok import SqlToTikTokOperator

FOLDER = {folder!r}

def read(name="records"):
    with open(f"{{FOLDER}}/{{name}}.json") as file:
        return json.load(file)

def fail():
    raise RuntimeError("a template of the author's fails")

def give(rows):
    yield from rows

def give_and_break(rows):
    yield from rows
    raise ValueError(f"no such row: {{rows}}")

arguments = {{
    "retries": 1,
    "retry_delay": timedelta(0),
    "result_webhook_conn_id": "hook",
    "max_attempts_per_request": 1,
    "default_region": "US",
}}
mapped = {{
    "event_time": "event_time", "event_id": "event_id", "user.email": "email", "user.phone": "phone",
    "user.first_name": "first_name", "user.external_id": "external_id", "user.zip_code": "zip_code",
}}
offline = {{**arguments, "event_source": "offline", "mapping": mapped, "defaults": {{"event": "Purchase"}}}}
session = {{
    "event": "kind", "event_time": "at", "event_id": "id", "user.envelope": "envelope",
    "user.session_id": "session", "page.url": "url", "properties.value": "total",
}}
liveramp = {{**arguments, "default_region": None}}

with DAG({dag_id!r}, schedule=None, user_defined_macros={{"read": read, "fail": fail}}) as dag:
"""

PARTS: Mapping[str, str] = {
    "sending": """
        TikTokSendEventsOperator(task_id="inline", events=read(), **arguments)
        TikTokSendEventsOperator(task_id="text", events=json.dumps(read()), **arguments)
        TikTokSendEventsOperator(task_id="template", events="{{ read() | tojson }}", **arguments)
        TikTokSendEventsOperator(task_id="failing", events=[*read(), {"note": "{{ fail() }}"}], **arguments)
        TikTokSendEventsOperator(task_id="dry", events=Hidden(read(), is_data=True), validate_only=True, **arguments)
        TikTokSendEventsOperator.partial(task_id="partial", events=Hidden(read()), **arguments).expand(max_in_flight=[1, 2])
        TikTokSendEventsOperator.partial(task_id="spread", **arguments).expand(events=[Hidden([one]) for one in read()])
        TikTokSendEventOperator(task_id="one", event=read()[0], **arguments)
        TikTokSendEventOperator(
            task_id="parts", event_name="Purchase", user=read()[0]["user"], properties=read()[0]["properties"],
            page=read()[0]["page"], **arguments
        )
        TikTokTestEventOperator(task_id="test", event=read()[-1], test_event_code="TEST12345", **arguments)
        FilesToTikTokOperator(task_id="files", path=f"{FOLDER}/records.jsonl", **arguments)
    """,
    "query": """
        SqlToTikTokOperator(
            task_id="table", sql="SELECT * FROM sales WHERE email <> :other", sql_conn_id="shop",
            parameters={"other": read("parameter")}, **offline
        )
        SqlToTikTokOperator(
            task_id="wrong_query", sql="SELECT * FROM sales WHERE nothing = :other", sql_conn_id="shop",
            parameters={"other": read("parameter")}, **offline
        )
    """,
    "liveramp": """
        LiveRampRefreshEnvelopesOperator(
            task_id="refresh", envelopes=read("envelopes"), output_path=f"{FOLDER}/refreshed.jsonl", retries=1,
            retry_delay=timedelta(0), max_attempts_per_request=1,
        )
        LiveRampRefreshEnvelopesOperator(
            task_id="refresh_table", sql="SELECT id AS key, envelope, at AS refreshed_at FROM sessions",
            sql_conn_id="shop", table="kept", require_consent="never", max_attempts_per_request=1,
        )
        LiveRampSendEventsOperator(task_id="liveramp", events=read("liveramp"), **liveramp)
        SqlToLiveRampOperator(
            task_id="table", sql="SELECT * FROM sessions WHERE id <> :other", sql_conn_id="shop",
            parameters={"other": read("parameter")}, mapping=session, **liveramp
        )
        FilesToLiveRampOperator(task_id="files", path=f"{FOLDER}/liveramp.jsonl", **liveramp)
        PythonToLiveRampOperator(
            task_id="python", python_callable=give_and_break, op_args=[read("liveramp")], **liveramp
        )
    """,
    "files": """
        FilesToTikTokOperator(
            task_id="query", path=f"{FOLDER}/records.jsonl", sql="SELECT * FROM files ORDER BY event_id",
            order_by=["event_id"], **arguments
        )
        FilesToTikTokOperator(
            task_id="unordered_query", path=f"{FOLDER}/records.jsonl", sql="SELECT * FROM files", **arguments
        )
        TikTokPreviewOperator(task_id="preview", path=f"{FOLDER}/records.jsonl", must_be_ready=True, **arguments)
        SplitFilesOperator(task_id="stored_parts", path="{{ read('stored_path') }}")
        FilesToTikTokOperator(
            task_id="stored", path="{{ read('stored_path') }}", dead_letter_path="{{ read('stored_letters') }}",
            result_webhook_url="{{ read('webhook_url') }}", **arguments
        )
    """,
    "tables": """
        FilesToTikTokOperator(
            task_id="conversion", path=f"{FOLDER}/sales.csv", sql="SELECT CAST(email AS INTEGER) AS total FROM files",
            **offline
        )
        FilesToTikTokOperator(
            task_id="quoting", path=f"{FOLDER}/sales.csv", sql="SELECT error(email || phone) AS total FROM files",
            **offline
        )
        TikTokPreviewOperator(task_id="preview_table", path=f"{FOLDER}/sales.csv", **offline)
        parts = SplitFilesOperator(task_id="parts", path=f"{FOLDER}/sales.csv")
        FilesToTikTokOperator.partial(task_id="part", **offline).expand(part=parts.output) >> TikTokReceiptOperator(
            task_id="whole", of="part", result_webhook_conn_id="hook"
        )
        SplitQueryOperator(task_id="ranges", sql_conn_id="shop", table="sales", key="event_time")
    """,
    "python": """
        arguments["is_repeatable"] = True
        tiktok_events_task(**arguments)(give)(read())
        PythonToTikTokOperator(
            task_id="unordered", python_callable=give, op_kwargs={"rows": read()}, **{**arguments, "is_repeatable": False}
        )
        PythonToTikTokOperator(task_id="broken", python_callable=give_and_break, op_args=[read()], **arguments)
        PythonToTikTokOperator(task_id="refused", python_callable=give, op_kwargs={str(read()): 1}, **arguments)
        PythonToTikTokOperator.partial(task_id="mapped", python_callable=give, **arguments).expand(
            op_args=[Hidden([read()])]
        )
    """,
    "waiting": """
        waiting = {"poke_interval": 10, "timeout": 30, "soft_fail": True, "deferrable": True}
        TikTokPixelSensor(task_id="pixel", pixel_code="CSIM0000000000000009", **waiting)
        TikTokEventsReceivedSensor(task_id="events", first_day="2026-11-01", min_events=10**9, **waiting)
    """,
    "reporting": """
        TikTokSendEventsOperator(task_id="reporting", events=read(), **arguments)
    """,
    "looking": """
        TikTokListPixelsOperator(task_id="pixels")
        TikTokGetPixelOperator(task_id="pixel")
        TikTokPixelSensor(task_id="wait_pixel", check_sending=False, poke_interval=1, timeout=2)
        TikTokEventsReceivedSensor(task_id="wait_events", first_day="2026-11-01", poke_interval=1, timeout=2, soft_fail=True)
        TikTokPixelSensor(task_id="defer_pixel", check_sending=False, poke_interval=1, timeout=2, deferrable=True)
    """,
}
"""Name of a part to the tasks in it."""

SERVICE = """
from airflow_provider_tiktok.service.events_api import make_events_api_dag

dag = make_events_api_dag(
    {dag_id!r}, result_webhook_conn_id="hook", events_folder={folder!r}, sending={{"max_attempts_per_request": 1}}
)
"""
"""The DAG that is told by a run's input what to do."""


def source_of(part: str, *, dag_id: str, folder: Path) -> str:
    """The text of the DAG's file."""
    if part == "service":
        return SERVICE.format(folder=str(folder), dag_id=dag_id)
    lines = PARTS[part].strip("\n").splitlines()
    indent = len(lines[0]) - len(lines[0].lstrip())
    return HEAD.format(folder=str(folder), dag_id=dag_id) + "\n".join(
        "    " + line[indent:] for line in lines
    )
