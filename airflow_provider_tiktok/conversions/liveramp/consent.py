# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Consent that may be relied on: strings that are one, and countries whose law asks for none.

Nothing is assumed. A text counts as a consent string only if it has the form of one; what it says is for
LiveRamp to read. A country counts as outside the reach of European law only if it is one of the codes below:
whatever else stands there - another spelling, a territory, a name, a null marker - may be inside.

Sources: LiveRamp, "Provide a valid consent string", read 2026-11; IAB Europe, "Transparency and Consent
String with Global Vendor & CMP List Formats", v2; IAB Tech Lab, "Global Privacy Platform: consent string
specification", and "CCPA compliance framework: US Privacy string", v1.
"""

from __future__ import annotations

import base64
import re
import string
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from msgspec import structs

from airflow_provider_tiktok.conversions.sealed import Sealed
from airflow_provider_tiktok.conversions.values import IDS, PEOPLE

TCF, US_PRIVACY = "4", "3"
"""Values of ``ct``."""

_AMERICAS: Final = (
    "AG AR AS BB BO BR BS BZ CA CL CO CR CU DM DO EC GD GT GU GY HN HT JM KN LC MX NI PA PE PR PY SR SV "
    "TT UM US UY VC VE VI"
)
_AFRICA: Final = (
    "AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW KE KM LR LS LY MA MG ML MR MU "
    "MW MZ NE NG RW SC SD SL SN SO SS ST SZ TD TG TN TZ UG ZA ZM ZW"
)
_ASIA_AND_OCEANIA: Final = (
    "AE AF AM AU AZ BD BH BN BT CC CK CN CX FJ FM GE HK HM ID IL IN IQ IR JO JP KG KH KI KP KR KW KZ LA "
    "LB LK MH MM MN MO MP MV MY NF NP NR NU NZ OM PG PH PK PS PW QA SA SB SG SY TH TJ TK TL TM TO TV TW "
    "UZ VN VU WS YE"
)
_EUROPE: Final = "AL BA BY MD ME MK RS RU TR UA"
_OUTSIDE: Final = frozenset(f"{_AMERICAS} {_AFRICA} {_ASIA_AND_OCEANIA} {_EUROPE}".split())
"""Where no TCF string is demanded, as ISO 3166-1 alpha-2.

Left out on purpose, beside the EU, the EEA and the United Kingdom: all territories that belong to one of
their members, wherever they lie; Andorra, Monaco, San Marino, the Vatican and Switzerland, whose laws follow
the same model or whose people are taken for their neighbours; Antarctica; and ``NA``, which is Namibia's
code and a common way to write that nothing is known.
"""

_US_PRIVACY_STRING: Final = re.compile(r"1[YN-]{3}")
_TCF_STRING: Final = re.compile(r"C[A-Za-z0-9_-]{37,8000}(\.[A-Za-z0-9_-]{1,8000}){0,3}")
_GPP_STRING: Final = re.compile(r"DB[A-Za-z0-9_-]{2,100}(~[A-Za-z0-9_.-]{4,8000}){1,20}")
_BASE64URL: Final = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
_MOST_SECTIONS: Final = 100
_SECTION: Final = re.compile(r"[1-9][0-9]?")
# Of the United States: seven letters hold the 40 bits of the shortest, whose first six are its version.
_US_SECTION: Final = re.compile(r"[B-F][A-Za-z0-9_-]{6,}(\.[A-Za-z0-9_-]+)*")
_OTHER_SECTION: Final = re.compile(r"[A-Za-z0-9_-]{6,}(\.[A-Za-z0-9_-]+)*")
_US_SECTIONS: Final = range(7, 100)

# Core segment of a TC string, in bits from the left.
_CREATED, _UPDATED, _LANGUAGE, _COUNTRY, _MAX_VENDOR, _IS_RANGE, _VENDORS = 6, 42, 108, 201, 213, 229, 230
_YEAR_2018: Final = 15_147_648_000
"""In tenths of seconds: no TC string is older than the law that it is for."""
_GPP_IDS: Final = 12
"""Where the ids of a GPP string's sections begin in its header: behind its type and version."""


class Consent(Sealed, frozen=True, kw_only=True):
    """What a person consented to, as whole pairs; ``None`` for a pair that is not there.

    :param ct: ``4`` for a TCF string, ``3`` for a US Privacy string.
    :param cv: the string.
    :param gpp: a GPP string.
    :param gpp_sid: its one applicable section.
    """

    ct: str | None = None
    cv: str | None = None
    gpp: str | None = None
    gpp_sid: str | None = None

    def as_params(self) -> tuple[tuple[str, str], ...]:
        """The pairs as parameters of the query."""
        pairs = structs.asdict(self).items()
        return tuple((name, value) for name, value in pairs if value is not None)


class IncompleteConsent(Exception):
    """Half a pair, or a type or section that there is none of."""


class NoConsent(Exception):
    """Something stands in a consent string's place that is none."""


