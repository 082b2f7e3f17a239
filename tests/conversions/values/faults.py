# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""How the tests of values look at a refusal."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from airflow_provider_tiktok.conversions.errors import EventError
from airflow_provider_tiktok.conversions.values import EventErrors
from airflow_provider_tiktok.conversions.values.scalars import Converter


def refused(convert: Converter, raw: object, **arguments: Any) -> EventError:
    """The error that a converter raises; that it has no other one behind it, and a remedy, is checked."""
    with pytest.raises(EventError) as caught:
        convert(raw, **arguments)
    for error in (caught.value, *getattr(caught.value, "errors", ())):
        assert error.__context__ is None
        assert error.__cause__ is None
        assert isinstance(error, EventErrors) or error.remedy
    return caught.value


def rule_of(convert: Converter, raw: object, **arguments: Any) -> str:
    """The one rule that a value breaks."""
    return refused(convert, raw, **arguments).rule


def rules_of(convert: Converter, raw: object, **arguments: Any) -> list[tuple[str, str]]:
    """Path and rule of every part of a value that is at fault."""
    error = refused(convert, raw, **arguments)
    assert isinstance(error, EventErrors)
    return [(one.path, one.rule) for one in error.errors]


def told_by(error: BaseException) -> str:
    """All that a log could show of an error."""
    parts = [repr(error), repr(vars(error)), *traceback.format_exception_only(error)]
    return " ".join(parts + [told_by(one) for one in getattr(error, "errors", ())])
