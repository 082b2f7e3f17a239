# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The client against the simulator, over real connections."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

from airflow_provider_tiktok import simulator
from airflow_provider_tiktok.conversions.answers import Answer, Verdict
from airflow_provider_tiktok.conversions.batching import Batch, Limits
from airflow_provider_tiktok.conversions.errors import (
    AuthorizationError,
    ConfigurationError,
    ConversionsError,
    ProtocolError,
    TransientError,
    UnconfirmedError,
)
from airflow_provider_tiktok.conversions.events import (
    Ad,
    App,
    Content,
    ConversionEvent,
    EventSource,
    Lead,
    Page,
    PreparedEvent,
    RawUser,
)
from airflow_provider_tiktok.conversions.http import RequestsTransport
from airflow_provider_tiktok.conversions.identifiers import IdentityRules, prepare
from airflow_provider_tiktok.conversions.tiktok.client import TikTokClient
from airflow_provider_tiktok.conversions.tiktok.destination import TikTokDestination
from airflow_provider_tiktok.conversions.tiktok.options import ValidationRules
from airflow_provider_tiktok.conversions.tiktok.probe import Claim, ProbeVerdict
from airflow_provider_tiktok.simulator import Simulator
from tests.conversions.transports import Waits

NOW = 1_790_000_000
TRACK = "/open_api/v1.3/event/track/"
SOURCE_IDS: dict[EventSource, str] = {
    "web": simulator.DEFAULT_PIXEL_CODE,
    "app": simulator.DEFAULT_TIKTOK_APP_ID,
    "offline": simulator.DEFAULT_OFFLINE_EVENT_SET_ID,
    "crm": simulator.DEFAULT_CRM_EVENT_SET_ID,
}
RAW = RawUser(
    email=(" Alice_ABC@example.com ", "bob@example.com"),
    phone=("+1 202 555 0123",),
    external_id=("User-123",),
    first_name="Jane",
    last_name="O'Brien",
    zip_code="M5V 3L9",
    city="São Paulo",
    state="CA",
    country="US",
    ttclid="E.C.P.abc",
    ttp="ttp-1",
    ip="8.8.8.8",
    user_agent="Mozilla/5.0 (X11)",
    locale="en-US",
    idfa="12345678-90ab-cdef-1234-567890abcdef",
    gaid="12345678-90AB-CDEF-1234-567890ABCDEF",
    idfv="12345678-90AB-CDEF-1234-567890ABCDEF",
    att_status="AUTHORIZED",
    lead_id="7000000000000000099",
    envelope="planted-envelope",
    session_id="planted-session",
)


@pytest.fixture
def tiktok() -> Iterator[Simulator]:
    """A simulator of this test alone, whose clock stands still."""
    with Simulator(clock=lambda: NOW) as running:
        yield running


@pytest.fixture
def transport() -> Iterator[RequestsTransport]:
    """Real connections that give up soon."""
    made = RequestsTransport(connect_timeout_s=5, read_timeout_s=5, trust_env=False)
    yield made
    made.close()


@pytest.fixture
def client(tiktok: Simulator, transport: RequestsTransport) -> TikTokClient:
    """A client of the simulator that waits in no time."""
    return make_client(tiktok, transport)


def make_client(
    tiktok: Simulator, transport: RequestsTransport, *, token: str = simulator.DEFAULT_TOKEN, **settings: Any
) -> TikTokClient:
    """A client of the simulator with some settings."""
    return TikTokClient(token, base_url=tiktok.url, transport=transport, wait=Waits(), **settings)


def make_event(number: int = 1, *, event_source: EventSource = "web") -> PreparedEvent:
    """An event with everything its source may have, through the real preparation."""
    raw = ConversionEvent(
        row=number,
        event="Purchase",
        event_time=NOW - 60,
        event_id=f"o-{number}",
        user=RAW,
        properties={
            "value": Decimal("19.90"),
            "currency": "USD",
            "content_type": "product",
            "contents": (Content(content_id="1", price=Decimal("9.95"), quantity=2),),
            "num_items": 2,
            "order_id": "17",
            "loyalty": {"points": 5},
        },
        page=Page(url="https://shop.example/?a=1", referrer="https://example.com/")
        if event_source == "web"
        else None,
        app=App(app_id="com.example.simulator") if event_source == "app" else None,
        ad=Ad(callback="cb") if event_source == "app" else None,
        lead=Lead(lead_id="7000000000000000099") if event_source == "crm" else None,
        limited_data_use=False if event_source in {"web", "app"} else None,
    )
    return prepare(raw, IdentityRules(default_region="US"))


