# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Lists and objects, however they are written, report every part that is at fault."""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest

from airflow_provider_tiktok.conversions.events import Content
from airflow_provider_tiktok.conversions.values import (
    as_object,
    to_contents,
    to_numbers,
    to_open_value,
    to_texts,
)
from airflow_provider_tiktok.conversions.values.annotations import to_mileage
from tests.conversions.values.faults import refused, rule_of, rules_of, told_by


@pytest.mark.parametrize(
    ("raw", "texts"),
    [
        ("jane@example.com", ("jane@example.com",)),
        (123, ("123",)),
        (["b", "a"], ("b", "a")),
        (("a", 1, 2.0), ("a", "1", "2")),
        (["a", "", None, "  ", math.nan, "a"], ("a", "a")),
        ({"b", "a"}, ("a", "b")),
        (frozenset({2, 10}), ("10", "2")),
        ('["a", "b"]', ("a", "b")),
        (' ["a", 12025550123, null] ', ("a", "12025550123")),
        (b"a", ("a",)),
        (memoryview(b"ab"), ("ab",)),
        ("{a,b}", ("{a,b}",)),
        ("a,b", ("a,b",)),
        (None, None),
        ("", None),
        ([], None),
        ("[]", None),
        ([None, " "], None),
    ],
)
def test_texts_are_a_list_or_one_value(raw: object, texts: tuple[str, ...] | None) -> None:
    """A list keeps its order and repeats; blanks are left out; nothing is split at commas."""
    assert to_texts(raw) == texts


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        ("[a, b]", "not_json"),
        ("['a', 'b']", "not_json"),
        ('["a"', "not_json"),
        ("[Infinity]", "not_json"),
        (40_000 * "[", "not_json"),
        (100_000 * "[" + 100_000 * "]", "not_json"),
        ({"a": 1}, "not_text"),
        (True, "not_text"),
        (iter(["a"]), "not_text"),
    ],
)
def test_what_is_no_list_of_texts_is_refused(raw: object, rule: str) -> None:
    """A list that Python printed, or a torn one, is not taken for an identifier."""
    assert rule_of(to_texts, raw) == rule


def test_every_member_at_fault_is_named_by_its_place() -> None:
    """The second and the fourth are wrong, and both are told."""
    assert rules_of(to_texts, ["a", True, "b", ["c"]]) == [("[1]", "not_text"), ("[3]", "not_text")]


def test_arrays_are_lists() -> None:
    """What numpy, pandas and Parquet give for a list column is read as one."""
    numpy = pytest.importorskip("numpy")
    pandas = pytest.importorskip("pandas")
    assert to_texts(numpy.array(["a", "b"])) == ("a", "b")
    assert to_texts(pandas.Series([1, 2])) == ("1", "2")
    assert to_texts(numpy.array([])) is None
    assert to_numbers(numpy.array([0.5, 1.0])) == (Decimal("0.5"), Decimal(1))
    assert to_contents(numpy.array([{"price": 1}])) == (Content(price=Decimal(1)),)
    assert to_open_value(numpy.array([1, 2])) == (1, 2)


def test_numbers_are_a_list_or_one_number() -> None:
    """A price range keeps both its ends exactly."""
    assert to_numbers([1, "2.50"]) == (Decimal(1), Decimal("2.50"))
    assert to_numbers("[0.1, 19.990000000000000001]") == (Decimal("0.1"), Decimal("19.990000000000000001"))
    assert to_numbers(7) == (Decimal(7),)
    assert rules_of(to_numbers, [1, "x"]) == [("[1]", "not_a_number")]


ITEM = Content(content_id="7", content_name="Tea", brand="B", price=Decimal("2.50"), quantity=2)
ITEM_RECORD = {
    "content_id": 7,
    "content_name": " Tea ",
    "content_category": "",
    "brand": "B",
    "price": "2.50",
    "quantity": 2.0,
}


@pytest.mark.parametrize(
    "raw",
    [
        [ITEM_RECORD],
        (ITEM_RECORD,),
        ITEM_RECORD,
        OrderedDict(reversed(ITEM_RECORD.items())),
        MappingProxyType(ITEM_RECORD),
        json.dumps([ITEM_RECORD]),
        json.dumps(ITEM_RECORD),
        f"  {json.dumps([ITEM_RECORD, {}, None])}\n",
        [json.dumps(ITEM_RECORD)],
    ],
)
def test_items_are_objects_or_their_json(raw: object) -> None:
    """Each field of an item is typed like any other; an empty item is none."""
    assert to_contents(raw) == (ITEM,)


@pytest.mark.parametrize("raw", [None, "", [], "[]", "{}", {}, [{}], [None]])
def test_no_items_are_absent(raw: object) -> None:
    """An order without items has no ``contents``."""
    assert to_contents(raw) is None


