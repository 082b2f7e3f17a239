# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Whatever comes in, records, files or answers, costs bounded time and memory and ends in our own error, or in none."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_tiktok.conversions.errors import ConversionsError
from airflow_provider_tiktok.conversions.http import AnswerLost, HttpReply
from airflow_provider_tiktok.conversions.http.unfolding import unfold
from airflow_provider_tiktok.conversions.identifiers import IdentityRules, prepare
from airflow_provider_tiktok.conversions.mapping import EventMapping
from airflow_provider_tiktok.conversions.sources.files import FilesSource
from airflow_provider_tiktok.conversions.tiktok.return_codes import classify

BUDGET_S = 5.0
"""Of the processor, for one input of the size that is made here; what is linear takes milliseconds."""

MOST_BYTES, MOST_TIMES = 8_000_000, 40
"""What an input may take at once of memory: so much, and so many times its own size."""


@contextmanager
def within_bounds(given: object, *, most_bytes: int = MOST_BYTES) -> Iterator[None]:
    """The block takes bounded time and memory for what it is given.

    Counted is what Python allocates, which is the same on every machine; what Arrow takes besides is
    measured from outside, in ``test_bombs.py``.
    """
    size = len(given) if isinstance(given, bytes) else len(repr(given))
    tracemalloc.start()
    began = time.process_time()
    try:
        yield
        seconds, peak = time.process_time() - began, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert seconds < BUDGET_S
    assert peak < most_bytes + MOST_TIMES * size


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
    mapping = EventMapping(defaults={"event": "Purchase"}, timezone="UTC")
    with within_bounds(records), suppress(ConversionsError):
        for event in mapping.events(records):
            prepare(event, IdentityRules(default_region="US"))


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
    path = tmp_path / "any"
    path.write_bytes(head + content)
    # A file of JSON is read into a buffer that is as large as it may be.
    with within_bounds(content, most_bytes=100_000_000), suppress(ConversionsError):
        list(FilesSource([path], format=format).rows())


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
    with within_bounds(body):
        answer = classify(HttpReply(status=status, body=body), n_events=2)
    assert len(answer.message) <= 1_000


IDENTIFIERS = (
    "email",
    "phone",
    "external_id",
    "first_name",
    "last_name",
    "zip_code",
    "ip",
    "user_agent",
    "locale",
)


@bounded
@given(st.sampled_from(IDENTIFIERS), st.one_of(TEXTS, st.lists(TEXTS, max_size=3)))
def test_identifiers_are_digests_or_absent(name: str, value: Any) -> None:
    """Each identifier alone: a text that no rule takes is left out, whatever it is."""
    record = {"event": "Purchase", "event_time": 1_767_225_600, "user": {name: value}}
    with within_bounds(record), suppress(ConversionsError):
        for event in EventMapping().events([record]):
            prepare(event, IdentityRules(default_region="US"))


ENCODINGS = (
    "gzip",
    "deflate",
    "br",
    "zstd",
    "identity",
    "gzip, gzip",
    "deflate, gzip",
    "x-gzip",
    "gzip;q=1",
    "",
    ",",
)


@bounded
@given(
    st.one_of(
        st.binary(max_size=500),
        st.integers(1, 5_000_000).map(lambda count: gzip.compress(b"\0" * count)),
        st.integers(1, 5_000_000).map(lambda count: gzip.compress(gzip.compress(b"\0" * count))),
        st.integers(1, 5_000_000).map(lambda count: zlib.compress(b"[" * count)),
    ),
    st.sampled_from(ENCODINGS),
)
def test_answers_unfold_within_their_bound(body: bytes, encoding: str) -> None:
    """Whatever an answer says of its encoding, it is no longer than it may be, or counts as lost."""
    with within_bounds(body), suppress(AnswerLost):
        assert len(unfold([body], encoding=encoding, max_bytes=1_000_000)) <= 1_000_000
