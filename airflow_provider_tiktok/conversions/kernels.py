# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Kernels: one field's rule over a column of values.

Each field has one careful rule, a function of a value, and it alone says what is true. Before it stands a
quick test that knows the plain shape of a whole column, or of one value, for which the answer is known:
what the quick test takes, the careful rule gives the same (``tests/conversions/test_kernels.py``). So a
quick test can only cost speed. A column with an odd value in it is cut into parts until that one stands
alone. What repeats (names of events, currencies, cities, browsers) is remembered.

The room knows values and knows no column name, no API and no event as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Context, Decimal, localcontext
from functools import lru_cache, partial
from hashlib import sha256
from itertools import chain, repeat
from operator import mul
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Raw

from airflow_provider_tiktok.conversions.by_parts import answer_by_parts
from airflow_provider_tiktok.conversions.errors import EventError
from airflow_provider_tiktok.conversions.events import Drop, Violation
from airflow_provider_tiktok.conversions.identifiers import Identity, IdentityRules, rows
from airflow_provider_tiktok.conversions.identifiers.phone_numbers import normalise_phone
from airflow_provider_tiktok.conversions.identifiers.table import Form, digests_of_nothing
from airflow_provider_tiktok.conversions.values import (
    CITIES,
    COUNTRIES,
    IDS,
    NAMES,
    PEOPLE,
    NullRule,
    NullValues,
)

Column = Sequence[Any]
"""One value an event; ``None`` where there is none."""


class Note(NamedTuple):
    """What is counted of an event that is sent all the same.

    :param kind: ``warning``, ``left_out`` for a warning that costs the event this field, or ``drop``.
    :param rule: of the warning, or the reason of the drop.
    """

    kind: str
    path: str
    rule: str
    remedy: str = ""

    def of_row(self, number: int) -> Note:
        """The same of one of an event's rows, which a warning names."""
        return self if self.kind == "drop" else self._replace(remedy=f"Row {number}: {self.remedy}")


def note_of(finding: Violation) -> Note:
    """The note of a finding that keeps no event back."""
    kind = "left_out" if finding.is_left_out else "warning"
    return Note(kind, finding.path, finding.rule, finding.remedy)


def drop_of(drop: Drop) -> Note:
    """The note of a value that was left out."""
    return Note("drop", drop.path, drop.reason, drop.remedy)


class Told(NamedTuple):
    """The careful rule's answer for one value.

    :param wire: the value in the form it is sent in; ``None`` for nothing.
    :param notes: what is counted of the event, however many of its rows have the value.
    :param row_notes: what is counted of every row that has the value.
    :param is_odd: whether the event must be looked at as a whole; then nothing else counts.
    """

    wire: Any = None
    notes: tuple[Note, ...] = ()
    row_notes: tuple[Note, ...] = ()
    is_odd: bool = False

    def __repr__(self) -> str:
        return "Told(hidden)"


ODD: Final = Told(is_odd=True)

Careful = Callable[[Any], Told]
"""The careful rule: any raw value to its answer."""

QuickColumn = Callable[[Column], "list[Any] | None"]
"""A whole column of plain values to its wire form; ``None`` where not all are plain."""

REMEMBERED: Final = 10_000
"""How many different values of one field are remembered."""

LONGEST_REMEMBERED: Final = 1_000
"""Characters of a value that is remembered."""


