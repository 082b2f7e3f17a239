# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A query over files gives its rows, and every row that could not be read; DuckDB reaches nothing else."""

from __future__ import annotations

import gc
import gzip
import json
import os
import signal
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_tiktok.conversions.chunks import CHUNK_BYTES
from airflow_provider_tiktok.conversions.errors import ConfigurationError, TransientError
from airflow_provider_tiktok.conversions.events import UnreadableRow
from airflow_provider_tiktok.conversions.sources.arrow_rows import parquet_batches
from airflow_provider_tiktok.conversions.sources.files import FilesSource
from airflow_provider_tiktok.conversions.sources.queried_files import QueriedFiles

Write = Callable[[str, str | bytes], Path]
EMAIL = "person@example.com"
ORDERS = f'id,email,total\n1,{EMAIL},5\n2,b@example.com,6,7\n3,"c@example.com\n4,d@example.com,8\n5\n'


def read(paths: list[Path], sql: str, **settings: Any) -> list[Any]:
    """The rows, an unreadable one as its rule and place."""
    source = QueriedFiles(paths, sql=sql, **settings)
    return [
        (row.rule, str(source.locate(number)).rpartition("/")[2]) if isinstance(row, UnreadableRow) else row
        for number, row in enumerate(source.rows(), 1)
    ]


UNREADABLE = [
    ("wrong_number_of_columns", "a.csv, line 3"),
    ("not_csv", "a.csv, line 4"),
    ("wrong_number_of_columns", "a.csv, line 6"),
]


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT id FROM files ORDER BY id", [{"id": "1"}, {"id": "4"}]),
        ("SELECT sum(total::INT)::INT AS n FROM files", [{"n": 13}]),
        ("SELECT count(*)::INT AS n FROM files a JOIN files b ON true", [{"n": 4}]),
    ],
)
def test_bad_rows_stay_isolated(write: Write, sql: str, rows: list[Any]) -> None:
    """They come after the query's rows, once each, with their places in the file."""
    assert read([write("a.csv", ORDERS)], sql) == [*rows, *UNREADABLE]


def test_files_are_joined_by_name(write: Write) -> None:
    """Columns that a file lacks are empty, packed files are read as others."""
    paths = [write("a.csv", "id,x\n1,2\n"), write("b.csv.gz", gzip.compress(b"y,id\n3,4\n"))]
    assert read(paths, "FROM files ORDER BY id") == [
        {"id": "1", "x": "2", "y": None},
        {"id": "4", "x": None, "y": "3"},
    ]


def test_json(write: Write) -> None:
    """Objects and lists are SQL's; texts stay texts, and no id is rounded."""
    path = write(
        "a.jsonl",
        '{"id":1,"items":[{"sku":"x"}],"at":"2026-11-26T10:00:00+01:00","big":12345678901234567890123}\n'
        'no json\n{"id":"007","total":12.34}\n',
    )
    assert read([path], 'SELECT id, items[1].sku AS sku, "at", big, total FROM files ORDER BY id DESC') == [
        {
            "id": "1",
            "sku": "x",
            "at": "2026-11-26T10:00:00+01:00",
            "big": "12345678901234567890123",
            "total": None,
        },
        {"id": "007", "sku": None, "at": None, "big": None, "total": 12.34},
        ("not_json", "a.jsonl, line 2"),
    ]


def test_parquet(tmp_path: Path) -> None:
    """Files with other columns and widths are one table."""
    one, two = tmp_path / "a.parquet", tmp_path / "b.parquet"
    pq.write_table(pa.table({"id": [1], "t": ["a"]}), one)
    pq.write_table(pa.table({"id": pa.array([2], pa.int32()), "t": pa.array(["b"]).dictionary_encode()}), two)
    assert read([one, two], "FROM files ORDER BY id DESC") == [{"id": 2, "t": "b"}, {"id": 1, "t": "a"}]


LONG = "x" * 100_000
SHARED = pa.DictionaryArray.from_arrays(pa.array([None, *[0, 1] * 250], pa.int32()), ["short", LONG])


