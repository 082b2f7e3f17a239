# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Whatever is said of a value, an identifier or an event says what to do about it."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest

from airflow_provider_tiktok.conversions import event_names, values
from airflow_provider_tiktok.conversions.events import EventSource
from airflow_provider_tiktok.conversions.identifiers import DROP_REASONS, FAULTS, IdentityRules, prepare
from airflow_provider_tiktok.conversions.identifiers.reasons import DROP_REMEDIES
from airflow_provider_tiktok.conversions.mapping import EventMapping, line_items
from airflow_provider_tiktok.conversions.tiktok.checks import checks_of
from airflow_provider_tiktok.conversions.tiktok.options import ValidationRules
from airflow_provider_tiktok.conversions.tiktok.rules import OWN
from airflow_provider_tiktok.conversions.validation.rules import SHARED

A_SENTENCE = re.compile(r"[A-Z][^{}]*\.|[^{}]*Did you mean [a-z_.]+\?")

_OF_NAMES = {str(status) for status in event_names.NameStatus}
TABLES: dict[str, dict[str, str]] = {
    "values": dict(values.REMEDIES),
    "validation": {
        name: one.remedy for name, one in (*SHARED.items(), *OWN.items()) if name not in _OF_NAMES
    },
    "faults of identifiers": dict(FAULTS),
    "drops": dict(DROP_REMEDIES),
    "line items": dict(line_items.REMEDIES),
}


@pytest.mark.parametrize(
    ("table", "rule"), [(table, rule) for table, remedies in TABLES.items() for rule in remedies]
)
def test_every_rule_has_a_remedy(table: str, rule: str) -> None:
    """A sentence for people, from a capital letter to a full stop."""
    remedy = re.sub(r"\{\{\.\.\.\}\}|\{ \}|\[ \]", "", TABLES[table][rule])
    assert A_SENTENCE.fullmatch(remedy), remedy


def test_every_drop_has_a_remedy() -> None:
    """The reasons that are described are those that have one."""
    assert DROP_REMEDIES.keys() == DROP_REASONS.keys()


@pytest.mark.parametrize("event_source", get_args(EventSource))
def test_every_name_that_is_not_fine_has_a_remedy(event_source: EventSource) -> None:
    """Names have theirs from the finding, which knows the right one."""
    names = [*event_names.WEB_NAMES, *event_names.APP_NAMES, *event_names.RENAMED, *event_names.RETIRED_IN]
    names += [*event_names.RESERVED, "purchase", "add_to_cart", "LoyaltySwipe", ""]
    for name in names:
        finding = event_names.find(event_source, name)
        is_fine = finding.status in event_names.FINE
        assert bool(finding.remedy) is not is_fine
        assert is_fine or A_SENTENCE.fullmatch(finding.remedy)


ODD: list[dict[str, Any]] = [
    {"properties": {"contents": [{"price": -1}, {"price": 2, "quantity": 0.5}, {"price": 1, "quantity": 0}]}},
    {"properties": {"contents": [{"content_type": "product"}, {"content_type": "product_group"}]}},
    {"properties": {"value": 1, "currency": "$", "num_items": 0, "travel_class": "coach", "x": object()}},
    {"user": {"ip": "10.0.0.1", "locale": "*", "att_status": "3", "zip_code": 2138, "external_id": 1e20}},
    {"user": {"email": "x", "phone": "x", "country": "x", "idfa": "x", "first_name": "-"}},
    {"page": {"url": "x", "referrer": "y"}, "app": {"app_id": True}, "limited_data_use": "maybe"},
    {"event": "purchase", "event_time": "20261126221349", "event_id": "1E+12", "nonsense": 1},
    {"event_time": "2026-11-26", "consent": "maybe", "user": "x", "properties": "x"},
]


@pytest.mark.parametrize("event_source", get_args(EventSource))
@pytest.mark.parametrize("record", ODD)
def test_every_finding_says_what_to_do(event_source: EventSource, record: dict[str, Any]) -> None:
    """On the whole way from a record to what would be sent, drops and warnings included."""
    [event] = EventMapping().events([record])
    prepared = prepare(event, IdentityRules())
    found = checks_of(ValidationRules(event_source=event_source, now=lambda: 1_800_000_000))(prepared)
    told = [*(one.remedy for one in found), *(one.remedy for one in prepared.dropped)]
    assert told
    assert [remedy for remedy in told if not A_SENTENCE.fullmatch(remedy)] == []
