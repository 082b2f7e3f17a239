# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What the author of a DAG wrote may be a template; what arrives when the task runs never is."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok.simulator import Simulator
from tests.end_to_end.dag_runs import state_of

PASSWORD = "s3cret-of-the-bank"
TYPED = "50 {% off {# and {{ more"
"""What a stranger may type: as a template it would fail the task."""

PLANTED = "{{ conn.bank.password }}"
"""What a stranger may plant: as a template it would send a secret. As it is, it is left out."""

WRITTEN = "{{ dag.dag_id }}"
"""What the author of a DAG may write."""

HEAD = """
import json
from airflow.providers.common.compat.sdk import DAG, task, task_group
from airflow_provider_tiktok.operators.liveramp import LiveRampRefreshEnvelopesOperator
from airflow_provider_tiktok.operators.tiktok import TikTokSendEventOperator, TikTokSendEventsOperator
from airflow_provider_tiktok.task.hidden import Hidden
from airflow_provider_tiktok.service.events_api import make_events_api_dag
from airflow_provider_tiktok.transfers.sql_to_tiktok import SqlToTikTokOperator

def read(name="records"):
    with open(f"{folder}/{{name}}.json") as file:
        return json.load(file)

def written(text="{written}"):
    return [{{**read()[0], "properties": {{"description": text}}}}]

def parts():
    return {{name: value for name, value in read()[0].items() if name not in ("event", "event_time")}}

with DAG("{dag_id}", schedule=None, render_template_as_native_obj={native}, user_defined_macros={{"read": read}}) as dag:
    @task
    def load():
        return read()

    @task
    def load_lists():
        return [read()]

    @task
    def load_texts():
        return [json.dumps(read())]

    @task
    def load_arguments(name="events"):
        return [{{name: read()}}]

    @task
    def load_text():
        return read()[0]["properties"]["description"]

    @task
    def load_one():
        return read()[0]

    @task
    def load_ones():
        return read()

    offline = {{"event_source": "offline", "max_rejected": 1}}
    one = {{**offline, "event_name": "Purchase", "event_time": read()[0]["event_time"]}}
"""

