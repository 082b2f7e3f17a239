# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from airflow_provider_tiktok.exceptions import PermanentFailure, TemporaryFailure
from airflow_provider_tiktok.hooks.tiktok import TikTokHook
from airflow_provider_tiktok.operators.pixels import TikTokGetPixelOperator, TikTokListPixelsOperator
from airflow_provider_tiktok.simulator import (
    DEFAULT_ADVERTISER_ID,
    DEFAULT_CRM_EVENT_SET_ID,
    DEFAULT_OFFLINE_EVENT_SET_ID,
    DEFAULT_PIXEL_CODE,
    DEFAULT_PIXEL_ID,
    DEFAULT_TOKEN,
    Simulator,
)
from tests.airflow.running import Task


def list_pixels(task: Task, **arguments: Any) -> list[dict[str, Any]]:
    return TikTokListPixelsOperator(task_id="list", **arguments).execute(task.context)


def get_pixel(task: Task, **arguments: Any) -> dict[str, Any] | None:
    return TikTokGetPixelOperator(task_id="get", **arguments).execute(task.context)


def add_pixels(tiktok: Simulator, n_pixels: int, **facts: Any) -> None:
    """So many further pixels, each younger than the one before."""
    pixels = {
        f"CSIM{number:016}": {
            "pixel_id": str(7_100_000_000_000_000_000 + number),
            "advertiser_id": DEFAULT_ADVERTISER_ID,
            "pixel_name": f"Shop {number}",
            "create_time": f"2026-01-01 00:{number:02}:00",
            **facts,
        }
        for number in range(10, 10 + n_pixels)
    }
    tiktok.state.patch({"tiktok": {"pixels": pixels}})


def codes(pixels: list[dict[str, Any]]) -> list[str]:
    return [pixel["pixel_code"] for pixel in pixels]


# ------------------------------------------------------------------------------------ listing


def test_pixels_of_all_pages_are_listed(tiktok: Simulator, task: Task):
    """An advertiser with more pixels than a page holds gets all of them, each once."""
    add_pixels(tiktok, 44)
    listed = codes(list_pixels(task))
    assert len(listed) == len(set(listed)) == 45
    assert len(tiktok.requests) == 3


def test_listed_pixels_are_the_apis_own(tiktok: Simulator, task: Task):
    """What goes to XCom is plain JSON under the API's field names."""
    (pixel,) = list_pixels(task)
    assert json.loads(json.dumps(pixel)) == pixel
    assert {"pixel_id", "pixel_code", "pixel_name", "activity_status", "create_time", "events"} <= set(pixel)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"name": "Shop 1"}, ["CSIM0000000000000010", "CSIM0000000000000011"]),
        ({"pixel_code": "CSIM0000000000000011"}, ["CSIM0000000000000011"]),
        ({"name": "nowhere"}, []),
        ({"order_by": "LATEST_CREATE"}, ["CSIM0000000000000011", "CSIM0000000000000010", DEFAULT_PIXEL_CODE]),
        (
            {"order_by": "EARLIEST_CREATE"},
            [DEFAULT_PIXEL_CODE, "CSIM0000000000000010", "CSIM0000000000000011"],
        ),
        ({"available_for_catalog_only": True}, [DEFAULT_PIXEL_CODE]),
    ],
)
def test_filters_are_tiktoks(tiktok: Simulator, task: Task, arguments: dict[str, Any], expected: list[str]):
    """Names by a part, codes as a whole, order by age, catalog or not."""
    add_pixels(tiktok, 2)
    assert codes(list_pixels(task, **arguments)) == expected


def test_wrong_order_is_told(tiktok: Simulator, task: Task):
    """An order that TikTok does not know fails for good."""
    with pytest.raises(PermanentFailure, match="order_by"):
        list_pixels(task, order_by="NEWEST")


# ------------------------------------------------------------------------------------ getting


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"pixel_code": DEFAULT_PIXEL_CODE},
        {"pixel_id": DEFAULT_PIXEL_ID},
        {
            "pixel_code": DEFAULT_PIXEL_CODE,
            "pixel_id": DEFAULT_PIXEL_ID,
            "advertiser_id": DEFAULT_ADVERTISER_ID,
        },
    ],
)
def test_pixel_is_got(tiktok: Simulator, task: Task, arguments: dict[str, Any]):
    """By code, by id, by both, or by what the connection says."""
    add_pixels(tiktok, 30)
    pixel = get_pixel(task, **arguments)
    assert pixel is not None
    assert (pixel["pixel_code"], pixel["pixel_id"]) == (DEFAULT_PIXEL_CODE, DEFAULT_PIXEL_ID)
    assert DEFAULT_PIXEL_CODE in task.pushed["_link_EventsManagerLink"]


