# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Numbers, texts, and yes or no: tables of what comes in and what goes out."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation, localcontext
from enum import Enum, IntEnum, StrEnum
from ipaddress import ip_address, ip_interface
from typing import Any
from uuid import UUID

import pytest

from airflow_provider_tiktok.conversions.values import (
    to_boolean,
    to_consent,
    to_integer,
    to_number,
    to_text,
)
from airflow_provider_tiktok.conversions.values.scalars import literal_converter
from tests.conversions.values.faults import refused, rule_of, told_by

ABSENT = [None, "", "   ", "\t\n", "\u00a0"]

NANS = [math.nan, -math.nan, Decimal("NaN"), Decimal("sNaN"), "NaN", "nan"]


class Rank(IntEnum):
    GOLD = 3


class Size(StrEnum):
    LARGE = " large "


class Colour(Enum):
    RED = "red"


# ---------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (0, "0"),
        (0.0, "0.0"),
        ("0", "0"),
        ("0.00", "0.00"),
        (-0.0, "0.0"),
        (12, "12"),
        (0.1, "0.1"),
        (0.1 + 0.2, "0.30000000000000004"),
        ("12.50", "12.50"),
        (" 12.5 ", "12.5"),
        ("\u00a012.5", "12.5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("+7", "7"),
        ("-3.20", "-3.20"),
        ("1e3", "1000"),
        ("1.5E-2", "0.015"),
        (Decimal("12.50"), "12.50"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0E+9"), "0"),
        (Decimal("0E-99"), "0"),
        (Rank.GOLD, "3"),
        (10**30, "1" + 30 * "0"),
        ("123456789012345678901234567890.12", "123456789012345678901234567890.12"),
    ],
)
def test_a_number_is_taken_exactly_as_written(raw: object, text: str) -> None:
    """No digit is added, lost or moved, and zero is a number."""
    number = to_number(raw)
    assert isinstance(number, Decimal)
    assert str(number) == text


@pytest.mark.parametrize("raw", [*ABSENT, *NANS])
def test_no_number_is_absent(raw: object) -> None:
    """None, blank text and the NaN of a data frame are no number, and no fault."""
    assert to_number(raw) is None
    assert to_integer(raw) is None


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        ("1,234.50", "not_a_number"),
        ("1.234,50", "not_a_number"),
        ("$5", "not_a_number"),
        ("5 EUR", "not_a_number"),
        ("1_000", "not_a_number"),
        ("１２", "not_a_number"),
        ("0x10", "not_a_number"),
        ("--1", "not_a_number"),
        ("1e", "not_a_number"),
        (65 * "1", "not_a_number"),
        (True, "not_a_number"),
        (False, "not_a_number"),
        (b"5", "not_a_number"),
        ([1], "not_a_number"),
        ({}, "not_a_number"),
        (1j, "not_a_number"),
        (datetime(2026, 1, 1, tzinfo=UTC), "not_a_number"),
        (float("-inf"), "not_finite"),
        (Decimal("Infinity"), "not_finite"),
        ("-infinity", "not_finite"),
        ("+nan", "not_a_number"),
        ("1e999999", "out_of_range"),
        ("1e-999999", "out_of_range"),
        (Decimal("1E+999999"), "out_of_range"),
        pytest.param(10**5000, "out_of_range", id="more digits than Python writes out"),
        (1e300, "out_of_range"),
        (Decimal("0." + 65 * "3"), "out_of_range"),
    ],
)
def test_what_is_no_plain_number_is_refused(raw: object, rule: str) -> None:
    """Currency signs, separators, truth values and numbers no price can have are named as such."""
    assert rule_of(to_number, raw) == rule


def test_a_number_does_not_depend_on_the_precision_of_the_thread() -> None:
    """A task that sets a coarse decimal context changes no amount."""
    with localcontext(Context(prec=2, traps=[Inexact, InvalidOperation])):
        assert str(to_number("12345.678")) == "12345.678"
        assert str(to_number(12345.678)) == "12345.678"
        assert str(to_number(Decimal("1.2345E+3"))) == "1234.5"


@pytest.mark.parametrize("raw", [2, 2.0, "2", "2.00", " 2 ", Decimal("2.00"), "2e0"])
def test_a_whole_number_may_be_written_with_a_point(raw: object) -> None:
    """2, 2.0 and "2.00" are the same quantity."""
    integer = to_integer(raw)
    assert type(integer) is int
    assert integer == 2


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (2.5, "not_whole"),
        ("2.01", "not_whole"),
        (Decimal("-0.5"), "not_whole"),
        (True, "not_a_number"),
        ("two", "not_a_number"),
        (2**63, "out_of_range"),
        (-(2**63), "out_of_range"),
        (10**25, "out_of_range"),
    ],
)
def test_a_number_that_is_not_whole_is_refused(raw: object, rule: str) -> None:
    """Half an item is a mistake, not one item."""
    assert rule_of(to_integer, raw) == rule


