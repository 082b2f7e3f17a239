# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The retry loop around one request, for every API.

The room knows no API: a ``classify`` function of the caller says what a reply means, a ``transport``
sends, ``wait`` sleeps.
"""

from __future__ import annotations

import logging
import random as random_module
from collections.abc import Callable
from typing import Any

from msgspec import structs

from airflow_provider_tiktok.conversions.answers import Answer, Verdict
from airflow_provider_tiktok.conversions.errors import (
    AuthorizationError,
    ConfigurationError,
    ConversionsError,
    ProtocolError,
    TransientError,
    UnconfirmedError,
)
from airflow_provider_tiktok.conversions.http.messages import (
    AnswerLost,
    HttpReply,
    HttpRequest,
    NotSent,
    Transport,
    TransportError,
    Wait,
    wait_unstopped,
)
from airflow_provider_tiktok.conversions.http.pace import Pace, Sign
from airflow_provider_tiktok.conversions.http.retry import Random, RetryPolicy, delay_s
from airflow_provider_tiktok.conversions.sealed import Sealed

_log = logging.getLogger(__name__)

_SETTLED = frozenset({Verdict.ACCEPTED, Verdict.PARTIAL, Verdict.PAYLOAD})
_TRY_AGAIN = frozenset({Verdict.RETRY, Verdict.RETRY_SLOWLY})

_LATER = "Let Airflow retry, or run the task again later."
_USUAL_HINTS = {
    Verdict.RETRY: _LATER,
    Verdict.RETRY_SLOWLY: _LATER,
    Verdict.AUTHORIZATION: "Check the credentials in the connection, and what they may do.",
    Verdict.CONFIGURATION: "Check the host and the ids in the connection.",
    Verdict.UNKNOWN: "Check the host in the connection, and whether a proxy answers in its place.",
}
"""What to do about an answer of which its API's tables say nothing."""

_MOST_REFUSALS = 30
"""How often one request is refused for the pace before that costs tries: it may be refused for itself."""

_LONGEST_HOLD_S = 60.0
"""A server that wants a longer rest does not speak of the pace."""


class Exchange(Sealed, frozen=True, kw_only=True):
    """A settled request: what the answer means, and the reply it was read from."""

    answer: Answer
    reply: HttpReply


def ask(
    request: HttpRequest,
    *,
    transport: Transport,
    classify: Callable[[HttpReply], Answer],
    policy: RetryPolicy | None = None,
    pace: Pace | None = None,
    wait: Wait = wait_unstopped,
    random: Random = random_module.random,
) -> Answer:
    """The settled answer of ``exchange``, for callers that need nothing else of the reply."""
    return exchange(
        request, transport=transport, classify=classify, policy=policy, pace=pace, wait=wait, random=random
    ).answer


def exchange(
    request: HttpRequest,
    *,
    transport: Transport,
    classify: Callable[[HttpReply], Answer],
    policy: RetryPolicy | None = None,
    pace: Pace | None = None,
    wait: Wait = wait_unstopped,
    random: Random = random_module.random,
) -> Exchange:
    """A request that was settled, after the retries it was worth; every attempt sends the same bytes.

    :param classify: what a reply means. Its texts must be fit for logs (``describe``).
    :param pace: of the task, for all its requests. A request that is refused for the pace is sent again at a
        slower one, and it costs no try as long as others are accepted. ``None``: each request for itself.
    :param wait: waits between attempts. When it says stop, the retries count as spent.
    :returns: an answer whose verdict is ``ACCEPTED``, ``PARTIAL`` or ``PAYLOAD``, with the number of
        attempts and whether an earlier one may have been taken.
    :raises TransientError: retries spent, and no attempt can have been taken: try later. A ``GET`` takes
        nothing, so its lost answers end here too.
    :raises UnconfirmedError: retries spent, and an attempt may have been taken: send again, same ids.
    :raises AuthorizationError: the API refuses the credentials.
    :raises ConfigurationError: the request itself is wrong.
    :raises ProtocolError: an answer that is not understood: a code that no table has, at once; a body
        that cannot be read, after a few tries.
    """
    trail = _Trail(request, policy or RetryPolicy())
    while True:
        attempt = _try_at_pace(request, transport=transport, classify=classify, pace=pace, wait=wait)
        if attempt is None:
            raise trail.error(_NOT_SENT)
        if pace is not None and _may_wait(attempt.answer) and trail.is_held_up(pace):
            continue
        trail.add(attempt.answer)
        if attempt.answer.verdict in _SETTLED and attempt.reply is not None:
            return Exchange(answer=trail.settled(attempt.answer), reply=attempt.reply)
        pause = trail.next_wait_s(attempt.answer, random=random)
        if pause is None or wait(pause):
            raise trail.error(attempt.answer)


