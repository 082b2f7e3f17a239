# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date
from typing import Any
from urllib.parse import quote_plus

import msgspec
import pytest

from airflow_provider_tiktok.conversions.answers import Verdict
from airflow_provider_tiktok.conversions.errors import (
    AuthorizationError,
    ConfigurationError,
    ConversionsError,
    ProtocolError,
    TransientError,
    UnconfirmedError,
)
from airflow_provider_tiktok.conversions.http import (
    AnswerLost,
    HttpReply,
    HttpRequest,
    NotSent,
    RetryPolicy,
    TransportError,
)
from airflow_provider_tiktok.conversions.tiktok.client import TikTokClient
from airflow_provider_tiktok.conversions.tiktok.probe import Claim, ProbeVerdict
from tests.conversions.transports import Script, Waits

SECRET = "planted-token-0123456789abcdef"
EVENTS = [b'{"event":"Purchase","event_id":"1"}', b'{"event":"Purchase","event_id":"2"}']


def reply(code: Any = 0, message: str = "OK", *, data: Any = None, status: int = 200) -> HttpReply:
    """An answer in TikTok's shape."""
    body = {"code": code, "message": message, "request_id": "2026A", "data": {} if data is None else data}
    return HttpReply(status=status, body=msgspec.json.encode(body))


HTML = HttpReply(status=502, body=b"<html><body>502 Bad Gateway nginx</body></html>")
EMPTY = HttpReply(status=200)


def make(
    *outcomes: HttpReply | TransportError, wait: Waits | None = None, **settings: Any
) -> tuple[TikTokClient, Script]:
    """A client whose requests have these outcomes, and what it sent."""
    script = Script(*outcomes)
    client = TikTokClient(SECRET, transport=script, wait=wait or Waits(), random=lambda: 0.5, **settings)
    return client, script


def track(client: TikTokClient, *, events: list[bytes] = EVENTS, **changes: Any) -> Any:
    """The answer to events for a web pixel."""
    settings = {"event_source": "web", "event_source_id": "CABC0123456789012345", **changes}
    return client.track(events, **settings)


def query(request: HttpRequest) -> dict[str, str]:
    """The query of a request whose names do not repeat."""
    assert len(dict(request.params)) == len(request.params)
    return dict(request.params)


# ------------------------------------------------------------------------------------------- sending


def test_track_request() -> None:
    """Events leave as they were encoded, with the token in TikTok's own header."""
    client, script = make(reply())
    answer = track(client, test_event_code="TEST1", partner_name="Us")
    assert (answer.verdict, answer.code, answer.request_id) == (Verdict.ACCEPTED, 0, "2026A")
    (request,) = script.requests
    assert (request.method, request.url) == (
        "POST",
        "https://business-api.tiktok.com/open_api/v1.3/event/track/",
    )
    assert request.headers == {"Access-Token": SECRET, "Content-Type": "application/json"}
    assert request.params == ()
    assert request.body == (
        b'{"event_source":"web","event_source_id":"CABC0123456789012345","test_event_code":"TEST1",'
        b'"partner_name":"Us","data":[' + EVENTS[0] + b"," + EVENTS[1] + b"]}"
    )


def test_base_url_without_its_slash() -> None:
    """A base URL is the same with and without a slash at its end."""
    client, script = make(reply(), base_url="http://127.0.0.1:1/")
    track(client)
    assert script.requests[0].url == "http://127.0.0.1:1/open_api/v1.3/event/track/"


