# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Transports and waits made of plain values, for tests of whatever sends."""

from __future__ import annotations

from airflow_provider_tiktok.conversions.http import HttpReply, HttpRequest, TransportError


class Script:
    """A transport that gives what it was told, in order, the last one for ever; and what it was asked."""

    def __init__(self, *outcomes: HttpReply | TransportError) -> None:
        self.outcomes = list(outcomes)
        self.requests: list[HttpRequest] = []

    def __call__(self, request: HttpRequest, /) -> HttpReply:
        self.requests.append(request)
        outcome = self.outcomes[min(len(self.requests), len(self.outcomes)) - 1]
        if isinstance(outcome, TransportError):
            raise outcome
        return outcome


class Waits:
    """A wait that takes no time, remembers what it was asked, and says stop at the n-th."""

    def __init__(self, *, stop_at: int | None = None) -> None:
        self.seconds: list[float] = []
        self.stop_at = stop_at

    def __call__(self, seconds: float) -> bool:
        self.seconds.append(seconds)
        return len(self.seconds) == self.stop_at
