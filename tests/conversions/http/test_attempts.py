# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import logging
import pickle
import threading
from collections.abc import Callable

import pytest

from airflow_provider_tiktok.conversions.answers import Answer, Verdict
from airflow_provider_tiktok.conversions.errors import (
    AuthorizationError,
    ConfigurationError,
    ConversionsError,
    ProtocolError,
    RequestError,
    TransientError,
    UnconfirmedError,
)
from airflow_provider_tiktok.conversions.http import (
    AnswerLost,
    HttpReply,
    HttpRequest,
    NotSent,
    RequestsTransport,
    RetryPolicy,
    TransportError,
    ask,
    exchange,
    judge_status,
)
from tests.conversions.transports import Script, Waits

SECRET = "planted-secret-0123456789abcdef"
REQUEST = HttpRequest(
    method="POST",
    url=f"https://user:{SECRET}@api.example.com:8443/events/?iv={SECRET}",
    headers={"Access-Token": SECRET},
    params=(("iv", SECRET), ("iv", "second")),
    body=f'{{"email":"{SECRET}"}}'.encode(),
)
ACCEPTED = HttpReply(status=200)
BUSY = HttpReply(status=429)
GATEWAY = HttpReply(status=502, body=b"<html>Bad Gateway</html>")
NO = HttpReply(status=401)


def by_status(reply: HttpReply) -> Answer:
    """The classification of an API without return codes."""
    return judge_status(reply.status, reply.headers, clock=lambda: 0.0)


def run(
    *outcomes: HttpReply | TransportError,
    classify: Callable[[HttpReply], Answer] = by_status,
    policy: RetryPolicy | None = None,
    wait: Waits | None = None,
) -> Answer:
    """The answer of the loop to these outcomes, in no time."""
    return ask(
        REQUEST,
        transport=Script(*outcomes),
        classify=classify,
        policy=policy,
        wait=wait or Waits(),
        random=lambda: 0.5,
    )


def fail(*outcomes: HttpReply | TransportError, **settings: object) -> ConversionsError:
    """The error of the loop after these outcomes."""
    with pytest.raises(ConversionsError) as caught:
        run(*outcomes, **settings)  # type: ignore[arg-type]
    return caught.value


# -------------------------------------------------------------------------------------------- the loop


def test_first_answer_is_enough() -> None:
    """What is accepted at once is sent once, and nobody waits."""
    wait = Waits()
    answer = run(ACCEPTED, wait=wait)
    assert (answer.verdict, answer.attempts, answer.was_lost_before) == (Verdict.ACCEPTED, 1, False)
    assert wait.seconds == []


@pytest.mark.parametrize(
    ("fault", "was_lost"),
    [
        (BUSY, False),
        (HttpReply(status=408), False),
        (NotSent("refused"), False),
        (AnswerLost("dropped"), True),
        (GATEWAY, True),
    ],
)
def test_one_fault_then_accepted(fault: HttpReply | TransportError, was_lost: bool) -> None:
    """A fault is tried again, and the answer says whether the first try may have been taken."""
    wait = Waits()
    answer = run(fault, ACCEPTED, wait=wait)
    assert (answer.verdict, answer.attempts) == (Verdict.ACCEPTED, 2)
    assert answer.was_lost_before is was_lost
    assert wait.seconds == [0.5]


def test_every_attempt_sends_the_same_request() -> None:
    """A resend is the same request, byte for byte."""
    script = Script(BUSY, AnswerLost("x"), NotSent("x"), GATEWAY, ACCEPTED)
    ask(REQUEST, transport=script, classify=by_status, wait=Waits(), random=lambda: 0.5)
    assert len(script.requests) == 5
    assert all(request is REQUEST for request in script.requests)


def test_waits_grow() -> None:
    """Waits double from attempt to attempt."""
    wait = Waits()
    run(BUSY, BUSY, BUSY, BUSY, ACCEPTED, wait=wait)
    assert wait.seconds == [0.5, 1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("outcomes", "error", "is_unconfirmed"),
    [
        ([BUSY], TransientError, False),
        ([NotSent("refused")], TransientError, False),
        ([AnswerLost("dropped")], UnconfirmedError, True),
        ([GATEWAY], UnconfirmedError, True),
        ([AnswerLost("dropped"), NotSent("refused")], UnconfirmedError, True),
        ([BUSY, BUSY, GATEWAY, BUSY], UnconfirmedError, True),
    ],
)
def test_retries_spent(
    outcomes: list[HttpReply | TransportError], error: type[RequestError], is_unconfirmed: bool
) -> None:
    """Spent retries tell apart what surely was not taken from what may have been."""
    caught = fail(*outcomes)
    assert type(caught) is error
    assert isinstance(caught, RequestError)
    assert (caught.attempts, caught.is_unconfirmed) == (5, is_unconfirmed)


