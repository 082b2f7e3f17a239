# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""The reading endpoints of TikTok: pixels, event sets, apps, statistics, and who the caller is.

Each takes its checked query and gives the ``data`` of the envelope. Statistics are counted from the ledger.
"""

from __future__ import annotations

import calendar
import datetime
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from airflow_provider_tiktok.simulator.exchange import JsonObject
from airflow_provider_tiktok.simulator.ledger import Ledger
from airflow_provider_tiktok.simulator.rulebook import compile_rules, first_violation, load_rules
from airflow_provider_tiktok.simulator.strict_json import NotJson, read_json
from airflow_provider_tiktok.simulator.tiktok_answers import (
    BAD_APP_CREDENTIALS,
    BAD_PARAMETER,
    NO_PERMISSION,
    Refused,
    refusal,
)

_DAY_S = 86_400
_MAX_DAYS = 30
_RECENT_S = 7 * _DAY_S

# What every pixel shows besides its own facts; a pixel of the state can lay its ``shown`` over it.
_PIXEL_FIELDS: Mapping[str, Any] = {
    "pixel_category": "ONLINE_STORE",
    "pixel_setup_mode": "DEVELOPER",
    "partner_name": None,
    "pixel_script": "",
    "advanced_matching_fields": {"phone_number": False, "email": False},
    "automatic_advanced_matching_fields": dict.fromkeys(
        ("phone_number", "email", "name", "address", "external_id"), False
    ),
    "enable_first_party_cookies": True,
    "enable_expanded_data_sharing": False,
    "asset_ownership": {
        "asset_relation_status": None,
        "ownership_status": True,
        "owner_bc_id": None,
        "updated_at": None,
    },
    "events": [],
}


@dataclass(frozen=True, slots=True)
class Question:
    """What a reading endpoint is asked: checked query, caller's token, state, books, and the time."""

    query: Mapping[str, Any]
    token: Mapping[str, Any]
    settings: Mapping[str, Any]
    ledger: Ledger
    now: float


def read_query(text: str, *, path: str, echo: bool) -> JsonObject:
    """Gives the query of a path with integers, arrays and objects read.

    :param text: the query as it stands in the URL.
    :param echo: refusals repeat the value.
    :raises Refused: for a parameter that is unknown, repeated, missing or not of its type.
    """
    pairs = parse_qsl(text, keep_blank_values=True)
    query = dict(pairs)
    if len(query) != len(pairs):
        raise Refused(BAD_PARAMETER, "A parameter is given twice.")
    kinds = load_rules("tiktok_queries")["$defs"][path]["properties"]
    typed = {name: _typed(value, kinds.get(name, {}).get("type")) for name, value in query.items()}
    violation = first_violation(compile_rules("tiktok_queries", path), typed)
    if violation:
        raise refusal(violation, index=None, style="none", echo=echo)
    return typed


def _typed(value: str, kind: object) -> Any:
    if kind == "integer" and value.isascii() and value.isdecimal():
        return int(value)
    if kind in {"array", "object"}:
        try:
            return read_json(value)
        except NotJson:
            return value
    return value


