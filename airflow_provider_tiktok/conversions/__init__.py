# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The library: rows to conversions to an API's answers. Nothing in it imports Airflow."""
