# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The whole road: rows of every kind of source, through a real DAG run, to TikTok's books."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok.simulator import DEFAULT_PIXEL_CODE, Simulator
from tests.end_to_end import orders
from tests.end_to_end.orders import order

COUNT = 7

RunOperator = Callable[..., Any]

FILES = {
    "jsonl.gz": orders.write_jsonl,
    "jsonl": orders.write_jsonl,
    "csv": orders.write_csv,
    "parquet": orders.write_parquet,
}


def _events(simulator: Simulator) -> list[dict[str, Any]]:
    return [json.loads(payload) for payload in simulator.ledger.payloads()]


def _expected(numbers: range) -> list[dict[str, Any]]:
    return [orders.event_of(number) for number in numbers]


def _counts(receipt: dict[str, Any]) -> dict[str, int]:
    names = ("read", "accepted", "rejected", "skipped", "unconfirmed", "undelivered")
    return {name: receipt[name] for name in names if receipt[name]}


def test_rows_of_a_query_arrive_as_tiktok_wants_them(
    run_operator: RunOperator, simulator: Simulator, warehouse: Path
) -> None:
    """Each row of a SQL query is one event on TikTok's books, hashed and typed, in the query's order."""
    orders.write_database(warehouse, orders.orders(COUNT))
    run = run_operator(
        "SqlToTikTokOperator",
        sql="SELECT * FROM orders WHERE order_id <> :but ORDER BY ordered_at DESC",
        sql_conn_id="warehouse",
        parameters={"but": "order-1"},
        **orders.SETTINGS,
    )
    assert run.state == "success"
    assert _counts(run.receipt) == {"read": COUNT - 1, "accepted": COUNT - 1}
    assert _events(simulator) == _expected(range(2, COUNT + 1))


@pytest.mark.parametrize("ending", FILES)
def test_records_of_files_arrive_as_tiktok_wants_them(
    run_operator: RunOperator, simulator: Simulator, tmp_path: Path, ending: str
) -> None:
    """Whatever the format, the same records become the same events; files are read by name."""
    if ending == "parquet":
        pytest.importorskip("pyarrow", reason="the extra `files` is not installed")
    rows = orders.orders(COUNT)
    FILES[ending](tmp_path / f"part-2.{ending}", rows[3:])
    FILES[ending](tmp_path / f"part-1.{ending}", rows[:3])
    run = run_operator("FilesToTikTokOperator", path=str(tmp_path / "part-*"), **orders.SETTINGS)
    assert run.state == "success"
    assert _counts(run.receipt) == {"read": COUNT, "accepted": COUNT}
    assert _events(simulator) == _expected(range(1, COUNT + 1))


def test_events_given_in_the_dag_arrive_as_tiktok_wants_them(
    run_operator: RunOperator, simulator: Simulator, tmp_path: Path
) -> None:
    """Inline events take the same road."""
    (tmp_path / "events.json").write_text(json.dumps(orders.orders(COUNT)))
    run = run_operator("TikTokSendEventsOperator", code=_read_json(tmp_path), **orders.SETTINGS)
    assert run.state == "success"
    assert _counts(run.receipt) == {"read": COUNT, "accepted": COUNT}
    assert _events(simulator) == _expected(range(1, COUNT + 1))


def test_records_in_tiktoks_own_shape_need_no_mapping(
    run_operator: RunOperator, simulator: Simulator, tmp_path: Path
) -> None:
    """A nested record is sent as it stands, but for its identifiers, which are hashed."""
    expected = orders.event_of(1)
    record = {**expected, "user": {"email": orders.email_of(1), "phone": orders.phone_of(1)}}
    (tmp_path / "events.json").write_text(json.dumps([record]))
    run = run_operator("TikTokSendEventsOperator", code=_read_json(tmp_path), event_source="web")
    assert run.state == "success"
    assert _events(simulator) == [expected]


def test_line_items_of_an_order_are_one_event(
    run_operator: RunOperator, simulator: Simulator, warehouse: Path
) -> None:
    """Rows that share a key become one event with an item for each, and its value is their sum."""
    items = [("a", "2.50", 2), ("b", "1.00", 1)]
    rows = [order(1, product=product, price=price, units=units) for product, price, units in items]
    orders.write_database(warehouse, [*rows, order(2, product="c", price="4.00", units=3)])
    contents = {
        "properties.contents[].content_id": "product",
        "properties.contents[].price": "price",
        "properties.contents[].quantity": "units",
    }
    mapping = {path: column for path, column in orders.MAPPING.items() if path != "properties.value"}
    run = run_operator(
        "SqlToTikTokOperator",
        sql="SELECT * FROM orders ORDER BY order_id",
        sql_conn_id="warehouse",
        group_by="order_id",
        **{**orders.SETTINGS, "mapping": {**mapping, **contents}},
    )
    assert run.state == "success"
    assert (run.receipt["rows"], run.receipt["read"]) == (3, 2)
    first, second = (event["properties"] for event in _events(simulator))
    assert [item["quantity"] for item in first["contents"]] == [2, 1]
    assert (first["value"], second["value"]) == (6, 12)


