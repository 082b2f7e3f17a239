# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Why an identifier is left out, and what keeps an event back."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

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
        "unresolved_template": "A template placeholder {{...}} was left in the value: resolve it first.",
    }
)
"""What keeps an event back, rule → remedy."""

DROP_REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "all_zero": "a device id of zeros stands for a device that gives none",
        "hash_of_nothing": "a digest of the empty text would make one person of many",
        "hashed_but_must_be_plain": "TikTok takes this field plain only, and it came as a digest",
        "no_country_code": "a phone number without a country code, and no default_region to read it by",
        "not_a_country_code": "a country that is not two letters of ISO 3166",
        "not_a_phone": "a phone number with letters, too few or too many digits, or a leading zero",
        "not_an_advertising_id": "an advertising id that is no UUID",
        "not_an_email": "an e-mail address without exactly one @ between two parts, or with blanks inside",
        "not_unicode": "text with half a character, which cannot be written in UTF-8",
        "other_digest": "a digest that is no SHA-256, such as MD5, which TikTok cannot use",
        "not_an_ip": "an ip without a single address in it",
        "ip_not_public": "an ip from a private network, or this machine's own",
        "not_a_locale": "a language that is not a tag of BCP 47, nor a list of them",
        "not_a_tracking_status": "a tracking status that is none of Apple's",
        "nothing_left": "nothing was left once spaces and punctuation were taken out",
    }
)
"""Why an identifier is left out, reason → description."""
