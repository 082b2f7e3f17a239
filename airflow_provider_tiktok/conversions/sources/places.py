# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Where a row of several files stands, for the person who is to mend it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter

from msgspec import Struct

MAX_STEPS = 10_000
"""Bounds the memory of ``Places``; a file with one row to a line takes one step."""


class Place(Struct, frozen=True, kw_only=True):
    """One row's place.

    :param row: number of the row in its file, from 1, a header not counted.
    :param line: number of the text line it begins on, from 1; ``None`` where that is not known.
    """

    file: str
    row: int
    line: int | None

    def __str__(self) -> str:
        return f"{self.file}, row {self.row}" if self.line is None else f"{self.file}, line {self.line}"


class _Step(Struct, frozen=True, kw_only=True):
    """From this row on, a row's place is found by the same two subtractions.

    :param row: number of the row over all files.
    :param rows_before: rows of the files before this one.
    :param shift: line number less row number, ``None`` where lines are not known.
    """

    row: int
    file: str
    rows_before: int
    shift: int | None


class Places:
    """Remembers the places of all rows that were read, in bounded memory.

    Most rows stand one below the other, so only where that changes a step is kept. A file with very many
    blank lines or line breaks inside fields uses up the steps: from there on only the row is known.
    """

    def __init__(self, *, max_steps: int = MAX_STEPS) -> None:
        self._max_steps = max_steps
        self._steps: list[_Step] = []
        self._is_new_file = False
        self._file = ""
        self._row = 0
        self._rows_before = 0
        self._shift: int | None = None

    def enter(self, file: str) -> None:
        """The rows from here on are of this file."""
        self._file = file
        self._rows_before = self._row
        self._is_new_file = True

    def note(self, count: int, *, lines: Sequence[int] | None) -> None:
        """The next rows, as many as this, begin on these lines."""
        if lines is None or lines[-1] - lines[0] == count - 1:
            self._note_run(None if lines is None else lines[0], count)
            return
        for line in lines:
            self._note_run(line, 1)

    def _note_run(self, line: int | None, count: int) -> None:
        first = self._row + 1
        self._row += count
        is_known = line is not None and len(self._steps) < self._max_steps
        shift = line - first if line is not None and is_known else None
        if shift != self._shift or self._is_new_file:
            self._shift = shift
            self._is_new_file = False
            step = _Step(row=first, file=self._file, rows_before=self._rows_before, shift=shift)
            self._steps.append(step)

    def find(self, row: int) -> Place | None:
        """The place of a row, by its number over all files; ``None`` for a row that was not read."""
        if not 1 <= row <= self._row:
            return None
        step = self._steps[bisect_right(self._steps, row, key=attrgetter("row")) - 1]
        line = None if step.shift is None else row + step.shift
        return Place(file=step.file, row=row - step.rows_before, line=line)
