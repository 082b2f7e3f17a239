# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The whole road over real HTTP, with everything that can go wrong on it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_tiktok.conversions.batching import Limits
from airflow_provider_tiktok.conversions.delivery.engine import Delivery, Options, deliver
from airflow_provider_tiktok.conversions.errors import (
    AuthorizationError,
    ConfigurationError,
    ProtocolError,
    TransientError,
    UnconfirmedError,
)
from airflow_provider_tiktok.conversions.http import RequestsTransport, RetryPolicy
from airflow_provider_tiktok.conversions.mapping import EventMapping
from airflow_provider_tiktok.conversions.sources.records import RecordsSource
from airflow_provider_tiktok.conversions.tiktok.client import TikTokClient
from airflow_provider_tiktok.conversions.tiktok.destination import TikTokDestination
from airflow_provider_tiktok.conversions.tiktok.options import ValidationRules
from airflow_provider_tiktok.simulator import DEFAULT_OFFLINE_EVENT_SET_ID, DEFAULT_TOKEN, Simulator
from tests.conversions.delivery.ledger import Store

TRACK = "/open_api/v1.3/event/track/"
READ_TIMEOUT_S = 1.0  # on a busy machine an answer takes some tenths of it
ONLY_PLAIN_CITIES = {"tiktok": {"ascii_places": True}}
HTML = {"http_status": 502, "raw_body": "<html>Bad Gateway</html>", "headers": {"Content-Type": "text/html"}}


@pytest.fixture(scope="module")
def transport() -> Iterator[RequestsTransport]:
    """One transport for all tests, with little patience."""
    transport = RequestsTransport(connect_timeout_s=2, read_timeout_s=READ_TIMEOUT_S)
    yield transport
    transport.close()


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    """One simulator for all tests."""
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def simulator(running: Simulator) -> Simulator:
    """The simulator as it was at the start, but for one rule that our side does not have."""
    running.reset()
    running.state.patch(ONLY_PLAIN_CITIES)
    return running


def orders(n_events: int, *, refused: Collection[int] = ()) -> list[dict[str, Any]]:
    """Offline purchases of a minute ago. Those to be refused were made in a city with a dotted name."""
    now = int(time.time()) - 60
    return [
        {
            "event": "Purchase",
            "event_time": now,
            "event_id": f"o-{n}",
            "user": {"email": f"person.{n}@example.com", "city": "Köln" if n in refused else "Bonn"},
        }
        for n in range(n_events)
    ]


def send(
    simulator: Simulator,
    transport: RequestsTransport,
    records: list[dict[str, Any]],
    *,
    max_events: int = 10,
    max_attempts: int = 3,
    store: Store | None = None,
    **options: Any,
) -> Delivery:
    """A delivery that does not wait between tries."""
    client = TikTokClient(
        DEFAULT_TOKEN,
        base_url=simulator.url,
        transport=transport,
        policy=RetryPolicy(max_attempts=max_attempts),
        wait=lambda seconds: False,
    )
    destination = TikTokDestination(
        client,
        event_source="offline",
        event_source_id=DEFAULT_OFFLINE_EVENT_SET_ID,
        rules=ValidationRules(event_source="offline"),
        limits=Limits(max_events=max_events),
    )
    return deliver(
        RecordsSource(records),
        mapping=EventMapping(),
        destination=destination,
        options=Options(**{"max_in_flight": 1, **options}),
        checkpoints=store,
    )


def counts(delivery: Delivery) -> dict[str, int]:
    """The five outcomes that are not zero."""
    names = ("accepted", "rejected", "skipped", "unconfirmed", "undelivered")
    return {name: value for name in names if (value := getattr(delivery.receipt, name))}


def accepted_ids(simulator: Simulator) -> Counter[str]:
    """Event id to number of times TikTok counted it."""
    return Counter(entry.event_id for entry in simulator.ledger.events("live"))


PASSING = {
    "a system error of TikTok": {"code": 50000},
    "a time-out inside TikTok": {"code": 50002},
    "throttled in a 200": {"code": 40100},
    "throttled in a 401": {"http_status": 401, "code": 40100},
    "throttled by the advertiser": {"code": 40133},
    "throttled for this pixel": {"code": 40132},
    "maintenance": {"code": 60001},
    "throttled by a gateway": {"http_status": 429, "empty_body": True, "headers": {"Retry-After": "1"}},
    "a bad gateway in HTML": HTML,
    "an HTML page that says 200": {"raw_body": "<html>Welcome</html>"},
    "an empty 200": {"empty_body": True},
    "dropped before it was taken": {"drop": "before"},
    "dropped after it was taken": {"drop": "after"},
    "reset after it was taken": {"drop": "after", "reset": True},
    "cut off after it was taken": {"truncate_at": 20, "process": True},
    "answered too late": {"delay_s": 2 * READ_TIMEOUT_S, "process": True},
}


