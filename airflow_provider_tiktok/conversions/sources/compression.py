# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Packed bytes to plain bytes, as a stream. Knows no format of what is packed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from typing import Any

from airflow_provider_tiktok.conversions.sources.arrow_rows import import_arrow

_READ_BYTES = 131_072

# The bytes that each kind of packed file begins with: RFC 1952, bzip2 1.0.8 (a "BZh" alone may be text,
# the block's mark after it is not), the .xz file format 1.2.1 and RFC 8878.
_MARKS: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
    ("gzip", lambda head: head.startswith(b"\x1f\x8b")),
    ("bz2", lambda head: head.startswith(b"BZh") and head[4:10] == b"\x31\x41\x59\x26\x53\x59"),
    ("xz", lambda head: head.startswith(b"\xfd7zXZ\x00")),
    ("zstd", lambda head: head.startswith(b"\x28\xb5\x2f\xfd")),
)


def buffered(stream: Any) -> io.BufferedReader:
    """The stream with a buffer that can be looked into."""
    return stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream, _READ_BYTES)


def find_compression(stream: io.BufferedReader) -> str:
    """How the bytes are packed, told by their beginning and not by a file's name."""
    head = stream.peek(10)[:10]
    return next((name for name, begins in _MARKS if begins(head)), "none")


def unpacked(stream: io.BufferedReader, *, compression: str) -> Any:
    """The plain bytes: a binary stream that can be looked into with ``peek``."""
    return _UNPACKERS[compression](stream)


def _unpack_zstd(stream: io.BufferedReader) -> io.BufferedReader:
    arrow = import_arrow("pyarrow", purpose="A file packed by zstd")
    return io.BufferedReader(arrow.CompressedInputStream(stream, "zstd"), _READ_BYTES)


_UNPACKERS: dict[str, Callable[[io.BufferedReader], Any]] = {
    "none": lambda stream: stream,
    "gzip": lambda stream: gzip.GzipFile(fileobj=stream),
    "bz2": bz2.BZ2File,
    "xz": lzma.LZMAFile,
    "zstd": _unpack_zstd,
}

COMPRESSIONS = tuple(_UNPACKERS)
