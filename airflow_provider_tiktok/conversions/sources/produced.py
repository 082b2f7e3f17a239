# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Rows that a function makes while they are read: it returns or yields records, tables, or both in turn.

The function is somebody else's. What it raises ends the reading after the rows before it, and is told by its
class and its place in the source alone: pandas, for one, quotes the value that it cannot read.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from airflow_provider_tiktok.conversions.chunks import Chunk, rows_of
from airflow_provider_tiktok.conversions.errors import ConfigurationError, ConversionsError, TransientError
from airflow_provider_tiktok.conversions.events import Row
from airflow_provider_tiktok.conversions.sources.frames import Pages, batches_of, pages_of
from airflow_provider_tiktok.conversions.sources.json_rows import NotJson, as_row, decode_json
from airflow_provider_tiktok.conversions.sources.sizes import size_of
from airflow_provider_tiktok.conversions.sources.tables import SizedRow, in_chunks

T = TypeVar("T")


class ProducedSource:
    """Rows of what a function returns or yields; it is called anew for each reading.

    It gives records (mappings), a pandas or polars frame, a polars ``LazyFrame``, an Arrow table or batch,
    anything with Arrow's stream interface, a JSON array as text, or an iterable of records, lists of records
    and tables, also mixed. An item of an iterable that is none of these is one unreadable row.

    :param produce: the function, with its arguments bound.
    :param argument: what the caller's caller knows it as, for errors.
    :param fingerprint: tells the input of one reading from that of another; ``None`` where nothing does.
    :param is_ordered: whether calling it again gives the same rows in the same order.
    :param signals: exceptions that are passed on as they are, such as those that steer a scheduler.
    :param skips: those of them that say that there is nothing to do, which must come before the first row.
    """

    oldest_replay_time: int | None = None

    def __init__(
        self,
        produce: Callable[[], Any],
        *,
        argument: str = "python_callable",
        fingerprint: str | None = None,
        is_ordered: bool = False,
        signals: tuple[type[Exception], ...] = (),
        skips: tuple[type[Exception], ...] = (),
    ) -> None:
        self._produce = produce
        self._argument = argument
        self._fingerprint = fingerprint
        self._signals: tuple[type[Exception], ...] = (*signals, ConversionsError)
        self._skips = skips
        self._columns: tuple[str, ...] | None = None
        self.is_ordered = is_ordered

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Columns of the table that the latest row is of, ``None`` for records, which have their own."""
        return self._columns

    def locate(self, row: int) -> None:
        """Nothing: the row's number says all."""

    def fingerprint(self) -> str | None:
        """What tells this input from others, as it was given."""
        return self._fingerprint

    def rows(self) -> Generator[Row, None, None]:
        """The rows one by one; raises as ``chunks`` does."""
        return rows_of(self.chunks())

    def chunks(self) -> Generator[Chunk, None, None]:
        """The rows in chunks; a generator of the caller's is closed with them.

        :raises ConfigurationError: what the function gives is no rows, or it skips what it gave.
        :raises TransientError: the function failed.
        """
        self._columns = None
        has_rows = False
        try:
            with closing(self._all_chunks()) as chunks:
                for chunk in chunks:
                    has_rows = True
                    yield chunk
        except self._skips as error:
            if not has_rows:
                raise
            name = type(error).__name__
        else:
            return
        raise ConfigurationError(
            f"Return where there are no more records: {self._argument} raised {name} after records, which "
            "would be skipped with the task."
        )

    def _all_chunks(self) -> Generator[Chunk, None, None]:
        with closing(self._items(self._given())) as items:
            for is_table, group in groupby(items, key=_is_table):
                read = self._table_chunks if is_table else self._record_chunks
                yield from read(group)

    def _given(self) -> Any:
        """What the function gives, where it may be rows.

        :raises ConfigurationError: it cannot.
        """
        given = self._told(self._produce)
        if isinstance(given, Coroutine):
            given.close()  # or Python warns that nobody waited for it
        if isinstance(given, str | bytes | bytearray):
            return self._parsed(given)
        if isinstance(given, Mapping) or not (isinstance(given, Iterable) or _is_stream(given)):
            raise ConfigurationError(
                "Return or yield records, each a mapping of names to values, or pandas, polars or "
                f"Arrow tables: {self._argument} gave one {type(given).__name__}. For no events return "
                "[]."
            )
        return given

    def _parsed(self, text: str | bytes | bytearray) -> list[Any]:
        with suppress(NotJson):
            records = decode_json(bytes(text) if isinstance(text, bytearray) else text)
            if isinstance(records, list):
                return records
        raise ConfigurationError(
            f"Return records, tables or a JSON array of events: {self._argument} gave a text that is "
            "no such array."
        )

    def _items(self, value: Any, *, is_whole: bool = True) -> Generator[Any, None, None]:
        """The records and tables in a value, in their order.

        :param is_whole: whether this is all that the function gave, and no item of it.
        """
        if (pages := self._told(lambda: pages_of(value, argument=self._argument))) is not None:
            yield pages
        elif (batches := self._told(lambda: batches_of(value, argument=self._argument))) is not None:
            yield from self._each(batches)
        elif is_whole or _holds_records(value):
            yield from self._each(value)
        else:
            yield value

    def _each(self, items: Iterable[Any]) -> Generator[Any, None, None]:
        iterator = self._told(lambda: iter(items))
        try:
            while (item := self._told(lambda: next(iterator, _END))) is not _END:
                yield from self._items(item, is_whole=False)
        finally:
            with suppress(Exception):  # what a generator says of being closed must hide nothing else
                getattr(iterator, "close", bool)()

    def _table_chunks(self, tables: Iterable[Pages]) -> Iterator[Chunk]:
        for pages in tables:
            if pages.columns != self._columns:
                self._columns = pages.columns
            yield from pages.chunks()

    def _record_chunks(self, records: Iterable[Any]) -> Iterator[Chunk]:
        self._columns = None
        rows = (SizedRow(as_row(record), None, size_of(record)) for record in records)
        yield from (chunk for chunk, _ in in_chunks(rows))

    def _told(self, call: Callable[[], T]) -> T:
        """The call's result; what the function raises becomes an error of ours, without its own words."""
        try:
            return call()
        except self._signals:
            raise
        except Exception as error:
            told = f"{type(error).__name__}{_place_of(error)}"
        raise TransientError(
            f"Look into {self._argument}: it failed ({told}). Its own words are left out, since they may "
            "hold values.",
            attempts=0,
        )


_END: Any = object()


def _is_table(item: Any) -> bool:
    return isinstance(item, Pages)


def _is_stream(value: Any) -> bool:
    """Whether the value is no iterable, and a table that can be read all the same."""
    return hasattr(value, "__arrow_c_stream__") or hasattr(value, "collect_schema")


def _holds_records(value: Any) -> bool:
    """Whether an item is a list of records or tables; one of plain values is a row without names."""
    return isinstance(value, list) and (not value or any(map(_is_like_record, value)))


def _is_like_record(item: Any) -> bool:
    return isinstance(item, Mapping) or hasattr(item, "columns") or hasattr(item, "schema")


def _place_of(error: Exception) -> str:
    """Where in the function the error came from, which quotes no value: a file's name and a line."""
    ours = str(Path(__file__).parent)
    frames = [one for one in traceback.extract_tb(error.__traceback__) if not one.filename.startswith(ours)]
    own = [frame for frame in frames if frame.filename == frames[0].filename]
    return f" in {own[-1].name}, {Path(own[-1].filename).name} line {own[-1].lineno}" if own else ""
