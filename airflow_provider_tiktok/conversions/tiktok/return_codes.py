# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""TikTok's return codes: what a run does about each, as one table, and the reading of answers by it.

TikTok reports nearly every failure with HTTP 200 and a ``code`` in the body, so the body is read first,
whatever the status; the status decides only where the body has no code. A code that is not in the table is
not understood, and never success.

Sources: TikTok API for Business, "Appendix - Return codes" (v1.3), read 2026-11; constants of TikTok's
business SDK 1.1.3 (2026-02). What a run does about a code is this library's reading of them.
"""

from __future__ import annotations

import math
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct, structs

from airflow_provider_tiktok.conversions.answers import Answer, Verdict
from airflow_provider_tiktok.conversions.event_names import APP_NAMES, PAGE_VIEWS, WEB_NAMES
from airflow_provider_tiktok.conversions.events import (
    Ad,
    App,
    Content,
    Lead,
    Page,
    PreparedEvent,
    PreparedUser,
    Properties,
)
from airflow_provider_tiktok.conversions.http import (
    Echoes,
    HttpReply,
    HttpRequest,
    describe,
    judge_status,
    read_retry_after,
)
from airflow_provider_tiktok.conversions.sealed import Sealed

# ------------------------------------------------------------------------------------------ the table


class ReturnCode(Struct, frozen=True):
    """What one code, or a span of codes, means.

    :param first: the code, or the first of the span.
    :param last: the last of the span; 0 for a single code.
    :param hint: what a person can do, empty where there is nothing to do.
    :param may_be_taken: whether the events may have been taken although the code says failure.
    :param is_too_frequent: whether the code says nothing but that there were too many requests.
    :param may_be_one_event: whether TikTok may say so of every request that holds one certain event.
    :param turns_into: the verdict once the code came ``turns_after`` times for one request.
    """

    first: int
    verdict: Verdict
    meaning: str
    hint: str = ""
    last: int = 0
    may_be_taken: bool = False
    is_too_frequent: bool = False
    may_be_one_event: bool = False
    turns_into: Verdict | None = None
    turns_after: int = 0

    @property
    def codes(self) -> range:
        """All codes of this row."""
        return range(self.first, (self.last or self.first) + 1)


_RENEW = "Make a new access token in Events Manager (Settings > Events API) and put it into the connection."
_ROLE = "Check that the token's account owns this event source and is admin or operator of the advertiser."
_CALL = "Check the host in the connection, and for a newer version of this provider."
UNKNOWN_CODE = (
    "Look the code up in TikTok's documentation: this version does not know it, and assumes nothing."
)
_LATER = "Try again later: TikTok could not answer just now."
_SLOWER = "Send fewer requests at once, or set a rate limit."
_OAUTH = "Repeat the authorization of the developer app that made this token."

RETURN_CODES: tuple[ReturnCode, ...] = (
    ReturnCode(0, Verdict.ACCEPTED, "OK"),
    ReturnCode(20001, Verdict.PARTIAL, "partly successful"),
    ReturnCode(40000, Verdict.PAYLOAD, "invalid parameters"),
    ReturnCode(40001, Verdict.AUTHORIZATION, "no permission", _ROLE),
    ReturnCode(40002, Verdict.PAYLOAD, "a parameter is wrong; the message says which"),
    ReturnCode(40003, Verdict.AUTHORIZATION, "forbidden", _ROLE),
    ReturnCode(40006, Verdict.CONFIGURATION, "version not compatible", _CALL),
    ReturnCode(
        40007,
        Verdict.CONFIGURATION,
        "the object does not exist",
        "Check the pixel, event set and advertiser id; they may have been deleted.",
    ),
    ReturnCode(40008, Verdict.CONFIGURATION, "not implemented here", _CALL, last=40009),
    ReturnCode(40010, Verdict.CONFIGURATION, "wrong domain", _CALL),
    ReturnCode(40011, Verdict.PAYLOAD, "too many ids"),
    ReturnCode(40013, Verdict.CONFIGURATION, "sandbox account or cluster not valid", _CALL, last=40014),
    ReturnCode(40016, Verdict.RETRY, "requests too frequent", _SLOWER, is_too_frequent=True),
    # Nothing says whether the request it repeats was taken, so it is not called success.
    ReturnCode(
        40050,
        Verdict.UNKNOWN,
        "repeated request refused",
        "Look in Events Manager whether the events arrived, then send the dead letters again if not.",
    ),
    ReturnCode(40051, Verdict.CONFIGURATION, "version not valid", _CALL),
    ReturnCode(40061, Verdict.PAYLOAD, "batch size not valid"),
    ReturnCode(40062, Verdict.PAYLOAD, "personal data is not hashed"),
    ReturnCode(
        40063, Verdict.CONFIGURATION, "partner name not valid", "Leave partner_name out: TikTok registers it."
    ),
    # One code for the limits per second and per minute: where seconds do not help, it is the minute's.
    ReturnCode(
        40100,
        Verdict.RETRY,
        "requests too frequent",
        _SLOWER,
        is_too_frequent=True,
        turns_into=Verdict.RETRY_SLOWLY,
        turns_after=4,
    ),
    ReturnCode(40101, Verdict.AUTHORIZATION, "app id, secret and authorization code do not match", _OAUTH),
    ReturnCode(40102, Verdict.AUTHORIZATION, "access token expired", _RENEW),
    ReturnCode(40103, Verdict.AUTHORIZATION, "refresh token expired", _OAUTH),
    ReturnCode(40104, Verdict.AUTHORIZATION, "access token empty", _RENEW),
    ReturnCode(40105, Verdict.AUTHORIZATION, "access token not valid", _RENEW),
    ReturnCode(40106, Verdict.AUTHORIZATION, "core user not valid", _ROLE),
    ReturnCode(40107, Verdict.AUTHORIZATION, "refresh token not valid", _OAUTH),
    ReturnCode(
        40108, Verdict.AUTHORIZATION, "grant type, cipher or authorization code wrong", _OAUTH, last=40110
    ),
    ReturnCode(
        40112,
        Verdict.AUTHORIZATION,
        "password, app, login, time, signature, method, allow list or identity refused",
        _ROLE,
        last=40119,
    ),
    ReturnCode(
        40120,
        Verdict.AUTHORIZATION,
        "user, creator, developer or scope without permission",
        _ROLE,
        last=40131,
    ),
    ReturnCode(
        40132,
        Verdict.RETRY_SLOWLY,
        "too many requests for one value, such as this pixel, or a token that may have leaked",
        "Make a new access token if it stays, and look for other senders that use this one.",
        is_too_frequent=True,
    ),
    ReturnCode(40133, Verdict.RETRY, "too many requests of this advertiser", _SLOWER, is_too_frequent=True),
    ReturnCode(40200, Verdict.RETRY, "task failed or not ready", _LATER, last=40201),
    ReturnCode(40202, Verdict.RETRY, "write conflict", _LATER),
    ReturnCode(
        40300,
        Verdict.CONFIGURATION,
        "advertiser missing, or in the wrong role",
        "Check the advertiser id in the connection.",
        last=40302,
    ),
    ReturnCode(40400, Verdict.CONFIGURATION, "no such path", _CALL),
    # Called a fault of the service by some and of the payload by others: tried again once, then taken apart.
    ReturnCode(
        40700,
        Verdict.RETRY,
        "internal validation error",
        may_be_one_event=True,
        turns_into=Verdict.PAYLOAD,
        turns_after=2,
    ),
    ReturnCode(
        41000, Verdict.CONFIGURATION, "blocked for this country", "Send from an address TikTok serves."
    ),
    ReturnCode(41001, Verdict.CONFIGURATION, "interface or fields no longer offered", _CALL, last=41002),
    ReturnCode(50000, Verdict.RETRY, "system error", _LATER, may_be_taken=True, may_be_one_event=True),
    ReturnCode(
        50002, Verdict.RETRY, "processing error or timeout", _LATER, may_be_taken=True, may_be_one_event=True
    ),
    ReturnCode(
        51000,
        Verdict.RETRY,
        "internal service error",
        _LATER,
        last=51099,
        may_be_taken=True,
        may_be_one_event=True,
    ),
    ReturnCode(
        51305, Verdict.RETRY, "internal service error", _LATER, may_be_taken=True, may_be_one_event=True
    ),
    ReturnCode(
        52000, Verdict.RETRY, "storage error", _LATER, last=52204, may_be_taken=True, may_be_one_event=True
    ),
    ReturnCode(
        53102,
        Verdict.RETRY,
        "serialisation error",
        _LATER,
        last=53103,
        may_be_taken=True,
        may_be_one_event=True,
    ),
    ReturnCode(60001, Verdict.RETRY_SLOWLY, "maintenance", _LATER),
    ReturnCode(
        61000, Verdict.RETRY, "too many requests of this line of business", _SLOWER, is_too_frequent=True
    ),
    ReturnCode(70001, Verdict.AUTHORIZATION, "kind of authorization not valid", _OAUTH),
)

_BY_CODE: Mapping[int, ReturnCode] = {code: row for row in RETURN_CODES for code in row.codes}

_ACTIONS: Mapping[Verdict, str] = {
    Verdict.ACCEPTED: "counts the events as accepted",
    Verdict.PARTIAL: "rejects the named events, accepts the others",
    Verdict.RETRY: "tries again after seconds",
    Verdict.RETRY_SLOWLY: "tries again after minutes",
    Verdict.AUTHORIZATION: "stops: the token is refused",
    Verdict.PAYLOAD: "takes the batch apart, rejects the guilty events, sends the others",
    Verdict.CONFIGURATION: "stops: a setting is wrong",
    Verdict.UNKNOWN: "stops; the events are unconfirmed",
}


def find(code: int) -> ReturnCode | None:
    """The row of a code; ``None`` for a code that the table does not have."""
    return _BY_CODE.get(code)


def as_markdown() -> str:
    """The table for people, as Markdown."""
    head = "| code | meaning | what a run does | what you can do |\n|--|--|--|--|"
    return "\n".join((head, *(_markdown_row(row) for row in RETURN_CODES))) + "\n"


def _markdown_row(row: ReturnCode) -> str:
    codes = f"{row.first}-{row.last}" if row.last else f"{row.first}"
    action = _ACTIONS[row.verdict]
    if row.turns_into is not None:
        action += f"; after {row.turns_after} times {_ACTIONS[row.turns_into]}"
    return f"| {codes} | {row.meaning} | {action} | {row.hint} |"


# ------------------------------------------------------------------------- faults of the request itself

# 40000 and 40002 stand for a wrong event and for a wrong request alike; only the field path in the message
# tells them apart. Taking a request fault for an event fault would refuse every event, one by one.
_REQUEST_FIELDS: Mapping[str, str] = {
    "access-token": _RENEW,
    "access_token": _RENEW,
    "advertiser": "Check the advertiser id in the connection.",
    "advertiser_id": "Check the advertiser id in the connection.",
    "event_source": "Use web, app, offline or crm; app needs TikTok's permission.",
    "event_source_id": (
        "Give the pixel code for web, the event set id for offline and crm, the TikTok app id for app."
    ),
    "partner_name": "Leave partner_name out: TikTok registers it.",
    "pixel_code": "Check the pixel code.",
    "test_event_code": "Take a new code from Events Manager > Test events, or leave it out.",
}
_REQUEST_PHRASES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"no permission to operate\b", re.IGNORECASE), _ROLE),
    (re.compile(r"(?:invalid|unknown) pixel code\b", re.IGNORECASE), "Check the pixel code."),
)
# In the head of the message, where it names no field of an event.
_REQUEST_WORDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(?:access )?token\b"), _RENEW),
    (re.compile(r"\btest (?:event )?code\b"), _REQUEST_FIELDS["test_event_code"]),
    (
        re.compile(r"\b(?:pixel|event source|event set|source id|app id)\b"),
        _REQUEST_FIELDS["event_source_id"],
    ),
    (re.compile(r"\bnumber of events\b"), "Lower max_events_per_request."),
    (re.compile(r"\b(?:advertiser|partner name)\b"), "Check the advertiser and the partner name."),
)
_MISSING_FIELDS = re.compile(r"missing required field\(s\):?\s*(?P<paths>[\w\s,.\[\]-]+)", re.IGNORECASE)
_NAMED_FIELD = re.compile(
    r"(?:invalid\s+(?:value\s+for\s+)?)?(?P<paths>[a-z_][\w.\[\]-]*)(?=[\s:]|$)", re.IGNORECASE
)


def find_request_fault(message: str) -> str | None:
    """A person's remedy where TikTok's words name a field of the request, not of an event; else ``None``.

    Only the field path at the head of the message counts: behind it the message may repeat a value, and no
    event's content may stop a run.
    """
    for phrase, hint in _REQUEST_PHRASES:
        if phrase.match(message):
            return hint
    named = _MISSING_FIELDS.match(message) or _NAMED_FIELD.match(message)
    if named is None:
        return None
    paths = (path.strip().rstrip(".").lower() for path in named["paths"].split(","))
    return next((_REQUEST_FIELDS[path] for path in paths if path in _REQUEST_FIELDS), None)


def find_request_words(message: str) -> str | None:
    """A person's remedy where TikTok's words are about the token, the source, the test code; else ``None``.

    Asked of a message that names nothing of an event.
    """
    head = re.sub(r"[\W_]+", " ", _head_of(message).lower())
    return next((hint for words, hint in _REQUEST_WORDS if words.search(head)), None)


def names_event(message: str) -> bool:
    """Whether TikTok's words name a place among the events, or the path of an event's field."""
    head = _head_of(message)
    if _INDEX.search(head):
        return True
    missing = _MISSING_FIELDS.match(message)
    named = (
        missing["paths"].split(",") if missing else [m["path"] for m in _EVENT_FIELD.finditer(message)][:1]
    )
    parts = {part for path in named for part in re.split(r"[.\[\]\s]+", path.strip().lower())}
    return bool(parts & _EVENT_FIELD_NAMES)


# ------------------------------------------------------------------------------- the event that is named

# How an index is written in answers of "Report events" is not documented; "Batch.<i>" is what the endpoints
# before it wrote, counting from 0.
_INDEX = re.compile(
    r"\b(?:data\[(?P<bracket>[0-9]{1,6})\]|(?:data|batch)\.(?P<dot>[0-9]{1,6})(?!\w)"
    r"|index[ :=]{1,2}(?P<word>[0-9]{1,6})\b)",
    re.IGNORECASE,
)
_QUOTED_PART = re.compile(r"\"[^\"]*\"?|'[^']*'?")


# "Invalid value for user.city: …" or "user.city: …".
_EVENT_FIELD = re.compile(
    r"\A(?:invalid\s+(?:value\s+for\s+)?)?(?P<path>[a-z_][\w.\[\]-]*)\s*:(?=\s|$)", re.IGNORECASE
)


def _head_of(message: str) -> str:
    """Up to the first colon, without quoted parts: behind it the message may repeat a value."""
    return re.split(r":(?=\s|$)", _QUOTED_PART.sub("", message), maxsplit=1)[0]


def find_guilty(message: str, *, n_events: int | None) -> int | None:
    """Place in the batch, from 0, of the event that TikTok's words name; ``None`` where they name none.

    A hint, no proof: whether TikTok counts from 0 is not documented. Only the head of the message counts, up
    to the first colon, without quoted parts.

    :param n_events: events in the request; a place beyond is none.
    """
    found = _INDEX.search(_head_of(message))
    if found is None:
        return None
    place = int(found["bracket"] or found["dot"] or found["word"])
    return place if n_events is None or place < n_events else None


# ------------------------------------------------------------------------------------- partial answers


def read_failed_events(data: Any, *, n_events: int | None, echoes: Echoes | None = None) -> Mapping[int, str]:
    """Place in the batch, from 0, to TikTok's words; empty where it cannot be told which events failed.

    Whether ``order_in_batch`` counts from 0 or 1 is not documented. An index of 0 proves the one, an index
    that equals the number of events the other; without proof nothing is assumed, since it would reject
    events that were taken and accept events that were not.

    :param echoes: as for ``classify``.
    """
    indexes = _read_indexes(data, echoes)
    if not indexes or n_events is None:
        return {}
    base = _find_base(indexes, n_events=n_events)
    if base is None or not all(base <= index < base + n_events for index in indexes):
        return {}
    return {index - base: words for index, words in indexes.items()}


def _read_indexes(data: Any, echoes: Echoes | None) -> Mapping[int, str]:
    """``order_in_batch`` to words; empty where an entry cannot be read: the others prove nothing then."""
    entries = data.get("failed_events") if isinstance(data, dict) else None
    indexes: dict[int, str] = {}
    for entry in entries if isinstance(entries, list) else ():
        index = entry.get("order_in_batch") if isinstance(entry, dict) else None
        if type(index) is not int:
            return {}
        indexes.setdefault(index, _shown(entry.get("error"), echoes))
    return indexes


def _find_base(indexes: Iterable[int], *, n_events: int) -> int | None:
    proofs = {base for base, index in ((0, 0), (1, n_events)) if index in indexes}
    return proofs.pop() if len(proofs) == 1 else None


def _names_failures(data: Any) -> bool:
    """Whether an answer names failed events, whatever its code says."""
    return isinstance(data, dict) and (bool(data.get("failed_events")) or data.get("partial_failure") is True)


# ------------------------------------------------------------------------------------------ one answer


def _field_names() -> frozenset[str]:
    types = (PreparedEvent, PreparedUser, Content, Page, App, Ad, Lead)
    ours = {name for each in types for name in each.__struct_fields__}
    return frozenset({*ours, *Properties.__annotations__, *_REQUEST_FIELDS, "data"})


_FIELD_NAMES = _field_names()

_EVENT_FIELD_NAMES = _FIELD_NAMES - _REQUEST_FIELDS.keys() - {"data"}


class _Reading(Sealed, frozen=True):
    """A reply with a code, and what is known of its request."""

    reply: HttpReply
    body: Mapping[str, Any]
    n_events: int | None
    clock: Callable[[], float]
    echoes: Echoes | None


def classify(
    reply: HttpReply,
    *,
    n_events: int | None = None,
    clock: Callable[[], float] = time.time,
    echoes: Echoes | None = None,
) -> Answer:
    """What a reply of TikTok means.

    :param n_events: events in the request, ``None`` for requests without events.
    :param clock: Unix seconds, for limits that end at a time of the day.
    :param echoes: what was sent, which is masked in TikTok's words; ``None``: not known.
    """
    body = read_body(reply)
    request_id = _read_request_id(body, reply, echoes)
    code = body.get("code")
    if type(code) is not int:
        return _judge_without_code(reply, request_id=request_id)
    row = find(code)
    answer = Answer(
        verdict=Verdict.UNKNOWN if row is None else row.verdict,
        code=code,
        message=_shown(body.get("message"), echoes),
        hint=UNKNOWN_CODE if row is None else row.hint,
        request_id=request_id,
        http_status=reply.status,
        may_be_taken=row is not None and row.may_be_taken,
        is_too_frequent=row is not None and row.is_too_frequent,
        may_be_one_event=row is not None and row.may_be_one_event,
    )
    refine = _REFINEMENTS.get(answer.verdict)
    return answer if refine is None else refine(answer, _Reading(reply, body, n_events, clock, echoes))


def read_body(reply: HttpReply) -> dict[str, Any]:
    """The reply's JSON object; empty where it holds none."""
    try:
        body = msgspec.json.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _judge_without_code(reply: HttpReply, *, request_id: str | None) -> Answer:
    """By the status alone; a 2xx without a code is no success, since TikTok reports failures with 200."""
    if 200 <= reply.status < 300:
        return Answer(
            verdict=Verdict.UNKNOWN,
            message="an answer without a code",
            hint="Check whether the host in the connection, or a proxy before it, is TikTok's API.",
            request_id=request_id,
            http_status=reply.status,
        )
    return structs.replace(judge_status(reply.status, reply.headers), request_id=request_id)


