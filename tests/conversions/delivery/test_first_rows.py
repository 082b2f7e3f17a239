# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What the first rows tell: whether a run may begin, and what its events go without."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import pytest

from airflow_provider_tiktok.conversions.chunks import Chunk, RecordChunk
from airflow_provider_tiktok.conversions.delivery.engine import Delivery, Options, deliver
from airflow_provider_tiktok.conversions.delivery.first_rows import FIRST_BYTES, FIRST_ROWS, take_first
from airflow_provider_tiktok.conversions.errors import ConfigurationError, TransientError
from airflow_provider_tiktok.conversions.events import PreparedEvent, UnreadableRow, Violation
from airflow_provider_tiktok.conversions.mapping import EventMapping
from tests.conversions.delivery.ledger import Ledger, Rows, Store

MAPPING = {
    "event_id": "id",
    "event_time": "at",
    "page.url": "url",
    "user.email": "email",
    "user.phone": "phone",
    "user.ttclid": "ttclid",
    "consent": "opt_in",
}


class Demanding(Ledger):
    """A destination that needs a page, and somebody whose event it is."""

    def check(self, event: PreparedEvent) -> tuple[Violation, ...]:
        found = list(super().check(event))
        if not (event.page and event.page.url):
            found.append(Violation(path="page.url", rule="missing", remedy="Map it."))
        if not (event.user.email or event.user.phone):
            found.append(Violation(path="user", rule="no_match_key", remedy="Map email or phone."))
        if not event.user.ttclid:
            found.append(Violation(path="user.ttclid", rule="missing", remedy="", is_fatal=False))
        return tuple(found)


def row(number: int, **fields: Any) -> dict[str, Any]:
    whole = {
        "id": number,
        "at": 1767225600,
        "url": "https://example.com/",
        "email": "a@example.com",
        **fields,
    }
    return {name: value for name, value in whole.items() if value is not ...}


def run(rows: Sequence[Any], *, columns: tuple[str, ...] | None = None, **arguments: Any) -> Delivery:
    source = Rows(rows)
    source.columns = columns
    given = {"destination": Demanding(), **arguments}
    mapping = EventMapping(given.pop("mapping", MAPPING), defaults={"event": "Purchase"})
    return deliver(source, mapping=mapping, **given)


def test_optional_keys_that_no_record_has_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """In the log and in the receipt; every event is sent."""
    with caplog.at_level(logging.WARNING):
        delivery = run([row(n) for n in range(5)])
    assert (delivery.stopped_by, delivery.receipt.accepted) == (None, 5)
    told = {finding.rule: finding for finding in delivery.receipt.warnings}
    rules = ["user.phone: column_absent", "user.ttclid: column_absent", "consent: column_absent"]
    assert set(told) == {*rules, "user.ttclid: missing"}
    assert all(told[rule].rows == () and told[rule].count == 1 for rule in rules)
    assert "none of the first 5 rows has 'ttclid'" in told["user.ttclid: column_absent"].remedy
    assert caplog.text.count("Events are sent without it until a row has it.") == 3


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([row(n, url=...) for n in range(5)], "mapping['page.url']: none of the first 5 rows has 'url'"),
        ([row(n, email=...) for n in range(5)], "mapping['user.email']"),
        ([row(n, email=...) for n in range(5)], "mapping['user.phone']"),
        ([row(n, id=...) for n in range(5)], "mapping['event_id']"),
        ([row(n, at=...) for n in range(5)], "mapping['event_time']"),
        ([UnreadableRow("not_json", "Repair."), row(1, url=...)], "mapping['page.url']"),
        ([row(n, ttclid=..., ttclick=1, emial=1, email=...) for n in range(5)], "closest is 'emial'"),
    ],
)
def test_what_every_event_needs_stops_the_run(rows: list[Any], told: str) -> None:
    """The destination says what that is; nothing is sent."""
    ledger = Demanding()
    delivery = run(rows, destination=ledger)
    assert isinstance(delivery.stopped_by, ConfigurationError)
    assert told in str(delivery.stopped_by)
    assert (ledger.requests, delivery.receipt.read) == ([], 0)


def test_one_event_that_does_without_is_enough() -> None:
    """What some of the first events have is no fault of the mapping: each event gets its own result."""
    rows = [row(1, email=..., phone="+12025550123"), row(2, email=...), row(3, email=...)]
    delivery = run(rows)
    assert (delivery.stopped_by, delivery.receipt.accepted, delivery.receipt.rejected) == (None, 1, 2)