def test_a_second_run_brings_no_new_event(
    run_operator: RunOperator, simulator: Simulator, warehouse: Path
) -> None:
    """The same rows have the same ids and the same bytes, so that TikTok knows them as repeats."""
    orders.write_database(warehouse, orders.orders(COUNT))
    arguments = {"sql": "SELECT * FROM orders", "sql_conn_id": "warehouse", **orders.SETTINGS}
    runs = [run_operator("SqlToTikTokOperator", **arguments) for _ in range(2)]
    assert [run.receipt["accepted"] for run in runs] == [COUNT, COUNT]
    books = simulator.ledger.summary()["live"]
    assert (books["unique_events"], books["repeats"], books["changed_resends"]) == (COUNT, COUNT, 0)


def test_requests_are_cut_by_their_size(
    run_operator: RunOperator, simulator: Simulator, warehouse: Path
) -> None:
    """No request holds more events than asked for, and the page size of the source changes none."""
    orders.write_database(warehouse, orders.orders(COUNT))
    run = run_operator(
        "SqlToTikTokOperator",
        sql="SELECT * FROM orders",
        sql_conn_id="warehouse",
        page_size=2,
        max_events_per_request=3,
        max_in_flight=1,
        **orders.SETTINGS,
    )
    assert run.receipt["requests"] == 3
    sizes = [len(json.loads(request.body)["data"]) for request in simulator.requests]
    assert sizes == [3, 3, 1]


def test_bad_rows_do_not_stop_the_good_ones(
    run_operator: RunOperator, simulator: Simulator, warehouse: Path, tmp_path: Path
) -> None:
    """Each bad row is a dead letter with every violation named; the task fails once the others are sent."""
    rows = [
        order(1),
        order(2, ordered_at="half past noon", total="$5"),
        order(3, checkout_url=None),
        order(4),
    ]
    orders.write_database(warehouse, rows)
    letters = tmp_path / "letters.jsonl"
    run = run_operator(
        "SqlToTikTokOperator",
        sql="SELECT * FROM orders",
        sql_conn_id="warehouse",
        dead_letter_path=str(letters),
        **orders.SETTINGS,
    )
    assert run.state == "failed"
    assert run.tries == 1
    assert _counts(run.receipt) == {"read": 4, "accepted": 2, "rejected": 2}
    assert _events(simulator) == [orders.event_of(1), orders.event_of(4)]
    broken = {letter["row"]: _broken_rules(letter) for letter in _read_letters(letters)}
    assert broken == {
        2: {("event_time", "not_a_time"), ("properties.value", "not_a_number")},
        3: {("page.url", "missing")},
    }
    assert letters.stat().st_mode & 0o777 == 0o600


def test_bad_rows_within_the_threshold_leave_the_task_green(
    run_operator: RunOperator, warehouse: Path
) -> None:
    """Up to ``max_rejected`` rejected events the task succeeds, and its result says how many there were."""
    orders.write_database(warehouse, [order(1), order(2, ordered_at="never")])
    run = run_operator(
        "SqlToTikTokOperator",
        sql="SELECT * FROM orders",
        sql_conn_id="warehouse",
        max_rejected=1,
        **orders.SETTINGS,
    )
    assert run.state == "success"
    assert _counts(run.receipt) == {"read": 2, "accepted": 1, "rejected": 1}
    assert Path(run.receipt["dead_letter_path"]).is_file()


