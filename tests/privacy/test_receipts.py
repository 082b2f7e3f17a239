# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Receipts, messages and refusals hold nothing that gives access to anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from airflow.exceptions import ParamValidationError
from airflow.providers.common.compat.sdk import Param

from airflow_provider_tiktok.conversions.http import HttpRequest
from airflow_provider_tiktok.exceptions import PermanentFailure
from airflow_provider_tiktok.notifications import webhook
from airflow_provider_tiktok.operators.tiktok import TikTokSendEventsOperator
from airflow_provider_tiktok.service import inputs
from tests.airflow.running import Task
from tests.privacy.conftest import VALUES, record

SECRET = VALUES["secret in an object storage's address"]


@pytest.mark.parametrize("address", ["memory://key:{}@bucket/letters", "memory://bucket/letters?sig={}"])
def test_a_receipt_names_no_credential(
    planted: Callable[..., Any], address: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether letters can be written there or not, what is told of the address has no secret in it."""
    planted()
    task, path = Task(), address.format(SECRET)
    operator = TikTokSendEventsOperator(
        task_id="send", events=[record(event_time="soon")], dead_letter_path=path
    )
    with pytest.raises(PermanentFailure) as failed:
        operator.execute(task.context)
    told = f"{task.pushed} {failed.value} {vars(failed.value)} {caplog.text}"
    assert "memory://" in told
    assert SECRET not in told


@pytest.mark.parametrize(
    "name",
    ["access_token", "token", "Access-Token", "apiKey", "ACCESS-TOKEN", "x-access-token", "clientSecret"],
)
def test_airflow_refuses_a_token_before_it_stores_it(name: str) -> None:
    """Airflow checks an input field by field before it stores a run: this field takes no token."""
    with pytest.raises(ParamValidationError):
        Param(**inputs.form_fields()[name]).resolve(VALUES["access token"])


def test_a_request_is_named_without_its_query() -> None:
    """Host and path are told, and neither query, user nor password."""
    request = HttpRequest(method="GET", url=f"https://u:{SECRET}@api.example.com/x?sig={SECRET}")
    assert request.shown == "GET api.example.com/x"
    assert SECRET not in repr(request)


def test_a_webhook_is_told_no_foreign_words() -> None:
    """What a library says of its failure may quote a row."""
    told = webhook.failure_of(ValueError(f"no such row: {VALUES['email']}"))
    assert VALUES["email"] not in json.dumps(told)
