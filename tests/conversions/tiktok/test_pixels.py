# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What one look at a pixel sees, against the simulator and against answers it would never give."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from airflow_provider_tiktok.conversions.errors import (
    AuthorizationError,
    ConfigurationError,
    ProtocolError,
    TransientError,
)
from airflow_provider_tiktok.conversions.http import HttpReply, RequestsTransport, RetryPolicy
from airflow_provider_tiktok.conversions.tiktok.client import TikTokClient
from airflow_provider_tiktok.conversions.tiktok.pixels import (
    SLOW_S,
    EventsWatch,
    PixelWatch,
    _told,
    find_pixel,
    require_pixel,
    told_wait_s,
)
from airflow_provider_tiktok.simulator import (
    DEFAULT_ADVERTISER_ID,
    DEFAULT_PIXEL_CODE,
    DEFAULT_PIXEL_ID,
    DEFAULT_TOKEN,
    Simulator,
)
from tests.conversions.transports import Script

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
TODAY = date(2026, 11, 23)
PIXEL = {"advertiser_id": DEFAULT_ADVERTISER_ID, "pixel_code": DEFAULT_PIXEL_CODE}


@pytest.fixture
def tiktok() -> Iterator[Simulator]:
    """TikTok on loopback, at noon of a certain day."""
    with Simulator(clock=lambda: NOW) as running:
        yield running


@pytest.fixture
def client(tiktok: Simulator) -> Iterator[TikTokClient]:
    """A client that sends each request once."""
    with closing(RequestsTransport()) as transport:
        yield TikTokClient(
            DEFAULT_TOKEN, base_url=tiktok.url, transport=transport, policy=RetryPolicy(max_attempts=1)
        )


def send(client: TikTokClient, *names: str, days_ago: int = 0) -> None:
    """One event of each name reaches the pixel."""
    events = [
        json.dumps(
            {
                "event": name,
                "event_id": f"{name}-{number}-{days_ago}",
                "event_time": int(NOW) - 60 - days_ago * 86_400,
                "user": {"ip": "203.0.113.7", "user_agent": "Example/1.0"},
                "page": {"url": "https://shop.example.com/"},
                "properties": {"value": 1.0, "currency": "USD"},
            }
        ).encode()
        for number, name in enumerate(names)
    ]
    assert client.track(events, event_source="web", event_source_id=DEFAULT_PIXEL_CODE).code == 0


def set_pixel(tiktok: Simulator, **facts: Any) -> None:
    tiktok.state.patch({"tiktok": {"pixels": {DEFAULT_PIXEL_CODE: facts}}})


def allow(tiktok: Simulator, *permissions: str) -> None:
    tiktok.state.patch({"tiktok": {"tokens": {DEFAULT_TOKEN: {"permissions": list(permissions)}}}})


def paths(tiktok: Simulator) -> list[str]:
    return [request.path.removeprefix("/open_api/v1.3").strip("/") for request in tiktok.requests]


# ------------------------------------------------------------------------------------ the pixel


def test_pixel_that_is_there_is_found(tiktok: Simulator, client: TikTokClient):
    """A pixel that TikTok shows, and that the token may send to, is what was waited for; nothing is sent."""
    sighting = PixelWatch(**PIXEL).look(client, today=TODAY)
    assert sighting.is_done
    assert sighting.facts == {
        "pixel_code": DEFAULT_PIXEL_CODE,
        "pixel_id": DEFAULT_PIXEL_ID,
        "pixel_name": "Simulator pixel",
        "activity_status": "NO_RECENT_ACTIVITY",
    }
    assert paths(tiktok) == ["pixel/list", "event/track"]
    assert tiktok.ledger.summary()["live"]["unique_events"] == 0


def test_pixel_is_found_by_its_id(client: TikTokClient):
    """The number of a pixel is as good as its code."""
    watch = PixelWatch(advertiser_id=DEFAULT_ADVERTISER_ID, pixel_id=DEFAULT_PIXEL_ID)
    assert watch.look(client, today=TODAY).facts["pixel_code"] == DEFAULT_PIXEL_CODE


