# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tiktok.conversions.answers import Verdict
from airflow_provider_tiktok.conversions.http import HttpReply
from airflow_provider_tiktok.conversions.tiktok.return_codes import (
    RETURN_CODES,
    Classifier,
    as_markdown,
    classify,
    find,
    find_guilty,
    find_request_fault,
)


def reply(
    code: Any = 0, message: Any = "OK", *, status: int = 200, data: Any = None, **headers: str
) -> HttpReply:
    """An answer in TikTok's shape."""
    body = {"code": code, "message": message, "request_id": "20260314ABC", "data": data or {}}
    return HttpReply(status=status, headers=headers, body=msgspec.json.encode(body))


# ------------------------------------------------------------------------------------------ the table

# From the vendor's appendix and SDK constants, written out once more by hand.
EXPECTED = {
    Verdict.ACCEPTED: [0],
    Verdict.PARTIAL: [20001],
    Verdict.PAYLOAD: [40000, 40002, 40011, 40061, 40062],
    Verdict.RETRY: [
        *(40016, 40100, 40133, 40200, 40201, 40202, 40700, 50000, 50002, 51000, 51010, 51012, 51035, 51050),
        *(51054, 51099, 51305, 52000, 52103, 52204, 53102, 53103, 61000),
    ],
    Verdict.RETRY_SLOWLY: [40132, 60001],
    Verdict.AUTHORIZATION: [
        *(40001, 40003, 40101, 40102, 40103, 40104, 40105, 40106, 40107, 40108, 40109, 40110, 40112, 40113),
        *(40114, 40115, 40116, 40117, 40118, 40119, 40120, 40124, 40125, 40130, 40131, 70001),
    ],
    Verdict.CONFIGURATION: [
        *(40006, 40007, 40008, 40009, 40010, 40013, 40014, 40051, 40063, 40300, 40301, 40302, 40400),
        *(41000, 41001, 41002),
    ],
    Verdict.UNKNOWN: [
        40050,
        1,
        -1,
        20000,
        20002,
        39999,
        40052,
        40111,
        40999,
        49999,
        50001,
        51100,
        52205,
        99999,
    ],
}
CASES = [(code, verdict) for verdict, codes in EXPECTED.items() for code in codes]


@pytest.mark.parametrize(("code", "verdict"), CASES)
@pytest.mark.parametrize("status", [200, 400, 401, 500])
def test_every_code(code: int, verdict: Verdict, status: int) -> None:
    """The code in the body decides, whatever the HTTP status."""
    answer = classify(reply(code, "words", status=status))
    assert (answer.verdict, answer.code, answer.http_status) == (verdict, code, status)
    assert (answer.message, answer.request_id) == ("words", "20260314ABC")


@given(st.integers())
def test_only_0_is_success(code: int) -> None:
    """No other code is success."""
    assert (classify(reply(code)).verdict is Verdict.ACCEPTED) == (code == 0)


def test_rows_do_not_overlap() -> None:
    """A code stands in one row, and the rows stand in order."""
    codes = [code for row in RETURN_CODES for code in row.codes]
    assert codes == sorted(set(codes))


@pytest.mark.parametrize("row", RETURN_CODES, ids=lambda row: str(row.first))
def test_codes_that_stop_a_run_tell_what_to_do(row: Any) -> None:
    """Where a person must act, the table says how."""
    if row.verdict in {Verdict.AUTHORIZATION, Verdict.CONFIGURATION, Verdict.RETRY_SLOWLY}:
        assert row.hint
    assert "|" not in row.meaning + row.hint


@pytest.mark.parametrize("code", [50000, 50002, 51010, 51012, 52103, 53102])
def test_a_fault_inside_tiktok_may_have_taken_the_events(code: int) -> None:
    """A timeout inside the API leaves open whether the events were taken."""
    assert classify(reply(code)).may_be_taken


@pytest.mark.parametrize("code", [40100, 40132, 40133, 60001, 61000, 40016])
def test_a_refused_rate_took_nothing(code: int) -> None:
    """A request refused for its rate was not taken."""
    assert not classify(reply(code)).may_be_taken


