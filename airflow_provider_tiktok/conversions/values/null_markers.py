# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

r"""Null markers: texts that stand for no value, such as ``\N``, ``NULL``, ``nan`` and ``(not set)``.

Databases, data frames, spreadsheets and tag managers write them where there is nothing. Taken for a value,
one of them makes one person of everybody who has none, or one event of many. Upper and lower case, blanks,
quotes and brackets around them, and percent or HTML escapes make no difference.

Some of them are real values elsewhere: ``NA`` is Namibia, and people are called Null, None and Nan. So every
field has its own :class:`NullRule`, which says what is real in it.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from types import NoneType
from typing import Any, Final
from urllib.parse import unquote

from msgspec import Struct

from airflow_provider_tiktok.conversions.errors import ConfigurationError, EventError
from airflow_provider_tiktok.conversions.values.macros import UNRESOLVED, UNRESOLVED_REMEDY, is_macro
from airflow_provider_tiktok.conversions.values.scalars import to_text

NULL_MARKER: Final = "null_marker"
"""The reason for which a null marker is left out."""

NULL_MARKER_REMEDY: Final = "Leave the field empty, or write SQL's NULL, where there is no value."

_WRITTEN: Final = r"""
    null none nil nan na nat n/a n.a. n.a n\a undef undefined unset unspecified unknown
    notset notavailable notapplicable notprovided notspecified notdefined notknown notfound novalue nodata
    unavailable missing empty blank
    -nan +nan -1.#ind 1.#ind -1.#qnan 1.#qnan
    #n/a #na #n/an/a #null! #ref! #value! #name? #div/0! #num! #error! #spill! #calc!
    \n \0 objectobject pd.na pd.nat np.nan dbnull system.dbnull
    $null$ null; hivedefaultpartition null::text null::varchar nullnull ∅
