# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A file that is not what its name or setting says is told for what it is, with the remedy, and not read."""

from __future__ import annotations

import gzip
import io
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.orc
import pyarrow.parquet as pq
import pytest

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.sources.files import FilesSource

Read = Callable[..., list[Any]]
Write = Callable[[str, str | bytes], Path]

TABLE = pa.table({"email": ["ada@example.com"]})


def zip_of(*names: str) -> bytes:
    """A ZIP archive with files of these names."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, "email\nada@example.com\n")
    return stream.getvalue()


def tar_of(name: str) -> bytes:
    """A TAR archive with a file of this name."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    return stream.getvalue()


def written(write: Callable[[Any, Any], Any]) -> bytes:
    """What a writer of Arrow tables writes."""
    stream = io.BytesIO()
    write(TABLE, stream)
    return stream.getvalue()


def database(path: Path) -> bytes:
    """A database of SQLite."""
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE orders (email TEXT)")
    connection.close()
    return path.read_bytes()


FOREIGN: dict[str, tuple[Callable[[], bytes], str]] = {
    "zip": (lambda: zip_of("orders.csv"), "^Unpack it, .* is a ZIP archive"),
    "empty zip": (zip_of, "ZIP archive"),
    "xlsx": (
        lambda: zip_of("[Content_Types].xml", "xl/workbook.xml"),
        "^Write it as CSV.* is an Excel workbook",
    ),
    "xls": (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "Excel workbook"),
    "tar": (lambda: tar_of("orders.csv"), "TAR archive"),
    "tar.gz": (lambda: gzip.compress(tar_of("orders.csv")), "TAR archive"),
    "zip.gz": (lambda: gzip.compress(zip_of("orders.csv")), "ZIP archive"),
    "avro": (lambda: b"Obj\x01\x04\x14avro.codec\x08null", "Avro file"),
    "orc": (lambda: written(pa.orc.write_table), "ORC file"),
    "arrow": (lambda: written(pa.feather.write_feather), "Arrow file"),
    "pdf": (lambda: b"%PDF-1.7\n", "PDF document"),
    "html": (lambda: b"\n<!DOCTYPE html>\n<html>", "HTML page"),
    "xml": (lambda: b'\xef\xbb\xbf<?xml version="1.0"?><Error>', "XML document"),
    "snappy": (lambda: b"\xff\x06\x00\x00sNaPpY\x00", "Snappy"),
    "lz4": (lambda: pa.compress(b"id\n" * 90, codec="lz4", asbytes=True), "LZ4"),
    "parquet": (lambda: written(pq.write_table), "^Set format='parquet': .* is a Parquet file"),
}


@pytest.mark.parametrize("name", ["orders.csv", "orders.jsonl", "orders.json", "orders.tsv"])
@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_content_is_named(read: Read, write: Write, kind: str, name: str) -> None:
    """Whatever name it has, a file of another kind gives no row, and nothing of it is told."""
    make, told = FOREIGN[kind]
    if kind == "lz4" and not make().startswith(b"\x04\x22\x4d\x18"):
        pytest.skip("this pyarrow writes LZ4 without a frame")
    with pytest.raises(ConfigurationError, match=told) as caught:
        read(write(name, make()))
    assert "ada" not in str(caught.value)


def test_a_database_is_named(read: Read, write: Write, tmp_path: Path) -> None:
    """A database's file is read by a query."""
    with pytest.raises(
        ConfigurationError, match=r"^Read it by a query, over a connection: path .* is an SQLite database"
    ):
        read(write("orders.csv", database(tmp_path / "orders.db")))


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        ("zip", "ZIP archive"),
        ("csv.zip", "ZIP archive"),
        ("XLSX", "Excel workbook"),
        ("xls", "Excel workbook"),
        ("ods", "spreadsheet"),
        ("tar.gz", "TAR archive"),
        ("tgz", "TAR archive"),
        ("csv.lz4", "LZ4"),
        ("csv.gpg", "encrypted"),
        ("avro", "Avro"),
    ],
)
def test_foreign_name(ending: str, told: str) -> None:
    """A name that says what cannot be read is told before any file is opened."""
    with pytest.raises(ConfigurationError, match=rf": path orders\.{ending} .*{told}"):
        FilesSource([Path(f"orders.{ending}")])


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("utf-16", "utf-16"), ("utf-16-le", "utf-16-le"), ("utf-16-be", "utf-16-be"), ("utf-32", "utf-32")],
)
@pytest.mark.parametrize("name", ["orders.csv", "orders.jsonl", "orders.json"])
def test_encoding_is_named(read: Read, write: Write, name: str, text: str, encoding: str) -> None:
    """Text of two or four bytes to a character is told by its mark or by its zero bytes."""
    content = '[{"email":"ada@example.com"}]' if name.endswith("n") else '{"email":"ada@example.com"}\n'
    content = "email,id\nada@example.com,1\n" if name.endswith("csv") else content
    path = write(name, content.encode(text))
    with pytest.raises(ConfigurationError, match=rf"^Set encoding='{encoding}'"):
        read(path)
    assert read(path, encoding=encoding)[0]["email"] == "ada@example.com"


def test_latin_text_names_the_setting(write: Write) -> None:
    """A single byte that is no UTF-8 makes one unreadable row whose remedy is the setting."""
    (row,) = FilesSource([write("orders.csv", "id,city\n1,Köln\n".encode("latin-1"))]).rows()
    assert "`encoding`" in str(getattr(row, "remedy", ""))
