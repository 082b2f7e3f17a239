# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Identifiers leave normalised and hashed, or not at all; the digests here were computed elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata
from decimal import Decimal
from hashlib import sha256
from typing import Any

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import to_builtins
from msgspec.structs import asdict, fields, replace

from airflow_provider_tiktok.conversions import identifiers
from airflow_provider_tiktok.conversions.errors import ConfigurationError, EventError
from airflow_provider_tiktok.conversions.events import (
    Content,
    ConversionEvent,
    Drop,
    Page,
    PreparedEvent,
    PreparedUser,
    RawUser,
    Violation,
)
from airflow_provider_tiktok.conversions.identifiers import (
    COUNTRY_CODES,
    DIGEST_OF_NOTHING,
    DROP_REASONS,
    DROP_REMEDIES,
    FAULTS,
    FIELDS,
    Form,
    IdentityRules,
    prepare,
)
from airflow_provider_tiktok.conversions.identifiers.emails import normalise_email, split_emails
from airflow_provider_tiktok.conversions.identifiers.phone_numbers import normalise_phone, split_phones

# TikTok, Events API 2.0, "Report events" (v1.3), read 2026-11: TikTok's own examples.
ALICE = "848a771458438fc2ec420560d769fb9b9b86851ee338ec56517baabd79d3bb4f"
ALICES_PHONE = "9f7ec22d72092cd3c0b58726ed9c2d91b92e51a3f29837508fb2948bb22dd2fd"
USER_123 = "80fba0ae1c48e3978e43e4efc365e14e12ea0c830ba8ba5b9a2dafc7e3f2ab8b"
JANE = "81f8f6dde88365f3928796ec7aa53f72820b06db8664f5fe76a7eb13e24546a2"
ZIP_95110 = "383f7fffd99f3b1c3066086bcf991eae7ad543589d12bd792ecb6dc8b5acebc1"
ZIP_M5V3L9 = "5c850751d57c5d887fe7807d3da801efe7e8faa1f105ea36cdcd913dd32a41c7"
# What sha256sum says of the text in the name's comment.
TEST = "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"  # test@example.com
JANE_DOE_SHOP = (
    "bb55843f3da2af28071cd4be7ae1e05989dc6d3ea4833906f7d8fe4be35afad8"  # jane.doe+shop@example.com
)
FICTION = "d5ab8b77e69a81dfc634c3556c620d5d6753df6fc28c73c88c79a9332b705382"  # +12025550123
LONDON = "e631c2534428c6c9b48c2167604a8983046085e43a2c00ed748733c544c0bb4d"  # +442071838750
ROME = "37b702607839d6dc5fc81d95b52e550e336413bf7ae2e04cafeca79f066ea44b"  # +390612345678
FIFTEEN = "6c051555a98bfb50f6da4ed3ab2b0c8810957dd88c08630c2a97e53d970455cd"  # +493050246801357
UPPER_USER_123 = "9fd04ee71c44e21cddbd6c9eab81e2d21324f0ace8ec10cbb929b3390625fc9e"  # User-123
LOWER_USER_123 = "fcdec6df4d44dbc637c7c5b58efface52a7f8a88535423430255be0bb89bedd8"  # user-123
MARYANN = "16b3f07f0ec2f9dd127b71dc2e6c791b7d93116a1c3bc99d057eaa7a8a077e73"  # maryann
OBRIEN = "b4cb6cb33fe4b865868de825023a1e2790dc12ac01ecc8d7c5afe8254071c8ba"  # obrien
JOSE = "d994e1d001886fe5b45b1267bd1fa2b752ac50742579bd3dad7b2a2aa0ed6866"  # josé
BEIJING = "68c77e155132565e1cbbace574552fedbb9e769c147d0e9e5ed64701f0cdf82d"  # 北京
RAM = "5e2d9ce3db30289043b7d3cbd5ac22ae23e9733fc4512cdeabfca0f2b13ecff5"  # राम
SW1A1AA = "830e1d4b9838bab1f5c2acdb23e0b502ff13a9832c4632e8d67a1d43d3b7f614"  # sw1a1aa
ZIP_PLUS_4 = "c711389868997b7f3f747e95fbce358e2ac994a8b4e838142a4e968c2cfc8b22"  # 941071234

MD5 = "55502f40dc8b7c769880b10874abc9d0"
ADVERTISING_ID = "6d92078a-8246-4ba4-ae5b-76104861e7dc"
NO_DEVICE = "00000000-0000-0000-0000-000000000000"

LISTS = {"email", "phone", "external_id"}


def prepared(
    rules: IdentityRules | None = None, *, is_hashed: bool | None = None, **user: Any
) -> PreparedEvent:
    """An event of this user, prepared; a single text stands for a list of one."""
    given = {name: (one,) if name in LISTS and isinstance(one, str) else one for name, one in user.items()}
    return prepare(
        ConversionEvent(row=1, user=RawUser(**given), is_hashed=is_hashed), rules or IdentityRules()
    )


