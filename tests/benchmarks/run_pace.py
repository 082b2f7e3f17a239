# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""How tasks that know nothing of each other share one limit of requests: used, fair, and rarely refused.

A server on loopback takes ten requests in any second from all senders together (`--limit`). One, four and eight tasks, each
a process of its own with four threads, send for a minute. Wanted: at least 0.85 of the limit used, Jain's index of
the tasks' shares at least 0.9, at most 5 % of the requests refused after the first ten seconds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANSWER_S = 0.03
SETTLING_S = 10.0
THREADS = 4


class Server(ThreadingHTTPServer):
    """Takes so many requests in any second; what it refuses does not count."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, limit: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.limit = limit
        self.lock = threading.Lock()
        self.taken: deque[float] = deque()
        self.log: list[tuple[float, str, bool]] = []

    def takes(self, task: str) -> bool:
        """Whether one more request of this task is within the limit."""
        with self.lock:
            now = time.monotonic()
            while self.taken and self.taken[0] <= now - 1:
                self.taken.popleft()
            is_taken = len(self.taken) < self.limit
            if is_taken:
                self.taken.append(now)
            self.log.append((now, task, is_taken))
            return is_taken


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        is_taken = self.server.takes(self.headers["Access-Token"])
        time.sleep(ANSWER_S)
        answer: dict[str, Any] = (
            {"code": 0, "message": "OK"} if is_taken else {"code": 40100, "message": "Slow"}
        )
        body = json.dumps({**answer, "request_id": "r", "data": {}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def send(url: str, *, name: str, seconds: float, finds_in_flight: bool) -> None:
    """One task: sends as much as it may."""
    from airflow_provider_tiktok.conversions.errors import TransientError
    from airflow_provider_tiktok.conversions.http import MOST_IN_FLIGHT, Pace, RequestsTransport
    from airflow_provider_tiktok.conversions.tiktok.client import TikTokClient

    stop = threading.Event()
    client = TikTokClient(
        name,
        base_url=url,
        transport=RequestsTransport(stop=stop),
        pace=Pace(finds_in_flight=finds_in_flight),
        wait=stop.wait,
    )

    def send_until_told() -> None:
        with suppress(TransientError):  # told to stop
            while not stop.is_set():
                client.track([b"{}"], event_source="web", event_source_id="C" * 20)

    n_threads = MOST_IN_FLIGHT if finds_in_flight else THREADS
    with ThreadPoolExecutor(n_threads) as pool:
        for _ in range(n_threads):
            pool.submit(send_until_told)
        time.sleep(seconds)
        stop.set()


def measure(n_tasks: int, *, limit: int, seconds: float, finds_in_flight: bool) -> dict[str, float]:
    """What came of so many tasks at once."""
    server = Server(limit)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    options = ["--auto"] if finds_in_flight else []
    command = [sys.executable, __file__, "--seconds", str(seconds), "--url", url, *options, "--task"]
    tasks = [subprocess.Popen([*command, f"task-{number}"]) for number in range(n_tasks)]
    for task in tasks:
        task.wait()
    server.shutdown()
    server.server_close()
    return read(server.log, n_tasks=n_tasks, limit=limit)


def read(log: list[tuple[float, str, bool]], *, n_tasks: int, limit: int) -> dict[str, float]:
    """Share of the limit used, Jain's index, share of refusals once settled."""
    began, ended = log[0][0], log[-1][0]
    taken = Counter(task for _, task, is_taken in log if is_taken)
    shares = [taken[f"task-{number}"] for number in range(n_tasks)]
    settled = [is_taken for at, _, is_taken in log if at - began > SETTLING_S]
    return {
        "used": sum(shares) / (limit * (ended - began)),
        "jain": sum(shares) ** 2 / (n_tasks * sum(share**2 for share in shares)),
        "refused": 1 - statistics.fmean(settled),
    }


def main() -> int:
    """Print the figures; 1 where one of them is not what is wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--limit", type=int, default=10, help="requests in any second")
    parser.add_argument("--auto", action="store_true", help="let the tasks find their requests in flight")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.task:
        send(given.url, name=given.task, seconds=given.seconds, finds_in_flight=given.auto)
        return 0
    is_good = True
    print(f"{given.limit} requests a second for all tasks, {given.seconds:g} s")
    for n_tasks in (1, 4, 8):
        found = measure(n_tasks, limit=given.limit, seconds=given.seconds, finds_in_flight=given.auto)
        is_good &= found["used"] >= 0.85 and found["jain"] >= 0.9 and found["refused"] <= 0.05
        figures = "  ".join(f"{name} {value:.3f}" for name, value in found.items())
        print(f"{n_tasks} tasks: {figures}", flush=True)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
