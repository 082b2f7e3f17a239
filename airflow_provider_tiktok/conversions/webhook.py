# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The result webhook: what became of a run, posted as JSON to an address of the user's choice.

The room knows how a message is signed and sent. It refuses to know what is in it, and what a failure means
for the run: nothing.

The signature is over the time and the body, so that a receiver can refuse what somebody recorded::

    X-Webhook-Timestamp: 1764000000
    X-Webhook-Signature: sha256=HEX(HMAC-SHA256(secret, "1764000000." + body))
"""

from __future__ import annotations

import hashlib
import hmac
import random as random_module
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from airflow_provider_tiktok.conversions.answers import Answer
from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.http import (
    HttpReply,
    HttpRequest,
    Random,
    RetryPolicy,
    Transport,
    Wait,
    ask,
    judge_status,
    wait_unstopped,
)

POLICY = RetryPolicy(max_attempts=3, base_s=1.0, cap_s=5.0, max_total_wait_s=20.0)
"""A run that has ended waits no longer than this for its webhook."""

TIMESTAMP_HEADER = "X-Webhook-Timestamp"
SIGNATURE_HEADER = "X-Webhook-Signature"


def post_result(
    message: Mapping[str, Any],
    *,
    url: str,
    secret: str | None,
    transport: Transport,
    wait: Wait = wait_unstopped,
    clock: Callable[[], float] = time.time,
    random: Random = random_module.random,
) -> None:
    """The message is with its receiver, which answered with a status of success.

    An answer that was lost is asked for again with the same bytes and the same signature: a receiver may get
    a message twice. Redirects are not followed: they could lead the message to another host.

    :param url: http or https. Its path and query may be secret, and are shown nowhere.
    :param secret: of the signature; ``None`` or empty: unsigned.
    :param transport: sends, with time limits of its own.
    :param clock: Unix seconds.
    :raises ConfigurationError: the address is none, or the receiver refuses the message.
    :raises RequestError: the receiver could not be reached, or did not answer.
    """
    body = msgspec.json.encode(message)
    request = HttpRequest(
        method="POST",
        url=check_url(url),
        headers={
            "Content-Type": "application/json",
            **signature(body, secret=secret, timestamp=int(clock())),
        },
        body=body,
        name="result webhook",
    )
    ask(request, transport=transport, classify=_by_status, policy=POLICY, wait=wait, random=random)


def check_url(url: str) -> str:
    """The address, if a message may go there.

    :raises ConfigurationError: it is not http or https, names no host, or holds a user and password.
    """
    refused = ConfigurationError("Give the result webhook an address that begins with https:// or http://.")
    try:
        parts = urlsplit(url.strip())
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise refused from None
    if not is_address:
        raise refused
    if "@" in parts.netloc:
        raise ConfigurationError(
            "Use a connection's secret for the result webhook: its address must not hold a user."
        )
    return url.strip()


def signature(body: bytes, *, secret: str | None, timestamp: int) -> dict[str, str]:
    """The headers that prove who sent the body, and when; none without a secret.

    :param timestamp: Unix seconds.
    """
    if not secret:
        return {}
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {TIMESTAMP_HEADER: str(timestamp), SIGNATURE_HEADER: f"sha256={digest}"}


def _by_status(reply: HttpReply) -> Answer:
    return judge_status(reply.status, reply.headers)
