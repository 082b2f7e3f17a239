# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from airflow_provider_tiktok.conversions.errors import ConfigurationError, TransientError
from airflow_provider_tiktok.conversions.http import RetryPolicy
from airflow_provider_tiktok.get_provider_info import TIKTOK_CONNECTION
from airflow_provider_tiktok.hooks.tiktok import SOURCE_ID_FIELDS, TikTokHook
from airflow_provider_tiktok.simulator import (
    DEFAULT_ADVERTISER_ID,
    DEFAULT_CRM_EVENT_SET_ID,
    DEFAULT_OFFLINE_EVENT_SET_ID,
    DEFAULT_PIXEL_CODE,
    DEFAULT_TIKTOK_APP_ID,
    DEFAULT_TOKEN,
    Simulator,
)
from tests.slow_server import dripping

IDS = {
    "advertiser_id": DEFAULT_ADVERTISER_ID,
    "pixel_code": DEFAULT_PIXEL_CODE,
    "tiktok_app_id": DEFAULT_TIKTOK_APP_ID,
    "offline_event_set_id": DEFAULT_OFFLINE_EVENT_SET_ID,
    "crm_event_set_id": DEFAULT_CRM_EVENT_SET_ID,
}

Connect = Callable[..., TikTokHook]


@pytest.fixture
def connect(define_connection: Callable[..., None]) -> Connect:
    """Defines the connection ``shop`` with these fields, and gives its hook."""

    def define(*, extra: dict[str, Any] | None = None, **fields: Any) -> TikTokHook:
        define_connection(
            "shop", **{"conn_type": "tiktok", "password": DEFAULT_TOKEN, "extra": extra or {}, **fields}
        )
        return TikTokHook("shop")

    return define


def test_connection_becomes_a_client(connect: Connect, simulator: Simulator):
    """Token, address and advertiser of the connection reach the API."""
    with connect(host=simulator.url, extra=IDS) as hook:
        pixels = list(hook.get_client().list_pixels(hook.advertiser_id))
    assert [pixel["pixel_code"] for pixel in pixels] == [DEFAULT_PIXEL_CODE]


def test_settings_are_what_the_form_says(connect: Connect):
    """Every field of the form is read, under the form's name."""
    extra = {**IDS, "test_event_code": "TEST1", "demo_mode": True, "connect_timeout": 3, "read_timeout": "4"}
    settings = connect(extra=extra).settings
    assert settings.advertiser_id == DEFAULT_ADVERTISER_ID
    assert settings.source_ids == {source: IDS[name] for source, name in SOURCE_ID_FIELDS.items()}
    assert (settings.test_event_code, settings.demo_mode) == ("TEST1", True)
    assert (settings.connect_timeout_s, settings.read_timeout_s) == (3.0, 4.0)
    assert set(extra) == set(TIKTOK_CONNECTION["conn-fields"])


def test_defaults_are_those_of_the_form(connect: Connect):
    """A connection with a token alone goes to TikTok, with the timeouts that the form shows."""
    settings = connect().settings
    fields = TIKTOK_CONNECTION["conn-fields"]
    shown = TIKTOK_CONNECTION["ui-field-behaviour"]["placeholders"]["host"]
    assert shown == f"leave empty for {settings.base_url}"
    assert settings.connect_timeout_s == fields["connect_timeout"]["schema"]["default"]
    assert settings.read_timeout_s == fields["read_timeout"]["schema"]["default"]
    assert settings.demo_mode is False


def test_unknown_extras_reach_nothing(connect: Connect):
    """What else stands in the connection is not handed on."""
    settings = connect(extra={"verify": False, "proxies": {"https": "http://203.0.113.1"}}).settings
    assert "203.0.113.1" not in repr(settings)


@pytest.mark.usefixtures("airflow_home")
def test_missing_connection_is_told():
    """A mistyped connection is named, with what to do."""
    with pytest.raises(ConfigurationError, match=r"connection 'nowhere' is not defined"):
        TikTokHook("nowhere").get_client()


def test_empty_token_is_told(connect: Connect):
    """A connection without a token is refused here, naming the field."""
    with pytest.raises(
        ConfigurationError,
        match=r"^Put the access token in the field 'Access token' \('password'\) of connection 'shop': it is empty",
    ):
        connect(password="").get_client()


