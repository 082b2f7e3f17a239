# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Whatever is said of a value, an identifier or an event says what to do about it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

import airflow_provider_tiktok
from airflow_provider_tiktok.conversions import event_names, values
from airflow_provider_tiktok.conversions.events import EventSource
from airflow_provider_tiktok.conversions.http import attempts
from airflow_provider_tiktok.conversions.identifiers import DROP_REASONS, FAULTS, IdentityRules, prepare
from airflow_provider_tiktok.conversions.identifiers.reasons import DROP_REMEDIES
from airflow_provider_tiktok.conversions.liveramp import adapter, envelopes
from airflow_provider_tiktok.conversions.mapping import EventMapping, line_items
from airflow_provider_tiktok.conversions.tiktok import return_codes
from airflow_provider_tiktok.conversions.tiktok.checks import checks_of
from airflow_provider_tiktok.conversions.tiktok.options import ValidationRules
from airflow_provider_tiktok.conversions.tiktok.rules import OWN
from airflow_provider_tiktok.conversions.validation.rules import SHARED

A_SENTENCE = re.compile(r"[A-Z][^{}]*\.|[^{}]*Did you mean [a-z_.]+\?")

_OF_NAMES = {str(status) for status in event_names.NameStatus}
TABLES: dict[str, dict[str, str]] = {
    "values": dict(values.REMEDIES),
    "validation": {
        name: one.remedy for name, one in (*SHARED.items(), *OWN.items()) if name not in _OF_NAMES
    },
    "faults of identifiers": dict(FAULTS),
    "drops": dict(DROP_REMEDIES),
    "line items": dict(line_items.REMEDIES),
}


@pytest.mark.parametrize(
    ("table", "rule"), [(table, rule) for table, remedies in TABLES.items() for rule in remedies]
)
def test_every_rule_has_a_remedy(table: str, rule: str) -> None:
    """A sentence for people, from a capital letter to a full stop."""
    remedy = re.sub(r"\{\{\.\.\.\}\}|\{ \}|\[ \]", "", TABLES[table][rule])
    assert A_SENTENCE.fullmatch(remedy), remedy


def test_every_drop_has_a_remedy() -> None:
    """The reasons that are described are those that have one."""
    assert DROP_REMEDIES.keys() == DROP_REASONS.keys()


@pytest.mark.parametrize("event_source", get_args(EventSource))
def test_every_name_that_is_not_fine_has_a_remedy(event_source: EventSource) -> None:
    """Names have theirs from the finding, which knows the right one."""
    names = [*event_names.WEB_NAMES, *event_names.APP_NAMES, *event_names.RENAMED, *event_names.RETIRED_IN]
    names += [*event_names.RESERVED, "purchase", "add_to_cart", "LoyaltySwipe", ""]
    for name in names:
        finding = event_names.find(event_source, name)
        is_fine = finding.status in event_names.FINE
        assert bool(finding.remedy) is not is_fine
        assert is_fine or A_SENTENCE.fullmatch(finding.remedy)


AN_ORDER = re.compile(
    r"(Add|Allow|Ask|Cast|Change|Check|Clear|Create|Cut|Define|Deliver|Give|Install|Leave|Let|Look|Lower|Make|Map|Name"
    r"|Mend|Pack|Put|Read|Rename|Repeat|Return|Revoke|Run|Say|Send|Set|State|Take|Try|Unpack|Use|Wait|Write)\b"
)
"""Words that begin an error: each tells somebody to do something."""

FROM_TABLES = {
    "answer.hint",  # of the return codes, whose own test holds their length
    "_ADVICE[answer.http_status == _TOO_LARGE]",
    "error",
    "error.remedy",
    "hint",
    "one.told",
    "otherwise",
    "problems",
    "refusal",
    "result['failure']['message'] or _NO_WORDS",
    "record.remedy",
    "remedy",
    "str(self._unwritable(error",
    "text",
    "time_is_over('timeout', self._last_seen",  # the sensors' own tests hold it
    "told",
}
"""What begins an error whose first words come from elsewhere: from a remedy, or from another error."""


ERRORS = {
    *("AuthorizationError", "ConfigurationError", "ConversionsError", "DeliveryError", "ProtocolError"),
    *("TransientError", "UnconfirmedError", "PermanentFailure", "TemporaryFailure", "AirflowException"),
    *("AirflowFailException", "AirflowSensorTimeout"),
}
"""All that ends a task with words of ours. Of an ``EventError`` the remedy is an attribute."""


