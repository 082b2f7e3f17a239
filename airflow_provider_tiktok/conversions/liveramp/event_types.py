# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Event types in LiveRamp's spellings, which are not TikTok's: ``CheckOut`` here is ``Checkout`` there.

LiveRamp sends nothing on that it does not know, and does not say so. So a known type in the wrong case is
refused with the right spelling, never rewritten: the same event may travel to TikTok directly, under a name
that is right there.

Sources: LiveRamp, "Supported parameters for TikTok Events API" and "The TikTok Events API" (its examples);
LiveRamp, "Universal events and parameters for Online Conversions API" for the universal keys; read 2026-11.
The published tables are longer than what could be read, so a type that is not here is only warned about.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from airflow_provider_tiktok.conversions.events import Violation

TIKTOK_TYPES: Final = frozenset(
    {
        "AchieveLevel",
        "AddPaymentInfo",
        "AddToCart",
        "AddToWishlist",
        "CheckOut",
        "ClickButton",
        "CompletePayment",
        "CompleteTutorial",
        "CreateGroup",
        "CreateRole",
        "InitiateCheckout",
        "InstallApp",
        "LaunchAPP",
        "ViewContent",
    }
)
"""Types that LiveRamp's pages name for TikTok."""

UNIVERSAL_TYPES: Final = frozenset({"AdClick", "AdView"})
"""Types of LiveRamp's own that it translates for each platform."""

APP_TYPES: Final = frozenset({"AchieveLevel", "InstallApp", "LaunchAPP"})
"""Types that only an app can send."""

_KNOWN: Final = TIKTOK_TYPES | UNIVERSAL_TYPES

_BY_CASE: Final[Mapping[str, str]] = MappingProxyType({name.casefold(): name for name in sorted(_KNOWN)})


def find_fault(event_type: str, *, is_strict: bool = False) -> Violation | None:
    """What is wrong with the type, ``None`` for one of LiveRamp's own in its own spelling.

    :param is_strict: whether a type that LiveRamp's pages do not name keeps the event back.
    """
    if event_type in _KNOWN:
        return None
    right = _BY_CASE.get(event_type.casefold())
    if right is not None:
        return Violation(
            "event", "wrong_case", f"LiveRamp's event types are case-sensitive: write '{right}'."
        )
    return Violation(
        "event",
        "unknown_event_type",
        "LiveRamp passes on only the types it supports, and drops others without a word: check the name.",
        is_fatal=is_strict,
    )
