# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A data frame gives the same requests whether it is written as CSV, as JSON Lines or as Parquet, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_tiktok.conversions.events import Row
from airflow_provider_tiktok.conversions.identifiers import IdentityRules, prepare
from airflow_provider_tiktok.conversions.mapping import EventMapping
from airflow_provider_tiktok.conversions.sources.files import FilesSource
from airflow_provider_tiktok.conversions.tiktok.checks import checks_of
from airflow_provider_tiktok.conversions.tiktok.options import ValidationRules
from airflow_provider_tiktok.conversions.tiktok.payload import encode_event
from airflow_provider_tiktok.conversions.validation import leave_out

NOW = 1_800_000_000

MAPPING = {
    "event_time": "at",
    "event_id": "order",
    "user.external_id": "customer",
    "user.zip_code": "zip",
    "user.country": "country",
    "user.ttclid": "click",
    "page.url": "url",
    "limited_data_use": "ldu",
    "properties.value": "total",
    "properties.currency": "currency",
    "properties.num_items": "pieces",
    "properties.order_id": "order",
    "properties.checkin_date": "day",
    "properties.description": "note",
    "properties.contents[].content_id": "sku",
    "properties.contents[].price": "price",
    "properties.contents[].quantity": "quantity",
}
DEFAULTS = {"event": "Purchase", "properties.content_type": "product"}


def frame() -> pd.DataFrame:
    """Orders as people have them: a missing value turns ids into floats, and a column of yes and no into objects."""
    return pd.DataFrame(
        {
            "at": pd.to_datetime(["2026-11-26 10:00:00", "2026-11-26 11:00:00", "2026-11-26 12:00:00"], utc=True),
            "order": [1001, 1002, 1003],
            "customer": [501, None, 7123456],
            "zip": [94107, None, 2138],
            "country": ["US", "DE", "US"],
            "click": ["E.C.P.1", None, "E.C.P.2"],
            "url": ["https://shop.example.com/1", "https://shop.example.com/2", "https://shop.example.com/3"],
            "ldu": [True, None, False],
            "total": [12.34, np.nan, 0.1],
            "currency": ["usd", "EUR", "USD"],
            "pieces": [2, None, 1],
            "day": ["2027-01-05", None, "2027-02-05"],
            "note": ["1.0", None, "Tea, green"],
            "sku": [17, 18, None],
            "price": [6.17, np.nan, 0.1],
            "quantity": [2, np.nan, 1],
        }
    )  # fmt: skip


def written(frame: pd.DataFrame, form: str, folder: Path) -> Path:
    """The file that pandas writes."""
    path = folder / f"orders.{form}"
    if form == "csv":
        frame.to_csv(path, index=False)
    elif form == "jsonl":
        frame.to_json(path, orient="records", lines=True, date_format="iso", double_precision=15)
    else:
        frame.to_parquet(path)
    return path


def encoded(rows: Iterable[Row], **rules: Any) -> list[bytes]:
    """The events of rows as they would be sent; no event is rejected."""
    requests = []
    for event in EventMapping(MAPPING, defaults=DEFAULTS, **rules).events(rows):
        prepared = prepare(event, IdentityRules())
        findings = checks_of(ValidationRules(event_source="web", now=lambda: NOW))(prepared)
        assert not any(one.is_fatal for one in findings), findings
        requests.append(encode_event(leave_out(prepared, findings), event_source="web"))
    return requests


def read(path: Path) -> list[Row]:
    """The rows of a file."""
    with closing(FilesSource([path]).rows()) as rows:
        return list(rows)


@pytest.fixture
def expected() -> list[bytes]:
    """The requests of the frame's own records."""
    return encoded(frame().to_dict("records"))


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_frame_gives_the_same_requests_from_every_file(
    form: str, tmp_path: Path, expected: list[bytes]
) -> None:
    """To the byte: ids are whole, what is missing is absent, and a time is one moment in every spelling."""
    assert encoded(read(written(frame(), form, tmp_path))) == expected


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_so_it_does_where_ids_are_made_of_columns_and_rows_are_grouped(form: str, tmp_path: Path) -> None:
    """A key that a CSV file has as 501.0 is the one that Parquet has as a float."""
    rules: dict[str, Any] = {"group_by": ["customer", "country"]}
    own = frame().dropna(subset=["customer"])
    assert encoded(read(written(own, form, tmp_path)), **rules) == encoded(own.to_dict("records"), **rules)


