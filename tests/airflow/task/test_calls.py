# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.task.calls import bound_call, fingerprint_of

CONTEXT = {"ds": "2026-11-26", "ti": "task", "params": {}}


def plain(*taken: Any, **named: Any) -> tuple[Any, ...]:
    return taken, named


@pytest.mark.parametrize(
    ("function", "args", "given", "taken"),
    [
        (lambda: "none", [], {}, "none"),
        (lambda ds: ds, [], {}, "2026-11-26"),
        (lambda ds: ds, ["mine"], {}, "mine"),
        (lambda ds: ds, [], {"ds": "mine"}, "mine"),
        (lambda ds=None: ds, [], {}, "2026-11-26"),
        (lambda other, *, ds: (other, ds), [1], {}, (1, "2026-11-26")),
        (lambda ds, other: (ds, other), [], {"other": 1}, ("2026-11-26", 1)),
        (lambda first, /, ds: (first, ds), [1], {}, (1, "2026-11-26")),
        (lambda ds, /: ds, ["mine"], {}, "mine"),
        (lambda *all_of_them: all_of_them, [1, 2], {}, (1, 2)),
        (lambda ds, **rest: (ds, sorted(rest)), ["mine"], {}, ("mine", ["params", "ti"])),
        (plain, [1], {"x": 2}, ((1,), {**CONTEXT, "x": 2})),
        (partial(lambda a, ds: (a, ds), 7), [], {}, (7, "2026-11-26")),
    ],
)
def test_arguments(function: Any, args: list[Any], given: dict[str, Any], taken: Any):
    """What is given comes before the context, of which a function gets what it names."""
    context = dict(CONTEXT)
    assert bound_call(function, args, given, context=context)() == taken
    assert context == CONTEXT


@pytest.mark.parametrize(("args", "given"), [([], {}), ([1, 2], {}), ([1], {"a": 2}), ([1], {"secret": 2})])
def test_arguments_that_do_not_fit(args: list[Any], given: dict[str, Any]):
    """They are told by number, since a name may be somebody's, too."""
    with pytest.raises(ConfigurationError, match="what python_callable takes: a") as refused:
        bound_call(lambda a: a, args, given, context=CONTEXT)
    assert "secret" not in str(refused.value)


def test_fingerprint():
    """It tells functions and arguments apart, and is none where an argument has no lasting form."""
    one = fingerprint_of(plain, [1], {"a": "x"})
    assert one == fingerprint_of(partial(plain, 1), [], {"a": "x"})
    others = [
        fingerprint_of(plain, [2], {"a": "x"}),
        fingerprint_of(plain, [1], {"a": "y"}),
        fingerprint_of(plain, [1], {"b": "x"}),
        fingerprint_of(bound_call, [1], {"a": "x"}),
    ]
    assert len({one, *others}) == 5
    assert fingerprint_of(plain, [object()], {}) is None
