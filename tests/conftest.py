# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What holds for every test: a home of its own for Airflow, and no network but loopback."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from importlib.metadata import version
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings

# How long an example takes is the machine's business: both cores may be busy. New examples are for the
# machine of whoever can look into what they find: a change is judged by the same ones as the change before.
settings.register_profile(
    "busy",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
settings.load_profile("busy")

_HOME = Path(tempfile.mkdtemp(prefix="airflow-provider-tiktok-"))
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
(_HOME / "dags").mkdir()

# Airflow reads these once, when it is first imported: so here, before any test module is.
for _name in [name for name in os.environ if name.startswith("AIRFLOW")]:
    del os.environ[_name]
os.environ |= {
    "AIRFLOW_HOME": str(_HOME),
    "AIRFLOW__CORE__DAGS_FOLDER": str(_HOME / "dags"),
    "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",  # the default asks a name server
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_HOME}/airflow.db",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
    # On Airflow 2.11 each component warns of these two at import.
    "AIRFLOW__METRICS__TIMER_UNIT_CONSISTENCY": "True",
    "AIRFLOW__SCHEDULER__MAX_TIS_PER_QUERY": "0",
    # Airflow 2.11 refuses SQLite to sensors in dag.test(), unless this says that it is a test.
    "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",
    # A proxy would carry loopback traffic away.
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
}
if version("apache-airflow").startswith("2."):
    # Sensors that reschedule ask the executor, and the default one of Airflow 2 refuses SQLite.
    os.environ["AIRFLOW__CORE__EXECUTOR"] = "SequentialExecutor"


class NetworkForbidden(RuntimeError):
    """A test reached for an address that is not on this machine."""


def _is_loopback(host: Any) -> bool:
    if host in (None, "", "localhost", b"localhost"):
        return True
    try:
        return ip_address(host.decode() if isinstance(host, bytes) else host).is_loopback
    except ValueError:
        return False


def _forbid_network(event: str, args: tuple[Any, ...]) -> None:
    """Stop what would leave this machine. An audit hook sees every socket of the process, patches none."""
    if event in ("socket.connect", "socket.sendto"):
        address = args[1]
        if isinstance(address, tuple) and not _is_loopback(address[0]):
            raise NetworkForbidden(f"{event}: {address[0]}")
    elif event == "socket.getaddrinfo" and not _is_loopback(args[0]):
        raise NetworkForbidden(f"{event}: {args[0]!r}")


sys.addaudithook(_forbid_network)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """The name of a value that differs from process to process, a time or compressed bytes: its argument's.

    Several processes share the tests by their names.
    """
    is_time = isinstance(val, int) and val > _LONG_AGO
    return argname if is_time or isinstance(val, bytes) else None


_LONG_AGO = 1_600_000_000