_NOT_SENT = Answer(verdict=Verdict.RETRY, message="not sent (told to stop)")


def _try_at_pace(
    request: HttpRequest,
    *,
    transport: Transport,
    classify: Callable[[HttpReply], Answer],
    pace: Pace | None,
    wait: Wait,
) -> _Attempt | None:
    """One attempt as soon as the pace allows it; ``None`` when told to stop before."""
    if pace is None:
        return _try_once(request, transport=transport, classify=classify)
    sent_at = pace.enter(wait)
    if sent_at is None:
        return None
    sign, hold_s = Sign.NONE, 0.0
    try:
        attempt = _try_once(request, transport=transport, classify=classify)
        sign = _sign_of(attempt.answer)
        hold_s = attempt.answer.retry_after_s or 0.0 if _may_wait(attempt.answer) else 0.0
    finally:
        pace.leave(sent_at, sign, hold_s=hold_s)
    return attempt


def _sign_of(answer: Answer) -> Sign:
    if answer.is_too_frequent:
        return Sign.REFUSED
    if answer.verdict in _TRY_AGAIN and (answer.may_be_taken or (answer.http_status or 0) >= 500):
        return Sign.OVERLOADED
    return Sign.ACCEPTED if answer.verdict in _SETTLED else Sign.NONE


def _may_wait(answer: Answer) -> bool:
    """Whether the answer is a refusal for the pace that a slower one answers."""
    return answer.is_too_frequent and (answer.retry_after_s or 0.0) <= _LONGEST_HOLD_S


class _Attempt(Sealed, frozen=True, kw_only=True):
    """What one attempt gave: a reply that was classified, or a fault put into the same words."""

    answer: Answer
    reply: HttpReply | None = None
    fault: TransportError | None = None


def _try_once(
    request: HttpRequest, *, transport: Transport, classify: Callable[[HttpReply], Answer]
) -> _Attempt:
    try:
        reply = transport(request)
    except NotSent as fault:
        hint = "" if fault.is_stop else f"Check that {request.server} can be reached from here: {fault}."
        answer = Answer(verdict=Verdict.RETRY, message=f"not sent ({fault})", hint=hint)
        return _Attempt(answer=answer, fault=fault)
    except AnswerLost as fault:
        hint = "" if fault.is_stop else f"Check the network between here and {request.server}: {fault}."
        answer = Answer(verdict=Verdict.RETRY, message=f"answer lost ({fault})", hint=hint, may_be_taken=True)
        return _Attempt(answer=answer, fault=fault)
    return _Attempt(answer=classify(reply), reply=reply)


