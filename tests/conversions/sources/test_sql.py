# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A query is streamed by pages, closed always, and fails without telling what the rows hold."""

from __future__ import annotations

import pickle
import sqlite3
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from airflow_provider_tiktok.conversions.errors import (
    ConfigurationError,
    ConversionsError,
    TransientError,
)
from airflow_provider_tiktok.conversions.sources.sql import SqlSource, server_side_cursor

SECRET = "ada@example.com"
NUMBERS = "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < {}) SELECT id, '{}' AS text FROM n"

Connect = Callable[[], sqlite3.Connection]


@pytest.fixture
def connect(tmp_path: Path) -> Connect:
    """Connects to a database with three orders."""
    with sqlite3.connect(tmp_path / "orders.db") as connection:
        connection.execute("CREATE TABLE orders (id INTEGER, email TEXT, total NUMERIC)")
        connection.executemany(
            "INSERT INTO orders VALUES (?, ?, ?)", [(1, SECRET, 1.5), (2, None, 0), (3, "bob@example.com", 7)]
        )
    connection.close()
    return lambda: sqlite3.connect(tmp_path / "orders.db")


class Driver:
    """A driver of PEP 249 that keeps count: connection and cursor in one, and what is asked of them."""

    def __init__(
        self,
        rows: Sequence[Any] = (),
        *,
        columns: Sequence[str] | None = ("id",),
        fails_at: str = "",
        error: Exception | None = None,
        describes_late: bool = False,
    ) -> None:
        self._rows = list(rows)
        self._columns = columns
        self._fails_at = fails_at
        self._error = error or RuntimeError()
        self._describes_late = describes_late
        self.description: list[tuple[str, None]] | None = None
        self.fetched = 0
        self.calls: list[Any] = []

    def _call(self, name: str, *args: Any) -> None:
        self.calls.append((name, *args))
        if self._fails_at == name or self._fails_at == f"{name}{self.fetched}":
            raise self._error

    def cursor(self) -> Driver:
        self._call("cursor")
        return self

    def _describe(self) -> None:
        self.description = None if self._columns is None else [(name, None) for name in self._columns]

    def execute(self, *args: Any) -> None:
        self._call("execute", *args)
        if not self._describes_late:
            self._describe()

    def fetchmany(self, size: int) -> list[Any]:
        self._call("fetchmany")
        self._describe()
        page, self._rows = self._rows[:size], self._rows[size:]
        self.fetched += len(page)
        return page

    def close(self) -> None:
        self._call("close")

    @property
    def closes(self) -> int:
        return self.calls.count(("close",))


def test_query(connect: Connect) -> None:
    """Each row maps column to value, as the driver gives it."""
    source = SqlSource(connect, "SELECT id, email AS mail, total FROM orders ORDER BY id")
    assert source.columns is None
    rows = list(source.rows())
    assert rows == [
        {"id": 1, "mail": SECRET, "total": 1.5},
        {"id": 2, "mail": None, "total": 0},
        {"id": 3, "mail": "bob@example.com", "total": 7},
    ]
    assert source.columns == ("id", "mail", "total")


@pytest.mark.parametrize(
    ("sql", "parameters"),
    [
        ("SELECT id FROM orders WHERE total = ? AND id > ?", [7, 1]),
        ("SELECT id FROM orders WHERE total = :total AND id > :id", {"total": 7, "id": 1}),
        ("SELECT id FROM orders WHERE email LIKE 'bob%'", None),
    ],
)
def test_parameters(connect: Connect, sql: str, parameters: Any) -> None:
    """Parameters go to the driver apart from the text."""
    assert list(SqlSource(connect, sql, parameters).rows()) == [{"id": 3}]


def test_no_parameters_are_not_empty_parameters() -> None:
    """Drivers read a percent sign as a place for a parameter only where they are given some."""
    for parameters, call in ((None, ("execute", "SELECT 1")), ([], ("execute", "SELECT 1", []))):
        driver = Driver()
        list(SqlSource(lambda driver=driver: driver, "SELECT 1", parameters).rows())
        assert driver.calls[1] == call


