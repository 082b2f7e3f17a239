# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What goes by columns is what the rules for one event give, whatever the chunks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from airflow_provider_tiktok.conversions.chunks import ColumnChunk, RecordChunk
from airflow_provider_tiktok.conversions.delivery.road import Careful, Made, Road
from airflow_provider_tiktok.conversions.events import UnreadableRow
from airflow_provider_tiktok.conversions.identifiers import IdentityRules
from airflow_provider_tiktok.conversions.kernels import drop_of, note_of
from airflow_provider_tiktok.conversions.mapping import EventMapping
from airflow_provider_tiktok.conversions.tiktok.client import TikTokClient
from airflow_provider_tiktok.conversions.tiktok.destination import TikTokDestination
from airflow_provider_tiktok.conversions.tiktok.options import ValidationRules
from tests.conformance.case_files import Case, made, read_cases
from tests.conformance.conftest import SOURCE_IDS

NOW = time.time()
SIZES = (1, 2, 7, 1000)

_OF_MAPPING = (
    *("mapping", "defaults", "group_by", "event_id_from", "timezone", "ttclid_from_url"),
    *("null_values", "keep_rows", "drop_rows"),
)
_OF_IDENTITY = ("default_region", "lower_external_id")
_OF_RULES = ("offline_keys", "require_page_url", "require_lead_id", "extra_event_names")


def parts_of(arguments: dict[str, Any], *, event_source: str = "web"):
    """Mapping and destination from an operator's arguments."""
    defaults = dict(arguments.get("defaults") or {})
    if arguments.get("limited_data_use") is not None:
        defaults = {"limited_data_use": arguments["limited_data_use"], **defaults}
    mapping = EventMapping(
        **{**{name: arguments[name] for name in _OF_MAPPING if name in arguments}, "defaults": defaults}
    )
    identity = IdentityRules(
        policy=arguments.get("identity_policy", "auto"),
        **{name: arguments[name] for name in _OF_IDENTITY if name in arguments},
    )
    rules = {name: arguments[name] for name in _OF_RULES if name in arguments}
    if "extra_event_names" in rules:
        rules["extra_event_names"] = frozenset(rules["extra_event_names"])
    destination = TikTokDestination(
        TikTokClient("token", base_url="http://127.0.0.1:9", transport=None),  # type: ignore[arg-type]
        event_source=event_source,
        event_source_id=SOURCE_IDS[event_source],
        identity=identity,
        rules=ValidationRules(
            event_source=event_source,  # type: ignore[arg-type]
            now=lambda: NOW,
            refuse_old=arguments.get("refuse_old_events", False),
            max_event_age_s=arguments.get("max_event_age", timedelta(days=28)).total_seconds(),
            **rules,
        ),
    )
    return mapping, destination


def told_by_careful(rows: Sequence[Any], parts: Any, *, require_consent: bool = False) -> list[Any]:
    """What the rules for one event say of each event."""
    careful = Careful(*parts, require_consent=require_consent)
    return [_told(one) for one in careful.events(iter(rows), first_row=1)]


def told_by_road(chunks: Sequence[Any], parts: Any, *, require_consent: bool = False) -> list[Any]:
    """What the road says of each event."""
    road = Road(*parts, require_consent=require_consent)
    told = []
    for events in (*map(road.take, chunks), road.finish()):
        assert all(places == sorted(places) for places in events.notes.values())
        for n in range(len(events)):
            notes = sorted((*note, at.count(n)) for note, at in events.notes.items() if n in at)
            coverage = sorted(key for key, column in events.coverage.items() if column[n])
            told.append(
                (events.rows[n], events.counts[n], events.lines[n], _result(events.results.get(n)))
                + ((events.names[n], events.ids[n], notes, coverage) if events.lines[n] else ())
            )
            assert _told(events.made(n)) == told[-1]
    return told


def _told(one: Made) -> Any:
    first = (one.row, one.rows, one.line, _result(one.result))
    if one.line is None or one.prepared is None:
        return first
    found = [*map(note_of, one.findings), *map(drop_of, one.prepared.dropped)]
    notes = sorted((*note, found.count(note)) for note in set(found))
    user = one.prepared.user
    coverage = sorted(
        key for key in type(user).__struct_fields__ if getattr(user, key) and key != "session_id"
    )
    return (*first, one.prepared.event, one.prepared.event_id, notes, coverage)


