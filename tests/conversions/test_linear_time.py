# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Free text costs a time that grows with its length, and not with the square of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC
from functools import partial
from typing import Any

import pytest

from airflow_provider_tiktok.conversions import event_names, http, values
from airflow_provider_tiktok.conversions.errors import EventError
from airflow_provider_tiktok.conversions.identifiers.browsers import att_status_of, locale_of
from airflow_provider_tiktok.conversions.kernels import OFFERED, quick_of
from airflow_provider_tiktok.conversions.mapping import EventMapping
from airflow_provider_tiktok.conversions.tiktok import return_codes
from airflow_provider_tiktok.conversions.validation.representation import text_fault
from tests.conversions.delivery.test_road import parts_of

LENGTH = 50_000
MOST_TIMES = 3.0
"""Twice the text may take twice the time; what is above it is for a machine that is busy with other things."""

TEXTS: dict[str, str] = {
    "dots before an at sign": "a." * LENGTH + "@",
    "letters without an at sign": "a" * (2 * LENGTH) + "@",
    "at signs": "a@" * LENGTH,
    "dots after an at sign": "a@" + "a." * LENGTH,
    "percent-encoded at signs": "a%40" * LENGTH,
    "opening braces": "{" * (2 * LENGTH),
    "opening braces with blanks": "{{ " * LENGTH,
    "digits": "1" * (2 * LENGTH),
    "digits and a letter": "1" * (2 * LENGTH) + "x",
    "digits with an exponent": "1" * (2 * LENGTH) + "e",
    "a time with a fraction": "2026-11-26 10:00:00." + "1" * (2 * LENGTH) + "Z",
    "a time and blanks": "2026-11-26 10:00:00" + " " * (2 * LENGTH) + "x",
    "apostrophes": "'" * (2 * LENGTH) + "1",
    "equals signs and quotes": '="' * LENGTH,
    "commas": "203.0.113.7," * (LENGTH // 8),
    "dashes": "en-" * LENGTH,
    "names of fields": "missing required field(s): " + "a, " * LENGTH,
    "blanks after invalid": "invalid " + " " * (2 * LENGTH),
    "places in a batch": "data[1" * LENGTH,
    "escapes": "\\u0040%40&#64;" * (LENGTH // 8),
    "Base64": "cGxhbnRlZA" * (LENGTH // 5),
    "colons": "::" * LENGTH,
    "numbers with blanks": "1 2-3." * LENGTH,
}


def _refusal(words: str) -> http.HttpReply:
    body = {"code": 40002, "message": words, "request_id": words}
    return http.HttpReply(status=200, body=json.dumps(body).encode())


_IDENTITY = parts_of({})[1].identity


def _quick(path: str, value: Any) -> Any:
    quick = quick_of(path, _IDENTITY, nulls=values.NullValues(["-99"]), country="US", zone=UTC)
    assert quick is not None
    with suppress(ValueError):
        quick([value])


READERS: dict[str, Callable[[str], Any]] = {
    "to_text": values.to_text,
    "to_number": values.to_number,
    "to_boolean": values.to_boolean,
    "to_event_time": values.to_event_time,
    "to_contents": values.to_contents,
    "holds_email": values.holds_email,
    "mask_emails": values.mask_emails,
    "closest_name": lambda text: values.closest_name(text, ("email", "event_name")),
    "shown_name": values.shown_name,
    "to_id": values.to_id,
    "to_currency": values.to_currency,
    "public_address": values.public_address,
    "locale_of": locale_of,
    "att_status_of": att_status_of,
    "text_fault": text_fault,
    "describe": http.describe,
    "Echoes.mask": http.Echoes(
        http.HttpRequest(method="POST", url="https://api.example.com/", body=b'["planted", "1111"]')
    ).mask,
    "read_retry_after": lambda text: http.read_retry_after({"Retry-After": text, "Date": text}),
    "find_request_fault": return_codes.find_request_fault,
    "find_guilty": lambda text: return_codes.find_guilty(text, n_events=2),
    "classify": lambda text: return_codes.classify(_refusal(text)),
    "event_names.find": lambda text: event_names.find("web", text),
    **{f"quick {path}": partial(_quick, path) for path in sorted(OFFERED - {"user.phone"})},
    "quick user.phone": lambda text: _quick("user.phone", (text, None, "US")),
}


def seconds_of(read: Callable[[str], Any], text: str) -> float:
    """The least time of a few tries, with or without a refusal."""
    times = []
    for _ in range(3):
        began = time.process_time()
        with suppress(EventError):
            read(text)
        times.append(time.process_time() - began)
    return min(times)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_twice_the_text_takes_about_twice_the_time(read: Callable[[str], Any], text: str) -> None:
    """A pattern that begins again at every character would take four times as long."""
    once = seconds_of(read, text)
    twice = seconds_of(read, text[: len(text) // 2] + text)
    # What takes less than a few milliseconds is linear enough, and too short to be measured.
    assert twice < max(MOST_TIMES * once, 0.02)


GROUPED = EventMapping(
    {"user.email": "mail", "properties.content_ids": "sku", "properties.contents[].price": "price"},
    group_by="order",
)
RECORDS = EventMapping()


def _order_of(n_rows: int) -> Any:
    rows = ({"order": 1, "mail": f"{n}@example.com", "sku": n, "price": "x"} for n in range(n_rows))
    return list(GROUPED.events(rows))


def _repeated_orders(n_rows: int) -> Any:
    rows = ({"order": n % 100, "mail": f"{n}@example.com", "sku": n, "price": 1} for n in range(n_rows))
    return list(GROUPED.events(rows))


def _record_of(n_keys: int) -> Any:
    names = range(n_keys)
    twice = {f"properties.x{n}": 1 for n in names} | {"properties": {f"x{n}": 2 for n in names}}
    return list(RECORDS.events([twice]))


def _way_into(n_keys: int) -> Any:
    row = {"data": [(f"key {n}", n) for n in range(n_keys)]}
    rules = EventMapping(
        {"properties.value": "data.total"}, defaults={"event": "x", "event_time": 1_767_225_600}
    )
    return rules.check_source(["data"], [row]), list(rules.events([row]))


@pytest.mark.parametrize("make", [_order_of, _repeated_orders, _record_of, _way_into])
def test_twice_the_rows_or_keys_take_about_twice_the_time(make: Callable[[int], Any]) -> None:
    """One order of many rows, many faults in one record, a column with many keys inside."""
    once, twice = (min(_seconds(make, n) for _ in range(3)) for n in (4000, 8000))
    assert twice < max(MOST_TIMES * once, 0.02)


def _seconds(make: Callable[[int], Any], n: int) -> float:
    began = time.process_time()
    make(n)
    return time.process_time() - began