@pytest.mark.parametrize(
    ("outcomes", "attempts", "was_lost"),
    [
        ([reply()], 1, False),
        ([reply(40100, status=401), reply()], 2, False),
        ([reply(40132), reply()], 2, False),
        ([reply(60001), reply()], 2, False),
        ([NotSent("refused"), reply()], 2, False),
        ([AnswerLost("dropped"), reply()], 2, True),
        ([HTML, reply()], 2, True),
        ([EMPTY, reply()], 2, True),
        ([reply(51012), reply(50000), reply()], 3, True),
        ([AnswerLost("dropped"), NotSent("refused"), reply(40100), HTML, reply()], 5, True),
    ],
)
def test_faults_then_accepted(outcomes: list[Any], attempts: int, was_lost: bool) -> None:
    """What passes with time is tried again with identical bytes, until TikTok says 0."""
    client, script = make(*outcomes)
    answer = track(client)
    assert (answer.verdict, answer.attempts, answer.was_lost_before) == (Verdict.ACCEPTED, attempts, was_lost)
    assert len({request.body for request in script.requests}) == 1
    assert len(script.requests) == attempts


@pytest.mark.parametrize(
    ("outcome", "error", "code", "attempts", "is_unconfirmed"),
    [
        (reply(40100), TransientError, 40100, 5, False),
        (reply(40133), TransientError, 40133, 5, False),
        (reply(40132), TransientError, 40132, 3, False),
        (reply(50000), UnconfirmedError, 50000, 5, True),
        (HTML, UnconfirmedError, None, 5, True),
        (NotSent("refused"), TransientError, None, 5, False),
        (AnswerLost("dropped"), UnconfirmedError, None, 5, True),
        (reply(40105), AuthorizationError, 40105, 1, False),
        (reply(40001), AuthorizationError, 40001, 1, False),
        (HttpReply(status=403, body=b"<html>"), AuthorizationError, None, 1, False),
        (reply(40007), ConfigurationError, 40007, 1, False),
        (reply(40400, status=404), ConfigurationError, 40400, 1, False),
        (reply(40002, "Invalid value for event_source_id: x"), ConfigurationError, 40002, 1, False),
        (reply(12345), ProtocolError, 12345, 1, True),
        (reply(40050), ProtocolError, 40050, 1, True),
        (reply("0"), ProtocolError, None, 3, True),
        (EMPTY, ProtocolError, None, 3, True),
    ],
)
def test_failures(
    outcome: Any, error: type[ConversionsError], code: int | None, attempts: int, is_unconfirmed: bool
) -> None:
    """Every way to fail has one error, with the facts a run needs and no word of the token."""
    client, _ = make(outcome)
    with pytest.raises(ConversionsError) as caught:
        track(client)
    facts = vars(caught.value)
    assert type(caught.value) is error
    assert (facts["code"], facts["attempts"], facts["is_unconfirmed"]) == (code, attempts, is_unconfirmed)
    has_id = isinstance(outcome, HttpReply) and b"2026A" in outcome.body
    assert facts["request_id"] == ("2026A" if has_id else None)
    assert SECRET not in f"{caught.value} {facts}"
    assert "Purchase" not in f"{caught.value} {facts}"


def test_errors_tell_what_to_do() -> None:
    """The text of an error names call, code, request and remedy."""
    client, _ = make(reply(40105, "Access token is incorrect"))
    with pytest.raises(AuthorizationError) as caught:
        track(client)
    assert str(caught.value) == (
        "Make a new access token in Events Manager (Settings > Events API) and put it into the connection. "
        "POST business-api.tiktok.com/open_api/v1.3/event/track/: Access token is incorrect "
        "(code 40105, HTTP 200, request 2026A), attempts: 1."
    )


def test_refused_events() -> None:
    """A payload fault comes back as an answer, with the event that TikTok names."""
    client, _ = make(reply(40002, "data[1].event_id: not a valid string."))
    answer = track(client)
    assert (answer.verdict, answer.guilty, answer.message) == (
        Verdict.PAYLOAD,
        1,
        "data[1].event_id: not a valid string.",
    )


@pytest.mark.parametrize(("order", "failed"), [(1, {}), (0, {0: "bad"}), (len(EVENTS), {1: "bad"})])
def test_partial(order: int, failed: dict[int, str]) -> None:
    """A partial answer names events where its numbers prove what they count from."""
    data = {"failed_events": [{"order_in_batch": order, "error": "bad"}]}
    client, _ = make(reply(20001, data=data))
    assert track(client).failed == failed


