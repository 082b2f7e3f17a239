# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Consecutive rows with the same key are one event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import chain, groupby, pairwise
from operator import itemgetter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from airflow_provider_tiktok.conversions.events import Content, ConversionEvent, Row, UnreadableRow
from airflow_provider_tiktok.conversions.mapping import EventMapping, event_id_of
from airflow_provider_tiktok.conversions.mapping.columns import KeyColumns
from airflow_provider_tiktok.conversions.mapping.drafts import Draft
from airflow_provider_tiktok.conversions.mapping.grouping import ClosedKeys, Grouping
from tests.conversions.mapping.plain import event_of, events_of, everything, faults, plain

LINES = {
    "event": "kind",
    "event_time": "at",
    "user.email": ["email", "second_email"],
    "consent": "opt_in",
    "limited_data_use": "ldu",
    "page.url": "url",
    "properties.content_ids": "sku",
    "properties.contents[].content_id": "sku",
    "properties.contents[].price": "price",
    "properties.contents[].quantity": "qty",
}
ORDERS = EventMapping(LINES, group_by="order", event_id_from="order", ttclid_from_url=True)
UNREADABLE = UnreadableRow("not_json", "Repair the line.")


def line(order: object, sku: object = "a", price: object = 1, qty: object = 1, **more: Any) -> dict[str, Any]:
    """One line of an order."""
    return {"order": order, "sku": sku, "price": price, "qty": qty, **more}


def test_lines_of_an_order_are_one_purchase() -> None:
    """Items in their order, addresses once, the first of other values, and the exact sum."""
    rows = [
        line(1, "tea", "2.50", 2, kind="Purchase", at=1_700_000_000, email="jane@example.com"),
        line(
            1, "pot", "19.99", None, at=1_700_000_009, email="jane@example.com", second_email="j@example.com"
        ),
        line("1", "tea", "0.10", 3, url="https://example.com/?ttclid=E.C.P.x"),
        line(2, "cup", 5, 1, kind="Purchase"),
    ]
    first, second = events_of(ORDERS, *rows)
    assert (first.row, first.rows, second.row, second.rows) == (1, 3, 4, 1)
    assert faults(first) == faults(second) == []
    assert plain(first) == {
        "event": "Purchase",
        "event_time": 1_700_000_000,
        "event_id": event_id_of(["1"]),
        "user": {"email": ["jane@example.com", "j@example.com"], "ttclid": "E.C.P.x"},
        "page": {"url": "https://example.com/?ttclid=E.C.P.x"},
        "properties": {
            "value": "25.29",
            "content_ids": ["tea", "pot", "tea"],
            "contents": [
                {"content_id": "tea", "price": "2.50", "quantity": 2},
                {"content_id": "pot", "price": "19.99"},
                {"content_id": "tea", "price": "0.10", "quantity": 3},
            ],
        },
    }
    assert second.properties["value"] == 5


def test_a_sum_has_every_digit() -> None:
    """Ten times ten cents are a dollar, whatever the numbers' types and the amounts' size."""
    assert event_of(ORDERS, *(line(1, price=0.1) for _ in range(10))).properties["value"] == Decimal("1.0")
    large, small = Decimal(10) ** 29, Decimal("1E-29")
    event = event_of(ORDERS, line(1, price=large, qty=2), line(1, price=small))
    assert event.properties["value"].compare(Decimal("2" + 29 * "0" + "." + 28 * "0" + "1")) == 0


def test_a_mapped_value_is_not_summed() -> None:
    """The order's own total knows of discounts and shipping."""
    rules = EventMapping({**LINES, "properties.value": "total"}, group_by="order")
    assert event_of(rules, line(1, total=7), line(1, total=7)).properties["value"] == 7
    assert "value" not in event_of(rules, line(1), line(1)).properties


def test_a_default_value_is_for_groups_without_prices() -> None:
    """The sum comes first."""
    rules = EventMapping(LINES, group_by="order", defaults={"properties.value": 3})
    priced, unpriced = events_of(rules, line(1), line(1), line(2, price=None))
    assert (priced.properties["value"], unpriced.properties["value"]) == (2, 3)


