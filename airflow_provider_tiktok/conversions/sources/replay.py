# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Dead letters taken back in: a line that a former run wrote becomes the event that it holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_tiktok.conversions.events import Outcome, Row, UnreadableRow

_SETTLED = frozenset({Outcome.ACCEPTED, Outcome.SKIPPED})
_OUTCOMES = tuple(Outcome)
_NAMES = frozenset({"row", "outcome", "reason", "violations"})

_NO_EVENT = UnreadableRow(
    "no_event_to_replay", "This dead letter holds no event: mend the row where it came from and send that."
)

_NOT_MENDED = UnreadableRow(
    "not_mended",
    "Mend what this dead letter's violations name, in its event, and empty the list of violations: the event "
    "as it stands lacks what could not be read.",
)


class Replay:
    """Takes the events out of dead letters, and leaves every other row as it is.

    An event with violations lacks the fields that were refused. Sent as it is, an order would arrive without
    its value: so someone must have mended it, and said so by emptying its list of violations.

    :ivar oldest_time: Unix seconds at which the oldest of these letters was written, ``None`` for none.
        TikTok drops an event that it has seen only within 48 hours.
    """

    def __init__(self) -> None:
        self.oldest_time: int | None = None

    def read(self, row: Row) -> Row | None:
        """The row to send; ``None`` for the record of an event that needs no sending again."""
        if isinstance(row, UnreadableRow) or not _is_dead_letter(row):
            return row
        if row["outcome"] in _SETTLED:
            return None
        self._note_time(row.get("written_at"))
        event = row.get("event")
        if event is None:
            return _NO_EVENT
        if any(map(_is_fatal, row["violations"])):
            return _NOT_MENDED
        return _with_id(event, row.get("event_id"))

    def _note_time(self, written_at: Any) -> None:
        if type(written_at) is int:
            self.oldest_time = min(written_at, self.oldest_time or written_at)


def _is_dead_letter(row: Mapping[str, Any]) -> bool:
    """Whether a run wrote this. A customer's own record may have some of these names, but not all."""
    return (
        row.keys() >= _NAMES
        and row["outcome"] in _OUTCOMES
        and isinstance(row["violations"], list | tuple)
        and (row.get("event") is None or isinstance(row["event"], Mapping))
    )


def _is_fatal(violation: Any) -> bool:
    """Whether the violation keeps its event from being sent; what is not recognised does."""
    return not (isinstance(violation, Mapping) and violation.get("is_fatal") is False)


def _with_id(event: Mapping[str, Any], event_id: Any) -> Row:
    """The event under the id of its first sending, so that it counts once."""
    return event if event_id is None or event.get("event_id") else {**event, "event_id": event_id}
