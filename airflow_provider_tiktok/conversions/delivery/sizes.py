# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""About how much memory rows take, so that what is read and not settled is bounded by bytes."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_tiktok.conversions.chunks import Chunk

_SMALL = 8

_MOST_WEIGHED = 16
"""Rows of a chunk that are looked at. A chunk is bounded itself, so what they miss is bounded, too."""


def size_of_chunk(chunk: Chunk) -> int:
    """About how many bytes the rows of a chunk hold, by some rows of it that stand apart."""
    if not len(chunk):
        return 0
    places = range(0, len(chunk), -(-len(chunk) // _MOST_WEIGHED))
    return sum(size_of(chunk.row(place)) for place in places) * len(chunk) // len(places)


def size_of(value: object) -> int:
    """About how many bytes a row or a value in it holds."""
    try:
        if isinstance(value, str | bytes):
            return len(value)
        if isinstance(value, Mapping):
            return sum(map(size_of, value.values()))
        if isinstance(value, list | tuple):
            return sum(map(size_of, value))
    except Exception:  # a value that cannot be read is told when its row is
        return _SMALL
    return _SMALL
