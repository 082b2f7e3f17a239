# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""An event that TikTok takes has no findings, and every single change for the worse has its own."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from airflow_provider_tiktok.conversions import event_names
from airflow_provider_tiktok.conversions.currencies import CURRENCIES
from airflow_provider_tiktok.conversions.errors import ConfigurationError
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
    Violation,
)
from airflow_provider_tiktok.conversions.tiktok.checks import checks_of
from airflow_provider_tiktok.conversions.tiktok.event_source_ids import check_event_source_id
from airflow_provider_tiktok.conversions.tiktok.options import ValidationRules
from airflow_provider_tiktok.conversions.tiktok.rules import RULES
from airflow_provider_tiktok.conversions.validation import leave_out

NOW = 1_800_000_000
DAY = 86_400
SOURCES: tuple[EventSource, ...] = get_args(EventSource)

TEST = Digest("973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b")
NOTHING = Digest("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
ITEM = Content(content_id="A-1", content_name="Tea", price=Decimal("6.25"), quantity=2)

ORDER = PreparedEvent(
    row=1,
    event="Purchase",
    event_time=NOW - 60,
    event_id="order-1",
    user=PreparedUser(email=(TEST,)),
    properties={
        "contents": (ITEM,),
        "content_type": "product",
        "currency": "USD",
        "value": Decimal("12.50"),
        "num_items": 2,
        "travel_class": "eco",
        "loyalty": {"level": "gold", "points": 7, "tags": ("a", "b"), "rate": 0.25, "new": False},
    },
)
GOOD: dict[EventSource, PreparedEvent] = {
    "web": replace(
        ORDER,
        page=Page(url="https://example.com/thanks?a=1", referrer="https://example.com"),
        user=PreparedUser(email=(TEST,), ip="203.0.113.7", user_agent="Mozilla/5.0", locale="en-US", ttclid="E.C.P.1", ttp="x"),
        limited_data_use=True,
    ),
    "app": replace(
        ORDER,
        app=App(app_id="com.example.app", app_name="Example"),
        ad=Ad(campaign_id="7", attributed=True),
        user=PreparedUser(idfa="6D92078A-8246-4BA4-AE5B-76104861E7DC", att_status="AUTHORIZED", ip="2001:db8::7", locale="zh-Hans-CN"),
        limited_data_use=False,
    ),
    "offline": replace(ORDER, user=PreparedUser(phone=(TEST,), external_id=(TEST,), lead_id="1", first_name=TEST, city="rome")),
    "crm": replace(ORDER, lead=Lead(lead_id="7000000000000000001", lead_event_source="Example CRM"), user=PreparedUser()),
}  # fmt: skip


def rules(source: EventSource = "web", **options: Any) -> ValidationRules:
    """The rules of a run whose clock stands still."""
    return ValidationRules(event_source=source, now=lambda: NOW, **options)


def check(event: PreparedEvent, run: ValidationRules) -> tuple[Violation, ...]:
    """What these rules find."""
    return checks_of(run)(event)


def with_user(event: PreparedEvent, **keys: Any) -> dict[str, Any]:
    """A change of match keys."""
    return {"user": replace(event.user, **keys)}


def user(**keys: Any) -> dict[str, Any]:
    """A change of a web event's match keys."""
    return with_user(GOOD["web"], **keys)


def properties(**values: Any) -> dict[str, Any]:
    """A change of properties; ``None`` takes one out."""
    merged = {**ORDER.properties, **values}
    return {"properties": {name: value for name, value in merged.items() if value is not None}}


def item(**values: Any) -> dict[str, Any]:
    """A change of the second of two items."""
    return properties(contents=(ITEM, replace(ITEM, **values)))


def findings(source: EventSource, changes: dict[str, Any], **options: Any) -> list[tuple[str, str, bool]]:
    """(path, rule, fatal) of everything found in the good event with these changes."""
    found = check(replace(GOOD[source], **changes), rules(source, **options))
    return [(one.path, one.rule, one.is_fatal) for one in found]


@pytest.mark.parametrize("source", SOURCES)
def test_good_event_has_no_findings(source: EventSource) -> None:
    """Each event source has an event that nothing is said of."""
    assert findings(source, {}) == []


FATAL, WARNING = True, False

CASES: list[tuple[EventSource, dict[str, Any], str, str, bool]] = [
    # the event's own fields
    ("web", {"event": None}, "event", "missing", FATAL),
    ("web", {"event": ""}, "event", "missing", FATAL),
    ("web", {"event": "purchase"}, "event", "wrong_case", FATAL),
    ("offline", {"event": "LoyaltyUpgrade"}, "event", "not_standard", FATAL),
    ("web", {"event": "CompletePayment"}, "event", "renamed", WARNING),
    ("offline", {"event": "PlaceAnOrder"}, "event", "retiring", WARNING),
    ("web", {"event": "StartCheckout"}, "event", "reserved", WARNING),
    ("app", {"event": "InitiateCheckout"}, "event", "standard_elsewhere", WARNING),
    ("web", {"event": "add_to_cart"}, "event", "looks_standard", WARNING),
    ("web", {"event_time": None}, "event_time", "missing", FATAL),
    ("web", {"event_time": float(NOW)}, "event_time", "not_whole", FATAL),
    ("web", {"event_time": True}, "event_time", "not_whole", FATAL),
    ("web", {"event_time": NOW + 601}, "event_time", "in_future", FATAL),
    ("web", {"event_time": NOW * 1000}, "event_time", "in_future", FATAL),
    ("web", {"event_time": NOW - 28 * DAY - 1}, "event_time", "too_old", WARNING),
    ("web", {"event_time": 0}, "event_time", "too_old", WARNING),
    ("web", {"event_id": None}, "event_id", "missing", FATAL),
    ("web", {"event_id": " "}, "event_id", "blank", FATAL),
    ("web", {"event_id": 17}, "event_id", "not_text", FATAL),
    ("web", {"event_id": "x" * 257}, "event_id", "too_long", WARNING),
    ("web", {"event_id": "{{ti.run_id}}"}, "event_id", "unresolved_template", FATAL),
    # what an event source needs, and what it does not take
    ("web", {"page": None}, "page.url", "missing", FATAL),
    ("web", {"page": Page(referrer="https://example.com")}, "page.url", "missing", FATAL),
    ("web", {"page": Page(url="/thanks")}, "page.url", "not_an_absolute_url", FATAL),
    ("web", {"page": Page(url="example.com/thanks")}, "page.url", "not_an_absolute_url", FATAL),
    ("web", {"page": Page(url="https:///thanks")}, "page.url", "not_an_absolute_url", FATAL),
    ("web", {"page": Page(url="https://:80/")}, "page.url", "not_an_absolute_url", FATAL),
    ("web", {"page": Page(url="ftp://example.com")}, "page.url", "not_an_absolute_url", FATAL),
    ("web", {"page": Page(url="http://[::1/")}, "page.url", "not_an_absolute_url", FATAL),
    ("web", {"page": Page(url="https://example.com/a b")}, "page.url", "not_an_absolute_url", FATAL),
    ("web", {"event_id": "jane@example.com-17"}, "event_id", "email_in_clear", FATAL),
    (
        "web",
        {"page": Page(url="https://example.com/?mail=jane%40example.com")},
        "page.url",
        "email_in_clear",
        FATAL,
    ),
    ("web", properties(note="for jane@example.com"), "properties.note", "email_in_clear", WARNING),
    ("web", {"page": Page(url="https://example.com/", referrer="/thanks")}, "page.referrer", "not_an_absolute_url", WARNING),
    ("web", {"page": Page(url="https://example.com/{{path}}")}, "page.url", "unresolved_template", FATAL),
    ("app", {"app": None}, "app.app_id", "missing", FATAL),
    ("app", {"app": App(app_name="Example")}, "app.app_id", "missing", FATAL),
    ("crm", {"lead": None}, "lead.lead_id", "missing", FATAL),
    ("web", {"app": App(app_id="1")}, "app", "not_for_this_source", WARNING),
    ("web", {"ad": Ad(ad_id="1")}, "ad", "not_for_this_source", WARNING),
    ("web", {"lead": Lead(lead_id="1")}, "lead", "not_for_this_source", WARNING),
    ("app", {"page": Page(url="https://example.com")}, "page", "not_for_this_source", WARNING),
    ("offline", {"page": Page(url="https://example.com")}, "page", "not_for_this_source", WARNING),
    ("offline", {"lead": Lead(lead_id="1")}, "lead", "not_for_this_source", WARNING),
    ("crm", {"page": Page(url="https://example.com")}, "page", "not_for_this_source", WARNING),
    ("offline", {"limited_data_use": False}, "limited_data_use", "not_for_this_source", WARNING),
    ("crm", {"limited_data_use": True}, "limited_data_use", "not_for_this_source", WARNING),
    *[
        ("web", user(**{name: "x"}), f"user.{name}", "not_for_this_source", WARNING)
        for name in ("idfa", "gaid", "idfv", "lead_id")
    ],
    ("app", with_user(GOOD["app"], ttclid="x"), "user.ttclid", "not_for_this_source", WARNING),
    ("app", with_user(GOOD["app"], external_id=(TEST,)), "user.external_id", "not_for_this_source", WARNING),
    ("offline", with_user(GOOD["offline"], user_agent="x"), "user.user_agent", "not_for_this_source", WARNING),
    ("crm", with_user(GOOD["crm"], lead_id="x"), "user.lead_id", "not_for_this_source", WARNING),
    # whose event it is
    ("web", {"user": PreparedUser()}, "user", "no_match_key", WARNING),
    ("web", {"user": PreparedUser(locale="en", city="rome")}, "user", "no_match_key", WARNING),
    ("app", {"user": PreparedUser()}, "user", "no_match_key", WARNING),
    ("offline", {"user": PreparedUser()}, "user", "no_match_key", FATAL),
    ("offline", {"user": PreparedUser(first_name=TEST)}, "user", "no_match_key", FATAL),
    ("offline", {"user": PreparedUser(external_id=(TEST,))}, "user", "external_id_alone", WARNING),
    ("web", user(email=("test@example.com",)), "user.email", "not_a_digest", FATAL),
    ("web", user(phone=(TEST.upper(),)), "user.phone", "not_a_digest", FATAL),
    ("web", user(external_id=(7,)), "user.external_id", "not_a_digest", FATAL),
    ("web", user(first_name="jane"), "user.first_name", "not_a_digest", FATAL),
    ("web", user(zip_code=NOTHING), "user.zip_code", "hash_of_nothing", FATAL),
    ("web", user(email=(TEST, NOTHING)), "user.email", "hash_of_nothing", FATAL),
    ("web", user(ip="localhost"), "user.ip", "not_an_ip", WARNING),
    ("web", user(ip="203.0.113.7, 10.0.0.1"), "user.ip", "not_an_ip", WARNING),
    ("web", user(ip="203.0.113.7:443"), "user.ip", "not_an_ip", WARNING),
    ("web", user(ip="203.0.113.0/24"), "user.ip", "not_an_ip", WARNING),
    ("web", user(ip="203.0.113.007"), "user.ip", "not_an_ip", WARNING),
    ("web", user(ip="fe80::1%eth0"), "user.ip", "not_an_ip", WARNING),
    *[
        ("web", user(ip=ip), "user.ip", "ip_not_public", WARNING)
        for ip in ("10.1.2.3", "127.0.0.1", "192.168.0.1", "100.64.0.1", "0.0.0.0", "::1", "fd00::1", "fe80::1", "::ffff:10.0.0.1")
    ],
    ("web", user(locale="en_US"), "user.locale", "not_a_locale", WARNING),
    ("web", user(locale="English"), "user.locale", "not_a_locale", WARNING),
    ("app", with_user(GOOD["app"], att_status="authorized"), "user.att_status", "not_allowed", WARNING),
    ("web", user(city="{{city}}"), "user.city", "unresolved_template", WARNING),
    ("web", user(user_agent="\ud800"), "user.user_agent", "not_unicode", WARNING),
    ("web", user(ttp=7), "user.ttp", "not_text", WARNING),
    # money and goods
    ("web", properties(value=Decimal("-0.01")), "properties.value", "negative", FATAL),
    ("web", properties(value="12.50"), "properties.value", "not_a_number", FATAL),
    ("web", properties(value=True), "properties.value", "not_a_number", FATAL),
    ("web", properties(value=Decimal("NaN")), "properties.value", "not_finite", FATAL),
    ("web", properties(value=Decimal("sNaN")), "properties.value", "not_finite", FATAL),
    ("web", properties(value=float("inf")), "properties.value", "not_finite", FATAL),
    ("web", properties(value=Decimal("1E+999999")), "properties.value", "out_of_range", FATAL),
    ("web", properties(value=Decimal("1E-999999")), "properties.value", "out_of_range", FATAL),
    ("web", properties(value=Decimal("1." + "1" * 64)), "properties.value", "out_of_range", FATAL),
    ("web", properties(num_items=2**63), "properties.num_items", "out_of_range", WARNING),
    ("web", item(price=Decimal(-1)), "properties.contents[1].price", "negative", FATAL),
    ("web", item(price="1"), "properties.contents[1].price", "not_a_number", FATAL),
    ("web", item(quantity=0), "properties.contents[1].quantity", "below_one", FATAL),
    ("web", item(quantity=-2), "properties.contents[1].quantity", "below_one", FATAL),
    ("web", properties(num_items=0), "properties.num_items", "below_one", WARNING),
    ("web", properties(mileage={"value": 3}), "properties.mileage.unit", "missing", WARNING),
    ("web", properties(mileage={"unit": "KM"}), "properties.mileage.value", "missing", WARNING),
    ("web", properties(mileage={"value": -3, "unit": "KM"}), "properties.mileage.value", "negative", WARNING),
    ("web", properties(preferred_price_range=(1,)), "properties.preferred_price_range", "not_two", WARNING),
    ("web", properties(preferred_price_range=(1, -2)), "properties.preferred_price_range[1]", "negative", WARNING),
    ("web", item(quantity=Decimal("1.5")), "properties.contents[1].quantity", "not_whole", FATAL),
    ("web", item(quantity=True), "properties.contents[1].quantity", "not_whole", FATAL),
    ("web", item(content_id=17), "properties.contents[1].content_id", "not_text", WARNING),
    ("web", item(brand="{{brand}}"), "properties.contents[1].brand", "unresolved_template", WARNING),
    ("web", properties(content_ids=("A-1", 17)), "properties.content_ids[1]", "not_text", WARNING),
    ("web", properties(contents=({"content_id": "A-1"},)), "properties.contents[0]", "not_an_item", FATAL),
    ("web", properties(contents=ITEM), "properties.contents", "not_a_list", FATAL),
    ("web", properties(content_ids="A-1"), "properties.content_ids", "not_a_list", FATAL),
    ("web", properties(content_type=None), "properties.content_type", "content_type_missing", WARNING),
    ("web", properties(content_type="Product"), "properties.content_type", "not_allowed", WARNING),
    ("web", properties(travel_class="coach"), "properties.travel_class", "not_allowed", WARNING),
    ("web", properties(delivery_category=["in_store"]), "properties.delivery_category", "not_allowed", WARNING),
    ("web", properties(currency="usd"), "properties.currency", "not_a_currency_code", FATAL),
    ("web", properties(currency="$"), "properties.currency", "not_a_currency_code", FATAL),
    ("web", properties(currency=840), "properties.currency", "not_a_currency_code", FATAL),
    ("web", properties(currency="HRK"), "properties.currency", "currency_not_listed", WARNING),
    ("web", properties(currency=None), "properties.currency", "value_without_currency", WARNING),
    ("web", properties(value=None), "properties.value", "value_missing", WARNING),
    # properties that TikTok does not document
    ("web", properties(note="Dear {{name}},\nhello"), "properties.note", "unresolved_template", WARNING),
    ("web", properties(note="{{first\nname}}"), "properties.note", "unresolved_template", WARNING),
    ("web", properties(note="{{{}}}"), "properties.note", "unresolved_template", WARNING),
    ("web", properties(note="\udfff"), "properties.note", "not_unicode", WARNING),
    ("web", properties(note=[{"to": None}]), "properties.note[0].to", "null", WARNING),
    ("web", properties(note={"of": {1, 2}}), "properties.note.of", "not_representable", WARNING),
    ("web", properties(note=MappingProxyType({})), "properties.note", "not_representable", WARNING),
    ("web", properties(note={12025550123: 1}), "properties.note.(hidden)", "not_representable", WARNING),
    ("web", properties(**{"{{key}}": 1}), "properties.(hidden)", "unresolved_template", WARNING),
    ("web", properties(**{"jane@example.com": None, "jane\ud800": 1}), "properties.(hidden)", "not_unicode", WARNING),
    ("web", properties(note=(float("nan"),)), "properties.note[0]", "not_finite", WARNING),
]  # fmt: skip


@pytest.mark.parametrize(("source", "changes", "path", "rule", "is_fatal"), CASES)
def test_one_change_for_the_worse(
    source: EventSource, changes: dict[str, Any], path: str, rule: str, is_fatal: bool
) -> None:
    """The change is found, at its place, and nothing else is."""
    assert findings(source, changes) == [(path, rule, is_fatal)]


@pytest.mark.parametrize(("source", "changes", "path", "rule", "is_fatal"), CASES)
def test_what_is_left_out_is_no_longer_found(
    source: EventSource, changes: dict[str, Any], path: str, rule: str, is_fatal: bool
) -> None:
    """Without what a finding leaves out, the event has no fault there, and nothing else has changed."""
    event = replace(GOOD[source], **changes)
    found = check(event, rules(source))
    mended = leave_out(event, found)
    again = check(mended, rules(source))
    assert not any(one.is_left_out for one in again)
    if not any(one.is_left_out for one in found):
        assert mended == event
    elif path.startswith("properties"):
        assert replace(mended, properties=event.properties) == event
        assert mended.properties.get("value") == event.properties.get("value")


def test_of_lists_and_items_only_what_is_at_fault_is_left_out() -> None:
    """An item keeps its other fields, a list its other texts, and the event its other properties."""
    gift = replace(ITEM, content_name="for jane@example.com", brand="{{brand}}")
    event = replace(
        GOOD["web"],
        page=replace(GOOD["web"].page, referrer="{{referrer}}"),
        **properties(
            contents=(ITEM, gift),
            tags=("a", "jane@example.com", "b"),
            note={"to": ["jane@example.com"]},
            **{"to jane@example.com": 1, "Gift note": "{{note}}", "Gift wrap": "red"},
        ),
    )
    found = check(event, rules())
    assert not any(one.is_fatal for one in found)
    mended = leave_out(event, found)
    assert mended.page == Page(url="https://example.com/thanks?a=1")
    assert mended.properties["contents"] == (ITEM, replace(ITEM, content_name=None))
    assert mended.properties["tags"] == ("a", "b")
    assert mended.properties["Gift wrap"] == "red"
    assert not {"note", "to jane@example.com", "Gift note"} & mended.properties.keys()
    assert check(mended, rules()) == ()


def test_a_fault_in_a_group_of_another_source_keeps_no_event_back() -> None:
    """What is not sent with these events cannot make them wrong."""
    faults = tuple(
        Violation(path=path, rule="not_text", remedy="Cast it.") for path in ("app.app_id", "lead")
    )
    found = check(replace(GOOD["web"], violations=faults), rules())
    assert [(one.path, one.is_fatal) for one in found] == [("app.app_id", False), ("lead", False)]
    assert check(replace(GOOD["crm"], violations=faults), rules("crm"))[1].is_fatal


def test_every_rule_is_described_and_tried() -> None:
    """The table of rules holds those that are found, and no others."""
    tried = {rule for *_, rule, _ in CASES} | {"too_deep"}
    assert tried == set(RULES)
    assert all(RULES.values())


def test_every_finding_has_a_remedy() -> None:
    """Whatever is found comes with a sentence on what to do, and without the value."""
    for source, changes, *_ in CASES:
        for one in check(replace(GOOD[source], **changes), rules(source)):
            assert one.remedy.endswith(".")
            assert "jane" not in one.remedy + one.path


def test_every_finding_on_a_name_has_its_case() -> None:
    """Each status of a name that needs a word is a rule, and two of them keep the event back."""
    told = {
        rule: is_fatal for _, changes, path, rule, is_fatal in CASES if path == "event" and changes["event"]
    }
    assert told.keys() == {str(one) for one in event_names.NameStatus if one not in event_names.FINE}
    assert {rule for rule, is_fatal in told.items() if is_fatal} == {"wrong_case", "not_standard"}


def test_properties_without_end() -> None:
    """An object that holds itself is told once and does not hang."""
    endless: dict[str, Any] = {}
    endless.update(a=endless, b=endless, c=[endless] * 3)
    [(path, rule, is_fatal)] = findings("web", properties(note=endless))
    assert (rule, is_fatal) == ("too_deep", False)
    assert path.startswith("properties.note.a.a")


def test_deep_but_finite_properties() -> None:
    """A few levels of nesting are no finding."""
    nested: Any = "x"
    for _ in range(10):
        nested = {"level": [nested]} if isinstance(nested, str) else {"level": nested}
    assert findings("web", properties(note=nested)) == []


@pytest.mark.parametrize(
    ("source", "changes", "options", "expected"),
    [
        (
            "web",
            {"event_time": NOW - 8 * DAY},
            {"max_event_age_s": 7 * DAY, "refuse_old": True},
            [("event_time", "too_old", True)],
        ),
        ("web", {"event_time": NOW - 28 * DAY - 1}, {"refuse_old": True}, [("event_time", "too_old", True)]),
        ("web", {"event_time": NOW - 28 * DAY}, {"refuse_old": True}, []),
        ("web", {"event_time": NOW + 600}, {}, []),
        ("web", {"event_time": NOW + 1}, {"max_ahead_s": 0}, [("event_time", "in_future", True)]),
        ("web", {"page": None}, {"require_page_url": False}, []),
        ("crm", {"lead": None, "user": PreparedUser(phone=(TEST,))}, {"require_lead_id": False}, []),
        ("crm", {"lead": None}, {"require_lead_id": False}, [("user", "no_match_key", WARNING)]),
        (
            "offline",
            {"user": PreparedUser(external_id=(TEST,))},
            {"offline_keys": ("email", "phone")},
            [("user", "no_match_key", True)],
        ),
        ("offline", {"user": PreparedUser(lead_id="1")}, {"offline_keys": ("lead_id",)}, []),
        ("offline", {"event": "NameOfNextYear"}, {"extra_event_names": frozenset({"NameOfNextYear"})}, []),
        ("web", {"event": "purchase"}, {"extra_event_names": frozenset({"purchase"})}, []),
    ],
)
def test_options(
    source: EventSource, changes: dict[str, Any], options: dict[str, Any], expected: list[Any]
) -> None:
    """Where TikTok's pages leave it open, the run decides."""
    assert findings(source, changes, **options) == expected


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        ("web", {"app": App(), "ad": Ad(), "lead": Lead()}),
        ("web", properties(value=0, currency="EUR")),
        ("web", properties(value=Decimal("0.00"))),
        ("web", properties(contents=None, content_type=None)),
        ("web", user(ip="8.8.8.8")),
        ("web", user(ip="2001:4860:4860::8888")),
        ("web", user(ip="::ffff:203.0.113.7")),
        ("web", {"event": "Pageview"}),
        ("web", {"event": "LoyaltyUpgrade"}),
        ("crm", {"event": "LoyaltyUpgrade"}),
        ("web", {"event_id": "x" * 256}),
        ("web", {"page": Page(url="HTTP://user@[2001:db8::1]:8080/ä?q=#x")}),
        ("web", properties(note="{ {name} } and }} and {{")),
        ("web", properties(note="{{}")),
        ("web", properties(status=StrEnum("Status", ["NEW"])["NEW"])),
        ("web", properties(price_range=[Decimal("1E+5"), 1e-5, 10**18])),
    ],
)
def test_unusual_and_right(source: EventSource, changes: dict[str, Any]) -> None:
    """What only looks odd is let through without a word."""
    assert findings(source, changes) == []


