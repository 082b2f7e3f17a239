# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""One bad record of CSV is one unreadable row and costs no other."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.sources.csv_rows import MAX_LINES_PER_ROW
from airflow_provider_tiktok.conversions.sources.files import FilesSource

Read = Callable[..., list[Any]]
Write = Callable[[str, str | bytes], Path]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", []),
        ("\n\n", []),
        ("id,email\n", []),
        ("id,email", []),
        ("id,email\n1,a\n", [{"id": "1", "email": "a"}]),
        ("id,email\r\n1,a\r\n\r\n2,b", [{"id": "1", "email": "a"}, {"id": "2", "email": "b"}]),
        ("id,email\r1,a\r2,b\r", [{"id": "1", "email": "a"}, {"id": "2", "email": "b"}]),
        ("\ufeffid,email\n", []),
        (
            "id,email\n1,a\nid,email\n2,b\nid,mail\n",
            [{"id": i, "email": e} for i, e in ("1a", "2b", ("id", "mail"))],
        ),
        ("\ufeffid,email\n1,a\n", [{"id": "1", "email": "a"}]),
        ('\ufeff"id","email"\n1,a\n', [{"id": "1", "email": "a"}]),
        (" id , email \n 1 ,a\n", [{"id": " 1 ", "email": "a"}]),
        ('id,email\n,\n , \n"",""\n,,,\n1,\n', [{"id": "1", "email": ""}]),
        (",id\n0,1\n", [{"": "0", "id": "1"}]),
        ('id,email\n"1,5","a\r\nb"\n', [{"id": "1,5", "email": "a\r\nb"}]),
        ('id,email\n"say ""hi""",\n', [{"id": 'say "hi"', "email": ""}]),
        ('id,email\n5" disk,a\n', [{"id": '5" disk', "email": "a"}]),
        ("id,email\n007,1e5\n", [{"id": "007", "email": "1e5"}]),
    ],
)
def test_records(read: Read, write: Write, text: str, rows: list[Any]) -> None:
    """Values are the text that stands there; a row without any text is no row, an empty file has none."""
    assert read(write("orders.csv", text)) == rows


@pytest.mark.parametrize(
    ("record", "rules"),
    [
        (b"x", ["wrong_number_of_columns"]),
        (b"x,y,z", ["wrong_number_of_columns"]),
        (b"x,\x00", ["nul_byte"]),
        (b"x,caf\xe9", ["undecodable"]),
        (b'"x\ny",caf\xe9', ["undecodable"]),
        (b'x,"y"z', ["not_csv"]),
        (b'x,"y', ["not_csv"]),
        (b'x,"y\nz', ["not_csv", "wrong_number_of_columns"]),
        (b"x," + b"y" * 9000, ["too_long"]),
        (b'x,"' + b"y" * 9000 + b'"', ["too_long"]),
        (b'"x\n' + b"y" * 9000 + b'",z', ["not_csv", "too_long"]),
    ],
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_bad_record(read: Read, write: Write, record: bytes, rules: list[str], end: bytes) -> None:
    """The records before and after a bad one are read, also after a quote that is never closed."""
    lines = [b"id,email", b"1,a", *record.split(b"\n"), b'2,"b"', b"3,c", b""]
    rows = read(write("orders.csv", end.join(lines)), max_row_chars=8000)
    assert rows == [
        {"id": "1", "email": "a"},
        *rules,
        {"id": "2", "email": "b"},
        {"id": "3", "email": "c"},
    ]


def test_cut_line_swallows_nothing(read: Read, write: Write) -> None:
    """A line beyond the bound may lose its closing quote with its end; the next quote is not taken for it."""
    path = write("orders.csv", 'id,email\nx,"' + "y" * 9000 + '"\n2,5"\n')
    assert read(path, max_row_chars=8000) == ["too_long", {"id": "2", "email": '5"'}]


def test_stray_quote_in_every_line(read: Read, write: Write) -> None:
    """A quote that swallows the whole rest of a file costs one row at a time, and no endless work."""
    lines = ["id,email", *[f'{number}","y' for number in range(500)]]
    rows = read(write("orders.csv", "\n".join(lines)))
    assert rows == ["not_csv"] * 500


def test_a_record_of_many_lines_is_a_stray_quote(read: Read, write: Write) -> None:
    """Rows after an unclosed quote come back, even where no quote follows within reach."""
    good = [{"id": str(number), "email": "a"} for number in range(2 * MAX_LINES_PER_ROW)]
    text = 'id,email\nx,"y\n' + "".join(f"{row['id']},a\n" for row in good)
    assert read(write("orders.csv", text)) == ["not_csv", *good]


def test_large_field(read: Read, write: Write) -> None:
    """A field beyond what the parser takes is one unreadable row."""
    assert read(write("orders.csv", "id,email\n1," + "x" * 200_000 + "\n2,b\n")) == [
        "not_csv",
        {"id": "2", "email": "b"},
    ]


@pytest.mark.parametrize(
    ("name", "settings", "text"),
    [
        ("orders.tsv", {}, "id\temail\n1\ta,b\n"),
        ("orders.tab", {"csv_delimiter": ";"}, "id\temail\n1\ta,b\n"),
        ("orders.csv", {"csv_delimiter": ";"}, "id;email\n1;a,b\n"),
        ("orders.txt", {"format": "tsv"}, 'id\temail\n1\t"a,b"\n'),
        ("orders.csv", {"csv_columns": ["id", "email"]}, '1,"a,b"\n'),
    ],
)
def test_dialects(read: Read, write: Write, name: str, settings: dict[str, Any], text: str) -> None:
    """Delimiter and header are as the format or the caller says."""
    assert read(write(name, text), **settings) == [{"id": "1", "email": "a,b"}]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("orders.csv", "sep=;\r\nid;email\r\n1;a,b\r\n"),
        ("orders.csv", '"sep=;"\nid;email\n1;a,b\n'),
        ("orders.csv", "\ufeffSEP=\t\nid\temail\n1\ta,b\n"),
        ("orders.tsv", "sep=|\nid|email\n1|a,b\n"),
    ],
)
def test_delimiter_that_the_file_names(write: Write, name: str, text: str) -> None:
    """Excel's first line names the delimiter and is no row; lines are counted with it."""
    source = FilesSource([write(name, text)])
    assert list(source.rows()) == [{"id": "1", "email": "a,b"}]
    place = source.locate(1)
    assert place is not None
    assert place.line == 3


