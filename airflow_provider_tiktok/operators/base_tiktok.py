# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The operator behind all operators that send events to TikTok."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Unpack

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.links.tiktok import EventsManagerLink, leave_link
from airflow_provider_tiktok.operators.base import DeliverEventsOperator
from airflow_provider_tiktok.task.assets import make_outlets
from airflow_provider_tiktok.task.samples import sample_events

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_provider_tiktok.conversions.delivery.destination import Destination
    from airflow_provider_tiktok.conversions.tiktok.options import ValidationRules
    from airflow_provider_tiktok.hooks.tiktok import TikTokHook
    from airflow_provider_tiktok.task.arguments import DeliveryArguments, Rendered

log = logging.getLogger(__name__)


class SendToTikTokOperator(DeliverEventsOperator):
    """Sends every event of a source to TikTok, and returns the receipt.

    :param tiktok_conn_id: connection of type ``tiktok`` (templated).
    :param event_source: ``web``, ``app``, ``offline`` or ``crm``.
    :param event_source_id: pixel code, TikTok app id or event set id (templated). ``None``: the connection's
        for this event source.
    :param test_event_code: makes every event a test that shows in Events Manager and counts for nothing
        (templated). ``None``: the events are live, whatever the connection says.
    :param offline_keys: an offline event must carry one of these identifiers.
    :param require_page_url: whether web events without ``page.url`` are rejected.
    :param require_lead_id: whether CRM events without ``lead.lead_id`` are rejected.
    :param extra_event_names: standard events that are younger than this version.
    :param demo_mode: send to a simulator inside this task instead. ``None``: as the connection says.
    :param report_asset: whether a finished upload reports that the asset ``tiktok://<event_source>/<id>`` was
        updated, with the receipt's counts in the event's ``extra``. A DAG with
        ``schedule=[Asset("tiktok://web/PIXEL_CODE")]`` runs then. The asset is reported through the alias
        ``tiktok_<event_source>_uploads``, since its id may only be known when the task runs.
    :param declare_asset: whether the asset itself is an outlet of this task from the start, so that Airflow's
        graph shows it before the first run. It needs ``event_source_id`` as plain text; otherwise the alias
        stays.
    """

    operator_extra_links = (EventsManagerLink(),)

    tiktok_conn_id: Rendered[str]
    event_source_id: Rendered[str | None]
    test_event_code: Rendered[str | None]

    template_fields: Sequence[str] = (
        *DeliverEventsOperator.template_fields,
        "tiktok_conn_id",
        "event_source_id",
        "test_event_code",
    )

    def __init__(
        self,
        *,
        tiktok_conn_id: str | XComArg = "tiktok_default",
        event_source: str = "web",
        event_source_id: str | XComArg | None = None,
        test_event_code: str | XComArg | None = None,
        offline_keys: Sequence[str] = ("email", "phone", "external_id"),
        require_page_url: bool = True,
        require_lead_id: bool = True,
        extra_event_names: Sequence[str] = (),
        demo_mode: bool | None = None,
        report_asset: bool = True,
        declare_asset: bool = False,
        **kwargs: Unpack[DeliveryArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.tiktok_conn_id = tiktok_conn_id
        self.event_source = event_source
        self.event_source_id = event_source_id
        self.test_event_code = test_event_code
        self.offline_keys = offline_keys
        self.require_page_url = require_page_url
        self.require_lead_id = require_lead_id
        self.extra_event_names = extra_event_names
        self.demo_mode = demo_mode
        self.report_asset = report_asset
        self.declare_asset = declare_asset
        if report_asset or declare_asset:
            outlets = make_outlets(event_source, event_source_id, is_declared=declare_asset)
            self.outlets = [*self.outlets, *(outlet for outlet in outlets if outlet not in self.outlets)]

    def choose_test_event_code(self, hook: TikTokHook) -> str | None:
        """The code that makes tests of this run's events; ``None``: they are live.

        The connection's is left alone: forgotten there, it would make all its events count for nothing.
        """
        return (self.test_event_code or "").strip() or None

    def samples(self, *, otherwise: str) -> list[dict[str, Any]]:
        """Sample events, which in demo mode take the place of events that were not given.

        :param otherwise: what to say outside of demo mode.
        :raises ConfigurationError: this is no demo mode, or there is no such event source.
        """
        from airflow_provider_tiktok.hooks.tiktok import TikTokHook

        with TikTokHook(self.tiktok_conn_id, demo_mode=self.demo_mode) as hook:
            if not hook.demo_mode:
                raise ConfigurationError(otherwise)
            hook.event_source_id(self.event_source)  # refuses what is no event source
        log.warning("Demo mode, and no event given: sample events are used.")
        return sample_events(now=int(time.time()), event_source=self.event_source)

    @contextmanager
    def open_destination(self, stop: threading.Event, *, context: Context) -> Iterator[Destination]:
        """TikTok, as this task's arguments and its connection describe it."""
        from airflow_provider_tiktok.hooks.tiktok import TikTokHook

        with TikTokHook(self.tiktok_conn_id, demo_mode=self.demo_mode) as hook:
            destination = self._destination(hook, stop)
            self._leave_link(hook, context)
            yield destination

    def _leave_link(self, hook: TikTokHook, context: Context) -> None:
        """Let the task's button lead to the pixel, where there is one and its owner is known."""
        advertiser_id = hook.settings.advertiser_id
        if self.event_source == "web" and advertiser_id and not hook.demo_mode:
            pixel_code = hook.event_source_id("web", given=self.event_source_id)
            leave_link(context, advertiser_id=advertiser_id, pixel_code=pixel_code)

    def _destination(self, hook: TikTokHook, stop: threading.Event) -> Destination:
        from airflow_provider_tiktok.conversions.batching import Limits
        from airflow_provider_tiktok.conversions.http import RetryPolicy
        from airflow_provider_tiktok.conversions.tiktok.destination import TikTokDestination

        event_source_id = hook.event_source_id(self.event_source, given=self.event_source_id)
        test_event_code = self.choose_test_event_code(hook)
        self._target = {
            "event_source": self.event_source,
            "event_source_id": event_source_id,
            "is_test": bool(test_event_code),
            "is_demo": hook.demo_mode,
        }
        if test_event_code:
            log.warning("Test events: they show in Events Manager, and count for no campaign.")
        client = hook.get_client(
            stop=stop,
            policy=RetryPolicy(max_attempts=self.max_attempts_per_request),
            pace=self.make_pace(),
            max_requests_per_second=self.max_requests_per_second,
            known_source_ids={self.event_source: event_source_id},
        )
        return TikTokDestination(
            client,
            event_source=self.event_source,
            event_source_id=event_source_id,
            test_event_code=test_event_code,
            rules=self._validation_rules(),
            identity=self.identity_rules(),
            limits=Limits(max_events=self.max_events_per_request, max_bytes=self.max_bytes_per_request),
        )

    def _validation_rules(self) -> ValidationRules:
        from airflow_provider_tiktok.conversions.tiktok.options import ValidationRules

        return ValidationRules(
            event_source=self.event_source,  # type: ignore[arg-type]  # checked there
            max_event_age_s=self.max_event_age.total_seconds(),
            refuse_old=self.refuse_old_events,
            offline_keys=tuple(self.offline_keys),
            require_page_url=self.require_page_url,
            require_lead_id=self.require_lead_id,
            extra_event_names=frozenset(self.extra_event_names),
        )
