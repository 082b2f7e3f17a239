# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Receipts count what became of events, and quote none."""

from __future__ import annotations

import pytest

from airflow_provider_tiktok.conversions.delivery.receipt import OTHERS, Tally
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
