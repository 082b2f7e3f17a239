# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Where a retry of the same run goes on from.

The position is a number of source rows: every event made of those rows has a result, and each result
is stored. Beside it stands a mark of the last of these rows: a table that lost or gained earlier rows
between two tries has another row in that place. A checkpoint written for other input, or by a version that
counts differently, is of no use and is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Protocol

from msgspec import Struct

from airflow_provider_tiktok.conversions.events import Row

FORMAT = 1
"""Raised when the meaning of a stored checkpoint changes."""


class CheckpointStore(Protocol):
    """A place that outlives a killed task: one small JSON object for each task of a run."""

    def load(self) -> dict[str, Any] | None:
        """What was saved last, ``None`` for nothing."""

    def save(self, state: dict[str, Any]) -> None:
        """Keep this state; it replaces the one before."""

    def clear(self) -> None:
        """Forget the state, so that a deliberate re-run starts over."""


class Checkpoint(Struct, frozen=True, kw_only=True):
    """A position with the counts of everything before it.

    :param fingerprint: of the input and of what decides how rows become events.
    :param position: source rows that are done, from the first.
    :param mark: of the last of them, as ``mark_of`` gives it.
    :param tally: the counts of these rows, as ``Tally.as_state`` gives them.
    """

    fingerprint: str
    position: int
    mark: str
    tally: dict[str, Any]

    def as_state(self) -> dict[str, Any]:
        """The JSON object to store."""
        return {
            "format": FORMAT,
            "fingerprint": self.fingerprint,
            "position": self.position,
            "mark": self.mark,
            "tally": self.tally,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any] | None, *, fingerprint: str) -> Checkpoint | None:
        """The stored checkpoint if it fits this input, else ``None``."""
        if not state or state.get("format") != FORMAT or state.get("fingerprint") != fingerprint:
            return None
        return cls(
            fingerprint=fingerprint,
            position=int(state["position"]),
            mark=str(state.get("mark")),
            tally=state["tally"],
        )


def mark_of(row: Row) -> str:
    """A digest of 24 bits: enough to notice another row, too little to know a person by."""
    told = list(row.items()) if isinstance(row, Mapping) else row
    return blake2b(repr(told).encode("utf-8", "backslashreplace"), digest_size=3).hexdigest()