def sent(event: PreparedEvent, name: str) -> Any:
    """What goes out for one field; the only member of a list stands for it."""
    value = getattr(event.user, name)
    return value[0] if isinstance(value, tuple) and len(value) == 1 else value


def drop(path: str, reason: str) -> Drop:
    """The finding, with the remedy of the table."""
    return Drop(path, reason, DROP_REMEDIES[reason])


SENT = [
    ("email", " ALICE_abc@gmail.com ", ALICE),
    ("email", "test@example.com", TEST),
    ("email", "\ufeffTest@Example.COM\t", TEST),
    ("email", "Jane.Doe+shop@example.com", JANE_DOE_SHOP),
    ("phone", "(+1)2133734253", ALICES_PHONE),
    ("phone", "+1 (202) 555-0123", FICTION),
    ("phone", "001 202 555 0123", FICTION),
    ("phone", "\u202a+1\u00a0202\u2011555\u20110123\u202c", FICTION),
    ("phone", "+12025550123", FICTION),
    ("phone", "\uff0b\uff11 202 555 0123", FICTION),
    ("phone", "+\u0661\u0662\u0660\u0662\u0665\u0665\u0665\u0660\u0661\u0662\u0663", FICTION),
    ("phone", "+44 (0)20 7183 8750", LONDON),
    ("phone", "+4402071838750", LONDON),
    ("phone", "+39 06 1234 5678", ROME),
    ("external_id", " user_123 ", USER_123),
    ("external_id", "User-123", UPPER_USER_123),
    ("first_name", "Jane", JANE),
    ("first_name", "Mary Ann", MARYANN),
    ("first_name", "José", JOSE),
    ("first_name", "JOSE\u0301", JOSE),
    ("first_name", "राम", RAM),
    ("last_name", "O\u2019Brien", OBRIEN),
    ("last_name", "o'brien.", OBRIEN),
    ("last_name", "北京", BEIJING),
    ("zip_code", "95110", ZIP_95110),
    ("zip_code", "M5V 3L9", ZIP_M5V3L9),
    ("zip_code", "SW1A 1AA", SW1A1AA),
    ("zip_code", "94107-1234", ZIP_PLUS_4),
    ("zip_code", "94107\u20131234", ZIP_PLUS_4),
    ("city", "St. Louis", "stlouis"),
    ("city", "Nürnberg", "nürnberg"),
    ("state", " CA ", "ca"),
    ("state", "New York", "newyork"),
    ("country", "US", "us"),
    ("country", " gb ", "gb"),
    ("idfa", ADVERTISING_ID, ADVERTISING_ID.upper()),
    ("idfa", ADVERTISING_ID.replace("-", ""), ADVERTISING_ID.upper()),
    ("gaid", ADVERTISING_ID.upper(), ADVERTISING_ID),
    ("idfv", ADVERTISING_ID.upper(), ADVERTISING_ID.upper()),
    ("ttclid", "E.C.P." + "x" * 1000, "E.C.P." + "x" * 1000),
    ("ttp", "Ab9 ", "Ab9 "),
    ("ip", "2001:DB8::1", "2001:DB8::1"),
    ("user_agent", "Mozilla/5.0 (X11; Linux)", "Mozilla/5.0 (X11; Linux)"),
    ("locale", "pt-BR", "pt-BR"),
    ("att_status", "AUTHORIZED", "AUTHORIZED"),
    ("lead_id", "7000000000000000001", "7000000000000000001"),
    ("envelope", "AbC_-=", "AbC_-="),
    ("session_id", "S-1", "S-1"),
]


@pytest.mark.parametrize(("name", "raw", "expected"), SENT)
def test_value_that_is_sent(name: str, raw: str, expected: str) -> None:
    """Each field leaves in the form that TikTok's table asks for, and nothing is left out."""
    event = prepared(**{name: raw})
    assert sent(event, name) == expected
    assert event.dropped == event.violations == ()


ODD = [
    ("ip", "203.0.113.9, 10.0.0.1", "203.0.113.9"),
    ("ip", " 10.0.0.1,203.0.113.9 , 198.51.100.1", "203.0.113.9"),
    ("ip", "unknown, 203.0.113.9", "203.0.113.9"),
    ("ip", "203.0.113.9:443", "203.0.113.9"),
    ("ip", "[2001:db8::7]:443", "2001:db8::7"),
    ("ip", "[2001:db8::7]", "2001:db8::7"),
    ("ip", "2001:db8::7%eth0", "2001:db8::7"),
    ("ip", "::ffff:203.0.113.9", "203.0.113.9"),
    ("ip", "::FFFF:CB00:7109", "203.0.113.9"),
    ("ip", "203.0.113.9/32", "203.0.113.9"),
    ("ip", "2001:db8::7/128", "2001:db8::7"),
    ("ip", 'For="[2001:db8::7]:4711";by=10.0.0.1', "2001:db8::7"),
    ("ip", "2001:0DB8:0:0:0:0:0:7", "2001:0DB8:0:0:0:0:0:7"),
    ("locale", "en_US", "en-US"),
    ("locale", "en_US.UTF-8", "en-US"),
    ("locale", "sr_RS@latin", "sr-RS"),
    ("locale", "zh_Hant_TW", "zh-Hant-TW"),
    ("locale", "en-US,en;q=0.9", "en-US"),
    ("locale", "*, de;q=0.7, fr;q=0.8", "fr"),
    ("locale", "de, en;q=nonsense", "de"),
    ("att_status", "authorized", "AUTHORIZED"),
    ("att_status", "notDetermined", "NOT_DETERMINED"),
    ("att_status", "not-applicable", "NOT_APPLICABLE"),
]


