# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""LiveRamp's conversions adapter: ``POST /send-events/<ATS configuration id>``, and the destination over it.

Whoever knows the configuration id can post under it, and it stands in the path: so the path is shown to no
log and no error.

What is documented: all events of one request belong to one user session, and many events in one request are
not meant. What is not: statuses, bodies, limits, credentials. So any status of success counts, unless its
body is a page for people, or says in so many words that it failed; nothing else of a body is read. LiveRamp
passes events on later, and drops what it does not support without a word: its acceptance proves no delivery
to TikTok.

Source: LiveRamp, "The TikTok Events API", read 2026-11.
"""

from __future__ import annotations

import random as random_module
import re
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import structs

from airflow_provider_tiktok.conversions.answers import Answer, Verdict
from airflow_provider_tiktok.conversions.batching import Batch, Encoded, Limits
from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.events import PreparedEvent, Violation
from airflow_provider_tiktok.conversions.http import (
    HttpReply,
    HttpRequest,
    Pace,
    Random,
    RetryPolicy,
    Transport,
    Wait,
    ask,
    judge_status,
    wait_unstopped,
)
from airflow_provider_tiktok.conversions.identifiers import Identity, IdentityRules, rows
from airflow_provider_tiktok.conversions.liveramp.columns import LiveRampColumns, session_of
from airflow_provider_tiktok.conversions.liveramp.payload import (
    DEVICE_KEYS,
    TIKTOK,
    check_pass_on,
    encode,
    is_advertising_id,
    to_record,
)
from airflow_provider_tiktok.conversions.liveramp.privacy import without_personal
from airflow_provider_tiktok.conversions.liveramp.rules import EventChecks
from airflow_provider_tiktok.conversions.liveramp.stored_envelopes import unwrap
from airflow_provider_tiktok.conversions.values import PEOPLE

BASE_URL: Final = "https://capi.analytics.rlcdn.com"

MOST_EVENTS: Final = 100
"""How many events one request may hold. LiveRamp gives no number, and warns of 1,000."""

MOST_EVENTS_APART: Final = 100
"""How many events may come between the first of a request and its sending.