class Findings:
    """What was found in a chunk.

    :ivar odd: places of events that must be looked at as a whole.
    :ivar notes: note to the places of the events that it is counted of, and ``row_notes`` of their rows.
    """

    __slots__ = ("notes", "odd", "row_notes")

    def __init__(self) -> None:
        self.odd: set[int] = set()
        self.notes: dict[Note, list[int]] = {}
        self.row_notes: dict[Note, list[int]] = {}

    def note(self, note: Note, places: Iterable[int]) -> None:
        """Count a note of these events."""
        self.notes.setdefault(note, []).extend(places)

    def take(self, told: Told, place: int) -> None:
        """Take down what was told of a value of the event at a place."""
        if told.is_odd:
            self.odd.add(place)
        for note in told.notes:
            self.note(note, (place,))
        for note in told.row_notes:
            self.row_notes.setdefault(note, []).append(place)

    def said(self) -> Iterable[tuple[Note, list[int]]]:
        """All notes, of events and of their rows."""
        return chain(self.notes.items(), self.row_notes.items())

    def of_single_rows(self) -> None:
        """Where an event is a row, what is counted of rows is counted of events."""
        for note, places in self.row_notes.items():
            self.note(note, places)
        self.row_notes = {}


class Kernel:
    """One field's rule over a column.

    :param careful: the rule.
    :param quick: whole columns of plain values in one go.
    :param remembers: whether answers are remembered by the text they are for.
    """

    __slots__ = ("_careful", "_known", "_quick", "_remembers")

    def __init__(
        self, careful: Careful, *, quick: QuickColumn | None = None, remembers: bool = False
    ) -> None:
        self._careful = careful
        self._quick = quick
        self._remembers = remembers
        self._known: dict[Any, Any] = {None: None}

    def __repr__(self) -> str:
        return f"{type(self).__name__}(hidden)"

    def __call__(
        self, column: Column, findings: Findings, *, owners: Sequence[int] | None = None
    ) -> list[Any]:
        """The column in wire form.

        :param findings: gets what is found.
        :param owners: for columns of items: the place of the event that each item is of.
        """
        out = None if self._remembers else self._plain(column)
        if out is None:
            out = self._recalled(column)
        if Told in set(map(type, out)):
            for place, one in enumerate(out):
                if type(one) is Told:
                    out[place] = one.wire
                    findings.take(one, place if owners is None else owners[place])
        return out

    def _plain(self, column: Column) -> list[Any] | None:
        """The wire form of a column that is all plain, ``None`` for any other."""
        return None if self._quick is None or has_none(column) else _test(self._quick, column)

    def _recalled(self, column: Column) -> list[Any]:
        """The answers for a column of which some are known: for what is absent, odd or often there."""
        remembers = self._remembers
        try:
            out = list(map(self._known.get, column, repeat(_UNKNOWN)))
        except Exception:  # lists and objects are not remembered, nor what cannot be compared
            out = [None if value is None else _UNKNOWN for value in column]
            remembers = False
        # A number that equals a remembered text does not exist: only texts are remembered.
        places = [place for place, one in enumerate(out) if one is _UNKNOWN]
        values = [column[place] for place in places]
        if remembers:
            fresh = list(dict.fromkeys(filter(_may_be_remembered, values)))
            answers = dict(zip(fresh, self._by_parts(fresh), strict=True))
            self._remember(answers)
            found = [answers[one] if _may_be_remembered(one) else self._by_parts((one,))[0] for one in values]
        else:
            found = self._by_parts(values)
        for place, answer in zip(places, found, strict=True):
            out[place] = answer
        return out

    def _by_parts(self, values: Column) -> list[Any]:
        """The answers for values that are all there."""
        quick = self._quick
        if quick is None:
            return list(map(self._one, values))
        return answer_by_parts(values, partial(_test, quick), lambda value, _: self._one(value))

    def _one(self, value: Any) -> Any:
        """The careful rule's answer; what is odd often comes again, also where plain values seldom do."""
        told = self._careful(value)
        answer = told if told.is_odd or told.notes or told.row_notes else told.wire
        if _may_be_remembered(value):
            self._remember({value: answer})
        return answer

    def _remember(self, answers: Mapping[Any, Any]) -> None:
        if len(self._known) + len(answers) > REMEMBERED:
            self._known.clear()
            self._known[None] = None
        self._known.update(answers)


_UNKNOWN: Final = object()


