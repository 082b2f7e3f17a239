# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What TikTok would refuse in an event, found before it is sent, all of it at once.

One bad event makes TikTok refuse the whole request it is in, so it is cheaper to find it here. Where
TikTok's pages ask for something but do not say what happens without it, the finding is a warning
(``is_fatal`` false): the event is sent and the finding counted.

Sources: TikTok, Events API 2.0, "Report events" (v1.3); TikTok Business Help Center on offline events and
on standard events; TikTok's business SDK 1.1.3, ``PixelProperties``; all read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Final, NamedTuple, get_type_hints
from urllib.parse import urlsplit

from msgspec import Struct

from airflow_provider_tiktok.conversions import event_names, validation
from airflow_provider_tiktok.conversions.currencies import CURRENCIES
from airflow_provider_tiktok.conversions.events import (
    Ad,
    App,
    Content,
    Lead,
    Page,
    PreparedEvent,
    Violation,
)
from airflow_provider_tiktok.conversions.tiktok.applicability import (
    DIGEST_KEYS,
    GROUP_SOURCES,
    INAPPLICABLE_KEYS,
    LIMITED_DATA_USE_SOURCES,
    MATCH_KEYS,
    USER_KEY_SOURCES,
    USER_KEYS,
)
from airflow_provider_tiktok.conversions.tiktok.options import ValidationRules
from airflow_provider_tiktok.conversions.tiktok.rules import found
from airflow_provider_tiktok.conversions.validation import ABSENCES, ChosenChecks, members

_ABSOLUTE_URL: Final = re.compile(r"(?i:https?)://(?:[^\s/?#@]*@)?[^\s/?#@:]\S*")
_HAS_A_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,30}://[^\s/]\S*")
"""A referrer may be an app: ``android-app://com.example``."""

_ABSENCES: Final = ABSENCES | {"no_match_key", "external_id_alone", "content_type_missing"}

_EMPTY: Final[Mapping[str, Struct]] = {"page": Page(), "app": App(), "ad": Ad(), "lead": Lead()}

_TEXT_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "": ("event", "event_id"),
    "user": tuple(name for name in USER_KEYS if name not in DIGEST_KEYS),
    **{
        group: tuple(name for name, kind in get_type_hints(type(empty)).items() if kind == str | None)
        for group, empty in _EMPTY.items()
    },
}


class _Required(NamedTuple):
    """The one field that an event source cannot do without, beside name and time."""

    path: str
    remedy: str
    value: Callable[[PreparedEvent], object]
    applies: Callable[[ValidationRules], bool] = lambda _: True


_REQUIRED: Final[Mapping[str, _Required]] = {
    "web": _Required(
        "page.url",
        "Map the address of the page where the event happened.",
        value=lambda event: event.page and event.page.url,
        applies=lambda rules: rules.require_page_url,
    ),
    "app": _Required(
        "app.app_id",
        "Map the App Store number or the Play package name, or give it as a default.",
        value=lambda event: event.app and event.app.app_id,
    ),
    "crm": _Required(
        "lead.lead_id",
        "Map the lead's id from TikTok's lead export.",
        value=lambda event: event.lead and event.lead.lead_id,
        applies=lambda rules: rules.require_lead_id,
    ),
}


def checks_of(rules: ValidationRules) -> ChosenChecks:
    """The checks of TikTok's events, as a run's rules have them."""
    source = rules.event_source
    others = frozenset(name for name, sources in GROUP_SOURCES.items() if source not in sources)
    texts = {group: names for group, names in _TEXT_FIELDS.items() if group not in others}
    return ChosenChecks(
        checks=(
            partial(_check_name, rules=rules),
            partial(validation.check_time, times=rules),
            validation.check_event_id,
            partial(_check_required, rules=rules),
            partial(_check_groups, rules=rules),
            partial(_check_identity, rules=rules),
            partial(validation.check_digests, names=DIGEST_KEYS),
            validation.check_ip,
            validation.check_locale,
            validation.check_att_status,
            partial(validation.check_money, currencies=CURRENCIES),
            validation.check_contents,
            _check_content_type,
            validation.check_vehicle,
            validation.check_listed,
            partial(validation.check_every_value, texts=texts),
        ),
        absences=_ABSENCES,
        unsent_groups=others,
    )


