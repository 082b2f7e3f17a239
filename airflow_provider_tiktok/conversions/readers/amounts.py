# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Numbers as text in a stated way of writing, and numbers that count in a part of what is meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Context, Decimal
from typing import Any, Final

from airflow_provider_tiktok.conversions.errors import ConfigurationError, EventError
from airflow_provider_tiktok.conversions.values import plain_value, to_number

_LONGEST: Final = 80
_SHORT: Final = 40
"""Characters up to which a text is read with others, in one go."""

_LONGEST_SYMBOL: Final = 10
_EXACT: Final = Context(prec=400)
_BLANKS: Final = " \u00a0\u202f\u2009"
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
        self._marks: dict[int, str] = {}
        self._has_odd_symbol = not {*settings.get("symbol", "")}.isdisjoint({settings.get("decimal", ".")})
        self._example = "12.50"
        if {"decimal", "thousands", "symbol"}.intersection(settings):
            self._compile(settings)

    def _compile(self, settings: Mapping[str, Any]) -> None:
        decimal = _mark(settings.get("decimal", "."), argument="decimal")
        thousands = _mark(settings["thousands"], argument="thousands") if "thousands" in settings else None
        symbol = settings.get("symbol", "")
        if decimal == thousands:
            raise ConfigurationError(
                f"decimal and thousands: {decimal!r} cannot be both; state the other one."
            )
        if decimal in _BLANKS:
            raise ConfigurationError("decimal: give a character that is no blank.")
        if "symbol" in settings and not _is_symbol(symbol):
            raise ConfigurationError(
                f"symbol: give the sign or code that stands beside the number, of up to {_LONGEST_SYMBOL} "
                "characters, such as '€'."
            )
        whole = "[0-9]+"
        if thousands is not None:
            whole = (
                rf"(?:[0-9]{{1,3}}(?P<mark>{_class_of(thousands)})[0-9]{{3}}(?:(?P=mark)[0-9]{{3}})*|[0-9]+)"
            )
        beside = rf"[{_BLANKS}]?"
        sign = re.escape(symbol.strip())
        front = (
            rf"(?P<sign>[+-]?)(?:{sign}{beside})?(?P<inner>[+-]?)" if sign else "(?P<sign>[+-]?)(?P<inner>)"
        )
        back = f"(?:{beside}{sign})?" if sign else ""
        self._pattern = re.compile(
            rf"{front}(?P<whole>{whole}|(?={_class_of(decimal)}))(?:{_class_of(decimal)}(?P<rest>[0-9]*))?{back}"
        )
        dropped = {*_BLANKS, *symbol, *(_alike(thousands) if thousands else "")}
        self._marks = str.maketrans({**dict.fromkeys(dropped, ""), decimal: "."})
        self._example = f"1{thousands or ''}234{decimal}50{' ' if sign else ''}{symbol.strip()}"

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
        """A column of texts as Python writes numbers; ``None`` for one that holds anything else."""
        if (
            self._pattern is None
            or self._scale is not None
            or self._has_odd_symbol
            or {*map(type, values)} != {str}
        ):
            return None
        if max(map(len, values)) > _SHORT or not all(map(self._pattern.fullmatch, values)):
            return None
        return "\n".join(values).translate(self._marks).split("\n")

    def _plain(self, text: str, pattern: re.Pattern[str]) -> str:
        """The number as Python writes it."""
        text = text.strip()
        if not text or text.casefold() == "nan":
            return ""
        found = pattern.fullmatch(text) if len(text) <= _LONGEST else None
        if found is None or (found["sign"] and found["inner"]) or not (found["whole"] or found["rest"]):
            raise self._refusal()
        whole = re.sub("[^0-9]", "", found["whole"]) or "0"
        rest = f".{found['rest']}" if found["rest"] else ""
        return f"{found['sign'] or found['inner']}{whole}{rest}"

    def _refusal(self) -> EventError:
        remedy = (
            f"Write numbers as {self._example!r}, as is said of this column, or say how they are written."
        )
        return EventError("not_in_format", remedy=remedy)


def _scale_of(given: object) -> Decimal:
    try:
        scale = None if isinstance(given, bool) else to_number(given)
    except EventError:
        scale = None
    if scale is None or scale <= 0:
        raise ConfigurationError("scale: give a number above zero, such as '0.01' for cents.")
    return scale


def _mark(given: object, *, argument: str) -> str:
    if isinstance(given, str) and len(given) == 1 and not given.isalnum() and given not in "+-\r\n\t":
        return given
    raise ConfigurationError(f"{argument}: give one character that is no digit, such as ',' or '.'.")


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
