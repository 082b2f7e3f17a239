# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pydoc
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    DAG,
    AirflowException,
    BaseOperator,
    BaseSensorOperator,
    XComArg,
)

from airflow_provider_tiktok.decorators.tiktok import liveramp_events_task, tiktok_events_task
from airflow_provider_tiktok.get_provider_info import get_provider_info
from airflow_provider_tiktok.operators.liveramp import LiveRampSendEventsOperator
from airflow_provider_tiktok.operators.tiktok import TikTokSendEventsOperator
from airflow_provider_tiktok.sensors.tiktok import TikTokEventsReceivedSensor
from airflow_provider_tiktok.task import arguments
from airflow_provider_tiktok.task.signatures import documented
from airflow_provider_tiktok.transfers.files_to_liveramp import FilesToLiveRampOperator
from airflow_provider_tiktok.transfers.python_to_tiktok import PythonToTikTokOperator
from airflow_provider_tiktok.transfers.sql_to_liveramp import SqlToLiveRampOperator
from airflow_provider_tiktok.transfers.sql_to_tiktok import SqlToTikTokOperator

PROJECT = Path(__file__).parents[2]

# Airflow 2.11 still has it, to refuse it.
NO_LONGER_TAKEN = {"task_concurrency"}

# What Airflow 3 and Airflow 2 raise.
REFUSED = (TypeError, AirflowException)


def find_operators() -> Iterator[type[BaseOperator]]:
    info = get_provider_info()
    modules = [
        name for group in ("operators", "sensors") for one in info[group] for name in one["python-modules"]
    ]
    modules += [one["python-module"] for one in info["transfers"]]
    for name in dict.fromkeys(modules):
        for found in vars(importlib.import_module(name)).values():
            is_own = inspect.isclass(found) and found.__module__ == name and issubclass(found, BaseOperator)
            if is_own and not found.__name__.startswith("_") and not inspect.isabstract(found):
                yield found


OPERATORS = list(find_operators())


def inits_of(cls: type) -> Iterator[inspect.Signature]:
    chain = cls.__mro__[: cls.__mro__.index(BaseOperator) + 1]
    return (inspect.signature(base.__dict__["__init__"]) for base in chain if "__init__" in base.__dict__)


def taken_by(signature: inspect.Signature) -> dict[str, inspect.Parameter]:
    return {
        name: parameter
        for name, parameter in signature.parameters.items()
        if name != "self" and parameter.kind is not parameter.VAR_KEYWORD
    }


def typed_arguments_of(cls: type) -> dict[str, str]:
    """Argument to its type, as a type checker sees the class: what it takes itself, and what it hands on."""
    init = inspect.signature(cls.__init__)
    own = {name: str(parameter.annotation) for name, parameter in taken_by(init).items()}
    further = re.fullmatch(r"Unpack\[(\w+)\]", str(init.parameters["kwargs"].annotation))
    assert further, f"{cls.__name__} does not say what its **kwargs may be"
    return {**own, **types_of(getattr(arguments, further[1]))}


def types_of(typed_dict: type) -> dict[str, str]:
    found = {name: hint.__forward_arg__ for name, hint in typed_dict.__annotations__.items()}
    return {name: re.sub(r"^Required\[(.*)\]$", r"\1", hint) for name, hint in found.items()}