FROM_DATA: Mapping[str, str] = {
    "a result": 'TikTokSendEventsOperator(task_id="send", events=load(), **offline)',
    "a part of a record": """
        record = {**read()[0], "properties": {"description": load_text()}}
        TikTokSendEventsOperator(task_id="send", events=[record], **offline)
    """,
    "a part of an event": """
        TikTokSendEventOperator(task_id="send", user=parts()["user"], properties={"description": load_text()}, **one)
    """,
    "one event": 'TikTokSendEventOperator(task_id="send", event=load_one(), **offline)',
    "a pulled text": """
        load_texts() >> TikTokSendEventsOperator(
            task_id="send", events="{{ ti.xcom_pull(task_ids='load_texts')[0] }}", **offline
        )
    """,
    "a pulled part": """
        record = {**read()[0], "properties": {"description": "{{ ti.xcom_pull(task_ids='load_text') }}"}}
        load_text() >> TikTokSendEventsOperator(task_id="send", events=[record], **offline)
    """,
    "a macro": """
        record = {**read()[0], "properties": {"description": "{{ read()[0].properties.description }}"}}
        TikTokSendEventsOperator(task_id="send", events=[record], **offline)
    """,
    "the run's input": """
        TikTokSendEventsOperator(task_id="send", events="{{ dag_run.conf['events'] | tojson }}", **offline)
    """,
    "the run's params": """
        record = {**read()[0], "properties": {"description": "{{ params['text'] }}"}}
        TikTokSendEventsOperator(task_id="send", events=[record], **offline)
    """,
    "records read with the DAG": """
        TikTokSendEventsOperator(task_id="send", events=Hidden(read(), is_data=True), **offline)
    """,
    "expand": 'TikTokSendEventsOperator.partial(task_id="send", **offline).expand(events=load_lists())',
    "expand with texts": 'TikTokSendEventsOperator.partial(task_id="send", **offline).expand(events=load_texts())',
    "expand with a map": """
        TikTokSendEventsOperator.partial(task_id="send", **offline).expand(events=load().map(lambda row: [row]))
    """,
    "expand with a zip": """
        both = load_lists().zip(load_lists()).map(lambda pair: pair[1])
        TikTokSendEventsOperator.partial(task_id="send", **offline).expand(events=both)
    """,
    "expand with results": """
        TikTokSendEventsOperator.partial(task_id="send", **offline).expand(events=[load()])
    """,
    "expand a part": """
        TikTokSendEventOperator.partial(task_id="send", user=parts()["user"], **one).expand(
            properties=load_ones().map(lambda row: row["properties"])
        )
    """,
    "expand one event": 'TikTokSendEventOperator.partial(task_id="send", **offline).expand(event=load_ones())',
    "expand_kwargs": """
        TikTokSendEventsOperator.partial(task_id="send", **offline).expand_kwargs(load_arguments())
    """,
    "expand_kwargs with parts": """
        TikTokSendEventOperator.partial(task_id="send", **one).expand_kwargs(
            load_ones().map(lambda row: {"user": row["user"], "properties": row["properties"]})
        )
    """,
    "expand_kwargs with texts": """
        TikTokSendEventsOperator.partial(task_id="send", **offline).expand_kwargs(
            load_texts().map(lambda text: {"events": text})
        )
    """,
    "expand_kwargs with one result": """
        @task
        def load_argument():
            return {"events": read()}

        TikTokSendEventsOperator.partial(task_id="send", **offline).expand_kwargs([load_argument()])
    """,
    "partial with a result": """
        TikTokSendEventsOperator.partial(task_id="send", events=load(), **offline).expand(max_in_flight=[1])
    """,
    "a mapped group": """
        @task_group
        def group(events):
            TikTokSendEventsOperator(task_id="send", events=events, **offline)

        group.expand(events=load_lists())
    """,
    "a part in a mapped group": """
        @task_group
        def group(text):
            record = {**read()[0], "properties": {"description": text}}
            TikTokSendEventsOperator(task_id="send", events=[record], **offline)

        group.expand(text=load_ones().map(lambda row: row["properties"]["description"]))
    """,
    "a mapped group over what the author read": """
        @task_group
        def group(events):
            TikTokSendEventsOperator(task_id="send", events=events, **offline)

        group.expand(events=[Hidden(read(), is_data=True)])
    """,
    "a query's parameter": """
        SqlToTikTokOperator.partial(
            task_id="send",
            sql="SELECT :text AS description, :at AS at, 'person@example.com' AS email, 'o-1' AS id",
            sql_conn_id="shop",
            mapping={"event_time": "at", "user.email": "email", "event_id": "id", "properties.description": "description"},
            defaults={"event": "Purchase"},
            **offline,
        ).expand(parameters=load_ones().map(lambda row: {"text": row["properties"]["description"], "at": row["event_time"]}))
    """,
}

