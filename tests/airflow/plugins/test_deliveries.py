# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from airflow.models import import_all_models
from airflow.models.asset import AssetEvent, AssetModel
from airflow.models.xcom import XComModel
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from airflow_provider_tiktok.plugins.history import History, is_elsewhere, read_history, read_receipt
from airflow_provider_tiktok.plugins.plain import render
from airflow_provider_tiktok.plugins.summary import Filter, summarise
from airflow_provider_tiktok.plugins.tiktok import TikTokDeliveriesPlugin

AIRFLOW = tuple(int(part) for part in version("apache-airflow").split(".")[:2])
PROJECT = Path(__file__).parents[3]
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
MARKUP = "<script>taken()</script>"

COUNTS = {"read": 10, "accepted": 7, "rejected": 2, "skipped": 1, "unconfirmed": 0, "undelivered": 0}
RECEIPT = {
    "schema": "tiktok-receipt/1",
    "destination": "TikTok",
    "event_source": "web",
    "event_source_id": "C4A1B2",
    **COUNTS,
    "eligible": 8,
    "match_keys": {"email": 8, "phone": 2},
}


@pytest.fixture
def session() -> Iterator[Session]:
    """A database with the three tables that the page reads, and nothing in them."""
    import_all_models()  # the tables refer to others
    engine = create_engine("sqlite://")
    for model in (XComModel, AssetModel, AssetEvent):
        model.__table__.create(engine)
    with Session(engine) as opened:
        yield opened
    engine.dispose()


def add_xcom(
    session: Session, value: Any, *, dag_id: str = "shop", hours_ago: float = 1, **names: Any
) -> None:
    number = session.query(XComModel).count() + 1
    known = {"task_id": "upload", "run_id": f"run-{number}", "key": "receipt", "map_index": -1, **names}
    at = NOW - timedelta(hours=hours_ago)
    session.add(XComModel(dag_run_id=number, dag_id=dag_id, value=value, timestamp=at, **known))
    session.flush()


def add_event(
    session: Session, extra: Any, *, hours_ago: float, run_id: str, uri: str = "tiktok://web/C4A1B2"
) -> None:
    asset = session.query(AssetModel).filter_by(uri=uri).one_or_none()
    if asset is None:
        asset = AssetModel(name=uri, uri=uri, group="asset", extra={})
        session.add(asset)
        session.flush()
    at = NOW - timedelta(hours=hours_ago)
    source = {
        "source_dag_id": "shop",
        "source_task_id": "upload",
        "source_run_id": run_id,
        "source_map_index": -1,
    }
    session.add(AssetEvent(asset_id=asset.id, extra=extra, timestamp=at, **source))
    session.flush()


def read(session: Session, **asked: Any) -> History:
    return read_history(session, **{"dag_ids": {"shop"}, "since": NOW - timedelta(days=30), **asked})


def told(
    session: Session, *, destination: str | None = None, outcome: str | None = None, **asked: Any
) -> Any:
    wanted = Filter(destination=destination, outcome=outcome)
    return summarise(read(session, **asked), wanted=wanted, offset=0, limit=100)


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        "",
        "text",
        "s3://bucket/xcom/1",
        [],
        {},
        {"status": "ok"},
        {**RECEIPT, "schema": "tiktok-receipt/2"},
        {**RECEIPT, "schema": None},
        {**RECEIPT, "accepted": "7"},
        {**RECEIPT, "accepted": 7.5},
        {**RECEIPT, "accepted": True},
        {**RECEIPT, "match_keys": ["email"]},
        {**RECEIPT, "match_keys": {"email": "all"}},
        {**RECEIPT, "violations": [{"rule": 1, "count": 1}]},
        {**RECEIPT, "dead_letter_path": {"path": "x"}},
        {name: value for name, value in RECEIPT.items() if name != "undelivered"},
        '{"schema": "tiktok-receipt/1"',
        "\ud800",
    ],
)
def test_what_is_no_receipt_is_not_shown(value: Any):
    """Anybody may write anything under a common key."""
    assert read_receipt(json.dumps(value)) is None
    assert read_receipt(json.dumps(json.dumps(value))) is None
    assert read_receipt(value if isinstance(value, str) else None) is None


def test_a_receipt_is_read_as_object_and_as_text():
    """Airflow's versions keep one or the other."""
    text = json.dumps({**RECEIPT, "something_newer": 1})
    assert read_receipt(text) == read_receipt(json.dumps(text)) is not None


