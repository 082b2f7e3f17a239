# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""One case per rule of ``/event/track/``: a good request passes, one change that breaks a rule does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_tiktok.simulator import DEFAULT_CRM_EVENT_SET_ID, DEFAULT_PIXEL_CODE, Simulator
from tests.simulator.calls import NOW, REMOVED, SOURCE_IDS, Caller, changed, digest, request

UPPER_DIGEST = digest("alice@example.com").upper()
DIGEST_OF_NOTHING = digest("")
ZERO_ID = "00000000-0000-0000-0000-000000000000"
BAD, UNHASHED = 40002, 40062


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Simulator, Caller]]:
    """One simulator for the whole table: what is refused must leave no trace anyway."""
    with Simulator(clock=lambda: float(NOW)) as simulator, Caller(simulator.url) as caller:
        yield simulator, caller


@pytest.mark.parametrize("source", ["web", "app", "offline", "crm"])
def test_full_event_of_each_source_is_accepted(source: str, caller: Caller, simulator: Simulator) -> None:
    """An event with every field its source may carry is accepted and booked."""
    answer = caller.track(request(source, count=2))

    assert (answer.status, answer.code, answer.message) == (200, 0, "OK")
    assert simulator.ledger.event_ids() == ["order-1", "order-2"]
    assert [entry.event_source_id for entry in simulator.ledger.events()] == [SOURCE_IDS[source]] * 2


SMALLEST = {
    "web": {
        "event": "ViewContent",
        "event_time": NOW,
        "event_id": "1",
        "page": {"url": "http://example.com"},
    },
    "app": {"event": "Login", "event_time": NOW, "event_id": "1", "app": {"app_id": "123456789"}},
    "offline": {"event": "Lead", "event_time": NOW, "event_id": "1", "user": {"external_id": digest("c")}},
    "crm": {"event": "Lead", "event_time": NOW, "event_id": "1", "lead": {"lead_id": "1"}},
}


@pytest.mark.parametrize("source", SMALLEST)
def test_smallest_event_of_each_source_is_accepted(source: str, caller: Caller) -> None:
    """Only the required fields are required."""
    assert caller.track(request(source, data=[SMALLEST[source]])).code == 0


ACCEPTED: list[tuple[str, str, Any]] = [
    ("web", "user.last_name", digest("null")),
    ("web", "user.city", "none"),
    ("web", "user.state", "na"),
    ("web", "user.country", "na"),
    ("web", "event_id", "0"),
    ("web", "event", "MyOwnEvent"),
    ("web", "event", "CompletePayment"),
    ("web", "event", "PlaceAnOrder"),
    ("web", "event", "Pageview"),
    ("web", "event", "PageView"),
    ("app", "event", "Checkout"),
    ("app", "event", "my_level"),
    ("offline", "event", "SubmitForm"),
    ("crm", "event", "Lead"),
    ("web", "event_time", NOW + 600),
    ("web", "event_time", NOW - 400 * 86_400),
    ("web", "event_id", "日本-1"),
    ("web", "user.email", digest("alice@example.com")),
    ("web", "user.external_id", [digest("a"), digest("b")]),
    ("web", "user.ip", "2001:db8:1::1"),
    ("web", "user.ip", "8.8.8.8"),
    ("web", "user.locale", "zh-Hans-CN"),
    ("web", "user.locale", "en-u-ca-gregory"),
    ("web", "user.city", "東京"),
    ("web", "user.city", "नईदिल्ली"),
    ("app", "user.idfa", digest("6D92078A")),
    ("app", "user.gaid", digest("cdda802e")),
    ("app", "app.app_id", "123456789"),
    ("web", "properties.value", 0),
    ("web", "properties.value", 0.1),
    ("web", "page.url", "https://xn--bcher-kva.example/?q=%20"),
    ("web", "user", REMOVED),
    ("web", "properties", REMOVED),
    ("offline", "user", {"email": digest("alice@example.com")}),
    ("offline", "user", {"phone": digest("+12025550123")}),
    *[
        ("app", "user.att_status", status)
        for status in ("DENIED", "NOT_DETERMINED", "RESTRICTED", "NOT_APPLICABLE")
    ],
    ("web", "properties.content_type", "product_group"),
    *[("web", "properties.delivery_category", value) for value in ("curbside", "home_delivery")],
    *[("web", "properties.travel_class", value) for value in ("prem", "bus", "first")],
    *[("web", "properties.state_of_vehicle", value) for value in ("Used", "CPO")],
    ("web", "properties.mileage.unit", "MI"),
]


