# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The demo's own judgement: it must fail when anything it claims does not hold."""

from __future__ import annotations

from typing import Any

import demo_report
import pytest

LINE_ITEMS = demo_report.LINE_ITEMS + 3


def _run(
    *,
    books: dict[str, int],
    state: str = "success",
    letters: tuple[str, ...] = ("1", "2", "3"),
    **counts: Any,
) -> demo_report.Run:
    receipt = {
        "rows": 5521,
        "read": 543,
        "accepted": 540,
        "rejected": 3,
        "skipped": 0,
        "unconfirmed": 0,
        "undelivered": 0,
        "requests": 1,
        "n_bytes": 700_000,
        "seconds": 0.5,
        "dead_letters": 3,
        "dead_letter_path": "dead.jsonl",
        "violations": [
            {"rule": "event_time: not_a_time", "count": 1, "rows": [5521], "remedy": "Give an ISO 8601 time."}
        ],
        **counts,
    }
    return demo_report.Run(
        state=state,
        loaded={"day": "2026-11-22", "rows": {"line_items": LINE_ITEMS}},
        receipt=receipt,
        letters=letters,
        books=books,
        seconds=12.0,
    )


FIRST = {"unique_events": 540, "repeats": 0, "changed_resends": 0}
SECOND = {"unique_events": 540, "repeats": 540, "changed_resends": 0}


def _failed(first: demo_report.Run, second: demo_report.Run, **outside: Any) -> list[str]:
    facts = {"connections": {"127.0.0.1": 4}, "refused": 0, **outside}
    claims = demo_report.expectations([first, second], **facts)
    return [claim for claim, holds in claims.items() if not holds]


def test_a_demo_that_kept_its_word_passes() -> None:
    """Where every expectation holds, none is reported as broken."""
    assert _failed(_run(books=FIRST), _run(books=SECOND)) == []


@pytest.mark.parametrize(
    ("broken", "claim"),
    [
        ({"second": {"state": "failed"}}, "both DAG runs succeeded"),
        ({"first": {"read": 544}}, "no basket is lost"),
        ({"first": {"rejected": 4, "accepted": 539}}, "exactly the planted baskets"),
        ({"second": {"letters": ("1", "2", "31")}}, "each of them is in the dead letters"),
        ({"first": {"letters": ("1", "2")}}, "each of them is in the dead letters"),
        ({"second": {"books": {**SECOND, "unique_events": 541}}}, "the second run"),
        ({"second": {"books": {**SECOND, "changed_resends": 1}}}, "the second run"),
        (
            {"first": {"books": {**FIRST, "unique_events": 0}}},
            "TikTok's books hold each accepted basket once",
        ),
        ({"outside": {"refused": 1}}, "nothing left the machine"),
        ({"outside": {"connections": {"127.0.0.1": 4, "203.0.113.7": 1}}}, "nothing left the machine"),
        ({"outside": {"connections": {}}}, "nothing left the machine"),
    ],
)
def test_one_broken_expectation_is_named(broken: dict[str, dict[str, Any]], claim: str) -> None:
    """Each way to miss an expectation is told by the claim it breaks."""
    first = _run(**{"books": FIRST, **broken.get("first", {})})
    second = _run(**{"books": SECOND, **broken.get("second", {})})
    assert any(failed.startswith(claim) for failed in _failed(first, second, **broken.get("outside", {})))


def test_a_run_is_told_with_its_figures() -> None:
    """A person reads what was read, accepted, rejected and why, and where the dead letters are."""
    told = "\n".join(demo_report.run_lines(_run(books=FIRST), title="First run"))
    for figure in ("1,469,310", "5,521", "543", "540", "event_time: not_a_time", "5521", "dead.jsonl"):
        assert figure in told


def test_the_books_are_told_run_by_run() -> None:
    """The second line says how many events the second run brought: none."""
    lines = list(demo_report.ledger_lines([_run(books=FIRST), _run(books=SECOND)]))
    assert "540 new" in lines[1]
    assert "0 new; 540 repeats" in lines[2]
