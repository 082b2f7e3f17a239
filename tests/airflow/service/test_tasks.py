# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_tiktok.exceptions import PermanentFailure
from airflow_provider_tiktok.service.inputs import form_fields
from airflow_provider_tiktok.service.tasks import (
    FAILURE_KEY,
    GetAskedPixel,
    GiveResult,
    ListAskedPixels,
    SendAskedEvent,
    SendAskedEvents,
    SendAskedTestEvent,
    choose_task,
    run_time,
)
from airflow_provider_tiktok.simulator import DEFAULT_PIXEL_CODE, DEFAULT_TOKEN, Simulator
from tests.airflow.running import Task
from tests.webhook_receiver import receiving

CONN_ID = "tiktok_default"
OTHER_PIXEL = "COTHER00000000000001"
OTHER_ADVERTISER = "7000000000000000002"
PAGE = "https://shop.example.com/thanks"
NOW = int(time.time()) - 60
# sha256sum of the texts that the comments name
EMAIL_DIGEST = "b5fc85e55755f9e0d030a10ab4429b6b2944855f9a0d60077fe832becbc41d72"  # ada@example.com
PHONE_DIGEST = "d5ab8b77e69a81dfc634c3556c620d5d6753df6fc28c73c88c79a9332b705382"  # +12025550123
ID_DIGEST = "e83f10dcd2c68747c3f3ba14a54258d5c1843a8d75b0f5cb52c6f3df052a72d1"  # customer-1


class Running(Task):
    """A running task that can read what other tasks left."""

    try_number = 1
    max_tries = 0

    def __init__(self, left: Mapping[tuple[str, str], Any] | None = None) -> None:
        super().__init__()
        self.left = left or {}

    def xcom_pull(self, *, task_ids: str, key: str = "return_value") -> Any:
        """What a task left under a key, ``None`` for nothing."""
        return self.left.get((task_ids, key))


def context_of(running: Running, /, **given: Any) -> Any:
    """The context of a run with this input, as Airflow makes it."""
    params = {name: field["default"] for name, field in form_fields().items()}
    run = SimpleNamespace(run_after=datetime.fromtimestamp(NOW, tz=UTC))
    return {"ti": running, "params": {**params, **given}, "dag_run": run}