def test_an_item_without_a_price_would_make_the_sum_too_small() -> None:
    """Some priced and some not is refused; none priced is an order without a value."""
    event = event_of(ORDERS, line(1), line(1, price=None), line(1, price=" "))
    assert faults(event) == [
        ("properties.contents[1].price", "missing"),
        ("properties.contents[2].price", "missing"),
    ]
    assert "value" not in event.properties
    event = event_of(ORDERS, line(1, price=None), line(1, price=None))
    assert (faults(event), "value" in event.properties) == ([], False)


def test_a_row_without_an_item_adds_none() -> None:
    """An outer join gives rows without a product."""
    event = event_of(ORDERS, line(1, None, None, None, kind="Lead"))
    assert (faults(event), plain(event)["event"], event.properties) == ([], "Lead", {})


def test_defaults_of_an_item_are_for_rows_that_have_one() -> None:
    """A default quantity makes no item of nothing."""
    rules = EventMapping(LINES, group_by="order", defaults={"properties.contents[].quantity": 4})
    event = event_of(rules, line(1, "a", 2, None), line(1, None, None, None), line(1, "b", 1, 1))
    assert [item.quantity for item in event.properties["contents"]] == [4, 1]
    assert event.properties["value"] == 9


@pytest.mark.parametrize(
    ("answers", "consent"),
    [((True, None), True), ((True, False), False), ((False, True), False), ((None, None), None)],
)
def test_one_no_is_no_for_the_whole_order(answers: tuple[Any, Any], consent: bool | None) -> None:
    """Where rows disagree about a person's wishes, the stricter one counts."""
    event = event_of(ORDERS, *(line(1, opt_in=answer) for answer in answers))
    assert event.consent is consent
    restricted = event_of(ORDERS, line(1, ldu=False), line(1, ldu=True), line(1, ldu=False))
    assert restricted.limited_data_use is True


def test_records_are_grouped_like_rows() -> None:
    """Without a map, the key need be no field, and nested items are put together."""
    rules = EventMapping(group_by="basket")
    rows = [
        {"basket": 1, "contentId": "a", "price": 2, "email": "jane@example.com"},
        {"basket": 1, "properties": {"contents": [{"price": 1}, {"price": 3, "quantity": 2}]}},
        {"basket": 2, "value": 4, "contentId": "c", "price": 1},
    ]
    first, second = events_of(rules, *rows)
    assert faults(first) == faults(second) == []
    assert [item.price for item in first.properties["contents"]] == [2, 1, 3]
    assert (first.properties["value"], second.properties["value"]) == (9, 4)


def test_a_key_that_comes_back_is_refused() -> None:
    """Its event was given away without these rows: the source must be ordered by the key."""
    events = events_of(ORDERS, line(1), line(2), line(1), line(1), line(2), line(3))
    assert [(event.row, event.rows, faults(event)) for event in events] == [
        (1, 1, []),
        (2, 1, []),
        (3, 2, [("", "group_key_again")]),
        (5, 1, [("", "group_key_again")]),
        (6, 1, []),
    ]
    assert [event.violations[0].remedy for event in events[2:4]] == [
        "Row 3: Order the source by 'order': the event with this key ended with row 1.",
        "Row 5: Order the source by 'order': the event with this key ended with row 2.",
    ]


def test_a_key_of_several_columns_that_comes_back_is_refused() -> None:
    """All columns are to be ordered by, and each of them may come back beside others."""
    rules = EventMapping(LINES, group_by=["shop", "order"])
    rows = [line(1, shop="x"), line(1, shop="y"), line(2, shop="x"), line(1.0, shop=" x ")]
    events = events_of(rules, *rows)
    assert [faults(event) for event in events] == [[], [], [], [("", "group_key_again")]]
    assert "Order the source by 'shop', 'order': " in events[3].violations[0].remedy


def test_neither_a_missing_key_nor_an_unreadable_row_comes_back() -> None:
    """Rows without a key are events of their own, however many; an unreadable one has no key to know."""
    rules = EventMapping(LINES, group_by="order")
    rows = [line(None), line(1), UNREADABLE, line(2), UNREADABLE, line(None), line(None), UNREADABLE, line(3)]
    assert "group_key_again" not in {rule for event in events_of(rules, *rows) for _, rule in faults(event)}


