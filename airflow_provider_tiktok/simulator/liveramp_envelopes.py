# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""LiveRamp's envelope API: ``/api/identity/v2/envelope`` and ``/refresh`` below it (v1: without ``/v2``).

Order: method, query, placement, origin, identifiers, country, consent, opt-outs, then an envelope. 400 is a
request that makes no sense, 401 and 403 a caller that is not approved, 451 a country or a consent string that
is not acceptable, 204 a person for whom there is no envelope.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from airflow_provider_tiktok.simulator.consent import CONSENT_TYPES, UnreadableConsent, allows_gpp
from airflow_provider_tiktok.simulator.envelope_book import Envelope, EnvelopeBook
from airflow_provider_tiktok.simulator.exchange import JsonObject, Reply, Request, json_reply
from airflow_provider_tiktok.simulator.rulebook import FORMATS, compile_rules, first_violation
from airflow_provider_tiktok.simulator.state import State

PREFIX = "/api/identity/"
_RETRIEVE, _REFRESH = "retrieve", "refresh"
# Path → what it does and the version of its answers.
_PATHS: Mapping[str, tuple[str, str]] = {
    f"{PREFIX}v2/envelope": (_RETRIEVE, "v2"),
    f"{PREFIX}v2/envelope/refresh": (_REFRESH, "v2"),
    f"{PREFIX}envelope": (_RETRIEVE, "v1"),
    f"{PREFIX}envelope/refresh": (_REFRESH, "v1"),
}
_SOURCES = {19: "envelopeLiveramp", 24: "envelopeSource200"}
_LIVERAMP_TYPE = 19

_HEX_DIGESTS = re.compile(r"[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32}")
_SHA1 = re.compile(r"[0-9a-f]{40}")
_CUSTOM_ID = re.compile(r"[^\s:@+]+:[^\s:@+]+")
# Identifier types of the first retrieval: hashed e-mail, hashed phone (SHA-1 only), custom id.
_IDENTIFIERS: Mapping[str, Callable[[str], bool]] = {
    "4": lambda value: bool(_HEX_DIGESTS.fullmatch(value)),
    "11": lambda value: bool(_SHA1.fullmatch(value)),
    "15": lambda value: bool(_CUSTOM_ID.fullmatch(value)),
}


class NoEnvelope(Exception):
    """There is no envelope: HTTP status, and the reason, which only the request log is told."""

    def __init__(self, http_status: int, reason: str) -> None:
        """Takes both facts."""
        super().__init__(http_status, reason)
        self.http_status = http_status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Question:
    action: str
    version: str
    query: Mapping[str, str]
    pairs: list[tuple[str, str]]


class EnvelopeApi:
    """Answers requests below ``/api/identity/``; may be called from any thread."""

    def __init__(self, state: State, book: EnvelopeBook) -> None:
        """Takes the state to obey and the book to write envelopes into."""
        self._state = state
        self._book = book

    def answer(self, request: Request) -> Reply:
        """Gives the reply to a request; refusals have no body."""
        settings = self._state.snapshot["liveramp"]
        try:
            return self._envelopes_for(request, settings)
        except NoEnvelope as refused:
            return Reply(refused.http_status, facts={"reason": refused.reason})

    def _envelopes_for(self, request: Request, settings: Mapping[str, Any]) -> Reply:
        question = _read_question(request)
        placement = _placement_of(question, settings)
        _check_origin(request, placement)
        _check_identifiers(question, settings)
        country = _country_of(request, placement, settings)
        _check_consent(question.query, request, country, settings)
        self._check_people(question, settings, request.received_at)
        envelopes = self._mint(question, country, request.received_at)
        version = question.version if settings["response_form"] == "by_path" else settings["response_form"]
        facts = {
            "action": question.action,
            "pid": question.query["pid"],
            "country": country,
            "envelopes": len(envelopes),
        }
        return json_reply(200, _FORMS[version](envelopes, settings), facts=facts)

    def _check_people(self, question: _Question, settings: Mapping[str, Any], now: float) -> None:
        for _, value in question.pairs:
            if not set(settings["opted_out"]).isdisjoint(self._book.ancestry(value)):
                raise NoEnvelope(204, "opted out")
            if question.action == _REFRESH:
                self._check_age(value, settings, now)

    def _check_age(self, value: str, settings: Mapping[str, Any], now: float) -> None:
        minted_at = self._book.minted_at(value, named=settings["envelopes"])
        if minted_at is None and settings["known_envelopes_only"]:
            raise NoEnvelope(400, "unknown envelope")
        if minted_at is not None and now - minted_at >= settings["envelope_ttl_s"]:
            raise NoEnvelope(204, "expired envelope")

    def _mint(self, question: _Question, country: str, now: float) -> list[Envelope]:
        if question.action == _RETRIEVE:
            seed = " ".join(value for _, value in question.pairs)
            return [self._book.mint(seed, kind=_LIVERAMP_TYPE, now=now, country=country)]
        return [
            self._book.mint(value, kind=int(kind), now=now, country=country, replaces=value)
            for kind, value in question.pairs
        ]


