# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib
import importlib.util
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import airflow_provider_tiktok
from airflow_provider_tiktok.get_provider_info import get_provider_info

PROJECT = Path(__file__).parents[2]
AIRFLOW = tuple(int(part) for part in version("apache-airflow").split(".")[:2])

ONLY_IN_YAML = {"state": "ready", "source-date-epoch": 0}
"""What the schema of a provider.yaml asks for beyond what Airflow reads at its start."""

MODULES = ("hooks", "operators", "sensors", "triggers")


def shipped_schema(name: str) -> dict[str, Any]:
    spec = importlib.util.find_spec("airflow")
    folders = [] if spec is None else spec.submodule_search_locations or []
    file = next(Path(folder, name) for folder in folders if Path(folder, name).exists())
    schema: dict[str, Any] = json.loads(file.read_text())
    return schema


def dotted_paths() -> Iterator[str]:
    info = get_provider_info()
    for kind in MODULES:
        for entry in info.get(kind, ()):
            yield from entry["python-modules"]
    yield from (entry["python-module"] for entry in info["transfers"])
    yield from (entry["hook-class-name"] for entry in info["connection-types"])
    yield from info.get("extra-links", ())
    yield from (entry["plugin-class"] for entry in info["plugins"])
    for entry in info["asset-uris"]:
        yield from (entry["handler"], entry["factory"], entry["to_openlineage_converter"])
    yield from info.get("notifications", ())


def find(path: str) -> Any:
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError:
        module, _, name = path.rpartition(".")
        return getattr(importlib.import_module(module), name)


def test_info_fits_what_airflow_reads():
    """An info that does not fit stops every airflow command."""
    jsonschema.validate(get_provider_info(), shipped_schema("provider_info.schema.json"))


@pytest.mark.skipif(AIRFLOW < (3, 2), reason="the schema learned of connection fields in 3.2")
def test_info_fits_the_strict_schema():
    """The connection forms are specified in the schema of provider.yaml alone."""
    jsonschema.validate({**get_provider_info(), **ONLY_IN_YAML}, shipped_schema("provider.yaml.schema.json"))


def test_info_names_the_distribution():
    """Another name than the distribution's stops every airflow command."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    info = get_provider_info()
    assert info["package-name"] == project["name"]
    assert info["versions"][0] == airflow_provider_tiktok.__version__
    assert project["entry-points"]["apache_airflow_provider"] == {
        "provider_info": "airflow_provider_tiktok.get_provider_info:get_provider_info"
    }
    (plugin,) = info["plugins"]
    module, _, name = plugin["plugin-class"].rpartition(".")
    assert project["entry-points"]["airflow.plugins"] == {plugin["name"]: f"{module}:{name}"}


@pytest.mark.parametrize("path", sorted(set(dotted_paths())))
def test_every_path_leads_somewhere(path: str):
    """What the info names can be imported."""
    assert find(path) is not None


def test_every_airflow_module_is_named():
    """A hook, operator, sensor, trigger or transfer that is not in the info is unknown to Airflow's lists.

    What stands behind the operators of a service, ``base`` and its like, is no operator of its own.
    """
    named = set(dotted_paths())
    package = PROJECT / "airflow_provider_tiktok"
    for kind in (*MODULES, "transfers"):
        for file in (package / kind).glob("*.py"):
            if file.stem.startswith("base"):
                continue
            module = importlib.import_module(f"airflow_provider_tiktok.{kind}.{file.stem}")
            public = [
                name for name in vars(module) if name.endswith(("Hook", "Operator", "Sensor", "Trigger"))
            ]
            if any(getattr(module, name).__module__ == module.__name__ for name in public):
                assert module.__name__ in named


def test_integrations_are_declared():
    """Every integration that an entry refers to is described."""
    info = get_provider_info()
    declared = {entry["integration-name"] for entry in info["integrations"]}
    used = {entry["integration-name"] for kind in MODULES for entry in info.get(kind, ())}
    for entry in info["transfers"]:
        used |= {entry["source-integration-name"], entry["target-integration-name"]}
    assert used <= declared


def test_guides_and_logos_are_there():
    """Every guide is a page of docs, every logo a picture that is code."""
    for entry in get_provider_info()["integrations"]:
        for guide in entry["how-to-guide"]:
            assert (PROJECT / guide.lstrip("/")).read_text().startswith("# ")
        if "logo" in entry:
            assert (PROJECT / "docs" / entry["logo"].lstrip("/")).read_text().startswith("<svg ")


def test_people_find_the_documentation():
    """Airflow's list of providers links to it."""
    urls = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["urls"]
    assert {"Documentation", "Changelog", "Source", "Issues"} <= set(urls)


def test_reading_the_info_is_cheap():
    """Every component of Airflow reads it at its start: it loads nothing but the standard library."""
    code = (
        "import sys; from airflow_provider_tiktok.get_provider_info import get_provider_info; get_provider_info();"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=PROJECT, check=True, capture_output=True, text=True
    )
    loaded = set(done.stdout.split()) - set(sys.stdlib_module_names)
    assert loaded == {"airflow_provider_tiktok", "__main__"}
