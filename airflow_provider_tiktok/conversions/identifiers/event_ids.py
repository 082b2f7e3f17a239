# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The id of an event that brought none: a digest of its content, in one spelling."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final

from msgspec import Raw, Struct, to_builtins

from airflow_provider_tiktok.conversions.events import PreparedEvent

_CONTENT_FIELDS: Final = ("event", "event_time", "limited_data_use")
_CONTENT_GROUPS: Final = ("user", "page", "app", "ad", "lead")
_NOT_CONTENT: Final = ("envelope", "session_id")
"""Not who did it but how LiveRamp is told: an envelope is made anew while the event stays the same."""

_MOST_DIGITS: Final = 100


def derive_event_id(event: PreparedEvent) -> str | None:
    """The first 32 hex digits of the SHA-256 of the event's content: equal events get equal ids.

    So a row that is sent again, today or after a failed run, is known by TikTok as a repeat. The price:
    two orders that differ in nothing that was mapped count as one. Map the order's number, or give
    ``event_id``, where that can happen.

    The content is everything but ``row``, ``rows``, ``event_id``, ``dropped``, ``violations`` and what only
    LiveRamp is told (envelope, session), as JSON with sorted keys, without spaces and absent fields, in
    ASCII; tuples are arrays, and a decimal number is an integer where it is whole and else text in plain
    notation without trailing zeros. Match keys are in it as they are sent, so raw and hashed sources of one
    event agree.

    :returns: ``None`` for content that JSON cannot hold; validation names the place.
    """
    content = {name: getattr(event, name) for name in _CONTENT_FIELDS}
    content.update({name: to_builtins(getattr(event, name) or None) for name in _CONTENT_GROUPS})
    content["user"] = {name: key for name, key in content["user"].items() if name not in _NOT_CONTENT}
    content["properties"] = dict(event.properties)
    return id_of_content(content)


def id_of_content(content: Mapping[str, Any]) -> str | None:
    """The id that belongs to this content, as ``derive_event_id`` describes it.

    :param content: the parts of an event by name; numbers may be in wire form.
    """
    present = {name: value for name, value in content.items() if value is not None and value != {}}
    try:
        text = _CANONICAL_JSON.encode(present)
    except (TypeError, ValueError, RecursionError):
        return None
    return sha256(text.encode("ascii")).hexdigest()[:32]


def _canonical(value: object) -> object:
    """What the JSON encoder writes for a value it does not know."""
    if isinstance(value, Decimal):
        return _canonical_number(value)
    if isinstance(value, Raw):
        text = bytes(value).decode()
        return json.loads(text) if text.startswith("[") else _canonical_number(Decimal(text))
    if isinstance(value, Struct):
        return to_builtins(value, builtin_types=(Decimal,))
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value).__name__)


def _canonical_number(number: Decimal) -> int | str:
    """12 for 12.00 and "12.5" for 12.50: equal numbers are written alike."""
    if not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS:
        return str(number)  # validation refuses such numbers; in plain notation they could fill the memory
    whole = number.to_integral_value()
    return int(whole) if whole == number else format(number, "f").rstrip("0")


_CANONICAL_JSON: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_canonical)
