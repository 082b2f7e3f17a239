# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""DAGs written to files, as Airflow wants them, and their runs on a real Airflow with a database of its own."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any


def migrated_home() -> Path:
    """Airflow's home with a migrated database."""
    home = Path(os.environ["AIRFLOW_HOME"])
    if not (home / "airflow.db").exists():
        shutil.copy(migrated_database(), home / "airflow.db")
    return home


def migrated_database() -> Path:
    """A migrated database to copy, with nothing in it; made once for each version of Airflow."""
    home = Path(os.environ["AIRFLOW_HOME"])
    version = importlib.metadata.version("apache-airflow")
    cached = Path(tempfile.gettempdir()) / f"airflow-{version}-py3{sys.version_info.minor}-{os.getuid()}.db"
    if not cached.exists():
        subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True)
        fresh = cached.with_suffix(f".{os.getpid()}")
        shutil.copy(home / "airflow.db", fresh)
        fresh.replace(cached)
    return cached


def load_module(source: str, *, name: str, folder: Path) -> Any:
    """The module of a source text, which is kept in a file of that name."""
    file = folder / f"{name}.py"
    file.write_text(source)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def run_dag(source: str, *, dag_id: str, conf: dict[str, Any] | None = None) -> Any:
    """The finished run of the DAG that the source text calls ``dag``."""
    module = load_module(source, name=dag_id, folder=migrated_home() / "dags")
    return module.dag.test(run_conf=conf or {})


def state_of(run: Any) -> str:
    """How Airflow calls the end of a run."""
    return str(getattr(run.state, "value", run.state))


def receipt_of(run: Any, *, task_id: str) -> dict[str, Any]:
    """The receipt that a task left in XCom; empty where it left none."""
    return run.get_task_instance(task_id).xcom_pull(task_ids=task_id, key="receipt") or {}
