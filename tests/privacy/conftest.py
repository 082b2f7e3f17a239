# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A real Airflow, TikTok and LiveRamp on loopback, and connections that hold planted secrets."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok import simulator as remote
from airflow_provider_tiktok.task.paths import as_path
from tests.end_to_end.dag_runs import migrated_home
from tests.object_storage import attach_memory
from tests.privacy.canaries import PEOPLE, SECRETS
from tests.webhook_receiver import Receiver, receiving

VALUES = {one.field: one.value for one in (*PEOPLE, *SECRETS)}


@pytest.fixture(scope="session", autouse=True)
def memory_storage() -> None:
    """An object storage that is there from the first test on, since Airflow remembers which there are."""
    attach_memory()


@pytest.fixture(scope="session")
def airflow_home() -> Path:
    """Airflow's home with a migrated database."""
    return migrated_home()


@pytest.fixture
def webhook() -> Iterator[Receiver]:
    """Where results are posted to."""
    with receiving() as running:
        yield running


@pytest.fixture
def simulator() -> Iterator[remote.Simulator]:
    """TikTok and LiveRamp, who know the planted token and the planted configuration id."""
    with remote.Simulator() as running:
        patch_simulator(running)
        yield running


def patch_simulator(running: remote.Simulator) -> None:
    """Let the planted credentials be the only ones that are good."""
    tokens, known = running.state["tiktok"]["tokens"], running.state["liveramp"]["configurations"]
    running.state.patch(
        {
            "tiktok": {
                "tokens": {
                    VALUES["access token"]: tokens[remote.DEFAULT_TOKEN],
                    remote.DEFAULT_TOKEN: None,
                }
            },
            "liveramp": {
                "configurations": {
                    VALUES["LiveRamp's configuration id"]: known[remote.DEFAULT_ATS_CONFIG_ID],
                    remote.DEFAULT_ATS_CONFIG_ID: None,
                }
            },
        }
    )


def connections(
    simulator: remote.Simulator, webhook: Receiver, folder: Path
) -> Mapping[str, Mapping[str, Any]]:
    """Connection id to its fields."""
    return {
        "tiktok_default": {
            "conn_type": "tiktok",
            "host": simulator.url,
            "password": VALUES["access token"],
            "extra": {
                "advertiser_id": remote.DEFAULT_ADVERTISER_ID,
                "pixel_code": remote.DEFAULT_PIXEL_CODE,
                "offline_event_set_id": remote.DEFAULT_OFFLINE_EVENT_SET_ID,
            },
        },
        "liveramp_default": {
            "conn_type": "liveramp",
            "host": simulator.url,
            "password": VALUES["LiveRamp's configuration id"],
            "extra": {
                "placement_id": str(remote.DEFAULT_PLACEMENT_ID),
                "origin": "https://shop.example.com",
                "secret_headers": {"X-Partner": VALUES["header for LiveRamp"]},
                "envelope_host": simulator.url,
            },
        },
        "hook": {"conn_type": "http", "host": webhook.url, "password": VALUES["secret of the webhook"]},
        "shop": {"conn_type": "sqlite", "host": str(folder / "shop.db")},
        "bank": {"conn_type": "http", "password": VALUES["password of another connection"]},
    }


@pytest.fixture
def planted(
    tmp_path: Path, simulator: remote.Simulator, webhook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """Writes the records into a folder, in every kind of source; gives the folder."""
    for conn_id, fields in connections(simulator, webhook, tmp_path).items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))

    def write(*, spoilt: bool = False) -> Path:
        write_sources(tmp_path, spoilt=spoilt, receiver=webhook.url)
        stored = json.loads((tmp_path / "stored_path.json").read_text())
        as_path(stored).write_text((tmp_path / "records.jsonl").read_text())
        return tmp_path

    return write


def record(*, event_time: Any = None, **changes: Any) -> dict[str, Any]:
    """An event with every planted value in it."""
    user = {
        name: VALUES[name]
        for name in (
            "email",
            "phone",
            "first_name",
            "last_name",
            "zip_code",
            "external_id",
            "ip",
            "user_agent",
            "ttclid",
            "ttp",
            "idfa",
        )
    }
    return {
        "event": "Purchase",
        "event_time": event_time or int(time.time()) - 600,
        "event_id": VALUES["event_id"],
        "user": {**user, "country": "US"},
        "page": {"url": f"https://shop.example.com/?basket={VALUES['page.url']}"},
        "properties": {"description": VALUES["properties.description"], "value": 9.5, "currency": "USD"},
        **changes,
    }


