# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Text in one spelling: trimmed, composed, lower-cased; and the look of a digest."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from airflow_provider_tiktok.conversions.errors import EventError
from airflow_provider_tiktok.conversions.values import is_unicode

_HEX: Final = re.compile(r"[0-9a-fA-F]+")
_SHA_256_DIGITS: Final = 64
_OTHER_DIGESTS: Final = frozenset({32, 40, 56, 96, 128})
_PREFIX: Final = re.compile(r"(?:0x|\\x|sha-?256=?)", re.IGNORECASE)
_BETWEEN_BYTES: Final = re.compile(r"[\s:\"']+")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{43}=|[A-Za-z0-9+/_-]{27}=|[A-Za-z0-9+/_-]{22}==")
_BYTE_ORDER_MARK: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"

_NOT_ALPHANUMERIC: Final = re.compile(r"[^a-z0-9]+")
# Unicode's letters, the marks that belong to them, and decimal digits.
_OF_A_WORD: Final = frozenset({"Ll", "Lu", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd"})
_BLANK_OR_DASH: Final = frozenset({"Zs", "Zl", "Zp", "Pd", "Cc", "Cf"})
_MINUS: Final = "\N{MINUS SIGN}"  # a dash to people, a symbol to Unicode


def clean(text: str) -> str:
    """The text in NFC without white space around it."""
    if text.isascii():
        return text.strip()
    require_unicode(text)
    return unicodedata.normalize("NFC", text).replace(_BYTE_ORDER_MARK, "").strip()


def lower(text: str) -> str:
    """The text lower-cased, still in NFC."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFC", text.lower())


def letters_of(text: str) -> str:
    """The letters, accents and digits of the text, lower-cased."""
    lowered = text.lower()
    if lowered.isascii():
        return _NOT_ALPHANUMERIC.sub("", lowered)
    kept = (c for c in lowered if unicodedata.category(c) in _OF_A_WORD)
    return unicodedata.normalize("NFC", "".join(kept))


def without_blanks_and_dashes(text: str) -> str:
    """The text lower-cased, without spaces, dashes and invisible characters."""
    kept = (c for c in text.lower() if c != _MINUS and unicodedata.category(c) not in _BLANK_OR_DASH)
    return unicodedata.normalize("NFC", "".join(kept))


def require_unicode(text: str) -> None:
    """Refuses half of a surrogate pair, which JSON's escapes can bring in and UTF-8 cannot carry."""
    if not is_unicode(text):
        raise EventError("not_unicode")


def is_digest(text: str) -> bool:
    """Whether the text is 64 hex digits, which stands for a SHA-256."""
    return len(text) == _SHA_256_DIGITS and _HEX.fullmatch(text) is not None


def as_digest(text: str) -> str | None:
    """The SHA-256 that the text is, in 64 small hex digits; ``None`` where it is none.

    A mark of hex in front, such as ``0x``, quotes, and blanks or colons between bytes are no part of it.
    """
    if is_digest(text):
        return text.lower()
    if not _SHA_256_DIGITS < len(text) <= 4 * _SHA_256_DIGITS:
        return None
    bare = _BETWEEN_BYTES.sub("", text)
    bare = bare[len(mark[0]) :] if (mark := _PREFIX.match(bare)) else bare
    return bare.lower() if is_digest(bare) else None


def is_other_digest(text: str) -> bool:
    """Whether the text looks like a digest of another kind, such as MD5, or in another spelling: Base64."""
    return (len(text) in _OTHER_DIGESTS and _HEX.fullmatch(text) is not None) or (
        _BASE64.fullmatch(text) is not None
    )


def refuse_other_digest(text: str, *, rule: str) -> str:
    """Refuses MD5 and SHA-1, which would be hashed again, or sent where nothing may be hashed."""
    if is_other_digest(text):
        raise EventError(rule)
    return text
