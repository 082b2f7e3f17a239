# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The rows that identity tables are made of: an identifier, the form it leaves in, and its rule."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from hashlib import sha256
from typing import Final, NamedTuple

from airflow_provider_tiktok.conversions.errors import EventError
from airflow_provider_tiktok.conversions.events import Digest
from airflow_provider_tiktok.conversions.identifiers.browsers import att_status_of, locale_of
from airflow_provider_tiktok.conversions.identifiers.emails import normalise_email, split_emails
from airflow_provider_tiktok.conversions.identifiers.options import IdentityRules, country_code_of
from airflow_provider_tiktok.conversions.identifiers.phone_numbers import normalise_phone, split_phones
from airflow_provider_tiktok.conversions.identifiers.text import (
    is_digest,
    letters_of,
    lower,
    refuse_other_digest,
    require_unicode,
    without_blanks_and_dashes,
)
from airflow_provider_tiktok.conversions.values import (
    NAMES,
    PEOPLE,
    ZIP_CODES,
    NullRule,
    public_address,
    spellings_of_nothing,
)

DIGEST_OF_NOTHING: Final = Digest("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
"""SHA-256 of the empty text: what hashing an empty column gives."""

_BASE64_LENGTH: Final = 44

_UUID: Final = re.compile("-?".join(f"([0-9a-fA-F]{{{n}}})" for n in (8, 4, 4, 4, 12)))


class Form(StrEnum):
    """In which form an identifier leaves this room."""

    DIGEST = "SHA-256"
    PLAIN = "plain"
    EITHER = "plain, or SHA-256 where it came so"
    UNTOUCHED = "untouched"


def one_value(text: str) -> tuple[str, ...]:
    """The text as the one value of its cell."""
    return (text,)


class Field(NamedTuple):
    """One row of an identity table.

    :param normalise: text without white space around it → text to hash or send; ``EventError`` with a
        drop reason where the text is of no use, empty where nothing is left of it.
    :param split: the values that one cell may hold together.
    :param nulls: which texts stand for no value, so that their digests stand for nobody.
    """

    name: str
    form: Form
    normalise: Callable[[str, IdentityRules], str]
    split: Callable[[str], tuple[str, ...]] = one_value
    nulls: NullRule = PEOPLE


def email_of(text: str, _rules: IdentityRules) -> str:
    """Lower-cased and unwrapped, without folding of dots or plus signs."""
    return normalise_email(refuse_other_digest(text, rule="other_digest"))


def phone_of(text: str, rules: IdentityRules) -> str:
    """E.164 with its plus sign; a number without a country code is read by the row's country."""
    return normalise_phone(refuse_other_digest(text, rule="other_digest"), region=rules.phone_region)


def normalise_external_id(text: str, rules: IdentityRules) -> str:
    """The text in its own case, or lower-cased where the run asks for it.

    It must equal what a pixel sends, and public tag templates keep the case. 32 hex digits are a UUID
    as often as an MD5, and are taken as they are.
    """
    if len(text) == _BASE64_LENGTH:
        refuse_other_digest(text, rule="other_digest")
    return lower(text) if rules.lower_external_id else text


def normalise_name(text: str, _rules: IdentityRules) -> str:
    """Lower-cased letters, accents and digits of any script; no spaces, punctuation or symbols."""
    return letters_of(refuse_other_digest(text, rule="other_digest"))


def normalise_zip_code(text: str, _rules: IdentityRules) -> str:
    """Lower-cased, without spaces, dashes and invisible characters."""
    return without_blanks_and_dashes(refuse_other_digest(text, rule="other_digest"))


def normalise_place(text: str, _rules: IdentityRules) -> str:
    """Lower-cased letters, accents and digits of any script; no spaces, punctuation or symbols."""
    return refuse_other_digest(letters_of(text), rule="hashed_but_must_be_plain")


def normalise_country(text: str, _rules: IdentityRules) -> str:
    """ISO 3166 alpha-2 in lower case, also from alpha-3; names of countries are not translated."""
    code = country_code_of(text)
    if code is None:
        raise EventError("not_a_country_code")
    return code


def normalise_idfa(text: str, _rules: IdentityRules) -> str:
    """A UUID in upper case, as Apple writes it."""
    return _advertising_id(text).upper()


def normalise_gaid(text: str, _rules: IdentityRules) -> str:
    """A UUID in lower case, as Google writes it."""
    return _advertising_id(text).lower()


def normalise_idfv(text: str, rules: IdentityRules) -> str:
    """The text to the last blank, if it is an id at all."""
    return _not_all_zero(never_hashed(text, rules))


def normalise_ip(text: str, rules: IdentityRules) -> str:
    """The first public address; of a chain the others are proxies'."""
    return public_address(text) if never_hashed(text, rules) else ""


def normalise_locale(text: str, rules: IdentityRules) -> str:
    """A language in BCP 47."""
    return locale_of(text) if never_hashed(text, rules) else ""


def normalise_att_status(text: str, rules: IdentityRules) -> str:
    """Apple's tracking status in TikTok's spelling."""
    return att_status_of(text) if never_hashed(text, rules) else ""


def never_hashed(text: str, rules: IdentityRules) -> str:
    """The text to the last blank, if it is no digest, which would be of no use here."""
    if is_digest(text.strip()):
        raise EventError("hashed_but_must_be_plain")
    return untouched(text, rules)


def untouched(text: str, _rules: IdentityRules) -> str:
    """The text to the last blank; empty where there is nothing but blanks."""
    if not text.isascii():
        require_unicode(text)
    return "" if text.isspace() else text


def _advertising_id(text: str) -> str:
    """A UUID with its dashes, which some databases leave out."""
    parts = _UUID.fullmatch(_not_all_zero(text))
    if parts is None:
        raise EventError("not_an_advertising_id")
    return "-".join(parts.groups())


def _not_all_zero(device_id: str) -> str:
    """Refuses the id of a device whose owner does not want to be tracked."""
    if device_id and not device_id.strip("0-"):
        raise EventError("all_zero")
    return device_id


FIELDS: Final = (
    Field("email", Form.DIGEST, email_of, split_emails),
    Field("phone", Form.DIGEST, phone_of, split_phones),
    Field("external_id", Form.DIGEST, normalise_external_id),
    Field("first_name", Form.DIGEST, normalise_name, nulls=NAMES),
    Field("last_name", Form.DIGEST, normalise_name, nulls=NAMES),
    Field("zip_code", Form.DIGEST, normalise_zip_code, nulls=ZIP_CODES),
    Field("city", Form.PLAIN, normalise_place),
    Field("state", Form.PLAIN, normalise_place),
    Field("country", Form.PLAIN, normalise_country),
    Field("ttclid", Form.UNTOUCHED, never_hashed),
    Field("ttp", Form.UNTOUCHED, never_hashed),
    Field("ip", Form.UNTOUCHED, normalise_ip),
    Field("user_agent", Form.UNTOUCHED, never_hashed),
    Field("locale", Form.UNTOUCHED, normalise_locale),
    Field("idfa", Form.EITHER, normalise_idfa),
    Field("gaid", Form.EITHER, normalise_gaid),
    Field("idfv", Form.UNTOUCHED, normalise_idfv),
    Field("att_status", Form.UNTOUCHED, normalise_att_status),
    Field("lead_id", Form.UNTOUCHED, never_hashed),
    Field("envelope", Form.UNTOUCHED, untouched),
    Field("session_id", Form.UNTOUCHED, untouched),
)
"""A row for every identifier, for destinations to pick from and to change."""

_OFFERED: Final = {field.name: field for field in FIELDS}


def rows(*names: str) -> tuple[Field, ...]:
    """The offered rows of these identifiers, in this order."""
    return tuple(_OFFERED[name] for name in names)


@cache
def digests_of_nothing(field: Field) -> frozenset[str]:
    """What hashing empty columns and null markers gives: it would make one person of many."""
    texts = spellings_of_nothing(field.nulls) | ({"+"} if field.name == "phone" else set())
    return frozenset(sha256(text.encode()).hexdigest() for text in texts)