def _refine_accepted(answer: Answer, reading: _Reading) -> Answer:
    if not _names_failures(reading.body.get("data")):
        return answer
    return _refine_partial(structs.replace(answer, verdict=Verdict.PARTIAL), reading)


def _refine_partial(answer: Answer, reading: _Reading) -> Answer:
    failed = read_failed_events(reading.body.get("data"), n_events=reading.n_events, echoes=reading.echoes)
    return structs.replace(answer, failed=failed)


def _refine_payload(answer: Answer, reading: _Reading) -> Answer:
    words = reading.body.get("message")
    message = words if isinstance(words, str) else ""
    is_of_event = answer.code in _ABOUT_EVENTS or names_event(message)
    hint = find_request_fault(message)
    if hint is None and reading.n_events and not is_of_event:  # without events it only asks for a refusal
        hint = find_request_words(message)
    if hint is not None:
        return structs.replace(answer, verdict=Verdict.CONFIGURATION, hint=hint)
    guilty = find_guilty(message, n_events=reading.n_events)
    return structs.replace(answer, guilty=guilty, names_event=is_of_event)


_ABOUT_EVENTS = frozenset({40062})  # what is not hashed is an event's


def _refine_wait(answer: Answer, reading: _Reading) -> Answer:
    answer = structs.replace(answer, retry_after_s=read_retry_after(reading.reply.headers))
    return _name_limit(answer, reading) if answer.is_too_frequent else answer


