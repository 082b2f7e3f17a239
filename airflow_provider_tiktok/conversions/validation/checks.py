# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The checks that destinations pick from, each of one kind of fault, and what joins those they picked."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from ipaddress import ip_address
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from msgspec import Struct

from airflow_provider_tiktok.conversions.events import (
    ESSENTIAL,
    AttStatus,
    Content,
    PreparedEvent,
    Properties,
    Violation,
)
from airflow_provider_tiktok.conversions.validation.leaving_out import settle, without_groups
from airflow_provider_tiktok.conversions.validation.options import TimeRules
from airflow_provider_tiktok.conversions.validation.representation import (
    find_faults,
    number_fault,
    text_fault,
)
from airflow_provider_tiktok.conversions.validation.rules import found
from airflow_provider_tiktok.conversions.values import is_public

_LONGEST_EVENT_ID: Final = 256
_CURRENCY: Final = re.compile("[A-Z]{3}")
_DIGEST: Final = re.compile("[0-9a-f]{64}")
_DIGEST_OF_NOTHING: Final = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
_LOCALE: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")

ABSENCES: Final = frozenset({"missing", "value_missing", "value_without_currency"})
"""Findings that an earlier room's finding on the same field explains."""

_ATT_STATUSES: Final[tuple[str, ...]] = get_args(AttStatus)
_LISTED: Final[Mapping[str, tuple[str, ...]]] = {
    name: get_args(annotation)
    for name, annotation in get_type_hints(Properties).items()
    if get_origin(annotation) is Literal
}


Check = Callable[[PreparedEvent], Iterator[Violation]]
"""A check of one kind of fault; what it must know beside the event is bound by who picks it."""


class ChosenChecks(Struct, frozen=True, kw_only=True):
    """The checks of one destination, joined.

    :param checks: in the order in which their findings are told.
    :param essential: event paths that an event cannot go without; what else is at fault is left out of it.
    :param absences: rules about what is missing, which an earlier finding on the same field explains.
    :param unsent_groups: groups of fields that are not sent, so that nothing in them keeps an event back.
    """

    checks: tuple[Check, ...]
    essential: frozenset[str] = ESSENTIAL
    absences: frozenset[str] = ABSENCES
    unsent_groups: frozenset[str] = frozenset()

    def __call__(self, event: PreparedEvent) -> tuple[Violation, ...]:
        """Everything that is wrong with the event: what it came with first, then all own findings.

        Nothing is said to be missing where an earlier finding already tells why it is. What the event can
        go without is no fatal finding but one that says that it is to be left out; ``leave_out`` does so.
        """
        own = [settle(finding, essential=self.essential) for check in self.checks for finding in check(event)]
        if not event.violations:
            return tuple(own)
        earlier = without_groups(event.violations, groups=self.unsent_groups)
        return earlier + tuple(one for one in own if not self._is_explained(one, by=earlier))

    def _is_explained(self, finding: Violation, *, by: Sequence[Violation]) -> bool:
        """Whether something is only missing because an earlier room could not read it."""
        return finding.rule in self.absences and any(
            one.is_fatal and _is_within(one.path, finding.path) for one in by
        )


def check_time(event: PreparedEvent, *, times: TimeRules) -> Iterator[Violation]:
    """The time is there, whole seconds, not ahead of the clock, and not too long ago."""
    event_time = event.event_time
    if event_time is None:
        yield found("missing", "event_time", remedy="Map the time at which the event happened.")
        return
    if type(event_time) is not int:
        yield found("not_whole", "event_time")
        return
    oldest, latest = times.bounds()
    if event_time > latest:
        yield found("in_future", "event_time")
    elif event_time < oldest:
        yield found("too_old", "event_time", is_fatal=times.refuse_old)


def check_event_id(event: PreparedEvent) -> Iterator[Violation]:
    """The id is a text to know repeats by; none is missed in an event that is faulty anyway."""
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