# ------------------------------------------------------------------------------------------ texts


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("  jane@example.com\n", "jane@example.com"),
        ("inner  space", "inner  space"),
        (123, "123"),
        (0, "0"),
        (-5, "-5"),
        (12025550123, "12025550123"),
        (123.0, "123"),
        (1234567890123456.0, "1234567890123456"),
        (1.5, "1.5"),
        (0.0000001, "0.0000001"),
        (Decimal("123.00"), "123"),
        (Decimal("1.50"), "1.50"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-7"), "0.0000001"),
        (Rank.GOLD, "3"),
        (Size.LARGE, "large"),
        (b" caf\xc3\xa9 ", "café"),
        (bytearray(b"id"), "id"),
        (memoryview(b"id"), "id"),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (date(2026, 11, 2), "2026-11-02"),
        (datetime(2026, 11, 2, 10, 30, tzinfo=UTC), "2026-11-02T10:30:00+00:00"),
        (ip_address("203.0.113.7"), "203.0.113.7"),
        (ip_interface("203.0.113.7/24"), "203.0.113.7"),
        (ip_address("2001:db8::1"), "2001:db8::1"),
        (ip_interface("2001:db8::1/64"), "2001:db8::1"),
        ("北京", "北京"),
    ],
)
def test_text_is_what_the_source_meant(raw: object, text: str) -> None:
    """An id stays an id, whichever type the driver gave it."""
    assert to_text(raw) == text
    assert type(to_text(raw)) is str


@pytest.mark.parametrize("raw", [*ABSENT, b"", b"  ", math.nan, Decimal("NaN"), Decimal("sNaN")])
def test_no_text_is_absent(raw: object) -> None:
    """Blank text, and NaN as pandas writes missing text, are left out and never become "nan"."""
    assert to_text(raw) is None


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (True, "not_text"),
        ([], "not_text"),
        (["a"], "not_text"),
        ({}, "not_text"),
        (object(), "not_text"),
        (1j, "not_text"),
        (Colour.RED, "not_text"),
        (b"\xff\xfe", "not_unicode"),
        ("half \ud83d", "not_unicode"),
        (math.inf, "not_finite"),
        (Decimal("-Infinity"), "not_finite"),
        (7123456789012345678.0, "inexact_float"),
        (-1e20, "inexact_float"),
        (10**64, "out_of_range"),
        (Decimal("1E+50"), "out_of_range"),
    ],
)
def test_what_is_no_text_is_refused(raw: object, rule: str) -> None:
    """Nothing is turned into text that would read ``True``, ``<object>`` or a wrong id."""
    assert rule_of(to_text, raw) == rule


def test_a_literal_is_taken_in_its_own_spelling_only() -> None:
    """The allowed spellings are named; wrong case is the one thing that is certain enough to be repaired."""
    to_content_type = literal_converter(("product", "product_group"))
    assert to_content_type(" product ") == "product"
    assert to_content_type("") is None
    assert to_content_type("PRODUCT_group") == "product_group"
    error = refused(to_content_type, "products")
    assert error.rule == "not_allowed"
    assert "product, product_group" in error.remedy


# ------------------------------------------------------------------------------------- yes or no


@pytest.mark.parametrize(
    "pair",
    [
        (True, False),
        (1, 0),
        (1.0, 0.0),
        (Decimal(1), Decimal("0.0")),
        (b"\x01", b"\x00"),
        ("true", "false"),
        ("TRUE", "False"),
        ("t", "f"),
        ("Yes", "no"),
        ("y", "N"),
        (" 1 ", "0"),
    ],
)
def test_yes_and_no_are_told_in_many_ways(pair: tuple[Any, Any]) -> None:
    """Databases, files and people write truth values differently."""
    assert to_boolean(pair[0]) is True
    assert to_boolean(pair[1]) is False


@pytest.mark.parametrize("raw", [*ABSENT, *NANS])
def test_neither_yes_nor_no_is_absent(raw: object) -> None:
    """Blank consent is no answer, not a no."""
    assert to_boolean(raw) is None


@pytest.mark.parametrize(
    "raw", [2, -1, 0.5, math.inf, Decimal("Infinity"), "maybe", "ja", "10", b"yes", [], [True], {}, object()]
)
def test_what_is_neither_yes_nor_no_is_refused(raw: object) -> None:
    """A person's wish is never guessed."""
    assert rule_of(to_boolean, raw) == "not_a_boolean"


@pytest.mark.parametrize(
    "raw",
    [
        True,
        1,
        1.0,
        Decimal("1.0"),
        b"\x01",
        "1",
        "1.0",
        "true",
        " Yes ",
        "Y",
        "T",
        "granted",
        "GRANTED",
        "opt-in",
        "Opted In",
    ],
)
def test_a_clear_yes_is_consent(raw: object) -> None:
    """What databases and consent tools write for it."""
    assert to_consent(raw) is True


