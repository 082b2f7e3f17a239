# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A table and a folder in parts: the DAGs that users write, on a real Airflow."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_tiktok.exceptions import PermanentFailure
from airflow_provider_tiktok.operators.partitions import SplitFilesOperator, SplitQueryOperator
from airflow_provider_tiktok.simulator import DEFAULT_ATS_CONFIG_ID, Simulator
from airflow_provider_tiktok.task.parts import PART_NAME, SOURCE_NAME, name_in_grid
from airflow_provider_tiktok.task.paths import as_path
from airflow_provider_tiktok.transfers.files_to_tiktok import FilesToTikTokOperator
from airflow_provider_tiktok.transfers.sql_to_tiktok import SqlToTikTokOperator
from tests.airflow.running import Task

AIRFLOW = tuple(int(part) for part in version("apache-airflow").split(".")[:2])

N_ORDERS = 30

TABLE_DAG = """
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_tiktok.operators.partitions import SplitQueryOperator
from airflow_provider_tiktok.operators.receipts import TikTokReceiptOperator
from airflow_provider_tiktok.transfers.sql_to_tiktok import SqlToTikTokOperator

with DAG("table_in_parts", schedule=None) as dag:
    parts = SplitQueryOperator(task_id="parts", sql_conn_id="shop", table="items", key="order_id", parts=4)
    send = SqlToTikTokOperator.partial(
        task_id="send", sql_conn_id="shop", sql="SELECT * FROM items WHERE {part} ORDER BY order_id, item",
        group_by=["order_id"], event_id_from=["order_id"], event_source="offline",
        mapping={"event_time": "ordered_at", "user.email": "email", "properties.value": "total"},
        defaults={"event": "Purchase", "properties.currency": "USD"},
    ).expand(part=parts.output)
    send >> TikTokReceiptOperator(task_id="receipt", of="send", event_source="offline")
"""

FOLDER_DAG = """
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_tiktok.operators.partitions import SplitFilesOperator
from airflow_provider_tiktok.operators.receipts import TikTokReceiptOperator
from airflow_provider_tiktok.transfers.files_to_tiktok import FilesToTikTokOperator

with DAG("folder_in_parts", schedule=None) as dag:
    parts = SplitFilesOperator(task_id="parts", path={folder!r}, part_bytes=2000)
    send = FilesToTikTokOperator.partial(task_id="send").expand(part=parts.output)
    send >> TikTokReceiptOperator(task_id="receipt", of="send")
"""


SESSIONS_DAG = """
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_tiktok.operators.partitions import SplitQueryOperator
from airflow_provider_tiktok.operators.receipts import TikTokReceiptOperator
from airflow_provider_tiktok.transfers.sql_to_liveramp import SqlToLiveRampOperator

with DAG("sessions_in_parts", schedule=None) as dag:
    parts = SplitQueryOperator(task_id="parts", sql_conn_id="shop", table="visits", key="session_id", parts=3)
    send = SqlToLiveRampOperator.partial(
        task_id="send", sql_conn_id="shop", order_by=["session_id", "n"],
        sql="SELECT * FROM visits WHERE {part} ORDER BY session_id, n",
        mapping={
            "event_id": "n", "event_time": "at", "page.url": "url",
            "user.envelope": "envelope", "user.session_id": "session_id",
        },
        defaults={"event": "CompletePayment"},
    ).expand(part=parts.output)
    send >> TikTokReceiptOperator(task_id="receipt", of="send", event_source=None)
"""

PATHS_DAG = """
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_tiktok.transfers.files_to_tiktok import FilesToTikTokOperator

with DAG("mapped_paths", schedule=None) as dag:
    FilesToTikTokOperator.partial(task_id="send", demo_mode=True).expand(path={paths!r})
"""


@pytest.fixture
def shop(tmp_path: Path, define_connection: Callable[..., None]) -> Path:
    """Orders of two line items each in a database with a connection ``shop``."""
    file = tmp_path / "shop.db"
    now = int(time.time()) - 600
    rows = [
        (order, item, now, f"{order}@example.com", 2.5) for order in range(1, N_ORDERS + 1) for item in (1, 2)
    ]
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE items (order_id INTEGER, item, ordered_at, email, total)")
        connection.executemany("INSERT INTO items VALUES (?, ?, ?, ?, ?)", rows)
    define_connection("shop", conn_type="sqlite", host=str(file))
    return file


