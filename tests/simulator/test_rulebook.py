# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""The rule files themselves: valid schemas, no misspelled keyword, a reason for every way to fail."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from typing import Any

import jsonschema
import pytest

from airflow_provider_tiktok.simulator import rulebook
from airflow_provider_tiktok.simulator.rulebook import compile_schema, first_violation, load_rules

SCHEMAS = [
    "faults",
    "liveramp_envelope_query",
    "liveramp_events",
    "state",
    "tiktok_event",
    "tiktok_queries",
    "tiktok_track",
]
DATA = ["default_state", "liveramp_event_names", "tiktok_event_names"]
KNOWN_KEYWORDS = {
    *(
        "$schema",
        "$comment",
        "$defs",
        "$ref",
        "type",
        "enum",
        "const",
        "pattern",
        "format",
        "not",
        "allOf",
        "anyOf",
    ),
    *(
        "if",
        "then",
        "else",
        "properties",
        "additionalProperties",
        "propertyNames",
        "required",
        "dependentRequired",
    ),
    *("items", "minItems", "maxItems", "uniqueItems", "minimum", "maximum", "minLength", "maxLength"),
    *("minProperties", "written_as_integer"),
}


def schemas_in(schema: Any) -> Iterator[dict[str, Any]]:
    """Gives the schema and every schema inside it."""
    if not isinstance(schema, dict):
        return
    yield schema
    for keyword in ("properties", "$defs"):
        for member in schema.get(keyword, {}).values():
            yield from schemas_in(member)
    for keyword in ("items", "additionalProperties", "propertyNames", "not", "if", "then", "else"):
        yield from schemas_in(schema.get(keyword))
    for keyword in ("allOf", "anyOf"):
        for member in schema.get(keyword, []):
            yield from schemas_in(member)


def test_every_rule_file_is_tested() -> None:
    """A new rule file must say here whether it is a schema or plain data."""
    files = resources.files("airflow_provider_tiktok.simulator").joinpath("rules").iterdir()

    assert {file.name.removesuffix(".json") for file in files} == {*SCHEMAS, *DATA}


@pytest.mark.parametrize("name", SCHEMAS)
def test_rule_file_is_a_valid_schema(name: str) -> None:
    """An independent implementation agrees that it is JSON Schema, draft 2020-12."""
    # Without formats: it would read patterns as Python's, which do not know classes of letters.
    jsonschema.Draft202012Validator.check_schema(
        load_rules(name), format_checker=jsonschema.FormatChecker(())
    )


@pytest.mark.parametrize("name", SCHEMAS)
def test_no_keyword_is_misspelled(name: str) -> None:
    """A misspelled keyword would be ignored in silence; so only keywords that are listed here may be used."""
    for schema in schemas_in(load_rules(name)):
        assert schema.keys() <= KNOWN_KEYWORDS


@pytest.mark.parametrize("name", SCHEMAS)
def test_formats_are_our_own(name: str) -> None:
    """No format is used that nobody checks."""
    used = {schema["format"] for schema in schemas_in(load_rules(name)) if "format" in schema}

    assert used <= rulebook.FORMATS.keys()


BROKEN: list[tuple[dict[str, Any], Any, str]] = [
    ({"type": "string"}, 1, "not a valid string"),
    ({"type": ["string", "number"]}, None, "not a valid number or string"),
    ({"enum": ["a"]}, "b", "must be a"),
    ({"enum": ["a", "b", "c"]}, "d", "must be a, b or c"),
    ({"const": True}, False, "must be true"),
    ({"pattern": "^a$"}, "b", "wrong format"),
    ({"pattern": "^a$"}, "a\n", "wrong format"),
    ({"format": "public-ip"}, "b", "not a valid public ip"),
    ({"not": {"const": 1}}, 1, "value not allowed"),
    ({"minimum": 1}, 0, "must be at least 1"),
    ({"maximum": 1}, 2, "must be at most 1"),
    ({"minLength": 1}, "", "must have at least 1 character(s)"),
    ({"maxLength": 1}, "ab", "must have at most 1 character(s)"),
    ({"minItems": 1}, [], "must have at least 1 item(s)"),
    ({"maxItems": 1}, [1, 2], "must have at most 1 item(s)"),
    ({"minProperties": 1}, {}, "must not be empty"),
    ({"uniqueItems": True}, [1, 1], "holds a value twice"),
    ({"anyOf": [{"type": "string"}, {"type": "null"}]}, 1, "none of the required alternatives is given"),
    ({"properties": {"a": False}}, {"a": 1}, "unknown field"),
    ({"additionalProperties": False}, {"a": 1}, "unknown field"),
    ({"propertyNames": {"pattern": "^b$"}}, {"a": 1}, "holds a name that is not allowed"),
    ({"required": ["a"]}, {}, rulebook.MISSING),
    ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, rulebook.MISSING),
    ({"type": "integer", "written_as_integer": True}, 1.0, "not a valid integer"),
]


