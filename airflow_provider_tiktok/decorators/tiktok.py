# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""``@task.tiktok_events`` and ``@task.liveramp_events``: the operators for functions, as decorators.

They stand apart from these since what is behind Airflow's ``@task`` takes long to load.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from airflow.providers.common.compat.sdk import DecoratedOperator, task_decorator_factory

from airflow_provider_tiktok.task.signatures import showing_arguments_of
from airflow_provider_tiktok.transfers.python_to_tiktok import (
    PythonToLiveRampOperator,
    PythonToTikTokOperator,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, TaskDecorator

    from airflow_provider_tiktok.task.arguments import LiveRampEventsTaskArguments, TikTokEventsTaskArguments


class _Decorated(DecoratedOperator):
    """What ``@task`` adds: a task is named after its function, and called with the function's arguments."""

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            python_callable=python_callable,
            op_args=op_args,
            op_kwargs=op_kwargs,
            kwargs_to_upstream={
                "python_callable": python_callable,
                "op_args": op_args,
                "op_kwargs": op_kwargs,
            },
            **kwargs,
        )

    def execute(self, context: Context) -> dict[str, Any]:
        """The receipt; DecoratedOperator looks for assets in arguments that are hidden here."""
        receipt: dict[str, Any] = super(DecoratedOperator, self).execute(context)
        return receipt


class _TikTokEventsTask(_Decorated, PythonToTikTokOperator):
    template_fields: Sequence[str] = PythonToTikTokOperator.template_fields
    template_fields_renderers: ClassVar[dict[str, str]] = {}
    custom_operator_name = "@task.tiktok_events"


class _LiveRampEventsTask(_Decorated, PythonToLiveRampOperator):
    template_fields: Sequence[str] = PythonToLiveRampOperator.template_fields
    template_fields_renderers: ClassVar[dict[str, str]] = {}
    custom_operator_name = "@task.liveramp_events"


# What the decorator itself gives to the task.
_OF_THE_DECORATOR = ("python_callable", "op_args", "op_kwargs", "kwargs_to_upstream", "multiple_outputs")


@showing_arguments_of(_TikTokEventsTask, but_for=_OF_THE_DECORATOR)
def tiktok_events_task(
    python_callable: Callable[..., Any] | None = None, **kwargs: Unpack[TikTokEventsTaskArguments]
) -> TaskDecorator:
    """Makes of a function a task that sends the records it returns or yields to TikTok.

    :param python_callable: the function.
    """
    return _task_of(_TikTokEventsTask, python_callable, kwargs)


@showing_arguments_of(_LiveRampEventsTask, but_for=_OF_THE_DECORATOR)
def liveramp_events_task(
    python_callable: Callable[..., Any] | None = None, **kwargs: Unpack[LiveRampEventsTaskArguments]
) -> TaskDecorator:
    """Makes of a function a task that sends the records it returns or yields through LiveRamp.

    :param python_callable: the function.
    """
    return _task_of(_LiveRampEventsTask, python_callable, kwargs)


def _task_of(
    operator: type[_Decorated], python_callable: Callable[..., Any] | None, kwargs: Mapping[str, Any]
) -> TaskDecorator:
    """The decorator; what the task returns is the receipt, whatever the function says that it returns."""
    return task_decorator_factory(
        python_callable=python_callable,
        multiple_outputs=False,
        decorated_operator_class=operator,
        **kwargs,
    )