def test_there_are_operators() -> None:
    """What is tried here is every operator, transfer and sensor that Airflow learns of."""
    assert len(OPERATORS) >= 14


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_signature_lists_all_that_is_taken(operator: type[BaseOperator]) -> None:
    """``inspect.signature`` has every argument of the whole chain of ``__init__``, each with its default."""
    shown = inspect.signature(operator).parameters
    chain: dict[str, inspect.Parameter] = {}
    for init in inits_of(operator):
        chain = {**taken_by(init), **chain}
    assert {name: (one.annotation, one.default) for name, one in shown.items()} == {
        name: (one.annotation, one.default) for name, one in chain.items()
    }
    assert {"task_id", "retries", "pool"} <= set(shown)


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_type_checker_knows_all_that_is_taken(operator: type[BaseOperator]) -> None:
    """What ``__init__`` says by its types is what the chain takes, with the types of who takes it."""
    typed = typed_arguments_of(operator)
    assert set(typed) >= set(inspect.signature(operator).parameters) - NO_LONGER_TAKEN
    of_airflow = set(taken_by(inspect.signature(BaseOperator.__init__)))
    of_airflow |= set(taken_by(inspect.signature(BaseSensorOperator.__init__))) | set(
        types_of(arguments.TaskArguments)
    )
    for name in set(typed) - of_airflow:
        owner = next(taken_by(init)[name] for init in inits_of(operator) if name in taken_by(init))
        assert typed[name] == owner.annotation, name


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_argument_is_documented_and_every_word_is_of_one(operator: type[BaseOperator]) -> None:
    """``help()`` says of each argument what it means, but for those that Airflow documents."""
    of_airflow = set(taken_by(inspect.signature(BaseOperator.__init__)))
    if issubclass(operator, BaseSensorOperator):
        of_airflow |= set(taken_by(inspect.signature(BaseSensorOperator.__init__)))
    taken = set(inspect.signature(operator).parameters)
    assert set(documented(operator)) - of_airflow == taken - of_airflow
    help_text = pydoc.render_doc(operator, renderer=pydoc.plaintext)
    assert [name for name in documented(operator) if f":param {name}:" not in help_text] == []
    assert help_text.count(":param task_id:") == help_text.count("**kwargs: Any") == 0


@pytest.mark.parametrize("operator", OPERATORS)
def test_what_another_task_gives_fits_a_template_field(operator: type[BaseOperator]) -> None:
    """The type of a template field, and of no other argument, admits another task's result."""
    typed = typed_arguments_of(operator)
    admitting = {name for name, hint in typed.items() if "XComArg" in hint or hint == "Any"}
    assert admitting - {"weight_rule", "inlets", "outlets"} == set(operator.template_fields)


def test_the_nearest_class_documents_its_argument() -> None:
    """Where a destination has another default, its own words are shown, whichever reader stands before it."""
    for operator in (LiveRampSendEventsOperator, SqlToLiveRampOperator, FilesToLiveRampOperator):
        assert inspect.signature(operator).parameters["max_events_per_request"].default == 20
        assert documented(operator)["max_events_per_request"] == "of one session; at most 100."
    assert (
        documented(SqlToTikTokOperator)["max_events_per_request"]
        == "at most this many events in one request."
    )


@pytest.mark.parametrize(
    ("make_task", "typed"),
    [
        (tiktok_events_task, arguments.TikTokEventsTaskArguments),
        (liveramp_events_task, arguments.LiveRampEventsTaskArguments),
    ],
)
def test_a_decorator_shows_what_its_task_takes(make_task: Any, typed: type) -> None:
    """``help(task.tiktok_events)`` lists the operator's arguments, but for those that the call gives."""
    shown = inspect.signature(make_task).parameters
    assert next(iter(shown)) == "python_callable"
    assert shown["task_id"].default is None
    assert set(shown) - {"python_callable"} - NO_LONGER_TAKEN <= set(types_of(typed))
    assert {"is_repeatable", "mapping", "max_rejected", "retries"} <= set(shown)
    assert not {"op_args", "op_kwargs", "kwargs", "kwargs_to_upstream"} & set(shown)
    assert ":param max_rejected:" in make_task.__doc__


def test_a_users_own_class_shows_all_that_it_takes() -> None:
    """What is made of an operator shows its own argument and those of its bases, also in its docstring."""

    class DailyUpload(SqlToTikTokOperator):
        """Uploads a day.

        :param day: which.
        """

        def __init__(self, *, day: str, **kwargs: Any) -> None:
            super().__init__(**{"sql": f"SELECT '{day}'", **kwargs})

    assert {"day", "sql", "mapping", "retries"} <= set(inspect.signature(DailyUpload).parameters)
    assert documented(DailyUpload)["day"] == "which."
    assert (DailyUpload.__doc__ or "").startswith("Uploads a day.\n\n:param day: which.\n:param sql: ")
    assert DailyUpload(task_id="day", day="today", sql_conn_id="shop").sql == "SELECT 'today'"


