# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Where envelopes are read from and written to, over Airflow's connections."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.task.sources import database_hook, open_query

if TYPE_CHECKING:
    from airflow_provider_tiktok.conversions.chunks import Source
    from airflow_provider_tiktok.conversions.liveramp.envelope_store import EnvelopeTable


class Borrowed:
    """A connection that its borrower may use and cannot close."""

    def __init__(self, connection: Any) -> None:
        self.cursor = connection.cursor

    def close(self) -> None:
        """Nothing: its owner closes it."""


def open_table(
    stack: ExitStack, *, table: str, table_conn_id: str, settings: Mapping[str, Any]
) -> tuple[EnvelopeTable, Any]:
    """The table, and the connection it is written through, which the stack closes.

    :param settings: of ``EnvelopeTable``.
    :raises ConfigurationError: the connection is missing or no database's, or a setting is wrong.
    """
    from airflow_provider_tiktok.conversions.liveramp.envelope_store import EnvelopeTable

    hook = database_hook(table_conn_id, argument="table_conn_id")
    connection = stack.enter_context(closing(hook.get_conn()))
    if getattr(hook, "supports_autocommit", False):
        hook.set_autocommit(connection, False)  # a page is one transaction
    placeholder = getattr(hook, "placeholder", "%s")
    return EnvelopeTable(connection, table=table, placeholder=placeholder, **settings), connection


def open_rows(
    sql: str,
    *,
    sql_conn_id: str,
    parameters: Mapping[str, Any] | Sequence[Any] | None,
    hook_params: Mapping[str, Any] | None,
    page_size: int,
    writer: tuple[str, Any] | None,
) -> Source:
    """The rows of a query.

    :param writer: connection id and connection of the table that is written to meanwhile, ``None`` for none.
        SQLite locks a whole file against writers as long as a query is read elsewhere, so there one
        connection does both.
    """
    from airflow_provider_tiktok.conversions.sources.sql import SqlSource

    if writer is not None and writer[0] == sql_conn_id and isinstance(writer[1], sqlite3.Connection):
        if not isinstance(sql, str):
            raise ConfigurationError("Give one query as sql, as text.")
        return SqlSource(lambda: Borrowed(writer[1]), sql, parameters or None, page_size=page_size)
    return open_query(
        sql, sql_conn_id=sql_conn_id, parameters=parameters, page_size=page_size, hook_params=hook_params
    )