def test_the_keys_that_are_remembered_are_bounded() -> None:
    """The latest are known again, and eight bytes stand for each."""
    keys = KeyColumns("order", argument="group_by", path="", rule="missing_group_key")
    grouping = Grouping(keys, identify=lambda _: None, max_rows=10, closed=ClosedKeys(2))

    def drafts() -> Iterator[Draft]:
        for number, order in enumerate("abcdad", 1):
            draft = Draft(number)
            draft.record = {"order": order}
            yield draft

    found = [[one.rule for one in draft.violations] for draft in grouping.join(drafts())]
    assert found == [[], [], [], [], [], ["group_key_again"]]


# ---------------------------------------------------------------------- what an event has one of

_ONE_OF_EACH = {
    **LINES,
    "event_id": "id",
    "lead.lead_id": "lead",
    "properties.order_id": "number",
    "properties.currency": "cur",
    "properties.value": "total",
    "properties.description": "note",
}


@pytest.mark.parametrize(
    ("column", "path", "values"),
    [
        ("cur", "properties.currency", ("EUR", "USD")),
        ("total", "properties.value", (50, "50.01")),
        ("total", "properties.value", (0, 50)),
        ("number", "properties.order_id", ("A-1", "A-2")),
        ("kind", "event", ("Purchase", "Refund")),
        ("id", "event_id", (1, 2)),
        ("lead", "lead.lead_id", (7, 8)),
    ],
)
def test_rows_that_disagree_refuse_the_event(column: str, path: str, values: tuple[Any, Any]) -> None:
    """An amount of two currencies is none; the rows are named, and the fault is told once."""
    rules = EventMapping(_ONE_OF_EACH, group_by="order")
    first, second = values
    rows = [line(1), line(1, **{column: first}), line(1, **{column: second}), line(1, **{column: second})]
    event = event_of(rules, *rows)
    assert faults(event) == [(path, "rows_disagree")]
    assert event.violations[0].remedy.startswith("Rows 2 and 3 are one event and disagree here. ")
    assert faults(event_of(rules, *(line(1, **{column: first}) for _ in range(3)))) == []


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("cur", ("EUR", " EUR ", None)),
        ("cur", ("EUR", "eur")),
        ("total", (50, "50.00", Decimal(50), 50.0)),
        ("number", (7, "7", 7.0)),
        ("at", (1_700_000_000, 1_700_000_001)),
        ("url", ("https://example.com/1", "https://example.com/2")),
        ("note", ("blue", "red")),
    ],
)
def test_rows_agree_in_what_they_mean(column: str, values: tuple[Any, ...]) -> None:
    """Another way of writing is no other value; of times, pages and texts the first counts."""
    rules = EventMapping(_ONE_OF_EACH, group_by="order")
    assert faults(event_of(rules, *(line(1, **{column: one}) for one in values))) == []


def test_records_that_disagree_refuse_the_event_too() -> None:
    """Without a map as well: two lines of 45 EUR and 5 USD are not 50 of anything."""
    rules = EventMapping(group_by="basket")
    rows = [{"basket": 1, "price": 45, "currency": "EUR"}, {"basket": 1, "price": 5, "currency": "USD"}]
    assert faults(event_of(rules, *rows)) == [("properties.currency", "rows_disagree")]


def test_a_key_may_be_several_columns_of_any_type() -> None:
    """Keys are compared as text, so that a number from a float column is the same order."""
    rules = EventMapping(LINES, group_by=["shop", "order"])
    rows = [line(1, shop="x"), line(1.0, shop=" x"), line("1", shop="y"), line(Decimal(1), shop="y")]
    assert [event.rows for event in events_of(rules, *rows)] == [2, 2]


@pytest.mark.parametrize("order", [None, "", " ", float("nan")])
def test_a_row_without_a_key_stands_alone(order: object) -> None:
    """It joins neither its neighbours nor others without a key."""
    rules = EventMapping(LINES, group_by="order")
    events = events_of(rules, line(1), line(order), line(order), line(2))
    assert [event.rows for event in events] == [1, 1, 1, 1]
    assert [faults(event) for event in events] == [
        [],
        [("", "missing_group_key")],
        [("", "missing_group_key")],
        [],
    ]
    assert "'order'" in events[1].violations[0].remedy
    assert events[2].violations[0].remedy.startswith("Row 3: ")


