# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Where a killed task's position is kept: Airflow's task state, from version 3.3.

Task state is visible to everyone who may see the task. What is kept is a fingerprint and counts.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

log = logging.getLogger(__name__)

KEY = "airflow_provider_tiktok.checkpoint"


class TaskStateCheckpoints:
    """The library's checkpoint store over ``context["task_state_store"]``.

    A store that fails costs repeats, which TikTok removes, and never an event: so its failures are logged
    and the run goes on.

    :param store: Airflow's accessor, with ``get``, ``set`` and ``delete``.
    """

    def __init__(self, store: Any) -> None:
        self._store = store

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

    def clear(self) -> None:
        """Forget the state."""
        try:
            self._store.delete(KEY)
        except Exception as error:
            log.warning(
                "The checkpoint cannot be removed (%s): clearing this task will not send its events again.",
                type(error).__name__,
            )


def checkpoints_of(context: Mapping[str, Any]) -> TaskStateCheckpoints | None:
    """The running task's checkpoint store, ``None`` where this Airflow keeps no task state."""
    store = context.get("task_state_store")
    if store is None:
        log.info(
            "This Airflow keeps no task state (3.3 and later do): a retry of this task sends all events "
            "again, with the same ids."
        )
        return None
    return TaskStateCheckpoints(store)
