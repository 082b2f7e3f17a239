# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The engine accounts for every event, whatever goes wrong, and a retry goes on where it may."""

from __future__ import annotations

import json
import signal
import threading
import tracemalloc
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_tiktok.conversions.answers import Answer
from airflow_provider_tiktok.conversions.batching import Batch, Encoded
from airflow_provider_tiktok.conversions.chunks import Chunk, Source
from airflow_provider_tiktok.conversions.delivery.checkpoint import Checkpoint, Digest, spans_of
from airflow_provider_tiktok.conversions.delivery.dead_letter import DeadLetters
from airflow_provider_tiktok.conversions.delivery.engine import (
    MOST_PENDING_BYTES,
    Delivery,
    Options,
    deliver,
)
from airflow_provider_tiktok.conversions.errors import (
    AuthorizationError,
    ConfigurationError,
    DeliveryError,
    TransientError,
)
from airflow_provider_tiktok.conversions.events import EventResult, PreparedEvent, UnreadableRow
from airflow_provider_tiktok.conversions.identifiers import IdentityRules
from airflow_provider_tiktok.conversions.mapping import EventMapping
from airflow_provider_tiktok.conversions.sources.files import FilesSource
from tests.conversions.delivery.ledger import FAST, MOODS, Ledger, Rows, Steps, Store, purchase


def run(rows: list[Any], ledger: Ledger, *, source: Source | None = None, **arguments: Any) -> Delivery:
    """A run over these rows with the defaults of the tests."""
    arguments = {"mapping": EventMapping(), "options": FAST, **arguments}
    return deliver(source or Rows(rows), destination=ledger, **arguments)


def counts(delivery: Delivery) -> dict[str, int]:
    """The five outcomes that are not zero."""
    names = ("accepted", "rejected", "skipped", "unconfirmed", "undelivered")
    return {name: value for name in names if (value := getattr(delivery.receipt, name))}


def test_every_good_event_is_accepted_once() -> None:
    """A plain run: all accepted, full batches, nothing stopped, complete."""
    ledger = Ledger()
    delivery = run([purchase(f"o-{n}") for n in range(25)], ledger)
    assert counts(delivery) == {"accepted": 25}
    assert ledger.deliveries == Counter(f"o-{n}" for n in range(25))
    assert sorted(len(ids) for ids in ledger.requests) == [5, 10, 10]
    assert delivery.receipt.is_complete
    assert delivery.stopped_by is None


def test_a_batch_that_waits_is_sent_where_the_source_breaks() -> None:
    """Whole requests are sent, also one whose turn had not come when the source failed."""
    has_broken, stop = threading.Event(), threading.Event()

    class Breaking(Rows):
        def chunks(self) -> Generator[Chunk, None, None]:
            try:
                yield from super().chunks()
            finally:
                has_broken.set()

    class Slow(Ledger):
        def send(self, batch: Batch) -> Answer:
            assert has_broken.wait(60)
            stop.wait(0.2)  # for the run to end itself, which it must not
            return super().send(batch)

    ledger = Slow()
    rows: list[Any] = [*(purchase(f"o-{n}") for n in range(25)), ValueError("the source fails")]
    delivery = run(rows, ledger, source=Breaking(rows), stop=stop, options=Options(max_in_flight=1))
    assert counts(delivery) == {"accepted": 20, "undelivered": 5}
    assert isinstance(delivery.stopped_by, ValueError)