@pytest.mark.parametrize(("name", "raw", "expected"), ODD)
def test_value_that_is_repaired(name: str, raw: str, expected: str) -> None:
    """What servers and browsers write around a value is taken off where it is certain what is meant."""
    event = prepared(**{name: raw})
    assert (sent(event, name), event.dropped, event.violations) == (expected, (), ())


DROPPED = [
    ("email", "nobody", "not_an_email"),
    ("email", "@example.com", "not_an_email"),
    ("email", "nobody@", "not_an_email"),
    ("email", "a@b@example.com", "not_an_email"),
    ("email", "a b@example.com", "not_an_email"),
    ("email", "a\x00@example.com", "not_an_email"),
    ("email", MD5, "other_digest"),
    ("email", "a@example.com\ud800", "not_unicode"),
    ("phone", "202-555-0123", "no_country_code"),
    ("phone", "12025550123", "no_country_code"),
    ("phone", "abc", "not_a_phone"),
    ("phone", "+1 800 FLOWERS", "not_a_phone"),
    ("phone", "+", "not_a_phone"),
    ("phone", "()", "not_a_phone"),
    ("phone", "+123456", "not_a_phone"),
    ("phone", "+1234567890123456", "no_such_number"),
    ("phone", "+0044207183", "not_a_phone"),
    ("phone", "000442071838750", "not_a_phone"),
    ("phone", "1+2025550123", "not_a_phone"),
    ("phone", "++12025550123", "not_a_phone"),
    ("phone", "1.2025550123E+10", "no_country_code"),
    ("phone", "1.20256E+10", "not_a_phone"),
    ("phone", "+" + "1" * 5000, "not_a_phone"),
    ("phone", "+15550123", "no_such_number"),
    ("phone", "+861234567890123", "no_such_number"),
    ("phone", "+15555555555", "placeholder"),
    ("phone", "+49 49 171 2345678", "ambiguous_phone"),
    ("phone", "+1 202 555 01XX", "masked"),
    ("email", "none@none.com", "null_marker"),
    ("external_id", "id\udfff", "not_unicode"),
    ("first_name", "...", "nothing_left"),
    ("first_name", MD5, "other_digest"),
    ("last_name", MD5 + "0" * 8, "other_digest"),
    ("zip_code", "-", "nothing_left"),
    ("zip_code", MD5, "other_digest"),
    ("city", JANE, "hashed_but_must_be_plain"),
    ("city", MD5, "hashed_but_must_be_plain"),
    ("city", "--", "nothing_left"),
    ("state", JANE.upper(), "hashed_but_must_be_plain"),
    ("country", JANE, "hashed_but_must_be_plain"),
    ("country", "Germany", "not_a_country_code"),
    ("country", "U.S.", "not_a_country_code"),
    ("country", "XXX", "not_a_country_code"),
    ("idfa", NO_DEVICE, "all_zero"),
    ("idfa", "0" * 32, "all_zero"),
    ("idfa", "somebody", "not_an_advertising_id"),
    ("gaid", NO_DEVICE, "all_zero"),
    ("gaid", ADVERTISING_ID + "0", "not_an_advertising_id"),
    ("idfv", NO_DEVICE, "all_zero"),
    ("ip", JANE, "hashed_but_must_be_plain"),
    ("ip", "unknown", "not_an_ip"),
    ("ip", "203.0.113.0/24", "not_an_ip"),
    ("ip", "203.0.113.007", "not_an_ip"),
    ("ip", "3405803783", "not_an_ip"),
    ("ip", "," * 5000, "not_an_ip"),
    *[
        ("ip", ip, "ip_not_public")
        for ip in (
            *(
                "10.1.2.3",
                "127.0.0.1",
                "192.168.0.1:80",
                "100.64.0.1",
                "0.0.0.0",
                "::1",
                "fd00::1",
                "fe80::1%eth0",
            ),
            *("::ffff:10.0.0.1", "224.0.0.1", "unknown, 10.0.0.1", "for=10.0.0.1"),
        )
    ],
    ("locale", JANE, "hashed_but_must_be_plain"),
    ("external_id", "{{ user_id }}", "unresolved_template"),
    *[
        ("locale", text, "not_a_locale")
        for text in ("*", "C", "POSIX", "English", "e", "en-", "12", "en US", ",;")
    ],
    *[("att_status", text, "not_a_tracking_status") for text in ("3", "yes", "AUTHORIZED!", "authorised")],
    ("ttclid", JANE, "hashed_but_must_be_plain"),
    ("user_agent", "Mozilla \ud800", "not_unicode"),
    *[
        (name, digest, "hash_of_nothing")
        for name in ("email", "phone", "external_id", "first_name", "last_name", "zip_code", "idfa", "gaid")
        for digest in (DIGEST_OF_NOTHING, DIGEST_OF_NOTHING.upper())
    ],
]