@pytest.mark.parametrize(
    ("status", "error"), [(401, AuthorizationError), (404, ConfigurationError), (302, ConfigurationError)]
)
@pytest.mark.parametrize("was_lost", [False, True])
def test_refusals_stop_at_once(status: int, error: type[ConversionsError], was_lost: bool) -> None:
    """A refusal is not tried again, and still tells that an earlier try may have been taken."""
    before = [AnswerLost("dropped")] if was_lost else []
    caught = fail(*before, HttpReply(status=status))
    assert type(caught) is error
    assert isinstance(caught, AuthorizationError | ConfigurationError)
    assert (caught.attempts, caught.is_unconfirmed) == (1 + was_lost, was_lost)


@pytest.mark.parametrize("verdict", [Verdict.PARTIAL, Verdict.PAYLOAD])
def test_refused_events_are_an_answer(verdict: Verdict) -> None:
    """What concerns single events is for the caller to sort out."""
    answer = run(ACCEPTED, classify=lambda _: Answer(verdict=verdict, failed={0: "x"}, guilty=3))
    assert (answer.verdict, answer.failed, answer.guilty) == (verdict, {0: "x"}, 3)


def test_unknown_code_stops_at_once() -> None:
    """A code that no table has is worth no retry, and its events may have been taken."""
    caught = fail(ACCEPTED, classify=lambda _: Answer(verdict=Verdict.UNKNOWN, code=12345, http_status=200))
    assert type(caught) is ProtocolError
    assert (caught.code, caught.attempts, caught.is_unconfirmed) == (12345, 1, True)


def test_unreadable_answers_are_tried_again_a_few_times() -> None:
    """An answer that cannot be read is a lost one, a few times over; then the API is not understood."""
    wait = Waits()
    caught = fail(ACCEPTED, classify=lambda _: Answer(verdict=Verdict.UNKNOWN), wait=wait)
    assert type(caught) is ProtocolError
    assert (caught.attempts, caught.is_unconfirmed) == (3, True)
    assert len(wait.seconds) == 2


def test_one_unreadable_answer_is_forgiven() -> None:
    """After one unreadable answer the next one counts."""
    answers = iter([Answer(verdict=Verdict.UNKNOWN), Answer(verdict=Verdict.ACCEPTED)])
    answer = run(ACCEPTED, classify=lambda _: next(answers))
    assert (answer.verdict, answer.was_lost_before) == (Verdict.ACCEPTED, True)


def test_a_code_that_may_have_been_taken() -> None:
    """A classifier's word that a refused request may have been taken is kept."""
    caught = fail(ACCEPTED, classify=lambda _: Answer(verdict=Verdict.RETRY, code=50002, may_be_taken=True))
    assert type(caught) is UnconfirmedError


@pytest.mark.parametrize("outcome", [AnswerLost("dropped"), GATEWAY])
def test_a_reading_is_never_unconfirmed(outcome: HttpReply | TransportError) -> None:
    """A GET changes nothing at the API, so a lost answer leaves nothing open."""
    request = HttpRequest(method="GET", url="https://api.example.com/pixels/")
    with pytest.raises(TransientError) as caught:
        ask(request, transport=Script(outcome), classify=by_status, wait=Waits())
    assert not caught.value.is_unconfirmed
    answer = ask(request, transport=Script(outcome, ACCEPTED), classify=by_status, wait=Waits())
    assert not answer.was_lost_before


def test_a_gateways_fault_may_have_been_taken_whoever_reads_it() -> None:
    """A 5xx without a code leaves open whether the request was taken, even if a classifier forgets it."""
    caught = fail(GATEWAY, classify=lambda reply: Answer(verdict=Verdict.RETRY, http_status=reply.status))
    assert type(caught) is UnconfirmedError


def test_long_waits_are_few() -> None:
    """Waits of minutes are worth two more tries, not five."""
    wait = Waits()
    caught = fail(ACCEPTED, classify=lambda _: Answer(verdict=Verdict.RETRY_SLOWLY, code=60001), wait=wait)
    assert type(caught) is TransientError
    assert wait.seconds == [315.0, 315.0]
    assert (caught.attempts, caught.code) == (3, 60001)


def test_a_wait_past_the_total_is_not_begun() -> None:
    """A server that asks for hours is not asked again sooner; the error names its wait."""
    wait = Waits()
    caught = fail(HttpReply(status=429, headers={"Retry-After": "7200"}), wait=wait)
    assert isinstance(caught, TransientError)
    assert (caught.attempts, caught.retry_after_s, wait.seconds) == (1, 7200.0, [])


def test_waits_add_up_to_the_total() -> None:
    """The sum of the waits is bounded, not only each of them."""
    wait = Waits()
    policy = RetryPolicy(max_attempts=100, base_s=10, max_total_wait_s=40)
    caught = fail(BUSY, wait=wait, policy=policy)
    assert isinstance(caught, TransientError)
    assert wait.seconds == [5.0, 10.0, 20.0]


@pytest.mark.parametrize(("outcome", "error"), [(BUSY, TransientError), (AnswerLost("x"), UnconfirmedError)])
def test_stop_while_waiting(outcome: HttpReply | TransportError, error: type[RequestError]) -> None:
    """Told to stop, the loop sends nothing more and says what is known so far."""
    wait = Waits(stop_at=2)
    caught = fail(outcome, wait=wait)
    assert type(caught) is error
    assert isinstance(caught, RequestError)
    assert caught.attempts == 2


