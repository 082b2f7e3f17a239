# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A table in parts, each a half-open range of one key, and the condition that each part is in SQL.

A part is a plain mapping, as it travels between tasks. Its bounds are values of the key and nothing else of
a row; texts are cut to the few characters that tell two parts apart, and e-mail addresses are refused.

The first part has no lower and the last no upper bound, so that rows of new keys belong to a part as well.
Rows without a key are a part of their own; where there is none yet, the last part takes what comes later.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.sealed import Sealed
from airflow_provider_tiktok.conversions.values import mask_emails

Part = Mapping[str, Any]

_NAME = r'(?:[^\W\d][\w$]*|"[^"\n]+"|`[^`\n]+`|\[[^\]\n]+\])'
_COLUMN = re.compile(rf"{_NAME}(?:\.{_NAME})*")
_MARKER = re.compile(r"\{part(?::([^{}]+))?\}")

# What a literal may hold, by kind. No backslash and no percent sign in texts: what they mean depends on the
# database and on the driver.
_LITERALS: Mapping[str, re.Pattern[str]] = {
    "number": re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"),
    "text": re.compile(r"[^\\%\x00-\x1f\x7f]+"),
    "uuid": re.compile(r"[0-9A-Fa-f-]{32,36}"),
    "time": re.compile(r"[0-9][0-9 :.+-]+"),
    "date": re.compile(r"[0-9-]+"),
}
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_TYPED = {"time": "TIMESTAMP ", "date": "DATE "}


class Bound(Sealed, frozen=True):
    """A value of the key at which one part ends and the next begins.

    :param kind: how it is written: number, text, uuid, time or date.
    """

    kind: str
    text: str

    @property
    def is_safe(self) -> bool:
        """Whether it can be written into a statement for any database."""
        return bool(_LITERALS[self.kind].fullmatch(self.text))


def check_column(name: str, *, argument: str) -> str:
    """The name, if it is one of a column, qualified or quoted or neither.

    :raises ConfigurationError: it is anything else.
    """
    if not _COLUMN.fullmatch(name):
        raise ConfigurationError(
            f"Give the name of one column as {argument}, such as order_id or o.order_id."
        )
    return name


def as_bounds(values: Sequence[Any], *, key: str) -> list[Bound]:
    """The values of the key as bounds, without those that are no points of an order, such as NaN.

    :raises ConfigurationError: the key is of a type that cannot be cut, of several, or personal.
    """
    bounds = [_as_bound(value, key=key) for value in values]
    if bounds and all(_UUID.fullmatch(bound.text) for bound in bounds):  # psycopg2 and others give texts
        bounds = [Bound("uuid", bound.text) for bound in bounds]
    kinds = {bound.kind for bound in bounds}
    if len(kinds) > 1:
        raise ConfigurationError(
            f"Cut by a column of one type: key {key} holds values of several ({', '.join(sorted(kinds))})."
        )
    if any(bound.kind == "text" and mask_emails(bound.text) != bound.text for bound in bounds):
        raise ConfigurationError(
            f"Cut by another column, such as the order's id: key {key} holds e-mail addresses, which "
            "must not stand in XCom."
        )
    return [bound for bound in bounds if bound.text.lower() not in ("nan", "inf", "-inf", "infinity")]


def _as_bound(value: Any, *, key: str) -> Bound:
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return Bound("number", format(value, "f") if isinstance(value, Decimal) else repr(value))
    if isinstance(value, str):
        return Bound("text", value)
    if isinstance(value, UUID):
        return Bound("uuid", str(value))
    if isinstance(value, datetime):
        return Bound("time", value.isoformat(sep=" "))
    if isinstance(value, date):
        return Bound("date", value.isoformat())
    raise ConfigurationError(
        f"Cut by a column of numbers, texts, UUIDs or times: values of key {key} are of type "
        f"{type(value).__name__}, which cannot be cut into ranges."
    )


