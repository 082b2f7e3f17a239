# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What a page says of deliveries, as plain JSON: filtered, counted by day, compared. Knows no database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from airflow_provider_tiktok.conversions.report import stop_in_words
from airflow_provider_tiktok.plugins.history import Counted, Delivery, Finding, History

OUTCOMES = ("accepted", "rejected", "skipped", "unconfirmed", "undelivered")
MAX_FINDINGS = 8
MAX_TEXT = 300
MAX_KEYS = 6
"""How many match keys the chart of coverage shows."""


class Filter(Struct, frozen=True, kw_only=True):
    """Which deliveries are asked for.

    :param outcome: only deliveries that have events of this outcome.
    """

    destination: str | None = None
    outcome: str | None = None

    def takes(self, delivery: Delivery) -> bool:
        """Whether this is one of them."""
        if self.destination and destination_of(delivery) != self.destination:
            return False
        return self.outcome not in OUTCOMES or bool(getattr(delivery.receipt, self.outcome or ""))


def summarise(history: History, *, wanted: Filter, offset: int, limit: int) -> dict[str, Any]:
    """The page's data.

    :param offset: deliveries that are passed by; figures and charts are of all.
    """
    taken = [delivery for delivery in history.deliveries if wanted.takes(delivery)]
    return {
        "total": len(taken),
        "is_cut": history.is_cut,
        "elsewhere": history.n_elsewhere,
        "counts": _sums(taken),
        "deliveries": [_shown(delivery) for delivery in taken[offset : offset + limit]],
        "days": _by_day(taken),
        "coverage": _coverage_by_day(taken),
        "counted": _compared(history.counted, taken),
        "choices": {
            "dags": history.dag_ids,
            "destinations": sorted({destination_of(delivery) for delivery in history.deliveries}),
        },
    }


def destination_of(delivery: Delivery) -> str:
    """Where a delivery went, as people choose it."""
    receipt = delivery.receipt
    where = [receipt.destination.partition(" (")[0]]
    where += [part for part in (receipt.event_source, receipt.event_source_id) if part]
    kind = " (demo)" if receipt.is_demo else " (test)" if receipt.is_test else ""
    return _short(" ".join(where) + kind)


def _shown(delivery: Delivery) -> dict[str, Any]:
    receipt = delivery.receipt
    return {
        "dag_id": delivery.dag_id,
        "run_id": delivery.run_id,
        "task_id": delivery.task_id,
        "map_index": delivery.map_index,
        "at": _utc(delivery.at).isoformat(timespec="seconds"),
        "is_former": delivery.is_former,
        "destination": destination_of(delivery),
        "read": receipt.read,
        **{name: getattr(receipt, name) for name in OUTCOMES},
        "is_complete": receipt.is_complete,
        "stopped_by": receipt.stopped_by and _short(stop_in_words(receipt.stopped_by)),
        "reasons": _findings(receipt.violations),
        "warnings": _findings(receipt.warnings),
        "dropped": _findings(receipt.dropped),
        "coverage": _shares(receipt.match_keys, receipt.eligible),
        "dead_letters": receipt.dead_letters,
        "dead_letter_path": receipt.dead_letter_path and _short(receipt.dead_letter_path),
        "requests": receipt.requests,
        "retries": receipt.retries,
        "seconds": round(receipt.seconds, 1),
    }


def _findings(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [
        {"rule": _short(finding.rule), "count": finding.count, "remedy": _short(finding.remedy)}
        for finding in findings[:MAX_FINDINGS]
    ]


def _shares(keys: Mapping[str, int], eligible: int) -> dict[str, float]:
    """Key to percent, the most frequent first."""
    if eligible <= 0:
        return {}
    ranked = sorted(keys.items(), key=lambda item: (-item[1], item[0]))
    return {_short(key): round(100 * count / eligible, 1) for key, count in ranked}


def _sums(deliveries: Iterable[Delivery]) -> dict[str, int]:
    sums = dict.fromkeys(("read", *OUTCOMES), 0)
    for delivery in deliveries:
        for name in sums:
            sums[name] += getattr(delivery.receipt, name)
    return sums


def _by_day(deliveries: Iterable[Delivery]) -> list[dict[str, Any]]:
    """Events by outcome for each day that has any, oldest first."""
    return [{"day": day, **_sums(group)} for day, group in _days(deliveries)]


def _coverage_by_day(deliveries: Iterable[Delivery]) -> dict[str, Any]:
    """Percent of each day's events that carry a key, of the keys that are most frequent over all."""
    days, everywhere = [], defaultdict[str, int](int)
    for day, group in _days(deliveries):
        keys: dict[str, int] = defaultdict(int)
        for delivery in group:
            for key, count in delivery.receipt.match_keys.items():
                keys[key] += count
                everywhere[key] += count
        eligible = sum(delivery.receipt.eligible for delivery in group)
        if eligible > 0:
            days.append({"day": day, "shares": _shares(keys, eligible)})
    ranked = sorted(everywhere, key=lambda key: (-everywhere[key], key))
    return {"keys": [_short(key) for key in ranked[:MAX_KEYS]], "days": days}


def _compared(counted: Iterable[Counted], deliveries: Sequence[Delivery]) -> list[dict[str, Any]]:
    """What the uploads of a run had accepted, beside what TikTok counted by the end of the same run."""
    accepted: dict[tuple[str, str], int] = defaultdict(int)
    for delivery in deliveries:
        if not delivery.is_former:
            accepted[delivery.dag_id, delivery.run_id] += delivery.receipt.accepted
    return [
        {
            "dag_id": sight.dag_id,
            "run_id": sight.run_id,
            "pixel_code": sight.pixel_code,
            "first_day": sight.first_day,
            "last_day": sight.last_day,
            "accepted": accepted[sight.dag_id, sight.run_id],
            "counted": sight.server_events,
        }
        for sight in sorted(counted, key=lambda sight: sight.at)
        if (sight.dag_id, sight.run_id) in accepted
    ][-30:]


def _days(deliveries: Iterable[Delivery]) -> list[tuple[str, list[Delivery]]]:
    groups: dict[str, list[Delivery]] = defaultdict(list)
    for delivery in deliveries:
        groups[_utc(delivery.at).date().isoformat()].append(delivery)
    return sorted(groups.items())


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _short(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"
