# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Packed files are told by their bytes, read as a stream, and never end early without a word."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.sources.files import FilesSource

Read = Callable[..., list[Any]]
Write = Callable[[str, str | bytes], Path]

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda content: pa.compress(content, codec="zstd", asbytes=True),
}

RANDOM = random.Random(7)
TOKENS = [RANDOM.randbytes(20).hex() for _ in range(20_000)]
LINES = "".join(f'{{"token":"{token}"}}\n' for token in TOKENS).encode()


@pytest.mark.parametrize("ending", PACK)
@pytest.mark.parametrize("name", ["events.jsonl.{}", "events.jsonl"])
def test_packed(read: Read, write: Write, ending: str, name: str) -> None:
    """A packed file is unpacked, whatever its name."""
    path = write(name.format(ending), PACK[ending](b'{"n":1}\n{"n":2}\n'))
    assert read(path) == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize("ending", PACK)
def test_joined(read: Read, write: Write, ending: str) -> None:
    """Packed files that were joined are read to the last one's end."""
    path = write("events.jsonl", PACK[ending](b'{"n":1}\n') + PACK[ending](b'{"n":2}\n'))
    assert read(path) == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize("ending", PACK)
@pytest.mark.parametrize("name", ["orders.csv", "orders.json"])
def test_formats(read: Read, write: Write, ending: str, name: str) -> None:
    """Every text format may be packed."""
    text = b'[{"id":"1"}]' if name.endswith("json") else b"id\n1\n"
    assert read(write(f"{name}.{ending}", PACK[ending](text))) == [{"id": "1"}]


@pytest.mark.parametrize("ending", PACK)
def test_plain_text_under_a_packed_name(read: Read, write: Write, ending: str) -> None:
    """A name that promises too much does no harm: some stores unpack on the way."""
    assert read(write(f"events.jsonl.{ending}", '{"n":1}\n')) == [{"n": 1}]


def test_text_that_begins_like_a_packed_file(read: Read, write: Write) -> None:
    """Three letters are no proof."""
    assert read(write("orders.csv", "BZh9,id\n1,2\n")) == [{"BZh9": "1", "id": "2"}]


@pytest.mark.parametrize("ending", PACK)
def test_cut_file_gives_its_rows_and_then_an_error(write: Write, ending: str) -> None:
    """The rows before the cut are read; then the run ends, so that nothing calls itself complete."""
    packed = PACK[ending](LINES)
    rows = FilesSource([write("events.jsonl", packed[: len(packed) // 2])]).rows()
    given: list[Any] = []
    with pytest.raises(ConfigurationError, match=r"events\.jsonl is damaged or cut off"):
        given.extend(rows_until_error(rows, given))
    assert [row["token"] for row in given] == TOKENS[: len(given)]
    assert ending == "bz2" or len(given) > 4000  # one block of bzip2 holds all of this file


def rows_until_error(rows: Any, given: list[Any]) -> list[Any]:
    """Puts each row into the list as it comes, so that an error does not take them away."""
    for row in rows:
        given.append(row)  # noqa: PERF402  # extend() keeps nothing of what came before an error
    return []


def test_cut_gzip_loses_no_whole_line(write: Write) -> None:
    """All that can be unpacked before the cut is given."""
    packed = gzip.compress(LINES)[:-1000]
    whole = zlib.decompressobj(31).decompress(packed).count(b"\n")
    given: list[Any] = []
    with pytest.raises(ConfigurationError):
        rows_until_error(FilesSource([write("events.jsonl", packed)]).rows(), given)
    assert whole - 1 <= len(given) <= whole


@pytest.mark.parametrize(("ending", "place"), [("gz", 9000), ("bz2", 9000), ("xz", 9000), ("zst", 6)])
def test_damaged_file(read: Read, write: Write, ending: str, place: int) -> None:
    """Bytes that were overwritten end the run; zstd, which has no checksum here, where its frame is hit."""
    packed = bytearray(PACK[ending](LINES))
    packed[place : place + 50] = b"\xff" * 50
    with pytest.raises(ConfigurationError, match="damaged or cut off"):
        read(write("events.jsonl", bytes(packed)))


@pytest.mark.parametrize("compression", ["gzip", "bz2", "xz", "zstd"])
def test_stated_compression_is_taken_at_its_word(read: Read, write: Write, compression: str) -> None:
    """Who states a packing gets an error where the file is not packed that way."""
    with pytest.raises(ConfigurationError, match="damaged or cut off"):
        read(write("events.jsonl", '{"n":1}\n' * 10), compression=compression)


def test_none_reads_the_bytes_as_they_are(read: Read, write: Write) -> None:
    """``none`` unpacks nothing, and says what it finds."""
    with pytest.raises(ConfigurationError, match="is packed"):
        read(write("events.jsonl", gzip.compress(b'{"n":1}\n')), compression="none")


@pytest.mark.parametrize("ending", ["gz", "xz", "zst"])
def test_packed_twice(read: Read, write: Write, ending: str) -> None:
    """What is packed once more inside is told, and not read as text."""
    with pytest.raises(ConfigurationError, match="packed twice"):
        read(write("events.jsonl.gz", gzip.compress(PACK[ending](b'{"n":1}\n'))))


def test_packed_parquet_is_refused(read: Read, write: Write) -> None:
    """Parquet packs its own pages."""
    with pytest.raises(ConfigurationError, match="packed inside"):
        read(write("orders.parquet.gz", gzip.compress(b"PAR1")))