def test_stop_with_an_event() -> None:
    """The wait of a threading event is all that stopping needs."""
    stop = threading.Event()
    stop.set()
    with pytest.raises(TransientError):
        ask(REQUEST, transport=Script(BUSY), classify=by_status, wait=stop.wait)


def test_one_attempt_needs_no_wait() -> None:
    """A policy of one attempt never waits."""
    wait = Waits()
    fail(BUSY, wait=wait, policy=RetryPolicy(max_attempts=1))
    assert wait.seconds == []


def test_exchange_gives_the_reply() -> None:
    """A caller that reads more than the answer gets the reply it was read from."""
    reply = HttpReply(status=200, headers={"X-Tt-Logid": "1"}, body=b"{}")
    settled = exchange(REQUEST, transport=Script(BUSY, reply), classify=by_status, wait=Waits())
    assert settled.reply is reply
    assert settled.reply.header("x-tt-logid") == "1"
    assert settled.answer.attempts == 2


# ---------------------------------------------------------------------------------- nothing is shown


@pytest.mark.parametrize(
    "outcome", [BUSY, NO, HttpReply(status=404), NotSent("refused"), AnswerLost("dropped")]
)
def test_errors_show_no_secret(outcome: HttpReply | TransportError, caplog: pytest.LogCaptureFixture) -> None:
    """Neither query, header nor body is in an error, its causes, or the log of the loop."""
    caplog.set_level(logging.DEBUG)
    caught = fail(outcome)
    assert "POST api.example.com/events/" in str(caught)
    assert SECRET not in f"{caught!r} {vars(caught)} {caught.__cause__!r} {caplog.text}"


def test_errors_survive_pickling() -> None:
    """An error of the loop keeps its facts between processes."""
    caught = pickle.loads(pickle.dumps(fail(GATEWAY)))
    assert type(caught) is UnconfirmedError
    assert (caught.http_status, caught.attempts) == (502, 5)


def test_reprs_show_no_secret() -> None:
    """What a debugger or a log prints of a request and a reply holds no value of them."""
    reply = HttpReply(status=200, headers={"Set-Cookie": SECRET}, body=SECRET.encode())
    assert SECRET not in f"{REQUEST!r} {reply!r} {RequestsTransport()!r}"


def test_name_replaces_a_secret_path() -> None:
    """A request whose path is secret is called by its name."""
    request = HttpRequest(method="POST", url=f"https://api.example.com/{SECRET}", name="LiveRamp events")
    with pytest.raises(AuthorizationError, match="LiveRamp events") as caught:
        ask(request, transport=Script(NO), classify=by_status)
    assert SECRET not in f"{caught.value} {request!r}"


def test_unreadable_address_is_not_shown() -> None:
    """An address that cannot be parsed is not printed either."""
    assert SECRET not in repr(HttpRequest(method="GET", url=f"http://[{SECRET}"))


def test_a_used_up_limit_is_not_waited_for() -> None:
    """Only time helps: no further attempt, and the error carries the time."""
    used_up = Answer(verdict=Verdict.RETRY, hint="Later.", retry_after_s=300.0, is_used_up=True)
    wait = Waits()
    transport = Script(BUSY)
    with pytest.raises(TransientError, match="Later") as caught:
        exchange(REQUEST, transport=transport, classify=lambda _: used_up, wait=wait)
    assert (caught.value.retry_after_s, len(transport.requests), wait.seconds) == (300.0, 1, [])


@pytest.mark.parametrize(
    ("url", "fault", "first_words"),
    [
        (
            "https://api.example.com/events/",
            NotSent("connection refused"),
            "Check that api.example.com:443 can be reached from here: connection refused. POST",
        ),
        (
            "http://127.0.0.1:8080/events/",
            NotSent("no connection in time"),
            "Check that 127.0.0.1:8080 can be reached from here: no connection in time. POST",
        ),
        (
            "https://api.example.com:8443/events/",
            AnswerLost("no answer in time"),
            "Check the network between here and api.example.com:8443: no answer in time. POST",
        ),
        ("http://[not-an-address/", NotSent("x"), "Check that an address that cannot be read can be reached"),
        (
            "https://api.example.com/",
            NotSent("told to stop", is_stop=True),
            "Let Airflow retry, or run the task again later. POST api.example.com/: not sent",
        ),
        (
            "https://api.example.com/",
            AnswerLost("told to stop", is_stop=True),
            "Let Airflow retry, or run the task again later. POST api.example.com/: answer lost",
        ),
    ],
)
def test_a_host_without_an_answer_is_named_first(url: str, fault: TransportError, first_words: str) -> None:
    """Host, port and why come first; a run that ended itself blames nobody."""
    request = HttpRequest(method="POST", url=url)
    with pytest.raises(ConversionsError) as caught:
        ask(request, transport=Script(*[fault] * 5), classify=by_status, wait=Waits())
    assert str(caught.value).startswith(first_words)
    assert caught.value.__cause__ is caught.value.__context__ is None
