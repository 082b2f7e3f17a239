# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""Rules as data: reads the files in ``rules/``, and says which rule a document breaks first.

The rules are JSON Schema (draft 2020-12). What a schema cannot say stands here, in two tables of small
functions: ``FORMATS`` (for ``"format"``) and ``KEYWORDS`` (for keywords of our own). This module knows no
endpoint and no field.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import ipaddress
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import jsonschema_rs

from airflow_provider_tiktok.simulator.exchange import JsonObject

Path = tuple[str | int, ...]
MISSING = "missing"

# Documentation ranges pass as public, so that tests need no address that belongs to somebody.
_DOCUMENTATION_NETWORKS = tuple(
    ipaddress.ip_network(text)
    for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")
)


_BASE64URL = re.compile(r"[A-Za-z0-9_-]+={0,2}")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_WORDS_FOR_NOTHING = frozenset(
    (
        "",
        "nan",
        "nat",
        "na",
        "none",
        "null",
        "nil",
        "undefined",
        "notset",
        "unknown",
        "missing",
        "empty",
        "optout",
    )
)


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule.

    :param path: where, from the document's root; for a missing field the path it should stand at.
    :param reason: why, without the value; ``MISSING`` for a missing field.
    :param value: the offending value, for settings that echo it.
    :param definition: names of the schema's definitions on the way to the rule, outermost first.
    :param keyword: the schema's keyword that failed.
    """

    path: Path
    reason: str
    value: Any = None
    definitions: tuple[str, ...] = ()
    keyword: str = ""


@cache
def load_rules(name: str) -> JsonObject:
    """Gives the rule file of this name; callers must not change what they get."""
    text = resources.files(__package__).joinpath("rules", f"{name}.json").read_text(encoding="utf-8")
    rules: JsonObject = json.loads(text)
    return rules


def compile_schema(schema: Mapping[str, Any]) -> jsonschema_rs.Draft202012Validator:
    """Gives a validator that knows our formats and keywords."""
    return jsonschema_rs.Draft202012Validator(
        dict(schema),
        formats=dict(FORMATS),
        keywords=dict(KEYWORDS),
        validate_formats=True,
        ignore_unknown_formats=False,
    )


@cache
def compile_rules(name: str, *definitions: str) -> jsonschema_rs.Draft202012Validator:
    """Gives a validator for a rule file, or for all of the named definitions in it together."""
    rules = load_rules(name)
    if not definitions:
        return compile_schema(rules)
    # A name may hold slashes (a path of the API), which JSON Pointer escapes.
    pointers = [text.replace("~", "~0").replace("/", "~1") for text in definitions]
    return compile_schema(
        {"$defs": rules["$defs"], "allOf": [{"$ref": f"#/$defs/{text}"} for text in pointers]}
    )


def first_violation(validator: jsonschema_rs.Draft202012Validator, document: Any) -> Violation | None:
    """Gives the first broken rule in the order of the paths, or ``None`` if the document keeps them all."""
    if validator.is_valid(document):
        return None
    violations = [_violation_of(error) for error in validator.iter_errors(document)]
    return min(violations, key=lambda found: [str(part) for part in found.path])


def _violation_of(error: jsonschema_rs.ValidationError) -> Violation:
    kind = error.kind
    path: Path = tuple(error.instance_path)
    keyword = kind.name
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
        path, reason = (*path, kind.property), MISSING
    elif isinstance(kind, jsonschema_rs.ValidationErrorKind.AdditionalProperties):
        path, reason = (*path, kind.unexpected[0]), "unknown field"
    else:
        reason = _REASONS[keyword](kind.value)
    schema_path = [str(part) for part in error.schema_path]
    definitions = tuple(name for mark, name in pairwise(schema_path) if mark == "$defs")
    return Violation(path, reason, error.instance, definitions, keyword)


def _one_of(options: Iterable[object]) -> str:
    *most, last = [str(option) for option in options]
    return f"must be {', '.join(most)} or {last}" if most else f"must be {last}"


def _types(types: object) -> str:
    names = [str(name) for name in types] if isinstance(types, list) else [str(types)]
    return f"not a valid {' or '.join(names)}"


_REASONS: Mapping[str, Callable[[Any], str]] = {
    "type": _types,
    "enum": _one_of,
    "const": lambda expected: f"must be {json.dumps(expected)}",
    "pattern": lambda _: "wrong format",
    "format": lambda name: f"not a valid {str(name).replace('-', ' ')}",
    "not": lambda _: "value not allowed",
    "minimum": lambda limit: f"must be at least {limit}",
    "maximum": lambda limit: f"must be at most {limit}",
    "minLength": lambda limit: f"must have at least {limit} character(s)",
    "maxLength": lambda limit: f"must have at most {limit} character(s)",
    "minItems": lambda limit: f"must have at least {limit} item(s)",
    "maxItems": lambda limit: f"must have at most {limit} item(s)",
    "minProperties": lambda _: "must not be empty",
    "uniqueItems": lambda _: "holds a value twice",
    "anyOf": lambda _: "none of the required alternatives is given",
    "falseSchema": lambda _: "unknown field",
    "propertyNames": lambda _: "holds a name that is not allowed",
    "dependentRequired": lambda _: "lacks a field that another one needs",
    "written_as_integer": str,
}


class WrittenAsInteger:
    """Keyword: the number is written without a fraction (``1``, not ``1.0``), which ``integer`` lets pass."""

    def __init__(self, parent_schema: JsonObject, value: Any, schema_path: list[str | int]) -> None:
        """Takes what the library hands over; the keyword has no parameters."""

    def validate(self, instance: Any) -> None:
        """Refuses floats."""
        if isinstance(instance, float):
            raise ValueError("not a valid integer")


def _is_public_ip(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        # ::ffff:203.0.113.7 is how a server of both protocols writes an IPv4 address.
        address = address.ipv4_mapped or address
    return address.is_global or any(
        address in network for network in _DOCUMENTATION_NETWORKS if network.version == address.version
    )


def _is_absolute_http_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and not any(map(str.isspace, text))
    except ValueError:
        return False


def _is_calendar_date(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _is_ip_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def _is_envelope_value(text: str) -> bool:
    """Tells the envelope itself from the wrapped form that browsers store (Base64 of a JSON object).

    Samples are Base64url. Words for nothing, numbers and UUIDs may be in its letters, and are none.
    """
    letters = "".join(filter(str.isalpha, text)).lower()
    if not _BASE64URL.fullmatch(text) or letters in _WORDS_FOR_NOTHING or _UUID.fullmatch(text):
        return False
    padded = text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4)
    try:
        return not isinstance(json.loads(base64.b64decode(padded)), dict)
    except ValueError:
        return True


# What stands for no value: databases, data frames, browsers, spreadsheets and analytics write it so.
_NOTHING = re.compile(
    r"""[\s"'(\[{<]*
    (?: null | none | nil | nan | nat | n/?a | n\.a\. | undefined | unknown | guest | anonymous
      | not[ _]?set | not[ _]?(?:available|applicable|provided|specified) | no[ _]value
      | object[ ]object | \\n | [#](?:n/?a|null!|ref!|value!|name[?]|div/0!|num!)
      | (?:null|none|nan|undefined)[\s_,:;|/-]+(?:null|none|nan|undefined)
      | [-\u2010-\u2015\u2212]+ | (?:[0]{8}-?[0]{4}-?[0]{4}-?[0]{4}-?[0]{12})
    )[\s"')\]}>]*""",
    re.IGNORECASE | re.VERBOSE,
)
# What stands where nobody filled in a value: of TikTok itself, and of templates. UUIDs come in braces, too.
_PLACEHOLDER = re.compile(
    r"""__[A-Z][A-Z0-9_]+__ | [$#]?\{\{.*\}\}.* | [$#]\{.*\} | \{[A-Za-z_ .]+\} | \[[A-Za-z_ .]+\]
      | <[%=?]*[A-Za-z_ .]+[%?]*> | %%?[A-Za-z_ .]+%%? | %(?:25)*7B.*%(?:25)*7D""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_WORDS_OF_NOTHING = ("null", "none", "nil", "nan", "nat", "na")
_HASHED_NOTHING = (
    *(
        "",
        " ",
        "-",
        "--",
        "n/a",
        "N/A",
        "\\N",
        "#N/A",
        "<NA>",
        "(not set)",
        "(none)",
        "(null)",
        "[object Object]",
    ),
    *("undefined", "UNDEFINED", "Undefined", "unknown", "Unknown", "UNKNOWN", "NaN", "NaT"),
    *("00000000-0000-0000-0000-000000000000", "0" * 32),
    *(word.upper() for word in _WORDS_OF_NOTHING),
)


def _digests(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(hashlib.sha256(text.encode()).hexdigest() for text in texts)


_DIGESTS_OF_NO_NAME = _digests(_HASHED_NOTHING)
# People are called Null, None and Nan, in small letters before hashing; nobody's address or id is.
_DIGESTS_OF_NOTHING = _digests(
    (*_HASHED_NOTHING, *_WORDS_OF_NOTHING, *map(str.title, _WORDS_OF_NOTHING), "0", "-1", "00000", "+")
)


def _is_something(text: str) -> bool:
    return not (_NOTHING.fullmatch(text) or _is_placeholder(text) or any(map(_is_unseen, text)))


def _is_placeholder(text: str) -> bool:
    return _PLACEHOLDER.fullmatch(text) is not None and not (text.startswith("__") and not text.isupper())


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cf"}


def _is_place(text: str) -> bool:
    """None is a town in Piedmont, NA the province of Naples; both are sent plain and in small letters."""
    return text in {"none", "na"} or _is_something(text)


FORMATS: Mapping[str, Callable[[str], bool]] = {
    "public-ip": _is_public_ip,
    "absolute-http-url": _is_absolute_http_url,
    "calendar-date": _is_calendar_date,
    "ip-network": _is_ip_network,
    "envelope-value": lambda text: _is_envelope_value(text) and _is_something(text),
    "something": _is_something,
    "place": _is_place,
    "digest-of-something": lambda text: text not in _DIGESTS_OF_NOTHING,
    "digest-of-a-name": lambda text: text not in _DIGESTS_OF_NO_NAME,
}

KEYWORDS: Mapping[str, type[WrittenAsInteger]] = {"written_as_integer": WrittenAsInteger}
