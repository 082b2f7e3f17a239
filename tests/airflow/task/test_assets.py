# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import DAG, Asset, AssetAlias

from airflow_provider_tiktok.assets.tiktok import convert_asset_to_openlineage, create_asset
from airflow_provider_tiktok.operators.tiktok import TikTokSendEventsOperator
from airflow_provider_tiktok.task.assets import report_asset

AIRFLOW = tuple(int(part) for part in version("apache-airflow").split(".")[:2])

TOLD = {"event_source": "web", "event_source_id": "C4A1B2", "accepted": 3, "request_ids": ["r"]}


class Accessor:
    """Stands in for Airflow's accessor of one outlet's events."""

    def __init__(self) -> None:
        self.added: list[tuple[str, dict[str, object]]] = []
        self.extra: dict[str, object] = {}

    def add(self, asset: Asset, extra: dict[str, object]) -> None:
        if not isinstance(asset, Asset):
            raise LookupError("no asset of this address is known")
        self.added.append((asset.uri, extra))


class Accessors(dict[str, Accessor]):
    """Stands in for ``context["outlet_events"]``, by the outlets' names."""

    def __getitem__(self, outlet: Asset | AssetAlias) -> Accessor:
        return self.setdefault(getattr(outlet, "name", None) or outlet.uri, Accessor())


@pytest.fixture
def alias(airflow_home: Path) -> AssetAlias:
    """An alias as a scheduler has stored it."""
    if AIRFLOW < (3, 0):
        with closing(sqlite3.connect(airflow_home / "airflow.db")) as database, database:
            database.execute("INSERT OR IGNORE INTO dataset_alias (name) VALUES ('tiktok_web_uploads')")
    return AssetAlias("tiktok_web_uploads")


def outlets_of(**arguments: object) -> list[object]:
    """The outlets of an operator with these arguments, by name or address."""
    with DAG("assets", schedule=None):
        operator = TikTokSendEventsOperator(task_id="send", **arguments)
    return [getattr(outlet, "uri", None) or outlet.name for outlet in operator.outlets]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("tiktok://web/C4A1B2", "tiktok://web/C4A1B2"),
        ("TikTok://WEB/C4A1B2/", "tiktok://web/C4A1B2"),
        ("tiktok://offline/7000000000000000021", "tiktok://offline/7000000000000000021"),
    ],
)
def test_spellings_of_an_address_are_one_asset(written: str, kept: str):
    """What differs only in spelling is the same asset."""
    assert getattr(Asset(uri=written), "normalized_uri", None) == kept


@pytest.mark.skipif(AIRFLOW < (3, 0), reason="Airflow 2 only warns of an address that is none")
@pytest.mark.parametrize(
    "written",
    [
        "tiktok://web",
        "tiktok://web/",
        "tiktok://shop/C4A1B2",
        "tiktok:///C4A1B2",
        "tiktok://web/C4A1B2/more",
        "tiktok://web/C4A1B2?pixel=1",
    ],
)
def test_an_address_that_is_none_is_refused(written: str):
    """A mistyped address would wait for ever for an upload: it fails where it is written."""
    with pytest.raises(ValueError, match="tiktok://web/PIXEL_CODE"):
        Asset(uri=written)


def test_openlineage_has_a_name_for_the_asset():
    """The same dataset as that of an upload's lineage."""
    pytest.importorskip("airflow.providers.openlineage")
    dataset = convert_asset_to_openlineage(create_asset(event_source="crm", event_source_id="70"), None)
    assert (dataset.namespace, dataset.name) == ("tiktok", "crm/70")


@pytest.mark.parametrize(
    ("arguments", "outlets"),
    [
        ({}, ["tiktok_web_uploads"]),
        ({"event_source": "crm"}, ["tiktok_crm_uploads"]),
        ({"event_source_id": "C4A1B2"}, ["tiktok_web_uploads"]),
        ({"event_source_id": "C4A1B2", "declare_asset": True}, ["tiktok://web/C4A1B2"]),
        ({"event_source_id": "{{ params.pixel }}", "declare_asset": True}, ["tiktok_web_uploads"]),
        ({"declare_asset": True}, ["tiktok_web_uploads"]),
        ({"report_asset": False}, []),
        ({"event_source": "no such source"}, []),
        ({"outlets": [Asset(uri="s3://bucket/key")]}, ["s3://bucket/key", "tiktok_web_uploads"]),
        (
            {
                "outlets": [Asset(uri="tiktok://web/C4A1B2")],
                "event_source_id": "C4A1B2",
                "declare_asset": True,
            },
            ["tiktok://web/C4A1B2"],
        ),
    ],
)
def test_outlets_say_what_an_upload_updates(arguments: dict[str, object], outlets: list[object]):
    """The asset itself where it is asked for and its id is written down, else the alias."""
    assert outlets_of(**arguments) == outlets


def test_default_arguments_are_not_changed():
    """Outlets that several tasks share stay as the DAG's author wrote them."""
    shared = [Asset(uri="s3://bucket/key")]
    outlets_of(outlets=shared)
    assert len(shared) == 1


def test_an_upload_is_reported_through_the_alias(alias: AssetAlias):
    """The event's extra holds the counts; ids of requests stay with the run."""
    events = Accessors()
    report_asset({"outlet_events": events}, outlets=[alias], told=TOLD)
    ((uri, extra),) = events.get("tiktok_web_uploads").added
    assert uri == "tiktok://web/C4A1B2"
    assert extra == {"event_source": "web", "event_source_id": "C4A1B2", "accepted": 3}


@pytest.mark.skipif(AIRFLOW >= (3, 1), reason="Airflow 3.1 and later take the extra as it is")
@pytest.mark.parametrize(
    "told",
    [
        {"reasons": {"repeat": 2}},
        {"reasons": {}},
        {"violations": [{"rule": "missing_value", "rows": [1, 2]}]},
        {"warnings": []},
        {"dropped": ({"rows": []},)},
        {"parts": {"complete": 2, "hosts": ["worker-1"]}},
    ],
)
def test_what_comes_through_an_alias_is_plain(told: dict[str, object], alias: AssetAlias):
    """Before 3.1 Airflow puts such events into a set: a list in the extra failed the task after its upload."""
    events = Accessors()
    report_asset({"outlet_events": events}, outlets=[alias], told=TOLD | told)
    ((_, extra),) = events.get("tiktok_web_uploads").added
    assert extra == {"event_source": "web", "event_source_id": "C4A1B2", "accepted": 3}


def test_a_declared_asset_gets_the_counts():
    """No second event comes through an alias."""
    events = Accessors()
    asset = Asset(uri="tiktok://web/C4A1B2")
    report_asset({"outlet_events": events}, outlets=[asset, AssetAlias("tiktok_web_uploads")], told=TOLD)
    assert events[asset].extra["accepted"] == 3
    assert sum(len(accessor.added) for accessor in events.values()) == 0


@pytest.mark.parametrize(
    ("context", "told"),
    [
        ({}, TOLD),
        ({"outlet_events": None}, TOLD),
        ({"outlet_events": Accessors()}, {"destination": "LiveRamp", "accepted": 1}),
        ({"outlet_events": object()}, TOLD),
    ],
)
def test_what_cannot_be_reported_fails_no_upload(context: dict[str, object], told: dict[str, object]):
    """The events are sent: an error here would send them again."""
    report_asset(context, outlets=[AssetAlias("tiktok_web_uploads")], told=told)
