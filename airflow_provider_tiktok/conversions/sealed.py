# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Structs on the road of an event, which may be printed by anything: a log, a traceback, a debugger."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Sealed(Struct, frozen=True):
    """A frozen struct that shows none of its fields."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(hidden)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """None of the fields for tools that print in colours."""
        return []


class SealedRecord(Struct):
    """A struct that can be changed and shows none of its fields."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(hidden)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """None of the fields for tools that print in colours."""
        return []
