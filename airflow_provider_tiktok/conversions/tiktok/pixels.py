# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Whether a pixel is what somebody waits for: there, usable, active, with enough events counted.

The room asks once and says what it saw; when to ask again is not its business.

Source: TikTok API for Business (v1.3), "Get pixels" and "Get pixel event statistics", read 2026-11. That
``activity_status`` is ``ACTIVE`` or ``NO_RECENT_ACTIVITY``, and that the latter means seven days without an
event, stands in no documentation of the call; so what is not one of the two is decided by the counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

from msgspec import Struct

from airflow_provider_tiktok.conversions.answers import Verdict
from airflow_provider_tiktok.conversions.errors import (
    AuthorizationError,
    ConfigurationError,
    ConversionsError,
    ProtocolError,
)
from airflow_provider_tiktok.conversions.event_names import OTHERS, TELLABLE_NAME
from airflow_provider_tiktok.conversions.tiktok.client import MAX_STATS_DAYS, TikTokClient
from airflow_provider_tiktok.conversions.tiktok.probe import TOKEN_REFUSED
from airflow_provider_tiktok.conversions.tiktok.return_codes import find

RECENT_DAYS = 7
SLOW_S = 300.0
"""Seconds to wait where a return code asks for minutes and the server names no time."""

_IS_ACTIVE: Mapping[Any, bool] = {"ACTIVE": True, "NO_RECENT_ACTIVITY": False}
_SERVER_COUNT = "server_event_total_count"
_NAMES = ("pixel_event_type", "custom_event_type")


class Sighting(Struct, frozen=True, kw_only=True):
    """What one look saw.

    :param is_done: whether it is what was waited for.
    :param told: in words, for logs.
    :param facts: in plain JSON, for other tasks.
    """

    is_done: bool
    told: str
    facts: Mapping[str, Any] = {}


class PixelWatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A pixel that shall be there, usable with this token and, where asked for, active.

    :param pixel_code: ``None`` where ``pixel_id`` says which pixel.
    :param require_active: whether it must have had an event lately.
    :param check_sending: whether the token must be allowed to send to it, which a request without an event
        shows.
    """

    advertiser_id: str
    pixel_code: str | None = None
    pixel_id: str | None = None
    require_active: bool = False
    check_sending: bool = True

    def __post_init__(self) -> None:
        _require_pixel(self.pixel_code, self.pixel_id)

    def look(self, client: TikTokClient, *, today: date) -> Sighting:
        """What TikTok shows of the pixel now.

        :param today: in UTC.
        """
        pixel = find_pixel(client, self.advertiser_id, pixel_code=self.pixel_code, pixel_id=self.pixel_id)
        if pixel is None:
            return Sighting(is_done=False, told=f"{self._name} is not among the advertiser's pixels")
        facts = {
            name: pixel.get(name) for name in ("pixel_code", "pixel_id", "pixel_name", "activity_status")
        }
        told = f"{self._name} is there"
        if self.require_active:
            is_active, said, more = judge_activity(client, self.advertiser_id, pixel=pixel, today=today)
            told, facts = f"{told}, {said}", {**facts, **more}
            if not is_active:
                return Sighting(is_done=False, told=told, facts=facts)
        if self.check_sending:
            client.ask_to_send(_text(pixel, "pixel_code"))
            told += "; the token may send to it"
        return Sighting(is_done=True, told=told, facts=facts)

    @property
    def _name(self) -> str:
        return f"pixel {self.pixel_code or self.pixel_id}"


class EventsWatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Server events of a pixel that TikTok shall have counted.

    :param pixel_code: ``None`` where ``pixel_id`` says which pixel, which saves a request at each look.
    :param first_day: in UTC.
    :param last_day: in UTC, at most 30 days in all; ``None``: the day of the look, and the thirtieth at most.
    :param event_type: only this kind, by the name that TikTok's statistics have for it; ``None``: all.
    """

    advertiser_id: str
    first_day: date
    last_day: date | None = None
    pixel_code: str | None = None
    pixel_id: str | None = None
    event_type: str | None = None
    min_events: int = 1

    def __post_init__(self) -> None:
        _require_pixel(self.pixel_code, self.pixel_id)
        if self.min_events < 1:
            raise ConfigurationError("Set min_events to at least 1.")
        if self.last_day is not None and not 1 <= (self.last_day - self.first_day).days + 1 <= MAX_STATS_DAYS:
            raise ConfigurationError(
                f"Set first_day and last_day to 1 to {MAX_STATS_DAYS} days, the first not after the last."
            )

    def look(self, client: TikTokClient, *, today: date) -> Sighting:
        """How many events TikTok has counted by now.

        :param today: in UTC.
        :raises ConfigurationError: there is no such pixel.
        """
        if self.first_day > today:
            return Sighting(is_done=False, told=f"{self.first_day} has not begun (UTC)")
        counts = count_server_events(
            client,
            self.advertiser_id,
            pixel_id=self._find_pixel_id(client),
            first_day=self.first_day,
            last_day=self._last_day(today),
        )
        counted = sum(counts.values()) if self.event_type is None else counts.get(self.event_type, 0)
        told = _told(counts, asked=self.event_type)
        return Sighting(
            is_done=counted >= self.min_events,
            told=self._say(counted, told, today=today),
            facts={"server_events": counted, "by_type": told},
        )

    def _last_day(self, today: date) -> date:
        return self.last_day or min(today, self.first_day + timedelta(days=MAX_STATS_DAYS - 1))

    def _find_pixel_id(self, client: TikTokClient) -> str:
        if self.pixel_id is not None:
            return self.pixel_id
        return _text(require_pixel(client, self.advertiser_id, pixel_code=self.pixel_code), "pixel_id")

    def _say(self, counted: int, counts: Mapping[str, int], *, today: date) -> str:
        kind = "server events" if self.event_type is None else f"server events of type {self.event_type}"
        seen = ", ".join(f"{name} {count}" for name, count in counts.items()) or "none of any type"
        days = f"{self.first_day} to {self._last_day(today)} (UTC)"
        return f"{counted} of {self.min_events} {kind} counted for {days}: {seen}"


def _told(counts: Mapping[str, int], *, asked: str | None) -> dict[str, int]:
    """The counts by name; names that may be somebody's data are counted together.

    :param asked: the name that the task gives itself.
    """
    told: Counter[str] = Counter()
    for name, count in counts.items():
        told[name if name == asked or TELLABLE_NAME.fullmatch(name) else OTHERS] += count
    return dict(told)


def find_pixel(
    client: TikTokClient, advertiser_id: str, *, pixel_code: str | None = None, pixel_id: str | None = None
) -> dict[str, Any] | None:
    """The pixel with this code and this id, as far as given; ``None`` where TikTok shows no such pixel.

    :raises AuthorizationError: the token may not list pixels, which says nothing of whether it may send.
    """
    _require_pixel(pixel_code, pixel_id)
    wanted = {"pixel_code": pixel_code, "pixel_id": pixel_id}
    with explaining_refusals():
        for pixel in client.list_pixels(advertiser_id, code=pixel_code, pixel_id=pixel_id):
            if all(value is None or str(pixel.get(name)) == value for name, value in wanted.items()):
                return pixel
    return None


def require_pixel(
    client: TikTokClient, advertiser_id: str, *, pixel_code: str | None = None, pixel_id: str | None = None
) -> dict[str, Any]:
    """The pixel.

    :raises ConfigurationError: TikTok shows no such pixel.
    """
    pixel = find_pixel(client, advertiser_id, pixel_code=pixel_code, pixel_id=pixel_id)
    if pixel is None:
        wanted = " and ".join(
            f"{name} {value}" for name, value in (("code", pixel_code), ("id", pixel_id)) if value
        )
        raise ConfigurationError(
            "Check both ids, and that the pixel is shared with the advertiser: TikTok shows this "
            f"token no pixel with {wanted} for advertiser {advertiser_id}."
        )
    return pixel


