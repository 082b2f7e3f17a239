# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import logging
import pickle
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_tiktok.conversions.answers import Verdict
from airflow_provider_tiktok.conversions.batching import Batch, Batcher
from airflow_provider_tiktok.conversions.errors import (
    AuthorizationError,
    ConfigurationError,
    ConversionsError,
    ProtocolError,
    TransientError,
    UnconfirmedError,
)
from airflow_provider_tiktok.conversions.http import AnswerLost, HttpReply, NotSent
from airflow_provider_tiktok.conversions.liveramp.adapter import AdapterClient, LiveRampDestination
from tests.conversions.liveramp.samples import (
    AT_ONCE,
    CONFIGURATION,
    ENVELOPE,
    NOW,
    OTHER_ENVELOPE,
    checks,
    prepared,
    reply,
    web_record,
)
from tests.conversions.transports import Script, Waits


def client(script: Script, **arguments: Any) -> AdapterClient:
    """A client that waits for nothing."""
    return AdapterClient(CONFIGURATION, transport=script, policy=AT_ONCE, wait=Waits(), **arguments)


def destination(script: Script, **arguments: Any) -> LiveRampDestination:
    """LiveRamp behind a transport."""
    return LiveRampDestination(client(script), check=checks(), **arguments)


def batch(*records: dict[str, Any], script: Script) -> Batch:
    """One batch of these records."""
    events = tuple(destination(script).encode(prepared(record)) for record in records)
    return Batch(group=events[0].group, events=events)


def sent_ids(script: Script) -> list[list[str]]:
    """Event ids by request."""
    return [[event["event_id"] for event in events_in(request.body)] for request in script.requests]


def events_in(body: bytes | None) -> list[dict[str, Any]]:
    """The events of a request."""
    events: list[dict[str, Any]] = json.loads(body or b"{}")["events"]
    return events


def test_a_request_is_as_liveramp_documents_it() -> None:
    """Address, headers and body; no token, no origin."""
    script = Script(reply(200))
    client(script).send([b'{"a":1}', b'{"b":2}'])
    [request] = script.requests
    assert request.method == "POST"
    assert request.url == f"https://capi.analytics.rlcdn.com/send-events/{CONFIGURATION}"
    assert request.body == b'{"events":[{"a":1},{"b":2}]}'
    assert request.headers == {"Content-Type": "application/json", "Accept": "application/json"}


def test_headers_of_the_connection_are_added() -> None:
    """For what LiveRamp may ask of a customer and does not document."""
    script = Script(reply(200))
    client(script, headers={"X-Customer": "1"}).send([b"{}"])
    assert script.requests[0].headers["X-Customer"] == "1"


@pytest.mark.parametrize("configuration_id", ["", " ", "a/b", "a b", "a\n"])
def test_what_cannot_be_a_configuration_id_is_refused(configuration_id: str) -> None:
    """An empty one would post to everybody's address, one with a slash to another."""
    with pytest.raises(ConfigurationError, match="ATS configuration id"):
        AdapterClient(configuration_id, transport=Script(reply(200)))


def test_the_configuration_id_is_percent_encoded() -> None:
    """It is opaque: nothing in it may change the address."""
    script = Script(reply(200))
    AdapterClient("a?b#c%d", transport=script).send([b"{}"])
    assert script.requests[0].url.endswith("/send-events/a%3Fb%23c%25d")


@pytest.mark.parametrize("status", [200, 201, 202, 204])
@pytest.mark.parametrize("body", [b"", b"OK", b'{"status":"accepted"}', b"<html>"])
def test_any_success_is_success(status: int, body: bytes) -> None:
    """Bodies are not documented, so none is needed, and none is read."""
    script = Script(HttpReply(status=status, body=body))
    answer = client(script).send([b"{}"])
    assert (answer.verdict, answer.attempts, answer.was_lost_before) == (Verdict.ACCEPTED, 1, False)


@pytest.mark.parametrize(
    ("outcome", "error", "attempts", "is_unconfirmed"),
    [
        (reply(401), AuthorizationError, 1, False),
        (reply(403), AuthorizationError, 1, False),
        (reply(404), ConfigurationError, 1, False),
        (reply(405), ConfigurationError, 1, False),
        (reply(302), ConfigurationError, 1, False),
        (reply(199), ProtocolError, 3, True),
        (reply(408), TransientError, 5, False),
        (reply(429), TransientError, 5, False),
        (reply(500), UnconfirmedError, 5, True),
        (reply(503), UnconfirmedError, 5, True),
        (NotSent("refused"), TransientError, 5, False),
        (AnswerLost("timeout"), UnconfirmedError, 5, True),
    ],
)
def test_every_other_status_has_its_error(
    outcome: Any, error: type[ConversionsError], attempts: int, is_unconfirmed: bool
) -> None:
    """Whether trying again helps, and whether the events may have been taken, is told by class and facts."""
    script = Script(outcome)
    with pytest.raises(error) as caught:
        client(script).send([b"{}"])
    assert len(script.requests) == attempts
    assert caught.value.is_unconfirmed is is_unconfirmed  # type: ignore[attr-defined]
    assert len({request.body for request in script.requests}) == 1


