# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Files in parts: every row in exactly one of them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.sources.file_parts import check_part, split_files
from airflow_provider_tiktok.conversions.sources.file_ranges import PartOfFile
from airflow_provider_tiktok.conversions.sources.files import FilesSource


def read(part: dict[str, Any]) -> list[Any]:
    """The rows of a part, as a sender reads them."""
    check_part(part, group_by=part.get("group_by", ()), encoding="utf-8")
    paths = [Path(file) for file in part["files"]]
    if "size" not in part:
        return list(FilesSource(paths).rows())
    return list(FilesSource([PartOfFile(paths[0], part)], format=part["format"]).rows())


def split(paths: list[Path], **settings: Any) -> list[dict[str, Any]]:
    """The parts, which are plain JSON."""
    given = {"part_bytes": 1000, "max_parts": 1024, **settings}
    parts = split_files(paths, **given)
    assert json.loads(json.dumps(parts)) == parts
    return parts


def write_lines(path: Path, rows: list[dict[str, Any]], *, end: str = "\n") -> Path:
    path.write_text(end.join(json.dumps(row) for row in rows))
    return path


ROWS = [{"n": number, "text": "é" * (number % 40)} for number in range(500)]


@pytest.mark.parametrize("part_bytes", [1, 10, 997, 5000, 10**9])
def test_lines_of_a_large_file(tmp_path: Path, part_bytes: int) -> None:
    """Each line is in the part in which it begins, wherever the bytes are cut."""
    path = write_lines(tmp_path / "orders.jsonl", ROWS)
    parts = split([path], part_bytes=part_bytes)
    assert [row for part in parts for row in read(part)] == ROWS


@given(
    lines=st.lists(st.integers(0, 30), max_size=20), part_bytes=st.integers(1, 40), ends_open=st.booleans()
)
def test_any_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[int], part_bytes: int, ends_open: bool
) -> None:
    """Long, short and blank lines, with and without a line end at the end."""
    path = tmp_path_factory.mktemp("lines") / "some.jsonl"
    texts = ["" if length == 0 else json.dumps({"x": "y" * length}) for length in lines]
    path.write_text("\n".join(texts) + ("" if ends_open else "\n"))
    parts = split([path], part_bytes=part_bytes)
    rows = [row for part in parts for row in read(part)]
    assert rows == [json.loads(text) for text in texts if text]


