# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A server on loopback that answers a little at a time, for as long as its client stays."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def dripping(pieces: Iterable[bytes], *, every_s: float = 0.02, reads: bool = True) -> Iterator[str]:
    """A server that sends the pieces one after the other, until its client leaves; ``reads`` the request."""
    done = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(5)

    def serve() -> None:
        with suppress(OSError):
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                if reads:
                    connection.recv(65_536)
                for piece in pieces:
                    connection.sendall(piece)
                    if done.wait(every_s):
                        return
                done.wait(5)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        done.set()
        thread.join()
        listener.close()