def _result(result: Any) -> Any:
    if result is None:
        return None
    return (
        result.row,
        result.rows,
        result.outcome,
        result.reason,
        result.event,
        result.event_id,
        result.violations,
    )


def record_chunks(rows: Sequence[Any], size: int) -> list[RecordChunk]:
    """The rows as chunks of records."""
    return [RecordChunk(rows[n : n + size]) for n in range(0, len(rows), size)]


def column_chunks(rows: Sequence[Any], names: Sequence[str], size: int) -> list[ColumnChunk]:
    """The rows as chunks of columns."""
    return [
        ColumnChunk(
            {
                name: [None if isinstance(row, UnreadableRow) else row.get(name) for row in part]
                for name in names
            },
            length=len(part),
            unreadable={n: row for n, row in enumerate(part) if isinstance(row, UnreadableRow)},
        )
        for part in (rows[n : n + size] for n in range(0, len(rows), size))
    ]


CASES = [case for case in read_cases() if case.fails is None and case.events is None]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_case_goes_by_columns_as_by_careful_rules(case: Case):
    """A record of the conformance set is told the same, alone and among its copies."""
    arguments = made(case.arguments, now=NOW)
    rows = [made(row, now=NOW) for row in case.rows()]
    parts = parts_of(arguments, event_source=case.event_source)
    consent = bool(arguments.get("require_consent"))
    expected = told_by_careful(rows, parts, require_consent=consent)
    for size in SIZES:
        assert told_by_road(record_chunks(rows, size), parts, require_consent=consent) == expected


ODD_TEXTS = (
    "",
    " ",
    "null",
    "NULL",
    "\\N",
    "nan",
    "None",
    "-",
    "0",
    "N/A",
    "{{x}}",
    "a@b.co",
    "é",
    "12.50",
    "1e5",
    "x\ny",
    "\ud83d",
    "undefined",
    "true",
    "1001.0",
    "'01234",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "00000000-0000-0000-0000-000000000000",
    "a%40b.co",
    "d41d8cd98f00b204e9800998ecf8427e",
)
odd = st.one_of(
    st.none(),
    st.sampled_from(ODD_TEXTS),
    st.text(max_size=12),
    st.integers(-5, 5),
    st.integers(0, 2**70),
    st.floats(),
    st.decimals(allow_nan=True, allow_infinity=True, places=2),
    st.booleans(),
    st.binary(max_size=4),
    st.lists(st.sampled_from(["a", "b-1", "", None, 3]), max_size=3),
    st.dictionaries(st.sampled_from(["price", "content_id", "x"]), st.integers(0, 3), max_size=2),
)


def plain_or_odd(*plain: Any) -> st.SearchStrategy[Any]:
    """Mostly plain values, at times an odd one."""
    usual = st.one_of(*(one if isinstance(one, st.SearchStrategy) else st.just(one) for one in plain))
    return st.one_of(usual, usual, usual, usual, odd)


