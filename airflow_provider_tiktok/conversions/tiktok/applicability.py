# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Which fields TikTok documents for which event source, and in which form identifiers leave."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, get_args

from msgspec.structs import fields

from airflow_provider_tiktok.conversions.events import EventSource, PreparedUser
from airflow_provider_tiktok.conversions.identifiers import Form, rows

IDENTITY_TABLE: Final = rows(
    *("email", "phone", "external_id", "first_name", "last_name", "zip_code", "city", "state", "country"),
    *("ttclid", "ttp", "ip", "user_agent", "locale", "idfa", "gaid", "idfv", "att_status", "lead_id"),
    # Counted and never sent: LiveRamp's.
    *("envelope", "session_id"),
)

DIGEST_KEYS: Final = tuple(field.name for field in IDENTITY_TABLE if field.form is Form.DIGEST)
"""Match keys that leave as digests only."""

USER_KEY_SOURCES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "external_id": frozenset({"web", "crm", "offline"}),
        "ttclid": frozenset({"web"}),
        "ttp": frozenset({"web"}),
        "ip": frozenset({"web", "app"}),
        "user_agent": frozenset({"web", "app"}),
        "locale": frozenset({"web", "app"}),
        "idfa": frozenset({"app"}),
        "gaid": frozenset({"app"}),
        "idfv": frozenset({"app"}),
        "att_status": frozenset({"app"}),
        "lead_id": frozenset({"offline"}),
    }
)
"""Match key → event sources that TikTok documents it for; a key that is not here is for all.

``external_id`` is documented for web and crm, and other senders use it for offline too.
"""

GROUP_SOURCES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "page": frozenset({"web"}),
        "app": frozenset({"app"}),
        "ad": frozenset({"app"}),
        "lead": frozenset({"crm"}),
    }
)
"""Group of fields → event sources that take it."""

LIMITED_DATA_USE_SOURCES: Final = frozenset({"web", "app"})
"""Event sources that take ``limited_data_use``."""

# Neither is TikTok's: LiveRamp's envelope and what its requests are grouped by.
_NOT_TIKTOKS: Final = frozenset({"envelope", "session_id"})
USER_KEYS: Final = tuple(one.name for one in fields(PreparedUser) if one.name not in _NOT_TIKTOKS)
"""Every match key that TikTok takes, whatever the event source."""

INAPPLICABLE_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    source: tuple(name for name, sources in USER_KEY_SOURCES.items() if source not in sources)
    for source in get_args(EventSource)
}
"""Event source → match keys that it does not take."""

# Names, places, language and tracking status help a match and make none.
_PERSONAL_KEYS: Final = frozenset(
    {"email", "phone", "external_id", "ttclid", "ttp", "ip", "idfa", "gaid", "idfv", "lead_id"}
)
MATCH_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    source: tuple(sorted(_PERSONAL_KEYS.difference(inapplicable)))
    for source, inapplicable in INAPPLICABLE_KEYS.items()
}
