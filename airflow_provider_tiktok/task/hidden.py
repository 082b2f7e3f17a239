# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Arguments that Airflow renders once where the DAG's author wrote them, and never shows or stores.

Airflow writes rendered template fields into its database and shows them in its web pages. Events are
personal data. So what is assigned to a :class:`PrivateField` is put behind a holder that tells its size
and nothing else.

What the author of a DAG wrote may be a template. What arrives when the task runs never is: a product
called ``{{ conn.bank.password }}`` must stay one. Airflow itself does not render what it pulled from XCom;
it cannot see that the holder has such a value inside, so :class:`HidingOperator` asks on its behalf.
"""

from __future__ import annotations

import os
from collections import ChainMap
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from itertools import chain
from typing import Any, overload

from airflow.providers.common.compat.sdk import AirflowException, BaseOperator

from airflow_provider_tiktok.conversions.addresses import shown_path
from airflow_provider_tiktok.exceptions import TemporaryFailure


class Hidden:
    """A value that shows nothing of itself.

    :param value: what is hidden.
    :param is_data: whether no template is looked for in it. Say so of records that the DAG file itself
        reads from somewhere: what stands in them was not written by the DAG's author.
    """

    __slots__ = ("is_data", "is_flat", "value")

    def __init__(self, value: Any, *, is_data: bool = False) -> None:
        self.value = value
        self.is_data = is_data
        self.is_flat = False
        """Whether it is known that nothing inside the value is hidden once more."""

    def as_data(self) -> Hidden:
        """The same value, in which no template is looked for."""
        hidden = type(self)(self.value, is_data=True)
        hidden.is_flat = self.is_flat
        return hidden

    def serialize(self) -> str:
        """What Airflow stores and shows in place of the value."""
        return f"<{self._size()}, hidden>"

    __repr__ = __str__ = serialize

    def _size(self) -> str:
        if isinstance(self.value, str | bytes | Mapping):
            return type(self.value).__name__
        try:
            return f"{len(self.value)} event(s)"
        except Exception:  # results of mapped tasks ask Airflow for their length
            return "events"


class HiddenAddress(Hidden):
    """An address of files or a server, or several, that shows itself without user, password and query."""

    __slots__ = ()

    def serialize(self) -> str:
        """What Airflow stores and shows in place of the address."""
        return str(_without_credentials(self.value))

    __repr__ = __str__ = serialize


class PrivateField:
    """A template field that holds its value in :class:`Hidden`.

    Only a reference to another task's result stays in the open, since Airflow must see it, and it holds no
    events yet. In a list or mapping that holds such references, what stands beside them is hidden piece by
    piece. The operator must be a :class:`HidingOperator`; with any other nothing is rendered.
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
        # Airflow locks the copy that it executes: what is assigned there comes from rendering, or later.
        is_data = bool(getattr(instance, "_lock_for_execution", False))
        instance.__dict__[self._slot] = None if value is None else self._hide(value, is_data=is_data)

    def _hide(self, value: Any, *, is_data: bool) -> Any:
        return _hide(value, is_data=is_data)


class AddressField(PrivateField):
    """A template field for addresses of files or a server; only one with credentials in it is held.

    Others stay texts, so that Airflow shows them and finds what it looks for in them.
    """

    def _hide(self, value: Any, *, is_data: bool) -> Any:
        has_credentials = _is_address(value) and _without_credentials(value) != value
        return HiddenAddress(value, is_data=is_data) if has_credentials else value


class HidingOperator(BaseOperator):
    """An operator whose fields are rendered where the DAG's author wrote what they hold, and nowhere else."""

    _ids_of_data: frozenset[int] | None = None

    def render_template(
        self,
        content: Any,
        context: Any,
        jinja_env: Any = None,
        seen_oids: set[int] | None = None,
    ) -> Any:
        """The content rendered; what is hidden stays hidden, and is rendered at most once.

        :param seen_oids: ids of values that are not rendered, such as those that Airflow pulled from XCom
            for a mapped task. ``None``, which Airflow never gives: it is not known what is data, so nothing
            hidden is rendered.
        :raises TemporaryFailure: a template in a hidden value fails.
        """
        if seen_oids is not None:
            seen_oids |= self._unrendered()
        if not isinstance(content, Hidden):
            return self._render_open(content, context, jinja_env, seen_oids)
        if content.is_data or seen_oids is None or not seen_oids.isdisjoint((id(content), id(content.value))):
            return content.as_data()
        return type(content)(self._render_hidden(content.value, context, jinja_env, seen_oids), is_data=True)

    def _unrendered(self) -> frozenset[int]:
        """Ids of the values that came with ``expand_kwargs()``, hidden or not.

        Airflow names what it pulled for ``expand()``. What it pulled for ``expand_kwargs()`` it takes for
        the author's, and renders (2.11 to 3.3).
        """
        if self._ids_of_data is None:
            dag = self.get_dag()
            mapped = dag.task_dict.get(self.task_id) if dag is not None else None
            written = _written_for(mapped) if hasattr(mapped, "partial_kwargs") else None
            fields = () if written is None else (getattr(self, name, None) for name in self.template_fields)
            found = (value for value in fields if not _is_written(value, written or ()))
            self._ids_of_data = frozenset(
                id(value.value if isinstance(value, Hidden) else value) for value in found
            )
        return self._ids_of_data

    def _render_open(self, content: Any, context: Any, jinja_env: Any, seen_oids: set[int] | None) -> Any:
        try:
            return super().render_template(content, context, jinja_env, seen_oids)
        except (TypeError, RecursionError):
            # In native DAGs Jinja takes a text for a value of Python's, and some, such as {{1}}, for none.
            dag = self.get_dag()
            if not isinstance(content, str) or dag is None or not dag.render_template_as_native_obj:
                raise
            template = dag.get_template_env(force_sandboxed=True).from_string(content)
            known: Any = ChainMap(context, template.globals)
            return "".join(template.root_render_func(template.new_context(known, shared=True)))

    def _render_hidden(self, value: Any, context: Any, jinja_env: Any, seen_oids: set[int]) -> Any:
        """The value with the templates in it rendered; Jinja's words quote it, so its class alone is told."""
        try:
            return self._render_open(value, context, jinja_env, seen_oids)
        except AirflowException:
            raise
        except Exception as error:
            kind = type(error).__name__
        raise TemporaryFailure(
            f"Mend the template inside a hidden argument: it cannot be rendered ({kind}). Its own words are "
            "left out, since they may hold values.",
            kind=kind,
        )