@pytest.mark.parametrize(("name", "raw", "reason"), DROPPED)
def test_value_that_is_left_out(name: str, raw: str, reason: str) -> None:
    """A value that TikTok cannot use is left out and told with its reason; the event goes on."""
    event = prepared(**{name: raw})
    assert event.dropped == (drop(f"user.{name}", reason),)
    assert (event.user, event.violations) == (PreparedUser(), ())


def test_every_drop_reason_is_described() -> None:
    """The table of reasons holds those that happen, and no others."""
    assert {reason for _, _, reason in DROPPED} | {"unknown_phone_country"} == set(DROP_REASONS)


@pytest.mark.parametrize("blank", ["", " ", "\t\r\n", "\u00a0\u2003"])
@pytest.mark.parametrize("name", [field.name for field in FIELDS])
def test_blank_values_are_absent(name: str, blank: str) -> None:
    """An empty or blank value is neither hashed nor sent nor told."""
    event = prepared(**{name: blank})
    assert event.user == PreparedUser()
    assert event.dropped == event.violations == ()


NATIONAL = [
    ("US", "(202) 555-0123", FICTION),
    ("us", "1-202-555-0123", FICTION),
    ("US", "+44 20 7183 8750", LONDON),
    ("US", "00442071838750", LONDON),
    ("GB", "020 7183 8750", LONDON),
    ("GB", "442071838750", LONDON),
    ("IT", "06 1234 5678", ROME),
]


@pytest.mark.parametrize(("region", "raw", "expected"), NATIONAL)
def test_national_number_with_a_default_region(region: str, raw: str, expected: str) -> None:
    """A number without country code is read as one of the default region, any other keeps its own."""
    assert sent(prepared(IdentityRules(default_region=region), phone=raw), "phone") == expected


@pytest.mark.parametrize("raw", ["555-0123", "442071838750", "12", "20255501239999", "0171 2345678"])
def test_national_number_that_the_region_does_not_have(raw: str) -> None:
    """A national number that the region cannot have is left out, not sent with a wrong country code."""
    event = prepared(IdentityRules(default_region="US"), phone=raw)
    assert [one.reason for one in event.dropped] == ["no_such_number"]


def test_region_without_a_numbering_plan_of_its_own() -> None:
    """A region that has no telephones leaves national numbers out."""
    event = prepared(IdentityRules(default_region="AQ"), phone="202 555 0123")
    assert event.dropped == (drop("user.phone", "not_a_phone"),)


def test_external_id_in_lower_case_on_request() -> None:
    """The option lower-cases external ids before hashing."""
    assert (
        sent(prepared(IdentityRules(lower_external_id=True), external_id="User-123"), "external_id")
        == LOWER_USER_123
    )


def test_lists_keep_order_and_hold_nothing_twice() -> None:
    """Spellings of one value are one match key; raw values and their digests too."""
    event = prepared(
        email=(
            "test@example.com",
            "",
            " TEST@example.com",
            ALICE.upper(),
            "alice_abc@gmail.com",
            "nobody",
            TEST,
        ),
        phone=("+1 202 555 0123", "0012025550123", "+44 20 7183 8750"),
        external_id=("User-123", "user-123", "User-123 "),
    )
    assert event.user.email == (TEST, ALICE)
    assert event.user.phone == (FICTION, LONDON)
    assert event.user.external_id == (UPPER_USER_123, LOWER_USER_123)
    assert event.dropped == (drop("user.email", "not_an_email"),)


# --- hashed or raw --------------------------------------------------------------------------------------

HASHABLE = [field.name for field in FIELDS if field.form is Form.DIGEST]
RAW = {"phone": "+12025550123", "email": "test@example.com"}


@pytest.mark.parametrize("name", [*HASHABLE, "idfa", "gaid"])
def test_auto_passes_digests_in_lower_case(name: str) -> None:
    """A value of 64 hex digits is a digest and never hashed a second time."""
    for raw in (ALICE, ALICE.upper(), f" {ALICE} "):
        assert sent(prepared(**{name: raw}), name) == ALICE