def test_a_reference_is_stored_elsewhere():
    """What a custom XCom backend leaves is told apart from another provider's receipt."""
    values = ("s3://b/k", {"a": 1}, json.dumps({"a": 1}), 3, None, ["s3://b/k"])
    assert [is_elsewhere(json.dumps(value)) for value in values] == [True, False, False, False, False, False]


def test_only_dags_of_the_user_are_read(session: Session):
    """Neither in deliveries nor in choices."""
    add_xcom(session, RECEIPT)
    add_xcom(session, RECEIPT, dag_id="secret")
    add_xcom(session, {"server_events": 5}, dag_id="secret", key="tiktok_counted")
    page = told(session)
    assert ([found["dag_id"] for found in page["deliveries"]], page["choices"]["dags"]) == (
        ["shop"],
        ["shop"],
    )
    assert told(session, dag_ids=set())["total"] == 0
    assert told(session, dag_ids={"shop"}, dag_id="secret")["total"] == 0


def test_newest_come_first_and_old_ones_not_at_all(session: Session):
    """By the time at which the receipt was written."""
    for hours in (5, 1, 24 * 40, 3):
        add_xcom(session, RECEIPT, hours_ago=hours)
    assert [found["run_id"] for found in told(session)["deliveries"]] == ["run-2", "run-4", "run-1"]


def test_asset_events_outlive_cleared_receipts(session: Session):
    """The event of the receipt that is there counts once; those of tries before it are history."""
    add_xcom(session, RECEIPT, hours_ago=2, run_id="a")
    add_event(session, RECEIPT, hours_ago=1.99, run_id="a")
    add_event(session, {**RECEIPT, "accepted": 1}, hours_ago=9, run_id="a")
    add_event(session, {**RECEIPT, "accepted": 2}, hours_ago=8, run_id="cleared")
    add_event(session, {"note": "not ours"}, hours_ago=8, run_id="other")
    add_event(session, RECEIPT, hours_ago=8, run_id="s3", uri="s3://bucket/key")
    found = [(d["run_id"], d["accepted"], d["is_former"]) for d in told(session)["deliveries"]]
    assert found == [("a", 7, False), ("cleared", 2, True), ("a", 1, True)]
    assert told(session, with_assets=False)["total"] == 1


def test_figures_are_of_all_that_match(session: Session):
    """Not only of those on the first page."""
    for number in range(5):
        add_xcom(session, {**RECEIPT, "rejected": number % 2}, hours_ago=number)
    page = summarise(read(session), wanted=Filter(outcome="rejected"), offset=1, limit=1)
    assert (page["total"], len(page["deliveries"]), page["counts"]["accepted"]) == (2, 1, 14)


@pytest.mark.parametrize(
    ("receipt", "destination"),
    [
        (RECEIPT, "TikTok web C4A1B2"),
        ({**RECEIPT, "is_demo": True}, "TikTok web C4A1B2 (demo)"),
        ({**RECEIPT, "is_test": True}, "TikTok web C4A1B2 (test)"),
        (
            {
                "schema": "tiktok-receipt/1",
                "destination": "LiveRamp (its acceptance proves no delivery to TikTok)",
                **COUNTS,
            },
            "LiveRamp",
        ),
    ],
)
def test_destinations_are_told_apart(session: Session, receipt: dict[str, Any], destination: str):
    """What counts for no campaign is another destination than what does."""
    add_xcom(session, receipt)
    page = told(session, destination=destination)
    assert (page["total"], page["choices"]["destinations"]) == (1, [destination])
    assert told(session, destination="TikTok app 1")["total"] == 0


def test_days_add_up(session: Session):
    """Events by outcome, and the share of events that carry a key, by day of UTC."""
    add_xcom(session, RECEIPT, hours_ago=1)
    add_xcom(session, {**RECEIPT, "match_keys": {"email": 4}}, hours_ago=2)
    add_xcom(session, {**RECEIPT, "eligible": 0, "match_keys": {}}, hours_ago=30)
    page = told(session)
    assert [(day["day"], day["accepted"]) for day in page["days"]] == [("2026-11-26", 7), ("2026-11-27", 14)]
    assert page["coverage"] == {
        "keys": ["email", "phone"],
        "days": [{"day": "2026-11-27", "shares": {"email": 75.0, "phone": 12.5}}],
    }


