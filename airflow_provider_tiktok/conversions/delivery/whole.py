# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""One receipt of many: what became of an upload whose parts were sent by tasks of their own.

A part that left no receipt is as much a part of the whole as one that did: how many of its rows were read,
and what became of them, is not known, and the whole says so.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airflow_provider_tiktok.conversions.delivery.receipt import (
    MAX_REQUEST_IDS,
    MAX_RULES_TOLD,
    Finding,
    Receipt,
)
from airflow_provider_tiktok.conversions.event_names import OTHERS
from airflow_provider_tiktok.conversions.sealed import Sealed

COMPLETE = "success"
"""The one state that Airflow gives a task that did what it was to do."""

MAX_PARTS_TOLD = 20

_NUMBER_OF_PART = re.compile(r"@\d+(?=\.jsonl$)")
_ROW_OF_PART = re.compile(r"^Row \d+: ")
_SUMMED = (
    *("rows", "read", "accepted", "rejected", "skipped", "unconfirmed", "undelivered", "eligible"),
    *("requests", "retries", "n_bytes", "dead_letters", "resumed_from"),
)


class Part(Sealed, frozen=True, kw_only=True):
    """What is known of one part.

    :param number: of the mapped task, from 0; -1 for a task that was never mapped.
    :param state: the task's, in Airflow's word; ``None`` for one that never ran.
    :param receipt: ``None`` where the part left none.
    :param source: what it read, in words.
    :param host: the machine that it ran on.
    :param letters_left: where its dead letters are, if it left some and no receipt.
    """

    number: int
    state: str | None
    receipt: Receipt | None
    source: str | None = None
    host: str | None = None
    letters_left: str | None = None

    @property
    def dead_letter_path(self) -> str | None:
        """Where its dead letters are; ``None`` where none are known."""
        return self.letters_left if self.receipt is None else self.receipt.dead_letter_path

    @property
    def is_complete(self) -> bool:
        """Whether its task succeeded, and its receipt says that all was delivered."""
        receipt = self.receipt
        if self.state != COMPLETE or receipt is None or not receipt.is_complete:
            return False
        return not (receipt.unconfirmed or receipt.undelivered or receipt.stopped_by)

    def in_words(self) -> str:
        """What became of the part."""
        name = self.source or (f"part {self.number + 1}" if self.number >= 0 else "every part")
        told = "no receipt" if self.receipt is None else f"{self.receipt.accepted} accepted"
        where = f" on {self.host}" if self.host else ""
        return f"{name}: {self.state or 'never ran'}, {told}{where}"

    def as_dict(self) -> dict[str, Any]:
        """The part in JSON's own types, with its counts."""
        counts = ("read", "accepted", "rejected", "skipped", "unconfirmed", "undelivered", "dead_letters")
        receipt = self.receipt
        return {
            "map_index": self.number,
            "source": self.source,
            "state": self.state,
            "host": self.host,
            "receipt": None if receipt is None else {name: getattr(receipt, name) for name in counts},
            "dead_letter_path": self.dead_letter_path,
        }