def _may_be_remembered(value: Any) -> bool:
    """Whether a value is a short text, or several of them: only what equals nothing else is remembered."""
    if type(value) is tuple:
        return all(one is None or _may_be_remembered(one) for one in value)
    return type(value) is str and len(value) <= LONGEST_REMEMBERED


def has_none(column: Column) -> bool:
    """Whether a value is absent; values of array libraries cannot be asked whether they equal one."""
    try:
        return None in column
    except Exception:  # every library has its own
        return any(value is None for value in column)


def _test(quick: QuickColumn, column: Column) -> list[Any] | None:
    """What a quick test gives; whatever it cannot look at is not plain."""
    try:
        return quick(column)
    except Exception:  # values of array libraries compare as they like
        return None


_decode = msgspec.json.Decoder().decode
_EXACT: Final = Context(prec=400)
_ZERO: Final = Decimal(0)


def amounts_of(prices: Column, quantities: Column) -> list[Decimal | None]:
    """Price times quantity of each item, of numbers in wire form; ``None`` where there is no price."""
    with localcontext(_EXACT):
        if set(map(type, prices)) == {Raw}:
            return list(map(mul, map(Decimal, _texts_of(prices)), quantities))
        return [
            None if price is None else decimal_of(price) * quantity
            for price, quantity in zip(prices, quantities, strict=True)
        ]


def is_any_negative(numbers: Column) -> bool:
    """Whether one of these numbers in wire form, or ``None``, is below zero."""
    numbers = [one for one in numbers if one is not None]
    kinds = set(map(type, numbers))
    if kinds <= {int, float}:
        return bool(numbers) and min(numbers) < 0
    if kinds == {Raw}:
        return any(text.startswith("-") for text in _texts_of(numbers))
    return any(decimal_of(one) < 0 for one in numbers)


def _texts_of(numbers: Column) -> list[str]:
    return b"\n".join(numbers).decode().split("\n")


def sum_of(amounts: Iterable[Any]) -> Raw:
    """The sum of amounts, in wire form."""
    with localcontext(_EXACT):
        return Raw(f"{sum(amounts, _ZERO):f}".encode())


def decimal_of(number: Any) -> Decimal:
    """The number that stands in wire form."""
    if type(number) is int:
        return Decimal(number)
    return Decimal(repr(number)) if type(number) is float else Decimal(bytes(number).decode())


# ------------------------------------------------------------------------------------- quick columns

_SUSPECT_ID: Final = re.compile(
    r"\n(?:[0_.: -]*|__[A-Z][^\n]*|-[0-9]+| [^\n]*|[^\n]* |[uU][rR][nN]:[^\n]*|[0-9a-fA-F]{32,}"
    r"|(?:[0-9a-fA-F]-?){33,}|(?:0{8}|[fF]{8})-[^\n]*|-?[0-9]+[eE]-?[0-9]+|-?[0-9]*\.[0-9]*(?:[eE]-?[0-9]+)?|(?!#[0-9]+\n)[^\n]*#[^\n]*)"
    r"(?=\n)"
)
"""Ids that a careful eye must see: numbers cut by a spreadsheet, zeros, words (``null``), macros, digests."""
_NOT_OF_ID: Final = re.compile(r"[^A-Za-z0-9_:/.# \n-]")
_USUAL_IDS: Final = re.compile(
    r"(?>(?:(?![fF]{8}-)[A-Za-z][A-Za-z_.-]{0,10}+[0-9][A-Za-z0-9_.-]{0,18}+"
    r"|[1-9][0-9]{0,18}+(?:[_-][A-Za-z0-9_-]{0,11}+)?+"
    r"|(?!0{8}|[fF]{8})[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})\n)++"
)
"""A letter and later a digit, or digits and what follows a dash, in fewer than 32 characters; or a UUID."""
_WORDS_AS_ID: Final = re.compile(r"\n([A-Za-z_/:. -]+)(?=\n)")
"""Ids without a digit: ``null`` is none, and who bought it may be called a guest."""
_EMAILS: Final = re.compile(
    r"(?>[a-z0-9][a-z0-9_+-]*+(?:\.[a-z0-9_+-]++)*+@(?:[a-z0-9]++(?:-++[a-z0-9]++)*+\.)+[a-z]{2,24}\n)++"
)
_SUSPECT_EMAIL: Final = re.compile(r"\n(?:n[a-z]{1,6}|undefined|unknown|anonymous|x{3,})@")
_LONGEST_EMAIL: Final = 64
_TOKENS: Final = re.compile(r"(?>[A-Za-z._-]*+[0-9][A-Za-z0-9._-]*+\n)++")
_DIGESTS: Final = re.compile(r"(?>[0-9a-f]{64}\n)++")
_SHORTEST_TOKEN: Final = 12
_URLS: Final = re.compile(
    r"(?>https?://[A-Za-z0-9]++(?:[.-]++[A-Za-z0-9]++)*+(?::[0-9]{1,5})?+(?:[/?#][A-Za-z0-9/_.?=&%+~,;:#!*-]*+)?+\n)++"
)
_NUMBERS: Final = re.compile(r"(?>(?:0|[1-9][0-9]{0,14}+)(?:\.[0-9]{1,12}+)?+\n)++")
_LARGEST_PLAIN: Final = 10**15


