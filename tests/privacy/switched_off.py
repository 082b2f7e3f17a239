# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What ``test_protections.py`` runs, in a process and an Airflow home of their own.

What is left behind without a protection is what other tests search for.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.privacy.protections import PROTECTIONS

ROOT = Path(__file__).resolve().parents[2]


class Failures:
    """What a run of pytest inside a test has to say."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what failed in the test itself, and not in what prepares it."""
        if report.when == "call" and report.failed:
            self.failed.append(report.nodeid)


def run(test: str) -> Failures:
    """Runs the test in this process, with whatever is switched off in it."""
    failures = Failures()
    quiet = ["-q", "--no-header", "--no-summary", "-p", "no:cacheprovider", "-x"]
    pytest.main([*quiet, "--rootdir", str(ROOT), str(ROOT / test)], plugins=[failures])
    return failures


@pytest.mark.parametrize("name", PROTECTIONS)
def test_without_a_protection_a_test_fails(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Switched off, the protection is missed by the test that is named for it."""
    protection = PROTECTIONS[name]
    protection.off(monkeypatch)
    assert run(protection.test).failed, f"{protection.test} is green without {name!r}"
