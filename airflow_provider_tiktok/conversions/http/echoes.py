# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What an API repeats of a request, masked by what was sent and not by what it looks like.

Patterns find addresses and numbers; a name, an order's text or a token they do not. But everything that may
not be shown was sent, so it is known: each value of the request is looked for, in clear, percent-encoded, as
HTML entities, in backslash escapes, in hexadecimal and in Base64, in any case and any nesting of these.

Short values are common words, and looking for them would leave no message. So what is not marked private
counts from four characters (numbers from five), and is looked for as a word up to seven; what is private
counts at any length, up to three characters as a word.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import msgspec

from airflow_provider_tiktok.conversions.http.messages import HttpRequest

MASK = "[value]"

_SHOWN_CHARACTERS = 6_000
_READ_CHARACTERS = 8_000
_MOST_LAYERS = 3
_LEAST_TEXT, _LEAST_NUMBER, _LEAST_INSIDE_WORDS = 4, 5, 8
_LEAST_PRIVATE_INSIDE_WORDS = 4

_ESCAPED = re.compile(
    r"(?:%[0-9A-Fa-f]{2})+"
    r"|&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});"
    r"|(?:\\u[0-9A-Fa-f]{4})+|\\x[0-9A-Fa-f]{2}|\\[\"'/\\]"
)
_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{6,}={0,2}")
_HEXADECIMAL = re.compile(r"(?:[0-9A-Fa-f]{2}){4,}")

# A text as its characters, each with the part of the original that it comes from.
_Spans = list[tuple[str, int, int]]


class Echoes:
    """The values of one request. Nothing is done before there is a message to mask.

    :param private: names of fields whose values, and all below them, count at any length.
    :param shown: names of fields whose values people look up.
    :param words: of the API, in small letters: they are no values, unless they are private.
    """

    def __init__(
        self,
        request: HttpRequest,
        *,
        private: Collection[str] = (),
        shown: Collection[str] = (),
        words: Collection[str] = (),
    ) -> None:
        self._request = request
        self._private = private
        self._shown = shown
        self._words = words

    def mask(self, message: str) -> str:
        """The message without what was sent; of a very long one its beginning."""
        text = message[:_READ_CHARACTERS]
        spans: _Spans = [(sign, place, place + 1) for place, sign in enumerate(text)]
        hidden = bytearray(len(text))
        for _ in range(_MOST_LAYERS):
            self._hide(spans + _decode_words(spans), hidden)
            decoded = _unescape(spans)
            if len(decoded) == len(spans):
                break
            spans = decoded
        else:
            self._hide(spans, hidden)
        return _render(text, hidden)

    def is_echo(self, text: str) -> bool:
        """Whether anything of the text was sent."""
        return self.mask(text) != text

    def _hide(self, spans: _Spans, hidden: bytearray) -> None:
        """Mark what of the original is the value of the request."""
        haystack = "".join(_lowered(sign) for sign, _, _ in spans)
        for needle, is_word in self._needles.items():
            start = haystack.find(needle)
            while start >= 0:
                end = start + len(needle)
                if not is_word or _is_word(haystack, start, end):
                    first, last = spans[start][1], spans[end - 1][2]
                    hidden[first:last] = b"\1" * (last - first)
                start = haystack.find(needle, start + 1)

    @cached_property
    def _needles(self) -> Mapping[str, bool]:
        """Each value in small letters, and whether it counts as a whole word only."""
        needles: dict[str, bool] = {}
        for value, is_private in self._values():
            text = "".join(map(_lowered, value.strip()))
            is_number = text.replace(".", "", 1).isdecimal()
            least = 1 if is_private else _LEAST_NUMBER if is_number else _LEAST_TEXT
            if len(text) < least or (text in self._words and not is_private):
                continue
            inside_words = _LEAST_PRIVATE_INSIDE_WORDS if is_private else _LEAST_INSIDE_WORDS
            is_word = len(text) < inside_words or (is_number and not is_private)
            for spelling in (text, text.replace(" ", "+")):  # a query writes blanks so
                needles[spelling] = needles.get(spelling, True) and is_word
        return needles

    def _values(self) -> Iterator[tuple[str, bool]]:
        request = self._request
        for name, value in request.headers.items():
            if name.lower() not in ("content-type", "accept"):
                yield value, True
        if request.name:  # where the request has a name, its path is secret
            yield from ((part, True) for part in urlsplit(request.url).path.split("/") if len(part) > 3)
        for name, value in request.params:
            if name not in self._shown:
                yield value, name in self._private
                yield from self._leaves(_read_json(value.encode()), is_private=name in self._private)
        yield from self._leaves(_read_json(request.body or b""), is_private=False)

    def _leaves(self, value: Any, *, is_private: bool) -> Iterator[tuple[str, bool]]:
        if isinstance(value, dict):
            for name, inner in value.items():
                if name not in self._shown:
                    yield from self._leaves(inner, is_private=is_private or name in self._private)
        elif isinstance(value, list):
            for inner in value:
                yield from self._leaves(inner, is_private=is_private)
        elif isinstance(value, str):
            yield value, is_private
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield str(value), is_private


