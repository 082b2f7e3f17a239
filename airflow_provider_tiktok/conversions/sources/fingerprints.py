# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Whether an input is the one of the last reading, told by one digest of the whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec


def fingerprint(items: Iterable[Any]) -> str | None:
    """One SHA-256 in hex over all items in their order, ``None`` where one has no lasting written form.

    The order of an item's keys does not count. An object that only shows its place in memory gives
    another digest in each process: then an input counts as changed, which is the safe side.
    """
    digest = hashlib.sha256()
    try:
        for item in items:
            digest.update(_ENCODER.encode(item))
            digest.update(b"\n")
    except (TypeError, ValueError, OverflowError, RecursionError):
        return None
    return digest.hexdigest()


def _written(value: Any) -> Any:
    """A value of a foreign type in a form that JSON has; arrays in full, since their text is abridged."""
    return value.tolist() if hasattr(value, "tolist") else f"{type(value).__name__} {value}"


_ENCODER = msgspec.json.Encoder(order="deterministic", enc_hook=_written)