@pytest.mark.parametrize(("source", "path", "value"), ACCEPTED)
def test_allowed_variant_is_accepted(source: str, path: str, value: Any, caller: Caller) -> None:
    """A judge that refuses what is right is as useless as one that lets pass what is wrong."""
    assert caller.track(changed(request(source), f"data.0.{path}", value)).code == 0


# What may stand in ``user`` for one source and not for another, with a good value.
INAPPLICABLE = {
    "lead_id": ("7", ["web", "app", "crm"]),
    "ttclid": ("E.C.P", ["app", "offline", "crm"]),
    "ttp": ("2Rk", ["app", "offline", "crm"]),
    "ip": ("203.0.113.7", ["offline", "crm"]),
    "user_agent": ("Mozilla/5.0", ["offline", "crm"]),
    "locale": ("en", ["offline", "crm"]),
    "idfa": ("6D92078A-8246-4BA4-AE5B-76104861E7DC", ["web", "offline", "crm"]),
    "gaid": ("cdda802e-fb9c-47ad-9866-0794d394c912", ["web", "offline", "crm"]),
    "idfv": ("6D92078A-8246-4BA4-AE5B-76104861E7DD", ["web", "offline", "crm"]),
    "att_status": ("AUTHORIZED", ["web", "offline", "crm"]),
    "external_id": (digest("c"), ["app"]),
}

