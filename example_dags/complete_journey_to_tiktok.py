# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""From receipts of a grocery chain to TikTok: extract, transform, load, check, send, report.

``make demo`` runs this DAG against a simulated TikTok. To run it anywhere else, give Airflow two
connections: ``tiktok_default`` (access token, advertiser id, pixel code, offline event set id) and
``receipts_db`` (SQLite: the host is the path of the file, which is made if it is missing).

Every run rebuilds the tables, so it can be repeated at will: the same day gives the same event ids, and
TikTok drops what it has seen in the last 48 hours.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import complete_journey
from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_tiktok.transfers.sql_to_tiktok import SqlToTikTokOperator

TIKTOK_CONN_ID = "tiktok_default"
DB_CONN_ID = "receipts_db"

PARAMS = {
    "last_day": Param(
        None,
        type=["null", "string"],
        format="date",
        description="Day of the newest receipt; the year before it is filled. Empty: today.",
    ),
    "day": Param(
        None,
        type=["null", "string"],
        format="date",
        description="Day whose orders are sent. Empty: the day before the last day.",
    ),
    "with_bad_rows": Param(
        True, type="boolean", description="Add three bad baskets to the day that is sent."
    ),
}


@task
def load_receipts(params: dict[str, Any]) -> dict[str, Any]:
    """Parquet to tables, cleaned on the way; gives the day to send and the size of the tables."""
    from airflow.providers.sqlite.hooks.sqlite import SqliteHook

    last_day = _day(params["last_day"]) or datetime.now(ZoneInfo(complete_journey.TIME_ZONE)).date()
    day = _day(params["day"]) or last_day - timedelta(days=1)
    connection = SqliteHook(DB_CONN_ID).get_conn()
    try:
        rows = complete_journey.load(
            connection, last_day=last_day, bad_day=day if params["with_bad_rows"] else None
        )
    finally:
        connection.close()
    return {"day": day.isoformat(), "rows": rows}


@task
def check_pixel() -> str:
    """The pixel's name; fails before anything is sent if TikTok does not show the pixel to this token."""
    from airflow_provider_tiktok.hooks.tiktok import TikTokHook

    with TikTokHook(TIKTOK_CONN_ID) as hook:
        code = hook.event_source_id("web")
        pixels = hook.list_pixels(pixel_code=code)
    if not pixels:
        raise LookupError(f"Pixel {code} is not among those of advertiser {hook.advertiser_id}.")
    return str(pixels[0]["pixel_name"])


@task
def print_receipt(loaded: dict[str, Any], receipt: dict[str, Any]) -> None:
    """What a person wants to know, in the task's log."""
    print(f"Orders of {loaded['day']}, out of {loaded['rows']['line_items']:,} line items in the database")
    for name in ("rows", "read", "accepted", "rejected", "skipped", "unconfirmed", "undelivered", "requests"):
        print(f"{name:>12}: {receipt[name]:>6,}")
    for finding in receipt["violations"]:
        print(f"   {finding['count']}x {finding['rule']} (rows {finding['rows']}): {finding['remedy']}")
    if receipt["dead_letter_path"]:
        print(f"Rejected orders, ready to be mended and sent again: {receipt['dead_letter_path']}")


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


with DAG(
    "complete_journey_to_tiktok",
    description="One day of grocery orders to TikTok as offline purchases",
    schedule=None,
    catchup=False,
    params=PARAMS,
    tags=["tiktok", "example"],
    doc_md=__doc__,
) as dag:
    loaded = load_receipts()
    send_orders = SqlToTikTokOperator(
        task_id="send_orders",
        sql_conn_id=DB_CONN_ID,
        sql=complete_journey.ORDERS_OF_A_DAY,
        parameters={"day": "{{ ti.xcom_pull('load_receipts')['day'] }}"},
        tiktok_conn_id=TIKTOK_CONN_ID,
        event_source="offline",
        timezone=complete_journey.TIME_ZONE,
        default_region="US",
        group_by=["basket_id"],  # the line items of a basket are one event
        event_id_from=["basket_id"],  # the same basket always has the same id
        mapping={
            "event_time": "ordered_at",
            "user.email": "email",
            "user.phone": "phone",
            "user.external_id": "member_id",
            "properties.order_id": "basket_id",
            "properties.shop_id": "store_id",
            "properties.value": "order_total",
            "properties.contents[].content_id": "product_id",
            "properties.contents[].content_name": "product_name",
            "properties.contents[].content_category": "category",
            "properties.contents[].brand": "brand",
            "properties.contents[].quantity": "units",
            "properties.contents[].price": "unit_price",
        },
        defaults={
            "event": "Purchase",
            "properties.currency": "USD",
            "properties.content_type": "product",
        },
        max_rejected=3,  # the three planted baskets; the default is none
    )
    loaded >> check_pixel() >> send_orders
    print_receipt(loaded, send_orders.output["receipt"])


if __name__ == "__main__":
    dag.test()
