# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Sources that need Airflow's connections: queries through database hooks, files in object storage."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.task.paths import as_path, find_files

if TYPE_CHECKING:
    import threading

    from airflow_provider_tiktok.conversions.sources.files import FilesSource
    from airflow_provider_tiktok.conversions.sources.queried_files import QueriedFiles
    from airflow_provider_tiktok.conversions.sources.sql import SqlSource

_ORDERS = re.compile(r"\border\s+by\b", re.IGNORECASE)


def open_query(
    sql: str,
    *,
    sql_conn_id: str,
    parameters: Mapping[str, Any] | Sequence[Any] | None = None,
    order_by: Sequence[str] | None = None,
    page_size: int = 10_000,
    hook_params: Mapping[str, Any] | None = None,
    part: Mapping[str, Any] | None = None,
    group_by: Sequence[str] = (),
) -> SqlSource:
    """The rows of a query, over the connection's own hook.

    :param part: of ``split_query``, whose condition stands in the query as ``{part}``.
    :param group_by: columns whose equal values belong together, which a part must not cut.
    :param order_by: columns the query is said to order by; ``None`` where its order may change.
    :raises ConfigurationError: the connection is missing or no database's, or the query orders by nothing
        although ``order_by`` says so.
    """
    from airflow_provider_tiktok.conversions.sources.key_ranges import within_part
    from airflow_provider_tiktok.conversions.sources.sql import SqlSource

    if not isinstance(sql, str):
        raise ConfigurationError("Give one query as sql, as text.")
    sql = within_part(sql, part, group_by=group_by)
    _check_order(sql, order_by)
    hook = database_hook(sql_conn_id, hook_params=hook_params)
    return SqlSource(
        hook.get_conn, sql, parameters or None, page_size=page_size, order_is_stated=bool(order_by)
    )


def open_files(
    path: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | None,
    *,
    storage_conn_id: str | None = None,
    below: str | None = None,
    part: Mapping[str, Any] | None = None,
    group_by: Sequence[str] = (),
    sql: str | None = None,
    order_by: Sequence[str] | None = None,
    sql_max_memory: str = "1GB",
    stop: threading.Event | None = None,
    **settings: Any,
) -> FilesSource | QueriedFiles:
    """The records of the files that ``path`` names, or of a part.

    :param part: of ``split_files``, in place of ``path``.
    :param group_by: columns whose equal values belong together, which a part must not cut.
    :param below: folder that local files may not lead out of, links resolved; ``None``: they may be anywhere.
    :param sql: a query over the files, whose rows take the place of theirs.
    :param order_by: columns the query is said to order by; ``None`` where its order may change.
    :param sql_max_memory: what the query may hold in memory.
    :param stop: set by another thread to end the query.
    :param settings: of ``FilesSource``; those that are ``None`` are left to it.
    :raises ConfigurationError: no file is named, or a setting is wrong.
    """
    from airflow_provider_tiktok.conversions.sources.file_parts import check_part
    from airflow_provider_tiktok.conversions.sources.file_ranges import PartOfFile
    from airflow_provider_tiktok.conversions.sources.files import FilesSource

    given = {name: value for name, value in settings.items() if value is not None}
    if part is not None:
        if path is not None:
            raise ConfigurationError("Give path or part: one of the two.")
        if sql is not None:
            raise ConfigurationError("Give path instead of part: a query in sql reads whole files.")
        check_part(part, group_by=group_by, encoding=given.get("encoding", "utf-8"))
        files = [as_path(file, conn_id=storage_conn_id) for file in part["files"]]  # names, not patterns
        if "size" not in part:
            return FilesSource(files, **given)
        return FilesSource([PartOfFile(files[0], part)], **{**given, "format": part.get("format")})
    if path is None:
        raise ConfigurationError("Give a file, a folder, a pattern or several of them as path.")
    files = find_files(path, conn_id=storage_conn_id, below=below)
    if sql is None and order_by:
        raise ConfigurationError("Give the query that orders the rows as sql, or leave out order_by.")
    if sql is None:
        return FilesSource(files, **given)
    from airflow_provider_tiktok.conversions.sources.queried_files import QueriedFiles

    _check_order(sql, order_by)
    is_ordered = bool(order_by)
    return QueriedFiles(
        files, sql=sql, order_is_stated=is_ordered, max_memory=sql_max_memory, stop=stop, **given
    )


def _check_order(sql: str, order_by: Sequence[str] | None) -> None:
    """Nothing, where the query orders its rows or is not said to."""
    if order_by and not _ORDERS.search(str(sql)):
        raise ConfigurationError(
            "Add an ORDER BY to sql, or leave out order_by, which says that the query orders its rows."
        )


def database_hook(
    sql_conn_id: str, *, hook_params: Mapping[str, Any] | None = None, argument: str = "sql_conn_id"
) -> Any:
    """The hook of a database's connection.

    :param argument: what the task calls the connection, for errors.
    :raises ConfigurationError: the connection is missing or no database's.
    """
    from airflow.providers.common.compat.sdk import AirflowException, AirflowNotFoundException, BaseHook
    from airflow.providers.common.sql.hooks.sql import DbApiHook

    try:
        connection: Any = BaseHook.get_connection(sql_conn_id)
        hook = connection.get_hook(hook_params=dict(hook_params or {}))
    except AirflowNotFoundException:
        raise ConfigurationError(
            f"Define it, or name another as {argument}: connection {sql_conn_id!r} is not defined."
        ) from None
    except (AirflowException, ImportError) as error:
        raise ConfigurationError(
            f"Check the type of connection {sql_conn_id!r}, and that the provider of that database is "
            f"installed: there is no hook for it ({type(error).__name__}). It is what {argument} "
            "names."
        ) from None
    if not isinstance(hook, DbApiHook):
        raise ConfigurationError(
            f"Name the connection of a database as {argument}: {sql_conn_id!r} is not one."
        )
    return hook
