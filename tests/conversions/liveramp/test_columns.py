# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Events go to LiveRamp by columns as by the rules for one event, with the same session and place in it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from airflow_provider_tiktok.conversions.chunks import Chunk
from airflow_provider_tiktok.conversions.delivery.road import Road
from airflow_provider_tiktok.conversions.identifiers import IdentityRules
from airflow_provider_tiktok.conversions.kernels import Kernel
from airflow_provider_tiktok.conversions.liveramp.adapter import LiveRampDestination
from airflow_provider_tiktok.conversions.liveramp.columns import LiveRampColumns
from airflow_provider_tiktok.conversions.liveramp.rules import EventChecks
from airflow_provider_tiktok.conversions.mapping import EventMapping
from airflow_provider_tiktok.conversions.mapping.event_paths import FIELDS
from tests.conversions.delivery.test_road import (
    NOW,
    VALUES,
    _make_alike,
    _nested,
    column_chunks,
    plain_or_odd,
    record_chunks,
    told_by_careful,
    told_by_road,
)
from tests.conversions.liveramp.samples import ENVELOPE, OTHER_ENVELOPE
from tests.conversions.liveramp.test_adapter import client
from tests.conversions.test_kernels import _told as told
from tests.conversions.test_kernels import columns
from tests.conversions.transports import Script

UUIDS = st.uuids().map(str)
TABLE: dict[str, st.SearchStrategy[Any]] = {
    **{path: values for path, values in VALUES.items() if not path.startswith("lead.")},
    "event": plain_or_odd("CompletePayment", "AddToCart", "LaunchAPP", "My Event"),
    "user.envelope": plain_or_odd(
        ENVELOPE,
        OTHER_ENVELOPE,
        ENVELOPE,
        "A" * 40,
        "a" * 64,
        f'{{"envelope": "{ENVELOPE}"}}',
        "jane@example.com",
    ),
    "user.session_id": plain_or_odd("s-1", "s-2", "null", 17),
    "user.idfa": plain_or_odd(UUIDS, "00000000-0000-0000-0000-000000000000", "x"),
    "user.att_status": plain_or_odd("AUTHORIZED", "authorized", "3"),
    "user.ttclid": plain_or_odd("E.C.P.v3fQ2RHacdksKfofPmlyuStIIFJ4Af1tKYxF9zz2c2PLx1Oaw15oHpcfl5AH"),
    "page.url": plain_or_odd(
        "https://shop.example.com/x?a=1",
        "https://shop.example.com/?mail=a%2540example.com",
        "shop.example.com",
    ),
    "app.app_id": plain_or_odd("com.example.shop", "1234567890", "no id"),
    "app.app_name": plain_or_odd("Shop"),
    "properties.quantity": plain_or_odd(st.integers(1, 3), "2", 2.0),
    "properties.description": plain_or_odd("A text.", "+1 202 555 0123", "write to a@example.com", "b" * 64),
    "properties.email": plain_or_odd("none of it"),
    "properties.contents[].brand": plain_or_odd("Acme", "a@example.com"),
}
USUAL = ("event", "event_time", "event_id", "user.envelope", "page.url")


def parts_of(arguments: dict[str, Any]) -> Any:
    """Mapping and destination."""
    given = dict(arguments)
    identity = IdentityRules(policy=given.pop("policy", "auto"))
    destination = LiveRampDestination(
        client(Script()),
        check=EventChecks(now=lambda: NOW, refuse_old=given.pop("refuse_old", False)),
        identity=identity,
        pass_on=given.pop("pass_on", None),
    )
    return EventMapping(**given), destination


@st.composite
def tables(draw: Any) -> tuple[list[Any], dict[str, Any]]:
    """Rows with columns named by paths, and arguments that fit them."""
    others = draw(st.lists(st.sampled_from(sorted(TABLE.keys() - set(USUAL))), unique=True, max_size=8))
    paths = [*(path for path in USUAL if draw(st.integers(0, 7))), *others] or ["event"]
    rows: list[Any] = [
        {"key": draw(st.integers(1, 3)), **{path: draw(TABLE[path]) for path in paths}}
        for _ in range(draw(st.integers(1, 8)))
    ]
    arguments: dict[str, Any] = {"mapping": {path: path for path in paths}}
    if draw(st.booleans()):
        rows.sort(key=lambda row: row["key"])
        arguments["group_by"] = ["key"]
        if draw(st.booleans()):
            _make_alike(draw, rows)
    if draw(st.booleans()):
        arguments["defaults"] = {"event": "CompletePayment", "properties.currency": "USD"}
    if draw(st.booleans()) and "event_id" not in paths:
        arguments["event_id_from"] = ["key"]
    arguments["policy"] = draw(st.sampled_from(["auto", "auto", "raw", "hashed"]))
    arguments["refuse_old"] = draw(st.booleans())
    arguments["pass_on"] = draw(
        st.sampled_from([None, {"ttclid": "ttclid"}, {"click": "ttclid", "ua": "user_agent"}])
    )
    return rows, arguments


