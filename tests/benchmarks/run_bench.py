# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""How fast a task is and how much memory it takes, as ratios to floors measured in the same run.

A ratio says more than seconds: it is nearly the same on a fast and on a slow machine. A *floor* is the least
code that does the same work: it reads row by row, makes the same digests and writes the same JSON with msgspec,
and checks nothing. A ratio of 1 is as fast as that code. Each figure is the median of three; preparing is
measured in seconds of the processor, deliveries by the clock. The whole operator is run, as a task runs it,
and what answers it runs in a process of its own.

    python tests/benchmarks/run_bench.py [--write] [--rows N] [--memory-rows N] [--sdk PYTHON]
        [--only preparing|deliveries|memory|parsing]

``--write`` puts the table into ``docs/benchmarks.md``. ``--memory-rows`` says how many rows the peak of memory is
measured with, against 10,000. ``--sdk`` names an interpreter that has TikTok's own SDK
(``tiktok-business-api-sdk-official``), for which it may need an environment of its own.
"""

from __future__ import annotations

import argparse
import csv
import json
import logging
import os
import platform
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="bench-airflow-"))
os.environ.setdefault("AIRFLOW__CORE__UNIT_TEST_MODE", "True")
os.environ["AIRFLOW_CONN_TIKTOK_DEFAULT"] = (
    '{"conn_type": "tiktok", "host": "http://127.0.0.1:9", "password": "t"}'
)

import msgspec  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402

ROWS = 50_000
RUNS = 3
IN_FLIGHT = 16
LATENCY_S = 0.3
SLOW_S = 0.2
PIXEL = "CSIMULATORPIXEL00001"

MAPPING: dict[str, Any] = {
    "event_time": "at",
    "event_id": "id",
    "user.email": "email",
    "user.phone": "phone",
    "user.external_id": "customer",
    "user.first_name": "first",
    "user.last_name": "last",
    "user.city": "city",
    "user.country": "country",
    "user.ip": "ip",
    "user.user_agent": "browser",
    "page.url": "url",
    "properties.value": "total",
    "properties.content_ids": "sku",
}
DEFAULTS = {"event": "Purchase", "properties.currency": "USD", "properties.content_type": "product"}
LINES = {
    path: column
    for path, column in MAPPING.items()
    if path not in ("properties.value", "properties.content_ids")
}
LINES |= {f"properties.contents[].{name}": name for name in ("content_id", "price", "quantity")}

encode = msgspec.json.Encoder().encode


# ------------------------------------------------------------------------------------------------ data


def orders(n_rows: int) -> dict[str, list[Any]]:
    """Columns of made-up orders of made-up people."""
    rng, now = random.Random(1), int(time.time())
    first, last = ["Jane", "John", "Maria", "Wei", "Olga", "Ana"], ["Doe", "Smith", "Garcia", "Khan", "Chen"]
    return {
        "id": [f"o-{n}" for n in range(n_rows)],
        "at": [now - n % 86_400 for n in range(n_rows)],
        "email": [f"Person.{n}@Example.com" for n in range(n_rows)],
        "phone": [f"+1202555{n % 100 + 100:04}" for n in range(n_rows)],
        "customer": [f"c-{n}" for n in range(n_rows)],
        "first": [rng.choice(first) for _ in range(n_rows)],
        "last": [rng.choice(last) for _ in range(n_rows)],
        "city": [rng.choice(["Paris", "London", "New York", "Austin"]) for _ in range(n_rows)],
        "country": ["US"] * n_rows,
        "ip": [f"203.0.113.{n % 254 + 1}" for n in range(n_rows)],
        "browser": [f"Mozilla/5.0 (X11; {n % 40})" for n in range(n_rows)],
        "url": [f"https://shop.example.com/thanks?order={n}" for n in range(n_rows)],
        "total": [f"{n % 200}.99" for n in range(n_rows)],
        "sku": [f"sku-{n % 500}" for n in range(n_rows)],
    }


def write_orders(path: Path, n_rows: int) -> None:
    """A Parquet file of made-up orders, as large as may be."""
    with pq.ParquetWriter(path, pa.table(orders(1)).schema) as writer:
        for start in range(0, n_rows, 10_000):
            part = orders(min(10_000, n_rows - start))
            part["id"] = [f"{start}-{one}" for one in part["id"]]
            writer.write_table(pa.table(part))


def line_items(n_rows: int) -> dict[str, list[Any]]:
    """Four line items an order."""
    columns = {
        name: [one for one in column for _ in range(4)] for name, column in orders(n_rows // 4).items()
    }
    size = len(columns["id"])
    return {
        **columns,
        "content_id": [f"sku-{n % 500}" for n in range(size)],
        "price": [f"{n % 50}.50" for n in range(size)],
        "quantity": [1 + n % 3 for n in range(size)],
    }


AREAS = (202, 212, 213, 215, 303, 305, 312, 404, 415, 503, 512, 602, 612, 617, 702, 713, 718, 801, 901, 919)


def spelt(n: int, *, areas: Sequence[int] = AREAS) -> str:
    """A national telephone number, in one of four spellings; a new one for each of some ten thousands.

    :param areas: area codes, of which not all need to exist.
    """
    area, last = areas[n * 7919 // 10_000 % len(areas)], f"{n * 7919 % 10_000:04}"
    return (f"({area}) 555-{last}", f"{area}-555-{last}", f"1 {area} 555 {last}", f"{area}.555.{last}")[n % 4]


def rows_of(columns: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """The columns' rows."""
    names = tuple(columns)
    return (dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True))


