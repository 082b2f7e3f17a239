# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from airflow_provider_tiktok.exceptions import PermanentFailure
from airflow_provider_tiktok.transfers.preview import TikTokPreviewOperator
from tests.airflow.running import Task

RECORD = {"at": int(time.time()) - 60, "mail": "planted@example.com", "page": "https://shop.example.com/"}
MAPPING = {"event_time": "at", "user.email": "mail", "page.url": "page"}


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    file = tmp_path / "orders.jsonl"
    file.write_text(json.dumps(RECORD) + "\n")
    return file


def test_preview_needs_no_connection(orders: Path, task: Task, caplog: pytest.LogCaptureFixture):
    """The log shows the events, the result counts them, and neither has a value."""
    told = TikTokPreviewOperator(
        task_id="look", path=orders, mapping=MAPPING, defaults={"event": "Lead"}, tiktok_conn_id="none"
    ).execute(task.context)
    assert (told["events"], told["can_be_sent"], told["match_keys"]) == ({"ready": 1}, True, {"email": 1})
    assert "← mail: aaaaaaa@aaaaaaa.aaa" in caplog.text
    assert "planted" not in caplog.text + json.dumps(told)


def test_preview_can_guard_an_upload(orders: Path, task: Task):
    """It fails for good where an event could not be sent, if it is told to."""
    look = TikTokPreviewOperator(task_id="look", path=orders, mapping=MAPPING, must_be_ready=True)
    with pytest.raises(PermanentFailure, match="Not every event is ready"):
        look.execute(task.context)
    assert look.outlets == []


def test_preview_of_a_query(orders: Path, task: Task):
    """A query over the files is previewed as it would be sent."""
    told = TikTokPreviewOperator(
        task_id="look",
        path=orders,
        sql='SELECT "at" AS event_time, mail AS email, page AS "page.url" FROM files',
        defaults={"event": "Lead"},
    ).execute(task.context)
    assert told["events"] == {"ready": 1}
