# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The Python code on a page of the documentation, and the simulator that its DAGs send to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from airflow_provider_tiktok import simulator as tiktok


def python_blocks(page: str) -> list[str]:
    """The blocks of Python code, in the order of the page."""
    return re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


def block_with(words: str, blocks: Sequence[str]) -> str:
    """The one block that holds the words."""
    (block,) = [block for block in blocks if words in block]
    return block


@contextmanager
def simulated_tiktok(monkeypatch: pytest.MonkeyPatch) -> Iterator[tiktok.Simulator]:
    """A simulated TikTok behind ``tiktok_default``."""
    with tiktok.Simulator() as simulator:
        connection = {
            "conn_type": "tiktok",
            "host": simulator.url,
            "password": tiktok.DEFAULT_TOKEN,
            "extra": {"pixel_code": tiktok.DEFAULT_PIXEL_CODE, "advertiser_id": tiktok.DEFAULT_ADVERTISER_ID},
        }
        monkeypatch.setenv("AIRFLOW_CONN_TIKTOK_DEFAULT", json.dumps(connection))
        yield simulator
