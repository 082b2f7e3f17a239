# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok.service.events_api import make_events_api_dag
from airflow_provider_tiktok.service.inputs import TASKS, form_fields

EXAMPLE = Path(__file__).parents[3] / "example_dags" / "tiktok_events_api.py"


def test_dag_has_a_path_for_each_task_and_one_result() -> None:
    """Every task of the input is a task of the DAG, and all paths meet in one."""
    dag = make_events_api_dag()
    assert set(dag.task_ids) == {"choose_task", *TASKS, "result"}
    assert [task.task_id for task in dag.leaves] == ["result"]
    assert dag.get_task("choose_task").downstream_task_ids == set(TASKS)


def test_form_is_the_dags() -> None:
    """The DAG's params are the input's fields with their defaults."""
    dag = make_events_api_dag()
    assert dict(dag.params) == {name: field["default"] for name, field in form_fields().items()}


@pytest.mark.parametrize(
    ("task_id", "name"),
    [
        ("send_event", "TikTokSendEventOperator"),
        ("send_batch_events", "TikTokSendEventsOperator"),
        ("test_event", "TikTokTestEventOperator"),
        ("list_pixels", "TikTokListPixelsOperator"),
        ("get_pixel_info", "TikTokGetPixelOperator"),
    ],
)
def test_tasks_bear_the_names_of_their_operators(task_id: str, name: str) -> None:
    """Airflow shows the operator that a reader can look up, not a class of this DAG alone."""
    assert make_events_api_dag().get_task(task_id).operator_name == name


def test_team_has_its_own() -> None:
    """A team's DAG has the team's id, connections, folder and sending arguments."""
    dag = make_events_api_dag(
        "shop",
        tiktok_conn_id="shop_tiktok",
        result_webhook_conn_id="shop_hook",
        events_folder="s3://shop/out",
        sending={"default_region": "US"},
        tags=["shop"],
    )
    assert (dag.dag_id, set(dag.tags)) == ("shop", {"shop"})
    assert {task.tiktok_conn_id for task in dag.tasks if hasattr(task, "tiktok_conn_id")} == {"shop_tiktok"}
    batch: Any = dag.get_task("send_batch_events")
    assert (batch.events_folder, batch.default_region) == ("s3://shop/out", "US")
    result: Any = dag.get_task("result")
    assert result.result_webhook_conn_id == "shop_hook"


def test_the_result_is_the_dags_where_airflow_knows_such() -> None:
    """From Airflow 3.3 on the DAG's result is that of the task ``result``."""
    dag = make_events_api_dag()
    marked = [task.task_id for task in dag.tasks if getattr(task, "returns_dag_result", False)]
    assert marked == (["result"] if hasattr(dag, "add_result") else [])


def test_example_runs_without_anything(
    run_dag: Callable[..., Any], read_database: Callable[..., list[tuple[Any, ...]]]
) -> None:
    """The example DAG, started without any input and connection, sends a sample in demo mode."""
    ended = run_dag(EXAMPLE.read_text(), dag_id="tiktok_events_api")
    assert str(getattr(ended.state, "value", ended.state)) == "success"
    states = read_database(
        "SELECT task_id, state FROM task_instance WHERE dag_id = 'tiktok_events_api' AND state <> 'skipped'"
    )
    assert dict(states) == {"choose_task": "success", "send_event": "success", "result": "success"}


@pytest.mark.parametrize("task_id", ["send_event", "send_batch_events", "test_event"])
def test_nothing_of_the_input_is_rendered(task_id: str) -> None:
    """No template of the DAG names a field of the input, so none is stored a second time."""
    task = make_events_api_dag().get_task(task_id)
    rendered = [str(getattr(task, name)) for name in task.template_fields]
    assert not [text for text in rendered if "params" in text]
