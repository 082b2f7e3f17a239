# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Paths as users write them, as objects that read and write: local files and object storage."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Mapping
from glob import has_magic
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_provider_tiktok.conversions.addresses import credentials_of, shown_path
from airflow_provider_tiktok.conversions.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

log = logging.getLogger(__name__)

_UNFIT_FOR_NAMES = re.compile(r"[^\w.+=:-]+")

_CUT_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/|://")
"""An address that lost a slash, as in ``pathlib``, or its scheme: a folder of that name would be made."""

_SHORTEST_MASKED = 5
"""Signs; shorter ones stand in too many words, and Airflow does not mask them either."""

_LONGEST_NAME = 200
"""Bytes; a file's name may have 255 with its ending."""


def as_path(path: str | os.PathLike[str], *, conn_id: str | None = None) -> Any:
    """A local path, or an object storage path where the text has a scheme such as ``s3://``.

    :param conn_id: Airflow connection of the object storage, ``None`` for the storage's own default.
    :raises ConfigurationError: the address has no scheme or one slash, or no such storage is installed.
    """
    text = str(path)
    if not isinstance(path, str) and not isinstance(path, Path | PurePath):
        return path
    if "://" not in text or text.startswith("://"):
        if _CUT_ADDRESS.match(text):
            raise ConfigurationError(
                "Give the address as text, with its scheme and two slashes, as in s3://bucket/name: "
                f"{shown_path(text)} is none, and no local path either."
            )
        return Path(text).expanduser()
    if text.startswith("file://"):
        return Path(text.removeprefix("file://"))
    return _stored_path(text, conn_id=conn_id)


def as_local_path(path: str | os.PathLike[str], *, argument: str) -> Path:
    """A path on the worker's own disk, for what only works there.

    :param argument: what the DAG calls it.
    :raises ConfigurationError: it is an address of an object storage.
    """
    text = str(path)
    is_stored = "://" in text and not text.startswith(("file://", "://"))
    local = None if is_stored else as_path(text)
    if not isinstance(local, Path):
        raise ConfigurationError(
            f"Give a local file as {argument}: {shown_path(text)} is in an object storage."
        )
    return local


def _stored_path(text: str, *, conn_id: str | None) -> Any:
    """The object storage path; what file systems say of an address they cannot read may quote its secret.

    They also log addresses on their own, so Airflow is told what to mask in the log of the task.
    """
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    for secret in credentials_of(text):
        if len(secret) >= _SHORTEST_MASKED:
            _mask(secret)
    try:
        path = ObjectStoragePath(text, conn_id=conn_id)
    except Exception as error:
        kind = type(error).__name__
    else:
        try:
            path.fs  # noqa: B018  # where no provider brings the storage, this is said no sooner
            return path
        except ValueError as error:
            kind = type(error).__name__
    raise ConfigurationError(
        "Put credentials into an Airflow connection, and install the provider of the storage: path "
        f"{shown_path(text)} is no address of an object storage that is installed here ({kind})."
    )


def _mask(secret: str) -> None:
    """Keep the secret out of the task's log; common.compat knows of this from 1.22 on only."""
    try:
        from airflow.sdk.log import mask_secret
    except ImportError:  # Airflow 2
        from airflow.utils.log.secrets_masker import mask_secret  # type: ignore[import-not-found, no-redef]

    mask_secret(secret)


def find_files(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    conn_id: str | None = None,
    below: str | None = None,
) -> list[Any]:
    """The files that the paths name: each path's own in the order of their names, path by path.

    :param paths: a file, a folder (every file directly in it or in its partitions, such as ``day=1``), or a
        pattern with ``*``, ``?``, ``[...]``. Of a folder or pattern those files are left out that the path
        does not spell out and that, or whose folders, begin with ``.`` or ``_``: what tools leave beside
        their data, such as ``_SUCCESS``.
    :param below: folder that no local file may lie outside of once links are resolved; ``None``: any may.
    :raises ConfigurationError: a path names no file, or one outside of ``below``.
    """
    if isinstance(paths, str) or not isinstance(paths, list | tuple | set):
        paths = [paths]  # type: ignore[list-item]
    files = [file for path in paths for file in _files_of(path, conn_id=conn_id)]
    return files if below is None else [_resolved(file, folder=as_path(below)) for file in files]


def run_label(context: Mapping[str, Any]) -> str:
    """What tells this task of this run from all others, as a path without an ending."""
    task = context["ti"]
    map_index = getattr(task, "map_index", -1)
    label = "/".join(_fit_for_name(part) for part in (task.dag_id, task.run_id, task.task_id))
    return label if map_index is None or map_index < 0 else f"{label}@{map_index}"


def default_dead_letters(context: Mapping[str, Any]) -> str:
    """Where dead letters go when the task does not say it: the deployment's folder, or one in Airflow's home.

    The folder is the option ``dead_letter_folder`` in section ``tiktok`` of Airflow's configuration
    (environment: ``AIRFLOW__TIKTOK__DEAD_LETTER_FOLDER``).
    """
    folder = _shared_folder()
    if not folder:
        home = os.environ.get("AIRFLOW_HOME") or "~/airflow"
        folder = str(Path(home).expanduser() / "tiktok_dead_letters")
    return f"{folder.rstrip('/')}/{run_label(context)}.jsonl"


