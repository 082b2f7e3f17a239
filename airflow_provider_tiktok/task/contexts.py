# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The context that an operator runs with, also where no Airflow made one.

A DAG author's unit test calls ``execute`` with ``{}``, a mock, or a task instance of few methods. It is to
see what the operator does, not which of Airflow's names it needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast


class TaskAlone:
    """Stands in for the task instance: a run of one task, of which XCom is the caller's, if there is any.

    :param given: what the caller gave as task instance, ``None`` for nothing.
    """

    dag_id, run_id, map_index, try_number, max_tries = "no_dag", "no_run", -1, 1, 0

    def __init__(self, task_id: str, given: Any) -> None:
        self.task_id = task_id
        self._given = given

    def xcom_push(self, *, key: str, value: Any) -> None:
        """Hand on, or drop."""
        push = getattr(self._given, "xcom_push", None)
        if push is not None:
            push(key=key, value=value)

    def xcom_pull(self, **of: Any) -> Any:
        """What the caller's has, ``None`` otherwise."""
        pull = getattr(self._given, "xcom_pull", None)
        return None if pull is None else pull(**of)

    def get_task_states(self, **_: Any) -> dict[str, Any]:
        """There are no other tasks."""
        return {}


def complete_context(context: Any, *, task_id: str) -> Any:
    """The context as it is where Airflow made it, else what was given of one, with a task instance."""
    task = _task_of(context)
    has_names = all(isinstance(getattr(task, name, None), str) for name in ("dag_id", "run_id", "task_id"))
    if has_names and hasattr(task, "xcom_push"):
        return context
    given = cast("Mapping[str, Any]", context) if isinstance(context, Mapping) else {}
    return {**given, "ti": TaskAlone(task_id, task)}


def _task_of(context: Any) -> Any:
    if isinstance(context, Mapping):
        return cast("Mapping[str, Any]", context).get("ti")
    try:
        return context["ti"]
    except (TypeError, LookupError):
        return None
