# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""TikTok's Events API and LiveRamp's conversion APIs on loopback: a judge, stricter than any client.

Start it by hand, and it prints where it listens::

    python -m airflow_provider_tiktok.simulator
    {"url": "http://127.0.0.1:40123", "pid": 4711}

or inside a test::

    from airflow_provider_tiktok.simulator import DEFAULT_PIXEL_CODE, DEFAULT_TOKEN, Simulator

    with Simulator() as simulator:
        ...  # send events to simulator.url
        assert simulator.ledger.summary()["live"]["unique_events"] == 3

``start()`` and ``close()`` do the same where no ``with`` fits, as in the fixtures of a test.

It works without settings: one token with every permission, one advertiser, one web pixel, one offline and
one CRM event set, one app, one LiveRamp configuration and placement (the ``DEFAULT_*`` constants). Settings
(``rules/default_state.json``) and faults (``rules/faults.json``) are data, given at the start, set from a
test (``simulator.state.patch({...})``, ``simulator.faults = [...]``) or over HTTP below ``/_simulator/``.

It is written from the vendors' documentation and imports nothing else of this package, so that a client and
its judge cannot share a mistake. Where the documentation is silent it refuses, and a setting relaxes it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_tiktok.simulator.defaults import (
        DEFAULT_ADVERTISER_ID,
        DEFAULT_APP_ID,
        DEFAULT_APP_SECRET,
        DEFAULT_ATS_CONFIG_ID,
        DEFAULT_CRM_EVENT_SET_ID,
        DEFAULT_OFFLINE_EVENT_SET_ID,
        DEFAULT_ORIGIN,
        DEFAULT_PIXEL_CODE,
        DEFAULT_PIXEL_ID,
        DEFAULT_PLACEMENT_ID,
        DEFAULT_TIKTOK_APP_ID,
        DEFAULT_TOKEN,
    )
    from airflow_provider_tiktok.simulator.service import Simulator

__all__ = [
    "DEFAULT_ADVERTISER_ID",
    "DEFAULT_APP_ID",
    "DEFAULT_APP_SECRET",
    "DEFAULT_ATS_CONFIG_ID",
    "DEFAULT_CRM_EVENT_SET_ID",
    "DEFAULT_OFFLINE_EVENT_SET_ID",
    "DEFAULT_ORIGIN",
    "DEFAULT_PIXEL_CODE",
    "DEFAULT_PIXEL_ID",
    "DEFAULT_PLACEMENT_ID",
    "DEFAULT_TIKTOK_APP_ID",
    "DEFAULT_TOKEN",
    "Simulator",
]


def __getattr__(name: str) -> object:
    """Gives an exported name, importing its module only now."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "service" if name == "Simulator" else "defaults"
    return getattr(import_module(f"{__name__}.{module}"), name)
