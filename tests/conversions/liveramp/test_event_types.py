# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest

from airflow_provider_tiktok.conversions.liveramp.event_types import (
    TIKTOK_TYPES,
    UNIVERSAL_TYPES,
    find_fault,
)


@pytest.mark.parametrize("name", sorted(TIKTOK_TYPES | UNIVERSAL_TYPES))
def test_liveramp_s_spelling_has_no_fault(name: str) -> None:
    """Every type that LiveRamp's pages name passes, strict or not."""
    assert find_fault(name, is_strict=True) is None


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("Checkout", "CheckOut"),
        ("checkout", "CheckOut"),
        ("LaunchApp", "LaunchAPP"),
        ("installApp", "InstallApp"),
        ("ADDTOCART", "AddToCart"),
        ("adclick", "AdClick"),
    ],
)
def test_a_wrong_case_is_refused_with_the_right_spelling(name: str, right: str) -> None:
    """TikTok's own Checkout is one of them; nothing is rewritten."""
    fault = find_fault(name)
    assert fault is not None
    assert fault.is_fatal
    assert fault.rule == "wrong_case"
    assert f"'{right}'" in fault.remedy


@pytest.mark.parametrize("is_strict", [False, True])
def test_an_unknown_type_is_told_and_refused_only_by_the_strict(is_strict: bool) -> None:
    """The published list is longer than what could be read."""
    fault = find_fault("Purchase", is_strict=is_strict)
    assert fault is not None
    assert (fault.rule, fault.is_fatal) == ("unknown_event_type", is_strict)
