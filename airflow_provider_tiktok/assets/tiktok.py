# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""An event source of TikTok as an asset: ``tiktok://<event source>/<id>``, such as ``tiktok://web/C4A1B2``.

Airflow finds these functions by the scheme, so an address that leads nowhere fails where it is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, quote, unquote, urlsplit

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import Dataset as OpenLineageDataset
    from airflow.providers.common.compat.sdk import Asset

SCHEME = "tiktok"
EVENT_SOURCES = ("web", "app", "offline", "crm")
NAMESPACE = "tiktok"
"""Of the datasets that OpenLineage is told of."""


def make_uri(*, event_source: str, event_source_id: str) -> str:
    """The asset's address.

    :param event_source_id: pixel code, TikTok app id or event set id.
    """
    return f"{SCHEME}://{event_source}/{quote(event_source_id, safe='')}"


def create_asset(*, event_source: str, event_source_id: str, extra: dict[str, Any] | None = None) -> Asset:
    """The asset of an event source."""
    from airflow.providers.common.compat.sdk import Asset

    uri = make_uri(event_source=event_source, event_source_id=event_source_id)
    return Asset(uri=uri, extra=extra)


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """The address in the one form that all spellings of it share.

    :raises ValueError: it names no event source, or not exactly one id.
    """
    event_source, source_id = uri.netloc.lower(), uri.path.strip("/")
    if event_source not in EVENT_SOURCES or not source_id or "/" in source_id or uri.query or uri.fragment:
        raise ValueError(
            "Write the asset as tiktok://<event source>/<id>, with web, app, offline or crm as the event "
            "source: tiktok://web/PIXEL_CODE."
        )
    return uri._replace(netloc=event_source, path=f"/{source_id}")


def convert_asset_to_openlineage(asset: Asset, lineage_context: Any) -> OpenLineageDataset:
    """The asset as OpenLineage names it: namespace ``tiktok``, name ``<event source>/<id>``."""
    from airflow.providers.common.compat.openlineage.facet import Dataset

    parts = urlsplit(asset.uri)
    return Dataset(namespace=NAMESPACE, name=dataset_name(parts.netloc, unquote(parts.path.strip("/"))))


def dataset_name(event_source: str, event_source_id: str) -> str:
    """The name of an event source within the namespace."""
    return f"{event_source}/{event_source_id}"
