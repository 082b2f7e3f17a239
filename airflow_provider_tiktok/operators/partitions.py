# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Operators that cut a table or a folder into parts, of which mapped senders take one each."""

from __future__ import annotations

import hashlib
import logging
import os
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from airflow_provider_tiktok.conversions.addresses import shown_path
from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.exceptions import failing_as_airflow
from airflow_provider_tiktok.task.contexts import complete_context
from airflow_provider_tiktok.task.hidden import AddressField, HidingOperator, reveal
from airflow_provider_tiktok.task.parts import most_parts
from airflow_provider_tiktok.task.paths import find_files
from airflow_provider_tiktok.task.signatures import ShowsArguments
from airflow_provider_tiktok.task.sources import database_hook

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_provider_tiktok.task.arguments import Rendered, TaskArguments

log = logging.getLogger(__name__)

STATE_KEY = "airflow_provider_tiktok.parts"


class SplitOperator(HidingOperator, ShowsArguments):
    """Gives the parts of a whole as plain mappings, at most as many as Airflow maps a task to.

    They hold bounds and addresses, and no row. Airflow keeps them with the task's result, so a retry of a
    part reads what the first try read.
    """

    ui_color = "#d7f5f3"

    @abstractmethod
    def split(self, context: Context, *, max_parts: int) -> list[dict[str, Any]]:
        """The parts, in their order, at least one."""

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """The parts."""
        context = complete_context(context, task_id=self.task_id)
        with failing_as_airflow():
            parts = self.split(context, max_parts=most_parts())
        for part in parts:
            log.info("Part %s of %s: %s", part["number"], part["of"], part["name"])
        return parts


