# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""The reading endpoints: parameters, filters, paging, and statistics that follow the ledger."""

from __future__ import annotations

import time
from typing import Any

import pytest

from airflow_provider_tiktok.simulator import (
    DEFAULT_ADVERTISER_ID,
    DEFAULT_APP_ID,
    DEFAULT_APP_SECRET,
    DEFAULT_CRM_EVENT_SET_ID,
    DEFAULT_OFFLINE_EVENT_SET_ID,
    DEFAULT_PIXEL_CODE,
    DEFAULT_PIXEL_ID,
    DEFAULT_TIKTOK_APP_ID,
    DEFAULT_TOKEN,
    Simulator,
)
from tests.simulator.calls import ADVERTISER, NOW, Caller, SteppedClock, changed, request

TODAY = time.strftime("%Y-%m-%d", time.gmtime(NOW))
YESTERDAY = time.strftime("%Y-%m-%d", time.gmtime(NOW - 86_400))
DAY = {"start_date": TODAY, "end_date": TODAY}
STATS = {**ADVERTISER, "pixel_ids": [DEFAULT_PIXEL_ID], "date_range": DAY}


def add_pixels(simulator: Simulator, count: int) -> None:
    pixels = {
        f"CMORE{number:015d}": {
            "pixel_id": f"71000000000000{number:05d}",
            "advertiser_id": DEFAULT_ADVERTISER_ID,
            "pixel_name": f"Shop {number}",
            "create_time": f"2025-02-{number:02d} 00:00:00",
        }
        for number in range(1, count + 1)
    }
    simulator.state.patch({"tiktok": {"pixels": pixels}})


def codes(answer_data: Any) -> list[str]:
    return [pixel["pixel_code"] for pixel in answer_data["pixels"]]


def test_pixel_is_listed_with_the_documented_fields(caller: Caller) -> None:
    """The pixel of the default state comes with everything a reader may look for."""
    data = caller.read("pixel/list", **ADVERTISER).data

    (pixel,) = data["pixels"]
    assert (pixel["pixel_id"], pixel["pixel_code"]) == (DEFAULT_PIXEL_ID, DEFAULT_PIXEL_CODE)
    assert pixel["events"] == []
    assert pixel["asset_ownership"]["asset_relation_status"] is None
    assert pixel["activity_status"] == "NO_RECENT_ACTIVITY"
    assert data["page_info"] == {"page": 1, "page_size": 10, "total_number": 1, "total_page": 1}


def test_pixels_come_in_pages(caller: Caller, simulator: Simulator) -> None:
    """Ten by default; every pixel once over all pages; nothing behind the last."""
    add_pixels(simulator, 24)

    pages = [caller.read("pixel/list", page=number, **ADVERTISER).data for number in (1, 2, 3, 4)]

    assert [len(page["pixels"]) for page in pages] == [10, 10, 5, 0]
    assert len({code for page in pages for code in codes(page)}) == 25
    assert pages[0]["page_info"] == {"page": 1, "page_size": 10, "total_number": 25, "total_page": 3}
    assert len(caller.read("pixel/list", page_size=20, page=2, **ADVERTISER).data["pixels"]) == 5


def test_pixels_come_in_order_of_creation(caller: Caller, simulator: Simulator) -> None:
    """Earliest first unless the latest are asked for first."""
    add_pixels(simulator, 2)
    rising = [DEFAULT_PIXEL_CODE, "CMORE000000000000001", "CMORE000000000000002"]

    assert codes(caller.read("pixel/list", **ADVERTISER).data) == rising
    assert codes(caller.read("pixel/list", order_by="EARLIEST_CREATE", **ADVERTISER).data) == rising
    assert codes(caller.read("pixel/list", order_by="LATEST_CREATE", **ADVERTISER).data) == rising[::-1]


FILTERS: list[tuple[dict[str, Any], list[str]]] = [
    ({"code": DEFAULT_PIXEL_CODE}, [DEFAULT_PIXEL_CODE]),
    ({"code": "CNONE000000000000001"}, []),
    ({"pixel_id": "7100000000000000002"}, ["CMORE000000000000002"]),
    ({"name": "Shop"}, ["CMORE000000000000001", "CMORE000000000000002"]),
    ({"name": "shop"}, []),
    ({"filtering": {"available_for_catalog_only": True}}, [DEFAULT_PIXEL_CODE]),
    ({"filtering": {"available_for_catalog_only": False}, "name": "2"}, ["CMORE000000000000002"]),
]


