# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from airflow_provider_tiktok.get_provider_info import get_provider_info
from airflow_provider_tiktok.links.tiktok import EventsManagerLink, leave_link
from airflow_provider_tiktok.operators.pixels import TikTokGetPixelOperator
from airflow_provider_tiktok.operators.tiktok import TikTokSendEventsOperator
from airflow_provider_tiktok.sensors.tiktok import TikTokEventsReceivedSensor, TikTokPixelSensor
from airflow_provider_tiktok.simulator import DEFAULT_ADVERTISER_ID, DEFAULT_PIXEL_CODE, Simulator
from tests.airflow.running import Task
from tests.end_to_end.dag_runs import state_of

DAG = """
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_tiktok.operators.pixels import TikTokGetPixelOperator

with DAG("linked", schedule=None) as dag:
    TikTokGetPixelOperator(task_id="get")
"""

DEMO_DAG = """
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_tiktok.operators.pixels import TikTokGetPixelOperator
from airflow_provider_tiktok.operators.tiktok import TikTokSendEventsOperator
from airflow_provider_tiktok.sensors.tiktok import TikTokPixelSensor

with DAG("linked_demo", schedule=None) as dag:
    for kind in (TikTokGetPixelOperator, TikTokSendEventsOperator, TikTokPixelSensor):
        kind(task_id=kind.__name__, demo_mode=True)
"""


def left(task: Task) -> str:
    return str(task.pushed[EventsManagerLink.xcom_key])


def test_link_names_pixel_and_advertiser(task: Task):
    """The address is on TikTok's own host and holds both ids, and nothing else of the connection."""
    leave_link(task.context, advertiser_id="7000000000000000001", pixel_code="C0FFEE")
    address = urlsplit(left(task))
    assert (address.scheme, address.hostname) == ("https", "ads.tiktok.com")
    assert "/C0FFEE" in address.path
    assert "7000000000000000001" in address.query


def test_ids_cannot_lead_elsewhere(task: Task):
    """What stands in a connection is quoted: an id with a slash or a query stays an id."""
    leave_link(task.context, advertiser_id="1&x=2", pixel_code="../../evil?{advertiser_id}")
    address = urlsplit(left(task))
    assert address.path.endswith("/..%2F..%2Fevil%3F%7Badvertiser_id%7D")
    assert address.query == "org_id=1%26x%3D2"


def test_deployment_may_name_another_address(task: Task, monkeypatch: pytest.MonkeyPatch):
    """TikTok documents no address, so a deployment can set one, with or without ids in it."""
    monkeypatch.setenv(
        "AIRFLOW__TIKTOK__EVENTS_MANAGER_URL", "https://example.com/{advertiser_id}/p/{pixel_code}?a=1"
    )
    leave_link(task.context, advertiser_id="1", pixel_code="C1")
    assert left(task) == "https://example.com/1/p/C1?a=1"


def test_button_leads_where_the_task_said(
    run_dag: Callable[..., Any], read_database: Callable[..., Any], tiktok: Simulator
):
    """The address that the task left early is still there, unchanged, when Airflow has asked the link for it."""
    run_dag(DAG, dag_id="linked")
    ((url,),) = read_database(
        "SELECT value FROM xcom WHERE dag_id = 'linked' AND key = ?", EventsManagerLink.xcom_key
    )
    assert f"/{DEFAULT_PIXEL_CODE}?org_id={DEFAULT_ADVERTISER_ID}" in str(url)


def test_the_button_is_quiet_in_demo_mode(
    run_dag: Callable[..., Any],
    read_database: Callable[..., Any],
    tiktok: Simulator,
    caplog: pytest.LogCaptureFixture,
):
    """The simulator's pixel is in nobody's Events Manager: there is no address, and no error in the log."""
    run = run_dag(DEMO_DAG, dag_id="linked_demo")
    assert state_of(run) == "success"
    found = read_database(
        "SELECT value FROM xcom WHERE dag_id = 'linked_demo' AND key = ?", EventsManagerLink.xcom_key
    )
    assert not any(json.loads(value) if value else None for (value,) in found)
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


def test_tasks_about_a_pixel_have_the_button():
    """Every operator and sensor that knows one pixel has the link, and Airflow is told of its class."""
    for operator in (TikTokGetPixelOperator, TikTokPixelSensor, TikTokEventsReceivedSensor):
        assert [type(link) for link in operator.operator_extra_links] == [EventsManagerLink]
    path = f"{EventsManagerLink.__module__}.{EventsManagerLink.__qualname__}"
    assert path in get_provider_info()["extra-links"]


@pytest.mark.parametrize(("event_source", "is_left"), [("web", True), ("offline", False)])
def test_a_task_that_sends_web_events_leads_to_their_pixel(
    event_source: str, is_left: bool, tiktok: Simulator, task: Task, tmp_path: Path
):
    """The pixel that events went to is a button away; an event set has no page that is known."""
    operator = TikTokSendEventsOperator(
        task_id="send",
        events=[],
        event_source=event_source,
        dead_letter_path=str(tmp_path / "letters.jsonl"),
    )
    operator.execute(task.context)
    assert (EventsManagerLink.xcom_key in task.pushed) is is_left
    assert not is_left or DEFAULT_PIXEL_CODE in left(task)
