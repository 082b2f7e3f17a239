# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Zip codes that were numbers on the way and have lost the zeros they begin with: 2138 in Boston is 02138.

How many digits a code has is certain for some countries only, and which country an event is from is for its
``user.country`` to say. Elsewhere nothing is put in front.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from airflow_provider_tiktok.conversions.events import Violation
from airflow_provider_tiktok.conversions.mapping.drafts import Draft

_PATH: Final = "user.zip_code"
_MOST_LOST: Final = 2
"""Codes begin with two zeros at most, but for a few that nobody lives under."""

_DIGITS_OF: Final[Mapping[str, int]] = {
    **dict.fromkeys(("us", "usa", "pr", "pri"), 5),
    **dict.fromkeys(("de", "es", "fi", "fr", "it", "mx", "kr"), 5),
    **dict.fromkeys(("deu", "esp", "fin", "fra", "ita", "mex", "kor"), 5),
    **dict.fromkeys(("cn", "ro", "sg", "chn", "rou", "sgp"), 6),
    **dict.fromkeys(("au", "no", "aus", "nor"), 4),
}
"""Digits of a zip code, by country in lower case, where codes have one length and some begin with a zero."""

_PLUS_FOUR: Final = re.compile(r"([0-9]{3,5})[ -]?([0-9]{4})")
_WITH_PLUS_FOUR: Final = frozenset({"us", "usa", "pr", "pri"})
_CODE: Final = re.compile(r"\s*[A-Za-z]{2,3}\s*")
_MAY_LACK_ZERO: Final = re.compile(r"[0-9]{3,4}")

_MAP_THE_COUNTRY: Final = (
    "Map user.country to a code of ISO 3166, or cast the column of zip codes to text with the zeros they "
    "begin with: as a number, 02138 is 2138."
)


def settle_zip_code(draft: Draft) -> None:
    """Gives a zip code of digits the zeros back that it has lost, or warns where nobody can say."""
    user = draft.values["user"]
    code, country = user["zip_code"], user.get("country")
    if country is not None and _CODE.fullmatch(country):
        user["zip_code"] = _whole(code, country=country.strip().lower())
    elif _MAY_LACK_ZERO.fullmatch(code):
        draft.violations.append(Violation(_PATH, "zero_may_be_lost", _MAP_THE_COUNTRY, is_fatal=False))


def _whole(code: str, *, country: str) -> str:
    """The code with as many digits as codes of its country have; as it is where that is not certain."""
    digits = _DIGITS_OF.get(country)
    if digits is None or not code.isascii():
        return code
    if country in _WITH_PLUS_FOUR and (parts := _PLUS_FOUR.fullmatch(code)):
        return parts[1].zfill(digits) + "-" + parts[2]
    is_short = code.isdigit() and digits - _MOST_LOST <= len(code) < digits
    return code.zfill(digits) if is_short else code
