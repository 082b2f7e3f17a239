# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""Consent strings, written here bit by bit, and read back as yes, no or unreadable."""

from __future__ import annotations

import base64

import pytest

from airflow_provider_tiktok.simulator.consent import (
    UnreadableConsent,
    allows_gpp,
    allows_tcf,
    allows_us_privacy,
)


def packed(bits: str) -> str:
    bits += "0" * (-len(bits) % 8)
    octets = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def tcf(
    *, purposes: set[int], vendors: set[int] | list[tuple[int, int]], version: int = 2, highest: int = 120
) -> str:
    """Gives a TC string; vendors as a set become a bit field, as a list of pairs they become ranges."""
    made = f"{17_000_000_000:036b}"
    head = f"{version:06b}" + made + made + "0" * 74
    consents = "".join("1" if number in purposes else "0" for number in range(1, 25))
    rest = "0" * 24 + "0" + "0" * 12 + f"{highest:016b}"
    if isinstance(vendors, set):
        field = "0" + "".join("1" if number in vendors else "0" for number in range(1, highest + 1))
    else:
        entries = (f"0{low:016b}" if low == high else f"1{low:016b}{high:016b}" for low, high in vendors)
        field = f"1{len(vendors):012b}" + "".join(entries)
    return packed(head + consents + rest + field)


def gpp(*, sale: int, sharing: int = 2, advertising: int = 2) -> str:
    """Gives a GPP string whose only section is that of the US."""
    section = f"{1:06b}" + "01" * 6 + f"{sale:02b}{sharing:02b}{advertising:02b}" + "0" * 40
    return f"DBABLA~{packed(section)}"


TCF = [
    (tcf(purposes={1, 2, 3}, vendors={97}), True),
    (tcf(purposes={1}, vendors={1, 97, 120}) + ".segment", True),
    (tcf(purposes={2, 3}, vendors={97}), False),
    (tcf(purposes={1}, vendors={96, 98}), False),
    (tcf(purposes={1}, vendors={1}, highest=10), False),
    (tcf(purposes=set(), vendors=set()), False),
    (tcf(purposes={1}, vendors=[(90, 100)]), True),
    (tcf(purposes={1}, vendors=[(1, 1), (97, 97)]), True),
    (tcf(purposes={1}, vendors=[(1, 96), (98, 98)]), False),
    (tcf(purposes={1}, vendors=[]), False),
]


@pytest.mark.parametrize(("text", "allowed"), TCF)
def test_tc_string_needs_purpose_one_and_the_vendor(text: str, allowed: bool) -> None:
    """Both must be consented to, whether vendors are bits or ranges."""
    assert text.startswith("C")
    assert allows_tcf(text) is allowed


@pytest.mark.parametrize(
    "text",
    [
        *("", "1YNN", "C", "CAAA", "not base64!", tcf(purposes={1}, vendors={97}, version=1), "null", "true"),
        tcf(purposes={1}, vendors={97}) + ".",
        tcf(purposes={1}, vendors={97}) + ".no segment",
        "Consent-given-by-the-customer-on-our-website-at-checkout",
    ],
)
def test_other_text_is_no_tc_string(text: str) -> None:
    """What is cut short, of another version or not Base64url cannot be parsed."""
    with pytest.raises(UnreadableConsent):
        allows_tcf(text)


@pytest.mark.parametrize(
    ("text", "allowed"), [("1YNN", True), ("1YNY", True), ("1---", True), ("1YYN", False)]
)
def test_us_privacy_opt_out_is_the_third_letter(text: str, allowed: bool) -> None:
    """Only an opt-out of sale is a no."""
    assert allows_us_privacy(text) is allowed


@pytest.mark.parametrize("text", ["", "2YNN", "1ynn", "1YN", "1YNNN", "true"])
def test_other_text_is_no_us_privacy_string(text: str) -> None:
    """Version 1 and three letters, or it cannot be parsed."""
    with pytest.raises(UnreadableConsent):
        allows_us_privacy(text)


GPP = [
    (gpp(sale=2), "7", True),
    (gpp(sale=0, sharing=0, advertising=0), "7", True),
    (gpp(sale=1), "7", False),
    (gpp(sale=2, sharing=1), "7", False),
    (gpp(sale=2, advertising=1), "7", False),
    ("DBABBg~BVVqAAAAAAA.QA", "8", True),
    ("DBACLMA~BVVqAAAAAAA.QA~BAAAAABA.QA", "9", True),
]


@pytest.mark.parametrize(("text", "section", "allowed"), GPP)
def test_gpp_opt_outs_are_read_in_the_national_section(text: str, section: str, allowed: bool) -> None:
    """Sale, sharing or targeted advertising opted out is a no; sections of single states are not looked into."""
    assert allows_gpp(text, section=section) is allowed


@pytest.mark.parametrize(
    ("text", "section"),
    [
        ("", "7"),
        ("DBABLA", "7"),
        ("CBABLA~BVVq", "7"),
        ("DCABLA~BVVqAAAAAAA", "7"),
        ("DBABLA~BVVq", "-1"),
        ("DBABLA~BVVq", "18"),
        ("DBABLA~BVVq", "7,8"),
        ("DBABLA~BV", "7"),
        ("DBABLA~null", "7"),
        ("DBACNY~null", "7"),
        ("DBABLA~BVVqAAAAAAA.QA", "8"),
        ("DBACLMA~BVVqAAAAAAA.QA", "7"),
        ("DBAB~BVVqAAAAAAA.QA", "7"),
    ],
)
def test_other_text_is_no_gpp_string(text: str, section: str) -> None:
    """The form must be right and the section one that is listed."""
    with pytest.raises(UnreadableConsent):
        allows_gpp(text, section=section)
