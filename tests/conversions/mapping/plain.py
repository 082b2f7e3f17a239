# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Events as the tests of the map look at them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import json
from msgspec.structs import asdict

from airflow_provider_tiktok.conversions.events import ConversionEvent, Row
from airflow_provider_tiktok.conversions.mapping import EventMapping

BOOKKEEPING = ("row", "rows", "violations")


def plain(event: ConversionEvent) -> dict[str, Any]:
    """All that an event says, without what is absent, as JSON would hold it; decimals as text."""
    own = {name: value for name, value in asdict(event).items() if name not in BOOKKEEPING}
    told = json.decode(json.encode(own))
    return {name: value for name, value in told.items() if value not in ({}, [], None)}


def events_of(rules: EventMapping, *rows: Row, first_row: int = 1) -> list[ConversionEvent]:
    """The events of some rows."""
    return list(rules.events(rows, first_row=first_row))


def event_of(rules: EventMapping, *rows: Row) -> ConversionEvent:
    """The one event of some rows."""
    [event] = rules.events(rows)
    return event


def faults(event: ConversionEvent) -> list[tuple[str, str]]:
    """Path and rule of everything that was found wrong."""
    return [(one.path, one.rule) for one in event.violations]


def everything(events: Iterable[ConversionEvent]) -> list[Any]:
    """All that events hold, for comparing: their own ``repr`` shows nothing."""
    return [(one.row, one.rows, one.violations, plain(one)) for one in events]