REFUSED: list[tuple[str, str, Any, int]] = [
    # Fields of the event itself.
    ("web", "event", REMOVED, BAD),
    ("web", "event", "", BAD),
    ("web", "event", None, BAD),
    ("web", "event", 1, BAD),
    ("web", "event", " Purchase", BAD),
    ("web", "event", "purchase", BAD),
    ("web", "event", "PURCHASE", BAD),
    ("web", "event", "Completepayment", BAD),
    ("web", "event", "pageview", BAD),
    ("app", "event", "LaunchApp", BAD),
    ("crm", "event", "lead", BAD),
    ("offline", "event", "MyOwnEvent", BAD),
    ("offline", "event", "Pageview", BAD),
    ("offline", "event", "purchase", BAD),
    ("web", "event_time", REMOVED, BAD),
    ("web", "event_time", None, BAD),
    ("web", "event_time", str(NOW), BAD),
    ("web", "event_time", float(NOW), BAD),
    ("web", "event_time", NOW + 0.5, BAD),
    ("web", "event_time", NOW * 1_000, BAD),
    ("web", "event_time", NOW * 1_000_000, BAD),
    ("web", "event_time", "2026-09-21T14:13:20Z", BAD),
    ("web", "event_time", NOW + 601, BAD),
    ("web", "event_time", 20_000, BAD),
    ("web", "event_time", -1, BAD),
    ("web", "event_time", True, BAD),
    ("web", "event_id", REMOVED, BAD),
    ("web", "event_id", 4711, BAD),
    ("web", "event_id", "", BAD),
    ("web", "event_id", "  ", BAD),
    ("web", "event_id", "order-1\n", BAD),
    ("web", "event_id", None, BAD),
    ("web", "test_event_code", "TEST123", BAD),
    ("web", "event_source", "web", BAD),
    ("web", "timestamp", "2026-09-21T14:13:20Z", BAD),
    ("web", "context", {"ip": "203.0.113.7"}, BAD),
    ("web", "device", {"mobile": True}, BAD),
    ("web", "limited_data_use", "false", BAD),
    ("web", "limited_data_use", 0, BAD),
    # What one source must have and another must not.
    ("web", "page", REMOVED, BAD),
    ("web", "page.url", REMOVED, BAD),
    ("web", "app", {"app_id": "1"}, BAD),
    ("web", "ad", {"ad_id": "1"}, BAD),
    ("web", "lead", {"lead_id": "1"}, BAD),
    ("app", "app", REMOVED, BAD),
    ("app", "app.app_id", REMOVED, BAD),
    ("app", "page", {"url": "https://example.com/"}, BAD),
    ("app", "lead", {"lead_id": "1"}, BAD),
    ("offline", "user", REMOVED, BAD),
    ("offline", "user", {"country": "us"}, BAD),
    ("offline", "page", {"url": "https://example.com/"}, BAD),
    ("offline", "app", {"app_id": "1"}, BAD),
    ("offline", "ad", {"ad_id": "1"}, BAD),
    ("offline", "lead", {"lead_id": "1"}, BAD),
    ("offline", "limited_data_use", False, BAD),
    ("crm", "lead", REMOVED, BAD),
    ("crm", "lead", {}, BAD),
    ("crm", "lead", {"lead_event_source": "ExampleCRM"}, BAD),
    ("crm", "page", {"url": "https://example.com/"}, BAD),
    ("crm", "app", {"app_id": "1"}, BAD),
    ("crm", "limited_data_use", True, BAD),
    ("crm", "ad", {"ad_id": "1"}, BAD),
    *[
        (source, f"user.{field}", value, BAD)
        for field, (value, sources) in INAPPLICABLE.items()
        for source in sources
    ],
    # Personal data that is not hashed, or hashed wrongly.
    *[
        ("web", f"user.{field}", value, UNHASHED)
        for field in ("email", "phone", "external_id", "first_name", "last_name", "zip_code")
        for value in (
            "alice@example.com",
            UPPER_DIGEST,
            DIGEST_OF_NOTHING,
            digest("a")[:40],
            f"{digest('a')}\n",
            " ",
        )
    ],
    ("web", "user.email", [digest("a"), "alice@example.com"], UNHASHED),
    ("web", "user.phone", [digest("a"), DIGEST_OF_NOTHING], UNHASHED),
    ("web", "user.external_id", ["customer-1"], UNHASHED),
    ("web", "user.phone", "+12025550123", UNHASHED),
    *[
        ("web", f"user.{field}", value, BAD)
        for field in ("email", "phone", "external_id", "first_name", "last_name", "zip_code")
        for value in (None, "", 95110, {})
    ],
    ("web", "user.email", [], BAD),
    ("web", "user.email", [None], BAD),
    ("web", "user.email", [""], BAD),
    ("web", "user.email", [digest("a"), digest("a")], BAD),
    ("web", "user.phone", [digest("a"), digest("a")], BAD),
    ("web", "user.external_id", [digest("a"), digest("b"), digest("a")], BAD),
    ("web", "user.first_name", [digest("a")], BAD),
    # Personal data that is sent plain.
    *[
        ("web", f"user.{field}", value, BAD)
        for field in ("city", "state")
        for value in (
            "San Jose",
            "san jose",
            "SanJose",
            "san-jose",
            "st.louis",
            digest("sanjose"),
            "",
            None,
            5,
            ["ca"],
        )
    ],
    *[("web", "user.country", value, BAD) for value in ("US", "usa", "u", digest("us"), "", None, "u1")],
    ("web", "user.ip", "10.0.0.1", BAD),
    ("web", "user.ip", "127.0.0.1", BAD),
    ("web", "user.ip", "::1", BAD),
    ("web", "user.ip", "203.0.113.7, 10.0.0.1", BAD),
    ("web", "user.ip", "203.0.113.999", BAD),
    ("web", "user.ip", "", BAD),
    ("web", "user.ip", 7, BAD),
    ("web", "user.locale", 7, BAD),
    ("web", "user.ttclid", 7, BAD),
    ("web", "user.user_agent", "", BAD),
    ("web", "user.user_agent", digest("Mozilla"), BAD),
    ("web", "user.locale", "pt_BR", BAD),
    ("web", "user.locale", "", BAD),
    ("web", "user.ttclid", "", BAD),
    ("web", "user.ttclid", digest("E.C.P"), BAD),
    ("web", "user.ttclid", "E.C.P ", BAD),
    ("web", "user.ttp", digest("2Rk"), BAD),
    ("web", "user.emails", [digest("a")], BAD),
    ("web", "user.phone_number", digest("a"), BAD),
    ("web", "user", {}, BAD),
    ("web", "user", None, BAD),
    ("web", "user", [], BAD),
    ("app", "user.idfa", "6d92078a-8246-4ba4-ae5b-76104861e7dc", BAD),
    ("app", "user.idfa", ZERO_ID, BAD),
    ("app", "user.idfa", digest("6D92078A").upper(), BAD),
    ("app", "user.idfa", "0" * 64, BAD),
    ("app", "user.gaid", "CDDA802E-FB9C-47AD-9866-0794D394C912", BAD),
    ("app", "user.gaid", ZERO_ID, BAD),
    ("app", "user.idfv", ZERO_ID, BAD),
    ("app", "user.idfa", 7, BAD),
    ("app", "user.gaid", 7, BAD),
    ("app", "user.idfv", digest("6D92078A"), BAD),
    ("app", "user.att_status", "authorized", BAD),
    ("app", "user.att_status", 3, BAD),
    ("offline", "user.lead_id", 7, BAD),
    # Properties: known fields are typed, unknown ones are free but never empty.
    ("web", "properties", {}, BAD),
    ("web", "properties", None, BAD),
    ("web", "properties.value", "25", BAD),
    ("web", "properties.value", -0.01, BAD),
    ("web", "properties.value", None, BAD),
    ("web", "properties.value", True, BAD),
    ("web", "properties.currency", "usd", BAD),
    ("web", "properties.currency", "US", BAD),
    ("web", "properties.currency", "$", BAD),
    ("web", "properties.currency", "USD ", BAD),
    ("web", "properties.currency", 840, BAD),
    ("web", "properties.num_items", "2", BAD),
    ("web", "properties.num_items", 0, BAD),
    ("web", "properties.num_items", 2.0, BAD),
    ("web", "properties.content_type", "Product", BAD),
    ("web", "properties.content_ids", "sku-1", BAD),
    ("web", "properties.content_ids", [], BAD),
    ("web", "properties.content_ids", [1], BAD),
    ("web", "properties.content_ids", [""], BAD),
    ("web", "properties.order_id", 4711, BAD),
    ("web", "properties.shop_id", 12, BAD),
    ("web", "properties.order_id", "", BAD),
    ("web", "properties.search_string", "", BAD),
    ("web", "properties.search_string", 7, BAD),
    ("web", "properties.query", 7, BAD),
    ("web", "properties.query", None, BAD),
    ("web", "properties.description", " ", BAD),
    ("web", "properties.description", 7, BAD),
    ("web", "properties.status", 1, BAD),
    ("web", "properties.delivery_category", "drone", BAD),
    ("web", "properties.travel_class", "economy", BAD),
    ("web", "properties.state_of_vehicle", "new", BAD),
    ("web", "properties.mileage.unit", "miles", BAD),
    ("web", "properties.mileage.value", "10", BAD),
    ("web", "properties.mileage.unit", REMOVED, BAD),
    ("web", "properties.mileage.value", REMOVED, BAD),
    ("web", "properties.mileage.year", 2020, BAD),
    ("web", "properties.mileage", 10.5, BAD),
    ("web", "properties.preferred_price_range", [10], BAD),
    ("web", "properties.preferred_price_range", ["10", "20"], BAD),
    ("web", "properties.preferred_price_range", [10, 20, 30], BAD),
    ("web", "properties.preferred_price_range", "10-20", BAD),
    ("web", "properties.suggested_hotels", "h-1", BAD),
    ("web", "properties.suggested_hotels", [], BAD),
    ("web", "properties.suggested_hotels", [7], BAD),
    ("web", "properties.destination_ids", "d-1", BAD),
    ("web", "properties.suggested_destinations", "Kyoto", BAD),
    ("web", "properties.contents", [], BAD),
    ("web", "properties.contents", {"content_id": "sku-1"}, BAD),
    ("web", "properties.contents.0", {}, BAD),
    ("web", "properties.contents.0", "sku-1", BAD),
    ("web", "properties.contents.0.price", "12.50", BAD),
    ("web", "properties.contents.0.price", -1, BAD),
    ("web", "properties.contents.0.quantity", 0, BAD),
    ("web", "properties.contents.0.quantity", 1.5, BAD),
    ("web", "properties.contents.0.quantity", 1.0, BAD),
    ("web", "properties.contents.0.quantity", "1", BAD),
    ("web", "properties.contents.0.content_id", 1, BAD),
    ("web", "properties.contents.0.content_id", "", BAD),
    ("web", "properties.contents.0.content_name", None, BAD),
    ("web", "properties.contents.0.brand", "", BAD),
    ("web", "properties.contents.0.content_type", "product", BAD),
    ("web", "properties.contents.0.sku", "sku-1", BAD),
    ("web", "properties.anything", None, BAD),
    ("web", "properties.anything", "", BAD),
    ("web", "properties.anything", [], BAD),
    ("web", "properties.anything", {}, BAD),
    ("web", "properties.anything", [{"deep": [None]}], BAD),
    ("web", "properties.anything", {"deep": {"deeper": ""}}, BAD),
    # What stands for nothing.
    *[
        ("web", path, marker, BAD)
        for path in ("event_id", "user.ttclid", "user.ttp", "user.user_agent", "properties.order_id")
        for marker in ("null", "NULL", "undefined", "nan", "N/A", "\\N", "-", ZERO_ID)
    ],
    ("web", "event", "undefined", BAD),
    ("web", "user.city", "null", BAD),
    ("web", "user.ttclid", "0", BAD),
    ("web", "properties.contents.0.content_id", "null", BAD),
    *[
        ("web", "user.external_id", digest(marker), UNHASHED)
        for marker in ("null", "NULL", "None", "undefined", "n/a", "0", "unknown", ZERO_ID)
    ],
    ("web", "user.last_name", digest("NULL"), UNHASHED),
    # Page, app, ad, lead.
    ("web", "page.url", "", BAD),
    ("web", "page.url", "/done", BAD),
    ("web", "page.url", "shop.example.com/done", BAD),
    ("web", "page.url", "ftp://example.com/", BAD),
    ("web", "page.url", "https://", BAD),
    ("web", "page.url", "https://exa mple.com/", BAD),
    ("web", "page.url", None, BAD),
    ("web", "page.referrer", "", BAD),
    ("web", "page.title", "Done", BAD),
    ("web", "page", "https://example.com/", BAD),
    ("app", "app", "com.example.shop", BAD),
    ("app", "ad", "E.C.P", BAD),
    ("crm", "lead", "7", BAD),
    ("app", "app.app_id", "", BAD),
    ("app", "app.app_id", 123456789, BAD),
    ("app", "app.app_id", "shop", BAD),
    ("app", "app.app_name", "", BAD),
    ("app", "app.build", "7", BAD),
    ("app", "ad", {}, BAD),
    ("app", "ad.attributed", "true", BAD),
    ("app", "ad.is_retargeting", "false", BAD),
    ("app", "ad.callback", "", BAD),
    ("app", "ad.adgroup_id", "2", BAD),
    ("crm", "lead.lead_id", 7, BAD),
    ("crm", "lead.lead_id", "", BAD),
    ("crm", "lead.lead_event_source", "", BAD),
    ("crm", "lead.status", "won", BAD),
]


