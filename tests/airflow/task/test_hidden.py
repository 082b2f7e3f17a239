# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
import traceback
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_tiktok.exceptions import TemporaryFailure
from airflow_provider_tiktok.operators.tiktok import TikTokSendEventsOperator
from airflow_provider_tiktok.task.hidden import Hidden, PrivateField, reveal
from airflow_provider_tiktok.transfers.files_to_tiktok import FilesToTikTokOperator

ADDRESS = "person@example.com"
TEXT = "{{ conn.bank.password }} and 50 {% off"
"""What a stranger may type: as a template it would tell a secret, and then fail."""


class Holder:
    events = PrivateField()


try:
    from airflow.sdk.definitions._internal.mixins import ResolveMixin
except ImportError:  # Airflow 2.11
    from airflow.utils.mixins import ResolveMixin


def _name(value: Any) -> str:
    """The value in the name of a test, which is the same in every process."""
    return re.sub(r" object at 0x[0-9a-f]+", "", repr(value))


class Reference(ResolveMixin):
    """What another task's result looks like to Airflow."""

    def iter_references(self) -> list[Any]:
        return [("load", "return_value")]

    def resolve(self, context: Any, **_: Any) -> Any:
        return [{"email": ADDRESS, "note": TEXT}]


class Literal(ResolveMixin):
    """What Airflow's ``literal`` is: it refers to nothing, holds its value, and shows it."""

    def iter_references(self) -> tuple[Any, ...]:
        return ()

    def resolve(self, context: Any, **_: Any) -> Any:
        return [{"email": ADDRESS, "note": TEXT}]

    def __repr__(self) -> str:
        return f"LiteralValue({ADDRESS})"


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
        f"{{{{ {ADDRESS} }}}}",
        "{{ ti.xcom_pull('extract') }}" + ADDRESS,
        f" {{% raw %}}{ADDRESS}",
        f"s3://{{{{ params.bucket }}}}/{ADDRESS}",
        Literal(),
    ],
    ids=_name,
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
        Reference(),
        [Reference()],
        {"email": Reference()},
    ],
    ids=_name,
)
def test_references_are_not_hidden(value: Any):
    """Airflow must see what it has to wait for."""
    holder = Holder()
    holder.events = value
    assert holder.events == value


@pytest.mark.parametrize(
    "around",
    [
        lambda reference: [{"email": ADDRESS, "event_id": reference}],
        lambda reference: ({"user": {"email": [ADDRESS]}}, reference),
        lambda reference: {"email": Hidden(ADDRESS), "event_id": reference},
        lambda reference: {ADDRESS: reference},
        lambda reference: [{"user": {ADDRESS: [1]}, "event_id": reference}],
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


def rendered(given: Any, context: Any = None, *, seen: set[int] | None = None) -> Any:
    """What Airflow makes of ``events`` before it runs the task, behind the holder."""
    operator = TikTokSendEventsOperator(task_id="send")
    TikTokSendEventsOperator.events.__set__(operator, given)  # the reference of this test refers to no task
    operator._do_render_template_fields(
        operator, ["events"], context or {"ds": "2026-11-23"}, operator.get_template_env(), seen or set()
    )
    assert ADDRESS not in repr(operator.events)
    return reveal(operator.events)


def test_templates_inside_are_rendered():
    """Behind the holder templates are filled in as anywhere else."""
    assert rendered([{"email": ADDRESS, "note": "{{ ds }}"}]) == [{"email": ADDRESS, "note": "2026-11-23"}]
    assert rendered(Hidden([{"note": "{{ ds }}"}])) == [{"note": "2026-11-23"}]
    assert rendered('[{"event_id": "{{ ds }}"}]') == '[{"event_id": "2026-11-23"}]'


@pytest.mark.parametrize(
    "given",
    [
        Reference(),
        [Reference()],
        {"email": Reference(), "note": "{{ ds }}"},
        Literal(),
        [Literal()],
        Hidden([{"note": TEXT, "email": ADDRESS}], is_data=True),
        [Hidden(TEXT, is_data=True), Reference()],
        iter([TEXT]),
    ],
    ids=_name,
)
def test_data_is_not_rendered(given: Any):
    """What another task returned, and what the author calls data, is taken as it is."""
    taken = rendered(given)
    assert TEXT in str(taken if isinstance(taken, dict) else list(taken))


def test_what_airflow_pulled_for_a_mapped_task_is_not_rendered():
    """Airflow names by their ids the values that it pulled from XCom: they are data, all others are not."""
    pulled, written = [{"note": TEXT}], [{"note": "{{ ds }}"}]
    assert rendered(pulled, seen={id(pulled)}) == [{"note": TEXT}]
    assert rendered(written, seen={id(pulled)}) == [{"note": "2026-11-23"}]


def test_a_rendered_text_is_not_rendered_again():
    """A template that gives a template gives a text, however often Airflow renders."""
    operator = TikTokSendEventsOperator(task_id="send", events=[{"note": "{{ note }}"}])
    for _ in range(2):
        operator.render_template_fields({"note": TEXT, "conn": None})
    assert reveal(operator.events) == [{"note": TEXT}]


def test_nothing_is_rendered_where_data_cannot_be_told():
    """Without Airflow's word on what is data, or by an operator that does not ask for it, nothing is."""
    operator = TikTokSendEventsOperator(task_id="send", events=[{"note": "{{ ds }}"}])
    assert reveal(operator.render_template(operator.events, {"ds": "x"})) == [{"note": "{{ ds }}"}]
    plain = BaseOperator(task_id="plain")
    assert reveal(plain.render_template(operator.events, {"ds": "x"})) == [{"note": "{{ ds }}"}]


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


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"properties.currency": "{{ currency }}"}, {"properties.currency": "EUR"}),
        ({"user.email": "{{ address }}"}, {"user.email": ADDRESS}),
        ({"event": "Purchase", "properties.value": 9.5}, {"event": "Purchase", "properties.value": 9.5}),
        ({"properties.contents": [{"price": "{{ 1 + 1 }}"}]}, {"properties.contents": [{"price": "2"}]}),
        (Hidden({"event": TEXT}, is_data=True), {"event": TEXT}),
        (None, None),
    ],
)
def test_defaults_are_templates_of_the_author(given: Any, wanted: Any):
    """What the author wrote as a default is rendered, data is not, and neither is shown."""
    operator = TikTokSendEventsOperator(task_id="send", defaults=given)
    operator.render_template_fields({"currency": "EUR", "address": ADDRESS})
    assert reveal(operator.defaults) == wanted
    assert ADDRESS not in repr(operator.defaults)