def test_an_empty_source_is_a_run_of_zeros() -> None:
    """No rows, no requests, no error."""
    ledger = Ledger()
    delivery = run([], ledger)
    assert counts(delivery) == {}
    assert ledger.requests == []
    delivery.receipt.check_threshold(0)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(["good", "bad", "invalid", "unreadable", "repeat", "no_consent"]), max_size=45),
    st.lists(st.sampled_from(MOODS), max_size=12),
    st.integers(1, 4),
    st.booleans(),
)
def test_counts_conserve_whatever_faults_are_mixed(
    kinds: list[str], moods: list[str], max_in_flight: int, is_cut: bool
) -> None:
    """Read = accepted + rejected + skipped + unconfirmed + undelivered, and the ledger agrees."""
    rows: list[Any] = [_row(kind, n) for n, kind in enumerate(kinds)]
    ledger = Ledger(bad={f"o-{n}" for n, kind in enumerate(kinds) if kind == "bad"}, moods=moods)
    source = Rows([*rows, RuntimeError("the database went away")] if is_cut else rows)
    options = Options(max_in_flight=max_in_flight, require_consent=True)
    delivery = run(rows, ledger, source=source, options=options)

    receipt = delivery.receipt
    assert receipt.read == receipt.rows <= source.n_read
    assert sum(counts(delivery).values()) == receipt.read
    assert all(delivered == 1 for delivered in ledger.deliveries.values())
    assert receipt.accepted <= len(ledger.deliveries) <= receipt.accepted + receipt.unconfirmed
    assert receipt.requests >= len(ledger.requests)
    if delivery.stopped_by is None or isinstance(delivery.stopped_by, RuntimeError):
        assert receipt.read == len(kinds)
    if delivery.stopped_by is None:
        assert receipt.unconfirmed == 0


def _row(kind: str, n: int) -> Any:
    match kind:
        case "invalid":
            return purchase(f"o-{n}", consent=True, event_time=None)
        case "unreadable":
            return UnreadableRow(rule="not_json", remedy="Mend the line.")
        case "repeat":
            return purchase("o-again", consent=True)
        case "no_consent":
            return purchase(f"o-{n}")
    return purchase(f"o-{n}", consent=True)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 60),
    st.sets(st.integers(0, 59)),
    st.lists(st.sampled_from(MOODS), max_size=10),
    st.integers(1, 3),
)
def test_retries_end_with_every_event_settled(
    n_events: int, bad: set[int], moods: list[str], max_in_flight: int
) -> None:
    """Retried until it runs through, a run settles every event, and its receipt covers all tries."""
    bad_ids = {f"o-{n}" for n in bad if n < n_events}
    ledger = Ledger(bad=bad_ids, moods=moods)
    store = Store()
    rows = [purchase(f"o-{n}") for n in range(n_events)]
    for _ in range(len(moods) + 1):
        options = Options(max_in_flight=max_in_flight)
        delivery = run(rows, ledger, checkpoints=store, options=options)
        if delivery.stopped_by is None:
            break
    assert delivery.stopped_by is None
    assert delivery.receipt.accepted == n_events - len(bad_ids)
    assert delivery.receipt.rejected == len(bad_ids)
    assert delivery.receipt.read == n_events
    assert set(ledger.deliveries) == {f"o-{n}" for n in range(n_events)} - bad_ids
    assert store.is_done


def test_a_retry_sends_again_no_more_than_was_in_flight() -> None:
    """The checkpoint has moved past every batch that was answered in order."""
    ledger = Ledger(moods=["works"] * 5 + ["busy"])
    store = Store()
    rows = [purchase(f"o-{n}") for n in range(100)]
    one = Options(max_in_flight=1)
    first = run(rows, ledger, checkpoints=store, options=one, clock=Steps())
    assert isinstance(first.stopped_by, TransientError)
    assert sorted(set(store.saved)) == [10, 20, 30, 40, 50]

    second = run(rows, ledger, checkpoints=store, options=Options(max_in_flight=1))
    assert second.receipt.resumed_from == 50
    assert counts(second) == {"accepted": 100}
    assert set(ledger.deliveries.values()) == {1}


def test_a_changed_input_starts_over() -> None:
    """A checkpoint of other rows, or of another mapping, is not gone on from."""
    store = Store()
    rows = [purchase(f"o-{n}") for n in range(30)]
    for change in (
        {"source": Rows(rows, fingerprint="other")},
        {"mapping": EventMapping(timezone="Europe/Paris")},
        {"ledger": Ledger(identity=IdentityRules(lower_external_id=True))},
        {"ledger": Ledger(address="two")},
    ):
        run(rows, Ledger(moods=["works", "revoked"]), checkpoints=store, options=Options(max_in_flight=1))
        again = run(rows, **{"ledger": Ledger(), "checkpoints": store, **change})
        assert again.receipt.resumed_from == 0
        assert counts(again) == {"accepted": 30}


