# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A button on a task that leads to its pixel in TikTok's Events Manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom, conf

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context, TaskInstanceKey

# TikTok documents no address of its pages. This one is what its pages showed in 2026-11.
EVENTS_MANAGER_URL = (
    "https://ads.tiktok.com/i18n/events_manager/datasource/pixel/detail/{pixel_code}?org_id={advertiser_id}"
)


class EventsManagerLink(BaseOperatorLink):
    """Leads to the pixel, as soon as the task knows which one it is.

    The address is the option ``[tiktok] events_manager_url``; ``{pixel_code}`` and ``{advertiser_id}`` stand
    for the ids.
    """

    name = "Events Manager"

    # Airflow 3 reads the finished address from here by itself; Airflow 2 asks get_link.
    xcom_key = "_link_EventsManagerLink"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The address that the task left; empty where it left none."""
        return str(XCom.get_value(key=self.xcom_key, ti_key=ti_key) or "")


def leave_link(context: Context, *, advertiser_id: str, pixel_code: str) -> None:
    """Make the button work from now on, not only when the task has ended."""
    ids = {"pixel_code": quote(pixel_code, safe=""), "advertiser_id": quote(advertiser_id, safe="")}
    template: Any = conf.get("tiktok", "events_manager_url", fallback=EVENTS_MANAGER_URL)
    url = template or EVENTS_MANAGER_URL
    for name, value in ids.items():
        url = url.replace(f"{{{name}}}", value)
    context["ti"].xcom_push(key=EventsManagerLink.xcom_key, value=url)
