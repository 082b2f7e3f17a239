# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

# ruff: noqa: DTZ001 - times of a format that names no zone have none

"""A reader gives what its column means, refuses what does not fit, and is checked where it is written."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from math import nan
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tiktok.conversions.errors import ConfigurationError, EventError
from airflow_provider_tiktok.conversions.readers import LEFT_OUT, RULES, SKIP, Reader, column, readers_of
from tests.conversions.sentences import reads_well
from tests.conversions.values.odd_values import odd_values

EURO = {"decimal": ",", "thousands": ".", "symbol": "€"}
PLUS_ONE = timezone(timedelta(hours=1))


def read(raw: object, **settings: Any) -> Any:
    """The value that a column with these settings means."""
    columns = ["a", "b"] if isinstance(raw, tuple) else ["a"]
    [reader] = readers_of(column(*columns, **settings), argument="")
    assert reader.convert is not None
    return reader.convert(raw)


@pytest.mark.parametrize(
    ("settings", "raw", "meant"),
    [
        ({"unit": "s"}, 1_780_000_000, 1_780_000_000),
        ({"unit": "ms"}, 1_780_000_000_999, 1_780_000_000),
        ({"unit": "ms"}, " 1780000000123 ", 1_780_000_000),
        ({"unit": "ms"}, 1_780_000_000_123.0, 1_780_000_000),
        ({"unit": "ms"}, Decimal("1780000000123.5"), 1_780_000_000),
        ({"unit": "us"}, 1_780_000_000_123_456, 1_780_000_000),
        ({"unit": "ns"}, "1780000000123456789", 1_780_000_000),
        ({"unit": "ms"}, datetime(2026, 11, 26, tzinfo=UTC), datetime(2026, 11, 26, tzinfo=UTC)),
        ({"unit": "ms"}, "", None),
        ({"unit": "ms"}, float("nan"), None),
        ({"format": "%d.%m.%Y %H:%M"}, "6.1.2026 9:05", datetime(2026, 1, 6, 9, 5)),
        ({"format": "%d.%m.%Y %H:%M"}, "06.01.2026  09:05", datetime(2026, 1, 6, 9, 5)),
        ({"format": "%Y%m%d"}, "20261126", datetime(2026, 11, 26)),
        ({"format": "%Y%m%d"}, 20261126, datetime(2026, 11, 26)),
        ({"format": "%m/%d/%y %I:%M %p"}, "11/26/26 12:05 AM", datetime(2026, 11, 26, 0, 5)),
        ({"format": "%b %d, %Y, %I:%M %p"}, "Nov 6, 2026, 1:05 pm", datetime(2026, 11, 6, 13, 5)),
        ({"format": "%A, %d %B %Y"}, "Thursday, 26 November 2026", datetime(2026, 11, 26)),
        ({"format": "%Y-%m-%dT%H:%M:%S.%f%z"}, "2026-11-26T10:00:00.123Z", datetime(2026, 11, 26, 10, tzinfo=UTC)),
        ({"format": "%Y-%m-%d %H:%M:%S %z"}, "2026-11-26 10:00:00 +0100", datetime(2026, 11, 26, 10, tzinfo=PLUS_ONE)),
        ({"format": "%Y-%m-%d"}, date(2026, 11, 26), date(2026, 11, 26)),
        ({"format": "%Y-%m-%d"}, "NaT", None),
        ({"format": "%m/%d/%Y %H:%M"}, ("11/26/2026", "10:00"), datetime(2026, 11, 26, 10)),
        ({"format": "%m/%d/%Y %H:%M"}, (date(2026, 11, 26), time(10)), datetime(2026, 11, 26, 10)),
        ({"format": "%m/%d/%Y %H:%M"}, (datetime(2026, 11, 26, 10), None), datetime(2026, 11, 26, 10)),
        ({"format": "%m/%d/%Y %H:%M"}, (None, " "), None),
        ({"scale": "0.01"}, 1250, Decimal("12.50")),
        ({"scale": 0.01}, "1999", Decimal("19.99")),
        ({"scale": "0.000001"}, 12_500_000, Decimal("12.500000")),
        ({"scale": "0.01"}, "", None),
        (EURO, "1.234,50 €", Decimal("1234.50")),
        (EURO, "€ 1.234.567,5", Decimal("1234567.5")),
        (EURO, "-12,50\u00a0€", Decimal("-12.50")),
        (EURO, "(12,50 €)", Decimal("-12.50")),
        (EURO, "( 1.234,50 )", Decimal("-1234.50")),
        (EURO, "1.234,50-", Decimal("-1234.50")),
        (EURO, "1.234,50- €", Decimal("-1234.50")),
        (EURO, "\u221212,50 €", Decimal("-12.50")),
        ({"scale": "0.01", "symbol": "%"}, "12.5 %", Decimal("0.125")),
        ({"thousands": ",", "symbol": "US$"}, "US$1,234.50", Decimal("1234.50")),
        (EURO, "1.234,- €", Decimal(1234)),
        (EURO, "-1.234,-- €", Decimal(-1234)),
        (EURO, "1.234,\u2013", Decimal(1234)),
        (EURO, "1.234,00-", Decimal(-1234)),
        (EURO, "1.234-", Decimal(-1234)),
        (EURO, "1.234", Decimal(1234)),
        (EURO, "1234,5", Decimal("1234.5")),
        (EURO, 12.5, Decimal("12.5")),
        ({"decimal": ",", "thousands": " "}, "1\u202f234,50", Decimal("1234.50")),
        ({"thousands": "'"}, "1\u2019234.50", Decimal("1234.50")),
        ({"thousands": ",", "symbol": "$"}, "$1,250.00", Decimal("1250.00")),
        ({"symbol": "CHF"}, "CHF 12.50", Decimal("12.50")),
        ({"decimal": ",", "scale": "0.01"}, "1250,0", Decimal("12.500")),
        ({"values": {"a": "b"}}, " a ", "b"),
        ({"values": {1: "one"}}, 1.0, "one"),
        ({"values": {1: "one", 2.5: "two"}}, "1.0", "one"),
        ({"values": {1: "one", 2.5: "two"}}, "2.50", "two"),
        ({"values": {None: "no value", "a": "b"}}, "", "no value"),
        ({"values": {"a": SKIP}}, "a", LEFT_OUT),
        ({"values": {"a": "b"}, "otherwise": SKIP}, "c", LEFT_OUT),
        ({"values": {"a": "b"}, "otherwise": SKIP}, None, LEFT_OUT),
        ({"values": {"a": "b"}, "otherwise": "c"}, "", "c"),
        ({"values": {"a": "b"}, "otherwise": None}, "c", None),
        ({"values": {"a": "b"}}, None, None),
        ({"values": {True: "yes", False: SKIP}}, "TRUE", "yes"),
        ({"values": {True: "yes", False: SKIP}}, 0, LEFT_OUT),
        ({"split": ";"}, " a ;; b", ["a", "b"]),
        ({"split": ", "}, "a, b,c", ["a", "b,c"]),
        ({"split": ";"}, ";", None),
        ({"split": ";"}, ["a;b"], ["a;b"]),
    ],
)  # fmt: skip
def test_value(settings: dict[str, Any], raw: object, meant: Any) -> None:
    """A value is read as was said of its column."""
    found = read(raw, **settings)
    assert (found, type(found)) == (meant, type(meant))


@pytest.mark.parametrize(
    ("settings", "raw", "told"),
    [
        ({"unit": "ms"}, 1_780_000_000, 'unit="ms"'),
        ({"unit": "s"}, 1_780_000_000_123, 'unit="s"'),
        ({"unit": "us"}, 1_780_000_000_123, 'unit="us"'),
        ({"unit": "ms"}, "1.78E+12", 'unit="ms"'),
        ({"unit": "ms"}, "2026-11-26", 'unit="ms"'),
        ({"unit": "ms"}, True, 'unit="ms"'),
        ({"format": "%m/%d/%Y %H:%M"}, "26/11/2026 10:00", "'%m/%d/%Y %H:%M'"),
        ({"format": "%m/%d/%Y %H:%M"}, "02/30/2026 10:00", "'%m/%d/%Y %H:%M'"),
        ({"format": "%m/%d/%Y %H:%M"}, "11/26/26 10:00", "'%m/%d/%Y %H:%M'"),
        ({"format": "%m/%d/%Y %H:%M"}, "11/26/2026 10:00:00", "'%m/%d/%Y %H:%M'"),
        ({"format": "%m/%d/%Y %H:%M"}, ("11/26/2026", None), "'%m/%d/%Y %H:%M'"),
        ({"format": "%m/%d/%Y %H:%M"}, (date(2026, 11, 26), "10:00"), "'%m/%d/%Y %H:%M'"),
        ({"format": "%m/%d/%Y"}, "１１/26/2026", "'%m/%d/%Y'"),
        ({"format": "%Y%m%d"}, "2026112", "'%Y%m%d'"),
        ({"format": "%m/%d/%Y %I:%M %p"}, "11/26/2026 13:00 PM", "%I"),
        (EURO, "12.50", "'1.234,50 €'"),
        (EURO, "1.23,4", "'1.234,50 €'"),
        (EURO, "1,234.50", "'1.234,50 €'"),
        (EURO, "12,50 $", "'1.234,50 €'"),
        (EURO, "(-12,50)", "'1.234,50 €'"),
        (EURO, "-12,50-", "'1.234,50 €'"),
        (EURO, "()", "'1.234,50 €'"),
        (EURO, ",-", "'1.234,50 €'"),
        (EURO, "1,2\u2013", "'1.234,50 €'"),
        (EURO, "12,50%", "'1.234,50 €'"),
        ({"values": {1: "one"}}, "1.5", "otherwise"),
        (EURO, "€", "'1.234,50 €'"),
        ({"symbol": "$"}, "US$ 12.50", "$"),
        ({"symbol": "$"}, "$1,250.00", "$"),
        ({"decimal": ","}, "1.234,50", "'1234,50'"),
        ({"scale": "0.01"}, "12,50", "12.50"),
        ({"values": {"a": "b"}}, "c", "otherwise"),
        ({"values": {"a": "b"}}, "A", "otherwise"),
        ({"values": {"a": "b"}}, {"a": 1}, "otherwise"),
    ],
)
def test_value_that_does_not_fit(settings: dict[str, Any], raw: object, told: str) -> None:
    """What does not fit is refused, not guessed at; the remedy says what was said of the column."""
    with pytest.raises(EventError) as caught:
        read(raw, **settings)
    assert caught.value.rule in RULES
    assert told in caught.value.remedy


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"units": "ms"}, "Leave 'units' out of column: there is no such setting; did you mean 'unit'?"),
        ({"value": {"a": "b"}}, "did you mean 'values'?"),
        ({"thousand": "."}, "did you mean 'thousands'?"),
        ({"columns": "b"}, "did you mean 'column'?"),
        ({"skip": True}, "it has unit, format"),
        ({"unit": "milliseconds"}, "did you mean 'ms'?"),
        ({"unit": "min"}, "one of s, ms, us, ns"),
        ({"unit": None}, "one of s, ms, us, ns"),
        ({"unit": ["ms"]}, "one of s, ms, us, ns"),
        ({"unit": {}}, "one of s, ms, us, ns"),
        ({"scale": [1]}, "above zero"),
        ({"scale": float("nan")}, "above zero"),
        ({"format": ["%Y"]}, "text such as"),
        ({"thousands": None}, "one character"),
        ({"symbol": 5}, "symbol"),
        ({"format": "%Q"}, "'%Q' is not known here"),
        ({"format": "%c"}, "'%c' is not known here"),
        ({"format": "%H:%M"}, "a year, a month and a day"),
        ({"format": "%m/%d/%Y %I:%M"}, "Write %p into format"),
        ({"format": "%Y-%m-%d %M"}, "Write hours (%H)"),
        ({"format": "%Y %Y %m %d"}, "twice"),
        ({"format": "%Y-%m-%d%"}, "'%' is not known here"),
        ({"format": ""}, "Give text such as"),
        ({"scale": 0}, "above zero"),
        ({"scale": "-0.01"}, "above zero"),
        ({"scale": "cents"}, "above zero"),
        ({"decimal": ",", "thousands": ","}, "cannot be both"),
        ({"thousands": "."}, "cannot be both"),
        ({"decimal": "::"}, "one character"),
        ({"symbol": ""}, "symbol"),
        ({"values": {}}, "what each value of the column stands for"),
        ({"values": ["a"]}, "what each value of the column stands for"),
        ({"values": {"a": [1]}}, "Give text, a number, true or false, or SKIP"),
        ({"values": {"a": "b", " a ": "c"}}, "once"),
        ({"values": {"a": "skip"}}, "Write 'SKIP' in values"),
        ({"otherwise": SKIP}, "what each value of the column stands for"),
        ({"split": ""}, "what parts the values"),
        ({"region": 5}, "Name the column that holds the country"),
        ({"take": "last"}, "'first'"),
        (
            {"unit": "ms", "scale": "0.01"},
            "Leave out one of unit and scale: they cannot be said of one column",
        ),
        ({"split": ";", "values": {"a": "b"}}, "cannot be said of one column"),
    ],
)
def test_settings_that_cannot_be_right(settings: dict[str, Any], told: str) -> None:
    """A wrong setting is told where the DAG says it, with the closest one there is."""
    with pytest.raises(ConfigurationError) as caught:
        column("a", **settings)
    assert told in str(caught.value)
    with pytest.raises(ConfigurationError) as caught:
        readers_of({"column": "a", **settings}, argument="mapping['x']")
    assert "mapping['x']" in str(caught.value)
    assert reads_well(str(caught.value))


@pytest.mark.parametrize(
    "declared", ["", " ", 5, [5], b"a", {}, {"column": 5}, {"column": []}, [{"column": " "}]]
)
def test_words_composed_of_where_something_was_said(declared: Any) -> None:
    """Errors of what a mapping says are whole sentences."""
    with pytest.raises(ConfigurationError) as caught:
        readers_of(declared, argument="mapping['x']")
    assert "mapping['x']" in str(caught.value)
    assert reads_well(str(caught.value))


@pytest.mark.parametrize("columns", [(), ("",), (5,), ("a", " ")])
def test_columns_that_cannot_be_right(columns: Any) -> None:
    """A reader names its columns."""
    with pytest.raises(ConfigurationError, match="Name the column"):
        column(*columns, unit="ms")


def test_a_reader_is_plain_data() -> None:
    """What column(…) gives is what YAML and JSON hold."""
    declared = column("a", "b", values={"x": "Purchase", "y": SKIP}, otherwise=SKIP, take="first")
    assert json.loads(json.dumps(declared)) == declared
    assert column("a", scale=Decimal("0.01")) == {"column": "a", "scale": "0.01"}


@pytest.mark.parametrize(
    "settings", [{"unit": "ms"}, {"format": "%Y-%m-%d"}, EURO, {"scale": "0.01"}, {"split": ";"}]
)
@given(raw=odd_values())
def test_no_value_breaks_a_reader(settings: dict[str, Any], raw: Any) -> None:
    """Whatever a source gives, it is read or refused."""
    [reader] = readers_of(column("a", **settings), argument="")
    odd: set[int] = set()
    [value] = reader.column([raw], odd, set())
    assert value is None or not odd


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2068, 1, 1)))
def test_times_come_back_as_they_were_written(moment: datetime) -> None:
    """What a format writes, it reads, in every order of its parts."""
    moment = moment.replace(microsecond=0)
    for format in ("%Y-%m-%d %H:%M:%S", "%d/%m/%y %H:%M:%S", "%b %d %Y %I:%M:%S %p", "%Y%m%d%H%M%S"):
        assert read(moment.strftime(format), format=format) == moment


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2))
def test_amounts_come_back_as_they_were_written(amount: Decimal) -> None:
    """What is written with other marks is the same number."""
    text = f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))
    assert read(f"{text} €", **EURO) == amount


def one_reader(**settings: Any) -> Reader:
    """The reader of one column."""
    [reader] = readers_of(column("a", **settings), argument="")
    return reader


NUMBERS = st.integers(0, 10**12)
AMOUNTS = st.decimals(min_value=0, max_value=10**9, places=2)
SPELT = [
    f"{front}{{amount}}{back}" for front in ("", "€", "€ ") for back in ("", "€", "\u00a0€")
]  # what the pattern takes: a sign on both sides, too


def euros(amount: Decimal, spelt: str) -> str:
    """An amount in the words of ``EURO``."""
    return spelt.format(amount=f"{amount:,.2f}".translate(str.maketrans(",.", ".,")))


MOMENTS = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2068, 1, 1))
FORMATS = [
    "%m/%d/%Y %H:%M:%S",
    "%d.%m.%y, %H.%M",
    "%Y%m%d%H%M",
    "%Y-%m-%dT%H:%M:%S.%fZ",
    "%Y-%m-%d %H:%M:%S%z",
    "%m/%d/%Y %I:%M %p",
    "%d.%m.%Y %I:%M %p",
    "%A, %d %B %Y",
    "%b %d %Y %H",
    "%d/%m/%Y - %S",
    "%Y/%m/%d %S 100%%",
    "Day %d.%m.%Y",
    "%d.%m.%Y h",
]


def written(format: str) -> st.SearchStrategy[str]:
    """Times in a format, some without zeros in front."""
    texts = MOMENTS.map(lambda moment: moment.replace(tzinfo=PLUS_ONE).strftime(format))
    is_exact = any(one in format for one in ("%Y%m", "%z", "100"))
    return texts if is_exact else texts | texts.map(lambda text: text.replace("/0", "/").replace(" 0", " "))


PLAIN: list[tuple[dict[str, Any], st.SearchStrategy[Any]]] = [
    ({"unit": "s"}, st.integers(10**9, 10**10 - 1)),
    ({"unit": "ms"}, st.integers(10**12, 10**13 - 1)),
    ({"unit": "ms"}, st.floats(10**12, 10**13)),
    ({"unit": "us"}, st.decimals(10**15, 10**16, places=3)),
    ({"unit": "us"}, st.integers(10**15, 10**16 - 1).map(str)),
    ({"unit": "ns"}, st.integers(10**18, 10**19 - 1).map(str)),
    ({"scale": "0.01"}, NUMBERS),
    ({"scale": "0.01"}, NUMBERS.map(str)),
    ({"scale": 0.000001}, NUMBERS.map(str)),
    ({"scale": "0.1"}, NUMBERS),
    ({"scale": "0.01"}, NUMBERS.map(float)),
    ({"scale": "0.01"}, st.floats(0.0001, 1e14) | st.floats(-1e14, -0.0001)),
    ({"scale": "0.01"}, st.decimals(-(10**9), 10**9, places=3)),
    ({"scale": "0.01"}, AMOUNTS.map(str)),
    ({"scale": 1000}, st.integers(-(10**15) + 1, 10**15 - 1)),
    ({"scale": "0.01", **EURO}, st.builds(euros, AMOUNTS, st.sampled_from(SPELT))),
    (EURO, st.builds(euros, AMOUNTS, st.sampled_from(SPELT))),
    (EURO, NUMBERS.map(str)),
    ({"decimal": ",", "thousands": " ", "symbol": "kr."}, AMOUNTS.map(lambda one: f"{one:,.2f}".translate({44: "\u00a0", 46: ","}) + " kr.")),
    ({"thousands": ",", "symbol": "Rs."}, AMOUNTS.map(lambda one: f"Rs. {one:,.2f}")),
    ({"thousands": "'"}, AMOUNTS.map(lambda one: f"{one:,.2f}".replace(",", "\u2019"))),
    *(({"format": one}, written(one)) for one in FORMATS),
    ({"format": "%Y-%m-%d"}, MOMENTS | st.dates()),
    ({"values": {"a": "b", "c": SKIP}}, st.sampled_from(["a", "c", " a", "c\n"])),
    ({"values": {"a": "b", "": "c"}, "otherwise": "d"}, st.none() | st.text()),
    ({"values": {"1": "b", 0: SKIP}, "otherwise": "d"}, st.integers()),
    ({"values": {"1": "b", 0: SKIP}, "otherwise": "d"}, st.floats(-1e9, 1e9) | st.sampled_from([0.0, -0.0, 1.0, nan])),
    ({"values": {True: "b", "0": "d"}, "otherwise": SKIP}, st.booleans()),
    ({"split": ";"}, st.lists(st.text("ab1", min_size=1), min_size=1).map(";".join)),
    ({"split": "; "}, st.text("ab1; \n\u00a0")),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "plain"), PLAIN)
@given(data=st.data())
def test_plain_columns_are_read_in_one_go_as_one_by_one(
    settings: dict[str, Any], plain: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    """The quick reading takes plain columns, with gaps too, and means the same as the careful one."""
    reader = one_reader(**settings)
    assert reader.bulk is not None
    assert reader.convert is not None
    values = data.draw(st.lists(plain, min_size=1, max_size=5))
    told = reader.bulk(values)
    assert told is not None
    assert [meant(one) for one in told] == [meant(reader.convert(value)) for value in values]
    gaps = [*values, data.draw(st.sampled_from([None, ""])), *values]
    odd: set[int] = set()
    left_out: set[int] = set()
    read = reader.column(gaps, odd, left_out)
    assert [None if one is None else meant(one) for one in read] == [
        None if reader.convert(value) is LEFT_OUT else meant(reader.convert(value)) for value in gaps
    ]
    assert odd == left_out == {place for place, one in enumerate(gaps) if reader.convert(one) is LEFT_OUT}


def meant(value: Any) -> Any:
    """A value as the field takes it: text of digits is a number, and NaN equals NaN."""
    if (isinstance(value, Decimal) and value.is_nan()) or (isinstance(value, complex) and value != value):
        return repr(value)
    return Decimal(value) if isinstance(value, str) and value[:1].isdigit() else value


ODD_TIMES = [
    *("2/30/2026 10:00:00", "11/26/2026 10:00:60", "11/26/2026 24:00:00", "11/26/2026  10:00:00"),
    *(" 11/26/2026 10:00:00", "11/26/2026 10:00\n:00", "00/26/2026 10:00:00", "1/1/0000 1:1:1", "nan"),
    *(
        "11/26/2026 00:30 AM",
        "11/26/2026 12:30 a.m.",
        "11/26/2026 13:30 pm",
        "Auguſt",
        "2026-11-26 1:1:1+0199",
    ),
    *(
        "26.11.2026 10:00 p.m.",
        "26.11.2026 10:00 PM",
        "26.11.26, 10.00",
        "26.11.2026 H",
        "day 26.11.2026",
        "Montag, 26 November 2026",
    ),
]


@pytest.mark.parametrize("settings", [settings for settings, _ in PLAIN])
@given(
    values=st.lists(
        odd_values()
        | st.sampled_from(ODD_TIMES)
        | st.sampled_from(["1.234,50 €", "12\n3", "1\n", "", None, "-5", 10**15]),
        max_size=4,
    )
)
def test_columns_are_read_as_one_by_one(settings: dict[str, Any], values: list[Any]) -> None:
    """Whatever a column holds, what is read in one go is what is read one by one, and the rest is odd."""
    reader = one_reader(**settings)
    assert reader.convert is not None
    odd: set[int] = set()
    read = reader.column(values, odd, set())
    for place, value in enumerate(values):
        try:
            expected = reader.convert(value)
        except Exception:
            assert place in odd
        else:
            assert meant(read[place]) == (None if expected is LEFT_OUT else meant(expected))


DAYS = [
    "11/26/2026",
    "1/2/2026",
    "13/13/2026",
    "",
    " ",
    None,
    "11/26/2026 ",
    "11/26/2026\n",
    date(2026, 11, 26),
]
CLOCKS = ["10:00", "1:2", "25:00", "", None, " 10:00", "10:00 pm", time(10), datetime(2026, 11, 26, 10)]


@given(rows=st.lists(st.tuples(st.sampled_from(DAYS), st.sampled_from(CLOCKS)), max_size=4))
def test_joined_columns_are_read_as_one_by_one(rows: list[tuple[Any, Any]]) -> None:
    """A day and a clock in two columns mean in one go what they mean one by one."""
    [reader] = readers_of(column("a", "b", format="%m/%d/%Y %H:%M"), argument="")
    assert reader.convert is not None
    odd: set[int] = set()
    found = reader.column(rows, odd, set())
    for place, row in enumerate(rows):
        try:
            expected = reader.convert(row)
        except EventError:
            assert place in odd
        else:
            assert (found[place], place in odd) == (expected, False)


@pytest.mark.parametrize(
    ("settings", "plain", "odd"),
    [
        ({"unit": "ms"}, "1780000000123", "yesterday"),
        ({"format": "%m/%d/%Y %H:%M"}, "11/26/2026 10:00", "yesterday"),
        ({"scale": "0.01"}, "1250", "1,250"),
        (EURO, "1.234,50 €", "-5,00 €"),
        ({"values": {"a": "b"}}, "a", ["a"]),
        ({"split": ";"}, "a;b", ["a"]),
    ],
)
def test_an_odd_value_costs_one_value(settings: dict[str, Any], plain: str, odd: str) -> None:
    """Among a thousand plain ones the careful rule is asked for the odd one alone."""
    reader = one_reader(**settings)
    asked: list[Any] = []

    def convert(raw: object) -> Any:
        asked.append(raw)
        assert reader.convert is not None
        return reader.convert(raw)

    counted = msgspec.structs.replace(reader, convert=convert)
    values = [plain] * 1000
    values[617] = odd
    counted.column(values, set(), set())
    assert asked == [odd]
