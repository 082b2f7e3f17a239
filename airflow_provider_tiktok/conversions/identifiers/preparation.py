# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""From an event with raw identifiers to one with match keys."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from airflow_provider_tiktok.conversions.errors import EventError
from airflow_provider_tiktok.conversions.events import (
    ConversionEvent,
    PreparedEvent,
    PreparedUser,
    Violation,
)
from airflow_provider_tiktok.conversions.identifiers.event_ids import derive_event_id
from airflow_provider_tiktok.conversions.identifiers.options import IdentityRules
from airflow_provider_tiktok.conversions.identifiers.reasons import FAULTS, dropped
from airflow_provider_tiktok.conversions.identifiers.table import (
    FIELDS,
    Field,
    Form,
    digests_of_nothing,
    one_value,
)
from airflow_provider_tiktok.conversions.identifiers.text import as_digest, clean, is_digest

_BETWEEN_DIGESTS: Final = re.compile(r"[\s,;|]+")

# What an event's own `is_hashed` makes of the run's policy.
_STRICTER: Final[Mapping[str, str]] = MappingProxyType({"auto": "hashed", "raw": "contradiction"})

# (form, policy, whether the value is a digest) → what is wrong with that. What is not here is right.
_WRONG: Final[Mapping[tuple[Form, str, bool], str]] = MappingProxyType(
    {
        (Form.DIGEST, "raw", True): "already_hashed",
        (Form.DIGEST, "hashed", False): "not_hashed",
        (Form.DIGEST, "contradiction", True): "already_hashed",
        (Form.DIGEST, "contradiction", False): "already_hashed",
        (Form.EITHER, "raw", True): "already_hashed",
        (Form.EITHER, "contradiction", True): "already_hashed",
        (Form.PLAIN, "auto", True): "hashed_but_must_be_plain",
        (Form.PLAIN, "raw", True): "hashed_but_must_be_plain",
        (Form.PLAIN, "hashed", True): "hashed_but_must_be_plain",
        (Form.PLAIN, "contradiction", True): "hashed_but_must_be_plain",
    }
)


class Identity(Struct, frozen=True, kw_only=True):
    """How the match keys of one destination's events are made.

    :param table: a row for every identifier that may leave; all others stay behind.
    :param rules: what the run says of its identifiers.
    """

    table: tuple[Field, ...]
    rules: IdentityRules = IdentityRules()

    def prepare(self, event: ConversionEvent) -> PreparedEvent:
        """The event with match keys in place of raw identifiers (see ``prepare``)."""
        return prepare(event, self.rules, table=self.table)

    def row(self, name: str) -> Field | None:
        """The table's row for an identifier; ``None`` for one that stays behind."""
        return next((field for field in self.table if field.name == name), None)


def prepare(
    event: ConversionEvent, rules: IdentityRules, *, table: Sequence[Field] = FIELDS
) -> PreparedEvent:
    """The event with match keys in place of raw identifiers, and with an ``event_id``.

    Bad data raises nothing: what had to be left out is in ``dropped``, what keeps the event back in
    ``violations``, behind those it came with. ``is_hashed=True`` on an event has the effect of the policy
    ``hashed`` for it; under the policy ``raw`` that is a contradiction, and every digest field a fault.

    A telephone number without a country code is read by the row's ``phone_region``, else by its country, else
    by the run's ``default_region``.

    An event without an ``event_id`` gets one from its content, unless something is wrong with it.

    :param table: a row for every identifier that may leave; the others are left out.
    """
    user, findings = _prepare_user(event, rules=rules, table=table)
    faults = tuple(Violation(path, rule, FAULTS[rule]) for path, rule in findings if rule in FAULTS)
    prepared = PreparedEvent(
        row=event.row,
        rows=event.rows,
        event=event.event,
        event_time=event.event_time,
        event_id=event.event_id,
        user=user,
        properties=event.properties,
        page=event.page,
        app=event.app,
        ad=event.ad,
        lead=event.lead,
        limited_data_use=event.limited_data_use,
        violations=event.violations + faults,
        dropped=event.dropped + tuple(dropped(path, rule) for path, rule in findings if rule not in FAULTS),
    )
    if prepared.event_id is not None or any(one.is_fatal for one in prepared.violations):
        return prepared
    return replace(prepared, event_id=derive_event_id(prepared))


def _prepare_user(
    event: ConversionEvent, *, rules: IdentityRules, table: Sequence[Field]
) -> tuple[PreparedUser, list[tuple[str, str]]]:
    """The match keys, and (path, rule) of everything that was left out."""
    policy = _STRICTER.get(rules.policy, rules.policy) if event.is_hashed else rules.policy
    kept: dict[str, Any] = {}
    findings: list[tuple[str, str]] = []
    if event.user.phone:
        rules = rules.of_row((event.phone_region or "").strip() or event.user.country)
    for field in table:
        given = getattr(event.user, field.name)
        if not given:
            continue
        is_list = isinstance(given, tuple)
        texts = given if is_list else (given,)
        values, broken = _sendable_values(texts, field=field, rules=rules, policy=policy)
        findings += [(f"user.{field.name}", rule) for rule in broken]
        if values:
            kept[field.name] = values if is_list else values[0]
    return PreparedUser(**kept), findings


def _sendable_values(
    given: tuple[str, ...], *, field: Field, rules: IdentityRules, policy: str
) -> tuple[tuple[str, ...], list[str]]:
    """The values in the form they are sent in, each once and in order, and the rules the others broke."""
    values: dict[str, None] = {}
    broken: list[str] = []
    for text in (one for cell in given for one in _values_of(cell, field=field)):
        try:
            values[_sendable(text, field=field, rules=rules, policy=policy)] = None
        except EventError as error:
            broken.append(error.rule)
    values.pop("", None)
    return tuple(values), broken


def _values_of(cell: str, *, field: Field) -> tuple[str, ...]:
    """The values that one cell holds; several digests are set apart as the values are that they stand for."""
    if field.split is one_value or as_digest(cell.strip()):
        return (cell,)
    digests = tuple(filter(None, _BETWEEN_DIGESTS.split(cell)))
    return digests if all(map(is_digest, digests)) else field.split(cell)


def _sendable(text: str, *, field: Field, rules: IdentityRules, policy: str) -> str:
    """The value in the form it is sent in; empty for blank text.

    :raises EventError: the value cannot be used; ``rule`` says why.
    """
    if field.form is Form.UNTOUCHED:
        return field.normalise(text, rules)
    text = clean(text)
    if not text:
        return ""
    digest = as_digest(text)
    wrong = _WRONG.get((field.form, policy, digest is not None))
    if wrong is not None:
        raise EventError(wrong)
    if digest is None:
        normalised = _normalised(text, field=field, rules=rules)
        if field.form is not Form.DIGEST:
            return normalised
        digest = sha256(normalised.encode()).hexdigest()
    if digest in digests_of_nothing(field):
        raise EventError("hash_of_nothing")
    return digest


def _normalised(text: str, *, field: Field, rules: IdentityRules) -> str:
    """What the field's rule leaves of the text: never blank, never a placeholder."""
    if "{{" in text and "}}" in text:
        raise EventError("unresolved_template")
    normalised = field.normalise(text, rules)
    if not normalised:
        raise EventError("nothing_left")
    return normalised
