# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
HEADER = "# Copyright the airflow-provider-tiktok contributors.\n# SPDX-License-Identifier: Apache-2.0\n"
SOURCES = sorted(
    file
    for folder in ("airflow_provider_tiktok", "example_dags", "tests")
    for file in (PROJECT / folder).rglob("*.py")
)


def find_tests(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node


@pytest.mark.parametrize(
    "file",
    [file for file in SOURCES if file.name.startswith("test_")],
    ids=lambda file: str(file.relative_to(PROJECT)),
)
def test_every_test_states_its_claim(file: Path):
    """The docstring of a test is what it proves."""
    silent = [test.name for test in find_tests(file) if not ast.get_docstring(test)]
    assert not silent


def test_every_source_file_has_its_header():
    """Every source file says whose it is and under which licence; an empty one has nothing to say."""
    bare = [str(file) for file in SOURCES if (text := file.read_text()) and not text.startswith(HEADER)]
    assert not bare
