# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A PostgreSQL server of one's own, where Debian's package is installed: in an empty folder, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from glob import glob
from tempfile import TemporaryDirectory
from typing import Any

OWNER = "postgres"
"""Who runs the server where the caller is root, which PostgreSQL refuses."""


def find_program(name: str) -> str | None:
    """Where a program of PostgreSQL is, also where Debian keeps it beside the path."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *sorted(glob("/usr/lib/postgresql/*/bin"))])
    return shutil.which(name, path=path)


def can_run() -> bool:
    """Whether a server can be started here."""
    return bool(find_program("initdb") and find_program("pg_ctl")) and _user() is not None


@contextmanager
def running_postgres(*options: str, port: int | None = None) -> Iterator[str]:
    """The folder of a server's socket; its superuser is ``test``, and nobody else reaches it.

    :param options: settings of the server, such as ``fsync=off``.
    :param port: of loopback that it also listens on, ``None`` for the socket alone.
    """
    user = _user()
    with TemporaryDirectory(dir="/tmp") as folder:  # a socket's path has to be short
        if os.geteuid() == 0 and user is not None:
            owner = pwd.getpwnam(user)
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        as_user: dict[str, Any] = {"user": user, "check": True, "capture_output": True, "cwd": folder}
        data, control = f"{folder}/data", str(find_program("pg_ctl"))
        initdb = [str(find_program("initdb")), "-D", data, "-U", "test", "-A", "trust", "-N", "-E", "UTF8"]
        subprocess.run(initdb, **as_user)
        listening = [f"listen_addresses={'127.0.0.1' if port else ''}", *([f"port={port}"] if port else [])]
        settings = " ".join(f"-c '{one}'" for one in (*listening, "fsync=off", *options))
        start = [control, "-D", data, "-l", f"{folder}/log", "-o", f"{settings} -k {folder}", "-w", "start"]
        subprocess.run(start, **as_user)
        try:
            yield folder
        finally:
            subprocess.run([control, "-D", data, "-m", "immediate", "-w", "stop"], **as_user)


def _user() -> str | None:
    """Who runs the server, ``None`` where there is nobody who may."""
    name = OWNER if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    try:
        return pwd.getpwnam(name).pw_name
    except KeyError:
        return None
