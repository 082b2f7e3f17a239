# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""How fast the road is and how much memory it takes, as ratios to a floor measured in the same run.

A ratio says more than seconds: it is nearly the same on a fast and on a slow machine. The floors are what
no sender can do without: reading a line, one digest and writing JSON for the road up to the wire; posting
the same bodies over the same number of connections for the delivery.

    python tests/benchmarks/run_bench.py [rows]
"""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests

from airflow_provider_tiktok.conversions.delivery.engine import Delivery, Options, deliver
from airflow_provider_tiktok.conversions.http import RequestsTransport
from airflow_provider_tiktok.conversions.mapping import EventMapping
from airflow_provider_tiktok.conversions.sources.files import FilesSource
from airflow_provider_tiktok.conversions.tiktok.client import TikTokClient
from airflow_provider_tiktok.conversions.tiktok.destination import TikTokDestination
from airflow_provider_tiktok.conversions.tiktok.options import ValidationRules
from airflow_provider_tiktok.simulator import DEFAULT_OFFLINE_EVENT_SET_ID, DEFAULT_TOKEN

ROWS = 50_000
BATCH = 1_000
IN_FLIGHT = 4
MAPPING = {
    "event_time": "ordered_at",
    "event_id": "order_id",
    "user.email": "email",
    "user.phone": "phone",
    "properties.value": "total",
    "properties.order_id": "order_id",
}
DEFAULTS = {"event": "Purchase", "properties.currency": "USD"}


def main(n_rows: int) -> int:
    """Print the figures; 0 if every event arrived."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders.jsonl.gz"
        write_orders(path, n_rows)
        print(f"{n_rows:,} orders, {path.stat().st_size:,} bytes of gzipped JSON Lines\n")
        road = report_road(path, n_rows)
        is_delivered = report_delivery(path, n_rows)
        report_memory(folder, n_rows)
    return 0 if road and is_delivered else 1


def write_orders(path: Path, n_rows: int) -> None:
    """Orders of made-up people, the last of them now."""
    now = int(time.time())
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=1) as file:
        for n in range(n_rows):
            order = {
                "order_id": f"o-{n}",
                "ordered_at": now - n_rows + n,
                "email": f"Person.{n}@example.com",
                "phone": f"+1202555{n % 100 + 100:04}",
                "total": f"{n % 200}.99",
            }
            file.write(json.dumps(order) + "\n")


def report_road(path: Path, n_rows: int) -> bool:
    """The road up to the wire against reading, one digest and writing JSON."""
    floor_s = seconds(lambda: sum(len(line) for line in bare_lines(path)))
    road_s, delivery = timed(lambda: send(path, "http://127.0.0.1:9", validate_only=True))
    print("Up to the wire: read, map, hash, check, encode")
    print_ratio("reading, one digest, writing JSON", floor_s, "the whole road", road_s, n_rows)
    return delivery.receipt.skipped == n_rows


def bare_lines(path: Path) -> Iterator[bytes]:
    """What nobody can do without."""
    with gzip.open(path, "rb") as file:
        for line in file:
            order = json.loads(line)
            digest = hashlib.sha256(order["email"].strip().lower().encode()).hexdigest()
            yield json.dumps({**order, "email": digest}).encode()


def report_delivery(path: Path, n_rows: int) -> bool:
    """A delivery against posting bodies of the same size, over as many connections."""
    with simulator() as url:
        floor_s = seconds(lambda: post_all(path, url))
        reset(url)
        delivery_s, delivery = timed(lambda: send(path, url))
        unique = requests.get(f"{url}/_simulator/ledger", timeout=60).json()["tiktok"]["live"][
            "unique_events"
        ]
    print("\nDelivery over HTTP, judged by the simulator in a process of its own")
    print_ratio("reading, digests, JSON, posting", floor_s, "the whole delivery", delivery_s, n_rows)
    print(f"  accepted {delivery.receipt.accepted:,}, in the ledger {unique:,}, of {n_rows:,}")
    return delivery.receipt.accepted == unique == n_rows


