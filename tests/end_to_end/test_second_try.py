# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Where one try ends and the next begins, on a whole Airflow: nothing lost, and nothing sent twice for no reason."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok.simulator import DEFAULT_PIXEL_CODE, Simulator
from tests.end_to_end.failing_xcom import refuse_once
from tests.end_to_end.orders import TOKEN
from tests.end_to_end.stack import Stack

DAG = """
from datetime import timedelta

from airflow.sdk import DAG

from airflow_provider_tiktok.transfers.files_to_tiktok import FilesToTikTokOperator


def note_causes(context):
    chain, error = [], context["exception"]
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    with open({causes!r}, "a") as file:
        print("no end" if error else type(chain[0]).__name__, file=file)


with DAG({dag_id!r}, schedule=None) as dag:
    FilesToTikTokOperator(
        task_id="send",
        path={path!r},
        dead_letter_path={letters!r},
        tiktok_conn_id="second_try",
        max_events_per_request=10,
        max_in_flight=2,
        max_rejected=1,
        retries=9,
        on_retry_callback=note_causes,
        on_failure_callback=note_causes,
        {code}
    )
"""

MAPPING = {
    "event_id": "id",
    "event_time": "at",
    "user.email": "email",
    "page.url": "url",
    "properties.description": "note",
}


class Upload:
    """One file, the DAG that sends it, and its run.

    :param n_events: good ones; the third row is a bad one.
    """

    def __init__(self, stack: Stack, simulator: Simulator, folder: Path, *, n_events: int) -> None:
        self.stack, self.simulator = stack, simulator
        self.dag_id = f"second_{folder.name}"
        self.letters = folder / "letters.jsonl"
        self._folder = folder
        self.n_events = n_events
        now = int(time.time()) - 3600
        rows: list[dict[str, Any]] = [
            {"id": f"o-{n}", "at": now, "email": f"p{n}@example.com", "url": "https://shop.example.com/"}
            for n in range(n_events + 1)
        ]
        rows[0]["note"] = "a column that later rows do not have"
        rows[2]["at"] = "soon"
        self._path = folder / "orders.jsonl"
        self._path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))

    def connect(self, token: str = TOKEN) -> None:
        """Define the connection."""
        self.stack.define_connection(
            "second_try",
            conn_type="tiktok",
            host=self.simulator.url,
            password=token,
            extra={"pixel_code": DEFAULT_PIXEL_CODE},
        )

    def start(self, code: str) -> str:
        """The id of a run that is under way."""
        self.connect()
        source = DAG.format(
            dag_id=self.dag_id,
            path=str(self._path),
            letters=str(self.letters),
            causes=str(self._folder / "causes.txt"),
            code=f"mapping={MAPPING!r}, defaults={{'event': 'PageView'}}, {code}",
        )
        self.stack.add_dag(source, dag_id=self.dag_id)
        return self.stack.trigger(self.dag_id)

    def pid(self, run_id: str) -> int:
        """The running task's process."""
        return int(self.stack.task(self.dag_id, run_id, "send")["pid"])

    def until_accepted(self, n_requests: int) -> None:
        """Wait until TikTok took so many requests."""
        self.stack.until(
            lambda: self.n_accepted >= n_requests,
            what=f"{n_requests} requests",
            timeout_s=90,
            step_s=0.01,
        )

    @property
    def n_accepted(self) -> int:
        """How many requests TikTok took."""
        return sum(one.code == 0 for one in self.simulator.requests)

    def receipt(self, run_id: str) -> dict[str, Any]:
        """The last try's."""
        receipt: dict[str, Any] = self.stack.xcom(self.dag_id, run_id, "send", key="receipt")
        return receipt

    def log(self, run_id: str, try_number: int) -> str:
        """What a try logged."""
        return self.stack.log(self.dag_id, run_id, "send", try_number=try_number)

    def clear(self, run_id: str) -> None:
        """Have the task run again, as a person does."""
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": ["send"],
            "only_failed": False,
            "reset_dag_runs": True,
        }
        self.stack.call("POST", f"/api/v2/dags/{self.dag_id}/clearTaskInstances", body)

    @property
    def ledger(self) -> tuple[int, int]:
        """Events that TikTok has, and how many came again."""
        live = self.simulator.ledger.summary()["live"]
        return live["unique_events"], live["repeats"]

    @property
    def causes(self) -> list[str]:
        """The kind of error that ended each failed try; ``no end`` for one that is among its own causes."""
        return (self._folder / "causes.txt").read_text().split("\n")[:-1]

    @property
    def letter_rows(self) -> list[int]:
        """The rows that have a letter."""
        return [json.loads(line)["row"] for line in self.letters.read_text().splitlines()]


