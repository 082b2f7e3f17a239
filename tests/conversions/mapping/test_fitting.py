# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A mapping that does not fit its source is found before anything is sent; a key left out is not one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.events import Row, UnreadableRow
from airflow_provider_tiktok.conversions.mapping import Absence, EventMapping
from tests.conversions.sentences import reads_well
from tests.conversions.values.odd_values import Broken

EVERY_EVENT = {"event": "Purchase", "event_time": 1767225600}
"""What no event can do without."""


def check(
    mapping: Any, columns: Sequence[str] | None = None, rows: Sequence[Any] = (), **arguments: Any
) -> list[Absence]:
    """What may be absent from a source."""
    rules = EventMapping(mapping, **{"defaults": EVERY_EVENT, **arguments})
    return rules.check_source(columns, rows)


def problem(
    mapping: Any, columns: Sequence[str] | None = None, rows: Sequence[Any] = (), **arguments: Any
) -> str:
    """What stops the run."""
    with pytest.raises(ConfigurationError) as caught:
        check(mapping, columns, rows, **arguments)
    assert reads_well(str(caught.value))
    return str(caught.value)


# ------------------------------------------------------------------------------ declared columns


def test_every_mapped_column_of_a_table_must_be_there() -> None:
    """Also an optional one: a query or a header that lacks it is not the one that was mapped."""
    mapping = {"user.email": ["email", "other_email"], "user.ttclid": "ttclid"}
    assert check(mapping, ["email", "other_email", "ttclid", "unused"]) == []
    told = problem(mapping, ["EMAIL", "other_mail", "note"])
    assert "mapping['user.email']: the source has no column 'email'; the closest is 'EMAIL'." in told
    assert "no column 'other_email'; the closest is 'other_mail'." in told
    assert told.endswith("mapping['user.ttclid']: the source has no column 'ttclid'.")


@pytest.mark.parametrize(
    "column", ["Order ID ", "order id", "ORDER-ID", "OrderId", "order_Id", "Order  ID", "oder_id", "Order_No"]
)
def test_an_unknown_column_has_a_closest_name(column: str) -> None:
    """Blanks, capitals and separators included, which a person does not see."""
    mapping = {"user.email": "email", "properties.order_id": "order_id"}
    assert f"no column 'order_id'; the closest is {column!r}." in problem(mapping, ["email", column])


def test_a_column_that_is_mapped_already_is_not_the_closest() -> None:
    """It cannot be the one that was meant."""
    mapping = {"user.email": ["email", "mail"]}
    assert (
        problem(mapping, ["email"])
        == "Check the column in mapping['user.email']: the source has no column 'mail'."
    )


@pytest.mark.parametrize("argument", ["group_by", "event_id_from"])
@pytest.mark.parametrize("mapping", [None, {"user.email": "email"}])
def test_key_columns_must_exist(argument: str, mapping: Any) -> None:
    """With or without a map, in tables and in records: nothing can be done without a key."""
    arguments = {argument: ["email", "order_no"]}
    for columns, rows in ((["email", "order_number"], []), (None, [{"email": 1}])):
        told = problem(mapping, columns, rows, **arguments)
        assert f"{argument}: the source has no column 'order_no'" in told


def test_a_key_may_be_a_column_that_is_mapped_as_well() -> None:
    """An order's number is often its key, too."""
    mapping = {"properties.order_id": "order_id"}
    for columns, rows in ((["order_id", "note"], []), (None, [{"order_id": 1, "note": 2}])):
        told = problem(mapping, columns, rows, event_id_from="oder_id")
        assert (
            told
            == "Check the column in event_id_from: the source has no column 'oder_id'; the closest is 'order_id'."
        )


# --------------------------------------------------------------------------- a header that is data

_DATA = [
    ["jane@example.com", "+12025550123", "19.99"],
    ["Jane", "Doe", "Springfield"],
    ["1001", "2026-11-02", "EUR"],
    ["Purchase", "ottoline gambrell", "Plimpton Street 5"],
]


@pytest.mark.parametrize("header", _DATA)
def test_a_header_that_is_data_is_not_shown(header: list[str]) -> None:
    """Where no name that is asked for stands in it, columns go by their numbers and there are no hints."""
    mappings: list[Any] = [
        None,
        {"user.email": "email", "user.first_name": "jame", "user.city": "plimpton street"},
    ]
    for mapping in mappings:
        told = problem(mapping, header)
        assert [value for value in header if value in told] == []
        assert "the closest is" not in told
        assert "none of the columns 1, 2, 3 " in told.replace("None", "none")
        assert told.endswith(
            "If the first row is data already, state the names of the columns in csv_columns."
        )