def test_row_groups_of_a_large_file(tmp_path: Path) -> None:
    """A Parquet file is cut between row groups."""
    path = tmp_path / "orders.parquet"
    pq.write_table(pa.table({"n": list(range(1000))}), path, row_group_size=100)
    parts = split([path], part_bytes=path.stat().st_size // 4)
    assert len(parts) > 3
    assert [row["n"] for part in parts for row in read(part)] == list(range(1000))


@pytest.mark.parametrize("name", ["one.csv", "one.json", "one.jsonl.gz", "group.parquet", "empty.jsonl"])
def test_what_cannot_be_cut_stays_whole(tmp_path: Path, name: str) -> None:
    """Packed files, one row group, and formats whose rows have no certain beginning."""
    path = tmp_path / name
    if name.endswith(".parquet"):
        pq.write_table(pa.table({"n": [1, 2]}), path)
    elif name.endswith(".gz"):
        path.write_bytes(gzip.compress(b'{"n": 1}\n{"n": 2}\n'))
    elif name != "empty.jsonl":
        path.write_text("n\n1\n2\n" if name.endswith(".csv") else '[{"n": 1}, {"n": 2}]')
    else:
        path.touch()
    (part,) = split([path], part_bytes=1)
    assert "size" not in part
    assert len(read(part)) == (0 if name == "empty.jsonl" else 2)


def test_small_files_go_together(tmp_path: Path) -> None:
    """Files of a folder are put together by their sizes, in their order."""
    paths = [write_lines(tmp_path / f"{number:03}.jsonl", [{"n": number}]) for number in range(100)]
    parts = split(paths, part_bytes=100)
    assert 8 <= len(parts) <= 12
    assert [row["n"] for part in parts for row in read(part)] == list(range(100))
    assert parts[0]["name"] == f"000.jsonl and {len(parts[0]['files']) - 1} more"


def test_no_more_parts_than_allowed(tmp_path: Path) -> None:
    """Parts grow where there would be too many of them."""
    paths = [write_lines(tmp_path / f"{number}.jsonl", ROWS) for number in range(5)]
    parts = split(paths, part_bytes=1, max_parts=7)
    assert len(parts) <= 7
    assert sum(len(read(part)) for part in parts) == 5 * len(ROWS)


ORDERS = {
    "a": [("1", "x"), ("2", "x")],
    "b": [("2", "y"), ("3", "x")],
    "c": [],
    "d": [("3", "y")],
    "e": [("4", "x")],
}


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_no_order_is_cut(tmp_path: Path, ending: str) -> None:
    """Files whose border stands within an order stay together, also over a file without rows."""
    for name, rows in ORDERS.items():
        path = tmp_path / f"{name}.{ending}"
        if ending == "csv":
            path.write_text("order,item\n" + "".join(f"{order},{item}\n" for order, item in rows))
        else:
            write_lines(path, [{"order": order, "item": item} for order, item in rows])
    parts = split(sorted(tmp_path.iterdir()), part_bytes=1, group_by=["order"])
    assert [[Path(file).stem for file in part["files"]] for part in parts] == [["a", "b", "c", "d"], ["e"]]


def test_an_id_written_as_a_float_is_the_same_order(tmp_path: Path) -> None:
    """A data frame writes ids as floats where one is missing in the file: 3.0 in one, 3 in the next."""
    (tmp_path / "a.csv").write_text("order,item\n3.0,x\n")
    (tmp_path / "b.csv").write_text("order,item\n3,y\n")
    assert len(split(sorted(tmp_path.iterdir()), part_bytes=1, group_by=["order"])) == 1


def test_no_file_is_cut_where_rows_are_grouped(tmp_path: Path) -> None:
    """An order's lines may stand anywhere in a file."""
    path = write_lines(tmp_path / "orders.jsonl", ROWS)
    assert len(split([path], part_bytes=10, group_by=["n"])) == 1


def test_a_file_that_changed_is_refused(tmp_path: Path) -> None:
    """Bytes that were counted in another file mean nothing in this one."""
    path = write_lines(tmp_path / "orders.jsonl", ROWS)
    parts = split([path])
    path.write_text(path.read_text() + '\n{"n": 500}\n')
    with pytest.raises(ConfigurationError, match="has changed since then"):
        read(parts[0])


def test_places_name_the_part(tmp_path: Path) -> None:
    """A row of a part is found by its line behind the part's first byte."""
    path = write_lines(tmp_path / "orders.jsonl", ROWS)
    part = split([path])[1]
    source = FilesSource([PartOfFile(path, part)], format="jsonl")
    list(source.rows())
    assert str(source.locate(2)) == f"{path} (from byte {part['bytes'][0]:,}), line 2"


@pytest.mark.parametrize(
    ("part", "group_by", "encoding", "words"),
    [
        ({}, (), "utf-8", "no part of files"),
        (["a.csv"], (), "utf-8", "no part of files"),
        ({"files": []}, (), "utf-8", "no part of files"),
        ({"files": [1]}, (), "utf-8", "no part of files"),
        ({"files": ["a.csv"], "of": 2}, ["order"], "utf-8", "same group_by"),
        ({"files": ["a.csv"], "of": 2, "group_by": ["n"]}, "order", "utf-8", "same group_by"),
        (
            {"files": ["a.jsonl"], "bytes": [0, 9], "size": 18, "of": 2},
            (),
            "utf-16",
            "cannot be cut at any byte",
        ),
    ],
)
def test_what_is_no_part_is_refused(part: Any, group_by: Any, encoding: str, words: str) -> None:
    """What may cut an order, or a character, in two is named before anything is read."""
    with pytest.raises(ConfigurationError, match=words):
        check_part(part, group_by=group_by, encoding=encoding)
