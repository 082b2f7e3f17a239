# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from airflow_provider_tiktok.conversions.answers import Verdict
from airflow_provider_tiktok.conversions.batching import Batcher, Limits
from airflow_provider_tiktok.conversions.delivery.destination import Destination
from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.events import Digest, Page, PreparedEvent, PreparedUser, Violation
from airflow_provider_tiktok.conversions.http import HttpReply
from airflow_provider_tiktok.conversions.tiktok.client import TikTokClient
from airflow_provider_tiktok.conversions.tiktok.destination import TikTokDestination
from airflow_provider_tiktok.conversions.tiktok.options import ValidationRules
from tests.conversions.transports import Script, Waits

PIXEL = "CABC0123456789012345"
NOW = 1_790_000_000
OK = HttpReply(status=200, body=b'{"code":0,"message":"OK","request_id":"2026A","data":{}}')
EVENT = PreparedEvent(
    row=1,
    event="Purchase",
    event_time=NOW - 60,
    event_id="o-1",
    user=PreparedUser(email=(Digest("973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"),)),
    page=Page(url="https://shop.example/"),
)


def make(script: Script | None = None, **changes: Any) -> TikTokDestination:
    """A web destination, with some arguments changed."""
    client = TikTokClient("token", transport=script or Script(OK), wait=Waits())
    rules = ValidationRules(event_source="web", now=lambda: NOW)
    return TikTokDestination(
        client, **{"event_source": "web", "event_source_id": PIXEL, "rules": rules, **changes}
    )


def test_it_is_a_destination() -> None:
    """It has what the engine asks of a destination."""
    destination: Destination = make()
    assert destination.name == "TikTok"


def test_check_says_what_validation_says() -> None:
    """Findings that the event brings come first, then what validation finds."""
    assert make().check(EVENT) == ()
    brought = Violation("user.email", "not_hashed", "Hash it.")
    broken = msgspec.structs.replace(EVENT, page=None, violations=(brought,))
    findings = make().check(broken)
    assert findings[0] is brought
    assert "page.url" in {finding.path for finding in findings}


def test_encode() -> None:
    """An event is encoded for the run's source; all events of a run may share a request."""
    encoded = make(test_event_code="TEST1").encode(EVENT)
    assert encoded.body.startswith(
        b'{"event":"Purchase","event_time":1789999940,"event_id":"o-1","user":{"email":['
    )
    assert encoded.group is None


def test_runs_of_test_events_have_another_address() -> None:
    """What was sent as a test was not sent for good."""
    assert make(test_event_code="TEST1").address != make().address


def test_a_simulator_is_another_place_than_tiktok() -> None:
    """A retry after demo mode was switched off must not go on where the simulator had stopped."""
    client = TikTokClient("token", base_url="http://127.0.0.1:8099", transport=Script(OK))
    rules = ValidationRules(event_source="web", now=lambda: NOW)
    simulated = TikTokDestination(client, event_source="web", event_source_id=PIXEL, rules=rules)
    assert simulated.address != make().address == make().address


def test_empty_codes_are_none() -> None:
    """An empty test code makes no test events."""
    script = Script(OK)
    destination = make(script, test_event_code="", partner_name="")
    send(destination)
    assert b"test_event_code" not in (script.requests[0].body or b"")
    assert destination.address == make().address


def test_record() -> None:
    """A dead letter holds the event in TikTok's nesting."""
    assert make().record(EVENT)["page"] == {"url": "https://shop.example/"}


def send(destination: TikTokDestination, *, n_events: int = 2) -> list[Any]:
    """The answers to so many events, packed as the engine packs them."""
    batcher = Batcher(destination.limits)
    encoded = destination.encode(EVENT)
    batches = [batch for _ in range(n_events) for batch in batcher.add(encoded)]
    return [destination.send(batch) for batch in [*batches, *batcher.flush()]]


def test_send() -> None:
    """A batch becomes one request with the run's head."""
    script = Script(OK)
    (answer,) = send(make(script, test_event_code="TEST1", partner_name="Us"))
    assert answer.verdict is Verdict.ACCEPTED
    body = msgspec.json.decode(script.requests[0].body or b"")
    assert {name: body[name] for name in body if name != "data"} == {
        "event_source": "web",
        "event_source_id": PIXEL,
        "test_event_code": "TEST1",
        "partner_name": "Us",
    }
    assert [event["event_id"] for event in body["data"]] == ["o-1", "o-1"]


@pytest.mark.parametrize("max_bytes", [700, 1_000, 5_000])
def test_no_request_is_larger_than_allowed(max_bytes: int) -> None:
    """The bytes around the events count as well, to the last one."""
    script = Script(OK)
    destination = make(script, limits=Limits(max_bytes=max_bytes), test_event_code="TEST1")
    send(destination, n_events=50)
    sizes = [len(request.body or b"") for request in script.requests]
    one = len(destination.encode(EVENT).body) + 1
    assert max(sizes) <= max_bytes
    assert max(sizes) > max_bytes - one
    assert (
        sum(msgspec.json.decode(request.body or b"")["data"].__len__() for request in script.requests) == 50
    )


def test_limits_default_to_tiktoks() -> None:
    """Without limits, a request holds at most 1,000 events."""
    assert (make().limits.max_events, make().limits.max_bytes) == (1000, 1_000_000)
    assert make().limits.overhead_bytes == len(
        b'{"event_source":"web","event_source_id":"","data":[]}'
    ) + len(PIXEL)


@pytest.mark.parametrize(
    "changes",
    [
        {"limits": Limits(max_events=1001)},
        {"limits": Limits(max_events=0)},
        {"event_source_id": "7000000000000000001"},
        {"event_source_id": ""},
        {"event_source": "offline"},
        {"event_source": "pixel"},
        {"rules": ValidationRules(event_source="offline")},
    ],
)
def test_wrong_settings(changes: dict[str, Any]) -> None:
    """What cannot work is refused before anything is read."""
    with pytest.raises(ConfigurationError):
        make(**changes)
