# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Look before you send: what becomes of a file's first rows, and the upload only if all of them are ready.

The preview's log shows the rows beside their events, values as shapes and identifiers as digests. The first
task makes a file of orders up. Leave ``demo_mode`` out once the connection ``tiktok_default`` is defined.
"""

from __future__ import annotations

import csv
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_tiktok.mapping import column
from airflow_provider_tiktok.transfers.files_to_tiktok import FilesToTikTokOperator
from airflow_provider_tiktok.transfers.preview import TikTokPreviewOperator


@task
def export_orders() -> str:
    """A file of orders, of which one is not paid."""
    path = Path(tempfile.mkdtemp(prefix="example_tiktok_")) / "orders.csv"
    now = datetime.now(UTC)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("order", "state", "date", "email", "total"))
        for number in range(20):
            paid_at = now - timedelta(hours=number + 1)
            state = "open" if number == 3 else "paid"
            total = f"{20 + number},50 €"
            table.writerow(
                (f"P-{number}", state, f"{paid_at:%d.%m.%Y %H:%M}", f"p{number}@example.com", total)
            )
    return str(path)


# [START preview]
ORDERS: dict[str, Any] = {
    "event_source": "offline",
    "timezone": "UTC",
    "keep_rows": {"state": "paid"},
    "mapping": {
        "event_time": column("date", format="%d.%m.%Y %H:%M"),
        "event_id": "order",
        "user.email": "email",
        "properties.value": column("total", decimal=",", symbol="€"),
    },
    "defaults": {"event": "Purchase", "properties.currency": "EUR"},
}

with DAG(
    "example_tiktok_preview",
    description="A preview that guards an upload to a simulated TikTok",
    schedule=None,
    catchup=False,
    tags=["example", "tiktok"],
    doc_md=__doc__,
) as dag:
    file = export_orders()
    preview = TikTokPreviewOperator(task_id="preview", path=file, must_be_ready=True, **ORDERS)
    upload = FilesToTikTokOperator(task_id="upload", path=file, demo_mode=True, **ORDERS)
    preview >> upload
# [END preview]
