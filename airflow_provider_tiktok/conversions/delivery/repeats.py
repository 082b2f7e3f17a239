# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Repeats: an event that comes again in a run under the same name and id.

The API keeps one event of a name and an id, so the second of two that differ would be lost without a word:
only an event with the same content is a repeat. And only what was accepted, or may still be, can be
repeated: where the first was refused, the next one is tried.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import compress
from typing import Any, Final

from msgspec import Struct

from airflow_provider_tiktok.conversions.delivery.road import Events
from airflow_provider_tiktok.conversions.events import Outcome, Violation

_FORGOTTEN: Final = -1
"""The row of an event that was refused."""


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

    Hashes stand for name and id and for the content, in arrays of numbers that hold no id and take some 50
    bytes an event, all of them from the start. Events are numbered from 1, each of the window stands at
    ``number % window``, and those whose keys share a slot are linked, the latest first.

    :param window: how many events are remembered.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._count = 0
        self._keys, self._contents, self._rows, self._earlier = (_zeros(window) for _ in range(4))
        self._latest = _zeros(1 << (2 * window).bit_length())
        self._mask = len(self._latest) - 1

    def meet(
        self, events: Events, places: Sequence[int], *, find: Callable[[int], Found | None]
    ) -> dict[int, First]:
        """The events that came before within the window, by their places, with the first of each.

        :param places: of the events that are looked at, in their order.
        :param find: the event that begins with a row, ``None`` once its result is stored; one that was
            refused is forgotten before that.
        """
        keys, contents, rows = _numbers_of(events, places)
        suspects = self._suspects(keys)
        if not suspects:
            self._add(keys, contents, rows)
            return {}
        firsts: dict[int, First] = {}
        is_new = [key not in suspects for key in keys]
        self._add(*(list(compress(column, is_new)) for column in (keys, contents, rows)))
        for place, key, content, row in zip(places, keys, contents, rows, strict=True):
            if key not in suspects:
                continue
            first = self._first(key, content, find=find)
            if first is None:
                self._add([key], [content], [row])
            else:
                firsts[place] = first
        return firsts

    def forget(self, *, row: int, event: str | None, event_id: str | None) -> None:
        """Let an event that was refused be tried again where it comes again."""
        at = self._find(hash((event, event_id)))
        if at is not None and self._rows[at] == row:
            self._rows[at] = _FORGOTTEN

    def _first(self, key: int, content: int, *, find: Callable[[int], Found | None]) -> First | None:
        """The event that had a key first, unless it was refused."""
        at = self._find(key)
        if at is None:
            return None
        row = self._rows[at]
        found = None if row == _FORGOTTEN else find(row)
        # Another thread may have stored and forgotten it while it was looked for.
        if self._rows[at] == _FORGOTTEN or _is_refused(found):
            return None
        return First(row=row, is_equal=self._contents[at] == content, found=found)

    def _suspects(self, keys: Sequence[int]) -> set[int]:
        """The keys that an event of the window has, or two of these."""
        mask, oldest = self._mask, max(self._count - self._window, 0)
        numbers = map(self._latest.__getitem__, [key & mask for key in keys])
        taken = [key for key, number in zip(keys, numbers, strict=True) if number > oldest]
        suspects = {key for key in taken if self._find(key) is not None}
        if len(set(keys)) < len(keys):
            suspects.update(key for key, n_events in Counter(keys).items() if n_events > 1)
        return suspects

    def _find(self, key: int) -> int | None:
        """The place of the latest event that has a key."""
        number, oldest = self._latest[key & self._mask], max(self._count - self._window, 0)
        while number > oldest:
            at = number % self._window
            if self._keys[at] == key:
                return at
            number = self._earlier[at]
        return None

    def _add(self, keys: Sequence[int], contents: Sequence[int], rows: Sequence[int]) -> None:
        """Remember events in place of the oldest ones."""
        start = (self._count + 1) % self._window
        room = self._window - start
        if len(keys) > room:
            self._add(keys[:room], contents[:room], rows[:room])
            self._add(keys[room:], contents[room:], rows[room:])
            return
        latest, mask = self._latest, self._mask
        earlier = []
        for number, slot in enumerate([key & mask for key in keys], self._count + 1):
            earlier.append(latest[slot])
            latest[slot] = number
        stop = start + len(keys)
        self._keys[start:stop] = array("q", keys)
        self._contents[start:stop] = array("q", contents)
        self._rows[start:stop] = array("q", rows)
        self._earlier[start:stop] = array("q", earlier)
        self._count += len(keys)


def _zeros(length: int) -> array[int]:
    return array("q", bytes(8 * length))


def _is_refused(found: Found | None) -> bool:
    """Whether an event is known not to be accepted; of what is stored, nothing is known here."""
    if found is None:
        return False
    events, place = found
    result = events.results.get(place)
    return result is not None and result.outcome in (Outcome.REJECTED, Outcome.UNDELIVERED)


def _numbers_of(events: Events, places: Sequence[int]) -> tuple[list[int], list[int], Sequence[int]]:
    """What stands for name and id and for the content of each event, and its row."""
    names: Sequence[Any] = events.names
    ids: Sequence[Any] = events.ids
    lines: Sequence[Any] = events.lines
    rows = events.rows
    if len(places) < len(events):
        names, ids, lines, rows = (
            [column[place] for place in places] for column in (names, ids, lines, rows)
        )
    groups = events.encoded
    if groups:
        lines = [(line, groups[place].group) for line, place in zip(lines, places, strict=True)]
    return list(map(hash, zip(names, ids, strict=True))), list(map(hash, lines)), rows
