# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""README and CONTRIBUTING say what is there: their code runs, their tables are complete."""

from __future__ import annotations

import json
import re
import runpy
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok import simulator as tiktok
from airflow_provider_tiktok.get_provider_info import get_provider_info
from tests.end_to_end.dag_runs import load_module, migrated_home, receipt_of, run_dag, state_of
from tests.end_to_end.orders import order, write_database
from tests.pages import block_with, python_blocks, simulated_tiktok

PROJECT = Path(__file__).resolve().parent.parent
README = (PROJECT / "README.md").read_text()
CONTRIBUTING = (PROJECT / "CONTRIBUTING.md").read_text()
BLOCKS = python_blocks(README)
DAGS = [block for block in BLOCKS if "with DAG(" in block]


def _block(words: str) -> str:
    return block_with(words, BLOCKS)


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[tiktok.Simulator]:
    """A simulated TikTok behind the connection that the README asks for."""
    with simulated_tiktok(monkeypatch) as simulator:
        liveramp = {
            "conn_type": "liveramp",
            "host": simulator.url,
            "password": tiktok.DEFAULT_ATS_CONFIG_ID,
            "extra": {
                "placement_id": tiktok.DEFAULT_PLACEMENT_ID,
                "origin": tiktok.DEFAULT_ORIGIN,
                "envelope_host": simulator.url,
            },
        }
        monkeypatch.setenv("AIRFLOW_CONN_LIVERAMP_DEFAULT", json.dumps(liveramp))
        yield simulator


