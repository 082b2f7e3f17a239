# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The receiving end of StatsD, on loopback."""

from __future__ import annotations

import socket
import threading


class Listener:
    """A StatsD server on loopback, in a thread."""

    def __enter__(self) -> Listener:
        self.lines: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.sendto(b"end", ("127.0.0.1", self.port))  # after all that was sent before
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        while (packet := self._socket.recv(65_536)) != b"end":
            self.lines.extend(packet.decode().splitlines())
