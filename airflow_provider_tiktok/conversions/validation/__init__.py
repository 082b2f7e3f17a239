# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Validation: checks for destinations to pick from, and what an event may go without.

What an API would refuse in an event is found before it is sent, all of it at once. The room knows neither
columns, nor the wire, nor any API, and it changes nothing but what is left out.
"""

from airflow_provider_tiktok.conversions.validation.checks import (
    ABSENCES,
    Check,
    ChosenChecks,
    check_att_status,
    check_contents,
    check_digests,
    check_event_id,
    check_every_value,
    check_ip,
    check_listed,
    check_locale,
    check_money,
    check_time,
    check_vehicle,
    members,
)
from airflow_provider_tiktok.conversions.validation.leaving_out import leave_out
from airflow_provider_tiktok.conversions.validation.options import SECONDS_PER_DAY, TimeRules

__all__ = [
    "ABSENCES",
    "SECONDS_PER_DAY",
    "Check",
    "ChosenChecks",
    "TimeRules",
    "check_att_status",
    "check_contents",
    "check_digests",
    "check_event_id",
    "check_every_value",
    "check_ip",
    "check_listed",
    "check_locale",
    "check_money",
    "check_time",
    "check_vehicle",
    "leave_out",
    "members",
]