@pytest.mark.parametrize(("query", "found"), FILTERS)
def test_pixels_are_filtered(
    query: dict[str, Any], found: list[str], caller: Caller, simulator: Simulator
) -> None:
    """Code and id are exact, the name is a part, the catalog filter is JSON."""
    add_pixels(simulator, 2)

    assert codes(caller.read("pixel/list", **ADVERTISER, **query).data) == found


def test_deleted_and_foreign_pixels_are_not_listed(caller: Caller, simulator: Simulator) -> None:
    """Only living pixels of the advertiser are shown."""
    add_pixels(simulator, 2)
    simulator.state.patch(
        {
            "tiktok": {
                "pixels": {
                    "CMORE000000000000001": {"deleted": True},
                    "CMORE000000000000002": {"advertiser_id": "7000000000000000009"},
                }
            }
        }
    )

    assert codes(caller.read("pixel/list", **ADVERTISER).data) == [DEFAULT_PIXEL_CODE]


def test_activity_follows_the_ledger(caller: Caller, simulator: Simulator, clock: SteppedClock) -> None:
    """Active for seven days after the last live event; test events do not count."""

    def status() -> str:
        return str(caller.read("pixel/list", **ADVERTISER).data["pixels"][0]["activity_status"])

    caller.track(request(test_event_code="TEST1"))
    assert status() == "NO_RECENT_ACTIVITY"
    caller.track(request())
    assert status() == "ACTIVE"
    clock.step(7 * 86_400 + 1)
    assert status() == "NO_RECENT_ACTIVITY"


def test_activity_can_be_set_or_left_out(caller: Caller, simulator: Simulator) -> None:
    """The field is not documented: it can have any value, or be missing."""
    simulator.state.patch({"tiktok": {"pixels": {DEFAULT_PIXEL_CODE: {"activity_status": "PAUSED"}}}})
    assert caller.read("pixel/list", **ADVERTISER).data["pixels"][0]["activity_status"] == "PAUSED"

    simulator.state.patch({"tiktok": {"omit_activity_status": True}})
    assert "activity_status" not in caller.read("pixel/list", **ADVERTISER).data["pixels"][0]


def test_shown_fields_of_a_pixel_can_be_set(caller: Caller, simulator: Simulator) -> None:
    """What a pixel shows can be laid over, its events for example."""
    events = [{"event_id": "1", "event_type": "SHOPPING"}]
    simulator.state.patch({"tiktok": {"pixels": {DEFAULT_PIXEL_CODE: {"shown": {"events": events}}}}})

    assert caller.read("pixel/list", **ADVERTISER).data["pixels"][0]["events"] == events


