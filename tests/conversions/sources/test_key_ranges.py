# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A table in parts: every row in exactly one of them, whatever the key is."""

from __future__ import annotations

import hashlib
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.sources.key_ranges import within_part
from airflow_provider_tiktok.conversions.sources.key_statistics import split_query

N_ROWS = 8_000

_DICE = Random(1)

KEYS: dict[str, tuple[str, Callable[[int], Any]]] = {
    "numbers": ("INTEGER", lambda number: number),
    "negative": ("INTEGER", lambda number: number - N_ROWS // 2),
    "amounts": ("REAL", lambda number: _DICE.gauss(0, 1e6)),
    "large_ids": ("INTEGER", lambda number: 9_007_199_254_740_993 + number * 10**10),
    "order_numbers": ("TEXT", lambda number: f"ORD-{number:07d}"),
    "texts_without_case": ("TEXT COLLATE NOCASE", lambda number: f"{'aBcDeF'[number % 6]}{_DICE.random()}"),
    "odd_texts": ("TEXT", lambda number: "''é"[number % 3 :] + str(_DICE.random())),
    "uuids": ("TEXT", lambda number: str(uuid.UUID(int=_DICE.getrandbits(128)))),
    "digests": ("TEXT", lambda number: hashlib.sha256(str(number).encode()).hexdigest()),
    "times": ("TEXT", lambda number: str(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number))),
    "three_rows_each": ("INTEGER", lambda number: number // 3),
}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """A table with a column for each kind of key."""
    file = tmp_path_factory.mktemp("keys") / "keys.db"
    with closing(sqlite3.connect(file)) as connection:
        columns = ", ".join(f"{name} {type_}" for name, (type_, _) in KEYS.items())
        connection.execute(f"CREATE TABLE t ({columns})")
        rows = [[make(number) for _, make in KEYS.values()] for number in range(N_ROWS)]
        connection.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(KEYS))})", rows)
        connection.commit()
        yield connection


def sizes_of(connection: sqlite3.Connection, parts: list[dict[str, Any]], *, table: str = "t") -> list[int]:
    """How many rows each part has."""
    query = f"SELECT COUNT(*) FROM {table} WHERE {{part}}"
    return [connection.execute(within_part(query, part, group_by=())).fetchone()[0] for part in parts]


def connect_to(connection: sqlite3.Connection) -> Callable[[], sqlite3.Connection]:
    """Opens the same database again."""
    (row,) = connection.execute("PRAGMA database_list").fetchall()
    return lambda: sqlite3.connect(row[2])


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("n_parts", [1, 2, 8, 50])
def test_parts_are_of_equal_size(database: sqlite3.Connection, key: str, n_parts: int) -> None:
    """Every row is in exactly one part, and no part is much larger than the others."""
    parts = split_query(connect_to(database), table="t", key=key, parts=n_parts)
    sizes = sizes_of(database, parts)
    assert len(parts) == n_parts
    assert sum(sizes) == N_ROWS
    assert max(sizes) <= 1.4 * N_ROWS / n_parts


def test_texts_that_cannot_be_written_into_a_statement_are_no_bounds(tmp_path: Path) -> None:
    """Where a text has a character whose meaning depends on the database, a part ends elsewhere."""
    with closing(sqlite3.connect(tmp_path / "odd.db")) as connection:
        connection.execute("CREATE TABLE t (k TEXT)")
        texts = [
            f"{'%' if number % 3 else 'a'}{_DICE.random()}" + chr(92) * (number % 2) for number in range(999)
        ]
        connection.executemany("INSERT INTO t VALUES (?)", [[text] for text in texts])
        connection.commit()
        parts = split_query(connect_to(connection), table="t", key="k", parts=9)
        assert sum(sizes_of(connection, parts)) == len(texts)
    assert len(parts) > 1
    assert not any("%" in str(part["from"]) or chr(92) in str(part["from"]) for part in parts)


@pytest.mark.parametrize("key", KEYS)
def test_the_same_table_is_cut_the_same(database: sqlite3.Connection, key: str) -> None:
    """Cutting again gives the same parts."""
    first, second = (split_query(connect_to(database), table="t", key=key, parts=7) for _ in range(2))
    assert first == second