def choose_bounds(candidates: Sequence[Bound], *, parts: int) -> list[Bound]:
    """Where to cut: about every ``len(candidates) / parts``-th of them, all different.

    :param candidates: values of the key at equal steps through its order, the least first.
    """
    chosen: list[Bound] = []
    for number in range(1, parts):
        first = number * len(candidates) // parts
        last = max(first + 1, (number + 1) * len(candidates) // parts)
        before = chosen[-1] if chosen else candidates[0] if candidates else None
        taken = (one for one in candidates[first:last] if one.is_safe and one != before)
        chosen.extend([bound] if (bound := next(taken, None)) else [])
    return chosen


def shortened(bounds: Sequence[Bound], candidates: Sequence[Bound]) -> list[Bound]:
    """Texts cut to what tells each from the candidate before it, so that no whole key is told.

    Whether the database orders them as Python does must be asked: see ``overlaps``.
    """
    before = {one: previous for previous, one in pairwise(candidates)}
    return [
        _short(bound, before[bound]) if bound.kind in _SHORTER and bound in before else bound
        for bound in bounds
    ]


def _short(bound: Bound, before: Bound) -> Bound:
    lengths = range(1, len(bound.text))
    prefixes = (_SHORTER[bound.kind](bound.text, length) for length in lengths)
    fitting = (text for text in prefixes if text > before.text and not text.endswith(" "))
    return Bound(bound.kind, next(fitting, bound.text))


def _first_characters(text: str, length: int) -> str:
    return text[:length]


def _first_digits(uuid: str, length: int) -> str:
    """Still the text of a UUID, since its column may take nothing else."""
    return uuid[:length] + re.sub("[^-]", "0", uuid[length:])


_SHORTER: Mapping[str, Callable[[str, int], str]] = {"text": _first_characters, "uuid": _first_digits}


def overlaps(key: str, bounds: Sequence[Bound]) -> str | None:
    """The condition of rows that two parts would share if the bounds are out of the database's order.

    ``None`` where there are too few bounds to be so.
    """
    pairs = [f"({key} >= {_literal(high)} AND {key} < {_literal(low)})" for low, high in pairwise(bounds)]
    return " OR ".join(pairs) or None


def make_parts(
    bounds: Sequence[Bound], *, key: str, has_nulls: bool, may_be_null: bool = True, is_typed: bool = False
) -> list[dict[str, Any]]:
    """The parts, in the key's order, NULL last where there are such rows.

    :param may_be_null: whether rows without a key may come later.
    :param is_typed: whether the database wants times as ``TIMESTAMP '...'``.
    """
    edges: list[Bound | None] = [None, *bounds, None]
    spans: list[dict[str, Any]] = [
        {
            "kind": bounds[0].kind if bounds else "number",
            "from": low and low.text,
            "below": high and high.text,
            "is_typed": is_typed,
        }
        for low, high in pairwise(edges)
    ]
    if has_nulls:
        spans.append({"is_null": True})
    elif may_be_null:
        spans[-1]["or_null"] = True
    return [
        {"number": number, "of": len(spans), "name": _name(span, key=key), "key": key, **span}
        for number, span in enumerate(spans, 1)
    ]


def bounds_of(parts: Sequence[Part]) -> list[Bound]:
    """The bounds that these parts were made with."""
    return [Bound(part["kind"], part["below"]) for part in parts if part.get("below") is not None]


def _name(span: Part, *, key: str) -> str:
    if span.get("is_null"):
        return f"{key} is NULL"
    low = f"from {span['from']}" if span["from"] is not None else ""
    high = f"below {span['below']}" if span["below"] is not None else ""
    return " ".join(filter(None, (key, low, high))) if low or high else f"all of {key}"


def within_part(sql: str, part: Part | None, *, group_by: Sequence[str]) -> str:
    """The query with the part's condition where it says ``{part}``, or ``{part:o.order_id}``.

    :raises ConfigurationError: the query says it although there is no part, or does not although there is
        one; the part is none; or it may cut a group in two.
    """
    markers = list(_MARKER.finditer(sql))
    if part is not None:
        _check_form(part)
    if part is None:
        if markers:
            raise ConfigurationError(
                "Give .expand(part=...) the output of SplitQueryOperator: sql asks for a {part}, "
                "and none was given."
            )
        return sql
    if not markers:
        raise ConfigurationError(
            "Write {part} into sql as a condition, such as WHERE {part}, which says where the "
            "part belongs. Write {part:o.order_id} where the column has another name in this query."
        )
    _check_whole_groups(part, group_by=group_by, columns=[match[1] for match in markers])
    return _MARKER.sub(lambda match: _condition(part, column=match[1]), sql)


def _check_form(part: Any) -> None:
    if not isinstance(part, Mapping) or not isinstance(part.get("key"), str):
        raise _no_part()


def _check_whole_groups(part: Part, *, group_by: Sequence[str], columns: Sequence[str | None]) -> None:
    grouped = {_plain_name(name) for name in ([group_by] if isinstance(group_by, str) else group_by)}
    key = part["key"]
    named = {_plain_name(column or key) for column in (*columns, None)}
    if grouped and part.get("of") != 1 and grouped.isdisjoint(named):
        raise ConfigurationError(
            f"Cut by a column of group_by (SplitQueryOperator(key=...)): a part of {key} may end "
            f"within an event. Columns of group_by: {', '.join(sorted(grouped))}."
        )


def _plain_name(column: str) -> str:
    return column.rpartition(".")[2].strip('"`[]').lower()


def _condition(part: Part, *, column: str | None) -> str:
    """The rows of the part, as a condition."""
    key = check_column(column or part["key"], argument="part")
    if part.get("is_null"):
        return f"({key} IS NULL)"
    try:
        sides = [
            f"{key} {sign} {_literal(Bound(part['kind'], part[name]), is_typed=part.get('is_typed', False))}"
            for name, sign in (("from", ">="), ("below", "<"))
            if part[name] is not None
        ]
    except (KeyError, TypeError, AttributeError):
        raise _no_part() from None
    if part.get("or_null"):
        return f"({' AND '.join(sides)} OR {key} IS NULL)" if sides else "(1 = 1)"
    return f"({' AND '.join(sides)})" if sides else f"({key} IS NOT NULL)"


def _literal(bound: Bound, *, is_typed: bool = False) -> str:
    if not bound.is_safe:
        raise _no_part()
    if bound.kind == "number":
        return bound.text
    quoted = "'" + bound.text.replace("'", "''") + "'"
    return f"{_TYPED.get(bound.kind, '')}{quoted}" if is_typed else quoted


def _no_part() -> ConfigurationError:
    return ConfigurationError(
        "Give the output of SplitQueryOperator as part, with .expand(part=...): this is no part of a query."
    )


Ask = Callable[[str], list[Sequence[Any]]]
"""Runs a statement that we wrote, and gives its rows."""
