# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What is wrong from the start is said at once: which argument, and what to do. Nothing is sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok.simulator import DEFAULT_PIXEL_CODE, Simulator
from tests.conversions.test_remedies import AN_ORDER
from tests.end_to_end import orders
from tests.end_to_end.orders import order

RunOperator = Callable[..., Any]


@pytest.fixture
def send_orders(run_operator: RunOperator, warehouse: Path) -> RunOperator:
    """Sends two good orders from a database, but for what is changed."""
    orders.write_database(warehouse, orders.orders(2))

    def send(**changes: Any) -> Any:
        arguments = {"sql": "SELECT * FROM orders", "sql_conn_id": "warehouse", **orders.SETTINGS, **changes}
        return run_operator("SqlToTikTokOperator", **arguments)

    return send


def _assert_clear_failure(run: Any, simulator: Simulator, *words: str) -> None:
    """Failed at the first try, nothing sent, and the failure's text has all of the words.

    It begins with what to do, and the log has neither a second traceback nor a table of zeros.
    """
    assert (run.state, run.tries) == ("failed", 1)
    assert AN_ORDER.match(run.failure), run.failure
    assert not any(words in run.printed for words in ("direct cause of the following", "During handling of"))
    assert "source rows read  0" not in run.printed
    assert [word for word in words if word not in run.failure] == [], run.failure
    assert simulator.ledger.events() == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mapping": {**orders.MAPPING, "user.email": "emial"}}, ["mapping", "emial", "email"]),
        ({"mapping": {**orders.MAPPING, "user.e_mail": "email"}}, ["mapping", "user.e_mail", "user.email"]),
        ({"defaults": {"even": "Purchase"}}, ["defaults", "even", "event"]),
        ({"event_id_from": ["oder_id"]}, ["event_id_from", "oder_id", "order_id"]),
        ({"group_by": ["basket"]}, ["group_by", "basket"]),
        ({"timezone": "America/New_Yrok"}, ["timezone", "America/New_Yrok"]),
        ({"event_source": "shop"}, ["event_source", "offline"]),
        ({"event_source": "offline", "event_source_id": DEFAULT_PIXEL_CODE}, ["event_source_id", "offline"]),
        ({"event_source": "crm"}, ["event_source_id", "crm_event_set_id"]),
        ({"identity_policy": "plain"}, ["policy", "hashed"]),
        ({"max_events_per_request": 5000}, ["1,000", "5,000"]),
        ({"max_in_flight": 0}, ["max_in_flight"]),
        ({"sql_conn_id": "werehouse"}, ["sql_conn_id", "werehouse"]),
        ({"sql": "SELECT * FROM ordres"}, ["sql", "OperationalError"]),
        ({"order_by": ["order_id"]}, ["order_by", "ORDER BY"]),
        ({"tiktok_conn_id": "tiktok_shop"}, ["tiktok_conn_id", "tiktok_shop"]),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_argument_is_named(
    send_orders: RunOperator, simulator: Simulator, changes: dict[str, Any], words: list[str]
) -> None:
    """The failure names the argument and the remedy, and Airflow does not try again."""
    _assert_clear_failure(send_orders(**changes), simulator, *words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"password": ""}, ["tiktok_default", "access token"]),
        ({"host": "http://tiktok.example.com"}, ["tiktok_default", "host", "https"]),
        ({"extra": {}}, ["event_source_id", "pixel_code"]),
        ({"password": "an-old-token"}, ["40105"]),
    ],
    ids=["no token", "no https", "no pixel", "refused token"],
)
def test_a_wrong_connection_is_named(
    send_orders: RunOperator,
    simulator: Simulator,
    connect: Callable[..., None],
    changes: dict[str, Any],
    words: list[str],
) -> None:
    """The failure names the connection and the field, never the token, and Airflow does not try again."""
    connect(**changes)
    run = send_orders()
    _assert_clear_failure(run, simulator, *words)
    assert "an-old-token" not in run.printed


