# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""TikTok's API in words: one method for each call, plain values in and out.

The room knows paths, parameters and the shape of answers. It refuses to know what is in an event, how
batches are made, and how requests are repeated.

Source: TikTok API for Business (v1.3), "Report events", "Get pixels", "Get pixel event statistics", "Get
offline event sets", "Get CRM event sets", "Get apps", "Get user info", "Get authorized ad accounts", read
2026-11.
"""

from __future__ import annotations

import random as random_module
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import islice
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import structs

from airflow_provider_tiktok.conversions.answers import Answer, Verdict
from airflow_provider_tiktok.conversions.errors import (
    ConfigurationError,
    ConversionsError,
    ProtocolError,
    RequestError,
)
from airflow_provider_tiktok.conversions.events import EventSource
from airflow_provider_tiktok.conversions.http import (
    Exchange,
    HttpRequest,
    Pace,
    Random,
    RetryPolicy,
    Transport,
    Wait,
    exchange,
    wait_unstopped,
)
from airflow_provider_tiktok.conversions.tiktok.payload import make_frame
from airflow_provider_tiktok.conversions.tiktok.probe import Finding, Probe, judge, read_finding
from airflow_provider_tiktok.conversions.tiktok.return_codes import Classifier, echoes_of, read_body

BASE_URL = "https://business-api.tiktok.com"

MAX_EVENTS = 1000
"""Events in one request; TikTok refuses a request with more of them whole."""

MAX_PIXELS_PER_PAGE = 20
MAX_STATS_PIXELS = 10
MAX_STATS_DAYS = 30

PixelOrder = Literal["EARLIEST_CREATE", "LATEST_CREATE"]

# A path without its last slash answers 404.
_PATHS: Mapping[str, str] = {
    "event/track": "/open_api/v1.3/event/track/",
    "pixel/list": "/open_api/v1.3/pixel/list/",
    "pixel/event/stats": "/open_api/v1.3/pixel/event/stats/",
    "offline/get": "/open_api/v1.3/offline/get/",
    "crm/list": "/open_api/v1.3/crm/list/",
    "app/list": "/open_api/v1.3/app/list/",
    "user/info": "/open_api/v1.3/user/info/",
    "oauth2/advertiser/get": "/open_api/v1.3/oauth2/advertiser/get/",
}


class TikTokClient:
    """Asks TikTok on behalf of one token. Safe to share between threads if the transport is.

    Every method raises the errors of ``http.exchange``; a call that only reads also raises
    ``ConfigurationError`` where TikTok calls a parameter wrong, and ``ProtocolError`` where the answer has
    not the shape it should have.

    :param access_token: of a developer app, or made in Events Manager.
    :param transport: sends; closed by whoever made it.
    :param pace: of all requests of the task; ``None``: each request for itself.
    """

    def __init__(
        self,
        access_token: str,
        *,
        base_url: str = BASE_URL,
        transport: Transport,
        policy: RetryPolicy | None = None,
        pace: Pace | None = None,
        wait: Wait = wait_unstopped,
        random: Random = random_module.random,
    ) -> None:
        if not access_token.strip():
            raise ConfigurationError("Put the access token into the connection: it is empty.")
        self._access_token = access_token
        self._base_url = _check_base_url(base_url)
        self._transport = transport
        self._policy = policy
        self._pace = pace
        self._wait = wait
        self._random = random

    def __repr__(self) -> str:
        return f"TikTokClient({urlsplit(self._base_url).hostname})"

    @property
    def address(self) -> str:
        """Which API this is: one for production, another for each simulator."""
        return self._base_url

    # ------------------------------------------------------------------------------------ sending

    def track(
        self,
        events: Sequence[bytes],
        *,
        event_source: EventSource,
        event_source_id: str,
        test_event_code: str | None = None,
        partner_name: str | None = None,
    ) -> Answer:
        """TikTok's answer to a batch of encoded events, each of which leaves with the bytes it has.

        :param events: 1 to 1,000 items of ``data``, in UTF-8 JSON.
        :returns: accepted, partial or payload.
        """
        if not 1 <= len(events) <= MAX_EVENTS:
            raise ConfigurationError(
                f"Send 1 to {MAX_EVENTS:,} events in a request to TikTok, not {len(events):,}."
            )
        frame = make_frame(
            event_source=event_source,
            event_source_id=event_source_id,
            test_event_code=test_event_code,
            partner_name=partner_name,
        )
        return self._post("event/track", frame.wrap(events), n_events=len(events))

    def ask_to_send(self, pixel_code: str) -> Answer:
        """TikTok's answer to a request for a web pixel that holds no event: whether the token may send.

        :returns: accepted or payload (the list is empty); neither refuses the token.
        :raises AuthorizationError: the token may not send to this pixel.
        """
        body = make_frame(event_source="web", event_source_id=pixel_code).wrap(())
        return self._post("event/track", body, n_events=0)

    # ------------------------------------------------------------------------------------ reading

    def list_pixels(
        self,
        advertiser_id: str,
        *,
        code: str | None = None,
        name: str | None = None,
        pixel_id: str | None = None,
        order_by: PixelOrder | None = None,
        available_for_catalog_only: bool | None = None,
        page_size: int = MAX_PIXELS_PER_PAGE,
    ) -> Iterator[dict[str, Any]]:
        """The advertiser's pixels, of all pages; a page is asked for when it is needed.

        ``activity_status`` is in no documentation and may be absent. ``events`` lags by two to four hours.

        :param code: exact pixel code.
        :param name: part of the pixel's name.
        :param page_size: 1 to 20.
        """
        if not 1 <= page_size <= MAX_PIXELS_PER_PAGE:
            raise ConfigurationError(f"Set page_size to 1 to {MAX_PIXELS_PER_PAGE}.")
        only_catalog = available_for_catalog_only
        params = {
            "advertiser_id": _check_id(advertiser_id, "advertiser_id"),
            "code": code,
            "name": name,
            "pixel_id": pixel_id,
            "order_by": order_by,
            "filtering": None if only_catalog is None else {"available_for_catalog_only": only_catalog},
            "page_size": page_size,
        }
        return self._all_pages("pixel/list", params, key="pixels")

    def pixel_event_stats(
        self, advertiser_id: str, *, pixel_ids: Sequence[str], start_date: date, end_date: date
    ) -> list[dict[str, Any]]:
        """How many events TikTok counted for each pixel, by kind of event.

        :param pixel_ids: 1 to 10 pixel ids, which are not pixel codes.
        :param start_date: first day, in UTC.
        :param end_date: last day, in UTC; at most 30 days in all.
        """
        if not 1 <= len(pixel_ids) <= MAX_STATS_PIXELS:
            raise ConfigurationError(f"Give 1 to {MAX_STATS_PIXELS} ids as pixel_ids.")
        if not 1 <= (end_date - start_date).days + 1 <= MAX_STATS_DAYS:
            raise ConfigurationError(f"Ask for 1 to {MAX_STATS_DAYS} days, the first not after the last.")
        params = {
            "advertiser_id": _check_id(advertiser_id, "advertiser_id"),
            "pixel_ids": list(pixel_ids),
            "date_range": {"start_date": f"{start_date:%Y-%m-%d}", "end_date": f"{end_date:%Y-%m-%d}"},
        }
        return self._list("pixel/event/stats", params, key="list")

    def offline_event_sets(
        self, advertiser_id: str, *, event_set_ids: Sequence[str] = (), name: str | None = None
    ) -> list[dict[str, Any]]:
        """The advertiser's offline event sets; without ids and name, all of them."""
        params = _event_set_params(advertiser_id, event_set_ids, name)
        return self._list("offline/get", params, key="event_set_list")

    def crm_event_sets(
        self, advertiser_id: str, *, event_set_ids: Sequence[str] = (), name: str | None = None
    ) -> list[dict[str, Any]]:
        """The advertiser's CRM event sets; without ids and name, all of them.

        :param event_set_ids: at most 50.
        :param name: the whole name.
        """
        params = _event_set_params(advertiser_id, event_set_ids, name)
        return self._list("crm/list", params, key="crm_event_sets")

    def apps(self, advertiser_id: str) -> list[dict[str, Any]]:
        """The advertiser's apps; ``tiktok_apps[].tiktok_app_id`` is the source id of app events."""
        return self._list(
            "app/list", {"advertiser_id": _check_id(advertiser_id, "advertiser_id")}, key="apps"
        )

    def user_info(self) -> dict[str, Any]:
        """The account that the token belongs to. A token that may only send is refused here."""
        return self._get("user/info", {})

    def advertisers(self, app_id: str, *, secret: str) -> list[dict[str, Any]]:
        """The advertisers that a developer app's token reaches.

        :param secret: of the app. It travels in the query, as TikTok wants it, and is shown nowhere.
        """
        params = {"app_id": _check_id(app_id, "app_id"), "secret": _check_id(secret, "secret")}
        return self._list("oauth2/advertiser/get", params, key="list")

    # ------------------------------------------------------------------------------------ probing

    def probe(self, advertiser_id: str | None = None, pixel_code: str | None = None) -> Probe:
        """What can be said of the token without sending an event.

        Asks no more once the token is refused, or TikTok does not answer.

        :param advertiser_id: ``None`` leaves out whether the pixel is the advertiser's.
        :param pixel_code: ``None`` leaves out everything about the pixel.
        """
        findings: list[Finding] = []
        for find in (self._probe_user, self._probe_pixel, self._probe_sending):
            finding = find(advertiser_id, pixel_code)
            if finding is not None:
                findings.append(finding)
            if finding is not None and (finding.refutes or finding.is_silent):
                break
        return judge(findings)

    def _probe_user(self, _: str | None, __: str | None) -> Finding:
        try:
            self.user_info()
        except ConversionsError as error:
            return _finding_of("user/info", error)
        return read_finding("user/info", 0)

    def _probe_pixel(self, advertiser_id: str | None, pixel_code: str | None) -> Finding | None:
        if not advertiser_id or not pixel_code:
            return None
        try:
            pixels = self.list_pixels(advertiser_id, code=pixel_code)
            first_page = islice(pixels, MAX_PIXELS_PER_PAGE)
            has_pixel = any(pixel.get("pixel_code") == pixel_code for pixel in first_page)
        except ConversionsError as error:
            return _finding_of("pixel/list", error)
        return read_finding("pixel/list", 0, has_pixel=has_pixel)

    def _probe_sending(self, _: str | None, pixel_code: str | None) -> Finding | None:
        """With an empty list of events, which a token that may send is told is empty."""
        if not pixel_code:
            return None
        try:
            code = self.ask_to_send(pixel_code).code
        except ConfigurationError:  # the pixel code is refused, which says nothing of the token
            code = None
        except ConversionsError as error:
            return _finding_of("event/track", error)
        return read_finding("event/track", code)

    # ------------------------------------------------------------------------------ one exchange

    def _post(self, call: str, body: bytes, *, n_events: int) -> Answer:
        request = HttpRequest(
            method="POST",
            url=self._base_url + _PATHS[call],
            headers={"Access-Token": self._access_token, "Content-Type": "application/json"},
            body=body,
        )
        classify = Classifier(n_events=n_events, echoes=echoes_of(request))
        return self._exchange(request, classify).answer

    def _get(self, call: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The ``data`` of an answer."""
        request = HttpRequest(
            method="GET",
            url=self._base_url + _PATHS[call],
            headers={"Access-Token": self._access_token},
            params=tuple((name, _as_text(value)) for name, value in params.items() if value is not None),
        )
        settled = self._exchange(request, Classifier(echoes=echoes_of(request)))
        _require_success(call, settled.answer)
        data = read_body(settled.reply).get("data")
        if not isinstance(data, dict):
            raise _misshapen(call, "data", settled.answer.request_id)
        return data

    def _list(self, call: str, params: Mapping[str, Any], *, key: str) -> list[dict[str, Any]]:
        return _read_list(call, self._get(call, params), key=key)

    def _all_pages(self, call: str, params: Mapping[str, Any], *, key: str) -> Iterator[dict[str, Any]]:
        page, last_page = 1, 1
        while page <= last_page:
            data = self._get(call, {**params, "page": page})
            items = _read_list(call, data, key=key)
            yield from items
            last_page = _read_last_page(call, data) if items else 0
            page += 1

    def _exchange(self, request: HttpRequest, classify: Classifier) -> Exchange:
        return exchange(
            request,
            transport=self._transport,
            classify=classify,
            policy=self._policy,
            pace=self._pace,
            wait=self._wait,
            random=self._random,
        )


# --------------------------------------------------------------------------------------- single values


def _check_base_url(base_url: str) -> str:
    if not base_url.startswith(("https://", "http://")):
        raise ConfigurationError("Write the base URL with https:// at its start.")
    return base_url.rstrip("/")


def _check_id(text: str, name: str) -> str:
    if not text.strip():
        raise ConfigurationError(f"Give {name}: it is empty.")
    return text


def _event_set_params(advertiser_id: str, event_set_ids: Sequence[str], name: str | None) -> dict[str, Any]:
    return {
        "advertiser_id": _check_id(advertiser_id, "advertiser_id"),
        "event_set_ids": list(event_set_ids) or None,
        "name": name,
    }


def _as_text(value: Any) -> str:
    """A query parameter: lists and objects travel as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _require_success(call: str, answer: Answer) -> None:
    """Only ``code`` 0 lets a reading go on."""
    if answer.verdict is Verdict.ACCEPTED:
        return
    hint = answer.hint or "Check the arguments of this call."
    text = f"{hint} {call}: code {answer.code}: {answer.message}"
    if answer.verdict is Verdict.PAYLOAD:
        raise ConfigurationError(
            text, code=answer.code, request_id=answer.request_id, attempts=answer.attempts
        )
    raise ProtocolError(
        text,
        code=answer.code,
        request_id=answer.request_id,
        http_status=answer.http_status,
        attempts=answer.attempts,
    )


def _read_list(call: str, data: Mapping[str, Any], *, key: str) -> list[dict[str, Any]]:
    """The list under a key; ``null`` is an empty one, absence is none."""
    items = data.get(key, ...)
    if items is None:
        return []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise _misshapen(call, f"data.{key}")
    return items


def _read_last_page(call: str, data: Mapping[str, Any]) -> int:
    page_info = data.get("page_info")
    last_page = page_info.get("total_page") if isinstance(page_info, dict) else None
    if type(last_page) is not int:
        raise _misshapen(call, "data.page_info.total_page")
    return last_page


def _misshapen(call: str, path: str, request_id: str | None = None) -> ProtocolError:
    return ProtocolError(
        f"Try again later: the answer to {call} has not the documented shape at {path}.",
        code=0,
        request_id=request_id,
    )


def _finding_of(call: str, error: ConversionsError) -> Finding:
    """What a call that failed shows."""
    finding = read_finding(call, getattr(error, "code", None))
    is_silent = isinstance(error, RequestError) and error.http_status is None
    why = str(error).split(". ")[0] if is_silent else ""
    return structs.replace(finding, is_silent=is_silent, why=why)
