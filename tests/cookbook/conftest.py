# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from tests.conformance.conftest import running_simulator, tiktok

__all__ = ["running_simulator", "tiktok"]
