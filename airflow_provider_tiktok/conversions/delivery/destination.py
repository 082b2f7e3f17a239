# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What the engine needs of a place that events go to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_tiktok.conversions.answers import Answer
    from airflow_provider_tiktok.conversions.batching import Batch, Encoded, Limits
    from airflow_provider_tiktok.conversions.event_columns import WireColumns
    from airflow_provider_tiktok.conversions.events import PreparedEvent, Violation
    from airflow_provider_tiktok.conversions.identifiers import Identity


class Destination(Protocol):
    """One API, for one run: fixed source id, fixed options, one connection.

    It owns its rules: its identity table, its checks, what an event may go without, and the wire form.
    """

    @property
    def name(self) -> str:
        """How people call the place: ``TikTok``."""

    @property
    def address(self) -> str:
        """What tells this destination from every other: events sent to one have not been sent to another.

        Only ever digested, never shown.
        """

    @property
    def limits(self) -> Limits:
        """How large one request may be."""

    @property
    def identity(self) -> Identity:
        """How match keys are made: which identifiers leave, in which form, by which rule."""

    @property
    def columns(self) -> WireColumns | None:
        """How events that travel as columns are checked and written; ``None``: each is made an object."""

    def check(self, event: PreparedEvent) -> tuple[Violation, ...]:
        """Everything the API would refuse in this event, ``event.violations`` included.

        What the event can go without is a finding that is not fatal and says ``is_left_out``: the engine
        leaves it out (``validation.leave_out``) and sends the rest.
        """

    def encode(self, event: PreparedEvent) -> Encoded:
        """The event in its wire form, with its group; equal events give equal bytes.

        Called only for events without violations.
        """

    def record(self, event: PreparedEvent) -> Mapping[str, Any]:
        """The event as a nested record that the mapping reads back, for the dead letters.

        It holds nothing that may not be stored in clear: no raw personal data and no envelope.
        """

    def send(self, batch: Batch) -> Answer:
        """The API's answer, after the retries it allows.

        Safe to call from several threads.

        :returns: an answer whose verdict is ``ACCEPTED``, ``PARTIAL`` or ``PAYLOAD``.
        :raises TransientError: the retries are spent and no attempt can have been accepted.
        :raises UnconfirmedError: the retries are spent and an attempt may have been accepted.
        :raises AuthorizationError: the token is refused.
        :raises ConfigurationError: the request itself is wrong, whatever its events.
        :raises ProtocolError: the answer is not understood.
        """
