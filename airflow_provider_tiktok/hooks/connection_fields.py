# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Fields of an Airflow connection, each read by name, checked, and named in the error if it is wrong.

Who may edit connections may be trusted less than who writes DAGs, so nothing of a connection is handed on
unread. No text here ever holds a field's value, except where the value is an address without secrets.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.get_provider_info import LIVERAMP_CONNECTION, TIKTOK_CONNECTION

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

_FLAGS = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}


def read_secret(connection: Connection, *, label: str) -> str:
    """The connection's password.

    :param label: what the connection form calls it.
    """
    secret = (connection.password or "").strip()
    if not secret:
        raise wrong_field(connection, "password", f"Put the {label}", why="it is empty")
    if any(character.isspace() or not character.isprintable() for character in secret):
        raise wrong_field(
            connection, "password", f"Put only the {label}", why="it holds a space or a line break"
        )
    return secret


def read_text(connection: Connection, name: str) -> str | None:
    """An extra field as text without outer white space; ``None`` where absent or blank."""
    value = connection.extra_dejson.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise wrong_field(connection, name, "Write text")
    return str(value).strip() or None


def read_flag(connection: Connection, name: str) -> bool:
    """An extra field as yes or no; absent and blank are no."""
    value = connection.extra_dejson.get(name)
    flag = _FLAGS.get(str(value).strip().lower() or "false") if value is not None else False
    if flag is None:
        raise wrong_field(connection, name, "Write true or false")
    return flag


def read_seconds(connection: Connection, name: str, *, default: float) -> float:
    """An extra field as a positive number of seconds."""
    value: Any = connection.extra_dejson.get(name)
    if value is None or value == "":
        return default
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        raise wrong_field(connection, name, "Write a number of seconds") from None
    if not 0 < seconds <= 600:
        raise wrong_field(connection, name, "Write more than 0 and at most 600 seconds")
    return seconds


def read_base_url(connection: Connection, *, default: str) -> str:
    """Host and port as an address without a trailing slash.

    Tokens travel to it, so it must be https. Plain http is taken on loopback only, where a simulator is.
    """
    host = (connection.host or "").strip()
    return _checked_url(connection, "host", host, port=connection.port, default=default) if host else default


def read_url(connection: Connection, name: str, *, default: str) -> str:
    """An extra field as an address, under the rules of ``read_base_url``."""
    text = read_text(connection, name)
    return _checked_url(connection, name, text, port=None, default=default) if text else default


def _checked_url(connection: Connection, name: str, text: str, *, port: int | None, default: str) -> str:
    try:
        address = urlsplit(text if "://" in text else f"https://{text}")
        url = _assemble(address, port=address.port or port)
    except ValueError:
        raise wrong_field(connection, name, f"Write an address such as {default}") from None
    if not address.hostname or address.query or address.fragment or "@" in address.netloc:
        raise wrong_field(connection, name, "Write an address alone, without user, query or fragment,")
    if address.scheme != "https" and not (address.scheme == "http" and _is_loopback(address.hostname)):
        raise wrong_field(
            connection, name, "Write an address that begins with https://", why="http is for loopback only"
        )
    return url


def wrong_field(connection: Connection, name: str, remedy: str, *, why: str = "") -> ConfigurationError:
    """The error for one field, naming it as the form labels it and by its place in the connection.

    :param remedy: what to do with it, as the start of a sentence.
    :param why: empty where the remedy says it.
    """
    label = _label(connection.conn_type, name)
    shown = f"{label!r} ({name!r})" if label else repr(name)
    where = f"the field {shown} of connection {connection.conn_id!r}"
    return ConfigurationError(f"{remedy} in {where}{why and f': {why}'}.")


def _label(conn_type: str | None, name: str) -> str | None:
    """What the form of this type of connection calls the field; ``None`` where it shows none."""
    for form in (TIKTOK_CONNECTION, LIVERAMP_CONNECTION):
        if form["connection-type"] == conn_type:
            labels: dict[str, str] = {key: field["label"] for key, field in form["conn-fields"].items()}
            labels |= form["ui-field-behaviour"]["relabeling"]
            return labels.get(name)
    return None


def _assemble(address: SplitResult, *, port: int | None) -> str:
    hostname = address.hostname or ""
    host = f"[{hostname}]" if ":" in hostname else hostname
    return f"{address.scheme}://{host}{f':{port}' if port else ''}{address.path.rstrip('/')}"


def _is_loopback(hostname: str) -> bool:
    if hostname == "localhost":
        return True
    try:
        return ip_address(hostname).is_loopback
    except ValueError:
        return False
