# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What a task says of columns is checked with the DAG file, and said again by YAML and mapped tasks."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.mapping import SKIP, column
from airflow_provider_tiktok.operators.tiktok import TikTokSendEventsOperator


def task(mapping: Any) -> TikTokSendEventsOperator:
    """A task with this mapping."""
    return TikTokSendEventsOperator(task_id="send", events=[], mapping=mapping)


@pytest.mark.parametrize(
    ("mapping", "told"),
    [
        ({"event_time": {"column": "at", "units": "ms"}}, r"mapping\['event_time'\]: .* did you mean 'unit'"),
        ({"event_time": {"column": "at", "unit": "msec"}}, "did you mean 'ms'"),
        ({"user.email": ["mail", {"column": "other", "splitt": ";"}]}, "did you mean 'split'"),
        ({"event": {"columns": ["a"]}}, "did you mean 'column'"),
    ],
)
def test_a_wrong_setting_fails_the_dag_file(mapping: Any, told: str) -> None:
    """Before a task runs, with the closest setting."""
    with pytest.raises(ConfigurationError, match=told):
        task(mapping)


def test_readers_are_the_same_from_yaml() -> None:
    """A mapping as plain data has the same words as one that was written in Python."""
    kinds = {"column": "kind", "values": {"order": "Purchase"}, "otherwise": "SKIP"}
    plain = task({"event": kinds, "event_time": {"column": "at", "unit": "ms"}})
    said = task(
        {
            "event": column("kind", values={"order": "Purchase"}, otherwise=SKIP),
            "event_time": column("at", unit="ms"),
        }
    )
    assert plain.mapping == said.mapping
    assert repr(plain._event_mapping()) == repr(said._event_mapping())


def test_mapped_tasks_keep_their_readers() -> None:
    """What is said of columns is plain data, so that Airflow stores it as it is."""
    mapping = {"event_time": column("at", unit="ms"), "user.email": ["mail", column("b", split=";")]}
    with DAG("mapped", schedule=None):
        mapped = TikTokSendEventsOperator.partial(task_id="send", mapping=mapping).expand(events=[[], []])
    assert mapped.partial_kwargs["mapping"] == mapping