REFUSED: list[tuple[str, dict[str, Any], int]] = [
    ("pixel/list", {}, 40002),
    ("pixel/list", {"advertiser_id": ""}, 40002),
    ("pixel/list", {"advertiser_id": "7000000000000000009"}, 40001),
    ("pixel/list", {**ADVERTISER, "page": 0}, 40002),
    ("pixel/list", {**ADVERTISER, "page": "one"}, 40002),
    ("pixel/list", {**ADVERTISER, "page": "1.0"}, 40002),
    ("pixel/list", {**ADVERTISER, "page_size": 0}, 40002),
    ("pixel/list", {**ADVERTISER, "page_size": 21}, 40002),
    ("pixel/list", {**ADVERTISER, "order_by": "earliest_create"}, 40002),
    ("pixel/list", {**ADVERTISER, "filtering": "true"}, 40002),
    ("pixel/list", {**ADVERTISER, "filtering": {"available_for_catalog_only": "yes"}}, 40002),
    ("pixel/list", {**ADVERTISER, "filtering": {"status": 1}}, 40002),
    ("pixel/list", {**ADVERTISER, "pixel_code": DEFAULT_PIXEL_CODE}, 40002),
    ("pixel/list", {**ADVERTISER, "pixel_id": DEFAULT_PIXEL_CODE}, 40002),
    ("pixel/list", {**ADVERTISER, "code": ""}, 40002),
    ("pixel/event/stats", {**ADVERTISER, "date_range": DAY}, 40002),
    ("pixel/event/stats", {**ADVERTISER, "pixel_ids": [DEFAULT_PIXEL_ID]}, 40002),
    ("pixel/event/stats", {**STATS, "pixel_ids": DEFAULT_PIXEL_ID}, 40002),
    ("pixel/event/stats", {**STATS, "pixel_ids": []}, 40002),
    ("pixel/event/stats", {**STATS, "pixel_ids": [DEFAULT_PIXEL_CODE]}, 40002),
    ("pixel/event/stats", {**STATS, "pixel_ids": [int(DEFAULT_PIXEL_ID)]}, 40002),
    ("pixel/event/stats", {**STATS, "pixel_ids": [DEFAULT_PIXEL_ID] * 2}, 40002),
    ("pixel/event/stats", {**STATS, "pixel_ids": [f"71000000000000000{n}" for n in range(10, 21)]}, 40002),
    ("pixel/event/stats", {**STATS, "pixel_ids": ["7100000000000000001"]}, 40001),
    ("pixel/event/stats", {**STATS, "date_range": {"start_date": TODAY}}, 40002),
    ("pixel/event/stats", {**STATS, "date_range": {"start_date": TODAY, "end_date": YESTERDAY}}, 40002),
    (
        "pixel/event/stats",
        {**STATS, "date_range": {"start_date": "2026-01-01", "end_date": "2026-01-31"}},
        40002,
    ),
    ("pixel/event/stats", {**STATS, "date_range": {"start_date": "2026-02-30", "end_date": TODAY}}, 40002),
    ("pixel/event/stats", {**STATS, "date_range": {"start_date": "20260921", "end_date": "20260921"}}, 40002),
    ("offline/get", {}, 40002),
    ("offline/get", {"advertiser_id": "7000000000000000009"}, 40001),
    ("offline/get", {**ADVERTISER, "event_set_ids": DEFAULT_OFFLINE_EVENT_SET_ID}, 40002),
    ("crm/list", {}, 40002),
    ("crm/list", {**ADVERTISER, "name": "x" * 41}, 40002),
    ("crm/list", {**ADVERTISER, "event_set_ids": [f"71000000000000000{n}" for n in range(10, 61)]}, 40002),
    ("app/list", {}, 40002),
    ("app/list", {**ADVERTISER, "app_platform_ids": "com.example.simulator"}, 40002),
    ("user/info", ADVERTISER, 40002),
    ("oauth2/advertiser/get", {}, 40002),
    ("oauth2/advertiser/get", {"app_id": DEFAULT_APP_ID, "secret": "guess"}, 40101),
    ("oauth2/advertiser/get", {"app_id": "1", "secret": DEFAULT_APP_SECRET}, 40101),
]


@pytest.mark.parametrize(("endpoint", "query", "code"), REFUSED)
def test_wrong_query_is_refused(endpoint: str, query: dict[str, Any], code: int, caller: Caller) -> None:
    """A missing, unknown, mistyped or foreign parameter is refused with HTTP 200."""
    answer = caller.read(endpoint, **query)

    assert (answer.status, answer.code, answer.data) == (200, code, {})


def test_repeated_parameter_is_refused(caller: Caller) -> None:
    """Which of two values counts must not be left to the reader."""
    path = f"/open_api/v1.3/pixel/list/?advertiser_id={DEFAULT_ADVERTISER_ID}&page=1&page=2"

    assert caller.call("GET", path, headers={"Access-Token": DEFAULT_TOKEN}).code == 40002


PERMISSIONS: list[tuple[str, dict[str, Any]]] = [
    ("pixel/list", ADVERTISER),
    ("pixel/event/stats", STATS),
    ("offline/get", ADVERTISER),
    ("crm/list", ADVERTISER),
    ("app/list", ADVERTISER),
    ("user/info", {}),
    ("oauth2/advertiser/get", {"app_id": DEFAULT_APP_ID, "secret": DEFAULT_APP_SECRET}),
]


@pytest.mark.parametrize(("endpoint", "query"), PERMISSIONS)
def test_each_endpoint_needs_its_permission(
    endpoint: str, query: dict[str, Any], caller: Caller, simulator: Simulator
) -> None:
    """A token made for reporting events only is refused everywhere else."""
    assert caller.read(endpoint, **query).code == 0

    simulator.state.patch({"tiktok": {"tokens": {DEFAULT_TOKEN: {"permissions": ["event/track"]}}}})

    assert caller.read(endpoint, **query).code == 40001


def test_statistics_follow_the_ledger(caller: Caller) -> None:
    """Unique live events of the day are counted; repeats and test events are not."""
    caller.track(request(count=3))
    caller.track(request(count=3))
    caller.track(request(count=3, test_event_code="TEST1"))
    caller.track(changed(changed(request(), "data.0.event", "AddToCart"), "data.0.event_id", "cart"))
    caller.track(changed(changed(request(), "data.0.event", "Wink"), "data.0.event_id", "wink"))

    (pixel,) = caller.read("pixel/event/stats", **STATS).data["list"]

    assert pixel["pixel_id"] == DEFAULT_PIXEL_ID
    assert [
        (row.get("pixel_event_type", row.get("custom_event_type")), row["server_event_total_count"])
        for row in pixel["statistics"]
    ] == [
        ("ON_WEB_CART", 1),
        ("SHOPPING", 3),
        ("Wink", 1),
    ]
    assert pixel["statistics"][2]["custom_event_type"] == "Wink"


