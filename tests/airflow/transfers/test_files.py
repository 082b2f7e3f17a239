# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import csv
import gzip
import json
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok.exceptions import PermanentFailure
from airflow_provider_tiktok.operators.tiktok import TikTokSendEventsOperator
from airflow_provider_tiktok.simulator import Simulator
from airflow_provider_tiktok.transfers.files_to_tiktok import FilesToTikTokOperator
from tests.airflow.running import Task


def record(number: int) -> dict[str, Any]:
    return {
        "event": "Purchase",
        "event_time": int(time.time()) - 60,
        "event_id": f"o-{number}",
        "email": f"{number}@example.com",
        "value": 2.5,
        "currency": "USD",
    }


def write_lines(file: Path, *numbers: int) -> Path:
    file.write_text("".join(json.dumps(record(number)) + "\n" for number in numbers))
    return file


@pytest.fixture
def send(tmp_path: Path, task: Task, tiktok: Simulator):  # type: ignore[no-untyped-def]
    """Runs the operator over these files; gives the receipt."""

    def run(path: Any, **arguments: Any) -> dict[str, Any]:
        given = {
            "event_source": "offline",
            "dead_letter_path": tmp_path / "kept" / "letters.jsonl",
            **arguments,
        }
        return FilesToTikTokOperator(task_id="send", path=path, **given).execute(task.context)

    return run


def test_files_of_a_pattern_are_sent(send: Any, tmp_path: Path, tiktok: Simulator):
    """Every file of a pattern is read, packed ones as well."""
    write_lines(tmp_path / "a.jsonl", 1, 2)
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(json.dumps(record(3)).encode()))
    receipt = send(f"{tmp_path}/*.jsonl*")
    assert (receipt["rows"], receipt["accepted"]) == (3, 3)


def test_csv_is_mapped(send: Any, tmp_path: Path, tiktok: Simulator):
    """Columns of a CSV file find their fields by the mapping, with the delimiter that is stated."""
    with open(tmp_path / "orders.csv", "w", newline="") as file:
        rows = csv.writer(file, delimiter=";")
        rows.writerow(["id", "mail", "at"])
        rows.writerow(["o-1", "person@example.com", int(time.time()) - 60])
    mapping = {"event_id": "id", "user.email": "mail", "event_time": "at"}
    defaults = {"event": "Purchase"}
    receipt = send(tmp_path / "orders.csv", csv_delimiter=";", mapping=mapping, defaults=defaults)
    assert receipt["accepted"] == 1


def test_object_storage_is_read(send: Any, tmp_path: Path):
    """A path with a scheme goes through Airflow's object storage."""
    write_lines(tmp_path / "a.jsonl", 1)
    assert send(f"file://{tmp_path}/a.jsonl")["accepted"] == 1


def test_empty_file_succeeds(send: Any, tmp_path: Path):
    """An empty file is zero events, and no error."""
    (tmp_path / "a.jsonl").touch()
    assert send(tmp_path / "a.jsonl")["read"] == 0


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("missing.jsonl", {}, "cannot be opened"),
        ("*.parquet", {}, "matches none"),
        ("a.docx", {}, "Set format to one of"),
        ("a.jsonl", {"format": "xlsx"}, "parquet: 'xlsx' is not known"),
        ("a.jsonl", {"compression": "rar"}, "Set compression to one of"),
        ("a.jsonl", {"encoding": "utf-99"}, "Set encoding to one of"),
        ("a.jsonl", {"csv_delimiter": "ab"}, "as csv_delimiter"),
        ("a.jsonl", {"mapping": {"event_time": "ordered_at"}}, "ordered_at"),
    ],
)
def test_wrong_argument_is_named(
    send: Any, tmp_path: Path, tiktok: Simulator, name: str, arguments: dict[str, Any], words: str
):
    """A wrong argument or file fails the task for good, names itself, and nothing is sent."""
    write_lines(tmp_path / "a.jsonl", 1)
    (tmp_path / "a.docx").touch()
    with pytest.raises(PermanentFailure) as caught:
        send(f"{tmp_path}/{name}", **arguments)
    assert words in str(caught.value)
    assert tiktok.requests == []


@pytest.fixture
def letters(send: Any, tmp_path: Path, tiktok: Simulator) -> Path:
    """Dead letters of two events, written by a run whose token was refused."""
    tiktok.faults = [{"match": {}, "effect": {"code": 40105, "message": "token"}, "times": 1}]
    with pytest.raises(PermanentFailure):
        send(write_lines(tmp_path / "a.jsonl", 1, 2))
    assert tiktok.ledger.summary()["live"]["unique_events"] == 0
    return tmp_path / "kept" / "letters.jsonl"