def test_commas_in_a_table_of_tabs(read: Read, write: Write) -> None:
    """Where the format gives the delimiter, the format is what to change."""
    with pytest.raises(ConfigurationError, match=r"Set format='csv' and csv_delimiter=','"):
        read(write("orders.tsv", "id,email\n1,a\n"))


def test_wrong_delimiter_without_a_header(write: Write) -> None:
    """Where the columns are named by the task, the row's remedy names the delimiter."""
    (row,) = FilesSource([write("orders.csv", "1;a\n")], csv_columns=["id", "email"]).rows()
    assert "set csv_delimiter=';'" in str(getattr(row, "remedy", ""))


def test_names_that_come_twice(read: Read, write: Write) -> None:
    """Such columns are called by their numbers; the others, and the rows, are as ever."""
    path = write("orders.csv", "email,phone,email,phone,id,,\na,1,b,2,3,,\n")
    assert read(path) == [
        {
            "email (column 1)": "a",
            "phone (column 2)": "1",
            "email (column 3)": "b",
            "phone (column 4)": "2",
            "id": "3",
            "(column 6)": "",
            "(column 7)": "",
        }
    ]


def test_a_name_that_looks_like_a_number_given(read: Read, write: Write) -> None:
    """A column of the file that has such a name keeps it."""
    rows = read(write("orders.csv", "id,id,id (column 1)\n1,2,3\n"))
    assert rows == [{"id (column 1)*": "1", "id (column 2)": "2", "id (column 1)": "3"}]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "shift_jis"])
