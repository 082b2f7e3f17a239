# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The library: rows to conversions to an API's answers. Nothing in it imports Airflow.

The names in ``__all__`` are those that others may import; each is loaded when it is asked for, since a DAG
file that imports an operator passes through here, too.
"""

# ruff: noqa: F401  # what type checkers read is named in _ROOMS

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from airflow_provider_tiktok.conversions.chunks import Source
    from airflow_provider_tiktok.conversions.delivery.checkpoint import CheckpointStore
    from airflow_provider_tiktok.conversions.delivery.dead_letter import DeadLetters
    from airflow_provider_tiktok.conversions.delivery.destination import Destination
    from airflow_provider_tiktok.conversions.delivery.engine import Delivery, Options, deliver
    from airflow_provider_tiktok.conversions.delivery.receipt import Receipt
    from airflow_provider_tiktok.conversions.errors import (
        AuthorizationError,
        ConfigurationError,
        ConversionsError,
        DeliveryError,
        EventError,
        ProtocolError,
        RequestError,
        TransientError,
        UnconfirmedError,
    )
    from airflow_provider_tiktok.conversions.events import Outcome, Violation
    from airflow_provider_tiktok.conversions.http import Pace, RequestsTransport, RetryPolicy
    from airflow_provider_tiktok.conversions.identifiers import IdentityRules
    from airflow_provider_tiktok.conversions.liveramp.adapter import AdapterClient, LiveRampDestination
    from airflow_provider_tiktok.conversions.mapping import EventMapping
    from airflow_provider_tiktok.conversions.readers import SKIP, column
    from airflow_provider_tiktok.conversions.sources.files import FilesSource
    from airflow_provider_tiktok.conversions.sources.records import RecordsSource
    from airflow_provider_tiktok.conversions.sources.sql import SqlSource
    from airflow_provider_tiktok.conversions.tiktok.client import TikTokClient
    from airflow_provider_tiktok.conversions.tiktok.destination import TikTokDestination
    from airflow_provider_tiktok.conversions.tiktok.options import ValidationRules

_ROOMS: Final = {
    "chunks": ("Source",),
    "delivery.checkpoint": ("CheckpointStore",),
    "delivery.dead_letter": ("DeadLetters",),
    "delivery.destination": ("Destination",),
    "delivery.engine": ("Delivery", "Options", "deliver"),
    "delivery.receipt": ("Receipt",),
    "errors": (
        "AuthorizationError",
        "ConfigurationError",
        "ConversionsError",
        "DeliveryError",
        "EventError",
        "ProtocolError",
        "RequestError",
        "TransientError",
        "UnconfirmedError",
    ),
    "events": ("Outcome", "Violation"),
    "http": ("Pace", "RequestsTransport", "RetryPolicy"),
    "identifiers": ("IdentityRules",),
    "liveramp.adapter": ("AdapterClient", "LiveRampDestination"),
    "mapping": ("EventMapping",),
    "readers": ("SKIP", "column"),
    "sources.files": ("FilesSource",),
    "sources.records": ("RecordsSource",),
    "sources.sql": ("SqlSource",),
    "tiktok.client": ("TikTokClient",),
    "tiktok.destination": ("TikTokDestination",),
    "tiktok.options": ("ValidationRules",),
}
_ROOM_OF: Final = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = sorted(_ROOM_OF)


def __getattr__(name: str) -> Any:
    if name not in _ROOM_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOM_OF[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *_ROOM_OF]
