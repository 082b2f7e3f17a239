# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Airflow provider for TikTok's Events API and LiveRamp's conversions adapter."""

__version__ = "0.1.0"
