# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The checks, each of one kind of fault, in the order in which their findings are told."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from ipaddress import ip_address
from typing import Any, Final, Literal, NamedTuple, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

from msgspec import Struct

from airflow_provider_tiktok.conversions import event_names
from airflow_provider_tiktok.conversions.events import (
    Ad,
    App,
    AttStatus,
    Content,
    Lead,
    Page,
    PreparedEvent,
    Properties,
    Violation,
)
from airflow_provider_tiktok.conversions.validation.applicability import (
    GROUP_SOURCES,
    INAPPLICABLE_KEYS,
    LIMITED_DATA_USE_SOURCES,
    MATCH_KEYS,
    USER_KEY_SOURCES,
    USER_KEYS,
)
from airflow_provider_tiktok.conversions.validation.leaving_out import settle, without_other_sources
from airflow_provider_tiktok.conversions.validation.options import ValidationRules
from airflow_provider_tiktok.conversions.validation.representation import (
    find_faults,
    number_fault,
    text_fault,
)
from airflow_provider_tiktok.conversions.validation.rules import found
from airflow_provider_tiktok.conversions.values import is_public

_LISTED_CURRENCIES: Final = """
    AED ARS AUD BDT BHD BIF BOB BRL CAD CHF CLP CNY COP CRC CZK DKK DZD EGP EUR GBP GTQ HKD HNL HUF IDR ILS
    INR ISK JPY KES KHR KRW KWD KZT MAD MOP MXN MYR NGN NIO NOK NZD OMR PEN PHP PKR PLN PYG QAR RON RUB SAR
    SEK SGD THB TRY TWD UAH USD VES VND ZAR
"""
CURRENCIES: Final = frozenset(_LISTED_CURRENCIES.split())
"""The 62 currencies that TikTok lists."""

_LONGEST_EVENT_ID: Final = 256
_ABSOLUTE_URL: Final = re.compile(r"(?i:https?)://(?:[^\s/?#@]*@)?[^\s/?#@:]\S*")
_HAS_A_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,30}://[^\s/]\S*")
"""A referrer may be an app: ``android-app://com.example``."""
_CURRENCY: Final = re.compile("[A-Z]{3}")
_DIGEST: Final = re.compile("[0-9a-f]{64}")
_DIGEST_OF_NOTHING: Final = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
_LOCALE: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")

# Findings that an earlier room's finding on the same field explains.
_ABSENCES: Final = frozenset(
    {
        "missing",
        "no_match_key",
        "external_id_alone",
        "value_missing",
        "value_without_currency",
        "content_type_missing",
    }
)

_ATT_STATUSES: Final[tuple[str, ...]] = get_args(AttStatus)
_EMPTY: Final[Mapping[str, Struct]] = {"page": Page(), "app": App(), "ad": Ad(), "lead": Lead()}
_DIGEST_KEYS: Final = ("email", "phone", "external_id", "first_name", "last_name", "zip_code")

_TEXT_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "": ("event", "event_id"),
    "user": tuple(name for name in USER_KEYS if name not in _DIGEST_KEYS),
    **{
        group: tuple(name for name, kind in get_type_hints(type(empty)).items() if kind == str | None)
        for group, empty in _EMPTY.items()
    },
}

_LISTED: Final[Mapping[str, tuple[str, ...]]] = {
    name: get_args(annotation)
    for name, annotation in get_type_hints(Properties).items()
    if get_origin(annotation) is Literal
}


Check = Callable[[PreparedEvent, ValidationRules], Iterator[Violation]]
"""A check of one kind of fault, for destinations to pick from."""


class _Required(NamedTuple):
    """The one field that an event source cannot do without, beside name and time."""

    path: str
    remedy: str
    value: Callable[[PreparedEvent], object]
    applies: Callable[[ValidationRules], bool] = lambda _: True


_REQUIRED: Final[Mapping[str, _Required]] = {
    "web": _Required(
        "page.url",
        "Map the address of the page where the event happened.",
        value=lambda event: event.page and event.page.url,
        applies=lambda rules: rules.require_page_url,
    ),
    "app": _Required(
        "app.app_id",
        "Map the App Store number or the Play package name, or give it as a default.",
        value=lambda event: event.app and event.app.app_id,
    ),
    "crm": _Required(
        "lead.lead_id",
        "Map the lead's id from TikTok's lead export.",
        value=lambda event: event.lead and event.lead.lead_id,
        applies=lambda rules: rules.require_lead_id,
    ),
}


