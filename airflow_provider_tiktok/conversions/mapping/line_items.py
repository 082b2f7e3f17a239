# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The items of an event against its value: what they amount to, and items that TikTok has no form for.

TikTok takes items of at least one whole unit at a price of zero or more. Shops also have lines for discounts
and returns, goods by weight, and a type of content beside each item. Such lines count in the value and change
their form, so that the order is sent and its value is right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Context, Decimal
from typing import Final

from msgspec.structs import replace

from airflow_provider_tiktok.conversions.errors import EventError
from airflow_provider_tiktok.conversions.events import Content, Violation
from airflow_provider_tiktok.conversions.mapping.drafts import Draft
from airflow_provider_tiktok.conversions.mapping.event_paths import CONTENTS, FIELDS, VALUE

_EXACT = Context(prec=400)
"""Digits enough for any sum of products that ``values`` lets through."""

_CURRENCY = "properties.currency"
_AMOUNTS = ("value", "predicted_ltv", "preferred_price_range")
_BEARS_ON_SUM = re.compile(r"properties\.contents(?:\[[0-9]{1,9}\](?P<amount>\.price|\.quantity)?)?")

_NO_PRICE = "Give every row of the group a price, or map properties.value: the sum would be too small."

REMEDIES: Final = {
    "reduction": (
        "This line of a discount or a return is not sent as an item; properties.value counts it where it is "
        "the sum of the items. Map properties.value to the order's total if that is another."
    ),
    "part_of_a_unit": (
        "TikTok takes whole units: the item is sent as one unit at the price of the whole line. Give the "
        "price of a pack and the number of packs to send them as they are."
    ),
    "below_one": "Leave the quantity of items out that nobody bought: TikTok takes at least 1.",
    "types_differ": (
        "Give one properties.content_type, the same for all items: TikTok has one for the whole event."
    ),
    "unknown_currency": (
        "Repair properties.currency: the amounts of this event are not sent, since nobody can say in which "
        "currency they are."
    ),
}
"""What can be said of an event's items here, with what a person can do about it."""


def settle_items(draft: Draft, *, is_summed: bool, is_grouped: bool) -> None:
    """Brings items and value into the form that TikTok takes, and takes down what was changed.

    :param is_summed: whether an absent value is the sum of the items.
    :param is_grouped: whether the run relies on that sum, so that one it cannot make is a fault.
    """
    properties = draft.values["properties"]
    if is_summed and "value" not in properties and FIELDS[VALUE] not in draft.faulty:
        _add_value(draft, is_grouped=is_grouped)
    contents: tuple[Content, ...] = properties.get("contents", ())
    if any(map(_is_odd, contents)):
        _settle_type(draft, contents)
        items = [_settled(item, draft, place) for place, item in enumerate(contents)]
        properties["contents"] = tuple(item for item in items if item is not None)
        if not properties["contents"]:
            del properties["contents"]
    # Rows that disagree about the currency are a fault of their own.
    if any(one.path == _CURRENCY and not one.is_fatal for one in draft.violations):
        _withhold_amounts(draft)


def _is_odd(item: Content) -> bool:
    """Whether an item has anything that TikTok's form has no place for."""
    has_odd_quantity = item.quantity is not None and (type(item.quantity) is not int or item.quantity < 1)
    return has_odd_quantity or item.content_type is not None or (item.price is not None and item.price < 0)


def _add_value(draft: Draft, *, is_grouped: bool) -> None:
    """Sets the value to the sum of the items, if they have prices; one that cannot be made keeps its fault.

    One item without a price among others with one would make the sum too small.
    """
    contents: tuple[Content, ...] = draft.values["properties"].get("contents", ())
    unpriced = [place for place, item in enumerate(contents) if item.price is None]
    is_priced = len(unpriced) < len(contents)
    if _is_spoilt(draft, is_needed=is_grouped or is_priced) or not is_priced:
        return
    if not unpriced and not _counts_nothing(contents):
        draft.values["properties"]["value"] = _sum_of(contents)
    elif is_grouped and unpriced:
        for place in unpriced:
            draft.refuse(f"{CONTENTS}[{place}].price", EventError("missing", remedy=_NO_PRICE))


def _counts_nothing(contents: Sequence[Content]) -> bool:
    """Whether something has a price and of nothing there is a piece: then the quantities say no amounts."""
    return all(item.quantity == 0 for item in contents) and any(item.price for item in contents)


def _is_spoilt(draft: Draft, *, is_needed: bool) -> bool:
    """Whether something of the sum could not be read; then that keeps the event back, as its value would.

    :param is_needed: whether the same goes for whole items: without a price anywhere nothing is summed.
    """
    is_spoilt = False
    for place, one in enumerate(draft.violations):
        match = _BEARS_ON_SUM.fullmatch(one.path)
        if match is None:
            continue
        is_spoilt = True
        if match["amount"] or is_needed:
            draft.violations[place] = replace(one, is_fatal=True)
    return is_spoilt


def _sum_of(contents: Iterable[Content]) -> Decimal:
    total = Decimal(0)
    for item in contents:
        total = _EXACT.add(total, _amount_of(item))
    return total


def _amount_of(item: Content) -> Decimal:
    quantity = Decimal(1 if item.quantity is None else item.quantity)
    return _EXACT.multiply(Decimal(0) if item.price is None else item.price, quantity)


def _settle_type(draft: Draft, contents: Sequence[Content]) -> None:
    """Moves the type of content from the items to the event, where it is one."""
    types = {item.content_type for item in contents if item.content_type is not None}
    if not types:
        return
    own = draft.values["properties"].setdefault("content_type", min(types)) if len(types) == 1 else None
    if own in types:
        return
    for place, item in enumerate(contents):
        if item.content_type is not None:
            _warn(draft, f"{CONTENTS}[{place}].content_type", "types_differ")


def _settled(item: Content, draft: Draft, place: int) -> Content | None:
    """The item in TikTok's form, ``None`` for a line that is no item."""
    item = replace(item, content_type=None)
    price, quantity = item.price, item.quantity
    if (price is not None and price < 0) or (quantity is not None and quantity < 0):
        _warn(draft, f"{CONTENTS}[{place}]", "reduction")
        return None
    if quantity is None or (type(quantity) is int and quantity >= 1):
        return item
    if quantity == 0:
        _warn(draft, f"{CONTENTS}[{place}].quantity", "below_one")
        return replace(item, quantity=None)
    _warn(draft, f"{CONTENTS}[{place}].quantity", "part_of_a_unit")
    if price is None:
        return replace(item, quantity=None)
    return replace(item, price=_amount_of(item), quantity=1)


def _withhold_amounts(draft: Draft) -> None:
    """Leaves out amounts whose currency was given and cannot be read: TikTok would take them in another."""
    properties = draft.values["properties"]
    contents: tuple[Content, ...] = properties.get("contents", ())
    amounts = [properties.pop(name, None) for name in _AMOUNTS]
    if any(amount is not None for amount in (*amounts, *(item.price for item in contents))):
        _warn(draft, VALUE, "unknown_currency")
    if contents:
        properties["contents"] = tuple(replace(item, price=None) for item in contents)


def _warn(draft: Draft, path: str, rule: str) -> None:
    draft.violations.append(Violation(path, rule, REMEDIES[rule], is_fatal=False))
