# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A whole Airflow with Celery workers, PostgreSQL and Redis, each a process on loopback.

A worker has an Airflow home of its own, as a machine has a disk; where the system allows it, a host name too.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.distributed.usage import tree_of
from tests.end_to_end.stack import Stack, StackError, free_port

CONCURRENCY = 2
"""Tasks that one worker runs at once."""

LOST_AFTER_S = 90
"""Seconds without a heartbeat after which Airflow gives a task up, 300 by default; a busy machine needs some."""


class Cluster(Stack):
    """The stack whose tasks run on workers that come and go.

    :param database: address of an empty database of PostgreSQL, as SQLAlchemy wants it.
    :param broker: address of Redis.
    """

    def __init__(self, home: Path, *, database: str, broker: str, environment: Mapping[str, str]) -> None:
        of_celery = {
            "AIRFLOW__CELERY__BROKER_URL": broker,
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{database}",
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": str(CONCURRENCY),
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CORE__PARALLELISM": "64",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(LOST_AFTER_S),
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
        }
        super().__init__(home, environment={**of_celery, **environment})

    def make_database(self) -> None:
        """Airflow's tables in PostgreSQL."""
        migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
        subprocess.run(migrate, env=self.environment, check=True, capture_output=True)

    def start_worker(self, name: str) -> None:
        """A worker that takes tasks when this returns."""
        home = self.home / name
        home.mkdir()
        command = ["celery", "worker", "--celery-hostname", f"{name}@%h", "--skip-serve-logs"]
        self.start_process(name, *command, home=home, host=name if os.geteuid() == 0 else None)
        log = self.home / f"{name}.log"
        self.until(
            lambda: " ready." in log.read_text(errors="replace"), what=f"{name} is ready", timeout_s=90
        )

    def lose_worker(self, name: str) -> set[int]:
        """A machine that is gone: every process of the worker at once, and its disk; gives what was killed."""
        process = self.processes.pop(name)
        doomed = tree_of(process.pid)
        os.kill(process.pid, signal.SIGSTOP)
        doomed |= tree_of(process.pid)
        for pid in doomed:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(self.home / name)
        return doomed

    def stop_worker(self, name: str) -> None:
        """End a worker in order."""
        process = self.processes.pop(name)
        process.terminate()
        process.wait(60)
        shutil.rmtree(self.home / name, ignore_errors=True)


@contextmanager
def running_redis() -> Iterator[tuple[str, int]]:
    """Address and process of a Redis that keeps nothing."""
    program = shutil.which("redis-server")
    if program is None:
        raise StackError("redis-server is not installed.")
    port = free_port()
    with TemporaryDirectory() as folder:
        command = [program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", folder]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            yield f"redis://127.0.0.1:{port}/0", process.pid
        finally:
            process.terminate()
            process.wait(30)
