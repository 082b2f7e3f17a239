# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""About how much memory rows take, so that what is read ahead is bounded by bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from sys import getsizeof
from typing import Any

_SMALL = frozenset({type(None), bool, int, float, Decimal, date, datetime})
_SMALL_BYTES = 32
_FLAT = frozenset({*_SMALL, str, bytes, bytearray})


def size_of_values(values: Sequence[Any]) -> int:
    """Bytes of a column's values."""
    kinds = set(map(type, values))
    if kinds <= _SMALL:
        return _SMALL_BYTES * len(values)
    return sum(map(getsizeof if kinds <= _FLAT else size_of, values))


def size_of(value: Any) -> int:
    """Bytes of a value with all that is in it."""
    size = 0
    open_values = [value]
    while open_values:
        one = open_values.pop()
        size += getsizeof(one) + (one.nbytes if isinstance(one, memoryview) else 0)
        if isinstance(one, Mapping):
            open_values += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple):
            open_values += one
    return size