def split_table(task: Task, **arguments: Any) -> list[dict[str, Any]]:
    """What the operator gives."""
    given = {"sql_conn_id": "shop", "table": "items", "key": "order_id", "parts": 4, **arguments}
    return SplitQueryOperator(task_id="parts", **given).execute(task.context)


def test_a_table_in_fifteen_lines(run_dag: Callable[..., Any], shop: Path, tiktok: Simulator) -> None:
    """The DAG of a user sends every order once and whole, under names of ranges, with one receipt."""
    assert len(TABLE_DAG.split("with DAG")[1].splitlines()) <= 15
    run = run_dag(TABLE_DAG, dag_id="table_in_parts")
    receipt = run.get_task_instance("receipt").xcom_pull(task_ids="receipt", key="receipt")
    assert str(getattr(run.state, "value", run.state)) == "success"
    assert (receipt["rows"], receipt["read"], receipt["accepted"]) == (2 * N_ORDERS, N_ORDERS, N_ORDERS)
    assert receipt["parts"]["expected"] == receipt["parts"]["complete"] == 4
    assert tiktok.ledger.summary()["live"]["repeats"] == 0
    sent = {one.map_index: one for one in run.get_task_instances() if one.task_id == "send"}
    names = [sent[index].rendered_map_index for index in sorted(sent)]
    in_words = [
        "order_id below 8",
        "order_id from 8 below 16",
        "order_id from 16 below 23",
        "order_id from 23",
    ]
    assert names == (in_words if AIRFLOW >= (3, 0) else [None] * 4)  # Airflow 2 shows numbers
    told = run.get_task_instance("receipt").xcom_pull(task_ids="send", key="receipt", map_indexes=1)
    assert told["source"] == "part 2 of 4: order_id from 8 below 16"
    assert told["host"]


def test_rows_without_a_key_fail_by_name(run_dag: Callable[..., Any], shop: Path, tiktok: Simulator) -> None:
    """They are a part of their own: the orders are sent, and the whole is red and names the part."""
    with closing(sqlite3.connect(shop)) as connection, connection:
        connection.execute("INSERT INTO items SELECT NULL, item, ordered_at, email, total FROM items LIMIT 3")
    run = run_dag(TABLE_DAG, dag_id="table_in_parts")
    receipt = run.get_task_instance("receipt").xcom_pull(task_ids="receipt", key="receipt")
    assert str(getattr(run.state, "value", run.state)) == "failed"
    assert (receipt["rows"], receipt["accepted"], receipt["rejected"]) == (2 * N_ORDERS + 3, N_ORDERS, 3)
    (part,) = receipt["parts"]["incomplete"]
    assert (part["source"], part["state"]) == ("part 5 of 5: order_id is NULL", "failed")


