# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from airflow_provider_tiktok.exceptions import PermanentFailure
from airflow_provider_tiktok.operators.liveramp import LiveRampRefreshEnvelopesOperator
from airflow_provider_tiktok.operators.tiktok import TikTokSendEventsOperator, TikTokTestEventOperator
from airflow_provider_tiktok.sensors.tiktok import TikTokPixelSensor
from airflow_provider_tiktok.task.contexts import complete_context
from airflow_provider_tiktok.transfers.files_to_tiktok import FilesToTikTokOperator
from tests.airflow.running import Task

BARE = {
    "empty": dict,
    "mock": MagicMock,
    "none": lambda: None,
    "ti is a mock": lambda: {"ti": MagicMock()},
    "ti is none": lambda: {"ti": None},
    "ti has one method": lambda: {"ti": SimpleNamespace(xcom_push=lambda key, value: None)},
    "ti has no method": lambda: {"ti": object()},
    "other names": lambda: {"ds": "2026-11-27", "params": {}},
}


@pytest.fixture(params=BARE.values(), ids=BARE.keys())
def context(request: pytest.FixtureRequest) -> Any:
    """What a DAG author's unit test may call ``execute`` with."""
    return request.param()


@pytest.mark.parametrize("operator", [TikTokSendEventsOperator, TikTokTestEventOperator])
def test_operators_run_in_a_unit_test(context: Any, operator: Any):
    """The receipt is the result, whatever the context lacks."""
    assert operator(task_id="send", demo_mode=True, tiktok_conn_id="none").execute(context)["accepted"]


def test_failures_are_the_operators_own(context: Any, tmp_path: Path):
    """A unit test of a mistake sees that mistake, and where there is a receipt it is pushed."""
    operator = FilesToTikTokOperator(
        task_id="send", path=str(tmp_path / "none" / "*.csv"), demo_mode=True, tiktok_conn_id="none"
    )
    with pytest.raises(PermanentFailure, match="matches none"):
        operator.execute(context)


def test_sensors_run_in_a_unit_test(context: Any):
    """They look, and say what they saw."""
    seen = TikTokPixelSensor(task_id="wait", demo_mode=True, tiktok_conn_id="none").execute(context)
    assert seen["pixel_code"]


def test_a_mock_sees_what_is_pushed():
    """A unit test may look at what its task instance was given."""
    task = MagicMock()
    receipt = TikTokSendEventsOperator(task_id="send", demo_mode=True, tiktok_conn_id="none").execute(
        {"ti": task}
    )
    task.xcom_push.assert_called_once_with(key="receipt", value=receipt)


def test_airflows_own_context_is_left_as_it_is():
    """Nothing is taken from it, and nothing added."""
    context = Task().context
    assert complete_context(context, task_id="send") is context


def test_refreshing_tells_its_own_mistakes(context: Any):
    """The operator for envelopes is no other."""
    with pytest.raises(PermanentFailure, match="sql"):
        LiveRampRefreshEnvelopesOperator(task_id="refresh").execute(context)
