# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What LiveRamp would refuse in an event, or drop without a word, found before it is sent.

What LiveRamp and TikTok share (id, time, amounts, currency, placeholders) is judged by ``validation``, since
the event ends at TikTok. Here stands what is LiveRamp's own: the envelope, the event types, the address that
every event must have, and that nothing in the event is an e-mail address or a telephone number.

Sources: LiveRamp, "The TikTok Events API" and "Supported parameters for TikTok Events API", read 2026-11.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from airflow_provider_tiktok.conversions import validation
from airflow_provider_tiktok.conversions.currencies import CURRENCIES
from airflow_provider_tiktok.conversions.errors import EventError
from airflow_provider_tiktok.conversions.events import PreparedEvent, Violation
from airflow_provider_tiktok.conversions.liveramp import event_types, stored_envelopes
from airflow_provider_tiktok.conversions.liveramp.payload import (
    DEVICE_KEYS,
    NOT_SENT,
    as_custom_value,
    is_advertising_id,
)
from airflow_provider_tiktok.conversions.liveramp.privacy import find_personal
from airflow_provider_tiktok.conversions.validation import ChosenChecks, TimeRules
from airflow_provider_tiktok.conversions.values import shown_name, to_integer

PERSONAL_DATA: Final = "personal_data"

_TEXTS: Final = {
    "": ("event", "event_id"),
    "user": ("idfa", "gaid", "idfv", "att_status"),
    "app": ("app_id", "app_name", "app_version"),
}
"""Texts that LiveRamp's payload is made of, besides the properties."""

_APP_ID: Final = re.compile(r"[0-9]+|[A-Za-z]\w*(\.\w+)+", re.ASCII)

_MISSING_ENVELOPE: Final = Violation(
    "user.envelope",
    "missing",
    "Map user.envelope to LiveRamp's envelope of this person; events without one can go to TikTok directly.",
)
_NO_ENVELOPE: Final = Violation("user.envelope", "not_an_envelope", stored_envelopes.WRONG_ENVELOPE)
_MISSING_URL: Final = Violation(
    "page.url", "missing", "Map page.url: LiveRamp asks for an address, of app events too (the store's page)."
)
_WRONG_URL: Final = Violation(
    "page.url", "not_an_absolute_url", "Give the whole address, from https:// or http:// on."
)
_MISSING_EVENT: Final = Violation(
    "event", "missing", "Map the event's type, or give it a default such as 'CompletePayment'."
)
_MISSING_APP_ID: Final = Violation(
    "app.app_id", "missing", "Map the App Store number or the Play package name, or give it as a default."
)
_WRONG_APP_ID: Final = Violation(
    "app.app_id", "not_an_app_id", "Give the number of the App Store or the package name of Google Play."
)


_NO_LIMITED_USE: Final = Violation(
    "limited_data_use",
    "no_form_for_liveramp",
    "LiveRamp's form cannot say that the use of this event is limited: send it to TikTok directly.",
)