def make_destination(
    client: TikTokClient, *, event_source: EventSource = "web", **settings: Any
) -> TikTokDestination:
    """A destination for the simulator's own ids."""
    rules = ValidationRules(event_source=event_source, now=lambda: NOW)
    ids = {"event_source": event_source, "event_source_id": SOURCE_IDS[event_source]}
    return TikTokDestination(client, **{**ids, "rules": rules, **settings})


def send(destination: TikTokDestination, *events: PreparedEvent) -> Answer:
    """The answer to these events in one batch."""
    encoded = tuple(destination.encode(event) for event in events)
    return destination.send(Batch(group=encoded[0].group, events=encoded))


# ------------------------------------------------------------------------------------------- sending


@pytest.mark.parametrize("event_source", ["web", "app", "offline", "crm"])
def test_full_events_of_every_source(
    tiktok: Simulator, client: TikTokClient, event_source: EventSource
) -> None:
    """A judge that shares no line with us takes an event with everything its source may have."""
    destination = make_destination(client, event_source=event_source)
    event = make_event(event_source=event_source)
    assert [finding for finding in destination.check(event) if finding.is_fatal] == []
    answer = send(destination, event)
    assert (answer.verdict, answer.message) == (Verdict.ACCEPTED, "OK")
    assert tiktok.ledger.event_ids() == ["o-1"]
    assert tiktok.ledger.payloads()[0] == destination.encode(event).body


def test_test_events_never_reach_the_live_book(tiktok: Simulator, client: TikTokClient) -> None:
    """A test code makes test events of the whole request."""
    send(make_destination(client, test_event_code="TEST1"), make_event())
    assert (tiktok.ledger.event_ids("live"), tiktok.ledger.event_ids("test")) == ([], ["o-1"])


@pytest.mark.parametrize("style", ["none", "brackets", "dots", "batch"])
@pytest.mark.parametrize("place", [0, 2])
def test_one_bad_event(tiktok: Simulator, client: TikTokClient, style: str, place: int) -> None:
    """The whole batch is refused; in whatever way TikTok names the event, it is found or not claimed."""
    tiktok.state.patch({"tiktok": {"message_index": style}})
    events = [make_event(number) for number in (1, 2, 3)]
    events[place] = structs.replace(events[place], event_time=NOW + 86_400)
    answer = send(make_destination(client), *events)
    assert (answer.verdict, answer.code) == (Verdict.PAYLOAD, 40002)
    assert answer.guilty == (None if style == "none" else place)
    assert tiktok.ledger.event_ids() == []


def test_echoed_values_are_not_shown(
    tiktok: Simulator, client: TikTokClient, caplog: pytest.LogCaptureFixture
) -> None:
    """A TikTok that repeats what it refuses does not make us print it."""
    caplog.set_level(logging.DEBUG)
    tiktok.state.patch({"tiktok": {"echo_values": True}})
    event = make_event()
    secrets = ["alice@example.com", "+12025550123", "Jane Doe", "203.0.113.9"]
    for secret in secrets:
        bad = structs.replace(event, user=structs.replace(event.user, first_name=secret))
        answer = send(make_destination(client), bad)
        assert answer.code == 40062
        assert answer.message.startswith("Invalid value for user.first_name: ")
        assert secret not in answer.message + caplog.text


def test_partial_answers(tiktok: Simulator, transport: RequestsTransport) -> None:
    """Failed events of a partial answer are those the ledger has not, whatever TikTok counts from."""
    for base in (0, 1):
        tiktok.reset()
        tiktok.faults = [{"effect": {"partial": {"positions": [0, 2], "order_base": base}}}]
        client = make_client(tiktok, transport)
        answer = send(make_destination(client), *[make_event(number) for number in (1, 2, 3)])
        assert answer.verdict is Verdict.PARTIAL
        assert set(answer.failed) == {0, 2}
        assert tiktok.ledger.event_ids() == ["o-2"]


