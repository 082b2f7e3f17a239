# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""The envelope API: who may ask, for whom there is an envelope, and what it looks like."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_tiktok.simulator import DEFAULT_PLACEMENT_ID, Simulator
from tests.simulator.calls import ENVELOPE, NOW, REFRESH, Caller, SteppedClock, digest, refresh_query
from tests.simulator.test_consent import gpp, tcf

OLD = "AkT8QpR2vYx0ZWl3aGVyZQ"
YES_TCF = tcf(purposes={1, 2}, vendors={97})
NO_TCF = tcf(purposes={1, 2}, vendors={96})
GERMANY, BRAZIL, FRANCE, CHINA = "198.51.100.7", "203.0.113.200", "198.51.100.200", "192.0.2.200"


def identifiers(*pairs: tuple[str, str]) -> list[tuple[str, str]]:
    return [("pid", DEFAULT_PLACEMENT_ID), *(field for it, iv in pairs for field in (("it", it), ("iv", iv)))]


def test_refresh_gives_a_new_envelope(caller: Caller, simulator: Simulator) -> None:
    """The answer has one item per envelope; the book says which old value gave which new one, and when."""
    answer = caller.envelope(REFRESH, refresh_query(OLD))

    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    (item,) = answer.document["envelopes"]
    assert item.keys() == {"type", "source", "value", "err"}
    assert (item["type"], item["source"], item["err"]) == (19, "envelopeLiveramp", None)
    assert item["value"] != OLD
    assert simulator.envelopes() == [
        {"value": item["value"], "type": 19, "minted_at": NOW, "replaces": OLD, "country": "US"}
    ]
    assert caller.control("GET", "envelopes").document == simulator.envelopes()


def test_two_envelopes_are_never_alike(caller: Caller) -> None:
    """The same old value gives another new one each time, of about the length that real ones have."""
    values = [
        caller.envelope(REFRESH, refresh_query(OLD)).document["envelopes"][0]["value"] for _ in range(3)
    ]

    assert len(set(values)) == 3
    assert all(value.startswith("A") and 130 < len(value) < 150 for value in values)


def test_several_envelopes_come_in_order(caller: Caller, simulator: Simulator) -> None:
    """Repeated pairs are answered item by item."""
    answer = caller.envelope(REFRESH, identifiers(("19", OLD), ("24", "AmEta")))

    assert [(item["type"], item["source"]) for item in answer.document["envelopes"]] == [
        (19, "envelopeLiveramp"),
        (24, "envelopeSource200"),
    ]
    assert [envelope["replaces"] for envelope in simulator.envelopes()] == [OLD, "AmEta"]


RETRIEVALS = [
    [("4", digest("alice@example.com"))],
    [("4", digest("a")), ("4", digest("a")[:40]), ("4", digest("a")[:32])],
    [("11", digest("2025550123")[:40])],
    [("15", "shop:customer-1")],
]


@pytest.mark.parametrize("pairs", RETRIEVALS)
def test_retrieval_gives_one_envelope(pairs: list[tuple[str, str]], caller: Caller) -> None:
    """Identifiers of one person give one envelope."""
    answer = caller.envelope(ENVELOPE, identifiers(*pairs))

    assert answer.status == 200
    assert [item["type"] for item in answer.document["envelopes"]] == [19]


@pytest.mark.parametrize(
    ("path", "form", "key"),
    [
        (REFRESH, "by_path", "envelopes"),
        ("/api/identity/envelope/refresh", "by_path", "envelope"),
        (REFRESH, "v1", "envelope"),
        ("/api/identity/envelope/refresh", "v2", "envelopes"),
    ],
)
def test_form_follows_path_or_setting(
    path: str, form: str, key: str, caller: Caller, simulator: Simulator
) -> None:
    """Version 1 answers with one value, version 2 with a list."""
    simulator.state.patch({"liveramp": {"response_form": form}})

    assert caller.envelope(path, refresh_query(OLD)).document.keys() == {key}


def test_extra_items_are_added(caller: Caller, simulator: Simulator) -> None:
    """Items of unknown type, or with an error, stand beside the envelope, as they may in reality."""
    extra = [{"type": 26, "source": "atsDirect", "value": None, "err": "no deal"}]
    simulator.state.patch({"liveramp": {"extra_items": extra}})

    assert caller.envelope(REFRESH, refresh_query(OLD)).document["envelopes"][1:] == extra


