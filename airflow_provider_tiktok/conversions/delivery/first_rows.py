# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""First rows: what is looked at before anything is sent, to find a mapping that does not fit its source."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

from airflow_provider_tiktok.conversions.chunks import Chunk, rows_in
from airflow_provider_tiktok.conversions.delivery.sizes import size_of
from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.events import ConversionEvent, Row, Violation
from airflow_provider_tiktok.conversions.mapping import Absence, EventMapping

log = logging.getLogger(__name__)

FIRST_ROWS = 1000
"""How many rows are looked at for columns that only rows can tell of."""

FIRST_BYTES = 16_000_000
"""How much these rows may hold, about, so that large ones fill no memory: fewer are looked at then."""

Find = Callable[[ConversionEvent], Sequence[Violation]]
"""What is wrong with an event."""


def take_first(chunks: Iterator[Chunk], *, into: list[Chunk]) -> None:
    """Takes the first chunks, as many as are looked at, each as soon as it is read."""
    n_rows, n_bytes = sum(map(len, into)), sum(map(size_of, rows_in(into)))
    while n_rows < FIRST_ROWS and n_bytes < FIRST_BYTES:
        chunk = next(chunks, None)
        if chunk is None:
            return
        into.append(chunk)
        n_rows += len(chunk)
        n_bytes += sum(map(size_of, rows_in((chunk,))))


def check_first_rows(
    mapping: EventMapping, *, columns: Sequence[str] | None, rows: Sequence[Row], find: Find
) -> list[Absence]:
    """Passes if events can be made of a source like this one.

    A column that none of the rows has is told in the log, unless every event made of them is at fault for
    lack of just that: then it is more than a key that records may leave out.

    :returns: what was told.
    :raises ConfigurationError: a column is not there, and must be.
    """
    absences = mapping.check_source(columns, rows)
    whole = [one for one in absences if one.is_whole]
    lacking = _lacking_everywhere(mapping, rows, find=find) if whole else frozenset()
    needed = [one for one in whole if _is_of(one.path, lacking)]
    if needed:
        raise ConfigurationError(" ".join(f"{one.told} No event is sent without it." for one in needed))
    for one in absences:
        log.warning("%s Events are sent without it until a row has it.", one.told)
    return absences


def _lacking_everywhere(mapping: EventMapping, rows: Sequence[Row], *, find: Find) -> frozenset[str]:
    """Paths at which every event of these rows has a fault that keeps it back."""
    common: frozenset[str] | None = None
    for event in mapping.events(rows):
        if event.left_out is not None or any(violation.path == "" for violation in event.violations):
            continue  # a row that is left out, or cannot be read, says nothing of the others
        paths = frozenset(finding.path for finding in find(event) if finding.is_fatal)
        common = paths if common is None else common & paths
        if not common:
            return frozenset()
    return common or frozenset()


def _is_of(path: str, lacking: frozenset[str]) -> bool:
    """Whether a field, or the group it is in, is lacking."""
    return path in lacking or path.rpartition(".")[0] in lacking