IDS = st.from_regex(r"[a-z]{1,3}[-_:]?[0-9]{1,6}", fullmatch=True)
EMAILS = st.from_regex(r"[A-Za-z][A-Za-z0-9_+.-]{0,6}@[a-z0-9.-]{1,6}\.(com|org|c)", fullmatch=True)
PHONES = st.from_regex(r"(\+1|\+49|0|\(?)[2-9][0-9]{2}\)?[ -]?[2-9][0-9]{2}[ -]?[0-9]{4}", fullmatch=True)
MONEY = st.one_of(
    st.decimals(0, 10**6, places=2), st.floats(0, 10**6, allow_nan=False), st.integers(0, 1000),
    st.from_regex(r"[0-9]{1,4}(\.[0-9]{0,3})?", fullmatch=True),
)  # fmt: skip
TIMES = st.one_of(
    st.integers(int(NOW) - 10**7, int(NOW) + 1000),
    st.integers(int(NOW) - 10**6, int(NOW)).map(str),
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1), timezones=st.just(UTC)),  # noqa: DTZ001  # hypothesis adds the zone
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001  # hypothesis adds the zone
        lambda t: t.isoformat()
    ),
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1)).map(lambda t: f"{t:%Y-%m-%d %H:%M:%S}Z"),  # noqa: DTZ001  # hypothesis adds the zone
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "event": plain_or_odd("Purchase", "AddToCart", "completepayment", "My Event"),
    "event_time": plain_or_odd(TIMES),
    "event_id": plain_or_odd(IDS),
    "user.email": plain_or_odd(EMAILS, "a" * 64),
    "user.phone": plain_or_odd(PHONES, "+12025550123"),
    "user.external_id": plain_or_odd(IDS, "AbC-7"),
    "user.first_name": plain_or_odd("Jane", "José", "Null"),
    "user.zip_code": plain_or_odd("94107", "SW1A 1AA", 2138),
    "user.city": plain_or_odd("São Paulo", "Paris"),
    "user.country": plain_or_odd("US", "de", "GB"),
    "user.ttclid": plain_or_odd("E.C.P.v3fQ2RHacdksKfofPmlyuStIIFJ4Af1tKYxF9zz2c2PLx1Oaw15oHpcfl5AH"),
    "user.ip": plain_or_odd("203.0.113.9", "10.0.0.1", "2001:db8::1"),
    "user.user_agent": plain_or_odd("Mozilla/5.0 (X11)"),
    "user.locale": plain_or_odd("en-US", "en_US"),
    "page.url": plain_or_odd(
        "https://shop.example.com/x?a=1", "https://shop.example.com/?ttclid=E.C.P.abc", "shop.example.com"
    ),
    "page.referrer": plain_or_odd("https://example.com/"),
    "app.app_id": plain_or_odd("com.example.shop"),
    "lead.lead_id": plain_or_odd("7000000000000000099"),
    "limited_data_use": plain_or_odd(st.booleans()),
    "consent": plain_or_odd(st.booleans(), "yes"),
    "properties.value": plain_or_odd(MONEY),
    "properties.currency": plain_or_odd("USD", "EUR", "usd", "XXX"),
    "properties.order_id": plain_or_odd(IDS, st.integers(1, 10**6), 1001.0),
    "properties.content_type": plain_or_odd("product", "products"),
    "properties.content_ids": plain_or_odd(IDS, st.lists(IDS, max_size=3)),
    "properties.description": plain_or_odd("A text.", "write to a@example.com"),
    "properties.loyalty": plain_or_odd("gold", 3, 1.5, Decimal("2.50")),
    "properties.num_items": plain_or_odd(st.integers(1, 9)),
    "properties.contents[].content_id": plain_or_odd(IDS, 12),
    "properties.contents[].price": plain_or_odd(MONEY),
    "properties.contents[].quantity": plain_or_odd(st.integers(1, 3)),
}


def _make_alike(draw: Any, rows: list[Any]) -> None:
    """Let rows of one event say what its first row says, or nothing, as the rows of an order do."""
    firsts: dict[int, dict[str, Any]] = {}
    for row in rows:
        if isinstance(row, dict):
            first = firsts.setdefault(row["key"], row)
            for name in row:
                if not name.startswith("properties.contents") and name != "lines":
                    row[name] = draw(st.sampled_from([first[name]] * 4 + [None, "", row[name]]))
            row["key"] = first["key"]


