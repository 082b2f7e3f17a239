# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A file's place: what people are told of it, which version it holds, and what its faults mean."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from gzip import BadGzipFile
from typing import Any, Protocol

from airflow_provider_tiktok.conversions.addresses import shown_path
from airflow_provider_tiktok.conversions.errors import ConfigurationError, TransientError


class FilePath(Protocol):
    """A file's place; ``str()`` of it is what people are told, without a password and a URL's query."""

    def open(self, mode: str, /) -> Any:
        """The file's bytes, for the mode ``rb``."""

    def stat(self) -> Any:
        """The file's ``st_size``, and ``st_mtime`` where it is known."""


def stamp(path: FilePath) -> list[Any] | None:
    """What tells this version of the file from others, ``None`` where its size is not known."""
    with explained(path):
        stat = path.stat()
    size = getattr(stat, "st_size", None)
    time = getattr(stat, "st_mtime_ns", None) or getattr(stat, "st_mtime", None)
    return None if size is None else [shown_path(path), size, time]


_MISSING = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
_DAMAGED = (EOFError, zlib.error, lzma.LZMAError)


@contextmanager
def explained(path: FilePath) -> Iterator[None]:
    """Turns what file systems and unpackers raise into what the run should do about it."""
    try:
        yield
    except (*_DAMAGED, OSError, UnicodeError) as error:
        raise _explain(error, name=shown_path(path)) from None


def _explain(error: Exception, *, name: str) -> ConfigurationError | TransientError:
    kind = type(error).__name__
    if isinstance(error, _MISSING):
        return ConfigurationError(
            f"Check that the file is there, is a file and may be read: path {name} cannot be opened ({kind})."
        )
    if isinstance(error, UnicodeError):  # of a whole file: a bad byte alone makes one unreadable row
        return ConfigurationError(f"Set encoding to the file's own: {name} is not in this one.")
    if isinstance(error, _DAMAGED) or _is_of_unpacker(error):
        return ConfigurationError(
            f"Write the file again and repeat the run: path {name} is damaged or cut off ({kind}). The "
            "rows before that place were read."
        )
    return TransientError(f"Try again later: reading {name} failed on the way ({kind}).", attempts=0)


def _is_of_unpacker(error: Exception) -> bool:
    """Whether the content is at fault: unpackers raise the bare class without the system's number."""
    return type(error) in (OSError, BadGzipFile) and getattr(error, "errno", None) is None
