# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Ids and click ids follow from what an event holds."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok.conversions.mapping import EventMapping, event_id_of
from tests.conversions.mapping.plain import event_of, faults

# Made by a JavaScript engine: createHash("sha256").update(JSON.stringify(values)).digest("hex").slice(0, 32)
BY_JAVASCRIPT = json.loads((Path(__file__).parents[1] / "data/mapping/event_ids.json").read_text())


@pytest.mark.parametrize("case", BY_JAVASCRIPT)
def test_an_id_is_the_one_that_a_web_page_computes(case: dict[str, Any]) -> None:
    """Pixel and server name one event alike, in every script and with every odd character."""
    assert event_id_of(case["values"]) == case["event_id"]


@pytest.mark.parametrize("order", ["1001", " 1001 ", 1001, 1001.0, Decimal("1001.00"), b"1001"])
def test_an_id_does_not_depend_on_the_type_of_its_column(order: object) -> None:
    """A column that turns from integer to decimal does not make all orders new."""
    event = event_of(
        EventMapping({"event": "kind"}, event_id_from=["order", "kind"]), {"order": order, "kind": "Purchase"}
    )
    assert event.event_id == BY_JAVASCRIPT[1]["event_id"]


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ({"order": None}, "missing"),
        ({}, "missing"),
        ({"order": " "}, "missing"),
        ({"order": True}, "not_text"),
        ({"order": 7123456789012345678.0}, "inexact_float"),
    ],
)
def test_an_id_is_never_made_of_nothing(row: Any, rule: str) -> None:
    """Two orders without a number are not the same order."""
    event = event_of(EventMapping({"event": "kind"}, event_id_from="order"), {"kind": "Lead", **row})
    assert (event.event_id, faults(event)) == (None, [("event_id", rule)])


def test_every_column_without_a_value_is_named() -> None:
    """All that an id lacks is told at once."""
    event = event_of(EventMapping({"event": "a"}, event_id_from=["a", "b", "c"]), {"a": 1})
    assert [("'b'" in one.remedy, "'c'" in one.remedy) for one in event.violations] == [
        (True, False),
        (False, True),
    ]


def test_a_record_keeps_the_id_that_it_brings() -> None:
    """A dead letter is sent again under the id of its first sending."""
    rules = EventMapping(event_id_from="properties.order_id")
    assert event_of(rules, {"event_id": "o-1", "properties": {"order_id": 1}}).event_id == "o-1"
    assert event_of(rules, {"properties": {"order_id": 1001}}).event_id == BY_JAVASCRIPT[0]["event_id"]
    refused = event_of(rules, {"event_id": True, "properties": {"order_id": 1001}})
    assert (refused.event_id, faults(refused)) == (None, [("event_id", "not_text")])


@pytest.mark.parametrize(
    ("url", "ttclid"),
    [
        ("https://example.com/?ttclid=E.C.P.abc-_1", "E.C.P.abc-_1"),
        ("https://example.com/?a=1&ttclid=E.C.P.abc&b=2#top", "E.C.P.abc"),
        ("https://example.com/?ttclid=one&ttclid=two", "one"),
        ("https://example.com/?ttclid=a%2Bb", "a+b"),
        ("https://example.com/?ttclid=", None),
        ("https://example.com/?ttclid=%20", None),
        ("https://example.com/?nottclid=1", None),
        ("https://example.com/#ttclid=1", None),
        ("https://example.com/ttclid=1", None),
        ("https://[example.com/?ttclid=1", None),
        ("https://example.com/", None),
    ],
)
def test_a_click_id_is_found_in_the_query_of_the_page(url: str, ttclid: str | None) -> None:
    """It is what the advertisement put into the address, decoded."""
    event = event_of(EventMapping(ttclid_from_url=True), {"page": {"url": url}})
    assert (event.user.ttclid, faults(event)) == (ttclid, [])


def test_a_click_id_of_the_row_wins_over_the_pages() -> None:
    """And both over a default; where it is refused, the page does not cover for it."""
    page = {"page": {"url": "https://example.com/?ttclid=E.C.P.page"}}
    rules = EventMapping(defaults={"user.ttclid": "E.C.P.default"}, ttclid_from_url=True)
    assert event_of(rules, {**page, "ttclid": "E.C.P.row"}).user.ttclid == "E.C.P.row"
    assert event_of(rules, page).user.ttclid == "E.C.P.page"
    assert event_of(rules, {}).user.ttclid == "E.C.P.default"
    assert event_of(rules, {**page, "ttclid": True}).user.ttclid is None


def test_a_click_id_is_left_in_the_page_unless_asked_for() -> None:
    """The look-up must be turned on."""
    rules = EventMapping()
    assert event_of(rules, {"page": {"url": "https://example.com/?ttclid=E.C.P.page"}}).user.ttclid is None