def test_every_fault_of_every_item_is_named_by_its_path() -> None:
    """A person can mend all of them before the next run."""
    raw = [
        {"price": "1,5", "quantity": "few"},
        {"price": 1},
        {"prise": 1, "content_id": []},
        "tea",
        {"jane@example.com": 1},
    ]
    assert rules_of(to_contents, raw) == [
        ("[0].price", "not_a_number"),
        ("[0].quantity", "not_a_number"),
        ("[2].prise", "unknown_field"),
        ("[2].content_id", "not_text"),
        ("[3]", "not_an_object"),
        ("[4].(hidden)", "unknown_field"),
    ]


def test_an_unknown_field_of_an_item_names_the_one_that_was_meant() -> None:
    """A slip of the pen, or another platform's spelling, is told apart from nonsense."""
    error = refused(to_contents, [{"contentId": 1, "prise": 2, "zzz": 3}])
    remedies = [one.remedy for one in error.errors]  # type: ignore[attr-defined]
    assert ["content_id" in remedies[0], "price" in remedies[1], "mean" in remedies[2]] == [True, True, False]


def test_a_mileage_is_an_object_of_value_and_unit() -> None:
    """Its unit is one of two."""
    assert to_mileage({"value": "12000.5", "unit": "KM"}) == {"value": Decimal("12000.5"), "unit": "KM"}
    assert to_mileage('{"value": 5}') == {"value": Decimal(5)}
    assert to_mileage({}) is None
    assert rules_of(to_mileage, {"unit": "miles"}) == [(".unit", "not_allowed")]


@pytest.mark.parametrize("raw", ["text", 5, ["a"], "[1]"])
def test_what_is_no_object_is_refused(raw: object) -> None:
    """A group of fields is an object or the JSON text of one."""
    assert rule_of(as_object, raw) == "not_an_object"
    assert rule_of(as_object, "{'a': 1}") == "not_json"
    assert as_object('{"a": 0.1}') == {"a": Decimal("0.1")}


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (" gold ", "gold"),
        (3, 3),
        (0, 0),
        (True, True),
        (False, False),
        (1.5, Decimal("1.5")),
        (Decimal("1.50"), Decimal("1.50")),
        ([1, None, "a", ""], (1, "a")),
        ({"a": {"b": [1.5, None]}, "c": None, "d": {}}, {"a": {"b": (Decimal("1.5"),)}}),
        ("[1]", "[1]"),
        (None, None),
        ("", None),
        ([], None),
        ({}, None),
        (math.nan, None),
        ({"a": math.nan, "b": [math.nan, 1]}, {"b": (1,)}),
    ],
)
def test_an_open_property_is_what_json_can_say_of_it(raw: object, value: Any) -> None:
    """Types stay as they are, nothing is null, and text stays text."""
    assert to_open_value(raw) == value
    assert type(to_open_value(raw)) is type(value)


@pytest.mark.parametrize(
    ("raw", "rules"),
    [
        ({"a": [1, object()]}, [(".a[1]", "not_representable")]),
        ({"a": -math.inf, "b": 1, "c": math.inf}, [(".a", "not_finite"), (".c", "not_finite")]),
        ({1: "a"}, [(".(hidden)", "not_representable")]),
        ({"\ud800": "a"}, [(".(hidden)", "not_representable")]),
        ([[[[[[[[[1]]]]]]]]], [(8 * "[0]", "too_deep")]),
    ],
)
def test_an_open_property_that_json_cannot_say_is_refused(raw: object, rules: list[tuple[str, str]]) -> None:
    """Every place that cannot be written is named."""
    assert rules_of(to_open_value, raw) == rules


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (object(), "not_representable"),
        (date(2026, 1, 1), "not_representable"),
        (b"a", "not_representable"),
        (math.inf, "not_finite"),
        (2**64, "out_of_range"),
        ("\ud800", "not_unicode"),
    ],
)
def test_an_open_property_is_never_put_into_words(raw: object, rule: str) -> None:
    """No ``repr`` of an object goes to TikTok."""
    assert rule_of(to_open_value, raw) == rule


def test_a_list_that_holds_itself_is_too_deep() -> None:
    """No input makes an endless walk."""
    endless: list[Any] = []
    endless.append(endless)
    assert rules_of(to_open_value, endless) == [(8 * "[0]", "too_deep")]


def test_a_refused_list_shows_none_of_its_members() -> None:
    """Neither the parser's error nor ours quotes the text."""
    for raw in ('["jane@example.com', "['jane@example.com']"):
        assert "jane" not in told_by(refused(to_texts, raw))
    assert "jane" not in told_by(refused(to_contents, [{"price": "jane@example.com", "jane doe": 1}]))
