# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The operator behind all operators that send events: it joins source, destination and engine.

It holds no rule of its own. What a subclass adds is where rows come from and where events go to. The
library is imported when the task runs, so that parsing a DAG file stays cheap.
"""

from __future__ import annotations

import logging
import socket
import threading
from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Unpack

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.exceptions import failing_as_airflow, raise_as_airflow
from airflow_provider_tiktok.notifications.webhook import telling_webhook
from airflow_provider_tiktok.task.assets import RECEIPT_SCHEMA, report_asset
from airflow_provider_tiktok.task.checkpoints import checkpoints_of
from airflow_provider_tiktok.task.contexts import complete_context
from airflow_provider_tiktok.task.hidden import AddressField, HidingOperator, PrivateField, reveal
from airflow_provider_tiktok.task.metrics import count_delivery
from airflow_provider_tiktok.task.parts import label_of, name_in_grid
from airflow_provider_tiktok.task.paths import as_path, default_dead_letters, run_label, warn_of_own_disk
from airflow_provider_tiktok.task.signatures import ShowsArguments
from airflow_provider_tiktok.task.supervision import Supervision

if TYPE_CHECKING:
    import os

    from airflow.providers.common.compat.sdk import Context, XComArg
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_tiktok.conversions.chunks import Source
    from airflow_provider_tiktok.conversions.delivery.dead_letter import DeadLetters
    from airflow_provider_tiktok.conversions.delivery.destination import Destination
    from airflow_provider_tiktok.conversions.delivery.engine import Delivery, Options
    from airflow_provider_tiktok.conversions.delivery.receipt import Receipt
    from airflow_provider_tiktok.conversions.http import Pace
    from airflow_provider_tiktok.conversions.identifiers import IdentityRules
    from airflow_provider_tiktok.conversions.mapping import EventMapping
    from airflow_provider_tiktok.task.arguments import Rendered, TaskArguments

log = logging.getLogger(__name__)

AUTO = "auto"
"""``max_in_flight`` that is found by what the API takes."""

RECEIPT_KEY = "receipt"
"""XCom key of the receipt; it is there for failed tasks as well."""


class DeliverEventsOperator(HidingOperator, ShowsArguments):
    """Sends every event of a source to a destination, and returns the receipt.

    :param mapping: event path to column, or to several: ``{"user.email": ["email", "billing_email"]}``. All
        of them count for paths that take several values, else the first that has one. ``data.email`` and
        ``line_items[].sku`` find their way into objects, lists and JSON text. A column may come with what it
        holds, ``column("created", unit="ms")``, also as ``{"column": "created", "unit": "ms"}``. ``None``:
        records come in the API's own shape, or flat with well-known names.
    :param defaults: event path to the value used where a row has none (templated). They may be personal, so
        they are shown in no rendered field and stored in none.
    :param group_by: consecutive rows with equal values in these columns are line items of one event. Order
        the source by them: rows whose key comes back later are rejected, as are rows of one event that
        disagree in its name, id, order, currency or mapped value.
    :param event_id_from: columns that make the ``event_id``. Without it, and without a mapped id, the id is a
        digest of the event, so equal events have equal ids.
    :param timezone: of times that name none, such as ``America/New_York``. ``None``: such times are refused.
    :param null_values: texts that stand for no value in any column, such as ``-99``. ``NULL``, ``N/A``
        and their like need not be named: identifiers and ids that hold one are absent, and counted.
    :param keep_rows: column to values, such as ``{"financial_status": ["paid"]}``: rows with another value
        in any of these columns are skipped and counted, and nothing of them is kept. ``None`` stands for no
        value.
    :param drop_rows: column to values: rows with one of the values in any of these columns are skipped.
    :param default_region: country of telephone numbers without a country code, such as ``US``, in rows that
        name none in ``phone_region`` or ``user.country``. ``None``: such numbers are left out and counted.
    :param identity_policy: ``auto`` hashes what is not hashed yet; ``raw`` refuses digests, ``hashed``
        refuses anything else.
    :param lower_external_id: whether external ids are lower-cased before they are hashed.
    :param ttclid_from_url: take the click id from the page's address where the row has none.
    :param limited_data_use: for events that do not say it themselves.
    :param require_consent: skip events whose ``consent`` is not true.
    :param validate_only: go the whole road up to the wire and send nothing. The API is not asked.
    :param max_event_age: older events are counted in a warning, or refused with ``refuse_old_events``.
    :param refuse_old_events: whether events older than ``max_event_age`` are rejected.
    :param max_events_per_request: at most this many events in one request.
    :param max_bytes_per_request: at most this many bytes in one request.
    :param max_in_flight: requests under way at once; ``auto`` finds their number, from 1 to 64, by what the
        API takes. Each holds one batch in memory.
    :param max_attempts_per_request: how often one request is tried before the run stops.
    :param max_requests_per_second: never more than this from this task; ``None`` for no limit of yours. Where
        the API finds requests too frequent, the whole task slows down by itself.
    :param max_rejected: the task fails when more events are rejected. The others are sent all the same.
    :param dead_letter_path: file for events that were not accepted (templated); local or object storage.
        ``None``: ``tiktok_dead_letters/<dag>/<run>/<task>.jsonl`` below the option ``[tiktok]
        dead_letter_folder``, or below Airflow's home.
    :param dead_letter_fields: ``digests`` leaves IP address, user agent, ``ttclid`` (also in ``page.url``),
        ``ttp`` and ``ad.callback`` out of dead letters, which then name the row that has them; a source
        without an order keeps them, as its rows cannot be found again. ``all`` always keeps them, so that
        dead letters can be sent again as they are.
    :param result_webhook_url: posted the receipt as JSON when a try of the task ends, however it ends
        (templated). What fails there is a warning. An address that is itself a secret belongs into the
        connection: Airflow stores rendered arguments.
    :param result_webhook_conn_id: connection with the webhook's address, and as its password the secret that
        the message is signed with (templated).
    :param result_webhook_hosts: names of the hosts that ``result_webhook_url`` may lead to where a connection
        is given as well, besides the connection's server.
    """

    template_fields: Sequence[str] = (
        *("defaults", "dead_letter_path", "result_webhook_url", "result_webhook_conn_id"),
    )
    part: Any = None
    """Which part of a whole this task sends, where it is one of several."""
    ui_color = "#d7f5f3"

    result_webhook_conn_id: Rendered[str | None]

    defaults = PrivateField()
    dead_letter_path = AddressField()
    result_webhook_url = AddressField()

    _AT_LEAST: ClassVar[Mapping[str, int]] = {
        "max_events_per_request": 1,
        "max_bytes_per_request": 1,
        "max_in_flight": 1,
        "max_attempts_per_request": 1,
        "max_rejected": 0,
    }

    def __init__(
        self,
        *,
        mapping: Mapping[str, Any] | None = None,
        defaults: Mapping[str, Any] | XComArg | None = None,
        group_by: str | Sequence[str] = (),
        event_id_from: str | Sequence[str] = (),
        timezone: str | None = None,
        null_values: Sequence[str] = (),
        keep_rows: Mapping[str, Any] | None = None,
        drop_rows: Mapping[str, Any] | None = None,
        default_region: str | None = None,
        identity_policy: str = "auto",
        lower_external_id: bool = False,
        ttclid_from_url: bool = False,
        limited_data_use: bool | None = None,
        require_consent: bool = False,
        validate_only: bool = False,
        max_event_age: timedelta = timedelta(days=28),
        refuse_old_events: bool = False,
        max_events_per_request: int = 1000,
        max_bytes_per_request: int = 1_000_000,
        max_in_flight: int | Literal["auto"] = 4,
        max_attempts_per_request: int = 5,
        max_requests_per_second: int | None = None,
        max_rejected: int = 0,
        dead_letter_path: str | os.PathLike[str] | XComArg | None = None,
        dead_letter_fields: str = "digests",
        result_webhook_url: str | XComArg | None = None,
        result_webhook_conn_id: str | XComArg | None = None,
        result_webhook_hosts: Collection[str] | None = None,
        **kwargs: Unpack[TaskArguments],
    ) -> None:
        super().__init__(**kwargs)
        _check_readers(mapping)
        self.mapping = mapping
        self.defaults = defaults
        self.group_by = group_by
        self.event_id_from = event_id_from
        self.timezone = timezone
        self.null_values = null_values
        self.keep_rows = keep_rows
        self.drop_rows = drop_rows
        self.default_region = default_region
        self.identity_policy = identity_policy
        self.lower_external_id = lower_external_id
        self.ttclid_from_url = ttclid_from_url
        self.limited_data_use = limited_data_use
        self.require_consent = require_consent
        self.validate_only = validate_only
        self.max_event_age = max_event_age
        self.refuse_old_events = refuse_old_events
        self.max_events_per_request = max_events_per_request
        self.max_bytes_per_request = max_bytes_per_request
        self.max_in_flight = max_in_flight
        self.max_attempts_per_request = max_attempts_per_request
        self.max_requests_per_second = max_requests_per_second
        self.max_rejected = max_rejected
        self.dead_letter_path = dead_letter_path
        self.dead_letter_fields = dead_letter_fields
        self.result_webhook_url = result_webhook_url
        self.result_webhook_conn_id = result_webhook_conn_id
        self.result_webhook_hosts = result_webhook_hosts
        self._stop: threading.Event | None = None
        self._target: Mapping[str, Any] = {}
        self._told: dict[str, Any] | None = None

    @abstractmethod
    def open_source(self) -> Source:
        """Where rows come from."""

    @abstractmethod
    def open_destination(
        self, stop: threading.Event, *, context: Context
    ) -> AbstractContextManager[Destination]:
        """Where events go to, for the length of the run.

        :param stop: set when the run is to end: waits must end then.
        """

    def source_label(self) -> str | None:
        """What this task reads, in words for people; ``None`` where it is not one of several."""
        return label_of(self.part)

    def after_delivery(self, source: Source) -> None:
        """Told once the source was read: what it has to say goes into the log."""

    def execute(self, context: Context) -> dict[str, Any]:
        """The receipt, once every event of the source has its result."""
        context = complete_context(context, task_id=self.task_id)
        url, conn_id = reveal(self.result_webhook_url), self.result_webhook_conn_id
        with telling_webhook(context, url=url, conn_id=conn_id, hosts=self.result_webhook_hosts) as message:
            with failing_as_airflow():
                name_in_grid(context, self.part, source_label=self.source_label())
                delivery = self._deliver(context)
            told = self._told = self._tell(delivery.receipt)
            message["receipt"] = told
            self._report(delivery, told, context)
            with failing_as_airflow():
                delivery.receipt.check_threshold(self.max_rejected)
            if self.part is None and not self.validate_only and not told.get("is_test"):
                report_asset(context, outlets=self.outlets, told=told)
        return told

    def on_kill(self) -> None:
        """End the run in order: requests under way are waited for, then the receipt is written."""
        if self._stop is not None:
            self._stop.set()

    def lineage_inputs(self) -> list[Any]:
        """What was read, as datasets of OpenLineage."""
        return []

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """What OpenLineage keeps of the run."""
        from airflow_provider_tiktok.task.lineage import make_lineage

        return make_lineage(inputs=self.lineage_inputs(), told=self._told or self._target or None)

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:
        """The same: a failed run has a receipt, too."""
        return self.get_openlineage_facets_on_complete(task_instance)

    def _tell(self, receipt: Receipt) -> dict[str, Any]:
        """The receipt as it is kept and shown, with where it went."""
        of_run = {"source": self.source_label(), "host": socket.gethostname()}
        return {"schema": RECEIPT_SCHEMA, **self._target, **of_run, **receipt.as_dict()}

    def _deliver(self, context: Context) -> Delivery:
        from airflow_provider_tiktok.conversions.delivery.engine import deliver

        self._check_arguments()
        self._stop = stop = threading.Event()
        mapping, source = self._event_mapping(), self.open_source()
        with (
            Supervision(stop, limit_s=self._limit_s()) as supervision,
            self.open_destination(stop, context=context) as destination,
        ):
            delivery = deliver(
                source,
                mapping=mapping,
                destination=destination,
                options=self._options(),
                dead_letters=self._dead_letters(context, source),
                checkpoints=checkpoints_of(context, supervision=supervision),
                stop=stop,
            )
        self.after_delivery(source)
        return delivery

    def _limit_s(self) -> float | None:
        return None if self.execution_timeout is None else self.execution_timeout.total_seconds()

    def _report(self, delivery: Delivery, told: Mapping[str, Any], context: Context) -> None:
        """Show the receipt in the log and keep it in XCom, then raise what ended the run, if anything did."""
        from airflow_provider_tiktok.conversions.report import as_table

        log.info("%s", as_table(delivery.receipt))
        context["ti"].xcom_push(key=RECEIPT_KEY, value=dict(told))
        count_delivery(context, told=told)
        if delivery.stopped_by is not None:
            raise_as_airflow(delivery.stopped_by)

    def _check_arguments(self) -> None:
        for name, least in self._AT_LEAST.items():
            value = getattr(self, name)
            if name == "max_in_flight" and value == AUTO:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                otherwise = ' or "auto"' if name == "max_in_flight" else ""
                raise ConfigurationError(f"Set {name} to a whole number of at least {least}{otherwise}.")
        if (
            self.require_consent
            and self.mapping
            and "consent" not in {*self.mapping, *(reveal(self.defaults) or {})}
        ):
            raise ConfigurationError(
                "Map 'consent' to the column that says it, as require_consent asks. Without one "
                "nobody has agreed, and every event would be skipped."
            )

    def make_pace(self) -> Pace:
        """The pace of all requests of this task."""
        from airflow_provider_tiktok.conversions.http import Pace

        return Pace(finds_in_flight=self.max_in_flight == AUTO)

    def _event_mapping(self) -> EventMapping:
        from airflow_provider_tiktok.conversions.mapping import EventMapping

        return EventMapping(
            mapping=self.mapping,
            defaults=self._all_defaults(),
            group_by=self.group_by,
            event_id_from=self.event_id_from,
            timezone=self.timezone,
            null_values=self.null_values,
            keep_rows=self.keep_rows,
            drop_rows=self.drop_rows,
            ttclid_from_url=self.ttclid_from_url,
        )

    def _all_defaults(self) -> dict[str, Any]:
        """What the task says of every event: the run's own ``limited_data_use`` is a default like others."""
        of_run = {} if self.limited_data_use is None else {"limited_data_use": self.limited_data_use}
        return {**of_run, **(reveal(self.defaults) or {})}

    def identity_rules(self) -> IdentityRules:
        """What this task says of its identifiers."""
        from airflow_provider_tiktok.conversions.identifiers import IdentityRules

        return IdentityRules(
            policy=self.identity_policy,  # type: ignore[arg-type]  # checked there, with a clear error
            default_region=self.default_region,
            lower_external_id=self.lower_external_id,
        )

    def _options(self) -> Options:
        from airflow_provider_tiktok.conversions.delivery.engine import Options
        from airflow_provider_tiktok.conversions.http import MOST_IN_FLIGHT

        in_flight = self.max_in_flight
        return Options(
            max_in_flight=MOST_IN_FLIGHT if isinstance(in_flight, str) else in_flight,
            require_consent=self.require_consent,
            validate_only=self.validate_only,
        )

    def _dead_letters(self, context: Context, source: Source) -> DeadLetters:
        from airflow_provider_tiktok.conversions.delivery.dead_letter import DeadLetters
        from airflow_provider_tiktok.conversions.delivery.letter_fields import ALL, check_choice

        check_choice(self.dead_letter_fields)
        given = reveal(self.dead_letter_path)
        warn_of_own_disk(context, path=given)
        path = as_path(given or default_dead_letters(context))
        reads = getattr(source, "reads", None)
        if reads is not None and reads(path):
            raise ConfigurationError(
                "Give another dead_letter_path, or a path to read that does not match it: this file "
                "is read, too, and what is written to it would be read without end."
            )
        # A row without a lasting number cannot be found again: its letter is all there is of it.
        fields = self.dead_letter_fields if source.is_ordered else ALL
        return DeadLetters(path, run=run_label(context), fields=fields)


def _check_readers(mapping: object) -> None:
    """Passes if all that is said of columns is right; if not, the DAG file shows it."""
    if not isinstance(mapping, Mapping):
        return
    listed = (columns if isinstance(columns, list) else [columns] for columns in mapping.values())
    said = (one for columns in listed for one in columns)
    if any(isinstance(one, Mapping) for one in said):
        from airflow_provider_tiktok.conversions.readers import check_readers

        check_readers(mapping)
