# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What a function gives is rows as they come; how it fails tells no value."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from airflow_provider_tiktok.conversions.chunks import CHUNK_ROWS
from airflow_provider_tiktok.conversions.errors import ConfigurationError, TransientError
from airflow_provider_tiktok.conversions.events import UnreadableRow
from airflow_provider_tiktok.conversions.sources.produced import ProducedSource

ROWS = [{"id": 1}, {"id": 2}, {"id": 3}]
CSV = "id\n1\n2\n3\n"
SCHEMA = pa.schema([("id", pa.int64())])
EMAIL = "person@example.com"


def read(produce: Callable[[], Any]) -> list[Any]:
    """The rows, an unreadable one as the name of its rule."""
    rows = ProducedSource(produce).rows()
    return [row.rule if isinstance(row, UnreadableRow) else row for row in rows]


def each(*items: Any) -> Iterator[Any]:
    yield from items


@pytest.mark.parametrize(
    "produce",
    [
        lambda: ROWS,
        lambda: tuple(ROWS),
        lambda: iter(ROWS),
        lambda: each(*ROWS),
        lambda: each(ROWS[:1], ROWS[1:]),
        lambda: each([], ROWS[0], [], ROWS[1:]),
        lambda: '[{"id": 1}, {"id": 2}, {"id": 3}]',
        lambda: b'[{"id": 1}, {"id": 2}, {"id": 3}]',
        lambda: pd.DataFrame(ROWS),
        lambda: pd.read_csv(io.StringIO(CSV), chunksize=2),
        lambda: pl.DataFrame(ROWS),
        lambda: pl.DataFrame(ROWS).lazy(),
        lambda: pl.DataFrame(ROWS).iter_slices(2),
        lambda: pa.table({"id": [1, 2, 3]}),
        lambda: pa.record_batch({"id": [1, 2, 3]}),
        lambda: pa.table({"id": [1, 2, 3]}).to_batches(max_chunksize=1),
        lambda: pa.RecordBatchReader.from_batches(SCHEMA, [pa.record_batch({"id": [1, 2, 3]})]),
        lambda: duckdb.connect().sql("SELECT unnest([1, 2, 3]) AS id"),
        lambda: each(pl.DataFrame(ROWS[:1]), ROWS[1], pd.DataFrame(ROWS[2:])),
        lambda: [pa.table({"id": [1]}), pl.DataFrame(ROWS[1:]).lazy()],
    ],
)
def test_rows(produce: Callable[[], Any]) -> None:
    """Records, tables of every kind and iterables of both give the same rows."""
    assert read(produce) == ROWS


@pytest.mark.parametrize(
    "produce", [list, lambda: iter(()), lambda: pd.DataFrame(), lambda: pl.DataFrame(), lambda: "[]"]
)
def test_no_events(produce: Callable[[], Any]) -> None:
    """Nothing is no fault where it is said in so many words."""
    assert read(produce) == []


@pytest.mark.parametrize("item", [None, 7, "text", b"text", (1, "x"), ["a", "b"], [1], {1, 2}, object()])
def test_item_that_is_no_record(item: Any) -> None:
    """It is one unreadable row between the others, also a row of a cursor or of a CSV reader."""
    assert read(lambda: each(ROWS[0], item, ROWS[2])) == [ROWS[0], "not_an_object", ROWS[2]]


async def coroutine() -> list[Any]:
    return ROWS


async def async_generator() -> AsyncIterator[Any]:
    yield ROWS[0]


@pytest.mark.parametrize(
    ("produce", "told"),
    [
        (lambda: None, "gave one NoneType"),
        (lambda: {"id": 1}, "gave one dict"),
        (lambda: 7, "gave one int"),
        (lambda: EMAIL, "python_callable gave a text that is no such array"),
        (lambda: '{"id": 1}', "python_callable gave a text that is no such array"),
        (async_generator, "gave one async_generator"),
        (coroutine, "gave one coroutine"),
        (lambda: pd.Series([1]), "a Series is no table"),
        (lambda: pl.Series([1]), "a Series is no table"),
        (lambda: pd.DataFrame({1: [1]}), "Give every column of python_callable a name"),
        (
            lambda: pl.DataFrame({"id": pl.Series([object()], dtype=pl.Object)}),
            "Cast the column of type Object, or leave it out",
        ),
    ],
)
def test_what_is_no_rows(produce: Callable[[], Any], told: str) -> None:
    """A forgotten return, or one record alone, is never taken for no events."""
    with pytest.raises(ConfigurationError, match=told) as refused:
        read(produce)
    assert EMAIL not in str(refused.value)