def test_what_the_requests_say(expected: list[bytes]) -> None:
    """The numbers and ids that a person put into the frame, none of them changed."""
    first, second, third = map(json.loads, expected)
    assert first["event_id"] == first["properties"]["order_id"] == "1001"
    assert first["event_time"] == 1795687200
    assert first["properties"]["contents"] == [{"content_id": "17", "price": 6.17, "quantity": 2}]
    assert (first["properties"]["value"], first["properties"]["currency"]) == (12.34, "USD")
    assert first["properties"]["description"] == "1.0"
    assert (first["limited_data_use"], third["limited_data_use"]) == (True, False)
    # SHA-256 of 501, 94107 and 02138, by sha256sum
    assert first["user"]["external_id"] == [
        "1158e7e12c5e7362318e5e3c2e1f2f1ab49578ab1d1691e9818a7c3f6b30b528"
    ]
    assert first["user"]["zip_code"] == "c884a209ebe08750a7d13db63bd02233b375bd79786cbe329ab11586cc35dead"
    assert third["user"]["zip_code"] == "ba9e26ceafce2daf7477b4054dd5c51140248480d5a4e56a73de56854f0679f2"
    assert second["user"] == {"country": "de"}
    assert second["properties"] == {
        "contents": [{"content_id": "18"}],
        "content_type": "product",
        "currency": "EUR",
        "order_id": "1002",
    }


ITEM = pa.struct({"content_id": pa.string(), "price": pa.float32(), "quantity": pa.float32()})
SCORE = pa.struct({"of": pa.struct({"all": pa.list_(pa.float32())})})


def parquet_rows(folder: Path) -> list[Row]:
    """Single precision inside lists and structs of a file."""
    table = pa.table(
        {
            "contents": pa.array([[{"content_id": "a", "price": 12.34, "quantity": 3}]], type=pa.list_(ITEM)),
            "range": pa.array([[0.1, 12.34]], type=pa.list_(pa.float32())),
            "score": pa.array([{"of": {"all": [0.7]}}], type=SCORE),
        }
    )
    pq.write_table(table, folder / "orders.parquet")
    return read(folder / "orders.parquet")


def numpy_rows(_folder: Path) -> list[Row]:
    """Single precision in arrays of numpy and in scalars inside of objects, of one dimension and of two."""
    short = np.float32
    item = {"content_id": "a", "price": short(12.34), "quantity": short(3)}
    return [
        {
            "contents": np.array([item]),
            "range": np.array([0.1, 12.34], dtype=short),
            "score": {"of": {"all": np.array([0.7], dtype=short), "rows": np.array([[0.7]], dtype=short)}},
        }
    ]


@pytest.mark.parametrize("make_rows", [parquet_rows, numpy_rows])
def test_single_precision_is_read_as_it_is_shown_however_deep(
    make_rows: Callable[[Path], list[Row]], tmp_path: Path
) -> None:
    """12.34 is not 12.34000015258789, in a struct of a file as little as in an array of numpy."""
    columns = {"contents": "contents", "preferred_price_range": "range", "score": "score"}
    mapping = EventMapping({f"properties.{name}": column for name, column in columns.items()})
    [event] = mapping.events(make_rows(tmp_path))
    assert [str(one) for one in event.properties["preferred_price_range"]] == ["0.1", "12.34"]
    assert str(event.properties["contents"][0].price) == "12.34"
    assert str(event.properties["value"]) == "37.02"
    assert str(event.properties["score"]["of"]["all"][0]) == "0.7"
    assert {str(row[0]) for row in event.properties["score"]["of"].get("rows", [(Decimal("0.7"),)])} == {
        "0.7"
    }
