# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok.conversions.errors import ConfigurationError, TransientError
from airflow_provider_tiktok.conversions.liveramp.envelope_store import EnvelopeFile, EnvelopeTable
from airflow_provider_tiktok.conversions.liveramp.envelopes import EnvelopeStatus
from airflow_provider_tiktok.conversions.liveramp.refresh import EnvelopeResult
from tests.conversions.liveramp.samples import ENVELOPE, NOW, OTHER_ENVELOPE

TABLE = "CREATE TABLE envelopes (key TEXT PRIMARY KEY, envelope TEXT, refreshed_at, status TEXT, ip TEXT)"


def result(
    key: Any, status: str = "refreshed", envelope: str | None = ENVELOPE, time: int | None = NOW
) -> EnvelopeResult:
    """One row's result."""
    return EnvelopeResult(key=key, status=EnvelopeStatus(status), envelope=envelope, refreshed_at=time)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """A database with a table of envelopes, and one row in it."""
    connection = sqlite3.connect(":memory:")
    connection.execute(TABLE)
    connection.execute("INSERT INTO envelopes VALUES ('k', 'old', 1, NULL, '203.0.113.7')")
    connection.commit()
    yield connection
    connection.close()


def table(connection: Any, **arguments: Any) -> EnvelopeTable:
    """The table, as a store."""
    return EnvelopeTable(connection, **{"table": "envelopes", "placeholder": "?", **arguments})


def rows(connection: sqlite3.Connection) -> list[Any]:
    """All rows, by key."""
    return connection.execute("SELECT * FROM envelopes ORDER BY key").fetchall()


def test_rows_that_are_there_are_updated_and_others_inserted(connection: sqlite3.Connection) -> None:
    """Other columns are left as they are."""
    store = table(connection)
    assert store.start("any") == {}
    store.write([result("k"), result("new", "no_consent_or_opted_out", None, None)])
    store.finish()
    connection.rollback()
    assert rows(connection) == [
        ("k", ENVELOPE, NOW, "refreshed", "203.0.113.7"),
        ("new", None, None, "no_consent_or_opted_out", None),
    ]


@pytest.mark.parametrize("status", ["failed", "missing_ip", "still_fresh", "unreadable_row", "expired"])
def test_where_nothing_came_of_it_the_status_alone_is_written(
    connection: sqlite3.Connection, status: str
) -> None:
    """An envelope that was stored meanwhile stays; who has no row yet gets one with what was read."""
    table(connection).write([result("k", status, "stale", 7), result("new", status, "stale", 7)])
    assert [row[:4] for row in rows(connection)] == [("k", "old", 1, status), ("new", "stale", 7, status)]


def test_a_table_of_people_who_may_be_deleted_gets_nobody_back(connection: sqlite3.Connection) -> None:
    """Without inserts, who is gone stays gone."""
    table(connection, inserts=False).write([result("k"), result("gone")])
    assert [row[0] for row in rows(connection)] == ["k"]


def test_rows_without_key_or_answer_are_left_alone(connection: sqlite3.Connection) -> None:
    """There is nothing to say of them."""
    before = rows(connection)
    table(connection).write([result(None, "unreadable_row"), result("k", "interrupted")])
    assert rows(connection) == before


@pytest.mark.parametrize(("form", "written"), [("unix", NOW), ("iso", "2025-11-23T12:13:20+00:00")])
def test_times_are_written_as_the_column_wants_them(
    connection: sqlite3.Connection, form: Any, written: Any
) -> None:
    """In UTC, whichever form; absent stays absent."""
    table(connection, time_form=form).write([result("k"), result("m", time=None)])
    assert [row[2] for row in rows(connection)] == [written, None]


def test_a_page_is_stored_whole_or_not_at_all(connection: sqlite3.Connection) -> None:
    """A row that is refused takes the page back; the driver's words, which may hold it, are not repeated."""
    refuse = "CREATE TRIGGER refuse BEFORE INSERT ON envelopes BEGIN SELECT RAISE(ABORT, 'planted'); END"
    connection.execute(refuse)
    with pytest.raises(ConfigurationError, match=r"table envelopes \(IntegrityError\)") as caught:
        table(connection).write([result("k"), result("new")])
    assert rows(connection)[0][1] == "old"
    assert "planted" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_database_that_fails_may_be_tried_again(tmp_path: Path) -> None:
    """A lock, a lost connection: the page is not stored, and another try may be."""
    path = tmp_path / "people.db"
    with closing(sqlite3.connect(path)) as first, closing(sqlite3.connect(path, timeout=0)) as second:
        first.execute(TABLE)
        first.commit()
        first.execute("INSERT INTO envelopes VALUES ('k', 'old', 1, NULL, NULL)")
        with pytest.raises(TransientError, match=r"table envelopes \(OperationalError\)"):
            table(second).write([result("k")])


