# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What OpenLineage is told of a delivery: what was read, where it went, and the receipt.

Nothing here is imported before OpenLineage asks. Of the query its tables are told and no word of its text,
of files their addresses without credentials, of events counts.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_tiktok.assets.tiktok import NAMESPACE, dataset_name

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

log = logging.getLogger(__name__)

MAX_FILES = 100
"""How many files are named as inputs."""


def make_lineage(
    *, inputs: Iterable[Any], told: Mapping[str, Any] | None
) -> OperatorLineage[Any, Any] | None:
    """What OpenLineage keeps of a run; ``None`` where its provider is not installed.

    :param inputs: datasets that were read.
    :param told: the receipt, with where it went; ``None`` where the run ended before there was one.
    """
    try:
        from airflow.providers.openlineage.extractors import OperatorLineage
    except ImportError:
        return None
    run_facets = {} if told is None else {"tiktokReceipt": _receipt_facet(told)}
    return OperatorLineage(inputs=list(inputs), outputs=_outputs(told or {}), run_facets=run_facets)


def files_as_datasets(paths: Sequence[str]) -> list[Any]:
    """Files by the names that OpenLineage has for them.

    :param paths: addresses without credentials.
    """
    from airflow.providers.common.compat.openlineage.facet import Dataset

    if len(paths) > MAX_FILES:
        log.info("OpenLineage is told of the first %d of %d files.", MAX_FILES, len(paths))
    return [Dataset(namespace=place, name=name) for place, name in map(_place_of, paths[:MAX_FILES])]


def tables_as_datasets(sql: Any, *, hook: Any, conn_id: str) -> list[Any]:
    """The tables that a query reads, as far as they can be told; no question is asked of the database."""
    try:
        from airflow.providers.openlineage.sqlparser import SQLParser, get_openlineage_facets_with_sql

        told = get_openlineage_facets_with_sql(
            hook=hook, sql=sql, conn_id=conn_id, database=None, use_connection=False
        )
        if told is not None:
            return list(told.inputs)
        return _tables_by_connection(SQLParser().parse(sql), hook.get_connection(conn_id))
    except Exception as error:
        log.info("OpenLineage is told of no table: the query was not understood (%s).", type(error).__name__)
        return []


def _tables_by_connection(parsed: Any, connection: Any) -> list[Any]:
    """The tables, under the connection's own address where the database's provider has no name for it."""
    from airflow.providers.common.compat.openlineage.facet import Dataset

    port = f":{connection.port}" if connection.port else ""
    namespace = f"{connection.conn_type}://{connection.host or ''}{port}"
    return [
        Dataset(namespace=namespace, name=".".join(filter(None, (table.database, table.schema, table.name))))
        for table in (parsed.in_tables if parsed is not None else ())
    ]


def _place_of(path: str) -> tuple[str, str]:
    parts = urlsplit(path)
    if "://" not in path:
        return "file", str(Path(path).absolute())
    if parts.scheme == "file":
        return "file", parts.path
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", parts.path.lstrip("/")


def _outputs(told: Mapping[str, Any]) -> list[Any]:
    from airflow.providers.common.compat.openlineage.facet import (
        OutputDataset,
        OutputStatisticsOutputDatasetFacet,
    )

    event_source, source_id = told.get("event_source"), told.get("event_source_id")
    if not event_source or not source_id:
        return []
    facets: dict[str, Any] = {}
    if "accepted" in told:
        facets["outputStatistics"] = OutputStatisticsOutputDatasetFacet(rowCount=told["accepted"])
    name = dataset_name(event_source, source_id)
    return [OutputDataset(namespace=NAMESPACE, name=name, outputFacets=facets)]


def _receipt_facet(told: Mapping[str, Any]) -> Any:
    from airflow_provider_tiktok.task.receipt_facet import ReceiptRunFacet

    return ReceiptRunFacet(receipt=dict(told))
