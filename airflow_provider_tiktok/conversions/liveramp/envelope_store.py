# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Where refreshed envelopes are kept: a table behind any DB-API connection, or a file.

Both store a page so that no crash takes it back. Neither tells an envelope to logs or errors: a driver's
error may hold the row it failed on, so its class alone is told.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from airflow_provider_tiktok.conversions.errors import ConfigurationError, ConversionsError, TransientError
from airflow_provider_tiktok.conversions.liveramp.envelopes import EnvelopeStatus
from airflow_provider_tiktok.conversions.liveramp.refresh import CHANGING, EnvelopeResult
from airflow_provider_tiktok.conversions.values import to_text

TimeForm = Literal["unix", "iso", "datetime"]

COLUMNS: Final = ("key", "envelope", "refreshed_at", "status")

_PASSING: Final = frozenset({"OperationalError", "InterfaceError", "InternalError", "OSError"})
"""Errors of PEP 249, and of files, that may pass by themselves. Every driver has classes of these names."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


class EnvelopeTable:
    """A table with one row for each key, written in one transaction a page.

    A row that is there is updated, its other columns left as they are; one that is not is inserted. Envelope
    and time are written where they changed, else the status alone.

    :param connection: DB-API; it must not commit by itself. Its owner closes it.
    :param placeholder: how the driver marks a parameter: ``?``, ``%s``.
    :param columns: field of ``EnvelopeResult`` to column, where they differ.
    :param time_form: how times are written: Unix seconds, ISO 8601 text or a timestamp, all in UTC.
    :param inserts: whether rows whose key is not there are inserted. Without it they are passed over: for
        tables from which people are deleted while the run goes on.
    :raises ConfigurationError: a name that would have to be quoted.
    """

    def __init__(
        self,
        connection: Any,
        *,
        table: str,
        placeholder: str,
        columns: Mapping[str, str] = MappingProxyType({}),
        time_form: TimeForm = "unix",
        inserts: bool = True,
    ) -> None:
        if time_form not in _TIME_FORMS:
            raise ConfigurationError(f"timestamps must be one of {', '.join(_TIME_FORMS)}.")
        self._connection = connection
        self._table = ".".join(_checked_name(part, argument="table") for part in table.split("."))
        self._columns = [_checked_name(columns.get(name, name), argument="columns") for name in COLUMNS]
        self._mark = placeholder
        self._write_time = _TIME_FORMS[time_form]
        self._inserts = inserts

    def start(self, fingerprint: str | None) -> Mapping[str, int]:
        """Look whether the table and its columns are there.

        A table has nothing to go on from: what was refreshed before is in the rows, and young.
        """
        sql = f"SELECT {', '.join(self._columns)} FROM {self._table} WHERE 1 = 0"  # noqa: S608  # checked names
        try:
            self._run(sql, ())
            self._connection.rollback()
        except Exception as error:
            raise ConfigurationError(
                f"Table {self._table} with columns {', '.join(self._columns)} cannot be read "
                f"({type(error).__name__})."
            ) from None
        return {}

    def write(self, results: Sequence[EnvelopeResult]) -> None:
        """Store a page in one transaction.

        Rows without a key, and those that were not asked about in time, stay as they are.
        """
        try:
            for result in results:
                if result.key is not None and result.status is not EnvelopeStatus.INTERRUPTED:
                    self._store(result)
            self._connection.commit()
        except Exception as error:
            with suppress(Exception):  # the connection may be what failed
                self._connection.rollback()
            raise _not_written(f"table {self._table}", error) from None

    def finish(self) -> None:
        """Nothing: every page is in the table."""

    def _store(self, result: EnvelopeResult) -> None:
        key, *_ = self._columns
        values = dict(zip(self._columns, self._values_of(result), strict=True))
        # Where nothing came of it, an envelope that was stored meanwhile is not to be overwritten.
        changed = self._columns[1:] if result.status in CHANGING else self._columns[-1:]
        settings = ", ".join(f"{column} = {self._mark}" for column in changed)
        where = f"WHERE {key} = {self._mark}"
        updated, _ = self._run(
            f"UPDATE {self._table} SET {settings} {where}",  # noqa: S608  # checked names
            (*(values[column] for column in changed), result.key),
        )
        if updated > 0 or not self._inserts:
            return
        # Some drivers count changed rows, not found ones, and some do not count.
        _, found = self._run(f"SELECT 1 FROM {self._table} {where}", (result.key,))  # noqa: S608
        if not found:
            marks = ", ".join([self._mark] * len(values))
            names = ", ".join(values)
            self._run(f"INSERT INTO {self._table} ({names}) VALUES ({marks})", (*values.values(),))  # noqa: S608

    def _values_of(self, result: EnvelopeResult) -> tuple[Any, ...]:
        return (result.key, result.envelope, self._write_time(result.refreshed_at), result.status.value)

    def _run(self, sql: str, parameters: tuple[Any, ...]) -> tuple[int, bool]:
        """How many rows were changed, and whether any came back."""
        cursor = self._connection.cursor()
        try:
            cursor.execute(sql, parameters)
            found = cursor.description is not None and cursor.fetchone() is not None
            return int(cursor.rowcount or 0), found
        finally:
            cursor.close()


class _Line(Struct, frozen=True, kw_only=True):
    """One row in the file. It has the columns that a later refresh reads."""

    key: Any
    status: EnvelopeStatus
    envelope: str | None
    refreshed_at: int | None


class EnvelopeFile:
    """A file of JSON Lines, one for each row read, readable by its owner only.

    It is written beside its place and moved there once it is whole. An interrupted try leaves its part, from
    which the next one goes on if the rows are the same.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path

    def start(self, fingerprint: str | None) -> Mapping[str, int]:
        """Statuses of the rows that the part of a former try holds."""
        self._part = self._path.with_name(f"{self._path.name}.{(fingerprint or 'new')[:16]}.part")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._forget_other_parts()
            if fingerprint is None:
                self._part.unlink(missing_ok=True)
            statuses, length = self._read_part()
            self._append(b"")
            os.truncate(self._part, length)
        except OSError as error:
            raise ConfigurationError(f"{self._path} cannot be written ({type(error).__name__}).") from error
        return statuses

    def write(self, results: Sequence[EnvelopeResult]) -> None:
        """Append a page. It ends before the first row that was not asked about in time."""
        asked = takewhile(lambda result: result.status is not EnvelopeStatus.INTERRUPTED, results)
        try:
            self._append(b"".join(_line(result) for result in asked))
        except OSError as error:
            raise _not_written(str(self._path), error) from None

    def finish(self) -> None:
        """Put the file in its place."""
        os.replace(self._part, self._path)

    def _append(self, lines: bytes) -> None:
        with open(self._part, "ab", opener=_open_private) as part:
            part.write(lines)
            part.flush()
            os.fsync(part.fileno())

    def _read_part(self) -> tuple[Counter[str], int]:
        """The statuses of whole lines, and their length in bytes; a torn last line is not among them."""
        statuses: Counter[str] = Counter()
        length = 0
        if not self._part.exists():
            return statuses, length
        with open(self._part, "rb") as part:
            for line in takewhile(_is_whole, part):
                statuses[_DECODER.decode(line).status.value] += 1
                length += len(line)
        return statuses, length

    def _forget_other_parts(self) -> None:
        for part in self._path.parent.glob(f"{self._path.name}.*.part"):
            if part != self._part:
                part.unlink(missing_ok=True)


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(_Line)


