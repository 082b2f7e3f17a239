# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""One DAG for any task: send an event or many, test one, list pixels, look one up.

Start it by its trigger form or over Airflow's REST API with one JSON input. Demo mode is on unless the input
turns it off, so it runs without an account. To send, define the connection ``tiktok_default``.

A team with connections of its own makes its own: ``dag = make_events_api_dag("shop_events_api",
tiktok_conn_id="shop_tiktok")``.
"""

from __future__ import annotations

import os

from airflow_provider_tiktok.service.events_api import make_events_api_dag

dag = make_events_api_dag(
    # Where files may be named in place of inline events; without it none may.
    events_folder=os.environ.get("TIKTOK_EVENTS_FOLDER"),
)
