# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What may not go out in an event's open fields: e-mail addresses, telephone numbers, digests of them.

LiveRamp is chosen by those who may not send such things, so the envelope alone tells who it was. The room
looks at texts only; names of people in a product's description are beyond it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

from msgspec import structs

from airflow_provider_tiktok.conversions.events import App, Content, PreparedEvent
from airflow_provider_tiktok.conversions.values import holds_email, shown_name

_PHONE: Final = re.compile(
    r"(?:tel:)?(?:\+[ ()./-]*[0-9](?:[ ()./-]{0,3}[0-9]){6,14}|\([2-9][0-9]{2}\) ?[0-9]{3}[ .-]?[0-9]{4})"
)
"""A number as people write it, with a plus or the brackets of North America: without them it may be an id."""
_LONGEST_PHONE: Final = 40
_DIGEST: Final = re.compile(r"[0-9a-fA-F]{64}")
_PERSONAL_KEY: Final = re.compile(
    r"(hashed_)?(e_?mail|phone|first_?name|last_?name|address|birth_?(date|day))(_.*)?"
)
_MAY_BE_DIGEST: Final = frozenset({"event_id", "properties.order_id"})
"""An id may well be a digest of a business key."""

_APP_TEXTS: Final = ("app_id", "app_name", "app_version")
_CONTENT_TEXTS: Final = ("content_id", "content_name", "content_category", "brand")


def find_personal(event: PreparedEvent) -> Iterator[str]:
    """The paths of fields that hold personal data, or say by their name that they do."""
    for path, text in _texts(event):
        if _is_personal(path, text):
            yield path
    for name, value in event.properties.items():
        if _is_personal_property(name, value):
            yield f"properties.{shown_name(name)}"


def without_personal(event: PreparedEvent) -> PreparedEvent:
    """The event without those fields, fit to be stored."""
    if not any(find_personal(event)):
        return event
    page, app = event.page, event.app
    return structs.replace(
        event,
        event=_unless_personal("event", event.event),
        event_id=_unless_personal("event_id", event.event_id),
        page=structs.replace(page, url=None) if page and _is_personal("page.url", page.url or "") else page,
        app=None if app is None else _cleaned(app, _APP_TEXTS, prefix="app"),
        properties=_cleaned_properties(event.properties),
    )


def _texts(event: PreparedEvent) -> Iterator[tuple[str, str]]:
    """Every text that would leave, with its path; the envelope aside, which has a rule of its own."""
    yield "event", event.event or ""
    yield "event_id", event.event_id or ""
    yield "page.url", (event.page.url or "") if event.page else ""
    yield from _texts_of(event.app or App(), _APP_TEXTS, prefix="app")
    for place, item in enumerate(event.properties.get("contents", ())):
        yield from _texts_of(item, _CONTENT_TEXTS, prefix=f"properties.contents[{place}]")


def _texts_of(group: App | Content, names: tuple[str, ...], *, prefix: str) -> Iterator[tuple[str, str]]:
    for name in names:
        yield f"{prefix}.{name}", getattr(group, name) or ""


def _is_personal(path: str, text: str) -> bool:
    if holds_email(text):
        return True
    text = unquote(text)
    if len(text) <= _LONGEST_PHONE and _PHONE.fullmatch(text.strip()):
        return True
    return len(text) == 64 and path not in _MAY_BE_DIGEST and _DIGEST.fullmatch(text) is not None


def _unless_personal(path: str, text: str | None) -> str | None:
    return None if text is not None and _is_personal(path, text) else text


def _cleaned_properties(properties: Mapping[str, Any]) -> dict[str, Any]:
    cleaned = {name: value for name, value in properties.items() if not _is_personal_property(name, value)}
    if "contents" in cleaned:
        items = cleaned["contents"]
        cleaned["contents"] = tuple(_cleaned(item, _CONTENT_TEXTS, prefix="contents") for item in items)
    return cleaned


def _is_personal_property(name: str, value: Any) -> bool:
    if _PERSONAL_KEY.fullmatch(name.casefold()):
        return True
    return name != "contents" and any(_is_personal(f"properties.{name}", text) for text in _texts_in(value))


def _texts_in(value: Any) -> Iterator[str]:
    """The texts of a property, those inside lists and objects included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for member in value.values():
            yield from _texts_in(member)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from _texts_in(member)


def _cleaned(group: Any, names: tuple[str, ...], *, prefix: str) -> Any:
    personal = [name for name in names if _is_personal(f"{prefix}.{name}", getattr(group, name) or "")]
    return structs.replace(group, **dict.fromkeys(personal)) if personal else group
