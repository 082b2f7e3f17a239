# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import MagicMock

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

import airflow_provider_tiktok
from airflow_provider_tiktok.exceptions import PermanentFailure
from airflow_provider_tiktok.operators.tiktok import TikTokSendEventsOperator
from airflow_provider_tiktok.service.events_api import make_events_api_dag
from airflow_provider_tiktok.simulator import DEFAULT_ATS_CONFIG_ID, Simulator
from airflow_provider_tiktok.task.contexts import complete_context
from airflow_provider_tiktok.transfers.files_to_tiktok import FilesToTikTokOperator
from tests.airflow.running import Task

BARE = {
    "empty": dict,
    "mock": MagicMock,
    "none": lambda: None,
    "ti is a mock": lambda: {"ti": MagicMock()},
    "ti is none": lambda: {"ti": None},
    "ti has one method": lambda: {"ti": SimpleNamespace(xcom_push=lambda key, value: None)},
    "ti has no method": lambda: {"ti": object()},
    "ti has names alone": lambda: {"ti": SimpleNamespace(dag_id="shop", run_id="manual", task_id="send")},
    "all are mocks": lambda: {name: MagicMock() for name in ("ti", "task_state_store", "outlet_events")},
    "other names": lambda: {"ds": "2026-11-27", "params": {}},
}


@pytest.fixture(params=BARE.values(), ids=BARE.keys())
def context(request: pytest.FixtureRequest) -> Any:
    """What a DAG author's unit test may call ``execute`` with."""
    return request.param()


class Case(NamedTuple):
    """How one operator is made, and what a unit test of it sees.

    :param result: what holds of its result; ``None`` where it fails.
    :param failure: what its own failure says.
    """

    arguments: dict[str, Any]
    result: Callable[[Any], Any] | None = None
    failure: str = ""


def web_events() -> list[dict[str, Any]]:
    """What a user's function gives."""
    at = int(time.time()) - 60
    page = {"url": "https://shop.example.com/thanks"}
    user = {"email": "person@example.com", "envelope": "AgSession-1"}
    return [{"event": "Purchase", "event_time": at, "event_id": "o-1", "user": user, "page": page}]


SQL: dict[str, Any] = {
    "sql": "SELECT * FROM orders",
    "sql_conn_id": "shop",
    "mapping": {"event_time": "at", "user.email": "email", "user.envelope": "envelope", "event_id": "id"},
    "defaults": {"event": "Purchase", "page.url": "https://shop.example.com/thanks"},
}
FILES: dict[str, Any] = {"path": "{folder}/day.jsonl"}
CALL: dict[str, Any] = {"python_callable": web_events}


def is_accepted(receipt: Any) -> bool:
    """Whether one event, or a sample, arrived."""
    return bool(receipt["accepted"])


CASES: dict[str, Case] = {
    "FilesToLiveRampOperator": Case(FILES, is_accepted),
    "FilesToTikTokOperator": Case(FILES, is_accepted),
    "LiveRampPreviewOperator": Case({**FILES, "must_be_ready": True}, lambda shown: shown["can_be_sent"]),
    "LiveRampRefreshEnvelopesOperator": Case({}, failure="sql"),
    "LiveRampSendEventsOperator": Case({"events": web_events()}, is_accepted),
    "PythonToLiveRampOperator": Case(CALL, is_accepted),
    "PythonToTikTokOperator": Case(CALL, is_accepted),
    "SplitFilesOperator": Case(FILES, lambda parts: len(parts) == 1),
    "SplitQueryOperator": Case(
        {"sql_conn_id": "shop", "table": "orders", "key": "id", "parts": 1}, lambda parts: len(parts) == 1
    ),
    "SqlToLiveRampOperator": Case(SQL, is_accepted),
    "SqlToTikTokOperator": Case(SQL, is_accepted),
    "TikTokEventsReceivedSensor": Case({"first_day": "{yesterday}"}, lambda seen: seen["server_events"]),
    "TikTokGetPixelOperator": Case({}, lambda pixel: pixel["pixel_code"]),
    "TikTokListPixelsOperator": Case({}, len),
    "TikTokPixelSensor": Case({}, lambda seen: seen["pixel_code"]),
    "TikTokPreviewOperator": Case({**FILES, "must_be_ready": True}, lambda shown: shown["can_be_sent"]),
    "TikTokReceiptOperator": Case({"of": "send"}, failure="Set of to the id of the task that sends"),
    "TikTokSendEventOperator": Case({"event": web_events()[0]}, is_accepted),
    "TikTokSendEventsOperator": Case({"events": web_events()}, is_accepted),
    "TikTokTestEventOperator": Case({"event": web_events()[0], "test_event_code": "TEST1"}, is_accepted),
    "_LiveRampEventsTask": Case(CALL, is_accepted),
    "_TikTokEventsTask": Case(CALL, is_accepted),
}

