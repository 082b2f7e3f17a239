# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A shop's orders as a source has them, and what TikTok must get of them, computed without our code."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

Row = dict[str, Any]

TOKEN = "canary-token-1c88e0b4f6"
"""The shop's access token, which must not be seen anywhere."""

NEWEST = int(time.time()) - 3600

MAPPING = {
    "event_time": "ordered_at",
    "user.email": "email",
    "user.phone": "phone",
    "properties.order_id": "order_id",
    "properties.value": "total",
    "page.url": "checkout_url",
}
DEFAULTS = {"event": "Purchase", "properties.currency": "USD"}
SETTINGS: dict[str, Any] = {
    "event_source": "web",
    "event_id_from": ["order_id"],
    "mapping": MAPPING,
    "defaults": DEFAULTS,
}


def email_of(number: int) -> str:
    """An address with capitals, which TikTok wants without."""
    return f"Canary.{number}@Example.com"


def phone_of(number: int) -> str:
    """A fictional number as people write it."""
    return f"+1 (202) 555-01{number:02d}"


def order(number: int, **changes: Any) -> Row:
    """One good order; text and numbers only, so that every format can hold it."""
    return {
        "order_id": f"order-{number}",
        "ordered_at": NEWEST - number,
        "email": email_of(number),
        "phone": phone_of(number),
        "total": f"{number}.50",
        "checkout_url": f"https://shop.example.com/thanks?order={number}",
        **changes,
    }


def orders(count: int) -> list[Row]:
    """Good orders, numbered from 1."""
    return [order(number) for number in range(1, count + 1)]


def event_of(number: int) -> dict[str, Any]:
    """The event that TikTok must get of a good order."""
    phone = "+1202555" + f"01{number:02d}"
    return {
        "event": "Purchase",
        "event_time": NEWEST - number,
        "event_id": _sha256(json.dumps([f"order-{number}"], separators=(",", ":")))[:32],
        "user": {"email": [_sha256(email_of(number).lower())], "phone": [_sha256(phone)]},
        "properties": {"order_id": f"order-{number}", "value": number + 0.5, "currency": "USD"},
        "page": {"url": f"https://shop.example.com/thanks?order={number}"},
    }


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# ------------------------------------------------------------------------------------- places


def write_database(path: Path, rows: list[Row], *, table: str = "orders") -> None:
    """A SQLite table with one column for each key of the first row."""
    columns = list(rows[0])
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
        marks = ", ".join("?" * len(columns))
        database.executemany(f"INSERT INTO {table} VALUES ({marks})", [tuple(row.values()) for row in rows])


def write_jsonl(path: Path, rows: list[Row]) -> None:
    """One object a line, gzipped where the name says so."""
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(lines) if path.suffix == ".gz" else lines)


def write_csv(path: Path, rows: list[Row]) -> None:
    """A header and one line for each row."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_parquet(path: Path, rows: list[Row]) -> None:
    """A Parquet file with the types the values have."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(rows), path)
