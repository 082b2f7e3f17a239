# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Rows that a run leaves out: counted, told with their reason, and kept nowhere."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.events import ConversionEvent, UnreadableRow
from airflow_provider_tiktok.conversions.mapping import EventMapping
from airflow_provider_tiktok.conversions.readers import SKIP, column
from tests.conversions.mapping.plain import event_of, events_of, faults

MAPPING = {"event": "kind", "user.email": "mail", "properties.contents[].price": "price"}


def reason_for(value: Any, **rules: Any) -> str | None:
    """Why a row with this status is left out."""
    return event_of(EventMapping(MAPPING, **rules), {"kind": "a", "status": value}).left_out


@pytest.mark.parametrize(
    ("values", "value", "is_one"),
    [
        (["paid"], "paid", True),
        (["paid"], " paid ", True),
        (["paid"], "Paid", False),
        (["paid"], "unpaid", False),
        (["paid"], "", False),
        (["paid"], None, False),
        ("paid", "paid", True),
        ([7], 7, True),
        ([7], "7", True),
        (["7"], 7.0, True),
        ([7], "7.0", True),
        ([7], 70, False),
        ([7], True, False),
        ([1], True, False),
        ([True], True, True),
        ([True], "TRUE", True),
        ([True], 1, True),
        ([True], "no", False),
        (["true"], True, True),
        ([None], None, True),
        ([None], " ", True),
        ([None], "NULL", True),
        ([None], float("nan"), True),
        ([None], "-99", True),
        ([None], "x", False),
        (None, "", True),
        (["", "x"], "", True),
        (["NULL"], "NULL", True),
        ({"a", "b"}, "b", True),
        ([1.5], "1.50", True),
        ([Decimal("1.5")], 1.5, True),
        (Decimal(2), "2.000", True),
        ([0], "-0", True),
        ([np.float64(1.5)], "1.50", True),
        ([np.int64(7)], "7.0", True),
        ([np.bool_(True)], "yes", True),
        ([float("nan")], None, True),
        (["1.5"], "1.50", False),
        ([7], "7 pieces", False),
        (date(2026, 11, 26), "2026-11-26", True),
    ],
)
def test_values_are_compared(values: Any, value: Any, is_one: bool) -> None:
    """Letter by letter, numbers by their digits, yes and no in all spellings, no value as None."""
    dropped = reason_for(value, drop_rows={"status": values}, null_values=["-99"])
    kept = reason_for(value, keep_rows={"status": values}, null_values=["-99"])
    assert (dropped, kept) == (("in_drop_rows", None) if is_one else (None, "not_in_keep_rows"))


def test_a_column_is_compared_as_value_by_value() -> None:
    """Values that are equal and not the same, such as 1 and true, are kept apart."""
    values = [1, True, 0, False, "1", "", None, 1.0, "1", True, 1, [1]]
    for given in ([1], [True], ["true"], [None], [0]):
        (test,) = EventMapping(MAPPING, keep_rows={"status": given}).rows.keep
        assert test.column(values) == [*map(test.holds, values[:-1]), None]


@pytest.mark.parametrize("value", [{"a": 1}, ["paid"], b"\xff", object(), 1e20])
def test_a_row_that_nobody_can_judge_is_refused(value: Any) -> None:
    """Neither kept nor left out."""
    for rules in ({"keep_rows": {"status": ["paid"]}}, {"drop_rows": {"status": ["paid"]}}):
        event = event_of(EventMapping(MAPPING, **rules), {"kind": "a", "status": value})
        assert event.left_out is None
        assert [path for path, _ in faults(event)] == [""]


@pytest.mark.parametrize(
    "given",
    [
        *(["paid"], "paid", {"status": []}, {"status": [{}]}, {"": "x"}, {"status": b"x"}, {5: "x"}),
        *({"status": float("inf")}, {"status": [Decimal("-Infinity")]}, {"status": [["a"]]}),
    ],
)
def test_rules_that_cannot_be_right(given: Any) -> None:
    """They are told before the first row."""
    with pytest.raises(ConfigurationError, match="keep_rows"):
        EventMapping(MAPPING, keep_rows=given)


def test_nothing_is_kept_of_what_is_left_out() -> None:
    """Neither a value nor a fault; how many rows it was is."""
    rules = EventMapping(MAPPING, keep_rows={"status": "paid"})
    event = event_of(rules, {"kind": "a", "mail": "jane@example.com", "price": "free", "status": "x"})
    assert event == ConversionEvent(row=1, rows=1, left_out="not_in_keep_rows")


