# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Every field that an event can have is read by the converter of its annotation."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_tiktok.conversions.errors import EventError
from airflow_provider_tiktok.conversions.events import (
    Ad,
    App,
    Content,
    Lead,
    Mileage,
    Page,
    Properties,
    RawUser,
)
from airflow_provider_tiktok.conversions.values import (
    converter_of,
    converters_of,
    single_errors,
    to_boolean,
    to_event_time,
    to_integer,
    to_number,
    to_numbers,
    to_open_value,
    to_text,
    to_texts,
)
from airflow_provider_tiktok.conversions.values.annotations import to_contents, to_mileage
from tests.conversions.values.odd_values import odd_values


@pytest.mark.parametrize("kind", [RawUser, Content, Mileage, Properties, Page, App, Ad, Lead])
def test_every_field_has_a_converter(kind: type) -> None:
    """A field that is added to ``events`` with a new type is found here."""
    assert converters_of(kind).keys() == get_type_hints(kind).keys()


@pytest.mark.parametrize(
    ("annotation", "convert"),
    [
        (str, to_text),
        (str | None, to_text),
        (int, to_integer),
        (bool | None, to_boolean),
        (Decimal | None, to_number),
        (tuple[str, ...], to_texts),
        (tuple[Decimal, ...], to_numbers),
        (tuple[Content, ...], to_contents),
        (Mileage, to_mileage),
    ],
)
def test_an_annotation_has_one_converter(annotation: Any, convert: Callable[[object], Any]) -> None:
    """That a field may be absent does not change how it is read."""
    assert converter_of(annotation) is convert


def test_a_literal_is_read_by_its_spellings() -> None:
    """The spellings come from the annotation."""
    convert = converter_of(Literal["eco", "bus"])
    assert convert("eco") == convert("Eco") == "eco"
    with pytest.raises(EventError, match="not_allowed"):
        convert("economy")


def test_an_annotation_without_a_converter_is_a_mistake_of_ours() -> None:
    """It stops the import, not a run."""
    with pytest.raises(TypeError, match="bytes"):
        converter_of(bytes)


def is_texts(value: object) -> bool:
    """Whether a value is a tuple of texts that are not blank."""
    return isinstance(value, tuple) and bool(value) and all(is_text(one) for one in value)


def is_text(value: object) -> bool:
    """Whether a value is plain text that can be sent."""
    return type(value) is str and value == value.strip() != "" and bool(value.encode())


def is_number(value: object) -> bool:
    """Whether a value is a finite number of a size that can be written out."""
    return type(value) is Decimal and value.is_finite() and len(f"{value:f}") < 200


TYPED: dict[Callable[[object], Any], Callable[[Any], bool]] = {
    to_text: is_text,
    to_texts: is_texts,
    to_number: is_number,
    to_integer: lambda value: type(value) is int and abs(value) < 2**63,
    to_boolean: lambda value: value is True or value is False,
    to_event_time: lambda value: type(value) is int and 946_684_800 <= value < 10**11,
    to_numbers: lambda value: all(map(is_number, value)),
    to_contents: lambda value: all(isinstance(one, Content) for one in value),
    to_mileage: lambda value: isinstance(value, dict) and bool(value),
    to_open_value: lambda value: value is not None,
}


@pytest.mark.parametrize("convert", TYPED)
@settings(max_examples=50, deadline=None)
@given(raw=odd_values())
def test_a_converter_gives_its_type_or_none_or_a_rule(convert: Callable[[object], Any], raw: object) -> None:
    """Whatever comes in, nothing of another type goes out, and every error can be told as violations."""
    try:
        value = convert(raw)
    except Exception as error:  # broken objects raise what they like; telling it is what counts
        told = single_errors(error, path="properties.x")
        assert told
        assert all(one.path.startswith("properties.x") and one.rule and one.remedy for one in told)
    else:
        assert value is None or TYPED[convert](value)


@settings(max_examples=50, deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9))
def test_a_number_is_the_same_number_in_every_spelling(number: Decimal) -> None:
    """Text, decimal and float of one amount are one amount."""
    assert to_number(str(number)) == to_number(number) == number
    assert to_number(float(number)) == Decimal(repr(float(number)))


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_text_is_its_own_trimmed_self_or_absent(text: str) -> None:
    """Nothing but white space, and what cannot be seen, is ever taken from a text, and at its ends alone."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    found = to_text(text) or ""
    before, after = text[: text.index(found)], text[text.index(found) + len(found) :]
    assert not any(c.isprintable() and not c.isspace() for c in before + after)
    assert not found or not (found[0].isspace() or found[-1].isspace())
