# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A row is read by the columns that the map names, or by the shape of the record."""

from __future__ import annotations

import json
from collections import ChainMap
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_tiktok.conversions.events import Content, UnreadableRow
from airflow_provider_tiktok.conversions.mapping import EventMapping
from tests.conversions.mapping.plain import event_of, events_of, everything, faults, plain

SHAPES = json.loads((Path(__file__).parents[1] / "data/mapping/shapes.json").read_text())
RECORDS = EventMapping()

MAPPED_PURCHASE = {
    "event": "kind",
    "event_time": "at",
    "user.email": ["email", "billing_email"],
    "user.first_name": ["given_name", "name"],
    "properties.value": "total",
    "properties.content_ids": ["sku_1", "sku_2"],
    "properties.loyalty_level": "level",
}


# --------------------------------------------------------------------------------- by their shape


@pytest.mark.parametrize("shape", SHAPES["shapes"])
def test_one_purchase_is_one_event_in_every_shape(shape: str) -> None:
    """Nested, flat in either case, or by paths: the same event, to the last digit."""
    event = event_of(RECORDS, SHAPES["shapes"][shape])
    assert faults(event) == []
    told = plain(event)
    told["properties"]["value"] = str(int(Decimal(told["properties"]["value"])))
    assert told == SHAPES["event"]


@settings(max_examples=50, deadline=None)
@given(st.data(), st.sampled_from(sorted(SHAPES["shapes"])), st.integers(0, 3))
def test_the_order_of_keys_changes_nothing(data: st.DataObject, shape: str, n_faults: int) -> None:
    """Not the event, not what is found wrong, and not the order in which it is told."""
    wrong: dict[str, Any] = {
        "emial": 1,
        "user": {"email": True, "phnoe": 1, "city": []},
        "user.city": 5,
        "price": "x",
        "properties.contents": [{"price": "y"}, 3],
        "orderId": "other",
        "order_id": "another",
        "properties.order_id": [],
    }
    record = {**SHAPES["shapes"][shape], **dict(list(wrong.items())[: 3 * n_faults])}
    shuffled = dict(data.draw(st.permutations(list(record.items()))))
    assert everything(events_of(RECORDS, shuffled)) == everything(events_of(RECORDS, record))


@pytest.mark.parametrize(
    ("record", "fault", "meant"),
    [
        ({"emial": "jane@example.com"}, "emial", "email"),
        ({"event_nmae": "Purchase"}, "event_nmae", "event_name"),
        ({"user": {"e_mail": "jane@example.com"}}, "user.e_mail", "email"),
        ({"user": {"phone_number": "+12025550123"}}, "user.phone_number", None),
        ({"page": {"uri": "https://example.com"}}, "page.uri", "url"),
        ({"user.emial": "jane@example.com"}, "user.emial", "user.email"),
        ({"ad": {"creativeId": 1}}, "ad.creativeId", "creative_id"),
        ({"accessToken": "secret"}, "accessToken", None),
        ({"jane@example.com": 1}, "(hidden)", None),
        ({"user": {"+12025550123": 1}}, "user.(hidden)", None),
        ({None: ["a", "b"]}, "(hidden)", None),
    ],
)
def test_a_key_that_is_no_field_is_a_violation(record: Any, fault: str, meant: str | None) -> None:
    """It names the key, if it can be one, and the name that was probably meant."""
    event = event_of(RECORDS, record)
    assert faults(event) == [(fault, "unknown_field")]
    assert event.violations[0].remedy.endswith(f"Did you mean {meant}?" if meant else "of a field.")


@pytest.mark.parametrize(
    "record", [{"city": "Paris", "country": "FR"}, {"user": {"city": "Paris", "country": "FR"}}]
)
def test_a_flat_city_is_the_persons(record: Any) -> None:
    """Where the person lives, not where the hotel is: ``properties.city`` goes by its path."""
    assert plain(event_of(RECORDS, record)) == {"user": {"city": "Paris", "country": "FR"}}


