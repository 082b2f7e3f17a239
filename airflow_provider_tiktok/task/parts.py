# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A part of a whole as a mapped task has it: its name in receipt and grid, and how many there may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PART_NAME = "{{ task.part['name'] }}"
SOURCE_NAME = "{{ task.source_label() }}"


def label_of(part: Any) -> str | None:
    """The part in words, such as ``part 3 of 8: order_id from 2001 below 3001``."""
    if not isinstance(part, Mapping):
        return None
    return f"part {part.get('number')} of {part.get('of')}: {part.get('name')}"


def name_in_grid(context: Mapping[str, Any], part: Any, *, source_label: str | None) -> None:
    """Let Airflow show what a mapped task sends in the place of its number, unless the DAG names it.

    :param source_label: what the task reads where it has no part, such as its file; ``None``: no name for it.
    """
    if not isinstance(context, dict) or context.get("map_index_template"):
        return
    map_index = getattr(context.get("ti"), "map_index", None)
    if part is not None:
        context["map_index_template"] = PART_NAME
    elif source_label and isinstance(map_index, int) and map_index >= 0:
        context["map_index_template"] = SOURCE_NAME


def most_parts() -> int:
    """How many tasks one task may be mapped to here."""
    from airflow.providers.common.compat.sdk import conf

    return int(conf.getint("core", "max_map_length", fallback=1024))
