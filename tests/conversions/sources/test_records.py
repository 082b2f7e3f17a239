# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A caller's records are rows, whatever holds them; nothing is read twice by mistake."""

from __future__ import annotations

from collections import UserDict, UserList
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from airflow_provider_tiktok.conversions.chunks import CHUNK_ROWS
from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.events import UnreadableRow
from airflow_provider_tiktok.conversions.sources.records import RecordsSource

ROWS = [
    {"id": 1, "email": "ada@example.com"},
    {"id": 2, "email": None},
    {"id": 3, "email": "bob@example.com"},
]
JSON = '[{"id":1,"email":"ada@example.com"},{"id":2,"email":null},{"id":3,"email":"bob@example.com"}]'


@pytest.mark.parametrize(
    "records",
    [ROWS, tuple(ROWS), UserList(ROWS), JSON, JSON.encode(), bytearray(JSON.encode()), f"\n {JSON}\n"],
    ids=lambda records: type(records).__name__,
)
def test_sequences(records: Any) -> None:
    """A sequence can be read as often as wanted, and has no columns of its own."""
    source = RecordsSource(records)
    assert [list(source.rows()) for _ in range(2)] == [ROWS, ROWS]
    assert source.is_ordered
    assert source.columns is None
    assert source.fingerprint() == RecordsSource(ROWS).fingerprint() is not None


@pytest.mark.parametrize("item", [None, 7, "text", ["id", 1], [("id", 1)]])
def test_item_that_is_no_mapping(item: Any) -> None:
    """It is one unreadable row between the others."""
    first, bad, last = RecordsSource([ROWS[0], item, ROWS[2]]).rows()
    assert isinstance(bad, UnreadableRow)
    assert bad.rule == "not_an_object"
    assert [first, last] == [ROWS[0], ROWS[2]]


def test_any_mapping_is_a_row() -> None:
    """A row need not be a dict."""
    row = UserDict(id=1)
    assert list(RecordsSource([row]).rows()) == [row]


def test_iterator_is_read_once_and_lazily() -> None:
    """An iterator gives its rows as they come; a second reading is an error, not an empty input."""
    taken = []

    def records() -> Iterator[dict[str, int]]:
        for number in range(5000):
            taken.append(number)
            yield {"id": number}

    source = RecordsSource(records())
    rows = source.rows()
    next(rows)
    assert taken == list(range(CHUNK_ROWS))
    assert not source.is_ordered
    assert source.fingerprint() is None
    with pytest.raises(ConfigurationError, match=r"^Give a list as events: this iterator was read already"):
        next(source.rows())


def test_iterable_without_an_order() -> None:
    """What can be read again but not in a stated order cannot be resumed."""
    source = RecordsSource({"a": ROWS[0], "b": ROWS[1]}.values())
    assert list(source.rows()) == list(source.rows()) == ROWS[:2]
    assert not source.is_ordered
    assert source.fingerprint() is None


@pytest.mark.parametrize(
    "records",
    ['{"email":"ada@example.com"}', "ada@example.com", "", b"\xff", "[1", None, 7, {"email": "ada"}],
)
def test_wrong_argument(records: Any) -> None:
    """The argument is named and its content is not."""
    with pytest.raises(ConfigurationError, match=r"^Give a .* as purchases") as caught:
        RecordsSource(records, argument="purchases")
    assert "ada" not in str(caught.value)


def test_numbers_of_json_text_are_exact() -> None:
    """A price is the number that stands in the text."""
    (row,) = RecordsSource('[{"price":0.10}]').rows()
    assert isinstance(row, dict)
    assert str(row["price"]) == str(Decimal("0.10"))


@pytest.mark.parametrize("kind", [pd.DataFrame, pa.Table.from_pylist, pa.RecordBatch.from_pylist])
def test_frames(kind: Any) -> None:
    """Data frame, Arrow table and batch give their rows page by page, and know their columns."""
    rows = [{"id": number, "name": f"n{number}"} for number in range(2500)]
    source = RecordsSource(kind(rows))
    assert source.columns == ("id", "name")
    assert list(source.rows()) == rows
    assert source.is_ordered
    assert source.fingerprint() == RecordsSource(rows).fingerprint()


@pytest.mark.parametrize("frame", [pd.DataFrame({"id": []}), pa.table({"id": pa.array([], pa.int64())})])
def test_empty_frame(frame: Any) -> None:
    """A frame without rows has columns."""
    source = RecordsSource(frame)
    assert list(source.rows()) == []
    assert source.columns == ("id",)


def test_values_of_a_frame() -> None:
    """Single precision stays the number it was; times and gaps are as pandas gives them."""
    frame = pd.DataFrame(
        {
            "single": np.array([12.34, np.nan], dtype="float32"),
            "nullable": pd.array([12.34, None], dtype="Float32"),
            "at": [datetime(2026, 11, 1), None],  # noqa: DTZ001  # as databases give it
        }
    )
    first, second = RecordsSource(frame).rows()
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    assert (first["single"], first["nullable"], first["at"]) == (12.34, 12.34, pd.Timestamp("2026-11-01"))
    assert all(pd.isna(value) for value in second.values())
    assert frame["single"].dtype == "float32"


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame([[1, 2]]),
        pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("user", "email")])),
    ],
    ids=["numbers", "levels"],
)
def test_columns_need_names(frame: Any) -> None:
    """A column without a name cannot be mapped."""
    with pytest.raises(ConfigurationError, match=r"^Give every column of events a name of its own"):
        RecordsSource(frame)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame([[1, 2, 3]], columns=["id", "n", "id"]),
        pa.Table.from_arrays([pa.array([1]), pa.array([2]), pa.array([3])], names=["id", "n", "id"]),
    ],
    ids=["pandas", "arrow"],
)
def test_columns_that_share_a_name(frame: Any) -> None:
    """They are told apart by their numbers; neither silently becomes the other."""
    assert list(RecordsSource(frame).rows()) == [{"id (column 1)": 1, "n": 2, "id (column 3)": 3}]


@pytest.mark.parametrize("records", [[{1: "a"}], [{"v": "\udcff"}]])
def test_records_without_a_lasting_form(records: Any) -> None:
    """Then nothing can be resumed; reading them works."""
    source = RecordsSource(records)
    assert source.fingerprint() is None
    assert list(source.rows()) == records
