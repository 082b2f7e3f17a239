# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The rules are checked before the first row, and no row breaks them."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import to_builtins
from msgspec.structs import asdict

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.events import ConversionEvent, UnreadableRow
from airflow_provider_tiktok.conversions.mapping import EventMapping
from airflow_provider_tiktok.conversions.mapping.event_paths import FLAT_PATHS, OBJECTS, OWN
from tests.conversions.mapping.plain import event_of, events_of, faults, plain
from tests.conversions.sentences import reads_well
from tests.conversions.values.odd_values import Broken, odd_values

MAPPED = {
    "event": "kind",
    "event_time": "at",
    "user.email": ["email", "other_email"],
    "properties.value": "total",
    "properties.note": "note",
    "properties.contents[].price": "price",
}


# ------------------------------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            {"mapping": {"user.emial": "a"}},
            "mapping: 'user.emial' is not an event path; did you mean 'user.email'?",
        ),
        ({"mapping": {"email": "a"}}, "did you mean 'user.email'?"),
        ({"mapping": {"eventName": "a"}}, "did you mean 'event'?"),
        ({"mapping": {"zzz": "a"}}, "mapping: 'zzz' is not an event path."),
        ({"mapping": {"user": "a"}}, "name one of its fields, such as 'user.email'"),
        ({"mapping": {"properties": "a"}}, "name one of its fields"),
        ({"mapping": {"properties.": "a"}}, "not an event path"),
        ({"mapping": {"properties.a b": "a"}}, "not an event path"),
        ({"mapping": {"properties.contents.price": "a"}}, "'properties.contents[].price'"),
        ({"mapping": {"properties.contents[].prise": "a"}}, "'properties.contents[].price'"),
        ({"mapping": {"row": "a"}}, "not an event path"),
        ({"mapping": {"event": ""}}, "Give a column name or a list of column names in mapping['event']"),
        ({"mapping": {"event": []}}, "Name at least one column in mapping['event']"),
        ({"mapping": {"event": None}}, "Name at least one column in mapping['event']"),
        ({"mapping": {"event": 5}}, "Give a column name or a list of column names in mapping['event']"),
        (
            {"mapping": {"event": ["a", 5]}},
            "Give a column name or a list of column names in mapping['event']",
        ),
        ({"mapping": {5: "a"}}, "Give a mapping whose keys are event paths as mapping"),
        ({"mapping": ["event"]}, "Give a mapping whose keys are event paths as mapping"),
        ({"mapping": {"properties.contents": "a", "properties.contents[].price": "b"}}, "not both"),
        ({"mapping": {"properties.mileage": "a", "properties.mileage.unit": "b"}}, "not both"),
        (
            {"mapping": {"properties.contents": "a"}, "defaults": {"properties.contents[].quantity": 1}},
            "not both",
        ),
        (
            {"mapping": {"event_id": "a"}, "event_id_from": "b"},
            "Give event_id_from or map event_id, not both",
        ),
        ({"defaults": {"event_id": "x"}}, "would make every event a repeat"),
        ({"defaults": {"curency": "USD"}}, "defaults: 'curency' is not an event path."),
        ({"defaults": {"properties.currency": " "}}, "Found in defaults['properties.currency'] (missing)."),
        ({"defaults": {"properties.currency": None}}, "Found in defaults['properties.currency'] (missing)."),
        ({"defaults": {"properties.value": "free"}}, "Found in defaults['properties.value'] (not_a_number)."),
        ({"defaults": {"properties.content_type": "goods"}}, "product, product_group"),
        ({"defaults": {"event_time": "2026-11-02"}}, "Found in defaults['event_time'] (naive_time)."),
        (
            {"defaults": {"properties.contents": [{"price": "x"}, {"prise": 1}]}},
            "Found in defaults['properties.contents'] ([0].price not_a_number, [1].prise unknown_field).",
        ),
        ({"defaults": {"properties.x": object()}}, "Found in defaults['properties.x'] (not_representable)."),
        ({"defaults": "x"}, "Give a mapping whose keys are event paths as defaults"),
        ({"group_by": 5}, "Give a column name or a list of column names as group_by"),
        ({"group_by": [""]}, "Give a column name or a list of column names as group_by"),
        ({"event_id_from": {"a": 1}}, "Give a column name or a list of column names as event_id_from"),
        ({"group_by": "lines[].order"}, "Name a column with one value in group_by, such as 'lines.0.order'"),
        ({"event_id_from": ["shop", "ids[]"]}, "Name a column with one value in event_id_from"),
        ({"null_values": 5}, "Give a list of texts as null_values"),
        ({"null_values": [-99]}, "Give a list of texts as null_values"),
        ({"max_group_rows": 0}, "Set max_group_rows to at least 1"),
        (
            {"timezone": "Europe/Berln"},
            "timezone: 'Europe/Berln' is not a known time zone; did you mean 'Europe/Berlin'?",
        ),
        ({"timezone": "europe berlin"}, "did you mean 'Europe/Berlin'?"),
        ({"timezone": "Europe"}, "is not a known time zone; did"),
        ({"timezone": ""}, "is not a known time zone."),
        ({"timezone": "../etc/passwd"}, "is not a known time zone."),
        ({"timezone": 5}, "is not a known time zone."),
    ],
)
def test_an_argument_that_cannot_be_right_is_refused_at_once(arguments: Any, told: str) -> None:
    """The error names the argument, and what was probably meant."""
    with pytest.raises(ConfigurationError) as caught:
        EventMapping(**arguments)
    assert told in str(caught.value)
    assert reads_well(str(caught.value))


