# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The demo's fence: connections on this machine pass, everything else is refused.

An audit hook cannot be taken off again, so the fence is judged by handing it events, and once for real in
a process of its own.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import loopback_only
import pytest

EXAMPLES = Path(loopback_only.__file__).parent


@pytest.mark.parametrize(
    ("event", "arguments"),
    [
        ("socket.connect", (None, ("127.0.0.1", 80))),
        ("socket.connect", (None, ("::1", 80, 0, 0))),
        ("socket.connect", (None, "/tmp/a.socket")),
        ("socket.getaddrinfo", ("localhost", 80, 0, 0, 0)),
        ("socket.getaddrinfo", (None, 80, 0, 0, 0)),
        ("socket.getaddrinfo", (socket.gethostname(), 80, 0, 0, 0)),
        ("open", ("203.0.113.7", "r", 0)),
    ],
)
def test_this_machine_passes(event: str, arguments: tuple[object, ...]) -> None:
    """Loopback, sockets in the file system and everything that is no network pass."""
    loopback_only.Fence()(event, arguments)


@pytest.mark.parametrize(
    ("event", "arguments", "host"),
    [
        ("socket.connect", (None, ("203.0.113.7", 443)), "203.0.113.7"),
        ("socket.connect", (None, ("2001:db8::1", 443, 0, 0)), "2001:db8::1"),
        ("socket.sendto", (None, ("203.0.113.7", 53)), "203.0.113.7"),
        ("socket.getaddrinfo", ("example.com", 443, 0, 0, 0), "example.com"),
        ("socket.getaddrinfo", (b"example.com", 443, 0, 0, 0), "example.com"),
        ("socket.gethostbyname", ("example.com",), "example.com"),
    ],
)
def test_another_machine_is_refused(event: str, arguments: tuple[object, ...], host: str) -> None:
    """A connection elsewhere, and even the question for its address, is refused and counted."""
    fence = loopback_only.Fence()
    with pytest.raises(loopback_only.LeftTheMachine):
        fence(event, arguments)
    assert fence.refused == {host: 1}


def test_connections_are_counted_by_address() -> None:
    """What passed is counted, looked-up names are not."""
    fence = loopback_only.Fence()
    for event, arguments in [
        ("socket.getaddrinfo", ("localhost", 80, 0, 0, 0)),
        ("socket.connect", (None, ("127.0.0.1", 80))),
        ("socket.connect", (None, ("127.0.0.1", 81))),
    ]:
        fence(event, arguments)
    assert fence.passed == {"127.0.0.1": 2}


def test_the_fence_stands_around_a_real_process(tmp_path: Path) -> None:
    """A module that runs behind the fence cannot even begin to reach another machine."""
    (tmp_path / "runaway.py").write_text("import socket\nsocket.create_connection(('203.0.113.7', 9), 0.1)\n")
    ended = subprocess.run(
        [sys.executable, str(EXAMPLES / "loopback_only.py"), "runaway"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    assert "LeftTheMachine" in ended.stderr
