# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Characters that cannot be seen: what copying, byte order marks and fixed-width columns leave in texts.

Around a text they say nothing. Inside, they are letters of some scripts and parts of an emoji, so only
texts that people compare and never read, such as ids, lose them there.
"""

from __future__ import annotations

import re
from typing import Final

_CONTROLS: Final = "".join(
    chr(code) for code in (*range(0x20), *range(0x7F, 0xA0)) if not chr(code).isspace()
)
_MARKS: Final = (
    "\u00ad\u061c\u180e\u200b\u200c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2062\u2063\u2064"
    "\u2066\u2067\u2068\u2069\u206a\u206b\u206c\u206d\u206e\u206f\ufeff\ufff9\ufffa\ufffb"
)
_BLANKS: Final = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
_AROUND: Final = _BLANKS + _CONTROLS + _MARKS
# Beside them: joiners, fillers of Hangul, a blank in Braille, variants of signs, tags.
_ANYWHERE: Final = re.compile(
    f"[{re.escape(_CONTROLS + _MARKS)}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u200d\u2800\u3164"
    "\ufe00-\ufe0f\uffa0\U000e0000-\U000e007f]+"
)


def trimmed(text: str) -> str:
    """The text without white space and characters that cannot be seen around it."""
    text = str.strip(text)
    return text if text.isprintable() else text.strip(_AROUND)


def visible(text: str) -> str:
    """The text without characters that cannot be seen, wherever they stand."""
    return text if text.isprintable() and text.isascii() else trimmed(_ANYWHERE.sub("", text))
