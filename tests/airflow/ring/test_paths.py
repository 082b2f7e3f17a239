# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.ring.paths import as_path, default_dead_letters, find_files, run_label


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.jsonl", "a.jsonl", "c.csv", "deep/d.jsonl"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.touch()
    return tmp_path


def names(files: list[Path], folder: Path) -> list[str]:
    return [str(file.relative_to(folder)) for file in files]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("b.jsonl", ["b.jsonl"]),
        ("*.jsonl", ["a.jsonl", "b.jsonl"]),
        ("?.jsonl", ["a.jsonl", "b.jsonl"]),
        ("[bc].*", ["b.jsonl", "c.csv"]),
        ("**/*.jsonl", ["a.jsonl", "b.jsonl", "deep/d.jsonl"]),
        ("*/d.jsonl", ["deep/d.jsonl"]),
        ("", ["a.jsonl", "b.jsonl", "c.csv"]),
    ],
)
def test_files_are_found_in_the_order_of_their_names(folder: Path, pattern: str, found: list[str]):
    """A file, a pattern and a folder each name their files, always in the same order."""
    assert names(find_files(f"{folder}/{pattern}".rstrip("/")), folder) == found


def test_several_paths_keep_their_order(folder: Path):
    """The paths' own order comes first."""
    found = find_files([folder / "c.csv", f"{folder}/*.jsonl"])
    assert names(found, folder) == ["c.csv", "a.jsonl", "b.jsonl"]


def test_object_storage_is_searched_alike(folder: Path):
    """A path with a scheme is an object storage path, patterns included."""
    found = find_files(f"file://{folder}/*.jsonl")
    assert [str(file).rsplit("/", 1)[1] for file in found] == ["a.jsonl", "b.jsonl"]


def test_single_file_need_not_exist_yet(folder: Path):
    """Whether a named file can be read is found, and told, by who reads it."""
    assert find_files(str(folder / "missing.jsonl")) == [folder / "missing.jsonl"]


def test_pattern_without_files_is_an_error(folder: Path):
    """A mistyped pattern must not pass as zero events."""
    with pytest.raises(ConfigurationError, match=r"path: .*matches no file"):
        find_files(f"{folder}/*.parquet")


def test_paths_with_a_scheme_are_object_storage(tmp_path: Path):
    """Local paths stay plain paths, since only those can be appended to."""
    assert as_path(str(tmp_path)) == tmp_path
    assert as_path(f"file://{tmp_path}") == tmp_path
    assert as_path(tmp_path) == tmp_path
    remote = as_path("memory://bucket/letters.jsonl")
    assert type(remote).__name__ == "ObjectStoragePath"
    assert str(remote).startswith("memory://")


def context(**facts: object) -> dict[str, object]:
    task = {
        "dag_id": "shop",
        "run_id": "manual__2026-11-23T10:00:00+00:00",
        "task_id": "group.send",
        "map_index": -1,
    }
    return {"ti": SimpleNamespace(**{**task, **facts})}


@pytest.mark.parametrize(
    ("facts", "label"),
    [
        ({}, "shop/manual__2026-11-23T10:00:00+00:00/group.send"),
        ({"map_index": 3}, "shop/manual__2026-11-23T10:00:00+00:00/group.send-3"),
        ({"run_id": "../../etc/passwd"}, "shop/_.._etc_passwd/group.send"),
        ({"run_id": ".."}, "shop/_/group.send"),
        ({"run_id": "a b\n/c"}, "shop/a_b_c/group.send"),
    ],
)
def test_run_label_is_a_safe_path(facts: dict[str, object], label: str):
    """Every task of every run has a name of its own, which never leads out of its folder."""
    assert run_label(context(**facts)) == label


def test_dead_letters_go_to_airflows_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Without a word of the deployment they are kept in Airflow's home."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    assert (
        default_dead_letters(context(run_id="r")) == f"{tmp_path}/tiktok_dead_letters/shop/r/group.send.jsonl"
    )


def test_deployment_names_the_folder(monkeypatch: pytest.MonkeyPatch):
    """The deployment can name a folder for all tasks."""
    monkeypatch.setenv("AIRFLOW__TIKTOK__DEAD_LETTER_FOLDER", "s3://letters/")
    assert default_dead_letters(context(run_id="r")) == "s3://letters/shop/r/group.send.jsonl"
