# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""How long the page "TikTok deliveries" keeps the server busy with 5,000 receipts, beside the bare query."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

N_RECEIPTS = 5000
N_DAGS = 40
ROUNDS = 5


def main() -> None:
    """Print the figures."""
    from airflow.models import import_all_models
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.models.xcom import XComModel
    from sqlalchemy import Text, cast, create_engine, select
    from sqlalchemy.orm import Session

    import tests.conftest  # noqa: F401  # a home of its own for Airflow
    from airflow_provider_tiktok.plugins.history import read_history
    from airflow_provider_tiktok.plugins.summary import Filter, summarise

    import_all_models()  # the tables refer to others
    engine = create_engine("sqlite://")
    for model in (XComModel, AssetModel, AssetEvent):
        model.__table__.create(engine)
    dag_ids = {f"shop_{number}" for number in range(N_DAGS)}
    since = datetime.now(UTC) - timedelta(days=30)
    with Session(engine) as session:
        session.add_all(_receipts(XComModel, since))
        session.commit()
        session.expunge_all()
        x = XComModel
        wanted = (x.key == "receipt", x.dag_id.in_(dag_ids), x.timestamp >= since)
        bare = select(x.dag_id, cast(x.value, Text)).where(*wanted).order_by(x.timestamp.desc())

        def open_page() -> dict[str, Any]:
            history = read_history(session, dag_ids=dag_ids, since=since)
            return summarise(history, wanted=Filter(), offset=0, limit=100)

        query_s = _fastest(lambda: session.execute(bare).all())
        page_s = _fastest(open_page)
        assert open_page()["total"] == N_RECEIPTS
    print(f"deliveries page, {N_RECEIPTS:,} receipts: {page_s:.3f} s, bare query {query_s:.3f} s", end="")
    print(f", ratio {page_s / query_s:.1f}")
    if page_s > 1:
        sys.exit("The page takes more than a second.")


def _receipts(model: Any, since: datetime) -> list[Any]:
    findings = [
        {
            "rule": f"properties.field_{n}: not_a_number",
            "count": n,
            "rows": [1, 2, 3, 4, 5],
            "remedy": "Give one." * 9,
        }
        for n in range(5)
    ]
    receipt = {
        "schema": "tiktok-receipt/1",
        "destination": "TikTok",
        "event_source": "web",
        "event_source_id": "C0000000000000000001",
        **dict.fromkeys(
            ("rows", "read", "accepted", "rejected", "skipped", "unconfirmed", "undelivered"), 100
        ),
        "violations": findings,
        "warnings": findings,
        "dropped": findings,
        "eligible": 100,
        "match_keys": dict.fromkeys(
            ("email", "phone", "external_id", "ip", "user_agent", "ttclid", "ttp"), 50
        ),
        "event_names": {"Purchase": 90, "AddToCart": 10},
        "request_ids": ["20261127071929000000000000000000"] * 10,
    }
    return [
        model(
            dag_run_id=number,
            dag_id=f"shop_{number % N_DAGS}",
            run_id=f"scheduled__{number}",
            task_id="upload",
            map_index=-1,
            key="receipt",
            value=receipt,
            timestamp=since + timedelta(minutes=8 * number + 1),
        )
        for number in range(N_RECEIPTS)
    ]


def _fastest(call: Callable[[], Any]) -> float:
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


if __name__ == "__main__":
    main()
