# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""LiveRamp's conversions adapter: ``POST /send-events/{atsconfigid}``.

All or nothing, and stricter than what is documented: one user session per request, in order of time, and
nothing in it that looks like personal data. How the real adapter words success or refusal is not documented;
success is a setting, a refusal is HTTP 400.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import unquote

import msgspec

from airflow_provider_tiktok.simulator.envelope_book import EnvelopeBook
from airflow_provider_tiktok.simulator.exchange import JsonObject, Reply, Request, json_reply
from airflow_provider_tiktok.simulator.ledger import LIVE, Arrival, Ledger
from airflow_provider_tiktok.simulator.rulebook import (
    Path,
    Violation,
    compile_rules,
    first_violation,
    load_rules,
)
from airflow_provider_tiktok.simulator.state import State
from airflow_provider_tiktok.simulator.strict_json import NotJson, read_json

PREFIX = "/send-events/"

_EMAIL = re.compile(r"[^\s@/?&=]+@[^\s@/?&=]+\.[^\s@/?&=]+")
# A plus, then seven to fifteen digits with at most signs between them.
_NUMBER_WITH_PLUS = re.compile(r"\W*\+(\W*[0-9]){7,15}\W*")
_DIGEST = re.compile(r"[0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}")
# An id for removing repeats may well be a digest of a business key.
_MAY_BE_DIGEST = frozenset({"event_id", "order_id"})
_DEVICE_KEYS = ("idfa", "idfv", "gaid")
_USER_DATA_KEYS = frozenset({"partner_id", "idfa", "idfv", "gaid", "att_status"})


class RefusedEvents(Exception):
    """The adapter refuses the request: HTTP status and reason."""

    def __init__(self, http_status: int, reason: str) -> None:
        """Takes both facts."""
        super().__init__(http_status, reason)
        self.http_status = http_status
        self.reason = reason


class _Slices(msgspec.Struct):
    events: list[msgspec.Raw]


class Adapter:
    """Answers requests below ``/send-events/``; may be called from any thread."""

    def __init__(self, state: State, ledger: Ledger, envelopes: EnvelopeBook) -> None:
        """Takes the state to obey, the ledger to book into, and the envelopes to know the ages of."""
        self._state = state
        self._ledger = ledger
        self._envelopes = envelopes

    def answer(self, request: Request) -> Reply:
        """Gives the reply to a request."""
        settings = self._state.snapshot["liveramp"]
        try:
            arrivals = self._judge(request, settings)
        except RefusedEvents as refused:
            return json_reply(
                refused.http_status, {"error": refused.reason}, facts={"reason": refused.reason}
            )
        return self._accept(request, arrivals, settings)

    def _judge(self, request: Request, settings: Mapping[str, Any]) -> list[Arrival]:
        configuration_id = _check_route(request, settings)
        _check_headers(request)
        document = _read_body(request, settings)
        events = document["events"]
        for index, event in enumerate(events):
            violation = _violation_of(event, settings, request.received_at, configuration_id)
            if violation:
                raise _refusal(violation, index, settings)
        _check_session(events)
        self._check_envelope(events[0]["user_data"]["partner_id"], settings, request.received_at)
        return _arrivals(configuration_id, events, request.body)

    def _check_envelope(self, value: str, settings: Mapping[str, Any], now: float) -> None:
        minted_at = self._envelopes.minted_at(value, named=settings["envelopes"])
        if minted_at is None:
            if settings["known_envelopes_only"]:
                raise RefusedEvents(400, "user_data.partner_id: unknown envelope")
        elif settings["refuse_expired_envelopes"] and now - minted_at >= settings["envelope_ttl_s"]:
            raise RefusedEvents(400, "user_data.partner_id: expired envelope")

    def _accept(self, request: Request, arrivals: list[Arrival], settings: Mapping[str, Any]) -> Reply:
        books = self._state.snapshot["ledger"]
        booked = self._ledger.record(
            arrivals,
            book=LIVE,
            request_id="",
            now=request.received_at,
            window_s=books["window_s"],
            keep=books["keep_payloads"],
        )
        facts = {
            "accepted": True,
            "events": len(arrivals),
            "unique": booked.unique,
            "repeats": booked.repeats,
        }
        return _success(settings["success"], facts)


def _success(form: Mapping[str, Any], facts: Mapping[str, Any]) -> Reply:
    if form["http_status"] == 204 or form["form"] == "empty":
        return Reply(form["http_status"], facts=facts)
    if form["form"] == "text":
        return Reply(form["http_status"], b"OK", {"Content-Type": "text/plain"}, facts=facts)
    return json_reply(form["http_status"], {"status": "accepted"}, facts=facts)


def _check_route(request: Request, settings: Mapping[str, Any]) -> str:
    configuration_id = unquote(request.path.removeprefix(PREFIX))
    if configuration_id not in settings["configurations"]:
        raise RefusedEvents(404, "no such configuration")
    if request.method != "POST":
        raise RefusedEvents(405, "method not allowed")
    return configuration_id


def _check_headers(request: Request) -> None:
    if "access-token" in request.headers:
        # TikTok's token is kept by LiveRamp; a client that sends it here has lost its way.
        raise RefusedEvents(400, "a TikTok access token does not belong here")
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise RefusedEvents(415, "Content-Type must be application/json")


