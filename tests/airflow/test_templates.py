# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What the author of a DAG wrote may be a template; what arrives when the task runs never is.

A run of a DAG takes seconds, so the cases that a session asks for run together, each in a task group of its own.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from airflow_provider_tiktok.simulator import DEFAULT_OFFLINE_EVENT_SET_ID, DEFAULT_TOKEN, Simulator
from tests.end_to_end.dag_runs import run_dag

PASSWORD = "s3cret-of-the-bank"
TYPED = "50 {% off {# and {{ more"
"""What a stranger may type: as a template it would fail the task."""

PLANTED = "{{ conn.bank.password }}"
"""What a stranger may plant: as a template it would send a secret. As it is, it is left out."""

WRITTEN = "{{ dag.dag_id }}"
"""What the author of a DAG may write."""

HEAD = """
import json
from airflow.providers.common.compat.sdk import DAG, TaskGroup, task, task_group
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
    @task(task_id="load")
    def give():
        return read()

    @task(task_id="load_lists")
    def give_lists():
        return [read()]

    @task(task_id="load_texts")
    def give_texts():
        return [json.dumps(read())]

    @task(task_id="load_arguments")
    def give_arguments():
        return [{{"events": read()}}]

    @task(task_id="load_text")
    def give_text():
        return read()[0]["properties"]["description"]

    @task(task_id="load_one")
    def give_one():
        return read()[0]

    # One of each is enough for all cases: what is pulled is pulled anew.
    results = {{give.function.__name__: give() for give in (give, give_lists, give_texts, give_arguments, give_text, give_one)}}
    load, load_ones = [lambda: results["give"]] * 2
    load_lists, load_texts, load_arguments, load_text, load_one = (
        lambda name=name: results[f"give_{{name}}"] for name in ("lists", "texts", "arguments", "text", "one")
    )

    def settings_of(case):
        offline = {{"event_source": "offline", "max_rejected": 1, "defaults": {{"properties.query": case}}}}
        return offline, {{**offline, "event_name": "Purchase", "event_time": read()[0]["event_time"]}}
"""

GROUP = """
    with TaskGroup("case_{number}"):
        offline, one = settings_of({case!r})
"""
"""Around the tasks of a case; what is sent says by its property ``query`` of which case it is."""

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
            **{**offline, "defaults": {**offline["defaults"], "event": "Purchase"}},
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


OPEN_FIELDS: Mapping[str, str] = {
    "expand_kwargs": """
        TikTokSendEventOperator.partial(task_id="send", **one).expand_kwargs(
            load_ones().map(lambda row: {**row, "event_id": row["properties"]["description"]})
            .map(lambda row: {name: row[name] for name in ("user", "properties", "event_id")})
        )
    """,
    "expand": """
        TikTokSendEventOperator.partial(
            task_id="send", user=parts()["user"], properties={"description": "x"}, **one
        ).expand(event_id=load_ones().map(lambda row: row["properties"]["description"]))
    """,
    "a result": """
        TikTokSendEventOperator(
            task_id="send", user=parts()["user"], properties={"description": "x"}, event_id=load_text(), **one
        )
    """,
}
"""A field that Airflow may show: the id of an event."""

NATIVE_TEXTS: Mapping[str, str] = {
    "a set in a set": "{{1}}",
    "a dict in a set": "{{}: 1}",
    "a dict and a brace": "{1: 2}{",
    "many brackets": "[" * 300,
    "many signs": "-" * 9_000 + "1",
}
"""What Python cannot read, or only with great effort."""

FROM_NATIVE_TEXTS: Mapping[str, str] = {
    case: """
        @task
        def load_native():
            return TEXT

        loaded = load_native()
        pulled = "{{ ti.xcom_pull(task_ids='" + loaded.operator.task_id + "') }}"
        record = {**read()[0], "properties": {"description": pulled}}
        loaded >> TikTokSendEventsOperator(task_id="send", events=[record], **offline)
    """.replace("TEXT", repr(text))
    for case, text in NATIVE_TEXTS.items()
}