class SplitQueryOperator(SplitOperator):
    """Cuts a table into ranges of a key, of about equal size.

    On PostgreSQL the bounds come from the statistics that the database keeps; no row is read. Elsewhere, with
    ``where``, and where a tenth of the table has changed since it was analysed, one walk along the key's
    index finds them. Rows without a key are a part of their own. Ranges are half-open and the outermost have
    no end, so each row belongs to exactly one, also rows that come later. From Airflow 3.3 a run that is
    cleared as a whole is cut as before.

    In the query of the sender write ``{part}`` where the range belongs::

        parts = SplitQueryOperator(task_id="parts", sql_conn_id="shop", table="orders", key="order_id")
        send = SqlToTikTokOperator.partial(
            task_id="send", sql_conn_id="shop", sql="SELECT * FROM orders WHERE {part} ORDER BY order_id", ...
        ).expand(part=parts.output)

    :param sql_conn_id: connection of the database (templated).
    :param table: what to cut, as it stands behind ``FROM`` (templated).
    :param key: column to cut by: numbers, texts, UUIDs or times, not personal, with an index. For line items
        the order's id; for LiveRamp the session's id. Of texts a part shows the few characters that tell it
        from the part before it.
    :param parts: how many, at most. There are fewer where few keys have most of the rows.
    :param where: condition that the rows must meet, without the word WHERE (templated); the sender's query
        needs it as well.
    :param hook_params: arguments of the database hook.
    """

    template_fields: Sequence[str] = ("sql_conn_id", "table", "where")

    sql_conn_id: Rendered[str]
    table: Rendered[str]
    where: Rendered[str | None]

    def __init__(
        self,
        *,
        sql_conn_id: str | XComArg,
        table: str | XComArg,
        key: str,
        parts: int = 8,
        where: str | XComArg | None = None,
        hook_params: Mapping[str, Any] | None = None,
        **kwargs: Unpack[TaskArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.sql_conn_id = sql_conn_id
        self.table = table
        self.key = key
        self.parts = parts
        self.where = where
        self.hook_params = hook_params

    def split(self, context: Context, *, max_parts: int) -> list[dict[str, Any]]:
        """Ranges of the key; one place is kept for rows without a key."""
        from airflow_provider_tiktok.conversions.sources.key_statistics import split_query

        parts = _at_least_one(self.parts, argument="parts")
        hook = database_hook(self.sql_conn_id, hook_params=self.hook_params)
        if parts > max_parts - 1:
            log.warning("parts: Airflow maps a task to %s at most ([core] max_map_length).", max_parts)
        bounds = _KeptBounds(context.get("task_state_store"), mark=self._mark())
        found = split_query(
            hook.get_conn,
            table=self.table,
            key=self.key,
            parts=max(1, min(parts, max_parts - 1)),
            where=self.where or None,
            known=bounds.recall(),
        )
        bounds.keep(found)
        return found

    def _mark(self) -> str:
        """What tells these arguments from others."""
        given = (self.sql_conn_id, self.table, self.key, self.parts, self.where, self.hook_params)
        return hashlib.sha256(repr(given).encode()).hexdigest()


class _KeptBounds:
    """The parts that a former run of a task gave, where Airflow keeps a task's state (from 3.3).

    :param store: Airflow's accessor, ``None`` where there is none.
    :param mark: what tells the arguments of the task.
    """

    def __init__(self, store: Any, *, mark: str) -> None:
        self._store = store
        self._mark = mark

    def recall(self) -> list[dict[str, Any]] | None:
        """The parts that were given under these arguments, ``None`` where none are known."""
        if self._store is None:
            return None
        try:
            kept = self._store.get(STATE_KEY)
        except Exception as error:  # every backend has errors of its own
            log.warning("Former parts cannot be read (%s): the table is cut anew.", type(error).__name__)
            return None
        if not isinstance(kept, Mapping) or kept.get("mark") != self._mark:
            return None
        log.info("Cut as in the former run of this task.")
        return list(kept["parts"])

    def keep(self, parts: list[dict[str, Any]]) -> None:
        """Keep the parts; where that fails, a cleared run may cut anew."""
        if self._store is None:
            return
        try:
            self._store.set(STATE_KEY, {"mark": self._mark, "parts": parts})
        except Exception as error:
            log.warning("The parts cannot be kept (%s).", type(error).__name__)


class SplitFilesOperator(SplitOperator):
    """Cuts a folder, a pattern or a large file into parts of about equal size, by the files' sizes.

    Small files go together. A file that is much larger than a part is cut: Parquet between row groups, JSON
    Lines that is not packed between lines. Other formats stay whole.

    :param path: a file, a folder, a pattern or several of them (templated), as for ``FilesToTikTokOperator``.
    :param storage_conn_id: Airflow connection of the object storage (templated).
    :param part_bytes: about how many bytes of files are one part. Parts become larger where there would be
        more than Airflow maps a task to.
    :param group_by: the sender's, where it has one. No file is cut then, and files whose border stands within
        a group stay together; to find these, every file is read once.
    :param format: as for ``FilesToTikTokOperator``.
    :param compression: as there.
    :param encoding: as there.
    :param csv_delimiter: as there.
    :param csv_columns: as there.
    :param csv_quote: as there.
    :param csv_skip_rows: as there.
    """

    template_fields: Sequence[str] = ("path", "storage_conn_id")

    path = AddressField()
    storage_conn_id: Rendered[str | None]

    def __init__(
        self,
        *,
        path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | XComArg,
        storage_conn_id: str | XComArg | None = None,
        part_bytes: int = 256_000_000,
        group_by: str | Sequence[str] = (),
        format: str = "auto",
        compression: str = "auto",
        encoding: str = "utf-8",
        csv_delimiter: str | None = None,
        csv_columns: Sequence[str] | None = None,
        csv_quote: str = '"',
        csv_skip_rows: int = 0,
        **kwargs: Unpack[TaskArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.storage_conn_id = storage_conn_id
        self.part_bytes = part_bytes
        self.group_by = group_by
        self.format = format
        self.compression = compression
        self.encoding = encoding
        self.csv_delimiter = csv_delimiter
        self.csv_columns = csv_columns
        self.csv_quote = csv_quote
        self.csv_skip_rows = csv_skip_rows

    @property
    def reading(self) -> dict[str, Any]:
        """How the files are read."""
        of_csv = ("csv_delimiter", "csv_columns", "csv_quote", "csv_skip_rows")
        names = ("format", "compression", "encoding", *of_csv)
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def split(self, context: Context, *, max_parts: int) -> list[dict[str, Any]]:
        """Files, and ranges of large ones."""
        from airflow_provider_tiktok.conversions.sources.file_parts import split_files

        files = find_files(reveal(self.path), conn_id=self.storage_conn_id)
        if any(shown_path(file) != str(file) for file in files):
            raise ConfigurationError(
                "Name a connection in storage_conn_id, and leave user, password and query out of the path: "
                "Airflow stores what a part says, and this address has one of them."
            )
        return split_files(
            files,
            part_bytes=_at_least_one(self.part_bytes, argument="part_bytes"),
            max_parts=max_parts,
            group_by=[self.group_by] if isinstance(self.group_by, str) else list(self.group_by),
            **self.reading,
        )


def _at_least_one(value: Any, *, argument: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"Set {argument} to a whole number of at least 1.")
    return value
