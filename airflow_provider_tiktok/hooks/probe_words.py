# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The result of a connection test in one sentence, in the words of the connection form.

The connection under test has an id of Airflow's own making, so no id is named here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_tiktok.conversions.errors import ConversionsError
    from airflow_provider_tiktok.conversions.tiktok.probe import Probe

_REFUSED = (
    "TikTok refuses the access token: make a new one in Events Manager (Settings > Generate Access Token) "
    "and put it into Access token"
)
_MAY_NOT_SEND = (
    "This token may not send to the pixel: correct Pixel code, or put the token of this pixel into "
    "Access token"
)
_OTHER_PIXEL = (
    "TikTok takes the access token, but the pixel is not the advertiser's: correct Pixel code or "
    "Advertiser id"
)
_OPEN = "Nothing is proved, as TikTok's answers say nothing of the token: send a test event to learn more"
_TEST_EVENT = "send a test event to prove that events arrive"


def in_one_sentence(probe: Probe, *, has_pixel: bool, has_advertiser: bool) -> str:
    """What is proved and what to do next, with TikTok's codes in brackets.

    :param has_pixel: here and below: whether the connection names one.
    """
    silence = next((one.why for one in probe.findings if one.is_silent), "")
    codes = ", ".join(f"{one.call} {one.code}" for one in probe.findings if one.code is not None)
    said = silence or _finding(probe, has_pixel=has_pixel, has_advertiser=has_advertiser)
    return f"{said} ({codes})." if codes else f"{said}."


def of_error(error: ConversionsError, *, conn_id: str | None) -> str:
    """What is wrong with the connection's fields, without its id."""
    return str(error).replace(f" of connection {conn_id!r}", "")


def _finding(probe: Probe, *, has_pixel: bool, has_advertiser: bool) -> str:
    from airflow_provider_tiktok.conversions.tiktok.probe import Claim, ProbeVerdict

    if Claim.TOKEN in probe.refuted:
        return _REFUSED
    if Claim.SEND in probe.refuted:
        return _MAY_NOT_SEND
    if Claim.PIXEL in probe.refuted:
        return _OTHER_PIXEL
    if probe.verdict is not ProbeVerdict.PROVED:
        return _OPEN
    if Claim.PIXEL in probe.proved:
        return f"TikTok takes the access token, and the pixel is the advertiser's: {_TEST_EVENT}"
    missing = [name for name, is_there in _fields(has_pixel, has_advertiser) if not is_there]
    if missing:
        fields = " and ".join(missing)
        return f"TikTok takes the access token: fill in {fields} to check the pixel, or {_TEST_EVENT}"
    return (
        f"TikTok takes the access token, which may not list pixels; it may send all the same: {_TEST_EVENT}"
    )


def _fields(has_pixel: bool, has_advertiser: bool) -> tuple[tuple[str, bool], ...]:
    return ("Pixel code", has_pixel), ("Advertiser id", has_advertiser)
