# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What holds for any input, on the whole road from rows to the bytes of requests."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_tiktok.conversions.batching import Limits
from airflow_provider_tiktok.conversions.chunks import Source
from airflow_provider_tiktok.conversions.delivery.dead_letter import DeadLetters
from airflow_provider_tiktok.conversions.delivery.engine import Delivery, Options, deliver
from airflow_provider_tiktok.conversions.events import EventSource
from airflow_provider_tiktok.conversions.http import HttpReply
from airflow_provider_tiktok.conversions.identifiers import IdentityRules
from airflow_provider_tiktok.conversions.mapping import EventMapping
from airflow_provider_tiktok.conversions.sources.records import RecordsSource
from airflow_provider_tiktok.conversions.sources.sql import SqlSource
from airflow_provider_tiktok.conversions.tiktok.client import TikTokClient
from airflow_provider_tiktok.conversions.tiktok.destination import TikTokDestination
from airflow_provider_tiktok.conversions.tiktok.options import ValidationRules
from tests.conformance.conftest import SOURCE_IDS
from tests.conversions.transports import Script, Waits
from tests.conversions.values.odd_values import odd_values

NOW = 1_790_000_000
TAKEN = HttpReply(status=200, body=b'{"code": 0, "message": "OK", "request_id": "r", "data": {}}')
SOURCES: tuple[EventSource, ...] = ("web", "app", "offline", "crm")


class Road:
    """The road from rows to requests, with a function in place of TikTok that takes everything.

    :ivar requests: the bodies that were sent, in order.
    """

    def __init__(self, *, event_source: EventSource = "web", max_events: int = 1000) -> None:
        self._transport = Script(TAKEN)
        client = TikTokClient("token", transport=self._transport, wait=Waits())
        self.destination = TikTokDestination(
            client,
            event_source=event_source,
            event_source_id=SOURCE_IDS[event_source],
            rules=ValidationRules(event_source=event_source, now=lambda: NOW),
            identity=IdentityRules(default_region="US"),
            limits=Limits(max_events=max_events),
        )

    def send(self, source: Source, *, letters: DeadLetters | None = None, **mapping: Any) -> Delivery:
        """What became of the rows."""
        return deliver(
            source,
            mapping=EventMapping(**mapping),
            destination=self.destination,
            options=Options(max_in_flight=1),
            dead_letters=letters,
            clock=count().__next__,
        )

    @property
    def requests(self) -> list[bytes]:
        return [request.body or b"" for request in self._transport.requests]


def sent(records: Sequence[Mapping[str, Any]], **road: Any) -> list[bytes]:
    """The requests that are made of these records."""
    made = Road(**road)
    made.send(RecordsSource(records))
    return made.requests


# ---------------------------------------------------------------------------------------- records

_IDENTITY = {
    "email": ["", " A@example.com", "b@example.com", "n/a", ["a@example.com", "b@example.com"]],
    "phone": ["+1 202 555 0123", "(202) 555-0123", "0012025550123", "x"],
    "external_id": ["User-1", 7, 7.0],
    "first_name": ["Zoë", "Zoe\u0308", "-", " O'Brien "],
    "zip_code": ["M5V 3L9", "02134"],
    "city": ["São Paulo", "北京"],
    "country": ["US", "Germany"],
    "ttclid": ["E.C.P.x"],
    "ip": ["203.0.113.7", "2001:db8::7"],
    "user_agent": ["Mozilla/5.0"],
}
_PROPERTIES = {
    "value": [0, "12.50", 0.1, "much"],
    "currency": ["USD", "usd"],
    "contents": [[{"content_id": 1, "price": "9.99", "quantity": 2.0}], '[{"content_id": "1"}]'],
    "content_type": ["product"],
    "order_id": [1001, "A-1"],
    "note": ["x", {"b": 1, "a": [1, None, ""]}],
}


