# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest

from airflow_provider_tiktok.conversions.tiktok.probe import (
    Claim,
    Finding,
    Probe,
    ProbeVerdict,
    judge,
    read_finding,
)


def probe(*findings: Finding) -> Probe:
    """What these findings say together."""
    return judge(findings)


@pytest.mark.parametrize(
    ("findings", "verdict"),
    [
        ([], ProbeVerdict.INCONCLUSIVE),
        ([("user/info", 0)], ProbeVerdict.PROVED),
        ([("user/info", 40105)], ProbeVerdict.REFUSED),
        ([("user/info", 40104)], ProbeVerdict.REFUSED),
        ([("user/info", 40102)], ProbeVerdict.REFUSED),
        # a token that may only send is refused here, and is good
        ([("user/info", 40001)], ProbeVerdict.INCONCLUSIVE),
        ([("user/info", 50000)], ProbeVerdict.INCONCLUSIVE),
        ([("user/info", None)], ProbeVerdict.INCONCLUSIVE),
        ([("user/info", 40001), ("pixel/list", 40001)], ProbeVerdict.INCONCLUSIVE),
        ([("user/info", 40001), ("event/track", 40002)], ProbeVerdict.PROVED),
        ([("user/info", 40001), ("event/track", 40000)], ProbeVerdict.PROVED),
        ([("user/info", 40001), ("event/track", 0)], ProbeVerdict.PROVED),
        ([("user/info", 0), ("event/track", 40001)], ProbeVerdict.REFUSED),
        ([("user/info", 0), ("event/track", 40105)], ProbeVerdict.REFUSED),
        ([("user/info", None), ("event/track", None)], ProbeVerdict.INCONCLUSIVE),
        ([("user/info", 0), ("event/track", 12345)], ProbeVerdict.PROVED),
    ],
)
def test_verdict(findings: list[tuple[str, int | None]], verdict: ProbeVerdict) -> None:
    """Only codes that name the token refuse it; one refusal outweighs any proof."""
    assert probe(*[read_finding(call, code) for call, code in findings]).verdict is verdict


def test_pixel_found() -> None:
    """A pixel in the advertiser's list is proved with the right to read it."""
    found = probe(read_finding("pixel/list", 0, has_pixel=True))
    assert found.verdict is ProbeVerdict.PROVED
    assert found.proved == (Claim.TOKEN, Claim.READ, Claim.PIXEL)
    assert found.not_proved == (Claim.SEND,)


def test_pixel_not_found() -> None:
    """A pixel that is not the advertiser's leaves a good token with an open question."""
    found = probe(read_finding("user/info", 0), read_finding("pixel/list", 0, has_pixel=False))
    assert found.verdict is ProbeVerdict.INCONCLUSIVE
    assert found.refuted == (Claim.PIXEL,)


@pytest.mark.parametrize("code", [0, 40000, 40002])
def test_sending_is_never_proved(code: int) -> None:
    """Without an event nobody can know that events are taken, and nobody claims it."""
    found = probe(read_finding("event/track", code))
    assert Claim.SEND in found.not_proved
