# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Why an identifier is left out, and what keeps an event back."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from airflow_provider_tiktok.conversions.events import Drop
from airflow_provider_tiktok.conversions.values import NULL_MARKER, NULL_MARKER_REMEDY

FAULTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "already_hashed": (
            "The run says identifiers are raw, but this one is a digest: give the raw value, or set the "
            "identity policy to 'auto' or 'hashed'."
        ),
        "not_hashed": (
            "This identifier is said to be hashed but is not a SHA-256 in 64 hex digits: hash it so, or "
            "set the identity policy to 'auto'."
        ),
    }
)
"""What keeps an event back, rule → remedy."""


class _Reason(NamedTuple):
    """Why a value is left out, and what a person can do about it."""

    description: str
    remedy: str


_WITH_COUNTRY: Final = "Write numbers with + and country code"

_REASONS: Final[Mapping[str, _Reason]] = MappingProxyType(
    {
        NULL_MARKER: _Reason("a text that stands for no value, such as NULL or N/A", NULL_MARKER_REMEDY),
        "unresolved_template": _Reason(
            "a template placeholder {{...}} that nobody filled in", "Resolve the placeholder before sending."
        ),
        "all_zero": _Reason(
            "a device id of zeros stands for a device that gives none",
            "Nothing to repair: the owner of the device does not share its id.",
        ),
        "hash_of_nothing": _Reason(
            "a digest of the empty text or of a null marker would make one person of many",
            "Leave empty values and null markers out before hashing.",
        ),
        "hashed_but_must_be_plain": _Reason(
            "TikTok takes this field plain only, and it came as a digest",
            "Map the plain value, or do not map this field.",
        ),
        "other_digest": _Reason(
            "a digest that is not a SHA-256 in hex, such as MD5, SHA-1 or Base64, which TikTok cannot use",
            "Map the raw value, or its SHA-256 in 64 hex digits.",
        ),
        "not_unicode": _Reason(
            "text with half a character, which cannot be written in UTF-8", "Export the text in UTF-8."
        ),
        "nothing_left": _Reason(
            "nothing was left once spaces and punctuation were taken out",
            "Check that the right column is mapped.",
        ),
        "not_an_email": _Reason(
            "a text that is not one e-mail address, or several set apart by commas or semicolons",
            "Write addresses as name@example.com, without blanks and brackets.",
        ),
        "masked": _Reason(
            "an e-mail address or telephone number with stars or dots in place of some characters",
            "Map the column with the whole value, or with its SHA-256.",
        ),
        "no_country_code": _Reason(
            "a phone number without a country code, and neither phone_region, user.country nor "
            "default_region to read it by",
            f"{_WITH_COUNTRY}, map phone_region or user.country, or set `default_region`.",
        ),
        "unknown_phone_country": _Reason(
            "a phone number without a country code in a row whose country is not a code of ISO 3166",
            f"{_WITH_COUNTRY}, or map phone_region to a column of codes such as US or USA.",
        ),
        "not_a_phone": _Reason(
            "a phone number with letters or signs, with digits lost in a float, or of no country's plan",
            f"{_WITH_COUNTRY}, as text, one number in a cell.",
        ),
        "no_such_number": _Reason(
            "a phone number of a length that its country does not have, or a national one beyond its plan",
            f"{_WITH_COUNTRY}, and check that `default_region` or the row's country is the number's own.",
        ),
        "ambiguous_phone": _Reason(
            "a phone number that is a good one with and without its country code",
            f"{_WITH_COUNTRY}: without the + this one can be read in two ways.",
        ),
        "placeholder": _Reason(
            "a phone number of one digit over and over, or of digits in a row, which people type to get on",
            "Nothing to repair: nobody has this number.",
        ),
        "not_a_country_code": _Reason(
            "a country that is not a code of ISO 3166",
            "Map a column of two-letter codes, such as GB for the United Kingdom.",
        ),
        "not_an_advertising_id": _Reason(
            "an advertising id that is not a UUID", "Map the device's advertising id as the device gives it."
        ),
        "not_an_ip": _Reason(
            "an ip without a single address in it", "Map the visitor's address: one IPv4 or IPv6 address."
        ),
        "ip_not_public": _Reason(
            "an ip from a private network, or this machine's own",
            "Map the visitor's own address, not that of a proxy or load balancer.",
        ),
        "not_a_locale": _Reason(
            "a language that is not a tag of BCP 47, nor a list of them",
            "Write it with a hyphen, such as en-US.",
        ),
        "not_a_tracking_status": _Reason(
            "a tracking status that is none of Apple's",
            "Give AUTHORIZED, DENIED, RESTRICTED or NOT_DETERMINED.",
        ),
    }
)

DROP_REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {name: reason.description for name, reason in _REASONS.items()}
)
"""Why a value is left out, reason → description."""

DROP_REMEDIES: Final[Mapping[str, str]] = MappingProxyType(
    {name: reason.remedy for name, reason in _REASONS.items()}
)
"""What a person can do about it, reason → remedy."""


def dropped(path: str, reason: str) -> Drop:
    """The finding for a reason of the table, with its remedy."""
    return Drop(path, reason, DROP_REMEDIES[reason])