def test_a_folder_in_eight_lines(
    run_dag: Callable[..., Any], tmp_path: Path, tiktok: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files large and small are sent by parts, each row once; one pattern leads to all letters."""
    monkeypatch.setenv("AIRFLOW__TIKTOK__DEAD_LETTER_FOLDER", str(tmp_path / "letters"))
    folder = tmp_path / "orders"
    folder.mkdir()
    (folder / "large.jsonl").write_text("".join(event(number) for number in range(60)))
    for number in range(60, 70):
        (folder / f"small-{number}.jsonl").write_text(event(number))
    run = run_dag(FOLDER_DAG.format(folder=str(folder)), dag_id="folder_in_parts")
    receipt = run.get_task_instance("receipt").xcom_pull(task_ids="receipt", key="receipt")
    assert sorted(tiktok.ledger.event_ids(), key=lambda id_: int(id_ or 0)) == [str(n) for n in range(70)]
    assert (receipt["accepted"], receipt["rejected"]) == (70, 0)
    assert receipt["parts"]["expected"] > 5


@pytest.mark.parametrize("size", [1, 10**9])
def test_names_of_files_are_no_patterns(task: Task, tiktok: Simulator, tmp_path: Path, size: int) -> None:
    """A file of a part is read by its name, whatever characters that has, and no other beside it."""
    names = [
        "a*.jsonl",
        "a1.jsonl",
        "a?.jsonl",
        "[b].jsonl",
        "b.jsonl",
        "100 % é.jsonl",
        "c#d&e=f.jsonl",
        "'g' h.jsonl",
    ]
    for number, name in enumerate(names):
        (tmp_path / name).write_text(event(number))
    parts = SplitFilesOperator(task_id="parts", path=str(tmp_path), part_bytes=size).execute(task.context)
    for part in json.loads(json.dumps(parts)):
        FilesToTikTokOperator(
            task_id="send", part=part, dead_letter_path=str(tmp_path / "letters" / "l.jsonl")
        ).execute(task.context)
    assert sorted(tiktok.ledger.event_ids(), key=lambda id_: int(id_ or 0)) == [
        str(n) for n in range(len(names))
    ]
    assert tiktok.ledger.summary()["live"]["repeats"] == 0


CSV_PARTS = {
    "a.csv": "Orders of Monday;;\n'order';'at';'email'\n'1;a';{now};one@example.com\n'2';{now};two@example.com\n",
    "b.csv": "Orders of Tuesday;;\n'order';'at';'email'\n'2';{now};two@example.com\n",
    "c.csv": "Orders of Wednesday;;\n'order';'at';'email'\n'3';{now};three@example.com\n",
}


def write_csv_parts(folder: Path) -> str:
    """Files with a title above their header and single quotes; the second order stands in two of them."""
    for name, text in CSV_PARTS.items():
        (folder / name).write_text(text.format(now=int(time.time()) - 60))
    return str(folder)


def test_csv_files_are_cut_as_they_are_read(task: Task, tiktok: Simulator, tmp_path: Path) -> None:
    """With lines above the header and quotes of their own, files of one order stay together."""
    path = write_csv_parts(tmp_path)
    reading = {"csv_delimiter": ";", "csv_quote": "'", "csv_skip_rows": 1, "group_by": "order"}
    parts = SplitFilesOperator(task_id="parts", path=path, part_bytes=1, **reading).execute(task.context)
    assert [len(part["files"]) for part in parts] == [2, 1]
    for part in parts:
        FilesToTikTokOperator(
            task_id="send",
            part=part,
            event_source="offline",
            mapping={"event_id": "order", "event_time": "at", "user.email": "email"},
            defaults={"event": "Lead"},
            **reading,
        ).execute(task.context)
    assert sorted(map(str, tiktok.ledger.event_ids())) == ["1;a", "2", "3"]


@pytest.mark.parametrize(
    "reading", [{}, {"csv_delimiter": ";"}, {"csv_delimiter": ";", "csv_quote": "'"}, {"csv_skip_rows": 1}]
)
def test_csv_files_that_are_cut_otherwise_are_refused(
    task: Task, tmp_path: Path, reading: dict[str, Any]
) -> None:
    """What tells where an order ends must be found, or nobody knows whether one is cut in two."""
    path = write_csv_parts(tmp_path)
    split = SplitFilesOperator(task_id="parts", path=path, part_bytes=1, group_by="order", **reading)
    with pytest.raises(PermanentFailure, match="csv_"):
        split.execute(task.context)


def test_folders_group_rows_as_well(task: Task, tmp_path: Path) -> None:
    """A column that the folders say tells orders of the same number apart."""
    for day in ("26", "27"):
        (tmp_path / f"day={day}").mkdir()
        (tmp_path / f"day={day}" / "a.csv").write_text("order\n1\n")
    split = SplitFilesOperator(
        task_id="parts", path=str(tmp_path / "*" / "*.csv"), part_bytes=1, group_by=["day", "order"]
    )
    assert len(split.execute(task.context)) == 2


def event(number: int) -> str:
    """A line with a good event."""
    return (
        json.dumps(
            {
                "event": "Purchase",
                "event_id": str(number),
                "event_time": int(time.time()) - 60,
                "email": f"{number}@example.com",
                "eventSourceUrl": "https://shop.example.com/thanks",
            }
        )
        + "\n"
    )


class Store:
    """Airflow's task state, as a task sees it."""

    def __init__(self, *, broken: bool = False) -> None:
        self.kept: dict[str, Any] = {}
        self.broken = broken

    def get(self, key: str) -> Any:
        if self.broken:
            raise RuntimeError
        return self.kept.get(key)

    def set(self, key: str, value: Any) -> None:
        if self.broken:
            raise RuntimeError
        self.kept[key] = json.loads(json.dumps(value))


@pytest.mark.parametrize("changes", [{}, {"parts": 3}, {"where": "order_id < 20"}])
def test_a_cleared_run_is_cut_as_before(shop: Path, task: Task, changes: dict[str, Any]) -> None:
    """Where Airflow keeps a task's state, the same arguments give the same bounds although rows came."""
    store = Store()
    operator = {"sql_conn_id": "shop", "table": "items", "key": "order_id", "parts": 4}
    context = {**task.context, "task_state_store": store}
    before = SplitQueryOperator(task_id="parts", **operator).execute(context)
    with closing(sqlite3.connect(shop)) as connection, connection:
        connection.executemany(
            "INSERT INTO items VALUES (?, 1, 0, '', 0)", [[number] for number in range(100, 400)]
        )
    after = SplitQueryOperator(task_id="parts", **{**operator, **changes}).execute(context)
    assert (before == after) == (not changes)


def test_a_broken_store_costs_nothing(shop: Path, task: Task) -> None:
    """Where the state cannot be read or kept, the table is cut anew."""
    operator = SplitQueryOperator(task_id="parts", sql_conn_id="shop", table="items", key="order_id", parts=2)
    assert len(operator.execute({**task.context, "task_state_store": Store(broken=True)})) == 2


def test_no_more_parts_than_airflow_maps(shop: Path, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    """One place is kept for rows without a key."""
    monkeypatch.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", "6")
    assert len(split_table(task, parts=20)) == 5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"parts": 0}, "Set parts to a whole number"),
        ({"parts": True}, "Set parts to a whole number"),
        ({"parts": "8"}, "Set parts to a whole number"),
        ({"sql_conn_id": "nowhere"}, "connection 'nowhere' is not defined"),
        ({"key": "email"}, "holds e-mail addresses"),
        ({"key": "order"}, "the database refuses"),
        ({"table": "nothing"}, "the database refuses"),
        ({"where": "1 = "}, "the database refuses"),
    ],
)
def test_wrong_arguments_fail_for_good(shop: Path, task: Task, arguments: dict[str, Any], words: str) -> None:
    """A wrong argument is named, and not tried again."""
    with pytest.raises(PermanentFailure, match=words):
        split_table(task, **arguments)


