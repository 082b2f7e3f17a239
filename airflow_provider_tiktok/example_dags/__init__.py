# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Examples that run as they are: in demo mode, without a connection, with made-up people at example.com."""
