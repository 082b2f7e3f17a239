# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The service's DAG, called over REST with a real token on a whole Airflow."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from airflow_provider_tiktok import simulator as tiktok
from airflow_provider_tiktok.service.inputs import TASKS
from tests.end_to_end.orders import TOKEN
from tests.end_to_end.stack import RestError, Stack
from tests.webhook_receiver import Receiver, receiving

ROOT = Path(__file__).resolve().parents[2]
DAG_ID = "tiktok_events_api"
PIXEL = "CSHOP000000000000001"
ADVERTISER = "7000000000000000002"
EMAIL = "planted.person@example.com"
DIGEST = "9f9d1a4ad8e0ab4bb1a1a5f1a31e7d4ffb5a9b2d9c4e7a10d5c6f3a2b1c0d9e8"
"""What a caller gives who hashes: any 64 hex digits."""

NOW = int(time.time()) - 600

EVENT: Mapping[str, Any] = {
    "eventName": "CustomEvent",
    "customEventName": "Loyalty",
    "email": DIGEST,
    "isAlreadyHashed": True,
    "ttclid": "click-1",
    "ttp": "cookie-1",
    "ipAddress": "203.0.113.7",
    "userAgent": "Mozilla/5.0 (test)",
    "eventTime": str(NOW),
    "eventSourceUrl": "https://shop.example.com/thanks",
    "value": 12.5,
    "currency": "EUR",
    "orderId": "order-1",
    "contentId": "sku-1",
    "contentType": "product_group",
    "quantity": 3,
}

BATCH = [
    {"eventName": "Purchase", "eventId": f"batch-{number}", "eventTime": NOW, "email": DIGEST, **more}
    for number, more in enumerate(({"eventSourceUrl": "https://shop.example.com/"},) * 2 + ({},), start=1)
]
"""Three events, of which the last has no page and is rejected."""

ACCOUNT = {"demoMode": False, "pixelCode": PIXEL, "advertiserId": ADVERTISER}

INPUTS: Mapping[str, Mapping[str, Any]] = {
    **{f"demo {task}": {"task": task} for task in TASKS},
    "send_event": {"task": "send_event", **ACCOUNT, **EVENT},
    "send_batch_events": {
        "task": "send_batch_events",
        **ACCOUNT,
        "isAlreadyHashed": True,
        "events": json.dumps(BATCH),
    },
    "test_event": {"task": "test_event", **ACCOUNT, **EVENT, "testEventCode": "TEST12345"},
    "list_pixels": {"task": "list_pixels", **ACCOUNT},
    "get_pixel_info": {"task": "get_pixel_info", **ACCOUNT},
    "raw": {"task": "send_event", "email": EMAIL, "eventSourceUrl": "https://shop.example.com/raw"},
    "unknown field": {"task": "list_pixels", "emial": "x"},
}
"""What is posted, by the name of the case; each with the address of a webhook besides."""


class Run(NamedTuple):
    """One run that came to its end."""

    run_id: str
    state: str
    result: dict[str, Any]


@pytest.fixture(scope="module")
def platform() -> Iterator[tiktok.Simulator]:
    """TikTok, with an advertiser and a pixel that only the input names."""
    with tiktok.Simulator() as simulator:
        state = simulator.state["tiktok"]
        token = {**state["tokens"][tiktok.DEFAULT_TOKEN], "advertiser_ids": [ADVERTISER]}
        pixel = {**state["pixels"][tiktok.DEFAULT_PIXEL_CODE], "advertiser_id": ADVERTISER}
        shop = {
            "tokens": {TOKEN: token, tiktok.DEFAULT_TOKEN: None},
            "advertisers": {ADVERTISER: {"advertiser_name": "Shop"}},
            "pixels": {PIXEL: {**pixel, "pixel_id": "7000000000000000012", "pixel_name": "Shop"}},
        }
        simulator.state.patch({"tiktok": shop})
        yield simulator


@pytest.fixture(scope="module")
def webhook() -> Iterator[Receiver]:
    """Where every run is told to post its result."""
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def service(stack: Stack, platform: tiktok.Simulator) -> Stack:
    """An Airflow with the example DAG, and the connection that it asks for."""
    stack.define_connection("tiktok_default", conn_type="tiktok", host=platform.url, password=TOKEN)
    stack.add_dag((ROOT / "example_dags" / f"{DAG_ID}.py").read_text(), dag_id=DAG_ID)
    return stack


