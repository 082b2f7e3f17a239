# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A run in pieces is the run in one piece: the same events sent, the same counts, the same letters."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from airflow_provider_tiktok.conversions.answers import Answer
from airflow_provider_tiktok.conversions.batching import Batch, Encoded, Limits
from airflow_provider_tiktok.conversions.delivery.dead_letter import DeadLetters
from airflow_provider_tiktok.conversions.delivery.engine import Delivery, Options, deliver
from airflow_provider_tiktok.conversions.errors import TransientError
from airflow_provider_tiktok.conversions.events import PreparedEvent, Row, UnreadableRow
from airflow_provider_tiktok.conversions.mapping import EventMapping
from tests.conversions.delivery.ledger import Ledger, Rows, Steps, Store

TIME = 1767225600

KINDS = ("good", "good", "good", "bad", "invalid", "unreadable", "repeat", "line", "line", "late column")


class Case(NamedTuple):
    """A source and how it is sent.

    :param n_sessions: events of different sessions share no request, as at LiveRamp; 0 for none.
    :param names_event: whether the API names what is wrong with a bad event.
    """

    rows: list[Row]
    bad: set[str]
    is_grouped: bool
    max_events: int
    max_in_flight: int
    n_sessions: int = 0
    names_event: bool = True


def row_of(kind: str, number: int) -> Row:
    """A row; lines of one order stand side by side, and a repeat has the id of the first one."""
    match kind:
        case "unreadable":
            return UnreadableRow(rule="not_json", remedy="Mend the line.")
        case "invalid":
            return {"id": f"o-{number}", "at": None}
        case "repeat":
            return {"id": "o-again", "at": TIME}
        case "line":
            return {"id": f"lines-{number // 4}", "at": TIME}
        case "late column":
            return {"id": f"o-{number}", "at": TIME, "value": 5}
    return {"id": f"{kind}-{number}", "at": TIME}


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Sources with every kind of row, in requests of every size."""
    kinds = draw(st.lists(st.sampled_from(KINDS), max_size=40))
    rows = [row_of(kind, number) for number, kind in enumerate(kinds)]
    return Case(
        rows=rows,
        bad={str(row["id"]) for row in rows if isinstance(row, Mapping) and str(row["id"]).startswith("bad")},
        is_grouped=draw(st.booleans()),
        max_events=draw(st.sampled_from([1, 2, 3, 7, 100])),
        max_in_flight=draw(st.integers(1, 3)),
        n_sessions=draw(st.sampled_from([0, 0, 3])),
        names_event=draw(st.booleans()),
    )


class Stopping(Ledger):
    """A ledger that is busy from some request on.

    :param after: so many requests are answered; ``None`` for all.
    """

    def __init__(self, case: Case, *, after: int | None = None) -> None:
        super().__init__(bad=case.bad, max_events=case.max_events)
        self.limits = Limits(max_events=case.max_events, max_age=7 if case.n_sessions else None)
        self._case = case
        self._after = after

    def encode(self, event: PreparedEvent) -> Encoded:
        """The event, of its session."""
        n_sessions = self._case.n_sessions
        group = crc32((event.event_id or "").encode()) % n_sessions if n_sessions else None
        return structs.replace(super().encode(event), group=group)

    def send(self, batch: Batch) -> Answer:
        """Answer, or be busy."""
        if self._after is not None and len(self.requests) >= self._after:
            raise TransientError("busy", code=40100)
        answer = super().send(batch)
        return structs.replace(answer, names_event=answer.names_event and self._case.names_event)


class Stop(NamedTuple):
    """How a try ends.

    :param requests: answered before the API is busy, ``None`` for all.
    :param rows: read before the source breaks, ``None`` for all.
    :param saves: whether the try is killed, and how many of its checkpoints were saved by then.
    :param step_s: how fast time goes, so that checkpoints are saved often or seldom.
    :param chunk_rows: how the source is cut, which is another way in every try.
    """

    requests: int | None
    rows: int | None
    saves: int | None
    step_s: float
    chunk_rows: int


STOPS = st.lists(
    st.builds(
        Stop,
        st.none() | st.integers(0, 12),
        st.none() | st.integers(0, 40),
        st.none() | st.integers(0, 4),
        st.sampled_from([0.0, 0.3, 2.0]),
        st.sampled_from([1, 3, 100]),
    ),
    max_size=4,
)


class Keeping(Store):
    """A store that remembers every checkpoint."""

    def __init__(self) -> None:
        super().__init__()
        self.states: list[dict[str, Any] | None] = []

    def save(self, state: dict[str, Any]) -> None:
        """Keep it beside those before."""
        super().save(state)
        self.states.append(state)


def run(
    case: Case,
    ledger: Ledger,
    *,
    letters: Path,
    store: Store,
    breaks_after: int | None = None,
    step_s: float = 2.0,
    chunk_rows: int = 1,
) -> Delivery:
    """One try."""
    rows: Sequence[Row | BaseException] = case.rows
    if breaks_after is not None and breaks_after < len(rows):
        rows = [*rows[:breaks_after], TransientError("the database went away")]
    return deliver(
        Rows(rows, chunk_rows=chunk_rows),
        mapping=EventMapping(
            {"event_id": "id", "event_time": "at", "properties.value": "value"},
            defaults={"event": "Purchase", "properties.currency": "USD"},
            group_by=["id"] if case.is_grouped else (),
        ),
        destination=ledger,
        options=Options(max_in_flight=case.max_in_flight),
        dead_letters=DeadLetters(letters, run="d/r/t", clock=lambda: TIME),
        checkpoints=store,
        clock=Steps(step_s),
    )


def told(delivery: Delivery) -> dict[str, Any]:
    """The receipt, but for what depends on how often one asked."""
    receipt = delivery.receipt.as_dict()
    told_apart = (
        "requests",
        "retries",
        "n_bytes",
        "seconds",
        "request_ids",
        "resumed_from",
        "dead_letter_path",
    )
    return {key: value for key, value in receipt.items() if key not in told_apart}


def letters_in(path: Path) -> list[Any]:
    """The letters in the order of their rows, but for the ids of requests."""
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return sorted(({**line, "request_id": None} for line in lines), key=lambda line: line["row"])


@settings(max_examples=2000, deadline=None)
@given(cases(), STOPS)
def test_a_run_in_pieces_is_the_run_in_one_piece(case: Case, stops: list[Stop]) -> None:
    """Wherever tries end - busy, broken, killed - the last one's receipt and letters are those of one run."""
    logging.disable(logging.WARNING)
    try:
        with tempfile.TemporaryDirectory() as folder:
            whole, pieces = Path(folder) / "whole.jsonl", Path(folder) / "pieces.jsonl"
            ledger = Stopping(case)
            expected = run(case, ledger, letters=whole, store=Store())
            store = Keeping()
            sent: set[str] = set()
            for stop in stops:
                before = store.state
                store.states = []
                trying = Stopping(case, after=stop.requests)
                run(
                    case,
                    trying,
                    letters=pieces,
                    store=store,
                    breaks_after=stop.rows,
                    step_s=stop.step_s,
                    chunk_rows=stop.chunk_rows,
                )
                sent |= set(trying.deliveries)
                if stop.saves is not None:
                    store.state = [before, *store.states][: stop.saves + 1][-1]
            last = Stopping(case)
            given_ = run(case, last, letters=pieces, store=store, chunk_rows=100)
            assert told(given_) == told(expected)
            assert sent | set(last.deliveries) == set(ledger.deliveries)
            assert letters_in(pieces) == letters_in(whole)
    finally:
        logging.disable(logging.NOTSET)


