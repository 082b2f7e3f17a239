# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""How the values of a key are spread: from the database's own statistics, else by one walk along its index.

PostgreSQL keeps a histogram of every column that it analysed: reading it touches no row of the table.
Elsewhere, and where the table has changed since, the rows are numbered in the key's order and some numbers
looked at; with an index on the key nothing is sorted. Names of tables and columns are the DAG author's own,
so statements are put together from them (S608).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.sealed import Sealed
from airflow_provider_tiktok.conversions.sources.key_ranges import (
    Ask,
    Bound,
    as_bounds,
    bounds_of,
    check_column,
    choose_bounds,
    make_parts,
    overlaps,
    shortened,
)
from airflow_provider_tiktok.conversions.sources.sql import Connection, asking

log = logging.getLogger(__name__)

STEPS_PER_PART = 16
MAX_STEPS = 1000
"""Values of the key that are looked at."""

MAX_CHANGED = 0.1
"""Share of a table's rows that may have changed since it was analysed."""

_PLAIN_TABLE = re.compile(r'(?:[\w$]+|"[^"\n]+")(?:\.(?:[\w$]+|"[^"\n]+"))?')
_POSTGRES = frozenset({"psycopg2", "psycopg"})
_TYPED_TIMES = frozenset({"oracledb", "cx_Oracle", "trino", "prestodb", "pyhive"})

_POSTGRES_KINDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"smallint|integer|bigint|numeric.*|real|double precision"), "number"),
    (re.compile(r"text|character.*"), "text"),
    (re.compile(r"uuid"), "uuid"),
    (re.compile(r"timestamp.*"), "time"),
    (re.compile(r"date"), "date"),
)

_HISTOGRAM = """
SELECT s.histogram_bounds::text::text[], format_type(a.atttypid, NULL),
       (SELECT coalesce(sum(f), 0) FROM unnest(s.most_common_freqs) AS f),
       c.reltuples, coalesce(t.n_mod_since_analyze, c.reltuples), NOT a.attnotnull
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid
JOIN pg_stats AS s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname
LEFT JOIN pg_stat_all_tables AS t ON t.relid = c.oid
WHERE c.oid = to_regclass('{table}') AND a.attname = '{column}'
  AND c.relkind IN ('r', 'm') AND NOT s.inherited
"""


class Spread(Sealed, frozen=True, kw_only=True):
    """How the values of a key are spread.

    :param candidates: values at about equal steps through the key's order.
    :param rows: with a key, as far as it is known.
    :param may_be_null: whether the table may come to have rows without a key.
    """

    candidates: list[Bound]
    rows: int
    has_nulls: bool
    may_be_null: bool = True


def split_query(
    connect: Callable[[], Connection],
    *,
    table: str,
    key: str,
    parts: int,
    where: str | None = None,
    known: Sequence[Mapping[str, Any]] | None = None,
) -> list[dict[str, Any]]:
    """At most so many parts of a table, of about equal size, and one for rows whose key is NULL, if any.

    At most four statements, none of which counts past rows. The same table gives the same parts; while it
    is written to it may not, so keep what was given.

    :param table: what is read from, as it stands behind ``FROM``.
    :param where: condition that the rows must meet.
    :param known: parts that were given before, whose bounds are taken again.
    :raises ConfigurationError: the key cannot be cut by, or the database refuses a statement.
    :raises TransientError: the database failed.
    """
    check_column(key, argument="key")
    if not table.strip() or ";" in table or ";" in (where or ""):
        raise ConfigurationError("Give what stands behind FROM as table: a table's name, or names and joins.")
    with ExitStack() as stack:
        ask, package = stack.enter_context(asking(connect))
        if known:
            has_nulls = has_null_keys(ask, table=table, key=key, where=where)
            bounds = bounds_of(known)
            may_be_null = any(part.get("or_null") or part.get("is_null") for part in known)
            spread = Spread(candidates=bounds, rows=0, has_nulls=has_nulls, may_be_null=may_be_null)
        else:
            found = _read_histogram(ask, table, key) if package in _POSTGRES and not where else None
            spread = found or _walk(ask, table, key, parts=parts, where=where)
            bounds = choose_bounds(spread.candidates, parts=parts)
            bounds = _checked_bounds(ask, bounds, spread, table=table, key=key)
    log.info("%s: %s parts.", key, len(bounds) + 1 + spread.has_nulls)
    return make_parts(
        bounds,
        key=key,
        has_nulls=spread.has_nulls,
        may_be_null=spread.may_be_null,
        is_typed=package in _TYPED_TIMES,
    )


