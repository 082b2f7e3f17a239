# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Dead letters are known for certain, so that no customer's row is taken for one."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok.conversions.delivery.dead_letter import DeadLetters
from airflow_provider_tiktok.conversions.events import (
    EventResult,
    Outcome,
    PreparedEvent,
    Row,
    UnreadableRow,
)
from airflow_provider_tiktok.conversions.sources.files import FilesSource
from airflow_provider_tiktok.conversions.sources.replay import Replay

LETTER: dict[str, Any] = {
    "row": 5,
    "outcome": "rejected",
    "reason": "refused",
    "violations": [],
    "event_id": "o-5",
    "event": {"event": "Purchase", "event_time": 1_790_000_000},
}


@pytest.mark.parametrize("outcome", ["rejected", "unconfirmed", "undelivered"])
def test_event_is_given_under_its_first_id(outcome: str) -> None:
    """A letter of an event that was not accepted gives the event, with the id it was sent under."""
    row = Replay().read({**LETTER, "outcome": outcome})
    assert row == {"event": "Purchase", "event_time": 1_790_000_000, "event_id": "o-5"}


@pytest.mark.parametrize("outcome", ["accepted", "skipped"])
def test_settled_event_is_not_sent_again(outcome: str) -> None:
    """What was accepted, and what was left out on purpose, stays as it is."""
    replay = Replay()
    assert replay.read({**LETTER, "outcome": outcome, "written_at": 1}) is None
    assert replay.oldest_time is None


@pytest.mark.parametrize(
    ("event", "event_id", "sent"),
    [
        ({"event": "Lead", "event_id": "own"}, "o-5", "own"),
        ({"event": "Lead", "event_id": None}, "o-5", "o-5"),
        ({"event": "Lead"}, None, None),
    ],
)
def test_ids(event: dict[str, Any], event_id: str | None, sent: str | None) -> None:
    """The event's own id comes first, then the letter's."""
    row = Replay().read({**LETTER, "event": event, "event_id": event_id})
    assert isinstance(row, dict)
    assert row.get("event_id") == sent


@pytest.mark.parametrize(
    "letter", [{**LETTER, "event": None}, {k: v for k, v in LETTER.items() if k != "event"}]
)
def test_letter_without_an_event(letter: dict[str, Any]) -> None:
    """Where there is nothing to send, the row is counted and told."""
    row = Replay().read(letter)
    assert isinstance(row, UnreadableRow)
    assert row.rule == "no_event_to_replay"


@pytest.mark.parametrize(
    "row",
    [
        {"event": "Purchase", "outcome": "accepted", "row": 1, "reason": "", "violations": []},
        {"event": {"event": "Purchase"}, "outcome": "accepted"},
        {"event": None, "outcome": "accepted", "row": 1, "reason": ""},
        {**LETTER, "outcome": "won"},
        {**LETTER, "outcome": ["rejected"]},
        {},
        UnreadableRow("not_json", ""),
    ],
)
def test_any_other_row_is_left_alone(row: Row) -> None:
    """A customer's row stays what it is, whatever names it shares with a letter."""
    assert Replay().read(row) is row


def test_oldest_time() -> None:
    """The oldest letter counts; one without a time in seconds changes nothing."""
    replay = Replay()
    for written_at in (None, 1_790_000_500, 1_790_000_000, 1_790_000_100, "yesterday", Decimal(5), True):
        replay.read({**LETTER, "written_at": written_at})
    assert replay.oldest_time == 1_790_000_000


def test_letters_of_a_run(tmp_path: Path) -> None:
    """What a run writes is read back: the event as it was recorded, and a row without an event as such."""
    path = tmp_path / "dead.jsonl"
    prepared = PreparedEvent(row=1, event="Purchase", event_id="o-1")
    results = [
        EventResult(row=1, rows=1, outcome=Outcome.UNCONFIRMED, event_id="o-1", prepared=prepared),
        EventResult(row=2, rows=1, outcome=Outcome.REJECTED),
    ]
    letters = DeadLetters(path, run="dag/run/task", clock=lambda: 1_790_000_000.5)
    properties = {"value": Decimal("1.10")}
    letters.write(
        results,
        record=lambda event: {"event": event.event, "event_id": event.event_id, "properties": properties},
    )

    source = FilesSource([path])
    event, unreadable = source.rows()

    assert event == {"event": "Purchase", "event_id": "o-1", "properties": {"value": Decimal("1.10")}}
    assert isinstance(unreadable, UnreadableRow)
    assert source.oldest_replay_time == 1_790_000_000


VIOLATION = {"path": "properties.value", "rule": "not_a_number", "remedy": "Send digits.", "is_fatal": True}


def test_an_event_that_was_found_wrong_must_be_mended_first() -> None:
    """It lacks what was refused: it goes again only after someone has emptied its list of violations."""
    letter = {
        "row": 1,
        "outcome": "rejected",
        "reason": "invalid",
        "violations": [VIOLATION],
        "event": {"event": "Purchase"},
    }
    refused = Replay().read(letter)
    assert isinstance(refused, UnreadableRow)
    assert refused.rule == "not_mended"
    assert Replay().read({**letter, "violations": []}) == {"event": "Purchase"}
    warning = {**VIOLATION, "is_fatal": False}
    assert Replay().read({**letter, "violations": [warning]}) == {"event": "Purchase"}
    for unknown in ("text", {"path": "user"}, None):
        assert isinstance(Replay().read({**letter, "violations": [unknown]}), UnreadableRow)


@pytest.mark.parametrize(
    ("left_out", "event", "is_warned"),
    [
        (["user.ip"], {}, True),
        (["user.ip"], {"user": {"ttp": "x"}}, True),
        (["user.ttp", "user.ip"], {"user": {"ttp": "x"}}, True),
        (["user.ip"], {"user": {"ip": "203.0.113.9"}}, False),
        (["page.url (ttclid)"], {"page": {"url": "https://shop.example.com/"}}, True),
        (["page.url (ttclid)"], {"page": {"url": "https://shop.example.com/?ttclid=E.C.P.x"}}, False),
        (["properties.contents[0].url (ttclid)"], {"properties": {"contents": []}}, True),
        (["user.ip.x"], {"user": {"ip": "text"}}, True),
        ([], {}, False),
        (None, {}, False),
        ("user.ip", {}, False),
    ],
)
def test_what_a_letter_left_out_is_warned_of_once(
    left_out: Any, event: dict[str, Any], is_warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Before an event is sent without what its letter left out, that is said; not where it was put back."""
    replay = Replay()
    letter = {**LETTER, "left_out": left_out, "event": {"event": "Purchase", **event}}
    for _ in range(2):
        replay.read(letter)
    assert caplog.text.count("without what they left out") == is_warned
