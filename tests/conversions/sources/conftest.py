# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Files that tests write and read back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok.conversions.events import UnreadableRow
from airflow_provider_tiktok.conversions.sources.files import FilesSource

Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file of this name and gives its path."""

    def write_file(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


@pytest.fixture
def read() -> Callable[..., list[Any]]:
    """Reads one file; an unreadable row comes out as the name of its rule."""

    def read_file(path: Path, **settings: Any) -> list[Any]:
        rows = FilesSource([path], **settings).rows()
        return [row.rule if isinstance(row, UnreadableRow) else row for row in rows]

    return read_file