def test_absent_pixel_is_waited_for(tiktok: Simulator, client: TikTokClient):
    """A pixel that is not in the list may still come."""
    set_pixel(tiktok, deleted=True)
    sighting = PixelWatch(**PIXEL).look(client, today=TODAY)
    assert not sighting.is_done
    assert "not among the advertiser's pixels" in sighting.told


def test_other_pixel_is_none(client: TikTokClient):
    """Code and id must be of the same pixel."""
    assert find_pixel(client, DEFAULT_ADVERTISER_ID, pixel_code=DEFAULT_PIXEL_CODE, pixel_id="7" * 19) is None


def test_filter_that_is_ignored_finds_nothing():
    """Whatever TikTok lists, only the pixel that was asked for counts."""
    pixel = {"pixel_code": "CSIM0000000000000002", "pixel_id": "1"}
    client = TikTokClient(DEFAULT_TOKEN, transport=Script(pages(pixel)))
    assert find_pixel(client, "1", pixel_code=DEFAULT_PIXEL_CODE) is None


def test_required_pixel_is_named(client: TikTokClient):
    """A pixel that must be there and is not is told with its code and what to check."""
    with pytest.raises(
        ConfigurationError, match=r"^Check both ids, .* no pixel with code CSIM9 for advertiser \d+\."
    ):
        require_pixel(client, DEFAULT_ADVERTISER_ID, pixel_code="CSIM9")


def test_neither_code_nor_id_is_refused():
    """No pixel is never any pixel."""
    with pytest.raises(ConfigurationError, match="Give pixel_code or pixel_id"):
        PixelWatch(advertiser_id="1")


# ------------------------------------------------------------------------------------ its activity


@pytest.mark.parametrize(("status", "is_done"), [("ACTIVE", True), ("NO_RECENT_ACTIVITY", False)])
def test_status_decides_where_it_is_known(
    tiktok: Simulator, client: TikTokClient, status: str, is_done: bool
):
    """The two known words need no counting."""
    set_pixel(tiktok, activity_status=status)
    sighting = PixelWatch(**PIXEL, require_active=True).look(client, today=TODAY)
    assert sighting.is_done is is_done
    assert f"activity_status {status}" in sighting.told
    assert "pixel/event/stats" not in paths(tiktok)


@pytest.mark.parametrize("days_ago", [0, 6])
def test_count_decides_where_status_is_missing(tiktok: Simulator, client: TikTokClient, days_ago: int):
    """Without a status, one server event of the last seven days makes a pixel active, and it is said."""
    tiktok.state.patch({"tiktok": {"omit_activity_status": True}})
    watch = PixelWatch(**PIXEL, require_active=True)
    assert not watch.look(client, today=TODAY).is_done
    send(client, "Purchase", days_ago=days_ago)
    sighting = watch.look(client, today=TODAY)
    assert sighting.is_done
    assert "no activity_status, so the count decides: 1 server events in 7 days" in sighting.told


def test_older_event_makes_no_pixel_active(tiktok: Simulator, client: TikTokClient):
    """The eighth day back counts no more."""
    tiktok.state.patch({"tiktok": {"omit_activity_status": True}})
    send(client, "Purchase", days_ago=7)
    assert not PixelWatch(**PIXEL, require_active=True).look(client, today=TODAY).is_done


def test_unknown_status_is_not_success(tiktok: Simulator, client: TikTokClient):
    """A word that this version does not know proves nothing: the count decides."""
    set_pixel(tiktok, activity_status="SPLENDID")
    sighting = PixelWatch(**PIXEL, require_active=True).look(client, today=TODAY)
    assert not sighting.is_done
    assert "not known, so the count decides: 0" in sighting.told


# ------------------------------------------------------------------------------------ permissions


@pytest.mark.parametrize(
    ("permissions", "words"),
    [
        (["event/track"], "says nothing of sending"),
        (["pixel/list"], "event/track"),
    ],
)
def test_missing_permission_is_told(
    tiktok: Simulator, client: TikTokClient, permissions: list[str], words: str
):
    """A token that may not read and one that may not send are both refused, and told apart."""
    allow(tiktok, *permissions)
    with pytest.raises(AuthorizationError, match=words) as refusal:
        PixelWatch(**PIXEL).look(client, today=TODAY)
    assert refusal.value.code == 40001
    assert ("says nothing of sending" in str(refusal.value)) is (permissions == ["event/track"])


