# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""E-mail addresses in fields that leave as they are: the page's address, a description, an id.

Shops put them into the query of their thank-you page. A digest beside it would be worth nothing.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

# From the @ on, and what may stand before it: so a search begins at an @ alone, and a long text without one
# after another costs no more than its length.
_OF_AN_ADDRESS: Final = r"[^\s@/?&=;,<>()\"']"
_FROM_THE_AT: Final = re.compile(rf"(?<={_OF_AN_ADDRESS})@{_OF_AN_ADDRESS}+\.[^\W_][^\s@/?&=;,<>()\"'.]+")
_ENDS: Final = re.compile(r"[\s@/?&=;,<>()\"']")
_MASK: Final = "{{e-mail removed}}"
"""Reads as a placeholder that was not resolved, so that the event is refused until someone mends it."""


def holds_email(text: str) -> bool:
    """Whether an e-mail address stands in the text, percent-encoded or not."""
    if "@" not in text and "%40" not in text:
        return False
    return _FROM_THE_AT.search(unquote(text)) is not None


def mask_emails(text: str) -> str:
    """The text without the e-mail addresses in it, decoded where it held one; other texts as they are."""
    if not holds_email(text):
        return text
    decoded, parts, end = unquote(text), [], 0
    for match in _FROM_THE_AT.finditer(decoded):
        before = decoded[end : match.start()]
        name = _ENDS.split(before)[-1]
        parts += [before.removesuffix(name), _MASK]
        end = match.end()
    return "".join([*parts, decoded[end:]])
