# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""E-mail addresses: out of what people and programs put around them, in the spelling that is hashed.

What is unwrapped is certain: quotes, angle brackets and the name before them, ``mailto:``, a comment, a mark
at the end, full-width letters, characters that cannot be seen, percent and HTML escapes of an address as a
whole. Nothing inside an address is repaired; what is no address then is refused.
"""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Final
from urllib.parse import unquote

from airflow_provider_tiktok.conversions.errors import EventError
from airflow_provider_tiktok.conversions.identifiers.text import lower

_INVISIBLE: Final = re.compile(
    r"[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff]"
)
_JOINERS: Final = re.compile(r"[\u200c\u200d]")
_FULL_WIDTH: Final = {0xFF01 + n: 0x21 + n for n in range(94)} | {
    0x3000: " ",
    0x3002: ".",
    0xFF61: ".",
    0xFE6B: "@",
}
_ESCAPED: Final = re.compile(r"&(?:#0*64|#[xX]0*40|commat|lt|gt|quot|apos|#0*39|nbsp);")

_PIECE: Final = re.compile(r"(?:\"[^\"]*\"|<[^<>]*>|[^;,|\"<>]|[\"<>])+")
_QUOTES: Final = "\"'`\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb\u2039\u203a"
_SCHEME: Final = re.compile(r"(?:mailto|smtp):(?://)?", re.IGNORECASE)
_NAMED: Final = re.compile(r"[^<>]*<([^<>]*)>")
_BRACKETED: Final = re.compile(r"<[^<>]*>")
_COMMENT: Final = re.compile(r"\s*\([^()@]*\)\s*")

_LONGEST: Final = 254
_LONGEST_CELL: Final = 10_000
_LONGEST_LOCAL: Final = 64
_NEVER_LOCAL: Final = re.compile(r"[\s()<>\[\]{}:;,\\\"@%]")
_MASK: Final = re.compile(r"[*\u2022\u25cf\u25cb\u2588\u2217\u2731]|[#?]{2,}|\.{3,}|\Ax{3,}@")
_NOBODY: Final = frozenset(
    ("null", "none", "nil", "nan", "na", "n/a", "undefined", "unknown", "anonymous", "noemail", "nomail")
)


def split_emails(text: str) -> tuple[str, ...]:
    """The addresses that one cell holds, each with what stands around it.

    Several are set apart by commas, semicolons, bars, line breaks or blanks. A part without ``@`` in front of
    an address belongs to its name; behind one it may be the end of its domain, with a comma for a point.
    """
    if text.count("@") < 2 or len(text) > _LONGEST_CELL:
        return (text,)
    if text.lstrip()[:1] + text.rstrip()[-1:] == "{}":  # as PostgreSQL writes an array
        text = text.strip()[1:-1]
    pieces: list[str] = []
    for piece in _PIECE.findall(text):
        if "@" in piece:
            pieces.append(piece)
        elif pieces and piece.strip() and "<" not in pieces[-1]:
            pieces[-1] += f",{piece}"
    return tuple(one for piece in pieces for one in _split_at_blanks(piece))


def normalise_email(text: str) -> str:
    """Lower-cased and without what stood around it; dots and plus signs stay, since TikTok folds none.

    An internationalised domain stays in its own letters.

    :raises EventError: it is not one address.
    """
    address = lower(_unwrap(_plain(text)))
    if _MASK.search(address):
        raise EventError("masked")
    local, _, domain = address.rpartition("@")
    if not (_is_local(local) and _is_domain(domain) and len(address) <= _LONGEST):
        raise EventError("not_an_email")
    if local in _NOBODY and domain.partition(".")[0] in _NOBODY:
        raise EventError("null_marker")
    return address


def _split_at_blanks(piece: str) -> list[str]:
    """The piece as it is, unless it is nothing but addresses with blanks or slashes between them."""
    if "<" in piece:
        return [piece] if piece.count("<") == 1 else _BRACKETED.findall(piece)
    words = [word for word in re.split(r"[\s/]+", piece) if word]
    return words if len(words) > 1 and all(word.count("@") == 1 for word in words) else [piece]


def _plain(text: str) -> str:
    """The text in the characters that a keyboard gives."""
    if not text.isascii():
        text = text.translate(_FULL_WIDTH)
        folded = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
        if folded.isascii():
            text = folded
        elif not _JOINERS.search(text):  # which are letters of some scripts
            text = _INVISIBLE.sub("", text)
    if "&" in text and _ESCAPED.search(text):
        text = html.unescape(text)
    if "@" not in text and "%40" in text:
        text = unquote(text)
    return text.strip()


def _unwrap(text: str) -> str:
    """What is left once nothing more stands around an address; each step takes something away."""
    while True:
        inner = _unwrap_once(text)
        if inner == text:
            return text
        text = inner


def _unwrap_once(text: str) -> str:
    if text[:1] + text[-1:] in ("()", "[]", "{}"):
        return text[1:-1].strip()
    named = _NAMED.fullmatch(text)
    if named is not None:
        return named[1].strip()
    scheme = _SCHEME.match(text)
    if scheme is not None:
        return unquote(text[scheme.end() :].partition("?")[0]).strip()
    if text[:2] in ('="', "='"):
        return text[1:]
    if len(text) > 1 and text[0] in _QUOTES and (text[-1] in _QUOTES or text[0] in "'\u2018"):
        return text[1:].rstrip(_QUOTES).strip()
    bare = _COMMENT.sub("", text) if text.endswith(")") or text.startswith("(") else text
    bare = bare.rstrip(";, \t\r\n")
    return bare[:-1] if bare.endswith(".") and not bare.endswith("..") else bare


def _is_local(local: str) -> bool:
    if not 1 <= len(local) <= _LONGEST_LOCAL or _NEVER_LOCAL.search(local) or not local.isprintable():
        return False
    return not (local.startswith((".", "=")) or local.endswith(".") or ".." in local)


def _is_domain(domain: str) -> bool:
    """Whether it is a name of at least two labels whose last is no number."""
    labels = domain.split(".")
    is_name = len(labels) > 1 and all(map(_is_label, labels))
    return is_name and len(labels[-1]) > 1 and not labels[-1].isdigit()


def _is_label(label: str) -> bool:
    """Letters with their accents and digits of any script, and hyphens between them."""
    inner = label.replace("-", "a")
    is_word = all(c.isalnum() or unicodedata.category(c).startswith("M") for c in inner)
    return 0 < len(label) < 64 and is_word and not (label.startswith("-") or label.endswith("-"))
