# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import Connection

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.hooks.connection_fields import (
    read_base_url,
    read_flag,
    read_seconds,
    read_secret,
    read_text,
)

DEFAULT = "https://api.example.com"


def connection(**fields: object) -> Connection:
    extra = fields.pop("extra", None)
    return Connection(conn_id="shop", conn_type="tiktok", extra=extra, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("host", "port", "url"),
    [
        (None, None, DEFAULT),
        ("", None, DEFAULT),
        ("business-api.example.com", None, "https://business-api.example.com"),
        ("https://business-api.example.com/", None, "https://business-api.example.com"),
        ("https://proxy.example.com:8443/tiktok/", None, "https://proxy.example.com:8443/tiktok"),
        ("proxy.example.com", 8443, "https://proxy.example.com:8443"),
        ("http://127.0.0.1:8080", None, "http://127.0.0.1:8080"),
        ("http://localhost", 8080, "http://localhost:8080"),
        ("http://[::1]:8080", None, "http://[::1]:8080"),
    ],
)
def test_base_url_is_assembled(host: str | None, port: int | None, url: str):
    """Host and port may be written as people write them."""
    assert read_base_url(connection(host=host, port=port), default=DEFAULT) == url


@pytest.mark.parametrize(
    "host",
    [
        "http://business-api.example.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "ftp://127.0.0.1",
        "https://user:secret@example.com",
        "https://example.com/?token=secret",
        "https://example.com/#secret",
        "https://",
        "https://example.com:port",
        "https://[::1",
    ],
)
def test_unsafe_base_url_is_refused(host: str):
    """A token never travels in clear, and no secret hides in an address."""
    with pytest.raises(
        ConfigurationError, match=r"the field 'Base URL' \('host'\) of connection 'shop'"
    ) as caught:
        read_base_url(connection(host=host), default=DEFAULT)
    assert "secret" not in str(caught.value)


def test_secret_is_read_trimmed():
    """White space around a pasted token is no part of it."""
    assert read_secret(connection(password=" token \n"), label="access token") == "token"


@pytest.mark.parametrize("password", [None, "", "  ", "two words", "line\nbreak", "null\x00byte"])
def test_unusable_secret_is_refused(password: str | None):
    """An empty or mangled token is found here, not by a refused request, and is not repeated."""
    with pytest.raises(ConfigurationError, match="'password'") as caught:
        read_secret(connection(password=password), label="access token")
    assert "access token" in str(caught.value)
    assert "words" not in str(caught.value)


@pytest.mark.parametrize(
    ("extra", "text"),
    [
        (None, None),
        ('{"code": null}', None),
        ('{"code": " "}', None),
        ('{"code": " C1 "}', "C1"),
        ('{"code": 7}', "7"),
    ],
)
def test_text_is_read(extra: str | None, text: str | None):
    """Blank is absent, and an id that was written as a number is its digits."""
    assert read_text(connection(extra=extra), "code") == text


@pytest.mark.parametrize(
    "extra", ['{"code": ["C1"]}', '{"code": {"a": 1}}', '{"code": true}', '{"code": 1.5}']
)
def test_what_is_no_text_is_refused(extra: str):
    """Nothing is guessed of a field of another kind."""
    with pytest.raises(ConfigurationError, match="Write text in the field 'code'"):
        read_text(connection(extra=extra), "code")


@pytest.mark.parametrize(
    ("value", "flag"),
    [
        ("null", False),
        ('""', False),
        ("true", True),
        ("false", False),
        ('"True"', True),
        ('"0"', False),
        ("1", True),
    ],
)
def test_flag_is_read(value: str, flag: bool):
    """Forms and command lines write yes and no in many ways."""
    assert read_flag(connection(extra=f'{{"demo_mode": {value}}}'), "demo_mode") is flag


def test_unclear_flag_is_refused():
    """Whether events go to TikTok is not guessed."""
    with pytest.raises(ConfigurationError, match="Write true or false"):
        read_flag(connection(extra='{"demo_mode": "perhaps"}'), "demo_mode")


@pytest.mark.parametrize(("value", "seconds"), [("null", 10.0), ('""', 10.0), ("5", 5.0), ('"2.5"', 2.5)])
def test_seconds_are_read(value: str, seconds: float):
    """A blank field leaves the default."""
    assert (
        read_seconds(connection(extra=f'{{"read_timeout": {value}}}'), "read_timeout", default=10.0)
        == seconds
    )


@pytest.mark.parametrize("value", ["0", "-1", '"soon"', "601", '"nan"', "[1]"])
def test_impossible_seconds_are_refused(value: str):
    """A timeout that never or always strikes is a mistake."""
    with pytest.raises(ConfigurationError, match=r"^Write .* seconds in .*'read_timeout'\) of"):
        read_seconds(connection(extra=f'{{"read_timeout": {value}}}'), "read_timeout", default=10.0)