def test_key_that_is_not_sent_matches_nobody() -> None:
    """A match key of another event source does not count as one."""
    found = findings("app", {"user": PreparedUser(ttclid="E.C.P.1")})
    assert found == [("user.ttclid", "not_for_this_source", WARNING), ("user", "no_match_key", WARNING)]


def test_all_findings_at_once_in_order() -> None:
    """Nobody has to repair an event ten times; what it came with stands first."""
    earlier = Violation(path="properties.value", rule="not_a_number", remedy="Give a number.")
    event = replace(
        GOOD["web"], violations=(earlier,), event="purchase", event_time=None, page=None, lead=Lead(lead_id="1"),
        user=PreparedUser(email=(TEST,), ip="nowhere"), properties={"currency": "usd", "note": None},
    )  # fmt: skip
    found = check(event, rules())
    assert found[0] is earlier
    assert [(one.path, one.rule) for one in found[1:]] == [
        ("event", "wrong_case"),
        ("event_time", "missing"),
        ("page.url", "missing"),
        ("lead", "not_for_this_source"),
        ("user.ip", "not_an_ip"),
        ("properties.currency", "not_a_currency_code"),
        ("properties.note", "null"),
    ]


@pytest.mark.parametrize(
    ("earlier", "source", "changes"),
    [
        ("event_time", "web", {"event_time": None}),
        ("page.url", "web", {"page": None}),
        ("page", "web", {"page": None}),
        ("user.email", "offline", {"user": PreparedUser()}),
        ("properties.currency", "web", properties(currency=None)),
        ("properties", "web", properties(currency=None, content_type=None)),
        ("", "web", {"event": None, "event_time": None, "page": None, "user": PreparedUser()}),
        ("event", "web", {"event_id": None}),
    ],
)
def test_what_an_earlier_finding_explains_is_not_missing(
    earlier: str, source: EventSource, changes: dict[str, Any]
) -> None:
    """A value that could not be read is told once, not a second time as missing."""
    violation = Violation(path=earlier, rule="unreadable", remedy="Cast it.")
    event = replace(GOOD[source], violations=(violation,), **changes)
    assert check(event, rules(source)) == (violation,)


