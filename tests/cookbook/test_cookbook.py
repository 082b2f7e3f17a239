# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Every recipe of the cookbook sends what the page says, to a TikTok that judges by rules of its own."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from airflow_provider_tiktok import presets, simulator
from airflow_provider_tiktok.simulator import DEFAULT_TOKEN, Simulator
from tests.end_to_end.dag_runs import receipt_of, run_dag

SOURCE_IDS = {
    "pixel_code": simulator.DEFAULT_PIXEL_CODE,
    "tiktok_app_id": simulator.DEFAULT_TIKTOK_APP_ID,
    "offline_event_set_id": simulator.DEFAULT_OFFLINE_EVENT_SET_ID,
    "crm_event_set_id": simulator.DEFAULT_CRM_EVENT_SET_ID,
}
FOLDER = Path(__file__).parents[2] / "docs" / "cookbook"
PAGE = (FOLDER / "README.md").read_text()


def recipes() -> dict[str, dict[str, Any]]:
    """The recipes by the names of their files."""
    spec = importlib.util.spec_from_file_location("recipes", FOLDER / "recipes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = {
        name: value for name, value in vars(module).items() if name.isupper() and isinstance(value, dict)
    }
    return {name.lower(): value for name, value in found.items()}


RECIPES = recipes()


# All recipes as the tasks of one DAG, one behind the other, so that TikTok's ledger has their events in this order.
COOKBOOK = """
import sys
from airflow.providers.common.compat.sdk import DAG, chain
from airflow_provider_tiktok.transfers.files_to_tiktok import FilesToTikTokOperator

sys.path.insert(0, {folder!r})
import recipes

with DAG("cookbook", schedule=None) as dag:
    chain(*(
        FilesToTikTokOperator(
            task_id=name,
            trigger_rule="all_done",
            **{{"event_source": "web", **getattr(recipes, name.upper()), "path": f"{folder}/{{path}}"}},
        )
        for name, path in {paths!r}.items()
    ))
"""


class Sent(NamedTuple):
    """What became of a recipe: its receipt, and the events that TikTok took."""

    receipt: dict[str, Any]
    events: list[dict[str, Any]]


@pytest.fixture(scope="module")
def sent() -> Iterator[dict[str, Sent]]:
    """A run of the cookbook, from connection to ledger."""
    paths = {name: recipe["path"] for name, recipe in RECIPES.items()}
    with Simulator() as tiktok, pytest.MonkeyPatch.context() as environment:
        connection = {
            "conn_type": "tiktok",
            "host": tiktok.url,
            "password": DEFAULT_TOKEN,
            "extra": SOURCE_IDS,
        }
        environment.setenv("AIRFLOW_CONN_TIKTOK_DEFAULT", json.dumps(connection))
        run = run_dag(COOKBOOK.format(folder=str(FOLDER), paths=paths), dag_id="cookbook")
        events = map(json.loads, tiktok.ledger.payloads("live"))
        receipts = {name: receipt_of(run, task_id=name) for name in paths}
        yield {
            name: Sent(receipt, list(islice(events, receipt.get("accepted", 0))))
            for name, receipt in receipts.items()
        }


@pytest.mark.parametrize("name", RECIPES)
def test_recipe(name: str, sent: dict[str, Sent]) -> None:
    """Nothing is refused; the events that leave are those beside the sample, and rows left out are counted."""
    receipt, events = sent[name]
    expected = json.loads((FOLDER / f"{name}.sent.json").read_text())
    told = {key: receipt[key] for key in ("rows", "accepted", "rejected", "skipped")}
    told["dropped"] = {finding["rule"]: finding["count"] for finding in receipt["dropped"]}
    warnings = {finding["rule"]: finding["count"] for finding in receipt["warnings"]}
    told["warnings"] = {rule: count for rule, count in warnings.items() if "too_old" not in rule}
    assert told == expected["receipt"]
    assert events == expected["events"]


def test_a_sample_has_ten_rows() -> None:
    """Each in the shape of the real export."""
    counts = {}
    for name, recipe in RECIPES.items():
        lines = (FOLDER / recipe["path"]).read_text(encoding=recipe.get("encoding", "utf-8-sig")).splitlines()
        above = 1 + recipe.get("csv_skip_rows", 0) if recipe["path"].endswith(".csv") else 0
        counts[name] = len(lines) - above
    assert counts == dict.fromkeys(RECIPES, 10)


@pytest.mark.parametrize("name", RECIPES)
def test_the_page_shows_every_recipe(name: str) -> None:
    """With its sample and with what leaves."""
    assert f"({RECIPES[name]['path']})" in PAGE
    assert f"({name}.sent.json)" in PAGE


def test_presets_can_be_changed() -> None:
    """Each call gives a mapping of its own."""
    for preset in (
        presets.shopify_orders,
        presets.stripe_charges,
        presets.ga4_export,
        presets.segment_events,
    ):
        preset()["event_time"] = "changed"
        assert preset()["event_time"] != "changed"
