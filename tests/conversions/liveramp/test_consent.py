# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest

from airflow_provider_tiktok.conversions.liveramp.consent import (
    is_gpp_string,
    is_tcf_string,
    is_us_privacy_string,
    needs_no_string,
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
    ],
)
def test_other_text_is_no_gpp_string(text: str) -> None:
    """A header, and a section behind it."""
    assert not is_gpp_string(text)


def test_no_country_of_the_union_needs_no_string() -> None:
    """Nor of the EEA, nor the United Kingdom."""
    assert [code for code in f"{EU} {EEA_AND_UK}".split() if needs_no_string(code)] == []
