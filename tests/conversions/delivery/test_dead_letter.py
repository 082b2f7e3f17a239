# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Dead letters hold every event that was not accepted, and are on disk before anything moves on."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from upath import UPath

from airflow_provider_tiktok.conversions.delivery.dead_letter import DeadLetters
from airflow_provider_tiktok.conversions.errors import ConfigurationError, TransientError
from airflow_provider_tiktok.conversions.events import EventResult, Outcome, PreparedEvent, Violation


def record(event: PreparedEvent) -> dict[str, Any]:
    """A small record, as a destination would give it."""
    return {"event": event.event, "event_id": event.event_id}


def result(row: int, outcome: Outcome = Outcome.REJECTED, **facts: Any) -> EventResult:
    """The result of one event."""
    prepared = PreparedEvent(row=row, event="Purchase", event_id=f"o-{row}")
    return EventResult(row=row, rows=1, outcome=outcome, event_id=f"o-{row}", prepared=prepared, **facts)


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of a file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_letter_tells_row_reason_and_event(tmp_path: Path) -> None:
    """A line holds what a person needs to mend the event, and what a replay needs to send it."""
    letters = DeadLetters(tmp_path / "new" / "letters.jsonl", run="d/r/t", clock=lambda: 1767225600.5)
    letters.start(position=0)
    violation = Violation(path="properties.value", rule="negative", remedy="Send 0 or more.")
    letters.write(
        [result(17, reason="invalid", violations=(violation,)), result(18, Outcome.ACCEPTED)],
        record=record,
        locate=lambda row: f"orders.csv, line {row + 1}",
    )

    (line,) = read(tmp_path / "new" / "letters.jsonl")
    assert line == {
        "run": "d/r/t",
        "written_at": 1767225600,
        "row": 17,
        "rows": 1,
        "place": "orders.csv, line 18",
        "outcome": "rejected",
        "reason": "invalid",
        "event_id": "o-17",
        "violations": [
            {
                "path": "properties.value",
                "rule": "negative",
                "remedy": "Send 0 or more.",
                "is_fatal": True,
                "is_left_out": False,
            }
        ],
        "code": None,
        "message": None,
        "request_id": None,
        "event": {"event": "Purchase", "event_id": "o-17"},
    }
    assert letters.count == 1


def test_an_id_that_the_destination_leaves_out_is_nowhere(tmp_path: Path) -> None:
    """What is personal for the destination does not stay beside the event either."""
    letters = DeadLetters(tmp_path / "letters.jsonl", run="r")
    letters.write([result(1)], record=lambda event: {"event": event.event})
    (line,) = read(tmp_path / "letters.jsonl")
    assert (line["event_id"], line["event"]) == (None, {"event": "Purchase"})


@pytest.mark.parametrize("outcome", [Outcome.REJECTED, Outcome.UNCONFIRMED, Outcome.UNDELIVERED])
def test_every_outcome_that_is_not_delivered_is_a_letter(tmp_path: Path, outcome: Outcome) -> None:
    """Rejected, unconfirmed and undelivered events can all be replayed."""
    letters = DeadLetters(tmp_path / "letters.jsonl", run="r")
    letters.write([result(1, outcome)], record=record)
    assert [line["outcome"] for line in read(tmp_path / "letters.jsonl")] == [outcome.value]


@pytest.mark.parametrize("outcome", [Outcome.ACCEPTED, Outcome.SKIPPED])
def test_what_was_delivered_or_left_out_is_not_stored(tmp_path: Path, outcome: Outcome) -> None:
    """Nothing is kept of accepted events, nor of people who gave no consent; no file appears."""
    letters = DeadLetters(tmp_path / "letters.jsonl", run="r")
    letters.start(position=0)
    letters.write([result(1, outcome)], record=record)
    assert not (tmp_path / "letters.jsonl").exists()
    assert letters.path is None


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    """Hashed or not, the file is about persons."""
    letters = DeadLetters(tmp_path / "letters.jsonl", run="r")
    letters.write([result(1)], record=record)
    assert stat.S_IMODE((tmp_path / "letters.jsonl").stat().st_mode) == 0o600


def test_a_retry_keeps_settled_rows_and_writes_the_others_anew(tmp_path: Path) -> None:
    """Lines of this run behind the position go, a torn last line too; other runs' lines stay."""
    path = tmp_path / "letters.jsonl"
    other = DeadLetters(path, run="other")
    other.write([result(9)], record=record)
    first = DeadLetters(path, run="this")
    first.write([result(1), result(5), result(6)], record=record)
    with path.open("ab") as file:
        file.write(b'{"run": "this", "row": 7, "outc')

    second = DeadLetters(path, run="this")
    second.start(position=5)
    second.write([result(6)], record=record)

    assert [(line["run"], line["row"]) for line in read(path)] == [
        ("other", 9),
        ("this", 1),
        ("this", 5),
        ("this", 6),
    ]
    assert second.count == 3


