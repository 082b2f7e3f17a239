# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The map: which column of a row is which field of an event, and which rows make one event.

The only room that knows column names. It refuses to know how a value is read (``values``), what is done
with an identifier (``identifiers``) and what an API demands (``validation``): an event without a time or a
name leaves here as it is.

Whatever a row holds, an event comes out of it. What cannot be read is told in ``violations``, with the
path, the rule and a remedy, and never the value.

One row's trip: ``event_mapping`` has compiled the rules; ``reading`` fills a draft (``drafts``) field by
field, the fields being those of ``event_paths``, its columns opened by ``nested``; ``grouping`` joins drafts;
``derived`` adds what follows from the rest; a finished draft is the event. Before all that, ``fitting`` has
looked at the source's columns, and ``slips`` at names that are nearly right.
"""

from airflow_provider_tiktok.conversions.mapping.columns import Columns
from airflow_provider_tiktok.conversions.mapping.derived import event_id_of
from airflow_provider_tiktok.conversions.mapping.event_mapping import EventMapping
from airflow_provider_tiktok.conversions.mapping.fitting import Absence

__all__ = ["Absence", "Columns", "EventMapping", "event_id_of"]
