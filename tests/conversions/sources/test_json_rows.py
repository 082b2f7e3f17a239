# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""One bad line of JSON is one unreadable row; numbers arrive as they were written."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.sources.files import FilesSource
from airflow_provider_tiktok.conversions.sources.json_rows import NotJson, decode_json

Read = Callable[..., list[Any]]
Write = Callable[[str, str | bytes], Path]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", []),
        ("\n \r\n\t\n", []),
        ('{"n":1}', [{"n": 1}]),
        ('{"n":1}\n{"n":2}\n', [{"n": 1}, {"n": 2}]),
        ('{"n":1}\r\n\r\n{"n":2}\r\n', [{"n": 1}, {"n": 2}]),
        ('\ufeff{"n":1}\n\ufeff{"n":2}', [{"n": 1}, {"n": 2}]),
        ('{"city":"São Paulo 北京"}', [{"city": "São Paulo 北京"}]),
        ('{"text":"a\u2028b\u0085c"}', [{"text": "a\u2028b\u0085c"}]),
        ('{"n":1,"n":2}', [{"n": 2}]),
    ],
    ids=["empty", "blank", "no line end", "lines", "crlf", "bom", "utf-8", "unicode breaks", "repeated key"],
)
def test_lines(read: Read, write: Write, text: str, rows: list[Any]) -> None:
    """Each line that is not blank is one row, whatever ends it."""
    assert read(write("events.jsonl", text)) == rows


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (b'{"n":', "not_json"),
        (b'{"n":1} {"n":2}', "not_json"),
        (b"{'n':1}", "not_json"),
        (b'{"n":Infinity}', "not_json"),
        (b'{"n":NaN,}', "not_json"),
        (b'{"n":"\\ud800"}', "not_json"),
        (b'{"n":1e99999999999999999999}', "not_json"),
        (b'{"n":' * 5000, "not_json"),
        (b'{"n":"\x00"}', "not_json"),
        (b"[1,2]", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b"null", "not_an_object"),
        (b'{"n":"caf\xe9"}', "undecodable"),
        (b'{"n":"\xed\xa0\x80"}', "undecodable"),
        (b'{"n":"' + b"x" * 90_000 + b'"}', "too_long"),
        (b" " * 90_000 + b'{"n":3}', "too_long"),
    ],
)
def test_bad_line_is_one_unreadable_row(read: Read, write: Write, line: bytes, rule: str) -> None:
    """The lines before and after a bad one are read."""
    path = write("events.jsonl", b'{"n":1}\n' + line + b'\n{"n":2}\n')
    assert read(path, max_row_chars=80_000) == [{"n": 1}, rule, {"n": 2}]


def test_bad_last_line_without_end(read: Read, write: Write) -> None:
    """A line that a killed writer left half is one unreadable row."""
    assert read(write("events.jsonl", '{"n":1}\n{"n":')) == [{"n": 1}, "not_json"]


def test_line_bound_is_exact(read: Read, write: Write) -> None:
    """A line as long as the bound, its end included, is read; one character more is not."""
    path = write("events.jsonl", '{"n":"12"}\n{"n":"123"}\n')
    assert read(path, max_row_chars=11) == [{"n": "12"}, "too_long"]


def test_carriage_return_does_not_end_a_long_line(read: Read, write: Write) -> None:
    """Where the bound falls on a carriage return, the rest of the line is still no row."""
    path = write("events.jsonl", b'{"n":1}  \r{"n":2}   \n{"n":3}\n')
    assert read(path, max_row_chars=9) == ["too_long", {"n": 3}]


def test_numbers_are_exact(read: Read, write: Write) -> None:
    """A price is the number that stands in the file, with all its digits."""
    path = write(
        "events.jsonl", '{"price":0.10,"big":12345678901234567890.12,"id":123456789012345678901234567890}'
    )
    assert read(path) == [
        {
            "price": Decimal("0.10"),
            "big": Decimal("12345678901234567890.12"),
            "id": 123456789012345678901234567890,
        }
    ]
    assert str(read(path)[0]["price"]) == "0.10"


@pytest.mark.parametrize("name", ["events.jsonl", "events.ndjson", "EVENTS.JSONL", "events.json"])
def test_names_of_json_lines(read: Read, write: Write, name: str) -> None:
    """JSON Lines are known by their name; under .json, by not beginning with a bracket."""
    assert read(write(name, '{"n":1}\n{"n":2}\n')) == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_array(read: Read, write: Write, encoding: str) -> None:
    """A JSON array has one row for each item, in its order, however it is laid out."""
    text = json.dumps([{"n": 1.5}, 7, {"n": "é"}], indent=2, ensure_ascii=False)
    rows = read(write("events.json", ("\n " + text + "\n").encode(encoding)), encoding=encoding)
    assert rows == [{"n": Decimal("1.5")}, "not_an_object", {"n": "é"}]


def test_empty_array(read: Read, write: Write) -> None:
    """An empty array has no rows."""
    assert read(write("events.json", "[]")) == []


def test_large_array_is_refused(read: Read, write: Write) -> None:
    """An array is read whole, so there is a bound, and the error names the way out."""
    path = write("events.json", '[{"email":"ada@example.com"}]')
    with pytest.raises(
        ConfigurationError, match=r"^Write it as JSON Lines.*events\.json is a JSON document of more than 20 "
    ):
        read(path, max_array_chars=20)


