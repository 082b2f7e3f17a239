# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Parquet and Arrow rows arrive as Python values, exact, a page at a time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.events import UnreadableRow
from airflow_provider_tiktok.conversions.sources.arrow_rows import chunks_of, import_arrow
from airflow_provider_tiktok.conversions.sources.files import FilesSource

Read = Callable[..., list[Any]]
Write = Callable[[str, str | bytes], Path]


def rows_of(table: pa.Table) -> list[Any]:
    """The rows of the table's chunks."""
    chunks = chunks_of(table, columns=table.column_names)
    return [chunk.row(place) for chunk in chunks for place in range(len(chunk))]


def write_parquet(path: Path, table: pa.Table, **settings: Any) -> Path:
    """The path, with the table in it."""
    pq.write_table(table, path, **settings)
    return path


def test_parquet(read: Read, tmp_path: Path) -> None:
    """Each type is the Python value of the same meaning; absent is ``None``; nesting stays."""
    row = {
        "email": "ada@example.com",
        "price": Decimal("12.30"),
        "count": 2,
        "is_new": True,
        "at": datetime(2026, 11, 1, 12, tzinfo=UTC),
        "day": date(2026, 11, 1),
        "user": {"phone": ["+12025550123"]},
    }
    empty = dict.fromkeys(row)
    path = write_parquet(tmp_path / "orders.parquet", pa.Table.from_pylist([row, empty]))
    assert read(path) == [row, empty]


@pytest.mark.parametrize("page_size", [1, 3, 10, 1000])
def test_pages_do_not_show(read: Read, tmp_path: Path, page_size: int) -> None:
    """Page size and row groups change nothing of the rows."""
    rows = [{"id": number} for number in range(10)]
    path = write_parquet(tmp_path / "orders.pq", pa.Table.from_pylist(rows), row_group_size=4)
    assert read(path, page_size=page_size) == rows


def test_single_precision_stays_the_number_it_was() -> None:
    """12.34 in single precision is 12.34, not its neighbour in double precision."""
    table = pa.table({"price": pa.array([12.34, None, 1e30, 0.0], pa.float32())})
    assert rows_of(table) == [{"price": 12.34}, {"price": None}, {"price": 1e30}, {"price": 0.0}]


@pytest.mark.parametrize("kind", [pa.float32(), pa.float16()])
def test_single_precision_at_any_depth(kind: pa.DataType) -> None:
    """12.34 stays 12.34 in objects, lists, maps and lists of objects, and beside absent values."""
    number = 12.34 if kind == pa.float32() else 12.5
    item = pa.struct([("price", kind), ("name", pa.string())])
    record = {
        "object": {"price": number, "name": "a"},
        "list": [number, None],
        "items": [{"price": number, "name": "b"}, {"price": None, "name": None}, None],
        "map": {"price": number},
        "pair": [number, number],
    }
    schema = pa.schema(
        [
            ("object", item),
            ("list", pa.list_(kind)),
            ("items", pa.large_list(item)),
            ("map", pa.map_(pa.string(), kind)),
            ("pair", pa.list_(kind, 2)),
        ]
    )
    empty = {"object": None, "list": [], "items": None, "map": None, "pair": None}
    table = pa.Table.from_pylist([record, empty, record], schema=schema)
    for start in range(3):
        assert rows_of(table.slice(start)) == [record, empty, record][start:]


