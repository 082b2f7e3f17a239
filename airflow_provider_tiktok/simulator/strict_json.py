# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""JSON read without mercy: what two readers could understand in two ways is refused.

Refused besides plain syntax errors: bytes that are not UTF-8, a byte order mark, a key twice in one object,
``NaN`` and ``Infinity``, numbers too large for a double, half of a surrogate pair.
"""

from __future__ import annotations

import json
import math
from typing import Any

from airflow_provider_tiktok.simulator.exchange import JsonObject


class NotJson(ValueError):
    """The text is not JSON that can be understood in only one way; the message says why."""


def read_json(text: bytes | str) -> Any:
    """Gives the JSON value of a text.

    :raises NotJson: with a reason that repeats nothing of the text.
    """
    try:
        decoded = text if isinstance(text, str) else text.decode("utf-8")
        value = _DECODER.decode(decoded)
        if "\\u" in decoded:  # only an escape can bring half of a surrogate pair past the UTF-8 check
            json.dumps(value, ensure_ascii=False).encode()
    except NotJson:
        raise
    except UnicodeError as error:
        raise NotJson("not valid UTF-8") from error
    except RecursionError as error:
        raise NotJson("nested too deeply") from error
    except ValueError as error:
        raise NotJson("not valid JSON") from error
    return value


def _object_of(pairs: list[tuple[str, Any]]) -> JsonObject:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise NotJson("a key stands twice in one object")
    return document


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise NotJson("a number is not finite")
    return number


def _refuse_constant(_: str) -> Any:
    raise NotJson("a number is not finite")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object_of, parse_float=_finite, parse_constant=_refuse_constant
)
