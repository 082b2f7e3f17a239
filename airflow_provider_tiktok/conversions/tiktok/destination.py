# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""TikTok as a place that events go to: validation, wire form and client joined for one run.

It has the methods that ``delivery.destination.Destination`` asks for, and knows nothing of delivery.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from msgspec import structs

from airflow_provider_tiktok.conversions.batching import Batch, Encoded, Limits
from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.identifiers import Identity, IdentityRules
from airflow_provider_tiktok.conversions.tiktok.applicability import IDENTITY_TABLE
from airflow_provider_tiktok.conversions.tiktok.checks import checks_of
from airflow_provider_tiktok.conversions.tiktok.client import MAX_EVENTS, TikTokClient
from airflow_provider_tiktok.conversions.tiktok.columns import TikTokColumns
from airflow_provider_tiktok.conversions.tiktok.event_source_ids import check_event_source_id
from airflow_provider_tiktok.conversions.tiktok.payload import encode_event, make_frame, to_record

if TYPE_CHECKING:
    from airflow_provider_tiktok.conversions.answers import Answer
    from airflow_provider_tiktok.conversions.events import EventSource, PreparedEvent, Violation
    from airflow_provider_tiktok.conversions.tiktok.options import ValidationRules


class TikTokDestination:
    """One event source of TikTok, for one run.

    :param event_source_id: pixel code (web), event set id (offline, crm) or TikTok app id (app).
    :param test_event_code: makes test events of the whole run.
    :param partner_name: a name that TikTok registered for the sender; leave it out unless you have one.
    :param rules: of the same event source.
    :param identity: what the run says of its identifiers.
    :param limits: of one request; the bytes around the events are added here.
    :raises ConfigurationError: source and id do not fit together, the rules are of another source, or the
        limits are beyond TikTok's.
    """

    name = "TikTok"

    def __init__(
        self,
        client: TikTokClient,
        *,
        event_source: str,
        event_source_id: str,
        test_event_code: str | None = None,
        partner_name: str | None = None,
        rules: ValidationRules,
        identity: IdentityRules | None = None,
        limits: Limits | None = None,
    ) -> None:
        source = cast("EventSource", event_source)  # the next line refuses any other text
        check_event_source_id(source, event_source_id)
        if rules.event_source != source:
            raise ConfigurationError(
                f"Make rules for {source} events: these are for {rules.event_source} events."
            )
        self._client = client
        self._source: EventSource = source
        self._source_id = event_source_id
        self._test_event_code = test_event_code or None
        self._partner_name = partner_name or None
        self._group = (source, event_source_id, self._test_event_code, self._partner_name)
        self._check = checks_of(rules)
        self.identity = Identity(table=IDENTITY_TABLE, rules=identity or IdentityRules())
        self.columns = TikTokColumns(rules)
        self._limits = _check_limits(limits or Limits(), overhead_bytes=self._overhead_bytes())

    @property
    def address(self) -> str:
        """What tells this destination from every other: API, source, id, test code and partner."""
        return repr((self._client.address, *self._group))

    @property
    def limits(self) -> Limits:
        """How large one request may be."""
        return self._limits

    def check(self, event: PreparedEvent) -> tuple[Violation, ...]:
        """Everything that TikTok would refuse in this event."""
        return self._check(event)

    def encode(self, event: PreparedEvent) -> Encoded:
        """The event in TikTok's wire form. A run has one source, id, test code and partner."""
        return Encoded(body=encode_event(event, event_source=self._source))

    def record(self, event: PreparedEvent) -> Mapping[str, Any]:
        """The event in TikTok's nesting, for the dead letters."""
        return to_record(event)

    def send(self, batch: Batch) -> Answer:
        """TikTok's answer, after the retries it allows."""
        return self._client.track(
            batch.lines,
            event_source=self._source,
            event_source_id=self._source_id,
            test_event_code=self._test_event_code,
            partner_name=self._partner_name,
        )

    def _overhead_bytes(self) -> int:
        return make_frame(
            event_source=self._source,
            event_source_id=self._source_id,
            test_event_code=self._test_event_code,
            partner_name=self._partner_name,
        ).overhead_bytes


def _check_limits(limits: Limits, *, overhead_bytes: int) -> Limits:
    if not 1 <= limits.max_events <= MAX_EVENTS:
        raise ConfigurationError(
            f"Set max_events_per_request to 1 to {MAX_EVENTS:,}, not {limits.max_events:,}: TikTok "
            "refuses a larger request whole."
        )
    return structs.replace(limits, overhead_bytes=overhead_bytes)
