# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from airflow_provider_tiktok.conversions.delivery.crew import MOST_WAITING, Crew


@contextmanager
def blocked_crew(n_senders: int) -> Iterator[tuple[Crew[int, int], list[int]]]:
    """A crew whose senders wait until the block is left, and what they have sent by then."""
    sent: list[int] = []
    go_on = threading.Event()

    def send(job: int) -> int:
        assert go_on.wait(60)
        sent.append(job)
        return job

    crew: Crew[int, int] = Crew(
        n_senders, send=send, keep=lambda _: None, idle=lambda: None, end=lambda: None
    )
    crew.start()
    try:
        yield crew, sent
    finally:
        go_on.set()
        crew.finish()
        while not crew.has_ended:
            crew.wait()


@pytest.mark.parametrize("n_senders", [1, 2, 16])
def test_a_few_jobs_wait_for_senders_and_no_more(n_senders: int) -> None:
    """So that a sender which becomes free has one at once, and memory stays bounded."""
    with blocked_crew(n_senders) as (crew, sent):
        n_jobs = n_senders + min(n_senders, MOST_WAITING)
        for job in range(n_jobs):
            assert crew.has_room(may_go_on=lambda: True)
            crew.hand_over(job)
        looks = iter([True, False])
        assert not crew.has_room(may_go_on=lambda: next(looks))
        assert not sent
    assert sorted(sent) == list(range(n_jobs))
