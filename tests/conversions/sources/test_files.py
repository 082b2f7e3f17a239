# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Files are read one after the other, as streams, and closed whatever happens."""

from __future__ import annotations

import io
import json
import os
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from upath import UPath

from airflow_provider_tiktok.conversions.errors import ConfigurationError, TransientError
from airflow_provider_tiktok.conversions.sources.files import FilesSource

Write = Callable[[str, str | bytes], Path]


class CountingPath:
    """A path whose stream counts the bytes it gives, and can fail after some of them."""

    def __init__(self, content: bytes, *, name: str, error: Exception | None = None) -> None:
        self._content = content
        self._name = name
        self._error = error
        self.n_read = 0
        self.opened: list[io.BytesIO] = []

    def __str__(self) -> str:
        return self._name

    def open(self, mode: str, /) -> Any:
        assert mode == "rb"
        path = self

        class Stream(io.BytesIO):
            def readinto(self, buffer: Any) -> int:
                if path._error is not None and self.tell() >= len(path._content):
                    raise path._error
                n_read = super().readinto(buffer)
                path.n_read += n_read
                return n_read

        self.opened.append(Stream(self._content))
        return self.opened[-1]

    def stat(self) -> Any:
        return os.stat_result([0] * 6 + [len(self._content)] + [0] * 3)

    @property
    def is_closed(self) -> bool:
        return all(stream.closed for stream in self.opened)


def json_lines(count: int) -> bytes:
    """This many rows, about 100 bytes each."""
    return b"".join(b'{"id":%d,"text":"%s"}\n' % (number, b"x" * 80) for number in range(count))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("events.jsonl", json_lines(30_000)),
        ("orders.csv", b"id,text\n" + b"1,xxxxxxxxxxxxxxxxxxxx\n" * 100_000),
    ],
)
def test_nothing_is_read_ahead(name: str, content: bytes) -> None:
    """A row is given as soon as its bytes are there; the rest of the file is not touched."""
    path = CountingPath(content, name=name)
    rows = FilesSource([path]).rows()
    assert path.opened == []
    next(rows)
    assert path.n_read < 0.1 * len(content)
    rows.close()
    assert path.is_closed


def test_later_files_are_opened_when_they_are_reached() -> None:
    """At most one file is open."""
    first, second = (CountingPath(json_lines(2), name=f"{name}.jsonl") for name in "ab")
    with closing(FilesSource([first, second]).rows()) as rows:
        next(rows)
        next(rows)
        assert second.opened == []
        next(rows)
        assert first.is_closed
        assert not second.is_closed
    assert second.is_closed


def test_files_are_closed_after_an_error() -> None:
    """A failing file is closed too."""
    path = CountingPath(b'[{"id":1', name="a.json")
    with pytest.raises(ConfigurationError):
        list(FilesSource([path]).rows())
    assert path.is_closed


def test_memory_is_bounded(tmp_path: Path) -> None:
    """Fifty thousand rows take no more memory than a few."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(json_lines(50_000))
    tracemalloc.start()
    try:
        count = sum(1 for _ in FilesSource([path]).rows())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 50_000
    assert peak < 2_000_000 < path.stat().st_size


def test_rows_are_numbered_over_all_files(write: Write) -> None:
    """Starting after any row gives exactly the rows after it, across files and formats."""
    pq.write_table(pa.table({"id": [4, 5]}), path := write("c.parquet", b""))
    paths = [
        write("a.jsonl", '{"id":1}\n\n{"id":2}\n'),
        write("b.json", '[{"id":3}]'),
        write("empty.csv", ""),
        path,
    ]
    source = FilesSource(paths)
    ids = [[row["id"] for row in source.rows() if isinstance(row, dict)] for _ in range(2)]
    assert ids == [[1, 2, 3, 4, 5], [1, 2, 3, 4, 5]]
    assert source.columns is None


def test_place_of_a_row(write: Write) -> None:
    """A row's number leads to its file and line; others lead nowhere."""
    paths = [
        write("a.jsonl", '{"id":1}\n\n{"id":2}\n'),
        write("b.csv", "id\n3\n"),
        write("c.json", '[{"id":4},{"id":5}]'),
    ]
    source = FilesSource(paths)
    assert source.locate(1) is None
    with closing(source.rows()) as rows:
        next(rows)
        assert source.locate(6) is None
        list(rows)
    assert [str(source.locate(row)).rpartition("/")[2] for row in range(7)] == [
        "None",
        "a.jsonl, line 1",
        "a.jsonl, line 3",
        "b.csv, line 2",
        "c.json, row 1",
        "c.json, row 2",
        "None",
    ]