def test_dead_letters_can_be_sent_again(send: Any, letters: Path, tmp_path: Path, tiktok: Simulator):
    """What was not delivered is sent from the dead letter file, under the same ids."""
    receipt = send(letters, dead_letter_path=tmp_path / "again.jsonl")
    assert (receipt["read"], receipt["accepted"]) == (2, 2)
    assert tiktok.ledger.summary()["live"]["unique_events"] == 2


@pytest.mark.parametrize(("hours", "is_warned"), [(47, False), (49, True)])
def test_late_replay_warns(
    send: Any, letters: Path, tmp_path: Path, hours: int, is_warned: bool, caplog: pytest.LogCaptureFixture
):
    """Dead letters older than TikTok's memory are sent, with a warning that they may count twice."""
    first, *others = (json.loads(line) for line in letters.read_text().splitlines())
    first["written_at"] -= hours * 3600
    letters.write_text("".join(f"{json.dumps(letter)}\n" for letter in (first, *others)))
    assert send(letters, dead_letter_path=tmp_path / "again.jsonl")["accepted"] == 2
    assert ("49 hours old" in caplog.text) is is_warned


CLEAR = {
    "ip": "203.0.113.9",
    "user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
    "ttclid": "E.C.P.planted-click",
    "ttp": "planted-cookie",
}


def web_record(number: int) -> dict[str, Any]:
    page = {"url": "https://shop.example.com/thanks?ttclid=E.C.P.planted-click&step=2"}
    return {**record(number), "user": CLEAR, "page": page}


@pytest.mark.parametrize("fields", ["digests", "all"])
def test_a_replay_sends_what_its_letters_keep(
    send: Any, tmp_path: Path, tiktok: Simulator, fields: str, caplog: pytest.LogCaptureFixture
):
    """By default letters leave out what tells a browser or a click, and a replay warns; else it is all sent."""
    (tmp_path / "a.jsonl").write_text("".join(f"{json.dumps(web_record(number))}\n" for number in (1, 2)))
    tiktok.faults = [{"effect": {"code": 40105}}]
    with pytest.raises(PermanentFailure):
        send(tmp_path / "a.jsonl", event_source="web", dead_letter_fields=fields)
    tiktok.faults = []
    kept = tmp_path / "kept" / "letters.jsonl"
    assert ("planted" in kept.read_text()) == ("203.0.113.9" in kept.read_text()) == (fields == "all")

    receipt = send(kept, event_source="web", dead_letter_path=tmp_path / "again.jsonl")

    assert receipt["accepted"] == 2
    (sent,) = [json.loads(request.body) for request in tiktok.requests if request.code == 0]
    users = [event["user"] for event in sent["data"]]
    assert all((user.get(name) == CLEAR[name]) == (fields == "all") for user in users for name in CLEAR)
    assert all(len(user["email"][0]) == 64 for user in users)
    assert [event["event_id"] for event in sent["data"]] == ["o-1", "o-2"]
    assert [event["page"]["url"].endswith("?step=2") for event in sent["data"]] == [fields == "digests"] * 2
    assert ("without what they left out" in caplog.text) == (fields == "digests")


def test_letters_of_rows_that_cannot_be_found_again_keep_all(tmp_path: Path, task: Task, tiktok: Simulator):
    """Without an order a row's number leads nowhere: its letter is all there is."""
    tiktok.faults = [{"effect": {"code": 40105}}]
    with pytest.raises(PermanentFailure):
        TikTokSendEventsOperator(
            task_id="send", events=iter([web_record(1)]), dead_letter_path=tmp_path / "letters.jsonl"
        ).execute(task.context)
    (letter,) = (tmp_path / "letters.jsonl").read_text().splitlines()
    assert json.loads(letter)["event"]["user"].items() >= CLEAR.items()


def test_what_letters_keep_is_one_of_two_words(send: Any, tmp_path: Path, tiktok: Simulator):
    """Anything else is refused before an event is sent."""
    with pytest.raises(PermanentFailure, match='Set dead_letter_fields to "digests"'):
        send(write_lines(tmp_path / "a.jsonl", 1), dead_letter_fields="none")
    assert not tiktok.requests


@pytest.mark.parametrize("name", ["kept/letters.jsonl", "link.jsonl", "linked/letters.jsonl"])
@pytest.mark.parametrize("pattern", ["kept/letters.jsonl", "kept/*.jsonl", "linked/*"])
def test_a_file_that_is_read_takes_no_dead_letters(
    send: Any, letters: Path, tmp_path: Path, pattern: str, name: str
):
    """Under whatever name and through whatever link: what is written to it would be read without end."""
    before = letters.read_bytes()
    (tmp_path / "link.jsonl").symlink_to(letters)
    (tmp_path / "linked").symlink_to(letters.parent, target_is_directory=True)
    with pytest.raises(PermanentFailure, match="dead_letter_path"):
        send(str(tmp_path / pattern), dead_letter_path=tmp_path / name)
    assert letters.read_bytes() == before


