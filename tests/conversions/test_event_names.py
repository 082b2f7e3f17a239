# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Names are standard, on their way out, custom or wrong, and each finding says what to do."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_tiktok.conversions import event_names
from airflow_provider_tiktok.conversions.event_names import NameStatus, find
from airflow_provider_tiktok.conversions.events import EventSource

SOURCES: tuple[EventSource, ...] = get_args(EventSource)

FINDINGS = [
    # name, status and right name for web, app, offline, crm
    ("Purchase", "standard Purchase", "standard Purchase", "standard Purchase", "standard Purchase"),
    ("CompletePayment", "renamed Purchase", "standard_elsewhere", "renamed Purchase", "renamed Purchase"),
    ("SubmitForm", "renamed Lead", "standard_elsewhere", "renamed Lead", "renamed Lead"),
    ("ClickButton", "retiring ClickButton", "standard_elsewhere", "retiring ClickButton", "retiring ClickButton"),
    ("PlaceAnOrder", "retiring PlaceAnOrder", "standard_elsewhere", "retiring PlaceAnOrder", "retiring PlaceAnOrder"),
    ("Pageview", "page_view Pageview", "custom", "not_standard", "custom"),
    ("PageView", "page_view PageView", "custom", "not_standard", "custom"),
    ("Checkout", "reserved PlaceAnOrder", "standard Checkout", "not_standard", "custom"),
    ("Registration", "reserved CompleteRegistration", "standard Registration", "not_standard", "custom"),
    ("Browse", "reserved PageView", "custom", "not_standard", "custom"),
    ("ConsultByPhone", "reserved Contact", "custom", "not_standard", "custom"),
    ("LaunchAPP", "standard_elsewhere", "standard LaunchAPP", "not_standard", "custom"),
    ("InitiateCheckout", "standard InitiateCheckout", "standard_elsewhere", "standard InitiateCheckout", "standard InitiateCheckout"),
    ("purchase", "wrong_case Purchase", "wrong_case Purchase", "wrong_case Purchase", "wrong_case Purchase"),
    ("launchApp", "custom", "wrong_case LaunchAPP", "not_standard", "custom"),
    ("COMPLETEPAYMENT", "wrong_case CompletePayment", "custom", "wrong_case CompletePayment", "wrong_case CompletePayment"),
    ("pageview", "wrong_case PageView", "custom", "not_standard", "custom"),
    ("add_to_cart", "looks_standard AddToCart", "looks_standard AddToCart", "not_standard AddToCart", "looks_standard AddToCart"),
    ("Add To Cart", "looks_standard AddToCart", "looks_standard AddToCart", "not_standard AddToCart", "looks_standard AddToCart"),
    ("complete-payment", "looks_standard CompletePayment", "custom", "not_standard CompletePayment", "looks_standard CompletePayment"),
    ("LoyaltyUpgrade", "custom", "custom", "not_standard", "custom"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "name", "expected"),
    [
        (source, name, finding)
        for name, *findings in FINDINGS
        for source, finding in zip(SOURCES, findings, strict=True)
    ],
)
def test_finding_of_a_name(source: EventSource, name: str, expected: str) -> None:
    """Every name is standard, on its way out, custom or refused, as the source's tables say."""
    finding = find(source, name)
    assert " ".join(filter(None, (finding.status, finding.name))) == expected


@pytest.mark.parametrize(
    ("names", "count"),
    [
        (event_names.WEB_NAMES, 18),
        (event_names.APP_NAMES, 27),
        (event_names.RENAMED, 2),
        (event_names.RETIRED_IN, 2),
        (event_names.RESERVED, 13),
    ],
    ids=["web", "app", "renamed", "retired", "reserved"],
)
def test_tables_are_complete(names: frozenset[str], count: int) -> None:
    """The tables hold as many names as TikTok's pages list."""
    assert len(names) == count


def test_replacements_are_names_that_tiktok_takes() -> None:
    """No remedy sends anybody to a name that is unknown for web."""
    for name in (*event_names.RENAMED.values(), *event_names.RESERVED.values()):
        assert find("web", name).status in {NameStatus.STANDARD, NameStatus.PAGE_VIEW, NameStatus.RETIRING}


def test_every_finding_that_needs_a_word_has_one() -> None:
    """A finding is silent exactly where nothing is to be done."""
    for source in SOURCES:
        for name, *_ in FINDINGS:
            finding = find(source, name)
            assert bool(finding.remedy) == (finding.status not in event_names.FINE)


def test_right_spelling_is_named() -> None:
    """A name in the wrong case comes back with the right one."""
    finding = find("web", "addtocart")
    assert finding.status is NameStatus.WRONG_CASE
    assert "'AddToCart'" in finding.remedy


@pytest.mark.parametrize("name", ["NameOfNextYear", "purchase"])
@pytest.mark.parametrize("source", SOURCES)
def test_extra_names_are_standard(source: EventSource, name: str) -> None:
    """A name that TikTok added since, or that is meant as it is, can be let through."""
    assert find(source, name, extra={name}).status is NameStatus.STANDARD


@settings(deadline=None)
@given(tail=st.text(), source=st.sampled_from(SOURCES))
def test_any_text_has_a_finding(tail: str, source: EventSource) -> None:
    """No text raises, and no remedy repeats a name that is unknown."""
    name = f"\N{SNOWMAN}{tail}"
    assert name not in find(source, name).remedy
