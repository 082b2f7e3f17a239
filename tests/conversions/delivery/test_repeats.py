# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""An event that comes twice in a run: what is left out, what is refused, and what is never lost."""

from __future__ import annotations

import json
from array import array
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_tiktok.conversions.batching import Batch, Encoded
from airflow_provider_tiktok.conversions.delivery.dead_letter import DeadLetters
from airflow_provider_tiktok.conversions.delivery.engine import Delivery, Options, deliver
from airflow_provider_tiktok.conversions.delivery.repeats import Repeats
from airflow_provider_tiktok.conversions.delivery.road import Events, Made
from airflow_provider_tiktok.conversions.events import PreparedEvent
from airflow_provider_tiktok.conversions.mapping import EventMapping
from tests.conversions.delivery.ledger import MOODS, Ledger, Rows, purchase


class Valued(Ledger):
    """A ledger whose wire form holds the value, too."""

    def encode(self, event: PreparedEvent) -> Encoded:
        value = str(event.properties.get("value", ""))
        return Encoded(body=msgspec.json.encode({"event_id": event.event_id, "value": value}))


def order(event_id: str, value: int) -> dict[str, Any]:
    return purchase(event_id, properties={"value": value, "currency": "EUR"})


def run(rows: list[Any], ledger: Ledger, **arguments: Any) -> Delivery:
    return deliver(Rows(rows), mapping=EventMapping(), destination=ledger, **arguments)


def counts(delivery: Delivery) -> dict[str, int]:
    names = ("accepted", "rejected", "skipped", "unconfirmed", "undelivered")
    told = {name: getattr(delivery.receipt, name) for name in names}
    return {name: count for name, count in told.items() if count}


def test_the_same_id_with_other_content_is_refused_and_names_the_first_row(tmp_path: Path) -> None:
    """It would be lost without a word: TikTok keeps one event of a name and an id."""
    path = tmp_path / "letters.jsonl"
    rows = [order("o-1", 10), order("o-2", 5), order("o-1", 7), order("o-1", 10)]
    ledger = Valued()
    delivery = run(rows, ledger, dead_letters=DeadLetters(path, run="r"))
    assert counts(delivery) == {"accepted": 2, "rejected": 1, "skipped": 1}
    assert delivery.receipt.reasons == {"invalid": 1, "repeat": 1}
    (finding,) = delivery.receipt.violations
    assert (finding.rule, finding.rows) == ("event_id: repeat_differs", (3,))
    assert finding.remedy.startswith("Row 1 has this event name and event_id with other content")
    (letter,) = [json.loads(line) for line in path.read_text().splitlines()]
    assert letter["row"] == 3
    assert ledger.deliveries == Counter(["o-1", "o-2"])


def test_another_group_is_other_content() -> None:
    """Two people's events in the same bytes are two events: whose it is may stand in the group alone."""

    class Grouped(Ledger):
        def encode(self, event: PreparedEvent) -> Encoded:
            return msgspec.structs.replace(super().encode(event), group=event.page and event.page.url)

    rows = [purchase("o-1", page={"url": f"https://{n}.example.com/"}) for n in (1, 2, 1)]
    assert counts(run(rows, Grouped())) == {"accepted": 1, "rejected": 1, "skipped": 1}


def test_a_repeat_of_a_refused_event_under_way_shares_its_fate(tmp_path: Path) -> None:
    """Both are read before the API refuses the first; neither is left out, each has its letter."""
    path = tmp_path / "letters.jsonl"
    rows = [order("o-1", 1), order("bad", 2), order("bad", 2), order("o-3", 3)]
    delivery = run(rows, Valued(bad={"bad"}), dead_letters=DeadLetters(path, run="r"))
    assert counts(delivery) == {"accepted": 2, "rejected": 2}
    letters = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(letter["row"], letter["reason"], letter["code"]) for letter in letters] == [
        (2, "refused", 40002),
        (3, "refused", 40002),
    ]
    assert delivery.receipt.reasons == {"refused": 2}


@pytest.mark.parametrize("value", [1, 2])
def test_what_comes_after_a_refusal_is_tried(value: int) -> None:
    """A refused event is no event: the next one with its id is sent, equal or mended."""

    class Refusing(Valued):
        """Refuses the first event once."""

        n_refused = 0

        def send(self, batch: Batch) -> Any:
            self.bad = {"o-1"} if not self.n_refused else set()
            self.n_refused += 1
            return super().send(batch)

    between = [order(f"between-{n}", 1) for n in range(3000)]
    ledger = Refusing(max_events=1)
    delivery = run([order("o-1", 1), *between, order("o-1", value)], ledger, options=Options(max_in_flight=1))
    assert counts(delivery) == {"accepted": 3001, "rejected": 1}
    assert ledger.deliveries["o-1"] == 1


def test_a_repeat_of_an_undelivered_event_is_undelivered() -> None:
    """Where the run stops before the first is sent, its repeat is not called left out."""
    rows = [order("o-1", 1), order("o-1", 1), order("o-2", 1)]
    delivery = run(rows, Valued(moods=["revoked"]))
    assert counts(delivery) == {"undelivered": 3}
    delivery = run(rows, Valued(moods=["lost_after"]))
    assert counts(delivery) == {"unconfirmed": 3}


