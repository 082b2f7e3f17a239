# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Every case of the conformance set, through the operator and over HTTP to the simulator.

How a case is written stands in ``case_files``.
"""

from __future__ import annotations

import json
import re
import time
import tomllib
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import requests

from airflow_provider_tiktok.conversions.identifiers import DIGEST_OF_NOTHING, DROP_REASONS, FAULTS
from airflow_provider_tiktok.conversions.readers import RULES as READER_RULES
from airflow_provider_tiktok.conversions.tiktok.rules import RULES
from airflow_provider_tiktok.conversions.values import REMEDIES
from airflow_provider_tiktok.exceptions import PermanentFailure
from airflow_provider_tiktok.operators.tiktok import TikTokSendEventsOperator
from airflow_provider_tiktok.simulator import DEFAULT_TOKEN, Simulator
from airflow_provider_tiktok.transfers.files_to_tiktok import FilesToTikTokOperator
from airflow_provider_tiktok.transfers.preview import TikTokPreviewOperator
from tests.airflow.running import Task
from tests.conformance.case_files import FILES, GOOD_EVENTS, HERE, Case, made, read_cases
from tests.conformance.conftest import SOURCE_IDS

CASES = read_cases()
REJECTED = [case for case in CASES if case.rejects and not case.not_asked]

SILENCES = tomllib.loads((HERE / "silences.toml").read_text())["rules"]

OUT_OF_REACH = {
    "not_an_item": "items of contents are made by the mapping, which makes nothing else",
    "not_a_list": "the mapping makes a list of a single value",
    "null": "the mapping leaves out what is absent",
    "not_a_digest": "preparation makes digests, or leaves the value out",
    "blank": "the mapping takes a blank id for none",
}
"""Rules that no record can break on the operator's road, and why; unit tests break them."""


class Run:
    """What came of a case: the receipt, or the words of a task that failed before there was one."""

    def __init__(self, case: Case, *, folder: Path, now: float) -> None:
        task = Task()
        common = {
            "task_id": "send",
            "event_source": case.event_source,
            "dead_letter_path": folder / "letters.jsonl",
            **made(case.arguments, now=now),
        }
        records = made(case.rows() if case.events is None else case.events, now=now)
        operator: TikTokSendEventsOperator | FilesToTikTokOperator
        if case.sql is None:
            operator = TikTokSendEventsOperator(events=records, **common)
        else:
            file = folder / "records.jsonl"
            file.write_text("".join(f"{json.dumps(record)}\n" for record in records))
            operator = FilesToTikTokOperator(path=file, sql=case.sql, **common)
        self.failure = ""
        try:
            operator.execute(task.context)
        except PermanentFailure as error:
            self.failure = str(error)
        self.receipt: dict[str, Any] = task.pushed.get("receipt", {})

    def found(self, book: str) -> list[str]:
        """The findings of a part of the receipt, by path and rule."""
        return sorted(finding["rule"] for finding in self.receipt[book])


@pytest.mark.parametrize("case", [case for case in CASES if case.fails is None], ids=str)
def test_case(case: Case, tiktok: Simulator, tmp_path: Path):
    """The operator's receipt and what TikTok received are what the case says, no more and no less."""
    now = time.time()
    run = Run(case, folder=tmp_path, now=now)
    assert run.receipt, run.failure
    assert {name: run.receipt[name] for name in case.counts()} == case.counts(), run.receipt
    assert run.found("violations") == sorted(case.rejects)
    assert run.found("warnings") == sorted(case.warns)
    assert run.found("dropped") == sorted(case.drops)
    assert bool(run.failure) == bool(run.receipt["rejected"])
    payloads = [*tiktok.ledger.payloads("live"), *tiktok.ledger.payloads("test")]
    assert len(payloads) == run.receipt["accepted"]
    for payload in payloads:
        assert list(_empty_things(json.loads(payload))) == []
        assert DIGEST_OF_NOTHING not in payload.decode()
    _check_payload(case, payloads, now=now)


BEYOND_A_PREVIEW = {"column_absent", "too_large", "refused with code 40002"}
"""What is known of columns, which a preview tells apart, of requests and of TikTok."""


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.fails is None and case.events is None and case.sql is None],
    ids=str,
)
def test_preview(case: Case, tiktok: Simulator):
    """A preview says before what becomes of the records, and shows TikTok nothing."""
    now = time.time()
    records = made(case.rows(), now=now)
    told = TikTokPreviewOperator(
        task_id="look",
        python_callable=lambda: records,
        event_source=case.event_source,
        max_rows=1000,
        **made(case.arguments, now=now),
    ).execute(Task().context)
    assert tiktok.requests == []
    rules = {one.rpartition(": ")[2] for one in (*case.rejects, *case.warns)}
    if len(records) > 1 or "validate_only" in case.arguments or rules & BEYOND_A_PREVIEW:
        return  # events are not compared with each other here
    outcomes = {outcome.partition(":")[0]: count for outcome, count in told["events"].items()}
    counts = {
        "ready" if name == "accepted" else name: count for name, count in case.counts().items() if count
    }
    assert outcomes == counts
    assert set(told["findings"]) == {*case.rejects, *case.warns, *case.drops}