def test_repeated_texts_are_handed_over_in_few_pages(tmp_path: Path) -> None:
    """How often a text repeats is known from the file and not guessed: pages of a few rows cost the most."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({f"c{n}": [f"{n}-{row}" for row in range(10_000)] for n in range(12)}), path)
    files = FilesSource([path])
    sizes = [batch.num_rows for _, batch in files.read_each(parquet_batches)]
    assert sum(sizes) == 10_000
    assert len(sizes) <= 10


@pytest.mark.parametrize(
    "column",
    [
        SHARED,
        pa.StructArray.from_arrays([SHARED, pa.array(range(501))], ["text", "n"]),
        pa.ListArray.from_arrays(list(range(502)), SHARED),
        pa.LargeListArray.from_arrays(list(range(502)), SHARED),
        pa.ListArray.from_arrays(list(range(502)), pa.StructArray.from_arrays([SHARED], ["text"])),
    ],
)
def test_a_text_that_many_rows_share_fills_no_memory(tmp_path: Path, column: pa.Array) -> None:
    """It is copied for as many rows at once as a page may hold, at any depth, and the rows stay what they are."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"v": column}), path)
    batches = [batch for _, batch in FilesSource([path]).read_each(parquet_batches)]
    assert max(batch.nbytes for batch in batches) < CHUNK_BYTES + len(LONG)
    assert len(batches) < 30
    assert [row["v"] for row in pa.Table.from_batches(batches).to_pylist()] == column.to_pylist()
    counted = read([path], "SELECT count(v) AS n, sum(length(v::TEXT)) > 25e6 AS is_all FROM files")
    assert counted == [{"n": len(column) - column.null_count, "is_all": True}]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM '{file}'",
        "SELECT * FROM read_csv('{file}')",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM read_csv('https://127.0.0.1:9/x.csv')",
        "SELECT * FROM glob('/*')",
        "COPY files TO '{file}.out'",
        "ATTACH '{file}.db'",
        "INSTALL httpfs",
        "SET threads = 4",
        "SELECT 1; SELECT 2",
        "",
        "SELEC",
        "SELECT emial FROM files",
        "SELECT email::INT FROM files",
        "SELECT error(email) FROM files",
    ],
)
def test_refused(write: Write, sql: str) -> None:
    """What is no query over the files alone, or fails, ends the run for good and quotes no value."""
    path = write("a.csv", ORDERS)
    with pytest.raises(ConfigurationError, match=r"^(Give one|Run|Read|Use|Name) .*(sql|files)") as refused:
        read([path], sql.format(file=path))
    told = [str(refused.value), str(refused.value.__cause__), str(refused.value.__context__)]
    assert not any(EMAIL in text for text in told)
    assert [file.name for file in path.parent.iterdir()] == ["a.csv"]


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT email,\n emial FROM files", "(Binder, COLUMN_NOT_FOUND at character 16)"),
        ("SELECT * FROM orders", "(Catalog, MISSING_ENTRY at character 15)"),
        ("SELECT lowercase(email) FROM files", "(Catalog, MISSING_ENTRY at character 8)"),
        ("SELECT sum(email) FROM files", "(Binder, NO_MATCHING_FUNCTION at character 8)"),
        ("SELECT email FROM files GROUP BY id", "(Binder at character 8)"),
        (["FROM files"], "Give one query as sql, as text."),
    ],
)
def test_a_slip_is_told_with_its_place(write: Write, sql: Any, told: str) -> None:
    """Where in the query it stands is known, and no value of the files."""
    with pytest.raises(ConfigurationError) as refused:
        read([write("a.csv", ORDERS)], sql)
    assert told in str(refused.value)
    assert EMAIL not in str(refused.value)


