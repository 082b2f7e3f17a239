# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A preview shows what becomes of the first rows and what is missing, and no value of theirs."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok.conversions.chunks import CHUNK_ROWS
from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.mapping import EventMapping
from airflow_provider_tiktok.conversions.preview import Preview, as_text, preview, shape_of, tiktok_rules
from airflow_provider_tiktok.conversions.sources.files import FilesSource
from airflow_provider_tiktok.conversions.sources.produced import ProducedSource
from airflow_provider_tiktok.conversions.sources.records import RecordsSource
from airflow_provider_tiktok.conversions.tiktok.options import ValidationRules
from airflow_provider_tiktok.preview import main

NOW = int(time.time()) - 60
PLANTED = {
    "E-Mail": "planted@example.com",
    "Phone": "+12025550123",
    "Name": "Plantagenet",
    "Address": "198.51.100.77",
    "Order": "O-1234567",
    "Total": "9876.54",
    "Click": "E.C.P.planted-click",
}
ROW: dict[str, Any] = {"At": NOW, **PLANTED}
MAPPING = {"event_time": "At", "user.email": "E-Mail", "properties.value": "Total", "event_id": "Order"}
DEFAULTS = {"event": "Purchase", "properties.currency": "EUR", "page.url": "https://shop.example.com/thanks"}


def look(
    rows: list[Any], *, mapping: dict[str, Any] | None = None, source: str = "web", **settings: Any
) -> Preview:
    """The preview of records; without a mapping they are read by their keys."""
    return preview(
        RecordsSource(rows),
        mapping=EventMapping(mapping, **settings),
        destination=tiktok_rules(ValidationRules(event_source=source)),  # type: ignore[arg-type]
    )


def test_a_row_stands_beside_its_event() -> None:
    """What was read shows as its shape, what would be sent as digest or word."""
    shown = look([ROW], mapping=MAPPING, defaults=DEFAULTS)
    text = as_text(shown)
    assert "Row 1 → ready" in text
    assert f"sha256 {hashlib.sha256(b'planted@example.com').hexdigest()[:12]}…" in text
    assert "← E-Mail: aaaaaaa@aaaaaaa.aaa" in text
    assert "9999.99  ← Total: 9999.99" in text
    assert "Purchase" in text
    assert (shown.ready, shown.can_be_sent, dict(shown.match_keys)) == (1, True, {"email": 1})


@pytest.mark.parametrize("path", [
    "event", "event_time", "event_id", "user.email", "user.phone", "user.first_name", "user.ip", "user.ttclid",
    "user.user_agent", "user.zip_code", "user.city", "user.country", "properties.value", "properties.currency",
    "properties.description", "properties.order_id", "properties.contents[].content_id", "page.url",
    "properties.contents[].price", "lead.lead_id", "properties.anything", "user.locale", "properties.year",
])  # fmt: skip
@pytest.mark.parametrize("column", PLANTED)
def test_no_value_is_shown_wherever_it_is_mapped(path: str, column: str) -> None:
    """A wrong column may be mapped for any field: neither the words nor the result hold its value."""
    shown = look([ROW], mapping={**MAPPING, path: column}, defaults=DEFAULTS)
    told = as_text(shown) + json.dumps(shown.as_dict())
    for value in (
        PLANTED[column],
        PLANTED[column].lower(),
        PLANTED[column].lstrip("+"),
        "1234567",
        "2025550",
    ):
        assert value not in told


def test_a_file_without_a_header_shows_none_of_its_first_row(tmp_path: Path) -> None:
    """Its first row is taken for the names of columns."""
    file = tmp_path / "a.csv"
    file.write_text("planted@example.com,+12025550123\nb@example.com,+12025550124\n")
    shown = preview(
        FilesSource([file]),
        mapping=EventMapping(MAPPING, defaults=DEFAULTS),
        destination=tiktok_rules(ValidationRules(event_source="web")),
    )
    assert not shown.can_be_sent
    assert "planted" not in as_text(shown)
    assert "2025550123" not in as_text(shown)


@pytest.mark.parametrize(
    ("columns", "path", "column"),
    [
        (("E-Mail Address", "x"), "user.email", "E-Mail Address"),
        (("customer_email",), "user.email", "customer_email"),
        (("emial",), "user.email", "emial"),
        (("Paid at",), "event_time", "Paid at"),
        (("createdAt",), "event_time", "createdAt"),
        (("Grand Total",), "properties.value", "Grand Total"),
        (("orderNumber",), "event_id", "orderNumber"),
        (("mobile",), "user.phone", "mobile"),
        (("landing_site",), "page.url", "landing_site"),
        (("Event Name",), "event", "Event Name"),
    ],
)
def test_columns_are_suggested(columns: tuple[str, ...], path: str, column: str) -> None:
    """A column that is probably meant for a field that the mapping leaves out is named."""
    shown = look([dict.fromkeys(columns, "x")], mapping={"user.city": columns[-1] if "x" in columns else "z"})
    assert shown.suggestions.get(path) == column
    assert f'"{path}": "{column}",' in as_text(shown)


def test_a_column_that_is_not_there_is_told_with_the_closest() -> None:
    """What would keep the run from starting is told, and the events are shown all the same."""
    shown = look([ROW], mapping={**MAPPING, "user.phone": "Phnoe"}, defaults=DEFAULTS)
    assert len(shown.events) == 1
    assert "Phone" in " ".join(shown.problems)
    assert not shown.can_be_sent


