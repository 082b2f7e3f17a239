# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Event times are Unix seconds; 1700000000 is 2023-11-14T22:13:20Z."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pendulum
import pytest

from airflow_provider_tiktok.conversions.values import to_event_time
from tests.conversions.values.faults import refused, rule_of, told_by

BERLIN = ZoneInfo("Europe/Berlin")
MOMENT = 1_700_000_000


@pytest.mark.parametrize(
    "raw",
    [
        MOMENT,
        float(MOMENT),
        MOMENT + 0.999,
        Decimal("1700000000.5"),
        "1700000000",
        " 1700000000.9 ",
        "1.700000000e9",
        "2023-11-14T22:13:20Z",
        "2023-11-14T22:13:20.999999999Z",
        "2023-11-14 22:13:20+00:00",
        "2023-11-14 22:13:20.5+00",
        "2023-11-14T23:13:20+01:00",
        "20231114T221320Z",
        # BigQuery
        "2023-11-14 22:13:20 UTC",
        "2023-11-14 22:13:20.000000 UTC",
        # Snowflake
        "2023-11-14 14:13:20.000 -0800",
        "2023-11-14 14:13:20.123456789 -08:00",
        # Redshift, PostgreSQL
        "2023-11-14 22:13:20.123456+00",
        "2023-11-14 18:43:20-03:30",
        # Trino, Athena
        "2023-11-14 22:13:20.000 UTC",
        "2023-11-14 23:13:20.000 Europe/Berlin",
        # Spark, Databricks
        "2023-11-14T22:13:20.000+0000",
        "2023-11-14T22:13:20.000+00:00",
        # SQL Server
        "2023-11-14 23:13:20.1234567 +01:00",
        # ClickHouse, MySQL, SQLite with a zone
        "2023-11-14 22:13:20Z",
        "2023-11-14 22:13:20 GMT",
        "2023-11-14 22:13:20gmt",
        # Go, Java, the comma of ISO 8601
        "2023-11-14 22:13:20 +0000 UTC",
        "2023-11-14 23:13:20 +0100 CET",
        "2023-11-14T23:13:20+01:00[Europe/Berlin]",
        "2023-11-14T22:13:20,999Z",
        "2023-11-14t22:13:20z",
        "20231114T231320+0100",
        "20231114T221320.5Z",
        "1700000000.0",
        datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
        datetime(2023, 11, 14, 22, 13, 20, 999_999, tzinfo=UTC),
        datetime(2023, 11, 15, 3, 43, 20, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        datetime(2023, 11, 14, 23, 13, 20, tzinfo=BERLIN),
        pendulum.datetime(2023, 11, 14, 22, 13, 20),
        pendulum.datetime(2023, 11, 14, 23, 13, 20, tz="Europe/Berlin"),
    ],
)
def test_a_moment_is_its_unix_second(raw: object) -> None:
    """Every way to write the moment gives the same whole number; fractions are cut, not rounded."""
    seconds = to_event_time(raw)
    assert type(seconds) is int
    assert seconds == MOMENT


@pytest.mark.parametrize(
    ("raw", "seconds"),
    [
        ("2023-11-14T23:13:20", MOMENT),
        ("2023-11-14 23:13:20,5", MOMENT),
        ("2023-11-14 23:13", MOMENT - 20),
        ("20231114T231320", MOMENT),
        ("2023-11-14 23:13:20.999", MOMENT),
        (datetime(2023, 11, 14, 23, 13, 20), MOMENT),  # noqa: DTZ001  # a naive time is the case
        (pendulum.naive(2023, 11, 14, 23, 13, 20), MOMENT),
        ("2023-11-14", 1_699_916_400),
        (date(2023, 11, 14), 1_699_916_400),
        (pendulum.date(2023, 11, 14), 1_699_916_400),
        ("2023-07-14T12:00:00", 1_689_328_800),
        # The clock showed 02:30 twice that night; the first time, taken unless fold says else, it was summer.
        ("2023-10-29T02:30:00", 1_698_539_400),
        (datetime(2023, 10, 29, 2, 30, fold=1), 1_698_543_000),  # noqa: DTZ001
        # It never showed 02:30 that night: half an hour after two in winter is half past three in summer.
        ("2023-03-26T02:30:00", 1_679_794_200),
    ],
)
def test_a_time_without_a_zone_is_read_in_the_given_one(raw: object, seconds: int) -> None:
    """Dates are their first second, doubled times their first showing."""
    assert to_event_time(raw, zone=BERLIN) == seconds


@pytest.mark.parametrize(
    "raw", [MOMENT, "2023-11-14T22:13:20Z", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)]
)
def test_the_given_zone_changes_no_time_that_has_its_own(raw: object) -> None:
    """The argument is for naive times only."""
    assert to_event_time(raw, zone=BERLIN) == MOMENT


