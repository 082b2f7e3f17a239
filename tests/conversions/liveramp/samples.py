# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Rows, events and settings that the tests of this folder share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from airflow_provider_tiktok.conversions.events import PreparedEvent
from airflow_provider_tiktok.conversions.http import HttpReply, RetryPolicy
from airflow_provider_tiktok.conversions.identifiers import IdentityRules, prepare
from airflow_provider_tiktok.conversions.liveramp.payload import from_liveramp_record
from airflow_provider_tiktok.conversions.liveramp.rules import EventChecks
from airflow_provider_tiktok.conversions.mapping import EventMapping

NOW = 1_763_900_000
DAY = 86_400
ENVELOPE = "AgEnvelopeOfNobody-2_k8Vq3Xs1Lw9Zt5Rb7Nc4Md6Gf"
OTHER_ENVELOPE = "AgEnvelopeOfNobody-3_p1Wd8Kx4Jm7Qv2Ys9Tb6Hn3Lc"
CONFIGURATION = "5e000000-0000-4000-8000-000000000001"
TCF = "CPtestAPtestAAAAAAENAAAAAAAAAAAAAAAAAGAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
"""Has the form of a TC string; says nothing of anybody."""
AT_ONCE = RetryPolicy(base_s=0)

EXAMPLES: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent / "data" / "documented_examples.json").read_text()
)
del EXAMPLES["source"]


def web_record(**changes: Any) -> dict[str, Any]:
    """A good web event as a nested record, with some of its parts changed."""
    return {
        "event": "CompletePayment",
        "event_time": NOW - 60,
        "event_id": "o-1",
        "user": {"envelope": ENVELOPE},
        "page": {"url": "https://shop.example.com/thanks"},
        "properties": {"currency": "USD", "value": "24.98"},
        **changes,
    }


def app_record(**changes: Any) -> dict[str, Any]:
    """A good app event as a nested record, with some of its parts changed."""
    app = {"app_id": "com.example.app", "app_name": "App", "app_version": "1.0"}
    return web_record(event="LaunchAPP", app=app, properties={}, **changes)


def prepared(record: dict[str, Any], **rules: Any) -> PreparedEvent:
    """The record as the engine would have it before its check."""
    [event] = EventMapping().events([from_liveramp_record(record)])
    return prepare(event, IdentityRules(**rules))


def checks(**settings: Any) -> EventChecks:
    """The checks, at the tests' own time."""
    return EventChecks(now=lambda: NOW, **settings)


def faults(record: dict[str, Any], **settings: Any) -> list[tuple[str, str]]:
    """Path and rule of everything that keeps the record's event back."""
    return [(one.path, one.rule) for one in checks(**settings)(prepared(record)) if one.is_fatal]


def warnings(record: dict[str, Any], **settings: Any) -> list[tuple[str, str]]:
    """Path and rule of everything that is only told."""
    return [(one.path, one.rule) for one in checks(**settings)(prepared(record)) if not one.is_fatal]


def reply(status: int, document: Any = None, **headers: str) -> HttpReply:
    """A reply with a JSON body, or with none."""
    body = b"" if document is None else json.dumps(document).encode()
    return HttpReply(status=status, body=body, headers=headers)
