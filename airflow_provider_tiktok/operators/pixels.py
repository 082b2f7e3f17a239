# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Operators that look pixels up. What they return are TikTok's own dictionaries, with its field names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_tiktok.exceptions import failing_as_airflow
from airflow_provider_tiktok.links.tiktok import EventsManagerLink, leave_link
from airflow_provider_tiktok.task.contexts import complete_context
from airflow_provider_tiktok.task.signatures import ShowsArguments

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_provider_tiktok.hooks.tiktok import TikTokHook
    from airflow_provider_tiktok.task.arguments import Rendered, TaskArguments


class TikTokListPixelsOperator(BaseOperator, ShowsArguments):
    """Returns an advertiser's pixels, of all pages.

    :param tiktok_conn_id: connection of type ``tiktok`` (templated).
    :param advertiser_id: whose pixels (templated). ``None``: the connection's.
    :param name: only pixels whose name holds this text (templated).
    :param pixel_code: only the pixel with this code (templated).
    :param order_by: ``EARLIEST_CREATE`` or ``LATEST_CREATE``. ``None``: as TikTok likes.
    :param available_for_catalog_only: only pixels that a catalog can use. ``None``: TikTok is not told.
    :param demo_mode: ask a simulator inside this task instead. ``None``: as the connection says.
    """

    template_fields: Sequence[str] = ("tiktok_conn_id", "advertiser_id", "name", "pixel_code")
    ui_color = "#d7f5f3"

    tiktok_conn_id: Rendered[str]
    advertiser_id: Rendered[str | None]
    name: Rendered[str | None]
    pixel_code: Rendered[str | None]

    def __init__(
        self,
        *,
        tiktok_conn_id: str | XComArg = "tiktok_default",
        advertiser_id: str | XComArg | None = None,
        name: str | XComArg | None = None,
        pixel_code: str | XComArg | None = None,
        order_by: str | None = None,
        available_for_catalog_only: bool | None = None,
        demo_mode: bool | None = None,
        **kwargs: Unpack[TaskArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.tiktok_conn_id = tiktok_conn_id
        self.advertiser_id = advertiser_id
        self.name = name
        self.pixel_code = pixel_code
        self.order_by = order_by
        self.available_for_catalog_only = available_for_catalog_only
        self.demo_mode = demo_mode

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """The pixels."""
        with failing_as_airflow(), _open_hook(self.tiktok_conn_id, demo_mode=self.demo_mode) as hook:
            pixels = hook.list_pixels(
                self.advertiser_id,
                pixel_code=self.pixel_code or None,
                name=self.name or None,
                order_by=self.order_by,
                available_for_catalog_only=self.available_for_catalog_only,
            )
        self.log.info("%d pixels", len(pixels))
        return pixels


class TikTokGetPixelOperator(BaseOperator, ShowsArguments):
    """Returns one pixel.

    :param tiktok_conn_id: connection of type ``tiktok`` (templated).
    :param pixel_code: of the pixel (templated). ``None``, without ``pixel_id``: the connection's.
    :param pixel_id: of the pixel (templated): the number that TikTok's statistics want, not the code.
    :param advertiser_id: whose pixel (templated). ``None``: the connection's.
    :param missing_ok: whether a pixel that is not there gives ``None`` instead of a failure.
    :param demo_mode: ask a simulator inside this task instead. ``None``: as the connection says.
    """

    template_fields: Sequence[str] = ("tiktok_conn_id", "pixel_code", "pixel_id", "advertiser_id")
    operator_extra_links = (EventsManagerLink(),)
    ui_color = "#d7f5f3"

    tiktok_conn_id: Rendered[str]
    pixel_code: Rendered[str | None]
    pixel_id: Rendered[str | None]
    advertiser_id: Rendered[str | None]

    def __init__(
        self,
        *,
        tiktok_conn_id: str | XComArg = "tiktok_default",
        pixel_code: str | XComArg | None = None,
        pixel_id: str | XComArg | None = None,
        advertiser_id: str | XComArg | None = None,
        missing_ok: bool = False,
        demo_mode: bool | None = None,
        **kwargs: Unpack[TaskArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.tiktok_conn_id = tiktok_conn_id
        self.pixel_code = pixel_code
        self.pixel_id = pixel_id
        self.advertiser_id = advertiser_id
        self.missing_ok = missing_ok
        self.demo_mode = demo_mode

    def execute(self, context: Context) -> dict[str, Any] | None:
        """The pixel; ``None`` where there is none and that is allowed."""
        context = complete_context(context, task_id=self.task_id)
        with failing_as_airflow(), _open_hook(self.tiktok_conn_id, demo_mode=self.demo_mode) as hook:
            advertiser_id = self.advertiser_id or hook.advertiser_id
            pixel = self._find(hook, advertiser_id)
            if pixel is not None and pixel.get("pixel_code") and not hook.demo_mode:
                leave_link(context, advertiser_id=advertiser_id, pixel_code=str(pixel["pixel_code"]))
        return pixel

    def _find(self, hook: TikTokHook, advertiser_id: str) -> dict[str, Any] | None:
        from airflow_provider_tiktok.conversions.tiktok.pixels import find_pixel, require_pixel

        find = find_pixel if self.missing_ok else require_pixel
        pixel_code = self.pixel_code or (None if self.pixel_id else hook.event_source_id("web"))
        return find(hook.get_client(), advertiser_id, pixel_code=pixel_code, pixel_id=self.pixel_id or None)


def _open_hook(tiktok_conn_id: str, *, demo_mode: bool | None) -> TikTokHook:
    from airflow_provider_tiktok.hooks.tiktok import TikTokHook

    return TikTokHook(tiktok_conn_id, demo_mode=demo_mode)
