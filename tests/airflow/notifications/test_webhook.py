# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.exceptions import PermanentFailure, TemporaryFailure
from airflow_provider_tiktok.notifications import webhook
from airflow_provider_tiktok.notifications.webhook import failure_of, post_quietly, telling_webhook
from airflow_provider_tiktok.operators.tiktok import TikTokSendEventsOperator
from airflow_provider_tiktok.simulator import Simulator
from tests.airflow.running import Task
from tests.slow_server import dripping
from tests.webhook_receiver import Receiver, receiving

SECRET = "planted-secret"
ADDRESS = "planted.person@example.com"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Where results are posted to."""
    with receiving() as running:
        yield running


def send(tmp_path: Path, *, n_bad: int = 0, **arguments: Any) -> TikTokSendEventsOperator:
    """A task with one good event, and bad ones."""
    event = {
        "event": "Purchase",
        "event_time": int(time.time()) - 60,
        "email": ADDRESS,
        "eventSourceUrl": "https://shop.example.com/?who=someone",
    }
    bad = [{**event, "event_time": f"when {ADDRESS} came"}] * n_bad
    letters = str(tmp_path / "letters.jsonl")
    return TikTokSendEventsOperator(
        task_id="send", events=[event, *bad], dead_letter_path=letters, **arguments
    )


def test_success_is_told(receiver: Receiver, tiktok: Simulator, task: Task, tmp_path: Path) -> None:
    """A task that succeeded posts its run, its try and its receipt."""
    receipt = send(tmp_path, result_webhook_url=f"{receiver.url}/done").execute(task.context)
    (posted,) = receiver.received
    assert posted.path == "/done"
    assert posted.message == {
        "dag_id": "shop",
        "run_id": "manual",
        "task_id": "send",
        "map_index": -1,
        "try_number": 1,
        "state": "success",
        "receipt": receipt,
        "failure": None,
    }


def test_failure_is_told_with_its_receipt(
    receiver: Receiver, tiktok: Simulator, task: Task, tmp_path: Path
) -> None:
    """A task that failed posts what was accepted all the same, and why it failed."""
    with pytest.raises(PermanentFailure):
        send(tmp_path, n_bad=2, result_webhook_url=receiver.url).execute(task.context)
    (posted,) = receiver.received
    assert (posted.message["state"], posted.message["failure"]["kind"]) == ("failed", "DeliveryError")
    assert (posted.message["receipt"]["accepted"], posted.message["receipt"]["rejected"]) == (1, 2)


def test_failure_before_anything_was_read_is_told(receiver: Receiver, task: Task, tmp_path: Path) -> None:
    """A task whose connection is missing posts that, without a receipt."""
    with pytest.raises(PermanentFailure):
        send(tmp_path, tiktok_conn_id="nowhere", result_webhook_url=receiver.url).execute(task.context)
    (posted,) = receiver.received
    assert posted.message["receipt"] is None
    assert "'nowhere' is not defined" in posted.message["failure"]["message"]


def test_no_personal_data_is_told(receiver: Receiver, tiktok: Simulator, task: Task, tmp_path: Path) -> None:
    """An address in every place of the events is nowhere in the message."""
    with pytest.raises(PermanentFailure):
        send(tmp_path, n_bad=1, result_webhook_url=receiver.url).execute(task.context)
    assert ADDRESS.encode() not in receiver.received[0].body
    assert b"b5fc85e5" not in receiver.received[0].body


@pytest.mark.parametrize("status", [404, 302])
def test_a_webhook_that_fails_changes_nothing(
    status: int,
    tiktok: Simulator,
    task: Task,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever the webhook answers, the task returns its receipt, and the log has a warning."""
    with receiving(statuses=(status,), location="https://elsewhere.example.com/") as receiver:
        receipt = send(tmp_path, result_webhook_url=f"{receiver.url}/{SECRET}").execute(task.context)
    assert receipt["accepted"] == 1
    assert len(receiver.received) == 1
    assert "The result webhook failed, which changes nothing else" in caplog.text
    assert SECRET not in caplog.text


