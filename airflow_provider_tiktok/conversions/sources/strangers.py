# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Files of formats that are not read, or not under this setting: what they are, and the remedy."""

from __future__ import annotations

import re

from airflow_provider_tiktok.conversions.errors import ConfigurationError

_SAVE = "Write it as CSV, JSON Lines or Parquet"

_ENDINGS: dict[str, tuple[str, str]] = {
    ".zip": ("is a ZIP archive", "Unpack it, or pack its file by gzip"),
    ".7z": ("is a 7z archive", "Unpack it, or pack its file by gzip"),
    ".rar": ("is a RAR archive", "Unpack it, or pack its file by gzip"),
    ".tar": ("is a TAR archive", "Unpack it"),
    ".tgz": ("is a TAR archive", "Unpack it"),
    ".xlsx": ("is an Excel workbook", _SAVE),
    ".xlsm": ("is an Excel workbook", _SAVE),
    ".xls": ("is an Excel workbook", _SAVE),
    ".ods": ("is a spreadsheet", _SAVE),
    ".avro": ("is an Avro file", _SAVE),
    ".orc": ("is an ORC file", _SAVE),
    ".feather": ("is an Arrow file", _SAVE),
    ".arrow": ("is an Arrow file", _SAVE),
    ".pdf": ("is a PDF document", _SAVE),
    ".xml": ("is an XML document", _SAVE),
    ".html": ("is an HTML page", _SAVE),
    ".sz": ("is packed by Snappy", "Pack it by gzip or zstd"),
    ".snappy": ("is packed by Snappy", "Pack it by gzip or zstd"),
    ".lz4": ("is packed by LZ4", "Pack it by gzip or zstd"),
    ".lzo": ("is packed by LZO", "Pack it by gzip or zstd"),
    ".br": ("is packed by Brotli", "Pack it by gzip or zstd"),
    ".gpg": ("is encrypted", "Decrypt it"),
    ".pgp": ("is encrypted", "Decrypt it"),
}

# The first bytes of each kind, as its own specification gives them. A workbook is a ZIP archive with a
# certain file in it, which every writer puts first or nearly so.
_MARKS: tuple[tuple[re.Pattern[bytes], tuple[str, str]], ...] = (
    (re.compile(rb"PK\x03\x04.{26}(\[Content_Types\]|_rels/|xl/|docProps)", re.DOTALL), _ENDINGS[".xlsx"]),
    (re.compile(rb"PK\x03\x04.{26}mimetypeapplication/vnd.oasis", re.DOTALL), _ENDINGS[".ods"]),
    (re.compile(rb"PK(\x03\x04|\x05\x06|\x07\x08)"), _ENDINGS[".zip"]),
    (re.compile(rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), _ENDINGS[".xls"]),
    (re.compile(rb"7z\xbc\xaf\x27\x1c"), _ENDINGS[".7z"]),
    (re.compile(rb"Rar!\x1a\x07"), _ENDINGS[".rar"]),
    (re.compile(rb".{257}ustar", re.DOTALL), _ENDINGS[".tar"]),
    (re.compile(rb"Obj\x01"), _ENDINGS[".avro"]),
    (re.compile(rb"ORC[\x00-\x1f\x80-\xff]"), _ENDINGS[".orc"]),
    (re.compile(rb"ARROW1\x00|FEA1"), _ENDINGS[".arrow"]),
    (re.compile(rb"%PDF-"), _ENDINGS[".pdf"]),
    (re.compile(rb"SQLite format 3\x00"), ("is an SQLite database", "Read it by a query, over a connection")),
    (re.compile(rb"\xff\x06\x00\x00sNaPpY"), _ENDINGS[".sz"]),
    (re.compile(rb"\x04\x22\x4d\x18"), _ENDINGS[".lz4"]),
    (
        re.compile(rb"\x1f\x8b\x08|\xfd7zXZ\x00|\x28\xb5\x2f\xfd"),
        ("is packed, or packed twice", "Unpack it once, or leave compression at its default"),
    ),
    (re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype|html|head|body)", re.IGNORECASE), _ENDINGS[".html"]),
    (re.compile(rb"(\xef\xbb\xbf)?\s*<\?xml"), _ENDINGS[".xml"]),
)
_SEEN = 32
"""Bytes that tell whether every other byte is zero, as in Latin text of two bytes to a character."""

_PARQUET = re.compile(rb"PAR[1E]")
_JSON = re.compile(rb"(\xef\xbb\xbf)?\s*(\{\s*\"|\{\s*\n|\[\s*[\[{])")

_UNICODE_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


def find_foreign_ending(name: str) -> tuple[str, str] | None:
    """What a file of this name is that is not read, and the remedy; ``None`` where the name does not say."""
    return next((told for ending, told in _ENDINGS.items() if name.endswith(ending)), None)


def check_head(head: bytes, *, name: str, format: str, encoding: str) -> None:
    """Passes unless a file's first bytes show that it is no file of its format, or of another encoding.

    :param name: the file, as people are told of it.
    :raises ConfigurationError: naming what it is.
    """
    told = next((told for mark, told in _MARKS if mark.match(head)), None)
    if told is not None:
        what, remedy = told
        raise ConfigurationError(f"{remedy}: path {name} {what}.")
    if format == "parquet":
        return
    if _PARQUET.match(head):
        raise ConfigurationError(f"Set format='parquet': path {name} is a Parquet file.")
    meant = _find_encoding(head)
    if meant is not None and not encoding.startswith(meant[:6]):
        raise ConfigurationError(f"Set encoding={meant!r}: {name} is not in {encoding!r}.")
    if format in ("csv", "tsv") and _JSON.match(head):
        raise ConfigurationError(
            f"Set format='json', or 'jsonl' for one object on each line: path {name} begins like JSON "
            "and not like a table."
        )


def _find_encoding(head: bytes) -> str | None:
    """The encoding of two or four bytes to a character that the text is in, ``None`` for any other."""
    for mark, encoding in _UNICODE_MARKS:
        if head.startswith(mark):
            return encoding
    even, odd = head[:_SEEN:2], head[1:_SEEN:2]
    if len(head) >= _SEEN // 2 and any(even) != any(odd):
        return "utf-16-be" if any(odd) else "utf-16-le"
    return None