@pytest.mark.parametrize("record", [{"status": "shipped"}, {"year": 2020}, {"region": "x"}])
def test_a_flat_name_that_may_mean_anything_is_no_field(record: Any) -> None:
    """A shop's own ``status`` is not sent to an advertiser by accident."""
    assert [rule for _, rule in faults(event_of(RECORDS, record))] == ["unknown_field"]


def test_properties_are_open_and_typed_where_they_are_documented() -> None:
    """Unknown properties travel as they are; known ones are read by their types."""
    record = {
        "properties": {"loyalty level": "gold", "points": 5, "num_items": "3", "ratio": 0.1, "gone": None},
        "properties.tier": {"a": [1, 2]},
    }
    event = event_of(RECORDS, record)
    assert faults(event) == []
    assert event.properties == {
        "loyalty level": "gold",
        "points": 5,
        "num_items": 3,
        "ratio": Decimal("0.1"),
        "tier": {"a": (1, 2)},
    }


@pytest.mark.parametrize("key", ["", "  ", "\ud800", 5])
def test_a_property_needs_a_name_that_can_be_written(key: Any) -> None:
    """An empty or broken key is no property."""
    assert faults(event_of(RECORDS, {"properties": {key: 1}})) == [("properties.(hidden)", "unknown_field")]


@pytest.mark.parametrize(
    ("record", "name", "found"),
    [
        ({"eventName": "Purchase"}, "Purchase", []),
        ({"eventName": "Purchase", "customEventName": "Signed"}, "Purchase", []),
        ({"eventName": "CustomEvent", "customEventName": "Signed"}, "Signed", []),
        ({"event_name": "CustomEvent", "custom_event_name": "Signed"}, "Signed", []),
        ({"eventName": "CustomEvent"}, None, [("event", "missing")]),
        ({"eventName": "CustomEvent", "customEventName": " "}, None, [("event", "missing")]),
        ({"customEventName": "Signed"}, None, []),
        ({"event": "CustomEvent"}, "CustomEvent", []),
        ({"event": "Purchase", "eventName": "Purchase"}, "Purchase", []),
        ({"event": "Purchase", "eventName": "Lead"}, None, [("event", "named_twice")]),
    ],
)
def test_a_custom_event_has_its_name_beside(record: Any, name: str | None, found: list[Any]) -> None:
    """``customEventName`` counts where the flat name says ``CustomEvent``, and is needed there."""
    event = event_of(RECORDS, record)
    assert (event.event, faults(event)) == (name, found)


@pytest.mark.parametrize(
    ("record", "path"),
    [
        ({"email": "a@example.com", "user.email": "b@example.com"}, "user.email"),
        ({"eventId": "1", "event_id": "2", "user": {}}, "event_id"),
        ({"eventId": "1", "event_id": "2"}, "event_id"),
        (
            {"consent": True, "properties": {"value": 1}, "value": 2, "properties.value": 3},
            "properties.value",
        ),
        ({"price": 1, "properties.contents[].price": 2}, "properties.contents[0].price"),
        ({"contentId": "1", "contents": [{"content_id": "2"}]}, "properties.contents"),
    ],
)
def test_a_field_that_two_keys_give_differently_is_refused_once(record: Any, path: str) -> None:
    """Which of them is meant nobody can say, so neither is kept."""
    event = event_of(RECORDS, record)
    assert faults(event) == [(path, "named_twice")]
    assert not event.user.email
    assert event.event_id is None


def test_a_field_that_two_keys_give_alike_is_no_fault() -> None:
    """An export may well hold the same thing twice."""
    event = event_of(RECORDS, {"value": "5.00", "properties": {"value": 5}, "eventId": 7, "event_id": "7"})
    assert (faults(event), event.event_id, event.properties) == ([], "7", {"value": Decimal("5.00")})


