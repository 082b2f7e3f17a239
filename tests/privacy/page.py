# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What the page "TikTok deliveries" answers about a DAG, made from Airflow's database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

_ASKED = {"days": 1, "dag_id": None, "destination": None, "outcome": None}


def shown_on_page(database: Path, *, dag_id: str) -> Iterator[tuple[str, bytes]]:
    """The answers of both endpoints."""
    from sqlalchemy import create_engine
    from sqlalchemy.orm import Session

    from airflow_provider_tiktok.plugins.history import read_history
    from airflow_provider_tiktok.plugins.plain import render
    from airflow_provider_tiktok.plugins.summary import Filter, summarise

    engine = create_engine(f"sqlite:///{database}")
    since = datetime.now(UTC) - timedelta(days=1)
    with Session(engine) as session:
        history = read_history(session, dag_ids={dag_id}, since=since, dag_id=dag_id, with_assets=True)
    engine.dispose()
    told = summarise(history, wanted=Filter(), offset=0, limit=100)
    yield "page: JSON", json.dumps(told).encode()
    yield "page: HTML", render(told, asked=_ASKED, offset=0, base="").encode()
