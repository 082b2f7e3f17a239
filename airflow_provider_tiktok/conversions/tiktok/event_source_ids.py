# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Ids of pixels, event sets and apps: what they look like, and where people find them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.events import EventSource


class _IdKind(NamedTuple):
    """What the event_source_id of one source is and looks like, and where people find it."""

    shape: re.Pattern[str]
    name: str
    looks: str


_WITH_A_LETTER: Final = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9]{1,32}")
_ALL_DIGITS: Final = re.compile(r"[0-9]{1,32}")

_ID_KINDS: Final[Mapping[str, _IdKind]] = {
    "web": _IdKind(
        _WITH_A_LETTER,
        "a pixel code",
        "about 20 letters and digits, shown under the pixel's name in Events Manager (the "
        "all-digits pixel id, event sets and apps are something else)",
    ),
    "app": _IdKind(
        _ALL_DIGITS,
        "a TikTok App ID",
        "digits only, shown with the app in Events Manager (a pixel code is for 'web'; the "
        "store's own id or package name goes into app.app_id)",
    ),
    "offline": _IdKind(
        _ALL_DIGITS,
        "an offline event set id",
        "about 19 digits, shown with the event set in Events Manager (a pixel code is for 'web')",
    ),
    "crm": _IdKind(
        _ALL_DIGITS,
        "a CRM event set id",
        "digits only, shown with the event set in Events Manager (a pixel code is for 'web')",
    ),
}


def check_event_source_id(event_source: EventSource, event_source_id: str) -> None:
    """Nothing, where the id may be one of this event source.

    The shapes are wide, so that they refuse no good id; they catch a pixel code given for an event set,
    the id of an event set given for a pixel, and what is no id at all. TikTok answers the first with
    40002 "Invalid value for event_source_id".

    :raises ConfigurationError: the source is unknown, or the id cannot be one of it; the text says what
        is expected and where to find it.
    """
    require_event_source(event_source)
    kind = _ID_KINDS[event_source]
    given: object = event_source_id  # from a connection's form, where anything may stand
    if isinstance(given, str) and kind.shape.fullmatch(given):
        return
    raise ConfigurationError(
        f"Give {kind.name} as event_source_id: {_shown_id(given)} cannot be right for event_source "
        f"'{event_source}'. It has {kind.looks}."
    )


def require_event_source(event_source: str) -> None:
    """Refuses what is no event source.

    :raises ConfigurationError: names the event sources there are.
    """
    if event_source not in _ID_KINDS:
        raise ConfigurationError(f"Set event_source to one of: {', '.join(_ID_KINDS)}.")


def _shown_id(event_source_id: object) -> str:
    """The id in quotes, unless it is so long or odd that it may be an access token or somebody's data."""
    if isinstance(event_source_id, str) and re.fullmatch(r"[A-Za-z0-9._-]{1,32}", event_source_id):
        return f"'{event_source_id}'"
    return "(not shown)"
