# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import traceback
from typing import Any

import pytest

from airflow_provider_tiktok.operators.tiktok import TikTokSendEventsOperator
from airflow_provider_tiktok.ring.failures import TemporaryFailure
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
    assert holder.events == value


@pytest.mark.parametrize(
    "around",
    [
        lambda reference: [{"email": ADDRESS, "event_id": reference}],
        lambda reference: ({"user": {"email": [ADDRESS]}}, reference),
        lambda reference: {"email": Hidden(ADDRESS), "event_id": reference},
    ],
)
def test_what_stands_beside_a_reference_is_hidden(around: Any):
    """Airflow sees the reference, and nothing of the event around it; the event is whole again afterwards."""
    holder, reference = Holder(), Reference()
    holder.events = around(reference)
    assert ADDRESS not in repr(holder.events)
    assert repr(reference) in repr(holder.events)
    assert reveal(holder.events) == reveal(around(reference))
    assert ADDRESS in repr(reveal(holder.events))


@pytest.mark.parametrize("fault", ["{{ nothing.at_all }}", "{% off", "{{ 1 / 0 }}"])
def test_template_that_fails_tells_nothing(fault: str, caplog: pytest.LogCaptureFixture):
    """Airflow logs what it could not render, and Jinja quotes it: neither shows what is hidden."""
    operator = TikTokSendEventsOperator(task_id="send", events=[{"email": ADDRESS, "note": ADDRESS + fault}])
    with pytest.raises(TemporaryFailure) as failed:
        operator.render_template_fields({"ds": "2026-11-23"})
    told = "".join(traceback.format_exception(failed.value)) + caplog.text
    assert "cannot be rendered" in told
    assert ADDRESS not in told


def test_templates_inside_are_rendered():
    """Behind the holder templates are filled in as anywhere else."""
    operator = TikTokSendEventsOperator(task_id="send", events=[{"email": ADDRESS, "note": "{{ ds }}"}])
    operator.render_template_fields({"ds": "2026-11-23"})
    assert reveal(operator.events) == [{"email": ADDRESS, "note": "2026-11-23"}]


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
