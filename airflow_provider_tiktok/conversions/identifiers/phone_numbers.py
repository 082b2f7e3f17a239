# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Phone numbers to E.164."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from airflow_provider_tiktok.conversions.errors import EventError

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

    from airflow_provider_tiktok.conversions.identifiers.options import IdentityRules

# Digits and what people put between them, with at most one plus sign, in front. The second range is of
# marks that cannot be seen, which phones put around the numbers they copy.
_BETWEEN: Final = r"\s().\[\]/\-\u00ad\u2010-\u2015\u2212\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
_PHONE_SHAPE: Final = re.compile(rf"[{_BETWEEN}]*\+?[{_BETWEEN}\d]*\d[{_BETWEEN}]*")
_LONGEST_PHONE: Final = 64  # far beyond any number with its brackets; keeps the matching short
# A number column with gaps comes out of a data frame as floats; ".0" would become a digit of the number.
_WAS_A_FLOAT: Final = re.compile(r"\+?\d+\.0")


def normalise_phone(text: str, rules: IdentityRules) -> str:
    """E.164 with its plus sign, which is part of what TikTok hashes.

    ``00`` in front stands for the plus sign. A number that carries its country code is kept even if no
    carrier owns it, since numbering plans change faster than tables; a national one must be of a
    possible length in the default region.
    """
    is_international, digits = _dialled(text)
    if is_international:
        return _international(digits)
    if rules.default_region is None:
        raise EventError("no_country_code")
    number = _parse(digits, region=rules.default_region.upper())
    if number is None:
        raise EventError("not_a_phone")
    return number


def _dialled(text: str) -> tuple[bool, str]:
    """Whether the number carries its country code, and its digits without plus sign or ``00``."""
    if len(text) > _LONGEST_PHONE:
        raise EventError("not_a_phone")
    text = unicodedata.normalize("NFKC", text)  # the full-width digits and plus sign of East Asia
    if _PHONE_SHAPE.fullmatch(text) is None or _WAS_A_FLOAT.fullmatch(text) is not None:
        raise EventError("not_a_phone")
    # Other scripts have digits of their own; each stands for one of 0 to 9.
    digits = "".join(str(unicodedata.decimal(c)) for c in text if c.isdecimal())
    if "+" in text:
        return True, digits
    return digits.startswith("00"), digits.removeprefix("00")


def _international(digits: str) -> str:
    """E.164 of a number with its country code, without a trunk zero behind the code ("+44 (0)20 ...")."""
    if not 7 <= len(digits) <= 17 or digits.startswith("0"):
        raise EventError("not_a_phone")
    number = _parse(f"+{digits}", region=None)
    if number is None or len(number) < len(digits):
        # More than a trunk digit is gone: the library takes carrier codes for such, and what is left of a
        # number that nobody owns may be somebody's.
        number = f"+{digits}"
    if len(number) > 16:
        raise EventError("not_a_phone")
    return number


def _parse(text: str, *, region: str | None) -> str | None:
    """E.164 of a number of a possible length, else ``None``."""
    # Imported at first use, since reading a DAG file must stay cheap.
    from phonenumbers import (
        NumberParseException,
        PhoneNumberFormat,
        ValidationResult,
        format_number,
        is_possible_number_with_reason,
        parse,
    )

    try:
        number: PhoneNumber = parse(text, region)
    except NumberParseException:
        return None
    if is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return None
    return format_number(number, PhoneNumberFormat.E164)