def test_stubborn_validation_error_becomes_a_payload_fault() -> None:
    """40700 twice for one request is laid to its events."""
    client, script = make(reply(40700))
    assert track(client).verdict is Verdict.PAYLOAD
    assert len(script.requests) == 2


def test_stubborn_throttling_waits_for_the_minute() -> None:
    """Four refusals of the rate in a row make the fifth try wait for minutes."""
    wait = Waits()
    client, _ = make(*[reply(40100)] * 4, reply(), wait=wait)
    assert track(client).attempts == 5
    assert wait.seconds == [0.5, 1.0, 2.0, 315.0]


def test_stop_while_waiting() -> None:
    """Told to stop, the client sends nothing more."""
    client, script = make(reply(40100), wait=Waits(stop_at=1))
    with pytest.raises(TransientError):
        track(client)
    assert len(script.requests) == 1


def test_policy() -> None:
    """The number of tries is the caller's."""
    client, script = make(HTML, policy=RetryPolicy(max_attempts=2))
    with pytest.raises(UnconfirmedError):
        track(client)
    assert len(script.requests) == 2


@pytest.mark.parametrize("n_events", [0, 1001])
def test_request_sizes(n_events: int) -> None:
    """A request that TikTok would refuse whole is not made."""
    client, script = make(reply())
    with pytest.raises(ConfigurationError):
        client.track([b"{}"] * n_events, event_source="web", event_source_id="C")
    assert script.requests == []


@pytest.mark.parametrize("token", ["", "  ", "\n"])
def test_no_token(token: str) -> None:
    """A client without a token is a setting to repair."""
    with pytest.raises(ConfigurationError):
        TikTokClient(token, transport=Script(reply()))


def test_base_url_must_be_one() -> None:
    """A host without its scheme is a setting to repair."""
    with pytest.raises(ConfigurationError):
        TikTokClient(SECRET, base_url="business-api.tiktok.com", transport=Script(reply()))


def test_nothing_shows_the_token(caplog: pytest.LogCaptureFixture) -> None:
    """Neither the client's repr nor any log line holds the token or an event."""
    caplog.set_level(logging.DEBUG)
    client, _ = make(reply(50000, f"echo {SECRET}"), base_url=f"https://u:{SECRET}@example.com")
    with pytest.raises(UnconfirmedError) as caught:
        track(client)
    assert SECRET not in f"{client!r} {caplog.text} {caught.value}"
    assert "Purchase" not in caplog.text
    assert "code 50000" in caplog.text


@pytest.mark.parametrize(
    "echo",
    [
        SECRET,
        SECRET.upper(),
        quote_plus("Planted & Sons"),
        "Planted &amp; Sons",
        "UGxhbnRlZCAmIFNvbnM=",
        "LINZ",
    ],
)
@pytest.mark.parametrize("code", [40105, 50000, 40007, 12345])
def test_what_was_sent_comes_back_in_no_words(code: int, echo: str, caplog: pytest.LogCaptureFixture) -> None:
    """TikTok's words are cleaned of what the request held, for errors and logs alike."""
    caplog.set_level(logging.DEBUG)
    event = b'{"event":"Purchase","user":{"city":"linz"},"properties":{"description":"Planted & Sons"}}'
    client, _ = make(reply(code, f"Something about {echo} is wrong"))
    with pytest.raises(ConversionsError, match=r"Something about \[(value|token)\] is wrong") as caught:
        track(client, events=[event])
    assert echo not in f"{caught.value} {caplog.text}"


def test_what_was_sent_is_in_no_reason_of_an_event() -> None:
    """The words for a single event are cleaned as well."""
    failed = {"failed_events": [{"order_in_batch": 0, "error": "the name planted-name is bad"}]}
    client, _ = make(reply(20001, data=failed))
    answer = track(client, events=[b'{"properties":{"description":"planted-name"}}', b"{}"])
    assert dict(answer.failed) == {0: "the name [value] is bad"}


