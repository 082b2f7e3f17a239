# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tiktok.conversions.http import describe


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Invalid value for event_id: not a valid string.", None),
        ("Batch.0.properties.contents.0.content_id: Not a valid string", None),
        ("data[2].user.automatic_advanced_matching_fields: unknown field", None),
        ("Missing required field(s): x", None),
        ("No permission to operate pixel code: CABC0123456789012345. You must be an admin.", None),
        ("event set 7000000000000000001 not found", None),
        ("it isn't there, don't ask at 12:30:45, Foo::bar, v1.3", None),
        ("Invalid value for user.email: alice@example.com", "Invalid value for user.email: [email]"),
        ("user.email=alice@example.com", "user.email=[email]"),
        ("alice%40example.com", "[email]"),
        ("ali\u200bce@example.com", "[email]"),
        ("alice＠example.com", "[email]"),
        ("phone +1 (202) 555-0123 refused", "phone [number] refused"),
        ("202.555.0123 or 2025550123", "[number] or [number]"),
        ("+7000000000000000001", "[number]"),
        ("tel12025550123", "tel[number]"),
        ("٢٠٢٥٥٥٠١٢٣", "[number]"),
        ("4111 1111 1111 1111", "[number]"),
        ("digest " + "Ab12" * 16, "digest [digest]"),
        ("token " + "0a" * 20, "token [digest]"),
        ("ttclid E.C.P." + "CtMBd1" * 20, "ttclid E.C.P.[token]"),
        ("ip 203.0.113.7, 2001:db8::1, ::1", "ip [ip], [ip], [ip]"),
        ("from https://shop.example/p?mail=x#y now", "from [url] now"),
        ("at shop.example/p?mail=x&b=c now", "at shop.example/p?[query] now"),
        ("ua Mozilla/5.0 (X11; Linux) Gecko", "ua [user agent]"),
        ("name 'Jane' is bad", "name [value] is bad"),
        ("name 'O'Brien' is bad", "name [value] is bad"),
        ('name "O\'Brien \\" Jane" is bad', "name [value] is bad"),
        ("name `Jane` and “Jane” and «Jane»", "name [value] and [value] and [value]"),
        ('open "Jane Doe', "open [value]"),
        ('{"email": "a", "n": 5}', "{[value]: [value], [value]: 5}"),
        ("one\r\nERROR two\x1b[31m\u2028three\x00", "one ERROR two [31m three"),
        ("", ""),
    ],
)
def test_describe(text: str, shown: str | None) -> None:
    """The API's words stay, the values in them do not."""
    assert describe(text) == (text if shown is None else shown)


def test_describe_keeps_known_words() -> None:
    """A quoted field name is no value."""
    text = "'event_id' is required, 'Jane' is not"
    assert describe(text, known={"event_id"}) == "'event_id' is required, [value] is not"


@pytest.mark.parametrize("text", ["x" * 10_000, "word " * 1_000, "a" * 995 + " alice@example.com"])
def test_describe_is_short(text: str) -> None:
    """However long the words, at most 300 signs are shown, and no value that was cut in two."""
    shown = describe(text)
    assert len(shown) <= 300
    assert "alice" not in shown


def test_describe_drops_a_value_that_was_cut_in_two() -> None:
    """A digest of which only the beginning was read is not shown as a word."""
    assert describe('"' + "x" * 980 + '" ' + "ab12" * 16) == "[value]"


@given(st.text())
def test_describe_is_stable(text: str) -> None:
    """Described words are described already, on one line."""
    once = describe(text)
    assert describe(once) == once
    assert len(once.splitlines()) <= 1


@given(st.text(max_size=40), st.text(max_size=40))
def test_describe_hides_values_among_anything(before: str, after: str) -> None:
    """An address, a digest and a number never show, whatever stands around them."""
    values = "alice@example.com", "ab12" * 16, "+12025550123"
    shown = describe(f"{before} {' '.join(values)} {after}")
    assert not any(value in shown for value in ("alice", "ab12ab12", "2025550123"))
