# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Some of a file under the methods of a path, so that who reads files needs not know of parts."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import IO, Any

from airflow_provider_tiktok.conversions.addresses import shown_path
from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.sources.paths import FilePath, stamp


class PartOfFile:
    """Some of a file, with the methods of a path: lines that begin in a range of bytes, or row groups.

    :param part: with ``size`` of the whole file, and ``bytes`` or ``row_groups``, each first and behind the
        last.
    """

    def __init__(self, path: FilePath, part: Mapping[str, Any]) -> None:
        self._path = path
        self._size = part["size"]
        self._bytes: Sequence[int] | None = part.get("bytes")
        groups = part.get("row_groups")
        self.row_groups = None if groups is None else range(groups[0], groups[1])

    def __str__(self) -> str:
        what = f"from byte {self._bytes[0]:,}" if self._bytes else f"row groups {self.row_groups}"
        return f"{self._path} ({what})"

    def stat(self) -> Any:
        """The whole file's."""
        return self._path.stat()

    def open(self, mode: str, /) -> Any:
        """The part's bytes; of row groups the whole file's, for who reads groups.

        :raises ConfigurationError: the file is not the one that was cut.
        """
        known = stamp(self._path)
        if known is not None and known[1] != self._size:
            raise ConfigurationError(
                f"Clear the task that cut the file into parts: {shown_path(self._path)} has changed "
                "since then."
            )
        stream = self._path.open(mode)
        if self._bytes is None:
            return stream
        return io.BufferedReader(_Lines(stream, first=self._bytes[0], end=self._bytes[1]), 1 << 20)


class _Lines(io.RawIOBase):
    """The lines of a stream that begin in a range of bytes, each to its end."""

    def __init__(self, stream: IO[bytes], *, first: int, end: int) -> None:
        self._stream = stream
        self._left = end - _start_of_line(stream, at=first)
        self._is_over = self._left <= 0

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """The next bytes; after the last byte of the range as many as end its line."""
        if self._is_over:
            return 0
        if self._left > 0:
            data = self._stream.read(min(len(buffer), self._left))
            self._left -= len(data)
            self._is_over = not data or (self._left == 0 and data.endswith(b"\n"))
        else:
            data = self._stream.readline(len(buffer))
            self._is_over = not data or data.endswith(b"\n")
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """The stream as well."""
        self._stream.close()
        super().close()


def _start_of_line(stream: IO[bytes], *, at: int) -> int:
    """Where the first line begins that begins at this byte or later; the stream stands there."""
    if at == 0:
        return 0
    stream.seek(at - 1)
    while (piece := stream.readline(1 << 20)) and not piece.endswith(b"\n"):
        pass
    return stream.tell()
