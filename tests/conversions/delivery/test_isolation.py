# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A refused batch is taken apart until the guilty events stand alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import ceil, log2
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from airflow_provider_tiktok.conversions.answers import Answer, Verdict
from airflow_provider_tiktok.conversions.batching import Batch, Encoded
from airflow_provider_tiktok.conversions.delivery.isolation import (
    ENOUGH,
    ENOUGH_IN_ANY_WORDS,
    FEW,
    MOST_SET_ASIDE,
    BatchReport,
    Doubt,
    judge_rest,
    send_apart,
)
from airflow_provider_tiktok.conversions.errors import (
    AuthorizationError,
    ConfigurationError,
    ProtocolError,
    TransientError,
    UnconfirmedError,
)
from airflow_provider_tiktok.conversions.events import Outcome
from airflow_provider_tiktok.conversions.http.retry import judge_status


def test_a_batch_that_waited_until_the_stop_is_not_sent() -> None:
    """It is no request under way: its events are undelivered, so that a retry sends them."""
    sent: list[Batch] = []
    report = send_apart(batch_of(3), send=sent.append, doubt=Doubt(), is_stopped=lambda: True)  # type: ignore[arg-type]
    assert not sent
    assert report.requests == 0
    assert [(one.outcome, one.reason) for one in report.settled] == [(Outcome.UNDELIVERED, "not_sent")] * 3


def batch_of(n_events: int) -> Batch:
    """A batch whose events carry their own place."""
    return Batch(group=None, events=tuple(Encoded(body=b"{}", item=place) for place in range(n_events)))


class AllOrNothing:
    """An API that takes a batch only if all of it is good, as TikTok's event/track does.

    :param names: how it names the first bad event: not at all, by its place from 0, or from 1.
    """

    def __init__(self, bad: set[int], *, names: int | None = None) -> None:
        self.bad = bad
        self.names = names
        self.accepted: Counter[int] = Counter()
        self.requests = 0

    def __call__(self, batch: Batch) -> Answer:
        self.requests += 1
        guilty = [place for place, encoded in enumerate(batch.events) if encoded.item in self.bad]
        if guilty:
            named = None if self.names is None else guilty[0] + self.names
            return Answer(
                verdict=Verdict.PAYLOAD, code=40002, message="wrong", guilty=named, names_event=True
            )
        self.accepted.update(encoded.item for encoded in batch.events)
        return Answer(verdict=Verdict.ACCEPTED, code=0, request_id=f"r{self.requests}")


def outcomes(report: BatchReport) -> dict[int, Outcome]:
    """Place to outcome."""
    accepted = {event.item: Outcome.ACCEPTED for part in report.accepted for event in part.events}
    return accepted | {settled.item: settled.outcome for settled in report.settled}


@given(
    st.integers(1, 60).flatmap(
        lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1)), st.sampled_from([None, 0, 1]))
    )
)
def test_exactly_the_bad_events_are_rejected(case: tuple[int, set[int], int | None]) -> None:
    """For any set of bad events, and however the API names them, these are rejected, all others taken once."""
    n_events, bad, names = case
    api = AllOrNothing(bad, names=names)
    report = send_apart(batch_of(n_events), send=api, doubt=Doubt())

    assert outcomes(report) == {
        place: Outcome.REJECTED if place in bad else Outcome.ACCEPTED for place in range(n_events)
    }
    assert api.accepted == Counter(set(range(n_events)) - bad)
    assert report.requests == api.requests


def test_one_bad_event_in_a_thousand_takes_about_twenty_requests() -> None:
    """Halving finds one bad event of n in 1 + 2 * log2(n) requests."""
    api = AllOrNothing({617})
    send_apart(batch_of(1000), send=api, doubt=Doubt())
    assert api.requests <= 1 + 2 * ceil(log2(1000))


def test_a_named_event_is_found_in_three_requests() -> None:
    """Where the API names the place, the batch is sent, the named event, and the others."""
    api = AllOrNothing({617}, names=0)
    send_apart(batch_of(1000), send=api, doubt=Doubt())
    assert api.requests == 3


