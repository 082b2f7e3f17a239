# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Lists inside records: the items of a list, the values of all its members, and the member that says a key."""

from __future__ import annotations

import json
import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_tiktok.conversions.chunks import ColumnChunk
from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.event_columns import mapped_columns
from airflow_provider_tiktok.conversions.events import Content
from airflow_provider_tiktok.conversions.mapping import EventMapping
from airflow_provider_tiktok.conversions.mapping.columns import getter
from airflow_provider_tiktok.conversions.mapping.nested import Where, heads_of, way_of
from airflow_provider_tiktok.conversions.readers import SKIP, column
from airflow_provider_tiktok.conversions.sources.files import FilesSource
from airflow_provider_tiktok.conversions.sources.records import RecordsSource
from airflow_provider_tiktok.conversions.sources.sql import SqlSource
from tests.conversions.mapping.plain import event_of, faults

LINES = [{"sku": "A", "price": 12.5, "n": 2}, {"sku": "B", "price": 0.5, "n": 1}]
ITEMS = {
    "properties.contents[].content_id": "lines[].sku",
    "properties.contents[].price": "lines[].price",
    "properties.contents[].quantity": "lines[].n",
}
MEANT = (
    Content(content_id="A", price=Decimal("12.5"), quantity=2),
    Content(content_id="B", price=Decimal("0.5"), quantity=1),
)


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("email", ("email",)),
        ("data.email", ("data", "email")),
        ("lines[].sku", ("lines", "[]", "sku")),
        ("skus[]", ("skus", "[]")),
        ("orders[].lines[].sku", ("orders", "[]", "lines", "[]", "sku")),
        ("lines[0].sku", ("lines", "0", "sku")),
        ("params[key=value].value.int", ("params", Where("key", "value"), "value", "int")),
        ("params[key='a.b'].text", ("params", Where("key", "a.b"), "text")),
        ("Amount [USD]", ("Amount [USD]",)),
        ("price[EUR]", ("price[EUR]",)),
        ("[]", ("[]",)),
        ("a[b", ("a[b",)),
    ],
)
def test_names_of_columns_are_ways(name: str, way: tuple[Any, ...]) -> None:
    """Brackets that lead into a list are steps; others are a part of a name."""
    assert way_of(name) == way
    assert all(name.startswith(head.partition(".")[0]) for head in heads_of(name))


def rows_of_parquet(folder: Path) -> Any:
    pq.write_table(pa.Table.from_pylist([{"lines": LINES}]), folder / "lines.parquet")
    return FilesSource([folder / "lines.parquet"]).rows()


def rows_of_database(folder: Path) -> Any:
    def connect() -> sqlite3.Connection:
        return sqlite3.connect(":memory:")

    literal = json.dumps(LINES)
    return SqlSource(
        connect, f"SELECT '{literal}' AS lines", None, page_size=10, order_is_stated=False
    ).rows()


SOURCES: dict[str, Any] = {
    "objects": lambda _: iter([{"lines": LINES}]),
    "text": lambda _: iter([{"lines": json.dumps(LINES)}]),
    "bytes": lambda _: iter([{"lines": json.dumps(LINES).encode()}]),
    "texts": lambda _: iter([{"lines": [json.dumps(one) for one in LINES]}]),
    "arrow": lambda _: RecordsSource(pa.Table.from_pylist([{"lines": LINES}])).rows(),
    "parquet": rows_of_parquet,
    "database": rows_of_database,
}


@pytest.mark.parametrize("source", SOURCES)
def test_items_are_found_in_every_form(source: str, tmp_path: Path) -> None:
    """Objects, JSON text, structs of Arrow and Parquet, a text of a database."""
    event = event_of(EventMapping(ITEMS), next(SOURCES[source](tmp_path)))
    assert event.properties["contents"] == MEANT
    assert event.properties["value"] == Decimal("25.5")
    assert faults(event) == []


@pytest.mark.parametrize("lines", [None, [], "", "[]", [None], [{}], [{"title": "x"}], {}, False, "N/A"])
def test_where_there_are_no_items_there_are_none(lines: Any) -> None:
    """Neither an error nor an item."""
    event = event_of(EventMapping(ITEMS), {"lines": lines})
    assert (event.properties, faults(event)) == ({}, [])


