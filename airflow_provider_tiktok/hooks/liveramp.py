# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A connection of type ``liveramp`` as clients of LiveRamp's two APIs. The hook has clients; it is none.

Who knows the ATS configuration id can post under it, so it stands in the password field.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_provider_tiktok.conversions.errors import ConfigurationError, ConversionsError
from airflow_provider_tiktok.get_provider_info import LIVERAMP_CONNECTION
from airflow_provider_tiktok.hooks.connection_fields import (
    read_base_url,
    read_seconds,
    read_secret,
    read_text,
    read_url,
    wrong_field,
)
from airflow_provider_tiktok.hooks.connection_form import field_behaviour, form_widgets
from airflow_provider_tiktok.hooks.probe_words import of_error

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

    from airflow_provider_tiktok.conversions.http import Pace, RetryPolicy
    from airflow_provider_tiktok.conversions.liveramp.adapter import AdapterClient
    from airflow_provider_tiktok.conversions.liveramp.envelopes import EnvelopeClient

log = logging.getLogger(__name__)

ADAPTER_URL = "https://capi.analytics.rlcdn.com"
ENVELOPE_URL = "https://api.rlcdn.com"

HEADERS_FIELD, OLD_HEADERS_FIELD = "secret_headers", "extra_headers"
"""Where extra headers stand in a connection. The old name is read, but shown in clear by Airflow's API."""

ALLOWED_HEADERS = frozenset({"authorization", "origin", "referer", "user-agent"})
"""Headers that a connection may add to events, in lower case; and any whose name begins with ``x-``."""

_FORBIDDEN_HEADERS = frozenset({"x-forwarded-for", "x-real-ip"})
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]+")
_ATYPES = {"": 3, "1": 1, "2": 2, "3": 3, "4": 4, "none": None}


@dataclass(frozen=True, kw_only=True)
class LiveRampSettings:
    """What a connection says, checked; the ATS configuration id aside, which is read when it is needed.

    :param extra_headers: sent along with events; LiveRamp documents none.
    :param atype: who asks the envelope API: 1 a page, 2 the ATS API, 3 a server, 4 an app; ``None``: unsaid.
    """

    conn_id: str
    adapter_url: str = ADAPTER_URL
    envelope_url: str = ENVELOPE_URL
    placement_id: str | None = None
    origin: str | None = None
    extra_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    atype: int | None = 3
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 30.0


def read_settings(connection: Connection) -> LiveRampSettings:
    """The settings of a connection.

    :raises ConfigurationError: a field is wrong; the text names it.
    """
    fields = LIVERAMP_CONNECTION["conn-fields"]
    timeouts = {
        f"{name}_s": read_seconds(connection, name, default=fields[name]["schema"]["default"])
        for name in ("connect_timeout", "read_timeout")
    }
    return LiveRampSettings(
        conn_id=str(connection.conn_id),
        adapter_url=read_base_url(connection, default=ADAPTER_URL),
        envelope_url=read_url(connection, "envelope_host", default=ENVELOPE_URL),
        placement_id=read_text(connection, "placement_id"),
        origin=read_text(connection, "origin"),
        extra_headers=_read_headers(connection),
        atype=_read_atype(connection),
        **timeouts,
    )


