# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The table on the page "What a retry does": every row is tried, and does what it says."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_tiktok.conversions.answers import Answer, Verdict
from airflow_provider_tiktok.conversions.batching import Batch
from airflow_provider_tiktok.conversions.chunks import RecordChunk
from airflow_provider_tiktok.conversions.delivery import dead_letter, settling
from airflow_provider_tiktok.conversions.errors import (
    AuthorizationError,
    ConfigurationError,
    TransientError,
    UnconfirmedError,
)
from airflow_provider_tiktok.conversions.sources.records import RecordsSource
from airflow_provider_tiktok.task.checkpoints import KEY
from tests.airflow.operators.test_base import Send, Tried, record

PAGE = Path(__file__).parents[3] / "docs" / "retries.md"
N_EVENTS = 12
BAD_ROW = 2

TABLE = [
    tuple(cell.strip() for cell in line.strip("|\n").split(" | "))
    for line in itertools.takewhile(
        lambda line: line.startswith("|"),
        itertools.dropwhile(lambda line: not line.startswith("| how"), PAGE.read_text().splitlines()),
    )
][2:]


class Tries:
    """Tries of one task: events, of which one is bad, in requests of two.

    :param sent: the ids that TikTok accepted in the last try.
    """

    def __init__(self, folder: Path) -> None:
        self.letters = folder / "letters.jsonl"
        self.task = Tried()
        self.kept: dict[str, Any] = {}
        self.saves: list[dict[str, Any]] = []
        self.store: Any = SimpleNamespace(get=self.kept.get, set=self._save)
        self.records: list[Any] = [
            record(n, **({"event_time": "soon"} if n == BAD_ROW else {})) for n in range(1, N_EVENTS + 1)
        ]
        self.source: Callable[[], RecordsSource] = lambda: RecordsSource(self.records)
        self.more: dict[str, Any] = {"max_rejected": 1}
        self.sent: set[str] = set()
        self.settled: set[str] = set()
        self.is_final = False
        self._operator: Send | None = None

    @property
    def good(self) -> set[str]:
        """The ids of all good events."""
        return {each["event_id"] for each in self.records if each["event_time"] != "soon"}

    def attempt(self, answer: Callable[[Batch], Answer] | None = None) -> dict[str, Any] | None:
        """The receipt of one try; ``None`` where it failed."""
        self.sent = set()

        def send(batch: Batch) -> Answer:
            if answer is not None:
                answer(batch)
            self.sent |= {event.body.decode().strip('"') for event in batch.events}
            return Answer(verdict=Verdict.ACCEPTED)

        self._operator = operator = Send(
            records=self.records, send=send, max_in_flight=1, dead_letter_path=self.letters, **self.more
        )
        operator.open_source = self.source  # type: ignore[method-assign]
        try:
            return operator.execute({"ti": self.task, "task_state_store": self.store})
        except AirflowFailException:
            self.is_final = True
        except (Exception, KeyboardInterrupt):
            self.is_final = False
        return None

    def tell_to_end(self) -> None:
        """What Airflow does with a task that is to end."""
        assert self._operator is not None
        self._operator.on_kill()

    def is_told_to_end(self) -> bool:
        """Whether the try is to end."""
        return (
            self._operator is not None and self._operator._stop is not None and self._operator._stop.is_set()
        )

    @staticmethod
    def until(condition: Callable[[], bool]) -> None:
        """Wait for something that another thread does."""
        ends = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < ends
            time.sleep(0.001)

    def _save(self, key: str, state: dict[str, Any]) -> None:
        self.kept[key] = state
        if key == KEY:
            self.saves.append(state)


def at(number: int, do: Callable[[], Any]) -> Callable[[Batch], None]:
    """Does something when so many requests were answered."""
    counts = itertools.count()

    def answer(batch: Batch) -> None:
        if next(counts) == number:
            do()

    return answer


def throw(error: BaseException) -> Callable[[], None]:
    """Raises, where it is called."""

    def do() -> None:
        raise error

    return do