def test_markdown_holds_every_row() -> None:
    """The table for people is the table."""
    lines = as_markdown().splitlines()
    assert len(lines) == len(RETURN_CODES) + 2
    assert {line.count("|") for line in lines} == {5}
    assert "| 51000-51099 | internal service error | tries again after seconds |" in as_markdown()
    row = next(line for line in lines if line.startswith("| 40700 "))
    assert "after 2 times takes the batch apart" in row


def test_find() -> None:
    """A code inside a span is found, one beside it is not."""
    assert find(51001) is find(51000)
    assert find(51100) is None


# ------------------------------------------------------------------------- answers that cannot be read

UNREADABLE = [
    b"",
    b" ",
    b"<html><body>502 Bad Gateway</body></html>",
    b'{"code":0',
    b"null",
    b"0",
    b'"OK"',
    b"[0]",
    b"{}",
    b'{"message":"OK","request_id":"x","data":{}}',
    b'{"code":null}',
    b'{"code":"0"}',
    b'{"code":0.0}',
    b'{"code":false}',
    b'{"code":[0]}',
    b'{"Code":0}',
    b'{"data":{"code":0}}',
    b"\xff\xfe\x00",
    b'{"code":0,"message":"\xff"}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("body", UNREADABLE, ids=lambda body: repr(body[:24]))
def test_a_success_status_without_a_code_is_none(body: bytes) -> None:
    """HTTP 200 proves nothing: without a code the answer is not understood, and worth asking again."""
    answer = classify(HttpReply(status=200, body=body))
    assert (answer.verdict, answer.code) == (Verdict.UNKNOWN, None)


@pytest.mark.parametrize("body", UNREADABLE, ids=lambda body: repr(body[:24]))
@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (302, Verdict.CONFIGURATION),
        (401, Verdict.AUTHORIZATION),
        (404, Verdict.CONFIGURATION),
        (413, Verdict.PAYLOAD),
        (429, Verdict.RETRY),
        (502, Verdict.RETRY),
    ],
)
def test_without_a_code_the_status_decides(body: bytes, status: int, verdict: Verdict) -> None:
    """A failure from something in front of the API is read by its status."""
    answer = classify(HttpReply(status=status, headers={"retry-after": "3"}, body=body))
    assert (answer.verdict, answer.code) == (verdict, None)
    assert answer.retry_after_s == (3.0 if verdict is Verdict.RETRY else None)
    assert answer.may_be_taken == (status == 502)


@given(st.binary(), st.integers(100, 599))
def test_no_bytes_break_the_reading(body: bytes, status: int) -> None:
    """Whatever comes, there is an answer, and success only with a code."""
    answer = classify(HttpReply(status=status, body=body), n_events=3)
    assert answer.verdict is not Verdict.ACCEPTED or answer.code == 0


# ---------------------------------------------------------------------------------------- request ids


@pytest.mark.parametrize(
    ("in_body", "in_header", "shown"),
    [
        ("2026A", "2026B", "2026A"),
        (None, "2026B", "2026B"),
        (7, "2026B", "7"),
        ("", "2026B", "2026B"),
        ("alice@example.com", "2026B", "2026B"),
        ("line\nbreak", None, None),
        ("x" * 65, None, None),
        ({"a": 1}, None, None),
        (None, None, None),
    ],
)
def test_request_id(in_body: Any, in_header: str | None, shown: str | None) -> None:
    """The id is taken from the body, else from the header, and only if it looks like one."""
    body = msgspec.json.encode({"code": 0, "request_id": in_body})
    headers = {} if in_header is None else {"x-tt-logid": in_header}
    assert classify(HttpReply(status=200, headers=headers, body=body)).request_id == shown


# ------------------------------------------------------------------------- faults of the request itself


