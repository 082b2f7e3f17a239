# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Items and value of an event agree, whatever lines an order has."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_tiktok.conversions.events import Content
from airflow_provider_tiktok.conversions.mapping import EventMapping
from tests.conversions.mapping.plain import event_of

LINES = EventMapping(
    {
        "properties.contents[].content_id": "sku",
        "properties.contents[].price": "price",
        "properties.contents[].quantity": "qty",
        "properties.contents[].content_type": "type",
        "properties.currency": "cur",
    },
    group_by="order",
)


def line(sku: str | None, price: Any, qty: Any = 1, **columns: Any) -> dict[str, Any]:
    """One row of an order."""
    return {"order": 1, "sku": sku, "price": price, "qty": qty, **columns}


def told(rules: EventMapping, *rows: Any) -> tuple[Any, list[tuple[str, str, bool]]]:
    """Properties of the event, and everything said of it."""
    event = event_of(rules, *rows)
    return event.properties, [(one.path, one.rule, one.is_fatal) for one in event.violations]


@pytest.mark.parametrize(
    ("rows", "value", "items", "warned"),
    [
        ([line("a", 45), line("COUPON", "-5.00")], "40.00", ["a"], ["[1]: reduction"]),
        ([line("a", "20.00", 3), line("a", "20.00", -1)], "40.00", ["a"], ["[1]: reduction"]),
        ([line("a", "12.00", "0.350"), line("b", 2)], "6.20000", ["a", "b"], ["[0].quantity: part_of_a_unit"]),
        ([line("a", 5, 0), line("b", 2, 2)], "4", ["a", "b"], ["[0].quantity: below_one"]),
        ([line("COUPON", -5), line("a", 20), line("RETURN", 3, -1)], "12", ["a"], ["[0]: reduction", "[2]: reduction"]),
        ([line("a", 0.1, 3), line("b", "0.2")], "0.5", ["a", "b"], []),
        ([line("a", "1e3"), line("b", Decimal("0.01"))], "1000.01", ["a", "b"], []),
    ],
)  # fmt: skip
def test_every_line_counts_in_the_value(
    rows: list[Any], value: str, items: list[str], warned: list[str]
) -> None:
    """Also those that are no items; each is said of by its place among the lines."""
    properties, said = told(LINES, *rows)
    assert str(properties["value"]) == value
    assert [item.content_id for item in properties["contents"]] == items
    assert [f"{path.removeprefix('properties.contents')}: {rule}" for path, rule, _ in said] == warned
    assert not any(is_fatal for *_, is_fatal in said)
    assert all(type(item.quantity) is int or item.quantity is None for item in properties["contents"])


def test_the_type_of_content_is_moved_from_all_lines_to_the_event() -> None:
    """Of rows as of nested items; where they differ, nobody can say which."""
    properties, said = told(LINES, line("a", 1, type="product"), line("b", 2, type="Product"))
    assert (properties["content_type"], said) == ("product", [])
    assert {item.content_type for item in properties["contents"]} == {None}
    properties, said = told(LINES, line("a", 1, type="product"), line("b", 2, type="product_group"))
    assert "content_type" not in properties
    assert [rule for _, rule, _ in said] == ["types_differ", "types_differ"]


def test_lines_of_which_one_has_no_readable_currency_have_no_amounts() -> None:
    """45 EUR and 5 of something are neither 50 EUR nor 45."""
    properties, said = told(LINES, line("a", 45, cur="EUR"), line("b", 5, cur="kr"))
    assert properties["contents"] == (
        Content(content_id="a", quantity=1),
        Content(content_id="b", quantity=1),
    )
    assert "value" not in properties
    assert said == [
        ("properties.currency", "not_a_currency_code", False),
        ("properties.value", "unknown_currency", False),
    ]


def test_a_default_comes_before_the_sum_of_a_single_row() -> None:
    """What the run says of events without a value holds; of a group the sum says more."""
    rules = EventMapping(defaults={"properties.value": 7})
    assert event_of(rules, {"price": 5}).properties["value"] == 7
    assert event_of(EventMapping(), {"price": 5, "quantity": 2}).properties["value"] == 10
