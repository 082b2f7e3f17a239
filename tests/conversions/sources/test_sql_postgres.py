# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A real PostgreSQL, where one is installed: the result stays on the server until it is fetched."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.sources.sql import SqlSource

DRIVERS = [name for name in ("psycopg2", "psycopg") if find_spec(name)]

pytestmark = [
    pytest.mark.skipif(
        not (shutil.which("initdb") and shutil.which("pg_ctl")), reason="PostgreSQL is not installed"
    ),
    pytest.mark.skipif(not DRIVERS, reason="neither psycopg2 nor psycopg is installed"),
]

NUMBERS = "SELECT id, repeat('x', 1000) AS text FROM generate_series(1, %s) AS id ORDER BY id"


@pytest.fixture(scope="module")
def socket_folder() -> Iterator[str]:
    """A server that listens on a socket in this folder and nowhere else."""
    with TemporaryDirectory(dir="/tmp") as folder:  # a socket's path has to be short
        user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            _give_to(folder, user)
        as_user: dict[str, Any] = {"user": user, "check": True, "capture_output": True, "cwd": folder}
        data = f"{folder}/data"
        subprocess.run(["initdb", "-D", data, "-U", "test", "-A", "trust", "-N"], **as_user)
        options = f"-c listen_addresses='' -c fsync=off -k {folder}"
        log = f"{folder}/log"
        subprocess.run(["pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start"], **as_user)
        yield folder
        subprocess.run(["pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"], **as_user)


def _give_to(folder: str, user: str) -> None:
    try:
        owner = pwd.getpwnam(user)
    except KeyError:
        pytest.skip("run as root, and there is no user 'postgres' to run the server")
    os.chown(folder, owner.pw_uid, owner.pw_gid)


@pytest.fixture(params=DRIVERS)
def connect(request: pytest.FixtureRequest, socket_folder: str) -> Callable[..., Any]:
    """Connects by each driver that is installed."""
    driver = pytest.importorskip(request.param)

    def open_connection(*, is_autocommit: bool = False) -> Any:
        connection = driver.connect(host=socket_folder, user="test", dbname="postgres")
        connection.autocommit = is_autocommit
        return connection

    return open_connection


def resident_bytes() -> int:
    """Memory of this process, drivers' own included."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("is_autocommit", [False, True])
def test_rows(connect: Callable[..., Any], is_autocommit: bool) -> None:
    """Rows, columns and parameters come through a named cursor, also without a transaction."""
    source = SqlSource(lambda: connect(is_autocommit=is_autocommit), NUMBERS, [25], page_size=10)
    rows = list(source.rows())
    assert [row["id"] for row in rows if isinstance(row, dict)] == list(range(1, 26))
    assert source.columns == ("id", "text")


def test_result_stays_on_the_server(connect: Callable[..., Any]) -> None:
    """A hundred megabytes of result take a few of them here."""
    before = resident_bytes()
    with closing(SqlSource(connect, NUMBERS, [100_000], page_size=1000).rows()) as rows:
        for _ in range(2000):
            next(rows)
        assert resident_bytes() - before < 30_000_000


def test_refused(connect: Callable[..., Any]) -> None:
    """The server's code is told, its words are not."""
    with pytest.raises(ConfigurationError, match=r"\(UndefinedTable, 42P01\)"):
        list(SqlSource(connect, "SELECT * FROM nowhere WHERE email = %s", ["ada@example.com"]).rows())


def test_fails_in_the_middle(connect: Callable[..., Any]) -> None:
    """A value that breaks the query late ends the run as a fault of the query."""
    rows = SqlSource(connect, "SELECT 1 / (50 - id) FROM generate_series(1, 100) AS id", page_size=10).rows()
    with pytest.raises(ConfigurationError, match=r"\(DivisionByZero, 22012\)"):
        list(rows)


def test_no_query(connect: Callable[..., Any]) -> None:
    """A statement that is no query is a setting to mend."""
    with pytest.raises(ConfigurationError, match=r"^sql: "):
        list(SqlSource(connect, "CREATE TABLE t (id int)").rows())