def check(
    event: PreparedEvent, rules: ValidationRules, *, checks: Sequence[Check] | None = None
) -> tuple[Violation, ...]:
    """Everything that is wrong with the event: what it came with first, then all own findings.

    Nothing is said to be missing where an earlier finding already tells why it is. What the event can go
    without is no fatal finding but one that says that it is to be left out; ``leave_out`` does so.

    :param checks: of the destination's choice; ``None`` for those of TikTok.
    """
    own = [
        settle(finding) for rule in (TIKTOK if checks is None else checks) for finding in rule(event, rules)
    ]
    if not event.violations:
        return tuple(own)
    earlier = without_other_sources(event.violations, event_source=rules.event_source)
    return earlier + tuple(one for one in own if not _is_explained(one, by=earlier))


def _check_name(event: PreparedEvent, rules: ValidationRules) -> Iterator[Violation]:
    """The name is there, and TikTok counts it as what it says."""
    if not event.event:
        yield found(
            "missing", "event", remedy="Map the event's name, or give it a default such as 'Purchase'."
        )
        return
    finding = event_names.find(rules.event_source, event.event, extra=rules.extra_event_names)
    if finding.status not in event_names.FINE:
        yield found(str(finding.status), "event", remedy=finding.remedy)


def check_time(event: PreparedEvent, rules: ValidationRules) -> Iterator[Violation]:
    """The time is there, whole seconds, not ahead of the clock, and not too long ago."""
    event_time = event.event_time
    if event_time is None:
        yield found("missing", "event_time", remedy="Map the time at which the event happened.")
        return
    if type(event_time) is not int:
        yield found("not_whole", "event_time")
        return
    now = rules.now()
    if event_time > now + rules.max_ahead_s:
        yield found("in_future", "event_time")
    elif event_time < now - rules.max_event_age_s:
        yield found("too_old", "event_time", is_fatal=rules.refuse_old)


def check_event_id(event: PreparedEvent, _rules: ValidationRules) -> Iterator[Violation]:
    """The id is a text that TikTok can know repeats by; none is missed in an event that is faulty anyway."""
    event_id: object = event.event_id
    if event_id is None:
        if not any(one.is_fatal for one in event.violations):
            yield found(
                "missing", "event_id", remedy="Map an id that is the same whenever the event is sent."
            )
    elif isinstance(event_id, str) and not event_id.strip():
        yield found("blank", "event_id")
    elif isinstance(event_id, str) and len(event_id) > _LONGEST_EVENT_ID:
        yield found("too_long", "event_id")


def _check_required(event: PreparedEvent, rules: ValidationRules) -> Iterator[Violation]:
    """The fields that the event source cannot do without."""
    url = event.page.url if event.page and rules.event_source in GROUP_SOURCES["page"] else None
    if url is not None and not _is_absolute(url):
        yield found("not_an_absolute_url", "page.url")
    referrer = event.page.referrer if event.page else None
    if isinstance(referrer, str) and not _HAS_A_SCHEME.match(referrer):
        yield found("not_an_absolute_url", "page.referrer")
    required = _REQUIRED.get(rules.event_source)
    if required is not None and required.applies(rules) and not required.value(event):
        yield found("missing", required.path, remedy=required.remedy)


def _check_groups(event: PreparedEvent, rules: ValidationRules) -> Iterator[Violation]:
    """Groups of fields and match keys stand only where TikTok documents them."""
    for name, sources in GROUP_SOURCES.items():
        group = getattr(event, name)
        if group is not None and rules.event_source not in sources and group != _EMPTY[name]:
            yield _left_out(name, sources=sources)
    for name in INAPPLICABLE_KEYS[rules.event_source]:
        if getattr(event.user, name):
            yield _left_out(f"user.{name}", sources=USER_KEY_SOURCES[name])
    if event.limited_data_use is not None and rules.event_source not in LIMITED_DATA_USE_SOURCES:
        yield _left_out("limited_data_use", sources=LIMITED_DATA_USE_SOURCES)


def _check_identity(event: PreparedEvent, rules: ValidationRules) -> Iterator[Violation]:
    """Something tells whose event it is. A crm event has its lead for that."""
    has_lead = rules.event_source == "crm" and (rules.require_lead_id or event.lead is not None)
    if rules.event_source == "offline":
        if not any(getattr(event.user, name) for name in rules.offline_keys):
            remedy = f"Map one of: {', '.join(rules.offline_keys)}."
            yield found("no_match_key", "user", remedy=remedy, is_fatal=True)
        elif event.user.external_id and not (event.user.email or event.user.phone):
            yield found("external_id_alone", "user")
    elif not has_lead and not any(getattr(event.user, name) for name in MATCH_KEYS[rules.event_source]):
        yield found("no_match_key", "user")