@pytest.mark.parametrize("name", HASHABLE)
@pytest.mark.parametrize(
    ("policy", "is_hashed", "gives_raw", "expected"),
    [
        ("auto", None, True, ""),
        ("auto", None, False, ""),
        ("auto", False, True, ""),
        ("auto", False, False, ""),
        ("auto", True, True, "not_hashed"),
        ("auto", True, False, ""),
        ("raw", None, True, ""),
        ("raw", None, False, "already_hashed"),
        ("raw", False, True, ""),
        ("raw", False, False, "already_hashed"),
        ("raw", True, True, "already_hashed"),
        ("raw", True, False, "already_hashed"),
        ("hashed", None, True, "not_hashed"),
        ("hashed", None, False, ""),
        ("hashed", False, True, "not_hashed"),
        ("hashed", True, False, ""),
    ],
)
def test_policy(name: str, policy: Any, is_hashed: bool | None, gives_raw: bool, expected: str) -> None:
    """What the run and the record say of hashing is held against every value."""
    raw = RAW.get(name, "x1") if gives_raw else ALICE
    event = prepared(IdentityRules(policy=policy), is_hashed=is_hashed, **{name: raw})
    if expected:
        assert event.violations == (Violation(path=f"user.{name}", rule=expected, remedy=FAULTS[expected]),)
        assert event.user == PreparedUser()
    else:
        assert event.violations == event.dropped == ()
        assert len(sent(event, name)) == 64


@pytest.mark.parametrize("name", ["idfa", "gaid"])
@pytest.mark.parametrize(
    ("policy", "is_hashed", "faults"),
    [("auto", None, 0), ("hashed", None, 0), ("raw", None, 1), ("raw", True, 1), ("auto", True, 0)],
)
def test_policy_for_advertising_ids(name: str, policy: Any, is_hashed: bool | None, faults: int) -> None:
    """Advertising ids may be plain or hashed; only a run that is all raw refuses their digests."""
    rules = IdentityRules(policy=policy)
    assert not prepared(rules, is_hashed=is_hashed, **{name: ADVERTISING_ID}).violations
    assert len(prepared(rules, is_hashed=is_hashed, **{name: ALICE}).violations) == faults


def test_fields_that_are_never_hashed_do_not_mind_the_policy() -> None:
    """A run of hashed identifiers still sends city, state, country and click ids plain."""
    event = prepared(
        IdentityRules(policy="hashed"),
        city="Rome",
        state="RM",
        country="IT",
        ttclid="E.C.P.1",
        ip="203.0.113.7",
    )
    assert to_builtins(event.user) == {
        "city": "rome",
        "state": "rm",
        "country": "it",
        "ttclid": "E.C.P.1",
        "ip": "203.0.113.7",
    }


@pytest.mark.parametrize("name", [field.name for field in FIELDS if field.form is not Form.UNTOUCHED])
def test_placeholder_is_left_out(name: str) -> None:
    """A template that nobody filled in is not hashed into a person, and costs no event."""
    event = prepared(**{name: "{{ user.value }}"})
    assert [(one.path, one.reason) for one in event.dropped] == [(f"user.{name}", "unresolved_template")]
    assert event.violations == ()


def test_faults_come_behind_those_the_event_had() -> None:
    """The event keeps what was found before, and gets no id from its content."""
    first = Violation(path="event_time", rule="milliseconds", remedy="Divide.")
    event = ConversionEvent(row=1, violations=(first,), user=RawUser(email=(TEST, "test@example.com")))
    result = prepare(event, IdentityRules(policy="hashed"))
    assert [one.rule for one in result.violations] == ["milliseconds", "not_hashed"]
    assert result.user.email == (TEST,)
    assert result.event_id is None


@pytest.mark.parametrize(
    "rules",
    [{"policy": "maybe"}, {"default_region": "USA"}, {"default_region": ""}, {"default_region": "uk"}],
)
def test_unknown_policy_or_region(rules: dict[str, Any]) -> None:
    """A run with rules that mean nothing does not start."""
    with pytest.raises(ConfigurationError):
        IdentityRules(**rules)


# --- what other senders get wrong -----------------------------------------------------------------------


def test_missing_names_and_places_are_not_sent_empty() -> None:
    """A person without name and address has no empty name and address in the event."""
    user = to_builtins(
        prepared(email="test@example.com", first_name="", city="", state=" ", zip_code="").user
    )
    assert user == {"email": (TEST,)}


def test_email_is_trimmed() -> None:
    """Blanks around an address do not change its digest."""
    assert sent(prepared(email="  test@example.com\r\n"), "email") == TEST


def test_phone_without_digits_is_not_a_lone_plus_sign() -> None:
    """A phone of letters gives no digest of "+"."""
    assert prepared(phone="abc").user == PreparedUser()


def test_longest_phone_is_not_cut() -> None:
    """All 15 digits of a number count."""
    assert sent(prepared(phone="+493050246801357"), "phone") == FIFTEEN