@pytest.mark.parametrize(
    ("earlier", "is_fatal"), [("user.phone_number", True), ("event_time", False), ("event", True)]
)
def test_what_an_earlier_finding_does_not_explain(earlier: str, is_fatal: bool) -> None:
    """A finding elsewhere, or a warning, hides nothing."""
    violation = Violation(path=earlier, rule="unreadable", remedy="Cast it.", is_fatal=is_fatal)
    event = replace(GOOD["web"], violations=(violation,), event_time=None)
    assert [one.rule for one in check(event, rules())] == ["unreadable", "missing"]


def test_currencies_are_those_that_tiktok_lists() -> None:
    """The page prints 63 codes, one of them twice."""
    assert len(CURRENCIES) == 62
    assert {"USD", "EUR", "PHP", "VND"} <= CURRENCIES


@pytest.mark.parametrize(
    "options",
    [
        {"source": "Web"},
        {"max_event_age_s": 0},
        {"max_event_age_s": float("nan")},
        {"max_ahead_s": -1},
        {"offline_keys": ()},
        {"offline_keys": ("mail",)},
        {"offline_keys": ("email", "ip")},
    ],
)
def test_impossible_options(options: dict[str, Any]) -> None:
    """A run with rules that mean nothing does not start."""
    with pytest.raises(ConfigurationError):
        rules(**options)


