# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""Serves from the command line until a signal ends it."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow_provider_tiktok.simulator import defaults
from airflow_provider_tiktok.simulator.service import Simulator
from airflow_provider_tiktok.simulator.state import BadSetting
from airflow_provider_tiktok.simulator.strict_json import NotJson, read_json


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT; gives 0, or 2 if a setting is wrong.

    Prints one line of JSON with ``url`` and ``pid`` once it listens, and writes the same line to the ready
    file, which appears whole or not at all. The lines after it are for people: the commands that make
    Airflow's connections to this simulator.
    """
    options = _read_options(arguments)
    signals = (signal.SIGTERM, signal.SIGINT)
    # Blocked before any thread starts, so that every thread leaves them to sigwait below.
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        simulator = Simulator(
            state=_read_file(options.state, {}), faults=_read_file(options.faults, []), port=options.port
        )
    except (BadSetting, NotJson, OSError) as error:
        sys.stderr.write(f"simulator: {error}\n")
        return 2
    with simulator:
        _announce({"url": simulator.url, "pid": os.getpid()}, options.ready_file)
        sys.stdout.write(f"{connection_commands(simulator.url)}\n")
        sys.stdout.flush()
        signal.sigwait(signals)
    return 0


def connection_commands(url: str) -> str:
    """Shell commands, one a line, that make Airflow's connections to a simulator in its default state."""
    of_tiktok = {
        "pixel_code": defaults.DEFAULT_PIXEL_CODE,
        "advertiser_id": defaults.DEFAULT_ADVERTISER_ID,
        "tiktok_app_id": defaults.DEFAULT_TIKTOK_APP_ID,
        "offline_event_set_id": defaults.DEFAULT_OFFLINE_EVENT_SET_ID,
        "crm_event_set_id": defaults.DEFAULT_CRM_EVENT_SET_ID,
    }
    of_liveramp = {
        "placement_id": defaults.DEFAULT_PLACEMENT_ID,
        "origin": defaults.DEFAULT_ORIGIN,
        "envelope_host": url,
    }
    return "\n".join(
        (
            _connection_command("tiktok", url, password=defaults.DEFAULT_TOKEN, extra=of_tiktok),
            _connection_command("liveramp", url, password=defaults.DEFAULT_ATS_CONFIG_ID, extra=of_liveramp),
        )
    )


def _connection_command(conn_type: str, url: str, *, password: str, extra: dict[str, str]) -> str:
    words = ["airflow", "connections", "add", f"{conn_type}_default", "--conn-type", conn_type]
    words += ["--conn-host", url, "--conn-password", password, "--conn-extra", json.dumps(extra)]
    return shlex.join(words)


def _read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_tiktok.simulator", description="TikTok and LiveRamp on loopback."
    )
    parser.add_argument(
        "--port", type=int, default=0, help="port on 127.0.0.1; 0 takes any free one (default)"
    )
    parser.add_argument("--state", type=Path, help="JSON file, laid over the default state")
    parser.add_argument("--faults", type=Path, help="JSON file, a list of faults")
    parser.add_argument("--ready-file", type=Path, help="file to write the printed line to once it listens")
    return parser.parse_args(arguments)


def _read_file(path: Path | None, default: Any) -> Any:
    return default if path is None else read_json(path.read_bytes())


def _announce(facts: dict[str, object], ready_file: Path | None) -> None:
    line = json.dumps(facts)
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
    if ready_file:
        unfinished = ready_file.with_name(f"{ready_file.name}.part")
        unfinished.write_text(f"{line}\n", encoding="utf-8")
        unfinished.replace(ready_file)


if __name__ == "__main__":
    sys.exit(main())
