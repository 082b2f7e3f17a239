# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tiktok.conversions.errors import EventError
from airflow_provider_tiktok.conversions.events import (
    Ad,
    App,
    Content,
    Digest,
    EventSource,
    Lead,
    Page,
    PreparedEvent,
    PreparedUser,
)
from airflow_provider_tiktok.conversions.tiktok.payload import encode_event, make_frame, to_record

EMAIL = Digest("973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b")
PHONE = Digest("9f7ec22d72092cd3c0b58726ed9c2d91b92e51a3f29837508fb2948bb22dd2fd")

FULL = PreparedEvent(
    row=7,
    rows=2,
    event="Purchase",
    event_time=1_790_000_000,
    event_id="o-17",
    user=PreparedUser(
        email=(EMAIL, PHONE),
        phone=(PHONE,),
        external_id=(EMAIL,),
        first_name=EMAIL,
        last_name=EMAIL,
        zip_code=EMAIL,
        city="sãopaulo",
        state="sp",
        country="br",
        ttclid="E.C.P.abc",
        ttp="ttp-1",
        ip="203.0.113.7",
        user_agent="Mozilla/5.0",
        locale="pt-BR",
        idfa="AAAA",
        gaid="bbbb",
        idfv="cccc",
        att_status="AUTHORIZED",
        lead_id="70",
        envelope="planted-envelope",
        session_id="planted-session",
    ),
    properties={
        "value": Decimal("19.90"),
        "currency": "BRL",
        "contents": (Content(content_id="1", quantity=2),),
    },
    page=Page(url="https://shop.example/?a=1", referrer="https://example.com/"),
    app=App(app_id="org.example"),
    ad=Ad(callback="cb", is_retargeting=False),
    lead=Lead(lead_id="70", lead_event_source="crm"),
    limited_data_use=False,
)
EVERYWHERE = {"email", "phone", "first_name", "last_name", "zip_code", "city", "state", "country"}


def decode(event: PreparedEvent, *, event_source: EventSource = "web") -> dict[str, Any]:
    """The event as TikTok reads it."""
    decoded: dict[str, Any] = json.loads(encode_event(event, event_source=event_source))
    return decoded


def with_properties(**properties: Any) -> PreparedEvent:
    """A small event with these properties."""
    return PreparedEvent(row=1, event="Purchase", properties=properties)


@pytest.mark.parametrize(
    ("event_source", "groups", "user_keys"),
    [
        ("web", {"page", "limited_data_use"}, {"external_id", "ttclid", "ttp", "ip", "user_agent", "locale"}),
        (
            "app",
            {"app", "ad", "limited_data_use"},
            {"ip", "user_agent", "locale", "idfa", "gaid", "idfv", "att_status"},
        ),
        ("offline", set(), {"external_id", "lead_id"}),
        ("crm", {"lead"}, {"external_id"}),
    ],
)
def test_each_source_gets_what_it_takes(
    event_source: EventSource, groups: set[str], user_keys: set[str]
) -> None:
    """An event source gets the groups and match keys that TikTok documents for it, and no others."""
    sent = decode(FULL, event_source=event_source)
    assert set(sent) == {"event", "event_time", "event_id", "user", "properties"} | groups
    assert set(sent["user"]) == EVERYWHERE | user_keys


@pytest.mark.parametrize("event_source", ["web", "app", "offline", "crm"])
def test_what_is_not_tiktoks_never_leaves(event_source: EventSource) -> None:
    """Envelope, session and our own bookkeeping are in no wire form and in no record."""
    wire = encode_event(FULL, event_source=event_source)
    for secret in (b"planted", b'"row', b"violations", b"dropped"):
        assert secret not in wire
    assert "planted" not in str(to_record(FULL))


def test_the_wire_form() -> None:
    """A web event, byte for byte."""
    event = PreparedEvent(
        row=1,
        event="Purchase",
        event_time=1_790_000_000,
        event_id="o-17",
        user=PreparedUser(email=(EMAIL,), ip="203.0.113.7"),
        properties={"value": Decimal("19.90"), "contents": (Content(content_id="1", price=Decimal(5)),)},
        page=Page(url="https://shop.example/?a=é"),
    )
    assert encode_event(event, event_source="web").decode() == (
        '{"event":"Purchase","event_time":1790000000,"event_id":"o-17",'
        f'"user":{{"email":["{EMAIL}"],"ip":"203.0.113.7"}},'
        '"properties":{"contents":[{"content_id":"1","price":5}],"value":19.90},'
        '"page":{"url":"https://shop.example/?a=é"}}'
    )


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (Decimal("19.90"), "19.90"),
        (Decimal("1E+2"), "100"),
        (Decimal("1E-9"), "0.000000001"),
        (Decimal("0.1000000000000000055511151231257827"), "0.1000000000000000055511151231257827"),
        (Decimal("12345678901234567890.12"), "12345678901234567890.12"),
        (Decimal(0), "0"),
        (0, "0"),
        (2**70, "1180591620717411303424"),
        (-(2**63) - 1, "-9223372036854775809"),
        (0.1, "0.1"),
        (0.0, "0.0"),
        (1e22, "10000000000000000000000"),
        (1e-7, "0.0000001"),
        (True, "true"),
        (False, "false"),
    ],
)
def test_numbers_are_exact_and_plain(number: Any, written: str) -> None:
    """A number is a JSON number with every digit it has and no exponent; zero and false are values."""
    wire = encode_event(with_properties(value=number), event_source="web").decode()
    assert f'"value":{written}}}' in wire


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30))
def test_no_decimal_changes(number: Decimal) -> None:
    """What TikTok reads is the very number."""
    wire = encode_event(with_properties(value=number), event_source="web")
    read = json.loads(wire, parse_float=Decimal, parse_int=Decimal)["properties"]["value"]
    assert read == number
    assert b"e" not in wire.split(b'"value":')[1].lower()


