# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Dead letters: every event that was not accepted, as it would be sent, with the reason.

One JSON object a line, written as the run goes, before the checkpoint moves::

    {"run": "dag/run/task", "written_at": 1767225600, "row": 17, "rows": 1,
     "place": "orders.csv, line 18", "outcome": "rejected",
     "reason": "invalid", "event_id": "o-17", "violations": [{"path": ..., "rule": ..., "remedy": ...}],
     "code": null, "message": null, "request_id": null, "left_out": ["user.ip"],
     "event": {"event": "Purchase", "user": ...}}

Personal data stands in it as digests only, and what tells a browser or a click is left out unless it is asked
for. ``FilesToTikTokOperator`` reads such a file back in.
"""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import msgspec

from airflow_provider_tiktok.conversions.addresses import shown_path
from airflow_provider_tiktok.conversions.delivery.letter_fields import ALL, DIGESTS, without_clear_fields
from airflow_provider_tiktok.conversions.errors import ConfigurationError, TransientError
from airflow_provider_tiktok.conversions.events import EventResult, Outcome, PreparedEvent
from airflow_provider_tiktok.conversions.values import mask_emails

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)

OUTCOMES = (Outcome.REJECTED, Outcome.UNCONFIRMED, Outcome.UNDELIVERED)
"""What is a dead letter. Skipped events are not: who gave no consent is not stored."""

Record = Callable[[PreparedEvent], Mapping[str, Any]]

Locate = Callable[[int], object | None]
"""Where the row of a number stands, as an object that people can read; ``None`` where that is not known."""

_ENCODER = msgspec.json.Encoder(decimal_format="number")

_LETTER_NAMES = frozenset({"run", "row", "outcome", "reason", "violations"})


class DeadLetters:
    """Writes the dead letters of one run of one task.

    A local file is appended to, under a lock: runs at the same time may share it. Object stores cannot
    append, so there each write is an object of its own in a folder of the given name.

    Letters of a former try stay until their rows have a new result, and go when the run ends. Nothing but
    this run's own letters is ever taken out.

    :param path: a ``pathlib.Path``, or an object storage path with the same methods.
    :param run: what tells this run of this task from others that use the same file.
    :param fields: ``digests`` leaves out IP address, user agent, ``ttclid`` and ``ttp``, which are in the
        event's row; ``all`` keeps them.
    :param clock: Unix seconds.
    """

    def __init__(
        self, path: Any, *, run: str, fields: str = DIGESTS, clock: Callable[[], float] = time.time
    ) -> None:
        place = _File if _is_local(path) else _Folder
        self._path = path
        self._run = run
        self._keeps_all = fields == ALL
        self._clock = clock
        self._place: _File | _Folder = place(path, run=run, clock=clock)
        self._former: Counter[int] | None = Counter()
        self._outdated: set[int] = set()
        self._n_written = 0

    @property
    def count(self) -> int:
        """This run's letters that hold, one of each row, those of former tries included."""
        return self._n_written + len(self._former or ()) - len(self._outdated)

    @property
    def path(self) -> str | None:
        """Where the dead letters are, ``None`` where there are none."""
        return _shown(self._path) if self.count else None

    def start(self) -> None:
        """Make ready to write, and look for what former tries of this run wrote.

        :raises ConfigurationError: the place cannot be written to, or holds something else than dead
            letters. Found before anything is sent; nothing is changed.
        """
        try:
            self._former = self._place.open()
        except ConfigurationError:
            raise
        except Exception as error:  # every object store has errors of its own
            # Without its cause: what a store says may hold a signed address.
            raise self._unwritable(error) from None

    def count_of(self, is_meant: Callable[[int], bool]) -> int | None:
        """How many rows that are meant have a letter of a former try; ``None`` where nobody may look."""
        return None if self._former is None else sum(map(is_meant, self._former))

    def has_former(self, row: int) -> bool:
        """Whether a former try left a letter of this row."""
        return bool(self._former) and row in (self._former or ())

    def write(self, results: Sequence[EventResult], *, record: Record, locate: Locate | None = None) -> None:
        """Store the dead letters among these results; they are on disk when this returns.

        :raises TransientError: they could not be stored, where it had been possible before.
        """
        lines = [self._line(result, record, locate) for result in results if result.outcome in OUTCOMES]
        if lines:
            try:
                self._place.add(b"".join(lines))
            except Exception as error:  # every object store has errors of its own
                raise TransientError(str(self._unwritable(error)), attempts=0) from None
        self._n_written += len(lines)
        for result in results:
            self.outdate(result.row, result.row + result.rows - 1)

    def outdate(self, first: int, last: int) -> None:
        """Take down that these rows have a new result: their letters of a former try go at the end."""
        if self._former:
            self._outdated.update(row for row in self._former if first <= row <= last)

    def close(self) -> None:
        """Take out letters whose rows have a new result; what cannot be taken out stays, with a warning."""
        former = self._former or Counter()
        # A try that was killed may have written a row's letter again, and not taken the old one out.
        outdated = +Counter({row: n - (row not in self._outdated) for row, n in former.items()})
        if not outdated:
            return
        try:
            self._place.remove(outdated.copy())
        except Exception as error:  # the new ones are stored; the old ones do no more than repeat an event
            log.warning("Dead letters of a former try cannot be removed (%s).", type(error).__name__)
        else:
            self._former = former - outdated
            self._outdated.clear()

    def _line(self, result: EventResult, record: Record, locate: Locate | None) -> bytes:
        place = locate(result.row) if locate is not None else None
        event, left_out = self._event(result, record)
        return (
            _ENCODER.encode(
                {
                    "run": self._run,
                    "written_at": int(self._clock()),
                    "row": result.row,
                    "rows": result.rows,
                    "place": None if place is None else _shown(place),
                    "outcome": result.outcome,
                    "reason": result.reason,
                    "event_id": _id_of(result, event),
                    "violations": result.violations,
                    "code": result.code,
                    "message": result.message,
                    "request_id": result.request_id,
                    "left_out": left_out,
                    "event": event,
                }
            )
            + b"\n"
        )

    def _event(self, result: EventResult, record: Record) -> tuple[Mapping[str, Any] | None, list[str]]:
        """The event as the letter keeps it, and what it leaves out."""
        if result.prepared is None:
            return None, []
        event = record(result.prepared)
        return (event, []) if self._keeps_all else without_clear_fields(event)

    def _unwritable(self, error: Exception) -> ConfigurationError:
        return ConfigurationError(
            f"Give a dead_letter_path in a folder the worker may write to: {_shown(self._path)} cannot "
            f"be written ({type(error).__name__}), and nothing that is not stored may be called "
            "settled."
        )


