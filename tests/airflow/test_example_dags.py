# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The example DAGs of the package: Airflow 3.3 lists them, and each runs as it is."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

AIRFLOW = tuple(int(part) for part in version("apache-airflow").split(".")[:2])
FOLDER = Path(__file__).parents[2] / "airflow_provider_tiktok" / "example_dags"
FILES = sorted(file for file in FOLDER.glob("*.py") if file.name != "__init__.py")

LIST_BUNDLES = """
import json
from airflow.dag_processing.bundles.manager import DagBundlesManager

paths = {bundle.name: str(bundle.path) for bundle in DagBundlesManager().get_all_dag_bundles()}
print(json.dumps(paths))
"""


# Airflow 2 warns of its own context when it renders a map index.
@pytest.mark.filterwarnings("default:Accessing '.*' from the template is deprecated:DeprecationWarning")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_example_runs_as_it_is(
    file: Path, run_dag: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
):
    """Without a connection, an account or data, and to nobody but a simulator."""
    monkeypatch.delenv("AIRFLOW_CONN_TIKTOK_DEFAULT", raising=False)
    run = run_dag(file.read_text(), dag_id=file.stem)
    assert str(getattr(run.state, "value", run.state)) == "success"


def test_the_dag_after_an_upload_runs_without_one(airflow_home: Path, run_dag: Callable[..., Any]):
    """Started by hand there is no upload to look at: it says so and is green."""
    source = (FOLDER / "example_tiktok_from_files.py").read_text()
    run = run_dag(f"{source}\ndag = after_upload\n", dag_id="example_tiktok_after_upload")
    assert str(getattr(run.state, "value", run.state)) == "success"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_examples_say_that_they_are(file: Path):
    """Ids and tags keep them apart from a deployment's own DAGs; none runs by itself."""
    module = importlib.import_module(f"airflow_provider_tiktok.example_dags.{file.stem}")
    assert module.dag.dag_id == file.stem
    assert {"example", "tiktok"} <= set(module.dag.tags)
    assert module.dag.doc_md
    assert "demo_mode=True" in file.read_text()


@pytest.mark.skipif(AIRFLOW < (3, 3), reason="examples of providers are listed from Airflow 3.3 on")
def test_airflow_lists_the_examples():
    """Under load_examples the folder is a bundle of its own."""
    environment = {**os.environ, "AIRFLOW__CORE__LOAD_EXAMPLES": "True", "PYTHONPATH": str(FOLDER.parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", LIST_BUNDLES], env=environment, check=True, capture_output=True, text=True
    )
    paths = json.loads(done.stdout.splitlines()[-1])
    assert Path(paths["airflow-provider-tiktok-example-dags"]) == FOLDER
