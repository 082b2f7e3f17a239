# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Prepared events in TikTok's wire form, and the request around them.

The names in ``events`` are TikTok's own, so this room says only which of them go to which event source,
and how values are written: numbers exact and without exponent, keys always in the same order, nothing
empty. It refuses to know how requests are sent. LiveRamp's ``envelope`` and ``session_id`` never leave.

Source: TikTok, Events API 2.0, "Report events" (v1.3), read 2026-11.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, get_args

import msgspec
from msgspec import Raw, Struct, structs

from airflow_provider_tiktok.conversions.errors import EventError
from airflow_provider_tiktok.conversions.events import EventSource, PreparedEvent
from airflow_provider_tiktok.conversions.sealed import Sealed
from airflow_provider_tiktok.conversions.tiktok.applicability import (
    GROUP_SOURCES,
    INAPPLICABLE_KEYS,
    LIMITED_DATA_USE_SOURCES,
    USER_KEYS,
)
from airflow_provider_tiktok.conversions.values import mask_emails

_SOURCES: tuple[EventSource, ...] = get_args(EventSource)
_SOURCE_USER_KEYS: Mapping[str, tuple[str, ...]] = {
    source: tuple(name for name in USER_KEYS if name not in INAPPLICABLE_KEYS[source]) for source in _SOURCES
}
_SOURCE_GROUPS: Mapping[str, tuple[str, ...]] = {
    source: tuple(name for name, takers in GROUP_SOURCES.items() if source in takers) for source in _SOURCES
}

_ENCODER = msgspec.json.Encoder()
_LARGEST_INT = 2**63


# ------------------------------------------------------------------------------------------ one event


def encode_event(event: PreparedEvent, *, event_source: EventSource) -> bytes:
    """One item of ``data`` as UTF-8 JSON; equal events give equal bytes.

    Only what the event source takes is in it.

    :raises EventError: a value has no form in JSON.
    """
    has_limit = event_source in LIMITED_DATA_USE_SOURCES
    record = _build(
        event,
        user_keys=_SOURCE_USER_KEYS[event_source],
        groups=_SOURCE_GROUPS[event_source],
        limited_data_use=event.limited_data_use if has_limit else None,
        write=_WIRE,
    )
    return _ENCODER.encode(record)


def to_record(event: PreparedEvent) -> dict[str, Any]:
    """The whole event in TikTok's nesting, whatever its source, for people and for another try.

    Nothing is refused: a value without a form in JSON is told by its name, so that it is refused again
    when the record is read back.
    """
    return _build(
        event,
        user_keys=USER_KEYS,
        groups=GROUP_SOURCES,
        limited_data_use=event.limited_data_use,
        write=_RECORD,
    )


def _build(
    event: PreparedEvent,
    *,
    user_keys: Iterable[str],
    groups: Iterable[str],
    limited_data_use: bool | None,
    write: _Writer,
) -> dict[str, Any]:
    """The event as nested dictionaries without anything empty, keys in a fixed order."""
    user = event.user
    parts: dict[str, Any] = {
        "event": event.event,
        "event_time": event.event_time,
        "event_id": event.event_id,
        "user": {key: value for key in user_keys if (value := getattr(user, key))},
        "properties": event.properties,
        **{group: getattr(event, group) for group in groups},
        "limited_data_use": limited_data_use,
    }
    written = ((key, write.value(part)) for key, part in parts.items())
    return {key: part for key, part in written if part is not None}


# --------------------------------------------------------------------------------------- single values


class _Writer:
    """How values are written: the walk is the same for the wire and for records, leaves differ.

    :param number: a ``Decimal``, or a number that JSON's encoder would write with an exponent or not at all.
    :param text: text, which may hold halves of characters.
    :param other: a value of a type that JSON has no form for.
    """

    def __init__(
        self, *, number: Callable[[Decimal], Any], text: Callable[[str], Any], other: Callable[[Any], Any]
    ) -> None:
        self._number = number
        self._text = text
        self._other = other

    def value(self, value: Any) -> Any:
        """The value in plain types, without anything empty in it; ``None`` where nothing is left."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._text(value) if value else None
        if isinstance(value, Decimal):
            return self._number(value)
        if isinstance(value, int):
            return value if -_LARGEST_INT <= value < _LARGEST_INT else self._number(Decimal(value))
        if isinstance(value, float):
            return value if _is_written_plainly(value) else self._number(Decimal(repr(value)))
        return self._group(value)

    def _group(self, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [item for item in map(self.value, value) if item is not None] or None
        if isinstance(value, Struct):
            return self._items(structs.asdict(value).items())
        if isinstance(value, Mapping):
            return self._items(sorted(value.items(), key=_by_key))
        return self._other(value)

    def _items(self, items: Iterable[tuple[Any, Any]]) -> dict[str, Any] | None:
        written = ((self._text(str(key)), self.value(item)) for key, item in items)
        return {key: item for key, item in written if item is not None} or None


def _by_key(item: tuple[Any, Any]) -> str:
    return str(item[0])


def _is_written_plainly(number: float) -> bool:
    return math.isfinite(number) and (number == 0 or 1e-4 <= abs(number) < 1e15)


def _wire_number(number: Decimal) -> Raw:
    if not number.is_finite():
        raise EventError("not_finite", remedy="Give a number, or leave the field out.", path="properties")
    return Raw(format(number, "f").encode())


def _wire_text(text: str) -> str:
    return text


def _wire_other(_: Any) -> Any:
    raise EventError("not_representable", remedy="Cast the value to text or a number.", path="properties")


def _record_number(number: Decimal) -> Any:
    return Decimal(format(number, "f")) if number.is_finite() else str(number)


def _record_text(text: str) -> str:
    return mask_emails(text if text.isascii() else text.encode("utf-8", "backslashreplace").decode())


def _record_other(value: Any) -> str:
    return f"not representable: {type(value).__name__}"


_WIRE = _Writer(number=_wire_number, text=_wire_text, other=_wire_other)
_RECORD = _Writer(number=_record_number, text=_record_text, other=_record_other)


# ---------------------------------------------------------------------------------------- one request


class Frame(Sealed, frozen=True, kw_only=True):
    """A request without its events: what stands before and after them.

    :param before: UTF-8 JSON up to and with the bracket that opens ``data``.
    :param after: the rest.
    """

    before: bytes
    after: bytes

    @property
    def overhead_bytes(self) -> int:
        """Bytes of the body without its events."""
        return len(self.before) + len(self.after)

    def wrap(self, events: Iterable[bytes]) -> bytes:
        """The whole body; the events keep the bytes they have."""
        lines = list(events) or [b""]
        lines[0] = self.before + lines[0]
        lines[-1] += self.after
        return b",".join(lines)  # copied once: a further copy of a megabyte takes ten times as long


def make_frame(
    *,
    event_source: EventSource,
    event_source_id: str,
    test_event_code: str | None = None,
    partner_name: str | None = None,
) -> Frame:
    """The request around events of one source.

    :param test_event_code: makes test events of all of them. Empty and ``None`` leave it out: TikTok takes
        any value that is present for a code.
    :param partner_name: a name TikTok registered. Empty and ``None`` leave it out.
    """
    head = {
        "event_source": event_source,
        "event_source_id": event_source_id,
        "test_event_code": test_event_code,
        "partner_name": partner_name,
    }
    present = {name: text for name, text in head.items() if text}
    return Frame(before=_ENCODER.encode(present)[:-1] + b',"data":[', after=b"]}")


def wire_value(value: Any) -> Any:
    """One value in wire form; ``None`` where nothing of it is sent."""
    return _WIRE.value(value)