A session that stays open holds the checkpoint: all that was sent after its first event is sent again by a
retry. So sessions whose events lie further apart take several requests."""

_OPENING, _CLOSING = b'{"events":[', b"]}"

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,39}")
_PHONE_NUMBER: Final = re.compile(r"[0-9.-]{7,16}")

_IN_PART: Final = frozenset({206, 207})
"""Statuses of success that speak of more than one outcome."""

_LONGEST_BODY: Final = 65_536
_PAGE: Final = re.compile(rb"<[^\0]*?<(?:title|body|form|h1)\b", re.IGNORECASE)
_FAILED: Final = frozenset({"error", "failed", "failure", "invalid", "refused", "rejected"})

_MAY_BE_ONE_EVENT: Final = frozenset({400, 422})

_NOT_SET_UP: Final = "Check the events' violations, and that the ATS configuration is set up for TikTok."
_NOT_APPROVED: Final = "Ask LiveRamp what this ATS configuration demands of servers that call it."
_HINTS: Final[Mapping[int, str]] = MappingProxyType(
    {
        400: _NOT_SET_UP,
        401: _NOT_APPROVED,
        403: _NOT_APPROVED,
        404: "Check the connection's ATS configuration id (LiveRamp Console > ATS > Web > your "
        "configuration > Admin tab).",
        422: _NOT_SET_UP,
    }
)


IDENTITY_TABLE: Final = rows(
    # These never go this way; they are for the dead letters, which may be sent to TikTok, too.
    *("email", "phone", "external_id", "first_name", "last_name", "zip_code", "city", "state", "country"),
    *("ttclid", "ttp", "ip", "user_agent", "locale", "idfa", "gaid", "idfv", "att_status", "lead_id"),
    *("envelope", "session_id"),
)


class AdapterClient:
    """Sends events to one ATS configuration; safe to share between threads.

    :param configuration_id: secret; opaque text without spaces and slashes.
    :param headers: sent along; LiveRamp documents none.
    :param pace: of all requests of the task; ``None``: each request for itself.
    :raises ConfigurationError: the configuration id cannot be one.
    """

    def __init__(
        self,
        configuration_id: str,
        *,
        base_url: str = BASE_URL,
        transport: Transport,
        headers: Mapping[str, str] | None = None,
        policy: RetryPolicy | None = None,
        pace: Pace | None = None,
        wait: Wait = wait_unstopped,
        random: Random = random_module.random,
    ) -> None:
        if not configuration_id or re.search(r"[\s/]", configuration_id):
            raise ConfigurationError(
                "Give the ATS configuration id of your placement: it is empty, or holds a space or a slash."
            )
        self._url = f"{base_url}/send-events/{quote(configuration_id, safe='')}"
        self._shown = f"POST {urlsplit(base_url).hostname}/send-events/***"
        self._headers = {"Content-Type": "application/json", "Accept": "application/json", **(headers or {})}
        self._transport = transport
        self._policy = policy
        self._pace = pace
        self._wait = wait
        self._random = random

    def __repr__(self) -> str:
        return f"AdapterClient({self._shown})"

    @property
    def address(self) -> str:
        """Where events go to, with the configuration id: secret."""
        return self._url

    def send(self, events: Sequence[bytes]) -> Answer:
        """The settled answer for one request of these events, in this order.

        :raises RequestError: as ``http.exchange``.
        :raises ConfigurationError: the request is refused, whatever its events.
        """
        request = HttpRequest(
            method="POST",
            url=self._url,
            headers=self._headers,
            body=_OPENING + b",".join(events) + _CLOSING,
            name=self._shown,
        )
        return ask(
            request,
            transport=self._transport,
            classify=partial(self._classify, request),
            policy=self._policy,
            pace=self._pace,
            wait=self._wait,
            random=self._random,
        )

    def _classify(self, request: HttpRequest, reply: HttpReply) -> Answer:
        answer = judge_status(reply.status, reply.headers)
        verdict = _verdict_of(reply, answer.verdict)
        return structs.replace(
            answer,
            verdict=verdict,
            hint=_HINTS.get(reply.status, ""),
            request_id=_request_id(reply, request),
        )


def _request_id(reply: HttpReply, request: HttpRequest) -> str | None:
    """The id, if it looks like one: it goes into logs and receipts, where no echo of the request may go."""
    text = reply.header("X-Request-Id") or ""
    if not _REQUEST_ID.fullmatch(text) or _PHONE_NUMBER.fullmatch(text):
        return None
    is_echo = text in request.url or text.encode() in (request.body or b"")
    return None if is_echo else text


def _verdict_of(reply: HttpReply, verdict: Verdict) -> Verdict:
    """The verdict by status, and by a body that takes a success back.

    LiveRamp documents no statuses. A 400 may mean one event, or the configuration: so it is laid to an event,
    and whoever delivers sees whether any other is taken.
    """
    if reply.status in _MAY_BE_ONE_EVENT:
        return Verdict.PAYLOAD
    if verdict is not Verdict.ACCEPTED:
        return verdict
    if reply.status in _IN_PART:
        return Verdict.UNKNOWN
    body = reply.body[:_LONGEST_BODY].lstrip()
    if _PAGE.match(body):  # some proxy's, or another host's
        return Verdict.UNKNOWN
    return Verdict.PAYLOAD if _speaks_of_failure(body) else verdict


def _speaks_of_failure(body: bytes) -> bool:
    """Whether a body says that events were not taken, in the words that APIs have for it."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return False
    if not isinstance(document, Mapping):
        return False
    said = {str(name).casefold(): value for name, value in document.items()}
    status = said.get("status")
    is_failed = isinstance(status, str) and status.casefold() in _FAILED
    is_denied = any(said.get(name) is False for name in ("success", "ok", "accepted"))
    return is_failed or is_denied or any(said.get(name) for name in ("error", "errors"))