def test_consent_that_no_record_has_stops_a_run_that_requires_it() -> None:
    """Every event would be skipped, green and in silence."""
    delivery = run([row(n) for n in range(5)], options=Options(require_consent=True))
    assert "mapping['consent']: none of the first 5 rows has 'opt_in'" in str(delivery.stopped_by)
    rows = [row(1, opt_in=False), row(2, opt_in=True)]
    assert run(rows, options=Options(require_consent=True)).receipt.accepted == 1


def test_a_way_into_a_declared_column_is_looked_for_in_the_rows() -> None:
    """A query names its columns, not what their JSON holds."""
    mapping = {"event_id": "id", "event_time": "at", "page.url": "data.url", "user.email": "email"}
    columns = ("id", "at", "email", "data")
    rows = [row(n, url=..., data='{"url": "https://example.com/"}') for n in range(1200)]
    assert run(rows, mapping=mapping, columns=columns).receipt.accepted == 1200
    for data, told in (
        ('{"ulr": 1, "urll": 2}', "none of the first 1,000 rows has 'data.url'"),
        ("text", "nothing can be found at 'data.url'"),
        ('{"link": "https://example.com/"}', "No event is sent without it."),
    ):
        delivery = run([row(n, url=..., data=data) for n in range(1200)], mapping=mapping, columns=columns)
        assert isinstance(delivery.stopped_by, ConfigurationError)
        assert told in str(delivery.stopped_by)


def test_an_optional_key_of_earlier_rows_is_not_missed_by_a_retry() -> None:
    """Behind the checkpoint no row has it: what the first try saw is not looked for again."""
    rows = [row(n, **({"phone": "+12025550123"} if n < 40 else {})) for n in range(3000)]
    store = Store()
    first = run(rows, destination=Demanding(moods=["works"] * 30 + ["revoked"]), checkpoints=store)
    assert first.stopped_by is not None
    second = run(rows, destination=Demanding(), checkpoints=store)
    assert second.stopped_by is None
    assert second.receipt.accepted == 3000
    warnings = [finding for finding in second.receipt.warnings if finding.rule == "consent: column_absent"]
    assert [finding.count for finding in warnings] == [1]


@pytest.mark.parametrize(
    ("gone", "outcome"),
    [
        ({"url": ...}, "rejected"),
        ({"email": ...}, "rejected"),
        ({"opt_in": ...}, "skipped"),
        ({"data": "{}"}, "rejected"),
    ],
)
def test_a_resumed_run_does_not_miss_a_needed_key(gone: dict[str, Any], outcome: str) -> None:
    """Where only rows before the checkpoint had it, those behind get their results one by one."""
    inside, url = '{"url": "https://example.com/"}', "data.url" if "data" in gone else "url"
    rows = [row(n, opt_in=True, data=inside) for n in range(1500)]
    rows += [row(n, **{"opt_in": True, "data": inside, **gone}) for n in range(1500, 3000)]
    mapping = {path: name for path, name in MAPPING.items() if name in rows[0]}
    given: dict[str, Any] = {
        "mapping": {**mapping, "page.url": url},
        "columns": tuple(rows[0]) if "data" in gone else None,
        "options": Options(require_consent=True),
    }
    store = Store()
    first = run([*rows[:1600], TransientError("The source broke.")], checkpoints=store, **given)
    assert (first.receipt.accepted, first.receipt.read) == (1500, 1600)
    second = run(rows, checkpoints=store, **given)
    assert (second.stopped_by, second.receipt.resumed_from) == (None, 1600)
    assert (second.receipt.accepted, getattr(second.receipt, outcome)) == (1500, 1500)


def test_the_look_is_bounded_by_rows_and_by_bytes() -> None:
    """A thousand rows, or about 16 MB of them."""
    taken: list[Chunk] = []
    take_first((RecordChunk([row(n)]) for n in range(FIRST_ROWS + 5)), into=taken)
    assert len(taken) == FIRST_ROWS
    large: list[Chunk] = []
    rows = ({"a": {"b": ["x" * (FIRST_BYTES // 4)]}, "n": n} for n in range(FIRST_ROWS))
    take_first((RecordChunk([one]) for one in rows), into=large)
    assert len(large) == 4
    few: list[Chunk] = [RecordChunk([row(0)])]
    take_first(iter([RecordChunk([row(1), UnreadableRow("not_json", "x")])]), into=few)
    assert sum(map(len, few)) == 3
