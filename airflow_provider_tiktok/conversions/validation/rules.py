# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The rules of the checks that are offered, with what is told of each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from airflow_provider_tiktok.conversions.events import Violation


class Rule(NamedTuple):
    """What is told of one rule.

    :param is_fatal: whether an event that breaks it must not be sent.
    """

    description: str
    remedy: str
    is_fatal: bool = True


SHARED: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "missing": Rule("a required field is absent", "Map this field, or give it a default."),
        "blank": Rule("a required text is blank", "Give a text, or leave the field out."),
        "not_text": Rule("a number or other value stands where text is needed", "Cast the value to text."),
        "not_unicode": Rule("text with half a character", "Give text that UTF-8 can carry."),
        "unresolved_template": Rule(
            "a template placeholder {{...}} was left in a text", "Resolve the placeholder before sending."
        ),
        "email_in_clear": Rule(
            "an e-mail address in a text that leaves as it is",
            "Take the address out of this text: it would leave unhashed.",
        ),
        "too_long": Rule("an event_id of over 256 characters", "Use a shorter id.", is_fatal=False),
        "not_whole": Rule("a number with a fraction where a whole one is needed", "Give a whole number."),
        "not_a_number": Rule("something else where a number is needed", "Give a plain number."),
        "not_finite": Rule("NaN or infinity", "Give a number, or leave the field out."),
        "out_of_range": Rule("a number of implausible size", "Give a number of a plausible size."),
        "negative": Rule("an amount below zero", "Give zero or more."),
        "below_one": Rule("a quantity below one", "Give a quantity of at least 1, or leave it out."),
        "not_two": Rule("a range that is not two numbers", "Give the lowest and the highest number."),
        "not_a_list": Rule("a single value where a list is needed", "Give a list."),
        "not_an_item": Rule("an item of contents that is no Content", "Give every item as a Content."),
        "null": Rule("a null inside properties", "Leave the key out instead."),
        "not_representable": Rule("a value that JSON has no form for", "Cast the value to text or a number."),
        "too_deep": Rule("properties nested more than 12 levels deep", "Flatten the properties."),
        "not_allowed": Rule(
            "a text that is not in the list of allowed ones", "Use one of the allowed texts."
        ),
        "not_an_absolute_url": Rule(
            "a page address without http(s) and host", "Give the whole address, from https:// on."
        ),
        "in_future": Rule(
            "a time more than a few minutes ahead", "Give Unix seconds in UTC, and check clock and time zone."
        ),
        "too_old": Rule(
            "a time longer ago than `max_event_age`",
            "Send events sooner: no event is attributed to a click of more than 28 days before.",
            is_fatal=False,
        ),
        "not_a_currency_code": Rule(
            "a currency that is not three capital letters", "Give the ISO 4217 code, such as USD."
        ),
        "currency_not_listed": Rule(
            "a currency that the destination does not list",
            "Convert to a listed currency, such as USD.",
            is_fatal=False,
        ),
        "value_without_currency": Rule(
            "an amount without a currency", "Map properties.currency, or give it a default.", is_fatal=False
        ),
        "value_missing": Rule(
            "prices of items without the value of the whole",
            "Map properties.value to the order's total, or give every item a price: then it is their sum.",
            is_fatal=False,
        ),
        "not_an_ip": Rule(
            "an ip that is no single address",
            "Give one IPv4 or IPv6 address, without port; the first of a list.",
        ),
        "ip_not_public": Rule(
            "an ip from a private network",
            "Map the visitor's own address, not that of a proxy or load balancer.",
        ),
        "not_a_locale": Rule("a locale not in BCP 47", "Write it with a hyphen, such as en-US."),
        "not_a_digest": Rule(
            "a match key that is no SHA-256 in lower-case hex", "Let identifiers.prepare make the match keys."
        ),
        "hash_of_nothing": Rule("the digest of the empty text", "Leave empty values out before hashing."),
    }
)


def found(
    rule: str,
    path: str,
    *,
    remedy: str = "",
    is_fatal: bool | None = None,
    table: Mapping[str, Rule] = SHARED,
) -> Violation:
    """The violation for a rule of the table, with a better remedy where one is at hand."""
    told = table[rule]
    fatal = told.is_fatal if is_fatal is None else is_fatal
    return Violation(path=path, rule=rule, remedy=remedy or told.remedy, is_fatal=fatal)