def xcom_fails(tries: Tries) -> None:
    tries.task.xcom_push = lambda **_: throw(OSError("away"))()  # type: ignore[method-assign]
    tries.attempt()
    del tries.task.xcom_push  # type: ignore[attr-defined]
    tries.settled = tries.good


def succeeds(tries: Tries) -> None:
    assert tries.attempt()
    tries.is_final = True


def too_many_rejected(tries: Tries) -> None:
    tries.more = {"max_rejected": 0}
    tries.attempt()


def stopped_by(*errors: BaseException) -> Callable[[Tries], None]:
    def end(tries: Tries) -> None:
        for error in errors:
            tries.attempt(at(1, throw(error)))
            tries.settled |= tries.sent

    return end


def set_aside(tries: Tries) -> None:
    def answer(batch: Batch) -> None:
        if any(event.body == b'"o-9"' for event in batch.events):
            raise UnconfirmedError("HTTP 502", http_status=502, may_be_one_event=True)

    tries.attempt(answer)
    assert tries.good - tries.sent == {"o-9"}
    tries.settled = tries.sent


def told_to_end(tries: Tries) -> None:
    tries.attempt(at(2, tries.tell_to_end))
    tries.settled = tries.sent


def killed(tries: Tries) -> None:
    """As a kill leaves it: later checkpoints were not saved."""
    counts = itertools.count()

    def answer(batch: Batch) -> None:
        number = next(counts)
        tries.until(lambda: len(tries.saves) >= number)
        if number == 4:
            raise TransientError("busy")

    tries.attempt(answer)
    tries.kept[KEY] = state = tries.saves[1]
    tries.settled = {each["event_id"] for each in tries.records[: state["position"]]} & tries.good
    assert tries.settled < tries.sent


def nobody_supervises(tries: Tries) -> None:
    """The way to the task state is broken off after the first checkpoint."""
    save, saves = tries.store.set, itertools.count()

    def broken_off(key: str, state: dict[str, Any]) -> None:
        if key == KEY and next(saves):
            raise EOFError
        save(key, state)

    tries.store.set = broken_off
    tries.attempt(at(2, lambda: tries.until(tries.is_told_to_end)))
    tries.store.set = save
    (state,) = tries.saves
    tries.settled = {each["event_id"] for each in tries.records[: state["position"]]} & tries.good
    assert tries.settled < tries.sent < tries.good


class Breaking(RecordsSource):
    """A source whose connection is lost after its first rows."""

    def chunks(self) -> Any:
        """The first half."""
        yield RecordChunk(self.half)
        raise TransientError("the database went away")

    half: list[Any]