@st.composite
def tables(draw: Any) -> tuple[list[Any], dict[str, Any]]:
    """Rows with columns named by paths, and arguments that fit them."""
    paths = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=6, unique=True))
    keys = st.integers(1, 3)
    rows: list[Any] = [
        {"key": draw(keys), **{path: draw(VALUES[path]) for path in paths}}
        for _ in range(draw(st.integers(1, 8)))
    ]
    for place in draw(st.lists(st.integers(0, len(rows) - 1), max_size=1)):
        rows[place] = UnreadableRow(rule="not_json", remedy="Mend the row.")
    mapping: dict[str, Any] = {path: path for path in paths}
    if {"user.city", "user.first_name"} <= {*paths} and draw(st.booleans()):
        mapping["user.city"] = ["user.city", "user.first_name"]
    if "user.email" in paths and "properties.order_id" in paths and draw(st.booleans()):
        mapping["user.email"] = ["user.email", "properties.order_id"]
        mapping["event_id"] = ["event_id", "properties.order_id"]
    arguments: dict[str, Any] = {"mapping": mapping}
    if draw(st.booleans()):
        rows.sort(key=lambda row: row["key"] if isinstance(row, dict) else 2)
        arguments["group_by"] = ["key"]
        if draw(st.booleans()):
            _make_alike(draw, rows)
    if draw(st.booleans()):
        arguments["defaults"] = {"event": "Purchase", "properties.currency": "USD", "user.country": "US"}
    if draw(st.booleans()) and "event_id" not in mapping:
        arguments["event_id_from"] = ["key"]
    arguments["ttclid_from_url"] = draw(st.booleans())
    arguments["timezone"] = draw(st.sampled_from([None, "Europe/Berlin"]))
    arguments["default_region"] = draw(st.sampled_from([None, "US"]))
    arguments["identity_policy"] = draw(st.sampled_from(["auto", "auto", "raw", "hashed"]))
    return rows, arguments


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(table=tables(), event_source=st.sampled_from(["web", "app", "offline", "crm"]), consent=st.booleans())
def test_random_tables_go_by_columns_as_by_careful_rules(
    table: tuple[list[Any], dict[str, Any]], event_source: str, consent: bool
):
    """Whatever a table holds, as columns or as records, in chunks of any size, every event is told the same."""
    rows, arguments = table
    parts = parts_of(arguments, event_source=event_source)
    expected = told_by_careful(rows, parts, require_consent=consent)
    names = sorted({name for row in rows if isinstance(row, dict) for name in row})
    for size in (1, 2, 7):
        by_records = told_by_road(record_chunks(rows, size), parts, require_consent=consent)
        assert by_records == expected
        assert told_by_road(column_chunks(rows, names, size), parts, require_consent=consent) == expected


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(table=tables(), event_source=st.sampled_from(["web", "offline"]))
def test_random_records_go_by_columns_as_by_careful_rules(
    table: tuple[list[Any], dict[str, Any]], event_source: str
):
    """Records that are read by the names of their keys, nested as the API nests them, are told the same."""
    rows, arguments = table
    arguments = {**arguments, "mapping": None, "group_by": (), "event_id_from": ()}
    nested = [_nested(row) if isinstance(row, dict) else row for row in rows]
    parts = parts_of(arguments, event_source=event_source)
    expected = told_by_careful(nested, parts)
    for size in (1, 2, 7):
        assert told_by_road(record_chunks(nested, size), parts) == expected


