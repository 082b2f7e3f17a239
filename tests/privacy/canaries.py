# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Values that are planted in every input, and the search for them in all that runs leave behind.

A value is looked for in every form in which it might slip through: in any case, percent-encoded, in Base64
wherever it begins in a triple of bytes, in hex, and escaped as in JSON.
"""

from __future__ import annotations

import gzip
import json
import sqlite3
import zlib
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, quote_plus

from tests.webhook_receiver import Received

FORMS = ("clear", "percent-encoded", "Base64", "hex", "JSON-escaped")


class Canary(NamedTuple):
    """One planted value.

    :param field: the input that it stands in.
    :param in_letters: whether a dead letter may hold it, since an event cannot be sent again without it.
    :param is_sent: whether it is sent as it is, and so kept where its row cannot be found again.
    """

    field: str
    value: str
    in_letters: bool = False
    is_sent: bool = False


PEOPLE = (
    Canary("email", "Canary.Mail@Example.com"),
    Canary("phone", "+12025550187"),
    Canary("first_name", "Zebedaios-Canary"),
    Canary("last_name", "Xanthippe-Canary"),
    Canary("zip_code", "SW1A 9ZQ"),
    Canary("external_id", "member-canary-4711"),
    Canary("ip", "203.0.113.217", is_sent=True),
    Canary("user_agent", "CanaryBrowser/7.41 (Planted)", is_sent=True),
    Canary("ttclid", "E.C.P.canary-click-8815", is_sent=True),
    Canary("ttp", "canary-cookie-31337", is_sent=True),
    Canary("idfa", "C0FFEE00-CA7A-4B1D-8CAF-0000CA7A4B1D", in_letters=True),
    Canary("lead_id", "canary-lead-90210", in_letters=True),
    Canary("page.url", "canary-basket-5561", in_letters=True),
    Canary("properties.description", "Canary Grey Poupon Extra", in_letters=True),
    Canary("event_id", "canary-order-1729", in_letters=True),
    Canary("a column that is not known", "canary-comment-6174"),
)
"""What stands in the records."""

SECRETS = (
    Canary("access token", "canary-token-7f3a9c51d2"),
    Canary("secret of the webhook", "canary-webhook-secret-2b7e1516"),
    Canary("LiveRamp's configuration id", "5e000000-aaaa-4bbb-8ccc-c0ffee000001"),
    Canary("identity envelope", "AgCanaryEnvelopeOfOnePerson7741"),
    Canary("parameter of a query", "canary.parameter@example.com"),
    Canary("secret in an object storage's address", "canary-storage-secret-9d4f"),
    Canary("password of another connection", "canary-bank-password-1618"),
    Canary("header for LiveRamp", "canary-header-of-a-partner-2718"),
    Canary("words of a webhook's receiver", "canary-words-of-a-receiver-1414"),
)
"""What stands in connections, in arguments, and in what a receiver of results answers."""

ALL = (*PEOPLE, *SECRETS)

_EVENT = (
    "access token",
    *(
        one.field
        for one in PEOPLE
        if (one.in_letters or one.is_sent) and one.field not in ("page.url", "lead_id")
    ),
)
SENT = {
    **dict.fromkeys(("sending", "files", "python", "reporting"), _EVENT),
    "service": tuple(field for field in _EVENT if field not in ("idfa", "properties.description")),
    **dict.fromkeys(("query", "tables"), ("access token", "event_id")),
    "liveramp": ("identity envelope", "LiveRamp's configuration id"),
    **dict.fromkeys(("looking", "waiting"), ("access token",)),
}
"""What the platform gets as it is in each part of the DAG, and so may say back."""


def forms_of(value: str) -> Iterator[tuple[str, bytes]]:
    """Every form of a value in lower case, with its name."""
    raw = value.encode()
    for variant in dict.fromkeys((raw, raw.lower(), raw.upper())):
        yield "clear", variant.lower()
        for shift in range(3):
            # What the neighbours decide, the first signs and the last ones, is left off.
            text = b64encode(b"\0" * shift + variant)
            begin, end = (0, 2, 3)[shift], len(text) - ((len(variant) + shift) % 3 and 4)
            yield "Base64", text[begin:end].lower()
        yield "hex", variant.hex().encode()
    yield "percent-encoded", quote(value, safe="").lower().encode()
    yield "percent-encoded", quote_plus(value).lower().encode()
    yield "percent-encoded", "".join(f"%{byte:02x}" for byte in raw).encode()
    yield "JSON-escaped", json.dumps(value)[1:-1].lower().encode()
    yield "JSON-escaped", "".join(f"\\u{ord(sign):04x}" for sign in value).encode()


def search(
    places: Iterable[tuple[str, bytes]], *, planted: Iterable[Canary] = ALL
) -> list[tuple[str, str, str]]:
    """Field, form and place of everything that is found.

    :param places: name and content; letters have names that begin with ``letters``, those of a source without
        an order with ``letters: unordered``.
    """
    sought = [(one, set(forms_of(one.value))) for one in planted]
    found = set()
    for place, content in places:
        for text in _unpacked(content):
            low = text.lower()
            for one, forms in sought:
                if one.in_letters and place.startswith("letters"):
                    continue
                if one.is_sent and place.startswith("letters: unordered"):
                    continue
                found |= {(one.field, form, place) for form, sign in forms if sign in low}
    return sorted(found)


def cells(database: Path) -> Iterator[tuple[str, bytes]]:
    """Every cell of every table, as ``table.column``."""
    with closing(sqlite3.connect(database)) as connection:
        connection.text_factory = bytes
        names = [
            name.decode()
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        for table in names:
            rows = connection.execute(f'SELECT * FROM "{table}"')
            columns = [column[0] for column in rows.description]
            for row in rows:
                for column, cell in zip(columns, row, strict=True):
                    if isinstance(cell, bytes) and cell:
                        yield f"database: {table}.{column}", cell


def files(folder: Path, *, besides: Iterable[str] = (".py", ".pyc")) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder, but for the DAGs' own source, and the database, whose cells are searched."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix not in besides and not path.name.startswith("airflow.db"):
            kind = "letters" if "tiktok_dead_letters" in path.parts else "file"
            yield f"{kind}: {path.name}", path.read_bytes()


def messages(received: Iterable[Received]) -> Iterator[tuple[str, bytes]]:
    """What a receiver of results got, but for its own address, which its owner gave."""
    for one in received:
        yield "webhook: message", repr((one.headers, one.body)).encode()


def _unpacked(content: bytes) -> Iterator[bytes]:
    yield content
    with suppress(OSError, EOFError, zlib.error):
        yield gzip.decompress(content)
    with suppress(zlib.error):
        yield zlib.decompress(content)
