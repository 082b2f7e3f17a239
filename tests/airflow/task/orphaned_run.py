# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A supervisor and its task, each a process: ``python -m tests.airflow.task.orphaned_run FOLDER``.

The task says in ``started`` that it sends, and in ``receipt.json`` how it ended.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow_provider_tiktok.conversions.answers import Answer, Verdict
from airflow_provider_tiktok.conversions.batching import Batch, Encoded, Limits
from airflow_provider_tiktok.conversions.identifiers import FIELDS, Identity, IdentityRules
from airflow_provider_tiktok.conversions.sources.records import RecordsSource
from airflow_provider_tiktok.operators.base import RECEIPT_KEY, DeliverEventsOperator
from tests.airflow.running import Task

EVENTS = 20_000


class SlowDestination:
    """Takes a hundredth of a second for each request of two events, and says when the first is sent."""

    name = address = "nowhere"
    limits = Limits(max_events=2)
    identity = Identity(table=FIELDS, rules=IdentityRules())
    columns = None

    def __init__(self, started: Path) -> None:
        self.started = started

    def check(self, event: Any) -> Any:
        return event.violations

    def encode(self, event: Any) -> Encoded:
        return Encoded(body=f'"{event.event_id}"'.encode())

    def record(self, event: Any) -> dict[str, Any]:
        return {"event_id": event.event_id}

    def send(self, _: Batch) -> Answer:
        self.started.touch()
        time.sleep(0.01)
        return Answer(verdict=Verdict.ACCEPTED)


class SendSlowly(DeliverEventsOperator):
    """A task that would take nearly half a minute."""

    def __init__(self, *, folder: Path, **kwargs: Any) -> None:
        super().__init__(task_id="send", **kwargs, dead_letter_path=str(folder / "letters.jsonl"))
        self.folder = folder

    def open_source(self) -> RecordsSource:
        events = range(EVENTS)
        return RecordsSource(
            [{"event": "Purchase", "event_time": 1_764_000_000, "event_id": str(n)} for n in events]
        )

    @contextmanager
    def open_destination(self, stop: Any, *, context: Any) -> Iterator[SlowDestination]:
        yield SlowDestination(self.folder / "started")


def run_task(folder: Path) -> None:
    """Send, and leave the receipt."""
    task = Task()
    try:
        SendSlowly(folder=folder).execute(task.context)
    finally:
        written = folder / "receipt.json.part"
        written.write_text(json.dumps(task.pushed.get(RECEIPT_KEY)))
        written.rename(folder / "receipt.json")


if __name__ == "__main__":
    if sys.argv[2:] == ["task"]:
        run_task(Path(sys.argv[1]))
    else:
        subprocess.run(
            [sys.executable, "-m", "tests.airflow.task.orphaned_run", sys.argv[1], "task"], check=False
        )
