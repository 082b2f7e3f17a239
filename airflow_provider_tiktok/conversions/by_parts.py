# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A quick test before a careful rule, over a column: one odd value costs one value, and not the column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

PARTS: Final = 8
"""Into how many parts a column with an odd value is cut: few tests for one, and few rounds for many."""


def answer_by_parts(
    values: Sequence[Any],
    quick: Callable[[Sequence[Any]], list[Any] | None],
    careful: Callable[[Any, int], Any],
    *,
    first: int = 0,
) -> list[Any]:
    """An answer a value: of the quick test where it takes a part, else part by part, down to single values.

    :param quick: the answers for a part; ``None`` where it does not take all of it.
    :param careful: the answer for a value, and its place, that the quick test does not take.
    :param first: the place of the first value.
    """
    plain = quick(values) if values else []
    return _cut(values, quick, careful, first=first) if plain is None else plain


def _cut(
    values: Sequence[Any],
    quick: Callable[[Sequence[Any]], list[Any] | None],
    careful: Callable[[Any, int], Any],
    *,
    first: int,
) -> list[Any]:
    """The same for values of which one is odd: where no part before the last has it, the last one must."""
    if len(values) == 1:
        return [careful(values[0], first)]
    size = -(-len(values) // PARTS)
    answers: list[Any] = []
    is_found = False
    for start in range(0, len(values), size):
        part = values[start : start + size]
        # A value alone is asked for all the same: what is odd may be that two of them are of different types.
        is_certain = not is_found and start + size >= len(values) and len(part) > 1
        plain = None if is_certain else quick(part)
        is_found = is_found or plain is None
        answers += _cut(part, quick, careful, first=first + start) if plain is None else plain
    return answers
