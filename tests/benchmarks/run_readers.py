# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""How fast a column goes with what a mapping says of it, as a ratio to the same column without a word.

Behind these: a query over files, against the files without one; over Parquet also against DuckDB with the
least code that makes the same lines.

python tests/benchmarks/run_readers.py [rows]
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from statistics import median
from typing import Any

from airflow_provider_tiktok.conversions.chunks import ColumnChunk
from airflow_provider_tiktok.conversions.delivery.road import Road
from airflow_provider_tiktok.conversions.identifiers import IdentityRules
from airflow_provider_tiktok.conversions.mapping import EventMapping
from airflow_provider_tiktok.conversions.tiktok.client import TikTokClient
from airflow_provider_tiktok.conversions.tiktok.destination import TikTokDestination
from airflow_provider_tiktok.conversions.tiktok.options import ValidationRules
from airflow_provider_tiktok.mapping import SKIP, column
from airflow_provider_tiktok.simulator import DEFAULT_PIXEL_CODE

CHUNK = 1000
LEAST = 0.8
RUNS = 7
MAPPING = {
    "event": "event",
    "event_time": "at",
    "event_id": "id",
    "user.email": "mail",
    "properties.value": "total",
    "properties.currency": "currency",
}
CONTENTS = "properties.contents"
NAMES = ("Purchase", "AddToCart", "ViewContent", "Lead")
WORDS = {"order": "Purchase", "cart": "AddToCart", "view": "ViewContent"}
KINDS = dict(enumerate(NAMES[:3]))
COMPARED: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "unit": ({}, {"event_time": column("ms", unit="ms")}),
    "format": ({"event_time": "iso"}, {"event_time": column("us", format="%m/%d/%Y %H:%M:%S")}),
    "unit, floats": ({"event_time": "seconds"}, {"event_time": column("millis", unit="ms")}),
    "format, AM": ({"event_time": "iso"}, {"event_time": column("am", format="%b %d, %Y %I:%M:%S %p")}),
    "format, zone": ({"event_time": "zoned"}, {"event_time": column("zoned", format="%Y-%m-%dT%H:%M:%S%z")}),
    "scale": ({}, {"properties.value": column("cents", scale="0.01")}),
    "scale, floats": ({"properties.value": "floats"}, {"properties.value": column("floats", scale="0.01")}),
    "scale, exact": ({"properties.value": "exact"}, {"properties.value": column("exact", scale="0.01")}),
    "decimal": ({}, {"properties.value": column("euros", decimal=",", thousands=".", symbol="€")}),
    "values": ({}, {"event": column("kind", values={"order": "Purchase"}, otherwise=SKIP)}),
    "values, rest": ({"event": "names"}, {"event": column("words", values=WORDS, otherwise="Lead")}),
    "values, numbers": ({"event": "names"}, {"event": column("kinds", values=KINDS, otherwise="Lead")}),
    "region": (
        {"user.phone": "phone", "phone_region": "country"},
        {"user.phone": column("phone", region="country")},
    ),
    "split": ({"properties.content_ids": "list"}, {"properties.content_ids": column("tags", split=";")}),
    "split, blanks": (
        {"properties.content_ids": "list"},
        {"properties.content_ids": column("spaced", split=";")},
    ),
    "take": ({"user.email": ["mail", "none"]}, {"user.email": column("mail", "none", take="first")}),
    "lists": (
        {CONTENTS: "contents"},
        {f"{CONTENTS}[].content_id": "lines[].sku", f"{CONTENTS}[].price": "lines[].price"},
    ),
}
"""Setting → what is mapped without it, and with it."""


def main(n_rows: int) -> int:
    """Print the ratios; 0 if none is below what is allowed."""
    chunks = [chunk_of(range(start, start + CHUNK)) for start in range(0, n_rows, CHUNK)]
    slow = []
    for name, (without, with_it) in COMPARED.items():
        plain, read = seconds(chunks, without, with_it)
        ratio = plain / read
        print(f"{name:15s} {ratio:5.2f}  {read / n_rows * 1e6:6.1f} µs a row", flush=True)
        slow += [name] if ratio < LEAST else []
    print(f"below {LEAST}: {', '.join(slow) or 'none'}", flush=True)
    report_query(n_rows)
    return len(slow)


