# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Rows of a query over files: DuckDB computes, our own readers read. Needs duckdb and pyarrow, an extra.

DuckDB opens nothing: neither files nor addresses, nor an extension. What it knows as the table ``files`` are
rows that our readers hand to it, so every format, encoding and packing is read as without a query, and a bad
row costs no other. It computes in a thread of its own, so that a query without end can be ended, and keeps
what does not fit into memory in a folder that is removed at the end, encrypted by a key that is kept nowhere.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
from array import array
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from functools import partial
from importlib import import_module
from typing import Any

import msgspec

from airflow_provider_tiktok.conversions.chunks import CHUNK_ROWS, Chunk, ColumnChunk, rows_of
from airflow_provider_tiktok.conversions.errors import ConfigurationError, ConversionsError, TransientError
from airflow_provider_tiktok.conversions.events import Row, UnreadableRow
from airflow_provider_tiktok.conversions.sources.arrow_rows import chunks_of, parquet_batches, parquet_schema
from airflow_provider_tiktok.conversions.sources.computing import Computation
from airflow_provider_tiktok.conversions.sources.files import FilesSource
from airflow_provider_tiktok.conversions.sources.fingerprints import fingerprint
from airflow_provider_tiktok.conversions.sources.paths import FilePath
from airflow_provider_tiktok.conversions.sources.places import Place
from airflow_provider_tiktok.conversions.sources.shapes import Shape, check_names
from airflow_provider_tiktok.conversions.sources.tables import distinct_columns

TABLE = "files"
"""What the query calls the files' rows."""

_RECORDS = "records_of_files"
_RECORD = "record"


class QueriedFiles:
    """Rows of one ``SELECT`` over the table ``files``: all files together, columns joined by their names.

    - *CSV, TSV*: every column is text, as without a query: ``CAST(total AS DECIMAL(18, 2))``.
    - *JSON, JSON Lines*: one column for each key, with objects as ``STRUCT`` and arrays as ``LIST``. Texts
      stay text, and values of several types become text. The files are read twice.
    - *Parquet*: the types of the file.

    A row that cannot be read is not in ``files``; it comes as an unreadable one after the query's rows, where
    the query looked at its part of the files: DuckDB reads nothing for ``LIMIT 0``. A query's rows
    stand in no file: ``locate`` knows the places of unreadable ones only.

    :param paths: the files, all of one kind of the above.
    :param sql: the query.
    :param order_is_stated: whether it orders its rows such that the same files always give the same order.
    :param max_memory: what DuckDB may hold, such as ``1GB``; beyond that it uses a temporary folder.
    :param stop: set by another thread to end the query.
    :param settings: of ``FilesSource``.
    :raises ConfigurationError: an argument is wrong, or DuckDB is not installed. No file is touched.
    """

    def __init__(
        self,
        paths: Iterable[FilePath],
        *,
        sql: str,
        order_is_stated: bool = False,
        max_memory: str = "1GB",
        stop: threading.Event | None = None,
        **settings: Any,
    ) -> None:
        self._open = partial(FilesSource, list(paths), **settings)
        self._files = self._open()
        self._sql = _checked_query(sql)
        self._max_memory = max_memory
        self._stop = stop
        self._columns: tuple[str, ...] | None = None
        self.is_ordered = order_is_stated
        self._begin()

    def _begin(self) -> None:
        self._unreadable = _Unreadable()
        self._rows_of_query = 0

    @property
    def columns(self) -> tuple[str, ...] | None:
        """The query's columns, as soon as the first row was taken."""
        return self._columns

    @property
    def oldest_replay_time(self) -> int | None:
        """Unix seconds of the oldest dead letter read so far, ``None`` for none."""
        return self._files.oldest_replay_time

    @property
    def files(self) -> tuple[str, ...]:
        """The files, as ``FilesSource`` tells them."""
        return self._files.files

    def reads(self, path: object) -> bool:
        """Whether this path is one of the files."""
        return self._files.reads(path)

    def locate(self, row: int) -> Place | None:
        """Where an unreadable row stands; ``None`` for a row of the query, which stands nowhere."""
        at = self._unreadable.row(row - self._rows_of_query)
        return None if at is None else self._files.locate(at)

    def fingerprint(self) -> str | None:
        """A digest over the query and over the files' names, sizes and times.

        :raises ConfigurationError: a file is not there.
        """
        of_files = self._files.fingerprint()
        return None if of_files is None else fingerprint([of_files, self._sql])

    def rows(self) -> Generator[Row, None, None]:
        """The rows one by one; raises as ``chunks`` does."""
        return rows_of(self.chunks())

    def chunks(self) -> Generator[Chunk, None, None]:
        """The rows in chunks.

        :raises ConfigurationError: DuckDB refuses the query, or a file is at fault.
        :raises TransientError: reading failed on the way to a file, or the run is to stop.
        """
        self._begin()
        with ExitStack() as stack:
            feed = _Feed(self._files, self._open, unreadable=self._unreadable)
            stack.callback(feed.close)
            if feed.schema is not None:
                for chunk in self._query(feed, folder=stack.enter_context(_temporary_folder())):
                    self._rows_of_query += len(chunk)
                    yield chunk
            yield from self._unreadable.chunks(self._columns or feed.columns)

    def _query(self, feed: _Feed, *, folder: str) -> Iterator[Chunk]:
        connection = _import("duckdb").connect(":memory:")
        interrupt = partial(_interrupt, connection)
        computation: Computation[Any] = Computation(interrupt=interrupt, stop=self._stop)
        feed.ask = computation.ask
        with closing(computation.results(partial(self._compute, connection, feed, folder))) as batches:
            for batch in batches:
                yield from chunks_of(batch, columns=self._columns or ())

    def _compute(self, connection: Any, feed: _Feed, folder: str) -> Iterator[Any]:
        """The query's batches; in the computation's thread, which closes the connection."""
        try:
            with connection:
                _shut_in(connection, folder=folder, max_memory=self._max_memory)
                feed.register(connection)
                connection.execute("SET lock_configuration = true")
                reader = _relation(connection, self._sql).to_arrow_reader(CHUNK_ROWS)
                self._columns = distinct_columns(reader.schema.names, source="the query in sql")
                while (batch := next(reader, None)) is not None:
                    yield batch
        except ConversionsError:
            raise
        except Exception as error:
            explained = _explain(error)
        else:
            return
        raise explained