class SilentOnce(BaseHTTPRequestHandler):
    """A webhook that never answers its first message."""

    n_posts = 0
    end = threading.Event()

    def do_POST(self) -> None:
        """Count, and answer all but the first."""
        type(self).n_posts += 1
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.n_posts == 1:
            self.end.wait(60)
            return
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def webhook() -> Iterator[str]:
    """The address of a webhook that never answers its first message."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), SilentOnce)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    SilentOnce.end.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def slow(simulator: Simulator) -> Simulator:
    """TikTok takes 0.4 seconds for each answer."""
    simulator.faults = [{"effect": {"delay_s": 0.4, "process": True}}]
    return simulator


def test_what_fails_after_a_delivery_sends_nothing_again(
    stack: Stack, simulator: Simulator, webhook: str, tmp_path: Path
) -> None:
    """A time-out during a silent webhook, then an XCom store that is away, twice: one receipt, no event twice.

    Cleared on purpose, the task sends all again.
    """
    upload = Upload(stack, simulator, tmp_path, n_events=40)
    run_id = upload.start(
        f"execution_timeout=timedelta(seconds=10), result_webhook_url={webhook!r}, "
        "retry_delay=timedelta(seconds=0.2)"
    )
    stack.until(lambda: SilentOnce.n_posts, what="the webhook is told", timeout_s=60)
    refuse_once(stack.home, dag_id=upload.dag_id, keys=("receipt", "return_value"))
    assert stack.wait(upload.dag_id, run_id)["state"] == "success"
    assert upload.causes == ["AirflowTaskTimeout", "OSError", "OSError"]
    assert SilentOnce.n_posts == 4
    last = stack.tries(upload.dag_id, run_id, "send")[-1]["try_number"]
    assert "A former try delivered every event" in upload.log(run_id, last)
    assert upload.ledger == (40, 0)
    receipt = upload.receipt(run_id)
    assert (receipt["accepted"], receipt["rejected"], receipt["is_complete"]) == (40, 1, True)
    assert upload.letter_rows == [3]

    upload.clear(run_id)
    assert stack.wait(upload.dag_id, run_id)["state"] == "success"
    assert upload.ledger == (40, 40)
    assert upload.receipt(run_id)["resumed_from"] == 0
    assert upload.letter_rows == [3]


@pytest.mark.parametrize("is_disk_new", [False, True], ids=["the same disk", "a new disk"])
def test_a_killed_try_is_gone_on_from_if_its_letters_are_there(
    stack: Stack, slow: Simulator, tmp_path: Path, is_disk_new: bool
) -> None:
    """JSON whose optional column only the first row has is resumed; without its letters it starts over, and says so.

    A try in between that is refused its token takes no letter away.
    """
    upload = Upload(stack, slow, tmp_path, n_events=150)
    run_id = upload.start("retry_delay=timedelta(seconds=2)")
    upload.until_accepted(8)
    pid = upload.pid(run_id)
    upload.connect("revoked")
    os.kill(pid, signal.SIGKILL)
    assert stack.wait(upload.dag_id, run_id)["state"] == "failed"
    assert upload.causes == ["PermanentFailure"]
    assert 3 in upload.letter_rows
    if is_disk_new:
        upload.letters.unlink()
    upload.connect()
    upload.clear(run_id)
    assert stack.wait(upload.dag_id, run_id)["state"] == "success"
    unique, repeats = upload.ledger
    receipt = upload.receipt(run_id)
    assert (unique, receipt["accepted"], receipt["rejected"]) == (150, 150, 1)
    assert upload.letter_rows == [3]
    said = upload.log(run_id, 3)
    assert ("Dead letters of a former try are not where this try can find them" in said) == is_disk_new
    assert (receipt["resumed_from"] == 0) == is_disk_new
    assert repeats >= 80 if is_disk_new else repeats <= 80


def test_a_task_told_to_end_ends_in_order_every_time(stack: Stack, slow: Simulator, tmp_path: Path) -> None:
    """SIGTERM at any moment of waiting: what is under way is answered, the rest is sent later, and no repeat."""
    upload = Upload(stack, slow, tmp_path, n_events=400)
    run_id = upload.start("retry_delay=timedelta(seconds=0.2)")
    for number, answer_takes_s in enumerate((0.4, 0.05, 0.2, 0.8), start=1):
        slow.faults = [{"effect": {"delay_s": answer_takes_s, "process": True}}]
        upload.until_accepted(upload.n_accepted + 3)
        pid = upload.pid(run_id)
        os.kill(pid, signal.SIGTERM)
        stack.until(lambda pid=pid: not _is_there(pid), what="the task has ended", timeout_s=20)  # type: ignore[misc]
        assert "Receipt of the delivery to TikTok" in upload.log(run_id, number)
    slow.faults = []
    assert stack.wait(upload.dag_id, run_id)["state"] == "success"
    assert upload.causes == ["TemporaryFailure"] * 4
    assert upload.ledger == (400, 0)
    receipt = upload.receipt(run_id)
    assert (receipt["read"], receipt["accepted"], receipt["rejected"]) == (401, 400, 1)
    assert receipt["resumed_from"] > 0
    assert upload.letter_rows == [3]


def test_an_orphan_ends_within_seconds(stack: Stack, slow: Simulator, tmp_path: Path) -> None:
    """The supervisor of a task is killed: the task's process ends in order, and the run is gone on from later."""
    upload = Upload(stack, slow, tmp_path, n_events=1500)
    run_id = upload.start("retry_delay=timedelta(seconds=0.2)")
    upload.until_accepted(4)
    pid = upload.pid(run_id)
    os.kill(_parent_of(pid), signal.SIGKILL)
    killed = time.monotonic()
    stack.until(lambda: not _is_there(pid), what="the orphan has ended", timeout_s=20)
    assert time.monotonic() - killed < 10
    before, repeats = upload.ledger
    assert before < 1500
    assert repeats == 0

    slow.faults = []
    _call_failed(upload, run_id)
    upload.clear(run_id)
    assert stack.wait(upload.dag_id, run_id)["state"] == "success"
    unique, repeats = upload.ledger
    receipt = upload.receipt(run_id)
    assert (unique, receipt["accepted"], receipt["rejected"]) == (1500, 1500, 1)
    assert receipt["resumed_from"] > 0
    assert repeats <= 80
    assert upload.letter_rows == [3]


def _call_failed(upload: Upload, run_id: str) -> None:
    """What Airflow does minutes later, when it misses the task's heartbeat."""
    path = f"/api/v2/dags/{upload.dag_id}/dagRuns/{run_id}/taskInstances/send"
    upload.stack.call("PATCH", path, {"new_state": "failed"})
    # Else the scheduler may fail the run after it was cleared.
    assert upload.stack.wait(upload.dag_id, run_id)["state"] == "failed"


def _parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _is_there(pid: int) -> bool:
    with suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