def test_clear_text_address_is_refused(connect: Connect):
    """A token is not sent over plain http."""
    with pytest.raises(ConfigurationError, match="https"):
        connect(host="http://203.0.113.1").get_client()


@pytest.mark.parametrize(("source", "name"), SOURCE_ID_FIELDS.items())
def test_source_id_comes_from_the_connection(connect: Connect, source: str, name: str):
    """Every event source has a field of its own, and the task's own word comes first."""
    hook = connect(extra=IDS)
    assert hook.event_source_id(source) == IDS[name]
    assert hook.event_source_id(source, given="other") == "other"


def test_absent_source_id_is_told(connect: Connect):
    """Where neither names an id, the text says which argument and which field to fill."""
    with pytest.raises(
        ConfigurationError, match=r"event_source_id, .* 'Offline event set id' .* offline events"
    ):
        connect(extra={"pixel_code": DEFAULT_PIXEL_CODE}).event_source_id("offline")


def test_unknown_event_source_is_told(connect: Connect):
    """A mistyped event source is answered with the known ones."""
    with pytest.raises(ConfigurationError, match="Set event_source to one of: web, app, offline, crm"):
        connect().event_source_id("website")


def test_absent_advertiser_is_told(connect: Connect):
    """What needs the advertiser's id says that the connection has none."""
    with pytest.raises(
        ConfigurationError, match=r"'Advertiser id' \('advertiser_id'\) of connection .* is empty"
    ):
        _ = connect().advertiser_id


@pytest.mark.usefixtures("airflow_home")
def test_demo_mode_needs_no_connection(caplog: pytest.LogCaptureFixture):
    """Anyone can try the provider without an account, and the log says loudly that it is a demonstration."""
    with TikTokHook("nowhere", demo_mode=True) as hook:
        answer = hook.get_client().list_pixels(hook.advertiser_id)
        assert [pixel["pixel_code"] for pixel in answer] == [hook.event_source_id("web")]
    assert "DEMO MODE" in caplog.text
    assert "Nothing is sent to TikTok" in caplog.text


def test_demo_mode_knows_the_connections_ids(connect: Connect):
    """In demo mode the simulator takes the ids that the real TikTok would take."""
    own = "C0FFEE00000000000001"
    hook = connect(extra={"pixel_code": own, "demo_mode": True})
    with hook:
        pixels = hook.get_client(known_source_ids={"web": "C0FFEE00000000000002"}).list_pixels(
            hook.advertiser_id
        )
        codes = {pixel["pixel_code"] for pixel in pixels}
    assert codes >= {own, "C0FFEE00000000000002"}


def test_demo_mode_never_uses_the_token(connect: Connect):
    """The real token is not read in demo mode, not even for the simulator."""
    with connect(password="", extra={"demo_mode": True}) as hook:
        assert list(hook.get_client().list_pixels(hook.advertiser_id))


def test_demo_mode_refuses_impossible_ids(connect: Connect, caplog: pytest.LogCaptureFixture):
    """An id that TikTok would never give stays unknown to the simulator."""
    with connect(extra={"offline_event_set_id": "letters", "demo_mode": True}) as hook:
        hook.get_client()
    assert "letters does not look like an id" in caplog.text


def test_closing_ends_the_simulator(connect: Connect):
    """Nothing serves on after the hook is closed."""
    hook = connect(extra={"demo_mode": True})
    client = hook.get_client(policy=RetryPolicy(max_attempts=1))
    hook.close()
    hook.close()
    with pytest.raises(TransientError, match="user/info"):
        client.user_info()


