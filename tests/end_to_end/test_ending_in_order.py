# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A run that is cut short ends in order: what is under way is waited for, and the receipt is written."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_tiktok.simulator import DEFAULT_PIXEL_CODE, Simulator
from tests.end_to_end.conftest import DagRun
from tests.end_to_end.orders import SETTINGS, TOKEN, order, write_jsonl
from tests.end_to_end.stack import Stack

TRACK = "/open_api/v1.3/event/track/"


@pytest.fixture
def slow_tiktok(simulator: Simulator) -> Simulator:
    """TikTok takes 0.4 seconds for each answer."""
    simulator.faults = [{"match": {"path": TRACK}, "effect": {"delay_s": 0.4, "process": True}}]
    return simulator


def test_a_time_out_ends_in_order_and_the_retry_goes_on_there(
    slow_tiktok: Simulator, run_operator: Callable[..., DagRun], tmp_path: Path
) -> None:
    """Each try ends at its execution_timeout with a receipt; together they send every event, none twice."""
    path = tmp_path / "orders.jsonl"
    write_jsonl(path, [order(n) for n in range(80)])
    run = run_operator(
        "FilesToTikTokOperator",
        path=str(path),
        max_events_per_request=10,
        max_in_flight=1,
        dead_letter_path=str(tmp_path / "letters.jsonl"),
        code="execution_timeout=timedelta(seconds=2)",
        retries=8,  # on a busy machine a try may come to a single request
        **SETTINGS,
    )
    summary = slow_tiktok.ledger.summary()["live"]
    assert run.state == "success"
    assert run.tries > 1
    assert (summary["unique_events"], summary["repeats"]) == (80, 0)
    assert run.printed.count("Receipt of the delivery to TikTok") == run.tries
    assert "The run was stopped by the task's time limit." in run.printed
    assert run.receipt["accepted"] == 80
    assert run.receipt["resumed_from"] > 0


STOPPED_DAG = """
from datetime import timedelta

from airflow.sdk import DAG

from airflow_provider_tiktok.transfers.files_to_tiktok import FilesToTikTokOperator

with DAG("stopped_upload", schedule=None) as dag:
    FilesToTikTokOperator(
        task_id="send",
        path={path!r},
        dead_letter_path={letters!r},
        tiktok_conn_id="stopped_upload",
        max_events_per_request=2,
        max_in_flight=2,
        retries=3,
        retry_delay=timedelta(seconds=0.2),
        **{settings!r},
    )
"""


def test_a_task_that_is_told_to_end_leaves_a_receipt_and_is_gone_on_from(
    slow_tiktok: Simulator, stack: Stack, tmp_path: Path
) -> None:
    """SIGTERM on a whole Airflow: answers under way are waited for, the retry sends the rest and no repeat."""
    path = tmp_path / "orders.jsonl"
    write_jsonl(path, [order(n) for n in range(90)])
    stack.define_connection(
        "stopped_upload",
        conn_type="tiktok",
        host=slow_tiktok.url,
        password=TOKEN,
        extra={"pixel_code": DEFAULT_PIXEL_CODE},
    )
    source = STOPPED_DAG.format(path=str(path), letters=str(tmp_path / "letters.jsonl"), settings=SETTINGS)
    stack.add_dag(source, dag_id="stopped_upload")
    run_id = stack.trigger("stopped_upload")
    stack.until(lambda: len(slow_tiktok.requests) >= 3, what="the upload is under way", timeout_s=60)
    os.kill(stack.task("stopped_upload", run_id, "send")["pid"], signal.SIGTERM)

    assert stack.wait("stopped_upload", run_id)["state"] == "success"
    assert [one["state"] for one in stack.tries("stopped_upload", run_id, "send")] == ["failed", "success"]
    assert "Receipt of the delivery to TikTok" in stack.log("stopped_upload", run_id, "send", try_number=1)
    receipt = stack.xcom("stopped_upload", run_id, "send")
    summary = slow_tiktok.ledger.summary()["live"]
    assert (receipt["accepted"], receipt["read"]) == (90, 90)
    assert receipt["resumed_from"] > 0
    assert (summary["unique_events"], summary["repeats"]) == (90, 0)
