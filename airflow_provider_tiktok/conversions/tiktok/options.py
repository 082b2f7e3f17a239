# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What a run demands of its events, beyond what TikTok documents."""

from __future__ import annotations

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.events import EventSource
from airflow_provider_tiktok.conversions.tiktok.applicability import INAPPLICABLE_KEYS, USER_KEYS
from airflow_provider_tiktok.conversions.tiktok.event_source_ids import require_event_source
from airflow_provider_tiktok.conversions.validation import TimeRules


class ValidationRules(TimeRules, frozen=True, kw_only=True):
    """What a run demands of its events, beyond what TikTok documents. TikTok documents no limit of age.

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
    offline_keys: tuple[str, ...] = ("email", "phone", "external_id")
    require_page_url: bool = True
    require_lead_id: bool = True
    extra_event_names: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        require_event_source(self.event_source)
        super().__post_init__()
        possible = [name for name in USER_KEYS if name not in INAPPLICABLE_KEYS["offline"]]
        if not self.offline_keys or not set(self.offline_keys) <= set(possible):
            raise ConfigurationError(f"Name some of these in offline_keys: {', '.join(possible)}.")
