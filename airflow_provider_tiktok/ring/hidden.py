# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A template field whose value Airflow renders, and never shows or stores.

Airflow writes rendered template fields into its database and shows them in its web pages. Events are
personal data. So what is assigned to a :class:`PrivateField` is put behind a holder that tells its size
and nothing else; Airflow renders what is inside through the holder's own ``template_fields``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, overload

_TEMPLATE_MARKS = ("{{", "{%", "{#")


class Hidden:
    """A value that shows nothing of itself. :attr:`value` is the value."""

    __slots__ = ("value",)

    template_fields = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def serialize(self) -> str:
        """What Airflow stores and shows in place of the value."""
        return f"<{self._size()}, hidden>"

    __repr__ = __str__ = serialize

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
    that is a Jinja template, and a reference to another task's result (or a list or mapping that holds one).
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
        if not _may_be_shown(value):
            value = Hidden(value)
        instance.__dict__[self._slot] = value


def reveal(value: Any) -> Any:
    """The value behind the holder, or the value itself where there is none."""
    return value.value if isinstance(value, Hidden) else value


def _may_be_shown(value: Any) -> bool:
    if value is None or isinstance(value, Hidden):
        return True
    if isinstance(value, str):
        return _is_template(value)
    return _holds_reference(value)


def _is_template(text: str) -> bool:
    """Whether the text is a template that makes the events, rather than events as JSON text."""
    start = text.lstrip()
    if start.startswith(_TEMPLATE_MARKS):
        return True
    return not start.startswith(("[", "{")) and any(mark in text for mark in _TEMPLATE_MARKS)


def _holds_reference(value: Any) -> bool:
    """Whether Airflow must resolve something in the value. References have a method ``resolve``."""
    if isinstance(value, Mapping):
        return any(_holds_reference(item) for item in value.values())
    if isinstance(value, list | tuple | set):
        return any(_holds_reference(item) for item in value)
    return hasattr(value, "iter_references") and hasattr(value, "resolve")