def test_no_rows(connect: Connect) -> None:
    """A query without rows still says which columns it has."""
    source = SqlSource(connect, "SELECT id, email FROM orders WHERE id > 99")
    assert list(source.rows()) == []
    assert source.columns == ("id", "email")


@pytest.mark.parametrize("page_size", [1, 2, 3, 100])
def test_pages_do_not_show(connect: Connect, page_size: int) -> None:
    """The page size changes nothing of the rows."""
    source = SqlSource(connect, "SELECT id FROM orders ORDER BY id", page_size=page_size)
    assert [row["id"] for row in source.rows() if isinstance(row, dict)] == [1, 2, 3]


def test_nothing_is_read_ahead() -> None:
    """No connection before the first row, and never more than one chunk."""
    driver = Driver([(number,) for number in range(3000)])
    rows = SqlSource(lambda: driver, "SELECT 1", page_size=10).rows()
    assert driver.calls == []
    for number in range(1, 2026):
        next(rows)
        assert driver.fetched == -(-number // 1000) * 1000


def test_memory_is_bounded(connect: Connect) -> None:
    """Fifty thousand rows take the memory of one page."""
    source = SqlSource(connect, NUMBERS.format(50_000, "x" * 200), page_size=500)
    tracemalloc.start()
    try:
        count = sum(1 for _ in source.rows())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 50_000
    assert peak < 2_000_000


def test_columns_that_come_late() -> None:
    """Some cursors know their columns only once rows were fetched."""
    source = SqlSource(lambda: Driver([(1,)], describes_late=True), "SELECT 1")
    assert list(source.rows()) == [{"id": 1}]
    assert source.columns == ("id",)


def test_rows_that_are_mappings_already() -> None:
    """A cursor may give mappings."""
    assert list(SqlSource(lambda: Driver([{"id": 1}]), "SELECT 1").rows()) == [{"id": 1}]


@pytest.mark.parametrize("taken", [0, 1, 5])
def test_closed_when_the_reader_stops(taken: int) -> None:
    """Cursor and connection are closed at the end and whenever the rows are no longer wanted."""
    driver = Driver([(number,) for number in range(5)])
    rows = SqlSource(lambda: driver, "SELECT 1", page_size=2).rows()
    for _ in range(taken):
        next(rows)
    rows.close()
    assert driver.closes == (2 if taken else 0)


@pytest.mark.parametrize("fails_at", ["execute", "fetchmany0", "fetchmany2"])
def test_closed_after_an_error(fails_at: str) -> None:
    """A broken query is closed too."""
    driver = Driver([(number,) for number in range(5)], fails_at=fails_at)
    with pytest.raises(ConversionsError):
        list(SqlSource(lambda: driver, "SELECT 1", page_size=2).rows())
    assert driver.closes == 2


def test_connection_is_closed_where_no_cursor_is_given() -> None:
    """A connection without a cursor does not stay open."""
    driver = Driver(fails_at="cursor")
    with pytest.raises(TransientError):
        list(SqlSource(lambda: driver, "SELECT 1").rows())
    assert driver.closes == 1


def test_trouble_with_closing_hides_nothing() -> None:
    """A connection that cannot be closed does not undo that all rows were read."""
    driver = Driver([(1,)], fails_at="close")
    assert list(SqlSource(lambda: driver, "SELECT 1").rows()) == [{"id": 1}]
    assert driver.closes == 2


def test_errors_of_connecting_are_passed_on() -> None:
    """They hold neither parameters nor rows, and a person needs their words."""

    def connect() -> Any:
        raise sqlite3.OperationalError("no route to host")

    with pytest.raises(sqlite3.OperationalError, match="no route to host"):
        list(SqlSource(connect, "SELECT 1").rows())


class Error(Exception):
    """The tree of PEP 249, as a driver defines it."""


class DatabaseError(Error):
    pass


class OperationalError(DatabaseError):
    pass


class InterfaceError(Error):
    pass


class InternalError(DatabaseError):
    pass


class ProgrammingError(DatabaseError):
    pass


class UndefinedColumn(ProgrammingError):
    sqlstate = "42703"


class DeadlockDetected(OperationalError):
    pgcode = "40P01"


class Leaky(DatabaseError):
    sqlstate = f"{SECRET} is no code"


@pytest.mark.parametrize("fails_at", ["execute", "fetchmany0", "fetchmany2"])
@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (
            UndefinedColumn(f"LINE 1: WHERE email = '{SECRET}'"),
            ConfigurationError,
            "(UndefinedColumn, 42703)",
        ),
        (ProgrammingError(1064, f"near '{SECRET}'"), ConfigurationError, "(ProgrammingError, 1064)"),
        (
            OperationalError(1054, f"Unknown column '{SECRET}'"),
            ConfigurationError,
            "(OperationalError, 1054)",
        ),
        (DatabaseError(SECRET), ConfigurationError, "(DatabaseError)"),
        (Leaky(SECRET), ConfigurationError, "(Leaky)"),
        (TypeError(f"not all arguments converted: {SECRET}"), ConfigurationError, "(TypeError)"),
        (KeyError(SECRET), ConfigurationError, "(KeyError)"),
        (DeadlockDetected(SECRET), TransientError, "(DeadlockDetected, 40P01)"),
        (OperationalError(2013, f"Lost connection at {SECRET}"), TransientError, "(OperationalError, 2013)"),
        (InterfaceError(SECRET), TransientError, "(InterfaceError)"),
        (InternalError(SECRET), TransientError, "(InternalError)"),
        (ConnectionResetError(104, SECRET), TransientError, "(ConnectionResetError, 104)"),
        (RuntimeError(SECRET), TransientError, "(RuntimeError)"),
    ],
)
def test_errors(error: Exception, kind: type[Exception], told: str, fails_at: str) -> None:
    """What a retry may mend is transient, what a person must mend is not; class and code are all that is told."""
    driver = Driver([(number,) for number in range(5)], fails_at=fails_at, error=error)
    with pytest.raises(kind) as caught:
        list(SqlSource(lambda: driver, f"SELECT '{SECRET}'", [SECRET], page_size=2).rows())
    assert told in str(caught.value)
    assert SECRET not in f"{caught.value!r} {vars(caught.value)}"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert getattr(caught.value, "attempts", None) == 0
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT * FROM nowhere", "OperationalError, SQLITE_ERROR"),
        ("SELEC 1", "OperationalError, SQLITE_ERROR"),
        ("SELECT ?", "ProgrammingError"),
        ("SELECT 1; SELECT 2", "ProgrammingError"),
    ],
)
def test_refused_by_a_real_database(connect: Connect, sql: str, code: str) -> None:
    """A wrong query is a setting to mend, also where the driver calls it operational."""
    with pytest.raises(
        ConfigurationError, match=rf"^Run the query by hand .* the database refuses sql \({code}\)"
    ):
        list(SqlSource(connect, sql).rows())


