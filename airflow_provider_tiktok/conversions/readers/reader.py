# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Readers, compiled: one raw value, or a whole column of them, in the terms of the field that takes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum, auto
from functools import partial
from types import NoneType
from typing import Any, Final

from msgspec import Struct

from airflow_provider_tiktok.conversions.by_parts import answer_by_parts
from airflow_provider_tiktok.conversions.errors import ConfigurationError, EventError
from airflow_provider_tiktok.conversions.readers.amounts import amount_reader
from airflow_provider_tiktok.conversions.readers.clock import format_reader, seconds_of, unit_reader
from airflow_provider_tiktok.conversions.readers.declarations import (
    ALONE,
    COLUMN,
    RULES,
    SKIP,
    given_columns,
    in_argument,
)
from airflow_provider_tiktok.conversions.values import (
    closest_name,
    plain_value,
    to_boolean,
    to_number,
    to_text,
)

LEFT_OUT: Final = object()
"""What a reader gives for a value whose row, or item, is to be left out."""

Convert = Callable[[Any], Any]


class Use(Enum):
    """What a reader makes, so that the field must take it."""

    ANY = auto()
    TIME = auto()
    NUMBER = auto()
    LIST = auto()
    PHONE = auto()


class Reader(Struct, frozen=True, kw_only=True):
    """What one column holds, or several whose texts are one.

    :param columns: their names; of several a value is the tuple of theirs.
    :param convert: one raw value to the raw value that the field takes, ``None`` where that is the same.
    :param bulk: a whole column of plain values at once; ``None``, or an error, for one that is not so plain.
    :param use: what the field must take.
    :param is_first: whether a field that takes several values takes this one only if none came before.
    :param region: the column with the country of telephone numbers.
    :param listed: the texts that are translated, whatever else they may stand for.
    :param answers_nothing: whether no value is an answer, too.
    """

    columns: tuple[str, ...]
    convert: Convert | None = None
    bulk: Callable[[Sequence[Any]], list[Any] | None] | None = None
    use: Use = Use.ANY
    is_first: bool = False
    region: str | None = None
    listed: frozenset[str] = frozenset()
    answers_nothing: bool = False

    def lists(self, raw: object) -> bool:
        """Whether a value is one of those that are translated."""
        return bool(self.listed) and _text_or_none(raw) in self.listed

    def column(self, values: Sequence[Any], odd: set[int], left_out: set[int]) -> list[Any]:
        """The values of a column in the terms of the field, ``None`` for those that have none.

        :param odd: gets the places of values that must be looked at one by one.
        :param left_out: gets the places of values that leave their row out; these are odd, too.
        """
        convert = self.convert
        if convert is None:
            return list(values)
        converted = self._converted(values, convert, odd)
        if self.listed and any(value is LEFT_OUT for value in converted):
            left_out.update(place for place, value in enumerate(converted) if value is LEFT_OUT)
            odd.update(left_out)
            converted = [None if value is LEFT_OUT else value for value in converted]
        return converted

    def _converted(self, values: Sequence[Any], convert: Convert, odd: set[int]) -> list[Any]:
        if self.bulk is not None:
            return answer_by_parts(
                values, self._quick, lambda raw, place: _converted_or_odd(convert, raw, place, odd)
            )
        try:
            return list(map(convert, values))
        except Exception:  # one of them, and the careful rules say what is wrong with it
            return [_converted_or_odd(convert, raw, place, odd) for place, raw in enumerate(values)]

    def _quick(self, values: Sequence[Any]) -> list[Any] | None:
        """A whole column in one go, no value among plain ones included; ``None`` if they are not so plain."""
        bulk = self.bulk
        if bulk is None or not values:
            return None
        try:
            if self.answers_nothing or not (None in values or "" in values):
                return bulk(values)
            places = [place for place, value in enumerate(values) if value is not None and value != ""]
            quick = bulk([values[place] for place in places]) if places else []
        except Exception:  # values of array libraries compare as they like
            return None
        if quick is None:
            return None
        converted: list[Any] = [None] * len(values)
        for place, value in zip(places, quick, strict=True):
            converted[place] = value
        return converted