def test_a_source_without_order_is_not_resumed() -> None:
    """Where a position says nothing, none is saved: a retry sends all again with the same ids."""
    source = Rows([purchase(f"o-{n}") for n in range(30)])
    source.is_ordered = False
    store = Store()
    run([], Ledger(moods=["works", "busy"]), source=source, checkpoints=store)
    assert store.saved == []
    assert counts(run([], Ledger(), source=source, checkpoints=store)) == {"accepted": 30}
    assert store.is_done


def test_only_what_is_not_settled_is_sent_by_a_retry() -> None:
    """Rejected events are done; of a batch that was taken apart only the parts without an answer come again."""
    store = Store()
    rows = [purchase(f"o-{n}") for n in range(40)]
    ledger = Ledger(bad={"o-12"}, moods=["works", "works", "busy"])
    delivery = run(rows, ledger, checkpoints=store, options=Options(max_in_flight=1))
    assert counts(delivery)["undelivered"] > 0
    with pytest.raises(DeliveryError, match="undelivered"):
        delivery.receipt.check_threshold(100)

    again = run(rows, ledger, checkpoints=store)
    assert again.receipt.resumed_from == 10
    assert counts(again) == {"accepted": 39, "rejected": 1}
    assert set(ledger.deliveries.values()) == {1}


def test_a_slow_batch_makes_a_retry_repeat_no_other(tmp_path: Path) -> None:
    """Batches behind one that is still under way are settled: a killed run repeats the one alone."""
    seen: list[dict[str, Any]] = []

    class Slow(Ledger):
        later = threading.Event()

        def send(self, batch: Batch) -> Answer:
            if b"o-0" in batch.events[0].body:
                assert self.later.wait(10)
            return super().send(batch)

    class Watching(Store):
        def save(self, state: dict[str, Any]) -> None:
            super().save(state)
            seen.append(state)
            if state["position"] >= 90:
                ledger.later.set()

    ledger, rows = Slow(), [purchase(f"o-{n:02}") for n in range(100)]
    rows[0]["event_id"] = "o-0"
    run(rows, ledger, checkpoints=Watching(), clock=Steps())
    state = next(state for state in seen if state["position"] >= 90)
    assert state["open"] == [[1, 10]]

    store, again = Store(), Ledger()
    store.state = state
    delivery = run(rows, again, checkpoints=store)
    assert counts(delivery) == {"accepted": 100}
    assert set(again.deliveries) == {row["event_id"] for row in (*rows[:10], *rows[state["position"] :])}


def test_letters_are_on_disk_before_the_checkpoint_moves(tmp_path: Path) -> None:
    """A crash after any save finds the dead letters of all rows before the position."""
    path = tmp_path / "letters.jsonl"
    seen: list[tuple[int, list[int]]] = []

    class Watching(Store):
        def save(self, state: dict[str, Any]) -> None:
            super().save(state)
            rows = (
                [json.loads(line)["row"] for line in path.read_text().splitlines()] if path.exists() else []
            )
            seen.append((state["position"], rows))

    rows = [purchase(f"o-{n}", event_time=None if n % 7 == 3 else 1767225600) for n in range(60)]
    run(rows, Ledger(), checkpoints=Watching(), dead_letters=DeadLetters(path, run="r"))
    assert seen
    for position, letters in seen:
        assert set(letters) >= {n + 1 for n in range(position) if n % 7 == 3}


def test_an_unreadable_row_is_rejected_and_kept(tmp_path: Path) -> None:
    """A row that could not be read is in the counts and in the dead letters, with its number."""
    path = tmp_path / "letters.jsonl"
    rows = [purchase("o-1"), UnreadableRow(rule="not_json", remedy="Mend the line."), purchase("o-3")]
    delivery = run(rows, Ledger(), dead_letters=DeadLetters(path, run="r"))
    assert counts(delivery) == {"accepted": 2, "rejected": 1}
    (letter,) = [json.loads(line) for line in path.read_text().splitlines()]
    assert (letter["row"], letter["violations"][0]["rule"]) == (2, "not_json")


