# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""Consent strings, read as far as the envelope API needs: readable or not, and yes or no.

TCF (IAB Europe, TC string v2: core segment), US Privacy (IAB, CCPA string v1), GPP (IAB Tech Lab: header,
outer form, and the national section of the US). The vendor is LiveRamp, number 97.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice

LIVERAMP_VENDOR = 97
_FIRST_PURPOSE = 1

_TCF_VERSION, _TCF_CREATED, _TCF_PURPOSES, _TCF_MAX_VENDOR = 0, 6, 152, 213
_FIRST_TENTH_OF_2018 = 15_147_648_000
# Language of the dialogue, country of the publisher: two letters each, A is 0.
_LETTERS, _LAST_LETTER = (108, 114, 201, 207), 25
_US_PRIVACY = re.compile(r"1[YN-]{3}")
_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")
# The header's first twelve bits are its type, 3, and its version, 1.
_GPP = re.compile(r"DB[A-Za-z0-9_-]+(~[A-Za-z0-9_.-]+)+")
_GPP_SECTIONS = frozenset({*range(7, 18), *range(19, 23)})
_US_NATIONAL = 7
_LEAST_BITS_OF_A_STATE = 40
# Sale, sharing, targeted advertising: two bits each, 1 = opted out (US national section, core segment).
_US_NATIONAL_OPT_OUTS = (18, 20, 22)
_OPTED_OUT = 1


class UnreadableConsent(ValueError):
    """The string cannot be parsed."""


def allows_tcf(text: str) -> bool:
    """Tells whether a TC string consents to purpose 1 and to the vendor.

    :raises UnreadableConsent: if it is no TC string of version 2.
    """
    core, *others = text.split(".")
    if not all(map(_SEGMENT.fullmatch, (core, *others))):
        raise UnreadableConsent("a segment is not Base64url")
    bits = _Bits(core)
    if any(bits.number(start, 6) > _LAST_LETTER for start in _LETTERS):
        raise UnreadableConsent("language or country is no pair of letters")
    if bits.number(_TCF_VERSION, 6) != 2:
        raise UnreadableConsent("not a TC string of version 2")
    if bits.number(_TCF_CREATED, 36) < _FIRST_TENTH_OF_2018:
        raise UnreadableConsent("older than the law that it is for")
    return bool(bits.number(_TCF_PURPOSES + _FIRST_PURPOSE - 1, 1)) and _consents_to_vendor(
        bits, LIVERAMP_VENDOR
    )


def allows_us_privacy(text: str) -> bool:
    """Tells whether a US Privacy string leaves out the opt-out of sale.

    :raises UnreadableConsent: if it is no such string.
    """
    if not _US_PRIVACY.fullmatch(text):
        raise UnreadableConsent("not a US Privacy string")
    return text[2] != "Y"


def allows_gpp(text: str, *, section: str) -> bool:
    """Tells whether a GPP string holds no opt-out; only the national section of the US is looked into.

    :param section: the one applicable section, in decimal.
    :raises UnreadableConsent: if it is no such string, or the section is none that LiveRamp lists.
    """
    if not _GPP.fullmatch(text) or not section.isdecimal() or int(section) not in _GPP_SECTIONS:
        raise UnreadableConsent("not a GPP string with an applicable section")
    header, *sections = text.split("~")
    ids = _ids_of(header)
    if len(ids) != len(sections) or int(section) not in ids:
        raise UnreadableConsent("the header names other sections")
    bits = _Bits(sections[ids.index(int(section))].split(".")[0])
    bits.number(0, _LEAST_BITS_OF_A_STATE)
    if not 1 <= bits.number(0, 6) <= 5:
        raise UnreadableConsent("not a section of a version that there is")
    if int(section) != _US_NATIONAL:
        return True
    return all(bits.number(start, 2) != _OPTED_OUT for start in _US_NATIONAL_OPT_OUTS)


def _ids_of(header: str) -> list[int]:
    """Gives the ids of a GPP header: behind twelve bits a range of numbers in Fibonacci coding."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    bits = iter("".join(f"{letters.index(letter):06b}" for letter in header[2:]))
    ids: list[int] = []
    latest = 0
    for _ in range(int("".join(islice(bits, 12)) or "0", 2)):
        is_group = next(bits, "") == "1"
        first = latest + _fibonacci_number(bits)
        latest = first + _fibonacci_number(bits) if is_group else first
        ids += range(first, latest + 1)
    return ids


def _fibonacci_number(bits: Iterator[str]) -> int:
    """Gives the next number; each ends with two ones."""
    weights, before, number = [1, 2], "", 0
    for place, bit in enumerate(bits):
        if bit == before == "1":
            return number
        weights.append(weights[-1] + weights[-2])
        number += weights[place] if bit == "1" else 0
        before = bit
    raise UnreadableConsent("the header is cut short")


CONSENT_TYPES: Mapping[str, Callable[[str], bool]] = {"3": allows_us_privacy, "4": allows_tcf}


class _Bits:
    """The bits of a Base64url text, from the left."""

    def __init__(self, text: str) -> None:
        try:
            octets = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except ValueError as error:
            raise UnreadableConsent("not Base64url") from error
        self._text = "".join(f"{octet:08b}" for octet in octets)

    def number(self, start: int, length: int) -> int:
        """Gives the bits as a number; refuses to read behind the end."""
        if start + length > len(self._text):
            raise UnreadableConsent("cut short")
        return int(self._text[start : start + length], 2)


def _consents_to_vendor(bits: _Bits, vendor: int) -> bool:
    highest = bits.number(_TCF_MAX_VENDOR, 16)
    is_range = bits.number(_TCF_MAX_VENDOR + 16, 1)
    start = _TCF_MAX_VENDOR + 17
    if is_range:
        return any(low <= vendor <= high for low, high in _vendor_ranges(bits, start))
    return vendor <= highest and bool(bits.number(start + vendor - 1, 1))


def _vendor_ranges(bits: _Bits, start: int) -> list[tuple[int, int]]:
    ranges = []
    at = start + 12
    for _ in range(bits.number(start, 12)):
        is_range = bits.number(at, 1)
        low = bits.number(at + 1, 16)
        ranges.append((low, bits.number(at + 17, 16) if is_range else low))
        at += 33 if is_range else 17
    return ranges
