# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The arguments of every operator by name and type, so that editors and type checkers know them all.

An operator hands on what it does not take itself. ``**kwargs: Unpack[...]`` of one of these says what that
may be (PEP 692). The ``__init__`` that takes an argument owns its type and default, and its class's docstring
says what it means; a test holds these to it. Nothing here is needed when a task runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Required, TypedDict, TypeVar

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Mapping, MutableMapping, Sequence
    from datetime import datetime, timedelta
    from typing import Any, Literal

    from airflow.providers.common.compat.sdk import DAG, Context, TaskGroup, XComArg
    from airflow.sdk.definitions.retry_policy import RetryPolicy

    from airflow_provider_tiktok.task.hidden import Hidden

Value = TypeVar("Value")


class Rendered(Generic[Value]):
    """Says of a template field: given may be another task's result, and there is its value when a task runs.

    For type checkers alone, as an annotation in the class.
    """

    if TYPE_CHECKING:

        def __get__(self, instance: object, owner: type | None = None) -> Value: ...

        def __set__(self, instance: object, value: Value | XComArg) -> None: ...


class TaskArguments(TypedDict, total=False):
    """Those of every task, which Airflow documents."""

    task_id: str
    owner: str
    email: str | Sequence[str] | None
    email_on_retry: bool
    email_on_failure: bool
    retries: int | None
    retry_delay: timedelta | float
    retry_exponential_backoff: float
    max_retry_delay: timedelta | float | None
    retry_policy: RetryPolicy | None
    start_date: datetime | None
    end_date: datetime | None
    depends_on_past: bool
    ignore_first_depends_on_past: bool
    wait_for_past_depends_before_skipping: bool
    wait_for_downstream: bool
    dag: DAG | None
    params: MutableMapping[str, Any] | None
    default_args: dict[str, Any] | None
    priority_weight: int
    weight_rule: Any
    queue: str
    pool: str | None
    pool_slots: int
    sla: timedelta | None
    execution_timeout: timedelta | None
    on_execute_callback: Callable[[Context], None] | list[Callable[[Context], None]] | None
    on_failure_callback: Callable[[Context], None] | list[Callable[[Context], None]] | None
    on_success_callback: Callable[[Context], None] | list[Callable[[Context], None]] | None
    on_retry_callback: Callable[[Context], None] | list[Callable[[Context], None]] | None
    on_skipped_callback: Callable[[Context], None] | list[Callable[[Context], None]] | None
    pre_execute: Callable[[Context], None] | None
    post_execute: Callable[[Context, Any], None] | None
    trigger_rule: str
    resources: dict[str, Any] | None
    run_as_user: str | None
    map_index_template: str | None
    max_active_tis_per_dag: int | None
    max_active_tis_per_dagrun: int | None
    executor: str | None
    executor_config: dict[str, Any] | None
    do_xcom_push: bool
    multiple_outputs: bool
    inlets: Any
    outlets: Any
    task_group: TaskGroup | None
    doc: str | None
    doc_md: str | None
    doc_json: str | None
    doc_yaml: str | None
    doc_rst: str | None
    task_display_name: str | None
    logger_name: str | None
    allow_nested_operators: bool
    render_template_as_native_obj: bool | None


class WaitArguments(TaskArguments, total=False):
    """Those of every sensor, which Airflow documents, but for ``poke_interval``."""

    timeout: timedelta | float | None
    soft_fail: bool
    mode: str
    exponential_backoff: bool
    max_wait: timedelta | float | None
    silent_fail: bool
    never_fail: bool


class RunArguments(TaskArguments, total=False):
    """Those of ``DeliverEventsOperator`` that have one default wherever events go to."""

    mapping: Mapping[str, Any] | None
    defaults: Mapping[str, Any] | XComArg | None
    group_by: str | Sequence[str]
    event_id_from: str | Sequence[str]
    timezone: str | None
    null_values: Sequence[str]
    keep_rows: Mapping[str, Any] | None
    drop_rows: Mapping[str, Any] | None
    default_region: str | None
    identity_policy: str
    lower_external_id: bool
    ttclid_from_url: bool
    limited_data_use: bool | None
    require_consent: bool
    validate_only: bool
    max_event_age: timedelta
    refuse_old_events: bool
    max_bytes_per_request: int
    max_attempts_per_request: int
    max_requests_per_second: int | None
    max_rejected: int
    dead_letter_path: str | os.PathLike[str] | XComArg | None
    dead_letter_fields: str
    result_webhook_url: str | XComArg | None
    result_webhook_conn_id: str | XComArg | None
    result_webhook_hosts: Collection[str] | None


