# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.liveramp import adapter, envelopes
from airflow_provider_tiktok.get_provider_info import LIVERAMP_CONNECTION
from airflow_provider_tiktok.hooks import liveramp
from airflow_provider_tiktok.hooks.liveramp import LiveRampHook
from airflow_provider_tiktok.simulator import DEFAULT_ATS_CONFIG_ID, Simulator

pytestmark = pytest.mark.usefixtures("airflow_home")

EXTRA = {"placement_id": "4242", "origin": "https://shop.example.com"}

Define = Callable[..., None]


def hook(define: Define, *, extra: dict[str, Any] | None = None, **fields: Any) -> LiveRampHook:
    """A hook for a connection with these fields."""
    given = {"password": DEFAULT_ATS_CONFIG_ID, "extra": {**EXTRA, **(extra or {})}, **fields}
    define("liveramp_default", conn_type="liveramp", **given)
    return LiveRampHook()


def test_settings_have_liveramp_s_own_addresses(define_connection: Define) -> None:
    """What the connection leaves open is as LiveRamp documents it."""
    settings = hook(define_connection).settings
    assert (settings.adapter_url, settings.envelope_url) == (adapter.BASE_URL, envelopes.BASE_URL)
    assert (liveramp.ADAPTER_URL, liveramp.ENVELOPE_URL) == (adapter.BASE_URL, envelopes.BASE_URL)
    assert (settings.placement_id, settings.origin) == ("4242", "https://shop.example.com")
    assert (settings.atype, settings.connect_timeout_s, settings.read_timeout_s) == (3, 10.0, 30.0)


@pytest.mark.parametrize(
    ("given", "headers"),
    [
        (None, {}),
        ("", {}),
        ({"X-Customer": "1"}, {"X-Customer": "1"}),
        ('{"Authorization": "Bearer x"}', {"Authorization": "Bearer x"}),
    ],
)
def test_extra_headers_are_an_object_or_its_text(define_connection: Define, given: Any, headers: Any) -> None:
    """The form gives text, other ways of defining connections an object; neither is shown."""
    settings = hook(define_connection, extra={"secret_headers": given}).settings
    assert settings.extra_headers == headers
    assert "Bearer" not in repr(settings)


def test_headers_under_their_old_name_are_read_with_a_warning(
    define_connection: Define, caplog: pytest.LogCaptureFixture
) -> None:
    """Airflow shows a field of that name to whoever may read connections."""
    settings = hook(define_connection, extra={"extra_headers": {"Authorization": "Bearer x"}}).settings
    assert settings.extra_headers == {"Authorization": "Bearer x"}
    assert "rename the field 'extra_headers' to 'secret_headers'" in caplog.text
    assert "Bearer" not in caplog.text


def test_airflow_masks_the_headers_by_their_field_s_name() -> None:
    """Airflow's own rule is asked, since it decides what its API and its pages show."""
    try:
        from airflow.sdk._shared.secrets_masker import should_hide_value_for_key
    except ImportError:
        masker = pytest.importorskip("airflow.utils.log.secrets_masker")
        should_hide_value_for_key = masker.should_hide_value_for_key
    assert should_hide_value_for_key(liveramp.HEADERS_FIELD)
    assert liveramp.HEADERS_FIELD in LIVERAMP_CONNECTION["conn-fields"]


@pytest.mark.parametrize(
    ("extra", "field"),
    [
        ({"secret_headers": "no json"}, "secret_headers"),
        ({"extra_headers": "no json"}, "extra_headers"),
        ({"extra_headers": {"X-A": "a"}, "secret_headers": {"X-A": "a"}}, "extra_headers"),
        ({"secret_headers": [1]}, "secret_headers"),
        ({"secret_headers": {"Cookie": "x"}}, "secret_headers"),
        ({"secret_headers": {"X-Forwarded-For": "203.0.113.7"}}, "secret_headers"),
        ({"secret_headers": {"Access-Token": "planted-token"}}, "secret_headers"),
        ({"secret_headers": {"X-A": 1}}, "secret_headers"),
        ({"secret_headers": {"X-A": "a\r\nB: c"}}, "secret_headers"),
        ({"secret_headers": {"X-A:": "a"}}, "secret_headers"),
        ({"atype": "9"}, "atype"),
        ({"envelope_host": "http://api.example.com"}, "envelope_host"),
        ({"envelope_host": "https://u:p@api.example.com"}, "envelope_host"),
        ({"connect_timeout": "soon"}, "connect_timeout"),
    ],
)
def test_a_wrong_field_is_named(define_connection: Define, extra: dict[str, Any], field: str) -> None:
    """And its value is not told."""
    with pytest.raises(ConfigurationError, match=f"'{field}'") as caught:
        _ = hook(define_connection, extra=extra).settings
    assert "planted-token" not in str(caught.value)


