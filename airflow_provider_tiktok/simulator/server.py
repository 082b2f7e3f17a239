# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""HTTP and nothing else: takes requests off loopback connections, hands them on, sends or holds replies."""

from __future__ import annotations

import socket
import struct
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_tiktok.simulator.exchange import Reply, Request

LOOPBACK = "127.0.0.1"
# Larger than any limit a test would set: beyond this the connection is closed unread.
_MAX_READ_BYTES = 64 * 1024 * 1024


class Listener(ThreadingHTTPServer):
    """A listener on loopback; keeps connections open and ends them all when it closes.

    :param handle: gives the reply to a request; called from one thread per connection.
    :param clock: seconds since the epoch.
    :param port: 0 takes any free port.
    """

    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(
        self, handle: Callable[[Request], Reply], *, clock: Callable[[], float], port: int = 0
    ) -> None:
        """Binds the port; ``start`` begins to accept."""
        super().__init__((LOOPBACK, port), _Exchange)
        self.handle = handle
        self.clock = clock
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._acceptor = threading.Thread(target=self._accept_until_closed, name="simulator", daemon=True)

    @property
    def url(self) -> str:
        """Gives the address of the listener, without a trailing slash."""
        return f"http://{LOOPBACK}:{self.server_address[1]}"

    def start(self) -> None:
        """Begins to accept connections, in a thread of its own."""
        self._acceptor.start()

    def close(self) -> None:
        """Ends all connections and frees the port; closing again does nothing."""
        if self.closing.is_set():
            return
        self.closing.set()
        if self._acceptor.is_alive():
            # Accepting blocks without a timeout; this connection wakes it up.
            socket.create_connection(self.server_address[:2]).close()  # type: ignore[arg-type]
            self._acceptor.join()
        with self._lock:
            still_open = dict(self._open)
        for connection in still_open:
            _shut(connection)
        for thread in still_open.values():
            thread.join(timeout=5)
        self.server_close()

    def _accept_until_closed(self) -> None:
        while not self.closing.is_set():
            self.handle_request()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serves one connection and remembers it while it lasts."""
        with self._lock:
            self._open[request] = threading.current_thread()
        try:
            if not self.closing.is_set():
                super().process_request_thread(request, client_address)
        finally:
            self.shutdown_request(request)
            with self._lock:
                self._open.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keeps silent about connections that the other side broke; anything else is a defect and shown."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Exchange(BaseHTTPRequestHandler):
    server: Listener
    protocol_version = "HTTP/1.1"
    server_version = "simulator"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one write

    def _serve(self) -> None:
        body = self._read_body()
        if body is None:
            return
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, parts.path, parts.query, headers, body, self.server.clock())
        self._deliver(self.server.handle(request))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815 - names set by http.server

    def _read_body(self) -> bytes | None:
        """Gives the body, or ``None`` after refusing one whose length is unknown or absurd."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal():
            self._refuse(411)
        elif int(length) > _MAX_READ_BYTES:
            self._refuse(413)
        else:
            return self.rfile.read(int(length))
        return None

    def _refuse(self, http_status: int) -> None:
        self.close_connection = True
        self.send_response(http_status)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    def _deliver(self, reply: Reply) -> None:
        if reply.delay_s:
            # Not a sleep: closing the listener ends the wait.
            self.server.closing.wait(reply.delay_s)
        if reply.dropped:
            self._drop(reply.dropped)
            return
        self.send_response(reply.http_status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.http_status not in (204, 304):
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self._write_body(reply)

    def _write_body(self, reply: Reply) -> None:
        if self.command == "HEAD" or reply.http_status in (204, 304):
            return
        self.wfile.write(reply.body[: reply.truncate_at])
        if reply.truncate_at is not None and reply.truncate_at < len(reply.body):
            self.close_connection = True

    def _drop(self, how: str) -> None:
        self.close_connection = True
        if how == "reset":
            # Linger of zero seconds: the peer sees a reset, not an orderly end.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            socket.close(self.connection.detach())
        else:
            _shut(self.connection)

    def log_message(self, format: str, *args: object) -> None:
        """Keeps silent: the request log has it all, and stderr belongs to the caller."""


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):  # the other side may have been faster
        connection.shutdown(socket.SHUT_RDWR)