def test_a_part_that_may_cut_an_order_is_not_sent(shop: Path, task: Task, tiktok: Simulator) -> None:
    """Cut by another column than orders are grouped by, nothing is sent."""
    part = split_table(task, key="ordered_at")[0]
    part["of"] = 2
    send = SqlToTikTokOperator(
        task_id="send",
        sql_conn_id="shop",
        sql="SELECT * FROM items WHERE {part}",
        group_by="order_id",
        part=part,
    )
    with pytest.raises(PermanentFailure, match="may end within an event"):
        send.execute(task.context)
    assert tiktok.requests == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "Give a file, a folder, a pattern or several of them as path"),
        ({"path": "x.csv", "part": {"files": ["x.csv"]}}, "one of the two"),
        ({"part": {"key": "k"}}, "no part of files"),
        ({"part": {"files": ["x.csv"], "of": 2}, "group_by": ["order"]}, "same group_by"),
    ],
)
def test_files_need_a_path_or_a_part(
    task: Task, tiktok: Simulator, arguments: dict[str, Any], words: str
) -> None:
    """Neither or both are named, and so is a part that is none."""
    with pytest.raises(PermanentFailure, match=words):
        FilesToTikTokOperator(task_id="send", **arguments).execute(task.context)


@pytest.mark.parametrize(
    "address", ["memory://bucket/day.jsonl?sig=planted", "memory://bucket/*?sig=planted*"]
)
def test_a_part_holds_no_credentials(task: Task, address: str) -> None:
    """Parts are stored as they are: an address that itself gives access is refused, and not quoted."""
    as_path("memory://bucket/day.jsonl?sig=planted").write_text("{}\n")
    with pytest.raises(PermanentFailure, match="storage_conn_id") as failed:
        SplitFilesOperator(task_id="parts", path=address).execute(task.context)
    assert "planted" not in str(failed.value)


