# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""LiveRamp's rules and wire form for events that travel as columns.

The same rules as ``rules`` has for one event: what a single value breaks was found with the value, and an
event in which several fields break one together, or that has a field seldom seen here, is looked at as a
whole. The same wire form as ``payload``, with the same order of keys.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache, partial
from itertools import chain, repeat
from typing import Any, Final

import msgspec
from msgspec import Raw, defstruct

from airflow_provider_tiktok.conversions.event_columns import EventColumns
from airflow_provider_tiktok.conversions.events import App, Content, PreparedEvent
from airflow_provider_tiktok.conversions.kernels import Findings
from airflow_provider_tiktok.conversions.liveramp import event_types
from airflow_provider_tiktok.conversions.liveramp.payload import (
    DEVICE_KEYS,
    FIRST_KEYS,
    is_advertising_id,
    whole_number,
)
from airflow_provider_tiktok.conversions.liveramp.stored_envelopes import unwrap
from airflow_provider_tiktok.conversions.mapping.event_paths import Field
from airflow_provider_tiktok.conversions.sealed import Sealed
from airflow_provider_tiktok.conversions.validation import TimeRules
from airflow_provider_tiktok.conversions.values import PEOPLE

_PROPERTIES: Final = (
    *("value", "currency", "content_type", "quantity", "num_items", "order_id", "shop_id"),
    *("search_string", "query", "description", "status"),
)
_KNOWN_PROPERTIES: Final = frozenset(f"properties.{name}" for name in _PROPERTIES)
_KNOWN: Final = frozenset(
    {
        *("event", "event_time", "event_id", "consent", "page.url", "page.referrer"),
        *(f"app.{name}" for name in App.__struct_fields__),
        *_KNOWN_PROPERTIES,
    }
)
"""What events are made of that go by columns, besides what tells who it was."""

_SCALARS: Final = frozenset({type(None), str, int, float, Raw})
_ITEM_FIELDS: Final = frozenset(Content.__struct_fields__) - {"content_type"}
_REQUIRED: Final = ("event", "event_time", "event_id", "page.url", "user.envelope")
_OF_APPS: Final = (
    *(f"user.{name}" for name in (*DEVICE_KEYS, "att_status")),
    *(f"app.{name}" for name in App.__struct_fields__),
)

_encode = msgspec.json.Encoder().encode
_Pair = defstruct("Pair", ["key", "value"], bases=(Sealed,), gc=False)
_App = defstruct("App", [(name, Any, None) for name in App.__struct_fields__], bases=(Sealed,), gc=False)
_Document = defstruct(
    "Document",
    [
        "event_manager",
        *(
            (name, Any, None)
            for name in ("event_id", "event_type", "event_time", "event_source_url", "user_data", "app_data")
        ),
        ("custom_data", Any, None),
    ],
    bases=(Sealed,),
    omit_defaults=True,
    gc=False,
)


