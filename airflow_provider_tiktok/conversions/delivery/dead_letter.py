# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Dead letters: every event that was not accepted, as it would be sent, with the reason.

One JSON object a line, written as the run goes, before the checkpoint moves::

    {"run": "dag/run/task", "written_at": 1767225600, "row": 17, "rows": 1, "outcome": "rejected",
     "reason": "invalid", "event_id": "o-17", "violations": [{"path": ..., "rule": ..., "remedy": ...}],
     "code": null, "message": null, "request_id": null, "event": {"event": "Purchase", "user": ...}}

Personal data stands in it as digests only. ``FilesToTikTokOperator`` reads such a file back in.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.events import EventResult, Outcome, PreparedEvent
from airflow_provider_tiktok.conversions.values import mask_emails

OUTCOMES = (Outcome.REJECTED, Outcome.UNCONFIRMED, Outcome.UNDELIVERED)
"""What is a dead letter. Skipped events are not: who gave no consent is not stored."""

Record = Callable[[PreparedEvent], Mapping[str, Any]]

_ENCODER = msgspec.json.Encoder(decimal_format="number")


class DeadLetters:
    """Writes the dead letters of one run of one task.

    A local file is appended to. Object stores cannot append, so there each write is an object of its own
    in a folder of the given name.

    :param path: a ``pathlib.Path``, or an object storage path with the same methods.
    :param run: what tells this run of this task from others that use the same file.
    :param clock: Unix seconds.
    """

    def __init__(self, path: Any, *, run: str, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._run = run
        self._clock = clock
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
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._path.exists():
                self._keep(position)
        except OSError as error:
            raise self._unwritable(error) from error
        if not os.access(self._path if self._path.exists() else self._path.parent, os.W_OK):
            raise self._unwritable(PermissionError())

    def write(self, results: Sequence[EventResult], *, record: Record) -> None:
        """Store the dead letters among these results; they are on disk when this returns."""
        lines = [self._line(result, record) for result in results if result.outcome in OUTCOMES]
        if not lines:
            return
        try:
            self._store(b"".join(lines))
        except OSError as error:
            raise self._unwritable(error) from error
        self.count += len(lines)

    def _line(self, result: EventResult, record: Record) -> bytes:
        return (
            _ENCODER.encode(
                {
                    "run": self._run,
                    "written_at": int(self._clock()),
                    "row": result.row,
                    "rows": result.rows,
                    "outcome": result.outcome,
                    "reason": result.reason,
                    "event_id": result.event_id and mask_emails(result.event_id),
                    "violations": result.violations,
                    "code": result.code,
                    "message": result.message,
                    "request_id": result.request_id,
                    "event": None if result.prepared is None else record(result.prepared),
                }
            )
            + b"\n"
        )

    def _store(self, lines: bytes) -> None:
        if _is_local(self._path):
            with open(self._path, "ab", opener=_open_private) as file:
                file.write(lines)
            return
        self._parts += 1
        part = self._path / f"{int(self._clock() * 1000)}-{self._parts:06}.jsonl"
        with part.open("wb") as file:
            file.write(lines)

    def _keep(self, position: int) -> None:
        """Rewrite the file without this run's lines beyond the position, a torn last line included."""
        kept = self._path.with_name(self._path.name + ".keep")
        with open(self._path, "rb") as old, open(kept, "wb", opener=_open_private) as new:
            for line in old:
                if self._is_kept(line, position):
                    new.write(line)
                    self.count += self._is_ours(line)
        os.replace(kept, self._path)

    def _is_kept(self, line: bytes, position: int) -> bool:
        letter = _decode(line)
        return letter is not None and (letter.get("run") != self._run or letter.get("row", 0) <= position)

    def _is_ours(self, line: bytes) -> bool:
        return (_decode(line) or {}).get("run") == self._run

    def _unwritable(self, error: OSError) -> ConfigurationError:
        return ConfigurationError(
            f"dead_letter_path: {self._path} cannot be written ({type(error).__name__}). Nothing that is not "
            "stored may be called settled: give a folder the worker may write to."
        )


def _is_local(path: Any) -> bool:
    """Whether the path is a plain one; with universal_pathlib below 0.3 object storage has a ``Path`` too."""
    return isinstance(path, Path) and not hasattr(path, "protocol")


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _decode(line: bytes) -> dict[str, Any] | None:
    try:
        letter = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return None
    return letter if isinstance(letter, dict) else None