def test_part_bytes_is_checked(task: Task, tmp_path: Path) -> None:
    """A part of nothing is none."""
    (tmp_path / "orders.jsonl").write_text(event(1))
    with pytest.raises(PermanentFailure, match="Set part_bytes to"):
        SplitFilesOperator(task_id="parts", path=str(tmp_path), part_bytes=0).execute(task.context)


def test_liveramp_takes_parts_by_session(
    run_dag: Callable[..., Any], shop: Path, define_connection: Callable[..., None], simulator: Simulator
) -> None:
    """Cut by the session's id, every session is one request of one part, and there is one receipt."""
    define_connection(
        "liveramp_default", conn_type="liveramp", host=simulator.url, password=DEFAULT_ATS_CONFIG_ID
    )
    now = int(time.time()) - 600
    rows = [
        (f"session-{n % 10}", n, now + n, f"Ag-{n % 10}", "https://shop.example.com/thanks")
        for n in range(100)
    ]
    with closing(sqlite3.connect(shop)) as connection, connection:
        connection.execute("CREATE TABLE visits (session_id TEXT, n INTEGER, at, envelope, url)")
        connection.executemany("INSERT INTO visits VALUES (?, ?, ?, ?, ?)", rows)
    run = run_dag(SESSIONS_DAG, dag_id="sessions_in_parts")
    whole = run.get_task_instance("receipt").xcom_pull(task_ids="receipt", key="receipt")
    assert str(getattr(run.state, "value", run.state)) == "success"
    assert (whole["accepted"], whole["parts"]["complete"], whole["requests"]) == (100, 3, 10)
    assert sorted(simulator.liveramp_ledger.event_ids(), key=lambda id_: int(id_ or 0)) == [
        str(n) for n in range(100)
    ]
    assert [one.facts["events"] for one in simulator.requests] == [10] * 10


@pytest.mark.skipif(AIRFLOW < (3, 0), reason="Airflow 2 shows a mapped task's number")
def test_tasks_mapped_over_files_bear_their_names(run_dag: Callable[..., Any], tmp_path: Path) -> None:
    """In the grid stands the file, not its number."""
    paths = [str(tmp_path / name) for name in ("monday.jsonl", "tuesday.jsonl")]
    for path in paths:
        Path(path).write_text("")
    run = run_dag(PATHS_DAG.format(paths=paths), dag_id="mapped_paths")
    sent = {one.map_index: one.rendered_map_index for one in run.get_task_instances()}
    assert sent == dict(enumerate(paths))


@pytest.mark.parametrize(
    ("map_index", "part", "label", "own", "template"),
    [
        (0, None, "/data/a.jsonl", None, SOURCE_NAME),
        (3, {"name": "x"}, "part 1 of 2: x", None, PART_NAME),
        (-1, None, "/data/a.jsonl", None, None),
        (0, None, None, None, None),
        (0, None, "/data/a.jsonl", "{{ task.path }}", "{{ task.path }}"),
        (None, None, "/data/a.jsonl", None, None),
    ],
)
def test_what_a_mapped_task_is_called(
    map_index: int | None, part: Any, label: str | None, own: str | None, template: str | None
) -> None:
    """A task that is mapped has a name, the DAG's own before ours; one that is not has none."""
    context: dict[str, Any] = {"ti": SimpleNamespace(map_index=map_index), "map_index_template": own}
    name_in_grid(context, part, source_label=label)
    assert context["map_index_template"] == template