@pytest.mark.parametrize(
    ("kind", "value", "given"),
    [
        (pa.map_(pa.string(), pa.int64()), [("a", 1), ("b", None)], {"a": 1, "b": None}),
        (pa.dictionary(pa.int8(), pa.string()), "a", "a"),
        (pa.list_(pa.dictionary(pa.int32(), pa.large_string())), ["a", None, "a"], ["a", None, "a"]),
        (pa.decimal128(12, 2), Decimal("1.10"), Decimal("1.10")),
        (pa.decimal256(40, 3), Decimal("1.100"), Decimal("1.100")),
        (pa.struct([("d", pa.decimal128(5, 1))]), {"d": Decimal("0.5")}, {"d": Decimal("0.5")}),
        (pa.large_string(), "a", "a"),
        (pa.binary(), b"a\xff", b"a\xff"),
        (pa.binary(2), b"ab", b"ab"),
        (pa.date32(), date(2026, 11, 1), date(2026, 11, 1)),
        (pa.date64(), date(2026, 11, 1), date(2026, 11, 1)),
        (pa.time32("s"), time(10, 30), time(10, 30)),
        (pa.time64("ns"), 37_800_000_000_001, time(10, 30)),
        (pa.duration("ns"), 1_000_001, timedelta(milliseconds=1)),
        (pa.timestamp("s"), datetime(2026, 11, 1), datetime(2026, 11, 1)),  # noqa: DTZ001  # the column has no zone
        (pa.timestamp("ms", "UTC"), datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)),
        (
            pa.timestamp("us", "Asia/Tokyo"),
            datetime(2026, 11, 1, tzinfo=UTC),
            datetime(2026, 11, 1, tzinfo=UTC),
        ),
        (pa.timestamp("ns", "+02:00"), datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)),
        (pa.list_(pa.timestamp("ns")), [1_001], [datetime(1970, 1, 1, 0, 0, 0, 1)]),  # noqa: DTZ001
        (pa.null(), None, None),
        (pa.uint64(), 2**64 - 1, 2**64 - 1),
    ],
    ids=str,
)
def test_types(kind: pa.DataType, value: Any, given: Any) -> None:
    """Each type is the Python value of the same meaning, in its own zone; absent is ``None``."""
    rows = rows_of(pa.table({"v": pa.array([value, None, value], kind)}))
    assert rows == [{"v": given}, {"v": None}, {"v": given}]
    if isinstance(given, datetime):
        assert isinstance(rows[0], dict)
        assert rows[0]["v"].utcoffset() == pa.scalar(value, kind).as_py().utcoffset()


TYPES = st.recursive(
    st.sampled_from(
        [
            *(pa.string(), pa.large_string(), pa.binary(), pa.bool_(), pa.int8(), pa.uint64(), pa.float64()),
            *(pa.date32(), pa.time32("ms"), pa.time64("us"), pa.timestamp("us"), pa.timestamp("s", "UTC")),
            *(pa.timestamp("ms", "Europe/Berlin"), pa.duration("us"), pa.decimal128(9, 2), pa.null()),
            pa.dictionary(pa.int32(), pa.string()),
        ]
    ),
    lambda inner: (
        inner.map(pa.list_)
        | inner.map(pa.large_list)
        | inner.map(lambda kind: pa.list_(kind, 2))
        | st.tuples(inner, inner).map(lambda kinds: pa.struct([("a", kinds[0]), ("b", kinds[1])]))
    ),
    max_leaves=4,
)


def values_of(kind: pa.DataType) -> st.SearchStrategy[Any]:
    """Values that fit the type, absent ones among them."""
    types = pa.types
    if types.is_dictionary(kind):
        return values_of(kind.value_type)
    if types.is_struct(kind):
        fields = {kind.field(place).name: values_of(kind.field(place).type) for place in range(2)}
        return st.none() | st.fixed_dictionaries(fields)
    if types.is_fixed_size_list(kind):
        return st.none() | st.lists(values_of(kind.value_type), min_size=2, max_size=2)
    if types.is_list(kind) or types.is_large_list(kind):
        return st.none() | st.lists(values_of(kind.value_type), max_size=3)
    if types.is_timestamp(kind) and kind.tz:
        return st.none() | st.integers(0, 4_000_000_000).map(lambda s: datetime.fromtimestamp(s, UTC))
    samples = {
        "string": ["", "a", "ü"],
        "binary": [b"", b"\xff"],
        "bool": [True, False],
        "int8": [-1, 0],
        "uint64": [2**64 - 1],
        "double": [0.1, -0.0],
        "date32": [date(2026, 11, 1)],
        "time32": [time(1, 2, 3)],
        "time64": [time(1, 2, 3, 4)],
        "timestamp": [datetime(1969, 1, 1, 1), datetime(2026, 11, 1, 1, 2, 3, 4)],  # noqa: DTZ001
        "duration": [timedelta(microseconds=1)],
        "decimal128": [Decimal("0.10"), Decimal("-1")],
    }
    name = str(kind).removeprefix("large_").partition("[")[0].partition("(")[0]
    return st.sampled_from([None, *samples.get(name, [None])])