"""
_MARKERS: Final = frozenset(_WRITTEN.split())
_OF_NAMES: Final = frozenset({"null", "none", "nil", "nan", "na", "nat", "blank"})
_LONGEST: Final = 64
_HASHED_AS_THEY_STAND: Final = (
    *("", " ", "-", "--", "(not set)", "(none)", "(null)", "<NA>", "[object Object]"),
    *("00000000-0000-0000-0000-000000000000", "0" * 32),
)

_NIL: Final = re.compile(r"(?:urn:uuid:)?([0f])\1{7}-?\1{4}-?\1{4}-?\1{4}-?\1{12}")
"""The UUID of zeros, which RFC 9562 calls nil, and that of ones."""
_NUMBER_OF_NOBODY: Final = re.compile(r"[+-]?0{1,12}(?:\.0+)?|-1")
_DASHES: Final = re.compile(r"[-\u2010-\u2015\u2212]+")
_MARKS: Final = re.compile(r"[-\u2010-\u2015\u2212.?/|~\u2026]+")
_QUOTES: Final = "\"'`\u2018\u2019\u201c\u201d"
_AROUND: Final = re.compile(rf"\A=?[{_QUOTES}(\[{{<]+|[{_QUOTES})\]}}>]+\Z")
_ESCAPED: Final = re.compile(r"%[0-9a-fA-F]{2}|&#?\w+;")
_BETWEEN_LETTERS: Final = re.compile(r"[\s\0_+\u00ad\u200b-\u200f\u2060\ufeff]+|(?<=[a-z])-(?=[a-z])")
_BETWEEN_WORDS: Final = re.compile(r"[\s_,;:|/-]+")


_MAY_BE: Final = re.compile(
    r"[\W_]*(?:\Z|n\Z|0|ff|-1|1[.]|n[aiopu./\\-]|u[nr]|gu|an|ob|mi|em|bl|[pd][db]|sy|re|va|di|er|sp|ca|hi|fa|tr)|.*[%&]",
    re.IGNORECASE,
)
"""How markers in ASCII begin: what nearly all values are told from them by, at the price of one look."""


class NullRule(Struct, frozen=True, kw_only=True):
    """What stands for no value in one kind of field.

    :param real: markers, in lower case, that are real values here.
    :param has_names: whether words such as Null and None are real where they are spelt as names are, with a
        capital in front and small letters behind.
    :param is_number_real: whether 0, and -1, are values like others; where people are numbered they stand for
        nobody.
    :param is_nil_real: whether another rule tells of ids of zeros.
    :param also: further words, in lower case, that stand for nobody here.
    """

    real: frozenset[str] = frozenset()
    has_names: bool = False
    is_number_real: bool = True
    is_nil_real: bool = False
    also: frozenset[str] = frozenset()

    def holds(self, text: str) -> bool:
        """Whether the text stands for no value: a null marker, or a macro that nobody filled in."""
        return is_macro(text, in_brackets=not self.has_names) or self.holds_marker(text)

    def holds_marker(self, text: str) -> bool:
        """Whether the text is a null marker."""
        if len(text) > _LONGEST or "@" in text or (text.isascii() and not _MAY_BE.match(text)):
            return False
        plain = text.strip().casefold()
        if plain in self.real or (self.has_names and _is_name(text)):
            return False
        bare = _without_dress(plain)
        return self._is_marker(_BETWEEN_LETTERS.sub("", bare)) or self._is_marker_repeated(bare)

    def _is_marker(self, text: str) -> bool:
        if text in _MARKERS or text in self.also:
            return True
        if not self.is_number_real and _NUMBER_OF_NOBODY.fullmatch(text):
            return True
        if not self.is_nil_real and _NIL.fullmatch(text):
            return True
        return (_DASHES if self.has_names else _MARKS).fullmatch(text) is not None

    def _is_marker_repeated(self, text: str) -> bool:
        """Whether the text is several empty columns put together, such as ``null_null``."""
        words = _BETWEEN_WORDS.split(text)
        return len(words) > 1 and all(word in _MARKERS for word in words)


IDS: Final = NullRule()
"""Ids of events, orders and things, and texts that say what something is. Numbers from 0 on are ids."""

PEOPLE: Final = NullRule(
    is_number_real=False, also=frozenset({"guest", "anonymous", "nobody", "false", "true"})
)
"""Ids of people, of their clicks and browsers: 0, -1 and false are what shops give to guests."""

NAMES: Final = NullRule(has_names=True)
"""Names of people."""

COUNTRIES: Final = NullRule(real=frozenset({"na"}))
"""Countries, states and languages: NA is Namibia, Naples and the language of Nauru."""

CITIES: Final = NullRule(real=frozenset({"none"}))
"""Cities: None is a town in Piedmont."""

ZIP_CODES: Final = NullRule(is_number_real=False, also=frozenset({"00000-0000"}))
"""Postal codes: nobody lives in 00000."""

DEVICES: Final = NullRule(is_nil_real=True)
"""Ids of devices, of whose zeros another rule tells: the owner shares none."""

ADDRESSES: Final = NullRule(real=frozenset({"unknown"}))
"""Network addresses, of which another rule knows what proxies write for an unknown one."""


def reason_of_nothing(raw: object) -> tuple[str, str]:
    """Why a text that stands for no value does so, and what a person can do about it."""
    if isinstance(raw, str) and is_macro(raw) and not IDS.holds_marker(raw):
        return UNRESOLVED, UNRESOLVED_REMEDY
    return NULL_MARKER, NULL_MARKER_REMEDY


class NullValues:
    """Texts that a run names as standing for no value, in every field; case and blanks make no difference.

    :raises ConfigurationError: no sequence of texts, or a blank one among them.
    """

    def __init__(self, texts: Sequence[str] = ()) -> None:
        given: Any = texts
        is_list = isinstance(given, list | tuple | set | frozenset)
        if not is_list or not all(isinstance(one, str) and one.strip() for one in given):
            raise ConfigurationError("Give a list of texts as null_values, such as ['-99', 'no e-mail'].")
        self._texts = frozenset(one.strip().casefold() for one in texts)

    def __bool__(self) -> bool:
        return bool(self._texts)

    def __repr__(self) -> str:
        return repr(sorted(self._texts))

    def holds(self, raw: object) -> bool:
        """Whether a text, or a number by its digits, is one of them."""
        if isinstance(raw, int | float | Decimal) and not isinstance(raw, bool):
            try:
                raw = to_text(raw)
            except EventError:
                return False
        return isinstance(raw, str) and raw.strip().casefold() in self._texts

    def places_in(self, column: Sequence[Any]) -> list[int]:
        """The places of those values of a column that are one of them."""
        if self._are_absent_from(column):
            return []
        return [place for place, raw in enumerate(column) if self.holds(raw)]

    def _are_absent_from(self, column: Sequence[Any]) -> bool:
        """Whether it is sure at one look that no value is one of them."""
        kinds = {*map(type, column)}
        if not kinds <= {str, NoneType} and kinds != {int}:
            return False
        try:
            text = "\n".join(map(str, column)).casefold()
        except ValueError:  # a whole number of thousands of digits
            return False
        return not any(one in text for one in self._texts)


def spellings_of_nothing(rule: NullRule) -> frozenset[str]:
    """The empty text and the null markers of a rule, as senders spell them before they hash them.

    Where names are real, so are their small letters: names are hashed in these.
    """
    unreal = (_MARKERS | rule.also) - rule.real - (_OF_NAMES if rule.has_names else frozenset())
    spelt = {spell(word) for word in unreal for spell in (str, str.upper, str.title)}
    spelt |= {word.upper() for word in _OF_NAMES - rule.real} | {"NaN", "NaT", *_HASHED_AS_THEY_STAND}
    return frozenset(spelt if rule.is_number_real else spelt | {"0", "-1", "00000", "0.0"})


def _is_name(text: str) -> bool:
    return text.istitle() and all(word in _OF_NAMES for word in text.casefold().split())


def _without_dress(text: str) -> str:
    """The text without escapes, and without quotes and brackets around it."""
    if text.isalnum() and text.isascii():
        return text
    if _ESCAPED.search(text):
        text = html.unescape(unquote(text)).strip().casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return _AROUND.sub("", text).strip()
