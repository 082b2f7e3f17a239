# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Every protection is needed: without it a test fails. With it the same test runs elsewhere, and is green."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.privacy.protections import PROTECTIONS

SWITCHED_OFF = Path(__file__).with_name("switched_off.py")


@pytest.fixture(scope="module")
def missed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The protections that are asked for, each with what was said where none missed it."""
    items = (item for item in request.session.items if item.path == request.path)
    names = [item.callspec.params["name"] for item in items]  # type: ignore[attr-defined]
    tests = [f"{SWITCHED_OFF}::test_without_a_protection_a_test_fails[{name}]" for name in names]
    told = tmp_path_factory.mktemp("protections") / "told.xml"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--junitxml={told}", *tests]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=request.config.rootpath)
    assert told.exists(), done.stdout[-2000:] + done.stderr[-2000:]
    cases = ElementTree.parse(told).iter("testcase")  # written by pytest just now
    return {case.attrib["name"].partition("[")[2][:-1]: "".join(case.itertext()) for case in cases}


@pytest.mark.parametrize("name", PROTECTIONS)
def test_without_a_protection_a_test_fails(name: str, missed: Mapping[str, str]) -> None:
    """Switched off, the protection is missed by the test that is named for it."""
    assert missed[name] == ""