def _converted_or_odd(convert: Convert, raw: object, place: int, odd: set[int]) -> Any:
    try:
        return convert(raw)
    except Exception:  # the careful rules say what is wrong with it
        odd.add(place)
        return None


def column(*columns: str, **settings: Any) -> dict[str, Any]:
    """A column, and what it holds.

    :param columns: its name. Of several, the first that has a value is taken, or all of them for fields that
        take several; with ``format`` their texts are joined by a blank.
    :param settings: of these one, and ``take``:

        - ``unit``: a Unix time in ``s``, ``ms``, ``us`` or ``ns``.
        - ``format``: a time as text, such as ``%m/%d/%Y %H:%M``, in the words of Python's ``strptime``.
        - ``scale``: a number to multiply by, such as ``"0.01"`` for cents; ``decimal``, ``thousands``,
          ``symbol``: how numbers are written, such as ``1.234,50 €``. All four go together.
        - ``values``: what each value stands for; ``otherwise``: what all others and no value stand for.
          ``SKIP`` leaves the row out. Without ``otherwise`` another value is refused.
        - ``split``: what parts several values in one text.
        - ``region``: the column with the country of telephone numbers that have no country code.
        - ``take``: ``first``, for fields that would take the values of all columns.
    :raises ConfigurationError: a setting is not known, wrong, or in the way of another.
    """
    declared = {COLUMN: columns[0] if len(columns) == 1 else list(columns), **settings}
    for name, value in settings.items():
        if isinstance(value, Decimal):
            declared[name] = str(value)
    readers_of(declared, argument="")
    return declared


def readers_of(declared: object, *, argument: str) -> list[Reader]:
    """The readers of what a mapping says of a field: a column, a declaration, or several of them.

    :param argument: where this is said, for errors; empty where that is not known.
    :raises ConfigurationError: it is none of these, or contradicts itself.
    """
    if declared is None:
        return []
    if isinstance(declared, str):
        if not declared.strip():
            raise ConfigurationError(f"Give a column name or a list of column names{in_argument(argument)}.")
        return [Reader(columns=(declared,))]
    if isinstance(declared, Mapping):
        return _declared(declared, argument=argument)
    if not isinstance(declared, Sequence) or isinstance(declared, bytes):
        raise ConfigurationError(f"Give a column name or a list of column names{in_argument(argument)}.")
    readers = []
    for one in declared:
        if not isinstance(one, str | Mapping):
            raise ConfigurationError(f"Give a column name or a list of column names{in_argument(argument)}.")
        readers += readers_of(one, argument=argument)
    return readers


def check_readers(mapping: object) -> None:
    """Passes if all readers of a mapping are right, as far as that can be told without its source."""
    if isinstance(mapping, Mapping):
        for path, declared in mapping.items():
            if isinstance(declared, Mapping | list | tuple):
                readers_of(declared, argument=f"mapping[{path!r}]")


def _declared(declared: Mapping[str, Any], *, argument: str) -> list[Reader]:
    columns, settings = given_columns(declared, argument=argument)
    take = settings.get("take")
    if "take" in settings and take != "first":
        raise ConfigurationError(f"Write take='first'{in_argument(argument)}: it is the one word there is.")
    kinds = [group for group in ALONE if set(group).intersection(settings)]
    if len(kinds) > 1:
        one, other = (next(name for name in group if name in settings) for group in kinds[:2])
        raise ConfigurationError(
            f"Leave out one of {one} and {other}{in_argument(argument)}: they cannot be said of one column."
        )
    is_joined = "format" in settings and len(columns) > 1 and take is None
    try:
        reader = _compiled(settings, is_joined=is_joined)
    except ConfigurationError as error:
        where = argument and f" Found in {argument}."
        raise ConfigurationError(f"{error}{where}") from None
    is_first = take == "first"
    return [
        Reader(columns=names, is_first=is_first, **reader)
        for names in ([columns] if is_joined else [(one,) for one in columns])
    ]


