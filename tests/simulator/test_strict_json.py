# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""JSON that could be understood in two ways is not understood at all."""

from __future__ import annotations

import pytest

from airflow_provider_tiktok.simulator.strict_json import NotJson, read_json


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, 2.5, "x", true, null]}', {"a": [1, 2.5, "x", True, None]}),
        ("1e3", 1000.0),
        (b'"\xe6\x97\xa5"', "日"),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        (" [] ", []),
    ],
)
def test_plain_json_is_read(text: str | bytes, value: object) -> None:
    """Ordinary JSON comes out as it is."""
    assert read_json(text) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ("'a'", "not valid JSON"),
        ("[1,]", "not valid JSON"),
        ("[1] x", "not valid JSON"),
        ('"a\nb"', "not valid JSON"),
        ("9" * 5_000, "not valid JSON"),
        (b"\xef\xbb\xbf{}", "not valid JSON"),
        (b'"\xff"', "not valid UTF-8"),
        ('"\\ud83d"', "not valid UTF-8"),
        ('{"a": 1, "a": 1}', "a key stands twice in one object"),
        ('[{"b": {"a": 1, "a": 2}}]', "a key stands twice in one object"),
        ("NaN", "a number is not finite"),
        ("[-Infinity]", "a number is not finite"),
        ("1e999", "a number is not finite"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_doubtful_json_is_refused(text: str | bytes, reason: str) -> None:
    """Each doubt has its reason, which repeats nothing of the text."""
    with pytest.raises(NotJson) as error:
        read_json(text)

    assert str(error.value) == reason