def nested(row: dict[str, Any]) -> dict[str, Any]:
    """A row in the API's own nesting."""
    user = {"email": row["email"], "phone": row["phone"], "external_id": row["customer"]}
    user |= {
        "first_name": row["first"],
        "last_name": row["last"],
        "city": row["city"],
        "country": row["country"],
    }
    item = {"content_id": row["sku"], "price": 1.5, "quantity": 2}
    return {
        "event": "Purchase",
        "event_time": row["at"],
        "event_id": row["id"],
        "user": {**user, "ip": row["ip"], "user_agent": row["browser"]},
        "page": {"url": row["url"]},
        "properties": {"value": 12.5, "currency": "USD", "content_type": "product", "contents": [item]},
    }


# ---------------------------------------------------------------------------------------------- floors


def digest(text: str) -> str:
    """The digest of a value that needs no other normalising."""
    return sha256(text.encode()).hexdigest()


def user_of(row: dict[str, Any]) -> dict[str, Any]:
    """The same match keys as the task makes, five of them hashed."""
    return {
        "city": row["city"].lower(),
        "country": row["country"].lower(),
        "email": [digest(row["email"].lower())],
        "external_id": [digest(row["customer"])],
        "first_name": digest(row["first"].lower()),
        "ip": row["ip"],
        "last_name": digest(row["last"].lower()),
        "phone": [digest(row["phone"])],
        "user_agent": row["browser"],
    }


def line_of(row: dict[str, Any]) -> bytes:
    """The same JSON as the task writes."""
    return encode(
        {
            "event": "Purchase",
            "event_time": int(row["at"]),
            "event_id": row["id"],
            "user": user_of(row),
            "properties": {
                "content_ids": [row["sku"]],
                "content_type": "product",
                "currency": "USD",
                "value": float(row["total"]),
            },
            "page": {"url": row["url"]},
        }
    )


def floor_of(rows: Iterable[dict[str, Any]]) -> int:
    """Bytes of all lines."""
    return sum(len(line_of(row)) for row in rows)


def parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Row by row."""
    for batch in pq.ParquetFile(path).iter_batches(1000):
        yield from batch.to_pylist()


def floor_of_file(path: Path) -> int:
    """The same, of a Parquet file."""
    return floor_of(parquet_rows(path))


def sqlite_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Row by row."""
    connection = sqlite3.connect(path)
    cursor = connection.execute("SELECT * FROM orders ORDER BY rowid")
    names = [column[0] for column in cursor.description]
    yield from (dict(zip(names, row, strict=True)) for row in cursor)
    connection.close()


def json_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Row by row."""
    with path.open("rb") as file:
        yield from map(msgspec.json.decode, file)


def csv_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Row by row."""
    with path.open(newline="") as file:
        yield from csv.DictReader(file)


