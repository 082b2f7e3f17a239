# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What can be said of a token without sending an event, and what cannot.

TikTok has no call that tells whether a token is good. A token made in Events Manager may lack the
permission to read anything and still send, so a refused reading proves nothing against it; only the codes
that name the token itself do. The room judges what calls answered; it makes none.

Source: TikTok API for Business, "Authentication" and "Appendix - Return codes" (v1.3), read 2026-11. That an
empty list of events is refused only after the token was taken is this library's reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from msgspec import Struct


class ProbeVerdict(StrEnum):
    """What the calls say of a token, all together."""

    PROVED = "proved"
    """TikTok knows the token, and nothing speaks against it."""
    REFUSED = "refused"
    """TikTok refuses the token, or does not let it send."""
    INCONCLUSIVE = "inconclusive"
    """Neither is certain."""


class Claim(StrEnum):
    """What a person wants to know of a connection."""

    TOKEN = "TikTok knows the access token"  # noqa: S105  it is a sentence
    READ = "the token may read the advertiser's pixels"
    PIXEL = "the pixel belongs to the advertiser"
    SEND = "the token may send events to the pixel"


class Finding(Struct, frozen=True, kw_only=True):
    """What one call showed.

    :param call: path of the call.
    :param code: TikTok's return code, ``None`` where no readable answer came.
    :param is_silent: whether no answer came at all: further calls would only take time.
    :param why: of silence: where no answer came from, and what to look at.
    """

    call: str
    code: int | None
    is_silent: bool = False
    why: str = ""
    proves: frozenset[Claim] = frozenset()
    refutes: frozenset[Claim] = frozenset()


class Probe(Struct, frozen=True, kw_only=True):
    """The verdict on a token, with what it rests on."""

    verdict: ProbeVerdict
    findings: tuple[Finding, ...]

    @property
    def proved(self) -> tuple[str, ...]:
        """What is certain."""
        return _told(claim for finding in self.findings for claim in finding.proves)

    @property
    def refuted(self) -> tuple[str, ...]:
        """What is certainly not so."""
        return _told(claim for finding in self.findings for claim in finding.refutes)

    @property
    def not_proved(self) -> tuple[str, ...]:
        """What stays open."""
        known = {*self.proved, *self.refuted}
        return tuple(claim.value for claim in Claim if claim.value not in known)


def _told(claims: Iterable[Claim]) -> tuple[str, ...]:
    """The claims in their fixed order, each once."""
    found = set(claims)
    return tuple(claim.value for claim in Claim if claim in found)


TOKEN_REFUSED = frozenset({40102, 40104, 40105})
"""Return codes that speak of the token itself, not of what it may do."""

_Effect = tuple[frozenset[Claim], frozenset[Claim]]

# Path and code to what they prove and what they refute. A pair that is not here shows nothing.
_EFFECTS: Mapping[tuple[str, int], _Effect] = {
    ("user/info", 0): (frozenset({Claim.TOKEN}), frozenset()),
    ("pixel/list", 0): (frozenset({Claim.TOKEN, Claim.READ}), frozenset()),
    ("event/track", 0): (frozenset({Claim.TOKEN}), frozenset()),
    ("event/track", 40000): (frozenset({Claim.TOKEN}), frozenset()),
    ("event/track", 40002): (frozenset({Claim.TOKEN}), frozenset()),
    ("event/track", 40001): (frozenset(), frozenset({Claim.SEND})),
}


def read_finding(call: str, code: int | None, *, has_pixel: bool | None = None) -> Finding:
    """What a code says when it answers this call.

    :param call: ``user/info``, ``pixel/list``, or ``event/track`` without an event.
    :param has_pixel: for ``pixel/list``: whether the pixel is in the list.
    """
    if code in TOKEN_REFUSED:
        return Finding(call=call, code=code, refutes=frozenset({Claim.TOKEN, Claim.SEND}))
    proves, refutes = _EFFECTS.get((call, -1 if code is None else code), (frozenset(), frozenset()))
    if has_pixel is not None:
        pixel = frozenset({Claim.PIXEL})
        proves, refutes = (proves | pixel, refutes) if has_pixel else (proves, refutes | pixel)
    return Finding(call=call, code=code, proves=proves, refutes=refutes)


def judge(findings: Iterable[Finding]) -> Probe:
    """The verdict of all findings together; one refusal outweighs any proof."""
    found = tuple(findings)
    refuted = {claim for finding in found for claim in finding.refutes}
    proved = {claim for finding in found for claim in finding.proves}
    verdict = ProbeVerdict.INCONCLUSIVE
    if refuted & {Claim.TOKEN, Claim.SEND}:
        verdict = ProbeVerdict.REFUSED
    elif Claim.TOKEN in proved and not refuted:
        verdict = ProbeVerdict.PROVED
    return Probe(verdict=verdict, findings=found)
