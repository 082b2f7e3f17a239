# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""An upload whose process is killed, again and again, on a whole Airflow that retries it."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from airflow_provider_tiktok import simulator as tiktok
from tests.end_to_end.stack import Stack

N_GOOD = 50_000
N_BAD = 10
ROWS = range(1, N_GOOD + N_BAD + 1)
BATCH = 250
IN_FLIGHT = 4
ANSWER_TAKES_S = 0.6

REPEATED = IN_FLIGHT * BATCH * 3
"""What may come again: what was in flight, and what each sender sent in the second since the last checkpoint."""

KILLED_AFTER = (1, 2, 14, 15, 47, 80, 81, 120, 161, 195)
"""Requests that TikTok had accepted when the process was killed; 200 would carry the whole upload.

The first fall before anything was stored, some directly after a new start, the last on the last batches.
"""

DAG_ID = "killed_upload"
DAG = """
from datetime import timedelta

from airflow.sdk import DAG

from airflow_provider_tiktok.transfers.files_to_tiktok import FilesToTikTokOperator

with DAG({dag_id!r}, schedule=None) as dag:
    FilesToTikTokOperator(
        task_id="send",
        path={path!r},
        dead_letter_path={letters!r},
        tiktok_conn_id="killed_upload",
        max_events_per_request={batch},
        max_in_flight={in_flight},
        max_rejected={n_bad},
        retries={retries},
        retry_delay=timedelta(seconds=0.2),
    )
"""


class Upload(NamedTuple):
    """An upload that came to its end.

    :param repeats: events that each try sent and TikTok had already.
    """

    state: str
    tries: list[dict[str, Any]]
    receipt: dict[str, Any]
    repeats: list[int]
    ledger: dict[str, Any]
    accepted_ids: set[str | None]
    dead_letters: list[dict[str, Any]]


@pytest.fixture(scope="module")
def upload(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upload]:
    """50,000 events sent by one task that is killed at ten points."""
    folder = tmp_path_factory.mktemp("upload")
    path, letters = folder / "orders.jsonl", folder / "letters.jsonl"
    _write_orders(path)
    with tiktok.Simulator() as simulator:
        simulator.faults = [{"effect": {"delay_s": ANSWER_TAKES_S}}]
        stack.define_connection(
            "killed_upload",
            conn_type="tiktok",
            host=simulator.url,
            password=tiktok.DEFAULT_TOKEN,
            extra={"pixel_code": tiktok.DEFAULT_PIXEL_CODE},
        )
        stack.add_dag(_dag(path, letters), dag_id=DAG_ID)
        run_id = stack.trigger(DAG_ID)
        counted = _kill_at_each_point(stack, run_id, simulator)
        state = stack.wait(DAG_ID, run_id)["state"]
        counted.append(_repeats(simulator))
        yield Upload(
            state=state,
            tries=stack.tries(DAG_ID, run_id, "send"),
            receipt=stack.xcom(DAG_ID, run_id, "send", key="receipt"),
            repeats=[after - before for before, after in pairwise(counted)],
            ledger=simulator.ledger.summary()["live"],
            accepted_ids=set(simulator.ledger.event_ids()),
            dead_letters=[json.loads(line) for line in letters.read_text().splitlines()],
        )


def test_nothing_is_lost(upload: Upload) -> None:
    """Every event is accepted, whatever the points at which the process was killed."""
    assert upload.state == "success"
    assert upload.accepted_ids == {_event_id(number) for number in ROWS if not _is_bad(number)}
    assert upload.ledger["unique_events"] == N_GOOD


def test_every_kill_took_a_try(upload: Upload) -> None:
    """The process was killed as often as planned, each time in a new try."""
    states = [one["state"] for one in upload.tries]
    assert len(states) == len(KILLED_AFTER) + 1
    assert states[-1] == "success"
    assert "success" not in states[:-1]


def test_what_was_in_flight_and_one_second_is_all_that_is_repeated(upload: Upload) -> None:
    """After each kill few events come again, and they come with the same bytes."""
    assert max(upload.repeats) <= REPEATED
    assert sum(upload.repeats) == upload.ledger["repeats"] > 0
    assert upload.ledger["changed_resends"] == 0


def test_the_receipt_covers_the_whole_run(upload: Upload) -> None:
    """The last try's receipt counts the events of all tries, each once."""
    receipt = upload.receipt
    expected = {
        "rows": len(ROWS),
        "read": len(ROWS),
        "accepted": N_GOOD,
        "rejected": N_BAD,
        "unconfirmed": 0,
        "undelivered": 0,
    }
    assert {name: receipt[name] for name in expected} == expected
    assert receipt["is_complete"]
    assert receipt["resumed_from"] > N_GOOD // 2
    assert receipt["dead_letters"] == N_BAD


def test_every_bad_row_is_one_dead_letter(upload: Upload) -> None:
    """The dead letter file has each rejected row once, though many processes wrote it."""
    rows = [letter["row"] for letter in upload.dead_letters]
    assert sorted(rows) == [number for number in ROWS if _is_bad(number)]


def _kill_at_each_point(stack: Stack, run_id: str, simulator: tiktok.Simulator) -> list[int]:
    """Kill the task's process at each point; gives the repeats counted when each new try began.

    A new try needs seconds before it sends, so all that the killed one had sent is counted by then.
    """
    counted: list[int] = []
    pid: int | None = None
    for after in KILLED_AFTER:
        pid = stack.until(
            partial(_new_pid, stack, run_id, known=pid), what=f"try {len(counted) + 1} runs", timeout_s=60
        )
        counted.append(_repeats(simulator))
        stack.until(
            partial(_has_accepted, simulator, after), what=f"{after} requests", timeout_s=60, step_s=0.002
        )
        os.kill(pid, signal.SIGKILL)
    stack.until(partial(_new_pid, stack, run_id, known=pid), what="the last try runs", timeout_s=60)
    return [*counted, _repeats(simulator)]


def _new_pid(stack: Stack, run_id: str, *, known: int | None) -> int | None:
    task = stack.task(DAG_ID, run_id, "send")
    return task["pid"] if task["state"] == "running" and task["pid"] != known else None


def _has_accepted(simulator: tiktok.Simulator, n_requests: int) -> bool:
    return sum(record.code == 0 for record in simulator.requests) >= n_requests


def _repeats(simulator: tiktok.Simulator) -> int:
    return int(simulator.ledger.summary()["live"]["repeats"])


def _dag(path: Path, letters: Path) -> str:
    return DAG.format(
        dag_id=DAG_ID,
        path=str(path),
        letters=str(letters),
        batch=BATCH,
        in_flight=IN_FLIGHT,
        n_bad=N_BAD,
        retries=len(KILLED_AFTER),
    )


def _write_orders(path: Path) -> None:
    now = int(time.time()) - 3600
    with path.open("w") as file:
        for number in ROWS:
            order = {
                "event": "Purchase",
                "event_id": _event_id(number),
                "event_time": "soon" if _is_bad(number) else now,
                "email": f"person{number}@example.com",
                "eventSourceUrl": "https://shop.example.com/thanks",
                "value": 12.5,
                "currency": "USD",
            }
            file.write(f"{json.dumps(order)}\n")


def _event_id(number: int) -> str:
    return f"order-{number}"


def _is_bad(number: int) -> bool:
    return number % 5001 == 7