@pytest.mark.parametrize("effect", [
    {"drop": "before"},
    {"drop": "before", "reset": True},
    {"drop": "after"},
    {"drop": "after", "reset": True},
    {"truncate_at": 5},
    {"truncate_at": 0},
    {"raw_body": "<html>502 Bad Gateway</html>", "http_status": 502},
    {"raw_body": "<html>OK</html>"},
    {"raw_body": "{}", "process": True},
    {"empty_body": True, "process": True},
    {"empty_body": True, "http_status": 504, "process": True},
    {"code": 50000, "process": True},
    {"code": 51012},
])  # fmt: skip
def test_losses_are_resent_unchanged(tiktok: Simulator, client: TikTokClient, effect: dict[str, Any]) -> None:
    """A lost answer is asked for again with the same bytes, and the event counts once."""
    tiktok.faults = [{"match": {"path": TRACK}, "times": 2, "effect": effect}]
    answer = send(make_destination(client), make_event())
    assert (answer.verdict, answer.attempts, answer.was_lost_before) == (Verdict.ACCEPTED, 3, True)
    (entry,) = tiktok.ledger.events()
    assert entry.is_identical


@pytest.mark.parametrize(
    ("effect", "waits"),
    [
        ({"code": 40100}, 1),
        ({"code": 40100, "http_status": 401}, 1),
        ({"code": 40133}, 1),
        ({"code": 40100, "http_status": 429, "headers": {"Retry-After": "7"}}, 7),
        ({"http_status": 429, "raw_body": "", "headers": {"Retry-After": "7"}}, 7),
        ({"code": 40132}, 300),
        ({"code": 60001, "http_status": 503}, 300),
    ],
)
def test_throttling(
    tiktok: Simulator, transport: RequestsTransport, effect: dict[str, Any], waits: float
) -> None:
    """A refused rate is waited for as long as it asks, and nothing counts as lost."""
    tiktok.faults = [{"times": 1, "effect": effect}]
    wait = Waits()
    client = TikTokClient(
        simulator.DEFAULT_TOKEN, base_url=tiktok.url, transport=transport, wait=wait, random=lambda: 0.999
    )
    answer = send(make_destination(client), make_event())
    assert (answer.verdict, answer.was_lost_before) == (Verdict.ACCEPTED, False)
    assert waits * 0.99 <= wait.seconds[0] <= waits * 1.2


@pytest.mark.parametrize(
    ("effect", "error", "is_unconfirmed"),
    [
        ({"code": 40100}, TransientError, False),
        ({"drop": "before"}, UnconfirmedError, True),
        ({"drop": "after"}, UnconfirmedError, True),
        ({"http_status": 503, "raw_body": "no"}, UnconfirmedError, True),
        ({"empty_body": True}, ProtocolError, True),
        ({"code": 31337}, ProtocolError, True),
        ({"code": 40050}, ProtocolError, True),
        (
            {"http_status": 302, "raw_body": "", "headers": {"Location": "http://127.0.0.1:1/"}},
            ConfigurationError,
            False,
        ),
        (
            {"set_state": {"tiktok": {"tokens": {simulator.DEFAULT_TOKEN: {"status": "expired"}}}}},
            AuthorizationError,
            False,
        ),
    ],
)
def test_faults_that_stay(
    tiktok: Simulator,
    client: TikTokClient,
    effect: dict[str, Any],
    error: type[ConversionsError],
    is_unconfirmed: bool,
) -> None:
    """A fault that stays ends in its own error, and is unconfirmed unless surely nothing was taken."""
    tiktok.faults = [{"effect": effect}]
    with pytest.raises(ConversionsError) as caught:
        send(make_destination(client), make_event())
    assert type(caught.value) is error
    assert vars(caught.value)["is_unconfirmed"] is is_unconfirmed
    if not is_unconfirmed:
        assert tiktok.ledger.event_ids() == []


def test_a_server_that_is_gone(tiktok: Simulator, transport: RequestsTransport) -> None:
    """Where nobody listens, nothing was sent, and nothing counts as unconfirmed."""
    with Simulator() as gone:
        url = gone.url
    client = TikTokClient("t", base_url=url, transport=transport, wait=Waits())
    with pytest.raises(TransientError) as caught:
        send(make_destination(client), make_event())
    assert (caught.value.is_unconfirmed, caught.value.attempts) == (False, 5)


