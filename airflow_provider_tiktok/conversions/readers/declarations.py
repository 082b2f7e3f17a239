# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""How a DAG says what a column holds: checked where it is written, and plain data afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.values import closest_name

SKIP: Final = "SKIP"
"""In ``values`` and ``otherwise``: the row, or the item of a list, is left out. YAML says the same word."""

RULES: Final[Mapping[str, str]] = {
    "not_in_format": "Give values in the unit or format that the mapping states for their column.",
    "not_listed": "Add the value to `values` of its column, or say in `otherwise` what all others stand for.",
}
"""Every rule of this room, with what a person can do about it."""

COLUMN: Final = "column"
_NAMES_OF_IT: Final = ("columns", "name", "names")

ALONE: Final[Sequence[tuple[str, ...]]] = (
    ("unit",),
    ("format",),
    ("scale", "decimal", "thousands", "symbol"),
    ("values", "otherwise"),
    ("split",),
    ("region",),
)
"""What can be said of a column; of these only one, with what stands beside it."""

_SETTINGS: Final = (*(name for group in ALONE for name in group), "take")


def given_columns(declared: object, *, argument: str) -> tuple[tuple[str, ...], Mapping[str, Any]]:
    """The columns and the settings of a reader as plain data.

    :raises ConfigurationError: a name is missing, or a setting is not known.
    """
    if not isinstance(declared, Mapping):
        raise ConfigurationError(f"Give a column name, a list of them, or column(…){in_argument(argument)}.")
    settings = dict(declared)
    names = settings.pop(COLUMN, None)
    columns = (names,) if isinstance(names, str) else tuple(names) if isinstance(names, list | tuple) else ()
    for name in settings:
        if name not in _SETTINGS:
            raise ConfigurationError(
                f"Leave {name!r} out of column{in_argument(argument)}: there is no such setting{_meant(name)}"
            )
    if not columns or not all(isinstance(one, str) and one.strip() for one in columns):
        raise ConfigurationError(
            f'Name the column{in_argument(argument)}, as in column("created", unit="ms").'
        )
    return columns, settings


def in_argument(argument: str) -> str:
    """Where something is said, as a part of a sentence; empty where that is not known."""
    return argument and f" in {argument}"


def _meant(name: object) -> str:
    if not isinstance(name, str):
        return ""
    meant = COLUMN if name in _NAMES_OF_IT else closest_name(name, _SETTINGS)
    return f"; did you mean {meant!r}?" if meant else f"; it has {', '.join(_SETTINGS)}."
