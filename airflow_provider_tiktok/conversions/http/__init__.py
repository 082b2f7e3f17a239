# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""One HTTP exchange, and the retry loop around it, for every API.

Whether, how long, how random, which attempt: each is one small function in here. Nothing knows an API,
and nothing shows a body, a header or a query to logs and errors.
"""

from airflow_provider_tiktok.conversions.http.attempts import Exchange, ask, exchange
from airflow_provider_tiktok.conversions.http.connection import RequestsTransport
from airflow_provider_tiktok.conversions.http.echoes import Echoes
from airflow_provider_tiktok.conversions.http.messages import (
    AnswerLost,
    HttpReply,
    HttpRequest,
    NotSent,
    Transport,
    TransportError,
    Wait,
    find_header,
    wait_unstopped,
)
from airflow_provider_tiktok.conversions.http.pace import MOST_IN_FLIGHT, Pace
from airflow_provider_tiktok.conversions.http.rate_limit import RateLimit, RateLimited
from airflow_provider_tiktok.conversions.http.retry import (
    Random,
    RetryPolicy,
    delay_s,
    judge_status,
    read_retry_after,
)
from airflow_provider_tiktok.conversions.http.wording import describe

__all__ = [
    "MOST_IN_FLIGHT",
    "AnswerLost",
    "Echoes",
    "Exchange",
    "HttpReply",
    "HttpRequest",
    "NotSent",
    "Pace",
    "Random",
    "RateLimit",
    "RateLimited",
    "RequestsTransport",
    "RetryPolicy",
    "Transport",
    "TransportError",
    "Wait",
    "ask",
    "delay_s",
    "describe",
    "exchange",
    "find_header",
    "judge_status",
    "read_retry_after",
    "wait_unstopped",
]
