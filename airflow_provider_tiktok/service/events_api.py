# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The DAG of the service, to be made as often as there are teams, each with its own ids and connections."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, TriggerRule, task

from airflow_provider_tiktok.service.inputs import form_fields
from airflow_provider_tiktok.service.tasks import (
    CHOOSE,
    GetAskedPixel,
    GiveResult,
    ListAskedPixels,
    SendAskedEvent,
    SendAskedEvents,
    SendAskedTestEvent,
    choose_task,
)

DAG_ID = "tiktok_events_api"

_DOC = """
Sends one event or many to TikTok, tests one, or looks pixels up: `task` says which. The result is the return
value of the task `result`. **Demo mode is on unless the input turns it off.**
"""


def make_events_api_dag(
    dag_id: str = DAG_ID,
    *,
    tiktok_conn_id: str = "tiktok_default",
    result_webhook_conn_id: str | None = None,
    webhook_hosts: Collection[str] | None = None,
    events_folder: str | None = None,
    sending: Mapping[str, Any] | None = None,
    **dag_arguments: Any,
) -> DAG:
    """A DAG that does any of the service's tasks and returns one result.

    :param tiktok_conn_id: connection of type ``tiktok``. In demo mode it need not exist.
    :param result_webhook_conn_id: connection of the webhook that gets the result where the input names no
        other; its password is the secret of the signature. An address of the input gets no signature.
    :param webhook_hosts: names of the hosts that ``webhookUrl`` may lead to, besides the connection's server.
        ``None``: that server alone; without a connection any, so that whoever may start a run can have a
        worker post its result anywhere that the worker reaches.
    :param events_folder: folder, local or in object storage, below which ``eventsPath`` may name files;
        ``None``: it may not.
    :param sending: arguments for the tasks that send, such as ``{"default_region": "US"}``.
    :param dag_arguments: of the DAG; it has no schedule.
    """
    settings: dict[str, Any] = {"catchup": False, "tags": ["tiktok"], "doc_md": _DOC}
    params = {name: Param(**field) for name, field in form_fields().items()}
    with DAG(dag_id, schedule=None, params=params, **{**settings, **dag_arguments}) as dag:
        of_connection: dict[str, Any] = {"tiktok_conn_id": tiktok_conn_id}
        of_sending = {**of_connection, **(sending or {})}
        paths = [
            SendAskedEvent(task_id="send_event", **of_sending),
            SendAskedEvents(task_id="send_batch_events", events_folder=events_folder, **of_sending),
            SendAskedTestEvent(task_id="test_event", **of_sending),
            ListAskedPixels(task_id="list_pixels", **of_connection),
            GetAskedPixel(task_id="get_pixel_info", **of_connection),
        ]
        result = GiveResult(
            task_id="result",
            trigger_rule=TriggerRule.ALL_DONE,
            result_webhook_conn_id=result_webhook_conn_id,
            webhook_hosts=webhook_hosts,
            **of_connection,
        )
        _choice(tiktok_conn_id) >> paths >> result
    if hasattr(dag, "add_result"):  # Airflow 3.3 and later: what /wait gives when it is asked for nothing
        dag.add_result(result.output)
    return dag


def _choice(tiktok_conn_id: str) -> Any:
    @task.branch(task_id=CHOOSE)
    def choose(**context: Any) -> str:
        return choose_task(context, conn_id=tiktok_conn_id)

    return choose()
