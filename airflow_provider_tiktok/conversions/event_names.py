# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Event names: which are standard for an event source, which were renamed, which are going.

Names are case-sensitive, and TikTok takes a misspelt one as a custom event without a word: it is counted
and never optimised for. The room knows names only; whether a finding keeps an event back is the
validation's business to tell, and the finding's to say.

Sources: TikTok Business Help Center, "Supported standard events" and "How to adopt TikTok's updated
standard events" (May and September 2025), "Reserved events"; TikTok, Events API 2.0, "Report events" (v1.3);
all read 2026-11. The lists move: a name that TikTok adds later goes into a
run's ``extra_event_names`` until it stands here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from airflow_provider_tiktok.conversions.events import EventSource
from airflow_provider_tiktok.conversions.sealed import Sealed

WEB_NAMES: Final = frozenset(
    {
        "AddPaymentInfo",
        "AddToCart",
        "AddToWishlist",
        "ApplicationApproval",
        "CompleteRegistration",
        "Contact",
        "CustomizeProduct",
        "Download",
        "FindLocation",
        "InitiateCheckout",
        "Lead",
        "Purchase",
        "Schedule",
        "Search",
        "StartTrial",
        "SubmitApplication",
        "Subscribe",
        "ViewContent",
    }
)
"""Standard for web, offline and crm, which share one list since May 2025."""

APP_NAMES: Final = frozenset(
    {
        "AchieveLevel",
        "AddPaymentInfo",
        "AddToCart",
        "AddToWishlist",
        "Checkout",
        "CompleteTutorial",
        "CreateGroup",
        "CreateRole",
        "GenerateLead",
        "InAppADClick",
        "InAppADImpr",
        "InstallApp",
        "JoinGroup",
        "LaunchAPP",
        "LoanApplication",
        "LoanApproval",
        "LoanDisbursal",
        "Login",
        "Purchase",
        "Rate",
        "Registration",
        "Search",
        "SpendCredits",
        "StartTrial",
        "Subscribe",
        "UnlockAchievement",
        "ViewContent",
    }
)
"""Standard for app."""

RENAMED: Final[Mapping[str, str]] = MappingProxyType({"CompletePayment": "Purchase", "SubmitForm": "Lead"})
"""Old web names → new ones. TikTok still takes the old and reports the new."""

RETIRED_IN: Final[Mapping[str, int]] = MappingProxyType({"ClickButton": 2027, "PlaceAnOrder": 2027})
"""Web names that TikTok supports until the year begins."""

RESERVED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AddBilling": "AddPaymentInfo",
        "Browse": "PageView",
        "Checkout": "PlaceAnOrder",
        "ClickForm": "Lead",
        "ClickInDownloadPage": "ClickButton",
        "ClickToDownload": "Download",
        "Consult": "Contact",
        "ConsultByPhone": "Contact",
        "Registration": "CompleteRegistration",
        "StartCheckout": "InitiateCheckout",
        "ViewConsultationPage": "ViewContent",
        "ViewDownloadPage": "ViewContent",
        "ViewForm": "ViewContent",
    }
)
"""Custom names that TikTok turns into standard ones by itself."""

PAGE_VIEWS: Final = frozenset({"Pageview", "PageView"})
"""Both spellings are sent by TikTok's own tools for web; neither is rewritten."""


class NameStatus(StrEnum):
    """What TikTok makes of a name."""

    STANDARD = "standard"
    PAGE_VIEW = "page_view"
    RENAMED = "renamed"
    RETIRING = "retiring"
    RESERVED = "reserved"
    CUSTOM = "custom"
    STANDARD_ELSEWHERE = "standard_elsewhere"
    LOOKS_STANDARD = "looks_standard"
    WRONG_CASE = "wrong_case"
    NOT_STANDARD = "not_standard"


FINE: Final = frozenset({NameStatus.STANDARD, NameStatus.PAGE_VIEW, NameStatus.CUSTOM})
"""What needs no word."""


TELLABLE_NAME: Final = re.compile(r"(?!(?:\D*\d){7})[A-Za-z0-9 _.:-]{1,64}")
"""What an event's name looks like. A wrong column may hold anything, such as an e-mail address or, as seven
digits and more, a telephone number or somebody's id."""

OTHERS: Final = "(others)"
"""What names that are not told are counted under."""


class NameFinding(Sealed, frozen=True, kw_only=True):
    """What is known of one name.

    :param name: the standard name that this one stands for or should be; ``None`` where there is none.
    :param remedy: what a person can do about it, empty where nothing is to be done.
    """

    status: NameStatus
    name: str | None = None
    remedy: str = ""


class _Names(Struct, frozen=True, kw_only=True):
    """Every finding of one event source, made once.

    :param exact: name → finding.
    :param by_case: case-folded name → finding, for names in the wrong case.
    :param by_words: name without case and separators → finding, for ``add_to_cart``.
    :param otherwise: the finding for every other name.
    """

    exact: Mapping[str, NameFinding]
    by_case: Mapping[str, NameFinding]
    by_words: Mapping[str, NameFinding]
    otherwise: NameFinding


