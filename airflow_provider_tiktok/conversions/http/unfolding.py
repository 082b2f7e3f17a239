# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A compressed answer made plain, never larger than it may be at any moment.

Done here and not by urllib3, whose older versions unfold whatever they are given in one step: a few kilobytes
that were compressed twice become hundreds of megabytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from airflow_provider_tiktok.conversions.http.messages import AnswerLost

_PIECE_BYTES = 65_536
_MOST_LAYERS = 3
_GZIP = 16 + zlib.MAX_WBITS
_KNOWN = frozenset({"gzip", "x-gzip", "deflate"})


def unfold(pieces: Iterable[bytes], *, encoding: str, max_bytes: int) -> bytes:
    """The answer without its compressions.

    :param encoding: the header ``Content-Encoding``: names, the one applied first before the others.
    :param max_bytes: of the plain answer, and of what each compression makes of it.
    :raises AnswerLost: it is longer, is cut, or is compressed in a way that is not known here.
    """
    layers = [name for name in (part.strip().lower() for part in encoding.split(",")) if name]
    layers = [name for name in layers if name != "identity"]
    if len(layers) > _MOST_LAYERS or not _KNOWN.issuperset(layers):
        raise AnswerLost("an answer in an encoding that was not asked for")
    plain: Iterator[bytes] = _bounded(pieces, max_bytes=max_bytes)
    for name in reversed(layers):
        plain = _bounded(_unfold_once(plain, name=name), max_bytes=max_bytes)
    try:
        return b"".join(plain)
    except zlib.error:
        raise AnswerLost("an answer that cannot be decompressed") from None


def _bounded(pieces: Iterable[bytes], *, max_bytes: int) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > max_bytes:
            raise AnswerLost("reply too long")
        yield piece


def _unfold_once(pieces: Iterable[bytes], *, name: str) -> Iterator[bytes]:
    decoder: Any = None
    for piece in pieces:
        rest = piece
        while rest:
            if decoder is None:
                decoder = zlib.decompressobj(_window_bits(name, rest))
            plain = decoder.decompress(rest, _PIECE_BYTES)
            if plain:
                yield plain
            rest = decoder.unconsumed_tail or decoder.unused_data
            if decoder.eof:  # gzip may come in several members
                decoder = None
    if decoder is not None:
        yield from _finish(decoder)


def _finish(decoder: Any) -> Iterator[bytes]:
    """What a decoder still holds; it must end there."""
    while plain := decoder.decompress(b"", _PIECE_BYTES):
        yield plain
    if not decoder.eof:
        raise AnswerLost("a compressed answer that was cut")


def _window_bits(name: str, data: bytes) -> int:
    """Servers send "deflate" with and without the frame that it should have."""
    if name != "deflate":
        return _GZIP
    has_frame = data[0] & 0x0F == 8 and (len(data) == 1 or (data[0] * 256 + data[1]) % 31 == 0)
    return zlib.MAX_WBITS if has_frame else -zlib.MAX_WBITS
