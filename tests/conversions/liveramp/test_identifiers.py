# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest

from airflow_provider_tiktok.conversions.liveramp.identifiers import (
    custom_identifiers,
    email_identifiers,
    identifiers_of,
    phone_identifiers,
)

# Computed by coreutils: printf %s TEXT | sha256sum, sha1sum, md5sum.
PERSON = (
    (4, "542d240129883c019e106e3b1b2d3f3cb3537c43c425364de8e951d5a3083345"),
    (4, "371ab9ac0b1ab6d871f7a4c6e8823579e979eb90"),
    (4, "7de8517bce4457e8390aa4006a1880fb"),
)
FIRSTLAST_AT_GMAIL = "ed6c35e905a6daa500da471136a733ccccf446b294e80ae03a1d5d865fe1044c"
PERSON_WITH_TAG = "320a7469cf724f349cefa38b1f5e7d8f29fb2a6a9c3298b1a9e70e5267faddb7"
PHONE = ((11, "9a882b21b558bffc1ddeed9580c635acc781e95e"),)


@pytest.mark.parametrize(
    "address",
    ["person@example.com", "  Person@Example.COM ", "person+shop@example.com", "PERSON+a+b@example.com"],
)
def test_an_address_gives_three_digests_of_its_folded_form(address: str) -> None:
    """SHA-256, SHA-1 and MD5, in this order, of one text."""
    assert email_identifiers(address) == PERSON


def test_dots_go_at_gmail_alone() -> None:
    """They mean nothing there, and elsewhere they do."""
    assert email_identifiers("first.last+tag@gmail.com")[0] == (4, FIRSTLAST_AT_GMAIL)
    assert email_identifiers("first.last@example.com") != email_identifiers("firstlast@example.com")


def test_folding_can_be_turned_off() -> None:
    """Then trimmed and lower-cased is all."""
    assert email_identifiers("Person+Shop@example.com", is_folded=False)[0] == (4, PERSON_WITH_TAG)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "person",
        "@example.com",
        "person@",
        "a@b@example.com",
        "a b@example.com",
        "+x@example.com",
        "null",
        "person@example",
        "null@null",
        "jane@example..com",
        "jane..doe@example.com",
        ".jane@example.com",
        "jane@example.com;",
        "<jane@example.com>",
        '"jane"@example.com',
        "mailto:jane@example.com",
        "jäne@example.com",
        "jane@example.com,joe@example.com",
        "jane@example.com.",
        "jane@-example.com",
        "a" * 250 + "@example.com",
    ],
)
def test_what_is_no_address_gives_nothing(address: str) -> None:
    """Never a digest of something else."""
    assert email_identifiers(address) == ()


@pytest.mark.parametrize("number", ["2025550123", "+1 (202) 555-0123", "1-202-555-0123", "202.555.0123"])
def test_a_number_gives_the_sha1_of_its_ten_digits(number: str) -> None:
    """The country code is not hashed, other than at TikTok."""
    assert phone_identifiers(number) == PHONE


@pytest.mark.parametrize(
    "number",
    [
        "",
        "+442079460123",
        "5550123",
        "+12025550123x9",
        "٢٠٢٥٥٥٠١٢٣",
        "22025550123",
        "+3312345678",
        "+2025550123",
        "9999999999",
        "0000000000",
        "1234567890",
        "2025550123 2025550124",
        "null",
        "2021550123",
    ],
)
def test_other_numbers_give_nothing(number: str) -> None:
    """LiveRamp takes numbers of ten digits alone."""
    assert phone_identifiers(number) == ()


@pytest.mark.parametrize(
    ("custom_id", "count"),
    [
        ("123:abc-9", 1),
        ("abc", 0),
        ("1:a@b.c", 0),
        ("+1:2", 0),
        ("", 0),
        ("null:null", 0),
        ("1:null", 0),
        ("-:-", 0),
        ("123:0", 0),
    ],
)
def test_a_custom_id_is_sent_as_it_is_or_not_at_all(custom_id: str, count: int) -> None:
    """It travels unhashed, so nothing that may be an address or a number passes."""
    assert custom_identifiers(custom_id) == ((15, custom_id),) * count


def test_the_first_kind_of_use_is_taken() -> None:
    """E-mail, then phone, then custom id; kinds are not mixed."""
    everything = {"email": "person@example.com", "phone": "2025550123", "custom_id": "1:a"}
    assert identifiers_of(**everything) == PERSON
    assert identifiers_of(**{**everything, "email": "no address"}) == PHONE
    assert identifiers_of(email=None, phone="1", custom_id="1:a") == ((15, "1:a"),)
    assert identifiers_of(email=None, phone=None, custom_id=None) == ()


@pytest.mark.parametrize("digest", [PERSON[0][1], PERSON[1][1], PERSON[2][1]])
def test_a_digest_is_never_taken(digest: str) -> None:
    """It may be one that was made for TikTok, which names nobody at LiveRamp."""
    assert identifiers_of(email=digest, phone=None, custom_id=None) == ()