def errors_raised() -> Iterator[tuple[str, str]]:
    """Place and text of every error that ends a task; what is filled in stands in braces."""
    package = Path(airflow_provider_tiktok.__file__).parent
    for file in sorted(package.rglob("*.py")):
        tree = ast.parse(file.read_text())
        constants = {
            ast.unparse(one.targets[0]): one.value for one in tree.body if isinstance(one, ast.Assign)
        }
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and ast.unparse(call.func) in ERRORS and call.args:
                for text in _texts_of(call.args[0], constants):
                    yield f"{file.relative_to(package)}:{call.lineno}", text


def _texts_of(node: ast.expr, constants: dict[str, ast.expr]) -> Iterator[str]:
    """A text, or both of a condition; constants of the module are looked up."""
    if isinstance(node, ast.IfExp):
        yield from _texts_of(node.body, constants)
        yield from _texts_of(node.orelse, constants)
    elif isinstance(node, ast.JoinedStr):
        yield "".join(
            str(part.value) if isinstance(part, ast.Constant) else f"{{{ast.unparse(part.value)}}}"
            for part in node.values
        )
    elif isinstance(node, ast.Constant):
        yield str(node.value)
    elif (name := ast.unparse(node).partition(".format(")[0]) in constants:
        yield from _texts_of(constants[name], constants)
    else:
        yield f"{{{ast.unparse(node)}}}"


def test_every_error_begins_with_its_remedy() -> None:
    """Airflow's log cuts a line after some 130 characters: by then it has said what to do.

    What is filled in counts as 16 characters.
    """
    wrong = []
    for place, text in errors_raised():
        first = re.split(r": |\. |; |\.$", text)[0]
        told = re.match(r"\{(?:' '\.join\()?\(?(?:f'\{)?([^{}]+?)[})]", text)
        if told is not None and told[1] in FROM_TABLES:
            continue
        if not AN_ORDER.match(first) or len(re.sub(r"\{[^{}]*\}", "." * 16, first)) >= 120:
            wrong.append(f"{place}: {text}")
    assert wrong == []


HINTS: dict[str, Iterable[str]] = {
    "return codes": {row.hint for row in return_codes.RETURN_CODES},
    "words about a request": {
        hint for _, hint in return_codes._REQUEST_PHRASES + return_codes._REQUEST_WORDS
    },
    "fields of a request": return_codes._REQUEST_FIELDS.values(),
    "limits": [return_codes.UNKNOWN_CODE, return_codes._resume_hint(0)],
    "any API": attempts._USUAL_HINTS.values(),
    "LiveRamp": [*adapter._HINTS.values(), envelopes._NOT_APPROVED],
}
"""What begins an error about an answer."""


@pytest.mark.parametrize("table", HINTS)
def test_every_answer_has_its_remedy(table: str) -> None:
    """An order that is whole before Airflow's log cuts the line; empty where the usual one is taken."""
    hints = [hint for hint in HINTS[table] if hint]
    assert hints
    assert [hint for hint in hints if not AN_ORDER.match(hint) or len(hint) >= 120] == []


ODD: list[dict[str, Any]] = [
    {"properties": {"contents": [{"price": -1}, {"price": 2, "quantity": 0.5}, {"price": 1, "quantity": 0}]}},
    {"properties": {"contents": [{"content_type": "product"}, {"content_type": "product_group"}]}},
    {"properties": {"value": 1, "currency": "$", "num_items": 0, "travel_class": "coach", "x": object()}},
    {"user": {"ip": "10.0.0.1", "locale": "*", "att_status": "3", "zip_code": 2138, "external_id": 1e20}},
    {"user": {"email": "x", "phone": "x", "country": "x", "idfa": "x", "first_name": "-"}},
    {"page": {"url": "x", "referrer": "y"}, "app": {"app_id": True}, "limited_data_use": "maybe"},
    {"event": "purchase", "event_time": "20261126221349", "event_id": "1E+12", "nonsense": 1},
    {"event_time": "2026-11-26", "consent": "maybe", "user": "x", "properties": "x"},
]


@pytest.mark.parametrize("event_source", get_args(EventSource))
@pytest.mark.parametrize("record", ODD)
def test_every_finding_says_what_to_do(event_source: EventSource, record: dict[str, Any]) -> None:
    """On the whole way from a record to what would be sent, drops and warnings included."""
    [event] = EventMapping().events([record])
    prepared = prepare(event, IdentityRules())
    found = checks_of(ValidationRules(event_source=event_source, now=lambda: 1_800_000_000))(prepared)
    told = [*(one.remedy for one in found), *(one.remedy for one in prepared.dropped)]
    assert told
    assert [remedy for remedy in told if not A_SENTENCE.fullmatch(remedy)] == []