@pytest.mark.parametrize("number", [Decimal("NaN"), Decimal("Infinity"), float("nan"), float("-inf")])
def test_what_is_no_number_is_refused(number: Any) -> None:
    """NaN and infinity have no form in JSON, and none is invented."""
    with pytest.raises(EventError, match="not_finite"):
        encode_event(with_properties(value=number), event_source="web")
    assert json.loads(msgspec.json.encode(to_record(with_properties(value=number))))["properties"]["value"] in {
        "NaN", "Infinity", "-Infinity",
    }  # fmt: skip


def test_what_json_cannot_say_is_refused() -> None:
    """A value of a foreign type is refused, and a record tells its type only."""
    event = with_properties(x={1, 2})
    with pytest.raises(EventError, match="not_representable"):
        encode_event(event, event_source="web")
    assert to_record(event)["properties"] == {"x": "not representable: set"}


def test_time_is_not_guessed() -> None:
    """A date in an open property has no agreed form: it is refused, not written in some form."""
    with pytest.raises(EventError):
        encode_event(with_properties(at=datetime(2026, 11, 2, tzinfo=UTC)), event_source="web")


def test_empty_things_are_left_out() -> None:
    """Nulls, empty texts, lists and groups never leave, however deep."""
    event = PreparedEvent(
        row=1,
        event="Purchase",
        event_id="",
        user=PreparedUser(city="", email=()),
        properties={
            "a": None,
            "b": "",
            "c": [],
            "d": {"e": {}},
            "f": [None, "", {}],
            "g": 0,
            "h": (Content(),),
        },
        page=Page(),
        lead=None,
    )
    assert decode(event) == {"event": "Purchase", "properties": {"g": 0}}
    assert to_record(event) == {"event": "Purchase", "properties": {"g": 0}}
    assert to_record(PreparedEvent(row=1)) == {}


def test_open_properties_travel() -> None:
    """Properties that nobody documents keep their value and nesting."""
    properties = {"loyalty": {"tier": "gold", "points": [1, 2.5, True]}, "note": "naïve 北京 🎉"}
    assert decode(with_properties(**properties))["properties"] == properties


@pytest.mark.parametrize("make", [dict, MappingProxyType])
def test_equal_events_give_equal_bytes(make: Any) -> None:
    """The order in which a source named things leaves no trace."""
    one: Mapping[str, Any] = make({"a": 1, "b": {"x": 1, "y": 2}})
    other: Mapping[str, Any] = make({"b": {"y": 2, "x": 1}, "a": 1})
    first = encode_event(PreparedEvent(row=1, properties=one), event_source="web")
    assert first == encode_event(PreparedEvent(row=2, properties=other), event_source="web")


def test_record_is_whole_and_storable() -> None:
    """A record holds every group whatever the source, and is JSON with numbers as numbers."""
    stored = json.loads(msgspec.json.Encoder(decimal_format="number").encode(to_record(FULL)))
    assert set(stored) >= {"page", "app", "ad", "lead", "limited_data_use"}
    assert stored["properties"]["value"] == 19.9
    assert set(stored["user"]) == EVERYWHERE | {
        "external_id", "ttclid", "ttp", "ip", "user_agent", "locale", "idfa", "gaid", "idfv", "att_status", "lead_id",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb"])
def test_record_of_half_a_character(text: str) -> None:
    """A text that UTF-8 cannot hold does not stop a record from being stored."""
    record = to_record(PreparedEvent(row=1, event_id=text, properties={text: text}))
    assert "\\ud" in msgspec.json.decode(msgspec.json.encode(record))["event_id"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def is_without_gaps(value: Any) -> bool:
    """Whether nothing in the value is null or empty."""
    if isinstance(value, dict):
        return bool(value) and all(map(is_without_gaps, value.values()))
    if isinstance(value, list):
        return bool(value) and all(map(is_without_gaps, value))
    return value is not None and value != ""


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_any_json_property_leaves_as_json(properties: dict[str, Any]) -> None:
    """Whatever properties a source has, what leaves is JSON without null or empty things."""
    sent = decode(with_properties(**{f"_{key}": value for key, value in properties.items()}))
    assert is_without_gaps(sent)


# ---------------------------------------------------------------------------------------- one request


def test_frame() -> None:
    """The request holds the events' own bytes between its head and its end."""
    frame = make_frame(event_source="web", event_source_id="CABC", test_event_code="TEST1", partner_name="Us")
    assert frame.wrap([b'{"a":1}', b"2"]) == (
        b'{"event_source":"web","event_source_id":"CABC","test_event_code":"TEST1","partner_name":"Us",'
        b'"data":[{"a":1},2]}'
    )


@pytest.mark.parametrize("nothing", [None, ""])
def test_empty_codes_are_left_out(nothing: str | None) -> None:
    """An empty test code is none: TikTok would take it for one."""
    frame = make_frame(
        event_source="web", event_source_id="CABC", test_event_code=nothing, partner_name=nothing
    )
    assert frame.wrap([]) == b'{"event_source":"web","event_source_id":"CABC","data":[]}'


@given(st.lists(st.binary(min_size=1), max_size=5), st.text(min_size=1))
def test_overhead(events: list[bytes], source_id: str) -> None:
    """Overhead, events and their commas are the whole body."""
    frame = make_frame(event_source="crm", event_source_id=source_id.encode("utf-8", "replace").decode())
    commas = max(len(events) - 1, 0)
    assert len(frame.wrap(events)) == frame.overhead_bytes + sum(map(len, events)) + commas