def _check_digests(event: PreparedEvent, _rules: ValidationRules) -> Iterator[Violation]:
    """No personal data goes out raw, whoever made the event."""
    for name in _DIGEST_KEYS:
        given = getattr(event.user, name)
        if not given:
            continue
        for digest in given if isinstance(given, tuple) else (given,):
            if not (isinstance(digest, str) and _DIGEST.fullmatch(digest)):
                yield found("not_a_digest", f"user.{name}")
            elif digest == _DIGEST_OF_NOTHING:
                yield found("hash_of_nothing", f"user.{name}")


def check_user_texts(event: PreparedEvent, _rules: ValidationRules) -> Iterator[Violation]:
    """Address, language and tracking status have the shapes that TikTok reads."""
    user = event.user
    if user.ip is not None:
        yield from _ip_findings(user.ip)
    if user.locale is not None and not _LOCALE.fullmatch(user.locale):
        yield found("not_a_locale", "user.locale")
    if user.att_status is not None and user.att_status not in _ATT_STATUSES:
        yield found("not_allowed", "user.att_status", remedy=_one_of(_ATT_STATUSES))


def check_money(event: PreparedEvent, _rules: ValidationRules) -> Iterator[Violation]:
    """Amounts are numbers of at least zero, in a currency that TikTok knows."""
    items = enumerate(_listed(event, "contents"))
    prices = [(f"properties.contents[{n}].price", one.price) for n, one in items if isinstance(one, Content)]
    amounts = [("properties.value", event.properties.get("value")), *prices]
    for path, amount in amounts:
        fault = _amount_fault(amount)
        if fault is not None:
            yield found(fault, path)
    if event.properties.get("value") is None and any(price is not None for _, price in prices):
        # Items that keep the event back say already why there is no sum.
        explained = (one.is_fatal and one.path.startswith("properties.contents") for one in event.violations)
        if not any(explained):
            yield found("value_missing", "properties.value")
    currency = event.properties.get("currency")
    if currency is None:
        if any(amount is not None for _, amount in amounts):
            yield found("value_without_currency", "properties.currency")
    elif not (isinstance(currency, str) and _CURRENCY.fullmatch(currency)):
        yield found("not_a_currency_code", "properties.currency")
    elif currency not in CURRENCIES:
        yield found("currency_not_listed", "properties.currency")


def check_contents(event: PreparedEvent, _rules: ValidationRules) -> Iterator[Violation]:
    """Products have ids that are texts, whole quantities, and a type."""
    for name in ("contents", "content_ids"):
        if not isinstance(event.properties.get(name), list | tuple | None):
            yield found("not_a_list", f"properties.{name}")
    ids = [(f"properties.content_ids[{n}]", one) for n, one in enumerate(_listed(event, "content_ids"))]
    for n, item in enumerate(_listed(event, "contents")):
        path = f"properties.contents[{n}]"
        if not isinstance(item, Content):
            yield found("not_an_item", path)
            continue
        if item.content_id is not None:
            ids.append((f"{path}.content_id", item.content_id))
        fault = _quantity_fault(item.quantity)
        if fault is not None:
            yield found(fault, f"{path}.quantity")
    fault = _quantity_fault(event.properties.get("num_items"))
    if fault is not None:
        yield found(fault, "properties.num_items")
    yield from (found("not_text", path) for path, one in ids if not isinstance(one, str))


def _check_content_type(event: PreparedEvent, _rules: ValidationRules) -> Iterator[Violation]:
    """Products that TikTok is to find in a catalogue say what their ids are of."""
    items = (item for item in _listed(event, "contents") if isinstance(item, Content))
    has_ids = _listed(event, "content_ids") or any(item.content_id is not None for item in items)
    if has_ids and not event.properties.get("content_type"):
        yield found("content_type_missing", "properties.content_type")


