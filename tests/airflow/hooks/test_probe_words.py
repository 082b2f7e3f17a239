# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What people read after they press Test."""

from __future__ import annotations

import pytest

from airflow_provider_tiktok.conversions.errors import ConfigurationError
from airflow_provider_tiktok.conversions.tiktok.probe import Finding, judge, read_finding
from airflow_provider_tiktok.hooks.probe_words import in_one_sentence, of_error

KNOWN = read_finding("user/info", 0)
MAY_NOT_READ = read_finding("user/info", 40001)
SILENT = Finding(call="user/info", code=None, is_silent=True, why="Check that h:443 can be reached: refused")


@pytest.mark.parametrize(
    ("findings", "words", "codes"),
    [
        ([read_finding("user/info", 40105)], "put it into Access token", "user/info 40105"),
        ([MAY_NOT_READ, read_finding("event/track", 40001)], "correct Pixel code, or", "event/track 40001"),
        (
            [KNOWN, read_finding("pixel/list", 0, has_pixel=False)],
            "correct Pixel code or Advertiser id",
            "pixel/list 0",
        ),
        ([KNOWN, read_finding("pixel/list", 0, has_pixel=True)], "send a test event", "pixel/list 0"),
        (
            [MAY_NOT_READ, read_finding("pixel/list", 40001), read_finding("event/track", 40002)],
            "may not list pixels",
            "event/track 40002",
        ),
        ([SILENT], "Check that h:443 can be reached: refused.", ""),
        ([KNOWN, SILENT], "Check that h:443 can be reached: refused (user/info 0).", ""),
        ([read_finding("user/info", 50000)], "Nothing is proved", "user/info 50000"),
        ([], "Nothing is proved", ""),
    ],
)
def test_one_sentence_says_what_is_proved_and_what_to_do(
    findings: list[Finding], words: str, codes: str
) -> None:
    """One sentence, with the fields as the form labels them, and TikTok's codes for its support."""
    told = in_one_sentence(judge(findings), has_pixel=True, has_advertiser=True)
    assert words in told
    assert codes in told
    assert told.endswith(".")
    assert ". " not in told


def test_a_wrong_field_is_told_without_the_connection_s_id() -> None:
    """Airflow tests under an id of its own making; another error stays as it is."""
    error = ConfigurationError("Write text in the field 'Base URL' ('host') of connection 'x1'.")
    assert of_error(error, conn_id="x1") == "Write text in the field 'Base URL' ('host')."
    assert of_error(ConfigurationError("Set it."), conn_id="x1") == "Set it."