@pytest.fixture(scope="module")
def runs(service: Stack, webhook: Receiver) -> dict[str, Run]:
    """All cases, started at once and waited for.

    While they are asked for the DAG is paused: on SQLite a task that starts meanwhile can hold up Airflow's
    server until its database gives up.
    """
    service.call("PATCH", f"/api/v2/dags/{DAG_ID}", {"is_paused": True})
    started = {
        name: service.trigger(DAG_ID, {**given, "webhookUrl": f"{webhook.url}/{name.replace(' ', '-')}"})
        for name, given in INPUTS.items()
    }
    service.call("PATCH", f"/api/v2/dags/{DAG_ID}", {"is_paused": False})
    ended = {name: service.wait(DAG_ID, run_id, timeout_s=180) for name, run_id in started.items()}
    return {
        name: Run(started[name], last["state"], last["results"]["result"]) for name, last in ended.items()
    }


@pytest.mark.parametrize("task", TASKS)
def test_every_task_runs_as_it_is(runs: dict[str, Run], task: str) -> None:
    """With nothing but its name a task runs in demo mode, with samples, and says so."""
    run = runs[f"demo {task}"]
    assert (run.state, run.result["state"], run.result["failure"]) == ("success", "success", None)
    assert (run.result["task"], run.result["demo_mode"]) == (task, True)


def test_demo_mode_uses_samples(runs: dict[str, Run]) -> None:
    """Without an event a sample is sent to the simulator inside the task; pixels are its own."""
    accepted = {
        task: runs[f"demo {task}"].result["receipt"]["accepted"]
        for task in ("send_event", "send_batch_events", "test_event")
    }
    assert accepted == {"send_event": 1, "send_batch_events": 4, "test_event": 1}
    assert [one["pixel_code"] for one in runs["demo list_pixels"].result["pixels"]] == [
        tiktok.DEFAULT_PIXEL_CODE
    ]
    assert runs["demo get_pixel_info"].result["pixel"]["pixel_code"] == tiktok.DEFAULT_PIXEL_CODE


def test_an_event_is_sent_as_it_was_given(runs: dict[str, Run], platform: tiktok.Simulator) -> None:
    """Every field of the input is where TikTok wants it."""
    assert runs["send_event"].state == "success"
    assert runs["send_event"].result["receipt"]["accepted"] == 1
    (sent,) = [json.loads(payload) for payload in platform.ledger.payloads() if b"order-1" in payload]
    assert sent == EXPECTED
    (entry,) = [entry for entry in platform.ledger.events() if entry.event_id == "order-1"]
    assert (entry.event_source, entry.event_source_id) == ("web", PIXEL)


EXPECTED = {
    "event": "Loyalty",
    "event_time": NOW,
    "event_id": "order-1",
    "user": {
        "email": [DIGEST],
        "ttclid": "click-1",
        "ttp": "cookie-1",
        "ip": "203.0.113.7",
        "user_agent": "Mozilla/5.0 (test)",
    },
    "page": {"url": "https://shop.example.com/thanks"},
    "properties": {
        "value": 12.5,
        "currency": "EUR",
        "order_id": "order-1",
        "content_type": "product_group",
        "contents": [{"content_id": "sku-1", "quantity": 3}],
    },
}


def test_a_batch_that_fails_has_its_receipt(runs: dict[str, Run], platform: tiktok.Simulator) -> None:
    """A bad event fails the run, the good ones are sent, and the result says which rule was broken."""
    run = runs["send_batch_events"]
    receipt = run.result["receipt"]
    assert (run.state, run.result["state"]) == ("failed", "failed")
    assert (receipt["read"], receipt["accepted"], receipt["rejected"]) == (3, 2, 1)
    assert receipt["violations"][0]["rule"] == "page.url: missing"
    assert run.result["failure"]["kind"] == "DeliveryError"
    assert {"batch-1", "batch-2"} <= set(platform.ledger.event_ids())


def test_a_test_event_counts_for_nothing(runs: dict[str, Run], platform: tiktok.Simulator) -> None:
    """A test event is in the book of tests, and the result tells where to look for it."""
    result = runs["test_event"].result
    assert platform.ledger.event_ids("test") == ["order-1"]
    assert "TEST12345" in result["receipt"]["look_for"]


