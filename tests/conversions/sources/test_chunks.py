# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Where chunks begin and how quickly they were read shows in no row."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_tiktok.conversions.chunks import CHUNK_BYTES, CHUNK_ROWS, Source
from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.events import UnreadableRow
from airflow_provider_tiktok.conversions.sources import csv_rows, json_rows
from airflow_provider_tiktok.conversions.sources.files import FilesSource
from airflow_provider_tiktok.conversions.sources.records import RecordsSource
from airflow_provider_tiktok.conversions.sources.sql import SqlSource

Write = Callable[[str, str | bytes], Path]

ONE_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)


def read(source: FilesSource) -> list[tuple[Any, str]]:
    """The rows with their places, and the error that ends them."""
    rows: list[tuple[Any, str]] = []
    try:
        for row in source.rows():
            rows.append((row, str(source.locate(len(rows) + 1))))
    except ConfigurationError as error:
        rows.append((str(error), ""))
    return rows


@contextmanager
def sizes(room: Any, **constants: int) -> Iterator[None]:
    """Other sizes than the fixed ones, of which no argument can be an example."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in constants.items():
            patch.setattr(room, name, value)
        yield


PIECES = st.sampled_from(
    [
        *(b"1,a", b"2,b", b'"3","c"', b'4,"d', b'e"', b"5", b"", b",", b" , ", b'"', b'6,"f""g"', b"7,\x00"),
        *(b"8,\xff", b'9,"h\r\ni"', b"10," + b"x" * 60, b'11,"y\nz', b"12,a,b", b'13,"a"b'),
        b"\xef\xbb\xbf14,a",
    ]
)
CSV = st.lists(st.tuples(PIECES, st.sampled_from([b"\n", b"\r\n", b"\r"])), max_size=25).map(
    lambda parts: b"".join(piece + end for piece, end in parts)
)


@given(
    CSV, st.sampled_from([1, 2, 3, 7, 256]), st.sampled_from([1, 2, 5, 1000]), st.sampled_from([8, 40, 9000])
)
@ONE_FOLDER
def test_csv(tmp_path: Path, text: bytes, plain: int, count: int, max_chars: int) -> None:
    """Many lines at once, or one careful record after the other: the rows and their lines are the same."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,v\n" + text)
    source = FilesSource([path], max_row_chars=max_chars)
    with sizes(csv_rows, _PLAIN_LINES=0):
        careful = read(source)
    with sizes(csv_rows, _PLAIN_LINES=plain, CHUNK_ROWS=count):
        assert read(source) == careful
    with sizes(csv_rows, CHUNK_BYTES=20):
        assert read(source) == careful


LINES = st.lists(
    st.sampled_from(
        [
            *(b'{"n":1}', b' {"n":0.10} ', b"", b"  ", b"[1]", b"7", b'{"n":', b'{"n":"\xff"}', b" " * 60),
            *(b'{"n":"' + b"x" * 50 + b'"}', b'\xef\xbb\xbf{"n":2}', b'{"n":NaN}', b'{"n":1}\r'),
            b'{"n":1}{"n":2}',
        ]
    ),
    max_size=25,
)


