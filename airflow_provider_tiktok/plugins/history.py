# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What Airflow's database knows of deliveries, for one user: receipts in XCom, and what outlives them.

A receipt in XCom is gone as soon as its task is cleared. The asset event that its upload left is not, and
holds its counts. Whoever may write XCom may write anything under the key of receipts: what has not exactly
their shape is not shown.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec
from airflow.models.asset import AssetEvent, AssetModel
from airflow.models.xcom import XComModel
from msgspec import Struct
from sqlalchemy import Text, cast, select

from airflow_provider_tiktok.operators.base import RECEIPT_KEY
from airflow_provider_tiktok.sensors.tiktok import COUNTED_KEY
from airflow_provider_tiktok.task.assets import RECEIPT_SCHEMA

MAX_READ = 5000
"""How many of the newest receipts a page is made of."""


class Finding(Struct, frozen=True):
    """One rule of a receipt."""

    rule: str
    count: int
    remedy: str = ""


class Receipt(Struct, frozen=True):
    """What a page shows of a receipt."""

    schema: str
    destination: str
    read: int
    accepted: int
    rejected: int
    skipped: int
    unconfirmed: int
    undelivered: int
    is_complete: bool = True
    is_test: bool = False
    is_demo: bool = False
    event_source: str | None = None
    event_source_id: str | None = None
    stopped_by: str | None = None
    violations: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()
    dropped: tuple[Finding, ...] = ()
    eligible: int = 0
    match_keys: dict[str, int] = {}
    requests: int = 0
    retries: int = 0
    seconds: float = 0.0
    dead_letters: int = 0
    dead_letter_path: str | None = None


