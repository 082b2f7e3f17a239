# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Rows of one SQL query, streamed. Knows the Python database API (PEP 249) and imports no driver.

Errors of drivers are told by their class and code alone: their text may hold parameters and row values.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Protocol, TypeVar

from airflow_provider_tiktok.conversions.chunks import (
    CHUNK_BYTES,
    CHUNK_ROWS,
    Chunk,
    ColumnChunk,
    RecordChunk,
    rows_of,
)
from airflow_provider_tiktok.conversions.errors import ConfigurationError, ConversionsError, TransientError
from airflow_provider_tiktok.conversions.events import Row
from airflow_provider_tiktok.conversions.sources.fingerprints import fingerprint
from airflow_provider_tiktok.conversions.sources.sizes import size_of, size_of_values
from airflow_provider_tiktok.conversions.sources.tables import distinct_columns

T = TypeVar("T")

Parameters = Sequence[Any] | Mapping[str, Any]


class Cursor(Protocol):
    """A cursor of PEP 249, as far as it is used."""

    @property
    def description(self) -> Sequence[Sequence[Any]] | None:
        """One sequence for each column, its name first; ``None`` for a statement without rows."""

    def execute(self, sql: str, parameters: Any = ..., /) -> Any:
        """Run the statement."""

    def fetchmany(self, size: int, /) -> Sequence[Any]:
        """Up to this many rows, an empty sequence after the last."""

    def close(self) -> None:
        """Let go of the result."""


class Connection(Protocol):
    """A connection of PEP 249, as far as it is used."""

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """A new cursor."""

    def close(self) -> None:
        """End the connection; what was not committed is undone."""


class SqlSource:
    """Rows of one query, at most one page of them in memory.

    :param connect: gives a new connection, for one reading; its own errors are passed on as they are.
    :param sql: one query, run as it is: resuming reads past rows and never changes the text.
    :param parameters: for the driver, in the style it knows; ``None`` to hand it none, so that a ``%`` in
        the text stays what it is.
    :param page_size: rows to fetch at once, at most; fewer are where they are large.
    :param order_is_stated: whether the query itself orders the rows such that the same data always gives
        the same order. Nobody can check that here.
    :param make_cursor: gives a cursor that streams; the default knows PostgreSQL and MySQL drivers.
    :raises ConfigurationError: an argument is wrong. Nothing is connected before rows are read.
    """

    oldest_replay_time: int | None = None

    def __init__(
        self,
        connect: Callable[[], Connection],
        sql: str,
        parameters: Parameters | None = None,
        *,
        page_size: int = 10_000,
        order_is_stated: bool = False,
        make_cursor: Callable[[Any], Cursor] | None = None,
    ) -> None:
        if not sql.strip():
            raise ConfigurationError("Give a query as sql: the statement is empty.")
        if page_size < 1:
            raise ConfigurationError("Set page_size to at least 1: that many rows are fetched at once.")
        self._connect = connect
        self._sql = sql
        self._parameters = parameters
        self._page_size = page_size
        self._make_cursor = make_cursor or server_side_cursor
        self._columns: tuple[str, ...] | None = None
        self.is_ordered = order_is_stated

    @property
    def columns(self) -> tuple[str, ...] | None:
        """The query's columns, as soon as the first row was taken."""
        return self._columns

    def locate(self, row: int) -> None:
        """Nothing: the row's number says all."""

    def fingerprint(self) -> str | None:
        """A digest over the query and its parameters; it does not see that the data changed."""
        return fingerprint([self._sql, self._parameters])

    def rows(self) -> Generator[Row, None, None]:
        """The rows one by one; raises as ``chunks`` does."""
        return rows_of(self.chunks())

    def chunks(self) -> Generator[Chunk, None, None]:
        """The rows in chunks.

        Cursor and connection are closed when the last one was taken and when the iterator is closed.

        :raises ConfigurationError: the database refuses the query.
        :raises TransientError: the connection or the database failed; another try may succeed.
        """
        with ExitStack() as stack:
            connection = self._connect()
            stack.callback(_close, connection)
            cursor = _told(lambda: self._make_cursor(connection))
            stack.callback(_close, cursor)
            most = min(self._page_size, CHUNK_ROWS if _fetches_pages(connection) else _STEP_ROWS)
            pages = _Pages(cursor, most=most)
            page = _told(lambda: self._first_page(cursor, pages))
            self._columns = columns = _column_names(cursor.description)
            yield from _chunks(pages, page, columns)

    def _first_page(self, cursor: Cursor, pages: _Pages) -> Sequence[Any]:
        """Some cursors only run the query, and only know its columns, when the first rows are fetched."""
        if self._parameters is None:
            cursor.execute(self._sql)
        else:
            cursor.execute(self._sql, self._parameters)
        return pages.fetch()


