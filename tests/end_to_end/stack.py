# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A whole Airflow on loopback: api-server, scheduler, dag-processor and triggerer, each a process.

What ``dag.test()`` leaves out is here: a scheduler that retries, tasks in processes of their own that can be
killed, and the REST API with a real token. One serves a whole test session; tests bring DAGs and
connections of their own names.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from tests.end_to_end.dag_runs import migrated_database

ROOT = Path(__file__).resolve().parents[2]
USER = "tester"
ENDED = ("success", "failed")

_COMPONENTS: Mapping[str, tuple[str, ...]] = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}


class StackError(RuntimeError):
    """The stack did not do what a test needs of it."""


class RestError(StackError):
    """The REST API refused.

    :param status: of the answer.
    :param text: of the answer.
    """

    def __init__(self, what: str, *, status: int, text: str) -> None:
        super().__init__(f"{what}: HTTP {status}: {text[:600]}")
        self.status, self.text = status, text


class Stack:
    """Airflow's processes, and its REST API in words.

    :param home: an empty folder, which becomes Airflow's home.
    :param environment: added to the processes' environment, for example ``AIRFLOW_CONN_...``.
    """

    def __init__(self, home: Path, *, environment: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.dags = home / "dags"
        self.dags.mkdir()
        self.password = secrets.token_hex(8)
        self.url = f"http://127.0.0.1:{free_port()}"
        self.environment = _environment(home, url=self.url, more=environment or {})
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.token = ""

    def __enter__(self) -> Stack:
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    # ---------------------------------------------------------------------------------------- setting up

    def add_dag(self, source: str, *, dag_id: str, timeout_s: float = 60) -> None:
        """A DAG of this source text, which Airflow knows when this returns."""
        (self.dags / f"{dag_id}.py").write_text(source)
        self.until(lambda: self._knows_dag(dag_id), what=f"DAG {dag_id} is parsed", timeout_s=timeout_s)

    def define_connection(self, conn_id: str, **fields: Any) -> None:
        """A connection in Airflow's database, in place of any of that name.

        :param fields: ``conn_type``, ``host``, ``login``, ``password``, ``port``; ``extra`` is a mapping.
        """
        with suppress(RestError):
            self.call("DELETE", f"/api/v2/connections/{quote(conn_id)}")
        if "extra" in fields:
            fields["extra"] = json.dumps(fields["extra"])
        self.call("POST", "/api/v2/connections", {"connection_id": conn_id, **fields})

    # ---------------------------------------------------------------------------------------- DAG runs

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """The id of a run that was just asked for."""
        body = {"logical_date": None, "conf": dict(conf or {})}
        return str(self.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def wait(self, dag_id: str, run_id: str, *, timeout_s: float = 120) -> dict[str, Any]:
        """The last word of ``/wait``: ``state``, and ``results`` by task where the DAG names a result."""
        path = f"{_run_path(dag_id, run_id)}/wait?interval=0.3"
        with self._ask("GET", path, timeout_s=timeout_s) as lines:
            last: dict[str, Any] = {}
            for line in lines:
                last = json.loads(line) if line.strip() else last
        if last.get("state") not in ENDED:
            raise StackError(f"run {run_id} of {dag_id} is {last.get('state')}")
        return last

    def run(
        self, dag_id: str, conf: Mapping[str, Any] | None = None, *, timeout_s: float = 120
    ) -> tuple[str, dict[str, Any]]:
        """Run id and last word of a run, from trigger to end."""
        run_id = self.trigger(dag_id, conf)
        return run_id, self.wait(dag_id, run_id, timeout_s=timeout_s)

    def state(self, dag_id: str, run_id: str) -> str:
        """The run's state now."""
        return str(self.call("GET", _run_path(dag_id, run_id))["state"])

    def task(self, dag_id: str, run_id: str, task_id: str, *, map_index: int = -1) -> dict[str, Any]:
        """The task instance: ``state``, ``try_number``, ``pid``, ``rendered_fields`` and more."""
        mapped = f"/{map_index}" if map_index >= 0 else ""
        path = f"{_run_path(dag_id, run_id)}/taskInstances/{task_id}{mapped}"
        found: dict[str, Any] = self.call("GET", path)
        return found

    def tries(self, dag_id: str, run_id: str, task_id: str) -> list[dict[str, Any]]:
        """Every try of a task."""
        path = f"{_run_path(dag_id, run_id)}/taskInstances/{task_id}/tries"
        return list(self.call("GET", path)["task_instances"])

    def xcom(self, dag_id: str, run_id: str, task_id: str, *, key: str = "return_value") -> Any:
        """A value that a task left.

        :raises RestError: it left none.
        """
        path = f"{_run_path(dag_id, run_id)}/taskInstances/{task_id}/xcomEntries/{quote(key)}"
        value = self.call("GET", path)["value"]
        return json.loads(value) if isinstance(value, str) and value[:1] in "[{" else value

    def log(self, dag_id: str, run_id: str, task_id: str, *, try_number: int = 1) -> str:
        """What a try of a task logged, a line for each message."""
        path = f"{_run_path(dag_id, run_id)}/taskInstances/{task_id}/logs/{try_number}?full_content=true"
        content = self.call("GET", path)["content"]
        return "\n".join(_message(entry) for entry in content)

    # ---------------------------------------------------------------------------------------- plain REST

    def call(self, method: str, path: str, body: Any = None, *, timeout_s: float = 60) -> Any:
        """The answer's JSON, ``None`` where it has none.

        :raises RestError: the status is not of success.
        """
        with self._ask(method, path, body, timeout_s=timeout_s) as reply:
            text = reply.read()
        return json.loads(text) if text else None

    def fetch(self, path: str) -> bytes:
        """The answer as it is.

        :raises RestError: the status is not of success.
        """
        with self._ask("GET", path, timeout_s=60) as reply:
            text: bytes = reply.read()
        return text

    def until(self, condition: Callable[[], Any], *, what: str, timeout_s: float, step_s: float = 0.1) -> Any:
        """The condition's value, once it has a true one.

        :raises StackError: it had none in time, or one of Airflow's processes ended.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self._check_processes()
            with suppress(ConnectionError, TimeoutError, URLError):  # a busy server may answer late
                if value := condition():
                    return value
            time.sleep(step_s)
        raise StackError(f"not within {timeout_s:.0f} s: {what}")

    @contextmanager
    def _ask(self, method: str, path: str, body: Any = None, *, timeout_s: float) -> Iterator[Any]:
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.url + path, method=method, data=data, headers=headers)
        try:
            with urlopen(request, timeout=timeout_s) as reply:
                yield reply
        except HTTPError as error:
            with error:
                raise RestError(f"{method} {path}", status=error.code, text=error.read().decode()) from None

    def _knows_dag(self, dag_id: str) -> bool:
        errors = self.call("GET", "/api/v2/importErrors?limit=100")["import_errors"]
        for error in errors:
            if Path(error["filename"]).stem == dag_id:
                raise StackError(f"{dag_id} cannot be imported: {error['stack_trace'][-2000:]}")
        try:
            return not self.call("GET", f"/api/v2/dags/{dag_id}")["is_paused"]
        except RestError as error:
            if error.status == 404:
                return False
            raise

    # ---------------------------------------------------------------------------------------- processes

    def make_database(self) -> None:
        """Airflow's database, with nothing in it."""
        shutil.copy(migrated_database(), self.home / "airflow.db")

    def start_process(
        self, name: str, *arguments: str, home: Path | None = None, host: str | None = None
    ) -> None:
        """One of Airflow's commands, in a session of its own.

        :param home: Airflow's home of this process, in place of the stack's.
        :param host: what it takes the machine's name to be; only root may say that.
        """
        named = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', host] if host else []
        with (self.home / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [*named, sys.executable, "-m", "airflow", *arguments],
                env={**self.environment, "AIRFLOW_HOME": str(home or self.home)},
                cwd=home or self.home,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _start(self) -> None:
        self.make_database()
        (self.home / "passwords.json").write_text(json.dumps({USER: self.password}))
        for name, arguments in _COMPONENTS.items():
            self.start_process(name, *arguments)
        self.until(self._is_healthy, what="every component is healthy", timeout_s=120)
        signed_in = self.call("POST", "/auth/token", {"username": USER, "password": self.password})
        self.token = signed_in["access_token"]

    def _is_healthy(self) -> bool:
        with suppress(RestError):
            health = self.call("GET", "/api/v2/monitor/health", timeout_s=5)
            return all(health[part]["status"] == "healthy" for part in ("scheduler", "metadatabase"))
        return False

    def _check_processes(self) -> None:
        for name, process in self.processes.items():
            if process.poll() is not None:
                tail = (self.home / f"{name}.log").read_text(errors="replace")[-2000:]
                raise StackError(f"{name} ended with {process.returncode}:\n{tail}")

    def _stop(self) -> None:
        for process in self.processes.values():
            signal_group(process, signal.SIGTERM)
        for process in self.processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(2)
            signal_group(process, signal.SIGKILL)  # what a component left behind is in its group
            process.wait()
        self.processes.clear()


def _environment(home: Path, *, url: str, more: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    port = url.rpartition(":")[2]
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": port,
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(16),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        # Else each component makes a key of its own while they all start, and none can read what another wrote.
        "AIRFLOW__CORE__FERNET_KEY": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "1",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db?timeout=60",  # else a busy machine finds it locked
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        **more,
    }


def free_port() -> int:
    """A port of loopback that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _run_path(dag_id: str, run_id: str) -> str:
    return f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id)}"


def _message(entry: Any) -> str:
    """One log entry: its message, and the exception it tells of."""
    if not isinstance(entry, dict):
        return str(entry)
    detail = entry.get("error_detail")
    return f"{entry.get('event', '')} {json.dumps(detail) if detail else ''}".rstrip()


def signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to a process and all that it started, where it is still there."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