def test_a_key_that_is_no_text_is_told() -> None:
    """A list or a truth value tells no orders apart."""
    rules = EventMapping(LINES, group_by="order")
    assert [faults(event) for event in events_of(rules, line([1]), line(True))] == [[("", "not_text")]] * 2


def test_faults_name_their_row_and_their_item() -> None:
    """The place in the event is in the path, the row of the source in the remedy."""
    rows = [line(1), line(1, price="x", qty="few"), line(1), line(1, qty="y", sku=[1])]
    [event] = events_of(ORDERS, *rows, first_row=101)
    assert [(one.path, one.rule, one.remedy.split(":")[0]) for one in event.violations] == [
        ("properties.contents[1].price", "not_a_number", "Row 102"),
        ("properties.contents[1].quantity", "not_a_number", "Row 102"),
        ("properties.contents[3].content_id", "not_text", "Row 104"),
        ("properties.contents[3].quantity", "not_a_number", "Row 104"),
    ]
    assert "value" not in event.properties


def test_faults_of_nested_items_are_counted_among_all_items() -> None:
    """The second item of the second row is the fourth of the order."""
    rules = EventMapping(group_by="basket")
    rows = [
        {"basket": 1, "contents": [{"price": 1}, {"price": 1}]},
        {"basket": 1, "contents": [{"price": 1}, {"price": "x"}], "user": {"email": [1, True]}},
    ]
    assert faults(event_of(rules, *rows)) == [
        ("properties.contents[3].price", "not_a_number"),
        ("user.email[1]", "not_text"),
    ]


# ------------------------------------------------------------------------- rows that cannot be read


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        # Between rows of one order it may be a line of it.
        (["A", None, "A"], [(1, 3, ["not_json"])]),
        # Between two orders it may be a line of either, so neither can be sent.
        (["A", "A", None, "B", "C"], [(1, 3, ["not_json"]), (4, 1, ["unreadable_neighbour"]), (5, 1, [])]),
        ([None, "A", "A"], [(1, 3, ["not_json"])]),
        ([None, None, "A", "B"], [(1, 3, ["not_json", "not_json"]), (4, 1, [])]),
        (["A", None], [(1, 2, ["not_json"])]),
        ([None, None], [(1, 2, ["not_json", "not_json"])]),
        (["A", None, "A", "B"], [(1, 3, ["not_json"]), (4, 1, [])]),
        (["", None, "A"], [(1, 1, ["missing_group_key"]), (2, 2, ["not_json"])]),
        (["A", None, "", "B"], [(1, 2, ["not_json"]), (3, 1, ["missing_group_key"]), (4, 1, [])]),
    ],
)
def test_an_unreadable_row_may_belong_to_its_neighbours(rows: list[str | None], found: list[Any]) -> None:
    """An order that may lack a line is never sent with too small a value."""
    source: list[Row] = [UNREADABLE if one is None else line(one) for one in rows]
    events = events_of(EventMapping(LINES, group_by="order"), *source)
    assert [(event.row, event.rows, [rule for _, rule in faults(event)]) for event in events] == found


def test_the_first_readable_row_gives_the_id() -> None:
    """A broken first line does not take the order's id away, and is named by its number."""
    event = event_of(ORDERS, UNREADABLE, line(7), line(7))
    assert event.event_id == event_id_of(["7"])
    assert [one.remedy for one in event.violations] == ["Row 1: Repair the line."]


def test_an_id_is_asked_of_one_row_of_a_group() -> None:
    """Later rows need not repeat it."""
    rules = EventMapping(LINES, group_by="order", event_id_from="number")
    event = event_of(rules, line(1, number="N-1"), line(1), line(1, number="N-2"))
    assert (event.event_id, faults(event)) == (event_id_of(["N-1"]), [])
    event = event_of(rules, line(1), line(1, number="N-1"))
    assert (event.event_id, faults(event)) == (None, [("event_id", "missing")])


