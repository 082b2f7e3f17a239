# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""The simulator's own endpoints, below ``/_simulator/``, for other processes: read the books, set the stage.

======================  ===========  =====================================================================
``ledger``              GET          both ledgers and the request log in numbers
``ledger/events``       GET          entries; ``platform`` (tiktok), ``book`` (live), ``after`` (0), ``limit``
``requests``            GET          the request log; ``after`` (0), ``limit`` (1000, as above)
``envelopes``           GET          which envelope was made when, of what kind, in place of which
``faults``              GET          the faults with their counters
``faults``              PUT, POST    puts a list in place of the faults; adds one fault or a list of them
``state``               GET          the state
``state``               PUT, PATCH   the document over the defaults; the document over the current state
``reset``               POST         everything as it was at the start
======================  ===========  =====================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import parse_qsl

from airflow_provider_tiktok.simulator.exchange import JsonObject, Reply, Request, json_reply
from airflow_provider_tiktok.simulator.faults import Faults
from airflow_provider_tiktok.simulator.ledger import LIVE, Ledger
from airflow_provider_tiktok.simulator.request_log import RequestLog
from airflow_provider_tiktok.simulator.state import BadSetting, State
from airflow_provider_tiktok.simulator.strict_json import NotJson, read_json

PREFIX = "/_simulator/"
_DEFAULT_LIMIT = 1_000


class Stage(Protocol):
    """What the control endpoints read and set."""

    @property
    def state(self) -> State:
        """Gives the state."""

    @property
    def faults(self) -> Faults:
        """Gives the faults."""

    @property
    def ledgers(self) -> Mapping[str, Ledger]:
        """Gives the ledgers by platform."""

    @property
    def log(self) -> RequestLog:
        """Gives the request log."""

    def envelopes(self) -> list[JsonObject]:
        """Gives the envelope book."""

    def reset(self) -> None:
        """Puts everything back to the start."""


def answer_control(request: Request, stage: Stage) -> Reply:
    """Gives the reply to a request below ``/_simulator/``: 200, or 400, 404, 405 with an ``error``."""
    methods = _ENDPOINTS.get(request.path.removeprefix(PREFIX).strip("/"))
    if methods is None:
        return json_reply(404, {"error": "no such endpoint"})
    if request.method not in methods:
        return json_reply(405, {"error": "method not allowed"})
    try:
        return json_reply(200, methods[request.method](stage, request))
    except (BadSetting, NotJson) as error:
        return json_reply(400, {"error": str(error)})


def summarise(stage: Stage) -> JsonObject:
    """Gives the ledgers and the request log in numbers."""
    books = {platform: ledger.summary() for platform, ledger in stage.ledgers.items()}
    return {**books, "requests": stage.log.summary()}


def _list_entries(stage: Stage, request: Request) -> object:
    query = dict(parse_qsl(request.query))
    platform, book = query.get("platform", "tiktok"), query.get("book", LIVE)
    ledger = stage.ledgers.get(platform)
    if ledger is None:
        raise BadSetting("ledger/events: no such platform")
    if book not in ledger.books:
        raise BadSetting("ledger/events: no such book")
    return [entry.to_json() for entry in ledger.events(book)[_part(query)]]


def _list_requests(stage: Stage, request: Request) -> object:
    return [record.to_json() for record in stage.log.read()[_part(dict(parse_qsl(request.query)))]]


def _part(query: Mapping[str, str]) -> slice:
    try:
        after, limit = int(query.get("after", 0)), int(query.get("limit", _DEFAULT_LIMIT))
    except ValueError as error:
        raise BadSetting("after and limit must be integers") from error
    return slice(max(after, 0), max(after, 0) + max(limit, 0))


def _list_envelopes(stage: Stage, _: Request) -> object:
    return stage.envelopes()


def _read_faults(stage: Stage, _: Request) -> object:
    return stage.faults.read()


def _replace_faults(stage: Stage, request: Request) -> object:
    stage.faults.replace(read_json(request.body))
    return stage.faults.read()


def _add_faults(stage: Stage, request: Request) -> object:
    document = read_json(request.body)
    stage.faults.add(*(document if isinstance(document, list) else [document]))
    return stage.faults.read()


def _read_state(stage: Stage, _: Request) -> object:
    return stage.state.read()


def _replace_state(stage: Stage, request: Request) -> object:
    stage.state.replace(read_json(request.body))
    return stage.state.read()


def _patch_state(stage: Stage, request: Request) -> object:
    stage.state.patch(read_json(request.body))
    return stage.state.read()


def _reset(stage: Stage, _: Request) -> object:
    stage.reset()
    return {}


def _summarise(stage: Stage, _: Request) -> object:
    return summarise(stage)


Action = Callable[[Any, Request], object]

_ENDPOINTS: Mapping[str, Mapping[str, Action]] = {
    "ledger": {"GET": _summarise},
    "ledger/events": {"GET": _list_entries},
    "requests": {"GET": _list_requests},
    "envelopes": {"GET": _list_envelopes},
    "faults": {"GET": _read_faults, "PUT": _replace_faults, "POST": _add_faults},
    "state": {"GET": _read_state, "PUT": _replace_state, "PATCH": _patch_state},
    "reset": {"POST": _reset},
}
