# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The page is of Airflow 3.1 and later; what it reads has other names before."""

from __future__ import annotations

from importlib.metadata import version

AIRFLOW = tuple(int(part) for part in version("apache-airflow").split(".")[:2])
collect_ignore = [] if AIRFLOW >= (3, 1) else ["test_deliveries.py"]