def test_nothing_is_left_and_a_cut_file_is_told(write: Write) -> None:
    """What breaks the reading of a file is told as without a query, and the temporary folder is gone."""
    path = write("a.csv.gz", gzip.compress(b"id\n" + b"1\n" * 300_000)[:-40])
    with pytest.raises(ConfigurationError, match="damaged or cut off"):
        read([path], "SELECT count(*) FROM files")
    assert nothing_is_left()


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.csv", "Email,email\n1,2\n", "without sql: columns of the files differ in case alone"),
        ("a.jsonl", '{"Id":1}\n{"id":2}\n', "without sql: keys of the records differ in case alone"),
    ],
)
def test_names_that_sql_cannot_tell_apart(write: Write, name: str, text: str, told: str) -> None:
    """They are refused rather than one taken for the other."""
    with pytest.raises(ConfigurationError, match=told):
        read([write(name, text)], "FROM files")


def test_powers(write: Write) -> None:
    """It is ordered where its caller says so, and its fingerprint sees the query."""
    path = write("a.csv", ORDERS)
    one, two = (
        QueriedFiles([path], sql="FROM files"),
        QueriedFiles([path], sql="FROM files ", order_is_stated=True),
    )
    assert (one.is_ordered, two.is_ordered) == (False, True)
    assert one.fingerprint() != two.fingerprint()
    assert one.reads(path)


ENDLESS = [
    "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b",
    "SELECT a.range FROM range(10000000) a, range(10000000) b WHERE a.range * b.range = -1",
    "SELECT count(*) FROM files a, files b, files c, files d, files e, files f WHERE a.id < b.id",
    "WITH RECURSIVE n AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM n) SELECT sum(x) FROM n",
]


@pytest.fixture
def many(write: Write) -> Path:
    return write("a.csv", "id\n" + "".join(f"{number}\n" for number in range(5000)))


def nothing_is_left() -> bool:
    prefix = f"queried_files_{os.getpid()}_"
    folders = [name for name in os.listdir(tempfile.gettempdir()) if name.startswith(prefix)]
    return not folders and "compute" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.parametrize("sql", ENDLESS)
def test_a_query_without_end_is_ended_by_the_run(many: Path, sql: str) -> None:
    """Another thread tells the run to stop: so does the query, wherever it is, and leaves nothing behind."""
    stop = threading.Event()
    timer = threading.Timer(0.3, stop.set)
    timer.start()
    with pytest.raises(TransientError, match="told to stop"):
        read([many], sql, stop=stop)
    timer.join()
    assert nothing_is_left()


@pytest.mark.parametrize("sql", ENDLESS)
def test_a_query_without_end_is_ended_by_a_signal(many: Path, sql: str) -> None:
    """An interruption such as Airflow's time-out comes through at once, as what it is."""

    class TimeOutError(BaseException):
        pass

    def interrupt(_number: int, _frame: object) -> None:
        raise TimeOutError

    gc.disable()  # Python drops what a signal raises while a collection calls back weak references
    former = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(TimeOutError):
            read([many], sql)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
        gc.enable()
    assert nothing_is_left()


def test_rows_that_nobody_takes_end_the_query(many: Path) -> None:
    """Closing the rows ends a query that has more of them."""
    rows = QueriedFiles([many], sql="SELECT a.id FROM files a, files b").rows()
    assert next(rows) == {"id": "0"}
    rows.close()
    assert nothing_is_left()


@pytest.mark.parametrize("format_", ["csv", "jsonl", "parquet"])
def test_folders_are_columns(tmp_path: Path, format_: str) -> None:
    """Hive partitions are columns of the table; a column of the file's own comes first."""
    for day, own in (("2026-11-25", False), ("2026-11-26", True)):
        file = tmp_path / f"day={day}" / f"a.{format_}"
        file.parent.mkdir()
        record = {"id": "1", **({"day": "own"} if own else {})}
        if format_ == "parquet":
            pq.write_table(pa.Table.from_pylist([record]), file)
        elif format_ == "csv":
            file.write_text(",".join(record) + "\n" + ",".join(record.values()) + "\n")
        else:
            file.write_text(json.dumps(record) + "\n")
    paths = sorted(tmp_path.glob("*/*"))
    rows = read(paths, "SELECT id, day FROM files ORDER BY day", hive_columns=True)
    assert rows == [{"id": "1", "day": "2026-11-25"}, {"id": "1", "day": "own"}]
