# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The place of a row is exact as long as memory for it is left, and then still names file and row."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tiktok.conversions.sources.places import Place, Places

GAPS = st.lists(
    st.tuples(st.sampled_from("ab"), st.lists(st.integers(1, 3) | st.none(), max_size=8)), max_size=5
)


@given(GAPS, st.integers(1, 30))
def test_places(files: list[tuple[str, list[int | None]]], max_steps: int) -> None:
    """Every row is found in its file; its line is the noted one, or unknown once the steps are used up."""
    places = Places(max_steps=max_steps)
    noted: list[Place] = []
    for file, gaps in files:
        places.enter(file)
        line = 0
        for row, gap in enumerate(gaps, start=1):
            line += gap or 1
            places.note(1, lines=None if gap is None else [line])
            noted.append(Place(file=file, row=row, line=None if gap is None else line))
    found = [places.find(row) for row in range(1, len(noted) + 1)]
    assert [(place.file, place.row) for place in found if place] == [
        (place.file, place.row) for place in noted
    ]
    assert all(place and place.line in (None, known.line) for place, known in zip(found, noted, strict=True))
    if len(noted) <= max_steps:
        assert found == noted
    assert places.find(0) is places.find(len(noted) + 1) is None


def test_lines_are_given_up_before_memory_is() -> None:
    """A blank line between all rows uses up the steps; the rows after are found without their line."""
    places = Places(max_steps=10)
    places.enter("a.jsonl")
    for row in range(1, 1001):
        places.note(1, lines=[2 * row])
    assert str(places.find(10)) == "a.jsonl, line 20"
    assert str(places.find(1000)) == "a.jsonl, row 1000"
    assert len(places._steps) == 11