@pytest.fixture
def send_one(tiktok: Simulator, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Sends one event live to the simulator; gives the event that arrived."""

    def send(**given: Any) -> dict[str, Any]:
        _send(SendAskedEvent, tmp_path, demoMode=False, **{"eventSourceUrl": PAGE, **given})
        event: dict[str, Any] = json.loads(tiktok.ledger.payloads()[-1])
        return event

    return send


def _send(kind: type[Any], folder: Path, *, arguments: Mapping[str, Any] | None = None, **given: Any) -> Any:
    letters = str(folder / "letters.jsonl")
    operator = kind(task_id="send", tiktok_conn_id=CONN_ID, dead_letter_path=letters, **(arguments or {}))
    return operator.execute(context_of(Running(), **given))


@pytest.mark.parametrize(
    ("given", "place", "arrived"),
    [
        ({"eventName": "Download"}, "event", "Download"),
        ({"eventName": "CustomEvent", "customEventName": "Loyalty"}, "event", "Loyalty"),
        ({"email": "Ada@Example.com"}, "user.email", [EMAIL_DIGEST]),
        ({"email": EMAIL_DIGEST, "isAlreadyHashed": True}, "user.email", [EMAIL_DIGEST]),
        ({"phone": "+1 202 555 0123"}, "user.phone", [PHONE_DIGEST]),
        ({"externalId": "customer-1"}, "user.external_id", [ID_DIGEST]),
        ({"ttclid": "click-1"}, "user.ttclid", "click-1"),
        ({"ttp": "cookie-1"}, "user.ttp", "cookie-1"),
        ({"ipAddress": "203.0.113.7"}, "user.ip", "203.0.113.7"),
        ({"userAgent": "Mozilla/5.0"}, "user.user_agent", "Mozilla/5.0"),
        ({"eventTime": str(NOW - 5)}, "event_time", NOW - 5),
        ({}, "event_time", NOW),
        ({"eventSourceUrl": f"{PAGE}/2"}, "page.url", f"{PAGE}/2"),
        ({"value": 12.5}, "properties.value", 12.5),
        ({"value": 12.5}, "properties.currency", "USD"),
        ({"value": 12.5, "currency": "EUR"}, "properties.currency", "EUR"),
        ({"orderId": "o-1"}, "properties.order_id", "o-1"),
        ({"orderId": "o-1"}, "event_id", "o-1"),
        (
            {"contentId": "sku-1", "quantity": 3},
            "properties.contents",
            [{"content_id": "sku-1", "quantity": 3}],
        ),
        ({"contentId": "sku-1"}, "properties.content_type", "product"),
        ({"contentId": "sku-1", "contentType": "product_group"}, "properties.content_type", "product_group"),
    ],
)
def test_field_arrives_at_its_place(
    given: dict[str, Any], place: str, arrived: Any, send_one: Callable[..., dict[str, Any]]
) -> None:
    """Each field of one event is where TikTok wants it."""
    found: Any = send_one(**{"email": "ada@example.com", **given})
    for name in place.split("."):
        found = found[name]
    assert found == arrived


def test_pixel_of_the_input_comes_before_the_connections(tiktok: Simulator, tmp_path: Path) -> None:
    """Events go to the pixel that the input names, else to the connection's."""
    pixels = tiktok.state["tiktok"]["pixels"]
    tiktok.state.patch({"tiktok": {"pixels": {OTHER_PIXEL: pixels[DEFAULT_PIXEL_CODE]}}})
    event = {"demoMode": False, "eventSourceUrl": PAGE, "email": "ada@example.com"}
    _send(SendAskedEvent, tmp_path, pixelCode=OTHER_PIXEL, **event)
    _send(SendAskedEvent, tmp_path, **event)
    assert [entry.event_source_id for entry in tiktok.ledger.events()] == [OTHER_PIXEL, DEFAULT_PIXEL_CODE]


@pytest.mark.parametrize("kind", [SendAskedEvent, SendAskedTestEvent])
def test_a_test_code_makes_tests(kind: type[Any], tiktok: Simulator, tmp_path: Path) -> None:
    """With a test event code nothing of the input is live."""
    event = {"demoMode": False, "eventSourceUrl": PAGE, "email": "ada@example.com"}
    _send(kind, tmp_path, testEventCode="TEST12345", **event)
    assert tiktok.ledger.events() == []
    assert len(tiktok.ledger.events("test")) == 1


def test_a_live_test_needs_a_code(tiktok: Simulator, tmp_path: Path) -> None:
    """A test without a code sends nothing."""
    with pytest.raises(PermanentFailure, match="test_event_code"):
        _send(SendAskedTestEvent, tmp_path, demoMode=False, eventSourceUrl=PAGE)
    assert tiktok.requests == []


def test_raw_data_that_claims_to_be_hashed_is_rejected(tiktok: Simulator, tmp_path: Path) -> None:
    """An input that says it is hashed and holds a raw address sends nothing."""
    with pytest.raises(PermanentFailure, match="were rejected"):
        _send(
            SendAskedEvent,
            tmp_path,
            demoMode=False,
            isAlreadyHashed=True,
            email="ada@example.com",
            eventSourceUrl=PAGE,
        )
    assert tiktok.requests == []


def test_events_of_the_text_are_sent(tiktok: Simulator, tmp_path: Path) -> None:
    """Every event of the JSON text arrives, by the form's names or in TikTok's shape."""
    own = {"eventName": "Purchase", "eventTime": NOW, "eventId": "b-1", "eventSourceUrl": PAGE}
    nested = {"event": "Purchase", "event_time": NOW, "event_id": "b-2", "page": {"url": PAGE}}
    people = {"email": "ada@example.com"}, {"user": {"email": "ada@example.com"}}
    events = json.dumps([{**own, **people[0]}, {**nested, **people[1]}])
    receipt = _send(SendAskedEvents, tmp_path, demoMode=False, events=events)
    assert receipt["accepted"] == 2
    assert tiktok.ledger.event_ids() == ["b-1", "b-2"]


def test_events_of_a_file_are_sent(tiktok: Simulator, tmp_path: Path) -> None:
    """A file below the DAG's folder takes the place of inline events."""
    event = {"event": "Purchase", "event_time": NOW, "event_id": "f-1", "email": "ada@example.com"}
    (tmp_path / "out.jsonl").write_text(json.dumps({**event, "eventSourceUrl": PAGE}))
    folder = {"events_folder": str(tmp_path)}
    _send(SendAskedEvents, tmp_path, arguments=folder, demoMode=False, eventsPath="out.jsonl")
    assert tiktok.ledger.event_ids() == ["f-1"]


@pytest.mark.parametrize("path", ["/etc/hostname", "../secret.jsonl"])
def test_no_file_outside_the_folder_is_read(path: str, tiktok: Simulator, tmp_path: Path) -> None:
    """A path that leads out of it fails the task before anything is read."""
    with pytest.raises(PermanentFailure, match="Give a path below"):
        _send(
            SendAskedEvents,
            tmp_path,
            arguments={"events_folder": str(tmp_path / "out")},
            demoMode=False,
            eventsPath=path,
        )


def test_no_link_leads_out_of_the_folder(tiktok: Simulator, tmp_path: Path) -> None:
    """Who may write below the folder, or name a link there, has no other file of the worker read."""
    (tmp_path / "secret.jsonl").write_text('{"event": "Purchase"}')
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    folder = {"events_folder": str(tmp_path / "out")}
    with pytest.raises(PermanentFailure, match="leads out of it"):
        _send(SendAskedEvents, tmp_path, arguments=folder, demoMode=False, eventsPath="link.jsonl")
    assert tiktok.requests == []


@pytest.mark.parametrize(
    ("task", "kind"),
    [
        ("send_event", SendAskedEvent),
        ("send_batch_events", SendAskedEvents),
        ("test_event", SendAskedTestEvent),
    ],
)
def test_demo_mode_sends_samples_to_nobody(
    task: str, kind: type[Any], tiktok: Simulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Without an event a sample is accepted by a simulator of the task's own, and the log says it loudly."""
    receipt = _send(kind, tmp_path, task=task, pixelCode=OTHER_PIXEL)
    assert receipt["accepted"] == receipt["read"] > 0
    assert tiktok.requests == []
    assert "Nothing is sent to TikTok" in caplog.text
    assert "sample events are used" in caplog.text


def test_demo_mode_sends_a_given_event_to_nobody(tiktok: Simulator, tmp_path: Path) -> None:
    """In demo mode the caller's own event goes no further either."""
    receipt = _send(SendAskedEvent, tmp_path, email="ada@example.com", eventSourceUrl=PAGE)
    assert receipt["match_keys"] == {"email": 1}
    assert tiktok.requests == []


def test_a_demo_connection_stays_one(define_connection: Callable[..., None], tmp_path: Path) -> None:
    """An input that turns demo mode off does not turn off the connection's."""
    define_connection(CONN_ID, conn_type="tiktok", extra={"demo_mode": True})
    receipt = _send(SendAskedEvent, tmp_path, demoMode=False, email="a@example.com", eventSourceUrl=PAGE)
    assert receipt["accepted"] == 1
    given = Running({("send_event", "return_value"): receipt})
    result = GiveResult(task_id="result", tiktok_conn_id=CONN_ID).execute(context_of(given, demoMode=False))
    assert result["demo_mode"] is True


@pytest.fixture
def two_advertisers(tiktok: Simulator) -> Simulator:
    """TikTok with a second advertiser, whose pixel is named otherwise."""
    state = tiktok.state["tiktok"]
    token = state["tokens"][DEFAULT_TOKEN]
    pixel = {**state["pixels"][DEFAULT_PIXEL_CODE], "advertiser_id": OTHER_ADVERTISER, "pixel_name": "Other"}
    both = [*token["advertiser_ids"], OTHER_ADVERTISER]
    other = {
        "tokens": {DEFAULT_TOKEN: {**token, "advertiser_ids": both}},
        "advertisers": {OTHER_ADVERTISER: {"advertiser_name": "Other"}},
        "pixels": {OTHER_PIXEL: {**pixel, "pixel_id": "7000000000000000012"}},
    }
    tiktok.state.patch({"tiktok": other})
    return tiktok


@pytest.mark.parametrize(
    ("given", "name"), [({}, "Simulator pixel"), ({"advertiserId": OTHER_ADVERTISER}, "Other")]
)
def test_pixels_are_the_advertisers(given: dict[str, Any], name: str, two_advertisers: Simulator) -> None:
    """Pixels are those of the input's advertiser, else of the connection's."""
    operator = ListAskedPixels(task_id="look", tiktok_conn_id=CONN_ID)
    pixels = operator.execute(context_of(Running(), demoMode=False, task="list_pixels", **given))
    assert [pixel["pixel_name"] for pixel in pixels] == [name]


@pytest.mark.parametrize(
    ("given", "name"),
    [({}, "Simulator pixel"), ({"advertiserId": OTHER_ADVERTISER, "pixelCode": OTHER_PIXEL}, "Other")],
)
def test_pixel_is_the_inputs(given: dict[str, Any], name: str, two_advertisers: Simulator) -> None:
    """The pixel is that of the input, else of the connection."""
    operator = GetAskedPixel(task_id="look", tiktok_conn_id=CONN_ID)
    pixel = operator.execute(context_of(Running(), demoMode=False, task="get_pixel_info", **given))
    assert pixel["pixel_name"] == name


@pytest.mark.parametrize("kind", [ListAskedPixels, GetAskedPixel])
def test_looking_in_demo_mode_needs_nothing(kind: type[Any]) -> None:
    """Without connection and with ids of the caller's, the sample pixel is given."""
    operator = kind(task_id="look", tiktok_conn_id="nowhere")
    given = {"advertiserId": OTHER_ADVERTISER, "pixelCode": OTHER_PIXEL}
    found = operator.execute(context_of(Running(), task="list_pixels", **given))
    pixel = found[0] if isinstance(found, list) else found
    assert pixel["pixel_code"] == DEFAULT_PIXEL_CODE


@pytest.mark.parametrize(
    ("given", "warned"),
    [
        ({"email": "planted@example.com"}, True),
        ({"email": EMAIL_DIGEST, "isAlreadyHashed": True}, False),
        ({}, False),
    ],
)
def test_raw_identifiers_are_warned_of(
    given: dict[str, Any], warned: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A run with raw identifiers in its input says what to do instead, and does not repeat them."""
    _send(SendAskedEvent, tmp_path, **given, **({"eventSourceUrl": PAGE} if given else {}))
    assert ("Airflow keeps it in clear" in caplog.text) is warned
    assert "planted@example.com" not in caplog.text


@pytest.mark.parametrize(
    "task", ["send_event", "send_batch_events", "test_event", "list_pixels", "get_pixel_info"]
)
def test_task_chooses_the_path(task: str) -> None:
    """The input's task is the task that runs."""
    assert choose_task(context_of(Running(), task=task), conn_id=CONN_ID) == task


def test_wrong_input_is_left_for_the_result() -> None:
    """Why an input was refused can be read by the task that gives the result."""
    task = Running()
    with pytest.raises(AirflowFailException):
        choose_task(context_of(task, accessToken="planted-token"), conn_id=CONN_ID)
    assert task.pushed[FAILURE_KEY]["kind"] == "ConfigurationError"
    assert "planted-token" not in str(task.pushed)


def test_failure_of_a_path_is_left_for_the_result(tmp_path: Path) -> None:
    """Why a task failed can be read by the task that gives the result."""
    task = Running()
    operator = SendAskedEvent(task_id="send_event", tiktok_conn_id="nowhere")
    with pytest.raises(PermanentFailure):
        operator.execute(context_of(task, demoMode=False, eventSourceUrl=PAGE))
    assert "'nowhere' is not defined" in task.pushed[FAILURE_KEY]["message"]


@pytest.mark.parametrize(
    ("task", "found", "shape"),
    [
        ("send_event", {"accepted": 1}, "receipt"),
        ("send_batch_events", {"accepted": 1}, "receipt"),
        ("test_event", {"accepted": 1}, "receipt"),
        ("list_pixels", [], "pixels"),
        ("get_pixel_info", {"pixel_code": "C"}, "pixel"),
    ],
)
def test_result_has_one_shape(task: str, found: Any, shape: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever was asked, the result says what, how it ended, and what was found; so does the log."""
    running = Running({(task, "return_value"): found})
    with caplog.at_level("INFO"):
        result = GiveResult(task_id="result", tiktok_conn_id=CONN_ID).execute(context_of(running, task=task))
    assert json.loads(caplog.text[caplog.text.index("{") : caplog.text.rindex("}") + 1]) == result
    assert result == {"task": task, "demo_mode": True, "state": "success", shape: found, "failure": None}


@pytest.mark.parametrize("failing", ["choose_task", "send_event"])
def test_failed_run_has_a_result_and_fails(failing: str) -> None:
    """A run that failed leaves its receipt and its reason, and is red."""
    why = {"kind": "DeliveryError", "message": "1 of 2 events were rejected"}
    running = Running({(failing, "failure"): why, ("send_event", "receipt"): {"accepted": 1}})
    with pytest.raises(AirflowFailException, match="were rejected"):
        GiveResult(task_id="result", tiktok_conn_id=CONN_ID).execute(context_of(running))
    assert running.pushed["return_value"] == {
        "task": "send_event",
        "demo_mode": True,
        "state": "failed",
        "receipt": {"accepted": 1},
        "failure": why,
    }


def test_run_whose_task_vanished_is_no_success() -> None:
    """A path that left nothing, not even a reason, has failed."""
    running = Running()
    with pytest.raises(AirflowFailException):
        GiveResult(task_id="result", tiktok_conn_id=CONN_ID).execute(context_of(running))
    assert running.pushed["return_value"]["failure"]["kind"] == "Unknown"


@pytest.mark.parametrize("state", ["success", "failed"])
def test_webhook_gets_the_result(state: str, define_connection: Callable[..., None]) -> None:
    """The address of the input gets the result of a run that succeeded or failed, without a signature.

    It is whoever starts the run who names it, and the secret is not theirs.
    """
    left = {("send_event", "return_value"): {"accepted": 1}} if state == "success" else {}
    running = Running(left)
    define_connection("hook", conn_type="http", host="https://hooks.example.com", password="planted-secret")
    with receiving() as receiver:
        operator = GiveResult(
            task_id="result",
            tiktok_conn_id=CONN_ID,
            result_webhook_conn_id="hook",
            webhook_hosts=["127.0.0.1"],
        )
        try:
            result = operator.execute(context_of(running, webhookUrl=f"{receiver.url}/done"))
        except AirflowFailException:
            result = running.pushed["return_value"]
    (posted,) = receiver.received
    assert posted.message["result"] == result
    assert (posted.message["state"], posted.message["run_id"]) == (state, "manual")
    assert "x-webhook-signature" not in posted.headers


def test_an_input_cannot_lead_away_from_the_connections_server(
    define_connection: Callable[..., None],
) -> None:
    """With a connection, and no hosts named, an address elsewhere gets nothing."""
    running = Running({("send_event", "return_value"): {"accepted": 1}})
    define_connection("hook", conn_type="http", host="https://hooks.example.com", password="planted-secret")
    with receiving() as receiver:
        operator = GiveResult(task_id="result", tiktok_conn_id=CONN_ID, result_webhook_conn_id="hook")
        assert operator.execute(context_of(running, webhookUrl=receiver.url))["state"] == "success"
    assert receiver.received == []


@pytest.mark.parametrize(("hosts", "posted"), [(["127.0.0.1"], 1), (["hooks.example.com"], 0), ([], 0)])
def test_only_named_hosts_are_told(hosts: list[str], posted: int, caplog: pytest.LogCaptureFixture) -> None:
    """Where a DAG names the webhook's hosts, an input cannot have a result posted elsewhere."""
    running = Running({("send_event", "return_value"): {"accepted": 1}})
    with receiving() as receiver:
        operator = GiveResult(task_id="result", tiktok_conn_id=CONN_ID, webhook_hosts=hosts)
        assert operator.execute(context_of(running, webhookUrl=receiver.url))["state"] == "success"
    assert len(receiver.received) == posted
    assert ("not among those that this DAG names" in caplog.text) is (not posted)


@pytest.mark.parametrize("name", ["run_after", "queued_at", "start_date"])
def test_time_of_the_run_is_the_same_in_every_try(name: str) -> None:
    """The run's own time is used, whatever this Airflow calls it."""
    run = SimpleNamespace(**{name: datetime.fromtimestamp(NOW, tz=UTC)})
    assert run_time({"dag_run": run}) == NOW
