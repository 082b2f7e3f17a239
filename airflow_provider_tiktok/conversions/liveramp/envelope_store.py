# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Where refreshed envelopes are kept: a table behind any DB-API connection, or a file.

Both store a page so that no crash takes it back. Neither tells an envelope to logs or errors: a driver's
error may hold the row it failed on, so its class alone is told.
"""

from __future__ import annotations

import fcntl
import glob
import os
import re
import weakref
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

import msgspec
from msgspec import structs

from airflow_provider_tiktok.conversions.errors import ConfigurationError, ConversionsError, TransientError
from airflow_provider_tiktok.conversions.liveramp.envelopes import EnvelopeStatus
from airflow_provider_tiktok.conversions.liveramp.refresh import CHANGING, EnvelopeResult
from airflow_provider_tiktok.conversions.sealed import Sealed
from airflow_provider_tiktok.conversions.values import to_text

TimeForm = Literal["unix", "iso", "datetime"]

COLUMNS: Final = ("key", "envelope", "refreshed_at", "status")

_PASSING: Final = frozenset({"OperationalError", "InterfaceError", "InternalError", "OSError"})
"""Errors of PEP 249, and of files, that may pass by themselves. Every driver has classes of these names."""

_HAD_NONE: Final = frozenset(
    {EnvelopeStatus.NO_ENVELOPE, EnvelopeStatus.MISSING_IDENTIFIER, EnvelopeStatus.UNREADABLE_ROW}
)
"""Statuses of rows that have no envelope because they never had one."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