SERVICE = {
    "GetAskedPixel": "get_pixel_info",
    "GiveResult": "result",
    "ListAskedPixels": "list_pixels",
    "SendAskedEvent": "send_event",
    "SendAskedEvents": "send_batch_events",
    "SendAskedTestEvent": "test_event",
}
"""The operators that only the service's DAG makes, by their tasks."""


ELSEWHERE = {"example_dags", "plugins", "receipt_facet", "__main__"}
"""Modules that define DAGs, need more than every Airflow has, or run."""


def _find_operators() -> dict[str, Any]:
    """Every operator and sensor of the package that can be made, by its name."""
    found: dict[str, Any] = {}
    for module in pkgutil.walk_packages(airflow_provider_tiktok.__path__, "airflow_provider_tiktok."):
        if not ELSEWHERE & set(module.name.split(".")):
            found |= vars(importlib.import_module(module.name))
    return {
        name: kind
        for name, kind in found.items()
        if isinstance(kind, type)
        and issubclass(kind, BaseOperator)
        and kind.__module__.startswith("airflow_provider_tiktok.")
        and not inspect.isabstract(kind)
    }


OPERATORS = _find_operators()
BEHIND = {
    "AskedTask",
    "DeliverEventsOperator",
    "HidingOperator",
    "_Decorated",
    "_LookingTask",
    "_SendingTask",
}


def test_no_operator_is_left_out():
    """An operator that is new is tried in a unit test's context as well."""
    assert set(OPERATORS) - BEHIND == {*CASES, *SERVICE}


@pytest.fixture
def ready(
    tiktok: Simulator, define_connection: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Simulated TikTok and LiveRamp, a database and a file, as a unit test would have them; gives the folder."""
    extra = {"placement_id": "4242", "origin": "https://shop.example.com", "envelope_host": tiktok.url}
    define_connection(
        "liveramp_default", conn_type="liveramp", host=tiktok.url, password=DEFAULT_ATS_CONFIG_ID, extra=extra
    )
    define_connection("shop", conn_type="sqlite", host=str(tmp_path / "shop.db"))
    with closing(sqlite3.connect(tmp_path / "shop.db")) as shop, shop:
        shop.execute("CREATE TABLE orders (id, at, email, envelope)")
        row = ("o-1", int(time.time()) - 60, "person@example.com", "AgSession-1")
        shop.execute("INSERT INTO orders VALUES (?, ?, ?, ?)", row)
    (tmp_path / "day.jsonl").write_text(json.dumps(web_events()[0]))
    monkeypatch.setenv("AIRFLOW__TIKTOK__DEAD_LETTER_FOLDER", str(tmp_path / "letters"))
    TikTokSendEventsOperator(task_id="before", events=web_events()).execute(Task().context)
    return tmp_path


@pytest.mark.parametrize("name", CASES)
def test_operators_run_in_a_unit_test(name: str, context: Any, ready: Path):
    """The result is the operator's own, whatever the context lacks; and so is its failure."""
    case = CASES[name]
    known = {**case.arguments, "task_id": "upload"}
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
    for argument in {"path", "first_day"} & set(known):
        known[argument] = known[argument].format(folder=ready, yesterday=yesterday)
    operator = OPERATORS[name](**known)
    if case.result is None:
        with pytest.raises(PermanentFailure, match=case.failure):
            operator.execute(context)
    else:
        assert case.result(operator.execute(context))


@pytest.mark.parametrize("task_id", SERVICE.values())
def test_the_service_runs_in_a_unit_test(task_id: str, context: Any):
    """Its tasks take what its DAG's form says where a run says nothing: a sample, in demo mode."""
    task = make_events_api_dag(tiktok_conn_id="none").get_task(task_id)
    has_results = isinstance(context, MagicMock) or isinstance((context or {}).get("ti"), MagicMock)
    if task_id == "result" and not has_results:
        with pytest.raises(AirflowFailException, match="See the log of the task"):
            task.execute(context)
    else:
        assert task.execute(context)


def test_failures_are_the_operators_own(context: Any, tmp_path: Path):
    """A unit test of a mistake sees that mistake, and where there is a receipt it is pushed."""
    operator = FilesToTikTokOperator(
        task_id="send", path=str(tmp_path / "none" / "*.csv"), demo_mode=True, tiktok_conn_id="none"
    )
    with pytest.raises(PermanentFailure, match="matches none"):
        operator.execute(context)


def test_a_mock_sees_what_is_pushed():
    """A unit test may look at what its task instance was given."""
    task = MagicMock()
    receipt = TikTokSendEventsOperator(task_id="send", demo_mode=True, tiktok_conn_id="none").execute(
        {"ti": task}
    )
    task.xcom_push.assert_called_once_with(key="receipt", value=receipt)


def test_airflows_own_context_is_left_as_it_is():
    """Nothing is taken from it, and nothing added."""
    context = Task().context
    assert complete_context(context, task_id="send") is context
