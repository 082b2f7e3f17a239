# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Wait until a pixel works before anything is sent to it.

In demo mode the pixel is the simulator's. Leave ``demo_mode`` out once the connection ``tiktok_default`` is
defined, and set ``deferrable=True`` to wait without a worker.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_tiktok.operators.pixels import TikTokListPixelsOperator
from airflow_provider_tiktok.operators.tiktok import TikTokSendEventsOperator
from airflow_provider_tiktok.sensors.tiktok import TikTokPixelSensor

with DAG(
    "example_tiktok_pixel",
    description="Events to a simulated TikTok once the pixel works",
    schedule=None,
    catchup=False,
    tags=["example", "tiktok"],
    doc_md=__doc__,
) as dag:
    # [START pixel]
    list_pixels = TikTokListPixelsOperator(task_id="list_pixels", demo_mode=True)
    wait_for_pixel = TikTokPixelSensor(
        task_id="wait_for_pixel",
        demo_mode=True,
        mode="reschedule",
        poke_interval=timedelta(minutes=5),
        timeout=timedelta(hours=6),
    )
    send_events = TikTokSendEventsOperator(task_id="send_events", event_source="web", demo_mode=True)
    # [END pixel]
    list_pixels >> wait_for_pixel >> send_events
