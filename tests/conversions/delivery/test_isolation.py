# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A refused batch is taken apart until the guilty events stand alone."""

from __future__ import annotations

from collections import Counter
from math import ceil, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tiktok.conversions.answers import Answer, Verdict
from airflow_provider_tiktok.conversions.batching import Batch, Encoded
from airflow_provider_tiktok.conversions.delivery.isolation import BatchReport, Budget, send_apart
from airflow_provider_tiktok.conversions.errors import (
    AuthorizationError,
    ConfigurationError,
    ProtocolError,
    TransientError,
    UnconfirmedError,
)
from airflow_provider_tiktok.conversions.events import Outcome


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
            return Answer(verdict=Verdict.PAYLOAD, code=40002, message="wrong", guilty=named)
        self.accepted.update(encoded.item for encoded in batch.events)
        return Answer(verdict=Verdict.ACCEPTED, code=0, request_id=f"r{self.requests}")


def outcomes(report: BatchReport) -> dict[int, Outcome]:
    """Place to outcome."""
    return {settled.item: settled.outcome for settled in report.settled}


@given(
    st.integers(1, 60).flatmap(
        lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1)), st.sampled_from([None, 0, 1]))
    )
)
def test_exactly_the_bad_events_are_rejected(case: tuple[int, set[int], int | None]) -> None:
    """For any set of bad events, and however the API names them, these are rejected, all others taken once."""
    n_events, bad, names = case
    api = AllOrNothing(bad, names=names)
    report = send_apart(batch_of(n_events), send=api, budget=Budget(None))

    assert outcomes(report) == {
        place: Outcome.REJECTED if place in bad else Outcome.ACCEPTED for place in range(n_events)
    }
    assert api.accepted == Counter(set(range(n_events)) - bad)
    assert report.requests == api.requests


def test_one_bad_event_in_a_thousand_takes_about_twenty_requests() -> None:
    """Halving finds one bad event of n in 1 + 2 * log2(n) requests."""
    api = AllOrNothing({617})
    send_apart(batch_of(1000), send=api, budget=Budget(None))
    assert api.requests <= 1 + 2 * ceil(log2(1000))


def test_a_named_event_is_found_in_three_requests() -> None:
    """Where the API names the place, the batch is sent, the named event, and the others."""
    api = AllOrNothing({617}, names=0)
    send_apart(batch_of(1000), send=api, budget=Budget(None))
    assert api.requests == 3


def test_an_api_that_counts_from_one_costs_one_request_more_than_halving() -> None:
    """A named event that proves innocent ends the belief in places; halving goes on."""
    api = AllOrNothing({617}, names=1)
    send_apart(batch_of(1000), send=api, budget=Budget(None))
    assert api.requests <= 3 + 2 * ceil(log2(1000))


def test_what_the_budget_does_not_reach_is_undelivered() -> None:
    """A spent budget leaves events undelivered; none is called rejected without an answer of its own."""
    api = AllOrNothing(set(range(64)))
    report = send_apart(batch_of(64), send=api, budget=Budget(10))

    assert api.requests == 11
    assert len(report.settled) == 64
    reasons = Counter(settled.reason for settled in report.settled)
    assert reasons["isolation_budget_spent"] > 0
    assert report.stopped_by is None
    assert all(
        (settled.outcome is Outcome.REJECTED) == (settled.reason == "refused") for settled in report.settled
    )


def test_a_partial_answer_is_mapped_back_to_its_events() -> None:
    """Events named in a partial answer are rejected with their own words, the others accepted."""

    def partial(batch: Batch) -> Answer:
        return Answer(verdict=Verdict.PARTIAL, code=20001, failed={1: "bad one"}, request_id="r")

    report = send_apart(batch_of(3), send=partial, budget=Budget(0))
    assert [(s.item, s.outcome, s.message) for s in report.settled] == [
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

    report = send_apart(batch_of(4), send=partial_for_two, budget=Budget(None))
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
    answers = iter([Answer(verdict=Verdict.PAYLOAD, code=40002), Answer(verdict=Verdict.ACCEPTED, code=0)])

    def send(batch: Batch) -> Answer:
        answer = next(answers, None)
        if answer is None:
            raise error
        return answer

    report = send_apart(batch_of(8), send=send, budget=Budget(None))
    assert report.stopped_by is error
    assert outcomes(report) == {
        **dict.fromkeys(range(4), Outcome.ACCEPTED),
        **dict.fromkeys(range(4, 8), outcome),
    }


def test_an_error_leaves_what_was_not_sent_undelivered() -> None:
    """Parts behind the error are not sent."""

    def send(batch: Batch) -> Answer:
        if len(batch.events) == 8:
            return Answer(verdict=Verdict.PAYLOAD, code=40002)
        raise UnconfirmedError("lost", attempts=2)

    report = send_apart(batch_of(8), send=send, budget=Budget(None))
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
    report = send_apart(batch_of(3), send=lambda batch: Answer(verdict=verdict), budget=Budget(None))
    assert set(outcomes(report).values()) == {Outcome.UNCONFIRMED}
    assert isinstance(report.stopped_by, ProtocolError)
    assert report.requests == 1


def test_the_budget_is_one_for_all_batches() -> None:
    """Requests spent on one batch are missing for the next."""
    budget = Budget(4)
    first = send_apart(batch_of(4), send=AllOrNothing({0}), budget=budget)
    second = send_apart(batch_of(4), send=AllOrNothing({0}), budget=budget)
    assert Outcome.UNDELIVERED not in outcomes(first).values()
    assert set(outcomes(second).values()) == {Outcome.UNDELIVERED}
