# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The library's errors as Airflow's: which fail the task for good, and which let Airflow try again.

This is the only place that decides it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_tiktok.conversions.errors import (
    AuthorizationError,
    ConfigurationError,
    ConversionsError,
    DeliveryError,
    EventError,
)

_NEVER_HELPED_BY_A_RETRY = (ConfigurationError, AuthorizationError, EventError)


class _Failure(AirflowException):
    """A library error as Airflow's.

    :param kind: class name of the library's error.
    :param facts: what the library's error carries: codes, ids of requests, counts; no event and no secret.
    """

    def __init__(self, message: str, *, kind: str = "", facts: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.facts = facts or {}


class PermanentFailure(_Failure, AirflowFailException):
    """Another try cannot help: a person must change a setting, a token or the data."""


class TemporaryFailure(_Failure):
    """Another try may help; it sends the same events with the same ids."""

    @property
    def retry_after_s(self) -> float | None:
        """Seconds the server asked to wait, ``None`` where it named none."""
        return self.facts.get("retry_after_s")


def as_airflow_failure(error: BaseException) -> BaseException:
    """The exception to raise in a task in place of this one; what is not the library's stays as it is."""
    if not isinstance(error, ConversionsError):
        return error
    failure = TemporaryFailure if can_retry_help(error) else PermanentFailure
    return failure(_text(error), kind=type(error).__name__, facts=dict(vars(error)))


def raise_as_airflow(error: BaseException) -> NoReturn:
    """The error is raised as Airflow's, in its place: with its traceback, and without a cause.

    Airflow's log prints a cause whole, and the library's error says the same words. An error that stays as it
    is keeps what caused it.
    """
    failure = as_airflow_failure(error)
    if failure is error:
        raise error
    raise failure.with_traceback(error.__traceback__) from None


def can_retry_help(error: ConversionsError) -> bool:
    """Whether the same task may succeed when nothing but the time has changed.

    Rejected events are rejected again. Events that were not delivered, or whose answer was lost, are worth
    another try even where others were rejected.
    """
    if isinstance(error, DeliveryError):
        return any(error.receipt.get(count) for count in ("unconfirmed", "undelivered"))
    return not isinstance(error, _NEVER_HELPED_BY_A_RETRY)


def _text(error: ConversionsError) -> str:
    if isinstance(error, EventError):
        return f"{error.remedy or 'Mend the event.'} Found in {error.path or 'event'}: {error.rule}."
    return str(error)


@contextmanager
def failing_as_airflow() -> Iterator[None]:
    """Within it, the library's errors are raised as Airflow's."""
    try:
        yield
    except ConversionsError as error:
        raise_as_airflow(error)
