# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import socket

import pytest


def test_addresses_outside_are_refused():
    """No test can reach anything but this machine, by name or by number."""
    with pytest.raises(RuntimeError, match="getaddrinfo"):
        socket.create_connection(("business-api.tiktok.com", 443), timeout=1)
    with socket.socket() as outside, pytest.raises(RuntimeError, match="connect"):
        outside.connect(("203.0.113.1", 443))


def test_loopback_is_open():
    """Tests talk to servers of their own."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        assert client.getpeername() == server.getsockname()