def check_vehicle(event: PreparedEvent, _rules: ValidationRules) -> Iterator[Violation]:
    """A mileage has value and unit, and a range of prices is two; neither is below zero."""
    mileage = event.properties.get("mileage")
    if isinstance(mileage, Mapping):
        for part in ("value", "unit"):
            if mileage.get(part) is None:
                yield found("missing", f"properties.mileage.{part}")
        if _amount_fault(mileage.get("value")) == "negative":
            yield found("negative", "properties.mileage.value")
    prices = _listed(event, "preferred_price_range")
    if len(prices) not in (0, 2):
        yield found("not_two", "properties.preferred_price_range")
    for n, price in enumerate(prices):
        if _amount_fault(price) == "negative":
            yield found("negative", f"properties.preferred_price_range[{n}]")


def check_listed(event: PreparedEvent, _rules: ValidationRules) -> Iterator[Violation]:
    """Properties with a fixed list of texts have one of it."""
    for name, allowed in _LISTED.items():
        value = event.properties.get(name)
        if value is not None and value not in allowed:
            yield found("not_allowed", f"properties.{name}", remedy=_one_of(allowed))


def check_every_value(event: PreparedEvent, rules: ValidationRules) -> Iterator[Violation]:
    """Every text and number can be sent: no placeholder, no half character, nothing without bounds.

    Groups that the event source does not take are not sent, and not asked.
    """
    for group, names in _TEXT_FIELDS.items():
        if rules.event_source not in GROUP_SOURCES.get(group, (rules.event_source,)):
            continue
        given = getattr(event, group) if group else event
        if given is None:
            continue
        for name in names:
            text = getattr(given, name)
            if text is not None and (fault := text_fault(text)):
                yield found(fault, f"{group}.{name}" if group else name)
    for path, rule in find_faults(event.properties):
        yield found(rule, path)


TIKTOK: Final[tuple[Check, ...]] = (
    _check_name,
    check_time,
    check_event_id,
    _check_required,
    _check_groups,
    _check_identity,
    _check_digests,
    check_user_texts,
    check_money,
    check_contents,
    _check_content_type,
    check_vehicle,
    check_listed,
    check_every_value,
)


def _is_explained(finding: Violation, *, by: Sequence[Violation]) -> bool:
    """Whether something is only missing because an earlier room could not read it."""
    return finding.rule in _ABSENCES and any(
        one.is_fatal and _is_within(one.path, finding.path) for one in by
    )


def _is_within(path: str, other: str) -> bool:
    """Whether one path is the other, or holds it; the empty path is the whole event."""
    inner, outer = sorted((path, other), key=len, reverse=True)
    return not outer or inner == outer or inner.startswith((f"{outer}.", f"{outer}["))


def _left_out(path: str, *, sources: Iterable[str]) -> Violation:
    """The warning for a field that the wire form leaves out for this event source."""
    remedy = f"TikTok documents this for {_spoken(sources)} only, so it is not sent with these events."
    return found("not_for_this_source", path, remedy=remedy, is_fatal=False)


def _spoken(sources: Iterable[str]) -> str:
    return " and ".join(sorted(sources))


def _one_of(allowed: Iterable[str]) -> str:
    return f"Use one of: {', '.join(allowed)}. Upper and lower case matter."


def _listed(event: PreparedEvent, name: str) -> Sequence[Any]:
    """The members of a property that is a list, none where it is something else."""
    members = event.properties.get(name)
    return members if isinstance(members, list | tuple) else ()


def _is_absolute(url: str) -> bool:
    """Whether the address has its scheme and host; brackets must hold a whole IPv6 address."""
    if not _ABSOLUTE_URL.fullmatch(url):
        return False
    try:
        return "[" not in url or bool(urlsplit(url).hostname)
    except ValueError:
        return False


def _amount_fault(amount: object) -> str | None:
    """The broken rule; numbers that are not finite are told by the walk over all values."""
    if amount is None:
        return None
    if isinstance(amount, bool) or not isinstance(amount, int | float | Decimal):
        return "not_a_number"
    return "negative" if number_fault(amount) is None and amount < 0 else None


def _quantity_fault(quantity: object) -> str | None:
    if quantity is None:
        return None
    if isinstance(quantity, bool) or not isinstance(quantity, int):
        return "not_whole"
    return "below_one" if quantity < 1 else None


def _ip_findings(text: str) -> Iterator[Violation]:
    """A zone ("%eth0") names an interface of one machine, so such an address is refused too."""
    try:
        address = ip_address(text)
    except ValueError:
        yield found("not_an_ip", "user.ip")
        return
    if "%" in text:
        yield found("not_an_ip", "user.ip")
    elif not is_public(address):
        yield found("ip_not_public", "user.ip")