def test_an_api_that_counts_from_one_costs_one_request_more_than_halving() -> None:
    """A named event that proves innocent ends the belief in places; halving goes on."""
    api = AllOrNothing({617}, names=1)
    send_apart(batch_of(1000), send=api, doubt=Doubt())
    assert api.requests <= 3 + 2 * ceil(log2(1000))


def test_a_partial_answer_is_mapped_back_to_its_events() -> None:
    """Events named in a partial answer are rejected with their own words, the others accepted."""

    def partial(batch: Batch) -> Answer:
        return Answer(verdict=Verdict.PARTIAL, code=20001, failed={1: "bad one"}, request_id="r")

    report = send_apart(batch_of(3), send=partial, doubt=Doubt())
    assert sorted((s.item, s.outcome, s.message) for s in report.settled) == [
        (0, Outcome.ACCEPTED, None),
        (1, Outcome.REJECTED, "bad one"),
        (2, Outcome.ACCEPTED, None),
    ]


@pytest.mark.parametrize("failed", [{}, {7: "out of the request"}])
def test_a_partial_answer_that_names_nobody_is_asked_again_by_halves(failed: dict[int, str]) -> None:
    """A partial answer without usable places settles nothing: each event needs an answer of its own."""
    sent: list[int] = []

    def partial_for_two(batch: Batch) -> Answer:
        sent.append(len(batch.events))
        is_bad = any(encoded.item == 2 for encoded in batch.events)
        verdict = Verdict.PARTIAL if is_bad else Verdict.ACCEPTED
        return Answer(verdict=verdict, code=20001 if is_bad else 0, failed=failed)

    report = send_apart(batch_of(4), send=partial_for_two, doubt=Doubt())
    assert outcomes(report) == {
        0: Outcome.ACCEPTED,
        1: Outcome.ACCEPTED,
        2: Outcome.REJECTED,
        3: Outcome.ACCEPTED,
    }
    assert sent == [4, 2, 2, 1, 1]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (TransientError("busy", attempts=5), Outcome.UNDELIVERED),
        (UnconfirmedError("lost", attempts=5), Outcome.UNCONFIRMED),
        (AuthorizationError("revoked", code=40105), Outcome.UNDELIVERED),
        (AuthorizationError("revoked after a lost answer", is_unconfirmed=True), Outcome.UNCONFIRMED),
        (ConfigurationError("wrong event_source_id", code=40002, attempts=1), Outcome.UNDELIVERED),
        (ProtocolError("nonsense", is_unconfirmed=True), Outcome.UNCONFIRMED),
    ],
)
def test_an_error_stops_the_run_and_loses_no_event(error: Exception, outcome: Outcome) -> None:
    """The part that met the error is unconfirmed or undelivered, what was not sent is undelivered."""
    answers = iter(
        [
            Answer(verdict=Verdict.PAYLOAD, code=40002, names_event=True),
            Answer(verdict=Verdict.ACCEPTED, code=0),
        ]
    )

    def send(batch: Batch) -> Answer:
        answer = next(answers, None)
        if answer is None:
            raise error
        return answer

    report = send_apart(batch_of(8), send=send, doubt=Doubt())
    assert report.stopped_by is error
    assert outcomes(report) == {
        **dict.fromkeys(range(4), Outcome.ACCEPTED),
        **dict.fromkeys(range(4, 8), outcome),
    }


def test_an_error_leaves_what_was_not_sent_undelivered() -> None:
    """Parts behind the error are not sent."""

    def send(batch: Batch) -> Answer:
        if len(batch.events) == 8:
            return Answer(verdict=Verdict.PAYLOAD, code=40002, names_event=True)
        raise UnconfirmedError("lost", attempts=2)

    report = send_apart(batch_of(8), send=send, doubt=Doubt())
    assert outcomes(report) == {
        **dict.fromkeys(range(4), Outcome.UNCONFIRMED),
        **dict.fromkeys(range(4, 8), Outcome.UNDELIVERED),
    }
    assert (report.requests, report.retries) == (3, 1)


