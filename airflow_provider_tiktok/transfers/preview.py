# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The first records of files, a query or a function beside the events that they become."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.exceptions import PermanentFailure, failing_as_airflow
from airflow_provider_tiktok.operators.base_liveramp import SendToLiveRampOperator
from airflow_provider_tiktok.operators.base_tiktok import SendToTikTokOperator
from airflow_provider_tiktok.task.hidden import Hidden, PrivateField, reveal
from airflow_provider_tiktok.task.sources import open_query
from airflow_provider_tiktok.transfers.files_to_tiktok import FilesReader
from airflow_provider_tiktok.transfers.python_to_tiktok import check_callable, open_call

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_provider_tiktok.conversions.chunks import Source
    from airflow_provider_tiktok.conversions.delivery.destination import Destination
    from airflow_provider_tiktok.conversions.preview import Recorded
    from airflow_provider_tiktok.task.arguments import (
        LiveRampPreviewArguments,
        Rendered,
        TikTokPreviewArguments,
    )

log = logging.getLogger(__name__)


class PreviewReader(FilesReader):
    """Shows in its log what becomes of the first records of a source, and sends nothing.

    The source is files (``path``), the query of a database (``sql`` and ``sql_conn_id``) or a function
    (``python_callable``), with the arguments of the operator that sends them, so that one becomes the other
    by its name alone. No connection but the source's is asked. Values are shown as shapes
    (``aaaaaa@aaaaaaa.aaa``), identifiers as the beginning of their digests. The result has the counts, the
    findings and what is missing, and no value.

    :param sql_conn_id: connection of the database that ``sql`` is for (templated).
    :param parameters: bound to the query by the driver (templated). They are shown in no rendered field.
    :param page_size: rows of a query that are fetched at once; never more than ``max_rows``.
    :param hook_params: arguments of the database hook.
    :param python_callable: a plain function or a generator, in place of files.
    :param op_args: its positional arguments (templated), shown in no rendered field.
    :param op_kwargs: its arguments by name, likewise (templated).
    :param is_repeatable: of no concern to a preview; taken so that the arguments are the same.
    :param max_rows: how many records to look at.
    :param must_be_ready: whether the task fails where one of these events could not be sent.
    """

    preview_fields: ClassVar[tuple[str, ...]] = (
        *FilesReader.file_fields,
        *("sql_conn_id", "parameters", "op_args", "op_kwargs"),
    )
    template_fields: Sequence[str] = (*FilesReader.template_fields, *preview_fields)
    shallow_copy_attrs: Sequence[str] = ("python_callable",)

    sql_conn_id: Rendered[str | None]
    parameters = PrivateField()
    op_args = PrivateField()
    op_kwargs = PrivateField()

    def __init__(
        self,
        *,
        sql_conn_id: str | XComArg | None = None,
        parameters: Mapping[str, Any] | Sequence[Any] | Hidden | XComArg | None = None,
        page_size: int = 10_000,
        hook_params: Mapping[str, Any] | None = None,
        python_callable: Callable[..., Any] | None = None,
        op_args: Collection[Any] | Hidden | XComArg | None = None,
        op_kwargs: Mapping[str, Any] | Hidden | XComArg | None = None,
        is_repeatable: bool = False,
        max_rows: int = 10,
        must_be_ready: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if python_callable is not None:
            check_callable(python_callable)
        self.sql_conn_id = sql_conn_id
        self.parameters = parameters
        self.page_size = page_size
        self.hook_params = hook_params
        self.python_callable = python_callable
        self.op_args = op_args or ()
        self.op_kwargs = op_kwargs or {}
        self.is_repeatable = is_repeatable
        self.max_rows = max_rows
        self.must_be_ready = must_be_ready
        self._context: Context | None = None

    @abstractmethod
    def rules_of_destination(self) -> tuple[Destination, Recorded]:
        """The destination for its rules alone, and what it would send of an event."""

    def execute(self, context: Context) -> dict[str, Any]:
        """The counts, and what is missing."""
        self._context = context
        with failing_as_airflow():
            from airflow_provider_tiktok.conversions.preview import as_text, check_max_rows, preview

            check_max_rows(self.max_rows)
            destination, record = self.rules_of_destination()
            shown = preview(
                self.open_source(),
                mapping=self._event_mapping(),
                destination=destination,
                record=record,
                require_consent=self.require_consent,
                max_rows=self.max_rows,
            )
        log.info("%s", as_text(shown))
        if self.must_be_ready and not shown.can_be_sent:
            raise PermanentFailure("Look at the preview in the log: not every event is ready to be sent.")
        return shown.as_dict()

    def open_source(self) -> Source:
        """The files, the query's rows, or what the function gives."""
        is_query, is_call = self.sql_conn_id is not None, self.python_callable is not None
        if is_query + is_call + (self.path is not None) > 1:
            raise ConfigurationError("Name one source to preview: path, sql_conn_id or python_callable.")
        if self.python_callable is not None:
            return open_call(
                self.python_callable,
                reveal(self.op_args),
                reveal(self.op_kwargs),
                context=self._context,
                is_repeatable=False,
            )
        if self.sql_conn_id is None:
            return super().open_source()
        if self.sql is None:
            raise ConfigurationError("Give the query whose rows are to be previewed as sql.")
        return open_query(
            self.sql,
            sql_conn_id=self.sql_conn_id,
            parameters=reveal(self.parameters),
            order_by=None,
            page_size=min(self.page_size, self.max_rows),
            hook_params=self.hook_params,
            part=self.part,
            group_by=self.group_by,
        )


class TikTokPreviewOperator(PreviewReader, SendToTikTokOperator):
    """Shows what becomes of the first records of a source on their way to TikTok, and sends nothing."""

    template_fields: Sequence[str] = (*SendToTikTokOperator.template_fields, *PreviewReader.preview_fields)

    def __init__(self, **kwargs: Unpack[TikTokPreviewArguments]) -> None:
        kwargs.setdefault("report_asset", False)
        super().__init__(**kwargs)

    def rules_of_destination(self) -> tuple[Destination, Recorded]:
        """TikTok's rules, as this task's arguments change them."""
        from airflow_provider_tiktok.conversions.preview import tiktok_rules
        from airflow_provider_tiktok.conversions.tiktok.payload import to_record

        return tiktok_rules(self._validation_rules(), self.identity_rules()), to_record


class LiveRampPreviewOperator(PreviewReader, SendToLiveRampOperator):
    """Shows what becomes of the first records of a source on their way to LiveRamp, and sends nothing."""

    template_fields: Sequence[str] = (*SendToLiveRampOperator.template_fields, *PreviewReader.preview_fields)

    def __init__(self, **kwargs: Unpack[LiveRampPreviewArguments]) -> None:
        super().__init__(**kwargs)

    def open_source(self) -> Source:
        """The source's records, those in LiveRamp's form as nested ones."""
        return self.read_liveramp_records(super().open_source())

    def rules_of_destination(self) -> tuple[Destination, Recorded]:
        """LiveRamp's rules, as this task's arguments change them."""
        from functools import partial

        from airflow_provider_tiktok.conversions.liveramp.adapter import AdapterClient
        from airflow_provider_tiktok.conversions.liveramp.payload import sent_record
        from airflow_provider_tiktok.conversions.preview import send_nothing

        destination = self._destination_over(AdapterClient("preview", transport=send_nothing))
        return destination, partial(sent_record, pass_on=self.pass_on or {})
