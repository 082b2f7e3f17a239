# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Lists and objects, as themselves or as JSON text, with the faults of all their parts at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from types import UnionType
from typing import Any

import msgspec

from airflow_provider_tiktok.conversions.errors import EventError
from airflow_provider_tiktok.conversions.values.refusals import (
    EventErrors,
    Usable,
    refusal,
    shown_name,
    single_errors,
    unknown_field,
    usable_part,
)
from airflow_provider_tiktok.conversions.values.scalars import (
    SHORT_FLOAT_TYPES,
    Converter,
    is_unicode,
    plain_value,
    to_id,
    to_integer,
    to_number,
    to_text,
)
from airflow_provider_tiktok.conversions.values.visible import trimmed

_MAX_DEPTH = 8

_decode_json = msgspec.json.Decoder(float_hook=Decimal).decode


def convert_members(members: Iterable[object], *, convert: Converter) -> tuple[Any, ...]:
    """The typed members of a list in their order, absent ones left out.

    :raises EventErrors: for all members that are at fault, with those that are not.
    """
    values: list[Any] = []
    errors: list[EventError] = []
    for place, raw in enumerate(members):
        try:
            value = convert(raw)
        except Exception as error:
            errors += single_errors(error, path=f"[{place}]")
            value = usable_part(error)
        if value is not None:
            values.append(value)
    if errors:
        raise EventErrors(errors=errors, usable=Usable(tuple(values) or None))
    return tuple(values)


def convert_fields(record: Mapping[Any, Any], *, find: Callable[[Any], Converter]) -> dict[str, Any]:
    """The typed fields of an object by name, absent ones left out.

    :param find: the converter for a key; one that refuses for a key that may not be there.
    :raises EventErrors: for all fields that are at fault, with those that are not.
    """
    values: dict[str, Any] = {}
    errors: list[EventError] = []
    for key, raw in record.items():
        try:
            value = find(key)(raw)
        except Exception as error:
            errors += single_errors(error, path=f".{shown_name(key)}")
            value = usable_part(error)
        if value is not None:
            values[key] = value
    if errors:
        raise EventErrors(errors=errors, usable=Usable(values or None))
    return values


def to_texts(raw: object) -> tuple[str, ...] | None:
    """The texts of a list; a single value is a list of one. Blank ones are left out, repeats are kept."""
    return to_tuple(raw, convert=to_text)


def to_ids(raw: object) -> tuple[str, ...] | None:
    """The ids of a list; a single value is a list of one. Blank ones are left out, repeats are kept."""
    return to_tuple(raw, convert=to_id)


def to_numbers(raw: object) -> tuple[Decimal, ...] | None:
    """The numbers of a list; a single value is a list of one."""
    return to_tuple(raw, convert=to_number)


def to_fields(raw: object, *, converters: Mapping[str, Converter]) -> dict[str, Any]:
    """The typed fields that an object or its JSON text has; absent ones are left out.

    :param converters: every field there may be; another key is a fault.
    """

    def find(key: object) -> Converter:
        convert = converters.get(key) if isinstance(key, str) else None
        if convert is None:
            raise unknown_field(key, known=converters)
        return convert

    return convert_fields(as_object(raw), find=find)


def as_object(raw: object) -> Mapping[Any, Any]:
    """The object that was given as itself or as JSON text; empty for absent."""
    raw = _from_json(plain_value(raw), opening="{")
    if raw is None:
        return {}
    if isinstance(raw, Mapping):
        return raw
    raise refusal("not_an_object")


def to_tuple(raw: object, *, convert: Converter) -> tuple[Any, ...] | None:
    """The typed members of a list, of its JSON text, or of a single value; ``None`` for no member."""
    members = None if type(raw) is str and not raw.lstrip().startswith("[") else _members_of(raw)
    if members is not None:
        return convert_members(members, convert=convert) or None
    try:
        value = convert(raw)
    except EventErrors as error:
        rest = usable_part(error)
        found = EventErrors(errors=error.errors, usable=Usable(None if rest is None else (rest,)))
    else:
        return None if value is None else (value,)
    raise found


def _members_of(raw: object) -> Sequence[object] | None:
    """The members of anything that is a list or the JSON text of one, ``None`` for what is neither."""
    raw = _from_json(raw, opening="[")
    if isinstance(raw, list | tuple):
        return raw
    if isinstance(raw, set | frozenset):
        return sorted(raw, key=str)  # a set's own order differs from run to run
    if isinstance(raw, memoryview) or getattr(raw, "shape", ()) == ():
        return None
    return _members_of(_exact_list(raw)) if hasattr(raw, "tolist") else None


def _exact_list(array: Any) -> object:
    """The members of an array, as Python values but for those of single precision.

    Widened to 64 bits, 12.34 would become 12.34000015258789; ``plain_value`` knows how to read them.
    """
    if str(getattr(array, "dtype", "")) in SHORT_FLOAT_TYPES:
        return list(array)  # scalars, or arrays of one dimension less, that are read in their turn
    return array.tolist()


def _from_json(raw: object, *, opening: str) -> object:
    """What JSON text says that starts with the opening bracket; everything else as it is."""
    if not isinstance(raw, str):
        return raw
    text = trimmed(raw)
    return from_json(text) if text.startswith(opening) else text or None


def from_json(text: str | bytes) -> object:
    """What JSON text says; a number with a point keeps every digit."""
    for decode in (_decode_json, _decode_with_nan):
        try:
            return decode(text)
        except (msgspec.DecodeError, RecursionError, ValueError, ArithmeticError):
            pass  # raised below: the parser's error may hold the text
    raise refusal("not_json")


def _decode_with_nan(text: str | bytes) -> object:
    """What Python's own writer made of a data frame: JSON, but for NaN where there is no value."""
    has_nan = b"NaN" in text if isinstance(text, bytes) else "NaN" in text
    if not has_nan:
        raise ValueError
    return json.loads(text, parse_float=Decimal, parse_constant=_absent_if_nan)


def _absent_if_nan(name: str) -> None:
    if name != "NaN":
        raise ValueError


def to_open_value(raw: object, *, depth: int = 0) -> Any:
    """The value of a property that TikTok does not document, if JSON can say it.

    Text is trimmed, numbers with a point become ``Decimal``, lists tuples. Absent members of lists and
    objects are left out: nothing is ever sent as null.
    """
    value = plain_value(raw)
    if value is None or isinstance(value, bool):
        return value
    for kinds, convert in _OPEN_BY_TYPE:
        if isinstance(value, kinds):
            return convert(value)
    if depth >= _MAX_DEPTH:
        raise refusal("too_deep")
    deeper = partial(to_open_value, depth=depth + 1)
    if isinstance(value, Mapping):
        return convert_fields(value, find=partial(_open_converter, deeper)) or None
    members = _members_of(value)
    if members is None:
        raise refusal("not_representable")
    return convert_members(members, convert=deeper) or None


_OPEN_BY_TYPE: tuple[tuple[type | UnionType, Converter], ...] = (
    (str, to_text),
    (int, to_integer),
    (float | Decimal, to_number),
)


def _open_converter(convert: Converter, key: object) -> Converter:
    if isinstance(key, str) and is_unicode(key):
        return convert
    raise refusal("not_representable")