REFUSED: list[tuple[str, list[tuple[str, str]], dict[str, str], int]] = [
    (REFRESH, identifiers(("19", OLD))[1:], {}, 400),
    (REFRESH, [("pid", "9"), *refresh_query(OLD)[1:]], {}, 400),
    (REFRESH, [("pid", "shop"), *refresh_query(OLD)[1:]], {}, 400),
    (REFRESH, [*refresh_query(OLD), ("pid", DEFAULT_PLACEMENT_ID)], {}, 400),
    (REFRESH, identifiers(), {}, 400),
    (REFRESH, [*identifiers(), ("it", "19")], {}, 400),
    (REFRESH, [*identifiers(), ("iv", OLD)], {}, 400),
    (REFRESH, [*identifiers(), ("iv", OLD), ("it", "19")], {}, 400),
    (REFRESH, [*identifiers(), ("it", "19"), ("it", "24"), ("iv", OLD), ("iv", "AmEta")], {}, 400),
    (REFRESH, identifiers(("4", digest("alice@example.com"))), {}, 400),
    (REFRESH, identifiers(("27", OLD)), {}, 400),
    (REFRESH, identifiers(("19", "")), {}, 400),
    (REFRESH, identifiers(("19", "A B")), {}, 400),
    (REFRESH, identifiers(("19", "eyJlbnZlbG9wZSI6IkEifQ==")), {}, 400),
    (REFRESH, identifiers(("19", digest("alice@example.com"))), {}, 400),
    (ENVELOPE, identifiers(("19", OLD)), {}, 400),
    (ENVELOPE, identifiers(("4", "alice@example.com")), {}, 400),
    (ENVELOPE, identifiers(("4", digest("a").upper())), {}, 400),
    (ENVELOPE, identifiers(("11", digest("2025550123"))), {}, 400),
    (ENVELOPE, identifiers(("11", "2025550123")), {}, 400),
    (ENVELOPE, identifiers(("15", "customer-1")), {}, 400),
    (ENVELOPE, identifiers(("15", "shop:alice@example.com")), {}, 400),
    (ENVELOPE, identifiers(("15", "shop:+12025550123")), {}, 400),
    (REFRESH, refresh_query(OLD, ("ct", "3")), {}, 400),
    (REFRESH, refresh_query(OLD, ("cv", "1YNN")), {}, 400),
    (REFRESH, refresh_query(OLD, ("ct", "2"), ("cv", "1YNN")), {}, 400),
    (REFRESH, refresh_query(OLD, ("ct", "3"), ("cv", "")), {}, 400),
    (REFRESH, refresh_query(OLD, ("gpp", gpp(sale=2))), {}, 400),
    (REFRESH, refresh_query(OLD, ("gpp_sid", "7")), {}, 400),
    (REFRESH, [*identifiers(("19", OLD)), ("atype", "5")], {}, 400),
    (REFRESH, refresh_query(OLD, ("email", "x")), {}, 400),
    (REFRESH, refresh_query(OLD), {"X-Forwarded-For": ""}, 400),
    (REFRESH, refresh_query(OLD), {"X-Forwarded-For": "somewhere"}, 400),
    (REFRESH, refresh_query(OLD), {"Origin": ""}, 401),
    (REFRESH, refresh_query(OLD), {"Origin": "https://other.example.com"}, 403),
    (REFRESH, refresh_query(OLD), {"Origin": "https://shop.example.com/"}, 403),
    (REFRESH, refresh_query(OLD), {"X-Forwarded-For": CHINA}, 451),
    (REFRESH, refresh_query(OLD), {"X-Forwarded-For": FRANCE}, 451),
    (REFRESH, refresh_query(OLD), {"X-Forwarded-For": "127.0.0.1"}, 451),
    (REFRESH, refresh_query(OLD, ("ct", "3"), ("cv", "yes")), {}, 451),
    (REFRESH, refresh_query(OLD, ("ct", "4"), ("cv", "1YNN")), {}, 451),
    (REFRESH, refresh_query(OLD, ("gpp", "yes"), ("gpp_sid", "7")), {}, 451),
    (REFRESH, refresh_query(OLD, ("gpp", gpp(sale=2)), ("gpp_sid", "-1")), {}, 451),
    (REFRESH, refresh_query(OLD), {"DNT": "1"}, 204),
    (REFRESH, refresh_query(OLD), {"Sec-GPC": "1"}, 204),
    (REFRESH, refresh_query(OLD, ("ct", "3"), ("cv", "1YYN")), {}, 204),
    (REFRESH, refresh_query(OLD, ("gpp", gpp(sale=1)), ("gpp_sid", "7")), {}, 204),
    (REFRESH, refresh_query(OLD), {"X-Forwarded-For": GERMANY}, 204),
    (REFRESH, refresh_query(OLD, ("ct", "3"), ("cv", "1YNN")), {"X-Forwarded-For": GERMANY}, 204),
    (REFRESH, refresh_query(OLD, ("ct", "4"), ("cv", NO_TCF)), {"X-Forwarded-For": GERMANY}, 204),
    ("/api/identity/v2/envelope/refresh/", refresh_query(OLD), {}, 404),
    ("/api/identity/v3/envelope", refresh_query(OLD), {}, 404),
]


