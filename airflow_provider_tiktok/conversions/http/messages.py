# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What goes over the wire and back, and the seam that carries it.

The difference that matters most is *surely not processed* against *perhaps processed*: a refused
connection is the first, a dropped answer the second. It decides whether events that could not be settled
count as never sent or as unconfirmed. Where it cannot be told, the second is assumed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Protocol
from urllib.parse import urlsplit

from airflow_provider_tiktok.conversions.sealed import Sealed

Wait = Callable[[float], bool]
"""Waits so many seconds; ``True`` at once when the run is told to stop (``threading.Event().wait``)."""

_never_stopped = threading.Event()

wait_unstopped: Wait = _never_stopped.wait
"""Waits, and is never told to stop."""


class HttpRequest(Sealed, frozen=True, kw_only=True):
    """One request; sent again with the same bytes when it is tried again.

    :param params: query as name and value, in order; names may repeat.
    :param name: what logs and errors call the request; needed where the path itself is secret. Empty:
        method, host and path.
    """

    method: str
    url: str
    headers: Mapping[str, str] = {}
    body: bytes | None = None
    params: tuple[tuple[str, str], ...] = ()
    name: str = ""

    @property
    def shown(self) -> str:
        """How people may see the request: without query, header and body."""
        return self.name or f"{self.method} {_host_and_path(self.url)}"

    @property
    def server(self) -> str:
        """Host and port, for people who must open the way to it."""
        try:
            parts = urlsplit(self.url)
            port = parts.port or (80 if parts.scheme == "http" else 443)
        except ValueError:
            return "an address that cannot be read"
        return f"{parts.hostname or ''}:{port}"

    def __repr__(self) -> str:
        return f"HttpRequest({self.shown})"


class HttpReply(Sealed, frozen=True, kw_only=True):
    """One reply, whole."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The header's value, whatever the case of its name; ``None`` where absent."""
        return find_header(self.headers, name)

    def __repr__(self) -> str:
        return f"HttpReply(status={self.status}, {len(self.body)} bytes)"


class TransportError(Exception):
    """No answer came. The text is the kind of fault, never an address or a value.

    :param is_stop: whether the run ended itself: nothing is at fault then.
    """

    def __init__(self, why: str, *, is_stop: bool = False) -> None:
        super().__init__(why)
        self.is_stop = is_stop


class NotSent(TransportError):
    """The request surely did not reach the API: refused, unknown host, no TLS, connect timeout."""


class AnswerLost(TransportError):
    """The request may have been processed: read timeout, dropped connection, truncated reply."""


class Transport(Protocol):
    """Sends one request, once.

    :raises NotSent: the API surely did not get it.
    :raises AnswerLost: the API may have got it; also where that cannot be told.
    :raises ConfigurationError: the request cannot be put on the wire at all.
    """

    def __call__(self, request: HttpRequest, /) -> HttpReply:
        """The reply, whatever its status."""


def find_header(headers: Mapping[str, str], name: str) -> str | None:
    """The header's value, whatever the case of its name; ``None`` where absent."""
    wanted = name.lower()
    return next((value for key, value in headers.items() if key.lower() == wanted), None)


def _host_and_path(url: str) -> str:
    try:
        parts = urlsplit(url)
        return f"{parts.hostname or ''}{parts.path}"
    except ValueError:
        return "an address that cannot be read"
