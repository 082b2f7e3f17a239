# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Metrics of a delivery through Airflow's own ``Stats``: StatsD, OpenTelemetry, Datadog, as configured.

A try of a resumed run counts what it added: its receipt holds the tries before it, which were counted then.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_tiktok.task.checkpoints import tries_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

log = logging.getLogger(__name__)

KEY = "airflow_provider_tiktok.counted"
"""Under which the task's state keeps what former tries counted."""

OUTCOMES = ("accepted", "rejected", "skipped", "unconfirmed", "undelivered")
_COUNTERS = {**{name: f"tiktok.events.{name}" for name in OUTCOMES}}
_COUNTERS |= {name: f"tiktok.{name}" for name in ("requests", "retries")}


def count_delivery(
    context: Context, *, told: Mapping[str, Any], clock: Callable[[], float] = time.time
) -> None:
    """Send the metrics of a delivery that ended, well or not.

    :param told: the receipt, with where it went.
    :param clock: Unix seconds.
    """
    try:
        _count(context, told, now=clock())
    except Exception as error:
        log.warning("The metrics of this delivery are not sent (%s).", type(error).__name__)


def _count(context: Context, told: Mapping[str, Any], *, now: float) -> None:
    from airflow.providers.common.compat.sdk import Stats

    former = _swap_former(context, told)
    tags = {"destination": destination_of(told), "dag_id": str(getattr(context.get("ti"), "dag_id", ""))}
    for name, metric in _COUNTERS.items():
        added = told[name] - former.get(name, 0)
        if added > 0:
            Stats.incr(metric, added, tags=tags)
    seconds = max(0.0, told["seconds"] - former.get("seconds", 0.0))
    Stats.timing("tiktok.duration", timedelta(seconds=seconds), tags=tags)
    oldest = told.get("oldest_event_time")
    if oldest is not None:
        Stats.gauge("tiktok.oldest_event_age", max(0, round(now - oldest)), tags=tags)


def destination_of(told: Mapping[str, Any]) -> str:
    """The destination as one short word: ``tiktok``, ``liveramp``; what reached no campaign says so."""
    name = str(told["destination"]).partition(" ")[0].lower()
    kind = "_demo" if told.get("is_demo") else "_test" if told.get("is_test") else ""
    return f"{name}{kind}"


def _swap_former(context: Context, told: Mapping[str, Any]) -> dict[str, Any]:
    """What former tries of this run counted and this receipt holds; the receipt takes its place."""
    store = context.get("task_state_store")
    if store is None:
        return {}
    counted = {name: told[name] for name in (*_COUNTERS, "seconds")}
    counted["tries"] = tries_of(context["ti"])
    former = store.get(KEY)
    store.set(KEY, counted)
    if not isinstance(former, dict) or former.get("tries") != counted["tries"]:
        return {}
    # A try that found every event delivered gives the same receipt again.
    return former if told.get("resumed_from") or former == counted else {}