def chunk_of(numbers: range) -> ColumnChunk:
    """Rows of an export."""
    now = int(time.time()) - 1000
    times = [now - number % 900 for number in numbers]
    clocks = [datetime.fromtimestamp(one, UTC) for one in times]
    columns: dict[str, list[Any]] = {
        "event": ["Purchase" for _ in numbers],
        "kind": ["order" for _ in numbers],
        "at": [str(one) for one in times],
        "ms": [str(one * 1000) for one in times],
        "iso": [f"{one:%Y-%m-%d %H:%M:%S}" for one in clocks],
        "us": [f"{one:%m/%d/%Y %H:%M:%S}" for one in clocks],
        "am": [f"{one:%b %d, %Y %I:%M:%S %p}" for one in clocks],
        "zoned": [f"{one:%Y-%m-%dT%H:%M:%S+0000}" for one in clocks],
        "seconds": list(map(float, times)),
        "millis": [one * 1000.0 for one in times],
        "id": [f"O-{number}" for number in numbers],
        "mail": [f"person{number}@example.com" for number in numbers],
        "none": ["" for _ in numbers],
        "total": [f"{number % 5000}.50" for number in numbers],
        "cents": [number * 7 % 100_000 for number in numbers],
        "floats": [number * 7 % 100_000 * 1.0 for number in numbers],
        "exact": [Decimal(number * 7 % 100_000) for number in numbers],
        "names": [NAMES[number % 4] for number in numbers],
        "words": [("order", "cart", "view", "lead")[number % 4] for number in numbers],
        "kinds": [number % 4 for number in numbers],
        "euros": [f"1.{number % 1000:03d},50 €" for number in numbers],
        "currency": ["EUR" for _ in numbers],
        "phone": [f"(202) 555-{number % 10_000:04d}" for number in numbers],
        "country": ["US" for _ in numbers],
        "tags": [f"A{number};B{number}" for number in numbers],
        "spaced": [f"A{number}; B{number}" for number in numbers],
        "list": [[f"A{number}", f"B{number}"] for number in numbers],
        "lines": [[{"sku": f"A{number}", "price": 12.5}, {"sku": "B1", "price": 1.5}] for number in numbers],
        "contents": [
            [{"content_id": f"A{number}", "price": 12.5}, {"content_id": "B1", "price": 1.5}]
            for number in numbers
        ],
    }
    return ColumnChunk(columns, length=len(numbers))


def seconds(chunks: list[ColumnChunk], *changes: Mapping[str, Any]) -> list[float]:
    """The shortest time on the processor, up to the wire, of several runs over all rows; one for each mapping."""
    defaults = {"page.url": "https://shop.example.com/", "properties.content_type": "product"}
    mappings = [EventMapping({**MAPPING, **one}, defaults=defaults, timezone="UTC") for one in changes]
    best = [float("inf")] * len(mappings)
    for _ in range(RUNS):  # in turn, so that a busy moment slows none of them alone
        for place, mapping in enumerate(mappings):
            road = Road(mapping, destination())
            began = time.process_time()
            for chunk in chunks:
                road.take(chunk)
            best[place] = min(best[place], time.process_time() - began)
    return best


def report_query(n_rows: int) -> None:
    """Print what a query over files costs, up to the wire."""
    import duckdb
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq
    from run_bench import DEFAULTS, cpu, floor_of, orders, task_of
    from run_bench import MAPPING as ORDERS

    def ratio_of(one: Callable[[], Any], other: Callable[[], Any]) -> float:
        other()
        pairs = [(cpu(one), cpu(other)) for _ in range(3)]
        return median(first / second for first, second in pairs)

    with tempfile.TemporaryDirectory() as folder:
        path, sql = f"{folder}/orders.parquet", 'SELECT * FROM files WHERE "at" > 0'
        table = pa.table(orders(n_rows))
        pq.write_table(table, path)
        pa.csv.write_csv(table, f"{folder}/orders.csv")
        with open(f"{folder}/orders.jsonl", "w") as file:
            file.writelines(f"{json.dumps(row)}\n" for row in table.to_pylist())
        common = {"mapping": ORDERS, "defaults": DEFAULTS, "validate_only": True}
        for name in ("parquet", "csv", "jsonl"):
            given = {**common, "path": f"{folder}/orders.{name}"}
            ratio = ratio_of(task_of("files", **given), task_of("files", sql="FROM files", **given))
            print(f"SQL over {name}, 14 mapped fields: {ratio:.2f} of the file without it")

        def least() -> int:
            found = duckdb.connect().execute(f"SELECT * FROM read_parquet('{path}') WHERE \"at\" > 0")
            names = [column[0] for column in found.description]
            pages = iter(lambda: found.fetchmany(CHUNK), [])
            return floor_of(dict(zip(names, row, strict=True)) for page in pages for row in page)

        ratio = ratio_of(least, task_of("files", path=path, sql=sql, **common))
    print(f"SQL over a Parquet file, 14 mapped fields: {ratio:.2f} of the least code")


def destination() -> TikTokDestination:
    """TikTok, to which nothing is sent."""
    return TikTokDestination(
        TikTokClient("token", base_url="http://127.0.0.1:9", transport=None),  # type: ignore[arg-type]
        event_source="web",
        event_source_id=DEFAULT_PIXEL_CODE,
        identity=IdentityRules(),
        rules=ValidationRules(event_source="web", now=time.time),
    )


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