def _read_question(request: Request) -> _Question:
    if request.path not in _PATHS:
        raise NoEnvelope(404, "no such endpoint")
    if request.method != "GET":
        raise NoEnvelope(405, "method not allowed")
    parameters = parse_qsl(request.query, keep_blank_values=True)
    others = [(name, value) for name, value in parameters if name not in {"it", "iv"}]
    query = dict(others)
    if len(query) != len(others):
        raise NoEnvelope(400, "a parameter is given twice")
    violation = first_violation(compile_rules("liveramp_envelope_query", "query"), query)
    if violation:
        raise NoEnvelope(400, f"{'.'.join(map(str, violation.path)) or 'query'}: {violation.reason}")
    return _Question(*_PATHS[request.path], query, list(_pairs_of(parameters)))


def _pairs_of(parameters: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Gives the identifiers: each ``it`` with the ``iv`` that follows it."""
    names = [(name, value) for name, value in parameters if name in {"it", "iv"}]
    if not names or len(names) % 2 or [name for name, _ in names] != ["it", "iv"] * (len(names) // 2):
        raise NoEnvelope(400, "it and iv do not come in pairs")
    for (_, kind), (_, value) in zip(names[::2], names[1::2], strict=True):
        yield kind, value


def _placement_of(question: _Question, settings: Mapping[str, Any]) -> Mapping[str, Any]:
    placement: Mapping[str, Any] | None = settings["placements"].get(question.query["pid"])
    if placement is None:
        raise NoEnvelope(400, "no such placement")
    return placement


def _check_origin(request: Request, placement: Mapping[str, Any]) -> None:
    origin = request.headers.get("origin", "")
    if not origin:
        raise NoEnvelope(401, "no Origin")
    if origin not in placement["origins"]:
        raise NoEnvelope(403, "Origin not approved")


def _check_identifiers(question: _Question, settings: Mapping[str, Any]) -> None:
    is_right = _is_identifier if question.action == _RETRIEVE else _is_refreshable
    if not all(is_right(kind, value, settings) for kind, value in question.pairs):
        raise NoEnvelope(400, "it or iv not valid")


def _is_identifier(kind: str, value: str, _: Mapping[str, Any]) -> bool:
    return kind in _IDENTIFIERS and _IDENTIFIERS[kind](value)


def _is_refreshable(kind: str, value: str, settings: Mapping[str, Any]) -> bool:
    is_digest = bool(_HEX_DIGESTS.fullmatch(value))
    return kind in map(str, settings["refresh_types"]) and FORMATS["envelope-value"](value) and not is_digest


def _country_of(request: Request, placement: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """Gives the country of the person's address, which must be one the placement is approved for."""
    text = request.headers.get("x-forwarded-for", "").split(",")[0].strip()
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise NoEnvelope(400, "X-Forwarded-For holds no address") from error
    for network, country in settings["countries"].items():
        if address in ipaddress.ip_network(network) and country in placement["countries"]:
            return str(country)
    raise NoEnvelope(451, "country not approved")


def _check_consent(
    query: Mapping[str, str], request: Request, country: str, settings: Mapping[str, Any]
) -> None:
    try:
        answers = list(_consents(query))
    except UnreadableConsent as error:
        raise NoEnvelope(451, "consent string not readable") from error
    if request.headers.get("dnt") == "1" or request.headers.get("sec-gpc") == "1":
        raise NoEnvelope(204, "opt-out signal of the browser")
    if not all(answers):
        raise NoEnvelope(204, "no consent")
    if country in settings["consent_required_in"] and query.get("ct") != "4":
        raise NoEnvelope(204, "no TCF string where one is required")


def _consents(query: Mapping[str, str]) -> Iterator[bool]:
    if "ct" in query:
        yield CONSENT_TYPES[query["ct"]](query["cv"])
    if "gpp" in query:
        yield allows_gpp(query["gpp"], section=query["gpp_sid"])


def _v1_form(envelopes: list[Envelope], _: Mapping[str, Any]) -> JsonObject:
    return {"envelope": envelopes[0].value}


def _v2_form(envelopes: list[Envelope], settings: Mapping[str, Any]) -> JsonObject:
    items = [
        {
            "type": envelope.type,
            "source": _SOURCES.get(envelope.type, ""),
            "value": envelope.value,
            "err": None,
        }
        for envelope in envelopes
    ]
    return {"envelopes": [*items, *settings["extra_items"]]}


_FORMS: Mapping[str, Callable[[list[Envelope], Mapping[str, Any]], JsonObject]] = {
    "v1": _v1_form,
    "v2": _v2_form,
}
