# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What browsers and devices say of themselves: the language, and whether they may be tracked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, get_args

from airflow_provider_tiktok.conversions.errors import EventError
from airflow_provider_tiktok.conversions.events import AttStatus

_LONGEST_LIST: Final = 500
_TAG: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")
_WEIGHT: Final = re.compile(r"q=([01](?:\.[0-9]{0,3})?)")
_LETTERS: Final = re.compile(r"[a-z]+")

_STATUS_OF_LETTERS: Final[Mapping[str, str]] = {
    "".join(_LETTERS.findall(status.lower())): status for status in get_args(AttStatus)
}


def locale_of(text: str) -> str:
    """A language tag of BCP 47, from one, from Unix's spelling or from an Accept-Language header.

    Of a list the language with the greatest weight is taken, of several the first.

    :raises EventError: ``not_a_locale`` where there is no language in it.
    """
    tags = list(_tags_of(text[:_LONGEST_LIST]))
    if not tags:
        raise EventError("not_a_locale")
    return max(tags, key=lambda tag: tag[1])[0]  # the first of the greatest


def _tags_of(text: str) -> Iterator[tuple[str, float]]:
    """Every language of a list, with its weight."""
    for part in text.split(","):
        name, _, parameter = part.partition(";")
        # en_US.UTF-8 and de_DE@euro say more than the language.
        tag = re.split("[.@]", name.strip(), maxsplit=1)[0].replace("_", "-")
        weight = _WEIGHT.fullmatch(parameter.strip())
        if _TAG.fullmatch(tag):
            yield tag, float(weight[1]) if weight else 1.0


def att_status_of(text: str) -> str:
    """Apple's tracking status in TikTok's spelling, from any case and with any separators.

    :raises EventError: ``not_a_tracking_status`` for everything else, and for the numbers by which programs
        count the statuses.
    """
    letters = re.sub(r"[\s_-]", "", text[:_LONGEST_LIST]).lower()
    if letters not in _STATUS_OF_LETTERS:
        raise EventError("not_a_tracking_status")
    return _STATUS_OF_LETTERS[letters]
