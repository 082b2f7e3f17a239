# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import logging

import pytest

from airflow_provider_tiktok.conversions.errors import (
    ConfigurationError,
    ConversionsError,
    TransientError,
    UnconfirmedError,
)
from airflow_provider_tiktok.conversions.http import (
    AnswerLost,
    HttpReply,
    NotSent,
    RequestsTransport,
    TransportError,
)
from airflow_provider_tiktok.conversions.webhook import (
    POLICY,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    check_url,
    post_result,
    signature,
)
from tests.conversions.transports import Script, Waits
from tests.webhook_receiver import receiving

SECRET = "planted-secret"
URL = f"https://hooks.example.com/{SECRET}?key={SECRET}"
TAKEN = HttpReply(status=204)
BUSY = HttpReply(status=503)


def post(
    *outcomes: HttpReply | TransportError,
    url: str = URL,
    secret: str | None = None,
    wait: Waits | None = None,
) -> Script:
    """The transport that the message ``{"a": 1}`` was given to."""
    transport = Script(*outcomes)
    post_result(
        {"a": 1},
        url=url,
        secret=secret,
        transport=transport,
        wait=wait or Waits(),
        clock=lambda: 1764000000.9,
        random=lambda: 1.0,
    )
    return transport


def test_message_is_posted_as_json() -> None:
    """One POST carries the message as compact JSON."""
    (request,) = post(TAKEN).requests
    assert (request.method, request.url, request.body) == ("POST", URL, b'{"a":1}')
    assert request.headers == {"Content-Type": "application/json"}


def test_signature_equals_another_implementations() -> None:
    """The signature is what ``openssl dgst -sha256 -hmac`` gives for timestamp, dot and body."""
    (request,) = post(TAKEN, secret=SECRET).requests
    assert request.headers[TIMESTAMP_HEADER] == "1764000000"
    assert request.headers[SIGNATURE_HEADER] == (
        "sha256=043d0fd18c184a0bea77d6ea69e89ccb70cb8c7825769dc3887841efa8335ef0"
    )


@pytest.mark.parametrize("secret", [None, ""])
def test_without_a_secret_nothing_is_signed(secret: str | None) -> None:
    """No secret, no header that might look like a proof."""
    assert signature(b"{}", secret=secret, timestamp=1) == {}


@pytest.mark.parametrize("first", [BUSY, AnswerLost("read timeout"), NotSent("refused")])
def test_same_bytes_are_sent_again(first: HttpReply | TransportError) -> None:
    """A receiver that was busy or silent gets the same message with the same signature."""
    wait = Waits()
    once, again = post(first, TAKEN, secret=SECRET, wait=wait).requests
    assert (once.body, once.headers) == (again.body, again.headers)
    assert len(wait.seconds) == 1


@pytest.mark.parametrize(
    ("outcome", "error"),
    [(BUSY, UnconfirmedError), (AnswerLost("reset"), UnconfirmedError), (NotSent("refused"), TransientError)],
)
def test_attempts_are_bounded(outcome: HttpReply | TransportError, error: type[ConversionsError]) -> None:
    """A receiver that stays away is given up after three attempts and a few seconds."""
    wait, transport = Waits(), Script(outcome)
    with pytest.raises(error):
        post_result({}, url=URL, secret=None, transport=transport, wait=wait, random=lambda: 1.0)
    assert len(transport.requests) == POLICY.max_attempts == 3
    assert sum(wait.seconds) <= POLICY.max_total_wait_s


@pytest.mark.parametrize("status", [302, 307, 404, 410])
def test_a_refusal_is_not_tried_again(status: int) -> None:
    """A receiver that says no, or points elsewhere, is asked once."""
    transport = Script(HttpReply(status=status, headers={"Location": "https://elsewhere.example.com/"}))
    with pytest.raises(ConfigurationError):
        post_result({}, url=URL, secret=None, transport=transport, wait=Waits())
    assert len(transport.requests) == 1


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://hooks.example.com/", "file:///etc/passwd", "javascript:alert(1)", "hooks.example.com", ""),
        *(
            "https://",
            "https:///path",
            "https://user:secret@hooks.example.com/",
            "https://[::1",
            "http://a:b/",
        ),
    ],
)
def test_only_web_addresses_are_taken(url: str) -> None:
    """An address is http or https, names a host, and holds no password; the error does not repeat it."""
    with pytest.raises(ConfigurationError) as refused:
        check_url(url)
    assert "secret" not in str(refused.value).replace("a connection's secret", "")


@pytest.mark.parametrize(
    "url", ["https://hooks.example.com/a?b=c", "http://127.0.0.1:8080", " https://a.example.com "]
)
def test_web_addresses_are_taken(url: str) -> None:
    """Plain and encrypted HTTP are taken, with any path and query, without the blanks around them."""
    assert check_url(url) == url.strip()


def test_nothing_secret_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Neither log nor error show the address, the secret or the message."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ConversionsError) as failed:
        post(BUSY, secret=SECRET)
    assert SECRET not in caplog.text + str(failed.value)
    assert "result webhook" in str(failed.value)


def test_no_redirect_is_followed() -> None:
    """A receiver cannot pass the message on to another host."""
    transport = RequestsTransport(connect_timeout_s=2, read_timeout_s=2)
    with receiving() as other, receiving(statuses=(307,), location=f"{other.url}/stolen") as receiver:
        with pytest.raises(ConfigurationError):
            post_result({}, url=receiver.url, secret=SECRET, transport=transport, wait=Waits())
        transport.close()
        assert (len(receiver.received), other.received) == (1, [])