@pytest.mark.parametrize("code", [40000, 40002])
@pytest.mark.parametrize(
    "message",
    [
        "Invalid value for event_source_id: not a valid string.",
        "Invalid value for event_source: must be web, app or offline.",
        "invalid value for EVENT_SOURCE_ID: Not A Valid String.",
        "Missing required field(s): event_source",
        "Missing required field(s): event_source, event_source_id.",
        "Missing required field(s): event_time, event_source_id",
        "event_source_id: Missing data for required field.",
        "event_source_id is not valid",
        "Invalid event_source_id",
        "partner_name: invalid",
        "Invalid value for test_event_code: not a valid string.",
        "Access-Token: required",
        "advertiser_id: This field is required.",
        "pixel_code: not a valid string",
        "Invalid pixel code CABC0123456789012345",
        "No permission to operate offline event set: 7000000000000000021.",
        "No permission to operate pixel code: CABC0123456789012345. You must be an admin or operator of this advertiser account.",
    ],
)
def test_a_fault_of_the_request_is_no_event_fault(code: int, message: str) -> None:
    """A wrong setting stops the run; it is never looked for among the events."""
    answer = classify(reply(code, message), n_events=3)
    assert answer.verdict is Verdict.CONFIGURATION
    assert answer.hint


@pytest.mark.parametrize(
    "message",
    [
        "Invalid value for event_id: not a valid string.",
        "Missing required field(s): x",
        "Missing required field(s): event_time",
        "Invalid value for event: event_source_id",
        "Invalid value for properties.description: see event_source_id: it is wrong",
        "Invalid value for properties.event_source_id: not a valid string.",
        "data[2].event_source_id: not a valid string",
        "Batch.0.properties.contents.0.content_id: Not a valid string",
        "event_source_ids: too many",
        "properties.partner_name: unknown",
        "Something about event_source_id",
        "There is no permission to operate this field",
        "",
        "x",
    ],
)
def test_no_event_can_stop_a_run(message: str) -> None:
    """Words behind the field path may repeat an event's content, and count for nothing."""
    assert classify(reply(40002, message)).verdict is Verdict.PAYLOAD


@pytest.mark.parametrize("message", [None, 7, {"a": 1}, ["x"]])
def test_a_message_that_is_no_text(message: Any) -> None:
    """A message of another type is no message, and the code still counts."""
    answer = classify(reply(40002, message))
    assert (answer.verdict, answer.message, answer.guilty) == (Verdict.PAYLOAD, "", None)


def test_hints_name_the_setting() -> None:
    """The remedy says which ids go with which source."""
    assert "pixel code for web" in (find_request_fault("Invalid value for event_source_id: x") or "")
    assert find_request_fault("Invalid value for event_id: x") is None


# ------------------------------------------------------------------------------- the event that is named


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ("data[2].user.email: not hashed", 2),
        ("Invalid value for data[2].event_id: not a valid string.", 2),
        ("DATA.2.event_id: not a valid string.", 2),
        ("data.0: bad", 0),
        ("Batch.1.properties.contents.0.content_id: Not a valid string", 1),
        ("batch.2.event: x", 2),
        ("Event at index 2 is not valid", 2),
        ("Index: 1", None),
        ("index=1 is wrong", 1),
        ("Invalid value for event_id: not a valid string.", None),
        ("data[3].event: beyond the batch", None),
        ("data[99999999].event: beyond any batch", None),
        ("data[-1].event: x", None),
        ("metadata[2].x: no", None),
        ("data.2x: no", None),
        ("properties.description: data[1] is nonsense", None),
        ("Invalid value 'data[1]' for event: no", None),
        ('Invalid value "index 1', None),
        ("data[٢].event: x", None),
        ("", None),
    ],
)
def test_find_guilty(message: str, place: int | None) -> None:
    """An index at the head of the message names an event of the batch; values never do."""
    assert find_guilty(message, n_events=3) == place
    assert classify(reply(40002, message), n_events=3).guilty == place


@given(st.text())
def test_no_message_breaks_the_reading(message: str) -> None:
    """Whatever the words, a payload fault stays one or becomes a setting, and a place is in the batch."""
    answer = classify(
        HttpReply(status=200, body=msgspec.json.encode({"code": 40002, "message": message})), n_events=2
    )
    assert answer.verdict in {Verdict.PAYLOAD, Verdict.CONFIGURATION}
    assert answer.guilty in {None, 0, 1}


