# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""One receipt of many: green is the whole, never those that reported."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok.conversions.delivery.receipt import Finding, Receipt
from airflow_provider_tiktok.exceptions import PermanentFailure
from airflow_provider_tiktok.operators.receipts import TikTokReceiptOperator
from airflow_provider_tiktok.simulator import Simulator
from tests.end_to_end.dag_runs import state_of
from tests.webhook_receiver import receiving

AIRFLOW = tuple(int(part) for part in version("apache-airflow").split(".")[:2])

DAG = """
from airflow.providers.common.compat.sdk import DAG, task
from airflow_provider_tiktok.operators.receipts import TikTokReceiptOperator
from airflow_provider_tiktok.transfers.files_to_tiktok import FilesToTikTokOperator

with DAG("many_files", schedule=None) as dag:
    send = FilesToTikTokOperator.partial(task_id="send", max_rejected=1, retries=0).expand(path={paths!r})
    receipt = TikTokReceiptOperator(task_id="receipt", of="send", max_rejected=1, retries=2)
    send >> receipt
"""


def receipt(**changes: Any) -> dict[str, Any]:
    """What a part leaves in XCom."""
    counts = dict.fromkeys(
        ("rejected", "skipped", "unconfirmed", "undelivered", "retries", "resumed_from"), 0
    )
    given = {
        **counts,
        "destination": "TikTok",
        "rows": 10,
        "read": 10,
        "accepted": 10,
        "is_complete": True,
        "stopped_by": None,
        "reasons": {},
        "violations": (),
        "warnings": (),
        "dropped": (),
        "event_names": {"Purchase": 10},
        "eligible": 10,
        "match_keys": {"emails": 9},
        "requests": 1,
        "n_bytes": 100,
        "seconds": 1.5,
        "request_ids": ("r-1",),
        "dead_letters": 0,
        "dead_letter_path": None,
    }
    told = Receipt(
        **{**given, **{name: changes[name] for name in changes if name in Receipt.__struct_fields__}}
    )
    of_run = {"event_source": "web", "event_source_id": "C1", "is_test": False, "host": "worker-1"}
    return {
        **of_run,
        **told.as_dict(),
        **{name: changes[name] for name in changes if name in ("source", "host")},
    }


class Parts:
    """The instances of a mapped task, as the receipt's task sees them."""

    def __init__(self, *parts: tuple[str | None, Any]) -> None:
        self.parts = dict(enumerate(parts))
        self.dag_id, self.run_id, self.task_id, self.map_index = "shop", "manual", "receipt", -1
        self.pushed: dict[str, Any] = {}

    def get_task_states(self, **_: Any) -> dict[str, dict[str, Any]]:
        return {"manual": {f"send_{index}": state for index, (state, _) in self.parts.items()}}

    def xcom_pull(self, *, task_ids: str, key: str, map_indexes: int) -> Any:
        assert (task_ids, key) == ("send", "receipt")
        return self.parts[map_indexes][1] if map_indexes in self.parts else None

    def xcom_push(self, *, key: str, value: Any) -> None:
        self.pushed[key] = value

    def add_up(self, **arguments: Any) -> dict[str, Any]:
        """The receipt of the whole."""
        operator = TikTokReceiptOperator(task_id="receipt", of="send", **arguments)
        return operator.execute({"ti": self})  # type: ignore[arg-type,typeddict-item]  # all that it asks for


