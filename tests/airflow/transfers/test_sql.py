# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok.exceptions import PermanentFailure
from airflow_provider_tiktok.simulator import Simulator
from airflow_provider_tiktok.transfers.sql_to_tiktok import SqlToTikTokOperator
from tests.airflow.running import Task

MAPPING = {
    "event_time": "ordered_at",
    "user.email": ["email", "billing_email"],
    "properties.order_id": "order_id",
    "properties.contents[].content_id": "product",
    "properties.contents[].price": "price",
    "properties.contents[].quantity": "quantity",
}
DEFAULTS = {"event": "Purchase", "properties.currency": "USD"}
ITEMS = "SELECT * FROM items WHERE shop = :shop ORDER BY order_id, product"

pytestmark = pytest.mark.usefixtures("airflow_home")


@pytest.fixture
def database(tmp_path: Path, define_connection: Callable[..., None]) -> Path:
    """A database with two orders of two line items each, and a connection ``shop`` to it."""
    file = tmp_path / "shop.db"
    now = int(time.time()) - 600
    rows = [
        ("north", f"o-{order}", f"p-{item}", now, f"{order}@example.com", None, 2.5, item)
        for order in (1, 2)
        for item in (1, 2)
    ]
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(
            "CREATE TABLE items (shop, order_id, product, ordered_at, email, billing_email, price, quantity)"
        )
        connection.executemany("INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    define_connection("shop", conn_type="sqlite", host=str(file))
    return file


@pytest.fixture
def send(tmp_path: Path, task: Task, tiktok: Simulator):  # type: ignore[no-untyped-def]
    """Runs the operator over the line items; gives the receipt."""

    def run(**arguments: Any) -> dict[str, Any]:
        given = {
            "sql": ITEMS,
            "sql_conn_id": "shop",
            "parameters": {"shop": "north"},
            "event_source": "offline",
            "mapping": MAPPING,
            "defaults": DEFAULTS,
            "group_by": ["order_id"],
            "event_id_from": ["order_id"],
            "dead_letter_path": tmp_path / "letters.jsonl",
        }
        return SqlToTikTokOperator(task_id="send", **{**given, **arguments}).execute(task.context)

    return run


def test_line_items_become_orders(send: Any, database: Path, tiktok: Simulator):
    """Rows with the same key are one event, and a second run adds none."""
    receipt = send()
    assert (receipt["rows"], receipt["read"], receipt["accepted"]) == (4, 2, 2)
    send()
    assert tiktok.ledger.summary()["live"]["unique_events"] == 2


def test_page_size_changes_no_request(send: Any, database: Path, tiktok: Simulator):
    """How many rows are fetched at once is nobody's business but the database's."""
    send(page_size=1)
    send(page_size=1000)
    first, second = (request.body for request in tiktok.requests)
    assert first == second


def test_query_without_rows_succeeds(send: Any, database: Path, tiktok: Simulator):
    """No row is no error, and no request."""
    receipt = send(parameters={"shop": "south"})
    assert (receipt["read"], receipt["is_complete"]) == (0, True)
    assert tiktok.requests == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"sql_conn_id": "nowhere"}, "as sql_conn_id: connection 'nowhere' is not defined"),
        ({"sql_conn_id": "tiktok_default"}, "as sql_conn_id: 'tiktok_default' is not one"),
        ({"sql": ""}, "Give a query as sql: the statement is empty"),
        ({"sql": None}, "Give one query as sql"),
        ({"sql": "SELECT * FROM nothing", "parameters": None}, "the database refuses sql"),
        (
            {"sql": "SELECT * FROM items", "parameters": None, "order_by": ["order_id"]},
            "Add an ORDER BY to sql",
        ),
        ({"page_size": 0}, "page_size"),
        ({"mapping": {**MAPPING, "user.phone": "fone"}}, "fone"),
        ({"group_by": ["basket"]}, "group_by"),
    ],
)
def test_wrong_argument_is_named(
    send: Any, database: Path, tiktok: Simulator, arguments: dict[str, Any], words: str
):
    """A wrong argument fails the task for good, names itself, and nothing is sent."""
    with pytest.raises(PermanentFailure) as caught:
        send(**arguments)
    assert words in str(caught.value)
    assert tiktok.requests == []


def test_parameters_are_hidden():
    """Parameters may be personal data: the operator does not show them."""
    operator = SqlToTikTokOperator(
        task_id="send", sql="x", sql_conn_id="shop", parameters=["person@example.com"]
    )
    assert "person@" not in repr(operator.parameters)
    assert {"sql", "parameters"} <= set(operator.template_fields)


def test_stated_order_allows_to_resume(database: Path):
    """Only a query that says it is ordered can be gone on with."""
    ordered = SqlToTikTokOperator(
        task_id="a", sql=ITEMS, sql_conn_id="shop", order_by=["order_id", "product"]
    )
    plain = SqlToTikTokOperator(task_id="b", sql=ITEMS, sql_conn_id="shop")
    assert ordered.open_source().is_ordered
    assert not plain.open_source().is_ordered