@pytest.mark.parametrize(
    ("name", "content", "changes", "words"),
    [
        ("", b"", {}, ["path", "orders"]),
        ("orders.xyz", b"PK", {}, ["format", "jsonl", "csv", "parquet"]),
        ("orders.xlsx", b"PK", {}, ["path", "orders.xlsx", "CSV, JSON Lines or Parquet"]),
        ("orders.jsonl", b"{}", {"format": "excel"}, ["format", "jsonl", "csv", "parquet"]),
        ("orders.parquet", b"no Parquet", {}, ["orders.parquet", "damaged"]),
    ],
    ids=[
        "no such file",
        "unknown format",
        "a workbook",
        "unknown format asked for",
        "not what its name says",
    ],
)
def test_a_wrong_file_is_named(
    run_operator: RunOperator,
    simulator: Simulator,
    tmp_path: Path,
    name: str,
    content: bytes,
    changes: dict[str, Any],
    words: list[str],
) -> None:
    """The failure names the argument and the formats there are."""
    path = tmp_path / (name or "orders.jsonl")
    if name:
        path.write_bytes(content)
    run = run_operator("FilesToTikTokOperator", path=str(path), **orders.SETTINGS, **changes)
    _assert_clear_failure(run, simulator, *words)


@pytest.mark.parametrize("name", ["orders.jsonl", "orders.csv", "orders.jsonl.gz"])
def test_an_empty_file_is_no_fault(
    run_operator: RunOperator, simulator: Simulator, tmp_path: Path, name: str
) -> None:
    """A file without a record: success, a receipt of zeros, and no request."""
    (tmp_path / name).write_bytes(b"")
    run = run_operator("FilesToTikTokOperator", path=str(tmp_path / name), **orders.SETTINGS)
    _assert_nothing_to_do(run, simulator)


def test_a_file_with_a_header_alone_is_no_fault(
    run_operator: RunOperator, simulator: Simulator, tmp_path: Path
) -> None:
    """Column names and no row: success, a receipt of zeros, and no request."""
    (tmp_path / "orders.csv").write_text(",".join(order(1)) + "\n")
    run = run_operator("FilesToTikTokOperator", path=str(tmp_path / "orders.csv"), **orders.SETTINGS)
    _assert_nothing_to_do(run, simulator)


def test_a_query_without_rows_is_no_fault(send_orders: RunOperator, simulator: Simulator) -> None:
    """An empty result: success, a receipt of zeros, and no request."""
    _assert_nothing_to_do(send_orders(sql="SELECT * FROM orders WHERE 0"), simulator)


def test_no_events_is_no_fault(run_operator: RunOperator, simulator: Simulator) -> None:
    """An empty list: success, a receipt of zeros, and no request."""
    _assert_nothing_to_do(run_operator("TikTokSendEventsOperator", events=[], event_source="web"), simulator)


def _assert_nothing_to_do(run: Any, simulator: Simulator) -> None:
    assert run.state == "success", run.printed[-4000:]
    assert (run.receipt["rows"], run.receipt["read"], run.receipt["dead_letters"]) == (0, 0, 0)
    assert run.receipt["dead_letter_path"] is None
    assert simulator.requests == []


def test_no_valid_row_at_all_fails_and_keeps_them_all(
    run_operator: RunOperator, simulator: Simulator, tmp_path: Path
) -> None:
    """Where every row is bad the task fails, nothing is sent, and each row is a dead letter."""
    orders.write_jsonl(tmp_path / "orders.jsonl", [order(1, ordered_at="never"), order(2, ordered_at=None)])
    run = run_operator("FilesToTikTokOperator", path=str(tmp_path / "orders.jsonl"), **orders.SETTINGS)
    _assert_clear_failure(run, simulator, "2 of 2 events were rejected", "max_rejected=0")
    assert (run.receipt["rejected"], run.receipt["dead_letters"]) == (2, 2)
    assert len(Path(run.receipt["dead_letter_path"]).read_text().splitlines()) == 2


def test_events_that_are_no_json_are_named(run_operator: RunOperator, simulator: Simulator) -> None:
    """Text that is no JSON array: the failure names the argument and shows nothing of the text."""
    run = run_operator(
        "TikTokSendEventsOperator", events='[{"email": "someone@example.com"', event_source="web"
    )
    _assert_clear_failure(run, simulator, "events", "JSON")
    assert "someone@example.com" not in run.printed
