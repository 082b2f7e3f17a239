# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What the operators, transfers, sensors and triggers share: the library's ends, fitted to Airflow's."""
