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
from airflow_provider_tiktok.operators.liveramp import LiveRampRefreshEnvelopesOperator, LiveRampSendEventsOperator
from airflow_provider_tiktok.operators.pixels import TikTokGetPixelOperator, TikTokListPixelsOperator
from airflow_provider_tiktok.operators.tiktok import (
    TikTokSendEventOperator,
    TikTokSendEventsOperator,
    TikTokTestEventOperator,
)
from airflow_provider_tiktok.task.hidden import Hidden
from airflow_provider_tiktok.sensors.tiktok import TikTokEventsReceivedSensor, TikTokPixelSensor
from airflow_provider_tiktok.transfers.files_to_liveramp import FilesToLiveRampOperator
from airflow_provider_tiktok.transfers.files_to_tiktok import FilesToTikTokOperator
from airflow_provider_tiktok.transfers.sql_to_liveramp import SqlToLiveRampOperator
from airflow_provider_tiktok.transfers.sql_to_tiktok import SqlToTikTokOperator

FOLDER = {folder!r}

def read(name="records"):
    with open(f"{{FOLDER}}/{{name}}.json") as file:
        return json.load(file)

def fail():
    raise RuntimeError("a template of the author's fails")

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
        LiveRampSendEventsOperator(task_id="liveramp", events=read("liveramp"), **{**arguments, "default_region": None})
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


def source_of(part: str, *, dag_id: str, folder: Path) -> str:
    """The text of the DAG's file."""
    lines = PARTS[part].strip("\n").splitlines()
    indent = len(lines[0]) - len(lines[0].lstrip())
    return HEAD.format(folder=str(folder), dag_id=dag_id) + "\n".join(
        "    " + line[indent:] for line in lines
    )
