# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Planted e-mails, telephone numbers, names and tokens are searched for in all that a run leaves behind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok.simulator import Simulator
from tests.end_to_end import orders
from tests.end_to_end.orders import TOKEN, order

RunOperator = Callable[..., Any]

COUNT = 5
NAME = "Hephaistion-Canary"
CARD = "member-canary-2209"
MAPPING = {**orders.MAPPING, "user.first_name": "first_name", "user.external_id": "card"}
SETTINGS = {**orders.SETTINGS, "mapping": MAPPING}


def _canaries() -> Iterator[str]:
    """Every way in which a planted value might show."""
    yield from (TOKEN, NAME, CARD)
    for number in range(1, COUNT + 1):
        yield orders.email_of(number)
        yield orders.phone_of(number)
        yield f"+120255501{number:02d}"
        yield f"120255501{number:02d}"


def _people() -> list[dict[str, Any]]:
    """Orders of which some are bad in every way that might make somebody quote them."""
    bad: dict[int, dict[str, Any]] = {
        2: {"ordered_at": f"when {orders.email_of(2)} came"},
        3: {"total": orders.phone_of(3), "phone": f"{NAME} {orders.phone_of(3)}"},
        4: {"checkout_url": None, "email": f"{NAME} <{orders.email_of(4)}>"},
    }
    people = [order(number, first_name=NAME, card=CARD) for number in range(1, COUNT + 1)]
    return [{**row, **bad.get(number, {})} for number, row in enumerate(people, start=1)]


@pytest.fixture
def assert_no_canary(airflow_home: Path, tmp_path: Path) -> Callable[..., None]:
    """Searches what was printed, everything below Airflow's home, and the files that are named."""

    def search(*runs: Any, files: tuple[Path, ...] = ()) -> None:
        left = {f"printed by run {number}": run.printed.encode() for number, run in enumerate(runs, start=1)}
        kept = [path for path in airflow_home.rglob("*") if path.is_file() and path.suffix != ".py"]
        assert airflow_home / "airflow.db" in kept
        left |= {str(path): path.read_bytes() for path in (*kept, *files)}
        found = [
            (canary, place)
            for place, content in left.items()
            for canary in _canaries()
            if canary.lower().encode() in content.lower()
        ]
        assert found == []

    return search


def test_a_query_leaves_nothing_behind(
    run_operator: RunOperator, warehouse: Path, tmp_path: Path, assert_no_canary: Callable[..., None]
) -> None:
    """Rows of a database, good and bad, and a personal query parameter: nowhere but in the database."""
    orders.write_database(warehouse, _people())
    letters = tmp_path / "letters.jsonl"
    run = run_operator(
        "SqlToTikTokOperator",
        sql="SELECT * FROM orders WHERE email <> :email",
        sql_conn_id="warehouse",
        code=f"parameters=json.loads(Path({_secret(tmp_path, {'email': orders.email_of(1)})!r}).read_text())",
        dead_letter_path=str(letters),
        **SETTINGS,
    )
    assert (run.receipt["read"], run.receipt["rejected"]) == (COUNT - 1, 3)
    assert_no_canary(run, files=(letters,))


def test_inline_events_leave_nothing_behind(
    run_operator: RunOperator, tmp_path: Path, assert_no_canary: Callable[..., None]
) -> None:
    """Events given in the DAG are in no rendered field, no serialised DAG and no log."""
    letters = tmp_path / "letters.jsonl"
    run = run_operator(
        "TikTokSendEventsOperator",
        code=f"events=json.loads(Path({_secret(tmp_path, _people())!r}).read_text())",
        dead_letter_path=str(letters),
        **SETTINGS,
    )
    assert (run.receipt["read"], run.receipt["rejected"]) == (COUNT, 3)
    assert_no_canary(run, files=(letters,))


@pytest.mark.parametrize("fault", ["{{ 1 / 0 }}", "{% off"])
def test_a_template_that_fails_leaves_nothing_behind(
    run_operator: RunOperator, tmp_path: Path, assert_no_canary: Callable[..., None], fault: str
) -> None:
    """Airflow logs a field that it cannot render, and Jinja quotes the text: neither shows the events."""
    people = [{**person, "note": f"{person['email']} {fault}"} for person in _people()]
    run = run_operator(
        "TikTokSendEventsOperator",
        code=f"events=json.loads(Path({_secret(tmp_path, people)!r}).read_text())",
        **SETTINGS,
    )
    assert (run.state, run.receipt) == ("failed", {})
    assert "cannot be rendered" in run.failure
    assert_no_canary(run)


def test_unreadable_lines_leave_nothing_behind(
    run_operator: RunOperator, tmp_path: Path, assert_no_canary: Callable[..., None]
) -> None:
    """A torn line, a line that is no record and one that is no text are counted, and not quoted."""
    lines = [
        json.dumps(_people()[0]),
        json.dumps(_people()[1])[:-5],
        json.dumps(orders.email_of(3)),
        f'{{"email": "{orders.email_of(4)}\xff"',
    ]
    path, letters = tmp_path / "orders.jsonl", tmp_path / "letters.jsonl"
    path.write_bytes("\n".join(lines).encode("latin-1"))
    run = run_operator("FilesToTikTokOperator", path=str(path), dead_letter_path=str(letters), **SETTINGS)
    assert (run.receipt["accepted"], run.receipt["rejected"]) == (1, 3)
    assert_no_canary(run, files=(letters,))


def test_a_platform_that_quotes_leaves_nothing_behind(
    run_operator: RunOperator,
    simulator: Simulator,
    warehouse: Path,
    tmp_path: Path,
    assert_no_canary: Callable[..., None],
) -> None:
    """Personal data in TikTok's own words reaches neither the log nor the dead letters."""
    quote = f"Invalid value for user: {orders.email_of(1)}, {orders.phone_of(2)} +12025550103."
    simulator.faults = [{"effect": {"code": 40002, "message": quote}}]
    orders.write_database(warehouse, [order(1), order(5)])
    letters = tmp_path / "letters.jsonl"
    run = run_operator(
        "SqlToTikTokOperator",
        sql="SELECT * FROM orders",
        sql_conn_id="warehouse",
        dead_letter_path=str(letters),
        **orders.SETTINGS,
    )
    assert (run.receipt["read"], run.receipt["rejected"]) == (2, 2)
    assert_no_canary(run, files=(letters,))


def test_a_refused_token_is_not_told(
    run_operator: RunOperator,
    simulator: Simulator,
    warehouse: Path,
    assert_no_canary: Callable[..., None],
) -> None:
    """A run that ends at once for its token tells the code, and neither the token nor the events."""
    simulator.state.patch({"tiktok": {"tokens": {TOKEN: {"status": "revoked"}}}})
    orders.write_database(warehouse, [order(1), order(5)])
    run = run_operator(
        "SqlToTikTokOperator", sql="SELECT * FROM orders", sql_conn_id="warehouse", **orders.SETTINGS
    )
    assert (run.state, run.tries, run.receipt["accepted"]) == ("failed", 1, 0)
    assert_no_canary(run)


def _secret(folder: Path, content: Any) -> str:
    """The path of a file that holds what must not stand in the DAG's own file."""
    path = folder / "secret.json"
    path.write_text(json.dumps(content))
    return str(path)