def _check_name(event: PreparedEvent, *, rules: ValidationRules) -> Iterator[Violation]:
    """The name is there, and TikTok counts it as what it says."""
    if not event.event:
        yield found(
            "missing", "event", remedy="Map the event's name, or give it a default such as 'Purchase'."
        )
        return
    finding = event_names.find(rules.event_source, event.event, extra=rules.extra_event_names)
    if finding.status not in event_names.FINE:
        yield found(str(finding.status), "event", remedy=finding.remedy)


def _check_required(event: PreparedEvent, *, rules: ValidationRules) -> Iterator[Violation]:
    """The fields that the event source cannot do without."""
    url = event.page.url if event.page and rules.event_source in GROUP_SOURCES["page"] else None
    if url is not None and not _is_absolute(url):
        yield found("not_an_absolute_url", "page.url")
    referrer = event.page.referrer if event.page else None
    if isinstance(referrer, str) and not _HAS_A_SCHEME.match(referrer):
        yield found("not_an_absolute_url", "page.referrer")
    required = _REQUIRED.get(rules.event_source)
    if required is not None and required.applies(rules) and not required.value(event):
        yield found("missing", required.path, remedy=required.remedy)


def _check_groups(event: PreparedEvent, *, rules: ValidationRules) -> Iterator[Violation]:
    """Groups of fields and match keys stand only where TikTok documents them."""
    for name, sources in GROUP_SOURCES.items():
        group = getattr(event, name)
        if group is not None and rules.event_source not in sources and group != _EMPTY[name]:
            yield left_out(name, sources=sources)
    for name in INAPPLICABLE_KEYS[rules.event_source]:
        if getattr(event.user, name):
            yield left_out(f"user.{name}", sources=USER_KEY_SOURCES[name])
    if event.limited_data_use is not None and rules.event_source not in LIMITED_DATA_USE_SOURCES:
        yield left_out("limited_data_use", sources=LIMITED_DATA_USE_SOURCES)


def _check_identity(event: PreparedEvent, *, rules: ValidationRules) -> Iterator[Violation]:
    """Something tells whose event it is. A crm event has its lead for that."""
    has_lead = rules.event_source == "crm" and (rules.require_lead_id or event.lead is not None)
    if rules.event_source == "offline":
        if not any(getattr(event.user, name) for name in rules.offline_keys):
            remedy = f"Map one of: {', '.join(rules.offline_keys)}."
            yield found("no_match_key", "user", remedy=remedy, is_fatal=True)
        elif event.user.external_id and not (event.user.email or event.user.phone):
            yield found("external_id_alone", "user")
    elif not has_lead and not any(getattr(event.user, name) for name in MATCH_KEYS[rules.event_source]):
        yield found("no_match_key", "user")


def _check_content_type(event: PreparedEvent) -> Iterator[Violation]:
    """Products that TikTok is to find in a catalogue say what their ids are of."""
    items = (item for item in members(event, "contents") if isinstance(item, Content))
    has_ids = members(event, "content_ids") or any(item.content_id is not None for item in items)
    if has_ids and not event.properties.get("content_type"):
        yield found("content_type_missing", "properties.content_type")


def left_out(path: str, *, sources: Iterable[str]) -> Violation:
    """The warning for a field that the wire form leaves out for this event source."""
    remedy = f"TikTok documents this for {_spoken(sources)} only, so it is not sent with these events."
    return found("not_for_this_source", path, remedy=remedy, is_fatal=False)


def _spoken(sources: Iterable[str]) -> str:
    return " and ".join(sorted(sources))


def _is_absolute(url: str) -> bool:
    """Whether the address has its scheme and host; brackets must hold a whole IPv6 address."""
    if not _ABSOLUTE_URL.fullmatch(url):
        return False
    try:
        return "[" not in url or bool(urlsplit(url).hostname)
    except ValueError:
        return False
