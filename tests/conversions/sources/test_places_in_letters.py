# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A dead letter says where its row stands, whatever source it came from and whoever wraps that source."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_tiktok import conversions
from airflow_provider_tiktok.conversions.chunks import Source
from airflow_provider_tiktok.conversions.delivery.dead_letter import DeadLetters
from airflow_provider_tiktok.conversions.delivery.engine import deliver
from airflow_provider_tiktok.conversions.liveramp.records import LiveRampRecords
from airflow_provider_tiktok.conversions.mapping import EventMapping
from airflow_provider_tiktok.conversions.sources.files import FilesSource
from airflow_provider_tiktok.conversions.sources.produced import ProducedSource
from airflow_provider_tiktok.conversions.sources.queried_files import QueriedFiles
from airflow_provider_tiktok.conversions.sources.records import RecordsSource
from airflow_provider_tiktok.conversions.sources.sql import SqlSource
from tests.conversions.delivery.ledger import Ledger

ROWS = [
    {"event": "Purchase", "event_time": 1767225600 + n, "event_id": f"o-{n}", "email": "jane@example.com"}
    for n in range(3)
]
BAD = [ROWS[0], {**ROWS[1], "event_time": None}, ROWS[2]]


def of_lines(folder: Path) -> Source:
    return _file(folder / "orders.jsonl", "\n".join(map(json.dumps, BAD)))


def of_json(folder: Path) -> Source:
    return _file(folder / "orders.json", json.dumps(BAD))


def of_csv(folder: Path) -> Source:
    lines = [",".join("" if value is None else str(value) for value in row.values()) for row in BAD]
    return _file(folder / "orders.csv", "\n".join((",".join(ROWS[0]), *lines)))


def of_parquet(folder: Path) -> Source:
    pq.write_table(pa.Table.from_pylist(BAD), folder / "orders.parquet")
    return FilesSource([folder / "orders.parquet"])


def of_records(_folder: Path) -> Source:
    return RecordsSource(BAD)


def of_function(_folder: Path) -> Source:
    return ProducedSource(lambda: iter(BAD))


def of_query(folder: Path) -> Source:
    database = folder / "orders.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE orders (event, event_time, event_id, email)")
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", [tuple(row.values()) for row in BAD])
    connection.close()
    return SqlSource(lambda: sqlite3.connect(database), "SELECT * FROM orders")


def of_queried_file(folder: Path) -> Source:
    file = folder / "orders.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in BAD))
    return QueriedFiles([file], sql="FROM files")


def _file(path: Path, text: str) -> Source:
    path.write_text(text)
    return FilesSource([path])


PLACES: dict[Callable[[Path], Source], str | None] = {
    of_lines: "orders.jsonl, line 2",
    of_json: "orders.json, row 2",
    of_csv: "orders.csv, line 3",
    of_parquet: "orders.parquet, row 2",
    of_records: None,
    of_function: None,
    of_query: None,
    of_queried_file: None,
}
"""How a source is made, and where its second row stands; ``None`` where the row's number says all."""

WRAPPERS: tuple[Callable[[Source], Source], ...] = (LiveRampRecords,)


@pytest.mark.parametrize("wrap", [lambda source: source, *WRAPPERS], ids=["alone", "LiveRampRecords"])
@pytest.mark.parametrize("make", PLACES, ids=lambda make: make.__name__)
def test_a_letter_names_the_place(make: Any, wrap: Any, tmp_path: Path) -> None:
    """The place is that of the source itself, also through what wraps it."""
    letters = tmp_path / "letters.jsonl"
    source = wrap(make(tmp_path))
    deliver(
        source,
        mapping=EventMapping(),
        destination=Ledger(),
        dead_letters=DeadLetters(letters, run="dag/run/task"),
    )
    [letter] = map(json.loads, letters.read_text().splitlines())
    assert letter["row"] == 2
    place = PLACES[make]
    assert letter["place"] is None if place is None else letter["place"].endswith(place)


def test_every_source_is_here() -> None:
    """A source that nobody tried above fails this test."""
    tried = {RecordsSource, ProducedSource, SqlSource, FilesSource, QueriedFiles, *WRAPPERS}
    found = set()
    for module in pkgutil.walk_packages(conversions.__path__, f"{conversions.__name__}."):
        for _, one in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if one.__module__ == module.name and one is not Source and hasattr(one, "locate"):
                found.add(one)
    assert found == tried