MAPPED = [
    (SqlToTikTokOperator, {"sql_conn_id": "shop"}, "sql", ["SELECT 1", "SELECT 2"]),
    (SqlToTikTokOperator, {"sql_conn_id": "shop", "sql": "SELECT 1"}, "event_source_id", ["A", "B"]),
    (SqlToTikTokOperator, {"sql_conn_id": "shop", "sql": "SELECT 1"}, "default_region", ["US", "DE"]),
    (FilesToLiveRampOperator, {"pass_on": {"x": "ttp"}}, "path", ["a.csv", "b.csv"]),
    (PythonToTikTokOperator, {"python_callable": list}, "max_rejected", [1, 2]),
    (TikTokSendEventsOperator, {"mapping": {"event": "e"}}, "result_webhook_conn_id", ["a", "b"]),
    (
        TikTokEventsReceivedSensor,
        {"min_events": 2, "mode": "reschedule"},
        "first_day",
        ["2026-11-23", "2026-11-24"],
    ),
]


@pytest.mark.parametrize(("operator", "given", "name", "values"), MAPPED)
def test_every_argument_can_be_mapped(
    operator: Any, given: dict[str, Any], name: str, values: list[Any]
) -> None:
    """``.partial().expand()`` takes a class's own arguments and its bases', and so does the task made of them."""
    with DAG("mapped", schedule=None):
        mapped = operator.partial(task_id="upload", pool="small", retries=4, **given).expand(**{name: values})
    task = mapped.unmap({name: values[1]})
    assert getattr(task, name) == values[1]
    assert (task.pool, task.retries) == ("small", 4)


@pytest.mark.parametrize("name", ["sqll", "kwargs", "max_reject", "op_kwargs"])
def test_a_misspelt_argument_is_refused(name: str) -> None:
    """No spelling but the right one is taken, mapped or not."""
    with DAG("misspelt", schedule=None):
        with pytest.raises(REFUSED, match=name):
            SqlToTikTokOperator.partial(task_id="mapped", sql_conn_id="shop", **{name: 1})
        with pytest.raises(REFUSED, match=name):
            SqlToTikTokOperator(task_id="plain", sql_conn_id="shop", sql="SELECT 1", **{name: 1})  # type: ignore[arg-type]


def test_a_missing_argument_is_named() -> None:
    """Airflow still says which argument is missing, whichever class of the chain wants it."""
    with DAG("missing", schedule=None), pytest.raises(REFUSED, match="'sql'"):
        SqlToTikTokOperator(task_id="upload", sql_conn_id="shop")  # type: ignore[call-arg]


def test_default_arguments_reach_every_class_of_the_chain() -> None:
    """A DAG's ``default_args`` give arguments of the reader, the destination, the run and Airflow."""
    defaults = {"sql_conn_id": "shop", "tiktok_conn_id": "ours", "max_rejected": 7, "retries": 3}
    with DAG("defaults", schedule=None, default_args=defaults):
        task = SqlToTikTokOperator(task_id="upload", sql="SELECT 1")  # type: ignore[call-arg]
    assert (task.sql_conn_id, task.tiktok_conn_id, task.max_rejected, task.retries) == ("shop", "ours", 7, 3)


def test_a_reference_still_makes_a_dependency() -> None:
    """Another task's result as an argument of any class of the chain puts that task first."""
    with DAG("depends", schedule=None):
        one, two, three = (BaseOperator(task_id=name) for name in ("one", "two", "three"))
        task = SqlToTikTokOperator(
            task_id="upload",
            sql=XComArg(one),
            sql_conn_id="shop",
            event_source_id=XComArg(two),
            dead_letter_path=XComArg(three),
        )
    assert task.upstream_task_ids == {"one", "two", "three"}