def floor_grouped(path: Path) -> int:
    """Orders of consecutive rows."""
    size = 0
    for _, group in groupby(parquet_rows(path), key=lambda row: row["id"]):
        items = list(group)
        row = items[0]
        contents = [
            {"content_id": one["content_id"], "price": float(one["price"]), "quantity": one["quantity"]}
            for one in items
        ]
        value = sum(one["price"] * one["quantity"] for one in contents)
        properties = {"contents": contents, "content_type": "product", "currency": "USD", "value": value}
        event = {"event": "Purchase", "event_time": row["at"], "event_id": row["id"], "user": user_of(row)}
        size += len(encode({**event, "properties": properties, "page": {"url": row["url"]}}))
    return size


def floor_nested(records: list[dict[str, Any]]) -> int:
    """Records in the API's own nesting."""
    size = 0
    for record in records:
        user = dict(record["user"])
        user["email"], user["phone"] = [digest(user["email"].lower())], [digest(user["phone"])]
        user["external_id"] = [digest(user["external_id"])]
        user["first_name"], user["last_name"] = (
            digest(user["first_name"].lower()),
            digest(user["last_name"].lower()),
        )
        size += len(encode({**record, "user": user}))
    return size


def floor_liveramp(path: Path) -> int:
    """Rows to LiveRamp's JSON; nobody is hashed."""
    size = 0
    for row in parquet_rows(path):
        document = {
            "event_manager": ["tiktok"],
            "event_id": row["id"],
            "event_type": "CompletePayment",
            "event_time": row["at"],
            "event_source_url": row["url"],
            "user_data": {"partner_id": row["envelope"]},
            "custom_data": [{"key": "currency", "value": "USD"}, {"key": "value", "value": row["total"]}],
        }
        size += len(encode(document))
    return size


# --------------------------------------------------------------------------------------------- the task


def task_of(kind: str, **arguments: Any) -> Callable[[], dict[str, Any]]:
    """What runs a whole operator once and gives its receipt, with its own folder for dead letters."""
    from airflow_provider_tiktok.operators.tiktok import TikTokSendEventsOperator
    from airflow_provider_tiktok.transfers.files_to_liveramp import FilesToLiveRampOperator
    from airflow_provider_tiktok.transfers.files_to_tiktok import FilesToTikTokOperator
    from airflow_provider_tiktok.transfers.sql_to_tiktok import SqlToTikTokOperator
    from tests.airflow.running import Task

    to_tiktok = {"event_source_id": PIXEL, "report_asset": False}
    classes: dict[str, tuple[Any, dict[str, Any]]] = {
        "events": (TikTokSendEventsOperator, to_tiktok),
        "files": (FilesToTikTokOperator, to_tiktok),
        "sql": (SqlToTikTokOperator, to_tiktok),
        "files to LiveRamp": (FilesToLiveRampOperator, {}),
    }
    operator_class, more = classes[kind]

    def run() -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            task = Task()
            operator = operator_class(
                task_id="send",
                dead_letter_path=f"{folder}/letters.jsonl",
                max_rejected=10**9,
                **more,
                **arguments,
            )
            receipt: dict[str, Any] = operator.execute(task.context)
            return receipt

    return run


def cpu(work: Callable[[], Any]) -> float:
    """Seconds of the processor."""
    began = time.process_time()
    work()
    return time.process_time() - began


def clock(work: Callable[[], Any]) -> float:
    """Seconds by the clock."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


class Table:
    """The figures, as they come."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str, str]] = []

    def add(self, name: str, ratio: float, aim: str, *, rate: str = "") -> None:
        """One line."""
        self.rows.append((name, f"{ratio:.2f}" if ratio < 100 else f"{ratio:,.0f}", aim, rate))
        print(f"{name:<66} {ratio:8.2f}   aim {aim:<8} {rate}", flush=True)

    def add_rates(self, name: str, aim: str, *, ours: float, theirs: float, whose: str) -> None:
        """Our events a second against those of another sender."""
        self.add(name, ours / theirs, aim, rate=f"{whose}: {theirs:,.{0 if theirs >= 100 else 1}f} events/s")

    def compare(
        self, name: str, floor: Callable[[], Any], task: Callable[[], Any], aim: str, *, n_events: int
    ) -> None:
        """A task against its floor, in seconds of the processor."""
        task()  # what is imported and remembered at the first run is no cost of the second
        pairs = [(cpu(floor), cpu(task)) for _ in range(RUNS)]
        ratio = median(least / ours for least, ours in pairs)
        ours = median(ours for _, ours in pairs)
        self.add(name, ratio, aim, rate=f"{n_events / ours:,.0f} events/s")


