# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The data side of the demo: what the receipts become in the database, on receipts made here."""

from __future__ import annotations

import sqlite3
from datetime import date
from typing import TYPE_CHECKING, Any

import complete_journey
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pa = pytest.importorskip("pyarrow", reason="the extra `demo` is not installed")

LAST_DAY = date(2026, 11, 23)
DAY = date(2026, 11, 22)

MILK, FUEL, SLIP = 101, 102, 103

# basket, household, product, quantity, sales value, when
RECEIPTS = [
    (31, 7, MILK, 2, 3.58, "2017-12-31T09:30:00"),
    (31, 7, FUEL, 11_178, 26.95, "2017-12-31T09:30:00"),
    (31, 7, SLIP, 0, 0.0, "2017-12-31T09:30:00"),
    (30, 8, MILK, 0, 1.79, "2017-12-31T18:05:00"),
    (29, 8, MILK, 1, 1.79, "2018-01-01T04:01:00"),
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with the two Parquet files, in the shape of the package's."""
    import pyarrow.parquet as pq

    names = ["basket_id", "household_id", "product_id", "quantity", "sales_value", "transaction_timestamp"]
    columns: dict[str, Any] = dict(zip(names, map(list, zip(*RECEIPTS, strict=True)), strict=True))
    columns["store_id"] = [330] * len(RECEIPTS)
    columns["transaction_timestamp"] = pa.array(columns["transaction_timestamp"]).cast(pa.timestamp("ns"))
    pq.write_table(pa.table(columns), tmp_path / "transactions.parquet")
    products = {
        "product_id": [MILK, FUEL, SLIP],
        "product_type": ["FLUID MILK", "GASOLINE-REG UNLEADED", None],
        "product_category": ["MILK", "COUPON/MISC ITEMS", None],
        "brand": ["Private", "National", "National"],
    }
    pq.write_table(pa.table(products), tmp_path / "products.parquet")
    return tmp_path


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """A database of nobody's."""
    connection = sqlite3.connect(":memory:")
    yield connection
    connection.close()


def _orders(connection: sqlite3.Connection, day: date = DAY) -> list[dict[str, Any]]:
    cursor = connection.execute(complete_journey.ORDERS_OF_A_DAY, {"day": day.isoformat()})
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def test_load_keeps_every_line_item(connection: sqlite3.Connection, data: Path) -> None:
    """Every line item is in the table, coupon slips included, and a second load changes nothing."""
    first = complete_journey.load(connection, last_day=LAST_DAY, data=data)
    again = complete_journey.load(connection, last_day=LAST_DAY, data=data)
    assert first == again == {"line_items": 5, "products": 3, "households": 2}


def test_dates_move_by_whole_days(connection: sqlite3.Connection, data: Path) -> None:
    """The newest receipt is of the last day, and every clock time stays as it was."""
    complete_journey.load(connection, last_day=LAST_DAY, data=data)
    times = [time for (time,) in connection.execute("SELECT DISTINCT ordered_at FROM line_items ORDER BY 1")]
    assert times == ["2026-11-22T09:30:00", "2026-11-22T18:05:00", "2026-11-23T04:01:00"]


def test_line_items_of_a_basket_stand_together(connection: sqlite3.Connection, data: Path) -> None:
    """Baskets come in the order they were paid, each line with the total of its whole basket."""
    complete_journey.load(connection, last_day=LAST_DAY, data=data)
    lines = [(row["basket_id"], row["product_name"], row["order_total"]) for row in _orders(connection)]
    assert lines == [
        (31, "FLUID MILK", 30.53),
        (31, "GASOLINE-REG UNLEADED", 30.53),
        (30, "FLUID MILK", 1.79),
    ]


@pytest.mark.parametrize(
    ("product_name", "units", "unit_price"),
    [("FLUID MILK", 2, 1.79), ("GASOLINE-REG UNLEADED", 1, 26.95)],
    ids=["pieces keep their number", "a filling of fuel is one unit"],
)
def test_units_and_prices(
    connection: sqlite3.Connection, data: Path, product_name: str, units: int, unit_price: float
) -> None:
    """Units times price is what was paid, whatever unit the shop counts in."""
    complete_journey.load(connection, last_day=LAST_DAY, data=data)
    row = next(row for row in _orders(connection) if row["product_name"] == product_name)
    assert (row["units"], row["unit_price"]) == (units, unit_price)


def test_quantity_zero_with_money_is_one_unit(connection: sqlite3.Connection, data: Path) -> None:
    """A line that was paid for is sold, even where the till counted nothing."""
    complete_journey.load(connection, last_day=LAST_DAY, data=data)
    assert [row["units"] for row in _orders(connection) if row["basket_id"] == 30] == [1]


def test_planted_baskets_are_bad_in_one_way_each(connection: sqlite3.Connection, data: Path) -> None:
    """One basket of nobody, one at no time, one with a negative quantity, all on the day asked for."""
    complete_journey.load(connection, last_day=LAST_DAY, bad_day=DAY, data=data)
    bad = {row["basket_id"]: row for row in _orders(connection) if row["basket_id"] < 10}
    assert set(bad) == {1, 2, 3}
    assert (bad[1]["email"], bad[1]["phone"], bad[1]["member_id"]) == (None, None, None)
    assert bad[2]["ordered_at"] == "half past noon"
    assert bad[3]["units"] == -2


def test_people_are_fictional() -> None:
    """Every e-mail is of a reserved domain and every phone a number kept for fiction, all distinct."""
    people = [complete_journey.household(number) for number in range(1, 2501)]
    assert all(email.lower().endswith("@example.com") for _, email, _, _ in people)
    assert all(phone[5:].startswith(" 555-01") for _, _, phone, _ in people)
    assert len({phone for _, _, phone, _ in people}) == len(people)


def test_missing_data_package_names_the_remedy() -> None:
    """Without the data package the error says what to install."""
    with pytest.raises(ModuleNotFoundError, match=r"airflow-provider-tiktok\[demo\]"):
        complete_journey.package_data("a_package_that_nobody_installed")
