# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The page is of Airflow 3.1 and later; what it reads has other names before."""

from __future__ import annotations

import warnings
from importlib.metadata import version

import pytest

AIRFLOW = tuple(int(part) for part in version("apache-airflow").split(".")[:2])
collect_ignore = [] if AIRFLOW >= (3, 1) else ["test_deliveries.py"]


@pytest.fixture(scope="session", autouse=True)
def airflows_tables() -> None:
    """Airflow's tables as classes, made before the first query: those of 3.1 and 3.2 warn of themselves."""
    from sqlalchemy.orm import configure_mappers

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        configure_mappers()