class EventChecks:
    """Everything that is wrong with an event on its way to LiveRamp.

    :param now: Unix seconds.
    :param max_event_age_s: older events are told of; LiveRamp documents no limit, TikTok's attribution does.
    :param refuse_old: whether older events are kept back.
    :param is_strict: whether event types that LiveRamp's pages do not name are refused.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float] = time.time,
        max_event_age_s: float = 28 * validation.SECONDS_PER_DAY,
        refuse_old: bool = False,
        is_strict: bool = False,
    ) -> None:
        self.times = times = TimeRules(now=now, max_event_age_s=max_event_age_s, refuse_old=refuse_old)
        self._shared = ChosenChecks(
            checks=(
                partial(validation.check_time, times=times),
                validation.check_event_id,
                validation.check_att_status,
                partial(validation.check_money, currencies=CURRENCIES),
                validation.check_contents,
                validation.check_vehicle,
                validation.check_listed,
                partial(validation.check_every_value, texts=_TEXTS),
            )
        )
        self._is_strict = is_strict

    def __call__(self, event: PreparedEvent) -> tuple[Violation, ...]:
        """What the event came with first, then all own findings, each path and rule once."""
        unread = {one.path for one in event.violations if one.is_fatal}
        own = [one for one in self._own_findings(event) if one.rule != "missing" or one.path not in unread]
        # What is personal is told in LiveRamp's words alone.
        personal = {one.path for one in own if one.rule == PERSONAL_DATA}
        shared = (one for one in self._shared(event) if one.path not in personal)
        found = {(one.path, one.rule): one for one in event.violations}
        for one in (*shared, *own):
            found.setdefault((one.path, one.rule), one)
        return tuple(found.values())

    def _own_findings(self, event: PreparedEvent) -> Iterator[Violation]:
        for rule in _OWN_RULES:
            yield from rule(event)
        if not event.event:
            yield _MISSING_EVENT
            return
        fault = event_types.find_fault(event.event, is_strict=self._is_strict)
        if fault is not None:
            yield fault


def is_app_event(event: PreparedEvent) -> bool:
    """Whether the event happened in an app: it names the app or the device, or only an app can send it."""
    has_device = any(getattr(event.user, name) for name in (*DEVICE_KEYS, "att_status"))
    return event.app is not None or has_device or event.event in event_types.APP_TYPES


def _check_envelope(event: PreparedEvent) -> Iterator[Violation]:
    if not event.user.envelope:
        is_dropped = any(one.path == _MISSING_ENVELOPE.path for one in event.dropped)
        yield _NO_ENVELOPE if is_dropped else _MISSING_ENVELOPE
        return
    try:
        stored_envelopes.unwrap(event.user.envelope)
    except EventError as error:
        yield Violation("user.envelope", error.rule, error.remedy)


def _check_url(event: PreparedEvent) -> Iterator[Violation]:
    url = event.page.url if event.page else None
    if not url:
        yield _MISSING_URL
    elif not _is_absolute(url):
        yield _WRONG_URL
    elif "{{" in url or "}}" in url:
        yield Violation("page.url", "unresolved_template", "Resolve the placeholder before sending.")


def _check_app_id(event: PreparedEvent) -> Iterator[Violation]:
    app_id = event.app.app_id if event.app else None
    if is_app_event(event) and not app_id:
        yield _MISSING_APP_ID
    elif app_id and not _APP_ID.fullmatch(app_id):
        yield _WRONG_APP_ID


def _check_device(event: PreparedEvent) -> Iterator[Violation]:
    for name in DEVICE_KEYS:
        value = getattr(event.user, name)
        if value and "{{" not in value and not is_advertising_id(value):
            yield Violation(
                f"user.{name}",
                "not_an_advertising_id",
                "LiveRamp takes the device's id itself, in the form of a UUID: this one was left out.",
                is_fatal=False,
            )


def _check_quantity(event: PreparedEvent) -> Iterator[Violation]:
    try:
        quantity = to_integer(event.properties.get("quantity"))
    except EventError as error:
        yield _without_quantity(error.rule, error.remedy)
        return
    if quantity is not None and quantity < 1:
        yield _without_quantity("below_one", "Give a quantity of at least 1, or leave it out.")


def _without_quantity(rule: str, remedy: str) -> Violation:
    return Violation("properties.quantity", rule, remedy, is_fatal=False, is_left_out=True)


def _check_form(event: PreparedEvent) -> Iterator[Violation]:
    for name, value in event.properties.items():
        if name != "contents" and as_custom_value(value) is NOT_SENT:
            yield Violation(
                f"properties.{shown_name(name)}",
                "no_form_for_liveramp",
                "LiveRamp takes texts and numbers here: this list or object was left out of the event.",
                is_fatal=False,
            )


def _check_groups(event: PreparedEvent) -> Iterator[Violation]:
    if event.limited_data_use:
        yield _NO_LIMITED_USE
    for name in ("ad", "lead"):
        if getattr(event, name) is not None:
            remedy = "LiveRamp has no place for this group: it was left out of the event."
            yield Violation(name, "no_form_for_liveramp", remedy, is_fatal=False)


def _check_privacy(event: PreparedEvent) -> Iterator[Violation]:
    for path in find_personal(event):
        yield Violation(
            path,
            PERSONAL_DATA,
            "Take e-mail addresses, telephone numbers and digests out of this field: on LiveRamp's way the "
            "envelope alone tells who it was.",
        )


def _is_absolute(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", url)
    except ValueError:
        return False


_OWN_RULES: Final[tuple[Callable[[PreparedEvent], Iterator[Violation]], ...]] = (
    _check_envelope,
    _check_url,
    _check_app_id,
    _check_device,
    _check_quantity,
    _check_form,
    _check_groups,
    _check_privacy,
)
