# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What a case of the set cannot say: whole requests, whole receipts, several runs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok.conversions.events import (
    Ad,
    App,
    Content,
    Lead,
    Mileage,
    Page,
    PreparedUser,
    Properties,
)
from airflow_provider_tiktok.exceptions import PermanentFailure
from airflow_provider_tiktok.operators.tiktok import TikTokSendEventsOperator, TikTokTestEventOperator
from airflow_provider_tiktok.simulator import Simulator
from tests.airflow.running import Task
from tests.conformance.case_files import read_cases

FLAT_FIELDS = (
    *("eventName", "customEventName", "eventTime", "eventSourceUrl", "email", "phone", "externalId"),
    *("ttclid", "ttp", "ipAddress", "userAgent", "value", "currency", "orderId", "contentId"),
    *("contentType", "quantity", "isAlreadyHashed"),
)
"""The fields of a flat event, as forms and no-code tools name them."""

NOT_TIKTOKS = {"envelope", "session_id"}
STRUCTS = {"user": PreparedUser, "page": Page, "app": App, "ad": Ad, "lead": Lead}


@pytest.fixture
def send(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Runs an operator; gives the receipt, also of a task that failed."""

    def run(operator: Any = TikTokSendEventsOperator, **arguments: Any) -> dict[str, Any]:
        task = Task()
        made = operator(task_id="send", dead_letter_path=tmp_path / "letters.jsonl", **arguments)
        try:
            made.execute(task.context)
        except PermanentFailure:
            assert "receipt" in task.pushed
        receipt: dict[str, Any] = task.pushed["receipt"]
        return receipt

    return run


def event(number: int, **more: Any) -> dict[str, Any]:
    return {
        "event": "Purchase",
        "event_time": int(time.time()) - 60,
        "event_id": f"o-{number}",
        "user": {"email": f"person{number}@example.com"},
        "page": {"url": "https://shop.example.com/thanks"},
        **more,
    }


def bodies(simulator: Simulator) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in simulator.requests]


@pytest.mark.parametrize("field", FLAT_FIELDS)
def test_every_flat_field_has_a_case_in_both_spellings(field: str):
    """Each flat field is tried in camelCase and in snake_case."""
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in field)
    tried = {key for case in read_cases() if case.topic == "flat" for row in case.rows() for key in row}
    assert {field, snake} <= tried
    assert field.islower() or field != snake


@pytest.mark.parametrize(
    "path",
    [
        *(f"{group}.{name}" for group, kind in STRUCTS.items() for name in kind.__struct_fields__),
        *(f"properties.{name}" for name in Properties.__annotations__),
        # The type of content stands beside items in some sources and never in a request.
        *(f"properties.contents.{n}" for n in Content.__struct_fields__ if n != "content_type"),
        *(f"properties.mileage.{name}" for name in Mileage.__annotations__),
        *("event", "event_time", "event_id", "limited_data_use"),
    ],
)
def test_every_field_is_seen_to_arrive(path: str):
    """Each field that TikTok documents is in a case that says what TikTok receives of it."""
    if path.rpartition(".")[2] in NOT_TIKTOKS:
        return
    assert any(_says(case.receives, path.split(".")) or _writes(case.writes, path) for case in read_cases())


def test_a_test_code_stands_beside_the_source(send: Any, tiktok: Simulator):
    """The code is the request's, once, and no event holds it."""
    send(events=[event(1), event(2)], test_event_code="TEST1")
    (body,) = bodies(tiktok)
    assert set(body) == {"event_source", "event_source_id", "test_event_code", "data"}
    assert all("test_event_code" not in one for one in body["data"])


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_no_test_code_is_no_key(send: Any, tiktok: Simulator, nothing: str | None):
    """An empty code is left out, for TikTok takes whatever is there for one."""
    send(events=[event(1)], test_event_code=nothing)
    (body,) = bodies(tiktok)
    assert set(body) == {"event_source", "event_source_id", "data"}


def test_test_events_share_no_request_with_live_ones(send: Any, tiktok: Simulator):
    """A run is live or a test as a whole, so the same event may be both and each book has it once."""
    send(events=[event(1)])
    send(TikTokTestEventOperator, event=event(1), test_event_code="TEST1")
    assert ["test_event_code" in body for body in bodies(tiktok)] == [False, True]
    books = tiktok.ledger.summary()
    assert (books["live"]["unique_events"], books["test"]["unique_events"]) == (1, 1)


def test_validate_only_tells_everything_and_asks_nobody(send: Any, tiktok: Simulator):
    """The whole road up to the wire: rules with first rows, match keys, and no request."""
    bad = {"properties": {"value": "$5"}}
    receipt = send(events=[event(1), event(2, **bad), event(3), event(4, **bad)], validate_only=True)
    assert tiktok.requests == []
    assert (receipt["read"], receipt["accepted"], receipt["skipped"], receipt["rejected"]) == (4, 0, 2, 2)
    assert receipt["reasons"] == {"validate_only": 2, "invalid": 2}
    (finding,) = receipt["violations"]
    assert (finding["rule"], finding["count"]) == ("properties.value: not_a_number", 2)
    assert finding["rows"] == [2, 4]
    assert finding["remedy"]
    assert (receipt["eligible"], receipt["match_keys"]) == (2, {"email": 2})
    assert (receipt["requests"], receipt["event_names"]) == (0, {"Purchase": 4})


def test_dropped_identifiers_are_counted_with_their_rows(send: Any, tiktok: Simulator):
    """What was left out, why, how often and where first stands in the receipt, and no number."""
    phones = ["555 0123", "+12025550123", "abc", "555 0199"]
    receipt = send(events=[event(n, user={"phone": phone}) for n, phone in enumerate(phones)])
    told = {one["rule"]: (one["count"], one["rows"]) for one in receipt["dropped"]}
    assert told == {"user.phone: no_country_code": (2, [1, 4]), "user.phone: not_a_phone": (1, [3])}
    assert receipt["match_keys"] == {"phone": 1}
    assert "0123" not in json.dumps(receipt)


def test_rejected_events_can_be_mended_and_sent_again(send: Any, tiktok: Simulator, tmp_path: Path):
    """A dead letter's event, once mended, is taken as it stands: its digests are not hashed again."""
    send(events=[event(1, event="purchase")])
    letter = json.loads((tmp_path / "letters.jsonl").read_text())
    receipt = send(events=[{**letter["event"], "event": "Purchase"}])
    assert receipt["accepted"] == 1
    (body,) = bodies(tiktok)
    # person1@example.com
    expected = "18c0922f0e3b9e9e84a5ded2ff107ab7cc938e72dd9f9c8db6baa701b734623d"
    assert body["data"][0]["user"]["email"] == [expected]
    assert body["data"][0]["event_id"] == "o-1"


def _says(told: Any, path: list[str]) -> bool:
    """Whether something is said of a path; of a list, of any of its members."""
    if isinstance(told, list):
        return any(_says(one, path) for one in told)
    if not path:
        return True
    return isinstance(told, dict) and path[0] in told and _says(told[path[0]], path[1:])


def _writes(texts: Any, path: str) -> bool:
    return any(text.startswith(f'"{path.rpartition(".")[2]}":') for text in texts)
