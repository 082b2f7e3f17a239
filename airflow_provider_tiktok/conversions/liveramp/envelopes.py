# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""LiveRamp's envelope API in words: one envelope refreshed, or retrieved for the first time.

Envelope, identifiers and consent travel in the query, so a request is only ever shown without it. There is
no key: placement and ``Origin`` are the whole credential, and the person's own address in
``X-Forwarded-For`` decides whether LiveRamp may answer. The address of the machine that asks must never
stand there instead.

Sources: LiveRamp, "Call the ATS envelope API", "Implement the ATS refresh envelope API", "Provide a valid
consent string", read 2026-11. Only the statuses 200, 204, 400, 401, 403 and 451 are known from those pages
and from their clients; the rest is judged by HTTP alone.
"""

from __future__ import annotations

import random as random_module
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import structs

from airflow_provider_tiktok.conversions.answers import Answer, Verdict
from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.http import (
    HttpReply,
    HttpRequest,
    Random,
    RetryPolicy,
    Transport,
    Wait,
    exchange,
    judge_status,
    wait_unstopped,
)
from airflow_provider_tiktok.conversions.liveramp.consent import Consent
from airflow_provider_tiktok.conversions.liveramp.identifiers import Identifier
from airflow_provider_tiktok.conversions.liveramp.stored_envelopes import (
    LIVERAMP_TYPE,
    is_envelope,
    value_of_answer,
)
from airflow_provider_tiktok.conversions.sealed import Sealed

BASE_URL: Final = "https://api.rlcdn.com"

_RETRIEVE: Final = "/api/identity/v2/envelope"
_REFRESH: Final = "/api/identity/v2/envelope/refresh"

SERVER_TO_SERVER: Final = 3
"""Who asks, in the parameter ``atype``: neither a browser nor an app."""


class EnvelopeStatus(StrEnum):
    """What came of one envelope."""

    REFRESHED = "refreshed"
    """There is a new envelope, with the longest life."""
    RETRIEVED = "retrieved"
    """There is an envelope, made anew from an identifier."""
    STILL_FRESH = "still_fresh"
    """Too young to be refreshed; LiveRamp was not asked."""
    EXPIRED = "expired"
    """Beyond its life: it must be fetched anew. LiveRamp was not asked."""
    NO_ENVELOPE = "no_envelope"
    """The row holds none."""
    NOT_AN_ENVELOPE = "not_an_envelope"
    """The row holds something else in its place."""
    NO_CONSENT_OR_OPTED_OUT = "no_consent_or_opted_out"
    """LiveRamp gives none for this person (204): the stored one must go. An expired one may end here too."""
    LEGAL_REFUSAL = "legal_refusal"
    """Not in this country, or the consent string cannot be read (451)."""
    MISSING_IP = "missing_ip"
    """The person's address is unknown, or is none of the public internet: LiveRamp was not asked."""
    MISSING_CONSENT = "missing_consent"
    """No consent string where one is needed, or a text that is none: LiveRamp was not asked."""
    INCOMPLETE_CONSENT = "incomplete_consent"
    """Half a pair of consent parameters, or a type that there is none of: LiveRamp was not asked."""
    MISSING_IDENTIFIER = "missing_identifier"
    """Nothing in the row to make an envelope from: LiveRamp was not asked."""
    REFUSED = "refused"
    """LiveRamp takes others, and not this one (400)."""
    NOT_IN_ANSWER = "not_in_answer"
    """LiveRamp answered without an envelope that is for TikTok."""
    FAILED = "failed"
    """No usable answer after all tries; another run may have more luck."""
    UNREADABLE_ROW = "unreadable_row"
    """The row has no key, or its time cannot be read: LiveRamp was not asked."""
    CHANGED_MEANWHILE = "changed_meanwhile"
    """Somebody else changed or removed the row since it was read: it stays as that left it."""
    INTERRUPTED = "interrupted"
    """The run stopped before there was an answer."""


# Statuses of one person's answer. 400 is for the caller to judge: see ``refresh``.
_OF_ONE_PERSON: Final[Mapping[int, EnvelopeStatus]] = MappingProxyType(
    {
        204: EnvelopeStatus.NO_CONSENT_OR_OPTED_OUT,
        400: EnvelopeStatus.REFUSED,
        451: EnvelopeStatus.LEGAL_REFUSAL,
    }
)
_NOT_APPROVED: Final = (
    "Check placement id and origin: LiveRamp must have approved both together, and for calls by servers."
)


class EnvelopeReply(Sealed, frozen=True, kw_only=True):
    """LiveRamp's answer about one person.

    :param envelope: the new value, with the statuses that have one.
    :param attempts: how many times LiveRamp was asked.
    """

    status: EnvelopeStatus
    envelope: str | None = None
    attempts: int = 1

    def __repr__(self) -> str:
        return f"EnvelopeReply({self.status.value})"