def test_an_invalid_event_makes_no_repeat_of_a_good_one() -> None:
    """What is rejected here was never sent."""
    rows = [purchase("o-1", event_time=None), purchase("o-1"), purchase("o-1", event_time=None)]
    assert counts(run(rows, Ledger())) == {"accepted": 1, "rejected": 2}


def test_validation_only_finds_differing_repeats() -> None:
    """The whole road up to the wire."""
    rows = [order("o-1", 1), order("o-1", 1), order("o-1", 2)]
    delivery = run(rows, Valued(), options=Options(validate_only=True))
    assert counts(delivery) == {"skipped": 2, "rejected": 1}
    assert delivery.receipt.reasons == {"validate_only": 1, "repeat": 1, "invalid": 1}


def test_the_window_bounds_what_is_remembered() -> None:
    """Beyond it an event counts as new: the API removes it where it is one."""
    repeats = Repeats(2)
    assert [_meet(repeats, event_id) is None for event_id in "abcab"] == [True] * 5
    assert [_meet(repeats, event_id) is None for event_id in "ab"] == [False] * 2


def test_numbers_stand_for_events() -> None:
    """One number stays of an accepted event, none of a refused one, and nothing of its person."""
    repeats = Repeats(100)
    for number in range(50):
        _meet(repeats, str(number), row=number + 1)
        if number % 2:
            repeats.forget(row=number + 1, event="Purchase", event_id=str(number))
    repeats.forget(row=99, event="Purchase", event_id="0")
    assert {type(one) for one in vars(repeats).values()} == {int, array}
    firsts = [_meet(repeats, str(number), row=100 + number) for number in range(50)]
    assert [first and first.row for first in firsts] == [n + 1 if n % 2 == 0 else None for n in range(50)]


def test_keys_that_share_a_slot_are_told_apart() -> None:
    """More events than slots, many times over: each is found while it is among the latest."""
    repeats = Repeats(8)
    for number in range(200):
        assert _meet(repeats, str(number), row=number + 1) is None
        latest = range(max(number - 7, 0), number + 1)
        assert [_meet(repeats, str(one)).row for one in latest] == [one + 1 for one in latest]


def test_events_of_one_chunk_repeat_each_other() -> None:
    """The first of them that has a name and an id is the one that the others repeat."""
    repeats = Repeats(100)
    firsts = repeats.meet(_events(["a", "b", "a", "a"], row=5), range(4), find=lambda _: None)
    assert {place: (first.row, first.is_equal) for place, first in firsts.items()} == {
        2: (5, True),
        3: (5, True),
    }


def test_an_event_forgotten_while_it_is_looked_for_is_no_first() -> None:
    """The keeper's thread may store and forget what was refused between two steps of the reader's."""
    repeats = Repeats(100)
    assert _meet(repeats, "a", row=1) is None

    def find(row: int) -> None:
        repeats.forget(row=row, event="Purchase", event_id="a")

    assert repeats.meet(_events(["a"], row=2), range(1), find=find) == {}
    first = _meet(repeats, "a", row=3)
    assert (first.row, first.is_equal) == (2, True)


def _meet(repeats: Repeats, event_id: str, *, row: int = 1) -> Any:
    firsts = repeats.meet(_events([event_id], row=row), range(1), find=lambda _: None)
    return firsts.get(0)


def _events(event_ids: list[str], *, row: int) -> Events:
    size = len(event_ids)
    return Events(
        rows=range(row, row + size),
        counts=[1] * size,
        lines=[b"{}"] * size,
        names=["Purchase"] * size,
        ids=list(event_ids),
        times=[None] * size,
        notes={},
        coverage={},
        remake=lambda place: Made(row=row + place, rows=1),
    )


_EVENTS = st.lists(
    st.builds(order, st.sampled_from(["o-1", "o-2", "o-3", "bad-1", "bad-2"]), st.integers(1, 2)), max_size=40
)


@settings(max_examples=150, deadline=None)
@given(_EVENTS, st.lists(st.sampled_from(MOODS), max_size=6), st.integers(1, 3), st.integers(1, 10))
def test_no_event_is_lost_to_another(
    rows: list[Any], moods: list[str], max_in_flight: int, max_events: int
) -> None:
    """Every event is counted; what is left out equals one that was accepted; an id is accepted once."""
    ledger = Valued(bad={"bad-1", "bad-2"}, moods=moods, max_events=max_events)
    delivery = run(rows, ledger, options=Options(max_in_flight=max_in_flight))
    assert sum(counts(delivery).values()) == delivery.receipt.read
    assert all(count == 1 for count in ledger.deliveries.values())
    if delivery.stopped_by is not None:
        return
    good = [row for row in rows if not row["event_id"].startswith("bad")]
    firsts = {row["event_id"]: row for row in reversed(good)}
    equal = sum(row == firsts[row["event_id"]] for row in good)
    assert counts(delivery).get("accepted", 0) == len(firsts)
    assert counts(delivery).get("skipped", 0) == equal - len(firsts)
    assert counts(delivery).get("rejected", 0) == len(rows) - equal
