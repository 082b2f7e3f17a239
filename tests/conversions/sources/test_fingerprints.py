# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A fingerprint is the same for the same input in every process, and for no other."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

from airflow_provider_tiktok.conversions.sources.fingerprints import fingerprint

ITEM: dict[str, Any] = {"id": 1, "price": 1.5, "tags": ["a", None], "user": {"email": "ada@example.com"}}


def test_it_is_a_digest() -> None:
    """It is the SHA-256 of the items as JSON Lines, as ``sha256sum`` gives it."""
    assert fingerprint([{"n": 1}]) == "cedf74272c9fc8db5448283a93277e7e7eb7534b71df3bd8ab35fd9b1b73404c"


@pytest.mark.parametrize(
    ("items", "is_same"),
    [
        ([dict(reversed(ITEM.items()))], True),
        ([{**ITEM, "id": 2}], False),
        ([{**ITEM, "tags": [None, "a"]}], False),
        ([ITEM, ITEM], False),
        ([], False),
        ([{**ITEM, "extra": None}], False),
    ],
)
def test_what_counts(items: list[Any], is_same: bool) -> None:
    """Values and their order count, the order of keys does not."""
    assert (fingerprint([ITEM]) == fingerprint(items)) is is_same


@pytest.mark.parametrize(
    "value",
    [
        Decimal("1.10"),
        datetime(2026, 11, 1, tzinfo=UTC),
        date(2026, 11, 1),
        UUID(int=7),
        10**30,
        np.int64(3),
        pd.Timestamp("2026-11-01"),
        b"\xff",
    ],
)
def test_values_of_drivers(value: Any) -> None:
    """Every value that databases and data frames give has a lasting form."""
    assert fingerprint([{"v": value}]) == fingerprint([{"v": value}]) is not None


def test_long_arrays_count_in_full() -> None:
    """The text of a long array is abridged; its fingerprint is not."""
    one, other = np.zeros(5000), np.zeros(5000)
    other[2500] = 1
    assert fingerprint([{"v": one}]) != fingerprint([{"v": other}])


@pytest.mark.parametrize("item", [{1: 2}, {(1, 2): 3}, "\udcff"])
def test_no_lasting_form(item: Any) -> None:
    """Where an item cannot be written, it is not known whether the input changed."""
    assert fingerprint([item]) is None


def test_an_object_without_a_form_counts_as_changed() -> None:
    """An object that only shows its address is another one in each process."""
    one, other = object(), object()
    assert fingerprint([one]) != fingerprint([other])


def test_another_process_gives_the_same() -> None:
    """Neither hash seeds nor addresses are in it."""
    code = (
        "from airflow_provider_tiktok.conversions.sources.fingerprints import fingerprint as f;"
        "print(f([{'b': {'x', 'y', 'z'}, 'a': 1.5}]), end='')"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert run.stdout == fingerprint([{"b": {"x", "y", "z"}, "a": 1.5}])
