# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What follows from the rest of an event: its id, its click id, the value of its items."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from decimal import Context, Decimal
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

from airflow_provider_tiktok.conversions.errors import EventError
from airflow_provider_tiktok.conversions.events import Content
from airflow_provider_tiktok.conversions.mapping.drafts import Draft
from airflow_provider_tiktok.conversions.mapping.event_paths import CONTENTS, FIELDS
from airflow_provider_tiktok.conversions.values import to_text

_EXACT = Context(prec=400)
"""Digits enough for any sum of products that ``values`` lets through."""

_NO_PRICE = "Give every row of the group a price, or map properties.value: the sum would be too small."

_compact_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def event_id_of(values: Sequence[str]) -> str:
    """The event id that belongs to these texts: 32 hex digits, the same on every machine.

    It is the first half of the SHA-256 of the texts as a compact JSON array in UTF-8, so that a web page can
    give its pixel the same id: hash ``JSON.stringify([String(a), String(b)])`` and keep 32 hex digits.
    ``EventMapping`` gives the texts without white space around them, and whole numbers without a point.
    """
    return sha256(_compact_json(list(values)).encode()).hexdigest()[:32]


def add_ttclid(draft: Draft) -> None:
    """Takes an absent click id from the query of the page's address."""
    user, url = draft.values["user"], draft.values["page"].get("url", "")
    if "ttclid=" not in url or "ttclid" in user or FIELDS["user.ttclid"] in draft.faulty:
        return
    try:
        found = parse_qs(urlsplit(url).query).get("ttclid", [""])
    except ValueError:
        return  # no address at all, which validation will say
    ttclid = to_text(found[0])
    if ttclid is not None:
        user["ttclid"] = ttclid


def add_value(draft: Draft) -> None:
    """Sets an absent value of the event to the sum of its items, if they have prices.

    One item without a price among others with one would make the sum too small, so that is refused.
    """
    properties = draft.values["properties"]
    contents: tuple[Content, ...] = properties.get("contents", ())
    unpriced = [place for place, item in enumerate(contents) if item.price is None]
    if "value" in properties or len(unpriced) == len(contents):
        return
    for place in unpriced:
        draft.refuse(f"{CONTENTS}[{place}].price", EventError("missing", remedy=_NO_PRICE))
    if not unpriced:
        properties["value"] = _sum_of(contents)


def _sum_of(contents: Iterable[Content]) -> Decimal:
    total = Decimal(0)
    for item in contents:
        quantity = Decimal(1 if item.quantity is None else item.quantity)
        total = _EXACT.add(total, _EXACT.multiply(item.price or Decimal(0), quantity))
    return total