def test_without_consent_nothing_is_sent_or_stored(tmp_path: Path) -> None:
    """Events without consent are skipped and counted; what cannot be read is no consent, and no letter."""
    path = tmp_path / "letters.jsonl"
    rows = [
        purchase("o-1", consent=True),
        purchase("o-2", consent=False),
        purchase("o-3"),
        purchase("o-4", consent="perhaps"),
    ]
    ledger = Ledger()
    delivery = run(
        rows, ledger, options=Options(require_consent=True), dead_letters=DeadLetters(path, run="r")
    )
    assert counts(delivery) == {"accepted": 1, "skipped": 3}
    assert delivery.receipt.reasons == {"no_consent": 3}
    assert [(one.rule, one.rows) for one in delivery.receipt.warnings] == [("consent: not_a_boolean", (4,))]
    assert set(ledger.deliveries) == {"o-1"}
    assert not path.exists() or path.read_text() == ""


def test_repeats_are_sent_once_within_the_window() -> None:
    """The same event and id come twice: the second is skipped; beyond the window it is sent again."""
    rows = [purchase("o-1"), purchase("o-2"), purchase("o-1"), purchase("o-3"), purchase("o-1")]
    near = run(rows, Ledger())
    assert (counts(near), near.receipt.reasons) == ({"accepted": 3, "skipped": 2}, {"repeat": 2})
    far = run(rows, Ledger(), options=Options(repeats_window=1))
    assert counts(far) == {"accepted": 5}


def test_two_events_with_one_id_but_different_names_are_not_repeats() -> None:
    """TikTok tells events apart by name and id."""
    rows = [purchase("o-1"), purchase("o-1", event="AddToCart")]
    assert counts(run(rows, Ledger())) == {"accepted": 2}


def test_an_event_larger_than_a_request_is_rejected_alone() -> None:
    """It is said so, and the others are sent."""
    rows = [purchase("o-1"), purchase("o-" + "x" * 500), purchase("o-3")]
    delivery = run(rows, Ledger(max_bytes=300))
    assert counts(delivery) == {"accepted": 2, "rejected": 1}
    assert [finding.rule for finding in delivery.receipt.violations] == ["too_large"]


def test_an_event_that_was_too_large_makes_no_repeat_of_another() -> None:
    """Only what is sent can be repeated: the same id in a size that fits is sent."""

    class Sized(Ledger):
        def encode(self, event: PreparedEvent) -> Encoded:
            size = int(event.properties.get("value", 0))
            return Encoded(body=super().encode(event).body.ljust(size))

    rows = [purchase("o-1", properties={"value": 500}), purchase("o-1", properties={"value": 5})]
    ledger = Sized(max_bytes=300)
    assert counts(run(rows, ledger)) == {"accepted": 1, "rejected": 1}
    assert ledger.deliveries == Counter(["o-1"])


def test_validation_only_sends_nothing() -> None:
    """The whole road up to the wire: counts and coverage, and no request."""
    ledger = Ledger()
    rows = [purchase("o-1"), purchase("o-2", event_time=None)]
    delivery = run(rows, ledger, options=Options(validate_only=True))
    assert counts(delivery) == {"skipped": 1, "rejected": 1}
    assert delivery.receipt.reasons == {"validate_only": 1, "invalid": 1}
    assert delivery.receipt.match_keys == {"email": 1}
    assert ledger.requests == []


def test_a_refused_token_stops_the_run() -> None:
    """Nothing is sent after the refusal but what was in flight; the rest of the source is not read."""
    source = Rows([purchase(f"o-{n}") for n in range(10_000)])
    ledger = Ledger(moods=["works", "revoked"])
    delivery = run([], ledger, source=source)
    assert isinstance(delivery.stopped_by, AuthorizationError)
    assert len(ledger.requests) <= 2 + FAST.max_in_flight
    assert source.n_read < 1000 + 100
    assert not delivery.receipt.is_complete


def test_stopping_ends_in_order() -> None:
    """A run told to stop sends nothing more and accounts for what it has read."""
    stop = threading.Event()
    ledger = Ledger()

    def rows() -> Any:
        for n in range(1000):
            if n == 55:
                stop.set()
            yield purchase(f"o-{n}")

    source = Rows([])
    source.rows = lambda: rows()  # type: ignore[method-assign]
    source.columns = ("event", "event_time", "event_id", "user")
    delivery = run([], ledger, source=source, stop=stop)
    assert isinstance(delivery.stopped_by, TransientError)
    assert delivery.receipt.read == 56
    assert delivery.receipt.accepted == len(ledger.deliveries)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), TimeoutError("execution_timeout"), ValueError("bug")])
