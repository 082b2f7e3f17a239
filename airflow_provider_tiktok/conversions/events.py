# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The nouns: what an event is before and after its identifiers are hashed, and what became of it.

Field names, types and nesting stand here once; mapping, conversion and payloads read them from the
annotations. The names are those of TikTok, Events API 2.0, "Report events" (v1.3), read 2026-11.

An *event path* names one field: ``event``, ``event_time``, ``user.email``, ``properties.value``,
``properties.contents[].price``. Everything is frozen, and raw personal data has a ``repr`` that shows
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, NewType, TypedDict

from msgspec import Struct

from airflow_provider_tiktok.conversions.sealed import Sealed

Digest = NewType("Digest", str)
"""A SHA-256 in 64 lower-case hex digits: the only form in which personal data goes on."""

Id = Annotated[str, "id"]
"""What tells one thing from others: a text, whole again after a spreadsheet or a data frame had it."""

Token = Annotated[str, "token"]
"""A name or code that nobody reads: a text without characters that cannot be seen."""

Currency = Annotated[str, "currency"]
"""An ISO 4217 code in capitals."""

Count = Annotated[int, "count"]
"""A whole number of at least 1."""

Quantity = Annotated[int, "quantity"]
"""Units of a line item, at least 1; a decimal, zero or less only until ``mapping`` has settled the items."""

EventSource = Literal["web", "app", "offline", "crm"]

ESSENTIAL: Final = frozenset(
    {
        "event",
        "event_time",
        "event_id",
        "is_hashed",
        "properties.value",
        "page.url",
        "app.app_id",
        "lead.lead_id",
    }
)
"""Event paths whose value, if it is there and cannot be read, keeps the event back: without it the event
would say something else or count twice. Any other value that cannot be read is left out of its event and
counted as a warning: an odd optional value costs no conversion."""

AttStatus = Literal["AUTHORIZED", "DENIED", "NOT_DETERMINED", "RESTRICTED", "NOT_APPLICABLE"]


class _Field(Sealed, frozen=True, omit_defaults=True, kw_only=True):
    """A group of optional fields; ``None`` and the empty tuple mean absent and are never sent."""


class RawUser(_Field, frozen=True):
    """Who did it, as the source wrote it. Personal data: never printed, logged or stored.

    ``envelope`` is LiveRamp's identity envelope, ``session_id`` the user session that groups events of
    a LiveRamp request; neither goes to TikTok directly.
    """

    email: tuple[str, ...] = ()
    phone: tuple[str, ...] = ()
    external_id: tuple[Id, ...] = ()
    first_name: str | None = None
    last_name: str | None = None
    zip_code: Id | None = None
    city: str | None = None
    state: str | None = None
    country: Token | None = None
    ttclid: Token | None = None
    ttp: Token | None = None
    ip: Token | None = None
    user_agent: str | None = None
    locale: Token | None = None
    idfa: Token | None = None
    gaid: Token | None = None
    idfv: Token | None = None
    att_status: Token | None = None
    lead_id: Id | None = None
    envelope: Token | None = None
    session_id: Id | None = None


class PreparedUser(_Field, frozen=True):
    """Who did it, as it may be sent: the match keys, normalised, personal data as digests."""

    email: tuple[Digest, ...] = ()
    phone: tuple[Digest, ...] = ()
    external_id: tuple[Digest, ...] = ()
    first_name: Digest | None = None
    last_name: Digest | None = None
    zip_code: Digest | None = None
    city: str | None = None
    state: str | None = None
    country: str | None = None
    ttclid: str | None = None
    ttp: str | None = None
    ip: str | None = None
    user_agent: str | None = None
    locale: str | None = None
    idfa: str | None = None
    gaid: str | None = None
    idfv: str | None = None
    att_status: str | None = None
    lead_id: str | None = None
    envelope: str | None = None
    session_id: str | None = None


class Content(_Field, frozen=True):
    """One product or line item of an event.

    :param price: price of one unit, in the event's currency.
    :param quantity: units, at least 1.
    :param content_type: what kind of id ``content_id`` is. TikTok has it once for the event, where
        ``mapping`` moves it to.
    """

    content_id: Id | None = None
    content_name: str | None = None
    content_category: str | None = None
    brand: str | None = None
    price: Decimal | None = None
    quantity: Quantity | None = None
    content_type: Literal["product", "product_group"] | None = None


class Mileage(TypedDict, total=False):
    """Mileage of a vehicle."""

    value: Decimal
    unit: Literal["MI", "KM"]


class Properties(TypedDict, total=False):
    """What was done: the fields TikTok documents. Others are allowed and travel as they are.

    :param value: total of the order in ``currency``, a plain number.
    :param currency: ISO 4217 code, upper case.
    """

    contents: tuple[Content, ...]
    content_ids: tuple[Id, ...]
    content_type: Literal["product", "product_group"]
    currency: Currency
    value: Decimal
    num_items: Count
    search_string: str
    query: str
    description: str
    order_id: Id
    shop_id: Id
    status: str
    delivery_category: Literal["in_store", "curbside", "home_delivery"]
    predicted_ltv: Decimal
    # travel
    city: str
    region: str
    country: str
    checkin_date: str
    checkout_date: str
    num_adults: int
    num_children: int
    num_infants: int
    suggested_hotels: tuple[str, ...]
    departing_departure_date: str
    returning_departure_date: str
    departing_arrival_date: str
    returning_arrival_date: str
    origin_airport: str
    destination_airport: str
    destination_ids: tuple[Id, ...]
    suggested_destinations: tuple[str, ...]
    travel_class: Literal["eco", "prem", "bus", "first"]
    user_score: Decimal
    preferred_num_stops: int
    travel_start: str
    travel_end: str
    # vehicles
    postal_code: Id
    make: str
    model: str
    year: int
    state_of_vehicle: Literal["New", "Used", "CPO"]
    mileage: Mileage
    exterior_color: str
    interior_color: str
    transmission: str
    body_style: str
    fuel_type: str
    drivetrain: str
    preferred_price_range: tuple[Decimal, ...]
    trim: str
    vin: str
    condition_of_vehicle: str
    viewcontent_type: str
    search_type: str
    registration_type: str


