# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What ``make test-privacy`` searched and found, kept for the page on privacy."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[2] / "docs" / "privacy_searched.json"

Places = Iterable[tuple[str, bytes]]


def note(run: str, places: Places, *, found: Iterable[tuple[str, str, str]]) -> None:
    """Keep how much was searched after a run, and where something was found; only ``make test-privacy`` does."""
    if "WHOLE_AIRFLOW" not in os.environ:
        return
    kinds: dict[str, int] = {}
    n_bytes = 0
    for name, content in places:
        kind = name.partition(":")[0]
        kinds[kind] = kinds.get(kind, 0) + 1
        n_bytes += len(content)
    kept = {
        **read(),
        run: {"places": kinds, "bytes": n_bytes, "found": sorted({place for *_, place in found})},
    }
    FILE.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")


def read() -> Mapping[str, Mapping[str, Any]]:
    """What was kept, by the name of the run."""
    known: dict[str, Mapping[str, Any]] = json.loads(FILE.read_text()) if FILE.exists() else {}
    return known