def test_sending_is_asked_only_if_wanted(tiktok: Simulator, client: TikTokClient):
    """The question about sending can be left out."""
    allow(tiktok, "pixel/list")
    assert PixelWatch(**PIXEL, check_sending=False).look(client, today=TODAY).is_done
    assert paths(tiktok) == ["pixel/list"]


def test_refused_token_is_told_as_such(tiktok: Simulator, client: TikTokClient):
    """A revoked token is not mistaken for a missing permission."""
    tiktok.state.patch({"tiktok": {"tokens": {DEFAULT_TOKEN: {"status": "revoked"}}}})
    with pytest.raises(AuthorizationError, match="access token") as refusal:
        PixelWatch(**PIXEL).look(client, today=TODAY)
    assert "says nothing of sending" not in str(refusal.value)


# ------------------------------------------------------------------------------------ counts


def test_events_are_counted_by_kind(tiktok: Simulator, client: TikTokClient):
    """All server events count, or those of one kind by TikTok's name for it; the names are told."""
    send(client, "Purchase", "CompletePayment", "AddToCart", "Own")
    every = EventsWatch(**PIXEL, first_day=TODAY, min_events=4).look(client, today=TODAY)
    assert every.is_done
    assert every.facts == {
        "server_events": 4,
        "by_type": {"ON_WEB_CART": 1, "SHOPPING": 2, "Own": 1},
    }
    assert "SHOPPING 2" in every.told
    some = EventsWatch(**PIXEL, first_day=TODAY, min_events=3, event_type="SHOPPING").look(
        client, today=TODAY
    )
    assert (some.is_done, some.facts["server_events"]) == (False, 2)
    assert EventsWatch(**PIXEL, first_day=TODAY, event_type="Own").look(client, today=TODAY).is_done


def test_browser_events_do_not_count(tiktok: Simulator, client: TikTokClient):
    """What came from the pixel on a page proves nothing of an upload."""
    set_pixel(tiktok, browser_events={"Purchase": 50})
    sighting = EventsWatch(**PIXEL, first_day=TODAY).look(client, today=TODAY)
    assert (sighting.is_done, sighting.facts["server_events"]) == (False, 0)


def test_figures_that_lag_are_waited_for(tiktok: Simulator, client: TikTokClient):
    """Events that are taken but not yet counted are not counted here either."""
    tiktok.state.patch({"tiktok": {"stats_lag_s": 7200}})
    send(client, "Purchase")
    assert not EventsWatch(**PIXEL, first_day=TODAY).look(client, today=TODAY).is_done


def test_only_the_days_asked_for_count(client: TikTokClient):
    """First and last day are both within, in UTC."""
    send(client, "Purchase", days_ago=2)
    day = TODAY - timedelta(days=2)
    assert EventsWatch(**PIXEL, first_day=day, last_day=day).look(client, today=TODAY).is_done
    assert not EventsWatch(**PIXEL, first_day=day + timedelta(days=1)).look(client, today=TODAY).is_done


def test_open_range_ends_at_the_thirtieth_day(tiktok: Simulator, client: TikTokClient):
    """A range without an end grows with the days, up to what TikTok takes."""
    watch = EventsWatch(**PIXEL, first_day=TODAY - timedelta(days=45))
    assert "2026-10-09 to 2026-11-07" in watch.look(client, today=TODAY).told


def test_day_that_has_not_begun_is_not_asked_for(tiktok: Simulator, client: TikTokClient):
    """Nothing can be counted for tomorrow."""
    watch = EventsWatch(**PIXEL, first_day=TODAY + timedelta(days=1))
    assert not watch.look(client, today=TODAY).is_done
    assert tiktok.requests == []


