# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.service.inputs import ADDED, CREDENTIAL_NAMES, FIELDS, REFUSED, form_fields
from airflow_provider_tiktok.service.request import Request, _is_credential, path_below, read_request

NOW = 1_764_000_000
DEFAULTS = {name: field["default"] for name, field in form_fields().items()}


def asked(**given: Any) -> Request:
    """What a run is asked to do, with Airflow's defaults for all that is not given."""
    return read_request({**DEFAULTS, **given}, conn_id="shop")


def test_defaults_are_a_demo_of_one_event() -> None:
    """Without any input one sample event is sent in demo mode."""
    request = asked()
    assert (request.task, request.is_demo, request.has_sample) == ("send_event", True, True)
    record = request.one_event(now=NOW)
    assert (record["eventName"], record["email"], record["eventTime"]) == (
        "CompletePayment",
        "ada@example.com",
        str(NOW),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("email", "ada@example.com"),
        ("phone", "+12025550123"),
        ("externalId", "customer-7"),
        ("ttclid", "click"),
        ("ttp", "cookie"),
        ("ipAddress", "203.0.113.7"),
        ("userAgent", "Mozilla/5.0"),
        ("eventTime", "1763990000"),
        ("eventSourceUrl", "https://shop.example.com/"),
        ("value", 12.5),
        ("value", 0),
        ("orderId", "o-1"),
        ("contentId", "sku-1"),
    ],
)
def test_field_of_an_event_is_in_its_record(name: str, value: Any) -> None:
    """A given field is in the record under its name, and no sample is mixed with it."""
    request = asked(**{name: value})
    record = request.one_event(now=NOW)
    assert record[name] == value
    assert not request.has_sample
    own = {name, "eventName", "eventTime", "eventId", "currency", "contentType", "quantity"}
    assert set(record) <= own


@pytest.mark.parametrize(
    ("name", "value", "leader", "of_leader"),
    [
        ("currency", "EUR", "value", 5.0),
        ("contentType", "product_group", "contentId", "sku-1"),
        ("quantity", 4, "contentId", "sku-1"),
    ],
)
def test_companion_goes_with_its_leader(name: str, value: Any, leader: str, of_leader: Any) -> None:
    """A currency belongs to a value, type and number to a content: alone they are left out."""
    assert name not in asked(email="ada@example.com", **{name: value}).one_event(now=NOW)
    assert asked(**{name: value, leader: of_leader}).one_event(now=NOW)[name] == value


def test_event_name_is_sent() -> None:
    """The name that is chosen is the event's, also of a sample."""
    assert asked(eventName="AddToCart").one_event(now=NOW)["eventName"] == "AddToCart"


def test_custom_event_has_its_own_name() -> None:
    """A custom event carries both names, of which the mapping takes the own one."""
    record = asked(eventName="CustomEvent", customEventName="Loyalty").one_event(now=NOW)
    assert (record["eventName"], record["customEventName"]) == ("CustomEvent", "Loyalty")


def test_event_without_a_time_has_the_runs() -> None:
    """An event happens at the time of the run where nothing else is said."""
    assert asked(email="ada@example.com").one_event(now=NOW)["eventTime"] == str(NOW)


def test_order_is_the_events_id() -> None:
    """The same order sent again has the same id, whenever it is sent."""
    assert asked(orderId="o-1").one_event(now=NOW)["eventId"] == "o-1"
    assert "eventId" not in asked(value=1.0).one_event(now=NOW)


def test_events_are_handed_on_as_text() -> None:
    """A batch is the text that was given."""
    assert asked(task="send_batch_events", events="[]").many_events(now=NOW) == "[]"


def test_batch_without_events_is_a_sample_in_demo_mode_only() -> None:
    """In demo mode a batch of samples is sent; live, nothing is made up."""
    sample = asked(task="send_batch_events").many_events(now=NOW)
    assert len(sample) == 4
    with pytest.raises(ConfigurationError, match="send_batch_events needs events"):
        asked(task="send_batch_events", demoMode=False).many_events(now=NOW)


def test_live_event_is_never_a_sample() -> None:
    """Without demo mode an event has what was given and no more."""
    request = asked(demoMode=False)
    assert not request.has_sample
    assert "email" not in request.one_event(now=NOW)