def assert_same_sessions(chunks: Sequence[Chunk], parts: Any) -> int:
    """Every event shares requests with the same others, in the same order, as looked at alone."""
    road, n_events = Road(*parts), 0
    for events in (*map(road.take, chunks), road.finish()):
        for place in range(len(events)):
            alone, known = events.made(place).encoded, events.encoded.get(place)
            assert (alone is None) == (known is None)
            if alone is not None and known is not None:
                assert (known.body, known.group, known.rank) == (alone.body, alone.group, alone.rank)
                n_events += 1
    return n_events


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(table=tables(), consent=st.booleans())
def test_random_tables_go_by_columns_as_by_careful_rules(
    table: tuple[list[Any], dict[str, Any]], consent: bool
) -> None:
    """Whatever a table holds, in chunks of any size, every event is told the same."""
    rows, arguments = table
    parts = parts_of(arguments)
    expected = told_by_careful(rows, parts, require_consent=consent)
    names = sorted({name for row in rows for name in row})
    for size in (1, 2, 7):
        assert told_by_road(record_chunks(rows, size), parts, require_consent=consent) == expected
        assert told_by_road(column_chunks(rows, names, size), parts, require_consent=consent) == expected
    assert_same_sessions(column_chunks(rows, names, 7), parts)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(table=tables())
def test_random_records_go_by_columns_as_by_careful_rules(table: tuple[list[Any], dict[str, Any]]) -> None:
    """Nested records, which no mapping reads, are told the same, and so are their sessions."""
    rows, arguments = table
    parts = parts_of({**arguments, "mapping": None, "group_by": (), "event_id_from": ()})
    nested = list(map(_nested, rows))
    expected = told_by_careful(nested, parts)
    for size in (1, 2, 7):
        assert told_by_road(record_chunks(nested, size), parts) == expected
    assert_same_sessions(record_chunks(nested, 7), parts)


WEB = {
    "event_id": "id",
    "event_time": "at",
    "user.envelope": "envelope",
    "user.session_id": "session",
    "user.ttclid": "click",
    "page.url": "url",
    "properties.value": "total",
    "properties.content_ids": "sku",
}
APP = {**WEB, "user.idfa": "device", "app.app_id": "app"}
ITEMS = {**WEB, **{f"properties.contents[].{name}": name for name in ("content_id", "price", "quantity")}}


def orders(n_rows: int) -> list[dict[str, Any]]:
    """Good events of four sessions."""
    return [
        {
            "id": f"o-{n}",
            "at": int(NOW) - n,
            "envelope": (ENVELOPE, OTHER_ENVELOPE)[n % 2],
            "session": f"s-{n % 4}",
            "click": "E.C.P.v3fQ2RHacdksKfofPmlyuStIIFJ4Af1tKYxF9zz2c2PLx1Oaw15oHpcfl5AH",
            "url": f"https://shop.example.com/thanks?order={n}",
            "total": f"{n}.50",
            "sku": "sku-1",
            "device": f"{n + 1:08x}-1234-4234-8234-123456789abc",
            "app": "com.example.shop",
            "content_id": f"sku-{n}",
            "price": 1.5,
            "quantity": 2,
        }
        for n in range(n_rows)
    ]


@pytest.mark.parametrize("mapping", [WEB, APP, ITEMS])
def test_good_events_are_not_looked_at_one_by_one(
    mapping: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Web events, events of apps, and events with items are written by columns alone."""
    arguments = {"mapping": mapping, "defaults": {"event": "CompletePayment", "properties.currency": "USD"}}
    parts, rows = parts_of(arguments), orders(300)
    expected = told_by_careful(rows, parts)
    chunks = column_chunks(rows, list(rows[0]), 100)
    assert assert_same_sessions(chunks, parts) == 300
    encoded: list[Any] = []
    monkeypatch.setattr(parts[1], "encode", encoded.append)
    road = Road(*parts)
    lines = [line for events in (*map(road.take, chunks), road.finish()) for line in events.lines]
    assert lines == [line for _, _, line, *_ in expected]
    assert None not in lines
    assert not encoded


quick_values = st.lists(
    st.one_of(
        st.from_regex(r"A[A-Za-z0-9_-]{20,60}", fullmatch=True),
        st.from_regex(
            r"A[0-9A-Fa-f]{31}|A[0-9a-f]{39}|A[0-9a-f]{63}|A[a-z]{30}|A[A-Z_-]{30}", fullmatch=True
        ),
        st.from_regex(r"A[0-9a-f]{7}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", fullmatch=True),
        st.sampled_from([ENVELOPE, "s-1", "17", "null", "guest", "A" * 40, None]),
    ),
    max_size=4,
)


@pytest.mark.parametrize("path", sorted(LiveRampColumns.quick))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(data=st.data())
def test_quick_is_careful(path: str, data: st.DataObject) -> None:
    """What a quick test takes breaks none of LiveRamp's rules, and comes out as by the careful rule."""
    road = Road(*parts_of({}))
    field = FIELDS[path]
    column = data.draw(st.one_of(columns, quick_values))
    careful = Kernel(partial(road._tell, field))
    assert told(road._kernel_of(field), column) == told(careful, column)
