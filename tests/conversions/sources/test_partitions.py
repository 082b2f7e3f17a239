# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Folders of Hive are columns, and CSV files are read as their tools write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_tiktok.conversions.chunks import rows_of
from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.events import UnreadableRow
from airflow_provider_tiktok.conversions.sources.files import FilesSource
from airflow_provider_tiktok.conversions.sources.partitions import partitions_of


@pytest.mark.parametrize(
    ("path", "columns"),
    [
        ("/data/day=2026-11-26/part.csv", {"day": "2026-11-26"}),
        ("s3://shop/sales/year=2026/month=11/part.parquet", {"year": "2026", "month": "11"}),
        ("/data/store=K%C3%B6ln%2F1/part.csv", {"store": "Köln/1"}),
        ("/data/store=%FF%FE/day=100%/part.csv", {"store": b"\xff\xfe", "day": "100%"}),
        ("/data/store=__HIVE_DEFAULT_PARTITION__/part.csv", {"store": None}),
        ("/data/a=b=c/part.csv", {"a": "b=c"}),
        ("/data/day=2026-11-26.csv", {}),
        ("/data/=x/day=/2026=x/part.csv", {}),
        ("part.csv", {}),
    ],
)
def test_folders_say_columns(path: str, columns: dict[str, Any]) -> None:
    """Their names in the way in which Hive and Spark write them."""
    assert partitions_of(path) == columns


def write_parts(folder: Path, name: str) -> list[Path]:
    paths = []
    for day in ("1", "2"):
        path = folder / f"day={day}" / name
        path.parent.mkdir(exist_ok=True)
        paths.append(path)
        if name.endswith(".parquet"):
            pq.write_table(pa.table({"id": [day]}), path)
        elif name.endswith(".csv"):
            path.write_text(f"id\n{day}\n")
        else:
            path.write_text(f'{{"id": "{day}"}}\nbroken\n')
    return paths


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.jsonl"])
def test_rows_have_the_columns_of_their_folders(name: str, tmp_path: Path) -> None:
    """In rows and in columns, of every format; a row that cannot be read stays one."""
    source = FilesSource(write_parts(tmp_path, name), hive_columns=True)
    chunks = list(source.chunks())
    assert [chunk.column("day")[0] for chunk in chunks] == ["1", "2"]
    assert [chunk.row(0) for chunk in chunks] == [{"id": "1", "day": "1"}, {"id": "2", "day": "2"}]
    assert source.columns == (None if name.endswith("jsonl") else ("id", "day"))
    unreadable = [row for row in source.rows() if isinstance(row, UnreadableRow)]
    assert len(unreadable) == (2 if name.endswith("jsonl") else 0)


def test_a_column_of_the_file_comes_first(tmp_path: Path) -> None:
    """A file may hold the column of its folder itself."""
    path = tmp_path / "day=1" / "a.csv"
    path.parent.mkdir()
    path.write_text("id,day\n7,2026-11-26\n")
    source = FilesSource([path], hive_columns=True)
    [chunk] = source.chunks()
    assert (chunk.row(0), [*chunk.column("day")]) == ({"id": "7", "day": "2026-11-26"}, ["2026-11-26"])
    assert list(FilesSource([path.parent / "a.csv"]).rows()) == [{"id": "7", "day": "2026-11-26"}]


@pytest.mark.parametrize(
    ("text", "settings", "rows"),
    [
        ("Sales of November\n\nid,name\n1,a\n", {"csv_skip_rows": 2}, [{"id": "1", "name": "a"}]),
        ("#\n1,a\n", {"csv_skip_rows": 1, "csv_columns": ["id", "name"]}, [{"id": "1", "name": "a"}]),
        ("#\nsep=;\nid;name\n1;a\n", {"csv_skip_rows": 1}, [{"id": "1", "name": "a"}]),
        ("id,name\n1,'a, b'\n", {"csv_quote": "'"}, [{"id": "1", "name": "a, b"}]),
        ('id,name\n1,12" disc\n2,"a\n', {"csv_quote": ""}, [{"id": "1", "name": '12" disc'}, {"id": "2", "name": '"a'}]),
        ("", {"csv_skip_rows": 9}, []),
        ("Sales of November\n\n", {"csv_skip_rows": 2}, []),
    ],
)  # fmt: skip
def test_csv_as_tools_write_it(text: str, settings: dict[str, Any], rows: Any, tmp_path: Path) -> None:
    """Lines above the header, and other quotes or none."""
    path = tmp_path / "a.csv"
    path.write_text(text)
    source = FilesSource([path], **settings)
    assert list(rows_of(source.chunks())) == rows
    if rows:
        assert str(source.locate(1)).endswith(f"line {text[: text.index('1')].count(chr(10)) + 1}")


@pytest.mark.parametrize(
    "settings",
    [{"csv_quote": "''"}, {"csv_quote": ","}, {"csv_quote": None}, {"csv_skip_rows": -1}, {"csv_skip_rows": True}],
)  # fmt: skip
def test_settings_that_cannot_be_right(settings: dict[str, Any], tmp_path: Path) -> None:
    """They are told before a file is opened."""
    with pytest.raises(ConfigurationError, match=next(iter(settings))):
        FilesSource([tmp_path / "a.csv"], **settings)


def test_a_file_that_is_passed_by_as_a_whole_is_told(tmp_path: Path) -> None:
    """Or a number that is too large would make a file with rows one without."""
    path = tmp_path / "a.csv"
    path.write_text("id,name\n1,a\n2,b\n")
    with pytest.raises(ConfigurationError, match="has 3 lines"):
        list(FilesSource([path], csv_skip_rows=4).rows())


def test_what_rows_are_is_a_part_of_the_fingerprint(tmp_path: Path) -> None:
    """A retry with other settings begins anew."""
    path = tmp_path / "a.csv"
    path.write_text("id\n1\n")
    settings: list[dict[str, Any]] = [{}, {"csv_quote": "'"}, {"csv_skip_rows": 1}, {"hive_columns": True}]
    assert len({FilesSource([path], **one).fingerprint() for one in settings}) == len(settings)
