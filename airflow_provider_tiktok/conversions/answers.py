# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""What a remote API said of one request, in one shape for every API.

The room knows no API and no HTTP: return code tables produce these, the delivery engine reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from airflow_provider_tiktok.conversions.sealed import Sealed


class Verdict(StrEnum):
    """What the run should do about one answer."""

    ACCEPTED = "accepted"
    """Every event of the request was taken."""
    PARTIAL = "partial"
    """The events named in ``failed`` were refused, all others taken."""
    RETRY = "retry"
    """Nothing was taken; try again soon."""
    RETRY_SLOWLY = "retry_slowly"
    """Nothing was taken; try again after minutes."""
    AUTHORIZATION = "authorization"
    """The token is refused or may not do this: stop."""
    PAYLOAD = "payload"
    """At least one event of the request is wrong; nothing was taken: isolate it."""
    CONFIGURATION = "configuration"
    """The request itself is wrong, whatever its events: stop."""
    UNKNOWN = "unknown"
    """The answer is not understood: stop, and count the events as unconfirmed."""


class Answer(Sealed, frozen=True, kw_only=True):
    """One answer, classified.

    :param code: return code in the body, ``None`` where there is none.
    :param message: the API's words with everything that looks like a value taken out.
    :param failed: for ``PARTIAL``: place in the batch, from 0, to the API's words. An empty mapping means
        that the API named none.
    :param guilty: for ``PAYLOAD``: place in the batch, from 0, of the event the API named, or ``None``.
    :param hint: what a person can do about it, one sentence, empty where nothing is known.
    :param retry_after_s: seconds to wait before another try, where the server or the table names them.
    :param may_be_taken: for the verdicts that try again: the events may have been taken all the same, as
        after a gateway's 502 or a timeout inside the API.
    :param is_too_frequent: the request was refused because there were too many: nothing else is wrong.
    :param is_used_up: a limit of a minute or a day is used up: only the time in ``retry_after_s`` helps.
    :param names_event: for ``PAYLOAD``: whether the words are about an event - a place, a field, its size -
        and not perhaps about the request.
    :param may_be_one_event: for the verdicts that stop a run: whether one event may be the reason, as where a
        firewall dislikes its text.
    :param attempts: how many times the request was sent.
    :param was_lost_before: whether an earlier attempt of the same request lost its answer.
    """

    verdict: Verdict
    code: int | None = None
    message: str = ""
    hint: str = ""
    request_id: str | None = None
    http_status: int | None = None
    failed: Mapping[int, str] = {}
    guilty: int | None = None
    retry_after_s: float | None = None
    may_be_taken: bool = False
    is_too_frequent: bool = False
    is_used_up: bool = False
    names_event: bool = False
    may_be_one_event: bool = False
    attempts: int = 1
    was_lost_before: bool = False