def report_preparing(table: Table, folder: Path, n_rows: int) -> None:
    """Up to the wire, from every source."""
    columns = orders(n_rows)
    parquet, jsonl, text = folder / "orders.parquet", folder / "orders.jsonl", folder / "orders.csv"
    pq.write_table(pa.table(columns), parquet)
    jsonl.write_bytes(b"".join(encode(row) + b"\n" for row in rows_of(columns)))
    with text.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    database = folder / "orders.db"
    with sqlite3.connect(database) as connection:
        connection.execute(f"CREATE TABLE orders ({', '.join(columns)})")
        marks = ", ".join("?" * len(columns))
        connection.executemany(f"INSERT INTO orders VALUES ({marks})", zip(*columns.values(), strict=True))
    os.environ["AIRFLOW_CONN_BENCH_SQLITE"] = json.dumps({"conn_type": "sqlite", "host": str(database)})
    common = {"mapping": MAPPING, "defaults": DEFAULTS, "validate_only": True}

    def files(path: Path, **more: Any) -> Callable[[], Any]:
        return task_of("files", path=str(path), **{**common, **more})

    def parquet_of(changed: dict[str, list[Any]], name: str) -> Path:
        path = folder / f"{name}.parquet"
        pq.write_table(pa.table({**columns, **changed}), path)
        return path

    def floor() -> int:
        return floor_of(parquet_rows(parquet))

    compare = table.compare
    compare("Parquet, 14 mapped fields, five hashed", floor, files(parquet), "0.80", n_events=n_rows)
    query = task_of(
        "sql",
        sql_conn_id="bench_sqlite",
        sql="SELECT * FROM orders ORDER BY rowid",
        order_by=["rowid"],
        **common,
    )
    compare("SQL (SQLite)", lambda: floor_of(sqlite_rows(database)), query, "0.60", n_events=n_rows)
    compare("JSON Lines", lambda: floor_of(json_rows(jsonl)), files(jsonl), "0.45", n_events=n_rows)
    compare("CSV", lambda: floor_of(csv_rows(text)), files(text), "0.45", n_events=n_rows)
    for words, areas, aim in (
        ("national telephone numbers in four spellings", AREAS, "0.15"),
        ("the same, two of five do not exist", range(202, 902), "–"),
    ):
        phones = parquet_of({"phone": [spelt(n, areas=areas) for n in range(n_rows)]}, f"phones-{len(areas)}")
        compare(
            words,
            partial(floor_of_file, phones),
            files(phones, default_region="US"),
            aim,
            n_events=n_rows,
        )
    old = parquet_of({"at": [at - 40 * 86_400 for at in columns["at"]]}, "old")
    untyped = {name: value for name, value in DEFAULTS.items() if name != "properties.content_type"}
    compare(
        "every event carries two warnings (old; products without type)",
        lambda: floor_of(parquet_rows(old)),
        files(old, defaults=untyped),
        "0.60",
        n_events=n_rows,
    )
    bad = parquet_of(
        {"total": [f"{one}x" if n % 20 == 0 else one for n, one in enumerate(columns["total"])]}, "bad"
    )
    compare("5 % of the events invalid", floor, files(bad), "0.30", n_events=n_rows)
    grouped = folder / "grouped.parquet"
    pq.write_table(pa.table(line_items(n_rows)), grouped)
    compare(
        "four line items an order, grouped",
        lambda: floor_grouped(grouped),
        files(grouped, mapping=LINES, group_by=["id"]),
        "0.45",
        n_events=n_rows // 4,
    )
    records = list(map(nested, rows_of(columns)))
    compare(
        "records in the API's own nesting, no mapping",
        lambda: floor_nested(records),
        task_of("events", events=records, validate_only=True),
        "0.30",
        n_events=n_rows,
    )
    liveramp = {"conn_type": "liveramp", "host": "http://127.0.0.1:9", "password": "a-configuration"}
    os.environ["AIRFLOW_CONN_BENCH_LIVERAMP"] = json.dumps(liveramp)
    envelopes = parquet_of({"envelope": [f"AgEnvelopeOfNobody-{n:030}" for n in range(n_rows)]}, "envelopes")
    compare(
        "to LiveRamp: Parquet, five mapped fields",
        lambda: floor_liveramp(envelopes),
        task_of(
            "files to LiveRamp",
            path=str(envelopes),
            liveramp_conn_id="bench_liveramp",
            mapping={
                "event_id": "id",
                "event_time": "at",
                "user.envelope": "envelope",
                "page.url": "url",
                "properties.value": "total",
            },
            defaults={"event": "CompletePayment", "properties.currency": "USD"},
            validate_only=True,
        ),
        "–",
        n_events=n_rows,
    )