FROM_THE_AUTHOR: Mapping[str, str] = {
    "in a list": 'TikTokSendEventsOperator(task_id="send", events=written(), **offline)',
    "in a text": 'TikTokSendEventsOperator(task_id="send", events=json.dumps(written()), **offline)',
    "hidden": 'TikTokSendEventsOperator(task_id="send", events=Hidden(written()), **offline)',
    "in a part": """
        TikTokSendEventOperator(
            task_id="send", user=parts()["user"], properties=written()[0]["properties"], **one
        )
    """,
    "in partial": """
        TikTokSendEventsOperator.partial(task_id="send", events=written(), **offline).expand(max_in_flight=[1])
    """,
    "hidden in partial": """
        TikTokSendEventsOperator.partial(task_id="send", events=Hidden(written()), **offline).expand(max_in_flight=[1])
    """,
    "in partial, beside what is mapped": """
        TikTokSendEventOperator.partial(
            task_id="send", properties=written()[0]["properties"], **one
        ).expand(user=load_ones().map(lambda row: row["user"]))
    """,
    "in expand": """
        TikTokSendEventsOperator.partial(task_id="send", **offline).expand(events=[written()])
    """,
    "hidden in expand": """
        TikTokSendEventsOperator.partial(task_id="send", **offline).expand(events=[Hidden(written())])
    """,
    "in partial, beside expand_kwargs": """
        TikTokSendEventOperator.partial(
            task_id="send", properties=written()[0]["properties"], **one
        ).expand_kwargs(load_ones().map(lambda row: {"user": row["user"]}))
    """,
    "in the DAG's defaults, beside expand_kwargs": """
        dag.default_args["properties"] = written()[0]["properties"]
        TikTokSendEventOperator.partial(task_id="send", **one).expand_kwargs(
            load_ones().map(lambda row: {"user": row["user"]})
        )
    """,
    "in partial, beside a result": """
        record = {**written()[0], "event_id": load_text()}
        TikTokSendEventsOperator.partial(task_id="send", events=[record], **offline).expand_kwargs(
            load_ones().map(lambda row: {"event_source_id": None})
        )
    """,
    "in expand_kwargs": """
        TikTokSendEventsOperator.partial(task_id="send", **offline).expand_kwargs([{"events": written()}])
    """,
}


@pytest.fixture
def send(
    run_dag: Callable[..., Any], tmp_path: Path, tiktok: Simulator, define_connection: Callable[..., None]
) -> Callable[..., list[Any]]:
    """Runs a DAG whose tasks send a record with the given text; gives the descriptions that arrived."""
    define_connection("bank", conn_type="http", password=PASSWORD)
    define_connection("shop", conn_type="sqlite", host=str(tmp_path / "shop.db"))

    def run(code: str, *, text: str, dag_id: str, native: bool = False) -> list[Any]:
        record = {
            "event": "Purchase",
            "event_time": int(time.time()) - 60,
            "event_id": "o-1",
            "user": {"email": "person@example.com"},
            "properties": {"description": text},
        }
        (tmp_path / "records.json").write_text(json.dumps([record]))
        head = HEAD.format(folder=tmp_path, written=WRITTEN, dag_id=dag_id, native=native)
        lines = code.strip("\n").splitlines()
        indent = len(lines[0]) - len(lines[0].lstrip())
        source = head + "\n".join("    " + line[indent:] for line in lines)
        ended = run_dag(source, dag_id=dag_id, conf={"events": [record], "text": text})
        assert state_of(ended) == "success"
        assert not any(PASSWORD.encode() in event for event in tiktok.ledger.payloads("live"))
        sent = [json.loads(event).get("properties", {}) for event in tiktok.ledger.payloads("live")]
        return [properties.get("description") for properties in sent]

    return run


def named(prefix: str, case: str) -> str:
    return f"{prefix}_{case}".replace(" ", "_").replace(",", "").replace("'", "")


@pytest.mark.parametrize("case", FROM_DATA)
def test_data_is_never_a_template(send: Callable[..., list[Any]], case: str):
    """A text that came with the data arrives as it is, whichever way it took, and tells no secret."""
    assert send(FROM_DATA[case], text=TYPED, dag_id=named("data", case)) == [TYPED]


@pytest.mark.parametrize(
    "case",
    [
        *("a pulled part", "the run's params", "a macro", "expand", "expand with texts", "expand a part"),
        *(
            "expand_kwargs",
            "expand_kwargs with parts",
            "expand_kwargs with one result",
            "a mapped group",
            "a part in a mapped group",
            "partial with a result",
        ),
    ],
)
def test_data_tells_no_secret(send: Callable[..., list[Any]], case: str):
    """A text that as a template would give another connection's password gives nothing at all."""
    assert send(FROM_DATA[case], text=PLANTED, dag_id=named("planted", case)) == [None]