@pytest.mark.parametrize("text", ['[{"email":"ada@example.com"}', b'[{"email":"ada@example.com\xff"}]'])
def test_broken_array_ends_the_run(read: Read, write: Write, text: str | bytes) -> None:
    """No row of a broken array is known, so it is no empty input; the error holds none of it."""
    with pytest.raises(ConfigurationError, match=r"events\.json") as caught:
        read(write("events.json", text))
    assert "ada" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


ORDERS = [{"id": 1, "note": 'a "}]" \\\\'}, {"id": 2, "items": [{"price": Decimal("1.10")}, {}]}]
PRETTY = """[
  {
    "id": 1,
    "note": "a \\"}]\\" \\\\\\\\"
  },
  {"id": 2, "items": [{"price": 1.10}, {}]}
]"""


@pytest.mark.parametrize(
    "layout",
    [
        "{}",
        '{{"data": {}}}',
        '{{"orders":{}}}',
        '{{"Anything at all" : {} }}',
        '{{"data":\n{{"customers": {}}}}}\n',
        "\ufeff{}",
        "\n\n {}\n\n",
    ],
)
@pytest.mark.parametrize("is_pretty", [True, False])
def test_list_in_whatever_it_is_wrapped(read: Read, write: Write, layout: str, is_pretty: bool) -> None:
    """A list of records gives its records, also where it is all that an object holds."""
    text = PRETTY if is_pretty else PRETTY.replace("\n", "").replace("  ", "")
    assert read(write("orders.json", layout.format(text))) == ORDERS


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('{\n "id": 1\n}', [{"id": 1}]),
        ('{"id": 1}', [{"id": 1}]),
        ('{"id":\n1}\n{"id": 2}\n{\n"id": 3}', [{"id": 1}, {"id": 2}, {"id": 3}]),
        ('{\n"id":1},{\n"id":2}', [{"id": 1}, {"id": 2}]),
        ('{"id":1}\n\n{"id":2}', [{"id": 1}, {"id": 2}]),
        ('{"id":1,"items":[{"price":2}]}', [{"id": 1, "items": [{"price": 2}]}]),
        ('{"user":{"email":"a"}}', [{"user": {"email": "a"}}]),
        ('{"ids":[1,2]}', [{"ids": [1, 2]}]),
        ('{"data":[]}', [{"data": []}]),
        ("{}", [{}]),
        ('{"id":\n{"id":2}\n', ["not_json", {"id": 2}]),
        ('[{"id":1},[2],"x",null,3.5,{"id":2}]', [{"id": 1}, *["not_an_object"] * 4, {"id": 2}]),
    ],
)
def test_layouts_of_a_json_file(read: Read, write: Write, text: str, rows: list[Any]) -> None:
    """Records may stand one after the other, each over several lines; a torn line costs only itself."""
    assert read(write("orders.json", text)) == rows


def test_lines_of_a_json_file_have_numbers(write: Write) -> None:
    """JSON Lines under the name of JSON lead to their lines, also after blank ones."""
    source = FilesSource([write("a.json", '\n{"id":1}\n\n{"id":\n{"id":3}\n')])
    list(source.rows())
    assert [place and place.line for place in map(source.locate, (1, 2, 3))] == [2, 4, 5]


@pytest.mark.parametrize("name", ["data", "events", "records", "results", "rows", "orders"])
def test_list_beside_other_things_is_told(read: Read, write: Write, name: str) -> None:
    """An answer of an API with more in it than the list is no row, and nothing of it is guessed."""
    path = write("orders.json", f'{{"count": 1, "{name}": [{{"email": "ada@example.com"}}]}}')
    with pytest.raises(ConfigurationError, match=rf"^Write the list '{name}' alone") as caught:
        read(path)
    assert "ada" not in str(caught.value)


@pytest.mark.parametrize("text", [PRETTY, '{\n"id": 1\n}', '[{"id":1}]', '[ {"id":1}, {"id":2} ]'])
def test_no_json_lines(read: Read, write: Write, text: str) -> None:
    """A whole document under the name of JSON Lines is told by its first line."""
    path = write("orders.jsonl", text)
    with pytest.raises(ConfigurationError, match=r"^Set format='json': .*orders\.jsonl is "):
        read(path)
    assert read(path, format="json")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=30,
    ),
    st.sampled_from([None, 1]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_items_are_those_of_the_array(read: Read, tmp_path: Path, value: Any, indent: int | None) -> None:
    """Whatever stands in an array, its items are cut apart where they end."""
    path = tmp_path / "orders.json"
    items = [{"v": value}, value, {"w": [value]}]
    path.write_text(json.dumps(items, indent=indent, ensure_ascii=False), "utf-8")
    assert read(path) == [item if isinstance(item, dict) else "not_an_object" for item in items]


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_decoding_gives_a_value_or_one_error(text: bytes | str) -> None:
    """Whatever stands there, it is JSON or it is ``NotJson``; no other error comes out."""
    with suppress(NotJson):
        decode_json(text)


def test_nan_is_null(read: Read, write: Write) -> None:
    """Python writes NaN where a data frame has no value; what stands beside it keeps its digits."""
    path = write("events.jsonl", b'{"n":1.10,"m":NaN}\n{"n":"NaN"}\n')
    assert read(path) == [{"n": Decimal("1.10"), "m": None}, {"n": "NaN"}]
