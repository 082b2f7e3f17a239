# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""All that an operator takes, for ``help()``, ``inspect.signature()`` and the pages made from the code.

Each class takes its own arguments and hands on the rest. What that adds up to is put together here from what
the classes say, so every argument has one owner. Airflow's view, ``__init__``, is left as it is.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from inspect import Parameter, Signature
from typing import Any, ClassVar, ParamSpec, TypeVar

from airflow.providers.common.compat.sdk import BaseOperator

P = ParamSpec("P")
R = TypeVar("R")

_ENTRY = re.compile(r"^:param (\w+):(?:.*)(?:\n[ \t]+\S.*)*\n?", re.MULTILINE)


class _WholeSignature:
    """The class's signature, made when it is asked for: DAG files are parsed without."""

    def __get__(self, instance: object, owner: type) -> Signature:
        return Signature(list(_parameters(owner)))


class ShowsArguments:
    """A class whose signature and docstring have every argument, also those that its bases take.

    Airflow compares ``__init__`` with that of the first base, so this stands last among the bases.
    """

    __signature__ = _WholeSignature()
    _own_entries: ClassVar[dict[str, str]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._own_entries = _entries(cls.__doc__)
        if cls.__doc__:
            cls.__doc__ = _with_entries(cls.__doc__, _told_by(cls))


def showing_arguments_of(
    operator: type[ShowsArguments], *, but_for: Collection[str]
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Gives a decorator that makes tasks the signature and the docstring of what it makes.

    :param but_for: arguments of the operator that a user of the decorator does not give.
    """

    def show(function: Callable[P, R]) -> Callable[P, R]:
        own = [taken for taken in inspect.signature(function).parameters.values() if taken.name != "kwargs"]
        further = [taken for taken in _parameters(operator) if taken.name not in but_for]
        named = [taken.replace(default=None) if taken.name == "task_id" else taken for taken in further]
        function.__signature__ = Signature([*own, *named])  # type: ignore[attr-defined]
        told = {name: entry for name, entry in _told_by(operator).items() if name not in but_for}
        function.__doc__ = _with_entries(function.__doc__, _entries(function.__doc__) | told)
        return function

    return show


def documented(cls: type) -> dict[str, str]:
    """Argument to what it means, of all arguments that the docstrings of the class and its bases tell."""
    return {
        name: " ".join(entry.removeprefix(f":param {name}:").split()) for name, entry in _told_by(cls).items()
    }


def _parameters(cls: type) -> Iterator[Parameter]:
    """What the ``__init__`` of each class down to Airflow's takes, by name alone, as Airflow wants it."""
    seen = {"self"}
    for base in cls.__mro__:
        if not issubclass(base, BaseOperator):
            continue
        init = base.__dict__.get("__init__")
        for parameter in inspect.signature(init).parameters.values() if init else ():
            is_named = parameter.kind not in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
            if is_named and parameter.name not in seen:
                seen.add(parameter.name)
                yield parameter.replace(kind=Parameter.KEYWORD_ONLY)


def _told_by(cls: type) -> dict[str, str]:
    """Argument to its entry in the docstring of the first class that tells it."""
    told: dict[str, str] = {}
    for base in cls.__mro__:
        own: dict[str, str] = base.__dict__.get("_own_entries", {})
        told |= {name: entry for name, entry in own.items() if name not in told}
    return told


def _entries(docstring: str | None) -> dict[str, str]:
    found = _ENTRY.finditer(inspect.cleandoc(docstring or ""))
    return {entry[1]: entry[0].rstrip() for entry in found}


def _with_entries(docstring: str | None, told: Mapping[str, str]) -> str:
    words = _ENTRY.sub("", inspect.cleandoc(docstring or "")).rstrip()
    return "\n\n".join(part for part in (words, "\n".join(told.values())) if part)