def test_a_refused_default_is_not_shown() -> None:
    """Neither in the error's text nor behind it."""
    with pytest.raises(ConfigurationError) as caught:
        EventMapping(defaults={"properties.value": "jane@example.com"})
    assert "jane" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("nothing", [None, (), []])
def test_no_columns_may_be_written_in_many_ways(nothing: Any) -> None:
    """An operator hands on what it was given."""
    rules = EventMapping({}, defaults={}, group_by=nothing, event_id_from=nothing)
    assert plain(event_of(rules, {"email": "jane@example.com"})) == {"user": {"email": ["jane@example.com"]}}


def test_every_field_of_an_event_has_a_home() -> None:
    """A field that is added to ``ConversionEvent`` is found here."""
    assert {*OWN, *OBJECTS, "row", "rows", "violations", "dropped", "left_out"} == set(
        get_type_hints(ConversionEvent)
    )
    assert set(FLAT_PATHS) >= {"eventName", "email", "externalId", "ipAddress", "orderId", "isAlreadyHashed"}


# --------------------------------------------------------------------------------------- defaults


def test_defaults_are_for_absent_values_only() -> None:
    """Zero, no, and a value that was refused are not absent."""
    constants = {
        "properties.value": "9.50",
        "properties.currency": " EUR ",
        "consent": "yes",
        "user.email": "shop@example.com",
        "user.country": "DE",
        "page.url": "https://example.com/",
    }
    rules = EventMapping(defaults=constants)
    assert plain(event_of(rules, {})) == {
        "consent": True,
        "user": {"email": ["shop@example.com"], "country": "DE"},
        "page": {"url": "https://example.com/"},
        "properties": {"value": "9.50", "currency": "EUR"},
    }
    event = event_of(rules, {"value": 0, "consent": False, "email": "jane@example.com", "country": " "})
    assert (event.properties["value"], event.consent) == (0, False)
    assert (event.user.email, event.user.country) == (("jane@example.com",), "DE")
    event = event_of(rules, {"value": "free", "consent": "maybe"})
    assert (event.properties, event.consent) == ({"currency": "EUR"}, False)
    assert faults(event) == [("consent", "not_a_boolean"), ("properties.value", "not_a_number")]


