# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Identifiers for the first retrieval of an envelope, in LiveRamp's normalisation, which is not TikTok's.

TikTok hashes an address as it is; LiveRamp's clients fold it first. A digest made for TikTok names nobody at
LiveRamp, so digests are never taken here: every value is raw, and leaves this room hashed.

Sources: LiveRamp, "Call the ATS envelope API" and "ATS API implementation guide for mobile publishers", read
2026-11. The folding of tags and dots is not on those pages; LiveRamp's published mobile clients do it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from airflow_provider_tiktok.conversions.values import PEOPLE

EMAIL, PHONE, CUSTOM_ID = 4, 11, 15
"""Identifier types of the envelope API: hashed e-mail, hashed phone, custom id."""

Identifier = tuple[int, str]
"""Identifier type and value, as the envelope API takes them."""

_LONGEST_ADDRESS: Final = 254
_LONGEST_NUMBER: Final = 40
_GMAIL: Final = frozenset({"gmail.com", "googlemail.com"})
_DIGEST: Final = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")
_CUSTOM_ID_SHAPE: Final = re.compile(r"[^\s:@+]+:[^\s:@+]+")
_ADDRESS: Final = re.compile(
    r"[a-z0-9!#$%&'*/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*/=?^_`{|}~-]+)*(?:\+[^@\s]{0,64})?@"
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}"
)
"""An address in LiveRamp's lower case, a tag behind a plus included. Quoted and non-Latin ones are left out:
what cannot be read for certain is not hashed."""
_NORTH_AMERICAN: Final = re.compile(r"(?!([0-9])\1{9})[2-9][0-9]{2}[2-9][0-9]{6}")
_SEPARATORS: Final = re.compile(r"[\s().\-/]+")


def email_identifiers(address: str, *, is_folded: bool = True) -> tuple[Identifier, ...]:
    """All three digests that LiveRamp matches an e-mail address by; none for what is no address.

    :param is_folded: whether a tag (``+shop``) is dropped from the part before the ``@``, and the dots of
        Gmail's addresses.
    """
    address = address.strip().lower()
    if len(address) > _LONGEST_ADDRESS or not _ADDRESS.fullmatch(address):
        return ()
    local, _, domain = address.partition("@")
    if is_folded:
        local = local.partition("+")[0]
        local = local.replace(".", "") if domain in _GMAIL else local
    text = f"{local}@{domain}".encode()
    return tuple((EMAIL, digest(text)) for digest in (_sha256, _sha1, _md5))


def phone_identifiers(number: str) -> tuple[Identifier, ...]:
    """The SHA-1 of a number's ten digits; none for numbers outside of the North American plan."""
    digits = _SEPARATORS.sub("", number.strip()[:_LONGEST_NUMBER])
    if digits.startswith("+1"):
        digits = digits.removeprefix("+")
    if len(digits) == 11:
        digits = digits.removeprefix("1")
    if not _NORTH_AMERICAN.fullmatch(digits):
        return ()
    return ((PHONE, _sha1(digits.encode())),)


def custom_identifiers(custom_id: str) -> tuple[Identifier, ...]:
    """A custom id as it is, ``ANA_ID:CUSTOM_ID``; none for what may be an address or a number.

    It travels unhashed, and only publishers that LiveRamp has set up for it may use it.
    """
    text = custom_id.strip()
    is_somebody = _CUSTOM_ID_SHAPE.fullmatch(text) and not any(map(PEOPLE.holds, text.split(":")))
    return ((CUSTOM_ID, text),) if is_somebody else ()


_MAKERS: Final[Mapping[str, Callable[[str], tuple[Identifier, ...]]]] = MappingProxyType(
    {"phone": phone_identifiers, "custom_id": custom_identifiers}
)


def identifiers_of(
    *, email: str | None, phone: str | None, custom_id: str | None, is_folded: bool = True
) -> tuple[Identifier, ...]:
    """The first of e-mail, phone and custom id that is of use, as LiveRamp takes it; none for none.

    One kind only: what LiveRamp does with identifiers that point at different people is not documented.
    """
    if email and not _DIGEST.fullmatch(email.strip()):
        found = email_identifiers(email, is_folded=is_folded)
        if found:
            return found
    given = {"phone": phone, "custom_id": custom_id}
    return next((found for name, make in _MAKERS.items() if (found := make(given[name] or ""))), ())


def _sha256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def _sha1(text: bytes) -> str:
    return hashlib.sha1(text, usedforsecurity=False).hexdigest()


def _md5(text: bytes) -> str:
    return hashlib.md5(text, usedforsecurity=False).hexdigest()
