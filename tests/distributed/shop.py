# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The line items of the demo in PostgreSQL, as one busy day of yesterday, some of them broken on purpose."""

from __future__ import annotations

import csv
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, timedelta
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "example_dags"))

import complete_journey

TIME_ZONE = complete_journey.TIME_ZONE
BROKEN_EVERY = 10_007

_TABLES = """
CREATE TABLE households (household_id integer PRIMARY KEY, email text, phone text, member_id text);
CREATE TABLE products (product_id integer PRIMARY KEY, name text, category text, brand text);
CREATE TABLE line_items (
    line_id bigint PRIMARY KEY, basket_id bigint, household_id integer, store_id integer, product_id integer,
    paid_at text, units integer, amount_cents integer
);
"""

QUERY = """
SELECT l.line_id, l.basket_id, l.paid_at, l.store_id, h.email, h.phone, h.member_id,
       l.product_id, p.category, l.units, round(l.amount_cents / 100.0, 2) AS amount
FROM line_items AS l
LEFT JOIN households AS h USING (household_id)
LEFT JOIN products AS p USING (product_id)
WHERE {part:l.line_id}
ORDER BY l.line_id
"""


class Shop(NamedTuple):
    """What was loaded.

    :param good: line items that TikTok must have in the end, by their ids.
    :param broken: those whose time is none, which it must never see.
    """

    good: frozenset[str]
    broken: frozenset[str]


def load(connection: Any, *, rows: int | None) -> Shop:
    """Fill an empty database; the same arguments give the same rows.

    :param connection: of psycopg2.
    :param rows: at most so many line items, ``None`` for all.
    """
    yesterday = datetime.now(ZoneInfo(TIME_ZONE)).date() - timedelta(days=1)
    good: list[str] = []
    broken: list[str] = []

    def line_items(sqlite: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
        found = sqlite.execute(
            "SELECT rowid, basket_id, household_id, store_id, product_id, ordered_at, units, amount_cents "
            "FROM line_items WHERE units > 0 ORDER BY rowid"
        )
        for row in islice(found, rows):
            is_broken = row[0] % BROKEN_EVERY == BROKEN_EVERY // 2
            (broken if is_broken else good).append(str(row[0]))
            paid_at = "half past noon" if is_broken else f"{yesterday}T{row[5][11:]}"
            yield (*row[:5], paid_at, *row[6:])

    with TemporaryDirectory() as folder, closing(sqlite3.connect(f"{folder}/demo.db")) as sqlite:
        complete_journey.load(sqlite, last_day=date(2018, 1, 1))
        with connection, connection.cursor() as cursor:
            cursor.execute(_TABLES)
            for table in ("households", "products"):
                _copy(cursor, table, sqlite.execute(f"SELECT * FROM {table}"))
            _copy(cursor, "line_items", line_items(sqlite))
            cursor.execute("ANALYZE")
    return Shop(frozenset(good), frozenset(broken))


def _copy(cursor: Any, table: str, rows: Any) -> None:
    with TemporaryFile("w+", newline="") as file:
        csv.writer(file).writerows(rows)
        file.seek(0)
        cursor.copy_expert(f"COPY {table} FROM STDIN WITH (FORMAT csv)", file)