def _compiled(settings: Mapping[str, Any], *, is_joined: bool) -> dict[str, Any]:
    if "unit" in settings:
        bulk = partial(seconds_of, unit=settings["unit"])
        return {"convert": unit_reader(settings["unit"]), "bulk": bulk, "use": Use.TIME}
    if "format" in settings:
        read, plain_column = format_reader(settings["format"])
        if is_joined:
            convert = partial(_read_joined, read=read)
            return {"convert": convert, "bulk": partial(_plain_joined, read=plain_column), "use": Use.TIME}
        return {"convert": read, "bulk": plain_column, "use": Use.TIME}
    if {"scale", "decimal", "thousands", "symbol"}.intersection(settings):
        read, plain_column = amount_reader(settings)
        return {"convert": read, "bulk": plain_column, "use": Use.NUMBER}
    if "values" in settings or "otherwise" in settings:
        return _translation(settings)
    if "split" in settings:
        mark = _split_mark(settings["split"])
        return {
            "convert": partial(_parts, mark=mark),
            "bulk": partial(_plain_parts, mark=mark),
            "use": Use.LIST,
        }
    if "region" in settings:
        region = settings["region"]
        if not isinstance(region, str) or not region.strip():
            raise ConfigurationError("Name the column that holds the country as region.")
        return {"region": region, "use": Use.PHONE}
    return {}


def _read_joined(raws: Sequence[Any], *, read: Convert) -> Any:
    """The texts of several cells as one; what is a date and a time of day already needs no format."""
    cells = [plain_value(raw) for raw in raws]
    day, rest = cells[0], [cell for cell in cells[1:] if cell is not None]
    if isinstance(day, datetime) and not rest:
        return day
    if isinstance(day, date) and len(rest) == 1 and isinstance(rest[0], time):
        return datetime.combine(day, rest[0])
    try:
        texts = [to_text(cell) or "" for cell in cells]
    except EventError:
        return read(cells)  # which refuses it in the words of the format
    return read(" ".join(texts)) if any(texts) else None


def _plain_joined(
    rows: Sequence[Sequence[Any]], *, read: Callable[[Sequence[Any]], list[Any] | None]
) -> list[Any] | None:
    """A column of plain cells in one go; ``None`` where a cell is empty, or no text."""
    if any("" in column or {*map(type, column)} != {str} for column in zip(*rows, strict=True)):
        return None
    return read(list(map(" ".join, rows)))


# ------------------------------------------------------------------------------------- translation


def _translation(settings: Mapping[str, Any]) -> dict[str, Any]:
    table = _table_of(settings.get("values"))
    otherwise: object = None
    has_rest = "otherwise" in settings
    truths = frozenset(_cell_text(given) for given in settings["values"] if isinstance(given, bool))
    numbers = frozenset(_cell_text(given) for given in settings["values"] if type(given) in (int, float))
    if has_rest:
        otherwise = _meaning(settings["otherwise"], argument="otherwise")
    read = _Table(table, otherwise, has_rest=has_rest, truths=truths, numbers=numbers).read
    return {
        "convert": read,
        "bulk": partial(_look_up, table=table, read=read),
        "listed": frozenset(table),
        "answers_nothing": has_rest or "" in table,
    }


def _table_of(values: object) -> dict[str, Any]:
    if not isinstance(values, Mapping) or not values:
        raise ConfigurationError(
            "Say what each value of the column stands for in values, as in {'Order Completed': 'Purchase'}."
        )
    table: dict[str, Any] = {}
    for given, meant in values.items():
        text = _text_or_none(given)
        if text is None or text in table:
            raise ConfigurationError("Give each value of the column once in values, as text or a number.")
        table[text] = _meaning(meant, argument="values")
    return table


def _meaning(meant: object, *, argument: str) -> object:
    if meant == SKIP:
        return LEFT_OUT
    if meant is None or isinstance(meant, str | int | float):
        if isinstance(meant, str) and closest_name(meant, (SKIP,)) and meant.strip().upper() == SKIP:
            raise ConfigurationError(f"Write {SKIP!r} in {argument}, if that is what was meant.")
        return meant
    raise ConfigurationError(f"Give text, a number, true or false, or {SKIP} in {argument}.")


