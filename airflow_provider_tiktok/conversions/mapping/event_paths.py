# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Event paths, and the names by which records call them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import get_type_hints

from msgspec import Struct

from airflow_provider_tiktok.conversions.events import (
    Ad,
    App,
    Content,
    ConversionEvent,
    Lead,
    Mileage,
    Page,
    Properties,
    RawUser,
)
from airflow_provider_tiktok.conversions.values import (
    ADDRESSES,
    CITIES,
    COUNTRIES,
    DEVICES,
    IDS,
    NAMES,
    PEOPLE,
    ZIP_CODES,
    Converter,
    NullRule,
    closest_name,
    converter_of,
    converters_of,
    is_unicode,
    shown_name,
    to_consent,
    to_contents,
    to_count,
    to_currency,
    to_event_time,
    to_id,
    to_ids,
    to_integer,
    to_number,
    to_open_value,
    to_quantity,
    to_text,
    to_texts,
    to_token,
)


class Field(Struct, frozen=True):
    """One field of an event: its path, its place in a draft, and how its values are read.

    :param is_collected: whether the values of several columns and rows are put together; otherwise the
        first one wins.
    :param nulls: which texts stand for no value in it; ``None``: none but those the run names.
    :param is_figure: whether its values are numbers, times or codes: no null marker can be one of them,
        and only what cannot be read needs to be looked at.
    """

    path: str
    section: str
    name: str
    convert: Converter
    is_collected: bool = False
    nulls: NullRule | None = None
    is_figure: bool = False


STRUCTS: Mapping[str, type[Struct]] = {"user": RawUser, "page": Page, "app": App, "ad": Ad, "lead": Lead}
OBJECTS = (*STRUCTS, "properties")
"""The groups of fields that an event has, by the names of their objects."""

PARTS = ("item", "mileage")
"""Properties that are objects, and whose parts may stand in columns of their own."""

OWN = ("event", "event_time", "event_id", "limited_data_use", "consent", "is_hashed", "phone_region")
"""The fields that are in no group."""

PROPERTIES = "properties."
_ONE_WORD = re.compile(r"[^\s.\[\]]+")
CONTENTS = "properties.contents"
CONTENT_ID = f"{CONTENTS}[].content_id"
MILEAGE = "properties.mileage"
VALUE = "properties.value"
PHONE_REGION = "phone_region"

_PEOPLE = ("email", "phone", "external_id", "ttclid", "ttp", "lead_id", "envelope", "session_id")
_NULLS: Mapping[str, NullRule] = {
    **dict.fromkeys(("event", "event_id", CONTENTS, CONTENT_ID), IDS),
    **dict.fromkeys((PROPERTIES + name for name in ("order_id", "shop_id", "content_ids", "currency")), IDS),
    **dict.fromkeys((f"user.{name}" for name in _PEOPLE), PEOPLE),
    **dict.fromkeys(("user.first_name", "user.last_name"), NAMES),
    **dict.fromkeys(("user.country", "user.state", "user.locale", "phone_region"), COUNTRIES),
    **dict.fromkeys(("user.idfa", "user.gaid", "user.idfv"), DEVICES),
    "user.zip_code": ZIP_CODES,
    "user.city": CITIES,
    "user.ip": ADDRESSES,
    "lead.lead_id": PEOPLE,
}
"""Which texts stand for no value, by path; further texts of the groups are judged as ids. A description or a
search may well say "none"."""


_FIGURES = (to_event_time, to_number, to_integer, to_count, to_quantity, to_currency)


def _fields_of(section: str, converters: Mapping[str, Converter], *, prefix: str) -> Iterator[Field]:
    for name, convert in converters.items():
        path = prefix + name
        is_text = section in STRUCTS and convert in (to_text, to_token, to_id, to_texts, to_ids)
        nulls = _NULLS.get(path, IDS if is_text else None)
        is_collected = convert in (to_texts, to_ids, to_contents)
        yield Field(path, section, name, convert, is_collected, nulls, is_figure=convert in _FIGURES)


def _known_fields() -> Iterator[Field]:
    hints = get_type_hints(ConversionEvent, include_extras=True)
    own = {name: converter_of(hints[name]) for name in OWN}
    own |= {"event_time": to_event_time, "consent": to_consent}
    yield from _fields_of("event", own, prefix="")
    for section, kind in STRUCTS.items():
        yield from _fields_of(section, converters_of(kind), prefix=f"{section}.")
    yield from _fields_of("properties", converters_of(Properties), prefix=PROPERTIES)
    yield from _fields_of("item", converters_of(Content), prefix=f"{CONTENTS}[].")
    yield from _fields_of("mileage", converters_of(Mileage), prefix=f"{MILEAGE}.")


FIELDS: Mapping[str, Field] = {field.path: field for field in _known_fields()}
"""Every documented field by its path."""

MEMBERS: Mapping[str, Mapping[str, Field]] = {
    section: {field.name: field for field in FIELDS.values() if field.section == section}
    for section in OBJECTS
}
"""The documented fields of each group by their names."""


@lru_cache(maxsize=1024)
def open_field(name: str) -> Field:
    """The field of a property that TikTok does not document."""
    return Field(PROPERTIES + shown_name(name), "properties", name, to_open_value)


def open_field_at(path: object) -> Field | None:
    """The undocumented property at a path such as ``properties.loyalty_level``, ``None`` for other paths."""
    if not isinstance(path, str) or not path.startswith(PROPERTIES):
        return None
    name = path.removeprefix(PROPERTIES)
    return open_field(name) if _ONE_WORD.fullmatch(name) and is_unicode(name) else None


_FLAT_PROPERTIES = (
    "value",
    "currency",
    "order_id",
    "shop_id",
    "content_type",
    "content_ids",
    "contents",
    "num_items",
    "search_string",
    "description",
)
"""Properties that go by their bare name in a flat record. Others would be ambiguous (``city``) or too
likely a column of another meaning (``status``, ``year``); they go by their path."""


def _flat_names() -> Iterator[tuple[str, str]]:
    """Names in a flat record, in snake case, and the paths they stand for."""
    for field in FIELDS.values():
        if field.section in ("event", "user", "item"):
            yield field.name, field.path
    for name in _FLAT_PROPERTIES:
        yield name, PROPERTIES + name
    yield "event_name", "event"
    yield "ip_address", "user.ip"
    yield "event_source_url", "page.url"
    yield "is_already_hashed", "is_hashed"


def _spellings(name: str) -> tuple[str, str]:
    """The name in snake case and in camel case."""
    first, *rest = name.split("_")
    return name, first + "".join(part.capitalize() for part in rest)


FLAT_PATHS: Mapping[str, str] = {
    spelling: path for name, path in _flat_names() for spelling in _spellings(name)
}
"""Every name that a flat record may use, and its path."""

EVENT_NAMES: Mapping[str, Field] = {
    spelling: Field("event", "event", name, to_token, nulls=IDS)
    for name in ("event_name", "custom_event_name")
    for spelling in _spellings(name)
}
"""The two flat names that make one field together: ``customEventName`` counts beside ``CustomEvent``."""


def meant_path(path: str) -> str:
    """The end of a sentence about a wrong path, with the one that was probably meant."""
    if path in OBJECTS:
        return f"; name one of its fields, such as {next(iter(MEMBERS[path].values())).path!r}."
    meant = FLAT_PATHS.get(path) or closest_name(path, tuple(FIELDS))
    return f"; did you mean {meant!r}?" if meant else "."