@pytest.mark.parametrize("raw", [None, "", "  ", float("nan"), Decimal("NaN"), "nan", "NaN", "NaT", " nat "])
def test_no_time_is_absent(raw: object) -> None:
    """A blank time is for validation to miss."""
    assert to_event_time(raw) is None


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        ("2023-11-14T22:13:20", "naive_time"),
        ("2023-11-14", "naive_time"),
        (datetime(2023, 11, 14), "naive_time"),  # noqa: DTZ001
        (date(2023, 11, 14), "naive_time"),
        (MOMENT * 1_000, "milliseconds"),
        (MOMENT * 1_000.0, "milliseconds"),
        ("1700000000000", "milliseconds"),
        (946_684_800_000, "milliseconds"),
        (10**11, "milliseconds"),
        (MOMENT * 1_000_000, "microseconds"),
        (MOMENT * 1_000_000_000, "nanoseconds"),
        (10**20, "not_a_time"),
        (10**11 - 1, None),
        (946_684_800, None),
        (946_684_799, "before_2000"),
        (0, "before_2000"),
        (-1, "before_2000"),
        (20_231_114, "compact_time"),
        ("20231114", "compact_time"),
        (20_231_114_221_349, "compact_time"),
        ("20231114221349", "compact_time"),
        (" 20231114221349.0 ", "compact_time"),
        (20_231_114_221_349.0, "compact_time"),
        ("202311142213", "compact_time"),
        ("20231114221349123", "compact_time"),
        ("20231114221349123456", "compact_time"),
        ("20231314", "before_2000"),
        ("20231114246000", "milliseconds"),
        (19_991_231, "before_2000"),
        ("1999-12-31T23:59:59Z", "before_2000"),
        ("0001-01-01T00:00:00Z", "before_2000"),
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=12))), "not_a_time"),
        (datetime(9999, 12, 31, tzinfo=UTC), "not_a_time"),
        ("yesterday", "not_a_time"),
        ("14.11.2023", "not_a_time"),
        ("11/14/2023 22:13", "not_a_time"),
        ("2023-11-14T25:00:00Z", "not_a_time"),
        ("22:13:20", "not_a_time"),
        (True, "not_a_time"),
        ([MOMENT], "not_a_time"),
        (b"1700000000", "not_a_time"),
        (timedelta(seconds=MOMENT), "not_a_time"),
        ("0000-00-00", "not_a_time"),
        ("0000-00-00 00:00:00", "not_a_time"),
        ("9999-12-31 23:59:59 UTC", "not_a_time"),
        ("2023-02-30T00:00:00Z", "not_a_time"),
        ("2023-11-14T22:13:20.1234567890Z", "not_a_time"),
        ("2023-11-14T22:13:20+25:00", "not_a_time"),
        ("2023-11-14T22:13:20+01:60", "not_a_time"),
        ("2023-11-14 22:13:20 +0100 UTC", "not_a_time"),
        ("2023-11-14 22:13:20 EST", "not_a_time"),
        ("2023-11-14 22:13:20 GMT+1", "not_a_time"),
        ("2023-11-14 22:13:20 Europe/Nowhere", "not_a_time"),
        ("2023-11-14 22:13:20 America/Argentina", "not_a_time"),
        ("2023-11-14 22:13:20 PM", "not_a_time"),
        ("2023-11-14  22:13:20", "not_a_time"),
        ("2023-11-14T22:13:20Z\n2023", "not_a_time"),
        ("2023-W46-2", "not_a_time"),
        ("2023-318", "not_a_time"),
        ("2023-11-14T22", "not_a_time"),
        ("\uff12\uff10\uff12\uff13-11-14T22:13:20Z", "not_a_time"),
        ("Tue, 14 Nov 2023 22:13:20 GMT", "not_a_time"),
        ("1.7e9", "inexact_float"),
        ("1.70E+09", "inexact_float"),
        (float("inf"), "not_finite"),
        ("1e400", "out_of_range"),
        pytest.param(200_000 * "1", "not_a_time", id="digits without end"),
    ],
)
def test_what_may_be_another_time_is_refused(raw: object, rule: str | None) -> None:
    """A unit or a zone is never guessed; the borders are those of seconds."""
    if rule is None:
        assert to_event_time(raw) == raw
    else:
        assert rule_of(to_event_time, raw) == rule


