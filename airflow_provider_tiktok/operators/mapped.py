# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What became of every instance of a mapped task of the same run: states, from any Airflow, and receipts."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import msgspec

from airflow_provider_tiktok.conversions.addresses import shown_path
from airflow_provider_tiktok.conversions.delivery.receipt import Receipt
from airflow_provider_tiktok.conversions.delivery.whole import Part
from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.operators.base import RECEIPT_KEY
from airflow_provider_tiktok.task.paths import as_path, default_dead_letters

log = logging.getLogger(__name__)

_GONE = "removed"
"""State of an instance that a former, larger mapping left behind."""

_LABEL = re.compile(r"part \d+ of (\d+): ")


def states_of(context: Mapping[str, Any], task_id: str) -> dict[int, str | None]:
    """Map index to state, -1 for an instance that was never mapped; ``None`` for one without a state.

    :raises ConfigurationError: this Airflow has no way to tell.
    """
    task = context["ti"]
    ask = getattr(task, "get_task_states", None)  # Airflow 3: tasks ask over the Task Execution API
    if ask is not None:
        told = ask(dag_id=task.dag_id, task_ids=[task_id], run_ids=[task.run_id]).get(task.run_id, {})
        found = {_index_of(name, task_id): state for name, state in told.items()}
    else:
        found = _states_in_database(context, task_id)
    plain = {
        index: None if state is None else str(getattr(state, "value", state))
        for index, state in found.items()
    }
    return {index: plain[index] for index in sorted(plain) if plain[index] != _GONE}


def _index_of(name: str, task_id: str) -> int:
    """The map index in the name that Airflow gives an instance: ``send`` or ``send_3``."""
    return -1 if name == task_id else int(name.removeprefix(f"{task_id}_"))


def _states_in_database(context: Mapping[str, Any], task_id: str) -> dict[int, Any]:
    """Airflow 2 lets tasks read its database."""
    run: Any = context.get("dag_run")
    if not hasattr(run, "get_task_instances"):
        raise ConfigurationError(
            "Use Airflow 2.11, or 3.0 and later: this version does not tell a task what became of "
            "others, so the receipt of the whole cannot be made."
        )
    return {one.map_index: one.state for one in run.get_task_instances() if one.task_id == task_id}


def parts_of(context: Mapping[str, Any], task_id: str) -> tuple[list[Part], dict[str, Any]]:
    """Every part of the upload, and what their receipts say of where the events went."""
    parts: list[Part] = []
    target: dict[str, Any] = {}
    for index, state in states_of(context, task_id).items():
        told = context["ti"].xcom_pull(task_ids=task_id, key=RECEIPT_KEY, map_indexes=index)
        told = told if isinstance(told, Mapping) else {}
        receipt = _receipt_of(told)
        parts.append(
            Part(
                number=index,
                state=state,
                receipt=receipt,
                source=told.get("source"),
                host=told.get("host"),
                letters_left=_letters_left(context, task_id, index) if receipt is None else None,
            )
        )
        target = target or {name: told[name] for name in _TARGET if name in told}
    return parts, target


_TARGET = ("schema", "event_source", "event_source_id", "is_test", "is_demo")


def _letters_left(context: Mapping[str, Any], task_id: str, index: int) -> str | None:
    """The dead letters of a part that told of none, as one that was killed; ``None`` where none are found.

    They are looked for where letters go by default: what a killed task was given as a path is not known.
    """
    task = context["ti"]
    part = SimpleNamespace(dag_id=task.dag_id, run_id=task.run_id, task_id=task_id, map_index=index)
    try:
        path = as_path(default_dead_letters({"ti": part}))
        return shown_path(path) if path.exists() else None
    except Exception as error:  # every storage has its own; the receipt is made all the same
        log.warning("Whether part %s left dead letters is not known: %s.", index, type(error).__name__)
        return None


def _receipt_of(told: Mapping[str, Any]) -> Receipt | None:
    """The receipt, ``None`` where this is none that can be read: not to be counted as one."""
    try:
        return Receipt.from_dict(told) if told else None
    except msgspec.ValidationError:
        return None


def expected_of(parts: list[Part]) -> int:
    """How many parts there should be: as many as any of them says, and no fewer than there are."""
    said = [int(found[1]) for part in parts if (found := _LABEL.match(part.source or ""))]
    return max([len(parts), *said])