@pytest.mark.parametrize(("text", "atype"), [("1", 1), (2, 2), ("none", None), (" ", 3)])
def test_who_asks_can_be_said(define_connection: Define, text: Any, atype: int | None) -> None:
    """Or left out."""
    assert hook(define_connection, extra={"atype": text}).settings.atype == atype


def test_a_missing_connection_is_named() -> None:
    """With the argument and the type."""
    with pytest.raises(ConfigurationError, match="as liveramp_conn_id: connection 'nowhere'"):
        LiveRampHook("nowhere").get_adapter()


def test_an_empty_configuration_id_is_named(define_connection: Define) -> None:
    """By the form's word for it."""
    with pytest.raises(ConfigurationError, match="ATS configuration id"):
        hook(define_connection, password="").get_adapter()


@pytest.mark.parametrize("name", ["placement_id", "origin"])
def test_the_envelope_api_needs_more_than_the_adapter(define_connection: Define, name: str) -> None:
    """Who only sends events may leave it open."""
    made = hook(define_connection, extra={name: None})
    made.get_adapter()
    with pytest.raises(ConfigurationError, match=rf"^Fill in the field .*\('{name}'\) of .*: it is empty"):
        made.get_envelope_client()
    made.close()


def test_both_clients_reach_their_hosts(define_connection: Define) -> None:
    """Two simulators stand for LiveRamp's two hosts."""
    consent = envelopes.Consent(ct="3", cv="1YNN")
    with Simulator() as capi, Simulator() as api:
        made = hook(define_connection, host=capi.url, extra={"envelope_host": api.url})
        with made:
            made.get_envelope_client(max_requests_per_second=100).refresh(
                "Ag", ip="203.0.113.7", consent=consent
            )
            with pytest.raises(ConfigurationError, match=r"send-events/\*\*\*"):
                hook(define_connection, host=capi.url, password="other").get_conn().send([b"{}"])
        assert [request.path for request in api.requests] == ["/api/identity/v2/envelope/refresh"]
        assert [request.http_status for request in capi.requests] == [404]


def test_a_test_of_the_connection_promises_nothing(define_connection: Define) -> None:
    """LiveRamp has nothing to ask, so a success says its limit, and what is wrong is told."""
    is_good, text = hook(define_connection).test_connection()
    assert is_good
    assert "LiveRamp was not asked" in text
    assert "send one event to be sure" in text
    assert DEFAULT_ATS_CONFIG_ID not in text
    assert "placement id" in hook(define_connection, extra={"placement_id": "x"}).test_connection()[1]
    assert "not defined" in LiveRampHook("nowhere").test_connection()[1]


def test_the_form_is_the_declared_one() -> None:
    """The hook's method for older Airflow says what the declaration says; other forms are tested with it."""
    behaviour = LiveRampHook.get_ui_field_behaviour()
    assert behaviour["relabeling"] == LIVERAMP_CONNECTION["ui-field-behaviour"]["relabeling"]
    assert (LiveRampHook.conn_type, LiveRampHook.hook_name) == (
        LIVERAMP_CONNECTION["connection-type"],
        LIVERAMP_CONNECTION["hook-name"],
    )
    assert json.dumps(LIVERAMP_CONNECTION)


def test_old_form_has_the_declared_fields() -> None:
    """The former web pages get a widget for every declared field; headers are not shown."""
    pytest.importorskip("flask_appbuilder", reason="only Airflow with Flask-AppBuilder draws these")
    widgets = LiveRampHook.get_connection_form_widgets()
    assert widgets.keys() == LIVERAMP_CONNECTION["conn-fields"].keys()
    assert widgets["secret_headers"].field_class.__name__ == "PasswordField"
