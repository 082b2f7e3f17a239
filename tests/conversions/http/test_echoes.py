# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import base64
import html
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tiktok.conversions.http import Echoes, HttpRequest

TOKEN = "planted-token-0123456789"
NAME = "Jörg O'Planted <jr>"
ORDER = "Ord-77"


def request(**event: object) -> HttpRequest:
    """A request with one event."""
    body = {"event_source_id": "C" * 20, "data": [event]}
    return HttpRequest(
        method="POST",
        url="https://api.example.com/track/",
        headers={"Access-Token": TOKEN, "Content-Type": "application/json"},
        body=json.dumps(body).encode(),
    )


def echoes(**event: object) -> Echoes:
    """What such a request sends."""
    return Echoes(request(**event), private={"user"}, shown={"event_source_id"}, words={"value", "purchase"})


def escaped(text: str) -> str:
    """With a backslash and four digits for every character."""
    return "".join(f"\\u{ord(sign):04x}" for sign in text)


def entities(text: str) -> str:
    """With an HTML entity for every character."""
    return "".join(f"&#{ord(sign)};" for sign in text)


def hex_entities(text: str) -> str:
    """With a hexadecimal HTML entity for every character."""
    return "".join(f"&#x{ord(sign):X};" for sign in text)


SPELLINGS = {
    "clear": str,
    "capitals": str.upper,
    "small": str.lower,
    "percent": lambda text: quote(text, safe=""),
    "percent of every byte": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "query": quote_plus,
    "percent twice": lambda text: quote(quote(text, safe=""), safe=""),
    "entities by name": html.escape,
    "entities": entities,
    "hexadecimal entities": hex_entities,
    "backslashes": escaped,
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON in percent": lambda text: quote(json.dumps(text)[1:-1]),
    "Base64": lambda text: base64.b64encode(text.encode()).decode(),
    "Base64 after one byte": lambda text: base64.b64encode(b"x" + text.encode()).decode(),
    "Base64 after two bytes": lambda text: base64.b64encode(b"xy" + text.encode()).decode(),
    "Base64 for addresses": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "Base64 in percent": lambda text: quote(base64.b64encode(text.encode()).decode(), safe=""),
    "hexadecimal": lambda text: text.encode().hex(),
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("value", [NAME, TOKEN, "Zürich", "planted.person@example.com", "E.C.P.planted"])
def test_what_was_sent_is_masked_however_it_is_written(value: str, spelling: Callable[[str], str]) -> None:
    """A value that comes back is masked in every spelling, and the words around it stay."""
    sent = echoes(user={"ttclid": value}, properties={"description": value})
    assert (
        sent.mask(f"Invalid value for x: {spelling(value)} is bad.") == "Invalid value for x: [value] is bad."
    )


@pytest.mark.parametrize("value", [NAME, "planted text"])
def test_texts_that_are_not_private_are_masked_as_well(value: str) -> None:
    """A product's description is nobody's business either."""
    assert echoes(properties={"contents": [{"content_name": value}]}).mask(f"bad: {value}") == "bad: [value]"


@pytest.mark.parametrize(
    ("event", "message", "shown"),
    [
        ({"properties": {"quantity": 2}}, "data[2].quantity: 2 is bad", None),
        ({"properties": {"value": 19.5}}, "19.5 is bad", None),
        ({"properties": {"value": 129.95}}, "129.95 is bad", "[value] is bad"),
        ({"properties": {"value": 12995}}, "112995 or 12995", "112995 or [value]"),
        ({"properties": {"currency": "EUR"}}, "currency EUR is bad", None),
        ({"properties": {"order_id": ORDER}}, f"{ORDER}x or {ORDER}", f"{ORDER}x or [value]"),
        ({"event": "Purchase"}, "Purchase is bad", None),
        ({"properties": {"description": "value"}}, "a value is bad", None),
        ({"user": {"country": "de"}}, "DE is bad, indeed", "[value] is bad, indeed"),
        ({"user": {"city": "value"}}, "a value is bad", "a [value] is bad"),
        ({"user": {"zip_code": "7"}}, "data[17]: 7", "data[17]: [value]"),
        ({"user": {"city": "linz"}}, "xlinzy", "x[value]y"),
        ({"user": {"email": ["planted"]}}, "planted", "[value]"),
        ({"user": {}}, f"{'C' * 20} is bad", None),
        ({"user": {"city": "linz"}}, "", None),
        ({"user": {"city": ""}}, "nothing sent", None),
    ],
)
def test_short_values_leave_the_message_whole(event: dict[str, Any], message: str, shown: str | None) -> None:
    """Small numbers, codes and the API's own words are no values; what is private is one at any length."""
    assert echoes(**event).mask(message) == (message if shown is None else shown)


def test_query_and_secret_path_are_masked() -> None:
    """What travels in the address is looked for as well."""
    asked = HttpRequest(
        method="GET",
        url="https://api.example.com/send-events/planted-configuration",
        params=(("secret", "pw"), ("filtering", json.dumps({"name": "planted name"})), ("app_id", "12345")),
        name="asked",
    )
    sent = Echoes(asked, private={"secret"}, shown={"app_id"})
    message = "pw and planted name and 12345 and planted-configuration"
    assert sent.mask(message) == "[value] and [value] and 12345 and [value]"


def test_a_body_that_is_no_json_does_no_harm() -> None:
    """Whatever was sent, its answer can be read."""
    asked = HttpRequest(
        method="POST", url="https://api.example.com/", body=b"\xff{", headers={"X-Key": TOKEN}
    )
    assert Echoes(asked).mask(f"bad {TOKEN}") == "bad [value]"


def test_a_value_at_the_end_of_a_long_message_is_not_cut_in_two() -> None:
    """What is shown of a long message ends before what was read of it."""
    value = "planted " * 100
    for length in range(5_200, 8_200, 250):
        assert "planted planted" not in echoes(user={"user_agent": value}).mask("x" * length + " " + value)


def test_is_echo() -> None:
    """An id of an answer that was sent is none."""
    assert echoes(user={"city": "linz"}).is_echo(TOKEN)
    assert not echoes(user={"city": "linz"}).is_echo("20261127-abc")


@given(st.text(max_size=300), st.text(min_size=1, max_size=30))
def test_any_message_can_be_masked(message: str, value: str) -> None:
    """Nothing breaks, and a private value never comes through in clear."""
    masked = echoes(user={"city": value}).mask(f"{message} {value} ")
    if len(value.strip()) > 3 and value.strip().lower() not in "[value]":
        assert value.strip() not in masked.replace("[value]", "\0")


def test_a_full_request_is_looked_through_quickly() -> None:
    """A thousand events with thirty values each take a fraction of what sending them takes."""
    event = {"user": {f"field_{n}": f"planted value {n}" for n in range(30)}}
    body = {"data": [{**event, "event_id": f"order-{n}"} for n in range(1000)]}
    sent = Echoes(
        HttpRequest(method="POST", url="https://api.example.com/", body=json.dumps(body).encode()),
        private={"user"},
    )
    began = time.process_time()
    sent.mask("Invalid value for event_id: not a valid string. " * 20)
    assert time.process_time() - began < 2