@contextmanager
def asking(
    connect: Callable[[], Connection],
) -> Iterator[tuple[Callable[[str], list[Sequence[Any]]], str]]:
    """A function that gives all rows of a short statement, and the package of the driver.

    Rows are sequences, also where the connection makes mappings of them. The connection is closed at the
    end, so that nothing stays changed or locked.

    :raises ConfigurationError, TransientError: as ``SqlSource.chunks``, from the function.
    """
    connection = connect()
    try:
        yield lambda sql: _told(lambda: _all_rows(connection, sql)), _driver(connection)
    finally:
        _close(connection)


def _all_rows(connection: Connection, sql: str) -> list[Sequence[Any]]:
    cursor = connection.cursor()
    try:
        cursor.execute(sql)
        rows: list[Any] = []
        while page := cursor.fetchmany(1000):
            rows.extend(page)
        return [tuple(row.values()) if isinstance(row, Mapping) else row for row in rows]
    finally:
        _close(cursor)


_FIRST_ROWS = 16
_STEP_ROWS = 128
"""Rows that are fetched at once where asking for few costs no trip to the server."""


class _Pages:
    """Fetches as many rows at once as their size allows, beginning with a few to see it.

    :param most: rows of a page at most.
    :ivar next_rows: rows that the next page may have.
    """

    def __init__(self, cursor: Cursor, *, most: int) -> None:
        self._cursor = cursor
        self._most = most
        self.next_rows = min(_FIRST_ROWS, most)

    def fetch(self) -> Sequence[Any]:
        """The next rows, none after the last."""
        return self._cursor.fetchmany(self.next_rows)

    def learn(self, n_rows: int, n_bytes: int) -> None:
        """Fetch as many next as fit, by what these had, and not many times more than before."""
        fitting = CHUNK_BYTES * n_rows // max(n_bytes, 1)
        self.next_rows = max(1, min(self._most, 8 * self.next_rows, fitting))


def _chunks(pages: _Pages, page: Sequence[Any], columns: tuple[str, ...]) -> Iterator[Chunk]:
    """The rows of this page and of those after it; what breaks the fetching is raised after them."""
    open_chunk = _OpenChunk(columns)
    broken: Exception | None = None
    while page:
        pages.learn(len(page), open_chunk.add(page))
        if open_chunk.size >= CHUNK_BYTES or len(open_chunk) + pages.next_rows > CHUNK_ROWS:
            yield open_chunk.close()
            open_chunk = _OpenChunk(columns)
        page = ()
        try:
            page = _told(pages.fetch)
        except Exception as error:
            broken = error
    if len(open_chunk):
        yield open_chunk.close()
    if broken is not None:
        raise broken


class _OpenChunk:
    """A chunk that takes pages: tuples as columns, mappings as they are.

    :ivar size: about how many bytes its rows hold.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._columns: list[list[Any]] = [[] for _ in names]
        self._records: list[Any] = []
        self._length = 0
        self.size = 0

    def __len__(self) -> int:
        return self._length

    def add(self, page: Sequence[Any]) -> int:
        """Take a page's rows, and give about how many bytes they hold."""
        if isinstance(page[0], Mapping):
            self._records.extend(page)
            n_bytes = sum(map(size_of, page))
        else:
            parts = list(zip(*page, strict=True))
            for column, part in zip(self._columns, parts, strict=True):
                column.extend(part)
            n_bytes = sum(map(size_of_values, parts))
        self._length += len(page)
        self.size += n_bytes
        return n_bytes

    def close(self) -> Chunk:
        """The chunk."""
        if self._records:
            return RecordChunk(self._records)
        return ColumnChunk(dict(zip(self._names, self._columns, strict=True)), length=self._length)


def _fetches_pages(connection: Any) -> bool:
    """Whether each fetching is a trip to the server, as with PostgreSQL's named cursors."""
    return any(_package(cls) in ("psycopg2", "psycopg") for cls in type(connection).__mro__)


