# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok.exceptions import PermanentFailure
from airflow_provider_tiktok.transfers.preview import LiveRampPreviewOperator, TikTokPreviewOperator
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
    with pytest.raises(PermanentFailure, match="not every event is ready"):
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


@pytest.fixture
def shop(tmp_path: Path, define_connection: Callable[..., None]) -> str:
    """A database with more orders than a preview looks at."""
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database, database:
        database.execute("CREATE TABLE orders (at, mail, page)")
        database.executemany("INSERT INTO orders VALUES (?, ?, ?)", [tuple(RECORD.values())] * 30)
    define_connection("shop", conn_type="sqlite", host=str(tmp_path / "shop.db"))
    return "shop"


def test_preview_of_a_database(shop: str, task: Task, caplog: pytest.LogCaptureFixture):
    """The first rows of a query, with what is bound to it, as SqlToTikTokOperator would send them."""
    told = TikTokPreviewOperator(
        task_id="look",
        sql="SELECT * FROM orders WHERE mail = :mail",
        sql_conn_id=shop,
        parameters={"mail": RECORD["mail"]},
        mapping=MAPPING,
        defaults={"event": "Lead"},
        max_rows=3,
        tiktok_conn_id="none",
    ).execute(task.context)
    assert (told["rows"], told["events"], told["match_keys"]) == (3, {"ready": 3}, {"email": 3})
    assert f"sha256 {hashlib.sha256(b'planted@example.com').hexdigest()[:12]}…" in caplog.text
    assert "planted" not in caplog.text + json.dumps(told)


def test_preview_of_a_function(task: Task, caplog: pytest.LogCaptureFixture):
    """What it yields first, and it is closed; the arguments are the function's."""
    ended = []

    def orders(count: int, ti: Any) -> Iterator[dict[str, Any]]:
        try:
            for number in range(count):
                yield {**RECORD, "task": ti.task_id, "number": number}
        finally:
            ended.append(True)

    told = TikTokPreviewOperator(
        task_id="look",
        python_callable=orders,
        op_kwargs={"count": 100_000},
        mapping=MAPPING,
        defaults={"event": "Lead"},
        is_repeatable=True,
    ).execute(task.context)
    assert (told["rows"], told["events"], ended) == (10, {"ready": 10}, [True])
    assert "planted" not in caplog.text + json.dumps(told)


ENVELOPE = "AlExampleEnvelopeForTests0123456789abcdefghijklmnopqrst"


def test_preview_on_the_way_to_liveramp(shop: str, task: Task, caplog: pytest.LogCaptureFixture):
    """What never goes to LiveRamp is not shown as sent, and the envelope is no more than its shape."""
    mapping = {**MAPPING, "user.envelope": "envelope"}
    told = LiveRampPreviewOperator(
        task_id="look",
        sql=f"SELECT *, '{ENVELOPE}' AS envelope FROM orders",
        sql_conn_id=shop,
        mapping=mapping,
        defaults={"event": "Lead", "properties.value": 12.5, "properties.currency": "EUR"},
        liveramp_conn_id="none",
        max_rows=1,
    ).execute(task.context)
    assert (told["events"], told["match_keys"]) == ({"ready": 1}, {"envelope": 1})
    lines = {line.split()[0]: line for line in caplog.text.splitlines() if "←" in line}
    assert "(nothing)  ← mail: aaaaaaa@aaaaaaa.aaa" in lines["user.email"]
    assert "aaaaa" in lines["user.envelope"].casefold()
    assert ENVELOPE[:16] not in caplog.text
    assert "planted" not in caplog.text + json.dumps(told)


def test_preview_of_liveramps_own_form(task: Task):
    """Records in LiveRamp's form need no mapping, as in the operator that sends them."""
    record = {
        "event_type": "Lead",
        "event_time": RECORD["at"],
        "event_id": "L-1",
        "event_source_url": RECORD["page"],
        "user_data": {"partner_id": ENVELOPE},
    }
    told = LiveRampPreviewOperator(task_id="look", python_callable=lambda: [record]).execute(task.context)
    assert told["events"] == {"ready": 1}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"path": "a.csv", "sql_conn_id": "shop", "sql": "SELECT 1"}, "Name one source"),
        ({"path": "a.csv", "python_callable": list}, "Name one source"),
        ({"sql_conn_id": "shop"}, "Give the query"),
        ({"python_callable": list, "max_rows": 0}, "Set max_rows to a whole number"),
        ({}, "path"),
    ],
)
def test_one_source_is_previewed(given: dict[str, Any], told: str, task: Task):
    """Which one it is must be said."""
    with pytest.raises(PermanentFailure, match=told):
        TikTokPreviewOperator(task_id="look", **given).execute(task.context)
