# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Numbers, texts, and yes or no, from whatever a driver or a file gave."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from types import NoneType
from typing import Any
from uuid import UUID

from airflow_provider_tiktok.conversions.values.refusals import refusal
from airflow_provider_tiktok.conversions.values.visible import trimmed, visible

Converter = Callable[[object], Any]
"""One raw value to one typed value; ``None`` for none; ``EventError`` for a value that will not do."""

_MAX_DIGITS = 64
_MAX_MAGNITUDE = 30
"""Bounds of a number: far beyond any price, near enough that no ``1e999999`` is ever written out."""
_MAX_INTEGER = 2**63 - 1
_MAX_EXACT_FLOAT = 2**53
_LETTERS_OF_A_CURRENCY = 3

_SHA_256_BYTES = 32
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f-\x9f]")

NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,6})?")
_INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)
_NAN = "nan"

_ABSENT_TYPES = frozenset({"NAType", "NaTType", "MaskedConstant"})
SHORT_FLOAT_TYPES = frozenset({"float16", "float32"})


def plain_value(raw: object) -> object:
    """The Python value behind a scalar of numpy or pandas; everything else as it is."""
    kind = type(raw).__name__
    if kind in _ABSENT_TYPES:
        return None
    if getattr(raw, "shape", None) != ():
        return raw
    if kind == "datetime64":
        # Nanoseconds, which pandas uses, would come out as a bare integer.
        return raw.astype("datetime64[us]").item()  # type: ignore[attr-defined]
    if kind in SHORT_FLOAT_TYPES:
        # Widened to 64 bits, 0.1 would become 0.10000000149011612.
        return float(str(raw))
    return raw.item() if hasattr(raw, "item") else raw


def to_number(raw: object) -> Decimal | None:
    """The number, exactly as written: 0.1 stays 0.1, and 12.50 stays 12.50.

    NaN is none, as text too: it is how data frames leave a cell empty.
    """
    if raw is None:
        return None
    if type(raw) is not Decimal:
        number = _number_of(raw)
        if number is None:
            return None
    else:
        number = raw
    if number.is_nan():
        return None
    if not number.is_finite():
        raise refusal("not_finite")
    return _plain_notation(number)


def _number_of(raw: object) -> Decimal | None:
    raw = plain_value(raw)
    if isinstance(raw, str):
        return _number_of_text(trimmed(raw))
    if isinstance(raw, float):
        return Decimal(float.__repr__(raw))
    if isinstance(raw, int) and not isinstance(raw, bool):
        return Decimal(raw)
    if raw is None or isinstance(raw, Decimal):
        return raw
    raise refusal("not_a_number")


def _number_of_text(text: str) -> Decimal | None:
    if not text or text.casefold() == _NAN:
        return None
    if len(text) > _MAX_DIGITS:
        raise refusal("not_a_number")
    if NUMBER.fullmatch(text):
        return Decimal(text)
    raise refusal("not_finite" if _INFINITE.fullmatch(text) else "not_a_number")


def _plain_notation(number: Decimal) -> Decimal:
    text = str(number)
    if not number:
        return Decimal(0) if "E" in text else number.copy_abs()
    if abs(number.adjusted()) > _MAX_MAGNITUDE or len(text) > _MAX_DIGITS:
        raise refusal("out_of_range")
    return Decimal(f"{number:f}") if "E+" in text else number


def to_integer(raw: object) -> int | None:
    """The whole number: 2, 2.0 and "2.00" are 2; 2.5 is refused."""
    if type(raw) is int and -_MAX_INTEGER <= raw <= _MAX_INTEGER:
        return raw
    number = to_number(raw)
    if number is None:
        return None
    whole = int(number)
    if whole != number:
        raise refusal("not_whole")
    if abs(whole) > _MAX_INTEGER:
        raise refusal("out_of_range")
    return whole


def to_quantity(raw: object) -> int | Decimal | None:
    """The number of units of a line item, also of goods by weight and of returns; whole ones as ``int``."""
    number = to_number(raw)
    if number is None:
        return None
    whole = int(number)
    if abs(whole) > _MAX_INTEGER:
        raise refusal("out_of_range")
    return whole if whole == number else number


def to_count(raw: object) -> int | None:
    """The whole number, if it counts anything: none, zero included, is not a count but its absence."""
    count = to_integer(raw)
    if count is not None and count < 1:
        raise refusal("below_one")
    return count