def source_breaks(tries: Tries) -> None:
    source = Breaking(tries.records)
    source.half = tries.records[: N_EVENTS // 2]
    tries.source = lambda: source
    tries.attempt()
    tries.source = lambda: RecordsSource(tries.records)
    tries.settled = tries.sent


def stopped_half_way(tries: Tries) -> None:
    tries.attempt(at(3, throw(TransientError("busy"))))
    tries.settled = tries.sent


def input_changes(tries: Tries) -> None:
    stopped_half_way(tries)
    tries.records = [record(100), *tries.records]


def letters_are_lost(tries: Tries) -> None:
    stopped_half_way(tries)
    tries.letters = tries.letters.with_name("another_disk.jsonl")


def letters_cannot_be_written(tries: Tries) -> None:
    """The disk is full when what is not delivered is to be written."""

    def full(_: Any, lines: bytes) -> None:
        if b"undelivered" in lines:
            raise OSError("no space left")
        stored(letters, lines)

    def end() -> None:
        raise TransientError("busy")

    stored = dead_letter._File.add
    letters = dead_letter._File(tries.letters, run="", clock=time.time)
    with pytest.MonkeyPatch.context() as patch:  # no folder of a test is full
        patch.setattr(dead_letter._File, "add", full)
        tries.attempt(at(3, end))
    assert b"undelivered" not in tries.letters.read_bytes()
    state = tries.saves[-1]
    tries.settled = {each["event_id"] for each in tries.records[: state["position"]]} & tries.good
    assert tries.settled


def no_order(tries: Tries) -> None:
    class Unordered(RecordsSource):
        is_ordered = False

        def fingerprint(self) -> str | None:
            return RecordsSource(tries.records).fingerprint()

    tries.source = lambda: Unordered(tries.records)
    stopped_half_way(tries)


ENDS: dict[str, Callable[[Tries], None]] = {
    "every event has its result, and then something failed": xcom_fails,
    "the task succeeded": succeeds,
    "more events were rejected than": too_many_rejected,
    "stopped: TikTok was busy or down, an answer was lost": stopped_by(
        TransientError("busy"), UnconfirmedError("lost")
    ),
    "an event failed each time": set_aside,
    "stopped: token refused, configuration at fault": stopped_by(
        AuthorizationError("refused"), ConfigurationError("no such pixel")
    ),
    "told to end": told_to_end,
    "killed": killed,
    "the worker was killed but not the task's process": nobody_supervises,
    "a limit of requests a minute or a day is used up": stopped_by(
        TransientError("used up", code=40100, retry_after_s=3600)
    ),
    "the source broke while it was read": source_breaks,
    "dead letters could no longer be written": letters_cannot_be_written,
    "whichever, and the input or the mapping changed since": input_changes,
    "whichever, and the dead letters of the try before are not found": letters_are_lost,
    "whichever, and the source has no order": no_order,
}


def end_of(row: tuple[str, ...]) -> Callable[[Tries], None]:
    """How to come to the end that a row of the table is about."""
    (found,) = (end for words, end in ENDS.items() if row[0].startswith(words))
    return found


def check(tries: Tries, promise: str, *, receipt: dict[str, Any] | None) -> None:
    """Passes if a try did what the table says of it."""
    assert receipt is not None
    everything = {"sends all events again": tries.good, "starts over": tries.good}
    owed = {**everything, "sends nothing": set(), "sends what is not settled": tries.good - tries.settled}
    (expected,) = (ids for words, ids in owed.items() if promise.startswith(words))
    assert tries.sent == expected
    assert (receipt["accepted"], receipt["rejected"]) == (len(tries.good), 1)
    assert len(tries.letters.read_text().splitlines()) == 1


def test_every_row_of_the_table_is_tried() -> None:
    """No row is without its end, and no end without its row."""
    assert len(TABLE) == len(ENDS) == len({end_of(row) for row in TABLE})


@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_a_retry_does_what_the_table_says(row: tuple[str, ...], tmp_path: Path) -> None:
    """Airflow tries the task again, but where that cannot help."""
    tries = Tries(tmp_path)
    end_of(row)(tries)
    assert tries.is_final is (row[1] == "there is none")
    if not tries.is_final:
        tries.task.retry()
        check(tries, row[1], receipt=tries.attempt())


@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_a_cleared_task_does_what_the_table_says(row: tuple[str, ...], tmp_path: Path) -> None:
    """A person clears the task."""
    tries = Tries(tmp_path)
    end_of(row)(tries)
    tries.task.clear()
    tries.more = {"max_rejected": 1}
    promise = row[1] if row[2] == "the same as a retry" else row[2]
    check(tries, promise, receipt=tries.attempt())


@pytest.fixture(autouse=True)
def saved_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second is long for a test: every answer is saved as soon as it is kept."""
    monkeypatch.setattr(settling, "SAVE_EVERY_S", 0.0)


def test_a_look_between_two_tries_takes_no_letter_away(tmp_path: Path) -> None:
    """What a try left undelivered is in its letters until it is delivered, though it was validated since."""
    tries = Tries(tmp_path)
    stopped_half_way(tries)
    left = tries.letters.read_text().splitlines()
    assert len(left) > 1
    tries.task.clear()
    tries.more = {"max_rejected": 1, "validate_only": True}
    assert tries.attempt()
    assert (tries.sent, len(tries.letters.read_text().splitlines())) == (set(), len(left))
    tries.more = {"max_rejected": 1}
    tries.task.retry()
    check(tries, "sends what is not settled", receipt=tries.attempt())


UNREADABLE: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [
    ("traffic", lambda told: told.update(requests="many")),
    ("tally", lambda told: told.update(rows="many")),
    ("tally", lambda told: told.update(violations=[1])),
    ("tally", lambda told: told.update(outcomes=1)),
    ("receipt", lambda told: told.pop("destination")),
    ("receipt", lambda told: told.update(accepted="many")),
]


@pytest.mark.parametrize(
    ("end", "part", "change"),
    [
        *((xcom_fails, *one) for one in UNREADABLE),
        *((stopped_half_way, *one) for one in UNREADABLE if one[0] != "receipt"),
    ],
)
def test_a_checkpoint_that_cannot_be_read_starts_over(
    end: Callable[[Tries], None], part: str, change: Callable[[dict[str, Any]], Any], tmp_path: Path
) -> None:
    """As of another version of the provider: a try that failed for it would fail for good."""
    tries = Tries(tmp_path)
    end(tries)
    change(tries.kept[KEY][part])
    tries.task.retry()
    check(tries, "starts over", receipt=tries.attempt())


@pytest.mark.parametrize("part", ["receipt", "traffic", "tally"])
def test_what_a_later_version_adds_to_a_checkpoint_is_passed_over(part: str, tmp_path: Path) -> None:
    """After a provider was set back to the version before."""
    tries = Tries(tmp_path)
    (xcom_fails if part == "receipt" else stopped_half_way)(tries)
    tries.kept[KEY][part]["later"] = 1
    tries.task.retry()
    check(
        tries, "sends nothing" if part == "receipt" else "sends what is not settled", receipt=tries.attempt()
    )


def mapping_changes(tries: Tries) -> None:
    tries.more["default_region"] = "DE"


def letters_go(tries: Tries) -> None:
    tries.letters.unlink()


def letters_are_emptied(tries: Tries) -> None:
    tries.letters.write_text("")


def began_in_the_future(tries: Tries) -> None:
    tries.kept[KEY]["began_at"] += 10**6


def position_is_beyond_the_end(tries: Tries) -> None:
    tries.kept[KEY]["position"] = 10**6


def state_is_text(tries: Tries) -> None:
    tries.kept[KEY] = json.dumps(tries.kept[KEY])


def state_cannot_be_read(tries: Tries) -> None:
    tries.store.get = lambda _: throw(OSError())()


@pytest.mark.parametrize(
    ("change", "promise"),
    [
        (mapping_changes, "starts over"),
        (letters_go, "starts over"),
        (letters_are_emptied, "starts over"),
        (position_is_beyond_the_end, "starts over"),
        (state_is_text, "starts over"),
        (state_cannot_be_read, "starts over"),
        (began_in_the_future, "sends what is not settled"),
    ],
)
def test_what_happens_between_two_tries_loses_nothing(
    change: Callable[[Tries], None], promise: str, tmp_path: Path
) -> None:
    """Whoever changes what a try left: each event is sent once more, or not at all, and never lost."""
    tries = Tries(tmp_path)
    stopped_half_way(tries)
    change(tries)
    tries.task.retry()
    check(tries, promise, receipt=tries.attempt())


def test_a_store_that_fails_once_costs_no_event(tmp_path: Path) -> None:
    """The next checkpoint holds what the lost one did."""
    tries = Tries(tmp_path)
    save, saves = tries.store.set, itertools.count()

    def failing_once(key: str, state: dict[str, Any]) -> None:
        if key == KEY and next(saves) == 1:
            raise OSError
        save(key, state)

    tries.store.set = failing_once
    stopped_half_way(tries)
    tries.task.retry()
    check(tries, "sends what is not settled", receipt=tries.attempt())


def test_a_receipt_that_never_fits_into_xcom_sends_nothing_again(tmp_path: Path) -> None:
    """However often it is tried."""
    tries = Tries(tmp_path)
    xcom_fails(tries)
    for _ in range(3):
        tries.task.retry()
        xcom_fails(tries)
        assert tries.sent == set()
    tries.task.retry()
    check(tries, "sends nothing", receipt=tries.attempt())
