# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What follows from the rest of an event: its id and its click id."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

from airflow_provider_tiktok.conversions.mapping.drafts import Draft
from airflow_provider_tiktok.conversions.mapping.event_paths import FIELDS

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
    ttclid = draft.read(FIELDS["user.ttclid"], found[0])
    if ttclid is not None:
        user["ttclid"] = ttclid
