# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_tiktok.conversions.answers import Answer, Verdict
from airflow_provider_tiktok.conversions.batching import Batch, Encoded, Limits
from airflow_provider_tiktok.conversions.errors import (
    AuthorizationError,
    ConfigurationError,
    TransientError,
)
from airflow_provider_tiktok.conversions.events import PreparedEvent, Violation
from airflow_provider_tiktok.conversions.http import pace
from airflow_provider_tiktok.conversions.identifiers import FIELDS, Identity, IdentityRules
from airflow_provider_tiktok.conversions.sources.records import RecordsSource
from airflow_provider_tiktok.exceptions import PermanentFailure, TemporaryFailure
from airflow_provider_tiktok.operators.base import RECEIPT_KEY, DeliverEventsOperator
from airflow_provider_tiktok.operators.tiktok import TikTokSendEventsOperator
from airflow_provider_tiktok.simulator import Simulator
from airflow_provider_tiktok.task import supervision
from tests.airflow.running import Task

ADDRESS = "person@example.com"


class Destination:
    """A place that answers as the test says."""

    name = "nowhere"
    address = "nowhere"
    limits = Limits(max_events=2)
    columns = None

    def __init__(self, send: Callable[[Batch], Answer], *, identity: IdentityRules) -> None:
        self.send = send
        self.identity = Identity(table=FIELDS, rules=identity)

    def check(self, event: PreparedEvent) -> tuple[Violation, ...]:
        return event.violations

    def encode(self, event: PreparedEvent) -> Encoded:
        return Encoded(body=f'"{event.event_id}"'.encode())

    def record(self, event: PreparedEvent) -> dict[str, Any]:
        return {"event_id": event.event_id}


def accept(batch: Batch) -> Answer:
    return Answer(verdict=Verdict.ACCEPTED, request_id="r-1")


class Send(DeliverEventsOperator):
    """Sends its records to a destination made of one function."""

    def __init__(
        self, *, records: list[Any], send: Callable[[Batch], Answer] = accept, **kwargs: Any
    ) -> None:
        super().__init__(task_id="send", **kwargs)
        self.records = records
        self.answer = send
        self.stops: list[threading.Event] = []

    def open_source(self) -> RecordsSource:
        return RecordsSource(self.records)

    @contextmanager
    def open_destination(self, stop: threading.Event, *, context: Any) -> Iterator[Destination]:
        self.stops.append(stop)
        yield Destination(self.answer, identity=self.identity_rules())


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    return tmp_path / "letters.jsonl"


def record(number: int, **more: Any) -> dict[str, Any]:
    return {"event": "Purchase", "event_time": 1_767_225_600 + number, "event_id": f"o-{number}", **more}


def test_receipt_is_returned_and_kept(task: Task, letters: Path):
    """A run that went well gives its receipt, in the log and in XCom, as plain JSON."""
    given = Send(records=[record(1), record(2), record(3)], dead_letter_path=letters).execute(task.context)
    assert (given["read"], given["accepted"], given["requests"]) == (3, 3, 2)
    assert task.pushed == {RECEIPT_KEY: given}
    assert json.loads(json.dumps(given)) == given
    assert not letters.exists()


def test_rejected_events_fail_the_task_for_good(task: Task, letters: Path):
    """Good events are sent, the bad one is a dead letter, and no retry is asked for."""
    operator = Send(
        records=[record(1), record(2, event_time="soon", email=ADDRESS), record(3)], dead_letter_path=letters
    )
    with pytest.raises(PermanentFailure, match="1 of 3 events were rejected") as caught:
        operator.execute(task.context)
    assert caught.value.kind == "DeliveryError"
    receipt = task.pushed[RECEIPT_KEY]
    assert (receipt["accepted"], receipt["rejected"], receipt["dead_letters"]) == (2, 1, 1)
    letter = json.loads(letters.read_text())
    assert letter["run"] == "shop/manual/send"
    assert letter["row"] == 2
    assert ADDRESS not in letters.read_text() + str(caught.value) + json.dumps(receipt)