def test_a_real_header_keeps_its_hints() -> None:
    """One name that is asked for is enough, but nothing that looks like a person's is shown even then."""
    header = ["email", "emial", "jane@example.com", "2025550123", "Jane's favourite colour"]
    told = problem({"user.email": "email", "user.phone": "2025550124", "user.ttp": "emal"}, header)
    assert "the closest is 'emial'" in told
    assert "2025550123" not in told
    told = problem(None, header)
    assert "no event fields are 'emial' (did you mean 'email'?), number 3, number 4" in told
    assert "jane@" not in told


def test_a_header_with_a_name_twice_is_a_header() -> None:
    """Which of the two is meant is the one thing that is asked."""
    told = problem({"user.email": "mail"}, ["mail (column 1)", "mail (column 2)"])
    assert told.endswith("the source has several 'mail': mail (column 1), mail (column 2).")


def test_a_single_mistyped_column_is_hinted_at() -> None:
    """A slip for what was asked for is a column's name, not data."""
    assert "the closest is 'ordered_at'" in problem(
        {"event_time": "ordred_at"}, ["ordered_at"], defaults={"event": "Purchase"}
    )


def test_many_foreign_columns_are_told_in_few_words() -> None:
    """A table of hundreds of columns makes no page of text."""
    columns = ["email", *(f"c{number}" for number in range(500))]
    told = problem(None, columns)
    assert told.count("'c") == 10
    assert told.endswith("'c9' and 490 more.")
    assert "columns 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 490 more" in problem(None, columns[1:])


def test_a_table_without_a_map_has_fields_for_columns() -> None:
    """One error before the run, not one violation for each of a million rows."""
    columns = ["basket", "email", "eventName", "user.phone", "properties", "properties.tier", "orderId"]
    assert check(None, columns, group_by="basket") == []
    assert "no event fields are 'emial'" in problem(None, ["basket", "emial"], group_by="basket")


# ----------------------------------------------------------------------- records, each with its keys

SEGMENT = {"user.email": "email", "user.ttclid": "ttclid", "page.url": "url", "user.ip": ["ip", "user_ip"]}


def test_a_key_that_no_record_has_is_told_and_stops_nothing() -> None:
    """Exports leave out what is empty: no click of the day came from TikTok."""
    rows: list[Row] = [
        {"email": "a@example.com", "url": "https://example.com/", "user_ip": "203.0.113.7", "gclid": "x"},
        UnreadableRow("not_json", "x"),
        {"email": None, "user_id": 1},
    ]
    ttclid, ip = check(SEGMENT, rows=rows)
    assert (ttclid.path, ttclid.is_whole) == ("user.ttclid", True)
    assert ttclid.told.startswith(
        "Check the column in mapping['user.ttclid']: none of the first 2 rows has 'ttclid'"
    )
    assert (ip.path, ip.is_whole) == ("user.ip", False)
    assert check(SEGMENT, rows=[UnreadableRow("not_json", "x")]) == check(SEGMENT, rows=[]) == []


def test_a_field_with_a_default_is_not_wholly_absent() -> None:
    """The default gives it."""
    defaults = {**EVERY_EVENT, "page.url": "https://example.com/"}
    (absence,) = check({"user.email": "email", "page.url": "url"}, rows=[{"email": 1}], defaults=defaults)
    assert (absence.path, absence.is_whole) == ("page.url", False)


@pytest.mark.parametrize("key", ["emial", "mail", "EMAIL", "e_mail", "Email ", "emails", "emall"])
def test_a_slip_for_a_key_that_is_there_stops_the_run(key: str) -> None:
    """It is in no record because it is mistyped."""
    told = problem({"user.email": "email", "user.phone": "phone"}, rows=[{key: 1, "phone": 2}])
    assert (
        told
        == f"Check the column in mapping['user.email']: the source has no column 'email'; the closest is {key!r}."
    )


def test_a_key_that_is_mapped_itself_is_no_slip() -> None:
    """Two names of two things, as their author says."""
    mapping = {"user.email": ["email", "emails"]}
    assert [one.path for one in check(mapping, rows=[{"emails": "a@example.com"}])] == ["user.email"]


@pytest.mark.parametrize("path", ["event", "event_time", "event_id"])
def test_what_every_event_needs_must_be_in_some_record(path: str) -> None:
    """Without a name or a time nothing is sent, and without the id that was mapped it counts twice."""
    mapping = {"event": "kind", "event_time": "at", "event_id": "key"}
    column = mapping[path]
    row = {name: 1 for name in mapping.values() if name != column}
    told = problem(mapping, rows=[row], defaults=None)
    assert told == (
        f"Check the column in mapping[{path!r}]: the first row has no {column!r}. No event is sent without it."
    )


def test_odd_keys_say_nothing() -> None:
    """A key that is no text is no column, and many keys cost no more than a few."""
    assert check({"user.email": "email"}, rows=[{"email": 1, None: 2, 5: 3}]) == []
    rows = [{f"key_{row}_{number}": 1 for number in range(200)} for row in range(1000)]
    began = time.process_time()
    assert len(check({"user.email": "email", "user.phone": "phone"}, rows=rows)) == 2
    assert time.process_time() - began < 10


