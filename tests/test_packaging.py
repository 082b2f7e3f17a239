# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from email.parser import Parser
from importlib.metadata import version
from pathlib import Path
from zipfile import ZipFile

import pytest

import airflow_provider_tiktok

PROJECT = Path(__file__).parents[1]
AIRFLOW = tuple(int(part) for part in version("apache-airflow").split(".")[:2])

SHOW_FORMS = """
import json
from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService

forms = {form.connection_type: form for form in HookMetaService.hook_meta_data()}
form = forms["tiktok"]
print(json.dumps({
    "name": form.hook_name,
    "fields": {name: field if isinstance(field, dict) else field.dump() for name, field in form.extra_fields.items()},
    "password": form.standard_fields.password.title,
    "hides_login": form.standard_fields.login.hidden,
}))
"""

SHOW_PROVIDER = """
import json
from airflow.providers_manager import ProvidersManager

manager = ProvidersManager()
print(json.dumps({
    "version": manager.providers["airflow-provider-tiktok"].version,
    "hook": manager.hooks["tiktok"].hook_class_name,
    "label": manager.hooks["tiktok"].hook_name,
}))
"""


OF_COMMON_COMPAT = {
    "1.12.0": {
        *("AirflowException", "AirflowFailException", "AirflowNotFoundException", "AirflowPlugin"),
        *("AirflowSensorTimeout", "AirflowSkipException", "AirflowTaskTimeout", "Asset", "AssetAlias"),
        *("BaseHook", "BaseOperator", "BaseOperatorLink", "BaseSensorOperator"),
        *("DAG", "DecoratedOperator", "ObjectStoragePath", "Param", "PokeReturnValue", "Stats"),
        *("TriggerRule", "XCom"),
        *("conf", "task", "task_decorator_factory"),
    }
}
"""What we take of ``airflow.providers.common.compat.sdk``, looked up in the least version that we allow."""


def test_the_least_common_compat_has_what_we_import():
    """A younger name would be missed when a task runs: look it up in the least version, or do without."""
    required = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["dependencies"]
    (least,) = (one.partition(">=")[2] for one in required if "common-compat" in one)
    found = set()
    for file in (PROJECT / "airflow_provider_tiktok").rglob("*.py"):
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                node.body.clear()  # these names are for type checkers alone
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        found |= {
            one.name
            for node in imports
            if node.module == "airflow.providers.common.compat.sdk"
            for one in node.names
        }
    assert found == OF_COMMON_COMPAT[least]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as users get it."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=PROJECT,
        check=True,
        capture_output=True,
    )
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """A folder that holds the unpacked wheel and nothing of the project's source tree."""
    folder = wheel.parent / "installed"
    with ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run_installed(code: str, installed: Path) -> dict[str, object]:
    """What a program prints that finds this package as the wheel left it."""
    environment = {**os.environ, "PYTHONPATH": str(installed), "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=installed,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    told: dict[str, object] = json.loads(done.stdout.strip().splitlines()[-1])
    return told


def test_the_wheel_holds_the_package_alone(wheel: Path):
    """Nothing but the package, its data included, gets onto a user's machine."""
    with ZipFile(wheel) as archive:
        names = archive.namelist()
    roots = {name.split("/")[0] for name in names}
    assert roots == {
        "airflow_provider_tiktok",
        f"airflow_provider_tiktok-{airflow_provider_tiktok.__version__}.dist-info",
    }
    tree = PROJECT / "airflow_provider_tiktok"
    expected = {
        str(file.relative_to(PROJECT))
        for file in tree.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert {name for name in names if ".dist-info/" not in name} == expected
    assert "airflow_provider_tiktok/py.typed" in names
    assert any(re.fullmatch(r"airflow_provider_tiktok/simulator/rules/\w+\.json", name) for name in names)


def test_the_wheel_names_what_it_needs(wheel: Path):
    """Old enough Airflow and Python are refused at installation, and no dependency has an upper bound."""
    with ZipFile(wheel) as archive:
        file = next(name for name in archive.namelist() if name.endswith("/METADATA"))
        metadata = Parser().parsestr(archive.read(file).decode())
    needs = metadata.get_all("Requires-Dist", [])
    assert metadata["Requires-Python"] == ">=3.11"
    assert "apache-airflow>=2.11.0" in needs
    assert not [need for need in needs if "<" in need or "==" in need.split(";")[0]]
    assert "Framework :: Apache Airflow :: Provider" in metadata.get_all("Classifier", [])


def test_airflow_finds_the_provider(installed: Path):
    """An installed wheel is discovered, with its connection type and the name that people see."""
    told = run_installed(SHOW_PROVIDER, installed)
    assert told == {
        "version": airflow_provider_tiktok.__version__,
        "hook": "airflow_provider_tiktok.hooks.tiktok.TikTokHook",
        "label": "TikTok Events API",
    }


@pytest.mark.skipif(
    AIRFLOW < (3, 1), reason="the pages of Airflow before 3.1 need Flask-AppBuilder to draw a form"
)
def test_airflow_shows_the_form(installed: Path):
    """The connection form that Airflow shows has our fields, in our words."""
    from airflow_provider_tiktok.get_provider_info import TIKTOK_CONNECTION

    told = run_installed(SHOW_FORMS, installed)
    assert told["name"] == "TikTok Events API"
    assert told["password"] == "Access token"
    assert told["hides_login"] is True
    fields = told["fields"]
    assert isinstance(fields, dict)
    assert list(fields) == list(TIKTOK_CONNECTION["conn-fields"])
    for name, declared in TIKTOK_CONNECTION["conn-fields"].items():
        shown = fields[name]["schema"]
        assert shown["title"] == declared["label"]
        assert shown["type"] == declared["schema"]["type"]


def test_pins_are_plain_versions():
    """The pinned lists name versions and nothing else: no host, no path, no option."""
    for file in (PROJECT / "requirements").glob("*.txt"):
        lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
        assert lines
        for line in lines:
            assert re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][A-Za-z0-9.+]*", line), f"{file.name}: {line}"


def test_development_pins_cover_what_the_project_needs():
    """The development environment has every direct dependency, extras included."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    needs = {re.split(r"[\[>=]", need)[0] for group in (project["dependencies"], *extras) for need in group}
    pinned = (PROJECT / "requirements/development.txt").read_text().lower().replace("_", "-")
    missing = {need for need in needs - {project["name"]} if f"\n{need.lower()}==" not in pinned}
    assert not missing


def test_bare_make_lists_the_tasks():
    """`make` alone tells what it can do."""
    listed = subprocess.run(["make"], cwd=PROJECT, check=True, capture_output=True, text=True).stdout
    for task in ("demo", "test", "check", "bench", "test-matrix"):
        assert re.search(rf"^  make {task}\s+\S", listed, re.MULTILINE)