class _Unreadable:
    """The rows that cannot be read, in bounded memory: their numbers over all files, and why."""

    def __init__(self) -> None:
        self._numbers = array("q")
        self._reasons = array("l")
        self._known: dict[UnreadableRow, int] = {}

    def note(self, number: int, row: UnreadableRow) -> None:
        """Remember a row; one that is read again is remembered once."""
        if not self._numbers or number > self._numbers[-1]:
            self._numbers.append(number)
            self._reasons.append(self._known.setdefault(row, len(self._known)))

    def row(self, place: int) -> int | None:
        """Number of the row that is at this place among them, from 1."""
        return self._numbers[place - 1] if 1 <= place <= len(self._numbers) else None

    def chunks(self, columns: Sequence[str] | None) -> Iterator[Chunk]:
        """The rows, under the columns of those before them."""
        reasons = list(self._known)
        for start in range(0, len(self._reasons), CHUNK_ROWS):
            part = self._reasons[start : start + CHUNK_ROWS]
            yield ColumnChunk(
                {name: [None] * len(part) for name in columns or ()},
                length=len(part),
                unreadable={place: reasons[reason] for place, reason in enumerate(part)},
            )


class _Feed:
    """What DuckDB knows as the table: our readers' rows as an Arrow stream, as often as the query scans it.

    :param files: the files, for the first scan: what ``locate`` knows is of this reading.
    :param reopen: gives the files for one more scan.
    :ivar schema: of the stream; ``None`` where the files have no column, and so no row.
    :ivar columns: the names of the table's columns.
    :ivar ask: calls a function in the thread that may read files.
    """

    def __init__(
        self, files: FilesSource, reopen: Callable[[], FilesSource], *, unreadable: _Unreadable
    ) -> None:
        self._arrow = _import("pyarrow")
        self._files: FilesSource | None = files
        self._reopen = reopen
        self._unreadable = unreadable
        self._open_scans: list[Generator[Any, None, None]] = []
        self.ask: Callable[[Callable[[], Any]], Any] = lambda read: read()
        self._structure: Any = None
        self._kind = _kind_of(files.formats)
        self.columns, self.schema = self._look(files)

    def _look(self, files: FilesSource) -> tuple[tuple[str, ...], Any]:
        """What the files' columns are, before any row is handed over."""
        if self._kind == "parquet":
            schema = self._joined([self._with(shared, it) for shared, it in files.read_each(parquet_schema)])
        elif self._kind == "csv":
            names = dict.fromkeys(name for header in files.headers() for name in header)
            schema = self._arrow.schema([(name, self._arrow.string()) for name in names])
        else:
            self._structure = _structure_of(self._reopen())
            names = self._structure if isinstance(self._structure, dict) else {}
            schema = self._arrow.schema([(_RECORD, self._arrow.string())] if names else [])
            return tuple(names), schema if names else None
        check_names(schema.names, names_of="columns of the files")
        return tuple(schema.names), schema if schema.names else None

    def _with(self, shared: Iterable[str], schema: Any) -> Any:
        """The schema with columns of text that the file's folders say."""
        added = [(name, self._arrow.string()) for name in shared if name not in schema.names]
        return self._arrow.schema([*schema, *self._arrow.schema(added)])

    def _joined(self, schemas: list[Any]) -> Any:
        try:
            return self._arrow.unify_schemas(schemas, promote_options="permissive")
        except self._arrow.ArrowException:
            pass
        raise ConfigurationError(
            "Read the files by tasks of their own: under sql, they have columns of one name and "
            "different types."
        )

    def register(self, connection: Any) -> None:
        """Let the connection know the table."""
        if self._structure is None:
            connection.register(TABLE, self)
            return
        connection.register(_RECORDS, self)
        structure = _quoted(json_text(self._structure))
        connection.execute(
            f"CREATE VIEW {TABLE} AS SELECT unnest(from_json({_RECORD}::JSON, '{structure}')) "  # noqa: S608
            f"FROM {_RECORDS}"  # the structure's quotes are doubled; all else is our own
        )

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """One scan's stream; DuckDB asks for one each time that the query names the table."""
        scan = self._scan()
        self._open_scans.append(scan)
        batches = iter(lambda: self.ask(lambda: next(scan, None)), None)
        reader = self._arrow.RecordBatchReader.from_batches(self.schema, batches)
        return reader.__arrow_c_stream__(requested_schema)

    def close(self) -> None:
        """Let go of the files."""
        for scan in self._open_scans:
            scan.close()

    def _scan(self) -> Generator[Any, None, None]:
        files, self._files = self._files or self._reopen(), None
        if self._kind == "parquet":
            with closing(files.read_each(parquet_batches)) as batches:
                yield from (self._widened(batch, shared=shared) for shared, batch in batches)
        else:
            with closing(files.chunks()) as chunks:
                yield from self._batches(chunks)

    def _batches(self, chunks: Iterator[Chunk]) -> Iterator[Any]:
        n_rows = 0
        for chunk in chunks:
            for place, row in chunk.unreadable.items():
                self._unreadable.note(n_rows + place + 1, row)
            n_rows += len(chunk)
            readable = [place for place in range(len(chunk)) if place not in chunk.unreadable]
            yield self._batch(chunk, readable)

    def _batch(self, chunk: Chunk, readable: Sequence[int]) -> Any:
        if self._structure is not None:
            columns = [[json_text(chunk.row(place)) for place in readable]]
        elif len(readable) == len(chunk):
            columns = [list(chunk.column(name)) for name in self.columns]
        else:
            columns = [[chunk.column(name)[place] for place in readable] for name in self.columns]
        arrays = [self._arrow.array(column, type=self._arrow.string()) for column in columns]
        return self._arrow.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _widened(self, batch: Any, *, shared: Mapping[str, str | bytes | None]) -> Any:
        """A file's batch with the columns and types of all files."""
        if batch.schema.equals(self.schema):
            return batch
        there = set(batch.schema.names)
        arrays = [
            batch.column(field.name).cast(field.type)
            if field.name in there
            else self._arrow.array([shared.get(field.name)] * batch.num_rows, type=field.type)
            for field in self.schema
        ]
        return self._arrow.RecordBatch.from_arrays(arrays, schema=self.schema)


