# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Identifiers: from raw personal data to match keys that may be sent.

The last room that sees raw personal data. A destination's table says for every identifier how it is
normalised and in which form it leaves: as a digest, plain, or untouched; ``FIELDS`` has rows to pick from.
The room knows no column name, no API, and no limit of one.

Rules that hold for every field but the untouched ones:

* White space around a value goes, and a byte order mark, which the pixel's trimming in JavaScript takes too.
* Text is brought to Unicode NFC first, so that both spellings of "é" (one character, or "e" and an
  accent) give one digest.
* A value that is empty or blank is absent. It is never hashed: every such person would get the digest of
  nothing, and all would look like one.
* A value that cannot be used is left out and told as a :class:`Drop`; a value that breaks the run's
  declaration (hashed or raw) is a :class:`Violation`, which keeps the event back. Neither tells the value.
* A value of 64 hex digits counts as a digest and is not hashed a second time.

The values under "SHA-256" are the lower-case hex digest of the normalised text in UTF-8.

The offered rows are made for TikTok, Events API 2.0, "Report events" (v1.3), read 2026-11. Where the page is
silent the rule is the narrowest one: ``external_id`` keeps its case, as in TikTok's own server-side tag
template.
"""

from airflow_provider_tiktok.conversions.identifiers.event_ids import derive_event_id, id_of_content
from airflow_provider_tiktok.conversions.identifiers.options import COUNTRY_CODES, IdentityRules, Policy
from airflow_provider_tiktok.conversions.identifiers.preparation import Identity, prepare
from airflow_provider_tiktok.conversions.identifiers.reasons import DROP_REASONS, DROP_REMEDIES, FAULTS
from airflow_provider_tiktok.conversions.identifiers.table import (
    DIGEST_OF_NOTHING,
    FIELDS,
    Field,
    Form,
    rows,
)

__all__ = [
    "COUNTRY_CODES",
    "DIGEST_OF_NOTHING",
    "DROP_REASONS",
    "DROP_REMEDIES",
    "FAULTS",
    "FIELDS",
    "Field",
    "Form",
    "Identity",
    "IdentityRules",
    "Policy",
    "derive_event_id",
    "id_of_content",
    "prepare",
    "rows",
]