class LiveRampDestination:
    """LiveRamp, as the engine's destination.

    :param check: what is wrong with an event (``rules.EventChecks``).
    :param identity: what the run says of its identifiers.
    :param platforms: whom LiveRamp shall pass events on to.
    :param pass_on: LiveRamp's key in ``user_data`` to the match key to put there (see ``payload.encode``).
    :raises ConfigurationError: more events in a request than belong to a user session, or a match key that
        may not go this way.
    """

    def __init__(
        self,
        client: AdapterClient,
        *,
        check: EventChecks,
        identity: IdentityRules | None = None,
        max_events: int = 20,
        max_bytes: int = 1_000_000,
        platforms: Sequence[str] = TIKTOK,
        pass_on: Mapping[str, str] | None = None,
    ) -> None:
        self._pass_on = check_pass_on(pass_on or {})
        if not 1 <= max_events <= MOST_EVENTS:
            raise ConfigurationError(
                f"Set max_events_per_request to 1 to {MOST_EVENTS}: a request to LiveRamp holds events "
                "of one user session."
            )
        self.identity = Identity(table=IDENTITY_TABLE, rules=identity or IdentityRules())
        self._client = client
        self._check = check
        self._platforms = _checked_platforms(platforms)
        self.columns = LiveRampColumns(check.times, platforms=self._platforms, pass_on=self._pass_on)
        self._limits = Limits(
            max_events=max_events,
            max_bytes=max_bytes,
            overhead_bytes=len(_OPENING) + len(_CLOSING),
            max_age=MOST_EVENTS_APART,
        )

    @property
    def name(self) -> str:
        """How people call the place. It says what a receipt of it proves."""
        return "LiveRamp (its acceptance proves no delivery to TikTok)"

    @property
    def address(self) -> str:
        """What tells this destination from every other, configuration id included: only ever digested."""
        return repr((self._client.address, self._platforms))

    @property
    def limits(self) -> Limits:
        """How large one request may be."""
        return self._limits

    def check(self, event: PreparedEvent) -> tuple[Violation, ...]:
        """Everything LiveRamp would refuse or drop, ``event.violations`` included."""
        return self._check(event)

    def encode(self, event: PreparedEvent) -> Encoded:
        """The event in its wire form. Events share a request only within one session and one envelope."""
        return Encoded(
            body=encode(event, platforms=self._platforms, pass_on=self._pass_on),
            group=_session_of(event),
            rank=event.event_time or 0,
        )

    def record(self, event: PreparedEvent) -> Mapping[str, Any]:
        """The event for the dead letters, without envelope, address, session and what is personal in it."""
        return to_record(without_personal(event))

    def send(self, batch: Batch) -> Answer:
        """LiveRamp's answer to one session's events, sent in order of time."""
        return self._client.send(batch.lines)


def _checked_platforms(platforms: Sequence[str]) -> tuple[str, ...]:
    """LiveRamp passes an event on to no platform it does not know, and does not say so."""
    names = (platforms,) if isinstance(platforms, str) else tuple(platforms)
    is_named = names and all(name and str(name).strip() == name for name in names)
    if not is_named or len(set(names)) < len(names):
        raise ConfigurationError("Give a list of platforms as event_manager, such as ['tiktok'], each once.")
    for name in names:
        if name != "tiktok" and re.sub(r"[^a-z]", "", name.casefold()) == "tiktok":
            raise ConfigurationError(f"Write 'tiktok' in place of {name!r} in event_manager.")
    return names


def _session_of(event: PreparedEvent) -> bytes:
    """What tells this user session from others; shows neither its id nor the envelope."""
    user = event.user
    session_id = "" if PEOPLE.holds(user.session_id or "") else user.session_id or ""
    # One person's two devices are two sessions.
    devices = [getattr(user, name) or "" for name in DEVICE_KEYS]
    sent = (device if is_advertising_id(device) else "" for device in devices)
    return session_of("\0".join((session_id, unwrap(user.envelope or ""), *sent)))
