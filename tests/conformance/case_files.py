# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The conformance set: small files of cases that a person can read, one case for each rule and trap.

A file in ``cases/`` is one topic. Its ``event_source`` and ``arguments`` hold for all its cases. A case is::

    [[case]]
    claim = "what is true, in one line"          # everything below is optional
    event_source = "web"
    arguments = { ... }                          # of the operator
    change = { user.email = "..." }              # laid over the good event of the source (good_events.toml)
    without = ["page"]                           # paths taken out of the good event
    records = [{ ... }]                          # instead of the good event
    events = "[...]"                             # instead of records: what the operator is given as it is
    sql = "SELECT ... FROM files"                # over a file with the records, whose rows are sent

    accepted = 1                                 # counts of the receipt; see ``Case.counts``
    rejects = ["properties.value: not_a_number"] # all violations, no other
    warns = ["event: renamed"]                   # all warnings, no other
    drops = ["user.phone: not_a_phone"]          # all identifiers left out, no other
    fails = "words"                              # the task fails before anything is read; a regular expression

    receives = { ... }                           # what TikTok's event holds, among other things
    lacks = ["user.phone"]                       # paths that TikTok's event has not
    writes = ['"price":0.1']                     # texts that the event's bytes hold

    stricter = "why"      # a record that we reject and that the simulator, asked directly, takes
    mended = true         # a record that we repair or send a part of, and that the simulator refuses as it is
    not_asked = "why"     # a record that we reject for a reason of the run, which TikTok is not asked about

Rules on which TikTok's pages are silent, so that our judge may be wrong with us, stand in ``silences.toml``.

What TOML has no word for is a text in angle brackets, such as ``"<Decimal 12.50>"``; see ``ODD_VALUES``.
A digest stands alone on its line, with the text it is the SHA-256 of behind ``# =``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pendulum

HERE = Path(__file__).parent
FILES = sorted((HERE / "cases").glob("*.toml"))
GOOD_EVENTS: Mapping[str, dict[str, Any]] = tomllib.loads((HERE / "good_events.toml").read_text())

Time = Callable[[], float]


class _Broken:
    """A scalar of an array library that cannot be read."""

    shape = ()

    def item(self) -> Any:
        raise RuntimeError("person@example.com")


ODD_VALUES: Mapping[str, Callable[[str, float], Any]] = {
    "None": lambda _, __: None,
    "now": lambda text, now: int(now) + int(text or 0),
    "now-text": lambda text, now: str(int(now) + int(text)),
    "milliseconds": lambda text, now: int(now) * 1000,
    "microseconds": lambda text, now: int(now) * 1_000_000,
    "nanoseconds": lambda text, now: int(now) * 1_000_000_000,
    "days": lambda text, _: timedelta(days=int(text)),
    "Decimal": lambda text, _: Decimal(text),
    "bytes": lambda text, _: text.encode("latin-1"),
    "digest": lambda text, _: sha256(text.encode()).digest(),
    "UUID": lambda text, _: UUID(text),
    "repeat": lambda text, _: text * 200,
    "hidden": lambda text, _: text.encode().decode("unicode_escape"),
    "half-character": lambda _, __: "\ud83d",
    "numpy.float64": lambda text, _: np.float64(text),
    "numpy.float32": lambda text, _: np.float32(text),
    "numpy.int64": lambda text, _: np.int64(text),
    "numpy.bool": lambda text, _: np.bool_(text == "True"),
    "numpy.datetime64": lambda text, _: np.datetime64(text),
    "numpy.array": lambda text, _: np.array(text.split()),
    "pandas.Timestamp": lambda text, _: pd.Timestamp(text),
    "pandas.NaT": lambda _, __: pd.NaT,
    "pandas.NA": lambda _, __: pd.NA,
    "pendulum": lambda text, _: pendulum.parse(text),
    "object": lambda _, __: object(),
    "set": lambda text, _: set(text.split()),
    "nested": lambda text, _: _nested(int(text)),
    "broken": lambda _, __: _Broken(),
}
"""Kind → what makes the value from the rest of the text and the time of the test, in Unix seconds."""

_ODD = re.compile(r"<([A-Za-z][\w.-]*)(?: (.*))?>")


@dataclass(frozen=True)
class Case:
    """One case, as its file says it; values in angle brackets are made by :func:`made`."""

    topic: str
    claim: str
    event_source: str = "web"
    arguments: dict[str, Any] = field(default_factory=dict)
    change: dict[str, Any] = field(default_factory=dict)
    without: Sequence[str] = ()
    records: list[dict[str, Any]] | None = None
    events: Any = None
    sql: str | None = None
    accepted: int | None = None
    rejected: int | None = None
    skipped: int | None = None
    rejects: Sequence[str] = ()
    warns: Sequence[str] = ()
    drops: Sequence[str] = ()
    fails: str | None = None
    receives: dict[str, Any] = field(default_factory=dict)
    lacks: Sequence[str] = ()
    writes: Sequence[str] = ()
    stricter: str | None = None
    not_asked: str | None = None
    mended: bool = False

    def __str__(self) -> str:
        return f"{self.topic}: {self.claim}"

    def rows(self) -> list[dict[str, Any]]:
        """The records, with values in angle brackets still to be made."""
        if self.records is not None:
            return self.records
        return [_without(_laid_over(GOOD_EVENTS[self.event_source], self.change), paths=self.without)]

    def counts(self) -> dict[str, int]:
        """Accepted, rejected and skipped; without a word of them the one record is accepted or rejected."""
        given = {"accepted": self.accepted, "rejected": self.rejected, "skipped": self.skipped}
        if all(count is None for count in given.values()):
            given["rejected" if self.rejects else "accepted"] = 1
        return {name: count or 0 for name, count in given.items()}


def read_cases() -> list[Case]:
    """Every case of every file."""
    return [case for file in FILES for case in _cases_of(file)]


def made(value: Any, *, now: float) -> Any:
    """The value with everything in angle brackets made."""
    if isinstance(value, Mapping):
        return {key: made(one, now=now) for key, one in value.items()}
    if isinstance(value, list):
        return [made(one, now=now) for one in value]
    odd = _ODD.fullmatch(value) if isinstance(value, str) else None
    return ODD_VALUES[odd[1]](odd[2] or "", now) if odd and odd[1] in ODD_VALUES else value


def _cases_of(file: Path) -> list[Case]:
    content = tomllib.loads(file.read_text())
    of_all = content.pop("arguments", {})
    cases = content.pop("case")
    return [
        Case(**{"topic": file.stem, **content, **case, "arguments": {**of_all, **case.get("arguments", {})}})
        for case in cases
    ]


def _laid_over(base: Any, change: Any) -> Any:
    if not (isinstance(base, Mapping) and isinstance(change, Mapping)):
        return change
    return {**base, **{name: _laid_over(base.get(name), one) for name, one in change.items()}}


def _without(record: dict[str, Any], *, paths: Sequence[str]) -> dict[str, Any]:
    for path in paths:
        head, _, rest = path.partition(".")
        if rest:
            record = {**record, head: _without(record[head], paths=[rest])}
        else:
            record = {name: one for name, one in record.items() if name != head}
    return record


def _nested(depth: int) -> Any:
    return {"deeper": _nested(depth - 1)} if depth else "bottom"