def test_all_columns_must_say_keep_and_none_drop() -> None:
    """Of several columns."""
    rules = EventMapping(MAPPING, keep_rows={"a": "x", "b": "y"}, drop_rows={"c": "1", "d": "1"})
    rows = [
        {"a": "x", "b": "y"},
        {"a": "x", "b": "x"},
        {"a": "x", "b": "y", "d": 1},
    ]
    assert [one.left_out for one in events_of(rules, *rows)] == [None, "not_in_keep_rows", "in_drop_rows"]


def test_rows_of_a_group_that_are_left_out_add_nothing() -> None:
    """They count in its rows; an event of nothing else is left out as a whole."""
    rules = EventMapping(MAPPING, group_by="id", drop_rows={"line": "fee"})
    lines = [
        (1, "fee"),
        (1, "item"),
        (1, "fee"),
        (1, "item"),
        (2, "fee"),
        (2, "fee"),
        (3, "item"),
        (4, "fee"),
    ]
    rows = [{"id": key, "line": line, "kind": "a", "price": place} for place, (key, line) in enumerate(lines)]
    found = [(one.row, one.rows, one.left_out) for one in events_of(rules, *rows)]
    assert found == [(1, 4, None), (5, 2, "in_drop_rows"), (7, 1, None), (8, 1, "in_drop_rows")]
    first = events_of(rules, *rows)[0]
    assert [int(one.price or 0) for one in first.properties["contents"]] == [1, 3]


def test_a_group_keeps_its_faults_when_its_first_row_is_left_out() -> None:
    """A key that comes back is told, though its first row then is none of the event."""
    rules = EventMapping(MAPPING, group_by="id", drop_rows={"line": "fee"})
    rows = [
        {"id": 1, "line": "item", "kind": "a"},
        {"id": 2, "line": "item", "kind": "a"},
        {"id": 1, "line": "fee", "kind": "a"},
        {"id": 1, "line": "item", "kind": "a"},
    ]
    assert [faults(one) for one in events_of(rules, *rows)] == [[], [], [("", "group_key_again")]]


def test_an_unreadable_row_is_never_left_out() -> None:
    """It may be one of those to keep, alone and among others."""
    rules = EventMapping(MAPPING, group_by="id", drop_rows={"line": "fee"})
    rows = [UnreadableRow("not_csv", ""), {"id": 1, "line": "fee", "kind": "a"}]
    [event] = events_of(rules, *rows)
    assert (event.left_out, faults(event), event.rows) == (None, [("", "not_csv")], 2)


def test_a_value_may_leave_its_row_out() -> None:
    """In whatever field it stands."""
    kinds = column("kind", values={"order": "Purchase"}, otherwise=SKIP)
    rules = EventMapping({"event": kinds, "user.email": "mail"})
    rows = [
        {"kind": "order", "mail": "a@example.com"},
        {"kind": "x", "mail": "a@example.com"},
        {"kind": None},
    ]
    found = [(one.event, one.left_out) for one in events_of(rules, *rows)]
    assert found == [("Purchase", None), (None, "skipped_value"), (None, "skipped_value")]


def test_columns_of_rows_to_drop_may_come_later() -> None:
    """Those of rows to keep may not: every row would be left out."""
    rows = [{"kind": "a", "mail": "b", "price": 1}]
    mapping = {**MAPPING, "event_time": "kind"}
    [absence] = EventMapping(mapping, drop_rows={"test": [True]}).check_source(None, rows)
    assert (absence.path, "'test'" in absence.told) == ("drop_rows", True)
    with pytest.raises(ConfigurationError, match="keep_rows: the source has no column 'status'"):
        EventMapping(mapping, keep_rows={"status": "paid"}).check_source(None, rows)


@pytest.mark.parametrize("value", [{"a": 1}, "x"])
def test_a_value_that_cannot_be_judged_names_its_column(value: Any) -> None:
    """What to do comes first, then who asks for which column."""
    mapping = EventMapping(MAPPING, keep_rows={"order.status": ["paid"]})
    [fault] = event_of(
        mapping, {"kind": "a", "order": value if value == "x" else {"status": value}}
    ).violations
    assert fault.remedy.endswith(" keep_rows asks for column 'order.status'.")
