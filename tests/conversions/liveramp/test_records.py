# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path

from airflow_provider_tiktok.conversions.chunks import Chunk, RecordChunk, Source
from airflow_provider_tiktok.conversions.events import UnreadableRow
from airflow_provider_tiktok.conversions.liveramp.records import LiveRampRecords, events_of
from airflow_provider_tiktok.conversions.sources.files import FilesSource
from airflow_provider_tiktok.conversions.sources.records import RecordsSource
from tests.conversions.liveramp.samples import EXAMPLES


def test_records_of_both_forms_may_be_mixed() -> None:
    """LiveRamp's become nested records, all others stay; their number and order too."""
    broken = UnreadableRow("not_json", "Give JSON.")

    class Mixed(RecordsSource):
        def chunks(self) -> Generator[Chunk, None, None]:
            yield RecordChunk([EXAMPLES["web_add_to_cart"], {"event": "ViewContent"}, broken])

    rows = list(LiveRampRecords(Mixed([])).rows())
    assert [row if isinstance(row, UnreadableRow) else row["event"] for row in rows] == [
        "AddToCart",
        "ViewContent",
        broken,
    ]


def test_the_source_behind_says_what_it_is(tmp_path: Path) -> None:
    """Every power of a source is the source's own, so a retry, a place and a late letter are told as ever."""
    path = tmp_path / "events.jsonl"
    letter = {"row": 1, "outcome": "undelivered", "reason": "not_sent", "violations": [], "written_at": 7}
    path.write_text(json.dumps({**letter, "event": EXAMPLES["web_add_to_cart"]}))
    source = FilesSource([path])
    wrapped = LiveRampRecords(source)
    list(wrapped.rows())
    powers = [name for name in vars(Source) if not name.startswith("_") and name not in ("rows", "chunks")]
    assert len(powers) == 5
    for name in powers:
        given, own = getattr(wrapped, name), getattr(source, name)
        if name == "locate":
            given, own = given(1), own(1)
            assert own is not None
        elif callable(own):
            given, own = given(), own()
        assert given == own
    assert wrapped.oldest_replay_time == 7


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
        def chunks(self) -> Generator[Chunk, None, None]:
            try:
                yield from (RecordChunk([{"event": "A"}]), RecordChunk([{"event": "B"}]))
            finally:
                closed.append(True)

    rows = LiveRampRecords(Counted([])).rows()
    next(rows)
    rows.close()
    assert closed == [True]


def test_a_whole_request_gives_its_events() -> None:
    """What LiveRamp's page shows can be handed over as it stands."""
    event = EXAMPLES["web_add_to_cart"]
    assert events_of({"events": [event]}) == [event]
    assert events_of([event]) == [event]
    assert events_of({"event": "A"}) == {"event": "A"}
