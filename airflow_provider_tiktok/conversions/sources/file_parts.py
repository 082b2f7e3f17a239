# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Files in parts of about equal size: whole files together, and large ones by row groups or byte ranges.

A part is a plain mapping, as it travels between tasks: addresses of files and numbers. A Parquet file is cut
between row groups. A JSON Lines file that is not packed is cut at any byte: a line belongs to the part in
which it begins. Other formats stay whole, since where a row begins is only known by who reads from the start.

Where rows are grouped, no file is cut, and files whose border stands within a group stay together.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from itertools import pairwise
from typing import IO, Any

from airflow_provider_tiktok.conversions.addresses import shown_path
from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.events import UnreadableRow
from airflow_provider_tiktok.conversions.mapping.nested import leads_inside
from airflow_provider_tiktok.conversions.sources.arrow_rows import import_arrow
from airflow_provider_tiktok.conversions.sources.compression import buffered, find_compression
from airflow_provider_tiktok.conversions.sources.files import FilesSource, find_format
from airflow_provider_tiktok.conversions.sources.paths import FilePath, explained

Part = Mapping[str, Any]

LARGE = 1.5
"""A file is cut where it is so many times larger than a part."""


def split_files(
    paths: Sequence[FilePath],
    *,
    part_bytes: int,
    max_parts: int,
    group_by: Sequence[str] = (),
    **reading: Any,
) -> list[dict[str, Any]]:
    """The files in parts of about this size, in their order.

    :param part_bytes: as the files lie there, packed or not.
    :param max_parts: parts become larger rather than more.
    :param group_by: columns whose equal values belong together; then every file is read once.
    :param reading: settings of ``FilesSource``.
    :raises ConfigurationError: a file cannot be read.
    """
    sizes = [_size_of(path) for path in paths]
    part_bytes = max(part_bytes, 1, -(-sum(sizes) // max_parts))
    while True:
        parts = _parts_of(paths, sizes, part_bytes=part_bytes, group_by=group_by, reading=reading)
        if len(parts) <= max_parts:
            return [{"number": number, "of": len(parts), **part} for number, part in enumerate(parts, 1)]
        part_bytes *= 2


def _size_of(path: FilePath) -> int:
    with explained(path):
        return int(getattr(path.stat(), "st_size", 0) or 0)


def _parts_of(
    paths: Sequence[FilePath],
    sizes: Sequence[int],
    *,
    part_bytes: int,
    group_by: Sequence[str],
    reading: Mapping[str, Any],
) -> list[dict[str, Any]]:
    joined = _continued(paths, group_by=group_by, reading=reading) if group_by else frozenset()
    parts: list[dict[str, Any]] = []
    together: list[FilePath] = []
    size = 0
    for place, (path, n_bytes) in enumerate(zip(paths, sizes, strict=True)):
        pieces = [] if group_by else _pieces(path, n_bytes, part_bytes=part_bytes, reading=reading)
        if together and place not in joined and (pieces or size + n_bytes > part_bytes):
            parts.append(_whole(together, group_by=group_by))
            together, size = [], 0
        if pieces:
            parts.extend(pieces)
        else:
            together.append(path)
            size += n_bytes
    return [*parts, _whole(together, group_by=group_by)] if together else parts


def _whole(paths: Sequence[FilePath], *, group_by: Sequence[str]) -> dict[str, Any]:
    name = _short_name(paths[0]) + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")
    return {"name": name, "files": [str(path) for path in paths], "group_by": list(group_by)}


def _pieces(
    path: FilePath, size: int, *, part_bytes: int, reading: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The parts of a large file; empty where it stays whole."""
    format_ = find_format(path, stated=reading.get("format") or "auto")
    if size <= LARGE * part_bytes or format_ not in _CUTTERS:
        return []
    with explained(path), path.open("rb") as stream:
        kind, edges = _CUTTERS[format_](stream, size, part_bytes, shown_path(path))
    return [
        {
            "name": f"{_short_name(path)} {kind.replace('_', ' ')} {first:,} to {end - 1:,}",
            "files": [str(path)],
            "format": format_,
            "size": size,
            kind: [first, end],
        }
        for first, end in (pairwise(edges) if len(edges) > 2 else ())
    ]


def _cut_lines(stream: IO[bytes], size: int, part_bytes: int, name: str) -> tuple[str, list[int]]:
    if find_compression(buffered(stream)) != "none":
        return "bytes", []
    count = -(-size // part_bytes)
    return "bytes", [number * size // count for number in range(count + 1)]


def _cut_row_groups(stream: IO[bytes], size: int, part_bytes: int, name: str) -> tuple[str, list[int]]:
    arrow = import_arrow("pyarrow", purpose=f"the Parquet file {name}")
    try:
        metadata = import_arrow("pyarrow.parquet", purpose=f"the Parquet file {name}").read_metadata(stream)
    except arrow.ArrowException:
        return "row_groups", []  # who reads the file says what is wrong with it
    edges, filled = [0], 0
    for place in range(metadata.num_row_groups):
        n_bytes = sum(
            metadata.row_group(place).column(column).total_compressed_size
            for column in range(metadata.num_columns)
        )
        if filled and filled + n_bytes > part_bytes:
            edges.append(place)
            filled = 0
        filled += n_bytes
    return "row_groups", [*edges, metadata.num_row_groups]


_CUTTERS: Mapping[str, Callable[[IO[bytes], int, int, str], tuple[str, list[int]]]] = {
    "jsonl": _cut_lines,
    "parquet": _cut_row_groups,
}


def _continued(
    paths: Sequence[FilePath], *, group_by: Sequence[str], reading: Mapping[str, Any]
) -> frozenset[int]:
    """Places of the files whose first rows may continue the group that the file before ends with."""
    ends = [_ends(path, group_by=group_by, reading=reading) for path in paths]
    joined: set[int] = set()
    ended_at, ended_with = 0, None
    for place, found in enumerate(ends):
        if found is None:  # a file without rows ends no group
            continue
        first, last = found
        if ended_with is not None and (_UNKNOWN in (ended_with, first) or ended_with == first):
            joined.update(range(ended_at + 1, place + 1))
        ended_at, ended_with = place, last
    return frozenset(joined)


_UNKNOWN = ("?",)


def _ends(
    path: FilePath, *, group_by: Sequence[str], reading: Mapping[str, Any]
) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The keys of a file's first and last row, ``None`` for a file without rows.

    :raises ConfigurationError: it has columns, and not these.
    """
    first = last = None
    with closing(FilesSource([path], hive_columns=True, **reading).chunks()) as chunks:
        for chunk in chunks:
            if chunk.names is not None:
                _check_columns(chunk.names, group_by, name=shown_path(path))
            first = first or _key_of(chunk.row(0), group_by=group_by)
            last = chunk.row(len(chunk) - 1)
    return None if first is None else (first, _key_of(last, group_by=group_by))


def _check_columns(names: Sequence[str], group_by: Sequence[str], *, name: str) -> None:
    lacking = next((one for one in group_by if one not in names and not leads_inside(one)), None)
    if lacking is not None:
        raise ConfigurationError(
            f"Give SplitFilesOperator the sender's group_by and csv_ settings: {name} has no column "
            f"{lacking!r}."
        )


def _key_of(row: Any, *, group_by: Sequence[str]) -> tuple[str, ...]:
    if isinstance(row, UnreadableRow) or not isinstance(row, Mapping):
        return _UNKNOWN
    return tuple(str(row.get(name)).strip().removesuffix(".0") for name in group_by)


def _short_name(path: FilePath) -> str:
    return os.path.basename(shown_path(path).rstrip("/"))


# reading


def check_part(part: Any, *, group_by: Sequence[str], encoding: str) -> None:
    """Passes if the part is one of files that these settings can read.

    :raises ConfigurationError: it is none, it may cut a group, or its bytes are not those of lines.
    """
    is_part = isinstance(part, Mapping) and isinstance(part.get("files"), list) and part["files"]
    if not is_part or not all(isinstance(file, str) for file in part["files"]):
        raise ConfigurationError(
            "Give the output of SplitFilesOperator as part, with .expand(part=...): this is no part of files."
        )
    wanted = [group_by] if isinstance(group_by, str) else list(group_by)
    if wanted and part.get("of") != 1 and part.get("group_by") != wanted:
        raise ConfigurationError("Give SplitFilesOperator the same group_by, so that no event is cut in two.")
    if "bytes" in part and "\n".encode(encoding) != b"\n":
        raise ConfigurationError(
            "Set part_bytes of SplitFilesOperator above the size of the largest file: a file whose "
            f"encoding is {encoding!r} cannot be cut at any byte."
        )