@pytest.mark.parametrize("chunk_rows", [1, 7, 40, 100])
def test_what_a_chunk_has_sent_is_saved_before_the_chunk_is_done(tmp_path: Path, chunk_rows: int) -> None:
    """A chunk may be many requests: a try that ends among them is resumed, whatever its chunks."""
    rows = [row_of("good", number) for number in range(40)]
    case = Case(rows=rows, bad=set(), is_grouped=False, max_events=5, max_in_flight=1)
    store, letters = Keeping(), tmp_path / "letters.jsonl"
    for _ in range(3):
        run(case, Stopping(case, after=2), letters=letters, store=store, chunk_rows=chunk_rows)
    assert {state["position"] for state in store.states if state} >= {5, 10, 15, 20, 25, 30}
    receipt = run(case, Stopping(case), letters=letters, store=store, chunk_rows=chunk_rows).receipt
    assert (receipt.resumed_from, receipt.accepted) == (30, 40)


@pytest.mark.parametrize(("step_s", "least", "most"), [(0.0, 1, 2), (0.002, 1, 4), (2.0, 20, 100)])
def test_checkpoints_are_saved_at_most_once_a_second(
    tmp_path: Path, step_s: float, least: int, most: int
) -> None:
    """However small the requests: at the first answer, then once a second, and at the end."""
    case = Case([row_of("good", n) for n in range(60)], set(), False, max_events=1, max_in_flight=1)
    store = Keeping()
    run(case, Stopping(case), letters=tmp_path / "letters.jsonl", store=store, step_s=step_s)
    assert least <= len(store.states) <= most


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows[1:],
        lambda rows: [*rows[:3], {"id": "new", "at": TIME}, *rows[4:]],
        lambda rows: [*rows[:5], {"id": "new", "at": TIME}, *rows[5:]],
        lambda rows: [rows[1], rows[0], *rows[2:]],
        lambda rows: rows[:10],
        lambda rows: [],
        lambda rows: [*rows[:2], UnreadableRow(rule="not_json", remedy=""), *rows[3:]],
    ],
)
def test_a_change_before_the_checkpoint_starts_over(
    change: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A row that went, came, moved or broke among those that are settled is seen before anything is sent."""
    rows = [row_of("good", number) for number in range(40)]
    case = Case(rows=rows, bad=set(), is_grouped=False, max_events=10, max_in_flight=1)
    store, letters = Store(), tmp_path / "letters.jsonl"
    run(case, Stopping(case, after=2), letters=letters, store=store)
    assert store.state is not None
    assert store.state["position"] == 20

    changed = case._replace(rows=change(rows))
    ledger = Stopping(changed)
    receipt = run(changed, ledger, letters=letters, store=store).receipt
    assert receipt.resumed_from == 0
    assert "The input changed since the last try" in caplog.text
    assert receipt.read == len(changed.rows)
    assert len(ledger.deliveries) == receipt.accepted


def test_a_change_behind_the_checkpoint_is_sent(tmp_path: Path) -> None:
    """Rows that are not settled may change: they are sent as they are now."""
    rows = [row_of("good", number) for number in range(40)]
    case = Case(rows=rows, bad=set(), is_grouped=False, max_events=10, max_in_flight=1)
    store, letters = Store(), tmp_path / "letters.jsonl"
    run(case, Stopping(case, after=2), letters=letters, store=store)
    changed = case._replace(rows=[*rows[:30], {"id": "new", "at": TIME}])
    ledger = Stopping(changed)
    receipt = run(changed, ledger, letters=letters, store=store).receipt
    assert (receipt.resumed_from, receipt.accepted) == (20, 31)
    assert len(ledger.deliveries) == 11


def test_a_first_try_of_long_ago_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """TikTok forgets ids after 48 hours: starting over may count events twice, and the log says so."""
    rows = [row_of("good", number) for number in range(40)]
    case = Case(rows=rows, bad=set(), is_grouped=False, max_events=10, max_in_flight=1)
    store, letters = Store(), tmp_path / "letters.jsonl"
    run(case, Stopping(case, after=2), letters=letters, store=store)
    assert store.state is not None
    store.state["began_at"] -= 49 * 3600
    run(case._replace(rows=rows[1:]), Stopping(case), letters=letters, store=store)
    assert "may count twice" in caplog.text


@pytest.mark.parametrize("n_sessions", [0, 3])
@pytest.mark.parametrize("n_bad", [1, 20])
def test_what_is_left_for_a_retry_may_all_be_bad(tmp_path: Path, n_bad: int, n_sessions: int) -> None:
    """The good events are accepted in a former try: one of them tells that the request is not at fault."""
    rows = [*(row_of("good", n) for n in range(20)), *(row_of("bad", n) for n in range(n_bad))]
    bad = {f"bad-{n}" for n in range(n_bad)}
    case = Case(rows, bad, False, max_events=5, max_in_flight=1, n_sessions=n_sessions, names_event=False)
    store, letters = Store(), tmp_path / "letters.jsonl"

    class Busy(Stopping):
        def send(self, batch: Batch) -> Answer:
            if any(b"bad" in event.body for event in batch.events):
                raise TransientError("busy", code=40100)
            return super().send(batch)

    run(case, Busy(case), letters=letters, store=store)
    delivery = run(case, Stopping(case), letters=letters, store=store)
    assert delivery.stopped_by is None
    assert (delivery.receipt.accepted, delivery.receipt.rejected) == (20, n_bad)
