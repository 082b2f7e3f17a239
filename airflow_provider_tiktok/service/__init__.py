# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""One DAG for any task: called with one JSON input, by the trigger form or over REST, it gives one result."""