def judge_activity(
    client: TikTokClient, advertiser_id: str, *, pixel: Mapping[str, Any], today: date
) -> tuple[bool, str, dict[str, Any]]:
    """Whether a pixel had an event lately, what says so, and the figures.

    :param pixel: as TikTok lists it.
    """
    status = pixel.get("activity_status")
    if isinstance(status, str) and status in _IS_ACTIVE:
        return _IS_ACTIVE[status], f"activity_status {status}", {}
    counts = count_server_events(
        client,
        advertiser_id,
        pixel_id=_text(pixel, "pixel_id"),
        first_day=today - timedelta(days=RECENT_DAYS - 1),
        last_day=today,
    )
    counted = sum(counts.values())
    why = "no activity_status" if status is None else "an activity_status that is not known"
    said = f"{why}, so the count decides: {counted} server events in {RECENT_DAYS} days"
    return counted > 0, said, {"server_events": counted}


def count_server_events(
    client: TikTokClient, advertiser_id: str, *, pixel_id: str, first_day: date, last_day: date
) -> dict[str, int]:
    """Kind of event, as TikTok's statistics name it, to the server events counted on these days (UTC).

    :raises AuthorizationError: the token may not read statistics.
    """
    with explaining_refusals():
        pixels = client.pixel_event_stats(
            advertiser_id, pixel_ids=[pixel_id], start_date=first_day, end_date=last_day
        )
    counts: dict[str, int] = {}
    for name, count in _read_counts(pixels, pixel_id):
        counts[name] = counts.get(name, 0) + count
    return counts


@contextmanager
def explaining_refusals() -> Iterator[None]:
    """Within it, a refusal to read says that it is none to send."""
    try:
        yield
    except AuthorizationError as refusal:
        if refusal.code in TOKEN_REFUSED:
            raise
        raise AuthorizationError(
            f"{refusal} This says nothing of sending: a token made in Events Manager may send, and yet may "
            "not read pixels. Give the connection a developer app's token that may read pixels, or leave out "
            "what reads.",
            **vars(refusal),
        ) from refusal


def told_wait_s(fault: ConversionsError) -> float:
    """Seconds that TikTok asks to wait after a fault; 0 where it asks for nothing."""
    told: float | None = getattr(fault, "retry_after_s", None)
    if told is not None:
        return told
    code = getattr(fault, "code", None)
    row = None if code is None else find(code)
    return SLOW_S if row is not None and row.verdict is Verdict.RETRY_SLOWLY else 0.0


def _read_counts(pixels: Iterable[Mapping[str, Any]], pixel_id: str) -> Iterator[tuple[str, int]]:
    for pixel in pixels:
        if str(pixel.get("pixel_id")) != pixel_id:
            continue
        for row in pixel.get("statistics") or ():
            name = next((row[key] for key in _NAMES if isinstance(row, dict) and row.get(key)), None)
            count = row.get(_SERVER_COUNT) if isinstance(row, dict) else None
            if name is None or type(count) is not int:
                raise ProtocolError(
                    "Try again later: the answer to pixel/event/stats has not the documented shape at "
                    "data.list."
                )
            yield str(name), count


def _require_pixel(pixel_code: str | None, pixel_id: str | None) -> None:
    if not pixel_code and not pixel_id:
        raise ConfigurationError("Give pixel_code or pixel_id: neither is given.")


def _text(pixel: Mapping[str, Any], name: str) -> str:
    value = pixel.get(name)
    if not value or not isinstance(value, str | int):
        raise ProtocolError(
            f"Try again later: the answer to pixel/list has not the documented shape at data.pixels[].{name}."
        )
    return str(value)
