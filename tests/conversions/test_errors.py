# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Errors keep their facts, and their tree is what their module says."""

from __future__ import annotations

import pickle

import pytest

from airflow_provider_tiktok.conversions import errors


@pytest.mark.parametrize(
    "error",
    [
        errors.ConfigurationError("wrong", code=40002, request_id="r", attempts=2, is_unconfirmed=True),
        errors.EventError("milliseconds", remedy="Send seconds.", path="event_time"),
        errors.TransientError("busy", retry_after_s=12.5, code=40100, attempts=3),
        errors.UnconfirmedError("lost", attempts=3),
        errors.AuthorizationError("refused", code=40105, http_status=401),
        errors.ProtocolError("nonsense", http_status=200),
        errors.DeliveryError("too many", receipt={"read": 3}, samples=["a"]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_survives_pickling(error: Exception) -> None:
    """Airflow passes errors between processes: text and facts arrive."""
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (str(copy), vars(copy)) == (str(error), vars(error))


def test_a_lost_answer_is_always_unconfirmed() -> None:
    """No caller can make a lost answer look like one that was never sent."""
    assert errors.UnconfirmedError("lost", is_unconfirmed=False).is_unconfirmed


def test_the_docstring_shows_every_error() -> None:
    """The tree printed at the head of the module is complete."""
    classes = [
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.ConversionsError)
    ]
    assert errors.__doc__ is not None
    assert [name for name in classes if name not in errors.__doc__] == []
    assert len(classes) == 9