# "Rate limits", read 2026-08: after a breach of the limit of a minute pause five minutes, after that of a day
# until 00:00 UTC. All limits have the same codes; TikTok's names for them are QPS, QPM and QPD.
_OF_A_DAY = re.compile(r"\bqpd\b|\bper day\b|\bdaily\b|\ba day\b", re.IGNORECASE)
_OF_A_MINUTE = re.compile(r"\bqpm\b|\bper minute\b|\ba minute\b", re.IGNORECASE)
_MINUTE_PAUSE_S = 300.0
_MOST_WORDS = 1000
_DAY_S = 86_400


def _name_limit(answer: Answer, reading: _Reading) -> Answer:
    """The answer with the time at which it is worth sending again, where TikTok names the limit."""
    words = str(reading.body.get("message"))[:_MOST_WORDS]
    now = reading.clock()
    if _OF_A_DAY.search(words):
        limit, wait_s = "a day", _DAY_S - now % _DAY_S
    elif _OF_A_MINUTE.search(words):
        limit, wait_s = "a minute", _MINUTE_PAUSE_S
    else:
        return answer
    wait_s = max(wait_s, answer.retry_after_s or 0.0)
    hint = f"Send again after {_utc(now + wait_s)}: the limit of requests {limit} is used up."
    return structs.replace(answer, hint=hint, retry_after_s=wait_s, is_too_frequent=False, is_used_up=True)


