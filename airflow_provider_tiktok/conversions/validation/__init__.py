# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Validation: what TikTok would refuse in an event, found before it is sent, all of it at once.

One bad event makes TikTok refuse the whole request it is in, so it is cheaper to find it here. Where
TikTok's pages ask for something but do not say what happens without it, the finding is a warning
(``is_fatal`` false): the event is sent and the finding counted. The room knows limits and the time
window; it knows neither columns nor the wire, and it changes nothing.

Sources: TikTok, Events API 2.0, "Report events" (v1.3); TikTok Business Help Center on offline events and
on standard events; TikTok's business SDK 1.1.3, ``PixelProperties``; all read 2026-11.
"""

from airflow_provider_tiktok.conversions.validation.applicability import (
    GROUP_SOURCES,
    INAPPLICABLE_KEYS,
    LIMITED_DATA_USE_SOURCES,
    USER_KEYS,
)
from airflow_provider_tiktok.conversions.validation.checks import (
    CURRENCIES,
    TIKTOK,
    Check,
    check,
    check_contents,
    check_event_id,
    check_every_value,
    check_listed,
    check_money,
    check_time,
    check_user_texts,
    check_vehicle,
)
from airflow_provider_tiktok.conversions.validation.event_source_ids import check_event_source_id
from airflow_provider_tiktok.conversions.validation.leaving_out import leave_out
from airflow_provider_tiktok.conversions.validation.options import SECONDS_PER_DAY, ValidationRules
from airflow_provider_tiktok.conversions.validation.rules import RULES

__all__ = [
    "CURRENCIES",
    "GROUP_SOURCES",
    "INAPPLICABLE_KEYS",
    "LIMITED_DATA_USE_SOURCES",
    "RULES",
    "SECONDS_PER_DAY",
    "TIKTOK",
    "USER_KEYS",
    "Check",
    "ValidationRules",
    "check",
    "check_contents",
    "check_event_id",
    "check_event_source_id",
    "check_every_value",
    "check_listed",
    "check_money",
    "check_time",
    "check_user_texts",
    "check_vehicle",
    "leave_out",
]
