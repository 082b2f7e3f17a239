# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A preview: the first rows of a source beside the events that they become, and what is missing to send them.

Nothing is sent, and no value is shown as it is: whoever writes a mapping may have mapped the wrong column, so
every value may be personal. A value shows as its shape (``aaaaaa@aaaaaaa.aaa``, ``999.99``), an identifier as
the beginning of its digest. Standard event names, currencies and times of events that may be sent are words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from airflow_provider_tiktok.conversions.chunks import Source, rows_of
from airflow_provider_tiktok.conversions.delivery.destination import Destination
from airflow_provider_tiktok.conversions.delivery.receipt import MATCH_KEYS, finding_of
from airflow_provider_tiktok.conversions.delivery.road import Careful, Made
from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.event_names import APP_NAMES, WEB_NAMES
from airflow_provider_tiktok.conversions.events import Outcome, PreparedEvent, Row, UnreadableRow
from airflow_provider_tiktok.conversions.http import HttpReply, HttpRequest
from airflow_provider_tiktok.conversions.identifiers import IdentityRules
from airflow_provider_tiktok.conversions.mapping import EventMapping
from airflow_provider_tiktok.conversions.mapping.columns import Getter, getter
from airflow_provider_tiktok.conversions.mapping.event_paths import FLAT_PATHS
from airflow_provider_tiktok.conversions.sealed import Sealed
from airflow_provider_tiktok.conversions.tiktok.client import TikTokClient
from airflow_provider_tiktok.conversions.tiktok.destination import TikTokDestination
from airflow_provider_tiktok.conversions.tiktok.options import ValidationRules
from airflow_provider_tiktok.conversions.tiktok.payload import to_record
from airflow_provider_tiktok.conversions.values import closest_name, folded_name

MAX_ROWS: Final = 10
"""How many rows are looked at unless more are asked for."""

_LONGEST_SHAPE: Final = 32
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_DATA: Final = re.compile(r"@|(?:\D*\d){7}")
"""What is in no column's name, but in the first row of a file without a header."""
_PLACE: Final = re.compile(r"\[[0-9]+\]")
Recorded = Callable[[PreparedEvent], Mapping[str, Any]]
"""What makes of an event a nested record of what would be sent."""

_STAND_IN_IDS: Final = {"web": "PREVIEW", "app": "1", "offline": "1", "crm": "1"}

USUAL_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "event": ("event", "event_name", "event_type", "conversion_type"),
    "event_time": ("event_time", "timestamp", "created_at", "paid_at", "order_date", "ordered_at", "date"),
    "event_id": ("event_id", "order_id", "order_number", "transaction_id", "order", "id"),
    "user.email": ("email", "email_address", "e_mail", "mail", "customer_email", "billing_email"),
    "user.phone": ("phone", "phone_number", "telephone", "mobile", "customer_phone", "billing_phone"),
    "user.external_id": ("external_id", "customer_id", "user_id", "client_id"),
    "user.ttclid": ("ttclid", "click_id"),
    "user.ip": ("ip", "ip_address", "client_ip", "browser_ip"),
    "user.user_agent": ("user_agent", "client_user_agent"),
    "properties.value": ("value", "total", "total_price", "amount", "order_total", "revenue", "grand_total"),
    "properties.currency": ("currency", "currency_code", "order_currency"),
    "page.url": ("url", "page_url", "page", "landing_page", "landing_site"),
    "app.app_id": ("app_id", "bundle_id", "package_name"),
    "lead.lead_id": ("lead_id",),
}
"""Fields that most events should have, and what exports call them."""


class Field(Sealed, frozen=True, kw_only=True):
    """One field of an event beside what it was read from, without their values.

    :param path: event path.
    :param sent: what would be sent, as its shape, digest or word; ``None`` for nothing.
    :param read: column to the shape of its value; none for a default or what was derived.
    """

    path: str
    sent: str | None
    read: Mapping[str, str] = {}


