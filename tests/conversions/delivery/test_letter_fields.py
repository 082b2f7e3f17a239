# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A letter leaves out what tells a browser or a click, wherever it stands, and says what that was."""

from __future__ import annotations

import time
from typing import Any

import pytest

from airflow_provider_tiktok.conversions.delivery.letter_fields import without_clear_fields

SHOP = "https://shop.example.com/thanks"


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        (f"{SHOP}?ttclid=E.C.P.x", SHOP),
        (f"{SHOP}?ttclid=E.C.P.x&step=2", f"{SHOP}?step=2"),
        (f"{SHOP}?step=2&ttclid=E.C.P.x", f"{SHOP}?step=2"),
        (f"{SHOP}?a=1&ttclid=E.C.P.x&b=2#top", f"{SHOP}?a=1&b=2#top"),
        (f"{SHOP}?ttclid=E.C.P.x#top", f"{SHOP}#top"),
        (f"{SHOP}?ttclid=1&ttclid=2&a=3&ttclid=4", f"{SHOP}?a=3"),
        (f"{SHOP}?TTCLID=E.C.P.x&a=1", f"{SHOP}?a=1"),
        (f"{SHOP}?a=1&amp;ttclid=E.C.P.x&amp;b=2", f"{SHOP}?a=1&amp;b=2"),
        (f"{SHOP}?a=1;ttclid=E.C.P.x;b=2", f"{SHOP}?a=1;b=2"),
        (f"{SHOP}#/done?ttclid=E.C.P.x", f"{SHOP}#/done"),
        (f"{SHOP}#ttclid=E.C.P.x", SHOP),
        (f"{SHOP}?ttclid=", SHOP),
        (
            f"{SHOP}?u=https%3A%2F%2Fa.example%3Fttclid%3DE.C.P.x%26b%3D2&c=3",
            f"{SHOP}?u=https%3A%2F%2Fa.example%3Fb%3D2&c=3",
        ),
        (f"{SHOP}?u=https%3A%2F%2Fa.example%3Fttclid%3DE.C.P.x&c=3", f"{SHOP}?u=https%3A%2F%2Fa.example&c=3"),
        (
            f"{SHOP}?u=https%253A%252F%252Fa.example%253Fttclid%253DE.C.P.x%2526b",
            f"{SHOP}?u=https%253A%252F%252Fa.example%253Fb",
        ),
        (f"{SHOP}?my_ttclid=1", f"{SHOP}?my_ttclid=1"),
        (f"{SHOP}?q=ttclid", f"{SHOP}?q=ttclid"),
        (SHOP, SHOP),
    ],
)
def test_click_ids_in_addresses(address: str, kept: str) -> None:
    """The click id goes, the rest of the address stays; what only looks like one stays, too."""
    record, left_out = without_clear_fields({"page": {"url": address}})
    assert record == {"page": {"url": kept}}
    assert left_out == ([] if address == kept else ["page.url (ttclid)"])


@pytest.mark.parametrize(
    ("record", "kept", "left_out"),
    [
        ({"user": {"ip": "203.0.113.9"}}, {}, ["user.ip"]),
        ({"user": {"ttp": "x", "locale": "en"}}, {"user": {"locale": "en"}}, ["user.ttp"]),
        ({"ad": {"callback": "x", "ad_id": "1"}}, {"ad": {"ad_id": "1"}}, ["ad.callback"]),
        (
            {"page": {"referrer": f"{SHOP}?ttclid=x", "url": SHOP}},
            {"page": {"referrer": SHOP, "url": SHOP}},
            ["page.referrer (ttclid)"],
        ),
        (
            {"properties": {"contents": [{"link": f"{SHOP}?ttclid=x"}, {"link": SHOP}]}},
            {"properties": {"contents": [{"link": SHOP}, {"link": SHOP}]}},
            ["properties.contents[0].link (ttclid)"],
        ),
        ({"event": "Lead", "user": None}, {"event": "Lead", "user": None}, []),
        (
            {"properties": {"ip": "a brand", "value": 1.5}},
            {"properties": {"ip": "a brand", "value": 1.5}},
            [],
        ),
        ({}, {}, []),
    ],
)
def test_fields(record: dict[str, Any], kept: dict[str, Any], left_out: list[str]) -> None:
    """Fields go by their place in the event; a property of the same name is none of them."""
    before = repr(record)
    assert without_clear_fields(record) == (kept, left_out)
    assert repr(record) == before


def test_long_texts_take_linear_time() -> None:
    """Nothing that a stranger typed into an address holds a run."""
    began = time.process_time()
    for text in ("?ttclid=" * 100_000, "&ttclid=a&" * 100_000, "?" * 800_000, "?ttclid%3d" + "%" * 800_000):
        without_clear_fields({"page": {"url": text}})
    assert time.process_time() - began < 5