def _nested(row: dict[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = {}
    item: dict[str, Any] = {}
    for path, value in row.items():
        group, point, name = path.rpartition(".")
        if path == "key":
            continue
        if group == "properties.contents[]":
            item[name] = value
        elif point:
            record.setdefault(group, {})[name] = value
        else:
            record[path] = value
    if item:
        record.setdefault("properties", {})["contents"] = [item, {"content_id": "second"}]
    return record


# What a mapping says of columns, beside what they hold: all of it goes by columns as by careful rules.
READ: dict[str, Any] = {
    "event": {"column": "kind", "values": {"order": "Purchase", "cart": "AddToCart", "x": "SKIP"}},
    "event_time": {"column": "at", "unit": "ms"},
    "user.email": {"column": ["mail", "mail2"], "take": "first"},
    "user.phone": {"column": "phone", "region": "country"},
    "properties.value": {"column": "total", "decimal": ",", "thousands": ".", "symbol": "€"},
    "properties.content_ids": {"column": "tags", "split": ";"},
    "properties.predicted_ltv": {"column": "cents", "scale": "0.01"},
    "properties.contents[].content_id": "lines[].sku",
    "properties.contents[].content_name": ["lines[].info.name", "lines[].sku"],
    "properties.contents[].price": {"column": "lines[].cents", "scale": "0.01"},
    "properties.order_id": "params[key=order].value",
}
HELD: dict[str, st.SearchStrategy[Any]] = {
    "kind": plain_or_odd("order", "cart", "x", "other"),
    "day": plain_or_odd("11/26/2026", "1/2/2026", "2/30/2026", ""),
    "clock": plain_or_odd("10:00", "9:5", "24:00", None),
    "at": plain_or_odd(st.integers(int(NOW) - 10**6, int(NOW)).map(lambda seconds: seconds * 1000)),
    "mail": plain_or_odd(EMAILS, None),
    "mail2": plain_or_odd(EMAILS),
    "phone": plain_or_odd(PHONES),
    "country": plain_or_odd("US", "DE", None),
    "total": plain_or_odd("1.234,50 €", "12,5", "12.50", 3),
    "cents": plain_or_odd(st.integers(0, 10**6)),
    "tags": plain_or_odd("a1; b2", "a1", ";"),
    "lines": plain_or_odd(
        st.lists(
            st.fixed_dictionaries(
                {"sku": plain_or_odd(IDS), "cents": plain_or_odd(st.integers(0, 9999))},
                optional={"info": st.fixed_dictionaries({"name": plain_or_odd("Lamp", "")})},
            ),
            max_size=3,
        )
    ),
    "params": plain_or_odd(
        st.lists(st.fixed_dictionaries({"key": st.just("order"), "value": IDS}), max_size=2)
    ),
    "status": plain_or_odd("paid", "refunded", True),
}


@st.composite
def read_tables(draw: Any) -> tuple[list[Any], dict[str, Any]]:
    """Rows of a real export, and a mapping that says what they hold."""
    paths = draw(st.lists(st.sampled_from(sorted(READ)), min_size=4, unique=True))
    keys = st.integers(1, 3)
    rows: list[Any] = [
        {"key": draw(keys), **{name: draw(one) for name, one in HELD.items()}}
        for _ in range(draw(st.integers(1, 8)))
    ]
    for place in draw(st.lists(st.integers(0, len(rows) - 1), max_size=1)):
        rows[place] = UnreadableRow(rule="not_json", remedy="Mend the row.")
    mapping = {path: READ[path] for path in paths}
    if "event_time" in mapping and draw(st.booleans()):
        mapping["event_time"] = {"column": ["day", "clock"], "format": "%m/%d/%Y %H:%M"}
    if "event" in mapping and draw(st.booleans()):
        mapping["event"] = {**READ["event"], "otherwise": draw(st.sampled_from(["SKIP", "Search", None]))}
    arguments: dict[str, Any] = {"mapping": mapping, "timezone": "UTC"}
    if draw(st.booleans()):
        rows.sort(key=lambda row: row["key"] if isinstance(row, dict) else 2)
        arguments["group_by"] = ["key"]
        if draw(st.booleans()):
            _make_alike(draw, rows)
    if draw(st.booleans()):
        arguments[draw(st.sampled_from(["keep_rows", "drop_rows"]))] = {"status": ["paid", True, None]}
    if draw(st.booleans()):
        arguments["null_values"] = ["a1", "12,5", "order"]
    if draw(st.booleans()):
        arguments["defaults"] = {"event": "Purchase", "properties.currency": "USD"}
    if draw(st.booleans()):
        arguments.setdefault("defaults", {})["properties.contents[].brand"] = "Ours"
    return rows, arguments


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(table=read_tables())
def test_what_a_mapping_says_goes_by_columns_as_by_careful_rules(table: tuple[list[Any], dict[str, Any]]):
    """Readers, lists inside records and rows that are left out."""
    rows, arguments = table
    parts = parts_of(arguments, event_source="offline")
    expected = told_by_careful(rows, parts)
    for size in (1, 2, 7):
        assert told_by_road(record_chunks(rows, size), parts) == expected
        names = sorted({name for row in rows if isinstance(row, dict) for name in row})
        assert told_by_road(column_chunks(rows, names, size), parts) == expected


NO_ID = {"event": "Purchase", "event_time": int(NOW) - 60, "user.email": "jane@example.com"}


@pytest.mark.parametrize(
    ("event_source", "more"),
    [
        # what a check leaves out is a part of what an id is made of
        (
            "web",
            {"page.url": "https://a.example.com/", "page.referrer": "https://a.example.com/?e=j@example.com"},
        ),
        ("web", {"page.url": "https://a.example.com/", "user.user_agent": "{{ua}}"}),
        ("web", {"page.url": "https://a.example.com/", "user.ttclid": "{{ttclid}}"}),
        # what is wrong in a field that the source does not take keeps no event back
        ("offline", {"page.url": ["a"]}),
        ("offline", {"page.url": ["a"], "page.referrer": "https://a.example.com/?e=j@example.com"}),
        ("offline", {"user.user_agent": "{{ua}}"}),
        ("crm", {"page.referrer": "/thanks", "user.user_agent": "{{ua}}"}),
    ],
)
def test_events_without_an_id_get_the_same_one(event_source: str, more: dict[str, Any]):
    """The id of content goes with every event that is sent, by columns as by the rules for one event."""
    rows = [{**NO_ID, **more}, {**NO_ID, "page.url": "https://a.example.com/"}]

    def parts() -> Any:
        names = {name: name for name in (*NO_ID, *more, "page.url")}
        return parts_of({"mapping": names}, event_source=event_source)

    expected = told_by_careful(rows, parts())
    assert [one[5] for one in expected if one[2] is not None and not one[5]] == []
    for size in SIZES:
        assert told_by_road(record_chunks(rows, size), parts()) == expected


def test_a_note_in_a_group_names_its_row() -> None:
    """By columns and by the rules for one event, also where the group is one row."""
    row = {"key": 3, "at": 1794770599, "mail": "a@example.com", "country": -3.947578899601223e16, "tags": {}}
    arguments = {
        "mapping": {
            "event_time": "at",
            "user.email": "mail",
            "user.phone": {"column": "phone", "region": "country"},
            "properties.content_ids": {"column": "tags", "split": ";"},
        },
        "group_by": ["key"],
        "defaults": {"event": "Purchase"},
    }
    parts = parts_of(arguments, event_source="offline")
    rows = [{**row, "phone": None}]
    told = told_by_road([RecordChunk(rows)], parts)
    assert told == told_by_careful(rows, parts)
    assert "Row 1: " in str(told)


ORDER = {
    "key": 1,
    "at": int(NOW) - 60,
    "id": "o-1",
    "mail": "a@example.com",
    "mail2": "b@example.com",
    "city": "NULL",
    "state": "\\N",
    "wish": "perhaps",
    "url": "https://shop.example.com/",
}
OF_ORDERS = {
    "event_time": "at",
    "event_id": "id",
    "user.email": ["mail", "mail2"],
    "user.city": "city",
    "user.state": ["region", "state"],
    "limited_data_use": "wish",
    "page.url": "url",
    "properties.contents[].content_id": "id",
}


@pytest.mark.parametrize(
    "later",
    [
        {},
        {"city": None},
        {"city": "", "wish": ""},
        {"mail": None},
        {"state": "TX"},
        {"region": "TX"},
        {"id": ""},
        {"id": None, "key": 1},
    ],
)
def test_what_is_counted_of_rows_is_counted_of_all_rows_of_an_event(later: dict[str, Any]) -> None:
    """Of an order of three lines: for every row that has the value, and a warning names its row."""
    arguments = {"mapping": OF_ORDERS, "group_by": ["key"], "defaults": {"event": "Purchase"}}
    parts = parts_of(arguments)
    rows = [{**ORDER, "key": 0, "id": "o-0"}, ORDER, {**ORDER, **later}, ORDER]
    expected = told_by_careful(rows, parts)
    for size in SIZES:
        assert told_by_road(record_chunks(rows, size), parts) == expected
    assert "Row 4: " in str(expected)


PLAIN_ORDER = {**ORDER, "city": "Paris", "state": None, "wish": None}


def test_a_group_with_too_many_rows_is_refused_also_within_one_chunk() -> None:
    """An event of more rows than may be is refused by columns as by the rules for one event."""
    _, destination = parts_of({})
    mapping = EventMapping(OF_ORDERS, group_by=["key"], defaults={"event": "Purchase"}, max_group_rows=2)
    rows = [PLAIN_ORDER, PLAIN_ORDER, PLAIN_ORDER, {**PLAIN_ORDER, "key": 2, "id": "o-2"}]
    expected = told_by_careful(rows, (mapping, destination))
    assert [one[2] is None for one in expected] == [True, False]
    for size in SIZES:
        assert told_by_road(record_chunks(rows, size), (mapping, destination)) == expected


def test_rows_of_an_event_may_disagree_through_another_column() -> None:
    """A field of two columns has another value in a row that lacks the first one."""
    arguments = {
        "mapping": {**OF_ORDERS, "event_id": ["id", "spare"]},
        "group_by": ["key"],
        "defaults": {"event": "Purchase"},
    }
    parts = parts_of(arguments)
    rows = [{**PLAIN_ORDER, "spare": "s-1"}, {**PLAIN_ORDER, "id": None, "spare": "s-1"}]
    expected = told_by_careful(rows, parts)
    assert [one[2] for one in expected] == [None]  # rows_disagree
    for size in SIZES:
        assert told_by_road(record_chunks(rows, size), parts) == expected