def _read_body(request: Request, settings: Mapping[str, Any]) -> JsonObject:
    if len(request.body) > settings["max_body_bytes"]:
        raise RefusedEvents(413, "body too large")
    try:
        document = read_json(request.body)
    except NotJson as error:
        raise RefusedEvents(400, f"body: {error}") from error
    violation = first_violation(compile_rules("liveramp_events", "body"), document)
    if violation:
        raise RefusedEvents(400, f"{'.'.join(map(str, violation.path)) or 'body'}: {violation.reason}")
    if len(document["events"]) > settings["max_events"]:
        raise RefusedEvents(400, f"events: more than {settings['max_events']}")
    checked: JsonObject = document
    return checked


def _refusal(violation: Violation, index: int, settings: Mapping[str, Any]) -> RefusedEvents:
    path = ".".join(map(str, violation.path))
    text = f"events[{index}].{path}: {violation.reason}"
    if settings["echo_values"]:
        text += f", got {json.dumps(violation.value, ensure_ascii=False)}"
    return RefusedEvents(400, text)


def _violation_of(
    event: JsonObject, settings: Mapping[str, Any], now: float, configuration_id: str
) -> Violation | None:
    violation = first_violation(compile_rules("liveramp_events", "event", "web"), event)
    if violation:
        return violation
    managers = settings["configurations"][configuration_id]["event_managers"]
    checks = (
        _unknown_manager(event, managers),
        _unknown_user_key(event, settings["extra_user_data_keys"]),
        _wrong_name(event),
        _future(event, now + settings["future_tolerance_s"]),
        _repeated_key(event),
        _forbidden_text(event),
    )
    return next((found for found in checks if found), None)


def _unknown_manager(event: JsonObject, managers: list[str]) -> Violation | None:
    unknown = sorted(set(event["event_manager"]) - set(managers))
    return Violation(("event_manager",), "platform not enabled", unknown) if unknown else None


def _unknown_user_key(event: JsonObject, extra: list[str]) -> Violation | None:
    unknown = sorted(event["user_data"].keys() - _USER_DATA_KEYS - set(extra))
    return Violation(("user_data", unknown[0]), "unknown field") if unknown else None


def _wrong_name(event: JsonObject) -> Violation | None:
    name = event["event_type"]
    is_misspelled = name not in _known_names() and name.casefold() in {
        known.casefold() for known in _known_names()
    }
    return Violation(("event_type",), "wrong upper or lower case", name) if is_misspelled else None


@cache
def _known_names() -> frozenset[str]:
    rules = load_rules("liveramp_event_names")
    return frozenset([*rules["known"], *rules["universal"]])


def _future(event: JsonObject, latest: float) -> Violation | None:
    is_future = event["event_time"] > latest
    return Violation(("event_time",), "lies in the future", event["event_time"]) if is_future else None


def _repeated_key(event: JsonObject) -> Violation | None:
    keys = [item["key"] for item in event.get("custom_data", [])]
    return Violation(("custom_data",), "holds a key twice", keys) if len(set(keys)) != len(keys) else None


def _forbidden_text(event: JsonObject) -> Violation | None:
    for path, text in _texts(event, ()):
        for reason, is_forbidden in _FORBIDDEN.items():
            if is_forbidden(_name_at(event, path), text):
                return Violation(path, reason, text)
    return None


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from _texts(member, (*path, name))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _texts(member, (*path, index))


def _name_at(event: JsonObject, path: Path) -> str:
    """Gives the field's name; in ``custom_data`` a scalar goes by its key."""
    if path[0] == "custom_data" and len(path) == 3:
        return str(event["custom_data"][path[1]]["key"])
    return str(path[-1])


_FORBIDDEN: Mapping[str, Callable[[str, str], bool]] = {
    "unresolved template": lambda _, text: "{{" in text or "}}" in text,
    "looks like an e-mail address": lambda _, text: bool(_EMAIL.search(unquote(text))),
    "looks like a phone number": lambda _, text: bool(_NUMBER_WITH_PLUS.fullmatch(unquote(text)[:60])),
    "looks like a digest": lambda name, text: name not in _MAY_BE_DIGEST and bool(_DIGEST.fullmatch(text)),
}


def _check_session(events: list[JsonObject]) -> None:
    if len({event["user_data"]["partner_id"] for event in events}) > 1:
        raise RefusedEvents(400, "events: more than one user session in a request")
    for key in _DEVICE_KEYS:
        if len({event["user_data"][key] for event in events if key in event["user_data"]}) > 1:
            raise RefusedEvents(400, "events: more than one device, so more than one session, in a request")
    times = [event["event_time"] for event in events]
    if times != sorted(times):
        raise RefusedEvents(400, "events: not in order of event_time")


def _arrivals(configuration_id: str, events: list[JsonObject], body: bytes) -> list[Arrival]:
    slices = msgspec.json.decode(body, type=_Slices).events
    return [
        Arrival(
            event_source="app" if "app_data" in event else "web",
            event_source_id=configuration_id,
            event=event["event_type"],
            event_id=event["event_id"],
            event_time=event["event_time"],
            position=index,
            payload=bytes(payload),
            note="" if event["event_type"] in _known_names() else "name unconfirmed",
        )
        for index, (event, payload) in enumerate(zip(events, slices, strict=True))
    ]