def test_counts_are_added_up() -> None:
    """Counts, reasons, match keys, requests and findings of all parts, and nothing of single rows."""
    bad = Finding(rule="event_time: not_a_time", count=2, rows=(1, 2), remedy="Row 1: Write it as a time.")
    parts = Parts(
        ("success", receipt()),
        (
            "success",
            receipt(read=12, rejected=2, reasons={"invalid": 2}, violations=(bad,), request_ids=("r-2",)),
        ),
        ("success", receipt(read=11, rejected=1, reasons={"invalid": 1}, violations=(bad,), host="worker-2")),
    )
    whole = parts.add_up(max_rejected=3)
    assert (whole["read"], whole["accepted"], whole["rejected"], whole["requests"]) == (33, 30, 3, 3)
    assert (whole["reasons"], whole["match_keys"], whole["seconds"]) == ({"invalid": 3}, {"emails": 27}, 4.5)
    assert whole["violations"] == [
        {"rule": "event_time: not_a_time", "count": 4, "rows": [], "remedy": "Write it as a time."}
    ]
    assert whole["request_ids"] == ["r-1", "r-2", "r-1"]
    assert whole["parts"]["hosts"] == ["worker-1", "worker-2"]
    assert (whole["event_source"], whole["is_complete"]) == ("web", True)
    assert parts.pushed["receipt"] == whole
    assert json.loads(json.dumps(whole)) == whole


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (("failed", None), "failed, no receipt"),
        (("failed", receipt(undelivered=3, stopped_by="TransientError")), "failed, 10 accepted on worker-1"),
        (("success", None), "success, no receipt"),
        (("success", {}), "success, no receipt"),
        (("success", {"read": 10}), "success, no receipt"),
        (("success", "green"), "success, no receipt"),
        (("success", receipt(is_complete=False)), "success, 10 accepted"),
        (("success", receipt(unconfirmed=1)), "success, 10 accepted"),
        (("skipped", None), "skipped, no receipt"),
        (("upstream_failed", None), "upstream_failed, no receipt"),
        ((None, None), "never ran, no receipt"),
        (("running", receipt()), "running, 10 accepted"),
        (("a_state_of_tomorrow", receipt()), "a_state_of_tomorrow, 10 accepted"),
        (("failed", receipt(source="part 2 of 3: id from 5")), "part 2 of 3: id from 5: failed"),
    ],
)
def test_a_part_that_is_not_complete_fails_the_whole(part: tuple[str | None, Any], words: str) -> None:
    """Whatever kept it from being so, and however much may be rejected; what is known is told all the same."""
    parts = Parts(("success", receipt()), part, ("success", receipt()))
    with pytest.raises(PermanentFailure) as caught:
        parts.add_up(max_rejected=1000)
    assert words in str(caught.value)
    assert "1 of 3 parts are not complete" in str(caught.value)
    assert parts.pushed["receipt"]["parts"]["complete"] == 2
    assert parts.pushed["receipt"]["is_complete"] is False


def test_the_log_names_a_part_that_is_not_complete(caplog: pytest.LogCaptureFixture) -> None:
    """What Airflow says of the task stands above what became of each part."""
    parts = Parts(("success", receipt()), ("failed", receipt(source="part 2 of 2: id from 5")))
    with pytest.raises(PermanentFailure), caplog.at_level(logging.WARNING):
        parts.add_up()
    assert "Not complete: part 2 of 2: id from 5: failed, 10 accepted on worker-1" in caplog.messages


def test_parts_without_a_task_are_missed() -> None:
    """A part that says it is one of eight makes the others be missed, although nothing else knows of them."""
    parts = Parts(("success", receipt(source="part 1 of 8: id below 5")))
    with pytest.raises(PermanentFailure, match="7 of 8 parts have no task"):
        parts.add_up()


@pytest.mark.parametrize("told", [{"send": "skipped"}, {"send": "upstream_failed"}, {"send": None}])
def test_a_task_that_was_never_mapped_is_no_upload(told: dict[str, Any]) -> None:
    """Nothing to map over, or nothing that could be: not green."""
    parts = Parts()
    parts.get_task_states = lambda **_: {"manual": told}  # type: ignore[method-assign]  # another answer
    state = told["send"] or "never ran"
    with pytest.raises(PermanentFailure, match=f"1 of 1 parts are not complete: every part: {state}"):
        parts.add_up()


def test_a_task_that_is_not_there_is_named() -> None:
    """A mistyped id adds up nothing."""
    with pytest.raises(PermanentFailure, match="this run has no task 'send'"):
        Parts().add_up()


