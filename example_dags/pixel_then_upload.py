# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Clean a shop's export, wait for the pixel, upload, and wait until TikTok has counted the events.

Give Airflow the connection ``tiktok_default`` with an access token that may read pixels, the advertiser id
and the pixel code. Without an export of your own the DAG makes one up, with people at example.com.

Both sensors wait in the triggerer and take no worker meanwhile. TikTok's figures lag by two to four hours,
so the second one looks once an hour.
"""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, AirflowSkipException, Param, task

from airflow_provider_tiktok.sensors.tiktok import TikTokEventsReceivedSensor, TikTokPixelSensor
from airflow_provider_tiktok.transfers.files_to_tiktok import FilesToTikTokOperator

PARAMS = {
    "export": Param(
        "", type="string", description="The shop's export, a CSV file. Empty: twenty made-up orders."
    ),
    "folder": Param(
        str(Path(tempfile.gettempdir()) / "pixel_then_upload"),
        type="string",
        description="Where the cleaned orders go; every worker must reach it.",
    ),
}


@task
def clean_orders(params: dict[str, Any]) -> dict[str, Any]:
    """The paid orders of an export as JSON Lines; gives where they are, how many, and their first day.

    The day is of UTC, as TikTok counts.
    """
    folder = Path(params["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    rows = _read_csv(Path(params["export"])) if params["export"] else _made_up_orders()
    orders = [_clean(row) for row in rows if row["status"] == "paid"]
    if not orders:
        raise AirflowSkipException("The export holds no paid order.")
    path = folder / "orders.jsonl"
    path.touch(mode=0o600)  # customers are named in it
    path.write_text("".join(f"{json.dumps(order)}\n" for order in orders))
    first = min(order["paid_at"] for order in orders)
    return {"path": str(path), "orders": len(orders), "first_day": first[:10]}


def _read_csv(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def _made_up_orders() -> Iterator[dict[str, str]]:
    now = datetime.now(UTC).replace(microsecond=0)
    for number in range(20):
        yield {
            "order": f"A-{now:%Y%m%d}-{number:02}",
            "status": "cancelled" if number % 5 == 4 else "paid",
            "paid_at": (now - timedelta(minutes=number + 1)).isoformat(),
            "email": f" Customer{number}@Example.com ",
            "total": f"{10 + number},50",
            "page": "https://shop.example.com/thanks",
        }


def _clean(row: dict[str, str]) -> dict[str, Any]:
    paid_at = datetime.fromisoformat(row["paid_at"]).astimezone(UTC)
    return {**row, "paid_at": paid_at.isoformat(), "total": float(row["total"].replace(",", "."))}


with DAG(
    "pixel_then_upload",
    description="Orders to TikTok once the pixel works, and proof that they were counted",
    schedule=None,
    catchup=False,
    params=PARAMS,
    tags=["tiktok", "example"],
    doc_md=__doc__,
) as dag:
    orders = clean_orders()
    wait_for_pixel = TikTokPixelSensor(
        task_id="wait_for_pixel",
        deferrable=True,
        poke_interval=timedelta(minutes=5),
        timeout=timedelta(hours=6),
    )
    upload = FilesToTikTokOperator(
        task_id="upload",
        path="{{ ti.xcom_pull('clean_orders')['path'] }}",
        event_source="web",
        event_id_from=["order"],
        mapping={
            "event_time": "paid_at",
            "user.email": "email",
            "page.url": "page",
            "properties.order_id": "order",
            "properties.value": "total",
        },
        defaults={"event": "Purchase", "properties.currency": "USD"},
    )
    events_received = TikTokEventsReceivedSensor(
        task_id="events_received",
        first_day="{{ ti.xcom_pull('clean_orders')['first_day'] }}",
        min_events="{{ ti.xcom_pull('upload')['accepted'] }}",
        deferrable=True,
        poke_interval=timedelta(hours=1),
        timeout=timedelta(hours=12),
    )
    orders >> wait_for_pixel >> upload >> events_received


if __name__ == "__main__":
    dag.test()