@given(st.data(), TYPES)
def test_values_are_those_of_arrow(data: st.DataObject, kind: pa.DataType) -> None:
    """What is read column by column, from any part of a table, is what Arrow itself gives row by row."""
    values = data.draw(st.lists(values_of(kind), max_size=6))
    start = data.draw(st.integers(0, len(values)))
    table = pa.table({"v": pa.array(values, kind)})
    assert rows_of(table.slice(start)) == table.slice(start).to_pylist()
    chunked = pa.concat_tables([table, table.slice(start)])
    assert rows_of(chunked) == chunked.to_pylist()


@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Tokyo"])
def test_nanoseconds_are_cut(zone: str | None) -> None:
    """A time with nanoseconds is a Python time, and needs no pandas."""
    kind = pa.timestamp("ns", zone)
    (row,) = rows_of(pa.table({"at": pa.array([1_700_000_000_123_456_789], kind)}))
    assert isinstance(row, dict)
    assert type(row["at"]) is datetime
    assert row["at"].microsecond == 123_456
    assert (row["at"].tzinfo is None) == (zone is None)


@pytest.mark.parametrize(
    "bad",
    [
        pa.array([1, 2**62, 3], pa.timestamp("s")),
        pa.array([b"a", b"\xff", b"b"]).view(pa.string()),
    ],
    ids=["year beyond 9999", "no text"],
)
def test_value_beyond_python_is_one_unreadable_row(bad: pa.Array) -> None:
    """The rows around a value that Python cannot hold are read."""
    rows = rows_of(pa.table({"id": [1, 2, 3], "value": bad}))
    assert [row.rule if isinstance(row, UnreadableRow) else row["id"] for row in rows] == [
        1,
        "unreadable_value",
        3,
    ]


def test_columns_are_known_without_rows(tmp_path: Path) -> None:
    """A file without rows still says which columns it has."""
    source = FilesSource(
        [write_parquet(tmp_path / "orders.parquet", pa.table({"id": pa.array([], pa.int64())}))]
    )
    assert list(source.rows()) == []
    assert source.columns == ("id",)


def test_place_is_the_row(tmp_path: Path) -> None:
    """A Parquet row has no line."""
    source = FilesSource([write_parquet(tmp_path / "orders.parquet", pa.table({"id": [1, 2]}))])
    list(source.rows())
    assert str(source.locate(2)) == f"{tmp_path}/orders.parquet, row 2"


@pytest.mark.parametrize("cut", [slice(0, 0), slice(0, 100), slice(10, None)], ids=["empty", "head", "tail"])
def test_damaged_file_ends_the_run(read: Read, write: Write, tmp_path: Path, cut: slice) -> None:
    """A file that is no whole Parquet file is no empty input."""
    whole = write_parquet(tmp_path / "whole.parquet", pa.table({"id": list(range(1000))})).read_bytes()
    with pytest.raises(ConfigurationError, match=r"cut\.parquet is (not a whole one|damaged)"):
        read(write("cut.parquet", whole[cut]))


def test_damaged_page_ends_the_run(read: Read, write: Write, tmp_path: Path) -> None:
    """A file whose end is sound and whose middle is not gives no half row."""
    path = write_parquet(
        tmp_path / "whole.parquet", pa.table({"id": list(range(50_000))}), compression="gzip"
    )
    content = bytearray(path.read_bytes())
    content[500:20_000] = b"\x00" * 19_500
    with pytest.raises(ConfigurationError, match=r"cut\.parquet"):
        read(write("cut.parquet", bytes(content)))


def test_column_twice(read: Read, tmp_path: Path) -> None:
    """Two columns of one name are told apart by their numbers, and neither has the name alone."""
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["id", "id"])
    rows = read(write_parquet(tmp_path / "orders.parquet", table))
    assert rows == [{"id (column 1)": 1, "id (column 2)": 2}]


def test_missing_pyarrow_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who lacks the extra is told its name."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # how Python itself marks a module as not there
    with pytest.raises(
        ConfigurationError, match=r"^Install pyarrow with pip install .*\[files\].*: A test needs it"
    ):
        import_arrow("pyarrow", purpose="A test")


def test_numbers_of_half_precision_are_read_as_they_were_written() -> None:
    """0.1 stays 0.1; what half precision cannot tell apart is the shortest of them."""
    numpy = pytest.importorskip("numpy")
    written = [0.1, 12.34, 1.0, 65504.0, 0.0, -0.5, None, float("inf")]
    half = pa.array([None if one is None else numpy.float16(one) for one in written], pa.float16())
    assert [row["price"] for row in rows_of(pa.table({"price": half}))] == written
