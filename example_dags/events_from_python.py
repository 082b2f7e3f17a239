# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Events from a function: orders are read page by page and sent as they come, without a row in XCom.

Give Airflow the connection ``tiktok_default``. In place of ``read_page`` put whatever your shop's API or your
own code gives: records, a pandas or polars frame, an Arrow table. Here the orders are made up, with people
at example.com.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

PARAMS = {"pages": Param(3, type="integer", minimum=0, description="How many pages of ten orders there are.")}

MAPPING = {
    "event_time": "paid_at",
    "event_id": "order",
    "user.email": "customer.email",
    "page.url": "page",
    "properties.order_id": "order",
    "properties.value": "total",
    "properties.currency": "currency",
}


def read_page(number: int, *, until: datetime) -> list[dict[str, Any]]:
    """One page of orders, as a shop's API gives it."""
    return [
        {
            "order": f"A-{until:%Y%m%d}-{number}-{place}",
            "state": "refunded" if place == 9 else "paid",
            "paid_at": (until - timedelta(minutes=place + 1)).isoformat(),
            "customer": {"email": f"customer{number}.{place}@example.com"},
            "total": 10 + place,
            "currency": "EUR",
            "page": "https://shop.example.com/thanks",
        }
        for place in range(10)
    ]


with DAG(
    "events_from_python",
    description="Orders of a shop's API to TikTok, page by page",
    schedule=None,
    catchup=False,
    params=PARAMS,
    tags=["tiktok", "example"],
    doc_md=__doc__,
) as dag:

    @task.tiktok_events(
        mapping=MAPPING,
        defaults={"event": "Purchase"},
        is_repeatable=True,  # the pages stay as they are, so a retry resumes
    )
    def send_orders(params: dict[str, Any], dag_run: Any) -> Iterator[dict[str, Any]]:
        """Sends the paid orders of every page."""
        for number in range(params["pages"]):
            page = read_page(number, until=dag_run.start_date)
            yield from (order for order in page if order["state"] == "paid")

    send_orders()


if __name__ == "__main__":
    dag.test()