@pytest.mark.parametrize(("source", "path", "value", "code"), REFUSED)
def test_one_broken_rule_refuses_everything(
    source: str, path: str, value: Any, code: int, shared: tuple[Simulator, Caller]
) -> None:
    """One event with one fault: the whole request is refused and no event of it is booked."""
    simulator, caller = shared

    answer = caller.track(changed(request(source, count=3), f"data.1.{path}", value))

    assert (answer.status, answer.code, answer.data) == (200, code, {})
    assert simulator.ledger.events() == []


REFUSED_REQUESTS: list[tuple[str, str, Any, int]] = [
    ("web", "event_source", REMOVED, BAD),
    ("web", "event_source", "website", BAD),
    ("web", "event_source", "WEB", BAD),
    ("web", "event_source", None, BAD),
    ("web", "event_source_id", REMOVED, BAD),
    ("web", "event_source_id", 7, BAD),
    ("web", "event_source_id", "", BAD),
    ("web", "event_source_id", SOURCE_IDS["offline"], BAD),
    ("web", "event_source_id", DEFAULT_PIXEL_CODE.lower(), BAD),
    ("offline", "event_source_id", DEFAULT_PIXEL_CODE, BAD),
    ("offline", "event_source_id", int(SOURCE_IDS["offline"]), BAD),
    ("offline", "event_source_id", DEFAULT_CRM_EVENT_SET_ID, BAD),
    ("crm", "event_source_id", SOURCE_IDS["app"], BAD),
    ("app", "event_source_id", SOURCE_IDS["offline"], BAD),
    ("web", "event_source_id", "CUNKNOWN000000000001", 40001),
    ("offline", "event_source_id", "7000000000000000999", 40001),
    ("web", "data", REMOVED, BAD),
    ("web", "data", [], BAD),
    ("web", "data", {}, BAD),
    ("web", "data", None, BAD),
    ("web", "data.0", [], BAD),
    ("web", "data.0", None, BAD),
    ("web", "data", [SMALLEST["web"]] * 1001, BAD),
    ("web", "pixel_code", DEFAULT_PIXEL_CODE, BAD),
    ("web", "test_event_code", "", BAD),
    ("web", "test_event_code", None, BAD),
    ("web", "test_event_code", "TEST 1", BAD),
    ("web", "partner_name", "", BAD),
    ("web", "partner_name", "Nobody", 40063),
]


