# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Where a killed task's position is kept: Airflow's task state, from version 3.3.

Task state is visible to everyone who may see the task. What is kept is a fingerprint and counts.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from airflow_provider_tiktok.task.supervision import Supervision

log = logging.getLogger(__name__)

KEY = "airflow_provider_tiktok.checkpoint"


class TaskStateCheckpoints:
    """The library's checkpoint store over ``context["task_state_store"]``.

    A store that fails costs repeats, which TikTok removes, and never an event: so its failures are logged
    and the run goes on, as long as the supervision has hope.

    :param store: Airflow's accessor, with ``get`` and ``set``.
    :param tries: what a try has in common with its retries, as ``tries_of`` gives it.
    :param supervision: told of every success and failure, ``None`` for nobody.
    """

    def __init__(self, store: Any, *, tries: str, supervision: Supervision | None = None) -> None:
        self._store = store
        self._supervision = supervision
        self.tries = tries

    def load(self) -> dict[str, Any] | None:
        """What was saved last, ``None`` for nothing."""
        try:
            state = self._store.get(KEY)
        except Exception as error:  # every backend has errors of its own
            log.warning(
                "The checkpoint cannot be read (%s): all events are sent again.", type(error).__name__
            )
            return None
        return state if isinstance(state, dict) else None

    def save(self, state: dict[str, Any]) -> None:
        """Keep this state; it replaces the one before."""
        try:
            self._store.set(KEY, state)
        except Exception as error:
            log.warning("The checkpoint cannot be written (%s): a retry repeats more.", type(error).__name__)
            if self._supervision is not None:
                self._supervision.failed(error)
        else:
            if self._supervision is not None:
                self._supervision.answered()


def checkpoints_of(
    context: Mapping[str, Any], *, supervision: Supervision | None = None
) -> TaskStateCheckpoints | None:
    """The running task's checkpoint store, ``None`` where this Airflow keeps no task state.

    :param supervision: told whether the store answers.
    """
    store = context.get("task_state_store")
    if store is None:
        log.info(
            "This Airflow keeps no task state (3.3 and later do): a retry of this task sends all events "
            "again, with the same ids."
        )
        return None
    return TaskStateCheckpoints(store, tries=tries_of(context["ti"]), supervision=supervision)


def tries_of(task: Any) -> str:
    """What a try has in common with its retries, and not with a run of the cleared task.

    Airflow keeps the state of a task that is cleared, and counts its tries on. But then it sets ``max_tries``
    to the last try plus the task's retries, which is more than it was; a retry leaves it as it is. With the
    retries beside it, a DAG that was given others between the two cannot make them look alike.

    A task cleared *while it runs* is retried by Airflow rather than begun anew, and counts as a retry here.
    """
    retries = getattr(getattr(task, "task", None), "retries", None)
    return f"{getattr(task, 'max_tries', None)}/{retries}"