def find(event_source: EventSource, name: str, *, extra: Collection[str] = ()) -> NameFinding:
    """What TikTok makes of a name from this event source.

    The right name in a wrong case is refused even where custom names are allowed, since it would be
    counted as something else; ``add_to_cart`` may be meant as a custom name and is only pointed out.

    :param extra: names to take as standard whatever the tables say.
    """
    if name in extra:
        return _standard(name)
    names = _NAMES[event_source]
    return (
        names.exact.get(name)
        or names.by_case.get(name.casefold())
        or names.by_words.get(_without_separators(name))
        or names.otherwise
    )


def _standard(name: str) -> NameFinding:
    return NameFinding(status=NameStatus.STANDARD, name=name)


def _page_view(name: str) -> NameFinding:
    return NameFinding(status=NameStatus.PAGE_VIEW, name=name)


def _renamed(name: str) -> NameFinding:
    new = RENAMED[name]
    # The new name in one place and the old in the other may keep TikTok from seeing a repeat.
    remedy = f"TikTok renamed this event: use '{new}', here and in the pixel alike."
    return NameFinding(status=NameStatus.RENAMED, name=new, remedy=remedy)


def _retiring(name: str) -> NameFinding:
    remedy = f"TikTok supports this event until {RETIRED_IN[name]}: move to another standard event."
    return NameFinding(status=NameStatus.RETIRING, name=name, remedy=remedy)


def _reserved(name: str) -> NameFinding:
    new = RESERVED[name]
    remedy = f"TikTok counts this custom event as '{new}': use that name if it is what you mean."
    return NameFinding(status=NameStatus.RESERVED, name=new, remedy=remedy)


def _standard_elsewhere(_name: str) -> NameFinding:
    remedy = "This event is standard for another event source, and custom for this one."
    return NameFinding(status=NameStatus.STANDARD_ELSEWHERE, remedy=remedy)


def _wrong_case(right: str) -> NameFinding:
    remedy = f"Event names are case-sensitive: write '{right}'."
    return NameFinding(status=NameStatus.WRONG_CASE, name=right, remedy=remedy)


def _looks_standard(right: str) -> NameFinding:
    remedy = f"TikTok counts this as a custom event: write '{right}' if you mean the standard one."
    return NameFinding(status=NameStatus.LOOKS_STANDARD, name=right, remedy=remedy)


def _not_standard(right: str) -> NameFinding:
    remedy = f"This event source takes standard events only: write '{right}'."
    return NameFinding(status=NameStatus.NOT_STANDARD, name=right, remedy=remedy)


_CUSTOM: Final = NameFinding(status=NameStatus.CUSTOM)

_NO_CUSTOM: Final = NameFinding(
    status=NameStatus.NOT_STANDARD,
    remedy="This event source takes standard events only, such as 'Purchase' or 'Lead'.",
)


def _without_separators(name: str) -> str:
    """The name's letters in their plain forms, without case: full-width ones are those of East Asia."""
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", name)).casefold()


_SEPARATORS: Final = re.compile(r"[\s_.-]+")


def _names(
    exact: Mapping[str, NameFinding],
    *,
    others: Mapping[str, NameFinding] = MappingProxyType({}),
    takes_custom: bool = True,
) -> _Names:
    """The findings of one source.

    :param exact: names whose case must be right.
    :param others: names that are custom, and yet need a word.
    """
    # Sorted, so that of two spellings in one case the same is named on every run.
    right_names = sorted(exact, reverse=True)
    near = _looks_standard if takes_custom else _not_standard
    return _Names(
        exact={**others, **exact},
        by_case={name.casefold(): _wrong_case(name) for name in right_names},
        by_words={_without_separators(name): near(name) for name in right_names},
        otherwise=_CUSTOM if takes_custom else _NO_CUSTOM,
    )


def _each(names: Iterable[str], finding: Callable[[str], NameFinding]) -> dict[str, NameFinding]:
    return {name: finding(name) for name in names}


_SHARED: Final = {**_each(WEB_NAMES, _standard), **_each(RENAMED, _renamed), **_each(RETIRED_IN, _retiring)}

_NAMES: Final[Mapping[str, _Names]] = MappingProxyType(
    {
        "web": _names(
            {**_SHARED, **_each(PAGE_VIEWS, _page_view)},
            others={**_each(APP_NAMES, _standard_elsewhere), **_each(RESERVED, _reserved)},
        ),
        "app": _names(_each(APP_NAMES, _standard), others=_each(_SHARED, _standard_elsewhere)),
        "offline": _names(_SHARED, takes_custom=False),
        "crm": _names(_SHARED),
    }
)
