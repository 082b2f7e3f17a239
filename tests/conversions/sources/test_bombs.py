# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""However much a small input unfolds to, memory stays bounded by bytes, and what is too much is told."""

from __future__ import annotations

import gzip
import json
import lzma
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

MAX_BYTES = 250_000_000

READ = """
import json, resource, sys
from itertools import islice
from pathlib import Path
from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.events import UnreadableRow
from airflow_provider_tiktok.conversions.sources.files import FilesSource
from airflow_provider_tiktok.conversions.sources.records import RecordsSource
from airflow_provider_tiktok.conversions.sources.sql import SqlSource
import pyarrow.parquet, pyarrow.compute

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

before = peak()
told, rules, count = "", {}, 0
try:
    for row in islice(SOURCE.rows(), 12_000):
        count += 1
        if isinstance(row, UnreadableRow):
            rules[row.rule] = rules.get(row.rule, 0) + 1
except ConfigurationError as error:
    told = str(error)
print(json.dumps({"rows": count, "rules": rules, "told": told, "bytes": peak() - before}))
"""


def read(source: str) -> dict[str, Any]:
    """What a process of its own sees of a source, and how many bytes that took."""
    code = READ.replace("SOURCE", source)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def parquet_of(**columns: pa.Array) -> Callable[[Path], None]:
    """Writes a Parquet file of these columns, packed as tightly as can be."""
    return lambda path: pq.write_table(pa.table(columns), path, compression="zstd", compression_level=19)


def delta_of(texts: list[str]) -> Callable[[Path], None]:
    """Writes a Parquet file whose texts are told by how they differ from the ones before."""
    return lambda path: pq.write_table(
        pa.table({"v": texts}),
        path,
        compression="zstd",
        use_dictionary=False,
        column_encoding={"v": "DELTA_BYTE_ARRAY"},
    )


def gzip_of(*parts: tuple[bytes, int]) -> Callable[[Path], None]:
    """Writes texts, each as often as stated, packed by gzip."""

    def write(path: Path) -> None:
        with gzip.open(path, "wb") as file:
            for text, count in parts:
                for _ in range(count):
                    file.write(text)

    return write


def xz_of(text: bytes, *, dictionary: int | None = None) -> Callable[[Path], None]:
    """Writes a text packed by xz, at its strongest or with a dictionary that its header only claims.

    :param dictionary: its size as the .xz file format 1.2.1 writes it: 36 is one gigabyte.
    """

    def write(path: Path) -> None:
        packed = bytearray(lzma.compress(text, preset=9))
        if dictionary is not None:
            end = 12 + packed[12] * 4
            packed[16] = dictionary
            packed[end : end + 4] = zlib.crc32(packed[12:end]).to_bytes(4, "little")
        path.write_bytes(packed)

    return write


def repeated(text: str, count: int) -> pa.Array:
    """One text for many rows, which the file holds once."""
    return pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), [text])


LONG = "x" * 470_000
SHARED = repeated(LONG, 10_000)
NESTED = pa.StructArray.from_arrays([SHARED], ["text"])
LISTED = pa.ListArray.from_arrays(list(range(10_001)), SHARED)