def test_a_request_id_that_was_sent_is_none() -> None:
    """What goes into receipts as an id must not be an echo."""
    client, _ = make(
        HttpReply(status=200, body=b'{"code": 40002, "message": "bad", "request_id": "planted-order"}')
    )
    assert track(client, events=[b'{"event_id":"planted-order"}']).request_id is None


# ------------------------------------------------------------------------------------------- reading


def pages(*sizes: int) -> list[HttpReply]:
    """Answers of ``pixel/list`` with so many pixels each."""
    return [
        reply(
            data={
                "pixels": [{"pixel_code": f"{page}-{n}"} for n in range(size)],
                "page_info": {
                    "page": page,
                    "page_size": 2,
                    "total_number": sum(sizes),
                    "total_page": len(sizes),
                },
            }
        )
        for page, size in enumerate(sizes, start=1)
    ]


def test_all_pages_are_read() -> None:
    """Pixels of every page come, in order, each page asked for once and when it is needed."""
    client, script = make(*pages(2, 2, 1))
    pixels = client.list_pixels("7000000000000000001", page_size=2)
    assert script.requests == []
    assert [pixel["pixel_code"] for pixel in pixels] == ["1-0", "1-1", "2-0", "2-1", "3-0"]
    assert [query(request)["page"] for request in script.requests] == ["1", "2", "3"]
    assert {query(request)["page_size"] for request in script.requests} == {"2"}


def test_pages_end() -> None:
    """An empty page ends the list, whatever number of pages the answer claims."""
    endless = reply(data={"pixels": [], "page_info": {"total_page": 10**9}})
    client, script = make(endless)
    assert list(client.list_pixels("7")) == []
    assert len(script.requests) == 1


def test_pixel_filters() -> None:
    """Filters travel as TikTok wants them, objects as JSON; what is not asked for is left out."""
    client, script = make(*pages(1))
    list(
        client.list_pixels(
            "7",
            code="C1",
            name="shop",
            pixel_id="8",
            order_by="LATEST_CREATE",
            available_for_catalog_only=True,
        )
    )
    (request,) = script.requests
    assert request.method == "GET"
    assert request.url.endswith("/open_api/v1.3/pixel/list/")
    assert query(request) == {
        "advertiser_id": "7",
        "code": "C1",
        "name": "shop",
        "pixel_id": "8",
        "order_by": "LATEST_CREATE",
        "filtering": '{"available_for_catalog_only":true}',
        "page_size": "20",
        "page": "1",
    }


def test_few_parameters() -> None:
    """Only what was given is sent."""
    client, script = make(*pages(1))
    list(client.list_pixels("7"))
    assert set(query(script.requests[0])) == {"advertiser_id", "page_size", "page"}


@pytest.mark.parametrize("page_size", [0, 21])
def test_page_sizes(page_size: int) -> None:
    """A page size out of bounds is told at once, not when the first pixel is wanted."""
    client, _ = make(reply())
    with pytest.raises(ConfigurationError):
        client.list_pixels("7", page_size=page_size)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"pixels": {}},
        {"pixels": "x"},
        {"pixels": ["x"]},
        {"pixels": [{}]},
        {"pixels": [{}], "page_info": None},
        {"pixels": [{}], "page_info": {"total_page": "1"}},
        {"pixels": [{}], "page_info": {"total_page": True}},
    ],
)
def test_misshapen_lists(data: Any) -> None:
    """An answer of another shape is no empty list."""
    client, _ = make(reply(data=data))
    with pytest.raises(ProtocolError):
        list(client.list_pixels("7"))


@pytest.mark.parametrize("data", [None, [], "x", 7])
def test_data_that_is_no_object(data: Any) -> None:
    """An answer whose data is no object is not understood."""
    body = msgspec.json.encode({"code": 0, "message": "OK", "request_id": "2026A", "data": data})
    client, _ = make(HttpReply(status=200, body=body))
    with pytest.raises(ProtocolError) as caught:
        client.user_info()
    assert caught.value.request_id == "2026A"