class _Trail:
    """What is known of one request while it is tried."""

    def __init__(self, request: HttpRequest, policy: RetryPolicy) -> None:
        self._request = request
        self._policy = policy
        self._attempts = 0
        self._held_up = 0
        self._slow = 0
        self._unreadable = 0
        self._waited_s = 0.0
        self._may_be_taken = False

    def is_held_up(self, pace: Pace) -> bool:
        """Whether a refusal for the pace is none that counts; it is remembered as a request then."""
        if pace.is_hopeless or self._held_up >= _MOST_REFUSALS:
            return False
        self._held_up += 1
        _log.debug("%s: refused for the pace", self._request.shown)
        return True

    @property
    def _sent(self) -> int:
        return self._attempts + self._held_up

    def add(self, answer: Answer) -> None:
        """Counts one attempt."""
        self._attempts += 1
        self._slow += answer.verdict is Verdict.RETRY_SLOWLY
        self._unreadable += _is_unreadable(answer)
        # What only reads leaves nothing behind that a lost answer could hide.
        self._may_be_taken |= self._request.method != "GET" and _may_be_taken(answer)

    def settled(self, answer: Answer) -> Answer:
        """The answer, with what the attempts before it add to it."""
        return structs.replace(answer, attempts=self._sent, was_lost_before=self._may_be_taken)

    def next_wait_s(self, answer: Answer, *, random: Random) -> float | None:
        """Seconds before the next attempt; ``None`` where there is none."""
        if not self._is_worth_another(answer):
            return None
        pause = delay_s(self._attempts, answer=answer, policy=self._policy, random=random)
        if self._waited_s + pause > self._policy.max_total_wait_s:
            return None
        self._waited_s += pause
        _log.warning(
            "%s: %s, attempt %d, the next in %.1f s",
            self._request.shown, _said(answer), self._attempts, pause,
        )  # fmt: skip
        return pause

    def error(self, answer: Answer) -> ConversionsError:
        """The error that tells what a run should do about the last answer; its remedy comes first.

        Airflow's log shows about 120 characters of a line before it cuts.
        """
        hint = answer.hint or _USUAL_HINTS.get(answer.verdict, _USUAL_HINTS[Verdict.UNKNOWN])
        text = f"{hint} {self._request.shown}: {_said(answer)}, attempts: {self._sent}."
        if answer.verdict is Verdict.CONFIGURATION:
            return ConfigurationError(
                text,
                code=answer.code,
                request_id=answer.request_id,
                attempts=self._sent,
                is_unconfirmed=self._may_be_taken,
                may_be_one_event=answer.may_be_one_event,
            )
        facts: dict[str, Any] = {
            "code": answer.code,
            "request_id": answer.request_id,
            "http_status": answer.http_status,
            "attempts": self._sent,
            "is_unconfirmed": self._may_be_taken,
            "may_be_one_event": answer.may_be_one_event,
        }
        if answer.verdict is Verdict.AUTHORIZATION:
            return AuthorizationError(text, **facts)
        if answer.verdict not in _TRY_AGAIN:
            return ProtocolError(text, **facts)
        if self._may_be_taken:
            return UnconfirmedError(text, **facts)
        return TransientError(text, retry_after_s=answer.retry_after_s, **facts)

    def _is_worth_another(self, answer: Answer) -> bool:
        if self._attempts >= self._policy.max_attempts or answer.is_used_up:
            return False
        if _is_unreadable(answer):
            return self._unreadable < self._policy.max_unreadable
        if answer.verdict is Verdict.RETRY_SLOWLY:
            return self._slow <= self._policy.max_slow_waits
        return answer.verdict is Verdict.RETRY


def _is_unreadable(answer: Answer) -> bool:
    """Whether the reply had no code to go by; one with a code that no table has is worth no retry."""
    return answer.verdict is Verdict.UNKNOWN and answer.code is None


def _may_be_taken(answer: Answer) -> bool:
    is_gateway_fault = answer.code is None and (answer.http_status or 0) >= 500
    return answer.may_be_taken or answer.verdict is Verdict.UNKNOWN or is_gateway_fault


def _said(answer: Answer) -> str:
    """What came back, in one line: code, status, request id, words."""
    facts = (("code", answer.code), ("HTTP", answer.http_status), ("request", answer.request_id))
    told = ", ".join(f"{name} {fact}" for name, fact in facts if fact is not None)
    return f"{answer.message or answer.verdict.value} ({told})" if told else answer.message