def test_a_place_that_cannot_be_written_is_found_at_the_start(tmp_path: Path) -> None:
    """The run fails before anything is sent, and the error names the argument."""
    (tmp_path / "file").write_text("")
    letters = DeadLetters(tmp_path / "file" / "letters.jsonl", run="r")
    with pytest.raises(ConfigurationError, match="dead_letter_path"):
        letters.start(position=0)


def parts(folder: UPath) -> list[str]:
    """The names of the objects in a folder of an object store."""
    return sorted(part.name for part in folder.iterdir())


def rows(folder: UPath) -> list[int]:
    """The row numbers of all letters in a folder of an object store."""
    return [json.loads(line)["row"] for name in parts(folder) for line in (folder / name).open()]


def test_an_object_store_gets_an_object_for_each_write() -> None:
    """Object stores cannot append: every write is complete in an object of its own."""
    folder = UPath("memory://each-write/letters")
    letters = DeadLetters(folder, run="r", clock=lambda: 1.5)
    letters.start(position=0)
    letters.write([result(1), result(2)], record=record)
    letters.write([result(3)], record=record)

    assert [name[:11] for name in parts(folder)] == ["1500-000001", "1500-000002"]
    assert rows(folder) == [1, 2, 3]
    assert letters.path == "memory://each-write/letters"


def test_a_retry_keeps_settled_rows_in_an_object_store_too(caplog: pytest.LogCaptureFixture) -> None:
    """Letters of a former try are counted, those behind the position go, other runs' letters stay."""
    folder = UPath("memory://retry/letters")
    DeadLetters(folder, run="other", clock=lambda: 1.0).write([result(9)], record=record)
    first = DeadLetters(folder, run="this", clock=lambda: 2.0)
    first.write([result(1), result(5), result(6)], record=record)
    first.write([result(7)], record=record)

    second = DeadLetters(folder, run="this", clock=lambda: 3.0)
    second.start(position=5)
    assert (second.count, second.path) == (2, "memory://retry/letters")
    second.write([result(6)], record=record)
    assert rows(folder) == [9, 1, 5, 6]
    assert not caplog.records


def test_runs_that_share_a_folder_overwrite_nothing() -> None:
    """Two tasks that write their first letters in the same millisecond both keep them."""
    folder = UPath("memory://shared/letters")
    for run in ("d/r/one", "d/r/two"):
        DeadLetters(folder, run=run, clock=lambda: 1.5).write([result(1)], record=record)
    assert rows(folder) == [1, 1]


class Refusing:
    """An object store whose errors are its own, not the system's."""

    def __truediv__(self, part: str) -> Refusing:
        return self

    def __str__(self) -> str:
        return "s3://bucket/letters"

    def open(self, mode: str) -> Any:
        raise LookupError("no credentials")

    def iterdir(self) -> Any:
        raise LookupError("no credentials")


def test_any_error_of_a_store_ends_the_run_in_order(caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be looked into is warned of, what cannot be written names the argument."""
    letters = DeadLetters(Refusing(), run="r")
    letters.start(position=0)
    assert "LookupError" in caplog.text
    with pytest.raises(TransientError, match="dead_letter_path"):
        letters.write([result(1)], record=record)


def test_a_letter_is_not_written_into_a_file_that_was_replaced(tmp_path: Path) -> None:
    """While one run rewrites the file they share, another waits, and then appends to the new one."""
    fcntl = pytest.importorskip("fcntl")
    path = tmp_path / "letters.jsonl"
    letters = DeadLetters(path, run="r")
    with path.open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        writing = Thread(target=letters.write, args=([result(1)],), kwargs={"record": record})
        writing.start()
        writing.join(0.05)  # enough for a writer that waits for nobody
        (tmp_path / "new").write_text("")
        (tmp_path / "new").replace(path)
    writing.join()
    assert [line["row"] for line in read(path)] == [1]


def test_an_address_in_an_id_is_not_stored(tmp_path: Path) -> None:
    """An event is often at fault because of it; its line does not repeat it."""
    letters = DeadLetters(tmp_path / "letters.jsonl", run="r")
    wrong = EventResult(row=1, rows=1, outcome=Outcome.REJECTED, event_id="jane@example.com-17")
    letters.write([wrong], record=record)
    assert "jane" not in (tmp_path / "letters.jsonl").read_text()
