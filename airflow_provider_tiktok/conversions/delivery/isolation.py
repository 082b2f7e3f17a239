# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""One batch to one verdict for each of its events, whatever the API says of the whole.

A refused batch is taken apart until the guilty events stand alone: by the place the API names if it
names one and it proves right, else by halves. Innocent events are sent, each once. The room knows
verdicts, not codes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from airflow_provider_tiktok.conversions.answers import Answer, Verdict
from airflow_provider_tiktok.conversions.batching import Batch, Encoded
from airflow_provider_tiktok.conversions.errors import (
    ConfigurationError,
    ProtocolError,
    RequestError,
)
from airflow_provider_tiktok.conversions.events import Outcome
from airflow_provider_tiktok.conversions.sealed import Sealed, SealedRecord

Send = Callable[[Batch], Answer]


class Budget:
    """How many requests a run may spend on taking refused batches apart. Shared by threads.

    :param requests: ``None`` for no bound.
    """

    def __init__(self, requests: int | None) -> None:
        self._left = requests
        self._lock = threading.Lock()

    def spend(self) -> bool:
        """Whether one more request was left; it is taken."""
        with self._lock:
            if self._left is None:
                return True
            self._left -= 1
            return self._left >= 0


class Settled(Sealed, frozen=True, kw_only=True):
    """What became of one encoded event.

    :param item: what the caller packed with the event.
    """

    item: Any
    outcome: Outcome
    reason: str = ""
    code: int | None = None
    message: str | None = None
    request_id: str | None = None


class BatchReport(SealedRecord, kw_only=True):
    """What became of one batch.

    :param stopped_by: the error after which nothing more may be sent, ``None`` to go on.
    :param n_bytes: bytes of event bodies sent, repeats included.
    """

    settled: list[Settled]
    requests: int = 0
    retries: int = 0
    n_bytes: int = 0
    request_ids: list[str]
    stopped_by: Exception | None = None


def send_apart(batch: Batch, *, send: Send, budget: Budget) -> BatchReport:
    """A result for every event of the batch; sends as few requests as its refusals allow.

    Never raises: an error of ``send`` is in the report, with the events it hit as unconfirmed or
    undelivered.
    """
    return _Isolation(send, budget).run(batch)


class _Isolation:
    """The state of taking one batch apart."""

    def __init__(self, send: Send, budget: Budget) -> None:
        self._send = send
        self._budget = budget
        self._report = BatchReport(settled=[], request_ids=[])
        self._todo: list[tuple[Batch, bool]] = []
        self._trusts_places = True

    def run(self, batch: Batch) -> BatchReport:
        self._send_part(batch, is_named=False)
        while self._todo:
            part, is_named = self._todo.pop()
            if self._report.stopped_by is not None:
                self._settle(part.events, Outcome.UNDELIVERED, reason="not_sent")
            elif not self._budget.spend():
                self._settle(part.events, Outcome.UNDELIVERED, reason="isolation_budget_spent")
            else:
                self._send_part(part, is_named=is_named)
        return self._report

    def _send_part(self, part: Batch, *, is_named: bool) -> None:
        try:
            answer = self._send(part)
        except (RequestError, ConfigurationError) as error:
            self._count(part, attempts=error.attempts, request_id=error.request_id)
            self._stop(part, error, is_unconfirmed=error.is_unconfirmed)
            return
        except Exception as error:  # a fault of ours: it may have sent before it broke
            self._count(part, attempts=1, request_id=None)
            self._stop(part, error, is_unconfirmed=True)
            return
        self._count(part, attempts=answer.attempts, request_id=answer.request_id)
        if is_named and answer.verdict is Verdict.ACCEPTED:
            self._trusts_places = False
        match answer.verdict:
            case Verdict.ACCEPTED:
                self._settle(part.events, Outcome.ACCEPTED, request_id=answer.request_id)
            case Verdict.PARTIAL if _names_all(answer, part):
                self._settle_partial(part, answer)
            case Verdict.PARTIAL | Verdict.PAYLOAD if len(part.events) == 1:
                self._reject(part.events[0], answer, message=answer.message)
            case Verdict.PARTIAL:
                # Taken in part, without saying which: ask again by halves; the ids make that harmless.
                self._halve(part)
            case Verdict.PAYLOAD:
                self._take_apart(part, answer.guilty)
            case _:
                self._stop(part, _misplaced(answer), is_unconfirmed=True)

    def _settle_partial(self, part: Batch, answer: Answer) -> None:
        for place, encoded in enumerate(part.events):
            if place in answer.failed:
                self._reject(encoded, answer, message=answer.failed[place])
            else:
                self._settle((encoded,), Outcome.ACCEPTED, request_id=answer.request_id)

    def _take_apart(self, part: Batch, place: int | None) -> None:
        """Split off the event that the API named, else halve.

        Whether the API counts from 0 or 1 is not documented, so the named event is sent alone and its own
        answer decides. Once a named event proves innocent, places are not believed again.
        """
        if place is None or not self._trusts_places or not 0 <= place < len(part.events):
            self._halve(part)
            return
        others = part.events[:place] + part.events[place + 1 :]
        self._todo.append((Batch(group=part.group, events=others), False))
        self._todo.append((Batch(group=part.group, events=(part.events[place],)), True))

    def _halve(self, part: Batch) -> None:
        first, second = part.halves()
        self._todo += [(second, False), (first, False)]

    def _stop(self, part: Batch, error: Exception, *, is_unconfirmed: bool) -> None:
        self._report.stopped_by = error
        self._settle(
            part.events,
            Outcome.UNCONFIRMED if is_unconfirmed else Outcome.UNDELIVERED,
            reason="answer_lost" if is_unconfirmed else "not_taken",
            code=getattr(error, "code", None),
            request_id=getattr(error, "request_id", None),
        )

    def _reject(self, encoded: Encoded, answer: Answer, *, message: str) -> None:
        self._settle(
            (encoded,),
            Outcome.REJECTED,
            reason="refused",
            code=answer.code,
            message=message,
            request_id=answer.request_id,
        )

    def _settle(self, events: Sequence[Encoded], outcome: Outcome, **facts: Any) -> None:
        self._report.settled += [Settled(item=encoded.item, outcome=outcome, **facts) for encoded in events]

    def _count(self, part: Batch, *, attempts: int, request_id: str | None) -> None:
        report = self._report
        report.requests += attempts
        report.retries += max(attempts - 1, 0)
        report.n_bytes += attempts * sum(len(encoded.body) for encoded in part.events)
        if request_id is not None:
            report.request_ids.append(request_id)


def _names_all(answer: Answer, part: Batch) -> bool:
    """Whether a partial answer names events, and only events that were in the request."""
    return bool(answer.failed) and all(0 <= place < len(part.events) for place in answer.failed)


def _misplaced(answer: Answer) -> ProtocolError:
    """A destination must raise for every verdict that stops a run; one that answers it is not believed."""
    return ProtocolError(
        f"The destination answered {answer.verdict.value!r} where it must raise: nothing more is sent.",
        code=answer.code,
        request_id=answer.request_id,
        http_status=answer.http_status,
        attempts=answer.attempts,
        is_unconfirmed=True,
    )