@pytest.mark.parametrize(
    "arguments", [{"table": "nowhere"}, {"columns": {"status": "state"}}, {"columns": {"key": "user_id"}}]
)
def test_a_missing_table_or_column_is_found_before_anything_is_asked(
    connection: sqlite3.Connection, arguments: dict[str, Any]
) -> None:
    """And named."""
    with pytest.raises(ConfigurationError, match="cannot be read"):
        table(connection, **arguments).start(None)


@pytest.mark.parametrize(
    "arguments",
    [
        {"table": "envelopes; DROP TABLE x"},
        {"table": "a..b"},
        {"table": ""},
        {"columns": {"key": "a b"}},
        {"time_form": "days"},
    ],
)
def test_names_that_would_need_quotes_are_refused(
    connection: sqlite3.Connection, arguments: dict[str, Any]
) -> None:
    """Nothing but a name gets into the SQL."""
    with pytest.raises(ConfigurationError):
        table(connection, **arguments)


def test_columns_and_schema_may_be_named(connection: sqlite3.Connection) -> None:
    """As the table has them."""
    connection.execute("CREATE TABLE store (user_id, token, at, state)")
    columns = {"key": "user_id", "envelope": "token", "refreshed_at": "at", "status": "state"}
    store = table(connection, table="main.store", columns=columns)
    store.start(None)
    store.write([result(7)])
    assert connection.execute("SELECT * FROM store").fetchall() == [(7, ENVELOPE, NOW, "refreshed")]


class Uncounting:
    """A connection whose cursors do not say how many rows they changed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def cursor(self) -> Any:
        cursor = self._connection.cursor()

        class Cursor:
            rowcount = -1
            description = property(lambda _: cursor.description)
            execute = staticmethod(cursor.execute)
            fetchone = staticmethod(cursor.fetchone)
            close = staticmethod(cursor.close)

        return Cursor()

    def commit(self) -> None:
        self._connection.commit()


def test_a_driver_that_does_not_count_loses_and_doubles_nothing(connection: sqlite3.Connection) -> None:
    """Whether a row is there is asked for."""
    table(Uncounting(connection)).write([result("k"), result("new"), result("new", envelope=OTHER_ENVELOPE)])
    assert [row[:2] for row in rows(connection)] == [("k", ENVELOPE), ("new", OTHER_ENVELOPE)]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE envelopes SET envelope = NULL",
        "UPDATE envelopes SET envelope = NULL, status = 'no_consent_or_opted_out'",
        "UPDATE envelopes SET envelope = 'newer', refreshed_at = 2",
        "UPDATE envelopes SET status = 'withdrawn'",
        "DELETE FROM envelopes",
    ],
)
@pytest.mark.parametrize("status", ["refreshed", "no_consent_or_opted_out", "failed"])
def test_what_somebody_else_changed_since_is_left_alone(
    connection: sqlite3.Connection, change: str, status: str
) -> None:
    """An opt-out, a newer envelope, a deletion: between the look and the answer."""
    store = table(connection)
    assert store.look({"k": True, "new": True}) == set()
    connection.execute(change)
    connection.commit()
    changed = rows(connection)
    written = store.write([result("k", status), result("new")])
    assert [one.status.value for one in written] == ["changed_meanwhile", "refreshed"]
    assert [row for row in rows(connection) if row[0] == "k"] == changed
    assert [row[0] for row in rows(connection) if row[0] == "new"] == ["new"]


@pytest.mark.parametrize(
    ("change", "has_envelope", "is_gone"),
    [
        ("UPDATE envelopes SET envelope = NULL", True, True),
        ("UPDATE envelopes SET envelope = NULL, status = 'refreshed'", True, True),
        ("UPDATE envelopes SET envelope = NULL, status = 'no_consent_or_opted_out'", True, True),
        ("UPDATE envelopes SET envelope = NULL, status = 'no_consent_or_opted_out'", False, True),
        ("UPDATE envelopes SET envelope = NULL, status = 'no_envelope'", True, False),
        ("UPDATE envelopes SET envelope = NULL", False, False),
        ("UPDATE envelopes SET envelope = 'newer'", True, False),
        ("DELETE FROM envelopes", True, False),
    ],
)
def test_who_lost_the_envelope_since_is_not_asked_about(
    connection: sqlite3.Connection, change: str, has_envelope: bool, is_gone: bool
) -> None:
    """The rows of a query are as old as the query; a withdrawal since then is seen in the table."""
    connection.execute(change)
    assert table(connection).look({"k": has_envelope}) == ({"k"} if is_gone else set())


def test_who_was_deleted_since_is_not_asked_about(connection: sqlite3.Connection) -> None:
    """Where nobody is inserted, a row that is missing was deleted."""
    assert table(connection, inserts=False).look({"gone": True, "k": True}) == {"gone"}


def test_a_key_that_comes_twice_is_written_twice(connection: sqlite3.Connection) -> None:
    """The first is no stranger's change."""
    store = table(connection)
    store.look({"k": True})
    written = store.write([result("k"), result("k", envelope=OTHER_ENVELOPE)])
    assert [one.status.value for one in written] == ["refreshed", "refreshed"]
    assert rows(connection)[0][1] == OTHER_ENVELOPE


