# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Operators that send events given in the DAG to TikTok."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from airflow_provider_tiktok.conversions.errors import ConfigurationError, EventError
from airflow_provider_tiktok.operators.base_tiktok import SendToTikTokOperator
from airflow_provider_tiktok.task.hidden import PrivateField, reveal
from airflow_provider_tiktok.task.samples import SAMPLE_TEST_CODE

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_provider_tiktok.conversions.chunks import Source
    from airflow_provider_tiktok.hooks.tiktok import TikTokHook
    from airflow_provider_tiktok.task.arguments import TikTokArguments


class TikTokSendEventsOperator(SendToTikTokOperator):
    """Sends events given in the DAG, or by another task, to TikTok.

    Meant for a few events. Many are better read from where they are (``SqlToTikTokOperator``,
    ``FilesToTikTokOperator``): what passes between tasks is stored by Airflow as it is, and what is written
    into a DAG file is stored with the file.

    :param events: the records, each a mapping, or all of them as one JSON array in a text (templated). They
        are shown in no rendered field and stored in none. ``None``: samples in demo mode, else an error.
        Given to ``.partial()`` or ``.expand()`` as they are, Airflow stores them before this operator sees
        them: there, wrap them in :class:`~airflow_provider_tiktok.task.hidden.Hidden`. Records that the DAG
        file reads from elsewhere are taken as they are, templates included, as
        ``Hidden(records, is_data=True)``.
    """

    template_fields: Sequence[str] = (*SendToTikTokOperator.template_fields, "events")

    events = PrivateField()

    def __init__(self, *, events: Any = None, **kwargs: Unpack[TikTokArguments]) -> None:
        super().__init__(**kwargs)
        self.events = events

    def open_source(self) -> Source:
        """The records."""
        from airflow_provider_tiktok.conversions.sources.records import RecordsSource

        events = reveal(self.events)
        return RecordsSource(self.samples(otherwise=_NO_EVENTS) if events is None else events)


_NO_EVENTS = "Give a list of events as events, each a mapping of names to values."
_NO_EVENT = (
    "Give the event as a whole (event=) or in parts (event_name=, event_time=, user=, ...): one of the two."
)


class TikTokSendEventOperator(SendToTikTokOperator):
    """Sends one event to TikTok, given as a record or in parts; in demo mode a sample where none is given.

    As a record it may have any shape that records have; in parts it has the API's own. Either may be a
    template or another task's result. What may be personal is shown in no rendered field and stored in none.

    :param event: the whole event: a mapping, or a JSON object in a text (templated).
    :param event_name: ``Purchase`` and the like (templated).
    :param event_time: when it happened (templated): Unix seconds, ISO 8601 text, a date and time.
    :param event_id: what TikTok knows repeats by (templated). ``None``: a digest of the event.
    :param user: who did it: ``{"email": ..., "phone": ...}`` (templated).
    :param properties: what was done: ``{"value": 12.5, "currency": "USD"}`` (templated).
    :param page: where on the web: ``{"url": ...}`` (templated).
    :param app: in which app: ``{"app_id": ...}`` (templated).
    :param ad: which advertisement led there (templated).
    :param lead: which lead it is about: ``{"lead_id": ...}`` (templated).
    """

    template_fields: Sequence[str] = (
        *SendToTikTokOperator.template_fields,
        *("event", "event_name", "event_time", "event_id"),
        *("user", "properties", "page", "app", "ad", "lead"),
    )

    event = PrivateField()
    user = PrivateField()
    properties = PrivateField()
    page = PrivateField()
    app = PrivateField()
    ad = PrivateField()
    lead = PrivateField()

    def __init__(
        self,
        *,
        event: Any = None,
        event_name: str | XComArg | None = None,
        event_time: Any = None,
        event_id: str | XComArg | None = None,
        user: Any = None,
        properties: Any = None,
        page: Any = None,
        app: Any = None,
        ad: Any = None,
        lead: Any = None,
        **kwargs: Unpack[TikTokArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.event = event
        self.event_name = event_name
        self.event_time = event_time
        self.event_id = event_id
        self.user = user
        self.properties = properties
        self.page = page
        self.app = app
        self.ad = ad
        self.lead = lead

    def open_source(self) -> Source:
        """The one record."""
        from airflow_provider_tiktok.conversions.sources.records import RecordsSource

        return RecordsSource([self._record()], argument="event")

    def _record(self) -> Mapping[str, Any]:
        """The record as it was given, else made of the parts.

        :raises ConfigurationError: neither or both were given, or the text is no JSON object.
        """
        whole, parts = reveal(self.event), self._parts()
        if whole is None and not parts:
            return self.samples(otherwise=_NO_EVENT)[0]
        if whole is not None and parts:
            raise ConfigurationError(_NO_EVENT)
        return parts if whole is None else _as_record(whole)

    def _parts(self) -> dict[str, Any]:
        """What was given in parts, in the API's nesting."""
        parts = {"event": self.event_name, "event_time": self.event_time, "event_id": self.event_id}
        for name in ("user", "properties", "page", "app", "ad", "lead"):
            parts[name] = reveal(getattr(self, name))
        return {name: part for name, part in parts.items() if part is not None}


class TikTokTestEventOperator(TikTokSendEventOperator):
    """Sends one test event to TikTok, and says where to look for it.

    A test event shows on the test page of Events Manager within seconds and counts for no campaign. It is
    given as :class:`TikTokSendEventOperator` takes it; without a time it happens now. Its code is
    ``test_event_code``, else the connection's; without one nothing is sent, so that no test is ever live.
    In demo mode neither an event nor a code is needed.

    The result is the receipt with one more entry, ``look_for``: where to look, in words.
    """

    def choose_test_event_code(self, hook: TikTokHook) -> str:
        """The task's code, else the connection's.

        :raises ConfigurationError: there is neither.
        """
        code = super().choose_test_event_code(hook) or hook.settings.test_event_code
        code = code or (SAMPLE_TEST_CODE if hook.demo_mode else None)
        if not code:
            raise ConfigurationError(
                "Take a test_event_code from Events Manager > your pixel or event set > Test events: "
                f"none is given, and connection {self.tiktok_conn_id!r} has none."
            )
        source_id = hook.event_source_id(self.event_source, given=self.event_source_id)
        self._where = f"{self.event_source} {source_id} > Test events > {code}"
        return code

    def execute(self, context: Context) -> dict[str, Any]:
        """The receipt, and what to look for."""
        receipt = super().execute(context)
        look_for = _look_for(receipt, where=self._where)
        self.log.info("%s", look_for)
        return {**receipt, "look_for": look_for}

    def _all_defaults(self) -> dict[str, Any]:
        return {"event_time": int(time.time()), **super()._all_defaults()}


def _as_record(given: Any) -> Mapping[str, Any]:
    from airflow_provider_tiktok.conversions.values import as_object

    try:
        return as_object(given)
    except EventError as error:
        raise ConfigurationError(f"{error.remedy} Found in event: {error.rule}.") from None


def _look_for(receipt: Mapping[str, Any], *, where: str) -> str:
    """Where a person finds what a run of test events sent, if it sent anything."""
    if not receipt["accepted"]:
        return "Nothing was sent, so there is nothing to look for."
    names = ", ".join(f"{count} x {name}" for name, count in receipt["event_names"].items())
    return (
        f"Events Manager > {where}: {names}, received from the server, within a few minutes. TikTok took "
        "it for a test; whether it matched a person is not known. For TikTok's support: request "
        f"{', '.join(receipt['request_ids'])}."
    )
