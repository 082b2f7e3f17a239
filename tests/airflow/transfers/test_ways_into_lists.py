# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A way into the members of a list that leads nowhere is told before anything is sent, whatever the source."""

from __future__ import annotations

import csv
import json
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_tiktok.exceptions import PermanentFailure
from airflow_provider_tiktok.operators.tiktok import TikTokSendEventsOperator
from airflow_provider_tiktok.simulator import Simulator
from airflow_provider_tiktok.transfers.files_to_tiktok import FilesToTikTokOperator
from airflow_provider_tiktok.transfers.python_to_tiktok import PythonToTikTokOperator
from airflow_provider_tiktok.transfers.sql_to_tiktok import SqlToTikTokOperator
from tests.airflow.running import Task

pytestmark = pytest.mark.usefixtures("airflow_home")

Record = Mapping[str, Any]


def _plain(record: Record) -> list[Any]:
    return [json.dumps(value) if isinstance(value, list) else value for value in record.values()]


def _csv(record: Record, path: Path) -> dict[str, Any]:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([record, _plain(record)])
    return {"path": path}


def _text(record: Record, path: Path) -> dict[str, Any]:
    path.write_text(json.dumps([record] if path.suffix == ".json" else record))
    return {"path": path}


def _parquet(record: Record, path: Path) -> dict[str, Any]:
    pq.write_table(pa.Table.from_pylist([record]), path)
    return {"path": path}


def _table(record: Record, path: Path) -> dict[str, Any]:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE orders (at, mail, tags)")
        connection.execute("INSERT INTO orders VALUES (?, ?, ?)", _plain(record))
    return {"sql": "SELECT * FROM orders", "sql_conn_id": "shop"}


SOURCES: dict[str, tuple[type[Any], Callable[[Record, Path], dict[str, Any]]]] = {
    "records": (TikTokSendEventsOperator, lambda record, _: {"events": [record]}),
    "generator": (PythonToTikTokOperator, lambda record, _: {"python_callable": lambda: iter([record])}),
    "pandas": (PythonToTikTokOperator, lambda record, _: {"python_callable": lambda: pd.DataFrame([record])}),
    "polars": (PythonToTikTokOperator, lambda record, _: {"python_callable": lambda: pl.DataFrame([record])}),
    "lazy": (PythonToTikTokOperator, lambda record, _: {"python_callable": lambda: pl.LazyFrame([record])}),
    "arrow": (
        PythonToTikTokOperator,
        lambda record, _: {"python_callable": lambda: pa.Table.from_pylist([record])},
    ),
    "stream": (
        PythonToTikTokOperator,
        lambda record, _: {"python_callable": lambda: pa.Table.from_pylist([record]).to_reader()},
    ),
    "csv": (FilesToTikTokOperator, _csv),
    "jsonl": (FilesToTikTokOperator, _text),
    "json": (FilesToTikTokOperator, _text),
    "parquet": (FilesToTikTokOperator, _parquet),
    "csv, sql": (FilesToTikTokOperator, _csv),
    "jsonl, sql": (FilesToTikTokOperator, _text),
    "parquet, sql": (FilesToTikTokOperator, _parquet),
    "database": (SqlToTikTokOperator, _table),
}


@pytest.mark.parametrize("tags", [5, "red,blue", ["red"], [{"di": "red"}]], ids=repr)
@pytest.mark.parametrize("kind", SOURCES)
def test_it_is_told_before_anything_is_sent(
    kind: str, tags: Any, tmp_path: Path, tiktok: Simulator, define_connection: Callable[..., None]
):
    """A number, a text, a list of texts and a list of other objects have no ``id`` in each of their members."""
    operator, give = SOURCES[kind]
    name, _, query = kind.partition(", ")
    path = tmp_path / f"orders.{name}"
    define_connection("shop", conn_type="sqlite", host=str(path))
    record = {"at": int(time.time()) - 60, "mail": "person@example.com", "tags": tags}
    given = give(record, path) | ({"sql": "FROM files"} if query else {})
    for path_of_event in ("user.external_id", "properties.contents[].content_id"):
        send = operator(
            task_id="send",
            mapping={"event_time": "at", "user.email": "mail", path_of_event: "tags[].id"},
            defaults={"event": "Lead"},
            dead_letter_path=tmp_path / "letters.jsonl",
            **given,
        )
        with pytest.raises(PermanentFailure, match=r"'tags\[\]\.id'"):
            send.execute(Task().context)
    assert tiktok.requests == []