@pytest.mark.parametrize(("source", "path", "value", "code"), REFUSED_REQUESTS)
def test_broken_rule_of_the_request_refuses_it(
    source: str, path: str, value: Any, code: int, shared: tuple[Simulator, Caller]
) -> None:
    """A fault of the request itself refuses it, and no event is booked."""
    simulator, caller = shared

    answer = caller.track(changed(request(source), path, value))

    assert (answer.status, answer.code) == (401 if code == 40001 else 200, code)
    assert simulator.ledger.events() == []


def test_a_number_of_events_out_of_bounds_is_told(shared: tuple[Simulator, Caller]) -> None:
    """In the words that TikTok was seen to use for an empty list."""
    _, caller = shared
    for events in ([], [SMALLEST["web"]] * 1001):
        answer = caller.track(changed(request("web"), "data", events))
        assert answer.message == "Number of events must be between 1 and 1000."


GOOD = json.dumps(request())
REFUSED_BODIES: list[tuple[str, bytes]] = [
    ("nothing", b""),
    ("not JSON", b"event=Purchase"),
    ("a list", b"[]"),
    ("a string", b'"data"'),
    ("two documents", f"{GOOD}{GOOD}".encode()),
    ("a trailing comma", GOOD.replace('"web",', '"web",,').encode()),
    ("a byte order mark", b"\xef\xbb\xbf" + GOOD.encode()),
    ("UTF-16", GOOD.encode("utf-16")),
    ("Latin-1", GOOD.replace("Tea", "Th\xe9").encode("latin-1")),
    (
        "a key twice",
        GOOD.replace('"event_source": "web"', '"event_source": "web", "event_source": "web"').encode(),
    ),
    ("a key twice in an event", GOOD.replace('"event_id"', '"event_id": "order-1", "event_id"').encode()),
    ("NaN", GOOD.replace("12.5", "NaN").encode()),
    ("Infinity", GOOD.replace("12.5", "Infinity").encode()),
    ("-Infinity", GOOD.replace("12.5", "-Infinity").encode()),
    ("a number beyond doubles", GOOD.replace("12.5", "1e999").encode()),
    ("half of a surrogate pair", GOOD.replace("Tea", "\\ud83d").encode()),
    ("nested without end", b'{"a":' * 100_000),
]