@pytest.mark.parametrize(
    "verdict", [v for v in Verdict if v not in (Verdict.ACCEPTED, Verdict.PARTIAL, Verdict.PAYLOAD)]
)
def test_a_verdict_that_belongs_to_an_error_is_not_success(verdict: Verdict) -> None:
    """A destination that answers what it must raise stops the run, with its events unconfirmed."""
    report = send_apart(batch_of(3), send=lambda batch: Answer(verdict=verdict), doubt=Doubt())
    assert set(outcomes(report).values()) == {Outcome.UNCONFIRMED}
    assert isinstance(report.stopped_by, ProtocolError)
    assert report.requests == 1


# ------------------------------------------------------------------- an event's fault, or the request's


class Wordless(AllOrNothing):
    """An API that refuses bad events in words that name nothing of them.

    :param fails_after: requests after which it refuses everything in these words.
    :param numbers_words: whether its words name the request.
    """

    def __init__(self, bad: set[int], *, fails_after: int = 10**9, numbers_words: bool = False) -> None:
        super().__init__(bad)
        self.fails_after = fails_after
        self._numbers_words = numbers_words

    def __call__(self, batch: Batch) -> Answer:
        if self.requests >= self.fails_after:
            self.requests += 1
            return Answer(verdict=Verdict.PAYLOAD, code=40002, message=self._words())
        return structs.replace(super().__call__(batch), names_event=False)

    def _words(self) -> str:
        return (
            f"Request {self.requests} cannot be handled"
            if self._numbers_words
            else "Request cannot be handled"
        )


def run_all(batches: Sequence[Batch], send: Any) -> tuple[dict[int, Outcome], Exception | None]:
    """What becomes of these batches, one after the other, as in a run."""
    doubt = Doubt()
    told: dict[int, Outcome] = {}
    stopped_by: Exception | None = None
    for batch in batches:
        report = send_apart(batch, send=send, doubt=doubt)
        told |= outcomes(report)
        stopped_by = report.stopped_by
        if stopped_by is not None:
            break
    rest = judge_rest(send=send, doubt=doubt, is_stopped=lambda: stopped_by is not None)
    if rest is not None:
        told |= outcomes(rest)
        stopped_by = stopped_by or rest.stopped_by
    return told, stopped_by


def batches_of(n_events: int, *, size: int) -> list[Batch]:
    """Batches of events that carry their number."""
    events = [Encoded(body=b"{}", item=number) for number in range(n_events)]
    return [
        Batch(group=None, events=tuple(events[first : first + size])) for first in range(0, n_events, size)
    ]


@pytest.mark.parametrize("n_events", [1, 2, 3, 20, 1000])
def test_a_size_that_is_refused_of_every_event_alone_ends_the_run(n_events: int) -> None:
    """A proxy that lets no body through refuses the requests and not their events; its status is told."""

    def refuse(batch: Batch) -> Answer:
        return judge_status(413, {})

    told, stopped_by = run_all(batches_of(n_events, size=1000), refuse)
    assert isinstance(stopped_by, ConfigurationError)
    assert "(HTTP 413)" in str(stopped_by)
    assert "proxy" in str(stopped_by)
    assert set(told.values()) == {Outcome.UNDELIVERED}


@pytest.mark.parametrize("most", [1, 2, 30])
def test_a_size_that_is_refused_of_many_costs_no_event(most: int) -> None:
    """Parts are sent until they fit."""

    def take_few(batch: Batch) -> Answer:
        fits = len(batch.events) <= most
        return Answer(verdict=Verdict.ACCEPTED, code=0) if fits else judge_status(413, {})

    told, stopped_by = run_all(batches_of(100, size=100), take_few)
    assert stopped_by is None
    assert set(told.values()) == {Outcome.ACCEPTED}