def test_body_too_large_is_a_payload_fault(tiktok: Simulator, client: TikTokClient) -> None:
    """A refused size is answered by smaller batches, not by a stop."""
    tiktok.state.patch({"tiktok": {"max_body_bytes": 2_000, "body_limit_http_status": 413}})
    answer = send(make_destination(client, limits=Limits()), *[make_event(number) for number in range(1, 9)])
    assert answer.verdict is Verdict.PAYLOAD


def test_source_id_of_another_kind_is_a_setting(client: TikTokClient) -> None:
    """An event set given for a pixel stops the run; no event is blamed."""
    with pytest.raises(ConfigurationError, match="Give the pixel code for web") as caught:
        client.track([b"{}"], event_source="web", event_source_id=simulator.DEFAULT_OFFLINE_EVENT_SET_ID)
    assert caught.value.code == 40002


@pytest.mark.parametrize("token", ["wrong", "other"])
def test_refused_tokens(tiktok: Simulator, transport: RequestsTransport, token: str) -> None:
    """A token that TikTok does not know, or that may not send here, stops the run at once."""
    tiktok.state.patch(
        {"tiktok": {"tokens": {"other": {"status": "active", "permissions": [], "advertiser_ids": []}}}}
    )
    with pytest.raises(AuthorizationError) as caught:
        send(make_destination(make_client(tiktok, transport, token=token)), make_event())
    assert (caught.value.code, caught.value.attempts) == ({"wrong": 40105, "other": 40001}[token], 1)


def test_unregistered_partner_is_a_setting(client: TikTokClient) -> None:
    """A partner name that TikTok did not register stops the run."""
    with pytest.raises(ConfigurationError, match="partner_name"):
        send(make_destination(client, partner_name="Nobody"), make_event())


def test_many_threads_share_a_client(tiktok: Simulator, client: TikTokClient) -> None:
    """Requests in flight together neither mix nor get lost, and connections are reused."""
    destination = make_destination(client)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: send(destination, make_event(number)), range(1, 65)))
    assert {answer.verdict for answer in answers} == {Verdict.ACCEPTED}
    assert sorted(tiktok.ledger.event_ids(), key=str) == sorted((f"o-{n}" for n in range(1, 65)), key=str)
    assert {entry.deliveries for entry in tiktok.ledger.events()} == {1}


# ------------------------------------------------------------------------------------------- reading


def test_pixels_of_all_pages(tiktok: Simulator, client: TikTokClient) -> None:
    """All pixels are read, however many pages they fill, and filters filter."""
    advertiser = simulator.DEFAULT_ADVERTISER_ID
    more = {
        f"CSIM00000000000001{n:02}": {
            "pixel_id": f"70000000000000002{n:02}",
            "advertiser_id": advertiser,
            "pixel_name": f"Pixel {n}",
            "create_time": "2025-01-02 00:00:00",
        }
        for n in range(44)
    }
    tiktok.state.patch({"tiktok": {"pixels": more}})
    assert len(list(client.list_pixels(advertiser))) == 45
    assert len({pixel["pixel_code"] for pixel in client.list_pixels(advertiser, page_size=7)}) == 45
    (pixel,) = client.list_pixels(advertiser, code=simulator.DEFAULT_PIXEL_CODE)
    assert pixel["pixel_id"] == simulator.DEFAULT_PIXEL_ID
    named = client.list_pixels(
        advertiser, name="Pixel 4", order_by="LATEST_CREATE", available_for_catalog_only=False
    )
    assert all("Pixel 4" in pixel["pixel_name"] for pixel in named)


def test_event_stats(client: TikTokClient) -> None:
    """TikTok counts what was sent, on the day of the event."""
    send(make_destination(client), make_event(1), make_event(2))
    (stats,) = client.pixel_event_stats(
        simulator.DEFAULT_ADVERTISER_ID,
        pixel_ids=[simulator.DEFAULT_PIXEL_ID],
        start_date=date(2026, 9, 1),
        end_date=date(2026, 9, 30),
    )
    assert stats["pixel_id"] == simulator.DEFAULT_PIXEL_ID
    assert [one["server_event_total_count"] for one in stats["statistics"]] == [2]