class EnvelopeTable:
    """A table with one row for each key, written in one transaction a page.

    A row that is there is updated, its other columns left as they are; one that is not is inserted. Envelope
    and time are written where they changed, else the status alone. A row that somebody else changed, or
    removed, since it was looked at stays as it is: that may have been an opt-out.

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
            raise ConfigurationError(f"Set timestamps to one of {', '.join(_TIME_FORMS)}.")
        self._connection = connection
        self._table = ".".join(_checked_name(part, argument="table") for part in table.split("."))
        self._columns = [_checked_name(columns.get(name, name), argument="columns") for name in COLUMNS]
        self._mark = placeholder
        self._write_time = _TIME_FORMS[time_form]
        self._inserts = inserts
        self._seen: dict[Any, tuple[Any, ...] | None] = {}

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
                f"Create the table of envelopes, or let its user read it: {self._table} with columns "
                f"{', '.join(self._columns)} cannot be read ({type(error).__name__})."
            ) from None
        return {}

    def look(self, keys: Mapping[Any, bool]) -> Collection[Any]:
        """Keys whose envelope has gone since the row was read; what is there of the others is remembered.

        Rows of a query may be hours old. Where the envelope was taken out of the table meanwhile, or the row
        out of a table that gets no new ones, the person may have withdrawn consent.
        """
        try:
            self._seen |= {key: self._read(key) for key in keys}
            self._connection.rollback()  # no lock is held while LiveRamp is asked
        except Exception as error:
            raise _not_written(f"table {self._table}", error, verb="read from") from None
        return {key for key, has_envelope in keys.items() if self._has_gone(key, has_envelope=has_envelope)}

    def _has_gone(self, key: Any, *, has_envelope: bool) -> bool:
        seen = self._seen[key]
        if seen is None:
            return not self._inserts
        envelope, _, status = seen
        if envelope is not None:
            return False
        return status == EnvelopeStatus.NO_CONSENT_OR_OPTED_OUT or (has_envelope and status not in _HAD_NONE)

    def write(self, results: Sequence[EnvelopeResult]) -> Sequence[EnvelopeResult]:
        """Store a page in one transaction; the results as they came out.

        Rows without a key, and those that were not asked about in time, stay as they are.
        """
        try:
            stored = [self._store(result) for result in results]
            self._connection.commit()
        except Exception as error:
            with suppress(Exception):  # the connection may be what failed
                self._connection.rollback()
            raise _not_written(f"table {self._table}", error) from None
        return stored

    def finish(self) -> None:
        """Nothing: every page is in the table."""

    def _store(self, result: EnvelopeResult) -> EnvelopeResult:
        if result.key is None or result.status is EnvelopeStatus.INTERRUPTED:
            return result
        current = self._read(result.key)
        # Popped, as a key that comes twice was changed by the first.
        if current != self._seen.pop(result.key, current):
            return structs.replace(result, status=EnvelopeStatus.CHANGED_MEANWHILE)
        if current is None:
            self._insert(result)
            return result
        if result.status not in CHANGING and current[2] == result.status.value:
            return result  # as it says already
        return self._update(result, current)

    def _update(self, result: EnvelopeResult, current: tuple[Any, ...]) -> EnvelopeResult:
        # Where nothing came of it, an envelope that was stored meanwhile is not to be overwritten.
        values = dict(zip(self._columns, self._values_of(result), strict=True))
        changed = self._columns[1:] if result.status in CHANGING else self._columns[-1:]
        settings = ", ".join(f"{column} = {self._mark}" for column in changed)
        guards, former = self._guards(current)
        updated = self._run(
            f"UPDATE {self._table} SET {settings} WHERE {self._columns[0]} = {self._mark}{guards}",  # noqa: S608  # checked names
            (*(values[column] for column in changed), result.key, *former),
        )[0]
        if updated > 0:
            return result
        # Some drivers count changed rows, not found ones, and some do not count.
        now = self._read(result.key)
        is_written = now is not None and now[2] == result.status.value
        return result if is_written else structs.replace(result, status=EnvelopeStatus.CHANGED_MEANWHILE)

    def _guards(self, current: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
        """Conditions under which the row is still as it was read, even in the moment of writing.

        Envelopes are not compared here, as some databases cannot compare long texts.
        """
        _, envelope, _, status = self._columns
        is_there = "IS NULL" if current[0] is None else "IS NOT NULL"
        if current[2] is None:
            return f" AND {envelope} {is_there} AND {status} IS NULL", ()
        return f" AND {envelope} {is_there} AND {status} = {self._mark}", (current[2],)

    def _insert(self, result: EnvelopeResult) -> None:
        if self._inserts:
            names, marks = ", ".join(self._columns), ", ".join([self._mark] * len(self._columns))
            self._run(f"INSERT INTO {self._table} ({names}) VALUES ({marks})", self._values_of(result))  # noqa: S608

    def _read(self, key: Any) -> tuple[Any, ...] | None:
        """Envelope, time and status as they stand in the table, ``None`` where there is no such row."""
        key_column, *columns = self._columns
        sql = f"SELECT {', '.join(columns)} FROM {self._table} WHERE {key_column} = {self._mark}"  # noqa: S608
        row = self._run(sql, (key,))[1]
        return None if row is None else tuple(map(_in_full, row))

    def _values_of(self, result: EnvelopeResult) -> tuple[Any, ...]:
        return (result.key, result.envelope, self._write_time(result.refreshed_at), result.status.value)

    def _run(self, sql: str, parameters: tuple[Any, ...]) -> tuple[int, Sequence[Any] | None]:
        """How many rows were changed, below 0 where the driver does not say, and the first that came back."""
        cursor = self._connection.cursor()
        try:
            cursor.execute(sql, parameters)
            row = cursor.fetchone() if cursor.description is not None else None
            return int(cursor.rowcount if cursor.rowcount is not None else -1), row
        finally:
            cursor.close()


def _in_full(value: Any) -> Any:
    """A long text of some drivers is a place to read it from."""
    return value.read() if hasattr(value, "read") else value


class _Line(Sealed, frozen=True, kw_only=True):
    """One row in the file. It has the columns that a later refresh reads."""

    key: Any
    status: EnvelopeStatus
    envelope: str | None
    refreshed_at: int | None


class EnvelopeFile:
    """A file of JSON Lines, one for each row read, readable by its owner only.

    It is written beside its place and moved there once it is whole. An interrupted try leaves its part, from
    which the next one goes on if the rows are the same.

    One run at a time: the part is locked while a run writes to it. Where a file system keeps no locks, and in
    one process, a run that another one has taken the part from is told so at its next page.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path
        self._lock: _Lock | None = None
        self._place_before: tuple[int, ...] | None = None

    def start(self, fingerprint: str | None) -> Mapping[str, int]:
        """Statuses of the rows that the part of a former try holds.

        :raises TransientError: another run is at it.
        """
        self._part = self._path.with_name(f"{self._path.name}.{(fingerprint or 'new')[:16]}.part")
        self._displace()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = _Lock(self._part)
            self._forget_other_parts()
            if fingerprint is None:
                os.truncate(self._lock.descriptor, 0)
            self._place_before = _identity(self._path)
            statuses, length = _read_whole_lines(self._part)
            os.truncate(self._lock.descriptor, length)
        except BlockingIOError:
            self._release()
            raise self._busy() from None
        except OSError as error:
            raise ConfigurationError(
                f"Give an output_path that the worker may write to: {self._path} cannot be written "
                f"({type(error).__name__})."
            ) from error
        return statuses

    def write(self, results: Sequence[EnvelopeResult]) -> None:
        """Append a page. It ends before the first row that was not asked about in time."""
        asked = takewhile(lambda result: result.status is not EnvelopeStatus.INTERRUPTED, results)
        descriptor = self._own_part()
        try:
            with open(descriptor, "ab", closefd=False) as part:
                part.write(b"".join(_line(result) for result in asked))
                part.flush()
                os.fsync(descriptor)
        except OSError as error:
            raise _not_written(str(self._path), error) from None

    def finish(self) -> None:
        """Put the file in its place.

        :raises TransientError: what was there has been replaced since the start; it may hold other rows.
        """
        self._own_part()
        if _identity(self._path) != self._place_before:
            self._part.unlink(missing_ok=True)  # another try begins with the rows there are then
            self._release()
            raise TransientError(
                f"Let one task at a time write the file, and try again: {self._path} was replaced by another "
                "program while envelopes were refreshed. It is left as it is now.",
                attempts=0,
            )
        if not self._part.stat().st_size and _size(self._path):
            raise ConfigurationError(
                f"Check where the rows come from, or remove {self._path.name}: there were no rows, and "
                f"the file holds some, so {self._path} is left as it is."
            )
        os.replace(self._part, self._path)
        self._release()

    def _displace(self) -> None:
        """Take the place of a former run of this process, which ended without saying so, or is about to."""
        former = _WRITERS.get(self._path.absolute())
        if former is not None:
            former._release()
        _WRITERS[self._path.absolute()] = self

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.give_up()
            self._lock = None

    def _own_part(self) -> int:
        """Where to write the part, if it is still this run's."""
        if self._lock is None:
            raise self._busy()
        if not self._lock.is_of(self._part):
            raise TransientError(
                "Let one task at a time refresh a file (max_active_runs=1): another run has removed what "
                f"this one had written for {self._path}.",
                attempts=0,
            )
        return self._lock.descriptor

    def _busy(self) -> TransientError:
        return TransientError(
            f"Let one task at a time refresh a file (max_active_runs=1): another run writes {self._path}.",
            attempts=0,
        )

    def _forget_other_parts(self) -> None:
        """Remove what runs of other rows have left; never while one of them is at it."""
        for part in self._path.parent.glob(f"{glob.escape(self._path.name)}.*.part"):
            if part != self._part:
                lock = _Lock(part)
                part.unlink(missing_ok=True)
                lock.give_up()


