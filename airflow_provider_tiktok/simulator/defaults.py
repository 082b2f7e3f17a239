# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""The names in the default state, for tests and examples that talk to a fresh simulator."""

from __future__ import annotations

from airflow_provider_tiktok.simulator.rulebook import load_rules

_STATE = load_rules("default_state")


def _first(platform: str, book: str) -> str:
    return str(next(iter(_STATE[platform][book])))


DEFAULT_TOKEN = _first("tiktok", "tokens")
DEFAULT_ADVERTISER_ID = _first("tiktok", "advertisers")
DEFAULT_PIXEL_CODE = _first("tiktok", "pixels")
DEFAULT_PIXEL_ID = str(_STATE["tiktok"]["pixels"][DEFAULT_PIXEL_CODE]["pixel_id"])
DEFAULT_OFFLINE_EVENT_SET_ID = _first("tiktok", "offline_event_sets")
DEFAULT_CRM_EVENT_SET_ID = _first("tiktok", "crm_event_sets")
DEFAULT_TIKTOK_APP_ID = _first("tiktok", "apps")
DEFAULT_APP_ID = _first("tiktok", "developer_apps")
DEFAULT_APP_SECRET = str(_STATE["tiktok"]["developer_apps"][DEFAULT_APP_ID])
DEFAULT_ATS_CONFIG_ID = _first("liveramp", "configurations")
DEFAULT_PLACEMENT_ID = _first("liveramp", "placements")
DEFAULT_ORIGIN = str(_STATE["liveramp"]["placements"][DEFAULT_PLACEMENT_ID]["origins"][0])
