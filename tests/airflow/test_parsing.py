# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]

HEAVY = (
    "airflow.sdk.bases.decorator",
    "airflow_provider_tiktok.simulator",
    "jsonschema_rs",
    "duckdb",
    "pandas",
    "phonenumbers",
    "polars",
    "pyarrow",
    "pyrate_limiter",
    "requests",
)

PLAIN = """
from airflow.providers.common.compat.sdk import DAG, BaseOperator, BaseHook, AirflowException

with DAG("plain", schedule=None):
    BaseOperator(task_id="nothing")
"""

OURS = """
from airflow_provider_tiktok.hooks.tiktok import TikTokHook
from airflow_provider_tiktok.operators.partitions import SplitFilesOperator, SplitQueryOperator
from airflow_provider_tiktok.operators.pixels import TikTokGetPixelOperator, TikTokListPixelsOperator
from airflow_provider_tiktok.operators.receipts import TikTokReceiptOperator
from airflow_provider_tiktok.operators.tiktok import TikTokSendEventsOperator
from airflow_provider_tiktok.sensors.tiktok import TikTokEventsReceivedSensor, TikTokPixelSensor
from airflow_provider_tiktok.transfers.files_to_tiktok import FilesToTikTokOperator
from airflow_provider_tiktok.transfers.python_to_tiktok import PythonToTikTokOperator
from airflow_provider_tiktok.transfers.sql_to_tiktok import SqlToTikTokOperator

with DAG("ours", schedule=None):
    TikTokSendEventsOperator(task_id="events", events=[{"event": "Purchase"}])
    PythonToTikTokOperator(task_id="python", python_callable=list)
    SqlToTikTokOperator(task_id="sql", sql="SELECT 1 AS event", sql_conn_id="shop")
    FilesToTikTokOperator(task_id="files", path="s3://sales/{{ ds }}/*.jsonl")
    SplitQueryOperator(task_id="ranges", sql_conn_id="shop", table="orders", key="order_id")
    SplitFilesOperator(task_id="parts", path="s3://sales/{{ ds }}/*.jsonl")
    TikTokReceiptOperator(task_id="receipt", of="files")
    TikTokListPixelsOperator(task_id="pixels")
    TikTokGetPixelOperator(task_id="pixel")
    TikTokPixelSensor(task_id="wait", deferrable=True)
    TikTokEventsReceivedSensor(task_id="received", first_day="{{ ds }}", deferrable=True)
"""


def loaded_by(source: str) -> set[str]:
    """Modules that are there once the source has run in a fresh interpreter."""
    code = f"{source}\nimport sys; print('loaded', *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=PROJECT, check=True, capture_output=True, text=True
    )
    return set(done.stdout.rpartition("loaded ")[2].split())


@pytest.fixture(scope="module")
def loaded_more() -> set[str]:
    """What a DAG file with our operators loads beyond a plain one."""
    return loaded_by(PLAIN + OURS) - loaded_by(PLAIN)


@pytest.mark.parametrize("name", HEAVY)
def test_parsing_loads_nothing_heavy(name: str, loaded_more: set[str]):
    """A DAG file is parsed every few seconds: what only a running task needs is not loaded."""
    assert not {module for module in loaded_more if module == name or module.startswith(f"{name}.")}


def test_readers_load_nothing_heavy():
    """Nor does what a DAG file says of columns."""
    source = "from airflow_provider_tiktok.mapping import SKIP, column; column('created', unit='ms')"
    loaded = loaded_by(source)
    assert "airflow_provider_tiktok.conversions.readers" in loaded
    assert not loaded.intersection((*HEAVY, "airflow"))


def test_parsing_loads_little_of_ours(loaded_more: set[str]):
    """Of the library, parsing needs the errors and how addresses are shown."""
    ours = {module for module in loaded_more if module.startswith("airflow_provider_tiktok.conversions.")}
    library = "airflow_provider_tiktok.conversions"
    assert ours == {f"{library}.errors", f"{library}.addresses"}
    assert loaded_more - ours
