# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A way with points finds what is nested, in whatever form a driver or a file gives it."""

from __future__ import annotations

import json
import sqlite3
from collections import namedtuple
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_tiktok.conversions.errors import ConfigurationError, EventError
from airflow_provider_tiktok.conversions.mapping import EventMapping
from airflow_provider_tiktok.conversions.mapping.columns import getter
from airflow_provider_tiktok.conversions.mapping.nested import ABSENT, find, has, ways_in
from airflow_provider_tiktok.conversions.sources.files import FilesSource
from airflow_provider_tiktok.conversions.sources.records import RecordsSource
from airflow_provider_tiktok.conversions.sources.sql import SqlSource
from tests.conversions.mapping.plain import event_of, faults

EVERY_EVENT = {"event": "Purchase", "event_time": 1767225600}
Composite = namedtuple("Composite", ["revenue", "currency"])


@pytest.mark.parametrize(
    "data",
    [
        {"revenue": 27.5},
        '{"revenue": 27.5}',
        '  \n{"revenue": 27.5, "x": [1, {"y": null}]} ',
        b'{"revenue": 27.5}',
        bytearray(b' {"revenue": 27.5}'),
        memoryview(b'{"revenue": 27.5}'),
        json.dumps('{"revenue": 27.5}'),
        [("revenue", 27.5), ("currency", "EUR")],
        Composite(27.5, "EUR"),
    ],
    ids=["object", "text", "blanks", "bytes", "bytearray", "memoryview", "twice", "pairs", "composite"],
)
def test_a_value_is_found_in_every_form(data: Any) -> None:
    """Objects, JSON text however encoded, Arrow's maps and a driver's composite types."""
    assert getter("data.revenue")({"data": data}) == 27.5
    assert getter("outer.data.revenue")({"outer": {"data": data}}) == 27.5
    assert getter("data.refund")({"data": data}) is None


def test_a_list_is_found_in_every_form() -> None:
    """Also in JSON text of JSON text."""
    items = [{"sku": "A"}, {"sku": "B"}]
    for data in (items, json.dumps(items), json.dumps(json.dumps(items))):
        assert getter("items[].sku")({"items": data}) == ["A", "B"]
        assert getter("items.1.sku")({"items": data}) == "B"


def test_a_number_in_json_text_keeps_every_digit() -> None:
    """An amount does not go through a float on the way."""
    rules = EventMapping({"properties.value": "data.revenue"})
    event = event_of(rules, {"data": '{"revenue": 1234567890123456.79}'})
    assert event.properties["value"] == Decimal("1234567890123456.79")


@pytest.mark.parametrize("kind", ["struct", "map", "text"])
def test_arrows_columns_are_opened(kind: str) -> None:
    """What pyarrow gives of a struct, a map and a text column."""
    kinds = {
        "struct": (pa.struct({"revenue": pa.float64()}), {"revenue": 27.5}),
        "map": (pa.map_(pa.string(), pa.float64()), [("revenue", 27.5)]),
        "text": (pa.string(), '{"revenue": 27.5}'),
    }
    arrow, value = kinds[kind]
    (row,) = RecordsSource(pa.table({"data": pa.array([value], arrow)})).rows()
    assert getter("data.revenue")(row) == 27.5


@pytest.mark.parametrize(
    ("way", "found"),
    [
        ("items.0.price", 1),
        ("items.1.price", 2),
        ("items.2.price", ABSENT),
        ("items.-1.price", ABSENT),
        ("items.9999999999999999999.price", ABSENT),
        ("items.²", ABSENT),
        ("items.price", ABSENT),
        ("texts.0.price", 3),
        ("array.1", 5),
    ],
)
def test_an_item_of_a_list_goes_by_its_number(way: str, found: Any) -> None:
    """From 0; a name leads nowhere in a list."""
    row = {
        "items": [{"price": 1}, {"price": 2}],
        "texts": '[{"price": 3}]',
        "array": np.array([4, 5]),
    }
    assert find(row, way.split(".")) == found


def test_keys_may_have_points() -> None:
    """A flattened record in a column of another, and a column named with points."""
    assert getter("data.a.b.c")({"data": {"a.b": {"c": 1}}}) == 1
    assert getter("data.a.b.c")({"data.a": '{"b.c": 2}'}) == 2
    assert getter("a.b")({"a.b": 3, "a": {"b": 4}}) == 3
    assert getter("a.b")({"a.b": None, "a": {"b": 4}}) == 4
    assert getter("a.b.c")({"a": {"b": {"d": 1}, "b.c": 5}}) == 5


@pytest.mark.parametrize(
    "data", [None, "", " ", "null", "N/A", False, float("nan"), pd.NA, [], {}, "[]", "{}", b" "]
)
def test_where_nothing_is_nested_there_is_nothing(data: Any) -> None:
    """Neither an error nor a value."""
    assert getter("data.revenue")({"data": data}) is None
    assert not has({"data": data}, ["data", "revenue"])


