# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""The judge of ``POST /open_api/v1.3/event/track/``: all or nothing.

Knows the rules of one request (TikTok, Events API 2.0, Report events, v1.3; the schemas in ``rules/``) and
which of them settings turn on. Does not book anything and does not know HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import jsonschema_rs
import msgspec

from airflow_provider_tiktok.simulator.exchange import JsonObject
from airflow_provider_tiktok.simulator.ledger import Arrival
from airflow_provider_tiktok.simulator.rulebook import Violation, compile_rules, first_violation, load_rules
from airflow_provider_tiktok.simulator.strict_json import NotJson, read_json
from airflow_provider_tiktok.simulator.tiktok_answers import (
    BAD_PARAMETER,
    BAD_PARTNER,
    NO_PERMISSION,
    NO_SUCH_OBJECT,
    Refused,
    refusal,
)

Settings = Mapping[str, Any]

# The definition of a source in rules/tiktok_event.json, and where its owners stand in the state.
_SOURCE_RULES = {"web": "web", "app": "app_source", "offline": "offline", "crm": "crm"}
_SOURCE_BOOKS = {"web": "pixels", "app": "apps", "offline": "offline_event_sets", "crm": "crm_event_sets"}
_SOURCE_WORDS = {"web": "pixel code", "app": "app", "offline": "offline event set", "crm": "CRM event set"}


class _Slices(msgspec.Struct):
    data: list[msgspec.Raw]


@dataclass(frozen=True, slots=True)
class Judged:
    """A request that keeps every rule, ready to be booked."""

    event_source: str
    event_source_id: str
    test_event_code: str | None
    arrivals: list[Arrival]


def judge_track(body: bytes, *, token: Settings, settings: Settings, now: float) -> Judged:
    """Gives the events of a request that keeps every rule.

    :param token: the caller's token as the state describes it.
    :param settings: the ``tiktok`` part of the state.
    :param now: seconds since the epoch.
    :raises Refused: for the first rule that is broken; faults of the request come before those of events.
    """
    document = _read_body(body)
    _check(compile_rules("tiktok_track", "head"), document, settings)
    _check_owner(document, token, settings)
    _check_partner(document, settings)
    _check(compile_rules("tiktok_track", "body"), document, settings)
    _check_count(document, settings)
    _check_events(document, settings, now)
    return _judged(document, body)


def _read_body(body: bytes) -> Any:
    try:
        return read_json(body)
    except NotJson as error:
        raise Refused(BAD_PARAMETER, f"Invalid request body: {error}.") from error


def _check(validator: jsonschema_rs.Draft202012Validator, document: Any, settings: Settings) -> None:
    violation = first_violation(validator, document)
    if violation:
        raise refusal(violation, index=None, style="none", echo=settings["echo_values"])


def _check_owner(document: JsonObject, token: Settings, settings: Settings) -> None:
    source, source_id = document["event_source"], document["event_source_id"]
    owned = settings[_SOURCE_BOOKS[source]].get(source_id)
    if owned is None and any(source_id in settings[book] for book in _SOURCE_BOOKS.values()):
        raise Refused(BAD_PARAMETER, "Invalid value for event_source_id: not a valid string.")
    if owned is None or not _may_use(token, source_id, owned["advertiser_id"]):
        raise Refused(
            NO_PERMISSION,
            f"No permission to operate {_SOURCE_WORDS[source]}: {source_id}. "
            "You must be an admin or operator of this advertiser account.",
            http_status=401,  # seen live by another sender in 2026-10
        )
    if owned.get("deleted"):
        raise Refused(NO_SUCH_OBJECT, f"The {_SOURCE_WORDS[source]} does not exist.")


def _may_use(token: Settings, source_id: str, advertiser_id: str) -> bool:
    return advertiser_id in token["advertiser_ids"] and source_id in token.get(
        "event_source_ids", [source_id]
    )


def _check_partner(document: JsonObject, settings: Settings) -> None:
    if document.get("partner_name", "") not in ["", *settings["partner_names"]]:
        raise Refused(BAD_PARTNER, "Invalid partner name.")


def _check_count(document: JsonObject, settings: Settings) -> None:
    # Seen live by another sender in 2026-10; with HTTP 400, too.
    if not 1 <= len(document["data"]) <= settings["max_events"]:
        raise Refused(BAD_PARAMETER, f"Number of events must be between 1 and {settings['max_events']}.")


def _check_events(document: JsonObject, settings: Settings, now: float) -> None:
    source = document["event_source"]
    validator = compile_rules("tiktok_event", *_definitions(source, settings))
    for index, event in enumerate(document["data"]):
        violation = first_violation(validator, event) or _first_of_named_rules(event, source, settings, now)
        if violation:
            raise refusal(
                violation, index=index, style=settings["message_index"], echo=settings["echo_values"]
            )


def _definitions(source: str, settings: Settings) -> tuple[str, ...]:
    switched = {
        "identified": settings["require_event_id"],
        f"{source}_fields": settings["refuse_inapplicable_fields"],
        "ascii_places": settings["ascii_places"],
    }
    return ("event", _SOURCE_RULES[source], *(name for name, is_on in switched.items() if is_on))


def _first_of_named_rules(event: JsonObject, source: str, settings: Settings, now: float) -> Violation | None:
    for field, rule in _NAMED_RULES:
        reason = rule(event[field], source, settings, now)
        if reason:
            return Violation((field,), reason, event[field])
    return None


def _name_reason(name: str, source: str, _: Settings, __: float) -> str | None:
    known, custom_allowed = _known_names(source)
    spelling = known.get(name.casefold(), frozenset())
    if name in spelling or (not spelling and custom_allowed):
        return None
    return "wrong upper or lower case" if spelling else "not a standard event"


@cache
def _known_names(source: str) -> tuple[Mapping[str, frozenset[str]], bool]:
    rules = load_rules("tiktok_event_names")
    names = [name for group in rules["sources"][source]["known"] for name in rules[group]]
    folded = {
        name.casefold(): frozenset(n for n in names if n.casefold() == name.casefold()) for name in names
    }
    return folded, rules["sources"][source]["custom_allowed"]


def _future_reason(event_time: int, _: str, settings: Settings, now: float) -> str | None:
    return "lies in the future" if event_time > now + settings["future_tolerance_s"] else None


def _age_reason(event_time: int, _: str, settings: Settings, now: float) -> str | None:
    limit = settings["max_event_age_s"]
    return "is too old" if limit and event_time < now - limit else None


_NAMED_RULES: tuple[tuple[str, Callable[[Any, str, Settings, float], str | None]], ...] = (
    ("event", _name_reason),
    ("event_time", _future_reason),
    ("event_time", _age_reason),
)


def _judged(document: JsonObject, body: bytes) -> Judged:
    slices = msgspec.json.decode(body, type=_Slices).data
    source, source_id = document["event_source"], document["event_source_id"]
    arrivals = [
        Arrival(
            source,
            source_id,
            event["event"],
            event.get("event_id"),
            event["event_time"],
            index,
            bytes(payload),
        )
        for index, (event, payload) in enumerate(zip(document["data"], slices, strict=True))
    ]
    return Judged(source, source_id, document.get("test_event_code"), arrivals)