def read_consent(given: Consent) -> Consent:
    """The pairs as a row holds them, if they are whole and their strings have the form of one.

    A pair of which nothing but null markers is left is not there.

    :raises IncompleteConsent: half a pair, or a type or section that there is none of.
    :raises NoConsent: a text is no consent string, whatever the other pair says.
    """
    ct, cv = _whole_number(given.ct), given.cv
    gpp, gpp_sid = given.gpp, _whole_number(given.gpp_sid)
    if gpp_sid == "-1":  # no section applies to this person
        gpp = gpp_sid = None
    if ct is None and PEOPLE.holds(cv or ""):
        cv = None
    if gpp_sid is None and PEOPLE.holds(gpp or ""):
        gpp = None
    if bool(ct) != bool(cv) or bool(gpp) != bool(gpp_sid):
        raise IncompleteConsent
    if ct not in (None, *_IS_STRING) or not _SECTION.fullmatch(gpp_sid or "7"):
        raise IncompleteConsent
    if (ct and cv and not _IS_STRING[ct](cv)) or (gpp and not is_gpp_string(gpp)):
        raise NoConsent
    if gpp and int(gpp_sid or 0) not in _sections_of(gpp):
        raise IncompleteConsent
    return Consent(ct=ct, cv=cv, gpp=gpp, gpp_sid=gpp_sid)


def needs_no_string(country: str | None) -> bool:
    """Whether the country is known to lie outside the reach of European law."""
    return country is not None and country.strip().upper() in _OUTSIDE


def is_tcf_string(text: str) -> bool:
    """Whether the text is a TC string of version 2: its core is read as far as the vendors."""
    core_text = text.partition(".")[0]
    if not _TCF_STRING.fullmatch(text) or len(core_text) % 4 == 1:  # no octets end so
        return False
    core = _Bits(core_text)
    if not all(core.letters_at(start) for start in (_LANGUAGE, _COUNTRY)):
        return False
    if any(core.number(start, 36) < _YEAR_2018 for start in (_CREATED, _UPDATED)):
        return False
    return core.length >= _VENDORS + (12 if core.number(_IS_RANGE, 1) else core.number(_MAX_VENDOR, 16))


def is_us_privacy_string(text: str) -> bool:
    """Whether the text is a US Privacy string of version 1."""
    return _US_PRIVACY_STRING.fullmatch(text) is not None


def is_gpp_string(text: str) -> bool:
    """Whether the text is a GPP string of version 1, whose header names its sections, each in its form."""
    if not _GPP_STRING.fullmatch(text):
        return False
    sections = _sections_of(text)
    return bool(sections) and all(_is_section(number, section) for number, section in sections.items())


def _sections_of(text: str) -> Mapping[int, str]:
    """The sections of a GPP string by their ids; none where header and sections do not agree."""
    header, *sections = text.split("~")
    ids = _read_ids(_bits_of(header)[_GPP_IDS:])
    return dict(zip(ids, sections, strict=True)) if len(ids) == len(sections) else {}


def _is_section(number: int, text: str) -> bool:
    if number == 2:
        return is_tcf_string(text)
    if number == 6:
        return is_us_privacy_string(text)
    return (_US_SECTION if number in _US_SECTIONS else _OTHER_SECTION).fullmatch(text) is not None


def _read_ids(bits: str) -> list[int]:
    """The ids that a range of Fibonacci integers holds, each told by its distance from the one before."""
    ids, rest = [0], bits[12:]
    for _ in range(int(bits[:12] or "0", 2)):
        is_group, rest = rest[:1] == "1", rest[1:]
        first, rest = _read_fibonacci(rest)
        width, rest = _read_fibonacci(rest) if is_group else (0, rest)
        if not first or (is_group and not width) or len(ids) > _MOST_SECTIONS:
            return []
        start = ids[-1] + first
        ids += range(start, start + min(width, _MOST_SECTIONS) + 1)
    return ids[1:]


def _read_fibonacci(bits: str) -> tuple[int, str]:
    """The integer that the bits begin with, in Fibonacci coding, and the bits behind it; 0 for none."""
    end = bits.find("11") + 1
    number, weight, following = 0, 1, 2
    for bit in bits[:end]:
        number += weight * (bit == "1")
        weight, following = following, weight + following
    return number, bits[end + 1 :]


def _bits_of(text: str) -> str:
    return "".join(f"{_BASE64URL.index(letter):06b}" for letter in text)


_IS_STRING: Final[Mapping[str, Callable[[str], bool]]] = MappingProxyType(
    {TCF: is_tcf_string, US_PRIVACY: is_us_privacy_string}
)


class _Bits:
    """The bits of a Base64url text, from the left."""

    def __init__(self, text: str) -> None:
        octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        self.length = 8 * len(octets)
        self._number = int.from_bytes(octets, "big")

    def number(self, start: int, length: int) -> int:
        """The bits as a number; those behind the end are zeros."""
        return (self._number << (start + length) >> self.length) & ((1 << length) - 1)

    def letters_at(self, start: int) -> bool:
        """Whether two letters stand there, each six bits, A being 0."""
        return all(self.number(start + offset, 6) <= 25 for offset in (0, 6))


def _whole_number(text: str | None) -> str | None:
    """The text, a null marker as absent, and without the fraction that data frames give to whole numbers."""
    return None if text is None or IDS.holds(text) else text.removesuffix(".0")
