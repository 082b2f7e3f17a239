# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tiktok.conversions.errors import EventError
from airflow_provider_tiktok.conversions.liveramp.stored_envelopes import unwrap, value_of_answer
from tests.conversions.liveramp.samples import ENVELOPE, OTHER_ENVELOPE

V2 = {
    "envelopes": [
        {"type": 24, "source": "envelopeSource200", "value": "Meta", "err": None},
        {"type": 19, "source": "envelopeLiveramp", "value": ENVELOPE, "err": None},
    ]
}


def wrapped(document: Any) -> str:
    """The Base64 that a browser stores."""
    return base64.b64encode(json.dumps(document).encode()).decode()


@pytest.mark.parametrize(
    "stored",
    [
        ENVELOPE,
        f"  {ENVELOPE}\n",
        wrapped({"envelope": ENVELOPE}),
        wrapped({"envelope": ENVELOPE}).rstrip("="),
        quote(wrapped({"envelope": ENVELOPE})),
        base64.urlsafe_b64encode(json.dumps({"envelope": ENVELOPE, "x": "???>>>"}).encode()).decode(),
        wrapped(V2),
        json.dumps({"envelope": ENVELOPE}),
        quote(json.dumps({"envelope": ENVELOPE})),
        json.dumps(V2),
    ],
)
def test_every_stored_form_gives_the_envelope(stored: str) -> None:
    """Raw, Base64 with and without padding, percent-encoded, plain JSON, answers of both versions."""
    assert unwrap(stored) == ENVELOPE


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "   ",
        "two words",
        "person@example.com",
        "+12025550123",
        "(202)555-0123",
        "d" * 64,
        "D" * 40,
        "0" * 32,
        "{{ENVELOPE}}",
        '{"envelope": ',
        wrapped({"envelope": ""}),
        wrapped({"envelope": None}),
        wrapped({"other": ENVELOPE}),
        wrapped({"envelopes": []}),
        wrapped({"envelopes": [{"type": 24, "value": "x"}]}),
        wrapped({"envelope": "person@example.com"}),
        wrapped({"envelope": "null"}),
        *(
            "null",
            "NULL",
            "Null",
            "\\N",
            "None",
            "nan",
            "NaN",
            "NaT",
            "<NA>",
            "N/A",
            "n/a",
            "NA",
            "undefined",
        ),
        *(
            "(not set)",
            "not_set",
            "not-set",
            "unknown",
            "-",
            "--",
            "_",
            "0",
            "000",
            "0000-00",
            "1",
            "12345",
            "true",
        ),
        *("00000000-0000-0000-0000-000000000000", "6d92078a-8246-4ba4-ae5b-76104861e7dc", "missing", "EMPTY"),
        *(
            "Nobody",
            "withheld",
            "opt-out",
            "#N/A",
            "#REF!",
            "[object Object]",
            "%20",
            "%00",
            "Ag;Ag",
            "Ag,Ag",
            "'Ag-1",
        ),
        "\uff2eull",
    ],
)
def test_what_is_no_envelope_is_refused_without_telling_it(stored: str) -> None:
    """Addresses, numbers, digests, words for nothing and placeholders in its place do not go out."""
    with pytest.raises(EventError) as caught:
        unwrap(stored)
    assert caught.value.rule == "not_an_envelope"
    assert "example.com" not in f"{caught.value} {caught.value.remedy}"


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ({"envelope": ENVELOPE}, ENVELOPE),
        (V2, ENVELOPE),
        ({"envelopes": [{"type": 19, "value": ENVELOPE}]}, ENVELOPE),
        ({"envelopes": [{"type": 19, "value": ENVELOPE, "err": "x"}]}, None),
        (
            {"envelopes": [{"type": 19, "value": "", "err": None}, {"type": 19, "value": OTHER_ENVELOPE}]},
            OTHER_ENVELOPE,
        ),
        ({"envelopes": [{"type": 26, "value": "deal"}, {"type": 99}]}, None),
        ({"envelopes": []}, None),
        ({"envelopes": None}, None),
        ({"envelopes": ["x", 19]}, None),
        ({"envelope": 7}, None),
        ({}, None),
    ],
)
def test_the_value_is_that_of_liveramp_s_own_envelope(answer: dict[str, Any], value: str | None) -> None:
    """Unknown types are passed over, those with an error too; nothing else is taken for an envelope."""
    assert value_of_answer(answer) == value


@given(st.text())
def test_any_text_gives_an_envelope_or_an_event_error(text: str) -> None:
    """No text breaks it, and what it gives is one word."""
    try:
        value = unwrap(text)
    except EventError:
        return
    assert value
    assert not any(map(str.isspace, value))
