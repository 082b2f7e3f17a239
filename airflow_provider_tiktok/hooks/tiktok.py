# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A connection of type ``tiktok`` as a client of TikTok's API. The hook has a client; it is none."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_provider_tiktok.conversions.errors import ConfigurationError, ConversionsError
from airflow_provider_tiktok.get_provider_info import TIKTOK_CONNECTION
from airflow_provider_tiktok.hooks.connection_fields import (
    read_base_url,
    read_flag,
    read_seconds,
    read_secret,
    read_text,
)
from airflow_provider_tiktok.hooks.connection_form import field_behaviour, form_widgets
from airflow_provider_tiktok.hooks.demo import demo_source_ids, start_demo
from airflow_provider_tiktok.hooks.probe_words import in_one_sentence, of_error

if TYPE_CHECKING:
    from datetime import date

    from airflow.providers.common.compat.sdk import Connection

    from airflow_provider_tiktok.conversions.http import Pace, RetryPolicy
    from airflow_provider_tiktok.conversions.tiktok.client import TikTokClient
    from airflow_provider_tiktok.simulator import Simulator

BASE_URL = "https://business-api.tiktok.com"

_PROBE_TIMEOUT_S = 3.0
"""Of each of the three calls of the connection test, whatever the connection says: people wait for it."""

SOURCE_ID_FIELDS = {
    "web": "pixel_code",
    "app": "tiktok_app_id",
    "offline": "offline_event_set_id",
    "crm": "crm_event_set_id",
}
"""Event source to the connection's field that holds its default ``event_source_id``."""


@dataclass(frozen=True, kw_only=True)
class TikTokSettings:
    """What a connection says, checked; the token aside, which is read when it is needed.

    :param source_ids: event source to ``event_source_id``; sources without one are absent.
    """

    conn_id: str
    base_url: str = BASE_URL
    advertiser_id: str | None = None
    source_ids: Mapping[str, str] = field(default_factory=dict)
    test_event_code: str | None = None
    demo_mode: bool = False
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 30.0


def read_settings(connection: Connection) -> TikTokSettings:
    """The settings of a connection.

    :raises ConfigurationError: a field is wrong; the text names it.
    """
    defaults = TIKTOK_CONNECTION["conn-fields"]
    source_ids = {source: read_text(connection, name) for source, name in SOURCE_ID_FIELDS.items()}
    return TikTokSettings(
        conn_id=str(connection.conn_id),
        base_url=read_base_url(connection, default=BASE_URL),
        advertiser_id=read_text(connection, "advertiser_id"),
        source_ids={source: found for source, found in source_ids.items() if found},
        test_event_code=read_text(connection, "test_event_code"),
        demo_mode=read_flag(connection, "demo_mode"),
        connect_timeout_s=read_seconds(
            connection, "connect_timeout", default=defaults["connect_timeout"]["schema"]["default"]
        ),
        read_timeout_s=read_seconds(
            connection, "read_timeout", default=defaults["read_timeout"]["schema"]["default"]
        ),
    )


def _label_of(event_source: str) -> str:
    """What the form calls the id of this event source."""
    return str(TIKTOK_CONNECTION["conn-fields"][SOURCE_ID_FIELDS[event_source]]["label"])


def missing_connection(conn_id: str) -> ConfigurationError:
    """The error for a connection that is not there."""
    return ConfigurationError(
        f"Define it with type 'tiktok', or set demo_mode=True to try without one: connection {conn_id!r} is "
        "not defined. It is what tiktok_conn_id names."
    )