@pytest.mark.parametrize(("path", "parameters", "headers", "status"), REFUSED)
def test_no_envelope_without_a_reason(
    path: str,
    parameters: list[tuple[str, str]],
    headers: dict[str, str],
    status: int,
    caller: Caller,
    simulator: Simulator,
) -> None:
    """Each reason has its status, an empty body, and leaves the book empty; the log says why."""
    answer = caller.envelope(path, parameters, headers)

    assert (answer.status, answer.body) == (status, b"")
    assert simulator.envelopes() == []
    assert simulator.requests[0].facts["reason"]


ALLOWED: list[tuple[list[tuple[str, str]], dict[str, str]]] = [
    ([("ct", "3"), ("cv", "1YNN")], {}),
    ([("gpp", gpp(sale=2)), ("gpp_sid", "7")], {}),
    ([("ct", "3"), ("cv", "1YNN"), ("gpp", "DBABBg~BVVqAAAAAAA.QA"), ("gpp_sid", "8")], {}),
    ([("ct", "4"), ("cv", YES_TCF)], {"X-Forwarded-For": GERMANY}),
    ([], {"X-Forwarded-For": BRAZIL}),
    ([], {"X-Forwarded-For": "203.0.113.7, 10.0.0.1"}),
    ([], {"X-Forwarded-For": "2001:db8:1::1"}),
    ([], {"DNT": "0"}),
]


@pytest.mark.parametrize(("parameters", "headers"), ALLOWED)
def test_consent_that_is_good_enough(
    parameters: list[tuple[str, str]], headers: dict[str, str], caller: Caller
) -> None:
    """Consent as the country demands it gives an envelope."""
    assert caller.envelope(REFRESH, refresh_query(OLD, *parameters), headers).status == 200


def test_source_of_the_call_may_be_left_out(caller: Caller) -> None:
    """Older pages do not know ``atype``."""
    assert caller.envelope(REFRESH, identifiers(("19", OLD))).status == 200


def test_only_get_is_answered(caller: Caller) -> None:
    """The envelope API is read with GET."""
    assert caller.call("POST", REFRESH, b"").status == 405


def refreshed(caller: Caller, value: str) -> Any:
    answer = caller.envelope(REFRESH, refresh_query(value))
    return answer.document["envelopes"][0]["value"] if answer.status == 200 else answer.status


def test_expired_envelope_is_not_refreshed(caller: Caller, clock: SteppedClock) -> None:
    """After its life an envelope gives 204; refreshed in time it gives another full life."""
    first = refreshed(caller, OLD)
    clock.step(14 * 86_400)
    second = refreshed(caller, first)
    clock.step(86_400)

    assert refreshed(caller, first) == 204
    assert refreshed(caller, second) not in (204, 400)


def test_named_envelope_has_its_age(caller: Caller, simulator: Simulator) -> None:
    """The state can name envelopes made elsewhere, with the time they were made."""
    ages = {"Ayoung": {"minted_at": NOW - 10}, "Aold": {"minted_at": NOW - 15 * 86_400}}
    simulator.state.patch({"liveramp": {"envelopes": ages, "known_envelopes_only": True}})

    statuses = [
        caller.envelope(REFRESH, refresh_query(value)).status for value in ("Ayoung", "Aold", "Astranger")
    ]

    assert statuses == [200, 204, 400]


def test_opt_out_follows_the_person(caller: Caller, simulator: Simulator) -> None:
    """Once a person has opted out, no envelope that goes back to them is refreshed; others are."""
    first = refreshed(caller, OLD)
    second = refreshed(caller, first)
    simulator.state.patch({"liveramp": {"opted_out": [OLD]}})

    assert [refreshed(caller, value) for value in (OLD, first, second)] == [204, 204, 204]
    assert refreshed(caller, "AnotherPerson") != 204


def test_opted_out_identifier_gives_no_envelope(caller: Caller, simulator: Simulator) -> None:
    """The list of opt-outs holds identifiers as well."""
    simulator.state.patch({"liveramp": {"opted_out": [digest("alice@example.com")]}})

    assert caller.envelope(ENVELOPE, identifiers(("4", digest("alice@example.com")))).status == 204


@pytest.mark.parametrize(
    "effect", [{"http_status": 429, "headers": {"Retry-After": "2"}}, {"http_status": 503}]
)
def test_faults_hit_the_envelope_api(effect: dict[str, Any], caller: Caller, simulator: Simulator) -> None:
    """Throttling and outages are faults; afterwards the envelope comes."""
    simulator.faults = [{"match": {"path": "/api/identity/*"}, "effect": effect, "times": 1}]

    failed = caller.envelope(REFRESH, refresh_query(OLD))

    assert failed.status == effect["http_status"]
    assert failed.headers.get("retry-after") == effect.get("headers", {}).get("Retry-After")
    assert refreshed(caller, OLD) not in (204, 400)
    assert len(simulator.envelopes()) == 1