def _joined(column: Column) -> str | None:
    """The texts of a column, a line each, with a line end before and after; ``None`` if one is no text."""
    try:
        return "\n".join(("", *column, ""))
    except TypeError:
        return None


def _lines(joined: str) -> list[str]:
    return joined[1:-1].split("\n")


def ids_but(nulls: NullRule) -> QuickColumn:
    """Ids of ASCII letters and digits, as they are; whole numbers and UUIDs as text.

    :param nulls: what is no id.
    """

    def quick(column: Column) -> list[Any] | None:
        if type(column[0]) is not str:
            texts = _texts_of_ids(column)
            if texts is None:
                return None
            column = texts
        text = _joined(column)
        if text is None or not text.isascii() or text.count("\n") != len(column) + 1:
            return None
        if _USUAL_IDS.fullmatch(text, 1):
            return list(column)
        if _NOT_OF_ID.search(text) or _SUSPECT_ID.search(text):
            return None
        if any(map(nulls.holds, set(_WORDS_AS_ID.findall(text)))):
            return None
        return list(column)

    return quick


plain_ids: Final = ids_but(IDS)
ids_of_people: Final = ids_but(PEOPLE)


def _texts_of_ids(column: Column) -> list[str] | None:
    kinds = set(map(type, column))
    if kinds == {float}:
        whole = _whole(column)
        return None if whole is None else list(map(str, whole))
    if kinds == {Decimal} and not all(map(Decimal.is_finite, column)):
        return None
    return list(map(str, column)) if kinds <= {int, UUID} or kinds == {Decimal} else None


def _whole(numbers: Column) -> list[int] | None:
    """Positive floats that are whole numbers, as such; ``None`` if one is another."""
    if all(0.0 < number < _LARGEST_PLAIN for number in numbers):
        whole = list(map(int, numbers))
        return whole if whole == list(numbers) else None
    return None


def plain_ids_or_none(column: Column) -> list[Any] | None:
    """The same, ``None`` also for a column that cannot be looked at."""
    return _test(plain_ids, column) if column else None


def plain_emails(column: Column) -> list[Any] | None:
    """Digests of plain addresses, each a list of one."""
    text = _joined(column)
    if text is None or not text.isascii():
        return None
    if " " in text:
        text = _joined([address.strip(" ") for address in column]) or ""
    text = text.lower()
    if text.count("\n") != len(column) + 1 or not _EMAILS.fullmatch(text, 1):
        return None
    if _SUSPECT_EMAIL.search(text) or max(map(len, column)) > _LONGEST_EMAIL:
        return None
    return digests_of(_lines(text))


