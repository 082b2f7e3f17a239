# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""From files, local or in object storage, to TikTok, directly or through LiveRamp."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from airflow_provider_tiktok.operators.base import DeliverEventsOperator
from airflow_provider_tiktok.operators.base_tiktok import SendToTikTokOperator
from airflow_provider_tiktok.task.hidden import AddressField, reveal
from airflow_provider_tiktok.task.sources import open_files

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import XComArg

    from airflow_provider_tiktok.conversions.chunks import Source
    from airflow_provider_tiktok.task.arguments import (
        FilesToTikTokArguments,
        Rendered,
    )

log = logging.getLogger(__name__)

REPEATS_KNOWN_S = 48 * 3600
"""TikTok, Events API 2.0, "Event deduplication" (v1.3), read 2026-11: repeats are removed for 48 hours."""


class FilesReader(DeliverEventsOperator):
    """Sends the records of files; a subclass says where to.

    Read are JSON Lines, JSON, CSV, TSV and Parquet, also compressed. Files may differ in columns that are not
    mapped; of columns that share a name each is called by its number, such as ``phone (column 3)``. A dead
    letter file of an earlier run is a file like others: its events are sent again under their old ids, and a
    warning tells when that is too late for TikTok to know them as repeats. With a mapping, folders such as
    ``day=2026-11-26/`` are columns of the files below them.

    :param path: a file, a folder, a pattern such as ``s3://sales/2026-11-23/*.jsonl.gz``, or several of
        them (templated). A folder has the files in it and in its partitions, such as ``day=2026-11-26/``.
        Files of a folder or pattern are read in the order of their names; those whose names begin with ``.``
        or ``_`` are left out, such as ``_SUCCESS``.
    :param storage_conn_id: Airflow connection of the object storage (templated). ``None``: as the
        environment says.
    :param format: ``jsonl``, ``json``, ``csv``, ``tsv``, ``parquet``; ``auto`` goes by the file's name.
    :param compression: ``auto`` goes by the file's first bytes.
    :param encoding: of text files.
    :param csv_delimiter: ``None``: a comma, in TSV a tabulator.
    :param csv_columns: names of the columns of CSV and TSV files that have no header.
    :param csv_quote: the character around fields of CSV and TSV files; an empty text for none.
    :param csv_skip_rows: lines above the header of CSV and TSV files, such as a title.
    :param part: one of the parts that ``SplitFilesOperator`` gives, for ``.expand(part=...)``, in place of
        ``path``. With ``group_by`` that operator must know it, too.
    :param sql: one ``SELECT`` over the table ``files``, which has the rows of all files (templated, also from
        a file ending in ``.sql``); its rows are sent in place of the files'. DuckDB runs it, inside the task
        and without a way to other files or addresses. Needs the extra ``duckdb``.
    :param order_by: columns that ``sql`` itself orders by and that tell every row apart. Naming them says
        that the same files give the same rows in the same order, so that a retry can resume.
    :param sql_max_memory: what DuckDB may hold; beyond that it uses a temporary folder, encrypted.
    """

    file_fields: ClassVar[tuple[str, ...]] = ("path", "storage_conn_id", "part", "sql")
    template_fields: Sequence[str] = (*DeliverEventsOperator.template_fields, *file_fields)
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"sql": "sql"}

    path = AddressField()
    storage_conn_id: Rendered[str | None]
    sql: Rendered[str | None]

    def __init__(
        self,
        *,
        path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | XComArg | None = None,
        storage_conn_id: str | XComArg | None = None,
        format: str = "auto",
        compression: str = "auto",
        encoding: str = "utf-8",
        csv_delimiter: str | None = None,
        csv_columns: Sequence[str] | None = None,
        csv_quote: str = '"',
        csv_skip_rows: int = 0,
        part: Mapping[str, Any] | XComArg | None = None,
        sql: str | XComArg | None = None,
        order_by: Sequence[str] | None = None,
        sql_max_memory: str = "1GB",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.storage_conn_id = storage_conn_id
        self.format = format
        self.compression = compression
        self.encoding = encoding
        self.csv_delimiter = csv_delimiter
        self.csv_columns = csv_columns
        self.csv_quote = csv_quote
        self.csv_skip_rows = csv_skip_rows
        self.part = part
        self.sql = sql
        self.order_by = order_by
        self.sql_max_memory = sql_max_memory
        self._files: tuple[str, ...] = ()

    def open_source(self) -> Source:
        """The files' records."""
        from airflow_provider_tiktok.conversions.addresses import shown_path

        source = open_files(
            reveal(self.path),
            storage_conn_id=self.storage_conn_id,
            format=self.format,
            compression=self.compression,
            encoding=self.encoding,
            csv_delimiter=self.csv_delimiter,
            csv_columns=self.csv_columns,
            csv_quote=self.csv_quote,
            csv_skip_rows=self.csv_skip_rows,
            hive_columns=bool(self.mapping or self.sql),
            part=self.part,
            group_by=self.group_by,
            sql=self.sql,
            order_by=self.order_by,
            sql_max_memory=self.sql_max_memory,
            stop=self._stop,
        )
        self._files = source.files if self.part is None else tuple(map(shown_path, self.part["files"]))
        return source

    def source_label(self) -> str | None:
        """The part, else the path, in words for people."""
        from airflow_provider_tiktok.conversions.addresses import shown_path

        path = reveal(self.path)
        if self.part is not None or not isinstance(path, str | os.PathLike):
            return super().source_label()
        return shown_path(path)

    def lineage_inputs(self) -> list[Any]:
        """The files that were read."""
        from airflow_provider_tiktok.task.lineage import files_as_datasets

        return files_as_datasets(self._files)

    def after_delivery(self, source: Source) -> None:
        """Warn where dead letters were sent again too late for TikTok to know which of them it has."""
        oldest = source.oldest_replay_time
        if oldest is None or time.time() - oldest <= REPEATS_KNOWN_S:
            return
        log.warning(
            "The oldest dead letter is %.0f hours old. TikTok removes repeats for 48 hours only: events that "
            "were unconfirmed may now count twice.",
            (time.time() - oldest) / 3600,
        )


class FilesToTikTokOperator(FilesReader, SendToTikTokOperator):
    """Sends the records of files to TikTok."""

    template_fields: Sequence[str] = (*SendToTikTokOperator.template_fields, *FilesReader.file_fields)

    def __init__(self, **kwargs: Unpack[FilesToTikTokArguments]) -> None:
        super().__init__(**kwargs)
