# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import gzip
import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from requests import exceptions as requests_errors
from urllib3 import exceptions as urllib3_errors

from airflow_provider_tiktok.conversions.answers import Verdict
from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.http import (
    AnswerLost,
    HttpRequest,
    NotSent,
    RequestsTransport,
    TransportError,
    judge_status,
)
from airflow_provider_tiktok.conversions.http.connection import is_this_machine, read_fault

SECRET = "planted-secret-0123456789abcdef"


def receive(connection: socket.socket) -> bytes:
    """One whole request, or the first bytes of something else."""
    received = connection.recv(65_536)
    if not received.startswith((b"GET", b"POST")):
        return received
    while b"\r\n\r\n" not in received:
        received += connection.recv(65_536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = next((line[15:] for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")), b"0")
    while len(body) < int(length):
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body


@contextmanager
def served(*connections: bytes | None, hold: bool = False) -> Iterator[tuple[str, list[bytes]]]:
    """A server that gives each connection one canned answer, and what it was sent.

    ``None`` closes without an answer; ``hold`` keeps the connection open afterwards.
    """
    received: list[bytes] = []
    held: list[socket.socket] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for answer in connections:
            try:
                connection, _ = listener.accept()
            except OSError:  # shut down: nobody came
                return
            received.append(receive(connection))
            if answer:
                connection.sendall(answer)
            if hold:
                held.append(connection)
            else:
                connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/events/", received
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in held:
            connection.close()
        listener.close()


@pytest.fixture
def transport() -> Iterator[RequestsTransport]:
    """The real thing, kept from the machine's proxies."""
    made = RequestsTransport(connect_timeout_s=2, read_timeout_s=2, trust_env=False)
    yield made
    made.close()


def post(url: str, **changes: object) -> HttpRequest:
    """A small POST, with some fields changed."""
    fields: dict[str, object] = {"method": "POST", "url": url, "body": b"{}", **changes}
    return HttpRequest(**fields)  # type: ignore[arg-type]


def http(status: str, *headers: str, body: bytes = b"") -> bytes:
    """An answer as it goes over the wire."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return ("\r\n".join(head) + "\r\n\r\n").encode() + body


def test_real_exchange(transport: RequestsTransport) -> None:
    """Body, headers and query leave as they were given, repeats and order included."""
    with served(http("200 OK", "X-Tt-Logid: 42", body=b'{"code":0}')) as (url, received):
        request = post(
            url,
            body=b'{"a":1}',
            headers={"Access-Token": "t"},
            params=(("it", "1"), ("iv", "a b"), ("it", "2")),
        )
        reply = transport(request)
    assert (reply.status, reply.body, reply.header("x-tt-logid")) == (200, b'{"code":0}', "42")
    sent = received[0].decode()
    assert sent.startswith("POST /events/?it=1&iv=a+b&it=2 HTTP/1.1\r\n")
    assert sent.endswith('\r\n\r\n{"a":1}')
    assert "Access-Token: t\r\n" in sent
    assert "Authorization" not in sent


@pytest.mark.parametrize("status", ["302 Found", "307 Temporary Redirect", "308 Permanent Redirect"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_redirects_are_not_followed(transport: RequestsTransport, status: str, method: str) -> None:
    """A redirect is an answer, never another request that would carry the token elsewhere."""
    with served(http(status, "Location: http://127.0.0.1:1/elsewhere")) as (url, received):
        reply = transport(post(url, method=method))
    assert judge_status(reply.status, reply.headers).verdict is Verdict.CONFIGURATION
    assert len(received) == 1


@pytest.mark.parametrize("status", ["500 Oops", "502 Bad Gateway", "429 Slow down", "401 No"])
def test_the_transport_retries_nothing(transport: RequestsTransport, status: str) -> None:
    """Retries have one owner, and it is not the transport."""
    with served(http(status, "Retry-After: 0")) as (url, received):
        assert transport(post(url)).status == int(status[:3])
    assert len(received) == 1


def test_refused_connection(transport: RequestsTransport) -> None:
    """A refused connection surely was not processed."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(NotSent):
        transport(post(f"http://127.0.0.1:{port}/"))


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
        b"HTTP/1.1 20",
        b"nonsense\r\n\r\n",
    ],
    ids=["no answer", "short body", "cut chunk", "bad chunk", "not gzip", "cut status", "not HTTP"],
)
def test_lost_answers(transport: RequestsTransport, answer: bytes | None) -> None:
    """A connection that ends in the answer leaves open whether the request was processed."""
    with served(answer) as (url, received), pytest.raises(AnswerLost):
        transport(post(url))
    assert len(received) == 1


def test_read_timeout() -> None:
    """A server that is silent may have processed the request."""
    transport = RequestsTransport(read_timeout_s=0.05, trust_env=False)
    with served(None, hold=True) as (url, _), pytest.raises(AnswerLost):
        transport(post(url))
    transport.close()


def test_reply_too_long() -> None:
    """A reply without end is not read to the end."""
    transport = RequestsTransport(max_reply_bytes=100, trust_env=False)
    with served(http("200 OK", body=b"x" * 101)) as (url, _), pytest.raises(AnswerLost):
        transport(post(url))
    transport.close()


def test_tls_to_a_server_without(transport: RequestsTransport) -> None:
    """A failed handshake surely was not processed."""
    with served(b"HTTP/1.1 400 Bad Request\r\n\r\n") as (url, _), pytest.raises(NotSent):
        transport(post(url.replace("http:", "https:")))


@pytest.mark.parametrize(
    ("url", "header"),
    [
        ("no scheme", "t"),
        ("ftp://127.0.0.1/", "t"),
        ("http://", "t"),
        ("http://127.0.0.1:1/", f"{SECRET}\nX: y"),
        ("http://127.0.0.1:1/", f" {SECRET}"),
    ],
)
def test_what_cannot_be_sent_is_a_setting(transport: RequestsTransport, url: str, header: str) -> None:
    """A broken address or token is a person's to repair, and is not printed."""
    with pytest.raises(ConfigurationError) as caught:
        transport(post(url, headers={"Access-Token": header}))
    assert SECRET not in f"{caught.value!r}"
    assert caught.value.__context__ is None


def test_token_outside_latin_1(transport: RequestsTransport) -> None:
    """A token with letters that no header can hold is a setting to repair."""
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(ConfigurationError):
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        transport(post(address, headers={"Access-Token": "ключ"}))


def test_missing_certificate_bundle_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle that the environment names and nobody has is a person's to repair."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/bundle.pem")
    transport = RequestsTransport()
    with pytest.raises(ConfigurationError, match="REQUESTS_CA_BUNDLE"):
        transport(post("https://127.0.0.1:1/"))
    transport.close()


def test_logs_of_a_real_exchange_show_no_query(
    transport: RequestsTransport, caplog: pytest.LogCaptureFixture
) -> None:
    """Even with everything logged, urllib3 included, query, header and body are not."""
    caplog.set_level(logging.DEBUG)
    with served(http("200 OK", f"Set-Cookie: a={SECRET}", body=SECRET.encode()), None) as (url, _):
        request = post(url, params=(("iv", SECRET),), headers={"Access-Token": SECRET}, body=SECRET.encode())
        transport(request)
        with pytest.raises(AnswerLost) as caught:
            transport(request)
    assert "127.0.0.1/events/: HTTP 200 in" in caplog.text
    assert SECRET not in caplog.text
    assert caught.value.__context__ is None


def test_others_may_still_log_urllib3(transport: RequestsTransport, caplog: pytest.LogCaptureFixture) -> None:
    """Hiding our addresses hides nobody else's."""
    with served(http("200 OK")) as (url, _):
        transport(post(url))
    caplog.set_level(logging.DEBUG)
    logging.getLogger("urllib3.connectionpool").debug("someone else's request")
    assert "someone else's request" in caplog.text


def test_cookies_are_not_kept(transport: RequestsTransport) -> None:
    """Requests stay identical: what a server sets is not sent back."""
    with served(http("200 OK", "Set-Cookie: a=b; Path=/"), http("200 OK")) as (url, received):
        transport(post(url))
        transport(post(url))
    assert b"Cookie" not in received[1]


def test_netrc_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password that the machine keeps for the host is not sent along."""
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login planted password {SECRET}\n")
    monkeypatch.setenv("NETRC", str(netrc))
    transport = RequestsTransport()
    with served(http("200 OK")) as (url, received):
        transport(post(url))
    transport.close()
    assert b"Authorization" not in received[0]


def test_connections_are_reused(transport: RequestsTransport) -> None:
    """Requests one after the other share a connection."""
    twice = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    listener = socket.create_server(("127.0.0.1", 0))
    n_accepted = 0

    def serve() -> None:
        nonlocal n_accepted
        connection, _ = listener.accept()
        n_accepted += 1
        for _ in range(2):
            receive(connection)
            connection.sendall(twice)
        connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    for _ in range(2):
        assert transport(post(f"http://127.0.0.1:{listener.getsockname()[1]}/")).status == 200
    thread.join()
    listener.close()
    assert n_accepted == 1


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (requests_errors.ConnectTimeout(), AnswerLost),  # without its cause nothing is sure
        (
            requests_errors.ConnectTimeout(
                urllib3_errors.MaxRetryError(None, "/", urllib3_errors.ConnectTimeoutError())  # type: ignore[arg-type]
            ),
            NotSent,
        ),
        (
            requests_errors.ConnectionError(
                urllib3_errors.MaxRetryError(
                    None,  # type: ignore[arg-type]
                    "/",
                    urllib3_errors.NameResolutionError("h", None, socket.gaierror()),  # type: ignore[arg-type]
                )
            ),
            NotSent,
        ),
        (
            requests_errors.ProxyError(
                urllib3_errors.MaxRetryError(None, "/", urllib3_errors.ProxyError("x", OSError()))  # type: ignore[arg-type]
            ),
            NotSent,
        ),
        (
            requests_errors.SSLError(
                urllib3_errors.MaxRetryError(None, "/", urllib3_errors.SSLError(ssl.SSLEOFError("EOF")))  # type: ignore[arg-type]
            ),
            AnswerLost,
        ),
        (
            requests_errors.ConnectionError(urllib3_errors.ProtocolError("x", ConnectionResetError())),
            AnswerLost,
        ),
        (requests_errors.ReadTimeout(), AnswerLost),
        (requests_errors.ConnectionError(), AnswerLost),
        (ConnectionResetError(104, "reset"), AnswerLost),
        (RuntimeError(), AnswerLost),
    ],
)
def test_read_fault(error: Exception, kind: type[TransportError]) -> None:
    """Only what surely happened before sending counts as not sent; what is not known counts as lost."""
    assert type(read_fault(error)) is kind


def _never_connected(cause: OSError) -> Exception:
    error = urllib3_errors.NewConnectionError(None, "planted: api.example.com")  # type: ignore[arg-type]
    error.__cause__ = cause
    return requests_errors.ConnectionError(urllib3_errors.MaxRetryError(None, "/", error))  # type: ignore[arg-type]


def _no_handshake(reason: str) -> Exception:
    fault = ssl.SSLError(1, "planted")
    fault.reason = reason
    return requests_errors.SSLError(
        urllib3_errors.MaxRetryError(None, "/", urllib3_errors.SSLError(fault))  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (_never_connected(ConnectionRefusedError(111, "planted")), "connection refused"),
        (_never_connected(OSError(101, "planted")), "network is unreachable"),
        (_never_connected(OSError(113, "planted")), "no route to host"),
        (_never_connected(OSError("planted")), "no connection"),
        (_no_handshake("CERTIFICATE_VERIFY_FAILED"), "its certificate is not trusted"),
        (_no_handshake("WRONG_VERSION_NUMBER"), "it does not speak https"),
        (_no_handshake("NO_SHARED_CIPHER"), "no encryption in common"),
        (requests_errors.ReadTimeout(), "no answer in time"),
        (requests_errors.ConnectionError(urllib3_errors.ProtocolError("planted")), "the connection broke"),
        (RuntimeError("planted"), "RuntimeError"),
    ],
)
def test_a_fault_in_words(error: Exception, words: str) -> None:
    """People read why there was no answer, in words that hold nothing of the error's own text."""
    assert str(read_fault(error)) == words


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """What reaches the proxy that every variable of the environment names."""
    with served(http("200 OK", "X-Proxy: yes")) as (url, received):
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, url)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        yield received


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_is_reached_through_no_proxy(proxy: list[bytes], host: str) -> None:
    """Whatever the environment names, events and tokens for this machine do not leave it."""
    transport = RequestsTransport(connect_timeout_s=2, read_timeout_s=2)
    with served(http("200 OK")) as (url, received):
        reply = transport(post(url.replace("127.0.0.1", host), headers={"Access-Token": SECRET}))
    transport.close()
    assert reply.header("X-Proxy") is None
    assert received[0].startswith(b"POST /events/ HTTP/1.1")
    assert proxy == []