@pytest.mark.parametrize(
    ("raw", "expected"), [("São Paulo", "sãopaulo"), ("北京", "北京"), ("SA\u0303O PAULO", "sãopaulo")]
)
def test_places_keep_letters_of_any_script(raw: str, expected: str) -> None:
    """Accents and other scripts stay, in one spelling."""
    assert prepared(city=raw, state=raw).user == PreparedUser(city=expected, state=expected)


def test_hashed_ids_are_not_hashed_again() -> None:
    """Digests of every field pass, in upper case too."""
    event = prepared(
        email=ALICE.upper(), phone=ALICES_PHONE, external_id=USER_123, first_name=JANE, zip_code=ZIP_95110
    )
    assert (
        event.user
        == prepared(
            email="alice_abc@gmail.com",
            phone="+12133734253",
            external_id="user_123",
            first_name="jane",
            zip_code="95110",
        ).user
    )


def test_zip_code_loses_case_blanks_and_dashes() -> None:
    """One postal code has one digest."""
    codes = {
        sent(prepared(zip_code=raw), "zip_code")
        for raw in ("SW1A 1AA", "sw1a1aa", "SW1A-1AA", "Sw1A\u20111aA")
    }
    assert codes == {SW1A1AA}


def test_device_ids_stay_apart() -> None:
    """Each device id is filled from its own field."""
    other = "11111111-2222-3333-4444-555555555555"
    assert to_builtins(prepared(idfv=other).user) == {"idfv": other}
    assert to_builtins(prepared(idfa=ADVERTISING_ID, idfv=other).user) == {
        "idfa": ADVERTISING_ID.upper(),
        "idfv": other,
    }


def test_several_addresses_are_several_digests() -> None:
    """A list is hashed member by member, never as one text."""
    assert prepared(email=("test@example.com", "alice_abc@gmail.com")).user.email == (TEST, ALICE)


def test_phone_keeps_its_plus_sign() -> None:
    """The digest is that of E.164 with the plus sign, which other platforms leave out."""
    assert sent(prepared(phone="+12133734253"), "phone") == ALICES_PHONE


# --- the event's id -------------------------------------------------------------------------------------

ORDER = ConversionEvent(
    row=7,
    rows=2,
    event="Purchase",
    event_time=1_800_000_000,
    page=Page(url="https://example.com/thanks"),
    properties={
        "currency": "USD",
        "value": Decimal("12.50"),
        "contents": (Content(content_id="A-1", price=Decimal("6.25"), quantity=2),),
        "gift": True,
        "note": "für dich",
    },
    user=RawUser(email=("Test@example.com",), phone=("12345",)),
)


def event_id(**changes: Any) -> str | None:
    """The id of the order with these changes."""
    return prepare(replace(ORDER, **changes), IdentityRules()).event_id


def test_event_id_of_an_event_without_one() -> None:
    """The id is the digest of the content as canonical JSON, the same in every version of this library."""
    content = (
        '{"event":"Purchase","event_time":1800000000,"page":{"url":"https://example.com/thanks"},'
        '"properties":{"contents":[{"content_id":"A-1","price":"6.25","quantity":2}],"currency":"USD",'
        '"gift":true,"note":"f\\u00fcr dich","value":"12.5"},'
        f'"user":{{"email":["{TEST}"]}}}}'
    )
    assert event_id() == "84c6ff81bf0fc0f5cd701d2215af2c13"
    assert sha256(content.encode("ascii")).hexdigest().startswith("84c6ff81bf0fc0f5cd701d2215af2c13")


@pytest.mark.parametrize(
    "changes",
    [
        {"row": 8, "rows": 1},
        {"user": RawUser(email=(TEST,))},
        {"user": RawUser(email=(" TEST@EXAMPLE.COM",), city="", phone=("abc",))},
        {"properties": dict(reversed(list(ORDER.properties.items())))},
        {"properties": {**ORDER.properties, "value": Decimal("12.5")}},
        {"properties": {**ORDER.properties, "contents": list(ORDER.properties["contents"])}},
        {"app": None, "consent": True},
    ],
    ids=["other row", "hashed already", "other spelling", "other order", "other zeros", "list", "consent"],
)
def test_equal_events_have_equal_ids(changes: dict[str, Any]) -> None:
    """What is not sent, or is sent alike, does not change the id."""
    assert event_id(**changes) == event_id()


@pytest.mark.parametrize(
    "changes",
    [
        {"event": "Lead"},
        {"event_time": 1_800_000_001},
        {"user": RawUser()},
        {"page": None},
        {"limited_data_use": False},
        {"properties": {**ORDER.properties, "order_id": "1"}},
        {"properties": {**ORDER.properties, "value": Decimal("12.51")}},
        {"properties": {**ORDER.properties, "gift": 1}},
    ],
)
def test_different_events_have_different_ids(changes: dict[str, Any]) -> None:
    """Whatever is sent differently changes the id."""
    assert event_id(**changes) != event_id()