@pytest.mark.parametrize(("case", "body"), REFUSED_BODIES, ids=[case for case, _ in REFUSED_BODIES])
def test_body_that_can_be_read_in_two_ways_is_refused(
    case: str, body: bytes, shared: tuple[Simulator, Caller]
) -> None:
    """What is not one JSON object, in UTF-8, with finite numbers and each key once, is refused."""
    simulator, caller = shared

    assert caller.track(body).code == BAD
    assert simulator.ledger.events() == []


@pytest.mark.parametrize("depth", [50, 400])
def test_deep_properties_are_judged(depth: int, caller: Caller) -> None:
    """Unknown properties may nest; a fault at the bottom is found."""
    deep: Any = 1
    for _ in range(depth):
        deep = {"a": deep}
    body = changed(request(), "data.0.properties.deep", deep)

    assert caller.track(body).code == 0
    assert caller.track(json.dumps(body).replace('{"a": 1}', '{"a": null}').encode()).code == BAD


def test_good_body_of_the_table_above_is_accepted(caller: Caller) -> None:
    """The bodies above fail for the change made to them, not for what they have in common."""
    assert caller.track(GOOD.encode()).code == 0


def test_exactly_the_maximum_of_events_is_accepted(caller: Caller, simulator: Simulator) -> None:
    """1,000 events in one request are the most, and are allowed."""
    events = [{**SMALLEST["web"], "event_id": str(number)} for number in range(1000)]

    assert caller.track(request(data=events)).code == 0
    assert simulator.ledger.summary()["live"]["unique_events"] == 1000


def test_request_faults_come_before_event_faults(caller: Caller) -> None:
    """A source that the token may not use is named even if an event is wrong too: halving would not help."""
    body = changed(request(), "data.0.event_time", "yesterday")

    assert caller.track(changed(body, "event_source_id", "CUNKNOWN000000000001")).code == 40001
    assert caller.track(changed(request(data=[]), "event_source_id", "CUNKNOWN000000000001")).code == 40001
    assert caller.track(request(data=[])).code == BAD
