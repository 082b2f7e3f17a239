# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The tasks of the service's DAG: this package's operators, told by the run's input what to do.

The input is read inside the task. So what it holds is in no rendered field, no XCom and no log of ours;
that Airflow itself keeps a run's input in clear is told to the caller, by the form and in the log.
"""

from __future__ import annotations

import json
import logging
import time
from abc import abstractmethod
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Unpack, cast

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_tiktok.conversions.errors import ConversionsError
from airflow_provider_tiktok.exceptions import failing_as_airflow
from airflow_provider_tiktok.hooks.demo import demo_source_ids
from airflow_provider_tiktok.hooks.tiktok import TikTokHook
from airflow_provider_tiktok.notifications.webhook import failure_of, post_quietly
from airflow_provider_tiktok.operators.base import RECEIPT_KEY
from airflow_provider_tiktok.operators.pixels import TikTokGetPixelOperator, TikTokListPixelsOperator
from airflow_provider_tiktok.operators.tiktok import (
    TikTokSendEventOperator,
    TikTokSendEventsOperator,
    TikTokTestEventOperator,
)
from airflow_provider_tiktok.service.inputs import TASKS
from airflow_provider_tiktok.service.request import Request, path_below, read_request
from airflow_provider_tiktok.task.contexts import complete_context
from airflow_provider_tiktok.task.signatures import ShowsArguments
from airflow_provider_tiktok.task.sources import open_files

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_tiktok.conversions.chunks import Source
    from airflow_provider_tiktok.task.arguments import Rendered, TaskArguments, TikTokArguments

log = logging.getLogger(__name__)

FAILURE_KEY = "failure"
"""XCom key of what failed: ``kind`` and ``message``, without values."""


class AskedTask(BaseOperator):
    """A task that is told by the run's input what to do, and leaves in XCom why it could not."""

    tiktok_conn_id: Rendered[str]

    @abstractmethod
    def take(self, request: Request, *, now: int) -> None:
        """Set the task up for what the run was asked to do.

        :param now: time of the run, Unix seconds.
        """

    def execute(self, context: Context) -> Any:
        """The result of the operator, set up for this run."""
        context = _completed(context, task=self)
        try:
            with failing_as_airflow():
                self.take(read_run(context, conn_id=self.tiktok_conn_id), now=run_time(context))
            return super().execute(context)
        except Exception as error:
            context["ti"].xcom_push(key=FAILURE_KEY, value=failure_of(error))
            raise


class _SendingTask(AskedTask):
    """What the sending tasks have in common."""

    demo_mode: bool | None
    event_source_id: Rendered[str | None]
    test_event_code: Rendered[str | None]
    identity_policy: str

    def take(self, request: Request, *, now: int) -> None:
        """Set up where the events go to."""
        self.demo_mode = request.is_demo or None
        self.event_source_id = request.pixel_code
        self.test_event_code = request.test_event_code
        self.identity_policy = request.identity_policy
        if request.has_sample:
            log.warning("Demo mode, and no event given: sample events are used.")
        if request.shows_personal_data:
            log.warning(
                "The input may hold raw identifiers, and Airflow keeps it in clear: give their SHA-256 with "
                "isAlreadyHashed, or a file with eventsPath."
            )


class SendAskedEvent(_SendingTask, TikTokSendEventOperator):
    """Sends the one event of the input."""

    custom_operator_name = TikTokSendEventOperator.__name__

    def take(self, request: Request, *, now: int) -> None:
        """Set up the event."""
        super().take(request, now=now)
        self.event = request.one_event(now=now)


class SendAskedTestEvent(_SendingTask, TikTokTestEventOperator):
    """Sends the one event of the input as a test."""

    custom_operator_name = TikTokTestEventOperator.__name__

    def take(self, request: Request, *, now: int) -> None:
        """Set up the event."""
        super().take(request, now=now)
        self.event = request.one_event(now=now)


class SendAskedEvents(_SendingTask, TikTokSendEventsOperator):
    """Sends the many events of the input, or of the file that it names.

    :param events_folder: below which files may be named; ``None``: none may.
    """

    custom_operator_name = TikTokSendEventsOperator.__name__

    def __init__(self, *, events_folder: str | None = None, **kwargs: Unpack[TikTokArguments]) -> None:
        super().__init__(events=None, **kwargs)
        self.events_folder = events_folder
        self._path: str | None = None

    def take(self, request: Request, *, now: int) -> None:
        """Set up the events."""
        super().take(request, now=now)
        if request.events_path:
            self._path = path_below(self.events_folder, request.events_path)
        else:
            self.events = request.many_events(now=now)

    def open_source(self) -> Source:
        """The file's records, or those of the input."""
        return open_files(self._path, below=self.events_folder) if self._path else super().open_source()


class _LookingTask(AskedTask):
    """What the tasks that look up pixels have in common."""

    demo_mode: bool | None
    advertiser_id: Rendered[str | None]

    def take(self, request: Request, *, now: int) -> None:
        """Set up whose pixels."""
        self.demo_mode = request.is_demo or None
        if request.is_demo and (request.advertiser_id or request.pixel_code):
            log.info("Demo mode: the sample advertiser and pixel take the place of those in the input.")
        self.advertiser_id = None if request.is_demo else request.advertiser_id