class TikTokHook(BaseHook):
    """Makes clients of TikTok's API from a connection of type ``tiktok``.

    A context manager: what it opened (connections, in demo mode a simulator) is closed at its end.

    :param tiktok_conn_id: the connection. In demo mode it need not exist.
    :param demo_mode: whether a simulator inside this process takes the place of TikTok; ``None``: as the
        connection says.
    :param connection: the connection itself, where it had to be fetched in another way; ``None``: by its id.
    """

    conn_name_attr = "tiktok_conn_id"
    default_conn_name = "tiktok_default"
    conn_type = "tiktok"
    hook_name = "TikTok Events API"

    def __init__(
        self,
        tiktok_conn_id: str = default_conn_name,
        *,
        demo_mode: bool | None = None,
        connection: Connection | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.tiktok_conn_id = tiktok_conn_id
        self._demo_mode = demo_mode
        self._connection = connection
        self._client: TikTokClient | None = None
        self._transports: list[Any] = []
        self._simulator: Simulator | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def settings(self) -> TikTokSettings:
        """What the connection says.

        :raises ConfigurationError: there is no such connection, or a field is wrong.
        """
        connection = self._find_connection()
        if connection is None:
            return TikTokSettings(conn_id=self.tiktok_conn_id)
        return read_settings(connection)

    @property
    def demo_mode(self) -> bool:
        """Whether a simulator stands in for TikTok."""
        return self.settings.demo_mode if self._demo_mode is None else self._demo_mode

    @property
    def advertiser_id(self) -> str:
        """The advertiser account.

        :raises ConfigurationError: the connection names none.
        """
        if self.demo_mode:
            from airflow_provider_tiktok.simulator import DEFAULT_ADVERTISER_ID

            return DEFAULT_ADVERTISER_ID
        if self.settings.advertiser_id is None:
            raise ConfigurationError(
                "Take the id from TikTok Ads Manager: the field 'Advertiser id' ('advertiser_id') of "
                f"connection {self.tiktok_conn_id!r} is empty."
            )
        return self.settings.advertiser_id

    def event_source_id(self, event_source: str, *, given: str | None = None) -> str:
        """Where events of this source belong: as given, else as the connection says.

        :raises ConfigurationError: there is no such source, or neither names an id.
        """
        if event_source not in SOURCE_ID_FIELDS:
            raise ConfigurationError(f"Set event_source to one of: {', '.join(SOURCE_ID_FIELDS)}.")
        found = given or self.settings.source_ids.get(event_source)
        if found is None and self.demo_mode:
            found = demo_source_ids()[event_source]
        if found is None:
            raise ConfigurationError(
                f"Give event_source_id, or fill in {_label_of(event_source)!r} "
                f"({SOURCE_ID_FIELDS[event_source]!r}) of connection {self.tiktok_conn_id!r}: "
                f"neither says where {event_source} events belong."
            )
        return found

    def get_client(
        self,
        *,
        stop: threading.Event | None = None,
        policy: RetryPolicy | None = None,
        pace: Pace | None = None,
        max_requests_per_second: int | None = None,
        known_source_ids: Mapping[str, str] | None = None,
        total_timeout_s: float | None = None,
    ) -> TikTokClient:
        """A client that may be shared by threads.

        :param stop: ends its waits between attempts.
        :param policy: how often and how long one request is tried.
        :param pace: of all requests of a task; ``None``: each request waits for itself where it is refused.
        :param max_requests_per_second: of this client; ``None`` for no limit.
        :param known_source_ids: in demo mode, event source to an id that the simulator shall know besides
            the connection's.
        :param total_timeout_s: of one request with its answer; ``None``: by the connection's timeouts.
        :raises ConfigurationError: the connection is missing, or a field is wrong.
        """
        from airflow_provider_tiktok.conversions.http import RetryPolicy
        from airflow_provider_tiktok.conversions.tiktok.client import TikTokClient

        stop = stop or threading.Event()
        token, base_url = self._where_to(known_source_ids or {})
        transport = self._make_transport(
            stop, max_requests_per_second=max_requests_per_second, total_timeout_s=total_timeout_s
        )
        return TikTokClient(
            token,
            base_url=base_url,
            transport=transport,
            policy=policy or RetryPolicy(),
            pace=pace,
            wait=stop.wait,
        )

    def get_conn(self) -> TikTokClient:
        """A client, by the name that hooks have for it."""
        return self.get_client()

    def list_pixels(
        self, advertiser_id: str | None = None, *, pixel_code: str | None = None, **filters: Any
    ) -> list[dict[str, Any]]:
        """The advertiser's pixels, with the API's field names.

        :param advertiser_id: here and below, ``None``: the connection's.
        :param pixel_code: only the pixel with this code.
        :param filters: as of the client's ``list_pixels``.
        """
        from airflow_provider_tiktok.conversions.tiktok.pixels import explaining_refusals

        with explaining_refusals():
            return list(
                self._reader().list_pixels(advertiser_id or self.advertiser_id, code=pixel_code, **filters)
            )

    def pixel_event_stats(
        self, pixel_ids: Sequence[str], *, start_date: date, end_date: date, advertiser_id: str | None = None
    ) -> list[dict[str, Any]]:
        """How many events TikTok counted for each pixel, by kind; days of UTC, 30 at most.

        :param pixel_ids: 1 to 10 pixel ids, which are not pixel codes.
        """
        return self._reader().pixel_event_stats(
            advertiser_id or self.advertiser_id,
            pixel_ids=pixel_ids,
            start_date=start_date,
            end_date=end_date,
        )

    def offline_event_sets(self, advertiser_id: str | None = None) -> list[dict[str, Any]]:
        """The advertiser's offline event sets; ``event_set_id`` is where offline events belong."""
        return self._reader().offline_event_sets(advertiser_id or self.advertiser_id)

    def crm_event_sets(self, advertiser_id: str | None = None) -> list[dict[str, Any]]:
        """The advertiser's CRM event sets; ``event_set_id`` is where CRM events belong."""
        return self._reader().crm_event_sets(advertiser_id or self.advertiser_id)

    def test_connection(self) -> tuple[bool, str]:
        """Whether TikTok takes the token; in one sentence, what is proved and what to do. Sends no event."""
        try:
            if self.demo_mode:
                return True, "Demo mode: events go to a simulator. TikTok was not asked."
            return self._probe()
        except ConversionsError as error:
            return False, of_error(error, conn_id=self.tiktok_conn_id)

    def close(self) -> None:
        """Close what was opened. The hook can be used again afterwards."""
        while self._transports:
            self._transports.pop().close()
        if self._simulator is not None:
            self._simulator.__exit__(None, None, None)
        self._simulator = self._client = None

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """How the standard fields of the connection form look (Airflow before 3.2)."""
        return field_behaviour(TIKTOK_CONNECTION)

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """The connection form's own fields (Airflow before 3.2)."""
        return form_widgets(TIKTOK_CONNECTION)

    def _reader(self) -> TikTokClient:
        """One client for all readings until the hook is closed."""
        if self._client is None:
            self._client = self.get_client()
        return self._client

    def _probe(self) -> tuple[bool, str]:
        from airflow_provider_tiktok.conversions.http import RetryPolicy
        from airflow_provider_tiktok.conversions.tiktok.probe import ProbeVerdict

        advertiser, pixel = self.settings.advertiser_id, self.settings.source_ids.get("web")
        with self:
            client = self.get_client(policy=RetryPolicy(max_attempts=1), total_timeout_s=_PROBE_TIMEOUT_S)
            probe = client.probe(advertiser, pixel)
        told = in_one_sentence(probe, has_pixel=bool(pixel), has_advertiser=bool(advertiser))
        return probe.verdict is ProbeVerdict.PROVED, told

    def _find_connection(self) -> Connection | None:
        try:
            return self._connection or self.get_connection(self.tiktok_conn_id)
        except AirflowNotFoundException:
            if self._demo_mode:
                return None
            raise missing_connection(self.tiktok_conn_id) from None

    def _where_to(self, known_source_ids: Mapping[str, str]) -> tuple[str, str]:
        """Token and address."""
        if not self.demo_mode:
            connection = self._connection or self.get_connection(self.tiktok_conn_id)
            return read_secret(connection, label="access token"), self.settings.base_url
        from airflow_provider_tiktok.simulator import DEFAULT_TOKEN

        if self._simulator is None:
            self._simulator = start_demo([*self.settings.source_ids.items(), *known_source_ids.items()])
        return DEFAULT_TOKEN, self._simulator.url

    def _make_transport(
        self, stop: threading.Event, *, max_requests_per_second: int | None, total_timeout_s: float | None
    ) -> Any:
        from airflow_provider_tiktok.conversions.http import RateLimit, RateLimited, RequestsTransport

        transport = RequestsTransport(
            connect_timeout_s=self.settings.connect_timeout_s,
            read_timeout_s=self.settings.read_timeout_s,
            total_timeout_s=total_timeout_s,
            stop=stop,
        )
        self._transports.append(transport)
        if max_requests_per_second is None:
            return transport
        limit = RateLimit(per_second=max_requests_per_second)
        return RateLimited(transport, limit=limit, wait=stop.wait)