def spoilt(number: int) -> dict[str, Any]:
    """A record that is wrong in a way that might make somebody quote it."""
    everything = " ".join(one.value for one in PEOPLE)
    plain = " ".join(one.value for one in PEOPLE if one.in_letters)  # what leaves as it is holds no other
    return [
        record(event_time=f"when {everything} came"),
        record(event=plain),
        record(properties={"value": everything, "currency": everything, "description": plain}),
        record(page={"url": plain}),
        record(
            user={"email": everything, "phone": everything, "external_id": [everything], "ip": everything}
        ),
        record(user=everything),
        record(comment=VALUES["a column that is not known"]),
        record(lead={"lead_id": VALUES["lead_id"]}, event_id=plain),
        record(limited_data_use=everything),
    ][number]


SPOILT = 9


def asked_of_service(records: Any, *, receiver: str) -> dict[str, dict[str, Any]]:
    """Inputs for the service's DAG, by their names: with people in them, and with a token where none belongs."""
    user = {"email": "email", "phone": "phone", "externalId": "external_id", "ttclid": "ttclid", "ttp": "ttp"}
    user |= {"ipAddress": "ip", "userAgent": "user_agent", "orderId": "event_id"}
    common = {"demoMode": False, "webhookUrl": f"{receiver}/results?key={STORAGE_SECRET}"}
    page = f"https://shop.example.com/?basket={VALUES['page.url']}"
    event = {**{name: VALUES[field] for name, field in user.items()}, "eventSourceUrl": page, "value": 9.5}
    return {
        "one event": {"task": "send_event", **common, **event},
        "many events": {"task": "send_batch_events", **common, "events": json.dumps(records)},
        "a token": {"task": "list_pixels", **common, "my_tokan": VALUES["access token"]},
    }


STORAGE_SECRET = VALUES["secret in an object storage's address"]


def write_sources(folder: Path, *, spoilt: bool, receiver: str) -> None:
    """The records as JSON, JSON Lines, CSV and a table, and what else a DAG reads when it runs.

    :param receiver: address of the server that results are posted to.
    """
    from tests.privacy import conftest

    records = [conftest.spoilt(number) for number in range(SPOILT)] if spoilt else [record()]
    (folder / "records.json").write_text(json.dumps(records))
    lines = "".join(f"{json.dumps(one)}\n" for one in records)
    torn = f'{{"email": "{VALUES["email"]}", "phone": {VALUES["phone"]}\n' if spoilt else ""
    (folder / "records.jsonl").write_text(lines + torn)
    names = ("email", "phone", "first_name", "external_id", "zip_code", "event_id")
    row = {**{name: VALUES[name] for name in names}, "event_time": int(time.time()) - 600}
    if spoilt:
        row |= {"event_time": VALUES["email"]}
    with closing(sqlite3.connect(folder / "shop.db")) as database, database:
        database.execute(f"CREATE TABLE sales ({', '.join(row)})")
        database.execute(f"INSERT INTO sales VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
        database.execute("CREATE TABLE sessions (kind, at, id, envelope, session, url, total)")
        session = ("ViewContent", row["event_time"], VALUES["event_id"], VALUES["identity envelope"], "s-1")
        page = f"https://shop.example.com/?basket={VALUES['page.url']}"
        total = VALUES["email"] if spoilt else 9.5
        database.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?)", (*session, page, total))
        database.execute("CREATE TABLE kept (key PRIMARY KEY, envelope, refreshed_at, status)")
    (folder / "sales.csv").write_text(f"{','.join(row)}\n{','.join(map(str, row.values()))}\n")
    for name, address in _ADDRESSES.items():
        told = f"{address or receiver + '/results'}?key={STORAGE_SECRET}"
        (folder / f"{name}.json").write_text(json.dumps(told))
    (folder / "asked.json").write_text(json.dumps(asked_of_service(records, receiver=receiver)))
    (folder / "parameter.json").write_text(json.dumps(VALUES["parameter of a query"]))
    envelope = {
        "key": 1,
        "envelope": VALUES["identity envelope"],
        "refreshed_at": int(time.time()) - 2 * 86_400,
        "ip": VALUES["ip"],
        "ct": "3",
        "cv": "1YNN",
    }
    (folder / "envelopes.json").write_text(json.dumps([envelope]))
    event = {
        **record(user={"envelope": VALUES["identity envelope"], "session_id": "s-1"}),
        "event": "CompletePayment",
    }
    if spoilt:
        event["properties"] = {"value": VALUES["email"]}
    (folder / "liveramp.json").write_text(json.dumps([event]))
    (folder / "liveramp.jsonl").write_text(f"{json.dumps(event)}\n")


_ADDRESSES = {
    "stored_path": "memory://bucket/day.jsonl",
    "stored_letters": "memory://bucket/letters.jsonl",
    "webhook_url": "",
}
"""Name of a file to the address in it, which has a secret in its query; none: the receiver's."""
