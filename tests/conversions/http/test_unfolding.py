# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest

from airflow_provider_tiktok.conversions.http import AnswerLost
from airflow_provider_tiktok.conversions.http.unfolding import unfold

PLAIN = b'{"code": 0}'
RAW_DEFLATE = zlib.compressobj(wbits=-15)
RAW = RAW_DEFLATE.compress(PLAIN) + RAW_DEFLATE.flush()
ZEROS = b"\0" * 200_000_000


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("", PLAIN),
        ("identity", PLAIN),
        ("gzip", gzip.compress(PLAIN)),
        ("GZIP", gzip.compress(PLAIN)),
        ("x-gzip", gzip.compress(PLAIN)),
        ("gzip", gzip.compress(PLAIN[:4]) + gzip.compress(PLAIN[4:])),
        ("deflate", zlib.compress(PLAIN)),
        ("deflate", RAW),
        ("gzip, gzip", gzip.compress(gzip.compress(PLAIN))),
        ("deflate, gzip", gzip.compress(zlib.compress(PLAIN))),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_unfold(encoding: str, body: bytes, size: int) -> None:
    """What was compressed comes out as it was, in whatever pieces it arrives."""
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    assert unfold(pieces, encoding=encoding, max_bytes=1000) == PLAIN


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "gzip, gzip"])
def test_no_body_is_an_empty_one(encoding: str) -> None:
    """A head may name a compression where no body follows."""
    assert unfold([], encoding=encoding, max_bytes=10) == b""


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", PLAIN),
        ("gzip", gzip.compress(PLAIN)[:-9]),
        ("gzip", gzip.compress(PLAIN)[:-4]),
        ("gzip, gzip", gzip.compress(gzip.compress(PLAIN)[:-4])),
        ("deflate", b"no"),
        ("br", b"anything"),
        ("zstd", b"anything"),
        ("gzip, br", gzip.compress(PLAIN)),
        ("gzip, gzip, gzip, gzip", gzip.compress(PLAIN)),
    ],
)
def test_what_cannot_be_unfolded_is_lost(encoding: str, body: bytes) -> None:
    """An answer that is cut, broken or in another compression is none."""
    with pytest.raises(AnswerLost):
        unfold([body], encoding=encoding, max_bytes=1000)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(ZEROS)),
        ("deflate", zlib.compress(ZEROS)),
        ("gzip, gzip", gzip.compress(gzip.compress(ZEROS))),
        ("gzip, gzip, gzip", gzip.compress(gzip.compress(gzip.compress(ZEROS)))),
        ("gzip", gzip.compress(b"") * 100_000),
    ],
    ids=["gzip", "deflate", "twice", "three times", "many empty ones"],
)
def test_bombs_take_no_memory(encoding: str, body: bytes) -> None:
    """An answer that unfolds without end is given up when it is longer than an answer may be."""
    tracemalloc.start()
    try:
        with pytest.raises(AnswerLost, match="too long"):
            unfold([body], encoding=encoding, max_bytes=1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()
