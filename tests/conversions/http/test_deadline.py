# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from airflow_provider_tiktok.conversions.http import (
    AnswerLost,
    HttpRequest,
    NotSent,
    RequestsTransport,
    deadline,
)
from airflow_provider_tiktok.conversions.http.deadline import Deadline
from tests.slow_server import dripping

TOTAL_S = 0.4
HEAD = b"HTTP/1.1 200 OK\r\n"


def post(url: str, *, body: bytes = b"{}") -> HttpRequest:
    """A POST."""
    return HttpRequest(method="POST", url=url, body=body)


def repeated(piece: bytes, *, after: bytes = b"") -> Iterator[bytes]:
    """The piece without end, after something else."""
    return itertools.chain([after], itertools.repeat(piece))


SLOW = {
    "status line": lambda: (bytes([byte]) for byte in HEAD * 1000),
    "head": lambda: repeated(b"x", after=HEAD + b"X-Slow: "),
    "endless head": lambda: repeated(b"X-More: yes\r\n", after=HEAD),
    "100 Continue": lambda: repeated(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "100 Continue with a slow head": lambda: repeated(b"x", after=b"HTTP/1.1 100 Continue\r\nX-Slow: "),
    "body with a length": lambda: repeated(b"x", after=HEAD + b"Content-Length: 100000\r\n\r\n"),
    "body until the end": lambda: repeated(b"x", after=HEAD + b"Connection: close\r\n\r\n"),
    "chunks": lambda: repeated(b"1\r\nx\r\n", after=HEAD + b"Transfer-Encoding: chunked\r\n\r\n"),
    "length of a chunk": lambda: repeated(b"1", after=HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;"),
    "trailers": lambda: repeated(b"X: y\r\n", after=HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"),
    "gzip": lambda: repeated(b"\0", after=HEAD + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x08"),
    "nonsense": lambda: repeated(b"\x16"),
}


@pytest.mark.parametrize("pieces", SLOW.values(), ids=SLOW.keys())
def test_an_answer_that_drips_ends_with_the_total_time(pieces: Callable[[], Iterator[bytes]]) -> None:
    """A byte now and then resets no clock: the exchange is over when its time is."""
    transport = RequestsTransport(read_timeout_s=30, total_timeout_s=TOTAL_S)
    with dripping(pieces()) as url:
        began = time.monotonic()
        with pytest.raises(AnswerLost):
            transport(post(url))
    assert time.monotonic() - began < TOTAL_S + 1
    transport.close()


def test_why_an_answer_was_not_waited_for() -> None:
    """People read how long was waited, and no name of an exception."""
    transport = RequestsTransport(total_timeout_s=TOTAL_S)
    with dripping(SLOW["head"]()) as url, pytest.raises(AnswerLost, match=r"no whole answer within 0\.4 s"):
        transport(post(url))
    transport.close()


def test_a_receiver_that_does_not_read_ends_with_the_total_time() -> None:
    """A request that cannot leave holds its sender no longer than an answer that does not come."""
    transport = RequestsTransport(read_timeout_s=30, total_timeout_s=TOTAL_S)
    with dripping([], reads=False) as url:
        began = time.monotonic()
        with pytest.raises(AnswerLost):
            transport(post(url, body=b"x" * 50_000_000))
    assert time.monotonic() - began < TOTAL_S + 1
    transport.close()


def test_a_proxy_that_drips_ends_with_the_total_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a proxy says before it connects is read within the same time."""
    transport = RequestsTransport(read_timeout_s=30, total_timeout_s=TOTAL_S)
    with dripping(repeated(b"x", after=HEAD + b"X-Slow: ")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        began = time.monotonic()
        with pytest.raises((AnswerLost, NotSent)):
            transport(post("https://shop.example.com/"))
    assert time.monotonic() - began < TOTAL_S + 1
    transport.close()


def test_silence_still_ends_an_exchange() -> None:
    """A server that says nothing is not waited for until the total time."""
    transport = RequestsTransport(read_timeout_s=0.1, total_timeout_s=30)
    with dripping([]) as url:
        began = time.monotonic()
        with pytest.raises(AnswerLost):
            transport(post(url))
    assert time.monotonic() - began < 2
    transport.close()


def test_a_stop_ends_an_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is told to stop leaves a slow answer alone after a short grace."""
    monkeypatch.setattr(deadline, "STOP_GRACE_S", 0.1)  # five seconds are too long for a test
    stop = threading.Event()
    transport = RequestsTransport(stop=stop)
    timer = threading.Timer(0.1, stop.set)
    timer.start()
    with dripping(SLOW["100 Continue"]()) as url, pytest.raises(AnswerLost, match="told to stop"):
        transport(post(url))
    timer.join()
    transport.close()


def test_a_stop_leaves_a_quick_answer_its_time() -> None:
    """What is answered within the grace is an answer: its events need not be sent again."""
    stop = threading.Event()
    stop.set()
    transport = RequestsTransport(stop=stop)
    with dripping([HEAD, b"Content-Length: 2\r\n\r\n", b"{}"]) as url:
        assert transport(post(url)).body == b"{}"
    transport.close()


def test_an_answer_in_pieces_within_the_time_is_whole() -> None:
    """An answer that comes in single bytes and in time is an answer."""
    answer = HEAD + b"Content-Length: 10\r\n\r\n" + b'{"code":0}'
    transport = RequestsTransport()
    with dripping((bytes([byte]) for byte in answer), every_s=0.001) as url:
        assert transport(post(url)).body == b'{"code":0}'
    transport.close()


def test_a_name_that_takes_too_long_is_not_waited_for() -> None:
    """Looking a name up cannot be interrupted, so nobody waits for it; what comes late is closed."""
    found = threading.Event()
    late, other_end = socket.socketpair()

    def connect() -> socket.socket:
        found.wait(5)
        return late

    began = time.monotonic()
    with pytest.raises(TimeoutError):
        Deadline(30, connect_s=0.05, silence_s=30).dial(connect)
    assert time.monotonic() - began < 2
    found.set()
    other_end.settimeout(5)
    assert other_end.recv(1) == b""
    other_end.close()


def test_a_stop_ends_the_looking_up_of_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop is heard while a name is looked up."""
    monkeypatch.setattr(deadline, "STOP_GRACE_S", 0.01)  # five seconds are too long for a test
    stop, found = threading.Event(), threading.Event()
    stop.set()
    left = Deadline(30, connect_s=30, silence_s=30, stop=stop)
    with pytest.raises(TimeoutError):
        left.dial(lambda: found.wait(5) and socket.socket())  # type: ignore[arg-type, return-value]
    assert left.reason == "told to stop"
    found.set()


@pytest.mark.parametrize(
    "piece",
    [b"1" * 65_536, b"X: " + b"y" * 60_000 + b"\r\n", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000],
    ids=["length of a chunk", "trailers", "100 Continue"],
)
def test_what_comes_in_is_bounded(piece: bytes) -> None:
    """Not only the body counts: no part of an answer fills the memory."""
    after = b"" if piece.startswith(b"HTTP") else HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    after += b"0\r\n" if piece.startswith(b"X") else b""
    transport = RequestsTransport(max_reply_bytes=100_000, total_timeout_s=20)
    with dripping(repeated(piece, after=after), every_s=0) as url:
        began = time.monotonic()
        with pytest.raises(AnswerLost):
            transport(post(url))
    assert time.monotonic() - began < 10
    transport.close()
