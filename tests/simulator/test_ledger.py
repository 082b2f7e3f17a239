# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""What the ledger counts as one event, as a repeat, as a changed resend."""

from __future__ import annotations

import json

from airflow_provider_tiktok.simulator import DEFAULT_PIXEL_CODE, Simulator
from tests.simulator.calls import NOW, Caller, SteppedClock, changed, event, request


def test_repeat_is_accepted_but_not_booked_again(caller: Caller, simulator: Simulator) -> None:
    """Same source, event and id: answered OK, counted as one more delivery."""
    first = caller.track(request(count=2))
    assert caller.track(request(count=2)).code == 0

    entry = simulator.ledger.events()[1]
    assert (entry.event_id, entry.event_time, entry.deliveries, entry.position) == ("order-2", NOW - 60, 2, 1)
    assert entry.request_id == first.document["request_id"]
    assert simulator.ledger.summary()["live"] == {
        "unique_events": 2,
        "deliveries": 4,
        "repeats": 2,
        "changed_resends": 0,
        "by_source_id": {DEFAULT_PIXEL_CODE: 2},
        "by_event": {"Purchase": 2},
        "by_note": {},
    }


def test_repeat_within_one_request_is_a_repeat(caller: Caller, simulator: Simulator) -> None:
    """Two events with one id in the same request are one."""
    caller.track(request(data=[event(), event()]))

    assert [entry.deliveries for entry in simulator.ledger.events()] == [2]


def test_another_name_or_source_is_another_event(caller: Caller, simulator: Simulator) -> None:
    """The key is source id, event and event id together."""
    caller.track(request())
    caller.track(changed(request(), "data.0.event", "AddToCart"))
    caller.track(changed(request("offline"), "data.0.event_id", "order-1"))

    assert simulator.ledger.event_ids() == ["order-1"] * 3
    assert simulator.ledger.summary()["live"]["repeats"] == 0


def test_replay_after_the_window_counts_again(
    caller: Caller, simulator: Simulator, clock: SteppedClock
) -> None:
    """48 hours after the first delivery the same event is a new one."""
    caller.track(request())
    clock.step(48 * 3_600 - 1)
    caller.track(request())
    assert len(simulator.ledger.events()) == 1
    clock.step(1)
    caller.track(request())

    assert [entry.deliveries for entry in simulator.ledger.events()] == [2, 1]


def test_window_is_a_setting(caller: Caller, simulator: Simulator, clock: SteppedClock) -> None:
    """A shorter window lets a test do without two days."""
    simulator.state.patch({"ledger": {"window_s": 10}})
    caller.track(request())
    clock.step(10)
    caller.track(request())

    assert len(simulator.ledger.events()) == 2


def test_resend_with_other_bytes_is_noticed(caller: Caller, simulator: Simulator) -> None:
    """The event's own bytes are compared, down to spaces and the order of keys."""
    caller.track(request(count=3))
    caller.track(changed(request(count=3), "data.1.event_time", NOW - 61))
    caller.track(json.dumps(request(count=1), separators=(",", ":")).encode())

    assert [entry.is_identical for entry in simulator.ledger.events()] == [False, False, True]
    assert simulator.ledger.summary()["live"]["changed_resends"] == 2


def test_resend_in_another_batch_is_identical(caller: Caller, simulator: Simulator) -> None:
    """Only the event's bytes count, not what stands around it."""
    caller.track(request(count=3))
    caller.track(request(data=[event(number=3)]))

    entry = simulator.ledger.events()[2]
    assert (entry.deliveries, entry.is_identical) == (2, True)


def test_test_events_have_a_book_of_their_own(caller: Caller, simulator: Simulator) -> None:
    """Test events never reach the live book, nor make a live event a repeat."""
    caller.track(request(test_event_code="TEST1"))
    assert simulator.ledger.events("live") == []
    caller.track(request())

    assert (simulator.ledger.event_ids("test"), simulator.ledger.event_ids("live")) == (
        ["order-1"],
        ["order-1"],
    )
    assert simulator.ledger.summary()["live"]["repeats"] == 0


def test_events_without_id_are_never_repeats(caller: Caller, simulator: Simulator) -> None:
    """Where an id is not required, nothing tells one event from its repeat."""
    simulator.state.patch({"tiktok": {"require_event_id": False}})
    body = request()
    del body["data"][0]["event_id"]

    caller.track(body)
    caller.track(body)

    assert simulator.ledger.event_ids() == [None, None]


def test_payloads_are_kept_as_they_came(caller: Caller, simulator: Simulator) -> None:
    """The ledger keeps the bytes of the first events, as many as the setting says."""
    simulator.state.patch({"ledger": {"keep_payloads": 1}})
    caller.track(request(count=2))

    assert simulator.ledger.payloads() == [json.dumps(event(number=1)).encode()]
    assert simulator.ledger.events()[1].payload is None


def test_payloads_of_the_whole_request_come_in_order(caller: Caller, simulator: Simulator) -> None:
    """What is kept can be read again, event by event."""
    caller.track(request(count=3))

    assert [json.loads(payload) for payload in simulator.ledger.payloads()] == request(count=3)["data"]