def test_a_group_that_never_ends_is_refused_and_not_collected() -> None:
    """A key that tells nothing apart fills neither memory nor a request; all its rows are counted."""
    rules = EventMapping(LINES, group_by="order", max_group_rows=3)
    events = events_of(rules, *(line(1) for _ in range(50)), line(2), line(2), line(2))
    assert [(event.rows, faults(event)) for event in events] == [(50, [("", "group_too_large")]), (3, [])]
    assert len(events[0].properties["contents"]) == 3


# -------------------------------------------------------------------------------------- properties

_ROWS = st.lists(
    st.one_of(
        st.builds(
            line,
            st.sampled_from([1, 2, "1", None]),
            st.sampled_from(["a", None, True]),
            st.sampled_from([1, "2.5", None, "x"]),
            st.sampled_from([1, None, 2.5]),
            email=st.sampled_from(["a@example.com", "b@example.com", None]),
        ),
        st.just(UNREADABLE),
    ),
    max_size=12,
)


@settings(max_examples=50, deadline=None)
@given(_ROWS, st.lists(st.integers(0, 12), max_size=4))
def test_events_do_not_depend_on_how_rows_are_chunked(rows: list[Row], cuts: list[int]) -> None:
    """Pages of a source, however large, are one stream."""
    borders = [0, *sorted(cuts), len(rows)]
    pages = (iter(rows[start:end]) for start, end in pairwise(borders))
    assert everything(ORDERS.events(chain.from_iterable(pages))) == everything(ORDERS.events(rows))


@settings(max_examples=50, deadline=None)
@given(_ROWS)
def test_every_row_is_in_exactly_one_event(rows: list[Row]) -> None:
    """Events lie end to end over the rows."""
    place = 5
    for event in ORDERS.events(rows, first_row=5):
        assert event.row == place
        place += event.rows
    assert place == 5 + len(rows)


@settings(max_examples=50, deadline=None)
@given(_ROWS.filter(lambda rows: UNREADABLE not in rows), st.integers(0, 12))
def test_a_run_that_goes_on_after_an_event_makes_the_same_events(rows: list[Row], n_events: int) -> None:
    """What a checkpoint stores, rows that are settled, is enough to go on from."""
    events = list(ORDERS.events(rows))
    settled = sum(event.rows for event in events[:n_events])
    rest = ORDERS.events(rows[settled:], first_row=settled + 1)
    assert _but_for_known_keys(rest) == _but_for_known_keys(events[n_events:])


def _but_for_known_keys(events: Iterable[ConversionEvent]) -> list[Any]:
    """Everything but that a key came before, which only a reading from the first row can tell."""
    return everything(
        replace(event, violations=tuple(one for one in event.violations if one.rule != "group_key_again"))
        for event in events
    )


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 9)), max_size=30))
def test_every_amount_is_sent_once_or_refused(lines: list[tuple[str, int]]) -> None:
    """Of an order the first rows side by side are sent with their exact sum; all rows later on are refused."""
    rows = [line(order, price=price) for order, price in lines]
    sums: dict[str, int] = {}
    events = events_of(ORDERS, *rows)
    for event in events:
        order = lines[event.row - 1][0]
        is_known = order in sums
        assert [rule for _, rule in faults(event)] == ["group_key_again"] * is_known
        sums.setdefault(order, int(event.properties["value"]))
    assert sum(event.properties["value"] for event in events) == sum(price for _, price in lines)
    assert sum(event.rows for event in events) == len(rows)
    firsts: dict[str, int] = {}
    for order, run in groupby(lines, key=itemgetter(0)):
        firsts.setdefault(order, sum(price for _, price in run))
    assert sums == firsts


def test_an_event_is_given_as_soon_as_its_last_row_is_known() -> None:
    """Rows are not read ahead beyond the first of the next event."""
    read = []

    def rows() -> Iterator[Row]:
        for order in (1, 1, 2, 3):
            read.append(order)
            yield line(order)

    events = ORDERS.events(rows())
    assert next(events).rows == 2
    assert read == [1, 1, 2]
    assert isinstance(next(events).properties["contents"][0], Content)
    assert read == [1, 1, 2, 3]
