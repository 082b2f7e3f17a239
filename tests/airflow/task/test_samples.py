# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok.exceptions import PermanentFailure
from airflow_provider_tiktok.operators.tiktok import (
    TikTokSendEventOperator,
    TikTokSendEventsOperator,
    TikTokTestEventOperator,
)
from airflow_provider_tiktok.simulator import Simulator
from tests.airflow.running import Task

OPERATORS = (TikTokSendEventOperator, TikTokSendEventsOperator, TikTokTestEventOperator)


@pytest.mark.parametrize("event_source", ["web", "app", "offline", "crm"])
@pytest.mark.parametrize("kind", OPERATORS)
def test_operator_can_be_tried_with_nothing(
    kind: type[Any], event_source: str, task: Task, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In demo mode an operator without connection and events sends samples that are all accepted."""
    letters = str(tmp_path / "letters.jsonl")
    operator = kind(
        task_id="try",
        demo_mode=True,
        tiktok_conn_id="nowhere",
        event_source=event_source,
        dead_letter_path=letters,
    )
    receipt = operator.execute(task.context)
    assert receipt["read"] == receipt["accepted"] > 0
    assert receipt["warnings"] == receipt["dropped"] == []
    assert "sample events are used" in caplog.text


@pytest.mark.parametrize("kind", OPERATORS)
def test_samples_are_never_live(kind: type[Any], tiktok: Simulator, task: Task) -> None:
    """Without demo mode an operator without events sends nothing, and says what it needs."""
    with pytest.raises(PermanentFailure, match=r"[Gg]ive"):
        kind(task_id="send").execute(task.context)
    assert tiktok.requests == []


@pytest.mark.parametrize("kind", OPERATORS)
def test_an_unknown_event_source_has_no_samples(kind: type[Any], task: Task) -> None:
    """A mistyped event source is told in demo mode too, with the known ones."""
    operator = kind(task_id="try", demo_mode=True, tiktok_conn_id="nowhere", event_source="website")
    with pytest.raises(PermanentFailure, match="Set event_source to one of: web, app, offline, crm"):
        operator.execute(task.context)