def test_what_a_former_mapping_left_behind_does_not_count() -> None:
    """A cleared run may have fewer parts than before; Airflow calls the others removed."""
    whole = Parts(("success", receipt()), ("removed", None), ("removed", receipt())).add_up()
    assert (whole["read"], whole["parts"]["expected"]) == (10, 1)


@pytest.mark.parametrize(
    ("arguments", "is_red"),
    [
        ({}, True),
        ({"max_rejected": 3}, True),
        ({"max_rejected": 4}, False),
        ({"max_rejected_share": 0.2}, False),
        ({"max_rejected_share": 0.19}, True),
        ({"max_rejected_share": 0.0, "max_rejected": 100}, True),
        ({"max_rejected_share": 1.0}, False),
    ],
)
def test_the_threshold_is_of_the_whole(arguments: dict[str, Any], is_red: bool) -> None:
    """Rejected events of all parts together count, by number or by share."""
    each = ("success", receipt(read=10, accepted=8, rejected=2))
    if not is_red:
        Parts(each, each).add_up(**arguments)
        return
    with pytest.raises(PermanentFailure, match="4 of 20 events were rejected"):
        Parts(each, each).add_up(**arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"max_rejected_share": 1.5}, "Set max_rejected_share to"),
        ({"max_rejected_share": "1 %"}, "Set max_rejected_share to"),
        ({"max_rejected": -1}, "Set max_rejected to"),
        ({"max_rejected": True}, "Set max_rejected to"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], words: str) -> None:
    """A limit that is none is refused."""
    with pytest.raises(PermanentFailure, match=words):
        Parts(("success", receipt())).add_up(**arguments)


@pytest.mark.parametrize(
    ("paths", "pattern"),
    [
        ([None, None], None),
        (["/l/shop/run/send@0.jsonl", "/l/shop/run/send@12.jsonl"], "/l/shop/run/send@*.jsonl"),
        (["s3://b/shop/run/send@0.jsonl", "s3://b/shop/run/send@1.jsonl"], "s3://b/shop/run/send@*.jsonl/*"),
        (["/data/letters.jsonl", "/data/letters.jsonl"], "/data/letters.jsonl"),
        (["/data/one.jsonl", "/data/two.jsonl"], None),
        ([None, "/l/shop/run/send@7.jsonl"], "/l/shop/run/send@*.jsonl"),
    ],
)
def test_one_pattern_leads_to_all_letters(paths: list[str | None], pattern: str | None) -> None:
    """Letters of all parts are found by one path, where their places have one form."""
    whole = Parts(*(("success", receipt(dead_letter_path=path)) for path in paths)).add_up()
    assert whole["dead_letter_path"] == pattern


