# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import logging
import sqlite3
import stat
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok.exceptions import PermanentFailure, TemporaryFailure
from airflow_provider_tiktok.operators.liveramp import (
    LiveRampRefreshEnvelopesOperator,
    LiveRampSendEventsOperator,
)
from airflow_provider_tiktok.simulator import DEFAULT_ATS_CONFIG_ID, Simulator
from tests.airflow.running import Task
from tests.conversions.liveramp.samples import EXAMPLES

pytestmark = pytest.mark.usefixtures("airflow_home")

DAY = 86_400
IP = "203.0.113.7"
CONSENT = "1YNN"


@pytest.fixture
def liveramp(simulator: Simulator, define_connection: Callable[..., None]) -> Simulator:
    """LiveRamp on loopback, with the connection ``liveramp_default`` to it."""
    define_connection(
        "liveramp_default",
        conn_type="liveramp",
        host=simulator.url,
        password=DEFAULT_ATS_CONFIG_ID,
        extra={
            "placement_id": "4242",
            "origin": "https://shop.example.com",
            "envelope_host": simulator.url,
        },
    )
    return simulator


def web_event(number: int, **more: Any) -> dict[str, Any]:
    """A good web event of one of seven sessions."""
    return {
        "event": "CompletePayment",
        "event_time": int(time.time()) - 60,
        "event_id": f"o-{number}",
        "user": {"envelope": f"AgSession-{number % 7}"},
        "page": {"url": "https://shop.example.com/thanks"},
        **more,
    }


@pytest.fixture
def send(tmp_path: Path, task: Task):  # type: ignore[no-untyped-def]
    """Runs the operator with these events and arguments; gives the receipt."""

    def run(events: Any, **arguments: Any) -> dict[str, Any]:
        arguments.setdefault("dead_letter_path", tmp_path / "letters.jsonl")
        operator = LiveRampSendEventsOperator(task_id="send", events=events, **arguments)
        return operator.execute(task.context)

    return run


def test_events_reach_liveramp_by_sessions(send: Any, liveramp: Simulator) -> None:
    """One request a session, and a receipt that says what it proves."""
    receipt = send([web_event(number) for number in range(30)])
    assert (receipt["read"], receipt["accepted"], receipt["requests"]) == (30, 30, 7)
    assert "proves no delivery to TikTok" in receipt["destination"]
    assert liveramp.liveramp_ledger.summary()["live"]["unique_events"] == 30
    assert liveramp.ledger.summary()["live"]["unique_events"] == 0


@pytest.mark.parametrize("as_text", [False, True])
def test_liveramp_s_own_form_may_be_handed_over(send: Any, liveramp: Simulator, as_text: bool) -> None:
    """Events, or a whole request, as LiveRamp's page shows them."""
    events = [{**example, "event_id": name} for name, example in EXAMPLES.items()]
    receipt = send(json.dumps(events) if as_text else {"events": events})
    assert receipt["accepted"] == len(EXAMPLES)


def test_a_mapping_leaves_columns_their_names(send: Any, liveramp: Simulator) -> None:
    """A column may well be called event_type."""
    row = {
        "event_type": "ViewContent",
        "id": "1",
        "at": int(time.time()),
        "env": "Ag-1",
        "url": "https://a.example.com",
    }
    mapping = {
        "event": "event_type",
        "event_id": "id",
        "event_time": "at",
        "user.envelope": "env",
        "page.url": "url",
    }
    assert send([row], mapping=mapping)["accepted"] == 1


def test_what_liveramp_would_drop_is_rejected_and_kept(
    send: Any, liveramp: Simulator, tmp_path: Path
) -> None:
    """Good events first; the dead letter names the right spelling and holds no envelope."""
    with pytest.raises(PermanentFailure, match="1 of 2 events were rejected"):
        send([web_event(1), web_event(2, event="Checkout")])
    [letter] = (tmp_path / "letters.jsonl").read_text().splitlines()
    assert "write 'CheckOut'" in letter
    assert "AgSession" not in letter


