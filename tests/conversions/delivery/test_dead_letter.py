# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Dead letters hold every event that was not accepted, and are on disk before anything moves on."""

from __future__ import annotations

import json
import os
import stat
from io import BytesIO
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
    letters.start()
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
        "left_out": [],
        "event": {"event": "Purchase", "event_id": "o-17"},
    }
    assert letters.count == 1


IN_CLEAR = {"ip": "203.0.113.9", "user_agent": "Mozilla/5.0", "ttclid": "E.C.P.planted", "ttp": "planted"}


@pytest.mark.parametrize("fields", ["digests", "all"])
def test_what_tells_a_browser_or_a_click_is_kept_on_request_only(tmp_path: Path, fields: str) -> None:
    """By default the letter names what it leaves out; digests and the rest of the event stay."""
    page = {"url": "https://shop.example.com/?ttclid=E.C.P.planted&step=2"}
    whole = {"event": "Purchase", "user": {"email": ["0" * 64], **IN_CLEAR}, "page": page}
    letters = DeadLetters(tmp_path / "letters.jsonl", run="r", fields=fields)
    letters.write([result(1)], record=lambda _event: whole)
    (line,) = read(tmp_path / "letters.jsonl")
    if fields == "all":
        assert (line["left_out"], line["event"]) == ([], whole)
    else:
        assert line["left_out"] == [*(f"user.{name}" for name in IN_CLEAR), "page.url (ttclid)"]
        assert line["event"] == {
            "event": "Purchase",
            "user": {"email": ["0" * 64]},
            "page": {"url": "https://shop.example.com/?step=2"},
        }


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
    letters.start()
    letters.write([result(1, outcome)], record=record)
    assert not (tmp_path / "letters.jsonl").exists()
    assert letters.path is None


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    """Hashed or not, the file is about persons."""
    letters = DeadLetters(tmp_path / "letters.jsonl", run="r")
    letters.write([result(1)], record=record)
    assert stat.S_IMODE((tmp_path / "letters.jsonl").stat().st_mode) == 0o600


def test_letters_of_a_former_try_go_when_their_rows_have_a_new_result(tmp_path: Path) -> None:
    """Of this run the newest line of a row stays, behind a torn one; other runs' lines stay."""
    path = tmp_path / "letters.jsonl"
    other = DeadLetters(path, run="other")
    other.write([result(9)], record=record)
    first = DeadLetters(path, run="this")
    first.write([result(1), result(5), result(6)], record=record)
    with path.open("ab") as file:
        file.write(b'{"run": "this", "row": 7, "outc')

    second = DeadLetters(path, run="this")
    second.start()
    assert second.count == 3
    second.write([result(6, reason="new")], record=record)
    assert second.count == 3
    second.write([result(5, Outcome.ACCEPTED)], record=record)
    second.close()

    torn = path.read_bytes().splitlines()[-2]
    told = [json.loads(line) for line in path.read_bytes().splitlines() if line != torn]
    assert [(line["run"], line["row"], line["reason"]) for line in told] == [
        ("other", 9, ""),
        ("this", 1, ""),
        ("this", 6, "new"),
    ]
    assert second.count == 2


def test_a_place_that_cannot_be_written_is_found_at_the_start(tmp_path: Path) -> None:
    """The run fails before anything is sent, and the error names the argument."""
    (tmp_path / "file").write_text("")
    letters = DeadLetters(tmp_path / "file" / "letters.jsonl", run="r")
    with pytest.raises(ConfigurationError, match="dead_letter_path"):
        letters.start()


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
    letters.start()
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
    second.start()
    assert (second.count, second.path) == (4, "memory://retry/letters")
    second.write([result(6), result(7, Outcome.ACCEPTED)], record=record)
    assert second.count == 3
    second.close()
    assert rows(folder) == [9, 1, 5, 6]
    assert not caplog.records