# ------------------------------------------------------------------------------------------ deliveries

_SERVER = """
import http.server, socketserver, sys, time
delay = float(sys.argv[1])
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer is one write: after two, the second waits 40 ms until the first is confirmed
    def do_POST(self):
        left = int(self.headers["Content-Length"])
        while left:
            left -= len(self.rfile.read(min(left, 1 << 20)))
        time.sleep(delay)
        body = b'{"code":0,"message":"OK","request_id":"20260101000000","data":{}}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128
server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


@contextmanager
def accepting_server(delay_s: float) -> Iterator[str]:
    """A server in a process of its own that accepts everything after a while."""
    command = [sys.executable, "-c", _SERVER, str(delay_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = f"http://127.0.0.1:{process.stdout.readline().strip()}"
        os.environ["AIRFLOW_CONN_BENCH_TIKTOK"] = json.dumps(
            {"conn_type": "tiktok", "host": url, "password": "a-token-for-loopback"}
        )
        try:
            yield url
        finally:
            process.terminate()


def post_all(url: str, bodies: Iterable[bytes]) -> int:
    """What a script does: one request after the other."""
    import requests

    n_requests = 0
    with requests.Session() as session:
        session.trust_env = False
        for body in bodies:
            headers = {"Access-Token": "t", "Content-Type": "application/json"}
            answer = session.post(f"{url}/open_api/v1.3/event/track/", data=body, headers=headers, timeout=60)
            assert answer.json()["code"] == 0
            n_requests += 1
    return n_requests


def script(url: str, path: Path, *, size: int, limit: int | None = None) -> int:
    """A plain script with requests that checks nothing."""
    lines = (line_of(row) for _, row in zip(range(limit or 10**9), parquet_rows(path), strict=False))
    head = b'{"event_source":"web","event_source_id":"%s","data":[' % PIXEL.encode()

    def bodies() -> Iterator[bytes]:
        part: list[bytes] = []
        for line in lines:
            part.append(line)
            if len(part) == size:
                yield head + b",".join(part) + b"]}"
                part = []
        if part:
            yield head + b",".join(part) + b"]}"

    return post_all(url, bodies())


def single_events_per_s(url: str, path: Path, *, n_events: int) -> float:
    """What a plain script reaches that sends each event in a request of its own."""
    return n_events / clock(lambda: script(url, path, size=1, limit=n_events))


_SDK = """
import json, sys, time
import business_api_client as sdk
url, pixel = sys.argv[1:]
rows = [json.loads(line) for line in sys.stdin]
def event(row):
    user = sdk.PixelContextUser(
        email=row["user"]["email"][0], phone_number=row["user"]["phone"][0],
        external_id=row["user"]["external_id"][0],
    )
    context = sdk.PixelContext(
        ip=row["user"]["ip"], user_agent=row["user"]["user_agent"], user=user,
        page=sdk.PixelContextPage(url=row["page"]["url"]),
    )
    properties = sdk.PixelProperties(
        currency="USD", value=row["properties"]["value"],
        contents=[sdk.PixelContent(content_id=row["properties"]["content_ids"][0], content_type="product")],
    )
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(row["event_time"]))
    return sdk.PixelbatchBatch(
        type="track", event="Purchase", event_id=row["event_id"], timestamp=at, context=context,
        properties=properties,
    )
configuration = sdk.Configuration()
configuration.host = url
api = sdk.EventCallbackApi(sdk.ApiClient(configuration))
began = time.perf_counter()
for start in range(0, len(rows), 50):
    batch = [event(row) for row in rows[start : start + 50]]
    api.pixel_batch(access_token="t", body=sdk.PixelBatchBody(pixel_code=pixel, batch=batch))
