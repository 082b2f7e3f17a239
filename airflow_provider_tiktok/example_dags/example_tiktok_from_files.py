# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A shop's daily exports to TikTok, one task for each file, and a DAG that runs after each upload.

The first task makes the exports up. Replace it by whatever writes yours, and leave ``demo_mode`` out once the
connection ``tiktok_default`` is defined.
"""

from __future__ import annotations

import csv
import logging
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Asset, task

from airflow_provider_tiktok.transfers.files_to_tiktok import FilesToTikTokOperator

log = logging.getLogger(__name__)

SHOPS = ("north", "south")
EVENT_SET_ID = "7000000000000000021"
"""The simulator's own offline event set."""


@task
def export_orders() -> list[str]:
    """A file of orders for each shop."""
    folder = Path(tempfile.mkdtemp(prefix="example_tiktok_"))
    return [str(_write_orders(folder / f"{shop}.csv", shop=shop)) for shop in SHOPS]


def _write_orders(path: Path, *, shop: str) -> Path:
    now = datetime.now(UTC).replace(microsecond=0)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("order_id", "paid_at", "email", "total"))
        for number in range(5):
            paid_at = (now - timedelta(hours=number + 1)).isoformat()
            table.writerow((f"{shop}-{number}", paid_at, f"{shop}{number}@example.com", f"{20 + number}.50"))
    return path


@task
def look_at_counts(triggering_asset_events: Any = None) -> int:
    """How many events the uploads that started this run had accepted."""
    events = [event for group in (triggering_asset_events or {}).values() for event in group]
    accepted = sum(event.extra["accepted"] for event in events)
    log.info("%d uploads, %d events accepted", len(events), accepted)
    return int(accepted)


with DAG(
    "example_tiktok_from_files",
    description="Daily exports to a simulated TikTok, a task for each file",
    schedule=None,
    catchup=False,
    tags=["example", "tiktok"],
    doc_md=__doc__,
) as dag:
    # [START from_files]
    FilesToTikTokOperator.partial(
        task_id="upload",
        event_source="offline",
        event_source_id=EVENT_SET_ID,
        demo_mode=True,
        map_index_template="{{ task.path.rpartition('/')[2] }}",
        mapping={
            "event_time": "paid_at",
            "event_id": "order_id",
            "user.email": "email",
            "properties.order_id": "order_id",
            "properties.value": "total",
        },
        defaults={"event": "Purchase", "properties.currency": "USD"},
    ).expand(path=export_orders())
    # [END from_files]

# [START after_upload]
with DAG(
    "example_tiktok_after_upload",
    description="Runs after every upload to the event set",
    schedule=[Asset(uri=f"tiktok://offline/{EVENT_SET_ID}")],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),  # Airflow 2 asks for it
    catchup=False,
    tags=["example", "tiktok"],
    doc_md=__doc__,
) as after_upload:
    look_at_counts()
# [END after_upload]