@pytest.mark.parametrize("status", [400, 422, 413])
def test_a_refusal_is_first_taken_for_the_event_s_fault(status: int) -> None:
    """One bad event must not hold up all others."""
    assert client(Script(reply(status))).send([b"{}"]).verdict is Verdict.PAYLOAD


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        *((text, Verdict.ACCEPTED) for text in (b"", b"OK", b"{}", b"[]", b"null", b'{"status":"accepted"}')),
        *(
            (text, Verdict.ACCEPTED)
            for text in (b'{"errors":[]}', b'{"error":null}', b'{"message":"queued"}', b"{")
        ),
        *((text, Verdict.PAYLOAD) for text in (b'{"error":"x"}', b'{"errors":[1]}', b'{"success":false}')),
        *(
            (text, Verdict.PAYLOAD)
            for text in (b'{"status":"Error"}', b' {"Status":"failed"}', b'{"ok":false}')
        ),
    ],
)
def test_a_success_that_speaks_of_failure_is_none(body: bytes, verdict: Verdict) -> None:
    """Whatever else a body says, LiveRamp documents none of it."""
    assert client(Script(HttpReply(status=200, body=body, headers={}))).send([b"{}"]).verdict is verdict


@pytest.mark.parametrize("status", [206, 207])
def test_a_success_in_part_is_not_taken_for_a_whole_one(status: int) -> None:
    """Which events it means is in a body that nobody documents."""
    with pytest.raises(ProtocolError):
        client(Script(HttpReply(status=status, body=b"[]", headers={}))).send([b"{}"])


def test_a_page_for_people_is_no_answer() -> None:
    """A proxy's login, or a host that is not LiveRamp's: nothing was taken, and the run must not be green."""
    page = HttpReply(status=200, body=b"\n<!doctype html><title>Sign in</title>", headers={})
    with pytest.raises(ProtocolError):
        client(Script(page)).send([b"{}"])


@pytest.mark.parametrize(
    "platforms", [[], [""], [" tiktok"], ["tiktok", "tiktok"], ["TikTok"], ["tik_tok"], [None], "TIKTOK", ""]
)
def test_platforms_that_get_nothing_are_refused(platforms: Any) -> None:
    """LiveRamp would answer with success and pass nothing on."""
    with pytest.raises(ConfigurationError, match="event_manager"):
        LiveRampDestination(client(Script()), check=checks(), platforms=platforms)


def test_refusals_after_a_success_stay_those_of_events() -> None:
    """The configuration has proved right."""
    adapter = client(Script(reply(200), reply(400)))
    adapter.send([b"{}"])
    assert {adapter.send([b"{}"]).verdict for _ in range(30)} == {Verdict.PAYLOAD}


def test_the_server_s_wait_is_told() -> None:
    """Retry-After is obeyed, and named when the tries are spent."""
    waits = Waits()
    script = Script(reply(429, **{"Retry-After": "7"}))
    adapter = AdapterClient(CONFIGURATION, transport=script, policy=AT_ONCE, wait=waits)
    with pytest.raises(TransientError) as caught:
        adapter.send([b"{}"])
    assert caught.value.retry_after_s == 7
    assert waits.seconds == [7, 7, 7, 7]


def test_a_request_id_is_kept_where_there_is_one() -> None:
    """It is what LiveRamp's support asks for."""
    assert client(Script(reply(200, **{"x-request-id": "r-1"}))).send([b"{}"]).request_id == "r-1"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "<html>",
            "two words",
            "person@example.com",
            "+12025550123",
            "12025550123",
            "202-555-0123",
        ),
        *(
            "203.0.113.7 or so",
            "d" * 64,
            ENVELOPE,
            CONFIGURATION,
            "o-1",
            "r" * 41,
            "r-1\r\nX: y",
            "r-1; o=1",
            "caf\u00e9",
        ),
    ],
)
def test_what_looks_like_no_request_id_is_shown_nowhere(text: str) -> None:
    """Nor what was sent: it goes into logs and receipts."""
    body = b'{"event_id":"o-1"}'
    assert client(Script(reply(200, **{"x-request-id": text}))).send([body]).request_id is None