@pytest.mark.parametrize(
    ("given", "policy"),
    [
        ({"email": "a"}, "auto"),
        ({"email": "a", "isAlreadyHashed": True}, "hashed"),
        ({"isAlreadyHashed": True}, "auto"),
        ({"isAlreadyHashed": True, "demoMode": False}, "hashed"),
    ],
)
def test_hashed_input_is_held_to_its_word(given: dict[str, Any], policy: str) -> None:
    """Who says that data is hashed has raw data rejected; a sample is raw and sent all the same."""
    assert asked(**given).identity_policy == policy


@pytest.mark.parametrize(
    ("given", "shows"),
    [
        ({}, False),
        ({"email": "a"}, True),
        ({"phone": "a"}, True),
        ({"externalId": "a"}, True),
        ({"ipAddress": "a"}, True),
        ({"events": "[]"}, True),
        ({"eventsPath": "a.jsonl"}, False),
        ({"email": "a", "isAlreadyHashed": True}, False),
    ],
)
def test_raw_identifiers_are_noticed(given: dict[str, Any], shows: bool) -> None:
    """What may be personal data in a run's input is told from what is not."""
    assert asked(**given).shows_personal_data is shows


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"accessToken": "planted-token"}, "connection 'shop'"),
        ({"customEventName": "Loyalty"}, "Set eventName to CustomEvent"),
        ({"events": "[]", "eventsPath": "a.jsonl"}, "Give one of events and eventsPath"),
        ({"task": "send_everything"}, "send_event, send_batch_events"),
        ({"emial": "planted-token"}, "'email'"),
        ({"emial": "planted-token"}, "revoke that"),
        ({"planted-name": 1}, "not known"),
        ({"planted-token": 1}, "Revoke"),
    ],
)
def test_input_that_cannot_be_meant_is_refused(given: dict[str, Any], said: str) -> None:
    """An input that is contradictory or unknown is refused with the remedy, and never repeated."""
    with pytest.raises(ConfigurationError, match=said) as refused:
        asked(**given)
    assert "planted-token" not in str(refused.value)


@pytest.mark.parametrize(
    "name",
    [
        *CREDENTIAL_NAMES,
        *("acessToken", "accesTokn", "ACCESSTOKEN", "X-API-Key", "pixelToken", "tt_access_token", "jwt"),
        *("long_lived_token", "Bearer", "session_id", "private.key", "passwd", "access token ", "key"),
        "а" + "ccessToken",  # the first letter is Cyrillic
    ],
)
def test_a_token_under_any_name_is_to_be_revoked(name: str) -> None:
    """What to do about a token that was sent comes first, and nobody is told how to spell its field."""
    with pytest.raises(ConfigurationError, match=r"^Revoke the token") as refused:
        asked(**{name: "planted-token", "emial": "x"})
    assert "planted-token" not in str(refused.value)
    assert "accessToken" not in str(refused.value)


def test_no_field_that_is_taken_is_a_credential() -> None:
    """The fields of an input, and the constants that Airflow fills in, are taken."""
    assert asked(**dict.fromkeys(CREDENTIAL_NAMES, REFUSED), pixelCode="p").pixel_code == "p"
    assert not [name for name in (*FIELDS, *ADDED) if name != "accessToken" and _is_credential(name)]


def test_empty_texts_are_absent() -> None:
    """A form that sends empty texts says nothing by them."""
    request = asked(accessToken="", email="", pixelCode="", customEventName="")
    assert (request.pixel_code, request.has_sample) == (None, True)


@pytest.mark.parametrize("folder", ["/data/out", "/data/out/", "s3://bucket/out"])
def test_path_is_below_the_folder(folder: str) -> None:
    """A named file is one of the folder."""
    assert path_below(folder, "a/*.jsonl") == f"{folder.rstrip('/')}/a/*.jsonl"


@pytest.mark.parametrize(
    ("folder", "path"),
    [
        (None, "a.jsonl"),
        ("", "a.jsonl"),
        *(
            ("/data", path)
            for path in ("/etc/passwd", "../a", "a/../../b", "~/a", "s3://other/a", "..\\a", "..")
        ),
    ],
)
def test_no_other_file_can_be_named(folder: str | None, path: str) -> None:
    """Whoever starts a run cannot have any other file of the worker read."""
    with pytest.raises(ConfigurationError):
        path_below(folder, path)