def _resume_hint(now: float) -> str:
    """For refusals that no slower pace ends, where TikTok does not name the limit."""
    minute, day = _utc(now + _MINUTE_PAUSE_S), _utc(now + _DAY_S - now % _DAY_S)
    return f"Send again later: a minute's limit ends by {minute}, a day's limit at {day}."


def _utc(seconds: float) -> str:
    return f"{datetime.fromtimestamp(math.ceil(seconds), UTC):%Y-%m-%d %H:%M:%S} UTC"


_REFINEMENTS: Mapping[Verdict, Callable[[Answer, _Reading], Answer]] = {
    Verdict.ACCEPTED: _refine_accepted,
    Verdict.PARTIAL: _refine_partial,
    Verdict.PAYLOAD: _refine_payload,
    Verdict.RETRY: _refine_wait,
    Verdict.RETRY_SLOWLY: _refine_wait,
}


_REQUEST_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")


def _read_request_id(body: Mapping[str, Any], reply: HttpReply, echoes: Echoes | None) -> str | None:
    """TikTok's id of the request, if it looks like one and is no echo: it goes into logs and receipts."""
    ids = (str(id_) for id_ in (body.get("request_id"), reply.header("X-Tt-Logid")) if id_ is not None)
    found = next((id_ for id_ in ids if _REQUEST_ID.fullmatch(id_)), None)
    is_success = body.get("code") == 0  # nothing is looked for in most answers: that takes time
    return None if found and echoes and not is_success and echoes.is_echo(found) else found