def lines(path: Path) -> list[dict[str, Any]]:
    """The file's lines."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_file_appears_once_it_is_whole(tmp_path: Path) -> None:
    """Until then there is a part beside it; nobody else may read either."""
    path = tmp_path / "store" / "envelopes.jsonl"
    store = EnvelopeFile(path)
    assert store.start("f" * 64) == {}
    store.write([result("a"), result(7, "failed")])
    [part] = path.parent.iterdir()
    assert not path.exists()
    assert stat.S_IMODE(part.stat().st_mode) == 0o600
    store.write([result("b", "no_consent_or_opted_out", None, None)])
    store.finish()
    assert [part.name for part in path.parent.iterdir()] == ["envelopes.jsonl"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert lines(path) == [
        {"key": "a", "status": "refreshed", "envelope": ENVELOPE, "refreshed_at": NOW},
        {"key": 7, "status": "failed", "envelope": ENVELOPE, "refreshed_at": NOW},
        {"key": "b", "status": "no_consent_or_opted_out", "envelope": None, "refreshed_at": None},
    ]


def test_a_file_of_no_rows_is_empty(tmp_path: Path) -> None:
    """And is there."""
    store = EnvelopeFile(tmp_path / "none.jsonl")
    store.start(None)
    store.finish()
    assert (tmp_path / "none.jsonl").read_bytes() == b""


def test_no_rows_empty_no_file_that_holds_some(tmp_path: Path) -> None:
    """A filter that is wrong must not cost every envelope."""
    path = tmp_path / "envelopes.jsonl"
    path.write_text("old\n")
    store = EnvelopeFile(path)
    store.start("f" * 64)
    with pytest.raises(ConfigurationError, match="there were no rows"):
        store.finish()
    assert path.read_text() == "old\n"


@pytest.mark.parametrize(
    "torn",
    [
        b"",
        b'{"key":"c","status":"refr',
        b'{"key":"c","status":"refreshed","envelope":null,"refreshed_at":null}',
        b"\xff\n",
    ],
)
def test_a_killed_try_is_gone_on_with(tmp_path: Path, torn: bytes) -> None:
    """From its last whole line."""
    path = tmp_path / "envelopes.jsonl"
    first = EnvelopeFile(path)
    first.start("f" * 64)
    first.write([result("a"), result("b", "expired")])
    [part] = tmp_path.iterdir()
    part.write_bytes(part.read_bytes() + torn)
    second = EnvelopeFile(path)
    assert second.start("f" * 64) == {"refreshed": 1, "expired": 1}
    second.write([result("c")])
    second.finish()
    assert [line["key"] for line in lines(path)] == ["a", "b", "c"]


@pytest.mark.parametrize("fingerprint", ["0" * 64, None])
def test_other_rows_start_anew(tmp_path: Path, fingerprint: str | None) -> None:
    """A part of other rows, which holds envelopes, is removed."""
    path = tmp_path / "envelopes.jsonl"
    first = EnvelopeFile(path)
    first.start("f" * 64)
    first.write([result("a")])
    second = EnvelopeFile(path)
    assert second.start(fingerprint) == {}
    second.finish()
    assert [file.name for file in tmp_path.iterdir()] == ["envelopes.jsonl"]
    assert lines(path) == []


def test_without_a_fingerprint_no_try_is_gone_on_with(tmp_path: Path) -> None:
    """Rows whose order may change must not be told by their number."""
    path = tmp_path / "envelopes.jsonl"
    for _ in range(2):
        store = EnvelopeFile(path)
        assert store.start(None) == {}
        store.write([result("a")])


def test_a_file_ends_before_the_first_row_without_an_answer(tmp_path: Path) -> None:
    """The next try goes on there."""
    store = EnvelopeFile(tmp_path / "envelopes.jsonl")
    store.start("f" * 64)
    store.write([result("a"), result("b", "interrupted"), result("c")])
    assert EnvelopeFile(tmp_path / "envelopes.jsonl").start("f" * 64) == {"refreshed": 1}


def test_a_place_that_cannot_be_written_to_is_found_at_the_start(tmp_path: Path) -> None:
    """Before anything is asked."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        EnvelopeFile(tmp_path / "file" / "envelopes.jsonl").start(None)


