# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""The simulator as one thing: joins state, faults, ledgers and platforms behind one listener."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from airflow_provider_tiktok.simulator import control, liveramp_envelopes, liveramp_events, tiktok
from airflow_provider_tiktok.simulator.envelope_book import EnvelopeBook
from airflow_provider_tiktok.simulator.exchange import JsonObject, Reply, Request
from airflow_provider_tiktok.simulator.faults import Faults, Fired
from airflow_provider_tiktok.simulator.ledger import Ledger
from airflow_provider_tiktok.simulator.request_log import LoggedRequest, RequestLog
from airflow_provider_tiktok.simulator.server import Listener
from airflow_provider_tiktok.simulator.state import State

_SHAPES_REPLY = frozenset({"http_status", "code", "raw_body", "empty_body"})


class Simulator:
    """TikTok and LiveRamp on loopback; it serves from ``start`` to ``close``, or while its context is open.

    :param state: laid over the default state as a JSON merge patch (``rules/default_state.json``).
    :param faults: what goes wrong, in the shape of ``rules/faults.json``.
    :param clock: seconds since the epoch; everything that has to do with time asks it.
    :param port: 0 takes any free port.
    :raises BadSetting: if state or faults do not have the right shape.
    """

    def __init__(
        self,
        *,
        state: Mapping[str, Any] | None = None,
        faults: Sequence[Mapping[str, Any]] = (),
        clock: Callable[[], float] = time.time,
        port: int = 0,
    ) -> None:
        """Binds the port; requests are answered from ``start`` on."""
        self._first_state, self._first_faults = state, faults
        self._state = State(state)
        self._faults = Faults(faults)
        self.ledger = Ledger()
        self.log = RequestLog()
        self.liveramp_ledger = Ledger()
        self.envelope_book = EnvelopeBook()
        self._tiktok = tiktok.TikTok(self._state, self.ledger)
        self._adapter = liveramp_events.Adapter(self._state, self.liveramp_ledger, self.envelope_book)
        self._envelope_api = liveramp_envelopes.EnvelopeApi(self._state, self.envelope_book)
        self._lock = threading.Lock()
        self._accepted = 0
        self._listener = Listener(self._handle, clock=clock, port=port)

    @property
    def url(self) -> str:
        """Gives the base address, without a trailing slash."""
        return self._listener.url

    @property
    def state(self) -> State:
        """Gives the state; assigning a mapping lays it over the defaults."""
        return self._state

    @state.setter
    def state(self, patch: Mapping[str, Any]) -> None:
        self._state.replace(patch)

    @property
    def faults(self) -> Faults:
        """Gives the faults; assigning a list puts it in their place."""
        return self._faults

    @faults.setter
    def faults(self, faults: Sequence[Mapping[str, Any]]) -> None:
        self._faults.replace(faults)

    @property
    def requests(self) -> list[LoggedRequest]:
        """Gives the requests answered so far, in order, without those to the simulator's own endpoints."""
        return self.log.read()

    @property
    def ledgers(self) -> Mapping[str, Ledger]:
        """Gives the ledgers by platform."""
        return {"tiktok": self.ledger, "liveramp": self.liveramp_ledger}

    def envelopes(self) -> list[JsonObject]:
        """Gives the envelope book, oldest first."""
        return self.envelope_book.read()

    def summary(self) -> JsonObject:
        """Gives ledgers and request log in numbers."""
        return control.summarise(self)

    def reset(self) -> None:
        """Puts state and faults back to what they were at the start, and empties books and log."""
        self._state.replace(self._first_state)
        self._faults.replace(self._first_faults)
        for ledger in self.ledgers.values():
            ledger.clear()
        self.envelope_book.clear()
        self._tiktok.clear()
        self.log.clear()
        with self._lock:
            self._accepted = 0

    def start(self) -> Self:
        """Begins to serve, until ``close``."""
        self._listener.start()
        return self

    def close(self) -> None:
        """Ends all connections and frees the port; a second time, and without a start, too."""
        self._listener.close()

    def __enter__(self) -> Self:
        """Begins to serve."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends all connections and frees the port."""
        self.close()

    def _handle(self, request: Request) -> Reply:
        if request.path.startswith(control.PREFIX):
            return control.answer_control(request, self)
        with self._lock:
            accepted = self._accepted
        fired = self._faults.choose(request, accepted=accepted)
        reply = self._carry_out(request, fired) if fired else self._process(request)
        self._note(request, reply, fired)
        return reply

    def _note(self, request: Request, reply: Reply, fired: Fired | None) -> None:
        with self._lock:
            self._accepted += bool(reply.facts.get("accepted"))
        keep = self._state.snapshot["requests"]["keep_bodies"]
        self.log.add(request, reply, fault=fired.name if fired else None, keep_bodies=keep)

    def _process(self, request: Request, partial: Mapping[str, Any] | None = None) -> Reply:
        if request.path.startswith(liveramp_events.PREFIX):
            return self._adapter.answer(request)
        if request.path.startswith(liveramp_envelopes.PREFIX):
            return self._envelope_api.answer(request)
        return self._tiktok.answer(request, partial=partial)

    def _carry_out(self, request: Request, fired: Fired) -> Reply:
        effect = fired.effect
        if "set_state" in effect:
            self._state.patch(effect["set_state"])
        reply = self._reply_of(request, effect)
        headers = {**reply.headers, **effect.get("headers", {})}
        return replace(
            reply,
            headers=headers,
            delay_s=effect.get("delay_s", 0.0),
            truncate_at=effect.get("truncate_at"),
            dropped=_drop_of(effect),
        )

    def _reply_of(self, request: Request, effect: Mapping[str, Any]) -> Reply:
        """Gives the reply that the effect asks for, after processing the request if it is to be processed."""
        if effect.get("drop") == "before":
            return Reply(0)
        if _SHAPES_REPLY.isdisjoint(effect):
            return self._process(request, effect.get("partial"))
        processed = self._process(request) if effect.get("process") else None
        return self._shaped(request, effect, processed)

    def _shaped(self, request: Request, effect: Mapping[str, Any], processed: Reply | None) -> Reply:
        facts = processed.facts if processed else {}
        if "raw_body" in effect or "empty_body" in effect:
            return Reply(effect.get("http_status", 200), effect.get("raw_body", "").encode(), facts=facts)
        if "code" in effect and request.path.startswith(tiktok.ROOT):
            return replace(self._tiktok.wording(request, effect), facts=facts)
        # Only a status is left, and a request that was not processed must not look as if it was.
        http_status = effect.get("http_status", 500)
        return replace(processed, http_status=http_status) if processed else Reply(http_status)


def _drop_of(effect: Mapping[str, Any]) -> str | None:
    if "drop" not in effect:
        return None
    return "reset" if effect.get("reset") else "close"
