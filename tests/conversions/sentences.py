# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Whether an error that was composed of parts reads as sentences."""

from __future__ import annotations

import re

_ODD = re.compile(r"[:;,]\s*[.:;,]|\s[.:;?](?!\w)|\s,|\s\s|[.?]{2}|[^.?] Found in")


def reads_well(text: str) -> bool:
    """Whether the text is made of sentences, each with its end, and of no part that is empty.

    What stands in quotes is somebody's name for something.
    """
    told = re.sub("'[^']*'", "x", text)
    return told[0].isupper() and told[-1] in ".?" and not _ODD.search(told)