@pytest.mark.parametrize(
    "raw", [False, 0, 0.0, b"\x00", "0", "0.0", "no", "F", "denied", "opt-out", "opted_out"]
)
def test_a_clear_no_is_none(raw: object) -> None:
    """Told apart from what cannot be read."""
    assert to_consent(raw) is False


@pytest.mark.parametrize("raw", [*ABSENT, math.nan, Decimal("NaN"), "\t"])
def test_silence_is_neither(raw: object) -> None:
    """An empty cell of a data frame is silence, too."""
    assert to_consent(raw) is None


@pytest.mark.parametrize(
    "raw",
    [
        *(
            2,
            -1,
            0.5,
            math.inf,
            "maybe",
            "null",
            "\\N",
            "None",
            "nan",
            "N/A",
            "unknown",
            "pending",
            "10",
            "1,0",
            "on",
        ),
        *(
            "ok",
            "yes, but",
            "not granted",
            "yes" + " " * 97 + "not",
            "no yes",
            "yes/no",
            "TRUE FALSE",
            "x" * 10_000,
        ),
        *(
            "COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACCKAAA",
            "1YNN",
            b"yes",
            [],
            [True],
            {},
            {"a": 1},
            object(),
        ),
    ],
)
def test_consent_is_never_assumed(raw: object) -> None:
    """Whatever is no clear yes is refused, for a no."""
    assert rule_of(to_consent, raw) == "not_a_boolean"


# --------------------------------------------------------------------------------- numpy and pandas


def test_scalars_of_numpy_are_the_numbers_they_show() -> None:
    """Neither their own ``repr`` nor the widening of short floats gets into a price."""
    numpy = pytest.importorskip("numpy")
    assert str(to_number(numpy.float64(0.1))) == "0.1"
    assert str(to_number(numpy.float32(0.1))) == "0.1"
    assert str(to_number(numpy.float16(0.5))) == "0.5"
    assert to_number(numpy.int64(3)) == 3
    assert to_number(numpy.array(5)) == 5
    assert to_integer(numpy.uint8(7)) == 7
    assert to_text(numpy.int64(123)) == "123"
    assert to_text(numpy.float64(123)) == "123"
    assert to_text(numpy.str_(" a ")) == "a"
    assert to_text(numpy.bytes_(b"a")) == "a"
    assert to_boolean(numpy.bool_(True)) is True
    assert to_boolean(numpy.int8(0)) is False
    assert rule_of(to_number, numpy.bool_(True)) == "not_a_number"
    assert to_number(numpy.float64("nan")) is None
    assert to_boolean(numpy.float32("nan")) is None
    assert rule_of(to_number, numpy.float64("inf")) == "not_finite"
    assert rule_of(to_number, numpy.array([5])) == "not_a_number"
    assert rule_of(to_integer, numpy.uint64(2**64 - 1)) == "out_of_range"
    assert rule_of(to_text, numpy.float64(7123456789012345678)) == "inexact_float"


@pytest.mark.parametrize("convert", [to_number, to_integer, to_text, to_boolean])
def test_missing_values_of_numpy_and_pandas_are_absent(convert: Any) -> None:
    """``NA``, ``NaT`` and ``masked`` are how their columns say that there is nothing."""
    numpy = pytest.importorskip("numpy")
    pandas = pytest.importorskip("pandas")
    assert [convert(raw) for raw in (pandas.NA, pandas.NaT, numpy.ma.masked)] == [None, None, None]


def test_times_of_pandas_and_numpy_are_text_where_text_is_wanted() -> None:
    """Nanoseconds, which Python has none of, do not turn a time into a number."""
    numpy = pytest.importorskip("numpy")
    pandas = pytest.importorskip("pandas")
    assert to_text(pandas.Timestamp("2026-11-02 10:30")) == "2026-11-02T10:30:00"
    assert to_text(numpy.datetime64("2026-11-02T10:30:00.000000001")) == "2026-11-02T10:30:00"


# ----------------------------------------------------------------------------------------- privacy


@pytest.mark.parametrize("convert", [to_number, to_integer, to_boolean, literal_converter(("a", "b"))])
@pytest.mark.parametrize("raw", ["jane@example.com", "+1 202 555 0123", "12025550123.0.0"])
def test_a_refusal_never_shows_the_value(convert: Any, raw: str) -> None:
    """What a person typed into the wrong column is not found in logs."""
    assert raw not in told_by(refused(convert, raw))
    assert raw not in told_by(refused(to_text, f"{raw}\ud800"))
    assert raw not in told_by(refused(to_text, raw.encode() + b"\xff"))
