# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A template field whose value Airflow renders, and never shows or stores.

Airflow writes rendered template fields into its database and shows them in its web pages. Events are
personal data. So what is assigned to a :class:`PrivateField` is put behind a holder that tells its size
and nothing else; Airflow renders what is inside through the holder's own ``template_fields``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, overload

from airflow.providers.common.compat.sdk import AirflowException, BaseOperator

from airflow_provider_tiktok.ring.failures import TemporaryFailure

_TEMPLATE_MARKS = ("{{", "{%", "{#")


class Hidden:
    """A value that shows nothing of itself. :attr:`value` is the value."""

    __slots__ = ("value",)

    template_fields = ("rendering",)

    def __init__(self, value: Any) -> None:
        self.value = value

    @property
    def rendering(self) -> Callable[..., Any]:
        """What Airflow calls to have the value rendered, and then sets to what came of it.

        Were the value itself this field, Airflow would log it whenever a template in it fails.
        """
        return self._render

    @rendering.setter
    def rendering(self, rendered: Any) -> None:
        self.value = rendered

    def serialize(self) -> str:
        """What Airflow stores and shows in place of the value."""
        return f"<{self._size()}, hidden>"

    __repr__ = __str__ = serialize

    def _render(self, context: Any, jinja_env: Any) -> Any:
        """The value with the templates in it rendered.

        :raises TemporaryFailure: a template fails. Jinja's words quote it, so its class alone is told.
        """
        task = context.get("task") or BaseOperator(task_id="rendering")
        try:
            return task.render_template(self.value, context, jinja_env)
        except AirflowException:
            raise
        except Exception as error:
            kind = type(error).__name__
        raise TemporaryFailure(
            f"A template inside a hidden argument cannot be rendered ({kind}). Its own words are left out, "
            "since they may hold values.",
            kind=kind,
        )

    def _size(self) -> str:
        if isinstance(self.value, str | bytes | Mapping):
            return type(self.value).__name__
        try:
            return f"{len(self.value)} event(s)"
        except TypeError:
            return "events"


class PrivateField:
    """A template field that holds its value in :class:`Hidden`.

    Two kinds of value stay in the open, since Airflow must see them and they hold no events yet: a text
    that is a Jinja template, and a reference to another task's result. In a list or mapping that holds such
    references, what stands beside them is hidden piece by piece.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._slot = f"_private_{name}"

    @overload
    def __get__(self, instance: None, owner: type) -> PrivateField: ...

    @overload
    def __get__(self, instance: object, owner: type) -> Any: ...

    def __get__(self, instance: object | None, owner: type) -> Any:
        return self if instance is None else instance.__dict__.get(self._slot)

    def __set__(self, instance: object, value: Any) -> None:
        instance.__dict__[self._slot] = value if _may_be_shown(value) else _hide(value)


def reveal(value: Any) -> Any:
    """The value behind the holder, and behind those inside it, or the value itself where there is none."""
    if isinstance(value, Hidden):
        return reveal(value.value)
    return _rebuilt(value, reveal) if _holds(value, _is_hidden) else value


def _hide(value: Any) -> Any:
    """The value without anything that may be personal; references stay where they are, for Airflow."""
    if _is_reference(value) or _is_hidden(value):
        return value
    return _rebuilt(value, _hide) if _holds(value, _is_reference) else Hidden(value)


def _may_be_shown(value: Any) -> bool:
    return value is None or _is_hidden(value) or (isinstance(value, str) and _is_template(value))


def _is_template(text: str) -> bool:
    """Whether the text is a template that makes the events, rather than events as JSON text."""
    start = text.lstrip()
    if start.startswith(_TEMPLATE_MARKS):
        return True
    return not start.startswith(("[", "{")) and any(mark in text for mark in _TEMPLATE_MARKS)


def _is_hidden(value: Any) -> bool:
    return isinstance(value, Hidden)


def _is_reference(value: Any) -> bool:
    """Whether Airflow must resolve the value. References have a method ``resolve``."""
    return hasattr(value, "iter_references") and hasattr(value, "resolve")


def _holds(value: Any, is_meant: Callable[[Any], bool]) -> bool:
    """Whether the value, or anything inside it, is what is meant."""
    if isinstance(value, Mapping):
        return any(_holds(item, is_meant) for item in value.values())
    if isinstance(value, list | tuple | set):
        return any(_holds(item, is_meant) for item in value)
    return is_meant(value)


def _rebuilt(value: Any, change: Callable[[Any], Any]) -> Any:
    """The mapping, tuple or list with its members changed; a set becomes a list."""
    if isinstance(value, Mapping):
        return {key: change(item) for key, item in value.items()}
    members = [change(item) for item in value]
    return tuple(members) if isinstance(value, tuple) else members
