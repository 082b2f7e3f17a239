# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""An event in LiveRamp's form, and a record in LiveRamp's form as an event.

The only room that knows LiveRamp's field names. What is done with properties: texts and numbers go into
``custom_data``, a list of keys and values, numbers as decimal text; ``contents`` is its one list. Everything
that tells who it was stays behind, but for the envelope and the device's own ids. Nothing is checked here.

Sources: LiveRamp, "The TikTok Events API" (examples) and "Supported parameters for TikTok Events API", read
2026-11. The second calls the address ``event_source``; all examples, and LiveRamp's pages for other
platforms, say ``event_source_url``, and so does this room.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

import msgspec
from msgspec import structs

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.events import Content, PreparedEvent, PreparedUser, Row
from airflow_provider_tiktok.conversions.liveramp.stored_envelopes import unwrap

DEVICE_KEYS: Final = ("idfa", "idfv", "gaid")
"""Ids of a device; of app events only."""

NOT_SENT: Final = msgspec.UNSET
"""Stands for a property that has no form in ``custom_data``."""

TIKTOK: Final = ("tiktok",)
"""The platforms LiveRamp is asked to pass an event on to."""

FIRST_KEYS: Final = ("currency", "value", "content_type", "quantity")
"""Properties that stand first in ``custom_data``; the others follow by name."""

_CONTENT_KEYS: Final = tuple(Content.__struct_fields__)
_WHOLE_NUMBERS: Final = frozenset({"quantity", "num_items"})

_ADVERTISING_ID: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")

_MAY_PASS: Final = ("ttclid", "ttp", "ip", "user_agent", "locale")

_NEVER_STORED: Final = frozenset({"envelope", "ip", "session_id"})

_ENCODER: Final = msgspec.json.Encoder()