def test_a_disk_that_fails_later_may_be_tried_again(tmp_path: Path) -> None:
    """What it holds stays."""
    store = EnvelopeFile(tmp_path / "store" / "envelopes.jsonl")
    store.start(None)
    [part] = (tmp_path / "store").iterdir()
    part.unlink()
    (tmp_path / "store").rmdir()
    with pytest.raises(TransientError, match="another run has removed"):
        store.write([result("a")])


HOLDING = """
import sys
from pathlib import Path
from airflow_provider_tiktok.conversions.liveramp.envelope_store import EnvelopeFile
store = EnvelopeFile(Path(sys.argv[1]))
store.start(sys.argv[2] or None)
print("started", flush=True)
sys.stdin.read()
store.finish()
"""


@pytest.mark.parametrize("other", ["f" * 64, "0" * 64, ""])
def test_a_second_run_of_one_file_is_refused(tmp_path: Path, other: str) -> None:
    """Of the same rows or of others: it would take the first one's rows away, and both would be green."""
    path = tmp_path / "envelopes.jsonl"
    arguments = [sys.executable, "-c", HOLDING, str(path), "f" * 64]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "started\n"
        with pytest.raises(TransientError, match="another run writes"):
            EnvelopeFile(path).start(other or None)
        first.communicate()
    assert first.returncode == 0
    assert lines(path) == []
    assert EnvelopeFile(path).start(other or None) == {}


def test_a_run_whose_part_another_one_took_says_so(tmp_path: Path) -> None:
    """In one process a lock tells nobody apart: the run that came later has the file."""
    first, second = (EnvelopeFile(tmp_path / "envelopes.jsonl") for _ in range(2))
    first.start("f" * 64)
    first.write([result("a")])
    assert second.start("f" * 64) == {"refreshed": 1}
    for step in (first.finish, lambda: first.write([result("b")])):
        with pytest.raises(TransientError):
            step()
    second.write([result("b")])
    second.finish()
    assert [line["key"] for line in lines(tmp_path / "envelopes.jsonl")] == ["a", "b"]


def test_a_part_that_was_removed_is_not_written_on(tmp_path: Path) -> None:
    """On disks without locks, too."""
    store = EnvelopeFile(tmp_path / "envelopes.jsonl")
    store.start("f" * 64)
    store.write([result("a")])
    [part] = tmp_path.iterdir()
    part.unlink()
    part.write_bytes(b"")
    for step in (store.finish, lambda: store.write([result("b")])):
        with pytest.raises(TransientError, match="another run"):
            step()


@pytest.mark.parametrize("before", [None, "old\n"])
def test_a_file_that_somebody_replaced_meanwhile_is_not_overwritten(
    tmp_path: Path, before: str | None
) -> None:
    """It may hold rows that this run has not read."""
    path = tmp_path / "envelopes.jsonl"
    if before is not None:
        path.write_text(before)
    store = EnvelopeFile(path)
    store.start("f" * 64)
    store.write([result("a")])
    path.write_text("rows of today\n")
    with pytest.raises(TransientError, match="was replaced by another program"):
        store.finish()
    assert path.read_text() == "rows of today\n"