def test_defaults_serve_mapped_rows_alike() -> None:
    """A default stands behind the columns of its path."""
    rules = EventMapping(MAPPED, defaults={"event": "Purchase", "properties.contents[].quantity": 1})
    events = events_of(rules, {"kind": None, "price": 5}, {"kind": "Lead"}, {"kind": True})
    assert [event.event for event in events] == ["Purchase", "Lead", None]
    assert [event.properties.get("contents", ())[:1] == () for event in events] == [False, True, True]


def test_a_default_is_not_shared_between_events() -> None:
    """What one event gets added does not reach the next."""
    rules = EventMapping(group_by="k", defaults={"properties.content_ids": ["a"]})
    events = events_of(rules, {"k": 1, "contentIds": "b"}, {"k": 1, "contentIds": "c"}, {"k": 2}, {"k": 2})
    assert [event.properties["content_ids"] for event in events] == [("b", "c"), ("a",)]


# ------------------------------------------------------------------------------------------ times


@pytest.mark.parametrize("timezone", ["Europe/Berlin", timezone(timedelta(hours=1))])
def test_naive_times_are_read_in_the_time_zone(timezone: Any) -> None:
    """By name or as an object; times with a zone of their own keep it."""
    rules = EventMapping({"event_time": "at"}, timezone=timezone, defaults={"event_time": "2023-11-14"})
    rows: list[Any] = [
        {"at": "2023-11-14T23:13:20"},
        {"at": datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)},
        {"at": None},
    ]
    times = [event.event_time for event in events_of(rules, *rows)]
    assert times == [1_700_000_000, 1_700_000_000, 1_699_916_400]
    assert event_of(EventMapping(timezone=timezone), {"eventTime": "2023-11-14"}).event_time == 1_699_916_400


# ---------------------------------------------------------------------------------------- columns


EVERY_EVENT = {"event": "Purchase", "event_time": 1767225600}
"""What no event can do without."""


def test_what_no_event_can_do_without_must_be_mapped() -> None:
    """A name and a time: a column or a default for each, or the run does not begin."""
    for rules, missing in (
        (EventMapping({"event": "kind"}), "'event_time'"),
        (EventMapping({"event_time": "kind"}), "'event'"),
    ):
        with pytest.raises(ConfigurationError, match=f"Name the column of {missing}"):
            rules.check_source(["kind"])
        with pytest.raises(ConfigurationError, match=f"Name the column of {missing}"):
            rules.check_source(None, [{"kind": 1}])
    EventMapping({"user.email": "kind"}, defaults=EVERY_EVENT).check_source(["kind"])


# --------------------------------------------------------------------------------------- any rows


RULES = [
    EventMapping(),
    EventMapping(MAPPED, event_id_from="kind", timezone="Europe/Berlin"),
    EventMapping(MAPPED, group_by=["kind", "at"], defaults={"properties.currency": "USD"}),
    EventMapping(group_by="value", event_id_from=["email", "user.phone"]),
]
_KEYS = ["kind", "at", "email", "total", "note", "price", "value", "user", "properties", "contents", "event"]
_KEYS += ["eventTime", "page", "quantity", "user.phone", "properties.x", "customEventName", "eventName"]
_RECORDS = st.dictionaries(
    st.one_of(st.sampled_from(_KEYS), st.text(max_size=3), st.none(), st.integers()), odd_values(), max_size=6
)
_ROWS = st.lists(st.one_of(_RECORDS, odd_values(), st.just(UnreadableRow("not_json", "Repair."))), max_size=4)


@pytest.mark.parametrize("rules", RULES, ids=["shape", "columns", "grouped columns", "grouped shape"])
@settings(max_examples=50, deadline=None)
@given(rows=_ROWS)
def test_whatever_the_rows_hold_events_come_out(rules: EventMapping, rows: list[Any]) -> None:
    """No row raises, none is lost, and every event can be written as JSON."""
    events = list(rules.events(rows))
    assert sum(event.rows for event in events) == len(rows)
    for event in events:
        assert isinstance(event, ConversionEvent)
        assert to_builtins(asdict(event)) is not None
        assert all(one.rule and one.remedy for one in event.violations)


