# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Iterator

from airflow_provider_tiktok.conversions.events import Row, UnreadableRow
from airflow_provider_tiktok.conversions.liveramp.records import LiveRampRecords, events_of
from airflow_provider_tiktok.conversions.sources.records import RecordsSource
from tests.conversions.liveramp.samples import EXAMPLES


def test_records_of_both_forms_may_be_mixed() -> None:
    """LiveRamp's become nested records, all others stay; their number and order too."""
    broken = UnreadableRow("not_json", "Give JSON.")

    class Mixed(RecordsSource):
        def rows(self) -> Iterator[Row]:
            yield from [EXAMPLES["web_add_to_cart"], {"event": "ViewContent"}, broken]

    rows = list(LiveRampRecords(Mixed([])).rows())
    assert [row if isinstance(row, UnreadableRow) else row["event"] for row in rows] == [
        "AddToCart",
        "ViewContent",
        broken,
    ]


def test_the_source_behind_says_what_it_is() -> None:
    """Order, columns and fingerprint are the source's own, so a retry goes on as elsewhere."""
    source = RecordsSource([EXAMPLES["web_add_to_cart"]])
    wrapped = LiveRampRecords(source)
    assert wrapped.is_ordered is source.is_ordered
    assert wrapped.fingerprint() == source.fingerprint()
    list(wrapped.rows())
    assert wrapped.columns == source.columns


def test_the_source_behind_says_where_a_row_stands() -> None:
    """So that a dead letter names file and line, as elsewhere; where a number says all, nothing does."""

    class Placed(RecordsSource):
        def locate(self, row: int) -> str:
            return f"line {row}"

    assert LiveRampRecords(Placed([])).locate(7) == "line 7"
    assert LiveRampRecords(RecordsSource([])).locate(7) is None


def test_an_early_end_closes_the_source() -> None:
    """A run that stops leaves no cursor open."""
    closed = []

    class Counted(RecordsSource):
        def rows(self) -> Iterator[Row]:
            try:
                yield from ({"event": "A"}, {"event": "B"})
            finally:
                closed.append(True)

    rows = LiveRampRecords(Counted([])).rows()
    next(rows)
    rows.close()  # type: ignore[attr-defined]
    assert closed == [True]


def test_a_whole_request_gives_its_events() -> None:
    """What LiveRamp's page shows can be handed over as it stands."""
    event = EXAMPLES["web_add_to_cart"]
    assert events_of({"events": [event]}) == [event]
    assert events_of([event]) == [event]
    assert events_of({"event": "A"}) == {"event": "A"}