def test_tolerated_rejections_pass(task: Task, letters: Path):
    """As many rejected events as max_rejected allows do not fail the task."""
    operator = Send(
        records=[record(1, event_time="soon"), record(2)], max_rejected=1, dead_letter_path=letters
    )
    assert operator.execute(task.context)["rejected"] == 1


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (TransientError("busy", retry_after_s=5), TemporaryFailure),
        (AuthorizationError("token refused"), PermanentFailure),
        (ConfigurationError("wrong id"), PermanentFailure),
    ],
)
def test_stopped_run_leaves_its_receipt(
    task: Task, letters: Path, error: Exception, failure: type[Exception], caplog: pytest.LogCaptureFixture
):
    """A run that ends early shows and keeps its receipt before it fails as its error demands."""

    def refuse(batch: Batch) -> Answer:
        raise error

    with caplog.at_level(logging.INFO), pytest.raises(failure) as caught:
        Send(records=[record(1)], send=refuse, dead_letter_path=letters).execute(task.context)
    assert caught.value.kind == type(error).__name__
    receipt = task.pushed[RECEIPT_KEY]
    assert receipt["read"] == receipt["undelivered"] == 1
    assert "Receipt of the delivery to nowhere" in caplog.text


def test_foreign_error_leaves_a_receipt_too(task: Task, letters: Path):
    """An error of Airflow's or of a driver is raised as it is, after the receipt."""

    def broken() -> Iterator[Any]:
        yield record(1)
        raise KeyError("driver")

    operator = Send(records=broken(), dead_letter_path=letters)
    with pytest.raises(KeyError, match="driver"):
        operator.execute(task.context)
    assert task.pushed[RECEIPT_KEY]["stopped_by"] == "KeyError"


def test_killed_task_ends_in_order(task: Task, letters: Path):
    """A kill lets the request under way end, and every event has its place in the receipt."""
    operator: Send

    def send_and_be_killed(batch: Batch) -> Answer:
        operator.on_kill()
        return accept(batch)

    operator = Send(
        records=[record(n) for n in range(10)],
        send=send_and_be_killed,
        max_in_flight=1,
        dead_letter_path=letters,
    )
    with pytest.raises(TemporaryFailure, match="told to stop"):
        operator.execute(task.context)
    receipt = task.pushed[RECEIPT_KEY]
    assert operator.stops[0].is_set()
    assert receipt["accepted"] == 2
    assert receipt["read"] == receipt["accepted"] + receipt["undelivered"]


def test_a_time_limit_whose_signal_is_lost_ends_in_order(
    task: Task, letters: Path, monkeypatch: pytest.MonkeyPatch
):
    """Airflow's signal comes once and may be lost: the run looks at its limit itself."""
    monkeypatch.setattr(supervision, "LOOK_EVERY_S", 0.001)
    monkeypatch.setattr(supervision, "LATE_S", 0.0)
    operator: Send

    def send_until_told(batch: Batch) -> Answer:
        assert operator.stops[0].wait(20)
        return accept(batch)

    operator = Send(
        records=[record(n) for n in range(10)],
        send=send_until_told,
        max_in_flight=1,
        execution_timeout=timedelta(seconds=0.1),
        dead_letter_path=letters,
    )
    with pytest.raises(TemporaryFailure, match="told to stop"):
        operator.execute(task.context)
    receipt = task.pushed[RECEIPT_KEY]
    assert (receipt["accepted"], receipt["undelivered"]) == (2, receipt["read"] - 2)


def test_kill_before_the_run_is_harmless():
    """A task that is killed before it began has nothing to end."""
    Send(records=[]).on_kill()


def test_empty_source_succeeds_with_zeros(task: Task, letters: Path):
    """No row is no error: the receipt says zero."""
    given = Send(records=[], dead_letter_path=letters).execute(task.context)
    assert (given["read"], given["requests"], given["is_complete"]) == (0, 0, True)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("max_events_per_request", 0),
        ("max_bytes_per_request", "1000"),
        ("max_in_flight", 0),
        ("max_in_flight", "many"),
        ("max_attempts_per_request", 0),
        ("max_rejected", -1),
        ("max_rejected", True),
        ("mapping", {"user.emial": "email"}),
        ("defaults", {"properties.value": "much"}),
        ("timezone", "Mars/Olympus"),
        ("default_region", "Mars"),
        ("identity_policy", "salted"),
        ("event_id_from", [""]),
    ],
)
def test_wrong_argument_is_named(task: Task, argument: str, value: Any):
    """A wrong argument fails the task for good before anything is read, and the text names it."""
    operator = Send(records=[record(1)], **{argument: value})
    with pytest.raises(PermanentFailure) as caught:
        operator.execute(task.context)
    words = {"identity_policy": "identity policy"}.get(argument, argument)
    assert words in str(caught.value)
    assert task.pushed == {}


