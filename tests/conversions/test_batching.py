# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Batches are bounded by count, by bytes and by group, and by nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tiktok.conversions.batching import Batch, Batcher, Encoded, Limits

EVENTS = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 40)), max_size=120)
LIMITS = st.builds(
    Limits,
    max_events=st.integers(1, 7),
    max_bytes=st.integers(60, 200),
    overhead_bytes=st.integers(0, 20),
    max_open_groups=st.integers(1, 3),
    max_age=st.none() | st.integers(0, 9),
)


def pack(events: list[Encoded], limits: Limits) -> list[Batch]:
    """All batches of these events."""
    batcher = Batcher(limits)
    batches = [batch for event in events for batch in (*batcher.add(event), *batcher.pass_by())]
    return batches + list(batcher.flush())


@given(EVENTS, LIMITS)
def test_every_event_is_in_one_batch_within_the_limits(shapes: list[tuple[int, int]], limits: Limits) -> None:
    """No event is lost or doubled, no batch is larger than allowed, mixed, or empty."""
    events = [
        Encoded(body=b"x" * size, group=group, item=place) for place, (group, size) in enumerate(shapes)
    ]
    batches = pack(events, limits)

    assert sorted(event.item for batch in batches for event in batch.events) == list(range(len(events)))
    for batch in batches:
        assert 1 <= len(batch.events) <= limits.max_events
        assert {event.group for event in batch.events} == {batch.group}
        joined = b",".join(event.body for event in batch.events)
        assert limits.overhead_bytes + len(joined) <= limits.max_bytes


@given(EVENTS, LIMITS)
def test_events_of_a_group_keep_their_order(shapes: list[tuple[int, int]], limits: Limits) -> None:
    """Within a group, events leave in the order they came."""
    events = [
        Encoded(body=b"x" * size, group=group, item=place) for place, (group, size) in enumerate(shapes)
    ]
    left: dict[object, list[int]] = {}
    for batch in pack(events, limits):
        left.setdefault(batch.group, []).extend(event.item for event in batch.events)
    assert all(places == sorted(places) for places in left.values())


@given(EVENTS, LIMITS)
def test_no_group_waits_longer_than_its_age(shapes: list[tuple[int, int]], limits: Limits) -> None:
    """However its events are spread, and also while other events are looked at and not packed."""
    batcher = Batcher(limits)
    waiting: list[int] = []
    for place, (group, size) in enumerate(shapes):
        event = Encoded(body=b"x" * size, group=group, item=place)
        left = [*(batcher.add(event) if size % 3 else ()), *batcher.pass_by()]
        waiting += [place] if size % 3 else []
        waiting = [one for one in waiting if one not in {e.item for batch in left for e in batch.events}]
        if limits.max_age is not None:
            assert all(place - one <= limits.max_age for one in waiting)


def test_one_group_fills_its_batches() -> None:
    """With one group every batch but the last is full."""
    batches = pack([Encoded(body=b"{}") for _ in range(2500)], Limits())
    assert [len(batch.events) for batch in batches] == [1000, 1000, 500]


def test_an_event_larger_than_a_request_does_not_fit() -> None:
    """The caller can tell before packing."""
    limits = Limits(max_bytes=100, overhead_bytes=10)
    assert limits.fits(Encoded(body=b"x" * 90))
    assert not limits.fits(Encoded(body=b"x" * 91))


def test_halves_hold_the_same_events_in_the_same_order() -> None:
    """Halving loses nothing, also of odd numbers."""
    batch = Batch(group="g", events=tuple(Encoded(body=b"{}", item=place) for place in range(7)))
    first, second = batch.halves()
    assert first.events + second.events == batch.events
    assert (first.group, second.group) == ("g", "g")
    assert (len(first.events), len(second.events)) == (3, 4)
