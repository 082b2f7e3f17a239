# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What is told of a finished delivery besides its receipt: the asset that the upload updated.

Telling must not undo a delivery: the events are sent, and a task that failed here would send them again. So
what fails here is a line in the log.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import Asset, AssetAlias
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_1_PLUS

from airflow_provider_tiktok.assets.tiktok import EVENT_SOURCES, create_asset, make_uri

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

log = logging.getLogger(__name__)

_IS_AIRFLOW_2 = not hasattr(Asset, "ref")

RECEIPT_SCHEMA = "tiktok-receipt/1"
"""Under ``schema`` in what is kept of a receipt: by it a receipt is known among other values of that name."""


def make_outlets(event_source: Any, event_source_id: Any, *, is_declared: bool) -> list[Any]:
    """The outlets of a task that uploads to this event source.

    :param event_source_id: as the DAG's author wrote it: ``None``, a template or the id itself.
    :param is_declared: whether the asset itself is declared where its id is known. Otherwise an alias
        stands in its place, and is resolved when the task has run.
    """
    if event_source not in EVENT_SOURCES:
        return []  # the task will refuse it, with a clear error
    if is_declared and _is_literal(event_source_id):
        return [create_asset(event_source=event_source, event_source_id=event_source_id)]
    return [AssetAlias(f"tiktok_{event_source}_uploads")]


def report_asset(context: Context, *, outlets: Sequence[Any], told: Mapping[str, Any]) -> None:
    """Let the upload's asset know of it, with the receipt's counts.

    :param outlets: of the task.
    :param told: the receipt, with where it went.
    """
    events = context.get("outlet_events")
    event_source, source_id = told.get("event_source"), told.get("event_source_id")
    if events is None or not event_source or not source_id:
        return
    uri = make_uri(event_source=event_source, event_source_id=source_id)
    try:
        _report(events, uri=uri, outlets=outlets, extra=counts_of(told))
    except Exception as error:
        log.warning("The upload to %s is not reported as an asset event (%s).", uri, type(error).__name__)


def counts_of(told: Mapping[str, Any]) -> dict[str, Any]:
    """What an asset event holds of a receipt: everything but what only this run needs."""
    left_out = ("request_ids", "resumed_from")
    return {name: value for name, value in told.items() if name not in left_out}


def _report(events: Any, *, uri: str, outlets: Sequence[Any], extra: dict[str, Any]) -> None:
    for outlet in outlets:
        if isinstance(outlet, Asset) and outlet.uri == uri:
            events[outlet].extra = extra
            return
    for outlet in outlets:
        if isinstance(outlet, AssetAlias) and outlet.name.startswith("tiktok_") and _takes_events(outlet):
            _add(events[outlet], Asset(uri=uri), extra=extra)
            log.info("Reported: asset %s was updated.", uri)
            return


def _add(accessor: Any, asset: Any, *, extra: dict[str, Any]) -> None:
    """Report under the name that some DAG gave the address already; else the address is the name."""
    told = extra if AIRFLOW_V_3_1_PLUS else _plain_values(extra)
    if _IS_AIRFLOW_2:
        accessor.add(asset, extra=told)
        return
    try:
        accessor.add(type(asset).ref(uri=asset.uri), told)
    except Exception:
        log.debug("No DAG knows %s yet.", asset.uri)
        accessor.add(asset, extra=told)


def _takes_events(alias: Any) -> bool:
    """Whether an event through the alias can be stored; in Airflow 2 it fails the task where it cannot.

    The scheduler of Airflow 2 stores the aliases of all DAGs; ``dag.test()`` stores none.
    """
    if not _IS_AIRFLOW_2:
        return True
    from airflow.models.dataset import DatasetAliasModel  # type: ignore[import-not-found]
    from airflow.utils.session import create_session

    with create_session() as session:
        return bool(session.query(DatasetAliasModel).filter_by(name=alias.name).count())


def _plain_values(extra: dict[str, Any]) -> dict[str, Any]:
    """The extra without its lists and dicts.

    Airflow before 3.1 puts what comes through an alias into a set, 3.0 on its server: any other value fails
    the task after its upload.
    """
    return {name: value for name, value in extra.items() if not isinstance(value, dict | list | tuple)}


def _is_literal(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and "{{" not in value and "{%" not in value