@pytest.mark.parametrize("effect", PASSING.values(), ids=PASSING.keys())
def test_a_passing_fault_costs_a_request_and_no_event(
    simulator: Simulator, transport: RequestsTransport, effect: dict[str, Any]
) -> None:
    """One fault in the middle of a run: tried again with the same bytes, and counted once."""
    simulator.faults = [{"match": {"path": TRACK, "nth": [2]}, "effect": effect}]
    delivery = send(simulator, transport, orders(30))

    assert delivery.stopped_by is None
    assert counts(delivery) == {"accepted": 30}
    assert accepted_ids(simulator) == Counter(f"o-{n}" for n in range(30))
    assert (delivery.receipt.requests, delivery.receipt.retries) == (4, 1)


# Where one event may be the reason, an event that was accepted before is sent once more: 3 + 3 attempts.
LASTING = [
    ("a refused token", {"code": 40105}, AuthorizationError, "undelivered", 1),
    ("an expired token", {"code": 40102}, AuthorizationError, "undelivered", 1),
    ("no permission", {"code": 40001}, AuthorizationError, "undelivered", 1),
    ("a deleted event set", {"code": 40007}, ConfigurationError, "undelivered", 1),
    ("a source of others", {"code": 40001, "http_status": 401}, AuthorizationError, "undelivered", 1),
    (
        "a token in other words",
        {"code": 40002, "message": "Invalid access token"},
        ConfigurationError,
        "undelivered",
        1,
    ),
    (
        "a number of events",
        {"code": 40002, "http_status": 400, "message": "Number of events must be between 1 and 1000."},
        ConfigurationError,
        "undelivered",
        1,
    ),
    ("an unknown code", {"code": 49999}, ProtocolError, "unconfirmed", 1),
    ("throttled for good", {"code": 40100}, TransientError, "undelivered", 3),
    ("a system error that stays", {"code": 50000}, UnconfirmedError, "unconfirmed", 3 + 3),
    ("gateways that stay bad", HTML, UnconfirmedError, "unconfirmed", 3 + 3),
    ("answers that stay empty", {"empty_body": True}, ProtocolError, "unconfirmed", 3),
    ("answers that are always lost", {"drop": "after"}, UnconfirmedError, "unconfirmed", 3),
]


@pytest.mark.parametrize(
    ("effect", "error", "outcome", "requests"),
    [case[1:] for case in LASTING],
    ids=[case[0] for case in LASTING],
)
def test_a_lasting_fault_stops_the_run_in_order(
    simulator: Simulator,
    transport: RequestsTransport,
    effect: dict[str, Any],
    error: type[Exception],
    outcome: str,
    requests: int,
) -> None:
    """From the second request on nothing works: the first batch is accepted, no event is unaccounted for."""
    simulator.faults = [{"match": {"path": TRACK, "after_accepted": 1}, "effect": effect}]
    delivery = send(simulator, transport, orders(30))

    assert type(delivery.stopped_by) is error
    assert delivery.receipt.accepted == 10
    assert counts(delivery)[outcome] >= 10
    assert sum(counts(delivery).values()) == delivery.receipt.read == 30
    assert delivery.receipt.requests == 1 + requests


def test_a_token_revoked_in_mid_run_is_not_asked_again(
    simulator: Simulator, transport: RequestsTransport
) -> None:
    """With four requests in flight, none is sent after those that met the revocation."""
    revoke = {"set_state": {"tiktok": {"tokens": {DEFAULT_TOKEN: None}}}}
    simulator.faults = [{"match": {"path": TRACK, "nth": [5]}, "effect": revoke}]
    delivery = send(simulator, transport, orders(400), max_in_flight=4)

    assert isinstance(delivery.stopped_by, AuthorizationError)
    assert delivery.receipt.accepted == len(accepted_ids(simulator))
    assert len(simulator.requests) <= 5 + 4