def test_no_group_is_cut(database: sqlite3.Connection) -> None:
    """Rows of one key are in one part."""
    parts = split_query(connect_to(database), table="t", key="three_rows_each", parts=9)
    query = "SELECT DISTINCT three_rows_each FROM t WHERE {part}"
    keys = [
        key
        for part in parts
        for (key,) in database.execute(within_part(query, part, group_by=["three_rows_each"]))
    ]
    assert len(keys) == len(set(keys)) == -(-N_ROWS // 3)


def test_parts_tell_no_whole_text(database: sqlite3.Connection) -> None:
    """Of a digest or a session's id a part shows a few characters."""
    parts = split_query(connect_to(database), table="t", key="digests", parts=8)
    assert max(len(part["from"] or "") for part in parts) <= 4


@pytest.mark.parametrize(
    ("rows", "n_parts"),
    [([], 1), ([None], 2), ([None, None, 5], 2), ([7] * 100, 1), ([1] * 99 + [2], 2), ([1, 2, 3], 3)],
    ids=["none", "no key", "one key", "equal", "skewed", "few"],
)
def test_few_keys(tmp_path: Path, rows: list[int | None], n_parts: int) -> None:
    """There are as many parts as keys allow, at least one, and rows without a key have their own."""
    with closing(sqlite3.connect(tmp_path / "few.db")) as connection:
        connection.execute("CREATE TABLE t (k INTEGER)")
        connection.executemany("INSERT INTO t VALUES (?)", [[row] for row in rows])
        connection.commit()
        parts = split_query(connect_to(connection), table="t", key="k", parts=3)
        assert sum(sizes_of(connection, parts)) == len(rows)
    assert len(parts) <= n_parts
    assert [part["number"] for part in parts] == list(range(1, len(parts) + 1))
    assert any(part.get("is_null") for part in parts) == (None in rows)


@given(rows=st.lists(st.none() | st.integers(-5, 5) | st.integers(), max_size=60), n_parts=st.integers(1, 12))
def test_every_row_is_in_one_part(rows: list[int | None], n_parts: int) -> None:
    """Whatever the numbers are, and where new ones come later."""
    rows = [row for row in rows if row is None or abs(row) < 2**63]
    uri = f"file:{uuid.uuid4()}?mode=memory&cache=shared"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        connection.execute("CREATE TABLE t (k INTEGER)")
        connection.executemany("INSERT INTO t VALUES (?)", [[row] for row in rows])
        connection.commit()
        parts = split_query(lambda: sqlite3.connect(uri, uri=True), table="t", key="k", parts=n_parts)
        connection.executemany("INSERT INTO t VALUES (?)", [[-(2**62)], [2**62], [0]])
        assert sum(sizes_of(connection, parts)) == len(rows) + 3
    assert 1 <= len(parts) <= n_parts + 1


@pytest.mark.parametrize("n_parts", [1, 4])
@pytest.mark.parametrize("has_nulls", [False, True])
def test_rows_without_a_key_that_come_after_the_cut_are_in_a_part(
    tmp_path: Path, n_parts: int, has_nulls: bool
) -> None:
    """Between the cut and the reading a table may get its first row without a key, and again later."""
    with closing(sqlite3.connect(tmp_path / "grown.db")) as connection:
        connection.execute("CREATE TABLE t (k INTEGER)")
        connection.executemany("INSERT INTO t VALUES (?)", [[number] for number in range(100)])
        connection.executemany("INSERT INTO t VALUES (?)", [[None]] * has_nulls)
        connection.commit()
        parts = split_query(connect_to(connection), table="t", key="k", parts=n_parts)
        connection.execute("INSERT INTO t VALUES (NULL)")
        connection.commit()
        assert sum(sizes_of(connection, parts)) == 101 + has_nulls
        again = split_query(connect_to(connection), table="t", key="k", parts=n_parts, known=parts)
        assert sum(sizes_of(connection, again)) == 101 + has_nulls
        assert len(again) == n_parts + 1


def test_only_rows_that_meet_the_condition_count(database: sqlite3.Connection) -> None:
    """``where`` says what is cut, and parts of it are of equal size."""
    parts = split_query(connect_to(database), table="t", key="numbers", parts=4, where="numbers >= 6000")
    assert [part["from"] for part in parts] == [None, "6500", "7000", "7500"]


def test_known_parts_are_taken_again(database: sqlite3.Connection) -> None:
    """A whole is cut as before, however it has grown; rows without a key are looked for."""
    parts = split_query(connect_to(database), table="t", key="numbers", parts=4)
    with closing(connect_to(database)()) as other:
        other.execute("CREATE TABLE grown AS SELECT numbers FROM t")
        other.executemany("INSERT INTO grown VALUES (?)", [[None], [N_ROWS * 9]])
        other.commit()
    again = split_query(connect_to(database), table="grown", key="numbers", parts=4, known=parts)
    assert [part.get("below") for part in again] == [*(part["below"] for part in parts), None]
    assert sum(sizes_of(database, again, table="grown")) == N_ROWS + 2


@pytest.mark.parametrize(
    ("table", "key", "words"),
    [
        ("t", "numbers; DROP TABLE t", "Give the name of one column as key"),
        ("t", "", "Give the name of one column as key"),
        ("t", "nowhere", "the database refuses sql"),
        ("t; DROP TABLE t", "numbers", "Give what stands behind FROM as table"),
        (" ", "numbers", "Give what stands behind FROM as table"),
        ("(SELECT 'jane' || numbers || '@example.com' AS k FROM t)", "k", "key k holds e-mail addresses"),
        ("(SELECT x'00' || numbers AS k, CAST(numbers AS BLOB) AS b FROM t)", "b", "type bytes"),
        (
            "(SELECT numbers AS k FROM t UNION ALL SELECT 'x' || numbers FROM t)",
            "k",
            "holds values of several",
        ),
    ],
)
def test_what_cannot_be_cut_is_named(database: sqlite3.Connection, table: str, key: str, words: str) -> None:
    """A key that holds personal data, has no order or is none fails by name."""
    with pytest.raises(ConfigurationError, match=words):
        split_query(connect_to(database), table=table, key=key, parts=4)


PART = {"number": 2, "of": 3, "name": "k", "key": "k", "kind": "number", "from": "5", "below": "9"}


@pytest.mark.parametrize(
    ("sql", "part", "expected"),
    [
        ("SELECT 1 WHERE {part}", PART, "SELECT 1 WHERE (k >= 5 AND k < 9)"),
        ("SELECT 1 WHERE {part:o.k}", PART, "SELECT 1 WHERE (o.k >= 5 AND o.k < 9)"),
        ("a {part} b {part}", {**PART, "from": None}, "a (k < 9) b (k < 9)"),
        ("{part}", {**PART, "below": None}, "(k >= 5)"),
        ("{part}", {**PART, "from": None, "below": None}, "(k IS NOT NULL)"),
        ("{part}", {**PART, "is_null": True}, "(k IS NULL)"),
        ("{part}", {**PART, "below": None, "or_null": True}, "(k >= 5 OR k IS NULL)"),
        ("{part}", {**PART, "from": None, "below": None, "or_null": True}, "(1 = 1)"),
        ("{part}", {**PART, "kind": "text", "from": "o'x"}, "(k >= 'o''x' AND k < '9')"),
        (
            "{part}",
            {**PART, "kind": "time", "is_typed": True, "below": None, "from": "2026-11-26 10:00:00+00:00"},
            "(k >= TIMESTAMP '2026-11-26 10:00:00+00:00')",
        ),
        ("SELECT '{no part}' {", None, "SELECT '{no part}' {"),
    ],
)
def test_condition(sql: str, part: dict[str, Any] | None, expected: str) -> None:
    """The part's condition stands where the query says so."""
    assert within_part(sql, part, group_by=()) == expected


@pytest.mark.parametrize(
    ("sql", "part", "group_by", "words"),
    [
        ("SELECT 1", PART, (), "which says where the part belongs"),
        ("SELECT 1 WHERE {part}", None, (), "none was given"),
        ("{part}", [PART], (), "no part of a query"),
        ("{part}", {}, (), "no part of a query"),
        ("{part}", {"is_null": True}, (), "no part of a query"),
        ("{part}", {"key": "k"}, (), "no part of a query"),
        ("{part}", {**PART, "from": "5 OR 1=1"}, (), "no part of a query"),
        ("{part}", {**PART, "kind": "text", "from": "\\"}, (), "no part of a query"),
        ("{part}", {**PART, "kind": "sql"}, (), "no part of a query"),
        ("{part}", {**PART, "from": 5}, (), "no part of a query"),
        ("{part}", {**PART, "key": "k OR 1=1"}, (), "Give the name of one column as part"),
        ("{part:k OR 1=1}", PART, (), "Give the name of one column as part"),
        ("{part}", PART, ["order_id"], "may end within an event"),
        ("{part}", PART, "order_id", "may end within an event"),
    ],
)
def test_what_is_no_part_is_refused(sql: str, part: Any, group_by: Any, words: str) -> None:
    """Nothing but what was cut gets into a statement, and nothing that may cut an event in two."""
    with pytest.raises(ConfigurationError, match=words):
        within_part(sql, part, group_by=group_by)


@pytest.mark.parametrize("group_by", [["k"], "K", ["shop", "k"], ['"k"']])
def test_a_group_is_whole_where_the_key_is_one_of_its_columns(group_by: Any) -> None:
    """However the column is written."""
    assert within_part("{part:o.k}", PART, group_by=group_by)