def encode(
    event: PreparedEvent,
    *,
    platforms: Sequence[str] = TIKTOK,
    pass_on: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    """The event as UTF-8 JSON; equal events give equal bytes.

    Called only for events that ``rules.EventChecks`` lets pass.

    :param pass_on: LiveRamp's key in ``user_data`` to the match key to put there. LiveRamp surely has keys
        for a click id, a cookie, an address and a browser, and no page that could be read names them.
    """
    document = {
        "event_manager": list(platforms),
        "event_id": event.event_id,
        "event_type": event.event,
        "event_time": event.event_time,
        "event_source_url": event.page.url if event.page else None,
        "user_data": _user_data(event.user, pass_on),
        "app_data": structs.asdict(event.app) if event.app else None,
        "custom_data": _custom_data(event.properties),
    }
    return _ENCODER.encode(_without_empty(document))


def sent_record(event: PreparedEvent, *, pass_on: Mapping[str, str] = MappingProxyType({})) -> dict[str, Any]:
    """What ``encode`` writes of the event, as a nested record by event paths."""
    user = {**_user_data(event.user, {name: name for name in pass_on.values()})}
    record = {
        "event": event.event,
        "event_time": event.event_time,
        "event_id": event.event_id,
        "page": {"url": event.page.url} if event.page else None,
        "user": _without_empty({"envelope": user.pop("partner_id"), **user}),
        "app": structs.asdict(event.app) if event.app else None,
        "properties": {one["key"]: one["value"] for one in _custom_data(event.properties)},
    }
    return _without_empty(record)


def check_pass_on(pass_on: Mapping[str, str]) -> dict[str, str]:
    """The match keys to pass on, if they may go this way.

    :raises ConfigurationError: one may not, or would stand in another's place.
    """
    wrong = [name for name in pass_on.values() if name not in _MAY_PASS]
    if wrong:
        raise ConfigurationError(
            f"Name only {', '.join(_MAY_PASS)} in pass_on: e-mail and telephone never go to LiveRamp."
        )
    taken = sorted({"partner_id", "att_status", *DEVICE_KEYS} & pass_on.keys())
    if taken:
        raise ConfigurationError(
            f"Leave {', '.join(taken)} out of pass_on: it is in every event that has it."
        )
    return dict(pass_on)


def to_record(event: PreparedEvent) -> dict[str, Any]:
    """The event as a nested record that the mapping reads back, for the dead letters.

    Envelope, address and session are left out: they are secrets, and the envelope will have been refreshed
    when the event is sent again. Who sends it again joins the envelope by ``event_id``, or by the row.
    """
    user = {name: value for name, value in structs.asdict(event.user).items() if name not in _NEVER_STORED}
    record = {
        "event": event.event,
        "event_time": event.event_time,
        "event_id": event.event_id,
        "user": _without_empty(user),
        "properties": msgspec.to_builtins(dict(event.properties), builtin_types=(Decimal,)),
        "page": _plain(event.page),
        "app": _plain(event.app),
        "ad": _plain(event.ad),
        "lead": _plain(event.lead),
        "limited_data_use": event.limited_data_use,
    }
    return _without_empty(record)


def from_liveramp_record(row: Row) -> Row:
    """A record in LiveRamp's own form as a nested record; every other row as it is.

    What LiveRamp's form does not have keeps its name, so that the mapping reports it.
    """
    if not isinstance(row, Mapping) or "event_type" not in row or "event" in row:
        return row
    rest = dict(row)
    record: dict[str, Any] = {"event": rest.pop("event_type")}
    if list(_as_list(rest.get("event_manager"))) == list(TIKTOK):
        del rest["event_manager"]
    if "event_source_url" in rest:
        record["page"] = {"url": rest.pop("event_source_url")}
    if isinstance(rest.get("user_data"), Mapping):
        record["user"] = _user_of(rest.pop("user_data"))
    if "app_data" in rest:
        record["app"] = rest.pop("app_data")
    properties = _properties_of(rest.get("custom_data"))
    if properties is not None:
        record["properties"] = properties
        del rest["custom_data"]
    return {**record, **rest}


def as_custom_value(value: Any) -> Any:
    """A property as ``custom_data`` holds it; ``NOT_SENT`` for lists and objects.

    Numbers are decimal text without exponent, with the digits they came with.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, int | Decimal):
        return f"{Decimal(value):f}"
    if isinstance(value, float):
        return f"{Decimal(repr(value)):f}"
    return NOT_SENT


def is_advertising_id(value: str) -> bool:
    """Whether the value is a device's own id: a UUID, not all zeros, and no digest of one."""
    return _ADVERTISING_ID.fullmatch(value) is not None and bool(value.strip("0-"))


def _user_data(user: PreparedUser, pass_on: Mapping[str, str]) -> dict[str, Any]:
    device = {name: getattr(user, name) for name in DEVICE_KEYS}
    return {
        "partner_id": unwrap(user.envelope or ""),
        **{name: value for name, value in device.items() if value and is_advertising_id(value)},
        **({"att_status": user.att_status} if user.att_status else {}),
        **{key: getattr(user, name) for key, name in pass_on.items() if getattr(user, name)},
    }


def _custom_data(properties: Mapping[str, Any]) -> list[dict[str, Any]]:
    others = sorted(properties.keys() - {*FIRST_KEYS, "contents"})
    keys = [key for key in (*FIRST_KEYS, *others) if key in properties]
    scalars = {key: as_custom_value(whole_number(key, properties[key])) for key in keys}
    contents = [_content(item) for item in properties.get("contents", ())]
    values = {**scalars, "contents": [item for item in contents if item]}
    return [{"key": key, "value": value} for key, value in values.items() if value and value is not NOT_SENT]


def whole_number(key: str, value: Any) -> Any:
    """A quantity without the zeros behind its point; any other property as it is."""
    is_whole = key in _WHOLE_NUMBERS and isinstance(value, Decimal | float) and value == int(value)
    return int(value) if is_whole else value


def _content(item: Content) -> dict[str, str]:
    values = {name: getattr(item, name) for name in _CONTENT_KEYS}
    return {name: as_custom_value(value) for name, value in values.items() if value is not None}


def _user_of(user_data: Mapping[str, Any]) -> dict[str, Any]:
    rest = dict(user_data)
    return {"envelope": rest.pop("partner_id"), **rest} if "partner_id" in rest else rest


def _properties_of(custom_data: Any) -> dict[str, Any] | None:
    """The keys and values as one object, ``None`` where they are not in LiveRamp's form."""
    items = _as_list(custom_data)
    if not items or not all(isinstance(item, Mapping) and item.keys() == {"key", "value"} for item in items):
        return None
    properties = {str(item["key"]): item["value"] for item in items}
    return properties if len(properties) == len(items) else None


def _as_list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def _plain(group: Any) -> Any:
    return None if group is None else _without_empty(structs.asdict(group))


def _without_empty(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None and value not in ((), {}, [])}
