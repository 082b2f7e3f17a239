# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Demo mode: a simulator inside the task's own process, which knows the connection's ids."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_tiktok.simulator import Simulator

log = logging.getLogger(__name__)

_BOOKS = {"web": "pixels", "app": "apps", "offline": "offline_event_sets", "crm": "crm_event_sets"}
"""Event source to the part of the simulator's state that lists the ids of that source."""


def start_demo(source_ids: Iterable[tuple[str, str]]) -> Simulator:
    """A simulator that serves until it is closed.

    :param source_ids: event source and id, for every id that it shall know besides its own.
    """
    from airflow_provider_tiktok.simulator import Simulator

    simulator = Simulator()
    for source, source_id in source_ids:
        _make_known(simulator, _BOOKS[source], source_id)
    simulator.__enter__()
    log.warning(
        "DEMO MODE: events go to a simulator at %s inside this task. Nothing is sent to TikTok.",
        simulator.url,
    )
    return simulator


def demo_source_ids() -> dict[str, str]:
    """Event source to the id that every simulator knows."""
    from airflow_provider_tiktok import simulator

    return {
        "web": simulator.DEFAULT_PIXEL_CODE,
        "app": simulator.DEFAULT_TIKTOK_APP_ID,
        "offline": simulator.DEFAULT_OFFLINE_EVENT_SET_ID,
        "crm": simulator.DEFAULT_CRM_EVENT_SET_ID,
    }


def _make_known(simulator: Simulator, book: str, source_id: str) -> None:
    example = next(iter(simulator.state["tiktok"][book].values()))
    try:
        simulator.state.patch({"tiktok": {book: {source_id: example}}})
    except ValueError:
        # No id that TikTok would give: refused by the simulator as TikTok would refuse it.
        log.warning("Demo mode: %s does not look like an id of %s", source_id, book)
