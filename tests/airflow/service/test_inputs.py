# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import Param, ParamValidationError

from airflow_provider_tiktok.service.inputs import ADDED, CREDENTIAL_NAMES, NOTES, REFUSED, form_fields

WANTED: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "input_schema.json").read_text())
"""The input of the service that this DAG can take the place of, as its interface was published."""

FORM = form_fields()


def test_every_field_is_there_and_no_other() -> None:
    """The form has the fields of the service, and those that are marked as added; constants are not shown."""
    shown = {name for name, field in FORM.items() if not field.get("const")}
    assert shown == {*WANTED["properties"], *ADDED}


@pytest.mark.parametrize("name", WANTED["properties"])
def test_field_is_as_it_was(name: str) -> None:
    """Title, choices, default and minimum are the service's own, and the description begins with its."""
    wanted, field = dict(WANTED["properties"][name]), FORM[name]
    del wanted["type"]  # tested below
    assert field["description"].startswith(wanted.pop("description"))
    assert {key: field.get(key) for key in wanted} == wanted


@pytest.mark.parametrize("name", [*WANTED["properties"], *ADDED])
def test_only_fields_without_a_default_may_be_null(name: str) -> None:
    """What may be left out is null then; everything else keeps its one type."""
    wanted = {**WANTED["properties"], **ADDED}[name]
    field = FORM[name]
    if "default" in wanted:
        assert field["type"] == wanted["type"]
    else:
        assert (field["type"], field["default"]) == (["null", wanted["type"]], None)


@pytest.mark.parametrize("name", NOTES)
def test_note_is_shown(name: str) -> None:
    """What is said besides ends the description that the form shows."""
    assert FORM[name]["description"].endswith(NOTES[name])


@pytest.mark.parametrize("name", ["email", "phone", "externalId", "ipAddress", "events"])
def test_personal_fields_say_that_they_are_stored(name: str) -> None:
    """Whoever fills in personal data reads that Airflow keeps it."""
    assert "keeps a run's input in clear" in FORM[name]["description"]


def test_a_token_fits_into_no_form() -> None:
    """The field for a token takes no text, so Airflow refuses one before it stores the run."""
    assert FORM["accessToken"]["maxLength"] == 0
    assert "connection" in FORM["accessToken"]["description_md"]


@pytest.mark.parametrize("name", CREDENTIAL_NAMES)
def test_a_token_under_another_name_is_not_taken(name: str) -> None:
    """Airflow refuses it before it stores the run, quotes what to do, and passes its own constant."""
    param = Param(**FORM[name])
    assert param.resolve() == REFUSED
    for value in ("planted-token", "", None, 7, ["planted-token"]):
        with pytest.raises(ParamValidationError, match="Revoke"):
            param.resolve(value)


def test_every_task_has_its_fields_in_groups() -> None:
    """Each group names the tasks that read it."""
    named = " ".join({field.get("section", "") for field in FORM.values()})
    assert all(task in named for task in ("send_event", "test_event", "send_batch_events"))


def test_what_every_run_needs_is_in_sight() -> None:
    """The one group that Airflow opens asks what to do, whether in earnest, and where to."""
    opened = [name for name, field in FORM.items() if "section" not in field]
    assert opened == ["task", "demoMode", "pixelCode"]


@pytest.mark.parametrize("name", ["pixelCode", "advertiserId", "testEventCode"])
def test_an_id_says_where_to_find_it(name: str) -> None:
    """Whoever fills in the form does not know TikTok's pages by heart."""
    assert "Manager shows it" in FORM[name]["description"]


@pytest.mark.parametrize(
    ("earlier", "later"), [("email", "ttclid"), ("value", "contentId"), ("task", "email")]
)
def test_fields_come_in_the_order_of_their_use(earlier: str, later: str) -> None:
    """What most events have comes before what few have."""
    names = list(FORM)
    assert names.index(earlier) < names.index(later)