def test_columns_are_those_of_the_file(write: Write) -> None:
    """Columns are known with a file's first row; a later file may have others, in another order."""
    paths = [
        write("a.csv", ""),
        write("b.csv", "id,email\n1,a\n"),
        write("c.tsv", "new\temail\tid\n0\tb\t2\n"),
    ]
    source = FilesSource(paths)
    assert source.columns is None
    rows = source.rows()
    assert next(rows) == {"id": "1", "email": "a"}
    assert source.columns == ("id", "email")
    assert next(rows) == {"new": "0", "email": "b", "id": "2"}
    assert source.columns == ("new", "email", "id")
    assert list(rows) == []


@pytest.mark.parametrize("name", ["gone.csv", "folder.csv", "file.csv/below.csv"])
def test_missing_file(write: Write, tmp_path: Path, name: str) -> None:
    """What cannot be opened is told by its path, as a setting to mend."""
    (tmp_path / "folder.csv").mkdir()
    write("file.csv", "id\n")
    source = FilesSource([tmp_path / name])
    with pytest.raises(ConfigurationError, match=rf"{name} cannot be opened \(\w+Error\)"):
        list(source.rows())


def test_missing_file_is_found_by_the_fingerprint(tmp_path: Path) -> None:
    """Nothing needs to be read for it."""
    with pytest.raises(ConfigurationError, match=r"gone\.csv cannot be opened"):
        FilesSource([tmp_path / "gone.csv"]).fingerprint()


@pytest.mark.parametrize(
    "error", [ConnectionResetError(), TimeoutError("ada@example.com"), OSError(5, "I/O error")]
)
def test_failing_store_is_transient(error: Exception) -> None:
    """A file that stops coming is worth another try, after the rows before; nothing was sent for it."""
    path = CountingPath(b'{"id":1}\n' * 3, name="s3://bucket/a.jsonl", error=error)
    rows = FilesSource([path]).rows()
    with pytest.raises(
        TransientError, match=rf"s3://bucket/a\.jsonl failed .*{type(error).__name__}"
    ) as caught:
        list(rows)
    assert caught.value.attempts == 0
    assert "ada" not in str(caught.value)


def test_errors_of_the_reader_are_left_alone(write: Write) -> None:
    """An error of whoever reads the rows is not taken for one of the file."""
    with (
        pytest.raises(FileNotFoundError),
        closing(FilesSource([write("a.jsonl", '{"id":1}\n')]).rows()) as rows,
    ):
        for _ in rows:
            raise FileNotFoundError


def test_object_store() -> None:
    """A path of an object store is read like one of the disk."""
    path = UPath("memory://sources/orders.csv")
    path.write_text("id,email\n1,a\n")
    source = FilesSource([path])
    assert list(source.rows()) == [{"id": "1", "email": "a"}]
    assert str(source.locate(1)) == "memory://sources/orders.csv, line 2"
    assert source.fingerprint() == FilesSource([path]).fingerprint() is not None


def test_parquet_in_an_object_store() -> None:
    """A format that is read from its end works there too."""
    path = UPath("memory://sources/orders.parquet")
    with path.open("wb") as file:
        pq.write_table(pa.table({"id": [1, 2]}), file)
    assert list(FilesSource([path]).rows()) == [{"id": 1}, {"id": 2}]


def test_url_is_told_without_its_secrets() -> None:
    """Signature and password of a URL are in no error and no place."""
    url = "https://ada:secret@files.example.com/a.jsonl?signature=secret"
    source = FilesSource([CountingPath(b'{"id":1}\n', name=url, error=ConnectionError(url))])
    with pytest.raises(TransientError) as caught:
        list(source.rows())
    assert "secret" not in f"{caught.value} {source.locate(1)}"
    assert "https://files.example.com/a.jsonl" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        ({}, True),
        ({"page_size": 5}, True),
        ({"format": "tsv"}, False),
        ({"csv_delimiter": ";"}, False),
        ({"encoding": "latin-1"}, False),
        ({"encoding": "UTF8"}, True),
        ({"csv_columns": ["a", "b"]}, False),
        ({"max_row_chars": 100}, False),
    ],
)
def test_fingerprint_of_settings(write: Write, change: dict[str, Any], is_same: bool) -> None:
    """What changes the rows changes the fingerprint."""
    path = write("a.csv", "id,email\n")
    assert (FilesSource([path]).fingerprint() == FilesSource([path], **change).fingerprint()) is is_same


