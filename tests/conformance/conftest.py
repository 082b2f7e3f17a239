# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""TikTok on loopback, one for all cases, with an Airflow connection to it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from airflow_provider_tiktok import simulator
from airflow_provider_tiktok.simulator import Simulator

SOURCE_IDS = {
    "web": simulator.DEFAULT_PIXEL_CODE,
    "app": simulator.DEFAULT_TIKTOK_APP_ID,
    "offline": simulator.DEFAULT_OFFLINE_EVENT_SET_ID,
    "crm": simulator.DEFAULT_CRM_EVENT_SET_ID,
}


@pytest.fixture(scope="package")
def running_simulator() -> Iterator[Simulator]:
    """TikTok on loopback."""
    with Simulator() as running:
        yield running


@pytest.fixture
def tiktok(running_simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """TikTok as new, behind the connection ``tiktok_default``."""
    running_simulator.reset()
    connection = {
        "conn_type": "tiktok",
        "host": running_simulator.url,
        "password": simulator.DEFAULT_TOKEN,
        "extra": {
            "pixel_code": SOURCE_IDS["web"],
            "tiktok_app_id": SOURCE_IDS["app"],
            "offline_event_set_id": SOURCE_IDS["offline"],
            "crm_event_set_id": SOURCE_IDS["crm"],
        },
    }
    monkeypatch.setenv("AIRFLOW_CONN_TIKTOK_DEFAULT", json.dumps(connection))
    return running_simulator