class DeliveryArguments(RunArguments, total=False):
    """Those of ``DeliverEventsOperator``."""

    max_events_per_request: int
    max_in_flight: int | Literal["auto"]


class TikTokArguments(DeliveryArguments, total=False):
    """Those of ``SendToTikTokOperator``."""

    tiktok_conn_id: str | XComArg
    event_source: str
    event_source_id: str | XComArg | None
    test_event_code: str | XComArg | None
    offline_keys: Sequence[str]
    require_page_url: bool
    require_lead_id: bool
    extra_event_names: Sequence[str]
    demo_mode: bool | None
    report_asset: bool
    declare_asset: bool


class LiveRampArguments(DeliveryArguments, total=False):
    """Those of ``SendToLiveRampOperator``."""

    liveramp_conn_id: str | XComArg
    strict_event_types: bool
    event_manager: Sequence[str]
    pass_on: Mapping[str, str] | None


class QueryArguments(TypedDict, total=False):
    """Those of ``QueryReader``."""

    sql: Required[str | XComArg]
    sql_conn_id: Required[str | XComArg]
    parameters: Mapping[str, Any] | Sequence[Any] | Hidden | XComArg | None
    order_by: Sequence[str] | None
    page_size: int
    hook_params: Mapping[str, Any] | None
    part: Mapping[str, Any] | XComArg | None


class SqlToTikTokArguments(QueryArguments, TikTokArguments, total=False):
    """Those of ``SqlToTikTokOperator``."""


class SqlToLiveRampArguments(QueryArguments, LiveRampArguments, total=False):
    """Those of ``SqlToLiveRampOperator``."""


class FilesArguments(TypedDict, total=False):
    """Those of ``FilesReader``."""

    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | XComArg | None
    storage_conn_id: str | XComArg | None
    format: str
    compression: str
    encoding: str
    csv_delimiter: str | None
    csv_columns: Sequence[str] | None
    csv_quote: str
    csv_skip_rows: int
    part: Mapping[str, Any] | XComArg | None
    sql: str | XComArg | None
    order_by: Sequence[str] | None
    sql_max_memory: str


class FilesToTikTokArguments(FilesArguments, TikTokArguments, total=False):
    """Those of ``FilesToTikTokOperator``."""


class FilesToLiveRampArguments(FilesArguments, LiveRampArguments, total=False):
    """Those of ``FilesToLiveRampOperator``."""


class FunctionArguments(TypedDict, total=False):
    """Those of ``PythonReader`` that ``@task`` takes, too."""

    is_repeatable: bool


class CallArguments(FunctionArguments, total=False):
    """Those of ``PythonReader``."""

    python_callable: Required[Callable[..., Any]]
    op_args: Collection[Any] | Hidden | XComArg | None
    op_kwargs: Mapping[str, Any] | Hidden | XComArg | None


class PythonToTikTokArguments(CallArguments, TikTokArguments, total=False):
    """Those of ``PythonToTikTokOperator``."""


class PythonToLiveRampArguments(CallArguments, LiveRampArguments, total=False):
    """Those of ``PythonToLiveRampOperator``."""


class TikTokEventsTaskArguments(FunctionArguments, TikTokArguments, total=False):
    """Those of ``@task.tiktok_events``."""


class LiveRampEventsTaskArguments(FunctionArguments, LiveRampArguments, total=False):
    """Those of ``@task.liveramp_events``."""


class PreviewArguments(FilesArguments, total=False):
    """Those of ``PreviewReader``."""

    sql_conn_id: str | XComArg | None
    parameters: Mapping[str, Any] | Sequence[Any] | Hidden | XComArg | None
    page_size: int
    hook_params: Mapping[str, Any] | None
    python_callable: Callable[..., Any] | None
    op_args: Collection[Any] | Hidden | XComArg | None
    op_kwargs: Mapping[str, Any] | Hidden | XComArg | None
    is_repeatable: bool
    max_rows: int
    must_be_ready: bool


class TikTokPreviewArguments(PreviewArguments, TikTokArguments, total=False):
    """Those of ``TikTokPreviewOperator``."""


class LiveRampPreviewArguments(PreviewArguments, LiveRampArguments, total=False):
    """Those of ``LiveRampPreviewOperator``."""


class LookArguments(WaitArguments, total=False):
    """Those of ``TikTokSensor``, but for ``poke_interval``."""

    tiktok_conn_id: str | XComArg
    pixel_code: str | XComArg | None
    pixel_id: str | XComArg | None
    advertiser_id: str | XComArg | None
    deferrable: bool
    demo_mode: bool | None


class PixelSensorArguments(LookArguments, total=False):
    """Those of ``TikTokSensor``."""

    poke_interval: timedelta | float
