# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A fence around a Python process: it may talk to this machine and to nothing else.

The interpreter reports every use of its sockets to audit hooks, whichever library makes it, and a hook
that raises prevents it. A hook cannot be taken away again: the fence stands until the process ends. Code
that opens sockets without Python's would not be seen.

As a program it runs another module behind the fence: ``python loopback_only.py airflow db migrate``.
"""

from __future__ import annotations

import ipaddress
import runpy
import socket
import sys
from collections import Counter
from typing import Any


class LeftTheMachine(PermissionError):
    """The process tried to reach another machine, or to ask for its address; it was kept from it."""


class Fence:
    """Counts what passes and refuses the rest.

    :ivar passed: address on this machine to the number of connections.
    :ivar refused: what was asked for elsewhere, to the number of attempts.
    """

    def __init__(self) -> None:
        self.passed: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Judge one audit event of the interpreter."""
        find_host = _HOSTS.get(event)
        if find_host is None:
            return
        host = find_host(arguments)
        if host is None:
            return
        if not is_local(host):
            self.refused[host] += 1
            raise LeftTheMachine(f"{event} to {host} was refused: this process stays on the machine.")
        if event == "socket.connect":
            self.passed[host] += 1


def is_local(host: str) -> bool:
    """Whether a name or an address means this machine."""
    if host in ("", "localhost", socket.gethostname()):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def raise_fence() -> Fence:
    """A fence that stands around this process from now on."""
    fence = Fence()
    sys.addaudithook(fence)
    return fence


def _host_of_address(arguments: tuple[Any, ...]) -> str | None:
    """The host of a socket's address; a path or a number is no address of a network."""
    address = arguments[1]
    return str(address[0]) if isinstance(address, tuple) and len(address) > 1 else None


def _host_by_name(arguments: tuple[Any, ...]) -> str:
    host = arguments[0]
    return host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "")


_HOSTS = {
    "socket.connect": _host_of_address,
    "socket.sendto": _host_of_address,
    "socket.sendmsg": _host_of_address,
    "socket.getaddrinfo": _host_by_name,
    "socket.gethostbyname": _host_by_name,
    "socket.gethostbyaddr": _host_by_name,
}


if __name__ == "__main__":
    raise_fence()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