BOMBS: dict[str, tuple[str, Callable[[Path], None], dict[str, Any]]] = {
    "one text for all rows": ("a.parquet", parquet_of(v=SHARED), {"rows": 10_000, "rules": {}}),
    "the same in objects": ("a.parquet", parquet_of(v=NESTED), {"rows": 10_000, "rules": {}}),
    "the same in lists": ("a.parquet", parquet_of(v=LISTED), {"rows": 10_000, "rules": {}}),
    "texts told by their differences": (
        "a.parquet",
        delta_of([f"{LONG}{number}" for number in range(300)]),
        {"rows": 300},
    ),
    "a row of 60 MB": (
        "a.parquet",
        parquet_of(v=pa.array(["a", "x" * 60_000_000, "b"])),
        {"rows": 3, "rules": {"too_long": 1}},
    ),
    "a column of zeros": (
        "a.parquet",
        lambda path: pq.write_table(
            pa.table({"v": pa.array([b"\0" * 1000]).take(pa.array([0] * 400_000))}),
            path,
            compression="zstd",
            use_dictionary=False,
            data_page_size=1 << 30,
        ),
        {"rows": 0, "told": "unfolds to far more than its size"},
    ),
    "a list of 30 million": (
        "a.parquet",
        parquet_of(v=pa.ListArray.from_arrays([0, 30_000_000], pa.nulls(30_000_000, pa.int32()))),
        {"rows": 0, "told": "unfolds to far more than its size"},
    ),
    "many empty records": (
        "a.json.gz",
        gzip_of((b"[{}", 1), (b",{}" * 1000, 15_000), (b"]", 1)),
        {"rows": 12_000},
    ),
    "a list beyond the bound": (
        "a.json.gz",
        gzip_of((b"[{}", 1), (b",{}" * 1000, 200_000), (b"]", 1)),
        {"rows": 0, "told": "is not read whole into memory"},
    ),
    "a line of brackets": (
        "a.jsonl.gz",
        gzip_of((b'{"n":1}\n[', 1), (b"[]," * 1000, 100_000), (b'[]]\n{"n":2}\n', 1)),
        {"rows": 3, "rules": {"too_long": 1}},
    ),
    "a line of commas": (
        "a.csv.gz",
        gzip_of((b"id,v\n", 1), (b"," * 1000, 300_000), (b"\n1,2\n", 1)),
        {"rows": 2, "rules": {"too_long": 1}},
    ),
    "a header of commas": (
        "a.csv.gz",
        gzip_of((b"a," * 900_000, 1), (b"\n1,2\n", 1)),
        {"rows": 0, "told": "more than 10,000 columns"},
    ),
    "a quote that is never closed": (
        "a.csv.gz",
        gzip_of((b'id,v\n"', 1), (b"x" * 99 + b"\n", 1_000_000)),
        {"rows": 12_000},
    ),
    "a dictionary of a gigabyte": (
        "a.jsonl.xz",
        xz_of(b'{"n":1}\n' * 9000, dictionary=36),
        {"rows": 0, "told": "asks for more than 128 MB"},
    ),
    "the strongest xz": ("a.jsonl.xz", xz_of(b'{"n":1}\n' * 12_000), {"rows": 12_000, "told": ""}),
    "blank lines": ("a.jsonl.gz", gzip_of((b"\n" * 1000, 1_000), (b'{"n":1}', 1)), {"rows": 1}),
    "rows of 900 kB": (
        "a.jsonl.gz",
        gzip_of((b'{"n":1}\n', 2000), (b'{"text":"' + b"x" * 900_000 + b'"}\n', 300)),
        {"rows": 2300, "rules": {}},
    ),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_small_file_takes_little_memory(tmp_path: Path, bomb: str) -> None:
    """Every row is read, or the file is told to be too much, within the bound."""
    name, write, expected = BOMBS[bomb]
    path = tmp_path / name
    write(path)
    result = read(f"FilesSource([Path({str(path)!r})])")
    assert result["bytes"] < MAX_BYTES
    assert expected.pop("told", "") in result["told"]
    assert {key: result[key] for key in expected} == expected


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(
            'SqlSource(lambda: __import__("sqlite3").connect(":memory:"), '
            '"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6200) '
            "SELECT i, CASE WHEN i > 5000 THEN hex(zeroblob(450000)) ELSE 'a' END AS v FROM n\")",
            id="sql",
        ),
        pytest.param('RecordsSource({"v": f"{i:0900000}"} for i in range(1200))', id="records"),
    ],
)
def test_large_rows_are_not_held(source: str) -> None:
    """Rows of 900 kB are read a few at a time, also after thousands of small ones."""
    result = read(source)
    assert result["rows"] in (1200, 6200)
    assert result["bytes"] < MAX_BYTES