def test_arguments_of_liveramp_s_own_are_obeyed(send: Any, liveramp: Simulator) -> None:
    """Strictness, keys to pass on, and the size of a request."""
    liveramp.state.patch({"liveramp": {"extra_user_data_keys": ["click"]}})
    events = [web_event(0, user={"envelope": "Ag", "ttclid": "c-1"}, event_id=str(n)) for n in range(4)]
    receipt = send(events, pass_on={"click": "ttclid"}, max_events_per_request=3)
    assert (receipt["accepted"], receipt["requests"]) == (4, 2)
    with pytest.raises(PermanentFailure, match="unknown_event_type"):
        send([web_event(1, event="Purchase")], strict_event_types=True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"liveramp_conn_id": "nowhere"}, "liveramp_conn_id"),
        ({"max_events_per_request": 1000}, "max_events_per_request"),
        ({"pass_on": {"em": "email"}}, "pass_on"),
    ],
)
def test_a_wrong_argument_is_named(send: Any, liveramp: Simulator, arguments: Any, words: str) -> None:
    """It fails the task for good, and nothing is sent."""
    with pytest.raises(PermanentFailure, match=words):
        send([web_event(1)], **arguments)
    assert liveramp.requests == []


def test_events_are_hidden() -> None:
    """They are personal data: the operator does not show them."""
    operator = LiveRampSendEventsOperator(task_id="send", events=[web_event(1)])
    assert "AgSession" not in repr(operator.events)


# --------------------------------------------------------------------------------------- envelopes

ROWS = "SELECT user_id AS key, envelope, refreshed_at, ip, '3' AS ct, :consent AS cv FROM people ORDER BY user_id"


@pytest.fixture
def people(tmp_path: Path, define_connection: Callable[..., None]) -> Path:
    """A database with twelve people whose envelopes are two days old, and a connection ``shop`` to it."""
    file = tmp_path / "people.db"
    then = int(time.time()) - 2 * DAY
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(
            "CREATE TABLE people (user_id INTEGER PRIMARY KEY, envelope, refreshed_at, status, ip)"
        )
        rows = [(number, f"AgPerson-{number}", then, None, IP) for number in range(12)]
        connection.executemany("INSERT INTO people VALUES (?, ?, ?, ?, ?)", rows)
    define_connection("shop", conn_type="sqlite", host=str(file))
    return file


@pytest.fixture
def refresh(task: Task):  # type: ignore[no-untyped-def]
    """Runs the operator over the people; gives its counts."""

    def run(**arguments: Any) -> dict[str, Any]:
        given = {
            "sql": ROWS,
            "sql_conn_id": "shop",
            "parameters": {"consent": CONSENT},
            "table": "people",
            "table_columns": {"key": "user_id"},
            "page_size": 5,
        }
        arguments = {name: value for name, value in {**given, **arguments}.items() if value is not None}
        return LiveRampRefreshEnvelopesOperator(task_id="refresh", **arguments).execute(task.context)

    return run


def stored(file: Path) -> list[Any]:
    """Envelope and status of everyone, by id."""
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("SELECT envelope, status FROM people ORDER BY user_id").fetchall()


def test_a_table_is_refreshed_in_place(refresh: Any, people: Path, liveramp: Simulator, task: Task) -> None:
    """In a database that locks its file against writers while it is read; XCom holds counts alone."""
    counts = refresh()
    assert counts["statuses"] == {"refreshed": 12}
    known = {one["value"]: one["replaces"] for one in liveramp.envelopes()}
    assert [(known[envelope], status) for envelope, status in stored(people)] == [
        (f"AgPerson-{number}", "refreshed") for number in range(12)
    ]
    assert task.pushed == {"receipt": counts}
    assert refresh()["statuses"] == {"still_fresh": 12}