def has_null_keys(ask: Ask, *, table: str, key: str, where: str | None = None) -> bool:
    """Whether any row has no key."""
    more = f" AND ({where})" if where else ""
    return bool(ask(f"SELECT COUNT(*) FROM {table} WHERE {key} IS NULL{more}")[0][0])  # noqa: S608


def _read_histogram(ask: Ask, table: str, key: str) -> Spread | None:
    """What PostgreSQL knows of the column; ``None`` where it knows too little, or the table has changed."""
    if not _PLAIN_TABLE.fullmatch(table.strip()) or "." in key:
        return None
    column = key.strip('"') if key.startswith('"') else key.lower()
    found = ask(_HISTOGRAM.format(table=table.strip().replace("'", "''"), column=column.replace("'", "''")))
    if len(found) != 1 or found[0][0] is None:
        return None
    values, type_name, common, rows, changed, may_be_null = found[0]
    kind = next((kind for pattern, kind in _POSTGRES_KINDS if pattern.fullmatch(type_name)), None)
    if kind is None or rows <= 0 or common > MAX_CHANGED or changed > MAX_CHANGED * rows:
        return None
    candidates = as_bounds(values, key=key) if kind == "text" else [Bound(kind, text) for text in values]
    has_nulls = may_be_null and has_null_keys(ask, table=table, key=key)
    return Spread(candidates=candidates, rows=int(rows), has_nulls=has_nulls, may_be_null=may_be_null)


def _walk(ask: Ask, table: str, key: str, *, parts: int, where: str | None) -> Spread:
    """Values at equal steps through the table in the key's order."""
    condition = f" WHERE ({where})" if where else ""
    total, with_key = ask(f"SELECT COUNT(*), COUNT({key}) FROM {table}{condition}")[0]  # noqa: S608
    numbers = _steps(with_key, parts=parts)
    values: list[Any] = []
    if len(numbers) > 1:
        also = f" AND ({where})" if where else ""
        numbered = (
            f"SELECT {key} AS k, ROW_NUMBER() OVER (ORDER BY {key}) AS r "  # noqa: S608
            f"FROM {table} WHERE {key} IS NOT NULL{also}"
        )
        wanted = ", ".join(map(str, numbers))
        rows = ask(f"SELECT x.k FROM ({numbered}) x WHERE x.r IN ({wanted}) ORDER BY x.r")  # noqa: S608
        values = [row[0] for row in rows]
    return Spread(candidates=as_bounds(values, key=key), rows=with_key, has_nulls=total > with_key)


def _steps(rows: int, *, parts: int) -> list[int]:
    """Numbers of the rows to look at, from 1."""
    steps = min(rows, max(parts, min(parts * STEPS_PER_PART, MAX_STEPS))) if parts > 1 else 0
    return sorted({1 + place * rows // steps for place in range(steps)})


def _checked_bounds(
    ask: Ask, bounds: Sequence[Bound], spread: Spread, *, table: str, key: str
) -> list[Bound]:
    """The bounds, texts as short as the database's own order allows."""
    short = shortened(bounds, spread.candidates)
    condition = overlaps(key, short)
    if short == list(bounds) or condition is None:
        return short
    shared = ask(f"SELECT COUNT(*) FROM {table} WHERE {condition}")[0][0]  # noqa: S608
    return list(bounds) if shared else short
