# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What an operator sees of a running task."""

from __future__ import annotations

from typing import Any


class Task:
    """Stands in for a task instance where a test needs no Airflow: names, and XCom as a mapping."""

    def __init__(self, *, map_index: int = -1) -> None:
        self.dag_id, self.run_id, self.task_id, self.map_index = "shop", "manual", "send", map_index
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, *, key: str, value: Any) -> None:
        """Keep the value under its key."""
        self.pushed[key] = value

    @property
    def context(self) -> Any:
        """The context that the task's operator is run with."""
        return {"ti": self}
