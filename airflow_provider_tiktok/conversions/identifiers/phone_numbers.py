# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Telephone numbers: out of what people and programs put around them, to E.164.

A number that carries its country code, behind ``+`` or ``00``, is kept if it has a length of its country,
even if no carrier owns it: numbering plans change faster than tables. A national one is read by the country
of its row, and must be a number of that country's plan, since a wrong country gives somebody else's number.
Where two readings are good, none is taken.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from airflow_provider_tiktok.conversions.errors import EventError
from airflow_provider_tiktok.conversions.identifiers.options import UNKNOWN_REGION

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

_LONGEST: Final = 128  # far beyond any number with what stands around it; keeps the matching short
_REMEMBERED: Final = 16_384

# What people put between digits, and marks that cannot be seen, which phones put around numbers they copy.
_BETWEEN: Final = (
    r"\s().\[\]/\u00b7\-\u00ad\u2010-\u2015\u2043\u2212\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe0f\ufeff"
)
_SHAPE: Final = re.compile(rf"[{_BETWEEN}]*\+?[{_BETWEEN}\d]*\d[{_BETWEEN}]*")
_AROUND: Final = re.compile(r"\A[\s=\"'`\u2018\u2019\u201c\u201d<]+|[\s\"'`\u2018\u2019\u201c\u201d>]+\Z")
_SCHEME: Final = re.compile(r"(?:tel|callto|sms|whatsapp|p(?=:))\s*\.?\s*:(?://)?", re.IGNORECASE)
"""What stands before a number in links; ``p:`` in the lead files of Facebook, against spreadsheets."""
_CONTEXT: Final = re.compile(r";phone-context=([^;]*)", re.IGNORECASE)
_EXTENSION: Final = re.compile(
    r"(?:[\s,;(]*(?:;ext=|ext(?:ension|n)?|x|#|\u0434\u043e\u0431|int|anexo|poste|ramal)[.:=\s]*[0-9]{1,7}"
    r"|,{1,3}\s*[0-9]{1,6}#?)[)#\s]*\Z",
    re.IGNORECASE,
)
_MASK: Final = re.compile(r"[*\u2022\u25cf\u2026\u2588]|[xX#?]{2,}|\.{3,}")
# A number column with gaps comes out of a data frame as floats. ".0" would become a digit of the number;
# where an exponent shows fewer digits than there were, the rest is lost.
_FLOAT: Final = re.compile(r"(\+?\d+)\.0+")
_EXPONENT: Final = re.compile(r"(\d)\.(\d+)[eE]\+?(\d{1,2})")

_SEPARATOR: Final = re.compile(
    r"\s*[;|\r\n&]+\s*|\s*,\s*|\s+(?:or|oder|ou|o|and|und|et|y|e|u)\s+|(?<=\d)\s+(?=\+)|\s*/\s*",
    re.IGNORECASE,
)
_LEAST_DIGITS: Final = 7
_MOST_WRITTEN: Final = 17  # with a trunk prefix
_MOST_DIGITS: Final = 15  # of E.164; some plans of the library have longer ones
_WHOLE_NUMBER: Final = 9
"""So many digits in front of a slash are a number of their own, rather than its area code."""


def split_phones(text: str) -> tuple[str, ...]:
    """The numbers that one cell holds, each with what stands around it.

    A slash may also stand behind an area code, so it sets numbers apart only where they are long enough.
    """
    bare = _EXTENSION.sub("", text)
    if len(text) > _LONGEST or _SEPARATOR.search(bare.strip()) is None or (";" in bare and _is_uri(bare)):
        return (text,)
    parts = [""]
    end = 0
    for found in _SEPARATOR.finditer(bare):
        parts[-1] += bare[end : found.start()]
        end = found.end()
        is_slash = found[0].strip() == "/"
        if is_slash and not _are_numbers(parts[-1], bare[end:]):
            parts[-1] += "/"
        else:
            parts.append("")
    parts[-1] += bare[end:]
    given = tuple(part for part in parts if part.strip())
    return given if len(given) > 1 else (text,)


