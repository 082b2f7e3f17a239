# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_tiktok.simulator import Simulator
from tests.simulator.calls import Caller, SteppedClock


@pytest.fixture
def clock() -> SteppedClock:
    """A clock that stands still."""
    return SteppedClock()


@pytest.fixture
def simulator(clock: SteppedClock) -> Iterator[Simulator]:
    """A fresh simulator with the default state."""
    with Simulator(clock=clock) as simulator:
        yield simulator


@pytest.fixture
def caller(simulator: Simulator) -> Iterator[Caller]:
    """A connection to the simulator."""
    with Caller(simulator.url) as caller:
        yield caller