SECRET = "planted-secret"
ADDRESSES = [
    f"s3://key:{SECRET}@bucket/day.jsonl",
    f"s3:/key:{SECRET}@bucket/day.jsonl",
    f"https://files.example.com/day.jsonl?X-Amz-Signature={SECRET}",
    f"HTTPS://{SECRET}@files.example.com/day.jsonl",
    f"az://container/day.jsonl?sv=2026&sig={SECRET}",
    f"abfs://box@account.example.com/day.jsonl?sig={SECRET}",
    f"gs://bucket/day.jsonl#token={SECRET}",
    f"simplecache::s3://key:{SECRET}@bucket/day.jsonl",
    f"sftp://user:{SECRET}@files.example.com/day.jsonl",
]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("field", ["path", "dead_letter_path", "result_webhook_url"])
@pytest.mark.parametrize("wrap", [str, lambda one: [one, "s3://bucket/other"], lambda one: (one,)])
def test_an_address_is_shown_without_its_credentials(field: str, address: str, wrap: Any):
    """Airflow stores and shows where a task reads and writes, and not what gives access to it."""
    given = wrap(address)
    operator = FilesToTikTokOperator(task_id="send", **{"path": "day.jsonl", field: given})
    operator.render_template_fields({"ds": "2026-11-23"})
    holder = getattr(operator, field)
    for shown in (repr(holder), str(holder), holder.serialize()):
        assert SECRET not in shown
        assert "day.jsonl" in shown
    assert reveal(holder) == given


def test_a_template_beside_credentials_is_rendered_once():
    """The author's template in such an address is filled in; what it gives is none."""
    operator = FilesToTikTokOperator(task_id="send", path=f"s3://key:{SECRET}@bucket/{{{{ name }}}}.jsonl")
    for _ in range(2):
        operator.render_template_fields({"name": TEXT, "conn": None})
    assert reveal(operator.path) == f"s3://key:{SECRET}@bucket/{TEXT}.jsonl"
    assert SECRET not in str(operator.path)


@pytest.mark.parametrize(
    "address", ["day.jsonl", "s3://bucket/day.jsonl", "s3://my_conn@bucket/*", ["a", "b"]]
)
def test_an_address_without_credentials_is_shown(address: Any):
    """It stays what it is, for people and for Airflow."""
    operator = FilesToTikTokOperator(task_id="send", path=address)
    assert operator.path == address


def test_credentials_that_a_template_gives_are_hidden():
    """Where a variable or another task's result holds them, they are hidden as soon as they are there."""
    operator = FilesToTikTokOperator(task_id="send", path="{{ where }}")
    operator.render_template_fields({"where": ADDRESSES[0]})
    assert SECRET not in str(operator.path)
    assert reveal(operator.path) == ADDRESSES[0]
