# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Every night: keep stored envelopes young, send the day's events under them, and the others directly.

1. ``refresh_envelopes`` renews LiveRamp's envelopes in the table ``people`` and writes there what came of
   each.
2. ``send_through_liveramp`` sends the day's events of people who have a living envelope.
3. ``send_directly`` sends the events of people who have none to TikTok, under hashed identifiers and the same
   ``event_id``, so that an event that goes both ways counts once. Only with consent, and never for people
   whom LiveRamp knows to have opted out: no envelope is no permission.

Give Airflow three connections: ``liveramp_default`` (ATS configuration id, placement id, origin),
``tiktok_default`` (access token, pixel code) and ``shop_db``, a database with the tables

    people (user_id, envelope, refreshed_at, status, ip, ct, cv, email)
    events (event_id, user_id, session_id, event, happened_at, url, value, currency, consent)

where ``refreshed_at`` and ``happened_at`` are Unix seconds.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_tiktok.operators.liveramp import LiveRampRefreshEnvelopesOperator
from airflow_provider_tiktok.transfers.sql_to_liveramp import SqlToLiveRampOperator
from airflow_provider_tiktok.transfers.sql_to_tiktok import SqlToTikTokOperator

DB_CONN_ID = "shop_db"

PEOPLE = """
SELECT user_id AS key, envelope, refreshed_at, status, ip, ct, cv FROM people ORDER BY user_id
"""

# Sessions stay together, so that each is one request; and a retry goes on where a try broke off.
UNDER_ENVELOPES = """
SELECT e.*, p.envelope FROM events e JOIN people p ON p.user_id = e.user_id
WHERE p.status IN ('refreshed', 'retrieved', 'still_fresh')
AND e.happened_at >= {{ params.since }}
ORDER BY e.session_id, e.happened_at, e.event_id
"""

WITHOUT_ENVELOPES = """
SELECT e.*, p.email, p.ip FROM events e JOIN people p ON p.user_id = e.user_id
WHERE p.status IN ('no_envelope', 'not_an_envelope', 'expired')
AND e.happened_at >= {{ params.since }}
ORDER BY e.happened_at, e.event_id
"""

EVENT = {
    "event": "event",
    "event_id": "event_id",
    "event_time": "happened_at",
    "page.url": "url",
    "properties.value": "value",
    "properties.currency": "currency",
    "consent": "consent",
}

with DAG(
    "liveramp_envelopes",
    description="Web events to TikTok: through LiveRamp where there is an envelope, else directly",
    schedule=None,
    catchup=False,
    params={"since": Param(0, type="integer", minimum=0, description="Unix seconds of the oldest event.")},
    tags=["tiktok", "liveramp", "example"],
    doc_md=__doc__,
) as dag:
    refresh_envelopes = LiveRampRefreshEnvelopesOperator(
        task_id="refresh_envelopes",
        sql=PEOPLE,
        sql_conn_id=DB_CONN_ID,
        table="people",
        table_columns={"key": "user_id"},
        insert_missing=False,  # who was deleted meanwhile stays deleted
        refresh_after=timedelta(hours=24),
    )
    send_through_liveramp = SqlToLiveRampOperator(
        task_id="send_through_liveramp",
        sql=UNDER_ENVELOPES,
        sql_conn_id=DB_CONN_ID,
        order_by=["session_id", "happened_at", "event_id"],
        mapping={**EVENT, "user.envelope": "envelope", "user.session_id": "session_id"},
        require_consent=True,
    )
    send_directly = SqlToTikTokOperator(
        task_id="send_directly",
        sql=WITHOUT_ENVELOPES,
        sql_conn_id=DB_CONN_ID,
        order_by=["happened_at", "event_id"],
        event_source="web",
        mapping={**EVENT, "user.email": "email", "user.ip": "ip"},
        require_consent=True,
    )
    refresh_envelopes >> [send_through_liveramp, send_directly]


if __name__ == "__main__":
    dag.test()
