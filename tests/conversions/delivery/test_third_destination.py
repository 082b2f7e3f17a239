# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A destination unlike the others is one class: the engine delivers to it with nothing changed below."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from airflow_provider_tiktok.conversions import validation
from airflow_provider_tiktok.conversions.answers import Answer, Verdict
from airflow_provider_tiktok.conversions.batching import Batch, Encoded, Limits
from airflow_provider_tiktok.conversions.delivery.dead_letter import DeadLetters
from airflow_provider_tiktok.conversions.delivery.destination import Destination
from airflow_provider_tiktok.conversions.delivery.engine import Delivery, Options, deliver
from airflow_provider_tiktok.conversions.delivery.road import Careful, Road
from airflow_provider_tiktok.conversions.errors import TransientError
from airflow_provider_tiktok.conversions.event_columns import EventColumns
from airflow_provider_tiktok.conversions.events import PreparedEvent, Violation
from airflow_provider_tiktok.conversions.identifiers import Form, Identity, IdentityRules, rows
from airflow_provider_tiktok.conversions.identifiers.table import phone_of
from airflow_provider_tiktok.conversions.kernels import OFFERED, Findings
from airflow_provider_tiktok.conversions.mapping import EventMapping
from airflow_provider_tiktok.conversions.mapping.event_paths import Field
from airflow_provider_tiktok.conversions.sources.files import FilesSource
from tests.conversions.delivery.ledger import Store

NOW = 1_800_000_000
EMAIL, PHONE, CITY, CLICK = rows("email", "phone", "city", "ttclid")


def phone_without_plus(text: str, rules: IdentityRules) -> str:
    """Digits alone, country code first."""
    return phone_of(text, rules).removeprefix("+")


class Columns:
    """The wire form of events that travel as columns."""

    quick = OFFERED - {"page.url"}
    checked: frozenset[str] = frozenset()
    makes_ids = True

    def value_of(self, prepared: PreparedEvent, field: Field) -> Any:
        part = prepared if field.section == "event" else getattr(prepared, field.section)
        value = part.get(field.name) if isinstance(part, Mapping) else getattr(part, field.name)
        return list(value) if isinstance(value, tuple) else value

    def check(self, events: EventColumns, findings: Findings) -> None:
        for path in ("user.email", "event_time"):
            findings.odd.update(events.missing(path))

    def groups(self, events: EventColumns) -> None:
        return

    def lines(self, events: EventColumns) -> list[bytes]:
        columns = [events.column(path) for path in PATHS.values()]
        return [_line(values) for values in zip(*columns, strict=True)]


PATHS = {
    "id": "event_id", "what": "event", "when": "event_time", "mail": "user.email", "tel": "user.phone",
    "town": "user.city",
}  # fmt: skip


def _line(values: tuple[Any, ...]) -> bytes:
    given = {key: value for key, value in zip(PATHS, values, strict=True) if value}
    return msgspec.json.encode(given)


class Postbox:
    """Takes seven events at once, and answers for each; towns are hashed, telephone numbers have no plus.

    :param refused: ids of events that it does not take.
    :param breaks_after: requests after which it is down, once.
    """

    name = "Postbox"
    address = "postbox://one"
    limits = Limits(max_events=7, overhead_bytes=2)
    identity = Identity(
        table=(EMAIL, PHONE._replace(normalise=phone_without_plus), CITY._replace(form=Form.DIGEST))
    )
    columns: Columns | None = Columns()
    _check = validation.ChosenChecks(
        checks=(
            partial(validation.check_time, times=validation.TimeRules(now=lambda: NOW)),
            lambda event: iter(() if event.user.email else (Violation("user.email", "missing", "Map it."),)),
            partial(validation.check_digests, names=("email", "phone", "city")),
        ),
        essential=frozenset({"user.email"}),
    )

    def __init__(self, *, refused: set[str] | None = None, breaks_after: int | None = None) -> None:
        self.refused = refused or set()
        self.breaks_after = breaks_after
        self.taken: list[dict[str, Any]] = []
        self.sizes: list[int] = []
        self.n_encoded = 0

    def check(self, event: PreparedEvent) -> tuple[Violation, ...]:
        return self._check(event)

    def encode(self, event: PreparedEvent) -> Encoded:
        self.n_encoded += 1
        user = event.user
        line = (event.event_id, event.event, event.event_time, user.email, user.phone, user.city)
        return Encoded(body=_line(line))

    def record(self, event: PreparedEvent) -> Mapping[str, Any]:
        user = {"email": list(event.user.email), "phone": list(event.user.phone), "city": event.user.city}
        return {
            "event": event.event,
            "event_time": event.event_time,
            "event_id": event.event_id,
            "user": user,
        }

    def send(self, batch: Batch) -> Answer:
        if self.breaks_after is not None and len(self.sizes) >= self.breaks_after:
            self.breaks_after = None
            raise TransientError("down", attempts=2)
        events = [json.loads(line) for line in batch.lines]
        failed = {n: "no such street" for n, one in enumerate(events) if one["id"] in self.refused}
        self.sizes.append(len(events))
        self.taken += [one for n, one in enumerate(events) if n not in failed]
        verdict = Verdict.PARTIAL if failed else Verdict.ACCEPTED
        return Answer(verdict=verdict, failed=failed, code=7 if failed else 0, request_id="p-1")