class Shown(Sealed, frozen=True, kw_only=True):
    """One event beside its rows.

    :param outcome: ``ready``, ``rejected`` or ``skipped``, and why it is not ready.
    :param findings: path, rule and what to do about it.
    """

    row: int
    rows: int
    outcome: str
    fields: tuple[Field, ...] = ()
    findings: tuple[tuple[str, str, str], ...] = ()


class Preview(Sealed, frozen=True, kw_only=True):
    """What becomes of a source's first rows.

    :param problems: what keeps a whole run from starting, in words.
    :param suggestions: event path to the column that is probably meant for it.
    :param unused: columns that nothing asks for.
    :param match_keys: identifier to how many of the events that are ready have it.
    """

    rows: int
    events: tuple[Shown, ...]
    problems: tuple[str, ...]
    suggestions: Mapping[str, str]
    unused: tuple[str, ...]
    match_keys: Mapping[str, int]

    @property
    def ready(self) -> int:
        """How many events could be sent."""
        return sum(one.outcome == "ready" for one in self.events)

    @property
    def can_be_sent(self) -> bool:
        """Whether a run would start, and none of these events would be rejected."""
        return not self.problems and not any(one.outcome.startswith("rejected") for one in self.events)

    def as_dict(self) -> dict[str, Any]:
        """The counts and what is missing, as JSON."""
        outcomes = Counter(one.outcome for one in self.events)
        findings = Counter((path, rule) for one in self.events for path, rule, _ in one.findings)
        return {
            "rows": self.rows,
            "events": dict(outcomes),
            "can_be_sent": self.can_be_sent,
            "match_keys": dict(self.match_keys),
            "findings": {finding_of(path, rule): count for (path, rule), count in findings.items()},
            "problems": list(self.problems),
            "suggestions": dict(self.suggestions),
        }


def preview(
    source: Source,
    *,
    mapping: EventMapping,
    destination: Destination,
    record: Recorded = to_record,
    require_consent: bool = False,
    max_rows: int = MAX_ROWS,
) -> Preview:
    """What becomes of the first rows; the last event of a group may lack rows behind them.

    :param destination: asked for its rules alone; see ``tiktok_rules``.
    :raises ConfigurationError: an argument is wrong, or the source cannot be read.
    :raises TransientError: reading failed on the way.
    """
    check_max_rows(max_rows)
    with closing(rows_of(source.chunks())) as each:
        rows = list(islice(each, max_rows))
        declared = source.columns
    columns = tuple(declared) if declared is not None else _keys_of(rows)
    careful = Careful(mapping, destination, require_consent=require_consent)
    made = list(careful.events(rows, first_row=1))
    ready = [one.prepared for one in made if one.encoded is not None and one.prepared is not None]
    unused = tuple(name for name in _unused(columns, mapping=mapping) if not _DATA.search(name))
    return Preview(
        rows=len(rows),
        events=tuple(_show(one, rows, mapping=mapping, record=record) for one in made),
        problems=tuple(_problems(mapping, declared, rows)),
        suggestions=_suggest(unused, mapping=mapping, made=made, record=record),
        unused=unused,
        match_keys=_match_keys(ready, record),
    )


def check_max_rows(given: object) -> None:
    """Passes if this many rows can be looked at."""
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise ConfigurationError("Set max_rows to a whole number of at least 1.")


def tiktok_rules(rules: ValidationRules, identity: IdentityRules | None = None) -> TikTokDestination:
    """TikTok, for its rules alone: nothing is sent, so any id and token will do."""
    return TikTokDestination(
        TikTokClient("preview", transport=send_nothing),
        event_source=rules.event_source,
        event_source_id=_STAND_IN_IDS[rules.event_source],
        rules=rules,
        identity=identity,
    )


def send_nothing(_request: HttpRequest) -> HttpReply:
    """The transport of a preview."""
    raise ConfigurationError("Deliver by an operator: a preview sends nothing.")


def _match_keys(ready: Sequence[PreparedEvent], record: Recorded) -> Mapping[str, int]:
    users = [record(one).get("user") or {} for one in ready]
    return Counter(key for user in users for key in MATCH_KEYS if user.get(key))