def _look_up(values: Sequence[Any], *, table: Mapping[str, Any], read: Convert) -> list[Any] | None:
    """What the values of a column stand for, each asked once; ``None`` for values of several types.

    :raises EventError: one is not in the table.
    """
    kinds = {*map(type, values)}
    if kinds <= {str, NoneType}:
        return list(map(_Answers(read, table).__getitem__, values))
    if kinds == {float}:  # by their digits: there are two zeros, which are equal
        return list(map(_Answers(lambda digits: read(float(digits))).__getitem__, map(repr, values)))
    return list(map(_Answers(read).__getitem__, values)) if kinds in ({int}, {bool}) else None


class _Answers(dict[Any, Any]):
    """What each value stands for, asked where it first comes."""

    def __init__(self, read: Convert, known: Mapping[Any, Any] | None = None) -> None:
        super().__init__(known or {})
        self._read = read

    def __missing__(self, raw: Any) -> Any:
        answer = self[raw] = self._read(raw)
        return answer


class _Table:
    """What each value stands for, with one sense for values that are not listed.

    :param truths: which texts of the table stand for all spellings of yes, or of no.
    :param numbers: which of them stand for a number, however many zeros it is written with.
    """

    def __init__(
        self,
        table: Mapping[str, Any],
        otherwise: object,
        *,
        has_rest: bool,
        truths: frozenset[str],
        numbers: frozenset[str],
    ) -> None:
        self._table = table
        self._truths = {text: table[text] for text in truths}
        self._numbers = {to_number(text): text for text in numbers}
        self._otherwise = otherwise
        self._has_rest = has_rest

    def read(self, raw: object) -> Any:
        """What the value stands for."""
        if type(raw) is str and raw in self._table:
            return self._table[raw]
        try:
            text = _cell_text(raw)
        except EventError:
            if self._has_rest and self._otherwise is LEFT_OUT:
                raise
            raise _not_listed() from None
        if text not in self._table and self._truths:
            text = _truth_of(text)
        if text not in self._table and self._numbers:
            text = self._number_of(text)
        if text in self._table:
            return self._table[text]
        if self._has_rest:
            return self._otherwise
        if not text:
            return None
        raise _not_listed()

    def _number_of(self, text: str) -> str:
        """A number as the table has it; any other text as it is."""
        try:
            return self._numbers.get(to_number(text), text)
        except EventError:
            return text


def _truth_of(text: str) -> str:
    """A spelling of yes or no as the table has it; any other text as it is."""
    try:
        truth = to_boolean(text)
    except EventError:
        return text
    return text if truth is None else _cell_text(truth)


def _not_listed() -> EventError:
    return EventError("not_listed", remedy=RULES["not_listed"])


def _cell_text(raw: object) -> str:
    """The text of a value, empty for none; of yes and no as JSON writes them."""
    value = plain_value(raw)
    if isinstance(value, bool):
        return "true" if value else "false"
    return to_text(value) or ""


def _text_or_none(raw: object) -> str | None:
    try:
        return _cell_text(raw)
    except Exception:  # no text: none of those that are listed
        return None


# ------------------------------------------------------------------------------------------ parts


def _split_mark(given: object) -> str:
    if isinstance(given, str) and given:
        return given
    raise ConfigurationError("Give what parts the values as split, such as ';'.")


def _parts(raw: object, *, mark: str) -> object:
    """The values in a text; what is a list already is one."""
    value = plain_value(raw)
    return _parts_of(value, mark) if isinstance(value, str) else value


def _parts_of(text: str, mark: str) -> list[str] | None:
    return [part for part in map(str.strip, text.split(mark)) if part] or None


def _plain_parts(values: Sequence[str], *, mark: str) -> list[Any] | None:
    """The values in texts; ``None`` for any other column."""
    if {*map(type, values)} != {str}:
        return None
    text = "\n".join(values)
    is_plain = text.split() == [*values] and not any(
        one in f"\n{text}\n" for one in (mark * 2, f"\n{mark}", f"{mark}\n")
    )
    return [value.split(mark) if is_plain else _parts_of(value, mark) for value in values]
