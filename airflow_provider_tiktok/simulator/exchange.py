# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""What goes in and out of the simulator, free of HTTP's machinery: one request, one reply."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came off the wire.

    :param headers: name in lower case → value; of a repeated header the last value.
    :param query: the text after ``?``, still percent-encoded; empty if there is none.
    :param received_at: seconds since the epoch by the simulator's clock.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    received_at: float


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply and how it is to be delivered.

    :param code: the ``code`` of a TikTok envelope, for the request log; ``None`` if the body carries none.
    :param facts: what the request log should say besides: counts and ids, never values of events.
    :param delay_s: seconds to wait before the reply is sent.
    :param truncate_at: send only so many bytes of the body, then close; ``None`` sends all.
    :param dropped: ``"close"`` or ``"reset"`` end the connection without a reply; ``None`` replies.
    """

    http_status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    code: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    delay_s: float = 0.0
    truncate_at: int | None = None
    dropped: str | None = None


def json_reply(http_status: int, document: object, **more: Any) -> Reply:
    """Gives a reply whose body is the document as compact JSON."""
    headers = {"Content-Type": "application/json", **more.pop("headers", {})}
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return Reply(http_status, body, headers, **more)
