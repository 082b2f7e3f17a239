# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A vendor's words made fit for logs: what looks like a value is masked."""

from __future__ import annotations

import re
from collections.abc import Collection

_MAX_SHOWN = 300
_MAX_READ = 1_000

_INVISIBLE = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_QUOTED = re.compile(
    r""""((?:\\.|[^"\\])*)(?:"|$)"""
    r"""|(?<!\w)'((?:\\.|'(?=\w)|[^'\\])*)(?:'|$)"""
    r"""|`([^`]*)(?:`|$)"""
    r"""|[“«]([^”»]*)(?:[”»]|$)"""
)

_WORD = r"[^\s:=,;()\[\]{}<>]"

# In this order: an address is looked for before the parts it may hold.
_MASKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]*://\S*"), "[url]"),
    (re.compile(r"\?[^\s?]*[=&]\S*"), "?[query]"),
    (re.compile(r"\bMozilla/.*"), "[user agent]"),
    (re.compile(rf"(?<!{_WORD}){_WORD}*(?:@|\uff20|%40|\\u0040|&#64;)[^\s,;()\[\]{{}}<>]*", re.I), "[email]"),
    (re.compile(r"(?<![0-9A-Za-z_])[0-9A-Fa-f]{32,}(?![0-9A-Za-z_])"), "[digest]"),
    # Four colons, or two in a row: a time of day has fewer.
    (re.compile(r"(?<![\w:])(?=[0-9A-Fa-f:]*::|(?:[0-9A-Fa-f]*:){4})[0-9A-Fa-f:]+[0-9.]*(?![\w:])"), "[ip]"),
    (re.compile(r"(?<![\w.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![\w]|\.[0-9])"), "[ip]"),
)
_LONG_WORD = re.compile(r"[A-Za-z0-9_+/=-]{24,}")
# Ids and pixel codes have 18 to 20 signs, telephone numbers at most 15 digits. Both in capitals, so that a
# number glued to a word is no id.
_ID = r"[A-Z0-9]{18,20}"
_NUMBER = re.compile(rf"(?<![\w+]){_ID}(?!\w)|\+?\d(?:[\s().\-/]{{0,3}}\d){{6,}}")


def describe(text: str, *, known: Collection[str] = ()) -> str:
    """A vendor's words, fit for logs: one line of at most 300 signs, with what looks like a value masked.

    Masked are quoted words, addresses, e-mails, digests, long tokens, IPs, user agents and runs of seven
    digits and more; ids and pixel codes of 18 to 20 signs stay, since people look them up. Doing it
    twice changes nothing.

    :param known: quoted words that are no values, such as field names, and stay.
    """
    line = _CONTROL.sub(" ", _INVISIBLE.sub("", text[: _MAX_READ + 1]))
    if len(text) > _MAX_READ:  # a value cut in two would not be recognised
        line = line[:_MAX_READ].rpartition(" ")[0]
    line = _QUOTED.sub(lambda found: _mask_quoted(found, known=known), line)
    for pattern, mask in _MASKS:
        line = pattern.sub(mask, line)
    line = _LONG_WORD.sub(_mask_long_word, line)
    line = _NUMBER.sub(_mask_number, line)
    line = " ".join(line.split())
    return line if len(line) <= _MAX_SHOWN else line[: _MAX_SHOWN - 1] + "…"


def _mask_quoted(found: re.Match[str], *, known: Collection[str]) -> str:
    word = next((group for group in found.groups() if group is not None), "")
    return found.group() if word in known else "[value]"


def _mask_long_word(found: re.Match[str]) -> str:
    word = found.group()
    is_id = word.isdigit() and len(word) <= 20
    has_digit = any(sign.isdigit() for sign in word)
    return "[token]" if has_digit and not is_id else word


def _mask_number(found: re.Match[str]) -> str:
    number = found.group()
    return number if re.fullmatch(_ID, number) else "[number]"
