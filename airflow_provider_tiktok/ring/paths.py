# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Paths as users write them, as objects that read and write: local files and object storage."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from glob import has_magic
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from airflow_provider_tiktok.conversions.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

_UNFIT_FOR_NAMES = re.compile(r"[^\w.+=:@-]+")


def as_path(path: str | os.PathLike[str], *, conn_id: str | None = None) -> Any:
    """A local path, or an object storage path where the text has a scheme such as ``s3://``.

    :param conn_id: Airflow connection of the object storage, ``None`` for the storage's own default.
    """
    text = str(path)
    if not isinstance(path, str) and not isinstance(path, Path | PurePath):
        return path
    if "://" not in text:
        return Path(text).expanduser()
    if text.startswith("file://"):
        return Path(text.removeprefix("file://"))
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    return ObjectStoragePath(text, conn_id=conn_id)


def find_files(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], *, conn_id: str | None = None
) -> list[Any]:
    """The files that the paths name: each path's own in the order of their names, path by path.

    :param paths: a file, a folder (every file directly in it), or a pattern with ``*``, ``?``, ``[...]``.
    :raises ConfigurationError: a path names no file.
    """
    if isinstance(paths, str) or not isinstance(paths, list | tuple | set):
        paths = [paths]  # type: ignore[list-item]
    return [file for path in paths for file in _files_of(path, conn_id=conn_id)]


def run_label(context: Mapping[str, Any]) -> str:
    """What tells this task of this run from all others, as a path without an ending."""
    task = context["ti"]
    map_index = getattr(task, "map_index", -1)
    name = task.task_id if map_index is None or map_index < 0 else f"{task.task_id}-{map_index}"
    return "/".join(_fit_for_name(part) for part in (task.dag_id, task.run_id, name))


def default_dead_letters(context: Mapping[str, Any]) -> str:
    """Where dead letters go when the task does not say it: the deployment's folder, or one in Airflow's home.

    The folder is the option ``dead_letter_folder`` in section ``tiktok`` of Airflow's configuration
    (environment: ``AIRFLOW__TIKTOK__DEAD_LETTER_FOLDER``).
    """
    from airflow.providers.common.compat.sdk import conf

    folder = conf.get("tiktok", "dead_letter_folder", fallback=None)
    if not folder:
        home = os.environ.get("AIRFLOW_HOME") or "~/airflow"
        folder = str(Path(home).expanduser() / "tiktok_dead_letters")
    return f"{folder.rstrip('/')}/{run_label(context)}.jsonl"


def _files_of(path: str | os.PathLike[str], *, conn_id: str | None) -> list[Any]:
    base, pattern = _split_pattern(str(path)) if isinstance(path, str) else (path, None)
    try:
        root = as_path(base, conn_id=conn_id)
        if pattern is None and not root.is_dir():
            return [root]
        found = sorted((file for file in root.glob(pattern or "*") if file.is_file()), key=str)
    except OSError as error:
        raise ConfigurationError(f"path: {path} cannot be looked up ({type(error).__name__}).") from error
    if not found:
        raise ConfigurationError(
            f"path: {path} matches no file. An empty file would be taken as zero events."
        )
    return found


def _split_pattern(path: str) -> tuple[str, str | None]:
    """Folder and pattern; the pattern begins at the first part of the path that has a wildcard."""
    scheme, mark, rest = path.rpartition("://")
    parts = rest.split("/")
    first = next((at for at, part in enumerate(parts) if has_magic(part)), None)
    if first is None:
        return path, None
    folder = "/".join(parts[:first])
    if not folder:
        folder = "/" if rest.startswith("/") else ("" if mark else ".")
    return f"{scheme}{mark}{folder}", "/".join(parts[first:])


def _fit_for_name(text: str) -> str:
    """The text as one part of a path: no slash, and never only dots."""
    return _UNFIT_FOR_NAMES.sub("_", text).lstrip(".") or "_"