_ENCODER = msgspec.json.Encoder(enc_hook=str, decimal_format="number")


def json_text(value: Any) -> str:
    """JSON in which numbers stand as they were read."""
    return _ENCODER.encode(value).decode()


def _structure_of(files: FilesSource) -> Any:
    """The type of all records together; their first reading."""
    shape = Shape()
    with closing(files.chunks()) as chunks:
        for chunk in chunks:
            for place in range(len(chunk)):
                if place not in chunk.unreadable:
                    shape.add(chunk.row(place))
    return shape.structure()


def _kind_of(formats: Iterable[str]) -> str:
    kinds = {_KINDS[name] for name in formats}
    if len(kinds) > 1:
        raise ConfigurationError(
            f"Give files of one kind to sql, not {' and '.join(sorted(kinds))} together."
        )
    return kinds.pop()


_KINDS = {"csv": "csv", "tsv": "csv", "json": "JSON", "jsonl": "JSON", "parquet": "parquet"}


# DuckDB


def _relation(connection: Any, sql: str) -> Any:
    """The query's rows, not yet computed.

    What is wrong with its names is said again by the way that gives the facts of an error apart.
    """
    duckdb = _import("duckdb")
    with suppress(duckdb.BinderException, duckdb.CatalogException):
        return connection.sql(sql)
    return connection.execute(sql)