def test_statistics_add_what_browsers_sent(caller: Caller, simulator: Simulator) -> None:
    """The total is the sum of browser and server."""
    simulator.state.patch({"tiktok": {"pixels": {DEFAULT_PIXEL_CODE: {"browser_events": {"Purchase": 4}}}}})
    caller.track(request())

    (row,) = caller.read("pixel/event/stats", **STATS).data["list"][0]["statistics"]

    assert (row["browser_event_total_count"], row["server_event_total_count"], row["total_count"]) == (
        4,
        1,
        5,
    )


def test_statistics_belong_to_the_day_of_the_event(caller: Caller) -> None:
    """Days are days of UTC; the end date is included."""
    caller.track(changed(request(), "data.0.event_time", NOW - 86_400))

    def rows(start: str, end: str) -> int:
        query = {**STATS, "date_range": {"start_date": start, "end_date": end}}
        return len(caller.read("pixel/event/stats", **query).data["list"][0]["statistics"])

    assert (rows(TODAY, TODAY), rows(YESTERDAY, YESTERDAY), rows(YESTERDAY, TODAY)) == (0, 1, 1)


def test_statistics_can_lag(caller: Caller, simulator: Simulator, clock: SteppedClock) -> None:
    """With a lag events are counted only when they have been there for so long."""
    simulator.state.patch({"tiktok": {"stats_lag_s": 7_200}})
    caller.track(request())

    def rows() -> int:
        return len(caller.read("pixel/event/stats", **STATS).data["list"][0]["statistics"])

    assert rows() == 0
    clock.step(7_200)
    assert rows() == 1


def test_event_sets_and_apps_are_listed(caller: Caller) -> None:
    """Each list names what ``event_source_id`` takes."""
    (offline,) = caller.read("offline/get", **ADVERTISER).data["event_set_list"]
    (crm,) = caller.read("crm/list", **ADVERTISER).data["crm_event_sets"]
    (app,) = caller.read("app/list", **ADVERTISER).data["apps"]

    assert (offline["event_set_id"], offline["advertiser_id"]) == (
        DEFAULT_OFFLINE_EVENT_SET_ID,
        DEFAULT_ADVERTISER_ID,
    )
    assert crm.keys() == {"event_set_id", "name", "create_time"}
    assert crm["event_set_id"] == DEFAULT_CRM_EVENT_SET_ID
    assert app["tiktok_apps"] == [{"tiktok_app_id": DEFAULT_TIKTOK_APP_ID}]


LISTS: list[tuple[str, dict[str, Any], str, int]] = [
    ("offline/get", {"event_set_ids": [DEFAULT_OFFLINE_EVENT_SET_ID]}, "event_set_list", 1),
    ("offline/get", {"event_set_ids": ["7000000000000000999"]}, "event_set_list", 0),
    ("offline/get", {"name": "Simulator offline event set"}, "event_set_list", 1),
    ("offline/get", {"name": "Simulator"}, "event_set_list", 0),
    ("crm/list", {"event_set_ids": [DEFAULT_CRM_EVENT_SET_ID]}, "crm_event_sets", 1),
    ("crm/list", {"name": "Other"}, "crm_event_sets", 0),
    ("app/list", {"app_platform_ids": ["com.example.simulator"]}, "apps", 1),
    ("app/list", {"app_platform_ids": ["com.example.other"]}, "apps", 0),
]


@pytest.mark.parametrize(("endpoint", "query", "key", "count"), LISTS)
def test_lists_are_filtered(
    endpoint: str, query: dict[str, Any], key: str, count: int, caller: Caller
) -> None:
    """Ids and names narrow a list down."""
    assert len(caller.read(endpoint, **ADVERTISER, **query).data[key]) == count


def test_user_and_advertisers_are_shown(caller: Caller) -> None:
    """The two calls a connection test makes."""
    advertisers = caller.read("oauth2/advertiser/get", app_id=DEFAULT_APP_ID, secret=DEFAULT_APP_SECRET).data[
        "list"
    ]

    assert caller.read("user/info").data["display_name"] == "Simulator user"
    assert [row["advertiser_id"] for row in advertisers] == [DEFAULT_ADVERTISER_ID]