def reveal(value: Any) -> Any:
    """The value behind the holder, and behind those inside it, or the value itself where there is none."""
    if isinstance(value, Hidden):
        return value.value if value.is_flat else reveal(value.value)
    return _rebuilt(value, reveal, key=reveal) if _holds(value, _is_hidden) else value


def _hide(value: Any, *, is_data: bool) -> Any:
    """The value without anything that may be personal; references stay where they are, for Airflow."""
    if _is_left_alone(value):
        return value
    if not _holds(value, _is_left_alone):
        hidden = Hidden(value, is_data=is_data)
        hidden.is_flat = True
        return hidden
    return _rebuilt(value, lambda member: _hide(member, is_data=is_data), key=_hide_key)


def _is_address(value: Any) -> bool:
    many = list(value) if isinstance(value, list | tuple | set) else [value]
    return all(isinstance(one, str | os.PathLike) for one in many)


def _without_credentials(value: Any) -> Any:
    """The address, or each of several, as it may be shown."""
    if isinstance(value, list | tuple | set):
        return type(value)(map(_without_credentials, value))
    return value if shown_path(value) == str(value) else shown_path(value)


def _written_for(mapped: Any) -> list[Any] | None:
    """What the author wrote as arguments of a task under ``expand_kwargs()``; ``None`` under ``expand()``."""
    spread = mapped.expand_input.value
    if isinstance(spread, Mapping):
        return None
    groups = [mapped.partial_kwargs, *(spread if isinstance(spread, list | tuple) else ())]
    groups += (getattr(place, "default_args", None) for place in (mapped.dag, *_groups_around(mapped)))
    groups.append(mapped.partial_kwargs.get("default_args"))
    return [value for group in groups if isinstance(group, Mapping) for value in group.values()]


def _groups_around(task: Any) -> Iterator[Any]:
    """The task groups that the task is in, inmost first."""
    group = task.task_group
    while group is not None:
        yield group
        group = group.parent_group


def _is_written(value: Any, written: Collection[Any]) -> bool:
    """Whether the author wrote this value of a field; whatever holds a reference was."""
    given = value.value if isinstance(value, Hidden) else value
    if any(value is known or given is known for known in written):
        return True
    return not isinstance(value, Hidden) and _holds(value, _is_left_alone)


def _hide_key(key: Any) -> Any:
    """The key as it is where it is the name of a field, else hidden."""
    is_name = isinstance(key, str) and all(part.isidentifier() for part in key.split("."))
    return key if is_name or _is_hidden(key) else Hidden(key, is_data=True)


def _is_left_alone(value: Any) -> bool:
    return _is_hidden(value) or _is_reference(value)


def _is_hidden(value: Any) -> bool:
    return isinstance(value, Hidden)


def _is_reference(value: Any) -> bool:
    """Whether Airflow must see the value, since it refers to another task.

    References have a method ``resolve``. What has one and refers to nothing, such as Airflow's ``literal``,
    holds its value itself and shows it.
    """
    return hasattr(value, "resolve") and hasattr(value, "iter_references") and any(value.iter_references())


_PLAIN = frozenset({str, int, float, bool, bytes, type(None), Decimal, datetime, date})


def _holds(value: Any, is_meant: Callable[[Any], bool]) -> bool:
    """Whether the value, or anything inside it, is what is meant; no plain value is.

    It may be a table of millions of values: all of a depth are looked at together.
    """
    depth = [value]
    while depth:
        below: list[Any] = []
        for kind in set(map(type, depth)):
            holders: list[Any] = [one for one in depth if type(one) is kind]
            if issubclass(kind, Mapping):
                values = chain.from_iterable(one.values() for one in holders)
                members = chain(chain.from_iterable(holders), values)
            elif issubclass(kind, list | tuple | set):
                members = chain.from_iterable(holders)
            elif any(map(is_meant, holders)):
                return True
            else:
                continue
            below += [member for member in members if type(member) not in _PLAIN]
        depth = below
    return False


def _rebuilt(value: Any, change: Callable[[Any], Any], *, key: Callable[[Any], Any]) -> Any:
    """The mapping, tuple or list with its keys and members changed; a set becomes a list."""
    if isinstance(value, Mapping):
        return {key(name): change(item) for name, item in value.items()}
    members = [change(item) for item in value]
    return tuple(members) if isinstance(value, tuple) else members
