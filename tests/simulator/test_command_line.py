# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""The simulator as a process: it says where it listens, serves, and ends when told to."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_tiktok.simulator import DEFAULT_PIXEL_CODE, DEFAULT_TOKEN
from tests.simulator.calls import Caller

COMMAND = [sys.executable, "-W", "error", "-m", "airflow_provider_tiktok.simulator"]


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_process_serves_until_a_signal(end: signal.Signals, tmp_path: Path) -> None:
    """First a line of JSON, the same in the ready file; state and faults from files; exit code 0, nothing on stderr."""
    (tmp_path / "state.json").write_text(
        '{"tiktok": {"tokens": {"another-token": {"status": "active", "permissions": ["user/info"], "advertiser_ids": []}}}}'
    )
    (tmp_path / "faults.json").write_text('[{"match": {"nth": [2]}, "effect": {"code": 50000}}]')
    ready_file = tmp_path / "ready.json"
    options = [
        f"--state={tmp_path / 'state.json'}",
        f"--faults={tmp_path / 'faults.json'}",
        f"--ready-file={ready_file}",
    ]

    with subprocess.Popen(
        [*COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = json.loads(process.stdout.readline())
        with Caller(line["url"]) as caller:
            codes = [
                caller.read("user/info", token=token).code
                for token in ("another-token", DEFAULT_TOKEN, "none")
            ]
            process.send_signal(end)
            _, errors = process.communicate(timeout=10)

    assert codes == [0, 50000, 40105]
    assert line["pid"] == process.pid
    assert json.loads(ready_file.read_text()) == line
    assert [path.name for path in tmp_path.glob("ready*")] == ["ready.json"]
    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize(
    ("option", "content"),
    [("--state", '{"tiktok": {"max_event": 5}}'), ("--state", "{"), ("--faults", "{}"), ("--faults", None)],
)
def test_bad_file_ends_the_process_at_once(option: str, content: str | None, tmp_path: Path) -> None:
    """A file that is missing or not understood is named on stderr, with exit code 2."""
    file = tmp_path / "setting.json"
    if content is not None:
        file.write_text(content)

    done = subprocess.run(
        [*COMMAND, option, str(file)], capture_output=True, text=True, timeout=10, check=False
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("simulator: ")


def test_the_commands_for_airflow_name_what_the_simulator_knows(tmp_path: Path) -> None:
    """After the line of JSON come commands for both connections, whole as a shell reads them."""
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        commands = [shlex.split(process.stdout.readline()) for _ in range(2)]
        process.terminate()

    options = [dict(zip(command[4::2], command[5::2], strict=True)) for command in commands]
    extras = [json.loads(option["--conn-extra"]) for option in options]
    assert [command[:4] for command in commands] == [
        ["airflow", "connections", "add", f"{kind}_default"] for kind in ("tiktok", "liveramp")
    ]
    assert [option["--conn-host"] for option in options] == [url, url]
    assert options[0]["--conn-password"] == DEFAULT_TOKEN
    assert extras[0]["pixel_code"] == DEFAULT_PIXEL_CODE
    assert extras[1]["envelope_host"] == url
