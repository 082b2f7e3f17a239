# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What is small and stands for much is refused, in words; that it takes no memory is measured elsewhere."""

from __future__ import annotations

import itertools
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.http import AnswerLost, HttpRequest, RequestsTransport
from airflow_provider_tiktok.conversions.sources.files import FilesSource
from tests.conversions.sources.test_bombs import xz_of
from tests.slow_server import dripping


def test_a_file_cannot_ask_for_a_dictionary_of_a_gigabyte(tmp_path: Path) -> None:
    """The header of an xz file says how much memory it needs."""
    path = tmp_path / "a.jsonl.xz"
    xz_of(b'{"n":1}\n', dictionary=36)(path)
    with pytest.raises(ConfigurationError, match="more than 128 MB"):
        list(FilesSource([path]).rows())


def test_a_list_of_millions_is_not_read(tmp_path: Path) -> None:
    """A Parquet file says how many values a list may have before it is read."""
    path = tmp_path / "a.parquet"
    many = pa.ListArray.from_arrays([0, 20_100_000], pa.nulls(20_100_000, pa.int32()))
    pq.write_table(pa.table({"v": many}), path, compression="zstd")
    with pytest.raises(ConfigurationError, match="unfolds to far more"):
        list(FilesSource([path]).rows())


def test_the_head_of_an_answer_has_an_end() -> None:
    """Lines before the answer itself count as well."""
    piece = b"HTTP/1.1 100 Continue\r\n\r\n" * 1000
    transport = RequestsTransport(max_reply_bytes=100_000, total_timeout_s=3)
    with dripping(itertools.repeat(piece), every_s=0) as url, pytest.raises(AnswerLost, match="too long"):
        transport(HttpRequest(method="GET", url=url))
    transport.close()
