# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""An object storage for tests: one in this process's memory, under the scheme ``memory://``."""

from __future__ import annotations


def attach_memory() -> None:
    """Let Airflow know it, which has no such storage of its own; before the first path of that scheme."""
    import fsspec

    try:
        from airflow.sdk.io import attach
    except ImportError:  # Airflow 2
        from airflow.io.store import attach

    attach("memory", fs=fsspec.filesystem("memory"))