class _File:
    """A local file of letters, shared with other runs."""

    def __init__(self, path: Path, *, run: str, clock: Callable[[], float]) -> None:
        self._path = path
        self._run = run

    def open(self) -> Counter[int]:
        """The rows of this run's letters, to their number; the file may be written to."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(self._path):
            if not os.access(self._path.parent, os.W_OK):
                raise PermissionError
            return Counter()
        if not stat.S_ISREG(os.lstat(self._path).st_mode):
            raise _foreign(self._path, "is no plain file")
        with _locked(self._path) as file:
            lines = iter(file)
            first = next(lines, b"")
            if first and not _looks_like_letter(first):
                raise _foreign(self._path, "holds something else than dead letters")
            return Counter(_rows_of((first, *lines) if first else (), run=self._run))

    def add(self, lines: bytes) -> None:
        """Append, behind whatever is there."""
        with _locked(self._path) as file:
            is_new = file.seek(0, os.SEEK_END) == 0
            if _is_torn(file):
                lines = b"\n" + lines
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            _sync_folder(self._path.parent)

    def remove(self, outdated: Counter[int]) -> None:
        """Rewrite the file without this run's first letters of these rows, so many of each."""
        with _locked(self._path) as old:
            number, name = tempfile.mkstemp(
                prefix=f".{self._path.name}-", suffix=".keep", dir=self._path.parent
            )
            try:
                with open(number, "wb") as new:
                    new.writelines(_without(old, outdated, run=self._run))
                    new.flush()
                    os.fsync(new.fileno())
                os.replace(name, self._path)
            except BaseException:
                os.unlink(name)
                raise
        _sync_folder(self._path.parent)