class Delivery(Struct, frozen=True, kw_only=True):
    """A receipt with the try that it is of.

    :param at: when it was written.
    :param is_former: whether its task has been cleared or tried again since.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    at: datetime
    receipt: Receipt
    is_former: bool = False

    @property
    def task(self) -> tuple[str, str, str, int]:
        """What all tries of the task share."""
        return (self.dag_id, self.run_id, self.task_id, self.map_index)


class Counted(Struct, frozen=True, kw_only=True):
    """What a sensor saw TikTok count.

    :param pixel_code: ``None`` where the sensor was given the pixel's number.
    """

    dag_id: str
    run_id: str
    at: datetime
    pixel_code: str | None
    server_events: int
    first_day: str
    last_day: str


class History(Struct, frozen=True, kw_only=True):
    """What a page is made of.

    :param deliveries: newest first.
    :param n_elsewhere: values that a custom XCom backend keeps elsewhere.
    :param is_cut: whether there are more than are read.
    """

    deliveries: list[Delivery]
    counted: list[Counted]
    dag_ids: list[str]
    n_elsewhere: int
    is_cut: bool


def read_history(
    session: Any,
    *,
    dag_ids: Collection[str],
    since: datetime,
    dag_id: str | None = None,
    with_assets: bool = True,
    limit: int = MAX_READ,
) -> History:
    """The deliveries of these DAGs.

    :param dag_ids: those that the user may read.
    :param dag_id: only of this one.
    :param with_assets: whether the user may read asset events.
    """
    wanted = [name for name in dag_ids if dag_id is None or name == dag_id]
    rows = _xcoms(session, key=RECEIPT_KEY, dag_ids=wanted, since=since, limit=limit)
    read = [(row, read_receipt(row.value)) for row in rows]
    current = [_delivery(row, receipt) for row, receipt in read if receipt is not None]
    events = _asset_events(session, dag_ids=wanted, since=since, limit=limit) if with_assets else []
    deliveries = [*current, *_former(events, current)]
    deliveries.sort(key=lambda delivery: delivery.at, reverse=True)
    return History(
        deliveries=deliveries[:limit],
        counted=list(_counted(_xcoms(session, key=COUNTED_KEY, dag_ids=wanted, since=since, limit=limit))),
        dag_ids=_dag_ids(session, dag_ids=dag_ids, since=since),
        n_elsewhere=sum(receipt is None and is_elsewhere(row.value) for row, receipt in read),
        is_cut=len(rows) == limit or len(deliveries) > limit,
    )


def read_receipt(value: Any) -> Receipt | None:
    """The receipt, if the value is one: the key is a common word.

    :param value: JSON text, or JSON text within JSON text, as some of Airflow's versions keep it.
    """
    try:
        if isinstance(value, str) and value.startswith('"'):
            value = msgspec.json.decode(value, type=str)
        receipt = msgspec.json.decode(value, type=Receipt)
    except (msgspec.MsgspecError, UnicodeError, TypeError):
        return None
    return receipt if receipt.schema == RECEIPT_SCHEMA else None


def is_elsewhere(value: Any) -> bool:
    """Whether the value is what a custom XCom backend leaves in the place of another."""
    try:
        inner = json.loads(value)
        return isinstance(inner, str) and not isinstance(json.loads(inner), dict)
    except (ValueError, TypeError):
        return isinstance(value, str)


# Values are asked for as text: to take from it what a page shows is many times quicker than to decode it all.


def _xcoms(session: Any, *, key: str, dag_ids: Collection[str], since: datetime, limit: int) -> list[Any]:
    x = XComModel
    query = (
        select(x.dag_id, x.run_id, x.task_id, x.map_index, x.timestamp, cast(x.value, Text).label("value"))
        .where(x.key == key, x.dag_id.in_(dag_ids), x.timestamp >= since)
        .order_by(x.timestamp.desc())
        .limit(limit)
    )
    return list(session.execute(query))


def _dag_ids(session: Any, *, dag_ids: Collection[str], since: datetime) -> list[str]:
    x = XComModel
    query = select(x.dag_id).where(x.key == RECEIPT_KEY, x.dag_id.in_(dag_ids), x.timestamp >= since)
    return sorted(session.scalars(query.distinct()))


def _asset_events(session: Any, *, dag_ids: Collection[str], since: datetime, limit: int) -> list[Any]:
    e = AssetEvent
    source = (e.source_dag_id, e.source_run_id, e.source_task_id, e.source_map_index)
    query = (
        select(*source, e.timestamp, cast(e.extra, Text).label("extra"))
        .join(AssetModel, AssetModel.id == e.asset_id)
        .where(AssetModel.uri.startswith("tiktok://"), e.source_dag_id.in_(dag_ids), e.timestamp >= since)
        .order_by(e.timestamp.desc())
        .limit(limit)
    )
    return list(session.execute(query))


def _delivery(row: Any, receipt: Receipt) -> Delivery:
    return Delivery(
        dag_id=row.dag_id,
        run_id=row.run_id,
        task_id=row.task_id,
        map_index=row.map_index,
        at=row.timestamp,
        receipt=receipt,
    )


def _former(events: Iterable[Any], current: Iterable[Delivery]) -> Iterator[Delivery]:
    """What asset events tell of tries whose receipt is gone; an event comes after the receipt of its try."""
    written_at = {delivery.task: delivery.at for delivery in current}
    for event in events:
        index = -1 if event.source_map_index is None else event.source_map_index
        task = (event.source_dag_id, event.source_run_id, event.source_task_id, index)
        receipt = read_receipt(event.extra)
        if receipt is None or None in task or (task in written_at and event.timestamp >= written_at[task]):
            continue
        dag_id, run_id, task_id, map_index = task
        yield Delivery(
            dag_id=dag_id,
            run_id=run_id,
            task_id=task_id,
            map_index=map_index,
            at=event.timestamp,
            receipt=receipt,
            is_former=True,
        )


def _counted(rows: Iterable[Any]) -> Iterator[Counted]:
    for row in rows:
        try:
            told = json.loads(row.value)
            told = json.loads(told) if isinstance(told, str) else told
            known = {"dag_id": row.dag_id, "run_id": row.run_id, "at": row.timestamp}
            yield msgspec.convert({**told, **known}, type=Counted)
        except (ValueError, TypeError):
            continue