def test_pixels_are_the_advertisers(runs: dict[str, Run]) -> None:
    """The advertiser of the input has its pixels listed, and the pixel of the input is looked up."""
    listed, found = runs["list_pixels"].result, runs["get_pixel_info"].result
    assert [pixel["pixel_name"] for pixel in listed["pixels"]] == ["Shop"]
    assert found["pixel"]["pixel_code"] == PIXEL
    assert listed["demo_mode"] is found["demo_mode"] is False


def test_the_webhook_gets_every_result(runs: dict[str, Run], webhook: Receiver) -> None:
    """Each run, failed ones too, posted the very result that /wait gave, with its run id."""
    posted = {one.path.strip("/"): one.message for one in webhook.received}
    for name, run in runs.items():
        message = posted[name.replace(" ", "-")]
        assert message["result"] == run.result
        assert (message["run_id"], message["state"]) == (run.run_id, run.state)
    assert len(webhook.received) == len(runs)


def test_a_field_that_is_not_known_fails_the_run(runs: dict[str, Run]) -> None:
    """A mistyped field is refused with the name that was meant, before anything is done."""
    run = runs["unknown field"]
    assert run.state == "failed"
    assert "Did you mean 'email'?" in run.result["failure"]["message"]


def test_raw_identifiers_are_warned_of(runs: dict[str, Run], service: Stack) -> None:
    """A run with a raw e-mail in its input warns, and its tasks show it nowhere else."""
    run = runs["raw"]
    log = service.log(DAG_ID, run.run_id, "send_event")
    assert "Airflow keeps it in clear" in log
    rendered = json.dumps(service.task(DAG_ID, run.run_id, "send_event")["rendered_fields"])
    kept = [log, rendered, json.dumps(run.result)]
    assert not any(EMAIL in text for text in kept)


@pytest.mark.parametrize(
    "name", ["accessToken", "access_token", "accesstoken", "token", "Access-Token", "apiKey"]
)
def test_an_access_token_is_refused_before_it_is_stored(service: Stack, name: str) -> None:
    """Airflow answers 400 with the remedy, under any usual name, and the token is nowhere below its home."""
    token = "planted-access-token-0123456789"
    with pytest.raises(RestError) as refused:
        service.trigger(DAG_ID, {"task": "list_pixels", name: token})
    assert refused.value.status == 400
    assert "belongs into the password field" in refused.value.text
    assert "Revoke" in refused.value.text
    kept = [path for path in service.home.rglob("*") if path.is_file()]
    assert not [path for path in kept if token.encode() in path.read_bytes()]


def test_no_token_no_run(service: Stack) -> None:
    """Without Airflow's own token nobody starts a run."""
    token, service.token = service.token, ""
    try:
        with pytest.raises(RestError) as refused:
            service.trigger(DAG_ID, {"task": "list_pixels"})
    finally:
        service.token = token
    assert refused.value.status == 401


def test_the_commands_of_the_readme_run(service: Stack) -> None:
    """What the README tells to type starts a run, waits for it, and fetches the same result twice."""
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", _readme_commands()],
        env={
            "PATH": os.environ["PATH"],
            "AIRFLOW_URL": service.url,
            "AIRFLOW_USER": "tester",
            "AIRFLOW_PASSWORD": service.password,
            "NO_PROXY": "127.0.0.1",
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    answers = list(_documents(ended.stdout))
    waited, state, fetched = answers
    assert (waited["state"], state) == ("success", {"state": "success"})
    assert waited["result"] == fetched["result"]
    assert waited["result"]["receipt"]["event_names"] == {"AddToCart": 1}


def _readme_commands() -> str:
    section = "## One DAG for any task, by form or REST"
    told = (ROOT / "README.md").read_text().partition(section)[2]
    (block,) = re.findall(r"^```bash\n(.*?)^```$", told.partition("\n## ")[0], re.DOTALL | re.MULTILINE)
    return str(block)


def _documents(text: str) -> Iterator[Any]:
    decoder, rest = json.JSONDecoder(), text.strip()
    while rest:
        document, end = decoder.raw_decode(rest)
        yield document
        rest = rest[end:].lstrip()
