# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Whatever comes in, records, files or answers, costs bounded time and ends in an error of our own, or in none."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_tiktok.conversions.errors import ConversionsError
from airflow_provider_tiktok.conversions.http import HttpReply
from airflow_provider_tiktok.conversions.identifiers import IdentityRules, prepare
from airflow_provider_tiktok.conversions.mapping import EventMapping
from airflow_provider_tiktok.conversions.sources.files import FilesSource
from airflow_provider_tiktok.conversions.tiktok.return_codes import classify

BUDGET_S = 5.0
"""For one input of the size that is made here; what is linear takes milliseconds."""

TRICKY = [
    "@",
    ".",
    "{{",
    "}}",
    "+1",
    "a.a",
    "\0",
    "\ud800",
    "٣",
    "e+99",
    "0x",
    "<",
    '"',
    "%40",
    "T",
    ":",
    "-",
    " ",
]
TEXTS = st.one_of(
    st.text(max_size=60),
    st.builds(lambda part, times: part * times, st.sampled_from(TRICKY), st.integers(1, 20_000)),
    st.lists(st.sampled_from(TRICKY), max_size=40).map("".join),
)
NAMES = st.one_of(
    st.sampled_from(
        ["event", "event_time", "event_id", "email", "phone", "user", "user.email", "properties", "page"]
    ),
    st.sampled_from(
        ["contents", "value", "currency", "ip", "url", "consent", "zip_code", "external_id", "lead"]
    ),
    TEXTS,
)
VALUES = st.recursive(
    st.one_of(
        TEXTS, st.none(), st.booleans(), st.integers(), st.floats(), st.binary(max_size=40), st.datetimes()
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=12,
)
RECORDS = st.dictionaries(NAMES, VALUES, max_size=8)

bounded = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.function_scoped_fixture,
        HealthCheck.data_too_large,
    ],
)


@bounded
@given(st.lists(RECORDS, max_size=4))
def test_records_make_events_or_our_own_error(records: list[dict[str, Any]]) -> None:
    """Mapping and identifiers take any record: each becomes an event, with what is wrong in it named."""
    began = time.monotonic()
    mapping = EventMapping(defaults={"event": "Purchase"}, timezone="UTC")
    with suppress(ConversionsError):
        for event in mapping.events(records):
            prepare(event, IdentityRules(default_region="US"))
    assert time.monotonic() - began < BUDGET_S


@bounded
@given(
    st.binary(max_size=3_000),
    st.sampled_from(["jsonl", "json", "csv", "tsv", "parquet"]),
    st.sampled_from(
        [b"", b"\x1f\x8b", b"PAR1", b"[", b'{"a":', b"\xef\xbb\xbf", b"a,b\n", b"BZh9", b"\xfd7zXZ"]
    ),
)
def test_files_give_rows_or_our_own_error(tmp_path: Path, content: bytes, format: str, head: bytes) -> None:
    """Any bytes under any format are rows, unreadable rows or an error that says what to do."""
    began = time.monotonic()
    path = tmp_path / "any"
    path.write_bytes(head + content)
    with suppress(ConversionsError):
        list(FilesSource([path], format=format).rows())
    assert time.monotonic() - began < BUDGET_S


@bounded
@given(
    st.one_of(
        st.binary(max_size=500),
        VALUES.map(lambda value: json.dumps(value, default=str).encode()),
        st.fixed_dictionaries({"code": VALUES, "message": VALUES, "data": VALUES, "request_id": VALUES}).map(
            lambda value: json.dumps(value, default=str).encode()
        ),
    ),
    st.integers(100, 599),
)
def test_answers_are_classified(body: bytes, status: int) -> None:
    """Whatever a server says is an answer with a verdict, in words of bounded length."""
    began = time.monotonic()
    answer = classify(HttpReply(status=status, body=body), n_events=2)
    assert len(answer.message) <= 1_000
    assert time.monotonic() - began < BUDGET_S
