# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A run that is cut short ends in order: what is under way is waited for, and the receipt is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_tiktok.simulator import Simulator
from tests.end_to_end.conftest import DagRun
from tests.end_to_end.orders import SETTINGS, order, write_jsonl

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
