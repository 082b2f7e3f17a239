# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""HTTP and connections, apart from what is said over them."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from airflow_provider_tiktok.simulator import Simulator
from tests.simulator.calls import TRACK, Caller, request


def raw(simulator: Simulator, text: bytes) -> bytes:
    """Sends bytes on a connection of its own and gives all that comes back."""
    address = urlsplit(simulator.url)
    with socket.create_connection((address.hostname, address.port), timeout=5) as connection:
        connection.sendall(text)
        parts = []
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts)


def test_listens_on_loopback_only(simulator: Simulator) -> None:
    """The address is 127.0.0.1 and a free port."""
    address = urlsplit(simulator.url)

    assert (address.scheme, address.hostname, address.path) == ("http", "127.0.0.1", "")
    assert address.port


def test_connection_is_kept_open(caller: Caller) -> None:
    """Many requests go over one connection, refused ones included."""
    caller.track(request())
    first = caller.connection.sock
    caller.track(b"{")
    caller.call("GET", "/nothing")
    caller.track(request())

    assert caller.connection.sock is first


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"411"),
        (b"Content-Length: many\r\n\r\n", b"411"),
        (b"Content-Length: 99999999999\r\n\r\n", b"413"),
    ],
)
def test_body_of_unknown_or_absurd_length_is_not_read(
    head: bytes, status: bytes, simulator: Simulator
) -> None:
    """Such a request is refused and its connection closed."""
    answer = raw(simulator, b"POST " + TRACK.encode() + b" HTTP/1.1\r\nHost: localhost\r\n" + head)

    assert answer.startswith(b"HTTP/1.1 " + status)
    assert simulator.requests == []


def test_many_connections_lose_nothing(simulator: Simulator) -> None:
    """Requests on many connections at once are all booked, each event once."""

    def send(number: int) -> int:
        with Caller(simulator.url) as caller:
            body = request(count=3)
            for position, event in enumerate(body["data"]):
                event["event_id"] = f"{number}-{position}"
            return caller.track(body).code + caller.track(body).code

    with ThreadPoolExecutor(16) as pool:
        codes = list(pool.map(send, range(64)))

    assert set(codes) == {0}
    summary = simulator.ledger.summary()["live"]
    assert (summary["unique_events"], summary["deliveries"]) == (192, 384)
    assert [record.number for record in simulator.requests] == list(range(1, 129))


def test_leaving_ends_connections_and_threads() -> None:
    """After the context no thread is left, though a caller still holds its connection."""
    before = threading.active_count()
    with Simulator() as simulator:
        caller = Caller(simulator.url)
        caller.call("GET", "/nothing")
    caller.connection.close()

    assert threading.active_count() == before


def test_start_and_close_do_as_the_context_does() -> None:
    """Started, it answers; closed, its port is free and no thread is left; closing again does nothing."""
    before = threading.active_count()
    simulator = Simulator()
    assert simulator.start() is simulator
    caller = Caller(simulator.url)
    caller.call("GET", "/nothing")
    caller.connection.close()
    simulator.close()
    simulator.close()

    assert threading.active_count() == before
    with pytest.raises(ConnectionRefusedError):
        raw(simulator, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")


def test_close_without_a_start_frees_the_port() -> None:
    """What was never started is closed without waiting for anybody."""
    simulator = Simulator()
    simulator.close()
    with Simulator(port=urlsplit(simulator.url).port or 0) as second:
        assert second.url == simulator.url


def test_leaving_ends_a_delay() -> None:
    """A caller that is kept waiting does not keep the simulator from ending."""
    with Simulator(faults=[{"effect": {"delay_s": 600}}]) as simulator:
        waiting = threading.Thread(
            target=lambda: raw(simulator, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        )
        waiting.start()
        while waiting.is_alive() and not simulator.requests:
            waiting.join(timeout=0.001)
    waiting.join(timeout=5)

    assert not waiting.is_alive()


def test_port_can_be_chosen() -> None:
    """A port that was free a moment ago can be asked for by number."""
    with Simulator() as first:
        port = urlsplit(first.url).port
    with Simulator(port=port or 0) as second:
        assert urlsplit(second.url).port == port
