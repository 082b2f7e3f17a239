# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest

from airflow_provider_tiktok.conversions.liveramp.consent import (
    Consent,
    IncompleteConsent,
    is_gpp_string,
    is_tcf_string,
    is_us_privacy_string,
    needs_no_string,
    read_consent,
)
from tests.conversions.liveramp.samples import TCF
from tests.simulator.test_consent import GPP as SIMULATED_GPP
from tests.simulator.test_consent import TCF as SIMULATED_TCF

EU = "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE"
EEA_AND_UK = "IS LI NO GB"

PUBLISHED_TCF = "COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACCKAAA"
"""An example on the pages of the TCF."""


@pytest.mark.parametrize("text", [TCF, PUBLISHED_TCF, f"{PUBLISHED_TCF}.IFukWSQgAIQwgI0QEByFAAAAeIAACAIgAAA"])
def test_a_tc_string_is_told_by_its_core(text: str) -> None:
    """With and without further segments."""
    assert is_tcf_string(text)


def test_strings_that_the_simulator_reads_are_read_here() -> None:
    """Both were written from IAB's pages, neither from the other."""
    assert all(is_tcf_string(text) for text, _ in SIMULATED_TCF if "segment" not in text)
    assert all(is_gpp_string(text) for text, _, _ in SIMULATED_GPP)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "C",
            "CAAA",
            "null",
            "true",
            "consented",
            "Consent",
            "CONSENT",
            "1",
            "4",
            "1YNN",
            "0",
            "-",
            "C" * 60,
        ),
        "Consent-given-by-the-customer-on-our-website-at-checkout",
        "ConsentWasGivenInTheShopByTheCustomerInPersonOnTuesday",
        "COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUA",  # cut off by a column of 40 characters
        PUBLISHED_TCF[:-6],
        "B" + PUBLISHED_TCF[1:],  # version 1
        f" {PUBLISHED_TCF}",
        f"{PUBLISHED_TCF}=",
        f"{PUBLISHED_TCF}.",
        f"{PUBLISHED_TCF},{PUBLISHED_TCF}",
        PUBLISHED_TCF.replace("A", "+"),
        "C" + "A" * 30_000,
    ],
)
def test_other_text_is_no_tc_string(text: str) -> None:
    """Words, markers, other kinds of strings, and strings that were cut off."""
    assert not is_tcf_string(text)


@pytest.mark.parametrize("text", ["1YNN", "1YYN", "1NNY", "1---", "1-N-"])
def test_a_us_privacy_string_is_four_letters(text: str) -> None:
    """What it says is for LiveRamp to read: an opt-out removes the envelope there."""
    assert is_us_privacy_string(text)


@pytest.mark.parametrize("text", ["", "1ynn", "YNN", "2YNN", "1YNN1YNN", "1YN", "Y", "yes", "true", "1 YNN"])
def test_other_text_is_no_us_privacy_string(text: str) -> None:
    """Version 1, in capitals."""
    assert not is_us_privacy_string(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "DBAA~1",
        "DBABLA",
        "DBABLA~",
        "~BVVq",
        "DB~BVVq",
        "CBABLA~BVVq",
        "DBABLA~no no",
        "null",
        "GPP~yes",
        "D~B",
        "DBACNY~null",
        "DBABLA~null",
        "DBABLA~undefined",
        "DBABLA~1YNN",
        "DBABMA~BVVqAAAAAAA.QA",  # says that it is a TC string
        "DBACNYA~BVVqAAAAAAA.QA",  # one section of two
        "DBABLA~BVVqAAAAAAA.QA~BAAAAABA.QA",
        "DBAB~BVVqAAAAAAA.QA",  # a header that was cut off
        "DBABLA~AVVqAAAAAAA.QA",  # of no version
        "DBD___A~BVVqAAAAAAA",
    ],
)
def test_other_text_is_no_gpp_string(text: str) -> None:
    """A header, and a section behind it."""
    assert not is_gpp_string(text)


@pytest.mark.parametrize(
    ("text", "sections"),
    [
        ("DBABLA~BVVqAAAAAAA.QA", {7}),
        (f"DBABMA~{PUBLISHED_TCF}", {2}),
        (f"DBACNYA~{PUBLISHED_TCF}~1YNN", {2, 6}),
        ("DBACLMA~BVVqAAAAAAA.QA~BAAAAABA.QA", {7, 9}),
    ],
)
def test_a_gpp_string_holds_the_section_that_applies(text: str, sections: set[int]) -> None:
    """The header says which it holds; another one beside it is a slip."""
    assert is_gpp_string(text)
    for sid in range(1, 30):
        given = Consent(gpp=text, gpp_sid=str(sid))
        if sid in sections:
            assert read_consent(given) == given
        else:
            with pytest.raises(IncompleteConsent):
                read_consent(given)


def test_a_tc_string_of_zeros_is_none() -> None:
    """Nobody consented in 1970."""
    assert not is_tcf_string("C" + "A" * 60)


def test_no_country_of_the_union_needs_no_string() -> None:
    """Nor of the EEA, nor the United Kingdom."""
    assert [code for code in f"{EU} {EEA_AND_UK}".split() if needs_no_string(code)] == []
