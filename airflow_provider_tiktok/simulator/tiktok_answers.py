# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0
"""How TikTok words its answers: the envelope, the request id, and the text of a refusal."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_tiktok.simulator.exchange import Reply, json_reply
from airflow_provider_tiktok.simulator.rulebook import MISSING, Path, Violation

OK = 0
PARTLY_OK = 20001
NO_PERMISSION = 40001
BAD_PARAMETER = 40002
NO_SUCH_OBJECT = 40007
NOT_HASHED = 40062
BAD_PARTNER = 40063
BAD_APP_CREDENTIALS = 40101
TOKEN_EXPIRED = 40102
TOKEN_EMPTY = 40104
TOKEN_UNKNOWN = 40105
NO_SUCH_ROUTE = 40400


class Refused(Exception):
    """The request is refused: TikTok's code, its message, and the HTTP status it comes with."""

    def __init__(self, code: int, message: str, http_status: int = 200) -> None:
        """Takes the three facts."""
        super().__init__(code, message, http_status)
        self.code = code
        self.message = message
        self.http_status = http_status


class RequestIds:
    """Gives request ids that begin with the time, as TikTok's do, and never repeat."""

    def __init__(self) -> None:
        """Starts counting."""
        self._numbers = itertools.count(1)

    def next(self, now: float) -> str:
        """Gives the next id for this time (seconds since the epoch)."""
        return time.strftime("%Y%m%d%H%M%S", time.gmtime(now)) + f"{next(self._numbers):020X}"


def envelope(
    request_id: str,
    *,
    code: int = OK,
    message: str = "OK",
    data: Mapping[str, Any] | None = None,
    http_status: int = 200,
    facts: Mapping[str, Any] | None = None,
) -> Reply:
    """Gives the reply every endpoint answers with (reference: response envelope, Events API 2.0)."""
    document = {"code": code, "message": message, "request_id": request_id, "data": data or {}}
    return json_reply(
        http_status,
        document,
        headers={"X-Tt-Logid": request_id},
        code=code,
        facts={"request_id": request_id, "message": message, **(facts or {})},
    )


def refusal(violation: Violation, *, index: int | None, style: str, echo: bool) -> Refused:
    """Gives the refusal for a broken rule.

    :param index: position of the event in ``data``; ``None`` if the rule is not about one event.
    :param style: how the message names the position, a key of ``NOTATIONS``.
    :param echo: the hostile setting: the message repeats the offending value.
    """
    word = NOTATIONS[style] if index is not None else NOTATIONS["none"]
    message = word(index or 0, violation)
    if echo:
        message += f" Got {json.dumps(violation.value, ensure_ascii=False)}."
    return Refused(NOT_HASHED if _is_unhashed(violation) else BAD_PARAMETER, message)


def _is_unhashed(violation: Violation) -> bool:
    is_digest = not {"digest", "digest_of_a_name"}.isdisjoint(violation.definitions)
    return is_digest and violation.keyword in {"pattern", "format"}


def _plain(_: int, violation: Violation) -> str:
    path = ".".join(str(part) for part in violation.path) or "request body"
    if violation.reason == MISSING:
        return f"Missing required field(s): {path}."
    return f"Invalid value for {path}: {violation.reason}."


def _brackets(index: int, violation: Violation) -> str:
    return f"data[{index}]{_bracketed(violation.path)}: {_sentence(violation)}"


def _dots(index: int, violation: Violation) -> str:
    return f"{'.'.join(map(str, ('data', index, *violation.path)))}: {_sentence(violation)}"


def _batch(index: int, violation: Violation) -> str:
    return f"{'.'.join(map(str, ('Batch', index, *violation.path)))}: {_sentence(violation)}"


def _bracketed(path: Path) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def _sentence(violation: Violation) -> str:
    if violation.reason == MISSING:
        return "Missing required field."
    return f"{violation.reason[:1].upper()}{violation.reason[1:]}."


# Whether and how the real API names the position is not documented: a client must cope with all of these.
NOTATIONS: Mapping[str, Callable[[int, Violation], str]] = {
    "none": _plain,
    "brackets": _brackets,
    "dots": _dots,
    "batch": _batch,
}