@pytest.fixture
def warehouse(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The other connection that the README asks for: a database with yesterday's orders."""
    path = tmp_path / "warehouse.db"
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    of_yesterday = {
        "ordered_on": yesterday.isoformat(),
        "ordered_at": f"{yesterday.isoformat()}T09:30:00",
        "billing_email": None,
    }
    write_database(path, [order(number, **of_yesterday) for number in (1, 2, 3)])
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    return path


@pytest.mark.parametrize("source", DAGS, ids=range(len(DAGS)))
def test_every_dag_parses_without_a_connection(source: str, tmp_path: Path) -> None:
    """A DAG of the README can be written to the DAG folder before anything else is set up."""
    dag = load_module(source, name=f"readme_{abs(hash(source))}", folder=tmp_path).dag
    assert dag.tasks


def test_the_dag_in_twenty_lines_has_twenty_lines() -> None:
    """The first DAG is as short as its title says."""
    lines = [line for line in _block("purchases_to_tiktok").splitlines() if line.strip()]
    assert len(lines) <= 20


def test_the_dag_in_twenty_lines_runs(simulator: tiktok.Simulator, warehouse: Path) -> None:
    """The first DAG sends yesterday's orders, as it stands."""
    run = run_dag(_block("purchases_to_tiktok"), dag_id="purchases_to_tiktok")
    assert state_of(run) == "success"
    assert receipt_of(run, task_id="send_purchases")["accepted"] == 3
    assert simulator.ledger.summary()["live"]["by_event"] == {"Purchase": 3}


def test_the_dag_in_twenty_lines_needs_no_logical_date(simulator: tiktok.Simulator, warehouse: Path) -> None:
    """A run triggered by hand, or by an asset, may have no logical date, and nothing that is made of one."""
    module = load_module(_block("purchases_to_tiktok"), name="undated", folder=migrated_home() / "dags")
    run = module.dag.test(logical_date=None)
    assert run.logical_date is None
    assert receipt_of(run, task_id="send_purchases")["accepted"] == 3


def test_the_connection_shown_is_the_simulators() -> None:
    """Who copies the command finds ids that the simulator knows."""
    (extra,) = re.findall(r"tiktok_default --conn-type.*?--conn-extra '(\{.*?\})'", README, re.DOTALL)
    assert json.loads(extra) == {
        "pixel_code": tiktok.DEFAULT_PIXEL_CODE,
        "advertiser_id": tiktok.DEFAULT_ADVERTISER_ID,
    }


def test_the_dag_for_dead_letters_runs(simulator: tiktok.Simulator, warehouse: Path) -> None:
    """What the first DAG could not send, the second one sends, under the same ids."""
    simulator.faults = [{"effect": {"code": 40002, "message": "Invalid value for user: no."}}]
    first = run_dag(_block("purchases_to_tiktok"), dag_id="purchases_to_tiktok")
    assert state_of(first) == "failed"
    letters = receipt_of(first, task_id="send_purchases")["dead_letter_path"]

    simulator.faults = []
    again = run_dag(
        _block("send_dead_letters_again"), dag_id="send_dead_letters_again", conf={"file": letters}
    )
    assert state_of(again) == "success"
    assert receipt_of(again, task_id="send_again")["accepted"] == 3
    sent = [json.loads(line)["event_id"] for line in Path(letters).read_text().splitlines()]
    assert sorted(simulator.ledger.event_ids()) == sorted(sent)


def test_the_dag_in_parts_has_fifteen_lines() -> None:
    """A large table takes no more than that, imports aside."""
    assert len(_block("orders_in_parts").partition("with DAG")[2].splitlines()) <= 15


def test_the_dag_in_parts_runs(simulator: tiktok.Simulator, warehouse: Path) -> None:
    """As it stands, it sends each order once, in as many tasks as there are keys, and its whole is green."""
    run = run_dag(_block("orders_in_parts"), dag_id="orders_in_parts")
    whole = receipt_of(run, task_id="receipt")
    assert state_of(run) == "success"
    assert (whole["accepted"], whole["parts"]["complete"]) == (3, 3)
    assert simulator.ledger.summary()["live"]["deliveries"] == 3


def test_the_dag_with_sensors_runs(simulator: tiktok.Simulator, tmp_path: Path) -> None:
    """The DAG that waits for the pixel, uploads, and waits until TikTok has counted the events."""
    path = tmp_path / "orders.jsonl"
    event = {
        "event": "Purchase",
        "event_time": int(time.time()),
        "user": {"email": "jane@example.com"},
        "page": {"url": "https://shop.example.com/thanks"},
    }
    path.write_text("".join(json.dumps({**event, "event_id": f"o-{n}"}) + "\n" for n in range(3)))
    run = run_dag(
        _block("upload_and_prove").replace("/data/orders.jsonl", str(path)), dag_id="upload_and_prove"
    )
    assert state_of(run) == "success"
    assert receipt_of(run, task_id="upload")["accepted"] == 3


def test_the_dags_for_liveramp_run(simulator: tiktok.Simulator, warehouse: Path) -> None:
    """One renews an old envelope in its table, the other sends an event under it."""
    now = datetime.now(UTC)
    two_days_ago = (now - timedelta(days=2)).isoformat()
    with closing(sqlite3.connect(warehouse)) as database, database:
        database.execute("CREATE TABLE people (user_id, envelope, refreshed_at, status, ip, ct, cv)")
        database.execute(
            "INSERT INTO people VALUES (1, 'AgOld', ?, NULL, '203.0.113.7', '3', '1YNN')", (two_days_ago,)
        )
    assert state_of(run_dag(_block('DAG("envelopes"'), dag_id="envelopes")) == "success"
    with closing(sqlite3.connect(warehouse)) as database, database:
        ((envelope, status),) = database.execute("SELECT envelope, status FROM people").fetchall()
        assert (envelope != "AgOld", status) == (True, "refreshed")
        database.execute(
            "CREATE TABLE web_events (day, event_type, happened_at, event_id, url, envelope, session_id, "
            "total, currency, consent)"
        )
        database.execute(
            "INSERT INTO web_events VALUES (?, 'CompletePayment', ?, 'o-1', 'https://shop.example.com/', ?, "
            "'s-1', 9.5, 'USD', 1)",
            (now.date().isoformat(), now.timestamp() - 60, envelope),
        )
    run = run_dag(
        _block("web_events_through_liveramp").replace("'{{ ds }}'", f"'{now.date().isoformat()}'"),
        dag_id="web_events_through_liveramp",
    )
    assert receipt_of(run, task_id="send")["accepted"] == 1


def test_the_service_and_the_look_up_run(simulator: tiktok.Simulator) -> None:
    """The DAG for any task is made as the README says; the hook finds the ids."""
    made: dict[str, Any] = {}
    exec(_block("make_events_api_dag"), made)
    assert made["dag"].dag_id == "shop_events_api"
    found: dict[str, Any] = {}
    exec(_block("hook.list_pixels()"), found)
    assert [pixel["pixel_code"] for pixel in found["pixels"]] == [tiktok.DEFAULT_PIXEL_CODE]
    assert found["offline"][0]["event_set_id"] == tiktok.DEFAULT_OFFLINE_EVENT_SET_ID
    assert found["crm"][0]["event_set_id"] == tiktok.DEFAULT_CRM_EVENT_SET_ID


def test_the_simulator_example_runs() -> None:
    """The example of a simulator inside a test is a passing test."""
    exec(_block("with Simulator()"), {})


def test_every_shared_argument_is_told_with_its_default() -> None:
    """The table of arguments names each one that all operators take, and no other."""
    from airflow_provider_tiktok.operators.base import DeliverEventsOperator
    from airflow_provider_tiktok.operators.base_tiktok import SendToTikTokOperator

    shared = {
        name: parameter.default
        for kind in (DeliverEventsOperator, SendToTikTokOperator)
        for name, parameter in signature(kind.__init__).parameters.items()
        if name not in ("self", "kwargs")
    }
    told = _arguments_told()
    assert set(told) == set(shared)
    wrong = {name for name, default in shared.items() if not _is_told(default, told[name])}
    assert wrong == set()


def test_every_operator_is_told_with_its_arguments() -> None:
    """The table of operators names each of them, and the arguments that are its own."""
    from airflow_provider_tiktok.operators.base_tiktok import SendToTikTokOperator
    from airflow_provider_tiktok.operators.tiktok import TikTokSendEventsOperator
    from airflow_provider_tiktok.transfers.files_to_tiktok import FilesToTikTokOperator
    from airflow_provider_tiktok.transfers.python_to_tiktok import PythonToTikTokOperator
    from airflow_provider_tiktok.transfers.sql_to_tiktok import SqlToTikTokOperator

    senders = (TikTokSendEventsOperator, SqlToTikTokOperator, FilesToTikTokOperator, PythonToTikTokOperator)
    for operator in senders:
        (row,) = [line for line in README.splitlines() if f".{operator.__name__}`" in line]
        own = set(signature(operator).parameters) - set(signature(SendToTikTokOperator).parameters)
        assert own == set(re.findall(r"`(\w+)=`", row))


def test_every_field_of_the_connection_is_told() -> None:
    """The table of the connection names each field of the form."""
    (connection,) = [
        one for one in get_provider_info()["connection-types"] if one["connection-type"] == "tiktok"
    ]
    told = README[README.index("## The connection") : README.index("## Mapping")]
    assert [field for field in connection["conn-fields"] if f"`{field}`" not in told] == []


def test_every_room_is_on_the_map() -> None:
    """CONTRIBUTING's map of the house shows every module and folder of the library, and no other."""
    library = PROJECT / "airflow_provider_tiktok" / "conversions"
    rooms = {path.name for path in library.glob("*.py")} | {
        f"{path.parent.name}/" for path in library.glob("*/__init__.py")
    }
    map_of_library = re.search(r"├── conversions/.*?├── simulator/", CONTRIBUTING, re.DOTALL)
    assert map_of_library is not None
    shown = set(re.findall(r"^│   [├└]── (\S+)", map_of_library[0], re.MULTILINE))
    assert shown == rooms - {"__init__.py"}


def test_the_reference_pages_say_what_the_tables_say() -> None:
    """Return codes and rules are documented from the code's own tables; ``make docs`` writes them anew."""
    generate = runpy.run_path(str(PROJECT / "docs" / "generate.py"))
    pages = generate["pages"]()
    assert {name: (PROJECT / "docs" / name).read_text() for name in pages} == pages


@pytest.mark.parametrize("text", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_links_lead_somewhere(text: str) -> None:
    """Every link to a file of the project finds it, and every link within finds its heading."""
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    headings = {_anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
    lost = [
        target
        for target in targets
        if not (
            target[1:] in headings
            if target.startswith("#")
            else (PROJECT / target.partition("#")[0]).exists()
        )
    ]
    assert lost == []


def _arguments_told() -> dict[str, str]:
    """Argument to what the second column says of it; a row may name several of each."""
    table = README[README.index("| argument | default |") :].split("\n\n")[0]
    told: dict[str, str] = {}
    for row in re.findall(r"^\| (`.*?) \| (.*?) \|", table, re.MULTILINE):
        names, defaults = re.findall(r"`(\w+)`", row[0]), row[1].split(", ")
        told |= dict(zip(names, defaults if len(names) > 1 else [row[1]], strict=True))
    return told


def _is_told(default: Any, told: str) -> bool:
    """Whether the words mean the default; an absent one is told in words of its own."""
    if default is None or default == ():
        return not re.fullmatch(r"`.*`|[\d,]+", told)
    if isinstance(default, timedelta):
        return told == f"{default.days} days"
    if isinstance(default, tuple):
        return told == ", ".join(f"`{part}`" for part in default)
    return told.strip("`").replace(",", "") == str(default)


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
