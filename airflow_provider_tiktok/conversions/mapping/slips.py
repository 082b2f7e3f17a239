# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Slips: whether one name is another one mistyped, rather than a name of its own.

A run is stopped for a slip, so it must be one almost for sure: ``emial`` for ``email`` is, ``ttclid`` beside
``gclid``, ``user_ip`` beside ``user_id`` and ``address1`` beside ``address2`` are names of other things.
"""

from __future__ import annotations

import re

from airflow_provider_tiktok.conversions.values import folded_name

_SEPARATORS = re.compile(r"[\s_.\-]+")
_SHORTEST = 4
"""Of shorter words, one letter makes another word as often as a slip."""

_LONGEST = 100


def is_slip(name: str, *, of: str) -> bool:
    """Whether two names differ in case, blanks and separators, or by a slip of the keyboard in a word."""
    if max(len(name), len(of)) > _LONGEST:
        return False
    one, other = _whole(name), _whole(of)
    if one == other:
        return True
    if name.count(".") != of.count(".") or _digits(one) != _digits(other):
        return False  # the way into an object is no slip for the object, nor one number for another
    words, others = _words(name), _words(of)
    if len(words) == len(others):
        return all(map(_is_word_mistyped, words, others))
    return _is_short_of_one(one, other) or _is_swapped(one, other)


def _whole(name: str) -> str:
    return folded_name(name).replace(".", "")


def _digits(name: str) -> list[str]:
    return [letter for letter in name if letter.isdigit()]


def _words(name: str) -> list[str]:
    return [word for word in _SEPARATORS.split(name.casefold()) if word]


def _is_word_mistyped(word: str, other: str) -> bool:
    return (
        word == other
        or _is_short_of_one(word, other)
        or _is_swapped(word, other)
        or _is_mistaken(word, other)
    )


def _is_short_of_one(word: str, other: str) -> bool:
    """Whether one has a letter more than the other."""
    short, long = sorted((word, other), key=len)
    if len(short) < _SHORTEST or len(long) != len(short) + 1:
        return False
    same = _common_start(short, long)
    return short[same:] == long[same + 1 :]


def _is_swapped(word: str, other: str) -> bool:
    """Whether two neighbours changed their places."""
    if len(word) < _SHORTEST or len(word) != len(other):
        return False
    at = _common_start(word, other)
    return word[at : at + 2] == other[at : at + 2][::-1] and word[at + 2 :] == other[at + 2 :]


def _is_mistaken(word: str, other: str) -> bool:
    """Whether one letter is another; not the first one, which tells ``fname`` from ``lname``."""
    if len(word) < _SHORTEST or len(word) != len(other):
        return False
    at = _common_start(word, other)
    return at > 0 and word[at + 1 :] == other[at + 1 :]


def _common_start(word: str, other: str) -> int:
    pairs = zip(word, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(word), len(other)))