def warn_of_own_disk(context: Mapping[str, Any], *, path: object) -> None:
    """The first of several mapped tasks warns in its log where dead letters stay on a worker's own disk.

    With more than one machine a retry would not find there what the try before it left, and neither would
    the person who is to send the letters again. Executors that run every task on one machine are left alone.

    :param path: what the task says of the place.
    """
    from airflow.providers.common.compat.sdk import conf

    if path or getattr(context["ti"], "map_index", -1) != 0 or _shared_folder():
        return
    executors = str(conf.get("core", "executor", fallback="")).split(",")
    if all(name.strip().endswith(_ONE_MACHINE) for name in executors):
        return
    log.warning(
        "Dead letters go to this worker's own disk, where neither a retry on another machine nor you may "
        "find them. Set AIRFLOW__TIKTOK__DEAD_LETTER_FOLDER to a folder that all workers share or to an "
        "object storage, such as s3://bucket/letters, or give the task dead_letter_path."
    )


_ONE_MACHINE = ("LocalExecutor", "SequentialExecutor")


def _shared_folder() -> str | None:
    """The deployment's folder for dead letters, ``None`` where it names none."""
    from airflow.providers.common.compat.sdk import conf

    folder: str | None = conf.get("tiktok", "dead_letter_folder", fallback=None)
    return folder or None


def _files_of(path: str | os.PathLike[str], *, conn_id: str | None) -> list[Any]:
    try:
        is_text = isinstance(path, str)
        base, pattern = _split_pattern(str(path), conn_id=conn_id) if is_text else (path, None)
        root = as_path(base, conn_id=conn_id)
        if pattern is None and not root.is_dir():
            return [_checked_file(root)]
        found = sorted(_files_in(root, pattern=pattern), key=str)
        has_folders = not found and any(root.glob(pattern or "*"))
        taken = [file for file in found if not _is_aside(file, root, pattern=pattern or "")]
    except ConfigurationError:
        raise
    except Exception as error:  # object stores have errors of their own, and texts that quote an address
        raise ConfigurationError(
            f"Check that the path is there, and the connection that leads to it: {shown_path(path)} "
            f"cannot be looked up ({type(error).__name__})."
        ) from None
    if not taken:
        rest = ". An empty file would be zero events."
        if found:
            rest = f"; {len(found)} whose names begin with '.' or '_' are left out."
        elif has_folders:
            rest = ", but folders. Add /* for the files in them."
        raise ConfigurationError(f"Give a path that matches a file: {shown_path(path)} matches none{rest}")
    return taken


def _files_in(folder: Any, *, pattern: str | None) -> Iterator[Any]:
    """The files that match, without a pattern those of the folder and of the partitions in it.

    Links to folders are not followed there, as ``**`` does not, so that none leads round in a circle.
    """
    from airflow_provider_tiktok.conversions.sources.partitions import is_partition

    for entry in folder.glob(pattern or "*"):
        if entry.is_file():
            yield entry
        elif pattern is None and is_partition(entry.name) and not entry.is_symlink():
            yield from _files_in(entry, pattern=None)


def _is_aside(file: Any, root: Any, *, pattern: str) -> bool:
    """Whether file or folder has a name for what is no data, and the pattern does not ask for such names."""
    way = str(file).removeprefix(f"{str(root).rstrip('/')}/").split("/")
    asked = {part[:1] for part in pattern.split("/")}
    return any(part.startswith((".", "_")) and part[0] not in asked for part in way)


def _checked_file(path: Any) -> Any:
    """The path, unless it is a local one of something that never ends, such as a device or a pipe."""
    if isinstance(path, Path) and not hasattr(path, "protocol") and path.exists() and not path.is_file():
        raise ConfigurationError(f"Name a file, a folder or a pattern: path {path} is no file.")
    return path


def _resolved(file: Any, *, folder: Any) -> Any:
    """The local file that is meant once all links are followed; what is read cannot be changed afterwards.

    :raises ConfigurationError: it lies outside of the folder.
    """
    if not isinstance(file, Path) or hasattr(file, "protocol"):
        return file
    real = Path(os.path.realpath(file))
    if not real.is_relative_to(os.path.realpath(folder)):
        raise ConfigurationError(
            "Name files inside the folder they may be read from: one in path leads out of it."
        )
    return _checked_file(real)


def _split_pattern(path: str, *, conn_id: str | None) -> tuple[str, str | None]:
    """Folder and pattern; the pattern begins at the first part of the path that has a wildcard.

    A bracket in the name of a file or folder that is there is no wildcard.
    """
    scheme, mark, rest = path.rpartition("://")
    parts = rest.split("/")
    first = 0
    while first < len(parts):
        begin = f"{scheme}{mark}{'/'.join(parts[: first + 1])}"
        if has_magic(parts[first]) and not ("[" in parts[first] and as_path(begin, conn_id=conn_id).exists()):
            break
        first += 1
    else:
        return path, None
    folder = "/".join(parts[:first])
    if not folder:
        folder = "/" if rest.startswith("/") else ("" if mark else ".")
    return f"{scheme}{mark}{folder}", "/".join(parts[first:])


def _fit_for_name(text: str) -> str:
    """The text as one part of a path: no slash, never only dots, and another text gives another part.

    What does not fit is written as in an address, ``%2F``; what is too long for a name ends in a digest.
    """
    fit = _UNFIT_FOR_NAMES.sub(lambda found: quote(found[0], safe="", errors="surrogatepass"), text)
    if fit.startswith("."):
        fit = f"%2E{fit[1:]}"
    if len(fit.encode("utf-8", "surrogatepass")) > _LONGEST_NAME:
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        fit = f"{fit[: _LONGEST_NAME // 4]}%{digest[:32]}"
    return fit or "%"
