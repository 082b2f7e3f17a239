# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Numbers as text in a stated way of writing, and numbers that count in a part of what is meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Context, Decimal
from itertools import repeat
from typing import Any, Final

from airflow_provider_tiktok.conversions.errors import ConfigurationError, EventError
from airflow_provider_tiktok.conversions.values import plain_value, to_number

_LONGEST: Final = 80
_LONGEST_SYMBOL: Final = 10
_LARGEST_PLAIN: Final = 10**15
_WHOLE: Final = re.compile(r"(?>(?:0|[1-9][0-9]{0,14})(?:\n|\Z))++")
_PLAIN: Final = re.compile(r"(?>-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,20})?(?:\n|\Z))++")
_EXACT: Final = Context(prec=400)
_BLANKS: Final = " \u00a0\u202f\u2009"
_NO_CENTS: Final = r"(?:--?|[\u2012-\u2015])"
"""What stands in place of decimals where there are none, as in ``1 234,-``: no sign of the number."""
_APOSTROPHES: Final = "'\u2019"


def amount_reader(
    settings: Mapping[str, Any],
) -> tuple[Callable[[Any], Any], Callable[[Sequence[Any]], list[Any] | None]]:
    """What makes exact numbers of text in this way of writing; what is a number already is only scaled.

    :param settings: ``scale``, ``decimal``, ``thousands``, ``symbol``, some of them.
    :returns: for one value, and for a whole column of plain text.
    """
    amount = _Amount(settings)
    return amount.read, amount.plain_column


