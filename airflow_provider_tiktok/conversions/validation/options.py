# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What a run demands of its events."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.events import EventSource
from airflow_provider_tiktok.conversions.validation.applicability import INAPPLICABLE_KEYS, USER_KEYS
from airflow_provider_tiktok.conversions.validation.event_source_ids import require_event_source

SECONDS_PER_DAY: Final = 86_400


class ValidationRules(Struct, frozen=True, kw_only=True):
    """What a run demands of its events, beyond what TikTok documents.

    :param now: Unix seconds.
    :param max_event_age_s: from which age on an event is told as old. TikTok documents no limit; the
        longest attribution window is 28 days.
    :param refuse_old: whether an old event is kept back, rather than sent with a warning.
    :param max_ahead_s: how far ahead of our clock an event's time may be.
    :param offline_keys: an offline event must have one of these match keys. TikTok's help names ``email``
        and ``phone``; other senders take ``external_id`` too.
    :param require_page_url: whether a web event must have ``page.url``. TikTok's page says so; events
        without it have been seen to be taken.
    :param require_lead_id: whether a crm event must have ``lead.lead_id``. TikTok's page says so; its help
        on CSV files takes ``email`` or ``phone`` instead.
    :param extra_event_names: event names to take as standard, for those younger than this version.
    :raises ConfigurationError: a value is impossible.
    """

    event_source: EventSource
    now: Callable[[], float] = time.time
    max_event_age_s: float = 28 * SECONDS_PER_DAY
    refuse_old: bool = False
    max_ahead_s: float = 600
    offline_keys: tuple[str, ...] = ("email", "phone", "external_id")
    require_page_url: bool = True
    require_lead_id: bool = True
    extra_event_names: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        require_event_source(self.event_source)
        if not (self.max_event_age_s > 0 and self.max_ahead_s >= 0):
            raise ConfigurationError(
                "max_event_age_s must be above 0 and max_ahead_s at least 0, in seconds."
            )
        possible = [name for name in USER_KEYS if name not in INAPPLICABLE_KEYS["offline"]]
        if not self.offline_keys or not set(self.offline_keys) <= set(possible):
            raise ConfigurationError(f"offline_keys must name some of: {', '.join(possible)}.")
