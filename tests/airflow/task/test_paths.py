# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import secrets
import traceback
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import redact

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.task.paths import (
    as_local_path,
    as_path,
    default_dead_letters,
    find_files,
    run_label,
    warn_of_own_disk,
)


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


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("", ["part-0.csv", "day=1/part-1.csv"]),
        ("*", ["part-0.csv"]),
        ("**/*", ["part-0.csv", "day=1/part-1.csv"]),
        ("**/*.csv", ["part-0.csv", "day=1/part-1.csv"]),
        ("_late/*.csv", ["_late/part-2.csv"]),
        ("_*/*", ["_late/part-2.csv"]),
        (".part*", [".part-0.csv.crc"]),
        ("_SUCCESS", ["_SUCCESS"]),
    ],
)
def test_what_tools_leave_beside_data_is_left_out(
    tmp_path: Path, pattern: str, found: list[str], monkeypatch: pytest.MonkeyPatch
):
    """Markers, checksums and unfinished parts are no data, unless they are asked for by their names."""
    for name in (
        *("part-0.csv", "_SUCCESS", ".part-0.csv.crc", "_metadata", ".DS_Store", "._part-0.csv"),
        *("_late/part-2.csv", ".staging/part-3.csv", "day=1/part-1.csv", "day=1/_committed_7"),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert sorted(names(find_files(f"{tmp_path}/{pattern}".rstrip("/")), tmp_path)) == sorted(found)
    monkeypatch.chdir(tmp_path)
    assert sorted(map(str, find_files(pattern or "."))) == sorted(found)


def test_a_folder_has_the_files_of_its_partitions(tmp_path: Path):
    """What Hive and Spark write is read whole, and neither other folders nor a link in a circle."""
    files = ["2027.csv", "year=2026/c.csv", "year=2026/month=11/a.csv", "year=2026/month=12/b.csv"]
    for name in (*files, "year=2026/old/d.csv", "archive/e.csv", "_temporary/year=2026/f.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "year=2026" / "day=1").symlink_to(tmp_path)
    assert names(find_files(tmp_path), tmp_path) == files
    lake = f"memory://lakes/{tmp_path.name}"
    for name in (*files, "archive/e.csv"):
        as_path(f"{lake}/{name}").write_bytes(b"")
    assert [str(file).partition(f"{tmp_path.name}/")[2] for file in find_files(lake)] == files


@pytest.mark.parametrize("path", ["archive", "day=*"])
def test_folders_alone_are_told(tmp_path: Path, path: str):
    """A path that matches no file but folders is mended by the files in them."""
    (tmp_path / "archive" / "2026").mkdir(parents=True)
    (tmp_path / "day=1").mkdir()
    with pytest.raises(ConfigurationError, match=r"matches none, but folders\. Add /\* for the files"):
        find_files(f"{tmp_path}/{path}")


def test_a_folder_of_markers_alone_is_an_error(tmp_path: Path):
    """A job that wrote no part is not zero events, and the words say what was seen."""
    (tmp_path / "_SUCCESS").touch()
    with pytest.raises(ConfigurationError, match=r"matches none; 1 whose names begin with '\.' or '_'"):
        find_files(str(tmp_path))


@pytest.mark.parametrize("name", ["orders[1].csv", "[2026] orders.csv", "a[", "x[!a].csv", "day[1]/a.csv"])
def test_brackets_of_a_name_are_no_wildcard(tmp_path: Path, name: str):
    """A file, or a folder, that is there under just this name is meant."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    (tmp_path / "orders1.csv").touch()
    assert names(find_files(f"{tmp_path}/{name}"), tmp_path) == [name]
    if "/" in name:
        assert names(find_files(f"{tmp_path}/day[1]/*.csv"), tmp_path) == [name]


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/stdin"])
def test_a_device_is_no_file(path: str):
    """What may never end, or wait for ever, is not read."""
    with pytest.raises(ConfigurationError, match="is no file"):
        find_files(path)


def test_a_pipe_is_no_file(tmp_path: Path):
    """Opening it would wait for somebody who writes to it."""
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(ConfigurationError, match="is no file"):
        find_files(tmp_path / "pipe.csv")


@pytest.mark.parametrize("path", ["link.csv", "*.csv", "", "linked/secret.csv", "linked", "linked/*", "**/*"])
def test_no_link_leads_out_of_a_folder(tmp_path: Path, path: str):
    """A file, folder or pattern below the folder names none outside of it, whatever links there are."""
    folder = tmp_path / "open"
    folder.mkdir()
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed" / "secret.csv").touch()
    (folder / "link.csv").symlink_to(tmp_path / "closed" / "secret.csv")
    (folder / "linked").symlink_to(tmp_path / "closed")
    with pytest.raises(ConfigurationError, match="leads out of it"):
        find_files(f"{folder}/{path}".rstrip("/"), below=str(folder))


def test_links_inside_of_a_folder_are_followed(tmp_path: Path):
    """What is read is the file behind the link, so that a later change of the link changes nothing."""
    folder = tmp_path / "open"
    (folder / "new").mkdir(parents=True)
    (folder / "new" / "a.csv").touch()
    (folder / "latest").symlink_to(folder / "new")
    (tmp_path / "way").symlink_to(folder)
    for below in (folder, tmp_path / "way", f"file://{folder}"):
        assert find_files(f"{below}/latest/*.csv", below=str(below)) == [folder / "new" / "a.csv"]
    with pytest.raises(ConfigurationError, match="leads out of it"):
        find_files(f"{tmp_path}/opened/a.csv", below=str(folder))


def test_single_file_need_not_exist_yet(folder: Path):
    """Whether a named file can be read is found, and told, by who reads it."""
    assert find_files(str(folder / "missing.jsonl")) == [folder / "missing.jsonl"]


def test_pattern_without_files_is_an_error(folder: Path):
    """A mistyped pattern must not pass as zero events."""
    with pytest.raises(ConfigurationError, match=r"Give a path that matches a file: .* matches none"):
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
        ({"map_index": 3}, "shop/manual__2026-11-23T10:00:00+00:00/group.send@3"),
        ({"run_id": "../../etc/passwd"}, "shop/%2E.%2F..%2Fetc%2Fpasswd/group.send"),
        ({"run_id": ".."}, "shop/%2E./group.send"),
        ({"run_id": ""}, "shop/%/group.send"),
        ({"run_id": "a b\n/c"}, "shop/a%20b%0A%2Fc/group.send"),
    ],
)
def test_run_label_is_a_safe_path(facts: dict[str, object], label: str):
    """Every task of every run has a name of its own, which never leads out of its folder."""
    assert run_label(context(**facts)) == label


def test_no_two_tasks_have_one_label():
    """Texts that differ in one sign, however odd, never lead to one file of letters."""
    odd = [
        "a~b",
        "a_b",
        "a%7Eb",
        "a b",
        "a/b",
        "a%2Fb",
        "a-b",
        ".a",
        "%2Ea",
        "a.",
        "",
        "%",
        "_",
        "é",
        "\udce9",
    ]
    long = ["x" * 250, "x" * 249 + "y", "é" * 250, "/" * 250, "/" * 249]
    facts = [{"run_id": text} for text in [*odd, *long]]
    facts += [{"map_index": 0}, {"task_id": "group.send-0"}, {"task_id": "group.send_0"}, {"map_index": 10}]
    labels = [run_label(context(**one)) for one in facts]
    assert len(set(labels)) == len(facts)
    for label in labels:
        assert max(len(os.fsencode(part)) for part in label.split("/")) + len(".jsonl") <= 255
        assert not {"", ".", ".."} & set(label.split("/"))


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


@pytest.mark.parametrize(
    "path",
    [
        "nowhere://key:planted@bucket/x.jsonl",
        "memory://key:planted@bucket/*.jsonl",
        "s3://key:plan/ted:planted@bucket/x.jsonl",
        "https://planted@127.0.0.1:1/x.jsonl?sig=planted",
    ],
)
def test_no_credential_of_an_address_is_told(path: str):
    """What cannot be found or read is named without what gives access to it, in what it came from as well."""
    with pytest.raises(ConfigurationError) as refused:
        find_files(path)
    assert "planted" not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize(
    ("map_index", "executor", "folder_option", "path", "warns"),
    [
        (0, "CeleryExecutor", "", None, True),
        (0, "LocalExecutor,CeleryExecutor", "", None, True),
        (0, "airflow.providers.edge3.executors.EdgeExecutor", "", None, True),
        (1, "CeleryExecutor", "", None, False),
        (-1, "CeleryExecutor", "", None, False),
        (0, "LocalExecutor", "", None, False),
        (0, "CeleryExecutor", "s3://bucket/letters", None, False),
        (0, "CeleryExecutor", "", "/shared/letters.jsonl", False),
    ],
)
def test_letters_on_a_workers_own_disk_are_warned_of(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    map_index: int,
    executor: str,
    folder_option: str,
    path: str | None,
    warns: bool,
):
    """Once for a mapped upload on several machines, where no place is set that all of them see."""
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", executor)
    monkeypatch.setenv("AIRFLOW__TIKTOK__DEAD_LETTER_FOLDER", folder_option)
    warn_of_own_disk({"ti": SimpleNamespace(map_index=map_index)}, path=path)
    assert ("AIRFLOW__TIKTOK__DEAD_LETTER_FOLDER" in caplog.text) == warns


def test_what_storages_log_of_an_address_is_masked() -> None:
    """File systems log addresses themselves: Airflow masks the credentials in them."""
    key, secret, signature = (secrets.token_hex(8) for _ in range(3))
    with suppress(ConfigurationError):  # Airflow takes what stands before the @ for a connection
        as_path(f"memory://{key}:{secret}@bucket/day.jsonl?part=1&signature={signature}")
    said = str(redact(f"open file {key} {secret} {signature} part"))
    assert said == "open file *** *** *** part"


def test_a_storage_that_is_not_installed_is_told_at_once() -> None:
    """Whether it is to be read, written or looked for, no path of it is made."""
    for way in (as_path, find_files, lambda path: find_files([f"{path}/*.csv"])):
        with pytest.raises(ConfigurationError, match=r"^Put credentials .* install the provider of the stor"):
            way("nowhere://bucket/day.jsonl")


@pytest.mark.parametrize(
    "path", [Path("s3://bucket/day.jsonl"), "s3:/bucket/day.jsonl", "file:/day.jsonl", "://bucket/day.jsonl"]
)
def test_an_address_that_lost_a_slash_or_its_scheme_is_no_folder(path: str | Path) -> None:
    """What is written to it would end in a folder named ``s3:`` on the worker's disk."""
    for way in (as_path, find_files, partial(as_local_path, argument="output_path")):
        with pytest.raises(ConfigurationError, match=r"^Give the address as text"):
            way(path)


@pytest.mark.parametrize("scheme", ["memory", "nowhere", "s3"])
def test_what_only_works_locally_takes_no_address(scheme: str, tmp_path: Path) -> None:
    """A file that is renamed into its place once it is whole."""
    with pytest.raises(ConfigurationError, match=r"^Give a local file as output_path: .* object storage"):
        as_local_path(f"{scheme}://bucket/day.jsonl", argument="output_path")
    assert as_local_path(f"file://{tmp_path}", argument="output_path") == tmp_path
    assert as_local_path(tmp_path, argument="output_path") == tmp_path
