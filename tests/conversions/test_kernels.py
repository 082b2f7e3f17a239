# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What a field's quick test takes, its careful rule gives the same."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec import Raw

from airflow_provider_tiktok.conversions.delivery.road import Road
from airflow_provider_tiktok.conversions.kernels import (
    ODD,
    OFFERED,
    Findings,
    Kernel,
    Told,
    ids_but,
    plain_numbers,
    plain_times,
)
from airflow_provider_tiktok.conversions.mapping import EventMapping
from airflow_provider_tiktok.conversions.mapping.event_paths import FIELDS
from tests.conversions.delivery.test_road import ODD_TEXTS, odd, parts_of

SHAPES = (
    r"[A-Za-z0-9_:/.-]{1,12}",
    r"[a-z]{1,4}[-_]?[0-9]{1,9}",
    r"[0-9]{1,12}",
    r"[A-Za-z]{1,4}[ _/:.-]{0,2}[A-Za-z]{0,4}",
    r"[a-z0-9]{1,3} {0,2}[A-Z0-9]{0,3} ?",
    r"(not|no|is|un|n|null)[ _/.-]?(set|value|data|null|a|none|available)",
    r"[A-Za-z]{0,6}[-_]?[0-9]{1,20}",
    r"(guest|anonymous|nobody|true|false|null|none|test)[ _-]?[0-9]?",
    r"#{0,2}[A-Za-z]{0,2}[0-9]{1,6}(\.[0-9]{1,3}){0,2}",
    r"[A-Za-z.]{1,4}[0-9]{0,3}\.[0-9]{0,3}|1\.#(ind|qnan)|#[a-z/]{1,4}",
    r"[0-9a-fA-F]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-fA-F]{4}-[0-9a-f]{12}|(0{8}|f{8})-(0{4}-|f{4}-){3}(0{12}|f{12})",
    r"[0-9]{1,3}[eE][0-9]{1,2}",
    r"0{0,4}[1-9]?[0-9]{0,3}\.[0-9]{0,4}",
    r"[A-Za-z0-9_+.-]{1,8}@[a-z0-9.-]{1,8}\.[a-z]{1,5}",
    r" {0,2}[A-Za-z]{1,4}[0-9]?@[a-z]{1,3}\.com {0,2}",
    r"(Null|none|NA|test|noreply|a)@(example|localhost|x)\.(com|invalid|test|c)",
    r"https?://[a-z0-9.-]{1,8}(:[0-9]{0,6})?[/?#]?[A-Za-z0-9/_.?=&%+~,;:#!*-]{0,12}",
    r"20[0-9]{2}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-5][0-9]:[0-5][0-9](Z|[+-][01][0-9]:[0-5][0-9]| UTC)?",
    r"20[0-9]{2}-(0[1-9]|1[0-2])-([0-2][0-9]|3[01])([T ][0-2][0-9]:[0-5][0-9](:[0-5][0-9](\.[0-9]{1,7})?)?)?",
    r"202[56]-[01][0-9]-[0-2][0-9][T ][0-2][0-9]:[0-5][0-9](:[0-5][0-9](\.[0-9]{1,7})?)?(Z|[+-][0-1][0-9](:?[0-5][0-9])?)",
    r"[0-9a-fA-F]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9A-F]{64}|0{64}",
    r"[0-9]{9,11}\.[0-9]{1,13}",
    r"E\.C\.P\.[A-Za-z0-9_-]{2,30}",
    r"\+1[0-9]{10}|\+1[2-9][0-9]{2}[2-9][0-9]{6}|\+49[0-9]{6,12}|\+[0-9]{5,16}|00[0-9]{9,12}|[0-9(). -]{7,16}",
    r"(\+?1[ .-]?)?\(?(202|555|800|999|2[0-9]{2}|[2-9][0-9]{2})\)?[ .-]?[2-9][0-9]{2}[ .-]?[0-9]{4}",
    r"([0-9]{1,3}\.){3}[0-9]{1,3}",
    r"(0|9|10|11|100|126|127|128|169|172|192|198|203|22[0-9]|2[3-5][0-9])\.[0-9]{1,3}\.[0-9]{1,2}\.[0-9]",
    r"Mozilla/[!-~]{0,4} ?[ -~]{0,4}",
    r"[A-Za-z]{1,8}([ '-][A-Za-z]{1,8}){0,2}",
    r"(Null|NULL|None|Nan|Na|Not|Unknown|Guest|True|blank|empty|[a-fA-F]{1,4})([ '-]?(Set|Null|na|None|[a-f]{28}))?",
    r"(null|NULL|none|nan|undefined|unknown|n/a|-|--|0|-1|guest|\(not set\)|not_set)",
)
texts = st.one_of(*(st.from_regex(shape, fullmatch=True) for shape in SHAPES), st.sampled_from(ODD_TEXTS))
numbers = st.one_of(
    st.integers(-10, 10), st.integers(0, 10**12), st.floats(0, 1e7), st.floats(),
    st.decimals(0, 10**6, places=2), st.decimals(allow_nan=True),
    st.integers(1_600_000_000, 1_800_000_000),
    st.datetimes(datetime(1999, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  # hypothesis adds the zone
)  # fmt: skip
columns = st.one_of(
    *(st.lists(st.one_of(st.none(), st.from_regex(shape, fullmatch=True)), max_size=4) for shape in SHAPES),
    *(st.lists(one, max_size=4) for one in (numbers, texts, odd)),
    st.lists(st.integers(0, 10**6), min_size=1, max_size=4),
    st.lists(st.floats(0, 1e6), min_size=1, max_size=4),
    st.lists(st.floats(-2, 10**16).map(float.__trunc__).map(float), min_size=1, max_size=4),
    st.lists(st.decimals(-2, 10**16, places=0), min_size=1, max_size=4),
    st.lists(st.one_of(st.uuids(), st.sampled_from([UUID(int=0), UUID(int=2**128 - 1)])), min_size=1, max_size=4),
    st.lists(st.dates(), max_size=4),
    st.lists(st.floats(9e8, 2e11), min_size=1, max_size=4),
    st.lists(st.decimals(9 * 10**8, 2 * 10**11, places=6), min_size=1, max_size=4),
    st.lists(st.integers(2_000_000_000, 9_999_999_999) | st.integers(12_000_000_000, 19_999_999_999), max_size=2),
    st.lists(st.datetimes(datetime(1999, 1, 1), datetime(2030, 1, 1), timezones=st.none() | st.timezones()), max_size=4),  # noqa: DTZ001  # hypothesis adds the zone
)  # fmt: skip


@pytest.mark.parametrize("policy", ["auto", "raw", "hashed"])
@pytest.mark.parametrize("path", sorted(OFFERED))
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(
    column=columns,
    timezone=st.sampled_from([None, "America/New_York", "Asia/Kolkata", "Pacific/Apia"]),
    beside=st.sampled_from(
        [(None, None), ("DE", None), (None, "GB"), ("Atlantis", " "), (" ", "usa"), ("", "JP")]
    ),
)
def test_quick_is_careful(
    path: str, policy: str, column: list[Any], timezone: str | None, beside: tuple[str | None, str | None]
):
    """A column with quick test and memory comes out as by the careful rule alone, with the same findings."""
    source = "crm" if path == "lead.lead_id" else "offline" if path == "user.lead_id" else "web"
    arguments = {"identity_policy": policy, "default_region": "US", "timezone": timezone}
    road = Road(*parts_of(arguments, event_source=source))
    field = FIELDS[path]
    if path == "event_time":
        field = EventMapping({path: "at"}, timezone=timezone).mapped[0].field  # which knows the zone
    quick, careful = road._kernel_of(field), Kernel(partial(road._tell, field))
    if path == "user.phone":
        column = [None if value is None else (value, *beside) for value in column]
    expected = _told(careful, column)
    assert _told(quick, column) == expected
    assert _told(quick, [*column, *column]) == _told(careful, [*column, *column])


@pytest.mark.parametrize("kind", [float, Decimal, str])
def test_seconds_with_fractions_are_plain(kind: Any) -> None:
    """Data frames have them as floats, and databases give the seconds of an epoch with a fraction."""
    given = list(map(kind, ("1795808235.75", "1795808236.0")))
    assert plain_times(None)(given) == [1795808235, 1795808236]


def test_a_phone_number_that_went_through_a_float_is_for_the_careful_rule() -> None:
    """Of ``1202640.0000`` the zeros are no digits of the number."""
    road = Road(*parts_of({"default_region": "US"}))
    kernel = road._kernel_of(FIELDS["user.phone"])
    wire, _, notes = _told(kernel, [("1202640.0000", None, None)])
    assert wire == [None]
    assert [note.rule for note in notes] == ["no_such_number"]


def test_an_odd_value_that_comes_again_is_looked_at_once() -> None:
    """Of a column that is plain but for one value, the careful rule is asked of that one only, and once."""
    asked: list[Any] = []

    def careful(value: Any) -> Told:
        asked.append(value)
        return ODD

    kernel = Kernel(careful, quick=plain_numbers)
    for column in (["1", "2", "3", "1x"], ["1x", "4", None, "1x"]):
        findings = Findings()
        out = kernel(column, findings)
        odd = {place for place, value in enumerate(column) if value == "1x"}
        assert findings.odd == odd
        assert [bytes(one).decode() for one in out if one is not None] == [
            one for one in column if one not in ("1x", None)
        ]
    assert asked == ["1x"]


def _told(kernel: Kernel, column: list[Any]) -> Any:
    findings = Findings()
    out = kernel(column, findings)
    wire = [None if place in findings.odd else _plain(value) for place, value in enumerate(out)]
    return wire, findings.odd, {note: sorted(set(places)) for note, places in findings.notes.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Raw | list):
        return msgspec.json.encode(value).decode()
    return repr(value) if isinstance(value, float) else str(value) if type(value) is int else value


def test_one_id_of_words_costs_one_question() -> None:
    """Among ids with digits only those of words may be null markers, and only those are asked for."""
    asked: list[str] = []
    nulls = SimpleNamespace(holds=lambda value: asked.append(value))
    column = ["A-1"] * 500 + ["ABC"] + ["A-1"] * 499
    assert ids_but(nulls)(column) == column  # type: ignore[arg-type]  # of the rule only this is needed
    assert asked == ["ABC"]