def test_given_event_id_is_kept() -> None:
    """An id that the source gave is never replaced."""
    assert event_id(event_id="order-1") == "order-1"


@pytest.mark.parametrize(
    "amount",
    ["0", "0.00", "12", "12.0", "1.2E+1", "1200E-2", "-0.50", "1E-30", "123456789012345678901234567890.123"],
)
def test_equal_numbers_are_one_content(amount: str) -> None:
    """Trailing zeros and exponents make no difference, however many digits there are."""
    spelt = Decimal(amount)
    same = Decimal(f"{spelt:f}" + ("0" if spelt.as_tuple().exponent < 0 else ".0"))  # type: ignore[operator]
    ids = {event_id(properties={"value": one}) for one in (spelt, same)}
    assert spelt == same
    assert len(ids) == 1


def test_content_that_json_cannot_hold_has_no_id() -> None:
    """An event with an odd or endless value goes on without an id."""
    endless: dict[str, Any] = {}
    endless["self"] = endless
    for odd in (object(), endless, {1: 1, "1": 1}, 10**5000):
        assert event_id(properties={"odd": odd}) is None


# --- for every input ------------------------------------------------------------------------------------

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40) | st.sampled_from(
    [raw for _, raw, _ in SENT + DROPPED] + ["{{x}}", ALICE, DIGEST_OF_NOTHING]
)
USERS = st.builds(
    RawUser,
    **{
        field.name: st.lists(ANY_TEXT, max_size=3).map(tuple) if field.name in LISTS else st.none() | ANY_TEXT
        for field in FIELDS
    },
)
EVENTS = st.builds(ConversionEvent, row=st.just(1), user=USERS, is_hashed=st.none() | st.booleans())
RULES = st.builds(
    IdentityRules,
    policy=st.sampled_from(["auto", "raw", "hashed"]),
    default_region=st.none() | st.sampled_from(["US", "GB", "BR", "IT"]),
    lower_external_id=st.booleans(),
)


@settings(deadline=None)
@given(event=EVENTS, rules=RULES)
def test_prepared_user_is_what_its_type_says(event: ConversionEvent, rules: IdentityRules) -> None:
    """No input raises, and whatever comes out is a digest where it must be, never that of nothing."""
    user = asdict(prepare(event, rules).user)
    digests = [
        one for name in HASHABLE if user[name] for one in (user[name] if name in LISTS else (user[name],))
    ]
    assert all(len(one) == 64 and set(one) <= set("0123456789abcdef") for one in digests)
    assert DIGEST_OF_NOTHING not in digests
    assert all(value is None or value.strip() for name, value in user.items() if name not in LISTS)
    assert all(len(set(user[name])) == len(user[name]) for name in LISTS)
    json.dumps(user, ensure_ascii=False).encode()


@settings(deadline=None)
@given(event=EVENTS)
def test_prepared_twice_is_prepared_once(event: ConversionEvent) -> None:
    """What was sent can be read and sent again, as a dead letter is, and is the same event."""
    rules = IdentityRules(default_region="US")
    once = prepare(replace(event, is_hashed=None, event_id=None), rules)
    again = prepare(ConversionEvent(row=1, user=RawUser(**asdict(once.user))), rules)
    assert again.user == once.user
    assert again.dropped == again.violations == ()
    assert once.violations or again.event_id == once.event_id


@settings(deadline=None)
@given(event=EVENTS, rules=RULES)
@example(
    ConversionEvent(row=1, user=RawUser(email=("planted@example",), phone=("+planted",), country="planted")),
    IdentityRules(),
)
def test_nothing_told_holds_a_value(event: ConversionEvent, rules: IdentityRules) -> None:
    """Findings name fields and rules of the tables, and no representation shows a person."""
    result = prepare(event, rules)
    paths = {f"user.{field.name}" for field in FIELDS}
    assert {(one.path in paths, one.reason in DROP_REASONS) for one in result.dropped} <= {(True, True)}
    assert {(one.path in paths, one.remedy == FAULTS[one.rule]) for one in result.violations} <= {
        (True, True)
    }
    assert repr(event) == "ConversionEvent(row=1)"
    assert repr(result) == "PreparedEvent(row=1)"
    assert (repr(event.user), repr(result.user)) == ("RawUser(hidden)", "PreparedUser(hidden)")


@settings(deadline=None)
@given(raw=st.text(max_size=30))
def test_both_spellings_of_a_character_are_one(raw: str) -> None:
    """Composed and decomposed text give one match key."""
    composed, decomposed = (
        prepared(first_name=text, external_id=text, zip_code=text, city=text)
        for text in (unicodedata.normalize("NFC", raw), unicodedata.normalize("NFD", raw))
    )
    assert composed == decomposed


