# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Receipts in words: what a task's log shows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_tiktok.conversions.delivery.receipt import Receipt, Tally, Traffic, make_receipt
from airflow_provider_tiktok.conversions.errors import (
    AuthorizationError,
    ConfigurationError,
    ConversionsError,
    TransientError,
    UnconfirmedError,
)
from airflow_provider_tiktok.conversions.events import (
    Digest,
    Drop,
    EventResult,
    Outcome,
    PreparedEvent,
    PreparedUser,
    Violation,
)
from airflow_provider_tiktok.conversions.report import as_table

NEGATIVE = Violation("properties.value", "negative", "Give zero or more.")
NO_MATCH_KEY = Violation("user", "no_match_key", "Map an identifier.", is_fatal=False)


def receipt_of(*results: EventResult, traffic: Traffic | None = None, **facts: object) -> Receipt:
    """The receipt of a run with these results."""
    tally = Tally()
    for result in results:
        tally.add(result)
    ends = {"is_complete": True, "stopped_by": None, "dead_letters": 0, "dead_letter_path": None}
    told = {"destination": "TikTok", **ends, "resumed_from": 0, **facts}
    return make_receipt(tally, traffic or Traffic(), **told)  # type: ignore[arg-type]


def result(row: int, outcome: Outcome, *violations: Violation, **facts: object) -> EventResult:
    """The result of one row's event."""
    return EventResult(row=row, rows=1, outcome=outcome, violations=violations, **facts)  # type: ignore[arg-type]


def test_a_mixed_run() -> None:
    """Counts, shares, broken rules with rows and remedy, what was left out, coverage and dead letters."""
    dropped = (Drop("user.phone", "no_country_code"),)
    prepared = PreparedEvent(row=1, user=PreparedUser(email=(Digest("0" * 64),)), dropped=dropped)
    receipt = receipt_of(
        result(1, Outcome.ACCEPTED, prepared=prepared),
        result(2, Outcome.REJECTED, NEGATIVE, NO_MATCH_KEY, reason="invalid"),
        traffic=Traffic(requests=3, retries=1, n_bytes=1_200, seconds=0.5, request_ids=["r-1"]),
        dead_letters=1,
        dead_letter_path="/data/letters.jsonl",
    )
    assert as_table(receipt).splitlines() == [
        "Receipt of the delivery to TikTok",
        "  source rows read  2",
        "  events            2",
        "    accepted        1  50.0 %",
        "    rejected        1  50.0 %",
        "    skipped         0",
        "    unconfirmed     0",
        "    undelivered     0",
        "  requests             3  1 of them repeated",
        "  bytes of events  1,200",
        "  seconds            0.5  4 events/s",
        "Why events were rejected",
        "  properties.value: negative  1  rows 2  Give zero or more.",
        "Warnings, which keep no event back",
        "  user: no_match_key  1  rows 2  Map an identifier.",
        "Values left out",
        "  user.phone: no_country_code  1  rows 1",
        "Match keys of the 1 events fit to be sent",
        "  email  1  100.0 %",
        "1 dead letters in /data/letters.jsonl",
        "Request ids to quote: r-1",
    ]


def test_a_run_that_was_stopped_and_had_gone_on() -> None:
    """The log says what stopped the run, that rows are left, and where it had gone on from."""
    receipt = receipt_of(
        result(1, Outcome.UNDELIVERED, reason="not_sent"),
        is_complete=False,
        stopped_by=TransientError("busy"),
        resumed_from=1_000,
    )
    told = as_table(receipt)
    assert "the source was not read to its end" in told
    assert "The run was stopped by a fault that may pass by itself." in told
    assert "A former try had settled the first 1,000 rows; the counts hold both." in told


def test_more_rows_than_are_told() -> None:
    """Of a rule that many events break the first rows are named, and that there are more."""
    receipt = receipt_of(*(result(row, Outcome.REJECTED, NEGATIVE) for row in range(1, 8)))
    assert "rows 1, 2, 3, 4, 5, …  Give zero or more." in as_table(receipt)


def test_an_empty_run() -> None:
    """A run without rows has a receipt of zeros, without shares or rates."""
    told = as_table(receipt_of())
    assert "  events            0" in told
    assert "%" not in told
    assert "events/s" not in told


def test_a_run_that_was_stopped_before_the_first_row() -> None:
    """The log says what stopped the run, and shows no table of zeros."""
    receipt = receipt_of(is_complete=False, stopped_by=ConfigurationError("no such column"))
    assert as_table(receipt).splitlines() == [
        "Receipt of the delivery to TikTok",
        "  The run was stopped before the first row, by a setting that you must change.",
    ]


def _kinds(of: type[Exception]) -> Iterator[type[Exception]]:
    for kind in of.__subclasses__():
        yield kind
        yield from _kinds(kind)


@pytest.mark.parametrize("kind", [kind for kind in _kinds(ConversionsError) if not kind.__subclasses__()])
def test_what_stopped_a_run_is_told_in_words(kind: type[Exception]) -> None:
    """No error of the library is told by the name of its class."""
    told = as_table(receipt_of(is_complete=False, stopped_by=kind("x")))
    assert kind.__name__ not in told


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (AuthorizationError("x"), "a refused token"),
        (UnconfirmedError("x"), "an answer that was lost"),
        (KeyboardInterrupt(), "an interruption"),
        (MemoryError(), "a lack of memory"),
        (ZeroDivisionError(), "an unexpected fault (ZeroDivisionError)"),
    ],
)
def test_words_for_what_stopped_a_run(error: BaseException, words: str) -> None:
    """What is not foreseen is told by name, since its name is all there is to search for."""
    assert f"by {words}." in as_table(receipt_of(is_complete=False, stopped_by=error))
