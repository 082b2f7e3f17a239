# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""TikTok's own rules, with what is told of each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

from airflow_provider_tiktok.conversions.event_names import NameStatus
from airflow_provider_tiktok.conversions.validation.rules import SHARED, Rule
from airflow_provider_tiktok.conversions.validation.rules import found as found_by

OWN: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "not_for_this_source": Rule(
            "a field that TikTok documents for other event sources only",
            "Do not map this field for this event source.",
        ),
        "no_match_key": Rule(
            "nothing in the event tells whose it is",
            "Map an identifier of the person: TikTok cannot match this event to anybody.",
            is_fatal=False,
        ),
        "external_id_alone": Rule(
            "an offline event known by external_id only",
            "Map email or phone as well: TikTok's help asks for one of them with offline events.",
            is_fatal=False,
        ),
        "content_type_missing": Rule(
            "content ids without content_type",
            "Give properties.content_type: 'product' for ids of SKUs, 'product_group' for item_group_ids.",
            is_fatal=False,
        ),
        NameStatus.WRONG_CASE: Rule("a standard event name in the wrong case", ""),
        NameStatus.NOT_STANDARD: Rule("a custom event name where only standard ones are taken", ""),
        NameStatus.RENAMED: Rule("an event name that TikTok renamed", "", is_fatal=False),
        NameStatus.RETIRING: Rule("an event name that TikTok is about to retire", "", is_fatal=False),
        NameStatus.RESERVED: Rule("a custom event name that TikTok maps by itself", "", is_fatal=False),
        NameStatus.STANDARD_ELSEWHERE: Rule(
            "an event name that is standard for other event sources only", "", is_fatal=False
        ),
        NameStatus.LOOKS_STANDARD: Rule(
            "a custom event name that differs from a standard one in separators only", "", is_fatal=False
        ),
    }
)

RULES: Final[Mapping[str, str]] = MappingProxyType(
    {str(name): rule.description for name, rule in (*SHARED.items(), *OWN.items())}
)
"""Every rule that an event for TikTok may break, rule → description."""

found = partial(found_by, table=MappingProxyType({**SHARED, **OWN}))
"""The violation for a rule that an event for TikTok breaks."""