def test_limited_data_use_of_the_run_is_a_default(task: Task, letters: Path):
    """The run's own word holds where an event has none, and a stated default comes first."""
    plain = Send(records=[], limited_data_use=True)
    stated = Send(records=[], limited_data_use=True, defaults={"limited_data_use": False})
    assert plain._all_defaults() == {"limited_data_use": True}
    assert stated._all_defaults() == {"limited_data_use": False}


def test_validation_alone_sends_nothing(task: Task, letters: Path):
    """With validate_only the destination is never asked."""

    def refuse(batch: Batch) -> Answer:
        raise AssertionError("sent")

    operator = Send(records=[record(1)], send=refuse, validate_only=True, dead_letter_path=letters)
    given = operator.execute(task.context)
    assert (given["requests"], given["skipped"], given["reasons"]) == (0, 1, {"validate_only": 1})


def test_retry_goes_on_after_the_checkpoint(task: Task, letters: Path):
    """With Airflow's task state a second try sends only what the first had not settled."""
    sent: list[bytes] = []
    kept: dict[str, Any] = {}
    store = SimpleNamespace(get=kept.get, set=kept.__setitem__)

    def fail_at_third(batch: Batch) -> Answer:
        if len(sent) == 2:
            raise TransientError("busy")
        sent.append(batch.events[0].body)
        return accept(batch)

    records = [record(n) for n in range(8)]
    context: Any = {"ti": task, "task_state_store": store}
    with pytest.raises(TemporaryFailure):
        Send(records=records, send=fail_at_third, max_in_flight=1, dead_letter_path=letters).execute(context)
    assert kept
    more: list[bytes] = []

    def note(batch: Batch) -> Answer:
        more.extend(event.body for event in batch.events)
        return accept(batch)

    given = Send(records=records, send=note, dead_letter_path=letters).execute(context)
    assert more == [f'"o-{n}"'.encode() for n in range(4, 8)]
    assert (given["read"], given["accepted"], given["resumed_from"]) == (8, 8, 4)


class Tried(Task):
    """A task instance with its tries, as Airflow counts them.

    :param retries: of the task.
    """

    def __init__(self, *, retries: int = 2) -> None:
        super().__init__()
        self.task = SimpleNamespace(retries=retries)
        self.try_number, self.max_tries = 1, retries

    def retry(self) -> None:
        """Be tried again."""
        self.try_number += 1

    def clear(self) -> None:
        """Be cleared: ``airflow.models.taskinstance.clear_task_instances``."""
        self.max_tries = self.try_number + self.task.retries
        self.try_number += 1


def test_retry_after_a_whole_delivery_sends_nothing_and_a_cleared_task_sends_all(letters: Path):
    """What fails after the last event - XCom, a time-out in the webhook - costs no second delivery."""
    sent: list[bytes] = []
    kept: dict[str, Any] = {}
    task = Tried()
    context: Any = {"ti": task, "task_state_store": SimpleNamespace(get=kept.get, set=kept.__setitem__)}

    def note(batch: Batch) -> Answer:
        sent.extend(event.body for event in batch.events)
        return accept(batch)

    def send() -> dict[str, Any]:
        records = [record(1), record(2, event_time="soon"), record(3)]
        return Send(records=records, send=note, dead_letter_path=letters, max_rejected=1).execute(context)

    def no_xcom(**_: Any) -> None:
        raise OSError("the XCom backend is away")

    task.xcom_push = no_xcom  # type: ignore[method-assign]
    with pytest.raises(OSError, match="XCom"):
        send()
    del task.xcom_push  # type: ignore[attr-defined]
    assert len(sent) == 2

    task.retry()
    receipt = send()
    assert len(sent) == 2
    assert (receipt["accepted"], receipt["rejected"], receipt["dead_letters"]) == (2, 1, 1)
    assert task.pushed == {RECEIPT_KEY: receipt}
    assert len(letters.read_text().splitlines()) == 1

    task.clear()
    assert {**send(), "seconds": 0} == {**receipt, "seconds": 0, "request_ids": receipt["request_ids"]}
    assert len(sent) == 4
    assert len(letters.read_text().splitlines()) == 1


