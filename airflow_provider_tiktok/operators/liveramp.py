# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Operators for LiveRamp: events given in the DAG, and envelopes that must stay young."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.exceptions import failing_as_airflow, raise_as_airflow
from airflow_provider_tiktok.operators.base import RECEIPT_KEY
from airflow_provider_tiktok.operators.base_liveramp import SendToLiveRampOperator
from airflow_provider_tiktok.task.contexts import complete_context
from airflow_provider_tiktok.task.envelopes import open_rows, open_table
from airflow_provider_tiktok.task.hidden import AddressField, Hidden, HidingOperator, PrivateField, reveal
from airflow_provider_tiktok.task.paths import as_local_path
from airflow_provider_tiktok.task.signatures import ShowsArguments
from airflow_provider_tiktok.task.sources import open_files
from airflow_provider_tiktok.task.supervision import Supervision

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_provider_tiktok.conversions.chunks import Source
    from airflow_provider_tiktok.conversions.liveramp.refresh import EnvelopeStore, RefreshRules, RefreshRun
    from airflow_provider_tiktok.task.arguments import LiveRampArguments, Rendered, TaskArguments


class LiveRampSendEventsOperator(SendToLiveRampOperator):
    """Sends events given in the DAG, or by another task, to TikTok through LiveRamp.

    Meant for a few events. Many are better read from where they are (``SqlToLiveRampOperator``,
    ``FilesToLiveRampOperator``): what passes between tasks is stored by Airflow as it is, and what is written
    into a DAG file is stored with the file.

    :param events: the records, each a mapping, or all of them as one JSON array in a text (templated). They
        are shown in no rendered field and stored in none. Without a ``mapping`` a record may also be an event
        in LiveRamp's own form, and all of them a request in that form, ``{"events": [...]}``.
    """

    template_fields: Sequence[str] = (*SendToLiveRampOperator.template_fields, "events")

    events = PrivateField()

    def __init__(self, *, events: Any, **kwargs: Unpack[LiveRampArguments]) -> None:
        super().__init__(**kwargs)
        self.events = events

    def open_source(self) -> Source:
        """The records, those in LiveRamp's form as nested ones."""
        from airflow_provider_tiktok.conversions.liveramp.records import events_of
        from airflow_provider_tiktok.conversions.sources.records import RecordsSource

        return self.read_liveramp_records(RecordsSource(events_of(reveal(self.events))))