def test_a_group_that_is_no_object_is_told_as_such() -> None:
    """The other groups are read all the same."""
    event = event_of(RECORDS, {"user": "jane@example.com", "page": [1], "app": "{", "event": "Lead"})
    assert faults(event) == [("app", "not_json"), ("page", "not_an_object"), ("user", "not_an_object")]
    assert event.event == "Lead"


def test_parts_of_a_mileage_may_be_columns() -> None:
    """A database has no objects."""
    event = event_of(RECORDS, {"properties.mileage.value": 12000, "properties.mileage.unit": "KM"})
    assert event.properties == {"mileage": {"value": Decimal(12000), "unit": "KM"}}


def test_nothing_is_filled_in() -> None:
    """No currency, quantity, content type or event name is invented."""
    event = event_of(RECORDS, {"contentId": "7", "value": 0})
    assert plain(event) == {"properties": {"value": "0", "contents": [{"content_id": "7"}]}}


# ------------------------------------------------------------------------------- by their columns


def test_mapped_columns_are_read_and_others_are_not() -> None:
    """The map says all there is to say; the rest of a wide table is nobody's business."""
    row = {
        "kind": "Purchase",
        "at": 1_700_000_000,
        "email": "jane@example.com",
        "billing_email": "office@example.com",
        "given_name": None,
        "name": "Jane",
        "total": Decimal("0"),
        "sku_1": 1,
        "sku_2": "B",
        "level": 3,
        "user": {"phone": "+12025550123"},
        "secret": object(),
    }
    event = event_of(EventMapping(MAPPED_PURCHASE), row)
    assert faults(event) == []
    assert plain(event) == {
        "event": "Purchase",
        "event_time": 1_700_000_000,
        "user": {"email": ["jane@example.com", "office@example.com"], "first_name": "Jane"},
        "properties": {"value": "0", "content_ids": ["1", "B"], "loyalty_level": 3},
    }


def test_the_first_column_with_a_value_wins() -> None:
    """Blank is no value; zero and no are."""
    rules = EventMapping({"properties.value": ["net", "gross"], "consent": ["opt_in", "old_opt_in"]})
    rows: list[Any] = [
        {"net": " ", "gross": 5},
        {"net": 0, "gross": 5},
        {"opt_in": False, "old_opt_in": True},
    ]
    assert [plain(one) for one in events_of(rules, *rows)] == [
        {"properties": {"value": "5"}},
        {"properties": {"value": "0"}},
        {"consent": False},
    ]


def test_a_wrong_value_is_not_passed_over_for_the_next_column() -> None:
    """It is told; a second column is for rows where the first is empty."""
    rules = EventMapping({"properties.value": ["net", "gross"]})
    event = event_of(rules, {"net": "5 EUR", "gross": 5})
    assert (faults(event), event.properties) == ([("properties.value", "not_a_number")], {})


def test_every_column_of_a_list_is_checked() -> None:
    """One wrong address does not hide the next."""
    rules = EventMapping({"user.email": ["a", "b", "c"]})
    event = event_of(rules, {"a": True, "b": "jane@example.com", "c": ["x", {}]})
    assert faults(event) == [("user.email", "not_text"), ("user.email[1]", "not_text")]


def test_all_faults_of_a_row_are_told_at_once() -> None:
    """A person mends a row once."""
    rules = EventMapping(
        {"event_time": "t", "properties.value": "v", "consent": "c", "limited_data_use": "l"}
    )
    event = event_of(rules, {"t": 1_700_000_000_000, "v": "1,5", "c": "maybe", "l": 2})
    assert (event.consent, event.limited_data_use) == (False, True)
    assert [one.path for one in event.violations if not one.is_fatal] == ["consent", "limited_data_use"]
    assert faults(event) == [
        ("consent", "not_a_boolean"),
        ("event_time", "milliseconds"),
        ("limited_data_use", "not_a_boolean"),
        ("properties.value", "not_a_number"),
    ]