def list_pixels(question: Question) -> JsonObject:
    """Gives one page of the advertiser's pixels (TikTok, ``/pixel/list/``, v1.3)."""
    query = question.query
    pixels = [
        _shown_pixel(code, pixel, question)
        for code, pixel in _owned("pixels", question)
        if _is_wanted_pixel(code, pixel, query)
    ]
    pixels.sort(
        key=lambda pixel: (pixel["create_time"], pixel["pixel_id"]),
        reverse=query.get("order_by") == "LATEST_CREATE",
    )
    page, size = query.get("page", 1), query.get("page_size", 10)
    info = {
        "page": page,
        "page_size": size,
        "total_number": len(pixels),
        "total_page": -(-len(pixels) // size),
    }
    return {"pixels": pixels[(page - 1) * size : page * size], "page_info": info}


def _owned(book: str, question: Question) -> Iterator[tuple[str, Mapping[str, Any]]]:
    advertiser_id = question.query["advertiser_id"]
    if (
        advertiser_id not in question.token["advertiser_ids"]
        or advertiser_id not in question.settings["advertisers"]
    ):
        raise Refused(NO_PERMISSION, f"No permission to operate advertiser {advertiser_id}.")
    return (
        (name, item)
        for name, item in question.settings[book].items()
        if item["advertiser_id"] == advertiser_id and not item.get("deleted")
    )


def _is_wanted_pixel(code: str, pixel: Mapping[str, Any], query: Mapping[str, Any]) -> bool:
    wants_catalog = query.get("filtering", {}).get("available_for_catalog_only", False)
    return (
        query.get("pixel_id", pixel["pixel_id"]) == pixel["pixel_id"]
        and query.get("code", code) == code
        and query.get("name", "") in pixel["pixel_name"]
        and (pixel.get("available_for_catalog", False) or not wants_catalog)
    )


def _shown_pixel(code: str, pixel: Mapping[str, Any], question: Question) -> JsonObject:
    shown = {
        **_PIXEL_FIELDS,
        "pixel_id": pixel["pixel_id"],
        "pixel_code": code,
        "pixel_name": pixel["pixel_name"],
        "create_time": pixel["create_time"],
        "activity_status": pixel.get("activity_status", _activity_of(code, question)),
        **pixel.get("shown", {}),
    }
    if question.settings["omit_activity_status"]:
        del shown["activity_status"]
    return shown


def _activity_of(code: str, question: Question) -> str:
    latest = question.ledger.latest_arrival(code)
    is_recent = latest is not None and question.now - latest <= _RECENT_S
    return "ACTIVE" if is_recent else "NO_RECENT_ACTIVITY"


def count_pixel_events(question: Question) -> JsonObject:
    """Gives event counts per pixel for days of UTC (TikTok, ``/pixel/event/stats/``, v1.3)."""
    first_time, end_time = _time_range(question.query["date_range"])
    pixels = {pixel["pixel_id"]: (code, pixel) for code, pixel in _owned("pixels", question)}
    wanted = question.query["pixel_ids"]
    if not pixels.keys() >= set(wanted):
        raise Refused(NO_PERMISSION, "No permission to operate one of the pixels.")
    rows = [(pixel_id, _statistics(*pixels[pixel_id], first_time, end_time, question)) for pixel_id in wanted]
    return {"list": [{"pixel_id": pixel_id, "statistics": statistics} for pixel_id, statistics in rows]}


def _time_range(date_range: Mapping[str, str]) -> tuple[int, int]:
    start, end = (datetime.date.fromisoformat(date_range[name]) for name in ("start_date", "end_date"))
    if not 0 <= (end - start).days < _MAX_DAYS:
        raise Refused(BAD_PARAMETER, f"Invalid value for date_range: must span 1 to {_MAX_DAYS} days.")
    return calendar.timegm(start.timetuple()), calendar.timegm(end.timetuple()) + _DAY_S


def _statistics(
    code: str, pixel: Mapping[str, Any], first_time: int, end_time: int, question: Question
) -> list[JsonObject]:
    server = question.ledger.counts(
        event_source_id=code,
        first_time=first_time,
        end_time=end_time,
        received_before=question.now - question.settings["stats_lag_s"],
    )
    browser: Mapping[str, int] = pixel.get("browser_events", {})
    names = question.settings["statistic_names"]
    rows: dict[tuple[str, str], JsonObject] = {}
    for event in sorted({*server, *browser}):
        key = ("pixel_event_type", names[event]) if event in names else ("custom_event_type", event)
        _add_counts(rows.setdefault(key, _statistic_row(*key)), server[event], browser.get(event, 0))
    return list(rows.values())


def _statistic_row(kind: str, name: str) -> JsonObject:
    counts = (
        "attributed_count",
        "preview_count",
        "total_count",
        "browser_event_total_count",
        "server_event_total_count",
    )
    return {kind: name, **dict.fromkeys(counts, 0)}


def _add_counts(row: JsonObject, server: int, browser: int) -> None:
    row["server_event_total_count"] += server
    row["browser_event_total_count"] += browser
    row["total_count"] += server + browser


def list_offline_event_sets(question: Question) -> JsonObject:
    """Gives the advertiser's offline event sets (TikTok, ``/offline/get/``, v1.3)."""
    return {"event_set_list": list(_event_sets("offline_event_sets", question))}


def list_crm_event_sets(question: Question) -> JsonObject:
    """Gives the advertiser's CRM event sets (TikTok, ``/crm/list/``, v1.3)."""
    sets = [
        {k: v for k, v in found.items() if k != "advertiser_id"}
        for found in _event_sets("crm_event_sets", question)
    ]
    return {"crm_event_sets": sets}


def _event_sets(book: str, question: Question) -> Iterator[JsonObject]:
    query = question.query
    for set_id, event_set in _owned(book, question):
        if (
            set_id in query.get("event_set_ids", [set_id])
            and query.get("name", event_set["name"]) == event_set["name"]
        ):
            yield {"event_set_id": set_id, **{k: v for k, v in event_set.items() if k != "deleted"}}


def list_apps(question: Question) -> JsonObject:
    """Gives the advertiser's apps (TikTok, ``/app/list/``, v1.3)."""
    wanted = question.query.get("app_platform_ids")
    apps = [
        _shown_app(tiktok_app_id, app)
        for tiktok_app_id, app in _owned("apps", question)
        if wanted is None or app["app_platform_id"] in wanted
    ]
    return {"apps": apps}


def _shown_app(tiktok_app_id: str, app: Mapping[str, Any]) -> JsonObject:
    shown = {k: app[k] for k in ("app_id", "app_name", "platform", "package_name", "app_platform_id")}
    return {**shown, "tiktok_apps": [{"tiktok_app_id": tiktok_app_id}], "self_attribution_enabled": False}


def show_user(question: Question) -> JsonObject:
    """Gives who the token belongs to (TikTok, ``/user/info/``, v1.3)."""
    created = calendar.timegm(time.strptime("2025-01-01", "%Y-%m-%d"))
    return {"core_user_id": "7000000000000000002", "display_name": "Simulator user", "create_time": created}


def list_advertisers(question: Question) -> JsonObject:
    """Gives the advertisers the token reaches (TikTok, ``/oauth2/advertiser/get/``, v1.3)."""
    known = question.settings["developer_apps"]
    if known.get(question.query["app_id"]) != question.query["secret"]:
        raise Refused(BAD_APP_CREDENTIALS, "The app id and the secret do not belong together.")
    advertisers = question.settings["advertisers"]
    reached = [name for name in question.token["advertiser_ids"] if name in advertisers]
    return {"list": [{"advertiser_id": name, **advertisers[name]} for name in reached]}


READERS: Mapping[str, Callable[[Question], JsonObject]] = {
    "/open_api/v1.3/pixel/list/": list_pixels,
    "/open_api/v1.3/pixel/event/stats/": count_pixel_events,
    "/open_api/v1.3/offline/get/": list_offline_event_sets,
    "/open_api/v1.3/crm/list/": list_crm_event_sets,
    "/open_api/v1.3/app/list/": list_apps,
    "/open_api/v1.3/user/info/": show_user,
    "/open_api/v1.3/oauth2/advertiser/get/": list_advertisers,
}