Call = Callable[[TikTokClient], Any]


@pytest.mark.parametrize(
    ("call", "path", "params", "data", "result"),
    [
        (
            lambda c: c.pixel_event_stats(
                "7", pixel_ids=["8", "9"], start_date=date(2026, 10, 1), end_date=date(2026, 10, 30)
            ),
            "pixel/event/stats",
            {
                "advertiser_id": "7",
                "pixel_ids": '["8","9"]',
                "date_range": '{"start_date":"2026-10-01","end_date":"2026-10-30"}',
            },
            {"list": [{"pixel_id": "8"}]},
            [{"pixel_id": "8"}],
        ),
        (
            lambda c: c.offline_event_sets("7"),
            "offline/get",
            {"advertiser_id": "7"},
            {"event_set_list": [{"event_set_id": "1"}]},
            [{"event_set_id": "1"}],
        ),
        (
            lambda c: c.offline_event_sets("7", event_set_ids=["1"], name="n"),
            "offline/get",
            {"advertiser_id": "7", "event_set_ids": '["1"]', "name": "n"},
            {"event_set_list": None},
            [],
        ),
        (
            lambda c: c.crm_event_sets("7", name="n"),
            "crm/list",
            {"advertiser_id": "7", "name": "n"},
            {"crm_event_sets": [{"event_set_id": "1"}]},
            [{"event_set_id": "1"}],
        ),
        (
            lambda c: c.apps("7"),
            "app/list",
            {"advertiser_id": "7"},
            {"apps": [{"app_id": "1"}]},
            [{"app_id": "1"}],
        ),
        (lambda c: c.user_info(), "user/info", {}, {"core_user_id": "1"}, {"core_user_id": "1"}),
        (
            lambda c: c.advertisers("11", secret=SECRET),
            "oauth2/advertiser/get",
            {"app_id": "11", "secret": SECRET},
            {"list": [{"advertiser_id": "7"}]},
            [{"advertiser_id": "7"}],
        ),
    ],
)
def test_reading_calls(call: Call, path: str, params: dict[str, str], data: Any, result: Any) -> None:
    """Each call asks at its own path with a slash at the end, and gives the plain values of the answer."""
    client, script = make(reply(data=data))
    assert call(client) == result
    (request,) = script.requests
    assert (request.method, request.url) == ("GET", f"https://business-api.tiktok.com/open_api/v1.3/{path}/")
    assert request.headers == {"Access-Token": SECRET}
    assert query(request) == params
    assert SECRET not in repr(request)


@pytest.mark.parametrize(
    ("start", "end"),
    [(date(2026, 10, 1), date(2026, 10, 31)), (date(2026, 10, 2), date(2026, 10, 1))],
)
def test_stats_days(start: date, end: date) -> None:
    """More than 30 days, and days that run backwards, are not asked for."""
    client, script = make(reply())
    with pytest.raises(ConfigurationError):
        client.pixel_event_stats("7", pixel_ids=["8"], start_date=start, end_date=end)
    assert script.requests == []


@pytest.mark.parametrize("pixel_ids", [[], ["8"] * 11])
def test_stats_pixels(pixel_ids: list[str]) -> None:
    """No pixel and more than 10 pixels are not asked for."""
    client, _ = make(reply())
    with pytest.raises(ConfigurationError):
        client.pixel_event_stats(
            "7", pixel_ids=pixel_ids, start_date=date(2026, 10, 1), end_date=date(2026, 10, 1)
        )


