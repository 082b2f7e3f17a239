# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What a DAG file says of columns: ``from airflow_provider_tiktok.mapping import SKIP, column``."""

from airflow_provider_tiktok.conversions.readers import SKIP, column

__all__ = ["SKIP", "column"]