# ------------------------------------------------------------------------------- what is seen of it

MAPPING = {
    "event_id": "order", "event": "kind", "event_time": "time", "user.email": "mail", "user.phone": "tel",
    "user.city": "town", "user.ttclid": "click",
}  # fmt: skip


def of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def write(path: Path, n_rows: int) -> FilesSource:
    """Good orders; every tenth has no address, every eleventh a town to spell out."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(MAPPING.values())
        for n in range(n_rows):
            mail = "" if n % 10 == 9 else f"person{n}@example.com"
            town = "São Paulo" if n % 11 == 10 else "Rome"
            phone = f"+1202555{n % 100 + 100:04}"
            writer.writerow([f"o-{n}", "Purchase", NOW - n, mail, phone, town, "E.C.P.click123"])
    return FilesSource([path])


def run(source: FilesSource, to: Destination, folder: Path, store: Store | None = None) -> Delivery:
    letters = DeadLetters(folder / "letters.jsonl", run="dag/run/task")
    return deliver(
        source,
        mapping=EventMapping(MAPPING),
        destination=to,
        options=Options(max_in_flight=1),
        dead_letters=letters,
        checkpoints=store,
    )


def letters_in(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "letters.jsonl").read_text().splitlines()]


def test_a_whole_file_goes_to_a_third_destination(tmp_path: Path) -> None:
    """Its own digests, its own limit, an answer for each event, letters with their place, a receipt."""
    box = Postbox(refused={"o-3", "o-20"})
    receipt = run(write(tmp_path / "orders.csv", 50), box, tmp_path).receipt

    assert (receipt.accepted, receipt.rejected, receipt.read) == (43, 7, 50)
    assert max(box.sizes) == 7
    assert box.taken[0] == {
        "id": "o-0", "what": "Purchase", "when": NOW, "mail": [of("person0@example.com")],
        "tel": [of("12025550100")], "town": of("rome"),
    }  # fmt: skip
    assert {one["town"] for one in box.taken} == {of("rome"), of("sãopaulo")}
    letters = letters_in(tmp_path)
    assert sorted(one["event_id"] for one in letters if one["reason"] == "refused") == ["o-20", "o-3"]
    assert {one["code"] for one in letters if one["reason"] == "refused"} == {7}
    assert [one["row"] for one in letters if one["reason"] == "invalid"] == [10, 20, 30, 40, 50]
    assert all(one["place"].endswith(f"orders.csv, line {one['row'] + 1}") for one in letters)


def test_a_retry_resumes_there_too(tmp_path: Path) -> None:
    """What was taken before the API broke is not sent again, and the receipt covers both tries."""
    box, store, source = Postbox(breaks_after=3), Store(), write(tmp_path / "orders.csv", 50)
    assert run(source, box, tmp_path, store).stopped_by is not None
    receipt = run(source, box, tmp_path, store).receipt
    assert (receipt.accepted, receipt.rejected, receipt.read) == (45, 5, 50)
    assert len({one["id"] for one in box.taken}) == len(box.taken) == 45
    assert store.is_done


def test_letters_can_be_sent_again(tmp_path: Path) -> None:
    """A letter holds what this destination needs: its digests are not hashed a second time."""
    first, again = Postbox(refused={"o-3"}), Postbox()
    run(write(tmp_path / "orders.csv", 9), first, tmp_path)
    (tmp_path / "again").mkdir()
    letters = FilesSource([tmp_path / "letters.jsonl"])
    deliver(letters, mapping=EventMapping(), destination=again)
    assert [(one["id"], one["tel"], one["town"]) for one in again.taken] == [
        ("o-3", [of("12025550103")], of("rome"))
    ]


@pytest.mark.parametrize("policy", ["auto", "raw", "hashed"])
def test_columns_give_what_the_careful_rules_give(tmp_path: Path, policy: Any) -> None:
    """No quick test of another destination's table is used: each line is that of the rules for one event."""
    box = Postbox()
    box.identity = Identity(table=Postbox.identity.table, rules=IdentityRules(policy=policy))
    mapping, source = EventMapping(MAPPING), write(tmp_path / "orders.csv", 120)
    careful = [
        one.line for one in Careful(mapping, box, require_consent=False).events(source.rows(), first_row=1)
    ]
    road, box.n_encoded = Road(mapping, box), 0
    by_columns = [line for chunk in source.chunks() for line in road.take(chunk).lines]
    assert by_columns == careful
    assert box.n_encoded == 0  # good events are written by columns alone
    assert sum(line is not None for line in careful) == (0 if policy == "hashed" else 108)


def test_what_the_table_does_not_name_stays_behind(tmp_path: Path) -> None:
    """An identifier without a row leaves in no form, even if it is mapped."""
    assert CLICK not in Postbox.identity.table
    box = Postbox()
    run(write(tmp_path / "orders.csv", 5), box, tmp_path)
    assert len(box.taken) == 5
    assert "click" not in str(box.taken)