def test_an_empty_advertiser() -> None:
    """A missing advertiser id is told before anything is asked."""
    client, script = make(reply())
    with pytest.raises(ConfigurationError, match="advertiser_id"):
        client.apps(" ")
    assert script.requests == []


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        (reply(40002, "page_size: too large"), ConfigurationError),
        (reply(20001), ProtocolError),
        (reply(40105), AuthorizationError),
        (reply(40100), TransientError),
        (reply(12345), ProtocolError),
        (reply(0, data={"failed_events": [1]}), ProtocolError),
        (HttpReply(status=413), ConfigurationError),
    ],
)
def test_refused_readings(outcome: HttpReply, error: type[ConversionsError]) -> None:
    """Only code 0 gives an answer; a wrong parameter is a setting, anything half is not understood."""
    client, _ = make(outcome)
    with pytest.raises(ConversionsError) as caught:
        client.user_info()
    assert type(caught.value) is error


# ------------------------------------------------------------------------------------------- probing


class Router:
    """A transport that answers by the call, and counts."""

    def __init__(self, **codes: HttpReply | TransportError) -> None:
        self.codes = codes
        self.calls: list[str] = []
        self.bodies: list[bytes | None] = []

    def __call__(self, request: HttpRequest, /) -> HttpReply:
        call = request.url.split("/v1.3/")[1].strip("/").replace("/", "_")
        self.calls.append(call)
        self.bodies.append(request.body)
        outcome = self.codes[call]
        if isinstance(outcome, TransportError):
            raise outcome
        return outcome


PIXEL = "CABC0123456789012345"
HAS_PIXEL = reply(data={"pixels": [{"pixel_code": PIXEL}], "page_info": {"total_page": 1}})
NO_PIXEL = reply(data={"pixels": [], "page_info": {"total_page": 1}})
EMPTY_LIST = reply(40002, "data: Shorter than minimum length 1.")


@pytest.mark.parametrize(
    ("user", "pixels", "sending", "verdict", "n_calls"),
    [
        (reply(), HAS_PIXEL, EMPTY_LIST, ProbeVerdict.PROVED, 3),
        (reply(40001), reply(40001), EMPTY_LIST, ProbeVerdict.PROVED, 3),
        (reply(40001), reply(40001), reply(40001), ProbeVerdict.REFUSED, 3),
        (reply(40105), HAS_PIXEL, EMPTY_LIST, ProbeVerdict.REFUSED, 1),
        (reply(40001), reply(40105), EMPTY_LIST, ProbeVerdict.REFUSED, 2),
        (reply(), NO_PIXEL, EMPTY_LIST, ProbeVerdict.INCONCLUSIVE, 2),
        (
            reply(40001),
            reply(40001),
            reply(40002, "Invalid value for event_source_id: not a valid string."),
            ProbeVerdict.INCONCLUSIVE,
            3,
        ),
        (NotSent("refused"), NotSent("refused"), NotSent("refused"), ProbeVerdict.INCONCLUSIVE, 1),
        (AnswerLost("silent"), HAS_PIXEL, EMPTY_LIST, ProbeVerdict.INCONCLUSIVE, 1),
        (reply(40001), AnswerLost("silent"), EMPTY_LIST, ProbeVerdict.INCONCLUSIVE, 2),
        (EMPTY, HTML, AnswerLost("dropped"), ProbeVerdict.INCONCLUSIVE, 3),
    ],
)
def test_probe(user: Any, pixels: Any, sending: Any, verdict: ProbeVerdict, n_calls: int) -> None:
    """The verdict follows from what TikTok answered, and no event is sent for it."""
    router = Router(user_info=user, pixel_list=pixels, event_track=sending)
    client = TikTokClient(SECRET, transport=router, policy=RetryPolicy(max_attempts=1), wait=Waits())
    probe = client.probe("7", PIXEL)
    assert (probe.verdict, len(probe.findings)) == (verdict, n_calls)
    assert all(body is None or body.endswith(b'"data":[]}') for body in router.bodies)
    assert SECRET not in repr(probe)


def test_probe_of_a_token_alone() -> None:
    """Without a pixel only the token is asked for."""
    router = Router(user_info=reply())
    client = TikTokClient(SECRET, transport=router, wait=Waits())
    probe = client.probe()
    assert router.calls == ["user_info"]
    assert (probe.verdict, probe.proved) == (ProbeVerdict.PROVED, (Claim.TOKEN,))