@pytest.mark.parametrize(
    "others", [[], [receipt()], [receipt(dead_letter_path="{folder}/shop/manual/send@1.jsonl")]]
)
def test_letters_of_a_killed_part_are_found(
    others: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part that left letters and no receipt is in the pattern, also where no other has any."""
    monkeypatch.setenv("AIRFLOW__TIKTOK__DEAD_LETTER_FOLDER", str(tmp_path))
    (tmp_path / "shop" / "manual").mkdir(parents=True)
    (tmp_path / "shop" / "manual" / "send@0.jsonl").write_text("{}\n")
    told = [
        {**one, "dead_letter_path": (one["dead_letter_path"] or "").format(folder=tmp_path) or None}
        for one in others
    ]
    parts = Parts(("failed", None), *(("success", one) for one in told), ("failed", None))
    with pytest.raises(PermanentFailure, match="Dead letters: "):
        parts.add_up()
    whole = parts.pushed["receipt"]
    assert whole["dead_letter_path"] == f"{tmp_path}/shop/manual/send@*.jsonl"
    places = [part["dead_letter_path"] for part in whole["parts"]["incomplete"]]
    assert places == [f"{tmp_path}/shop/manual/send@0.jsonl", None]


def test_a_storage_that_cannot_be_asked_spoils_no_receipt(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where it is not known whether a killed part left letters, the log says so."""
    monkeypatch.setenv("AIRFLOW__TIKTOK__DEAD_LETTER_FOLDER", "unheardof://bucket/letters")
    parts = Parts(("success", receipt()), ("failed", None))
    with caplog.at_level(logging.WARNING), pytest.raises(PermanentFailure, match="failed, no receipt"):
        parts.add_up()
    assert "Whether part 1 left dead letters is not known" in caplog.text


def test_letters_that_are_not_here_are_missed(caplog: pytest.LogCaptureFixture) -> None:
    """Letters on another worker's disk are told, with its name."""
    with caplog.at_level(logging.WARNING):
        Parts(("success", receipt(dead_letter_path="/nowhere/send@0.jsonl", host="worker-7"))).add_up()
    assert "not found from here; they are on worker-7" in caplog.text


def test_the_webhook_is_told_once() -> None:
    """The receipt of the whole is posted, also where the whole is red."""
    with receiving() as receiver:
        with pytest.raises(PermanentFailure):
            Parts(("success", receipt()), ("failed", None)).add_up(result_webhook_url=receiver.url)
        (message,) = [received.message for received in receiver.received]
    assert message["receipt"]["parts"]["without_receipt"] == [1]
    assert message["state"] == "failed"


def write(path: Path, *events: Mapping[str, Any]) -> str:
    """A file of events that are good but for what is given."""
    good = {
        "event": "Purchase",
        "event_time": int(time.time()) - 60,
        "eventSourceUrl": "https://shop.example.com/",
    }
    lines = [
        {**good, "event_id": f"{path.stem}-{place}", "email": "a@example.com", **event}
        for place, event in enumerate(events)
    ]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return str(path)


def test_a_failed_part_makes_the_run_red(
    run_dag: Callable[..., Any], tmp_path: Path, tiktok: Simulator
) -> None:
    """On a real Airflow: one file good, one with too many bad rows, one empty, one not there."""
    paths = [
        write(tmp_path / "good.jsonl", {}, {}, {"event_time": "soon"}),
        write(tmp_path / "bad.jsonl", {}, {"event_time": "soon"}, {"event_time": "soon"}),
        write(tmp_path / "empty.jsonl"),
        str(tmp_path / "nowhere.jsonl"),
    ]
    run = run_dag(DAG.format(paths=paths), dag_id="many_files")
    whole = run.get_task_instance("receipt").xcom_pull(task_ids="receipt", key="receipt")
    assert state_of(run) == "failed"
    assert (whole["read"], whole["accepted"], whole["rejected"]) == (6, 3, 3)
    assert whole["parts"]["states"] == {"success": 2, "failed": 2}
    # From Airflow 3.3 on, the task first looks for where to resume; before, it reads nothing and says so.
    assert whole["parts"]["without_receipt"] == ([3] if AIRFLOW >= (3, 3) else [])
    assert [part["map_index"] for part in whole["parts"]["incomplete"]] == [1, 3]
    letters = whole["dead_letter_path"]
    assert letters.endswith("/many_files/" + run.run_id + "/send@*.jsonl")
    assert len(list(Path(letters).parent.glob(Path(letters).name))) == 2
    assert run.get_task_instance("receipt").try_number == 1


def test_no_part_at_all_is_red(run_dag: Callable[..., Any], tiktok: Simulator) -> None:
    """Mapped over nothing, the sender is skipped; the receipt does not call that an upload."""
    run = run_dag(DAG.format(paths=[]), dag_id="many_files")
    assert state_of(run) == "failed"
    assert tiktok.requests == []


def test_a_whole_is_green_when_all_of_it_is(
    run_dag: Callable[..., Any], tmp_path: Path, tiktok: Simulator
) -> None:
    """Every part delivered, and no more rejected than the whole may have."""
    paths = [write(tmp_path / f"{number}.jsonl", {}, {}) for number in range(3)]
    run = run_dag(DAG.format(paths=paths), dag_id="many_files")
    assert state_of(run) == "success"
