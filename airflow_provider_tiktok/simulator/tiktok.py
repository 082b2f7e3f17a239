# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""TikTok's side of the simulator: who may call what, and in which order a request is checked.

Order: route, method, token, quota, permission, then the endpoint's own rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_tiktok.simulator.exchange import Reply, Request
from airflow_provider_tiktok.simulator.ledger import LIVE, TEST, Booked, Ledger
from airflow_provider_tiktok.simulator.quota import Quota
from airflow_provider_tiktok.simulator.state import State
from airflow_provider_tiktok.simulator.tiktok_answers import (
    BAD_PARAMETER,
    NO_PERMISSION,
    NO_SUCH_ROUTE,
    OK,
    PARTLY_OK,
    TOKEN_EMPTY,
    TOKEN_EXPIRED,
    TOKEN_UNKNOWN,
    Refused,
    RequestIds,
    envelope,
)
from airflow_provider_tiktok.simulator.tiktok_events import Judged, judge_track
from airflow_provider_tiktok.simulator.tiktok_lists import READERS, Question, read_query

ROOT = "/open_api/"
PREFIX = f"{ROOT}v1.3/"
TRACK_PATH = f"{PREFIX}event/track/"
_METHODS = {TRACK_PATH: "POST", **dict.fromkeys(READERS, "GET")}


class TikTok:
    """Answers requests below ``/open_api/``; may be called from any thread."""

    def __init__(self, state: State, ledger: Ledger) -> None:
        """Takes the state to obey and the ledger to book into."""
        self._state = state
        self._ledger = ledger
        self._quota = Quota()
        self._request_ids = RequestIds()

    def clear(self) -> None:
        """Forgets what the quota has counted."""
        self._quota.clear()

    def answer(self, request: Request, *, partial: Mapping[str, Any] | None = None) -> Reply:
        """Gives the reply to a request.

        :param partial: the effect of a fault: these positions fail, the others are booked, the code is 20001.
        """
        request_id = self._request_ids.next(request.received_at)
        try:
            return self._admit_and_answer(request, request_id, partial)
        except Refused as refused:
            return envelope(
                request_id, code=refused.code, message=refused.message, http_status=refused.http_status
            )

    def wording(self, request: Request, effect: Mapping[str, Any]) -> Reply:
        """Gives the envelope that a fault asks for, without processing the request."""
        return envelope(
            self._request_ids.next(request.received_at),
            code=effect["code"],
            message=effect.get("message", "OK" if effect["code"] == OK else "Simulated fault"),
            data=effect.get("data"),
            http_status=effect.get("http_status", 200),
        )

    def _admit_and_answer(
        self, request: Request, request_id: str, partial: Mapping[str, Any] | None
    ) -> Reply:
        settings = self._state.snapshot["tiktok"]
        _check_route(request)
        token = _token_of(request, settings)
        self._check_quota(request, settings)
        _check_permission(request, token)
        if request.path == TRACK_PATH:
            return self._track(request, request_id, token, settings, partial)
        query = read_query(request.query, path=request.path, echo=settings["echo_values"])
        question = Question(query, token, settings, self._ledger, request.received_at)
        return envelope(request_id, data=READERS[request.path](question))

    def _check_quota(self, request: Request, settings: Mapping[str, Any]) -> None:
        if not self._quota.admits(request.path, now=request.received_at, limit=settings["qps_limit"]):
            raise Refused(settings["qps_code"], "Requests made too frequently.", settings["qps_http_status"])

    def _track(
        self,
        request: Request,
        request_id: str,
        token: Mapping[str, Any],
        settings: Mapping[str, Any],
        partial: Mapping[str, Any] | None,
    ) -> Reply:
        _check_content_type(request)
        _check_size(request, settings)
        judged = judge_track(request.body, token=token, settings=settings, now=request.received_at)
        failed = _failed_positions(judged, partial)
        booked = self._book(judged, failed, request_id, request.received_at)
        facts = _facts(judged, booked, failed)
        if partial is None:
            return envelope(request_id, facts=facts)
        base, error = partial.get("order_base", 0), partial.get("error", "Invalid event.")
        rows = [{"order_in_batch": position + base, "error": error} for position in failed]
        data = {"partial_failure": True, "failed_events": rows}
        return envelope(request_id, code=PARTLY_OK, message="Partially successful", data=data, facts=facts)

    def _book(self, judged: Judged, failed: list[int], request_id: str, now: float) -> Booked:
        settings = self._state.snapshot["ledger"]
        return self._ledger.record(
            (arrival for arrival in judged.arrivals if arrival.position not in failed),
            book=LIVE if judged.test_event_code is None else TEST,
            request_id=request_id,
            now=now,
            window_s=settings["window_s"],
            keep=settings["keep_payloads"],
        )


def _check_route(request: Request) -> None:
    method = _METHODS.get(request.path)
    if method is None:
        raise Refused(NO_SUCH_ROUTE, "Not found.", 404)
    if method != request.method:
        raise Refused(NO_SUCH_ROUTE, "Method not allowed.", 405)


def _token_of(request: Request, settings: Mapping[str, Any]) -> Mapping[str, Any]:
    text = request.headers.get("access-token", "")
    if not text.strip():
        raise Refused(
            TOKEN_EMPTY, "Access token is empty. Please set it in the http header with key Access-Token."
        )
    token: Mapping[str, Any] | None = settings["tokens"].get(text)
    if token is None:
        raise Refused(TOKEN_UNKNOWN, "Access token is incorrect.")
    if token["status"] != "active":
        raise Refused(TOKEN_EXPIRED, "Access token is expired.")
    return token


def _check_permission(request: Request, token: Mapping[str, Any]) -> None:
    needed = request.path.removeprefix(PREFIX).strip("/")
    if needed not in token["permissions"]:
        raise Refused(NO_PERMISSION, f"No permission to call {needed}.")


def _check_content_type(request: Request) -> None:
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise Refused(BAD_PARAMETER, "Invalid value for Content-Type: must be application/json.")


def _check_size(request: Request, settings: Mapping[str, Any]) -> None:
    limit = settings["max_body_bytes"]
    if len(request.body) > limit:
        message = f"Invalid request body: larger than {limit} bytes."
        raise Refused(BAD_PARAMETER, message, settings["body_limit_http_status"])


def _failed_positions(judged: Judged, partial: Mapping[str, Any] | None) -> list[int]:
    wanted = partial["positions"] if partial else []
    return [position for position in wanted if position < len(judged.arrivals)]


def _facts(judged: Judged, booked: Booked, failed: list[int]) -> Mapping[str, Any]:
    return {
        "accepted": True,
        "event_source": judged.event_source,
        "event_source_id": judged.event_source_id,
        "book": LIVE if judged.test_event_code is None else TEST,
        "events": len(judged.arrivals),
        "unique": booked.unique,
        "repeats": booked.repeats,
        "failed": len(failed),
    }
