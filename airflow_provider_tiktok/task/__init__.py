# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What operators need of the task that runs: its paths, state, supervision, templates, metrics, lineage."""
