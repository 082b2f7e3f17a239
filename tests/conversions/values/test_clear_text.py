# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest

from airflow_provider_tiktok.conversions.values import holds_email, mask_emails


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("jane@example.com", "{{e-mail removed}}"),
        ("order of jane.doe+x@shop.example.com, paid", "order of {{e-mail removed}}, paid"),
        (
            "https://example.com/?mail=jane@example.com&n=1",
            "https://example.com/?mail={{e-mail removed}}&n=1",
        ),
        ("https://example.com/?mail=jane%40example.com", "https://example.com/?mail={{e-mail removed}}"),
        ("https://jane:secret@example.com/", "https://{{e-mail removed}}/"),
        ("(mailto:jane@example.com)", "({{e-mail removed}})"),
        ("josé@example.com", "{{e-mail removed}}"),
        ("a@example.com b@example.com", "{{e-mail removed}} {{e-mail removed}}"),
        ("x a@@b@example.com y", "x a@@{{e-mail removed}} y"),
    ],
)
def test_an_address_is_found_and_masked(text: str, masked: str) -> None:
    """Wherever it stands, percent-encoded or not; the mask reads as an unresolved placeholder."""
    assert holds_email(text)
    assert mask_emails(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3 pairs @ 2.50",
        "@jane",
        "https://example.com/@jane.doe/post",
        "https://example.com/?q=100%25",
        "user@localhost",
        "%40",
    ],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    """An at sign alone is no address."""
    assert not holds_email(text)
    assert mask_emails(text) == text