def test_absent_pixel_fails(tiktok: Simulator, task: Task):
    """A pixel that is not there is named, with what to check, and not retried."""
    with pytest.raises(PermanentFailure, match="no pixel with code CSIM0000000000000099 for advertiser"):
        get_pixel(task, pixel_code="CSIM0000000000000099")


def test_absent_pixel_is_none_if_asked(tiktok: Simulator, task: Task):
    """A DAG may branch on whether a pixel is there."""
    assert get_pixel(task, pixel_code="CSIM0000000000000099", missing_ok=True) is None
    assert task.pushed == {}


def test_token_that_may_not_read_is_no_absent_pixel(tiktok: Simulator, task: Task):
    """A refusal is not read as absence, and says that it is none to send."""
    tiktok.state.patch({"tiktok": {"tokens": {DEFAULT_TOKEN: {"permissions": ["event/track"]}}}})
    for ask in (list_pixels, get_pixel):
        with pytest.raises(PermanentFailure, match="says nothing of sending"):
            ask(task)
    with pytest.raises(PermanentFailure, match="says nothing of sending"):
        get_pixel(task, missing_ok=True)


def test_answer_that_is_not_understood_is_no_absent_pixel(tiktok: Simulator, task: Task):
    """What TikTok answers in another shape is neither a pixel nor none."""
    tiktok.faults = [{"effect": {"code": 0, "process": True, "data": {"pixel": []}}}]
    with pytest.raises(TemporaryFailure, match=r"data\.pixels"):
        get_pixel(task, missing_ok=True)


@pytest.mark.usefixtures("airflow_home")
def test_demo_mode_needs_no_account(task: Task):
    """Both can be tried without a connection."""
    assert codes(list_pixels(task, tiktok_conn_id="nowhere", demo_mode=True)) == [DEFAULT_PIXEL_CODE]
    pixel = get_pixel(task, tiktok_conn_id="nowhere", demo_mode=True)
    assert pixel is not None
    assert pixel["pixel_code"] == DEFAULT_PIXEL_CODE
    assert task.pushed == {}


# ------------------------------------------------------------------------------------ the hook


def test_hook_tells_where_events_can_belong(tiktok: Simulator):
    """Pixels, statistics and event sets of the connection's advertiser, with one client for all."""
    today = date(2026, 11, 23)
    with TikTokHook() as hook:
        assert codes(hook.list_pixels()) == [DEFAULT_PIXEL_CODE]
        assert hook.list_pixels(pixel_code="CSIM0000000000000099") == []
        statistics = hook.pixel_event_stats([DEFAULT_PIXEL_ID], start_date=today, end_date=today)
        assert statistics == [{"pixel_id": DEFAULT_PIXEL_ID, "statistics": []}]
        assert [found["event_set_id"] for found in hook.offline_event_sets()] == [
            DEFAULT_OFFLINE_EVENT_SET_ID
        ]
        assert [found["event_set_id"] for found in hook.crm_event_sets()] == [DEFAULT_CRM_EVENT_SET_ID]
    assert [request.code for request in tiktok.requests] == [0] * 5


def test_connection_test_is_honest_about_a_token_that_only_sends(tiktok: Simulator):
    """A token made in Events Manager is good, and what it may not do is told; no event is sent."""
    tiktok.state.patch({"tiktok": {"tokens": {DEFAULT_TOKEN: {"permissions": ["event/track"]}}}})
    is_good, words = TikTokHook().test_connection()
    assert is_good
    assert "which may not list pixels; it may send all the same" in words
    assert tiktok.ledger.summary()["live"]["unique_events"] == 0


def test_connection_test_fails_a_token_that_may_not_send(tiktok: Simulator):
    """A token that may read everything and send nothing is no good."""
    tiktok.state.patch({"tiktok": {"tokens": {DEFAULT_TOKEN: {"permissions": ["pixel/list", "user/info"]}}}})
    is_good, words = TikTokHook().test_connection()
    assert not is_good
    assert "This token may not send to the pixel: correct Pixel code" in words