RIGHT = """
from datetime import date, timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, BaseOperator

from airflow_provider_tiktok.operators.liveramp import LiveRampRefreshEnvelopesOperator, LiveRampSendEventsOperator
from airflow_provider_tiktok.operators.pixels import TikTokGetPixelOperator, TikTokListPixelsOperator
from airflow_provider_tiktok.operators.tiktok import (
    TikTokSendEventOperator,
    TikTokSendEventsOperator,
    TikTokTestEventOperator,
)
from airflow_provider_tiktok.task.hidden import Hidden
from airflow_provider_tiktok.sensors.tiktok import TikTokEventsReceivedSensor, TikTokPixelSensor
from airflow_provider_tiktok.transfers.files_to_liveramp import FilesToLiveRampOperator
from airflow_provider_tiktok.transfers.files_to_tiktok import FilesToTikTokOperator
from airflow_provider_tiktok.decorators.tiktok import liveramp_events_task, tiktok_events_task
from airflow_provider_tiktok.transfers.python_to_tiktok import (
    PythonToLiveRampOperator,
    PythonToTikTokOperator,
)
from airflow_provider_tiktok.transfers.sql_to_liveramp import SqlToLiveRampOperator
from airflow_provider_tiktok.transfers.sql_to_tiktok import SqlToTikTokOperator

with DAG("right", schedule=None, default_args={"retries": 2}) as dag:
    before = BaseOperator(task_id="before")
    upload = SqlToTikTokOperator(
        task_id="sql", sql="SELECT 1", sql_conn_id="shop", parameters=Hidden(["a"]), retries=3, dag=dag,
        retry_delay=timedelta(minutes=1), mapping={"user.email": ["a", "b"]}, defaults={"event": "Purchase"},
        event_source_id=before.output, max_in_flight="auto", max_event_age=timedelta(days=7), pool="small",
        on_failure_callback=lambda context: None, trigger_rule="all_done", page_size=500, doc_md="what",
    )
    SqlToLiveRampOperator(task_id="sql_lr", sql=before.output, sql_conn_id="shop", max_in_flight=2)
    FilesToTikTokOperator(task_id="files", path=Path("x.csv"), csv_columns=["a"], max_rejected=5)
    FilesToLiveRampOperator(task_id="files_lr", path=["x.csv", "y.csv"], pass_on={"a": "ttp"})
    PythonToTikTokOperator(task_id="python", python_callable=list, op_args=[1], is_repeatable=True)
    PythonToLiveRampOperator(task_id="python_lr", python_callable=list, op_kwargs=before.output)
    TikTokSendEventsOperator(task_id="events", events=before.output, test_event_code="TEST1", execution_timeout=None)
    TikTokSendEventOperator(task_id="event", event_name=before.output, user={"email": "a@example.com"})
    TikTokTestEventOperator(task_id="test", event={"event": "Purchase"}, demo_mode=True)
    LiveRampSendEventsOperator(task_id="events_lr", events=[], max_events_per_request=5, event_manager=["tiktok"])
    LiveRampRefreshEnvelopesOperator(task_id="refresh", path=before.output, output_path=Path("out.jsonl"))
    TikTokListPixelsOperator(task_id="pixels", name="Shop", retries=1)
    TikTokGetPixelOperator(task_id="pixel", pixel_code=before.output, missing_ok=True)
    TikTokPixelSensor(task_id="wait", require_active=True, poke_interval=60, mode="reschedule", soft_fail=True)
    TikTokEventsReceivedSensor(
        task_id="received", first_day=date(2026, 11, 23), min_events=before.output,
        poke_interval=timedelta(hours=1), timeout=timedelta(hours=12), deferrable=True,
    )
    SqlToTikTokOperator.partial(task_id="mapped", sql_conn_id="shop").expand(sql=["SELECT 1"])

@tiktok_events_task(mapping={"event": "name"}, retries=2, is_repeatable=True)
def rows() -> list[dict[str, str]]:
    return []

@liveramp_events_task(task_id="named", strict_event_types=True)
def more_rows() -> list[dict[str, str]]:
    return []
"""