class Page(_Field, frozen=True):
    """Where a web event happened. ``url`` is the full address, query included."""

    url: str | None = None
    referrer: str | None = None


class App(_Field, frozen=True):
    """Which app: ``app_id`` is the App Store number or the Play package name."""

    app_id: Id | None = None
    app_name: str | None = None
    app_version: str | None = None


class Ad(_Field, frozen=True):
    """Which advertisement led to an app event. ``ad_id`` is the ad group's id, ``creative_id`` the ad's."""

    callback: str | None = None
    campaign_id: Id | None = None
    ad_id: Id | None = None
    creative_id: Id | None = None
    is_retargeting: bool | None = None
    attributed: bool | None = None
    attribution_type: str | None = None
    attribution_provider: str | None = None


class Lead(_Field, frozen=True):
    """Which lead a CRM event is about. ``lead_event_source`` is the CRM's name."""

    lead_id: Id | None = None
    lead_event_source: str | None = None


class Violation(Struct, frozen=True):
    """One rule that one event breaks, told without the value.

    :param path: event path, such as ``properties.contents[2].quantity``.
    :param rule: short stable name, for counting: ``missing``, ``not_a_number``, ``milliseconds``.
    :param remedy: what a person can do about it, one sentence.
    :param is_fatal: whether the event must not be sent; otherwise it is sent and the finding counted.
    :param is_left_out: whether what stands at the path must not be sent, and the rest of the event may.
    """

    path: str
    rule: str
    remedy: str
    is_fatal: bool = True
    is_left_out: bool = False


class Drop(Struct, frozen=True):
    """One value that was left out of an event, told without the value.

    :param path: event path, such as ``user.phone``.
    :param reason: short stable name, for counting: ``no_country_code``, ``null_marker``.
    :param remedy: what a person can do about it, one sentence.
    """

    path: str
    reason: str
    remedy: str = ""


class UnreadableRow(Struct, frozen=True):
    """What a source gives in place of a row it cannot read, so that the row is counted and not lost.

    :param rule: short stable name: ``not_json``, ``not_an_object``, ``wrong_number_of_columns``.
    :param remedy: what a person can do about it, one sentence without the row's content.
    """

    rule: str
    remedy: str


Row = Mapping[str, Any] | UnreadableRow
"""One row of a source: column name to value as the source's driver gives it."""


class _Event(Sealed, frozen=True, kw_only=True):
    """What raw and prepared events share.

    :param row: number of the first source row of this event, from 1.
    :param rows: how many consecutive source rows make this event, at least 1.
    :param event_time: Unix seconds, UTC.
    :param violations: what was found wrong so far; the event goes on so that all is found at once.
    :param dropped: values that were left out so far, and why.
    """

    row: int
    rows: int = 1
    event: Token | None = None
    event_time: int | None = None
    event_id: Id | None = None
    properties: Mapping[str, Any] = {}
    page: Page | None = None
    app: App | None = None
    ad: Ad | None = None
    lead: Lead | None = None
    limited_data_use: bool | None = None
    violations: tuple[Violation, ...] = ()
    dropped: tuple[Drop, ...] = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(row={self.row})"


class ConversionEvent(_Event, frozen=True, kw_only=True):
    """One thing to report, with raw personal data in ``user``.

    :param consent: whether the person agreed, ``None`` where the source says nothing.
    :param is_hashed: the record's own word that its identifiers are digests already, ``None`` for none.
    :param phone_region: country whose telephone numbers may come without a country code, as a code of ISO
        3166; it comes before ``user.country``, and unlike that is never sent.
    :param left_out: why the run leaves these rows out, ``None`` where it does not. Nothing else is kept of
        them.
    """

    user: RawUser = RawUser()
    consent: bool | None = None
    is_hashed: bool | None = None
    phone_region: Token | None = None
    left_out: str | None = None


class PreparedEvent(_Event, frozen=True, kw_only=True):
    """One thing to report, as it may be sent: nothing raw is left in it."""

    user: PreparedUser = PreparedUser()


class Outcome(StrEnum):
    """What became of one event; every event that was read has exactly one."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    SKIPPED = "skipped"
    UNCONFIRMED = "unconfirmed"
    UNDELIVERED = "undelivered"


class EventResult(Sealed, frozen=True, kw_only=True):
    """The answer for one event.

    :param reason: short stable name: ``invalid`` (we found it wrong), ``refused`` (the API did),
        ``no_consent``, ``repeat``, ``not_in_keep_rows``, ``in_drop_rows``, ``skipped_value``,
        ``answer_lost``, ``not_sent``; empty for accepted.
    :param code: the API's return code, ``None`` where the API was not asked.
    :param message: the API's words with everything that looks like a value taken out.
    :param prepared: the event as it would be sent, for the dead letters; ``None`` for none.
    """

    row: int
    rows: int
    outcome: Outcome
    reason: str = ""
    event: str | None = None
    event_id: str | None = None
    violations: tuple[Violation, ...] = ()
    code: int | None = None
    message: str | None = None
    request_id: str | None = None
    prepared: PreparedEvent | None = None
