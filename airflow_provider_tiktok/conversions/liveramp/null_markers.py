# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Words that stand where nothing is known. No envelope, key or consent string is one of them."""

from __future__ import annotations

import re
from typing import Final

_WORDS: Final = (
    "null none nil nan nat na nv void undef undefined unknown unset missing empty blank unavailable notset "
    "notavailable notapplicable notprovided notspecified notfound novalue nodata dbnull"
)
_MARKERS: Final = frozenset(_WORDS.split())


def is_null_marker(text: str | None) -> bool:
    r"""Whether the text says that there is nothing, however that is spelled: ``\N``, ``<NA>``, ``(not set)``.

    So does text without a letter or a digit other than 0: ``-``, ``0``, an all-zero UUID.
    """
    if text is None:
        return True
    word = re.sub(r"[\W_]+", "", text[:64]).casefold()
    return not word.strip("0") or word in _MARKERS or text.strip() == r"\N"