def test_object_storage_keeps_dead_letters(send: Any, tmp_path: Path, tiktok: Simulator):
    """Dead letters can be kept in object storage, which cannot append, and be sent again from there."""
    folder = f"memory://letters/{tmp_path.name}"
    tiktok.faults = [{"match": {"nth": [1]}, "effect": {"code": 40105, "message": "token"}}]
    with pytest.raises(PermanentFailure):
        send(write_lines(tmp_path / "a.jsonl", 1, 2), dead_letter_path=folder)
    assert not (tmp_path / "memory:").exists()
    assert send(folder)["accepted"] == 2


def test_a_csv_file_without_a_header_is_named_by_the_task(
    tiktok: Simulator, task: Task, tmp_path: Path
) -> None:
    """The columns that the file does not name are named by ``csv_columns``."""
    path = tmp_path / "orders.csv"
    path.write_text(f"o-1,{int(time.time()) - 60},jane@example.com\n")
    operator = FilesToTikTokOperator(
        task_id="send",
        path=str(path),
        csv_columns=["order_id", "ordered_at", "email"],
        event_source="offline",
        mapping={"event_id": "order_id", "event_time": "ordered_at", "user.email": "email"},
        defaults={"event": "Purchase"},
        dead_letter_path=str(tmp_path / "letters.jsonl"),
    )
    assert operator.execute(task.context)["accepted"] == 1
    assert tiktok.ledger.event_ids() == ["o-1"]


MAPPING = {"event_id": "id", "event_time": "at", "user.email": "email"}
NOW = int(time.time()) - 60


def write_table(file: Path, header: str, *rows: str) -> Path:
    file.write_text("\n".join((header, *rows, "")))
    return file


def test_later_file_lacks_what_nobody_asks_for(send: Any, tmp_path: Path):
    """Files of one run may differ in columns that are not mapped, and in the order of all."""
    write_table(tmp_path / "a.csv", "id,email,at,shop,phone,phone", f"o-1,a@example.com,{NOW},x,,")
    write_table(tmp_path / "b.csv", "at,id,email,new", f"{NOW},o-2,b@example.com,y")
    write_table(tmp_path / "_c.csv", "no table")
    receipt = send(f"{tmp_path}/*.csv", mapping=MAPPING, defaults={"event": "Purchase"})
    assert (receipt["rows"], receipt["accepted"]) == (2, 2)


def test_later_file_lacks_a_mapped_column(send: Any, tmp_path: Path, tiktok: Simulator):
    """A mapped column that a later file has not stops the run there, by its name and without the file's."""
    write_table(tmp_path / "a.csv", "id,email,at", f"o-1,a@example.com,{NOW}")
    write_table(tmp_path / "b.csv", "id,ada@example.com,at", f"o-2,b@example.com,{NOW}")
    with pytest.raises(PermanentFailure, match=r"mapping\['user.email'\]: .*'email'") as caught:
        send(f"{tmp_path}/*.csv", mapping=MAPPING, defaults={"event": "Purchase"})
    assert "ada" not in str(caught.value)
    assert tiktok.ledger.event_ids() in ([], ["o-1"])


def test_a_name_that_comes_twice_and_is_mapped(send: Any, tmp_path: Path, tiktok: Simulator):
    """Which of two columns is meant is asked; either can be named, or both."""
    path = write_table(tmp_path / "a.csv", "id,email,email,at", f"o-1,a@example.com,b@example.com,{NOW}")
    with pytest.raises(PermanentFailure, match=r"the source has several 'email': email \(column 2\), "):
        send(path, mapping=MAPPING, defaults={"event": "Purchase"})
    assert tiktok.requests == []
    both = {**MAPPING, "user.email": ["email (column 2)", "email (column 3)"]}
    assert send(path, mapping=both, defaults={"event": "Purchase"})["accepted"] == 1


def test_query_over_files(send: Any, tmp_path: Path, tiktok: Simulator):
    """The rows of a query over the files are sent in place of theirs."""
    write_lines(tmp_path / "a.jsonl", 1, 2, 3)
    sql = "SELECT * FROM files WHERE event_id <> 'o-2' ORDER BY event_id"
    assert send(tmp_path / "a.jsonl", sql=sql, order_by=["event_id"])["accepted"] == 2
    with pytest.raises(PermanentFailure, match="Add an ORDER BY"):
        send(tmp_path / "a.jsonl", sql="FROM files", order_by=["event_id"])
    with pytest.raises(PermanentFailure, match="Give the query that orders the rows as sql"):
        send(tmp_path / "a.jsonl", order_by=["event_id"])
