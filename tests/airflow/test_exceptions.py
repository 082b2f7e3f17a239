# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pickle
from collections.abc import Iterator

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_tiktok.conversions.errors import (
    AuthorizationError,
    ConfigurationError,
    ConversionsError,
    DeliveryError,
    EventError,
    ProtocolError,
    TransientError,
    UnconfirmedError,
)
from airflow_provider_tiktok.exceptions import (
    PermanentFailure,
    TemporaryFailure,
    as_airflow_failure,
    failing_as_airflow,
    raise_as_airflow,
)


def receipt(**counts: int) -> dict[str, int]:
    return {"rejected": 0, "unconfirmed": 0, "undelivered": 0, **counts}


CASES = [
    (ConfigurationError("no such column"), PermanentFailure),
    (AuthorizationError("token refused", code=40105), PermanentFailure),
    (EventError("missing", path="event_time", remedy="Map it."), PermanentFailure),
    (DeliveryError("too many", receipt=receipt(rejected=3)), PermanentFailure),
    (DeliveryError("not all", receipt=receipt(rejected=3, undelivered=1)), TemporaryFailure),
    (DeliveryError("not all", receipt=receipt(unconfirmed=1)), TemporaryFailure),
    (TransientError("busy", retry_after_s=7.5, request_id="r-1"), TemporaryFailure),
    (UnconfirmedError("no answer"), TemporaryFailure),
    (ProtocolError("no sense"), TemporaryFailure),
    (ConversionsError("anything else"), TemporaryFailure),
]


@pytest.mark.parametrize(("error", "kind"), CASES, ids=lambda case: getattr(case, "__name__", repr(case)))
def test_each_error_has_its_end(error: ConversionsError, kind: type[Exception]):
    """What a person must mend fails the task for good; what time may mend is left to Airflow's retries."""
    failure = as_airflow_failure(error)
    assert type(failure) is kind
    assert isinstance(failure, AirflowFailException) is (kind is PermanentFailure)
    assert isinstance(failure, AirflowException)


@pytest.mark.parametrize(("error", "kind"), CASES, ids=lambda case: getattr(case, "__name__", repr(case)))
def test_facts_survive_pickling(error: ConversionsError, kind: type[Exception]):
    """Airflow hands failures between processes: text and facts arrive."""
    failure = as_airflow_failure(error)
    assert isinstance(failure, kind)
    again = pickle.loads(pickle.dumps(failure))
    assert type(again) is kind
    assert (str(again), again.kind, again.facts) == (str(failure), failure.kind, failure.facts)  # type: ignore[attr-defined]
    assert again.kind == type(error).__name__


def test_facts_are_kept():
    """What the library knows of the failed request can be read from the failure."""
    failure = as_airflow_failure(TransientError("busy", retry_after_s=7.5, request_id="r-1", http_status=429))
    assert isinstance(failure, TemporaryFailure)
    assert failure.retry_after_s == 7.5
    assert failure.facts["request_id"] == "r-1"
    assert failure.facts["http_status"] == 429


def test_event_error_tells_path_rule_and_remedy():
    """An event error's own text is only the rule's name."""
    failure = as_airflow_failure(EventError("missing", path="event_time", remedy="Map it."))
    assert str(failure) == "Map it. Found in event_time: missing."


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("defect"), AirflowException("theirs")])
def test_foreign_errors_stay_as_they_are(error: BaseException):
    """A timeout, an interruption and a defect are not dressed up as anything else."""
    assert as_airflow_failure(error) is error


def test_context_raises_as_airflow():
    """Within the context a library error leaves as Airflow's: one traceback, which still leads to its place."""
    cause = ConfigurationError("no such column")
    with pytest.raises(PermanentFailure, match="no such column") as caught, failing_as_airflow():
        raise cause
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert caught.traceback[-1].frame.code.name == "test_context_raises_as_airflow"


def causes(error: BaseException | None, *, seen: tuple[int, ...] = ()) -> Iterator[BaseException]:
    """The error, and everything that its traceback shows besides; a circle fails."""
    if error is None:
        return
    assert id(error) not in seen, f"{type(error).__name__} is its own cause"
    yield error
    for other in (error.__cause__, error.__context__):
        yield from causes(other, seen=(*seen, id(error)))


@pytest.mark.parametrize(
    "error",
    [
        *(error for error, _ in CASES),
        ValueError("defect"),
        KeyboardInterrupt(),
        SystemExit(1),
        TimeoutError(),
        RecursionError(),
        AirflowException("theirs"),
        AirflowFailException("theirs"),
        PermanentFailure("ours already"),
        TemporaryFailure("ours already"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("is_caught", [True, False])
def test_no_error_is_its_own_cause(error: BaseException, is_caught: bool):
    """Whoever follows causes comes to an end, whatever ended the run and wherever it is raised again."""
    with pytest.raises(BaseException) as raised:  # noqa: PT011  any, that is the case
        if not is_caught:
            raise_as_airflow(error)
        try:
            raise error
        except BaseException as caught:
            raise_as_airflow(caught)
    assert error in list(causes(raised.value)) or raised.value.kind == type(error).__name__  # type: ignore[attr-defined]
