# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The search finds what it is made for: a search that finds nothing proves nothing by itself."""

from __future__ import annotations

import gzip
import json
import sqlite3
import zlib
from base64 import b64encode, urlsafe_b64encode
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.privacy.canaries import ALL, Canary, cells, search


@pytest.mark.parametrize("one", ALL, ids=[one.field for one in ALL])
def test_every_form_is_found(one: Canary) -> None:
    """Whatever a library makes of a value, and whatever stands around it, it is found."""
    value = one.value
    shapes = {
        "clear": [value, value.upper(), value.lower(), f"x{value}y"],
        "percent-encoded": [quote(value, safe=""), "".join(f"%{byte:02X}" for byte in value.encode())],
        "Base64": [
            encode(f"{before}{value}{after}".encode()).decode()
            for encode in (b64encode, urlsafe_b64encode)
            for before in ("", "a", "ab", "abc")
            for after in ("", "z")
        ],
        "hex": [value.encode().hex(), value.lower().encode().hex().upper()],
        "JSON-escaped": [json.dumps(value), "".join(f"\\u{ord(sign):04X}" for sign in value)],
    }
    for form, texts in shapes.items():
        for text in texts:
            for packed in (text.encode(), gzip.compress(text.encode()), zlib.compress(text.encode())):
                found = {field for field, *_ in search([("place", packed)], planted=[one])}
                assert found == {one.field}, (form, text)


def test_every_cell_is_looked_at(tmp_path: Path) -> None:
    """Texts, bytes and numbers of every table are places; an empty database has none."""
    with closing(sqlite3.connect(tmp_path / "a.db")) as database, database:
        assert list(cells(tmp_path / "a.db")) == []
        database.execute("CREATE TABLE one (a, b)")
        database.execute("INSERT INTO one VALUES ('text', x'6279746573')")
    assert list(cells(tmp_path / "a.db")) == [("database: one.a", b"text"), ("database: one.b", b"bytes")]


def test_nothing_is_found_in_something_else() -> None:
    """Other texts, and digests, are no canaries."""
    assert (
        search([("place", b"nothing at all, 12025550188, d2c7"), ("letters: x", b"canary-order-1729")]) == []
    )