class LiveRampRefreshEnvelopesOperator(HidingOperator, ShowsArguments):
    """Refreshes stored identity envelopes, and returns how many rows had which status.

    Rows come from a query, from files or from a list, and hold ``key``, ``envelope``, ``refreshed_at``,
    ``ip`` (the person's own address), consent as whole pairs ``ct``/``cv`` or ``gpp``/``gpp_sid``, where
    needed ``country``, and ``status`` of the former run, so that who opted out stays so. What shall be kept
    of each row (key, envelope, refreshed_at, status) goes to a table, in one transaction a page, or to a
    file. A page is stored before the next is read, and an old envelope stays good until it is replaced: a
    crash loses none.

    An envelope is removed where LiveRamp says that the person opted out or gave no consent. Every other row
    that got no new envelope keeps what it had; its status says why.

    :param liveramp_conn_id: connection of type ``liveramp``, with placement id and origin (templated).
    :param sql: query for the rows (templated); name its columns as above. Let it order by the key, and leave
        out rows that need not be looked at.
    :param sql_conn_id: connection of the query's database (templated).
    :param parameters: bound to the query by the driver (templated). They are shown in no rendered field.
    :param hook_params: arguments of the database hook.
    :param path: files of rows, in place of a query (templated): a file, a folder, a pattern or several.
    :param storage_conn_id: Airflow connection of the files' object storage (templated).
    :param format: of the files; ``auto`` goes by their names.
    :param envelopes: the rows themselves, in place of a query (templated). They are shown in no rendered
        field and stored in none.
    :param columns: name above to column, where they differ.
    :param table: table that results are written to (templated). Rows whose key is there are updated.
    :param table_conn_id: connection of its database (templated); ``None``: that of the query.
    :param table_columns: ``key``, ``envelope``, ``refreshed_at``, ``status`` to column, where they differ.
    :param insert_missing: whether rows whose key is not in the table are inserted. Turn it off where people
        may be deleted from the table while the task runs.
    :param timestamps: how ``refreshed_at`` is written: ``unix`` seconds, ``iso`` text or a ``datetime``.
    :param output_path: local file that results are written to, in place of a table (templated): JSON Lines,
        readable by its owner only.
    :param refresh_after: younger envelopes are left alone.
    :param lifetime: older envelopes cannot be renewed and are reported as ``expired``.
    :param require_consent: ``always``: rows without a consent string are not sent. ``by_country``: rows
        without a TCF string are sent only if ``country`` is an ISO 3166 alpha-2 code known to lie outside the
        EU, the EEA and the United Kingdom with all territories, and Switzerland. ``never``: rows without a
        string are sent. A text that is no consent string keeps its row back everywhere.
    :param retrieve_missing: whether envelopes that are missing or expired are made anew from ``email``,
        ``phone`` or ``custom_id``, which the rows then hold unhashed. LiveRamp's digests are not TikTok's.
    :param fold_addresses: whether tags, and the dots of Gmail's addresses, are dropped before hashing.
    :param timezone: of times that name none.
    :param page_size: rows that are read, asked about and stored together.
    :param max_in_flight: requests under way at once.
    :param max_attempts_per_request: how often LiveRamp is asked about one row.
    :param max_requests_per_second: of this task; ``None`` for no limit.
    :param max_failed: the task fails, and may be retried, when more rows got no usable answer.
    """

    template_fields: Sequence[str] = (
        "liveramp_conn_id",
        "sql",
        "sql_conn_id",
        "parameters",
        "path",
        "storage_conn_id",
        "envelopes",
        "table",
        "table_conn_id",
        "output_path",
    )
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"sql": "sql"}
    ui_color = "#d7f5f3"

    liveramp_conn_id: Rendered[str]
    sql: Rendered[str | None]
    sql_conn_id: Rendered[str | None]
    storage_conn_id: Rendered[str | None]
    table: Rendered[str | None]
    table_conn_id: Rendered[str | None]
    output_path: Rendered[str | os.PathLike[str] | None]

    parameters = PrivateField()
    envelopes = PrivateField()
    path = AddressField()

    def __init__(
        self,
        *,
        liveramp_conn_id: str | XComArg = "liveramp_default",
        sql: str | XComArg | None = None,
        sql_conn_id: str | XComArg | None = None,
        parameters: Mapping[str, Any] | Sequence[Any] | Hidden | XComArg | None = None,
        hook_params: Mapping[str, Any] | None = None,
        path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | XComArg | None = None,
        storage_conn_id: str | XComArg | None = None,
        format: str = "auto",
        envelopes: Any = None,
        columns: Mapping[str, str] | None = None,
        table: str | XComArg | None = None,
        table_conn_id: str | XComArg | None = None,
        table_columns: Mapping[str, str] | None = None,
        insert_missing: bool = True,
        timestamps: str = "unix",
        output_path: str | os.PathLike[str] | XComArg | None = None,
        refresh_after: timedelta = timedelta(hours=24),
        lifetime: timedelta = timedelta(days=15),
        require_consent: str = "always",
        retrieve_missing: bool = False,
        fold_addresses: bool = True,
        timezone: str = "UTC",
        page_size: int = 100,
        max_in_flight: int = 8,
        max_attempts_per_request: int = 5,
        max_requests_per_second: int | None = None,
        max_failed: int = 0,
        **kwargs: Unpack[TaskArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.liveramp_conn_id = liveramp_conn_id
        self.sql = sql
        self.sql_conn_id = sql_conn_id
        self.parameters = parameters
        self.hook_params = hook_params
        self.path = path
        self.storage_conn_id = storage_conn_id
        self.format = format
        self.envelopes = envelopes
        self.columns = columns
        self.table = table
        self.table_conn_id = table_conn_id
        self.table_columns = table_columns
        self.insert_missing = insert_missing
        self.timestamps = timestamps
        self.output_path = output_path
        self.refresh_after = refresh_after
        self.lifetime = lifetime
        self.require_consent = require_consent
        self.retrieve_missing = retrieve_missing
        self.fold_addresses = fold_addresses
        self.timezone = timezone
        self.page_size = page_size
        self.max_in_flight = max_in_flight
        self.max_attempts_per_request = max_attempts_per_request
        self.max_requests_per_second = max_requests_per_second
        self.max_failed = max_failed
        self._stop: threading.Event | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """The counts, once every row has its status. They are in XCom for failed tasks as well."""
        context = complete_context(context, task_id=self.task_id)
        with failing_as_airflow():
            run = self._refresh()
        counts = run.report.as_dict()
        self.log.info("Envelopes: %s", counts)
        context["ti"].xcom_push(key=RECEIPT_KEY, value=counts)
        if run.stopped_by is not None:
            raise_as_airflow(run.stopped_by)
        return counts

    def on_kill(self) -> None:
        """End the run in order: requests under way are waited for and their results stored."""
        if self._stop is not None:
            self._stop.set()

    def _refresh(self) -> RefreshRun:
        from airflow_provider_tiktok.conversions.http import RetryPolicy
        from airflow_provider_tiktok.conversions.liveramp.refresh import refresh_envelopes
        from airflow_provider_tiktok.hooks.liveramp import LiveRampHook

        self._check_arguments()
        rules = self._rules()
        self._stop = stop = threading.Event()
        with ExitStack() as stack:
            stack.enter_context(Supervision(stop))
            hook = stack.enter_context(LiveRampHook(self.liveramp_conn_id))
            client = hook.get_envelope_client(
                stop=stop,
                policy=RetryPolicy(max_attempts=self.max_attempts_per_request),
                max_requests_per_second=self.max_requests_per_second,
            )
            store, writer = self._open_store(stack)
            return refresh_envelopes(
                self._open_rows(writer),
                client=client,
                store=store,
                rules=rules,
                page_size=self.page_size,
                max_in_flight=self.max_in_flight,
                stop=stop,
            )

    def _check_arguments(self) -> None:
        _check_one_given(self, "sql", "path", "envelopes")
        _check_one_given(self, "table", "output_path")
        if self.sql is not None and not self.sql_conn_id:
            raise ConfigurationError("Name the connection of the database that sql is run on as sql_conn_id.")
        if self.table is not None and not (self.table_conn_id or self.sql_conn_id):
            raise ConfigurationError("Name the connection of the table's database as table_conn_id.")
        for name in ("page_size", "max_in_flight", "max_attempts_per_request"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigurationError(f"Set {name} to a whole number of at least 1.")

    def _rules(self) -> RefreshRules:
        from airflow_provider_tiktok.conversions.liveramp.refresh import RefreshRules

        return RefreshRules(
            refresh_after_s=self.refresh_after.total_seconds(),
            lifetime_s=self.lifetime.total_seconds(),
            consent=self.require_consent,  # type: ignore[arg-type]  # checked there, with a clear error
            retrieves_anew=self.retrieve_missing,
            folds_addresses=self.fold_addresses,
            max_failed=self.max_failed,
            columns=self.columns or {},
            timezone=self.timezone,
        )

    def _open_store(self, stack: ExitStack) -> tuple[EnvelopeStore, tuple[str, Any] | None]:
        """Where results go, and the connection they go through if it is a database's."""
        from airflow_provider_tiktok.conversions.liveramp.envelope_store import EnvelopeFile

        if self.output_path is not None:
            return EnvelopeFile(as_local_path(self.output_path, argument="output_path")), None
        table_conn_id = self.table_conn_id or self.sql_conn_id or ""
        settings = {
            "columns": self.table_columns or {},
            "time_form": self.timestamps,
            "inserts": self.insert_missing,
        }
        table, connection = open_table(
            stack, table=self.table or "", table_conn_id=table_conn_id, settings=settings
        )
        return table, (table_conn_id, connection)

    def _open_rows(self, writer: tuple[str, Any] | None) -> Source:
        """Where the rows come from."""
        from airflow_provider_tiktok.conversions.sources.records import RecordsSource

        if self.path is not None:
            return self._open_files(reveal(self.path))
        if self.sql is None:
            return RecordsSource(reveal(self.envelopes))
        return open_rows(
            self.sql,
            sql_conn_id=self.sql_conn_id or "",
            parameters=reveal(self.parameters),
            hook_params=self.hook_params,
            page_size=self.page_size,
            writer=writer,
        )

    def _open_files(self, path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> Source:
        """The files, none of which is the one that results are written to: it has four columns alone."""
        source = open_files(path, storage_conn_id=self.storage_conn_id, format=self.format)
        if self.output_path is not None and source.reads(
            as_local_path(self.output_path, argument="output_path")
        ):
            raise ConfigurationError(
                "Write the results elsewhere: output_path is one of the files of path. Results hold "
                "key, envelope, refreshed_at and status, and would take the place of the rows' "
                "addresses and consent."
            )
        return source


def _check_one_given(operator: LiveRampRefreshEnvelopesOperator, *names: str) -> None:
    given = [name for name in names if getattr(operator, name) is not None]
    if len(given) != 1:
        raise ConfigurationError(
            f"Give exactly one of {', '.join(names)}; given: {', '.join(given) or 'none'}."
        )
