# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Every rule of this room, with what is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from airflow_provider_tiktok.conversions.event_names import NameStatus
from airflow_provider_tiktok.conversions.events import Violation


class _Rule(NamedTuple):
    """What is told of one rule.

    :param is_fatal: whether an event that breaks it must not be sent.
    """

    description: str
    remedy: str
    is_fatal: bool = True


_RULES: Final[Mapping[str, _Rule]] = MappingProxyType(
    {
        "missing": _Rule("a required field is absent", "Map this field, or give it a default."),
        "blank": _Rule("a required text is blank", "Give a text, or leave the field out."),
        "not_text": _Rule("a number or other value stands where text is needed", "Cast the value to text."),
        "not_unicode": _Rule("text with half a character", "Give text that UTF-8 can carry."),
        "unresolved_template": _Rule(
            "a template placeholder {{...}} was left in a text", "Resolve the placeholder before sending."
        ),
        "email_in_clear": _Rule(
            "an e-mail address in a text that leaves as it is",
            "Take the address out of this text: it would reach TikTok unhashed.",
        ),
        "too_long": _Rule("an event_id of over 256 characters", "Use a shorter id.", is_fatal=False),
        "not_whole": _Rule("a number with a fraction where a whole one is needed", "Give a whole number."),
        "not_a_number": _Rule("something else where a number is needed", "Give a plain number."),
        "not_finite": _Rule("NaN or infinity", "Give a number, or leave the field out."),
        "out_of_range": _Rule("a number of implausible size", "Give a number of a plausible size."),
        "negative": _Rule("an amount below zero", "Give zero or more."),
        "below_one": _Rule("a quantity below one", "Give a quantity of at least 1, or leave it out."),
        "not_two": _Rule("a range that is not two numbers", "Give the lowest and the highest number."),
        "not_a_list": _Rule("a single value where a list is needed", "Give a list."),
        "not_an_item": _Rule("an item of contents that is no Content", "Give every item as a Content."),
        "null": _Rule("a null inside properties", "Leave the key out instead."),
        "not_representable": _Rule(
            "a value that JSON has no form for", "Cast the value to text or a number."
        ),
        "too_deep": _Rule("properties nested more than 12 levels deep", "Flatten the properties."),
        "not_allowed": _Rule(
            "a text that is not in the list of allowed ones", "Use one of the allowed texts."
        ),
        "not_an_absolute_url": _Rule(
            "a page address without http(s) and host", "Give the whole address, from https:// on."
        ),
        "not_for_this_source": _Rule(
            "a field that TikTok documents for other event sources only",
            "Do not map this field for this event source.",
        ),
        "no_match_key": _Rule(
            "nothing in the event tells whose it is",
            "Map an identifier of the person: TikTok cannot match this event to anybody.",
            is_fatal=False,
        ),
        "external_id_alone": _Rule(
            "an offline event known by external_id only",
            "Map email or phone as well: TikTok's help asks for one of them with offline events.",
            is_fatal=False,
        ),
        "in_future": _Rule(
            "a time more than a few minutes ahead", "Give Unix seconds in UTC, and check clock and time zone."
        ),
        "too_old": _Rule(
            "a time longer ago than TikTok attributes events",
            "Send events sooner: TikTok attributes no event to a click of more than 28 days before.",
            is_fatal=False,
        ),
        "not_a_currency_code": _Rule(
            "a currency that is not three capital letters", "Give the ISO 4217 code, such as USD."
        ),
        "currency_not_listed": _Rule(
            "a currency that TikTok does not list",
            "Convert to a listed currency, such as USD.",
            is_fatal=False,
        ),
        "value_without_currency": _Rule(
            "an amount without a currency", "Map properties.currency, or give it a default.", is_fatal=False
        ),
        "value_missing": _Rule(
            "prices of items without the value of the whole",
            "Map properties.value to the order's total, or give every item a price: then it is their sum.",
            is_fatal=False,
        ),
        "content_type_missing": _Rule(
            "content ids without content_type",
            "Give properties.content_type: 'product' for ids of SKUs, 'product_group' for item_group_ids.",
            is_fatal=False,
        ),
        "not_an_ip": _Rule(
            "an ip that is no single address",
            "Give one IPv4 or IPv6 address, without port; the first of a list.",
        ),
        "ip_not_public": _Rule(
            "an ip from a private network",
            "Map the visitor's own address, not that of a proxy or load balancer.",
        ),
        "not_a_locale": _Rule("a locale not in BCP 47", "Write it with a hyphen, such as en-US."),
        "not_a_digest": _Rule(
            "a match key that is no SHA-256 in lower-case hex", "Let identifiers.prepare make the match keys."
        ),
        "hash_of_nothing": _Rule("the digest of the empty text", "Leave empty values out before hashing."),
        NameStatus.WRONG_CASE: _Rule("a standard event name in the wrong case", ""),
        NameStatus.NOT_STANDARD: _Rule("a custom event name where only standard ones are taken", ""),
        NameStatus.RENAMED: _Rule("an event name that TikTok renamed", "", is_fatal=False),
        NameStatus.RETIRING: _Rule("an event name that TikTok is about to retire", "", is_fatal=False),
        NameStatus.RESERVED: _Rule("a custom event name that TikTok maps by itself", "", is_fatal=False),
        NameStatus.STANDARD_ELSEWHERE: _Rule(
            "an event name that is standard for other event sources only", "", is_fatal=False
        ),
        NameStatus.LOOKS_STANDARD: _Rule(
            "a custom event name that differs from a standard one in separators only", "", is_fatal=False
        ),
    }
)

RULES: Final[Mapping[str, str]] = MappingProxyType({str(name): r.description for name, r in _RULES.items()})
"""Every rule of this room, rule → description."""


def found(rule: str, path: str, *, remedy: str = "", is_fatal: bool | None = None) -> Violation:
    """The violation for a rule of the table, with a better remedy where one is at hand."""
    told = _RULES[rule]
    fatal = told.is_fatal if is_fatal is None else is_fatal
    return Violation(path=path, rule=rule, remedy=remedy or told.remedy, is_fatal=fatal)
