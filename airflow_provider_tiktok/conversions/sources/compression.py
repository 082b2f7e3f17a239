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

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.sources.arrow_rows import import_arrow

_READ_BYTES = 131_072
_XZ_MARK = b"\xfd7zXZ\x00"
_XZ_BYTES = 128_000_000
"""What unpacking may take; the strongest level of xz takes half."""

# The bytes that each kind of packed file begins with: RFC 1952, bzip2 1.0.8 (a "BZh" alone may be text,
# the block's mark after it is not), the .xz file format 1.2.1 and RFC 8878.
_MARKS: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
    ("gzip", lambda head: head.startswith(b"\x1f\x8b")),
    ("bz2", lambda head: head.startswith(b"BZh") and head[4:10] == b"\x31\x41\x59\x26\x53\x59"),
    ("xz", lambda head: head.startswith(_XZ_MARK)),
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
    arrow = import_arrow("pyarrow", purpose="a file packed by zstd")
    return io.BufferedReader(arrow.CompressedInputStream(stream, "zstd"), _READ_BYTES)


def _asks_for_more(packed: bytes) -> bool:
    """Whether an xz stream that begins so is sound there, and only needs more memory than it may have."""
    return _begins_well(packed[:64], memlimit=None) and not _begins_well(packed[:64], memlimit=_XZ_BYTES)


def _begins_well(packed: bytes, *, memlimit: int | None) -> bool:
    try:
        lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=memlimit).decompress(packed)
    except lzma.LZMAError:
        return False
    return True


class _XzStream(io.RawIOBase):
    """The plain bytes of xz streams one after the other, in bounded memory.

    A few bytes may ask for a dictionary of gigabytes, and Python's own file takes no bound.
    """

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self._packed = b""
        self._decoder: lzma.LZMADecompressor | None = None

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as the next bytes go; 0 at the end.

        :raises EOFError: a stream is cut off.
        """
        plain = b""
        while not plain:
            if not self._packed and (self._decoder is None or self._decoder.needs_input):
                self._packed = self._stream.read(_READ_BYTES)
                if not self._packed and self._decoder is None:
                    return 0
                if not self._packed:
                    raise EOFError
            plain = self._unpack(len(buffer))
        buffer[: len(plain)] = plain
        return len(plain)

    def _unpack(self, count: int) -> bytes:
        if self._decoder is None:
            self._packed = self._packed.lstrip(b"\0")  # between streams there may be padding
            if not self._packed:
                return b""
            self._decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_BYTES)
        try:
            plain = self._decoder.decompress(self._packed, count)
        except lzma.LZMAError:
            if _asks_for_more(self._packed):
                raise ConfigurationError(
                    "Pack the file in path at another level: packed by xz, it asks for more than 128 "
                    "MB to be unpacked."
                ) from None
            raise
        self._packed = b""
        if self._decoder.eof:
            self._packed = self._decoder.unused_data
            self._decoder = None
        return plain


_UNPACKERS: dict[str, Callable[[io.BufferedReader], Any]] = {
    "none": lambda stream: stream,
    "gzip": lambda stream: gzip.GzipFile(fileobj=stream),
    "bz2": bz2.BZ2File,
    "xz": lambda stream: io.BufferedReader(_XzStream(stream), _READ_BYTES),
    "zstd": _unpack_zstd,
}

COMPRESSIONS = tuple(_UNPACKERS)
