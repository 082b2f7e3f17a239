# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The library names what others may import, loads it when asked, and works without Airflow."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_tiktok import conversions
from tests.pages import python_blocks

PAGE = Path(__file__).resolve().parents[2] / "docs" / "library.md"


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_type_checkers_know_every_name_from_where_it_is_loaded() -> None:
    """What editors and mypy read is what is loaded."""
    tree = ast.parse(Path(conversions.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imported = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert {name: f"{conversions.__name__}.{room}" for name, room in conversions._ROOM_OF.items()} == imported
    assert conversions.__all__ == sorted(imported)


@pytest.mark.parametrize("name", conversions.__all__)
def test_every_name_is_there(name: str) -> None:
    """Each can be imported, and is listed."""
    assert getattr(conversions, name) is not None
    assert name in dir(conversions)


def test_another_name_is_not() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="no attribute 'Delivrey'"):
        conversions.Delivrey  # noqa: B018


def test_the_door_itself_loads_nothing() -> None:
    """A DAG file passes through it."""
    ours = "[name for name in sys.modules if name.startswith('airflow_provider_tiktok.conversions.')]"
    assert run(f"import sys, airflow_provider_tiktok.conversions; print({ours})") == "[]\n"


def test_the_page_s_script_runs_without_airflow() -> None:
    """Its two rows arrive, and nothing of Airflow was imported."""
    (script,) = python_blocks(PAGE.read_text())
    told = run(f"{script}\nimport sys\nprint('airflow' in sys.modules)")
    assert told.splitlines() == ["2 accepted, 0 rejected", "False"]
