# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Every recipe of the cookbook sends what the page says, to a TikTok that judges by rules of its own."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tiktok import presets
from airflow_provider_tiktok.simulator import Simulator
from airflow_provider_tiktok.transfers.files_to_tiktok import FilesToTikTokOperator
from tests.airflow.running import Task

FOLDER = Path(__file__).parents[2] / "docs" / "cookbook"
PAGE = (FOLDER / "README.md").read_text()


def recipes() -> dict[str, dict[str, Any]]:
    """The recipes by the names of their files."""
    spec = importlib.util.spec_from_file_location("recipes", FOLDER / "recipes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = {name: value for name, value in vars(module).items() if name.isupper() and name != "SKIP"}
    return {name.lower(): value for name, value in found.items()}


RECIPES = recipes()


@pytest.mark.parametrize("name", RECIPES)
def test_recipe(name: str, tiktok: Simulator, tmp_path: Path) -> None:
    """Nothing is refused; the events that leave are those beside the sample, and rows left out are counted."""
    recipe, task = RECIPES[name], Task()
    operator = FilesToTikTokOperator(
        task_id="send",
        **{"event_source": "web", **recipe, "path": FOLDER / recipe["path"]},
        dead_letter_path=tmp_path / "letters.jsonl",
    )
    receipt = operator.execute(task.context)
    expected = json.loads((FOLDER / f"{name}.sent.json").read_text())
    told = {key: receipt[key] for key in ("rows", "accepted", "rejected", "skipped")}
    told["dropped"] = {finding["rule"]: finding["count"] for finding in receipt["dropped"]}
    warnings = {finding["rule"]: finding["count"] for finding in receipt["warnings"]}
    told["warnings"] = {rule: count for rule, count in warnings.items() if "too_old" not in rule}
    assert told == expected["receipt"]
    sent = [json.loads(payload) for payload in tiktok.ledger.payloads("live")]
    assert sent == expected["events"]


def test_a_sample_has_ten_rows() -> None:
    """Each in the shape of the real export."""
    counts = {
        name: json.loads((FOLDER / f"{name}.sent.json").read_text())["receipt"]["rows"] for name in RECIPES
    }
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
