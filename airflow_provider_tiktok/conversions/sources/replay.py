# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Dead letters taken back in: a line that a former run wrote becomes the event that it holds."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from airflow_provider_tiktok.conversions.events import Outcome, Row, UnreadableRow

log = logging.getLogger(__name__)

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

_LACKING = (
    "Dead letters are sent again without what they left out (IP address, user agent, ttclid, ttp; see "
    "left_out in each), so that fewer events are matched. Send the rows again that they name, or add these "
    'fields to their events. With dead_letter_fields="all" the next letters keep them.'
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
        self._has_warned = False

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
        self._warn_of(row.get("left_out"), event)
        return _with_id(event, row.get("event_id"))

    def _warn_of(self, left_out: Any, event: Mapping[str, Any]) -> None:
        """Say once, before the event is sent, that events lack what their letters left out."""
        if self._has_warned or not isinstance(left_out, list | tuple):
            return
        if any(_lacks(event, str(path)) for path in left_out):
            self._has_warned = True
            log.warning(_LACKING)

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


def _lacks(event: Mapping[str, Any], path: str) -> bool:
    """Whether nobody has put back what a letter left out: ``user.ip``, or ``page.url (ttclid)``."""
    path, _, click_id = path.partition(" ")
    found: Any = event
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return "ttclid" not in str(found) if click_id else not found


def _is_fatal(violation: Any) -> bool:
    """Whether the violation keeps its event from being sent; what is not recognised does."""
    return not (isinstance(violation, Mapping) and violation.get("is_fatal") is False)


def _with_id(event: Mapping[str, Any], event_id: Any) -> Row:
    """The event under the id of its first sending, so that it counts once."""
    return event if event_id is None or event.get("event_id") else {**event, "event_id": event_id}
