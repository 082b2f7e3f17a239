# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Calling a function that a DAG's author wrote, with what it asks for of the task's context."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from airflow_provider_tiktok.conversions.errors import ConfigurationError


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling the function gives something to be awaited."""
    while isinstance(function, partial):
        function = function.func
    called = function if inspect.isroutine(function) else type(function).__call__
    return inspect.iscoroutinefunction(called) or inspect.isasyncgenfunction(called)


def bound_call(
    function: Callable[..., Any],
    args: Sequence[Any],
    given: Mapping[str, Any],
    *,
    context: Mapping[str, Any],
) -> Callable[[], Any]:
    """The function with its arguments, as Airflow's own Python tasks are called.

    A parameter that has the name of a variable of the context gets that, unless it is given otherwise;
    ``**kwargs`` gets them all. The context itself is left as it is: callbacks see it, and what is given may
    be personal.

    :raises ConfigurationError: the function does not take these arguments.
    """
    signature = inspect.signature(function)
    of_context = dict(_asked(signature, args, given, context=context))
    try:
        signature.bind(*args, **{**of_context, **given})
    except TypeError:
        takes = ", ".join(signature.parameters) or "no arguments"
        raise ConfigurationError(
            f"Change op_args and op_kwargs to what python_callable takes: {takes}. It is given "
            f"{len(args)} by position and {len(given)} by name."
        ) from None
    return partial(function, *args, **{**of_context, **given})


def _asked(
    signature: inspect.Signature,
    args: Sequence[Any],
    given: Mapping[str, Any],
    *,
    context: Mapping[str, Any],
) -> Iterator[tuple[str, Any]]:
    """The variables of the context that the function takes by name."""
    parameters = signature.parameters.values()
    if any(one.kind is one.VAR_KEYWORD for one in parameters):
        taken = {one.name for one in list(parameters)[: len(args)]}
        names = [name for name in _current(context) if name not in taken]
    else:
        named = [one for one in list(parameters)[len(args) :] if one.kind is one.POSITIONAL_OR_KEYWORD]
        named += [one for one in parameters if one.kind is one.KEYWORD_ONLY and one not in named]
        names = [one.name for one in named if one.name in context]
    yield from ((name, context[name]) for name in names if name not in given)


def _current(context: Mapping[str, Any]) -> list[str]:
    """The variables that reading gives no warning for, as Airflow 2 does for some."""
    deprecated: Any = getattr(context, "_deprecation_replacements", ())
    return [name for name in context if name not in deprecated]


def fingerprint_of(function: Callable[..., Any], args: Sequence[Any], given: Mapping[str, Any]) -> str | None:
    """A digest of the function's name and arguments, ``None`` where these have no lasting written form."""
    import hashlib

    import msgspec

    while isinstance(function, partial):
        args, given = (*function.args, *args), {**function.keywords, **given}
        function = function.func
    name = [getattr(function, "__module__", None), getattr(function, "__qualname__", None)]
    try:
        written = msgspec.json.encode([name, args, given], order="deterministic")
    except (TypeError, ValueError, OverflowError, RecursionError):
        return None
    return hashlib.sha256(written).hexdigest() if None not in name else None