def plain_tokens(column: Column) -> list[Any] | None:
    """Click ids and cookies, as they are."""
    text = _joined(column)
    if text is None or text.count("\n") != len(column) + 1 or not _TOKENS.fullmatch(text, 1):
        return None
    if _SUSPECT_ID.search(text) or min(map(len, column)) < _SHORTEST_TOKEN:
        return None
    return list(column)


def plain_urls(column: Column) -> list[Any] | None:
    """Addresses of pages without anything that could be an e-mail address or a placeholder."""
    text = _joined(column)
    if text is None or "%40" in text or not text.isascii() or text.count("\n") != len(column) + 1:
        return None
    return list(column) if _URLS.fullmatch(text, 1) else None


def digests_of(column: Column) -> list[Any]:
    """The SHA-256 of each text of one line, as a list of one in JSON.

    Not as a Python list: Python looks through all of those again and again for what nobody needs any more.
    """
    texts = "\n".join(column).encode().split(b"\n")
    return [Raw(f'["{sha256(text).hexdigest()}"]') for text in texts]


def members_of(wire: Any) -> list[Any]:
    """The members of a list in wire form, none of an absent one."""
    if type(wire) is Raw:
        members: list[Any] = _decode(wire)
        return members
    return list(wire or ())


def plain_numbers(column: Column) -> list[Any] | None:
    """Numbers in the digits they came with."""
    kinds = set(map(type, column))
    if kinds == {str}:
        text = _joined(column)
        if text is None or text.count("\n") != len(column) + 1 or not _NUMBERS.fullmatch(text, 1):
            return None
        return list(map(Raw, text.encode()[1:-1].split(b"\n")))
    if kinds == {int}:
        return list(column) if min(column) >= 0 and max(column) < _LARGEST_PLAIN else None
    if kinds == {float}:
        if all(number == 0.0 or 1e-4 <= number < 1e15 for number in column):
            return [abs(number) for number in column]
        return None
    if kinds == {Decimal}:
        texts = list(map(str, column))
        return plain_numbers(texts)
    return None


def plain_counts(column: Column) -> list[Any] | None:
    """Whole numbers from 1, also as text or as a number with a point."""
    kinds = set(map(type, column))
    if kinds == {str}:
        text = _joined(column)
        if text is None or text.count("\n") != len(column) + 1 or not _COUNTS.fullmatch(text, 1):
            return None
        return list(map(int, column))
    if kinds == {float}:
        return _whole(column)
    if kinds == {Decimal}:
        return plain_counts(list(map(str, column)))
    return list(column) if kinds == {int} and min(column) >= 1 and max(column) < _LARGEST_PLAIN else None


_COUNTS: Final = re.compile(r"(?>[1-9][0-9]{0,14}+\n)++")


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH: Final = _EPOCH.replace(tzinfo=None)
_SECOND: Final = timedelta(seconds=1)
_YEAR_2000: Final = 946_684_800


_TIMES: Final = re.compile(
    r"(?>20[0-9]{2}-[01][0-9]-[0-3][0-9](?:[T ][0-2][0-9]:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6}+)?+)?+"
    r"(?:Z|[+-][01][0-9](?::?[0-5][0-9])?+)?+)?+\n)++"
)