def test_an_object_in_place_of_a_list_is_its_one_item() -> None:
    """Programs that read XML know no list of one."""
    for lines in ({"sku": "A", "price": 2}, '{"sku": "A", "price": 2}'):
        (item,) = event_of(EventMapping(ITEMS), {"lines": lines}).properties["contents"]
        assert (item.content_id, item.price) == ("A", 2)
    rules = EventMapping({"properties.content_ids": "lines[].sku"})
    assert event_of(rules, {"lines": {"sku": "A"}}).properties["content_ids"] == ("A",)


@pytest.mark.parametrize("lines", ["text", 5, {"0": {"sku": "A"}}, '"text"', True])
def test_what_holds_no_items_is_told(lines: Any) -> None:
    """No item is lost without a word."""
    event = event_of(EventMapping(ITEMS), {"lines": lines})
    assert event.properties == {}
    assert [one.rule for one in event.violations] == ["nothing_inside"]


def test_items_of_lists_in_a_list_are_all_of_them() -> None:
    """Parcels of an order each have their lines."""
    rules = EventMapping({"properties.contents[].content_id": "parcels[].lines[].sku"})
    row = {"parcels": [{"lines": [{"sku": "A"}]}, {}, {"lines": [{"sku": "B"}, {"sku": "C"}]}]}
    assert [one.content_id for one in event_of(rules, row).properties["contents"]] == ["A", "B", "C"]


def test_items_have_readers_defaults_and_second_choices() -> None:
    """Each part of an item may be said in the ways in which a column can."""
    mapping = {
        "properties.contents[].content_id": ["lines[].sku", "lines[].id"],
        "properties.contents[].price": column("lines[].cents", scale="0.01"),
        "properties.contents[].content_name": column("lines[].kind", values={"fee": SKIP, "x": "X"}),
    }
    rules = EventMapping(mapping, defaults={"properties.contents[].brand": "Ours"})
    lines = [{"sku": "", "id": 7, "cents": 1250}, {"sku": "S", "kind": "fee"}, {"sku": "B", "kind": "x"}]
    assert event_of(rules, {"lines": lines}).properties["contents"] == (
        Content(content_id="7", price=Decimal("12.50"), brand="Ours"),
        Content(content_id="B", content_name="X", brand="Ours"),
    )


def test_a_part_that_cannot_be_read_is_told_with_its_place() -> None:
    """The item goes on without it, and the value is not made of what is left."""
    event = event_of(EventMapping(ITEMS), {"lines": [*LINES, {"sku": "C", "price": "free"}]})
    assert faults(event) == [("properties.contents[2].price", "not_a_number")]
    assert "value" not in event.properties


def test_rows_of_a_group_may_have_lists() -> None:
    """The items of all rows are the event's."""
    rules = EventMapping(ITEMS, group_by="id")
    rows = [{"id": 1, "lines": LINES[:1]}, {"id": 1, "lines": LINES[1:]}]
    assert event_of(rules, *rows).properties["contents"] == MEANT


def test_values_of_all_members_are_collected() -> None:
    """For fields that take several; members without one are passed by."""
    rules = EventMapping({"user.email": "people[].mail", "properties.skus": "lines[].sku"})
    event = event_of(rules, {"people": [{"mail": "a@example.com"}, {}, None], "lines": LINES})
    assert event.user.email == ("a@example.com",)
    assert event.properties["skus"] == ("A", "B")


def test_the_member_that_says_a_key_is_found() -> None:
    """GA4's parameters, a shop's custom attributes; the first that has a value of several with the key."""
    get = getter("params[key=value].value.double_value")
    params = [
        {"key": "page", "value": {"string_value": "/"}},
        {"key": "value", "value": {"int_value": 1}},
        {"key": "value", "value": {"double_value": 12.5}},
    ]
    assert get({"params": params}) == 12.5
    assert get({"params": json.dumps(params)}) == 12.5
    assert get({"params": [{"key": ["value"]}, 5, None]}) is None
    assert (
        getter("attributes[name=ttclid].value")({"attributes": [{"name": "ttclid", "value": "E.1"}]}) == "E.1"
    )