class LiveRampColumns:
    """LiveRamp's rules over several columns, and the lines that events become.

    :param times: of the run.
    :param platforms: whom LiveRamp shall pass events on to.
    :param pass_on: LiveRamp's key in ``user_data`` to the match key to put there.
    """

    quick = frozenset(
        {
            *("event_id", "event_time", "page.url", "user.envelope", "user.session_id"),
            *(f"properties.{name}" for name in ("value", "order_id", "shop_id", "num_items")),
            *(f"properties.contents[].{name}" for name in ("content_id", "price", "quantity")),
        }
    )
    checked = frozenset({"in_future", "too_old"})
    makes_ids = False

    def __init__(self, times: TimeRules, *, platforms: Sequence[str], pass_on: Mapping[str, str]) -> None:
        self._times = times
        self._platforms = list(platforms)
        self._pass_on = pass_on
        keys = ("partner_id", *DEVICE_KEYS, "att_status", *pass_on)
        renamed = {f"f{place}": key for place, key in enumerate(keys)}
        self._user = defstruct(
            "User",
            [(name, Any, None) for name in renamed],
            bases=(Sealed,),
            omit_defaults=True,
            rename=renamed,
            gc=False,
        )

    def __repr__(self) -> str:
        return "LiveRampColumns()"

    # ------------------------------------------------------------------------------------- checks

    def check(self, events: EventColumns, findings: Findings) -> None:
        """Keep for a look at the whole event what is missing, is seldom seen, or is wrong together."""
        odd = findings.odd
        for path in _REQUIRED:
            odd.update(events.missing(path))
        odd.update(self._beyond(events.wire.get("event_time", ())))
        for path, column in events.wire.items():
            if path not in _KNOWN and not path.startswith("user."):
                odd.update(events.present(path))
            elif path in _KNOWN_PROPERTIES and not set(map(type, column)) <= _SCALARS:
                odd.update(place for place, one in enumerate(column) if type(one) not in _SCALARS)
        odd.update(place for place, url in enumerate(events.wire.get("page.url", ())) if url and "%" in url)
        odd.update(_in_apps(events).intersection(events.missing("app.app_id")))
        priced = events.owners_of("price")
        odd.update(priced.intersection(events.missing("properties.value")))
        amounts = priced.union(events.present("properties.value"))
        odd.update(amounts.intersection(events.missing("properties.currency")))
        odd.update(events.owners_of(*frozenset(events.item_fields).difference(_ITEM_FIELDS)))
        odd.update(events.owners_where(lambda item: item.count(None) == len(item)))

    def _beyond(self, times: Sequence[int | None]) -> Iterable[int]:
        """The events that are of the future, or old."""
        oldest, latest = self._times.bounds()
        return (place for place, one in enumerate(times) if one is not None and not oldest <= one <= latest)

    # -------------------------------------------------------------------------------------- lines

    def value_of(self, prepared: PreparedEvent, field: Field) -> Any:
        """The wire form of one field of a prepared event; numbers become texts in its line only."""
        name = field.name
        if field.section == "event":
            return getattr(prepared, name, None)
        if field.section == "properties":
            # Lists of ids have no form here, as their finding says.
            return None if name == "content_ids" else _wire(whole_number(name, prepared.properties.get(name)))
        if field.section == "item":
            return _wire(getattr(prepared.properties["contents"][0], name))
        value = getattr(getattr(prepared, field.section), name)
        if field.path == "user.envelope" and value:
            return unwrap(value)
        return value or None

    def lines(self, events: EventColumns) -> list[bytes]:
        """Each event in LiveRamp's form, UTF-8 JSON."""
        columns = (
            events.column("event_id"),
            events.column("event"),
            events.column("event_time"),
            events.column("page.url"),
            self._user_data(events),
            _app_data(events),
            _custom_data(events),
        )
        return list(map(_encode, map(_Document, repeat(self._platforms), *columns)))

    def groups(self, events: EventColumns) -> Collection[tuple[Hashable, int]]:
        """What tells each event's user session from others, and where the event stands in it."""
        session_ids = (
            "" if one is None or PEOPLE.holds(one) else one for one in events.column("user.session_id")
        )
        envelopes = (one or "" for one in events.column("user.envelope"))
        devices = ([one or "" for one in _devices(events, name)] for name in DEVICE_KEYS)
        sessions = map("\0".join, zip(session_ids, envelopes, *devices, strict=True))
        times = (one or 0 for one in events.column("event_time"))
        return list(zip(map(session_of, sessions), times, strict=True))

    def _user_data(self, events: EventColumns) -> Iterable[Any]:
        return map(
            self._user,
            events.column("user.envelope"),
            *(_devices(events, name) for name in DEVICE_KEYS),
            events.column("user.att_status"),
            *(events.column(f"user.{name}") for name in self._pass_on.values()),
        )


def session_of(parts: str) -> bytes:
    """Stands for a user session, and shows neither its id nor the envelope."""
    return hashlib.blake2b(parts.encode(), digest_size=16).digest()


def _wire(value: Any) -> Any:
    """A property, its number with the digits it came with."""
    if isinstance(value, Decimal):
        return Raw(f"{value:f}")
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value == "" else value


def _text(value: Any) -> Any:
    """A value as text in JSON."""
    if type(value) is Raw:
        return Raw(b'"%b"' % bytes(value))
    if type(value) is int:
        return str(value)
    return f"{Decimal(repr(value)):f}" if type(value) is float else value


def _devices(events: EventColumns, name: str) -> list[Any]:
    column = events.wire.get(f"user.{name}")
    if column is None:
        return [None] * events.size
    return [one if one and is_advertising_id(one) else None for one in column]


def _app_data(events: EventColumns) -> Iterable[Any]:
    columns = [events.column(f"app.{name}") for name in App.__struct_fields__]
    return (_App(*one) if any(one) else None for one in zip(*columns, strict=True))


def _custom_data(events: EventColumns) -> Iterable[Any]:
    names = {path.removeprefix("properties.") for path in events.wire if path in _KNOWN_PROPERTIES}
    ordered = (*(name for name in FIRST_KEYS if name in names), *sorted(names.difference(FIRST_KEYS)))
    columns: list[Iterable[Any]] = [_pairs(name, events.column(f"properties.{name}")) for name in ordered]
    if events.offsets:
        columns.append(_contents(events))
    if not columns:
        return repeat(None, events.size)
    return ([pair for pair in pairs if pair] or None for pairs in zip(*columns, strict=True))


def _pairs(name: str, column: Sequence[Any]) -> Iterable[Any]:
    make = partial(_Pair, name)
    return (None if one is None else make(_text(one)) for one in column)


@lru_cache(maxsize=64)
def _item_of(names: tuple[str, ...]) -> Any:
    """A class of items that have these fields."""
    renamed = {f"f{place}": name for place, name in enumerate(names)}
    fields = [(name, Any, None) for name in renamed]
    return defstruct("Item", fields, bases=(Sealed,), omit_defaults=True, rename=renamed, gc=False)


def _contents(events: EventColumns) -> Iterable[Any]:
    make = _item_of(events.item_fields)
    items = [make(*map(_text, item)) for item in events.items]
    for place in range(events.size):
        own = items[events.offsets[place] : events.offsets[place + 1]]
        yield _Pair("contents", own) if own else None


def _in_apps(events: EventColumns) -> set[int]:
    """The events that name the app or the device, or that only an app can send."""
    places = set(chain.from_iterable(map(events.present, _OF_APPS)))
    names = events.column("event")
    places.update(place for place, name in enumerate(names) if name in event_types.APP_TYPES)
    return places