def post_all(path: Path, url: str) -> None:
    """What a script would do: make each body and post it."""
    with requests.Session() as session, ThreadPoolExecutor(IN_FLIGHT) as pool:
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=IN_FLIGHT)
        session.mount("http://", adapter)

        def post(body: bytes) -> int:
            headers = {"Access-Token": DEFAULT_TOKEN, "Content-Type": "application/json"}
            target = f"{url}/open_api/v1.3/event/track/"
            return session.post(target, data=body, headers=headers, timeout=60).json()["code"]

        assert set(pool.map(post, bodies(path))) == {0}


def bodies(path: Path) -> Iterator[bytes]:
    """Requests of full batches, written without this project's code."""
    events: list[dict[str, Any]] = []
    with gzip.open(path, "rb") as file:
        for line in file:
            order = json.loads(line)
            events.append(
                {
                    "event": "Purchase",
                    "event_time": order["ordered_at"],
                    "event_id": order["order_id"],
                    "user": {key: [digest(order[key])] for key in ("email", "phone")},
                    "properties": {
                        "value": float(order["total"]),
                        "currency": "USD",
                        "order_id": order["order_id"],
                    },
                }
            )
            if len(events) == BATCH:
                yield envelope(events)
                events = []
    if events:
        yield envelope(events)


def digest(value: str) -> str:
    """The digest of a value that needs no other normalising."""
    return hashlib.sha256(value.lower().encode()).hexdigest()


def envelope(events: list[dict[str, Any]]) -> bytes:
    """One request's body."""
    body = {"event_source": "offline", "event_source_id": DEFAULT_OFFLINE_EVENT_SET_ID, "data": events}
    return json.dumps(body).encode()


def send(path: Path, url: str, *, validate_only: bool = False) -> Delivery:
    """A whole delivery of the file."""
    destination = TikTokDestination(
        TikTokClient(DEFAULT_TOKEN, base_url=url, transport=RequestsTransport()),
        event_source="offline",
        event_source_id=DEFAULT_OFFLINE_EVENT_SET_ID,
        rules=ValidationRules(event_source="offline", now=time.time),
    )
    return deliver(
        FilesSource([path]),
        mapping=EventMapping(MAPPING, defaults=DEFAULTS),
        destination=destination,
        options=Options(max_in_flight=IN_FLIGHT, validate_only=validate_only),
    )


def report_memory(folder: str, n_rows: int) -> None:
    """The peak of a process that goes the road with one row, with a fifth of the rows, and with all."""
    peaks = {count: peak_mb(folder, count) for count in (1, n_rows // 5, n_rows)}
    floor = peaks[1]
    print("\nPeak memory of a process (MB), against one that reads a single row")
    for count, peak in peaks.items():
        print(f"  {count:>9,} rows  {peak:7.1f}  x{peak / floor:.2f}")


def peak_mb(folder: str, n_rows: int) -> float:
    """Peak resident memory of a fresh process that goes the road up to the wire."""
    path = Path(folder) / f"orders-{n_rows}.jsonl.gz"
    write_orders(path, n_rows)
    command = [sys.executable, __file__, "--peak", str(path)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def print_peak(path: Path) -> int:
    """What ``peak_mb`` starts."""
    send(path, "http://127.0.0.1:9", validate_only=True)
    # Not getrusage: its peak is inherited from the process that started this one.
    status = Path("/proc/self/status").read_text()
    print(int(status.partition("VmHWM:")[2].split()[0]) / 1024)
    return 0


class simulator:  # noqa: N801  # a context manager that reads as a function
    """The simulator in a process of its own, so that it does not take the sender's time."""

    def __enter__(self) -> str:
        command = [sys.executable, "-m", "airflow_provider_tiktok.simulator"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        return str(json.loads(self._process.stdout.readline())["url"])

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)


def reset(url: str) -> None:
    """An empty ledger."""
    requests.post(f"{url}/_simulator/reset", timeout=60).raise_for_status()


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds and result."""
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def seconds(work: Callable[[], Any]) -> float:
    """Seconds alone."""
    return timed(work)[0]


def print_ratio(floor: str, floor_s: float, name: str, name_s: float, n_rows: int) -> None:
    """Two lines and the ratio."""
    print(f"  {floor:<34} {floor_s:6.2f} s  {n_rows / floor_s:>10,.0f} events/s")
    print(f"  {name:<34} {name_s:6.2f} s  {n_rows / name_s:>10,.0f} events/s  x{name_s / floor_s:.2f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peak"]:
        sys.exit(print_peak(Path(sys.argv[2])))
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else ROWS))
