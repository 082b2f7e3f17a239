# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Whatever prints an object of the road, a log or a traceback, shows nothing of an event."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import pprint
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from msgspec import Struct, defstruct

import airflow_provider_tiktok

CANARY = "canary.repr@example.com"

SHOWN = {
    "batching.Limits": "settings",
    "delivery.engine.Delivery": "a receipt and an error, both without values",
    "delivery.engine.Options": "settings",
    "delivery.repeats.First": "a number, and a yes or no",
    "delivery.receipt.Finding": "names of rules, and counts",
    "delivery.receipt.Receipt": "counts, names of rules and events, a path without credentials",
    "delivery.receipt.Traffic": "counts, and request ids",
    "delivery.settling.Resumption": "a digest, and functions",
    "event_names._Names": "tables of the source",
    "events.ConversionEvent": "the number of its row",
    "events.Drop": "names of field and reason",
    "events.PreparedEvent": "the number of its row",
    "events.UnreadableRow": "names of rules",
    "events.Violation": "names of field and rule",
    "events._Event": "the number of its row",
    "http.messages.HttpReply": "a status, and how long it is",
    "http.messages.HttpRequest": "what logs call it",
    "http.retry.RetryPolicy": "settings",
    "identifiers.options.IdentityRules": "settings",
    "identifiers.table.Field": "tables of the source",
    "identifiers.preparation.Identity": "a table of the source, and settings",
    "identifiers.reasons._Reason": "tables of the source",
    "kernels.Note": "names of field and rule",
    "liveramp.envelopes.EnvelopeReply": "a status",
    "liveramp.refresh.EnvelopeResult": "a status",
    "liveramp.refresh.RefreshReport": "counts",
    "liveramp.refresh.RefreshRun": "counts, and an error without values",
    "liveramp.refresh.RefreshRules": "settings",
    "mapping.event_paths.Field": "tables of the source",
    "mapping.fitting.Absence": "names that the DAG's author gave",
    "mapping.fitting.Asked": "names that the DAG's author gave",
    "mapping.fitting.Fit": "words about names that the DAG's author gave",
    "mapping.mapped.Source": "names that the DAG's author gave",
    "mapping.mapped.Mapped": "names that the DAG's author gave",
    "mapping.mapped._Part": "names that the DAG's author gave",
    "mapping.mapped._Flat": "names that the DAG's author gave",
    "mapping.nested.Where": "names that the DAG's author gave",
    "readers.reader.Reader": "what the DAG's author said of a column",
    "sources.places.Place": "a path without credentials, and numbers",
    "sources.places._Step": "a path without credentials, and numbers",
    "tiktok.pixels.EventsWatch": "ids of an account, which a trigger keeps",
    "tiktok.pixels.PixelWatch": "ids of an account, which a trigger keeps",
    "tiktok.pixels.Sighting": "counts and words of ours",
    "tiktok.probe.Finding": "names of calls, and codes",
    "tiktok.probe.Probe": "names of calls, and codes",
    "tiktok.return_codes.ReturnCode": "tables of the source",
    "values.null_markers.NullRule": "tables of the source",
    "tiktok.checks._Required": "tables of the source",
    "tiktok.event_source_ids._IdKind": "tables of the source",
    "tiktok.options.ValidationRules": "settings",
    "validation.checks.ChosenChecks": "functions, and names of fields and rules",
    "validation.options.TimeRules": "settings",
    "validation.rules.Rule": "tables of the source",
}
"""Types whose ``repr`` tells their fields, with what these hold. Any other must show nothing."""


def types() -> Iterator[type]:
    """Every type of the library and of the service that has fields."""
    name = "airflow_provider_tiktok.conversions"
    found = [one.name for one in pkgutil.walk_packages(importlib.import_module(name).__path__, f"{name}.")]
    for module in map(importlib.import_module, (*found, "airflow_provider_tiktok.service.request")):
        for kind in vars(module).values():
            if isinstance(kind, type) and kind.__module__ == module.__name__ and fields_of(kind):
                yield kind


def fields_of(kind: type) -> Sequence[str]:
    if issubclass(kind, Struct):
        return kind.__struct_fields__
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind) if field.init]
    return kind._fields if issubclass(kind, tuple) and hasattr(kind, "_fields") else ()


def label(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}".removeprefix(
        f"{airflow_provider_tiktok.__name__}."
    ).removeprefix("conversions.")


def filled(kind: type) -> Any:
    """One of the type whose fields all hold the canary; no check of its own is run."""
    if issubclass(kind, tuple):
        return kind(*[CANARY] * len(fields_of(kind)))
    if issubclass(kind, Struct):
        is_frozen = kind.__struct_config__.frozen
        unchecked = {"__post_init__": lambda self: None}
        kind = defstruct(
            kind.__name__, [], bases=(kind,), namespace=unchecked, frozen=is_frozen, kw_only=True
        )
    return kind(**dict.fromkeys(fields_of(kind), CANARY))


TYPES = {label(kind): kind for kind in types()}


@pytest.mark.parametrize("name", TYPES)
def test_a_repr_shows_nothing(name: str) -> None:
    """Only types that hold nothing of an event tell their fields, each for a reason."""
    if name in SHOWN:
        return
    one = filled(TYPES[name])
    rich = getattr(one, "__rich_repr__", list)
    for shown in (
        repr(one),
        str(one),
        f"{one}",
        pprint.pformat([one]),
        repr({"a": (one,)}),
        repr(list(rich())),
    ):
        assert CANARY not in shown


def test_no_reason_outlives_its_type() -> None:
    """The list of exceptions names types that are there."""
    assert not SHOWN.keys() - TYPES.keys()
