# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import logging
from typing import Any

import pytest

from airflow_provider_tiktok.conversions.errors import (
    AuthorizationError,
    ConfigurationError,
    ConversionsError,
    ProtocolError,
    TransientError,
)
from airflow_provider_tiktok.conversions.http import AnswerLost, HttpReply, NotSent
from airflow_provider_tiktok.conversions.liveramp.envelopes import (
    Consent,
    EnvelopeClient,
    EnvelopeReply,
    EnvelopeStatus,
)
from tests.conversions.liveramp.samples import AT_ONCE, ENVELOPE, OTHER_ENVELOPE, reply
from tests.conversions.transports import Script, Waits

IP = "203.0.113.7"
CONSENT = "CPlantedConsentStringOfNobodyAtAll"
TCF = Consent(ct="4", cv=CONSENT)
V2 = {"envelopes": [{"type": 19, "source": "envelopeLiveramp", "value": OTHER_ENVELOPE, "err": None}]}


def client(script: Script, **arguments: Any) -> EnvelopeClient:
    """A client that waits for nothing."""
    settings = {"origin": "https://shop.example.com", "policy": AT_ONCE, "wait": Waits(), **arguments}
    return EnvelopeClient("4242", transport=script, **settings)


def refresh(script: Script, **arguments: Any) -> EnvelopeReply:
    """One envelope refreshed."""
    return client(script, **arguments).refresh(ENVELOPE, ip=IP, consent=TCF)


def test_a_refresh_is_as_liveramp_documents_it() -> None:
    """Placement, type 19, the value itself, whole consent; the person's address and our origin."""
    script = Script(reply(200, V2))
    consent = Consent(ct="4", cv=CONSENT, gpp="DBAA~1", gpp_sid="7")
    client(script).refresh(ENVELOPE, ip=IP, consent=consent)
    [request] = script.requests
    assert (request.method, request.url) == ("GET", "https://api.rlcdn.com/api/identity/v2/envelope/refresh")
    assert request.params == (
        ("pid", "4242"),
        ("it", "19"),
        ("iv", ENVELOPE),
        ("ct", "4"),
        ("cv", CONSENT),
        ("gpp", "DBAA~1"),
        ("gpp_sid", "7"),
        ("atype", "3"),
    )
    assert request.headers == {
        "Accept": "application/json",
        "Origin": "https://shop.example.com",
        "X-Forwarded-For": IP,
    }
    assert request.body is None


def test_a_retrieval_repeats_type_and_value_in_pairs() -> None:
    """In the order of the identifiers, all of one person."""
    script = Script(reply(200, V2))
    found = client(script).retrieve([(4, "a" * 64), (4, "b" * 40)], ip=IP, consent=Consent())
    assert found == EnvelopeReply(status=EnvelopeStatus.RETRIEVED, envelope=OTHER_ENVELOPE)
    [request] = script.requests
    assert request.url == "https://api.rlcdn.com/api/identity/v2/envelope"
    assert request.params[1:5] == (("it", "4"), ("iv", "a" * 64), ("it", "4"), ("iv", "b" * 40))


def test_who_asks_may_be_left_out() -> None:
    """Older pages do not know atype."""
    script = Script(reply(200, V2))
    refresh(script, atype=None)
    assert "atype" not in dict(script.requests[0].params)


@pytest.mark.parametrize(
    ("status", "document", "expected"),
    [
        (200, V2, (EnvelopeStatus.REFRESHED, OTHER_ENVELOPE)),
        (200, {"envelope": OTHER_ENVELOPE}, (EnvelopeStatus.REFRESHED, OTHER_ENVELOPE)),
        (200, {"envelopes": [{"type": 99}, *V2["envelopes"]]}, (EnvelopeStatus.REFRESHED, OTHER_ENVELOPE)),
        (200, {"envelopes": [{"type": 24, "value": "x", "err": None}]}, (EnvelopeStatus.NOT_IN_ANSWER, None)),
        (200, {"envelopes": [{"type": 19, "value": "x", "err": "y"}]}, (EnvelopeStatus.NOT_IN_ANSWER, None)),
        (200, {"envelopes": []}, (EnvelopeStatus.NOT_IN_ANSWER, None)),
        (200, {}, (EnvelopeStatus.NOT_IN_ANSWER, None)),
        (204, None, (EnvelopeStatus.NO_CONSENT_OR_OPTED_OUT, None)),
        (451, None, (EnvelopeStatus.LEGAL_REFUSAL, None)),
        (400, {"error": "x"}, (EnvelopeStatus.REFUSED, None)),
    ],
)
def test_every_answer_about_a_person_is_understood(status: int, document: Any, expected: Any) -> None:
    """Both forms of 200, and what LiveRamp says of people it gives no envelope for; asked once."""
    script = Script(reply(status, document))
    found = refresh(script)
    assert (found.status, found.envelope) == expected
    assert len(script.requests) == found.attempts == 1