def test_any_interruption_leaves_a_receipt(error: BaseException) -> None:
    """Ctrl-C, a time-out or a fault of the source: the receipt tells how far it came."""
    source = Rows([*(purchase(f"o-{n}") for n in range(1050)), error])
    delivery = run([], Ledger(), source=source)
    assert delivery.stopped_by is error
    assert delivery.receipt.read == 1050
    assert sum(counts(delivery).values()) == 1050


@pytest.fixture(autouse=True)
def _heeds_interrupts() -> Iterator[None]:
    """A process that a shell began in the background ignores Ctrl-C, and so would these tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt() -> None:
    """What Ctrl-C and Airflow's time-outs do: Python raises it in the main thread, wherever that is."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def test_an_interruption_after_the_last_row_leaves_a_receipt(tmp_path: Path) -> None:
    """All was read and the end is waited for, as for most of a small run: waits are cut short then, too."""
    stop = threading.Event()

    class Interrupting(DeadLetters):
        def write(self, results: Sequence[EventResult], **how: Any) -> None:
            interrupt()
            assert stop.wait(10)
            super().write(results, **how)

    letters = Interrupting(tmp_path / "letters.jsonl", run="r")
    delivery = run([purchase("o-1", event_time=None)], Ledger(), dead_letters=letters, stop=stop)
    assert isinstance(delivery.stopped_by, KeyboardInterrupt)
    assert counts(delivery) == {"rejected": 1}
    assert delivery.receipt.dead_letters == 1


def test_an_interruption_cuts_no_record_in_two(tmp_path: Path) -> None:
    """Whenever it comes, every event that was read is counted, kept if not accepted, and can be sent again."""
    path = tmp_path / "letters.jsonl"

    class Interrupting(DeadLetters):
        was_written = False

        def write(self, results: Sequence[EventResult], **how: Any) -> None:
            if not self.was_written:
                self.was_written = True
                interrupt()
            super().write(results, **how)

    def letters() -> list[dict[str, Any]]:
        return [json.loads(line) for line in path.read_text().splitlines()]

    rows = [purchase(f"o-{n}", event_time=None if n % 7 == 3 else 1767225600) for n in range(200)]
    ledger, store = Ledger(), Store()
    cut = run(rows, ledger, checkpoints=store, dead_letters=Interrupting(path, run="r"))
    assert isinstance(cut.stopped_by, KeyboardInterrupt)
    assert len({letter["row"] for letter in letters()}) == len(letters())
    assert len(letters()) == cut.receipt.read - cut.receipt.accepted
    assert all(letter["event"] and letter["event_id"] for letter in letters())

    run(rows, ledger, checkpoints=store, dead_letters=DeadLetters(path, run="r"))
    assert {letter["row"] for letter in letters()} == {n + 1 for n in range(200) if n % 7 == 3}
    assert len(ledger.deliveries) == 200 - len(letters())


def test_a_batch_that_waited_for_its_turn_counts_as_not_sent() -> None:
    """Only what was handed over for sending may have been sent."""

    class Interrupting(Ledger):
        def send(self, batch: Batch) -> Answer:
            if not self.requests:
                interrupt()
            return super().send(batch)

    ledger = Interrupting()
    delivery = run([purchase(f"o-{n}") for n in range(1500)], ledger, options=Options(max_in_flight=1))
    assert delivery.receipt.unconfirmed <= ledger.limits.max_events
    assert sum(counts(delivery).values()) == delivery.receipt.read


def test_memory_is_bounded_also_when_nothing_is_sent() -> None:
    """A source of nothing but bad rows settles as it goes; one waiting event does not hold them all."""
    rows = [purchase("o-first"), *(purchase(f"o-{n}", event_time=None) for n in range(5000))]
    store = Store()
    delivery = run(rows, Ledger(), checkpoints=store, clock=Steps())
    assert counts(delivery) == {"accepted": 1, "rejected": 5000}
    assert len(store.saved) >= 4