def test_a_webhook_that_fails_does_not_hide_the_failure(
    tiktok: Simulator, task: Task, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A task that fails fails for its own reason, whatever the webhook does."""
    with pytest.raises(PermanentFailure, match="were rejected"):
        send(tmp_path, n_bad=1, result_webhook_url="ftp://hooks.example.com/").execute(task.context)
    assert "begins with https://" in caplog.text


def test_without_an_address_nothing_is_posted(task: Task, caplog: pytest.LogCaptureFixture) -> None:
    """Where no webhook is named the log is silent about webhooks."""
    with telling_webhook(task.context, url=None, conn_id=None):
        pass
    assert "webhook" not in caplog.text


@pytest.mark.parametrize("form", ["whole", "parts"])
def test_a_connection_names_address_and_secret(
    form: str, receiver: Receiver, define_connection: Callable[..., None]
) -> None:
    """A connection's host is a whole address, or host, port, schema and path; its password signs."""
    host, port = receiver.url.removeprefix("http://").split(":")
    parts = {
        "whole": {"host": f"{receiver.url}/done"},
        "parts": {"host": host, "port": int(port), "schema": "http", "extra": {"path": "/done"}},
    }
    define_connection("hook", conn_type="http", password=SECRET, **parts[form])
    post_quietly({"a": 1}, url=None, conn_id="hook")
    (posted,) = receiver.received
    assert posted.path == "/done"
    assert posted.headers["x-webhook-signature"].startswith("sha256=")


def test_an_argument_comes_before_the_connections_address(
    receiver: Receiver, define_connection: Callable[..., None]
) -> None:
    """With both, the path is the argument's and the secret the connection's, on the connection's server."""
    define_connection("hook", conn_type="http", host=f"{receiver.url}/all", password=SECRET)
    post_quietly({}, url=f"{receiver.url}/this", conn_id="hook")
    (posted,) = receiver.received
    assert posted.path == "/this"
    assert "x-webhook-signature" in posted.headers


ELSEWHERE = (
    "https://hooks.example.com/",
    "http://127.0.0.1/",  # another port
    "https://127.0.0.1:{port}/",  # another scheme
    "http://hooks.example.com.127.0.0.1/",
    "http://localhost:{port}/",
    "http://hooks.example.com@127.0.0.1:{port}/",
    "no address",
)


@pytest.mark.parametrize("is_from_input", [True, False])
@pytest.mark.parametrize("url", ELSEWHERE)
def test_with_a_connection_only_its_server_is_told(
    url: str,
    is_from_input: bool,
    receiver: Receiver,
    define_connection: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A rendered argument or an input cannot lead what the secret signs, or anything, to another server."""
    port = receiver.url.rpartition(":")[2]
    define_connection("hook", conn_type="http", host=receiver.url, password=SECRET)
    address = url.format(port=port)
    post_quietly({}, url=address, conn_id="hook", is_from_input=is_from_input)
    assert receiver.received == []
    assert "not among those that this DAG names" in caplog.text
    assert SECRET not in caplog.text


def test_a_connection_without_an_address_allows_none(
    receiver: Receiver, define_connection: Callable[..., None]
) -> None:
    """A secret alone says nothing of where it may go."""
    define_connection("hook", conn_type="http", password=SECRET)
    post_quietly({}, url=receiver.url, conn_id="hook")
    assert receiver.received == []


@pytest.mark.parametrize(("is_from_input", "is_signed"), [(True, False), (False, True)])
def test_a_host_that_the_author_names_is_told(
    is_from_input: bool, is_signed: bool, receiver: Receiver, define_connection: Callable[..., None]
) -> None:
    """The DAG's author may name other hosts; an address of a run's input is not signed even there."""
    define_connection("hook", conn_type="http", host="https://hooks.example.com", password=SECRET)
    post_quietly({}, url=receiver.url, conn_id="hook", hosts=["127.0.0.1"], is_from_input=is_from_input)
    assert ("x-webhook-signature" in receiver.received[0].headers) is is_signed


@pytest.mark.parametrize("hosts", [None, ["127.0.0.1"]])
def test_an_input_is_not_signed_on_the_connections_server(
    hosts: list[str] | None, receiver: Receiver, define_connection: Callable[..., None]
) -> None:
    """Who may start a run does not get a signature for a path of their choice."""
    define_connection("hook", conn_type="http", host=receiver.url, password=SECRET)
    post_quietly({}, url=f"{receiver.url}/mine", conn_id="hook", hosts=hosts, is_from_input=True)
    assert "x-webhook-signature" not in receiver.received[0].headers


def test_the_connections_own_address_is_signed_whatever_hosts_are_named(
    receiver: Receiver, define_connection: Callable[..., None]
) -> None:
    """A list of hosts is for addresses of others."""
    define_connection("hook", conn_type="http", host=receiver.url, password=SECRET)
    post_quietly({}, url=None, conn_id="hook", hosts=[], is_from_input=True)
    assert "x-webhook-signature" in receiver.received[0].headers


def test_a_slow_receiver_holds_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A receiver that answers a byte at a time is given up, and not asked again once the time is over."""
    monkeypatch.setattr(webhook, "CONNECT_TIMEOUT_S", 0.1)  # the real times are too long for a test
    monkeypatch.setattr(webhook, "READ_TIMEOUT_S", 0.2)
    monkeypatch.setattr(webhook, "LONGEST_S", 0.2)
    began = time.monotonic()
    with dripping(itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n")) as url:
        post_quietly({}, url=url, conn_id=None)
    assert time.monotonic() - began < 3
    assert "no whole answer within" in caplog.text


def test_a_missing_connection_is_a_warning(airflow_home: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A webhook connection that is not there is named in a warning."""
    post_quietly({}, url=None, conn_id="nowhere")
    assert "connection 'nowhere' is not defined" in caplog.text
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize(
    ("error", "try_number", "state"),
    [
        (TemporaryFailure("later"), 1, "up_for_retry"),
        (TemporaryFailure("later"), 3, "failed"),
        (PermanentFailure("never"), 1, "failed"),
        (ValueError("odd"), 1, "up_for_retry"),
        (KeyboardInterrupt(), 1, "failed"),
    ],
)
def test_state_tells_whether_airflow_will_try_again(
    error: BaseException, try_number: int, state: str, receiver: Receiver, task: Task
) -> None:
    """A try that Airflow repeats is no failure yet."""
    task.try_number, task.max_tries = try_number, 2  # type: ignore[attr-defined]  # as a task of Airflow has
    with pytest.raises(type(error)), telling_webhook(task.context, url=receiver.url, conn_id=None):
        raise error
    assert receiver.received[0].message["state"] == state


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (PermanentFailure("no", kind="AuthorizationError"), {"kind": "AuthorizationError", "message": "no"}),
        (ConfigurationError("set it"), {"kind": "ConfigurationError", "message": "set it"}),
        (AirflowException(ADDRESS), {"kind": "AirflowException", "message": ""}),
        (ValueError(ADDRESS), {"kind": "ValueError", "message": ""}),
    ],
)
def test_only_our_own_words_are_told(error: BaseException, told: dict[str, str]) -> None:
    """The text of a foreign error may hold anything, and is left out."""
    assert failure_of(error) == told
