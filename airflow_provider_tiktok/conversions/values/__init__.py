# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Values: one raw value of a driver, a file or a caller becomes one typed value of an event.

The room knows the types that the annotations of ``events`` name, and no column names. A *converter* takes
any object and gives the typed value, ``None`` where there is no value, or an ``EventError`` that names a
rule of the table ``REMEDIES`` and never the value. Compound values (lists, items, objects) report all their
faults at once in one ``EventErrors``.

What counts as absent, everywhere: ``None``, blank text, an empty list or object, pandas' ``NA`` and
``NaT``, numpy's ``masked``, and NaN, which is how data frames leave a cell of any type empty: such a frame
gives the same events as the CSV file that is written from it. Zero and ``False`` are values.

Texts that stand for no value, such as ``NULL``, are told by :mod:`null_markers`; which of them are real
values depends on the field.

Scalars of numpy and pandas are recognised by what they offer, so neither library is imported.
"""

from airflow_provider_tiktok.conversions.values.addresses import is_public, public_address
from airflow_provider_tiktok.conversions.values.annotations import (
    converter_of,
    converters_of,
    to_contents,
)
from airflow_provider_tiktok.conversions.values.clear_text import holds_email, mask_emails
from airflow_provider_tiktok.conversions.values.compounds import (
    as_object,
    from_json,
    to_ids,
    to_numbers,
    to_open_value,
    to_texts,
)
from airflow_provider_tiktok.conversions.values.null_markers import (
    ADDRESSES,
    CITIES,
    COUNTRIES,
    DEVICES,
    IDS,
    NAMES,
    NULL_MARKER,
    NULL_MARKER_REMEDY,
    PEOPLE,
    ZIP_CODES,
    NullRule,
    NullValues,
    reason_of_nothing,
    spellings_of_nothing,
)
from airflow_provider_tiktok.conversions.values.refusals import (
    REMEDIES,
    EventErrors,
    Usable,
    closest_name,
    folded_name,
    refusal,
    shown_name,
    single_errors,
    unknown_field,
    usable_part,
)
from airflow_provider_tiktok.conversions.values.scalars import (
    Converter,
    is_unicode,
    plain_value,
    to_boolean,
    to_consent,
    to_count,
    to_currency,
    to_id,
    to_integer,
    to_number,
    to_quantity,
    to_text,
    to_token,
)
from airflow_provider_tiktok.conversions.values.times import (
    to_event_time,
)

__all__ = [
    "ADDRESSES",
    "CITIES",
    "COUNTRIES",
    "DEVICES",
    "IDS",
    "NAMES",
    "NULL_MARKER",
    "NULL_MARKER_REMEDY",
    "PEOPLE",
    "REMEDIES",
    "ZIP_CODES",
    "Converter",
    "EventErrors",
    "NullRule",
    "NullValues",
    "Usable",
    "as_object",
    "closest_name",
    "converter_of",
    "converters_of",
    "folded_name",
    "from_json",
    "holds_email",
    "is_public",
    "is_unicode",
    "mask_emails",
    "plain_value",
    "public_address",
    "reason_of_nothing",
    "refusal",
    "shown_name",
    "single_errors",
    "spellings_of_nothing",
    "to_boolean",
    "to_consent",
    "to_contents",
    "to_count",
    "to_currency",
    "to_event_time",
    "to_id",
    "to_ids",
    "to_integer",
    "to_number",
    "to_numbers",
    "to_open_value",
    "to_quantity",
    "to_text",
    "to_texts",
    "to_token",
    "unknown_field",
    "usable_part",
]
