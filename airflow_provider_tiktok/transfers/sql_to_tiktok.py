# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""From any database that Airflow has a hook for to TikTok, directly or through LiveRamp."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from airflow_provider_tiktok.operators.base import DeliverEventsOperator
from airflow_provider_tiktok.operators.base_tiktok import SendToTikTokOperator
from airflow_provider_tiktok.task.hidden import Hidden, PrivateField, reveal
from airflow_provider_tiktok.task.sources import open_query

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import XComArg

    from airflow_provider_tiktok.conversions.chunks import Source
    from airflow_provider_tiktok.task.arguments import Rendered, SqlToTikTokArguments


class QueryReader(DeliverEventsOperator):
    """Sends the rows of a query; a subclass says where to.

    Rows are fetched in pages, with a server-side cursor where the driver has one, and never all in memory.

    :param sql: one query (templated, also from a file ending in ``.sql``).
    :param sql_conn_id: connection of the database (templated).
    :param parameters: bound to the query by the driver (templated). They are shown in no rendered field.
    :param order_by: columns that the query itself orders by and that tell every row apart. Naming them says
        that reading again gives the same rows in the same order, so that a retry can go on where a killed
        try stopped (Airflow 3.3 and later). The query is never changed.
    :param page_size: rows that are fetched at once, at most 1,000 and fewer where they are large. It changes
        no request.
    :param hook_params: arguments of the database hook, such as ``{"schema": "sales"}``.
    :param part: one of the parts that ``SplitQueryOperator`` gives, for ``.expand(part=...)``. The query says
        where its condition belongs: ``WHERE {part}``, or ``WHERE {part:o.order_id}`` where the key has
        another name in it. With ``group_by`` the key must be one of its columns.
    """

    query_fields: ClassVar[tuple[str, ...]] = ("sql", "sql_conn_id", "parameters", "part")
    template_fields: Sequence[str] = (*DeliverEventsOperator.template_fields, *query_fields)
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"sql": "sql"}

    sql: Rendered[str]
    sql_conn_id: Rendered[str]
    parameters = PrivateField()

    def __init__(
        self,
        *,
        sql: str | XComArg,
        sql_conn_id: str | XComArg,
        parameters: Mapping[str, Any] | Sequence[Any] | Hidden | XComArg | None = None,
        order_by: Sequence[str] | None = None,
        page_size: int = 10_000,
        hook_params: Mapping[str, Any] | None = None,
        part: Mapping[str, Any] | XComArg | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sql = sql
        self.sql_conn_id = sql_conn_id
        self.parameters = parameters
        self.order_by = order_by
        self.page_size = page_size
        self.hook_params = hook_params
        self.part = part

    def open_source(self) -> Source:
        """The query's rows."""
        return open_query(
            self.sql,
            sql_conn_id=self.sql_conn_id,
            parameters=reveal(self.parameters),
            order_by=self.order_by,
            page_size=self.page_size,
            hook_params=self.hook_params,
            part=self.part,
            group_by=self.group_by,
        )

    def lineage_inputs(self) -> list[Any]:
        """The tables that the query names."""
        from airflow_provider_tiktok.conversions.sources.key_ranges import within_part
        from airflow_provider_tiktok.task.lineage import tables_as_datasets
        from airflow_provider_tiktok.task.sources import database_hook

        hook = database_hook(self.sql_conn_id, hook_params=self.hook_params)
        sql = within_part(self.sql, self.part, group_by=())
        return tables_as_datasets(sql, hook=hook, conn_id=self.sql_conn_id)


class SqlToTikTokOperator(QueryReader, SendToTikTokOperator):
    """Sends the rows of a query to TikTok."""

    template_fields: Sequence[str] = (*SendToTikTokOperator.template_fields, *QueryReader.query_fields)

    def __init__(self, **kwargs: Unpack[SqlToTikTokArguments]) -> None:
        super().__init__(**kwargs)
