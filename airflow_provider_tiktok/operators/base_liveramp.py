# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The operator behind all operators that send events through LiveRamp."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, Unpack

from airflow_provider_tiktok.operators.base import DeliverEventsOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_provider_tiktok.conversions.chunks import Source
    from airflow_provider_tiktok.conversions.delivery.destination import Destination
    from airflow_provider_tiktok.conversions.liveramp.adapter import AdapterClient
    from airflow_provider_tiktok.hooks.liveramp import LiveRampHook
    from airflow_provider_tiktok.task.arguments import Rendered, RunArguments

log = logging.getLogger(__name__)


class SendToLiveRampOperator(DeliverEventsOperator):
    """Sends every event of a source to TikTok through LiveRamp, and returns the receipt.

    An event needs ``user.envelope``: the envelope's value, or what a browser stores as ``_lr_env``. No e-mail
    address and no telephone number goes this way, not even hashed. Events of one request belong to one user
    session: those with the same envelope, and the same ``user.session_id`` where it is mapped.

    LiveRamp passes events on to TikTok later, and drops what it does not support without a word. So an
    accepted event has reached LiveRamp, and nothing is known of TikTok.

    :param liveramp_conn_id: connection of type ``liveramp`` (templated).
    :param strict_event_types: whether event types that LiveRamp's pages do not name are rejected; otherwise
        they are sent and counted in a warning.
    :param event_manager: the platforms that LiveRamp shall pass events on to.
    :param pass_on: LiveRamp's key in ``user_data`` to one of ``ttclid``, ``ttp``, ``ip``, ``user_agent`` and
        ``locale``. LiveRamp's names for them are not published: ask LiveRamp.
    :param max_events_per_request: of one session; at most 100.
    :param max_in_flight: requests under way at once, or ``auto``. There are many small ones.
    """

    template_fields: Sequence[str] = (*DeliverEventsOperator.template_fields, "liveramp_conn_id")

    liveramp_conn_id: Rendered[str]

    def __init__(
        self,
        *,
        liveramp_conn_id: str | XComArg = "liveramp_default",
        strict_event_types: bool = False,
        event_manager: Sequence[str] = ("tiktok",),
        pass_on: Mapping[str, str] | None = None,
        max_events_per_request: int = 20,
        max_in_flight: int | Literal["auto"] = 8,
        **kwargs: Unpack[RunArguments],
    ) -> None:
        super().__init__(max_events_per_request=max_events_per_request, max_in_flight=max_in_flight, **kwargs)
        self.liveramp_conn_id = liveramp_conn_id
        self.strict_event_types = strict_event_types
        self.event_manager = event_manager
        self.pass_on = pass_on

    @contextmanager
    def open_destination(self, stop: threading.Event, *, context: Context) -> Iterator[Destination]:
        """LiveRamp, as this task's arguments and its connection describe it."""
        from airflow_provider_tiktok.hooks.liveramp import LiveRampHook

        with LiveRampHook(self.liveramp_conn_id) as hook:
            yield self._destination(hook, stop)

    def read_liveramp_records(self, source: Source) -> Source:
        """The source's records, those in LiveRamp's own form as nested ones; with a mapping, as they are."""
        from airflow_provider_tiktok.conversions.liveramp.records import LiveRampRecords

        return source if self.mapping else LiveRampRecords(source)

    def after_delivery(self, source: Source) -> None:
        """Say what the receipt proves."""
        super().after_delivery(source)
        log.info("Accepted by LiveRamp: whether an event reached TikTok, only TikTok's Events Manager shows.")

    def _destination(self, hook: LiveRampHook, stop: threading.Event) -> Destination:
        from airflow_provider_tiktok.conversions.http import RetryPolicy

        adapter = hook.get_adapter(
            stop=stop,
            policy=RetryPolicy(max_attempts=self.max_attempts_per_request),
            pace=self.make_pace(),
            max_requests_per_second=self.max_requests_per_second,
        )
        return self._destination_over(adapter)

    def _destination_over(self, adapter: AdapterClient) -> Destination:
        from airflow_provider_tiktok.conversions.liveramp.adapter import LiveRampDestination
        from airflow_provider_tiktok.conversions.liveramp.rules import EventChecks

        checks = EventChecks(
            max_event_age_s=self.max_event_age.total_seconds(),
            refuse_old=self.refuse_old_events,
            is_strict=self.strict_event_types,
        )
        return LiveRampDestination(
            adapter,
            check=checks,
            identity=self.identity_rules(),
            max_events=self.max_events_per_request,
            max_bytes=self.max_bytes_per_request,
            platforms=self.event_manager,
            pass_on=self.pass_on,
        )