def test_milliseconds_are_taken_where_the_caller_knows_that_the_unit_varies() -> None:
    """As numbers and as text; smaller units, compact times and all else are what they are elsewhere."""

    def read(raw: object) -> int | None:
        return to_event_time(raw, takes_milliseconds=True)

    assert [read(raw) for raw in (MOMENT * 1000, str(MOMENT * 1000 + 999), MOMENT * 1000.0)] == 3 * [MOMENT]
    assert read(MOMENT) == read("2023-11-14 22:13:20 UTC") == MOMENT
    assert rule_of(read, MOMENT * 1_000_000) == "microseconds"
    assert rule_of(read, "20231114221349") == "compact_time"


def test_a_date_and_time_run_together_is_told_for_what_it_is() -> None:
    """Whoever reads the remedy learns how to write it, and not to divide it."""
    remedy = refused(to_event_time, "20231114221349").remedy
    assert "separators" in remedy
    assert "1,000" not in remedy


def test_the_remedy_of_a_naive_time_names_the_argument() -> None:
    """Whoever reads it knows what to set."""
    assert "timezone" in refused(to_event_time, "2023-11-14").remedy


@pytest.mark.parametrize("raw", ["jane@example.com", "2023-11-14T22:13:20.jane"])
def test_a_refused_time_is_not_shown(raw: str) -> None:
    """Python's own error would quote the text."""
    assert raw not in told_by(refused(to_event_time, raw))


def test_a_zone_without_an_offset_counts_as_none() -> None:
    """A ``tzinfo`` that does not know its offset leaves the time naive."""

    class Nowhere(tzinfo):
        def utcoffset(self, moment: datetime | None) -> None:
            return None

        dst = utcoffset

        def tzname(self, moment: datetime | None) -> None:
            return None

    moment = datetime(2023, 11, 14, 23, 13, 20, tzinfo=Nowhere())
    assert rule_of(to_event_time, moment) == "naive_time"
    assert to_event_time(moment, zone=BERLIN) == MOMENT


def test_times_of_pandas_and_numpy_are_read_to_the_second() -> None:
    """Nanoseconds neither round up nor come out as a number."""
    numpy = pytest.importorskip("numpy")
    pandas = pytest.importorskip("pandas")
    aware: Any = pandas.Timestamp("2023-11-14 22:13:20.999999999", tz="UTC")
    assert to_event_time(aware) == MOMENT
    assert to_event_time(pandas.Timestamp("2023-11-14 23:13:20"), zone=BERLIN) == MOMENT
    for unit in ("s", "ms", "us", "ns"):
        assert to_event_time(numpy.datetime64("2023-11-14T23:13:20", unit), zone=BERLIN) == MOMENT
    assert to_event_time(numpy.datetime64("2023-11-14"), zone=BERLIN) == 1_699_916_400
    assert to_event_time(numpy.int64(MOMENT)) == MOMENT
    assert rule_of(to_event_time, numpy.datetime64("2023-11-14")) == "naive_time"
    assert rule_of(to_event_time, numpy.int64(MOMENT * 1000)) == "milliseconds"
    assert to_event_time(pandas.NaT) is None
    assert to_event_time(numpy.datetime64("NaT")) is None
