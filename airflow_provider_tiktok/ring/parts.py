# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A part of a whole as a mapped task has it: its name in receipt and grid, and how many there may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DEFAULT_NAME = "{{ task.part['name'] }}"


def label_of(part: Any) -> str | None:
    """The part in words, such as ``part 3 of 8: order_id from 2001 below 3001``."""
    if not isinstance(part, Mapping):
        return None
    return f"part {part.get('number')} of {part.get('of')}: {part.get('name')}"


def name_in_grid(context: Mapping[str, Any], part: Any) -> None:
    """Let Airflow show the part's name in the place of a mapped task's number, unless the DAG names it."""
    if part is not None and isinstance(context, dict) and not context.get("map_index_template"):
        context["map_index_template"] = DEFAULT_NAME


def most_parts() -> int:
    """How many tasks one task may be mapped to here."""
    from airflow.providers.common.compat.sdk import conf

    return int(conf.getint("core", "max_map_length", fallback=1024))