# Line by line: what is wrong, and what mypy must say of it.
WRONG = {
    'SqlToTikTokOperator(task_id="a", sql="x", sql_conn_id="y", max_reject=1)': "max_reject",
    'SqlToTikTokOperator(task_id="b", sql="x", sql_conn_id="y", max_rejected="1")': '"max_rejected"|"str".*"int"',
    'SqlToTikTokOperator(task_id="c", sql="x", sql_conn_id="y", event_source_ids="x")': "event_source_ids",
    'SqlToTikTokOperator(task_id="d", sql="x", sql_conn_id="y", retrys=1)': "retrys",
    'SqlToTikTokOperator(task_id="e", sql="x", sql_conn_id="y", retries="1")': '"retries"|"str".*"int',
    'SqlToTikTokOperator(task_id="f", sql="x", sql_conn_id="y", strict_event_types=True)': "strict_event_types",
    'SqlToTikTokOperator(task_id="g", sql_conn_id="y")': '"sql"',
    'SqlToTikTokOperator(task_id="h", sql="x", sql_conn_id="y", event_source_id=5)': '"int".*XComArg',
    'SqlToTikTokOperator(task_id="i", sql="x", sql_conn_id="y", max_event_age=28)': '"int".*"timedelta"',
    'SqlToTikTokOperator(task_id="j", sql="x", sql_conn_id="y", max_in_flight="many")': "max_in_flight|Literal",
    'SqlToLiveRampOperator(task_id="k", sql="x", sql_conn_id="y", tiktok_conn_id="z")': "tiktok_conn_id",
    'FilesToTikTokOperator(task_id="l", path="x", csv_delimeter=",")': "csv_delimeter",
    'FilesToLiveRampOperator(task_id="m", path="x", max_events_per_request="20")': '"str".*"int"',
    'PythonToTikTokOperator(task_id="n", python_callable=list, is_repeatable="yes")': '"str".*"bool"',
    'PythonToLiveRampOperator(task_id="o", python_callable=list, op_argv=[])': "op_argv",
    'TikTokSendEventsOperator(task_id="p", events=[], mapping=["a"])': "list.*Mapping",
    'TikTokSendEventOperator(task_id="q", event={}, require_page_urls=True)': "require_page_urls",
    'TikTokTestEventOperator(task_id="r", event={}, test_code="x")': "test_code",
    'LiveRampSendEventsOperator(task_id="s", events=[], pass_on="ttp")': '"str".*Mapping',
    'LiveRampRefreshEnvelopesOperator(task_id="t", envelopes=[], page_size="100")': '"str".*"int"',
    'TikTokListPixelsOperator(task_id="u", pixelcode="x")': "pixelcode",
    'TikTokGetPixelOperator(task_id="v", missing_ok="no")': '"str".*"bool"',
    'TikTokPixelSensor(task_id="w", require_activ=True)': "require_activ",
    'TikTokPixelSensor(task_id="x", timeout="1h")': '"str".*"timedelta',
    'TikTokEventsReceivedSensor(task_id="y", first_day="2026-11-23", tiktok_connection="x")': "tiktok_connection",
    'TikTokEventsReceivedSensor(task_id="z", first_day=20261123)': '"int".*"date',
    "tiktok_events_task(maping={})": "maping",
    'liveramp_events_task(max_rejected="0")': '"str".*"int"',
}


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
def test_mypy_finds_misspelt_and_mistyped_arguments(tmp_path: Path) -> None:
    """Of a DAG file mypy reports each wrong argument at its line, and nothing of a right one."""
    dag_file = tmp_path / "some_dag.py"
    dag_file.write_text(RIGHT + "\n".join(WRONG) + "\n")
    mypy = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        "--no-error-summary",
        "--hide-error-context",
    ]
    done = subprocess.run(
        [*mypy, f"--cache-dir={tmp_path / 'cache'}", "--follow-imports=silent", str(dag_file)],
        cwd=PROJECT,
        env={"PYTHONPATH": str(PROJECT), "MYPYPATH": str(PROJECT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    reports: dict[int, str] = {}
    for line, text in re.findall(r"^.*some_dag\.py:(\d+): error: (.*)$", done.stdout, re.MULTILINE):
        reports[int(line)] = reports.get(int(line), "") + text
    first = RIGHT.count("\n") + 1
    assert {line: text for line, text in reports.items() if line < first} == {}, done.stdout + done.stderr
    for line, (wrong, expected) in enumerate(WRONG.items(), start=first):
        assert re.search(expected, reports.get(line, "")), f"{wrong}: {reports.get(line)}"