def _keys_of(rows: Iterable[Row]) -> tuple[str, ...]:
    records = (row for row in rows if isinstance(row, Mapping))
    keys: Iterable[Any] = (key for record in records for key in record)
    return tuple(dict.fromkeys(key for key in keys if isinstance(key, str)))


def _problems(mapping: EventMapping, columns: Sequence[str] | None, rows: Sequence[Row]) -> Iterator[str]:
    try:
        absences = mapping.check_source(columns, rows)
    except ConfigurationError as error:
        yield str(error)
    else:
        yield from (one.told for one in absences)


# --------------------------------------------------------------------------------- one event


def _show(made: Made, rows: Sequence[Row], *, mapping: EventMapping, record: Recorded) -> Shown:
    row = rows[made.row - 1] if 0 < made.row <= len(rows) else None
    result = made.result
    findings = made.findings
    if result is not None:
        findings = result.violations or findings
    outcome = "ready"
    if result is not None:
        outcome = "skipped" if result.outcome is Outcome.SKIPPED else "rejected"
        outcome = f"{outcome}: {result.reason}"
    told = [(one.path, one.rule, one.remedy) for one in findings]
    if made.prepared is not None:
        told += [(one.path, one.reason, one.remedy) for one in made.prepared.dropped]
    is_left_out = result is not None and result.outcome is Outcome.SKIPPED
    fields: tuple[Field, ...] = ()
    if not is_left_out and not isinstance(row, UnreadableRow):
        fields = tuple(_fields(made, row, mapping=mapping, record=record))
    return Shown(row=made.row, rows=made.rows, outcome=outcome, fields=fields, findings=tuple(told))


def _fields(made: Made, row: Row | None, *, mapping: EventMapping, record: Recorded) -> Iterator[Field]:
    """The mapped fields in their order, then those that come from elsewhere."""
    sent = dict(_flat(record(made.prepared))) if made.prepared is not None else {}
    for one in mapping.mapped:
        path = one.field.path
        found = [place for place in sent if place == path or _PLACE.sub("[]", place) == path]
        found += [place for place in sent if _PLACE.sub("", place) == path and place not in found]
        read = {
            column: _shape_at(row, source.get if len(source.columns) == 1 else getter(column))
            for source in one.sources
            for column in source.columns
            if isinstance(row, Mapping)
        }
        shown = ", ".join(sent.pop(place) for place in found)
        yield Field(path=path, sent=shown or None, read=read)
    yield from (Field(path=path, sent=value) for path, value in sent.items())


