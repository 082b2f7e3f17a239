# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Whatever a driver, a file or a caller may put into a column."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from hypothesis import strategies as st


class Broken:
    """An object of which every question raises, with a value in the error's text."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("jane@example.com")

    def __str__(self) -> str:
        raise RuntimeError("jane@example.com")

    def __repr__(self) -> str:
        return "Broken()"

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("jane@example.com")

    def __hash__(self) -> int:
        return 1


_SPELLED = ["nan", "Infinity", "1e999", "1_0", "[", "{", "[1]", '{"price": 1}', "[[1]]", "true", "2026-11-02"]
_SPELLED += ["2026-11-02T10:00:00Z", "1700000000000", "\ud800", "\x00", "٣", "CustomEvent"]

_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**4299, max_value=10**4301),
    st.floats(),
    st.decimals(),
    st.text(max_size=8),
    st.sampled_from(_SPELLED),
    st.binary(max_size=6),
    st.datetimes(),
    st.datetimes(timezones=st.timezones()),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.uuids(),
    st.complex_numbers(),
    st.builds(object),
    st.builds(Broken),
    st.builds(lambda number: UUID(int=number), st.integers(0, 9)),
)


def odd_values() -> st.SearchStrategy[Any]:
    """Any scalar, and lists and objects of them."""
    keys = st.one_of(
        st.text(max_size=6), st.sampled_from(["price", "quantity", "value", "unit"]), st.integers()
    )
    return st.recursive(
        _SCALARS,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.tuples(inner, inner),
            st.dictionaries(keys, inner, max_size=4),
        ),
        max_leaves=8,
    )