def test_closing_ends_every_client(connect: Connect):
    """A hook that made several clients keeps no connection of any of them."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        ends = pool.submit(_answer_two_and_see_their_ends, listener)
        with connect(host=f"http://127.0.0.1:{listener.getsockname()[1]}", extra=IDS) as hook:
            clients = [hook.get_client(), hook.get_client()]
            assert [client.user_info() for client in clients] == [{}, {}]
        assert ends.result() == [b"", b""]


def _answer_two_and_see_their_ends(listener: socket.socket) -> list[bytes]:
    """What two connections bring after their first request; nothing from one that was closed."""
    with ExitStack() as stack:
        connections = []
        for _ in range(2):
            connection = stack.enter_context(listener.accept()[0])
            connection.settimeout(5)
            connection.recv(65_536)
            connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{"code":0,"data":{}}')
            connections.append(connection)
        return [connection.recv(1) for connection in connections]


@pytest.mark.parametrize(
    ("fields", "extra", "is_good", "words"),
    [
        (
            {},
            IDS,
            True,
            "TikTok takes the access token, and the pixel is the advertiser's: send a test event",
        ),
        ({}, {}, True, "fill in Pixel code and Advertiser id to check the pixel"),
        ({}, {"pixel_code": IDS["pixel_code"]}, True, "fill in Advertiser id to check the pixel"),
        ({}, {"advertiser_id": IDS["advertiser_id"]}, True, "fill in Pixel code to check the pixel"),
        ({"password": "other-token"}, IDS, False, "make a new one in Events Manager"),
        (
            {"password": ""},
            IDS,
            False,
            "Put the access token in the field 'Access token' ('password'): it is empty",
        ),
        ({}, {**IDS, "pixel_code": "C0FFEE00000000000009"}, False, "correct Pixel code or Advertiser id"),
        (
            {},
            {**IDS, "read_timeout": "long"},
            False,
            "Write a number of seconds in the field 'Read timeout (seconds)' ('read_timeout').",
        ),
    ],
)
def test_connection_test_is_honest(
    connect: Connect,
    simulator: Simulator,
    fields: dict[str, Any],
    extra: dict[str, Any],
    is_good: bool,
    words: str,
):
    """The test of a connection tells what was proved and what was not, and no secret."""
    told = connect(host=simulator.url, extra=extra, **fields).test_connection()
    assert told[0] is is_good
    assert words in told[1]
    assert "other-token" not in told[1]
    assert "shop" not in told[1]  # the id of a connection under test is of Airflow's making
    assert told[1].count(". ") == 0
    assert not simulator.ledger.summary()["live"]["unique_events"]


def test_connection_test_without_answer(connect: Connect):
    """A server that is not there proves nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    is_good, words = connect(host=f"http://127.0.0.1:{port}", extra=IDS).test_connection()
    assert is_good is False
    assert words == f"Check that 127.0.0.1:{port} can be reached from here: connection refused."


def test_connection_test_in_demo_mode_says_so(connect: Connect):
    """A demonstration is not called a proof."""
    told = connect(extra={"demo_mode": True}).test_connection()
    assert told == (True, "Demo mode: events go to a simulator. TikTok was not asked.")


def test_both_descriptions_of_the_form_agree():
    """Airflow before 3.2 asks the hook, later ones read the provider's info: the same form."""
    behaviour = TikTokHook.get_ui_field_behaviour()
    declared = TIKTOK_CONNECTION["ui-field-behaviour"]
    assert behaviour == {key.replace("-", "_"): value for key, value in declared.items()}
    assert TIKTOK_CONNECTION["connection-type"] == TikTokHook.conn_type
    assert TIKTOK_CONNECTION["hook-name"] == TikTokHook.hook_name
    assert TIKTOK_CONNECTION["hook-class-name"] == f"{TikTokHook.__module__}.{TikTokHook.__qualname__}"


def test_old_form_has_the_declared_fields():
    """The former web pages get a widget of the right kind for every declared field."""
    pytest.importorskip("flask_appbuilder", reason="only Airflow with Flask-AppBuilder draws these")
    widgets = TikTokHook.get_connection_form_widgets()
    kinds = {name: field.field_class.__name__ for name, field in widgets.items()}
    declared = TIKTOK_CONNECTION["conn-fields"]
    names = {"string": "StringField", "integer": "IntegerField", "boolean": "BooleanField"}
    assert kinds == {name: names[field["schema"]["type"][0]] for name, field in declared.items()}


def test_the_connection_test_stops_at_the_first_silence(
    monkeypatch: pytest.MonkeyPatch, define_connection: Callable[..., None]
) -> None:
    """A host that does not answer is asked once, and people wait seconds for it, whatever the connection says."""
    monkeypatch.setattr("airflow_provider_tiktok.hooks.tiktok._PROBE_TIMEOUT_S", 0.3)  # three seconds is long
    with dripping(itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n")) as url:
        extra = {"advertiser_id": "7", "pixel_code": "C" * 20, "read_timeout": 300}
        define_connection("slow", conn_type="tiktok", host=url, password="planted-token", extra=extra)
        began = time.monotonic()
        proved, message = TikTokHook("slow").test_connection()
    assert time.monotonic() - began < 3
    assert not proved
    assert message.startswith("Check the network between here and 127.0.0.1:")