def test_too_many_rejected_events_fail_the_retry_of_a_whole_delivery_too(letters: Path):
    """The receipt is judged in every try, so that a retry turns no red task green."""
    kept: dict[str, Any] = {}
    task = Tried()
    context: Any = {"ti": task, "task_state_store": SimpleNamespace(get=kept.get, set=kept.__setitem__)}
    operator = Send(records=[record(1), record(2, event_time="soon")], dead_letter_path=letters)
    for _ in range(2):
        with pytest.raises(PermanentFailure, match="1 of 2 events were rejected"):
            operator.execute(context)
        task.retry()


def test_letters_on_another_disk_are_not_gone_on_behind(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """A retry that finds fewer letters than were written starts over, with the same ids, and says so."""
    kept: dict[str, Any] = {}
    task = Tried()
    context: Any = {"ti": task, "task_state_store": SimpleNamespace(get=kept.get, set=kept.__setitem__)}
    records = [record(1, event_time="soon"), *(record(n) for n in range(2, 10))]
    n_sent = 0

    def fail_at_third(batch: Batch) -> Answer:
        nonlocal n_sent
        n_sent += 1
        if n_sent == 3:
            raise TransientError("busy")
        return accept(batch)

    def send(disk: str, answer: Callable[[Batch], Answer]) -> dict[str, Any]:
        path = tmp_path / disk / "letters.jsonl"
        return Send(
            records=records, send=answer, dead_letter_path=path, max_in_flight=1, max_rejected=1
        ).execute(context)

    with pytest.raises(TemporaryFailure):
        send("first", fail_at_third)
    task.retry()
    receipt = send("second", accept)
    assert (receipt["resumed_from"], receipt["accepted"], receipt["rejected"]) == (0, 8, 1)
    assert "all is sent again, with the same ids" in caplog.text
    (letter,) = (tmp_path / "second" / "letters.jsonl").read_text().splitlines()
    assert json.loads(letter)["row"] == 1


def test_a_refusal_for_the_pace_costs_no_attempt(
    tiktok: Simulator, task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one attempt for each request, and as many in flight as it finds, all events arrive all the same."""
    monkeypatch.setattr(pace, "_FIRST_RATE", 50.0)  # one a second is slow for a test
    tiktok.faults.replace([{"match": {"nth": [1, 3]}, "effect": {"code": 40100, "message": "Slow down"}}])
    event = {"event": "Purchase", "event_time": int(time.time()) - 60, "email": ADDRESS}
    events = [{**event, "event_id": str(n), "eventSourceUrl": "https://shop.example.com/"} for n in range(5)]
    operator = TikTokSendEventsOperator(
        task_id="send",
        events=events,
        max_events_per_request=1,
        max_attempts_per_request=1,
        max_in_flight="auto",
        dead_letter_path=str(tmp_path / "letters.jsonl"),
    )
    receipt = operator.execute(task.context)
    assert (receipt["accepted"], receipt["requests"], receipt["retries"]) == (5, 7, 2)


def test_letters_go_into_no_file_that_is_read(task: Task, letters: Path):
    """What is written to it would be read without end; the task's own default place counts, too."""

    class Reading(RecordsSource):
        def reads(self, path: object) -> bool:
            return str(path).endswith(("letters.jsonl", "send.jsonl"))

    class SendFiles(Send):
        def open_source(self) -> RecordsSource:
            return Reading(self.records)

    for path in (letters, None):
        with pytest.raises(PermanentFailure, match="dead_letter_path"):
            SendFiles(records=[record(1)], dead_letter_path=path).execute(task.context)