def plain_times(zone: tzinfo | None) -> QuickColumn:
    """Unix seconds: numbers without their fractions, dates, and times as such or in ISO 8601.

    :param zone: of times without one.
    """

    def quick(column: Column) -> list[Any] | None:
        kinds = set(map(type, column))
        if kinds == {str}:
            text = _joined(column)
            if text is None or text.count("\n") != len(column) + 1:
                return None
            if _SECONDS.fullmatch(text, 1):
                return seconds([int(number.partition(".")[0]) for number in column])
            if not _TIMES.fullmatch(text, 1):
                return None
            return seconds_of(map(datetime.fromisoformat, column))
        if kinds == {datetime}:
            return seconds_of(column)
        if kinds == {date}:
            return seconds_of(datetime.combine(day, time.min) for day in column)
        return seconds(list(map(int, column))) if kinds in ({int}, {float}, {Decimal}) else None

    is_utc = zone is UTC or getattr(zone, "key", None) == "UTC"

    def seconds_of(moments: Iterable[datetime]) -> list[Any] | None:
        moments = list(moments)
        if is_utc and {moment.tzinfo for moment in moments} == {None}:
            return seconds([(moment - _NAIVE_EPOCH) // _SECOND for moment in moments])
        known = [moment if moment.tzinfo else moment.replace(tzinfo=zone) for moment in moments]
        # Where there is no zone, Python refuses to count.
        return seconds([(moment - _EPOCH) // _SECOND for moment in known])

    def seconds(column: Column) -> list[Any] | None:
        return list(column) if min(column) >= _YEAR_2000 and max(column) < 10**11 else None

    return quick


_SECONDS: Final = re.compile(r"(?>[1-9][0-9]{8,9}(?:\.[0-9]{1,12})?\n)++")


def plain_digests(of_nothing: frozenset[str]) -> QuickColumn:
    """Digests in lower case, each as a list of one.

    :param of_nothing: digests of texts that stand for nobody.
    """

    def quick(column: Column) -> list[Any] | None:
        text = _joined(column)
        if text is None or text.count("\n") != len(column) + 1 or not _DIGESTS.fullmatch(text, 1):
            return None
        return _single_lists(column) if of_nothing.isdisjoint(column) else None

    return quick


def digested(plain: QuickColumn) -> QuickColumn:
    """The digests of what a test takes, each as a list of one."""

    def quick(column: Column) -> list[Any] | None:
        texts = plain(column)
        return None if texts is None else digests_of(texts)

    return quick


def _single_lists(texts: Column) -> list[Any]:
    """Plain texts as lists of one in JSON."""
    return [Raw(f'["{text}"]') for text in texts]


def of_first(test: QuickColumn) -> QuickColumn:
    """What a test takes of the first of several values that stand beside one another."""
    return lambda column: test([value for value, *_ in column])


def either(*tests: QuickColumn) -> QuickColumn:
    """What the first of several tests takes."""

    def quick(column: Column) -> list[Any] | None:
        return next((plain for test in tests if (plain := test(column)) is not None), None)

    return quick


def listed(plain: QuickColumn) -> QuickColumn:
    """Single values as lists of one."""

    def quick(column: Column) -> list[Any] | None:
        texts = plain(column)
        return None if texts is None else _single_lists(texts)

    return quick


def matching(lines: re.Pattern[str]) -> QuickColumn:
    """Texts that are sent as they are.

    :param lines: what all of them are like, with a line end behind each.
    """

    def quick(column: Column) -> list[Any] | None:
        text = _joined(column)
        if text is None or text.count("\n") != len(column) + 1 or not lines.fullmatch(text, 1):
            return None
        return list(column)

    return quick


_ENVELOPES: Final = re.compile(
    r"(?>(?=[A-Za-z_-]*[0-9])(?=[A-Fa-f0-9]*[G-Zg-z])A[A-Za-z0-9_-]{23,9999}+\n)++"
)
"""LiveRamp's envelopes as they begin; none that could be a word, a digest or a UUID."""

QUICK: Final[Mapping[str, QuickColumn]] = {
    "event_id": plain_ids,
    "user.ttclid": plain_tokens,
    "user.ttp": plain_tokens,
    "user.lead_id": ids_of_people,
    "user.envelope": matching(_ENVELOPES),
    "user.session_id": ids_of_people,
    "page.url": plain_urls,
    "page.referrer": plain_urls,
    "lead.lead_id": ids_of_people,
    "properties.value": plain_numbers,
    "properties.order_id": plain_ids,
    "properties.shop_id": plain_ids,
    "properties.content_ids": listed(plain_ids),
    "properties.num_items": plain_counts,
    "properties.contents[].content_id": plain_ids,
    "properties.contents[].price": plain_numbers,
    "properties.contents[].quantity": plain_counts,
}
"""Event path to the quick test of its columns, for fields whose values seldom repeat; of times see there."""


_NORTH_AMERICANS: Final = re.compile(r"(?>\+1[2-9][0-9]{2}[2-9][0-9]{6}\n)++")
_NORTH_AMERICA: Final = frozenset({None, "US", "CA", "us", "ca"})
_RUNS: Final = frozenset(
    "+1" + "".join(str((start + step * n) % 10) for n in range(10))
    for start in range(10)
    for step in (-1, 0, 1)
)


_SPELT: Final = re.compile(r"(?>(?:\+?1[ .-]?)?+\(?[2-9][0-9]{2}\)?[ .-]?[2-9][0-9]{2}[ .-]?[0-9]{4}\n)++")
"""The usual spellings of North American numbers."""
_ENDS_AS_FLOAT: Final = ".0000\n"
_MARKS: Final = str.maketrans("", "", "+ ().-")


@lru_cache(maxsize=1)
def _is_north_american() -> Callable[[str], Any]:
    """What tells whether a number is one of the plan of the United States, by the library's own pattern."""
    from phonenumbers import PhoneMetadata

    plan = PhoneMetadata.metadata_for_region("US")
    lines = plan.fixed_line if plan is not None else None
    pattern = lines.national_number_pattern if lines is not None else None
    return re.compile(rf"\+1(?:{pattern or '(?!)'})").fullmatch


_DIALLED: Final = re.compile(r"(?>\+?[0-9(][0-9 ().-]{5,18}+\n)++")


def plain_phones(default: str | None, rules: IdentityRules) -> QuickColumn:
    """The digests of numbers that are written in digits and what usually stands between them.

    North American ones need no library where no other country is named; those without their country code must
    be of the plan, and their country named.

    A column's values are a number, the region named for it, and the person's country.

    :param default: the region of numbers whose row names none.
    :param rules: which region a country's name stands for.
    """

    def quick(column: Column) -> list[Any] | None:
        given, *regions = zip(*column, strict=True)
        phones: Column = given
        if set(map(type, phones)) == {int}:
            phones = list(map(str, phones))
        text = _joined(phones)
        if text is None or text.count("\n") != len(column) + 1:
            return None
        named = {region or country or default for region, country in set(zip(*regions, strict=True))}
        numbers: Column | None = None
        if named <= _NORTH_AMERICA:
            numbers = north_americans(phones, text, is_named=None not in named)
        if numbers is None and _DIALLED.fullmatch(text, 1):
            rows = zip(phones, *regions, strict=True)
            try:
                numbers = [normalise_phone(phone, region=read_by(*beside)) for phone, *beside in rows]
            except EventError:
                return None
        return None if numbers is None else digests_of(numbers)

    def read_by(region: str | None, country: str | None) -> str | None:
        return rules.of_row(region or country or default).phone_region

    def north_americans(phones: Column, text: str, *, is_named: bool) -> Column | None:
        if not _NORTH_AMERICANS.fullmatch(text, 1):
            if not is_named or not _SPELT.fullmatch(text, 1) or _ENDS_AS_FLOAT in text:
                return None
            phones = ["+1" + digits[-10:] for digits in _lines(text.translate(_MARKS))]
            if not all(map(_is_north_american(), phones)):
                return None
        return phones if _RUNS.isdisjoint(phones) else None

    return quick


_WORDS: Final = re.compile(r"(?>[A-Za-z]++(?:[ '-][A-Za-z]++)*+\n)++")
_BETWEEN_WORDS: Final = str.maketrans("", "", " '-")
_LONGEST_NAME: Final = 30


def plain_words(nulls: NullRule) -> QuickColumn:
    """Names in ASCII in small letters, without what stands between the words.

    :param nulls: what is no name.
    """

    def quick(column: Column) -> list[Any] | None:
        text = _joined(column)
        if text is None or text.count("\n") != len(column) + 1 or not _WORDS.fullmatch(text, 1):
            return None
        if max(map(len, column)) > _LONGEST_NAME or any(map(nulls.holds, column)):
            return None
        return _lines(text.translate(_BETWEEN_WORDS).lower())

    return quick


def plain_names(column: Column) -> list[Any] | None:
    """The digests of people's names."""
    names = _plain_names(column)
    return None if names is None else [sha256(name.encode()).hexdigest() for name in names]


_plain_names: Final = plain_words(NAMES)

_BYTE: Final = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_NOT_PUBLIC: Final = (
    r"(?:0|10|127|22[4-9]|2[34][0-9]|25[0-5]|169\.254|198\.(?:18|19|51)|192\.(?:0|31|52|88|168|175)"
    r"|172\.(?:1[6-9]|2[0-9]|3[01])|100\.(?:6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7]))\."
)
_ADDRESSES: Final = re.compile(rf"(?>(?!{_NOT_PUBLIC})(?:{_BYTE}\.){{3}}{_BYTE}\n)++")
_BROWSERS: Final = re.compile(r"(?>Mozilla/[ -$&-?A-z|~]*[!-$&-?A-z|~]\n)++")


REPEATING: Final[Mapping[str, QuickColumn]] = {
    "user.first_name": plain_names,
    "user.last_name": plain_names,
    "user.city": plain_words(CITIES),
    "user.state": plain_words(COUNTRIES),
    "user.ip": matching(_ADDRESSES),
    "user.user_agent": matching(_BROWSERS),
}
"""The same for fields whose values repeat: what comes out is remembered."""

OFFERED: Final = frozenset({*QUICK, *REPEATING, "event_time", "user.email", "user.external_id", "user.phone"})
"""Event paths that there is a quick test for."""

_ROWS: Final = {
    f"user.{field.name}": field
    for field in rows(
        *("email", "phone", "external_id", "ttclid", "ttp", "lead_id", "envelope", "session_id"),
        *("first_name", "last_name", "city", "state", "ip", "user_agent"),
    )
}
"""The rows of identity tables that the quick tests of identifiers stand for."""


def quick_of(
    path: str, identity: Identity, *, nulls: NullValues, country: str | None, zone: tzinfo | None
) -> QuickColumn | None:
    """The quick test of a field's columns; ``None`` for none.

    It stands for one rule: an identifier for which a destination's table has another row has none.

    :param nulls: texts that stand for no value.
    :param country: that persons have by default.
    :param zone: of times without one.
    """
    quick = plain_times(zone) if path == "event_time" else _quick_of(path, identity, country)
    if quick is None or not nulls:
        return quick
    test = quick
    return lambda column: None if nulls.places_in(column) else test(column)


def repeats(path: str) -> bool:
    """Whether the values of a field repeat, so that it pays to remember what comes out."""
    return path not in QUICK and path not in ("event_time", "user.email", "user.external_id")


def _quick_of(path: str, identity: Identity, country: str | None) -> QuickColumn | None:
    row, rules = _ROWS.get(path), identity.rules
    if row is None:
        return QUICK.get(path)
    if identity.row(row.name) != row:
        return None
    raw: QuickColumn | None = None
    if path == "user.phone":
        raw = plain_phones(country or rules.phone_region, rules)
    elif path == "user.email":
        raw = plain_emails
    elif path == "user.external_id":
        raw = None if rules.lower_external_id else digested(ids_of_people)
    elif row.form is Form.DIGEST and rules.policy == "hashed":
        return None
    else:
        return QUICK.get(path) or REPEATING.get(path)
    digests = plain_digests(digests_of_nothing(row))
    if path == "user.phone":
        digests = of_first(digests)
    if rules.policy == "auto":
        return either(digests, raw) if raw else digests
    return digests if rules.policy == "hashed" else raw