# --- event source ids -----------------------------------------------------------------------------------

PIXEL = "CSIM0000000000000001"
EVENT_SET = "7000000000000000002"


@pytest.mark.parametrize(
    ("source", "source_id"),
    [("web", PIXEL), ("web", "C4A"), ("app", EVENT_SET), ("offline", EVENT_SET), ("crm", "12345")],
)
def test_event_source_id_that_may_be_right(source: EventSource, source_id: str) -> None:
    """An id of the right shape passes."""
    check_event_source_id(source, source_id)


@pytest.mark.parametrize(
    ("source", "source_id", "words"),
    [
        ("web", EVENT_SET, ["'7000000000000000002'", "pixel code"]),
        ("offline", PIXEL, ["'CSIM0000000000000001'", "offline event set id"]),
        ("crm", PIXEL, ["'CSIM0000000000000001'", "CRM event set id"]),
        ("app", PIXEL, ["'CSIM0000000000000001'", "TikTok App ID"]),
        ("app", "com.example.app", ["'com.example.app'", "app.app_id"]),
        ("web", "", ["(not shown)", "Events Manager"]),
        ("web", f" {PIXEL}", ["(not shown)"]),
        ("web", "{{var.value.pixel}}", ["(not shown)"]),
        ("web", "0123456789abcdef0123456789abcdef01234567", ["(not shown)"]),
        ("offline", None, ["(not shown)"]),
        ("offline", 7, ["(not shown)"]),
        ("shop", PIXEL, ["web, app, offline, crm"]),
    ],
)
def test_event_source_id_that_cannot_be_right(source: Any, source_id: Any, words: list[str]) -> None:
    """The error names the id, what is needed and where it stands; what may be a token is not shown."""
    with pytest.raises(ConfigurationError) as caught:
        check_event_source_id(source, source_id)
    assert all(word in str(caught.value) for word in words)
    assert "0123456789abcdef" not in str(caught.value)