def test_counts_of_tiktok_stand_beside_those_of_the_same_run(session: Session):
    """A count without an upload in its run, and one of another shape, is left out."""
    add_xcom(session, RECEIPT, run_id="a")
    sight = {"server_events": 6, "pixel_code": "C4A1B2", "first_day": "2026-11-27", "last_day": "2026-11-27"}
    add_xcom(session, sight, run_id="a", key="tiktok_counted", task_id="received")
    add_xcom(session, sight, run_id="b", key="tiktok_counted", task_id="received")
    add_xcom(session, {**sight, "server_events": "six"}, run_id="a", key="tiktok_counted", task_id="odd")
    add_xcom(session, None, run_id="a", key="tiktok_counted", task_id="none")
    (pair,) = told(session)["counted"]
    assert (pair["run_id"], pair["accepted"], pair["counted"]) == ("a", 7, 6)


def test_more_than_is_read_is_said(session: Session):
    """Figures that are not of all deliveries say so."""
    for _ in range(3):
        add_xcom(session, RECEIPT)
    assert told(session, limit=2)["is_cut"]
    assert not told(session, limit=10)["is_cut"]
    asked = {"days": 30, "dag_id": None, "destination": None, "outcome": None}
    for limit, is_said in ((2, True), (10, False)):
        html = render(told(session, limit=limit), asked=asked, offset=0, base="")
        assert ("Only the newest 5,000 deliveries are counted" in html) is is_said


def test_the_plain_page_escapes_what_it_shows(session: Session):
    """In every place that a text of XCom comes to."""
    finding = {"rule": MARKUP, "count": 1, "remedy": MARKUP}
    places = {"destination": MARKUP, "stopped_by": MARKUP, "dead_letter_path": MARKUP, "event_source": MARKUP}
    add_xcom(
        session, {**RECEIPT, **places, "violations": [finding], "match_keys": {MARKUP: 1}}, run_id=MARKUP
    )
    asked = {"days": 30, "dag_id": MARKUP, "destination": MARKUP, "outcome": MARKUP}
    html = render(told(session), asked=asked, offset=0, base="")
    assert html.count("<script") == 1  # its own
    assert html.count("&lt;script&gt;") >= 6


@pytest.mark.parametrize("path", ["/deliveries", "/deliveries.json"])
def test_a_fault_of_the_server_is_told_as_one(path: str, monkeypatch: pytest.MonkeyPatch):
    """No words of the fault leave: they are in the server's log. Patched: no auth manager fails on demand."""
    from airflow.api_fastapi.core_api.security import get_user
    from starlette.testclient import TestClient

    from airflow_provider_tiktok.plugins import page

    def fail() -> Any:
        raise RuntimeError(MARKUP)

    app = page.make_app(base="")
    app.dependency_overrides[get_user] = object
    monkeypatch.setattr(page, "get_auth_manager", fail)
    answer = TestClient(app, raise_server_exceptions=False).get(path)
    assert answer.status_code == 500
    assert ("Airflow answered HTTP 500. Try again later." in answer.text) is (path == "/deliveries")
    assert "taken" not in answer.text


def test_what_stopped_a_run_is_told_as_in_its_log(session: Session):
    """In words, also where Airflow itself ended the task."""
    add_xcom(session, {**RECEIPT, "stopped_by": "AirflowTaskTimeout"})
    assert told(session)["deliveries"][0]["stopped_by"] == "the task's time limit"


def test_long_texts_are_cut(session: Session):
    """One odd value makes no page of megabytes."""
    add_xcom(session, {**RECEIPT, "destination": "x" * 10_000})
    assert len(told(session)["deliveries"][0]["destination"]) == 300


def test_the_menu_has_one_entry():
    """A React page from Airflow 3.2 on, a plain one before."""
    react, plain = TikTokDeliveriesPlugin.react_apps, TikTokDeliveriesPlugin.external_views
    assert (len(react), len(plain)) == ((1, 0) if AIRFLOW >= (3, 2) else (0, 1))


def test_the_plugin_costs_other_processes_nothing():
    """Every process of Airflow imports it: of the page, nothing is loaded before the first request."""
    code = (
        "import sys; from airflow.providers.common.compat.sdk import AirflowPlugin, conf; before = set(sys.modules);"
        "import airflow_provider_tiktok.plugins.tiktok; print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=PROJECT, check=True, capture_output=True, text=True
    )
    loaded = done.stdout.splitlines()[-1].split()
    assert {name for name in loaded if name.startswith("airflow_provider_tiktok.")} == {
        "airflow_provider_tiktok.plugins",
        "airflow_provider_tiktok.plugins.tiktok",
    }
    assert not {"fastapi", "sqlalchemy", "msgspec"} & set(loaded)