@pytest.mark.parametrize("case", [case for case in CASES if case.fails is not None], ids=str)
def test_setting(case: Case, tiktok: Simulator, tmp_path: Path):
    """A wrong setting fails the task in words that help, before anything is sent."""
    run = Run(case, folder=tmp_path, now=time.time())
    assert re.search(case.fails or "", run.failure), run.failure
    assert tiktok.requests == []


@pytest.mark.parametrize("case", [case for case in REJECTED if not case.stricter], ids=str)
def test_tiktok_refuses_what_we_reject(case: Case, tiktok: Simulator):
    """Sent as it is, without our validation, the record is refused by a judge that shares no rule with us.

    Where the judge is narrower than TikTok's pages stands in ``silences.toml``.
    """
    assert _ask_directly(case, tiktok) in (40002, 40062)
    assert tiktok.ledger.summary()["live"]["unique_events"] == 0


@pytest.mark.parametrize("case", [case for case in CASES if case.mended], ids=str)
def test_tiktok_refuses_what_we_mend(case: Case, tiktok: Simulator):
    """What we repair or leave out has a reason on the wire: sent as it is, the record is refused."""
    assert _ask_directly(case, tiktok) in (40002, 40062)


@pytest.mark.parametrize("case", [case for case in REJECTED if case.stricter], ids=str)
def test_where_we_are_stricter(case: Case, tiktok: Simulator):
    """The cases that say that we are stricter say so truly: sent as it is, the record is taken."""
    assert _ask_directly(case, tiktok) == 0


def test_silences_are_of_rules_that_are_tried():
    """Every rule on which TikTok's pages are said to be silent is one that a case has, and the judge too."""
    refused = {rule for case in REJECTED if not case.stricter for rule in case.rejects}
    assert sorted(set(SILENCES) - refused) == []


@pytest.mark.parametrize("event_source", GOOD_EVENTS)
def test_good_events_are_good(event_source: str, tiktok: Simulator):
    """The events that cases are made from are taken as they are: a refusal is for the case's change alone."""
    assert _ask_directly(Case("", "", event_source=event_source), tiktok) == 0


def test_claims_are_told_apart():
    """No two cases claim the same."""
    told = [str(case) for case in CASES]
    assert sorted(set(told)) == sorted(told)


def test_every_rule_has_a_case():
    """Whatever can be said of an event or an identifier is said in a case."""
    said = {told.rpartition(": ")[2] for case in CASES for told in (*case.rejects, *case.warns, *case.drops)}
    rules = {str(rule) for rule in (*RULES, *REMEDIES, *READER_RULES, *FAULTS, *DROP_REASONS)}
    assert sorted(rules - said) == sorted(OUT_OF_REACH)


@pytest.mark.parametrize("file", [*FILES, HERE / "good_events.toml"], ids=lambda file: file.stem)
def test_digests_are_of_what_stands_beside_them(file: Path):
    """Every digest in a file is the SHA-256 of the text beside it, so that a person can check it."""
    digests = re.findall(r'"([0-9a-fA-F]{64})"[\],} ]* # = (.*)$', file.read_text(), re.MULTILINE)
    assert [digest for digest, text in digests if sha256(text.encode()).hexdigest() != digest.lower()] == []
    assert len(digests) == len(re.findall(r"\b[0-9a-fA-F]{64}\b", file.read_text()))


def _check_payload(case: Case, payloads: list[bytes], *, now: float) -> None:
    if not payloads:
        assert [case.receives, case.lacks, case.writes] == [{}, (), ()]
        return
    event = json.loads(payloads[0])
    assert _differences(event, made(case.receives, now=now), place="") == []
    assert [path for path in case.lacks if _has(event, path)] == []
    assert [text for text in case.writes if text not in payloads[0].decode()] == []


def _ask_directly(case: Case, tiktok: Simulator) -> int:
    """The code that TikTok answers to the case's record, put on the wire as it is."""
    now = time.time()
    body = {
        "event_source": case.event_source,
        "event_source_id": SOURCE_IDS[case.event_source],
        "data": [made(record, now=now) for record in case.rows()],
    }
    answer = requests.post(
        f"{tiktok.url}/open_api/v1.3/event/track/",
        data=json.dumps(body, default=str).encode(),
        headers={"Access-Token": DEFAULT_TOKEN, "Content-Type": "application/json"},
        timeout=10,
    )
    code: int = answer.json()["code"]
    return code


def _differences(found: Any, expected: Any, *, place: str) -> list[str]:
    """Where something is not as expected; objects may hold more, everything else is equal in type as well."""
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        pairs = ((name, found.get(name), one) for name, one in expected.items())
        return [fault for name, a, b in pairs for fault in _differences(a, b, place=f"{place}.{name}")]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        parts = enumerate(zip(found, expected, strict=True))
        return [fault for n, (a, b) in parts for fault in _differences(a, b, place=f"{place}[{n}]")]
    is_equal = type(found) is type(expected) and found == expected
    return [] if is_equal else [f"{place}: {found!r} is not {expected!r}"]


def _has(event: Any, path: str) -> bool:
    for name in path.split("."):
        if not isinstance(event, Mapping) or name not in event:
            return False
        event = event[name]
    return True


def _empty_things(value: Any) -> Iterator[Any]:
    """Everything inside that says nothing, and should therefore not be there."""
    if value is None or value in ("", [], {}):
        yield value
    members = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for member in members:
        yield from _empty_things(member)