_WRITERS: Final[weakref.WeakValueDictionary[Path, EnvelopeFile]] = weakref.WeakValueDictionary()
"""The last run of this process to write each file. A lock would not tell it from others."""


class _Lock:
    """A file, made where it is not there, and locked until this is given up, or nobody holds it any more.

    :raises BlockingIOError: another process has locked it.
    """

    def __init__(self, path: Path) -> None:
        while True:
            self.descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            self.give_up = weakref.finalize(self, os.close, self.descriptor)
            try:
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.give_up()
                raise
            except OSError:
                pass  # a file system without locks
            if self.is_of(path):
                return
            self.give_up()  # whoever held the lock has moved the file away meanwhile

    def is_of(self, path: Path) -> bool:
        """Whether the file at this place is the one that is locked."""
        try:
            return os.path.samestat(os.stat(path), os.fstat(self.descriptor))
        except OSError:
            return False


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _identity(path: Path) -> tuple[int, ...] | None:
    """What tells the file at this place from others, and from itself after a change; ``None`` for none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _read_whole_lines(path: Path) -> tuple[Counter[str], int]:
    """The statuses of whole lines, and their length in bytes; a torn last line is not among them."""
    statuses: Counter[str] = Counter()
    length = 0
    with open(path, "rb") as part:
        for line in takewhile(_is_whole, part):
            statuses[_DECODER.decode(line).status.value] += 1
            length += len(line)
    return statuses, length


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
        raise ConfigurationError(f"Write names in {argument} with letters, digits and underscores only.")
    return name


def _not_written(place: str, error: Exception, *, verb: str = "written to") -> ConversionsError:
    """Worth another try where the place failed; not where it refuses what is to be written."""
    text = f"envelopes cannot be {verb} {place} ({type(error).__name__})."
    if _PASSING & {kind.__name__ for kind in type(error).__mro__}:
        return TransientError(f"Try again later: {text}", attempts=0)
    return ConfigurationError(f"Check the types and constraints of its columns: {text}")