def test_letters_that_cannot_be_written_stop_the_run(tmp_path: Path) -> None:
    """A result that cannot be stored is not settled: the checkpoint stays, the run ends, counts conserve."""

    class Full(DeadLetters):
        def write(self, results: Sequence[EventResult], **how: Any) -> None:
            raise TransientError("dead_letter_path: the disk is full")

    store = Store()
    rows = [purchase("o-bad", event_time=None), *(purchase(f"o-{n}") for n in range(50))]
    delivery = run(rows, Ledger(), checkpoints=store, dead_letters=Full(tmp_path / "letters", run="r"))
    assert isinstance(delivery.stopped_by, TransientError)
    assert store.saved == []
    assert sum(counts(delivery).values()) == delivery.receipt.read


def test_a_mistyped_column_is_found_before_anything_is_sent() -> None:
    """Declared columns are checked at the first row, undeclared ones over the first thousand."""
    ledger = Ledger()
    mapping = EventMapping({"event_time": "ordred_at"}, defaults={"event": "Purchase"})
    declared = Rows([{"ordered_at": 1767225600}])
    declared.columns = ("ordered_at",)
    for source in (declared, Rows([{"ordered_at": 1767225600}])):
        delivery = run([], ledger, source=source, mapping=mapping)
        assert isinstance(delivery.stopped_by, ConfigurationError)
        assert "ordered_at" in str(delivery.stopped_by)
    assert ledger.requests == []


def test_the_threshold_decides_whether_rejected_events_fail_the_run() -> None:
    """More than max_rejected rejected events raise, and the error carries the receipt."""
    rows = [purchase("o-1"), purchase("o-2", event_time=None), purchase("o-3", event_time=None)]
    receipt = run(rows, Ledger()).receipt
    receipt.check_threshold(2)
    with pytest.raises(DeliveryError, match="2 of 3 events were rejected") as caught:
        receipt.check_threshold(1)
    assert caught.value.receipt == receipt.as_dict()
    json.dumps(caught.value.receipt)


def test_a_table_that_lost_earlier_rows_is_read_from_the_start() -> None:
    """The row in the checkpoint's place is another one: nothing is left out, repeats carry their ids."""
    rows = [purchase(f"o-{n}") for n in range(60)]
    ledger, store = Ledger(moods=["works", "works", "revoked"]), Store()
    run(rows, ledger, checkpoints=store, options=Options(max_in_flight=1))
    assert store.state is not None
    assert store.state["position"] == 20

    again = run(rows[5:], ledger, checkpoints=store, options=Options(max_in_flight=1))
    assert again.receipt.resumed_from == 0
    assert counts(again) == {"accepted": 55}
    assert set(ledger.deliveries) == {f"o-{n}" for n in range(60)}


def test_a_table_that_became_shorter_than_the_checkpoint_is_read_from_the_start() -> None:
    """A result without the checkpoint's row is not taken for one that is done."""
    rows = [purchase(f"o-{n}") for n in range(30)]
    ledger, store = Ledger(moods=["works", "works", "revoked"]), Store()
    run(rows, ledger, checkpoints=store, options=Options(max_in_flight=1))
    again = run(rows[:15], ledger, checkpoints=store)
    assert (again.receipt.resumed_from, counts(again)) == (0, {"accepted": 15})


def test_a_digest_tells_events_apart_in_any_order() -> None:
    """Events give the same number in any order, and another where one is moved, renamed or missing."""

    def digest(*events: tuple[int, str | None]) -> int:
        digest = Digest()
        for row, event_id in events:
            digest.add(row=row, rows=1, event="Purchase", event_id=event_id)
        return digest.value

    told = digest((1, "a"), (2, "b"), (3, None))
    assert digest((3, None), (1, "a"), (2, "b")) == told < 2**32
    for other in ([(1, "a"), (2, "b")], [(1, "b"), (2, "a"), (3, None)], [(1, "a"), (2, "b"), (4, None)]):
        assert digest(*other) != told
    assert digest((1, "half \ud800"))