class ListAskedPixels(_LookingTask, TikTokListPixelsOperator):
    """Lists the advertiser's pixels."""

    custom_operator_name = TikTokListPixelsOperator.__name__


class GetAskedPixel(_LookingTask, TikTokGetPixelOperator):
    """Looks one pixel up."""

    custom_operator_name = TikTokGetPixelOperator.__name__

    def take(self, request: Request, *, now: int) -> None:
        """Set up which pixel."""
        super().take(request, now=now)
        self.pixel_code = demo_source_ids()["web"] if request.is_demo else request.pixel_code


class GiveResult(BaseOperator, ShowsArguments):
    """Returns what became of the run, whichever path it took, and tells the webhook.

    A run that failed has a result as well: the task leaves it, and fails.

    :param tiktok_conn_id: the connection that the other tasks use.
    :param result_webhook_conn_id: connection of the webhook; the input's address comes before its own, and
        gets no signature.
    :param webhook_hosts: hosts that the input's address may lead to, besides the connection's server;
        ``None``: that server alone, without a connection any.
    """

    def __init__(
        self,
        *,
        tiktok_conn_id: str,
        result_webhook_conn_id: str | None = None,
        webhook_hosts: Collection[str] | None = None,
        **kwargs: Unpack[TaskArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.webhook_hosts = webhook_hosts
        self.tiktok_conn_id = tiktok_conn_id
        self.result_webhook_conn_id = result_webhook_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """The result: task, demo mode, state; the receipt, the pixels or the pixel; the failure, if any."""
        context = _completed(context, task=self)
        params, task = context["params"], context["ti"]
        is_demo = params.get("demoMode") is not False or self._is_demo_connection()
        result = {"task": params.get("task"), "demo_mode": is_demo, **self._collect(params.get("task"), task)}
        message = {
            **{name: getattr(task, name) for name in ("dag_id", "run_id", "task_id", "try_number")},
            "state": result["state"],
            "result": result,
        }
        log.info("The result of the run:\n%s", json.dumps(result, indent=2, default=str))
        self._tell(message, url=params.get("webhookUrl") or None)
        if result["state"] == "failed":
            task.xcom_push(key="return_value", value=result)
            raise AirflowFailException(result["failure"]["message"] or _NO_WORDS)
        return result

    def _collect(self, asked: Any, task: Any) -> dict[str, Any]:
        task_id = asked if asked in TASKS else TASKS[0]
        found = task.xcom_pull(task_ids=task_id)
        shape = {"list_pixels": "pixels", "get_pixel_info": "pixel"}.get(task_id, "receipt")
        if found is not None:
            return {"state": "success", shape: found, "failure": None}
        failure = _first(task, FAILURE_KEY, of=(task_id, CHOOSE)) or _KILLED
        return {"state": "failed", shape: _first(task, RECEIPT_KEY, of=(task_id,)), "failure": dict(failure)}

    def _tell(self, message: Mapping[str, Any], *, url: str | None) -> None:
        post_quietly(
            message,
            url=url,
            conn_id=self.result_webhook_conn_id,
            hosts=self.webhook_hosts,
            is_from_input=True,
        )

    def _is_demo_connection(self) -> bool:
        with suppress(ConversionsError), TikTokHook(self.tiktok_conn_id) as hook:
            return hook.demo_mode
        return False


CHOOSE = "choose_task"

_KILLED: Mapping[str, str] = {
    "kind": "Unknown",
    "message": "See the log of the task: it ended without a word.",
}
_NO_WORDS = "See the log of the task that failed: its own words are left out, since they may hold values."


def choose_task(context: Mapping[str, Any], *, conn_id: str) -> str:
    """The id of the task that the input asks for.

    :raises AirflowFailException: the input is wrong; the reason is left in XCom.
    """
    try:
        with failing_as_airflow():
            return read_run(context, conn_id=conn_id).task
    except AirflowFailException as error:
        context["ti"].xcom_push(key=FAILURE_KEY, value=failure_of(error))
        raise


def _completed(context: Context, *, task: BaseOperator) -> Any:
    """The context as it is where Airflow made it, else with the form's own defaults where it has no input."""
    completed = complete_context(context, task_id=task.task_id)
    if isinstance(completed.get("params"), Mapping) and completed["params"]:
        return completed
    return {**completed, "params": cast("Any", task.params).dump()}


def read_run(context: Mapping[str, Any], *, conn_id: str) -> Request:
    """What this run was asked to do."""
    return read_request(dict(context["params"]), conn_id=conn_id)


def run_time(context: Mapping[str, Any]) -> int:
    """The time of the run, Unix seconds: the same in every try, also after a clear."""
    run = context.get("dag_run")
    for name in ("run_after", "queued_at", "start_date"):
        moment = getattr(run, name, None)
        if moment is not None:
            return int(moment.timestamp())
    return int(time.time())


def _first(task: Any, key: str, *, of: tuple[str, ...]) -> Any:
    found = (task.xcom_pull(task_ids=task_id, key=key) for task_id in of)
    return next((value for value in found if value is not None), None)
