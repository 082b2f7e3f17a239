# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Tries a mapping without Airflow: ``python -m airflow_provider_tiktok.preview orders.csv --mapping m.json``.

The first rows are shown beside the events that they become, and what is missing to send them. Nothing is
sent and no connection is needed. The exit status is 0 where all could be sent, 1 where not, 2 for a wrong
argument.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_SETTINGS = (
    *(
        "mapping",
        "defaults",
        "group_by",
        "event_id_from",
        "timezone",
        "null_values",
        "keep_rows",
        "drop_rows",
    ),
    *("ttclid_from_url", "event_source", "default_region", "identity_policy", "require_consent"),
)
"""What the file may say beside the mapping, by the names of the operators' arguments."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status, once the preview was printed."""
    from airflow_provider_tiktok.conversions.errors import ConversionsError

    given = _parser().parse_args(arguments)
    try:
        text, can_be_sent = _preview(given)
    except ConversionsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{text}\n")
    return 0 if can_be_sent else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m airflow_provider_tiktok.preview", description=__doc__)
    parser.add_argument(
        "path", nargs="+", type=Path, help="files with records, in any format of the operators"
    )
    parser.add_argument(
        "--mapping",
        type=Path,
        help='JSON: event path to column, or {"mapping": ..., "defaults": ...} by the operators\' arguments',
    )
    parser.add_argument("--event-source", choices=("web", "app", "offline", "crm"), help="default: web")
    parser.add_argument("--rows", type=int, default=10, help="how many rows to look at; default: 10")
    return parser


def _preview(given: argparse.Namespace) -> tuple[str, bool]:
    from airflow_provider_tiktok.conversions.identifiers import IdentityRules
    from airflow_provider_tiktok.conversions.mapping import EventMapping
    from airflow_provider_tiktok.conversions.preview import as_text, preview, tiktok_rules
    from airflow_provider_tiktok.conversions.sources.files import FilesSource
    from airflow_provider_tiktok.conversions.tiktok.options import ValidationRules

    settings = _settings(given.mapping)
    event_source = given.event_source or settings.pop("event_source", "web")
    settings.pop("event_source", None)
    require_consent = bool(settings.pop("require_consent", False))
    identity = IdentityRules(
        policy=settings.pop("identity_policy", "auto"), default_region=settings.pop("default_region", None)
    )
    shown = preview(
        FilesSource(given.path, hive_columns=bool(settings.get("mapping"))),
        mapping=EventMapping(**settings),
        destination=tiktok_rules(ValidationRules(event_source=event_source), identity),
        require_consent=require_consent,
        max_rows=given.rows,
    )
    return as_text(shown), shown.can_be_sent


def _settings(file: Path | None) -> dict[str, Any]:
    """What the file says.

    :raises ConfigurationError: it cannot be read, or says what is no argument.
    """
    from airflow_provider_tiktok.conversions.errors import ConfigurationError
    from airflow_provider_tiktok.conversions.values import closest_name

    if file is None:
        return {}
    try:
        said = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"Give a file of JSON with --mapping: {file.name} cannot be read as such "
            f"({type(error).__name__})."
        ) from None
    if not isinstance(said, Mapping):
        raise ConfigurationError("Give a JSON object of event paths and columns with --mapping.")
    if not isinstance(said.get("mapping", said.get("defaults")), Mapping):
        return {"mapping": said}
    for name in said:
        if name not in _SETTINGS:
            meant = closest_name(name, _SETTINGS)
            hint = f" Did you mean {meant!r}?" if meant else ""
            raise ConfigurationError(f"Leave {name!r} out of the file of --mapping: it is no argument.{hint}")
    return dict(said)


if __name__ == "__main__":
    raise SystemExit(main())