@pytest.mark.parametrize(
    ("mapping", "told"),
    [
        ({"properties.value": "lines[].price"}, "Map 'lines.0.price' for the first of the values"),
        ({"user.email": column("lines[].mail", values={"a": "b"})}, "Say nothing of the values of a list"),
        (
            {**ITEMS, "properties.contents[].brand": "brand"},
            "a list for mapping['properties.contents[].brand'], too, or give it in defaults",
        ),
        (
            {**ITEMS, "properties.contents[].brand": "goods[].brand"},
            "these in mapping are of 'goods[]', 'lines[]'",
        ),
        ({**ITEMS, "properties.contents[].brand": ["lines[].brand", "brand"]}, "Name parts of one list"),
        ({**ITEMS, "properties.contents": "lines"}, "as a whole or in parts, not both"),
    ],
)
def test_lists_where_they_cannot_be(mapping: dict[str, Any], told: str) -> None:
    """A list has several values, and items come from one list."""
    with pytest.raises(ConfigurationError) as caught:
        EventMapping(mapping)
    assert told in str(caught.value)


WRONG = {
    "lines[].skuu": "the closest is 'lines[].sku'",
    "lines[].code": "nothing can be found at 'lines[].code'",
    "lnies[].sku": "the closest is 'lines[].sku'",
    "lines.sku": "'lines[].sku'",
    "total[].sku": "nothing can be found at 'total[].sku'",
    "lines[kind=sku].sku": "nothing can be found at 'lines[kind=sku].sku'",
    "goods.lines[].sku": "nothing can be found at 'goods.lines[].sku'",
}


@pytest.mark.parametrize("way", WRONG)
@pytest.mark.parametrize("is_declared", [True, False])
def test_a_wrong_way_is_told_before_anything_is_sent(way: str, is_declared: bool) -> None:
    """With the closest one, or with what is in its way."""
    rules = EventMapping({"event": "kind", "event_time": "at", "properties.content_ids": way})
    rows = [{"kind": "a", "at": 1, "lines": LINES, "total": 5, "goods": "none"}]
    columns = ("kind", "at", "lines", "total", "goods") if is_declared else None
    with pytest.raises(ConfigurationError) as caught:
        rules.check_source(columns, rows)
    assert WRONG[way] in str(caught.value)


@pytest.mark.parametrize("lines", [[], None, "[]"])
def test_a_way_that_may_come_is_waited_for(lines: Any) -> None:
    """An empty list says nothing of its members."""
    rules = EventMapping({"event": "kind", "event_time": "at", "properties.content_ids": "lines[].sku"})
    [absence] = rules.check_source(None, [{"kind": "a", "at": 1, "lines": lines}])
    assert absence.path == "properties.content_ids"


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param([5], id="a member that is no object"),
        pytest.param(json.dumps(LINES), id="JSON text"),
        pytest.param({"sku": "A"}, id="an object in place of a list"),
        pytest.param("no list", id="plain text"),
    ],
)
def test_an_odd_list_costs_one_row(odd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Among a thousand rows with plain lists only its own is looked at alone."""
    rows: list[Any] = [{"lines": LINES} for _ in range(1000)]
    rows[617] = {"lines": odd}
    looked_at: list[Any] = []
    mapping = EventMapping(ITEMS)
    [source] = mapping.mapped[0].sources
    assert source.items is not None
    plain, get = source.items.plain, source.get

    def looks(find: Any) -> Any:
        return lambda value: (looked_at.append(value), find(value))[1]

    monkeypatch.setattr(source.items, "plain", looks(plain))
    found = mapped_columns(
        ColumnChunk({"lines": [row["lines"] for row in rows]}, length=1000), _with_get(mapping, looks(get))
    )
    assert found.items is not None
    assert len(found.items.sizes) == 1000
    assert found.items.sizes[0] == found.items.sizes[-1] == 2
    assert {*map(len, found.items.columns.values())} == {found.items.n_items}
    assert 1 <= len(looked_at) <= 2


def _with_get(mapping: EventMapping, get: Any) -> EventMapping:
    """The same mapping, in which the way to a list is this one."""
    one = mapping.mapped[0]
    source = msgspec.structs.replace(one.sources[0], get=get)
    mapping.mapped[:] = [msgspec.structs.replace(one, sources=(source,)), *mapping.mapped[1:]]
    return mapping
