# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""E-mail addresses in fields that leave as they are: the page's address, a description, an id.

Shops put them into the query of their thank-you page. A digest beside it would be worth nothing.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

_EMAIL: Final = re.compile(r"[^\s@/?&=;,<>()\"']+@[^\s@/?&=;,<>()\"']+\.[^\W_][^\s@/?&=;,<>()\"'.]+")
_MASK: Final = "{{e-mail removed}}"
"""Reads as a placeholder that was not resolved, so that the event is refused until someone mends it."""


def holds_email(text: str) -> bool:
    """Whether an e-mail address stands in the text, percent-encoded or not."""
    if "@" not in text and "%40" not in text:
        return False
    return _EMAIL.search(unquote(text)) is not None


def mask_emails(text: str) -> str:
    """The text without the e-mail addresses in it, decoded where it held one; other texts as they are."""
    return _EMAIL.sub(_MASK, unquote(text)) if holds_email(text) else text