def _flat(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Path to what may be shown of what would be sent."""
    for path, value in _leaves(record, ""):
        yield path, _word(path, value)


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _leaves(one, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for place, one in enumerate(value):
            yield from _leaves(one, f"{path}[{place}]")
    else:
        yield path, value


def _word(path: str, value: Any) -> str:
    """What may be shown of a value that would be sent."""
    text = str(value)
    if path.startswith("user.") and _DIGEST.fullmatch(text):
        return f"sha256 {text[:12]}…"
    if path == "event" and text in WEB_NAMES | APP_NAMES:
        return text
    if path == "properties.currency" and _CURRENCY.fullmatch(text):
        return text
    if path == "event_time" and isinstance(value, int):
        return _hour(value)
    return shape_of(value)


def _hour(event_time: int) -> str:
    """The hour of a time: to the second, a telephone number that was mapped for it could be read off."""
    try:
        moment = datetime.fromtimestamp(event_time, UTC)
    except (OverflowError, OSError, ValueError):
        return shape_of(event_time)
    return moment.strftime("%Y-%m-%d %H:xx UTC")


def _shape_at(row: Mapping[str, Any], get: Getter) -> str:
    try:
        return shape_of(get(row))
    except Exception:  # such as text that begins as JSON and is none; the findings say so
        return "(unreadable)"


def shape_of(value: object) -> str:
    """The value with every letter as ``a`` and every digit as ``9``; of lists and objects their size."""
    if value is None or value == "":
        return "(empty)"
    if isinstance(value, Mapping):
        return f"{{{len(value)} keys}}"
    if isinstance(value, list | tuple):
        return f"[{len(value)} items]"
    try:
        text = str(value)
    except Exception:
        return "(unreadable)"
    shape = "".join(map(_shape_of_letter, text[:_LONGEST_SHAPE]))
    return shape if len(text) <= _LONGEST_SHAPE else f"{shape}…"


def _shape_of_letter(letter: str) -> str:
    if letter.isalpha():
        return "A" if letter.isupper() else "a"
    if letter.isnumeric():
        return "9"
    return letter if letter.isascii() and letter.isprintable() else "?"


# -------------------------------------------------------------------------------- suggestions


def _unused(columns: Sequence[str], *, mapping: EventMapping) -> tuple[str, ...]:
    if mapping.mapped:
        asked = {name for one in mapping.mapped for name in one.columns}
        roots = {re.split(r"[.\[]", name)[0] for name in asked}
        known = asked | roots | set(mapping.rows.columns)
        known |= {*mapping.group_by.names, *mapping.id_columns.names}
        return tuple(name for name in columns if name not in known)
    return tuple(name for name in columns if not mapping.records.knows(name))


def _suggest(
    unused: Sequence[str], *, mapping: EventMapping, made: Sequence[Made], record: Recorded
) -> dict[str, str]:
    """The columns that are probably meant for fields that the mapping does not name."""
    given = {one.field.path for one in mapping.mapped} | {field.path for field, _ in mapping.defaults}
    if not mapping.mapped:
        given |= {path for one in made if one.prepared is not None for path, _ in _flat(record(one.prepared))}
    left = dict.fromkeys(unused)
    found: dict[str, str] = {}
    for path, usual in USUAL_NAMES.items():
        column = None if path in given else _column_for(path, usual, among=tuple(left))
        if column is not None:
            found[path] = column
            del left[column]
    return found


def _column_for(path: str, usual: Sequence[str], *, among: tuple[str, ...]) -> str | None:
    folded = {folded_name(name): name for name in reversed(among)}
    names = [*usual, *(name for name, meant in FLAT_PATHS.items() if meant == path)]
    for name in names:
        if folded_name(name) in folded:
            return folded[folded_name(name)]
    return closest_name(path.rpartition(".")[2], among)


# -------------------------------------------------------------------------------------- words


def as_text(shown: Preview) -> str:
    """The preview in words for people."""
    return "\n".join(_lines(shown))


def _lines(shown: Preview) -> Iterator[str]:
    for one in shown.events:
        last = f"-{one.row + one.rows - 1}" if one.rows > 1 else ""
        yield f"Row {one.row}{last} → {one.outcome}"
        width = max((len(field.path) for field in one.fields), default=0)
        for field in one.fields:
            read = ", ".join(f"{name}: {shape}" for name, shape in field.read.items())
            yield f"    {field.path:<{width}}  {field.sent or '(nothing)'}" + (f"  ← {read}" if read else "")
        for path, rule, remedy in one.findings:
            yield f"    ! {finding_of(path, rule)}. {remedy}".rstrip()
        yield ""
    n_events = len(shown.events)
    yield f"{shown.rows:,} rows read, {shown.ready:,} of {n_events:,} events ready. Nothing was sent."
    keys = ", ".join(f"{key} {count}" for key, count in shown.match_keys.items()) or "none"
    yield f"Match keys of the {shown.ready:,} events that are ready: {keys}."
    if shown.problems:
        yield "Before it can be sent:"
        yield from (f"  - {problem}" for problem in shown.problems)
    if shown.suggestions:
        yield "Columns that probably belong to fields which are not mapped yet:"
        yield from (f'    "{path}": "{column}",' for path, column in shown.suggestions.items())
    left = [name for name in shown.unused if name not in shown.suggestions.values()]
    if left:
        yield f"Columns that are not used: {', '.join(left)}."