@pytest.mark.parametrize(
    "data",
    [
        "text",
        b"text",
        5,
        0,
        True,
        '"text"',
        [1],
        "[1]",
        [{"revenue": 1}],
        [["revenue", 1]],
        {"revenue": "no"},
    ],
)
def test_what_stands_in_the_way_is_told(data: Any) -> None:
    """Whatever holds no object, among objects: the value that was to be found there is not silently absent."""
    with pytest.raises(EventError, match="nothing_inside"):
        getter("data.revenue.total")({"data": data})


def test_a_value_behind_another_name_is_found_past_what_stands_in_the_way() -> None:
    """A column of the whole name, and a key with a point, come first."""
    assert getter("data.revenue")({"data": "text", "data.revenue": 5}) == 5
    assert getter("a.b.c")({"a": {"b": "text", "b.c": 5}}) == 5


@pytest.mark.parametrize(
    "text", ['{"revenue": 27.5', "{'revenue': 27.5}", "{revenue}", '{"a": Infinity}', "[1", '"{']
)
def test_text_that_is_no_json_is_a_fault_of_its_row(text: str) -> None:
    """An amount that cannot be read is not an amount that is absent."""
    rules = EventMapping({"properties.value": "data.revenue"})
    assert faults(event_of(rules, {"data": text})) == [("properties.value", "not_json")]
    assert not has({"data": text}, ["data", "revenue"])
    with pytest.raises(EventError) as caught:
        find({"data": text}, ["data", "revenue"])
    assert text not in str(caught.value) + caught.value.remedy


def test_a_key_column_may_be_nested() -> None:
    """Groups and ids are made of values in JSON text, too."""
    rules = EventMapping({"event": "kind"}, group_by="data.order", event_id_from="data.order")
    rows = [{"kind": "Purchase", "data": json.dumps({"order": order})} for order in (1, 1, 2)]
    events = list(rules.events(rows))
    assert [(event.rows, faults(event)) for event in events] == [(2, []), (1, [])]
    assert events[0].event_id != events[1].event_id


def test_the_ways_into_rows_are_told_down_to_a_depth() -> None:
    """For the closest name; broken text says nothing, and no more than a thousand names are taken."""
    rows = [{"a": {"b": {"c": 1}}, "d": '{"e": 1}', "f": "{broken", 5: 1}, {"g": [("h", 1)]}]
    assert ways_in(rows, depth=2) == ["a", "a.b", "d", "d.e", "f", "g", "g.h"]
    assert len(ways_in([{str(number): 1 for number in range(5000)}], depth=1)) == 1000


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab.", max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(_JSON, st.lists(st.sampled_from(["a", "b", "ab", "0", "1", ""]), min_size=1, max_size=4))
def test_text_and_object_are_one(value: Any, way: list[str]) -> None:
    """Whether a driver parses JSON or hands the text on makes no difference."""
    parsed, text = {"data": value}, {"data": json.dumps(value)}
    if isinstance(value, str):
        return  # a text that happens to be JSON, which is opened as what it says
    assert find(parsed, ["data", *way]) == find(text, ["data", *way])


@pytest.mark.parametrize("kind", ["lines", "csv", "struct", "map", "text", "sqlite", "frame", "records"])
def test_every_source_gives_what_is_nested(kind: str, tmp_path: Path) -> None:
    """The same orders with the same amounts, whichever way the object takes; a slip is found in each."""
    rules = EventMapping({"properties.value": "data.revenue"}, defaults=EVERY_EVENT)
    slip = EventMapping({"properties.value": "data.revenu"}, defaults=EVERY_EVENT)
    source = _source_of(kind, tmp_path)
    rows = list(source.rows())
    assert rules.check_source(source.columns, rows) == []
    assert [str(event.properties["value"]) for event in rules.events(rows)] == ["27.5", "0.25"]
    with pytest.raises(ConfigurationError, match=r"the closest is 'data\.revenue'"):
        slip.check_source(source.columns, rows)


def _source_of(kind: str, folder: Path) -> Any:
    objects = [{"revenue": 27.5}, {"revenue": 0.25}]
    texts = [json.dumps(one) for one in objects]
    path = folder / f"orders.{ {'lines': 'jsonl', 'csv': 'csv'}.get(kind, 'parquet') }"
    if kind == "records":
        return RecordsSource([{"data": one} for one in objects])
    if kind == "frame":
        return RecordsSource(pd.DataFrame({"data": texts}))
    if kind == "sqlite":
        return SqlSource(lambda: _database_of(texts), "SELECT data FROM orders ORDER BY n")
    if kind == "lines":
        path.write_text("".join(json.dumps({"data": one}) + "\n" for one in objects))
    elif kind == "csv":
        pd.DataFrame({"data": texts}).to_csv(path, index=False)
    else:
        arrow, values = {
            "struct": (pa.struct({"revenue": pa.float64()}), objects),
            "map": (pa.map_(pa.string(), pa.float64()), [list(one.items()) for one in objects]),
            "text": (pa.string(), texts),
        }[kind]
        pq.write_table(pa.table({"data": pa.array(values, arrow)}), path)
    return FilesSource([path])


def _database_of(texts: list[str]) -> sqlite3.Connection:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE orders (n INTEGER, data TEXT)")
    database.executemany("INSERT INTO orders VALUES (?, ?)", enumerate(texts))
    return database