# Nothing is looked for in these words: TikTok says them of every request that it takes.
_OF_SUCCESS = frozenset({"", "OK"})


def _shown(words: Any, echoes: Echoes | None) -> str:
    if not isinstance(words, str) or words in _OF_SUCCESS:
        return words if isinstance(words, str) else ""
    return describe(words if echoes is None else echoes.mask(words), known=_FIELD_NAMES)


_PRIVATE_FIELDS = frozenset({"user", "lead", "page", "secret"})
_LOOKED_UP = frozenset(
    {
        "event_source",
        "event_source_id",
        "partner_name",
        "advertiser_id",
        "app_id",
        "code",
        "pixel_id",
        "pixel_ids",
        "event_set_ids",
    }
)
_OWN_WORDS = (*WEB_NAMES, *APP_NAMES, *PAGE_VIEWS, "product", "product_group", "offline", "string")
_WORDS = frozenset(word.lower() for word in (*_FIELD_NAMES, *_OWN_WORDS))


def echoes_of(request: HttpRequest) -> Echoes:
    """What a request to TikTok sends; ids that people look up, and the API's own words, may be shown."""
    return Echoes(request, private=_PRIVATE_FIELDS, shown=_LOOKED_UP, words=_WORDS)


class Classifier:
    """Reads the answers to one request, one after the other: some codes mean more when they repeat.

    :param n_events: as for ``classify``.
    :param echoes: as for ``classify``.
    """

    def __init__(
        self,
        *,
        n_events: int | None = None,
        clock: Callable[[], float] = time.time,
        echoes: Echoes | None = None,
    ) -> None:
        self._echoes = echoes
        self._n_events = n_events
        self._clock = clock
        self._seen: Counter[int] = Counter()

    def __call__(self, reply: HttpReply) -> Answer:
        """What the reply means after those before it."""
        answer = classify(
            reply,
            n_events=self._n_events,
            clock=self._clock,
            echoes=self._echoes,
        )
        row = None if answer.code is None else find(answer.code)
        if row is None or row.turns_into is None or answer.is_used_up:
            return answer
        self._seen[row.first] += 1
        if self._seen[row.first] < row.turns_after:
            return answer
        hint = _resume_hint(self._clock()) if answer.is_too_frequent else answer.hint
        return structs.replace(answer, verdict=row.turns_into, hint=hint)