# ------------------------------------------------------------------------------------- partial answers


def failed(*indexes: Any, **more: Any) -> dict[str, Any]:
    """The data of a partial answer."""
    return {
        "partial_failure": True,
        "failed_events": [{"order_in_batch": index, "error": f"bad {index}"} for index in indexes],
        **more,
    }


@pytest.mark.parametrize(
    ("data", "places"),
    [
        (failed(0), {0}),
        (failed(0, 2), {0, 2}),
        (failed(4), {3}),
        (failed(2, 4), {1, 3}),
        (failed(0, 1, 2, 3), {0, 1, 2, 3}),
        (failed(1, 2, 3, 4), {0, 1, 2, 3}),
        # nothing proves the base
        (failed(1), set()),
        (failed(1, 2, 3), set()),
        # contradictory or impossible
        (failed(0, 4), set()),
        (failed(5), set()),
        (failed(0, 9), set()),
        (failed(-1, 0), set()),
        # not readable
        (failed("0"), set()),
        (failed(0, "1"), set()),
        (failed(True), set()),
        (failed(0.0), set()),
        (failed(None), set()),
        (failed(), set()),
        ({}, set()),
        ({"failed_events": None}, set()),
        ({"failed_events": {"order_in_batch": 0}}, set()),
        ({"failed_events": [0]}, set()),
        ({"failed_events": [{"error": "x"}]}, set()),
    ],
)
def test_partial(data: Any, places: set[int]) -> None:
    """Failed events are named only where it is proved which ones they are."""
    answer = classify(reply(20001, data=data), n_events=4)
    assert answer.verdict is Verdict.PARTIAL
    assert set(answer.failed) == places


def test_partial_words_are_shown_safely() -> None:
    """Each failed event has TikTok's words, without the values in them."""
    data = {"failed_events": [{"order_in_batch": 0, "error": "bad alice@example.com"}, {"order_in_batch": 2}]}
    assert classify(reply(20001, data=data), n_events=4).failed == {0: "bad [email]", 2: ""}


def test_two_faults_of_one_event() -> None:
    """An event that is named twice has failed once."""
    assert classify(reply(20001, data=failed(0, 0)), n_events=4).failed == {0: "bad 0"}


def test_partial_without_a_batch() -> None:
    """Without knowing the batch, no event is named."""
    assert classify(reply(20001, data=failed(0))).failed == {}


@pytest.mark.parametrize("data", [failed(0), {"partial_failure": True}, {"failed_events": ["?"]}])
def test_success_that_names_failures_is_partial(data: Any) -> None:
    """Code 0 with failed events beside it is not taken for full success."""
    assert classify(reply(0, data=data), n_events=4).verdict is Verdict.PARTIAL


@pytest.mark.parametrize("data", [{}, None, [], {"failed_events": []}, {"partial_failure": False}, "x"])
def test_success_is_success(data: Any) -> None:
    """Code 0 is success with whatever data that names no failure."""
    body = msgspec.json.encode({"code": 0, "message": "OK", "data": data})
    assert classify(HttpReply(status=200, body=body), n_events=4).verdict is Verdict.ACCEPTED


# ------------------------------------------------------------------------------------ waits and repeats


@pytest.mark.parametrize("code", [40100, 60001, 50000])
def test_retry_after_is_carried(code: int) -> None:
    """A wait that the server names goes with the answer, though TikTok documents none."""
    assert classify(reply(code, **{"Retry-After": "8"})).retry_after_s == 8.0


def test_throttling_that_stays_is_the_minutes() -> None:
    """The fourth 40100 in a row asks for minutes, not seconds."""
    classifier = Classifier(n_events=1)
    verdicts = [classifier(reply(40100, status=401)).verdict for _ in range(5)]
    assert verdicts == [*[Verdict.RETRY] * 3, *[Verdict.RETRY_SLOWLY] * 2]


