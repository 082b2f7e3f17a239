# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Dead letters: every event that was not accepted, as it would be sent, with the reason.

One JSON object a line, written as the run goes, before the checkpoint moves::

    {"run": "dag/run/task", "written_at": 1767225600, "row": 17, "rows": 1,
     "place": "orders.csv, line 18", "outcome": "rejected",
     "reason": "invalid", "event_id": "o-17", "violations": [{"path": ..., "rule": ..., "remedy": ...}],
     "code": null, "message": null, "request_id": null, "event": {"event": "Purchase", "user": ...}}

Personal data stands in it as digests only. ``FilesToTikTokOperator`` reads such a file back in.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import msgspec

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


class DeadLetters:
    """Writes the dead letters of one run of one task.

    A local file is appended to, under a lock: runs at the same time may share it. Object stores cannot
    append, so there each write is an object of its own in a folder of the given name.

    :param path: a ``pathlib.Path``, or an object storage path with the same methods.
    :param run: what tells this run of this task from others that use the same file.
    :param clock: Unix seconds.
    """

    def __init__(self, path: Any, *, run: str, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._run = run
        self._clock = clock
        self._mark = f"-{hashlib.sha256(run.encode()).hexdigest()[:16]}.jsonl"
        self._parts = 0
        self.count = 0

    @property
    def path(self) -> str | None:
        """Where the dead letters are, ``None`` where there are none."""
        return str(self._path) if self.count else None

    def start(self, *, position: int) -> None:
        """Make ready to write, and forget what this run wrote of rows it is about to read again.

        :param position: source rows that are settled; dead letters of these are kept.
        :raises ConfigurationError: the place cannot be written to. Found before anything is sent.
        """
        if not _is_local(self._path):
            self._keep_parts(position)
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._path.exists():
                self._keep(position)
        except OSError as error:
            raise self._unwritable(error) from None
        if not os.access(self._path if self._path.exists() else self._path.parent, os.W_OK):
            raise self._unwritable(PermissionError())

    def write(self, results: Sequence[EventResult], *, record: Record, locate: Locate | None = None) -> None:
        """Store the dead letters among these results; they are on disk when this returns.

        :raises TransientError: they could not be stored, where it had been possible before.
        """
        lines = [self._line(result, record, locate) for result in results if result.outcome in OUTCOMES]
        if not lines:
            return
        try:
            self._store(b"".join(lines))
        except Exception as error:  # every object store has errors of its own
            # Without its cause: what a store says may hold a signed address.
            raise TransientError(str(self._unwritable(error)), attempts=0) from None
        self.count += len(lines)

    def _line(self, result: EventResult, record: Record, locate: Locate | None) -> bytes:
        place = locate(result.row) if locate is not None else None
        event = None if result.prepared is None else record(result.prepared)
        return (
            _ENCODER.encode(
                {
                    "run": self._run,
                    "written_at": int(self._clock()),
                    "row": result.row,
                    "rows": result.rows,
                    "place": None if place is None else str(place),
                    "outcome": result.outcome,
                    "reason": result.reason,
                    "event_id": _id_of(result, event),
                    "violations": result.violations,
                    "code": result.code,
                    "message": result.message,
                    "request_id": result.request_id,
                    "event": event,
                }
            )
            + b"\n"
        )

    def _store(self, lines: bytes) -> None:
        if _is_local(self._path):
            with _locked(self._path) as file:
                file.write(lines)
            return
        self._parts += 1
        part = self._path / f"{int(self._clock() * 1000)}-{self._parts:06}{self._mark}"
        with part.open("wb") as file:
            file.write(lines)

    def _keep(self, position: int) -> None:
        """Rewrite the file without this run's lines beyond the position, a torn last line included."""
        kept = self._path.with_name(self._path.name + ".keep")
        with (
            _locked(self._path),
            open(self._path, "rb") as old,
            open(kept, "wb", opener=_open_private) as new,
        ):
            for line in old:
                if self._is_kept(line, position):
                    new.write(line)
                    self.count += self._is_ours(line)
            new.flush()
            os.replace(kept, self._path)

    def _keep_parts(self, position: int) -> None:
        """The same for this run's objects. Who may write to a store may not always look into it."""
        try:
            parts = [part for part in self._path.iterdir() if part.name.endswith(self._mark)]
            for part in parts:
                self._keep_part(part, position)
        except (FileNotFoundError, NotADirectoryError):  # there are none
            return
        except Exception as error:
            log.warning(
                "Dead letters of a former try cannot be looked for (%s): they are not counted, and stay.",
                type(error).__name__,
            )

    def _keep_part(self, part: Any, position: int) -> None:
        with part.open("rb") as file:
            lines = file.readlines()
        kept = [line for line in lines if self._is_kept(line, position)]
        self.count += len(kept)
        if not kept:
            part.unlink()
        elif len(kept) < len(lines):
            with part.open("wb") as file:
                file.write(b"".join(kept))

    def _is_kept(self, line: bytes, position: int) -> bool:
        letter = _decode(line)
        return letter is not None and (letter.get("run") != self._run or letter.get("row", 0) <= position)

    def _is_ours(self, line: bytes) -> bool:
        return (_decode(line) or {}).get("run") == self._run

    def _unwritable(self, error: Exception) -> ConfigurationError:
        return ConfigurationError(
            f"dead_letter_path: {self._path} cannot be written ({type(error).__name__}). Nothing that is not "
            "stored may be called settled: give a folder the worker may write to."
        )


def _id_of(result: EventResult, event: Mapping[str, Any] | None) -> str | None:
    """The id as the event's record has it, since a destination leaves out what is personal."""
    event_id = result.event_id if event is None else event.get("event_id")
    return event_id and mask_emails(event_id)


def _is_local(path: Any) -> bool:
    """Whether the path is a plain one; with universal_pathlib below 0.3 object storage has a ``Path`` too."""
    return isinstance(path, Path) and not hasattr(path, "protocol")


@contextmanager
def _locked(path: Path) -> Iterator[IO[bytes]]:
    """The file, to append to, while no other run appends to it or puts another in its place."""
    while True:
        with open(path, "ab", opener=_open_private) as file:
            if fcntl is not None:
                with suppress(OSError):  # not every network file system has locks
                    fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            if _is_still(path, file):
                yield file
                return


def _is_still(path: Path, file: IO[bytes]) -> bool:
    """Whether the open file is the one at its path; another run may have put its own there meanwhile."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _decode(line: bytes) -> dict[str, Any] | None:
    try:
        letter = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return None
    return letter if isinstance(letter, dict) else None
