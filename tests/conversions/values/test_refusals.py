# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What is said of a value that will not do."""

from __future__ import annotations

import ast
import pickle
import re
from pathlib import Path

import pytest

from airflow_provider_tiktok.conversions import mapping, values
from airflow_provider_tiktok.conversions.errors import EventError
from airflow_provider_tiktok.conversions.values import (
    REMEDIES,
    EventErrors,
    closest_name,
    refusal,
    shown_name,
    single_errors,
    times,
    unknown_field,
)


def test_every_rule_is_in_the_table_and_every_entry_is_used() -> None:
    """The table is the whole list of what this room finds wrong, and ``mapping`` in its words."""
    calls = [
        node
        for room in (values, mapping)
        for path in Path(room.__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "refusal"
    ]
    named = {
        node.value
        for call in calls
        for node in ast.walk(call.args[0])
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert named | {rule for _, rule in times._TOO_LARGE_FOR_SECONDS} == set(REMEDIES)


@pytest.mark.parametrize("rule", REMEDIES)
def test_every_remedy_is_a_sentence(rule: str) -> None:
    """What a person can do, from a capital letter to a full stop."""
    assert re.fullmatch(r"[A-Z].*\.", refusal(rule).remedy)


def test_several_faults_are_told_one_by_one_from_the_outside_in() -> None:
    """Paths grow at the front on the way out."""
    inner = EventErrors(errors=[refusal("not_text", path="[1]"), refusal("not_finite", path=".a")])
    outer = EventErrors(errors=single_errors(inner, path="[0]"))
    told = [(one.path, one.rule) for one in single_errors(outer, path="properties.x")]
    assert told == [("properties.x[0][1]", "not_text"), ("properties.x[0].a", "not_finite")]


def test_an_error_of_somebody_else_is_told_without_its_text() -> None:
    """A broken object's own words may be its value."""
    [told] = single_errors(RuntimeError("jane@example.com"), path="user.email")
    assert (told.path, told.rule, told.args) == ("user.email", "unreadable", ("unreadable",))


def test_several_faults_survive_pickling() -> None:
    """Airflow passes errors between processes."""
    error = EventErrors(errors=[EventError("not_text", remedy="Give text.", path="[1]")])
    copy = pickle.loads(pickle.dumps(error))
    assert [(one.path, one.rule, one.remedy) for one in copy.errors] == [("[1]", "not_text", "Give text.")]


@pytest.mark.parametrize("key", ["email", "eventName", "user.email", "contents[].price", "_x", "a-b"])
def test_a_key_that_looks_like_a_name_is_shown(key: str) -> None:
    """Whoever misspelt a field sees what he wrote."""
    assert shown_name(key) == key


@pytest.mark.parametrize(
    "key",
    ["jane@example.com", "+12025550123", "12025550123", "Jane Doe", "", "a" * 49, "a" * 64, None, 5, "é"],
)
def test_a_key_that_may_be_a_value_is_hidden(key: object) -> None:
    """The first row of a file without a header is somebody's data."""
    assert shown_name(key) == "(hidden)"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("emial", "email"),
        ("EMAIL", "email"),
        ("event-name", "event_name"),
        ("eventName", "event_name"),
        ("order", "order_id"),
        ("colour", None),
        ("", None),
    ],
)
def test_the_closest_name_is_the_one_that_was_probably_meant(name: str, meant: str | None) -> None:
    """Case and dashes make no difference, and far names are not offered."""
    assert closest_name(name, ("email", "event_name", "order_id", "user.email")) == meant


def test_an_unknown_field_is_no_fault_of_its_type() -> None:
    """A key that is no text has no close name."""
    assert unknown_field(None, known=["email"]).remedy == REMEDIES["unknown_field"]
    assert unknown_field("emial", known=["email"]).remedy.endswith("Did you mean email?")