def test_results_may_go_to_another_table(
    refresh: Any, people: Path, liveramp: Simulator, define_connection: Callable[..., None]
) -> None:
    """Of another database, with its own form of times."""
    other = people.with_name("other.db")
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE kept (key, envelope, refreshed_at, status)")
    define_connection("other", conn_type="sqlite", host=str(other))
    counts = refresh(table="kept", table_columns={}, table_conn_id="other", timestamps="iso")
    assert counts["statuses"] == {"refreshed": 12}
    with closing(sqlite3.connect(other)) as connection:
        rows = connection.execute("SELECT key, refreshed_at FROM kept ORDER BY key").fetchall()
    assert [key for key, _ in rows] == list(range(12))
    assert all(moment.endswith("+00:00") for _, moment in rows)
    assert {status for _, status in stored(people)} == {None}


def test_a_list_goes_to_a_file(refresh: Any, liveramp: Simulator, tmp_path: Path) -> None:
    """Rows given in the DAG, results in a file of the owner's alone."""
    row = {"key": "k", "envelope": "Ag-k", "ip": IP, "ct": "3", "cv": CONSENT}
    output = tmp_path / "kept" / "envelopes.jsonl"
    arguments = {"sql": None, "sql_conn_id": None, "parameters": None, "table": None, "table_columns": None}
    counts = refresh(envelopes=[row, {**row, "key": "l", "ip": None}], output_path=output, **arguments)
    assert counts["statuses"] == {"missing_ip": 1, "refreshed": 1}
    assert [json.loads(line)["key"] for line in output.read_text().splitlines()] == ["k", "l"]
    assert stat.S_IMODE(output.stat().st_mode) == 0o600


def test_a_file_of_envelopes_is_refreshed(
    refresh: Any, people: Path, liveramp: Simulator, tmp_path: Path
) -> None:
    """Rows from a file, with columns of other names, into a table."""
    rows = tmp_path / "rows.csv"
    rows.write_text(f"user,envelope,address,ct,cv\n1,Ag-1,{IP},3,{CONSENT}\n")
    counts = refresh(
        path=str(rows),
        columns={"key": "user", "ip": "address"},
        sql=None,
        sql_conn_id=None,
        parameters=None,
        table_conn_id="shop",
    )
    assert counts["statuses"] == {"refreshed": 1}


def test_results_do_not_take_the_place_of_the_rows(refresh: Any, liveramp: Simulator, tmp_path: Path) -> None:
    """They lack address and consent; and among other files, each run would read twice as much as the last."""
    no_table: dict[str, Any] = {"sql": None, "table": None}
    rows, output = tmp_path / "rows.jsonl", tmp_path / "results.jsonl"
    rows.write_text(json.dumps({"key": "k", "envelope": "Ag-1", "ip": IP, "ct": "3", "cv": CONSENT}) + "\n")
    before = rows.read_text()
    assert refresh(path=str(tmp_path / "*.jsonl"), output_path=output, **no_table)["rows"] == 1
    for path, place in ((tmp_path / "*.jsonl", output), (rows, rows), (tmp_path, rows)):
        with pytest.raises(PermanentFailure, match="output_path is one of the files"):
            refresh(path=str(path), output_path=place, **no_table)
    assert rows.read_text() == before