def test_other_machines_are_reached_through_the_proxy(proxy: list[bytes]) -> None:
    """A company's proxy goes on working for the hosts it is there for."""
    transport = RequestsTransport(connect_timeout_s=2, read_timeout_s=2)
    assert transport(post("http://shop.example.com/events/")).header("X-Proxy") == "yes"
    transport.close()
    assert proxy[0].startswith(b"POST http://shop.example.com/events/ HTTP/1.1")


def test_exceptions_from_the_proxy_are_kept(proxy: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that ``no_proxy`` names is asked for directly, which the tests' guard forbids."""
    monkeypatch.setenv("no_proxy", "example.com")
    transport = RequestsTransport(connect_timeout_s=2, read_timeout_s=2)
    with pytest.raises(RuntimeError, match=r"getaddrinfo: 'shop\.example\.com'"):
        transport(post("http://shop.example.com/events/"))
    transport.close()
    assert proxy == []


def test_one_session_serves_both(proxy: list[bytes]) -> None:
    """A session that went to this machine still finds the proxy for others."""
    transport = RequestsTransport(connect_timeout_s=2, read_timeout_s=2)
    with served(http("200 OK")) as (url, _):
        assert transport(post(url)).header("X-Proxy") is None
    assert transport(post("http://shop.example.com/")).header("X-Proxy") == "yes"
    transport.close()


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("localhost", True),
        ("localhost.", True),
        ("api.localhost", True),
        ("127.0.0.1", True),
        ("127.255.0.9", True),
        ("0x7f000001", True),
        ("0177.0.0.1", True),
        ("::1", True),
        ("[::1]", True),
        ("::ffff:127.0.0.1", True),
        ("::", True),
        ("ip6-localhost", True),
        ("localhost.example.com", False),
        ("notlocalhost", False),
        ("128.0.0.1", False),
        ("192.0.2.1", False),
        ("10.0.0.1", False),
        ("::ffff:192.0.2.1", False),
        ("2001:db8::1", False),
        ("127.example.com", False),
        ("127.0.0.1.example.com", False),
        ("bücher.example", False),
        ("", False),
    ],
)
def test_is_this_machine(host: str, is_own: bool) -> None:
    """Names and numbers of this machine are known in every spelling, and no other host is taken for it."""
    assert is_this_machine(host) is is_own


def test_a_compressed_answer_is_read(transport: RequestsTransport) -> None:
    """Compression is asked for only where it can be bounded, and undone."""
    body = gzip.compress(b'{"code":0}')
    with served(http("200 OK", "Content-Encoding: gzip", body=body)) as (url, received):
        assert transport(post(url)).body == b'{"code":0}'
    assert b"Accept-Encoding: gzip, deflate\r\n" in received[0]


def test_a_bomb_is_lost() -> None:
    """An answer that was compressed twice is given up as soon as it is too long."""
    body = gzip.compress(gzip.compress(b"\0" * 100_000_000))
    transport = RequestsTransport(max_reply_bytes=1_000_000)
    answer = http("200 OK", "Content-Encoding: gzip, gzip", body=body)
    with served(answer) as (url, _), pytest.raises(AnswerLost, match="too long"):
        transport(post(url))
    transport.close()