ALONE = ("in the DAG's defaults, beside expand_kwargs",)
"""Cases that change the DAG for all others."""


class Sent(NamedTuple):
    """What became of a case.

    :param states: of its tasks.
    :param events: those that arrived.
    """

    states: set[str]
    events: list[dict[str, Any]]

    @property
    def descriptions(self) -> list[Any]:
        """The texts in question; ``None`` for an event without one."""
        return [event["properties"].get("description") for event in self.events]


@pytest.fixture(scope="module")
def send(
    airflow_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., dict[str, Sent]]]:
    """Runs a DAG of the given cases, whose tasks send a record with the given text; gives what became of each."""
    with Simulator() as platform, pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("templates")
        extra = {"offline_event_set_id": DEFAULT_OFFLINE_EVENT_SET_ID}
        for conn_id, fields in {
            "tiktok_default": {
                "conn_type": "tiktok",
                "host": platform.url,
                "password": DEFAULT_TOKEN,
                "extra": extra,
            },
            "bank": {"conn_type": "http", "password": PASSWORD},
            "shop": {"conn_type": "sqlite", "host": str(folder / "shop.db")},
        }.items():
            patch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))

        def run(cases: Mapping[str, str], *, text: str, dag_id: str, native: bool = False) -> dict[str, Sent]:
            record = record_of(text)
            (folder / "records.json").write_text(json.dumps([record]))
            source = source_of(cases, dag_id=dag_id, folder=folder, native=native)
            platform.reset()
            ended = run_dag(source, dag_id=dag_id, conf={"events": [record], "text": text})
            bodies = [request.body for request in platform.requests if request.body]
            assert not any(PASSWORD.encode() in body for body in bodies)
            events = [event for body in bodies for event in json.loads(body)["data"]]
            tasks = [(task.task_id, str(task.state)) for task in ended.get_task_instances()]
            return {
                case: Sent(
                    {state for task_id, state in tasks if task_id.startswith(f"case_{number}.")},
                    [event for event in events if event["properties"].get("query") == case],
                )
                for number, case in enumerate(cases)
            }

        yield run


def record_of(text: str) -> dict[str, Any]:
    """The record that every case sends."""
    return {
        "event": "Purchase",
        "event_time": int(time.time()) - 60,
        "event_id": "o-1",
        "user": {"email": "person@example.com"},
        "properties": {"description": text},
    }


def source_of(cases: Mapping[str, str], *, dag_id: str, folder: Path, native: bool = False) -> str:
    """The text of the DAG's file."""
    source = HEAD.format(folder=folder, written=WRITTEN, dag_id=dag_id, native=native)
    for number, (case, code) in enumerate(cases.items()):
        lines = code.strip("\n").splitlines()
        indent = len(lines[0]) - len(lines[0].lstrip())
        source += GROUP.format(number=number, case=case) + "\n".join(
            "        " + line[indent:] for line in lines
        )
    return source


@pytest.fixture
def sent(
    request: pytest.FixtureRequest, send: Callable[..., dict[str, Sent]], ran: dict[str, dict[str, Sent]]
) -> Callable[..., Sent]:
    """What became of the case of this test, which ran together with all those of its test function."""
    name, case = request.node.originalname, request.node.callspec.params["case"]

    def ask(cases: Mapping[str, str], **settings: Any) -> Sent:
        if name not in ran:
            items = [item for item in request.session.items if getattr(item, "originalname", "") == name]
            asked = dict.fromkeys(item.callspec.params["case"] for item in items)
            ran[name] = send({one: cases[one] for one in asked}, dag_id=name, **settings)
        return ran[name][case]

    return ask


@pytest.fixture(scope="module")
def ran() -> dict[str, dict[str, Sent]]:
    """What ran already, by the name of the test function."""
    return {}


DONE = {"success"}