def normalise_phone(text: str, *, region: str | None) -> str:
    """E.164 with its plus sign, which is part of what TikTok hashes.

    :param region: ISO 3166 alpha-2 in capitals of the country whose numbers need no country code; ``None``
        for no such country, ``UNKNOWN_REGION`` where the row names one that is not known.
    :raises EventError: it is not one number that is certain.
    """
    number, reason = _read(text, region)
    if reason:
        raise EventError(reason)
    return number


@lru_cache(maxsize=_REMEMBERED)
def _read(text: str, region: str | None) -> tuple[str, str]:
    """The number, or why there is none; customers come back, so what was read is remembered."""
    try:
        return _normalise(text, region), ""
    except EventError as error:
        return "", error.rule


def _normalise(text: str, region: str | None) -> str:
    if len(text) > _LONGEST:
        raise EventError("not_a_phone")
    bare, had_extension = _undress(unicodedata.normalize("NFKC", text))  # full-width digits of East Asia
    is_international, digits = _dialled(bare)
    if _is_run(digits) and len(digits) <= _MOST_DIGITS:
        raise EventError("placeholder")
    number = _international(digits, region=region) if is_international else _national(digits, region=region)
    if had_extension and not _is_valid(number):
        raise EventError("not_a_phone")  # digits behind an x may be digits behind a masked one
    if _is_placeholder(number):
        raise EventError("placeholder")
    return _e164(number)


# ------------------------------------------------------------------------------- what was written


def _undress(text: str) -> tuple[str, bool]:
    """The number without what stands around it, and whether an extension was among that."""
    text = _AROUND.sub("", text)
    scheme = _SCHEME.match(text)
    if scheme is not None:
        text = _without_parameters(unquote(text[scheme.end() :]).strip())
    elif _is_uri(text):
        text = _without_parameters(text)
    bare = _EXTENSION.sub("", text)
    if _MASK.search(bare):
        raise EventError("masked")
    return _without_exponent(bare.strip()), bare != text


def _is_uri(text: str) -> bool:
    """Whether the parameters of RFC 3966 follow the number."""
    return _SCHEME.match(text.strip()) is not None or _CONTEXT.search(text) is not None


def _without_parameters(text: str) -> str:
    """The number of a ``tel`` address, with the country code of its context."""
    context = _CONTEXT.search(text)
    number = text.partition(";")[0]
    is_local = context is not None and context[1].startswith("+") and not number.startswith("+")
    return f"{context[1]}{number}" if context is not None and is_local else number


def _without_exponent(text: str) -> str:
    """The digits of a number that went through a float, where all of them are there."""
    whole = _FLOAT.fullmatch(text)
    if whole is not None:
        return whole[1]
    exponent = _EXPONENT.fullmatch(text)
    if exponent is not None and len(exponent[2]) == int(exponent[3]):
        return exponent[1] + exponent[2]
    return text


def _dialled(text: str) -> tuple[bool, str]:
    """Whether the number carries its country code, and its digits without plus sign or ``00``."""
    if _SHAPE.fullmatch(text) is None:
        raise EventError("not_a_phone")
    digits = _digits_of(text)
    if "+" in text:
        return True, digits
    return digits.startswith("00"), digits.removeprefix("00")


def _digits_of(text: str) -> str:
    """Other scripts have digits of their own; each stands for one of 0 to 9."""
    return "".join(str(unicodedata.decimal(c)) for c in text if c.isdecimal())


def _are_numbers(before: str, after: str) -> bool:
    n_before, n_after = len(_digits_of(before)), len(_digits_of(after))
    return n_before >= _WHOLE_NUMBER or (n_before >= _LEAST_DIGITS and n_after >= _LEAST_DIGITS)


# ------------------------------------------------------------------------------------- what it is
# The numbering plans of the world are imported at first use, since reading a DAG file must stay cheap.


def _international(digits: str, *, region: str | None) -> PhoneNumber:
    """The number behind a plus sign, without a trunk prefix behind the code ("+44 (0)20 ...")."""
    if not _LEAST_DIGITS <= len(digits) <= _MOST_WRITTEN or digits.startswith("0"):
        raise EventError("not_a_phone")
    number = _parse(f"+{digits}")
    if number is None:
        raise EventError("not_a_phone")
    if not _is_possible(number) or not _is_all_of(digits, number):
        raise EventError("no_such_number")
    if _is_doubled(number) or (not _is_valid(number) and _is_national(digits, region)):
        raise EventError("ambiguous_phone")
    return number