@pytest.mark.parametrize(("schema", "document", "reason"), BROKEN)
def test_every_broken_rule_has_its_reason(schema: dict[str, Any], document: Any, reason: str) -> None:
    """Whatever keyword fails, there are words for it, without the value."""
    violation = first_violation(compile_schema(schema), document)

    assert violation is not None
    assert violation.reason == reason


def test_every_keyword_that_can_fail_is_among_the_broken() -> None:
    """The table above leaves out none of the keywords the rule files use."""
    tried = {keyword for schema, _, _ in BROKEN for keyword in schema}
    cannot_fail = {"$schema", "$comment", "$defs", "$ref", "allOf", "if", "then", "else", "items"}

    assert KNOWN_KEYWORDS - cannot_fail <= tried


def test_violation_stands_at_the_first_path() -> None:
    """Of several violations the one whose path comes first is told, with its value and where it is defined."""
    schema = {
        "$defs": {"word": {"type": "string"}},
        "properties": {"a": {"properties": {"b": {"$ref": "#/$defs/word"}}}, "c": {"$ref": "#/$defs/word"}},
    }

    violation = first_violation(compile_schema(schema), {"c": 1, "a": {"b": 2}})

    assert violation is not None
    assert (violation.path, violation.value) == (("a", "b"), 2)
    assert (violation.definitions, violation.keyword) == (("word",), "type")


FORMATS = [
    (
        "public-ip",
        [
            "8.8.8.8",
            "203.0.113.7",
            "198.51.100.1",
            "192.0.2.1",
            "2001:db8::1",
            "2a00:1450::1",
            "::ffff:8.8.8.8",
        ],
        True,
    ),
    ("public-ip", ["10.1.2.3", "172.16.0.1", "192.168.1.1", "127.0.0.1", "169.254.1.1", "0.0.0.0"], False),
    (
        "public-ip",
        ["::1", "fe80::1", "fc00::1", "::ffff:10.1.2.3", "8.8.8", "8.8.8.8/32", " 8.8.8.8", "", "[::1]"],
        False,
    ),
    ("absolute-http-url", ["http://example.com", "https://example.com:8443/a?b=c#d"], True),
    (
        "absolute-http-url",
        ["//example.com", "https:", "https:///a", "ftp://example.com", "http://[::1", "a b"],
        False,
    ),
    ("calendar-date", ["2026-02-28", "2024-02-29"], True),
    ("calendar-date", ["2026-02-29", "20260228", "2026-2-28", "2026-02-28T00:00:00", ""], False),
    ("ip-network", ["203.0.113.0/25", "2001:db8::/32", "203.0.113.7"], True),
    ("ip-network", ["203.0.113.1/25", "203.0.113.0/33", "here"], False),
    ("envelope-value", ["AkT8QpR2vYx0ZWl3", "A-_", "A", "MTIz"], True),
    (
        "envelope-value",
        ["", " ", "A B", '{"envelope":"A"}', "eyJlbnZlbG9wZSI6IkEifQ==", "eyJlbnZlbG9wZSI6IkEifQ"],
        False,
    ),
    (
        "envelope-value",
        [
            *(
                "null",
                "NULL",
                "NaN",
                "None",
                "undefined",
                "not_set",
                "not-set",
                "Unknown",
                "0",
                "000",
                "-",
                "_-_",
            ),
            *("12025550123", "6d92078a-8246-4ba4-ae5b-76104861e7dc", "00000000-0000-0000-0000-000000000000"),
            *("a@b.example.com", "\\N", "<NA>", "N/A", "#N/A", "(none)", "A.B", "A;B", "A%3D", "\u00c4k"),
        ],
        False,
    ),
]


@pytest.mark.parametrize(("name", "texts", "is_valid"), FORMATS)
def test_format_tells_right_from_wrong(name: str, texts: list[str], is_valid: bool) -> None:
    """Each of our formats on texts of both kinds."""
    assert [rulebook.FORMATS[name](text) for text in texts] == [is_valid] * len(texts)