class Whole(Sealed, frozen=True, kw_only=True):
    """The receipt of a whole upload.

    :param receipt: the sum of the parts' receipts.
    :param expected: how many parts there should be.
    """

    receipt: Receipt
    parts: tuple[Part, ...]
    expected: int

    @property
    def incomplete(self) -> list[Part]:
        """The parts that are not known to be delivered."""
        return [part for part in self.parts if not part.is_complete]

    @property
    def n_unseen(self) -> int:
        """Parts that there is no task of."""
        return max(0, self.expected - len(self.parts))

    def faults(self, *, max_rejected: int, max_rejected_share: float | None) -> list[str]:
        """Why the whole is not what was promised, in words; empty where it is.

        :param max_rejected_share: of the events read, in place of ``max_rejected``.
        """
        return [*self._missing(), *self._rejected(max_rejected, max_rejected_share)]

    def _missing(self) -> Iterable[str]:
        if not self.parts:
            yield "No part ran."
        if self.n_unseen:
            yield f"{self.n_unseen} of {self.expected} parts have no task."
        if found := self.incomplete:
            told = "; ".join(part.in_words() for part in found[:MAX_PARTS_TOLD])
            more = f"; and {len(found) - MAX_PARTS_TOLD} more" if len(found) > MAX_PARTS_TOLD else ""
            yield f"{len(found)} of {self.expected} parts are not complete: {told}{more}."

    def _rejected(self, max_rejected: int, share: float | None) -> Iterable[str]:
        receipt = self.receipt
        limit = max_rejected if share is None else int(share * receipt.read)
        if receipt.rejected > limit:
            setting = f"max_rejected={max_rejected}" if share is None else f"max_rejected_share={share}"
            rules = "; ".join(f"{one.rule} ({one.count}x)" for one in receipt.violations[:3])
            yield (
                f"{receipt.rejected} of {receipt.read} events were rejected, more than {setting}."
                f"{f' Most frequent: {rules}.' if rules else ''}"
            )

    def as_dict(self) -> dict[str, Any]:
        """The receipt in JSON's own types, with what is known of the parts: all that are not complete."""
        states = Counter(part.state or "never ran" for part in self.parts)
        hosts = sorted({part.host for part in self.parts if part.host})
        return {
            **self.receipt.as_dict(),
            "parts": {
                "expected": self.expected,
                "complete": len(self.parts) - len(self.incomplete),
                "without_receipt": [part.number for part in self.parts if part.receipt is None],
                "states": dict(states),
                "hosts": hosts,
                "incomplete": [part.as_dict() for part in self.incomplete[:MAX_PARTS_TOLD]],
            },
        }


def add_up(parts: Sequence[Part], *, expected: int) -> Whole:
    """The whole of these parts."""
    receipts = [part.receipt for part in parts if part.receipt is not None]
    times = [one.oldest_event_time for one in receipts if one.oldest_event_time is not None]
    stops = sorted({one.stopped_by for one in receipts if one.stopped_by})
    is_complete = len(parts) >= expected and bool(parts) and all(part.is_complete for part in parts)
    receipt = Receipt(
        **{name: sum(getattr(one, name) for one in receipts) for name in _SUMMED},
        destination=" and ".join(sorted({one.destination for one in receipts})) or "nowhere",
        is_complete=is_complete,
        stopped_by=", ".join(stops) or None,
        seconds=round(sum(one.seconds for one in receipts), 3),
        request_ids=tuple(_some_ids(receipts)),
        dead_letter_path=common_pattern([path for part in parts if (path := part.dead_letter_path)]),
        oldest_event_time=min(times, default=None),
        violations=_merged(one.violations for one in receipts),
        warnings=_merged(one.warnings for one in receipts),
        dropped=_merged(one.dropped for one in receipts),
        reasons=_counted(one.reasons for one in receipts),
        event_names=_counted(one.event_names for one in receipts),
        match_keys=_counted(one.match_keys for one in receipts),
    )
    return Whole(receipt=receipt, parts=tuple(parts), expected=expected)


def common_pattern(paths: Sequence[str]) -> str | None:
    """One path or pattern that leads to the letters of all parts; ``None`` where there is none.

    In an object storage the letters of a part are a folder of objects.
    """
    patterns = {_NUMBER_OF_PART.sub("@*", path) for path in paths}
    if len(patterns) != 1:
        return None
    pattern = patterns.pop()
    return f"{pattern}/*" if "://" in pattern and "@*" in pattern else pattern


def _some_ids(receipts: Iterable[Receipt]) -> list[str]:
    return [one.request_ids[0] for one in receipts if one.request_ids][:MAX_REQUEST_IDS]


def _counted(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        for name, count in one.items():
            total[name if name in total or len(total) < MAX_RULES_TOLD else OTHERS] += count
    return dict(total)


def _merged(findings: Iterable[Iterable[Finding]]) -> tuple[Finding, ...]:
    """The findings of all parts, most frequent first; a row's number means nothing beyond its part."""
    counts: Counter[str] = Counter()
    remedies: dict[str, str] = {}
    for finding in (finding for each in findings for finding in each):
        rule = finding.rule if finding.rule in counts or len(counts) < MAX_RULES_TOLD else OTHERS
        counts[rule] += finding.count
        remedies.setdefault(rule, "" if rule == OTHERS else _ROW_OF_PART.sub("", finding.remedy))
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Finding(rule=rule, count=n, rows=(), remedy=remedies[rule]) for rule, n in ordered)