def test_validation_inside_tiktok_is_retried_once() -> None:
    """40700 is asked again once and then laid to the events."""
    classifier = Classifier(n_events=1)
    verdicts = [classifier(reply(code)).verdict for code in (40700, 50000, 40700)]
    assert verdicts == [Verdict.RETRY, Verdict.RETRY, Verdict.PAYLOAD]


def test_classifiers_do_not_share_what_they_saw() -> None:
    """Each request counts for itself."""
    assert [Classifier()(reply(40700)).verdict for _ in range(3)] == [Verdict.RETRY] * 3


# ------------------------------------------------------------------------------------- nothing is shown

DIGEST = "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"


@pytest.mark.parametrize(
    "value",
    [
        "alice@example.com",
        "+1 202 555 0123",
        "+12025550123",
        DIGEST,
        "203.0.113.7",
        "2001:db8::1",
        "'Jane Doe'",
    ],
)
@pytest.mark.parametrize("code", [40002, 40001, 50000, 12345])
def test_no_message_shows_a_value(value: str, code: int) -> None:
    """A message that repeats a value loses it, and keeps its field path."""
    answer = classify(reply(code, f"Invalid value for user.email: {value} is not hashed"))
    assert answer.message.startswith("Invalid value for user.email: [")
    assert value.strip("'") not in answer.message


def test_quoted_field_names_stay() -> None:
    """A quoted name of a field is no value."""
    answer = classify(reply(40002, "'event_id' is required but 'o-17' is not"))
    assert answer.message == "'event_id' is required but [value] is not"


NOON_S = 1_793_620_800  # 2026-11-02 12:00:00 UTC


@pytest.mark.parametrize(
    ("words", "wait_s", "told"),
    [
        (
            "Exceeded the QPD limit",
            12 * 3600,
            "Send again after 2026-11-03 00:00:00 UTC: the limit of requests a day is used up",
        ),
        ("Too many requests per day for this app.", 12 * 3600, "2026-11-03 00:00:00 UTC"),
        ("daily limit reached", 12 * 3600, "2026-11-03 00:00:00 UTC"),
        (
            "QPM limit reached",
            300,
            "Send again after 2026-11-02 12:05:00 UTC: the limit of requests a minute is used up",
        ),
        ("600000 requests per minute", 300, "2026-11-02 12:05:00 UTC"),
    ],
)
@pytest.mark.parametrize("code", [40100, 40133, 40016, 61000])
def test_a_limit_of_the_clock_tells_when_to_send_again(
    code: int, words: str, wait_s: float, told: str
) -> None:
    """No try helps before the minute or the day is over: the run ends with the time to resume."""
    reply = HttpReply(status=200, body=json.dumps({"code": code, "message": words}).encode())
    answer = classify(reply, clock=lambda: NOON_S)
    assert (answer.is_used_up, answer.is_too_frequent, answer.retry_after_s) == (True, False, wait_s)
    assert told in answer.hint


@pytest.mark.parametrize("words", ["Too many requests. Please retry in some time.", "QPS limit", "", None])
def test_a_limit_of_a_second_is_a_matter_of_pace(words: str | None) -> None:
    """What does not name the minute or the day is answered by a slower pace."""
    reply = HttpReply(status=200, body=json.dumps({"code": 40100, "message": words}).encode())
    answer = classify(reply, clock=lambda: NOON_S)
    assert (answer.is_used_up, answer.is_too_frequent, answer.retry_after_s) == (False, True, None)


def test_refusals_without_end_tell_when_limits_end() -> None:
    """Where TikTok does not name the limit, the last word has both times."""
    reply = HttpReply(status=200, body=b'{"code": 40100, "message": "Slow down"}')
    read = Classifier(clock=lambda: NOON_S)
    hints = [read(reply).hint for _ in range(4)]
    assert "12:05:00 UTC" not in hints[2]
    assert "ends by 2026-11-02 12:05:00 UTC, a day's limit at 2026-11-03 00:00:00 UTC" in hints[3]