def test_locked_database_is_transient(tmp_path: Path, connect: Connect) -> None:
    """Somebody else's lock goes away."""
    holder = connect()
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(TransientError, match="SQLITE_BUSY"):
            source = SqlSource(
                lambda: sqlite3.connect(tmp_path / "orders.db", timeout=0), "SELECT id FROM orders"
            )
            list(source.rows())
    finally:
        holder.close()


def test_statement_without_rows(connect: Connect) -> None:
    """A statement that is no query is refused and undone."""
    with pytest.raises(ConfigurationError, match="gives no rows"):
        list(SqlSource(connect, "DELETE FROM orders").rows())
    assert len(list(SqlSource(connect, "SELECT id FROM orders").rows())) == 3


def test_column_twice(connect: Connect) -> None:
    """Two columns of one name are told apart by their numbers, and neither has the name alone."""
    source = SqlSource(connect, "SELECT o.id, p.id, o.email, 1 AS n FROM orders o, orders p")
    list(source.rows())
    assert source.columns == ("id (column 1)", "id (column 2)", "email", "n")


@pytest.mark.parametrize(("sql", "settings"), [("", {}), (" \n", {}), ("SELECT 1", {"page_size": 0})])
def test_wrong_arguments(connect: Connect, sql: str, settings: dict[str, Any]) -> None:
    """They are told before anything is connected."""
    with pytest.raises(ConfigurationError, match=r"^(Give a query as sql|Set page_size)"):
        SqlSource(connect, sql, **settings)


