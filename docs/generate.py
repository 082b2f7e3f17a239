# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Writes the reference pages from the tables of the code: ``make docs``. A test finds them out of date."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow_provider_tiktok.conversions.identifiers import DROP_REASONS, DROP_REMEDIES, FAULTS
from airflow_provider_tiktok.conversions.readers import RULES as READER_RULES
from airflow_provider_tiktok.conversions.tiktok.return_codes import as_markdown
from airflow_provider_tiktok.conversions.tiktok.rules import RULES
from airflow_provider_tiktok.conversions.values import REMEDIES
from airflow_provider_tiktok.get_provider_info import get_provider_info
from airflow_provider_tiktok.task.arguments import TaskArguments, WaitArguments
from airflow_provider_tiktok.task.signatures import documented

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))  # the page on privacy is made from the tables of its tests

RETURN_CODES = """# TikTok's return codes, and what a run does about each

TikTok answers nearly everything with HTTP 200; the `code` in the body decides. A code that is not in this
table is no success: the run stops, and the events of the request are unconfirmed. Some messages of 40000 and
40002 are about the request and not about one of its events (`event_source_id`, permission): these stop the
run, too.

"""

RULES_PAGE = """# Rules that an event may break

Names that a receipt counts and a dead letter tells, each behind the path of the field:
`properties.value: negative`. All rules an event breaks are told at once, with a remedy, and never the value.
Rows that cannot be read, line items that do not fit together, and events for LiveRamp have a few rules more,
told in the same way.
"""


PRIVACY_PAGE = """# What was planted, and what fails when a protection is missing

Each run of the tests plants values of their own in every input, lets a real Airflow run every operator with
debug logging on, and searches every cell of its database, every log, letter, message and file for them: in
clear in any case, percent-encoded, in Base64 wherever it begins, in hex and escaped as in JSON. One that is
found fails the test. `make test ARGS=tests/privacy` repeats it.
"""

OPERATORS_PAGE = """# Operators and their arguments

Every argument is given by name. A *templated* argument may hold a Jinja template or another task's result,
which is replaced by its value when the task runs. Each operator also takes the
[arguments of every task](#arguments-of-every-task). `help()` shows the same, editors complete it, and mypy
and other type checkers report an argument that is misspelt or has the wrong type.
"""

_PIPE = r"\|"
_IN_LETTERS = "dead letters, which need it to be sent again"
_IN_SOME_LETTERS = "dead letters of a source without an order, whose rows cannot be found again"
_KINDS = {
    "database": "cells of the database",
    "log": "printed logs",
    "file": "log and other files",
    "letters": "letter files",
    "webhook": "messages",
    "page": "answers of the page",
    "StatsD": "metrics",
    "REST": "answers of Airflow",
}
_SEARCHED = """## Searched and found

As `make test-privacy` last saw it. Airflow itself keeps the input of a run in `dag_run.conf`, in its audit
log (`log.extra`) and in the run facet of OpenLineage; there the input's values are, and nowhere else but in
Airflow's own lines at the level DEBUG. On a whole Airflow all that its earlier runs left is searched again.
"""


def pages() -> dict[str, str]:
    """File name to text of every page."""
    return {
        "operators.md": "\n".join([OPERATORS_PAGE, *_operators()]) + "\n",
        "privacy.md": "\n".join([PRIVACY_PAGE, *_privacy()]) + "\n",
        "return_codes.md": RETURN_CODES + as_markdown().rstrip() + "\n",
        "rules.md": "\n".join([RULES_PAGE, *_rules()]) + "\n",
    }


def _rules() -> Iterator[str]:
    read = {name: text for name, text in {**REMEDIES, **READER_RULES}.items() if name not in RULES}
    marked = {name: remedy for name, remedy in FAULTS.items() if name not in RULES}
    yield from _table("While a value is read", "rule", "remedy", read)
    yield from _table("While an identifier is prepared", "rule", "remedy", marked)
    yield from _table("Of the whole event", "rule", "meaning", RULES)
    left_out = {name: f"{text} | {DROP_REMEDIES[name]}" for name, text in DROP_REASONS.items()}
    yield from _table("Values that are left out", "reason", "meaning | remedy", left_out)


def _operators() -> Iterator[str]:
    for operator in _operator_classes():
        words = inspect.cleandoc(operator.__doc__ or "").partition("\n:param ")[0]
        module = operator.__module__.removeprefix("airflow_provider_tiktok.")
        yield from (f"## {operator.__name__}", "", f"`{module}.{operator.__name__}`", "", _as_markdown(words))
        yield from ("", "| argument | type | default | templated | meaning |", "|---|---|---|---|---|")
        yield from _arguments(operator)
        yield ""
    of_sensors = {
        name: hint
        for name, hint in WaitArguments.__annotations__.items()
        if name not in TaskArguments.__annotations__
    }
    yield from ("## Arguments of every task", "", "Airflow documents them and sets their defaults.", "")
    yield from _types(TaskArguments.__annotations__)
    yield from ("", "## Arguments of every sensor", "", "These as well are documented by Airflow.", "")
    yield from _types(of_sensors)


