# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Delivery: encoded events to results to a durable record. Knows a destination's protocol, never a client."""