@given(st.sets(st.integers(1, 60)), st.integers(0, 70))
def test_a_checkpoint_holds_all_but_the_open_rows(rows: set[int], position: int) -> None:
    """Open rows are told as spans, and none of them is taken for stored."""
    open_rows = {row for row in rows if row <= position}
    spans = spans_of((row, row) for row in sorted(open_rows))
    checkpoint = Checkpoint(fingerprint="f", began_at=0, position=position, open=spans)
    state = checkpoint.as_state()
    assert json.loads(json.dumps(state)) == state
    again = Checkpoint.from_state(state)
    assert again == checkpoint
    assert {row for row in range(1, 80) if again.holds(row)} == set(range(1, position + 1)) - open_rows


def test_a_letter_tells_where_its_row_stands(tmp_path: Path) -> None:
    """Among several files a number over all of them helps nobody."""
    files = [tmp_path / "monday.jsonl", tmp_path / "tuesday.jsonl"]
    for file in files:
        file.write_text(json.dumps(purchase(file.stem)) + "\n" + "no json\n")
    letters = tmp_path / "letters.jsonl"
    run([], Ledger(), source=FilesSource(files), dead_letters=DeadLetters(letters, run="r"))
    places = [json.loads(line)["place"] for line in letters.read_text().splitlines()]
    assert [place.rpartition("/")[2] for place in places] == ["monday.jsonl, line 2", "tuesday.jsonl, line 2"]


LARGE = 900_000


def large_rows(count: int, **fields: Any) -> Iterator[dict[str, Any]]:
    """Rows of 900 kB, each made when it is read; most of a row is in no event."""
    for number in range(count):
        yield {"id": f"o-{number}", "at": 1767225600, "rest": f"{number:0{LARGE}}", **fields}


def run_large(rows: Iterator[dict[str, Any]], ledger: Ledger, *, group_by: Sequence[str] = ()) -> Delivery:
    """A run over such rows, four of them in a chunk."""
    mapping = EventMapping(
        {"event_id": "id", "event_time": "at"}, defaults={"event": "Purchase"}, group_by=group_by
    )
    source = Rows(rows, chunk_rows=4)  # type: ignore[arg-type]  # read once, and one by one
    return run([], ledger, source=source, mapping=mapping)


@pytest.mark.parametrize(
    ("fields", "group_by"),
    [
        ({}, ()),
        ({"at": None}, ()),
        ({"id": "o"}, ()),
        ({}, ("id",)),
    ],
    ids=["accepted", "rejected", "repeats", "grouped"],
)
@pytest.mark.parametrize("is_slow", [False, True])
def test_large_rows_do_not_fill_the_memory(
    fields: dict[str, Any], group_by: Sequence[str], is_slow: bool
) -> None:
    """What is read and not settled is bounded by bytes, however many events fit into a request."""

    class Slow(Ledger):
        def send(self, batch: Batch) -> Answer:
            for _ in range(20 if is_slow else 0):
                threading.Event().wait(0.005)
            return super().send(batch)

    tracemalloc.start()
    try:
        delivery = run_large(large_rows(400, **fields), Slow(max_events=1000), group_by=group_by)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert delivery.stopped_by is None
    assert delivery.receipt.read == 400
    assert peak < 3 * MOST_PENDING_BYTES < 400 * LARGE


def test_how_fast_answers_come_changes_no_request_of_large_rows() -> None:
    """Only where nothing else is under way, a request that is not full is sent."""
    requests = []
    for seconds in (0.0, 0.03):

        class Slow(Ledger):
            delay = seconds

            def send(self, batch: Batch) -> Answer:
                threading.Event().wait(self.delay)
                return super().send(batch)

        ledger = Slow(max_events=50)
        run_large(large_rows(400), ledger)
        requests.append(sorted(ledger.requests))
    assert requests[0] == requests[1]
    assert {len(ids) for ids in requests[0]} == {50}


def test_requests_of_larger_rows_hold_fewer_events() -> None:
    """As many as memory has room for."""
    ledger = Ledger(max_events=1000)
    run_large(large_rows(200), ledger)
    assert sorted(len(ids) for ids in ledger.requests) == [56, 72, 72]
