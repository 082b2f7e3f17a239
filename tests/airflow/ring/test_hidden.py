# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_tiktok.ring.hidden import Hidden, PrivateField, reveal

ADDRESS = "person@example.com"


class Holder:
    events = PrivateField()


class Reference:
    """What another task's result looks like to Airflow."""

    def iter_references(self) -> list[Any]:
        return []

    def resolve(self, context: Any) -> Any:
        return [{"email": ADDRESS}]


@pytest.mark.parametrize(
    "value",
    [
        [{"user": {"email": ADDRESS}}],
        ({"user": {"email": ADDRESS}},),
        {"email": ADDRESS},
        f'[{{"email": "{ADDRESS}"}}]',
        f'  {{"email": "{ADDRESS}"}}',
        f'[{{"email": "{{{{ params.x }}}}{ADDRESS}"}}]',
        ADDRESS,
        ADDRESS.encode(),
        iter([ADDRESS]),
        {ADDRESS},
    ],
    ids=repr,
)
def test_events_are_hidden(value: Any):
    """Whatever may hold an event shows at most how many there are."""
    holder = Holder()
    holder.events = value
    assert isinstance(holder.events, Hidden)
    for shown in (repr(holder.events), str(holder.events), holder.events.serialize()):
        assert ADDRESS not in shown
        assert "hidden" in shown
    assert reveal(holder.events) is value


@pytest.mark.parametrize(
    "value",
    [
        None,
        "{{ ti.xcom_pull('extract') }}",
        " {% for row in rows %}{{ row }}{% endfor %}",
        "s3://{{ params.bucket }}/x",
        Reference(),
        [Reference()],
        {"email": Reference()},
    ],
    ids=repr,
)
def test_templates_and_references_are_not_hidden(value: Any):
    """Airflow must see what it has to render or to wait for."""
    holder = Holder()
    holder.events = value
    assert holder.events is value


def test_what_a_template_became_is_hidden():
    """A field that was a template is hidden as soon as it is rendered."""
    holder = Holder()
    holder.events = "{{ ti.xcom_pull('extract') }}"
    holder.events = f'[{{"email": "{ADDRESS}"}}]'
    assert ADDRESS not in repr(holder.events)


def test_number_of_events_is_shown():
    """People may know how many events there were."""
    assert repr(Hidden([1, 2, 3])) == "<3 event(s), hidden>"
    assert repr(Hidden("[1, 2]")) == "<str, hidden>"
    assert repr(Hidden(iter("ab"))) == "<events, hidden>"


def test_absent_until_assigned():
    """A field that was never set is nothing, and the class shows the field itself."""
    assert Holder().events is None
    assert isinstance(Holder.events, PrivateField)