# --------------------------------------------------------------------------- ways into a column

VALUE = {"properties.value": "data.revenue"}


@pytest.mark.parametrize("columns", [None, ["data"]])
@pytest.mark.parametrize(
    "data",
    ['{"revenue": 27.5}', {"revenue": None}, [("revenue", 1)], b'{"revenue": 1}', '"{\\"revenue\\": 1}"'],
)
def test_a_way_that_leads_to_something_is_there(columns: Any, data: Any) -> None:
    """In a table as in records, in whatever form the inside comes."""
    assert check(VALUE, columns, [{"data": None}, {"data": data}]) == []


def test_a_column_named_like_the_way_is_the_way() -> None:
    """A flattened table needs no look inside."""
    rules = EventMapping(VALUE, defaults=EVERY_EVENT)
    assert not rules.looks_inside(["data.revenue"])
    assert rules.looks_inside(["data"])
    assert check(VALUE, ["data.revenue"]) == []
    assert not EventMapping({"user.email": "email"}).looks_inside(["data"])


@pytest.mark.parametrize("columns", [None, ["data"]])
@pytest.mark.parametrize(
    ("data", "closest"),
    [
        ('{"revenu": 27.5}', "data.revenu"),
        ({"Revenue": 27.5}, "data.Revenue"),
        ([("revenues", 1)], "data.revenues"),
    ],
)
def test_a_slip_inside_stops_the_run(columns: Any, data: Any, closest: str) -> None:
    """With the closest name there is inside."""
    told = problem(VALUE, columns, [{"data": data}])
    assert told == (
        f"Check the column in mapping['properties.value']: the source has no column 'data.revenue'; the closest is {closest!r}."
    )


@pytest.mark.parametrize("columns", [None, ["data"]])
@pytest.mark.parametrize(
    "data", ["text", 27.5, "{'revenue': 27.5}", [{"revenue": 1}], '[{"revenue": 1}]', True]
)
def test_a_way_into_what_holds_nothing_stops_the_run(columns: Any, data: Any) -> None:
    """A number, a text or a list can never have it."""
    told = problem(VALUE, columns, [{"data": data}, {"data": ""}])
    assert told.startswith(
        "Name a column that holds objects in mapping['properties.value'], or 'data' as a whole: nothing can be"
    )
    assert "'text'" not in told


@pytest.mark.parametrize("columns", [None, ["data"]])
@pytest.mark.parametrize("data", [{"note": 1}, '{"note": 1}', None, "", "null", [], {}, float("nan"), pd.NA])
def test_a_way_that_may_lead_somewhere_later_is_told(columns: Any, data: Any) -> None:
    """An object may leave a key out, and a column may be empty for a while."""
    (absence,) = check(VALUE, columns, [{"data": data}])
    assert (absence.path, absence.is_whole) == ("properties.value", True)


def test_columns_alone_tell_nothing_of_what_is_inside() -> None:
    """A later file is asked for its columns only: its first row may well be an empty one."""
    for mapping in (VALUE, {"event_id": "data.id"}):
        assert check(mapping, ["data"]) == check(mapping, ["data"], [UnreadableRow("not_json", "x")]) == []
        assert "no column 'data." in problem(mapping, ["date"])
    assert check({"user.email": "email"}, ["email", "data"], group_by="data.order") == []


def test_a_table_of_nothing_is_as_good_as_none() -> None:
    """A data frame that was made of no records has no columns; one with rows or columns must fit."""
    assert check(VALUE, []) == []
    for columns, rows in (([], [{}, {}]), (["client"], [])):
        assert "no column 'data" in problem(VALUE, columns, rows)
    assert check(None, []) == check(None, [], [{}]) == []
    assert "the only column is no event field" in problem(None, ["basket"])


def test_a_way_that_no_column_begins_is_no_column() -> None:
    """In a table; in records the object may be left out."""
    assert "no column 'customer.email'" in problem({"user.email": "customer.email"}, ["client"])
    (absence,) = check({"user.email": "customer.email"}, rows=[{"client": 1}])
    assert absence.path == "user.email"


def test_values_and_rows_that_break_when_asked_are_told_in_their_place() -> None:
    """Not by the look at the first rows: each is a result of its own later."""

    class BrokenRow(dict[str, Any]):
        def keys(self) -> Any:
            raise RuntimeError("jane@example.com")

        __iter__ = keys

    rows: list[Any] = [BrokenRow(), Broken(), {"data": Broken()}, {"data": {"revenue": Broken()}}]
    assert check(VALUE, rows=rows) == []
    assert "nothing can be found" in problem(VALUE, rows=rows[:3])
    assert check(VALUE, rows=rows[:2]) == []