@pytest.mark.parametrize(
    "case", ["a result", "a pulled part", "the run's params", "expand", "a mapped group"]
)
def test_data_is_never_a_template_in_native_dags(send: Callable[..., list[Any]], case: str):
    """The same where the DAG wants what its templates give as Python's own values."""
    assert send(FROM_DATA[case], text=TYPED, dag_id=named("native", case), native=True) == [TYPED]


@pytest.mark.parametrize("text", ["{{1}}", "{{}: 1}", "{1: 2}{", "[" * 300, "-" * 9_000 + "1"])
def test_data_cannot_fail_a_native_template(send: Callable[..., list[Any]], text: str):
    """What a template in a native DAG gives is a text where it is no value of Python's."""
    assert send(FROM_DATA["a pulled part"], text=text, dag_id="native_text", native=True) in ([text], [None])


@pytest.mark.parametrize("case", FROM_THE_AUTHOR)
def test_the_authors_templates_are_rendered(send: Callable[..., list[Any]], case: str):
    """A template that stands in the DAG is filled in, once, wherever it stands."""
    dag_id = named("author", case)
    assert send(FROM_THE_AUTHOR[case], text="o-1", dag_id=dag_id) == [dag_id]


@pytest.mark.parametrize(
    "code",
    [
        """
        TikTokSendEventOperator.partial(task_id="send", **one).expand_kwargs(
            load_ones().map(lambda row: {**row, "event_time": str(row["event_time"]), "event_id": row["properties"]["description"]})
            .map(lambda row: {name: row[name] for name in ("user", "properties", "event_id")})
        )
        """,
        """
        TikTokSendEventOperator.partial(task_id="send", user=parts()["user"], properties={"description": "x"}, **one).expand(
            event_id=load_ones().map(lambda row: row["properties"]["description"])
        )
        """,
        """
        TikTokSendEventOperator(
            task_id="send", user=parts()["user"], properties={"description": "x"}, event_id=load_text(), **one
        )
        """,
    ],
    ids=["expand_kwargs", "expand", "a result"],
)
@pytest.mark.parametrize("text", [TYPED, PLANTED])
def test_open_fields_take_data_as_it_is(
    send: Callable[..., list[Any]], tiktok: Simulator, code: str, text: str
):
    """A field that Airflow may show is no more a template than others where its value is data."""
    send(code, text=text, dag_id=f"open_{zlib.crc32(code.encode())}")
    arrived = [json.loads(event)["event_id"] for event in tiktok.ledger.payloads("live")]
    assert arrived == ([] if text == PLANTED else [text])


def test_what_a_template_gives_is_rendered_once(send: Callable[..., list[Any]]):
    """A template that gives the text of a template gives that text."""
    code = FROM_THE_AUTHOR["in a list"].replace(
        "written()", 'written("{{ read()[0].properties.description }}")'
    )
    assert send(code, text=TYPED, dag_id="once") == [TYPED]


def test_private_references_make_the_task_wait(run_dag: Callable[..., Any], tmp_path: Path):
    """A task waits for the tasks whose results its private arguments refer to, also in parts and in ``partial``."""
    (tmp_path / "records.json").write_text(json.dumps([{"event_time": 1}]))
    for case in (
        "a result",
        "a part of a record",
        "one event",
        "expand",
        "expand_kwargs",
        "partial with a result",
    ):
        code = "\n".join("    " + line.strip() for line in FROM_DATA[case].strip("\n").splitlines())
        source = HEAD.format(folder=tmp_path, written="", dag_id="waiting", native=False) + code
        space: dict[str, Any] = {}
        exec(compile(source, "waiting", "exec"), space)
        assert space["dag"].get_task("send").upstream_task_ids, case