def test_refused_events_are_found_and_the_others_sent(
    simulator: Simulator, transport: RequestsTransport
) -> None:
    """TikTok refuses what our rules let pass: exactly these events are rejected, all others accepted once."""
    refused = [0, 17, 18, 29]
    delivery = send(simulator, transport, orders(30, refused=refused))
    assert counts(delivery) == {"accepted": 26, "rejected": 4}
    assert accepted_ids(simulator) == Counter(f"o-{n}" for n in range(30) if n not in refused)
    assert [finding.rule for finding in delivery.receipt.violations] == ["refused with code 40002"]


FAULTS = st.lists(
    st.tuples(
        st.integers(1, 12),
        st.sampled_from([effect for effect in PASSING.values() if "delay_s" not in effect]),
    ),
    max_size=8,
    unique_by=lambda fault: fault[0],
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 60), st.sets(st.integers(0, 59), max_size=6), FAULTS, st.integers(1, 4))
def test_whatever_is_mixed_every_event_is_settled_once(
    simulator: Simulator,
    transport: RequestsTransport,
    n_events: int,
    refused: set[int],
    faults: list[tuple[int, dict[str, Any]]],
    max_in_flight: int,
) -> None:
    """Bad events and lost answers at random, retried as Airflow would: the ledger has each good event once."""
    simulator.reset()
    simulator.state.patch(ONLY_PLAIN_CITIES)
    simulator.faults = [{"match": {"path": TRACK, "nth": [nth]}, "effect": effect} for nth, effect in faults]
    refused = {n for n in refused if n < n_events}
    records, store = orders(n_events, refused=refused), Store()
    for _ in range(len(faults) + 1):
        delivery = send(simulator, transport, records, store=store, max_in_flight=max_in_flight)
        assert sum(counts(delivery).values()) == delivery.receipt.read
        # An event that failed each time is set aside, and the task is tried again for it.
        if delivery.stopped_by is None and not delivery.receipt.undelivered:
            break
    assert counts(delivery) == {
        name: count
        for name, count in (("accepted", n_events - len(refused)), ("rejected", len(refused)))
        if count
    }
    assert accepted_ids(simulator) == Counter(f"o-{n}" for n in range(n_events) if n not in refused)


def test_a_request_refused_in_unknown_words_rejects_nobody(
    simulator: Simulator, transport: RequestsTransport
) -> None:
    """Words that name nothing of an event, said of every one alone, end the run; no event is a reason."""
    effect = {"code": 40002, "message": "The operation cannot be completed"}
    simulator.faults = [{"match": {"path": TRACK}, "effect": effect}]
    delivery = send(simulator, transport, orders(2500), max_events=1000)
    assert isinstance(delivery.stopped_by, ConfigurationError)
    assert delivery.receipt.rejected == delivery.receipt.accepted == 0
    assert delivery.receipt.requests <= 20


@pytest.mark.parametrize(
    "effect",
    [
        HTML,
        {"http_status": 403, "raw_body": "<html>Forbidden</html>", "headers": {"Content-Type": "text/html"}},
        {"http_status": 406, "empty_body": True},
        {"code": 40700},
        {"code": 51010},
        {"code": 50000},
    ],
    ids=str,
)
@pytest.mark.parametrize("poison", [0, 13, 29])
@pytest.mark.parametrize("max_attempts", [1, 3])
def test_an_event_that_always_fails_holds_no_other(
    simulator: Simulator,
    transport: RequestsTransport,
    effect: dict[str, Any],
    poison: int,
    max_attempts: int,
) -> None:
    """It is tried alone and set aside; the rest is accepted, and a retry asks about it alone."""
    match = {"path": TRACK, "event_ids": [f"o-{poison}"]}
    simulator.faults = [{"match": match, "effect": effect}]
    store, records = Store(), orders(30)
    first = send(simulator, transport, records, store=store, max_attempts=max_attempts)
    assert first.stopped_by is None
    # 40700 is taken for the event's fault once it came twice.
    is_refused = effect.get("code") == 40700 and max_attempts > 1
    assert counts(first) == {"accepted": 29, "rejected" if is_refused else "undelivered": 1}
    if is_refused:
        return
    assert first.receipt.reasons == {"set_aside": 1}

    simulator.faults = []
    before = accepted_ids(simulator)
    second = send(simulator, transport, records, store=store)
    assert counts(second) == {"accepted": 30}
    assert accepted_ids(simulator) - before == Counter({f"o-{poison}": 1})
    assert store.is_done