@given(
    LINES,
    st.sampled_from([1, 2, 5, 1000]),
    st.sampled_from([9, 40, 9000]),
    st.sampled_from(["json", "jsonl"]),
)
@ONE_FOLDER
def test_json_lines(tmp_path: Path, lines: list[bytes], count: int, max_chars: int, format: str) -> None:
    """A chunk of good lines is read at once and any other line by line, to the same rows."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"n":0}\n' + b"\n".join(lines))
    source = FilesSource([path], max_row_chars=max_chars, format=format)
    whole = read(source)
    with sizes(json_rows, CHUNK_ROWS=1):
        assert read(source) == whole
    with sizes(json_rows, CHUNK_ROWS=count, CHUNK_BYTES=30):
        assert read(source) == whole
    expected = [
        (number, line)
        for number, line in enumerate([b'{"n":0}', *lines], 1)
        if line.strip(b" \r\xef\xbb\xbf") or len(line) >= max_chars
    ]
    assert [place.rpartition(" ")[2] for _, place in whole] == [str(number) for number, _ in expected]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
@pytest.mark.parametrize("plain", [0, 256])
def test_rows_before_a_cut(write: Write, name: str, plain: int) -> None:
    """Whatever is read at once, every row before the place where a file is cut off is given."""
    lines = [f'{{"n":{number}}}' if name.endswith("l") else f"{number}" for number in range(9000)]
    packed = gzip.compress("\n".join(["n", *lines] if name == "a.csv" else lines).encode())[:-9]
    with sizes(csv_rows, _PLAIN_LINES=plain):
        rows = read(FilesSource([write(name, packed)]))
    assert "cut off" in rows[-1][0]
    assert [int(row["n"]) for row, _ in rows[:-1]] == list(range(len(rows) - 1))
    assert len(rows) > 8900


ROWS = [{"id": number, "name": f"n{number}", "price": number / 8, "none": None} for number in range(2500)]


def sources(folder: Path) -> dict[str, Source]:
    """Each source over the same rows, as far as its format can tell them."""
    frame = pd.DataFrame(ROWS).astype({"none": object})
    table = pa.Table.from_pylist(ROWS)
    frame[["id", "name"]].to_csv(folder / "a.csv", index=False)
    pq.write_table(table, folder / "a.parquet", row_group_size=700)
    (folder / "a.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    (folder / "a.json").write_text(json.dumps(ROWS))
    with closing(sqlite3.connect(folder / "a.db")) as connection:
        connection.execute("CREATE TABLE t (id, name, price, none)")
        connection.executemany("INSERT INTO t VALUES (:id, :name, :price, :none)", ROWS)
        connection.commit()
    files = {name: FilesSource([folder / name]) for name in ("a.csv", "a.parquet", "a.jsonl", "a.json")}
    return {
        **files,
        "sql": SqlSource(lambda: sqlite3.connect(folder / "a.db"), "SELECT * FROM t ORDER BY id"),
        "records": RecordsSource(ROWS),
        "iterator": RecordsSource(iter(ROWS)),
        "frame": RecordsSource(frame),
        "table": RecordsSource(table),
    }


SOURCES = ["a.csv", "a.parquet", "a.jsonl", "a.json", "sql", "records", "iterator", "frame", "table"]


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_gives_chunks(tmp_path: Path, name: str) -> None:
    """Chunks hold the rows in their order, are bounded, and a column holds the values of the rows."""
    source = sources(tmp_path)[name]
    assert source.oldest_replay_time is None
    chunks = list(source.chunks())
    assert all(0 < len(chunk) <= CHUNK_ROWS for chunk in chunks)
    rows = [chunk.row(place) for chunk in chunks for place in range(len(chunk))]
    expected = [{"id": str(row["id"]), "name": row["name"]} for row in ROWS] if name == "a.csv" else ROWS
    assert rows == expected
    for chunk in chunks:
        given = [chunk.row(place) for place in range(len(chunk))]
        assert not chunk.unreadable
        assert chunk.names in (None, tuple(expected[0]))
        assert list(chunk.column("nowhere")) == [None] * len(chunk)
        for column in expected[0]:
            assert list(chunk.column(column)) == [row[column] for row in given if isinstance(row, dict)]
    if name != "iterator":
        assert list(source.rows()) == rows


@pytest.mark.parametrize("name", ["sql", "a.jsonl", "a.csv", "a.parquet", "iterator"])
def test_chunks_are_bounded_by_bytes(tmp_path: Path, name: str) -> None:
    """Rows of 100 kB come a few at a time."""
    rows = [{"id": number, "v": f"{number:0100000}"} for number in range(200)]
    pd.DataFrame(rows).to_csv(tmp_path / "a.csv", index=False)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    numbers = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 199)"
    query = f"{numbers} SELECT i AS id, printf('%0100000d', i) AS v FROM n"
    source: Source = {
        "sql": SqlSource(lambda: sqlite3.connect(":memory:"), query),
        "iterator": RecordsSource(iter(rows)),
    }.get(name) or FilesSource([tmp_path / name])
    chunks = list(source.chunks())
    assert sum(map(len, chunks)) == 200
    assert max(map(len, chunks)) <= 2 * CHUNK_BYTES / 100_000


def test_unreadable_rows_of_a_chunk(write: Write) -> None:
    """They are told by their places; their values in the columns are nothing to look at."""
    (chunk,) = FilesSource([write("a.csv", "id,v\n1,a\n2\n3,c\n")]).chunks()
    assert list(chunk.unreadable) == [1]
    row = chunk.row(1)
    assert isinstance(row, UnreadableRow)
    assert row.rule == "wrong_number_of_columns"
    assert chunk.column("id")[0::2] in (("1", "3"), ["1", "3"])
    (chunk,) = FilesSource([write("a.jsonl", '{"id":1}\n[]\n{"id":3}\n')]).chunks()
    assert list(chunk.unreadable) == [1]
    assert list(chunk.column("id")) == [1, None, 3]


def test_an_early_end_closes_the_chunks(write: Write) -> None:
    """Who stops reading rows leaves no file open."""
    closed = []

    class Opened:
        def open(self, mode: str, /) -> Any:
            stream = write("a.jsonl", '{"n":1}\n' * 5000).open("rb")
            closed.append(stream)
            return stream

        def stat(self) -> Any:
            raise AssertionError

        def __str__(self) -> str:
            return "a.jsonl"

    rows = FilesSource([Opened()]).rows()
    next(rows)
    rows.close()
    assert closed[0].closed