def _some(table: Mapping[str, Sequence[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={name: st.sampled_from(list(v)) for name, v in table.items()})


RECORDS = st.fixed_dictionaries(
    {
        "event": st.sampled_from(["Purchase", "Lead", "CompletePayment", "LoyaltySwipe", "purchase"]),
        "event_time": st.sampled_from([NOW - 60, str(NOW - 50), "2026-09-21T00:00:00Z"]),
        "user": _some(_IDENTITY),
        "page": st.sampled_from([{"url": "https://shop.example.com/?ttclid=E.C.P.y"}, {"url": "/thanks"}]),
    },
    optional={"properties": _some(_PROPERTIES), "event_id": st.sampled_from(["o-1", 2, "o-3"])},
)


def shuffled(value: Any, *, order: Any) -> Any:
    """The value with the keys of every object in another order."""
    if isinstance(value, dict):
        names = list(value)
        order.shuffle(names)
        return {name: shuffled(value[name], order=order) for name in names}
    return [shuffled(one, order=order) for one in value] if isinstance(value, list) else value


# ------------------------------------------------------------------------------------- properties


@given(st.lists(RECORDS, max_size=6))
@settings(deadline=None, max_examples=60)
def test_what_was_sent_can_be_sent_again(records: list[dict[str, Any]]):
    """Preparing twice gives the same event: requests, read as records, make the same requests again."""
    requests = sent(records)
    again = sent([event for request in requests for event in json.loads(request)["data"]])
    assert [json.loads(request) for request in again] == [json.loads(request) for request in requests]


@given(st.lists(RECORDS, max_size=6), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=60)
def test_the_order_of_keys_changes_no_byte(records: list[dict[str, Any]], order: Any):
    """Objects have no order: neither the event ids that are made nor the requests depend on it."""
    assert sent(shuffled(records, order=order)) == sent(records)


@given(st.lists(RECORDS, max_size=5))
@settings(deadline=None, max_examples=30)
def test_json_text_and_records_make_the_same_bytes(records: list[dict[str, Any]]):
    """Events as a JSON array in a text are the same events."""
    assert sent(json.dumps(records)) == sent(records)  # type: ignore[arg-type]


@given(st.integers(0, 12), st.integers(1, 15), st.integers(1, 15), st.integers(1, 5))
@settings(deadline=None, max_examples=25)
def test_the_size_of_pages_changes_no_byte(n_rows: int, one: int, other: int, max_events: int):
    """However many rows the database hands over at once, the requests are the same."""
    by_page = []
    for page_size in (one, other):
        road = Road(max_events=max_events)
        source = SqlSource(lambda: _orders(n_rows), "SELECT * FROM orders ORDER BY id", page_size=page_size)
        road.send(
            source,
            mapping={"event_time": "at", "event_id": "id", "user.email": "mail", "page.url": "url"},
            defaults={"event": "Purchase"},
        )
        by_page.append(road.requests)
    assert by_page[0] == by_page[1]
    assert len(by_page[0]) == -(-n_rows // max_events)


@pytest.mark.parametrize("event_source", SOURCES)
@given(st.data())
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_input_makes_anything_but_results(event_source: EventSource, tmp_path: Path, data: st.DataObject):
    """Whatever stands in a row, the run goes on, every row has one outcome, and what is sent is JSON."""
    keys = st.one_of(st.sampled_from(PATHS), st.text(max_size=6), st.integers())
    rows = data.draw(st.lists(st.dictionaries(keys, odd_values(), max_size=6), max_size=4))
    needed = {"event": "Purchase", "event_time": NOW - 60, "page.url": "https://shop.example.com/"}
    extra = data.draw(st.sampled_from([{}, needed]))
    road = Road(event_source=event_source)
    letters = DeadLetters(tmp_path / "letters.jsonl", run=str(data), clock=lambda: NOW)
    delivery = road.send(RecordsSource([{**extra, **row} for row in rows]), letters=letters)
    receipt = delivery.receipt
    assert delivery.stopped_by is None
    assert receipt.read == receipt.rows == len(rows)
    assert receipt.accepted + receipt.rejected + receipt.skipped == len(rows)
    assert sum(len(json.loads(request)["data"]) for request in road.requests) == receipt.accepted
    json.dumps(receipt.as_dict(), allow_nan=False)


@given(st.lists(st.one_of(odd_values(), st.dictionaries(st.text(max_size=4), odd_values())), max_size=4))
@settings(deadline=None, max_examples=40)
def test_no_mapped_column_makes_anything_but_results(values: list[Any]):
    """The same holds for columns that a mapping names, whatever they hold."""
    road = Road(event_source="offline")
    delivery = road.send(
        RecordsSource([{"column": value} for value in values]),
        mapping=dict.fromkeys(MAPPED, "column"),
    )
    assert delivery.stopped_by is None
    assert delivery.receipt.read == len(values)


MAPPED = (
    *("event", "event_time", "event_id", "user.email", "user.phone", "user.city", "user.ip", "lead.lead_id"),
    *("properties.value", "properties.content_ids", "properties.contents", "properties.mileage"),
    *("properties.anything", "consent", "limited_data_use", "is_hashed"),
)
PATHS = (*MAPPED, "user", "page", "app", "ad", "lead", "properties", "email", "contentId", "eventName")


def _orders(n_rows: int) -> sqlite3.Connection:
    """A database of so many orders."""
    database = sqlite3.connect(":memory:")
    with closing(database.cursor()) as cursor:
        cursor.execute("CREATE TABLE orders (id INTEGER, at INTEGER, mail TEXT, url TEXT)")
        rows = [(n, NOW - n, f"person{n}@example.com", "https://shop.example.com/") for n in range(n_rows)]
        cursor.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", rows)
    return database