def test_encodings(read: Read, write: Write, encoding: str) -> None:
    """Text of any encoding that Python knows is read as what it says."""
    name = "アイ" if encoding == "shift_jis" else "é"
    path = write("orders.csv", f"id,name\r\n1,{name}\r\n".encode(encoding))
    assert read(path, encoding=encoding) == [{"id": "1", "name": name}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le"])
@pytest.mark.parametrize("text", ["id,name\n1,a\n", "sep=;\nid;name\n1;a\n"])
def test_the_mark_in_front_of_a_text_is_no_part_of_it(
    read: Read, write: Write, encoding: str, text: str
) -> None:
    """Excel writes one whatever the encoding, and a name of a column would begin with it."""
    path = write("orders.csv", f"\ufeff{text}".encode(encoding))
    assert read(path, encoding=encoding) == [{"id": "1", "name": "a"}]
    assert read(write("empty.csv", "\ufeff".encode(encoding)), encoding=encoding) == []


@pytest.mark.parametrize(
    ("header", "text"),
    [
        (b'id,"ada@example.com\n', r"The header of .*orders\.csv cannot be read \(not_csv\)"),
        (b"id,ada@example.com\xff\n", r"The header of .*orders\.csv cannot be read \(undecodable\)"),
        ("id,ada@example.com\n".encode("utf-16"), r"^Set encoding='utf-16'"),
        ("id,ada@example.com\n".encode("utf-16-le"), r"^Set encoding='utf-16-le'"),
        ("id,ada@example.com\n".encode("utf-16-be"), r"^Set encoding='utf-16-be'"),
        ("id,ada@example.com\n".encode("utf-32"), r"^Set encoding='utf-32'"),
        (b"id;ada@example.com\n", r"^Set csv_delimiter=';': the header of .* is not parted by ','"),
        (b"id;ada@example.com,b;x\n", r"^Set csv_delimiter=';': the header of .* is not parted by ','"),
        (b"id\tada@example.com\n", r"Set csv_delimiter='\\t'"),
        (b"id|ada@example.com\n", r"Set csv_delimiter='\|'"),
        (b'{"id":1,"email":"ada@example.com"}\n', r"^Set format='json'.* begins like JSON"),
        (b",".join(b"ada%d@example.com" % number for number in range(10_001)), r"more than 10,000 columns"),
    ],
)
def test_bad_header_ends_the_run(read: Read, write: Write, header: bytes, text: str) -> None:
    """Without a header no row has a meaning; what may be a customer's row is not told."""
    with pytest.raises(ConfigurationError, match=text) as caught:
        read(write("orders.csv", header + b"1,2,3\n"))
    assert "ada" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_file_of_another_encoding(read: Read, write: Write, encoding: str) -> None:
    """Where the codec gives up a file for having no mark, a person must name its encoding."""
    path = write("orders.csv", "id,email\n1,ada@example.com\n")
    with pytest.raises(
        ConfigurationError, match=r"^Set encoding to the file's own: .*orders\.csv is not in this one"
    ) as caught:
        read(path, encoding=encoding)
    assert "ada" not in str(caught.value)


def test_lines_are_those_of_the_file(write: Write) -> None:
    """A record's place is the line it begins on, after blank lines, line breaks in fields and bad records."""
    path = write("orders.csv", 'id,email\n\n1,a\n2,"b\nc"\n\n3,"d\n4,e\n5\n6,f\n')
    source = FilesSource([path])
    ids = [row["id"] if isinstance(row, dict) else row.rule for row in source.rows()]
    places = [source.locate(number) for number in range(1, len(ids) + 1)]
    assert list(zip(ids, [place and place.line for place in places], strict=True)) == [
        ("1", 3),
        ("2", 4),
        ("not_csv", 7),
        ("4", 8),
        ("wrong_number_of_columns", 9),
        ("6", 10),
    ]


TABLES = st.integers(2, 4).flatmap(
    lambda width: st.lists(
        st.lists(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
            min_size=width,
            max_size=width,
        ),
        max_size=6,
    ).map(lambda rows: (width, rows))
)


@given(TABLES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_a_writer_wrote_is_read(read: Read, tmp_path: Path, table: tuple[int, list[list[str]]]) -> None:
    """Any table of text comes back as it was, quotes and line breaks included."""
    width, rows = table
    columns = [f"c{number}" for number in range(width)]
    text = io.StringIO()
    csv.writer(text).writerows([columns, *rows])
    path = tmp_path / "orders.csv"
    path.write_bytes(text.getvalue().encode())
    assert read(path) == [
        dict(zip(columns, row, strict=True)) for row in rows if any(map(str.strip, row)) and row != columns
    ]


@given(st.binary(max_size=80))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_end_the_file_early(read: Read, tmp_path: Path, noise: bytes) -> None:
    """Whatever bytes stand in the middle, the rows before them and the last row are read."""
    path = tmp_path / "orders.csv"
    path.write_bytes(b"id,email\n1,a\n" + noise + b'\n\n2,"last"\n')
    rows = read(path)
    assert rows[0] == {"id": "1", "email": "a"}
    assert rows[-1] == {"id": "2", "email": "last"} or rows[-1] in (
        "not_csv",
        "wrong_number_of_columns",
        "undecodable",
        "nul_byte",
    )