def test_an_event_that_tiktok_refuses_is_isolated_and_can_be_sent_again(
    run_operator: RunOperator, simulator: Simulator, warehouse: Path, tmp_path: Path
) -> None:
    """TikTok refuses all of a request for one event: the others arrive, and its dead letter does later."""
    guilty = orders.event_of(5)["event_id"]
    refusal = {"code": 40002, "message": "Invalid value for user: no."}
    simulator.faults = [{"match": {"event_ids": [guilty]}, "effect": refusal}]
    orders.write_database(warehouse, orders.orders(COUNT))
    letters = tmp_path / "letters.jsonl"
    run = run_operator(
        "SqlToTikTokOperator",
        sql="SELECT * FROM orders",
        sql_conn_id="warehouse",
        dead_letter_path=str(letters),
        **orders.SETTINGS,
    )
    assert run.state == "failed"
    assert _counts(run.receipt) == {"read": COUNT, "accepted": COUNT - 1, "rejected": 1}
    (letter,) = _read_letters(letters)
    assert (letter["event_id"], letter["code"], letter["reason"]) == (guilty, 40002, "refused")

    simulator.faults = []
    again = run_operator("FilesToTikTokOperator", path=str(letters), event_source="web")
    assert again.state == "success"
    assert _counts(again.receipt) == {"read": 1, "accepted": 1}
    arrived = sorted(_events(simulator), key=lambda event: -event["event_time"])
    assert arrived == _expected(range(1, COUNT + 1))


def test_an_answer_that_is_lost_is_asked_for_again(
    run_operator: RunOperator, simulator: Simulator, warehouse: Path
) -> None:
    """A connection that breaks after TikTok took the events costs a repeat of the same bytes, and no event."""
    simulator.faults = [{"match": {"nth": [1]}, "effect": {"drop": "after"}}]
    orders.write_database(warehouse, orders.orders(COUNT))
    run = run_operator(
        "SqlToTikTokOperator", sql="SELECT * FROM orders", sql_conn_id="warehouse", **orders.SETTINGS
    )
    assert run.state == "success"
    assert (run.receipt["accepted"], run.receipt["retries"]) == (COUNT, 1)
    books = simulator.ledger.summary()["live"]
    assert (books["unique_events"], books["repeats"], books["changed_resends"]) == (COUNT, COUNT, 0)


def test_validate_only_sends_nothing(
    run_operator: RunOperator, simulator: Simulator, warehouse: Path
) -> None:
    """The whole road up to the wire: counts and violations, and not one request."""
    orders.write_database(warehouse, [order(1), order(2, ordered_at="never")])
    run = run_operator(
        "SqlToTikTokOperator",
        sql="SELECT * FROM orders",
        sql_conn_id="warehouse",
        validate_only=True,
        max_rejected=1,
        **orders.SETTINGS,
    )
    assert _counts(run.receipt) == {"read": 2, "rejected": 1, "skipped": 1}
    assert simulator.requests == []


def test_demo_mode_needs_no_connection(
    run_operator: RunOperator,
    simulator: Simulator,
    warehouse: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In demo mode the events go to a simulator inside the task, the log says so, and nobody else is asked."""
    monkeypatch.delenv("AIRFLOW_CONN_TIKTOK_DEFAULT")
    orders.write_database(warehouse, orders.orders(COUNT))
    run = run_operator(
        "SqlToTikTokOperator",
        sql="SELECT * FROM orders",
        sql_conn_id="warehouse",
        demo_mode=True,
        **orders.SETTINGS,
    )
    assert run.state == "success"
    assert run.receipt["accepted"] == COUNT
    assert "Nothing is sent to TikTok" in run.printed
    assert simulator.requests == []


def test_test_events_stay_out_of_the_live_book(
    run_operator: RunOperator, simulator: Simulator, warehouse: Path
) -> None:
    """Events with a test code are taken, and none of them counts."""
    orders.write_database(warehouse, orders.orders(COUNT))
    run = run_operator(
        "SqlToTikTokOperator",
        sql="SELECT * FROM orders",
        sql_conn_id="warehouse",
        test_event_code="TEST12345",
        **orders.SETTINGS,
    )
    assert run.receipt["accepted"] == COUNT
    books = simulator.ledger.summary()
    assert (books["live"]["unique_events"], books["test"]["unique_events"]) == (0, COUNT)


def test_events_go_to_the_pixel_of_the_connection(
    run_operator: RunOperator, simulator: Simulator, warehouse: Path
) -> None:
    """Without ``event_source_id`` the connection says where web events belong."""
    orders.write_database(warehouse, orders.orders(1))
    run_operator(
        "SqlToTikTokOperator", sql="SELECT * FROM orders", sql_conn_id="warehouse", **orders.SETTINGS
    )
    assert simulator.ledger.summary()["live"]["by_source_id"] == {DEFAULT_PIXEL_CODE: 1}


def _read_json(folder: Path) -> str:
    return f"events=json.loads(Path({str(folder / 'events.json')!r}).read_text())"


def _read_letters(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _broken_rules(letter: dict[str, Any]) -> set[tuple[str, str]]:
    return {(violation["path"], violation["rule"]) for violation in letter["violations"]}
