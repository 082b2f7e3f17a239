# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The errors of the library, named by what a run should do about them.

::

    ConversionsError
    ├─ ConfigurationError     a person must fix a setting: fail the task, retrying cannot help
    ├─ EventError             one event is at fault: it goes to the dead letters, the run goes on
    ├─ RequestError           one request failed; carries code, request_id, http_status, attempts
    │   ├─ TransientError     worth another try later; carries retry_after_s where the server named one
    │   ├─ UnconfirmedError   sent and the answer lost: send again with the same ids
    │   ├─ AuthorizationError the token is refused: stop the run, retrying cannot help
    │   └─ ProtocolError      the answer makes no sense: stop the run
    └─ DeliveryError          the run did not keep its promise; carries the receipt

Texts begin with what to do, then say what happened and where. They never hold a body, a header, a URL query,
an identifier or a secret: facts travel as attributes. All survive pickling, since Airflow passes errors
between processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any


class ConversionsError(Exception):
    """Anything that went wrong in this library.

    Every fact beside the text is optional and set as an attribute, which is what lets the default
    pickling of exceptions (rebuild from the text, then restore the attributes) carry all of them.
    """


class ConfigurationError(ConversionsError):
    """A setting is wrong; a person must change it before another try makes sense.

    :param code: the API's return code where the API found the fault, ``None`` where we did.
    :param request_id: the API's id of the refused request, ``None`` where none was sent.
    :param attempts: requests sent before the fault was known, 0 where none was.
    :param is_unconfirmed: whether an earlier attempt of the same request lost its answer, so that
        its events may have been accepted.
    :param may_be_one_event: whether one event of the request may be the reason.
    """

    def __init__(
        self,
        message: str,
        *,
        code: int | None = None,
        request_id: str | None = None,
        attempts: int = 0,
        is_unconfirmed: bool = False,
        may_be_one_event: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.request_id = request_id
        self.attempts = attempts
        self.is_unconfirmed = is_unconfirmed
        self.may_be_one_event = may_be_one_event


class EventError(ConversionsError):
    """One event or one value cannot be sent as it is.

    :param rule: short stable name of the broken rule, for counting.
    :param remedy: what a person can do about it.
    :param path: event path such as ``user.email``; empty where the caller knows it.
    """

    def __init__(self, rule: str, *, remedy: str = "", path: str = "") -> None:
        super().__init__(rule)
        self.rule = rule
        self.remedy = remedy
        self.path = path


class RequestError(ConversionsError):
    """One request failed.

    :param code: return code of the API, ``None`` where no readable answer came.
    :param request_id: the API's id of the request, ``None`` where unknown.
    :param http_status: HTTP status, ``None`` where no answer came.
    :param attempts: how many times the request was sent.
    :param is_unconfirmed: whether any attempt may have been accepted without our knowing it.
    :param may_be_one_event: whether one event of the request may be the reason.
    """

    def __init__(
        self,
        message: str,
        *,
        code: int | None = None,
        request_id: str | None = None,
        http_status: int | None = None,
        attempts: int = 1,
        is_unconfirmed: bool = False,
        may_be_one_event: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.request_id = request_id
        self.http_status = http_status
        self.attempts = attempts
        self.is_unconfirmed = is_unconfirmed
        self.may_be_one_event = may_be_one_event


class TransientError(RequestError):
    """The request failed for now; another try later may succeed.

    :param retry_after_s: seconds to wait, where the server or the code table names them.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.retry_after_s = retry_after_s


class UnconfirmedError(RequestError):
    """The request was sent and its answer was lost; sending it again with the same ids is safe."""

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message, **{**facts, "is_unconfirmed": True})


class AuthorizationError(RequestError):
    """The API refuses the token, or the token may not do this."""


class ProtocolError(RequestError):
    """The API answered something this library does not know; nothing is assumed of it."""


class DeliveryError(ConversionsError):
    """A run ended with more rejected events than its threshold allows, or with events not delivered.

    :param receipt: the run's receipt as a plain dictionary: counts and ids of requests, no events.
    :param samples: a few violations or codes with row numbers, without values.
    """

    def __init__(
        self, message: str, *, receipt: Mapping[str, Any] | None = None, samples: Sequence[str] = ()
    ) -> None:
        super().__init__(message)
        self.receipt = dict(receipt or {})
        self.samples = tuple(samples)