@pytest.mark.parametrize("case", FROM_DATA)
def test_data_is_never_a_template(sent: Callable[..., Sent], case: str):
    """A text that came with the data arrives as it is, whichever way it took."""
    found = sent(FROM_DATA, text=TYPED)
    assert (found.states, found.descriptions) == (DONE, [TYPED])


@pytest.mark.parametrize("case", FROM_DATA)
def test_data_tells_no_secret(sent: Callable[..., Sent], case: str):
    """A text that as a template would give another connection's password gives nothing at all."""
    found = sent(FROM_DATA, text=PLANTED)
    assert (found.states, found.descriptions) == (DONE, [None])


@pytest.mark.parametrize(
    "case", ["a result", "a pulled part", "the run's params", "expand", "a mapped group"]
)
def test_data_is_never_a_template_in_native_dags(sent: Callable[..., Sent], case: str):
    """The same where the DAG wants what its templates give as Python's own values."""
    found = sent(FROM_DATA, text=TYPED, native=True)
    assert (found.states, found.descriptions) == (DONE, [TYPED])


@pytest.mark.parametrize("case", NATIVE_TEXTS)
def test_data_cannot_fail_a_native_template(sent: Callable[..., Sent], case: str):
    """What a template in a native DAG gives is a text where it is no value of Python's."""
    found = sent(FROM_NATIVE_TEXTS, text="", native=True)
    assert found.states == DONE
    assert found.descriptions in ([NATIVE_TEXTS[case]], [None])


@pytest.mark.parametrize("case", [case for case in FROM_THE_AUTHOR if case not in ALONE])
def test_the_authors_templates_are_rendered(sent: Callable[..., Sent], case: str):
    """A template that stands in the DAG is filled in, once, wherever it stands."""
    found = sent(FROM_THE_AUTHOR, text="o-1")
    assert (found.states, found.descriptions) == (DONE, ["test_the_authors_templates_are_rendered"])


@pytest.mark.parametrize("case", ALONE)
def test_the_authors_templates_for_a_whole_dag_are_rendered(sent: Callable[..., Sent], case: str):
    """Those that all tasks of a DAG have, likewise."""
    found = sent(FROM_THE_AUTHOR, text="o-1")
    assert found.descriptions == ["test_the_authors_templates_for_a_whole_dag_are_rendered"]


@pytest.mark.parametrize("case", OPEN_FIELDS)
def test_open_fields_take_data_as_it_is(sent: Callable[..., Sent], case: str):
    """A field that Airflow may show is no more a template than others where its value is data."""
    assert [event["event_id"] for event in sent(OPEN_FIELDS, text=TYPED).events] == [TYPED]


@pytest.mark.parametrize("case", OPEN_FIELDS)
def test_open_fields_tell_no_secret(sent: Callable[..., Sent], case: str):
    """A template as an id is no id: the event gets one of its own, and neither the text nor the secret."""
    (event,) = sent(OPEN_FIELDS, text=PLANTED).events
    assert re.fullmatch("[0-9a-f]{32}", event["event_id"])


def test_what_a_template_gives_is_rendered_once(send: Callable[..., dict[str, Sent]]):
    """A template that gives the text of a template gives that text."""
    code = FROM_THE_AUTHOR["in a list"].replace(
        "written()", 'written("{{ read()[0].properties.description }}")'
    )
    assert send({"once": code}, text=TYPED, dag_id="once")["once"].descriptions == [TYPED]


def test_private_references_make_the_task_wait(tmp_path: Path):
    """A task waits for the tasks whose results its private arguments refer to, also in parts and in ``partial``."""
    (tmp_path / "records.json").write_text(json.dumps([record_of("")]))
    cases = {
        case: FROM_DATA[case]
        for case in (
            *("a result", "a part of a record", "one event", "expand", "expand_kwargs"),
            "partial with a result",
        )
    }
    space: dict[str, Any] = {}
    exec(compile(source_of(cases, dag_id="waiting", folder=tmp_path), "waiting", "exec"), space)
    for number, case in enumerate(cases):
        assert space["dag"].get_task(f"case_{number}.send").upstream_task_ids, case