WRITTEN = st.one_of(
    st.text("0123456789 +()-./,;#x", max_size=24),
    st.from_regex(r"(\+|00)?[1-9][0-9]{6,14}( ?(x|ext\.) ?[0-9]{1,4})?", fullmatch=True),
    st.sampled_from([raw for name, raw, _ in SENT + DROPPED if name == "phone"]),
)
REGIONS = st.sampled_from([None, "US", "GB", "DE", "SE", "ID", "IT", "BR", "FR", "Germany", "usa"])


@settings(deadline=None, max_examples=300)
@given(raw=WRITTEN, region=REGIONS)
def test_a_number_that_is_hashed_is_one_that_its_country_has(raw: str, region: str | None) -> None:
    """Whatever was written: the library of numbering plans says that the number is possible, in E.164."""
    rules = IdentityRules().of_row(region)
    for part in split_phones(raw):
        try:
            number = normalise_phone(part, region=rules.phone_region)
        except EventError:
            continue
        assert phonenumbers.is_possible_number(phonenumbers.parse(number)), number
        assert number[1:].isdigit()
        assert len(number) <= 16
        assert normalise_phone(number, region=rules.phone_region) == number
        assert set(prepared(phone=number).user.phone) == {sha256(number.encode()).hexdigest()}


@settings(deadline=None, max_examples=300)
@given(
    raw=st.text("ab.@<>\"';,() %\u200b\uff41=", max_size=24).map(lambda text: f"{text}jane@example.com{text}")
)
def test_an_address_that_is_hashed_stays_as_it_is(raw: str) -> None:
    """Whatever stood around it: one address comes out, which nothing more can be taken from."""
    for part in split_emails(raw):
        try:
            address = normalise_email(part)
        except EventError:
            continue
        assert address.count("@") == 1
        assert ".." not in address
        assert not set(address) & set('<>"(),; \u200b')
        assert normalise_email(address) == address
        assert split_emails(address) == (address,)


@pytest.mark.parametrize(
    ("phone_region", "country", "expected"),
    [
        (None, "US", FICTION),
        ("US", None, FICTION),
        ("us", "GB", FICTION),
        ("USA", "GB", FICTION),
        (" ", "US", FICTION),
        (None, "GB", "no_such_number"),
        ("Germany", "US", "unknown_phone_country"),
        (None, "XX", "unknown_phone_country"),
        (None, ALICE, "unknown_phone_country"),
        (None, None, "no_such_number"),
    ],
)
def test_the_row_s_country_comes_before_the_run_s(
    phone_region: str | None, country: str | None, expected: str
) -> None:
    """A national number is read by what its row says; only a row that says nothing is read by the default."""
    user = RawUser(phone=("202 555 0123",), country=country)
    event = ConversionEvent(row=1, user=user, phone_region=phone_region)
    result = prepare(event, IdentityRules(default_region="GB"))
    told = [*result.user.phone, *(one.reason for one in result.dropped if one.path == "user.phone")]
    assert told == [expected]


@pytest.mark.parametrize("spelt", [f"0x{ALICE}", f"\\x{ALICE.upper()}", f"sha256:{ALICE}", f'"{ALICE}"'])
def test_a_digest_in_other_spellings_is_the_digest(spelt: str) -> None:
    """Marks of hex and quotes are no part of it; it is not hashed a second time."""
    assert sent(prepared(email=spelt), "email") == ALICE


def test_several_digests_in_a_cell_are_several() -> None:
    """They are set apart as the values are that they stand for."""
    assert prepared(email=f"{ALICE}; {TEST}").user.email == (ALICE, TEST)


# --- the table ------------------------------------------------------------------------------------------


def test_table_names_every_identifier_once() -> None:
    """No identifier passes by the table."""
    names = [field.name for field in FIELDS]
    assert names == [one.name for one in fields(RawUser)] == [one.name for one in fields(PreparedUser)]


def test_country_codes_are_those_of_iso_3166() -> None:
    """The codes agree with the list that the time zone database keeps."""
    tzdata = pytest.importorskip("tzdata", reason="the list comes with the package tzdata")
    table = f"{tzdata.__path__[0]}/zoneinfo/iso3166.tab"
    with open(table, encoding="utf-8") as lines:
        assert {line[:2].lower() for line in lines if not line.startswith("#")} == COUNTRY_CODES


def test_phone_library_is_read_at_first_use() -> None:
    """Reading a DAG file does not load the numbering plans of the world."""
    program = f"import sys, {identifiers.__name__}; sys.exit('phonenumbers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_refreshed_envelope_leaves_the_derived_id_as_it_is() -> None:
    """The same event goes through LiveRamp and directly, or with a newer envelope, under one id."""
    events = [
        ConversionEvent(row=1, event="Purchase", event_time=1767225600, user=user)
        for user in (RawUser(), RawUser(envelope="AgNT-1"), RawUser(envelope="AgNT-2", session_id="s"))
    ]
    assert len({prepare(event, IdentityRules()).event_id for event in events}) == 1