def test_runs_that_share_a_folder_overwrite_nothing() -> None:
    """Two tasks that write their first letters in the same millisecond both keep them."""
    folder = UPath("memory://shared/letters")
    for run in ("d/r/one", "d/r/two"):
        DeadLetters(folder, run=run, clock=lambda: 1.5).write([result(1)], record=record)
    assert rows(folder) == [1, 1]


class Refusing:
    """An object store whose errors are its own, not the system's.

    :param writes: how many writes it takes before it refuses them.
    """

    name = "part"

    def __init__(self, writes: int = 0) -> None:
        self._writes = writes

    def __truediv__(self, part: str) -> Refusing:
        return self

    def __str__(self) -> str:
        return "s3://bucket/letters"

    def open(self, mode: str) -> Any:
        self._writes -= 1
        if self._writes < 0:
            raise LookupError("no credentials")
        return BytesIO()

    def iterdir(self) -> Any:
        raise LookupError("no credentials")


def test_a_store_that_cannot_be_written_is_found_at_the_start() -> None:
    """An object without a letter is tried, so that nothing is sent whose result cannot be kept."""
    with pytest.raises(ConfigurationError, match=r"dead_letter_path.*LookupError"):
        DeadLetters(Refusing(), run="r").start()


def test_any_error_of_a_store_ends_the_run_in_order(caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be looked into is warned of, what cannot be written names the argument."""
    letters = DeadLetters(Refusing(1), run="r")
    letters.start()
    assert "LookupError" in caplog.text
    assert letters.count_of(lambda row: True) is None
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


def test_of_a_row_that_two_killed_tries_wrote_the_newest_letter_stays(tmp_path: Path) -> None:
    """A letter is on disk before the checkpoint: a try that is killed between the two writes it again."""
    path = tmp_path / "letters.jsonl"
    for reason in ("first", "second"):
        killed = DeadLetters(path, run="this")
        killed.start()
        killed.write([result(1, reason=reason)], record=record)
    letters = DeadLetters(path, run="this")
    letters.start()
    assert (letters.count, letters.count_of(lambda row: True)) == (1, 1)
    letters.close()
    assert [(line["row"], line["reason"]) for line in read(path)] == [(1, "second")]
    assert letters.count == 1


# ------------------------------------------------------------------------------------ foreign files


def made(path: Path, content: bytes) -> Path:
    """A file of this content."""
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        b"order_id,email\n1,jane@example.com\n",
        b'{"event": "Purchase", "event_id": "o-1"}\n',
        b'{"run": "d/r/t"}\n',
        b"[1, 2]\n",
        b"PAR1\x00\x15\x04",
        b"\x1f\x8b\x08\x00",
        b"\xef\xbb\xbfid\n",
        b"\n",
        b"half a line",
    ],
)
def test_a_file_of_something_else_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    """A path that names a file by mistake is refused before anything is sent, and the file is untouched."""
    path = made(tmp_path / "orders.csv", content)
    path.chmod(0o644)
    before = path.stat()
    with pytest.raises(ConfigurationError, match=r"dead_letter_path.*something else"):
        DeadLetters(path, run="r").start()
    assert path.read_bytes() == content
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


@pytest.mark.parametrize("kind", ["folder", "pipe", "link", "dangling link", "link to a folder"])
def test_what_is_no_plain_file_is_refused(tmp_path: Path, kind: str) -> None:
    """A folder, a pipe and a link, whatever it leads to, are refused; nothing is waited for, nothing made."""
    path, target = tmp_path / "letters.jsonl", tmp_path / "target"
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "link":
            path.symlink_to(made(target, b"precious\n"))
        case "dangling link":
            path.symlink_to(target)
        case _:
            target.mkdir()
            path.symlink_to(target)
    with pytest.raises(ConfigurationError, match=r"dead_letter_path.*no plain file"):
        DeadLetters(path, run="r").start()
    with pytest.raises(TransientError, match="dead_letter_path"):
        DeadLetters(path, run="r").write([result(1)], record=record)
    assert not target.is_file() or target.read_bytes() == b"precious\n"
    assert (kind == "dangling link") != target.exists() or kind in ("folder", "pipe")


def test_lines_of_others_are_never_taken_out(tmp_path: Path) -> None:
    """A run rewrites a file without its own letters that are outdated, and with every other byte of it."""
    path = tmp_path / "letters.jsonl"
    DeadLetters(path, run="other").write([result(1), result(1)], record=record)
    DeadLetters(path, run="this").write([result(1)], record=record)
    others = b"\n# a note\n{}\n\xff\xfe\n" + path.read_bytes().splitlines(keepends=True)[0]
    made(path, path.read_bytes() + others)
    kept = [line for line in path.read_bytes().splitlines() if b'"this"' not in line]

    letters = DeadLetters(path, run="this")
    letters.start()
    letters.write([result(1, Outcome.ACCEPTED)], record=record)
    letters.close()
    assert path.read_bytes().splitlines() == kept
    assert letters.count == 0
    assert [name for name in os.listdir(tmp_path) if name != path.name] == []


def test_a_file_beside_it_is_not_written_to(tmp_path: Path) -> None:
    """The file that takes its place for a moment has a name of its own; a planted link is not followed."""
    path, target = tmp_path / "letters.jsonl", made(tmp_path / "target", b"precious\n")
    (tmp_path / "letters.jsonl.keep").symlink_to(target)
    DeadLetters(path, run="this").write([result(1)], record=record)
    letters = DeadLetters(path, run="this")
    letters.start()
    letters.write([result(1)], record=record)
    letters.close()
    assert target.read_bytes() == b"precious\n"
    assert len(read(path)) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_all_could_read_is_closed_to_them(tmp_path: Path) -> None:
    """The mode is set on what is opened, whatever it was before."""
    path = tmp_path / "letters.jsonl"
    DeadLetters(path, run="r").write([result(1)], record=record)
    path.chmod(0o644)
    DeadLetters(path, run="r").write([result(2)], record=record)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_letters_and_the_name_of_their_file_are_on_disk_when_they_are_called_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that loses its power right after a write has the letter, in a file of that name."""
    path, synced = tmp_path / "letters.jsonl", []

    def fsync(number: int) -> None:
        synced.append((os.fstat(number).st_ino, path.stat().st_size))

    monkeypatch.setattr(os, "fsync", fsync)
    letters = DeadLetters(path, run="d/r/t")
    letters.start()
    for expected in ([path, tmp_path], [path]):
        synced.clear()
        letters.write([result(1, Outcome.REJECTED)], record=record)
        assert synced == [(each.stat().st_ino, path.stat().st_size) for each in expected]


def test_a_torn_line_swallows_no_letter(tmp_path: Path) -> None:
    """After a kill amid a line the next letter, of whatever task, has a line of its own."""
    path = made(tmp_path / "letters.jsonl", b'{"run":"other/run","written_at":17672256')
    letters = DeadLetters(path, run="this")
    letters.start()
    letters.write([result(1)], record=record)
    first, second = path.read_bytes().splitlines()
    assert (first[:14], json.loads(second)["run"]) == (b'{"run":"other/', "this")


def test_a_name_that_is_no_utf8_ends_no_run(tmp_path: Path) -> None:
    """Such a place is told with a question mark, and letters are written into such a file."""
    path = tmp_path / os.fsdecode(b"l\xe9tters.jsonl")
    letters = DeadLetters(path, run="r")
    letters.start()
    letters.write([result(1)], record=record, locate=lambda row: os.fsdecode(b"\xe9.csv") + ", line 2")
    assert read(path)[0]["place"] == "?.csv, line 2"
    assert letters.path == f"{tmp_path}/l?tters.jsonl"
    json.dumps(letters.path).encode()
