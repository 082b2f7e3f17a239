# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Sample events to a simulated TikTok, and what to do with the receipt.

Demo mode takes a simulator inside the task in place of TikTok, and sample events in place of yours. Leave
``demo_mode`` out once the connection ``tiktok_default`` is defined.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_tiktok.operators.tiktok import TikTokSendEventsOperator, TikTokTestEventOperator

log = logging.getLogger(__name__)


@task
def read_receipt(receipt: Any) -> int:
    """How many events TikTok took."""
    log.info("%d of %d events were accepted", receipt["accepted"], receipt["read"])
    return int(receipt["accepted"])


with DAG(
    "example_tiktok_send_events",
    description="Sample events to a simulated TikTok",
    schedule=None,
    catchup=False,
    tags=["example", "tiktok"],
    doc_md=__doc__,
) as dag:
    # [START send_events]
    test_event = TikTokTestEventOperator(task_id="test_event", demo_mode=True)
    send_events = TikTokSendEventsOperator(task_id="send_events", event_source="web", demo_mode=True)
    # [END send_events]
    test_event >> send_events
    read_receipt(send_events.output)
