# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The result webhook of a task: told how the task ended, and never able to change it.

Where it goes is an argument or a connection. Of a connection count the address (``host`` as a whole address,
or ``host``, ``port``, ``schema`` and the extra field ``path``), and ``password``, which is the secret of the
signature.

Who may start a run may write the address of its input, and a rendered argument may come from there. So beside
a connection an address must lead to the connection's server or to a host that the DAG's author names; the
secret signs what goes to these, and nothing that goes to an address of a run's input.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_tiktok.conversions.errors import ConfigurationError, ConversionsError
from airflow_provider_tiktok.exceptions import PermanentFailure, TemporaryFailure

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 10.0
LONGEST_S = 20.0
"""After so long no further attempt is begun; one takes at most the two timeouts."""


@contextmanager
def telling_webhook(
    context: Mapping[str, Any],
    *,
    url: str | None,
    conn_id: str | None,
    hosts: Collection[str] | None = None,
) -> Iterator[dict[str, Any]]:
    """A message to add to, posted when the block ends, however it ends; nothing without an address.

    :param url: in place of the connection's address.
    :param conn_id: connection of the webhook.
    :param hosts: as for ``post_quietly``.
    """
    message = {**_run_of(context), "state": "success", "receipt": None, "failure": None}
    try:
        yield message
    except BaseException as error:
        message |= {"state": _state_after(error, context), "failure": failure_of(error)}
        raise
    finally:
        post_quietly(message, url=url, conn_id=conn_id, hosts=hosts)


def post_quietly(
    message: Mapping[str, Any],
    *,
    url: str | None,
    conn_id: str | None,
    hosts: Collection[str] | None = None,
    is_from_input: bool = False,
) -> None:
    """The message is posted, or the log has a warning.

    :param hosts: names of the hosts that ``url`` may lead to; ``None``: the connection's server alone, and
        without a connection any.
    :param is_from_input: whether ``url`` comes from the input of a run: it gets no signature.
    """
    if not url and not conn_id:
        return
    try:
        address, secret = _choose_address(url, conn_id=conn_id, hosts=hosts)
        _post(message, url=address, secret=None if url and is_from_input else secret)
        log.info("The result was posted to the webhook.")
    except ConversionsError as error:
        log.warning("The result webhook failed, which changes nothing else: %s", error)
    except Exception as error:  # a secrets backend has errors of its own, and a text that may tell too much
        log.warning("The result webhook failed, which changes nothing else: %s", type(error).__name__)


def failure_of(error: BaseException) -> dict[str, str]:
    """What failed, as ``kind`` and ``message``; the message of a foreign error is left out."""
    if isinstance(error, PermanentFailure | TemporaryFailure):
        return {"kind": error.kind or type(error).__name__, "message": str(error)}
    message = str(error) if isinstance(error, ConversionsError) else ""
    return {"kind": type(error).__name__, "message": message}


def _run_of(context: Mapping[str, Any]) -> dict[str, Any]:
    names = {"dag_id": "", "run_id": "", "task_id": "", "map_index": -1, "try_number": 1}
    return {name: getattr(context["ti"], name, default) for name, default in names.items()}


def _state_after(error: BaseException, context: Mapping[str, Any]) -> str:
    """The task's state as far as can be told here: a retry policy may still decide otherwise."""
    task = context["ti"]
    retries_left = getattr(task, "max_tries", 0) - getattr(task, "try_number", 1) + 1
    may_retry = isinstance(error, Exception) and not isinstance(error, AirflowFailException)
    return "up_for_retry" if may_retry and retries_left > 0 else "failed"


def _post(message: Mapping[str, Any], *, url: str, secret: str | None) -> None:
    from airflow_provider_tiktok.conversions.http import RequestsTransport
    from airflow_provider_tiktok.conversions.webhook import post_result

    ends = time.monotonic() + LONGEST_S
    transport = RequestsTransport(
        connect_timeout_s=CONNECT_TIMEOUT_S,
        read_timeout_s=READ_TIMEOUT_S,
        total_timeout_s=CONNECT_TIMEOUT_S + READ_TIMEOUT_S,
    )
    try:
        post_result(message, url=url, secret=secret, transport=transport, wait=lambda s: _is_late(s, ends))
    finally:
        transport.close()


def _is_late(seconds: float, ends: float) -> bool:
    """Whether there is no time for a wait; it is over otherwise."""
    from airflow_provider_tiktok.conversions.http import wait_unstopped

    return time.monotonic() + seconds > ends or wait_unstopped(seconds)


def _choose_address(
    url: str | None, *, conn_id: str | None, hosts: Collection[str] | None
) -> tuple[str, str | None]:
    """Where the message goes, and the secret for the signature.

    :raises ConfigurationError: the address may not be told.
    """
    address, secret = _read_connection(conn_id) if conn_id else ("", None)
    if not url:
        return address, secret
    if hosts is None and not conn_id:
        return url, None
    is_allowed = bool(conn_id) and _server_of(url) == _server_of(address)
    is_allowed |= hosts is not None and _host_of(url) in {name.lower() for name in hosts}
    if not is_allowed:
        raise ConfigurationError(
            "Name the webhook's host in webhook_hosts or result_webhook_hosts of the DAG: its address "
            "leads to a host that is not among those that this DAG names, and not to the server of its "
            "webhook connection."
        )
    return url, secret


def _host_of(url: str) -> str | None:
    server = _server_of(url)
    return server and server[1]


def _server_of(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port; ``None`` where there is no such server."""
    from airflow_provider_tiktok.conversions.webhook import check_url

    try:
        parts = urlsplit(check_url(url))
        host, port = parts.hostname, parts.port
    except (ConfigurationError, ValueError):
        return None
    return (parts.scheme, host or "", port or {"https": 443}.get(parts.scheme, 80))


def _read_connection(conn_id: str) -> tuple[str, str | None]:
    """Address and secret of a connection."""
    from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

    try:
        connection: Any = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        raise ConfigurationError(
            f"Define it, or name another as result_webhook_conn_id: connection {conn_id!r} is not defined."
        ) from None
    host = (connection.host or "").strip()
    if "://" in host or not host:
        return host, connection.password
    port = f":{connection.port}" if connection.port else ""
    path = str(connection.extra_dejson.get("path") or "").lstrip("/")
    return f"{connection.schema or 'https'}://{host}{port}/{path}", connection.password
