# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Parquet and Arrow rows arrive as Python values, exact, a page at a time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.events import UnreadableRow
from airflow_provider_tiktok.conversions.sources.arrow_rows import import_arrow, rows_of
from airflow_provider_tiktok.conversions.sources.files import FilesSource

Read = Callable[..., list[Any]]
Write = Callable[[str, str | bytes], Path]


def write_parquet(path: Path, table: pa.Table, **settings: Any) -> Path:
    """The path, with the table in it."""
    pq.write_table(table, path, **settings)
    return path


def test_parquet(read: Read, tmp_path: Path) -> None:
    """Each type is the Python value of the same meaning; absent is ``None``; nesting stays."""
    row = {
        "email": "ada@example.com",
        "price": Decimal("12.30"),
        "count": 2,
        "is_new": True,
        "at": datetime(2026, 11, 1, 12, tzinfo=UTC),
        "day": date(2026, 11, 1),
        "user": {"phone": ["+12025550123"]},
    }
    empty = dict.fromkeys(row)
    path = write_parquet(tmp_path / "orders.parquet", pa.Table.from_pylist([row, empty]))
    assert read(path) == [row, empty]


@pytest.mark.parametrize("page_size", [1, 3, 10, 1000])
def test_pages_do_not_show(read: Read, tmp_path: Path, page_size: int) -> None:
    """Page size and row groups change nothing of the rows."""
    rows = [{"id": number} for number in range(10)]
    path = write_parquet(tmp_path / "orders.pq", pa.Table.from_pylist(rows), row_group_size=4)
    assert read(path, page_size=page_size) == rows


def test_single_precision_stays_the_number_it_was() -> None:
    """12.34 in single precision is 12.34, not its neighbour in double precision."""
    table = pa.table({"price": pa.array([12.34, None, 1e30, 0.0], pa.float32())})
    assert rows_of(table) == [{"price": 12.34}, {"price": None}, {"price": 1e30}, {"price": 0.0}]


@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Tokyo"])
def test_nanoseconds_are_cut(zone: str | None) -> None:
    """A time with nanoseconds is a Python time, and needs no pandas."""
    kind = pa.timestamp("ns", zone)
    (row,) = rows_of(pa.table({"at": pa.array([1_700_000_000_123_456_789], kind)}))
    assert isinstance(row, dict)
    assert type(row["at"]) is datetime
    assert row["at"].microsecond == 123_456
    assert (row["at"].tzinfo is None) == (zone is None)


@pytest.mark.parametrize(
    "bad",
    [
        pa.array([1, 2**62, 3], pa.timestamp("s")),
        pa.array([b"a", b"\xff", b"b"]).view(pa.string()),
    ],
    ids=["year beyond 9999", "no text"],
)
def test_value_beyond_python_is_one_unreadable_row(bad: pa.Array) -> None:
    """The rows around a value that Python cannot hold are read."""
    rows = rows_of(pa.table({"id": [1, 2, 3], "value": bad}))
    assert [row.rule if isinstance(row, UnreadableRow) else row["id"] for row in rows] == [
        1,
        "unreadable_value",
        3,
    ]


def test_columns_are_known_without_rows(tmp_path: Path) -> None:
    """A file without rows still says which columns it has."""
    source = FilesSource(
        [write_parquet(tmp_path / "orders.parquet", pa.table({"id": pa.array([], pa.int64())}))]
    )
    assert list(source.rows()) == []
    assert source.columns == ("id",)


def test_place_is_the_row(tmp_path: Path) -> None:
    """A Parquet row has no line."""
    source = FilesSource([write_parquet(tmp_path / "orders.parquet", pa.table({"id": [1, 2]}))])
    list(source.rows())
    assert str(source.locate(2)) == f"{tmp_path}/orders.parquet, row 2"


@pytest.mark.parametrize("cut", [slice(0, 0), slice(0, 100), slice(10, None)], ids=["empty", "head", "tail"])
def test_damaged_file_ends_the_run(read: Read, write: Write, tmp_path: Path, cut: slice) -> None:
    """A file that is no whole Parquet file is no empty input."""
    whole = write_parquet(tmp_path / "whole.parquet", pa.table({"id": list(range(1000))})).read_bytes()
    with pytest.raises(ConfigurationError, match=r"cut\.parquet is (no whole Parquet file|damaged)"):
        read(write("cut.parquet", whole[cut]))


def test_damaged_page_ends_the_run(read: Read, write: Write, tmp_path: Path) -> None:
    """A file whose end is sound and whose middle is not gives no half row."""
    path = write_parquet(
        tmp_path / "whole.parquet", pa.table({"id": list(range(50_000))}), compression="gzip"
    )
    content = bytearray(path.read_bytes())
    content[500:20_000] = b"\x00" * 19_500
    with pytest.raises(ConfigurationError, match=r"cut\.parquet"):
        read(write("cut.parquet", bytes(content)))


def test_column_twice(read: Read, tmp_path: Path) -> None:
    """Two columns of one name would silently become one."""
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["id", "id"])
    with pytest.raises(ConfigurationError, match=r"has a column twice: 'id'"):
        read(write_parquet(tmp_path / "orders.parquet", table))


def test_missing_pyarrow_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who lacks the extra is told its name."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # how Python itself marks a module as not there
    with pytest.raises(ConfigurationError, match=r"A test needs pyarrow: pip install .*\[files\]"):
        import_arrow("pyarrow", purpose="A test")
