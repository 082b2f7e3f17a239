# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The receiving end of a result webhook, on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Received(NamedTuple):
    """One request that came in."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def message(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Receiver:
    """What came in so far, and where to send it.

    :param statuses: answered in turn, the last one for ever; 0: never anything.
    :param location: where a redirect leads.
    :ivar says: what stands in every part of an answer.
    """

    def __init__(self, url: str, *, statuses: Sequence[int], location: str | None) -> None:
        self.url = url
        self.received: list[Received] = []
        self.statuses, self.location = list(statuses), location
        self.says = ""

    def next_status(self) -> int:
        """The status of the next answer."""
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]


@contextmanager
def receiving(*, statuses: Sequence[int] = (200,), location: str | None = None) -> Iterator[Receiver]:
    """A receiver that listens on a free port."""
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.received.append(Received(self.path, headers, body))
            status, said = receiver.next_status(), receiver.says.encode()
            if not status:
                ended.wait()
                return
            self.send_response(status, receiver.says or None)
            if receiver.location:
                self.send_header("Location", receiver.location)
            if said:
                self.send_header("X-Said", receiver.says)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(f"http://127.0.0.1:{server.server_port}", statuses=statuses, location=location)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            ended.set()
            server.shutdown()
            thread.join()
