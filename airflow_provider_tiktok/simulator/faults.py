# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""Faults as data: which request goes wrong, and how. It chooses; carrying out is the service's work.

The shape stands in ``rules/faults.json``. In ``match`` every condition given must hold:

======================  =====================================================================================
``path``                shell pattern (``*`` matches all), default ``*``
``method``              ``GET`` or ``POST``
``nth``                 positions, from 1, among the requests that match ``path`` and ``method``
``every``, ``first``    every n-th of them; the first n of them
``probability``         drawn from a generator seeded with ``seed`` (default 0), once for each of them
``event_ids``           the body holds an event with one of these ids
``after_accepted``      so many requests were accepted before (by ``/event/track/`` or the LiveRamp adapter)
======================  =====================================================================================

What ``effect`` can ask for; a request whose answer is shaped is not processed unless ``process`` says so:

========================================  ===================================================================
``http_status``, ``headers``              status and further headers; a status alone comes without a body
``code``, ``message``, ``data``           TikTok's envelope; on LiveRamp's side ``http_status`` (500) alone
``raw_body``, ``empty_body``              another body, HTML for example, or none
``process``                               the request is processed although its answer is shaped
``drop``                                  no answer: the connection ends ``before`` or ``after`` processing
``reset``                                 it ends with a reset instead of in good order
``truncate_at``                           processed, but only so many bytes of the body are sent
``delay_s``                               seconds between processing and answer
``partial``                               TikTok: ``positions`` fail (code 20001), the others are booked
``set_state``                             a merge patch for the state, before the request is looked at
========================================  ===================================================================

``times`` limits how often a fault fires, ``name`` is what the request log calls it.
"""

from __future__ import annotations

import copy
import random
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from airflow_provider_tiktok.simulator.exchange import JsonObject, Request
from airflow_provider_tiktok.simulator.state import State, check_setting
from airflow_provider_tiktok.simulator.strict_json import NotJson, read_json


@dataclass(frozen=True, slots=True)
class Fired:
    """A fault that fires on this request: its name and its effect."""

    name: str
    effect: Mapping[str, Any]


@dataclass(slots=True)
class _Fault:
    name: str
    match: Mapping[str, Any]
    effect: Mapping[str, Any]
    times: int | None
    dice: random.Random
    seen: int = 0
    fired: int = field(default=0)

    def holds(self, request: Request, *, accepted: int) -> bool:
        """Tells whether the fault would fire, and counts the request as seen."""
        if not _concerns(self.match, request):
            return False
        self.seen += 1
        # Drawn for every request, or the outcome would depend on the other conditions.
        draw = self.dice.random()
        return (self.times is None or self.fired < self.times) and all(
            self._condition(name, request, accepted, draw) for name in self.match
        )

    def _condition(self, name: str, request: Request, accepted: int, draw: float) -> bool:
        wanted = self.match[name]
        match name:
            case "nth":
                return self.seen in wanted
            case "every":
                return bool(self.seen % wanted == 0)
            case "first":
                return bool(self.seen <= wanted)
            case "probability":
                return bool(draw < wanted)
            case "after_accepted":
                return bool(accepted >= wanted)
            case "event_ids":
                return not set(wanted).isdisjoint(_event_ids(request.body))
        return True  # path and method are settled, seed is no condition


class Faults:
    """Holds the faults and their counters; every method may be called from any thread."""

    def __init__(self, faults: Sequence[Mapping[str, Any]] = ()) -> None:
        """Starts with these faults.

        :raises BadSetting: if one does not have the right shape.
        """
        self._lock = threading.Lock()
        self.replace(faults)

    def replace(self, faults: Sequence[Mapping[str, Any]]) -> None:
        """Puts these faults in the place of all former ones; counters start anew.

        :raises BadSetting: if one does not have the right shape; nothing is changed then.
        """
        documents = _checked(faults)
        with self._lock:
            self._documents: list[Mapping[str, Any]] = documents
            self._faults = [_fault_of(number, document) for number, document in enumerate(documents, 1)]

    def add(self, *faults: Mapping[str, Any]) -> None:
        """Puts faults behind the others, whose counters go on.

        :raises BadSetting: if one does not have the right shape; nothing is changed then.
        """
        documents = _checked(faults)
        with self._lock:
            for document in documents:
                self._documents.append(document)
                self._faults.append(_fault_of(len(self._documents), document))

    def clear(self) -> None:
        """Removes all faults."""
        self.replace([])

    def read(self) -> list[JsonObject]:
        """Gives the faults with how many requests each has seen and on how many it fired."""
        with self._lock:
            return [
                {**document, "name": fault.name, "seen": fault.seen, "fired": fault.fired}
                for document, fault in zip(self._documents, self._faults, strict=True)
            ]

    def choose(self, request: Request, *, accepted: int) -> Fired | None:
        """Gives the first fault whose conditions all hold, or ``None``; all faults count the request.

        :param accepted: how many requests were accepted so far.
        """
        with self._lock:
            holding = [fault for fault in self._faults if fault.holds(request, accepted=accepted)]
            if not holding:
                return None
            holding[0].fired += 1
            return Fired(holding[0].name, holding[0].effect)


def _checked(faults: Any) -> list[Mapping[str, Any]]:
    documents = list(faults) if isinstance(faults, tuple) else faults
    check_setting("faults", documents)
    checked: list[Mapping[str, Any]] = copy.deepcopy(documents)
    for document in checked:
        State(document["effect"].get("set_state"))  # refuses at once what would be refused when it fires
    return checked


def _concerns(match: Mapping[str, Any], request: Request) -> bool:
    return (
        fnmatchcase(request.path, match.get("path", "*"))
        and match.get("method", request.method) == request.method
    )


def _fault_of(number: int, document: Mapping[str, Any]) -> _Fault:
    match: Mapping[str, Any] = document.get("match", {})
    return _Fault(
        name=document.get("name", f"fault {number}"),
        match=match,
        effect=document["effect"],
        times=document.get("times"),
        dice=random.Random(match.get("seed", 0)),
    )


def _event_ids(body: bytes) -> Iterator[str]:
    try:
        document = read_json(body)
    except NotJson:
        return
    events = document.get("data", document.get("events")) if isinstance(document, dict) else None
    for event in events if isinstance(events, list) else []:
        if isinstance(event, dict) and isinstance(event.get("event_id"), str):
            yield event["event_id"]