class _Folder:
    """A folder of an object store, with objects of this run among others'."""

    def __init__(self, path: Any, *, run: str, clock: Callable[[], float]) -> None:
        self._path = path
        self._run = run
        self._clock = clock
        self._mark = f"-{hashlib.sha256(run.encode()).hexdigest()[:16]}.jsonl"
        self._former: list[Any] = []
        self._n_parts = 0

    def open(self) -> Counter[int] | None:
        """The rows of this run's letters; ``None`` where the store may be written to but not looked into."""
        self._try_to_write()
        try:
            self._former = sorted(self._own_parts(), key=lambda part: part.name)
            return Counter(row for part in self._former for row in _rows_of(_read(part), run=self._run))
        except (FileNotFoundError, NotADirectoryError):  # there are none
            return Counter()
        except Exception as error:
            log.warning(
                "Dead letters of a former try cannot be looked for (%s): they are not counted, and stay.",
                type(error).__name__,
            )
            return None

    def add(self, lines: bytes) -> None:
        """Store them as an object of their own."""
        self._n_parts += 1
        self._put(f"{int(self._clock() * 1000)}-{self._n_parts:06}", lines)

    def remove(self, outdated: Counter[int]) -> None:
        """Rewrite this run's objects without its first letters of these rows, so many of each."""
        left = outdated.copy()
        for part in self._former:
            lines = _read(part)
            kept = list(_without(lines, left, run=self._run))
            if not kept:
                part.unlink()
            elif len(kept) < len(lines):
                _write(part, b"".join(kept))

    def _try_to_write(self) -> None:
        """An object without a letter, which is removed where that is allowed."""
        probe = self._put("0", b"")
        with suppress(Exception):
            probe.unlink()

    def _own_parts(self) -> Iterator[Any]:
        return (part for part in self._path.iterdir() if part.name.endswith(self._mark))

    def _put(self, name: str, lines: bytes) -> Any:
        part = self._path / f"{name}{self._mark}"
        _write(part, lines)
        return part


# ------------------------------------------------------------------------------------------- letters


def _decode(line: bytes) -> dict[str, Any] | None:
    try:
        letter = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    is_letter = isinstance(letter, dict) and letter.keys() >= _LETTER_NAMES and type(letter["row"]) is int
    return letter if is_letter else None


def _looks_like_letter(line: bytes) -> bool:
    """Whether a run wrote this line, or its beginning before it was killed."""
    is_torn = not line.endswith(b"\n") and line.startswith(b'{"run":"')
    return is_torn or _decode(line) is not None


def _row_of(line: bytes, *, run: str) -> int | None:
    letter = _decode(line)
    return letter["row"] if letter is not None and letter["run"] == run else None


def _rows_of(lines: Iterable[bytes], *, run: str) -> Iterator[int]:
    rows = (_row_of(line, run=run) for line in lines)
    return (row for row in rows if row is not None)


def _without(lines: Iterable[bytes], outdated: Counter[int], *, run: str) -> Iterator[bytes]:
    """The lines but for the first of this run of each row, so many as are outdated; these are counted off."""
    for line in lines:
        row = _row_of(line, run=run)
        if row is not None and outdated[row] > 0:
            outdated[row] -= 1
        else:
            yield line


def _id_of(result: EventResult, event: Mapping[str, Any] | None) -> str | None:
    """The id as the event's record has it, since a destination leaves out what is personal."""
    event_id = result.event_id if event is None else event.get("event_id")
    return event_id and mask_emails(event_id)


# --------------------------------------------------------------------------------------------- files


def _foreign(path: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"Give another dead_letter_path, of dead letters or of no file yet: {_shown(path)} {reason}, "
        "so it is left as it is."
    )


def _shown(path: object) -> str:
    """A path in words, without credentials; bytes of a name that are no UTF-8 become a question mark."""
    return shown_path(path).encode("utf-8", "replace").decode()


def _is_local(path: Any) -> bool:
    """Whether the path is a plain one; with universal_pathlib below 0.3 object storage has a ``Path`` too."""
    return isinstance(path, Path) and not hasattr(path, "protocol")


def _read(part: Any) -> list[bytes]:
    with part.open("rb") as file:
        lines: list[bytes] = file.readlines()
    return lines


def _write(part: Any, lines: bytes) -> None:
    with part.open("wb") as file:
        file.write(lines)


@contextmanager
def _locked(path: Path) -> Iterator[IO[bytes]]:
    """The file, to read and to append to, while no other run appends to it or puts another in its place."""
    while True:
        with open(path, "a+b", opener=_open_private) as file:
            if fcntl is not None:
                with suppress(OSError):  # not every network file system has locks
                    fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            if _is_still(path, file):
                file.seek(0)
                yield file
                return


def _is_still(path: Path, file: IO[bytes]) -> bool:
    """Whether the open file is the one at its path; another run may have put its own there meanwhile."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _open_private(path: str, flags: int) -> int:
    """A plain file that only its owner may read; a link is not followed, a pipe not waited for."""
    number = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0), 0o600)
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise OSError("no plain file")
        if hasattr(os, "fchmod"):
            with suppress(PermissionError):  # another's file, which one may write to
                os.fchmod(number, 0o600)
    except BaseException:
        os.close(number)
        raise
    return number


def _is_torn(file: IO[bytes]) -> bool:
    """Whether the last line lacks its end, as after a kill."""
    if file.seek(0, os.SEEK_END) == 0:
        return False
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"


def _sync_folder(folder: Path) -> None:
    """The new name is on disk, too, where a folder can be synced."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
