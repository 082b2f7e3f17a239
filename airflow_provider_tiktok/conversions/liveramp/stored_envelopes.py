# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""An envelope as it is stored, and the envelope alone.

In browsers LiveRamp's scripts keep it as the Base64 of ``{"envelope": ...}`` (``_lr_env``); answers of the
API may be kept whole, with one of several envelopes. What travels in an event is the envelope's value alone.
It is opaque: it is not parsed, compared or measured here, beyond telling it from what it cannot be, such as
the word ``null``: three people who have that for an envelope are not one session.

Sources: LiveRamp, "Store the identity envelope", "Call the ATS envelope API", read 2026-11.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from airflow_provider_tiktok.conversions.errors import EventError
from airflow_provider_tiktok.conversions.values import PEOPLE

LIVERAMP_TYPE: Final = 19
"""Type of LiveRamp's own envelope, which is also the one for TikTok."""

WRONG_ENVELOPE: Final = (
    "Give LiveRamp's envelope, as its API returned it or as _lr_env holds it; no address, number or digest."
)

# Base64 of "{" and any second character begins so; an envelope begins with "A".
_BASE64_OBJECT: Final = re.compile(r"e[w-z0-9+/_-]")
_ALPHABET: Final = re.compile(r"[A-Za-z0-9_+/-]{1,10000}={0,2}")
# What people put here by mistake, in the letters of an envelope: a word, a number, a UUID, a digest.
_SOMETHING_ELSE: Final = re.compile(
    r"[A-Z]?[a-z]{2,}|[a-z_-]{2,}|[A-Z_-]{2,}|[^A-Za-z]+|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    r"|[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}"
)


def unwrap(stored: str) -> str:
    """The envelope's value, whichever way it was stored.

    :raises EventError: there is no envelope in it; the text holds nothing of it.
    """
    text = unquote(stored.strip())  # cookies keep it percent-encoded; no envelope has a percent sign
    document = _read_object(text)
    value = text if document is None else value_of_answer(document)
    if value is None or not is_envelope(value):
        raise EventError("not_an_envelope", remedy=WRONG_ENVELOPE)
    return value


def is_envelope(value: str) -> bool:
    """Whether the text can be an envelope's value: Base64 in either alphabet, and no word for nothing.

    Its length says little, as LiveRamp's pages tell of none that is certain.
    """
    if not _ALPHABET.fullmatch(value) or _SOMETHING_ELSE.fullmatch(value):
        return False
    return not PEOPLE.holds(value)


def value_of_answer(answer: Mapping[str, Any]) -> str | None:
    """The value of LiveRamp's own envelope in an answer of either version; ``None`` where there is none.

    Envelopes of other types, and those that came with an error of their own, are passed over.
    """
    if "envelopes" not in answer:
        return _text(answer.get("envelope"))
    items = answer["envelopes"]
    usable = (
        _text(item.get("value"))
        for item in (items if isinstance(items, list) else ())
        if isinstance(item, Mapping) and item.get("type") == LIVERAMP_TYPE and item.get("err") is None
    )
    return next(filter(None, usable), None)


def _read_object(text: str) -> Mapping[str, Any] | None:
    """The JSON object that the text is, or that its Base64 holds; ``None`` for any other text."""
    document: Any = None
    if text.startswith("{"):
        document = _decode_json(text.encode())
    elif _BASE64_OBJECT.match(text):
        document = _decode_json(_decode_base64(text))
    return document if isinstance(document, Mapping) else None


def _decode_base64(text: str) -> bytes:
    standard = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except ValueError:
        return b""


def _decode_json(document: bytes) -> Any:
    try:
        return msgspec.json.decode(document)
    except (msgspec.DecodeError, RecursionError):
        return None


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None
