# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What stands for no value is told from what only looks so, by a rule for each kind of field."""

from __future__ import annotations

from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.values import (
    CITIES,
    COUNTRIES,
    DEVICES,
    IDS,
    NAMES,
    PEOPLE,
    ZIP_CODES,
    NullRule,
    NullValues,
    spellings_of_nothing,
)
from tests.conversions.values.odd_values import odd_values

NIL = "00000000-0000-0000-0000-000000000000"

EVERYWHERE = [
    *("null", "NULL", "nUlL", " null ", "null\n", "\\N", "\\n", "nan", "NaN", "-nan", "NaT", "<NA>", "pd.NA"),
    *("undefined", "Undefined", "(not set)", "(none)", "not set", "NOT_SET", "Not Set", "[null]", "<null>"),
    *("N/A", "n/a", "#N/A", "#n/a", "N.A.", "#NULL!", "#REF!", "#VALUE!", "#DIV/0!", "1.#QNAN", "-1.#IND"),
    *('"null"', "'null'", "`null`", "\u201cnull\u201d", "(null)", "-", "--", "\u2014", "\u2013\u2013"),
    *("%28not%20set%29", "(not+set)", "&lt;NA&gt;", "%5CN", "\uff4e\uff55\uff4c\uff4c", "nu\u200bll\u00a0"),
    *("null_null", "undefined-undefined", "None,None", "nan nan", "null|undefined", "[object Object]"),
    *("not-set", "Not-Available", "no-data", "un-known", "N-A"),
    *("unknown", "Not Available", "not applicable", NIL, NIL.replace("-", ""), f"{{{NIL}}}", "f" * 32),
]


@pytest.mark.parametrize("text", EVERYWHERE)
@pytest.mark.parametrize("rule", [IDS, PEOPLE])
def test_markers_stand_for_nothing(rule: NullRule, text: str) -> None:
    """Case, blanks, quotes, brackets and escapes make no difference."""
    assert rule.holds(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "null-1", "u-null", "nullable", "nancy", "noneil", "nanette", "undefined1", "n", "a"),
        *(
            "null@example.com",
            "naname",
            "Natalie",
            "1001",
            "00001001",
            "10000000-0000-0000-0000-000000000000",
        ),
        *("None of the above", "not set yet", "x" * 65, "E.C.P.null", "(", "100%25", "&amp;", "-5", "na1"),
    ],
)
@pytest.mark.parametrize("rule", [IDS, PEOPLE, NAMES, COUNTRIES, CITIES, DEVICES])
def test_what_only_looks_so_is_a_value(rule: NullRule, text: str) -> None:
    """A marker inside of something else is a part of it; blank text is absent without a word."""
    assert not rule.holds(text)


@pytest.mark.parametrize(
    ("rule", "text", "is_null"),
    [
        (COUNTRIES, "NA", False),
        (COUNTRIES, " na ", False),
        (COUNTRIES, "N/A", True),
        (COUNTRIES, "null", True),
        (IDS, "NA", True),
        (CITIES, "None", False),
        (CITIES, "none", False),
        (CITIES, "(none)", True),
        (CITIES, "null", True),
        (NAMES, "Null", False),
        (NAMES, "None", False),
        (NAMES, "Nan", False),
        (NAMES, "Na Na", False),
        (NAMES, "NULL", True),
        (NAMES, "null", True),
        (NAMES, "None.", False),
        (NAMES, "(None)", True),
        (NAMES, "NaN", True),
        (NAMES, "Undefined", True),
        (IDS, "0", False),
        (IDS, "-1", False),
        (PEOPLE, "0", True),
        (PEOPLE, "0.0", True),
        (PEOPLE, "-1", True),
        (PEOPLE, "guest", True),
        (PEOPLE, "10", False),
        (ZIP_CODES, "00000", True),
        (ZIP_CODES, "01000", False),
        (DEVICES, NIL, False),
        (DEVICES, "null", True),
    ],
)
def test_what_is_real_depends_on_the_field(rule: NullRule, text: str, is_null: bool) -> None:
    """NA is Namibia, None a town, Null a surname, and an event may have the number 0."""
    assert rule.holds(text) is is_null


@pytest.mark.parametrize("raw", ["-99", " -99 ", "No E-Mail", -99, -99.0, Decimal("-99.00")])
def test_a_run_names_further_texts(raw: object) -> None:
    """Case, blanks, and how a driver gives a number, make no difference."""
    assert NullValues(["-99", "no e-mail"]).holds(raw)


@pytest.mark.parametrize("raw", [None, True, "99", 99, b"-99", [], 10**400, float("inf")])
def test_other_values_stand_for_themselves(raw: object) -> None:
    """What is not named is a value, and nothing raises."""
    assert not NullValues(["-99", "true", "1"]).holds(raw)


NAMED = ["-99", " No\u00a0e-mail ", "STRASSE", "1\n2"]
CELLS = (
    st.sampled_from(
        ["-99", " -99\n", "x-99", "Stra\u00dfe", "no\u00a0E-MAIL", "1\n2", "1", "2", None, -99, 99]
    )
    | st.integers()
    | odd_values()
)


@given(column=st.lists(CELLS, max_size=5) | st.lists(st.sampled_from([-99, 99, 10**5000]), max_size=3))
def test_a_column_is_looked_through_as_value_by_value(column: list[Any]) -> None:
    """One look passes by a column that has none of the texts, and misses none that has."""
    nulls = NullValues(NAMED)
    assert nulls.places_in(column) == [place for place, raw in enumerate(column) if nulls.holds(raw)]


@pytest.mark.parametrize("texts", ["NULL", [""], [" "], [None], [1]])
def test_null_values_are_texts(texts: Any) -> None:
    """A single text would be taken for its letters, and a blank one is absent anyway."""
    with pytest.raises(ConfigurationError, match="null_values"):
        NullValues(texts)


def test_digests_of_nothing_are_known_as_senders_make_them() -> None:
    """Before hashing some lower-case and some do not; a name in small letters may be one."""
    people, names = spellings_of_nothing(PEOPLE), spellings_of_nothing(NAMES)
    assert {
        "",
        "null",
        "NULL",
        "Null",
        "None",
        "none",
        "undefined",
        "n/a",
        "N/A",
        "NaN",
        "\\N",
        "0",
    } <= people
    assert {"", "NULL", "undefined", "n/a"} <= names
    assert not {"null", "Null", "none", "nan", "na", "nat", "0"} & names
    assert len({sha256(text.encode()).hexdigest() for text in people}) == len(people)
