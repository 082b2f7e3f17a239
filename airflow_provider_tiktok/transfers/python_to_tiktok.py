# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""From a function of Python's to TikTok, directly or through LiveRamp, without a row in XCom."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from airflow.providers.common.compat.sdk import AirflowException, AirflowSkipException

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.operators.base import DeliverEventsOperator
from airflow_provider_tiktok.operators.base_liveramp import SendToLiveRampOperator
from airflow_provider_tiktok.operators.base_tiktok import SendToTikTokOperator
from airflow_provider_tiktok.task.calls import bound_call, fingerprint_of, is_async
from airflow_provider_tiktok.task.hidden import Hidden, PrivateField, reveal

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_provider_tiktok.conversions.chunks import Source
    from airflow_provider_tiktok.task.arguments import PythonToLiveRampArguments, PythonToTikTokArguments


def check_callable(python_callable: Callable[..., Any]) -> None:
    """Passes if a function can be called here."""
    if not callable(python_callable) or is_async(python_callable):  # type: ignore[redundant-expr]
        raise ConfigurationError("Give a plain function or a generator as python_callable, no async one.")


def open_call(
    python_callable: Callable[..., Any],
    op_args: Collection[Any] | None,
    op_kwargs: Mapping[str, Any] | None,
    *,
    context: Context | None,
    is_repeatable: bool,
) -> Source:
    """What a function gives, called with these arguments and what it asks for of the context."""
    from airflow_provider_tiktok.conversions.sources.produced import ProducedSource

    args, given = tuple(op_args or ()), dict(op_kwargs or {})
    return ProducedSource(
        bound_call(python_callable, args, given, context=context or {}),
        fingerprint=fingerprint_of(python_callable, args, given) if is_repeatable else None,
        is_ordered=is_repeatable,
        signals=(AirflowException,),
        skips=(AirflowSkipException,),
    )


class PythonReader(DeliverEventsOperator):
    """Sends the records that a function returns or yields; a subclass says where to.

    The function runs in this task, and what it gives is sent as it comes: what a generator yields is never
    held in memory as a whole, and no row is in XCom, which gets the receipt alone. The function gives records
    (mappings), a pandas or polars frame, a polars ``LazyFrame``, an Arrow table, a DuckDB relation, or an
    iterable of any of these, such as the parts of ``pandas.read_csv(..., chunksize=...)``. It may ask for
    variables of the context, as in ``@task``.

    If the function fails midway, the run ends like one whose source breaks: the requests that were full are
    sent, the events of the open one are undelivered, and the task fails and is retried. Of the error the
    class and the line are reported, not the words, which may quote values. Airflow's own exceptions are
    passed on as they are; ``AirflowSkipException`` must come before the first record.

    :param python_callable: a plain function or a generator.
    :param op_args: its positional arguments (templated). They are shown in no rendered field; what comes from
        other tasks is not rendered.
    :param op_kwargs: its arguments by name, likewise (templated).
    :param is_repeatable: whether it gives the same rows in the same order when it is called again with the
        same arguments. Then a retry resumes where the try before stopped (Airflow 3.3 and later). Otherwise a
        retry sends every event again, and an event that is the same has the same id.
    """

    call_fields: ClassVar[tuple[str, ...]] = ("op_args", "op_kwargs")
    template_fields: Sequence[str] = (*DeliverEventsOperator.template_fields, *call_fields)
    shallow_copy_attrs: Sequence[str] = ("python_callable",)

    op_args = PrivateField()
    op_kwargs = PrivateField()

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | Hidden | XComArg | None = None,
        op_kwargs: Mapping[str, Any] | Hidden | XComArg | None = None,
        is_repeatable: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_callable(python_callable)
        self.python_callable = python_callable
        self.op_args = op_args or ()
        self.op_kwargs = op_kwargs or {}
        self.is_repeatable = is_repeatable
        self._context: Context | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """The receipt, once everything that the function gave has its result."""
        self._context = context
        return super().execute(context)

    def open_source(self) -> Source:
        """What the function gives."""
        return open_call(
            self.python_callable,
            reveal(self.op_args),
            reveal(self.op_kwargs),
            context=self._context,
            is_repeatable=self.is_repeatable,
        )

    def _unrendered(self) -> frozenset[int]:
        """Of a mapped ``@task``, also the arguments that another task returned for ``expand_kwargs()``."""
        return super()._unrendered() | self._ids_of_expanded()

    def _ids_of_expanded(self) -> frozenset[int]:
        dag = self.get_dag()
        mapped: Any = dag.task_dict.get(self.task_id) if dag is not None else None
        expanded = getattr(getattr(mapped, "op_kwargs_expand_input", None), "value", None)
        if expanded is None or isinstance(expanded, Mapping):
            return frozenset()
        written = [mapped.partial_kwargs.get("op_kwargs"), *(expanded if isinstance(expanded, list) else ())]
        known = {id(value) for group in written if isinstance(group, Mapping) for value in group.values()}
        given = reveal(self.op_kwargs) or {}
        return frozenset(id(value) for value in given.values() if id(value) not in known)


class PythonToTikTokOperator(PythonReader, SendToTikTokOperator):
    """Sends the records that a function returns or yields to TikTok."""

    template_fields: Sequence[str] = (*SendToTikTokOperator.template_fields, *PythonReader.call_fields)

    def __init__(self, **kwargs: Unpack[PythonToTikTokArguments]) -> None:
        super().__init__(**kwargs)


class PythonToLiveRampOperator(PythonReader, SendToLiveRampOperator):
    """Sends the records that a function returns or yields to TikTok through LiveRamp.

    Without a ``mapping`` a record may also be an event in LiveRamp's own form. Let the function give its rows
    in the order of session and time, so that requests are as few as sessions allow.
    """

    template_fields: Sequence[str] = (*SendToLiveRampOperator.template_fields, *PythonReader.call_fields)

    def __init__(self, **kwargs: Unpack[PythonToLiveRampArguments]) -> None:
        super().__init__(**kwargs)

    def open_source(self) -> Source:
        """What the function gives, records in LiveRamp's form as nested ones."""
        return self.read_liveramp_records(super().open_source())