def _driver(connection: Any) -> str:
    """The package of the driver, if it is one that is known, else of the connection's own class."""
    packages = [_package(cls) for cls in type(connection).__mro__]
    return next((package for package in packages if package in _MAKERS), packages[0])


def _package(cls: type) -> str:
    return cls.__module__.partition(".")[0]


def server_side_cursor(connection: Any) -> Any:
    """A cursor that leaves the result with the database and streams it, where the driver is known.

    psycopg2, psycopg, MySQLdb and pymysql read the whole result into memory otherwise. All other drivers
    give their usual cursor.
    """
    packages = map(_package, type(connection).__mro__)
    make = next((_MAKERS[package] for package in packages if package in _MAKERS), None)
    return make(connection) if make else connection.cursor()


def _named_cursor(connection: Any) -> Any:
    """PostgreSQL's named cursor; without a transaction around it, it has to be held beyond its statement."""
    return connection.cursor(name="airflow_provider_tiktok", withhold=bool(connection.autocommit))


def _unbuffered_cursor(package: str) -> Callable[[Any], Any]:
    def make(connection: Any) -> Any:
        # The connection is the driver's, so its module is loaded: looking it up imports nothing.
        return connection.cursor(sys.modules[f"{package}.cursors"].SSCursor)

    return make


_MAKERS: dict[str, Callable[[Any], Any]] = {
    "psycopg2": _named_cursor,
    "psycopg": _named_cursor,
    "MySQLdb": _unbuffered_cursor("MySQLdb"),
    "pymysql": _unbuffered_cursor("pymysql"),
}


def _column_names(description: Sequence[Sequence[Any]] | None) -> tuple[str, ...]:
    if description is None:
        raise ConfigurationError("Give one query as sql: the statement gives no rows.")
    return distinct_columns([str(column[0]) for column in description], source="the query in sql")


def _close(closable: Any) -> None:
    # A driver may complain of a connection that is broken already; that must not hide what broke it.
    with suppress(Exception):
        closable.close()


# what went wrong, by the class names of PEP 249 that every driver's errors descend from; the first that fits

_VERDICTS: tuple[tuple[str, type[ConversionsError]], ...] = (
    ("OperationalError", TransientError),
    ("InterfaceError", TransientError),
    ("InternalError", TransientError),
    ("DatabaseError", ConfigurationError),
    ("TypeError", ConfigurationError),
    ("ValueError", ConfigurationError),
    ("LookupError", ConfigurationError),
)

# What SQLite and MySQL call operational although only the statement is at fault: SQLITE_ERROR (no such
# table, a mistyped word) and MySQL's ER_BAD_FIELD_ERROR.
_CODES_OF_STATEMENT = frozenset({"SQLITE_ERROR", "1054"})

_CODE = re.compile(r"[A-Z0-9_]{1,40}")


def _told(call: Callable[[], T]) -> T:
    """The call's result; an error of a driver becomes one of ours, without the driver's text."""
    try:
        return call()
    except ConversionsError:
        raise
    except Exception as error:
        raise _explain(error) from None


def _explain(error: Exception) -> ConversionsError:
    kind = type(error).__name__
    code = _find_code(error)
    told = f"{kind}, {code}" if code else kind
    if code not in _CODES_OF_STATEMENT and _verdict(error) is TransientError:
        return TransientError(
            f"Try again later: the database failed while rows were read ({told}).", attempts=0
        )
    return ConfigurationError(
        f"Run the query by hand over the same connection: the database refuses sql ({told}). Its own "
        "words are left out, since they may hold values."
    )


def _verdict(error: Exception) -> type[ConversionsError]:
    names = {cls.__name__ for cls in type(error).__mro__}
    return next((verdict for name, verdict in _VERDICTS if name in names), TransientError)


def _find_code(error: Exception) -> str | None:
    """The driver's code of the error: SQLSTATE, SQLite's name or MySQL's number, never free text."""
    first = error.args[0] if error.args else None
    codes = [getattr(error, name, None) for name in ("sqlstate", "pgcode", "sqlite_errorname")]
    for code in (*codes, first if isinstance(first, int) else None):
        if code is not None and _CODE.fullmatch(str(code)):
            return str(code)
    return None