def test_a_first_envelope_is_made_where_asked(refresh: Any, liveramp: Simulator, tmp_path: Path) -> None:
    """From an unhashed address, and never by default."""
    row = {"key": "k", "email": "person@example.com", "ip": IP, "ct": "3", "cv": CONSENT}
    arguments = {"sql": None, "sql_conn_id": None, "parameters": None, "table": None, "table_columns": None}
    arguments |= {"envelopes": [row], "output_path": tmp_path / "envelopes.jsonl"}
    assert refresh(**arguments)["statuses"] == {"no_envelope": 1}
    assert refresh(**arguments, retrieve_missing=True)["statuses"] == {"retrieved": 1}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"envelopes": []}, "exactly one of sql, path, envelopes; given: sql, envelopes"),
        ({"sql": None, "sql_conn_id": None, "parameters": None}, "given: none"),
        ({"output_path": "x"}, "exactly one of table, output_path"),
        ({"sql_conn_id": None}, "sql_conn_id"),
        ({"sql_conn_id": "nowhere"}, "nowhere"),
        ({"table_conn_id": "nowhere"}, "as table_conn_id: connection 'nowhere'"),
        ({"table": "nothing"}, "nothing with columns"),
        ({"table_columns": {}}, "with columns key"),
        ({"timestamps": "days"}, "timestamps"),
        ({"require_consent": "perhaps"}, "require_consent"),
        ({"refresh_after": timedelta(days=30)}, "refresh_after"),
        ({"page_size": 0}, "page_size"),
        ({"columns": {"mail": "x"}}, "columns"),
        ({"sql": "SELECT user_id, envelope FROM people", "parameters": {}}, "no column ip, key"),
        ({"sql": "SELECT nothing FROM people", "parameters": {}}, "sql"),
        ({"liveramp_conn_id": "nowhere"}, "liveramp_conn_id"),
    ],
)
def test_a_wrong_setting_is_named(
    refresh: Any, people: Path, liveramp: Simulator, arguments: dict[str, Any], words: str
) -> None:
    """It fails the task for good, and nobody is asked about."""
    with pytest.raises(PermanentFailure) as caught:
        refresh(**arguments)
    assert words in str(caught.value)
    assert liveramp.requests == []


def test_what_a_person_must_mend_is_not_retried(
    refresh: Any, people: Path, liveramp: Simulator, task: Task
) -> None:
    """An origin that is not approved; the counts are there all the same."""
    liveramp.state.patch(
        {
            "liveramp": {
                "placements": {"4242": {"origins": ["https://other.example.com"], "countries": ["US"]}}
            }
        }
    )
    with pytest.raises(
        PermanentFailure, match="Check placement id and origin: LiveRamp must have approved both"
    ):
        refresh(max_in_flight=1)
    assert task.pushed["receipt"]["statuses"] == {"interrupted": 5}
    assert {status for _, status in stored(people)} == {None}


def test_a_retry_finds_what_failed_still_due(refresh: Any, people: Path, liveramp: Simulator) -> None:
    """What was refreshed is stored and young, so it is not asked about again."""
    liveramp.faults = [{"match": {"nth": [2, 4, 6]}, "effect": {"http_status": 503}}]
    with pytest.raises(TemporaryFailure, match="3 envelopes"):
        refresh(max_attempts_per_request=1, max_in_flight=1)
    liveramp.faults = []
    assert refresh()["statuses"] == {"refreshed": 3, "still_fresh": 9}


def test_no_secret_is_logged(
    refresh: Any, people: Path, liveramp: Simulator, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    """Whatever LiveRamp answers: envelopes, consent and addresses stay out of logs, errors and XCom."""
    caplog.set_level(logging.DEBUG)
    liveramp.faults = [
        {"match": {"nth": [2]}, "effect": {"http_status": 503}},
        {"match": {"nth": [4]}, "effect": {"http_status": 400}},
        {"match": {"nth": [6]}, "effect": {"raw_body": "<html>AgPerson-3 1YNN</html>"}},
    ]
    counts = refresh(max_in_flight=1)
    told = f"{counts} {caplog.text} {''.join(capfd.readouterr())}"
    assert counts["statuses"] == {"refreshed": 11, "refused": 1}
    secrets = [envelope for envelope, _ in stored(people)] + ["AgPerson", CONSENT, IP]
    assert [secret for secret in secrets if secret in told] == []


def test_rows_and_parameters_are_hidden() -> None:
    """Neither is shown where Airflow shows template fields."""
    operator = LiveRampRefreshEnvelopesOperator(
        task_id="refresh", envelopes=[{"envelope": "Ag-1"}], parameters={"consent": CONSENT}, output_path="x"
    )
    shown = f"{operator.envelopes!r} {operator.parameters!r}"
    assert "Ag-1" not in shown
    assert CONSENT not in shown