def test_fingerprint_of_files(write: Write) -> None:
    """Name, size, time and order count, and the content only by these."""
    paths = [write("a.csv", "id\n1\n"), write("b.csv", "id\n2\n")]
    for path in paths:
        os.utime(path, ns=(1, 1))
    before = FilesSource(paths).fingerprint()
    assert before is not None
    assert FilesSource(paths[::-1]).fingerprint() != before
    assert FilesSource(paths[:1]).fingerprint() != before
    os.utime(write("b.csv", "id\n9\n"), ns=(1, 1))
    assert FilesSource(paths).fingerprint() == before
    os.utime(paths[1], ns=(1, 2))
    assert FilesSource(paths).fingerprint() != before
    os.utime(write("b.csv", "id\n10\n"), ns=(1, 1))
    assert FilesSource(paths).fingerprint() != before


def test_fingerprint_needs_a_size() -> None:
    """A store that knows no size cannot tell whether a file changed."""

    class Unsized(CountingPath):
        def stat(self) -> Any:
            return object()

    assert FilesSource([Unsized(b"", name="a.jsonl")]).fingerprint() is None


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            {"format": "xlsx"},
            "Set format to one of auto, jsonl, json, csv, tsv, parquet: 'xlsx' is not known.",
        ),
        (
            {"compression": "zip"},
            "Set compression to one of auto, none, gzip, bz2, xz, zstd: 'zip' is not known.",
        ),
        ({"encoding": "utf-9"}, "Set encoding to one of Python's names, such as 'utf-16': 'utf-9'"),
        ({"encoding": "base64"}, "'base64' is not known"),
        ({"encoding": "a\0b"}, "Set encoding to "),
        ({"csv_delimiter": ""}, "csv_delimiter"),
        ({"csv_delimiter": "||"}, "csv_delimiter"),
        ({"csv_delimiter": '"'}, "csv_delimiter"),
        ({"csv_columns": []}, "csv_columns"),
        ({"csv_columns": "id"}, "csv_columns"),
        ({"csv_columns": ["id", "id"]}, "csv_columns"),
        ({"page_size": 0}, "page_size"),
        ({"max_row_chars": 0}, "max_row_chars"),
        ({"max_array_chars": -1}, "max_array_chars"),
    ],
)
def test_wrong_settings(settings: dict[str, Any], text: str) -> None:
    """A wrong argument is named before any file is touched."""
    with pytest.raises(ConfigurationError) as caught:
        FilesSource([Path("a.csv")], **settings)
    assert text in str(caught.value)


@pytest.mark.parametrize("paths", [[], "a.csv", Path("a.csv"), ["a.csv"], None])
def test_wrong_paths(paths: Any) -> None:
    """No files at all, and names instead of paths, are a mistake of the caller."""
    with pytest.raises(ConfigurationError, match=r"^Give a list of at least one path object as path"):
        FilesSource(paths)


@pytest.mark.parametrize("name", ["orders", "orders.docx", "orders.gz", "csv"])
def test_unknown_name(name: str) -> None:
    """A name that tells no format asks for the argument, and says what it may be."""
    with pytest.raises(
        ConfigurationError,
        match=rf"^Set format to one of jsonl, json, csv, tsv, parquet: the name of {name} ",
    ):
        FilesSource([Path(name)])


def test_dead_letters(write: Write) -> None:
    """A dead letter file gives the events to send again, numbered and located as rows."""
    letters = [
        {"row": 3, "outcome": "accepted", "reason": "", "violations": [], "event": {"event": "Purchase"}},
        {"row": 5, "outcome": "rejected", "reason": "refused", "violations": [], "written_at": 1_790_000_000,
         "event_id": "o-5", "event": {"event": "Purchase", "properties": {"value": 1.10}}},
        {"row": 9, "outcome": "undelivered", "reason": "not_sent", "violations": [], "event": None},
    ]  # fmt: skip
    source = FilesSource([write("dead.jsonl", "\n".join(map(json.dumps, letters)))])
    assert source.oldest_replay_time is None
    event, unreadable = source.rows()
    assert isinstance(event, dict)
    assert (event["event"], event["event_id"], str(event["properties"]["value"])) == (
        "Purchase",
        "o-5",
        "1.1",
    )
    assert getattr(unreadable, "rule", None) == "no_event_to_replay"
    assert source.oldest_replay_time == 1_790_000_000
    assert [place and place.line for place in map(source.locate, (1, 2))] == [2, 3]


def test_csv_is_never_a_dead_letter(write: Write) -> None:
    """Columns of a table are the customer's, whatever their names."""
    path = write("a.csv", "row,outcome,reason,violations\n1,accepted,,\n")
    assert len(list(FilesSource([path]).rows())) == 1