def _temporary_folder() -> Any:
    """A folder that is removed at the end, if need be without the files of a query that does not end."""
    prefix = f"queried_files_{os.getpid()}_"
    return tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)


def _shut_in(connection: Any, *, folder: str, max_memory: str) -> None:
    """Let the database reach no file, no address and no extension."""
    settings = {
        "threads": "1",  # the one that computes, which asks one thing at a time
        "temp_directory": folder,
        "force_mbedtls_unsafe": "true",  # the only cipher without an extension; its key ends with the process
        "temp_file_encryption": "true",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_community_extensions": "false",
        "python_enable_replacements": "false",
        "errors_as_json": "true",
        "enable_external_access": "false",
        "TimeZone": "UTC",
    }
    for name, value in settings.items():
        connection.execute(f"SET {name} = '{_quoted(value)}'")
    _limit_memory(connection, max_memory)


def _interrupt(connection: Any) -> None:
    """End what the connection computes, if it is still open."""
    with suppress(_import("duckdb").Error):
        connection.interrupt()


def _limit_memory(connection: Any, max_memory: str) -> None:
    with suppress(_import("duckdb").Error):
        connection.execute(f"SET memory_limit = '{_quoted(max_memory)}'")
        return
    raise ConfigurationError("Set sql_max_memory to a size such as '1GB'.")


def _quoted(text: str) -> str:
    return str(text).replace("'", "''")


def _checked_query(sql: object) -> str:
    """The text, where it is one query.

    :raises ConfigurationError: it is none, or cannot be read.
    """
    duckdb = _import("duckdb")
    if not isinstance(sql, str) or not sql.strip():
        raise ConfigurationError("Give one query as sql, as text.")
    with duckdb.connect(":memory:", config={"errors_as_json": "true"}) as parser:
        try:
            kinds = [statement.type for statement in parser.extract_statements(sql)]
        except duckdb.Error as error:
            explained = _explain(error)
        else:
            if kinds == [duckdb.StatementType.SELECT]:
                return sql
            explained = ConfigurationError("Give one SELECT as sql: the files are its only table, `files`.")
    raise explained


def _import(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        raise ConfigurationError(
            f"Install {module} with pip install 'airflow-provider-tiktok[duckdb]': sql over files needs it."
        ) from None


_HINTS = {
    "COLUMN_NOT_FOUND": "Name columns that the files have.",
    "MISSING_ENTRY": "Name the table `files`, and functions that DuckDB has by itself.",
    "Conversion": "Use TRY_CAST, which gives NULL for a value that does not fit its type.",
    "Out of Memory": "Raise sql_max_memory, or let the query sort and join less.",
    "Permission": "Read `files` alone: other files, addresses and extensions are out of reach.",
}
_TRANSIENT = ("IO", "Interrupt", "INTERRUPT", "Internal")
"""What DuckDB calls a temporary folder that is full, and the like."""


def _explain(error: Exception) -> ConversionsError:
    """What the run should do, from the facts that DuckDB gives of an error apart from its words."""
    facts = _facts_of(error)
    kind = facts.get("exception_type", type(error).__name__.removesuffix("Exception"))
    subtype = facts.get("error_subtype", "")
    told = ", ".join(filter(None, (kind, subtype)))
    if "position" in facts:
        told = f"{told} at character {int(facts['position']) + 1}"
    if kind in _TRANSIENT:
        return TransientError(f"Try again later: DuckDB failed while rows were read ({told}).", attempts=0)
    hint = (
        _HINTS.get(subtype)
        or _HINTS.get(kind)
        or "Run the query by hand: DuckDB's own words are left out, since they may hold values."
    )
    return ConfigurationError(f"{hint} DuckDB refuses the query in sql ({told}).")


def _facts_of(error: Exception) -> dict[str, str]:
    """The facts that hold no value: names of kinds, and a place in the query."""
    text = str(error)
    try:
        facts = msgspec.json.decode(text[text.index("{") :].partition("\n")[0])
    except (ValueError, msgspec.DecodeError):
        return {}
    patterns = {"exception_type": _NAME, "error_subtype": _NAME, "position": _DIGITS}
    return {
        name: str(facts[name])
        for name, pattern in patterns.items()
        if name in facts and pattern.fullmatch(str(facts[name]))
    }


_NAME = re.compile(r"[A-Za-z_ ]{1,40}")
_DIGITS = re.compile(r"[0-9]{1,9}")
