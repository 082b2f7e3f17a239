# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Receipts count what became of events, and quote none."""

from __future__ import annotations

import pytest

from airflow_provider_tiktok.conversions.delivery.receipt import OTHERS, Receipt, Tally, Traffic, make_receipt
from airflow_provider_tiktok.conversions.errors import DeliveryError
from airflow_provider_tiktok.conversions.events import EventResult, Outcome


def told_name(name: str) -> str:
    """How a receipt calls an event of this name."""
    tally = Tally()
    tally.add(EventResult(row=1, rows=1, outcome=Outcome.REJECTED, event=name))
    (told,) = tally.event_names
    return told


@pytest.mark.parametrize("name", ["Purchase", "checkout_v2", "Loyalty 2026-11", "shop:step.1"])
def test_names_are_told(name: str) -> None:
    """What looks like a name is counted under it."""
    assert told_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["person@example.com", "12025550123", "202 555 0123", "Ada 202-555-0123", "member:4711.0815", "x" * 65],
)
def test_what_may_be_a_person_is_not_told(name: str) -> None:
    """A wrong column may hold an address, a telephone number or an id: it is counted with the others."""
    assert told_name(name) == OTHERS


def receipt_of(tally: Tally) -> Receipt:
    """The receipt of a run with these results."""
    return make_receipt(
        tally,
        Traffic(),
        destination="nowhere",
        is_complete=True,
        stopped_by=None,
        dead_letters=0,
        dead_letter_path=None,
        resumed_from=0,
    )


@pytest.mark.parametrize(
    ("outcomes", "words"),
    [
        ([Outcome.ACCEPTED, Outcome.ACCEPTED], "Of the others: 2 accepted."),
        ([Outcome.SKIPPED], "Of the others: 1 skipped."),
        ([Outcome.UNDELIVERED, Outcome.UNCONFIRMED], "Of the others: 1 unconfirmed, 1 undelivered."),
        ([], "raise max_rejected=0: 1 of 1 events were rejected."),
    ],
)
def test_what_became_of_the_others_is_told_by_counts(outcomes: list[Outcome], words: str) -> None:
    """Nothing is called sent that was skipped, or not asked, or not delivered."""
    tally = Tally()
    for row, outcome in enumerate([Outcome.REJECTED, *outcomes], 1):
        tally.add(EventResult(row=row, rows=1, outcome=outcome))
    with pytest.raises(DeliveryError) as caught:
        receipt_of(tally).check_threshold(0)
    assert words.strip() in str(caught.value)
    assert "were sent" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "message", "rule"),
    [
        (40002, "Invalid value", "refused with code 40002"),
        (None, "HTTP status 413", "refused with HTTP status 413"),
        (None, "HTTP status 422", "refused with HTTP status 422"),
        (None, "no words of ours", "refused without a code"),
        (None, None, "refused without a code"),
    ],
)
def test_a_refusal_is_told_by_its_code_or_its_status(
    code: int | None, message: str | None, rule: str
) -> None:
    """An answer without a code is told by what it has."""
    tally = Tally()
    refused = {"outcome": Outcome.REJECTED, "reason": "refused"}
    tally.add(EventResult(row=1, rows=1, code=code, message=message, **refused))  # type: ignore[arg-type]
    assert [finding.rule for finding in receipt_of(tally).violations] == [rule]


def test_first_rows_are_the_first_of_the_source_in_whatever_order_they_come() -> None:
    """Results come as answers do; what is told of them does not depend on it."""
    tallies = []
    for rows in ([1, 2, 3, 4, 5, 6, 7], [7, 3, 1, 6, 2, 5, 4]):
        tally = Tally()
        for row in rows:
            tally.add(EventResult(row=row, rows=1, outcome=Outcome.REJECTED, reason="refused", code=40002))
        tallies.append(tally.as_state())
    assert tallies[0] == tallies[1]