print(time.perf_counter() - began)
"""


def has_sdk(python: str) -> bool:
    """Whether an interpreter has TikTok's own SDK."""
    return subprocess.run([python, "-c", "import business_api_client"], capture_output=True).returncode == 0


def sdk_events_per_s(python: str, url: str, path: Path, *, n_events: int) -> float:
    """What a script with TikTok's own SDK reaches: 50 events a request, the most that its call takes.

    Its values are hashed before, which is no part of the time.
    """
    lines = [line_of(row) for _, row in zip(range(n_events), parquet_rows(path), strict=False)]
    told = subprocess.run(
        [python, "-c", _SDK, url, PIXEL], input=b"\n".join(lines), check=True, capture_output=True
    )
    return len(lines) / float(told.stdout)


def report_deliveries(table: Table, folder: Path, n_rows: int, *, sdk: str) -> None:
    """To accepted events, over HTTP."""
    few, many = folder / "few.parquet", folder / "many.parquet"
    n_many = 8 * n_rows  # so many that the first and the last request do not decide
    write_orders(few, n_rows)
    write_orders(many, n_many)
    arguments = {"mapping": MAPPING, "defaults": DEFAULTS, "tiktok_conn_id": "bench_tiktok"}
    with accepting_server(LATENCY_S) as url:
        task_of("files", path=str(few), max_in_flight=IN_FLIGHT, **arguments)()
        deliver = task_of("files", path=str(many), max_in_flight=IN_FLIGHT, **arguments)
        seconds = median(clock(deliver) for _ in range(RUNS))
        ideal = -(-n_many // 1000) / IN_FLIGHT * LATENCY_S
        rate = f"{n_many / seconds:,.0f} events/s"
        table.add("delivery, 300 ms an answer, 16 in flight", ideal / seconds, "0.90", rate=rate)
        ours = n_many / seconds
        table.add_rates(
            "against a script, one event a request, 300 ms an answer",
            "100",
            ours=ours,
            theirs=single_events_per_s(url, few, n_events=20),
            whose="the script",
        )
        if has_sdk(sdk):
            table.add_rates(
                "against TikTok's own SDK, 50 events a request, 300 ms an answer",
                "50",
                ours=ours,
                theirs=sdk_events_per_s(sdk, url, few, n_events=500),
                whose="the SDK",
            )
    with accepting_server(0) as url:
        deliver = task_of("files", path=str(many), **arguments)
        deliver()
        pairs = [(clock(lambda: floor_of(parquet_rows(many))), clock(deliver)) for _ in range(RUNS)]
        seconds = median(ours for _, ours in pairs)
        ratio = median(least / ours for least, ours in pairs)
        rate = f"{n_many / seconds:,.0f} events/s"
        table.add("Parquet to accepted, no latency, against the preparing floor", ratio, "0.60", rate=rate)
        pairs = [(clock(lambda: script(url, many, size=1000)), clock(deliver)) for _ in range(RUNS)]
        ratio = median(theirs / ours for theirs, ours in pairs)
        table.add("against a script that checks nothing, 1,000 events a request", ratio, "1")
        ours = n_many / seconds
        table.add_rates(
            "against a script, one event a request",
            "–",
            ours=ours,
            theirs=single_events_per_s(url, few, n_events=2000),
            whose="the script",
        )
        if has_sdk(sdk):
            table.add_rates(
                "against TikTok's own SDK, 50 events a request",
                "–",
                ours=ours,
                theirs=sdk_events_per_s(sdk, url, few, n_events=2000),
                whose="the SDK",
            )
        else:
            print("TikTok's own SDK (tiktok-business-api-sdk-official) is not there: not compared.")


# -------------------------------------------------------------------------------- memory and DAG files


def peak_mb(*command: str) -> float:
    """Peak resident memory of a fresh process, as it tells itself."""
    output = subprocess.run([sys.executable, __file__, *command], check=True, capture_output=True, text=True)
    return float(output.stdout.strip().splitlines()[-1])


def print_peak(path: str) -> None:
    """What ``peak_mb`` starts: a delivery of a file to a slow receiver."""
    with accepting_server(SLOW_S):  # what waits for it would show
        task_of("files", path=path, mapping=MAPPING, defaults=DEFAULTS, tiktok_conn_id="bench_tiktok")()
    status = Path("/proc/self/status").read_text()
    print(int(status.partition("VmHWM:")[2].split()[0]) / 1024)


def report_memory(table: Table, *, n_rows: int) -> None:
    """Peak memory, few rows against many."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders.parquet"
        write_orders(path, 10_000)
        few = peak_mb("--peak", str(path))
        write_orders(path, n_rows)
        many = peak_mb("--peak", str(path))
    rate = f"{few:.0f} MB, {many:.0f} MB"
    name = f"peak memory, {n_rows:,} rows against 10,000, slow receiver"
    table.add(name, many / few, "≤ 1.10", rate=rate)


_PARSE = """
import json, sys, time
from importlib import import_module
from airflow_provider_tiktok.get_provider_info import get_provider_info
info = get_provider_info()
names = [name for kind in ("operators", "sensors") for one in info[kind] for name in one["python-modules"]]
names += sorted({one["python-module"] for one in info["transfers"]})
from airflow.sdk import DAG
began = time.process_time()
for name in names:
    import_module(name)
seconds = time.process_time() - began
print(json.dumps(sorted({"requests", "pyarrow", "phonenumbers", "pandas", "numpy"} & set(sys.modules))))
print(seconds * 1000)
"""


def report_parsing(table: Table) -> None:
    """What all operators, sensors and transfers add to a DAG file, in seconds of the processor.

    With their bytecode, as it is once a DAG file was parsed; without it every module is compiled each time.
    """
    with tempfile.TemporaryDirectory() as bytecode:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        command = [sys.executable, "-c", _PARSE]
        outputs = [
            subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, env=environment)
            for _ in range(1 + 3 * RUNS)
        ][1:]
    lines = [output.stdout.strip().splitlines()[-2:] for output in outputs]
    added = median(float(one[1]) for one in lines)
    name = "milliseconds that all operators add to a DAG file"
    table.add(name, added, "≤ 30", rate=f"heavy modules: {', '.join(json.loads(lines[0][0])) or 'none'}")


# --------------------------------------------------------------------------------------------- the whole


def write_page(table: Table, n_rows: int) -> None:
    """The figures of this run, for people."""
    told = [
        "# Benchmarks",
        "",
        "Written by `make bench`. A ratio compares a whole task with the least code that does the same work and",
        "checks nothing, measured in the same run: 1 is as fast as that code. Medians of three runs. Preparing and",
        "parsing are measured in seconds of the processor, deliveries by the clock; what answers the requests runs in a",
        "process of its own on the same machine.",
        "",
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {n_rows:,} rows.",
        f"The delivery at 300 ms an answer has {8 * n_rows:,}; its floor is requests / 16 × 0.3 s.",
        "",
        "| scenario | ratio | aim | |",
        "|---|---|---|---|",
        *(f"| {name} | {ratio} | {aim} | {rate} |" for name, ratio, aim, rate in table.rows),
        "",
    ]
    (ROOT / "docs" / "benchmarks.md").write_text("\n".join(told))


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--memory-rows", type=int, default=300_000)
    parser.add_argument("--sdk", default=sys.executable, help="an interpreter that has TikTok's own SDK")
    parser.add_argument("--only", choices=["preparing", "deliveries", "memory", "parsing"])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--peak", help="a file whose delivery prints its peak memory, and nothing else")
    given = parser.parse_args()
    if given.write and given.only:
        parser.error("--write wants all figures: leave out --only.")
    logging.disable(logging.CRITICAL)
    if given.peak:
        print_peak(given.peak)
        return 0
    table = Table()
    with tempfile.TemporaryDirectory() as folder:
        if given.only in (None, "preparing"):
            report_preparing(table, Path(folder), given.rows)
        if given.only in (None, "deliveries"):
            report_deliveries(table, Path(folder), given.rows, sdk=given.sdk)
    if given.only in (None, "memory"):
        report_memory(table, n_rows=given.memory_rows)
    if given.only in (None, "parsing"):
        report_parsing(table)
    if given.write:
        write_page(table, given.rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
