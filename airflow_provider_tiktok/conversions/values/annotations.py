# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The converter that belongs to each annotation of ``events``."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from airflow_provider_tiktok.conversions.events import (
    Content,
    Count,
    Currency,
    Id,
    Mileage,
    Quantity,
    Token,
)
from airflow_provider_tiktok.conversions.values.compounds import (
    to_fields,
    to_ids,
    to_numbers,
    to_texts,
    to_tuple,
)
from airflow_provider_tiktok.conversions.values.refusals import EventErrors, Usable
from airflow_provider_tiktok.conversions.values.scalars import (
    Converter,
    literal_converter,
    to_boolean,
    to_count,
    to_currency,
    to_id,
    to_integer,
    to_number,
    to_quantity,
    to_text,
    to_token,
)


def to_contents(raw: object) -> tuple[Content, ...] | None:
    """The items of a list of objects; a single object is a list of one, and JSON text is read first."""
    return to_tuple(raw, convert=to_content)


def to_content(raw: object) -> Content | None:
    """One item, from an object whose keys are the fields of ``Content`` and no others."""
    try:
        fields = to_fields(raw, converters=CONTENT_CONVERTERS)
    except EventErrors as error:
        rest = error.usable.value
        found = EventErrors(errors=error.errors, usable=Usable(Content(**rest) if rest else None))
    else:
        return Content(**fields) if fields else None
    raise found


def to_mileage(raw: object) -> dict[str, Any] | None:
    """A vehicle's mileage, from an object of ``value`` and ``unit``."""
    return to_fields(raw, converters=MILEAGE_CONVERTERS) or None


_BY_ANNOTATION: Mapping[Any, Converter] = {
    str: to_text,
    Id: to_id,
    Token: to_token,
    Currency: to_currency,
    Count: to_count,
    Quantity: to_quantity,
    int: to_integer,
    bool: to_boolean,
    Decimal: to_number,
    tuple[str, ...]: to_texts,
    tuple[Id, ...]: to_ids,
    tuple[Decimal, ...]: to_numbers,
    tuple[Content, ...]: to_contents,
    Mileage: to_mileage,
}


def converter_of(annotation: Any) -> Converter:
    """The converter for a field's annotation; ``| None`` says only that the field may be absent.

    :raises TypeError: for an annotation that this room has no converter for; found by the tests.
    """
    if get_origin(annotation) is Literal:
        return literal_converter(get_args(annotation))
    if get_origin(annotation) in (Union, UnionType):
        [annotation] = (kind for kind in get_args(annotation) if kind is not NoneType)
        return converter_of(annotation)
    if annotation not in _BY_ANNOTATION:
        raise TypeError(f"no converter for {annotation}")
    return _BY_ANNOTATION[annotation]


def converters_of(kind: type) -> dict[str, Converter]:
    """Field name to converter, for all fields of a struct or a typed dictionary."""
    hints = get_type_hints(kind, include_extras=True)
    return {name: converter_of(annotation) for name, annotation in hints.items()}


CONTENT_CONVERTERS: Mapping[str, Converter] = converters_of(Content)
MILEAGE_CONVERTERS: Mapping[str, Converter] = converters_of(Mileage)