class EnvelopeClient:
    """Asks the envelope API under one placement; safe to share between threads.

    :param placement_id: number of the placement, which is not the ATS configuration id.
    :param origin: a domain of the placement's privacy review, ``https://`` in front; for apps the bundle id.
    :param atype: who asks, ``None`` to leave it out.
    :param headers: sent along; LiveRamp documents no others.
    :raises ConfigurationError: placement or origin cannot be one.
    """

    def __init__(
        self,
        placement_id: str,
        *,
        origin: str,
        base_url: str = BASE_URL,
        atype: int | None = SERVER_TO_SERVER,
        transport: Transport,
        headers: Mapping[str, str] | None = None,
        policy: RetryPolicy | None = None,
        wait: Wait = wait_unstopped,
        random: Random = random_module.random,
    ) -> None:
        if not re.fullmatch(r"[0-9]{1,10}", placement_id, re.ASCII):
            raise ConfigurationError(
                "Give the placement id, which is a number: it is not the ATS configuration id."
            )
        self._params = [("pid", placement_id)]
        self._last_params = [] if atype is None else [("atype", str(atype))]
        self._headers = {"Accept": "application/json", **(headers or {}), "Origin": _checked_origin(origin)}
        self._base_url = base_url
        self._transport = transport
        self._policy = policy
        self._wait = wait
        self._random = random

    def __repr__(self) -> str:
        return f"EnvelopeClient({urlsplit(self._base_url).hostname})"

    def refresh(self, envelope: str, *, ip: str, consent: Consent) -> EnvelopeReply:
        """A new envelope for the person of this one.

        :param envelope: the value alone, not as a browser stores it.
        :param ip: the person's own address.
        :raises RequestError: as ``http.exchange``.
        :raises ConfigurationError: LiveRamp refuses placement or request, whoever it is about.
        """
        return self._ask(
            _REFRESH,
            identifiers=[(LIVERAMP_TYPE, envelope)],
            ip=ip,
            consent=consent,
            success=EnvelopeStatus.REFRESHED,
        )

    def retrieve(self, identifiers: Sequence[Identifier], *, ip: str, consent: Consent) -> EnvelopeReply:
        """A first envelope for the one person that all these identifiers are of.

        :raises RequestError: as ``http.exchange``.
        :raises ConfigurationError: LiveRamp refuses placement or request, whoever it is about.
        """
        return self._ask(
            _RETRIEVE, identifiers=identifiers, ip=ip, consent=consent, success=EnvelopeStatus.RETRIEVED
        )

    def _ask(
        self,
        path: str,
        *,
        identifiers: Sequence[Identifier],
        ip: str,
        consent: Consent,
        success: EnvelopeStatus,
    ) -> EnvelopeReply:
        pairs = [pair for kind, value in identifiers for pair in (("it", str(kind)), ("iv", value))]
        request = HttpRequest(
            method="GET",
            url=self._base_url + path,
            params=(*self._params, *pairs, *consent.as_params(), *self._last_params),
            headers={**self._headers, "X-Forwarded-For": ip},
        )
        settled = exchange(
            request,
            transport=self._transport,
            classify=_classify,
            policy=self._policy,
            wait=self._wait,
            random=self._random,
        )
        return _read_reply(settled.reply, success=success, attempts=settled.answer.attempts)


def _classify(reply: HttpReply) -> Answer:
    answer = judge_status(reply.status, reply.headers)
    if reply.status == 200:
        is_readable = _read_document(reply.body) is not None
        return answer if is_readable else structs.replace(answer, verdict=Verdict.UNKNOWN)
    if reply.status in _OF_ONE_PERSON:
        return structs.replace(answer, verdict=Verdict.PAYLOAD)
    if answer.verdict in (Verdict.ACCEPTED, Verdict.PAYLOAD):
        # A success that is not documented, or a question that is too long: nothing to go on with.
        return structs.replace(answer, verdict=Verdict.UNKNOWN, code=reply.status)
    hint = _NOT_APPROVED if answer.verdict in (Verdict.AUTHORIZATION, Verdict.CONFIGURATION) else ""
    return structs.replace(answer, hint=hint)


def _read_reply(reply: HttpReply, *, success: EnvelopeStatus, attempts: int) -> EnvelopeReply:
    status = _OF_ONE_PERSON.get(reply.status)
    if status is not None:
        return EnvelopeReply(status=status, attempts=attempts)
    value = value_of_answer(_read_document(reply.body) or {})
    if value is None or not is_envelope(value):
        return EnvelopeReply(status=EnvelopeStatus.NOT_IN_ANSWER, attempts=attempts)
    return EnvelopeReply(status=success, envelope=value, attempts=attempts)


def _read_document(body: bytes) -> Mapping[str, Any] | None:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    return document if isinstance(document, Mapping) else None


def _checked_origin(origin: str) -> str:
    parts = urlsplit(origin.rstrip("/"))
    if parts.scheme != "https" or not parts.hostname or parts.path or parts.query or "@" in parts.netloc:
        raise ConfigurationError(
            "Give as origin https:// and a domain that LiveRamp approved for the placement, without a path."
        )
    return origin.rstrip("/")