def test_fingerprint(connect: Connect) -> None:
    """Query and parameters count, how they are fetched does not."""
    before = SqlSource(connect, "SELECT 1", {"a": 1, "b": 2}).fingerprint()
    assert before is not None
    assert before == SqlSource(connect, "SELECT 1", {"b": 2, "a": 1}, page_size=5).fingerprint()
    assert before != SqlSource(connect, "SELECT 1", {"a": 1, "b": 3}).fingerprint()
    assert before != SqlSource(connect, "SELECT  1", {"a": 1, "b": 2}).fingerprint()
    assert before != SqlSource(connect, "SELECT 1").fingerprint()


@pytest.mark.parametrize("is_stated", [True, False])
def test_order_is_the_callers_word(connect: Connect, is_stated: bool) -> None:
    """Whether rows come in the same order again is not guessed from the text."""
    assert SqlSource(connect, "SELECT 1 ORDER BY 1", order_is_stated=is_stated).is_ordered is is_stated


def test_own_cursor(connect: Connect) -> None:
    """A caller may bring a cursor of any kind."""

    def make_cursor(connection: sqlite3.Connection) -> sqlite3.Cursor:
        connection.row_factory = sqlite3.Row
        return connection.cursor()

    source = SqlSource(connect, "SELECT id FROM orders ORDER BY id", make_cursor=make_cursor)
    assert [row["id"] for row in source.rows() if isinstance(row, dict)] == [1, 2, 3]


def make_connection(module: str, **attributes: Any) -> Any:
    """A connection whose class is defined in this module; its cursor shows how it was asked for."""

    def cursor(_: Any, *args: Any, **kwargs: Any) -> Any:
        return args, kwargs

    return type("Connection", (), {"__module__": module, "cursor": cursor, **attributes})()


@pytest.mark.parametrize(
    ("module", "is_autocommit"),
    [("psycopg2.extensions", False), ("psycopg2.extensions", True), ("psycopg", False), ("psycopg", True)],
)
def test_postgres_streams_from_the_server(module: str, is_autocommit: bool) -> None:
    """A named cursor leaves the result with the server; without a transaction it is held."""
    arguments = server_side_cursor(make_connection(module, autocommit=is_autocommit))
    assert arguments == ((), {"name": "airflow_provider_tiktok", "withhold": is_autocommit})


@pytest.mark.parametrize("package", ["MySQLdb", "pymysql"])
def test_mysql_streams_from_the_server(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The unbuffered cursor comes from the driver that the connection is of."""
    cursors = ModuleType(f"{package}.cursors")
    cursors.SSCursor = object()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, cursors.__name__, cursors)  # stands for the loaded driver
    assert server_side_cursor(make_connection(f"{package}.connections")) == ((cursors.SSCursor,), {})


def test_class_derived_from_a_drivers_is_known() -> None:
    """A connection class of somebody's own is still the driver's."""
    driver = type(make_connection("psycopg2.extensions", autocommit=False))
    own = type("Own", (driver,), {"__module__": "company.database"})()
    assert server_side_cursor(own)[1]["name"] == "airflow_provider_tiktok"


@pytest.mark.parametrize("module", ["sqlite3", "pyodbc", "psycopg2_look_alike", "company.psycopg"])
def test_other_drivers_give_their_usual_cursor(module: str) -> None:
    """Nothing is assumed of a driver that is not known."""
    assert server_side_cursor(make_connection(module)) == ((), {})
