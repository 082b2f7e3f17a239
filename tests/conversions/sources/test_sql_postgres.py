# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A real PostgreSQL, where one is installed: the result stays on the server until it is fetched."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.sources.key_ranges import within_part
from airflow_provider_tiktok.conversions.sources.key_statistics import split_query
from airflow_provider_tiktok.conversions.sources.sql import SqlSource
from tests.postgres import can_run, running_postgres

DRIVERS = [name for name in ("psycopg2", "psycopg") if find_spec(name)]

pytestmark = [
    pytest.mark.skipif(not can_run(), reason="PostgreSQL is not installed, or nobody may run it"),
    pytest.mark.skipif(not DRIVERS, reason="neither psycopg2 nor psycopg is installed"),
]

NUMBERS = "SELECT id, repeat('x', 1000) AS text FROM generate_series(1, %s) AS id ORDER BY id"


@pytest.fixture(scope="module")
def socket_folder() -> Iterator[str]:
    """A server that listens on a socket in this folder and nowhere else."""
    with running_postgres() as folder:
        yield folder


@pytest.fixture(params=DRIVERS)
def connect(request: pytest.FixtureRequest, socket_folder: str) -> Callable[..., Any]:
    """Connects by each driver that is installed."""
    driver = pytest.importorskip(request.param)

    def open_connection(*, is_autocommit: bool = False) -> Any:
        connection = driver.connect(host=socket_folder, user="test", dbname="postgres")
        connection.autocommit = is_autocommit
        return connection

    return open_connection


def resident_bytes() -> int:
    """Memory of this process, drivers' own included."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("is_autocommit", [False, True])
def test_rows(connect: Callable[..., Any], is_autocommit: bool) -> None:
    """Rows, columns and parameters come through a named cursor, also without a transaction."""
    source = SqlSource(lambda: connect(is_autocommit=is_autocommit), NUMBERS, [25], page_size=10)
    rows = list(source.rows())
    assert [row["id"] for row in rows if isinstance(row, dict)] == list(range(1, 26))
    assert source.columns == ("id", "text")


def test_result_stays_on_the_server(connect: Callable[..., Any]) -> None:
    """A hundred megabytes of result take a few of them here."""
    before = resident_bytes()
    with closing(SqlSource(connect, NUMBERS, [100_000], page_size=1000).rows()) as rows:
        for _ in range(2000):
            next(rows)
        assert resident_bytes() - before < 30_000_000


def test_refused(connect: Callable[..., Any]) -> None:
    """The server's code is told, its words are not."""
    with pytest.raises(ConfigurationError, match=r"\(UndefinedTable, 42P01\)"):
        list(SqlSource(connect, "SELECT * FROM nowhere WHERE email = %s", ["ada@example.com"]).rows())


def test_fails_in_the_middle(connect: Callable[..., Any]) -> None:
    """A value that breaks the query late ends the run as a fault of the query."""
    rows = SqlSource(connect, "SELECT 1 / (50 - id) FROM generate_series(1, 100) AS id", page_size=10).rows()
    with pytest.raises(ConfigurationError, match=r"\(DivisionByZero, 22012\)"):
        list(rows)


def test_no_query(connect: Callable[..., Any]) -> None:
    """A statement that is no query is a setting to mend."""
    with pytest.raises(ConfigurationError, match=r"^Run the query by hand"):
        list(SqlSource(connect, "CREATE TABLE t (id int)").rows())


TABLE = """
CREATE TABLE orders AS SELECT n AS id, 'order-' || lpad(n::text, 7, '0') AS number, md5(n::text)::uuid AS uuid,
       n * 0.01 AS total, timestamptz '2026-01-01' + n * interval '1 minute' AS at, date '2026-01-01' + n / 100 AS day,
       CASE WHEN n % 100 > 0 THEN n END AS maybe
FROM generate_series(1, 20000) AS n
"""


@pytest.fixture(params=["analysed", "grown", "not analysed"])
def orders(request: pytest.FixtureRequest, connect: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """A table that the database has statistics of, one that has grown fourfold since, and one without."""
    with closing(connect(is_autocommit=True)) as connection:
        cursor = connection.cursor()
        cursor.execute(TABLE)
        if request.param != "not analysed":
            cursor.execute("ANALYZE orders")
        if request.param == "grown":
            cursor.execute("INSERT INTO orders SELECT * FROM orders UNION ALL SELECT * FROM orders")
            cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        yield connect
        cursor.execute("DROP TABLE orders")


@pytest.mark.parametrize("key", ["id", "number", "uuid", "total", "at", "day", "maybe"])
def test_a_table_is_cut_by_its_statistics(orders: Callable[..., Any], key: str) -> None:
    """Every kind of key gives parts of about equal size, each row in one, those without a key in their own."""
    parts = split_query(orders, table="public.orders", key=key, parts=6)
    sizes = []
    for part in parts:
        source = SqlSource(
            orders, within_part("SELECT COUNT(*) AS n FROM orders WHERE {part}", part, group_by=())
        )
        sizes += [row["n"] for row in source.rows() if isinstance(row, dict)]
    with closing(orders()) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT COUNT(*) FROM orders")
        (total,) = cursor.fetchone()
    assert len(parts) == (7 if key == "maybe" else 6)
    assert sum(sizes) == total
    assert max(sizes) < 1.35 * total / 6


@pytest.mark.parametrize("orders", ["analysed"], indirect=True)
def test_statistics_spare_the_table(orders: Callable[..., Any]) -> None:
    """Where the database knows how keys are spread, no statement numbers or sorts rows."""
    asked: list[str] = []

    def listening() -> Any:
        return Listening(orders(), asked)

    split_query(listening, table="orders", key="id", parts=6)
    assert len(asked) == 2
    assert not any("ROW_NUMBER" in sql or "OFFSET" in sql for sql in asked)


def test_a_key_that_cannot_be_null_is_not_asked_for(connect: Callable[..., Any]) -> None:
    """Of a primary key the parts are ranges alone, which an index serves; one statement finds them."""
    asked: list[str] = []
    with closing(connect(is_autocommit=True)) as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE numbers AS SELECT n FROM generate_series(1, 20000) AS n")
        cursor.execute("ALTER TABLE numbers ADD PRIMARY KEY (n)")
        cursor.execute("ANALYZE numbers")
        parts = split_query(lambda: Listening(connect(), asked), table="numbers", key="n", parts=4)
        cursor.execute("DROP TABLE numbers")
    conditions = [within_part("{part}", part, group_by=()) for part in parts]
    assert len(asked) == 1
    assert not any("NULL" in condition for condition in conditions)


class Listening:
    """A connection that takes down what is asked."""

    def __init__(self, connection: Any, asked: list[str]) -> None:
        self._connection = connection
        self._asked = asked
        self.__class__ = type("Listening", (Listening,), {"__module__": type(connection).__module__})

    def cursor(self) -> Any:
        cursor = self._connection.cursor()
        plain = cursor.execute
        outer = self

        class Cursor:
            def execute(self, sql: str) -> None:
                outer._asked.append(sql)
                plain(sql)

            def __getattr__(self, name: str) -> Any:
                return getattr(cursor, name)

        return Cursor()

    def close(self) -> None:
        self._connection.close()