def test_findings_skipped_rows_and_groups() -> None:
    """Rules are told with what to do, rows that are left out show nothing, a group is one event."""
    rows = [
        ROW,
        {**ROW, "E-Mail": "no address", "Total": "much"},
        {**ROW, "Name": "leave"},
        {**ROW, "Order": "O-2"},
    ]
    shown = look(
        rows,
        mapping={**MAPPING, "properties.value": "Total"},
        defaults=DEFAULTS,
        drop_rows={"Name": ["leave"]},
    )
    assert [one.outcome for one in shown.events] == [
        "ready",
        "rejected: invalid",
        "skipped: in_drop_rows",
        "ready",
    ]
    assert shown.events[2].fields == ()
    assert {(path, rule) for path, rule, _ in shown.events[1].findings} >= {
        ("properties.value", "not_a_number"),
        ("user.email", "not_an_email"),
    }
    grouped = look([ROW, ROW, {**ROW, "Order": "O-2"}], mapping=MAPPING, defaults=DEFAULTS, group_by="Order")
    assert [(one.row, one.rows) for one in grouped.events] == [(1, 2), (3, 1)]


@pytest.mark.parametrize("source", ["web", "app", "offline", "crm"])
def test_every_event_source_says_what_it_needs(source: str) -> None:
    """An event of nothing but a time tells what its event source demands."""
    (event,) = look([ROW], mapping={"event_time": "At"}, source=source).events
    paths = {path for path, _, _ in event.findings}
    needed = {"web": "page.url", "app": "app.app_id", "offline": "user", "crm": "lead.lead_id"}
    assert "event" in paths
    assert any(path.startswith(needed[source].partition(".")[0]) for path in paths)


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (None, "(empty)"),
        ("", "(empty)"),
        ("Zoë 7", "Aaa 9"),
        ("٣", "9"),
        ("名前", "aa"),
        ({"a": 1}, "{1 keys}"),
        ([1, 2], "[2 items]"),
        (12.5, "99.9"),
        ("a\nb", "a?a"),
        ("x" * 40, "a" * 32 + "…"),
    ],
)
def test_shapes(value: object, shape: str) -> None:
    """Letters and digits are all alike."""
    assert shape_of(value) == shape


def test_max_rows() -> None:
    """Only the first rows are read, and a wrong number of them is refused."""
    source = RecordsSource([ROW] * 5)
    rules = tiktok_rules(ValidationRules(event_source="web"))
    assert preview(source, mapping=EventMapping(MAPPING), destination=rules, max_rows=2).rows == 2
    with pytest.raises(ConfigurationError, match="max_rows"):
        preview(source, mapping=EventMapping(MAPPING), destination=rules, max_rows=0)


def test_no_more_is_read_than_is_shown() -> None:
    """A source without an end is read one chunk far, and closed."""
    seen: list[str] = []

    def endless() -> Iterator[dict[str, Any]]:
        try:
            while len(seen) < 5 * CHUNK_ROWS:
                seen.append("row")
                yield ROW
        finally:
            seen.append("closed")

    rules = tiktok_rules(ValidationRules(event_source="web"))
    shown = preview(ProducedSource(endless), mapping=EventMapping(MAPPING), destination=rules, max_rows=3)
    assert (shown.rows, seen.count("row"), seen[-1]) == (3, CHUNK_ROWS, "closed")


# the command


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    file = tmp_path / "orders.csv"
    file.write_text(",".join(ROW) + "\n" + ",".join(map(str, ROW.values())) + "\n")
    return file


@pytest.mark.parametrize(
    ("said", "status", "words"),
    [
        ({"mapping": MAPPING, "defaults": DEFAULTS}, 0, "1 of 1 events ready"),
        (MAPPING, 1, "page.url: missing"),
        (None, 1, '"user.email": "E-Mail",'),
        ({"mapping": MAPPING, "defualts": DEFAULTS}, 2, "Did you mean 'defaults'?"),
        ({"mapping": {"user.emial": "E-Mail"}}, 2, "user.email"),
        ({"mapping": MAPPING, "event_source": "shop"}, 2, "Set event_source to one of"),
        ([], 2, "JSON object"),
    ],
)
def test_command(
    orders: Path, capsys: pytest.CaptureFixture[str], said: Any, status: int, words: str
) -> None:
    """The exit status says whether all is ready, and wrong arguments are told in one line."""
    arguments = [str(orders)]
    if said is not None:
        file = orders.with_name("mapping.json")
        file.write_text(json.dumps(said))
        arguments += ["--mapping", str(file)]
    assert main(arguments) == status
    told = capsys.readouterr()
    assert words in told.out + told.err
    assert "planted" not in told.out + told.err


def test_a_value_that_cannot_be_read_shows_as_that() -> None:
    """Text that begins as JSON and is none is a finding of its event, and ends no preview."""
    shown = look(
        [{**ROW, "Data": '{"total": 12'}],
        mapping={**MAPPING, "properties.value": "Data.total"},
        defaults=DEFAULTS,
    )
    assert [field.read for field in shown.events[0].fields if field.path == "properties.value"] == [
        {"Data.total": "(unreadable)"}
    ]
    assert shown.events[0].outcome == "rejected: invalid"