def test_id_saves_a_request(tiktok: Simulator, client: TikTokClient):
    """Statistics want the pixel's id; with the code alone it is looked up first."""
    by_id = EventsWatch(advertiser_id=DEFAULT_ADVERTISER_ID, pixel_id=DEFAULT_PIXEL_ID, first_day=TODAY)
    by_id.look(client, today=TODAY)
    EventsWatch(**PIXEL, first_day=TODAY).look(client, today=TODAY)
    assert paths(tiktok) == ["pixel/event/stats", "pixel/list", "pixel/event/stats"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"min_events": 0}, "Set min_events to at least 1"),
        ({"last_day": TODAY - timedelta(days=1)}, "the first not after the last"),
        ({"last_day": TODAY + timedelta(days=30)}, "1 to 30 days"),
    ],
)
def test_impossible_range_is_refused(arguments: dict[str, Any], words: str):
    """What TikTok would refuse is refused before it is asked."""
    with pytest.raises(ConfigurationError, match=words):
        EventsWatch(**{**PIXEL, "first_day": TODAY, **arguments})


@pytest.mark.parametrize(
    "row",
    [
        {"pixel_event_type": "SHOPPING"},
        {"pixel_event_type": "SHOPPING", "server_event_total_count": "many"},
        {"server_event_total_count": 1},
        "SHOPPING",
    ],
)
def test_statistics_of_another_shape_are_not_success(row: Any):
    """A figure that cannot be read is no figure."""
    answer = {"list": [{"pixel_id": "1", "statistics": [row]}]}
    client = TikTokClient(DEFAULT_TOKEN, transport=Script(reply(answer)))
    with pytest.raises(ProtocolError, match=r"shape at data\.list"):
        EventsWatch(advertiser_id="1", pixel_id="1", first_day=TODAY).look(client, today=TODAY)


@pytest.mark.parametrize("statistics", [None, []])
def test_pixel_without_statistics_has_no_events(statistics: Any):
    """No row is no event, and so is a list that leaves the pixel out."""
    answer = {"list": [{"pixel_id": "2", "statistics": [{}]}, {"pixel_id": "1", "statistics": statistics}]}
    client = TikTokClient(DEFAULT_TOKEN, transport=Script(reply(answer)))
    watch = EventsWatch(advertiser_id="1", pixel_id="1", first_day=TODAY)
    assert not watch.look(client, today=TODAY).is_done


# ------------------------------------------------------------------------------------ waits


@pytest.mark.parametrize(
    ("effect", "wait_s"),
    [
        ({"http_status": 503, "headers": {"Retry-After": "90"}}, 90.0),
        ({"code": 40100, "headers": {"Retry-After": "5"}}, 5.0),
        ({"code": 40132}, SLOW_S),
        ({"code": 60001}, SLOW_S),
        ({"code": 50000}, 0.0),
        ({"drop": "after"}, 0.0),
    ],
)
def test_wait_is_what_tiktok_asks_for(
    tiktok: Simulator, client: TikTokClient, effect: dict[str, Any], wait_s: float
):
    """The server's own word, else minutes where the code asks for them; a reading is never unconfirmed."""
    tiktok.faults = [{"effect": effect}]
    with pytest.raises(TransientError) as fault:
        PixelWatch(**PIXEL).look(client, today=TODAY)
    assert told_wait_s(fault.value) == wait_s
    assert len(tiktok.requests) == 1


def reply(data: Any) -> HttpReply:
    return HttpReply(status=200, body=msgspec.json.encode({"code": 0, "message": "OK", "data": data}))


def pages(*pixels: dict[str, Any]) -> HttpReply:
    info = {"page": 1, "page_size": 20, "total_number": len(pixels), "total_page": 1}
    return reply({"pixels": list(pixels), "page_info": info})


def test_names_that_may_be_data_are_counted_together() -> None:
    """Statistics have whatever was sent as a name: a person's address or number is not told."""
    counts = {"SHOPPING": 2, "person@example.com": 3, "buyer 12025550187": 4, "ON_WEB_ORDER": 1}
    assert _told(counts, asked=None) == {"SHOPPING": 2, "(others)": 7, "ON_WEB_ORDER": 1}
    assert _told(counts, asked="person@example.com")["person@example.com"] == 3