def _national(digits: str, *, region: str | None) -> PhoneNumber:
    """The number as one of the region, or as one that lost its plus sign."""
    if region is None:
        raise EventError("no_country_code")
    if region == UNKNOWN_REGION:
        raise EventError("unknown_phone_country")
    national = _parse(digits, region=region)
    if national is None:
        raise EventError("not_a_phone")
    full = _parse(f"+{digits}") if _carries_code(digits, region) else None
    readings = [one for one in (national, full) if one is not None and _is_good(one)]
    if not readings:
        raise EventError("no_such_number")
    if len({_e164(one) for one in readings}) == 1:
        return readings[0]
    # An integer column loses plus signs and trunk zeros alike. A mobile number behind its country code is no
    # accident; anything else may be either.
    if full is not None and _is_mobile(full) and not _is_mobile(national):
        return full
    raise EventError("ambiguous_phone")


def _is_good(number: PhoneNumber) -> bool:
    return _is_possible(number) and _is_valid(number)


def _is_all_of(digits: str, number: PhoneNumber) -> bool:
    """Whether no more than a trunk prefix is gone of the digits.

    The library also takes out codes of carriers, and what is left of a number that nobody owns may be
    somebody's.
    """
    import phonenumbers

    national = phonenumbers.national_significant_number(number)
    given = digits.removeprefix(str(number.country_code))
    if given == national:
        return True
    region = phonenumbers.region_code_for_country_code(number.country_code or 0)
    plan = phonenumbers.PhoneMetadata.metadata_for_region(region)
    trunk_prefix = plan.national_prefix if plan is not None else None
    return trunk_prefix is not None and given == trunk_prefix + national


def _is_doubled(number: PhoneNumber) -> bool:
    """Whether the country code may stand twice, in front of a mobile number."""
    import phonenumbers

    national = phonenumbers.national_significant_number(number)
    if _is_mobile(number) or not national.startswith(str(number.country_code)):
        return False
    inner = _parse(f"+{national}")
    return inner is not None and inner.country_code == number.country_code and _is_mobile(inner)


def _is_national(digits: str, region: str | None) -> bool:
    """Whether the digits are a good number of the region without any country code."""
    number = _parse(digits, region=region) if region not in (None, UNKNOWN_REGION) else None
    return number is not None and _is_good(number)


def _carries_code(digits: str, region: str) -> bool:
    import phonenumbers

    code = str(phonenumbers.country_code_for_region(region))
    return digits.startswith(code) and len(digits) >= _LEAST_DIGITS


def _is_placeholder(number: PhoneNumber) -> bool:
    """Whether it is one digit over and over, or digits in a row."""
    import phonenumbers

    national = phonenumbers.national_significant_number(number)
    return _is_run(national)


def _is_run(digits: str) -> bool:
    """Whether each digit is as far from the one before it as all others: 7777777, 1234567890, 9876543210."""
    steps = {(int(b) - int(a)) % 10 for a, b in pairwise(digits)}
    return len(digits) >= _LEAST_DIGITS and steps in ({0}, {1}, {9})


def _parse(text: str, *, region: str | None = None) -> PhoneNumber | None:
    from phonenumbers import NumberParseException, parse

    try:
        return parse(text, region)
    except NumberParseException:
        return None


def _is_possible(number: PhoneNumber) -> bool:
    from phonenumbers import ValidationResult, is_possible_number_with_reason

    is_possible = is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE
    return is_possible and len(_e164(number)) <= 1 + _MOST_DIGITS


def _is_valid(number: PhoneNumber) -> bool:
    from phonenumbers import is_valid_number

    return is_valid_number(number)


def _is_mobile(number: PhoneNumber) -> bool:
    from phonenumbers import PhoneNumberType, number_type

    return number_type(number) == PhoneNumberType.MOBILE


def _e164(number: PhoneNumber) -> str:
    from phonenumbers import PhoneNumberFormat, format_number

    return format_number(number, PhoneNumberFormat.E164)