def _arguments(operator: Any) -> Iterator[str]:
    told = documented(operator)
    for name, argument in inspect.signature(operator).parameters.items():
        if name in told:
            cells = (
                f"`{name}`",
                f"`{_type(argument.annotation)}`",
                _default(argument.default),
                "yes" if name in operator.template_fields else "",
                _as_markdown(told[name]).replace(" (templated)", ""),
            )
            yield f"| {' | '.join(cell.replace('|', _PIPE) for cell in cells)} |"


def _types(hints: Mapping[str, Any]) -> Iterator[str]:
    yield from ("| argument | type |", "|---|---|")
    yield from (
        f"| `{name}` | `{hint.__forward_arg__.replace('|', _PIPE)}` |" for name, hint in hints.items()
    )


def _operator_classes() -> Iterator[Any]:
    """Every operator, transfer and sensor that Airflow learns of."""
    info = get_provider_info()
    modules = [
        name for kind in ("operators", "sensors") for one in info[kind] for name in one["python-modules"]
    ]
    modules += [one["python-module"] for one in info["transfers"]]
    for name in dict.fromkeys(modules):
        for found in vars(importlib.import_module(name)).values():
            is_own = inspect.isclass(found) and found.__module__ == name and hasattr(found, "template_fields")
            if is_own and not found.__name__.startswith("_") and not inspect.isabstract(found):
                yield found


def _type(annotation: str) -> str:
    """What may be given, but for what may be given to every templated argument."""
    return annotation.replace(" | Hidden", "").replace(" | XComArg", "")


def _default(default: Any) -> str:
    if default is inspect.Parameter.empty:
        return "required"
    if isinstance(default, timedelta):
        hours = default // timedelta(hours=1)
        return f"{hours // 24} days" if hours > 24 else f"{hours} hours"
    return f"`{default!r}`"


def _as_markdown(docstring: str) -> str:
    return re.sub(r":class:`~?(?:\w+\.)*(\w+)`", r"`\1`", docstring.strip()).replace("``", "`")


def _privacy() -> Iterator[str]:
    from tests.privacy.canaries import PEOPLE, SECRETS
    from tests.privacy.protections import PROTECTIONS
    from tests.privacy.record import read
    from tests.privacy.scenarios import SCENARIOS
    from tests.privacy.test_whole_airflow import WHOLE

    yield from ("## Planted", "", "| value | where it may be found |", "|---|---|")
    for one in (*PEOPLE, *SECRETS):
        place = _IN_LETTERS if one.in_letters else _IN_SOME_LETTERS if one.is_sent else "nowhere"
        yield f"| {one.field} | {place} |"
    yield from (
        "",
        "## Runs",
        "",
        "| run | tasks | records | the platform | the webhook's receiver |",
        "|---|---|---|---|---|",
    )
    for name, run in SCENARIOS.items():
        state = "spoilt in every field" if run.is_spoilt else "good"
        yield f"| {name} | {run.part} | {state} | {run.platform} | {run.receiver} |"
    yield from ("", _SEARCHED, "", f"| run | {' | '.join(_KINDS.values())} | bytes | found |")
    yield "|---" * (3 + len(_KINDS)) + "|"
    searched = read()
    for name in (*SCENARIOS, *WHOLE):
        seen = searched.get(name, {"places": {}, "bytes": 0, "found": ["not searched yet"]})
        counts = " | ".join(f"{seen['places'].get(kind, 0):,}" for kind in _KINDS)
        yield f"| {name} | {counts} | {seen['bytes']:,} | {', '.join(seen['found']) or 'nothing'} |"
    yield from ("", "## Protections", "", "| protection | what for | fails without it |", "|---|---|---|")
    for name, protection in PROTECTIONS.items():
        yield f"| {name} | {protection.claim} | `{protection.test}` |"


def _table(title: str, first: str, second: str, rows: Mapping[str, str]) -> Iterator[str]:
    yield from (f"## {title}", "", f"| {first} | {second} |", "|---" * (2 + second.count("|")) + "|")
    yield from (f"| `{name}` | {text} |" for name, text in rows.items())
    yield ""


if __name__ == "__main__":
    for name, text in pages().items():
        (FOLDER / name).write_text(text)
