# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The page behind "TikTok deliveries": data for a session that may read it, and files without any.

It reads and never writes. What a user may see is decided by Airflow's auth manager, as in Airflow's own
pages: the DAGs that the user may read, and of these the XComs.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.utils.session import create_session
from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from airflow_provider_tiktok.plugins.history import History, read_history
from airflow_provider_tiktok.plugins.plain import render, render_failure
from airflow_provider_tiktok.plugins.summary import Filter, summarise

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'self'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
MAX_DAYS = 366

Days = Annotated[int, Query(ge=1, le=MAX_DAYS)]
Text = Annotated[str | None, Query(max_length=300)]
Limit = Annotated[int, Query(ge=1, le=500)]
Offset = Annotated[int, Query(ge=0, le=1_000_000)]


def make_app(*, base: str) -> FastAPI:
    """The page's application.

    :param base: the path that Airflow itself is served under.
    """
    app = FastAPI(title="TikTok deliveries", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/deliveries.json")
    def deliveries_as_json(
        user: GetUserDep,
        response: Response,
        days: Days = 30,
        dag_id: Text = None,
        destination: Text = None,
        outcome: Text = None,
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> dict[str, Any]:
        response.headers.update(HEADERS)
        wanted = Filter(destination=destination or None, outcome=outcome or None)
        return summarise(_history(user, days, dag_id), wanted=wanted, offset=offset, limit=limit)

    @app.get("/deliveries")
    def deliveries_as_page(
        user: GetUserDep,
        days: Days = 30,
        dag_id: Text = None,
        destination: Text = None,
        outcome: Text = None,
        offset: Offset = 0,
    ) -> HTMLResponse:
        asked = {"days": days, "dag_id": dag_id, "destination": destination, "outcome": outcome}
        wanted = Filter(destination=destination or None, outcome=outcome or None)
        told = summarise(_history(user, days, dag_id), wanted=wanted, offset=offset, limit=100)
        return HTMLResponse(render(told, asked=asked, offset=offset, base=base), headers=HEADERS)

    async def answer_failure(request: Request, error: Exception) -> Response:
        status = getattr(error, "status_code", 422 if isinstance(error, RequestValidationError) else 500)
        if request.url.path.endswith("/deliveries"):
            return HTMLResponse(render_failure(status, base=base), status_code=status, headers=HEADERS)
        return JSONResponse({"detail": HTTPStatus(status).phrase}, status_code=status)

    for kind in (HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, answer_failure)

    # Public, as all static files of Airflow's plugins are: code and icons, no data.
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    return app


def _history(user: Any, days: int, dag_id: str | None) -> History:
    """What this user may see.

    :raises HTTPException: the user may read no XCom at all, or not this DAG.
    """
    manager = get_auth_manager()
    may_read = manager.is_authorized_dag(method="GET", access_entity=DagAccessEntity.XCOM, user=user)
    dag_ids = manager.get_authorized_dag_ids(user=user, method="GET") if may_read else set()
    if not may_read or (dag_id and dag_id not in dag_ids):
        raise HTTPException(403, "Forbidden")
    with create_session(scoped=False) as session:
        return read_history(
            session,
            dag_ids=dag_ids,
            since=datetime.now(UTC) - timedelta(days=days),
            dag_id=dag_id or None,
            with_assets=manager.is_authorized_asset(method="GET", user=user),
        )