@pytest.mark.parametrize("n_events", [1, 2, 3, 4, 20, 1000, 50_000])
def test_a_request_that_is_refused_whatever_its_events_ends_the_run_after_a_few(n_events: int) -> None:
    """Words that name nothing of an event, said of each: a setting is at fault, and no event is blamed."""
    api = Wordless(set(), fails_after=0)
    batches = batches_of(n_events, size=1000)
    told, stopped_by = run_all(batches, api)
    assert isinstance(stopped_by, ConfigurationError)
    assert "Request cannot be handled" in str(stopped_by)
    assert set(told.values()) == {Outcome.UNDELIVERED}
    assert set(told) == set(range(min(n_events, ENOUGH // FEW * 1000)))
    assert api.requests <= ENOUGH // FEW + ENOUGH


@pytest.mark.parametrize("n_events", [ENOUGH_IN_ANY_WORDS, 1000, 100_000])
def test_words_that_name_the_request_hide_no_fault_of_it(n_events: int) -> None:
    """No two answers are alike, and the run still ends after some requests rather than after all."""
    api = Wordless(set(), fails_after=0, numbers_words=True)
    told, stopped_by = run_all(batches_of(n_events, size=1000), api)
    assert isinstance(stopped_by, ConfigurationError)
    assert set(told.values()) == {Outcome.UNDELIVERED}
    assert api.requests <= ENOUGH_IN_ANY_WORDS * 4 / 3


@pytest.mark.parametrize("size", [1, 2, 10, 100])
@pytest.mark.parametrize("works_for", [1, 5, 11])
def test_a_request_that_is_refused_from_some_time_on_ends_the_run(size: int, works_for: int) -> None:
    """A test code that expired amid the run: what was accepted stays so, nothing is rejected."""
    api = Wordless(set(), fails_after=works_for)
    told, stopped_by = run_all(batches_of(1200, size=size), api)
    assert isinstance(stopped_by, ConfigurationError)
    assert set(told.values()) == {Outcome.ACCEPTED, Outcome.UNDELIVERED}
    assert api.requests <= works_for + ceil(log2(size) if size > 1 else 0) + 3 * FEW


@given(st.integers(20, 90), st.sets(st.integers(0, 89), max_size=8), st.sampled_from([1, 4, 10, 100]))
def test_bad_events_among_good_ones_are_rejected_in_whatever_words(
    n_events: int, bad: set[int], size: int
) -> None:
    """Where others are accepted, the refused ones are guilty, also where nothing of them is named."""
    bad = {number for number in bad if number < n_events}
    told, stopped_by = run_all(batches_of(n_events, size=size), Wordless(bad))
    assert stopped_by is None
    assert told == {
        number: Outcome.REJECTED if number in bad else Outcome.ACCEPTED for number in range(n_events)
    }


@pytest.mark.parametrize(
    ("n_events", "size", "bad"),
    [
        (10, 10, {0, 5, 9}),
        (10, 10, {0, 5, 9, 1, 8}),
        (30, 1, set(range(ENOUGH - 1))),
        (5000, 1000, set(range(2000))),
        (5000, 1000, {*range(1000), 1000, 1500, 1999, 2000, 2500}),
    ],
    ids=[
        "all that are tried first",
        "some more",
        "one in each request",
        "two whole batches",
        "in each batch",
    ],
)
def test_a_bad_head_of_a_table_holds_nothing(n_events: int, size: int, bad: set[int]) -> None:
    """Events that happen to be bad come first, and the API names nothing of them: the good ones are sent."""
    api = Wordless(bad)
    told, stopped_by = run_all(batches_of(n_events, size=size), api)
    assert stopped_by is None
    assert told == {
        number: Outcome.REJECTED if number in bad else Outcome.ACCEPTED for number in range(n_events)
    }
    assert api.accepted.keys() == set(range(n_events)) - bad


@pytest.mark.parametrize("is_stopped", [True, False])
def test_what_waits_is_undelivered_when_the_run_ends(is_stopped: bool) -> None:
    """A batch whose rest waits for an accepted event has a result for each when nothing more may be sent."""
    doubt = Doubt()
    report = send_apart(batch_of(100), send=Wordless(set(), fails_after=0), doubt=doubt)
    assert outcomes(report) == {}
    revoked = AuthorizationError("revoked", code=40105)

    def refuse(batch: Batch) -> Answer:
        raise revoked

    rest = judge_rest(send=refuse, doubt=doubt, is_stopped=lambda: is_stopped)
    assert rest is not None
    assert outcomes(rest) == dict.fromkeys(range(100), Outcome.UNDELIVERED)
    assert rest.stopped_by is (None if is_stopped else revoked)


def test_events_that_all_break_a_rule_the_api_names_are_all_rejected() -> None:
    """Twenty events without what they need are twenty bad events, and no fault of the request."""
    told, stopped_by = run_all(batches_of(20, size=20), AllOrNothing(set(range(20))))
    assert (set(told.values()), stopped_by) == ({Outcome.REJECTED}, None)


def test_scattered_bad_events_are_all_found() -> None:
    """150 bad of 150,000, one in each batch: every one is rejected, every other one accepted."""
    bad = {1000 * n + (n * 37) % 1000 for n in range(150)}
    for api in (AllOrNothing(bad), Wordless(bad)):
        told, stopped_by = run_all(batches_of(150_000, size=1000), api)
        assert stopped_by is None
        assert {number for number, outcome in told.items() if outcome is Outcome.REJECTED} == bad
        assert set(api.accepted) == set(range(150_000)) - bad
        assert api.requests <= 150 * (1 + 2 * ceil(log2(1000)) + 1) + FEW


# -------------------------------------------------------------------------- one event that always fails


class Poisoned:
    """An API that fails on every request that holds a certain event.

    :param is_down: whether it fails on every other one, too.
    """

    def __init__(self, poison: set[int], error: Any, *, is_down: bool = False) -> None:
        self.poison, self.error, self.is_down = poison, error, is_down
        self.accepted: set[int] = set()

    def __call__(self, batch: Batch) -> Answer:
        items = {encoded.item for encoded in batch.events}
        if self.is_down or items & self.poison:
            raise self.error()
        self.accepted |= items
        return Answer(verdict=Verdict.ACCEPTED, code=0)


FAILURES = {
    "a 5xx": lambda: UnconfirmedError("HTTP status 502", http_status=502, may_be_one_event=True),
    "a firewall's 403": lambda: AuthorizationError("HTTP 403", http_status=403, may_be_one_event=True),
    "a firewall's 406": lambda: ConfigurationError("HTTP 406", may_be_one_event=True),
    "40700": lambda: TransientError("internal", code=40700, may_be_one_event=True),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
@pytest.mark.parametrize("poison", [{0}, {57}, {99}, {3, 4, 5, 71}])
@pytest.mark.parametrize("size", [1, 10, 100])
def test_an_event_that_always_fails_is_set_aside(failure: Any, poison: set[int], size: int) -> None:
    """It is tried alone and left undelivered with a reason of its own; all others are accepted."""
    api = Poisoned(poison, failure)
    doubt = Doubt()
    reasons: dict[int, str] = {}
    for batch in batches_of(100, size=size):
        report = send_apart(batch, send=api, doubt=doubt)
        assert report.stopped_by is None
        reasons |= {settled.item: settled.reason for settled in report.settled}
    rest = judge_rest(send=api, doubt=doubt, is_stopped=lambda: False)
    reasons |= {settled.item: settled.reason for settled in (rest.settled if rest else ())}
    assert {item for item, reason in reasons.items() if reason == "set_aside"} == poison
    assert api.accepted == set(range(100)) - poison


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
@pytest.mark.parametrize("size", [1, 10, 100])
def test_an_api_that_is_down_ends_the_run(failure: Any, size: int) -> None:
    """Where nothing is accepted it is no event's fault: the error is told, and nothing is set aside."""
    told, stopped_by = run_all(batches_of(100, size=size), Poisoned(set(), failure, is_down=True))
    assert type(stopped_by) is type(failure())
    assert not {Outcome.REJECTED, Outcome.ACCEPTED} & set(told.values())


def test_too_many_events_that_always_fail_end_the_run() -> None:
    """Each costs all attempts of a request: beyond a bound the API is at fault."""
    api = Poisoned(set(range(1, 200, 2)), FAILURES["a 5xx"])
    told, stopped_by = run_all(batches_of(200, size=200), api)
    assert isinstance(stopped_by, UnconfirmedError)
    assert sum(outcome is Outcome.UNDELIVERED for outcome in told.values()) >= MOST_SET_ASIDE
