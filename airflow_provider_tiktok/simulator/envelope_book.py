# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""Which envelopes exist: when each was made, of what type, and in place of which.

Values nobody made here are strangers: their age is unknown. The state can name strangers with their age.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from airflow_provider_tiktok.simulator.exchange import JsonObject

_VALUE_BYTES = 103  # gives the length of about 139 characters that real envelopes have


@dataclass(frozen=True, slots=True)
class Envelope:
    """One envelope made here.

    :param type: 19 for LiveRamp's own, 24 for Meta's.
    :param minted_at: seconds since the epoch by the simulator's clock.
    :param replaces: the value it was refreshed from, or ``None`` if it was made from an identifier.
    """

    value: str
    type: int
    minted_at: float
    replaces: str | None
    country: str


class EnvelopeBook:
    """Holds the envelopes in the order they were made; may be called from any thread."""

    def __init__(self) -> None:
        """Starts empty."""
        self._lock = threading.Lock()
        self._envelopes: dict[str, Envelope] = {}

    def clear(self) -> None:
        """Forgets all envelopes."""
        with self._lock:
            self._envelopes = {}

    def mint(
        self, seed: str, *, kind: int, now: float, country: str, replaces: str | None = None
    ) -> Envelope:
        """Gives a new envelope; no two are alike, even for one seed.

        :param seed: what it is made from; the value does not show it.
        """
        with self._lock:
            text = f"{len(self._envelopes)}:{kind}:{seed}".encode()
            value = "A" + base64.urlsafe_b64encode(
                hashlib.shake_256(text).digest(_VALUE_BYTES)
            ).decode().rstrip("=")
            envelope = Envelope(value, kind, now, replaces, country)
            self._envelopes[value] = envelope
        return envelope

    def read(self) -> list[JsonObject]:
        """Gives the envelopes, oldest first."""
        with self._lock:
            return [asdict(envelope) for envelope in self._envelopes.values()]

    def minted_at(self, value: str, *, named: Mapping[str, Any]) -> float | None:
        """Gives when the envelope was made, or ``None`` for a stranger.

        :param named: value → ``minted_at`` of envelopes that the state names.
        """
        with self._lock:
            envelope = self._envelopes.get(value)
        if envelope:
            return envelope.minted_at
        return named[value]["minted_at"] if value in named else None

    def ancestry(self, value: str) -> list[str]:
        """Gives the value and all values it was refreshed from, youngest first."""
        values = [value]
        with self._lock:
            while (envelope := self._envelopes.get(values[-1])) and envelope.replaces is not None:
                values.append(envelope.replaces)
        return values