def _read_json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _lowered(sign: str) -> str:
    """The letter in small, if that is one character."""
    small = sign.lower()
    return small if len(small) == len(sign) else sign


def _is_word(text: str, start: int, end: int) -> bool:
    return not text[max(start - 1, 0) : start].isalnum() and not text[end : end + 1].isalnum()


def _unescape(spans: _Spans) -> _Spans:
    """The text with one layer of escapes undone."""
    text = "".join(sign for sign, _, _ in spans)
    decoded: _Spans = []
    place = 0
    for found in _ESCAPED.finditer(text):
        decoded += spans[place : found.start()]
        first, last = spans[found.start()][1], spans[found.end() - 1][2]
        decoded += [(sign, first, last) for sign in _unescaped(found.group())]
        place = found.end()
    return decoded + spans[place:]


def _unescaped(escape: str) -> str:
    if escape[0] == "%":
        return unquote_to_bytes(escape).decode("utf-8", "replace")
    if escape[0] == "&":
        return html.unescape(escape)
    if escape[1] == "u":
        units = bytes.fromhex(escape.replace("\\u", ""))
        return units.decode("utf-16-be", "replace")
    return chr(int(escape[2:], 16)) if escape[1] == "x" else escape[1:]


def _decode_words(spans: _Spans) -> _Spans:
    """What words say that may be Base64 or hexadecimal, each character with the whole word as its origin."""
    text = "".join(sign for sign, _, _ in spans)
    decoded: _Spans = []
    for pattern, decode in ((_ENCODED, _from_base64), (_HEXADECIMAL, _from_hexadecimal)):
        for found in pattern.finditer(text):
            first, last = spans[found.start()][1], spans[found.end() - 1][2]
            for plain in decode(found.group()):
                decoded += [("\0", first, last), *((sign, first, last) for sign in plain)]
    return decoded


def _from_base64(word: str) -> Iterator[str]:
    """From each of the four places at which a group of four may begin."""
    signs = word.rstrip("=").replace("-", "+").replace("_", "/")
    for start in range(4):
        part = signs[start:]
        part = part[: len(part) - (len(part) % 4 == 1)]
        try:
            yield base64.b64decode(part + "=" * (-len(part) % 4)).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            continue


def _from_hexadecimal(word: str) -> Iterator[str]:
    yield bytes.fromhex(word).decode("utf-8", "replace")


def _render(text: str, hidden: bytearray) -> str:
    parts: list[str] = []
    place = 0
    for found in re.finditer(rb"\x01+", bytes(hidden)):
        if found.start() >= _SHOWN_CHARACTERS:
            break
        parts += [text[place : found.start()], MASK]
        place = found.end()
    return "".join([*parts, text[place:_SHOWN_CHARACTERS]])
