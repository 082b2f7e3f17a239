# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""The log of requests: what was asked, what was answered, which fault fired. It decides nothing."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from airflow_provider_tiktok.simulator.exchange import JsonObject, Reply, Request

_SECRET_HEADERS = frozenset({"access-token", "authorization", "cookie"})


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One request and its reply.

    :param number: from 1, in the order in which requests were answered.
    :param headers: name in lower case → value, secrets included: for tests in the same process.
    :param body: the request's bytes, or ``None`` once the log keeps no more of them.
    :param body_digest: BLAKE2b of the body, to tell whether two requests were the same to the byte.
    :param http_status: ``None`` if the request was dropped without an answer.
    :param code: ``code`` of a TikTok envelope; ``None`` if the answer had none.
    :param fault: name of the fault that fired, or ``None``.
    :param facts: counts and ids given by the endpoint.
    """

    number: int
    received_at: float
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes | None
    body_bytes: int
    body_digest: str
    http_status: int | None
    code: int | None
    fault: str | None
    facts: Mapping[str, Any]

    def to_json(self) -> JsonObject:
        """Gives the record as a JSON object, without body and without secrets."""
        names = (field.name for field in fields(self))
        plain = {name: getattr(self, name) for name in names if name not in {"body", "facts"}}
        shown = {name: "(set)" if name in _SECRET_HEADERS else value for name, value in self.headers.items()}
        return {**plain, "headers": shown, **self.facts}


class RequestLog:
    """Holds the requests in order; every method may be called from any thread."""

    def __init__(self) -> None:
        """Starts empty."""
        self._lock = threading.Lock()
        self._records: list[LoggedRequest] = []

    def clear(self) -> None:
        """Forgets all requests."""
        with self._lock:
            self._records = []

    def add(self, request: Request, reply: Reply, *, fault: str | None, keep_bodies: int) -> None:
        """Notes one request with its reply; the first ``keep_bodies`` requests keep their bodies."""
        with self._lock:
            number = len(self._records) + 1
            self._records.append(
                LoggedRequest(
                    number=number,
                    received_at=request.received_at,
                    method=request.method,
                    path=request.path,
                    query=request.query,
                    headers=request.headers,
                    body=request.body if number <= keep_bodies else None,
                    body_bytes=len(request.body),
                    body_digest=hashlib.blake2b(request.body, digest_size=16).hexdigest(),
                    http_status=None if reply.dropped else reply.http_status,
                    code=None if reply.dropped else reply.code,
                    fault=fault,
                    facts=reply.facts,
                )
            )

    def read(self) -> list[LoggedRequest]:
        """Gives the records so far."""
        with self._lock:
            return list(self._records)

    def summary(self) -> JsonObject:
        """Gives the number of requests by path, by code (``none``: no code) and by fault."""
        records = self.read()
        return {
            "total": len(records),
            "by_path": dict(Counter(record.path for record in records)),
            "by_code": dict(
                Counter("none" if record.code is None else str(record.code) for record in records)
            ),
            "by_http_status": dict(
                Counter(
                    "none" if record.http_status is None else str(record.http_status) for record in records
                )
            ),
            "by_fault": dict(Counter(record.fault for record in records if record.fault)),
        }