# --- for every input ------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text(max_size=8)
    | st.binary(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)
ANY = JSON | st.builds(Content, content_id=JSON, price=JSON, quantity=JSON)
PROPERTY_NAMES = st.sampled_from(
    ["value", "currency", "content_type", "travel_class", "num_items"]
) | st.text(max_size=4)
ANY_TEXT = st.none() | st.text(st.characters(exclude_categories=()), max_size=12)


@settings(deadline=None)
@given(
    source=st.sampled_from(SOURCES),
    properties=st.dictionaries(PROPERTY_NAMES, ANY, max_size=4),
    contents=ANY | st.lists(ANY, max_size=3),
    content_ids=ANY | st.lists(ANY, max_size=2),
    text=ANY_TEXT,
    when=st.none() | st.integers() | st.floats(),
)
def test_any_event_has_an_answer(
    source: EventSource,
    properties: dict[str, Any],
    contents: list[Any],
    content_ids: list[Any],
    text: Any,
    when: Any,
) -> None:
    """No event raises, each finding is of a rule of the table, and the same event has the same findings."""
    event = PreparedEvent(
        row=1, event=text, event_time=when, event_id=text, page=Page(url=text), lead=Lead(lead_id=text),
        user=PreparedUser(email=(text,) if text else (), ip=text, locale=text, att_status=text, city=text),  # type: ignore[arg-type]
        properties={**properties, "contents": contents, "content_ids": content_ids},
    )  # fmt: skip
    found = check(event, rules(source))
    assert {one.rule for one in found} <= set(RULES)
    assert found == check(event, rules(source))
