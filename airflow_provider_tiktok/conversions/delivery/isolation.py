# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""One batch to one verdict for each of its events, whatever the API says of the whole.

A batch that is refused, or that always fails, is taken apart until the guilty events stand alone: by the
place the API names if it names one and it proves right, else by halves. Innocent events are sent, each once.
The room knows verdicts, not codes.

A fault of the request looks like a fault of each of its events. So an event is called guilty only if the API
names something of it, or if another event is accepted about the same time; with no such proof an event that
was accepted before, perhaps in a former try, is sent once more, as a witness. Where that fails, too, a few
failures in the same words end the run, and no event is blamed.

Where nothing was accepted so far, a few events of the batch are tried alone. The others wait, and the next
batches are tried: rows at the head of a table may all be bad. Once one event is accepted, those that wait
are sent; where several of several batches are refused, the request is at fault.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec import structs

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

FEW = 3
"""So many events of a batch are tried alone. So many that fail in the same words call for the witness."""

ENOUGH = 9
"""So many events that are refused alone, in the same words and with none accepted, blame the request."""

ENOUGH_IN_ANY_WORDS = 30
"""The same for words that differ, as those that name the request do."""

MOST_SET_ASIDE = 20
"""So many events may fail for good, each alone, before the run ends: each costs all attempts of a request."""


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

    :param settled: events of the batch, and suspects of earlier ones that are judged by now.
    :param accepted: parts of the batch that were accepted whole.
    :param stopped_by: the error after which nothing more may be sent, ``None`` to go on.
    :param n_bytes: bytes of event bodies sent, repeats included.
    """

    settled: list[Settled]
    accepted: list[Batch]
    requests: int = 0
    retries: int = 0
    n_bytes: int = 0
    request_ids: list[str]
    stopped_by: Exception | None = None


class Suspect(Sealed, frozen=True, kw_only=True):
    """An event that failed alone, before it is known whether the request was at fault.

    :param words: what the API said; equal for faults of the request.
    :param guilty: its result if the event is at fault.
    :param innocent: its result if the request is.
    :param error: what ends the run if the request is at fault.
    :param is_refused: whether the API refused it; else it did not come to that, after all attempts.
    """

    words: tuple[Any, ...]
    guilty: Settled
    innocent: Settled
    error: Exception
    is_refused: bool


class Doubt:
    """What a run knows of whether a request works at all. Shared by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._suspects: list[Suspect] = []
        self._waiting: list[Batch] = []
        self._n_set_aside = 0
        self.witness: Batch | None = None
        self.error: Exception | None = None

    @property
    def is_open(self) -> bool:
        """Whether anything waits: to be judged, or to be sent."""
        return bool(self._suspects or self._waiting)

    def accept(self, batch: Batch) -> list[Settled]:
        """Events were taken: one of them is the witness from now on; the suspects were guilty."""
        with self._lock:
            self.witness = batch.head()
        return self.clear()

    def make_wait(self, part: Batch) -> bool:
        """Whether the part waits until an event is accepted; it does not where one was."""
        with self._lock:
            if self.witness is None:
                self._waiting.append(part)
            return self.witness is None

    def take_waiting(self) -> list[Batch]:
        """The parts that wait, which are the caller's to send now."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        return waiting

    def clear(self) -> list[Settled]:
        """The request works: the results of the suspects, who were guilty."""
        with self._lock:
            suspects, self._suspects = self._suspects, []
        return [suspect.guilty for suspect in suspects]

    def hold(self, suspect: Suspect) -> bool:
        """Whether so many failed by now that the request may be to blame."""
        with self._lock:
            self._suspects.append(suspect)
            alike = sum(one.words == suspect.words for one in self._suspects)
            is_asked = self.witness is not None or not suspect.is_refused
            return alike >= (FEW if is_asked else ENOUGH) or len(self._suspects) >= ENOUGH_IN_ANY_WORDS

    def blame(self, error: Exception) -> list[Settled]:
        """The request does not work: the results of the suspects, who are innocent.

        :param error: what ends the run.
        """
        with self._lock:
            self.error = self.error or error
        return self.release()

    def release(self) -> list[Settled]:
        """Nothing more is tried: the results of the suspects, who may be innocent."""
        with self._lock:
            suspects, self._suspects = self._suspects, []
        return [suspect.innocent for suspect in suspects]

    @property
    def first_error(self) -> Exception | None:
        """What the first suspect met."""
        return next((suspect.error for suspect in self._suspects), None)

    def set_aside(self) -> bool:
        """Whether one more event may fail for good."""
        with self._lock:
            self._n_set_aside += 1
            return self._n_set_aside <= MOST_SET_ASIDE


def send_apart(
    batch: Batch, *, send: Send, doubt: Doubt, is_stopped: Callable[[], bool] = lambda: False
) -> BatchReport:
    """A result for every event of the batch but those that ``doubt`` holds.

    Sends as few requests as the refusals allow. Never raises: an error of ``send`` is in the report, with the
    events it hit as unconfirmed or undelivered.

    :param is_stopped: whether the run is to end: nothing more is sent.
    """
    return _Isolation(send, doubt, is_stopped).run(batch)


def judge_rest(*, send: Send, doubt: Doubt, is_stopped: Callable[[], bool]) -> BatchReport | None:
    """A result for every event that waits at the end of a run; ``None`` where there is none."""
    return _Isolation(send, doubt, is_stopped).judge() if doubt.is_open else None


class _Isolation:
    """The state of taking one batch apart."""

    def __init__(self, send: Send, doubt: Doubt, is_stopped: Callable[[], bool]) -> None:
        self._send = send
        self._doubt = doubt
        self._is_stopped = is_stopped
        self._report = BatchReport(settled=[], accepted=[], request_ids=[])
        self._todo: list[tuple[Batch, bool]] = []
        self._trusts_places = True
        self._has_proof = False
        self._n_unproved = 0

    def run(self, batch: Batch) -> BatchReport:
        self._todo.append((batch, False))
        self._work()
        return self._report

    def _work(self) -> None:
        while self._todo:
            part, is_named = self._todo.pop()
            if self._report.stopped_by is None:
                self._report.stopped_by = self._doubt.error  # another batch found the request at fault
            if self._has_ended():
                self._settle(part.events, Outcome.UNDELIVERED, reason="not_sent")
            else:
                self._send_part(part, is_named=is_named)

    def _send_part(self, part: Batch, *, is_named: bool) -> None:
        try:
            answer = self._send(part)
        except (RequestError, ConfigurationError) as error:
            self._count(part, attempts=error.attempts, request_id=error.request_id)
            self._fail(part, error)
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
                self._report.accepted.append(part)
                self._prove(self._doubt.accept(part))
            case Verdict.PARTIAL if _names_all(answer, part):
                self._settle_partial(part, answer)
            case Verdict.PARTIAL if len(part.events) == 1:
                self._reject(part.events[0], answer, message=answer.message)
            case Verdict.PARTIAL:
                # Taken in part, without saying which: ask again by halves; the ids make that harmless.
                self._halve(part)
            case Verdict.PAYLOAD if len(part.events) == 1:
                self._refuse(part.events[0], answer)
            case Verdict.PAYLOAD:
                self._take_apart(part, answer)
            case _:
                self._stop(part, _misplaced(answer), is_unconfirmed=True)

    # ------------------------------------------------------------------------------------ one event alone

    def _refuse(self, encoded: Encoded, answer: Answer) -> None:
        """An event that was refused alone: guilty if the API names something of it, else suspect."""
        guilty = _rejected(encoded, answer, message=answer.message)
        if answer.names_event:
            self._report.settled.append(guilty)
            self._prove(self._doubt.clear())
            return
        innocent = _lost(encoded, answer, is_unconfirmed=False)
        words = (answer.code, answer.http_status, answer.message)
        error = _refused_whole(answer)
        self._suspect(Suspect(words=words, guilty=guilty, innocent=innocent, error=error, is_refused=True))

    def _fail_alone(self, encoded: Encoded, error: RequestError | ConfigurationError) -> None:
        """An event whose request fails for good: set aside if others are taken, so that it holds none up."""
        aside = structs.replace(_lost(encoded, error, is_unconfirmed=False), reason="set_aside")
        innocent = _lost(encoded, error, is_unconfirmed=error.is_unconfirmed)
        words = (type(error), error.code, getattr(error, "http_status", None))
        suspect = Suspect(words=words, guilty=aside, innocent=innocent, error=error, is_refused=False)
        if self._doubt.set_aside():
            self._suspect(suspect)
        else:
            self._report.settled.append(innocent)
            self._report.stopped_by = error

    def _suspect(self, suspect: Suspect) -> None:
        """Guilty if something was accepted lately; else held, until so many are that the witness is asked."""
        self._n_unproved += 1
        is_proved = self._has_proof and self._n_unproved <= FEW
        if is_proved:
            self._report.settled.append(suspect.guilty)
        elif self._doubt.hold(suspect) and not self._asks_witness():
            self._report.settled += self._doubt.blame(suspect.error)
            self._report.stopped_by = suspect.error

    def judge(self) -> BatchReport:
        """What became of the suspects that are left at the end of a run, and of what waits."""
        while not self._has_ended() and (error := self._doubt.first_error) and not self._asks_witness():
            waiting = self._doubt.take_waiting()
            for part in waiting:
                self._sample(part)
            self._work()
            if not waiting:
                self._report.settled += self._doubt.blame(error)
                self._report.stopped_by = error
        self._report.settled += self._doubt.release()
        self._todo += [(part, False) for part in self._doubt.take_waiting()]
        self._work()
        return self._report

    def _has_ended(self) -> bool:
        return self._report.stopped_by is not None or self._is_stopped()

    def _asks_witness(self) -> bool:
        """Whether an event that was accepted before is accepted again: the request works."""
        witness = self._doubt.witness
        if witness is None or self._is_stopped():
            return False
        try:
            answer = self._send(witness)
        except (RequestError, ConfigurationError) as error:
            self._count(witness, attempts=error.attempts, request_id=error.request_id)
            return False
        except Exception:  # a fault of ours proves nothing
            return False
        self._count(witness, attempts=answer.attempts, request_id=answer.request_id)
        if answer.verdict is not Verdict.ACCEPTED:
            return False
        self._prove(self._doubt.clear())
        return True

    def _prove(self, judged: list[Settled]) -> None:
        """The API took something, or named what it did not: suspects of before were guilty."""
        self._report.settled += judged
        self._todo += [(part, False) for part in self._doubt.take_waiting()]
        self._has_proof = True
        self._n_unproved = 0

    # ------------------------------------------------------------------------------------ several events

    def _fail(self, part: Batch, error: RequestError | ConfigurationError) -> None:
        """A request that failed for good: taken apart where one event may be the reason, else the end."""
        if not error.may_be_one_event or self._is_stopped():
            self._stop(part, error, is_unconfirmed=error.is_unconfirmed)
        elif len(part.events) == 1:
            self._fail_alone(part.events[0], error)
        elif self._has_proof or self._asks_witness():
            self._has_proof = False  # what fails at length may fail by now for everyone: ask again
            self._halve(part)
        elif self._doubt.witness is None:
            self._sample(part)
        else:
            self._stop(part, error, is_unconfirmed=error.is_unconfirmed)

    def _take_apart(self, part: Batch, answer: Answer) -> None:
        """Split off the event that the API named, else halve.

        Whether the API counts from 0 or 1 is not documented, so the named event is sent alone and its own
        answer decides. Once a named event proves innocent, places are not believed again.
        """
        place = answer.guilty
        if place is not None and self._trusts_places and 0 <= place < len(part.events):
            others = part.events[:place] + part.events[place + 1 :]
            self._todo.append((Batch(group=part.group, events=others), False))
            self._todo.append((Batch(group=part.group, events=(part.events[place],)), True))
        elif answer.names_event or self._doubt.witness is not None:
            self._halve(part)
        else:
            self._sample(part)

    def _halve(self, part: Batch) -> None:
        first, second = part.halves()
        self._todo += [(second, False), (first, False)]

    def _sample(self, part: Batch) -> None:
        """Nothing was accepted yet: try a few events alone, so that one is; the others wait for that."""
        n_events = len(part.events)
        places = sorted({0, n_events // 2, n_events - 1})
        others = tuple(encoded for place, encoded in enumerate(part.events) if place not in places)
        rest = Batch(group=part.group, events=others)
        if others and not self._doubt.make_wait(rest):
            self._todo.append((rest, False))
        for place in reversed(places):
            self._todo.append((Batch(group=part.group, events=(part.events[place],)), False))

    def _settle_partial(self, part: Batch, answer: Answer) -> None:
        taken = tuple(encoded for place, encoded in enumerate(part.events) if place not in answer.failed)
        for place, encoded in enumerate(part.events):
            if place in answer.failed:
                self._reject(encoded, answer, message=answer.failed[place])
        self._settle(taken, Outcome.ACCEPTED, request_id=answer.request_id)
        if taken:
            self._prove(self._doubt.accept(Batch(group=part.group, events=taken)))

    def _stop(self, part: Batch, error: Exception, *, is_unconfirmed: bool) -> None:
        self._report.stopped_by = error
        self._report.settled += [
            _lost(encoded, error, is_unconfirmed=is_unconfirmed) for encoded in part.events
        ]

    def _reject(self, encoded: Encoded, answer: Answer, *, message: str) -> None:
        self._report.settled.append(_rejected(encoded, answer, message=message))

    def _settle(self, events: Sequence[Encoded], outcome: Outcome, **facts: Any) -> None:
        self._report.settled += [Settled(item=encoded.item, outcome=outcome, **facts) for encoded in events]

    def _count(self, part: Batch, *, attempts: int, request_id: str | None) -> None:
        report = self._report
        report.requests += attempts
        report.retries += max(attempts - 1, 0)
        report.n_bytes += attempts * part.n_bytes
        if request_id is not None:
            report.request_ids.append(request_id)


def _rejected(encoded: Encoded, answer: Answer, *, message: str) -> Settled:
    return Settled(
        item=encoded.item,
        outcome=Outcome.REJECTED,
        reason="refused",
        code=answer.code,
        message=message,
        request_id=answer.request_id,
    )


def _lost(encoded: Encoded, why: Exception | Answer, *, is_unconfirmed: bool) -> Settled:
    return Settled(
        item=encoded.item,
        outcome=Outcome.UNCONFIRMED if is_unconfirmed else Outcome.UNDELIVERED,
        reason="answer_lost" if is_unconfirmed else "not_taken",
        code=getattr(why, "code", None),
        request_id=getattr(why, "request_id", None),
    )


def _refused_whole(answer: Answer) -> ConfigurationError:
    return ConfigurationError(
        f"{_ADVICE[answer.http_status == _TOO_LARGE]} The API refuses every event that was tried, each "
        f"alone, in words that name no field of an event: {answer.message or 'no message'} "
        f"({_told_code(answer)}). No event is taken for the reason.",
        code=answer.code,
        request_id=answer.request_id,
        attempts=answer.attempts,
        is_unconfirmed=answer.was_lost_before,
    )


_TOO_LARGE: Final = 413
_ADVICE: Final = {
    True: "Check the host in the connection, and the size of body that a proxy before the API lets through.",
    False: "Check the token, the id of the event source and the test event code.",
}


def _told_code(answer: Answer) -> str:
    return f"HTTP {answer.http_status}" if answer.code is None else f"code {answer.code}"


def _names_all(answer: Answer, part: Batch) -> bool:
    """Whether a partial answer names events, and only events that were in the request."""
    return bool(answer.failed) and all(0 <= place < len(part.events) for place in answer.failed)


def _misplaced(answer: Answer) -> ProtocolError:
    """A destination must raise for every verdict that stops a run; one that answers it is not believed."""
    return ProtocolError(
        f"Make the destination raise where it answered {answer.verdict.value!r}: nothing more is sent.",
        code=answer.code,
        request_id=answer.request_id,
        http_status=answer.http_status,
        attempts=answer.attempts,
        is_unconfirmed=True,
    )
