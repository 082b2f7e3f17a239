# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What a dead letter leaves out: whatever tells a browser or a click in clear.

Digests stay, since a replay needs them. An address of a network, a user agent, a cookie and a click id are
in the row that the letter names, and need not lie in a second place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from airflow_provider_tiktok.conversions.errors import ConfigurationError

DIGESTS, ALL = "digests", "all"
CHOICES = (DIGESTS, ALL)

_LEFT_OUT = {"user": ("ip", "user_agent", "ttclid", "ttp"), "ad": ("callback",)}
"""By part of the event. ``ad.callback`` is what ``ttclid`` is on the web: the id of the click, for apps."""

_PLAIN = re.compile(r"([?&;#])((?:ttclid=[^&;#\s\"'<>]*(&(?:amp;)?|;)?)+)", re.I)
_BREAK = "%(?:25)*(?:3f|26|3b|23)"
_ENCODED = re.compile(
    rf"({_BREAK})((?:ttclid%(?:25)*3d(?:(?!{_BREAK})[^&;#\s\"'<>])*(%(?:25)*(?:26|3b))?)+)", re.I
)
"""A click id in an address that stands percent-encoded in another's query."""


def check_choice(choice: str) -> None:
    """Refuse anything but the two words.

    :raises ConfigurationError: with what to write.
    """
    if choice not in CHOICES:
        raise ConfigurationError(
            'Set dead_letter_fields to "digests" or "all": "digests" leaves out IP address, user agent, '
            'ttclid and ttp, "all" keeps them for another sending.'
        )


def without_clear_fields(record: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The record of an event without what tells a browser or a click, and the paths of what was left out."""
    kept, left_out = dict(record), []
    for part, names in _LEFT_OUT.items():
        fields = record.get(part)
        if not isinstance(fields, Mapping):
            continue
        left_out += [f"{part}.{name}" for name in names if name in fields]
        kept[part] = {name: value for name, value in fields.items() if name not in names}
        if not kept[part]:
            del kept[part]
    cleaned: dict[str, Any] = {}
    for name, value in kept.items():
        changed: list[str] = []
        cleaned[name] = _without_click_ids(value, path=name, changed=changed)
        left_out += changed
    return cleaned, left_out


def _without_click_ids(value: Any, *, path: str, changed: list[str]) -> Any:
    """The value, its texts without click ids; the paths of those that had one are added to ``changed``."""
    if isinstance(value, str):
        text = _ENCODED.sub(_joint, _PLAIN.sub(_joint, value)) if "ttclid" in value.lower() else value
        if text != value:
            changed.append(f"{path} (ttclid)")
        return text
    if isinstance(value, Mapping):
        return {
            name: _without_click_ids(part, path=f"{path}.{name}", changed=changed)
            for name, part in value.items()
        }
    if isinstance(value, list | tuple):
        return [
            _without_click_ids(part, path=f"{path}[{n}]", changed=changed) for n, part in enumerate(value)
        ]
    return value


def _joint(match: re.Match[str]) -> str:
    """What stays between the text before a click id and the text behind it."""
    return match[1] if match[3] else ""