def test_types_of_polars() -> None:
    """Values come as from any other table: single precision in short, wide whole numbers as text."""
    frame = pl.DataFrame(
        {
            "single": pl.Series([12.34], dtype=pl.Float32),
            "inside": pl.Series([[12.34]], dtype=pl.List(pl.Float32)),
            "kind": pl.Series(["a"], dtype=pl.Categorical),
            "wide": pl.Series([2**80], dtype=pl.Int128),
            "exact": [Decimal("1.10")],
            "struct": [{"sku": "s-1", "price": 1.5}],
            "nothing": [None],
        }
    )
    assert read(lambda: frame) == [
        {
            "single": 12.34,
            "inside": [12.34],
            "kind": "a",
            "wide": str(2**80),
            "exact": Decimal("1.10"),
            "struct": {"sku": "s-1", "price": 1.5},
            "nothing": None,
        }
    ]


def test_columns_are_those_of_the_latest_table() -> None:
    """A table declares its columns; records declare none; equal columns are one tuple."""
    source = ProducedSource(
        lambda: each(pd.DataFrame(ROWS), pl.DataFrame(ROWS), {"id": 4}, pd.DataFrame({"n": [1]}))
    )
    seen = [source.columns for _ in source.rows()]
    assert seen == [*[("id",)] * 6, None, ("n",)]
    assert len({id(columns) for columns in seen[:6]}) == 1


def fail_with_a_value() -> Any:
    return int(EMAIL)


def fails_midway() -> Iterator[Any]:
    yield from ({"id": number} for number in range(CHUNK_ROWS + 2))
    raise KeyError(EMAIL)


def fails_after_a_table() -> Iterator[Any]:
    yield pd.DataFrame(ROWS)
    pd.Series([EMAIL]).astype(float)


@pytest.mark.parametrize(
    ("produce", "n_rows", "told"),
    [
        (fail_with_a_value, 0, r"ValueError in fail_with_a_value, test_produced\.py line \d+"),
        (fails_midway, CHUNK_ROWS + 2, r"KeyError in fails_midway, test_produced\.py line \d+"),
        (fails_after_a_table, 3, r"ValueError in fails_after_a_table, test_produced\.py line \d+"),
        (lambda: map(int, ["7", EMAIL]), 1, "ValueError"),
        (
            lambda: pl.LazyFrame({"id": [EMAIL]}).select(pl.col("id").cast(pl.Int64)),
            0,
            "InvalidOperationError",
        ),
        (lambda: duckdb.connect().sql(f"SELECT error('{EMAIL}') AS id"), 0, ""),
    ],
)
def test_failing_function(produce: Callable[[], Any], n_rows: int, told: str) -> None:
    """It ends the reading after the rows before it, and neither its words nor its cause are told."""
    rows = []
    with pytest.raises(TransientError, match=rf"^Look into python_callable: it failed \({told}") as failed:
        for row in ProducedSource(produce).rows():
            rows.append(row)  # noqa: PERF402 - what came before the error counts
    assert len(rows) == n_rows
    assert EMAIL not in str(failed.value)
    assert failed.value.__cause__ is failed.value.__context__ is None


class Signal(Exception):
    pass


def test_signals_are_passed_on() -> None:
    """What steers the caller's scheduler stays what it is."""

    def skip() -> Any:
        raise Signal

    with pytest.raises(Signal):
        list(ProducedSource(skip, signals=(Signal,)).rows())


def test_generator_is_closed() -> None:
    """A reading that ends early ends the function, too, so that it can let go of what it holds."""
    ended = []

    def produce() -> Iterator[Any]:
        try:
            yield from ({"id": number} for number in range(CHUNK_ROWS * 3))
        finally:
            ended.append(True)
            raise RuntimeError

    rows = ProducedSource(produce).rows()
    next(rows)
    rows.close()
    assert ended == [True]


def test_nothing_is_held() -> None:
    """What a generator yields is let go of as it is read."""

    def produce() -> Iterator[Any]:
        for number in range(40):
            yield {"id": number, "text": "x" * 1_000_000}

    tracemalloc.start()
    try:
        assert sum(1 for _ in ProducedSource(produce).rows()) == 40
        assert tracemalloc.get_traced_memory()[1] < 12_000_000
    finally:
        tracemalloc.stop()


def test_powers() -> None:
    """It is what its caller says of it, and is called anew for each reading."""
    source = ProducedSource(lambda: ROWS, fingerprint="f", is_ordered=True)
    assert [list(source.rows()) for _ in range(2)] == [ROWS, ROWS]
    assert (source.fingerprint(), source.is_ordered, source.locate(1), source.oldest_replay_time) == (
        "f",
        True,
        None,
        None,
    )
    assert (ProducedSource(list).fingerprint(), ProducedSource(list).is_ordered) == (None, False)
