# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Repeats: an event that comes again in a run under the same name and id.

The API keeps one event of a name and an id, so the second of two that differ would be lost without a word:
only an event with the same content is a repeat. And only what was accepted, or may still be, can be
repeated: where the first was refused, the next one is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, Final

from msgspec import Struct

from airflow_provider_tiktok.conversions.delivery.road import Events
from airflow_provider_tiktok.conversions.events import Outcome, Violation

_ROW_BITS: Final = 40
_ROW_MASK: Final = (1 << _ROW_BITS) - 1
_CONTENT_MASK: Final = (1 << 32) - 1


Found = tuple[Events, int]


class First(Struct, frozen=True, kw_only=True):
    """The event that had a name and an id first.

    :param row: its first source row.
    :param is_equal: whether both have the same content.
    :param found: its events and its place there; ``None`` where it was accepted and its result is stored.
    """

    row: int
    is_equal: bool
    found: Found | None

    def difference(self) -> Violation:
        """What is wrong with an event of the same name and id that differs."""
        return Violation(
            path="event_id",
            rule="repeat_differs",
            remedy=f"Row {self.row} has this event name and event_id with other content: give every event an "
            "id of its own, or name the columns of an order in group_by where its rows are one event.",
        )


class Repeats:
    """The latest events of a run by name and id.

    Hashes stand for name and id and for the content, so the memory is bounded and holds no id.

    :param window: how many events are remembered.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._known: dict[int, int] = {}

    def meet(
        self, events: Events, places: Sequence[int], *, find: Callable[[int], Found | None]
    ) -> dict[int, First]:
        """The events that came before within the window, by their places, with the first of each.

        :param places: of the events that are looked at, in their order.
        :param find: the event that begins with a row, ``None`` once its result is stored; one that was
            refused is forgotten before that.
        """
        keys, marks = _keys_and_marks(events, places)
        known = self._known
        firsts: dict[int, First] = {}
        if known.keys().isdisjoint(keys) and len(set(keys)) == len(keys):
            known.update(zip(keys, marks, strict=True))
        else:
            for place, key, mark in zip(places, keys, marks, strict=True):
                first = known.get(key)
                found = None if first is None else find(first & _ROW_MASK)
                # Another thread may have stored and forgotten it while it was looked for.
                if first is not None and known.get(key) == first and not _is_refused(found):
                    is_equal = first >> _ROW_BITS == mark >> _ROW_BITS
                    firsts[place] = First(row=first & _ROW_MASK, is_equal=is_equal, found=found)
                else:
                    known.pop(key, None)
                    known[key] = mark
        if len(known) > self._window:
            for key in list(islice(known, len(known) - self._window)):
                del known[key]
        return firsts

    def forget(self, *, row: int, event: str | None, event_id: str | None) -> None:
        """Let an event that was refused be tried again where it comes again."""
        key = hash((event, event_id))
        mark = self._known.get(key)
        if mark is not None and mark & _ROW_MASK == row:
            self._known.pop(key, None)


def _is_refused(found: Found | None) -> bool:
    """Whether an event is known not to be accepted; of what is stored, nothing is known here."""
    if found is None:
        return False
    events, place = found
    result = events.results.get(place)
    return result is not None and result.outcome in (Outcome.REJECTED, Outcome.UNDELIVERED)


def _keys_and_marks(events: Events, places: Sequence[int]) -> tuple[list[int], list[int]]:
    """What stands for name and id, and for content and row, of each event."""
    names: Sequence[Any] = events.names
    ids: Sequence[Any] = events.ids
    lines: Sequence[Any] = events.lines
    rows = events.rows
    if len(places) < len(events):
        names, ids, lines, rows = (
            [column[place] for place in places] for column in (names, ids, lines, rows)
        )
    keys = list(map(hash, zip(names, ids, strict=True)))
    groups = events.encoded
    if groups:
        lines = [(line, groups[place].group) for line, place in zip(lines, places, strict=True)]
    marks = [
        (content & _CONTENT_MASK) << _ROW_BITS | row
        for content, row in zip(map(hash, lines), rows, strict=True)
    ]
    return keys, marks