@pytest.mark.parametrize("outcome", [reply(404), reply(401), reply(500), reply(429), AnswerLost("timeout")])
def test_the_configuration_id_is_shown_nowhere(outcome: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The path holds it, so no path is shown: not in errors, not in logs, not in any repr."""
    caplog.set_level(logging.DEBUG)
    script = Script(outcome)
    adapter = client(script)
    with pytest.raises(ConversionsError) as caught:
        adapter.send([ENVELOPE.encode()])
    told = f"{caught.value} {vars(caught.value)} {adapter!r} {script.requests!r} {caplog.text}"
    assert CONFIGURATION not in told
    assert ENVELOPE not in told
    assert "/send-events/***" in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_events_of_a_session_are_sent_in_order_of_time() -> None:
    """Whatever order the rows came in; events of one second keep theirs."""
    script = Script(reply(200))
    times = {"a": 30, "b": 10, "c": 20, "d": 10}
    records = [web_record(event_id=name, event_time=NOW - 100 + second) for name, second in times.items()]
    place = destination(script)
    batcher = Batcher(place.limits)
    for encoded in batch(*records, script=script).events:
        assert list(batcher.add(encoded)) == []
    (sorted_batch,) = batcher.flush()
    place.send(sorted_batch)
    assert sent_ids(script) == [["b", "d", "c", "a"]]


def test_a_destination_does_not_take_crowds() -> None:
    """LiveRamp warns of large batches; a session has few events."""
    for max_events in (0, 101, 1000):
        with pytest.raises(ConfigurationError, match="max_events_per_request"):
            destination(Script(reply(200)), max_events=max_events)
    assert destination(Script(reply(200))).limits.max_events == 20


def test_its_name_says_what_acceptance_proves() -> None:
    """The receipt carries the name: LiveRamp drops without a word what it does not support."""
    assert "proves no delivery to TikTok" in destination(Script(reply(200))).name


def test_groups_show_no_envelope() -> None:
    """Group keys are digests, so nothing that prints a batch's group prints an envelope."""
    encoded = destination(Script(reply(200))).encode(prepared(web_record()))
    assert ENVELOPE.encode() not in encoded.group  # type: ignore[operator]


def test_the_stored_form_is_of_the_same_session() -> None:
    """Wrapped and raw, an envelope is one."""
    place = destination(Script(reply(200)))
    raw = place.encode(prepared(web_record()))
    wrapped = place.encode(prepared(web_record(user={"envelope": json.dumps({"envelope": ENVELOPE})})))
    assert raw.group == wrapped.group
    assert raw.body == wrapped.body


def test_its_record_is_fit_for_storage() -> None:
    """A rejected event's dead letter holds no envelope and none of what it was rejected for."""
    url = "https://shop.example.com/?m=person@example.com"
    record = destination(Script(reply(200))).record(prepared(web_record(page={"url": url})))
    assert "page" not in record
    assert ENVELOPE not in repr(record)


SESSIONS = st.tuples(st.sampled_from(["", "s-1", "s-2"]), st.sampled_from([ENVELOPE, OTHER_ENVELOPE]))


@settings(max_examples=60)
@given(
    rows=st.lists(st.tuples(SESSIONS, st.integers(0, 50)), max_size=60),
    max_events=st.integers(1, 5),
)
def test_two_sessions_never_share_a_request(rows: list[Any], max_events: int) -> None:
    """Under any order of rows: one session and one envelope a request, in time order, each event once."""
    script = Script(reply(204))
    place = destination(script, max_events=max_events)
    batcher = Batcher(place.limits)
    session_of = {}
    for number, ((session_id, envelope), second) in enumerate(rows):
        session_of[str(number)] = (session_id, envelope)
        user = {"envelope": envelope, "session_id": session_id}
        record = web_record(event_id=str(number), event_time=NOW - 100 + second, user=user)
        for one in batcher.add(place.encode(prepared(record))):
            place.send(one)
    for one in batcher.flush():
        place.send(one)

    for request in script.requests:
        events = events_in(request.body)
        assert len(events) <= max_events
        assert len({session_of[event["event_id"]] for event in events}) == 1
        assert {event["user_data"]["partner_id"] for event in events} == {
            session_of[events[0]["event_id"]][1]
        }
        times = [event["event_time"] for event in events]
        assert times == sorted(times)
    sent = [event_id for ids in sent_ids(script) for event_id in ids]
    assert sorted(sent, key=int) == list(session_of)


def test_the_requests_are_as_few_as_sessions_allow() -> None:
    """Rows that change between sessions do not tear them apart."""
    script = Script(reply(200))
    place = destination(script)
    batcher = Batcher(place.limits)
    envelopes = defaultdict(list)
    for number in range(40):
        envelope = (ENVELOPE, OTHER_ENVELOPE)[number % 2]
        envelopes[envelope].append(number)
        record = web_record(event_id=str(number), user={"envelope": envelope})
        for one in batcher.add(place.encode(prepared(record))):
            place.send(one)
    assert [len(ids) for ids in sent_ids(script)] == [20, 20]
