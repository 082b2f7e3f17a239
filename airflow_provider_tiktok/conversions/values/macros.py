# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Macros that nobody filled in: ``__CLICKID__``, ``{{click_id}}``, ``${id}``, ``%%ID%%``, ``[CLICKID]``.

Ad platforms, tag managers and templates put a value in their place. Where that did not happen, the same text
stands in every row: taken for a value, it makes one person of all.

Source: TikTok Business Help Center, "Supported URL parameters" and "Macros for third-party tracking"; the
template languages of tag managers, mailing tools and shells; all read 2026-11.
"""

from __future__ import annotations

import html
import re
from typing import Final
from urllib.parse import unquote

UNRESOLVED: Final = "unresolved_template"
"""The reason for which a macro is left out."""

UNRESOLVED_REMEDY: Final = "Resolve the placeholder before sending."

_NAME: Final = r"\s*[A-Za-z_][A-Za-z_.:| -]*[0-9]{0,2}\s*"
"""What a macro is called. UUIDs stand in braces, too, and hold more digits."""

_BY_MARKS: Final = (
    r"[$#@%&!]?\{{2,3}.*\}{2,3}",
    rf"[$#@%&!]\{{.*\}}|\{{(?:{_NAME}|[0-9]{{0,2}})\}}|\{{%.*%\}}",
    rf"\$\(({_NAME})\)|\(\({_NAME}\)\)",
    rf"%%?{_NAME}%%?|%\({_NAME}\)s|%[sd]",
    r"\$\$?[A-Za-z_]\w*(?:\$\$?)?",
    rf"##?{_NAME}##?",
    r"__[A-Z][A-Z0-9_]*",
)
_TIKTOKS: Final = (
    r"__(?:click_?id|ttclid|callback_(?:param|url)|(?:campaign|adgroup|ad|creative|convert|section|request)_id"
    r"|[ac]id|(?:aid|cid|campaign)_name|idfa|gaid|ip|ua1?|os|ts|geo|csite|placement|domain)__"
)
_IN_BRACKETS: Final = (rf"\[\[?{_NAME}\]\]?", rf"<<?[%?]?=?{_NAME}[%?]?>>?")

_CERTAIN: Final = re.compile("|".join(f"(?:{one})" for one in (*_BY_MARKS, f"(?i:{_TIKTOKS})")), re.DOTALL)
_LIKELY: Final = re.compile("|".join(f"(?:{one})" for one in _IN_BRACKETS))
_MAY_BE: Final = frozenset("_{$#@%&!([<\"'` \t")
_AROUND: Final = "\"'` \t\r\n"
_LONGEST: Final = 200


def is_macro(text: str, *, in_brackets: bool = True) -> bool:
    """Whether the text is one macro and nothing else, percent-encoded or not.

    :param in_brackets: whether a word in square or angle brackets is one: people put names in them.
    """
    if not text or text[0] not in _MAY_BE or len(text) > _LONGEST:
        return False
    spelt = {text.strip(_AROUND)}
    if "%" in text or "&" in text:
        spelt.add(html.unescape(unquote(unquote(text))).strip(_AROUND))
    patterns = (_CERTAIN, _LIKELY) if in_brackets else (_CERTAIN,)
    return any(pattern.fullmatch(one) for pattern in patterns for one in spelt)