class _Amount:
    """One way of writing, compiled."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._scale = _scale_of(settings["scale"]) if "scale" in settings else None
        self._pattern: re.Pattern[str] | None = None
        self._shift = None if self._scale is None else _shift_of(self._scale)
        self._rows: re.Pattern[str] | None = None
        self._dropped: list[str] = []
        self._decimal = "."
        self._example = "12.50"
        if {"decimal", "thousands", "symbol"}.intersection(settings):
            self._compile(settings)

    def _compile(self, settings: Mapping[str, Any]) -> None:
        decimal = _mark(settings.get("decimal", "."), argument="decimal")
        thousands = _mark(settings["thousands"], argument="thousands") if "thousands" in settings else None
        symbol = settings.get("symbol", "")
        if decimal == thousands:
            raise ConfigurationError(
                f"State the other one of decimal and thousands: {decimal!r} cannot be both."
            )
        if decimal in _BLANKS:
            raise ConfigurationError("Give a character that is no blank as decimal.")
        if "symbol" in settings and not _is_symbol(symbol):
            raise ConfigurationError(
                "Give the sign or code beside the number as symbol, such as '€', of up to "
                f"{_LONGEST_SYMBOL} characters."
            )
        whole = "[0-9]+"
        if thousands is not None:
            whole = (
                rf"(?:[0-9]{{1,3}}(?P<mark>{_class_of(thousands)})[0-9]{{3}}(?:(?P=mark)[0-9]{{3}})*|[0-9]+)"
            )
        mark = _class_of(decimal)
        beside = rf"[{_BLANKS}]?"
        sign = symbol.strip()
        shown = re.escape(sign)
        front = (
            rf"(?P<sign>[+-]?)(?:{shown}{beside})?(?P<inner>[+-]?)" if sign else "(?P<sign>[+-]?)(?P<inner>)"
        )
        back = f"(?:{beside}{shown})?" if sign else ""
        self._pattern = re.compile(
            rf"{front}(?P<whole>{whole}|(?={mark}))(?:{mark}(?P<rest>[0-9]*)(?:(?<={mark}){_NO_CENTS})?)?(?P<last>-?){back}"
        )
        self._decimal = decimal
        marks = _alike(thousands) if thousands else ""
        self._dropped = [*([sign] if sign else ()), *marks, *_BLANKS]
        if not sign or not {*sign} <= {decimal, *marks, *_BLANKS}:
            self._rows = _rows(decimal, marks=marks, sign=sign)
        self._example = f"1{thousands or ''}234{decimal}50{' ' if sign else ''}{sign}"

    def read(self, raw: object) -> Decimal | None:
        """The exact number; ``None`` for no value."""
        value = plain_value(raw)
        if isinstance(value, str) and self._pattern is not None:
            value = self._plain(value, self._pattern)
        try:
            number = to_number(value)
        except EventError as error:
            if error.rule == "not_a_number":
                raise self._refusal() from None
            raise
        if number is None or self._scale is None:
            return number
        return _EXACT.multiply(number, self._scale)

    def plain_column(self, values: Sequence[Any]) -> list[Any] | None:
        """A column of plain amounts, as Python writes numbers or exact; ``None`` for any other."""
        kinds = {*map(type, values)}
        if self._scale is None:
            return self._plain_texts(values) if kinds == {str} else None
        if self._shift is not None and (self._pattern is None or str not in kinds):
            shifted = _shifted(values, self._shift)
            if shifted is not None:
                return shifted
        if kinds == {str} and self._pattern is not None:
            values = self._plain_texts(values) or ()
        exact = _exact(values)
        return list(map(_EXACT.multiply, exact, repeat(self._scale))) if exact else None

    def _plain_texts(self, values: Sequence[str]) -> list[Any] | None:
        """Amounts in this way of writing, none below zero, as Python writes numbers."""
        text = "\n".join(values)
        if self._rows is None or text.count("\n") + 1 != len(values) or not self._rows.fullmatch(text):
            return None
        for mark in self._dropped:
            text = text.replace(mark, "")
        return text.replace(self._decimal, ".").split("\n")

    def _plain(self, text: str, pattern: re.Pattern[str]) -> str:
        """The number as Python writes it."""
        text = text.strip()
        if not text or text.casefold() == "nan":
            return ""
        is_negative = text[0] == "(" and text[-1] == ")"  # as accountants write it
        text = text[1:-1].strip(_BLANKS) if is_negative else text.replace("\u2212", "-")
        found = pattern.fullmatch(text) if len(text) <= _LONGEST else None
        if found is None or not (found["whole"] or found["rest"]):
            raise self._refusal()
        signs = [
            *("-" if is_negative else ""),
            *filter(None, (found[one] for one in ("sign", "inner", "last"))),
        ]
        if len(signs) > 1:
            raise self._refusal()
        whole = re.sub("[^0-9]", "", found["whole"]) or "0"
        rest = f".{found['rest']}" if found["rest"] else ""
        return f"{''.join(signs)}{whole}{rest}"

    def _refusal(self) -> EventError:
        remedy = (
            f"Write numbers as {self._example!r}, as is said of this column, or say how they are written."
        )
        return EventError("not_in_format", remedy=remedy)


def _rows(decimal: str, *, marks: str, sign: str) -> re.Pattern[str]:
    """Amounts in plain digits, a line each: what these take, the pattern of one takes."""
    grouped = [rf"(?:{re.escape(mark)}[0-9]{{3}}){{1,4}}+" for mark in marks]
    whole = rf"(?:[0-9]{{1,3}}(?:{'|'.join(grouped)})|[0-9]{{1,15}})" if grouped else "[0-9]{1,15}"
    shown, beside = re.escape(sign), rf"[{_BLANKS}]?"
    front, back = (f"(?:{shown}{beside})?", f"(?:{beside}{shown})?") if sign else ("", "")
    return re.compile(rf"(?>{front}{whole}(?:{re.escape(decimal)}[0-9]{{1,12}})?{back}(?:\n|\Z))++")


def _exact(values: Sequence[Any]) -> Sequence[Decimal] | None:
    """A column of plain numbers of one type, exact; ``None`` for any other."""
    kinds = {*map(type, values)}
    if kinds not in ({str}, {int}, {float}, {Decimal}):
        return None
    text = "\n".join(map(str, values))
    if text.count("\n") + 1 != len(values) or not _PLAIN.fullmatch(text):
        return None
    return values if kinds == {Decimal} else list(map(Decimal, text.split("\n")))


def _shift_of(scale: Decimal) -> int | None:
    """How many of the last digits come behind the point, for tenths, hundredths and so on."""
    _, digits, exponent = scale.normalize().as_tuple()
    return -exponent if digits == (1,) and isinstance(exponent, int) and -6 <= exponent < 0 else None


def _shifted(values: Sequence[Any], shift: int) -> list[Any] | None:
    """A column of whole numbers with a point before the last digits; ``None`` for any other."""
    kinds = {*map(type, values)}
    if kinds == {int}:
        if min(values) < 0 or max(values) >= _LARGEST_PLAIN:
            return None
        texts = list(map(str, values))
    elif kinds == {float}:
        return _shifted_floats(values, shift)
    elif kinds == {str}:
        text = "\n".join(values)
        if text.count("\n") + 1 != len(values) or not _WHOLE.fullmatch(text):
            return None
        texts = list(values)
    else:
        return None
    if len(min(texts, key=len)) <= shift:
        texts = [text.zfill(shift + 1) for text in texts]
    return [f"{text[:-shift]}.{text[-shift:]}" for text in texts]


def _shifted_floats(values: Sequence[float], shift: int) -> list[Any] | None:
    """The same for whole numbers of a data frame, in which NaN is none."""
    places = [place for place, value in enumerate(values) if value == value]
    there = [values[place] for place in places]
    if not there or not all(map(float.is_integer, there)):
        return None
    texts = _shifted(list(map(int, there)), shift)
    if texts is None or len(texts) == len(values):
        return texts
    shifted: list[Any] = [None] * len(values)
    for place, text in zip(places, texts, strict=True):
        shifted[place] = text
    return shifted


def _scale_of(given: object) -> Decimal:
    try:
        scale = None if isinstance(given, bool) else to_number(given)
    except EventError:
        scale = None
    if scale is None or scale <= 0:
        raise ConfigurationError("Give a number above zero as scale, such as '0.01' for cents.")
    return scale


def _mark(given: object, *, argument: str) -> str:
    if isinstance(given, str) and len(given) == 1 and not given.isalnum() and given not in "+-\r\n\t":
        return given
    raise ConfigurationError(f"Give one character that is no digit as {argument}, such as ',' or '.'.")


def _is_symbol(given: object) -> bool:
    return (
        isinstance(given, str)
        and 0 < len(given.strip()) <= _LONGEST_SYMBOL
        and not any(one.isdigit() or one in "+-" for one in given)
    )


def _alike(mark: str) -> str:
    """The ways in which a mark is typeset: blanks and apostrophes have several."""
    return next((alike for alike in (_BLANKS, _APOSTROPHES) if mark in alike), mark)


def _class_of(mark: str) -> str:
    """A mark in a pattern."""
    alike = _alike(mark)
    return f"[{alike}]" if len(alike) > 1 else re.escape(mark)