class LiveRampHook(BaseHook):
    """Makes clients of LiveRamp's APIs from a connection of type ``liveramp``.

    A context manager: the connections it opened are closed at its end.
    """

    conn_name_attr = "liveramp_conn_id"
    default_conn_name = "liveramp_default"
    conn_type = "liveramp"
    hook_name = "LiveRamp"

    def __init__(self, liveramp_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.liveramp_conn_id = liveramp_conn_id
        self._transports: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def settings(self) -> LiveRampSettings:
        """What the connection says.

        :raises ConfigurationError: there is no such connection, or a field is wrong.
        """
        return read_settings(self._find_connection())

    def get_adapter(
        self,
        *,
        stop: threading.Event | None = None,
        policy: RetryPolicy | None = None,
        pace: Pace | None = None,
        max_requests_per_second: int | None = None,
    ) -> AdapterClient:
        """A client that sends events; it may be shared by threads.

        :param stop: ends its waits between attempts.
        :param policy: how often and how long one request is tried.
        :param pace: of all requests of a task; ``None``: each request waits for itself where it is refused.
        :param max_requests_per_second: of this client; ``None`` for no limit.
        :raises ConfigurationError: the connection is missing, or a field is wrong.
        """
        from airflow_provider_tiktok.conversions.liveramp.adapter import AdapterClient

        stop = stop or threading.Event()
        return AdapterClient(
            read_secret(self._find_connection(), label="ATS configuration id"),
            base_url=self.settings.adapter_url,
            headers=self.settings.extra_headers,
            transport=self._make_transport(stop, max_requests_per_second=max_requests_per_second),
            policy=policy,
            pace=pace,
            wait=stop.wait,
        )

    def get_envelope_client(
        self,
        *,
        stop: threading.Event | None = None,
        policy: RetryPolicy | None = None,
        max_requests_per_second: int | None = None,
    ) -> EnvelopeClient:
        """A client that refreshes envelopes and retrieves first ones; it may be shared by threads.

        :param stop: ends its waits between attempts.
        :param policy: how often and how long one request is tried.
        :param max_requests_per_second: of this client; ``None`` for no limit.
        :raises ConfigurationError: the connection is missing, or a field is wrong or empty.
        """
        from airflow_provider_tiktok.conversions.liveramp.envelopes import EnvelopeClient

        stop = stop or threading.Event()
        settings = self.settings
        return EnvelopeClient(
            self._needed("placement_id", settings.placement_id),
            origin=self._needed("origin", settings.origin),
            base_url=settings.envelope_url,
            atype=settings.atype,
            transport=self._make_transport(stop, max_requests_per_second=max_requests_per_second),
            policy=policy,
            wait=stop.wait,
        )

    def get_conn(self) -> AdapterClient:
        """The client that sends events, by the name that hooks have for it."""
        return self.get_adapter()

    def test_connection(self) -> tuple[bool, str]:
        """Whether the fields are well formed, and that no more is proved: LiveRamp has nothing to ask."""
        try:
            self.get_adapter()
            if self.settings.placement_id or self.settings.origin:
                self.get_envelope_client()
        except ConversionsError as error:
            return False, of_error(error, conn_id=self.liveramp_conn_id)
        finally:
            self.close()
        return True, (
            "The fields are well formed; LiveRamp was not asked, since only an event proves an ATS "
            "configuration id, and only a person's envelope a placement: send one event to be sure."
        )

    def close(self) -> None:
        """Close what was opened. The hook can be used again afterwards."""
        while self._transports:
            self._transports.pop().close()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """How the standard fields of the connection form look (Airflow before 3.2)."""
        return field_behaviour(LIVERAMP_CONNECTION)

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """The connection form's own fields (Airflow before 3.2)."""
        return form_widgets(LIVERAMP_CONNECTION)

    def _find_connection(self) -> Connection:
        try:
            return self.get_connection(self.liveramp_conn_id)
        except AirflowNotFoundException:
            raise ConfigurationError(
                "Define it with type 'liveramp', or name another as liveramp_conn_id: connection "
                f"{self.liveramp_conn_id!r} is not defined."
            ) from None

    def _needed(self, name: str, value: str | None) -> str:
        if value is None:
            raise wrong_field(
                self._find_connection(), name, "Fill", why="it is empty, and the envelope API needs it"
            )
        return value

    def _make_transport(self, stop: threading.Event, *, max_requests_per_second: int | None) -> Any:
        from airflow_provider_tiktok.conversions.http import RateLimit, RateLimited, RequestsTransport

        transport = RequestsTransport(
            connect_timeout_s=self.settings.connect_timeout_s,
            read_timeout_s=self.settings.read_timeout_s,
            stop=stop,
        )
        self._transports.append(transport)
        if max_requests_per_second is None:
            return transport
        limit = RateLimit(per_second=max_requests_per_second)
        return RateLimited(transport, limit=limit, wait=stop.wait)


def _read_headers(connection: Connection) -> dict[str, str]:
    name = _name_of_headers(connection)
    given = connection.extra_dejson.get(name) or {}
    if isinstance(given, str):
        try:
            given = json.loads(given) if given.strip() else {}
        except ValueError:
            given = None
    if not isinstance(given, dict):
        raise wrong_field(connection, name, "Write a JSON object of header names and texts")
    for header, value in given.items():
        if remedy := _remedy_of_header(header, value):
            raise wrong_field(connection, name, remedy)
    return dict(given)


def _name_of_headers(connection: Connection) -> str:
    """The field that holds the headers: the old name is read where it is the only one."""
    given = [name for name in (HEADERS_FIELD, OLD_HEADERS_FIELD) if connection.extra_dejson.get(name)]
    if len(given) == 2:
        raise wrong_field(
            connection, OLD_HEADERS_FIELD, "Write nothing", why=f"{HEADERS_FIELD!r} is there as well"
        )
    if given == [OLD_HEADERS_FIELD]:
        log.warning(
            "Connection %r: rename the field %r to %r, which Airflow masks wherever it shows connections.",
            connection.conn_id,
            OLD_HEADERS_FIELD,
            HEADERS_FIELD,
        )
    return given[0] if given else HEADERS_FIELD


def _remedy_of_header(name: str, value: Any) -> str:
    known = name.lower()
    is_allowed = known in ALLOWED_HEADERS or (known.startswith("x-") and known not in _FORBIDDEN_HEADERS)
    if not is_allowed or not _HEADER_NAME.fullmatch(name):
        return f"Write {', '.join(sorted(ALLOWED_HEADERS))}, and names that begin with x-, alone"
    return "" if isinstance(value, str) and value.isprintable() else "Write texts of one line"


def _read_atype(connection: Connection) -> int | None:
    text = (read_text(connection, "atype") or "").lower()
    if text not in _ATYPES:
        raise wrong_field(connection, "atype", "Write 1, 2, 3 or 4, or none to leave it out,")
    return _ATYPES[text]