def _line(result: EnvelopeResult) -> bytes:
    line = _Line(
        key=result.key if isinstance(result.key, str | int) else to_text(result.key),
        status=result.status,
        envelope=result.envelope,
        refreshed_at=result.refreshed_at,
    )
    return _ENCODER.encode(line) + b"\n"


def _is_whole(line: bytes) -> bool:
    try:
        _DECODER.decode(line)
    except msgspec.DecodeError:
        return False
    return line.endswith(b"\n")


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _iso(seconds: int | None) -> str | None:
    moment = _moment(seconds)
    return None if moment is None else moment.isoformat()


_TIME_FORMS: Final[Mapping[str, Any]] = MappingProxyType(
    {"unix": lambda seconds: seconds, "iso": _iso, "datetime": _moment}
)


def _checked_name(name: str, *, argument: str) -> str:
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{argument}: a name must be letters, digits and underscores.")
    return name


def _not_written(place: str, error: Exception) -> ConversionsError:
    """Worth another try where the place failed; not where it refuses what is to be written."""
    text = f"Envelopes cannot be written to {place} ({type(error).__name__})."
    if _PASSING & {kind.__name__ for kind in type(error).__mro__}:
        return TransientError(text, attempts=0)
    return ConfigurationError(f"{text} Check the types and constraints of its columns.")


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