_TRUTHS: Mapping[str, bool] = {
    **dict.fromkeys(("true", "t", "yes", "y", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0"), False),
}


def to_boolean(raw: object) -> bool | None:
    """Yes or no: ``True``, 1, "true", "t", "yes", "y", "1" and their opposites, in any case.

    MySQL's ``BIT(1)``, which arrives as one byte, is taken as well. NaN is neither, and no answer.
    """
    if raw is None or raw is True or raw is False:
        return raw
    raw = plain_value(raw)
    if isinstance(raw, str):
        raw = trimmed(raw).casefold()
        if not raw or raw == _NAN:
            return None
        truth = _TRUTHS.get(raw)
    elif isinstance(raw, float | Decimal) and Decimal(raw).is_nan():
        return None
    else:
        truth = _truth_of_number(raw)
    if truth is None and raw is not None:
        raise refusal("not_a_boolean")
    return truth


_LONGEST_WORD = 20
_UNCLEAR_CONSENT = "Give true or false, 1 or 0, yes or no: anything else counts as no consent."
_YES = frozenset((*(word for word, truth in _TRUTHS.items() if truth), "1.0", "granted", "optin", "optedin"))
_NO = frozenset(
    (
        *(word for word, truth in _TRUTHS.items() if not truth),
        "0.0",
        "denied",
        "optout",
        "optedout",
        "withdrawn",
    )
)


def to_consent(raw: object) -> bool | None:
    """Whether a person agreed: what ``to_boolean`` takes, "granted" and "opt-in", and their opposites.

    Whatever else stands there is refused, and counts as a no. A cell that is empty, which data frames write
    as NaN, says nothing.
    """
    if raw is None or raw is True or raw is False:
        return raw
    raw = plain_value(raw)
    if raw is None or (isinstance(raw, float | Decimal) and math.isnan(raw)):
        return None
    if isinstance(raw, str):
        text = trimmed(raw)
        if not text:
            return None
        word = re.sub(r"(?<=[td])[ _-](?=in|out)", "", text.casefold()) if len(text) <= _LONGEST_WORD else ""
        truth = True if word in _YES else False if word in _NO else None
    else:
        truth = _truth_of_number(raw)
    if truth is None:
        raise refusal("not_a_boolean", remedy=_UNCLEAR_CONSENT)
    return truth


def _truth_of_number(raw: object) -> bool | None:
    if isinstance(raw, bytes):
        return {b"\0": False, b"\1": True}.get(raw)
    if not isinstance(raw, int | float | Decimal) or raw not in (0, 1):
        return None
    return raw == 1


def to_text(raw: object) -> str | None:
    """The text without white space, and characters that cannot be seen, around it.

    Numbers become their digits: 123, 123.0 and ``Decimal("123.00")`` are all "123", which is what an id
    column looks like after a detour through floats; 1.5 is "1.5". A float beyond 2^53 is refused, since an
    id of that length has lost its last digits.
    """
    text = trimmed(raw) if type(raw) is str else _text_of(plain_value(raw))
    if not text:
        return None
    if not text.isascii() and not is_unicode(text):
        raise refusal("not_unicode")
    return text


def _text_of(raw: object) -> str | None:
    for kind in type(raw).__mro__:
        write = _TEXT_BY_TYPE.get(kind)
        if write is not None:
            return write(raw)
    raise refusal("not_text")


# What a spreadsheet or a data frame makes of an id, each pattern for texts of a bounded length.
_LONGEST_ODD_ID = 100
_WITH_A_POINT = re.compile(r"(-?(?:0|[1-9][0-9]*))\.0+")
# 6.01235E+12 and 1e+16; not 1E5 and 12e3, which may be an article's number.
_SCIENTIFIC = re.compile(r"-?[0-9](?:[.,][0-9]+[eE][+-]?|[eE]\+)[0-9]{1,3}")
_AS_FORMULA = re.compile(r"=(\"{1,2})([^\"]+)\1")
_QUOTES = ("'", '"')


def to_token(raw: object) -> str | None:
    """The text of a name or code, without characters that cannot be seen."""
    text = to_text(raw)
    return None if text is None else visible(text) or None


def to_id(raw: object) -> str | None:
    """The text of an id, as it was before a spreadsheet or a data frame had it.

    ``1001.0`` is ``1001``; ``'02138``, ``="02138"`` and a pair of quotes lose what is not theirs. What came
    back in scientific notation, or as a float of more digits than floats keep, has lost digits and is
    refused: two orders would have one id.
    """
    text = to_token(raw)
    if text is None or len(text) > _LONGEST_ODD_ID:
        return text
    text = _unwrapped(text)
    if _SCIENTIFIC.fullmatch(text):
        raise refusal("inexact_float")
    whole = _WITH_A_POINT.fullmatch(text)
    if whole is None:
        return text or None
    if abs(int(whole[1])) > _MAX_EXACT_FLOAT:
        raise refusal("inexact_float")
    return "0" if whole[1] == "-0" else whole[1]


def _unwrapped(text: str) -> str:
    """The text without the marks by which spreadsheets keep digits from becoming a number."""
    formula = _AS_FORMULA.fullmatch(text)
    if formula:
        return formula[2].strip()
    if text[0] not in _QUOTES or len(text) == 1:
        return text
    inner = text[1:-1] if text[-1] == text[0] else text[1:]
    is_mark = text[0] == "'" or text[-1] == text[0]
    return inner.strip() if is_mark and text[0] not in inner else text


def to_currency(raw: object) -> str | None:
    """The code of a currency in capitals; signs and names are refused, since they stand for several."""
    text = to_token(raw)
    if text is None:
        return None
    text = unicodedata.normalize("NFKC", text)
    if len(text) == _LETTERS_OF_A_CURRENCY and text.isascii() and text.isalpha():
        return text.upper()
    raise refusal("not_a_currency_code")


def is_unicode(text: str) -> bool:
    """Whether the text can be written in UTF-8; half a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text_of_bool(raw: bool) -> str:
    raise refusal("not_text")


def _text_of_integer(raw: int) -> str:
    if abs(raw) >= 10**_MAX_DIGITS:
        raise refusal("out_of_range")
    return int.__repr__(raw)


def _text_of_float(raw: float) -> str | None:
    if math.isnan(raw):
        return None
    if math.isinf(raw):
        raise refusal("not_finite")
    if abs(raw) > _MAX_EXACT_FLOAT:
        raise refusal("inexact_float")
    return str(int(raw)) if raw.is_integer() else f"{Decimal(float.__repr__(raw)):f}"


def _text_of_decimal(raw: Decimal) -> str | None:
    if raw.is_nan():
        return None
    number = to_number(raw)
    whole = int(number or 0)
    return str(whole) if whole == number else f"{number:f}"


def _text_of_bytes(raw: bytes | bytearray | memoryview) -> str:
    """The text in UTF-8, or the hex digits of a SHA-256 in its 32 bytes, as a warehouse's function gives it.

    Texts in an older encoding have next to no control characters; a digest without any comes once in 10,000.
    """
    octets = bytes(raw)
    try:
        return trimmed(octets.decode())
    except UnicodeDecodeError:
        pass  # raised below: the codec's error holds the bytes
    if len(octets) == _SHA_256_BYTES and _CONTROL.search(octets):
        return octets.hex()
    raise refusal("not_unicode")


_TEXT_BY_TYPE: Mapping[type, Callable[[Any], str | None]] = {
    NoneType: lambda raw: None,
    str: trimmed,
    bool: _text_of_bool,  # before int in every bool's ancestry
    int: _text_of_integer,
    float: _text_of_float,
    Decimal: _text_of_decimal,
    bytes: _text_of_bytes,
    bytearray: _text_of_bytes,
    memoryview: _text_of_bytes,
    UUID: str,
    date: date.isoformat,
    datetime: datetime.isoformat,
    IPv4Address: str,
    IPv6Address: str,
    # PostgreSQL's inet comes with its network; the address alone is what is wanted.
    IPv4Interface: lambda raw: str(raw.ip),
    IPv6Interface: lambda raw: str(raw.ip),
}


def literal_converter(allowed: tuple[str, ...]) -> Converter:
    """A converter that takes these spellings, and gives them in the case they are allowed in."""
    remedy = f"Use one of: {', '.join(allowed)}."
    spelling = {one.casefold(): one for one in allowed}

    def to_literal(raw: object) -> str | None:
        text = to_token(raw)
        found = None if text is None else spelling.get(text.casefold())
        if text is not None and found is None:
            raise refusal("not_allowed", remedy=remedy)
        return found

    return to_literal