@pytest.mark.parametrize(
    ("outcome", "error", "attempts"),
    [
        (reply(401), AuthorizationError, 1),
        (reply(403), AuthorizationError, 1),
        (reply(404), ConfigurationError, 1),
        (reply(302), ConfigurationError, 1),
        (reply(202, V2), ProtocolError, 1),
        (reply(413), ProtocolError, 1),
        (HttpReply(status=200, body=b"<html>"), ProtocolError, 3),
        (HttpReply(status=200, body=b""), ProtocolError, 3),
        (HttpReply(status=200, body=b"[]"), ProtocolError, 3),
        (reply(408), TransientError, 5),
        (reply(429), TransientError, 5),
        (reply(500), TransientError, 5),
        (reply(503), TransientError, 5),
        (NotSent("refused"), TransientError, 5),
        (AnswerLost("timeout"), TransientError, 5),
    ],
)
def test_every_other_status_has_its_error(outcome: Any, error: type[Exception], attempts: int) -> None:
    """What a person must mend is not asked again; what passes by itself is."""
    script = Script(outcome)
    with pytest.raises(error):
        refresh(script)
    assert len(script.requests) == attempts


def test_a_fault_in_passing_is_outlived() -> None:
    """The same question again, and the answer counts."""
    script = Script(reply(503), AnswerLost("timeout"), reply(200, V2))
    assert refresh(script) == EnvelopeReply(
        status=EnvelopeStatus.REFRESHED, envelope=OTHER_ENVELOPE, attempts=3
    )


@pytest.mark.parametrize("outcome", [reply(401), reply(404), reply(500), HttpReply(status=200, body=b"?")])
def test_no_secret_is_shown(outcome: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Envelope, consent and address are in the query and the headers, and in no text."""
    caplog.set_level(logging.DEBUG)
    script = Script(outcome)
    with pytest.raises(ConversionsError) as caught:
        refresh(script)
    told = f"{caught.value} {vars(caught.value)} {script.requests!r} {caplog.text} {client(script)!r} {TCF!r}"
    assert all(secret not in told for secret in (ENVELOPE, CONSENT, IP, "4242"))
    shown = EnvelopeReply(status=EnvelopeStatus.REFRESHED, envelope=ENVELOPE)
    assert ENVELOPE not in repr(shown)


@pytest.mark.parametrize(
    "placement_id", ["", "x", "5e000000-0000-4000-8000-000000000001", "12345678901", "٤٢"]
)
def test_a_placement_is_a_number(placement_id: str) -> None:
    """The ATS configuration id stands beside it in LiveRamp's Console, and is easily taken for it."""
    with pytest.raises(ConfigurationError, match="placement id"):
        EnvelopeClient(placement_id, origin="https://shop.example.com", transport=Script(reply(200)))


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "shop.example.com",
        "http://shop.example.com",
        "https://",
        "https://a.example.com/x",
        "https://u@a.b",
    ],
)
def test_an_origin_is_a_scheme_and_a_domain(origin: str) -> None:
    """Anything else is refused by LiveRamp with a status that tells less."""
    with pytest.raises(ConfigurationError, match="origin"):
        EnvelopeClient("1", origin=origin, transport=Script(reply(200)))


def test_a_bundle_id_may_be_an_origin() -> None:
    """Apps have no domain."""
    script = Script(reply(200, V2))
    refresh(script, origin="https://com.example.app")
    assert script.requests[0].headers["Origin"] == "https://com.example.app"