def test_other_lists(client: TikTokClient) -> None:
    """Event sets, apps, the account and its advertisers are read from where TikTok has them."""
    advertiser = simulator.DEFAULT_ADVERTISER_ID
    (offline,) = client.offline_event_sets(advertiser, event_set_ids=[simulator.DEFAULT_OFFLINE_EVENT_SET_ID])
    assert offline["event_set_id"] == simulator.DEFAULT_OFFLINE_EVENT_SET_ID
    (crm,) = client.crm_event_sets(advertiser, event_set_ids=[simulator.DEFAULT_CRM_EVENT_SET_ID])
    assert crm["event_set_id"] == simulator.DEFAULT_CRM_EVENT_SET_ID
    (app,) = client.apps(advertiser)
    assert app["tiktok_apps"][0]["tiktok_app_id"] == simulator.DEFAULT_TIKTOK_APP_ID
    assert client.user_info()
    (found,) = client.advertisers(simulator.DEFAULT_APP_ID, secret=simulator.DEFAULT_APP_SECRET)
    assert found["advertiser_id"] == advertiser


def test_a_wrong_app_secret(client: TikTokClient) -> None:
    """A wrong secret is refused, and in no text."""
    with pytest.raises(AuthorizationError) as caught:
        client.advertisers(simulator.DEFAULT_APP_ID, secret="planted-secret")
    assert "planted" not in f"{caught.value} {vars(caught.value)}"


# ------------------------------------------------------------------------------------------- probing


@pytest.mark.parametrize(
    ("permissions", "verdict"),
    [
        (["user/info", "pixel/list", "event/track"], ProbeVerdict.PROVED),
        (["event/track"], ProbeVerdict.PROVED),
        (["user/info", "pixel/list"], ProbeVerdict.REFUSED),
        ([], ProbeVerdict.REFUSED),
    ],
)
def test_probe(
    tiktok: Simulator, transport: RequestsTransport, permissions: list[str], verdict: ProbeVerdict
) -> None:
    """A token that may send is good even if it may read nothing, and probing sends no event."""
    token = {
        "status": "active",
        "permissions": permissions,
        "advertiser_ids": [simulator.DEFAULT_ADVERTISER_ID],
    }
    tiktok.state.patch({"tiktok": {"tokens": {"probed": token}}})
    probe = make_client(tiktok, transport, token="probed").probe(
        simulator.DEFAULT_ADVERTISER_ID, simulator.DEFAULT_PIXEL_CODE
    )
    assert probe.verdict is verdict
    assert tiktok.ledger.event_ids() == []


def test_probe_of_an_unknown_token(tiktok: Simulator, transport: RequestsTransport) -> None:
    """An unknown token is refused by the first call."""
    probe = make_client(tiktok, transport, token="wrong").probe(simulator.DEFAULT_ADVERTISER_ID)
    assert (probe.verdict, len(probe.findings)) == (ProbeVerdict.REFUSED, 1)


def test_probe_of_a_pixel_that_is_not_there(client: TikTokClient) -> None:
    """A pixel of somebody else is told apart from a bad token."""
    probe = client.probe(simulator.DEFAULT_ADVERTISER_ID, "CSIM0000000000000099")
    assert probe.proved == (Claim.TOKEN, Claim.READ)
    assert Claim.PIXEL in probe.refuted


def test_logs_of_a_whole_session(
    tiktok: Simulator, client: TikTokClient, caplog: pytest.LogCaptureFixture
) -> None:
    """With everything logged, neither token nor match keys nor addresses of queries are."""
    caplog.set_level(logging.DEBUG)
    tiktok.faults = [{"times": 2, "effect": {"drop": "after"}}]
    event = make_event()
    send(make_destination(client), event)
    client.probe(simulator.DEFAULT_ADVERTISER_ID, simulator.DEFAULT_PIXEL_CODE)
    with pytest.raises(AuthorizationError):
        client.advertisers(simulator.DEFAULT_APP_ID, secret="planted-secret")
    assert "/open_api/v1.3/event/track/: HTTP 200 in" in caplog.text
    for secret in (simulator.DEFAULT_TOKEN, "planted", event.user.email[0], "advertiser_id=", "o-1"):
        assert secret not in caplog.text