@pytest.mark.parametrize("rules", RULES, ids=["shape", "columns", "grouped columns", "grouped shape"])
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_no_value_is_shown_by_an_event_or_its_violations(rules: EventMapping, data: st.DataObject) -> None:
    """Wherever a person's address stands, neither ``repr`` nor a violation holds it."""
    planted = st.sampled_from(
        [
            "jane@example.com",
            "[jane@example.com",
            "{jane@example.com",
            ["jane@example.com", 5],
            b"jane@example.com\xff",
        ]
    )
    nested = st.one_of(
        planted, st.dictionaries(st.sampled_from(["price", "email", "jane@example.com"]), planted)
    )
    rows = data.draw(
        st.lists(st.dictionaries(st.sampled_from([*_KEYS, "jane@example.com"]), nested), max_size=3)
    )
    for event in rules.events(rows):
        assert "jane" not in repr(event) + repr(event.user) + repr(event.violations)


def test_an_object_that_breaks_when_asked_is_told_without_its_words() -> None:
    """Neither the value nor its error gets out."""
    for rules in RULES:
        event = event_of(rules, {"email": Broken(), "kind": "Lead", "at": 5, "value": 1, "user.phone": "1"})
        assert "unreadable" in [rule for _, rule in faults(event)]
        assert "jane" not in repr(event.violations)


def test_row_numbers_go_on_from_the_first() -> None:
    """A retry that goes on at row 1,000 names rows by their place in the source."""
    events = events_of(EventMapping(), {}, {}, first_row=1000)
    assert [(event.row, event.rows) for event in events] == [(1000, 1), (1001, 1)]


def test_the_row_that_was_read_is_not_changed() -> None:
    """The source may hand the same object to others."""
    row = {"user": {"email": ["jane@example.com"]}, "contents": [{"price": "1"}], "k": 1}
    before = repr(row)
    events_of(EventMapping(group_by="k"), row, row)
    assert repr(row) == before


# ---------------------------------------------------------------------------------- the rules' words

_DESCRIBED = """
from datetime import timezone
from airflow_provider_tiktok.conversions.mapping import EventMapping
print(repr(EventMapping(
    {"user.email": ["b", "a"], "event": "kind"},
    defaults={"properties.currency": "USD", "user.email": "jane@example.com"},
    group_by="order", event_id_from=["order"], timezone="Europe/Berlin",
)))
"""


def test_rules_are_described_alike_in_every_process() -> None:
    """A retry knows by their words whether the rules are still the same."""
    told = {
        subprocess.run(
            [sys.executable, "-c", _DESCRIBED],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout
        for seed in ("1", "2")
    }
    [words] = told
    assert "('user.email', \"['b', 'a']\")" in words
    assert "Europe/Berlin" in words
    assert "jane" not in words


@pytest.mark.parametrize(
    "other",
    [
        {"mapping": {"event": "type"}},
        {"defaults": {"properties.value": Decimal("1.0")}},
        {"defaults": {"properties.value": 2}},
        {"group_by": "order"},
        {"event_id_from": "order"},
        {"timezone": "UTC"},
        {"ttclid_from_url": True},
        {"max_group_rows": 5},
    ],
)
def test_rules_that_differ_are_described_differently(other: dict[str, Any]) -> None:
    """Each argument is in the words."""
    arguments: dict[str, Any] = {"mapping": {"event": "kind"}, "defaults": {"properties.value": 1}}
    assert repr(EventMapping(**arguments)) != repr(EventMapping(**{**arguments, **other}))
    assert repr(EventMapping(**arguments)) == repr(EventMapping(**arguments))
