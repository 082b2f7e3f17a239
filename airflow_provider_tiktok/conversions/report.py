# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Receipts in words for people: what a task's log shows at the end of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_tiktok.conversions.delivery.receipt import Finding, Receipt

_STOPS: Mapping[str, str] = {
    "ConfigurationError": "a setting that you must change",
    "AuthorizationError": "a refused token",
    "TransientError": "a fault that may pass by itself",
    "UnconfirmedError": "an answer that was lost",
    "ProtocolError": "an answer that is not understood",
    "EventError": "an event that cannot be sent",
    "EventErrors": "an event that cannot be sent",
    "DeliveryError": "rejected or undelivered events",
    "AirflowTaskTimeout": "the task's time limit",
    "AirflowTaskTerminated": "Airflow, which ended the task",
    "KeyboardInterrupt": "an interruption",
    "SystemExit": "an interruption",
    "MemoryError": "a lack of memory",
}
"""Class of what ended a run to its words."""

_OUTCOMES = ("accepted", "rejected", "skipped", "unconfirmed", "undelivered")


def as_table(receipt: Receipt) -> str:
    """The receipt as one readable table of plain text, without a trailing line break."""
    return "\n".join(line.rstrip() for line in _lines(receipt))


def _lines(receipt: Receipt) -> Iterator[str]:
    yield f"Receipt of the delivery to {receipt.destination}"
    if receipt.stopped_by and not receipt.rows:
        yield f"  The run was stopped before the first row, by {stop_in_words(receipt.stopped_by)}."
        return
    to_its_end = "" if receipt.is_complete else "the source was not read to its end"
    yield from _columns(
        [
            ("source rows read", f"{receipt.rows:,}", to_its_end),
            ("events", f"{receipt.read:,}", ""),
            *((f"  {name}", f"{getattr(receipt, name):,}", _share(receipt, name)) for name in _OUTCOMES),
        ]
    )
    yield from _columns(
        [
            ("requests", f"{receipt.requests:,}", f"{receipt.retries:,} of them repeated"),
            ("bytes of events", f"{receipt.n_bytes:,}", ""),
            ("seconds", f"{receipt.seconds:,.1f}", _rate(receipt)),
        ]
    )
    if receipt.resumed_from:
        yield f"  A former try had settled the first {receipt.resumed_from:,} rows; the counts hold both."
    if receipt.stopped_by:
        yield f"  The run was stopped by {stop_in_words(receipt.stopped_by)}."
    yield from _findings("Why events were rejected", receipt.violations)
    yield from _findings("Warnings, which keep no event back", receipt.warnings)
    yield from _findings("Values left out", receipt.dropped)
    yield from _coverage(receipt)
    if receipt.dead_letter_path:
        yield f"{receipt.dead_letters:,} dead letters in {receipt.dead_letter_path}"
    if receipt.request_ids:
        yield f"Request ids to quote: {', '.join(receipt.request_ids[:3])}"


def stop_in_words(kind: str) -> str:
    """What ended the run, in words; of what is not known, its name."""
    return _STOPS.get(kind, f"an unexpected fault ({kind})")


def _share(receipt: Receipt, name: str) -> str:
    count = getattr(receipt, name)
    return f"{100 * count / receipt.read:.1f} %" if count and receipt.read else ""


def _rate(receipt: Receipt) -> str:
    return f"{receipt.read / receipt.seconds:,.0f} events/s" if receipt.seconds else ""


def _findings(title: str, findings: Sequence[Finding]) -> Iterator[str]:
    if not findings:
        return
    yield title
    yield from _columns([(finding.rule, f"{finding.count:,}", _rows_told(finding)) for finding in findings])


def _rows_told(finding: Finding) -> str:
    if not finding.rows:
        return finding.remedy
    rows = ", ".join(str(row) for row in finding.rows)
    more = ", …" if finding.count > len(finding.rows) else ""
    return f"rows {rows}{more}  {finding.remedy}"


def _coverage(receipt: Receipt) -> Iterator[str]:
    if not receipt.eligible:
        return
    yield f"Match keys of the {receipt.eligible:,} events fit to be sent"
    share = 100 / receipt.eligible
    keys = sorted(receipt.match_keys.items(), key=lambda item: -item[1])
    yield from _columns([(key, f"{count:,}", f"{share * count:.1f} %") for key, count in keys])


def _columns(rows: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    """Name, right-aligned number, remark."""
    rows = list(rows)
    name_width = max((len(name) for name, _, _ in rows), default=0)
    number_width = max((len(number) for _, number, _ in rows), default=0)
    for name, number, remark in rows:
        yield f"  {name:<{name_width}}  {number:>{number_width}}  {remark}"