def check_digests(event: PreparedEvent, *, names: Iterable[str]) -> Iterator[Violation]:
    """No personal data goes out raw, whoever made the event.

    :param names: the identifiers that leave as digests.
    """
    for name in names:
        given = getattr(event.user, name)
        if not given:
            continue
        for digest in given if isinstance(given, tuple) else (given,):
            if not (isinstance(digest, str) and _DIGEST.fullmatch(digest)):
                yield found("not_a_digest", f"user.{name}")
            elif digest == _DIGEST_OF_NOTHING:
                yield found("hash_of_nothing", f"user.{name}")


def check_ip(event: PreparedEvent) -> Iterator[Violation]:
    """The address is a single public one."""
    if event.user.ip is not None:
        yield from _ip_findings(event.user.ip)


def check_locale(event: PreparedEvent) -> Iterator[Violation]:
    """The language is a tag of BCP 47."""
    if event.user.locale is not None and not _LOCALE.fullmatch(event.user.locale):
        yield found("not_a_locale", "user.locale")


def check_att_status(event: PreparedEvent) -> Iterator[Violation]:
    """The tracking status is one of Apple's."""
    status = event.user.att_status
    if status is not None and status not in _ATT_STATUSES:
        yield found("not_allowed", "user.att_status", remedy=one_of(_ATT_STATUSES))


def check_money(event: PreparedEvent, *, currencies: Collection[str]) -> Iterator[Violation]:
    """Amounts are numbers of at least zero, in a currency of the list."""
    items = enumerate(members(event, "contents"))
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
    elif currency not in currencies:
        yield found("currency_not_listed", "properties.currency")


def check_contents(event: PreparedEvent) -> Iterator[Violation]:
    """Products have ids that are texts, whole quantities, and a type."""
    for name in ("contents", "content_ids"):
        if not isinstance(event.properties.get(name), list | tuple | None):
            yield found("not_a_list", f"properties.{name}")
    ids = [(f"properties.content_ids[{n}]", one) for n, one in enumerate(members(event, "content_ids"))]
    for n, item in enumerate(members(event, "contents")):
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


def check_vehicle(event: PreparedEvent) -> Iterator[Violation]:
    """A mileage has value and unit, and a range of prices is two; neither is below zero."""
    mileage = event.properties.get("mileage")
    if isinstance(mileage, Mapping):
        for part in ("value", "unit"):
            if mileage.get(part) is None:
                yield found("missing", f"properties.mileage.{part}")
        if _amount_fault(mileage.get("value")) == "negative":
            yield found("negative", "properties.mileage.value")
    prices = members(event, "preferred_price_range")
    if len(prices) not in (0, 2):
        yield found("not_two", "properties.preferred_price_range")
    for n, price in enumerate(prices):
        if _amount_fault(price) == "negative":
            yield found("negative", f"properties.preferred_price_range[{n}]")


def check_listed(event: PreparedEvent) -> Iterator[Violation]:
    """Properties with a fixed list of texts have one of it."""
    for name, allowed in _LISTED.items():
        value = event.properties.get(name)
        if value is not None and value not in allowed:
            yield found("not_allowed", f"properties.{name}", remedy=one_of(allowed))


def check_every_value(event: PreparedEvent, *, texts: Mapping[str, Sequence[str]]) -> Iterator[Violation]:
    """Every text and number can be sent: no placeholder, no half character, nothing without bounds.

    :param texts: names of the text fields that are sent, by group; those of the event itself by ``""``.
    """
    for group, names in texts.items():
        given = getattr(event, group) if group else event
        if given is None:
            continue
        for name in names:
            text = getattr(given, name)
            if text is not None and (fault := text_fault(text)):
                yield found(fault, f"{group}.{name}" if group else name)
    for path, rule in find_faults(event.properties):
        yield found(rule, path)


def _is_within(path: str, other: str) -> bool:
    """Whether one path is the other, or holds it; the empty path is the whole event."""
    inner, outer = sorted((path, other), key=len, reverse=True)
    return not outer or inner == outer or inner.startswith((f"{outer}.", f"{outer}["))


def one_of(allowed: Iterable[str]) -> str:
    """An order to use one of these texts."""
    return f"Use one of: {', '.join(allowed)}. Upper and lower case matter."


def members(event: PreparedEvent, name: str) -> Sequence[Any]:
    """The members of a property that is a list, none where it is something else."""
    given = event.properties.get(name)
    return given if isinstance(given, list | tuple) else ()


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
