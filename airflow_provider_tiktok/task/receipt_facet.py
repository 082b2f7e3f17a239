# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The receipt as a run facet of OpenLineage. Imported only where OpenLineage is installed."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.openlineage.facet import RunFacet
from attr import define

from airflow_provider_tiktok import __version__


@define
class ReceiptRunFacet(RunFacet):
    """What became of a run's events, as counts.

    :param receipt: in JSON's own types.
    """

    receipt: dict[str, Any]

    @staticmethod
    def _get_schema() -> str:
        return (
            "https://github.com/airflow-provider-tiktok/airflow-provider-tiktok/blob/"
            f"v{__version__}/docs/schemas/ReceiptRunFacet.json"
        )