def test_columns_of_an_item_make_one_item() -> None:
    """A row of a product is an order of one product, and its value is the product's."""
    rules = EventMapping(
        {"properties.contents[].content_id": "sku", "properties.contents[].price": ["sale", "price"]}
    )
    events = events_of(rules, {"sku": 7, "sale": None, "price": 2.5}, {"sku": None}, {"sku": 8, "price": "x"})
    assert events[0].properties == {
        "contents": (Content(content_id="7", price=Decimal("2.5")),),
        "value": Decimal("2.5"),
    }
    assert events[1].properties == {}
    assert faults(events[2]) == [("properties.contents[0].price", "not_a_number")]


def test_a_column_may_hold_all_items() -> None:
    """JSON text or a list column of a Parquet file, with each fault at its place."""
    rules = EventMapping({"properties.contents": "items"})
    event = event_of(rules, {"items": '[{"price": 0.1, "quantity": "2"}]'})
    assert event.properties["contents"] == (Content(price=Decimal("0.1"), quantity=2),)
    event = event_of(rules, {"items": [{"price": 1}, {"quantity": "few"}, {"prise": 1}]})
    assert faults(event) == [
        ("properties.contents[1].quantity", "not_a_number"),
        ("properties.contents[2].prise", "unknown_field"),
    ]


def test_a_column_name_with_points_leads_into_objects() -> None:
    """The column of that very name comes first; a way that ends early is an absent value."""
    rules = EventMapping({"user.email": "customer.contact.email"})
    rows: list[Any] = [
        {"customer": {"contact": {"email": "a@example.com"}}},
        {"customer.contact.email": "b@example.com", "customer": {"contact": {"email": "c@example.com"}}},
        {"customer": {"contact": None}},
        {"customer": "a.b"},
        {},
    ]
    emails = [event.user.email for event in events_of(rules, *rows)]
    assert emails == [("a@example.com",), ("b@example.com",), (), (), ()]


def test_any_mapping_is_a_row() -> None:
    """Drivers have row classes of their own."""
    row = ChainMap({"email": "jane@example.com"}, {"event": "Lead"})
    assert plain(event_of(RECORDS, row)) == {"event": "Lead", "user": {"email": ["jane@example.com"]}}
    rules = EventMapping({"event": "event", "user.email": "email"})
    assert plain(event_of(rules, row)) == {"event": "Lead", "user": {"email": ["jane@example.com"]}}


# ------------------------------------------------------------------------------- what is no row


@pytest.mark.parametrize("rules", [RECORDS, EventMapping({"event": "event"})], ids=["shape", "columns"])
def test_a_row_that_cannot_be_read_is_an_event_with_a_violation(rules: EventMapping) -> None:
    """It is counted under its number, with the source's own words."""
    unreadable = UnreadableRow("not_json", "Repair line 7.")
    event = event_of(rules, unreadable)
    assert (event.row, event.rows, faults(event)) == (1, 1, [("", "not_json")])
    assert event.violations[0].remedy == "Repair line 7."


@pytest.mark.parametrize("rules", [RECORDS, EventMapping({"event": "event"})], ids=["shape", "columns"])
@pytest.mark.parametrize("row", [None, 5, "text", ["event"], ("event", "Lead"), object()])
def test_what_is_no_row_at_all_is_an_event_with_a_violation(rules: EventMapping, row: Any) -> None:
    """A list of records may hold anything."""
    assert faults(event_of(rules, row)) == [("", "not_an_object")]


@pytest.mark.parametrize("key", ["Order ID ", "ORDER-ID", "order id", "oder_id"])
def test_an_unknown_key_has_a_closest_name(key: str) -> None:
    """Blanks and capitals in it make no difference."""
    (violation,) = event_of(EventMapping(), {key: 7}).violations
    assert violation.rule == "unknown_field"
    assert violation.remedy.endswith(("Did you mean orderId?", "Did you mean order_id?"))
